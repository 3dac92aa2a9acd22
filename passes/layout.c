#include "passes/layout.h"

#include <stdlib.h>
#include <string.h>

bool block_conflicts(const Block *a, const Block *b) { return a->first <= b->last && b->first <= a->last; }

int64_t layout_peak(const Block *blocks, int count)
{
    int64_t peak = 0;
    for (int i = 0; i < count; i++) {
        /* the live bytes only rise where a block begins */
        int64_t live = 0;
        for (int j = 0; j < count; j++)
            if (blocks[j].first <= blocks[i].first && blocks[i].first <= blocks[j].last)
                live += layout_align(blocks[j].bytes);
        if (live > peak) peak = live;
    }
    return peak;
}

/* ---- one order of placing ---- */

typedef struct Attempt {
    Block *blocks;
    int count;
    int *order;    /* indices of blocks, in the order of placing */
    int *placed;   /* indices of the blocks that have an offset, by offset */
    bool tightest; /* the smallest gap that fits, instead of the lowest */
} Attempt;

static int64_t gap_for(const Attempt *t, int nplaced, const Block *block)
{
    int64_t bytes = layout_align(block->bytes), end = 0, best = -1, best_gap = INT64_MAX;
    for (int i = 0; i < nplaced; i++) {
        const Block *other = &t->blocks[t->placed[i]];
        if (!block_conflicts(block, other)) continue;
        int64_t gap = other->offset - end;
        if (gap >= bytes && gap < best_gap) {
            best = end;
            best_gap = gap;
            if (!t->tightest) return best;
        }
        int64_t after = other->offset + layout_align(other->bytes);
        if (after > end) end = after;
    }
    return best >= 0 ? best : end;
}

/* The height of the layout that placing in this order gives. */
static int64_t attempt_run(const Attempt *t)
{
    int64_t height = 0;
    for (int n = 0; n < t->count; n++) {
        Block *block = &t->blocks[t->order[n]];
        block->offset = gap_for(t, n, block);
        int at = n;
        while (at > 0 && t->blocks[t->placed[at - 1]].offset > block->offset) {
            t->placed[at] = t->placed[at - 1];
            at--;
        }
        t->placed[at] = t->order[n];
        int64_t end = block->offset + layout_align(block->bytes);
        if (end > height) height = end;
    }
    return height;
}

/* ---- orders ---- */

enum { KEY_BYTES, KEY_AREA, KEY_LIFE, KEY_FIRST, KEY_LAST, KEY_COUNT };

/* Blocks with a larger key are placed first. */
static double key_of(const Block *block, int key)
{
    double life = block->last - block->first + 1, bytes = (double)block->bytes;
    switch (key) {
    case KEY_BYTES: return bytes;
    case KEY_AREA: return bytes * life;
    case KEY_LIFE: return life * 1e15 + bytes;
    case KEY_FIRST: return -block->first * 1e15 + bytes;
    default: return block->last * 1e15 + bytes;
    }
}

static void sort_by(const Block *blocks, int *order, int count, int key)
{
    for (int i = 0; i < count; i++) {
        int at = i;
        while (at > 0 && key_of(&blocks[order[at - 1]], key) < key_of(&blocks[i], key)) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

typedef struct Best {
    int64_t height;
    int *order;
    bool tightest;
} Best;

static bool keep_better(Attempt *t, Best *best)
{
    int64_t height = attempt_run(t);
    if (best->height >= 0 && height >= best->height) return false;
    best->height = height;
    best->tightest = t->tightest;
    memcpy(best->order, t->order, (size_t)t->count * sizeof *t->order);
    return true;
}

/* Swaps of two blocks in the best order, kept when they help.  The work is bounded, the draw fixed. */
static void improve(Attempt *t, Best *best, int64_t goal)
{
    int64_t tries = 20000000 / ((int64_t)t->count * t->count);
    uint64_t random = 0x9e3779b97f4a7c15u;
    for (int64_t i = 0; i < tries && i < 4000 && best->height > goal; i++) {
        memcpy(t->order, best->order, (size_t)t->count * sizeof *t->order);
        random = random * 6364136223846793005u + 1442695040888963407u;
        int a = (int)((random >> 33) % (uint64_t)t->count), b = (int)((random >> 13) % (uint64_t)t->count);
        int swapped = t->order[a];
        t->order[a] = t->order[b];
        t->order[b] = swapped;
        t->tightest = random >> 63;
        keep_better(t, best);
    }
}

int64_t layout_blocks(Arena *arena, Block *blocks, int count)
{
    if (!count) return 0;
    Attempt t = {blocks, count, ARENA_ARRAY(arena, int, count), ARENA_ARRAY(arena, int, count), false};
    Best best = {-1, ARENA_ARRAY(arena, int, count), false};
    int64_t goal = layout_peak(blocks, count);
    for (int i = 0; i < 2 * KEY_COUNT && best.height != goal; i++) {
        t.tightest = i % 2;
        sort_by(blocks, t.order, count, i / 2);
        keep_better(&t, &best);
    }
    improve(&t, &best, goal);
    memcpy(t.order, best.order, (size_t)count * sizeof *t.order);
    t.tightest = best.tightest;
    return attempt_run(&t);
}
