/* Numbers that look drawn, from counters: Philox4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3,
 * 2011).  The same everywhere, in any order. */
#ifndef IR_RANDOM_H
#define IR_RANDOM_H

#include <stdint.h>

/* Four words of a counter and a key. */
void random_block(const uint32_t counter[4], uint64_t key, uint32_t out[4]);
/* A key of a seed and a name. */
uint64_t random_key(uint64_t seed, const char *name);
/* The index-th number of a key, in (0, 1): odd multiples of 2^-54. */
double random_uniform(uint64_t key, uint64_t index);
/* The quantile of the standard normal distribution, p in (0, 1), to 1e-15 (Wichura, AS 241, 1988). */
double random_normal_quantile(double p);

#endif
