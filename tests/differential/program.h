/* A random graph as a list of steps: what the generator draws, the reducer makes smaller and both build again and
 * again. */
#ifndef TESTS_DIFFERENTIAL_PROGRAM_H
#define TESTS_DIFFERENTIAL_PROGRAM_H

#include "ir/op.h"
#include "tests/differential/random.h"

enum { MAX_OPERANDS = 16, MOST_STEPS = 64, MOST_SIZED = 2 };

/* In a body: a value of the program around it, inputs[0]. */
enum { OP_OUTER = OP_COUNT };

/* A node.  Inputs and constants have a type and elements: drawn from a seed, or given. */
typedef struct Step {
    Op op;
    int ninputs;
    int inputs[MAX_OPERANDS]; /* earlier steps; -1 is an absent operand */
    void *attrs;
    Type type;
    uint64_t seed;
    int range;          /* how elements are drawn: RANGE_ */
    const Tensor *data; /* given elements, or NULL */
    bool is_result;
    struct Program *body;      /* of a scan: inputs by its operands, results as marked, */
    int nexts[MAX_OPERANDS];   /* and what each carried operand becomes */
    struct Program *otherwise; /* of a branch, whose bodies have no inputs */
    int64_t axis;              /* in a body: where a result's turns are gathered */
} Step;

enum { RANGE_USUAL, RANGE_POSITIVE, RANGE_SPECIAL };

typedef struct Program {
    Arena *arena;
    int count;
    Step steps[MOST_STEPS];
    int ngiven, given[MAX_OPERANDS]; /* of a branch's body: its results */
    int ndims;                       /* that the caller says the size of */
    Dim dims[MOST_SIZED];
} Program;

/* The graph of the program, called `name`, at stage elaborated; nodes[] by step; NULL when an operator refuses. */
Graph *program_build(const Program *program, Arena *arena, const Node **nodes, Diag *diag);
/* Elements of the input and constant steps. */
Tensor step_tensor(const Step *step, Arena *arena);
/* A tensor of the graph's k-th input each: of the program's steps, in the types that `graph`, the program's at some
 * sizes, has for them. */
Tensor *program_inputs(const Program *program, const Graph *graph, Arena *arena);
int program_results(const Program *program);
/* Drops the steps that no result needs. */
void program_prune(Program *program);
/* Elements drawn from `seed`: floats with full mantissas. */
void tensor_draw(Tensor *tensor, uint64_t seed, int range);

/* A program of about `size` steps over the operators of ir/ops.def. */
Program *program_draw(Arena *arena, uint64_t seed, int size);
/* The same with one or two bounded dims, of about `size` steps that there is code for. */
Program *program_draw_sized(Arena *arena, uint64_t seed, int size);
/* A chain of a few layers as nets have them: contractions of f32 with clamps, poolings and sums of branches.  They are
 * smooth, so that what --fp=fast makes of them can be held to a bound, and large enough for every variant. */
Program *program_draw_layers(Arena *arena, uint64_t seed);
/* Attributes for an operand of this type: most of them are fit. */
void attrs_draw(Random *r, Arena *arena, const AttrTable *table, const Type *type, void *attrs);

/* What is tried with a graph: which code is made, and how. */
typedef struct Trial {
    const char *cpu;
    int level;
    unsigned disabled;  /* bit i: pass_table[i] is left out */
    bool quantise;      /* every layer that can be works on 8-bit numbers, calibrated on the inputs */
    bool prune;         /* four of five blocks of 1 x 16 weights are dropped */
    bool small;         /* -Os, of level 3 */
    bool fast;          /* --fp=fast, of layers only: results are close, not equal */
    int threads;        /* 0, or groups are cut into up to so many parts, by an axis that is drawn */
    bool text;          /* every dump on the way is read back, and the code comes from the last one */
    bool lowers;        /* only whether there is code */
    const char *spoilt; /* to test the tests: graphs with this operator count as wrong; NULL: none does */
} Trial;

/* NULL when native code gives the bits of graph_eval, at some sizes of each bounded dim; else what is wrong; no_code
 * where there is none for a bounded dim.  Each runs in a process of its own, so that
 * a crash is an answer, too. */
const char *program_check(const Program *program, const Trial *trial, Arena *arena);
/* The same for a graph that is written down; its inputs are drawn from `seed`. */
const char *file_check(const char *path, uint64_t seed, const Trial *trial, Arena *arena);
/* Which variants code of the program has, by Variant: `seen` of those becomes true. */
void program_variants(const Program *program, const Trial *trial, bool *seen);
extern const char no_code[];
/* "--cpu=x86-64-v3 -O3 --disable-pass=cse" */
const char *trial_text(Arena *arena, const Trial *trial);

/* Makes the program, and what is left out of the trial, smaller while it still fails. */
void program_reduce(Program *program, Trial *trial);
/* The graph as FOLDER/NAME.lep, its constants in a pool file beside it, `comment` in its first lines. */
bool program_write(const Program *program, const char *folder, const char *name, const char *comment);

#endif
