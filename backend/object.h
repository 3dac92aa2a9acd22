/* Writers of what LLVM's C API cannot write: weights into an ELF object, archives. */
#ifndef BACKEND_OBJECT_H
#define BACKEND_OBJECT_H

#include "backend/emit.h"

#define OBJECT_WEIGHTS "lep.weights" /* in the name of the section of the weights, which the target has */

/* The packed constants of a planned graph, `constant_bytes` of them, each at the offset of its place. */
void weights_fill(const Graph *graph, unsigned char *section);

/* Appends section `name` (allocated, read-only, aligned to 64) with `data` to a relocatable ELF object and defines the
 * hidden symbol `symbol` at its start, where the object referred to it as undefined (one that does not is left as it
 * is).  E0904 when the object is not what we expect of LLVM. */
bool object_add_section(Arena *arena, const Bytes *object, const char *name, const char *symbol, const Bytes *data,
                        Bytes *out, Diag *diag);
/* Bytes of instructions, and of what else is loaded beside the weights; false when the bytes are no object. */
bool object_sizes(const Bytes *object, int64_t *code, int64_t *data);
/* A System V archive of one object with its symbol index; the same bytes every time.  E0904 as above. */
bool archive_write(Arena *arena, const char *member, const Bytes *object, Bytes *out, Diag *diag);

/* "mnist" -> a C identifier. */
const char *symbol_name(Arena *arena, const char *text);
/* Hash over ports, arena and version: the header's MODEL_ABI and the symbol that makes a stale header fail at link. */
uint32_t model_abi(const LoopProgram *program);
/* The C99 header of the model's library. */
void header_write(const LoopProgram *program, FILE *out);

#endif
