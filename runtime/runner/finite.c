/* --check=finite: layer by layer, and after each a look at what it left in memory. */
#include "runtime/runner/element.h"
#include "runtime/runner/measure.h"
#include "runtime/runner/message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Place {
    int64_t at[LEP_MAX_RANK]; /* of the first element that is not finite */
    double value;
} Place;

/* Whether all elements are finite; else where the first is not. */
static bool is_finite(const LepResult *result, const char *data, Place *out)
{
    size_t size = element_bytes(result->dtype);
    int64_t count = 1;
    memset(out->at, 0, sizeof out->at);
    for (int32_t axis = 0; axis < result->rank; axis++) count *= result->dim[axis];
    for (int64_t i = 0; i < count; i++) {
        int64_t offset = 0;
        for (int32_t axis = 0; axis < result->rank; axis++) offset += out->at[axis] * result->stride[axis];
        out->value = element_value(result->dtype, data + offset * (int64_t)size, 0);
        if (!isfinite(out->value)) return false;
        for (int32_t axis = result->rank - 1; axis >= 0 && ++out->at[axis] == result->dim[axis]; axis--)
            out->at[axis] = 0;
    }
    return true;
}

static const char *place_text(char out[SHAPE_TEXT], int32_t rank, const Place *place)
{
    int length = snprintf(out, SHAPE_TEXT, "[");
    for (int32_t i = 0; i < rank; i++)
        length += snprintf(out + length, (size_t)(SHAPE_TEXT - length), i ? ", %lld" : "%lld", (long long)place->at[i]);
    snprintf(out + length, (size_t)(SHAPE_TEXT - length), "]");
    return out;
}

static const char *kind_of(double value) { return isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity"; }

static int check_input(const Session *session, int64_t index)
{
    const LepPort *port = &session->model->inputs[index];
    LepResult all = {.dtype = port->dtype, .rank = port->rank};
    Place place;
    char text[SHAPE_TEXT];
    int64_t stride = 1;
    if (port->dtype > LEP_BF16 || port->forms) return RUNNER_OK; /* integers, or of a size of its own */
    for (int32_t axis = port->rank - 1; axis >= 0; axis--) {
        all.dim[axis] = port->dim[axis];
        all.stride[axis] = stride;
        stride *= port->dim[axis];
    }
    if (is_finite(&all, session->bases[index], &place)) return RUNNER_OK;
    return message(RUNNER_DIFFERS, "input '%s' holds %s at %s", port->name, kind_of(place.value),
                   place_text(text, port->rank, &place));
}

static int check_step(const Session *session, const LepStep *step)
{
    for (int64_t i = 0; i < step->nresults; i++) {
        const LepResult *result = &step->results[i];
        Place place;
        char text[SHAPE_TEXT];
        if (is_finite(result, (const char *)session->bases[result->base] + result->offset, &place)) continue;
        message(RUNNER_DIFFERS, "layer '%s'%s%s%s is the first to make %s: at %s of its result %s", step->name,
                *step->source ? " (" : "", step->source, *step->source ? ")" : "", kind_of(place.value),
                place_text(text, result->rank, &place), result->name);
        return RUNNER_DIFFERS;
    }
    return RUNNER_OK;
}

int finite_run(const Session *session)
{
    const LepModel *model = session->model;
    int status = RUNNER_OK;
    if (strcmp(session->arguments->check, "finite") != 0)
        return message(RUNNER_USAGE, "--check=%s: expected finite", session->arguments->check);
    if ((session->engine && session->engine->run) || model->nsteps < 1)
        return message(RUNNER_USAGE, "--check=finite: there are no layers to look at");
    for (int64_t i = 0; i < model->ninputs && !status; i++) status = check_input(session, i);
    for (int64_t i = 0; i < model->nsteps && !status; i++) {
        model->steps[i].run(session->bases, session->pool);
        status = check_step(session, &model->steps[i]);
    }
    return status;
}
