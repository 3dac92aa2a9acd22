/* What is made of rows: a group of reductions over the same axes of tensors of one shape, and of element-wise work
 * before, between and behind them.  Rows are what lies along those axes.  The code goes over each row some times, in
 * sweeps: each but the last combines all that is known by then into numbers of the row; the last writes the result,
 * where that has an element for each of the row's.  A single reduction is the case of one sweep.  What the pass, the
 * verifier and lowering must agree on is here. */
#ifndef IR_SWEEPS_H
#define IR_SWEEPS_H

#include "ir/node_map.h"
#include "ir/schedule.h"

/* Rows that are longer do not stay in a near cache from one sweep to the next. */
enum { MOST_SWEEPS = 16, MOST_ROW_BYTES = 1 << 20 };

typedef enum SweepForm {
    SWEEP_BEFORE, /* needs no reduction: of any shape */
    SWEEP_ROW,    /* one number of each row: a reduction, or made of reductions */
    SWEEP_ELEMENT /* needs reductions, and has an element for each of the row's */
} SweepForm;

typedef struct SweepValue {
    const Node *node;
    SweepForm form;
    int depth;       /* sweeps that must be over before it is computed */
    unsigned wanted; /* bit s: sweep s computes it */
    int cost;        /* of an element: operations and loads, when it is not kept */
    bool kept;       /* computed in the first of those sweeps, and read from scratch in the others */
    int64_t offset;  /* bytes from where a part's scratch begins, when it is kept */
} SweepValue;

typedef struct Sweeps {
    Type type; /* of what is reduced */
    bool axis[MAX_RANK];
    int count;   /* sweeps that combine; after each the numbers of the row are known whose depth is one more */
    bool writes; /* one more sweep writes the result */
    int nvalues;
    SweepValue *values; /* of all nodes of the body, in order */
    NodeMap *numbers;
    int64_t stride[MAX_RANK]; /* of elements in scratch, along the axes of rows */
    int64_t scratch;          /* bytes that each part needs */
} Sweeps;

/* Of a group with a reduction, whose code would have so many lanes; false when it is not of this kind, and `why` gets
 * what does not fit. */
bool sweeps_of(Arena *arena, const Group *group, int64_t lanes, Sweeps *out, const char **why);
/* NULL for a value from outside. */
const SweepValue *sweeps_find(const Sweeps *sweeps, const Node *node);
/* Do lanes run along what is kept, each its own row? */
bool sweeps_run_across(const Sweeps *sweeps);
/* A number of the row by coordinates of `type`. */
IndexMap sweeps_row_map(const Sweeps *sweeps, const Type *row);
/* Shape of the numbers of rows of the type, reduced axes kept or not; false where there is no such row. */
bool sweeps_is_row_shape(const Type *type, const bool *axis, const Type *row);
/* Do such numbers meet elements axis by axis, as broadcasting says: reduced axes are kept, or are the first? */
bool sweeps_row_meets(const Type *type, const bool *axis, const Type *row);

#endif
