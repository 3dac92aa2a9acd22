/* The pass qdq on drawn layers of drawn grids: what becomes of them works on integers, gives what the real numbers give
 * - to the bit, as their scales are powers of two and no sum rounds - and machine code has the interpreter's bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ir/eval.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

enum { LAYERS = 60, CODES = 12 };

typedef struct Draw {
    Sketch sketch;
    uint64_t random;
    bool stays; /* the layer is one that qdq leaves as it is */
} Draw;

static int64_t between(Draw *d, int64_t low, int64_t high)
{
    d->random = d->random * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((d->random >> 33) % (uint64_t)(high - low + 1));
}

/* ---- what is stored ---- */

static Value constant(Draw *d, const Tensor *tensor)
{
    Sketch *s = &d->sketch;
    Tensor *kept = ARENA_NEW(s->graph->arena, Tensor);
    *kept = *tensor;
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    NodeSpec spec = {.op = OP_constant, .name = "c", .attrs = &attrs, .type = &kept->type, .data = kept};
    Node *node = graph_add(s->graph, &spec, s->diag);
    assert_non_null(node);
    return value_of(node);
}

static Value scales(Draw *d, int64_t count)
{
    Tensor tensor = tensor_new(d->sketch.arena, count > 1 ? type_tensor(F32, 1, &count) : type_scalar(F32));
    for (int64_t i = 0; i < count; i++) tensor_set_real(&tensor, i, ldexp(1, (int)between(d, -5, 0)));
    return constant(d, &tensor);
}

static int64_t draw_zero(Draw *d, Dtype dtype)
{
    static const int64_t of_u8[] = {0, 255, 128, 117}, of_i8[] = {0, -128, 5, 0};
    return (dtype == U8 ? of_u8 : of_i8)[between(d, 0, 3)];
}

static Value real(Draw *d, Value stored, Value scale, int64_t zero)
{
    return sketch_op(&d->sketch, OP_dequantize, &(DequantizeAttrs){zero}, OPERANDS(stored, scale));
}

static Value draw_input(Draw *d, int rank, const int64_t *dims)
{
    Dtype dtype = between(d, 0, 1) ? U8 : I8;
    Value x = sketch_input(&d->sketch, dtype, rank, dims);
    return real(d, x, scales(d, 1), draw_zero(d, dtype));
}

/* Scaled as a whole or by its last axis. */
static Value draw_weight(Draw *d, int rank, const int64_t *dims, bool grouped)
{
    Dtype dtype = between(d, 0, 1) ? U8 : I8;
    int64_t zero = draw_zero(d, dtype), low = dtype == U8 ? 0 : -128;
    Tensor tensor = tensor_new(d->sketch.graph->arena, type_tensor(dtype, rank, dims));
    for (int64_t i = 0; i < type_elements(&tensor.type); i++)
        tensor_set_real(&tensor, i, (double)between(d, low, low + 255));
    d->stays = grouped && zero != (dtype == U8 ? 128 : 0);
    return real(d, constant(d, &tensor), scales(d, between(d, 0, 1) ? dims[rank - 1] : 1), zero);
}

static Value draw_bias(Draw *d, int64_t count)
{
    Tensor tensor = tensor_new(d->sketch.graph->arena, type_tensor(F32, 1, &count));
    for (int64_t i = 0; i < count; i++) tensor_set_real(&tensor, i, (double)between(d, -64, 64));
    return constant(d, &tensor);
}

/* ---- layers ---- */

static void draw_conv(Draw *d)
{
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    int64_t channels = between(d, 1, 9), out = between(d, 1, 20), kernel = between(d, 0, 2) ? 3 : 1;
    bool depthwise = between(d, 0, 3) == 0;
    if (depthwise) attrs.groups = out = channels = 16;
    Value x = draw_input(d, DIMS(1, between(d, 3, 7), between(d, 3, 7), channels));
    Value w = draw_weight(d, DIMS(kernel, kernel, depthwise ? 1 : channels, out), depthwise && channels > 1);
    attrs.stride = (IntList){2, {1 + between(d, 0, 1), 1}};
    attrs.pad.mode = between(d, 0, 1) ? PAD_SAME : PAD_VALID;
    Value in[] = {x, w, {NULL, 0}};
    bool biased = between(d, 0, 1);
    if (biased) in[2] = draw_bias(d, out);
    sketch_output(&d->sketch, sketch_op(&d->sketch, OP_conv2d, &attrs, biased ? 3 : 2, in));
}

static void draw_product(Draw *d)
{
    int64_t rows = between(d, 1, 9), depth = between(d, 1, 40), out = between(d, 1, 40);
    Value x = draw_input(d, DIMS(2, rows, depth)), w = draw_weight(d, DIMS(depth, out), false);
    bool dense = between(d, 0, 1);
    Value in[] = {x, w, {NULL, 0}};
    if (dense) in[2] = draw_bias(d, out);
    sketch_output(&d->sketch, sketch_op(&d->sketch, dense ? OP_dense : OP_matmul, NULL, dense ? 3 : 2, in));
}

static void draw_sum(Draw *d)
{
    Value x = draw_input(d, DIMS(2, between(d, 1, 9), between(d, 1, 40), between(d, 1, 5)));
    ReduceAttrs axes = {.axes = {1, {between(d, 0, 2)}}, .keep = between(d, 0, 1)};
    if (between(d, 0, 1)) axes.axes = (IntList){2, {1, 2}};
    sketch_output(&d->sketch, sketch_op(&d->sketch, OP_reduce_sum, &axes, 1, &x));
}

/* Of 1, 2 or 4 taps, so that no quotient rounds. */
static void draw_average(Draw *d)
{
    PoolAttrs attrs;
    attr_set_defaults(&op_average_pool.attrs, &attrs);
    attrs.size = (IntList){2, {2, 2}};
    attrs.stride = (IntList){2, {between(d, 1, 2), between(d, 1, 2)}};
    attrs.pad.mode = between(d, 0, 1) ? PAD_SAME : PAD_VALID;
    Value x = draw_input(d, DIMS(1, between(d, 2, 8), between(d, 2, 8), between(d, 1, 20)));
    sketch_output(&d->sketch, sketch_op(&d->sketch, OP_average_pool, &attrs, 1, &x));
}

static Draw draw(Arena *arena, uint64_t seed)
{
    static void (*const layers[])(Draw *) = {draw_conv, draw_product, draw_conv, draw_sum, draw_average};
    Draw d = {.sketch = sketch_new(arena, "layer"), .random = seed * 0x9e3779b97f4a7c15u};
    layers[seed % (sizeof layers / sizeof *layers)](&d);
    return d;
}

/* ---- */

static Graph *stored(Arena *arena, const Graph *graph)
{
    Diag diag = diag_new(arena);
    Target target;
    Graph *copy = graph_clone(arena, graph);
    assert_true(target_select("", "x86-64-v3", "", copy->arena, &target, &diag));
    PassContext context = {.target = &target, .level = 2, .fast = true};
    bool good = pass_list(copy, "expand,qdq,fold,simplify,views,cse,dce", &context, NULL, NULL, &diag);
    diag_print(&diag, stderr, false);
    assert_true(good);
    return copy;
}

/* Bytes of the whole range. */
static Tensor drawn_bytes(Draw *d)
{
    const Node *node = d->sketch.graph->first;
    while (node->op != OP_input) node = node->next;
    Tensor tensor = tensor_new(d->sketch.arena, node->types[0]);
    unsigned char *bytes = tensor.data;
    for (int64_t i = 0; i < type_elements(&tensor.type); i++) bytes[i] = (unsigned char)between(d, 0, 255);
    return tensor;
}

static bool computes_in_integers(const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next) {
        OpKind kind = node_def(node)->kind;
        bool sums = kind == KIND_CONTRACT || kind == KIND_REDUCE || kind == KIND_WINDOW;
        if (sums && node->types[0].dtype != I32) return false;
    }
    return true;
}

static void integers_say_the_same(void **state)
{
    for (uint64_t seed = 0; seed < LAYERS; seed++) {
        Draw d = draw(*state, seed);
        const Graph *after = stored(*state, d.sketch.graph);
        if (computes_in_integers(after) == d.stays) fail_msg("layer %d stays as it is, or should", (int)seed);
        Tensor in = drawn_bytes(&d), want, got;
        graph_eval(d.sketch.graph, &in, &want, *state);
        graph_eval(after, &in, &got, *state);
        if (!tensor_same_bits(&want, &got)) fail_msg("layer %d computes something else", (int)seed);
    }
}

static void code_has_the_same_bits(void **state)
{
    static const char *const cpus[] = {"x86-64-v3", "x86-64-v4"};
    for (uint64_t seed = 0; seed < CODES; seed++)
        for (int i = 0; i < 2; i++) {
            Draw d = draw(*state, seed);
            if (native_runs(cpus[i])) assert_true(native_agrees(stored(*state, d.sketch.graph), cpus[i], 2));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_say_the_same, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(code_has_the_same_bits, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
