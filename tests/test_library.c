/* Libraries as C and C++ programs use them: headers, many models side by side, the main program that lepc writes. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STRICT "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"
enum { MODELS = 10 };

static void write_model(int index)
{
    char path[32], text[512];
    snprintf(path, sizeof path, "m%d.lep", index);
    snprintf(text, sizeof text,
             "lep 1\nmodel m%d {\n  weights seed: %d\n  input x: f32[1, 8]\n"
             "  h = dense(x, out: %d) |> relu\n  output y = dense(h, out: 1) * 0.0 + %d.0\n}\n",
             index, index + 1, 4 + 8 * index, index);
    write_text(path, text);
}

/* What each model keeps to itself does not meet: names, arenas, weights. */
static void links_ten_models_into_one_program(void **state)
{
    FILE *file = fopen("ten.c", "w");
    assert_non_null(file);
    fputs("#include <stdio.h>\n", file);
    for (int i = 0; i < MODELS; i++) fprintf(file, "#include \"m%d.h\"\n", i);
    fputs("static const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};\nint main(void)\n{\n    float sum = 0, y[1];\n", file);
    for (int i = 0; i < MODELS; i++)
        fprintf(file,
                "    static _Alignas(64) unsigned char arena%d[M%d_ARENA_BYTES + 1];\n"
                "    if (m%d_run(x, y, arena%d, 0)) return 1;\n    sum += y[0];\n",
                i, i, i, i);
    fputs("    printf(\"%g\\n\", (double)sum);\n    return 0;\n}\n", file);
    assert_int_equal(fclose(file), 0);
    char *words[MODELS + 10] = {"cc", "-std=c11", "ten.c", "-o", "ten"};
    char names[MODELS][32];
    for (int i = 0; i < MODELS; i++) {
        char model[32];
        write_model(i);
        snprintf(model, sizeof model, "m%d.lep", i);
        snprintf(names[i], sizeof names[i], "m%d.o", i);
        succeeds(LEPC(model, "-q", "-o", names[i]));
        words[5 + i] = names[i];
    }
    succeeds(command_run(words));
    assert_string_equal(RUN("./ten").out, "45\n");
}

static const char kept[] = "lep 1\n"
                           "model status \"names that a program has already\" {\n"
                           "  weights seed: 1\n"
                           "  input class: f32[1, 3]\n"
                           "  state kept: f32[1, 3] = 0\n"
                           "  next kept = kept + class\n"
                           "  output status = kept + class labels: \"names.txt\"\n"
                           "  output main = dense(class, out: 2, bias: no) * 0.0\n"
                           "}\n";

static void writes_headers_for_cpp(void **state)
{
    if (RUN("c++", "--version").status) skip();
    write_text("status.lep", kept);
    write_text("names.txt", "one\n\"two\"\nthree\n");
    succeeds(LEPC("status.lep", "-q", "-o", "libstatus.a"));
    write_text("user.cpp", "#include \"status.h\"\n"
                           "#include <cstdio>\n"
                           "alignas(STATUS_CONTEXT_ALIGN) static unsigned char context[STATUS_CONTEXT_BYTES];\n"
                           "alignas(STATUS_ARENA_ALIGN) static unsigned char arena[STATUS_ARENA_BYTES + 1];\n"
                           "int main()\n"
                           "{\n"
                           "    const float x[3] = {1, 2, 3};\n"
                           "    float y[3], z[2];\n"
                           "    status_reset(context);\n"
                           "    for (int i = 0; i < 2; i++)\n"
                           "        if (status_run(x, y, z, context, arena, nullptr) != LEP_OK) return 1;\n"
                           "    std::printf(\"%g\\n\", static_cast<double>(y[2]));\n"
                           "    return 0;\n"
                           "}\n");
    succeeds(RUN("c++", "-std=c++17", STRICT, "user.cpp", "libstatus.a", "-o", "user"));
    assert_string_equal(RUN("./user").out, "6\n");
}

static const char finder[] = "lep 1\n"
                             "model finder {\n"
                             "  dim some = 0..4\n"
                             "  input x: f32[6]\n"
                             "  input keep: bool[6]\n"
                             "  u = unique(x)\n"
                             "  output values = u.values\n"
                             "  output inverse = u.inverse\n"
                             "  output at = nonzero(x)\n"
                             "  output kept: f32[some] = compress(x, keep, count: \"some\")\n"
                             "}\n";

/* Sizes that a run counts come back where pointers say; NULL is not wanted. */
static void hands_counted_sizes_to_cpp(void **state)
{
    if (RUN("c++", "--version").status) skip();
    write_text("finder.lep", finder);
    succeeds(LEPC("finder.lep", "-q", "-o", "libfinder.a"));
    write_text(
        "finder.cpp",
        "#include \"finder.h\"\n"
        "#include <cstdio>\n"
        "alignas(FINDER_ARENA_ALIGN) static unsigned char arena[FINDER_ARENA_BYTES + 1];\n"
        "int main()\n"
        "{\n"
        "    static_assert(FINDER_SOME_MAX == 4 && FINDER_U_COUNT_MIN == 0 && FINDER_AT_COUNT_MAX == 6, \"\");\n"
        "    const float x[6] = {3, 0, 1, 3, -2, 1};\n"
        "    const uint8_t keep[2][6] = {{1, 1, 1, 0, 1, 1}, {0, 0, 0, 1, 0, 0}};\n"
        "    float values[FINDER_U_COUNT_MAX], kept[FINDER_SOME_MAX];\n"
        "    int64_t inverse[6], at[FINDER_AT_COUNT_MAX], some = -1, different = -1, places = -1;\n"
        "    for (auto &which : keep) {\n"
        "        if (finder_run(x, which, values, inverse, at, kept, &some, &different, &places, arena, nullptr))\n"
        "            return 1;\n"
        "        for (int64_t i = 0; i < different; i++) std::printf(\"%g \", static_cast<double>(values[i]));\n"
        "        for (int64_t i : inverse) std::printf(\"%d \", static_cast<int>(i));\n"
        "        for (int64_t i = 0; i < places; i++) std::printf(\"%d \", static_cast<int>(at[i]));\n"
        "        for (int64_t i = 0; i < some; i++) std::printf(\"%g \", static_cast<double>(kept[i]));\n"
        "        std::printf(\"\\n\");\n"
        "    }\n"
        "    return finder_run(x, keep[0], values, inverse, at, kept, nullptr, nullptr, nullptr, arena, nullptr);\n"
        "}\n");
    succeeds(RUN("c++", "-std=c++17", STRICT, "finder.cpp", "libfinder.a", "-o", "finder"));
    Said said = RUN("./finder");
    succeeds(said);
    assert_string_equal(said.out, "-2 0 1 3 3 1 2 3 0 2 0 2 3 4 5 3 0 1 -2 \n-2 0 1 3 3 1 2 3 0 2 0 2 3 4 5 3 \n");
}

/* Its inputs are files, its outputs lines; for states, labels, weights in a file, and names of all kinds. */
static void writes_a_main_program(void **state)
{
    static const float values[3] = {1, 2, 3};
    write_text("status.lep", kept);
    write_text("names.txt", "one\n\"two\"\nthree\n");
    FILE *file = fopen("class.raw", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(values, sizeof values, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    static char *const stores[] = {"--weights=embedded", "--weights=external"};
    for (int i = 0; i < 2; i++) {
        succeeds(LEPC("status.lep", "-q", stores[i], "-o", "out/", "--emit=main=main.c,obj=kept.o"));
        succeeds(RUN("cc", "-std=c11", STRICT, "main.c", "kept.o", "-o", "program"));
        Said said = i ? RUN("./program", "class.raw", "kept.weights") : RUN("./program", "class.raw");
        succeeds(said);
        assert_string_equal(said.out, "status one 1\nstatus \"two\" 2\nstatus three 3\nmain[0] 0\nmain[1] 0\n");
        fails(RUN("./program"), 2, i ? "class_.raw weights" : "class_.raw");
    }
    fails(RUN("./program", "main.c", "kept.weights"), 1, "main.c: expected 12 bytes");
}

/* Ports without elements are pointers that may be NULL; no file is wanted for one. */
static void needs_nothing_for_nothing(void **state)
{
    (void)state;
    write_text("nothing.lep", "lep 1\nmodel nothing {\n  input x: f32[0, 3]\n  input z: f32[2]\n"
                              "  output y = concat(x, x, axis: 1)\n  output s = reduce_sum(x, axes: [0, 1]) + z\n}\n");
    write_text("nothing.c", "#include \"nothing.h\"\n#include <stdio.h>\n\nint main(void)\n{\n"
                            "    const float z[2] = {1, 2};\n    float s[2] = {0, 0};\n"
                            "    if (nothing_run(NULL, NULL, NULL, s, NULL, NULL) != LEP_ERROR_ARGUMENT) return 1;\n"
                            "    if (nothing_run(NULL, z, NULL, s, NULL, NULL) != LEP_OK) return 1;\n"
                            "    printf(\"%g\\n\", (double)(s[0] + s[1]));\n    return 0;\n}\n");
    succeeds(LEPC("nothing.lep", "-q", "--emit=lib=nothing.a,header=nothing.h,main=start.c", "-o", "out/"));
    succeeds(RUN("cc", "-std=c11", STRICT, "nothing.c", "nothing.a", "-o", "user"));
    assert_string_equal(RUN("./user").out, "3\n");
    succeeds(RUN("cc", "-std=c11", STRICT, "start.c", "nothing.a", "-o", "start"));
    FILE *file = fopen("z.raw", "wb");
    static const float z[2] = {4, 5};
    assert_non_null(file);
    assert_int_equal(fwrite(z, sizeof z, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(RUN("./start", "z.raw").out, "s[0] 4\ns[1] 5\n");
    succeeds(LEPC("nothing.lep", "-q", "-o", "alone"));
    Said said = RUN("./alone", "z.raw", "--json");
    succeeds(said);
    assert_string_equal(said.out,
                        "{\"input\":\"z.raw\",\"outputs\":{\"y\":{\"values\":[]},\"s\":{\"values\":[4,5]}}}\n");
}

static int enter_folder(void **state) { return folder_enter(state, "library"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_ten_models_into_one_program), cmocka_unit_test(writes_headers_for_cpp),
        cmocka_unit_test(hands_counted_sizes_to_cpp),        cmocka_unit_test(writes_a_main_program),
        cmocka_unit_test(needs_nothing_for_nothing),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
