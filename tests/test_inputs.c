/* Whatever the runner reads as rows: pictures, sounds, folders, standard input. */
#include "tests/support/runner.h"
#include "tests/support/setting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- models: the sum of four numbers, of two rows at a time; and one that keeps its sum ---- */

static int sum_bytes(void *const *bases, const struct lep_pool *pool)
{
    (void)pool;
    const unsigned char *in = bases[0];
    for (int n = 0; n < 2; n++)
        ((float *)bases[1])[n] = (float)(in[4 * n] + in[4 * n + 1] + in[4 * n + 2] + in[4 * n + 3]);
    return LEP_OK;
}

static int sum_words(void *const *bases, const struct lep_pool *pool)
{
    (void)pool;
    const int16_t *in = bases[0];
    *(float *)bases[1] = (float)(in[0] + in[1] + in[2] + in[3]);
    return LEP_OK;
}

static int sum_reals(void *const *bases, const struct lep_pool *pool)
{
    (void)pool;
    const float *in = bases[0];
    *(float *)bases[1] = in[0] + in[1] + in[2] + in[3];
    return LEP_OK;
}

/* bases: input, output, arena, weights, context */
static int sum_all(void *const *bases, const struct lep_pool *pool)
{
    (void)pool;
    float *kept = bases[4];
    *kept += *(const float *)bases[0];
    *(float *)bases[1] = *kept;
    return LEP_OK;
}

static int forget(void *context)
{
    *(float *)context = 0;
    return LEP_OK;
}

#define PORT(name_, dtype_, rank_, bytes_, ...)                                                                        \
    {                                                                                                                  \
        .name = name_, .dtype = dtype_, .rank = rank_, .dim = {__VA_ARGS__}, .bytes = bytes_                           \
    }
static const LepPort picture = PORT("image", LEP_U8, 4, 8, 2, 2, 2, 1), words = PORT("sound", LEP_I16, 2, 8, 1, 4);
static const LepPort reals = PORT("sound", LEP_F32, 2, 16, 1, 4), number = PORT("x", LEP_F32, 1, 4, 1);
static const LepPort two = PORT("sum", LEP_F32, 1, 8, 2), one = PORT("sum", LEP_F32, 1, 4, 1);

#define MODEL(input, output, run_, ...)                                                                                \
    {                                                                                                                  \
        .version = LEP_MODEL_VERSION, .name = "adder", .doc = "", .compiler = "test", .target = "x86-64",              \
        .ninputs = 1, .noutputs = 1, .inputs = &(input), .outputs = &(output), .arena_align = 64, .run = run_,         \
        .threads = 1, __VA_ARGS__                                                                                      \
    }
static const LepModel of_pictures = MODEL(picture, two, sum_bytes, .arena_bytes = 64);
static const LepModel of_words = MODEL(words, one, sum_words, .arena_bytes = 64);
static const LepModel of_reals = MODEL(reals, one, sum_reals, .arena_bytes = 64);
static const LepModel running = MODEL(number, one, sum_all, .arena_bytes = 64, .state_bytes = 64, .reset = forget);

#define RUN(model, ...) runner_say(model, "/dev/null", (char *[]){"adder", __VA_ARGS__, NULL})
#define RUN_FROM(model, from, ...) runner_say(model, from, (char *[]){"adder", __VA_ARGS__, NULL})

#define WRITE(path, bytes) write_bytes(path, bytes, sizeof(bytes) - 1)

static void says(RunnerSaid said, const char *text)
{
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, text);
    assert_int_equal(said.status, 0);
}

static void refuses(RunnerSaid said, const char *part)
{
    if (!strstr(said.err, part)) fail_msg("expected '%s' in: %s", part, said.err);
    assert_int_equal(said.status, 1);
    assert_string_equal(said.out, "");
}

/* ---- pictures ---- */

/* 2 x 2, grey, all of brightness 100. */
static const unsigned char jpeg[] = {
    0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46, 0x00, 0x01, 0x01, 0x00, 0x00, 0x01, 0x00, 0x01,
    0x00, 0x00, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x03, 0x02, 0x02, 0x03, 0x02, 0x02, 0x03, 0x03, 0x03, 0x03, 0x04,
    0x03, 0x03, 0x04, 0x05, 0x08, 0x05, 0x05, 0x04, 0x04, 0x05, 0x0a, 0x07, 0x07, 0x06, 0x08, 0x0c, 0x0a, 0x0c,
    0x0c, 0x0b, 0x0a, 0x0b, 0x0b, 0x0d, 0x0e, 0x12, 0x10, 0x0d, 0x0e, 0x11, 0x0e, 0x0b, 0x0b, 0x10, 0x16, 0x10,
    0x11, 0x13, 0x14, 0x15, 0x15, 0x15, 0x0c, 0x0f, 0x17, 0x18, 0x16, 0x14, 0x18, 0x12, 0x14, 0x15, 0x14, 0xff,
    0xc0, 0x00, 0x0b, 0x08, 0x00, 0x02, 0x00, 0x02, 0x01, 0x01, 0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0xff, 0xc4,
    0x00, 0x14, 0x10, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00, 0x34, 0x7f, 0xff, 0xd9};

static void pictures_of_each_kind(void **state)
{
    (void)state;
    write_bytes("a.jpg", jpeg, sizeof jpeg);
    says(RUN(&of_pictures, "a.jpg"), "a.jpg\n  400\n");
    WRITE("a.pgm", "P5 2 2 255\n\x01\x02\x03\x04");
    says(RUN(&of_pictures, "a.pgm"), "a.pgm\n  10\n");
    WRITE("wide.pgm", "P5 4 1 255\n\x01\x02\x03\x04");
    refuses(RUN(&of_pictures, "wide.pgm"), "help: convert \"wide.pgm\" -resize 2x2! ");
}

/* ---- folders ---- */

static void a_folder_is_its_files(void **state)
{
    (void)state;
    assert_int_equal(mkdir("shots", 0700), 0);
    assert_int_equal(mkdir("shots/deeper", 0700), 0);
    WRITE("shots/b.pgm", "P5 2 2 255\n\x01\x02\x03\x04");
    WRITE("shots/a.pgm", "P5 2 2 255\n\x01\x01\x01\x01");
    WRITE("shots/.hidden", "no picture");
    WRITE("shots/c.raw", "\x05\x05\x05\x05\x06\x06\x06\x06");
    says(RUN(&of_pictures, "shots"),
         "shots/a.pgm\n  4\nshots/b.pgm\n  10\nshots/c.raw[0]\n  20\nshots/c.raw[1]\n  24\n");
    says(RUN(&of_pictures, "--output", "sum=sums.npy", "shots/"), "");
    says(RUN(&of_pictures, "--input=image=shots"),
         "shots/a.pgm\n  4\nshots/b.pgm\n  10\nshots/c.raw[0]\n  20\nshots/c.raw[1]\n  24\n");
    WRITE("shots/d.txt", "hello");
    refuses(RUN(&of_pictures, "shots"), "shots/d.txt: a file of no known kind");
    assert_int_equal(mkdir("nothing", 0700), 0);
    refuses(RUN(&of_pictures, "nothing"), "nothing: the folder holds no files");
}

/* ---- standard input ---- */

static void standard_input_is_a_file(void **state)
{
    (void)state;
    WRITE("a.pgm", "P5 2 2 255\n\x01\x02\x03\x04");
    says(RUN_FROM(&of_pictures, "a.pgm", "-"), "-\n  10\n");
    WRITE("two.raw", "\x01\x01\x01\x01\x02\x02\x02\x02");
    says(RUN_FROM(&of_pictures, "two.raw", "-"), "-[0]\n  4\n-[1]\n  8\n");
    says(RUN_FROM(&of_pictures, "two.raw", "--input=image=-"), "-[0]\n  4\n-[1]\n  8\n");
    WRITE("odd", "\x01\x01\x01");
    refuses(RUN_FROM(&of_pictures, "odd", "-"), "-: found 3 bytes, but image takes");
}

static void a_stream_is_run_as_it_comes(void **state)
{
    const float three[] = {1, 2, 3};
    (void)state;
    write_bytes("three.raw", three, sizeof three);
    says(RUN(&running, "three.raw"), "three.raw[0]\n  1\nthree.raw[1]\n  2\nthree.raw[2]\n  3\n");
    says(RUN(&running, "--stream", "three.raw"), "three.raw[0]\n  1\nthree.raw[1]\n  3\nthree.raw[2]\n  6\n");
    says(RUN_FROM(&running, "three.raw", "--stream", "-"), "-[0]\n  1\n-[1]\n  3\n-[2]\n  6\n");
    write_bytes("more.raw", three, 6);
    RunnerSaid said = RUN_FROM(&running, "more.raw", "--stream", "-");
    assert_string_equal(said.out, "-[0]\n  1\n");
    assert_non_null(strstr(said.err, "-: 2 bytes are left over, a row of x has 4"));
    assert_int_equal(said.status, 1);
}

/* ---- sounds ---- */

#define HEAD "RIFF\x30\0\0\0WAVE"
#define FORM(format, channels, bits) "fmt \x10\0\0\0" format "\0" channels "\0\x80\x3e\0\0\0\x7d\0\0\2\0" bits "\0"
#define ODD "LIST\3\0\0\0abc\0"

static void sounds(void **state)
{
    (void)state;
    WRITE("a.wav", HEAD FORM("\1", "\1", "\x10") ODD "data\x08\0\0\0\1\0\2\0\xff\xff\0\x40");
    says(RUN(&of_words, "a.wav"), "a.wav\n  16386\n");
    says(RUN(&of_reals, "a.wav"), "a.wav\n  0.500061\n");
    says(RUN_FROM(&of_words, "a.wav", "-"), "-\n  16386\n");
    WRITE("open.wav", HEAD FORM("\1", "\1", "\x10") "data\xff\xff\xff\xff\1\0\2\0\3\0\4\0\1\0\1\0\1\0\1\0");
    says(RUN(&of_words, "open.wav"), "open.wav[0]\n  10\nopen.wav[1]\n  4\n");
    refuses(RUN(&of_pictures, "a.wav"), "a.wav: a sound, but image takes neither i16 nor f32");
}

static void sounds_that_are_no_good(void **state)
{
    (void)state;
    WRITE("a.wav", HEAD FORM("\1", "\2", "\x10") "data\x08\0\0\0\1\0\2\0\3\0\4\0");
    refuses(RUN(&of_words, "a.wav"), "a sound of 2 channels, 16 bits; expected one channel of 16 bits");
    WRITE("a.wav", HEAD FORM("\6", "\1", "\x08") "data\x08\0\0\0\1\0\2\0\3\0\4\0");
    refuses(RUN(&of_words, "a.wav"), "a sound of 1 channels, 8 bits, compressed or not of integers");
    WRITE("a.wav", HEAD FORM("\1", "\1", "\x10") "data\x06\0\0\0\1\0\2\0\3\0");
    refuses(RUN(&of_words, "a.wav"), "3 samples, but sound takes i16[1, 4]: expected 4, or another multiple of 4");
    WRITE("a.wav", HEAD FORM("\1", "\1", "\x10"));
    refuses(RUN(&of_words, "a.wav"), "damaged sound: it has no samples");
    WRITE("a.wav", HEAD "data\x08\0\0\0\1\0\2\0\3\0\4\0");
    refuses(RUN(&of_words, "a.wav"), "damaged sound: its samples come before their format");
    WRITE("a.wav", HEAD "fmt \x04\0\0\0\1\0\1\0");
    refuses(RUN(&of_words, "a.wav"), "damaged sound: its format is cut short");
    WRITE("a.wav", HEAD "LIST\xff\0\0\0\1\0\1\0");
    refuses(RUN(&of_words, "a.wav"), "damaged sound: it ends in a chunk");
}

static int enter_folder(void **state) { return folder_enter(state, "inputs"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_of_each_kind),
        cmocka_unit_test(a_folder_is_its_files),
        cmocka_unit_test(standard_input_is_a_file),
        cmocka_unit_test(a_stream_is_run_as_it_comes),
        cmocka_unit_test(sounds),
        cmocka_unit_test(sounds_that_are_no_good),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
