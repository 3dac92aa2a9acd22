/* Attributes: what stands behind `key:`, read as its row of the table says. */
#include "frontend/elaborate.h"

#include <math.h>
#include <string.h>

typedef struct AttrContext {
    Elaborator *e;
    Frame *f;
    const char *of; /* the operator's name */
    const AttrDef *row;
} AttrContext;

/* "a, b or c", where c is `last` when that is not NULL. */
static const char *words_text(Arena *arena, const char *const *words, const char *last)
{
    const char *text = "";
    for (int i = 0; words[i]; i++) {
        bool final = !words[i + 1] && !last;
        text = arena_printf(arena, "%s%s%s", text, !i ? "" : final ? " or " : ", ", words[i]);
    }
    return last ? arena_printf(arena, "%s or %s", text, last) : text;
}

/* What a value of the row looks like, for messages. */
static const char *wanted_text(Arena *arena, const AttrDef *row)
{
    if (row->kind == ATTR_ENUM) return words_text(arena, row->words, NULL);
    if (row->kind == ATTR_PAD) return words_text(arena, row->words, "a list of integers");
    return attr_kind_name(row->kind);
}

static bool refuse_kind(const AttrContext *c, const AstExpr *value)
{
    Arena *arena = c->e->arena;
    diag_error(c->e->diag, E0402, value->at, "%s of %s: expected %s", c->row->name, c->of, wanted_text(arena, c->row));
    const char *near = NULL;
    size_t count = 0;
    while (c->row->words && c->row->words[count]) count++;
    if (count && value->kind == AST_NAME) near = diag_nearest(value->text, c->row->words, count);
    if (near) return diag_help(c->e->diag, "did you mean %s?", near);
    return c->row->doc ? diag_help(c->e->diag, "%s: %s", c->row->name, c->row->doc) : false;
}

static bool check_range(const AttrContext *c, const AstExpr *value, int64_t number)
{
    const AttrDef *row = c->row;
    if (row->low >= row->high || (number >= row->low && number <= row->high)) return true;
    if (row->high == INT64_MAX)
        diag_error(c->e->diag, E0404, value->at, "%s of %s: expected at least %lld, found %lld", row->name, c->of,
                   (long long)row->low, (long long)number);
    else
        diag_error(c->e->diag, E0404, value->at, "%s of %s: expected between %lld and %lld, found %lld", row->name,
                   c->of, (long long)row->low, (long long)row->high, (long long)number);
    return row->doc ? diag_help(c->e->diag, "%s: %s", row->name, row->doc) : false;
}

static bool read_integer(const AttrContext *c, const AstExpr *value, int64_t *out)
{
    const char *what = arena_printf(c->e->arena, "%s of %s", c->row->name, c->of);
    bool odd = value->kind == AST_STRING || value->kind == AST_LIST || value->kind == AST_EXTENT;
    if (odd) return refuse_kind(c, value);
    return elaborate_integer(c->e, c->f, value, what, out) && check_range(c, value, *out);
}

static bool read_real(const AttrContext *c, const AstExpr *value, double *out)
{
    if (value->kind == AST_STRING || value->kind == AST_LIST || value->kind == AST_EXTENT) return refuse_kind(c, value);
    Item item = elaborate_expr(c->e, c->f, value, NULL);
    if (item.kind == ITEM_BROKEN) return false;
    if (!item_is_number(&item)) return refuse_kind(c, value);
    *out = item.real;
    return true;
}

static bool read_bool(const AttrContext *c, const AstExpr *value, bool *out)
{
    if (value->kind == AST_STRING || value->kind == AST_LIST || value->kind == AST_EXTENT) return refuse_kind(c, value);
    Item item = elaborate_expr(c->e, c->f, value, NULL);
    if (item.kind == ITEM_BROKEN) return false;
    if (item.kind != ITEM_BOOL) return refuse_kind(c, value);
    *out = item.integer != 0;
    return true;
}

/* `none` is a word of its own in the language, and one of some attributes, too. */
static bool read_word(const AttrContext *c, const AstExpr *value, int *out)
{
    const char *word = value->kind == AST_NAME ? value->text : value->kind == AST_NONE ? "none" : NULL;
    for (int i = 0; word && c->row->words[i]; i++)
        if (!strcmp(c->row->words[i], word)) {
            *out = i;
            return true;
        }
    return refuse_kind(c, value);
}

/* A size: a number, or what follows from a bounded dim, where the attribute knows such. */
static bool read_size(const AttrContext *c, const AstExpr *value, Dim *dims, int64_t *out, int at)
{
    bool sized = dims && c->row->dims && elaborate_mentions_dim(c->f->scope, value);
    bool ok = sized ? elaborate_dim(c->e, c->f->scope, value, &dims[at]) : read_integer(c, value, out);
    if (ok && sized) *out = dims[at].high;
    if (ok && dims && !sized) dims[at] = dim_fixed(*out);
    return ok;
}

static bool read_list(const AttrContext *c, const AstExpr *value, IntList *out, Dim *dims)
{
    IntList list = {0};
    bool ok = true;
    for (const AstArg *arg = value->args.first; arg; arg = arg->next) {
        if (list.count == MAX_INTS) {
            diag_error(c->e->diag, E0404, value->at, "%s of %s: expected at most %d integers, found %d", c->row->name,
                       c->of, MAX_INTS, value->args.count);
            return diag_help(c->e->diag, "a tensor has no more axes than that");
        }
        ok = read_size(c, arg->value, dims, &list.at[list.count], list.count) && ok;
        list.count++;
    }
    *out = list;
    return ok;
}

static bool read_integers(const AttrContext *c, const AstExpr *value, IntList *out, Dim *dims)
{
    IntList list = {.count = 1};
    int fixed = c->row->fixed;
    if (value->kind == AST_LIST || value->kind == AST_EXTENT) {
        if (!read_list(c, value, &list, dims)) return false;
        if (fixed && list.count != fixed) {
            diag_error(c->e->diag, E0404, value->at, "%s of %s: expected %d integers, found %d", c->row->name, c->of,
                       fixed, list.count);
            return diag_help(c->e->diag, "one integer stands for all %d", fixed);
        }
    } else {
        if (!read_size(c, value, dims, &list.at[0], 0)) return false;
        for (; list.count < fixed; list.count++) list.at[list.count] = list.at[0];
    }
    *out = list;
    return true;
}

static bool read_ints(const AttrContext *c, const AstExpr *value, void *attrs)
{
    Dim *dims = ARENA_ARRAY(c->e->arena, Dim, MAX_INTS);
    IntList *list = attr_field(c->row, attrs);
    if (!read_integers(c, value, list, dims)) return false;
    bool fixed = true;
    for (int i = 0; i < list->count; i++) fixed = fixed && dim_is_fixed(&dims[i]);
    if (!fixed) attr_set_dims(c->row, attrs, dims);
    return true;
}

static bool read_reals(const AttrContext *c, const AstExpr *value, RealList *out)
{
    RealList list = {0};
    bool ok = true;
    if (value->kind != AST_LIST) {
        list.count = 1;
        ok = read_real(c, value, &list.at[0]);
    } else if (value->args.count > MAX_REALS) {
        diag_error(c->e->diag, E0404, value->at, "%s of %s: expected at most %d numbers, found %d", c->row->name, c->of,
                   MAX_REALS, value->args.count);
        return diag_help(c->e->diag, "%s: %s", c->row->name, c->row->doc);
    } else {
        for (const AstArg *arg = value->args.first; arg; arg = arg->next)
            ok = read_real(c, arg->value, &list.at[list.count++]) && ok;
    }
    *out = list;
    return ok;
}

static bool read_pad(const AttrContext *c, const AstExpr *value, Pad *out)
{
    int mode = PAD_EXPLICIT;
    if (value->kind == AST_LIST || value->kind == AST_EXTENT) {
        *out = (Pad){.mode = mode};
        return read_list(c, value, &out->sizes, NULL);
    }
    bool word = value->kind == AST_NAME && !scope_find(c->f->scope, value->text);
    if (!word && value->kind != AST_STRING && value->kind != AST_REAL) {
        int64_t size = 0;
        if (!read_integer(c, value, &size)) return false;
        *out = (Pad){.mode = mode, .sizes = {.count = 4, .at = {size, size, size, size}}};
        return true;
    }
    if (!read_word(c, value, &mode)) return false;
    *out = (Pad){.mode = mode};
    return true;
}

static bool read_string(const AttrContext *c, const AstExpr *value, const char **out)
{
    if (value->kind != AST_STRING && value->kind != AST_NONE) return refuse_kind(c, value);
    *out = value->kind == AST_STRING ? value->text : NULL;
    return true;
}

static bool read_dtype(const AttrContext *c, const AstExpr *value, int *out)
{
    Dtype dtype = value->kind == AST_NAME ? dtype_find(value->text) : DTYPE_COUNT;
    if (dtype == DTYPE_COUNT) return refuse_kind(c, value);
    *out = (int)dtype;
    return true;
}

/* ---- how elements are drawn ---- */

static const char *init_parameters(Arena *arena, const InitRow *row)
{
    const char *text = row->word;
    for (int i = 0; i < INIT_PARAMETERS && row->parameters[i]; i++)
        text = arena_printf(arena, "%s%s%s: %s", text, i ? ", " : "(", row->parameters[i],
                            i && row->second_is_flag ? "yes" : number_text(arena, row->defaults[i], false));
    return row->parameters[0] ? arena_printf(arena, "%s)", text) : text;
}

static bool read_init_parameter(const AttrContext *c, const AstArg *arg, Init *out)
{
    const InitRow *row = &init_rows[out->kind];
    for (int i = 0; i < INIT_PARAMETERS && arg->key && row->parameters[i]; i++) {
        if (strcmp(row->parameters[i], arg->key) != 0) continue;
        bool flag = i && row->second_is_flag, yes = false;
        const AttrDef single = {.name = arg->key, .kind = flag ? ATTR_BOOL : ATTR_FLOAT};
        const AttrContext inner = {c->e, c->f, row->word, &single};
        if (!flag) return read_real(&inner, arg->value, &out->at[i]);
        if (!read_bool(&inner, arg->value, &yes)) return false;
        out->at[i] = yes;
        return true;
    }
    diag_error(c->e->diag, E0401, arg->at, arg->key ? "%s has no parameter '%s'" : "%s: parameters are named",
               row->word, arg->key);
    return diag_help(c->e->diag, "write %s", init_parameters(c->e->arena, row));
}

static bool read_init(const AttrContext *c, const AstExpr *value, Init *out)
{
    const char *words[INIT_COUNT];
    bool word = value->kind == AST_NAME || value->kind == AST_CALL, ok = true;
    for (int i = 0; i < INIT_COUNT; i++) {
        words[i] = init_rows[i].word;
        if (!word || strcmp(words[i], value->text) != 0) continue;
        *out = init_of((InitKind)i);
        for (const AstArg *arg = value->args.first; arg; arg = arg->next) ok = read_init_parameter(c, arg, out) && ok;
        return ok;
    }
    diag_error(c->e->diag, E0402, value->at, "%s of %s: expected a rule, as he_normal", c->row->name, c->of);
    const char *near = word ? diag_nearest(value->text, words, INIT_COUNT) : NULL;
    if (near) return diag_help(c->e->diag, "did you mean %s?", near);
    const char *all = words[0];
    for (int i = 1; i < INIT_COUNT; i++) all = arena_printf(c->e->arena, "%s, %s", all, words[i]);
    return diag_help(c->e->diag, "there are %s", all);
}

/* A number as somebody would have written it. */
static AstExpr *spelled_number(Arena *arena, const Item *item, Span at)
{
    AstExpr *number = ARENA_NEW(arena, AstExpr), *negated = ARENA_NEW(arena, AstExpr);
    bool whole = item->kind == ITEM_INTEGER, negative = whole && item->integer < 0;
    *number = (AstExpr){.kind = whole ? AST_INTEGER : AST_REAL, .at = at, .real = item->real};
    number->integer = negative ? 0 - (uint64_t)item->integer : (uint64_t)item->integer;
    number->written = whole ? arena_printf(arena, "%llu", (unsigned long long)number->integer)
                            : number_text(arena, item->real, false);
    if (!negative) return number;
    AstArg *arg = ARENA_NEW(arena, AstArg);
    *arg = (AstArg){.at = at, .value = number};
    *negated = (AstExpr){.kind = AST_NEGATE, .at = at, .text = "-", .depth = 1, .args = {arg, arg, 1}};
    return negated;
}

/* The name of a block's list stands for what the call says; whatever else stands for itself. */
static const AstExpr *spelled(const AttrContext *c, const AstExpr *value)
{
    AttrKind kind = c->row->kind;
    const ScopeEntry *entry = value->kind == AST_NAME ? scope_find(c->f->scope, value->text) : NULL;
    bool lists = kind == ATTR_INTS || kind == ATTR_REALS || kind == ATTR_PAD;
    if (!entry || entry->item.kind != ITEM_LIST || !lists || entry->item.list->rank != 1) return value;
    const NumberList *numbers = entry->item.list;
    AstExpr *list = ARENA_NEW(c->e->arena, AstExpr);
    *list = (AstExpr){.kind = AST_LIST, .at = value->at, .depth = 2};
    for (int64_t i = 0; i < numbers->count; i++) {
        AstArg *arg = ARENA_NEW(c->e->arena, AstArg);
        *arg = (AstArg){.at = value->at, .value = spelled_number(c->e->arena, &numbers->at[i], value->at)};
        *(list->args.last ? &list->args.last->next : &list->args.first) = arg;
        list->args.last = arg;
        list->args.count++;
    }
    return list;
}

static bool read_value(const AttrContext *c, const AstExpr *value, void *attrs)
{
    void *field = attr_field(c->row, attrs);
    value = spelled(c, value);
    switch (c->row->kind) {
    case ATTR_INT: return read_integer(c, value, field);
    case ATTR_FLOAT: return read_real(c, value, field);
    case ATTR_BOOL: return read_bool(c, value, field);
    case ATTR_ENUM: return read_word(c, value, field);
    case ATTR_STRING: return read_string(c, value, field);
    case ATTR_INTS: return read_ints(c, value, attrs);
    case ATTR_REALS: return read_reals(c, value, field);
    case ATTR_DTYPE: return read_dtype(c, value, field);
    case ATTR_PAD: return read_pad(c, value, field);
    case ATTR_INIT: return read_init(c, value, field);
    }
    return false;
}

static bool unknown(Elaborator *e, const char *of, const AttrTable *table, const AstArg *arg)
{
    const char **names = ARENA_ARRAY(e->arena, const char *, table->count + 1);
    for (int i = 0; i < table->count; i++) names[i] = table->rows[i].name;
    const char *near = diag_nearest(arg->key, names, (size_t)table->count), *all = "";
    for (int i = 0; i < table->count; i++) all = arena_printf(e->arena, "%s%s%s", all, i ? ", " : "", names[i]);
    diag_error(e->diag, E0401, arg->at, "%s has no attribute '%s'", of, arg->key);
    if (near) return diag_help(e->diag, "did you mean %s?", near);
    if (!table->count) return diag_help(e->diag, "%s has no attributes; operands stand without a name", of);
    return diag_help(e->diag, "%s has %s", of, all);
}

bool elaborate_attrs(Elaborator *e, Frame *f, const char *of, const AttrTable *table, const AstArgs *args, void *attrs,
                     bool *given)
{
    bool ok = true;
    for (const AstArg *arg = args->first; arg; arg = arg->next) {
        if (!arg->key) continue;
        const AttrDef *row = attr_find(table, arg->key);
        if (!row) {
            ok = unknown(e, of, table, arg);
            continue;
        }
        if (given[row - table->rows]) {
            ok = diag_error(e->diag, E0405, arg->at, "%s of %s is given twice", arg->key, of);
            diag_help(e->diag, "keep one of them");
            continue;
        }
        given[row - table->rows] = true;
        AttrContext context = {e, f, of, row};
        ok = read_value(&context, arg->value, attrs) && ok;
    }
    return ok;
}
