/* Operators with loop nests of their own: what they compute at once is what their expansion means, and machine code
 * has the interpreter's bits at every size of a tile and what is left of one. */
#include "ir/eval.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* The last node's results by its own evaluation and by its expansion's. */
typedef struct Meanings {
    int count;
    Tensor *whole, *expanded;
} Meanings;

static const Tensor *drawn_inputs(const Graph *graph, Arena *arena)
{
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, 16);
    uint32_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[count] = tensor_new(arena, node->types[0]);
        fill_tensor(&inputs[count], count + 1);
        count++;
    }
    return inputs;
}

static Meanings meanings_of(const Sketch *s)
{
    Graph *graph = graph_clone(s->arena, s->graph);
    Node *node = graph->last;
    Meanings m = {.count = node->nresults};
    m.whole = ARENA_ARRAY(s->arena, Tensor, 2 * m.count);
    m.expanded = ARENA_ARRAY(s->arena, Tensor, 2 * m.count);
    const Tensor *inputs = drawn_inputs(graph, s->arena);
    assert_true(node_is_whole(node));
    graph->nresults = 0;
    for (int slot = 0; slot < m.count; slot++) graph_add_result(graph, (Result){.value = {node, slot}});
    graph_eval(graph, inputs, m.whole, s->arena);
    Value *made = ARENA_ARRAY(s->arena, Value, m.count);
    assert_true(node_def(node)->expand(&(Maker){.graph = graph, .node = node, .at = node, .diag = s->diag}, made));
    graph->nresults = 0;
    for (int slot = 0; slot < m.count; slot++) graph_add_result(graph, (Result){.value = made[slot]});
    graph_eval(graph, inputs, m.expanded, s->arena);
    return m;
}

/* ---- lstm ---- */

typedef struct LstmCase {
    int64_t batch, steps, units;
    bool bias, h, c;
} LstmCase;

static const LstmCase lstm_cases[] = {
    {1, 1, 1, false, false, false}, {1, 3, 4, true, true, true},   {1, 2, 33, true, false, true},
    {2, 3, 16, false, true, false}, {7, 2, 24, true, true, true},  {1, 5, 50, false, false, false},
    {3, 1, 65, true, true, false},  {1, 2, 96, false, true, true}, {13, 2, 9, false, false, true},
};

static Sketch sketch_lstm(Arena *arena, const LstmCase *c, bool known)
{
    Sketch s = sketch_new(arena, "lstm");
    int64_t gates = 4 * c->units;
    Value in[5] = {sketch_input(&s, F32, DIMS(c->batch, c->steps, gates))};
    if (c->h) in[1] = sketch_input(&s, F32, DIMS(c->batch, c->units));
    if (c->c) in[2] = sketch_input(&s, F32, DIMS(c->batch, c->units));
    in[3] = known ? sketch_param(&s, F32, DIMS(c->units, gates)) : sketch_input(&s, F32, DIMS(c->units, gates));
    if (c->bias) in[4] = sketch_param(&s, F32, DIMS(gates));
    Value r = sketch_op(&s, OP_lstm_recurrence, NULL, c->bias ? 5 : 4, in);
    for (int slot = 0; slot < 3; slot++) sketch_output(&s, (Value){r.node, slot});
    return s;
}

static void lstm_at_once_is_its_steps(void **state)
{
    for (size_t i = 0; i < sizeof lstm_cases / sizeof *lstm_cases; i++) {
        Sketch s = sketch_lstm(*state, &lstm_cases[i], true);
        Meanings m = meanings_of(&s);
        for (int slot = 0; slot < m.count; slot++) assert_true(tensor_same_bits(&m.whole[slot], &m.expanded[slot]));
    }
}

static void lstm_runs_as_it_is_evaluated(void **state)
{
    for (size_t i = 0; i < sizeof lstm_cases / sizeof *lstm_cases; i++)
        for (int known = 0; known < 2; known++) {
            Sketch s = sketch_lstm(*state, &lstm_cases[i], known);
            sketch_check(&s);
        }
}

/* One unit of one input, by hand in double. */
static void lstm_computes_its_formula(void **state)
{
    Sketch s = sketch_new(*state, "one");
    Value in[] = {sketch_input(&s, F64, DIMS(1, 4)), sketch_input(&s, F64, DIMS(1, 1)),
                  sketch_input(&s, F64, DIMS(1, 1)), sketch_input(&s, F64, DIMS(1, 4))};
    Value r = sketch_op(&s, OP_lstm_recurrence, NULL, 4, in);
    for (int slot = 0; slot < 3; slot++) sketch_output(&s, (Value){r.node, slot});
    double z[] = {0.1, -0.4, 0.7, 1.1}, h = 0.3, c = -0.8, w[] = {0.2, 0.5, -0.6, 0.9}, gate[4];
    Tensor inputs[] = {{in[0].node->types[0], z},
                       {in[1].node->types[0], &h},
                       {in[2].node->types[0], &c},
                       {in[3].node->types[0], w}},
           out[3];
    graph_eval(s.graph, inputs, out, *state);
    for (int i = 0; i < 4; i++) {
        gate[i] = z[i] + h * w[i];
        gate[i] = i == 2 ? tanh(gate[i]) : 1 / (1 + exp(-gate[i]));
    }
    double new_c = gate[1] * c + gate[0] * gate[2], new_h = gate[3] * tanh(new_c);
    assert_true(fabs(tensor_real(&out[0], 0) - new_h) < 1e-15);
    assert_true(fabs(tensor_real(&out[1], 0) - new_h) < 1e-15);
    assert_true(fabs(tensor_real(&out[2], 0) - new_c) < 1e-15);
}

/* A layer and a cell, with their dense layers, of one model. */
static void layers_agree(void **state)
{
    Sketch s = sketch_new(*state, "layers");
    Value x = sketch_input(&s, F32, DIMS(2, 4, 5));
    Value in[] = {x,
                  {NULL, 0},
                  {NULL, 0},
                  {NULL, 0},
                  sketch_param(&s, F32, DIMS(5, 28)),
                  sketch_param(&s, F32, DIMS(7, 28)),
                  sketch_param(&s, F32, DIMS(28)),
                  sketch_param(&s, F32, DIMS(28))};
    Value r = sketch_op(&s, OP_lstm, NULL, 8, in);
    Value h = {r.node, 1}, c = {r.node, 2}, frame = sketch_input(&s, F32, DIMS(2, 7));
    Value again[] = {frame, h, c, sketch_param(&s, F32, DIMS(7, 28)), in[5]};
    Value cell = sketch_op(&s, OP_lstm_cell, NULL, 5, again);
    sketch_output(&s, r);
    sketch_output(&s, cell);
    sketch_output(&s, (Value){cell.node, 1});
    sketch_check(&s);
}

/* ---- attention ---- */

typedef struct AttentionCase {
    int64_t batch, queries, keys, heads, depth, width;
    bool mask, causal;
} AttentionCase;

static const AttentionCase attention_cases[] = {
    {1, 1, 1, 1, 1, 1, false, false},    {1, 5, 7, 1, 3, 4, true, false},    {2, 17, 65, 2, 8, 5, false, false},
    {1, 40, 64, 1, 16, 16, true, false}, {1, 33, 130, 3, 4, 9, false, true}, {2, 70, 70, 2, 5, 8, true, true},
    {1, 1, 200, 2, 6, 6, false, false},  {1, 130, 40, 1, 7, 3, false, true},
};

static Sketch sketch_attention(Arena *arena, const AttentionCase *c)
{
    Sketch s = sketch_new(arena, "attention");
    int64_t depth = c->heads * c->depth, width = c->heads * c->width;
    Value in[4] = {sketch_input(&s, F32, DIMS(c->batch, c->queries, depth)),
                   sketch_input(&s, F32, DIMS(c->batch, c->keys, depth)),
                   sketch_input(&s, F32, DIMS(c->batch, c->keys, width))};
    if (c->mask) in[3] = sketch_input(&s, F32, DIMS(c->queries, c->keys));
    AttentionAttrs attrs = {.heads = c->heads, .causal = c->causal};
    sketch_output(&s, sketch_op(&s, OP_attention, &attrs, c->mask ? 4 : 3, in));
    return s;
}

/* The running softmax in double differs from the whole one by rounding alone. */
static void attention_by_blocks_is_its_expansion(void **state)
{
    for (size_t i = 0; i < sizeof attention_cases / sizeof *attention_cases; i++) {
        Sketch s = sketch_attention(*state, &attention_cases[i]);
        Meanings m = meanings_of(&s);
        int64_t terms = attention_cases[i].keys + attention_cases[i].depth;
        double bound = 8 * (8 + sqrt((double)terms)) * 0x1p-24 * 8; /* scores and values are below 8 */
        for (int64_t e = 0; e < type_elements(&m.whole[0].type); e++) {
            double difference = fabs(tensor_real(&m.whole[0], e) - tensor_real(&m.expanded[0], e));
            if (!(difference <= bound)) fail_msg("case %zu, element %ld: off by %g", i, (long)e, difference);
        }
    }
}

static void attention_in_double_is_its_expansion(void **state)
{
    Sketch s = sketch_new(*state, "double");
    Value in[] = {sketch_input(&s, F64, DIMS(9, 6)), sketch_input(&s, F64, DIMS(150, 6)),
                  sketch_input(&s, F64, DIMS(150, 4))};
    sketch_output(&s, sketch_op(&s, OP_attention, &(AttentionAttrs){.heads = 2}, 3, in));
    Meanings m = meanings_of(&s);
    for (int64_t e = 0; e < type_elements(&m.whole[0].type); e++)
        assert_true(fabs(tensor_real(&m.whole[0], e) - tensor_real(&m.expanded[0], e)) < 1e-14);
}

static void attention_runs_as_it_is_evaluated(void **state)
{
    for (size_t i = 0; i < sizeof attention_cases / sizeof *attention_cases; i++) {
        Sketch s = sketch_attention(*state, &attention_cases[i]);
        sketch_check(&s);
    }
}

/* ---- rows ---- */

static Sketch sketch_row(Arena *arena, Op op, int64_t rows, int64_t columns)
{
    Sketch s = sketch_new(arena, "row");
    Value in[] = {sketch_input(&s, F32, DIMS(rows, columns)), {NULL, 0}, {NULL, 0}};
    for (int i = 1; op == OP_layer_norm && i < 3; i++) in[i] = sketch_param(&s, F32, DIMS(columns));
    sketch_output(&s, sketch_op(&s, op, NULL, op == OP_layer_norm ? 3 : 1, in));
    return s;
}

static void rows_run_as_they_are_evaluated(void **state)
{
    static const int64_t columns[] = {1, 2, 15, 16, 17, 40, 64, 131};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        for (int op = 0; op < 2; op++) {
            Sketch s = sketch_row(*state, op ? OP_layer_norm : OP_softmax, 3, columns[i]);
            sketch_check(&s);
        }
}

/* What comes before a row operator is computed once, in its group. */
static void rows_take_their_prologue(void **state)
{
    for (int op = 0; op < 2; op++) {
        Sketch s = sketch_new(*state, "prologue");
        Value x = sketch_input(&s, F32, DIMS(2, 37)), y = sketch_input(&s, F32, DIMS(2, 37));
        Value sum = sketch_op(&s, OP_tanh, NULL, OPERANDS(sketch_op(&s, OP_add, NULL, OPERANDS(x, y))));
        Value in[] = {sum, sketch_param(&s, F32, DIMS(37)), sketch_param(&s, F32, DIMS(37))};
        sketch_output(&s, sketch_op(&s, op ? OP_layer_norm : OP_softmax, NULL, op ? 3 : 1, in));
        sketch_check(&s);
    }
}

static void layer_norm_computes_its_formula(void **state)
{
    Sketch s = sketch_new(*state, "norm");
    Value in[] = {sketch_input(&s, F64, DIMS(1, 3)), sketch_input(&s, F64, DIMS(3)), sketch_input(&s, F64, DIMS(3))};
    sketch_output(&s, sketch_op(&s, OP_layer_norm, &(LayerNormAttrs){.epsilon = 0.5}, 3, in));
    double x[] = {1, 2, 6}, scale[] = {1, 2, 3}, offset[] = {0, 1, -1}; /* mean 3, mean square of distances 14/3 */
    Tensor inputs[] = {{in[0].node->types[0], x}, {in[1].node->types[0], scale}, {in[2].node->types[0], offset}}, out;
    graph_eval(s.graph, inputs, &out, *state);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(tensor_real(&out, i) - ((x[i] - 3) / sqrt(14.0 / 3 + 0.5) * scale[i] + offset[i])) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lstm_at_once_is_its_steps, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(lstm_runs_as_it_is_evaluated, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(lstm_computes_its_formula, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(layers_agree, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(attention_by_blocks_is_its_expansion, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(attention_in_double_is_its_expansion, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(attention_runs_as_it_is_evaluated, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(rows_run_as_they_are_evaluated, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(rows_take_their_prologue, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(layer_norm_computes_its_formula, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
