/* Coordinates, and results made of boxes. */
#include "ir/bounded.h"
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"

#include <string.h>

void eval_iota(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    const Type *type = &out->type;
    int axis = iota_axis(node);
    int64_t count = type_elements(type), inner = 1;
    int64_t *at = ARENA_ARRAY(scratch, int64_t, count);
    (void)in;
    if (axis < 0) { /* the product of sizes */
        const IntList *of = &((const ExtentAttrs *)node->attrs)->of;
        at[0] = 1;
        for (int i = 0; i < of->count; i++) at[0] *= of->at[i];
        expr_cast_run(I64, type->dtype, at, out->data, 1);
        return;
    }
    for (int i = axis + 1; i < type->rank; i++) inner *= type->dim[i].high;
    for (int64_t i = 0; i < count; i++) at[i] = i / inner % type->dim[axis].high;
    expr_cast_run(I64, type->dtype, at, out->data, count);
}

/* A line of the box along its last axis. */
typedef struct Line {
    int64_t from, step, to, count; /* in elements of operand and result */
} Line;

static void copy_line(const Line *line, const char *in, char *out, size_t size)
{
    out += (size_t)line->to * size;
    if (!in) {
        memset(out, 0, (size_t)line->count * size);
    } else if (line->step == 1) {
        memcpy(out, in + line->from * (int64_t)size, (size_t)line->count * size);
    } else {
        for (int64_t i = 0; i < line->count; i++)
            memcpy(out + (size_t)i * size, in + (line->from + i * line->step) * (int64_t)size, size);
    }
}

/* Elements of the operand that one step along each axis of the box goes; returns those before the first. */
static int64_t steps_in(const Type *in, const Piece *piece, int rank, int64_t *step)
{
    int64_t start = 0, stride = 1;
    memset(step, 0, MAX_RANK * sizeof *step);
    for (int a = in ? in->rank - 1 : -1; a >= 0; a--) {
        start += piece->map.offset[a] * stride;
        for (int r = 0; r < rank; r++) step[r] += piece->map.stride[a][r] * stride;
        stride *= in->dim[a].high;
    }
    return start;
}

static void copy_piece(const Piece *piece, const Tensor *in, Tensor *out)
{
    const Type *type = &out->type;
    int last = type->rank - 1;
    int64_t step[MAX_RANK], stride[MAX_RANK], at[MAX_RANK] = {0}, lines = 1, width = 1;
    Line line = {.from = steps_in(in ? &in->type : NULL, piece, type->rank, step), .step = 1, .count = 1};
    for (int r = last; r >= 0; r--) {
        stride[r] = width;
        line.to += piece->begin[r] * width;
        width *= type->dim[r].high;
        if (r < last) lines *= piece->size[r];
    }
    if (last >= 0) line.step = step[last];
    if (last >= 0) line.count = piece->size[last];
    for (int64_t i = 0; i < lines; i++) {
        copy_line(&line, in ? in->data : NULL, out->data, (size_t)dtype_bits(type->dtype) / 8);
        for (int r = last - 1; r >= 0; r--) {
            line.from += step[r];
            line.to += stride[r];
            if (++at[r] < piece->size[r]) break;
            line.from -= step[r] * piece->size[r];
            line.to -= stride[r] * piece->size[r];
            at[r] = 0;
        }
    }
}

void eval_pieces(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    Piece piece;
    (void)scratch;
    for (int64_t i = 0; node_def(node)->piece(node, i, &piece); i++)
        copy_piece(&piece, piece.operand < 0 ? NULL : &in[piece.operand], out);
}
