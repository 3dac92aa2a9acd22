/* What docs/language.md shows as a program is one: it elaborates without a word, and is in the house's form. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_program(Arena *arena, const char *text)
{
    Diag diag = diag_new(arena);
    const Ast *ast = ast_parse(arena, source_from_text(arena, "language.md", text), &diag);
    const ElaborateOptions options = {.weights_optional = true};
    const Graph *graph = ast ? elaborate(arena, ast, &options, &diag) : NULL;
    diag_print(&diag, stderr, false);
    assert_non_null(graph);
    assert_null(diag.first);
    char *formatted = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&formatted, &length);
    ast_format(ast, out);
    fclose(out);
    assert_string_equal(formatted, text);
    free(formatted);
}

static void programs_are_right(void **state)
{
    static const char begin[] = "```lep\n", end[] = "```\n";
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    (void)state;
    const Source *page = source_read(arena, "docs/language.md", 1 << 20, &diag);
    assert_non_null(page);
    int count = 0;
    for (const char *at = page->text; (at = strstr(at, begin)) != NULL; count++) {
        at += strlen(begin);
        const char *stop = strstr(at, end);
        assert_non_null(stop);
        check_program(arena, arena_copy_chars(arena, at, (size_t)(stop - at)));
    }
    assert_true(count > 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_are_right)};
    return cmocka_run_group_tests_name("documents", tests, NULL, NULL);
}
