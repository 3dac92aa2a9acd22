#include "frontend/deploy_value.h"

#include "frontend/deploy.h"
#include "frontend/weights.h"

#include <string.h>

static const char *kind_text(const AstExpr *value)
{
    static const char *const texts[] = {
        [AST_NAME] = "a name",        [AST_STRING] = "a text",  [AST_INTEGER] = "a bare number",
        [AST_REAL] = "a bare number", [AST_BOOL] = "yes or no", [AST_MEASURE] = "a measure",
        [AST_EXTENT] = "an extent",   [AST_CALL] = "a call",    [AST_SPAN] = NULL};
    const char *text = (size_t)value->kind < sizeof texts / sizeof *texts ? texts[value->kind] : NULL;
    return text ? text : "an expression";
}

static bool wrong_kind(const DeployReader *r, const AstArg *arg, const char *expected, const char *example)
{
    const AstExpr *value = arg->value;
    const char *found = value->written ? value->written : value->kind == AST_NAME ? value->text : NULL;
    diag_error(r->diag, E0402, value->at, "%s%sexpected %s, found %s%s%s", arg->key ? arg->key : "",
               arg->key ? ": " : "", expected, kind_text(value), found ? " " : "", found ? found : "");
    return diag_help(r->diag, "as in %s", example);
}

static bool wrong_unit(const DeployReader *r, const AstArg *arg, const char *expected, const char *example)
{
    diag_error(r->diag, E0204, arg->value->at, "%s: expected %s, found the unit '%s'", arg->key, expected,
               arg->value->text);
    return diag_help(r->diag, "as in %s", example);
}

bool deploy_read_text(const DeployReader *r, const AstArg *arg, void *field)
{
    if (arg->value->kind != AST_STRING) return wrong_kind(r, arg, "a quoted text", "target: \"cortex-m4\"");
    *(const char **)field = arg->value->text;
    return true;
}

/* Of a file, folder or pattern in the folder of the text. */
bool deploy_read_path(const DeployReader *r, const AstArg *arg, void *field)
{
    if (arg->value->kind != AST_STRING) return wrong_kind(r, arg, "a quoted path", "\"calib/*.png\"");
    const char *path = weights_path(r->arena, r->ast->source->path, arg->value->text, arg->value->at, r->diag);
    *(const char **)field = path;
    return path != NULL;
}

bool deploy_read_name(const DeployReader *r, const AstArg *arg, void *field)
{
    if (arg->value->kind != AST_NAME && arg->value->kind != AST_STRING)
        return wrong_kind(r, arg, "a name", "quantize: c1 to: int8");
    *(const char **)field = arg->value->text;
    return true;
}

bool deploy_read_count(const DeployReader *r, const AstArg *arg, void *field)
{
    if (arg->value->kind != AST_INTEGER) return wrong_kind(r, arg, "a whole number", "samples: 200");
    if (arg->value->integer < 1 || arg->value->integer > 1000000) {
        diag_error(r->diag, E0404, arg->value->at, "%s: expected 1 to 1000000, found %s", arg->key,
                   arg->value->written);
        return diag_help(r->diag, "as in samples: 200");
    }
    *(int64_t *)field = (int64_t)arg->value->integer;
    return true;
}

bool deploy_read_share(const DeployReader *r, const AstArg *arg, void *field)
{
    static const char expected[] = "a share in %", example[] = "sparsity: 75%";
    if (arg->value->kind != AST_MEASURE) return wrong_kind(r, arg, expected, example);
    if (strcmp(arg->value->text, "%") != 0) return wrong_unit(r, arg, expected, example);
    *(double *)field = arg->value->real / 100;
    return true;
}

bool deploy_read_points(const DeployReader *r, const AstArg *arg, void *field)
{
    static const char expected[] = "percentage points", example[] = "accuracy_drop: 0.5pt";
    if (arg->value->kind != AST_MEASURE) return wrong_kind(r, arg, expected, example);
    if (strcmp(arg->value->text, "pt") != 0) return wrong_unit(r, arg, expected, example);
    if (!(arg->value->real > 0 && arg->value->real < 100)) {
        diag_error(r->diag, E0404, arg->value->at, "%s: expected more than 0 and less than 100 points, found %s",
                   arg->key, arg->value->written);
        return diag_help(r->diag, "as in %s", example);
    }
    *(double *)field = arg->value->real / 100;
    return true;
}

bool deploy_read_bytes(const DeployReader *r, const AstArg *arg, void *field)
{
    static const char expected[] = "a size", example[] = "ram: 64KiB";
    if (arg->value->kind != AST_MEASURE) return wrong_kind(r, arg, "a size with its unit", example);
    int64_t bytes = deploy_unit_bytes(arg->value->real, arg->value->text);
    if (bytes < 0) return wrong_unit(r, arg, expected, example);
    if (bytes == 0) {
        diag_error(r->diag, E0404, arg->value->at, "%s: expected at least one byte, found %s", arg->key,
                   arg->value->written);
        return diag_help(r->diag, "leave it out for no limit");
    }
    *(int64_t *)field = bytes;
    return true;
}

bool deploy_read_limit(const DeployReader *r, const AstArg *arg, void *field)
{
    LimitRow *row = field;
    if (arg->on) row->region = arena_copy_chars(r->arena, arg->on + 1, strlen(arg->on) - 2); /* without its quotes */
    row->at = arg->at;
    return deploy_read_bytes(r, arg, &row->bytes);
}

bool deploy_read_block(const DeployReader *r, const AstArg *arg, void *field)
{
    if (arg->value->kind != AST_EXTENT || arg->value->args.count != 2)
        return wrong_kind(r, arg, "inputs x outputs", "block: 1x4");
    int64_t *sizes = field;
    const AstArg *part = arg->value->args.first;
    for (int i = 0; i < 2; i++, part = part->next)
        sizes[i] = part->value->integer < INT32_MAX ? (int64_t)part->value->integer : INT32_MAX;
    return true;
}

static bool unknown_word(const DeployReader *r, const AstExpr *value, const char *what, const char *const *words,
                         size_t count)
{
    const char *near = diag_nearest(value->text, words, count), *all = words[0];
    for (size_t i = 1; i < count; i++)
        all = arena_printf(r->arena, "%s%s%s", all, i + 1 < count ? ", " : " or ", words[i]);
    diag_error(r->diag, E0404, value->at, "%s: expected %s, found '%s'", what, all, value->text);
    return near ? diag_help(r->diag, "did you mean %s?", near) : diag_help(r->diag, "write one of these words");
}

static int word_index(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(words[i], text)) return (int)i;
    return -1;
}

/* The only argument of a call such as int8(per: channel), or NULL; false when there is another. */
static bool only_argument(const DeployReader *r, const AstExpr *call, const char *key, const AstArg **out)
{
    *out = call->kind == AST_CALL ? call->args.first : NULL;
    if (!*out) return true;
    if (call->args.count == 1 && (*out)->key && !strcmp((*out)->key, key)) return true;
    const AstArg *bad = (*out)->key && !strcmp((*out)->key, key) ? (*out)->next : *out;
    diag_error(r->diag, E0401, bad->at, "%s: expected nothing but %s:", call->text, key);
    return diag_help(r->diag, key[1] ? "as in int8(per: channel)" : "as in percentile(p: 99.99)");
}

bool deploy_read_dtype(const DeployReader *r, const AstArg *arg, void *field)
{
    static const char *const dtypes[] = {"int8", "f32"}, *const pers[] = {"channel", "tensor"};
    const AstExpr *value = arg->value;
    if (value->kind != AST_NAME && value->kind != AST_CALL)
        return wrong_kind(r, arg, "int8 or f32", "to: int8(per: channel)");
    QuantRow *row = field;
    int which = word_index(value->text, dtypes, 2);
    if (which < 0) return unknown_word(r, value, "to", dtypes, 2);
    row->to = which == 0 ? I8 : F32;
    row->per_channel = true;
    const AstArg *per;
    if (!only_argument(r, value, "per", &per)) return false;
    if (!per) return true;
    if (row->to == F32 || per->value->kind != AST_NAME) {
        diag_error(r->diag, E0402, per->at, "to: f32 takes no per:, and int8 takes a word");
        return diag_help(r->diag, "as in to: int8(per: channel)");
    }
    int unit = word_index(per->value->text, pers, 2);
    if (unit < 0) return unknown_word(r, per->value, "per", pers, 2);
    row->per_channel = unit == 0;
    return true;
}

static bool read_percentile(const DeployReader *r, const AstArg *p, Policy *policy)
{
    if (p->value->kind != AST_REAL && p->value->kind != AST_INTEGER)
        return wrong_kind(r, p, "a number", "percentile(p: 99.99)");
    double value = p->value->kind == AST_INTEGER ? (double)p->value->integer : p->value->real;
    if (!(value > 50 && value <= 100)) {
        diag_error(r->diag, E0404, p->value->at, "p: expected more than 50 and at most 100, found %s",
                   p->value->written);
        return diag_help(r->diag, "as in percentile(p: 99.99)");
    }
    policy->percentile = value;
    return true;
}

bool deploy_read_method(const DeployReader *r, const AstArg *arg, void *field)
{
    static const char *const methods[] = {"min_max", "percentile"};
    const AstExpr *value = arg->value;
    if (value->kind != AST_NAME && value->kind != AST_CALL)
        return wrong_kind(r, arg, "min_max or percentile", "method: percentile(p: 99.99)");
    Policy *policy = field;
    int which = word_index(value->text, methods, 2);
    if (which < 0) return unknown_word(r, value, "method", methods, 2);
    policy->method = which == 0 ? CALIBRATE_MIN_MAX : CALIBRATE_PERCENTILE;
    const AstArg *p;
    if (!only_argument(r, value, "p", &p)) return false;
    if (p && which == 0) {
        diag_error(r->diag, E0401, p->at, "min_max takes no p:");
        return diag_help(r->diag, "as in method: percentile(p: 99.99)");
    }
    return !p || read_percentile(r, p, policy);
}

/* ---- words ---- */

static const DeployWord *find_word(const DeployReader *r, const char *key, const AstArg *arg, const DeployWord *words,
                                   size_t count)
{
    const char *names[16];
    for (size_t i = 0; i < count; i++) {
        names[i] = words[i].name;
        if (!strcmp(words[i].name, arg->key)) return &words[i];
    }
    const char *near = diag_nearest(arg->key, names, count), *all = count ? names[0] : "";
    for (size_t i = 1; i < count; i++) all = arena_printf(r->arena, "%s, %s", all, names[i]);
    diag_error(r->diag, E0401, arg->at, "%s knows no '%s'", key, arg->key);
    if (near)
        diag_help(r->diag, "did you mean %s?", near);
    else
        diag_help(r->diag, "it knows %s", all);
    return NULL;
}

bool deploy_words(const DeployReader *r, const char *key, const DeployItem *item, const DeployWord *words, size_t count,
                  void *base, bool *given)
{
    bool good = true;
    memset(given, 0, count * sizeof *given);
    for (const AstArg *arg = item->first; arg != item->end; arg = arg->next) {
        if (arg == item->subject) continue;
        const DeployWord *word = find_word(r, key, arg, words, count);
        if (!word) {
            good = false;
            continue;
        }
        if (given[word - words]) {
            good = diag_error(r->diag, E0405, arg->at, "%s is given twice", arg->key);
            diag_help(r->diag, "leave one out");
            continue;
        }
        given[word - words] = true;
        if (arg->on && word->read != deploy_read_limit) {
            good = diag_error(r->diag, E0401, arg->at, "%s lies in no memory region", arg->key);
            diag_help(r->diag, "on %s stands behind sizes: limit: ram: 64KiB on %s", arg->on, arg->on);
        }
        good = word->read(r, arg, (char *)base + word->offset) && good;
    }
    return good;
}
