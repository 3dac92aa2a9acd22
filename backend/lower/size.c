/* A number becomes the size of a dim. */
#include "backend/lower/nest.h"
#include "ir/bounded.h"
#include "ir/count.h"

void lower_size(Lowering *lowering)
{
    LoopBuilder *b = &lowering->builder;
    const Node *anchor = lowering->group.anchor;
    const Graph *root = graph_root(lowering->group.node->graph);
    Value result = value_of((Node *)lowering->group.node);
    int number = graph_dim(root, &(Dim){.name = node_count(anchor)});
    const Dim *dim = &root->dims[number];
    const LoopExpr *size = lower_number(lowering, anchor->inputs[0], 1);
    if (!size) size = loop_load(b, lower_buffer(lowering, anchor->inputs[0]), affine(0), 1, 1, 1);
    const LoopExpr *low = lower_constant(b, I64, (Scalar){.integer = dim->low}, 1),
                   *high = lower_constant(b, I64, (Scalar){.integer = dim->high}, 1);
    size = loop_op(b, EXPR_MAX, I64, size, low, NULL);
    size = loop_let(b, "size", loop_op(b, EXPR_MIN, I64, size, high, NULL));
    loop_store(b, lower_buffer(lowering, result), affine(0), size, 1, 1);
    loop_resize(b, number, dim->low, dim->high, size);
}
