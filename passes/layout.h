/* Offsets for blocks of memory whose lives are known: two that live at the same
 * time do not overlap. */
#ifndef PASSES_LAYOUT_H
#define PASSES_LAYOUT_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { LAYOUT_ALIGN = 64 };

typedef struct Block {
    int first, last; /* steps, both inclusive, during which its contents are needed */
    int64_t bytes;
    int64_t offset; /* a multiple of LAYOUT_ALIGN */
} Block;

static inline int64_t layout_align(int64_t bytes) { return (bytes + LAYOUT_ALIGN - 1) / LAYOUT_ALIGN * LAYOUT_ALIGN; }
bool block_conflicts(const Block *a, const Block *b);
/* The most bytes that live at one step: no layout needs less. */
int64_t layout_peak(const Block *blocks, int count);
/* Chooses the offsets; the bytes of the whole.  Deterministic. */
int64_t layout_blocks(Arena *arena, Block *blocks, int count);

#endif
