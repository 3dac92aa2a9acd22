/* The command line's own words for rows of a policy. */
#include "frontend/deploy.h"

#include <stdlib.h>
#include <string.h>

static const Span nowhere = {.name = "lepc"};

static bool refuse(Diag *diag, const char *flag, const char *text, const char *expected)
{
    diag_error(diag, E0801, nowhere, "--%s: expected %s, found '%s'", flag, expected, text);
    return false;
}

enum { MAX_PARTS = 3 };

/* "c1:int8:tensor" in its parts; 0 when there are more than MAX_PARTS or an empty one. */
static int split(Arena *arena, const char *text, const char *parts[MAX_PARTS])
{
    int count = 0;
    for (;;) {
        size_t length = strcspn(text, ":");
        if (count == MAX_PARTS || !length) return 0;
        parts[count++] = arena_copy_chars(arena, text, length);
        if (!text[length]) return count;
        text += length + 1;
    }
}

bool deploy_quantize_flag(Arena *arena, Policy *policy, const char *text, Diag *diag)
{
    const char *parts[MAX_PARTS];
    int count = split(arena, text, parts);
    bool whole = count == 3 && !strcmp(parts[2], "tensor"), channel = count == 3 && !strcmp(parts[2], "channel");
    bool narrow = count >= 2 && !strcmp(parts[1], "int8"), wide = count == 2 && !strcmp(parts[1], "f32");
    if ((!narrow && !wide) || (count == 3 && !whole && !channel))
        return refuse(diag, "quantize", text, "LAYER:int8, LAYER:int8:tensor or LAYER:f32");
    deploy_add_quant(arena, policy,
                     (QuantRow){.layer = parts[0], .to = wide ? F32 : I8, .per_channel = !whole, .at = nowhere});
    return true;
}

/* A whole number of at most nine digits before `end`; 0 when it is none. */
static int64_t number(const char *text, char end, const char **rest)
{
    char *stop;
    if (*text < '0' || *text > '9') return 0;
    long long value = strtoll(text, &stop, 10);
    *rest = stop + (*stop != 0);
    return *stop == end && stop - text < 10 ? value : 0;
}

static bool read_pattern(const char *keep, const char *of, PruneRow *row)
{
    const char *rest;
    row->keep = number(keep, 0, &rest);
    row->of = number(of, 0, &rest);
    row->sparsity = row->of ? 1 - (double)row->keep / (double)row->of : 0;
    return row->keep && row->of;
}

bool deploy_prune_flag(Arena *arena, Policy *policy, const char *text, Diag *diag)
{
    static const char expected[] = "LAYER:75%, LAYER:75%:1x16 or LAYER:2:4";
    const char *parts[MAX_PARTS], *rest;
    int count = split(arena, text, parts);
    if (count < 2) return refuse(diag, "prune", text, expected);
    PruneRow row = {.layer = parts[0], .block_rows = 1, .block_columns = 1, .at = nowhere};
    char *end;
    double percent = strtod(parts[1], &end);
    bool share = !strcmp(end, "%") && end != parts[1];
    if (!share && (count < 3 || !read_pattern(parts[1], parts[2], &row))) return refuse(diag, "prune", text, expected);
    if (share) row.sparsity = percent / 100;
    if (share && count == 3) {
        row.block_rows = number(parts[2], 'x', &rest);
        row.block_columns = row.block_rows ? number(rest, 0, &rest) : 0;
    }
    const char *problem = deploy_prune_problem(&row);
    if (problem) return diag_error(diag, E0801, nowhere, "--prune=%s: %s", text, problem);
    deploy_add_prune(arena, policy, row);
    return true;
}

bool deploy_calibrate_flag(Arena *arena, Policy *policy, const char *text, Diag *diag)
{
    const char *equals = strchr(text, '=');
    CalibrateRow row = {.path = equals ? equals + 1 : text, .at = nowhere};
    if (!*row.path || equals == text) return refuse(diag, "calibrate", text, "PATH or INPUT=PATH");
    if (equals) row.input = arena_copy_chars(arena, text, (size_t)(equals - text));
    deploy_add_calibrate(arena, policy, row);
    return true;
}

bool deploy_method_flag(Policy *policy, const char *text, Diag *diag)
{
    static const char word[] = "percentile";
    bool extremes = !strcmp(text, "min-max") || !strcmp(text, "min_max");
    policy->method = extremes ? CALIBRATE_MIN_MAX : CALIBRATE_PERCENTILE;
    if (extremes || !strcmp(text, word)) return true;
    char *end = NULL;
    size_t length = strlen(word);
    double value = !strncmp(text, word, length) && text[length] == ':' ? strtod(text + length + 1, &end) : 0;
    if (!end || *end || !(value > 50 && value <= 100))
        return refuse(diag, "calibrate-method", text, "min-max or percentile:P with P above 50 and at most 100");
    policy->percentile = value;
    return true;
}

int64_t deploy_bytes_flag(const char *flag, const char *text, Diag *diag)
{
    char *unit;
    double real = strtod(text, &unit);
    int64_t bytes = unit != text && real > 0 ? deploy_unit_bytes(real, unit) : -1;
    if (bytes <= 0) refuse(diag, flag, text, "a size with its unit, such as 64KiB");
    return bytes;
}
