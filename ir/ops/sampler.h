/* Elements between elements: places that are computed, the taps around them and what is outside. */
#ifndef IR_OPS_SAMPLER_H
#define IR_OPS_SAMPLER_H

#include "ir/ops/make.h"
#include "ir/signal.h"

enum { SAMPLED_AXES = 3, SAMPLE_TAPS = 4 };

/* Of x [N, D..., C] with `axes` axes D, at places of a result of `rank` axes, the last of which is C. */
typedef struct Sampler {
    const Maker *m;
    Value x, batch; /* batch: which of N, [result's axes]; no node: as the result's first axis says */
    int axes, rank, taps;
    Dtype dtype; /* of weights */
    Value index[SAMPLED_AXES][SAMPLE_TAPS], inside[SAMPLED_AXES][SAMPLE_TAPS], weight[SAMPLED_AXES][SAMPLE_TAPS];
} Sampler;

/* place[i]: where along axis 1 + i of x, one real number for each element of the result but for its last axis, which is
 * 1; 0 is the first element. */
void sampler_at(Sampler *s, ResizeMode mode, SampleOutside outside, const Value *place);
/* The elements at tap[i] of each axis. */
Value sampler_read(const Sampler *s, const int *tap);
/* The weighted sum of all taps. */
Value sampler_sum(const Sampler *s);

#endif
