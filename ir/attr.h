/* Attributes: a plain struct and rows that describe its fields.  Parsing,
 * printing, defaults, equality and hash all come from the rows; operators and
 * schedules both use them. */
#ifndef IR_ATTR_H
#define IR_ATTR_H

#include "ir/init.h"
#include "ir/tensor.h"

enum { MAX_INTS = 8, MAX_REALS = 16 };

typedef struct IntList {
    int count;
    int64_t at[MAX_INTS];
} IntList;

typedef struct RealList {
    int count;
    double at[MAX_REALS];
} RealList;

typedef enum AttrKind {
    ATTR_INT,    /* int64_t */
    ATTR_FLOAT,  /* double */
    ATTR_BOOL,   /* bool: yes or no */
    ATTR_ENUM,   /* int: an index into `words` */
    ATTR_STRING, /* const char *, may be NULL */
    ATTR_INTS,   /* IntList; one number stands for all of `fixed` when that is not 0 */
    ATTR_REALS,  /* RealList; none by default */
    ATTR_DTYPE,  /* int: a Dtype; DTYPE_COUNT is not said */
    ATTR_INIT,   /* Init: he_normal, or normal(std: 0.02); the first kind by default */
    ATTR_PAD     /* Pad: a word of `words` or a list */
} AttrKind;

/* Spatial padding: VALID is none, SAME is what keeps ceil(size / stride), EXPLICIT is sizes
 * as ONNX writes them: begins of each axis, then ends. */
typedef enum PadMode { PAD_VALID, PAD_SAME, PAD_EXPLICIT } PadMode;
typedef struct Pad {
    int mode;
    IntList sizes;
} Pad;

typedef struct AttrDef {
    const char *name;
    AttrKind kind;
    size_t offset;
    double fallback;          /* the default, of numbers, words and each element of a list */
    const char *const *words; /* NULL-ended, ATTR_ENUM and ATTR_PAD */
    int fixed;                /* ATTR_INTS: the number of elements, 0 any */
    int64_t low, high;        /* ATTR_INT, ATTR_INTS: what is allowed, when low < high */
    unsigned flags;
    size_t dims; /* ATTR_INTS: where the struct has a `const Dim *`: NULL, or a Dim for each element, of which some are
                    bounded and the elements their bounds; 0: elements are numbers */
    const char *doc;
} AttrDef;

enum {
    ATTR_LAYER = 1,   /* says how to make parameters; gone once they are operands */
    ATTR_REQUIRED = 2 /* has no default */
};

#define ATTR(Struct, field, ...)                                                                                       \
    {                                                                                                                  \
        .name = #field, .offset = offsetof(Struct, field), __VA_ARGS__                                                 \
    }

typedef struct AttrTable {
    size_t size; /* of the struct */
    const AttrDef *rows;
    int count;
} AttrTable;

#define ATTRS(Struct, ...)                                                                                             \
    {                                                                                                                  \
        .size = sizeof(Struct), .rows = (const AttrDef[]){__VA_ARGS__},                                                \
        .count = (int)(sizeof((const AttrDef[]){__VA_ARGS__}) / sizeof(AttrDef))                                       \
    }

const AttrDef *attr_find(const AttrTable *table, const char *name);
void attr_set_defaults(const AttrTable *table, void *attrs);
void attr_set_default(const AttrDef *row, void *attrs);
bool attr_is_default(const AttrDef *row, const void *attrs);
bool attrs_equal(const AttrTable *table, const void *a, const void *b);
uint64_t attrs_hash(const AttrTable *table, const void *attrs);
/* The value as the language writes it; a float so that it reads back to the same bits. */
const char *attr_text(Arena *arena, const AttrDef *row, const void *attrs);
/* ", name: value" of each attribute that is not its default. */
const char *attrs_text(Arena *arena, const AttrTable *table, const void *attrs);
const char *attr_kind_name(AttrKind kind);
/* The shortest decimal that reads back as the same double (or float when `single`); inf, -inf, nan. */
const char *number_text(Arena *arena, double value, bool single);
/* Quoted with escapes, as the lexer reads strings. */
const char *string_text(Arena *arena, const char *text);

/* The dims of a list of sizes; NULL: all are numbers. */
static inline const Dim *attr_dims(const AttrDef *row, const void *attrs)
{
    return row->dims ? *(const Dim *const *)(const void *)((const char *)attrs + row->dims) : NULL;
}
void attr_set_dims(const AttrDef *row, void *attrs, const Dim *dims);
bool attrs_are_fixed(const AttrTable *table, const void *attrs);
/* Writes the size that size() gives of each bounded dim in its place. */
typedef int64_t AttrSize(const void *context, const Dim *dim);
void attrs_bind(const AttrTable *table, void *attrs, AttrSize *size, const void *context);

static inline void *attr_field(const AttrDef *row, void *attrs) { return (char *)attrs + row->offset; }
static inline const void *attr_field_const(const AttrDef *row, const void *attrs)
{
    return (const char *)attrs + row->offset;
}

#endif
