/* Makes a failing program smaller, one change at a time, as long as it fails: a change is kept when the program can
 * still be built and is still wrong, in whatever way. */
#include "ir/eval.h"
#include "tests/differential/program.h"

#include "passes/pass.h"

#include <stddef.h>
#include <string.h>

enum { MOST_CHECKS = 400 };

typedef struct Reducer {
    Program *program;
    Trial *trial;
    int checks;
} Reducer;

static bool can_build(const Program *program, Arena *arena)
{
    Diag diag = diag_new(arena);
    bool has_input = false; /* a model has one */
    for (int i = 0; i < program->count; i++) has_input |= program->steps[i].op == OP_input;
    return has_input && program_build(program, arena, NULL, &diag) != NULL;
}

/* Takes the changed program and trial over when they fail as well. */
static bool accept(Reducer *r, Program *changed, const Trial *trial)
{
    if (r->checks >= MOST_CHECKS || !program_results(changed)) return false;
    Arena *scratch = arena_child(changed->arena);
    program_prune(changed);
    bool fails = false;
    if (can_build(changed, scratch)) {
        r->checks++;
        const char *wrong = program_check(changed, trial, scratch);
        fails = wrong && strcmp(wrong, no_code) != 0;
    }
    arena_free(scratch);
    if (!fails) return false;
    *r->program = *changed;
    *r->trial = *trial;
    return true;
}

static bool accept_program(Reducer *r, Program *changed) { return accept(r, changed, r->trial); }

static bool drop_results(Reducer *r)
{
    bool better = false;
    for (int i = r->program->count - 1; i >= 0; i--) {
        Program changed = *r->program;
        if (i >= changed.count || !changed.steps[i].is_result) continue;
        changed.steps[i].is_result = false;
        better |= accept_program(r, &changed);
    }
    return better;
}

/* ---- steps ---- */

typedef struct Recorder {
    Arena *arena;
    const Node **nodes;
    int count;
    Tensor *values;
} Recorder;

static void record(void *context, const Node *node, const Tensor *results)
{
    Recorder *recorder = context;
    for (int i = 0; i < recorder->count; i++) {
        if (recorder->nodes[i] != node) continue;
        /* the elements live as long as this call only */
        Tensor *value = &recorder->values[i];
        *value = tensor_new(recorder->arena, results[0].type);
        memcpy(value->data, results[0].data, (size_t)type_bytes(&value->type));
    }
}

/* What each step computes, in the program's arena. */
static Tensor *values_of(const Program *program)
{
    const Node *nodes[MOST_STEPS];
    Arena *arena = program->arena;
    Diag diag = diag_new(arena);
    Graph *graph = program_build(program, arena, nodes, &diag);
    Tensor *values = ARENA_ARRAY(arena, Tensor, program->count), results[MOST_STEPS];
    Recorder recorder = {arena, nodes, program->count, values};
    graph_eval_visit(graph, program_inputs(program, graph, arena), results, arena, record, &recorder);
    return values;
}

/* Of sized programs the type that it has. */
static Type type_of(const Program *program, int i)
{
    const Node *nodes[MOST_STEPS];
    Arena *scratch = arena_child(program->arena);
    Diag diag = diag_new(scratch);
    program_build(program, scratch, nodes, &diag);
    Type type = nodes[i]->types[0];
    for (int axis = 0; axis < type.rank; axis++)
        if (type.dim[axis].name) type.dim[axis].name = arena_copy_string(program->arena, type.dim[axis].name);
    arena_free(scratch);
    return type;
}

/* An input in the place of step i: of the value that it computed, or of one that is drawn. */
static bool cut_step(Reducer *r, int i)
{
    Arena *scratch = arena_child(r->program->arena);
    bool builds = can_build(r->program, scratch);
    arena_free(scratch);
    if (!builds) return false;
    Program changed = *r->program;
    Step *step = &changed.steps[i];
    const Tensor *value = changed.ndims ? NULL : &values_of(&changed)[i];
    *step = (Step){.op = OP_input, .type = value ? value->type : type_of(&changed, i), .seed = 1, .data = value};
    for (int axis = 0; axis < step->type.rank; axis++)
        if (step->type.dim[axis].computed) return false;
    return accept_program(r, &changed);
}

/* Users of step i use one of its operands instead. */
static bool bypass_step(Reducer *r, int i)
{
    for (int k = 0; k < r->program->steps[i].ninputs; k++) {
        Program changed = *r->program;
        int operand = changed.steps[i].inputs[k];
        if (operand < 0) continue;
        for (int user = i + 1; user < changed.count; user++)
            for (int slot = 0; slot < changed.steps[user].ninputs; slot++)
                if (changed.steps[user].inputs[slot] == i) changed.steps[user].inputs[slot] = operand;
        changed.steps[operand].is_result |= changed.steps[i].is_result;
        changed.steps[i].is_result = false;
        if (op_table[changed.steps[operand].op]->kind == KIND_SOURCE) changed.steps[operand].is_result = false;
        if (accept_program(r, &changed)) return true;
    }
    return false;
}

/* Only where that leaves fewer steps, so that cutting comes to an end. */
static bool cut_steps(Reducer *r)
{
    bool better = false;
    for (int i = r->program->count - 1; i >= 0; i--) {
        if (i >= r->program->count || op_table[r->program->steps[i].op]->kind == KIND_SOURCE) continue;
        if (bypass_step(r, i)) {
            better = true;
            continue;
        }
        if (i < r->program->count - 1) better |= cut_step(r, i);
    }
    return better;
}

/* ---- sizes and attributes ---- */

static bool resize(Reducer *r, int64_t from, int64_t to)
{
    Program changed = *r->program;
    for (int i = 0; i < changed.count; i++) {
        Step *step = &changed.steps[i];
        if (op_table[step->op]->kind != KIND_SOURCE) continue;
        for (int axis = 0; axis < step->type.rank; axis++) {
            if (step->type.dim[axis].high != from) continue;
            step->type.dim[axis] = dim_fixed(to);
            step->data = NULL;
        }
    }
    return accept_program(r, &changed);
}

static bool resize_one(Reducer *r, int i, int axis)
{
    Program changed = *r->program;
    Step *step = &changed.steps[i];
    if (step->type.dim[axis].high < 2) return false;
    step->type.dim[axis] = dim_fixed(step->type.dim[axis].high / 2);
    step->data = NULL;
    return accept_program(r, &changed);
}

/* The bound of a declared dim, in all that follows it. */
static bool rebound(Reducer *r, int number, int64_t high)
{
    Program changed = *r->program;
    Dim *declared = &changed.dims[number];
    if (high >= declared->high || high <= declared->low) return false;
    declared->high = high;
    for (int i = 0; i < changed.count; i++)
        for (int axis = 0; axis < changed.steps[i].type.rank; axis++) {
            Dim *dim = &changed.steps[i].type.dim[axis];
            if (dim_is_fixed(dim) || strcmp(dim->name, declared->name) != 0) continue;
            *dim = dim->factor ? dim_form(declared, dim->factor, dim->base, dim->divisor) : *declared;
        }
    return accept_program(r, &changed);
}

static bool shrink_dims(Reducer *r)
{
    bool better = false;
    for (int i = 0; i < r->program->ndims; i++) {
        while (rebound(r, i, r->program->dims[i].high / 2)) better = true;
        while (rebound(r, i, r->program->dims[i].high - 1)) better = true;
    }
    for (int64_t size = 65; size > 1; size--)
        if (!resize(r, size, 1) && !resize(r, size, size / 2) && !resize(r, size, size - 1))
            continue;
        else
            better = true;
    for (int i = 0; i < r->program->count; i++)
        for (int axis = 0; i < r->program->count && axis < r->program->steps[i].type.rank; axis++)
            if (op_table[r->program->steps[i].op]->kind == KIND_SOURCE) better |= resize_one(r, i, axis);
    return better;
}

/* Attributes back to their defaults, elements to usual ones, params to constants. */
static bool plain_step(Reducer *r, int i)
{
    bool better = false;
    const AttrTable *table = &op_table[r->program->steps[i].op]->attrs;
    for (int row = 0; row < table->count && i < r->program->count; row++) {
        Program changed = *r->program;
        Step *step = &changed.steps[i];
        if (&op_table[step->op]->attrs != table) return true;
        if (!step->attrs || attr_is_default(&table->rows[row], step->attrs)) continue;
        void *attrs = arena_alloc(changed.arena, table->size + 1);
        for (size_t k = 0; k < table->size; k++) ((char *)attrs)[k] = ((const char *)step->attrs)[k];
        attr_set_default(&table->rows[row], attrs);
        step->attrs = attrs;
        better |= accept_program(r, &changed);
    }
    return better;
}

static bool simplify_steps(Reducer *r)
{
    bool better = false;
    for (int i = 0; i < r->program->count; i++) {
        Program changed = *r->program;
        if (changed.steps[i].range == RANGE_SPECIAL || changed.steps[i].op == OP_param) {
            changed.steps[i].range = RANGE_USUAL;
            if (changed.steps[i].op == OP_param) changed.steps[i].op = OP_constant;
            if (changed.steps[i].op == OP_constant) changed.steps[i].attrs = NULL;
            better |= accept_program(r, &changed);
        }
        if (i < r->program->count) better |= plain_step(r, i);
    }
    return better;
}

/* ---- the trial ---- */

static bool simplify_trial(Reducer *r)
{
    static const size_t asked[] = {offsetof(Trial, text), offsetof(Trial, quantise), offsetof(Trial, prune),
                                   offsetof(Trial, small), offsetof(Trial, fast)};
    bool better = false;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        Trial trial = *r->trial;
        Program same = *r->program;
        bool *field = (bool *)((char *)&trial + asked[i]);
        if (!*field) continue;
        *field = false;
        better |= accept(r, &same, &trial);
    }
    if (r->trial->threads) {
        Trial trial = *r->trial;
        Program same = *r->program;
        trial.threads = 0;
        better |= accept(r, &same, &trial);
    }
    for (int i = 0; i < pass_count; i++) {
        Trial trial = *r->trial;
        Program same = *r->program;
        if (!(trial.disabled >> i & 1)) continue;
        trial.disabled &= ~(1u << i);
        better |= accept(r, &same, &trial);
    }
    return better;
}

void program_reduce(Program *program, Trial *trial)
{
    Reducer r = {.program = program, .trial = trial};
    bool better = true;
    while (better && r.checks < MOST_CHECKS) {
        better = drop_results(&r);
        better |= cut_steps(&r);
        better |= simplify_trial(&r);
        better |= shrink_dims(&r);
        better |= simplify_steps(&r);
    }
}
