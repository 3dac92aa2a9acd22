#include "runtime/runner/measure.h"

#include "runtime/runner/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

double clock_cost_us(void)
{
    double least = 1;
    for (int i = 0; i < 1000; i++) {
        double start = clock_us(), cost = clock_us() - start;
        if (cost < least) least = cost;
    }
    return least;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Runs for a tenth of a second, so that caches, branch predictor and clock rate settle; what a run takes. */
static int warm_up(const Session *session, double *us)
{
    double start = clock_us();
    long runs = 0;
    do {
        int status = session_run(session);
        if (status) return status;
        runs++;
    } while (clock_us() - start < 1e5);
    *us = (clock_us() - start) / (double)runs;
    return RUNNER_OK;
}

static void print(const Session *session, const double *us, long runs)
{
    /* the least time that half of the runs, and 99 of 100, stay within */
    double median = us[(runs - 1) / 2], p99 = us[(runs * 99 + 99) / 100 - 1];
    if (session->arguments->json)
        printf("{\"bench\":{\"runs\":%ld,\"min_us\":%.3f,\"median_us\":%.3f,\"p99_us\":%.3f}}\n", runs, us[0], median,
               p99);
    else
        printf("%ld runs: min %.2f us, median %.2f us, 99th percentile %.2f us\n", runs, us[0], median, p99);
}

int bench_run(const Session *session)
{
    double each;
    int status = warm_up(session, &each);
    if (status) return status;
    long runs = session->arguments->runs;
    if (!runs) runs = each < 50 ? 20000 : each > 1e5 ? 10 : (long)(1e6 / each);
    double *us = malloc((size_t)runs * sizeof *us), cost = clock_cost_us();
    if (!us) return message(RUNNER_SYSTEM, "out of memory for %ld measurements", runs);
    for (long i = 0; i < runs && !status; i++) {
        double start = clock_us();
        status = session_run(session);
        us[i] = clock_us() - start - cost;
    }
    qsort(us, (size_t)runs, sizeof *us, compare);
    if (!status) print(session, us, runs);
    free(us);
    return status;
}
