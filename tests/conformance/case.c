#include "tests/conformance/case.h"

#include "frontend/onnx/import.h"
#include "ir/bounded.h"
#include "tests/support/compile.h"
#include "tests/support/texts.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PORTS = 128, LONGEST_PATH = 4096 };

typedef struct Run {
    const Case *test;
    const CaseOptions *options;
    Verdict *verdict;
    Arena *arena;
    Diag diag;
    const Onnx__ModelProto *model;
    size_t ninputs, noutputs;
    const char *names[MOST_PORTS]; /* of inputs that are no initializers */
    Tensor inputs[MOST_PORTS], outputs[MOST_PORTS];
    DimBinding dims[MOST_PORTS * MAX_RANK];
    OnnxFixed fixed[MOST_PORTS];
    OnnxOptions import;
    double rtol, atol;
} Run;

/* ---- verdicts ---- */

static bool say(Run *run, Outcome outcome, const char *text)
{
    run->verdict->outcome = outcome;
    snprintf(run->verdict->reason, REASON_LENGTH, "%s", text);
    return false;
}

static bool refused(Run *run)
{
    const Diagnostic *first = run->diag.first;
    while (first && first->severity != SEVERITY_ERROR) first = first->next;
    if (run->options->verbose) diag_print(&run->diag, stderr, false);
    return say(run, OUTCOME_REFUSED, first ? first->message : "refused without a word");
}

/* ---- data ---- */

static const Source *read_file(Run *run, const char *path)
{
    Diag ignored = diag_new(run->arena);
    return source_read_at(run->arena, path, (size_t)1 << 30, (Span){.name = path}, &ignored);
}

static bool read_tensor(Run *run, const char *path, Tensor *out)
{
    const Source *file = read_file(run, path);
    if (!file) return false;
    return onnx_parse_tensor(run->arena, (const unsigned char *)file->text, file->length, path, out, &run->diag);
}

static bool is_initializer(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (!strcmp(graph->initializer[i]->name, name)) return true;
    return false;
}

static bool is_tensor(const Onnx__ValueInfoProto *port) { return port->type && port->type->tensor_type; }

static bool find_ports(Run *run)
{
    const Onnx__GraphProto *graph = run->model->graph;
    run->ninputs = 0;
    run->noutputs = graph->n_output;
    if (graph->n_output > MOST_PORTS) return say(run, OUTCOME_REFUSED, "too many ports");
    for (size_t i = 0; i < graph->n_output; i++)
        if (!is_tensor(graph->output[i])) return say(run, OUTCOME_REFUSED, "an output is no tensor");
    for (size_t i = 0; i < graph->n_input; i++) {
        if (is_initializer(graph, graph->input[i]->name)) continue;
        if (!is_tensor(graph->input[i])) return say(run, OUTCOME_REFUSED, "an input is no tensor");
        if (run->ninputs == MOST_PORTS) return say(run, OUTCOME_REFUSED, "too many ports");
        run->names[run->ninputs++] = graph->input[i]->name;
    }
    return true;
}

/* What the official runner feeds models whose data would be large: 0, 1/n, 2/n, ... */
static bool fill_by_formula(Run *run, size_t index, Tensor *out)
{
    const Onnx__GraphProto *graph = run->model->graph;
    for (size_t i = 0; i < graph->n_input; i++) {
        if (strcmp(graph->input[i]->name, run->names[index])) continue;
        const Onnx__TensorShapeProto *shape = graph->input[i]->type->tensor_type->shape;
        int64_t dims[MAX_RANK] = {0};
        for (size_t d = 0; d < shape->n_dim && d < MAX_RANK; d++)
            dims[d] = shape->dim[d]->has_dim_value ? shape->dim[d]->dim_value : 1;
        *out = tensor_new(run->arena, type_tensor(F32, (int)shape->n_dim, dims));
    }
    int64_t count = type_elements(&out->type);
    for (int64_t i = 0; i < count; i++) tensor_set_real(out, i, (double)i / (double)count);
    return true;
}

static bool read_data(Run *run, int set)
{
    const Case *test = run->test;
    bool good = true;
    for (size_t i = 0; i < run->ninputs && good; i++) {
        const char *path =
            test->folder ? arena_printf(run->arena, "%s/test_data_set_%d/input_%zu.pb", test->folder, set, i) : NULL;
        good = path ? read_tensor(run, path, &run->inputs[i]) : fill_by_formula(run, i, &run->inputs[i]);
    }
    for (size_t i = 0; i < run->noutputs && good; i++) {
        size_t stem = strlen(test->model) - strlen(".onnx");
        const char *path = test->folder
                               ? arena_printf(run->arena, "%s/test_data_set_%d/output_%zu.pb", test->folder, set, i)
                               : arena_printf(run->arena, "%.*s_output_%zu.pb", (int)stem, test->model, i);
        good = read_tensor(run, path, &run->outputs[i]);
    }
    if (good) return true;
    return run->diag.errors ? refused(run) : say(run, OUTCOME_REFUSED, "the data of the test cannot be read");
}

/* ---- compiling ---- */

/* Symbolic dims are those of the data, as a user would say with --dim. */
static void bind_dims(Run *run)
{
    const Onnx__GraphProto *graph = run->model->graph;
    run->import = (OnnxOptions){.dims = run->dims, .fixed = run->fixed};
    for (size_t i = 0; i < run->ninputs; i++)
        for (size_t p = 0; p < graph->n_input; p++) {
            const Onnx__TensorShapeProto *shape = graph->input[p]->type->tensor_type->shape;
            if (strcmp(graph->input[p]->name, run->names[i]) || !shape) continue;
            for (size_t d = 0; d < shape->n_dim && d < (size_t)run->inputs[i].type.rank; d++) {
                const char *name = shape->dim[d]->dim_param;
                if (shape->dim[d]->has_dim_value) continue;
                if (!name || !*name) name = arena_printf(run->arena, "%s.%zu", run->names[i], d);
                run->dims[run->import.ndims++] =
                    (DimBinding){name, run->inputs[i].type.dim[d].high, run->inputs[i].type.dim[d].high};
            }
        }
}

/* Inputs that must be known to compile become constants, as with --fix: true when there are new ones. */
static bool fix_needed(Run *run, const OnnxReport *report)
{
    int before = run->import.nfixed;
    for (size_t n = 0; n < report->nneeds; n++)
        for (size_t i = 0; i < run->ninputs; i++) {
            if (strcmp(report->needs[n], run->names[i])) continue;
            bool known = false;
            for (int f = 0; f < before; f++) known = known || !strcmp(run->fixed[f].name, run->names[i]);
            if (!known) run->fixed[run->import.nfixed++] = (OnnxFixed){run->names[i], run->inputs[i]};
        }
    return run->import.nfixed > before;
}

static Graph *import(Run *run)
{
    for (;;) {
        OnnxReport report = {0};
        run->diag = diag_new(run->arena);
        Graph *graph = onnx_import(run->arena, run->model, run->test->model, &run->import, &report, &run->diag);
        if (graph || !fix_needed(run, &report)) return graph;
    }
}

static void note_fixed(Run *run)
{
    const char *text = "";
    for (int i = 0; i < run->import.nfixed; i++)
        text = arena_printf(run->arena, "%s%s%s", text, i ? ", " : "known when compiling: ", run->fixed[i].name);
    snprintf(run->verdict->reason, REASON_LENGTH, "%s", text);
}

/* ---- comparing ---- */

/* numpy's assert_allclose: NaN equals NaN, and infinities themselves. */
static bool is_close(const Run *run, double got, double wanted, double *error)
{
    if (isnan(wanted) || isnan(got)) return isnan(wanted) && isnan(got);
    if (isinf(wanted) || isinf(got)) return wanted == got;
    double difference = fabs(got - wanted);
    if (difference > *error) *error = difference;
    return difference <= run->atol + run->rtol * fabs(wanted);
}

static bool compare(Run *run, size_t index, const Tensor *got)
{
    const Tensor *wanted = &run->outputs[index];
    if (got->type.dtype != wanted->type.dtype || !type_same_shape(&got->type, &wanted->type))
        return say(run, OUTCOME_WRONG,
                   arena_printf(run->arena, "output %zu is %s, not %s", index, type_text(run->arena, &got->type),
                                type_text(run->arena, &wanted->type)));
    int64_t count = type_elements(&wanted->type), bad = 0;
    double error = 0;
    for (int64_t i = 0; i < count; i++) {
        bool same = dtype_is_float(wanted->type.dtype)
                        ? is_close(run, tensor_real(got, i), tensor_real(wanted, i), &error)
                        : tensor_get(got, i).integer == tensor_get(wanted, i).integer;
        if (!same && !bad++ && run->options->verbose)
            fprintf(stderr, "%s output %zu [%lld]: %.9g, expected %.9g\n", run->test->name, index, (long long)i,
                    tensor_real(got, i), tensor_real(wanted, i));
    }
    if (error > run->verdict->error) run->verdict->error = error;
    if (!bad) return true;
    return say(
        run, OUTCOME_WRONG,
        arena_printf(run->arena, "output %zu: %lld of %lld elements differ", index, (long long)bad, (long long)count));
}

/* ---- running ---- */

static const Tensor *find_input(const Run *run, const char *name)
{
    for (size_t i = 0; i < run->ninputs; i++)
        if (!strcmp(run->names[i], name)) return &run->inputs[i];
    return NULL;
}

static Tensor port_tensor(Run *run, const LepPort *port)
{
    Type type = type_tensor((Dtype)port->dtype, port->rank, port->dim);
    return tensor_new(run->arena, type);
}

/* What the run has counted of it. */
static Tensor counted(const Tensor *whole, const LepPort *port, const int64_t *sizes)
{
    Tensor tensor = *whole;
    for (int axis = 0; port->forms && axis < port->rank; axis++) {
        const LepForm *form = &port->forms[axis];
        if (form->size < 0) continue;
        tensor.type.dim[axis] = dim_fixed((form->factor * sizes[form->size] + form->base) / form->divisor);
    }
    return tensor;
}

static bool run_model(Run *run, const LepModel *model)
{
    void *bases[2 * MOST_PORTS + 4] = {NULL};
    int64_t n = 0, sizes[MAX_DIMS] = {0};
    Tensor *results = ARENA_ARRAY(run->arena, Tensor, model->noutputs + 1);
    for (int64_t i = 0; i < model->ninputs; i++) {
        const Tensor *input = find_input(run, model->inputs[i].name);
        if (!input || type_bytes(&input->type) != model->inputs[i].bytes)
            return say(run, OUTCOME_WRONG, "an input of the model is not that of the data");
        bases[n++] = input->data;
    }
    for (int64_t i = 0; i < model->noutputs; i++) {
        results[i] = port_tensor(run, &model->outputs[i]);
        bases[n++] = results[i].data;
    }
    size_t bytes = ((size_t)model->arena_bytes + 127) / 64 * 64;
    bases[n++] = arena_alloc(run->arena, bytes > 256 ? bytes : 256); /* aligned to 64 */
    bases[n + 2] = sizes;
    if (model->run(bases, NULL) != LEP_OK) return say(run, OUTCOME_WRONG, "the model refused to run");
    for (int64_t i = 0; i < model->noutputs; i++) results[i] = counted(&results[i], &model->outputs[i], sizes);
    for (int64_t i = 0; i < model->noutputs; i++)
        if (!compare(run, (size_t)i, &results[i])) return false;
    return true;
}

static bool run_set(Run *run, int set)
{
    if (!read_data(run, set)) return false;
    bind_dims(run);
    Graph *graph = import(run);
    Target target;
    if (!graph || !target_select("", run->options->cpu, "", run->arena, &target, &run->diag)) return refused(run);
    PassContext context = {.target = &target, .level = run->options->level, .fast = run->options->fast};
    Compiled compiled;
    const char *wrong = run->options->texts ? texts_differ(graph, run->test->model, &context) : NULL;
    if (wrong) return say(run, OUTCOME_WRONG, wrong);
    if (!compiled_new(graph, &context, run->arena, &compiled, &run->diag)) return refused(run);
    bool good = run_model(run, compiled.model);
    compiled_free(&compiled);
    if (good) note_fixed(run);
    return good;
}

/* data.json of a test may say other tolerances; only the models without data have them, and they are known. */
static void set_tolerances(Run *run)
{
    run->rtol = 1e-3;
    run->atol = 1e-7;
    if (!strcmp(run->test->name, "light_densenet121")) run->rtol = 2e-3;
}

static bool has_set(Run *run, int set)
{
    if (!run->test->folder) return set == 0;
    const char *path = arena_printf(run->arena, "%s/test_data_set_%d/output_0.pb", run->test->folder, set);
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    return file != NULL;
}

static void run_sets(Run *run)
{
    run->model = onnx_read_model(run->arena, run->test->model, &run->diag);
    set_tolerances(run);
    if (!run->model) {
        refused(run);
        return;
    }
    if (!find_ports(run)) return;
    if (!has_set(run, 0)) {
        say(run, OUTCOME_REFUSED, "the test has no data");
        return;
    }
    for (int set = 0; has_set(run, set); set++)
        if (!run_set(run, set)) return;
    run->verdict->outcome = OUTCOME_PASSED;
}

static void out_of_memory(void *context) { longjmp(*(jmp_buf *)context, 1); }

void case_run(const Case *test, const CaseOptions *options, Verdict *out)
{
    static const Verdict none = {.outcome = OUTCOME_NONE};
    jmp_buf escape;
    *out = none;
    Arena *arena = arena_new(out_of_memory, &escape);
    Run *run = arena ? calloc(1, sizeof *run) : NULL;
    if (!run) abort();
    *run = (Run){.test = test, .options = options, .verdict = out, .arena = arena, .diag = diag_new(arena)};
    if (setjmp(escape) == 0)
        run_sets(run);
    else
        say(run, OUTCOME_CRASHED, "out of memory");
    arena_free(arena);
    free(run);
}
