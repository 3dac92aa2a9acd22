/* Compile-time arithmetic: integers of 64 bits, reals, yes and no. */
#include "frontend/elaborate.h"

#include <math.h>
#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

static Item integer_item(int64_t value)
{
    return (Item){.kind = ITEM_INTEGER, .integer = value, .real = (double)value};
}
static Item real_item(double value) { return (Item){.kind = ITEM_REAL, .real = value}; }
static Item bool_item(bool value) { return (Item){.kind = ITEM_BOOL, .integer = value}; }

bool item_is_number(const Item *item) { return item->kind == ITEM_INTEGER || item->kind == ITEM_REAL; }
bool item_is_static(const Item *item) { return item_is_number(item) || item->kind == ITEM_BOOL; }

static bool is(const char *op, const char *text) { return strcmp(op, text) == 0; }

/* Division rounds down, as dims need it. */
static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static Item integer_arithmetic(Elaborator *e, const char *op, int64_t a, int64_t b, Span at)
{
    int64_t result = 0;
    bool divide = is(op, "/");
    if (divide && b == 0) {
        diag_error(e->diag, E0104, at, "division of %lld by zero", (long long)a);
        diag_help(e->diag, "decide with `when` what happens where it is zero");
        return broken;
    }
    bool overflow = divide        ? a == INT64_MIN && b == -1
                    : is(op, "+") ? __builtin_add_overflow(a, b, &result)
                    : is(op, "-") ? __builtin_sub_overflow(a, b, &result)
                                  : __builtin_mul_overflow(a, b, &result);
    if (overflow) {
        diag_error(e->diag, E0104, at, "%lld %s %lld does not fit 64 bits", (long long)a, op, (long long)b);
        diag_help(e->diag, "reals reach further: write one of them with a point");
        return broken;
    }
    return integer_item(divide ? floor_divide(a, b) : result);
}

static Item real_arithmetic(const char *op, double a, double b)
{
    return real_item(is(op, "+") ? a + b : is(op, "-") ? a - b : is(op, "*") ? a * b : a / b);
}

static Item compare(const char *op, const Item *left, const Item *right)
{
    bool integers = left->kind != ITEM_REAL && right->kind != ITEM_REAL;
    int64_t i = left->integer, k = right->integer;
    double x = left->real, y = right->real;
    bool less = integers ? i < k : x < y, equal = integers ? i == k : x == y;
    bool greater = integers ? i > k : x > y;
    return bool_item(is(op, "==")   ? equal
                     : is(op, "!=") ? !equal
                     : is(op, "<")  ? less
                     : is(op, "<=") ? less || equal
                     : is(op, ">")  ? greater
                                    : greater || equal);
}

Item fold_binary(Elaborator *e, const char *op, const Item *left, const Item *right, Span at)
{
    bool logic = is(op, "and") || is(op, "or"), equality = is(op, "==") || is(op, "!=");
    bool bools = left->kind == ITEM_BOOL && right->kind == ITEM_BOOL;
    if (logic && bools)
        return bool_item(is(op, "and") ? left->integer && right->integer : left->integer || right->integer);
    if (logic || (left->kind == ITEM_BOOL) != (right->kind == ITEM_BOOL) || (bools && !equality)) {
        diag_error(e->diag, E0306, at, "'%s' does not work on %s and %s", op, item_text(e->arena, left),
                   item_text(e->arena, right));
        diag_help(e->diag, logic ? "both sides of '%s' are yes or no, or comparisons" : "'%s' takes two numbers", op);
        return broken;
    }
    if (equality || strchr("<>", op[0])) return compare(op, left, right);
    if (left->kind == ITEM_REAL || right->kind == ITEM_REAL) return real_arithmetic(op, left->real, right->real);
    return integer_arithmetic(e, op, left->integer, right->integer, at);
}

Item fold_negate(Elaborator *e, const Item *item, const AstExpr *of, Span at)
{
    if (item->kind == ITEM_REAL) return real_item(-item->real);
    /* the lexer lets 2^63 through for this one case */
    if (of->kind == AST_INTEGER && of->integer == (uint64_t)1 << 63) return integer_item(INT64_MIN);
    return integer_arithmetic(e, "-", 0, item->integer, at);
}
