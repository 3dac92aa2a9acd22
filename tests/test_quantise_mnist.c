/* MNIST in 8 bits, calibrated on training images: as right as in f32, native bits those of the interpreter on every
 * level of processor, constants a fourth.  Needs the images; says so when it lacks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "ir/eval.h"
#include "tests/support/compile.h"
#include "tests/support/setting.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, IMAGES = 10000, CALIBRATION = 300, COMPARED = 24 };

typedef struct Images {
    unsigned char *pixels, *labels; /* labels NULL: none were read */
    int count;
} Images;

static unsigned char *read_tail(const char *name, size_t header, size_t bytes)
{
    const char *data = getenv("LEPC_DATA");
    char command[4096];
    snprintf(command, sizeof command, "gzip -dc '%s/data/mnist/%s.gz' 2>&-", data ? data : "../shared", name);
    FILE *file = popen(command, "r");
    if (!file) return NULL;
    unsigned char *out = malloc(bytes), skipped[16];
    bool good = out && fread(skipped, 1, header, file) == header && fread(out, 1, bytes, file) == bytes;
    pclose(file);
    if (!good) free(out);
    return good ? out : NULL;
}

static Graph *read_model(Arena *arena, Diag *diag)
{
    const Source *source = source_read(arena, "examples/mnist/mnist.lep", 1 << 20, diag);
    const Ast *ast = source ? ast_parse(arena, source, diag) : NULL;
    return ast ? elaborate(arena, ast, &(ElaborateOptions){0}, diag) : NULL;
}

static Tensor image_tensor(const unsigned char *pixels)
{
    return (Tensor){type_tensor(U8, 4, (const int64_t[]){1, SIDE, SIDE, 1}), (void *)(uintptr_t)pixels};
}

/* ---- one compilation ---- */

static const QuantRow all_rows[] = {{.layer = "all", .to = I8, .per_channel = true}};

typedef struct Built {
    Graph *graph; /* planned */
    Compiled code;
    void *room;
} Built;

static Built build(Arena *arena, const char *cpu, const Policy *policy, const Samples *samples)
{
    Built out = {.graph = NULL};
    Diag diag = diag_new(arena);
    Target *target = ARENA_NEW(arena, Target);
    out.graph = read_model(arena, &diag);
    bool good = out.graph && target_select("", cpu, "", arena, target, &diag);
    PassContext context = {.target = target, .level = 2, .fast = true, .policy = policy, .samples = samples};
    good = good && compiled_new(out.graph, &context, arena, &out.code, &diag);
    diag_print(&diag, stderr, false);
    assert_true(good);
    out.room = aligned_alloc(64, (size_t)(out.code.model->arena_bytes + 127) / 64 * 64);
    return out;
}

static void run_image(const Built *built, const unsigned char *pixels, float *digit)
{
    void *bases[] = {(void *)(uintptr_t)pixels, digit, built->room};
    assert_int_equal(built->code.model->run(bases, NULL), LEP_OK);
}

static int count_right(const Built *built, const Images *images)
{
    int right = 0;
    for (int i = 0; i < images->count; i++) {
        float digit[10];
        int best = 0;
        run_image(built, images->pixels + (size_t)i * PIXELS, digit);
        for (int k = 1; k < 10; k++)
            if (digit[k] > digit[best]) best = k;
        right += best == images->labels[i];
    }
    return right;
}

/* The classes' numbers before softmax are real ones; after it f32 without fma differs in bits, as DESIGN says. */
static void check_bits(const Built *built, const Images *images, Arena *arena, bool has_fma)
{
    for (int i = 0; i < COMPARED; i++) {
        Arena *scratch = arena_child(arena);
        const unsigned char *pixels = images->pixels + (size_t)i * 397 % IMAGES * PIXELS;
        Tensor input = image_tensor(pixels), expected;
        float digit[10];
        graph_eval(built->graph, &input, &expected, scratch);
        run_image(built, pixels, digit);
        for (int k = 0; k < 10; k++) {
            float wanted = ((const float *)expected.data)[k];
            if (has_fma) assert_memory_equal(&digit[k], &wanted, sizeof wanted);
            assert_true(digit[k] - wanted < 1e-6f && wanted - digit[k] < 1e-6f);
        }
        arena_free(scratch);
    }
}

static void mnist_in_8_bits(void **state)
{
    Images test = {.count = IMAGES};
    test.pixels = read_tail("t10k-images-idx3-ubyte", 16, (size_t)IMAGES * PIXELS);
    test.labels = read_tail("t10k-labels-idx1-ubyte", 8, IMAGES);
    unsigned char *train = read_tail("train-images-idx3-ubyte", 16, (size_t)CALIBRATION * PIXELS);
    if (!test.pixels || !test.labels || !train) {
        print_message("skipped: no MNIST images; LEPC_DATA says where data/mnist is\n");
        skip();
    }
    Tensor tensors[CALIBRATION];
    for (int i = 0; i < CALIBRATION; i++) tensors[i] = image_tensor(train + (size_t)i * PIXELS);
    Samples samples = {.count = CALIBRATION, .ninputs = 1, .tensors = tensors};
    Policy policy = {.nquant = 1, .quant = all_rows, .method = CALIBRATE_MIN_MAX, .percentile = 99.99};
    const char *cpus[1 + HOST_CPUS] = {"x86-64"};
    int ncpus = 1 + host_cpus(cpus + 1);
    Built real = build(*state, cpus[ncpus - 1], NULL, NULL);
    int right = count_right(&real, &test);
    print_message("f32: %d of %d, %lld bytes of constants\n", right, IMAGES,
                  (long long)real.code.model->constant_bytes);
    for (int i = 0; i < ncpus; i++) {
        Built bytes = build(*state, cpus[i], &policy, &samples);
        int stored = count_right(&bytes, &test);
        print_message("%s: %d of %d, %lld bytes of constants\n", cpus[i], stored, IMAGES,
                      (long long)bytes.code.model->constant_bytes);
        assert_true(right - stored <= IMAGES / 500);
        assert_true(bytes.code.model->constant_bytes * 7 <= real.code.model->constant_bytes * 2);
        check_bits(&bytes, &test, *state, i > 0);
        compiled_free(&bytes.code);
        free(bytes.room);
    }
    compiled_free(&real.code);
    free(real.room);
    free(test.pixels);
    free(test.labels);
    free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(mnist_in_8_bits, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
