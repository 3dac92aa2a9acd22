/* The error that `lepc compare` allows: DESIGN's bound for contractions, and how it goes on through a group. */
#include "frontend/driver/bound.h"

#include "passes/pass.h"
#include "tests/support/native.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double eps = 0x1p-24;

typedef struct Fixture {
    Arena *arena;
    Diag diag;
    Sketch sketch;
    Value input;
    const Node *group; /* the last one */
    Known known;
} Fixture;

static Fixture *fixture_new(int rank, const int64_t *dims)
{
    Arena *arena = arena_new(NULL, NULL);
    Fixture *f = ARENA_NEW(arena, Fixture);
    f->arena = arena;
    f->diag = diag_new(arena);
    f->sketch = sketch_new(arena, "bound");
    f->sketch.diag = &f->diag;
    f->input = sketch_input(&f->sketch, F32, rank, dims);
    return f;
}

/* Ends the sketch with `result`, makes groups of it and gives the input its elements. */
static void finish(Fixture *f, Value result, const float *elements)
{
    Target target;
    sketch_output(&f->sketch, result);
    assert_true(target_select("", "x86-64-v3", "", f->arena, &target, &f->diag));
    PassContext context = {.target = &target, .level = 0};
    assert_true(pass_pipeline(f->sketch.graph, &context, "fuse", NULL, NULL, &f->diag));
    f->known.tensors = node_map_new(f->arena);
    Tensor *tensor = ARENA_NEW(f->arena, Tensor);
    *tensor = tensor_new(f->arena, *value_type(f->input));
    memcpy(tensor->data, elements, (size_t)type_bytes(&tensor->type));
    *node_map_cell(f->known.tensors, f->input.node) = (int64_t)(intptr_t)tensor;
    for (const Node *node = f->sketch.graph->first; node; node = node->next)
        if (node->op == OP_group) f->group = node;
    assert_non_null(f->group);
}

static double at(const Tensor *tensor, int64_t i) { return tensor_real(tensor, i); }

static void is_close(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-9 * fabs(expected))) fail_msg("found %.17g, expected %.17g", found, expected);
}

/* (8 + sqrt K) eps (|b| + sum |x w|), element by element. */
static void contraction_has_the_bound_of_the_contract(void **state)
{
    static const float x[] = {1, -2, 0.5F, 3, 0.25F, -1};
    Fixture *f = fixture_new(DIMS(2, 3));
    Value weight = sketch_param(&f->sketch, F32, DIMS(3, 4)), bias = sketch_param(&f->sketch, F32, DIMS(4));
    finish(f, sketch_op(&f->sketch, OP_dense, NULL, OPERANDS(f->input, weight, bias)), x);
    Judgement j = judge_step(f->group, 0, &f->known, false, f->arena);
    for (int64_t i = 0; i < 8; i++) {
        double size = fabs(at(bias.node->data, i % 4)), sum = at(bias.node->data, i % 4);
        for (int64_t k = 0; k < 3; k++) {
            double product = (double)x[i / 4 * 3 + k] * at(weight.node->data, k * 4 + i % 4);
            size += fabs(product);
            sum += product;
        }
        is_close(at(&j.expected, i), sum);
        is_close(at(&j.bound, i), (8 + sqrt(3)) * eps * size);
    }
    arena_free(f->arena);
}

/* What the machine may be off by comes out of relu as it went in, or not at all. */
static void maps_pass_errors_on(void **state)
{
    static const float x[] = {1, -2, 0.5F, 3, 0.25F, -1};
    Fixture *f = fixture_new(DIMS(2, 3));
    Value weight = sketch_param(&f->sketch, F32, DIMS(3, 4));
    Value dense = sketch_op(&f->sketch, OP_dense, NULL, OPERANDS(f->input, weight));
    finish(f, sketch_op(&f->sketch, OP_relu, NULL, OPERANDS(dense)), x);
    Judgement j = judge_step(f->group, 0, &f->known, false, f->arena);
    for (int64_t i = 0; i < 8; i++) {
        double size = 0, sum = 0;
        for (int64_t k = 0; k < 3; k++) {
            double product = (double)x[i / 4 * 3 + k] * at(weight.node->data, k * 4 + i % 4);
            size += fabs(product);
            sum += product;
        }
        double error = (8 + sqrt(3)) * eps * size;
        if (sum < -error) assert_true(at(&j.bound, i) < 1e-30);
        if (sum > error) assert_true(at(&j.bound, i) >= error && at(&j.bound, i) < error + 30 * eps * sum);
    }
    arena_free(f->arena);
}

/* The smallest of values may be off by the error of the largest. */
static void smallest_has_the_largest_error(void **state)
{
    static const float x[] = {0, 2, -3, 1};
    Fixture *f = fixture_new(DIMS(1, 4));
    Value exp_x = sketch_op(&f->sketch, OP_exp, NULL, OPERANDS(f->input));
    ReduceAttrs attrs = {.axes = {.count = 1, .at = {1}}};
    finish(f, sketch_op(&f->sketch, OP_reduce_min, &attrs, OPERANDS(exp_x)), x);
    Judgement j = judge_step(f->group, 0, &f->known, false, f->arena);
    is_close(at(&j.expected, 0) + 1, exp(-3) + 1);
    assert_true(at(&j.bound, 0) >= eps * exp(2) && at(&j.bound, 0) < 100 * eps * exp(2));
    arena_free(f->arena);
}

/* Strict knows no bound, and integers are exact in any case. */
static void exact_where_it_must_be(void **state)
{
    static const float x[] = {0.5F, -1.5F, 300, -7};
    Fixture *f = fixture_new(DIMS(4));
    CastAttrs attrs = {.to = I8};
    finish(f, sketch_op(&f->sketch, OP_cast, &attrs, OPERANDS(f->input)), x);
    Judgement strict = judge_step(f->group, 0, &f->known, true, f->arena);
    Judgement fast = judge_step(f->group, 0, &f->known, false, f->arena);
    assert_null(strict.bound.data);
    static const double expected[] = {0, -1, 127, -7};
    for (int64_t i = 0; i < 4; i++) {
        assert_true(at(&strict.exact, i) == expected[i]);
        assert_true(at(&fast.exact, i) == expected[i]);
        assert_true(at(&fast.bound, i) < 0.01);
    }
    arena_free(f->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contraction_has_the_bound_of_the_contract),
        cmocka_unit_test(maps_pass_errors_on),
        cmocka_unit_test(smallest_has_the_largest_error),
        cmocka_unit_test(exact_where_it_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
