/* Chains of layers as nets have them.  What the operators refuse is left out. */
#include "tests/differential/program.h"

typedef struct Layers {
    Random random;
    Program *program;
    Graph *graph; /* what was drawn so far */
    Diag diag;
    Value values[MOST_STEPS];
} Layers;

static const Type *type_of(const Layers *l, int step) { return value_type(l->values[step]); }

/* The step's index, -1 when its operator refuses. */
static int add(Layers *l, const Step *step)
{
    Value inputs[MAX_OPERANDS] = {{NULL, 0}};
    int index = l->program->count;
    if (index == MOST_STEPS) return -1;
    for (int i = 0; i < step->ninputs; i++) inputs[i] = l->values[step->inputs[i]];
    bool source = op_table[step->op]->kind == KIND_SOURCE;
    const NodeSpec spec = {.op = step->op,
                           .name = "v",
                           .ninputs = step->ninputs,
                           .inputs = inputs,
                           .attrs = step->attrs,
                           .type = source ? &step->type : NULL};
    Node *node = graph_add(l->graph, &spec, &l->diag);
    if (!node) return -1;
    l->values[index] = value_of(node);
    l->program->steps[l->program->count++] = *step;
    return index;
}

static void *new_attrs(const Layers *l, Op op)
{
    void *attrs = arena_alloc(l->program->arena, op_table[op]->attrs.size + 1);
    attr_set_defaults(&op_table[op]->attrs, attrs);
    return attrs;
}

static int add_source(Layers *l, Op op, Type type)
{
    Step step = {.op = op, .type = type, .seed = random_bits(&l->random), .range = RANGE_USUAL};
    step.attrs = new_attrs(l, op);
    if (op == OP_param) ((ParamAttrs *)step.attrs)->seed = random_between(&l->random, 0, 99);
    return add(l, &step);
}

static int add_unary(Layers *l, Op op, int from, void *attrs)
{
    return add(l, &(Step){.op = op, .ninputs = 1, .inputs = {from}, .attrs = attrs ? attrs : new_attrs(l, op)});
}

/* ---- layers ---- */

static int64_t draw_channels(Random *r)
{
    static const int64_t widths[] = {1, 3, 8, 16, 16, 17, 24, 32, 32, 33, 48, 48, 64, 64, 65};
    return RANDOM_OF(r, widths);
}

/* The bias is known like the weight, or comes from outside. */
static int add_layer(Layers *l, Op op, int from, int rank, const int64_t *dims, void *attrs)
{
    Op given = random_percent(&l->random, 15) ? OP_input : OP_param;
    int weight = add_source(l, OP_param, type_tensor(F32, rank, dims));
    int bias = add_source(l, given, type_tensor(F32, 1, &dims[rank - 1]));
    return add(l, &(Step){.op = op, .ninputs = 3, .inputs = {from, weight, bias}, .attrs = attrs});
}

/* Mostly 3 x 3; sometimes one input channel an output, a stride, a dilation. */
static int add_conv(Layers *l, int from)
{
    Random *r = &l->random;
    ConvAttrs *attrs = new_attrs(l, OP_conv2d);
    int64_t in = type_of(l, from)->dim[3].high, out = draw_channels(r), kernel = random_percent(r, 75) ? 3 : 1;
    bool depthwise = random_percent(r, 15);
    if (depthwise) attrs->groups = out = in;
    if (random_percent(r, 15)) attrs->stride = (IntList){2, {2, random_between(r, 1, 2)}};
    if (random_percent(r, 10)) attrs->dilation = (IntList){2, {1, 2}};
    attrs->pad.mode = random_percent(r, 60) ? PAD_SAME : PAD_VALID;
    return add_layer(l, OP_conv2d, from, 4, (const int64_t[]){kernel, kernel, depthwise ? 1 : in, out}, attrs);
}

static int add_dense(Layers *l, int from)
{
    const Type *type = type_of(l, from);
    if (type->rank != 2) {
        ReshapeAttrs *attrs = new_attrs(l, OP_reshape);
        attrs->shape = (IntList){2, {1, type_elements(type)}};
        from = add_unary(l, OP_reshape, from, attrs);
    }
    const int64_t dims[] = {type_of(l, from)->dim[1].high, draw_channels(&l->random)};
    return add_layer(l, OP_dense, from, 2, dims, NULL);
}

static int add_pool(Layers *l, int from)
{
    PoolAttrs *attrs = new_attrs(l, OP_max_pool);
    attrs->size = (IntList){2, {2, 2}};
    return add_unary(l, OP_max_pool, from, attrs);
}

/* With a value from before of the same type, or as it is. */
static int add_sum(Layers *l, int from)
{
    for (int i = 0; i < from; i++) {
        bool source = op_table[l->program->steps[i].op]->kind == KIND_SOURCE && l->program->steps[i].op != OP_input;
        if (source || !type_equal(type_of(l, i), type_of(l, from))) continue;
        return add(l, &(Step){.op = OP_add, .ninputs = 2, .inputs = {from, i}});
    }
    return from;
}

static int draw_layer(Layers *l, int from)
{
    Random *r = &l->random;
    bool image = type_of(l, from)->rank == 4;
    int at = image && random_percent(r, 85) ? add_conv(l, from) : add_dense(l, from);
    if (at < 0) return from;
    if (random_percent(r, 30)) at = add_sum(l, at);
    if (random_percent(r, 60)) at = add_unary(l, OP_relu, at, NULL);
    int pooled = type_of(l, at)->rank == 4 && random_percent(r, 25) ? add_pool(l, at) : at;
    return pooled >= 0 ? pooled : at;
}

Program *program_draw_layers(Arena *arena, uint64_t seed)
{
    Program *program = ARENA_NEW(arena, Program);
    Arena *scratch = arena_child(arena);
    program->arena = arena;
    Layers l = {.random = {seed}, .program = program, .graph = graph_new(scratch, "layers"), .diag = diag_new(scratch)};
    int64_t side = random_between(&l.random, 4, 22);
    const int64_t dims[] = {1, side, random_between(&l.random, side - 2, side + 2), draw_channels(&l.random)};
    int at = add_source(&l, OP_input, type_tensor(F32, 4, dims));
    for (int64_t left = random_between(&l.random, 1, 3); left > 0; left--) at = draw_layer(&l, at);
    if (op_table[program->steps[at].op]->kind != KIND_SOURCE) program->steps[at].is_result = true;
    arena_free(scratch);
    if (program_results(program)) return program;
    return program_draw_layers(arena, seed + 0x10000); /* nothing fitted */
}
