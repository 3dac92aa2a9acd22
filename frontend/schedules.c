#include "frontend/schedules.h"

#include "frontend/elaborate.h"

#include <string.h>

typedef struct Reader {
    Elaborator elaborator; /* of attributes: there is no graph */
    GivenSchedules found;
    size_t room;
} Reader;

static bool is_group(const AstStatement *s) { return s->kind == AST_GROUP; }

static const AstNote *schedule_note(const AstStatement *s)
{
    const AstNote *note = s->notes.first;
    while (note && strcmp(note->name, "schedule") != 0) note = note->next;
    return note;
}

/* There is nothing that an expression could be of. */
static bool is_literal(const Reader *r, const AstArg *arg)
{
    AstExprKind kind = arg->value->kind;
    const AttrDef *row = arg->key ? attr_find(&schedule_attrs, arg->key) : NULL;
    bool word = kind == AST_NAME && row && row->kind == ATTR_ENUM;
    if (arg->key && (kind == AST_INTEGER || kind == AST_REAL || kind == AST_BOOL || word || !row)) return true;
    diag_error(r->elaborator.diag, E0402, arg->at, "@schedule: expected a name and a number, yes or no, or a word");
    return diag_help(r->elaborator.diag, "as in @schedule(variant: direct, lanes: 8)");
}

/* Of a group without a note nothing is said: its schedule is chosen as ever. */
static bool read_note(Reader *r, const AstStatement *s, const char *path, GivenSchedule *out)
{
    const AstNote *note = schedule_note(s);
    bool *given = ARENA_ARRAY(r->elaborator.arena, bool, schedule_attrs.count + 1);
    Frame frame = {.path = path};
    if (!note) return false;
    *out = (GivenSchedule){.path = path, .at = note->at};
    attr_set_defaults(&schedule_attrs, &out->schedule);
    for (const AstArg *arg = note->args.first; arg; arg = arg->next)
        if (!is_literal(r, arg)) return false;
    return elaborate_attrs(&r->elaborator, &frame, "@schedule", &schedule_attrs, &note->args, &out->schedule, given);
}

static void read_members(Reader *r, const AstStatement *s, GivenSchedule *out)
{
    out->members = ARENA_ARRAY(r->elaborator.arena, GivenSchedule, s->body.count + 1);
    for (const AstStatement *inner = s->body.first; inner; inner = inner->next)
        if (is_group(inner) && read_note(r, inner, inner->name, &out->members[out->nmembers])) out->nmembers++;
}

static void read_group(Reader *r, const AstStatement *s, const char *path)
{
    GivenSchedule one;
    if (!read_note(r, s, path, &one)) return;
    read_members(r, s, &one);
    for (int i = 0; i < r->found.count; i++) {
        if (strcmp(r->found.at[i].path, path) != 0) continue;
        diag_error(r->elaborator.diag, E0405, s->at, "group `%s` stands here already", path);
        diag_help(r->elaborator.diag, "keep one of them");
        return;
    }
    r->found.at = arena_grow(r->elaborator.arena, r->found.at, (size_t)r->found.count, &r->room, sizeof one);
    r->found.at[r->found.count++] = one;
}

/* Groups stand at the top and in the bodies of scans and branches, which dumps bind to names. */
static void read_statements(Reader *r, const AstStatements *statements, const char *prefix)
{
    for (const AstStatement *s = statements->first; s; s = s->next) {
        const char *name = s->name ? s->name : "";
        const char *path = *prefix ? arena_printf(r->elaborator.arena, "%s/%s", prefix, name) : name;
        const AstLoop *loop = s->value ? s->value->loop : NULL;
        if (is_group(s)) read_group(r, s, path);
        if (!loop) continue;
        read_statements(r, &loop->body, path);
        read_statements(r, &loop->otherwise, path);
    }
}

bool schedules_read(Arena *arena, const Ast *ast, GivenSchedules *out, Diag *diag)
{
    ElaborateOptions options = {.ndims = 0};
    Reader reader = {.elaborator = {.arena = arena, .ast = ast, .options = &options, .diag = diag, .flat = true}};
    int errors = diag->errors;
    for (const AstTop *top = ast->tops; top; top = top->next)
        if (top->kind == AST_MODEL) read_statements(&reader, &top->body, "");
    *out = reader.found;
    if (diag->errors != errors) return false;
    if (out->count) return true;
    diag_error(diag, E0609, (Span){.name = ast->source->path}, "no group with a @schedule stands there");
    return diag_help(diag, "`lepc dump MODEL -o FILE.lep` writes such a file");
}
