/* Where bounded dims may be.  Memory is laid out for the bound, with constant strides, so an axis can end early only
 * where nothing stands before it: it is the first that is longer than 1.  The operators below know that. */
#include "ir/bounded.h"
#include "backend/lower.h"

static bool refuse(const Node *node, const Type *type, Diag *diag)
{
    const Dim *dim = NULL;
    for (int axis = type->rank - 1; axis >= 0; axis--)
        if (!dim_is_fixed(&type->dim[axis])) dim = &type->dim[axis];
    diag_error(diag, E0308, node_span(node), "%s: no code for the bounded dim %s of %s", node_def(node)->name,
               dim_text(diag->arena, dim), type_text(diag->arena, type));
    return diag_help(diag,
                     "fix it, as in --dim %s=%lld; code knows bounded dims along the first axis that is longer "
                     "than 1",
                     dim->name, (long long)dim->high);
}

static bool is_outermost(const Type *type)
{
    bool first = true, good = true;
    for (int axis = 0; axis < type->rank; axis++) {
        good = good && (first || dim_is_fixed(&type->dim[axis]));
        first = first && type->dim[axis].high == 1;
    }
    return good;
}

static bool axes_are_fixed(const Type *type, int first, int last)
{
    bool fixed = true;
    for (int axis = first < 0 ? 0 : first; axis < last && axis < type->rank; axis++)
        fixed = fixed && dim_is_fixed(&type->dim[axis]);
    return fixed;
}

/* Rows of a product end early, or its images; not what is summed, nor its columns. */
static bool contracts_fixed(const Node *node)
{
    const Type *x = value_type(node->inputs[0]), *weight = value_type(node->inputs[1]);
    Contraction shape;
    node_def(node)->contract(node, &shape);
    if (contraction_is_image(&shape, node)) return axes_are_fixed(x, 1, 4) && type_is_fixed(weight);
    bool batched = weight->rank > 2;
    return axes_are_fixed(x, x->rank - 1, x->rank) && axes_are_fixed(weight, weight->rank - 2, weight->rank) &&
           (batched || type_is_fixed(weight));
}

/* Boxes that are as long as the whole along each bounded axis. */
static bool pieces_fixed(const Node *node)
{
    Piece piece;
    const Type *type = &node->types[0];
    for (int64_t i = 0; node_def(node)->piece(node, i, &piece); i++)
        for (int axis = 0; axis < type->rank; axis++) {
            if (dim_is_fixed(&type->dim[axis])) continue;
            const Type *from = piece.operand >= 0 ? value_type(node->inputs[piece.operand]) : NULL;
            bool whole = piece.begin[axis] == 0 && piece.size[axis] == type->dim[axis].high;
            if (!whole || (from && !dim_equal(&from->dim[axis], &type->dim[axis]))) return false;
        }
    return true;
}

static bool index_fixed(const Node *node)
{
    Indexing indexing;
    const Type *type = value_type(node->inputs[0]);
    node_def(node)->index(node, &indexing);
    for (int axis = 0; axis < indexing.rank; axis++)
        if (indexing.axis[axis] < 0 && !dim_is_fixed(&type->dim[axis])) return false;
    return true;
}

/* Their loops over sequences follow the first axis, and an LSTM's over steps. */
static bool nest_fixed(const Node *node)
{
    bool known = node->op == OP_lstm_recurrence || node->op == OP_attention;
    for (int i = 0; known && i < node->ninputs; i++) {
        const Type *type = node->inputs[i].node ? value_type(node->inputs[i]) : NULL;
        bool steps = node->op == OP_lstm_recurrence && type && axes_are_fixed(type, type->rank - 1, type->rank);
        known = !type || type_is_fixed(type) || steps || (type->rank >= 2 && axes_are_fixed(type, 1, type->rank));
    }
    return known;
}

static bool kind_is_able(const Node *node)
{
    const Type *x = node->ninputs && node->inputs[0].node ? value_type(node->inputs[0]) : NULL;
    switch (node_def(node)->kind) {
    case KIND_VIEW:
    case KIND_WINDOW: return node_is_uniform(node) && (node_def(node)->kind == KIND_VIEW || axes_are_fixed(x, 1, 4));
    case KIND_ROW: return axes_are_fixed(x, x->rank - 1, x->rank);
    case KIND_CONTRACT: return contracts_fixed(node);
    case KIND_PIECES: return pieces_fixed(node);
    case KIND_INDEX: return index_fixed(node);
    case KIND_NEST: return nest_fixed(node);
    case KIND_MAP:
    case KIND_REDUCE: /* the outermost axis may be one of those that are reduced */
    case KIND_IOTA:
    case KIND_LOOP: /* its turns are fixed, says its rule */
    case KIND_SOURCE: return true;
    default: return false;
    }
}

static bool check_node(const Node *node, Diag *diag)
{
    const Type *found = NULL;
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node && !type_is_fixed(value_type(node->inputs[i]))) found = value_type(node->inputs[i]);
    for (int i = 0; i < node->nresults; i++) {
        if (!is_outermost(&node->types[i])) return refuse(node, &node->types[i], diag);
        if (!type_is_fixed(&node->types[i])) found = &node->types[i];
    }
    return !found || kind_is_able(node) || refuse(node, found, diag);
}

bool lower_can_bound(const Graph *graph, Diag *diag)
{
    bool good = true;
    if (!graph_root(graph)->ndims) return true;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node_def(node)->kind != KIND_GROUP) good = check_node(node, diag) && good;
        for (int i = 0; i < node->nregions; i++) good = lower_can_bound(node->regions[i], diag) && good;
    }
    return good;
}
