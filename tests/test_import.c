/* Golden files of imported models, tests/golden/onnx/<case>.txt: a model as tests/support/onnx_text.h has it, then
 *
 *     # ----
 *
 * and what `lepc import` writes of it, or why it does not.  What is written, and dumps, must become the object that the
 * model itself becomes.  GOLDEN_UPDATE=1 writes what came out; --models FOLDER writes the models, from which
 * tests/fuzz/onnx is made. */
#include "frontend/frontend.h"
#include "frontend/onnx/import.h"
#include "frontend/write.h"
#include "tests/support/onnx_text.h"
#include "tests/support/texts.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants these first */
#include <cmocka.h>

static const char mark[] = "# ----\n";

typedef struct Case {
    Arena *arena;
    const char *path, *name; /* name: of the model */
    const char *input, *expected;
    DimBinding dims[4]; /* lines `# dim N = 1..8` on top */
    int ndims;
} Case;

static void no_memory(void *context)
{
    (void)context;
    abort();
}

static void read_dims(Case *c)
{
    char name[32];
    int low, high;
    for (const char *line = c->input; sscanf(line, "# dim %31[^ ] = %d..%d\n", name, &low, &high) == 3;
         line = strchr(line, '\n') + 1) {
        assert_true(c->ndims < 4);
        c->dims[c->ndims++] = (DimBinding){arena_copy_string(c->arena, name), low, high};
    }
}

static Case case_read(Arena *arena, const char *path)
{
    Diag diag = diag_new(arena);
    const Source *file = source_read(arena, path, 1 << 20, &diag);
    assert_non_null(file);
    const char *end = strstr(file->text, mark), *slash = strrchr(path, '/') + 1;
    Case out = {.arena = arena, .path = path, .input = file->text, .expected = ""};
    if (end) out.input = arena_copy_chars(arena, file->text, (size_t)(end - file->text));
    if (end) out.expected = end + strlen(mark);
    read_dims(&out);
    out.name = arena_printf(arena, "%.*s.onnx", (int)strcspn(slash, "."), slash);
    return out;
}

static FILE *text_open(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    assert_non_null(out);
    return out;
}

static const char *text_close(Arena *arena, FILE *out, char **text)
{
    assert_int_equal(fclose(out), 0);
    const char *kept = arena_copy_string(arena, *text);
    free(*text);
    return kept;
}

/* As people get it. */
static const char *written(const Case *c, const Graph *graph)
{
    char *text;
    size_t size;
    Diag diag = diag_new(c->arena);
    FILE *out = text_open(&text, &size);
    writing_text(writing_new(c->arena, graph_clone(c->arena, graph), "model.safetensors"), NULL, out);
    const Source *source = source_from_text(c->arena, "written.lep", text_close(c->arena, out, &text));
    const Ast *ast = ast_parse(c->arena, source, &diag);
    if (!ast) diag_print(&diag, stderr, false);
    assert_non_null(ast);
    out = text_open(&text, &size);
    ast_format(ast, out);
    return text_close(c->arena, out, &text);
}

static const char *complaints(const Case *c, const Diag *diag)
{
    char *text;
    size_t size;
    FILE *out = text_open(&text, &size);
    diag_print(diag, out, false);
    return text_close(c->arena, out, &text);
}

static void becomes_the_same_object(const Case *c, const Graph *graph)
{
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_printf(c->arena, "%s/lepc-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(folder));
    const char *model = arena_printf(c->arena, "%s/%s", folder, c->name);
    onnx_text_write(c->input, model);
    Diag diag = diag_new(c->arena);
    Target target;
    assert_true(target_select("x86_64-linux-gnu", "x86-64-v3", "", c->arena, &target, &diag));
    const PassContext context = {.target = &target, .level = 2, .fast = true};
    const char *wrong = texts_differ(graph, model, &context);
    remove(model);
    rmdir(folder);
    if (wrong) print_error("%s\n", wrong);
    assert_null(wrong);
}

static void update(const Case *c, const char *actual)
{
    FILE *out = fopen(c->path, "w");
    assert_non_null(out);
    fprintf(out, "%s%s%s", c->input, mark, actual);
    assert_int_equal(fclose(out), 0);
}

static void holds(void **state)
{
    Arena *arena = arena_new(no_memory, NULL);
    Case c = case_read(arena, *state);
    Diag diag = diag_new(arena);
    OnnxReport report = {0};
    size_t size;
    const unsigned char *bytes = onnx_text_pack(arena, c.input, &size);
    const Onnx__ModelProto *model = onnx_parse_model(arena, bytes, size, c.name, &diag);
    assert_non_null(model);
    const OnnxOptions options = {.dims = c.dims, .ndims = c.ndims};
    Graph *graph = onnx_import(arena, model, c.name, &options, &report, &diag);
    const char *actual = complaints(&c, &diag);
    if (graph) actual = arena_printf(arena, "%s%s", actual, written(&c, graph));
    if (graph) becomes_the_same_object(&c, graph);
    if (getenv("GOLDEN_UPDATE"))
        update(&c, actual);
    else
        assert_string_equal(actual, c.expected);
    arena_free(arena);
}

static int write_models(const glob_t *files, const char *folder)
{
    for (size_t i = 0; i < files->gl_pathc; i++) {
        Arena *arena = arena_new(no_memory, NULL);
        Case c = case_read(arena, files->gl_pathv[i]);
        onnx_text_write(c.input, arena_printf(arena, "%s/%.*s", folder, (int)strcspn(c.name, "."), c.name));
        arena_free(arena);
    }
    return 0;
}

int main(int argc, char **argv)
{
    enum { MOST = 256 };
    static struct CMUnitTest tests[MOST];
    glob_t files;
    if (glob("tests/golden/onnx/*.txt", 0, NULL, &files) || files.gl_pathc > MOST) return 1;
    if (argc == 3 && !strcmp(argv[1], "--models")) return write_models(&files, argv[2]);
    for (size_t i = 0; i < files.gl_pathc; i++)
        tests[i] =
            (struct CMUnitTest){.name = files.gl_pathv[i], .test_func = holds, .initial_state = files.gl_pathv[i]};
    int failed = _cmocka_run_group_tests("import", tests, files.gl_pathc, NULL, NULL);
    globfree(&files);
    return failed;
}
