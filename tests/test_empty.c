/* Tensors without elements: what may be made of nothing, what that is, and what is refused. */
#include "ir/place.h"
#include "ir/top.h"
#include "passes/empty.h"
#include "passes/pass.h"
#include "tests/support/trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TYPE(dtype, ...) type_tensor((dtype), DIMS(__VA_ARGS__))

static void types(void **state)
{
    const int64_t huge = (int64_t)1 << 39;
    const Type nothing = TYPE(F32, 3, 0), some = TYPE(F32, 3, 1), negative = TYPE(F32, -1, 0);
    const Type wide = TYPE(U8, 0, huge), wider = TYPE(U8, huge, 0, huge);
    (void)state;
    assert_true(type_is_sane(&nothing) && type_is_empty(&nothing) && !type_is_empty(&some));
    assert_int_equal(type_bytes(&nothing), 0);
    assert_false(type_is_sane(&negative));
    /* what the dims that are not 0 would take is bounded: strides are their products */
    assert_false(type_is_sane(&wide) || type_is_sane(&wider));
    Type bounded = TYPE(F32, 1, 4);
    bounded.dim[0] = (Dim){.low = 0, .high = 64, .name = "N"};
    assert_true(type_is_sane(&bounded) && !type_is_empty(&bounded));
    Place place = {.space = SPACE_CONSTANT};
    place_set_strides(&place, &nothing);
    assert_true(place_is_sane(&place, &nothing));
    assert_int_equal(place_bytes(&place, &nothing), 0);
    place.panel = 16;
    assert_false(place_is_sane(&place, &nothing));
}

/* Of each dtype what ONNX says that a reduction of nothing is. */
static void reductions(void **state)
{
    Trial t = trial_new();
    (void)state;
    Tensor x = trial_tensor(&t, F32, DIMS(2, 0), NULL), i = trial_tensor(&t, I32, DIMS(2, 0), NULL);
    const ReduceAttrs last = {.axes = {1, {1}}}, first = {.axes = {1, {0}}};
    Tensor out = trial_eval(&t, OP_reduce_sum, &last, 1, &x);
    EXPECT(&out, 0, 0);
    out = trial_eval(&t, OP_reduce_product, &last, 1, &x);
    EXPECT(&out, 1, 1);
    out = trial_eval(&t, OP_reduce_max, &last, 1, &x);
    EXPECT(&out, (double)-INFINITY, (double)-INFINITY);
    out = trial_eval(&t, OP_reduce_min, &last, 1, &x);
    EXPECT(&out, (double)INFINITY, (double)INFINITY);
    out = trial_eval(&t, OP_reduce_mean, &last, 1, &x);
    EXPECT(&out, (double)NAN, (double)NAN);
    out = trial_eval(&t, OP_reduce_max, &last, 1, &i);
    EXPECT(&out, INT32_MIN, INT32_MIN);
    out = trial_eval(&t, OP_reduce_min, &last, 1, &i);
    EXPECT(&out, INT32_MAX, INT32_MAX);
    out = trial_eval(&t, OP_reduce_sum, &first, 1, &x);
    assert_int_equal(type_elements(&out.type), 0);
    trial_free(&t);
}

static void products(void **state)
{
    Trial t = trial_new();
    (void)state;
    Tensor x[] = {trial_tensor(&t, F32, DIMS(2, 0), NULL), trial_tensor(&t, F32, DIMS(0, 3), NULL),
                  trial_tensor(&t, F32, DIMS(3), VALUES(1, -0.0, 3))};
    Tensor out = trial_eval(&t, OP_matmul, NULL, 2, x);
    EXPECT(&out, 0, 0, 0, 0, 0, 0);
    out = trial_eval(&t, OP_dense, NULL, 3, x);
    EXPECT(&out, 1, -0.0, 3, 1, -0.0, 3);
    Tensor rows[] = {x[1], trial_tensor(&t, F32, DIMS(3, 4), NULL)};
    out = trial_eval(&t, OP_matmul, NULL, 2, rows);
    assert_int_equal(out.type.dim[0].high, 0);
    Tensor batches[] = {trial_tensor(&t, F32, DIMS(0, 2, 3), NULL), trial_tensor(&t, F32, DIMS(0, 3, 4), NULL)};
    out = trial_eval(&t, OP_matmul, NULL, 2, batches);
    assert_int_equal(out.type.dim[2].high, 4);
    Tensor terms[] = {x[0], x[1]};
    out = trial_eval(&t, OP_einsum, &(EinsumAttrs){"ij,jk->ik"}, 2, terms);
    EXPECT(&out, 0, 0, 0, 0, 0, 0);
    trial_free(&t);
}

static void parts(void **state)
{
    Trial t = trial_new();
    (void)state;
    Tensor x = trial_tensor(&t, F32, DIMS(0, 2), NULL), y = trial_tensor(&t, F32, DIMS(1, 2), VALUES(1, 2));
    Tensor out = trial_eval(&t, OP_concat, &(ConcatAttrs){.axis = 0}, 3, (Tensor[]){x, y, x});
    EXPECT(&out, 1, 2);
    out = trial_eval(&t, OP_concat, &(ConcatAttrs){.axis = 1}, 2, (Tensor[]){x, x});
    assert_int_equal(out.type.dim[1].high, 4);
    out = trial_eval(&t, OP_pad, &(PadAttrs){.begin = {1, {1}}, .end = {2, {0, 1}}}, 2,
                     (Tensor[]){x, trial_tensor(&t, F32, 0, NULL, VALUES(7))});
    EXPECT(&out, 7, 7, 7);
    out = trial_eval(&t, OP_slice, &(SliceAttrs){.begin = {1, {-9}}, .end = {1, {-5}}}, 1, &y);
    assert_int_equal(out.type.dim[0].high, 0);
    out = trial_eval(&t, OP_slice, &(SliceAttrs){.step = {2, {-1, -1}}}, 1, &x);
    assert_int_equal(out.type.dim[1].high, 2);
    out = trial_eval(&t, OP_reshape, &(ReshapeAttrs){.shape = {3, {4, 0, 5}}}, 1, &x);
    assert_int_equal(out.type.dim[2].high, 5);
    out = trial_eval(&t, OP_broadcast, &(BroadcastAttrs){.shape = {2, {0, 2}}}, 1, &y);
    assert_int_equal(out.type.dim[0].high, 0);
    Tensor nowhere[] = {y, trial_tensor(&t, I64, DIMS(0), NULL)};
    out = trial_eval(&t, OP_gather, &(GatherAttrs){.axis = 0}, 2, nowhere);
    assert_int_equal(out.type.dim[0].high, 0);
    Tensor kept[] = {y, trial_tensor(&t, I64, DIMS(0), NULL), x};
    out = trial_eval(&t, OP_scatter, &(ScatterAttrs){.axis = 0}, 3, kept);
    EXPECT(&out, 1, 2);
    out = trial_eval(&t, OP_top_indices, &(TopAttrs){.k = 0, .axis = 1}, 1, &y);
    assert_int_equal(out.type.dim[1].high, 0);
    trial_free(&t);
}

/* What would have elements that nothing says, and what an axis without a size cannot be divided by. */
static void refused(void **state)
{
    const Type x = TYPE(F32, 0, 4), index = TYPE(I64, 3, 4), image = TYPE(F32, 1, 0, 4, 2);
    const Type steps = TYPE(F32, 2, 0, 8), weight = TYPE(F32, 2, 8), kernel = TYPE(F32, 1, 1, 2, 3);
    (void)state;
    const ConvAttrs padded = {
        .stride = {2, {1, 1}}, .dilation = {2, {1, 1}}, .groups = 1, .pad = {.mode = PAD_EXPLICIT, .sizes = {1, {1}}}};
    const PoolAttrs pool = {.size = {2, {2, 2}}, .stride = {2, {0, 0}}, .dilation = {2, {1, 1}}, .pad = padded.pad};
    trial_refuse(OP_gather_elements, &(GatherAttrs){.axis = 0}, 2, (Type[]){x, index}, E0305, "no elements");
    trial_refuse(OP_gather, &(GatherAttrs){.axis = 0}, 2, (Type[]){x, TYPE(I64, 1)}, E0305, "no elements");
    trial_refuse(OP_conv2d, &padded, 2, (Type[]){image, kernel}, E0305, "no elements");
    trial_refuse(OP_max_pool, &pool, 1, &image, E0404, "max_pool");
    trial_refuse(OP_pad, &(PadAttrs){.begin = {1, {1}}, .mode = PAD_REFLECT}, 1, &x, E0305, "to repeat");
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {0, -1}}}, 1, &x, E0301, "do not fill");
    trial_refuse(OP_top_indices, &(TopAttrs){.k = 1, .axis = 0}, 1, &x, E0404, "0 elements");
    trial_refuse(OP_lstm_recurrence, NULL, 4, (Type[]){steps, TYPE(F32, 2, 2), TYPE(F32, 2, 2), weight}, E0305,
                 "no elements");
    trial_refuse(OP_attention, &(AttentionAttrs){.heads = 1}, 3,
                 (Type[]){TYPE(F32, 2, 0), TYPE(F32, 3, 0), TYPE(F32, 3, 4)}, E0301, "heads");
}

/* Values of a graph whose states and bodies lose what has no elements. */
static Node *add(Trial *t, Op op, const Type *type, int ninputs, const Value *inputs)
{
    NodeSpec spec = {.op = op, .name = "v", .ninputs = ninputs, .inputs = inputs, .type = type};
    return graph_add(t->graph, &spec, &t->diag);
}

static void states_go(void **state)
{
    Trial t = trial_new();
    (void)state;
    const Type nothing = TYPE(F32, 2, 0), some = TYPE(F32, 2);
    Node *kept = add(&t, OP_state, &nothing, 0, NULL), *other = add(&t, OP_state, &some, 0, NULL);
    Node *next = add(&t, OP_neg, NULL, 1, (Value[]){value_of(kept)});
    Node *also = add(&t, OP_neg, NULL, 1, (Value[]){value_of(other)});
    graph_add_result(t.graph, (Result){.name = "y", .value = value_of(next)});
    graph_add_result(t.graph, (Result){.value = value_of(next), .state = kept});
    graph_add_result(t.graph, (Result){.value = value_of(also), .state = other});
    PassContext context = {.level = 2};
    assert_true(pass_expand(t.graph, &context, &t.diag));
    t.graph->stage = STAGE_CORE;
    assert_true(graph_verify(t.graph, &t.diag));
    assert_int_equal(t.graph->nresults, 2);
    assert_ptr_equal(t.graph->results[1].state, other);
    assert_int_equal(t.graph->results[0].value.node->op, OP_constant);
    trial_free(&t);
}

/* A core graph that an edited dump may hold, but no pass and no code expects. */
static void core_graphs_compute_nothing(void **state)
{
    Trial t = trial_new();
    (void)state;
    const Type nothing = TYPE(F32, 2, 0);
    Node *x = add(&t, OP_input, &nothing, 0, NULL), *y = add(&t, OP_neg, NULL, 1, (Value[]){value_of(x)});
    graph_add_result(t.graph, (Result){.name = "y", .value = value_of(y)});
    assert_true(graph_verify(t.graph, &t.diag));
    t.graph->stage = STAGE_CORE;
    assert_false(graph_verify(t.graph, &t.diag));
    assert_int_equal(t.diag.first->code, E0605);
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(reductions),
        cmocka_unit_test(products),
        cmocka_unit_test(parts),
        cmocka_unit_test(refused),
        cmocka_unit_test(states_go),
        cmocka_unit_test(core_graphs_compute_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
