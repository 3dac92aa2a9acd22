#include "tests/support/trial.h"

#include "ir/count.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

Trial trial_new(void)
{
    Trial trial = {.arena = arena_new(NULL, NULL)};
    trial.diag = diag_new(trial.arena);
    trial.graph = graph_new(trial.arena, "trial");
    return trial;
}

void trial_free(Trial *trial) { arena_free(trial->arena); }

Tensor trial_tensor(const Trial *trial, Dtype dtype, int rank, const int64_t *dims, const double *values)
{
    Tensor tensor = tensor_new(trial->arena, type_tensor(dtype, rank, dims));
    for (int64_t i = 0, count = type_elements(&tensor.type); values && i < count; i++)
        tensor_set_real(&tensor, i, values[i]);
    return tensor;
}

uint64_t trial_next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

Node *trial_node(Trial *trial, Op op, const void *attrs, int count, const Tensor *operands)
{
    Value inputs[8] = {{NULL, 0}};
    assert_true(count <= 8);
    for (int i = 0; i < count; i++) {
        if (!operands[i].type.kind && !operands[i].data) continue;
        NodeSpec spec = {.op = OP_input, .name = "x", .type = &operands[i].type};
        inputs[i] = value_of(graph_add(trial->graph, &spec, &trial->diag));
    }
    NodeSpec spec = {.op = op, .name = "y", .ninputs = count, .inputs = inputs, .attrs = attrs};
    return graph_add(trial->graph, &spec, &trial->diag);
}

Tensor trial_eval(Trial *trial, Op op, const void *attrs, int count, const Tensor *operands)
{
    Node *node = trial_node(trial, op, attrs, count, operands);
    if (!node) diag_print(&trial->diag, stderr, false);
    assert_non_null(node);
    Tensor result;
    node_eval(node, operands, &result, trial->arena);
    assert_true(node_count(node) || type_equal(&result.type, &node->types[0]));
    return result;
}

void trial_refuse(Op op, const void *attrs, int count, const Type *operands, DiagCode code, const char *words)
{
    Trial trial = trial_new();
    Value inputs[8] = {{NULL, 0}};
    for (int i = 0; i < count; i++) {
        NodeSpec spec = {.op = OP_input, .name = "x", .type = &operands[i]};
        inputs[i] = value_of(graph_add(trial.graph, &spec, &trial.diag));
    }
    NodeSpec spec = {.op = op, .name = "y", .ninputs = count, .inputs = inputs, .attrs = attrs};
    assert_null(graph_add(trial.graph, &spec, &trial.diag));
    assert_int_equal(trial.diag.errors, 1);
    const Diagnostic *error = trial.diag.first;
    assert_string_equal(diag_code_name(error->code), diag_code_name(code));
    if (!strstr(error->message, words)) fail_msg("expected '%s' in '%s'", words, error->message);
    assert_non_null(error->help);
    trial_free(&trial);
}

void trial_expect(const Tensor *tensor, int64_t count, const double *values)
{
    assert_int_equal(type_elements(&tensor->type), count);
    for (int64_t i = 0; i < count; i++) {
        double got = tensor_real(tensor, i);
        bool same = isnan(values[i]) ? isnan(got) : got == values[i] && signbit(got) == signbit(values[i]);
        if (!same)
            fail_msg("element %lld: expected %a (%g), found %a (%g)", (long long)i, values[i], values[i], got, got);
    }
}
