/* The C99 header of a model's library. */
#include "backend/c_names.h"
#include "backend/object.h"
#include "ir/external.h"

#include <inttypes.h>
#include <string.h>

enum { ARENA_ALIGN = 64 };

/* ---- the hash ---- */

static uint32_t mix(uint32_t hash, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ from[i]) * 16777619u;
    return hash;
}

static uint32_t mix_text(uint32_t hash, const char *text) { return mix(hash, text, strlen(text) + 1); }

static uint32_t mix_port(uint32_t hash, Arena *arena, const char *name, const Type *type)
{
    hash = mix_text(mix_text(hash, name), dtype_name(type->dtype));
    for (int i = 0; i < type->rank; i++) {
        hash = mix(hash, &type->dim[i].low, sizeof type->dim[i].low);
        hash = mix(hash, &type->dim[i].high, sizeof type->dim[i].high);
        if (!dim_is_fixed(&type->dim[i])) hash = mix_text(hash, dim_text(arena, &type->dim[i]));
    }
    return hash;
}

uint32_t model_abi(const LoopProgram *program)
{
    const Graph *graph = program->graph;
    uint32_t hash = mix_text(mix_text(2166136261u, LEPC_VERSION), graph->name);
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) hash = mix_port(hash, program->arena, node->name, &node->types[0]);
    for (int i = 0; i < graph->ndims; i++) hash = mix_text(hash, graph->dims[i].name);
    hash = mix_text(hash, "->");
    for (int i = 0; i < graph->nresults; i++)
        hash = mix_port(hash, program->arena, graph->results[i].name, value_type(graph->results[i].value));
    if (program->weights == WEIGHTS_EXTERNAL) hash = mix(hash, &program->weights_hash, sizeof program->weights_hash);
    if (program->state_bytes) hash = mix(hash, &program->state_bytes, sizeof program->state_bytes);
    return mix(hash, &program->arena_bytes, sizeof program->arena_bytes);
}

/* ---- the text ---- */

typedef struct Header {
    FILE *out;
    Arena *arena;
    const char *symbol, *upper;
    ParameterNames names;
} Header;

static void write_parameter(Header *h, const char *prefix, const char *name, const Type *type)
{
    if (!type_is_fixed(type) || type_is_empty(type)) {
        fprintf(h->out, "%s%s *%s, ", prefix, c_type(type->dtype), parameter_name(&h->names, name));
        return;
    }
    fprintf(h->out, "%s%s %s[%" PRId64 "], ", prefix, c_type(type->dtype), parameter_name(&h->names, name),
            type_elements(type));
}

/* Text for a comment: no end of it, no line of its own. */
static void write_comment_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        bool closes = text[0] == '*' && text[1] == '/', opens = text[0] == '/' && text[1] == '*';
        unsigned char c = (unsigned char)*text;
        fputc(c < ' ' || c == '\\' || c == '?' ? ' ' : c, out);
        if (closes || opens) fputc(' ', out);
    }
}

static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '?')
            fprintf(out, "\\%03o", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void write_labels(const Header *h, const Result *result)
{
    if (result->nlabels == 0) return;
    const char *name = upper_case(h->arena, symbol_name(h->arena, result->name));
    fprintf(h->out, "#define %s_%s_LABELS \\\n    {", h->upper, name);
    for (int i = 0; i < result->nlabels; i++) {
        if (i) fputs(i % 8 ? ", " : ", \\\n     ", h->out);
        write_string(h->out, result->labels[i]);
    }
    fputs("}\n", h->out);
}

/* The same lines, under the same guard, as runtime/lep.h: headers of many models stand beside each other. */
static const char shared_lines[] =
    "#ifndef LEP_H\n"
    "#define LEP_H\n"
    "enum lep_status {\n    LEP_OK = 0,\n    LEP_ERROR_ARGUMENT = 1,\n    LEP_ERROR_ALIGNMENT = 2,\n"
    "    LEP_ERROR_CPU = 3,\n    LEP_ERROR_WEIGHTS = 4,\n    LEP_ERROR_SIZE = 5\n};\n"
    "\n"
    "/* A caller's threads: run calls f(arg, i) for each i below n, and returns when all are done. */\n"
    "struct lep_pool {\n"
    "    void *ctx;\n"
    "    int threads;\n"
    "    void (*run)(void *ctx, void (*f)(void *arg, int index), void *arg, int n);\n"
    "};\n"
    "#endif\n"
    "\n";

static void write_start(const Header *h, const LoopProgram *program)
{
    const Graph *graph = program->graph;
    fputs("/* ", h->out);
    write_comment_text(h->out, graph->name);
    if (graph->doc) fputs(": ", h->out);
    if (graph->doc) write_comment_text(h->out, graph->doc);
    fputs("\n * Written by lepc " LEPC_VERSION "; changes here are lost. */\n", h->out);
    fprintf(h->out, "#ifndef LEP_MODEL_%s_H\n#define LEP_MODEL_%s_H\n\n", h->upper, h->upper);
    fputs("#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", h->out);
    fputs(shared_lines, h->out);
    fprintf(h->out, "#define %s_ABI 0x%08xu\n", h->upper, model_abi(program));
    fprintf(h->out, "#define %s_ARENA_BYTES %" PRId64 "\n", h->upper, program->arena_bytes);
    fprintf(h->out, "#define %s_ARENA_ALIGN %d\n", h->upper, ARENA_ALIGN);
    if (program->state_bytes) {
        fprintf(h->out, "#define %s_CONTEXT_BYTES %" PRId64 "\n", h->upper, program->state_bytes);
        fprintf(h->out, "#define %s_CONTEXT_ALIGN %d\n", h->upper, ARENA_ALIGN);
    }
    for (int i = 0; i < graph->ndims; i++) {
        const char *dim = upper_case(h->arena, symbol_name(h->arena, graph->dims[i].name));
        fprintf(h->out, "#define %s_%s_MIN %" PRId64 "\n", h->upper, dim, graph->dims[i].low);
        fprintf(h->out, "#define %s_%s_MAX %" PRId64 "\n", h->upper, dim, graph->dims[i].high);
    }
    for (int i = 0; i < graph_outputs(graph); i++) write_labels(h, &graph->results[i]);
}

/* ---- functions that the model calls ---- */

/* The names that `extern op` gave, or others, one a parameter. */
static void write_external_parameter(Header *h, ParameterNames *names, const char *type, const char **said, bool last)
{
    size_t length = *said ? strcspn(*said, " ") : 0;
    const char *name = length ? arena_copy_chars(h->arena, *said, length) : "argument";
    if (*said) *said += length + strspn(*said + length, " ");
    fprintf(h->out, "%s%s%s", type, parameter_name(names, name), last ? ");\n" : ", ");
}

static void write_prototype(Header *h, const Node *node)
{
    const ExternalAttrs *attrs = node->attrs;
    const char *said = attrs->names;
    int numbers = attrs->numbers.count, reals = attrs->reals.count;
    ParameterNames names = parameter_names_for(h->arena, node->ninputs + 1 + numbers + reals);
    fprintf(h->out, "void %s(", attrs->symbol);
    for (int i = 0; i < node->ninputs; i++) {
        const char *type = c_type(value_type(node->inputs[i])->dtype);
        write_external_parameter(h, &names, arena_printf(h->arena, "const %s *", type), &said, false);
    }
    const char *result = arena_printf(h->arena, "%s *", c_type(node->types[0].dtype));
    write_external_parameter(h, &names, result, &said, !numbers && !reals);
    for (int i = 0; i < numbers; i++)
        write_external_parameter(h, &names, "int64_t ", &said, i == numbers - 1 && !reals);
    for (int i = 0; i < reals; i++) write_external_parameter(h, &names, "double ", &said, i == reals - 1);
}

typedef struct Externals {
    const Node **at;
    size_t count, capacity;
} Externals;

/* One call of each function. */
static void collect_externals(Arena *arena, const Graph *graph, Externals *out)
{
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->nregions; i++) collect_externals(arena, node->regions[i], out);
        bool known = node->op != OP_external;
        for (size_t i = 0; i < out->count && !known; i++)
            known = !strcmp(((const ExternalAttrs *)out->at[i]->attrs)->symbol, ((ExternalAttrs *)node->attrs)->symbol);
        if (known) continue;
        out->at = arena_grow(arena, out->at, out->count, &out->capacity, sizeof *out->at);
        out->at[out->count++] = node;
    }
}

static void write_externals(Header *h, const Graph *graph)
{
    Externals externals = {.count = 0};
    collect_externals(h->arena, graph, &externals);
    if (!externals.count) return;
    fputs("/* What the model calls and the program that links it defines, one for each extern op: tensors are dense, "
          "and\n"
          " * arguments are all that it depends on; it may be called by several threads at once. */\n",
          h->out);
    for (size_t i = 0; i < externals.count; i++) write_prototype(h, externals.at[i]);
    fputc('\n', h->out);
}

static void write_reset(const Header *h, const LoopProgram *program)
{
    fputs("/* What the model keeps from one run to the next lies in the context: one a stream. Before its first run, "
          "and\n"
          " * wherever a stream begins again, reset it. */\n",
          h->out);
    fprintf(h->out, "#define %s_reset %s_reset_%08x\n", h->symbol, h->symbol, model_abi(program));
    fprintf(h->out, "int %s_reset(void *context);\n\n", h->symbol);
}

static void write_nothing(const Header *h, const char *name, const Type *type)
{
    if (type_is_empty(type)) fprintf(h->out, " * %s has no elements and may be NULL.\n", symbol_name(h->arena, name));
}

/* What is no array in the prototype. */
static void write_nothings(const Header *h, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) write_nothing(h, node->name, &node->types[0]);
    for (int i = 0; i < graph_outputs(graph); i++)
        write_nothing(h, graph->results[i].name, value_type(graph->results[i].value));
}

static void write_shape(const Header *h, const char *name, const Type *type)
{
    if (type_is_fixed(type)) return;
    fprintf(h->out, " *   %s[", symbol_name(h->arena, name));
    for (int i = 0; i < type->rank; i++) fprintf(h->out, "%s%s", i ? "][" : "", dim_text(h->arena, &type->dim[i]));
    fputs("]\n", h->out);
}

/* Bounded dims are the first arguments; what buffers hold follows from them. */
static void write_sizes(const Header *h, const Graph *graph)
{
    if (!graph->ndims) return;
    fputs(" * The sizes say how much of what memory is planned for is used: from _MIN to _MAX, else LEP_ERROR_SIZE.\n"
          " * Buffers are dense for them:\n",
          h->out);
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) write_shape(h, node->name, &node->types[0]);
    for (int i = 0; i < graph_outputs(graph); i++)
        write_shape(h, graph->results[i].name, value_type(graph->results[i].value));
}

/* What the caller must know of a file of weights. */
static void write_weights(const Header *h, const LoopProgram *program)
{
    fprintf(
        h->out,
        "\n/* weights: all of %s, mapped or read to an address that is a multiple of 64; never written to.\n"
        " * LEP_ERROR_WEIGHTS when it is not the one of this hash; runtime/weights.h maps and checks every byte. */\n"
        "#define %s_WEIGHTS_BYTES %" PRId64 "\n#define %s_WEIGHTS_HASH 0x%016" PRIx64 "\n",
        program->weights_file && *program->weights_file ? program->weights_file : "the file of the weights", h->upper,
        program->constant_bytes + WEIGHTS_HEADER, h->upper, program->weights_hash);
}

/* Bounded dims are arguments; those that a run counts are where it puts them. */
static void write_size_parameters(Header *h, const Graph *graph, bool computed)
{
    for (int i = 0; i < graph->ndims; i++) {
        if (graph->dims[i].computed != computed) continue;
        const char *name = lower_case(h->arena, symbol_name(h->arena, graph->dims[i].name));
        fprintf(h->out, "int64_t %s%s, ", computed ? "*" : "", parameter_name(&h->names, name));
    }
}

void header_write(const LoopProgram *program, FILE *out)
{
    const Graph *graph = program->graph;
    Header h = {.out = out, .arena = program->arena, .symbol = symbol_name(program->arena, graph->name)};
    h.upper = upper_case(h.arena, h.symbol);
    bool external = program->weights == WEIGHTS_EXTERNAL;
    h.names = parameter_names(graph);
    write_start(&h, program);
    fprintf(out, "\n/* LEP_OK or an error; re-entrant: one arena a call in flight%s; pool NULL: this thread only.\n",
            program->arena_bytes ? "" : " (this model needs none: NULL)");
    write_sizes(&h, graph);
    write_nothings(&h, graph);
    fputs(" * The name holds the ABI, so that a header that is older than its library fails at link. */\n", out);
    if (external) write_weights(&h, program);
    fprintf(out, "#define %s_run %s_run_%08x\n", h.symbol, h.symbol, model_abi(program));
    fprintf(out, "int %s_run(", h.symbol);
    write_size_parameters(&h, graph, false);
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) write_parameter(&h, "const ", node->name, &node->types[0]);
    for (int i = 0; i < graph_outputs(graph); i++)
        write_parameter(&h, "", graph->results[i].name, value_type(graph->results[i].value));
    write_size_parameters(&h, graph, true);
    if (program->state_bytes) fputs("void *context, ", out);
    fputs(external ? "void *arena,\n    const void *weights, const struct lep_pool *pool);\n\n"
                   : "void *arena, const struct lep_pool *pool);\n\n",
          out);
    if (program->state_bytes) write_reset(&h, program);
    write_externals(&h, graph);
    fputs("#ifdef __cplusplus\n}\n#endif\n\n#endif\n", out);
}
