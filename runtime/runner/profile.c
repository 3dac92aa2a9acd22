/* The layers one by one in the order of a run, so that caches are as they are in the net. */
#include "runtime/runner/measure.h"

#include "runtime/runner/json.h"
#include "runtime/runner/message.h"

#include <stdio.h>
#include <stdlib.h>

static void measure(const Session *session, double *least)
{
    const LepModel *model = session->model;
    double cost = clock_cost_us(), begin = clock_us();
    for (int64_t i = 0; i < model->nsteps; i++) least[i] = 1e30;
    long runs = session->arguments->runs;
    for (long round = 0; runs ? round < runs : round < 20 || clock_us() - begin < 1e6; round++)
        for (int64_t i = 0; i < model->nsteps; i++) {
            double start = clock_us();
            model->steps[i].run(session->bases, session->pool);
            double us = clock_us() - start - cost;
            if (us < least[i]) least[i] = us > 0.001 ? us : 0.001;
        }
}

static void print_json(const LepModel *model, const double *least)
{
    fputs("{\"profile\":[", stdout);
    for (int64_t i = 0; i < model->nsteps; i++) {
        const LepStep *step = &model->steps[i];
        fputs(i ? ",{\"layer\":" : "{\"layer\":", stdout);
        json_string(step->name);
        fputs(",\"source\":", stdout);
        json_string(step->source);
        printf(",\"us_min\":%.3f,\"multiply_adds\":%.0f,\"bytes_read\":%.0f,\"bytes_written\":%.0f}", least[i],
               step->multiply_adds, step->bytes_read, step->bytes_written);
    }
    puts("]}");
}

static void print_table(const LepModel *model, const double *least)
{
    double total = 0;
    for (int64_t i = 0; i < model->nsteps; i++) total += least[i];
    printf("%-24s %-20s %10s %7s %12s %10s %9s %8s\n", "layer", "source", "us", "share", "mult-adds", "KiB moved",
           "GFLOP/s", "GB/s");
    for (int64_t i = 0; i < model->nsteps; i++) {
        const LepStep *step = &model->steps[i];
        double moved = step->bytes_read + step->bytes_written;
        printf("%-24s %-20s %10.2f %6.1f%% %12.0f %10.1f %9.1f %8.1f\n", step->name, step->source, least[i],
               100 * least[i] / total, step->multiply_adds, moved / 1024, 2e-3 * step->multiply_adds / least[i],
               1e-3 * moved / least[i]);
    }
    printf("%-24s %-20s %10.2f\n", "all", "", total);
}

int profile_run(const Session *session)
{
    const LepModel *model = session->model;
    if ((session->engine && session->engine->run) || model->nsteps < 1)
        return message(RUNNER_USAGE, "--profile: there are no layers to measure");
    double *least = malloc((size_t)model->nsteps * sizeof *least);
    if (!least) return message(RUNNER_SYSTEM, "out of memory");
    measure(session, least);
    if (session->arguments->json)
        print_json(model, least);
    else
        print_table(model, least);
    free(least);
    return RUNNER_OK;
}
