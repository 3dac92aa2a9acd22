/* Random programs over the operator table.  Nothing here knows an operator: kinds, operands' flags, attributes' rows
 * and the operators' own rules decide; what they refuse is drawn again. */
#include "tests/differential/draw.h"
#include "ir/scan.h"

#include <string.h>

enum { MOST_PRODUCTS = 3000000 };

/* ---- sources ---- */

static Dtype draw_dtype(Random *r)
{
    static const Dtype usual[] = {F32, F32, F32, F32, F32, F32, F32, F32, U8, I8, I32, BOOL};
    return random_percent(r, 85) ? RANDOM_OF(r, usual) : (Dtype)random_below(r, DTYPE_COUNT);
}

static Type draw_type(Random *r)
{
    static const int ranks[] = {4, 4, 4, 4, 4, 2, 2, 2, 3, 3, 1, 5};
    static const int64_t sides[] = {1, 2, 3, 5, 6, 7, 8, 9, 11, 13, 16, 17};
    static const int64_t widths[] = {1, 1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 24, 31, 32, 33, 40, 64, 65};
    int rank = RANDOM_OF(r, ranks);
    int64_t dims[MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = RANDOM_OF(r, sides);
    if (rank == 4 || random_percent(r, 50)) dims[0] = random_between(r, 1, random_percent(r, 20) ? 3 : 1);
    dims[rank - 1] = RANDOM_OF(r, widths);
    if (random_percent(r, 3)) dims[random_below(r, rank)] = 0;
    return type_tensor(draw_dtype(r), rank, dims);
}

/* Adds the step to the program and the graph; false when its operator refuses. */
bool draw_add(Drawer *d, const Step *step)
{
    Program *program = d->program;
    if (program->count == MOST_STEPS) return false;
    program->steps[program->count++] = *step;
    Value inputs[MAX_OPERANDS] = {{NULL, 0}};
    for (int i = 0; i < step->ninputs; i++)
        if (step->inputs[i] >= 0) inputs[i] = value_of((Node *)d->nodes[step->inputs[i]]);
    bool source = op_table[step->op]->kind == KIND_SOURCE;
    NodeSpec spec = {.op = step->op, .name = "v", .ninputs = step->ninputs, .inputs = inputs};
    spec.attrs = step->attrs;
    spec.type = source ? &step->type : NULL;
    const Node *node = graph_add(d->graph, &spec, &d->diag);
    if (node) d->nodes[program->count - 1] = node;
    if (!node) program->count--;
    return node != NULL;
}

/* What is drawn as a param by its seed cannot be drawn from a range. */
static Op draw_weight(Random *r, int range)
{
    return range == RANGE_USUAL && random_percent(r, 50) ? OP_param : OP_constant;
}

static void draw_source_param(Random *r, const Type *type, ParamAttrs *attrs)
{
    attrs->seed = random_between(r, 0, 99);
    if (random_percent(r, 80)) return;
    attrs->init = init_of((InitKind)random_below(r, INIT_COUNT));
    if (init_refusal(&attrs->init, type)) attrs->init = init_of(INIT_USUAL);
}

/* Does it follow a dim that the caller gives? */
static bool is_given(const Drawer *d, const Dim *dim)
{
    for (int i = 0; i < d->program->ndims; i++)
        if (!strcmp(d->program->dims[i].name, dim->name)) return true;
    return false;
}

/* The index of a new input or constant; -1 when there is no room. */
int draw_source(Drawer *d, Op op, Type type, int range)
{
    for (int i = 0; i < type.rank; i++) /* nothing that is given is as long as what a run counts: it broadcasts */
        if (!dim_is_fixed(&type.dim[i]) && !(op == OP_input && is_given(d, &type.dim[i]))) type.dim[i] = dim_fixed(1);
    Step step = {.op = op, .type = type, .seed = random_bits(&d->random), .range = range};
    step.attrs = arena_alloc(d->program->arena, op_table[op]->attrs.size + 1);
    attr_set_defaults(&op_table[op]->attrs, step.attrs);
    if (op == OP_param) draw_source_param(&d->random, &type, step.attrs);
    if (type_elements(&type) > MOST_ELEMENTS) return -1;
    return draw_add(d, &step) ? d->program->count - 1 : -1;
}

/* ---- operands ---- */

const Type *draw_type_of(const Drawer *d, int step) { return &d->nodes[step]->types[0]; }

/* A value that was computed or put in, one of the last more often than others. */
int draw_value(Drawer *d)
{
    int recent = d->program->count < 4 ? d->program->count : 4;
    for (int attempt = 0; attempt < 20; attempt++) {
        int i = random_percent(&d->random, 65) ? d->program->count - 1 - random_below(&d->random, recent)
                                               : random_below(&d->random, d->program->count);
        bool known = d->program->steps[i].op == OP_constant || d->program->steps[i].op == OP_param;
        bool sized = d->bounded || d->sized || type_is_fixed(draw_type_of(d, i));
        if (!known && sized) return i;
    }
    return 0;
}

/* Some value of the type of `like`; -1 when there is none. */
int draw_same(Drawer *d, int like)
{
    int start = random_below(&d->random, d->program->count);
    for (int i = 0; i < d->program->count; i++) {
        int k = (start + i) % d->program->count;
        if (k != like && type_equal(draw_type_of(d, k), draw_type_of(d, like))) return k;
    }
    return -1;
}

/* A constant that may go with an operand of this type: some axes broadcast, or another matrix. */
static int new_constant(Drawer *d, const Type *like)
{
    Random *r = &d->random;
    Type type = *like;
    if (random_percent(r, 25) && type.rank >= 2) {
        type.dim[type.rank - 2] = type.dim[type.rank - 1];
        type.dim[type.rank - 1] = dim_fixed(random_between(r, 1, 40));
    } else {
        int dropped = random_percent(r, 40) ? random_below(r, type.rank + 1) : 0;
        type.rank -= dropped;
        memmove(type.dim, type.dim + dropped, (size_t)type.rank * sizeof *type.dim);
        for (int i = 0; i < type.rank; i++)
            if (random_percent(r, 25)) type.dim[i] = dim_fixed(1);
        if (random_percent(r, dtype_is_float(type.dtype) ? 5 : 40))
            type.dtype = random_percent(r, 75) ? F32 : F64; /* a scale of integers */
    }
    return draw_source(d, draw_weight(r, RANGE_USUAL), type, RANGE_USUAL);
}

/* What is written over the first operand: its shape, or smaller along some axes. */
static int new_update(Drawer *d, const Type *like)
{
    Random *r = &d->random;
    Type type = *like;
    for (int i = 0; i < type.rank; i++)
        if (random_percent(r, 30)) type.dim[i] = dim_fixed(random_between(r, 1, type.dim[i].high));
    return draw_source(d, d->graph->owner ? OP_constant : OP_input, type, RANGE_USUAL);
}

/* Integers that say where in an operand: its shape, without one axis, or smaller along some axes - of an update, 1. */
static int new_index(Drawer *d, const Type *like, bool written)
{
    Random *r = &d->random;
    Type type = *like;
    if (!written && type.rank && random_percent(r, 25)) {
        type = scan_slice(like, random_percent(r, 50) ? type.rank - 1 : random_below(r, type.rank));
    } else {
        for (int i = 0; i < type.rank; i++)
            if (random_percent(r, 30)) type.dim[i] = dim_fixed(written ? 1 : random_between(r, 1, type.dim[i].high));
    }
    type.dtype = random_percent(r, 50) ? I32 : I64;
    bool given = !d->graph->owner && random_percent(r, 50); /* a body has the inputs that its scan gives it */
    return draw_source(d, given ? OP_input : OP_constant, type, RANGE_USUAL);
}

/* An operand as its operator says that it would fit; -1 when it says nothing, or there is no room. */
static int new_fitting(Drawer *d, const Step *step, int index)
{
    const OpDef *def = op_table[step->op];
    Type type;
    if (!def->fitting || (index && step->inputs[0] < 0)) return -1;
    const Type *first = index ? draw_type_of(d, step->inputs[0]) : NULL;
    if (!def->fitting(index, first, random_below(&d->random, 100), &type)) return -1;
    return draw_source(d, d->graph->owner ? OP_constant : OP_input, type, RANGE_USUAL);
}

static int draw_operand(Drawer *d, const Step *step)
{
    int like = step->inputs[random_below(&d->random, step->ninputs)];
    int choice = random_below(&d->random, 100);
    if (like < 0 || choice < 40) return draw_value(d);
    int same = choice < 70 ? draw_same(d, like) : -1;
    return same >= 0 ? same : new_constant(d, draw_type_of(d, like));
}

/* The parameter that the operator asks for, -1 when its attributes say there is none; false when they do not fit. */
static bool draw_param(Drawer *d, const Step *step, const Operand *operand, int *out)
{
    const OpDef *def = op_table[step->op];
    Value inputs[MAX_OPERANDS] = {value_of((Node *)d->nodes[step->inputs[0]])};
    for (int i = 1; i < step->ninputs; i++)
        if (step->inputs[i] >= 0) inputs[i] = value_of((Node *)d->nodes[step->inputs[i]]);
    Type type;
    Node probe = {.op = step->op, .name = "v", .graph = d->graph, .ninputs = step->ninputs, .inputs = inputs};
    probe.attrs = step->attrs;
    *out = -1;
    if (!def->param(&probe, step->ninputs, &type, &d->diag)) return false;
    if (type.dtype == DTYPE_COUNT) return true;
    if (!type_is_sane(&type)) return false;
    int range = strstr(operand->name, "var") ? RANGE_POSITIVE : RANGE_USUAL;
    *out = draw_source(d, draw_weight(&d->random, range), type, range);
    return *out >= 0;
}

/* ---- steps ---- */

/* A kind first, so that a family of many operators does not crowd out the others. */
Op draw_op(Random *r)
{
    static const OpKind kinds[] = {KIND_MAP,    KIND_MAP,       KIND_MAP,       KIND_MAP,      KIND_MAP,    KIND_VIEW,
                                   KIND_VIEW,   KIND_CONTRACT,  KIND_CONTRACT,  KIND_CONTRACT, KIND_REDUCE, KIND_WINDOW,
                                   KIND_ROW,    KIND_COMPOSITE, KIND_NEST,      KIND_PIECES,   KIND_PIECES, KIND_IOTA,
                                   KIND_INDEX,  KIND_INDEX,     KIND_SCATTER,   KIND_SCATTER,  KIND_LOOP,   KIND_BRANCH,
                                   KIND_PREFIX, KIND_COMPOSITE, KIND_COMPOSITE, KIND_COMPOSITE};
    OpKind kind = RANDOM_OF(r, kinds);
    for (int attempt = 0; attempt < 1000; attempt++) {
        Op op = (Op)random_below(r, OP_COUNT);
        if (op_table[op]->kind == kind && op != OP_external) return op; /* there is no such function */
    }
    return OP_add;
}

/* Of any number, some. */
static int draw_count(Drawer *d, const OpDef *def)
{
    bool variadic = def->noperands && def->operands[def->noperands - 1].flags & OPERAND_VARIADIC;
    return def->noperands + (variadic ? random_below(&d->random, 4) : 0);
}

static bool draw_operands(Drawer *d, Step *step)
{
    const OpDef *def = op_table[step->op];
    int count = draw_count(d, def);
    if (!count) attrs_draw(&d->random, d->program->arena, &def->attrs, draw_type_of(d, draw_value(d)), step->attrs);
    for (int i = 0; i < count; i++) {
        const Operand *operand = &def->operands[i < def->noperands ? i : def->noperands - 1];
        int index = new_fitting(d, step, i);
        if (index >= 0)
            step->inputs[i] = index;
        else if (i == 0)
            index = draw_value(d);
        else if (operand->flags & OPERAND_PARAM && def->param) {
            if (!draw_param(d, step, operand, &index)) return false;
        } else if (operand->flags & OPERAND_OPTIONAL && random_percent(&d->random, 50)) {
            index = -1;
        } else if (operand->flags & OPERAND_INDEX && random_percent(&d->random, 90)) {
            bool written = def->kind == KIND_SCATTER;
            if (step->inputs[written] < 0) return false; /* there was no room for it */
            index = new_index(d, draw_type_of(d, step->inputs[written]), written);
            if (index < 0) return false;
        } else if (def->kind == KIND_SCATTER && i == 1 && random_percent(&d->random, 60)) {
            index = new_update(d, draw_type_of(d, step->inputs[0]));
            if (index < 0) return false;
        } else {
            index = draw_operand(d, step);
        }
        step->inputs[step->ninputs++] = index;
        if (i == 0) attrs_draw(&d->random, d->program->arena, &def->attrs, draw_type_of(d, index), step->attrs);
    }
    return true;
}

static bool is_small(const Node *node)
{
    if (type_elements(&node->types[0]) > MOST_ELEMENTS) return false;
    const OpDef *def = node_def(node);
    if (def->kind != KIND_CONTRACT) return true;
    Contraction c = {0};
    def->contract(node, &c);
    double taps = (double)(c.window.kernel[0] * c.window.kernel[1] * c.in_channels) / (double)c.window.groups;
    return taps * (double)type_elements(&node->types[0]) < (double)MOST_PRODUCTS;
}

/* The operator with its operands; what was made for one that refuses is taken back. */
bool draw_try(Drawer *d, Op op)
{
    if (op_table[op]->kind == KIND_LOOP) return draw_scan(d);
    if (op_table[op]->kind == KIND_BRANCH) return draw_branch(d);
    int before = d->program->count;
    Step step = {.op = op};
    d->bounded = op_table[op]->kind == KIND_MAP;
    const AttrTable *table = &op_table[step.op]->attrs;
    step.attrs = arena_alloc(d->program->arena, table->size + 1);
    bool fits = draw_operands(d, &step);
    for (int i = 0; i < table->count; i++)
        if (table->rows[i].flags & ATTR_LAYER) attr_set_default(&table->rows[i], step.attrs);
    fits = fits && draw_add(d, &step);
    const Node *last = fits ? d->nodes[d->program->count - 1] : NULL;
    /* nothing comes of nothing: few of these, so that there are others */
    if (last && is_small(last) && (!node_is_empty(last) || random_percent(&d->random, 10))) return true;
    while (d->program->count > before) {
        Node *made = (Node *)d->nodes[--d->program->count];
        graph_remove(made->graph, made); /* a scan's constants stand outside of it */
    }
    return false;
}

/* What nobody uses is a result, but for some dead code; and some that are used are results as well. */
static void choose_results(Drawer *d)
{
    Program *program = d->program;
    bool used[MOST_STEPS] = {false};
    for (int i = 0; i < program->count; i++)
        for (int k = 0; k < program->steps[i].ninputs; k++)
            if (program->steps[i].inputs[k] >= 0) used[program->steps[i].inputs[k]] = true;
    for (int i = 0; i < program->count; i++) {
        Step *step = &program->steps[i];
        bool source = op_table[step->op]->kind == KIND_SOURCE;
        step->is_result = !source && random_percent(&d->random, used[i] ? 10 : 93);
    }
    if (!program_results(program)) program->steps[program->count - 1].is_result = true;
}

Program *program_draw(Arena *arena, uint64_t seed, int size)
{
    Program *program = ARENA_NEW(arena, Program);
    program->arena = arena;
    Drawer d = {.random = {seed}, .program = program, .scratch = arena_child(arena), .diag = diag_new(arena)};
    d.graph = graph_new(d.scratch, "drawn");
    d.diag.arena = d.scratch;
    int inputs = (int)random_between(&d.random, 1, 3);
    int range = random_percent(&d.random, 15) ? RANGE_SPECIAL : RANGE_USUAL;
    while (program->count < inputs) draw_source(&d, OP_input, draw_type(&d.random), range);
    int wanted = (int)random_between(&d.random, 1, size);
    for (; wanted > 0 && program->count < MOST_STEPS - MAX_OPERANDS - 2; wanted--) {
        if (random_percent(&d.random, 8) && draw_rows(&d)) continue;
        if (random_percent(&d.random, 4) && draw_views(&d)) continue;
        Op op = draw_op(&d.random);
        for (int attempt = 0; attempt < ATTEMPTS && !draw_try(&d, op); attempt++) continue;
    }
    choose_results(&d);
    arena_free(d.scratch);
    return program;
}

/* ---- programs with bounded dims ---- */

/* Sizes of the first type that are more than 1 become the bounds of dims. */
static void draw_dims(Drawer *d, const Type *type)
{
    static const char *const names[MOST_SIZED] = {"N", "M"};
    Random *r = &d->random;
    Program *program = d->program;
    int most = 1 + random_percent(r, 40);
    for (int i = 0; i < type->rank && program->ndims < most; i++) {
        int64_t high = type->dim[i].high, low = random_percent(r, 25) ? 0 : 1;
        bool known = high < 2 || (program->ndims && program->dims[0].high == high);
        if (known || random_percent(r, 40)) continue;
        if (random_percent(r, 30)) low = random_between(r, 1, high - 1);
        program->dims[program->ndims] = (Dim){.low = low, .high = high, .name = names[program->ndims]};
        program->ndims++;
    }
    d->graph->ndims = program->ndims;
    d->graph->dims = program->dims;
}

/* A type with the bounded dims where it has their bounds. */
static Type sized_type(Drawer *d, Type type)
{
    for (int axis = 0; axis < type.rank; axis++)
        for (int i = 0; i < d->program->ndims; i++)
            if (type.dim[axis].high == d->program->dims[i].high && random_percent(&d->random, 85))
                type.dim[axis] = d->program->dims[i];
    return type;
}

/* The step is taken back when there is no code for what there is then. */
static bool keeps_code(Drawer *d, int before)
{
    const Trial trial = {.cpu = "x86-64", .level = 1, .lowers = true};
    Program program = *d->program;
    for (int i = before; i < program.count; i++) program.steps[i].is_result = true;
    const char *wrong = program_check(&program, &trial, d->scratch);
    if (!wrong || strcmp(wrong, no_code) != 0) return true;
    while (d->program->count > before) {
        Node *made = (Node *)d->nodes[--d->program->count];
        graph_remove(made->graph, made);
    }
    return false;
}

Program *program_draw_sized(Arena *arena, uint64_t seed, int size)
{
    Program *program = ARENA_NEW(arena, Program);
    program->arena = arena;
    Drawer d = {.random = {seed}, .program = program, .scratch = arena_child(arena), .diag = diag_new(arena)};
    d.graph = graph_new(d.scratch, "drawn");
    d.diag.arena = d.scratch;
    d.sized = true;
    Type first = draw_type(&d.random);
    for (int attempt = 0; attempt < ATTEMPTS && !program->ndims; attempt++) {
        first = draw_type(&d.random);
        draw_dims(&d, &first);
    }
    int inputs = (int)random_between(&d.random, 1, 3);
    for (int i = 0; i < inputs || !program->count; i++)
        draw_source(&d, OP_input, sized_type(&d, i ? draw_type(&d.random) : first), RANGE_USUAL);
    int wanted = (int)random_between(&d.random, 1, size);
    for (; wanted > 0 && program->count < MOST_STEPS - MAX_OPERANDS - 2; wanted--) {
        int before = program->count;
        Op op = draw_op(&d.random);
        bool rows = random_percent(&d.random, 8) && draw_rows(&d);
        for (int attempt = 0; !rows && attempt < ATTEMPTS && !draw_try(&d, op); attempt++) continue;
        if (program->count > before) keeps_code(&d, before);
    }
    choose_results(&d);
    arena_free(d.scratch);
    return program;
}
