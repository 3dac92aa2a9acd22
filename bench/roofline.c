/* What one core can do at best, measured: f32 multiply-adds a second, and bytes read a second from each
 * level of memory.  Prints one line of JSON; bench/mnist.py holds the layers of a network against it.
 *
 *   cc -O2 -march=native -o roofline roofline.c && ./roofline [ROUNDS]
 *
 * Vectors are as wide as the compiler may use.  Each figure is the best of ROUNDS (default 7) runs of
 * about 20 ms; the caller pins the process to a core. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#if defined __AVX512F__
#define WIDTH 64
#elif defined __AVX__
#define WIDTH 32
#else
#define WIDTH 16
#endif
#define LANES (WIDTH / 4)
#define CHAINS 12 /* independent sums: latency times throughput of any core so far, within 16 registers */
#define RUN_SECONDS 0.02

typedef float Vec __attribute__((vector_size(WIDTH)));
typedef float HalfVec __attribute__((vector_size(WIDTH / 2)));

typedef struct {
    char *bytes;
    size_t size;
} Area;

/* Does `rounds` rounds of its work; returns how much that was, in flops or bytes. */
typedef double Work(long rounds, Area area);

static volatile float sink; /* results go here, so that no work is dropped */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* a = a * x + y in CHAINS registers: the sums depend on nothing but themselves. */
#define DEFINE_MULTIPLY_ADD(name, vec)                                                                                 \
    static double name(long rounds, Area area)                                                                         \
    {                                                                                                                  \
        vec sums[CHAINS], x, y;                                                                                        \
        (void)area;                                                                                                    \
        for (size_t i = 0; i < sizeof(vec) / 4; i++) {                                                                 \
            x[i] = 0.999f;                                                                                             \
            y[i] = 0.001f;                                                                                             \
        }                                                                                                              \
        for (int i = 0; i < CHAINS; i++) sums[i] = y * (float)i;                                                       \
        for (long r = 0; r < rounds; r++) {                                                                            \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * x + y;                       \
        }                                                                                                              \
        for (int i = 1; i < CHAINS; i++) sums[0] += sums[i];                                                           \
        sink = sums[0][0] + sums[0][sizeof(vec) / 4 - 1];                                                              \
        return 2.0 * CHAINS * (double)(sizeof(vec) / 4) * (double)rounds;                                              \
    }
DEFINE_MULTIPLY_ADD(multiply_add_wide, Vec)
DEFINE_MULTIPLY_ADD(multiply_add_half, HalfVec)

/* Adds up the area, once a round. */
static double read_area(long rounds, Area area)
{
    Vec sums[CHAINS] = {0};
    size_t step = CHAINS * sizeof(Vec), size = area.size / step * step;
    for (long r = 0; r < rounds; r++) {
        for (size_t at = 0; at < size; at += step) {
            const Vec *v = (const Vec *)(area.bytes + at);
#pragma GCC unroll 12
            for (int i = 0; i < CHAINS; i++) sums[i] += v[i];
        }
    }
    for (int i = 1; i < CHAINS; i++) sums[0] += sums[i];
    sink = sums[0][0] + sums[0][LANES - 1];
    return (double)size * (double)rounds;
}

/* The best rate of some runs, in units of 1e9 a second. */
static double best_rate(Work *work, Area area, int runs)
{
    long rounds = 1;
    double best = 0, took;
    for (;;) { /* find how many rounds fill a run; warms caches and clock too */
        double start = seconds();
        work(rounds, area);
        took = seconds() - start;
        if (took > RUN_SECONDS / 4) break;
        rounds *= 2;
    }
    rounds = (long)((double)rounds * RUN_SECONDS / took) + 1;
    for (int i = 0; i < runs; i++) {
        double start = seconds(), done = work(rounds, area), rate = done / (seconds() - start);
        if (rate > best) best = rate;
    }
    return best / 1e9;
}

/* The first word of a file that describes a cache of cpu 0; false if there is none. */
static bool cache_word(int index, const char *what, char word[16])
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, what);
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool found = fscanf(f, "%15s", word) == 1;
    fclose(f);
    return found;
}

/* The size of a data cache of cpu 0, or the fallback. */
static size_t cache_size(int level, size_t fallback)
{
    char word[16];
    for (int i = 0; cache_word(i, "level", word); i++) {
        if (atoi(word) != level || !cache_word(i, "type", word) || word[0] == 'I') continue;
        if (cache_word(i, "size", word) && atol(word) > 0)
            return (size_t)atol(word) << 10; /* the kernel writes it in K */
    }
    return fallback;
}

static Area map_area(size_t size)
{
    Area area = {mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size};
    if (area.bytes == MAP_FAILED) {
        perror("roofline: mmap");
        exit(74);
    }
    madvise(area.bytes, size, MADV_HUGEPAGE);
    for (size_t i = 0; i < size / 4; i++) ((float *)area.bytes)[i] = 1e-3f * (float)(i & 1023);
    return area;
}

static void print_level(const char *name, size_t size, Area area, size_t used, int runs, const char *end)
{
    area.size = used;
    printf("{\"name\":\"%s\",\"bytes\":%zu,\"gbs\":%.2f}%s", name, size, best_rate(read_area, area, runs), end);
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 7;
    size_t l1 = cache_size(1, 32u << 10), l2 = cache_size(2, 1u << 20), l3 = cache_size(3, 16u << 20);
    size_t beyond = l3 * 8 > (512u << 20) ? l3 * 2 : l3 * 8; /* far more than any cache holds */
    Area area = map_area(beyond);
    double wide = best_rate(multiply_add_wide, area, runs), half = best_rate(multiply_add_half, area, runs);
    printf("{\"vector_bits\":%d,\"f32_gflops\":%.2f,\"f32_gflops_half\":%.2f,\"levels\":[", WIDTH * 8,
           wide > half ? wide : half, half);
    print_level("L1", l1, area, l1 / 2, runs, ",");
    print_level("L2", l2, area, l2 / 2, runs, ",");
    print_level("L3", l3, area, l3 / 4, runs, ",");
    print_level("DRAM", 0, area, beyond, runs, "]}\n");
    return 0;
}
