/* A flat index is a number in mixed radix: its digits are the coordinates.  A transpose changes the order of the
 * digits, a reshape parts them into other axes - where an axis ends within a digit that is parted in two - and a
 * broadcast adds some that change nothing.  So a chain of them is digits of the first tensor in the order of the last:
 * shuffles of channels, pixels to depth and back, windows of images and pictures of twice the size are one index map
 * each. */
#include "passes/view_chain.h"

#include <string.h>

enum { MOST_DIGITS = 2 * MAX_RANK };

typedef struct Digit {
    int64_t size, stride; /* elements of the first tensor that a step of it goes; 0: broadcast */
} Digit;

/* The digits of a flat index, the most significant first; and of how many each axis is made. */
typedef struct Digits {
    int count;
    Digit digit[MOST_DIGITS];
    int rank, axis[MAX_RANK];
} Digits;

static bool digits_of(const Type *type, Digits *out)
{
    int64_t stride = type_elements(type);
    *out = (Digits){.rank = type->rank};
    for (int axis = 0; axis < type->rank; axis++) {
        const Dim *dim = &type->dim[axis];
        if (!dim_is_fixed(dim) || dim->high < 1) return false;
        if (dim->high == 1) continue;
        stride /= dim->high;
        out->digit[out->count++] = (Digit){dim->high, stride};
        out->axis[axis] = 1;
    }
    return true;
}

/* The view's map says which axis of the operand each of its result is. */
static void transpose_digits(Digits *d, const Node *transpose)
{
    Digits from = *d;
    IndexMap map;
    node_def(transpose)->view(transpose, &map);
    d->count = 0;
    for (int axis = 0; axis < from.rank; axis++) {
        int source = 0, first = 0;
        while (map.stride[source][axis] != 1) source++;
        for (int before = 0; before < source; before++) first += from.axis[before];
        memcpy(d->digit + d->count, from.digit + first, (size_t)from.axis[source] * sizeof *d->digit);
        d->count += from.axis[source];
        d->axis[axis] = from.axis[source];
    }
}

/* Parts digit `at` so that its greater part, the first, has this size; false where it cannot be. */
static bool part_digit(Digits *d, int at, int64_t size)
{
    Digit *digit = &d->digit[at];
    if (digit->size % size || d->count == MOST_DIGITS) return false;
    memmove(digit + 1, digit, (size_t)(d->count - at) * sizeof *digit);
    d->count++;
    digit[1].size /= size;
    digit[0] = (Digit){size, digit[1].stride * digit[1].size};
    return true;
}

static bool reshape_digits(Digits *d, const Type *type)
{
    int at = 0;
    d->rank = type->rank;
    for (int axis = 0; axis < type->rank; axis++) {
        int64_t left = type->dim[axis].high;
        d->axis[axis] = 0;
        for (; left > 1; at++, d->axis[axis]++) {
            if (at == d->count) return false;
            if (left % d->digit[at].size && !part_digit(d, at, left)) return false;
            left /= d->digit[at].size;
        }
    }
    return true;
}

/* Axes align at the end; those of size 1, and those before, are new digits where they are longer. */
static bool broadcast_digits(Digits *d, const Type *from, const Type *to)
{
    Digits old = *d;
    int next = 0;
    d->count = 0;
    d->rank = to->rank;
    for (int axis = 0; axis < to->rank; axis++) {
        int source = axis - (to->rank - from->rank), digits = source < 0 ? 0 : old.axis[source];
        bool longer = !digits && to->dim[axis].high > 1;
        if (d->count + digits + longer > MOST_DIGITS) return false;
        memcpy(d->digit + d->count, old.digit + next, (size_t)digits * sizeof *d->digit);
        next += digits;
        d->count += digits;
        if (longer) d->digit[d->count++] = (Digit){to->dim[axis].high, 0};
        d->axis[axis] = digits + longer;
    }
    return true;
}

/* Neighbours in both tensors are one digit. */
static void join_digits(Digits *d)
{
    int count = 0;
    for (int i = 0; i < d->count; i++) {
        Digit *last = count ? &d->digit[count - 1] : NULL, next = d->digit[i];
        if (last && last->stride == next.stride * next.size)
            *last = (Digit){last->size * next.size, next.stride};
        else
            d->digit[count++] = next;
    }
    d->count = count;
}

static bool follow(Digits *d, const Node *view)
{
    const Type *from = value_type(view->inputs[0]), *to = &view->types[0];
    if (!type_is_fixed(to)) return false;
    if (view->op == OP_reshape) return reshape_digits(d, to);
    if (view->op == OP_broadcast) return broadcast_digits(d, from, to);
    transpose_digits(d, view);
    return true;
}

static bool compose(const Match *match, Digits *out)
{
    if (!digits_of(value_type(match->bound[0]), out)) return false;
    for (int i = match->nodes; i-- > 0;)
        if (!follow(out, match->node[i])) return false;
    join_digits(out);
    return out->count <= MAX_INTS && out->count <= MAX_RANK;
}

bool view_chain_composes(const Match *match)
{
    Digits digits;
    for (int i = 1; i < match->nodes; i++)
        if (uses_only_user(match->uses, value_of(match->node[i])) != match->node[i - 1]) return false;
    return compose(match, &digits);
}

static Value reshape_to(const Maker *m, Value value, const IntList *shape)
{
    const Type *type = value_type(value);
    bool same = type->rank == shape->count;
    for (int i = 0; same && i < type->rank; i++) same = type->dim[i].high == shape->at[i];
    return same ? value : make(m, OP_reshape, &(ReshapeAttrs){.shape = *shape}, 1, &value);
}

/* The first tensor's own digits in their order, then in that of the last; whether these are two. */
static bool own_digits(const Digits *d, IntList *from, TransposeAttrs *order)
{
    bool moves = false;
    *from = (IntList){0};
    *order = (TransposeAttrs){.permute = {0}};
    for (int i = 0; i < d->count; i++) {
        int place = 0; /* the greater stride is the first */
        if (!d->digit[i].stride) continue;
        for (int k = 0; k < d->count; k++) place += d->digit[k].stride > d->digit[i].stride;
        moves = moves || place != order->permute.count;
        order->permute.at[order->permute.count++] = place;
        from->at[place] = d->digit[i].size;
        from->count++;
    }
    return moves;
}

Value view_chain_compose(const Maker *m, const Match *match)
{
    Digits d;
    if (!compose(match, &d)) return (Value){NULL, 0};
    IntList from, still = {.count = d.count}, all = {.count = d.count}, to = {.count = match->root->types[0].rank};
    TransposeAttrs order;
    bool moves = own_digits(&d, &from, &order);
    for (int i = 0; i < d.count; i++) {
        all.at[i] = d.digit[i].size;
        still.at[i] = d.digit[i].stride ? d.digit[i].size : 1;
    }
    for (int i = 0; i < to.count; i++) to.at[i] = match->root->types[0].dim[i].high;
    Value value = match->bound[0];
    if (moves) value = reshape_to(m, value, &from);
    if (moves && value.node) value = make(m, OP_transpose, &order, 1, &value);
    bool longer = from.count < d.count;
    if (longer && value.node) value = reshape_to(m, value, &still);
    if (longer && value.node) value = make(m, OP_broadcast, &(BroadcastAttrs){.shape = all}, 1, &value);
    return value.node ? reshape_to(m, value, &to) : value;
}
