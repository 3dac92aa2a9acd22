/* The flags beside deploy blocks, and the accuracy that a block may cost, as a user meets them. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char small_model[] = "lep 1\n"
                                  "\n"
                                  "model small {\n"
                                  "  weights seed: 1\n"
                                  "  input x: f32[1, 64]\n"
                                  "  h = dense(x, out: 32) |> relu\n"
                                  "  output y = dense(h, out: 4)\n"
                                  "}\n"
                                  "\n"
                                  "deploy %s {\n"
                                  "  prune: h %s\n"
                                  "}\n";

/* An object of the policy of a flag, or of a block that says the same. */
static void build(const char *block, char *flag, char *out)
{
    char text[1024];
    snprintf(text, sizeof text, small_model, "same", block ? block : "sparsity: 1%");
    write_text("small.lep", text);
    succeeds(LEPC("small.lep", "-q", block ? "--deploy=same" : flag, "-o", out));
}

static void flags_say_what_blocks_say(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        char *flag;
    } pairs[] = {{"sparsity: 75%", "--prune=h:75%"},
                 {"sparsity: 75% block: 1x16", "--prune=h:75%:1x16"},
                 {"keep: 2 of: 4", "--prune=h:2:4"}};
    build(NULL, "-q", "plain.o");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        build(pairs[i].block, NULL, "block.o");
        build(NULL, pairs[i].flag, "flag.o");
        assert_true(same_files("block.o", "flag.o"));
        assert_false(same_files("plain.o", "flag.o"));
    }
}

static void flags_that_say_nothing_are_refused(void **state)
{
    (void)state;
    static const struct {
        char *flag;
        const char *says;
    } wrong[] = {
        {"--prune=h", "expected LAYER:75%, LAYER:75%:1x16 or LAYER:2:4, found 'h'"},
        {"--prune=h::2", "expected LAYER:75%"},
        {"--prune=h:75", "expected LAYER:75%"},
        {"--prune=h:2:x", "expected LAYER:75%"},
        {"--prune=h:120%", "--prune=h:120%: "},
        {"--prune=h:75%:0x4", "--prune=h:75%:0x4: "},
        {"--prune=h:5:4", "--prune=h:5:4: "},
        {"--quantize=h:int4", "expected LAYER:int8, LAYER:int8:tensor or LAYER:f32, found 'h:int4'"},
        {"--quantize=h:int8:row", "expected LAYER:int8"},
        {"--calibrate==x.npy", "expected PATH or INPUT=PATH"},
        {"--calibrate-method=percentile:20", "percentile:P with P above 50 and at most 100, found 'percentile:20'"},
        {"--calibrate-method=mean", "expected min-max or percentile:P"},
        {"--calibrate-samples=0", "expected a number from 1 to 1000000, found '0'"},
        {"--run-threads=1000", "expected a number from 1 to 256, found '1000'"},
        {"--limit-ram=lots", "--limit-ram: "},
        {"--deploy=sane", "did you mean --deploy=same?"},
        {"--deploy=quite-another", "there is same; --deploy=all builds each"},
    };
    build(NULL, "-q", "plain.o");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        fails(LEPC("small.lep", wrong[i].flag, "-o", "wrong.o"), 2, wrong[i].says);
    write_text("bare.lep", "lep 1\nmodel bare {\n  input x: f32[4]\n  output y = relu(x)\n}\n");
    fails(LEPC("bare.lep", "--deploy=board", "-o", "wrong.o"), 2, "write deploy board { ... } behind the model");
}

/* ---- accuracy ---- */

enum { CLASSES = 6 };

static const char file_data[] = "\"rows.raw\" labels: \"right.txt\"";

/* Says the greatest of its inputs: by weights that are large for the first three classes, and so small for the others
   that of 36 weights the 33 smallest hold them. */
static void write_echo(const char *drop, const char *data)
{
    float weights[CLASSES * CLASSES] = {0}, rows[CLASSES * CLASSES] = {0};
    char labels[4 * CLASSES + 1] = "", head[128], text[1024];
    for (int i = 0; i < CLASSES; i++) {
        weights[i * CLASSES + i] = i < CLASSES / 2 ? 1 : 0.01f;
        rows[i * CLASSES + i] = 1;
        snprintf(labels + strlen(labels), 4, "%d\n", i);
    }
    int64_t length =
        snprintf(head, sizeof head, "{\"d.weight\":{\"dtype\":\"F32\",\"shape\":[6,6],\"data_offsets\":[0,%zu]}}",
                 sizeof weights);
    FILE *file = fopen("echo.safetensors", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(&length, sizeof length, 1, file), 1);
    assert_int_equal(fwrite(head, (size_t)length, 1, file), 1);
    assert_int_equal(fwrite(weights, sizeof weights, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    write_bytes("rows.raw", rows, sizeof rows);
    write_text("right.txt", labels);
    snprintf(text, sizeof text,
             "lep 1\n"
             "model echo {\n"
             "  weights \"echo.safetensors\" layout: lep\n"
             "  input x: f32[1, 6]\n"
             "  d = dense(x, out: 6, bias: no)\n"
             "  output y = softmax(d)\n"
             "}\n"
             "deploy thin {\n"
             "  prune: d sparsity: 91%%\n"
             "  limit: accuracy_drop: %s data: %s\n"
             "}\n",
             drop, data);
    write_text("echo.lep", text);
}

/* Six of six before; without the three small weights every row of theirs is said to be the first class. */
static void a_loss_of_accuracy_stops_the_build(void **state)
{
    (void)state;
    write_echo("0.5pt", file_data);
    Said said = LEPC("echo.lep", "--deploy=thin", "-o", "thin.o");
    fails(said, 4, "accuracy: 3 of 6 right, 6 before: 50.00 points lost, at most 0.50");
    assert_int_not_equal(system("test -e thin.o"), 0);
    write_echo("50pt", file_data);
    succeeds(LEPC("echo.lep", "--deploy=thin", "-o", "thin.o"));
    assert_int_equal(system("test -e thin.o"), 0);
}

static void accuracy_wants_rows_and_labels(void **state)
{
    (void)state;
    write_echo("0.5pt", file_data);
    write_text("right.txt", "");
    fails(LEPC("echo.lep", "--deploy=thin", "-o", "lost.o"), 1, "the data cannot be used to judge 'echo'");
}

/* A folder a class: its name is the right answer of what is in it. */
static void a_folder_a_class_has_the_answers(void **state)
{
    (void)state;
    write_echo("0.5pt", "\"classes\"");
    for (int i = 0; i < CLASSES; i++) {
        float row[CLASSES] = {0};
        char path[32];
        row[i] = 1;
        snprintf(path, sizeof path, "mkdir -p classes/%d", i);
        assert_int_equal(system(path), 0);
        snprintf(path, sizeof path, "classes/%d/one.raw", i);
        write_bytes(path, row, sizeof row);
    }
    fails(LEPC("echo.lep", "--deploy=thin", "-o", "thin.o"), 4, "accuracy: 3 of 6 right, 6 before");
    write_echo("50pt", "\"classes\"");
    succeeds(LEPC("echo.lep", "--deploy=thin", "-o", "thin.o"));
    assert_int_equal(system("mkdir classes/other"), 0);
    fails(LEPC("echo.lep", "--deploy=thin", "-o", "thin.o"), 1, "the data cannot be used to judge 'echo'");
    assert_int_equal(system("rm -r classes"), 0);
}

static int enter_folder(void **state) { return getenv("LEPC") ? folder_enter(state, "policy") : -1; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_say_what_blocks_say),          cmocka_unit_test(flags_that_say_nothing_are_refused),
        cmocka_unit_test(a_loss_of_accuracy_stops_the_build), cmocka_unit_test(accuracy_wants_rows_and_labels),
        cmocka_unit_test(a_folder_a_class_has_the_answers),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
