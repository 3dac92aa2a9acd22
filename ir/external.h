/* Calls of C functions that a user brings with him: `extern op`. */
#ifndef IR_EXTERNAL_H
#define IR_EXTERNAL_H

#include "ir/op.h"

/* A C function: pointers to the operands and the result, then whole numbers, then real ones. */
typedef struct ExternalAttrs {
    const char *symbol;
    int dtype; /* of the result */
    IntList shape, numbers;
    RealList reals;
    const char *names; /* of the arguments, with blanks between; NULL: any */
} ExternalAttrs;

/* The first call of a C function in the graph and its regions, which eval cannot make; NULL when there is none. */
const Node *graph_external(const Graph *graph);

#endif
