/* Calls of C functions: what may be called, and on what. */
#include "backend/loop_inner.h"

#include <string.h>

bool loop_is_symbol(const char *name)
{
    if (*name >= '0' && *name <= '9') return false;
    size_t length = strspn(name, "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return length && !name[length];
}

/* Nobody knows what it touches: no part of a loop's steps, and nothing that lives on the stack. */
const char *loop_call_fault(const LoopFunction *function, const LoopStatement *call)
{
    if (!loop_is_symbol(call->symbol)) return "is of what is no C function";
    for (int i = 0; i < call->narguments; i++) {
        const LoopBuffer *buffer = call->arguments[i].buffer;
        bool own = !buffer;
        for (int k = 0; k < function->nbuffers && !own; k++) own = function->buffers[k] == buffer;
        if (!own) return "has a buffer that is not the function's";
        if (buffer && (buffer->space == SPACE_NONE || buffer->space == SPACE_SCRATCH))
            return "has an argument that is on the stack";
    }
    return NULL;
}
