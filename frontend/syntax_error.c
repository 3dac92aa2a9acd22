/* How a syntax error reads: a word or two for what could have stood there. */
#include "frontend/parse.h"

#include <string.h>

/* A set of symbols that a reader knows by one name: when `sign` is expected and `absent` is not, all of `members` go.
 */
typedef struct Family {
    const char *name;
    const char *sign, *absent;
    const char *members;
} Family;

#define DECLARATIONS " model block op extern deploy dim weights input output preprocess state next group "
#define VALUES                                                                                                         \
    " name string integer number measure extent repeat share scan loop if when not yes no inf nan none '(' '[' '-' "

static const Family families[] = {
    {"a model, block, op, extern op, deploy", "deploy", "name", " model block op extern deploy "},
    {"a statement", "return", "as", DECLARATIONS " return " VALUES},
    {"a value", "when", "as", VALUES},
    {"an attribute", "deploy", "",
     DECLARATIONS " return repeat share scan loop while as if when then else and or not on yes no inf nan none name "},
};
static const char operators[] = " '+' '-' '*' '/' '<' '>' == != <= >= and or |> '@' on ";
/* what may follow a name is no news where a bracket can be closed */
static const char beside_closing[] = " '(' ':' '[' '=' ";

static bool is_member(const char *members, const char *name)
{
    char padded[40];
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(members, padded) != NULL;
}

static bool expects(const int *expected, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(parse_symbol_name(expected[i]), name)) return true;
    return false;
}

/* `name` as a reader says it: 'x' for what stands in the text, a word for a kind of thing. */
static const char *readable(Parse *p, const char *name)
{
    static const char *const kinds[][2] = {{"name", "a name"},
                                           {"string", "a string"},
                                           {"integer", "an integer"},
                                           {"number", "a number"},
                                           {"newline", "the end of the line"},
                                           {"end of file", "the end of the file"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i][0])) return kinds[i][1];
    return name[0] == '\'' ? name : arena_printf(p->arena, "'%s'", name);
}

static const Family *family_of(const int *expected, int count)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        if (expects(expected, count, families[f].sign) && !expects(expected, count, families[f].absent))
            return &families[f];
    return NULL;
}

static bool is_noise(const Family *family, const char *name, bool closes)
{
    if (!strcmp(name, "bad token")) return true;
    if (family) return is_member(family->members, name);
    return is_member(operators, name) || (closes && is_member(beside_closing, name));
}

static const char *expectation(Parse *p, const int *expected, int count)
{
    const char *names[6], *text = "";
    int n = 0;
    const Family *family = family_of(expected, count);
    bool closes = expects(expected, count, "')'") || expects(expected, count, "']'");
    if (family) names[n++] = family->name;
    for (int i = 0; i < count && n < 6; i++) {
        const char *name = parse_symbol_name(expected[i]);
        if (!is_noise(family, name, closes)) names[n++] = readable(p, name);
    }
    if (!n) names[n++] = count ? "an operator" : "nothing more";
    for (int i = 0; i < n; i++)
        text = arena_printf(p->arena, "%s%s%s", text, !i ? "" : i == n - 1 ? " or " : ", ", names[i]);
    return text;
}

static const char *found_text(Parse *p, int symbol, const Location *at)
{
    const char *name = parse_symbol_name(symbol);
    bool newline = !strcmp(name, "newline");
    if (at->offset >= p->source->length) return "the end of the file";
    if (newline && p->source->text[at->offset] == '}') return "'}'";
    if (newline) return "the end of the line";
    int length = parse_span(p, at).length;
    if (name[0] == '\'') return name;
    return arena_printf(p->arena, "'%.*s'%s", length < 40 ? length : 40, p->source->text + at->offset,
                        length < 40 ? "" : "...");
}

/* The word that begins a statement when it is nearly one: `outptu y = x`. */
static const char *misspelt(const Parse *p)
{
    static const char *const words[] = {"model", "block",  "op",         "extern", "deploy", "dim",   "weights",
                                        "input", "output", "preprocess", "state",  "next",   "group", "return"};
    bool near = p->head_text && p->behind_head <= 1;
    return near ? diag_nearest(p->head_text, words, sizeof words / sizeof *words) : NULL;
}

/* What the user probably did. */
static void explain(Parse *p, const Location *at, const int *expected, int count)
{
    bool wants_name = expects(expected, count, "name");
    const char *keyword = parse_keyword(p->last);
    if (!keyword && wants_name && (p->last == '=' || p->last == ':')) keyword = parse_keyword(p->previous);
    if (keyword && wants_name) {
        diag_help(p->diag, "'%s' is a word of the language; as a name it stands in quotes: \"%s\"", keyword, keyword);
        return;
    }
    const char *near = misspelt(p);
    bool open = p->nopen && p->open[p->nopen - 1].line < at->first_line;
    if (near)
        diag_help(p->diag, "did you mean '%s'?", near);
    else if (open && (p->open[p->nopen - 1].kind != '{' || at->offset >= p->source->length))
        diag_help(p->diag, "the '%c' on line %d is not closed", p->open[p->nopen - 1].kind, p->open[p->nopen - 1].line);
    else if (expects(expected, count, "newline"))
        diag_help(p->diag, "a statement ends with its line; values are joined by operators or |>");
    else
        diag_help(p->diag, "docs/language.md has the whole grammar on one page");
}

void parse_unexpected(Parse *p, const Location *at, int found, const int *expected, int count)
{
    bool outside = family_of(expected, count) == &families[0];
    bool reported = !strcmp(parse_symbol_name(found), "bad token") || p->cut || (outside && p->stray);
    p->stray = outside;
    if (!reported) {
        diag_error(p->diag, E0101, parse_span(p, at), "expected %s, found %s", expectation(p, expected, count),
                   found_text(p, found, at));
        explain(p, at, expected, count);
    }
    parse_recover(p);
}
