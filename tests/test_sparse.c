/* Code that skips zeros beside the reference on random contractions, and how weights without zeros are written down. */
#include "ir/eval.h"
#include "ir/packing_sparse.h"
#include "tests/support/compile.h"
#include "tests/support/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t draw(uint64_t *seed, int64_t low, int64_t high)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((*seed >> 33) % (uint64_t)(high - low + 1));
}

/* ---- random contractions ---- */

/* Whole blocks of 1 x 16 are zero in nine of ten cases, of the others single elements. */
static Value sparse_weight(Sketch *s, uint64_t *seed, int rank, const int64_t *dims)
{
    Value weight = sketch_param(s, F32, rank, dims);
    Tensor *data = (Tensor *)(uintptr_t)weight.node->data;
    int64_t columns = dims[rank - 1], rows = type_elements(&data->type) / columns;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t first = 0; first < columns; first += 16) {
            bool empty = draw(seed, 0, 9) != 0;
            for (int64_t i = first; i < columns && i < first + 16; i++)
                if (empty || draw(seed, 0, 3) == 0) tensor_set_real(data, row * columns + i, 0);
        }
    return weight;
}

static void add_conv(Sketch *s, uint64_t *seed)
{
    ConvAttrs attrs;
    int64_t out = draw(seed, 3, 70), in = draw(seed, 1, 40), k[] = {draw(seed, 1, 3), draw(seed, 1, 3)};
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.stride = (IntList){2, {draw(seed, 1, 2), draw(seed, 1, 2)}};
    attrs.dilation = (IntList){2, {draw(seed, 1, 2), draw(seed, 1, 2)}};
    if (draw(seed, 0, 1)) attrs.pad.mode = PAD_SAME;
    Value x = sketch_input(s, F32, DIMS(draw(seed, 1, 2), draw(seed, 6, 15), draw(seed, 6, 15), in));
    if (draw(seed, 0, 1)) x = sketch_op(s, OP_relu, NULL, OPERANDS(x));
    Value weight = sparse_weight(s, seed, DIMS(k[0], k[1], in, out)), bias = sketch_param(s, F32, DIMS(out));
    Value y = sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, weight, bias));
    if (draw(seed, 0, 1)) y = sketch_op(s, OP_relu, NULL, OPERANDS(y));
    PoolAttrs pool;
    attr_set_defaults(&op_max_pool.attrs, &pool);
    pool.size = (IntList){2, {2, 2}};
    const Type *type = value_type(y);
    if (draw(seed, 0, 1) && type->dim[1].high > 1 && type->dim[2].high > 1)
        y = sketch_op(s, OP_max_pool, &pool, OPERANDS(y));
    sketch_output(s, y);
}

static void add_dense(Sketch *s, uint64_t *seed)
{
    int64_t out = draw(seed, 3, 200), in = draw(seed, 20, 300);
    Value x = sketch_input(s, F32, DIMS(draw(seed, 1, 5), in));
    Value y = sketch_op(s, OP_dense, NULL, OPERANDS(x, sparse_weight(s, seed, DIMS(in, out))));
    sketch_output(s, sketch_op(s, OP_relu, NULL, OPERANDS(y)));
}

/* ---- beside the reference ---- */

static int count_sparse(const Graph *graph)
{
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        count += node->schedule && node->schedule->variant == VARIANT_SPARSE;
    return count;
}

/* Equal bits, but for the sign of a zero. */
static bool same_numbers(const Tensor *a, const Tensor *b)
{
    for (int64_t i = 0; i < type_elements(&a->type); i++)
        if (!(tensor_real(a, i) == tensor_real(b, i))) return false;
    return true;
}

static bool run_beside(Arena *arena, const Graph *graph, const char *cpu, int level, int *sparse)
{
    Diag diag = diag_new(arena);
    Target target;
    Compiled compiled;
    Graph *copy = graph_clone(arena, graph);
    assert_true(target_select("", cpu, "", arena, &target, &diag));
    const PassContext context = {.target = &target, .fast = true, .level = level};
    if (!compiled_new(copy, &context, arena, &compiled, &diag)) {
        diag_print(&diag, stderr, false);
        return false;
    }
    *sparse += count_sparse(copy);
    Tensor input = tensor_new(arena, graph->first->types[0]), expected;
    fill_tensor(&input, 11);
    graph_eval(graph, &input, &expected, arena);
    Tensor native = tensor_new(arena, expected.type);
    size_t room = ((size_t)compiled.model->arena_bytes + 127) / 64 * 64;
    void *memory = aligned_alloc(64, room), *bases[] = {input.data, native.data, memory};
    memset(memory, 0xff, room); /* NaN: nobody may count on zeros */
    bool good = compiled.model->run(bases, NULL) == LEP_OK && same_numbers(&native, &expected);
    free(memory);
    compiled_free(&compiled);
    return good;
}

static void zeros_are_skipped_and_nothing_else(void **state)
{
    enum { GRAPHS = 24 };
    const char *cpus[HOST_CPUS];
    int count = host_cpus(cpus), sparse = 0;
    for (uint64_t graph = 0; graph < GRAPHS; graph++) {
        Arena *arena = arena_new(NULL, NULL);
        Sketch s = sketch_new(arena, "t");
        uint64_t seed = graph * 1000 + 17;
        if (graph % 3)
            add_conv(&s, &seed);
        else
            add_dense(&s, &seed);
        for (int i = 0; i < count && i < 2; i++)
            if (!run_beside(arena, s.graph, cpus[i], graph % 4 ? 2 : 0, &sparse))
                fail_msg("graph %d on %s", (int)graph, cpus[i]);
        arena_free(arena);
    }
    if (count) assert_true(sparse > GRAPHS);
}

/* ---- the packing ---- */

/* 4 x 5 in panels of 2, of which the last is half empty, two abreast. */
static void blocks_lie_side_by_side(void **state)
{
    static const double values[] = {1, 2, 0, 0, 5, /**/ 0, 0, 0, 0, 0, 0, 3, 6, 0, 0, /**/ 4, 0, 0, 0, 8};
    Arena *arena = arena_new(NULL, NULL);
    Tensor weight = tensor_new(arena, type_tensor(F32, DIMS(4, 5)));
    for (int i = 0; i < 20; i++) tensor_set_real(&weight, i, values[i]);
    Place place = {.packing = PACKING_SPARSE, .panel = 2, .abreast = 2, .reach = {3}};
    int64_t count[3];
    sparse_count(&weight, 2, count);
    assert_int_equal(count[0], 3);
    assert_int_equal(count[1], 1);
    assert_int_equal(count[2], 2);
    assert_int_equal(sparse_steps(count, 3, 1), 6);
    place.steps = sparse_steps(count, 3, 2);
    assert_int_equal(place.steps, 5);
    place_set_strides(&place, &weight.type);
    assert_true(place_is_sane(&place, &weight.type));
    SparseParts parts = sparse_parts(&place, &weight.type);
    assert_int_equal(parts.groups, 2);
    assert_int_equal(parts.below, 10);
    assert_int_equal(parts.bytes, place_bytes(&place, &weight.type));
    unsigned char *to = calloc(1, (size_t)parts.bytes);
    packing_of(&place)->fill(&place, &weight, to);
    static const int32_t starts[] = {0, 3, 5}, offsets[] = {0, 6, 6, 0, 9, 0, 0, 0, 9, 0};
    static const float packed[] = {1, 2, 6, 0, /**/ 0, 3, 0, 0, /**/ 4, 0, 0, 0, /**/ 5, 0, 0, 0, /**/ 8, 0, 0, 0};
    assert_memory_equal(to + parts.starts, starts, sizeof starts);
    assert_memory_equal(to + parts.offsets, offsets, sizeof offsets);
    assert_memory_equal(to + parts.values, packed, sizeof packed);
    free(to);
    arena_free(arena);
}

static void places_that_cannot_be_are_not_sane(void **state)
{
    const Type type = type_tensor(F32, DIMS(4, 5));
    Place good = {.packing = PACKING_SPARSE, .panel = 2, .abreast = 2, .steps = 5, .reach = {3}};
    place_set_strides(&good, &type);
    assert_true(place_is_sane(&good, &type));
    Place bad[8];
    for (int i = 0; i < 8; i++) bad[i] = good;
    bad[0].steps = 0;
    bad[1].steps = 9; /* of two groups, each with 4 inputs */
    bad[2].abreast = 0;
    bad[3].abreast = INT32_MAX;
    bad[4].panel = 0;
    bad[5].reach[0] = -1;
    bad[6].reach[0] = INT32_MAX;
    bad[7].reach[1] = 1;
    for (int i = 0; i < 8; i++) assert_false(place_is_sane(&bad[i], &type));
    const Type bytes = type_tensor(I8, DIMS(4, 5));
    assert_false(place_is_sane(&good, &bytes));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_are_skipped_and_nothing_else),
        cmocka_unit_test(blocks_lie_side_by_side),
        cmocka_unit_test(places_that_cannot_be_are_not_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
