/* Rows of a policy, and whether they fit a model. */
#include "frontend/deploy.h"
#include "ir/op.h"

#include <string.h>

int64_t deploy_unit_bytes(double real, const char *unit)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(units[i].name, unit) && real * units[i].bytes <= 0x1p50) return (int64_t)(real * units[i].bytes);
    return -1;
}

/* Rows are few: each addition copies them. */
static void *add_row(Arena *arena, const void *rows, int *count, const void *row, size_t size)
{
    char *more = arena_array(arena, (size_t)*count + 1, size);
    if (*count) memcpy(more, rows, (size_t)*count * size);
    memcpy(more + (size_t)*count * size, row, size);
    ++*count;
    return more;
}

void deploy_add_quant(Arena *arena, Policy *policy, QuantRow row)
{
    policy->quant = add_row(arena, policy->quant, &policy->nquant, &row, sizeof row);
}

void deploy_add_prune(Arena *arena, Policy *policy, PruneRow row)
{
    policy->prune = add_row(arena, policy->prune, &policy->nprune, &row, sizeof row);
}

void deploy_add_calibrate(Arena *arena, Policy *policy, CalibrateRow row)
{
    policy->calibrate = add_row(arena, policy->calibrate, &policy->ncalibrate, &row, sizeof row);
}

const char *deploy_prune_problem(const PruneRow *row)
{
    if (row->of || row->keep) {
        if (row->keep < 1 || row->of < 2 || row->keep >= row->of || row->of > 64)
            return "a pattern keeps at least one of at most 64, and fewer than all";
        return NULL;
    }
    if (!(row->sparsity > 0 && row->sparsity < 1)) return "a sparsity is more than 0% and less than 100%";
    if (row->block_rows < 1 || row->block_columns < 1 || row->block_rows > 1024 || row->block_columns > 1024)
        return "a block is between 1x1 and 1024x1024";
    return NULL;
}

/* ---- beside a model ---- */

typedef struct Names {
    const char **at;
    size_t count, room;
} Names;

/* Layers that have parameters, and the paths above them: `s2.0.a.weight` is of `s2.0.a`, `s2.0` and `s2`. */
static Names layer_names(Arena *arena, const Graph *graph)
{
    Names names = {NULL, 0, 0};
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_param) continue;
        for (size_t length = strlen(node->name); length; length--) {
            if (node->name[length] != '.') continue;
            const char *name = arena_copy_chars(arena, node->name, length);
            if (names.count && !strcmp(names.at[names.count - 1], name)) continue;
            names.at = arena_grow(arena, names.at, names.count, &names.room, sizeof *names.at);
            names.at[names.count++] = name;
        }
    }
    return names;
}

static bool check_layer(const Names *names, const char *layer, const char *model, Span at, Diag *diag)
{
    if (!strcmp(layer, "all")) return true;
    for (size_t i = 0; i < names->count; i++)
        if (!strcmp(names->at[i], layer)) return true;
    const char *near = diag_nearest(layer, names->at, names->count);
    diag_error(diag, E0201, at, "the model '%s' has no layer with parameters '%s'", model, layer);
    if (near) return diag_help(diag, "did you mean %s?", near);
    return diag_help(diag, "write all, or a layer's path as `lepc dump --after=expand` shows it");
}

static bool check_input(const Graph *graph, const CalibrateRow *row, Diag *diag)
{
    const char *names[64];
    size_t count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input && count < 64) names[count++] = node->name;
    bool found = !row->input && count == 1;
    for (size_t i = 0; row->input && i < count; i++) found = found || !strcmp(names[i], row->input);
    if (found) return true;
    if (!row->input) {
        diag_error(diag, E0403, row->at, "the model '%s' has %zu inputs: whose data is it?", graph->name, count);
        return diag_help(diag, "name each: calibrate: \"a.npy\" input: %s, \"b.npy\" input: %s", names[0], names[1]);
    }
    const char *near = diag_nearest(row->input, names, count);
    diag_error(diag, E0201, row->at, "the model '%s' has no input '%s'", graph->name, row->input);
    return near ? diag_help(diag, "did you mean %s?", near) : false;
}

bool deploy_check(const Policy *policy, const Graph *graph, Diag *diag)
{
    Names names = layer_names(graph->arena, graph);
    int errors = diag->errors;
    for (int i = 0; i < policy->nquant; i++)
        check_layer(&names, policy->quant[i].layer, graph->name, policy->quant[i].at, diag);
    for (int i = 0; i < policy->nprune; i++)
        check_layer(&names, policy->prune[i].layer, graph->name, policy->prune[i].at, diag);
    for (int i = 0; i < policy->ncalibrate; i++) check_input(graph, &policy->calibrate[i], diag);
    return diag->errors == errors;
}
