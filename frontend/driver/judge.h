/* What the files of the error analysis share. */
#ifndef DRIVER_JUDGE_H
#define DRIVER_JUDGE_H

#include "frontend/driver/bound.h"
#include "ir/schedule.h"

/* A value in f64 and how far f32 arithmetic may be from it. */
typedef struct Estimate {
    Tensor value, error;
} Estimate;

typedef struct Judge {
    Arena *arena;
    const Known *known;
    Group group;
    int64_t winograd; /* outputs of its tiles along an axis, 0 when it is no such */
    NodeMap *inside;  /* of Estimate *, or Tensor * when strict: one a slot */
} Judge;

/* Zeros in f64, of that shape. */
Tensor judge_double(Arena *arena, const Type *type);
/* Of a value inside, or exact of one outside. */
Estimate judge_estimate(const Judge *judge, Value value);
/* Enters the estimates of what a node in a group, a group, a scan or branch makes. */
void judge_node(Judge *judge, const Node *node);
void judge_group(Judge *judge, const Node *group);
void judge_control(Judge *judge, const Node *node);

static inline double *reals(const Tensor *tensor) { return tensor->data; }

#endif
