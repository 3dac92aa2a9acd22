#include "ir/type.h"

#include <string.h>

typedef struct DtypeRow {
    const char *name;
    int bits, width;
    DtypeKind kind;
} DtypeRow;

static const DtypeRow dtypes[] = {
#define DTYPE(id, name, bits, width, kind) {name, bits, width, kind},
#include "ir/dtype.def"
};

const char *dtype_name(Dtype dtype) { return dtypes[dtype].name; }
int dtype_bits(Dtype dtype) { return dtypes[dtype].bits; }
int dtype_width(Dtype dtype) { return dtypes[dtype].width; }
DtypeKind dtype_kind(Dtype dtype) { return dtypes[dtype].kind; }
bool dtype_is_float(Dtype dtype) { return dtypes[dtype].kind == DTYPE_FLOAT; }
bool dtype_is_storage(Dtype dtype)
{
    return dtype != BOOL && (dtypes[dtype].width < 8 || (dtype_is_float(dtype) && dtypes[dtype].width == 8));
}
bool dtype_is_computed(Dtype dtype) { return !dtype_is_storage(dtype) && dtype_wide(dtype) == dtype; }
Dtype dtype_wide(Dtype dtype) { return dtype == F16 || dtype == BF16 ? F32 : dtype; }
int64_t dtype_bytes(Dtype dtype, int64_t count) { return count * (dtypes[dtype].bits / 8); }

Dtype dtype_find(const char *name)
{
    int dtype = 0;
    while (dtype < DTYPE_COUNT && strcmp(dtypes[dtype].name, name) != 0) dtype++;
    return (Dtype)dtype;
}

Dim dim_fixed(int64_t size) { return (Dim){.low = size, .high = size}; }
bool dim_is_fixed(const Dim *dim) { return dim->low == dim->high; }

static bool same_name(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

bool dim_equal(const Dim *a, const Dim *b)
{
    if (a->low != b->low || a->high != b->high) return false;
    if (dim_is_fixed(a)) return true;
    return same_name(a->name, b->name) && a->factor == b->factor && a->base == b->base && a->divisor == b->divisor;
}

static int64_t divide_down(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int64_t dim_at(const Dim *dim, int64_t size)
{
    if (dim_is_fixed(dim)) return dim->high;
    return dim->factor ? divide_down(dim->factor * size + dim->base, dim->divisor) : size;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

Dim dim_form(const Dim *declared, int64_t factor, int64_t base, int64_t divisor)
{
    /* what the division drops of a base between two multiples changes nothing */
    int64_t common = common_divisor(factor, divisor);
    if (!factor) return dim_fixed(divide_down(base, divisor));
    Dim form = {.name = declared->name,
                .factor = factor / common,
                .base = divide_down(base, common),
                .divisor = divisor / common};
    int64_t a = divide_down(form.factor * declared->low + form.base, form.divisor),
            b = divide_down(form.factor * declared->high + form.base, form.divisor);
    form.low = a < b ? a : b;
    form.high = a < b ? b : a;
    if (form.low == form.high) return dim_fixed(form.low);
    if (form.factor == 1 && form.base == 0 && form.divisor == 1) form.factor = form.divisor = 0;
    return form;
}

Type type_tensor(Dtype dtype, int rank, const int64_t *dims)
{
    Type type = {.kind = TYPE_TENSOR, .dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++) type.dim[i] = dim_fixed(dims[i]);
    return type;
}

Type type_scalar(Dtype dtype) { return type_tensor(dtype, 0, NULL); }

int64_t type_elements(const Type *type)
{
    int64_t count = 1;
    for (int i = 0; i < type->rank; i++) count *= type->dim[i].high;
    return count;
}

int64_t type_bytes(const Type *type) { return dtype_bytes(type->dtype, type_elements(type)); }

bool type_same_shape(const Type *a, const Type *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (!dim_equal(&a->dim[i], &b->dim[i])) return false;
    return true;
}

bool type_equal(const Type *a, const Type *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == TYPE_STRING) return a->bound == b->bound;
    if (a->kind != TYPE_TENSOR) return a->bound == b->bound && type_equal(a->element, b->element);
    return a->dtype == b->dtype && type_same_shape(a, b);
}

bool type_is_fixed(const Type *type)
{
    bool fixed = true;
    for (int i = 0; i < type->rank; i++) fixed = fixed && dim_is_fixed(&type->dim[i]);
    return fixed;
}

bool type_is_sane(const Type *type)
{
    const int64_t limit = (int64_t)1 << 40;
    int64_t count = 8; /* the widest dtype */
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i].low < 0 || type->dim[i].high < type->dim[i].low) return false;
        if (type->dim[i].high > limit / count) return false;
        if (type->dim[i].high) count *= type->dim[i].high;
    }
    return true;
}

bool type_is_empty(const Type *type)
{
    bool empty = false;
    for (int i = 0; i < type->rank; i++) empty = empty || type->dim[i].high == 0;
    return empty;
}

const char *dim_text(Arena *arena, const Dim *dim)
{
    if (dim_is_fixed(dim)) return arena_printf(arena, "%lld", (long long)dim->high);
    if (!dim->name) return arena_printf(arena, "%lld..%lld", (long long)dim->low, (long long)dim->high);
    const char *text = dim->name;
    if (!dim->factor) return text;
    if (dim->factor != 1) text = arena_printf(arena, "%lld*%s", (long long)dim->factor, text);
    if (dim->base)
        text = arena_printf(arena, "%s %c %lld", text, dim->base < 0 ? '-' : '+',
                            (long long)(dim->base < 0 ? -dim->base : dim->base));
    if (dim->divisor == 1) return text;
    return arena_printf(arena, dim->base || dim->factor != 1 ? "(%s)/%lld" : "%s/%lld", text, (long long)dim->divisor);
}

static const char *tensor_text(Arena *arena, const Type *type)
{
    const char *dims = "";
    for (int i = 0; i < type->rank; i++)
        dims = arena_printf(arena, "%s%s%s", dims, i ? ", " : "", dim_text(arena, &type->dim[i]));
    return arena_printf(arena, "%s[%s]", dtype_name(type->dtype), dims);
}

const char *type_text(Arena *arena, const Type *type)
{
    if (type->kind == TYPE_TENSOR) return tensor_text(arena, type);
    if (type->kind == TYPE_STRING) return arena_printf(arena, "string(%lld)", (long long)type->bound);
    const char *element = type_text(arena, type->element);
    if (type->kind == TYPE_OPTIONAL) return arena_printf(arena, "optional(%s)", element);
    return arena_printf(arena, "sequence(%s, %lld)", element, (long long)type->bound);
}
