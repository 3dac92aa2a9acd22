/* Updates at computed places: the one indexed write that scatters of every kind are made of. */
#include "ir/ops/make.h"

enum { DATA, UPDATE, FIRST_INDEX };

const char *const meeting_words[] = {"none", "add", "mul", "min", "max", NULL};

static bool refuse_from(const Node *node, Diag *diag)
{
    diag_error(diag, E0404, node_span(node),
               "put: expected in `from` one number for each axis of %s, -1 as often as there are indices, and axes of "
               "the update elsewhere, each once",
               operand_text(node, DATA, diag->arena));
    return diag_help(diag, "from[i] is the axis of the update whose coordinate is that along axis i of x");
}

/* Each axis of x is an axis of the update, which is no larger, or has the next index. */
static bool check_from(const Node *node, Diag *diag)
{
    const IntList *from = &((const PutAttrs *)node->attrs)->from;
    const Type *data = operand_type(node, DATA), *update = operand_type(node, UPDATE);
    bool seen[MAX_RANK] = {false};
    int indices = 0;
    if (from->count != data->rank) return refuse_from(node, diag);
    for (int i = 0; i < from->count; i++) {
        int64_t axis = from->at[i];
        if (axis < -1 || axis >= update->rank || (axis >= 0 && seen[axis])) return refuse_from(node, diag);
        indices += axis < 0;
        if (axis < 0) continue;
        seen[axis] = true;
        if (update->dim[axis].high <= data->dim[i].high) continue;
        diag_error(diag, E0301, node_span(node), "put: axis %d of %s is written along axis %d of %s", (int)axis,
                   operand_text(node, UPDATE, diag->arena), i, operand_text(node, DATA, diag->arena));
        return diag_help(diag, "the update is no larger there");
    }
    return indices == node->ninputs - FIRST_INDEX || refuse_from(node, diag);
}

static bool check_indices(const Node *node, Diag *diag)
{
    const Type *update = operand_type(node, UPDATE);
    for (int i = FIRST_INDEX; i < node->ninputs; i++) {
        const Type *index = operand_type(node, i);
        Type both = type_scalar(update->dtype);
        if (!need_fixed(node, i, diag) || !need_indices(node, i, diag)) return false;
        if (index->rank == update->rank && shape_broadcast(update, index, &both) && type_same_shape(&both, update))
            continue;
        diag_error(diag, E0301, node_span(node), "put: the shapes of %s and %s do not fit each other",
                   operand_text(node, UPDATE, diag->arena), operand_text(node, i, diag->arena));
        return diag_help(diag, "all indices have the update's rank, and 1 or its size along each axis");
    }
    return true;
}

static bool infer_put(const Node *node, Type *out, Diag *diag)
{
    if (!need_fixed(node, DATA, diag) || !need_fixed(node, UPDATE, diag)) return false;
    if (((const PutAttrs *)node->attrs)->reduce != MEET_NONE && !need_dtype(node, DATA, ACCEPT_NUMBERS, diag))
        return false;
    if (!need_same_dtype(node, UPDATE, diag)) return false;
    if (!check_from(node, diag) || !check_indices(node, diag)) return false;
    *out = *operand_type(node, DATA);
    return true;
}

static void scatter_put(const Node *node, Scatter *out)
{
    static const Combiner combiners[] = {
        [MEET_ADD] = COMBINE_SUM, [MEET_MUL] = COMBINE_PRODUCT, [MEET_MIN] = COMBINE_MIN, [MEET_MAX] = COMBINE_MAX};
    const PutAttrs *attrs = node->attrs;
    *out = (Scatter){.place = {.rank = attrs->from.count}, .combines = attrs->reduce != MEET_NONE};
    if (out->combines) out->combiner = combiners[attrs->reduce];
    int operand = FIRST_INDEX;
    for (int i = 0; i < attrs->from.count; i++) {
        out->place.axis[i] = (int)attrs->from.at[i];
        out->place.operand[i] = attrs->from.at[i] < 0 ? operand++ : 0;
    }
}

const OpDef op_put = {
    .name = "put",
    .doc =
        "x with the update's elements written over it in their order, each at the coordinates that indices and its "
        "own place say; or combined with what is there. Negative indices count from the end; what is outside even so "
        "is left out.",
    .kind = KIND_SCATTER,
    .noperands = 3,
    .operands = (const Operand[]){{.name = "x", .doc = "any shape"},
                                  {.name = "update", .doc = "of x's dtype"},
                                  {.name = "index",
                                   .flags = OPERAND_VARIADIC | OPERAND_INDEX,
                                   .doc = "of one axis of x each, with as many axes as the update: 1 or its size"}},
    .attrs = ATTRS(PutAttrs,
                   ATTR(PutAttrs, from, .kind = ATTR_INTS, .flags = ATTR_REQUIRED, .low = -1, .high = MAX_RANK - 1,
                        .doc = "for each axis of x the update's axis that is its coordinate, or -1 for the next index"),
                   ATTR_MEETING(PutAttrs)),
    .infer = infer_put,
    .scatter = scatter_put,
};
