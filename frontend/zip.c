/* The directory of a zip archive, and its members unpacked.  zlib knows deflate and the checksum. */
#include "frontend/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    MAX_COMMENT = 0xffff,
    MAX_MEMBERS = 100000,
    FLAG_ENCRYPTED = 1,
    EXTRA_ZIP64 = 1,
    DEFLATE_RATIO = 1032 /* the most that a byte of deflate can stand for */
};

typedef struct Zip {
    Arena *arena;
    const unsigned char *bytes;
    uint64_t size;
    const char *path;
    Diag *diag;
    uint64_t entries, directory, directory_end;
    ZipMember *members;
    size_t count;
} Zip;

static uint64_t number(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static bool has_signature(const Zip *z, uint64_t at, unsigned char third, unsigned char fourth)
{
    const unsigned char *b = z->bytes + at;
    return b[0] == 'P' && b[1] == 'K' && b[2] == third && b[3] == fourth;
}

static bool damaged(Zip *z, const char *what)
{
    diag_error(z->diag, E0504, (Span){.name = z->path}, "%s", what);
    return diag_help(z->diag, "write it again with numpy.savez(path, **arrays)");
}

static bool damaged_member(Zip *z, const char *name, const char *what)
{
    return damaged(z, arena_printf(z->arena, "`%s` %s", name, what));
}

/* ---- where the directory is ---- */

/* The record at the end of the archive, behind which only its comment stands. */
static bool find_end(Zip *z, uint64_t *out)
{
    for (uint64_t comment = 0; comment <= MAX_COMMENT && comment + END_SIZE <= z->size; comment++) {
        uint64_t at = z->size - END_SIZE - comment;
        if (has_signature(z, at, 5, 6) && number(z->bytes + at + 20, 2) == comment) {
            *out = at;
            return true;
        }
    }
    return damaged(z, "the archive has no directory: it was cut short, or is no .npz");
}

/* The zip64 record takes over when the old one's fields are full. */
static bool read_end64(Zip *z, uint64_t end)
{
    if (end < LOCATOR_SIZE || !has_signature(z, end - LOCATOR_SIZE, 6, 7)) return true;
    uint64_t at = number(z->bytes + end - LOCATOR_SIZE + 8, 8);
    if (at > end - LOCATOR_SIZE || end - LOCATOR_SIZE - at < END64_SIZE || !has_signature(z, at, 6, 6))
        return damaged(z, "the archive's zip64 record is not where it says");
    z->entries = number(z->bytes + at + 32, 8);
    z->directory_end = number(z->bytes + at + 40, 8);
    z->directory = number(z->bytes + at + 48, 8);
    return true;
}

static bool find_directory(Zip *z)
{
    uint64_t end = 0;
    if (!find_end(z, &end)) return false;
    const unsigned char *b = z->bytes + end;
    if (number(b + 4, 2) || number(b + 6, 2)) return damaged(z, "the archive is one of several disks");
    z->entries = number(b + 10, 2);
    z->directory_end = number(b + 12, 4);
    z->directory = number(b + 16, 4);
    if (!read_end64(z, end)) return false;
    if (z->directory > end || z->directory_end > end - z->directory)
        return damaged(z, "the archive's directory is not where it says");
    z->directory_end += z->directory;
    if (z->entries > MAX_MEMBERS) return damaged(z, "the archive has more than 100000 members");
    return true;
}

/* ---- members ---- */

/* Sizes and place that need more than 32 bits, in the order of the fields that are full. */
static bool read_extra64(Zip *z, ZipMember *m, const unsigned char *extra, uint64_t length)
{
    uint64_t *wide[] = {&m->size, &m->stored, &m->begin};
    for (uint64_t at = 0; length - at >= 4;) {
        uint64_t id = number(extra + at, 2), bytes = number(extra + at + 2, 2);
        if (bytes > length - at - 4) break;
        const unsigned char *field = extra + at + 4, *stop = field + bytes;
        at += 4 + bytes;
        if (id != EXTRA_ZIP64) continue;
        for (int i = 0; i < 3; i++) {
            if (*wide[i] != UINT32_MAX) continue;
            if (stop - field < 8) return damaged_member(z, m->name, "lacks its zip64 sizes");
            *wide[i] = number(field, 8);
            field += 8;
        }
        return true;
    }
    return true;
}

/* The header in front of the bytes repeats the name; a reader that believes it must see the same. */
static bool read_local(Zip *z, ZipMember *m, size_t name_length)
{
    if (m->begin > z->directory || z->directory - m->begin < LOCAL_SIZE || !has_signature(z, m->begin, 3, 4))
        return damaged_member(z, m->name, "is not where the directory says");
    const unsigned char *local = z->bytes + m->begin;
    uint64_t length = number(local + 26, 2), extra = number(local + 28, 2);
    uint64_t room = z->directory - m->begin - LOCAL_SIZE;
    if (length + extra > room || m->stored > room - length - extra)
        return damaged_member(z, m->name, "reaches into the directory");
    if (length != name_length || memcmp(local + LOCAL_SIZE, m->name, length) != 0)
        return damaged_member(z, m->name, "has another name in front of its bytes");
    m->bytes = local + LOCAL_SIZE + length + extra;
    m->end = m->begin + LOCAL_SIZE + length + extra + m->stored;
    return true;
}

static bool check_member(Zip *z, const ZipMember *m, uint64_t flags, uint64_t method)
{
    if (flags & FLAG_ENCRYPTED) return damaged_member(z, m->name, "is encrypted");
    if (method != ZIP_STORED && method != ZIP_DEFLATED)
        return damaged_member(
            z, m->name,
            arena_printf(z->arena, "is packed by method %d; known are 0 (stored) and 8 (deflate)", (int)method));
    bool fits = method == ZIP_STORED ? m->size == m->stored : m->size / DEFLATE_RATIO <= m->stored;
    return fits || damaged_member(z, m->name, "claims more bytes than its packed ones can hold");
}

/* Reads the directory's entry at `at` and steps behind it. */
static bool read_entry(Zip *z, uint64_t *at)
{
    uint64_t room = z->directory_end - *at;
    if (room < ENTRY_SIZE || !has_signature(z, *at, 1, 2)) return damaged(z, "the archive's directory is cut short");
    const unsigned char *b = z->bytes + *at;
    uint64_t length = number(b + 28, 2), extra = number(b + 30, 2), comment = number(b + 32, 2);
    if (length + extra + comment > room - ENTRY_SIZE) return damaged(z, "the archive's directory is cut short");
    ZipMember *m = &z->members[z->count++];
    const char *name = (const char *)b + ENTRY_SIZE;
    if (memchr(name, 0, length)) return damaged(z, "the name of a member holds a zero character");
    *m = (ZipMember){.name = arena_copy_chars(z->arena, name, length), .crc = (uint32_t)number(b + 16, 4)};
    m->method = (ZipMethod)number(b + 10, 2);
    m->stored = number(b + 20, 4);
    m->size = number(b + 24, 4);
    m->begin = number(b + 42, 4);
    *at += ENTRY_SIZE + length + extra + comment;
    return read_extra64(z, m, b + ENTRY_SIZE + length, extra) &&
           check_member(z, m, number(b + 8, 2), number(b + 10, 2)) && read_local(z, m, length);
}

static int compare_members(const void *a, const void *b)
{
    const ZipMember *x = *(const ZipMember *const *)a, *y = *(const ZipMember *const *)b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Bytes that are several members' let a small file unpack to any size. */
static bool check_overlaps(Zip *z)
{
    const ZipMember **order = ARENA_ARRAY(z->arena, const ZipMember *, z->count + 1);
    for (size_t i = 0; i < z->count; i++) order[i] = &z->members[i];
    if (z->count) qsort(order, z->count, sizeof *order, compare_members);
    for (size_t i = 1; i < z->count; i++)
        if (order[i]->begin < order[i - 1]->end) return damaged_member(z, order[i]->name, "overlaps the one before");
    return true;
}

bool zip_directory(Arena *arena, const unsigned char *bytes, size_t size, const char *path, ZipMember **members,
                   size_t *count, Diag *diag)
{
    Zip z = {.arena = arena, .bytes = bytes, .size = size, .path = path, .diag = diag};
    if (!find_directory(&z)) return false;
    z.members = ARENA_ARRAY(arena, ZipMember, z.entries + 1);
    uint64_t at = z.directory;
    for (uint64_t i = 0; i < z.entries; i++)
        if (!read_entry(&z, &at)) return false;
    if (at != z.directory_end) return damaged(&z, "there is more in the archive's directory than its entries");
    *members = z.members;
    *count = z.count;
    return check_overlaps(&z);
}

/* ---- unpacking ---- */

static void *zip_allocate(void *arena, unsigned count, unsigned size) { return arena_array(arena, count, size); }

static void zip_release(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

/* zlib counts in 32 bits: large members go piece by piece. */
static unsigned piece(uint64_t left) { return left < UINT_MAX ? (unsigned)left : UINT_MAX; }

/* Fills exactly `size` bytes and ends exactly with the packed ones. */
static bool inflate_all(z_stream *stream, const ZipMember *m, unsigned char *out)
{
    uint64_t in_left = m->stored, out_left = m->size;
    int status = Z_OK;
    stream->next_in = (unsigned char *)(uintptr_t)m->bytes;
    stream->next_out = out;
    while (status == Z_OK) {
        unsigned in = piece(in_left), room = piece(out_left);
        stream->avail_in = in;
        stream->avail_out = room;
        status = inflate(stream, Z_NO_FLUSH);
        in_left -= in - stream->avail_in;
        out_left -= room - stream->avail_out;
        if (in == stream->avail_in && room == stream->avail_out && status == Z_OK) return false;
    }
    return status == Z_STREAM_END && in_left == 0 && out_left == 0;
}

static const unsigned char *unpack_deflated(Arena *arena, const ZipMember *m)
{
    unsigned char *out = arena_alloc(arena, m->size + 1);
    z_stream stream = {.zalloc = zip_allocate, .zfree = zip_release, .opaque = arena};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return NULL;
    bool good = inflate_all(&stream, m, out);
    inflateEnd(&stream);
    return good ? out : NULL;
}

static uint32_t checksum(const unsigned char *bytes, uint64_t size)
{
    unsigned long sum = crc32(0, NULL, 0);
    for (uint64_t at = 0; at < size;) {
        unsigned step = piece(size - at);
        sum = crc32(sum, bytes + at, step);
        at += step;
    }
    return (uint32_t)sum;
}

const unsigned char *zip_unpack(Arena *arena, const ZipMember *m, const char *path, Diag *diag)
{
    Zip z = {.arena = arena, .path = path, .diag = diag};
    const unsigned char *bytes = m->method == ZIP_STORED ? m->bytes : unpack_deflated(arena, m);
    if (!bytes)
        damaged_member(&z, m->name, "does not unpack to the bytes that the directory says");
    else if (checksum(bytes, m->size) != m->crc) {
        damaged_member(&z, m->name, "has another checksum than the directory says");
        bytes = NULL;
    }
    return bytes;
}
