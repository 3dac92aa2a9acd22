/* How the elements along a resized axis are weighted sums of those that were there: known when compiling. */
#ifndef IR_OPS_RESAMPLE_H
#define IR_OPS_RESAMPLE_H

#include "ir/op.h"
#include "ir/signal.h"

/* Resizing one axis, with the words of ONNX's Resize, whose reference implementation is the meaning. */
typedef struct Resample {
    int64_t in, out;
    double scale;      /* how many elements of the result one of the operand becomes; out / in but for rounding */
    double begin, end; /* RESIZE_CROP: the part that is resized, 0 the first element, 1 the last */
    const ResizeAttrs *attrs;
} Resample;

/* Element i of the axis is the sum over k < count of weight[i * count + k] * x[index[i * count + k]].  Those in front
 * of `first` and from `last` on lie outside of the operand (RESIZE_CROP) and have no taps that mean anything. */
typedef struct Taps {
    int64_t out, first, last;
    int64_t count;
    int64_t *index; /* inside the axis */
    double *weight;
} Taps;

/* The largest number of elements that taps_of would make, INT64_MAX beyond that. */
int64_t taps_elements(const Resample *r);
Taps taps_of(Arena *arena, const Resample *r);

#endif
