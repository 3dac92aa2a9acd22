/* A zip archive in memory: where its members lie.  Hostile until proven otherwise. */
#ifndef FRONTEND_ZIP_H
#define FRONTEND_ZIP_H

#include "ir/diag.h"

#include <stdint.h>

typedef enum ZipMethod { ZIP_STORED = 0, ZIP_DEFLATED = 8 } ZipMethod;

typedef struct ZipMember {
    const char *name;
    const unsigned char *bytes; /* as they are stored */
    uint64_t stored, size;      /* bytes in the archive, and when they are unpacked */
    uint32_t crc;               /* of the unpacked ones */
    ZipMethod method;
    uint64_t begin, end; /* of its header and bytes */
} ZipMember;

/* The members in the order of the archive's directory, zip64 or not (PKWARE's APPNOTE 6.3.10).  Every member lies
 * within `bytes`, no two overlap, and none claims more than deflate can pack; archives of several disks, encrypted
 * members and other methods are refused (E0504). */
bool zip_directory(Arena *arena, const unsigned char *bytes, size_t size, const char *path, ZipMember **members,
                   size_t *count, Diag *diag);
/* The unpacked bytes of a member: those of the archive when they are only stored, else in the arena.  NULL (E0504) when
 * they are not as many, or not those, that the directory says. */
const unsigned char *zip_unpack(Arena *arena, const ZipMember *member, const char *path, Diag *diag);

#endif
