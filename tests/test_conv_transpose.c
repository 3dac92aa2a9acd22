/* Transposed convolution beside its definition, each input pixel painting its kernel, and what it refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/trial.h"

typedef struct Case {
    int64_t in[2], kernel[2], stride[2], extra[2];
    Pad pad;
    int64_t begin[2], out[2]; /* what that comes to */
} Case;

static const Case cases[] = {
    {{5, 6}, {4, 4}, {2, 2}, {0, 0}, {PAD_SAME, {0}}, {1, 1}, {10, 12}},
    {{5, 6}, {3, 5}, {2, 3}, {0, 0}, {PAD_SAME, {0}}, {0, 1}, {10, 18}},
    {{3, 2}, {1, 2}, {3, 2}, {0, 0}, {PAD_SAME, {0}}, {0, 0}, {9, 4}},
    {{3, 2}, {3, 2}, {1, 1}, {0, 0}, {PAD_VALID, {0}}, {0, 0}, {5, 3}},
    {{4, 3}, {3, 3}, {2, 2}, {1, 1}, {PAD_EXPLICIT, {1, {1}}}, {1, 1}, {8, 6}},
    {{4, 3}, {1, 4}, {4, 2}, {3, 0}, {PAD_EXPLICIT, {4, {0, 1, 0, 2}}}, {0, 1}, {16, 5}},
    {{2, 2}, {5, 5}, {3, 1}, {2, 0}, {PAD_EXPLICIT, {4, {6, 0, 1, 4}}}, {6, 0}, {3, 2}},
};

/* The result's elements by its definition, in double. */
static void paint(const Case *c, const Tensor *x, const Tensor *weight, const Tensor *bias, double *out)
{
    int64_t in = x->type.dim[3].high, channels = bias->type.dim[0].high;
    for (int64_t i = 0; i < c->out[0] * c->out[1] * channels; i++) out[i] = tensor_real(bias, i % channels);
    for (int64_t n = 0; n < c->in[0] * c->in[1] * c->kernel[0] * c->kernel[1]; n++) {
        int64_t kx = n % c->kernel[1], ky = n / c->kernel[1] % c->kernel[0], at = n / c->kernel[1] / c->kernel[0];
        int64_t row = at / c->in[1] * c->stride[0] + ky - c->begin[0];
        int64_t column = at % c->in[1] * c->stride[1] + kx - c->begin[1];
        if (row < 0 || row >= c->out[0] || column < 0 || column >= c->out[1]) continue;
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < channels; o++)
                out[(row * c->out[1] + column) * channels + o] +=
                    tensor_real(x, at * in + i) *
                    tensor_real(weight, ((ky * c->kernel[1] + kx) * in + i) * channels + o);
    }
}

static Tensor drawn(const Trial *t, int rank, const int64_t *dims, uint64_t seed)
{
    Tensor tensor = trial_tensor(t, F32, rank, dims, NULL);
    for (int64_t i = 0, n = type_elements(&tensor.type); i < n; i++)
        tensor_set_real(&tensor, i, (double)(trial_next(&seed) % 17) - 8); /* sums are exact */
    return tensor;
}

static void agrees_with_the_definition(void **state)
{
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const Case *c = &cases[k];
        Trial t = trial_new();
        ConvTransposeAttrs attrs = {.stride = {2, {c->stride[0], c->stride[1]}}, .pad = c->pad};
        attrs.extra = (IntList){2, {c->extra[0], c->extra[1]}};
        Tensor operands[] = {drawn(&t, DIMS(1, c->in[0], c->in[1], 3), k + 1),
                             drawn(&t, DIMS(c->kernel[0], c->kernel[1], 3, 2), k + 11), drawn(&t, DIMS(2), k + 21)};
        Tensor out = trial_eval(&t, OP_conv_transpose2d, &attrs, 3, operands);
        assert_int_equal(out.type.dim[1].high, c->out[0]);
        assert_int_equal(out.type.dim[2].high, c->out[1]);
        double *wanted = calloc((size_t)type_elements(&out.type), sizeof *wanted);
        assert_non_null(wanted);
        paint(c, &operands[0], &operands[1], &operands[2], wanted);
        for (int64_t i = 0; i < type_elements(&out.type); i++)
            assert_true(fabs(tensor_real(&out, i) - wanted[i]) < 1e-9);
        free(wanted);
        trial_free(&t);
    }
}

static void refuses_what_has_no_result(void **state)
{
    Type types[] = {type_tensor(F32, DIMS(1, 4, 4, 3)), type_tensor(F32, DIMS(2, 2, 3, 5)), type_tensor(F32, DIMS(5))};
    ConvTransposeAttrs attrs = {.stride = {2, {2, 2}}, .extra = {2, {0, 0}}};
    attrs.pad = (Pad){PAD_EXPLICIT, {1, {4}}};
    trial_refuse(OP_conv_transpose2d, &attrs, 3, types, E0404, "leaves nothing");
    attrs.pad = (Pad){PAD_EXPLICIT, {2, {1, 1}}};
    trial_refuse(OP_conv_transpose2d, &attrs, 3, types, E0404, "1 or 4 numbers");
    attrs.pad = (Pad){PAD_EXPLICIT, {1, {-1}}};
    trial_refuse(OP_conv_transpose2d, &attrs, 3, types, E0404, "leaves nothing");
    attrs.pad = (Pad){.mode = PAD_SAME};
    attrs.extra.at[1] = 1;
    trial_refuse(OP_conv_transpose2d, &attrs, 3, types, E0404, "so does `extra`");
    attrs.pad.mode = PAD_VALID;
    attrs.extra.at[1] = 2;
    trial_refuse(OP_conv_transpose2d, &attrs, 3, types, E0404, "below them");
    attrs.extra.at[1] = 0;
    types[1].dim[2] = dim_fixed(4);
    trial_refuse(OP_conv_transpose2d, &attrs, 3, types, E0301, "channels");
}

static void embeds(void **state)
{
    Trial t = trial_new();
    Tensor operands[] = {trial_tensor(&t, I32, DIMS(2, 2), VALUES(1, 0, -1, 7)),
                         trial_tensor(&t, F32, DIMS(3, 2), VALUES(1, 2, 3, 4, 5, 6))};
    Tensor out = trial_eval(&t, OP_embedding, NULL, 2, operands);
    EXPECT(&out, 3, 4, 1, 2, 5, 6, 5, 6);
    assert_int_equal(out.type.rank, 3);
    Type real[] = {type_tensor(F32, DIMS(2)), operands[1].type}, flat[] = {operands[0].type, real[0]};
    trial_refuse(OP_embedding, NULL, 2, real, E0302, "integers");
    trial_refuse(OP_embedding, NULL, 2, flat, E0301, "[rows, out]");
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(refuses_what_has_no_result),
        cmocka_unit_test(embeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
