/* Numbers for tests that draw: splitmix64, the same on every machine. */
#ifndef TESTS_DIFFERENTIAL_RANDOM_H
#define TESTS_DIFFERENTIAL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Random {
    uint64_t state;
} Random;

static inline uint64_t random_bits(Random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
/* 0 <= result < limit */
static inline int random_below(Random *r, int limit) { return (int)(random_bits(r) % (uint64_t)limit); }
/* low <= result <= high, or high where that is less: of an axis without elements nothing */
static inline int64_t random_between(Random *r, int64_t low, int64_t high)
{
    if (high < low) return high;
    return low + (int64_t)(random_bits(r) % (uint64_t)(high - low + 1));
}
static inline bool random_percent(Random *r, int percent) { return random_below(r, 100) < percent; }
/* low <= result < high */
static inline double random_real(Random *r, double low, double high)
{
    return low + (high - low) * (double)(random_bits(r) >> 11) * 0x1p-53;
}

#define RANDOM_OF(r, list) ((list)[random_below((r), (int)(sizeof(list) / sizeof *(list)))])

#endif
