/* Of boxes that overlap the best, as many as there are.
 *
 * In each turn every class of every image gives its best box, and leaves out what overlaps that too much: so many turns
 * as a class may keep boxes, and none once nothing is left.  A turn is reductions and element-wise work on
 * [images, classes, boxes], so that lanes and threads have many boxes at a time, and no order has to be made first. */
#include "ir/attention.h"
#include "ir/ops/kept.h"
#include "ir/ops/make_scan.h"

#include <math.h>

enum { BOXES, SCORES, SIDES = 4, RANK = 3 /* [images, classes, boxes] */ };

static const Operand operands[] = {
    {.name = "boxes", .doc = "[N, boxes, 4]: y and x of one corner, y and x of the one across"},
    {.name = "scores", .doc = "[N, classes, boxes]"}};

static const NonMaxSuppressionAttrs *attrs_of(const Node *node) { return node->attrs; }

/* Of a class. */
static int64_t most_kept(const Node *node)
{
    int64_t boxes = operand_type(node, BOXES)->dim[1].high, max = attrs_of(node)->max;
    return max < boxes ? max : boxes;
}

static bool check_attrs(const Node *node, Diag *diag)
{
    const NonMaxSuppressionAttrs *attrs = attrs_of(node);
    if (attrs->iou >= 0 && attrs->iou <= 1 && !isnan(attrs->score)) return true;
    diag_error(diag, E0404, node_span(node),
               "non_max_suppression: expected an iou from 0 to 1 and a score, found %g and %g", attrs->iou,
               attrs->score);
    return diag_help(diag, "write non_max_suppression(boxes, scores, max: 100, iou: 0.5, score: 0.3)");
}

static bool infer_suppression(const Node *node, Type *out, Diag *diag)
{
    const Type *boxes = operand_type(node, BOXES), *scores = operand_type(node, SCORES);
    if (!need_dtype(node, BOXES, ACCEPT_FLOATS, diag) || !need_same_dtype(node, SCORES, diag)) return false;
    if (!need_rank(node, BOXES, 3, "[N, boxes, 4]", diag) || !need_fixed(node, BOXES, diag)) return false;
    if (!need_rank(node, SCORES, RANK, "[N, classes, boxes]", diag) || !need_fixed(node, SCORES, diag)) return false;
    const int64_t sides[] = {boxes->dim[0].high, boxes->dim[1].high, SIDES};
    if (!need_shape(node, BOXES, 3, sides, "two corners, or the middle and two sizes", diag)) return false;
    const int64_t shape[] = {sides[0], scores->dim[1].high, sides[1]};
    if (!need_shape(node, SCORES, RANK, shape, "a score of each box in each class", diag)) return false;
    if (!check_attrs(node, diag)) return false;
    *out = type_tensor(I64, 2, (const int64_t[]){1, RANK});
    int64_t classes = product_or_most(shape[0], shape[1]);
    return count_dim(node, product_or_most(classes, most_kept(node)), &out->dim[0], diag) && need_sane(node, out, diag);
}

/* ---- boxes ---- */

enum { LOW_Y, LOW_X, HIGH_Y, HIGH_X, AREA, FACTS };

typedef struct Boxes {
    Value fact[FACTS];
} Boxes;

static Value side(const Maker *m, int number)
{
    const Type *boxes = operand_type(m->node, BOXES);
    const int64_t dims[] = {boxes->dim[0].high, 1, boxes->dim[1].high};
    return make_reshape(m, make_slice(m, m->node->inputs[BOXES], 2, number, number + 1), RANK, dims);
}

/* Where they begin and end along both axes, whichever corners are given; [images, 1, boxes] each. */
static Boxes all_boxes(const Maker *m)
{
    Boxes b;
    for (int axis = 0; axis < 2; axis++) {
        Value one = side(m, axis), other = side(m, axis + 2);
        if (attrs_of(m->node)->center) {
            Value half = make_with_number(m, OP_mul, other, 0.5);
            b.fact[LOW_Y + axis] = make_binary(m, OP_sub, one, half);
            b.fact[HIGH_Y + axis] = make_binary(m, OP_add, one, half);
        } else {
            b.fact[LOW_Y + axis] = make_binary(m, OP_minimum, one, other);
            b.fact[HIGH_Y + axis] = make_binary(m, OP_maximum, one, other);
        }
    }
    Value height = make_binary(m, OP_sub, b.fact[HIGH_Y], b.fact[LOW_Y]);
    Value width = make_binary(m, OP_sub, b.fact[HIGH_X], b.fact[LOW_X]);
    b.fact[AREA] = make_binary(m, OP_mul, height, width);
    return b;
}

/* The one at the place of each class: [images, classes, 1]. */
static Boxes boxes_at(const Maker *m, const Boxes *all, Value place)
{
    const Type *boxes = operand_type(m->node, BOXES);
    const TakeAttrs attrs = {.from = {2, {0, -1}}};
    Boxes at;
    for (int i = 0; i < FACTS; i++) {
        const int64_t dims[] = {boxes->dim[0].high, boxes->dim[1].high};
        Value flat = make_reshape(m, all->fact[i], 2, dims), read[] = {flat, place};
        at.fact[i] = make(m, OP_take, &attrs, 2, read);
    }
    return at;
}

/* How long both are along an axis, or 0. */
static Value common(const Maker *m, const Boxes *a, const Boxes *b, int axis)
{
    Value begin = make_binary(m, OP_maximum, a->fact[LOW_Y + axis], b->fact[LOW_Y + axis]);
    Value end = make_binary(m, OP_minimum, a->fact[HIGH_Y + axis], b->fact[HIGH_Y + axis]);
    return make_with_number(m, OP_maximum, make_binary(m, OP_sub, end, begin), 0);
}

/* What is common divided by what is covered; of boxes that cover nothing it is 0. */
static Value overlap(const Maker *m, const Boxes *a, const Boxes *b)
{
    Value height = common(m, a, b, 0), width = common(m, a, b, 1);
    Value both = make_binary(m, OP_mul, height, width);
    Value sum = make_binary(m, OP_add, a->fact[AREA], b->fact[AREA]);
    double least = operand_type(m->node, BOXES)->dtype == F16 ? 0x1p-14 : 0x1p-126;
    Value covered = make_with_number(m, OP_maximum, make_binary(m, OP_sub, sum, both), least);
    return make_binary(m, OP_div, both, covered);
}

/* ---- the choice ---- */

/* In the place of a score: the box is out. */
static Value nothing(const Maker *m)
{
    Dtype dtype = operand_type(m->node, SCORES)->dtype;
    return make_number(m, dtype, attention_lowest(dtype));
}

static Value is_something(const Maker *m, Value score) { return make_binary(m, OP_less, nothing(m), score); }

/* A NaN is above nothing. */
static Value first_scores(const Maker *m)
{
    Value scores = m->node->inputs[SCORES], none = nothing(m);
    const Dtype dtype = value_type(scores)->dtype;
    Value least = make_number(m, dtype, fmax(attrs_of(m->node)->score, attention_lowest(dtype)));
    Value good = make_binary(m, OP_less, least, scores);
    return make_where(m, good, scores, none);
}

static Value is_any(const Maker *m, Value best)
{
    const ReduceAttrs all = {.axes = {RANK, {0, 1, 2}}};
    return is_something(m, make(m, OP_reduce_max, &all, 1, &best));
}

/* Where the best score is first: i32[images, classes, 1]. */
static Value place_of(const Maker *m, Value scores, Value best, Value number)
{
    int64_t boxes = operand_type(m->node, BOXES)->dim[1].high;
    Value is_best = make_binary(m, OP_equal, scores, best), beyond = make_number(m, I32, (double)boxes);
    return make_reduce(m, OP_reduce_min, make_where(m, is_best, number, beyond), 2);
}

static void make_turn(ScanMaker *s, const Boxes *all, Value number)
{
    const Maker *m = &s->turn;
    const Type *scores = operand_type(m->node, SCORES);
    Value left = s->inputs[1], best = s->inputs[2], place = place_of(m, left, best, number);
    Boxes chosen = boxes_at(m, all, place);
    Value limit = make_number(m, scores->dtype, attrs_of(m->node)->iou);
    Value over = make_binary(m, OP_less, limit, overlap(m, all, &chosen));
    Value out = make_binary(m, OP_logical_or, over, make_binary(m, OP_equal, number, place));
    Value none = nothing(m), next = make_where(m, out, none, left);
    Value next_best = make_reduce(m, OP_reduce_max, next, 2);
    Value found = make_with_number(m, OP_add, place, 1), zero = make_number(m, I32, 0);
    found = make_where(m, is_something(m, best), found, zero);
    const int64_t dims[] = {scores->dim[0].high, scores->dim[1].high};
    make_scan_return(s, "place", 2, make_reshape(m, found, 2, dims));
    make_scan_next(s, is_any(m, next_best));
    make_scan_next(s, next);
    make_scan_next(s, next_best);
}

/* One more than the number of the box that each class keeps in each turn, or 0: i32[images, classes, most_kept]. */
static Value make_choice(const Maker *m)
{
    const Boxes all = all_boxes(m);
    Value number = make_coordinates(m, I32, RANK, 2, operand_type(m->node, BOXES)->dim[1].high);
    Value scores = first_scores(m), best = make_reduce(m, OP_reduce_max, scores, 2), any = is_any(m, best);
    const ScanAttrs attrs = {.turns = most_kept(m->node), .stops = true};
    Value begin[] = {any, scores, best};
    ScanMaker s = make_scan(m, &attrs, 3, begin, (const char *const[]){"any", "left", "best"});
    if (!s.scan) return (Value){NULL, 0};
    make_turn(&s, &all, number);
    return make_scan_end(&s);
}

static bool expand_suppression(const Maker *m, Value *out)
{
    const int64_t flat[] = {-1};
    Kept kept;
    Value choice = make_choice(m);
    if (!choice.node) return false;
    const Type type = *value_type(choice);
    choice = make_reshape(m, choice, 1, flat);
    Value number = make_kept(m, make_cast(m, choice, BOOL), &kept);
    Value box = make_cast(m, make_gather(m, choice, number, 0), I64);
    box = make_reshape(m, make_with_number(m, OP_add, box, -1), 2, (const int64_t[]){-1, 1});
    Value column = make_coordinates(m, I32, 2, 1, RANK), last = make_number(m, I32, RANK - 1);
    Value is_last = make_binary(m, OP_equal, column, last);
    out[0] = make_where(m, is_last, box, make_coordinates_of(m, number, &type));
    return out[0].node != NULL;
}

/* Some boxes of one or two images, in one to three classes. */
static bool fitting_boxes(int index, const Type *first, int64_t number, Type *out)
{
    const int64_t images = 1 + number % 2, boxes = 1 + number % 23;
    if (index == BOXES)
        *out = type_tensor(F32, 3, (const int64_t[]){images, boxes, SIDES});
    else if (first->rank == 3)
        *out =
            type_tensor(first->dtype, RANK, (const int64_t[]){first->dim[0].high, 1 + number % 3, first->dim[1].high});
    return index == BOXES || first->rank == 3;
}

const OpDef op_non_max_suppression = {
    .name = "non_max_suppression",
    .doc =
        "The best boxes of each class, from the best score down, of equal ones the first: a row of image, class and "
        "box "
        "for each. A box is left out when what it has in common with a better one of its class, divided by what both "
        "cover, is above `iou`. No more rows than a dim that `count` names may be long.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = operands,
    .attrs =
        ATTRS(NonMaxSuppressionAttrs, ATTR_COUNT(NonMaxSuppressionAttrs),
              ATTR(NonMaxSuppressionAttrs, max, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .low = 1, .high = INT64_MAX,
                   .doc = "how many a class keeps at most"),
              ATTR(NonMaxSuppressionAttrs, iou, .kind = ATTR_FLOAT, .fallback = 0.5, .doc = "from 0 to 1"),
              ATTR(NonMaxSuppressionAttrs, score, .kind = ATTR_FLOAT, .fallback = -INFINITY,
                   .doc = "only boxes with more are kept; one of NaN or -inf never is"),
              ATTR(NonMaxSuppressionAttrs, center, .kind = ATTR_BOOL,
                   .doc = "boxes are the x and y of their middle, their width and height, instead of two corners")),
    .infer = infer_suppression,
    .fitting = fitting_boxes,
    .expand = expand_suppression,
    .counts = true,
};
