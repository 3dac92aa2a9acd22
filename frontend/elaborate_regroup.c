/* split and join: dims by name, taken apart and put together; a reshape, a transpose and a reshape, where needed. */
#include "frontend/elaborate.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

/* A name between commas and *; its size is what the tensor, a declared dim or the call says. */
typedef struct Factor {
    const char *name; /* NULL: a 1 */
    Span at;
    Dim size; /* high 0: not known yet */
    bool placed;
} Factor;

/* The dims of `from` or `to`: dim i is the product of factors[start[i]] to factors[start[i + 1] - 1]. */
typedef struct Side {
    const AstExpr *list;
    int rank, count;
    int start[MAX_RANK + 1];
    Factor factors[MAX_RANK];
} Side;

typedef struct Regroup {
    Elaborator *e;
    Frame *f;
    const AstExpr *call;
    bool joins;
    const Type *type;
    Side from, to;
} Regroup;

/* ---- reading ---- */

static bool refuse_dim(const Regroup *r, const AstExpr *dim)
{
    diag_error(r->e->diag, E0402, dim->at, "%s: a dim is a name, 1, or a product of names, as H * D", r->call->text);
    return diag_help(r->e->diag, "a size is said beside it: %s(x, from: [N, T, H * D], ..., H: 8)", r->call->text);
}

static bool read_factors(const Regroup *r, Side *side, const AstExpr *dim)
{
    bool product = dim->kind == AST_BINARY && !strcmp(dim->text, "*"), one = dim->kind == AST_INTEGER;
    if (product) return read_factors(r, side, dim->args.first->value) && read_factors(r, side, dim->args.last->value);
    if (dim->kind != AST_NAME && !(one && dim->integer == 1)) return refuse_dim(r, dim);
    for (int i = 0; i < side->count && !one; i++) {
        if (!side->factors[i].name || strcmp(side->factors[i].name, dim->text) != 0) continue;
        diag_error(r->e->diag, E0404, dim->at, "%s: '%s' stands twice", r->call->text, dim->text);
        return diag_help(r->e->diag, "each dim has a name of its own");
    }
    if (side->count == MAX_RANK) {
        diag_error(r->e->diag, E0404, dim->at, "%s: there are more than %d dims", r->call->text, MAX_RANK);
        return diag_help(r->e->diag, "leave together what stays together");
    }
    side->factors[side->count++] = (Factor){.name = one ? NULL : dim->text, .at = dim->at};
    if (one) side->factors[side->count - 1].size = dim_fixed(1);
    return true;
}

static bool read_side(const Regroup *r, Side *side)
{
    if (side->list->kind != AST_LIST) return refuse_dim(r, side->list);
    for (const AstArg *arg = side->list->args.first; arg; arg = arg->next) {
        side->start[side->rank++] = side->count;
        if (!read_factors(r, side, arg->value)) return false;
    }
    side->start[side->rank] = side->count;
    return true;
}

static Factor *find_factor(Side *side, const char *name)
{
    for (int i = 0; i < side->count; i++)
        if (side->factors[i].name && !strcmp(side->factors[i].name, name)) return &side->factors[i];
    return NULL;
}

static bool unknown_name(const Regroup *r, Side *side, const char *name, Span at, DiagCode code)
{
    const char *names[MAX_RANK];
    size_t count = 0;
    for (int i = 0; i < side->count; i++)
        if (side->factors[i].name) names[count++] = side->factors[i].name;
    const char *near = diag_nearest(name, names, count);
    diag_error(r->e->diag, code, at, "%s: `from` has no dim '%s'", r->call->text, name);
    if (near) return diag_help(r->e->diag, "did you mean %s?", near);
    return diag_help(r->e->diag, "its dims are named there: from: [N, T, H * D]");
}

/* `H: 8` */
static bool read_size(Regroup *r, const AstArg *arg)
{
    int64_t size = 0;
    Factor *factor = find_factor(&r->from, arg->key);
    if (!factor) return unknown_name(r, &r->from, arg->key, arg->at, E0401);
    if (!elaborate_integer(r->e, r->f, arg->value, arena_printf(r->e->arena, "the size of %s", arg->key), &size))
        return false;
    if (size < 1 || size > INT32_MAX) {
        diag_error(r->e->diag, E0404, arg->value->at, "%s: %s is %lld", r->call->text, arg->key, (long long)size);
        return diag_help(r->e->diag, "a dim is at least 1");
    }
    factor->size = dim_fixed(size);
    return true;
}

static bool read_args(Regroup *r)
{
    for (const AstArg *arg = r->call->args.first; arg; arg = arg->next) {
        if (!arg->key) continue;
        if (!strcmp(arg->key, "from")) r->from.list = arg->value;
        if (!strcmp(arg->key, "to")) r->to.list = arg->value;
    }
    if (!r->from.list || (!r->to.list && r->joins)) {
        diag_error(r->e->diag, E0403, r->call->at, "%s needs `%s`", r->call->text, r->from.list ? "to" : "from");
        return diag_help(r->e->diag, r->joins ? "write join(x, from: [N, H, T, D], to: [N, T, H * D])"
                                              : "write split(x, from: [N, T, H * D], to: [N, H, T, D], H: 8)");
    }
    if (!read_side(r, &r->from) || (r->to.list && !read_side(r, &r->to))) return false;
    for (const AstArg *arg = r->call->args.first; arg; arg = arg->next)
        if (arg->key && strcmp(arg->key, "from") && strcmp(arg->key, "to") && !read_size(r, arg)) return false;
    return true;
}

/* ---- sizes ---- */

/* What is declared has its size wherever its name stands. */
static void take_declared(Regroup *r)
{
    for (int i = 0; i < r->from.count; i++) {
        Factor *factor = &r->from.factors[i];
        const ScopeEntry *entry = factor->name && !factor->size.high ? scope_find(r->f->scope, factor->name) : NULL;
        if (entry && (entry->item.kind == ITEM_DIM || (entry->item.kind == ITEM_INTEGER && entry->item.integer > 0)))
            factor->size = entry->item.kind == ITEM_DIM ? entry->item.dim : dim_fixed(entry->item.integer);
    }
}

static bool refuse_sizes(const Regroup *r, int axis)
{
    const Factor *first = &r->from.factors[r->from.start[axis]];
    diag_error(r->e->diag, E0301, first->at, "%s: dim %d of %s is not of these sizes", r->call->text, axis,
               type_text(r->e->arena, r->type));
    return diag_help(r->e->diag,
                     "the sizes of a product, said or declared, divide the dim; one of them may be left out");
}

/* The one factor of the axis that is not known, from the others. */
static bool solve_axis(Regroup *r, int axis)
{
    const Dim *dim = &r->type->dim[axis];
    Factor *open = NULL, *bounded = NULL;
    int64_t known = 1;
    for (int i = r->from.start[axis]; i < r->from.start[axis + 1]; i++) {
        Factor *factor = &r->from.factors[i];
        if (!factor->size.high && open) {
            diag_error(r->e->diag, E0403, factor->at, "%s: neither %s nor %s has a size", r->call->text, open->name,
                       factor->name);
            return diag_help(r->e->diag, "say one: %s: 8", factor->name);
        }
        if (!factor->size.high)
            open = factor;
        else if (!dim_is_fixed(&factor->size))
            bounded = factor;
        else if (dim->high / known % factor->size.high != 0)
            return refuse_sizes(r, axis);
        else
            known *= factor->size.high;
    }
    if (open && !bounded && (known == 1 || dim_is_fixed(dim))) {
        open->size = known == 1 ? *dim : dim_fixed(dim->high / known);
        return true;
    }
    if (bounded ? known == 1 && !open && dim_equal(&bounded->size, dim)
                : !open && dim_is_fixed(dim) && known == dim->high)
        return true;
    return refuse_sizes(r, axis);
}

static bool solve(Regroup *r)
{
    if (r->from.rank != r->type->rank) {
        diag_error(r->e->diag, E0301, r->from.list->at, "%s: `from` has %d dims, but this is %s", r->call->text,
                   r->from.rank, type_text(r->e->arena, r->type));
        return diag_help(r->e->diag, "name each of its dims");
    }
    take_declared(r);
    for (int i = 0; i < r->from.rank; i++)
        if (!solve_axis(r, i)) return false;
    return true;
}

/* Every name of `from` stands once in `to`; without a `to` each stands by itself. */
static bool place(Regroup *r)
{
    for (int i = 0; !r->to.list && i < r->from.count; i++) {
        r->to.start[r->to.rank++] = i;
        r->to.factors[r->to.count++] = r->from.factors[i];
        r->to.start[r->to.rank] = r->to.count;
    }
    for (int i = 0; i < r->to.count; i++) {
        Factor *to = &r->to.factors[i];
        if (!to->name) continue;
        Factor *factor = find_factor(&r->from, to->name);
        if (!factor) return unknown_name(r, &r->from, to->name, to->at, E0201);
        factor->placed = true;
        to->size = factor->size;
    }
    for (int i = 0; i < r->from.count; i++) {
        const Factor *factor = &r->from.factors[i];
        if (!factor->name || factor->placed || !r->to.list) continue;
        diag_error(r->e->diag, E0404, r->to.list->at, "%s: `to` has no '%s'", r->call->text, factor->name);
        return diag_help(r->e->diag, "each dim of `from` stands somewhere in `to`");
    }
    return true;
}

static bool has_product(const Side *side) { return side->count > side->rank; }

static bool check_kind(const Regroup *r)
{
    if (has_product(r->joins ? &r->to : &r->from)) return true;
    diag_error(r->e->diag, E0404, r->call->at, "%s: no dim of `%s` is a product", r->call->text,
               r->joins ? "to" : "from");
    if (has_product(r->joins ? &r->from : &r->to))
        return diag_help(r->e->diag, "this is what %s does", r->joins ? "split" : "join");
    return diag_help(r->e->diag, "dims change places by transpose(x, permute: [0, 2, 1])");
}

/* ---- nodes ---- */

/* A reshape says one dim that is not known, as what is left. */
static Item reshape(Regroup *r, const Item *item, int rank, const Dim *dims, const char *final)
{
    ReshapeAttrs attrs = {.shape = {.count = rank}};
    const char *open = NULL;
    for (int i = 0; i < rank; i++) {
        bool fixed = dim_is_fixed(&dims[i]);
        if (!fixed && open) {
            diag_error(r->e->diag, E0307, r->call->at, "%s: %s and %s have their sizes when the code runs, both",
                       r->call->text, open, dims[i].name);
            diag_help(r->e->diag, "fix one of them with --dim %s=4", open);
            return broken;
        }
        if (!fixed) open = dims[i].name;
        attrs.shape.at[i] = fixed ? dims[i].high : -1;
    }
    return elaborate_node(r->e, r->f, OP_reshape, &attrs, 1, item, final, r->call->at);
}

/* The named factors of a side, ones left out: their sizes. */
static int named(const Side *side, Dim *out)
{
    int count = 0;
    for (int i = 0; i < side->count; i++)
        if (side->factors[i].name) out[count++] = side->factors[i].size;
    return count;
}

static TransposeAttrs order_of(Regroup *r, bool *moved)
{
    TransposeAttrs attrs = {0};
    *moved = false;
    for (int i = 0; i < r->to.count; i++) {
        int at = 0;
        if (!r->to.factors[i].name) continue;
        const Factor *factor = find_factor(&r->from, r->to.factors[i].name);
        for (const Factor *before = r->from.factors; before < factor; before++) at += before->name != NULL;
        *moved = *moved || at != attrs.permute.count;
        attrs.permute.at[attrs.permute.count++] = at;
    }
    return attrs;
}

static Dim product(const Side *side, int axis)
{
    Dim out = dim_fixed(1);
    for (int i = side->start[axis]; i < side->start[axis + 1]; i++) {
        const Dim *size = &side->factors[i].size;
        if (!dim_is_fixed(size) && out.high == 1)
            out = *size;
        else {
            out.low *= size->low;
            out.high *= size->high;
        }
    }
    return out;
}

/* Whether each dim of the side is one named factor. */
static bool is_plain(const Side *side)
{
    for (int i = 0; i < side->count; i++)
        if (!side->factors[i].name) return false;
    return side->count == side->rank;
}

static Item regroup(Regroup *r, Item item, const char *final)
{
    Dim dims[MAX_RANK];
    bool moved = false;
    TransposeAttrs order = order_of(r, &moved);
    bool last = is_plain(&r->to);
    if (!is_plain(&r->from)) {
        int count = named(&r->from, dims);
        item = reshape(r, &item, count, dims, last && !moved ? final : NULL);
    }
    if (moved && item.kind != ITEM_BROKEN)
        item = elaborate_node(r->e, r->f, OP_transpose, &order, 1, &item, last ? final : NULL, r->call->at);
    if (last || item.kind == ITEM_BROKEN) return item;
    for (int i = 0; i < r->to.rank; i++) dims[i] = product(&r->to, i);
    return reshape(r, &item, r->to.rank, dims, final);
}

Item elaborate_regroup(Elaborator *e, Frame *f, const AstExpr *call, const Item *operand, const char *final)
{
    Regroup r = {.e = e, .f = f, .call = call, .joins = !strcmp(call->text, "join")};
    if (operand->kind != ITEM_VALUE) {
        diag_error(e->diag, E0302, call->at, "%s expected a tensor, found %s", call->text,
                   item_text(e->arena, operand));
        diag_help(e->diag, "write %s(x, from: [...], to: [...])", call->text);
        return broken;
    }
    r.type = value_type(operand->value);
    if (!read_args(&r) || !solve(&r) || !place(&r) || !check_kind(&r)) return broken;
    return regroup(&r, *operand, final);
}
