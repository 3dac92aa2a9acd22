/* How a graph is said: which nodes are statements, and in what order what they need stands before them. */
#include "frontend/write_plan.h"

#include "frontend/elaborate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_CHAIN = 8 };

/* ---- uses ---- */

static void count_value(Writing *w, Value value, int by)
{
    if (value.node) *node_map_cell(w->uses, value.node) += by;
}

static void count_uses(Writing *w, const Graph *graph, int by);

static void count_node(Writing *w, const Node *node, int by)
{
    for (int i = 0; i < node->ninputs; i++) count_value(w, node->inputs[i], by);
    for (int i = 0; i < node->nregions; i++) count_uses(w, node->regions[i], by);
}

static void count_uses(Writing *w, const Graph *graph, int by)
{
    for (const Node *node = graph->first; node; node = node->next) count_node(w, node, by);
    for (int i = 0; i < graph->nresults; i++) count_value(w, graph->results[i].value, by);
}

static int64_t uses_of(const Writing *w, const Node *node)
{
    const int64_t *count = node_map_find(w->uses, node);
    return count ? *count : 0;
}

static void drop_unused(Writing *w)
{
    for (Node *node = w->graph->last, *previous; node; node = previous) {
        previous = node->previous;
        if (uses_of(w, node) || node->op == OP_input || node->op == OP_state) continue;
        count_node(w, node, -1);
        graph_remove(w->graph, node);
    }
}

/* ---- roles ---- */

Role write_role(const Writing *w, const Node *node)
{
    const int64_t *role = node_map_find(w->roles, node);
    return role ? (Role)*role : ROLE_STATEMENT;
}

static void set_role(Writing *w, const Node *node, Role role) { *node_map_cell(w->roles, node) = role; }

bool write_is_layer(const Writing *w, const Node *node) { return node_map_find(w->layers, node) != NULL; }

const void *write_attrs(const Writing *w, const Node *node)
{
    const int64_t *layer = node_map_find(w->layers, node);
    return layer ? (const void *)(uintptr_t)*layer : node->attrs;
}

bool write_is_stored(const Node *node)
{
    double value;
    if (!node->data || (node->op != OP_param && node->op != OP_constant)) return false;
    return node->op == OP_param || !tensor_is_splat(node->data, &value);
}

static bool is_source(const Node *node) { return node->op == OP_param || node->op == OP_constant; }

/* Used by one operand of one node of the model itself. */
static bool is_own(const Writing *w, const Node *node) { return node->graph == w->graph && uses_of(w, node) == 1; }

/* ---- layers ---- */

/* A layer attribute that says whether an operand of its name is there. */
static bool is_presence(const OpDef *def, const AttrDef *row, int *operand)
{
    for (*operand = 0; *operand < def->noperands; ++*operand)
        if (row->kind == ATTR_BOOL && !strcmp(def->operands[*operand].name, row->name)) return true;
    return false;
}

static bool is_there(const Node *node, int operand) { return operand < node->ninputs && node->inputs[operand].node; }

/* The attributes with which the layer would make what it has, NULL when there are none such. */
static void *layer_attrs(Writing *w, const Node *node)
{
    const OpDef *def = node_def(node);
    void *attrs = arena_alloc(w->arena, def->attrs.size + 1);
    memcpy(attrs, node->attrs, def->attrs.size);
    bool numbers = false;
    for (int i = 0, operand; i < def->attrs.count; i++) {
        const AttrDef *row = &def->attrs.rows[i];
        if (!(row->flags & ATTR_LAYER)) continue;
        if (!attr_is_default(row, node->attrs)) return NULL;
        if (is_presence(def, row, &operand))
            *(bool *)attr_field(row, attrs) = is_there(node, operand);
        else
            numbers = true;
    }
    if (numbers && !def->layer) return NULL;
    if (numbers) def->layer(node, attrs);
    return attrs;
}

static bool makes_same(Writing *w, const Node *node, int first, void *attrs)
{
    const OpDef *def = node_def(node);
    Diag unsaid = diag_new(w->arena);
    Node layer = {.op = node->op, .name = node->name, .graph = w->graph, .ninputs = first, .inputs = node->inputs};
    layer.attrs = attrs;
    for (int i = first; i < def->noperands; i++) {
        Type type;
        if (!(def->operands[i].flags & OPERAND_PARAM) || !def->param(&layer, i, &type, &unsaid)) return false;
        if ((type.dtype == DTYPE_COUNT) == is_there(node, i)) return false;
        if (is_there(node, i) && !type_equal(&type, value_type(node->inputs[i]))) return false;
    }
    return true;
}

static bool has_own_params(const Writing *w, const Node *node, int first)
{
    int count = 0;
    for (int i = first; i < node->ninputs; i++) {
        const Node *param = node->inputs[i].node;
        if (!param) continue;
        if (param->op != OP_param || !param->data || !is_own(w, param)) return false;
        count++;
    }
    return count > 0;
}

static void find_layer(Writing *w, const Node *node)
{
    int first = op_first_param(node_def(node));
    if (first < 1 || node->ninputs <= first || !has_own_params(w, node, first)) return;
    void *attrs = layer_attrs(w, node);
    if (!attrs || !makes_same(w, node, first, attrs)) return;
    *node_map_cell(w->layers, node) = (int64_t)(uintptr_t)attrs;
    for (int i = first; i < node->ninputs; i++)
        if (node->inputs[i].node) set_role(w, node->inputs[i].node, ROLE_LAYER);
}

/* ---- numbers ---- */

const char *write_number(Arena *arena, const Node *constant)
{
    const Type *type = &constant->types[0];
    double real = tensor_real(constant->data, 0);
    int64_t integer = tensor_get(constant->data, 0).integer;
    if (type->dtype == BOOL) return integer ? "yes" : "no";
    if (!dtype_is_float(type->dtype))
        return type->dtype == U64 && integer < 0 ? NULL : arena_printf(arena, "%lld", (long long)integer);
    if (!isfinite(real) || (real == 0 && signbit(real))) return NULL;
    const char *text = number_text(arena, real, type->dtype != F64);
    Tensor back = tensor_new(arena, *type);
    tensor_set_real(&back, 0, strtod(text, NULL));
    return tensor_identical(&back, constant->data) ? text : NULL;
}

static bool may_be_number(const Writing *w, Value value)
{
    const Node *node = value.node;
    return node && node->op == OP_constant && node->data && node->types[0].rank == 0 && is_own(w, node) &&
           write_role(w, node) == ROLE_STATEMENT && write_number(w->arena, node);
}

/* What the front end would make of numbers in the places of constants: those stay that would become another dtype, and
 * then the others are looked at again. */
static void find_numbers(Writing *w, const Node *node)
{
    Item *items = ARENA_ARRAY(w->arena, Item, node->ninputs + 1);
    for (int i = 0; i < node->ninputs; i++) {
        items[i] = (Item){.kind = node->inputs[i].node ? ITEM_VALUE : ITEM_NONE, .value = node->inputs[i]};
        if (may_be_number(w, node->inputs[i])) items[i].kind = ITEM_REAL;
    }
    for (int i = 0; i < node->ninputs; i++) {
        if (items[i].kind != ITEM_REAL) continue;
        Dtype partner = partner_dtype(node->op, node->ninputs, items), dtype = value_type(node->inputs[i])->dtype;
        if (partner != DTYPE_COUNT && number_dtype(node->op, i, partner) == dtype) continue;
        items[i].kind = ITEM_VALUE;
        i = -1;
    }
    for (int i = 0; i < node->ninputs; i++)
        if (items[i].kind == ITEM_REAL) set_role(w, node->inputs[i].node, ROLE_NUMBER);
}

/* ---- chains ---- */

static bool may_flow(const Writing *w, const Node *from, const Node *into)
{
    if (!from || !is_own(w, from) || from->nresults != 1 || from->nregions || into->nregions) return false;
    return node_def(from)->kind != KIND_SOURCE && into->ninputs && into->inputs[0].node == from;
}

/* A layer, or what would be one if its parameters were its own. */
static bool has_params(const Node *node)
{
    int first = op_first_param(node_def(node));
    return first >= 0 && node->ninputs > first;
}

/* Only values that stand one behind the other, so that the text keeps the order of the nodes; with one layer at most,
 * which gives the parameters their name. */
static void find_chains(Writing *w)
{
    const Node *previous = NULL;
    int length = 0, layers = 0;
    for (const Node *node = w->graph->first; node; node = node->next) {
        if (is_source(node)) continue;
        bool layer = has_params(node);
        if (may_flow(w, previous, node) && length < LONGEST_CHAIN && layers + layer < 2)
            set_role(w, previous, ROLE_PIPED);
        else
            length = layers = 0;
        length++;
        layers += layer;
        previous = node;
    }
}

/* ---- order and names ---- */

typedef struct Mover {
    Writing *w;
    NodeMap *moved;
    Node *before; /* where statements stand */
} Mover;

static void move_source(Mover *m, Value value, Node *node)
{
    if (!value.node || value.node->graph != m->w->graph || !is_source(value.node)) return;
    if (node_map_find(m->moved, value.node)) return;
    *node_map_cell(m->moved, value.node) = 1;
    graph_move(m->w->graph, value.node, write_role(m->w, value.node) == ROLE_STATEMENT ? m->before : node);
}

static void move_captured(Mover *m, const Graph *region)
{
    for (const Node *node = region->first; node; node = node->next) {
        for (int i = 0; i < node->ninputs; i++) move_source(m, node->inputs[i], m->before);
        for (int i = 0; i < node->nregions; i++) move_captured(m, node->regions[i]);
    }
    for (int i = 0; i < region->nresults; i++) move_source(m, region->results[i].value, m->before);
}

/* In front of the node or, when they have statements of their own, of the chain that it is in. */
static void move_sources(Writing *w)
{
    Mover m = {w, node_map_new(w->arena), NULL};
    for (Node *node = w->graph->first, *next; node; node = next) {
        next = node->next;
        if (is_source(node)) continue;
        if (!m.before) m.before = node;
        for (int i = 0; i < node->ninputs; i++) move_source(&m, node->inputs[i], node);
        for (int i = 0; i < node->nregions; i++) move_captured(&m, node->regions[i]);
        if (write_role(w, node) == ROLE_STATEMENT) m.before = NULL;
    }
}

/* An output that is nothing else may have its name. */
static void name_outputs(Writing *w)
{
    for (int i = 0; i < w->graph->nresults; i++) {
        const Result *result = &w->graph->results[i];
        Node *node = result->value.node, *other = graph_find(w->graph, result->name);
        bool own = is_own(w, node) && node->nresults == 1 && !node->nregions && node_def(node)->kind != KIND_SOURCE;
        if (!own || result->state || other == node || (other && write_role(w, other) != ROLE_PIPED)) continue;
        if (other) graph_rename(other, path_join(w->arena, result->name, node_def(other)->name));
        graph_rename(node, result->name);
    }
}

/* The keys that the elaborator will look for. */
static void name_params(Writing *w)
{
    const Node *last = NULL;
    for (Node *node = w->graph->last; node; node = node->previous) {
        if (!is_source(node) && write_role(w, node) == ROLE_STATEMENT) last = node;
        if (!write_is_layer(w, node)) continue;
        for (int i = op_first_param(node_def(node)); i < node->ninputs; i++) {
            Node *param = node->inputs[i].node;
            const char *key = param ? path_join(w->arena, last->name, node_def(node)->operands[i].name) : "";
            Node *other = param ? graph_find(w->graph, key) : NULL;
            if (!param || other == param) continue;
            if (other) graph_rename(other, path_join(w->arena, key, "value"));
            graph_rename(param, key);
        }
    }
}

Writing *writing_new(Arena *arena, Graph *graph, const char *weights)
{
    Writing *w = ARENA_NEW(arena, Writing);
    *w = (Writing){.arena = arena,
                   .graph = graph,
                   .weights = weights,
                   .uses = node_map_new(arena),
                   .roles = node_map_new(arena),
                   .layers = node_map_new(arena)};
    count_uses(w, graph, 1);
    drop_unused(w);
    for (const Node *node = graph->first; node; node = node->next) find_layer(w, node);
    for (const Node *node = graph->first; node; node = node->next)
        if (!node->nregions) find_numbers(w, node);
    find_chains(w);
    move_sources(w);
    name_outputs(w);
    name_params(w);
    return w;
}
