#include "frontend/driver/options.h"

#include "frontend/driver/command.h"

#include <stdlib.h>
#include <string.h>

typedef enum OptionKind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_WORD,   /* int: an index into words */
    OPTION_LIST,   /* TextList, comma-separated */
    OPTION_DIM,    /* DimList: NAME=SIZE */
    OPTION_LEVEL,  /* -O: level and small */
    OPTION_PASS_ON /* for the runner: with its value */
} OptionKind;

typedef struct Option {
    const char *name;
    char letter;
    OptionKind kind;
    size_t offset;
    unsigned commands;
    const char *const *words;
    const char *value, *help;
} Option;

static const char *const fp_words[] = {"fast", "strict", NULL};
static const char *const weights_words[] = {"embedded", "external", "appended", NULL};
static const char *const diagnostics_words[] = {"text", "json", NULL};
static const char *const warning_words[] = {"", "error", NULL};

#define AT(field) offsetof(Options, field)
#define PASS_ON(name, value, commands, help)                                                                           \
    {                                                                                                                  \
        name, 0, OPTION_PASS_ON, 0, commands, NULL, value, help                                                        \
    }
static const Option options[] = {
    {"output", 'o', OPTION_TEXT, AT(output), FOR_BUILD | FOR_FMT | FOR_DUMP | FOR_IMPORT, NULL, "OUT",
     "where it goes; a folder (OUT/) for several kinds; - is the terminal"},
    {"emit", 0, OPTION_LIST, AT(emit), FOR_BUILD, NULL, "KIND[=PATH]",
     "exe, obj, lib, shared, header, main, asm, llvm, loops, lep, dot, json or html; may be several"},
    {"target", 0, OPTION_TEXT, AT(target), FOR_COMPILERS, NULL, "TRIPLE", "or a row of `lepc targets`"},
    {"cpu", 0, OPTION_TEXT, AT(cpu), FOR_COMPILERS, NULL, "NAME", "processor to compile for; native is this one"},
    {"features", 0, OPTION_TEXT, AT(features), FOR_COMPILERS, NULL, "LIST",
     "such as +avx2,-avx512f, laid over the cpu's"},
    {NULL, 'O', OPTION_LEVEL, 0, FOR_COMPILERS, NULL, "LEVEL", "0 to 3, or s: small code (-O3)"},
    {"debug", 'g', OPTION_FLAG, AT(debug), FOR_BUILD | FOR_RUN, NULL, NULL, "debug lines of the model's text"},
    {"fp", 0, OPTION_WORD, AT(fp), FOR_COMPILERS, fp_words, "MODE",
     "strict: the bits of the reference; fast: within its bound (fast)"},
    {"dim", 0, OPTION_DIM, AT(dims), FOR_COMPILERS | FOR_IMPORT, NULL, "NAME=SIZE",
     "size of a declared dim, or bounds of it: N=1..8"},
    {"expect", 0, OPTION_LIST, AT(expect), FOR_COMPARE, NULL, "NAME=FILE.npy", "what a layer or an output should be"},
    {"fix", 0, OPTION_LIST, AT(fix), FOR_COMPILERS | FOR_IMPORT, NULL, "NAME=FILE",
     "make an input of an ONNX file a constant: .npy, or .pb as ONNX writes tensors"},
    {"weights", 0, OPTION_WORD, AT(weights), FOR_BUILD, weights_words, "WHERE",
     "embedded, external (NAME.weights beside it) or appended to the binary"},
    {"passes", 0, OPTION_TEXT, AT(passes), FOR_COMPILERS, NULL, "LIST", "exactly these passes, in this order, or none"},
    {"disable-pass", 0, OPTION_LIST, AT(disabled), FOR_COMPILERS, NULL, "NAME", "leave out an optional pass"},
    {"schedule", 0, OPTION_TEXT, AT(schedule), FOR_COMPILERS, NULL, "FILE.lep",
     "how its groups become code, as `lepc dump` writes it"},
    {"stop-after", 0, OPTION_TEXT, AT(stop_after), FOR_BUILD, NULL, "PASS", "for --emit=lep and dot"},
    {"after", 0, OPTION_TEXT, AT(stop_after), FOR_DUMP, NULL, "PASS", "the last pass to run (all)"},
    {"diff", 0, OPTION_FLAG, AT(diff), FOR_DUMP, NULL, NULL, "what the pass of --after changed"},
    {"layer", 0, OPTION_TEXT, AT(layer), FOR_DUMP, NULL, "PATH", "only the lines of this layer"},
    {"origins", 0, OPTION_FLAG, AT(origins), FOR_BUILD | FOR_DUMP, NULL, NULL, "print where each node came from"},
    {"time-passes", 0, OPTION_FLAG, AT(time_passes), FOR_COMPILERS, NULL, NULL, "time of each step, on stderr"},
    {"report", 0, OPTION_LIST, AT(reports), FOR_BUILD, NULL, "KIND",
     "print what `lepc report KIND` does as well; may be several"},
    {"deploy", 0, OPTION_TEXT, AT(deploy), FOR_COMPILERS, NULL, "NAME|all",
     "build as that deploy block says; FILE.lep:NAME for one of another file"},
    {"quantize", 0, OPTION_LIST, AT(quantize), FOR_COMPILERS, NULL, "LAYER:int8",
     "and :tensor for one scale a tensor; all is every layer; :f32 leaves one as it is"},
    {"calibrate", 0, OPTION_LIST, AT(calibrate), FOR_COMPILERS, NULL, "[INPUT=]PATH",
     "data that shows the ranges: a file, a folder or a pattern"},
    {"calibrate-method", 0, OPTION_TEXT, AT(calibrate_method), FOR_COMPILERS, NULL, "METHOD",
     "min-max, or percentile:99.99 (min-max)"},
    {"calibrate-samples", 0, OPTION_TEXT, AT(calibrate_samples), FOR_COMPILERS, NULL, "N", "rows of the data (500)"},
    {"prune", 0, OPTION_LIST, AT(prune), FOR_COMPILERS, NULL, "LAYER:75%:1x16", "or LAYER:2:4, or LAYER:75%"},
    {"limit-ram", 0, OPTION_TEXT, AT(limit_ram), FOR_BUILD | FOR_CHECK | FOR_REPORT, NULL, "64KiB",
     "more is an error: arena, stack and state"},
    {"limit-flash", 0, OPTION_TEXT, AT(limit_flash), FOR_BUILD | FOR_CHECK | FOR_REPORT, NULL, "256KiB",
     "more is an error: code, tables and constants"},
    {"run-threads", 0, OPTION_TEXT, AT(run_threads), FOR_COMPILERS, NULL, "N", "threads that a run may use (1)"},
    {"extern", 0, OPTION_LIST, AT(externs), FOR_BUILD | FOR_RUN | FOR_EVAL, NULL, "FILE",
     "object, archive or shared library with what `extern op` declares"},
    {"linker", 0, OPTION_TEXT, AT(linker), FOR_BUILD, NULL, "PROGRAM", "links binaries ($CC, or cc)"},
    {"reference", 0, OPTION_FLAG, AT(reference), FOR_RUN, NULL, NULL,
     "run the reference interpreter in place of machine code"},
    {"data", 0, OPTION_TEXT, AT(data), FOR_EVAL, NULL, "FOLDER", "with a folder a class; or a file of rows"},
    {"labels", 0, OPTION_TEXT, AT(labels), FOR_EVAL, NULL, "FILE", "the right answer of each row of a file"},
    {"metric", 0, OPTION_LIST, AT(metrics), FOR_EVAL, NULL, "LIST",
     "of accuracy, top5, precision, recall, f1 (accuracy)"},
    {"per-class", 0, OPTION_FLAG, AT(per_class), FOR_EVAL, NULL, NULL, "each class by itself, too"},
    {"markdown", 0, OPTION_FLAG, AT(markdown), FOR_LIST, NULL, NULL, "as Markdown"},
    PASS_ON("input", "NAME=FILE", FOR_RUN | FOR_COMPARE, "data of an input: npy, IDX, raw or a picture"),
    PASS_ON("output", "NAME=FILE.npy", FOR_RUN, "write an output"),
    PASS_ON("labels", "FILE", FOR_RUN, "right answers: prints the accuracy"),
    PASS_ON("stream", NULL, FOR_RUN, "rows of one stream: what the model keeps lasts from each to the next"),
    PASS_ON("top", "N", FOR_RUN, "classes to print (3)"),
    PASS_ON("threads", "N", FOR_RUN, "threads that run it (those of --run-threads)"),
    PASS_ON("json", NULL, FOR_RUN, "results as JSON"),
    PASS_ON("bench", NULL, FOR_RUN, "time of a run"),
    PASS_ON("profile", NULL, FOR_RUN, "time of each layer"),
    PASS_ON("check", "finite", FOR_RUN, "names the first layer that makes a NaN or an infinity"),
    PASS_ON("info", NULL, FOR_RUN, "what the model takes, gives and needs"),
    {"diagnostics", 0, OPTION_WORD, AT(diagnostics), FOR_ALL, diagnostics_words, "FORMAT",
     "text, or json: an object a line (text)"},
    {"verbose", 'v', OPTION_FLAG, AT(verbose), FOR_ALL, NULL, NULL, "say what is done"},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), FOR_ALL, NULL, NULL, "no notes"},
    {NULL, 'W', OPTION_WORD, AT(warnings_are_errors), FOR_ALL, warning_words, "error", "warnings are errors"},
    {"version", 0, OPTION_FLAG, AT(version), FOR_ALL, NULL, NULL, "of lepc and LLVM"},
    {"help", 'h', OPTION_FLAG, AT(help), FOR_ALL, NULL, NULL, "this text; of a command: lepc COMMAND --help"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

typedef struct Parser {
    Options *out;
    Arena *arena;
    Diag *diag;
    int argc, at;
    char **argv;
} Parser;

static const Span nowhere = {.name = "lepc"};

static bool add_text(const Parser *p, TextList *list, const char *text)
{
    if (list->count == MAX_OPTION_LIST)
        return diag_error(p->diag, E0801, nowhere, "more than %d of a kind", MAX_OPTION_LIST);
    list->at[list->count++] = text;
    return true;
}

static bool set_list(const Parser *p, const Option *option, TextList *list, const char *text)
{
    if (!text[strspn(text, ",")])
        return diag_error(p->diag, E0801, nowhere, "--%s: expected %s, found nothing", option->name, option->value);
    while (*text) {
        size_t length = strcspn(text, ",");
        if (length && !add_text(p, list, arena_copy_chars(p->arena, text, length))) return false;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool set_word(const Parser *p, const Option *option, int *out, const char *text)
{
    size_t count = 0;
    for (; option->words[count]; count++)
        if (strcmp(option->words[count], text) == 0) {
            *out = (int)count;
            return true;
        }
    const char *nearest = diag_nearest(text, option->words, count), *words = option->words[0];
    for (size_t i = 1; i < count; i++)
        words = arena_printf(p->arena, "%s%s%s", words, *words ? " or " : "", option->words[i]);
    diag_error(p->diag, E0801, nowhere, "%s%s: expected %s, found '%s'", option->name ? "--" : "-",
               option->name ? option->name : (char[]){option->letter, 0}, words, text);
    return nearest && *nearest ? diag_help(p->diag, "did you mean '%s'?", nearest) : false;
}

static bool set_dim(const Parser *p, DimList *list, const char *text)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    long long low = equals ? strtoll(equals + 1, &end, 10) : 0, high = low;
    if (end && !strncmp(end, "..", 2)) high = strtoll(end + 2, &end, 10);
    if (!equals || equals == text || low < 0 || end == equals + 1 || high < low || *end ||
        list->count == MAX_OPTION_LIST) {
        diag_error(p->diag, E0801, nowhere, "--dim: expected NAME=SIZE with a size from 0 on, found '%s'", text);
        return diag_help(p->diag, "as in --dim N=4, or --dim N=1..8 for what is known when the code runs");
    }
    const char *name = arena_copy_chars(p->arena, text, (size_t)(equals - text));
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->at[i].name, name) == 0)
            return diag_error(p->diag, E0801, nowhere, "--dim %s is given twice", name);
    list->at[list->count++] = (DimBinding){name, low, high};
    return true;
}

static bool set_level(const Parser *p, const char *text)
{
    bool digit = text[0] >= '0' && text[0] <= '3';
    if ((!digit && text[0] != 's') || text[1])
        return diag_error(p->diag, E0801, nowhere, "-O%s: expected -O0, -O1, -O2, -O3 or -Os", text);
    p->out->small = !digit;
    p->out->level = digit ? text[0] - '0' : 2;
    return true;
}

static bool pass_on(const Parser *p, const Option *option, const char *value)
{
    const char *text =
        value ? arena_printf(p->arena, "--%s=%s", option->name, value) : arena_printf(p->arena, "--%s", option->name);
    return add_text(p, &p->out->pass_on, text);
}

static bool set(const Parser *p, const Option *option, const char *value)
{
    void *field = (char *)p->out + option->offset;
    if (value && !*value && option->name)
        return diag_error(p->diag, E0801, nowhere, "--%s: expected %s, found nothing", option->name, option->value);
    switch (option->kind) {
    case OPTION_FLAG: return *(bool *)field = true;
    case OPTION_TEXT: *(const char **)field = value; return true;
    case OPTION_WORD: return set_word(p, option, field, value);
    case OPTION_LIST: return set_list(p, option, field, value);
    case OPTION_DIM: return set_dim(p, field, value);
    case OPTION_LEVEL: return set_level(p, value);
    case OPTION_PASS_ON: return pass_on(p, option, value);
    }
    return false;
}

static unsigned command_bit(const Parser *p) { return p->out->command ? p->out->command->bit : (unsigned)FOR_BUILD; }

static bool unknown_option(const Parser *p, const char *text)
{
    const char *names[OPTIONS];
    size_t count = 0;
    for (int i = 0; i < OPTIONS; i++)
        if (options[i].name && (options[i].commands & command_bit(p))) names[count++] = options[i].name;
    char *word = arena_copy_chars(p->arena, text, strcspn(text, "="));
    const char *nearest = strncmp(text, "--", 2) == 0 ? diag_nearest(word + 2, names, count) : NULL;
    const char *command = p->out->command ? p->out->command->name : "build";
    diag_error(p->diag, E0801, nowhere, "unknown option %s of `lepc %s`", word, command);
    return nearest ? diag_help(p->diag, "did you mean --%s?", nearest)
                   : diag_help(p->diag, "`lepc %s --help` lists what there is", command);
}

static const Option *find_option(const Parser *p, const char *name, size_t length, char letter)
{
    for (int i = 0; i < OPTIONS; i++) {
        const Option *o = &options[i];
        bool same =
            letter ? o->letter == letter : o->name && strlen(o->name) == length && !memcmp(o->name, name, length);
        if (same && (o->commands & command_bit(p))) return o;
    }
    return NULL;
}

static bool takes_value(const Option *option) { return option->value != NULL; }

static bool parse_long(Parser *p, const char *text)
{
    const char *equals = strchr(text, '=');
    const Option *option = find_option(p, text + 2, equals ? (size_t)(equals - text) - 2 : strlen(text + 2), 0);
    if (!option) return unknown_option(p, text);
    bool optional = option->kind == OPTION_PASS_ON && !takes_value(option);
    if (equals && !takes_value(option) && !optional)
        return diag_error(p->diag, E0801, nowhere, "--%s takes no value", option->name);
    if (equals) return set(p, option, equals + 1);
    if (!takes_value(option)) return set(p, option, NULL);
    if (p->at + 1 >= p->argc)
        return diag_error(p->diag, E0801, nowhere, "--%s: expected %s", option->name, option->value);
    return set(p, option, p->argv[++p->at]);
}

static bool parse_short(Parser *p, const char *text)
{
    const Option *option = find_option(p, NULL, 0, text[1]);
    if (!option) return unknown_option(p, text);
    if (!takes_value(option)) return text[2] ? unknown_option(p, text) : set(p, option, NULL);
    if (text[2]) return set(p, option, text + 2);
    if (p->at + 1 >= p->argc) return diag_error(p->diag, E0801, nowhere, "%s: expected %s", text, option->value);
    return set(p, option, p->argv[++p->at]);
}

/* The first word is a command, or the model of a build. */
static bool parse_word(Parser *p, const char *text)
{
    Options *out = p->out;
    if (!out->command && !out->model) {
        out->command = command_find(text);
        if (out->command) return true;
        out->command = command_find("build");
        if (!strpbrk(text, "./")) {
            const char *names[16];
            for (int i = 0; i < command_count; i++) names[i] = command_table[i].name;
            const char *nearest = diag_nearest(text, names, (size_t)command_count);
            diag_error(p->diag, E0801, nowhere, "unknown command '%s'", text);
            return nearest ? diag_help(p->diag, "did you mean `lepc %s`?", nearest)
                           : diag_help(p->diag, "`lepc --help` lists what there is");
        }
    }
    if (out->command->takes_model && !out->model) {
        out->model = text;
        return true;
    }
    if (out->command->takes_arguments) return add_text(p, &out->arguments, text);
    return diag_error(p->diag, E0801, nowhere, "`lepc %s` takes no '%s'", out->command->name, text);
}

/* The command decides which options there are, so it is looked for first. */
static void find_command(Parser *p)
{
    if (p->argc > 1 && strcmp(p->argv[1], "help") == 0) { /* lepc help build */
        p->out->help = true;
        p->at++;
    }
    if (p->argc > p->at) p->out->command = command_find(p->argv[p->at]);
    if (p->out->command) p->at++;
}

bool options_parse(Options *out, int argc, char **argv, Arena *arena, Diag *diag)
{
    *out = (Options){.level = 3};
    Parser p = {.out = out, .arena = arena, .diag = diag, .argc = argc, .argv = argv, .at = 1};
    find_command(&p);
    for (; p.at < argc; p.at++) {
        const char *text = p.argv[p.at];
        if (text[0] == '-' && text[1] == '-')
            parse_long(&p, text);
        else if (text[0] == '-' && text[1])
            parse_short(&p, text);
        else
            parse_word(&p, text);
    }
    bool needs = !out->help && !out->version && (!out->command || out->command->takes_model);
    if (needs && !out->model && !diag->errors) {
        const char *command = out->command ? out->command->name : NULL;
        diag_error(diag, E0801, nowhere, "expected a model");
        if (command)
            diag_help(diag, "as in: lepc %s; `lepc %s --help` tells more", out->command->usage, command);
        else
            diag_help(diag, "as in: lepc mnist.lep -o mnist; `lepc --help` tells more");
    }
    return diag->errors == 0;
}

static void print_option(const Option *option, FILE *out)
{
    char left[64];
    const char *value = option->value ? option->value : "";
    if (!option->name)
        snprintf(left, sizeof left, "-%c%s", option->letter, value);
    else if (option->letter)
        snprintf(left, sizeof left, "-%c, --%s%s%s", option->letter, option->name, *value ? "=" : "", value);
    else
        snprintf(left, sizeof left, "--%s%s%s", option->name, *value ? "=" : "", value);
    fprintf(out, "  %-26s %s\n", left, option->help);
}

void options_help(const Command *command, FILE *out)
{
    if (command)
        fprintf(out, "Usage: lepc %s [OPTION]...\n%s\n\n", command->usage, command->doc);
    else {
        fprintf(out, "Usage: lepc [COMMAND] MODEL [OPTION]...\nCompiles neural networks to machine code.\n\n");
        for (int i = 0; i < command_count; i++)
            fprintf(out, "  lepc %-42s %s\n", command_table[i].usage, command_table[i].doc);
        fprintf(out, "\nOptions of build:\n");
    }
    if (command && command->more) {
        command->more(out);
        fputc('\n', out);
    }
    for (int i = 0; i < OPTIONS; i++)
        if (options[i].commands & (command ? command->bit : (unsigned)FOR_BUILD)) print_option(&options[i], out);
    fprintf(out, "\nExit status: 0; 1 the input is wrong; 2 usage; 3 a comparison failed; 4 over a\n"
                 "limit; 70 a fault of lepc; 74 disk, memory or a missing tool; 130 interrupted.\n");
}
