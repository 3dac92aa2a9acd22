#include "ir/ops/make_scan.h"

#include "ir/scan.h"

#include <assert.h>

static void forget(ScanMaker *s)
{
    if (s->scan) graph_remove(s->scan->graph, s->scan);
    s->scan = NULL;
}

static Value add_input(const ScanMaker *s, const Maker *m, int number, const char *name)
{
    Type type = *value_type(s->scan->inputs[number]);
    const ScanAttrs *attrs = s->scan->attrs;
    if (number < attrs->axes.count) type = scan_slice(&type, attrs->axes.at[number]);
    NodeSpec spec = {.op = OP_input, .type = &type, .origin = m->node->origin};
    spec.name = arena_printf(m->graph->arena, "%s.%s", m->node->name, name);
    return value_of(graph_add(s->turn.graph, &spec, m->diag));
}

ScanMaker make_scan(const Maker *m, const ScanAttrs *attrs, int count, const Value *operands, const char *const *names)
{
    ScanMaker s = {.turn = *m};
    assert(count <= MOST_SCAN_OPERANDS);
    s.scan = make(m, OP_scan, attrs, count, operands).node;
    if (!s.scan) return s;
    s.turn.graph = graph_new_region(s.scan);
    s.turn.at = NULL;
    for (int i = 0; i < count; i++) s.inputs[i] = add_input(&s, m, i, names[i]);
    return s;
}

void make_scan_return(ScanMaker *s, const char *name, int64_t axis, Value value)
{
    assert(!s->nexts);
    if (s->scan && value.node)
        graph_add_result(s->turn.graph, (Result){.name = name, .value = value, .axis = axis});
    else
        forget(s);
}

void make_scan_next(ScanMaker *s, Value value)
{
    Node *carried = s->scan ? scan_input(s->scan, scan_scanned(s->scan) + s->nexts++) : NULL;
    if (carried && value.node)
        graph_add_result(s->turn.graph, (Result){.value = value, .state = carried});
    else
        forget(s);
}

Value make_scan_end(ScanMaker *s)
{
    assert(!s->scan || s->nexts == scan_carried(s->scan));
    if (s->scan && !graph_infer(s->scan, s->turn.diag)) forget(s);
    return (Value){s->scan, 0};
}
