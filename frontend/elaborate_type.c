#include "frontend/elaborate.h"

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

static bool read_dim(Elaborator *e, const Scope *scope, const AstExpr *dim, Dim *out)
{
    int64_t size = 0;
    if (dim->kind == AST_INTEGER) {
        size = dim->integer <= INT64_MAX ? (int64_t)dim->integer : INT64_MAX;
    } else {
        ScopeEntry *entry = scope_find(scope, dim->text);
        if (!entry) return unknown_dim(e, scope, dim);
        entry->used = true;
        if (entry->item.kind == ITEM_BROKEN) return false;
        *out = entry->item.dim;
        if (entry->item.kind == ITEM_DIM) return true;
        if (entry->item.kind != ITEM_INTEGER) {
            diag_error(e->diag, E0306, dim->at, "'%s' is %s, not a dim", dim->text, item_text(e->arena, &entry->item));
            return diag_help(e->diag, "shapes hold integers and declared dims");
        }
        size = entry->item.integer;
    }
    *out = dim_fixed(size);
    if (size > 0 && size <= INT32_MAX) return true;
    diag_error(e->diag, E0305, dim->at, "a dim is between 1 and %d, found %lld", INT32_MAX, (long long)size);
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
        ok = read_dim(e, scope, arg->value, &result.dim[result.rank++]) && ok;
    if (!ok) return false;
    *out = result;
    if (type_is_sane(&result)) return true;
    diag_error(e->diag, E0305, type->at, "%s is too large", type_text(e->arena, &result));
    return diag_help(e->diag, "a tensor may take 2^40 bytes at most");
}
