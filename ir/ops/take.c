/* Elements at computed places: the one indexed read that gathers of every kind are made of. */
#include "ir/ops/make.h"

enum { DATA, FIRST_INDEX };

static bool refuse_from(const Node *node, Diag *diag)
{
    diag_error(diag, E0404, node_span(node),
               "take: expected in `from` one number for each axis of %s, -1 as often as there are indices, and axes of "
               "the result elsewhere, each once",
               operand_text(node, DATA, diag->arena));
    return diag_help(diag, "from[i] is the axis of the result whose coordinate is read along axis i of x");
}

/* Which axes of the result are coordinates of x goes to seen[]. */
static bool check_from(const Node *node, int rank, bool *seen, Diag *diag)
{
    const IntList *from = &((const TakeAttrs *)node->attrs)->from;
    int indices = 0;
    if (from->count != operand_type(node, DATA)->rank) return refuse_from(node, diag);
    for (int i = 0; i < from->count; i++) {
        int64_t axis = from->at[i];
        if (axis < -1 || axis >= rank || (axis >= 0 && seen[axis])) return refuse_from(node, diag);
        if (axis < 0)
            indices++;
        else
            seen[axis] = true;
    }
    return indices == node->ninputs - FIRST_INDEX || refuse_from(node, diag);
}

static bool check_indices(const Node *node, Type *out, Diag *diag)
{
    *out = *operand_type(node, FIRST_INDEX);
    for (int i = FIRST_INDEX; i < node->ninputs; i++) {
        const Type *index = operand_type(node, i);
        if (!need_indices(node, i, diag)) return false;
        if (index->rank == out->rank && shape_broadcast(out, index, out)) continue;
        diag_error(diag, E0301, node_span(node), "take: the shapes of %s and %s do not fit each other",
                   operand_text(node, FIRST_INDEX, diag->arena), operand_text(node, i, diag->arena));
        return diag_help(diag, "all indices have the result's rank, and 1 or its size along each axis");
    }
    return true;
}

static bool infer_take(const Node *node, Type *out, Diag *diag)
{
    const Type *data = operand_type(node, DATA);
    const IntList *from = &((const TakeAttrs *)node->attrs)->from;
    bool seen[MAX_RANK] = {false};
    if (!check_indices(node, out, diag) || !check_from(node, out->rank, seen, diag)) return false;
    for (int i = 0; i < from->count; i++) {
        if (!dim_is_fixed(&data->dim[i])) return refuse_from(node, diag);
        if (from->at[i] < 0) continue;
        Dim *dim = &out->dim[from->at[i]];
        bool fits = dim_is_fixed(dim) && (dim->high == 1 || dim->high == data->dim[i].high);
        if (!fits) {
            diag_error(diag, E0301, node_span(node), "take: axis %d of %s is read along axis %d of %s", i,
                       operand_text(node, DATA, diag->arena), (int)from->at[i],
                       operand_text(node, FIRST_INDEX, diag->arena));
            return diag_help(diag, "the index has the same size there, or 1");
        }
        *dim = data->dim[i];
    }
    out->dtype = data->dtype;
    return need_sane(node, out, diag);
}

static void index_take(const Node *node, Indexing *out)
{
    const IntList *from = &((const TakeAttrs *)node->attrs)->from;
    *out = (Indexing){.rank = from->count};
    int operand = FIRST_INDEX;
    for (int i = 0; i < from->count; i++) {
        out->axis[i] = (int)from->at[i];
        out->operand[i] = from->at[i] < 0 ? operand++ : 0;
    }
}

const OpDef op_take = {
    .name = "take",
    .doc = "Elements of x, each at the coordinates that indices and its own place say. Negative indices count from the "
           "end; what is outside even so is taken from the nearest end, so that nothing else is ever read.",
    .kind = KIND_INDEX,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "any shape"},
                                  {.name = "index",
                                   .flags = OPERAND_VARIADIC | OPERAND_INDEX,
                                   .doc = "of one axis of x each, with as many axes as the result: 1 or its size"}},
    .attrs = ATTRS(TakeAttrs,
                   ATTR(TakeAttrs, from, .kind = ATTR_INTS, .flags = ATTR_REQUIRED, .low = -1, .high = MAX_RANK - 1,
                        .doc = "for each axis of x the result's axis that is its coordinate, or -1 for the "
                               "next index")),
    .infer = infer_take,
    .index = index_take,
};
