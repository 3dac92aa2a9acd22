#include "tests/support/nest.h"

#include "backend/elf.h"
#include "tests/support/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void must(bool ok, const Diag *diag)
{
    if (!ok) diag_print(diag, stderr, false);
    assert_true(ok);
}

static void check_calls(const Bytes *object)
{
    static const char *const allowed[] = {"", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_"};
    Elf elf;
    assert_true(elf_open(object, &elf));
    for (size_t i = 1; i < elf.nsymbols; i++) {
        ElfSymbol symbol = elf_symbol(&elf, i);
        bool fine = symbol.section != 0;
        for (size_t k = 0; k < sizeof allowed / sizeof *allowed; k++)
            fine = fine || !strcmp(elf_symbol_name(&elf, &symbol), allowed[k]);
        if (!fine) fail_msg("the object calls %s", elf_symbol_name(&elf, &symbol));
    }
}

/* What the functions' constants reach to; without a graph they are zeros. */
static int64_t constant_bytes(LoopFunction **functions, int count)
{
    int64_t most = 0;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < functions[i]->nbuffers; k++) {
            const LoopBuffer *buffer = functions[i]->buffers[k];
            int64_t end = buffer->offset + dtype_bytes(buffer->dtype, buffer->elements);
            if (buffer->space == SPACE_CONSTANT && end > most) most = end;
        }
    return most;
}

static Bytes emit_functions(Arena *arena, LoopFunction **functions, int count, const EmitOptions *options,
                            EmitKind kind)
{
    Diag diag = diag_new(arena);
    Bytes out;
    for (int i = 0; i < count; i++) must(loop_verify(functions[i], &diag), &diag);
    LoopProgram program = {
        .arena = arena, .nsteps = count, .steps = functions, .constant_bytes = constant_bytes(functions, count)};
    must(emit_program(&program, options, kind, &out, &diag), &diag);
    return out;
}

static Target select_target(Arena *arena, const char *cpu, const char *features)
{
    Diag diag = diag_new(arena);
    Target target;
    /* a row's name says its triple too */
    must(target_select(cpu, "", features, arena, &target, &diag), &diag);
    return target;
}

Jit *nest_load(Arena *arena, LoopFunction **functions, int count, const char *cpu, int level)
{
    Diag diag = diag_new(arena);
    Target target = select_target(arena, cpu, "");
    EmitOptions options = {.target = &target, .level = level};
    Bytes object = emit_functions(arena, functions, count, &options, EMIT_OBJECT);
    check_calls(&object);
    Jit *jit = jit_load(&object, &diag);
    must(jit != NULL, &diag);
    return jit;
}

NestRun *nest_step(Jit *jit, int index)
{
    char name[40];
    snprintf(name, sizeof name, "program__step_%d", index);
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    void *address = jit_symbol(jit, name, &diag);
    must(address != NULL, &diag);
    arena_free(arena);
    NestRun *run;
    memcpy(&run, &address, sizeof run); /* what dlsym too leaves to its caller */
    return run;
}

static LoopFunction **parse(Arena *arena, const char *text, int *count)
{
    Diag diag = diag_new(arena);
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){"nest.loops", text, strlen(text)};
    LoopFunction **functions = loop_parse(arena, source, count, &diag);
    must(functions != NULL, &diag);
    return functions;
}

Jit *nest_load_text(Arena *arena, const char *text, const char *cpu, int level)
{
    int count;
    LoopFunction **functions = parse(arena, text, &count);
    return nest_load(arena, functions, count, cpu, level);
}

const char *nest_assembly(Arena *arena, const char *text, const char *cpu, const char *features)
{
    Target target = select_target(arena, cpu, features);
    EmitOptions options = {.target = &target, .level = 3};
    int count;
    LoopFunction **functions = parse(arena, text, &count);
    Bytes out = emit_functions(arena, functions, count, &options, EMIT_ASSEMBLY);
    return arena_copy_chars(arena, (const char *)out.data, out.size);
}

int nest_cpus(const char *cpus[NEST_CPUS])
{
    cpus[0] = "";
    return 1 + host_cpus(cpus + 1);
}
