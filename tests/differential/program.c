#include "tests/differential/program.h"

#include "frontend/elaborate.h"
#include "ir/pool.h"
#include "ir/scan.h"
#include "passes/pass.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

static double special_real(Random *r)
{
    static const double values[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, FLT_TRUE_MIN, -FLT_MIN, FLT_MAX, -1e30, 1e-30};
    return RANDOM_OF(r, values);
}

static int64_t special_integer(Random *r)
{
    static const int64_t values[] = {0, -1, 127, 128, 255, -128, 32768, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return RANDOM_OF(r, values);
}

void tensor_draw(Tensor *tensor, uint64_t seed, int range)
{
    Random r = {seed};
    bool real = dtype_is_float(tensor->type.dtype);
    for (int64_t i = 0; i < type_elements(&tensor->type); i++) {
        bool special = range == RANGE_SPECIAL && random_percent(&r, 12);
        double low = range == RANGE_POSITIVE ? 0.25 : -2;
        if (tensor->type.dtype == BOOL)
            tensor_set_real(tensor, i, random_below(&r, 2));
        else if (real)
            tensor_set_real(tensor, i, special ? special_real(&r) : random_real(&r, low, 2));
        else
            tensor_set(tensor, i, (Scalar){.integer = special ? special_integer(&r) : random_between(&r, -100, 200)});
    }
}

Tensor step_tensor(const Step *step, Arena *arena)
{
    if (step->data) return *step->data;
    Tensor tensor = tensor_new(arena, step->type);
    tensor_draw(&tensor, step->seed, step->range);
    return tensor;
}

/* A param's elements are those that its seed and name give, so that a dump says all of it. */
static const Tensor *source_data(const Step *step, const char *name, Arena *arena)
{
    if (step->op == OP_input) return NULL;
    const ParamAttrs *param = step->attrs;
    if (step->op == OP_param) return init_draw(arena, &step->type, &param->init, param->seed, name);
    Tensor *data = ARENA_NEW(arena, Tensor);
    *data = step_tensor(step, arena);
    return data;
}

/* As an importer names the node that a step stands for: a dump keeps it. */
static Span step_span(Arena *arena, int index) { return (Span){.name = arena_printf(arena, "step%d", index)}; }

static bool build_body(const Step *step, const char *prefix, Node *scan, Node *const *outer, Diag *diag);
static bool build_choice(const Program *body, const char *prefix, Node *branch, Node *const *outer, Diag *diag);

static Node *build_step(const Program *program, const char *prefix, int index, Graph *graph, Node *const *made,
                        Diag *diag)
{
    const Step *step = &program->steps[index];
    Value inputs[MAX_OPERANDS] = {{NULL, 0}};
    for (int i = 0; i < step->ninputs; i++)
        if (step->inputs[i] >= 0) inputs[i] = value_of(made[step->inputs[i]]);
    bool source = op_table[step->op]->kind == KIND_SOURCE;
    const char *name = arena_printf(graph->arena, "%sv%d", prefix, index);
    Node *node = graph_add(graph,
                           &(NodeSpec){.op = step->op,
                                       .name = name,
                                       .ninputs = step->ninputs,
                                       .inputs = inputs,
                                       .attrs = step->attrs,
                                       .type = source ? &step->type : NULL,
                                       .data = source ? source_data(step, name, graph->arena) : NULL,
                                       .origin = origin_of(graph->arena, step_span(graph->arena, index))},
                           diag);
    if (!node || !step->body) return node;
    const char *inner = arena_printf(graph->arena, "%s.", name);
    if (!step->otherwise) return build_body(step, inner, node, made, diag) ? node : NULL;
    bool built = build_choice(step->body, arena_printf(graph->arena, "%s.then.", name), node, made, diag) &&
                 build_choice(step->otherwise, arena_printf(graph->arena, "%s.else.", name), node, made, diag);
    return built && graph_infer(node, diag) ? node : NULL;
}

static bool build_choice(const Program *body, const char *prefix, Node *branch, Node *const *outer, Diag *diag)
{
    Graph *region = graph_new_region(branch);
    Node *made[MOST_STEPS];
    for (int i = 0; i < body->count; i++) {
        const Step *inner = &body->steps[i];
        made[i] =
            (int)inner->op == OP_OUTER ? outer[inner->inputs[0]] : build_step(body, prefix, i, region, made, diag);
        if (!made[i]) return false;
    }
    for (int i = 0; i < body->ngiven; i++)
        graph_add_result(region,
                         (Result){.name = arena_printf(region->arena, "y%d", i), .value = {made[body->given[i]], 0}});
    return true;
}

static Type input_type(const Node *scan, int number)
{
    Type type = *value_type(scan->inputs[number]);
    const ScanAttrs *attrs = scan->attrs;
    return number < attrs->axes.count ? scan_slice(&type, attrs->axes.at[number]) : type;
}

static bool build_body(const Step *step, const char *prefix, Node *scan, Node *const *outer, Diag *diag)
{
    Program *body = step->body;
    Graph *region = graph_new_region(scan);
    Node *made[MOST_STEPS];
    for (int i = 0; i < body->count; i++) {
        Step *inner = &body->steps[i];
        if (i < scan->ninputs) inner->type = input_type(scan, i); /* a reducer changes operands */
        made[i] =
            (int)inner->op == OP_OUTER ? outer[inner->inputs[0]] : build_step(body, prefix, i, region, made, diag);
        if (!made[i]) return false;
    }
    for (int i = 0; i < body->count; i++)
        if (body->steps[i].is_result)
            graph_add_result(region, (Result){.name = arena_printf(region->arena, "y%d", i),
                                              .value = {made[i], 0},
                                              .axis = body->steps[i].axis});
    int scanned = scan_scanned(scan);
    for (int i = scanned; i < step->ninputs; i++)
        graph_add_result(region, (Result){.value = {made[step->nexts[i]], 0}, .state = made[i]});
    return graph_infer(scan, diag);
}

Graph *program_build(const Program *program, Arena *arena, const Node **nodes, Diag *diag)
{
    Graph *graph = graph_new(arena, "drawn");
    Node *made[MOST_STEPS];
    graph->ndims = program->ndims;
    graph->dims = ARENA_ARRAY(arena, Dim, MOST_SIZED);
    memcpy(graph->dims, program->dims, sizeof program->dims);
    for (int i = 0; i < program->count; i++) {
        made[i] = build_step(program, "", i, graph, made, diag);
        if (!made[i]) return NULL;
        if (nodes) nodes[i] = made[i];
    }
    for (int i = 0; i < program->count; i++) {
        if (!program->steps[i].is_result) continue;
        for (int slot = 0; slot < made[i]->nresults; slot++) {
            const char *name = arena_printf(arena, slot ? "r%d.%d" : "r%d", i, slot);
            graph_add_result(graph, (Result){.name = name, .value = {made[i], slot}, .at = step_span(arena, i)});
        }
    }
    return graph;
}

Tensor *program_inputs(const Program *program, const Graph *graph, Arena *arena)
{
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, program->count + 1);
    const Node *node = graph->first;
    int count = 0;
    for (int i = 0; i < program->count; i++) {
        if (program->steps[i].op != OP_input) continue;
        while (node->op != OP_input) node = node->next;
        Step step = program->steps[i];
        step.type = node->types[0];
        inputs[count++] = step_tensor(&step, arena);
        node = node->next;
    }
    return inputs;
}

int program_results(const Program *program)
{
    int count = 0;
    for (int i = 0; i < program->count; i++) count += program->steps[i].is_result;
    return count;
}

/* A copy whose outer values are where they are now. */
static Program *renumbered(const Program *body, const int *now_at)
{
    Program *copy = ARENA_NEW(body->arena, Program);
    *copy = *body;
    for (int i = 0; i < copy->count; i++)
        if ((int)copy->steps[i].op == OP_OUTER) copy->steps[i].inputs[0] = now_at[copy->steps[i].inputs[0]];
    return copy;
}

void program_prune(Program *program)
{
    bool needed[MOST_STEPS] = {false};
    int now_at[MOST_STEPS] = {0}, count = 0;
    for (int i = program->count - 1; i >= 0; i--) {
        const Step *step = &program->steps[i];
        needed[i] |= step->is_result;
        for (int k = 0; needed[i] && k < step->ninputs; k++)
            if (step->inputs[k] >= 0) needed[step->inputs[k]] = true;
        const Program *bodies[] = {step->body, step->otherwise};
        for (int b = 0; b < 2; b++)
            for (int k = 0; needed[i] && bodies[b] && k < bodies[b]->count; k++)
                if ((int)bodies[b]->steps[k].op == OP_OUTER) needed[bodies[b]->steps[k].inputs[0]] = true;
    }
    for (int i = 0; i < program->count; i++) {
        if (!needed[i]) continue;
        Step step = program->steps[i];
        for (int k = 0; k < step.ninputs; k++)
            if (step.inputs[k] >= 0) step.inputs[k] = now_at[step.inputs[k]];
        if (step.body) step.body = renumbered(step.body, now_at);
        if (step.otherwise) step.otherwise = renumbered(step.otherwise, now_at);
        now_at[i] = count;
        program->steps[count++] = step;
    }
    program->count = count;
}

bool program_write(const Program *program, const char *folder, const char *name, const char *comment)
{
    Arena *arena = arena_child(program->arena);
    Diag diag = diag_new(arena);
    const Graph *graph = program_build(program, arena, NULL, &diag);
    FILE *out = graph ? fopen(arena_printf(arena, "%s/%s.lep", folder, name), "w") : NULL;
    bool good = out && graph_write_pool(graph, folder, &diag);
    if (out) {
        fputs("# ", out);
        for (const char *c = comment; *c; c++) {
            fputc(*c, out);
            if (*c == '\n') fputs("# ", out);
        }
        fputc('\n', out);
        graph_print(graph, out, (PrintOptions){0});
        good = fclose(out) == 0 && good;
    }
    arena_free(arena);
    return good;
}

const char *trial_text(Arena *arena, const Trial *trial)
{
    const char *text = arena_printf(arena, "--fp=%s --cpu=%s ", trial->fast ? "fast" : "strict", trial->cpu);
    text = trial->small ? arena_printf(arena, "%s-Os", text) : arena_printf(arena, "%s-O%d", text, trial->level);
    for (int i = 0; i < pass_count; i++)
        if (trial->disabled >> i & 1 && !pass_table[i].required)
            text = arena_printf(arena, "%s --disable-pass=%s", text, pass_table[i].name);
    if (trial->quantise) text = arena_printf(arena, "%s --quantize=all:int8", text);
    if (trial->prune) text = arena_printf(arena, "%s --prune=LAYER:80%%:1x16", text);
    if (trial->threads) text = arena_printf(arena, "%s --run-threads=%d", text, trial->threads);
    return trial->text ? arena_printf(arena, "%s, through text", text) : text;
}
