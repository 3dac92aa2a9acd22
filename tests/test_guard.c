/* Machine code under guard pages: no byte beside the user's buffers is read or written, at any alignment of theirs, and
 * the results do not depend on it. */
#include "ir/schedule.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"
#include "tests/support/native.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ALIGNMENTS = 64, MOST_PORTS = 8 };

/* ---- models: odd sizes everywhere, so that every loop has a tail ---- */

static Value conv(Sketch *s, Value x, int64_t kernel, int64_t in, int64_t out, ConvAttrs attrs)
{
    Value weight = sketch_param(s, F32, DIMS(kernel, kernel, in, out)), bias = sketch_param(s, F32, DIMS(out));
    return sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, weight, bias));
}

static ConvAttrs conv_attrs(int pad)
{
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.pad.mode = pad;
    return attrs;
}

static void model_convolution(Sketch *s)
{
    Value x = sketch_input(s, F32, DIMS(1, 7, 9, 3));
    Value y = conv(s, x, 3, 3, 17, conv_attrs(PAD_SAME));
    sketch_output(s, sketch_op(s, OP_relu, NULL, OPERANDS(y)));
    sketch_output(s, conv(s, x, 1, 3, 5, conv_attrs(PAD_VALID)));
}

static void model_pooled(Sketch *s)
{
    PoolAttrs pool;
    attr_set_defaults(&op_max_pool.attrs, &pool);
    pool.size = (IntList){2, {2, 2}};
    Value x = sketch_input(s, F32, DIMS(1, 11, 9, 1));
    Value y = conv(s, x, 3, 1, 33, conv_attrs(PAD_VALID));
    sketch_output(s, sketch_op(s, OP_max_pool, &pool, OPERANDS(y)));
    pool.size = (IntList){2, {3, 2}};
    sketch_output(s, sketch_op(s, OP_max_pool, &pool, OPERANDS(x)));
    sketch_output(s, sketch_op(s, OP_average_pool, &pool, OPERANDS(x)));
}

/* By Winograd's transforms, whose strips in scratch are all of the arena; strips of an image that they do not divide.
 */
static void model_strips(Sketch *s)
{
    sketch_output(s, conv(s, sketch_input(s, F32, DIMS(1, 11, 13, 16)), 3, 16, 20, conv_attrs(PAD_VALID)));
}

static void model_dense(Sketch *s)
{
    Value x = sketch_input(s, F32, DIMS(3, 13));
    Value weight = sketch_param(s, F32, DIMS(13, 10)), bias = sketch_param(s, F32, DIMS(10));
    Value y = sketch_op(s, OP_dense, NULL, OPERANDS(x, weight, bias));
    sketch_output(s, sketch_op(s, OP_softmax, NULL, OPERANDS(y)));
}

static void model_product(Sketch *s)
{
    Value a = sketch_input(s, F32, DIMS(2, 5, 7)), b = sketch_input(s, F32, DIMS(2, 7, 19));
    sketch_output(s, sketch_op(s, OP_matmul, NULL, OPERANDS(a, b)));
}

static void model_bytes(Sketch *s)
{
    CastAttrs to = {.to = F32};
    Value x = sketch_input(s, U8, DIMS(1, 5, 7, 3)), flags = sketch_input(s, BOOL, DIMS(1, 5, 7, 3));
    Value y = sketch_op(s, OP_cast, &to, OPERANDS(x));
    Value scaled = sketch_op(s, OP_div, NULL, OPERANDS(y, sketch_number(s, F32, 255)));
    sketch_output(s, sketch_op(s, OP_where, NULL, OPERANDS(flags, scaled, y)));
    sketch_output(s, sketch_op(s, OP_less, NULL, OPERANDS(scaled, y)));
}

static void model_moved(Sketch *s)
{
    ReduceAttrs reduce;
    attr_set_defaults(&op_reduce_sum.attrs, &reduce);
    reduce.axes = (IntList){1, {1}};
    Value x = sketch_input(s, F32, DIMS(3, 11, 5)), i = sketch_input(s, I8, DIMS(9, 7));
    sketch_output(s, sketch_op(s, OP_transpose, NULL, OPERANDS(x)));
    sketch_output(s, sketch_op(s, OP_reduce_sum, &reduce, OPERANDS(x)));
    sketch_output(s, sketch_op(s, OP_transpose, NULL, OPERANDS(i)));
}

/* ---- 8-bit numbers, straight from the user's buffers ---- */

static Value scale(Sketch *s, int64_t channels)
{
    Value value = sketch_param(s, F32, DIMS(channels));
    for (int64_t i = 0; i < channels; i++)
        tensor_set_real((Tensor *)(uintptr_t)value.node->data, i, 0.002 * (double)(1 + i % 3));
    return value;
}

static Value requantize(Sketch *s, Value sums, Dtype to)
{
    const Type *type = value_type(sums);
    RequantizeAttrs attrs;
    attr_set_defaults(&op_requantize.attrs, &attrs);
    attrs.to = (int)to;
    attrs.zero = 5;
    return sketch_op(s, OP_requantize, &attrs, OPERANDS(sums, scale(s, type->dim[type->rank - 1].high)));
}

static Value conv8(Sketch *s, Value x, int64_t kernel, int64_t out, int64_t groups, ConvAttrs attrs)
{
    int64_t in = value_type(x)->dim[3].high;
    attrs.groups = groups;
    Value weight = sketch_param(s, I8, DIMS(kernel, kernel, in / groups, out)), bias = sketch_param(s, I32, DIMS(out));
    return sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, weight, bias));
}

/* Rows of a kernel of 3 x 3 and of 3 x 5 inputs, and runs of 3 and 5: no multiple of what one step multiplies. */
static void convolution8(Sketch *s, Dtype dtype)
{
    ConvAttrs wide = conv_attrs(PAD_VALID);
    wide.stride = (IntList){2, {2, 3}};
    wide.dilation = (IntList){2, {2, 2}};
    Value x = sketch_input(s, dtype, DIMS(1, 7, 9, 3)), y = sketch_input(s, dtype, DIMS(1, 6, 7, 5));
    sketch_output(s, requantize(s, conv8(s, x, 3, 17, 1, conv_attrs(PAD_VALID)), dtype));
    sketch_output(s, conv8(s, y, 3, 7, 1, wide));
    sketch_output(s, requantize(s, conv8(s, y, 1, 33, 1, conv_attrs(PAD_VALID)), I8));
}

static void model_convolution_u8(Sketch *s) { convolution8(s, U8); }
static void model_convolution_i8(Sketch *s) { convolution8(s, I8); }

static void model_padded8(Sketch *s)
{
    PoolAttrs pool;
    attr_set_defaults(&op_max_pool.attrs, &pool);
    pool.size = (IntList){2, {2, 2}};
    ConvAttrs same = conv_attrs(PAD_SAME);
    same.pad_value = 7;
    Value x = sketch_input(s, U8, DIMS(1, 5, 7, 3));
    Value y = requantize(s, conv8(s, x, 3, 9, 1, same), U8);
    sketch_output(s, sketch_op(s, OP_max_pool, &pool, OPERANDS(y)));
    sketch_output(s, requantize(s, conv8(s, y, 3, 9, 9, same), I8));
}

static void dense8(Sketch *s, Dtype dtype)
{
    Value x = sketch_input(s, dtype, DIMS(3, 13)), y = sketch_input(s, dtype, DIMS(1, 67));
    sketch_output(s, sketch_op(s, OP_dense, NULL, OPERANDS(x, sketch_param(s, I8, DIMS(13, 10)))));
    sketch_output(s, requantize(s, sketch_op(s, OP_matmul, NULL, OPERANDS(y, sketch_param(s, I8, DIMS(67, 19)))), I8));
    Value two = sketch_input(s, dtype, DIMS(5, 1));
    sketch_output(s, sketch_op(s, OP_matmul, NULL, OPERANDS(two, sketch_param(s, I8, DIMS(1, 3)))));
}

static void model_dense_u8(Sketch *s) { dense8(s, U8); }
static void model_dense_i8(Sketch *s) { dense8(s, I8); }

/* ---- zeros that are skipped, and strips ---- */

/* Nine of ten blocks of 1 x 16 are zero. */
static Value sparse_weight(Sketch *s, int rank, const int64_t *dims)
{
    Value weight = sketch_param(s, F32, rank, dims);
    int64_t columns = dims[rank - 1];
    for (int64_t i = 0; i < type_elements(value_type(weight)); i++)
        if ((i / columns * 7 + i % columns / 16) % 10) tensor_set_real((Tensor *)(uintptr_t)weight.node->data, i, 0);
    return weight;
}

static void model_sparse(Sketch *s)
{
    ConvAttrs same = conv_attrs(PAD_SAME), valid = conv_attrs(PAD_VALID);
    Value x = sketch_input(s, F32, DIMS(1, 9, 11, 19)), row = sketch_input(s, F32, DIMS(2, 131));
    sketch_output(s, sketch_op(s, OP_conv2d, &same, OPERANDS(x, sparse_weight(s, DIMS(3, 3, 19, 37)))));
    sketch_output(s, sketch_op(s, OP_conv2d, &valid, OPERANDS(x, sparse_weight(s, DIMS(3, 3, 19, 33)))));
    sketch_output(s, sketch_op(s, OP_dense, NULL, OPERANDS(row, sparse_weight(s, DIMS(131, 69)))));
}

static void model_winograd(Sketch *s)
{
    Value x = sketch_input(s, F32, DIMS(1, 15, 13, 35)), y = sketch_input(s, F32, DIMS(1, 29, 31, 33));
    Value z = sketch_input(s, F32, DIMS(1, 7, 8, 65));
    sketch_output(s, conv(s, x, 3, 35, 37, conv_attrs(PAD_VALID)));
    sketch_output(s, conv(s, y, 3, 33, 39, conv_attrs(PAD_SAME)));
    sketch_output(s, conv(s, z, 3, 65, 67, conv_attrs(PAD_VALID)));
}

typedef struct Model {
    const char *name;
    void (*make)(Sketch *s);
} Model;
static const Model models[] = {
    {"convolution", model_convolution},
    {"pooled", model_pooled},
    {"strips", model_strips},
    {"dense", model_dense},
    {"product", model_product},
    {"bytes", model_bytes},
    {"moved", model_moved},
    {"convolution of u8", model_convolution_u8},
    {"convolution of i8", model_convolution_i8},
    {"padded, in 8 bits", model_padded8},
    {"dense of u8", model_dense_u8},
    {"dense of i8", model_dense_i8},
    {"sparse", model_sparse},
    {"winograd", model_winograd},
};

/* ---- runs ---- */

/* Where every buffer lies in one run. */
typedef struct Layout {
    int offset;
    bool at_end;
} Layout;

typedef struct Run {
    const LepModel *model;
    Guard guards[MOST_PORTS + 1];
    void *bases[MOST_PORTS + 1];
    int nports;
} Run;

static const LepPort *port_of(const LepModel *model, int i)
{
    return i < model->ninputs ? &model->inputs[i] : &model->outputs[i - model->ninputs];
}

static void run_open(Run *run, const LepModel *model, Layout layout)
{
    run->model = model;
    run->nports = (int)(model->ninputs + model->noutputs);
    for (int i = 0; i < run->nports; i++) {
        run->guards[i] = guard_new((size_t)port_of(model, i)->bytes, (size_t)layout.offset, layout.at_end);
        run->bases[i] = run->guards[i].data;
    }
    size_t arena = ((size_t)model->arena_bytes + 63) / 64 * 64;
    run->guards[run->nports] = guard_new(arena, 0, layout.at_end);
    run->bases[run->nports] = run->guards[run->nports].data;
    for (int i = 0; i < model->ninputs; i++) {
        unsigned char *bytes = run->bases[i];
        Tensor values = {.type =
                             type_tensor((Dtype)model->inputs[i].dtype, model->inputs[i].rank, model->inputs[i].dim)};
        values.data = malloc((size_t)model->inputs[i].bytes);
        fill_tensor(&values, 3 + (uint32_t)i);
        memcpy(bytes, values.data, (size_t)model->inputs[i].bytes);
        free(values.data);
    }
}

static void run_close(Run *run)
{
    for (int i = 0; i <= run->nports; i++) guard_free(&run->guards[i]);
}

/* What is wrong with a run compared to the first one; NULL for nothing. */
static const char *judge(const Run *run, const Run *first, int status)
{
    if (status != LEP_OK) return "the model refuses its buffers";
    for (int i = 0; i <= run->nports; i++)
        if (!guard_intact(&run->guards[i])) return "bytes beside a buffer were written";
    for (int i = 0; i < run->nports; i++)
        if (memcmp(run->bases[i], first->bases[i], (size_t)port_of(run->model, i)->bytes) != 0)
            return i < run->model->ninputs ? "an input was written" : "the result depends on where the buffers are";
    return NULL;
}

static const char *run_layouts(const LepModel *model, int progress)
{
    Run first, run;
    run_open(&first, model, (Layout){0, true});
    model->run(first.bases, NULL);
    for (int i = 0; i < 2 * ALIGNMENTS; i++) {
        Layout layout = {i / 2, i % 2};
        if (write(progress, &layout, sizeof layout) != sizeof layout) return "no pipe";
        run_open(&run, model, layout);
        const char *wrong = judge(&run, &first, model->run(run.bases, NULL));
        run_close(&run);
        if (wrong) return wrong;
    }
    run_close(&first);
    return NULL;
}

static void run_child(const Model *model, const char *cpu, int level, int progress)
{
    Arena *arena = arena_new(NULL, NULL);
    Sketch sketch = sketch_new(arena, model->name);
    model->make(&sketch);
    Target target;
    Compiled compiled;
    bool good = target_select("", cpu, "", arena, &target, sketch.diag);
    PassContext context = {.target = &target, .level = level, .fast = true};
    if (!good || !compiled_new(sketch.graph, &context, arena, &compiled, sketch.diag)) {
        diag_print(sketch.diag, stderr, false);
        _exit(1);
    }
    const char *wrong = run_layouts(compiled.model, progress);
    if (model->make == model_strips && !compiled.model->arena_bytes) wrong = "there is no scratch";
    if (wrong) fprintf(stderr, "%s: %s\n", model->name, wrong);
    _exit(wrong != NULL);
}

/* In a process of its own: touching a guard page ends it. */
static void check_model(const Model *model, const char *cpu, int level)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        run_child(model, cpu, level, ends[1]);
    }
    close(ends[1]);
    Layout layout = {-1, false};
    while (read(ends[0], &layout, sizeof layout) == sizeof layout) continue;
    close(ends[0]);
    waitpid(child, &status, 0);
    if (status)
        fail_msg("%s on %s at -O%d: %s %d with buffers %d bytes %s a guard page", model->name, cpu, level,
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), layout.offset,
                 layout.at_end ? "before" : "behind");
    assert_int_equal(layout.offset, ALIGNMENTS - 1);
}

static void check_cpu(const char *cpu)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int level = 0; level <= 3; level += 3) check_model(&models[i], cpu, level);
}

static void test_baseline(void **state)
{
    (void)state;
    check_cpu("x86-64");
}

static void test_vector_levels(void **state)
{
    (void)state;
    const char *cpus[HOST_CPUS];
    int count = host_cpus(cpus);
    if (!count) skip();
    for (int i = 0; i < count; i++) check_cpu(cpus[i]);
}

/* Every variant is what some model becomes, for one cpu or another. */
static void test_every_variant_is_chosen(void **state)
{
    static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4", "cascadelake"};
    bool seen[VARIANT_COUNT] = {false};
    for (size_t k = 0; k < sizeof cpus / sizeof *cpus; k++)
        for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
            Arena *arena = arena_new(NULL, NULL);
            Sketch sketch = sketch_new(arena, models[i].name);
            Target target;
            models[i].make(&sketch);
            assert_true(target_select("", cpus[k], "", arena, &target, sketch.diag));
            PassContext context = {.target = &target, .level = 3, .fast = true};
            assert_true(pass_pipeline(sketch.graph, &context, NULL, NULL, NULL, sketch.diag));
            for (const Node *node = sketch.graph->first; node; node = node->next)
                if (node->schedule) seen[node->schedule->variant] = true;
            arena_free(arena);
        }
    (void)state;
    for (int i = 0; i < VARIANT_COUNT; i++)
        if (!seen[i]) fail_msg("no model is of the variant %s", variant_names[i]);
}

/* The guards themselves: a byte read or written beside a buffer is noticed. */
static void test_guards_work(void **state)
{
    (void)state;
    for (int at_end = 0; at_end < 2; at_end++) {
        Guard guard = guard_new(10, 0, at_end);
        volatile unsigned char *data = guard.data;
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);
            _exit(at_end ? data[10] : data[-1]);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1); /* a sanitizer ends it with 1 */
        assert_true(guard_intact(&guard));
        data[at_end ? -1 : 10] = 0;
        assert_false(guard_intact(&guard));
        guard_free(&guard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guards_work),
        cmocka_unit_test(test_every_variant_is_chosen),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_vector_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
