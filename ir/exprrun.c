/* Runs an expression operation by operation on blocks of elements. */
#include "ir/exprkernel.h"

#include <assert.h>
#include <string.h>

enum { SCRATCH_BYTES = 64 * 1024, ELEMENT_BYTES = 8, MAX_BLOCK = 256, MAX_OPS = 1024 };

typedef struct Run {
    const Expr *e;
    unsigned char *scratch;
    int64_t block;           /* elements of a slot; one slot an operation */
    const void *at[MAX_OPS]; /* where each operation's elements of this block are */
} Run;

static void *slot(const Run *run, size_t op) { return run->scratch + (int64_t)op * run->block * ELEMENT_BYTES; }

/* The element's bytes, `count` times. */
static void fill(void *out, const void *element, size_t size, int64_t count)
{
    for (int64_t i = 0; i < count; i++) memcpy((char *)out + (size_t)i * size, element, size);
}

static void fill_constant(void *out, Dtype dtype, Scalar value, int64_t count)
{
    uint64_t element;
    Tensor one = {.type = type_scalar(dtype), .data = &element};
    tensor_set(&one, 0, value);
    fill(out, &element, (size_t)dtype_bits(dtype) / 8, count);
}

/* What is the same in every block. */
static void prepare(Run *run, const void *const *args, const int64_t *steps)
{
    for (size_t i = 0; i < run->e->count; i++) {
        const ExprOp *op = &run->e->ops[i];
        run->at[i] = slot(run, i);
        if (op->kind == EXPR_CONST)
            fill_constant(slot(run, i), op->dtype, op->value, run->block);
        else if (op->kind == EXPR_ARG && steps[op->argument] == 0)
            fill(slot(run, i), args[op->argument], (size_t)dtype_bits(op->dtype) / 8, run->block);
    }
}

static void load(Run *run, size_t index, const void *from, int64_t step, int64_t start, int64_t count)
{
    if (step == 0) return;
    size_t size = (size_t)dtype_bits(run->e->ops[index].dtype) / 8;
    const char *first = (const char *)from + start * step * (int64_t)size;
    if (step == 1) {
        run->at[index] = first;
        return;
    }
    char *out = slot(run, index);
    for (int64_t i = 0; i < count; i++) memcpy(out + (size_t)i * size, first + i * step * (int64_t)size, size);
}

static void compute(Run *run, size_t index, void *out, int64_t count)
{
    const ExprOp *op = &run->e->ops[index];
    const void *in[3] = {NULL, NULL, NULL};
    for (int i = 0; i < expr_kind_arity(op->kind); i++) in[i] = run->at[op->in[i]];
    Dtype from = run->e->ops[op->in[0]].dtype;
    ExprKernel *kernel;
    switch (op->kind) {
    case EXPR_BITCAST: memcpy(out, in[0], (size_t)(dtype_bits(op->dtype) / 8 * count)); return;
    case EXPR_CAST: kernel = expr_kernel_cast(from, op->dtype); break;
    case EXPR_SELECT: kernel = expr_kernel_select(op->dtype); break;
    default: kernel = expr_kernel(op->kind, from); break;
    }
    assert(kernel);
    kernel(out, in[0], in[1], in[2], count);
}

void expr_run(const Expr *e, const void *const *args, const int64_t *steps, void *out, int64_t count)
{
    _Alignas(64) unsigned char scratch[SCRATCH_BYTES];
    Run run = {.e = e, .scratch = scratch};
    assert(e->count > 0 && e->count <= MAX_OPS && e->result >= 0);
    run.block = SCRATCH_BYTES / ELEMENT_BYTES / (int64_t)e->count;
    if (run.block > MAX_BLOCK) run.block = MAX_BLOCK;
    if (run.block > count) run.block = count;
    prepare(&run, args, steps);
    size_t size = (size_t)dtype_bits(e->ops[e->result].dtype) / 8;
    for (int64_t start = 0; start < count; start += run.block) {
        int64_t part = count - start < run.block ? count - start : run.block;
        char *to = (char *)out + (size_t)start * size;
        for (size_t i = 0; i < e->count; i++) {
            const ExprOp *op = &e->ops[i];
            if (op->kind == EXPR_ARG)
                load(&run, i, args[op->argument], steps[op->argument], start, part);
            else if (op->kind != EXPR_CONST)
                compute(&run, i, slot(&run, i), part);
        }
        memcpy(to, run.at[e->result], (size_t)part * size);
    }
}
