#include "frontend/driver/externs.h"
#include "frontend/driver/reference.h"
#include "frontend/driver/weights.h"

/* "lepc run m.lep", then what the runner is to read. */
static char **runner_arguments(const Compilation *c, int *count)
{
    const Options *o = c->options;
    char **argv = ARENA_ARRAY(c->arena, char *, o->pass_on.count + o->arguments.count + 3);
    argv[0] = arena_printf(c->arena, "lepc run %s", o->model);
    *count = 1;
    for (int i = 0; i < o->pass_on.count; i++) argv[(*count)++] = arena_copy_string(c->arena, o->pass_on.at[i]);
    if (o->arguments.count) argv[(*count)++] = arena_copy_string(c->arena, "--");
    for (int i = 0; i < o->arguments.count; i++) argv[(*count)++] = arena_copy_string(c->arena, o->arguments.at[i]);
    return argv;
}

/* What would be compiled: pruned and in 8 bits as the policy says, else as it was read. */
static bool compress(Compilation *c)
{
    const Policy *policy = c->policy;
    return !policy || (!policy->nprune && !policy->nquant) || compile_passes(c, "quantise");
}

static int run_reference(Compilation *c)
{
    if (!compile_load(c, c->options->model) || !externs_are_absent(c, "--reference")) return STATUS_INPUT;
    if (!compress(c)) return STATUS_INPUT;
    int argc;
    char **argv = runner_arguments(c, &argc);
    const Reference *reference = reference_new(c->graph);
    return runner_main_on(&reference->model, &reference->engine, argc, argv);
}

int command_run(Driver *driver)
{
    Compilation c = compilation_new(driver);
    Bytes object;
    if (driver->options.reference) return run_reference(&c);
    if (!compile_object(&c, driver->options.model, &object)) return STATUS_INPUT;
    Jit *jit = externs_load(&c, &object);
    const LepModel *model = jit ? jit_symbol(jit, "lep_model", c.diag) : NULL;
    int status = jit ? STATUS_OURS : STATUS_INPUT, argc;
    char **argv = runner_arguments(&c, &argc);
    const RunnerEngine engine = {.weights = weights_in_memory(&c)};
    if (model) status = engine.weights ? runner_main_on(model, &engine, argc, argv) : runner_main(model, argc, argv);
    if (jit) jit_free(jit);
    return status;
}

int command_profile(Driver *driver)
{
    TextList *list = &driver->options.pass_on;
    if (list->count < MAX_OPTION_LIST) list->at[list->count++] = "--profile";
    return command_run(driver);
}
