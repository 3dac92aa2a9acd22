#include "runtime/runner/results.h"

#include "runtime/runner/element.h"
#include "runtime/runner/json.h"
#include "runtime/runner/message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 64 }; /* elements of an output without labels that are printed */

int64_t row_best(const LepPort *port, const void *row)
{
    int64_t best = 0;
    double most = -INFINITY;
    for (size_t i = 0; i < port_row_elements(port); i++) {
        double value = element_value(port->dtype, row, i);
        if (value > most) {
            most = value;
            best = (int64_t)i;
        }
    }
    return best;
}

/* Are they probabilities: none negative, together 1? */
static bool is_share(const LepPort *port, const void *row)
{
    double sum = 0;
    if (port->dtype != LEP_F32 && port->dtype != LEP_F64 && port->dtype != LEP_F16 && port->dtype != LEP_BF16)
        return false;
    for (size_t i = 0; i < port_row_elements(port); i++) {
        double value = element_value(port->dtype, row, i);
        if (!(value >= 0)) return false;
        sum += value;
    }
    return fabs(sum - 1) < 0.01;
}

/* The `count` largest in order; equal ones by index, NaN last. */
static void find_top(const LepPort *port, const void *row, int64_t count, int64_t *out)
{
    int64_t n = (int64_t)port_row_elements(port), used = 0;
    for (int64_t i = 0; i < n; i++) {
        double value = element_value(port->dtype, row, (size_t)i);
        if (isnan(value)) value = -INFINITY;
        int64_t at = used < count ? used++ : count;
        for (; at > 0; at--) {
            double other = element_value(port->dtype, row, (size_t)out[at - 1]);
            if (!(isnan(other) || other < value)) break;
            if (at < count) out[at] = out[at - 1];
        }
        if (at < count) out[at] = i;
    }
}

static void print_top(const LepPort *port, const void *row, const int64_t *top, int64_t count, bool json)
{
    bool share = is_share(port, row);
    if (json) fputs("{\"top\":[", stdout);
    for (int64_t i = 0; i < count; i++) {
        double value = element_value(port->dtype, row, (size_t)top[i]);
        const char *label = port->labels[top[i]];
        if (!json && share)
            printf("  %6.2f %%  %s\n", value * 100, label);
        else if (!json)
            printf("  %12g  %s\n", value, label);
        else {
            fputs(i ? ",{\"label\":" : "{\"label\":", stdout);
            json_string(label);
            printf(",\"index\":%lld,\"value\":", (long long)top[i]);
            json_number(value, port->dtype == LEP_F64);
            putchar('}');
        }
    }
    if (json) fputs("]}", stdout);
}

/* Of what a run counts, how much there is comes first, and then all of it. */
static void print_shape(const LepPort *port, bool json)
{
    fputs(json ? "{\"shape\":[" : " [", stdout);
    for (int i = 0; i < port->rank; i++) printf(i ? json ? ",%lld" : ", %lld" : "%lld", (long long)port->dim[i]);
    fputs(json ? "],\"values\":[" : "]", stdout);
}

static void print_values(const LepPort *port, const void *row, size_t n, bool counted, bool json)
{
    if (counted)
        print_shape(port, json);
    else
        fputs(json ? "{\"values\":[" : " ", stdout);
    for (size_t i = 0; i < n && (json || i < MANY); i++) {
        double value = element_value(port->dtype, row, i);
        if (json && i) putchar(',');
        if (json)
            json_number(value, port->dtype == LEP_F64);
        else
            printf(" %g", isnan(value) ? (double)NAN : value); /* no sign, which would tell of the processor */
    }
    if (json)
        fputs("]}", stdout);
    else
        printf("%s\n", n > MANY ? " ... (--output writes all)" : "");
}

static int print_output(const Session *session, const LepPort *port, const void *row)
{
    int64_t classes = (int64_t)port_row_elements(port);
    bool json = session->arguments->json, counted = port_is_counted(session->model, port);
    if (counted || !port->labels || port->nlabels != classes) {
        size_t all = (size_t)port->bytes / element_bytes(port->dtype);
        print_values(port, row, session->batched ? port_row_elements(port) : all, counted, json);
        return RUNNER_OK;
    }
    int64_t count = session->arguments->top < classes ? session->arguments->top : classes;
    int64_t *top = malloc((size_t)count * sizeof *top);
    if (!top) return message(RUNNER_SYSTEM, "out of memory");
    find_top(port, row, count, top);
    print_top(port, row, top, count, json);
    free(top);
    return RUNNER_OK;
}

int results_print(const Session *session, const char *input, int64_t row)
{
    const LepModel *model = session->model;
    bool json = session->arguments->json;
    int status = RUNNER_OK;
    if (json) {
        fputs("{\"input\":", stdout);
        json_string(input);
        fputs(",\"outputs\":{", stdout);
    } else
        printf("%s\n", input);
    for (int64_t i = 0; i < model->noutputs && !status; i++) {
        const LepPort *port = &model->outputs[i];
        const char *data = session_output(session, i);
        if (json) {
            if (i) putchar(',');
            json_string(port->name);
            putchar(':');
        } else if (model->noutputs > 1)
            printf(" %s\n", port->name);
        int64_t at = session->batched ? row : 0;
        status = print_output(session, port, data + (size_t)at * port_row_bytes(port));
    }
    if (json) puts("}}");
    return status;
}
