#include "ir/ops/kept.h"

#include "ir/bounded.h"

Value make_running_sum(const Maker *m, Value x, bool exclusive)
{
    return make(m, OP_cumulative_sum, &(CumulativeAttrs){.exclusive = exclusive}, 1, &x);
}

Value make_numbers(const Maker *m, Value x) { return x.node ? make_axis_numbers(m, value_type(x), 0, 1) : x; }

Value make_axis_numbers(const Maker *m, const Type *type, int axis, int rank)
{
    return make_coordinates(m, I64, rank, axis, type->dim[axis]);
}

Value make_gather(const Maker *m, Value x, Value index, int axis)
{
    Value operands[] = {x, index};
    return make(m, OP_gather, &(GatherAttrs){.axis = axis}, 2, operands);
}

Value make_put(const Maker *m, Value x, Value update, Value index, Meeting meeting)
{
    Value operands[] = {x, update, index};
    return make(m, OP_put, &(PutAttrs){.from = {1, {-1}}, .reduce = (int)meeting}, 3, operands);
}

int64_t kept_room(const Maker *m, const Kept *kept)
{
    const Graph *root = graph_root(m->graph);
    return root->dims[graph_dim(root, &(Dim){.name = kept->name})].high;
}

Value make_room(const Maker *m, const Kept *kept)
{
    const int64_t most = kept_room(m, kept);
    Tensor zeros = tensor_new(m->graph->arena, type_tensor(I64, 1, &most));
    return make_tensor(m, &zeros);
}

Value make_shortened(const Maker *m, Value x, const Kept *kept, int axis)
{
    Value operands[] = {x, kept->size};
    return make(m, OP_shorten, &(ShortenAttrs){.to = kept->name, .axis = axis}, 2, operands);
}

/* Row by row: of those before it in its line, and of all lines before that one; *ones becomes the sums of lines. */
static Value make_before(const Maker *m, Value *ones)
{
    if (!ones->node) return *ones;
    int last = value_type(*ones)->rank - 1;
    Value before = make(m, OP_cumulative_sum, &(CumulativeAttrs){.axis = last, .exclusive = true}, 1, ones);
    for (int axis = last; axis > 0; axis--) {
        *ones = make_reduce(m, OP_reduce_sum, *ones, axis);
        const CumulativeAttrs lines = {.axis = axis - 1, .exclusive = true};
        before = make_binary(m, OP_add, before, make(m, OP_cumulative_sum, &lines, 1, ones));
    }
    return before;
}

/* Each finds its place by counting those before it; those that are not kept, and those beyond the room, have none. */
Value make_destinations(const Maker *m, Value mask, Kept *kept)
{
    if (!mask.node) return mask;
    ReduceAttrs all = {.axes = {.count = value_type(mask)->rank}};
    kept->name = node_count(m->node);
    Value ones = make_cast(m, mask, I64), before = make_before(m, &ones);
    Value nowhere = make_number(m, I64, (double)kept_room(m, kept));
    Value place = make_where(m, mask, before, nowhere);
    for (int i = 0; i < all.axes.count; i++) all.axes.at[i] = i;
    Value sum = make(m, OP_reduce_sum, &all, 1, &ones);
    kept->size = make(m, OP_define_size, &(CountAttrs){kept->name}, 1, &sum);
    return place;
}

Value make_kept(const Maker *m, Value mask, Kept *kept)
{
    if (!mask.node) return mask;
    Value place = make_destinations(m, mask, kept), room = make_room(m, kept), numbers = make_numbers(m, mask);
    return make_shortened(m, make_put(m, room, numbers, place, MEET_NONE), kept, 0);
}

/* Divided by the step of each axis, then what is left of its size.  The first has nothing above it, and may be bounded.
 */
Value make_coordinates_of(const Maker *m, Value number, const Type *of)
{
    const int64_t column[] = {-1, 1}, row[] = {1, of->rank};
    double steps[MAX_RANK], sizes[MAX_RANK], step = 1;
    for (int axis = of->rank - 1; axis >= 0; axis--) {
        steps[axis] = step;
        sizes[axis] = axis ? (double)of->dim[axis].high : 0x1p50;
        step *= axis ? (double)of->dim[axis].high : 1;
    }
    number = make_reshape(m, number, 2, column);
    if (of->rank == 1) return number;
    Value counted = make_binary(m, OP_div, number, make_reals(m, I64, 2, row, steps));
    return make_binary(m, OP_mod, counted, make_reals(m, I64, 2, row, sizes));
}
