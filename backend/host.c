/* The machine that lepc runs on, as LLVM sees it. */
#include "backend/emit.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

static const char *keep(Arena *arena, char *text)
{
    const char *copy = arena_copy_string(arena, text);
    LLVMDisposeMessage(text);
    return copy;
}

void emit_host(Arena *arena, const char **triple, const char **cpu, const char **features)
{
    *triple = keep(arena, LLVMGetDefaultTargetTriple());
    *cpu = keep(arena, LLVMGetHostCPUName());
    *features = keep(arena, LLVMGetHostCPUFeatures());
}

const char *emit_version(void) { return "LLVM " LLVM_VERSION_STRING; }
