/* A main program for a model's library: what a user starts from. */
#include "backend/c_names.h"
#include "backend/object.h"
#include "ir/count.h"

#include <inttypes.h>
#include <string.h>

typedef struct Example {
    FILE *out;
    const LoopProgram *program;
    const Graph *graph;
    const char *symbol, *upper;
    const char **ports; /* inputs, then outputs, as the header calls them */
    int ninputs, noutputs;
    bool external; /* weights are in a file */
} Example;

static const Type *port_type(const Example *e, int port)
{
    if (port >= e->ninputs) return value_type(e->graph->results[port - e->ninputs].value);
    const Node *node = e->graph->first;
    for (int seen = -1; node; node = node->next)
        if (node->op == OP_input && ++seen == port) break;
    return &node->types[0];
}

static bool is_empty(const Example *e, int port) { return type_is_empty(port_type(e, port)); }

/* The array of a port: no name that the program has for something else. */
static const char *array_name(const Example *e, int port)
{
    if (is_empty(e, port)) return "NULL";
    return arena_printf(e->program->arena, "%s%s", port < e->ninputs ? "in_" : "out_", e->ports[port]);
}

static void name_ports(Example *e)
{
    ParameterNames names = parameter_names(e->graph);
    for (int i = 0; i < e->graph->ndims; i++)
        if (!e->graph->dims[i].computed) parameter_name(&names, lower_case(e->program->arena, e->graph->dims[i].name));
    e->ports = names.at + names.count;
    for (const Node *node = e->graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        parameter_name(&names, node->name);
        e->ninputs++;
    }
    e->noutputs = graph_outputs(e->graph);
    for (int i = 0; i < e->noutputs; i++) parameter_name(&names, e->graph->results[i].name);
}

/* The variable that a counted dim's size goes to. */
static const char *size_name(const Example *e, const Dim *dim)
{
    return arena_printf(e->program->arena, "size_%s", symbol_name(e->program->arena, dim->name));
}

static void write_usage(const Example *e, const char *before, const char *after)
{
    fputs(before, e->out);
    for (int i = 0; i < e->ninputs; i++)
        if (!is_empty(e, i)) fprintf(e->out, " %s.raw", e->ports[i]);
    if (e->external) fputs(" weights", e->out);
    fputs(after, e->out);
}

static void write_head(const Example *e, const char *header)
{
    fprintf(e->out, "/* Runs %s: a start, yours to change.  Files hold the bytes of the arrays.\n *\n", e->symbol);
    fprintf(e->out, " *   cc -O2 main.c lib%s.a -o %s &&", e->symbol, e->symbol);
    write_usage(e, arena_printf(e->program->arena, " ./%s", e->symbol), "\n */\n");
    fprintf(e->out, "#include \"%s\"\n\n#include <stdio.h>\n\n", header);
}

static void write_block(const Example *e, const char *name, const char *what, const char *align)
{
    fprintf(e->out, "static _Alignas(%s%s) unsigned char %s[%s_%s_BYTES];\n", *align ? e->upper : "",
            *align ? align : "64", name, e->upper, what);
}

static void write_buffers(const Example *e)
{
    if (e->program->arena_bytes) write_block(e, "arena", "ARENA", "_ARENA_ALIGN");
    if (e->program->state_bytes) write_block(e, "context", "CONTEXT", "_CONTEXT_ALIGN");
    if (e->external) write_block(e, "weights", "WEIGHTS", "");
    for (int i = 0; i < e->ninputs + e->noutputs; i++) {
        const Type *type = port_type(e, i);
        if (is_empty(e, i)) continue;
        fprintf(e->out, "static %s %s[%" PRId64 "];\n", c_type(type->dtype), array_name(e, i), type_elements(type));
    }
    for (int i = 0; i < e->graph->ndims; i++)
        if (e->graph->dims[i].computed) fprintf(e->out, "static int64_t %s;\n", size_name(e, &e->graph->dims[i]));
    fputc('\n', e->out);
}

static const char reader[] =
    "static int read_file(const char *path, void *to, size_t size)\n"
    "{\n"
    "    FILE *file = fopen(path, \"rb\");\n"
    "    int whole = file && fread(to, 1, size, file) == size && fgetc(file) == EOF;\n"
    "    if (file) fclose(file);\n"
    "    if (!whole) fprintf(stderr, \"%s: expected %lu bytes\\n\", path, (unsigned long)size);\n"
    "    return whole;\n"
    "}\n"
    "\n";

static void write_reading(const Example *e)
{
    int files = e->external, file = 1;
    for (int i = 0; i < e->ninputs; i++) files += !is_empty(e, i);
    fputs("int main(int argc, char **argv)\n{\n", e->out);
    fprintf(e->out, "    if (argc != %d) {\n        fprintf(stderr, \"usage: %%s", files + 1);
    write_usage(e, "", "\\n\", argv[0]);\n        return 2;\n    }\n");
    for (int i = 0; i < e->ninputs + e->external; i++) {
        const char *name = i < e->ninputs ? array_name(e, i) : "weights";
        if (i < e->ninputs && is_empty(e, i)) continue;
        fprintf(e->out, "    if (!read_file(argv[%d], %s, sizeof %s)) return 1;\n", file++, name, name);
    }
}

static void write_call(const Example *e)
{
    if (e->program->state_bytes) fprintf(e->out, "    %s_reset(context); /* once a stream */\n", e->symbol);
    fprintf(e->out, "    int status = %s_run(", e->symbol);
    for (int i = 0; i < e->graph->ndims; i++) {
        const char *dim = symbol_name(e->program->arena, e->graph->dims[i].name);
        if (e->graph->dims[i].computed) continue;
        fprintf(e->out, "%s_%s_MAX, ", e->upper, upper_case(e->program->arena, dim));
    }
    for (int i = 0; i < e->ninputs + e->noutputs; i++) fprintf(e->out, "%s, ", array_name(e, i));
    for (int i = 0; i < e->graph->ndims; i++)
        if (e->graph->dims[i].computed) fprintf(e->out, "&%s, ", size_name(e, &e->graph->dims[i]));
    if (e->program->state_bytes) fputs("context, ", e->out);
    fputs(e->program->arena_bytes ? "arena, " : "NULL, ", e->out);
    fputs(e->external ? "weights, NULL);\n" : "NULL);\n", e->out);
    fputs("    if (status != LEP_OK) {\n        fprintf(stderr, \"error %d\\n\", status);\n"
          "        return 1;\n    }\n",
          e->out);
}

/* How many elements there are: a number where none of the dims is counted. */
static const char *count_text(const Example *e, const Type *type)
{
    Arena *arena = e->program->arena;
    int64_t fixed = 1;
    const char *text = "";
    for (int i = 0; i < type->rank; i++) {
        const Dim *dim = &type->dim[i];
        if (!dim_is_computed(e->graph, dim))
            fixed *= dim->high;
        else if (dim->factor)
            text = arena_printf(arena, "%s(%" PRId64 " * %s + %" PRId64 ") / %" PRId64 " * ", text, dim->factor,
                                size_name(e, dim), dim->base, dim->divisor);
        else
            text = arena_printf(arena, "%s%s * ", text, size_name(e, dim));
    }
    return arena_printf(arena, "%s%" PRId64, text, fixed);
}

static void write_output(const Example *e, int index)
{
    const Result *result = &e->graph->results[index];
    const char *name = e->ports[e->ninputs + index], *array = array_name(e, e->ninputs + index);
    int64_t count = type_elements(value_type(result->value));
    if (count == 0) return;
    bool labelled = result->nlabels && result->nlabels == count;
    if (labelled)
        fprintf(e->out, "    static const char *const labels_%d[] = %s_%s_LABELS;\n", index, e->upper,
                upper_case(e->program->arena, symbol_name(e->program->arena, result->name)));
    fprintf(e->out, "    for (long i = 0; i < %s; i++) printf(", count_text(e, value_type(result->value)));
    if (labelled)
        fprintf(e->out, "\"%s %%s %%g\\n\", labels_%d[i], (double)%s[i]);\n", name, index, array);
    else
        fprintf(e->out, "\"%s[%%ld] %%g\\n\", i, (double)%s[i]);\n", name, array);
}

void example_write(const LoopProgram *program, const char *header, FILE *out)
{
    Example e = {.out = out, .program = program, .graph = program->graph};
    e.symbol = symbol_name(program->arena, program->graph->name);
    e.upper = upper_case(program->arena, e.symbol);
    e.external = program->weights == WEIGHTS_EXTERNAL;
    name_ports(&e);
    write_head(&e, header);
    write_buffers(&e);
    bool reads = e.external;
    for (int i = 0; i < e.ninputs; i++) reads = reads || !is_empty(&e, i);
    if (reads) fputs(reader, out);
    write_reading(&e);
    write_call(&e);
    for (int i = 0; i < e.noutputs; i++) write_output(&e, i);
    fputs("    return 0;\n}\n", out);
}
