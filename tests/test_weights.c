/* Weight files: what is read, and that nothing of a hostile file is believed. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "frontend/weights.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = arena_new(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

/* ---- safetensors ---- */

typedef struct Bytes {
    unsigned char *at;
    size_t size;
} Bytes;

/* The header's length, the header, `data` bytes that count up; `shift` moves it off its alignment. */
static Bytes file_of(Arena *arena, const char *header, size_t data, size_t shift)
{
    size_t length = strlen(header);
    Bytes file = {(unsigned char *)arena_alloc(arena, 8 + length + data + shift) + shift, 8 + length + data};
    for (int i = 0; i < 8; i++) file.at[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(file.at + 8, header, length);
    for (size_t i = 0; i < data; i++) file.at[8 + length + i] = (unsigned char)i;
    return file;
}

static const char two[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[4,5]},"
                          "\"a\":{\"dtype\":\"I16\",\"shape\":[1,2],\"data_offsets\":[0,4]}}   ";

static void tensors_are_found_by_key_at_any_alignment(void **state)
{
    for (size_t shift = 0; shift < 8; shift++) {
        Bytes file = file_of(*state, two, 5, shift);
        Diag diag = diag_new(*state);
        WeightFile *weights;
        Tensor tensor;
        assert_true(safetensors_parse(*state, file.at, file.size, "w.safetensors", &weights, &diag));
        assert_int_equal(weights_count(weights), 2);
        assert_string_equal(weights_key(weights, 0), "a");
        assert_true(weights_find(weights, "a", &tensor));
        assert_string_equal(type_text(*state, &tensor.type), "i16[1, 2]");
        assert_int_equal((uintptr_t)tensor.data % 2, 0);
        assert_int_equal(tensor_get(&tensor, 1).integer, 0x0302);
        assert_true(weights_find(weights, "b", &tensor));
        assert_int_equal(tensor_get(&tensor, 0).integer, 4);
        assert_false(weights_find(weights, "c", &tensor));
    }
}

static void empty_files_and_tensors_are_legal(void **state)
{
    static const char *const headers[] = {"{}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]}}"};
    for (int i = 0; i < 2; i++) {
        Bytes file = file_of(*state, headers[i], 0, 0);
        Diag diag = diag_new(*state);
        WeightFile *weights;
        assert_true(safetensors_parse(*state, file.at, file.size, "w", &weights, &diag));
        assert_int_equal(weights_count(weights), i);
        Tensor tensor;
        assert_true(!i || weights_find(weights, "a", &tensor));
        assert_string_equal(i ? type_text(*state, &tensor.type) : "", i ? "f32[0, 3]" : "");
    }
}

typedef struct Refusal {
    const char *header;
    size_t data;
    const char *says;
} Refusal;

#define ONE(dtype, shape, offsets) "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define PAIR(first, second)                                                                                            \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" first                                                   \
    "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" second "}}"

static const Refusal refusals[] = {
    {"", 0, "not JSON"},
    {"[]", 0, "one JSON object"},
    {" {}", 0, "one JSON object"},
    {"{} x", 0, "one JSON object"},
    {"{\"a\":", 0, "not JSON"},
    {"{\"a\":1}", 0, "`a` is not described"},
    {"{\"a\":{}}", 0, "no dtype"},
    {ONE("\"F32\"", "3", "[0,4]"), 4, "no shape"},
    {ONE("\"F33\"", "[1]", "[0,4]"), 4, "dtype `F33`"},
    {ONE("7", "[1]", "[0,4]"), 4, "no dtype"},
    {ONE("\"F32\"", "[-1]", "[0,4]"), 4, "not a whole number"},
    {ONE("\"F32\"", "[1.5]", "[0,4]"), 4, "not a whole number"},
    {ONE("\"F32\"", "[\"1\"]", "[0,4]"), 4, "not a whole number"},
    {ONE("\"F32\"", "[1e300]", "[0,4]"), 4, "not a whole number"},
    {ONE("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 dims"},
    {ONE("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "larger than"},
    {ONE("\"F32\"", "[1]", "[0]"), 4, "no data_offsets"},
    {ONE("\"F32\"", "[1]", "[0,4,8]"), 4, "no data_offsets"},
    {ONE("\"F32\"", "[1]", "{}"), 4, "no data_offsets"},
    {ONE("\"F32\"", "[1]", "[4,0]"), 4, "not two rising"},
    {ONE("\"F32\"", "[1]", "[-4,0]"), 4, "not two rising"},
    {ONE("\"F32\"", "[1]", "[0.5,4]"), 4, "not two rising"},
    {ONE("\"F32\"", "[1]", "[0,18446744073709551616]"), 4, "not two rising"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 3, "ends at byte 4 of the data, found 3"},
    {ONE("\"F32\"", "[2]", "[0,4]"), 4, "needs 8 bytes"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 5, "found 5 bytes of data"},
    {ONE("\"F32\"", "[1]", "[1,5]"), 5, "leaves a gap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[2],\"data_offsets\":[0,1]}}", 1, "once each"},
    {PAIR("[0,4]", "[2,6]"), 6, "overlaps"},
    {PAIR("[0,4]", "[0,4]"), 4, "overlaps"},
    {PAIR("[0,4]", "[5,9]"), 9, "leaves a gap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, "two tensors are called `a`"},
    {"{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "zero character"},
};

static void damaged_headers_are_refused_in_their_words(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        Bytes file = file_of(*state, refusals[i].header, refusals[i].data, 0);
        Diag diag = diag_new(*state);
        WeightFile *weights;
        assert_false(safetensors_parse(*state, file.at, file.size, "w", &weights, &diag));
        assert_int_equal(diag.first->code, E0504);
        if (!strstr(diag.first->message, refusals[i].says))
            fail_msg("%s: `%s` does not say `%s`", refusals[i].header, diag.first->message, refusals[i].says);
    }
}

/* Every prefix of a good file is refused, each in memory of its own, so that a sanitizer sees a byte too far. */
static void every_truncation_is_refused(void **state)
{
    Bytes file = file_of(*state, two, 5, 0);
    for (size_t size = 0; size < file.size; size++) {
        unsigned char *cut = malloc(size ? size : 1);
        assert_non_null(cut);
        memcpy(cut, file.at, size);
        Diag diag = diag_new(*state);
        WeightFile *weights;
        assert_false(safetensors_parse(*state, cut, size, "w", &weights, &diag));
        assert_true(diag.errors > 0);
        free(cut);
    }
}

static void lengths_that_no_header_has_are_refused(void **state)
{
    static const uint64_t lengths[] = {UINT64_MAX, (uint64_t)1 << 63, 100000001, 9};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        Bytes file = file_of(*state, "{}      ", 0, 0);
        for (int k = 0; k < 8; k++) file.at[k] = (unsigned char)(lengths[i] >> 8 * k);
        Diag diag = diag_new(*state);
        WeightFile *weights;
        assert_false(safetensors_parse(*state, file.at, file.size, "w", &weights, &diag));
        assert_non_null(strstr(diag.first->message, "expected a header of"));
    }
}

/* Fails the n-th allocation of the JSON reader, which has an allocator of its own. */
static long allocations_left;

static void *failing_malloc(size_t size)
{
    errno = ENOMEM;
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void escape(void *context) { longjmp(*(jmp_buf *)context, 1); }

static void memory_that_is_out_is_no_damage(void **state)
{
    Bytes file = file_of(*state, two, 5, 0);
    cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
    volatile long escapes = 0;
    volatile bool done = false;
    cJSON_InitHooks(&hooks);
    for (volatile long n = 0; !done; n++) {
        jmp_buf jump;
        Arena *arena = arena_new(escape, &jump);
        Diag diag = diag_new(arena);
        WeightFile *weights;
        allocations_left = n;
        if (setjmp(jump))
            escapes++;
        else
            done = safetensors_parse(arena, file.at, file.size, "w", &weights, &diag) || diag.errors;
        assert_int_equal(diag.errors, 0);
        arena_free(arena);
    }
    cJSON_InitHooks(NULL);
    assert_true(escapes > 10);
}

/* ---- npy ---- */

static Bytes npy_of(Arena *arena, int version, const char *dict, size_t data)
{
    size_t length = strlen(dict), start = version == 1 ? 10 : 12;
    Bytes file = {arena_alloc(arena, start + length + data), start + length + data};
    memcpy(file.at, "\x93NUMPY", 6);
    file.at[6] = (unsigned char)version;
    for (size_t i = 8; i < start; i++) file.at[i] = (unsigned char)(length >> 8 * (i - 8));
    memcpy(file.at + start, dict, length);
    for (size_t i = 0; i < data; i++) file.at[start + length + i] = (unsigned char)(i + 1);
    return file;
}

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void arrays_of_all_versions_are_read(void **state)
{
    for (int version = 1; version <= 3; version++) {
        Bytes file = npy_of(*state, version, DICT("'<i2'", "False", "(2, 1)") "   \n", 4);
        Diag diag = diag_new(*state);
        Tensor tensor;
        assert_true(npy_parse(*state, file.at, file.size, "a.npy", &tensor, &diag));
        assert_string_equal(type_text(*state, &tensor.type), "i16[2, 1]");
        assert_int_equal(tensor_get(&tensor, 1).integer, 0x0403);
    }
    Bytes file = npy_of(*state, 1, "{\"shape\":(),\"fortran_order\":False,\"descr\":\"|b1\"}", 1);
    Diag diag = diag_new(*state);
    Tensor tensor;
    assert_true(npy_parse(*state, file.at, file.size, "a.npy", &tensor, &diag));
    assert_string_equal(type_text(*state, &tensor.type), "bool[]");
    file = npy_of(*state, 1, DICT("'<i4'", "False", "(3, 0)"), 0);
    assert_true(npy_parse(*state, file.at, file.size, "a.npy", &tensor, &diag));
    assert_string_equal(type_text(*state, &tensor.type), "i32[3, 0]");
}

static const Refusal npy_refusals[] = {
    {"", 4, "not a dict"},
    {"{}", 4, "lacks"},
    {"{'descr': '<f4', 'shape': (1,)}", 4, "lacks"},
    {DICT("'>f4'", "False", "(1,)"), 4, "little endian"},
    {DICT("'<c8'", "False", "(1,)"), 8, "found descr `<c8`"},
    {DICT("'|O'", "False", "(1,)"), 8, "found descr `|O`"},
    {DICT("[('x', '<f4')]", "False", "(1,)"), 4, "records"},
    {DICT("'<f4'", "True", "(1,)"), 4, "fortran_order: True"},
    {DICT("'<f4'", "Maybe", "(1,)"), 4, "neither True nor False"},
    {DICT("'<f4'", "False", "(2,)"), 4, "takes 8 bytes, found 4"},
    {DICT("'<f4'", "False", "(1,)"), 5, "takes 4 bytes, found 5"},
    {DICT("'<f4'", "False", "(0,)"), 4, "takes 0 bytes, found 4"},
    {DICT("'<f4'", "False", "(0, 4294967296, 4294967296)"), 0, "larger than"},
    {DICT("'<f4'", "False", "(-1,)"), 4, "whole numbers"},
    {DICT("'<f4'", "False", "(1.0,)"), 4, "whole numbers"},
    {DICT("'<f4'", "False", "(1"), 4, "whole numbers"},
    {DICT("'<f4'", "False", "1"), 4, "not a tuple"},
    {DICT("'<f4'", "False", "(99999999999999999999,)"), 4, "too large"},
    {DICT("'<f4'", "False", "(4294967296, 4294967296)"), 4, "larger than"},
    {DICT("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), 4, "more than 8 dims"},
    {"{'descr': '<f4', 'descr': '<f4'}", 4, "twice"},
    {"{'shape': (1,), 'shape': (1,)}", 4, "twice"},
    {"{'colour': 1}", 4, "unknown key `colour`"},
    {DICT("'<f4'", "False", "(1,)") "x", 4, "more in the header"},
    {"{'descr", 4, "dict of strings"},
};

static void damaged_arrays_are_refused_in_their_words(void **state)
{
    for (size_t i = 0; i < sizeof npy_refusals / sizeof *npy_refusals; i++) {
        Bytes file = npy_of(*state, 1, npy_refusals[i].header, npy_refusals[i].data);
        Diag diag = diag_new(*state);
        Tensor tensor;
        assert_false(npy_parse(*state, file.at, file.size, "a.npy", &tensor, &diag));
        assert_int_equal(diag.first->code, E0507);
        if (!strstr(diag.first->message, npy_refusals[i].says))
            fail_msg("%s: `%s` does not say `%s`", npy_refusals[i].header, diag.first->message, npy_refusals[i].says);
    }
}

static void every_truncation_of_an_array_is_refused(void **state)
{
    Bytes file = npy_of(*state, 2, DICT("'<f4'", "False", "(1,)"), 4);
    for (size_t size = 0; size < file.size; size++) {
        unsigned char *cut = malloc(size ? size : 1);
        assert_non_null(cut);
        memcpy(cut, file.at, size);
        Diag diag = diag_new(*state);
        Tensor tensor;
        assert_false(npy_parse(*state, cut, size, "a.npy", &tensor, &diag));
        free(cut);
    }
}

/* ---- files ---- */

typedef struct Folder {
    Arena *arena;
    char path[64];
} Folder;

static const char *inside(const Folder *folder, const char *name)
{
    return arena_printf(folder->arena, "%s/%s", folder->path, name);
}

static int make_folder(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Folder *folder = ARENA_NEW(arena, Folder);
    folder->arena = arena;
    strcpy(folder->path, P_tmpdir "/lepc-weights-XXXXXX");
    *state = folder;
    if (!mkdtemp(folder->path)) return 1;
    return mkdir(inside(folder, "home"), 0700) || mkdir(inside(folder, "home/w"), 0700) ||
           mkdir(inside(folder, "home/w/c1"), 0700);
}

static int drop_folder(void **state)
{
    Folder *folder = *state;
    static const char *const names[] = {"home/w/c1/kernel.npy",   "home/w/c1/link.npy",    "home/link.safetensors",
                                        "home/inner.safetensors", "home/fifo.safetensors", "home/empty.safetensors",
                                        "home/w/bad.npy",         "home/raw.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(inside(folder, names[i]));
    unlink(inside(folder, "secret.npy"));
    rmdir(inside(folder, "home/w/c1"));
    rmdir(inside(folder, "home/w"));
    rmdir(inside(folder, "home"));
    int failed = rmdir(folder->path);
    arena_free(folder->arena);
    return failed;
}

static void write_file(const char *path, Bytes bytes)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.at, 1, bytes.size, out), bytes.size);
    assert_int_equal(fclose(out), 0);
}

static DiagCode path_refusal(const Folder *folder, const char *name)
{
    Diag diag = diag_new(folder->arena);
    const char *path = weights_path(folder->arena, inside(folder, "home/m.lep"), name, (Span){0}, &diag);
    return path ? DIAG_COUNT : diag.first->code;
}

static void paths_stay_in_the_models_folder(void **state)
{
    const Folder *folder = *state;
    write_file(inside(folder, "secret.npy"), npy_of(folder->arena, 1, DICT("'<f4'", "False", "()"), 4));
    assert_int_equal(symlink("../secret.npy", inside(folder, "home/link.safetensors")), 0);
    assert_int_equal(symlink("w", inside(folder, "home/inner.safetensors")), 0);
    assert_int_equal(path_refusal(folder, "/etc/passwd"), E0505);
    assert_int_equal(path_refusal(folder, "../secret.npy"), E0505);
    assert_int_equal(path_refusal(folder, "w/../../secret.npy"), E0505);
    assert_int_equal(path_refusal(folder, "w/.."), E0505);
    assert_int_equal(path_refusal(folder, ""), E0505);
    assert_int_equal(path_refusal(folder, "link.safetensors"), E0505);
    assert_int_equal(path_refusal(folder, "inner.safetensors"), DIAG_COUNT);
    assert_int_equal(path_refusal(folder, "w..x/..y"), DIAG_COUNT);
    assert_int_equal(path_refusal(folder, "w"), DIAG_COUNT);
}

static void a_folder_of_arrays_is_read_and_links_are_left_out(void **state)
{
    const Folder *folder = *state;
    Arena *arena = folder->arena;
    Diag diag = diag_new(arena);
    const int64_t dims[] = {2, 3};
    Tensor found;
    Type type = type_tensor(F32, 2, dims);
    Bytes kernel = npy_of(arena, 1, DICT("'<f4'", "False", "(2, 3)"), 24);
    write_file(inside(folder, "home/w/c1/kernel.npy"), kernel);
    assert_int_equal(symlink("kernel.npy", inside(folder, "home/w/c1/link.npy")), 0);
    WeightFile *file = weights_open(arena, inside(folder, "home/w"), (Span){0}, &diag);
    assert_non_null(file);
    assert_int_equal(weights_count(file), 1);
    assert_true(weights_find(file, "c1/kernel", &found));
    assert_true(type_equal(&type, &found.type));
    assert_memory_equal(found.data, kernel.at + kernel.size - 24, 24);
    weights_close(file);
}

static void raw_elements_lie_at_their_offset(void **state)
{
    const Folder *folder = *state;
    Diag diag = diag_new(folder->arena);
    const int64_t dims[] = {2};
    Type type = type_tensor(I16, 1, dims);
    Tensor found;
    const char *path = inside(folder, "home/raw.bin");
    write_file(path, (Bytes){(unsigned char *)(uintptr_t) "\1\2\3\4\5", 5});
    assert_true(weights_raw(folder->arena, path, 1, &type, &found, (Span){0}, &diag));
    assert_int_equal(tensor_get(&found, 0).integer, 0x0302);
    static const int64_t outside[] = {2, 6, -1, INT64_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        diag = diag_new(folder->arena);
        assert_false(weights_raw(folder->arena, path, outside[i], &type, &found, (Span){0}, &diag));
        assert_int_equal(diag.first->code, E0503);
    }
}

static void files_that_are_none_are_refused(void **state)
{
    const Folder *folder = *state;
    Diag diag = diag_new(folder->arena);
    fclose(fopen(inside(folder, "home/empty.safetensors"), "wb"));
    fclose(fopen(inside(folder, "home/w/bad.npy"), "wb"));
    assert_int_equal(mkfifo(inside(folder, "home/fifo.safetensors"), 0600), 0);
    static const char *const names[] = {
        "home/none.safetensors", "home/fifo.safetensors", "home/empty.safetensors", "home/w", "home/none",
        "home/w/bad.npy"};
    static const DiagCode codes[] = {E0501, E0501, E0504, E0507, E0501, E0507};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        diag = diag_new(folder->arena);
        assert_null(weights_open(folder->arena, inside(folder, names[i]), (Span){0}, &diag));
        assert_int_equal(diag.errors, 1);
        assert_int_equal(diag.first->code, codes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tensors_are_found_by_key_at_any_alignment, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_files_and_tensors_are_legal, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_headers_are_refused_in_their_words, setup, teardown),
        cmocka_unit_test_setup_teardown(every_truncation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_that_no_header_has_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_that_is_out_is_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(arrays_of_all_versions_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_arrays_are_refused_in_their_words, setup, teardown),
        cmocka_unit_test_setup_teardown(every_truncation_of_an_array_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_stay_in_the_models_folder, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_folder_of_arrays_is_read_and_links_are_left_out, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(raw_elements_lie_at_their_offset, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(files_that_are_none_are_refused, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
