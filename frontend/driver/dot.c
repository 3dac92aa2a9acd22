/* The graph for Graphviz: a box an operator, a frame a group. */
#include "frontend/driver/emit_kind.h"

#include "ir/op.h"

/* Text inside a quoted label. */
static void print_escaped(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
}

/* Names are unique in their graph only, so a node is called by its address's place in the walk: its path. */
static void print_id(const Node *node, FILE *out)
{
    const Node *owner = node->graph->owner;
    fputc('"', out);
    if (owner) {
        print_escaped(owner->name, out);
        fputc('/', out);
    }
    print_escaped(node->name, out);
    fputc('"', out);
}

/* A group's result is drawn from the node inside that makes it. */
static const Node *maker_of(Value value)
{
    while (value.node->nregions) value = value.node->regions[0]->results[value.slot].value;
    return value.node;
}

static void print_edges(const Node *node, FILE *out)
{
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        const Node *from = maker_of(node->inputs[i]);
        fputs("  ", out);
        print_id(from, out);
        fputs(" -> ", out);
        print_id(node, out);
        fputs(" [label=\"", out);
        print_escaped(type_text(node->graph->arena, value_type(node->inputs[i])), out);
        fputs("\"];\n", out);
    }
}

static void print_graph(const Graph *graph, FILE *out)
{
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->nregions) {
            fputs("  subgraph \"cluster_", out);
            print_escaped(node->name, out);
            fputs("\" {\n  label=\"", out);
            print_escaped(node->name, out);
            fputs("\";\n", out);
            for (int i = 0; i < node->nregions; i++) print_graph(node->regions[i], out);
            fputs("  }\n", out);
            continue;
        }
        fputs("  ", out);
        print_id(node, out);
        fputs(" [label=\"", out);
        print_escaped(node->name, out);
        fprintf(out, "\\n%s%s\"];\n", node_def(node)->name,
                node_def(node)->kind == KIND_SOURCE ? "\",style=filled,fillcolor=\"lightgrey" : "");
    }
}

static void print_all_edges(const Graph *graph, FILE *out)
{
    for (const Node *node = graph->first; node; node = node->next) {
        print_edges(node, out);
        for (int i = 0; i < node->nregions; i++) print_all_edges(node->regions[i], out);
    }
}

void dot_print(const Graph *graph, FILE *out)
{
    fputs("digraph \"", out);
    print_escaped(graph->name, out);
    fputs("\" {\n  node [shape=box,fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\",fontsize=10];\n", out);
    print_graph(graph, out);
    print_all_edges(graph, out);
    for (int i = 0; i < graph->nresults; i++) {
        const Node *from = maker_of(graph->results[i].value);
        const char *what = graph->results[i].state ? "next" : "output";
        fprintf(out, "  \"%s ", what);
        print_escaped(graph->results[i].name, out);
        fputs("\" [shape=oval];\n  ", out);
        print_id(from, out);
        fprintf(out, " -> \"%s ", what);
        print_escaped(graph->results[i].name, out);
        fputs("\";\n", out);
    }
    fputs("}\n", out);
}
