#include "frontend/elaborate.h"
#include "ir/bounded.h"

#include <string.h>

static bool unknown_dtype(Elaborator *e, const AstType *type)
{
    const char *names[DTYPE_COUNT];
    for (int i = 0; i < DTYPE_COUNT; i++) names[i] = dtype_name((Dtype)i);
    const char *near = diag_nearest(type->name, names, DTYPE_COUNT);
    diag_error(e->diag, E0204, type->at, "there is no dtype '%s'", type->name);
    if (near) return diag_help(e->diag, "did you mean %s?", near);
    return diag_help(e->diag, "dtypes are f32, f16, bf16, f64, i8 .. i64, u8 .. u64 and bool");
}

static bool unknown_dim(Elaborator *e, const Scope *scope, const AstExpr *dim)
{
    const char *near = scope_nearest(e->arena, scope, dim->text);
    diag_error(e->diag, E0201, dim->at, "there is no dim '%s'", dim->text);
    if (near) return diag_help(e->diag, "did you mean %s?", near);
    return diag_help(e->diag, "declare it above, as in `dim %s = 1`", dim->text);
}

/* The dim itself that a form, such as a block's parameter has, follows. */
static const Dim *declared_dim(const Graph *graph, const Dim *form)
{
    int number = graph_dim(graph, form);
    return number >= 0 ? &graph_root(graph)->dims[number] : form;
}

/* (factor * declared + base) / divisor; declared NULL: the number base. */
typedef struct DimForm {
    const Dim *declared;
    int64_t factor, base, divisor;
} DimForm;

static bool refuse_form(Elaborator *e, const AstExpr *dim)
{
    diag_error(e->diag, E0306, dim->at, "a size is (a * N + b) / c of one declared dim N, in whole numbers");
    return diag_help(e->diag, "write 2*N - 1, or (N + 1)/2");
}

static bool name_form(Elaborator *e, const Scope *scope, const AstExpr *dim, DimForm *out)
{
    ScopeEntry *entry = scope_find(scope, dim->text);
    if (!entry) return unknown_dim(e, scope, dim);
    entry->used = true;
    const Item *item = &entry->item;
    if (item->kind == ITEM_BROKEN) return false;
    const Dim *d = &item->dim;
    if (item->kind == ITEM_DIM) {
        *out = (DimForm){d, d->factor ? d->factor : 1, d->base, d->factor ? d->divisor : 1};
        return true;
    }
    *out = (DimForm){NULL, 0, item->integer, 1};
    if (item->kind == ITEM_INTEGER) return true;
    diag_error(e->diag, E0306, dim->at, "'%s' is %s, not a dim", dim->text, item_text(e->arena, item));
    return diag_help(e->diag, "shapes hold integers and declared dims");
}

/* One side is a number, but for sums of one dim. */
static bool combine_forms(char op, const DimForm *a, const DimForm *b, DimForm *out)
{
    const DimForm *form = a->declared ? a : b, *number = a->declared ? b : a;
    int64_t by = number->base, scaled;
    *out = *form;
    if (number->declared) return false;
    switch (op) {
    case '+':
    case '-':
        if (__builtin_mul_overflow(by, form->divisor, &scaled)) return false;
        if (op == '-' && form == b) {
            /* 5 - N rounds up where N/2 rounds down */
            if (form->divisor != 1) return false;
            out->factor = -form->factor;
            return !__builtin_sub_overflow(scaled, form->base, &out->base);
        }
        return op == '+' ? !__builtin_add_overflow(form->base, scaled, &out->base)
                         : !__builtin_sub_overflow(form->base, scaled, &out->base);
    case '*':
        return form->divisor == 1 && !__builtin_mul_overflow(form->factor, by, &out->factor) &&
               !__builtin_mul_overflow(form->base, by, &out->base);
    case '/': return form == a && by > 0 && !__builtin_mul_overflow(form->divisor, by, &out->divisor);
    default: return false;
    }
}

static bool read_form(Elaborator *e, const Scope *scope, const AstExpr *dim, DimForm *out)
{
    DimForm sides[2];
    if (dim->kind == AST_NAME) return name_form(e, scope, dim, out);
    if (dim->kind == AST_INTEGER) {
        *out = (DimForm){NULL, 0, dim->integer <= INT64_MAX ? (int64_t)dim->integer : INT64_MAX, 1};
        return true;
    }
    if (dim->kind != AST_BINARY) return refuse_form(e, dim);
    const AstArg *left = dim->args.first;
    if (!read_form(e, scope, left->value, &sides[0]) || !read_form(e, scope, left->next->value, &sides[1]))
        return false;
    return (!dim->text[1] && combine_forms(dim->text[0], &sides[0], &sides[1], out)) || refuse_form(e, dim);
}

bool elaborate_mentions_dim(const Scope *scope, const AstExpr *expr)
{
    const ScopeEntry *entry = expr->kind == AST_NAME ? scope_find(scope, expr->text) : NULL;
    bool mentions = entry && entry->item.kind == ITEM_DIM;
    for (const AstArg *arg = expr->kind == AST_BINARY ? expr->args.first : NULL; arg; arg = arg->next)
        mentions = mentions || elaborate_mentions_dim(scope, arg->value);
    return mentions;
}

bool elaborate_dim(Elaborator *e, const Scope *scope, const AstExpr *dim, Dim *out)
{
    const int64_t most = INT32_MAX;
    DimForm form;
    if (!read_form(e, scope, dim, &form)) return false;
    *out = dim_fixed(form.base);
    if (form.declared) {
        bool small =
            form.factor >= -most && form.factor <= most && form.base >= -most * most && form.base <= most * most;
        if (!small || !form.factor) return refuse_form(e, dim);
        *out = dim_form(e->graph ? declared_dim(e->graph, form.declared) : form.declared, form.factor, form.base,
                        form.divisor);
    }
    if (out->low >= 0 && out->high <= most) return true;
    diag_error(e->diag, E0305, dim->at, "a dim is between 0 and %d, found %lld", INT32_MAX,
               (long long)(out->low < 0 ? out->low : out->high));
    return diag_help(e->diag, "a scalar has no dims: f32[]");
}

bool elaborate_type(Elaborator *e, const Scope *scope, const AstType *type, Type *out)
{
    if (!type->name) {
        diag_error(e->diag, E0304, type->at, "expected one type, found %s", "several in parentheses");
        return diag_help(e->diag, "only an operator with several results has several types");
    }
    Type result = {.kind = TYPE_TENSOR, .dtype = dtype_find(type->name)};
    if (result.dtype == DTYPE_COUNT) return unknown_dtype(e, type);
    if (!type->shaped) {
        diag_error(e->diag, E0301, type->at, "the shape of %s is missing", type->name);
        return diag_help(e->diag, "write %s[1, 10], or %s[] for a scalar", type->name, type->name);
    }
    if (type->dims.count > MAX_RANK) {
        diag_error(e->diag, E0301, type->at, "a tensor has at most %d dims, found %d", MAX_RANK, type->dims.count);
        return diag_help(e->diag, "merge some of them");
    }
    bool ok = true;
    for (const AstArg *arg = type->dims.first; arg; arg = arg->next)
        ok = elaborate_dim(e, scope, arg->value, &result.dim[result.rank++]) && ok;
    if (!ok) return false;
    *out = result;
    if (type_is_sane(&result)) return true;
    diag_error(e->diag, E0305, type->at, "%s is too large", type_text(e->arena, &result));
    return diag_help(e->diag, "a tensor may take 2^40 bytes at most");
}
