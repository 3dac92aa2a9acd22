/* The description that a standalone binary's main program reads: constants of the layout of runtime/model.h. */
#include "backend/emitter.h"
#include "ir/bounded.h"
#include "ir/op.h"
#include "ir/place.h"

#include <string.h>

enum { MODEL_VERSION = 6, MODEL_MAX_RANK = 8, ARENA_ALIGN = 64 };

static LLVMValueRef private_constant(Emitter *e, LLVMValueRef value, const char *name)
{
    LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(value), name);
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    return global;
}

static LLVMValueRef text_constant(Emitter *e, const char *text)
{
    LLVMValueRef value = LLVMConstStringInContext2(e->context, text, strlen(text), 0);
    LLVMValueRef global = private_constant(e, value, "text");
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    return global;
}

static LLVMValueRef struct_constant(Emitter *e, LLVMValueRef *fields, unsigned count)
{
    return LLVMConstStructInContext(e->context, fields, count, 0);
}

/* Pointer to an array of `count` values, NULL for none. */
static LLVMValueRef array_constant(Emitter *e, LLVMTypeRef element, LLVMValueRef *values, int64_t count)
{
    if (count == 0) return LLVMConstNull(e->pointer);
    return private_constant(e, LLVMConstArray2(element, values, (uint64_t)count), "array");
}

static LLVMValueRef int64_constant(const Emitter *e, int64_t value)
{
    return LLVMConstInt(e->i64, (unsigned long long)value, 1);
}

static LLVMValueRef real_constant(Emitter *e, double value)
{
    return LLVMConstReal(LLVMDoubleTypeInContext(e->context), value);
}

/* An array of struct LepForm; null when no dim is bounded. */
static LLVMValueRef forms_constant(Emitter *e, const Type *type)
{
    LLVMValueRef forms[MODEL_MAX_RANK];
    for (int i = 0; i < type->rank; i++) {
        const Dim *d = &type->dim[i];
        bool plain = dim_is_fixed(d) || !d->factor;
        LLVMValueRef fields[] = {int64_constant(e, dim_is_fixed(d) ? -1 : graph_dim(e->program->graph, d)),
                                 int64_constant(e, plain ? 1 : d->factor), int64_constant(e, plain ? 0 : d->base),
                                 int64_constant(e, plain ? 1 : d->divisor)};
        forms[i] = struct_constant(e, fields, 4);
    }
    bool fixed = type_is_fixed(type);
    return array_constant(e, fixed ? e->i64 : LLVMTypeOf(forms[0]), forms, fixed ? 0 : type->rank);
}

/* An array of struct LepSize. */
static LLVMValueRef sizes_constant(Emitter *e)
{
    const Graph *graph = e->program->graph;
    LLVMValueRef *sizes = ARENA_ARRAY(e->arena, LLVMValueRef, graph->ndims + 1);
    for (int i = 0; i < graph->ndims; i++) {
        LLVMValueRef fields[] = {text_constant(e, graph->dims[i].name), int64_constant(e, graph->dims[i].low),
                                 int64_constant(e, graph->dims[i].high), int64_constant(e, graph->dims[i].computed)};
        sizes[i] = struct_constant(e, fields, 4);
    }
    return array_constant(e, graph->ndims ? LLVMTypeOf(sizes[0]) : e->i64, sizes, graph->ndims);
}

/* struct LepPort */
static LLVMValueRef port_constant(Emitter *e, const char *name, const Type *type, const Result *result)
{
    LLVMValueRef dims[MODEL_MAX_RANK], *labels = NULL;
    int64_t nlabels = result ? result->nlabels : 0;
    for (int i = 0; i < MODEL_MAX_RANK; i++) dims[i] = int64_constant(e, i < type->rank ? type->dim[i].high : 0);
    labels = ARENA_ARRAY(e->arena, LLVMValueRef, nlabels);
    for (int64_t i = 0; i < nlabels; i++) labels[i] = text_constant(e, result->labels[i]);
    LLVMValueRef fields[] = {text_constant(e, name),
                             LLVMConstInt(e->i32, (unsigned long long)type->dtype, 0),
                             LLVMConstInt(e->i32, (unsigned long long)type->rank, 0),
                             LLVMConstArray2(e->i64, dims, MODEL_MAX_RANK),
                             int64_constant(e, type_bytes(type)),
                             array_constant(e, e->pointer, labels, nlabels),
                             int64_constant(e, nlabels),
                             forms_constant(e, type)};
    return struct_constant(e, fields, 8);
}

static LLVMValueRef inputs_constant(Emitter *e)
{
    LLVMValueRef *ports = ARENA_ARRAY(e->arena, LLVMValueRef, e->ninputs);
    int count = 0;
    for (const Node *node = e->program->graph->first; node; node = node->next)
        if (node->op == OP_input) ports[count++] = port_constant(e, node->name, &node->types[0], NULL);
    return array_constant(e, count ? LLVMTypeOf(ports[0]) : e->i64, ports, count);
}

static LLVMValueRef outputs_constant(Emitter *e)
{
    const Graph *graph = e->program->graph;
    LLVMValueRef *ports = ARENA_ARRAY(e->arena, LLVMValueRef, e->noutputs);
    for (int i = 0; i < e->noutputs; i++)
        ports[i] = port_constant(e, graph->results[i].name, value_type(graph->results[i].value), &graph->results[i]);
    return array_constant(e, e->noutputs ? LLVMTypeOf(ports[0]) : e->i64, ports, e->noutputs);
}

/* "mnist.lep:9", without folders so that a binary does not depend on where it was built. */
static const char *source_of(Emitter *e, const LoopFunction *function)
{
    if (function->origin.count == 0) return "";
    const Span *at = &function->origin.at[0];
    if (!at->source) return at->name ? at->name : "";
    const char *slash = strrchr(at->source->path, '/');
    return arena_printf(e->arena, "%s:%d", slash ? slash + 1 : at->source->path, at->line);
}

/* struct LepResult */
static LLVMValueRef result_constant(Emitter *e, Value value, int64_t base)
{
    const Place *place = &value.node->places[value.slot];
    const Type *type = value_type(value);
    LLVMValueRef dims[MODEL_MAX_RANK], strides[MODEL_MAX_RANK];
    for (int i = 0; i < MODEL_MAX_RANK; i++) {
        dims[i] = int64_constant(e, i < type->rank ? type->dim[i].high : 0);
        strides[i] = int64_constant(e, i < type->rank ? place->stride[i] : 0);
    }
    int64_t offset = place->offset + place_interior(place) * dtype_bytes(type->dtype, 1);
    LLVMValueRef fields[] = {text_constant(e, value_name(e->arena, value)),
                             int64_constant(e, base),
                             int64_constant(e, offset),
                             LLVMConstInt(e->i32, (unsigned long long)type->dtype, 0),
                             LLVMConstInt(e->i32, (unsigned long long)type->rank, 0),
                             LLVMConstArray2(e->i64, dims, MODEL_MAX_RANK),
                             LLVMConstArray2(e->i64, strides, MODEL_MAX_RANK)};
    return struct_constant(e, fields, 7);
}

/* Where the caller's pointers have a space, -1: it has none of a step's results. */
static int64_t base_of(const Emitter *e, const Place *place)
{
    switch (place->space) {
    case SPACE_OUTPUT: return e->ninputs + place->index;
    case SPACE_ARENA: return e->ninputs + e->noutputs;
    case SPACE_STATE: return e->ninputs + e->noutputs + 2;
    default: return -1;
    }
}

/* Only real numbers may be something else than numbers; sizes that are not known yet are left out. */
static LLVMValueRef results_constant(Emitter *e, Node *node, int64_t *count)
{
    LLVMValueRef *results = ARENA_ARRAY(e->arena, LLVMValueRef, node->nresults + 1);
    *count = 0;
    for (int slot = 0; slot < node->nresults && node->places; slot++) {
        const Type *type = &node->types[slot];
        int64_t base = base_of(e, &node->places[slot]);
        if (base < 0 || !type_is_fixed(type) || !dtype_is_float(type->dtype) || dtype_is_storage(type->dtype)) continue;
        results[(*count)++] = result_constant(e, (Value){node, slot}, base);
    }
    return array_constant(e, *count ? LLVMTypeOf(results[0]) : e->i64, results, *count);
}

/* struct LepStep */
static LLVMValueRef steps_constant(Emitter *e)
{
    int count = e->program->nsteps;
    LLVMValueRef *steps = ARENA_ARRAY(e->arena, LLVMValueRef, count);
    Node *node = e->program->graph->first;
    for (int i = 0; i < count; i++, node = node->next) {
        const LoopFunction *f = e->program->steps[i];
        int64_t nresults = 0;
        while (!node_is_step(node)) node = node->next;
        LLVMValueRef results = results_constant(e, node, &nresults);
        LLVMValueRef fields[] = {text_constant(e, f->name),
                                 text_constant(e, source_of(e, f)),
                                 e->steps[i],
                                 real_constant(e, f->multiply_adds),
                                 real_constant(e, f->bytes_read),
                                 real_constant(e, f->bytes_written),
                                 int64_constant(e, nresults),
                                 results};
        steps[i] = struct_constant(e, fields, 8);
    }
    return array_constant(e, count ? LLVMTypeOf(steps[0]) : e->i64, steps, count);
}

/* Whether `features`, of LLVM's form, turns `name` on. */
static bool turns_on(const char *features, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = features; at && *at; at = strchr(at, ',')) {
        at += *at == ',';
        if (*at == '+' && !strncmp(at + 1, name, length) && (at[length + 1] == ',' || !at[length + 1])) return true;
    }
    return false;
}

static const char *with_feature(Emitter *e, const char *text, const char *name)
{
    return arena_printf(e->arena, "%s%s+%s", text, strchr(text, '+') ? "," : " ", name);
}

/* "znver5 +avx2,+fma": the name and what the code may need of a processor, as far as a runner can tell: it refuses
 * one that lacks a feature, in place of an illegal instruction. */
static const char *target_text(Emitter *e)
{
    static const char *const others[] = {"bmi",        "avx512bw",   "avx512cd",   "avx512dq",  "avx512vl",
                                         "avx512vbmi", "avx512vnni", "avx512ifma", "avx512bf16"};
    const Target *target = e->options->target;
    const char *text = target->name;
    if (target->arch->id == ARCH_AARCH64 && target->has & FEATURE_DOT8) return with_feature(e, text, "dotprod");
    if (target->arch->id == ARCH_RISCV64 && target->vector_bytes >= 16) return with_feature(e, text, "v");
    if (target->arch->id != ARCH_X86_64) return text;
    const struct {
        const char *name;
        bool needed;
    } known[] = {{"avx", target->vector_bytes >= 32},
                 {"avx2", target->vector_bytes >= 32 && target->has & FEATURE_FMA},
                 {"fma", target->has & FEATURE_FMA},
                 {"bmi2", target->has & FEATURE_FMA},
                 {"avx512f", target->has & FEATURE_MASKED}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].needed) text = with_feature(e, text, known[i].name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (turns_on(target->features, others[i])) text = with_feature(e, text, others[i]);
    return text;
}

/* The address itself, as the pointer beside the code holds it. */
static LLVMValueRef weights_pointer(Emitter *e) { return LLVMGetInitializer(e->weights_at); }

void emit_info(Emitter *e, LLVMValueRef adapter)
{
    const LoopProgram *program = e->program;
    int64_t threads = 1;
    bool external = program->weights == WEIGHTS_EXTERNAL && program->weights_file;
    for (int i = 0; i < program->nsteps; i++)
        if (program->steps[i]->parallel > threads) threads = program->steps[i]->parallel;
    LLVMValueRef fields[] = {int64_constant(e, MODEL_VERSION),
                             text_constant(e, program->graph->name),
                             text_constant(e, program->graph->doc ? program->graph->doc : ""),
                             text_constant(e, "lepc " LEPC_VERSION),
                             text_constant(e, target_text(e)),
                             int64_constant(e, e->ninputs),
                             int64_constant(e, e->noutputs),
                             int64_constant(e, program->nsteps),
                             inputs_constant(e),
                             outputs_constant(e),
                             steps_constant(e),
                             int64_constant(e, program->arena_bytes),
                             int64_constant(e, ARENA_ALIGN),
                             int64_constant(e, program->constant_bytes),
                             adapter,
                             int64_constant(e, threads),
                             e->weights_at ? weights_pointer(e) : LLVMConstNull(e->pointer),
                             external ? text_constant(e, program->weights_file) : LLVMConstNull(e->pointer),
                             int64_constant(e, (int64_t)program->weights_hash),

                             int64_constant(e, program->state_bytes),
                             e->reset ? e->reset : LLVMConstNull(e->pointer),
                             int64_constant(e, program->graph->ndims),
                             sizes_constant(e)};
    LLVMValueRef value = struct_constant(e, fields, sizeof fields / sizeof *fields);
    LLVMValueRef model = LLVMAddGlobal(e->module, LLVMTypeOf(value), "lep_model");
    LLVMSetInitializer(model, value);
    LLVMSetGlobalConstant(model, 1);
    LLVMSetAlignment(model, 16);
}
