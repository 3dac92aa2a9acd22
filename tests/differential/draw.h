/* What the files that draw programs share. */
#ifndef TESTS_DIFFERENTIAL_DRAW_H
#define TESTS_DIFFERENTIAL_DRAW_H

#include "tests/differential/program.h"

enum { MOST_ELEMENTS = 20000, ATTEMPTS = 25 };

typedef struct Drawer {
    Random random;
    Program *program;
    Arena *scratch;
    Graph *graph; /* what was drawn so far */
    const Node *nodes[MOST_STEPS];
    Diag diag;
    bool bounded; /* operands may be as long as data says: element-wise code takes them */
    bool sized;   /* dims are bounded: all code may take them */
} Drawer;

/* Adds the step to the program and the graph; false when its operator refuses. */
bool draw_add(Drawer *d, const Step *step);
/* The index of a new input or constant; -1 when there is no room. */
int draw_source(Drawer *d, Op op, Type type, int range);
const Type *draw_type_of(const Drawer *d, int step);
/* A value that was computed or put in, one of the last more often than others. */
int draw_value(Drawer *d);
/* Some value of the type of `like`; -1 when there is none. */
int draw_same(Drawer *d, int like);
Op draw_op(Random *r);
/* The operator with its operands; what was made for one that refuses is taken back. */
bool draw_try(Drawer *d, Op op);

/* ---- draw_bodies.c ---- */

/* A scan over a value, or a branch on a bool, with bodies of their own. */
bool draw_scan(Drawer *d);
bool draw_branch(Drawer *d);

/* ---- draw_views.c ---- */

/* Views of a value one behind the other; false when nothing was made. */
bool draw_views(Drawer *d);

/* ---- draw_rows.c ---- */

/* Reductions over the same axes of a value; false when nothing was made. */
bool draw_rows(Drawer *d);

#endif
