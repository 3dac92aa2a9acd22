#include "passes/report_sparsity.h"
#include "ir/packing_sparse.h"
#include "ir/strips.h"
#include "passes/schedule.h"
#include "passes/variants.h"

#include <inttypes.h>

/* ---- what pattern zeros have ---- */

static int64_t zeros_of(const Tensor *weight)
{
    int64_t count = 0;
    for (int64_t i = 0, n = type_elements(&weight->type); i < n; i++) count += tensor_real(weight, i) == 0;
    return count;
}

/* Of every `of` neighbours along the reduction at most `keep` are not zero. */
static bool has_pattern(const Tensor *weight, int64_t keep, int64_t of)
{
    int64_t columns = weight->type.dim[weight->type.rank - 1].high, rows = type_elements(&weight->type) / columns;
    if (rows % of) return false;
    for (int64_t row = 0; row < rows; row += of)
        for (int64_t column = 0; column < columns; column++) {
            int64_t kept = 0;
            for (int64_t i = 0; i < of; i++) kept += tensor_real(weight, (row + i) * columns + column) != 0;
            if (kept > keep) return false;
        }
    return true;
}

/* Zeros all lie in blocks of one input x the panel. */
static bool is_in_blocks(const Tensor *weight, const SparseFacts *facts, int64_t zeros)
{
    int64_t columns = weight->type.dim[weight->type.rank - 1].high, rows = type_elements(&weight->type) / columns;
    int64_t held = 0;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t first = 0; first < columns; first += facts->panel) {
            int64_t none = 0, width = columns - first < facts->panel ? columns - first : facts->panel;
            for (int64_t i = 0; i < width; i++) none += tensor_real(weight, row * columns + first + i) == 0;
            if (none == width) held += width;
        }
    return held == zeros;
}

static const char *pattern_of(Arena *arena, const Tensor *weight, const SparseFacts *facts, int64_t zeros)
{
    static const int64_t patterns[][2] = {{1, 4}, {2, 4}, {1, 2}, {4, 8}};
    if (!zeros) return "none";
    if (is_in_blocks(weight, facts, zeros)) return arena_printf(arena, "1x%" PRId64 " blocks", facts->panel);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (has_pattern(weight, patterns[i][0], patterns[i][1]))
            return arena_printf(arena, "%" PRId64 ":%" PRId64, patterns[i][0], patterns[i][1]);
    return "single";
}

/* ---- what the schedule made of it ---- */

typedef struct Choice {
    const SparseFacts *facts;
    int64_t zeros;
    bool fast, sparse, possible;
    double direct_cost, sparse_cost;
} Choice;

static const char *reason_of(Arena *arena, const Choice *c)
{
    double filled = 100 * (double)c->facts->filled / (double)c->facts->blocks;
    const char *blocks = arena_printf(arena, "%.0f%% of 1x%" PRId64 " blocks left", filled, c->facts->panel);
    if (!c->zeros) return "there is nothing to skip";
    if (!c->possible) return "nothing is left";
    if (c->sparse) return blocks;
    if (!c->fast) return "--fp=strict keeps every product";
    if (c->sparse_cost < c->direct_cost) return "another code is cheaper still";
    return arena_printf(arena, "%s: too many", blocks);
}

static void print_layer(const Node *node, const PassContext *context, Arena *arena, FILE *out)
{
    Group group = group_of(node);
    SparseFacts facts;
    if (!sparse_facts(&group, context->target, &facts)) return;
    const Node *weight = group.anchor->inputs[1].node;
    PassContext fast = *context;
    Schedule direct, sparse;
    fast.fast = true;
    variant_direct(&group, &fast, &direct);
    Choice c = {.facts = &facts, .zeros = zeros_of(weight->data), .fast = context->fast, .direct_cost = direct.cost};
    c.possible = variant_sparse(&group, &fast, &sparse);
    c.sparse = node->schedule->variant == VARIANT_SPARSE;
    c.sparse_cost = c.possible ? sparse.cost : 0;
    double share = 100 * (double)c.zeros / (double)type_elements(&weight->types[0]);
    fprintf(out, "%-16s %6.2f%% %-11s %9" PRId64 " %9" PRId64 " %-8s %8.0f", node->name, share,
            pattern_of(arena, weight->data, &facts, c.zeros), type_bytes(&weight->types[0]),
            place_bytes(weight->places, &weight->types[0]), variant_names[node->schedule->variant], c.direct_cost);
    if (c.possible)
        fprintf(out, " %8.0f", c.sparse_cost);
    else
        fprintf(out, " %8s", "-");
    fprintf(out, "  %s\n", reason_of(arena, &c));
}

static void print_layers(const Graph *graph, const PassContext *context, Arena *arena, FILE *out)
{
    for (const Node *node = leaf_first(graph); node; node = leaf_next(node)) print_layer(node, context, arena, out);
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; node_is_control(node) && i < node->nregions; i++)
            print_layers(node->regions[i], context, arena, out);
}

void report_sparsity(const Graph *graph, const PassContext *context, FILE *out)
{
    Arena *arena = arena_child(graph->arena);
    fprintf(out, "%-16s %7s %-11s %9s %9s %-8s %8s %8s  %s\n", "layer", "zeros", "pattern", "bytes", "stored",
            "variant", "cycles", "skipping", "why");
    print_layers(graph, context, arena, out);
    arena_free(arena);
}
