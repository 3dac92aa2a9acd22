#include "ir/count.h"

#include "ir/bounded.h"

#include <ctype.h>
#include <string.h>

const char *node_count(const Node *node)
{
    return node_def(node)->counts ? ((const CountAttrs *)node->attrs)->count : NULL;
}

static int dim_number(const Graph *graph, const char *name) { return graph_dim(graph, &(Dim){.name = name}); }

bool dim_is_computed(const Graph *graph, const Dim *dim)
{
    int number = graph_dim(graph, dim);
    return !dim_is_fixed(dim) && number >= 0 && graph_root(graph)->dims[number].computed;
}

bool type_is_computed(const Graph *graph, const Type *type)
{
    bool computed = false;
    for (int i = 0; i < type->rank; i++) computed |= dim_is_computed(graph, &type->dim[i]);
    return computed;
}

/* ---- the table ---- */

static bool is_in_body(const Node *node)
{
    bool body = false;
    for (const Graph *graph = node->graph; graph->owner; graph = graph->parent) body |= node_is_control(graph->owner);
    return body;
}

static bool refuse_body(const Node *node, Diag *diag)
{
    diag_error(diag, E0309, node_span(node), "%s: how much it finds cannot be a size within a body",
               node_def(node)->name);
    return diag_help(diag, "return what it is made of from the scan or the branch, and count behind it");
}

bool count_dim(const Node *node, int64_t most, Dim *out, Diag *diag)
{
    const Graph *root = graph_root(node->graph);
    /* an axis that has one element at most would be taken for one that broadcasts */
    Dim dim = {.low = 0, .high = most == 1 ? 2 : most, .name = node_count(node), .computed = true};
    int number = graph_dim(root, &dim);
    if (is_in_body(node)) return refuse_body(node, diag);
    if (!name_is_plain(dim.name)) {
        diag_error(diag, E0309, node_span(node), "%s: count: \"%s\" cannot be the name of a dim", node_def(node)->name,
                   dim.name);
        return diag_help(diag, "take letters, digits and _, as in count: \"found\"");
    }
    if (!most) {
        *out = dim_fixed(0);
        return true;
    }
    if (number < 0 && root->ndims == MAX_DIMS) {
        diag_error(diag, E0309, node_span(node), "%s: a model has at most %d bounded dims", node_def(node)->name,
                   MAX_DIMS);
        return diag_help(diag, "fix some of them");
    }
    *out = number < 0 ? dim : root->dims[number];
    if (out->low == 0 && out->high > 0) return true;
    diag_error(diag, E0309, node_span(node), "%s: `%s` may turn out to be 0, but is declared from %lld on",
               node_def(node)->name, out->name, (long long)out->low);
    return diag_help(diag, "declare it as dim %s = 0..%lld", out->name, (long long)out->high);
}

/* A word that names no dim and no value yet. */
static const char *free_name(const Graph *graph, const char *wanted)
{
    Arena *arena = graph->arena;
    char *word = arena_printf(arena, "%s%s.count", isalpha((unsigned char)wanted[0]) ? "" : "n", wanted);
    for (char *c = word; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '_') *c = '_';
    const char *name = word;
    for (int i = 1; dim_number(graph, name) >= 0 || graph_find(graph_root(graph), name); i++)
        name = arena_printf(arena, "%s.%d", word, i);
    return name;
}

void count_name(Node *node)
{
    CountAttrs *attrs = node->attrs;
    if (node_def(node)->counts && !attrs->count) attrs->count = free_name(node->graph, node->name);
}

static void add_dim(Graph *root, Dim dim)
{
    Dim *dims = ARENA_ARRAY(root->arena, Dim, root->ndims + 1);
    if (root->ndims) memcpy(dims, root->dims, (size_t)root->ndims * sizeof *dims);
    dims[root->ndims++] = dim;
    root->dims = dims;
}

static const Dim *dim_of_results(const Node *node, const char *name)
{
    for (int slot = 0; slot < node->nresults; slot++)
        for (int axis = 0; axis < node->types[slot].rank; axis++) {
            const Dim *dim = &node->types[slot].dim[axis];
            if (dim->name && !strcmp(dim->name, name) && !dim->factor) return dim;
        }
    return NULL;
}

void count_declare(Node *node)
{
    const char *name = node_count(node);
    Graph *root = node->graph;
    if (!name) return;
    while (root->parent) root = root->parent;
    int number = dim_number(root, name);
    const Dim *dim = dim_of_results(node, name);
    if (number < 0 && dim) add_dim(root, *dim);
    if (number >= 0) root->dims[number].computed = true;
}

static bool counts(const Node *node, const char *name)
{
    const char *own = node_count(node);
    return own && !strcmp(own, name);
}

void count_forget(const Node *node)
{
    const char *name = node_count(node);
    Graph *root = node->graph;
    if (!name || root->parent) return;
    for (const Node *other = root->first; other; other = other->next) {
        if (other != node && counts(other, name)) return;
        for (int i = 0; other->op == OP_group && other->nregions && i < 1; i++)
            for (const Node *inner = other->regions[0]->first; inner; inner = inner->next)
                if (inner != node && counts(inner, name)) return;
    }
    int number = dim_number(root, name);
    if (number < 0) return;
    for (int i = number + 1; i < root->ndims; i++) root->dims[i - 1] = root->dims[i];
    root->ndims--;
}

void count_share(Graph *to, const Graph *from)
{
    const Graph *root = graph_root(from);
    to->ndims = root->ndims;
    to->dims = ARENA_ARRAY(to->arena, Dim, root->ndims + 1);
    if (root->ndims) memcpy(to->dims, root->dims, (size_t)root->ndims * sizeof *to->dims);
}

/* ---- the check ---- */

typedef struct Counter {
    const Graph *root;
    Diag *diag;
    const Node *by[MAX_DIMS]; /* who said how much each dim is, of those that stand before */
} Counter;

static bool check_dim(const Counter *c, const Node *node, const Dim *dim, const char *where)
{
    int number = graph_dim(c->root, dim);
    if (!dim_is_computed(c->root, dim) || c->by[number]) return true;
    diag_error(c->diag, E0309, node_span(node), "`%s` is %s before anything says how much `%s` is", node->name, where,
               dim->name);
    return diag_help(c->diag, "a size that is counted can stand behind what counts it only");
}

/* Attributes may hold sizes, too. */
static bool check_attrs(const Counter *c, const Node *node)
{
    const AttrTable *attrs = &node_def(node)->attrs;
    bool good = true;
    for (int i = 0; i < attrs->count && good; i++) {
        const Dim *dims = attr_dims(&attrs->rows[i], node->attrs);
        const IntList *list = dims ? attr_field_const(&attrs->rows[i], node->attrs) : NULL;
        for (int k = 0; dims && good && k < list->count; k++)
            good = check_dim(c, node, &dims[k], attr_text(c->diag->arena, &attrs->rows[i], node->attrs));
    }
    return good;
}

static bool check_uses(const Counter *c, const Node *node)
{
    for (int slot = 0; slot < node->nresults; slot++)
        for (int axis = 0; axis < node->types[slot].rank; axis++)
            if (!check_dim(c, node, &node->types[slot].dim[axis], type_text(c->diag->arena, &node->types[slot])))
                return false;
    return check_attrs(c, node);
}

/* The node that makes the value, inside the group that gives it back. */
static const Node *maker_of(Value value)
{
    while (value.node->op == OP_group && value.slot < value.node->nresults)
        value = value.node->regions[0]->results[value.slot].value;
    return value.node;
}

/* Passes keep the order that operands ask for: so the size itself must be one. */
static bool check_shorten(const Counter *c, const Node *node)
{
    const char *to = node->op == OP_shorten ? ((const ShortenAttrs *)node->attrs)->to : NULL;
    const Node *by = to ? maker_of(node->inputs[1]) : NULL;
    if (!to || (node_def(by)->kind == KIND_SIZE && !strcmp(node_count(by), to))) return true;
    diag_error(c->diag, E0309, node_span(node), "shorten: `%s` is not what define_size gave for `%s`", by->name, to);
    return diag_help(c->diag, "write n = define_size(..., count: \"%s\"), then shorten(x, n, to: \"%s\")", to, to);
}

static bool check_count(Counter *c, const Node *node)
{
    const char *name = node_count(node);
    if (!name || node_is_empty(node)) return true;
    if (is_in_body(node)) return refuse_body(node, c->diag);
    int number = dim_number(c->root, name);
    if (number < 0 || !c->root->dims[number].computed)
        return diag_error(c->diag, E0309, node_span(node), "`%s` is no dim that can be counted", name);
    if (c->by[number]) {
        diag_error(c->diag, E0309, node_span(node), "`%s` says how much `%s` is, as does `%s`", node->name, name,
                   c->by[number]->name);
        return diag_help(c->diag, "give each a name of its own, as in count: \"%s2\"", name);
    }
    c->by[number] = node;
    return true;
}

static bool check_graph(Counter *c, const Graph *graph)
{
    bool good = true;
    for (const Node *node = graph->first; node; node = node->next) {
        good = check_count(c, node) && good;
        for (int i = 0; i < node->nregions; i++) good = check_graph(c, node->regions[i]) && good;
        good = check_uses(c, node) && check_shorten(c, node) && good;
    }
    return good;
}

bool graph_check_counts(const Graph *graph, Diag *diag)
{
    Counter c = {.root = graph_root(graph), .diag = diag};
    bool any = false;
    for (int i = 0; i < c.root->ndims; i++) any |= c.root->dims[i].computed;
    return !any || c.root->ndims > MAX_DIMS || check_graph(&c, graph);
}
