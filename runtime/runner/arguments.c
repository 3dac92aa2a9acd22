#include "runtime/runner/arguments.h"

#include "runtime/runner/message.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionKind {
    OPTION_FLAG,   /* bool at offset */
    OPTION_TEXT,   /* const char * at offset */
    OPTION_NUMBER, /* long at offset */
    OPTION_INPUT,  /* NAME=FILE of an input */
    OPTION_OUTPUT, /* NAME=FILE of an output */
    OPTION_RUNS    /* bool at offset, and perhaps =N */
} OptionKind;

typedef struct Option {
    const char *name;
    OptionKind kind;
    size_t offset;
    const char *value, *help;
} Option;

#define FIELD(field) offsetof(Arguments, field)
static const Option options[] = {
    {"input", OPTION_INPUT, 0, " NAME=FILE", "data of an input; may be repeated"},
    {"output", OPTION_OUTPUT, 0, " NAME=FILE.npy", "writes all rows of an output; may be repeated"},
    {"labels", OPTION_TEXT, FIELD(labels), "=FILE", "right answers (IDX or one a line): prints the accuracy"},
    {"stream", OPTION_FLAG, FIELD(stream), "", "rows of one stream: what the model keeps lasts from each to the next"},
    {"top", OPTION_NUMBER, FIELD(top), "=N", "classes to print for each row (3)"},
    {"json", OPTION_FLAG, FIELD(json), "", "results as JSON, one line each"},
    {"weights", OPTION_TEXT, FIELD(weights), "=FILE", "where external weights are (beside the program)"},
    {"threads", OPTION_NUMBER, FIELD(threads), "=N", "threads that run the model (as it was compiled for)"},
    {"bench", OPTION_RUNS, FIELD(bench), "[=N]", "time of a run, over N runs"},
    {"profile", OPTION_RUNS, FIELD(profile), "[=N]", "time of each layer, least of N runs"},
    {"check", OPTION_TEXT, FIELD(check), "=finite", "names the first layer that makes a NaN or an infinity"},
    {"info", OPTION_FLAG, FIELD(info), "", "what the model takes, gives and needs"},
    {"help", OPTION_FLAG, FIELD(help), "", "this text"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

void arguments_help(const Arguments *arguments)
{
    printf("Usage: %s [OPTION]... [FILE]...\n%s%s%s\n\n"
           "FILE is data of the model's input: .npy, IDX, .raw or .bin (the exact bytes), a picture (PNG, JPEG, PGM,\n"
           "PPM), a sound (WAV), a folder of such, or - for standard input. More rows than the model takes at once\n"
           "are run batch by batch.\n\n",
           arguments->program, arguments->model->name, *arguments->model->doc ? ": " : "", arguments->model->doc);
    for (int i = 0; i < OPTIONS; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s", options[i].name, options[i].value);
        printf("  %-26s %s\n", left, options[i].help);
    }
}

static int find_port(const LepPort *ports, int64_t count, const char *name, size_t length)
{
    for (int64_t i = 0; i < count; i++)
        if (strlen(ports[i].name) == length && memcmp(ports[i].name, name, length) == 0) return (int)i;
    return -1;
}

static int unknown_port(const LepPort *ports, int64_t count, const char *text, const char *what)
{
    fprintf(stderr, "error: --%s %s: expected NAME=FILE with NAME one of:", what, text);
    for (int64_t i = 0; i < count; i++) fprintf(stderr, " %s", ports[i].name);
    fputc('\n', stderr);
    return RUNNER_USAGE;
}

static int add_file(PortFile *files, int *count, const LepPort *ports, int64_t nports, const char *text,
                    const char *what)
{
    const char *equals = strchr(text, '=');
    int port = equals ? find_port(ports, nports, text, (size_t)(equals - text)) : -1;
    const char *path = port >= 0 ? equals + 1 : text;
    if (port < 0 && !equals && nports == 1) port = 0;
    if (port < 0 || !*path) return unknown_port(ports, nports, text, what);
    for (int i = 0; i < *count; i++)
        if (files[i].port == port) return message(RUNNER_USAGE, "--%s %s is given twice", what, ports[port].name);
    if (*count == MAX_FILES) return message(RUNNER_USAGE, "more than %d times --%s", MAX_FILES, what);
    files[(*count)++] = (PortFile){port, path};
    return RUNNER_OK;
}

static int parse_number(const char *name, const char *text, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    if (end == text || *end || *out < 1 || *out > 1000000000)
        return message(RUNNER_USAGE, "--%s=%s: expected a number from 1 to 1000000000", name, text);
    return RUNNER_OK;
}

static int set_option(Arguments *out, const Option *option, const char *value)
{
    void *field = (char *)out + option->offset;
    const LepModel *model = out->model;
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)field = true; return RUNNER_OK;
    case OPTION_TEXT: *(const char **)field = value; return RUNNER_OK;
    case OPTION_NUMBER: return parse_number(option->name, value, field);
    case OPTION_INPUT: return add_file(out->inputs, &out->ninputs, model->inputs, model->ninputs, value, "input");
    case OPTION_OUTPUT: return add_file(out->outputs, &out->noutputs, model->outputs, model->noutputs, value, "output");
    case OPTION_RUNS: *(bool *)field = true; return value ? parse_number(option->name, value, &out->runs) : RUNNER_OK;
    }
    return RUNNER_USAGE;
}

static const Option *find_option(const char *text, size_t length)
{
    for (int i = 0; i < OPTIONS; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, text, length) == 0) return &options[i];
    return NULL;
}

/* Letters that must be added, dropped, changed or swapped to make one word of the other; room for short ones. */
static size_t word_distance(const char *a, size_t length, const char *b)
{
    enum { ROOM = 16 };
    size_t rows[3][ROOM], *before = rows[0], *last = rows[1], *row = rows[2], size = strlen(b);
    if (size >= ROOM) return ROOM;
    for (size_t k = 0; k <= size; k++) last[k] = before[k] = k;
    for (size_t i = 1; i <= length; i++) {
        row[0] = i;
        for (size_t k = 1; k <= size; k++) {
            size_t best = last[k - 1] + (a[i - 1] != b[k - 1]);
            if (last[k] + 1 < best) best = last[k] + 1;
            if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
            bool swapped = i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
            if (swapped && before[k - 2] + 1 < best) best = before[k - 2] + 1;
            row[k] = best;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[size];
}

static int unknown_option(const char *text, size_t length)
{
    const char *nearest = NULL;
    size_t least = 3;
    for (int i = 0; i < OPTIONS; i++) {
        size_t distance = word_distance(text, length, options[i].name);
        if (distance >= least) continue;
        least = distance;
        nearest = options[i].name;
    }
    message(RUNNER_USAGE, "unknown option --%.*s", (int)length, text);
    if (nearest)
        message_help("did you mean --%s?", nearest);
    else
        message_help("--help lists what there is");
    return RUNNER_USAGE;
}

/* One option at argv[*i], which moves on when its value is the next argument. */
static int parse_option(Arguments *out, int argc, char **argv, int *i)
{
    const char *text = argv[*i] + 2, *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const Option *option = find_option(text, length);
    if (!option) return unknown_option(text, length);
    bool none = option->kind == OPTION_FLAG, optional = option->kind == OPTION_RUNS;
    if (equals && none) return message(RUNNER_USAGE, "--%s takes no value", option->name);
    if (equals || none || optional) return set_option(out, option, equals ? equals + 1 : NULL);
    if (*i + 1 >= argc) return message(RUNNER_USAGE, "--%s: expected %s", option->name, option->value + 1);
    return set_option(out, option, argv[++*i]);
}

int arguments_parse(Arguments *out, const LepModel *model, int argc, char **argv)
{
    *out = (Arguments){.model = model, .program = argc > 0 ? argv[0] : model->name, .top = 3};
    out->files = argv;
    bool rest = false;
    for (int i = 1; i < argc; i++) {
        if (!rest && strcmp(argv[i], "--") == 0)
            rest = true;
        else if (!rest && strcmp(argv[i], "-h") == 0)
            out->help = true;
        else if (!rest && argv[i][0] == '-' && argv[i][1] == '-') {
            int status = parse_option(out, argc, argv, &i);
            if (status) return status;
        } else if (!rest && argv[i][0] == '-' && argv[i][1])
            return message(RUNNER_USAGE, "unknown option %s; --help lists what there is", argv[i]);
        else
            out->files[out->nfiles++] = argv[i];
    }
    return RUNNER_OK;
}
