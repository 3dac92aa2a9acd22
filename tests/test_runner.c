/* The main program of standalone binaries, on a model written by hand: what it prints, what it writes, and that
 * no file, however damaged, gives anything but a clear error. */
#include "runtime/runner/element.h"
#include "tests/support/runner.h"
#include "tests/support/setting.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* share[n, i] = image[n, i] / the sum of the first three pixels of n; sum[n] = the sum of all four. */
static void toy_share(void *const *bases, const struct lep_pool *pool)
{
    (void)pool;
    const unsigned char *image = bases[0];
    float *share = bases[1];
    float total = (float)(image[0] + image[1] + image[2]);
    for (int i = 0; i < 3; i++) share[i] = (float)image[i] / total;
}

static int toy_run(void *const *bases, const struct lep_pool *pool)
{
    for (int n = 0; n < 2; n++) {
        void *row[] = {(char *)bases[0] + 4 * n, (char *)bases[1] + 12 * n};
        toy_share(row, pool);
        const unsigned char *image = row[0];
        ((float *)bases[2])[n] = (float)(image[0] + image[1] + image[2] + image[3]);
    }
    return (size_t)bases[3] % 64 ? LEP_ERROR_ALIGNMENT : LEP_OK;
}

static const char *const toy_labels[] = {"left", "ri\"ght", "below"};
static const LepPort toy_input = {"image", LEP_U8, 4, {2, 2, 2, 1}, 8, NULL, 0, NULL};
static const LepPort toy_outputs[] = {{"which", LEP_F32, 2, {2, 3}, 24, toy_labels, 3, NULL},
                                      {"sum", LEP_F32, 1, {2}, 8, NULL, 0, NULL}};
static const LepStep toy_step = {"share", "toy.lep:3", toy_share, 6, 4, 12, 0, NULL};
static const LepModel toy = {LEP_MODEL_VERSION,
                             "toy",
                             "four pixels",
                             "test",
                             "x86-64",
                             1,
                             2,
                             1,
                             &toy_input,
                             toy_outputs,
                             &toy_step,
                             256,
                             64,
                             0,
                             toy_run,
                             1,
                             NULL,
                             NULL,
                             0,
                             0,
                             NULL,
                             0,
                             NULL};

/* out = a + b of one f32 each, with no axis that counts rows. */
static int add_run(void *const *bases, const struct lep_pool *pool)
{
    (void)pool;
    *(float *)bases[2] = *(const float *)bases[0] + *(const float *)bases[1];
    return LEP_OK;
}

static const LepPort add_inputs[] = {{"a", LEP_F32, 0, {0}, 4, NULL, 0, NULL},
                                     {"b", LEP_F32, 0, {0}, 4, NULL, 0, NULL}};
static const LepPort add_output = {"sum", LEP_F32, 0, {0}, 4, NULL, 0, NULL};
static const LepModel adder = {
    LEP_MODEL_VERSION, "adder", "",   "test", "x86-64", 2, 1,    0, add_inputs, &add_output, NULL, 0, 64, 0,
    add_run,           1,       NULL, NULL,   0,        0, NULL, 0, NULL};

#define RUN(...) runner_say(&toy, "/dev/null", (char *[]){"toy", __VA_ARGS__, NULL})

#define WRITE(path, bytes) write_bytes(path, bytes, sizeof(bytes) - 1)

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("expected '%s' in: %s", part, text);
}

static void prints_classes_of_a_picture(void **state)
{
    WRITE("a.pgm", "P5 # comment\n2 2\n255\n\x01\x06\x03\x05");
    RunnerSaid said = RUN("a.pgm");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out,
                        "a.pgm\n which\n   60.00 %  ri\"ght\n   30.00 %  below\n   10.00 %  left\n sum\n  15\n");
    assert_int_equal(said.status, 0);
    said = RUN("--json", "--top=1", "a.pgm", "a.pgm");
    const char *line =
        "{\"input\":\"a.pgm\",\"outputs\":{\"which\":{\"top\":[{\"label\":\"ri\\\"ght\",\"index\":1,\"value\":"
        "0.600000024}]},\"sum\":{\"values\":[15]}}}\n";
    assert_memory_equal(said.out, line, strlen(line));
    assert_string_equal(said.out + strlen(line), line);
    WRITE("\xff\xc3\xa4.pgm", "P5 2 2 255\n\x01\x06\x03\x05");
    contains(RUN("--json", "\xff\xc3\xa4.pgm").out, "{\"input\":\"\\ufffd\xc3\xa4.pgm\",");
}

#define IDX_HEADER "\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x02"
#define IDX_DATA "\x05\x01\x01\x01\x01\x06\x03\x02\x01\x01\x05\x03"

/* Three rows through a model that takes two: the last batch is half empty, what comes out is three rows. */
static void runs_many_rows_batch_by_batch(void **state)
{
    WRITE("three.idx", IDX_HEADER IDX_DATA);
    WRITE("right.idx", "\0\0\x08\x01\0\0\0\x03\0\x01\x01");
    WRITE("right.txt", "left\nri\"ght\n2\n");
    RunnerSaid said =
        RUN("--input", "image=three.idx", "--labels=right.idx", "--output", "sum=sum.npy", "--output=which=w.npy");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "Test accuracy: 66.67 % (2 of 3)\n");
    char npy[512];
    slurp("sum.npy", npy, sizeof npy);
    contains(npy + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, ), }");
    const float sums[] = {8, 12, 10};
    assert_memory_equal(npy + 10 + npy[8], sums, sizeof sums);
    said = RUN("--input=three.idx", "--labels", "right.txt", "--json");
    assert_string_equal(said.out, "{\"accuracy\":1,\"right\":3,\"count\":3}\n");
    said = RUN("--input=three.idx");
    contains(said.out, "three.idx[2]\n which\n   71.43 %  below\n");
}

static void reads_back_what_it_wrote(void **state)
{
    static const char npy[] =
        "\x93NUMPY\x01\0\x46\0{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 2, 1), }    \n";
    char file[sizeof npy - 1 + 12];
    memcpy(file, npy, sizeof npy - 1);
    memcpy(file + sizeof npy - 1, IDX_DATA, 12);
    write_bytes("three.npy", file, sizeof file);
    write_bytes("three.raw", IDX_DATA, 12);
    WRITE("three.idx", IDX_HEADER IDX_DATA);
    char first[512], again[512];
    assert_int_equal(RUN("--output", "which=1.npy", "three.idx").status, 0);
    RunnerSaid said = RUN("--output", "which=2.npy", "three.npy");
    assert_string_equal(said.err, "");
    assert_int_equal(RUN("--output", "which=3.npy", "three.raw").status, 0);
    slurp("1.npy", first, sizeof first);
    slurp("2.npy", again, sizeof again);
    assert_memory_equal(first, again, 128 + 36);
    slurp("3.npy", again, sizeof again);
    assert_memory_equal(first, again, 128 + 36);
}

/* of 2 x 2 grey pixels */
#define PNG_HEADER "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x02\x08\0\0\0\0\x57\xdd\x52\xf8"

/* file contents, what the error says */
static const struct {
    const char *name, *bytes;
    size_t size;
    const char *says;
} damaged[] = {
#define FILE_OF(name, bytes, says)                                                                                     \
    {                                                                                                                  \
        name, bytes, sizeof(bytes) - 1, says                                                                           \
    }
    FILE_OF("empty.png", "", "empty"),
    FILE_OF("short.raw", "abc", "found 3 bytes, but image takes u8[2, 2, 2, 1]: expected 8 bytes"),
    FILE_OF("unknown.txt", "hello there", "no known kind"),
    FILE_OF("packed.gz", "\x1f\x8b\x08\0", "gunzip"),
    FILE_OF("idx", "\0\0\x08\x03\0\0", "damaged IDX"),
    FILE_OF("idx", IDX_HEADER "abc", "damaged IDX"),
    FILE_OF("idx", "\0\0\x0e\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "damaged IDX"),
    FILE_OF("idx",
            "\0\0\x08\x02\0\0\0\x01\0\0\0\x03"
            "abc",
            "found u8[1, 3], but image takes u8[2, 2, 2, 1]"),
    FILE_OF("idx",
            "\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02"
            "abcd",
            "found 1 rows, but image takes 2"),
    FILE_OF("npy", "\x93NUMPY", "damaged .npy"),
    FILE_OF("npy", "\x93NUMPY\x01\0\xff\xff{'descr': '|u1'", "damaged .npy"),
    FILE_OF("npy", "\x93NUMPY\x02\0\xff\xff\xff\xff{'descr': '|u1'", "damaged .npy"),
    FILE_OF("pgm", "P5 2 2 255 abc", "damaged picture"),
    FILE_OF("pgm", "P5 99999999999999999999 2 255 abc", "damaged picture"),
    FILE_OF("pgm", "P5 2 2 65535 abcdefgh", "2 x 2, grey, 16 bits"),
    FILE_OF("ppm", "P6 3 2 255\n", "3 x 2, RGB, 8 bits; image takes 2 x 2, grey, 8 bits"),
    FILE_OF("png", "\x89PNG\r\n\x1a\n\0\0\0", "damaged picture"),
    FILE_OF("png", PNG_HEADER, "damaged picture: cut off"),
    FILE_OF("jpg",
            "\xff\xd8\xff\xc4\0\x15\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\xff\xd9",
            "its tables are wrong"),
    FILE_OF("jpg", "\xff\xd8\xff\xe0\0\x10JFIF", "damaged picture"),
};

/* header of an .npy file, what the error says; five bytes of elements follow it */
static const char *const damaged_headers[][2] = {
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,2,2,1), }", "expected 4 bytes of elements, found 5"},
    {"{'descr': '|u1', 'fortran_order': True, 'shape': (5,1,1,1), }", "Fortran order"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (5,1,1,1), }", "little-endian"},
    {"{'descr': '|b1', 'fortran_order': False, 'shape': (5,1,1,1), }", "found bool[5, 1, 1, 1], but image takes u8"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999,9999999999,9999999999), }", "too large"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "too large"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,5), }", "more than 8 dimensions"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (5", "a dimension is no number"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (-5,)", "a dimension is no number"},
    {"{'descr': '|u1', 'fortran_order': False}", "no 'shape'"},
    {"{'descr", "no 'descr'"},
    {"'shape': (5), 'descr'", "not one that models take"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "expected 4 bytes of elements, found 5"},
    {"", "no 'descr'"},
};

static void says_what_is_wrong_with_an_array(void **state)
{
    for (size_t i = 0; i < sizeof damaged_headers / sizeof damaged_headers[0]; i++) {
        char bytes[256] = "\x93NUMPY\x01";
        size_t length = strlen(damaged_headers[i][0]);
        bytes[8] = (char)length;
        memcpy(bytes + 10, damaged_headers[i][0], length);
        write_bytes("damaged.npy", bytes, 10 + length + 5);
        RunnerSaid said = RUN("damaged.npy");
        contains(said.err, damaged_headers[i][1]);
        assert_int_equal(said.status, 1);
    }
}

static void says_what_is_wrong_with_a_file(void **state)
{
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        write_bytes(damaged[i].name, damaged[i].bytes, damaged[i].size);
        RunnerSaid said = RUN((char *)damaged[i].name, "--output=sum=never.npy");
        assert_string_equal(said.out, "");
        contains(said.err, damaged[i].says);
        assert_int_equal(said.status, 1);
        assert_int_equal(access("never.npy", F_OK), -1);
        unlink(damaged[i].name);
    }
    assert_int_equal(RUN("missing.png").status, 1);
    assert_int_equal(RUN(".").status, 1);
}

/* A PNG cut off at any length, or with any byte changed, gives an error or a picture, never a crash. */
static void survives_damaged_pictures(void **state)
{
    static const unsigned char png[] = {137, 80, 78, 71,  13,  10,  26,  10, 0,  0,   0,  13, 73,  72,  68,  82, 0,  0,
                                        0,   2,  0,  0,   0,   2,   8,   0,  0,  0,   0,  87, 221, 82,  248, 0,  0,  0,
                                        14,  73, 68, 65,  84,  120, 156, 99, 96, 100, 99, 96, 102, 5,   0,   0,  46, 0,
                                        16,  45, 23, 150, 118, 0,   0,   0,  0,  73,  69, 78, 68,  174, 66,  96, 130};
    unsigned char copy[sizeof png];
    write_bytes("cut.png", png, sizeof png);
    assert_int_equal(RUN("cut.png").status, 0);
    for (size_t i = 8; i < sizeof png; i++) {
        write_bytes("cut.png", png, i);
        int status = RUN("cut.png").status;
        assert_true(status == 1 || i > 57);
        memcpy(copy, png, sizeof png);
        copy[i] ^= 0xff;
        write_bytes("cut.png", copy, sizeof copy);
        status = RUN("cut.png").status;
        assert_true(status == 0 || status == 1);
    }
}

#define RUN_ADDER(...) runner_say(&adder, "/dev/null", (char *[]){"adder", __VA_ARGS__, NULL})

static void pairs_the_rows_of_several_inputs(void **state)
{
    const float numbers[] = {1, 2, 3};
    write_bytes("one.raw", numbers, 4);
    write_bytes("two.raw", numbers, 8);
    write_bytes("two.bin", numbers + 1, 8);
    RunnerSaid said = RUN_ADDER("--input=a=two.raw", "--input=b=two.bin");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "two.raw[0]\n  3\ntwo.raw[1]\n  5\n");
    said = RUN_ADDER("--input=a=two.raw", "two.bin", "--json");
    assert_string_equal(said.out, "{\"input\":\"two.bin[0]\",\"outputs\":{\"sum\":{\"values\":[3]}}}\n"
                                  "{\"input\":\"two.bin[1]\",\"outputs\":{\"sum\":{\"values\":[5]}}}\n");
    said = RUN_ADDER("--input=a=two.raw", "--input=b=one.raw");
    contains(said.err, "one.raw is enough for 1 runs, two.raw for 2");
    assert_int_equal(said.status, 1);
    write_bytes("wide.idx", "\0\0\x0e\x01\0\0\0\x01\0\0\0\0\0\0\0\0", 16);
    contains(RUN_ADDER("--input=a=wide.idx").err, "found f64[1], but a takes f32\n  help: in NumPy, a.astype('<f4')");
    said = RUN_ADDER("one.raw");
    contains(said.err, "which input is it for?");
    assert_int_equal(said.status, 2);
    said = RUN_ADDER("--input", "a=one.raw");
    contains(said.err, "no data for input b, f32: say --input b=FILE");
    assert_int_equal(said.status, 2);
    assert_int_equal(RUN_ADDER("--profile").status, 2);
}

static void refuses_a_wrong_command_line(void **state)
{
    static char *const wrong[][3] = {
        {"--frobnicate"}, {"--input=nothing=a.pgm"},   {"--bench=0"}, {"--json=yes"}, {"--labels"}, {"-x"}, {"--top=x"},
        {NULL},           {"--output", "a=b", "a.pgm"}};
    WRITE("a.pgm", "P5 2 2 255\n\x01\x06\x03\x05");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        RunnerSaid said = RUN(wrong[i][0], wrong[i][1], wrong[i][2]);
        contains(said.err, "error: ");
        assert_int_equal(said.status, 2);
    }
    contains(RUN("--labels").err, "--labels: expected FILE");
    contains(RUN("--bnech=3").err, "unknown option --bnech\n  help: did you mean --bench?");
    contains(RUN("--frobnicate").err, "unknown option --frobnicate\n  help: --help lists what there is");
}

static void leaves_old_output_when_labels_do_not_fit(void **state)
{
    WRITE("three.idx", IDX_HEADER IDX_DATA);
    WRITE("two.txt", "0\n1\n");
    WRITE("four.txt", "0\n1\n0\n1\n");
    WRITE("bad.txt", "0\nnothing\n1\n");
    WRITE("old.npy", "old");
    char *const labels[] = {"two.txt", "four.txt", "bad.txt"};
    for (int i = 0; i < 3; i++) {
        RunnerSaid said = RUN("--input=three.idx", "--labels", labels[i], "--output", "which=old.npy");
        assert_int_equal(said.status, 1);
        contains(said.err,
                 i == 2 ? "bad.txt:2: expected a label of which or an index below 3, found 'nothing'" : "labels");
    }
    char text[64];
    slurp("old.npy", text, sizeof text);
    assert_string_equal(text, "old");
}

static void measures_and_describes(void **state)
{
    RunnerSaid said = RUN("--bench=2", "--json");
    double least, median, p99;
    const char *numbers = strstr(said.out, "\"min_us\"");
    assert_non_null(numbers);
    assert_int_equal(sscanf(numbers, "\"min_us\":%lf,\"median_us\":%lf,\"p99_us\":%lf", &least, &median, &p99), 3);
    assert_true(least <= median && median <= p99);
    said = RUN("--bench=10", "--json");
    contains(said.out, "{\"bench\":{\"runs\":10,\"min_us\":");
    said = RUN("--profile=5", "--json");
    contains(said.out, "{\"profile\":[{\"layer\":\"share\",\"source\":\"toy.lep:3\",\"us_min\":");
    contains(said.out, "\"multiply_adds\":6,\"bytes_read\":4,\"bytes_written\":12}]}");
    said = RUN("--info");
    contains(said.out, "input      image: u8[2, 2, 2, 1]\noutput     which: f32[2, 3], 3 labels\n");
    contains(said.out, "arena      256 bytes, aligned to 64\n");
    contains(RUN("--help").out, "--labels=FILE");
    said = RUN("--info", "--json");
    assert_string_equal(said.out,
                        "{\"model\":\"toy\",\"doc\":\"four pixels\",\"compiler\":\"test\",\"target\":\"x86-64\","
                        "\"inputs\":[{\"name\":\"image\",\"dtype\":\"u8\",\"shape\":[2,2,2,1],\"bytes\":8}],"
                        "\"outputs\":[{\"name\":\"which\",\"dtype\":\"f32\",\"shape\":[2,3],\"bytes\":24},"
                        "{\"name\":\"sum\",\"dtype\":\"f32\",\"shape\":[2],\"bytes\":8}],\"arena_bytes\":256,"
                        "\"arena_align\":64,\"constant_bytes\":0,\"layers\":[\"share\"]}\n");
}

/* The second of two elements of each dtype. */
static void reads_elements_of_every_dtype(void **state)
{
    assert_true(element_value(LEP_F32, (const float[]){0, -1.5F}, 1) == -1.5);
    assert_true(element_value(LEP_F64, (const double[]){0, 0.1}, 1) == 0.1);
    assert_true(element_value(LEP_I8, (const int8_t[]){0, -128}, 1) == -128);
    assert_true(element_value(LEP_I16, (const int16_t[]){0, -32768}, 1) == -32768);
    assert_true(element_value(LEP_I32, (const int32_t[]){0, -5}, 1) == -5);
    assert_true(element_value(LEP_I64, (const int64_t[]){0, -5}, 1) == -5);
    assert_true(element_value(LEP_U8, (const uint8_t[]){0, 255}, 1) == 255);
    assert_true(element_value(LEP_U16, (const uint16_t[]){0, 65535}, 1) == 65535);
    assert_true(element_value(LEP_U32, (const uint32_t[]){0, UINT32_MAX}, 1) == UINT32_MAX);
    assert_true(element_value(LEP_U64, (const uint64_t[]){0, (uint64_t)1 << 63}, 1) == 0x1p63);
    assert_true(element_value(LEP_BOOL, (const uint8_t[]){0, 1}, 1) == 1);
    assert_true(element_value(LEP_BF16, (const uint16_t[]){0, 0xc020}, 1) == -2.5);
    static const uint16_t halves[] = {0xc100, 0x0001, 0x8001, 0x7bff, 0xfc00, 0x7e00};
    static const double values[] = {-2.5, 0x1p-24, -0x1p-24, 65504, -HUGE_VAL};
    for (size_t i = 0; i < 5; i++) assert_true(element_value(LEP_F16, halves, i) == values[i]);
    assert_true(isnan(element_value(LEP_F16, halves, 5)));
}

static void refuses_code_for_another_processor(void **state)
{
#if defined(__x86_64__)
    LepModel other = toy;
    other.target = "x86-64 +avx512bf16,+sse4.2";
    bool here = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("sse4.2");
    WRITE("a.pgm", "P5 2 2 255\n\x01\x06\x03\x05");
    RunnerSaid said = runner_say(&other, "/dev/null", (char *[]){"toy", "a.pgm", NULL});
    assert_int_equal(said.status, here ? 0 : 74);
    if (!here) contains(said.err, "this processor lacks");
#else
    skip();
#endif
}

static void writes_through_a_device(void **state)
{
    WRITE("three.idx", IDX_HEADER IDX_DATA);
    assert_int_equal(RUN("--input=three.idx", "--output=which=/dev/null").status, 0);
    struct stat info;
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    if (access("/dev/full", W_OK)) return;
    RunnerSaid said = RUN("--input=three.idx", "--output=which=/dev/full");
    assert_int_equal(said.status, 74);
    contains(said.err, "/dev/full: cannot be written: No space left on device");
}

static int enter_folder(void **state) { return folder_enter(state, "runner"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_classes_of_a_picture),
        cmocka_unit_test(runs_many_rows_batch_by_batch),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(says_what_is_wrong_with_a_file),
        cmocka_unit_test(says_what_is_wrong_with_an_array),
        cmocka_unit_test(survives_damaged_pictures),
        cmocka_unit_test(pairs_the_rows_of_several_inputs),
        cmocka_unit_test(refuses_a_wrong_command_line),
        cmocka_unit_test(leaves_old_output_when_labels_do_not_fit),
        cmocka_unit_test(measures_and_describes),
        cmocka_unit_test(reads_elements_of_every_dtype),
        cmocka_unit_test(refuses_code_for_another_processor),
        cmocka_unit_test(writes_through_a_device),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
