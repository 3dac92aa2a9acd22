/* Reductions of rows while a sweep goes over them: shared by what opens the rows (sweeps.c) and what walks them. */
#ifndef BACKEND_LOWER_REDUCE_H
#define BACKEND_LOWER_REDUCE_H

#include "backend/lower/nest.h"
#include "ir/sweeps.h"

/* One of the reductions of the sweep at hand. */
typedef struct Reducer {
    const Node *node;
    ExprKind combine;
    Dtype dtype; /* of its sums */
    const LoopRegister *sums;
    int chains; /* sets of partial results along a row, whose operations overlap: where any order gives the same */
} Reducer;

typedef struct Rows {
    Lowering *lowering;
    Sweeps sweeps;
    Axes kept, reduced;
    bool vector_kept;          /* lanes run along the last kept axis, each its own row; else along the row */
    int partials;              /* vectors that hold partial results, when lanes run along a kept axis */
    int sweep;                 /* at hand */
    const LoopRegister *count; /* elements so far, where their flat index is no affine one */
    int nreducers;
    Reducer *reducers; /* of it */
    NestKnown *known;  /* numbers of the row, and what lies in scratch */
} Rows;

/* What the sweep at hand needs of the nest's element: stores what later ones read of it. */
void rows_begin_element(const Rows *rows, Nest *nest);
/* Runs over the row, in the order that the numeric contract asks for, and gives what each reducer found. */
void rows_reduce(Rows *rows, Nest *nest, const LoopExpr **found);
/* Can the code of lanes that have rows of their own hold all that it writes out? */
bool rows_fit_across(const Rows *rows);

#endif
