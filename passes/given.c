#include "passes/given.h"

#include "ir/strips.h"
#include "ir/verify.h"
#include "ir/winograd.h"
#include "passes/schedule.h"
#include "passes/strips.h"
#include "passes/variants.h"

#include <string.h>

/* ---- which group ---- */

static const char *path_of(Arena *arena, const Node *node)
{
    const char *path = node->name;
    for (const Node *owner = node->graph->owner; owner; owner = owner->graph->owner)
        path = arena_printf(arena, "%s/%s", owner->name, path);
    return path;
}

/* What was written of the group, also as a member of strips. */
static GivenSchedule *find(const GivenSchedules *all, const char *path)
{
    for (int i = 0; i < all->count; i++) {
        GivenSchedule *one = &all->at[i];
        if (!one->nmembers && !strcmp(one->path, path)) return one;
        for (int k = 0; k < one->nmembers; k++)
            if (!strcmp(one->members[k].path, path)) return &one->members[k];
    }
    return NULL;
}

/* ---- what it may be ---- */

/* As it would be written down. */
static const char *text_of(Arena *arena, const Schedule *schedule)
{
    Schedule shown = *schedule;
    shown.scratch = 0;
    shown.cost = 0;
    const char *text = attrs_text(arena, &schedule_attrs, &shown);
    return arena_printf(arena, "@schedule(%s)", *text ? text + 2 : "");
}

static bool refuse(const GivenSchedule *given, const Group *group, const PassContext *context, const char *why,
                   Diag *diag)
{
    const char *legal = "";
    Schedule candidate;
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        if (!variant_candidate(variant, group, context, &candidate)) continue;
        legal = arena_printf(diag->arena, "%s%s%s", legal, *legal ? " or " : "", text_of(diag->arena, &candidate));
    }
    diag_error(diag, E0609, given->at, "%s", why);
    return diag_help(diag, "it could be %s", legal);
}

/* Scratch follows from what the schedule says, so nobody needs to write it. */
static int64_t scratch_of(const Group *group, const Schedule *s, const Schedule *chosen)
{
    int64_t outputs = winograd_outputs(s->variant);
    if (outputs && winograd_fits(group, outputs)) {
        if (s->strip_rows < 1 || s->strip_columns < 1) return 0;
        return winograd_of(group, outputs, s->strip_rows, s->strip_columns).scratch;
    }
    if (group->kind == KIND_REDUCE) return variant_rows_scratch(group, s->lanes);
    return group->kind == KIND_NEST ? chosen->scratch : 0;
}

/* For reports, when nobody wrote it: of a tile; of another variant what that one has with its own choices. */
static double cost_of(const Group *group, const Schedule *s, const Schedule *chosen, const Target *target)
{
    if (group->kind != KIND_CONTRACT || s->variant != VARIANT_DIRECT) return chosen->cost;
    TileProblem problem = tile_problem(group);
    tile_problem_on(&problem, target);
    problem.packed = s->panel != 0;
    return tile_cycles(&problem, s, target);
}

/* What verify_schedule has against it, or NULL. */
static const char *misfit_of(const Node *node, Diag *diag)
{
    Diag found = diag_new(diag->arena);
    return verify_schedule(node, &found) ? NULL : found.first->message;
}

bool given_apply(Node *node, const PassContext *context, Diag *diag)
{
    GivenSchedule *given = context->schedules ? find(context->schedules, path_of(diag->arena, node)) : NULL;
    if (!given) return true;
    Group group = group_of(node);
    Schedule s = given->schedule, chosen;
    given->used = true;
    if (!variant_candidate(s.variant, &group, context, &chosen))
        return refuse(
            given, &group, context,
            arena_printf(diag->arena, "group `%s` cannot be of variant %s here", given->path, variant_names[s.variant]),
            diag);
    if (s.reciprocal && !chosen.reciprocal)
        return refuse(given, &group, context, "a reciprocal is for long rows, under --fp=fast", diag);
    if (s.threads > 1 && (s.threads > context->threads || group.kind == KIND_NEST))
        return refuse(given, &group, context, "threads are more than --run-threads, or than the code can have", diag);
    s.fixed = true;
    s.scratch_offset = 0;
    s.scratch = s.lanes & (s.lanes - 1) ? 0 : scratch_of(&group, &s, &chosen);
    *node->schedule = s;
    const char *misfit = misfit_of(node, diag);
    if (misfit) return refuse(given, &group, context, misfit, diag);
    if (!(s.cost > 0)) node->schedule->cost = cost_of(&group, &s, &chosen, context->target);
    return true;
}

/* ---- strips ---- */

static bool refuse_strips(const GivenSchedule *given, const char *why, Diag *diag)
{
    diag_error(diag, E0609, given->at, "strips `%s`: %s", given->path, why);
    return diag_help(diag, "write the groups in it down by themselves");
}

static bool merge(Graph *graph, GivenSchedule *given, const PassContext *context, Diag *diag)
{
    Group members[STRIP_MEMBERS];
    given->used = true;
    if (given->nmembers > STRIP_MEMBERS) return refuse_strips(given, "they have two or three members", diag);
    if (given->schedule.threads > 1 && given->schedule.threads > context->threads)
        return refuse_strips(given, "threads are more than --run-threads", diag);
    for (int i = 0; i < given->nmembers; i++) {
        Node *node = graph_find(graph, given->members[i].path);
        bool plain = node && node->op == OP_group && !group_is_strips(node);
        if (!plain) return refuse_strips(given, "a member is no group of this model", diag);
        members[i] = group_of(node);
    }
    const char *why;
    Node *strips = strips_merge_as(graph, members, given->nmembers, &given->schedule, &why, diag);
    if (!strips) return why && refuse_strips(given, why, diag);
    strips->schedule->fixed = true;
    strips->schedule->scratch_offset = 0;
    Diag found = diag_new(diag->arena);
    bool sound = verify_schedule(strips, &found) && verify_strips(strips, &found);
    return sound || refuse_strips(given, found.first->message, diag);
}

static void unknown(const GivenSchedule *given, const Graph *graph, Diag *diag)
{
    size_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) count += node->op == OP_group;
    const char **names = ARENA_ARRAY(diag->arena, const char *, count + 1);
    count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_group) names[count++] = node->name;
    const char *near = diag_nearest(given->path, names, count);
    diag_error(diag, E0609, given->at, "there is no group `%s` in this build", given->path);
    if (near)
        diag_help(diag, "did you mean %s?", near);
    else
        diag_help(diag, "`lepc dump` with the same flags shows the groups");
}

bool given_strips(Graph *graph, const PassContext *context, Diag *diag)
{
    int errors = diag->errors;
    for (int i = 0; context->schedules && i < context->schedules->count; i++) {
        GivenSchedule *given = &context->schedules->at[i];
        for (int k = 0; k < given->nmembers; k++)
            if (!given->members[k].used) unknown(&given->members[k], graph, diag);
        if (given->nmembers && diag->errors == errors) merge(graph, given, context, diag);
        if (!given->nmembers && !given->used) unknown(given, graph, diag);
    }
    return diag->errors == errors;
}
