/* How a syntax error reads: a word or two for what could have stood there. */
#include "frontend/parse.h"

#include <string.h>

/* A set of symbols that a reader knows by one name: when `sign` is expected, all of `members` go. */
typedef struct Family {
    const char *name;
    const char *sign;
    const char *members;
} Family;

static const Family families[] = {
    {"a statement", "weights",
     " model block op deploy dim weights input output preprocess state next group return "
     "name string integer number measure extent repeat share scan when not yes no inf nan none "
     "'(' '[' '-' "},
    {"a value", "when",
     " name string integer number measure extent repeat share scan when not yes no inf nan none '(' "
     "'[' '-' "},
    {"an attribute", "deploy",
     " model block op deploy dim weights input output preprocess state next group return "
     "repeat share scan as when then else and or not on yes no inf nan none name "},
};
static const char operators[] = " '+' '-' '*' '/' '<' '>' == != <= >= and or |> '@' on ";

static bool is_member(const char *members, const char *name)
{
    char padded[40];
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(members, padded) != NULL;
}

/* `name` as a reader says it: 'x' for what stands in the text, a word for a kind of thing. */
static const char *readable(Parse *p, const char *name)
{
    static const char *const kinds[] = {"name", "string", "integer", "number", "newline", "end of file"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i]))
            return arena_printf(p->arena, "%s%s", i > 3 ? "" : strchr("aeiou", name[0]) ? "an " : "a ", name);
    return name[0] == '\'' ? name : arena_printf(p->arena, "'%s'", name);
}

static const char *expectation(Parse *p, const int *expected, int count)
{
    const char *names[8], *text = "";
    int n = 0;
    const Family *family = NULL;
    for (size_t f = 0; f < sizeof families / sizeof *families && !family; f++)
        for (int i = 0; i < count; i++)
            if (!strcmp(parse_symbol_name(expected[i]), families[f].sign)) family = &families[f];
    bool after_value = false;
    if (family) names[n++] = family->name;
    for (int i = 0; i < count && n < 8; i++) {
        const char *name = parse_symbol_name(expected[i]);
        if (family && is_member(family->members, name)) continue;
        if (!family && is_member(operators, name)) {
            after_value = true;
            continue;
        }
        if (!strcmp(name, "bad token")) continue;
        names[n++] = readable(p, name);
    }
    if (!n && after_value) names[n++] = "an operator";
    for (int i = 0; i < n; i++)
        text = arena_printf(p->arena, "%s%s%s", text, !i ? "" : i == n - 1 ? " or " : ", ", names[i]);
    return text;
}

static const char *found_text(Parse *p, int symbol, const Location *at)
{
    const char *name = parse_symbol_name(symbol);
    if (!strcmp(name, "newline") && at->offset < p->source->length && p->source->text[at->offset] == '}') return "'}'";
    if (!strcmp(name, "newline") && at->offset < p->source->length) return "the end of the line";
    if (!strcmp(name, "newline") || !strcmp(name, "end of file")) return "the end of the file";
    int length = parse_span(p, at).length;
    if (name[0] == '\'') return name;
    return arena_printf(p->arena, "'%.*s'%s", length < 40 ? length : 40, p->source->text + at->offset,
                        length < 40 ? "" : "...");
}

void parse_unexpected(Parse *p, const Location *at, int found, const int *expected, int count)
{
    bool reported = !strcmp(parse_symbol_name(found), "bad token") || p->cut;
    if (!reported) {
        const char *what = expectation(p, expected, count);
        diag_error(p->diag, E0101, parse_span(p, at), "expected %s, found %s", *what ? what : "nothing more",
                   found_text(p, found, at));
    }
    parse_recover(p);
}
