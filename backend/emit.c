/* A program to a module, through LLVM's passes and code generator, to bytes. */
#include "backend/emit.h"

#include "backend/emitter.h"
#include "backend/object.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* LLVM registers its targets in tables of its own, which must not be done by two threads at once: so before main. */
__attribute__((constructor)) static void register_targets(void)
{
#define REGISTER(name)                                                                                                 \
    LLVMInitialize##name##TargetInfo();                                                                                \
    LLVMInitialize##name##Target();                                                                                    \
    LLVMInitialize##name##TargetMC();                                                                                  \
    LLVMInitialize##name##AsmPrinter()
    REGISTER(X86);
    REGISTER(AArch64);
    REGISTER(ARM);
    REGISTER(RISCV);
#undef REGISTER
}

/* What LLVM said first, kept until the diagnostic is written. */
typedef struct Complaint {
    Arena *arena;
    const char *text;
    int64_t entry_frame, step_frames[MAX_NESTED + 1]; /* bytes of the largest stack frames, by what is around */
} Complaint;

/* Of what runs inside a scan or branch the number stands behind that one's: mnist__step_1_0. */
static int levels_around(const char *text)
{
    int levels = 0;
    const char *at = strstr(text, "__step_") + strlen("__step_");
    for (at += strspn(at, "0123456789"); levels < MAX_NESTED && *at == '_' && isdigit((unsigned char)at[1]); levels++)
        at += 1 + strspn(at + 1, "0123456789");
    return levels;
}

/* "stack frame size (40) exceeds limit (0) in function 'mnist__step_1'": the only way to ask for it. */
static void hear_stack(Complaint *heard, const char *text)
{
    const char *number = strchr(text, '(');
    int64_t frame = number ? strtoll(number + 1, NULL, 10) : 0;
    int64_t *most = strstr(text, "__step_") ? &heard->step_frames[levels_around(text)] : &heard->entry_frame;
    if (frame > *most) *most = frame;
}

static void hear(LLVMDiagnosticInfoRef info, void *context)
{
    Complaint *complaint = context;
    char *text = LLVMGetDiagInfoDescription(info);
    if (LLVMGetDiagInfoSeverity(info) == LLVMDSError && !complaint->text)
        complaint->text = arena_copy_string(complaint->arena, text);
    else if (strstr(text, "stack frame size"))
        hear_stack(complaint, text);
    LLVMDisposeMessage(text);
}

static bool refused(const Emitter *e, const char *what, const char *text, Diag *diag)
{
    Span at = {.name = e->program->graph ? e->program->graph->name : "program"};
    return diag_error(diag, E0904, at, "%s: %s", what, text && *text ? text : "no reason given");
}

/* Code addresses near constants within 2 GiB of itself. */
static bool check_size(const Emitter *e, Diag *diag)
{
    if (e->program->constant_bytes <= INT32_MAX || e->program->weights != WEIGHTS_NEAR) return true;
    Span at = {.name = e->program->graph ? e->program->graph->name : "program"};
    diag_error(diag, E0703, at, "expected at most 2 GiB of constants, found %" PRId64 " bytes",
               e->program->constant_bytes);
    return diag_help(diag, "weights of that size stand in a file of their own: --weights=external");
}

/* ---- the module ---- */

static LLVMTargetMachineRef new_machine(const EmitOptions *options, char **message)
{
    const Target *target = options->target;
    LLVMTargetRef found;
    static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelAggressive,
                                                 LLVMCodeGenLevelAggressive};
    if (LLVMGetTargetFromTriple(target->triple, &found, message)) return NULL;
    int level = options->level < 0 ? 0 : options->level > 3 ? 3 : options->level;
    return LLVMCreateTargetMachine(found, target->triple, target->cpu, target->features ? target->features : "",
                                   levels[level], target->arch->bare ? LLVMRelocStatic : LLVMRelocPIC,
                                   LLVMCodeModelDefault);
}

static void count_ports_of(Emitter *e, const LoopFunction *function)
{
    for (int k = 0; k < function->nbuffers; k++) {
        const LoopBuffer *buffer = function->buffers[k];
        if (buffer->space == SPACE_INPUT && buffer->index >= e->ninputs) e->ninputs = buffer->index + 1;
        if (buffer->space == SPACE_OUTPUT && buffer->index >= e->noutputs) e->noutputs = buffer->index + 1;
    }
    for (int i = 0; i < function->nsizes; i++)
        if (function->sizes[i].dim >= e->sizes) e->sizes = function->sizes[i].dim + 1;
    for (int i = 0; i < function->ninner; i++) count_ports_of(e, function->inner[i]);
}

static void count_ports(Emitter *e)
{
    const Graph *graph = e->program->graph;
    for (const Node *node = graph ? graph->first : NULL; node; node = node->next) e->ninputs += node->op == OP_input;
    if (graph) e->noutputs = graph_outputs(graph);
    if (graph) e->sizes = graph->ndims;
    for (int i = 0; !graph && i < e->program->nsteps; i++) count_ports_of(e, e->program->steps[i]);
}

/* A pointer that the linker fills in: the only thing that refers to far weights. */
static void point_at_weights(Emitter *e)
{
    e->weights_at = LLVMAddGlobal(e->module, e->pointer, arena_printf(e->arena, "%s_weights_at", e->symbol));
    LLVMSetInitializer(e->weights_at, e->weights);
    LLVMSetGlobalConstant(e->weights_at, 1);
    LLVMSetLinkage(e->weights_at, LLVMInternalLinkage);
    LLVMSetExternallyInitialized(e->weights_at, 1); /* else what it holds is used in place of it, at 32 bits */
    e->weights = NULL;
}

static void open_module(Emitter *e, LLVMTargetMachineRef machine)
{
    e->module = LLVMModuleCreateWithNameInContext(e->symbol, e->context);
    e->builder = LLVMCreateBuilderInContext(e->context);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMSetTarget(e->module, e->options->target->triple);
    LLVMDisposeTargetData(layout);
    e->nothing = LLVMVoidTypeInContext(e->context);
    e->pointer = LLVMPointerTypeInContext(e->context, 0);
    e->i1 = LLVMInt1TypeInContext(e->context);
    e->i8 = LLVMInt8TypeInContext(e->context);
    e->i32 = LLVMInt32TypeInContext(e->context);
    e->i64 = LLVMInt64TypeInContext(e->context);
    e->index = e->options->target->arch->index_bits == 64 ? e->i64 : e->i32;
    LLVMTypeRef parameters[] = {e->pointer, e->pointer};
    e->step_type = LLVMFunctionType(e->nothing, parameters, 2, 0);
    if (e->program->constant_bytes == 0 || e->program->weights == WEIGHTS_EXTERNAL) return;
    e->weights = LLVMAddGlobal(e->module, LLVMArrayType2(e->i8, (uint64_t)e->program->constant_bytes),
                               arena_printf(e->arena, "%s_weights", e->symbol));
    LLVMSetGlobalConstant(e->weights, 1);
    LLVMSetVisibility(e->weights, LLVMHiddenVisibility);
    LLVMSetAlignment(e->weights, 64);
    if (e->program->weights == WEIGHTS_FAR) point_at_weights(e);
}

static void fill_module(Emitter *e)
{
    e->steps = ARENA_ARRAY(e->arena, LLVMValueRef, e->program->nsteps);
    for (int i = 0; i < e->program->nsteps; i++)
        e->steps[i] = emit_step(e, e->program->steps[i], arena_printf(e->arena, "%d", i));
    if (!e->program->graph) return;
    LLVMValueRef adapter = emit_entry(e);
    if (e->options->runner) emit_info(e, adapter);
}

/* The tiles are in the loop nests already, so this only cleans up: FACTS of larger pipelines is the same code, later.
 */
static bool run_passes(Emitter *e, LLVMTargetMachineRef machine, Diag *diag)
{
    const char *passes = "function(early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm))";
    if (e->options->level == 0) return true;
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(e->module, passes, machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error) return true;
    char *text = LLVMGetErrorMessage(error);
    refused(e, "its passes failed", text, diag);
    LLVMDisposeErrorMessage(text);
    return false;
}

static Bytes copy_bytes(Arena *arena, const char *from, size_t size)
{
    return (Bytes){(unsigned char *)arena_copy_chars(arena, from, size), size};
}

static bool generate(Emitter *e, LLVMTargetMachineRef machine, EmitKind kind, Bytes *out, Diag *diag)
{
    char *message = NULL;
    LLVMMemoryBufferRef buffer = NULL;
    if (kind == EMIT_LLVM) {
        char *text = LLVMPrintModuleToString(e->module);
        *out = copy_bytes(e->arena, text, strlen(text));
        LLVMDisposeMessage(text);
        return true;
    }
    LLVMCodeGenFileType type = kind == EMIT_ASSEMBLY ? LLVMAssemblyFile : LLVMObjectFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, e->module, type, &message, &buffer)) {
        refused(e, "its code generator failed", message, diag);
        LLVMDisposeMessage(message);
        return false;
    }
    *out = copy_bytes(e->arena, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    LLVMDisposeMemoryBuffer(buffer);
    return true;
}

static bool build(Emitter *e, LLVMTargetMachineRef machine, EmitKind kind, Bytes *out, Diag *diag)
{
    char *message = NULL;
    emit_debug_open(e);
    fill_module(e);
    emit_debug_close(e);
    bool broken = LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message);
    if (broken) refused(e, "it found the module broken, which is our fault", message, diag);
    LLVMDisposeMessage(message);
    return !broken && run_passes(e, machine, diag) && generate(e, machine, kind, out, diag);
}

/* Entry, step, what runs inside it, and where floats are software what the compiler's library takes: that of GCC 12
 * is below it. */
static int64_t deepest_call(const Complaint *heard, const Target *target)
{
    enum { RETURN_ADDRESSES = 16, LIBRARY = 48 };
    bool software = target->arch->bare && !(target->has & FEATURE_FMA);
    int64_t steps = 0;
    for (int i = 0; i <= MAX_NESTED; i++) steps += heard->step_frames[i];
    return heard->entry_frame + steps + RETURN_ADDRESSES + (software ? LIBRARY : 0);
}

static bool emit(const LoopProgram *program, const EmitOptions *options, EmitKind kind, Bytes *out, EmitSizes *sizes,
                 Diag *diag)
{
    Emitter e = {.arena = program->arena, .program = program, .options = options, .measure = sizes != NULL};
    Complaint complaint = {.arena = program->arena};
    char *message = NULL;
    e.symbol = symbol_name(e.arena, program->graph ? program->graph->name : "program");
    if (!check_size(&e, diag)) return false;
    LLVMTargetMachineRef machine = new_machine(options, &message);
    if (!machine) {
        refused(&e, options->target->triple, message, diag);
        if (message) LLVMDisposeMessage(message);
        return false;
    }
    if (kind == EMIT_ASSEMBLY) LLVMSetTargetMachineAsmVerbosity(machine, 1);
    e.context = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(e.context, hear, &complaint);
    open_module(&e, machine);
    count_ports(&e);
    bool ok = build(&e, machine, kind, out, diag);
    if (ok && complaint.text) ok = refused(&e, "its code generator failed", complaint.text, diag);
    LLVMDisposeBuilder(e.builder);
    LLVMDisposeModule(e.module);
    LLVMContextDispose(e.context);
    LLVMDisposeTargetMachine(machine);
    if (sizes) sizes->stack = deepest_call(&complaint, options->target);
    return ok;
}

/* Of a scan or branch together with what it calls. */
static int64_t step_bytes(const LoopProgram *program, const Bytes *object, const LoopFunction *f, const char *name)
{
    int64_t bytes = object_function_bytes(object, name);
    for (int i = 0; i < f->ninner; i++)
        bytes += step_bytes(program, object, f->inner[i], arena_printf(program->arena, "%s_%d", name, i));
    return bytes;
}

bool emit_code(const LoopProgram *program, const EmitOptions *options, Bytes *out, EmitSizes *sizes, Diag *diag)
{
    if (!emit(program, options, EMIT_OBJECT, out, sizes, diag)) return false;
    const char *symbol = symbol_name(program->arena, program->graph ? program->graph->name : "program");
    sizes->steps = ARENA_ARRAY(program->arena, int64_t, program->nsteps + 1);
    for (int i = 0; i < program->nsteps; i++)
        sizes->steps[i] =
            step_bytes(program, out, program->steps[i], arena_printf(program->arena, "%s__step_%d", symbol, i));
    if (object_sizes(out, &sizes->code, &sizes->data)) return true;
    return diag_error(diag, E0904, (Span){.name = options->target->triple},
                      "its object is no ELF that can be measured");
}

/* The section that the code's `<symbol>_weights` refers to. */
bool emit_add_weights(const LoopProgram *program, const EmitOptions *options, Bytes *object, Diag *diag)
{
    const Graph *graph = program->graph;
    bool large = program->weights == WEIGHTS_FAR;
    const char *symbol = symbol_name(program->arena, graph ? graph->name : "program");
    ObjectSection section = {.name = large ? OBJECT_FAR_WEIGHTS : options->target->arch->constants,
                             .symbol = arena_printf(program->arena, "%s_weights", symbol),
                             .size = (size_t)program->constant_bytes,
                             .large = large};
    const Bytes code = *object;
    if (section.size == 0 || program->weights == WEIGHTS_EXTERNAL) return true;
    if (!object_add_section(program->arena, &code, &section, object, diag)) return false;
    if (graph && section.data) weights_fill(graph, section.data);
    return true;
}

bool emit_program(const LoopProgram *program, const EmitOptions *options, EmitKind kind, Bytes *out, Diag *diag)
{
    bool done = emit(program, options, kind, out, NULL, diag);
    return done && (kind != EMIT_OBJECT || emit_add_weights(program, options, out, diag));
}
