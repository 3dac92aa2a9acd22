/* The text of a graph for people. */
#include "frontend/write_plan.h"

#include "ir/op.h"

#include <string.h>

typedef struct Text {
    Writing *w;
    Arena *arena;
    FILE *out;
    int results; /* how many outputs have been said */
} Text;

static const char *value_text(Text *t, Value value)
{
    if (!value.node) return "none";
    if (write_role(t->w, value.node) == ROLE_NUMBER) return write_number(t->arena, value.node);
    return name_text(t->arena, value_name(t->arena, value));
}

/* ---- comments: where a statement came from, and what it is ---- */

static void print_line(const char *text, FILE *out)
{
    for (; *text; text++) fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
}

/* The names of the model's nodes that a node was made of; `last` is what was printed before. */
static const char *print_origins(const Node *node, const char *last, FILE *out)
{
    for (int i = 0; i < node->origin.count; i++) {
        const Span *at = &node->origin.at[i];
        if (at->source || !at->name || (last && !strcmp(last, at->name))) continue;
        fputs(last ? ", " : "  # ", out);
        print_line(at->name, out);
        last = at->name;
    }
    return last;
}

static void print_comment(Text *t, const Node *first, const Node *last)
{
    const char *said = NULL;
    for (const Node *node = first; node; node = node->next) {
        if (node->op != OP_param && node->op != OP_constant) said = print_origins(node, said, t->out);
        if (node == last) break;
    }
    if (!said) return;
    fprintf(t->out, ": %s", type_text(t->arena, &last->types[0]));
    for (int i = 1; i < last->nresults; i++) fprintf(t->out, ", %s", type_text(t->arena, &last->types[i]));
    fputc('\n', t->out);
}

/* ---- expressions ---- */

/* f32(x) */
static const char *cast_name(const Node *node)
{
    const OpDef *def = node_def(node);
    if (node->op != OP_cast) return NULL;
    for (int i = 0; i < def->attrs.count; i++)
        if (def->attrs.rows[i].kind != ATTR_DTYPE && !attr_is_default(&def->attrs.rows[i], node->attrs)) return NULL;
    return dtype_name((Dtype)((const CastAttrs *)node->attrs)->to);
}

static void print_call(Text *t, const Node *node, bool piped)
{
    const OpDef *def = node_def(node);
    const char *cast = cast_name(node);
    int count = write_is_layer(t->w, node) ? op_first_param(def) : node->ninputs;
    while (count && !node->inputs[count - 1].node) count--;
    const char *attrs = cast ? "" : attrs_text(t->arena, &def->attrs, write_attrs(t->w, node));
    if (*attrs && count <= piped) attrs += 2; /* the comma */
    fputs(cast ? cast : def->name, t->out);
    if (piped && count <= 1 && !*attrs) return;
    fputc('(', t->out);
    for (int i = piped; i < count; i++) fprintf(t->out, "%s%s", i > piped ? ", " : "", value_text(t, node->inputs[i]));
    fprintf(t->out, "%s)", attrs);
}

static const char *infix_of(Op op)
{
    static const struct {
        Op op;
        const char *text;
    } rows[] = {{OP_add, "+"}, {OP_sub, "-"}, {OP_mul, "*"}, {OP_div, "/"}, {OP_equal, "=="}, {OP_less, "<"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == op) return rows[i].text;
    return NULL;
}

/* Alone, operators stand between their operands. */
static void print_head(Text *t, const Node *node, bool alone)
{
    const char *infix = alone && node->ninputs == 2 ? infix_of(node->op) : NULL;
    const char *right = infix ? value_text(t, node->inputs[1]) : "";
    if (infix && *right != '-')
        fprintf(t->out, "%s %s %s", value_text(t, node->inputs[0]), infix, right);
    else
        print_call(t, node, false);
}

/* ---- statements ---- */

static void print_chain(Text *t, const Node *first, const Node *last)
{
    bool piped = false;
    for (const Node *node = first;; node = node->next) {
        if (node->op == OP_param || node->op == OP_constant) continue;
        if (piped) fputs(" |> ", t->out);
        if (piped)
            print_call(t, node, true);
        else
            print_head(t, node, node == last);
        piped = true;
        if (node == last) break;
    }
    fputc('\n', t->out);
}

static bool is_next_output(const Text *t, const Node *node)
{
    const Graph *graph = t->w->graph;
    if (t->results == graph->nresults || node->nresults != 1) return false;
    const Result *result = &graph->results[t->results];
    return result->value.node == node && !result->state && !result->labels_path && result->name &&
           !strcmp(result->name, node->name) && *node_map_find(t->w->uses, node) == 1;
}

static void print_statement(Text *t, const Node *first, const Node *last)
{
    print_comment(t, first, last);
    if (last->nregions) {
        graph_print_node(last, 2, t->out);
        return;
    }
    bool output = is_next_output(t, last);
    t->results += output;
    fprintf(t->out, "  %s%s = ", output ? "output " : "", name_text(t->arena, last->name));
    print_chain(t, first, last);
}

static void print_source(Text *t, const Node *node)
{
    if (write_role(t->w, node) != ROLE_STATEMENT) return;
    fprintf(t->out, "  %s: %s = %s(", name_text(t->arena, node->name), type_text(t->arena, &node->types[0]),
            node_def(node)->name);
    double value = 0;
    if (node->op == OP_constant && write_is_stored(node))
        fprintf(t->out, "key: %s", string_text(t->arena, node->name));
    else if (node->op == OP_constant && tensor_is_splat(node->data, &value))
        fprintf(t->out, "value: %s", number_text(t->arena, value, false));
    fputs(")\n", t->out);
}

static void print_body(Text *t)
{
    const Node *first = NULL;
    for (const Node *node = t->w->graph->first; node; node = node->next) {
        if (node->op == OP_param || node->op == OP_constant)
            print_source(t, node);
        else if (node->op == OP_input || node->op == OP_state)
            graph_print_node(node, 2, t->out);
        else {
            if (!first) first = node;
            if (write_role(t->w, node) == ROLE_PIPED) continue;
            print_statement(t, first, node);
            first = NULL;
        }
    }
}

static void print_results(Text *t)
{
    for (; t->results < t->w->graph->nresults; t->results++) {
        const Result *result = &t->w->graph->results[t->results];
        const char *name = result->state ? result->state->name : result->name;
        fprintf(t->out, "  %s %s = %s", result->state ? "next" : "output", name_text(t->arena, name),
                value_text(t, result->value));
        if (result->labels_path) fprintf(t->out, " labels: %s", string_text(t->arena, result->labels_path));
        fputc('\n', t->out);
    }
}

void writing_text(Writing *w, const char *comment, FILE *out)
{
    Arena *arena = arena_child(w->arena);
    Text t = {.w = w, .arena = arena, .out = out};
    const Graph *graph = w->graph;
    fputs("lep 1\n", out);
    if (comment) {
        fputs("# ", out);
        print_line(comment, out);
        fputc('\n', out);
    }
    fprintf(out, "\nmodel %s ", name_text(arena, graph->name ? graph->name : "model"));
    if (graph->doc) fprintf(out, "%s ", string_text(arena, graph->doc));
    fputs("{\n", out);
    graph_print_dims(graph, out);
    if (writing_has_weights(w)) fprintf(out, "  weights %s layout: lep\n", string_text(arena, w->weights));
    print_body(&t);
    print_results(&t);
    fputs("}\n", out);
    arena_free(arena);
}
