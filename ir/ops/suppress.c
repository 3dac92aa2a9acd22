/* The best boxes, without those that overlap better ones.
 *
 * Boxes come by from the best score down, one of each class of each image in a turn, and meet those that their class
 * keeps, all at a time; there are no more turns once no class has room for one that is good enough. */
#include "ir/attention.h"
#include "ir/ops/kept.h"
#include "ir/ops/make_scan.h"
#include "ir/top.h"

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

/* Where boxes begin and end along both axes, whichever corners are given, and their area. */
enum { LOW_Y, LOW_X, HIGH_Y, HIGH_X, AREA, FACTS };

typedef struct Boxes {
    Value fact[FACTS];
} Boxes;

static Value side(const Maker *m, int number)
{
    const Type *boxes = operand_type(m->node, BOXES);
    const int64_t dims[] = {boxes->dim[0].high, boxes->dim[1].high};
    return make_reshape(m, make_slice(m, m->node->inputs[BOXES], 2, number, number + 1), 2, dims);
}

static Value length(const Maker *m, const Boxes *b, int axis)
{
    return make_binary(m, OP_sub, b->fact[HIGH_Y + axis], b->fact[LOW_Y + axis]);
}

/* [images, boxes]. */
static Boxes all_boxes(const Maker *m)
{
    Boxes b;
    for (int axis = 0; axis < 2; axis++) {
        Value one = side(m, axis), other = side(m, axis + 2);
        bool center = attrs_of(m->node)->center;
        if (center) other = make_with_number(m, OP_mul, other, 0.5);
        b.fact[LOW_Y + axis] = make_binary(m, center ? OP_sub : OP_minimum, one, other);
        b.fact[HIGH_Y + axis] = make_binary(m, center ? OP_add : OP_maximum, one, other);
    }
    Value height = length(m, &b, 0), width = length(m, &b, 1);
    b.fact[AREA] = make_binary(m, OP_mul, height, width);
    return b;
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

/* A NaN is above nothing. */
static Value good_scores(const Maker *m)
{
    Value scores = m->node->inputs[SCORES], none = nothing(m);
    const Dtype dtype = value_type(scores)->dtype;
    Value least = make_number(m, dtype, fmax(attrs_of(m->node)->score, attention_lowest(dtype)));
    Value good = make_binary(m, OP_less, least, scores);
    return make_where(m, good, scores, none);
}

static Value zeros(const Maker *m, Dtype dtype, int64_t size)
{
    const Type *scores = operand_type(m->node, SCORES);
    Dim *dims = ARENA_ARRAY(m->graph->arena, Dim, RANK);
    BroadcastAttrs attrs = {.shape = {RANK, {scores->dim[0].high, scores->dim[1].high, size}}};
    for (int i = 0; i < RANK; i++) dims[i] = i < 2 ? scores->dim[i] : dim_fixed(size);
    if (!type_is_fixed(scores)) attrs.shape_dims = dims;
    Value zero = make_number(m, dtype, 0);
    return make(m, OP_broadcast, &attrs, 1, &zero);
}

/* Elements along the last of the axes in `from`, [images, classes, 1], at the place of each class. */
static Value read_at(const Maker *m, Value x, IntList from, Value place)
{
    return make(m, OP_take, &(TakeAttrs){from}, 2, (Value[]){x, place});
}

static Value write_at(const Maker *m, Value x, Value update, Value place)
{
    return make(m, OP_put, &(PutAttrs){.from = {RANK, {0, 1, -1}}}, 3, (Value[]){x, update, place});
}

enum { ORDER, ANY, COUNT, NUMBER, KEPT, OPERANDS = KEPT + FACTS }; /* of the scan */

typedef struct Choice {
    const Maker *m; /* of a turn */
    const Value *in;
    Boxes boxes;  /* all */
    Value scores; /* of all */
    int64_t most;
} Choice;

/* Is there a box that the class keeps which has too much in common with this one? */
static Value is_over(const Choice *c, const Boxes *box)
{
    const Maker *m = c->m;
    Boxes kept;
    for (int i = 0; i < FACTS; i++) kept.fact[i] = c->in[KEPT + i];
    Value limit = make_number(m, operand_type(m->node, BOXES)->dtype, attrs_of(m->node)->iou);
    Value over = make_binary(m, OP_less, limit, overlap(m, &kept, box));
    return make_cast(m, make_reduce(m, OP_reduce_max, make_cast(m, over, I32), 2), BOOL);
}

/* The next box of each class, [images, classes, 1], goes behind those that it keeps. */
static void make_turn(ScanMaker *s, const Choice *c)
{
    const Maker *m = c->m;
    const Type *scores = operand_type(m->node, SCORES);
    const int64_t dims[] = {scores->dim[0].high, scores->dim[1].high, 1};
    Value place = make_cast(m, make_reshape(m, c->in[ORDER], RANK, dims), I32);
    Value score = read_at(m, c->scores, (IntList){RANK, {0, 1, -1}}, place), none = nothing(m),
          most = make_number(m, I32, (double)c->most);
    Boxes box;
    for (int i = 0; i < FACTS; i++) box.fact[i] = read_at(m, c->boxes.fact[i], (IntList){2, {0, -1}}, place);
    Value is_good = make_binary(m, OP_less, none, score), has_room = make_binary(m, OP_less, c->in[COUNT], most);
    Value is_open = make_binary(m, OP_logical_and, is_good, has_room), one = make_cast(m, is_open, I32);
    Value is_apart = make_unary(m, OP_logical_not, is_over(c, &box));
    Value fits = make_binary(m, OP_logical_and, is_open, is_apart);
    Value at = make_where(m, fits, c->in[COUNT], most); /* there is no such place */
    Value number = make_with_number(m, OP_add, place, 1);
    const ReduceAttrs all = {.axes = {RANK, {0, 1, 2}}};
    make_scan_next(s, make_cast(m, make(m, OP_reduce_max, &all, 1, &one), BOOL));
    make_scan_next(s, make_binary(m, OP_add, c->in[COUNT], make_cast(m, fits, I32)));
    make_scan_next(s, write_at(m, c->in[NUMBER], number, at));
    for (int i = 0; i < FACTS; i++) make_scan_next(s, write_at(m, c->in[KEPT + i], box.fact[i], at));
}

/* One more than the number of each box that a class keeps, then 0: i32[images, classes, most_kept]. */
static Value make_choice(const Maker *m)
{
    static const char *const names[] = {"place", "any",    "count",  "number", "low_y",
                                        "low_x", "high_y", "high_x", "area"};
    const Type *type = operand_type(m->node, SCORES);
    const TopAttrs sorted = {.k = type->dim[2].high, .axis = 2, .largest = true};
    const ScanAttrs attrs = {.axes = {1, {2}}, .stops = true};
    Choice c = {.boxes = all_boxes(m), .scores = good_scores(m), .most = most_kept(m->node)};
    Value begin[OPERANDS];
    begin[ORDER] = make(m, OP_top_indices, &sorted, 1, &c.scores);
    begin[ANY] = make_number(m, BOOL, 1);
    begin[COUNT] = zeros(m, I32, 1);
    begin[NUMBER] = zeros(m, I32, c.most);
    for (int i = 0; i < FACTS; i++) begin[KEPT + i] = zeros(m, type->dtype, c.most);
    ScanMaker s = make_scan(m, &attrs, OPERANDS, begin, names);
    if (!s.scan) return (Value){NULL, 0};
    c.m = &s.turn;
    c.in = s.inputs;
    make_turn(&s, &c);
    return (Value){make_scan_end(&s).node, NUMBER - ANY};
}

/* Images may be as many as there are; boxes that are sorted may not yet. */
static bool need_boxes(const Maker *m)
{
    const Dim *dim = &operand_type(m->node, BOXES)->dim[1];
    if (dim_is_fixed(dim)) return true;
    diag_error(m->diag, E0308, node_span(m->node), "non_max_suppression: expected a fixed number of boxes, found %s",
               operand_text(m->node, BOXES, m->diag->arena));
    return diag_help(m->diag, "give %s a size by --dim, and boxes that are none a low score", dim->name);
}

static bool expand_suppression(const Maker *m, Value *out)
{
    const int64_t flat[] = {-1};
    Kept kept;
    if (!need_boxes(m)) return false;
    Value choice = make_choice(m);
    if (!choice.node) return false;
    const Type type = *value_type(choice);
    choice = make_reshape(m, choice, 1, flat);
    Value number = make_kept(m, make_cast(m, choice, BOOL), &kept);
    Value box = make_cast(m, make_gather(m, choice, number, 0), I64);
    box = make_reshape(m, make_with_number(m, OP_add, box, -1), 2, (const int64_t[]){-1, 1});
    Value column = make_coordinates(m, I32, 2, 1, dim_fixed(RANK)), last = make_number(m, I32, RANK - 1);
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
