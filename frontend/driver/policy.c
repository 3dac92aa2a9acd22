#include "frontend/driver/policy.h"

#include "frontend/deploy.h"

#include <stdlib.h>
#include <string.h>

static const Span nowhere = {.name = "lepc"};

/* Text of a file with deploy blocks only. */
static const size_t largest_text = 1 << 20;

/* ---- the flags ---- */

static bool whole_number(const Compilation *c, const char *flag, const char *text, long most, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && *out >= 1 && *out <= most) return true;
    return diag_error(c->diag, E0801, nowhere, "--%s: expected a number from 1 to %ld, found '%s'", flag, most, text);
}

static void apply_limits(const Compilation *c, Limits *limit)
{
    const Options *o = c->options;
    if (o->limit_ram)
        limit->part[LIMIT_RAM] = (LimitRow){deploy_bytes_flag("limit-ram", o->limit_ram, c->diag), NULL, nowhere};
    if (o->limit_flash)
        limit->part[LIMIT_FLASH] = (LimitRow){deploy_bytes_flag("limit-flash", o->limit_flash, c->diag), NULL, nowhere};
}

/* Rows of quantize and prune go behind those of the block and so beat them; other flags replace what it says. */
static bool apply_flags(const Compilation *c, Policy *policy)
{
    const Options *o = c->options;
    int errors = c->diag->errors;
    for (int i = 0; i < o->quantize.count; i++) deploy_quantize_flag(c->arena, policy, o->quantize.at[i], c->diag);
    for (int i = 0; i < o->prune.count; i++) deploy_prune_flag(c->arena, policy, o->prune.at[i], c->diag);
    if (o->calibrate.count) policy->ncalibrate = 0;
    for (int i = 0; i < o->calibrate.count; i++) deploy_calibrate_flag(c->arena, policy, o->calibrate.at[i], c->diag);
    if (o->calibrate_method) deploy_method_flag(policy, o->calibrate_method, c->diag);
    long samples;
    if (o->calibrate_samples && whole_number(c, "calibrate-samples", o->calibrate_samples, 1000000, &samples))
        policy->samples = samples;
    apply_limits(c, &policy->limit);
    return c->diag->errors == errors;
}

int policy_threads(const Compilation *c)
{
    long threads = 1;
    if (!c->options->run_threads) return 1;
    return whole_number(c, "run-threads", c->options->run_threads, 256, &threads) ? (int)threads : 0;
}

/* ---- which blocks ---- */

/* `FILE.lep:NAME`: the blocks of that file, and the name; without a file those of the model's own. */
static bool blocks_of(Compilation *c, const char *chosen, Deploys *blocks, const char **name)
{
    *blocks = deploy_read(c->arena, c->ast, c->diag);
    *name = chosen;
    const char *colon = chosen ? strrchr(chosen, ':') : NULL;
    if (!colon) return c->diag->errors == 0;
    const char *path = arena_copy_chars(c->arena, chosen, (size_t)(colon - chosen));
    const Source *source = source_read(c->arena, path, largest_text, c->diag);
    const Ast *ast = source ? ast_parse(c->arena, source, c->diag) : NULL;
    *name = colon + 1;
    if (!ast) return false;
    for (const AstTop *top = ast->tops; top; top = top->next)
        if (top->kind != AST_DEPLOY) {
            diag_error(c->diag, E0602, top->at, "a file of deploy blocks holds nothing else");
            diag_help(c->diag, "put the model into a file of its own");
        }
    c->own_blocks = *blocks;
    *blocks = deploy_read(c->arena, ast, c->diag);
    return c->diag->errors == 0;
}

static bool unknown_block(const Compilation *c, const Deploys *blocks, const char *name)
{
    const char **names = ARENA_ARRAY(c->arena, const char *, blocks->count + 1);
    for (int i = 0; i < blocks->count; i++) names[i] = blocks->at[i].name;
    const char *near = diag_nearest(name, names, (size_t)blocks->count);
    diag_error(c->diag, E0801, nowhere, "--deploy: there is no deploy block '%s'", name);
    if (near) return diag_help(c->diag, "did you mean --deploy=%s?", near);
    if (blocks->count) return diag_help(c->diag, "there is %s; --deploy=all builds each", names[0]);
    return diag_help(c->diag, "write deploy %s { ... } behind the model", name);
}

static bool choose(Compilation *c, const Deploys *blocks, const char *name)
{
    if (!strcmp(name, "all") && blocks->count) {
        c->policies = *blocks;
        return true;
    }
    for (int i = 0; i < blocks->count; i++)
        if (!strcmp(blocks->at[i].name, name)) {
            c->policies = (Deploys){.count = 1, .at = &blocks->at[i]};
            return true;
        }
    return unknown_block(c, blocks, name);
}

bool policies_read(Compilation *c)
{
    Deploys blocks;
    const char *name;
    if (!blocks_of(c, c->options->deploy, &blocks, &name)) return false;
    if (!c->own_blocks.count) c->own_blocks = blocks;
    if (!name) {
        Policy *policy = ARENA_NEW(c->arena, Policy);
        *policy = (Policy){.at = nowhere, .percentile = 99.99, .samples = DEFAULT_SAMPLES};
        c->policies = (Deploys){.count = 1, .at = policy};
    } else if (!choose(c, &blocks, name))
        return false;
    for (int i = 0; i < c->policies.count; i++)
        if (!apply_flags(c, &c->policies.at[i])) return false; /* the same for the next */
    return policy_threads(c) > 0;
}

bool policies_check(const Compilation *c)
{
    int errors = c->diag->errors;
    for (int i = 0; i < c->policies.count; i++) deploy_check(&c->policies.at[i], c->graph, c->diag);
    for (int i = 0; i < c->own_blocks.count; i++) {
        bool done = false;
        for (int k = 0; k < c->policies.count; k++) done = done || &c->policies.at[k] == &c->own_blocks.at[i];
        if (!done) deploy_check(&c->own_blocks.at[i], c->graph, c->diag);
    }
    return c->diag->errors == errors;
}
