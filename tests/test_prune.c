/* Magnitude pruning: exactly as many weights as asked for, the smallest, the same ones every time. */
#include "frontend/frontend.h"
#include "ir/op.h"
#include "passes/pass.h"
#include "tests/support/prune.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char model[] = "lep 1\nmodel t {\n  weights seed: 3\n  input x: f32[1, 9, 9, 8]\n"
                            "  c = conv2d(x, out: 32, kernel: 3, bias: no)\n  r = batch_norm(c) |> relu\n"
                            "  h = dense(flatten(r), out: 16)\n  output y = relu(h)\n}\n";

typedef struct Case {
    Arena *arena;
    Diag diag;
    Graph *graph;
    bool done;
} Case;

static Case prune_with(const char *const *rows, int count)
{
    Case c = {.arena = arena_new(NULL, NULL)};
    PruneRow prune[4];
    Target target;
    c.diag = diag_new(c.arena);
    assert_true(count <= 4);
    for (int i = 0; i < count; i++) prune[i] = prune_row(c.arena, rows[i]);
    const Policy policy = {.nprune = count, .prune = prune};
    assert_true(target_select("", "x86-64-v3", "", c.arena, &target, &c.diag));
    const PassContext context = {.target = &target, .fast = true, .level = 3, .policy = &policy};
    const Ast *ast = ast_parse(c.arena, source_from_text(c.arena, "t.lep", model), &c.diag);
    const ElaborateOptions options = {0};
    c.graph = elaborate(c.arena, ast, &options, &c.diag);
    assert_non_null(c.graph);
    c.done = pass_list(c.graph, "expand,fold,simplify,scale,prune,dce", &context, NULL, NULL, &c.diag);
    return c;
}

static Case prune(const char *row) { return prune_with(&row, 1); }

static const Tensor *weight(const Case *c, const char *name)
{
    const Node *node = graph_find(c->graph, name);
    assert_non_null(node);
    assert_non_null(node->data);
    return node->data;
}

static int64_t zeros(const Tensor *tensor)
{
    int64_t count = 0;
    for (int64_t i = 0; i < type_elements(&tensor->type); i++) count += tensor_real(tensor, i) == 0;
    return count;
}

/* Whatever was dropped was not larger than what was kept, and what was kept is as it was. */
static void single_weights_go_by_size(void **state)
{
    Case plain = prune("h 0%"), c = prune("h 75%");
    const Tensor *before = weight(&plain, "h.weight"), *after = weight(&c, "h.weight");
    int64_t count = type_elements(&before->type);
    double dropped = 0, kept = INFINITY;
    assert_true(c.done);
    assert_int_equal(zeros(before), 0);
    assert_int_equal(zeros(after), count / 4 * 3);
    for (int64_t i = 0; i < count; i++) {
        double old = tensor_real(before, i), now = tensor_real(after, i);
        assert_true(now == 0 || now == old);
        if (now == 0) dropped = fmax(dropped, fabs(old));
        if (now != 0) kept = fmin(kept, fabs(old));
    }
    assert_true(dropped <= kept);
    assert_int_equal(zeros(weight(&c, "c.weight")), 0);
    assert_true(graph_find(c.graph, "h.weight")->op == OP_constant);
    assert_true(graph_find(c.graph, "h.weight")->origin.count > 0);
    arena_free(plain.arena);
    arena_free(c.arena);
}

/* 72 x 32 weights of a convolution whose batch norm was folded into them: 144 blocks of 1 x 16. */
static void blocks_go_together(void **state)
{
    Case c = prune("c 80% 1x16");
    const Tensor *after = weight(&c, "c.weight");
    int64_t empty = 0;
    assert_true(c.done);
    for (int64_t block = 0; block < 144; block++) {
        int64_t none = 0;
        for (int64_t i = 0; i < 16; i++) none += tensor_real(after, block / 2 * 32 + block % 2 * 16 + i) == 0;
        assert_true(none == 0 || none == 16);
        empty += none == 16;
    }
    assert_int_equal(empty, 115); /* 115.2 */
    arena_free(c.arena);
}

static void patterns_keep_the_largest_along_the_reduction(void **state)
{
    Case plain = prune("c 0%"), c = prune("c 1:4");
    const Tensor *before = weight(&plain, "c.weight"), *after = weight(&c, "c.weight");
    assert_true(c.done);
    for (int64_t column = 0; column < 32; column++)
        for (int64_t row = 0; row < 72; row += 4) {
            double largest = 0, left = 0;
            int64_t kept = 0;
            for (int64_t i = 0; i < 4; i++) {
                largest = fmax(largest, fabs(tensor_real(before, (row + i) * 32 + column)));
                left = fmax(left, fabs(tensor_real(after, (row + i) * 32 + column)));
                kept += tensor_real(after, (row + i) * 32 + column) != 0;
            }
            assert_int_equal(kept, 1);
            assert_true(left == largest);
        }
    arena_free(plain.arena);
    arena_free(c.arena);
}

/* The last row that names a layer counts; pruning twice by the same row changes nothing more. */
static void later_rows_beat_earlier_ones(void **state)
{
    static const char *const rows[] = {"all 50%", "c 25%"}, *const same[] = {"c 25%", "c 25%"};
    Case c = prune_with(rows, 2), again = prune_with(same, 2);
    assert_true(c.done && again.done);
    assert_int_equal(zeros(weight(&c, "c.weight")), 72 * 32 / 4);
    assert_int_equal(zeros(weight(&c, "h.weight")), 49 * 32 * 16 / 2);
    assert_true(tensor_identical(weight(&c, "c.weight"), weight(&again, "c.weight")));
    arena_free(c.arena);
    arena_free(again.arena);
}

static void all_and_nothing_are_shares_too(void **state)
{
    Case c = prune("h 100%");
    assert_true(c.done);
    assert_int_equal(zeros(weight(&c, "h.weight")), 49 * 32 * 16);
    arena_free(c.arena);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *row;
        DiagCode code;
        const char *message, *help;
    } rows[] = {
        {"hh 50%", E0201, "there is no layer 'hh'", "did you mean 'h'?"},
        {"x 50%", E0201, "layer 'x' has no weights", "layers with parameters"},
        {"h 101%", E0404, "a sparsity from 0% to 100%, found 1.01", "80%"},
        {"h -1%", E0404, "a sparsity from 0%", "80%"},
        {"h nan%", E0404, "a sparsity from 0%", "80%"},
        {"h 50% 0x16", E0404, "found 0x16", "1x16"},
        {"h 50% 1x17", E0404, "a block of 1x17 divides, found 1568 inputs a sum and 16 outputs", "divisor"},
        {"c 50% 5x1", E0404, "a block of 5x1 divides, found 72 inputs", "divisor"},
        {"c 2:5", E0404, "a run of 5 divides, found 72 inputs", "divisor"},
        {"c 5:4", E0404, "N:M with N from 1 to M, found 5:4", "2:4"},
        {"c 0:4", E0404, "found 0:4", "2:4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Case c = prune(rows[i].row);
        assert_false(c.done);
        assert_int_equal(c.diag.errors, 1);
        if (!strstr(c.diag.first->message, rows[i].message)) diag_print(&c.diag, stderr, false);
        assert_int_equal(c.diag.first->code, rows[i].code);
        assert_non_null(strstr(c.diag.first->message, rows[i].message));
        assert_non_null(strstr(c.diag.first->help, rows[i].help));
        arena_free(c.arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_weights_go_by_size),
        cmocka_unit_test(blocks_go_together),
        cmocka_unit_test(patterns_keep_the_largest_along_the_reduction),
        cmocka_unit_test(later_rows_beat_earlier_ones),
        cmocka_unit_test(all_and_nothing_are_shares_too),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
