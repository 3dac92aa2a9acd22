/* Debug information: debuggers and profilers show the lines of the model's own text.  Paths are as the user said
 * them, relative to wherever that was, so that objects do not depend on the folder. */
#include "backend/emitter.h"

#include <string.h>

static void add_flag(const Emitter *e, const char *name, unsigned value)
{
    LLVMMetadataRef number = LLVMValueAsMetadata(LLVMConstInt(e->i32, value, 0));
    LLVMAddModuleFlag(e->module, LLVMModuleFlagBehaviorWarning, name, strlen(name), number);
}

void emit_debug_open(Emitter *e)
{
    if (!e->options->debug) return;
    e->debug = LLVMCreateDIBuilder(e->module);
    add_flag(e, "Debug Info Version", LLVMDebugMetadataVersion());
    add_flag(e, "Dwarf Version", 4);
}

static LLVMMetadataRef file_of(const Emitter *e, const Source *source)
{
    return LLVMDIBuilderCreateFile(e->debug, source->path, strlen(source->path), ".", 1);
}

static void make_unit(Emitter *e, LLVMMetadataRef file)
{
    static const char producer[] = "lepc " LEPC_VERSION;
    bool optimized = e->options->level > 0;
    e->debug_unit =
        LLVMDIBuilderCreateCompileUnit(e->debug, LLVMDWARFSourceLanguageC99, file, producer, sizeof producer - 1,
                                       optimized, "", 0, 0, "", 0, LLVMDWARFEmissionFull, 0, 0, 0, "", 0, "", 0);
}

void emit_debug_function(Emitter *e, LLVMValueRef llvm, const LoopFunction *function)
{
    const Origin *origin = &function->origin;
    if (!e->debug || origin->count == 0 || !origin->at[0].source) return;
    const Span *at = &origin->at[0];
    unsigned line = (unsigned)at->line;
    size_t length;
    const char *symbol = LLVMGetValueName2(llvm, &length);
    LLVMMetadataRef file = file_of(e, at->source);
    if (!e->debug_unit) make_unit(e, file);
    LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(e->debug, file, NULL, 0, LLVMDIFlagZero);
    LLVMMetadataRef place =
        LLVMDIBuilderCreateFunction(e->debug, file, function->name, strlen(function->name), symbol, length, file, line,
                                    type, 1, 1, line, LLVMDIFlagZero, e->options->level > 0);
    LLVMSetSubprogram(llvm, place);
    unsigned column = (unsigned)at->column;
    LLVMSetCurrentDebugLocation2(e->builder, LLVMDIBuilderCreateDebugLocation(e->context, line, column, place, NULL));
}

void emit_debug_leave(Emitter *e) { LLVMSetCurrentDebugLocation2(e->builder, NULL); }

void emit_debug_close(Emitter *e)
{
    if (!e->debug) return;
    LLVMDIBuilderFinalize(e->debug);
    LLVMDisposeDIBuilder(e->debug);
    e->debug = NULL;
}
