/* lepc dump: the graph after a pass, all of it, of one layer, or what the pass changed. */
#include "frontend/driver/emit_kind.h"
#include "frontend/driver/tool.h"

#include <stdlib.h>

static const Span nowhere = {.name = "lepc"};

typedef struct Texts {
    Compilation *c;
    const char *before, *after; /* of the last pass that ran */
    const Pass *last;
} Texts;

static const char *text_of(const Compilation *c, const Graph *graph)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) return "";
    graph_print(graph, memory, (PrintOptions){.origins = c->options->origins, .layer = c->options->layer});
    fclose(memory);
    const char *kept = arena_copy_chars(c->arena, text, size);
    free(text);
    return kept;
}

static void visit(void *context, const Pass *pass, const Graph *graph, double seconds)
{
    Texts *texts = context;
    (void)seconds;
    texts->before = texts->after;
    texts->after = text_of(texts->c, graph);
    texts->last = pass;
}

/* A file of the text that is gone at the end. */
static const char *write_text(Compilation *c, const char *text)
{
    const char *folder = getenv("TMPDIR");
    const char *beside = arena_printf(c->arena, "%s/lepc", folder && *folder ? folder : "/tmp");
    const char *path = output_temporary(&c->driver->outputs, c->arena, NULL, beside, c->diag);
    FILE *file = path ? fopen(path, "w") : NULL;
    bool failed = !file || fputs(text, file) < 0;
    if (file && fclose(file)) failed = true;
    if (failed && path) diag_error(c->diag, E0901, (Span){.name = path}, "cannot be written");
    return failed ? NULL : path;
}

static int print_difference(Compilation *c, const Texts *texts)
{
    const char *before = write_text(c, texts->before), *after = before ? write_text(c, texts->after) : NULL;
    if (!after) return STATUS_SYSTEM;
    const char *words[] = {"diff",    "-u",
                           "--label", arena_printf(c->arena, "before %s", texts->last->name),
                           "--label", arena_printf(c->arena, "after %s", texts->last->name),
                           before,    after};
    enum { WORDS = sizeof words / sizeof words[0] };
    char *argv[WORDS + 1] = {NULL};
    for (int i = 0; i < WORDS; i++) argv[i] = arena_copy_string(c->arena, words[i]);
    fflush(stdout);
    int status = tool_run(c, argv);
    if (status == 0 || status == 1) return STATUS_FINE;
    diag_error(c->diag, E0903, nowhere, "'diff' %s", status == TOOL_MISSING ? "is not there" : "failed");
    diag_help(c->diag, "apt install diffutils");
    return STATUS_SYSTEM;
}

static int dump_difference(Compilation *c)
{
    const char *last = c->options->stop_after;
    if (!last || c->options->output) {
        diag_error(c->diag, E0801, nowhere, "--diff shows on the terminal what --after=PASS changed");
        return STATUS_USAGE;
    }
    if (!compile_load(c, c->options->model)) return STATUS_INPUT;
    Texts texts = {.c = c, .after = text_of(c, c->graph)};
    PassContext context = compile_context(c);
    if (!pass_pipeline(c->graph, &context, last, visit, &texts, c->diag)) return STATUS_INPUT;
    if (texts.last == pass_find(last)) return print_difference(c, &texts);
    diag_note(c->diag, nowhere, "pass '%s' did not run: it is left out at this level, or the graph is past it", last);
    return STATUS_FINE;
}

/* The layer's lines, on the terminal: no whole program, so nothing that can be read back. */
static int dump_layer(Compilation *c)
{
    const char *text = text_of(c, c->graph);
    if (*text) {
        fputs(text, stdout);
        return STATUS_FINE;
    }
    diag_error(c->diag, E0801, nowhere, "there is no layer '%s' at this stage", c->options->layer);
    diag_help(c->diag, "`lepc dump %s` shows all of it", c->options->model);
    return STATUS_USAGE;
}

int command_dump(Driver *driver)
{
    Compilation c = compilation_new(driver);
    const char *path = driver->options.output ? driver->options.output : "-";
    if (driver->options.diff) return dump_difference(&c);
    if (would_replace_model(&c, path)) return STATUS_USAGE;
    if (!compile_load(&c, driver->options.model) || !compile_passes(&c, driver->options.stop_after))
        return STATUS_INPUT;
    if (driver->options.layer) return dump_layer(&c);
    return write_lep(&c, path) ? STATUS_FINE : STATUS_SYSTEM;
}
