#include "ir/attr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [ATTR_INT] = "an integer",
    [ATTR_FLOAT] = "a number",
    [ATTR_BOOL] = "yes or no",
    [ATTR_ENUM] = "a word",
    [ATTR_STRING] = "a string",
    [ATTR_INTS] = "an integer or a list of integers",
    [ATTR_REALS] = "a number or a list of numbers",
    [ATTR_DTYPE] = "a dtype",
    [ATTR_INIT] = "how elements are drawn",
    [ATTR_PAD] = "valid, same or a list of integers",
};

const char *attr_kind_name(AttrKind kind) { return kind_names[kind]; }

const AttrDef *attr_find(const AttrTable *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0) return &table->rows[i];
    return NULL;
}

/* ---- values ---- */

static IntList default_ints(const AttrDef *row)
{
    IntList list = {.count = row->fixed};
    for (int i = 0; i < row->fixed; i++) list.at[i] = (int64_t)row->fallback;
    return list;
}

void attr_set_dims(const AttrDef *row, void *attrs, const Dim *dims)
{
    *(const Dim **)(void *)((char *)attrs + row->dims) = dims;
}

bool attrs_are_fixed(const AttrTable *table, const void *attrs)
{
    bool fixed = true;
    for (int i = 0; i < table->count; i++) fixed = fixed && !attr_dims(&table->rows[i], attrs);
    return fixed;
}

void attrs_bind(const AttrTable *table, void *attrs, AttrSize *size, const void *context)
{
    for (int i = 0; i < table->count; i++) {
        const AttrDef *row = &table->rows[i];
        const Dim *dims = attr_dims(row, attrs);
        if (!dims) continue;
        IntList *list = attr_field(row, attrs);
        for (int k = 0; k < list->count; k++)
            if (!dim_is_fixed(&dims[k])) list->at[k] = size(context, &dims[k]);
        attr_set_dims(row, attrs, NULL);
    }
}

void attr_set_default(const AttrDef *row, void *attrs)
{
    void *field = attr_field(row, attrs);
    if (row->dims) attr_set_dims(row, attrs, NULL);
    switch (row->kind) {
    case ATTR_INT: *(int64_t *)field = (int64_t)row->fallback; break;
    case ATTR_FLOAT: *(double *)field = row->fallback; break;
    case ATTR_BOOL: *(bool *)field = row->fallback != 0; break;
    case ATTR_ENUM: *(int *)field = (int)row->fallback; break;
    case ATTR_DTYPE: *(int *)field = DTYPE_COUNT; break;
    case ATTR_STRING: *(const char **)field = NULL; break;
    case ATTR_INTS: *(IntList *)field = default_ints(row); break;
    case ATTR_REALS: *(RealList *)field = (RealList){0}; break;
    case ATTR_PAD: *(Pad *)field = (Pad){.mode = (int)row->fallback}; break;
    case ATTR_INIT: *(Init *)field = (Init){.kind = (int)row->fallback}; break;
    }
}

void attr_set_defaults(const AttrTable *table, void *attrs)
{
    for (int i = 0; i < table->count; i++) attr_set_default(&table->rows[i], attrs);
}

static bool ints_equal(const IntList *a, const IntList *b)
{
    return a->count == b->count && memcmp(a->at, b->at, (size_t)a->count * sizeof a->at[0]) == 0;
}

static bool dims_equal(const Dim *a, const Dim *b, int count)
{
    bool equal = !a == !b;
    for (int i = 0; equal && a && i < count; i++) equal = dim_equal(&a[i], &b[i]);
    return equal;
}

/* By bits, as single ones. */
static bool reals_equal(const RealList *a, const RealList *b)
{
    return a->count == b->count && memcmp(a->at, b->at, (size_t)a->count * sizeof a->at[0]) == 0;
}

static bool strings_equal(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

/* Bits, so that -0 is not +0 and NaN is itself. */
static bool doubles_equal(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static bool field_equal(const AttrDef *row, const void *a, const void *b)
{
    const void *x = attr_field_const(row, a), *y = attr_field_const(row, b);
    switch (row->kind) {
    case ATTR_INT: return *(const int64_t *)x == *(const int64_t *)y;
    case ATTR_FLOAT: return doubles_equal(*(const double *)x, *(const double *)y);
    case ATTR_BOOL: return *(const bool *)x == *(const bool *)y;
    case ATTR_ENUM:
    case ATTR_DTYPE: return *(const int *)x == *(const int *)y;
    case ATTR_STRING: return strings_equal(*(const char *const *)x, *(const char *const *)y);
    case ATTR_INTS:
        return ints_equal(x, y) && dims_equal(attr_dims(row, a), attr_dims(row, b), ((const IntList *)x)->count);
    case ATTR_REALS: return reals_equal(x, y);
    case ATTR_INIT: return init_equal(x, y);
    case ATTR_PAD:
        return ((const Pad *)x)->mode == ((const Pad *)y)->mode &&
               ints_equal(&((const Pad *)x)->sizes, &((const Pad *)y)->sizes);
    }
    return false;
}

bool attrs_equal(const AttrTable *table, const void *a, const void *b)
{
    for (int i = 0; i < table->count; i++)
        if (!field_equal(&table->rows[i], a, b)) return false;
    return true;
}

/* A union as large and aligned as any field, to hold a default at offset 0. */
typedef union Field {
    int64_t integer;
    double real;
    IntList ints;
    RealList reals;
    Pad pad;
    Init init;
    const char *string;
} Field;

bool attr_is_default(const AttrDef *row, const void *attrs)
{
    if (row->flags & ATTR_REQUIRED) return false;
    Field fallback, value;
    AttrDef moved = *row;
    moved.offset = moved.dims = 0;
    attr_set_default(&moved, &fallback);
    static const size_t sizes[] = {
        [ATTR_INT] = sizeof(int64_t),  [ATTR_FLOAT] = sizeof(double),   [ATTR_BOOL] = sizeof(bool),
        [ATTR_ENUM] = sizeof(int),     [ATTR_DTYPE] = sizeof(int),      [ATTR_STRING] = sizeof(char *),
        [ATTR_INTS] = sizeof(IntList), [ATTR_REALS] = sizeof(RealList), [ATTR_PAD] = sizeof(Pad),
        [ATTR_INIT] = sizeof(Init),
    };
    memcpy(&value, attr_field_const(row, attrs), sizes[row->kind]);
    return field_equal(&moved, &value, &fallback);
}

/* ---- hash: FNV-1a over the values, never over padding ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t mix_ints(uint64_t hash, const IntList *list)
{
    return mix(mix(hash, &list->count, sizeof list->count), list->at, (size_t)list->count * sizeof list->at[0]);
}

static uint64_t mix_reals(uint64_t hash, const RealList *list)
{
    return mix(mix(hash, &list->count, sizeof list->count), list->at, (size_t)list->count * sizeof list->at[0]);
}

static uint64_t mix_field(uint64_t hash, const AttrDef *row, const void *field)
{
    switch (row->kind) {
    case ATTR_INT:
    case ATTR_FLOAT: return mix(hash, field, sizeof(int64_t));
    case ATTR_BOOL: return mix(hash, field, sizeof(bool));
    case ATTR_ENUM:
    case ATTR_DTYPE: return mix(hash, field, sizeof(int));
    case ATTR_STRING: {
        const char *text = *(const char *const *)field;
        return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\1", 1);
    }
    case ATTR_INTS: return mix_ints(hash, field);
    case ATTR_REALS: return mix_reals(hash, field);
    case ATTR_INIT:
        return mix(mix(hash, field, sizeof(int)), ((const Init *)field)->at, sizeof((const Init *)field)->at);
    case ATTR_PAD: return mix_ints(mix(hash, field, sizeof(int)), &((const Pad *)field)->sizes);
    }
    return hash;
}

uint64_t attrs_hash(const AttrTable *table, const void *attrs)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < table->count; i++)
        hash = mix_field(hash, &table->rows[i], attr_field_const(&table->rows[i], attrs));
    return hash;
}

/* ---- text ---- */

const char *number_text(Arena *arena, double value, bool single)
{
    if (isnan(value)) return "nan";
    if (isinf(value)) return value < 0 ? "-inf" : "inf";
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
    }
    /* an exponent of few digits is a whole number: 23660.0 rather than 2.366e+04 */
    if (strstr(text, "e+") && fabs(value) < 1e15) return arena_printf(arena, "%.1f", value);
    bool whole = !strpbrk(text, ".e");
    return arena_printf(arena, "%s%s", text, whole ? ".0" : "");
}

static size_t escape_into(char *out, unsigned char c)
{
    static const char plain[] = "\"\\\n\t\r", letter[] = "\"\\ntr";
    const char *found = c ? strchr(plain, c) : NULL;
    if (found) {
        out[0] = '\\';
        out[1] = letter[found - plain];
        return 2;
    }
    if (c < ' ' || c == 127) return (size_t)sprintf(out, "\\x%02x", c);
    out[0] = (char)c;
    return 1;
}

const char *string_text(Arena *arena, const char *text)
{
    size_t length = strlen(text), used = 0;
    char *out = arena_array(arena, length + 1, 4); /* an escape is at most four characters long */
    out[used++] = '"';
    for (size_t i = 0; i < length; i++) used += escape_into(out + used, (unsigned char)text[i]);
    out[used++] = '"';
    return out;
}

static const char *ints_text(Arena *arena, const IntList *list, const Dim *dims)
{
    const char *text = "[";
    for (int i = 0; i < list->count; i++) {
        bool bounded = dims && !dim_is_fixed(&dims[i]);
        const char *one = bounded ? dim_text(arena, &dims[i]) : arena_printf(arena, "%lld", (long long)list->at[i]);
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", one);
    }
    return arena_printf(arena, "%s]", text);
}

static const char *reals_text(Arena *arena, const RealList *list)
{
    const char *text = "[";
    for (int i = 0; i < list->count; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", number_text(arena, list->at[i], false));
    return arena_printf(arena, "%s]", text);
}

/* One number when all of a fixed number of elements are that. */
static const char *ints_attr_text(Arena *arena, const AttrDef *row, const IntList *list, const Dim *dims)
{
    bool same = row->fixed > 0 && list->count == row->fixed;
    for (int i = 1; i < list->count; i++) same = same && list->at[i] == list->at[0];
    return same ? arena_printf(arena, "%lld", (long long)list->at[0]) : ints_text(arena, list, dims);
}

const char *attr_text(Arena *arena, const AttrDef *row, const void *attrs)
{
    const void *field = attr_field_const(row, attrs);
    switch (row->kind) {
    case ATTR_INT: return arena_printf(arena, "%lld", (long long)*(const int64_t *)field);
    case ATTR_FLOAT: return number_text(arena, *(const double *)field, false);
    case ATTR_BOOL: return *(const bool *)field ? "yes" : "no";
    case ATTR_ENUM: return row->words[*(const int *)field];
    case ATTR_DTYPE: {
        int dtype = *(const int *)field;
        return dtype < DTYPE_COUNT ? dtype_name((Dtype)dtype) : "none";
    }
    case ATTR_STRING: {
        const char *text = *(const char *const *)field;
        return text ? string_text(arena, text) : "none";
    }
    case ATTR_INTS: return ints_attr_text(arena, row, field, attr_dims(row, attrs));
    case ATTR_REALS: return reals_text(arena, field);
    case ATTR_INIT: return init_text(arena, field);
    case ATTR_PAD: {
        const Pad *pad = field;
        return pad->mode == PAD_EXPLICIT ? ints_text(arena, &pad->sizes, NULL) : row->words[pad->mode];
    }
    }
    return "";
}

const char *attrs_text(Arena *arena, const AttrTable *table, const void *attrs)
{
    const char *text = "";
    for (int i = 0; i < table->count; i++) {
        const AttrDef *row = &table->rows[i];
        if (attr_is_default(row, attrs)) continue;
        text = arena_printf(arena, "%s, %s: %s", text, row->name, attr_text(arena, row, attrs));
    }
    return text;
}
