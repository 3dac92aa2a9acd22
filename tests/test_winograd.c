/* Winograd's variants beside f64: the bound that `compare` holds them to, at every width of vectors, and that schedules
 * choose them where they are cheaper and nowhere else. */
#include "frontend/driver/bound.h"
#include "ir/packing.h"
#include "ir/winograd.h"
#include "passes/report_memory.h"
#include "passes/variants.h"
#include "tests/support/compile.h"
#include "tests/support/native.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- drawing ---- */

typedef struct Draw {
    uint64_t state;
} Draw;

static uint64_t draw_bits(Draw *d)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return d->state >> 33;
}

static int64_t draw_between(Draw *d, int64_t low, int64_t high)
{
    return low + (int64_t)(draw_bits(d) % (uint64_t)(high - low + 1));
}

static double draw_unit(Draw *d) { return (double)draw_bits(d) * 0x1p-30 - 1; }

/* Of one size; of magnitudes from 2^-40 to 2^40; or zeros but for a few that are huge.  Then what transforms suffer
 * from: small differences of large numbers, which they subtract first; signs that alternate from pixel to pixel, or
 * every two of them, which is how the rows of B' alternate, so that nothing cancels that they add. */
typedef enum Magnitudes { USUAL, WIDE, SPARSE, OFFSET, ALTERNATING, PAIRS, MAGNITUDES } Magnitudes;

/* The sign at a pixel of a tensor whose rows and columns are axes `axis` and `axis + 1`. */
static double sign_at(const Type *type, int64_t index, int axis, int64_t period)
{
    int64_t inner = 1, columns = type->dim[axis + 1].high, rows = type->dim[axis].high;
    for (int i = axis + 2; i < type->rank; i++) inner *= type->dim[i].high;
    int64_t x = index / inner % columns, y = index / inner / columns % rows;
    return (x / period + y / period) % 2 ? -1 : 1;
}

static void draw_tensor(Tensor *tensor, Draw *d, Magnitudes magnitudes, int axis)
{
    const Type *type = &tensor->type;
    bool image = type->rank == 4;
    for (int64_t i = 0; i < type_elements(type); i++) {
        double value = draw_unit(d);
        if (magnitudes == WIDE) value = ldexp(value, (int)draw_between(d, -40, 40));
        if (magnitudes == SPARSE) value = draw_between(d, 0, 9) ? value * 0x1p-20 : value * 0x1p20;
        if (magnitudes == OFFSET) value = axis ? 1000 + value : value;
        if (magnitudes == ALTERNATING && image) value = sign_at(type, i, axis, 1) * (1 + 0x1p-4 * value);
        if (magnitudes == PAIRS && image) value = sign_at(type, i, axis, axis ? 2 : 1) * (1 + 0x1p-4 * value);
        tensor_set_real(tensor, i, value);
    }
}

/* ---- one convolution ---- */

typedef struct Shape {
    int64_t images, height, width, in, out;
    Pad pad;
    bool bias, relu, residual;
    int64_t pool;
} Shape;

static Value param_of(Sketch *s, int rank, const int64_t *dims, Draw *d, Magnitudes magnitudes)
{
    Value value = sketch_param(s, F32, rank, dims);
    draw_tensor((Tensor *)(uintptr_t)value.node->data, d, magnitudes, 0);
    return value;
}

static void make_model(Sketch *s, const Shape *shape, Draw *d, Magnitudes magnitudes)
{
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.pad = shape->pad;
    Value x = sketch_input(s, F32, DIMS(shape->images, shape->height, shape->width, shape->in));
    Value w = param_of(s, DIMS(3, 3, shape->in, shape->out), d, magnitudes);
    Value bias = {NULL, 0};
    if (shape->bias) bias = param_of(s, DIMS(shape->out), d, magnitudes);
    Value y = shape->bias ? sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, w, bias))
                          : sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, w));
    if (shape->residual) {
        const Type *type = value_type(y);
        Value beside = sketch_input(s, F32, DIMS(shape->images, type->dim[1].high, type->dim[2].high, shape->out));
        y = sketch_op(s, OP_add, NULL, OPERANDS(y, beside));
    }
    if (shape->relu) y = sketch_op(s, OP_relu, NULL, OPERANDS(y));
    if (shape->pool) {
        PoolAttrs pool;
        attr_set_defaults(&op_max_pool.attrs, &pool);
        pool.size = (IntList){2, {shape->pool, shape->pool}};
        y = sketch_op(s, OP_max_pool, &pool, OPERANDS(y));
    }
    sketch_output(s, y);
}

static PassContext context_for(const Target *target)
{
    return (PassContext){.target = target, .fast = true, .level = 3};
}

/* What is left of a schedule when the variant is given: its cheapest candidate, with other strips when asked for. */
static bool force(Graph *graph, const PassContext *context, int variant, Draw *d)
{
    bool forced = false;
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_group) continue;
        Group group = group_of(node);
        int64_t outputs = winograd_outputs(variant);
        if (!winograd_fits(&group, outputs)) continue;
        Schedule schedule;
        VariantCandidate *candidate = outputs == 2 ? variant_winograd2 : variant_winograd4;
        assert_true(candidate(&group, context, &schedule));
        Winograd w = winograd_of(&group, outputs, 1, 1);
        if (d) {
            schedule.strip_rows = draw_between(d, 1, w.tiles[0]);
            schedule.strip_columns = draw_between(d, 1, w.tiles[1]);
            schedule.scratch = winograd_of(&group, outputs, schedule.strip_rows, schedule.strip_columns).scratch;
        }
        schedule.variant = variant;
        schedule.threads = schedule.products = 1;
        *node->schedule = schedule;
        forced = true;
    }
    return forced;
}

typedef struct Session {
    const LepModel *model;
    void *bases[8];
    void *arena;
} Session;

static Session session_new(const LepModel *model, const Tensor *inputs, const Tensor *result)
{
    Session s = {.model = model};
    int n = 0;
    for (int64_t i = 0; i < model->ninputs; i++) s.bases[n++] = inputs[i].data;
    s.bases[n++] = result->data;
    size_t bytes = ((size_t)model->arena_bytes + 127) / 64 * 64;
    s.bases[n] = s.arena = aligned_alloc(64, bytes);
    memset(s.arena, 0xff, bytes);
    return s;
}

/* The worst share of the allowed error in the graph's result, the last group's, beside what f64 says. */
static double worst_share(const Graph *graph, const Tensor *inputs, const Tensor *result, Arena *arena)
{
    Known known = {.tensors = node_map_new(arena)};
    const Node *last = NULL;
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_input) *node_map_cell(known.tensors, node) = (int64_t)(intptr_t)&inputs[count++];
        if (node->op != OP_group) continue;
        last = node;
        Group group = group_of(node);
        if (group.kind == KIND_MAP) { /* the copy with a ring */
            const Node *from = group.body->first->inputs[0].node;
            *node_map_cell(known.tensors, node) = *node_map_find(known.tensors, from);
        }
    }
    Judgement j = judge_step(last, 0, &known, false, arena);
    double worst = 0;
    for (int64_t i = 0; i < type_elements(&result->type); i++) {
        double error = fabs(tensor_real(result, i) - tensor_real(&j.expected, i)), bound = tensor_real(&j.bound, i);
        double share = error <= bound ? error / (bound + 1e-300) : INFINITY;
        if (!(share <= 1)) return INFINITY;
        worst = fmax(worst, share);
    }
    return worst;
}

/* Compiles the convolution for the cpu with the variant and runs it. */
static double check_shape(const Shape *shape, const char *cpu, int variant, Magnitudes magnitudes, uint64_t seed)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Draw d = {seed};
    Target target;
    Sketch s = sketch_new(arena, "winograd");
    make_model(&s, shape, &d, magnitudes);
    assert_true(target_select("", cpu, "", arena, &target, &diag));
    PassContext context = context_for(&target);
    Tensor inputs[2], result = tensor_new(arena, *value_type(s.graph->results[0].value));
    int count = 0;
    for (const Node *node = s.graph->first; node; node = node->next)
        if (node->op == OP_input) {
            inputs[count] = tensor_new(arena, node->types[0]);
            draw_tensor(&inputs[count++], &d, magnitudes, 1);
        }
    bool good = pass_pipeline(s.graph, &context, "schedule", NULL, NULL, &diag);
    assert_true(good && force(s.graph, &context, variant, seed % 2 ? &d : NULL));
    Compiled compiled;
    good = compiled_new(s.graph, &context, arena, &compiled, &diag);
    diag_print(&diag, stderr, false);
    assert_true(good);
    Session session = session_new(compiled.model, inputs, &result);
    assert_int_equal(compiled.model->run(session.bases, NULL), LEP_OK);
    double worst = worst_share(s.graph, inputs, &result, arena);
    free(session.arena);
    compiled_free(&compiled);
    arena_free(arena);
    return worst;
}

static const int variants[] = {VARIANT_WINOGRAD2, VARIANT_WINOGRAD4};

static Shape draw_shape(Draw *d)
{
    static const int modes[] = {PAD_VALID, PAD_SAME, PAD_EXPLICIT};
    Shape shape = {.images = draw_between(d, 1, 2),
                   .height = draw_between(d, 3, 13),
                   .width = draw_between(d, 3, 13),
                   .in = draw_between(d, 1, 40),
                   .out = draw_between(d, 1, 70),
                   .pad = {.mode = modes[draw_between(d, 0, 2)], .sizes = {4, {2, 0, 1, 3}}},
                   .bias = draw_between(d, 0, 1),
                   .relu = draw_between(d, 0, 1),
                   .residual = draw_between(d, 0, 1)};
    bool pools = shape.pad.mode != PAD_VALID && draw_between(d, 0, 2) == 0;
    if (pools) shape.pool = 2;
    return shape;
}

static int cpus_here(const char *cpus[HOST_CPUS + 1])
{
    cpus[0] = "x86-64";
    return 1 + host_cpus(cpus + 1);
}

static void odd_shapes_are_within_the_bound(void **state)
{
    const char *cpus[HOST_CPUS + 1];
    int ncpus = cpus_here(cpus), count = getenv("LEPC_SAMPLED") ? 6 : 24;
    double worst[MAGNITUDES][2] = {{0}};
    for (uint64_t seed = 1; seed <= (uint64_t)count; seed++) {
        Draw d = {seed * 99};
        Shape shape = draw_shape(&d);
        Magnitudes magnitudes = (Magnitudes)(seed % MAGNITUDES);
        const char *cpu = cpus[seed % (uint64_t)ncpus];
        for (int i = 0; i < 2; i++) {
            double share = check_shape(&shape, cpu, variants[i], magnitudes, seed);
            if (!(share <= 1)) fail_msg("seed %d: %s on %s", (int)seed, variant_names[variants[i]], cpu);
            worst[magnitudes][i] = fmax(worst[magnitudes][i], share);
        }
    }
    for (int m = 0; m < MAGNITUDES; m++)
        print_message("magnitudes %d: F(2,3) %.3f, F(4,3) %.3f of the bound at worst\n", m, worst[m][0], worst[m][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_shapes_are_within_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
