#include "runtime/runner/runner.h"

#include "runtime/runner/element.h"
#include "runtime/runner/measure.h"
#include "runtime/runner/message.h"
#include "runtime/runner/output.h"
#include "runtime/runner/results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One pass over the data of all inputs: from a set of files, or from one positional file. */
typedef struct Pass {
    Session *session;
    Rows *rows;        /* of each input */
    const char *input; /* what results are called after */
    int64_t count;     /* rows of the results */
    Output outputs[MAX_FILES];
    int noutputs;
    int64_t *labels;
    int64_t nlabels, seen, right;
    int64_t judged; /* the output that labels are compared with */
} Pass;

/* The only input that no --input names: where positional files go. */
static int free_input(const Arguments *arguments, int64_t *out)
{
    int64_t found = -1, count = 0;
    for (int64_t i = 0; i < arguments->model->ninputs; i++) {
        bool given = false;
        for (int k = 0; k < arguments->ninputs; k++) given |= arguments->inputs[k].port == i;
        if (given || !arguments->model->inputs[i].bytes) continue;
        found = i;
        count++;
    }
    *out = found;
    if (count == 1) return RUNNER_OK;
    return message(RUNNER_USAGE, "%s: which input is it for? Say --input NAME=FILE", arguments->files[0]);
}

/* How often the model runs over the rows; the same for every input. */
static int count_runs(const Pass *pass, int64_t *runs)
{
    const LepModel *model = pass->session->model;
    int64_t first = -1;
    *runs = 1;
    for (int64_t i = 0; i < model->ninputs; i++) {
        const LepPort *port = &model->inputs[i];
        if (!pass->rows[i].data) continue; /* it has no elements */
        int64_t batch = port_batch(port), needed = (pass->rows[i].count + batch - 1) / batch;
        if (pass->rows[i].count % batch && !pass->session->batched)
            return message(RUNNER_INPUT, "%s: %lld rows are no multiple of the %lld that %s takes at a time",
                           pass->rows[i].file.path, (long long)pass->rows[i].count, (long long)batch, port->name);
        if (first >= 0 && needed != *runs)
            return message(RUNNER_INPUT, "%s is enough for %lld runs, %s for %lld", pass->rows[i].file.path,
                           (long long)needed, pass->rows[first].file.path, (long long)*runs);
        *runs = needed;
        first = i;
    }
    return RUNNER_OK;
}

static int64_t rows_of_result(const Pass *pass, int64_t runs)
{
    if (!pass->session->batched) return runs;
    for (int64_t i = 0; i < pass->session->model->ninputs; i++)
        if (pass->rows[i].data) return pass->rows[i].count;
    return pass->session->batch;
}

static int print_row(const Pass *pass, int64_t row, int64_t number)
{
    char name[4200];
    for (int64_t i = 0; i < pass->session->model->ninputs && pass->session->batched; i++)
        if (pass->rows[i].names) return results_print(pass->session, pass->rows[i].names[number], row);
    if (pass->count == 1) return results_print(pass->session, pass->input, row);
    snprintf(name, sizeof name, "%s[%lld]", pass->input, (long long)number);
    return results_print(pass->session, name, row);
}

/* What is done with `count` rows of results, of which `number` came before. */
static int take_results(Pass *pass, int64_t number, int64_t count)
{
    const Session *s = pass->session;
    int status = RUNNER_OK;
    for (int i = 0; i < pass->noutputs && !status; i++) {
        const LepPort *port = pass->outputs[i].port;
        status = npy_output_add(&pass->outputs[i], session_output(s, pass->outputs[i].index),
                                s->batched ? count : port_batch(port));
    }
    if (status) return status;
    const LepPort *judged = &s->model->outputs[pass->judged];
    const char *data = session_output(s, pass->judged);
    for (int64_t row = 0; row < count; row++) {
        if (pass->labels)
            pass->right += row_best(judged, data + (size_t)row * port_row_bytes(judged)) == pass->labels[pass->seen++];
        else if (!pass->noutputs) {
            status = print_row(pass, row, number + row);
            if (status) return status;
        }
    }
    return RUNNER_OK;
}

static int run_all(Pass *pass, int64_t runs)
{
    const Session *s = pass->session;
    int64_t left = pass->count;
    for (int64_t run = 0; run < runs; run++) {
        session_load(s, pass->rows, run);
        int status = run && !s->arguments->stream ? session_reset(s) : RUNNER_OK;
        if (!status) status = session_run(s);
        int64_t rows = s->batched ? (left < s->batch ? left : s->batch) : 1;
        if (!status) status = take_results(pass, run * s->batch, rows);
        if (status) return status;
        left -= rows;
    }
    return RUNNER_OK;
}

/* The output that --labels judges: the first with labels, else the first of several elements a row. */
static int64_t judged_output(const LepModel *model)
{
    for (int64_t i = 0; i < model->noutputs; i++)
        if (model->outputs[i].labels) return i;
    for (int64_t i = 0; i < model->noutputs; i++)
        if (port_row_elements(&model->outputs[i]) > 1) return i;
    return 0;
}

static int read_named(Pass *pass)
{
    const Arguments *arguments = pass->session->arguments;
    int status = RUNNER_OK;
    for (int i = 0; i < arguments->ninputs && !status; i++) {
        const PortFile *file = &arguments->inputs[i];
        status = rows_read_sized(&pass->rows[file->port], file->path, &pass->session->sizes, file->port);
    }
    if (arguments->ninputs) pass->input = arguments->inputs[0].path;
    return status;
}

static int need_inputs(const Pass *pass)
{
    const LepModel *model = pass->session->model;
    char text[SHAPE_TEXT];
    for (int64_t i = 0; i < model->ninputs; i++)
        if (!pass->rows[i].data && model->inputs[i].bytes)
            return message(RUNNER_USAGE, "no data for input %s, %s: say --input %s=FILE (--help tells more)",
                           model->inputs[i].name, port_text(text, &model->inputs[i]), model->inputs[i].name);
    return RUNNER_OK;
}

/* Opens the outputs for all rows, once the number of rows is known. */
static int open_outputs(Pass *pass, int64_t runs, int64_t rows)
{
    const Arguments *arguments = pass->session->arguments;
    int status = RUNNER_OK;
    for (int i = 0; i < arguments->noutputs && !status; i++) {
        const LepPort *port = &arguments->model->outputs[arguments->outputs[i].port];
        int64_t all = pass->session->batched ? rows : runs * port_batch(port);
        status = npy_output_open(&pass->outputs[i], pass->session, &arguments->outputs[i], all);
        pass->noutputs++;
    }
    return status;
}

static int check_stream(const Pass *pass)
{
    if (!pass->session->arguments->stream || pass->session->model->state_bytes) return RUNNER_OK;
    return message(RUNNER_USAGE, "--stream: %s keeps nothing from one row to the next", pass->session->model->name);
}

/* Rows already in pass->rows. */
static int run_rows(Pass *pass)
{
    int64_t runs;
    int status = need_inputs(pass);
    if (!status) status = count_runs(pass, &runs);
    if (!status) status = check_stream(pass);
    if (!status) status = session_reset(pass->session);
    if (status) return status;
    pass->count = rows_of_result(pass, runs);
    status = open_outputs(pass, runs, pass->count);
    if (!status && pass->labels && pass->nlabels - pass->seen < pass->count)
        status = message(RUNNER_INPUT, "%s: %lld labels, but %s has %lld rows", pass->session->arguments->labels,
                         (long long)pass->nlabels, pass->input, (long long)pass->count);
    return status ? status : run_all(pass, runs);
}

/* What comes through standard input, row by row as it comes: raw elements, without an end that is known. */
static int run_live(Pass *pass, int64_t input)
{
    const Session *s = pass->session;
    const LepPort *port = &s->model->inputs[input];
    Rows *rows = &pass->rows[input];
    size_t size = (size_t)port->bytes, got = size;
    int status = check_stream(pass);
    if (!status) status = session_reset(s);
    if (!status && !(rows->file.bytes = malloc(size + 1))) status = message(RUNNER_SYSTEM, "out of memory");
    *rows = (Rows){.file = rows->file, .data = rows->file.bytes, .count = port_batch(port)};
    if (!status) status = need_inputs(pass);
    pass->count = rows->count + 1; /* so that rows have numbers */
    pass->input = "-";
    for (int64_t number = 0; !status; number += rows->count) {
        got = fread(rows->file.bytes, 1, size, stdin);
        if (got < size) break;
        session_load(s, pass->rows, 0);
        status = session_run(s);
        if (!status) status = take_results(pass, number, s->batched ? rows->count : 1);
        fflush(stdout);
    }
    if (!status && got && got < size)
        status = message(RUNNER_INPUT, "-: %zu bytes are left over, a row of %s has %zu", got, port->name, size);
    return status;
}

/* Positional files one after the other; with --output there can be only one. */
static int run_files(Pass *pass)
{
    const Arguments *arguments = pass->session->arguments;
    int64_t input;
    int status = free_input(arguments, &input);
    bool live = arguments->stream && arguments->nfiles == 1 && strcmp(arguments->files[0], "-") == 0;
    if (!status && live && !arguments->noutputs && !pass->labels) return run_live(pass, input);
    if (!status && arguments->nfiles > 1 && arguments->noutputs)
        status = message(RUNNER_USAGE, "--output with %d files: run them one by one", arguments->nfiles);
    for (int i = 0; i < arguments->nfiles && !status; i++) {
        if (!arguments->ninputs) sizes_forget(&pass->session->sizes);
        status = rows_read_sized(&pass->rows[input], arguments->files[i], &pass->session->sizes, input);
        pass->input = arguments->files[i];
        if (!status) status = run_rows(pass);
        rows_free(&pass->rows[input]);
    }
    return status;
}

static void print_accuracy(const Pass *pass)
{
    double share = pass->seen ? (double)pass->right / (double)pass->seen : 0;
    if (pass->session->arguments->json)
        printf("{\"accuracy\":%.9g,\"right\":%lld,\"count\":%lld}\n", share, (long long)pass->right,
               (long long)pass->seen);
    else
        printf("Test accuracy: %.2f %% (%lld of %lld)\n", 100 * share, (long long)pass->right, (long long)pass->seen);
}

static int finish(Pass *pass)
{
    if (pass->labels && pass->seen != pass->nlabels)
        return message(RUNNER_INPUT, "%s: %lld labels, but there are %lld rows", pass->session->arguments->labels,
                       (long long)pass->nlabels, (long long)pass->seen);
    if (pass->labels) print_accuracy(pass);
    return npy_outputs_write(pass->outputs, pass->noutputs);
}

/* Measurements use the first batch of the data that is given, and made-up data where none is. */
static int run_measurement(Pass *pass)
{
    const Session *s = pass->session;
    int status = RUNNER_OK;
    int64_t input;
    if (s->arguments->nfiles) status = free_input(s->arguments, &input);
    if (!status && s->arguments->nfiles)
        status = rows_read_sized(&pass->rows[input], s->arguments->files[0], &pass->session->sizes, input);
    for (int64_t i = 0; i < s->model->ninputs && !status; i++)
        if (!pass->rows[i].data) session_fill(s, i);
    if (!status) session_load(s, pass->rows, 0);
    if (!status) status = session_run(s);
    if (!status && s->arguments->bench) status = bench_run(s);
    if (!status && s->arguments->profile) status = profile_run(s);
    return status;
}

static int run_pass(Pass *pass)
{
    const Arguments *arguments = pass->session->arguments;
    pass->judged = judged_output(arguments->model);
    int status = read_named(pass);
    if (!status && (arguments->bench || arguments->profile)) return run_measurement(pass);
    if (!status && arguments->labels)
        status =
            label_file_read(arguments->labels, &arguments->model->outputs[pass->judged], &pass->labels, &pass->nlabels);
    if (!status) status = arguments->nfiles ? run_files(pass) : run_rows(pass);
    return status ? status : finish(pass);
}

static int run_session(Session *session)
{
    Pass pass = {.session = session, .input = ""};
    pass.rows = calloc((size_t)session->model->ninputs + 1, sizeof *pass.rows);
    if (!pass.rows) return message(RUNNER_SYSTEM, "out of memory");
    int status = run_pass(&pass);
    for (int64_t i = 0; i < session->model->ninputs; i++) rows_free(&pass.rows[i]);
    npy_outputs_free(pass.outputs, pass.noutputs);
    free(pass.rows);
    free(pass.labels);
    return status;
}

int runner_main_on(const LepModel *model, const RunnerEngine *engine, int argc, char **argv)
{
    Arguments arguments;
    if (model->version != LEP_MODEL_VERSION)
        return message(RUNNER_SYSTEM, "model of layout %lld, runner of layout %d: compile it again",
                       (long long)model->version, LEP_MODEL_VERSION);
    int status = arguments_parse(&arguments, model, argc, argv);
    if (status) return status;
    if (arguments.help)
        arguments_help(&arguments);
    else if (arguments.info)
        info_print(model, arguments.json);
    else {
        Session session;
        if (!engine || !engine->run) status = cpu_check(model);
        if (!status) status = session_open(&session, model, engine, &arguments);
        if (status) return status;
        status = run_session(&session);
        session_close(&session);
    }
    if (fflush(stdout) || ferror(stdout))
        return message(RUNNER_SYSTEM, "standard output cannot be written: %s", strerror(errno));
    return status;
}

int runner_main(const LepModel *model, int argc, char **argv) { return runner_main_on(model, NULL, argc, argv); }
