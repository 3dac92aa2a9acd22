#include "runtime/runner/picture.h"

#include <limits.h>
#include <stdlib.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS 16384
/* zeroed: 2.27 uses tables that a damaged file never gave, as later versions no longer do */
#define STBI_MALLOC(size) calloc(1, size)
#define STBI_REALLOC(old, size) realloc(old, size)
#define STBI_FREE(old) free(old)
/* static functions of its interface that we do not use */
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* a context of memory has no user data */
#endif
/* of damaged files it adds 0 to NULL, copies nothing to it and shifts negative numbers, which does no harm */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow", "shift", "nonnull-attribute"))),           \
                             apply_to = function)
#endif
#include <stb/stb_image.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

static const char *reason(void)
{
    const char *why = stbi_failure_reason();
    /* its name for a chunk that it does not know is empty where the file is cut off */
    return why && *why > ' ' ? why : "cut off, or not what its header says";
}

const char *picture_info(const unsigned char *bytes, size_t size, Picture *out)
{
    if (size > INT_MAX) return "too large";
    int n = (int)size;
    if (!stbi_info_from_memory(bytes, n, &out->width, &out->height, &out->channels)) return reason();
    out->bits = stbi_is_16_bit_from_memory(bytes, n) ? 16 : 8;
    return NULL;
}

unsigned char *picture_decode(const unsigned char *bytes, size_t size, const char **why)
{
    int width, height, channels;
    unsigned char *pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, &channels, 0);
    if (!pixels) *why = reason();
    return pixels;
}
