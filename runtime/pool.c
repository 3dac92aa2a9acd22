/* Every thread owns a fixed run of the parts, so that it finds in its cache what it wrote in the region before; when
 * it is done it takes parts of the others, so that one that sleeps or was put aside holds up nobody.
 *
 * What is left of a thread's parts is one word, `left`: the number of the region and how many there are.  A part is
 * taken by counting it down with compare-and-swap, which fails for a thread that is late by a region.  Whoever took a
 * part may read the job: the region cannot end before the part does. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, sysconf */
#endif
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_NANOSECONDS = 50000, SPINS_A_LOOK = 64, CACHE_LINE = 64 };

typedef struct Share {
    _Atomic uint64_t left; /* region << 32 | parts that nobody has taken */
    char padding[CACHE_LINE - sizeof(uint64_t)];
} Share;

typedef struct Pool Pool;

typedef struct Worker {
    Pool *pool;
    int index;
    pthread_t thread;
} Worker;

struct Pool {
    struct lep_pool face; /* what users hold */
    int started;
    /* the job of a region: written while no part is left, read by those who took one */
    void (*f)(void *arg, int index);
    void *arg;
    int parts;
    atomic_flag busy;
    _Atomic uint32_t region; /* of the job */
    _Atomic int done;        /* parts of it */
    _Atomic int sleepers;
    _Atomic bool stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    Share shares[LEP_POOL_MAX_THREADS];
    Worker workers[LEP_POOL_MAX_THREADS];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Parts first .. first(next)-1 are the thread's own. */
static int first_part(int parts, int threads, int thread) { return (int)((int64_t)parts * thread / threads); }

/* Takes a part of thread `from` in `region`; -1 when none is left, or the region is over. */
static int take(Pool *pool, int from, uint32_t region)
{
    _Atomic uint64_t *left = &pool->shares[from].left;
    uint64_t seen = atomic_load_explicit(left, memory_order_acquire);
    while ((uint32_t)(seen >> 32) == region && (uint32_t)seen)
        if (atomic_compare_exchange_weak_explicit(left, &seen, seen - 1, memory_order_acq_rel, memory_order_acquire))
            return first_part(pool->parts, pool->face.threads, from + 1) - (int)(uint32_t)seen;
    return -1;
}

/* All parts of the region that can be had, one's own first. */
static void work(Pool *pool, int self, uint32_t region)
{
    int threads = pool->face.threads;
    for (int i = 0; i < threads; i++) {
        int from = (self + i) % threads, part;
        while ((part = take(pool, from, region)) >= 0) {
            pool->f(pool->arg, part);
            atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
        }
    }
}

/* ---- the others ---- */

static bool has_news(Pool *pool, uint32_t seen)
{
    return atomic_load(&pool->region) != seen || atomic_load(&pool->stop);
}

static void await_news(Pool *pool, uint32_t seen)
{
    int64_t start = now();
    for (int i = 1; !has_news(pool, seen); i++) {
        relax();
        if (i % SPINS_A_LOOK == 0 && now() - start > SPIN_NANOSECONDS) break;
    }
    if (has_news(pool, seen)) return;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1); /* then looks again: who makes news looks for sleepers after it */
    while (!has_news(pool, seen)) pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *context)
{
    Worker *worker = context;
    Pool *pool = worker->pool;
    uint32_t seen = 0;
    for (;;) {
        await_news(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        seen = atomic_load(&pool->region);
        work(pool, worker->index, seen);
    }
}

static void wake_all(Pool *pool)
{
    if (!atomic_load(&pool->sleepers)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- the caller ---- */

static void await_parts(Pool *pool, int n)
{
    int64_t start = now();
    for (int i = 1; atomic_load_explicit(&pool->done, memory_order_acquire) != n; i++) {
        relax();
        /* a thread that has a part was put aside: its processor is perhaps this one */
        if (i % SPINS_A_LOOK == 0 && now() - start > SPIN_NANOSECONDS) sched_yield();
    }
}

static void pool_run(void *ctx, void (*f)(void *arg, int index), void *arg, int n)
{
    Pool *pool = ctx;
    int threads = pool->face.threads;
    if (n < 2 || threads < 2 || atomic_flag_test_and_set_explicit(&pool->busy, memory_order_acquire)) {
        for (int i = 0; i < n; i++) f(arg, i);
        return;
    }
    uint32_t region = atomic_load(&pool->region) + 1;
    pool->f = f;
    pool->arg = arg;
    pool->parts = n;
    atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
    for (int i = 0; i < threads; i++) {
        uint64_t count = (uint64_t)(first_part(n, threads, i + 1) - first_part(n, threads, i));
        atomic_store_explicit(&pool->shares[i].left, (uint64_t)region << 32 | count, memory_order_release);
    }
    atomic_store(&pool->region, region);
    wake_all(pool);
    work(pool, 0, region);
    await_parts(pool, n);
    atomic_flag_clear_explicit(&pool->busy, memory_order_release);
}

/* ---- life ---- */

static int processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > LEP_POOL_MAX_THREADS ? LEP_POOL_MAX_THREADS : (int)count;
}

static bool start(Pool *pool)
{
    for (int i = 1; i < pool->face.threads; i++) {
        pool->workers[i] = (Worker){.pool = pool, .index = i};
        if (pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i])) return false;
        pool->started = i;
    }
    return true;
}

struct lep_pool *lep_pool_new(int threads)
{
    Pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    if (threads < 1) threads = processors();
    if (threads > LEP_POOL_MAX_THREADS) threads = LEP_POOL_MAX_THREADS;
    pool->face = (struct lep_pool){.ctx = pool, .threads = threads, .run = pool_run};
    atomic_flag_clear(&pool->busy);
    if (pthread_mutex_init(&pool->lock, NULL)) {
        free(pool);
        return NULL;
    }
    if (pthread_cond_init(&pool->wake, NULL)) {
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return NULL;
    }
    if (start(pool)) return &pool->face;
    lep_pool_free(&pool->face);
    return NULL;
}

void lep_pool_free(struct lep_pool *face)
{
    Pool *pool = face ? face->ctx : NULL;
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
