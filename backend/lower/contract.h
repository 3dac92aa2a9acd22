/* A contraction as the tile generator sees it: sizes, and where each operand's
 * element (n, y, x, c) is. */
#ifndef BACKEND_LOWER_CONTRACT_H
#define BACKEND_LOWER_CONTRACT_H

#include "backend/lower.h"

/* Address = base + n*N + y*Y + x*X + c*C elements of `buffer`; a factor of 0 broadcasts. */
typedef struct Site {
    const LoopBuffer *buffer; /* NULL: no such operand */
    int64_t base, n, y, x, c;
} Site;

typedef struct Contract {
    Lowering *lowering;
    Contraction shape;
    Window pool; /* 1x1 when nothing is pooled */
    Dtype sum;   /* of the sums: that of the operands, narrow floats widened */
    Site input, weight, bias, output;
    bool depthwise;  /* lanes read their own input channel */
    bool row_is_run; /* a kernel row's inputs are neighbours in memory */
    bool image;      /* operands are [N, H, W, C]; else lines of rows */
    bool flat;       /* the pixels of all images as one line */
    int64_t batch, groups;
    int64_t height, width; /* pixels that are computed: what pooling drops is left out */
    int64_t channels;      /* output channels of a group */
    int64_t inner;         /* input channels of a group */
    int64_t reduction;     /* products of one sum */
    int64_t lanes, rows, columns, vectors, unroll, panel, prefetch; /* from the schedule */
} Contract;

Contract contract_new(Lowering *lowering);
/* An operand of the epilogue: the result's shape, one element a channel, or one element. */
Site contract_site(const Contract *contract, Value value);
/* Every factor and the base are multiples of `by`. */
Affine affine_divide(Affine a, int64_t by);
Affine site_address(const Site *site, Affine n, Affine y, Affine x, Affine c);

#endif
