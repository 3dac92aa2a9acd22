/* lepc compare: machine code beside the reference, layer by layer on the same inputs. */
#include "frontend/driver/bound.h"
#include "frontend/driver/expected.h"
#include "frontend/driver/externs.h"
#include "runtime/runner/message.h"
#include "runtime/runner/session.h"

#include "ir/bounded.h"
#include "ir/op.h"
#include "ir/place.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct LayerRow {
    const char *name, *source;
    int64_t elements, wrong; /* beyond the bound, or of other bits when strict */
    double worst;            /* largest difference */
    double share;            /* of the bound that the worst element uses; strict: 0 or infinite */
} LayerRow;

/* What a step left at its result's place, dense. */
static Tensor read_place(Value value, void *const *bases, const LepModel *model, Arena *arena)
{
    const Place *place = &value.node->places[value.slot];
    const Type *type = value_type(value);
    Tensor out = tensor_new(arena, *type);
    int64_t base = place->space == SPACE_INPUT    ? place->index
                   : place->space == SPACE_OUTPUT ? model->ninputs + place->index
                   : place->space == SPACE_STATE  ? model->ninputs + model->noutputs + 2
                                                  : model->ninputs + model->noutputs;
    size_t size = (size_t)dtype_bytes(type->dtype, 1);
    const char *from = (const char *)bases[base] + place->offset + (size_t)place_interior(place) * size;
    int64_t at[MAX_RANK] = {0};
    Place dense = *place; /* the caller's tensors are, whatever memory was planned for */
    if (place->space == SPACE_INPUT || place->space == SPACE_OUTPUT) place_set_strides(&dense, type);
    for (int64_t i = 0; i < type_elements(type); i++) {
        int64_t offset = 0;
        for (int axis = 0; axis < type->rank; axis++) offset += at[axis] * dense.stride[axis];
        memcpy((char *)out.data + (size_t)i * size, from + offset * (int64_t)size, size);
        for (int axis = type->rank - 1; axis >= 0 && ++at[axis] == type->dim[axis].high; axis--) at[axis] = 0;
    }
    return out;
}

/* What f64 holds may be too large for f32. */
static bool overflows(double found, double expected, double bound)
{
    return isinf(found) && fabs(expected) + bound > (double)FLT_MAX && signbit(found) == signbit(expected);
}

/* A negative bound: other bits are wrong, whatever the value. */
static void judge_element(LayerRow *row, double found, double expected, double bound)
{
    bool same = !(bound < 0) && (found == expected || (isnan(found) && isnan(expected)));
    same = same || (!(bound < 0) && overflows(found, expected, bound));
    double difference = same || found == expected ? 0 : fabs(found - expected);
    if (isnan(difference)) difference = INFINITY;
    double share = same ? 0 : bound > 0 ? difference / bound : INFINITY;
    if (difference > row->worst) row->worst = difference;
    if (share > row->share) row->share = share;
    if (share > 1) row->wrong++;
}

static bool same_bits(const Tensor *a, const Tensor *b, int64_t i)
{
    size_t size = (size_t)dtype_bytes(a->type.dtype, 1);
    if (memcmp((const char *)a->data + (size_t)i * size, (const char *)b->data + (size_t)i * size, size) == 0)
        return true;
    return isnan(tensor_real(a, i)) && isnan(tensor_real(b, i));
}

static void judge_result(LayerRow *row, const Tensor *found, const Judgement *judgement)
{
    int64_t count = type_elements(&found->type);
    row->elements += count;
    for (int64_t i = 0; i < count; i++) {
        const Tensor *exact = judgement->exact.data ? &judgement->exact : NULL;
        double value = tensor_real(found, i);
        if (exact && same_bits(found, exact, i)) continue;
        if (judgement->bound.data)
            judge_element(row, value, tensor_real(&judgement->expected, i), tensor_real(&judgement->bound, i));
        else
            judge_element(row, value, tensor_real(exact, i), -1);
    }
}

static const char *source_of(Arena *arena, const Node *node)
{
    if (!node->origin.count) return "";
    const Span *at = &node->origin.at[0];
    if (!at->source) return at->name ? at->name : "";
    const char *slash = strrchr(at->source->path, '/');
    return arena_printf(arena, "%s:%d", slash ? slash + 1 : at->source->path, at->line);
}

/* What the places of all results of a node hold now. */
static const Tensor *read_results(const Node *node, const Session *session, Known *known, Arena *arena)
{
    Tensor *kept = ARENA_ARRAY(arena, Tensor, node->nresults);
    for (int slot = 0; slot < node->nresults; slot++)
        kept[slot] = read_place((Value){(Node *)(uintptr_t)node, slot}, session->bases, session->model, arena);
    *node_map_cell(known->tensors, node) = (int64_t)(intptr_t)kept;
    return kept;
}

/* All results of a step as one row. */
static LayerRow row_of_step(const Compilation *c, const Node *node, const Tensor *found, const Known *known)
{
    LayerRow row = {.name = node->name, .source = source_of(c->arena, node)};
    for (int slot = 0; slot < node->nresults; slot++) {
        Arena *scratch = arena_child(c->arena);
        Judgement judgement = judge_step(node, slot, known, c->options->fp == FP_STRICT, scratch);
        judge_result(&row, &found[slot], &judgement);
        arena_free(scratch);
    }
    return row;
}

/* By the value's name, and by those of the outputs that it is. */
static void judge_expected(Compilation *c, ExpectedList *expected, const Node *node, int slot, const Tensor *found)
{
    Value value = {(Node *)(uintptr_t)node, slot};
    expected_judge(c, expected, value_name(c->arena, value), found);
    for (int i = 0; i < graph_outputs(c->graph); i++)
        if (value_equal(c->graph->results[i].value, value))
            expected_judge(c, expected, c->graph->results[i].name, found);
}

/* Runs and judges every step; returns the number of rows. */
static int judge_all(Compilation *c, const Session *session, LayerRow *rows, ExpectedList *expected)
{
    const LepModel *model = session->model;
    Known known = {.tensors = node_map_new(c->arena)};
    int64_t step = 0;
    for (const Node *node = c->graph->first; node; node = node->next) {
        /* inputs, and views of what is in memory already */
        if (!node_is_step(node) && !node->data) read_results(node, session, &known, c->arena);
        if (!node_is_step(node) || step >= model->nsteps) continue;
        model->steps[step].run(session->bases, NULL);
        const Tensor *found = read_results(node, session, &known, c->arena);
        rows[step++] = row_of_step(c, node, found, &known);
        for (int slot = 0; slot < node->nresults; slot++) judge_expected(c, expected, node, slot, &found[slot]);
    }
    return (int)step;
}

static int compare_rows(const void *left, const void *right)
{
    const LayerRow *a = left, *b = right;
    if (a->share != b->share) return a->share < b->share ? 1 : -1;
    return (a->worst < b->worst) - (a->worst > b->worst);
}

static int print_rows(LayerRow *rows, int count, bool strict)
{
    int64_t wrong = 0;
    qsort(rows, (size_t)count, sizeof *rows, compare_rows);
    printf("%-24s %-20s %10s %10s %12s %s\n", "layer", "source", "elements", strict ? "other bits" : "too far", "worst",
           strict ? "" : "of the bound");
    for (int i = 0; i < count; i++) {
        const LayerRow *row = &rows[i];
        printf("%-24s %-20s %10lld %10lld %12.3g", row->name, row->source, (long long)row->elements,
               (long long)row->wrong, row->worst);
        if (strict)
            putchar('\n');
        else
            printf(" %11.1f%%\n", 100 * row->share);
        wrong += row->wrong;
    }
    if (!wrong)
        printf(strict ? "all %d layers have the reference's bits\n" : "all %d layers are within the bound\n", count);
    else
        printf("%lld elements differ from the reference\n", (long long)wrong);
    return wrong ? STATUS_DIFFERS : STATUS_FINE;
}

/* Inputs from files, the others from the seed. */
static int load_inputs(Session *session)
{
    const Arguments *arguments = session->arguments;
    Rows *rows = calloc((size_t)session->model->ninputs + 1, sizeof *rows);
    int status = rows ? STATUS_FINE : message(STATUS_SYSTEM, "out of memory");
    for (int i = 0; i < arguments->ninputs && !status; i++) {
        int port = arguments->inputs[i].port;
        status = rows_read_sized(&rows[port], arguments->inputs[i].path, &session->sizes, port);
    }
    for (int64_t i = 0; i < session->model->ninputs && !status; i++)
        if (!rows[i].data) session_fill(session, i);
    if (!status) session_load(session, rows, 0);
    for (int64_t i = 0; rows && i < session->model->ninputs; i++) rows_free(&rows[i]);
    free(rows);
    return status;
}

static int compare_model(Compilation *c, const LepModel *model, ExpectedList *expected)
{
    const Options *o = c->options;
    Arguments arguments;
    Session session;
    char **argv = ARENA_ARRAY(c->arena, char *, o->pass_on.count + 2);
    argv[0] = arena_copy_string(c->arena, "lepc compare");
    for (int i = 0; i < o->pass_on.count; i++) argv[i + 1] = arena_copy_string(c->arena, o->pass_on.at[i]);
    int status = arguments_parse(&arguments, model, o->pass_on.count + 1, argv);
    if (!status) status = cpu_check(model);
    if (!status) status = session_open(&session, model, NULL, &arguments);
    if (status) return status;
    status = load_inputs(&session);
    /* what is kept has values of its own after some runs */
    for (int i = 0; i < 3 && model->state_bytes && !status; i++) status = session_run(&session);
    LayerRow *rows = ARENA_ARRAY(c->arena, LayerRow, model->nsteps + 1);
    Compilation sized = *c;
    if (c->graph->ndims && !status) { /* a run says how large all is */
        status = session_run(&session);
        sized.graph = graph_at(c->arena, c->graph, session.table);
    }
    int count = status ? 0 : judge_all(&sized, &session, rows, expected);
    if (!status) status = print_rows(rows, count, o->fp == FP_STRICT);
    int given = expected_finish(c, expected);
    if (!status || given == STATUS_USAGE) status = given;
    session_close(&session);
    return status;
}

int command_compare(Driver *driver)
{
    Compilation c = compilation_new(driver);
    Bytes object;
    ExpectedList *expected = ARENA_NEW(driver->arena, ExpectedList);
    if (!expected_read(&c, expected)) return STATUS_INPUT;
    if (!compile_object(&c, driver->options.model, &object)) return STATUS_INPUT;
    if (!externs_are_absent(&c, "compare")) return STATUS_INPUT;
    Jit *jit = jit_load(&object, c.diag);
    const LepModel *model = jit ? jit_symbol(jit, "lep_model", c.diag) : NULL;
    int status = model ? compare_model(&c, model, expected) : STATUS_OURS;
    if (jit) jit_free(jit);
    return status;
}
