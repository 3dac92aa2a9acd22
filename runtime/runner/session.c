#include "runtime/runner/session.h"

#include "runtime/pool.h"
#include "runtime/runner/element.h"
#include "runtime/runner/measure.h"
#include "runtime/runner/message.h"

#include <stdlib.h>
#include <string.h>

/* Then it counts rows only where it is that of all ports: see RunSizes. */
static bool first_is_bounded(const LepModel *model)
{
    bool bounded = false;
    for (int64_t i = 0; i < model->ninputs; i++)
        bounded |= model->inputs[i].forms && model->inputs[i].forms[0].size >= 0;
    return bounded;
}

static bool is_batched(const LepModel *model)
{
    int64_t batch = port_batch(&model->inputs[0]);
    for (int64_t i = 0; i < model->ninputs; i++)
        if (model->inputs[i].rank < 1 || model->inputs[i].dim[0] != batch) return false;
    for (int64_t i = 0; i < model->noutputs; i++)
        if (model->outputs[i].rank < 1 || model->outputs[i].dim[0] != batch ||
            port_is_counted(model, &model->outputs[i]))
            return false;
    return !first_is_bounded(model);
}

static void *allocate(int64_t bytes) { return calloc(bytes > 0 ? (size_t)bytes : 1, 1); }

static void *aligned(void *memory, int64_t align)
{
    return (void *)(((uintptr_t)memory + (uintptr_t)align - 1) / (uintptr_t)align * (uintptr_t)align);
}

static bool allocate_all(Session *s)
{
    const LepModel *model = s->model;
    int64_t ports = model->ninputs + model->noutputs, align = model->arena_align > 0 ? model->arena_align : 64;
    s->bases = calloc((size_t)ports + 4, sizeof *s->bases);
    s->arena = allocate(model->arena_bytes + align);
    s->context = allocate(model->state_bytes + align);
    s->table = calloc((size_t)model->nsizes + 1, sizeof *s->table);
    if (!s->bases || !s->arena || !s->context || !s->table) return false;
    for (int64_t i = 0; i < ports; i++) {
        bool input = i < model->ninputs;
        s->bases[i] = allocate(input ? model->inputs[i].bytes : model->outputs[i - model->ninputs].bytes);
        if (!s->bases[i]) return false;
    }
    s->bases[ports] = aligned(s->arena, align);
    s->bases[ports + 2] = aligned(s->context, align);
    s->bases[ports + 3] = s->table;
    return true;
}

int session_open(Session *out, const LepModel *built, const RunnerEngine *engine, const Arguments *arguments)
{
    const LepModel *model = &out->sizes.model;
    *out = (Session){.model = model, .engine = engine, .arguments = arguments, .batch = 1};
    int opened = sizes_open(&out->sizes, built);
    if (opened) return opened;
    out->batched = out->sizes.batch >= 0 || is_batched(model);
    if (out->batched) out->batch = port_batch(&model->inputs[0]);
    long threads = arguments->threads ? arguments->threads : (long)model->threads;
    if (!(engine && engine->run) && threads > 1 && model->threads > 1) {
        out->pool = lep_pool_new(threads < LEP_POOL_MAX_THREADS ? (int)threads : LEP_POOL_MAX_THREADS);
        if (!out->pool) return message(RUNNER_SYSTEM, "cannot have %ld threads", threads);
    }
    if (allocate_all(out)) {
        int status = session_load_weights(out);
        if (!status) status = session_reset(out);
        if (status) session_close(out);
        return status;
    }
    session_close(out);
    return message(RUNNER_SYSTEM, "out of memory: the model needs an arena of %lld bytes",
                   (long long)model->arena_bytes);
}

void session_close(Session *session)
{
    for (int64_t i = 0; session->bases && i < session->model->ninputs + session->model->noutputs; i++)
        free(session->bases[i]);
    free(session->bases);
    lep_pool_free(session->pool);
    lep_weights_close(&session->weights);
    free(session->arena);
    free(session->context);
    free(session->table);
    sizes_close(&session->sizes);
}

int session_reset(const Session *session)
{
    const LepModel *model = session->model;
    void *context = session->bases[model->ninputs + model->noutputs + 2];
    const RunnerEngine *engine = session->engine;
    int status = LEP_OK;
    bool own = !engine || !engine->run;
    if (!own && engine->reset) status = engine->reset(engine->context, context);
    if (own && model->reset) status = model->reset(context);
    return status ? message(RUNNER_SYSTEM, "the model cannot be reset: error %d", status) : RUNNER_OK;
}

const void *session_output(const Session *session, int64_t index)
{
    return session->bases[session->model->ninputs + index];
}

/* A bounded batch is as long as there are rows. */
static void set_table(const Session *s, int64_t rows)
{
    const RunSizes *sizes = &s->sizes;
    for (int64_t i = 0; i < s->model->nsizes; i++) s->table[i] = sizes->at[i];
    if (sizes->batch < 0) return;
    int64_t low = s->model->sizes[sizes->batch].low;
    s->table[sizes->batch] = rows < low ? low : rows;
}

void session_load(const Session *session, const Rows *rows, int64_t first)
{
    int64_t most = session->batch;
    for (int64_t i = 0; i < session->model->ninputs; i++) {
        if (!rows[i].data) continue;
        const LepPort *port = &session->model->inputs[i];
        size_t row = port_row_bytes(port);
        int64_t batch = port_batch(port), left = rows[i].count - first * batch;
        int64_t take = left < batch ? left : batch;
        most = take;
        memcpy(session->bases[i], rows[i].data + (size_t)(first * batch) * row, (size_t)take * row);
        memset((char *)session->bases[i] + (size_t)take * row, 0, (size_t)(batch - take) * row);
    }
    set_table(session, most);
}

/* Knuth's 64-bit linear congruential generator: the same values on every host. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

void session_fill(const Session *session, int64_t input)
{
    const LepPort *port = &session->model->inputs[input];
    uint64_t state = (uint64_t)input + 1;
    size_t size = element_bytes(port->dtype), count = (size_t)port->bytes / size;
    for (size_t i = 0; i < count; i++) {
        void *at = (char *)session->bases[input] + i * size;
        uint64_t random = next_random(&state);
        double wide = (double)random * 0x1p-30 - 1;
        float single = (float)wide;
        uint16_t half =
            (uint16_t)((port->dtype == LEP_F16 ? random % 0x3c00 : random % 0x3f80) | (random >> 16 & 0x8000));
        if (port->dtype == LEP_F32)
            memcpy(at, &single, size);
        else if (port->dtype == LEP_F64)
            memcpy(at, &wide, size);
        else if (port->dtype == LEP_F16 || port->dtype == LEP_BF16)
            memcpy(at, &half, size);
        else
            *(unsigned char *)at = (unsigned char)(random & element_mask(port->dtype));
    }
}

int session_run(const Session *session)
{
    const RunnerEngine *engine = session->engine;
    if (session->arguments->check) return finite_run(session);
    int status = engine && engine->run ? engine->run(engine->context, session->bases)
                                       : session->model->run(session->bases, session->pool);
    if (status == LEP_OK) sizes_count(&session->sizes, session->table);
    switch (status) {
    case LEP_OK: return RUNNER_OK;
    case LEP_ERROR_CPU:
        return message(RUNNER_SYSTEM, "this processor lacks what the code needs: %s", session->model->target);
    case LEP_ERROR_WEIGHTS: return message(RUNNER_INPUT, "the weights are not those of this model");
    default: return message(RUNNER_SYSTEM, "the model refused to run: error %d", status);
    }
}
