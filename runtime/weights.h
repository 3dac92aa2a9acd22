/* External weights: maps a file that `lepc --weights=external` wrote and checks every byte of it.  Two files, weights.h
 * and weights.c, for C11 and POSIX; a target without files hands NAME_run the address of the block in its flash.
 *
 * The block: 64 bytes of header (magic, hash of the data, bytes of data: 64-bit words, little endian; zeros), then the
 * data.  A program may also carry it behind its own end, where its last 16 bytes say from where on. */
#ifndef LEP_WEIGHTS_H
#define LEP_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lep_weights_status {
    LEP_WEIGHTS_OK = 0,
    LEP_WEIGHTS_FILE = 1, /* it cannot be read: errno says why */
    LEP_WEIGHTS_FORM = 2, /* it is no file of weights, or cut short */
    LEP_WEIGHTS_HASH = 3  /* it is damaged, or another model's */
};

struct lep_weights {
    const void *block; /* what NAME_run wants */
    void *mapping;
    size_t bytes; /* of the mapping */
};

enum { LEP_WEIGHTS_HEADER = 64 };
#define LEP_WEIGHTS_MAGIC UINT64_C(0x31302077636570ec) /* the bytes ec "pecw 01" */

/* Of the data of a block: four FNV-1a hashes of every fourth 64-bit word, then of these four.  `bytes` is a multiple of
 * 32. */
uint64_t lep_weights_hash(const void *data, size_t bytes);

/* Maps the block of a file and reads it once.  `hash` is NAME_WEIGHTS_HASH; 0 for whatever the block itself says. */
int lep_weights_open(struct lep_weights *out, const char *path, uint64_t hash);
/* One that was opened, or zeros. */
void lep_weights_close(struct lep_weights *weights);

#ifdef __cplusplus
}
#endif

#endif
