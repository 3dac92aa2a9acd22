/* The loop-nest IR: what the code generator makes of each group, as data that
 * prints, parses back and is verified.  Nothing here knows LLVM.
 *
 * A function's values live in buffers (memory with a base and an extent) and in
 * registers (arrays of vectors that never reach memory).  Indices are affine in
 * the loop variables and count elements, so that every access can be proven in
 * bounds; what depends on data known at compile time, such as where a weight is
 * not zero, is read from tables whose bound is declared, and what depends on data
 * of the user is clamped in the code, which proves its bound as well. */
#ifndef BACKEND_LOOP_H
#define BACKEND_LOOP_H

#include "ir/expr.h"
#include "ir/graph.h"
#include "ir/place.h"

typedef struct LoopVar {
    const char *name; /* unique in its function */
    int id;           /* position among the function's variables */
} LoopVar;

enum { MAX_TERMS = 12 };

typedef struct Affine {
    int64_t base;
    int nterms;
    struct {
        const LoopVar *var;
        int64_t factor;
    } term[MAX_TERMS];
} Affine;

/* A size that is known when the function runs, as a variable that is the same everywhere in it:
 * (factor * sizes[dim] + base) / divisor, rounded down, from low up to high.  sizes[] is the table of Graph.dims: the
 * caller's numbers, checked against their bounds before the first step runs; or, of a dim that depends on data, what an
 * earlier step stored there. */
typedef struct LoopSize {
    const LoopVar *var;
    int dim;
    int64_t factor, base, divisor;
    int64_t low, high;
} LoopSize;

/* An end of a loop: `at`, or the greatest multiple of `whole` that is not above it. */
typedef struct LoopEdge {
    Affine at;
    int64_t whole; /* 1: `at` itself */
} LoopEdge;

/* One axis of what a pack walks: `size` coordinates, `stride` elements of the strided buffer apart. */
typedef struct LoopAxis {
    Affine size;
    int64_t stride;
} LoopAxis;

typedef struct LoopBuffer {
    const char *name; /* unique in its function */
    Dtype dtype;
    Space space;      /* SPACE_NONE: on the stack, alive in this function only; SPACE_SCRATCH: of each part its own */
    int index;        /* which input or output */
    int64_t offset;   /* bytes from the base; in scratch, from where that of the part begins */
    int64_t elements; /* extent: accesses stay in [0, elements) */
    int64_t align;    /* bytes that base + offset is known to be aligned to */
    bool writable;
    int64_t below;            /* a table: constant integers, each from 0 below this; 0: anything */
    int64_t moves[MAX_SCANS]; /* elements that the start goes on each turn of the functions around, outermost first */
} LoopBuffer;

/* `count` vectors of `lanes` elements (lanes 1: scalars), addressed by compile-time indices. */
typedef struct LoopRegister {
    const char *name;
    Dtype dtype;
    int lanes;
    int count;
} LoopRegister;

/* ---- expressions: dtype and lanes of the result in each ---- */

typedef enum LoopExprKind {
    LOOP_CONST,    /* `value`, in every lane */
    LOOP_INDEX,    /* the affine `index` as an integer */
    LOOP_LET,      /* a name bound by a Let */
    LOOP_REGISTER, /* reg[index]; with more lanes than the register: scalars from there on, neighbours, as a vector */
    LOOP_LOAD,     /* buffer[index + offset + lane * stride], inactive lanes (>= active, or >= limit) are 0 */
    LOOP_OP,       /* `op` of in[], lane by lane: the scalar operations of ir/expr.def */
    LOOP_SPLAT,    /* in[0] again and again: a scalar, or some lanes that divide those of the result */
    LOOP_LANE,     /* lane number, 0 .. lanes-1 */
    LOOP_FOLD,     /* in[0] combined over its lanes by `op` in halves: l and l + lanes/2, ... ; a scalar */
    LOOP_DOT       /* in[0], of i32, and in each lane the sum of the 2, 4 or 16 products of in[1] and in[2] that belong
                      to it, neighbours of 8 bits, or of 16 both; exact, modulo 2^32 */
} LoopExprKind;

typedef struct LoopLet LoopLet;
typedef struct LoopExpr LoopExpr;
struct LoopExpr {
    LoopExprKind kind;
    Dtype dtype;
    int lanes;
    ExprKind op;
    const LoopExpr *in[3];
    Scalar value;
    Affine index;
    const LoopBuffer *buffer;
    const LoopExpr *offset; /* of a load: elements more, by the name that a Let gave to a value whose bound is proven
                               (loop_bound); one for all lanes or one a lane; or NULL */
    int64_t stride;         /* elements between lanes; 1 is contiguous */
    int active;             /* lanes that are loaded; == lanes: all */
    const Affine *limit;    /* only those below it are, which may be none; NULL: it limits nothing */
    const LoopRegister *reg;
    const LoopLet *let;
};

struct LoopLet {
    const char *name;
    int id; /* position among the function's lets */
    const LoopExpr *value;
};

/* ---- statements: lists by `next` ---- */

typedef enum LoopStatementKind {
    LOOP_FOR,    /* var from low below high by step, a divisor of high - low; body.  Or, with `first` and `limit`, var
                    from the one below the other by 1, perhaps never.  Or, with `to`, from the greatest of low and
                    `from` on as long as var + step is no greater than any of `to`, perhaps never; then high is what
                    var + step never exceeds */
    LOOP_IF,     /* body when every condition is >= 0: uniform */
    LOOP_BIND,   /* let */
    LOOP_ASSIGN, /* reg[index] = value; index has unrolled variables only */
    LOOP_TRANSPOSE, /* lane j of reg[i] and lane i of reg[j] change places: of a register with as many elements as lanes
                     */
    LOOP_STORE,     /* buffer[index + offset + lane * stride] = value for lanes below active; of lanes that meet in one
                       element the last counts */
    LOOP_RESIZE,    /* sizes[dim] = value, an i64 whose expression proves that it is from low to high: the only one of
                       its dim, which the function itself has no size of; outermost */
    LOOP_FILL,      /* count elements of buffer from index on = value, a scalar constant */
    LOOP_PACK,   /* the elements of buffer at index + the sum of coordinate * stride of each axis, in row-major order,
                    are written to dense[0], dense[1], ..., which has no more than these */
    LOOP_UNPACK, /* and the other way around */
    LOOP_CALL,   /* symbol(args): a C function of somebody else, which reads and writes the buffers that it is given */
    LOOP_PREFETCH
} LoopStatementKind;

/* Of a call: where a buffer begins, a whole number as int64_t, or a real one as double. */
typedef struct LoopArgument {
    const LoopBuffer *buffer; /* or NULL */
    bool is_real;
    int64_t integer;
    double real;
} LoopArgument;

typedef enum LoopMode { MODE_SERIAL, MODE_PARALLEL, MODE_UNROLL } LoopMode;

typedef struct LoopStatement LoopStatement;
struct LoopStatement {
    LoopStatementKind kind;
    LoopStatement *next;
    /* LOOP_FOR */
    const LoopVar *var;
    int64_t low, high, step;
    const LoopExpr *first, *limit; /* elements of tables, by the names that Lets gave them; or NULL */
    int nfrom, nto;
    const LoopEdge *from, *to;
    LoopMode mode;
    LoopStatement *body;
    /* LOOP_IF */
    int nconditions;
    const Affine *conditions;
    const LoopLet *let;
    const LoopRegister *reg;
    const LoopBuffer *buffer;
    Affine index;
    const LoopExpr *offset; /* of a store, as of a load: elements more, or NULL */
    const LoopExpr *value;
    int64_t stride, count;
    int active;
    const Affine *lane_limit; /* of a store, as of a load */
    /* LOOP_PACK and LOOP_UNPACK */
    const LoopBuffer *dense;
    int naxes;
    const LoopAxis *axes;
    /* LOOP_CALL */
    const char *symbol;
    int narguments;
    const LoopArgument *arguments;
    int dim; /* LOOP_RESIZE */
};

typedef enum LoopForm {
    FORM_NEST,  /* a nest of its own */
    FORM_TURNS, /* functions: the first `nfirst` run once, then the others in turns */
    FORM_BRANCH /* functions: the first `nfirst` run when the condition holds, else the others */
} LoopForm;

typedef struct LoopFunction {
    const char *name; /* path of the layer */
    Origin origin;
    int nbuffers, nregisters, nvars, nlets, nsizes;
    LoopSize *sizes;
    LoopBuffer **buffers;
    LoopRegister **registers;
    LoopVar **vars;
    LoopStatement *body;
    double multiply_adds; /* per call, what the roofline counts: of the model, not of padding */
    double bytes_read, bytes_written;
    int64_t parallel;                /* parts of the outermost parallel loop, 1 if none */
    int64_t scratch, scratch_offset; /* bytes of the arena that each part has for itself; where the first's begin */
    /* What is made of functions has one buffer when it asks for a condition, that of one bool, and else none. */
    LoopForm form;
    int64_t turns; /* of FORM_TURNS; with a condition only as long as it holds before a turn, and 0 means any number;
                      with a size as many as that, which are no more */
    int ninner, nfirst;
    struct LoopFunction **inner;
} LoopFunction;

/* Where code finds the constants: always at a base and an offset. */
typedef enum WeightsMode {
    WEIGHTS_NEAR,    /* the object's section, within 2 GiB of the code, which knows its address */
    WEIGHTS_FAR,     /* the object's section, anywhere: the base comes from a pointer beside the code */
    WEIGHTS_EXTERNAL /* a block of backend/object.h that the caller hands over */
} WeightsMode;

typedef struct LoopProgram {
    Arena *arena;
    const Graph *graph; /* planned: ports, places, weights; NULL: only steps, as parsed from text */
    int nsteps;
    LoopFunction **steps; /* run one after the other */
    int64_t arena_bytes, constant_bytes, state_bytes;
    WeightsMode weights;
    uint64_t weights_hash;    /* of external ones: what code accepts */
    const char *weights_file; /* of external ones, for the runner: beside the program; "" is the program's own end */
} LoopProgram;

/* ---- building ---- */

typedef struct LoopBuilder {
    Arena *arena;
    LoopFunction *function;
    LoopStatement **tail; /* where the next statement goes */
} LoopBuilder;

LoopFunction *loop_function_new(Arena *arena, const char *name, Origin origin);
LoopBuilder loop_builder(Arena *arena, LoopFunction *function);
LoopBuffer *loop_buffer(LoopBuilder *b, const LoopBuffer *like);
const LoopRegister *loop_register(LoopBuilder *b, const char *name, Dtype dtype, int lanes, int count);

/* Opens a loop: statements go into its body until loop_end with what this returned.  A loop of one step still
 * has its variable. */
typedef struct LoopScope {
    LoopStatement **outer; /* NULL: no loop was opened */
    const LoopVar *var;
    Affine at; /* the variable, or the only number it would have */
} LoopScope;
LoopScope loop_for(LoopBuilder *b, const char *name, int64_t low, int64_t high, int64_t step, LoopMode mode);
/* The same, but a range of one step opens no loop. */
LoopScope loop_range(LoopBuilder *b, const char *name, int64_t low, int64_t high, int64_t step, LoopMode mode);
/* As often as a table says: from `first` below `limit`, both of loop_table_below. */
LoopScope loop_for_table(LoopBuilder *b, const char *name, const LoopExpr *first, const LoopExpr *limit);
/* The variable of a size like this one; declared at first use under `name` or what that needs to be unique. */
const LoopVar *loop_size(LoopBuilder *b, const char *name, const LoopSize *like);
/* By whole steps between edges that follow sizes: see LOOP_FOR.  `most` is what they never let var + step exceed. */
LoopScope loop_for_size(LoopBuilder *b, const char *name, int64_t most, int64_t step, int nfrom, const LoopEdge *from,
                        int nto, const LoopEdge *to);
LoopScope loop_if(LoopBuilder *b, int nconditions, const Affine *conditions);
void loop_end(LoopBuilder *b, LoopScope scope);

void loop_assign(LoopBuilder *b, const LoopRegister *reg, Affine index, const LoopExpr *value);
/* As many elements as lanes, a power of two from 2 on. */
bool loop_is_square(const LoopRegister *reg);
void loop_transpose(LoopBuilder *b, const LoopRegister *reg);
void loop_store(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *value, int64_t stride,
                int active);
/* The same at buffer[index + offset ...]; the offset as that of loop_load_at. */
void loop_store_at(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                   const LoopExpr *value, int64_t stride, int active);
/* The same of those lanes that are below a limit, which is known when the code runs. */
void loop_store_below(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                      const LoopExpr *value, int64_t stride, Affine limit);
/* Between a buffer with strides of its own and one that is dense for the sizes of the call, whose elements are all
 * that axes[] make; LOOP_PACK fills the dense one, LOOP_UNPACK the other. */
void loop_pack(LoopBuilder *b, LoopStatementKind kind, const LoopBuffer *buffer, Affine index, int naxes,
               const LoopAxis *axes, const LoopBuffer *dense);
/* Letters, digits and _, the first no digit. */
bool loop_is_symbol(const char *name);
/* Copies the arguments. */
void loop_call(LoopBuilder *b, const char *symbol, int count, const LoopArgument *arguments);
/* From this function's end on sizes[dim] is the value, a let's. */
void loop_resize(LoopBuilder *b, int dim, int64_t low, int64_t high, const LoopExpr *value);
void loop_fill(LoopBuilder *b, const LoopBuffer *buffer, Affine index, int64_t count, double value);
void loop_fill_scalar(LoopBuilder *b, const LoopBuffer *buffer, Affine index, int64_t count, Scalar value);
void loop_prefetch(LoopBuilder *b, const LoopBuffer *buffer, Affine index);
/* Binds a value to a name, so that it is computed once; its use. */
const LoopExpr *loop_let(LoopBuilder *b, const char *name, const LoopExpr *value);
/* The same under exactly this name, which the caller knows to be free. */
const LoopExpr *loop_let_named(LoopBuilder *b, const char *name, const LoopExpr *value);

Affine affine(int64_t base);
Affine affine_of(const LoopVar *var, int64_t factor);
Affine affine_add(Affine a, Affine b);
Affine affine_scale(Affine a, int64_t factor);
Affine affine_plus(Affine a, int64_t base);

const LoopExpr *loop_const(LoopBuilder *b, Dtype dtype, int lanes, double value);
const LoopExpr *loop_scalar(LoopBuilder *b, Dtype dtype, int lanes, Scalar value);
const LoopExpr *loop_index(LoopBuilder *b, Affine index, Dtype dtype);
const LoopExpr *loop_reg(LoopBuilder *b, const LoopRegister *reg, Affine index);
/* Scalars reg[index] up to reg[index + count - 1] as a vector. */
const LoopExpr *loop_reg_vector(LoopBuilder *b, const LoopRegister *reg, Affine index, int count);
const LoopExpr *loop_load(LoopBuilder *b, const LoopBuffer *buffer, Affine index, int lanes, int64_t stride,
                          int active);
/* The same at buffer[index + offset ...]; the offset has a bound of loop_bound, or is NULL. */
const LoopExpr *loop_load_at(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset, int lanes,
                             int64_t stride, int active);
/* The same of those lanes that are below a limit, which is known when the code runs; the others are 0. */
const LoopExpr *loop_load_below(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                                int lanes, int64_t stride, Affine limit);
/* What the use of a let is below that was bound to an element of a table; 0 for all else. */
int64_t loop_table_below(const LoopExpr *use);
/* The same of any integer of which its expression proves that it is never negative: tables, numbers, what min, max
 * and and cut off, and their sums and products. */
int64_t loop_bound(const LoopExpr *use);
/* Does the expression prove that the integer is from `low` to `high`? */
bool loop_is_within(const LoopExpr *use, int64_t low, int64_t high);
const LoopExpr *loop_splat(LoopBuilder *b, const LoopExpr *in, int lanes);
const LoopExpr *loop_op(LoopBuilder *b, ExprKind op, Dtype dtype, const LoopExpr *x, const LoopExpr *y,
                        const LoopExpr *z);
/* The lanes' own numbers, 0 .. lanes-1. */
const LoopExpr *loop_lane(LoopBuilder *b, Dtype dtype, int lanes);
const LoopExpr *loop_fold(LoopBuilder *b, ExprKind op, const LoopExpr *x);
const LoopExpr *loop_dot(LoopBuilder *b, const LoopExpr *sum, const LoopExpr *x, const LoopExpr *y);
/* A scalar expression of ir, lane by lane on args[] (all of `lanes` lanes).  What it uses more than once is bound
 * by a Let where the builder stands. */
const LoopExpr *loop_expr(LoopBuilder *b, const Expr *expr, const LoopExpr *const *args, int lanes);

/* Whether the scalar operation has code for operands of the dtype; and whether it gives a bool of them. */
bool loop_op_exists(ExprKind op, Dtype dtype);
bool loop_op_compares(ExprKind op);

/* ---- text ---- */

/* Scratch memory is taken as a child of `arena`. */
void loop_print(const LoopFunction *function, Arena *arena, FILE *out);
void loop_program_print(const LoopProgram *program, FILE *out);
/* The functions of a text, `*count` of them; NULL after an error.  What loop_print writes prints the same again;
 * what somebody else wrote may need loop_verify. */
LoopFunction **loop_parse(Arena *arena, const Source *source, int *count, Diag *diag);
/* Accesses in bounds, steps dividing, names defined before use, dtypes and lanes agreeing, constants not written.
 * E0605 for each that does not hold. */
bool loop_verify(const LoopFunction *function, Diag *diag);

#endif
