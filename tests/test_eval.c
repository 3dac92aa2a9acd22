/* The reference interpreter: the order of operations that the numeric contract fixes, graphs, groups, doubles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/trial.h"

/* Values whose sums round, so that another order would show. */
static Tensor rough(const Trial *t, int rank, const int64_t *dims, uint64_t seed)
{
    Tensor tensor = trial_tensor(t, F32, rank, dims, NULL);
    for (int64_t i = 0, count = type_elements(&tensor.type); i < count; i++)
        ((float *)tensor.data)[i] = (float)((double)(trial_next(&seed) >> 11) * 0x1p-53 * 2 - 1);
    return tensor;
}

static int64_t draw(uint64_t *seed, int64_t low, int64_t high)
{
    return low + (int64_t)(trial_next(seed) % (uint64_t)(high - low + 1));
}

/* ---- contractions ---- */

typedef struct Case {
    ConvAttrs attrs;
    int64_t batch, in[2], kernel[2], depth, width; /* channels of a group, in and out */
    bool bias;
} Case;

static Case draw_case(uint64_t *seed)
{
    Case c = {.batch = draw(seed, 1, 2), .depth = draw(seed, 1, 4), .width = draw(seed, 1, 9)};
    c.attrs.groups = draw(seed, 1, 3);
    c.attrs.pad = (Pad){.mode = PAD_EXPLICIT, .sizes = {4, {0}}};
    c.attrs.stride.count = c.attrs.dilation.count = 2;
    c.bias = draw(seed, 0, 1);
    for (int i = 0; i < 2; i++) {
        c.kernel[i] = draw(seed, 1, 3);
        c.attrs.stride.at[i] = draw(seed, 1, 2);
        c.attrs.dilation.at[i] = draw(seed, 1, 2);
        c.attrs.pad.sizes.at[i] = draw(seed, 0, 3);
        c.attrs.pad.sizes.at[i + 2] = draw(seed, 0, 3);
        c.in[i] = draw(seed, (c.kernel[i] - 1) * c.attrs.dilation.at[i] + 1, 8);
    }
    return c;
}

/* One element by the letter of the contract. */
static float convolve_one(const Case *c, const Tensor *in, int64_t n, const int64_t at[2], int64_t channel)
{
    int64_t channels = c->depth * c->attrs.groups, outs = c->width * c->attrs.groups, group = channel / c->width;
    const float *x = in[0].data, *w = in[1].data;
    float sum = c->bias ? ((const float *)in[2].data)[channel] : 0;
    for (int64_t ky = 0; ky < c->kernel[0]; ky++)
        for (int64_t kx = 0; kx < c->kernel[1]; kx++)
            for (int64_t ic = 0; ic < c->depth; ic++) {
                int64_t iy = at[0] * c->attrs.stride.at[0] + ky * c->attrs.dilation.at[0] - c->attrs.pad.sizes.at[0];
                int64_t ix = at[1] * c->attrs.stride.at[1] + kx * c->attrs.dilation.at[1] - c->attrs.pad.sizes.at[1];
                bool inside = iy >= 0 && iy < c->in[0] && ix >= 0 && ix < c->in[1];
                int64_t from = ((n * c->in[0] + iy) * c->in[1] + ix) * channels + group * c->depth + ic;
                int64_t tap = ((ky * c->kernel[1] + kx) * c->depth + ic) * outs + channel;
                sum = fmaf(inside ? x[from] : 0, w[tap], sum);
            }
    return sum;
}

static void check_convolution(const Case *c, uint64_t seed)
{
    Trial t = trial_new();
    int64_t channels = c->depth * c->attrs.groups, outs = c->width * c->attrs.groups;
    Tensor in[] = {rough(&t, DIMS(c->batch, c->in[0], c->in[1], channels), seed),
                   rough(&t, DIMS(c->kernel[0], c->kernel[1], c->depth, outs), seed + 1),
                   rough(&t, DIMS(outs), seed + 2)};
    Tensor got = trial_eval(&t, OP_conv2d, &c->attrs, c->bias ? 3 : 2, in);
    const float *next = got.data;
    for (int64_t n = 0; n < c->batch; n++)
        for (int64_t y = 0; y < got.type.dim[1].high; y++)
            for (int64_t x = 0; x < got.type.dim[2].high; x++)
                for (int64_t channel = 0; channel < outs; channel++) {
                    float expected = convolve_one(c, in, n, (const int64_t[]){y, x}, channel);
                    assert_memory_equal(&expected, next++, sizeof expected);
                }
    trial_free(&t);
}

static void convolutions_keep_the_order(void **state)
{
    uint64_t seed = 11;
    for (int i = 0; i < 150; i++) {
        Case c = draw_case(&seed);
        check_convolution(&c, seed);
    }
}

static void dense_keeps_the_order(void **state)
{
    enum { ROWS = 3, DEPTH = 70, WIDTH = 75 };
    Trial t = trial_new();
    Tensor in[] = {rough(&t, DIMS(ROWS, DEPTH), 1), rough(&t, DIMS(DEPTH, WIDTH), 2), rough(&t, DIMS(WIDTH), 3)};
    Tensor got = trial_eval(&t, OP_dense, NULL, 3, in);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t o = 0; o < WIDTH; o++) {
            float sum = ((const float *)in[2].data)[o];
            for (int64_t i = 0; i < DEPTH; i++)
                sum = fmaf(((const float *)in[0].data)[r * DEPTH + i], ((const float *)in[1].data)[i * WIDTH + o], sum);
            assert_memory_equal(&sum, (const float *)got.data + r * WIDTH + o, sizeof sum);
        }
    trial_free(&t);
}

/* ---- reductions ---- */

static float sum_of_16(const float *x, int64_t count, int64_t step)
{
    float sums[16] = {0};
    for (int64_t i = 0; i < count; i++) sums[i % 16] += x[i * step];
    for (int half = 8; half >= 1; half /= 2)
        for (int l = 0; l < half; l++) sums[l] += sums[l + half];
    return sums[0];
}

static void sums_have_16_parts(void **state)
{
    for (int64_t count = 1; count <= 70; count++) {
        Trial t = trial_new();
        Tensor x = rough(&t, DIMS(count), (uint64_t)count), columns = rough(&t, DIMS(count, 3), (uint64_t)count);
        Tensor got = trial_eval(&t, OP_reduce_sum, NULL, 1, &x);
        float expected = sum_of_16(x.data, count, 1);
        assert_memory_equal(&expected, got.data, sizeof expected);
        got = trial_eval(&t, OP_reduce_sum, &(ReduceAttrs){.axes = {1, {0}}}, 1, &columns);
        for (int64_t c = 0; c < 3; c++) {
            expected = sum_of_16((const float *)columns.data + c, count, 3);
            assert_memory_equal(&expected, (const float *)got.data + c, sizeof expected);
        }
        trial_free(&t);
    }
}

/* The flattened index runs over the reduced axes in their order, whatever lies between them. */
static void sums_over_axes_apart(void **state)
{
    Trial t = trial_new();
    Tensor x = rough(&t, DIMS(5, 2, 7), 9);
    Tensor got = trial_eval(&t, OP_reduce_sum, &(ReduceAttrs){.axes = {2, {2, 0}}}, 1, &x);
    for (int64_t m = 0; m < 2; m++) {
        float flat[35];
        for (int64_t i = 0; i < 35; i++) flat[i] = ((const float *)x.data)[(i / 7 * 2 + m) * 7 + i % 7];
        float expected = sum_of_16(flat, 35, 1);
        assert_memory_equal(&expected, (const float *)got.data + m, sizeof expected);
    }
    trial_free(&t);
}

/* ---- graphs ---- */

static Value add_node(Trial *t, Graph *graph, Op op, const Type *type, int count, const Value *inputs)
{
    NodeSpec spec = {.op = op, .name = op_table[op]->name, .type = type, .ninputs = count, .inputs = inputs};
    Node *node = graph_add(graph, &spec, &t->diag);
    assert_non_null(node);
    return value_of(node);
}

/* y = relu(x) * w in a group, whose region holds a group with relu(x). */
static Node *nested_groups(Trial *t, Value x, Value w)
{
    Node *outer = add_node(t, t->graph, OP_group, NULL, 0, NULL).node;
    Graph *region = graph_new_region(outer);
    Node *inner = add_node(t, region, OP_group, NULL, 0, NULL).node;
    Graph *inside = graph_new_region(inner);
    graph_add_result(inside, (Result){.value = add_node(t, inside, OP_relu, NULL, 1, &x)});
    assert_true(graph_infer(inner, &t->diag));
    graph_add_result(region, (Result){.value = add_node(t, region, OP_mul, NULL, 2, (Value[]){value_of(inner), w})});
    graph_add_result(region, (Result){.value = value_of(inner)});
    assert_true(graph_infer(outer, &t->diag));
    return outer;
}

static void count_nodes(void *context, const Node *node, const Tensor *results)
{
    assert_non_null(results[0].data);
    ++*(int *)context;
}

static void groups_see_what_is_around_them(void **state)
{
    Trial t = trial_new();
    Type type = type_tensor(F32, 1, (const int64_t[]){3});
    Value x = add_node(&t, t.graph, OP_input, &type, 0, NULL), w = add_node(&t, t.graph, OP_input, &type, 0, NULL);
    Node *group = nested_groups(&t, x, w);
    graph_add_result(t.graph, (Result){.value = value_of(group)});
    graph_add_result(t.graph, (Result){.value = {group, 1}});
    graph_add_result(t.graph, (Result){.value = w});
    Tensor in[] = {trial_tensor(&t, F32, DIMS(3), VALUES(-1, 2, 3)), trial_tensor(&t, F32, DIMS(3), VALUES(5, 6, 7))};
    Tensor out[3];
    int visited = 0;
    graph_eval_visit(t.graph, in, out, t.arena, count_nodes, &visited);
    assert_int_equal(visited, 3);
    EXPECT(&out[0], 0, 12, 21);
    EXPECT(&out[1], 0, 2, 3);
    EXPECT(&out[2], 5, 6, 7);

    node_eval(group, in, out, t.arena);
    EXPECT(&out[0], 0, 12, 21);
    EXPECT(&out[1], 0, 2, 3);
    Tensor twice[] = {trial_tensor(&t, F64, DIMS(3), VALUES(-1, 2, 1 + 0x1p-40)),
                      trial_tensor(&t, F64, DIMS(3), VALUES(5, 6, 1))};
    node_eval_double(group, twice, out, t.arena);
    EXPECT(&out[0], 0, 12, 1 + 0x1p-40);
    trial_free(&t);
}

static void constants_know_their_value(void **state)
{
    Trial t = trial_new();
    Type type = type_tensor(I8, 1, (const int64_t[]){2});
    NodeSpec spec = {.op = OP_constant, .name = "c", .type = &type, .attrs = &(ConstantAttrs){.value = 7}};
    Node *node = graph_add(t.graph, &spec, &t.diag);
    graph_add_result(t.graph, (Result){.value = value_of(node)});
    Tensor out;
    graph_eval(t.graph, NULL, &out, t.arena);
    EXPECT(&out, 7, 7);
    trial_free(&t);
}

/* ---- doubles ---- */

/* What f32 computes is near what f64 computes, and f64 is nearer to the truth. */
static void doubles_judge_composites(void **state)
{
    Trial t = trial_new();
    Tensor x = rough(&t, DIMS(4, 40), 5), wide = trial_tensor(&t, F64, DIMS(4, 40), NULL), narrow, twice;
    for (int64_t i = 0; i < 160; i++) tensor_set_real(&wide, i, tensor_real(&x, i));
    Node *node = trial_node(&t, OP_softmax, NULL, 1, &x);
    node_eval(node, &x, &narrow, t.arena);
    node_eval_double(node, &wide, &twice, t.arena);
    assert_int_equal(twice.type.dtype, F64);
    for (int64_t row = 0; row < 4; row++) {
        double sum = 0;
        for (int64_t i = row * 40; i < row * 40 + 40; i++) {
            sum += tensor_real(&twice, i);
            assert_true(fabs(tensor_real(&twice, i) - tensor_real(&narrow, i)) < 1e-7);
        }
        assert_true(fabs(sum - 1) < 1e-14);
    }
    trial_free(&t);
}

static void doubles_of_contractions(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(1, 2), VALUES(1, 1)), trial_tensor(&t, F32, DIMS(2, 1), VALUES(1, 1))};
    Tensor twice[] = {trial_tensor(&t, F64, DIMS(1, 2), VALUES(1, 0x1p-40)),
                      trial_tensor(&t, F64, DIMS(2, 1), VALUES(1, 1))};
    Tensor out;
    node_eval_double(trial_node(&t, OP_matmul, NULL, 2, in), twice, &out, t.arena);
    EXPECT(&out, 1 + 0x1p-40);
    trial_free(&t);
}

/* Operands of other dtypes stay; a value that is used twice is one operand for each use. */
static void doubles_of_casts_and_squares(void **state)
{
    Trial t = trial_new();
    Tensor bytes = trial_tensor(&t, U8, DIMS(2), VALUES(3, 255)), out;
    node_eval_double(trial_node(&t, OP_cast, &(CastAttrs){.to = F32}, 1, &bytes), &bytes, &out, t.arena);
    assert_int_equal(out.type.dtype, F64);
    EXPECT(&out, 3, 255);
    Type type = type_scalar(F32);
    Value x = add_node(&t, t.graph, OP_input, &type, 0, NULL);
    Node *square = add_node(&t, t.graph, OP_mul, NULL, 2, (Value[]){x, x}).node;
    Tensor three = trial_tensor(&t, F64, 0, NULL, VALUES(3));
    node_eval_double(square, (const Tensor[]){three, three}, &out, t.arena);
    EXPECT(&out, 9);
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_keep_the_order),
        cmocka_unit_test(dense_keeps_the_order),
        cmocka_unit_test(sums_have_16_parts),
        cmocka_unit_test(sums_over_axes_apart),
        cmocka_unit_test(groups_see_what_is_around_them),
        cmocka_unit_test(constants_know_their_value),
        cmocka_unit_test(doubles_judge_composites),
        cmocka_unit_test(doubles_of_contractions),
        cmocka_unit_test(doubles_of_casts_and_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
