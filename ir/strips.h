/* Contractions one behind the other, perhaps behind element-wise work, that run strip by strip: a group of groups. Each
 * member computes, of every strip, the rows of its result that the next one reads; these lie in scratch and never in
 * the arena, and the last member's rows are those of the result.  Rows that windows of two strips share are kept from
 * one strip to the next.  No sum changes its order: results have the bits that the members alone would give. What the
 * pass, the plan, the verifier and lowering must agree on is here. */
#ifndef IR_STRIPS_H
#define IR_STRIPS_H

#include "ir/schedule.h"

enum { STRIP_MEMBERS = 3 };

/* Of a member's result, what lies in scratch: [kept + rows, left + width + right, channels]. */
typedef struct StripValue {
    int64_t rows;        /* new ones of each strip */
    int64_t kept;        /* those before, which the strip before had already */
    int64_t first;       /* row of the tensor that is strip 0's first new one; that of strip i is i * rows further */
    int64_t height;      /* of the tensor */
    int64_t left, right; /* columns of the ring */
    int64_t width, channels;
    int64_t ring;   /* what the ring, and rows outside of the tensor, hold */
    int64_t offset; /* bytes from where a part's scratch begins */
    Dtype dtype;
} StripValue;

typedef struct Strips {
    int count; /* members */
    Group member[STRIP_MEMBERS];
    Contraction shape[STRIP_MEMBERS];
    StripValue value[STRIP_MEMBERS - 1]; /* of all members but the last */
    int64_t rows;                        /* of the result, a strip */
    int64_t step[STRIP_MEMBERS];         /* rows of each member's result, a strip */
    int64_t whole, all; /* strips that have all their rows and read none below the image; and with those that do not */
    int64_t scratch;    /* bytes that each part needs */
} Strips;

/* Is the group one of groups? */
bool group_is_strips(const Node *node);
/* Whether these groups, each of which reads the one before through its first operand, can run in strips; `why` gets
 * what does not fit.  Not asked for here is that nobody else reads what lies between them. */
bool strips_fit(const Group *members, int count, const char **why);
/* For members that fit and 1 to `height of the result` rows. */
Strips strips_of(const Group *members, int count, int64_t rows);
/* The same of a group that is verified, by its schedule. */
Strips strips_of_group(const Group *group);
/* Can the strips be cut into that many parts, each of which makes by itself what a strip before it would have kept? */
bool strips_may_part(const Strips *strips, int64_t parts);
/* Elements of a row in scratch. */
int64_t strip_line(const StripValue *value);

/* The groups that are code of a kind's own, in order: in place of strips their members.  NULL at the end. */
Node *leaf_first(const Graph *graph);
Node *leaf_next(const Node *leaf);

#endif
