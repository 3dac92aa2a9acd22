/* Sizes that the data decides: machine code counts what eval counts, from nothing up to all there may be, and touches
 * nothing outside of the caller's buffers, of which outputs have room for the most. */
#include "frontend/frontend.h"
#include "ir/bounded.h"
#include "ir/count.h"
#include "ir/eval.h"
#include "runtime/pool.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_PORTS = 8 };

static Graph *parse(Arena *arena, const char *text, Diag *diag)
{
    const Source *source = source_from_text(arena, "counted.lep", text);
    Ast *ast = ast_parse(arena, source, diag);
    Graph *graph = ast ? elaborate(arena, ast, NULL, diag) : NULL;
    if (diag->errors) diag_print(diag, stderr, false);
    return graph;
}

/* ---- one run ---- */

/* So many of ten elements are not 0, and values repeat. */
static void fill(Tensor *tensor, int share, uint32_t seed)
{
    bool real = dtype_is_float(tensor->type.dtype);
    for (int64_t i = 0; i < type_elements(&tensor->type); i++) {
        seed = seed * 1664525 + 1013904223;
        bool zero = (int)(seed >> 16) % 10 >= share;
        int64_t value = zero ? 0 : 1 + (int64_t)(seed >> 24) % 5;
        if (real)
            tensor_set_real(tensor, i, (double)value * 0.25);
        else
            tensor_set(tensor, i, (Scalar){.integer = tensor->type.dtype == BOOL ? value > 0 : value});
    }
}

static Tensor *draw_inputs(Arena *arena, const Graph *graph, int share)
{
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, MOST_PORTS);
    uint32_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[count] = tensor_new(arena, node->types[0]);
        fill(&inputs[count], share, 17 * (uint32_t)share + count);
        count++;
    }
    return inputs;
}

typedef struct Run {
    Guard guards[MOST_PORTS + 1];
    void *bases[MOST_PORTS + 4];
    int count;
} Run;

static void add_buffer(Run *run, size_t bytes, const void *data, bool at_end)
{
    Guard guard = guard_new(bytes, 0, at_end);
    if (data && bytes)
        memcpy(guard.data, data, bytes);
    else
        memset(guard.data, 0xff, bytes);
    run->guards[run->count] = guard;
    run->bases[run->count++] = guard.data;
}

static void check_sizes(const Graph *graph, const int64_t *found, const int64_t *expected)
{
    for (int i = 0; i < graph->ndims; i++)
        if (found[i] != expected[i])
            fail_msg("%s: counted %lld for %s, eval %lld", graph->name, (long long)found[i], graph->dims[i].name,
                     (long long)expected[i]);
}

/* `sizes` of the caller's dims; those that are counted are set by eval, and compared. */
static void check_run(const Graph *graph, const LepModel *model, const int64_t *given, int share, struct lep_pool *pool)
{
    Arena *arena = arena_child(graph->arena);
    Diag diag = diag_new(arena);
    int64_t sizes[MAX_DIMS] = {0}, found[MAX_DIMS] = {0};
    for (int i = 0; i < graph->ndims; i++) found[i] = sizes[i] = graph->dims[i].computed ? 0 : given[i];
    const Graph *bound = graph_bind(arena, graph, sizes, &diag);
    assert_non_null(bound);
    Tensor *inputs = draw_inputs(arena, bound, share), *expected = ARENA_ARRAY(arena, Tensor, bound->nresults);
    EvalStates counted = {.sizes = sizes};
    graph_eval_step(bound, inputs, &counted, expected, arena);
    for (int at_end = 0; at_end < 2; at_end++) {
        Run run = {.count = 0};
        for (int64_t i = 0; i < model->ninputs; i++)
            add_buffer(&run, (size_t)type_bytes(&inputs[i].type), inputs[i].data, at_end);
        for (int64_t i = 0; i < model->noutputs; i++)
            add_buffer(&run, (size_t)type_bytes(value_type(bound->results[i].value)), NULL, at_end);
        add_buffer(&run, (size_t)(model->arena_bytes + 63) / 64 * 64, NULL, false);
        run.bases[run.count + 2] = found;
        assert_int_equal(model->run(run.bases, pool), LEP_OK);
        check_sizes(graph, found, sizes);
        for (int64_t i = 0; i < model->noutputs; i++) {
            Tensor result = {expected[i].type, run.bases[model->ninputs + i]};
            if (!tensor_same_bits(&result, &expected[i]))
                fail_msg("%s: output %lld differs where %d of 10 are not 0", graph->name, (long long)i, share);
        }
        for (int i = 0; i < run.count; i++) {
            assert_true(guard_intact(&run.guards[i]));
            guard_free(&run.guards[i]);
        }
    }
    arena_free(arena);
}

/* Nothing, some, most and all; with each size of the first dim that the caller gives, if there is one. */
static void check_runs(const Graph *graph, const LepModel *model, struct lep_pool *pool)
{
    static const int shares[] = {0, 1, 3, 5, 8, 10};
    int64_t given[MAX_DIMS], steps = 0;
    for (int i = 0; i < graph->ndims; i++)
        if (!graph->dims[i].computed) steps = graph->dims[i].high - graph->dims[i].low;
    for (int64_t step = 0; step <= steps; step++) {
        for (int i = 0; i < graph->ndims; i++) given[i] = graph->dims[i].low + step;
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) check_run(graph, model, given, shares[i], pool);
    }
}

/* ---- a model, on the processors that there are ---- */

static void check_text(const LoopProgram *program, Arena *arena)
{
    for (int i = 0; i < program->nsteps; i++) {
        char *texts[2];
        size_t size;
        LoopFunction *step = program->steps[i];
        for (int k = 0; k < 2; k++) {
            FILE *out = open_memstream(&texts[k], &size);
            loop_print(step, arena, out);
            fclose(out);
            int count;
            Diag diag = diag_new(arena);
            LoopFunction **parsed = loop_parse(arena, source_from_text(arena, "loops", texts[k]), &count, &diag);
            assert_non_null(parsed);
            step = parsed[0];
            assert_true(loop_verify(step, &diag));
        }
        assert_string_equal(texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
    }
}

static void check_loops(const Graph *graph, const PassContext *context, Arena *arena, Diag *diag)
{
    LoopProgram program = {.arena = arena};
    Graph *planned = graph_clone(arena, graph);
    assert_true(pass_pipeline(planned, context, NULL, NULL, NULL, diag));
    assert_true(lower_graph(planned, context->target, &program, diag));
    check_text(&program, arena);
}

static void check_model(const char *text)
{
    const char *cpus[HOST_CPUS];
    int count = host_cpus(cpus);
    for (int i = 0; i < 2 * count && i < 4; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        Graph *graph = parse(arena, text, &diag);
        Target target;
        Compiled compiled;
        assert_non_null(graph);
        assert_true(target_select("", cpus[i / 2], "", arena, &target, &diag));
        PassContext context = {.target = &target, .level = 2, .threads = i % 2 ? 3 : 1};
        check_loops(graph, &context, arena, &diag);
        bool made = compiled_new(graph_clone(arena, graph), &context, arena, &compiled, &diag);
        if (!made) diag_print(&diag, stderr, false);
        assert_true(made);
        struct lep_pool *pool = i % 2 ? lep_pool_new(3) : NULL;
        check_runs(graph, compiled.model, pool);
        lep_pool_free(pool);
        compiled_free(&compiled);
        arena_free(arena);
    }
}

/* ---- what is found ---- */

static void a_number_is_a_size(void **state)
{
    check_model(
        "lep 1\n\nmodel number {\n  dim K = 0..40\n  input n: i64[]\n  input x: f32[40, 3]\n"
        "  size = define_size(n * 9, count: \"K\")\n  y: f32[K, 3] = shorten(x * 2.0, size, to: \"K\")\n"
        "  output y = y + 1.0\n  output last = shorten(transpose(x, permute: [1, 0]), size, to: \"K\", axis: 1)\n"
        "  output s = reduce_sum(y, axes: [0])\n  output n = size\n}\n");
}

static void what_a_condition_chooses(void **state)
{
    check_model("lep 1\n\nmodel chosen {\n  input x: f32[35, 5]\n  input c: bool[35]\n  input d: bool[4]\n"
                "  y = compress(x, c)\n  output y = relu(y - 0.5)\n  output sum = reduce_sum(y, axes: [0])\n"
                "  output columns = compress(x, d, axis: 1)\n}\n");
}

static void what_is_not_zero(void **state)
{
    check_model("lep 1\n\nmodel places {\n  input x: f32[7, 3, 5]\n  input i: i64[1]\n  z = nonzero(x)\n"
                "  output z = z\n  output columns = transpose(z, permute: [1, 0])\n  output one = nonzero(i)\n}\n");
}

static void what_comes_more_than_once(void **state)
{
    check_model("lep 1\n\nmodel once {\n  input x: f32[43]\n  u = unique(x)\n  v = unique(x, sorted: no)\n"
                "  output values = u.values\n  output indices = u.indices\n  output inverse = u.inverse\n"
                "  output counts = f32(u.counts) * 0.5\n  output first = v.values\n  output which = v.inverse\n}\n");
    check_model("lep 1\n\nmodel rows {\n  dim K = 0..4\n  input x: u8[2, 21, 2]\n  input c: bool[19, 3]\n"
                "  u = unique(x, axis: 1, sorted: no)\n  v = unique(c, count: \"K\")\n  output values = u.values\n"
                "  output inverse = u.inverse\n  output sum = reduce_sum(f32(u.values), axes: [1])\n"
                "  output few: bool[K, 3] = v.values\n  output which = v.inverse\n  output counts = v.counts\n}\n");
}

/* What is found in what is known when compiling is counted when running even so. */
static void sizes_that_are_known(void **state)
{
    check_model("lep 1\n\nmodel known {\n  dim K = 0..8\n  input x: f32[8]\n  n = define_size(i64(3), count: \"K\")\n"
                "  output y = shorten(x, n, to: \"K\")\n  output z = nonzero(f32([0, 2, 0, 1]))\n}\n");
}

static void what_is_found_among_as_many_as_the_caller_says(void **state)
{
    check_model("lep 1\n\nmodel where {\n  dim N = 0..5\n  input x: f32[N, 3]\n  output z = nonzero(x)\n}\n");
    check_model("lep 1\n\nmodel which {\n  dim N = 1..9\n  input x: f32[N, 3]\n  input y: f32[N]\n"
                "  output w = compress(x, y > 0.3)\n}\n");
}

static void no_more_than_there_is_room_for(void **state)
{
    check_model("lep 1\n\nmodel room {\n  dim K = 0..6\n  input x: f32[50]\n  input c: bool[50]\n"
                "  output y: f32[K] = compress(x, c, count: \"K\")\n  output z = nonzero(x)\n}\n");
}

/* Scores of 0 are none, many are equal, and threads take parts of the large one. */
static void boxes_that_overlap_no_better_one(void **state)
{
    check_model("lep 1\n\nmodel boxes {\n  dim K = 0..8\n  input boxes: f32[2, 11, 4]\n  input scores: f32[2, 3, 11]\n"
                "  chosen = non_max_suppression(boxes, scores, max: 4, iou: 0.3, score: 0.1)\n"
                "  output chosen = chosen\n  output box = gather_nd(boxes, gather(chosen, i64([0, 2]), axis: 1))\n"
                "  output few = non_max_suppression(boxes, scores, count: \"K\", max: 99, center: yes)\n}\n");
    check_model("lep 1\n\nmodel many {\n  input boxes: f32[1, 300, 4]\n  input scores: f32[1, 30, 300]\n"
                "  output chosen = non_max_suppression(boxes, scores, max: 3)\n}\n");
}

/* ---- what is refused ---- */

static void check_refused(const char *text)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Ast *ast = ast_parse(arena, source_from_text(arena, "refused.lep", text), &diag);
    if (ast && elaborate(arena, ast, NULL, &diag)) fail_msg("not refused:\n%s", text);
    assert_true(diag.errors > 0);
    arena_free(arena);
}

/* Of a dump, which is hostile input. */
static void dumps_that_lie(void **state)
{
    static const char *const bodies[] = {
        /* sound: */ "  n: i64[] = define_size(c, count: \"K\")\n  y: f32[K] = shorten(x, n, to: \"K\")\n",
        /* twice */
        ("  n: i64[] = define_size(c, count: \"K\")\n  m: i64[] = define_size(c, count: \"K\")\n"
         "  y: f32[K] = shorten(x, n, to: \"K\")\n"),
        /* another number */
        "  n: i64[] = define_size(c, count: \"K\")\n  y: f32[K] = shorten(x, c, to: \"K\")\n",
        /* before */
        "  y: f32[K] = shorten(x, c, to: \"K\")\n  n: i64[] = define_size(c, count: \"K\")\n",
        /* of an input's dim */
        "  n: i64[] = define_size(c, count: \"N\")\n  y: f32[N] = shorten(x, n, to: \"N\")\n",
        /* of a longer dim */
        "  n: i64[] = define_size(c, count: \"L\")\n  y: f32[L] = shorten(x, n, to: \"L\")\n",
        /* never */ "  y: f32[K] = shorten(x, c, to: \"K\")\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        const char *text =
            arena_printf(arena,
                         "lep 1 stage core\n\nmodel m {\n  dim K = 0..8\n  dim N = 0..8\n  dim L = 0..9\n"
                         "  input x: f32[8]\n  input z: f32[N]\n  input c: i64[]\n%s  output y = y\n}\n",
                         bodies[i]);
        Ast *ast = ast_parse(arena, source_from_text(arena, "dump.lep", text), &diag);
        bool read = ast && elaborate(arena, ast, NULL, &diag);
        if (read != (i == 0)) diag_print(&diag, stderr, false);
        if (read != (i == 0)) fail_msg("%s:\n%s", read ? "not refused" : "refused", text);
        arena_free(arena);
    }
}

static void nests_that_lie(void **state)
{
    static const char *const bodies[] = {
        /* sound: */ "  let s.0 = min(max(n[0], i64(0)), i64(8))\n  resize 1 in 0..8 = s.0\n",
        /* anything */ "  let s.0 = n[0]\n  resize 1 in 0..8 = s.0\n",
        /* beyond */ "  let s.0 = min(max(n[0], i64(0)), i64(9))\n  resize 1 in 0..8 = s.0\n",
        /* one that is in use */ "  let s.0 = min(max(n[0], i64(0)), i64(8))\n  resize 0 in 0..8 = s.0\n",
        /* again and again */
        "  for i in 0..4 {\n    let s.0 = min(max(n[0], i64(0)), i64(8))\n    resize 1 in 0..8 = s.0\n  }\n",
        /* no number */ "  let s.0 = min(max(f[0], f32(0.0)), f32(8.0))\n  resize 1 in 0..8 = s.0\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        int count;
        const char *text = arena_printf(arena,
                                        "func f {\n  size N = 0 in 0..8\n  buffer n: i64[1] input align 1\n  buffer f: "
                                        "f32[1] input 1 align 1\n%s}\n",
                                        bodies[i]);
        LoopFunction **parsed = loop_parse(arena, source_from_text(arena, "loops", text), &count, &diag);
        bool sound = parsed && loop_verify(parsed[0], &diag);
        if (sound != (i == 0)) fail_msg("%s:\n%s", sound ? "not refused" : "refused", text);
        arena_free(arena);
    }
}

static void texts_that_cannot_be(void **state)
{
    check_refused("lep 1\n\nmodel turn {\n  input x: f32[4, 6]\n  r = scan x over 0 as row (s: f32[6] = 0) {\n"
                  "    z = nonzero(row)\n    next s = s + row\n    return s\n  }\n  output s = r.s\n}\n");
    check_refused("lep 1\n\nmodel early {\n  dim K = 0..6\n  input x: f32[K]\n  input y: f32[6]\n"
                  "  output z = nonzero(y, count: \"K\")\n  output x = x\n}\n");
    check_refused("lep 1\n\nmodel some {\n  dim K = 1..6\n  input y: f32[6]\n"
                  "  output z = nonzero(y, count: \"K\")\n}\n");
}

/* A dim that nothing counts any more is none of the caller's either. */
static void what_nobody_needs_is_not_counted(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Graph *graph =
        parse(arena, "lep 1\n\nmodel dead {\n  input x: f32[6]\n  z = nonzero(x)\n  output y = x + 1.0\n}\n", &diag);
    assert_non_null(graph);
    assert_int_equal(graph->ndims, 1);
    assert_true(pass_pipeline(graph, &(PassContext){.level = 2}, "dce", NULL, NULL, &diag));
    assert_int_equal(graph->ndims, 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_a_size),
        cmocka_unit_test(what_a_condition_chooses),
        cmocka_unit_test(what_is_not_zero),
        cmocka_unit_test(what_comes_more_than_once),
        cmocka_unit_test(sizes_that_are_known),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(boxes_that_overlap_no_better_one),
        cmocka_unit_test(dumps_that_lie),
        cmocka_unit_test(nests_that_lie),
        cmocka_unit_test(what_is_found_among_as_many_as_the_caller_says),
        cmocka_unit_test(texts_that_cannot_be),
        cmocka_unit_test(what_nobody_needs_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
