#include "frontend/driver/emit_kind.h"

#include "backend/object.h"
#include "frontend/driver/describe.h"
#include "frontend/driver/weights.h"
#include "ir/pool.h"

#include <string.h>

static bool write_exe(Compilation *c, const char *path)
{
    Bytes object;
    weights_choose(c, PLACE_PROGRAM);
    return weights_write(c, path) && compile_emit(c, EMIT_OBJECT, true, &object) && link_program(c, &object, path);
}

/* The header of a library lies beside it, without the `lib` that linkers want before the name. */
static const char *header_path(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    int skip = dot && (strcmp(dot, ".a") == 0 || strcmp(dot, ".so") == 0) && length > 3 && strncmp(name, "lib", 3) == 0
                   ? 3
                   : 0;
    return arena_printf(arena, "%.*s%.*s.h", (int)(name - path), path, (int)length - skip, name + skip);
}

/* The file of weights is called after the object or library that has `path`. */
static bool write_header(Compilation *c, const char *path)
{
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    header_write(&c->program, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

static bool write_header_alone(Compilation *c, const char *path)
{
    weights_choose(c, PLACE_OBJECT);
    return weights_write(c, path) && write_header(c, path);
}

const char *emit_header(Compilation *c, const EmitRow *row, const char *path)
{
    if (output_is_stream(path)) return NULL;
    if (row->write == write_header_alone) return path;
    return row->brings_header ? header_path(c->arena, path) : NULL;
}

static bool write_with_header(Compilation *c, const char *path, const Bytes *bytes)
{
    if (!output_write(&c->driver->outputs, c->arena, path, bytes, c->diag)) return false;
    return output_is_stream(path) || write_header(c, header_path(c->arena, path));
}

static bool write_object(Compilation *c, const char *path)
{
    Bytes object;
    weights_choose(c, PLACE_OBJECT);
    return weights_write(c, path) && compile_emit(c, EMIT_OBJECT, false, &object) &&
           write_with_header(c, path, &object);
}

static bool write_library(Compilation *c, const char *path)
{
    Bytes object, archive;
    const char *member = arena_printf(c->arena, "%s.o", symbol_name(c->arena, c->graph->name));
    weights_choose(c, PLACE_OBJECT);
    return weights_write(c, path) && compile_emit(c, EMIT_OBJECT, false, &object) &&
           archive_write(c->arena, member, &object, &archive, c->diag) && write_with_header(c, path, &archive);
}

static bool write_shared(Compilation *c, const char *path)
{
    Bytes object;
    weights_choose(c, PLACE_OBJECT);
    return weights_write(c, path) && compile_emit(c, EMIT_OBJECT, false, &object) && link_shared(c, &object, path) &&
           (output_is_stream(path) || write_header(c, header_path(c->arena, path)));
}

/* For the library that this build makes, or else for one that is called as the program is. */
static bool write_main(Compilation *c, const char *path)
{
    weights_choose(c, PLACE_OBJECT);
    if (!weights_write(c, path)) return false;
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    const char *header =
        c->header ? c->header : header_path(c->arena, output_is_stream(path) ? c->options->model : path);
    const char *slash = strrchr(header, '/');
    example_write(&c->program, slash ? slash + 1 : header, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

static bool write_emitted(Compilation *c, EmitKind kind, const char *path)
{
    Bytes text;
    weights_choose(c, PLACE_OBJECT);
    return weights_write(c, path) && compile_emit(c, kind, false, &text) &&
           output_write(&c->driver->outputs, c->arena, path, &text, c->diag);
}

static bool write_assembly(Compilation *c, const char *path) { return write_emitted(c, EMIT_ASSEMBLY, path); }
static bool write_llvm(Compilation *c, const char *path) { return write_emitted(c, EMIT_LLVM, path); }

static bool write_loops(Compilation *c, const char *path)
{
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    loop_program_print(&c->program, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

/* The constants that the text does not spell out, beside it; a dump to a stream is for reading only. */
static bool write_pool(Compilation *c, const char *path)
{
    OutputSet *set = &c->driver->outputs;
    const Pool *pool = pool_of(c->arena, c->graph);
    const char *name = pool_name(pool), *slash = strrchr(path, '/');
    if (!name || output_is_stream(path)) return true;
    const char *beside = arena_printf(c->arena, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name);
    FILE *file = output_open(set, c->arena, beside, c->diag);
    if (!file) return false;
    pool_write(pool, file);
    return output_close(set, file, c->diag);
}

bool write_lep(Compilation *c, const char *path)
{
    if (!write_pool(c, path)) return false;
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    graph_print(c->graph, file, (PrintOptions){.origins = c->options->origins});
    return output_close(&c->driver->outputs, file, c->diag);
}

static bool write_dot(Compilation *c, const char *path)
{
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    dot_print(c->graph, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

static bool write_described(Compilation *c, const char *path, void (*print)(const Described *d, FILE *out))
{
    Described described;
    weights_choose(c, PLACE_OBJECT);
    if (!described_of(c, &described)) return false;
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    print(&described, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

static bool write_json(Compilation *c, const char *path) { return write_described(c, path, described_json); }
static bool write_html(Compilation *c, const char *path) { return write_described(c, path, described_html); }

const EmitRow emit_table[] = {
    {"exe", "", NEEDS_LOOPS, write_exe, false, false},
    {"obj", ".o", NEEDS_LOOPS, write_object, false, true},
    {"lib", ".a", NEEDS_LOOPS, write_library, false, true},
    {"shared", ".so", NEEDS_LOOPS, write_shared, false, true},
    {"header", ".h", NEEDS_LOOPS, write_header_alone, true, false},
    {"asm", ".s", NEEDS_LOOPS, write_assembly, true, false},
    {"llvm", ".ll", NEEDS_LOOPS, write_llvm, true, false},
    {"loops", ".loops", NEEDS_LOOPS, write_loops, true, false},
    {"lep", ".lep", NEEDS_GRAPH, write_lep, true, false},
    {"dot", ".dot", NEEDS_GRAPH, write_dot, true, false},
    {"json", ".json", NEEDS_LOOPS, write_json, true, false},
    {"html", ".html", NEEDS_LOOPS, write_html, true, false},
    {"main", ".c", NEEDS_LOOPS, write_main, true, false},
};
const int emit_count = sizeof emit_table / sizeof emit_table[0];

const EmitRow *emit_find(const char *name)
{
    for (int i = 0; i < emit_count; i++)
        if (strcmp(emit_table[i].name, name) == 0) return &emit_table[i];
    return NULL;
}

const EmitRow *emit_of_path(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (int i = 1; dot && i < emit_count; i++)
        if (strcmp(emit_table[i].suffix, dot) == 0) return &emit_table[i];
    return &emit_table[0];
}
