/* Strips of drawn sizes: the bits of the interpreter under strict, whatever rows a strip has, in however many parts, on
 * every width of vectors, between guard pages; and a dump of them gives the same object again. */
#include "backend/emit.h"
#include "frontend/frontend.h"
#include "ir/eval.h"
#include "passes/strips.h"
#include "runtime/lep.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"
#include "tests/support/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- drawing ---- */

static int64_t between(uint64_t *seed, int64_t low, int64_t high)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((*seed >> 33) % (uint64_t)(high - low + 1));
}

/* Image, expanded channels and a window; `before` and `after` are whether 1x1 convolutions are around it. */
typedef struct Shape {
    int64_t images, height, width, in, channels, out;
    ConvAttrs window;
    bool before, after, residual, clamps, bytes;
    int64_t parts;
} Shape;

static Shape draw_shape(uint64_t *seed)
{
    static const int64_t widths[] = {1, 3, 4, 8, 16, 17, 24, 33, 40};
    static const int modes[] = {PAD_VALID, PAD_SAME, PAD_SAME, PAD_EXPLICIT};
    Shape s = {.images = between(seed, 1, 5) / 4 + 1, .height = between(seed, 5, 19), .width = between(seed, 5, 13)};
    s.channels = widths[between(seed, 0, 8)];
    s.out = widths[between(seed, 0, 8)];
    s.bytes = between(seed, 0, 3) == 0;
    s.before = between(seed, 0, 1);
    s.after = !s.before || between(seed, 0, 2) > 0;
    s.in = s.before ? widths[between(seed, 0, 8)] : s.channels;
    s.residual = between(seed, 0, 1);
    s.clamps = between(seed, 0, 1);
    s.parts = between(seed, 0, 2) ? 1 : between(seed, 2, 4);
    attr_set_defaults(&op_conv2d.attrs, &s.window);
    s.window.groups = s.channels;
    s.window.pad = (Pad){.mode = modes[between(seed, 0, 3)], .sizes = {4, {1, 0, 1, 2}}};
    s.window.stride = (IntList){2, {between(seed, 1, 2), between(seed, 1, 2)}};
    int64_t dilation = between(seed, 0, 5) == 0 ? 2 : 1;
    s.window.dilation = (IntList){2, {dilation, dilation}};
    return s;
}

/* 8-bit sums come back to 8 bits, the others are clamped perhaps. */
static Value finish(Sketch *s, const Shape *shape, Value sums)
{
    if (shape->bytes) {
        RequantizeAttrs attrs;
        attr_set_defaults(&op_requantize.attrs, &attrs);
        attrs.to = I8;
        return sketch_op(s, OP_requantize, &attrs, OPERANDS(sums, sketch_number(s, F32, 0.01)));
    }
    ClampAttrs clamp = {-1, 2};
    return shape->clamps ? sketch_op(s, OP_clamp, &clamp, OPERANDS(sums)) : sums;
}

static Value conv(Sketch *s, const Shape *shape, Value x, int64_t kernel, int64_t out, const ConvAttrs *attrs)
{
    int64_t in = value_type(x)->dim[3].high / attrs->groups;
    Value weight = sketch_param(s, shape->bytes ? I8 : F32, DIMS(kernel, kernel, in, out));
    Value bias = sketch_param(s, shape->bytes ? I32 : F32, DIMS(out));
    return finish(s, shape, sketch_op(s, OP_conv2d, attrs, OPERANDS(x, weight, bias)));
}

static void make_model(Sketch *s, const Shape *shape)
{
    ConvAttrs point;
    attr_set_defaults(&op_conv2d.attrs, &point);
    Value x = sketch_input(s, shape->bytes ? I8 : F32, DIMS(shape->images, shape->height, shape->width, shape->in));
    Value y = shape->before ? conv(s, shape, x, 1, shape->channels, &point) : x;
    y = conv(s, shape, y, 3, shape->channels, &shape->window);
    if (shape->after) y = conv(s, shape, y, 1, shape->out, &point);
    if (shape->residual && !shape->bytes) {
        const Dim *dim = value_type(y)->dim;
        Value beside = sketch_input(s, F32, DIMS(dim[0].high, dim[1].high, dim[2].high, dim[3].high));
        y = sketch_op(s, OP_add, NULL, OPERANDS(y, beside));
    }
    sketch_output(s, y);
}

/* ---- forcing ---- */

/* The longest chain of groups at the end of the graph that fits. */
static int chain_of(const Graph *graph, Group *members)
{
    const char *why;
    int count = 0, groups = 0;
    Group all[8];
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_group) all[groups++] = group_of(node);
    for (int n = 2; n <= STRIP_MEMBERS && n <= groups; n++)
        if (strips_fit(all + groups - n, n, &why)) count = n;
    memcpy(members, all + groups - count, (size_t)count * sizeof *members);
    return count;
}

/* Strips of some rows, if the drawn groups fit at all. */
static bool force(Graph *graph, const Target *target, uint64_t *seed, int64_t parts, Diag *diag)
{
    Group members[STRIP_MEMBERS];
    int count = chain_of(graph, members);
    if (!count) return false;
    int64_t height = members[count - 1].node->types[0].dim[1].high;
    Strips strips = strips_of(members, count, between(seed, 1, height));
    if (strips.all < parts || !strips_may_part(&strips, parts)) parts = 1;
    if (!strips_may_part(&strips, parts)) return false;
    members[0].node->schedule->threads = parts;
    return strips_merge(graph, target, &strips, diag);
}

static void expect_good(bool good, const Diag *diag)
{
    if (!good) diag_print(diag, stderr, false);
    assert_true(good);
}

/* The graph in strips, planned; false when the drawn one does not fit. */
static bool plan(Graph *graph, const PassContext *context, uint64_t *seed, int64_t parts, Diag *diag)
{
    expect_good(pass_pipeline(graph, context, "schedule", NULL, NULL, diag), diag);
    bool forced = force(graph, context->target, seed, parts, diag);
    expect_good(graph_verify(graph, diag) && pass_pipeline(graph, context, "plan", NULL, NULL, diag), diag);
    return forced;
}

/* ---- running ---- */

static void run_backwards(void *context, void (*f)(void *, int), void *arg, int n)
{
    (void)context;
    while (n-- > 0) f(arg, n);
}

enum { MOST_PORTS = 4 };

typedef struct Ports {
    Guard guard[MOST_PORTS];
    void *bases[MOST_PORTS + 1];
    int count;
} Ports;

static void add_port(Ports *ports, const Tensor *tensor, size_t offset)
{
    size_t bytes = (size_t)type_bytes(&tensor->type);
    ports->guard[ports->count] = guard_new(bytes, offset, true);
    memcpy(ports->guard[ports->count].data, tensor->data, bytes);
    ports->bases[ports->count] = ports->guard[ports->count].data;
    ports->count++;
}

static void run_and_compare(const LepModel *model, const Tensor *inputs, const Tensor *expected, int threads)
{
    Ports ports = {.count = 0};
    const Tensor zeros = {.type = expected->type, .data = calloc(1, (size_t)type_bytes(&expected->type) + 1)};
    struct lep_pool pool = {NULL, threads, run_backwards};
    for (int i = 0; i < model->ninputs; i++) add_port(&ports, &inputs[i], 0);
    add_port(&ports, &zeros, 0);
    Guard arena = guard_new((size_t)(model->arena_bytes + 63) / 64 * 64, 0, true);
    memset(arena.data, 0xff, arena.bytes); /* NaN: nobody may count on zeros */
    ports.bases[ports.count] = arena.data;
    assert_int_equal(model->run(ports.bases, threads > 1 ? &pool : NULL), LEP_OK);
    Tensor found = {.type = expected->type, .data = ports.bases[ports.count - 1]};
    assert_true(tensor_same_bits(&found, expected));
    for (int i = 0; i < ports.count; i++) {
        assert_true(guard_intact(&ports.guard[i]));
        guard_free(&ports.guard[i]);
    }
    guard_free(&arena);
    free(zeros.data);
}

static Tensor draw_inputs(const Graph *graph, Tensor *inputs, Arena *arena)
{
    int count = 0;
    Tensor expected;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[count] = tensor_new(arena, node->types[0]);
        fill_tensor(&inputs[count], 1 + (uint32_t)count);
        count++;
    }
    graph_eval(graph, inputs, &expected, arena);
    return expected;
}

/* ---- the same again from a dump ---- */

static Bytes object_of(Graph *graph, const PassContext *context, Arena *arena, Diag *diag)
{
    LoopProgram program = {.arena = arena};
    EmitOptions options = {.target = context->target, .level = 2};
    Bytes object = {.size = 0};
    expect_good(lower_graph(graph, context->target, &program, diag), diag);
    expect_good(emit_program(&program, &options, EMIT_OBJECT, &object, diag), diag);
    return object;
}

static char *text_of(const Graph *graph)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    graph_print(graph, out, (PrintOptions){.origins = true});
    fclose(out);
    return text;
}

static void check_dump(Graph *graph, const PassContext *context, Arena *arena, Diag *diag)
{
    char *text = text_of(graph);
    const Ast *ast = ast_parse(arena, source_from_text(arena, "dump.lep", text), diag);
    Graph *again = ast ? elaborate(arena, ast, &(ElaborateOptions){.ndims = 0}, diag) : NULL;
    expect_good(again && graph_verify(again, diag), diag);
    char *printed = text_of(again);
    assert_string_equal(printed, text);
    Bytes first = object_of(graph, context, arena, diag), second = object_of(again, context, arena, diag);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    free(printed);
    free(text);
}

/* ---- tests ---- */

/* Whether the drawn shape could be strips. */
static bool check_shape(const Shape *shape, const char *cpu, uint64_t seed)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    Sketch s = sketch_new(arena, "strips");
    make_model(&s, shape);
    expect_good(target_select("", cpu, "", arena, &target, &diag), &diag);
    PassContext context = {.target = &target, .level = 2};
    Tensor inputs[MOST_PORTS], expected = draw_inputs(s.graph, inputs, arena), dumped;
    bool forced = plan(s.graph, &context, &seed, shape->parts, &diag);
    graph_eval(s.graph, inputs, &dumped, arena);
    assert_true(tensor_same_bits(&dumped, &expected)); /* a group of groups means what its members do */
    Compiled compiled;
    expect_good(compiled_new(s.graph, &context, arena, &compiled, &diag), &diag);
    run_and_compare(compiled.model, inputs, &expected, 1);
    if (shape->parts > 1) run_and_compare(compiled.model, inputs, &expected, (int)shape->parts);
    compiled_free(&compiled);
    arena_free(arena);
    return forced;
}

static void drawn_strips_have_the_same_bits(void **state)
{
    const char *cpus[HOST_CPUS];
    int ncpus = host_cpus(cpus), count = getenv("LEPC_SAMPLED") ? 12 : 40, forced = 0;
    for (uint64_t number = 1; number <= (uint64_t)count && ncpus; number++) {
        uint64_t seed = number * 7919;
        Shape shape = draw_shape(&seed);
        forced += check_shape(&shape, cpus[number % (uint64_t)ncpus], seed);
    }
    assert_true(forced * 2 > (ncpus ? count : 0));
}

static void parts_have_the_same_bits(void **state)
{
    const char *cpus[HOST_CPUS];
    static const int64_t parts[] = {1, 2, 3, 8};
    if (!host_cpus(cpus)) skip();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint64_t seed = 5;
        Shape shape = {2, 21, 7, 5, 24, 9, .before = true, .after = true, .residual = true, .parts = parts[i]};
        attr_set_defaults(&op_conv2d.attrs, &shape.window);
        shape.window.groups = shape.channels;
        shape.window.pad.mode = PAD_SAME;
        assert_true(check_shape(&shape, cpus[0], seed));
    }
}

static const char block_text[] =
    "lep 1\n"
    "model bottleneck {\n"
    "  weights seed: 3\n"
    "  input x: f32[1, 28, 28, 16]\n"
    "  e = conv2d(x, out: 96, kernel: 1) |> clamp(low: 0, high: 6)\n"
    "  d = conv2d(e, out: 96, kernel: 3, groups: 96, pad: same) |> clamp(low: 0, high: 6)\n"
    "  p = conv2d(d, out: 16, kernel: 1)\n"
    "  output y = p + x\n"
    "}\n";

static void the_pass_chooses_and_dumps_build_the_same(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    const Ast *ast = ast_parse(arena, source_from_text(arena, "block.lep", block_text), &diag);
    Graph *graph = elaborate(arena, ast, &(ElaborateOptions){.ndims = 0}, &diag);
    expect_good(graph && target_select("", "x86-64-v3", "", arena, &target, &diag), &diag);
    PassContext context = {.target = &target, .level = 2};
    expect_good(pass_pipeline(graph, &context, NULL, NULL, NULL, &diag), &diag);
    assert_int_equal(graph->last->op, OP_group);
    assert_true(group_is_strips(graph->last));
    int members = 0;
    for (const Node *node = leaf_first(graph); node; node = leaf_next(node)) members++;
    assert_int_equal(members, 3);
    check_dump(graph, &context, arena, &diag);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_strips_have_the_same_bits),
        cmocka_unit_test(parts_have_the_same_bits),
        cmocka_unit_test(the_pass_chooses_and_dumps_build_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
