/* Diagnostics for programs: editors and build tools. */
#include "frontend/driver/command.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void add_text(cJSON *object, const char *key, const char *value)
{
    if (value) cJSON_AddStringToObject(object, key, value);
}

static void add_place(cJSON *object, const Span *at)
{
    if (at->source) add_text(object, "file", at->source->path);
    if (at->source && at->line > 0) {
        cJSON_AddNumberToObject(object, "line", at->line);
        cJSON_AddNumberToObject(object, "column", at->column);
        cJSON_AddNumberToObject(object, "length", at->length);
    }
    add_text(object, "name", at->name);
}

static void print_one(const Diagnostic *one, FILE *out)
{
    static const char *const words[] = {"note", "warning", "error"};
    cJSON *object = cJSON_CreateObject();
    add_text(object, "severity", words[one->severity]);
    if (one->code < DIAG_COUNT) {
        add_text(object, "code", diag_code_name(one->code));
        add_text(object, "title", diag_code_title(one->code));
    }
    add_text(object, "message", one->message);
    add_place(object, &one->at);
    add_text(object, "help", one->help);
    char *text = cJSON_PrintUnformatted(object);
    if (text) fprintf(out, "%s\n", text);
    free(text);
    cJSON_Delete(object);
}

void diagnostics_print_json(const Diag *diag, FILE *out)
{
    size_t count;
    const Diagnostic **list = diag_sorted(diag, &count);
    for (size_t i = 0; i < count; i++) print_one(list[i], out);
}
