/* What the files of the emitter share: one Emitter a module, one Body an LLVM function being filled. */
#ifndef BACKEND_EMITTER_H
#define BACKEND_EMITTER_H

#include "backend/emit.h"

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>

typedef struct Emitter {
    Arena *arena;
    const LoopProgram *program;
    const EmitOptions *options;
    bool measure;       /* LLVM is to tell the size of each stack frame */
    const char *symbol; /* the model's name as a C identifier; every symbol starts with it */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTypeRef nothing, pointer, i1, i8, i32, i64;
    LLVMTypeRef index;       /* of sizes, offsets and loop variables: an integer as wide as an address */
    LLVMTypeRef step_type;   /* void (bases, pool) */
    LLVMValueRef weights;    /* <symbol>_weights, defined by our own object writer; NULL: a base tells where they are */
    LLVMValueRef weights_at; /* a constant that holds its address, when they are far */
    LLVMValueRef *steps;
    LLVMValueRef reset; /* int (context); NULL when nothing is kept from one run to the next */
    int ninputs, noutputs;
    int sizes;                  /* declared dims that are bounded: entries of the table */
    int scans;                  /* around the function that is being made */
    LLVMDIBuilderRef debug;     /* NULL without -g */
    LLVMMetadataRef debug_unit; /* made with the first function that has a place in a text */
} Emitter;

enum {
    WEIGHTS_BASE = 1, /* behind the ports' bases stands the arena; then these: */
    CONTEXT_BASE,
    SIZES_BASE, /* the table of sizes, where a dim is bounded */
    KEPT_BASES  /* and what scans put behind them */
};

/* One term of an address: `parent` plus a variable times `factor` bytes. */
typedef struct Address {
    LLVMValueRef parent, value;
    int64_t factor;
} Address;

/* A loop variable: a constant while its loop is unrolled, else a phi of the block `head`, before whose end the
 * addresses are computed that change with it.  So each is computed once, in the outermost loop that it can be. */
typedef struct Var {
    bool constant;
    int64_t known;       /* when constant */
    int64_t granularity; /* divides every value */
    LLVMValueRef value;
    LLVMBasicBlockRef head;
    Address *addresses;
    size_t naddresses, capacity;
} Var;

typedef struct Body {
    Emitter *emitter;
    const LoopFunction *function;
    LLVMValueRef llvm;
    LLVMBasicBlockRef entry; /* allocas and the buffers' addresses, before its branch */
    LLVMValueRef bases, pool;
    LLVMValueRef part;        /* which part this is, as an index: its scratch is its own; NULL: the only one */
    LLVMValueRef *buffers;    /* by position in the function; NULL until used */
    LLVMValueRef **registers; /* the value that each element holds here; NULL before its first assignment */
    LLVMValueRef *lets;
    int *lets_read; /* of each its emit_lanes_read */
    Var *vars;
} Body;

/* ---- emit_module.c ---- */

/* The model's entry point, its ABI symbol and the adapter that takes bases; the adapter. */
LLVMValueRef emit_entry(Emitter *e);
/* A function with the attributes that all of a module's have. */
LLVMValueRef emit_new_function(Emitter *e, const char *name, LLVMTypeRef type, bool exported);

/* ---- emit_debug.c ---- */

void emit_debug_open(Emitter *e);
/* Says where the code of `llvm`, which the builder emits from now on, came from. */
void emit_debug_function(Emitter *e, LLVMValueRef llvm, const LoopFunction *function);
/* Ends what the last call said: code that follows has no place in the model's text. */
void emit_debug_leave(Emitter *e);
void emit_debug_close(Emitter *e);

/* ---- info.c ---- */

/* The constant `lep_model` of runtime/model.h. */
void emit_info(Emitter *e, LLVMValueRef adapter);

/* ---- emit_body.c ---- */

/* void <symbol>__step_<path>(bases, pool): the path is the step's number, of what runs inside a scan or branch its
 * number behind that one's. */
LLVMValueRef emit_step(Emitter *e, const LoopFunction *function, const char *path);
/* A function's parameters, and blocks to fill: `entry` and the one behind it, where the builder then stands. */
Body emit_body_new(Emitter *e, const LoopFunction *function, LLVMValueRef llvm);
/* A scan's or a branch's: it calls its inner functions, in turns whose numbers stand behind the bases. */
LLVMValueRef emit_inner(Emitter *e, const LoopFunction *function, const char *path);
/* The size of the declared dim `dim`, as an index. */
LLVMValueRef emit_size(Emitter *e, LLVMValueRef bases, int dim);
/* Where the number of the turn stands among the bases, of the scan `depth` deep. */
int emit_turn_slot(const Emitter *e, int depth);

/* ---- emit_memory.c ---- */

/* What holds `lanes` elements: a bool is an i1, a float of 16 bits or less, which only casts compute with, its bits. */
LLVMTypeRef emit_type(const Emitter *e, Dtype dtype, int lanes);
/* An affine index as a value of the index type. */
LLVMValueRef emit_affine(Body *b, const Affine *index);
/* The element of a table that a let was bound to, as an index. */
LLVMValueRef emit_table_element(Body *b, const LoopExpr *use);
LLVMValueRef emit_plus_bytes(Emitter *e, LLVMValueRef pointer, LLVMValueRef bytes);
/* Where an access begins; `offset`: elements more, from a table, or NULL. */
LLVMValueRef emit_address(Body *b, const LoopBuffer *buffer, const Affine *index, LLVMValueRef offset);
/* Bytes that the address of an access is known to be a multiple of. */
unsigned emit_alignment(const Body *b, const LoopBuffer *buffer, const Affine *index);
LLVMValueRef emit_load(Body *b, const LoopExpr *load);
void emit_store(Body *b, const LoopStatement *store, LLVMValueRef value);
void emit_prefetch(Body *b, const LoopStatement *prefetch);
/* The compile-time value of an index of registers. */
int64_t emit_constant_index(const Body *b, const Affine *index);
int emit_register_position(const Body *b, const LoopRegister *reg);

/* ---- emit_transpose.c ---- */

void emit_transpose(Body *b, const LoopStatement *transpose);

/* ---- emit_fill.c ---- */

void emit_fill(Body *b, const LoopStatement *fill);

/* ---- emit_pack.c ---- */

void emit_pack(Body *b, const LoopStatement *pack);

/* ---- emit_call.c ---- */

void emit_call(Body *b, const LoopStatement *call);

/* ---- emit_expr.c, emit_op.c, emit_cast.c, emit_dot.c, emit_round.c ---- */

LLVMValueRef emit_expr(Body *b, const LoopExpr *e);
/* How many lanes of it come from elements that are read: the others are made of zeros. */
int emit_lanes_read(const Body *b, const LoopExpr *e);
LLVMValueRef emit_constant(const Emitter *e, Dtype dtype, int lanes, Scalar value);
LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar, int lanes);
/* One operation of ir/expr.def on `in`, all of `lanes` lanes and, but for the condition of a select, of dtype `from`.
 */
LLVMValueRef emit_op(Emitter *e, ExprKind op, Dtype from, Dtype to, int lanes, const LLVMValueRef *in);
/* Truncated, NaN as 0 and what is too large as the last integer; `to` has up to 32 bits, without a sign up to 16. */
LLVMValueRef emit_saturated(Emitter *e, Dtype from, Dtype to, int lanes, LLVMValueRef value);
/* A cast to i32 of what is rounded and clamped to a range that it holds; NULL for any other. */
LLVMValueRef emit_rounded(Body *b, const LoopExpr *cast);
/* A cast to a byte of such a number and a zero point, where saturating instructions do it; NULL for any other. */
LLVMValueRef emit_stored(Body *b, const LoopExpr *cast);
/* A LOOP_DOT by the best instructions that the target has. */
LLVMValueRef emit_dot(Body *b, const LoopExpr *dot);
LLVMValueRef emit_cast(Emitter *e, Dtype from, Dtype to, int lanes, LLVMValueRef value);
LLVMValueRef emit_intrinsic(Emitter *e, const char *name, LLVMTypeRef *overload, int noverload, LLVMValueRef *args,
                            int nargs);
/* A constant of the index type. */
static inline LLVMValueRef emit_int(const Emitter *e, int64_t value)
{
    return LLVMConstInt(e->index, (unsigned long long)value, 1);
}

#endif
