#include "backend/elf.h"

#include <string.h>

static bool inside(const Bytes *bytes, uint64_t offset, uint64_t size)
{
    return offset <= bytes->size && size <= bytes->size - offset;
}

/* ---- both widths ---- */

typedef struct NarrowHeader {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version, entry, program_offset, section_offset, flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, names_index;
} NarrowHeader;

typedef struct NarrowSection {
    uint32_t name, type, flags, address, offset, size, link, info, align, entry_size;
} NarrowSection;

typedef struct NarrowSymbol {
    uint32_t name, value, size;
    unsigned char info, other;
    uint16_t section;
} NarrowSymbol;

size_t elf_section_bytes(const Elf *elf) { return elf->narrow ? sizeof(NarrowSection) : sizeof(ElfSection); }

size_t elf_symbol_bytes(const Elf *elf) { return elf->narrow ? sizeof(NarrowSymbol) : sizeof(ElfSymbol); }

/* False when there are not as many bytes. */
static bool read_header(Elf *elf)
{
    ElfHeader *out = &elf->header;
    NarrowHeader h;
    if (elf->bytes->size < (elf->narrow ? sizeof h : sizeof *out)) return false;
    if (!elf->narrow) {
        memcpy(out, elf->bytes->data, sizeof *out);
        return true;
    }
    memcpy(&h, elf->bytes->data, sizeof h);
    memcpy(out->ident, h.ident, sizeof h.ident);
    out->type = h.type;
    out->machine = h.machine;
    out->version = h.version;
    out->entry = h.entry;
    out->program_offset = h.program_offset;
    out->section_offset = h.section_offset;
    out->flags = h.flags;
    out->header_size = h.header_size;
    out->program_size = h.program_size;
    out->program_count = h.program_count;
    out->section_size = h.section_size;
    out->section_count = h.section_count;
    out->names_index = h.names_index;
    return true;
}

void elf_put_header(const Elf *elf, const ElfHeader *header, unsigned char *to)
{
    NarrowHeader h;
    if (!elf->narrow) {
        memcpy(to, header, sizeof *header);
        return;
    }
    memcpy(h.ident, header->ident, sizeof h.ident);
    h.type = header->type;
    h.machine = header->machine;
    h.version = header->version;
    h.entry = (uint32_t)header->entry;
    h.program_offset = (uint32_t)header->program_offset;
    h.section_offset = (uint32_t)header->section_offset;
    h.flags = header->flags;
    h.header_size = header->header_size;
    h.program_size = header->program_size;
    h.program_count = header->program_count;
    h.section_size = header->section_size;
    h.section_count = header->section_count;
    h.names_index = header->names_index;
    memcpy(to, &h, sizeof h);
}

ElfSection elf_section(const Elf *elf, size_t index)
{
    ElfSection section;
    NarrowSection s;
    const unsigned char *from = elf->bytes->data + elf->header.section_offset + index * elf_section_bytes(elf);
    if (!elf->narrow) {
        memcpy(&section, from, sizeof section);
        return section;
    }
    memcpy(&s, from, sizeof s);
    return (ElfSection){s.name, s.type, s.flags, s.address, s.offset, s.size, s.link, s.info, s.align, s.entry_size};
}

void elf_put_section(const Elf *elf, const ElfSection *section, unsigned char *to)
{
    if (!elf->narrow) {
        memcpy(to, section, sizeof *section);
        return;
    }
    NarrowSection s = {section->name,
                       section->type,
                       (uint32_t)section->flags,
                       (uint32_t)section->address,
                       (uint32_t)section->offset,
                       (uint32_t)section->size,
                       section->link,
                       section->info,
                       (uint32_t)section->align,
                       (uint32_t)section->entry_size};
    memcpy(to, &s, sizeof s);
}

ElfSymbol elf_symbol(const Elf *elf, size_t index)
{
    ElfSymbol symbol;
    NarrowSymbol s;
    const unsigned char *from = elf->bytes->data + elf->symbols.offset + index * elf_symbol_bytes(elf);
    if (!elf->narrow) {
        memcpy(&symbol, from, sizeof symbol);
        return symbol;
    }
    memcpy(&s, from, sizeof s);
    return (ElfSymbol){s.name, s.info, s.other, s.section, s.value, s.size};
}

void elf_put_symbol(const Elf *elf, const ElfSymbol *symbol, unsigned char *to)
{
    if (!elf->narrow) {
        memcpy(to, symbol, sizeof *symbol);
        return;
    }
    NarrowSymbol s = {symbol->name, (uint32_t)symbol->value, (uint32_t)symbol->size,
                      symbol->info, symbol->other,           symbol->section};
    memcpy(to, &s, sizeof s);
}

/* ---- reading ---- */

/* A string table in bounds that ends with 0, so that no string runs out of it. */
static bool is_string_table(const Elf *elf, const ElfSection *s)
{
    return inside(elf->bytes, s->offset, s->size) && s->size > 0 && elf->bytes->data[s->offset + s->size - 1] == 0;
}

bool elf_open(const Bytes *bytes, Elf *out)
{
    static const unsigned char idents[][7] = {{0x7f, 'E', 'L', 'F', 2, 1, 1}, {0x7f, 'E', 'L', 'F', 1, 1, 1}};
    enum { IDENT = sizeof idents[0] };
    *out = (Elf){.bytes = bytes};
    out->narrow = bytes->size >= IDENT && !memcmp(bytes->data, idents[1], IDENT);
    if (bytes->size < IDENT || memcmp(bytes->data, idents[out->narrow], IDENT) != 0) return false;
    if (!read_header(out)) return false;
    size_t count = out->header.section_count;
    if (out->header.type != 1 || out->header.section_size != elf_section_bytes(out)) return false;
    if (!inside(bytes, out->header.section_offset, count * elf_section_bytes(out))) return false;
    if (out->header.names_index >= count) return false;
    out->names = elf_section(out, out->header.names_index);
    for (size_t i = 0; i < count; i++) {
        ElfSection section = elf_section(out, i);
        if (section.type == ELF_SYMTAB) out->symbols = section;
    }
    if (out->symbols.type != ELF_SYMTAB || out->symbols.link >= count) return false;
    out->strings = elf_section(out, out->symbols.link);
    out->nsymbols = out->symbols.size / elf_symbol_bytes(out);
    return is_string_table(out, &out->names) && is_string_table(out, &out->strings) &&
           inside(bytes, out->symbols.offset, out->symbols.size);
}

const char *elf_symbol_name(const Elf *elf, const ElfSymbol *symbol)
{
    uint64_t at = symbol->name < elf->strings.size ? symbol->name : elf->strings.size - 1;
    return (const char *)elf->bytes->data + elf->strings.offset + at;
}

const char *elf_section_name(const Elf *elf, const ElfSection *section)
{
    uint64_t at = section->name < elf->names.size ? section->name : elf->names.size - 1;
    return (const char *)elf->bytes->data + elf->names.offset + at;
}
