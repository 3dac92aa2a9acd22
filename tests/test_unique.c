/* What `unique` means, beside comparing each slice with each. */
#include "ir/count.h"
#include "tests/support/trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { VALUES_OUT, INDICES_OUT, INVERSE_OUT, COUNTS_OUT, RESULTS, MOST_SLICES = 40 };

typedef struct Slices {
    const Tensor *x;
    int64_t count, inner, each; /* slices, elements behind the axis, elements of a slice */
} Slices;

static Slices slices_of(const Tensor *x, int axis)
{
    Slices s = {.x = x, .count = x->type.dim[axis].high, .inner = 1};
    for (int i = axis + 1; i < x->type.rank; i++) s.inner *= x->type.dim[i].high;
    s.each = type_elements(&x->type) / s.count;
    return s;
}

static double element(const Slices *s, int64_t slice, int64_t at)
{
    return tensor_real(s->x, (at / s->inner * s->count + slice) * s->inner + at % s->inner);
}

/* By the first place in which they differ, NaN above all. */
static int compare(const Slices *s, int64_t a, int64_t b)
{
    for (int64_t at = 0; at < s->each; at++) {
        double x = element(s, a, at), y = element(s, b, at);
        if (isnan(x) != isnan(y)) return isnan(x) ? 1 : -1;
        if (x < y || x > y) return x < y ? -1 : 1;
    }
    return 0;
}

static int64_t first_like(const Slices *s, int64_t slice)
{
    int64_t first = 0;
    while (compare(s, first, slice)) first++;
    return first;
}

/* How many of those that come first are before that of the slice. */
static int64_t number_of(const Slices *s, int64_t slice, bool sorted)
{
    int64_t own = first_like(s, slice), number = 0;
    for (int64_t i = 0; i < s->count; i++)
        if (first_like(s, i) == i) number += sorted ? compare(s, i, own) < 0 : i < own;
    return number;
}

static void check_results(const Slices *s, bool sorted, const Tensor *found)
{
    int64_t counts[MOST_SLICES] = {0}, all = 0;
    const Slices values = {&found[VALUES_OUT], found[INDICES_OUT].type.dim[0].high, s->inner, s->each};
    for (int64_t i = 0; i < s->count; i++) {
        int64_t number = number_of(s, i, sorted);
        all += !counts[number]++;
        assert_int_equal(tensor_get(&found[INVERSE_OUT], i).integer, number);
        if (first_like(s, i) != i) continue;
        assert_int_equal(tensor_get(&found[INDICES_OUT], number).integer, i);
        for (int64_t at = 0; at < s->each; at++) {
            double value = element(&values, number, at), own = element(s, i, at);
            assert_true(isnan(own) ? isnan(value) : value == own && !signbit(value) == !signbit(own));
        }
    }
    assert_int_equal(values.count, all);
    assert_int_equal(type_elements(&found[VALUES_OUT].type), all * s->each);
    assert_int_equal(type_elements(&found[COUNTS_OUT].type), all);
    for (int64_t i = 0; i < all; i++) assert_int_equal(tensor_get(&found[COUNTS_OUT], i).integer, counts[i]);
}

static void check(Dtype dtype, int rank, const int64_t *dims, int axis, uint64_t seed)
{
    static const double reals[] = {0, -0.0, NAN, 1.5, INFINITY, -INFINITY, -3}, whole[] = {0, 1, 2, 100, 127};
    for (int sorted = 0; sorted < 2; sorted++) {
        Trial t = trial_new();
        Tensor x = trial_tensor(&t, dtype, rank, dims, NULL), found[RESULTS];
        for (int64_t i = 0; i < type_elements(&x.type); i++) {
            uint64_t drawn = trial_next(&seed);
            tensor_set_real(&x, i, dtype_is_float(dtype) ? reals[drawn % 7] : whole[drawn % (dtype == BOOL ? 2 : 5)]);
        }
        const Node *node = trial_node(&t, OP_unique, &(UniqueAttrs){NULL, axis, sorted}, 1, &x);
        assert_non_null(node);
        for (int slot = 0; slot < RESULTS; slot++)
            graph_add_result(t.graph, (Result){.name = node->name, .value = {(Node *)node, slot}});
        graph_eval(t.graph, &x, found, t.arena);
        Slices s = slices_of(&x, axis < 0 ? axis + rank : axis);
        check_results(&s, sorted, found);
        trial_free(&t);
    }
}

static void elements(void **state)
{
    static const Dtype dtypes[] = {F32, F64, F16, BF16, I8, U8, I16, I32, I64, U64, BOOL};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        for (int64_t size = 1; size < MOST_SLICES; size += 6) check(dtypes[i], 1, &size, 0, i + (uint64_t)size);
}

static void slices(void **state)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        check(F32, DIMS(12, 2), 0, seed);
        check(F32, DIMS(2, 12), 1, seed);
        check(I32, DIMS(2, 1, 20), -1, seed);
        check(U8, DIMS(1, 7, 2), 1, seed);
        check(BOOL, DIMS(30, 2, 2), 0, seed);
    }
}

static void refused(void **state)
{
    Type line = type_tensor(F32, 1, (const int64_t[]){3}), number = type_scalar(F32);
    Type stored = type_tensor(U4, 1, (const int64_t[]){3}), nothing = type_tensor(F32, 2, (const int64_t[]){3, 0});
    trial_refuse(OP_unique, &(UniqueAttrs){NULL, 1, true}, 1, &line, E0404, "axis 1");
    trial_refuse(OP_unique, &(UniqueAttrs){NULL, 0, true}, 1, &number, E0404, "axis 0");
    trial_refuse(OP_unique, &(UniqueAttrs){NULL, 0, true}, 1, &stored, E0302, "u4[3]");
    trial_refuse(OP_unique, &(UniqueAttrs){NULL, 0, true}, 1, &nothing, E0305, "f32[3, 0]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
        cmocka_unit_test(slices),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
