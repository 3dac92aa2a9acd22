/* ELF as LLVM writes it for us: relocatable, little endian, of 64 or 32 bits; here both have the fields of 64.
 * Offsets and sizes are checked against the bytes before anything is read. */
#ifndef BACKEND_ELF_H
#define BACKEND_ELF_H

#include "backend/emit.h"

typedef struct ElfHeader {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, names_index;
} ElfHeader;

typedef struct ElfSection {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t align, entry_size;
} ElfSection;

typedef struct ElfSymbol {
    uint32_t name;
    unsigned char info, other; /* info: binding in the upper half, type in the lower */
    uint16_t section;
    uint64_t value, size;
} ElfSymbol;

enum {
    ELF_SYMTAB = 2,
    ELF_PROGBITS = 1,
    ELF_ALLOC = 2,
    ELF_LARGE = 0x10000000, /* SHF_X86_64_LARGE */
    ELF_X86_64 = 62,
    ELF_EXECUTE = 4,
    ELF_GLOBAL = 1,
    ELF_OBJECT = 1,
    ELF_HIDDEN = 2
};

typedef struct Elf {
    const Bytes *bytes;
    bool narrow; /* of 32 bits */
    ElfHeader header;
    ElfSection names, symbols, strings;
    size_t nsymbols;
} Elf;

/* False when the bytes are no such object. */
bool elf_open(const Bytes *bytes, Elf *out);
/* Bytes of a section's header and of a symbol in the object. */
size_t elf_section_bytes(const Elf *elf);
size_t elf_symbol_bytes(const Elf *elf);
/* Write what `elf_open`, `elf_section` and `elf_symbol` read, in the object's own width. */
void elf_put_header(const Elf *elf, const ElfHeader *header, unsigned char *to);
void elf_put_section(const Elf *elf, const ElfSection *section, unsigned char *to);
void elf_put_symbol(const Elf *elf, const ElfSymbol *symbol, unsigned char *to);
ElfSection elf_section(const Elf *elf, size_t index);
/* In the bytes, ended by 0. */
const char *elf_section_name(const Elf *elf, const ElfSection *section);
ElfSymbol elf_symbol(const Elf *elf, size_t index);
/* In the bytes, ended by 0. */
const char *elf_symbol_name(const Elf *elf, const ElfSymbol *symbol);

#endif
