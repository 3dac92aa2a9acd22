#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* open, mmap */
#endif
#include "runtime/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_BYTES = 16, LANES = 4 };

static const uint64_t fnv_start = UINT64_C(0xcbf29ce484222325), fnv_prime = UINT64_C(0x100000001b3);

uint64_t lep_weights_hash(const void *data, size_t bytes)
{
    const unsigned char *from = data;
    uint64_t lanes[LANES] = {fnv_start, fnv_start, fnv_start, fnv_start}, words[LANES], hash = fnv_start;
    for (size_t at = 0; at < bytes; at += sizeof words) {
        memcpy(words, from + at, sizeof words);
        for (int i = 0; i < LANES; i++) lanes[i] = (lanes[i] ^ words[i]) * fnv_prime;
    }
    for (int i = 0; i < LANES; i++) hash = (hash ^ lanes[i]) * fnv_prime;
    return hash;
}

/* All of the file; false with errno when it cannot be mapped, without a mapping when it is empty. */
static int map_all(struct lep_weights *out, const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error;
    if (fd < 0) return 0;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        void *mapping = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (mapping != MAP_FAILED) *out = (struct lep_weights){NULL, mapping, (size_t)info.st_size};
    } else if (!errno)
        errno = EINVAL;
    error = errno;
    close(fd);
    errno = error;
    return out->mapping != NULL;
}

/* Where the block begins: at once, or where the end of a program says; beyond the mapping when nowhere. */
static uint64_t find_block(const struct lep_weights *w)
{
    uint64_t words[2];
    if (w->bytes < LEP_WEIGHTS_HEADER) return UINT64_MAX;
    memcpy(words, w->mapping, sizeof words);
    if (words[0] == LEP_WEIGHTS_MAGIC) return 0;
    memcpy(words, (const char *)w->mapping + w->bytes - TAIL_BYTES, TAIL_BYTES);
    return words[1] == LEP_WEIGHTS_MAGIC ? words[0] : UINT64_MAX;
}

static int check(struct lep_weights *w, uint64_t hash)
{
    uint64_t start = find_block(w), header[3];
    if (start > w->bytes - LEP_WEIGHTS_HEADER || start % LEP_WEIGHTS_HEADER) return LEP_WEIGHTS_FORM;
    const unsigned char *block = (const unsigned char *)w->mapping + start;
    memcpy(header, block, sizeof header);
    if (header[0] != LEP_WEIGHTS_MAGIC || header[2] > w->bytes - LEP_WEIGHTS_HEADER - start ||
        header[2] % (LANES * sizeof(uint64_t)))
        return LEP_WEIGHTS_FORM;
    w->block = block;
    if (hash && header[1] != hash) return LEP_WEIGHTS_HASH;
    return lep_weights_hash(block + LEP_WEIGHTS_HEADER, (size_t)header[2]) == header[1] ? LEP_WEIGHTS_OK
                                                                                        : LEP_WEIGHTS_HASH;
}

int lep_weights_open(struct lep_weights *out, const char *path, uint64_t hash)
{
    *out = (struct lep_weights){NULL, NULL, 0};
    errno = 0;
    if (!map_all(out, path)) return LEP_WEIGHTS_FILE;
    int status = check(out, hash);
    if (status) lep_weights_close(out);
    return status;
}

void lep_weights_close(struct lep_weights *weights)
{
    if (weights->mapping) munmap(weights->mapping, weights->bytes);
    *weights = (struct lep_weights){NULL, NULL, 0};
}
