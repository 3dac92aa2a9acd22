/* The text of a graph at any stage; what is written here, the front end reads back to the same graph. */
#include "ir/branch.h"
#include "ir/packing.h"
#include "ir/pool.h"
#include "ir/schedule.h"

#include <string.h>

typedef struct Printer {
    FILE *out;
    Arena *arena;
    const Pool *pool;
    PrintOptions options;
} Printer;

/* ---- names ---- */

static const char *const keywords[] = {
#define KEYWORD(token, text) text,
#include "ir/keywords.def"
};

static bool is_keyword(const char *text)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(keywords[i], text) == 0) return true;
    return false;
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char word_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

/* A word and more of word characters after each dot, as the lexer takes for one name. */
bool name_is_plain(const char *name)
{
    if (!*name || !strchr(letters, *name) || is_keyword(name)) return false;
    for (const char *part = name;; part++) {
        size_t length = strspn(part, word_characters);
        if (!length) return false;
        part += length;
        if (!*part) return true;
        if (*part != '.') return false;
    }
}

const char *name_text(Arena *arena, const char *name) { return name_is_plain(name) ? name : string_text(arena, name); }

static const char *value_text(Printer *p, Value value)
{
    return value.node ? name_text(p->arena, value_name(p->arena, value)) : "none";
}

/* ---- notes ---- */

static const char *numbers_text(Printer *p, const int64_t *numbers, int count)
{
    const char *text = "[";
    for (int i = 0; i < count; i++)
        text = arena_printf(p->arena, "%s%s%lld", text, i ? ", " : "", (long long)numbers[i]);
    return arena_printf(p->arena, "%s]", text);
}

static void print_axes(Printer *p, const char *name, const int64_t *numbers, const int64_t *usual, int rank)
{
    if (memcmp(numbers, usual, (size_t)rank * sizeof *numbers) != 0)
        fprintf(p->out, ", %s: %s", name, numbers_text(p, numbers, rank));
}

static void print_place(Printer *p, const Node *node, int slot)
{
    static const int64_t zeros[MAX_RANK];
    const Place *place = &node->places[slot];
    const Type *type = &node->types[slot];
    if (place->space == SPACE_NONE) return;
    fputs(" @place(", p->out);
    if (node->nregions || node->nresults > 1) fprintf(p->out, "%s, ", value_text(p, (Value){(Node *)node, slot}));
    fputs(name_text(p->arena, space_name(place->space)), p->out);
    bool users = place->space == SPACE_INPUT || place->space == SPACE_OUTPUT;
    if (users || place->index) fprintf(p->out, ", index: %d", place->index);
    if (!users || place->offset) fprintf(p->out, ", offset: %lld", (long long)place->offset);
    if (place->panel) fprintf(p->out, ", panel: %lld", (long long)place->panel);
    if (place->packing) fprintf(p->out, ", packing: %s", packing_of(place)->name);
    if (place->slack) fprintf(p->out, ", slack: %lld", (long long)place->slack);
    if (place->abreast) fprintf(p->out, ", abreast: %lld", (long long)place->abreast);
    if (place->steps) fprintf(p->out, ", steps: %lld", (long long)place->steps);
    Place dense = *place;
    place_set_strides(&dense, type);
    print_axes(p, "stride", place->stride, dense.stride, type->rank);
    print_axes(p, "moves", place->moves, zeros, MAX_SCANS);
    print_axes(p, "before", place->before, zeros, type->rank);
    print_axes(p, "after", place->after, zeros, type->rank);
    print_axes(p, "reach", place->reach, zeros, type->rank);
    if (place->part) fputs(", part: yes", p->out);
    if (place->ring) fprintf(p->out, ", ring: %lld", (long long)place->ring);
    fputc(')', p->out);
}

static void print_schedule(Printer *p, const Schedule *schedule)
{
    const char *text = attrs_text(p->arena, &schedule_attrs, schedule);
    fprintf(p->out, " @schedule(%s)", *text ? text + 2 : "lanes: 1");
}

static void print_origin(Printer *p, const Span *at, int count)
{
    if (!p->options.origins || !count) return;
    fputs(" @origin(", p->out);
    for (int i = 0; i < count; i++, at++) {
        fputs(i ? ", " : "", p->out);
        if (!at->source)
            fputs(string_text(p->arena, at->name ? at->name : ""), p->out);
        else
            fprintf(p->out, "%s:%d:%d:%d", string_text(p->arena, at->source->path), at->line, at->column, at->length);
    }
    fputc(')', p->out);
}

static void print_notes(Printer *p, const Node *node)
{
    for (int i = 0; node->places && i < node->nresults; i++) print_place(p, node, i);
    if (node->schedule) print_schedule(p, node->schedule);
    print_origin(p, node->origin.at, node->origin.count);
}

/* ---- statements ---- */

static const char *types_text(Printer *p, const Node *node)
{
    if (node->nresults == 1 && node_def(node)->kind != KIND_LOOP) return type_text(p->arena, &node->types[0]);
    const char *text = "";
    for (int i = 0; i < node->nresults; i++)
        text = arena_printf(p->arena, "%s%s%s", text, i ? ", " : "", type_text(p->arena, &node->types[i]));
    return arena_printf(p->arena, "(%s)", text);
}

/* A constant says its one number, or where in the pool it is, whatever its attributes were when it was made. */
static const char *constant_text(Printer *p, const Node *node)
{
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    int64_t offset = pool_offset(p->pool, node);
    if (offset >= 0) {
        attrs.pool = pool_name(p->pool);
        attrs.offset = offset;
    } else if (!tensor_is_splat(node->data, &attrs.value)) {
        attrs.value = 0;
    }
    return attrs_text(p->arena, &op_constant.attrs, &attrs);
}

static void print_arguments(Printer *p, const Node *node)
{
    const OpDef *def = node_def(node);
    for (int i = 0; i < node->ninputs; i++) fprintf(p->out, "%s%s", i ? ", " : "", value_text(p, node->inputs[i]));
    const char *attrs =
        node->op == OP_constant && node->data ? constant_text(p, node) : attrs_text(p->arena, &def->attrs, node->attrs);
    if (*attrs && !node->ninputs) attrs += 2; /* the comma */
    fputs(attrs, p->out);
}

static void print_node(Printer *p, const Node *node, int indent);
static void print_body(Printer *p, const Graph *graph, int indent);

static void print_group(Printer *p, const Node *node, int indent)
{
    const Graph *body = node->regions[0];
    fprintf(p->out, "group %s", name_text(p->arena, node->name));
    print_notes(p, node);
    fputs(" {\n", p->out);
    print_body(p, body, indent + 2);
    fprintf(p->out, "%*sreturn ", indent + 2, "");
    for (int i = 0; i < body->nresults; i++)
        fprintf(p->out, "%s%s", i ? ", " : "", value_text(p, body->results[i].value));
    fprintf(p->out, "\n%*s}\n", indent, "");
}

/* x over 1 as r.xt, y over 0 as r.yt (r.h = h0) while r.h */
static void print_scan_head(Printer *p, const Node *node)
{
    const ScanAttrs *attrs = node->attrs;
    int scanned = scan_scanned(node);
    for (int i = 0; i < node->ninputs; i++) {
        const Node *input = scan_input(node, i);
        fputs(i == scanned ? " (" : i ? ", " : "", p->out);
        if (i < scanned)
            fprintf(p->out, "%s over %lld as ", value_text(p, node->inputs[i]), (long long)attrs->axes.at[i]);
        fputs(name_text(p->arena, input->name), p->out);
        if (i >= scanned) fprintf(p->out, " = %s", value_text(p, node->inputs[i]));
    }
    fputs(scanned == node->ninputs ? " ()" : ")", p->out);
    if (attrs->stops) fprintf(p->out, " while %s", name_text(p->arena, scan_input(node, scanned)->name));
}

/* y: f32[4] = if c { ... return a } else { ... return b }: several results by their names */
static void print_branch(Printer *p, const Node *node, int indent)
{
    fprintf(p->out, "%s: %s = if %s {\n", name_text(p->arena, node->name), types_text(p, node),
            value_text(p, node->inputs[0]));
    for (int i = 0; i < node->nregions; i++) {
        const Graph *body = node->regions[i];
        if (i) fprintf(p->out, "%*s} else {\n", indent, "");
        print_body(p, body, indent + 2);
        for (int k = 0; k < body->nresults; k++) {
            const Result *result = &body->results[k];
            fputs(k ? ", " : arena_printf(p->arena, "%*sreturn ", indent + 2, ""), p->out);
            if (body->nresults > 1) fprintf(p->out, "%s: ", name_text(p->arena, result->name));
            fputs(value_text(p, result->value), p->out);
        }
        fputc('\n', p->out);
    }
    fprintf(p->out, "%*s}", indent, "");
    print_notes(p, node);
    fputc('\n', p->out);
}

static void print_scan(Printer *p, const Node *node, int indent)
{
    const Graph *body = node->regions[0];
    int gathered = scan_gathered(node);
    int64_t turns = scan_scanned(node) ? 0 : scan_turns(node);
    fprintf(p->out, "%s: %s = %s", name_text(p->arena, node->name), types_text(p, node),
            scan_scanned(node) ? "scan " : "loop");
    if (turns) fprintf(p->out, " %lld as none", (long long)turns);
    print_scan_head(p, node);
    fputs(" {\n", p->out);
    for (const Node *inner = body->first; inner; inner = inner->next)
        if (inner->op != OP_input) print_node(p, inner, indent + 2);
    for (int i = gathered; i < body->nresults; i++)
        fprintf(p->out, "%*snext %s = %s\n", indent + 2, "", name_text(p->arena, body->results[i].state->name),
                value_text(p, body->results[i].value));
    for (int i = 0; i < gathered; i++) {
        const Result *result = &body->results[i];
        fprintf(p->out, "%s%s: %s", i ? ", " : arena_printf(p->arena, "%*sreturn ", indent + 2, ""),
                name_text(p->arena, result->name), value_text(p, result->value));
        if (result->axis != ((const ScanAttrs *)node->attrs)->axes.at[0])
            fprintf(p->out, " over %lld", (long long)result->axis);
    }
    fprintf(p->out, "%s%*s}", gathered ? "\n" : "", indent, "");
    print_notes(p, node);
    fputc('\n', p->out);
}

static void print_node(Printer *p, const Node *node, int indent)
{
    fprintf(p->out, "%*s", indent, "");
    if (node->nregions) {
        OpKind kind = node_def(node)->kind;
        (kind == KIND_LOOP ? print_scan : kind == KIND_BRANCH ? print_branch : print_group)(p, node, indent);
        return;
    }
    if (node->op == OP_input) {
        fprintf(p->out, "input %s: %s", name_text(p->arena, node->name), types_text(p, node));
    } else if (node->op == OP_state) {
        double value = ((const StateAttrs *)node->attrs)->value;
        bool real = dtype_is_float(node->types[0].dtype);
        fprintf(p->out, "state %s: %s = %s", name_text(p->arena, node->name), types_text(p, node),
                real ? number_text(p->arena, value, false) : arena_printf(p->arena, "%.0f", value));
    } else {
        fprintf(p->out, "%s: %s = %s(", name_text(p->arena, node->name), types_text(p, node), node_def(node)->name);
        print_arguments(p, node);
        fputc(')', p->out);
    }
    print_notes(p, node);
    fputc('\n', p->out);
}

/* Is `name` the path, or inside of it: r.h of r? */
static bool is_in(const char *name, const char *path)
{
    size_t length = strlen(path);
    return name && strncmp(name, path, length) == 0 && (!name[length] || name[length] == '.');
}

static bool belongs_to(const Node *node, const char *layer)
{
    if (is_in(node->name, layer)) return true;
    for (int i = 0; i < node->nregions; i++)
        for (const Node *inner = node->regions[i]->first; inner; inner = inner->next)
            if (belongs_to(inner, layer)) return true;
    return false;
}

static void print_body(Printer *p, const Graph *graph, int indent)
{
    for (const Node *node = graph->first; node; node = node->next) print_node(p, node, indent);
}

static void print_layer(Printer *p, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next)
        if (belongs_to(node, p->options.layer)) print_node(p, node, 0);
}

void graph_print_dims(const Graph *graph, FILE *out)
{
    for (int i = 0; i < graph->ndims; i++) {
        const Dim *dim = &graph->dims[i];
        fprintf(out, "  dim %s = %lld", dim->name, (long long)dim->low);
        if (!dim_is_fixed(dim)) fprintf(out, "..%lld", (long long)dim->high);
        fputc('\n', out);
    }
}

static void print_results(Printer *p, const Graph *graph)
{
    for (int i = 0; i < graph->nresults; i++) {
        const Result *result = &graph->results[i];
        const char *name = result->name ? result->name : value_name(p->arena, result->value);
        fprintf(p->out, "  %s %s = %s", result->state ? "next" : "output",
                name_text(p->arena, result->state ? result->state->name : name), value_text(p, result->value));
        if (result->labels_path) fprintf(p->out, " labels: %s", string_text(p->arena, result->labels_path));
        if (result->at.source || result->at.name) print_origin(p, &result->at, 1);
        fputc('\n', p->out);
    }
}

void graph_print(const Graph *graph, FILE *out, PrintOptions options)
{
    Arena *arena = arena_child(graph->arena);
    Printer p = {.out = out, .arena = arena, .pool = pool_of(arena, graph), .options = options};
    if (options.layer) {
        print_layer(&p, graph);
        arena_free(arena);
        return;
    }
    fputs("lep 1", out);
    if (graph->stage != STAGE_ELABORATED) fprintf(out, " stage %s", stage_name(graph->stage));
    fprintf(out, "\n\nmodel %s ", name_text(arena, graph->name ? graph->name : "model"));
    if (graph->doc) fprintf(out, "%s ", string_text(arena, graph->doc));
    fputs("{\n", out);
    graph_print_dims(graph, out);
    print_body(&p, graph, 2);
    print_results(&p, graph);
    fputs("}\n", out);
    arena_free(arena);
}

void graph_print_node(const Node *node, int indent, FILE *out)
{
    Arena *arena = arena_child(node->graph->arena);
    Printer p = {.out = out, .arena = arena, .pool = node->nregions ? pool_of(arena, node->graph) : NULL};
    print_node(&p, node, indent);
    arena_free(arena);
}
