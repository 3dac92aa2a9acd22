#include "backend/jit.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>

#include <stdlib.h>
#include <string.h>

struct Jit {
    LLVMOrcLLJITRef engine;
};

/* False after an error, which is reported and gone. */
static bool worked(LLVMErrorRef error, const char *what, Diag *diag)
{
    if (!error) return true;
    char *text = LLVMGetErrorMessage(error);
    diag_error(diag, E0904, (Span){.name = what}, "%s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

/* Objects may call memcpy and memset, which are this process's. */
static LLVMErrorRef open_process(LLVMOrcLLJITRef engine)
{
    LLVMOrcDefinitionGeneratorRef generator = NULL;
    char prefix = LLVMOrcLLJITGetGlobalPrefix(engine);
    LLVMErrorRef error = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&generator, prefix, NULL, NULL);
    if (!error) LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(engine), generator);
    return error;
}

Jit *jit_load(const Bytes *object, Diag *diag)
{
    LLVMOrcLLJITRef engine = NULL;
    if (!worked(LLVMOrcCreateLLJIT(&engine, LLVMOrcCreateLLJITBuilder()), "run in this process", diag)) return NULL;
    LLVMMemoryBufferRef buffer =
        LLVMCreateMemoryBufferWithMemoryRangeCopy((const char *)object->data, object->size, "object");
    LLVMErrorRef error = open_process(engine);
    if (!error) error = LLVMOrcLLJITAddObjectFile(engine, LLVMOrcLLJITGetMainJITDylib(engine), buffer);
    bool loaded = worked(error, "run in this process", diag);
    Jit *jit = loaded ? malloc(sizeof *jit) : NULL;
    if (!jit) {
        if (loaded) diag_error(diag, E0902, (Span){.name = "run in this process"}, "out of memory");
        worked(LLVMOrcDisposeLLJIT(engine), "run in this process", diag);
        return NULL;
    }
    jit->engine = engine;
    return jit;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static LLVMErrorRef add_object(LLVMOrcLLJITRef engine, const char *path, char **message)
{
    LLVMMemoryBufferRef buffer = NULL;
    if (LLVMCreateMemoryBufferWithContentsOfFile(path, &buffer, message)) return NULL;
    return LLVMOrcLLJITAddObjectFile(engine, LLVMOrcLLJITGetMainJITDylib(engine), buffer);
}

bool jit_add_file(Jit *jit, const char *path, Diag *diag)
{
    LLVMOrcDefinitionGeneratorRef generator = NULL;
    LLVMErrorRef error = NULL;
    char *message = NULL;
    if (ends_with(path, ".a"))
        message = LLVMCreateMessage("LLVM's C interface reads no archives");
    else if (ends_with(path, ".so"))
        error = LLVMOrcCreateDynamicLibrarySearchGeneratorForPath(&generator, path,
                                                                  LLVMOrcLLJITGetGlobalPrefix(jit->engine), NULL, NULL);
    else
        error = add_object(jit->engine, path, &message);
    if (!error && generator) LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit->engine), generator);
    if (!error && !message) return true;
    char *text = message ? message : LLVMGetErrorMessage(error);
    diag_error(diag, E0501, (Span){.name = path}, "cannot be used in this process: %s", text);
    diag_help(diag, "that takes objects and shared libraries (.so) of this machine; binaries take archives, too");
    if (message)
        LLVMDisposeMessage(message);
    else
        LLVMDisposeErrorMessage(text);
    return false;
}

void *jit_symbol(Jit *jit, const char *name, Diag *diag)
{
    LLVMOrcExecutorAddress address = 0;
    if (!worked(LLVMOrcLLJITLookup(jit->engine, &address, name), name, diag)) return NULL;
    return (void *)(uintptr_t)address;
}

void jit_free(Jit *jit)
{
    if (!jit) return;
    LLVMConsumeError(LLVMOrcDisposeLLJIT(jit->engine));
    free(jit);
}
