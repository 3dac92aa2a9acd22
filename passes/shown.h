/* Real numbers that views show of stored ones, x = scale * (q - zero): what the parts of the pass `qdq` look for. */
#ifndef PASSES_SHOWN_H
#define PASSES_SHOWN_H

#include "ir/op.h"

enum { SHOWN_MOST_VIEWS = 8 };

typedef struct Shown {
    const Node *dequantize;
    const Node *view[SHOWN_MOST_VIEWS]; /* outermost first */
    int views;
} Shown;

/* Is the f32 value views of a dequantize of i8 or u8? */
bool shown_find(Value value, Shown *out);
Value shown_stored(const Shown *shown);
Value shown_scale(const Shown *shown);
int64_t shown_zero(const Shown *shown);
/* Has it one scale for all? */
bool shown_has_one_scale(const Shown *shown);
/* Which axis of what is shown the scales go along; -1 when there is one for all, -2 when it is none. */
int shown_axis_of_scale(const Shown *shown);
/* The same views of another value in place of the stored one. */
Value shown_views_of(const Maker *m, const Shown *shown, Value stored);

#endif
