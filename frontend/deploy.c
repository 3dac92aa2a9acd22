#include "frontend/deploy.h"

#include "frontend/deploy_value.h"

#include <stddef.h>
#include <string.h>

#define WORD(type, name, read)                                                                                         \
    {                                                                                                                  \
#name, read, offsetof(type, name)                                                                              \
    }
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- keys ---- */

static bool lacks(const DeployReader *r, const DeployItem *item, const char *key, const char *what, const char *example)
{
    diag_error(r->diag, E0403, item->at, "%s: expected %s", key, what);
    return diag_help(r->diag, "as in %s", example);
}

static bool key_target(const DeployReader *r, const DeployItem *item)
{
    static const DeployWord words[] = {WORD(Policy, cpu, deploy_read_text), WORD(Policy, features, deploy_read_text)};
    bool given[COUNT(words)];
    if (!item->subject) return lacks(r, item, "target", "a quoted name", "target: \"cortex-m4\"");
    bool good = deploy_words(r, "target", item, words, COUNT(words), r->policy, given);
    return deploy_read_text(r, item->subject, &r->policy->target) && good;
}

static bool key_quantize(const DeployReader *r, const DeployItem *item)
{
    static const DeployWord words[] = {{"to", deploy_read_dtype, 0}};
    static const char example[] = "quantize: all to: int8(per: channel)";
    QuantRow row = {.at = item->at};
    bool given[COUNT(words)];
    if (!item->subject) return lacks(r, item, "quantize", "a layer, or all", example);
    if (!deploy_words(r, "quantize", item, words, COUNT(words), &row, given)) return false;
    if (!given[0]) return lacks(r, item, "quantize", "to: and a dtype", example);
    if (!deploy_read_name(r, item->subject, &row.layer)) return false;
    row.at = item->subject->value->at;
    deploy_add_quant(r->arena, r->policy, row);
    return true;
}

static bool key_calibrate(const DeployReader *r, const DeployItem *item)
{
    typedef struct Calibrate {
        Policy policy;
        const char *input;
    } Calibrate;
    static const DeployWord words[] = {{"method", deploy_read_method, offsetof(Calibrate, policy)},
                                       {"samples", deploy_read_count, offsetof(Calibrate, policy.samples)},
                                       WORD(Calibrate, input, deploy_read_name)};
    bool given[COUNT(words)];
    Calibrate read = {.policy = *r->policy};
    if (!item->subject) return lacks(r, item, "calibrate", "a quoted path", "calibrate: \"calib/*.png\"");
    CalibrateRow row = {.at = item->subject->value->at};
    bool good = deploy_words(r, "calibrate", item, words, COUNT(words), &read, given);
    if (!deploy_read_path(r, item->subject, &row.path) || !good) return false;
    *r->policy = read.policy;
    row.input = read.input;
    deploy_add_calibrate(r->arena, r->policy, row);
    return true;
}

static bool key_prune(const DeployReader *r, const DeployItem *item)
{
    static const DeployWord words[] = {WORD(PruneRow, sparsity, deploy_read_share),
                                       {"block", deploy_read_block, offsetof(PruneRow, block_rows)},
                                       WORD(PruneRow, keep, deploy_read_count),
                                       WORD(PruneRow, of, deploy_read_count)};
    static const char example[] = "prune: h sparsity: 75% block: 1x4, or prune: h keep: 2 of: 4";
    PruneRow row = {.block_rows = 1, .block_columns = 1, .at = item->at};
    bool given[COUNT(words)];
    if (!item->subject) return lacks(r, item, "prune", "a layer, or all", example);
    if (!deploy_words(r, "prune", item, words, COUNT(words), &row, given)) return false;
    bool pattern = given[2] || given[3];
    if (given[2] != given[3] || given[0] == pattern || (given[1] && pattern))
        return lacks(r, item, "prune", "either sparsity: and perhaps block:, or keep: and of:", example);
    const char *problem = deploy_prune_problem(&row);
    if (problem) {
        diag_error(r->diag, E0404, item->at, "prune: %s", problem);
        return diag_help(r->diag, "as in %s", example);
    }
    if (!deploy_read_name(r, item->subject, &row.layer)) return false;
    if (pattern) row.sparsity = 1 - (double)row.keep / (double)row.of;
    row.at = item->subject->value->at;
    deploy_add_prune(r->arena, r->policy, row);
    return true;
}

static bool key_limit(const DeployReader *r, const DeployItem *item)
{
    static const DeployWord words[] = {
        WORD(Limits, accuracy_drop, deploy_read_points),
        WORD(Limits, data, deploy_read_path),
        WORD(Limits, labels, deploy_read_path),
#define LIMIT(id, name, all, doc) {#name, deploy_read_limit, offsetof(Limits, part[LIMIT_##id])},
#include "ir/limits.def"
    };
    static const char example[] = "accuracy_drop: 0.5pt data: \"test.npy\" labels: \"test-labels.npy\"";
    bool given[COUNT(words)];
    if (item->subject) return lacks(r, item, "limit", "what is limited", "limit: ram: 64KiB flash: 256KiB");
    bool good = deploy_words(r, "limit", item, words, COUNT(words), &r->policy->limit, given);
    r->policy->limit.at = item->at;
    if (given[0] != given[1] || (given[2] && !given[1]))
        return lacks(r, item, "limit", "accuracy_drop:, data: and, of a file, labels: together", example);
    return good;
}

typedef struct Key {
    const char *name;
    bool (*read)(const DeployReader *r, const DeployItem *item);
    bool once;
} Key;

static const Key keys[] = {{"target", key_target, true},
                           {"quantize", key_quantize, false},
                           {"calibrate", key_calibrate, false},
                           {"prune", key_prune, false},
                           {"limit", key_limit, true}};

/* ---- entries ---- */

static const Key *find_key(const DeployReader *r, const AstEntry *entry, Span at)
{
    const char *names[COUNT(keys)];
    for (size_t i = 0; i < COUNT(keys); i++) {
        names[i] = keys[i].name;
        if (!strcmp(keys[i].name, entry->key)) return &keys[i];
    }
    const char *near = diag_nearest(entry->key, names, COUNT(keys));
    diag_error(r->diag, E0401, at, "deploy knows no '%s'", entry->key);
    if (near)
        diag_help(r->diag, "did you mean %s?", near);
    else
        diag_help(r->diag, "it knows target, quantize, calibrate, prune and limit");
    return NULL;
}

static void read_entry(const DeployReader *r, const AstEntry *entry, bool *given)
{
    const AstArg *arg = entry->items.first;
    const Key *key = find_key(r, entry, entry->at);
    if (!key) return;
    bool *before = &given[key - keys];
    if (*before && key->once) {
        diag_error(r->diag, E0405, entry->at, "%s stands here already", key->name);
        diag_help(r->diag, "leave one out");
        return;
    }
    *before = true;
    while (arg) {
        const AstArg *end = arg->next;
        while (end && !end->comma) end = end->next;
        DeployItem item = {.subject = arg->key ? NULL : arg,
                           .first = arg,
                           .end = end,
                           .at = arg == entry->items.first ? entry->at : arg->at};
        if (key->once && end) {
            diag_error(r->diag, E0405, end->at, "%s takes no second item", key->name);
            diag_help(r->diag, "leave out the comma, or write a second deploy block");
        }
        key->read(r, &item);
        arg = end;
    }
}

static void read_block(Arena *arena, const Ast *ast, const AstTop *top, Policy *out, Diag *diag)
{
    bool given[COUNT(keys)] = {false};
    *out = (Policy){.name = top->name, .at = top->at, .percentile = 99.99, .samples = DEFAULT_SAMPLES};
    const DeployReader reader = {.arena = arena, .diag = diag, .ast = ast, .policy = out};
    for (const AstEntry *entry = top->entries.first; entry; entry = entry->next) read_entry(&reader, entry, given);
}

Deploys deploy_read(Arena *arena, const Ast *ast, Diag *diag)
{
    Deploys out = {0};
    int room = 0;
    for (const AstTop *top = ast->tops; top; top = top->next) room += top->kind == AST_DEPLOY;
    out.at = ARENA_ARRAY(arena, Policy, room + 1);
    for (const AstTop *top = ast->tops; top; top = top->next) {
        if (top->kind != AST_DEPLOY) continue;
        bool reserved = !strcmp(top->name, "all"), taken = reserved;
        for (int i = 0; i < out.count; i++) taken = taken || !strcmp(out.at[i].name, top->name);
        if (taken) {
            diag_error(diag, E0202, top->at,
                       reserved ? "'%s' means every deploy block" : "there is a deploy block '%s' already", top->name);
            diag_help(diag, "call this one something else");
        }
        read_block(arena, ast, top, &out.at[out.count++], diag);
    }
    return out;
}
