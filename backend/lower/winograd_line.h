/* Winograd's transforms along one axis, as sums and differences that share what they have in common; applied to
 * columns, then to rows, they are B' d B and A' m A. */
#ifndef BACKEND_LOWER_WINOGRAD_LINE_H
#define BACKEND_LOWER_WINOGRAD_LINE_H

#include "backend/loop.h"

typedef struct LineTransform LineTransform;
const LineTransform *line_of_inputs(int64_t outputs);   /* B': of tiles with so many outputs an axis */
const LineTransform *line_of_products(int64_t outputs); /* A' */

enum { MAX_SLOTS = 18 };
typedef struct Line Line;
/* Element `index` of what is transformed; NULL when it is zero. */
typedef const LoopExpr *LineLoad(const Line *line, int index);

/* One transform being written: what is needed of it is computed at first use, where the builder stands. */
struct Line {
    LoopBuilder *builder;
    const LineTransform *transform;
    LineLoad *load;
    const void *context;
    Affine at; /* of the unrolled loop over lines, for `load` */
    const LoopExpr *slot[MAX_SLOTS];
    bool known[MAX_SLOTS];
};

/* Element `index` of the result; not all that is transformed is zero. */
const LoopExpr *line_result(Line *line, int64_t index);

#endif
