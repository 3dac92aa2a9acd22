/* Winograd's minimal filtering for 3x3 windows of stride 1 (S. Winograd, Arithmetic Complexity of Computations, 1980;
 * A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016): an m x m tile of outputs is
 * A'[(G g G') * (B' d B)]A of its (m + 2) x (m + 2) inputs d and the window g, with * element by element and summed
 * over input channels.  What schedule, plan, verifier and lowering must agree on is here. */
#ifndef IR_WINOGRAD_H
#define IR_WINOGRAD_H

#include "ir/schedule.h"

typedef struct Winograd {
    int64_t outputs, inputs; /* of a tile along an axis: m, m + 2 */
    int64_t positions;       /* products of a tile: inputs * inputs */
    int64_t in_channels, out_channels;
    int64_t extent[2];                /* outputs that are computed along y and x: what pooling drops is left out */
    int64_t tiles[2];                 /* that cover them; the last ones may be partial */
    int64_t strip[2];                 /* tiles that go through scratch together, at most */
    int64_t input_step, product_step; /* elements between the positions of a strip's inputs and products in scratch */
    int64_t products;                 /* where the products begin in scratch, in elements */
    int64_t scratch;                  /* bytes */
} Winograd;

/* Outputs of a tile along an axis, 0 for variants that are something else. */
int64_t winograd_outputs(int variant);
/* Whether the group is one that tiles of `outputs` x `outputs` can compute: an f32 convolution by constant 3x3 windows
 * of stride and dilation 1, in one group of channels, and no pooling or one whose windows divide a tile. */
bool winograd_fits(const Group *group, int64_t outputs);
/* For a group that fits and strips of a sane size. */
Winograd winograd_of(const Group *group, int64_t outputs, int64_t strip_rows, int64_t strip_columns);
/* The matrix G: (outputs + 2) rows of 3. */
const double (*winograd_window_matrix(int64_t outputs))[3];

/* How far results may be from exact ones, in the unit of a direct contraction's bound, (8 + sqrt K) eps times a size.
 * A direct sum's size is its own products'; here it is the bias and, over the input channels, the largest input that
 * the tile reads times the sum of the window's weights, all without their signs: the transforms add all inputs of a
 * tile, so a result feels the rounding of its neighbours' (docs/numbers.md).  tests/test_winograd.c holds the code to
 * it; the worst that 300 drawn shapes of six kinds of numbers did was 0.3 of the unit for tiles of 2, 10.9 for those
 * of 4. */
double winograd_errors(int64_t outputs);

#endif
