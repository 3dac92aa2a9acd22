/* Numbers written beside tensors, and lists of such: the constants that they become. */
#include "frontend/elaborate.h"

#include <math.h>
#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

/* ---- lists ---- */

static Item refuse_element(Elaborator *e, const AstExpr *list, const Item *item, Span at)
{
    if (item->kind == ITEM_BROKEN) return broken;
    diag_error(e->diag, E0306, at, "a list of numbers: found %s", item_text(e->arena, item));
    diag_help(e->diag, list->args.first->next ? "concat(a, b) puts tensors behind each other"
                                              : "a list holds numbers that are known at compile time");
    return broken;
}

static bool same_shape(const NumberList *a, const NumberList *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim);
}

/* One of `length` elements behind those that are there: a number, or the numbers of a list inside. */
static bool append(Elaborator *e, NumberList *list, int64_t length, Item *item, Span at)
{
    const NumberList one = {.count = 1, .at = item}, *more = item->kind == ITEM_LIST ? item->list : &one;
    NumberList inner = {.rank = list->rank - 1};
    memcpy(inner.dim, list->dim + 1, sizeof inner.dim - sizeof *inner.dim);
    if (list->count && !same_shape(&inner, more)) {
        diag_error(e->diag, E0301, at, "a list in a list: expected the shape of the first element");
        return diag_help(e->diag, "rows of a matrix have one length");
    }
    if (more->rank + 1 > MAX_RANK) {
        diag_error(e->diag, E0301, at, "lists in lists: a tensor has at most %d axes", MAX_RANK);
        return diag_help(e->diag, "write fewer, and reshape");
    }
    if (!list->count) {
        list->rank = more->rank + 1;
        memcpy(list->dim + 1, more->dim, sizeof list->dim - sizeof *list->dim);
        list->at = ARENA_ARRAY(e->arena, Item, (size_t)(length * more->count));
    }
    memcpy(list->at + list->count, more->at, (size_t)more->count * sizeof *more->at);
    list->count += more->count;
    list->dim[0]++;
    return true;
}

Item elaborate_list(Elaborator *e, Frame *f, const AstExpr *expr)
{
    NumberList *list = ARENA_NEW(e->arena, NumberList);
    *list = (NumberList){.rank = 1};
    for (const AstArg *arg = expr->args.first; arg; arg = arg->next) {
        Item item = elaborate_expr(e, f, arg->value, NULL);
        if (!item_is_static(&item) && item.kind != ITEM_LIST) return refuse_element(e, expr, &item, arg->value->at);
        if (!append(e, list, expr->args.count, &item, arg->value->at)) return broken;
    }
    if (list->count) return (Item){.kind = ITEM_LIST, .list = list};
    diag_error(e->diag, E0306, expr->at, "a list of no numbers");
    diag_help(e->diag, "a constant has one element or more");
    return broken;
}

/* ---- dtypes ---- */

Dtype partner_dtype(Op op, int count, const Item *items)
{
    const OpDef *def = op_table[op];
    Dtype found = DTYPE_COUNT;
    bool condition = false;
    for (int i = 0; i < count; i++) {
        if (items[i].kind != ITEM_VALUE) continue;
        Dtype dtype = value_type(items[i].value)->dtype;
        if (i < def->noperands && def->operands[i].flags & OPERAND_CONDITION)
            condition = true;
        else if (found == DTYPE_COUNT || (found == BOOL && dtype != BOOL))
            found = dtype;
    }
    return found == DTYPE_COUNT && condition ? F32 : found;
}

Dtype number_dtype(Op op, int index, Dtype partner)
{
    const OpDef *def = op_table[op];
    unsigned flags = index < def->noperands ? def->operands[index].flags : 0;
    if (flags & OPERAND_CONDITION) return BOOL;
    return flags & OPERAND_REAL && !dtype_is_float(partner) ? F32 : partner;
}

/* The largest finite value of a float dtype. */
static double largest_float(Dtype dtype)
{
    switch (dtype) {
    case F16: return 65504;
    case BF16: return 0x1.fep127;
    case F32: return 0x1.fffffep127;
    case F8E4M3FN: return 448;
    case F8E4M3FNUZ: return 240;
    case F8E5M2:
    case F8E5M2FNUZ: return 57344;
    case F8E8M0: return 0x1p127;
    case F4E2M1: return 6;
    default: return HUGE_VAL;
    }
}

static bool fits_dtype(const Item *item, Dtype dtype)
{
    if (dtype == BOOL || item->kind == ITEM_BOOL) return dtype == BOOL && item->kind == ITEM_BOOL;
    if (dtype_is_float(dtype)) return !isfinite(item->real) || fabs(item->real) <= largest_float(dtype);
    if (item->kind != ITEM_INTEGER) return false;
    int bits = dtype_width(dtype);
    bool is_signed = dtype_kind(dtype) == DTYPE_SIGNED;
    int64_t high = bits - is_signed >= 63 ? INT64_MAX : (INT64_C(1) << (bits - is_signed)) - 1;
    return item->integer <= high && item->integer >= (is_signed ? -high - 1 : 0);
}

/* ---- constants ---- */

static bool refuse_number(Elaborator *e, const Item *item, Dtype dtype, Span at)
{
    diag_error(e->diag, E0302, at, "%s is not a value that %s can hold, the dtype of the operand beside it",
               item_text(e->arena, item), dtype_name(dtype));
    return diag_help(e->diag, "convert the tensor first, as in f32(x)");
}

static void set_number(Tensor *tensor, int64_t index, const Item *item)
{
    Scalar scalar = {.real = item->kind == ITEM_BOOL ? (double)item->integer : item->real, .integer = item->integer};
    if (dtype_is_float(tensor->type.dtype))
        tensor_set_real(tensor, index, scalar.real);
    else
        tensor_set(tensor, index, scalar);
}

bool number_operand(Elaborator *e, const Frame *f, const char *name, const Item *item, Dtype dtype, Span at, Value *out)
{
    Item self = *item;
    const NumberList one = {.count = 1, .at = &self}, *numbers = item->kind == ITEM_LIST ? item->list : &one;
    Tensor *tensor = ARENA_NEW(e->arena, Tensor);
    *tensor = tensor_new(e->arena, type_tensor(dtype, numbers->rank, numbers->dim));
    for (int64_t i = 0; i < numbers->count; i++) {
        if (!fits_dtype(&numbers->at[i], dtype)) return refuse_number(e, &numbers->at[i], dtype, at);
        set_number(tensor, i, &numbers->at[i]);
    }
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    if (item->kind != ITEM_LIST) attrs.value = tensor_real(tensor, 0);
    NodeSpec spec = {.op = OP_constant, .name = name, .attrs = &attrs, .type = &tensor->type, .data = tensor};
    spec.origin = elaborate_origin(e, f, at);
    Node *node = graph_add(e->graph, &spec, e->diag);
    *out = node ? value_of(node) : (Value){0};
    return node != NULL;
}
