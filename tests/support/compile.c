#include "tests/support/compile.h"

#include <stdlib.h>
#include <string.h>

static bool uses_fma(const LoopProgram *program)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    loop_program_print(program, out);
    fclose(out);
    bool found = strstr(text, "fma(") != NULL;
    free(text);
    return found;
}

bool compiled_new(Graph *graph, const PassContext *context, Arena *arena, Compiled *out, Diag *diag)
{
    if (!pass_pipeline(graph, context, NULL, NULL, NULL, diag)) return false;
    LoopProgram program = {.arena = arena};
    if (!lower_graph(graph, context->target, &program, diag)) return false;
    EmitOptions options = {.target = context->target, .level = context->level, .small = context->small, .runner = true};
    Bytes object;
    if (!emit_program(&program, &options, EMIT_OBJECT, &object, diag)) return false;
    out->fuses = uses_fma(&program);
    out->jit = jit_load(&object, diag);
    if (!out->jit) return false;
    out->model = jit_symbol(out->jit, "lep_model", diag);
    if (!out->model) compiled_free(out);
    return out->model != NULL;
}

void compiled_free(Compiled *compiled)
{
    jit_free(compiled->jit);
    *compiled = (Compiled){0};
}

#if defined __x86_64__
int host_cpus(const char *cpus[HOST_CPUS])
{
    int count = 0;
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    if (v3) cpus[count++] = "x86-64-v3";
    if (v3 && v4) cpus[count++] = "x86-64-v4";
    if (v3 && v4 && __builtin_cpu_supports("avx512vnni")) cpus[count++] = "cascadelake";
    if (v3 && __builtin_cpu_supports("avxvnni") && __builtin_cpu_supports("gfni")) cpus[count++] = "alderlake";
    return count;
}
#else
int host_cpus(const char *cpus[HOST_CPUS])
{
    (void)cpus;
    return 0;
}
#endif
