#include "ir/ops/kept.h"

#include "ir/bounded.h"

Value make_running_sum(const Maker *m, Value x, bool exclusive)
{
    return make(m, OP_cumulative_sum, &(CumulativeAttrs){.exclusive = exclusive}, 1, &x);
}

Value make_numbers(const Maker *m, Value x)
{
    if (!x.node) return x;
    const Dim *dim = &value_type(x)->dim[0];
    if (dim_is_fixed(dim)) return make_coordinates(m, I64, 1, 0, dim->high);
    Value zeros = make_with_number(m, OP_bitwise_and, make_cast(m, x, I64), 0);
    return make_running_sum(m, make_with_number(m, OP_add, zeros, 1), true);
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

static int64_t room_of(const Maker *m, const Kept *kept)
{
    const Graph *root = graph_root(m->graph);
    return root->dims[graph_dim(root, &(Dim){.name = kept->name})].high;
}

Value make_room(const Maker *m, const Kept *kept)
{
    const int64_t most = room_of(m, kept);
    Tensor zeros = tensor_new(m->graph->arena, type_tensor(I64, 1, &most));
    return make_tensor(m, &zeros);
}

Value make_shortened(const Maker *m, Value x, const Kept *kept)
{
    Value operands[] = {x, kept->size};
    return make(m, OP_shorten, &(ShortenAttrs){.to = kept->name}, 2, operands);
}

/* Each finds its place by counting those before it; those that are not kept, and those beyond the room, have none. */
Value make_kept(const Maker *m, Value mask, Kept *kept)
{
    kept->name = node_count(m->node);
    Value ones = make_cast(m, mask, I64);
    Value before = make_running_sum(m, ones, true);
    Value nowhere = make_number(m, I64, (double)room_of(m, kept));
    Value place = make_where(m, mask, before, nowhere);
    Value all = make(m, OP_reduce_sum, &(ReduceAttrs){.axes = {1, {0}}}, 1, &ones);
    kept->size = make(m, OP_define_size, &(CountAttrs){kept->name}, 1, &all);
    Value room = make_room(m, kept);
    Value numbers = make_numbers(m, mask);
    return make_shortened(m, make_put(m, room, numbers, place, MEET_NONE), kept);
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
