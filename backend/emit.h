/* Loop nests to machine code, through LLVM's C API; the only part that knows LLVM. */
#ifndef BACKEND_EMIT_H
#define BACKEND_EMIT_H

#include "backend/loop.h"
#include "ir/target.h"

typedef struct Bytes {
    unsigned char *data;
    size_t size;
} Bytes;

typedef struct EmitOptions {
    const Target *target;
    int level;   /* -O0 .. -O3 */
    bool small;  /* -Os */
    bool debug;  /* -g: lines of the .lep text */
    bool runner; /* also the LepModel description that runtime/runner reads */
} EmitOptions;

typedef enum EmitKind { EMIT_OBJECT, EMIT_ASSEMBLY, EMIT_LLVM } EmitKind;

/* An object holds the weights in the target's section for constants, appended by our own writer (backend/object.h).
 * Bytes are in the program's arena.  E0904 when LLVM refuses. */
bool emit_program(const LoopProgram *program, const EmitOptions *options, EmitKind kind, Bytes *out, Diag *diag);

/* What the program's code takes, its weights aside. */
typedef struct EmitSizes {
    int64_t code;   /* bytes of instructions */
    int64_t data;   /* bytes that instructions read: tables, unwinding */
    int64_t stack;  /* bytes of the deepest call of the model's own functions */
    int64_t *steps; /* bytes of instructions of each step of the program, in its arena */
} EmitSizes;

/* An object without its weights, and its sizes. */
bool emit_code(const LoopProgram *program, const EmitOptions *options, Bytes *out, EmitSizes *sizes, Diag *diag);
/* Makes of one what emit_program gives. */
bool emit_add_weights(const LoopProgram *program, const EmitOptions *options, Bytes *object, Diag *diag);

/* What `--cpu=native` stands for; texts in `arena`. */
void emit_host(Arena *arena, const char **triple, const char **cpu, const char **features);
const char *emit_version(void);

#endif
