/* What every pass leaves, printed and read back, is the same graph: origins, places and schedules too. */
#include "frontend/frontend.h"
#include "ir/pool.h"
#include "passes/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Check {
    Arena *arena;
    char folder[32];
    int stages;
} Check;

static const char *text_of(Arena *arena, const Graph *graph)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    graph_print(graph, out, (PrintOptions){.origins = true});
    fclose(out);
    const char *copy = arena_copy_chars(arena, text, length);
    free(text);
    return copy;
}

static Graph *read_back(Arena *arena, const char *path, const char *text)
{
    Diag diag = diag_new(arena);
    const Ast *ast = ast_parse(arena, source_from_text(arena, path, text), &diag);
    Graph *graph = ast ? elaborate(arena, ast, &(ElaborateOptions){0}, &diag) : NULL;
    diag_print(&diag, stderr, false);
    assert_non_null(graph);
    return graph;
}

static void visit(void *context, const Pass *pass, const Graph *graph, double seconds)
{
    Check *check = context;
    (void)pass;
    (void)seconds;
    Diag diag = diag_new(check->arena);
    const char *pool = pool_name(pool_of(check->arena, graph));
    assert_true(graph_write_pool(graph, check->folder, &diag));
    const char *path = arena_printf(check->arena, "%s/dump.lep", check->folder);
    const char *text = text_of(check->arena, graph);
    Graph *again = read_back(check->arena, path, text);
    assert_string_equal(text_of(check->arena, again), text);
    assert_int_equal(again->stage, graph->stage);
    if (pool) unlink(arena_printf(check->arena, "%s/%s", check->folder, pool));
    check->stages |= 1 << graph->stage;
}

static Tensor picture(Arena *arena)
{
    Tensor image = tensor_new(arena, type_tensor(U8, 4, (const int64_t[]){1, 12, 12, 3}));
    for (int64_t i = 0; i < type_elements(&image.type); i++) tensor_set_real(&image, i, (double)(i * 89 % 256));
    return image;
}

static void every_pass_reads_back(void **state)
{
    static const char text[] =
        "lep 1\n"
        "block residual(x: f32[N, H, W, C], out: int, stride: int = 1) {\n"
        "  a = conv2d(x, out: out, kernel: 3, stride: stride, pad: same, bias: no)\n"
        "  an = batch_norm(a) |> relu\n"
        "  b = conv2d(an, out: out, kernel: 3, pad: same, bias: no)\n"
        "  skip = when stride == 1 and C == out then x else conv2d(x, out: out, kernel: 1, stride: stride)\n"
        "  return relu(b + skip)\n"
        "}\n"
        "model \"odd name\" \"says \\\"hello\\\"\" {\n"
        "  weights seed: 1\n"
        "  input image: u8[1, 12, 12, 3]\n"
        "  preprocess x = f32(image) / 255.0\n"
        "  s1 = conv2d(x, out: 8, kernel: 3) |> relu |> max_pool(size: 2)\n"
        "  s2 = repeat 2 as i (t = s1) { residual(t, out: 16, stride: when i == 0 then 2 else 1) }\n"
        "  y = dense(flatten(s2), out: 5)\n"
        "  output \"class/1:0\" = softmax(y)\n"
        "  output early = reduce_mean(s1, axes: [1, 2])\n"
        "}\n";
    Arena *arena = arena_new(NULL, NULL);
    Check check = {.arena = arena, .folder = "/tmp/lepc-stages.XXXXXX"};
    Diag diag = diag_new(arena);
    Target target;
    (void)state;
    assert_non_null(mkdtemp(check.folder));
    assert_true(target_select("", "x86-64-v3", "", arena, &target, &diag));
    Graph *graph = read_back(arena, "stages.lep", text);
    const QuantRow all[] = {{.layer = "all", .to = I8, .per_channel = true}, {.layer = "y", .to = F32}};
    const Policy policy = {.nquant = 2, .quant = all, .percentile = 99.99};
    const Tensor image = picture(arena);
    const Samples samples = {.count = 1, .ninputs = 1, .tensors = &image};
    const PassContext context = {.target = &target, .fast = true, .level = 3, .policy = &policy, .samples = &samples};
    assert_true(pass_pipeline(graph, &context, NULL, visit, &check, &diag));
    rmdir(check.folder);
    int wanted =
        1 << STAGE_CORE | 1 << STAGE_QUANTISED | 1 << STAGE_GROUPED | 1 << STAGE_SCHEDULED | 1 << STAGE_PLANNED;
    assert_int_equal(check.stages, wanted);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_pass_reads_back)};
    return cmocka_run_group_tests_name("stages", tests, NULL, NULL);
}
