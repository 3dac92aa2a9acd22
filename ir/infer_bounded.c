/* Shape rules know fixed dims only.  For bounded ones the rule is asked again and again, for one size of each dim after
 * the other, and what it answers is read as (factor * N + base) / divisor, rounded down: the form of every operator
 * that slides, cuts, joins or regroups along an axis.  So no rule has to know of bounded dims, and what is wrong for
 * one size only is found before anybody runs the code. */
#include "ir/bounded.h"
#include "ir/op.h"

#include <string.h>

/* How many sizes from either bound a rule is asked for, and the greatest divisor that these tell: all of its remainders
 * must be seen.  Strides multiply - images shrink to a 32nd, spectra are taken every 512 samples -, so more are asked
 * for where the first do not do. */
static const struct {
    int64_t near, divisor;
} tries[] = {{40, 16}, {520, 512}};

enum { TRIES = sizeof tries / sizeof *tries };

/* One declared dim, the sizes that the rule is asked for, and what each dim of the results was then. */
typedef struct Axis {
    Dim declared;
    int count;
    int64_t *at;
    Type **types;
} Axis;

typedef struct Probe {
    const Node *node;
    Arena *arena;
    Diag *diag;
    int attempt; /* index of tries */
    int naxes, nresults;
    Axis axes[MAX_DIMS];
    int64_t sizes[MAX_DIMS];
} Probe;

/* ---- which dims there are ---- */

static bool add_axis(Probe *p, const Dim *dim)
{
    for (int i = 0; i < p->naxes; i++)
        if (!strcmp(p->axes[i].declared.name, dim->name)) return true;
    const Graph *root = graph_root(p->node->graph);
    int number = graph_dim(root, dim);
    Dim declared = number >= 0 ? root->dims[number] : *dim;
    if (declared.factor || p->naxes == MAX_DIMS) return false;
    p->axes[p->naxes++].declared = declared;
    return true;
}

static bool add_dim(Probe *p, const Dim *dim, const char *where)
{
    if (dim_is_fixed(dim) || (dim->name && add_axis(p, dim))) return true;
    return diag_error(p->diag, E0305, node_span(p->node), "%s: `%s` of %s is no declared dim", node_def(p->node)->name,
                      dim_text(p->diag->arena, dim), where);
}

static bool find_attr_axes(Probe *p)
{
    const AttrTable *attrs = &node_def(p->node)->attrs;
    for (int i = 0; i < attrs->count; i++) {
        const Dim *dims = attr_dims(&attrs->rows[i], p->node->attrs);
        const IntList *list = dims ? attr_field_const(&attrs->rows[i], p->node->attrs) : NULL;
        for (int k = 0; dims && k < list->count; k++)
            if (!add_dim(p, &dims[k], attrs->rows[i].name)) return false;
    }
    return true;
}

static bool find_axes(Probe *p)
{
    for (int i = 0; i < p->node->ninputs; i++) {
        if (!p->node->inputs[i].node) continue;
        const Type *type = value_type(p->node->inputs[i]);
        for (int k = 0; k < type->rank; k++)
            if (!add_dim(p, &type->dim[k], type_text(p->diag->arena, type))) return false;
    }
    return find_attr_axes(p);
}

/* All sizes near the ends: rounding shows there. */
static void choose_points(const Probe *p, Axis *axis)
{
    int64_t near = tries[p->attempt].near;
    /* of what a run may find nothing of, rules are asked for something: that it is nothing is no mistake */
    int64_t low = axis->declared.low == 0 && axis->declared.computed ? 1 : axis->declared.low,
            high = axis->declared.high;
    if (high == low) high++; /* one answer tells no form */
    axis->at = ARENA_ARRAY(p->arena, int64_t, 2 * near);
    axis->types = ARENA_ARRAY(p->arena, Type *, 2 * near);
    for (int64_t n = low; n <= high && n < low + near; n++) axis->at[axis->count++] = n;
    for (int64_t n = high - near + 1; n <= high; n++)
        if (n >= low + near) axis->at[axis->count++] = n;
}

/* ---- asking ---- */

static int64_t probed_size(const void *context, const Dim *dim)
{
    const Probe *p = context;
    for (int k = 0; k < p->naxes; k++)
        if (!strcmp(dim->name, p->axes[k].declared.name)) return dim_at(dim, p->sizes[k]);
    return dim->high;
}

static Type fixed_type(const Probe *p, const Type *type)
{
    Type fixed = *type;
    for (int i = 0; i < type->rank; i++)
        if (!dim_is_fixed(&type->dim[i])) fixed.dim[i] = dim_fixed(probed_size(p, &type->dim[i]));
    return fixed;
}

static void fix_attrs(const Probe *p, Node *node)
{
    const AttrTable *attrs = &node_def(node)->attrs;
    if (attrs_are_fixed(attrs, node->attrs)) return;
    node->attrs = memcpy(arena_array(p->arena, 1, attrs->size), node->attrs, attrs->size);
    attrs_bind(attrs, node->attrs, probed_size, p);
}

static const char *sizes_text(const Probe *p)
{
    const char *text = "";
    for (int i = 0; i < p->naxes; i++)
        text = arena_printf(p->diag->arena, "%s%s%s = %lld", text, i ? ", " : "", p->axes[i].declared.name,
                            (long long)p->sizes[i]);
    return text;
}

/* What the rule says of the operands at p->sizes; NULL after an error. */
static Type *ask(Probe *p)
{
    Node node = *p->node;
    Diag heard = diag_new(p->arena);
    node.inputs = ARENA_ARRAY(p->arena, Value, node.ninputs + node_def(&node)->noperands + 1);
    node.nresults = p->nresults;
    node.types = ARENA_ARRAY(p->arena, Type, p->nresults);
    fix_attrs(p, &node);
    for (int i = 0; i < node.ninputs; i++) {
        Value operand = p->node->inputs[i];
        if (!operand.node) continue;
        Node *fixed = ARENA_NEW(p->arena, Node);
        *fixed = *operand.node;
        fixed->types = ARENA_ARRAY(p->arena, Type, operand.node->nresults);
        for (int k = 0; k < operand.node->nresults; k++) fixed->types[k] = fixed_type(p, &operand.node->types[k]);
        node.inputs[i] = (Value){fixed, operand.slot};
    }
    bool fits = node_def(&node)->infer(&node, node.types, &heard) && node_check_nothing(&node, node.types, &heard);
    if (fits) return node.types;
    const Diagnostic *first = heard.first;
    if (first->code == E0302) { /* has nothing to do with sizes */
        node.inputs = p->node->inputs;
        node_def(&node)->infer(&node, node.types, p->diag);
        return NULL;
    }
    diag_error(p->diag, first->code, node_span(p->node), "with %s: %s", sizes_text(p),
               arena_copy_string(p->diag->arena, first->message));
    if (first->help) diag_help(p->diag, "%s", arena_copy_string(p->diag->arena, first->help));
    return NULL;
}

/* Every size of one dim while the others are at one of their bounds. */
static bool ask_along(Probe *p, int axis, bool others_high)
{
    for (int i = 0; i < p->naxes; i++) p->sizes[i] = others_high ? p->axes[i].declared.high : p->axes[i].declared.low;
    for (int i = 0; i < p->axes[axis].count; i++) {
        p->sizes[axis] = p->axes[axis].at[i];
        Type *types = ask(p);
        if (!types) return false;
        p->axes[axis].types[i] = types;
    }
    return true;
}

/* ---- reading the answers ---- */

static int64_t size_at(const Axis *axis, int point, int slot, int dim)
{
    return axis->types[point][slot].dim[dim].high;
}

static bool changes(const Axis *axis, int slot, int dim)
{
    for (int i = 1; i < axis->count; i++)
        if (size_at(axis, i, slot, dim) != size_at(axis, 0, slot, dim)) return true;
    return false;
}

/* The answers for one dim of the results. */
static bool find_form(const Probe *p, const Axis *axis, int slot, int dim, Dim *out)
{
    int64_t *sizes = ARENA_ARRAY(p->arena, int64_t, axis->count);
    for (int i = 0; i < axis->count; i++) sizes[i] = size_at(axis, i, slot, dim);
    return dim_form_of(&axis->declared, tries[p->attempt].divisor, axis->count, axis->at, sizes, out);
}

static bool inexpressible(const Probe *p, int slot, int dim)
{
    if (p->attempt + 1 < (int)TRIES) return false;
    diag_error(p->diag, E0307, node_span(p->node), "%s: the size of axis %d of its result %s", node_def(p->node)->name,
               dim, p->nresults > 1 ? arena_printf(p->diag->arena, "%d cannot be told", slot) : "cannot be told");
    return diag_help(p->diag, "it may be (a * N + b) / c of one bounded dim N; fix the others, as in --dim %s=%lld",
                     p->axes[0].declared.name, (long long)p->axes[0].declared.high);
}

/* A size that the node counts itself is what it may be at most, whatever the operands' sizes. */
static bool read_counted(const Probe *p, int slot, int dim, Dim *out)
{
    *out = dim_fixed(0);
    for (int i = 0; i < p->naxes; i++)
        for (int k = 0; k < p->axes[i].count; k++) {
            const Dim *answer = &p->axes[i].types[k][slot].dim[dim];
            if (!dim_is_fixed(answer) && answer->high > out->high) *out = *answer;
        }
    return !dim_is_fixed(out);
}

static bool read_dim(const Probe *p, int slot, int dim, Dim *out)
{
    const Axis *found = NULL;
    if (read_counted(p, slot, dim, out)) return true;
    *out = dim_fixed(size_at(&p->axes[0], 0, slot, dim));
    for (int i = 0; i < p->naxes; i++) {
        if (!changes(&p->axes[i], slot, dim)) continue;
        if (found) return inexpressible(p, slot, dim);
        found = &p->axes[i];
    }
    return !found || find_form(p, found, slot, dim, out) || inexpressible(p, slot, dim);
}

/* What the answers were, against the forms that were read from others. */
static bool agrees(const Probe *p, const Type *out)
{
    for (int axis = 0; axis < p->naxes; axis++)
        for (int i = 0; i < p->axes[axis].count; i++)
            for (int slot = 0; slot < p->nresults; slot++) {
                const Type *found = &p->axes[axis].types[i][slot];
                if (found->rank != out[slot].rank || found->dtype != out[slot].dtype) return inexpressible(p, slot, 0);
                for (int dim = 0; dim < found->rank; dim++) {
                    const Dim *form = &out[slot].dim[dim];
                    if (!dim_is_fixed(&found->dim[dim])) continue; /* a size of its own */
                    bool own = form->name && !strcmp(form->name, p->axes[axis].declared.name);
                    if ((own || dim_is_fixed(form)) && found->dim[dim].high != dim_at(form, p->axes[axis].at[i]))
                        return inexpressible(p, slot, dim);
                }
            }
    return true;
}

static bool infer_bounded(Probe *p, Type *out)
{
    if (!find_axes(p)) return false;
    for (int i = 0; i < p->naxes; i++) choose_points(p, &p->axes[i]);
    for (int i = 0; i < p->naxes; i++)
        if (!ask_along(p, i, true)) return false;
    for (int slot = 0; slot < p->nresults; slot++) {
        out[slot] = p->axes[0].types[0][slot];
        for (int dim = 0; dim < out[slot].rank; dim++)
            if (!read_dim(p, slot, dim, &out[slot].dim[dim])) return false;
        for (int dim = out[slot].rank; dim < MAX_RANK; dim++) out[slot].dim[dim] = dim_fixed(0);
    }
    if (!agrees(p, out)) return false;
    for (int i = 0; p->naxes > 1 && i < p->naxes; i++)
        if (!ask_along(p, i, false)) return false;
    return agrees(p, out);
}

bool node_infer(const Node *node, Type *out, Diag *diag)
{
    bool bounded = !attrs_are_fixed(&node_def(node)->attrs, node->attrs);
    for (int i = 0; i < node->ninputs; i++)
        bounded |= node->inputs[i].node && !type_is_fixed(value_type(node->inputs[i]));
    if (!bounded) return node_def(node)->infer(node, out, diag) && node_check_nothing(node, out, diag);
    bool done = false;
    int errors = diag->errors;
    for (int attempt = 0; attempt < (int)TRIES && !done && diag->errors == errors; attempt++) {
        Arena *arena = arena_child(diag->arena);
        Probe *probe = ARENA_NEW(arena, Probe);
        *probe = (Probe){.node = node, .arena = arena, .diag = diag, .nresults = node->nresults, .attempt = attempt};
        done = infer_bounded(probe, out);
        arena_free(arena);
    }
    return done;
}
