/* Which layers a policy means: contractions with constant weights, by their paths. */
#include "passes/quantise.h"
#include "passes/rewrite.h"

#include <string.h>

enum { DEEPEST = 32767 }; /* 255 * 127 each, and a bias of 2^30: always less than 2^31 */

static bool starts_path(const char *path, const char *prefix)
{
    size_t length = strlen(prefix);
    return !strncmp(path, prefix, length) && (!path[length] || path[length] == '.');
}

const char *quantise_layer_path(Arena *arena, const Node *contraction)
{
    static const char suffix[] = ".weight";
    const char *weight = contraction->inputs[1].node->name;
    size_t length = strlen(weight), end = sizeof suffix - 1;
    if (length > end && !strcmp(weight + length - end, suffix)) return arena_copy_chars(arena, weight, length - end);
    return contraction->name;
}

static bool is_layer(const Node *node)
{
    if (node_def(node)->kind != KIND_CONTRACT || !constant_elements(node->inputs[1])) return false;
    Contraction c;
    node_def(node)->contract(node, &c);
    return !c.batched_weight && value_type(node->inputs[1])->rank >= 2;
}

static int64_t depth_of(const Node *node)
{
    Contraction c;
    node_def(node)->contract(node, &c);
    return c.window.kernel[0] * c.window.kernel[1] * (c.in_channels / c.window.groups);
}

static bool can_be(const Node *node, Diag *diag)
{
    if (node->types[0].dtype != F32) return false;
    for (int i = 2; i < node->ninputs; i++)
        if (node->inputs[i].node && !constant_elements(node->inputs[i])) return false;
    if (depth_of(node) <= DEEPEST) return true;
    diag_warning(diag, E0702, node_span(node), "`%s` stays f32: %lld products of 8 bits may not fit a sum of i32",
                 node->name, (long long)depth_of(node));
    return false;
}

static bool row_names(const QuantRow *row, const Node *node, Arena *arena)
{
    return !strcmp(row->layer, "all") || starts_path(quantise_layer_path(arena, node), row->layer) ||
           starts_path(node->name, row->layer);
}

static bool refuse_row(const Graph *graph, const QuantRow *row, Arena *arena, Diag *diag)
{
    size_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) count += is_layer(node);
    const char **paths = ARENA_ARRAY(arena, const char *, count + 1);
    count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (is_layer(node)) paths[count++] = quantise_layer_path(diag->arena, node);
    diag_error(diag, E0201, row->at, "quantize: there is no layer with parameters called `%s`", row->layer);
    const char *near = diag_nearest(row->layer, paths, count);
    if (near) return diag_help(diag, "did you mean `%s`?", near);
    return diag_help(diag, "layers are called as in the text, a whole block by its path, every one `all`");
}

bool quantise_choose(const Graph *graph, const Policy *policy, NodeMap *choices, Arena *arena, Diag *diag)
{
    bool *used = ARENA_ARRAY(arena, bool, policy->nquant + 1), good = true;
    for (const Node *node = graph->first; node; node = node->next) {
        const QuantRow *last = NULL;
        if (!is_layer(node)) continue;
        for (int i = 0; i < policy->nquant; i++) {
            if (!row_names(&policy->quant[i], node, arena)) continue;
            last = &policy->quant[i];
            used[i] = true;
        }
        if (!last || last->to != I8 || !can_be(node, diag)) continue;
        LayerChoice *choice = ARENA_NEW(arena, LayerChoice);
        choice->per_channel = last->per_channel;
        *node_map_cell(choices, node) = (intptr_t)choice;
    }
    for (int i = 0; i < policy->nquant; i++)
        if (!used[i] && strcmp(policy->quant[i].layer, "all") != 0)
            good = refuse_row(graph, &policy->quant[i], arena, diag);
    return good;
}
