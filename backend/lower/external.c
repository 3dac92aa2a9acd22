/* A C function of the user's: its operands and its result lie dense, as any nest of its own has them. */
#include "backend/lower.h"

#include "backend/c_names.h"
#include "backend/object.h"
#include "ir/bounded.h"
#include "ir/external.h"

#include <string.h>

/* Names that begin with the model's and _ are those that its own code has. */
static bool is_ours(Lowering *lowering, const char *symbol)
{
    const Graph *graph = graph_root(lowering->group.node->graph);
    const char *own = symbol_name(lowering->builder.arena, graph->name);
    size_t length = strlen(own);
    if (strncmp(symbol, own, length) != 0 || symbol[length] != '_') return false;
    diag_error(lowering->diag, E0202, node_span(lowering->group.anchor), "'%s' begins as the model's own functions do",
               symbol);
    diag_help(lowering->diag, "call it something that does not begin with %s_", own);
    return true;
}

void lower_external(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const ExternalAttrs *attrs = anchor->attrs;
    int count = 0, room = anchor->ninputs + 1 + attrs->numbers.count + attrs->reals.count;
    LoopArgument *arguments = ARENA_ARRAY(lowering->builder.arena, LoopArgument, room);
    if (is_ours(lowering, attrs->symbol)) return;
    for (int i = 0; i < anchor->ninputs; i++)
        arguments[count++] = (LoopArgument){.buffer = lower_buffer(lowering, anchor->inputs[i])};
    arguments[count++] = (LoopArgument){.buffer = lower_buffer(lowering, value_of((Node *)lowering->group.node))};
    for (int i = 0; i < attrs->numbers.count; i++) arguments[count++] = (LoopArgument){.integer = attrs->numbers.at[i]};
    for (int i = 0; i < attrs->reals.count; i++)
        arguments[count++] = (LoopArgument){.is_real = true, .real = attrs->reals.at[i]};
    loop_call(&lowering->builder, attrs->symbol, count, arguments);
}
