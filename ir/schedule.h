/* How a group becomes a loop nest: decided by passes/schedule, obeyed by
 * backend/lower, printed and overridable.  And what a group is made of. */
#ifndef IR_SCHEDULE_H
#define IR_SCHEDULE_H

#include "ir/op.h"

typedef enum Variant {
#define VARIANT(id, name, doc) VARIANT_##id,
#include "ir/variants.def"
    VARIANT_COUNT
} Variant;

extern const char *const variant_names[]; /* by Variant, NULL-ended */

/* The axis that is cut into parts; every result element is computed in one of them, as it would be without. */
typedef enum Split {
    SPLIT_OUTER,    /* the outermost loop; images of a contraction */
    SPLIT_CHANNELS, /* of contractions: blocks of output channels, */
    SPLIT_ROWS,     /* rows of tiles, also rows of a window's result, */
    SPLIT_COLUMNS   /* columns of tiles */
} Split;

extern const char *const split_names[]; /* by Split, NULL-ended */

struct Schedule {
    int variant;           /* a Variant: which code */
    int64_t lanes;         /* f32 elements of a vector; 1 is scalar code */
    int64_t tile_rows;     /* output rows held in registers (before pooling) */
    int64_t tile_columns;  /* output pixels of a row held in registers */
    int64_t tile_vectors;  /* vectors of output channels held in registers */
    int64_t unroll;        /* steps of the innermost reduction loop written out */
    int64_t strip_rows;    /* rows of tiles that go through scratch together, of strips rows; 0: nothing does */
    int64_t strip_columns; /* the same along a row */
    int64_t panel;         /* output channels that lie together in packed weights and bias; 0: not packed */
    int64_t products;      /* that one step adds to each sum: 2, 4 or 16 of 8-bit operands, else 1 */
    bool reciprocal;       /* rows are multiplied by 1 / their sum, not divided: not as exact */
    int64_t prefetch;      /* bytes ahead that packed weights are fetched, 0 none */
    int64_t threads;       /* parts that run side by side when there is a pool; 1: one thread */
    int split;             /* a Split: what the parts are of */
    int64_t scratch; /* bytes of the arena that each part needs for itself while the group runs; a multiple of 64 */
    int64_t scratch_offset; /* where the first part's begins in the arena, the others' behind it; set by plan */
    double cost;            /* predicted cycles, for reports and neighbours' decisions */
    bool fixed;             /* somebody wrote it down (--schedule): no pass has another idea */
};

/* A schedule that was written down for a group, in place of the one that passes would choose. */
typedef struct GivenSchedule GivenSchedule;
struct GivenSchedule {
    const char *path; /* of the group: its name, behind those of the scans and branches around it, "r/r.u" */
    Span at;
    Schedule schedule;
    int nmembers; /* of strips: their groups, first to last */
    GivenSchedule *members;
    bool used;
};

typedef struct GivenSchedules {
    int count;
    GivenSchedule *at;
} GivenSchedules;

/* Bytes of the arena for the scratch of all parts. */
static inline int64_t schedule_scratch(const Schedule *s) { return s->threads * s->scratch; }

/* Rows of the fields above: printing, parsing, overriding. */
extern const AttrTable schedule_attrs;

/* What the body of a group node holds, found by kinds. */
typedef struct Group {
    const Node *node;
    const Graph *body;
    OpKind kind;        /* of the anchor; KIND_MAP when there is only element-wise and view work; KIND_GROUP: strips */
    const Node *anchor; /* the contraction, window, reduction or row operator; NULL for KIND_MAP and strips */
    const Node *pool;   /* a pooling after a contraction, else NULL */
} Group;

Group group_of(const Node *node);
/* Are the axes of the anchor's result those of its contraction, [N, H, W, C]?  Else the group reads and writes lines of
 * rows: dense runs, without a ring. */
bool contraction_is_image(const Contraction *contraction, const Node *anchor);
/* One element of the tensor for each row of the results, whatever the channel. */
bool contraction_row_has_one(const Type *type, const Type *result);
/* May what is computed with the contraction's results read a tensor of this type beside them?  Results of a product
 * that are no image are lines of rows: the tensor follows every row, or stands still. */
bool contraction_reads_beside(const Node *anchor, const Type *type);
/* Is a kernel's row of inputs one run of memory, which dot products step through without regard to pixels? */
bool contraction_has_row_runs(const Contraction *contraction, const Node *anchor);
/* How the code of the group wants operand `operand` of its node `inner` written down: a Packing, and the panel. */
int group_packing(const Group *group, const Node *inner, int operand);
int64_t group_panel(const Group *group, const Node *inner, int operand);
/* The value of the outer graph that an operand of a body's node stands for; itself when it is made inside. */
bool group_is_inside(const Group *group, Value value);

#endif
