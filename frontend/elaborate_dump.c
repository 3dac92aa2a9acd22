/* What only dumps say: groups, places, schedules and origins. */
#include "frontend/elaborate.h"
#include "ir/place.h"
#include "ir/schedule.h"

#include <string.h>

/* ---- origins ---- */

/* The text that an origin points into is not at hand: only its path is. */
static const Source *origin_source(Elaborator *e, const char *path)
{
    for (size_t i = 0; i < e->nsources; i++)
        if (!strcmp(e->sources[i]->path, path)) return e->sources[i];
    Source *source = ARENA_NEW(e->arena, Source);
    *source = (Source){.path = path};
    e->sources = arena_grow(e->arena, e->sources, e->nsources, &e->sources_room, sizeof *e->sources);
    return e->sources[e->nsources++] = source;
}

static bool read_origin(Elaborator *e, const AstExpr *expr, Span *out)
{
    if (expr->kind == AST_STRING) {
        *out = (Span){.name = expr->text};
        return true;
    }
    if (expr->kind != AST_SPAN) {
        diag_error(e->diag, E0605, expr->at, "@origin: expected \"path\":line:column:length or a quoted name");
        return diag_help(e->diag, "origins are written by lepc; leave the note out");
    }
    int numbers[3], i = 0;
    for (const AstArg *arg = expr->args.first; arg; arg = arg->next)
        numbers[i++] = arg->value->integer < INT32_MAX ? (int)arg->value->integer : INT32_MAX;
    *out =
        (Span){.source = origin_source(e, expr->text), .line = numbers[0], .column = numbers[1], .length = numbers[2]};
    return true;
}

static void note_origin(Elaborator *e, const AstNote *note, Node *node)
{
    Span *spans = ARENA_ARRAY(e->arena, Span, note->args.count + 1);
    int count = 0;
    for (const AstArg *arg = note->args.first; arg; arg = arg->next)
        if (!read_origin(e, arg->value, &spans[count++])) return;
    node->origin = (Origin){.at = spans, .count = count};
}

/* ---- places ---- */

typedef struct PlaceAttrs {
    int64_t index, offset, panel, ring, slack, abreast, steps;
    int packing;
    bool part;
    IntList stride, before, after, reach, moves;
} PlaceAttrs;

static const char *const packing_names[] = {
#define PACKING(id, name, bytes, fill) name,
#include "ir/packing.def"
    NULL};

static const AttrTable place_attrs =
    ATTRS(PlaceAttrs, ATTR(PlaceAttrs, index, .kind = ATTR_INT, .low = 0, .high = INT32_MAX),
          ATTR(PlaceAttrs, offset, .kind = ATTR_INT, .low = 0, .high = INT64_MAX),
          ATTR(PlaceAttrs, panel, .kind = ATTR_INT, .low = 0, .high = INT32_MAX),
          ATTR(PlaceAttrs, packing, .kind = ATTR_ENUM, .words = packing_names),
          ATTR(PlaceAttrs, slack, .kind = ATTR_INT, .low = 0, .high = 64),
          ATTR(PlaceAttrs, stride, .kind = ATTR_INTS, .low = 0, .high = INT64_MAX),
          ATTR(PlaceAttrs, moves, .kind = ATTR_INTS, .low = 0, .high = INT64_MAX),
          ATTR(PlaceAttrs, before, .kind = ATTR_INTS, .low = 0, .high = INT32_MAX),
          ATTR(PlaceAttrs, after, .kind = ATTR_INTS, .low = 0, .high = INT32_MAX),
          ATTR(PlaceAttrs, part, .kind = ATTR_BOOL), ATTR(PlaceAttrs, ring, .kind = ATTR_INT, .low = -128, .high = 255),
          ATTR(PlaceAttrs, abreast, .kind = ATTR_INT, .low = 0, .high = INT32_MAX),
          ATTR(PlaceAttrs, steps, .kind = ATTR_INT, .low = 0, .high = INT32_MAX),
          ATTR(PlaceAttrs, reach, .kind = ATTR_INTS, .low = 0, .high = INT32_MAX));

/* The words of the note: which result it is of, when its node has several or a body, and the space. */
static bool read_words(Elaborator *e, const AstNote *note, const Node *node, int *slot, Space *space)
{
    const char *words[2] = {NULL, NULL};
    int count = 0;
    for (const AstArg *arg = note->args.first; arg && count < 2; arg = arg->next)
        if (!arg->key && arg->value->text) words[count++] = arg->value->text;
    *slot = 0;
    if (count == 2) {
        while (*slot < node->nresults &&
               strcmp(value_name(e->arena, (Value){(Node *)(uintptr_t)node, *slot}), words[0]) != 0)
            ++*slot;
    }
    *space = count ? space_find(words[count - 1]) : SPACE_NONE;
    if (*slot < node->nresults && *space != SPACE_NONE) return true;
    diag_error(e->diag, E0605, note->at, "@place: expected a result's name, if there are several, and its space");
    return diag_help(e->diag, "as in @place(arena, offset: 128)");
}

static bool copy_axes(Elaborator *e, const AstNote *note, const IntList *from, int rank, int64_t *to)
{
    if (!from->count) return true;
    if (from->count != rank) {
        diag_error(e->diag, E0605, note->at, "@place: expected one number an axis, which is %d, found %d", rank,
                   from->count);
        return diag_help(e->diag, "places are written by lepc; make the dump again");
    }
    memcpy(to, from->at, (size_t)rank * sizeof *to);
    return true;
}

static void note_place(Elaborator *e, Frame *f, const AstNote *note, Node *node)
{
    PlaceAttrs attrs;
    bool given[14] = {false};
    int slot;
    Space space;
    attr_set_defaults(&place_attrs, &attrs);
    if (!read_words(e, note, node, &slot, &space)) return;
    if (!elaborate_attrs(e, f, "@place", &place_attrs, &note->args, &attrs, given)) return;
    if (!node->places) node->places = ARENA_ARRAY(e->arena, Place, node->nresults);
    Place *place = &node->places[slot];
    const Type *type = &node->types[slot];
    *place = (Place){.space = space,
                     .index = (int)attrs.index,
                     .offset = attrs.offset,
                     .panel = attrs.panel,
                     .packing = attrs.packing,
                     .part = attrs.part,
                     .ring = attrs.ring,
                     .slack = attrs.slack,
                     .abreast = attrs.abreast,
                     .steps = attrs.steps};
    if (!copy_axes(e, note, &attrs.moves, MAX_SCANS, place->moves)) return;
    if (!copy_axes(e, note, &attrs.before, type->rank, place->before)) return;
    if (!copy_axes(e, note, &attrs.after, type->rank, place->after)) return;
    if (!copy_axes(e, note, &attrs.reach, type->rank, place->reach)) return;
    place_set_strides(place, type);
    copy_axes(e, note, &attrs.stride, type->rank, place->stride);
}

void elaborate_places(Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next)
        if (!node->places) node->places = ARENA_ARRAY(graph->arena, Place, node->nresults);
    for (Node *node = graph->first; node; node = node->next) {
        if (!node_is_control(node)) continue;
        for (int i = 0; node_def(node)->kind == KIND_LOOP && i < node->ninputs; i++) {
            Node *input = scan_input(node, i);
            input->places = ARENA_NEW(graph->arena, Place);
            *input->places = scan_input_place(node, i);
        }
        for (int i = 0; i < node->nregions; i++) elaborate_places(node->regions[i]);
    }
}

static void note_schedule(Elaborator *e, Frame *f, const AstNote *note, Node *node)
{
    bool *given = ARENA_ARRAY(e->arena, bool, schedule_attrs.count + 1);
    Schedule *schedule = ARENA_NEW(e->arena, Schedule);
    attr_set_defaults(&schedule_attrs, schedule);
    if (!node->nregions) {
        diag_error(e->diag, E0605, note->at, "@schedule stands at groups, scans and branches only");
        diag_help(e->diag, "leave it out");
        return;
    }
    if (elaborate_attrs(e, f, "@schedule", &schedule_attrs, &note->args, schedule, given)) node->schedule = schedule;
}

void elaborate_notes(Elaborator *e, Frame *f, const AstNotes *notes, Node *node)
{
    for (const AstNote *note = notes->first; note; note = note->next) {
        if (!strcmp(note->name, "origin"))
            note_origin(e, note, node);
        else if (!strcmp(note->name, "place"))
            note_place(e, f, note, node);
        else if (!strcmp(note->name, "schedule"))
            note_schedule(e, f, note, node);
        else {
            static const char *const names[] = {"origin", "place", "schedule"};
            const char *near = diag_nearest(note->name, names, 3);
            diag_error(e->diag, E0201, note->at, "there is no note '@%s'", note->name);
            if (near)
                diag_help(e->diag, "did you mean @%s?", near);
            else
                diag_help(e->diag, "notes are @origin, @place and @schedule");
        }
    }
}

/* ---- groups ---- */

/* The region returns what its last statement says; false when any of it is broken. */
static bool add_returned(Elaborator *e, Frame *body, const AstStatement *s, Graph *region)
{
    bool ok = true;
    for (const AstArg *arg = s->attrs.first; arg; arg = arg->next) {
        Item item = elaborate_expr(e, body, arg->value, NULL);
        bool inside = item.kind == ITEM_VALUE && item.value.node->graph == region;
        if (inside) graph_add_result(region, (Result){.value = item.value, .at = arg->value->at});
        ok = ok && inside;
        if (inside || item.kind == ITEM_BROKEN) continue;
        diag_error(e->diag, E0605, arg->value->at, "a group returns values of its own body");
        diag_help(e->diag, "groups are written by lepc; make the dump again");
    }
    return ok;
}

/* One result is called as the group, several by slots: group.value. */
static void define_results(Elaborator *e, Frame *f, const AstStatement *s, Node *group)
{
    for (int i = 0; i < group->nresults; i++) {
        Item item = {.kind = ITEM_VALUE, .value = {group, i}};
        elaborate_define(e, f, value_name(e->arena, item.value), item, s->name_at);
    }
}

/* A group that is not to be had leaves its names behind as broken, so that their uses keep quiet. */
static void drop_group(Frame *f, const AstStatement *s, Node *group)
{
    const Item broken = {.kind = ITEM_BROKEN};
    if (group) graph_remove(group->graph, group);
    if (!scope_find_here(f->scope, s->name)) scope_put(f->scope, s->name, broken, s->name_at);
    const AstStatement *last = s->body.last;
    for (const AstArg *arg = last && last->kind == AST_RETURN ? last->attrs.first : NULL; arg; arg = arg->next)
        if (arg->value->kind == AST_NAME && !scope_find_here(f->scope, arg->value->text))
            scope_put(f->scope, arg->value->text, broken, arg->at);
}

static bool elaborate_region(Elaborator *e, Frame *f, const AstStatement *s, Graph *region)
{
    Graph *outer = e->graph;
    Frame body = {.scope = scope_new(e->arena, f->scope)};
    int errors = e->diag->errors;
    const AstStatement *last = s->body.last;
    e->graph = region;
    for (const AstStatement *inner = s->body.first; inner && inner->next; inner = inner->next)
        elaborate_statement(e, &body, inner);
    bool returns = last && last->kind == AST_RETURN;
    if (!returns) elaborate_misplaced(e, s->at, "a group ends without `return`", "end it with `return` and its values");
    bool ok = returns && add_returned(e, &body, last, region);
    e->graph = outer;
    return ok && e->diag->errors == errors;
}

void elaborate_group(Elaborator *e, Frame *f, const AstStatement *s)
{
    const Node *around = e->graph->owner;
    bool inside = around && node_def(around)->kind == KIND_GROUP;
    bool deep = inside && around->graph->owner && node_def(around->graph->owner)->kind == KIND_GROUP;
    if (!e->flat || deep) {
        diag_error(e->diag, E0604, s->at, deep ? "groups are two deep at most" : "a group belongs into a dump");
        diag_help(e->diag, "a file with groups begins with `lep 1 stage grouped` or a later stage");
        drop_group(f, s, NULL);
        return;
    }
    NodeSpec spec = {.op = OP_group, .name = s->name, .origin = origin_of(e->arena, s->name_at)};
    Node *group = graph_add(e->graph, &spec, e->diag);
    if (!elaborate_region(e, f, s, graph_new_region(group)) || !graph_infer(group, e->diag)) {
        drop_group(f, s, group);
        return;
    }
    define_results(e, f, s, group);
    elaborate_notes(e, f, &s->notes, group);
}
