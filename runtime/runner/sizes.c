#include "runtime/runner/sizes.h"

#include "runtime/runner/element.h"
#include "runtime/runner/message.h"

#include <stdlib.h>
#include <string.h>

static const LepForm *form_of(const LepPort *port, int axis)
{
    return port->forms && axis < port->rank && port->forms[axis].size >= 0 ? &port->forms[axis] : NULL;
}

static void resize(const RunSizes *s, LepPort *port)
{
    port->bytes = (int64_t)element_bytes(port->dtype);
    for (int axis = 0; axis < port->rank; axis++) {
        const LepForm *form = form_of(port, axis);
        if (form) port->dim[axis] = (form->factor * s->at[form->size] + form->base) / form->divisor;
        port->bytes *= port->dim[axis];
    }
}

static void resize_all(RunSizes *s)
{
    for (int64_t i = 0; i < s->model.ninputs; i++) resize(s, &s->inputs[i]);
    for (int64_t i = 0; i < s->model.noutputs; i++) resize(s, &s->outputs[i]);
}

bool port_is_counted(const LepModel *model, const LepPort *port)
{
    bool counted = false;
    for (int axis = 0; axis < port->rank; axis++) {
        const LepForm *form = form_of(port, axis);
        counted |= form && model->sizes[form->size].counted;
    }
    return counted;
}

void sizes_count(const RunSizes *sizes, const int64_t *table)
{
    bool any = false;
    for (int64_t i = 0; i < sizes->built->nsizes; i++) {
        if (!sizes->built->sizes[i].counted) continue;
        sizes->at[i] = table[i];
        any = true;
    }
    for (int64_t i = 0; any && i < sizes->model.noutputs; i++) resize(sizes, &sizes->outputs[i]);
}

/* The size that is the first dim of every port, as it is. */
static int64_t batch_size(const LepModel *model)
{
    int64_t batch = -1;
    for (int64_t i = 0; i < model->ninputs + model->noutputs; i++) {
        const LepPort *port = i < model->ninputs ? &model->inputs[i] : &model->outputs[i - model->ninputs];
        const LepForm *form = form_of(port, 0);
        bool plain =
            form && !model->sizes[form->size].counted && form->factor == 1 && form->base == 0 && form->divisor == 1;
        if (!plain || (batch >= 0 && form->size != batch)) return -1;
        batch = form->size;
    }
    return batch;
}

int sizes_open(RunSizes *out, const LepModel *built)
{
    size_t inputs = (size_t)built->ninputs, outputs = (size_t)built->noutputs, count = (size_t)built->nsizes;
    *out = (RunSizes){.built = built, .model = *built, .batch = batch_size(built)};
    out->inputs = calloc(inputs + 1, sizeof *out->inputs);
    out->outputs = calloc(outputs + 1, sizeof *out->outputs);
    out->at = calloc(count + 1, sizeof *out->at);
    out->known = calloc(count + 1, sizeof *out->known);
    if (!out->inputs || !out->outputs || !out->at || !out->known) {
        sizes_close(out);
        return message(RUNNER_SYSTEM, "out of memory");
    }
    if (inputs) memcpy(out->inputs, built->inputs, inputs * sizeof *out->inputs);
    if (outputs) memcpy(out->outputs, built->outputs, outputs * sizeof *out->outputs);
    out->model.inputs = out->inputs;
    out->model.outputs = out->outputs;
    sizes_forget(out);
    return 0;
}

void sizes_close(RunSizes *sizes)
{
    free(sizes->inputs);
    free(sizes->outputs);
    free(sizes->at);
    free(sizes->known);
}

void sizes_forget(RunSizes *sizes)
{
    for (int64_t i = 0; i < sizes->built->nsizes; i++) {
        sizes->at[i] = sizes->built->sizes[i].high;
        sizes->known[i] = false;
    }
    resize_all(sizes);
}

/* An axis of `extent` elements follows the form. */
static int learn(RunSizes *s, const LepForm *form, int64_t extent, const char *path)
{
    const LepSize *size = &s->built->sizes[form->size];
    int64_t n = (extent * form->divisor - form->base + form->factor - 1) / form->factor;
    bool fits = (form->factor * n + form->base) / form->divisor == extent;
    if (!fits || n < size->low || n > size->high)
        return message(RUNNER_INPUT, "%s: %s is from %lld to %lld, but an axis of %lld makes it %lld", path, size->name,
                       (long long)size->low, (long long)size->high, (long long)extent, (long long)n);
    if (s->known[form->size] && s->at[form->size] != n)
        return message(RUNNER_INPUT, "%s: %s is %lld here, and %lld in a file before", path, size->name, (long long)n,
                       (long long)s->at[form->size]);
    s->at[form->size] = n;
    s->known[form->size] = true;
    return 0;
}

int sizes_learn(RunSizes *sizes, int64_t input, const Array *array, const char *path)
{
    const LepPort *port = &sizes->built->inputs[input];
    int missing = port->rank - array->rank, status = 0;
    if (missing != 0 && missing != 1) return 0; /* whoever counts the rows says what is wrong with it */
    for (int axis = missing; axis < port->rank && !status; axis++) {
        const LepForm *form = form_of(port, axis);
        if (form && (axis > 0 || form->size != sizes->batch))
            status = learn(sizes, form, array->dim[axis - missing], path);
    }
    resize_all(sizes);
    return status;
}

/* One axis may follow what is not known yet: the bytes say how long it is, in a single row. */
int sizes_learn_raw(RunSizes *sizes, int64_t input, const File *file)
{
    const LepPort *port = &sizes->inputs[input];
    size_t others = element_bytes(port->dtype);
    int open = -1;
    for (int axis = 0; axis < port->rank; axis++) {
        const LepForm *form = form_of(port, axis);
        if (form && form->size == sizes->batch && axis == 0) continue;
        if (form && !sizes->known[form->size] && open >= 0) return 0;
        if (form && !sizes->known[form->size])
            open = axis;
        else
            others *= (size_t)port->dim[axis];
    }
    if (open < 0 || others == 0 || file->size % others) return 0;
    int status = learn(sizes, form_of(port, open), (int64_t)(file->size / others), file->path);
    resize_all(sizes);
    return status;
}
