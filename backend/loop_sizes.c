/* Sizes of dims: as they are read, and numbers that become one. */
#include "backend/loop_lex.h"
#include "backend/loop_range.h"
#include "ir/bounded.h"

void loop_resize(LoopBuilder *b, int dim, int64_t low, int64_t high, const LoopExpr *value)
{
    LoopStatement *s = ARENA_NEW(b->arena, LoopStatement);
    *s = (LoopStatement){.kind = LOOP_RESIZE, .dim = dim, .low = low, .high = high, .value = value};
    *b->tail = s;
    b->tail = &s->next;
}

void loop_take_size(LoopParser *p)
{
    LoopSize size = {.factor = 1, .divisor = 1};
    const char *name = loop_take_new_name(p, "a size's name");
    loop_expect(p, '=');
    size.dim = (int)loop_take_integer(p, "a number of a dim", 0, MAX_DIMS - 1);
    if (loop_accept_word(p, "factor")) {
        size.factor = loop_take_integer(p, "a factor", -loop_max_integer, loop_max_integer);
        if (!loop_accept_word(p, "base")) loop_expected(p, "'base'");
        size.base = loop_take_integer(p, "a number", -loop_max_integer, loop_max_integer);
        if (!loop_accept_word(p, "divisor")) loop_expected(p, "'divisor'");
        size.divisor = loop_take_integer(p, "a divisor", 1, loop_max_integer);
    }
    if (!loop_accept_word(p, "in")) loop_expected(p, "'in'");
    size.low = loop_take_integer(p, "a bound", 0, loop_max_integer);
    loop_expect(p, '.');
    size.high = loop_take_integer(p, "a bound", 0, loop_max_integer);
    if (!loop_failed(p)) loop_size(&p->builder, name, &size);
}

void loop_take_resize(LoopParser *p)
{
    int dim = (int)loop_take_integer(p, "a number of a dim", 0, MAX_DIMS - 1);
    if (!loop_accept_word(p, "in")) loop_expected(p, "'in'");
    int64_t low = loop_take_integer(p, "a bound", 0, loop_max_integer);
    loop_expect(p, '.');
    int64_t high = loop_take_integer(p, "a bound", 0, loop_max_integer);
    loop_expect(p, '=');
    const LoopExpr *value = loop_take_expr(p);
    if (value && !loop_failed(p)) loop_resize(&p->builder, dim, low, high, value);
}

const char *loop_resize_fault(const LoopFunction *function, const LoopStatement *resize)
{
    const int64_t most = (int64_t)1 << 40;
    for (int i = 0; i < function->nsizes; i++)
        if (function->sizes[i].dim == resize->dim) return "changes while it is used";
    if (resize->value->dtype != I64 || resize->value->lanes != 1) return "is no number";
    if (resize->low < 0 || resize->low > resize->high || resize->high > most) return "has impossible bounds";
    return loop_is_within(resize->value, resize->low, resize->high) ? NULL : "may become anything";
}
