#include "backend/object.h"

#include "backend/elf.h"

#include <ctype.h>
#include <string.h>

enum { SECTION_ALIGN = 64, SECTION_LIMIT = 0xff00 };

/* ---- a section more ---- */

static bool not_ours(Diag *diag)
{
    return diag_error(diag, E0904, (Span){.name = "object"}, "expected a relocatable ELF object from LLVM");
}

/* Index of an undefined symbol of that name, 0 (which is none) when there is not any. */
static size_t find_undefined(const Elf *elf, const char *name)
{
    for (size_t i = 1; i < elf->nsymbols; i++) {
        ElfSymbol symbol = elf_symbol(elf, i);
        if (symbol.section == 0 && strcmp(elf_symbol_name(elf, &symbol), name) == 0) return i;
    }
    return 0;
}

static size_t aligned(size_t offset, size_t align) { return (offset + align - 1) / align * align; }

/* Where the parts of the new object are: the old one, the data, section names, section headers. */
typedef struct Layout {
    size_t data, names, names_size, headers, end;
} Layout;

static Layout layout_of(const Elf *elf, size_t data_size, const char *name)
{
    Layout l;
    l.data = aligned(elf->bytes->size, SECTION_ALIGN);
    l.names = l.data + data_size;
    l.names_size = (size_t)elf->names.size + strlen(name) + 1;
    l.headers = aligned(l.names + l.names_size, 8);
    l.end = l.headers + ((size_t)elf->header.section_count + 1) * elf_section_bytes(elf);
    return l;
}

static void put_headers(const Elf *elf, const Layout *l, const ObjectSection *section, unsigned char *to)
{
    size_t count = elf->header.section_count, each = elf_section_bytes(elf);
    ElfHeader header = elf->header;
    ElfSection names = elf->names;
    ElfSection added = {
        (uint32_t)elf->names.size, ELF_PROGBITS, ELF_ALLOC, 0, l->data, section->size, 0, 0, SECTION_ALIGN, 0};
    if (section->large && elf->header.machine == ELF_X86_64) added.flags |= ELF_LARGE;
    names.offset = l->names;
    names.size = l->names_size;
    memcpy(to + l->headers, elf->bytes->data + header.section_offset, count * each);
    elf_put_section(elf, &names, to + l->headers + header.names_index * each);
    elf_put_section(elf, &added, to + l->headers + count * each);
    header.section_offset = l->headers;
    header.section_count = (uint16_t)(count + 1);
    elf_put_header(elf, &header, to);
}

/* The old bytes stay where they are; what changes is written behind them, but for the header and the symbol. */
bool object_add_section(Arena *arena, const Bytes *object, ObjectSection *section, Bytes *out, Diag *diag)
{
    Elf elf;
    section->data = NULL;
    if (!elf_open(object, &elf) || elf.header.section_count >= SECTION_LIMIT) return not_ours(diag);
    size_t index = find_undefined(&elf, section->symbol);
    if (index == 0) {
        *out = *object;
        return true;
    }
    Layout l = layout_of(&elf, section->size, section->name);
    unsigned char *to = arena_alloc(arena, l.end);
    section->data = to + l.data;
    memcpy(to, object->data, object->size);
    memcpy(to + l.names, object->data + elf.names.offset, (size_t)elf.names.size);
    memcpy(to + l.names + elf.names.size, section->name, strlen(section->name) + 1);
    put_headers(&elf, &l, section, to);
    ElfSymbol defined = elf_symbol(&elf, index);
    defined.info = ELF_GLOBAL << 4 | ELF_OBJECT;
    defined.other = ELF_HIDDEN;
    defined.section = elf.header.section_count;
    defined.value = 0;
    defined.size = section->size;
    elf_put_symbol(&elf, &defined, to + elf.symbols.offset + index * elf_symbol_bytes(&elf));
    *out = (Bytes){to, l.end};
    return true;
}

/* ---- archives ---- */

enum { MEMBER_HEADER = 60, SHORT_NAME = 15 };
#define LARGEST_MEMBER 9999999999u /* ten digits */

typedef struct Writer {
    unsigned char *data;
    size_t size;
} Writer;

static void put(Writer *w, const void *bytes, size_t size)
{
    memcpy(w->data + w->size, bytes, size);
    w->size += size;
}

/* No time, no owner: the same bytes every time. */
static void put_member(Writer *w, Arena *arena, const char *name, size_t size)
{
    put(w, arena_printf(arena, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "644", size), MEMBER_HEADER);
}

static void put_padding(Writer *w)
{
    if (w->size % 2) put(w, "\n", 1);
}

static void put_big_endian(Writer *w, size_t value)
{
    unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                             (unsigned char)value};
    put(w, bytes, sizeof bytes);
}

static bool is_exported(const ElfSymbol *symbol) { return symbol->section != 0 && symbol->info >> 4 != 0; }

/* The names that the object defines for others, each with its 0, one after the other. */
static Bytes exported_names(Arena *arena, const Elf *elf, size_t *count)
{
    Writer w = {arena_alloc(arena, (size_t)elf->strings.size + elf->nsymbols), 0};
    *count = 0;
    for (size_t i = 1; i < elf->nsymbols; i++) {
        ElfSymbol symbol = elf_symbol(elf, i);
        const char *name = elf_symbol_name(elf, &symbol);
        size_t length = strlen(name) + 1;
        /* names may share their ends in the string table, so that their sum could exceed it in a strange object */
        if (!is_exported(&symbol) || w.size + length > elf->strings.size + elf->nsymbols) continue;
        put(&w, name, length);
        ++*count;
    }
    return (Bytes){w.data, w.size};
}

bool archive_write(Arena *arena, const char *member, const Bytes *object, Bytes *out, Diag *diag)
{
    Elf elf;
    size_t count;
    if (!elf_open(object, &elf) || object->size > LARGEST_MEMBER) return not_ours(diag);
    Bytes names = exported_names(arena, &elf, &count);
    size_t index_size = aligned(4 + 4 * count + names.size, 2), name_length = strlen(member);
    bool is_long = name_length > SHORT_NAME;
    size_t long_size = is_long ? aligned(name_length + 2, 2) : 0;
    size_t start = 8 + MEMBER_HEADER + index_size + (is_long ? MEMBER_HEADER + long_size : 0);
    Writer w = {arena_alloc(arena, start + MEMBER_HEADER + object->size + 1), 0};
    put(&w, "!<arch>\n", 8);
    put_member(&w, arena, "/", index_size);
    put_big_endian(&w, count);
    for (size_t i = 0; i < count; i++) put_big_endian(&w, start);
    put(&w, names.data, names.size);
    if (w.size % 2) put(&w, "", 1);
    if (is_long) {
        put_member(&w, arena, "//", long_size);
        put(&w, member, name_length);
        put(&w, "/\n", 2);
        put_padding(&w);
    }
    put_member(&w, arena, is_long ? "/0" : arena_printf(arena, "%s/", member), object->size);
    put(&w, object->data, object->size);
    put_padding(&w);
    *out = (Bytes){w.data, w.size};
    return true;
}

/* ---- sizes ---- */

size_t object_parts(Arena *arena, const Bytes *object, ObjectPart **out)
{
    Elf elf;
    size_t count = 0;
    if (!elf_open(object, &elf)) return 0;
    *out = ARENA_ARRAY(arena, ObjectPart, elf.header.section_count);
    for (size_t i = 0; i < elf.header.section_count; i++) {
        ElfSection section = elf_section(&elf, i);
        if (!(section.flags & ELF_ALLOC) || !section.size) continue;
        (*out)[count++] = (ObjectPart){.name = elf_section_name(&elf, &section),
                                       .bytes = (int64_t)section.size,
                                       .code = section.flags & ELF_EXECUTE};
    }
    return count;
}

bool object_sizes(const Bytes *object, int64_t *code, int64_t *data)
{
    Elf elf;
    *code = *data = 0;
    if (!elf_open(object, &elf)) return false;
    for (size_t i = 0; i < elf.header.section_count; i++) {
        ElfSection section = elf_section(&elf, i);
        if (!(section.flags & ELF_ALLOC) || strstr(elf_section_name(&elf, &section), OBJECT_WEIGHTS)) continue;
        *(section.flags & ELF_EXECUTE ? code : data) += (int64_t)section.size;
    }
    return true;
}

int64_t object_function_bytes(const Bytes *object, const char *name)
{
    Elf elf;
    int64_t bytes = 0;
    size_t length = strlen(name);
    if (!elf_open(object, &elf)) return 0;
    for (size_t i = 0; i < elf.nsymbols; i++) {
        ElfSymbol symbol = elf_symbol(&elf, i);
        const char *text = elf_symbol_name(&elf, &symbol);
        if (!strncmp(text, name, length) && !isdigit((unsigned char)text[length])) bytes += (int64_t)symbol.size;
    }
    return bytes;
}
