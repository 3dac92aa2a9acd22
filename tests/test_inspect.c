/* What lepc says of a model, as a user asks: check, import, and the outputs that are for reading. */
#include "tests/support/command.h"
#include "tests/support/onnx_text.h"
#include "tests/support/setting.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants these first */
#include <cmocka.h>

static const char classifier[] = "opset 18\n"
                                 "input image: float[1, 1, 8, 8]\n"
                                 "output scores: float[1, 3]\n"
                                 "tensor k: float[4, 1, 3, 3] = 0.5 -0.25 1 0.125\n"
                                 "tensor b: float[4] = 0.1 0.2 0.3 0.4\n"
                                 "tensor f: float[3, 144] = 0.01 0.02 -0.03\n"
                                 "@conv1 c = Conv<kernel_shape: [3, 3]>(image, k, b)\n"
                                 "@act r = Relu(c)\n"
                                 "@flat v = Flatten(r)\n"
                                 "@fc s = Gemm<transB: 1>(v, f)\n"
                                 "@prob scores = Softmax(s)\n";

static const char unsupported[] = "opset 17\n"
                                  "input x: float[1, 4]\n"
                                  "input words: string[2]\n"
                                  "output y: float[1, 4]\n"
                                  "@first a = NoSuchOperator(x)\n"
                                  "@second b = com.acme::Fancy(x)\n"
                                  "@third c = Relu<slope: 0.5>(x)\n"
                                  "@fourth d = Add(x, missing)\n"
                                  "y = Relu(x)\n";

static void checks_all_at_once(void **state)
{
    (void)state;
    Said said = LEPC("check", "unsupported.onnx");
    assert_int_equal(said.status, 1);
    contains(said.out, "node    operator        opset  attribute  what is not supported");
    contains(said.out, "words   input              17             the input is of string");
    contains(said.out, "first   NoSuchOperator     17             operator NoSuchOperator is not supported");
    contains(said.out, "second  Fancy               -             operator Fancy of the domain 'com.acme'");
    contains(said.out, "third   Relu               17  slope      attribute 'slope' of Relu is not supported");
    contains(said.out, "leave it at its default\n");
    contains(said.err, "error[E0512]: 4 things are not supported");
    contains(said.err, "fourth (Add): error[E0511]");
    assert_null(strstr(said.err, "NoSuchOperator"));
    said = LEPC("check", "unsupported.onnx", "--diagnostics=json");
    assert_int_equal(said.status, 1);
    contains(said.err, "NoSuchOperator");
}

static void checks_what_is_fine(void **state)
{
    (void)state;
    Said said = LEPC("check", "classifier.onnx", "--cpu=cortex-m4", "--target=cortex-m4");
    if (said.status) said = LEPC("check", "classifier.onnx");
    succeeds(said);
    contains(said.out, "input      image: f32[1, 1, 8, 8]\n");
    contains(said.out, "MACs ");
    contains(said.out, "flash ");
    contains(said.out, "of stack");
}

static void imports_to_the_same_bytes(void **state)
{
    (void)state;
    succeeds(LEPC("import", "classifier.onnx"));
    assert_int_equal(access("classifier.safetensors", R_OK), 0);
    succeeds(LEPC("build", "classifier.onnx", "-q", "-o", "direct.o"));
    succeeds(LEPC("build", "classifier.lep", "-q", "-o", "text.o"));
    assert_true(same_files("direct.o", "text.o"));
    succeeds(LEPC("fmt", "classifier.lep", "-o", "formatted.lep"));
    assert_true(same_files("classifier.lep", "formatted.lep"));
    Said said = LEPC("import", "classifier.onnx", "-o", "-");
    succeeds(said);
    contains(said.out, "# imported from classifier.onnx, opset 18, made by test");
    contains(said.out, "weights \"classifier.safetensors\" layout: lep");
    fails(LEPC("import", "classifier.lep"), 2, "expected a model in a file .onnx");
    fails(LEPC("import", "classifier.onnx", "-o", "nowhere/x.lep"), 74, "nowhere");
}

static void dumps_of_imports_read_back(void **state)
{
    (void)state;
    static char *const stages[] = {"--after=expand", "--after=fuse", "--after=schedule", "--after=plan"};
    for (int i = 0; i < 4; i++) {
        succeeds(LEPC("dump", "classifier.onnx", "-q", stages[i], "-o", "dump.lep"));
        succeeds(LEPC("build", "dump.lep", "-q", "-o", "dump.o"));
        assert_true(same_files("direct.o", "dump.o"));
    }
}

static char *read_whole(const char *path)
{
    static char text[1 << 17];
    memset(text, 0, sizeof text);
    slurp(path, text, sizeof text - 1);
    return text;
}

static double number_at(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static const cJSON *item_called(const cJSON *object, const char *list, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, list))
    {
        if (!strcmp(cJSON_GetObjectItemCaseSensitive(item, "name")->valuestring, name)) return item;
    }
    fail_msg("no %s in %s", name, list);
    return NULL;
}

static void describes_as_json(void **state)
{
    (void)state;
    succeeds(LEPC("build", "classifier.onnx", "-q", "--emit=json", "-o", "model.json"));
    cJSON *root = cJSON_Parse(read_whole("model.json"));
    assert_non_null(root);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(root, "format")->valuestring, "lepc-model");
    assert_true(number_at(root, "macs") == 6 * 6 * 4 * 9 + 144 * 3);
    const cJSON *memory = cJSON_GetObjectItemCaseSensitive(root, "memory");
    assert_true(number_at(memory, "flash") ==
                number_at(memory, "constants") + number_at(memory, "code") + number_at(memory, "tables"));
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(item_called(root, "inputs", "image"), "type")->valuestring,
                        "f32[1, 1, 8, 8]");
    assert_int_equal(
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(item_called(root, "outputs", "scores"), "shape")), 2);
    const cJSON *layer;
    double macs = 0;
    cJSON_ArrayForEach(layer, cJSON_GetObjectItemCaseSensitive(root, "layers")) macs += number_at(layer, "macs");
    assert_true(macs == number_at(root, "macs"));
    assert_true(number_at(item_called(root, "values", "b"), "zeros") == 0);
    cJSON_Delete(root);
}

static void describes_as_a_page(void **state)
{
    (void)state;
    succeeds(LEPC("build", "classifier.onnx", "-q", "--emit=html", "-o", "model.html"));
    const char *page = read_whole("model.html");
    contains(page, "<title>classifier</title>");
    contains(page, "<h2>Layers</h2>");
    contains(page, "<rect ");
    contains(page, "</html>\n");
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "http"));
    write_text("odd.lep", "lep 1\nmodel m \"<b> & co\" {\n  input x: f32[4]\n  output \"<y>\" = relu(x)\n}\n");
    succeeds(LEPC("build", "odd.lep", "-q", "--emit=html", "-o", "odd.html"));
    contains(read_whole("odd.html"), "&lt;b&gt; &amp; co");
    assert_null(strstr(read_whole("odd.html"), "<y>"));
}

/* The logarithm of a negative number is the first that is none. */
static void names_the_first_layer_that_is_not_finite(void **state)
{
    (void)state;
    const struct {
        float values[4];
        int status;
        const char *says;
    } rows[] = {{{1, 2, 3, 4}, 0, ""},
                {{1, -2, 3, 4}, 3, "error: layer 'b' (log.lep:5) is the first to make NaN: at [0, 0] of its result b"},
                {{1, 0, 3, 4}, 3, "layer 'b' (log.lep:5) is the first to make -infinity: at [0, 0]"},
                {{1, 2, 3, (float)INFINITY}, 3, "input 'x' holds infinity at [0, 3]"}};
    write_text("log.lep",
               "lep 1\nmodel m {\n  input x: f32[1, 4]\n  a = x * 2.0\n  b = reduce_min(log(a), axes: 1, keep: yes)\n"
               "  c = softmax(x * b, axis: 1)\n  output y = reduce_sum(c, axes: 1) + 1.0\n}\n");
    succeeds(LEPC("build", "log.lep", "-q", "-o", "log"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        FILE *out = fopen("x.raw", "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(rows[i].values, sizeof rows[i].values, 1, out), 1);
        assert_int_equal(fclose(out), 0);
        Said said = RUN("./log", "--check=finite", "x.raw");
        assert_int_equal(said.status, rows[i].status);
        contains(said.err, rows[i].says);
        said = LEPC("run", "log.lep", "--check=finite", "x.raw");
        assert_int_equal(said.status, rows[i].status);
        contains(said.err, rows[i].says);
    }
    fails(RUN("./log", "--check=nan", "x.raw"), 2, "expected finite");
    fails(LEPC("run", "log.lep", "--reference", "--check=finite", "x.raw"), 2, "no layers");
}

static void write_floats(const char *path, const char *shape, const float *values, size_t count)
{
    char header[128];
    int length = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fprintf(out, "\x93NUMPY%c%c%c%c%-117s\n", 1, 0, 118, 0, header);
    assert_true(length < 117);
    assert_int_equal(fwrite(values, sizeof *values, count, out), count);
    assert_int_equal(fclose(out), 0);
}

static void compares_with_what_is_given(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3, 4}, right[] = {6, 20, 42, 72}, wrong[] = {6, 20, 42, 75};
    write_floats("x.npy", "1, 4", x, 4);
    write_floats("right.npy", "1, 4", right, 4);
    write_floats("wrong.npy", "1, 4", wrong, 4);
    write_text("square.lep", "lep 1\nmodel m {\n  input x: f32[1, 4]\n  a = x + 0.5\n  output y = a * x * 4.0\n}\n");
    Said said = LEPC("compare", "square.lep", "-q", "--input", "x=x.npy", "--expect", "y=right.npy");
    succeeds(said);
    contains(said.out, "4 elements, 0 too far");
    said = LEPC("compare", "square.lep", "-q", "--input", "x=x.npy", "--expect", "y=wrong.npy");
    assert_int_equal(said.status, 3);
    contains(said.out, "4 elements, 1 too far, worst 3");
    fails(LEPC("compare", "square.lep", "-q", "--expect", "z=right.npy"), 2, "no layer leaves 'z' in memory");
    fails(LEPC("compare", "square.lep", "-q", "--expect", "y"), 2, "expected NAME=FILE.npy");
}

static int enter_folder(void **state)
{
    if (folder_enter(state, "inspect")) return -1;
    onnx_text_write(classifier, "classifier.onnx");
    onnx_text_write(unsupported, "unsupported.onnx");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_all_at_once),
        cmocka_unit_test(checks_what_is_fine),
        cmocka_unit_test(imports_to_the_same_bytes),
        cmocka_unit_test(dumps_of_imports_read_back),
        cmocka_unit_test(describes_as_json),
        cmocka_unit_test(describes_as_a_page),
        cmocka_unit_test(names_the_first_layer_that_is_not_finite),
        cmocka_unit_test(compares_with_what_is_given),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
