/* Boxes that overlap better ones: beside a plain search, one box after the other from the best score down. */
#include "ir/count.h"
#include "tests/support/trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST_BOXES = 40, MOST_ROWS = 512 };

/* ---- the plain search ---- */

typedef struct Plain {
    const Tensor *boxes, *scores;
    const NonMaxSuppressionAttrs *attrs;
    double rows[MOST_ROWS];
    int64_t count; /* of numbers in rows */
} Plain;

typedef struct Box {
    float low[2], high[2];
} Box;

static Box box_of(const Plain *p, int64_t image, int64_t number)
{
    Box box;
    for (int axis = 0; axis < 2; axis++) {
        int64_t at = (image * p->boxes->type.dim[1].high + number) * 4 + axis;
        float one = (float)tensor_real(p->boxes, at), other = (float)tensor_real(p->boxes, at + 2);
        box.low[axis] = p->attrs->center ? one - other / 2 : fminf(one, other);
        box.high[axis] = p->attrs->center ? one + other / 2 : fmaxf(one, other);
    }
    return box;
}

static float area_of(const Box *box) { return (box->high[0] - box->low[0]) * (box->high[1] - box->low[1]); }

static bool overlaps(const Plain *p, const Box *a, const Box *b)
{
    Box both;
    for (int axis = 0; axis < 2; axis++) {
        both.low[axis] = fmaxf(a->low[axis], b->low[axis]);
        both.high[axis] = fminf(a->high[axis], b->high[axis]);
        if (both.high[axis] <= both.low[axis]) return false;
    }
    float common = area_of(&both);
    return common / (area_of(a) + area_of(b) - common) > (float)p->attrs->iou;
}

static float score_of(const Plain *p, int64_t line, int64_t number)
{
    return (float)tensor_real(p->scores, line * p->scores->type.dim[2].high + number);
}

/* The number of the best box that was not looked at yet; -1: none. */
static int64_t best_of(const Plain *p, int64_t line, const bool *seen)
{
    int64_t best = -1;
    for (int64_t i = 0; i < p->scores->type.dim[2].high; i++) {
        float score = score_of(p, line, i);
        if (seen[i] || !(score > (float)p->attrs->score) || score == -INFINITY) continue;
        if (best < 0 || score > score_of(p, line, best)) best = i;
    }
    return best;
}

static void search_class(Plain *p, int64_t image, int64_t class)
{
    bool seen[MOST_BOXES] = {false};
    Box kept[MOST_BOXES];
    int64_t nkept = 0, line = image * p->scores->type.dim[1].high + class, best;
    while (nkept < p->attrs->max && (best = best_of(p, line, seen)) >= 0) {
        Box box = box_of(p, image, best);
        bool out = false;
        for (int64_t i = 0; i < nkept; i++) out = out || overlaps(p, &kept[i], &box);
        seen[best] = true;
        if (out) continue;
        kept[nkept++] = box;
        p->rows[p->count++] = (double)image;
        p->rows[p->count++] = (double)class;
        p->rows[p->count++] = (double)best;
    }
}

static void search(Plain *p)
{
    p->count = 0;
    for (int64_t image = 0; image < p->scores->type.dim[0].high; image++)
        for (int64_t class = 0; class < p->scores->type.dim[1].high; class ++) search_class(p, image, class);
}

/* ---- beside it ---- */

/* Sides and scores are quarters, so that all of it is exact but the quotient, and scores are often equal. */
static double draw(uint64_t *seed, int below) { return (double)(trial_next(seed) % (uint64_t)below) * 0.25; }

static void any_boxes(void **state)
{
    uint64_t seed = 5;
    for (int number = 0; number < 200; number++) {
        Trial t = trial_new();
        int64_t images = 1 + number % 2, classes = 1 + number % 3, boxes = 1 + number % MOST_BOXES;
        Tensor operands[] = {trial_tensor(&t, number % 7 ? F32 : F64, 3, (int64_t[]){images, boxes, 4}, NULL),
                             trial_tensor(&t, number % 7 ? F32 : F64, 3, (int64_t[]){images, classes, boxes}, NULL)};
        for (int64_t i = 0; i < images * boxes * 4; i++)
            tensor_set_real(&operands[0], i, i % 4 < 2 ? draw(&seed, 12) : draw(&seed, 12) + 1);
        for (int64_t i = 0; i < images * classes * boxes; i++) tensor_set_real(&operands[1], i, draw(&seed, 9) - 1);
        NonMaxSuppressionAttrs attrs = {.max = 1 + number % 14, .iou = draw(&seed, 5), .center = number % 5 == 0};
        attrs.score = number % 4 ? draw(&seed, 6) - 1 : -INFINITY;
        Plain plain = {.boxes = &operands[0], .scores = &operands[1], .attrs = &attrs};
        search(&plain);
        Tensor out = trial_eval(&t, OP_non_max_suppression, &attrs, 2, operands);
        trial_expect(&out, plain.count, plain.rows);
        trial_free(&t);
    }
}

/* ---- on values known by hand ---- */

/* A NaN is no score, nor is what is below all numbers; of equal scores the first counts. */
static void scores_that_are_none(void **state)
{
    Trial t = trial_new();
    Tensor operands[] = {
        trial_tensor(&t, F32, DIMS(1, 5, 4), VALUES(0, 0, 1, 1, 0, 0, 1, 1, 4, 4, 5, 5, 0, 0, 1, 1, 8, 8, 9, 9)),
        trial_tensor(&t, F32, DIMS(1, 1, 5), VALUES(NAN, 0.5, -INFINITY, 0.5, -3))};
    NonMaxSuppressionAttrs attrs = {.max = 5, .iou = 0.5, .score = -INFINITY};
    Tensor out = trial_eval(&t, OP_non_max_suppression, &attrs, 2, operands);
    EXPECT(&out, 0, 0, 1, 0, 0, 4);
    attrs.score = 0.5; /* more than that */
    out = trial_eval(&t, OP_non_max_suppression, &attrs, 2, operands);
    trial_expect(&out, 0, NULL);
    trial_free(&t);
}

/* Boxes without an area overlap nothing, not even themselves; nor do those of which a side is no number. */
static void boxes_that_are_none(void **state)
{
    Trial t = trial_new();
    Tensor operands[] = {
        trial_tensor(&t, F16, DIMS(1, 5, 4), VALUES(1, 1, 1, 2, 1, 1, 1, 2, 0, 0, 3, NAN, 0, 0, 3, 3, 3, 3, 0, 0)),
        trial_tensor(&t, F16, DIMS(1, 1, 5), VALUES(1, 2, 3, 4, 5))};
    NonMaxSuppressionAttrs attrs = {.max = 5, .score = -INFINITY};
    Tensor out = trial_eval(&t, OP_non_max_suppression, &attrs, 2, operands);
    EXPECT(&out, 0, 0, 4, 0, 0, 2, 0, 0, 1, 0, 0, 0);
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_boxes),
        cmocka_unit_test(scores_that_are_none),
        cmocka_unit_test(boxes_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
