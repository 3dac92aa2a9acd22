/* u8 x i8 dot products that this core does a second, in 10^9 operations: the most that any 8-bit layer can reach. */
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

#if defined __AVX512VNNI__
typedef __m512i Vec;
#define DOT(sum, x, y) _mm512_dpbusd_epi32(sum, x, y)
#define SPLAT(x) _mm512_set1_epi32(x)
#elif defined __AVXVNNI__
typedef __m256i Vec;
#define DOT(sum, x, y) _mm256_dpbusd_avx_epi32(sum, x, y)
#define SPLAT(x) _mm256_set1_epi32(x)
#endif

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void)
{
    double best = 0;
#ifdef DOT
    enum { CHAINS = 14, ROUNDS = 1000000 };
    for (int run = 0; run < 15; run++) {
        Vec sum[CHAINS], x = SPLAT(0x01020304), y = SPLAT(0x02010201);
        for (int i = 0; i < CHAINS; i++) sum[i] = SPLAT(i);
        double start = seconds();
        for (int round = 0; round < ROUNDS; round++) {
            _Pragma("GCC unroll 14") /* sums in registers */
                for (int i = 0; i < CHAINS; i++) sum[i] = DOT(sum[i], x, y);
            __asm__ volatile("" : "+x"(x), "+x"(y));
        }
        double rate = 2e-9 * sizeof(Vec) * CHAINS * ROUNDS / (seconds() - start);
        if (rate > best) best = rate;
        for (int i = 0; i < CHAINS; i++) __asm__ volatile("" : "+x"(sum[i]));
    }
#endif
    printf("%.1f\n", best);
    return 0;
}
