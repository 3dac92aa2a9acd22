/* What lepc says of a model, as a user asks: check, import, and the outputs that are for reading. */
#include "tests/support/command.h"
#include "tests/support/onnx_text.h"
#include "tests/support/setting.h"

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
    contains(said.out, "second  Fancy              17             operator Fancy of the domain 'com.acme'");
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
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
