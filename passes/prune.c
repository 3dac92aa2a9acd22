/* Magnitude pruning: of each layer that the policy names, the smallest weights become zero (Han et al. 2015), one by
 * one, in blocks by their norm, or all but the N largest of every M along the reduction.  After scales were folded,
 * so that what is dropped is what would have run. */
#include "ir/policy.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A weight as the contraction reads it: reduction x outputs. */
typedef struct Matrix {
    const Tensor *tensor;
    int64_t rows, columns;
} Matrix;

static Matrix matrix_of(const Tensor *tensor)
{
    int64_t columns = tensor->type.dim[tensor->type.rank - 1].high;
    return (Matrix){tensor, type_elements(&tensor->type) / columns, columns};
}

/* ---- which elements ---- */

/* What is kept or dropped together. */
typedef struct Candidate {
    double size; /* norm, squared */
    int64_t index;
} Candidate;

/* The smallest first; of equals the first in memory, so that the choice is the same everywhere. */
static int compare(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* What is no number has no size to be judged by: it stays as long as anything. */
static double square(const Matrix *m, int64_t row, int64_t column)
{
    double element = tensor_real(m->tensor, row * m->columns + column);
    return isnan(element) ? INFINITY : element * element;
}

/* Block `index` of those that lie row by row: its corner. */
static void block_corner(const Matrix *m, const PruneRow *how, int64_t index, int64_t *row, int64_t *column)
{
    int64_t across = m->columns / how->block_columns;
    *row = index / across * how->block_rows;
    *column = index % across * how->block_columns;
}

static double block_norm(const Matrix *m, const PruneRow *how, int64_t index)
{
    int64_t row, column;
    double sum = 0;
    block_corner(m, how, index, &row, &column);
    for (int64_t r = 0; r < how->block_rows; r++)
        for (int64_t c = 0; c < how->block_columns; c++) sum += square(m, row + r, column + c);
    return sum;
}

static void drop_block(Tensor *out, const Matrix *m, const PruneRow *how, int64_t index)
{
    int64_t row, column;
    block_corner(m, how, index, &row, &column);
    for (int64_t r = 0; r < how->block_rows; r++)
        for (int64_t c = 0; c < how->block_columns; c++) tensor_set_real(out, (row + r) * m->columns + column + c, 0);
}

/* Exactly the share of the blocks that was asked for, to the nearest whole number. */
static void drop_blocks(Tensor *out, const Matrix *m, const PruneRow *how, Arena *scratch)
{
    int64_t count = m->rows / how->block_rows * (m->columns / how->block_columns);
    Candidate *blocks = ARENA_ARRAY(scratch, Candidate, count);
    for (int64_t i = 0; i < count; i++) blocks[i] = (Candidate){block_norm(m, how, i), i};
    qsort(blocks, (size_t)count, sizeof *blocks, compare);
    int64_t dropped = llround(how->sparsity * (double)count);
    for (int64_t i = 0; i < dropped; i++) drop_block(out, m, how, blocks[i].index);
}

/* Of every `of` neighbours along the reduction the `keep` largest stay. */
static void drop_pattern(Tensor *out, const Matrix *m, const PruneRow *how, Arena *scratch)
{
    Candidate *run = ARENA_ARRAY(scratch, Candidate, how->of);
    for (int64_t column = 0; column < m->columns; column++)
        for (int64_t row = 0; row < m->rows; row += how->of) {
            for (int64_t i = 0; i < how->of; i++)
                run[i] = (Candidate){square(m, row + i, column), (row + i) * m->columns + column};
            qsort(run, (size_t)how->of, sizeof *run, compare);
            for (int64_t i = 0; i < how->of - how->keep; i++) tensor_set_real(out, run[i].index, 0);
        }
}

/* ---- what may be asked for ---- */

static bool refuse(const PruneRow *how, Diag *diag, const char *expected, const char *found, const char *help)
{
    diag_error(diag, E0404, how->at, "prune %s: expected %s, found %s", how->layer, expected, found);
    return diag_help(diag, "%s", help);
}

static bool check_pattern(const PruneRow *how, Diag *diag)
{
    enum { MOST = 4096 };
    bool fits = how->keep >= 1 && how->keep <= how->of && how->of <= MOST;
    if (fits) return true;
    return refuse(how, diag, "a pattern N:M with N from 1 to M",
                  arena_printf(diag->arena, "%lld:%lld", (long long)how->keep, (long long)how->of),
                  "as in pattern: 2:4, which keeps two of every four");
}

static bool check_row(const PruneRow *how, Diag *diag)
{
    if (how->of) return check_pattern(how, diag);
    if (!(how->sparsity >= 0 && how->sparsity <= 1))
        return refuse(how, diag, "a sparsity from 0% to 100%", arena_printf(diag->arena, "%g", how->sparsity),
                      "as in sparsity: 80%, of which one weight in five is left");
    if (how->block_rows >= 1 && how->block_columns >= 1) return true;
    return refuse(how, diag, "a block of inputs x outputs",
                  arena_printf(diag->arena, "%lldx%lld", (long long)how->block_rows, (long long)how->block_columns),
                  "as in block: 1x16");
}

static bool divides(const PruneRow *how, const Matrix *m, Diag *diag)
{
    int64_t rows = how->of ? how->of : how->block_rows, columns = how->of ? 1 : how->block_columns;
    if (m->rows % rows == 0 && m->columns % columns == 0) return true;
    return refuse(
        how, diag,
        arena_printf(diag->arena, "weights that %s divides",
                     how->of ? arena_printf(diag->arena, "a run of %lld", (long long)rows)
                             : arena_printf(diag->arena, "a block of %lldx%lld", (long long)rows, (long long)columns)),
        arena_printf(diag->arena, "%lld inputs a sum and %lld outputs", (long long)m->rows, (long long)m->columns),
        "a divisor of both; or 1x1, each weight by itself");
}

/* ---- layers ---- */

/* The weight of a contraction, when it is known; else a value without node. */
static Value weight_of(const Node *node)
{
    Value none = {NULL, 0};
    if (node_def(node)->kind != KIND_CONTRACT) return none;
    Value weight = node->inputs[1];
    const Tensor *elements = constant_elements(weight);
    return elements && elements->type.rank >= 2 && dtype_is_float(elements->type.dtype) ? weight : none;
}

/* The layer that is called so, or all below that path; its weight is, whatever became of the nodes' names. */
static bool is_below(const Node *weight, const char *layer)
{
    size_t length = strlen(layer);
    const char *name = weight->name;
    return !strcmp(layer, "all") || (!strncmp(name, layer, length) && (!name[length] || name[length] == '.'));
}

static const PruneRow *row_for(const Policy *policy, const Node *weight)
{
    const PruneRow *found = NULL;
    for (int i = 0; i < policy->nprune; i++)
        if (is_below(weight, policy->prune[i].layer)) found = &policy->prune[i];
    return found;
}

static bool prune_weight(Graph *graph, Node *weight, const PruneRow *how, Diag *diag)
{
    const Tensor *dense = constant_elements(value_of(weight));
    Matrix m = matrix_of(dense);
    if (!divides(how, &m, diag)) return false;
    Tensor *out = ARENA_NEW(graph->arena, Tensor);
    *out = tensor_new(graph->arena, dense->type);
    memcpy(out->data, dense->data, (size_t)type_bytes(&dense->type));
    Arena *scratch = arena_child(graph->arena);
    if (how->of)
        drop_pattern(out, &m, how, scratch);
    else
        drop_blocks(out, &m, how, scratch);
    arena_free(scratch);
    NodeSpec spec = {.op = OP_constant,
                     .name = weight->name,
                     .type = weight->types,
                     .data = out,
                     .origin = weight->origin,
                     .before = weight->next};
    Node *pruned = graph_add(graph, &spec, diag);
    if (!pruned) return false;
    const char *name = weight->name;
    graph_replace(graph, value_of(weight), value_of(pruned));
    graph_remove(graph, weight);
    graph_rename(pruned, name);
    return true;
}

/* A row that no weight answers to: the layer is unknown, or has none. */
static bool check_named(const Graph *graph, const PruneRow *how, Diag *diag)
{
    const char **names = NULL;
    size_t count = 0, capacity = 0;
    bool known = false;
    for (const Node *node = graph->first; node; node = node->next) {
        known = known || is_below(node, how->layer);
        const Node *weight = weight_of(node).node;
        if (!weight) continue;
        if (is_below(weight, how->layer)) return true;
        const char *end = strrchr(weight->name, '.'); /* of s2.0.a.weight */
        names = arena_grow(diag->arena, names, count, &capacity, sizeof *names);
        names[count++] =
            arena_copy_chars(diag->arena, weight->name, end ? (size_t)(end - weight->name) : strlen(weight->name));
    }
    diag_error(diag, E0201, how->at,
               known ? "prune: layer '%s' has no weights that are known" : "prune: there is no layer '%s'", how->layer);
    const char *near = known ? NULL : diag_nearest(how->layer, names, count);
    return near ? diag_help(diag, "did you mean '%s'?", near)
                : diag_help(diag, "layers with parameters can be pruned: convolutions, dense and products");
}

bool pass_prune(Graph *graph, const PassContext *context, Diag *diag)
{
    const Policy *policy = context->policy;
    bool good = true;
    if (!policy || !policy->nprune) return true;
    for (int i = 0; i < policy->nprune; i++)
        good = check_row(&policy->prune[i], diag) && check_named(graph, &policy->prune[i], diag) && good;
    for (Node *node = graph->first; good && node; node = node->next) {
        Value weight = weight_of(node);
        const PruneRow *how = weight.node ? row_for(policy, weight.node) : NULL;
        if (how) good = prune_weight(graph, weight.node, how, diag);
    }
    return good;
}
