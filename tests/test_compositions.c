/* Operators that are made of many others, on small cases worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/trial.h"

/* ---- einsum ---- */

enum { MOST = 3 };

/* Sums of products over all values of all letters, as the convention says it. */
typedef struct Sum {
    const char *terms[MOST + 1]; /* of the operands, then of the result */
    int count;
    const Tensor *in;
    Tensor *out;
    int64_t size[128], at[128];
} Sum;

static int64_t place(const Sum *s, const char *term, const Type *type)
{
    int64_t flat = 0;
    for (int i = 0; term[i]; i++) {
        int64_t dim = type->dim[i].high;
        flat = flat * dim + (dim == 1 ? 0 : s->at[(int)term[i]]);
    }
    return flat;
}

static void add_products(Sum *s, int letter)
{
    while (letter < 128 && !s->size[letter]) letter++;
    if (letter < 128) {
        for (s->at[letter] = 0; s->at[letter] < s->size[letter]; s->at[letter]++) add_products(s, letter + 1);
        return;
    }
    double product = 1;
    for (int i = 0; i < s->count; i++) product *= tensor_real(&s->in[i], place(s, s->terms[i], &s->in[i].type));
    int64_t to = place(s, s->terms[s->count], &s->out->type);
    tensor_set_real(s->out, to, tensor_real(s->out, to) + product);
}

typedef struct EinsumCase {
    const char *equation, *terms[MOST + 1]; /* the same with "..." as letters */
    int64_t dims[MOST][5];
} EinsumCase;

static const EinsumCase cases[] = {
    {"ij,jk->ik", {"ij", "jk", "ik"}, {{2, 3}, {3, 4}}},
    {"bij,bjk->bik", {"bij", "bjk", "bik"}, {{2, 3, 4}, {2, 4, 5}}},
    {"bij, bjk -> kbi", {"bij", "bjk", "kbi"}, {{2, 3, 4}, {2, 4, 5}}},
    {"ij->ji", {"ij", "ji"}, {{2, 3}}},
    {"ij->", {"ij", ""}, {{2, 3}}},
    {"ij,ij->", {"ij", "ij", ""}, {{2, 3}, {2, 3}}},
    {"i,j->ij", {"i", "j", "ij"}, {{2}, {3}}},
    {"i,j->ji", {"i", "j", "ji"}, {{2}, {3}}},
    {"ii->i", {"ii", "i"}, {{3, 3}}},
    {"iij,jkk->ik", {"iij", "jkk", "ik"}, {{2, 2, 3}, {3, 4, 4}}},
    {"iii", {"iii", ""}, {{3, 3, 3}}},
    {"ba", {"ba", "ab"}, {{2, 3}}},
    {"ab,bc,cd->ad", {"ab", "bc", "cd", "ad"}, {{2, 3}, {3, 4}, {4, 5}}},
    {"ab,cb,b->ca", {"ab", "cb", "b", "ca"}, {{2, 3}, {4, 3}, {3}}},
    {"abc,cd->a", {"abc", "cd", "a"}, {{2, 3, 4}, {4, 5}}},
    {"...ij,...jk->...ik", {"xyij", "yjk", "xyik"}, {{2, 1, 3, 2}, {3, 2, 2}}},
    {"...i,i", {"xyi", "i", "xy"}, {{2, 3, 4}, {4}}},
    {"i...->...", {"ixy", "xy"}, {{2, 3, 4}}},
    {"bhqd,bhkd->bhqk", {"bhqd", "bhkd", "bhqk"}, {{2, 2, 3, 4}, {2, 2, 5, 4}}},
    {"ij,jk->ik", {"ij", "jk", "ik"}, {{2, 1}, {3, 4}}},
    {"Aa,ab->bA", {"Aa", "ab", "bA"}, {{2, 3}, {3, 4}}},
    {"b...,b...->b...", {"bx", "bx", "bx"}, {{2, 3}, {2, 3}}},
};

static void try_einsum(const EinsumCase *c, Dtype dtype)
{
    Trial t = trial_new();
    uint64_t seed = 7;
    Tensor in[MOST];
    Sum sum = {.in = in};
    while (c->dims[sum.count][0] && sum.count < MOST) {
        const int64_t *dims = c->dims[sum.count];
        const char *term = sum.terms[sum.count] = c->terms[sum.count];
        int rank = 0;
        for (; term[rank]; rank++)
            if (dims[rank] > sum.size[(int)term[rank]]) sum.size[(int)term[rank]] = dims[rank];
        in[sum.count] = trial_tensor(&t, dtype, rank, dims, NULL);
        int64_t elements = type_elements(&in[sum.count].type);
        for (int64_t i = 0; i < elements; i++)
            tensor_set_real(&in[sum.count], i, (double)(int)(trial_next(&seed) % 15) - 7);
        sum.count++;
    }
    sum.terms[sum.count] = c->terms[sum.count];
    EinsumAttrs attrs = {c->equation};
    Tensor out = trial_eval(&t, OP_einsum, &attrs, sum.count, in), expected = tensor_new(t.arena, out.type);
    assert_int_equal(out.type.rank, strlen(sum.terms[sum.count]));
    for (int i = 0; i < out.type.rank; i++)
        assert_int_equal(out.type.dim[i].high, sum.size[(int)sum.terms[sum.count][i]]);
    sum.out = &expected;
    add_products(&sum, 0);
    for (int64_t i = 0; i < type_elements(&out.type); i++)
        assert_true(tensor_real(&out, i) == tensor_real(&expected, i)); /* small integers are exact in each dtype */
    trial_free(&t);
}

static void equations(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        try_einsum(&cases[i], F32);
        try_einsum(&cases[i], I32);
    }
}

static void equations_refused(void **state)
{
    static const char *const wrong[] = {
        NULL,
        "",
        "ij",
        "ij,jk,k",
        "ij,j->i",
        "ij,kj->",
        "ij,jk->iki",
        "ij,jk->il",
        "i1,jk->",
        "ij,jk-",
        "ij,jk->i,",
        "i..j,jk",
        "ii,jk",
        "ij;jk",
        "......,jk->ik",
        "ij,j...",
        "abcdefghi,jk->a",
    };
    Type in[] = {type_tensor(F32, 2, (const int64_t[]){2, 3}), type_tensor(F32, 2, (const int64_t[]){4, 5})};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        EinsumAttrs attrs = {wrong[i]};
        trial_refuse(OP_einsum, &attrs, 2, in, E0404, "einsum");
    }
    Type wide[3] = {type_tensor(F32, 5, (const int64_t[]){2, 2, 2, 2, 2})};
    wide[1] = wide[0];
    wide[2] = type_tensor(F32, 8, (const int64_t[]){2, 2, 2, 2, 2, 2, 2, 2});
    trial_refuse(OP_einsum, &(EinsumAttrs){"abcde,fghij,abdefgij->ch"}, 3, wide, E0404, "more than 8 axes");
}

/* ---- rotary embedding ---- */

/* Angles of 0 and 90 degrees: pairs stay, or (a, b) becomes (-b, a). */
static void turns_pairs(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(1, 2, 4), VALUES(1, 2, 3, 4, 5, 6, 7, 8)),
                   trial_tensor(&t, F32, DIMS(2, 2), VALUES(1, 1, 0, 0)),
                   trial_tensor(&t, F32, DIMS(2, 2), VALUES(0, 0, 1, 1)),
                   trial_tensor(&t, I64, DIMS(1, 2), VALUES(1, 0))};
    RotaryEmbeddingAttrs attrs = {.heads = 1};
    Tensor out = trial_eval(&t, OP_rotary_embedding, &attrs, 3, in);
    EXPECT(&out, 1, 2, 3, 4, -7, -8, 5, 6);
    out = trial_eval(&t, OP_rotary_embedding, &attrs, 4, in);
    EXPECT(&out, -3, -4, 1, 2, 5, 6, 7, 8);
    attrs.interleaved = true;
    out = trial_eval(&t, OP_rotary_embedding, &attrs, 3, in);
    EXPECT(&out, 1, 2, 3, 4, -6, 5, -8, 7);
    trial_free(&t);
}

/* Two heads side by side or one after the other, each turning two of three features, by tables of each sequence. */
static void turns_heads(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(1, 2, 6), VALUES(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)),
                   trial_tensor(&t, F32, DIMS(1, 2, 1), VALUES(1, 0)),
                   trial_tensor(&t, F32, DIMS(1, 2, 1), VALUES(0, 1))};
    Tensor out = trial_eval(&t, OP_rotary_embedding, &(RotaryEmbeddingAttrs){.heads = 2}, 3, in);
    EXPECT(&out, 1, 2, 3, 4, 5, 6, -8, 7, 9, -11, 10, 12);
    in[0] = trial_tensor(&t, F32, DIMS(1, 2, 2, 3), VALUES(1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12));
    out = trial_eval(&t, OP_rotary_embedding, &(RotaryEmbeddingAttrs){.heads = 1}, 3, in);
    EXPECT(&out, 1, 2, 3, -8, 7, 9, 4, 5, 6, -11, 10, 12);
    trial_free(&t);
}

static void turns_refused(void **state)
{
    Type in[] = {type_tensor(F32, 3, (const int64_t[]){2, 5, 8}), type_tensor(F32, 2, (const int64_t[]){5, 2}),
                 type_tensor(F32, 2, (const int64_t[]){5, 2}), type_tensor(I32, 2, (const int64_t[]){2, 5})};
    const RotaryEmbeddingAttrs attrs = {.heads = 2}, odd = {.heads = 3};
    trial_refuse(OP_rotary_embedding, &odd, 3, in, E0301, "3 heads");
    in[2].dim[1] = dim_fixed(1);
    trial_refuse(OP_rotary_embedding, &attrs, 3, in, E0301, "half of the 4 features");
    in[1].dim[1] = in[2].dim[1] = dim_fixed(3);
    trial_refuse(OP_rotary_embedding, &attrs, 3, in, E0301, "half of the 4 features");
    in[1].dim[1] = in[2].dim[1] = dim_fixed(2);
    in[3].dim[1] = dim_fixed(4);
    trial_refuse(OP_rotary_embedding, &attrs, 4, in, E0301, "one a step");
    in[1].dim[0] = in[2].dim[0] = dim_fixed(4);
    trial_refuse(OP_rotary_embedding, &attrs, 3, in, E0301, "[T, pairs]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equations),   cmocka_unit_test(equations_refused), cmocka_unit_test(turns_pairs),
        cmocka_unit_test(turns_heads), cmocka_unit_test(turns_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
