/* Loop nests: their text prints, parses and prints the same; what may not run is refused by name. */
#include "backend/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void escape(void *context) { longjmp(*(jmp_buf *)context, 1); }

typedef struct Case {
    Arena *arena;
    Diag diag;
    jmp_buf jump;
} Case;

static void open_case(Case *c)
{
    c->arena = arena_new(escape, &c->jump);
    c->diag = diag_new(c->arena);
}

static LoopFunction **parse(Case *c, const char *text, size_t length, int *count)
{
    Source *source = ARENA_NEW(c->arena, Source);
    *source = (Source){"nest.loops", arena_copy_chars(c->arena, text, length), length};
    return loop_parse(c->arena, source, count, &c->diag);
}

static char *print_all(Case *c, LoopFunction **functions, int count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < count; i++) loop_print(functions[i], c->arena, out);
    fclose(out);
    char *copy = arena_copy_string(c->arena, text);
    free(text);
    return copy;
}

/* ---- text ---- */

static const char everything[] = "func c1 work 2.0 read 1e+30 written 0.125 scratch 256 at 64 {\n"
                                 "  buffer x: u8[784] input align 1\n"
                                 "  buffer \"for\": f32[288] constant offset 128 align 64\n"
                                 "  buffer \"a \\\"b\\\"\\n\": f32[6000] output 1 align 1 writable\n"
                                 "  buffer s: i32[64] stack align 4 writable\n"
                                 "  buffer own: f32[32] scratch offset 128 align 64 writable\n"
                                 "  buffer t: i32[64] constant offset 64 align 64 below 33\n"
                                 "  register acc: f32x16[24]\n"
                                 "  register flag: bool[1]\n"
                                 "  register square: i8x4[4]\n"
                                 "  for c in 0..13 {\n"
                                 "    for \"a.1 b\" in 0..96 step 2 {\n"
                                 "      let a.0 = splat(cast(f32, x[28*c + \"a.1 b\" + 3]), 16)\n"
                                 "      let b = fma(a.0, \"for\"[16 : 16], f32x16(-0.1))\n"
                                 "      unroll r in -1..1 {\n"
                                 "        acc[r + 1] = b\n"
                                 "      }\n"
                                 "      acc[2] = select(lt(acc[0], f32x16(inf)), acc[1], f32x16(nan))\n"
                                 "      flag[0] = ne(index(i64, -2*c + \"a.1 b\" - 1), i64(-9223372036854775808))\n"
                                 "    }\n"
                                 "    if c - 1 >= 0 and -c + 5 >= 0 {\n"
                                 "      \"a \\\"b\\\"\\n\"[416*c : 16 active 10] = acc[2]\n"
                                 "      \"a \\\"b\\\"\\n\"[416*c : 4 stride -1 active 1] = lane(f32x4)\n"
                                 "    }\n"
                                 "    s[c] = fold(max, cast(i32, \"for\"[c : 8 stride 0]))\n"
                                 "    s[c : 2] = dot(i32x2(1), splat(x[c : 4], 8), i8x8(-3))\n"
                                 "    let first = t[c]\n"
                                 "    let limit = t[c + 1]\n"
                                 "    for k in first to limit {\n"
                                 "      acc[k] = \"for\"[16*c at limit : 16]\n"
                                 "      s[k at first : 4 stride 2 active 3] = i32x4(7)\n"
                                 "    }\n"
                                 "    fill s[0] count 64 = i32(-1)\n"
                                 "    prefetch \"for\"[16*c]\n"
                                 "    transpose square\n"
                                 "  }\n"
                                 "}\n"
                                 "func \"second layer\" {\n"
                                 "  parallel y in 0..4 step 4 {\n"
                                 "  }\n"
                                 "}\n";

static void text_comes_back_the_same(void **state)
{
    Case c;
    open_case(&c);
    int count;
    LoopFunction **functions = parse(&c, everything, strlen(everything), &count);
    if (!functions) diag_print(&c.diag, stderr, false);
    assert_non_null(functions);
    assert_int_equal(count, 2);
    assert_string_equal(print_all(&c, functions, count), everything);
    assert_int_equal(functions[0]->nbuffers, 6);
    assert_string_equal(functions[0]->buffers[2]->name, "a \"b\"\n");
    assert_true(functions[0]->multiply_adds == 2 && functions[0]->bytes_written == 0.125);
    arena_free(c.arena);
}

/* What lexical and syntactic errors say, and where. */
static void bad_text_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text;
        DiagCode code;
        int line, column;
        const char *message;
    } rows[] = {
        {"", E0101, 1, 1, "expected 'func'"},
        {"func", E0101, 1, 5, "a function's name"},
        {"func f {", E0101, 1, 9, "expected a statement"},
        {"func f { }\n}", E0101, 2, 1, "expected 'func'"},
        {"func f { ? }", E0102, 1, 10, "expected a name"},
        {"func f { \"x", E0102, 1, 10, "expected a name"},
        {"func f {\n  buffer x: f33[1] input align 1 }", E0101, 2, 13, "expected a type"},
        {"func f { buffer x: f32[0] input align 1 }", E0104, 1, 24, "from 1 to"},
        {"func f { buffer x: f32[4] elsewhere align 1 }", E0101, 1, 27, "stack, scratch, input"},
        {"func f { buffer x: f32[4] input align 1 buffer x: f32[4] input align 1 }", E0202, 1, 48, "taken"},
        {"func f { for i in 0..5 step 2 { } }", E0404, 1, 31, "divides"},
        {"func f { for i in 0..99999999999999999999 { } }", E0102, 1, 22, "expected"},
        {"func f { x[0] = f32(0) }", E0201, 1, 10, "called 'x'"},
        {"func f { register a: f32[1] a[i] = f32(0) }", E0201, 1, 31, "variable 'i'"},
        {"func f { register a: f32[1] a[0] = f32x2(0) }", E0302, 1, 45, "expected a value of f32"},
        {"func f { register a: f32[1] a[0] = add(f32(0), f32x2(0)) }", E0301, 1, 56, "operand of 1 lanes"},
        {"func f { register a: f32[1] a[0] = wat(f32(0)) }", E0203, 1, 40, "'wat'"},
        {"func f { register a: f32[1] a[0] = b }", E0201, 1, 36, "called 'b'"},
        {"func f { register a: f32[4] a[0] = a[0 : 2 stride 2] }", E0101, 1, 54, "a number of elements only"},
        {"func f { register a: f32x2[4] a[0] = a[0 : 2] }", E0101, 1, 47, "only scalars"},
        {"func f { let a = splat(f32x4(1), 6) }", E0301, 1, 35, "lanes that divide 6, found 4"},
        {"func f { let a = dot(f32(1), i8x4(1), i8x4(1)) }", E0302, 1, 46, "a sum of i32"},
        {"func f { let a = dot(i32x2(1), i8x5(1), i8x5(1)) }", E0301, 1, 48, "found 5 and 5"},
        {"func f { let a = f32(1) for i in a to a { } }", E0302, 1, 34, "element of a table"},
        {"func f { for i in a to a { } }", E0201, 1, 19, "element of a table"},
        {"func f { buffer t: i32[4] constant align 4 below 0 }", E0104, 1, 50, "from 1 to"},
        {"func f { let a = f32(1) let a = f32(2) }", E0202, 1, 29, "taken"},
        {"func f { transpose a }", E0201, 1, 20, "called 'a'"},
        {"func f { register a: f32x4[2] transpose a }", E0302, 1, 41, "as many elements as lanes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Case c;
        open_case(&c);
        int count;
        assert_null(parse(&c, rows[i].text, strlen(rows[i].text), &count));
        assert_int_equal(c.diag.errors, 1);
        if (c.diag.first->at.column != rows[i].column) diag_print(&c.diag, stderr, false);
        assert_int_equal(c.diag.first->code, rows[i].code);
        assert_int_equal(c.diag.first->at.line, rows[i].line);
        assert_int_equal(c.diag.first->at.column, rows[i].column);
        assert_non_null(strstr(c.diag.first->message, rows[i].message));
        arena_free(c.arena);
    }
}

/* Every beginning of a good text, and the text with every character replaced, is read to its end or refused. */
static void damaged_text_does_no_harm(void **state)
{
    static const char strange[] = "\"{}[()*-.x9\\\xff";
    size_t length = strlen(everything);
    char text[sizeof everything];
    for (size_t i = 0; i < length; i++) {
        Case c;
        open_case(&c);
        int count;
        parse(&c, everything, i, &count);
        memcpy(text, everything, sizeof text);
        text[i] = strange[i % (sizeof strange - 1)];
        c.diag = diag_new(c.arena);
        LoopFunction **functions = parse(&c, text, length, &count);
        for (int k = 0; functions && k < count; k++) loop_verify(functions[k], &c.diag);
        arena_free(c.arena);
    }
}

static void deep_text_is_refused(void **state)
{
    Case c;
    open_case(&c);
    size_t levels = 100000;
    char *text = arena_alloc(c.arena, 64 + levels * 4), *to = text;
    to += sprintf(to, "func f { register a: f32[1] a[0] = ");
    for (size_t i = 0; i < levels; i++) to += sprintf(to, "neg(");
    int count;
    assert_null(parse(&c, text, strlen(text), &count));
    assert_int_equal(c.diag.first->code, E0105);
    arena_free(c.arena);
}

/* ---- verification ---- */

/* Verifies the body in a function with some buffers and registers; the first complaint or "". */
static void verifies(const char *body, const char *complaint)
{
    static const char head[] =
        "func f scratch 64 at 128 {\n  buffer x: f32[100] input align 4\n  buffer y: f32[100] arena align 64 writable\n"
        "  buffer s: f32[8] stack align 4 writable\n  buffer b: bool[4] arena align 1 writable\n"
        "  buffer h: f16[4] arena align 2 writable\n  buffer t: i32[10] constant align 64 below 51\n"
        "  register r: f32[4]\n  register v: f32x8[2]\n";
    Case c;
    open_case(&c);
    int count;
    char *text = arena_printf(c.arena, "%s%s}\n", head, body);
    LoopFunction **functions = parse(&c, text, strlen(text), &count);
    if (!functions) diag_print(&c.diag, stderr, false);
    assert_non_null(functions);
    bool good = loop_verify(functions[0], &c.diag);
    assert_int_equal(good, c.diag.errors == 0);
    if (good != (*complaint == 0) || (!good && !strstr(c.diag.first->message, complaint))) {
        fprintf(stderr, "%s: expected \"%s\"\n", body, complaint);
        diag_print(&c.diag, stderr, false);
        fail();
    }
    arena_free(c.arena);
}

static void accesses_are_proven_in_bounds(void **state)
{
    verifies("for i in 0..100 { y[i] = x[i] }", "");
    verifies("for i in 0..100 { y[i] = x[-i + 99] }", "");
    verifies("for i in 0..101 { y[i] = f32(0) }", "'y' has elements 0 to 99, and 0 to 100");
    verifies("for i in -1..9 { y[i] = f32(0) }", "-1 to 8");
    verifies("for i in 0..96 step 8 { y[i : 8] = x[i + 4 : 8] }", "");
    verifies("for i in 0..104 step 8 { y[i : 8] = f32x8(0) }", "0 to 103");
    verifies("y[93 : 8 active 7] = x[0 : 8]", "");
    verifies("y[93 : 8] = x[0 : 8]", "93 to 100");
    verifies("y[0 : 8] = x[0 : 8 stride 14]", "");
    verifies("y[0 : 8] = x[0 : 8 stride 15]", "0 to 105");
    verifies("y[0 : 8] = x[6 : 8 stride -1]", "-1 to 6");
    verifies("for i in 0..10 { for j in 0..10 { y[10*i + j] = f32(0) } }", "");
    verifies("for i in 0..10 { for j in 0..11 { y[10*i + j] = f32(0) } }", "0 to 100");
    verifies("fill y[90] count 10 = f32(0)", "");
    verifies("fill y[91] count 10 = f32(0)", "91 to 100");
    verifies("for i in 0..100 { prefetch x[64*i] }", "");
    verifies("buffer own: f32[16] scratch align 64 writable own[15] = f32(0)", "");
    verifies("buffer own: f32[16] scratch offset 4 align 4 writable own[15] = f32(0)",
             "behind the scratch of 64 bytes");
}

static void tables_say_what_they_are_below(void **state)
{
    verifies("let o = t[3] for i in 0..50 { y[i] = x[i at o] }", "");
    verifies("let o = t[3] for i in 0..51 { y[i] = x[i at o] }", "'x' has elements 0 to 99, and 0 to 100");
    verifies("let o = t[3] y[0 : 8] = x[42 at o : 8]", "");
    verifies("let o = t[3] y[0 : 8] = x[43 at o : 8]", "43 to 100");
    verifies("let a = t[0] let b = t[1] for i in a to b { y[2*i] = x[i] }", "");
    verifies("let a = t[0] let b = t[1] for i in a to b { y[2*i + 2] = x[i] }", "2 to 100");
    verifies("let a = t[0] let b = t[1] for i in a to b { r[0] = x[i] } y[0] = r[0]", "used before");
    verifies("let a = t[0] let b = t[1] for i in a to b { r[i] = x[i] }", "not unrolled");
    verifies("for j in 0..2 { if j >= 0 { let a = t[0] } y[1] = x[0 at a] }", "may be anything");
}

static void offsets_are_proven_by_what_clamps_them(void **state)
{
    verifies("let o = min(max(t[0], i32(0)), i32(99)) y[0] = x[0 at o]", "");
    verifies("buffer k: i64[9] input align 1 let o = cast(i32, min(max(k[0], i64(0)), i64(99))) y[0] = x[0 at o]", "");
    verifies("buffer k: i32[9] input align 1 let o = min(max(k[0], i32(0)), i32(100)) y[0] = x[0 at o]", "0 to 100");
    verifies("buffer k: i32[9] input align 1 let o = add(mul(min(max(k[0 : 8], i32x8(0)), i32x8(9)), i32x8(10)), "
             "lane(i32x8)) y[0 : 8] = x[2 at o : 8 stride 0]",
             "");
    verifies("buffer k: i32[9] input align 1 let o = add(mul(min(max(k[0 : 8], i32x8(0)), i32x8(9)), i32x8(10)), "
             "lane(i32x8)) y[0 : 8] = x[3 at o : 8 stride 0]",
             "3 to 100");
    verifies("let o = select(lt(t[0], i32(3)), t[1], i32(90)) y[0] = x[9 at o]", "");
    verifies("let o = select(lt(t[0], i32(3)), t[1], i32(90)) y[0] = x[10 at o]", "10 to 100");
    verifies("buffer k: i32[9] input align 1 let o = and(k[0], i32(63)) y[0] = x[36 at o]", "");
    verifies("buffer k: i32[9] input align 1 let o = and(k[0], i32(63)) y[0] = x[37 at o]", "37 to 100");
    /* of what is written as of what is read */
    verifies("let o = t[0] y[49 at o] = x[0]", "");
    verifies("let o = t[0] y[50 at o] = x[0]", "50 to 100");
    verifies("buffer k: i32[9] input align 1 let o = min(max(k[0], i32(0)), i32(92)) y[0 at o : 8] = x[0 : 8]", "");
    verifies("buffer k: i32[9] input align 1 let o = min(max(k[0], i32(0)), i32(93)) y[0 at o : 8] = x[0 : 8]",
             "0 to 100");
    verifies("buffer k: i32[9] input align 1 let o = min(max(k[0 : 8], i32x8(0)), i32x8(92)) y[0 at o : 8] = x[0 : 8]",
             "");
    verifies("buffer k: i32[9] input align 1 let o = min(max(k[0 : 8], i32x8(0)), i32x8(93)) y[0 at o : 8] = x[0 : 8]",
             "0 to 100");
    verifies("let o = min(max(t[0 : 4], i32x4(0)), i32x4(9)) y[0 at o : 8] = x[0 : 8]", "may be anything");
}

static void parts_keep_apart(void **state)
{
    verifies("parallel i in 0..10 { for j in 0..10 { y[10*i + j] = x[j] } }", "");
    verifies("parallel i in 0..9 { for j in 0..11 { y[10*i + j] = x[j] } }", "the same elements of 'y'");
    verifies("parallel i in 0..10 { y[0] = x[i] }", "the same elements of 'y'");
    verifies("parallel i in 0..10 { fill y[10*i] count 10 = f32(0) }", "");
    verifies("parallel i in 0..9 { fill y[10*i] count 11 = f32(0) }", "the same elements of 'y'");
    verifies("parallel i in 0..90 step 10 { y[i : 8 stride 1] = x[i : 8] }", "");
    verifies("parallel i in 0..12 { y[8*i : 8] = x[0 : 8] }", "");
    verifies("parallel i in 0..12 { y[4*i : 8] = x[0 : 8] }", "the same elements of 'y'");
    verifies("parallel i in 0..12 { y[7*i : 8 active 7] = x[0 : 8] }", "");
    /* columns of a matrix: apart modulo its width */
    verifies("parallel i in 0..2 { for j in 0..10 { for k in 0..5 { y[5*i + 10*j + k] = x[j] } } }", "");
    verifies("parallel i in 0..2 { for j in 0..10 { for k in 0..5 { y[4*i + 10*j + k] = x[j] } } }", "the same");
    verifies("parallel i in 0..2 { for j in 0..10 { for k in 0..5 { y[5*i + 9*j + k] = x[j] } } }", "the same");
    verifies("parallel i in 0..3 { for j in 0..9 { for k in 0..4 { if -4*i - k + 9 >= 0 {"
             " y[4*i + 10*j + k] = x[j] } } } }",
             "");
    verifies("parallel i in 0..3 { for j in 0..8 { for k in 0..4 { y[4*i + 10*j + k] = x[j] } } }", "the same");
    /* what others write is not read either */
    verifies("parallel i in 0..10 { for j in 0..10 { y[10*i + j] = y[10*i + 9] } }", "");
    verifies("parallel i in 0..10 { for j in 0..10 { y[10*i + j] = y[j] } }", "the same elements of 'y'");
    verifies("parallel i in 0..9 { let a = y[10*i + 10] y[10*i] = a }", "the same elements of 'y'");
    verifies("let o = t[3] parallel i in 0..10 { y[i] = x[i] }", "");
    verifies("parallel i in 0..10 { let o = t[i] y[i] = y[0 at o] }", "the same elements of 'y'");
    verifies("parallel i in 0..10 { let o = t[i] y[0 at o] = x[i] }", "the same elements of 'y'");
    verifies("parallel i in 0..2 { b[i] = eq(x[0], x[1]) y[i] = x[i] }", "the same elements of");
    verifies("parallel i in 0..1 { y[0] = x[i] }", "");
    /* lanes end where a limit says, within their row or their step */
    verifies("size N = 0 in 1..2 parallel i in 0..2 { for j in 0..16 to [9*N - 16*i + 15], [16] step 16 {"
             " for k in 0..2 { y[16*i + j + 18*k : 16 limit 9*N - 16*i - j] = f32x16(0) } } }",
             "");
    verifies("size N = 0 in 1..2 parallel i in 0..2 { for j in 0..16 to [9*N - 16*i + 16], [16] step 16 {"
             " for k in 0..2 { y[16*i + j + 18*k : 16 limit 9*N - 16*i - j + 1] = f32x16(0) } } }",
             "the same elements of 'y'");
    verifies("size N = 0 in 0..1 parallel i in 0..2 { y[6*i : 8 limit 5*N + 1] = f32x8(0) }", "");
    verifies("size N = 0 in 0..1 parallel i in 0..2 { y[4*i : 8 limit 5*N + 1] = f32x8(0) }",
             "the same elements of 'y'");
}

static void conditions_tighten_what_may_be_accessed(void **state)
{
    verifies("for i in 0..200 { if -i + 99 >= 0 { y[i] = f32(0) } }", "");
    verifies("for i in 0..200 { if -i + 100 >= 0 { y[i] = f32(0) } }", "0 to 100");
    verifies("for i in -5..5 { if i >= 0 { y[7*i] = f32(0) } }", "");
    /* a padded window: 10 rows of 10, taps -1..1 around each */
    verifies("for i in 0..10 { for j in 0..10 { for k in -1..2 { for l in -1..2 {"
             " if i + k >= 0 and -i - k + 9 >= 0 and j + l >= 0 and -j - l + 9 >= 0 {"
             " y[10*i + 10*k + j + l] = f32(0) } } } } }",
             "");
    verifies("for i in 0..10 { for j in 0..10 { for k in -1..2 { for l in -1..2 {"
             " if i + k >= 0 and -i - k + 9 >= 0 and j + l >= 0 {"
             " y[10*i + 10*k + j + l] = f32(0) } } } } }",
             "0 to 100");
    verifies("for i in 0..10 { if i - 20 >= 0 { y[1000] = f32(0) } }", "");
    verifies("if 0 >= 0 { y[1000] = f32(0) }", "1000 to 1000");
}

static void registers_are_assigned_before_use(void **state)
{
    verifies("unroll i in 0..4 { r[i] = f32(0) } y[0] = r[3]", "");
    verifies("unroll i in 0..3 { r[i] = f32(0) } y[0] = r[3]", "used before");
    verifies("unroll i in 0..5 { r[i] = f32(0) }", "elements 0 to 3, not 4");
    verifies("for i in 0..4 { r[i] = f32(0) }", "not unrolled");
    verifies("for i in 3..4 { r[i] = f32(0) }", "");
    verifies("for i in 0..4 { r[0] = f32(0) } y[0] = r[0]", "");
    verifies("for i in 0..4 { if i >= 0 { r[0] = f32(0) } y[0] = r[0] }", "used before");
    verifies("r[0] = f32(0) parallel i in 0..4 { y[i] = r[0] }", "used before");
    verifies("parallel i in 0..4 { r[0] = f32(0) } y[0] = r[0]", "used before");
    verifies("unroll i in 0..4 { r[i] = f32(0) } y[0 : 2] = r[2 : 2]", "");
    verifies("unroll i in 0..3 { r[i] = f32(0) } y[0 : 2] = r[2 : 2]", "used before");
    verifies("unroll i in 0..4 { r[i] = f32(0) } y[0 : 2] = r[3 : 2]", "elements 0 to 3, not 4");
}

static void scopes_and_kinds_are_kept(void **state)
{
    verifies("let a = x[0] y[0] = a", "");
    verifies("for i in 0..4 { if i >= 0 { let a = x[0] } y[i] = a }", "outside its scope");
    verifies("let a = x[0] parallel i in 0..4 { y[i] = a }", "outside its scope");
    verifies("for i in 0..4 { y[i] = x[i] } y[i] = x[0]", "outside its loop");
    verifies("for i in 0..2 { parallel j in 0..4 { y[j] = x[j] } }", "not outermost");
    verifies("x[0] = f32(0)", "not writable");
    verifies("parallel i in 0..4 { s[0] = x[i] y[i] = s[0] }", "");
    verifies("s[0] = x[0] parallel i in 0..4 { y[i] = s[0] }", "inside and outside");
    verifies("h[0] = add(h[0], h[1])", "add of f16");
    verifies("h[0] = cast(f16, x[0])", "");
    verifies("b[0] = add(b[0], b[1])", "add of bool");
    verifies("b[0] = and(b[0], lt(x[0], x[1]))", "");
    verifies("y[0] = sqrt(cast(f32, sqrt(i32(4))))", "sqrt of i32");
    verifies("y[0] = fold(lt, x[0 : 8])", "fold by lt");
    verifies("y[0] = select(x[0], x[1], x[2])", "select");
    verifies("y[0] = bitcast(f32, i64(1))", "bitcast");
    verifies("unroll i in 0..1000 { unroll j in 0..10000 { r[0] = f32(0) } }", "too large");
    verifies("for i in 0..1000000000000 { y[1000000000000*i] = f32(0) }", "too large");
}

/* ---- building ---- */

static void shared_values_are_bound_once(void **state)
{
    Case c;
    open_case(&c);
    LoopFunction *f = loop_function_new(c.arena, "f", (Origin){0});
    LoopBuilder b = loop_builder(c.arena, f);
    LoopBuffer *x = loop_buffer(&b, &(LoopBuffer){"x", F32, SPACE_ARENA, 0, 0, 64, 64, true, 0, {0}});
    LoopBuffer *again = loop_buffer(&b, x);
    Expr *e = expr_new(c.arena);
    int square = expr_arg(e, 0, F32);
    for (int i = 0; i < 40; i++) square = expr_binary(e, EXPR_MUL, square, square); /* a tree of 2^40 leaves */
    const LoopExpr *arg = loop_load(&b, x, affine(0), 8, 1, 8);
    loop_store(&b, again, affine(8), loop_expr(&b, e, &arg, 8), 1, 8);
    assert_string_not_equal(x->name, again->name);
    assert_int_equal(f->nlets, 40);
    assert_true(loop_verify(f, &c.diag));
    char *text = print_all(&c, &f, 1);
    int count;
    LoopFunction **parsed = parse(&c, text, strlen(text), &count);
    assert_non_null(parsed);
    assert_string_equal(print_all(&c, parsed, count), text);
    arena_free(c.arena);
}

static void affine_terms_are_kept_in_order_once_each(void **state)
{
    static const LoopVar v[] = {{"a", 0}, {"b", 1}, {"c", 2}};
    Affine sum = affine_add(affine_of(&v[2], 3), affine_add(affine_of(&v[0], 1), affine_of(&v[1], 5)));
    sum = affine_plus(affine_add(sum, affine_of(&v[1], -5)), 7);
    assert_int_equal(sum.nterms, 2);
    assert_ptr_equal(sum.term[0].var, &v[0]);
    assert_ptr_equal(sum.term[1].var, &v[2]);
    sum = affine_scale(sum, -2);
    assert_int_equal(sum.base, -14);
    assert_int_equal(sum.term[1].factor, -6);
    assert_int_equal(affine_scale(sum, 0).nterms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_the_same),
        cmocka_unit_test(bad_text_is_refused_with_its_place),
        cmocka_unit_test(damaged_text_does_no_harm),
        cmocka_unit_test(deep_text_is_refused),
        cmocka_unit_test(accesses_are_proven_in_bounds),
        cmocka_unit_test(tables_say_what_they_are_below),
        cmocka_unit_test(offsets_are_proven_by_what_clamps_them),
        cmocka_unit_test(parts_keep_apart),
        cmocka_unit_test(conditions_tighten_what_may_be_accessed),
        cmocka_unit_test(registers_are_assigned_before_use),
        cmocka_unit_test(scopes_and_kinds_are_kept),
        cmocka_unit_test(shared_values_are_bound_once),
        cmocka_unit_test(affine_terms_are_kept_in_order_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
