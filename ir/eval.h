/* The reference interpreter: what a graph means.  Compiled without contraction
 * of floating-point operations; its order of operations is the numeric contract. */
#ifndef IR_EVAL_H
#define IR_EVAL_H

#include "ir/graph.h"

/* inputs[] in the order of the graph's input nodes, results[] in that of its results, of which the
 * last are what its states become; both row-major.
 * The types of results have the sizes that the run has counted (ir/count.h).
 * Every param must have data.  Stages up to planned; results are allocated in `arena`. */
void graph_eval(const Graph *graph, const Tensor *inputs, Tensor *results, Arena *arena);
/* What a model keeps between runs: the elements of each state, in the order of the graph's state nodes. */
typedef struct EvalStates {
    int count;
    Tensor *at;
    int64_t *sizes; /* of the graph's dims: those that a run counts go here; NULL: nobody asks */
} EvalStates;

/* As after a reset. */
EvalStates eval_states_new(const Graph *graph, Arena *arena);
/* The values of a state after a reset, in `out`. */
void eval_state_reset(const Node *state, Tensor *out);
/* One run: reads the states, then makes them what their `next` gave.  graph_eval runs on fresh ones. */
void graph_eval_step(const Graph *graph, const Tensor *inputs, EvalStates *states, Tensor *results, Arena *arena);

/* What a composite means: its expansion as a graph, whose inputs are the operands that are present. */
Graph *node_expansion(const Node *node, Arena *arena);
/* One node (also a composite or a group) on given operands. */
void node_eval(const Node *node, const Tensor *operands, Tensor *results, Arena *arena);
/* The same meaning with f64 in place of f32 throughout, groups and composites too, to judge results by: f32 operands
 * and results are F64 tensors of the same shapes, those of other dtypes stay. */
void node_eval_double(const Node *node, const Tensor *operands, Tensor *results, Arena *arena);

/* Called with each top-level node's results as they are made: for compare and calibration. */
typedef void EvalVisit(void *context, const Node *node, const Tensor *results);
void graph_eval_visit(const Graph *graph, const Tensor *inputs, Tensor *results, Arena *arena, EvalVisit *visit,
                      void *context);

#endif
