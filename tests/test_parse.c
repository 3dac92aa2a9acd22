/* Text to syntax tree: which newlines end a statement, what binds tighter, what counts as one token, recovery. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = arena_new(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static const Ast *parse(Arena *arena, const char *text, Diag *diag)
{
    *diag = diag_new(arena);
    return ast_parse(arena, source_from_text(arena, "test.lep", text), diag);
}

/* The statements of a model around `body`. */
static const AstStatements *statements(Arena *arena, const char *body)
{
    Diag diag;
    const Ast *ast = parse(arena, arena_printf(arena, "lep 1\nmodel m {\n%s\n}\n", body), &diag);
    diag_print(&diag, stderr, false);
    assert_non_null(ast);
    return &ast->tops->body;
}

/* The expression as a tree in brackets. */
static const char *tree(Arena *arena, const AstExpr *expr)
{
    static const char *const words[] = {[AST_NEGATE] = "-",  [AST_NOT] = "not",   [AST_PIPE] = "|>",
                                        [AST_WHEN] = "when", [AST_LIST] = "list", [AST_EXTENT] = "extent"};
    bool leaf = !expr->args.count && expr->kind != AST_CALL && expr->kind != AST_LIST;
    if (leaf) return expr->written ? expr->written : expr->text;
    const char *text =
        arena_printf(arena, "(%s", expr->text && expr->kind != AST_EXTENT ? expr->text : words[expr->kind]);
    for (const AstArg *arg = expr->args.first; arg; arg = arg->next)
        text = arena_printf(arena, "%s %s%s%s", text, arg->key ? arg->key : "", arg->key ? ":" : "",
                            tree(arena, arg->value));
    return arena_printf(arena, "%s)", text);
}

static void expect_tree(Arena *arena, const char *expr, const char *wanted)
{
    const AstStatements *body = statements(arena, arena_printf(arena, "y = %s", expr));
    assert_int_equal(body->count, 1);
    assert_string_equal(tree(arena, body->first->value), wanted);
}

static void operators_bind(void **state)
{
    Arena *a = *state;
    expect_tree(a, "a + b * c - d", "(- (+ a (* b c)) d)");
    expect_tree(a, "a |> f(k: 1) |> g", "(|> (|> a (f k:1)) g)");
    expect_tree(a, "a + b |> f", "(|> (+ a b) f)");
    expect_tree(a, "not a == b and c or d", "(or (and (not (== a b)) c) d)");
    expect_tree(a, "-a * b", "(* (- a) b)");
    expect_tree(a, "when a then b else c |> f", "(when a b (|> c f))");
    expect_tree(a, "a < b", "(< a b)");
}

static void tokens(void **state)
{
    Arena *a = *state;
    expect_tree(a, "f(s2.0.a.weight, to: f32, when: 1)", "(f s2.0.a.weight to:f32 when:1)");
    expect_tree(a, "f(75%, 64KiB, 0.5pt, 1x4)", "(f 75% 64KiB 0.5pt (extent 1 4))");
    expect_tree(a, "f([a, 2], [], inf, none, yes)", "(f (list a 2) (list) inf none yes)");
    expect_tree(a, "\"a\\\"\\\\\\x41\\n\"", "\"a\\\"\\\\\\x41\\n\"");
    const AstStatements *body = statements(a, "y = \"a\\\"\\\\\\x41\\n\"\ndim N = 1..64\nz = 9223372036854775808");
    assert_string_equal(body->first->value->text, "a\"\\A\n");
    assert_true(body->first->next->bounded);
    assert_int_equal(body->first->next->high, 64);
    assert_true(body->last->value->integer == (uint64_t)1 << 63);
}

static void newlines_end_statements(void **state)
{
    Arena *a = *state;
    assert_int_equal(statements(a, "a = b\n\n\n# comment\nc = d")->count, 2);
    assert_int_equal(statements(a, "a = f(b,\n  c\n)\n")->count, 1);
    assert_int_equal(statements(a, "a = b +\n  c\nd =\n  e")->count, 2);
    assert_int_equal(statements(a, "a = b\n  |> f\n  # between\n  |> g\nc = d")->count, 2);
    assert_int_equal(statements(a, "a = when b\n then c\n else d\ne = f")->count, 2);
    assert_int_equal(statements(a, "a = repeat 2 as i (t = x) {\n b = t\n b }\nc = d")->count, 2);
    assert_int_equal(statements(a, "a = f(repeat 2 as i (t = x) {\n b = t\n c = b\n return c })\n")->count, 1);
    /* a minus is an operator wherever it stands, so it cannot begin a line of its own meaning */
    assert_int_equal(statements(a, "a = b\r\nc = d\r\n")->count, 2);
}

static void spans_are_of_the_text(void **state)
{
    const AstStatements *body = statements(*state, "  y = relu(x)\n  z = f(y,\n     x)  # c");
    const AstExpr *call = body->first->value;
    assert_int_equal(call->at.line, 3);
    assert_int_equal(call->at.column, 7);
    assert_int_equal(call->at.length, 7);
    assert_int_equal(call->args.first->at.column, 12);
    /* over several lines: to the end of the first */
    assert_int_equal(body->last->value->at.length, 4);
    assert_int_equal(body->last->first_line, 4);
    assert_int_equal(body->last->last_line, 5);
}

static int count_errors(Arena *arena, const char *text)
{
    Diag diag;
    assert_null(parse(arena, text, &diag));
    return diag.errors;
}

static void errors_do_not_spread(void **state)
{
    Arena *a = *state;
    assert_int_equal(count_errors(a, "lep 1\nmodel m {\n  a = = b\n  c = d\n  e = ) f\n  g = h\n}\n"), 2);
    /* a body on the line of the error is part of it */
    assert_int_equal(count_errors(a, "lep 1\nmodel m {\n  a = repeat x (t = y) {\n b = t\n c = b\n }\n  d = e\n}\n"),
                     1);
    assert_int_equal(count_errors(a, "lep 1\nmodel m what {\n  a = b\n}\nblock f(x) {\n  return x\n}\n"), 2);
    assert_int_equal(count_errors(a, "lep 1\nmodel m {\n  a = f(b\n  c = d\n}\nmodl x {\n}\n"), 2);
    /* a line is refused once, and so is text outside of models */
    assert_int_equal(count_errors(a, "lep 1\nmodel m {\n  a = 'b'\n  c ? d ? e\n}\n"), 2);
    assert_int_equal(count_errors(a, "lep 1\nmodel m {\n  a = b\n}\none line\nand one\n} more\n"), 1);
}

static void hostile_text_is_refused(void **state)
{
    Arena *a = *state;
    Diag diag = diag_new(a);
    static const char *const bad[] = {"lep 1\n\x80",         "lep 1\n\xc0\xaf",
                                      "lep 1\n\xed\xa0\x80", "lep 1\n\xf4\x90\x80\x80",
                                      "lep 1\n\xe2\x82",     "lep 1\n\x1b[31m"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(count_errors(a, bad[i]), 1);
    Source nul = {.path = "test.lep", .text = "lep 1\n\0model", .length = 12};
    assert_null(ast_parse(a, &nul, &diag));
    assert_int_equal(diag.errors, 1);
    char *deep = arena_alloc(a, 100001);
    memset(deep, '(', 100000);
    assert_int_equal(count_errors(a, arena_printf(a, "lep 1\nmodel m {\n a = %s\n}\n", deep)), 1);
    memset(deep, '-', 100000);
    assert_int_equal(count_errors(a, arena_printf(a, "lep 1\nmodel m {\n a = %sx\n}\n", deep)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operators_bind, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(newlines_end_statements, setup, teardown),
        cmocka_unit_test_setup_teardown(spans_are_of_the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_do_not_spread, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_text_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
