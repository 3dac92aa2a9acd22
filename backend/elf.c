#include "backend/elf.h"

#include <string.h>

static bool inside(const Bytes *bytes, uint64_t offset, uint64_t size)
{
    return offset <= bytes->size && size <= bytes->size - offset;
}

ElfSection elf_section(const Elf *elf, size_t index)
{
    ElfSection section;
    memcpy(&section, elf->bytes->data + elf->header.section_offset + index * sizeof section, sizeof section);
    return section;
}

/* A string table in bounds that ends with 0, so that no string runs out of it. */
static bool is_string_table(const Elf *elf, const ElfSection *s)
{
    return inside(elf->bytes, s->offset, s->size) && s->size > 0 && elf->bytes->data[s->offset + s->size - 1] == 0;
}

bool elf_open(const Bytes *bytes, Elf *out)
{
    static const unsigned char ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    *out = (Elf){.bytes = bytes};
    if (bytes->size < sizeof out->header || memcmp(bytes->data, ident, sizeof ident) != 0) return false;
    memcpy(&out->header, bytes->data, sizeof out->header);
    size_t count = out->header.section_count;
    if (out->header.type != 1 || out->header.section_size != sizeof(ElfSection)) return false;
    if (!inside(bytes, out->header.section_offset, count * sizeof(ElfSection))) return false;
    if (out->header.names_index >= count) return false;
    out->names = elf_section(out, out->header.names_index);
    for (size_t i = 0; i < count; i++) {
        ElfSection section = elf_section(out, i);
        if (section.type == ELF_SYMTAB) out->symbols = section;
    }
    if (out->symbols.type != ELF_SYMTAB || out->symbols.link >= count) return false;
    out->strings = elf_section(out, out->symbols.link);
    out->nsymbols = out->symbols.size / sizeof(ElfSymbol);
    return is_string_table(out, &out->names) && is_string_table(out, &out->strings) &&
           inside(bytes, out->symbols.offset, out->symbols.size);
}

ElfSymbol elf_symbol(const Elf *elf, size_t index)
{
    ElfSymbol symbol;
    memcpy(&symbol, elf->bytes->data + elf->symbols.offset + index * sizeof symbol, sizeof symbol);
    return symbol;
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
