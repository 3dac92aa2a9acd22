/* Writers of what LLVM's C API cannot write: weights into an ELF object, archives. */
#ifndef BACKEND_OBJECT_H
#define BACKEND_OBJECT_H

#include "backend/emit.h"

/* That of far ones: GNU ld puts what is called so behind all else, LLD what is flagged so before all else; in between,
 * code would be out of reach of its own data. */
#define OBJECT_FAR_WEIGHTS ".lrodata.lep"

#define OBJECT_WEIGHTS "lep.weights" /* in the name of the section of the weights, which the target has */

/* The packed constants of a planned graph, `constant_bytes` of them, each at the offset of its place.  The section
 * holds zeros before. */
void weights_fill(const Graph *graph, unsigned char *section);

/* How a block of external weights begins, which runtime/weights.h describes: the magic, then their hash, are what code
 * checks; the data is WEIGHTS_HEADER bytes behind the start. */
enum { WEIGHTS_HEADER = 64 };
#define WEIGHTS_MAGIC UINT64_C(0x31302077636570ec) /* the bytes ec "pecw 01" */

typedef struct ObjectSection {
    const char *name, *symbol;
    size_t size;
    bool large;          /* the linker may put it out of reach of 32-bit addresses */
    unsigned char *data; /* set: where its zeros are in the object, to be filled; NULL when it was not added */
} ObjectSection;

/* Appends a section (allocated, read-only, aligned to 64) of zeros to a relocatable ELF object and defines the hidden
 * symbol at its start, where the object referred to it as undefined (one that does not is left as it is).  E0904 when
 * the object is not what we expect of LLVM. */
bool object_add_section(Arena *arena, const Bytes *object, ObjectSection *section, Bytes *out, Diag *diag);
/* Bytes of instructions, and of what else is loaded beside the weights; false when the bytes are no object. */
bool object_sizes(const Bytes *object, int64_t *code, int64_t *data);
/* A section that is loaded. */
typedef struct ObjectPart {
    const char *name; /* in the object's bytes */
    int64_t bytes;
    bool code;
} ObjectPart;

/* The sections of the object that are loaded and not empty, in its order, the weights' among them: what object_sizes
 * adds up.  Returns how many; 0 when the bytes are no object. */
size_t object_parts(Arena *arena, const Bytes *object, ObjectPart **out);
/* Bytes of the function of that name and of those that are called after it, as its parallel parts are. */
int64_t object_function_bytes(const Bytes *object, const char *name);
/* A System V archive of one object with its symbol index; the same bytes every time.  E0904 as above. */
bool archive_write(Arena *arena, const char *member, const Bytes *object, Bytes *out, Diag *diag);

/* "mnist" -> a C identifier. */
const char *symbol_name(Arena *arena, const char *text);
/* Hash over ports, arena and version: the header's MODEL_ABI and the symbol that makes a stale header fail at link. */
uint32_t model_abi(const LoopProgram *program);
/* The C99 header of the model's library. */
void header_write(const LoopProgram *program, FILE *out);
/* A C11 main program that reads the inputs from files, runs the model and prints the outputs; `header`: the file to
 * include. */
void example_write(const LoopProgram *program, const char *header, FILE *out);

#endif
