/* Results made of boxes side by side: operands behind each other, and one operand with something around it. */
#include "ir/ops/common.h"

/* ---- concat ---- */

static int concat_axis(const Node *node)
{
    int64_t axis = ((const ConcatAttrs *)node->attrs)->axis;
    return (int)(axis < 0 ? axis + operand_type(node, 0)->rank : axis);
}

static bool same_beside(const Type *a, const Type *b, int axis)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (i != axis && !dim_equal(&a->dim[i], &b->dim[i])) return false;
    return dim_is_fixed(&a->dim[axis]) && dim_is_fixed(&b->dim[axis]);
}

static bool infer_concat(const Node *node, Type *out, Diag *diag)
{
    const Type *first = operand_type(node, 0);
    int axis;
    if (!need_axis(node, ((const ConcatAttrs *)node->attrs)->axis, first->rank, &axis, diag)) return false;
    *out = *first;
    int64_t size = 0;
    for (int i = 0; i < node->ninputs; i++) {
        const Type *type = operand_type(node, i);
        if (!need_same_dtype(node, i, diag)) return false;
        if (!same_beside(first, type, axis)) {
            diag_error(diag, E0301, node_span(node), "concat: %s does not fit beside %s along axis %d",
                       type_text(diag->arena, type), type_text(diag->arena, first), axis);
            return diag_help(diag, "all dims but that of the axis must be the same, and that one be fixed");
        }
        size += type->dim[axis].high; /* each is at most 2^40 */
    }
    out->dim[axis] = dim_fixed(size);
    return need_sane(node, out, diag);
}

static void piece_of_whole(const Type *type, Piece *out)
{
    for (int i = 0; i < type->rank; i++) {
        out->size[i] = type->dim[i].high;
        out->map.stride[i][i] = 1;
    }
}

static bool piece_concat(const Node *node, int64_t number, Piece *out)
{
    int axis = concat_axis(node);
    if (number >= node->ninputs) return false;
    *out = (Piece){.operand = (int)number};
    piece_of_whole(operand_type(node, (int)number), out);
    for (int i = 0; i < (int)number; i++) out->begin[axis] += operand_type(node, i)->dim[axis].high;
    return true;
}

const OpDef op_concat = {
    .name = "concat",
    .doc = "The operands behind each other along an axis.",
    .kind = KIND_PIECES,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x",
                                   .flags = OPERAND_VARIADIC,
                                   .doc = "of one dtype, and of one shape but "
                                          "for the axis"}},
    .attrs = ATTRS(ConcatAttrs, ATTR(ConcatAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK,
                                     .high = MAX_RANK - 1, .doc = "that grows; negative from the end")),
    .infer = infer_concat,
    .piece = piece_concat,
    .onnx = "Concat",
    .tflite = "CONCATENATION",
};

/* ---- pad ---- */

enum { MOST_RUNS = 32, MOST_PIECES = 729 };

/* Elements of an axis of the result that are neighbours in the operand, too: from `from` by `step`. */
typedef struct Run {
    int64_t begin, size, from, step;
    bool outside; /* of the operand: the value that it is padded with */
} Run;

static int64_t added(const IntList *list, int axis) { return axis < list->count ? list->at[axis] : 0; }

/* How long the run is that begins at coordinate `at` of the padded axis, and what it reads. */
static Run run_from(int mode, int64_t size, int64_t begin, int64_t at, int64_t end)
{
    int64_t inside = at - begin, left = end - at;
    Run run = {.begin = at, .size = inside < 0 ? -inside : left, .step = 1, .from = inside};
    if (inside >= 0 && inside < size) {
        run.size = size - inside;
    } else if (mode == PAD_CONSTANT || mode == PAD_EDGE || size == 1) {
        run.outside = mode == PAD_CONSTANT;
        run.from = inside < 0 ? 0 : size - 1;
        run.step = 0;
    } else if (mode == PAD_WRAP) {
        run.from = (inside % size + size) % size;
        run.size = size - run.from;
    } else {
        /* there and back: 0 1 2 1 0 1 ..., or 0 1 2 2 1 0 0 ... when the ends count twice */
        int64_t period = mode == PAD_SYMMETRIC ? 2 * size : 2 * size - 2;
        int64_t phase = (inside % period + period) % period;
        bool forth = phase < size;
        run.from = forth ? phase : period - phase - (mode == PAD_SYMMETRIC);
        run.step = forth ? 1 : -1;
        run.size = forth ? size - phase : run.from + 1; /* the first element is of the run that comes to it */
    }
    if (run.size > left) run.size = left;
    if (inside < 0 && run.size > -inside) run.size = -inside;
    if (run.size == 1) run.step = 0;
    return run;
}

/* How many runs the axis has; the one with this number, if there is one, goes to *out. */
static int runs_of(const PadAttrs *attrs, int axis, int64_t size, int number, Run *out)
{
    int64_t begin = added(&attrs->begin, axis), all = begin + size + added(&attrs->end, axis);
    int count = 0;
    for (int64_t at = 0; at < all && count <= MOST_RUNS;) {
        Run run = run_from(attrs->mode, size, begin, at, all);
        if (count++ == number) *out = run;
        at += run.size;
    }
    return count;
}

static bool check_sizes(const Node *node, const IntList *list, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    bool fits = list->count <= x->rank;
    for (int i = 0; i < list->count; i++) fits = fits && list->at[i] >= 0 && list->at[i] <= (int64_t)1 << 40;
    for (int i = 0; fits && i < list->count; i++) fits = !list->at[i] || dim_is_fixed(&x->dim[i]);
    if (fits) return true;
    diag_error(diag, E0404, node_span(node), "pad: expected a number from 0 on for each of the fixed axes of %s",
               type_text(diag->arena, x));
    return diag_help(diag, "slice(x, begin: [...], end: [...]) makes an axis shorter");
}

static bool check_runs(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    int64_t pieces = 1;
    for (int i = 0; i < x->rank; i++) {
        Run run;
        int runs = runs_of(node->attrs, i, x->dim[i].high, -1, &run);
        pieces = runs > MOST_RUNS ? INT64_MAX : product_or_most(pieces, runs);
    }
    if (pieces <= MOST_PIECES) return true;
    diag_error(diag, E0305, node_span(node), "pad: the result repeats %s too often", type_text(diag->arena, x));
    return diag_help(diag, "pad one axis after the other, or use tile");
}

/* Copies of what is there need something there. */
static bool need_edges(const Node *node, Diag *diag)
{
    const PadAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    bool fits = true;
    for (int i = 0; i < x->rank; i++)
        fits = fits && (x->dim[i].high || !(added(&attrs->begin, i) + added(&attrs->end, i)));
    if (fits || attrs->mode == PAD_CONSTANT) return true;
    diag_error(diag, E0305, node_span(node), "pad: %s has no elements to repeat along an axis of no size",
               type_text(diag->arena, x));
    return diag_help(diag, "mode: constant makes one number of nothing");
}

/* What is only stored has no zero that everybody agrees on. */
static bool need_zero(const Node *node, Diag *diag)
{
    if (!dtype_is_storage(operand_type(node, 0)->dtype)) return true;
    diag_error(diag, E0304, node_span(node), "pad: expected the number that %s is padded with",
               operand_text(node, 0, diag->arena));
    return diag_help(diag, "give it as the second operand");
}

static bool infer_pad(const Node *node, Type *out, Diag *diag)
{
    const PadAttrs *attrs = node->attrs;
    if (!check_sizes(node, &attrs->begin, diag) || !check_sizes(node, &attrs->end, diag)) return false;
    *out = *operand_type(node, 0);
    for (int i = 0; i < out->rank; i++) {
        int64_t more = added(&attrs->begin, i) + added(&attrs->end, i);
        if (more) out->dim[i] = dim_fixed(out->dim[i].high + more);
    }
    if (!need_sane(node, out, diag) || !need_edges(node, diag) || !check_runs(node, diag)) return false;
    if (!operand_present(node, 1)) return attrs->mode != PAD_CONSTANT || need_zero(node, diag);
    return need_same_dtype(node, 1, diag) && need_shape(node, 1, 0, NULL, "one number", diag);
}

/* Without repeats the boxes outside are slabs, as few as there are: axis by axis those before and behind. */
static bool piece_slab(const Node *node, int64_t number, Piece *out)
{
    const PadAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    *out = (Piece){.operand = 0};
    piece_of_whole(x, out);
    for (int i = 0; i < x->rank; i++) out->begin[i] = added(&attrs->begin, i);
    for (int i = 0; i < x->rank; i++)
        for (int behind = 0; behind < 2; behind++) {
            int64_t size = added(behind ? &attrs->end : &attrs->begin, i);
            if (!size || number-- > 0) continue;
            *out = (Piece){.operand = operand_present(node, 1) ? 1 : -1};
            for (int k = 0; k < x->rank; k++) {
                out->begin[k] = k < i ? 0 : added(&attrs->begin, k);
                out->size[k] = k < i ? node->types[0].dim[k].high : x->dim[k].high;
            }
            out->begin[i] = behind ? added(&attrs->begin, i) + x->dim[i].high : 0;
            out->size[i] = size;
            return true;
        }
    return number == 0;
}

static bool piece_pad(const Node *node, int64_t number, Piece *out)
{
    const PadAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    if (node_is_empty(node)) return false;
    if (attrs->mode == PAD_CONSTANT) return piece_slab(node, number, out);
    *out = (Piece){.operand = 0};
    for (int i = x->rank - 1; i >= 0; i--) {
        Run run = {0};
        int count = runs_of(attrs, i, x->dim[i].high, -1, &run);
        runs_of(attrs, i, x->dim[i].high, (int)(number % count), &run);
        number /= count;
        out->begin[i] = run.begin;
        out->size[i] = run.size;
        out->map.offset[i] = run.from;
        out->map.stride[i][i] = run.step;
    }
    return number == 0;
}

static const char *const pad_fills[] = {"constant", "edge", "reflect", "symmetric", "wrap", NULL};

const OpDef op_pad = {
    .name = "pad",
    .doc = "x with more elements before and behind it along each axis: one number (0), the nearest element, x mirrored "
           "without (reflect) or with its last element twice (symmetric), or x again and again (wrap).",
    .kind = KIND_PIECES,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "any shape"},
                                  {.name = "value", .flags = OPERAND_OPTIONAL, .doc = "one number of x's dtype; 0"}},
    .attrs = ATTRS(PadAttrs, ATTR(PadAttrs, begin, .kind = ATTR_INTS, .doc = "elements before, of each axis"),
                   ATTR(PadAttrs, end, .kind = ATTR_INTS, .doc = "elements behind"),
                   ATTR(PadAttrs, mode, .kind = ATTR_ENUM, .words = pad_fills, .doc = "what the elements are")),
    .infer = infer_pad,
    .piece = piece_pad,
};
