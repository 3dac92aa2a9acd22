/* Links programs, of our object and the runner's archive, and shared libraries, by the C compiler's driver. */
#include "frontend/driver/emit_kind.h"

#include "backend/object.h"
#include "frontend/driver/externs.h"
#include "frontend/driver/tool.h"
#include "frontend/driver/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Span nowhere = {.name = "lepc"};

/* The folder of lepc itself, with its last '/'. */
static const char *own_folder(Arena *arena)
{
    enum { ROOM = 4096 };
    char *path = arena_alloc(arena, ROOM);
    ssize_t length = readlink("/proc/self/exe", path, ROOM - 1);
    char *slash = length > 0 ? strrchr(path, '/') : NULL;
    if (!slash) return "";
    slash[1] = 0;
    return path;
}

/* How GCC and Clang write the triples that LLVM writes in one way. */
static int triple_names(Arena *arena, const char *triple, const char *out[3])
{
    int count = 0;
    out[count++] = triple;
    const char *vendor = strchr(triple, '-'), *system = vendor ? strchr(vendor + 1, '-') : NULL;
    if (!system) return count;
    out[count++] = arena_printf(arena, "%.*s%s", (int)(vendor - triple), triple, system);
    out[count++] = arena_printf(arena, "%.*s-pc%s", (int)(vendor - triple), triple, system);
    return count;
}

/* Where the build and `cmake --install` put it. */
static const char *find_runner(Arena *arena, const char *triple)
{
    const char *names[3], *folder = own_folder(arena);
    int count = triple_names(arena, triple, names);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 3; k++) {
            const char *middle = k == 0 ? "" : k == 1 ? arena_printf(arena, "%s/", names[i]) : "";
            const char *path = arena_printf(arena, "%s../%s/%slepc/%s/liblepc_runner.a", folder,
                                            k == 2 ? "lib64" : "lib", middle, names[i]);
            if (access(path, R_OK) == 0) return path;
        }
    return NULL;
}

/* $CC may hold options: "ccache gcc". */
static int split_words(Arena *arena, const char *text, char **argv, int room)
{
    int count = 0;
    for (; *text && count < room; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (length) argv[count++] = arena_copy_chars(arena, text, length);
        text += length;
    }
    return count;
}

/* Whether the target runs on the processor that lepc runs on, so that this machine's compiler links for it. */
static bool is_for_this_machine(Compilation *c)
{
    const char *triple, *cpu, *features;
    emit_host(c->arena, &triple, &cpu, &features);
    for (const char *const *start = c->target.arch->starts; *start; start++)
        if (strncmp(triple, *start, strlen(*start)) == 0) return true;
    return false;
}

static bool no_linker(Compilation *c, const char *name, const char *why)
{
    const char *packages = is_for_this_machine(c) ? "gcc" : c->target.arch->packages;
    diag_error(c->diag, E0903, nowhere, "no linker: '%s' %s", name, why);
    return diag_help(c->diag, "apt install %s, or name another one by --linker%s; --emit=obj and --emit=lib need none",
                     packages, is_for_this_machine(c) ? " or CC" : "");
}

static bool call_linker(Compilation *c, char **argv)
{
    int status = tool_run(c, argv);
    if (status == 0) return true;
    if (status == TOOL_MISSING || status == 127)
        return no_linker(c, argv[0], status == 127 ? "cannot be run" : "is not there");
    if (status == TOOL_STOPPED) return false;
    diag_error(c->diag, E0903, nowhere, "'%s' failed, see above", argv[0]);
    return diag_help(c->diag, "a full disk, or a linker for another processor than %s", c->target.triple);
}

/* The compiler's driver for the target: --linker, else $CC, which is of this machine, so not asked for another. */
static int linker_words(Compilation *c, char **argv, int room)
{
    const char *environment = getenv("CC");
    const char *usual = !is_for_this_machine(c)       ? c->target.arch->linker
                        : environment && *environment ? environment
                                                      : "cc";
    int count = split_words(c->arena, c->options->linker ? c->options->linker : usual, argv, room);
    if (!count) diag_error(c->diag, E0801, nowhere, "--linker: expected the name of a program");
    return count;
}

/* `rest`: what follows the object and the files of --extern, NULL-ended. */
static bool run_linker(Compilation *c, const char *object, const char *const *rest, const char *out)
{
    enum { WORDS = 16, REST = 8 };
    const char *const own[] = {
        c->options->debug ? "-g" : "-s", "-Wl,--gc-sections", "-Wl,--build-id=none", "-o", out, object};
    enum { OWN = sizeof own / sizeof own[0] };
    char *argv[WORDS + OWN + MAX_OPTION_LIST + REST + 1];
    int count = linker_words(c, argv, WORDS);
    if (!count) return false;
    for (int i = 0; i < OWN; i++) argv[count++] = arena_copy_string(c->arena, own[i]);
    for (int i = 0; i < c->options->externs.count; i++)
        argv[count++] = arena_copy_string(c->arena, c->options->externs.at[i]);
    for (int i = 0; i < REST && rest[i]; i++) argv[count++] = arena_copy_string(c->arena, rest[i]);
    argv[count] = NULL;
    return call_linker(c, argv);
}

static const char *temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

/* A file for the linker to read, which is gone at the end; NULL after an error. */
static const char *write_input(Compilation *c, const char *path, const void *bytes, size_t size)
{
    /* the linker writes to a device itself: nothing goes beside it */
    const char *beside = output_is_stream(path) ? arena_printf(c->arena, "%s/lepc", temporary_folder()) : path;
    const char *input = output_temporary(&c->driver->outputs, c->arena, NULL, beside, c->diag);
    if (!input) return NULL;
    FILE *file = fopen(input, "wb");
    bool failed = !file || fwrite(bytes, 1, size, file) != size;
    if (file && fclose(file)) failed = true;
    if (!failed) return input;
    diag_error(c->diag, E0901, (Span){.name = path}, "cannot be written: %s", strerror(errno));
    return NULL;
}

/* Links the object with `rest` to what will be at `path`. */
static bool link_object(Compilation *c, const Bytes *object, const char *const *rest, const char *path)
{
    const char *input = write_input(c, path, object->data, object->size);
    if (!input) return false;
    bool stream = output_is_stream(path);
    const char *out = stream ? path : output_temporary(&c->driver->outputs, c->arena, path, path, c->diag);
    if (!out || !run_linker(c, input, rest, out)) return false;
    bool appended = c->program.weights_file && !*c->program.weights_file;
    return !appended || weights_append(c, out, path);
}

/* Is there a system to run `what` on, and a place for it? */
static bool can_link(Compilation *c, const char *what, const char *path)
{
    if (c->target.arch->bare) {
        diag_error(c->diag, E0801, nowhere, "no %s for %s: it has no system to run on", what, c->target.name);
        return diag_help(c->diag, "--emit=obj or --emit=lib with the header, as examples/microcontroller does");
    }
    if (strcmp(path, "-") != 0) return true;
    return diag_error(c->diag, E0801, nowhere, "%s cannot go to the terminal", what);
}

bool link_program(Compilation *c, const Bytes *object, const char *path)
{
    const char *runner = find_runner(c->arena, c->target.triple);
    if (!can_link(c, "binaries", path)) return false;
    if (!runner) {
        diag_error(c->diag, E0903, nowhere, "no runner for %s beside lepc", c->target.triple);
        return diag_help(c->diag, "apt install %s and build lepc again; --emit=obj and --emit=lib need none",
                         c->target.arch->packages);
    }
    const char *const rest[] = {runner, "-lm", "-pthread", NULL};
    return externs_are_given(c) && link_object(c, object, rest, path);
}

/* Only what the header declares can be seen from outside, so steps call each other directly. */
bool link_shared(Compilation *c, const Bytes *object, const char *path)
{
    if (!can_link(c, "shared libraries", path) || !externs_are_given(c)) return false;
    const char *symbol = symbol_name(c->arena, c->graph->name), *slash = strrchr(path, '/');
    const char *script = arena_printf(c->arena, "{ global: %s_run*; %s_reset*; local: *; };\n", symbol, symbol);
    const char *script_path = write_input(c, path, script, strlen(script));
    if (!script_path) return false;
    const char *const rest[] = {"-shared", arena_printf(c->arena, "-Wl,--version-script=%s", script_path),
                                arena_printf(c->arena, "-Wl,-soname=%s", slash ? slash + 1 : path), "-Wl,-z,defs",
                                NULL};
    return link_object(c, object, rest, path);
}
