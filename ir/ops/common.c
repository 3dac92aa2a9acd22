#include "ir/ops/map.h"

#include <assert.h>

const char *const pad_words[] = {"valid", "same", NULL};

bool operand_present(const Node *node, int index) { return index < node->ninputs && node->inputs[index].node; }
const Type *operand_type(const Node *node, int index) { return value_type(node->inputs[index]); }
const char *operand_text(const Node *node, int index, Arena *arena)
{
    return type_text(arena, operand_type(node, index));
}

static const char *operand_name(const Node *node, int index)
{
    const OpDef *def = node_def(node);
    return def->operands[index < def->noperands ? index : def->noperands - 1].name;
}

bool dtype_accepted(Dtype dtype, Accept accept)
{
    if (dtype_is_storage(dtype) || accept == ACCEPT_ANY) return accept == ACCEPT_ANY;
    bool floats = accept == ACCEPT_FLOATS || accept == ACCEPT_NUMBERS || accept == ACCEPT_COMPUTED;
    bool bools = accept == ACCEPT_BOOL || accept == ACCEPT_COMPUTED;
    if (dtype_is_float(dtype)) return floats;
    return dtype == BOOL ? bools : accept != ACCEPT_FLOATS && accept != ACCEPT_BOOL;
}

bool need_dtype(const Node *node, int index, Accept accept, Diag *diag)
{
    static const char *const wanted[] = {[ACCEPT_FLOATS] = "a float dtype",
                                         [ACCEPT_INTEGERS] = "an integer dtype",
                                         [ACCEPT_NUMBERS] = "a number dtype",
                                         [ACCEPT_BOOL] = "bool",
                                         [ACCEPT_COMPUTED] = "a dtype of 8 bits or more to compute with",
                                         [ACCEPT_ANY] = "any dtype"};
    static const char *const casts[] = {[ACCEPT_INTEGERS] = "i32(x)", [ACCEPT_BOOL] = "bool(x)"};
    if (dtype_accepted(operand_type(node, index)->dtype, accept)) return true;
    diag_error(diag, E0302, node_span(node), "%s: expected %s for `%s`, found %s", node_def(node)->name, wanted[accept],
               operand_name(node, index), operand_text(node, index, diag->arena));
    bool other = accept == ACCEPT_INTEGERS || accept == ACCEPT_BOOL;
    return diag_help(diag, "convert it, as in %s", other ? casts[accept] : "f32(x)");
}

bool need_same_dtype(const Node *node, int index, Diag *diag)
{
    Dtype wanted = operand_type(node, 0)->dtype;
    if (operand_type(node, index)->dtype == wanted) return true;
    diag_error(diag, E0302, node_span(node), "%s: expected `%s` to be %s as `%s` is, found %s", node_def(node)->name,
               operand_name(node, index), dtype_name(wanted), operand_name(node, 0),
               operand_text(node, index, diag->arena));
    return diag_help(diag, "convert one of them, as in %s(x)", dtype_name(wanted));
}

static bool is_byte(Dtype dtype) { return dtype == I8 || dtype == U8; }

Dtype dtype_of_sums(Dtype operand) { return is_byte(operand) ? I32 : operand; }

Dtype dtype_of_weights(Dtype operand) { return is_byte(operand) ? I8 : operand; }

bool need_factor(const Node *node, int index, Diag *diag)
{
    return is_byte(operand_type(node, index)->dtype) || need_dtype(node, index, ACCEPT_FLOATS, diag);
}

static bool refuse_products(const Node *node, Diag *diag)
{
    diag_error(diag, E0302, node_span(node),
               "%s: expected operands of one float dtype, or i8 or u8 times i8, found %s "
               "and %s",
               node_def(node)->name, operand_text(node, 0, diag->arena), operand_text(node, 1, diag->arena));
    return diag_help(diag, "convert them, as in f32(x); 8-bit sums are i32");
}

static bool need_integer_bias(const Node *node, int bias, Diag *diag)
{
    if (bias < 0 || !operand_present(node, bias) || operand_type(node, bias)->dtype == I32) return true;
    diag_error(diag, E0302, node_span(node), "%s: expected `%s` to be i32, as sums of 8-bit products are, found %s",
               node_def(node)->name, operand_name(node, bias), operand_text(node, bias, diag->arena));
    return diag_help(diag, "its scale is that of the products");
}

bool need_products(const Node *node, int64_t depth, int bias, Diag *diag)
{
    enum { DEEPEST = 65535 }; /* 255 * 128 each: below 2^31 with a bias of 2^25 */
    Dtype x = operand_type(node, 0)->dtype, y = operand_type(node, 1)->dtype;
    if (!is_byte(x)) {
        if (!dtype_accepted(x, ACCEPT_FLOATS)) return refuse_products(node, diag);
        return need_same_dtype(node, 1, diag) &&
               (bias < 0 || !operand_present(node, bias) || need_same_dtype(node, bias, diag));
    }
    if (y != I8) return refuse_products(node, diag);
    if (!need_integer_bias(node, bias, diag)) return false;
    if (depth <= DEEPEST) return true;
    diag_error(diag, E0305, node_span(node), "%s: a sum of %lld 8-bit products may not fit i32", node_def(node)->name,
               (long long)depth);
    return diag_help(diag, "%d are the most; compute this layer in f32", (int)DEEPEST);
}

bool need_rank(const Node *node, int index, int rank, const char *layout, Diag *diag)
{
    if (operand_type(node, index)->rank == rank) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected `%s` of rank %d, %s, found %s", node_def(node)->name,
               operand_name(node, index), rank, layout, operand_text(node, index, diag->arena));
    return diag_help(diag, "give it these axes with reshape(shape: [...])");
}

bool need_shape(const Node *node, int index, int rank, const int64_t *dims, const char *why, Diag *diag)
{
    Type wanted = type_tensor(operand_type(node, 0)->dtype, rank, dims);
    if (type_same_shape(operand_type(node, index), &wanted)) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected `%s` to be %s (%s), found %s", node_def(node)->name,
               operand_name(node, index), type_text(diag->arena, &wanted), why, operand_text(node, index, diag->arena));
    return diag_help(diag, "reshape or transpose it, or leave it out, so that a parameter of this shape is made");
}

bool need_sane(const Node *node, const Type *type, Diag *diag)
{
    if (type_is_sane(type)) return true;
    diag_error(diag, E0305, node_span(node), "%s would make %s, which has a negative dim or is too large",
               node_def(node)->name, type_text(diag->arena, type));
    return diag_help(diag, "a tensor may take 2^40 bytes at most, and each dim is 0 or more");
}

bool need_axis(const Node *node, int64_t axis, int rank, int *out, Diag *diag)
{
    if (axis >= -rank && axis < rank) {
        *out = (int)(axis < 0 ? axis + rank : axis);
        return true;
    }
    diag_error(diag, E0404, node_span(node), "%s: axis %lld is not one of the %d axes of %s", node_def(node)->name,
               (long long)axis, rank, operand_text(node, 0, diag->arena));
    return diag_help(diag, "axes count from 0, or from -1 at the end");
}

int64_t product_or_most(int64_t a, int64_t b)
{
    assert(a >= 0 && b >= 0);
    return b && a > INT64_MAX / b ? INT64_MAX : a * b;
}

const Operand map_operands[] = {{.name = "x", .doc = "any shape"},
                                {.name = "y", .doc = "a shape that broadcasts with x's"}};

bool infer_map(const Node *node, Accept accept, Type *out, Diag *diag)
{
    for (int i = 0; i < node->ninputs; i++)
        if (!need_dtype(node, i, accept, diag)) return false;
    return infer_broadcast(node, out, diag);
}
bool infer_map_floats(const Node *node, Type *out, Diag *diag) { return infer_map(node, ACCEPT_FLOATS, out, diag); }
bool infer_map_numbers(const Node *node, Type *out, Diag *diag) { return infer_map(node, ACCEPT_NUMBERS, out, diag); }

bool infer_test(const Node *node, Accept accept, Type *out, Diag *diag)
{
    if (!infer_map(node, accept, out, diag)) return false;
    out->dtype = BOOL;
    return true;
}

void map_widened(const Node *node, Expr *e, const int *args, MapCompute *compute)
{
    int wide[4] = {0};
    int last = node->ninputs - 1;
    Dtype dtype = e->ops[args[last]].dtype;
    bool narrow = dtype == F16 || dtype == BF16;
    assert(node->ninputs <= 4);
    for (int i = 0; i <= last; i++) {
        wide[i] = args[i];
        if (narrow && e->ops[args[i]].dtype == dtype) wide[i] = expr_cast(e, F32, args[i]);
    }
    int result = compute(e, node, wide);
    if (narrow && e->ops[result].dtype == F32) result = expr_cast(e, dtype, result);
    e->result = result;
}

enum { INDEXED, INDEX };

bool need_index_beside(const Node *node, int axis, const char *hint, Diag *diag)
{
    const Type *x = operand_type(node, INDEXED), *index = operand_type(node, INDEX);
    bool fits = index->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = i == axis || index->dim[i].high <= x->dim[i].high;
    if (fits) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected an index no larger than %s but along axis %d, found %s",
               node_def(node)->name, operand_text(node, INDEXED, diag->arena), axis,
               operand_text(node, INDEX, diag->arena));
    return diag_help(diag, "%s", hint);
}
