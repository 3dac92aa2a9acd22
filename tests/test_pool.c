/* The pool that users may take: every part once, whatever the numbers, and one after the other without a race.  Also
 * built by itself under the thread sanitizer (tests/run.sh). */
#include "runtime/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MOST_PARTS = 300, REGIONS = 400 };

/* Plain memory that a part writes and the caller reads: the sanitizer sees when one is not before the other. */
typedef struct Job {
    const struct lep_pool *pool; /* for parts that run a region of their own */
    int parts, runs[MOST_PARTS];
} Job;

static void count_part(void *arg, int index)
{
    Job *job = arg;
    assert_true(index >= 0 && index < job->parts);
    job->runs[index]++;
}

static void run(const struct lep_pool *pool, Job *job) { pool->run(pool->ctx, count_part, job, job->parts); }

static void every_part_runs_once(void **state)
{
    static const int threads[] = {1, 2, 3, 8}, parts[] = {0, 1, 2, 3, 7, 8, 64, MOST_PARTS};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        struct lep_pool *pool = lep_pool_new(threads[t]);
        assert_non_null(pool);
        assert_int_equal(pool->threads, threads[t]);
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
            for (int region = 0; region < 20; region++) {
                Job job = {.parts = parts[p]};
                run(pool, &job);
                for (int i = 0; i < MOST_PARTS; i++) assert_int_equal(job.runs[i], i < parts[p]);
            }
        lep_pool_free(pool);
    }
}

/* One after the other, the same memory: a thread that is late by a region must not touch the next one's. */
static void regions_follow_each_other(void **state)
{
    struct lep_pool *pool = lep_pool_new(3);
    Job job = {.parts = 5};
    for (int region = 1; region <= REGIONS; region++) {
        run(pool, &job);
        for (int i = 0; i < 5; i++) assert_int_equal(job.runs[i], region);
        if (region % 100 == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* all asleep */
    }
    lep_pool_free(pool);
}

static void count_inner(void *arg, int index) { ((int *)arg)[index]++; }

static void run_inner(void *arg, int index)
{
    Job *job = arg;
    int counts[4] = {0};
    job->pool->run(job->pool->ctx, count_inner, counts, 4);
    for (int i = 0; i < 4; i++) job->runs[4 * index + i] = counts[i];
}

static void a_part_may_use_the_pool(void **state)
{
    struct lep_pool *pool = lep_pool_new(2);
    Job job = {.pool = pool, .parts = 6};
    pool->run(pool->ctx, run_inner, &job, 6);
    for (int i = 0; i < 24; i++) assert_int_equal(job.runs[i], 1);
    lep_pool_free(pool);
}

static void *run_many(void *context)
{
    const struct lep_pool *pool = context;
    intptr_t wrong = 0;
    for (int region = 0; region < REGIONS; region++) {
        Job job = {.parts = 6};
        run(pool, &job);
        for (int i = 0; i < 6; i++) wrong += job.runs[i] != 1;
    }
    return (void *)wrong;
}

static void two_callers_share_a_pool(void **state)
{
    struct lep_pool *pool = lep_pool_new(3);
    pthread_t other;
    void *wrong;
    assert_int_equal(pthread_create(&other, NULL, run_many, pool), 0);
    assert_null(run_many(pool));
    assert_int_equal(pthread_join(other, &wrong), 0);
    assert_null(wrong);
    lep_pool_free(pool);
}

static void numbers_of_threads_are_sane(void **state)
{
    struct lep_pool *pool = lep_pool_new(0);
    assert_true(pool->threads >= 1 && pool->threads <= LEP_POOL_MAX_THREADS);
    lep_pool_free(pool);
    pool = lep_pool_new(1000);
    assert_int_equal(pool->threads, LEP_POOL_MAX_THREADS);
    lep_pool_free(pool);
    lep_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_runs_once),        cmocka_unit_test(regions_follow_each_other),
        cmocka_unit_test(a_part_may_use_the_pool),     cmocka_unit_test(two_callers_share_a_pool),
        cmocka_unit_test(numbers_of_threads_are_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
