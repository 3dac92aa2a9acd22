/* Archives of arrays: what is read, and that nothing of a hostile directory is believed. */
#include "frontend/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum { ROOM = 1 << 16 };

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

/* ---- archives ---- */

typedef struct Archive {
    Arena *arena;
    unsigned char *at;
    size_t size, directory, end;
    int members;
} Archive;

static size_t put(Archive *a, size_t at, uint64_t value, int bytes)
{
    assert_true(at + (size_t)bytes <= ROOM);
    for (int i = 0; i < bytes; i++) a->at[at + (size_t)i] = i < 8 ? (unsigned char)(value >> 8 * i) : 0;
    return at + (size_t)bytes;
}

typedef struct Member {
    const char *name;
    bool deflated, wide; /* its sizes stand in a zip64 field */
    const char *shape;
    int count; /* of f32 elements, 0, 1, 2, ... */
} Member;

static size_t make_array(unsigned char *out, const Member *m)
{
    int dict = sprintf((char *)out + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n", m->shape);
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (unsigned char)dict;
    out[9] = 0;
    for (int i = 0; i < m->count; i++) {
        float value = (float)i;
        memcpy(out + 10 + dict + i * 4, &value, 4);
    }
    return 10 + (size_t)dict + (size_t)m->count * 4;
}

static size_t deflated(const unsigned char *from, size_t size, unsigned char *to)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)from, .avail_in = (unsigned)size, .next_out = to};
    stream.avail_out = ROOM;
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t stored = stream.total_out;
    deflateEnd(&stream);
    return stored;
}

/* What a member's two headers share, from the flags on. */
static size_t put_common(Archive *a, size_t at, const Member *m, uint32_t crc, size_t stored, size_t size)
{
    at = put(a, at, 0, 2);
    at = put(a, at, m->deflated ? 8 : 0, 2);
    at = put(a, at, 0, 4); /* time */
    at = put(a, at, crc, 4);
    at = put(a, at, m->wide ? UINT32_MAX : stored, 4);
    at = put(a, at, m->wide ? UINT32_MAX : size, 4);
    at = put(a, at, strlen(m->name), 2);
    return put(a, at, m->wide ? 20 : 0, 2);
}

static size_t put_name(Archive *a, size_t at, const Member *m, size_t stored, size_t size)
{
    memcpy(a->at + at, m->name, strlen(m->name));
    at += strlen(m->name);
    if (!m->wide) return at;
    at = put(a, at, 1, 2);
    at = put(a, at, 16, 2);
    at = put(a, at, size, 8);
    return put(a, at, stored, 8);
}

static Archive archive_of(Arena *arena, const Member *members, int count)
{
    Archive a = {.arena = arena, .at = arena_alloc(arena, ROOM), .members = count};
    unsigned char *entries = arena_alloc(arena, ROOM), *array = arena_alloc(arena, ROOM);
    Archive directory = {.arena = arena, .at = entries};
    for (int i = 0; i < count; i++) {
        const Member *m = &members[i];
        size_t size = make_array(array, m), begin = a.size;
        uint32_t crc = (uint32_t)crc32(0, array, (unsigned)size);
        unsigned char *packed = arena_alloc(arena, ROOM);
        size_t stored = m->deflated ? deflated(array, size, packed) : size;
        if (!m->deflated) memcpy(packed, array, size);
        size_t at = put(&a, put(&a, begin, 0x04034b50, 4), 20, 2);
        at = put_name(&a, put_common(&a, at, m, crc, stored, size), m, stored, size);
        memcpy(a.at + at, packed, stored);
        a.size = at + stored;
        at = put(&directory, directory.size, 0x02014b50, 4);
        at = put(&directory, at, 20 | 20 << 16, 4);
        at = put_common(&directory, at, m, crc, stored, size);
        at = put(&directory, at, 0, 10); /* comment, disk, attributes */
        at = put(&directory, at, begin, 4);
        directory.size = put_name(&directory, at, m, stored, size);
    }
    a.directory = a.size;
    memcpy(a.at + a.size, entries, directory.size);
    a.end = a.size + directory.size;
    size_t at = put(&a, put(&a, a.end, 0x06054b50, 4), 0, 4);
    at = put(&a, put(&a, at, (uint64_t)count, 2), (uint64_t)count, 2);
    at = put(&a, put(&a, at, directory.size, 4), a.directory, 4);
    a.size = put(&a, at, 0, 2);
    return a;
}

static const Member two[] = {{"a/kernel.npy", true, false, "(2, 3)", 6}, {"b.npy", false, true, "(2,)", 2}};

static WeightFile *parse(const Archive *a, Diag *diag)
{
    WeightFile *file = NULL;
    *diag = diag_new(a->arena);
    bool good = npz_parse(a->arena, a->at, a->size, "w.npz", &file, diag);
    assert_int_equal(good, diag->errors == 0);
    return good ? file : NULL;
}

/* ---- tests ---- */

static void arrays_are_found_stored_or_deflated(void **state)
{
    Archive a = archive_of(*state, two, 2);
    Diag diag;
    Tensor tensor;
    const WeightFile *file = parse(&a, &diag);
    assert_non_null(file);
    assert_int_equal(weights_count(file), 2);
    assert_true(weights_find(file, "a/kernel", &tensor));
    assert_string_equal(type_text(*state, &tensor.type), "f32[2, 3]");
    assert_true(tensor_real(&tensor, 5) == 5);
    assert_true(weights_find(file, "b", &tensor));
    assert_true(tensor_real(&tensor, 1) == 1);
    assert_false(weights_find(file, "b.npy", &tensor));
}

static void an_archive_may_be_empty_or_hold_other_members(void **state)
{
    static const Member other = {"readme.txt", false, false, "()", 1};
    Archive none = archive_of(*state, NULL, 0), one = archive_of(*state, &other, 1);
    Diag diag;
    assert_int_equal(weights_count(parse(&none, &diag)), 0);
    assert_int_equal(weights_count(parse(&one, &diag)), 0);
}

/* A field of the directory's first entry, of its end or of the first member, overwritten. */
typedef struct Damage {
    enum { ENTRY, TAIL, LOCAL } of;
    size_t at;
    int bytes;
    uint64_t value;
    const char *says;
} Damage;

static const Damage damages[] = {
    {ENTRY, 0, 4, 0, "directory is cut short"},
    {ENTRY, 8, 2, 1, "`a/kernel.npy` is encrypted"},
    {ENTRY, 10, 2, 12, "packed by method 12"},
    {ENTRY, 16, 4, 7, "another checksum"},
    {ENTRY, 20, 4, 0xfffffff0, "reaches into the directory"},
    {ENTRY, 24, 4, 1 << 20, "claims more bytes"},
    {ENTRY, 24, 4, 95, "does not unpack"},
    {ENTRY, 28, 2, 0xffff, "directory is cut short"},
    {ENTRY, 28, 2, 2, "another name"},
    {ENTRY, 42, 4, 0xfffffff0, "not where the directory says"},
    {ENTRY, 42, 4, 1, "not where the directory says"},
    {ENTRY, 46, 1, 0, "zero character"},
    {ENTRY, 46, 1, 'x', "another name"},
    {TAIL, 4, 2, 1, "one of several disks"},
    {TAIL, 10, 2, 3, "directory is cut short"},
    {TAIL, 10, 2, 1, "more in the archive's directory"},
    {TAIL, 12, 4, 0xfffffff0, "not where it says"},
    {TAIL, 16, 4, 0xfffffff0, "not where it says"},
    {TAIL, 0, 1, 'x', "has no directory"},
    {LOCAL, 0, 1, 'x', "not where the directory says"},
    {LOCAL, 26, 2, 0xffff, "reaches into the directory"},
    {LOCAL, 28, 2, 0xff00, "reaches into the directory"},
};

static void damaged_archives_are_refused_in_their_words(void **state)
{
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const Damage *d = &damages[i];
        Archive a = archive_of(*state, two, 2);
        Diag diag;
        put(&a, d->at + (d->of == ENTRY ? a.directory : d->of == TAIL ? a.end : 0), d->value, d->bytes);
        assert_null(parse(&a, &diag));
        assert_int_equal(diag.first->code, E0504);
        if (!strstr(diag.first->message, d->says))
            fail_msg("%zu: `%s` does not say `%s`", i, diag.first->message, d->says);
    }
}

static void members_that_share_bytes_are_refused(void **state)
{
    static const Member same[] = {{"b.npy", false, false, "(2,)", 2}, {"b.npy", false, false, "(2,)", 2}};
    Archive a = archive_of(*state, same, 2);
    Diag diag;
    size_t entry = (a.end - a.directory) / 2;
    assert_null(parse(&a, &diag));
    assert_non_null(strstr(diag.first->message, "two tensors are called `b`"));
    put(&a, a.directory + entry + 42, 0, 4); /* the second's place */
    assert_null(parse(&a, &diag));
    assert_non_null(strstr(diag.first->message, "overlaps the one before"));
}

/* Every prefix, in memory of its own, so that a sanitizer sees a byte too far; and every byte changed once. */
static void no_cut_and_no_changed_byte_goes_unseen(void **state)
{
    Archive whole = archive_of(*state, two, 2), a = whole;
    Diag diag;
    for (a.size = 0; a.size < whole.size; a.size++) {
        a.at = malloc(a.size + 1);
        assert_non_null(a.at);
        memcpy(a.at, whole.at, a.size);
        assert_null(parse(&a, &diag));
        free(a.at);
    }
    for (size_t i = 0; i < whole.size; i++) {
        whole.at[i] ^= 0x41;
        parse(&whole, &diag);
        whole.at[i] ^= 0x41;
    }
}

static void an_array_inside_is_named_with_its_archive(void **state)
{
    static const Member wrong = {"w.npy", true, false, "(3,)", 2};
    Archive a = archive_of(*state, &wrong, 1);
    Diag diag;
    assert_null(parse(&a, &diag));
    assert_int_equal(diag.first->code, E0507);
    assert_string_equal(diag.first->at.name, "w.npz(w.npy)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arrays_are_found_stored_or_deflated, setup, teardown),
        cmocka_unit_test_setup_teardown(an_archive_may_be_empty_or_hold_other_members, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_archives_are_refused_in_their_words, setup, teardown),
        cmocka_unit_test_setup_teardown(members_that_share_bytes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(no_cut_and_no_changed_byte_goes_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(an_array_inside_is_named_with_its_archive, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
