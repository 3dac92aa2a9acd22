/* How the elements of a constant lie in the weights' section: row-major or in panels, or in an order and form made for
 * one variant of a schedule (transformed, in groups for dot products, without its zeros).  The graph keeps the plain
 * tensor, which `eval` reads; a packing is only how it is written down, once, at compile time. */
#ifndef IR_PACKING_H
#define IR_PACKING_H

#include "ir/place.h"

typedef enum Packing {
#define PACKING(id, name, bytes, fill) PACKING_##id,
#include "ir/packing.def"
    PACKING_COUNT
} Packing;

typedef struct PackingDef {
    const char *name;
    /* What the constant takes; place and type are sane. */
    int64_t (*bytes)(const Place *place, const Type *type);
    /* Writes all of them at `to`, which holds zeros. */
    void (*fill)(const Place *place, const Tensor *tensor, unsigned char *to);
} PackingDef;

/* How weights for dot products of `products` bytes lie; `rows`: a kernel's row is one run, filled up once. */
Packing packing_for_dot(int64_t products, bool rows);
bool packing_is_of_rows(const Place *place);

const PackingDef *packing_of(const Place *place); /* its packing is a Packing */

#define PACKING(id, name, bytes, fill)                                                                                 \
    int64_t bytes(const Place *place, const Type *type);                                                               \
    void fill(const Place *place, const Tensor *tensor, unsigned char *to);
#include "ir/packing.def"

#endif
