/* Sizes that follow from bounded dims. */
#include "frontend/onnx/sizes.h"

#include "frontend/onnx/import_state.h"
#include "ir/bounded.h"
#include "ir/eval.h"

#include <math.h>
#include <string.h>

/* ---- forms ---- */

bool dims_are_fixed(const DimList *list)
{
    for (int i = 0; i < list->count; i++)
        if (!dim_is_fixed(&list->at[i])) return false;
    return true;
}

DimList dims_of(const Type *type)
{
    DimList list = {.count = type->rank};
    for (int i = 0; i < type->rank; i++) list.at[i] = type->dim[i];
    return list;
}

const Dim *dims_split(OnnxCall *c, const DimList *dims, IntList *list)
{
    list->count = dims->count;
    for (int i = 0; i < dims->count; i++) list->at[i] = dims->at[i].high;
    if (dims_are_fixed(dims)) return NULL;
    Dim *kept = ARENA_ARRAY(c->arena, Dim, MAX_INTS);
    memcpy(kept, dims->at, sizeof dims->at);
    return kept;
}

/* (factor * declared + base) / divisor, rounded down; without `declared`, base. */
typedef struct Form {
    const Dim *declared;
    int64_t factor, base, divisor;
} Form;

/* Numbers of this size and more are no sizes; below it nothing that is done here overflows. */
static const int64_t most_size = INT64_C(1) << 30;

static bool is_small(int64_t a) { return a > -most_size && a < most_size; }

static bool read_form(const Graph *graph, const Dim *dim, Form *out)
{
    *out = (Form){.base = dim->high, .divisor = 1};
    if (dim_is_fixed(dim)) return is_small(dim->high);
    const Graph *root = graph_root(graph);
    int number = graph_dim(root, dim);
    if (number < 0) return false;
    *out = (Form){&root->dims[number], dim->factor ? dim->factor : 1, dim->base, dim->factor ? dim->divisor : 1};
    return is_small(out->factor) && is_small(out->base) && is_small(out->divisor) && is_small(dim->high);
}

static bool write_form(const Form *form, Dim *out)
{
    if (!is_small(form->base) || !is_small(form->factor) || !is_small(form->divisor)) return false;
    *out = form->declared ? dim_form(form->declared, form->factor, form->base, form->divisor) : dim_fixed(form->base);
    return true;
}

/* ---- arithmetic: what is no form any more is false ---- */

typedef bool SizeRule(const Form *a, const Form *b, Form *out);

static bool add_sizes(const Form *a, const Form *b, Form *out)
{
    if (a->declared && b->declared && (a->declared != b->declared || a->divisor != 1 || b->divisor != 1)) return false;
    const Form *of = a->declared ? a : b, *to = a->declared ? b : a;
    *out = *of;
    out->base += to->base * of->divisor;
    if (to->declared) out->factor += to->factor;
    return true;
}

static bool subtract_sizes(const Form *a, const Form *b, Form *out)
{
    Form less = {b->declared, -b->factor, -b->base, b->divisor};
    return b->divisor == 1 && add_sizes(a, &less, out) && (!out->declared || out->factor >= 0);
}

static bool multiply_sizes(const Form *a, const Form *b, Form *out)
{
    const Form *of = a->declared ? a : b, *by = a->declared ? b : a;
    *out = (Form){of->declared, of->factor * by->base, of->base * by->base, of->divisor};
    return !by->declared && (of->divisor == 1 || by->base == 1) && (!of->declared || by->base > 0);
}

/* Rounded towards zero, which is down where nothing is negative. */
static bool divide_sizes(const Form *a, const Form *b, Form *out)
{
    if (b->declared || b->base <= 0) return false;
    *out = *a;
    if (!a->declared) out->base /= b->base;
    out->divisor *= a->declared ? b->base : 1;
    return !a->declared || a->base >= 0;
}

/* Comparisons that have one answer for all sizes. */
static bool answer(bool known, bool value, Form *out)
{
    *out = (Form){.base = value, .divisor = 1};
    return known;
}

static bool equal_sizes(const Form *a, const Form *b, Form *out)
{
    Dim p, q;
    if (!write_form(a, &p) || !write_form(b, &q)) return false;
    bool same = dim_equal(&p, &q), apart = p.low > q.high || q.low > p.high;
    return answer(same || apart, same, out);
}

static bool less_sizes(const Form *a, const Form *b, Form *out)
{
    Dim p, q;
    if (!write_form(a, &p) || !write_form(b, &q)) return false;
    return answer(p.high < q.low || p.low >= q.high, p.high < q.low, out);
}

static bool less_or_equal_sizes(const Form *a, const Form *b, Form *out)
{
    Dim p, q;
    if (!write_form(a, &p) || !write_form(b, &q)) return false;
    return answer(p.high <= q.low || p.low > q.high, p.high <= q.low, out);
}

static bool least_size(const Form *a, const Form *b, Form *out)
{
    Form less;
    if (!less_or_equal_sizes(a, b, &less)) return false;
    *out = less.base ? *a : *b;
    return true;
}

static bool greatest_size(const Form *a, const Form *b, Form *out)
{
    Form less;
    if (!less_or_equal_sizes(a, b, &less)) return false;
    *out = less.base ? *b : *a;
    return true;
}

static const struct {
    Op op;
    SizeRule *rule;
} arithmetic[] = {
    {OP_add, add_sizes},      {OP_sub, subtract_sizes},    {OP_mul, multiply_sizes},
    {OP_div, divide_sizes},   {OP_equal, equal_sizes},     {OP_less, less_sizes},
    {OP_minimum, least_size}, {OP_maximum, greatest_size}, {OP_less_or_equal, less_or_equal_sizes},
};

/* ---- the sizes of a value ---- */

enum { MOST_SIZES = 64, DEEPEST_SIZE = 200 };

static const Dim *sizes_of(OnnxImport *im, Value value, int depth);

static void set_number(Tensor *tensor, int64_t index, int64_t number)
{
    Scalar scalar = {.integer = number};
    if (dtype_is_float(tensor->type.dtype)) scalar.real = (double)number;
    tensor_set(tensor, index, scalar);
}

static const Dim *known_sizes(OnnxImport *im, const Tensor *tensor)
{
    int64_t count = type_elements(&tensor->type);
    Dim *sizes = ARENA_ARRAY(im->arena, Dim, count + 1);
    for (int64_t i = 0; i < count; i++) {
        double number = tensor_real(tensor, i);
        bool integer = tensor->type.dtype != F32;
        if (!integer && !(fabs(number) <= 0x1p24 && number == rint(number))) return NULL;
        sizes[i] = dim_fixed(integer ? tensor_get(tensor, i).integer : (int64_t)number);
    }
    return sizes;
}

static const Dim *sizes_of_arithmetic(OnnxImport *im, const Node *node, SizeRule *rule, int depth)
{
    int64_t count = type_elements(&node->types[0]), counts[2];
    const Dim *operands[2];
    Dim *sizes = ARENA_ARRAY(im->arena, Dim, count + 1);
    if (rule == divide_sizes && value_type(node->inputs[0])->dtype == F32) return NULL; /* that does not round */
    for (int k = 0; k < 2; k++) {
        counts[k] = type_elements(value_type(node->inputs[k]));
        if (counts[k] != 1 && counts[k] != count) return NULL; /* a row beside a column */
        if (!(operands[k] = sizes_of(im, node->inputs[k], depth + 1))) return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        Form a, b, result;
        if (!read_form(node->graph, &operands[0][counts[0] == 1 ? 0 : i], &a) ||
            !read_form(node->graph, &operands[1][counts[1] == 1 ? 0 : i], &b) || !rule(&a, &b, &result) ||
            !write_form(&result, &sizes[i]))
            return NULL;
    }
    return sizes;
}

/* What a node does that only moves elements shows when it moves their numbers.  Operands from `first` on are moved,
 * those before, and all behind `last`, say where to. */
static const Dim *sizes_of_moved(OnnxImport *im, const Node *node, int first, int last, int depth)
{
    Tensor *operands = ARENA_ARRAY(im->arena, Tensor, node->ninputs + 1), moved;
    if (node->types[0].dtype == BOOL) return NULL; /* which numbers nothing */
    const Dim **from = ARENA_ARRAY(im->arena, const Dim *, node->ninputs + 1);
    for (int k = 0; k < node->ninputs; k++) {
        const Type *type = value_type(node->inputs[k]);
        if (!(from[k] = sizes_of(im, node->inputs[k], depth + 1))) return NULL;
        operands[k] = tensor_new(im->arena, *type);
        for (int64_t i = 0, count = type_elements(type); i < count; i++) {
            bool says = k < first || k > last;
            if (says && !dim_is_fixed(&from[k][i])) return NULL;
            set_number(&operands[k], i, says ? from[k][i].high : k * MOST_SIZES + i);
        }
    }
    node_eval(node, operands, &moved, im->arena);
    int64_t count = type_elements(&node->types[0]);
    Dim *sizes = ARENA_ARRAY(im->arena, Dim, count + 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t number = (int64_t)tensor_real(&moved, i);
        sizes[i] = from[number / MOST_SIZES][number % MOST_SIZES];
    }
    return sizes;
}

static const Dim *sizes_of_extent(OnnxImport *im, const Node *node)
{
    const ExtentAttrs *attrs = node->attrs;
    Dim *product = ARENA_NEW(im->arena, Dim);
    OnnxCall c = {.import = im, .arena = im->arena};
    return dims_product(&c, attrs->of.count, attrs->of_dims, product) ? product : NULL;
}

/* Integers as f32 are exact up to 2^24. */
static const Dim *sizes_of_cast(OnnxImport *im, const Node *node, int depth)
{
    Dtype from = value_type(node->inputs[0])->dtype, to = node->types[0].dtype;
    const Dim *sizes = to == BOOL && from != BOOL ? NULL : sizes_of(im, node->inputs[0], depth + 1);
    for (int64_t i = 0, count = type_elements(&node->types[0]); sizes && to == F32 && i < count; i++)
        if (sizes[i].low < -(1 << 24) || sizes[i].high > 1 << 24) return NULL;
    return sizes;
}

/* Of all of a vector. */
static const Dim *sizes_of_product(OnnxImport *im, const Node *node, int depth)
{
    const Type *type = value_type(node->inputs[0]);
    const Dim *sizes =
        type->rank == 1 && type_elements(&node->types[0]) == 1 ? sizes_of(im, node->inputs[0], depth + 1) : NULL;
    Dim *product = ARENA_NEW(im->arena, Dim);
    OnnxCall c = {.import = im, .arena = im->arena};
    return sizes && dims_product(&c, (int)type_elements(type), sizes, product) ? product : NULL;
}

static const Dim *sizes_of_node(OnnxImport *im, const Node *node, int depth)
{
    static const struct {
        Op op;
        int first, last; /* operands that are moved */
    } moves[] = {{OP_concat, 0, MAX_INTS * MAX_INTS},
                 {OP_reshape, 0, 0},
                 {OP_slice, 0, 0},
                 {OP_transpose, 0, 0},
                 {OP_broadcast, 0, 0},
                 {OP_gather, 0, 0},
                 {OP_where, 1, 2}};
    if (node->op == OP_extent && ((const ExtentAttrs *)node->attrs)->of_dims) return sizes_of_extent(im, node);
    if (node->op == OP_reduce_product) return sizes_of_product(im, node, depth);
    if (node->op == OP_cast) return sizes_of_cast(im, node, depth);
    for (size_t i = 0; i < sizeof arithmetic / sizeof *arithmetic; i++)
        if (arithmetic[i].op == node->op) return sizes_of_arithmetic(im, node, arithmetic[i].rule, depth);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (moves[i].op == node->op) return sizes_of_moved(im, node, moves[i].first, moves[i].last, depth);
    return NULL;
}

/* A vector of numbers that may be whole, short enough to be a shape or to become one. */
static bool may_be_sizes(const Type *type)
{
    bool fits = type->dtype == I64 || type->dtype == I32 || type->dtype == BOOL || type->dtype == F32;
    return fits && type_is_fixed(type) && type->rank <= 2 && type_elements(type) <= MOST_SIZES;
}

/* NULL when one is neither known nor a form. */
static const Dim *sizes_of(OnnxImport *im, Value value, int depth)
{
    if (!value.node || value.slot || depth > DEEPEST_SIZE || !may_be_sizes(value_type(value))) return NULL;
    const int64_t *seen = node_map_find(im->sizes, value.node);
    if (seen) return (const Dim *)(uintptr_t)*seen;
    OnnxCall c = {.import = im, .arena = im->arena};
    const Tensor *known = onnx_constant(&c, value);
    const Dim *sizes = known ? known_sizes(im, known) : sizes_of_node(im, value.node, depth);
    *node_map_cell(im->sizes, value.node) = (int64_t)(uintptr_t)sizes;
    return sizes;
}

const Tensor *onnx_fixed_sizes(OnnxImport *im, Value value)
{
    im->in_sizes = true;
    const Dim *sizes = sizes_of(im, value, 0);
    im->in_sizes = false;
    int64_t count = sizes ? type_elements(value_type(value)) : 0;
    for (int64_t i = 0; i < count; i++)
        if (!dim_is_fixed(&sizes[i])) return NULL;
    if (!sizes) return NULL;
    Tensor *tensor = ARENA_NEW(im->arena, Tensor);
    *tensor = tensor_new(im->arena, *value_type(value));
    for (int64_t i = 0; i < count; i++) set_number(tensor, i, sizes[i].high);
    return tensor;
}

bool dims_product(OnnxCall *c, int count, const Dim *dims, Dim *out)
{
    Form product = {.base = 1, .divisor = 1};
    for (int i = 0; i < count; i++) {
        Form factor, before = product;
        if (!read_form(c->import->graph, &dims[i], &factor) || !multiply_sizes(&before, &factor, &product) ||
            !write_form(&product, out))
            return false;
    }
    return write_form(&product, out);
}

DimList onnx_matrix_dims(OnnxCall *c, const Type *type, int axis)
{
    DimList dims = {.count = 2};
    if (!dims_product(c, axis, type->dim, &dims.at[0])) dims.at[0] = dim_fixed(-1);
    if (!dims_product(c, type->rank - axis, type->dim + axis, &dims.at[1])) dims.at[1] = dim_fixed(-1);
    return dims;
}

bool dims_steps(OnnxCall *c, const Dim *first, const Dim *limit, int64_t step, Dim *out)
{
    Form from, to, distance, count, by = {.base = step, .divisor = 1}, up = {.base = step - 1, .divisor = 1};
    return step > 0 && is_small(step) && read_form(c->import->graph, first, &from) &&
           read_form(c->import->graph, limit, &to) && subtract_sizes(&to, &from, &distance) &&
           add_sizes(&distance, &up, &count) && divide_sizes(&count, &by, &distance) && write_form(&distance, out) &&
           out->low >= 0;
}

bool onnx_follows_dims(OnnxCall *c, int index)
{
    Value value = onnx_operand(c, index);
    const Dim *sizes = value.node ? sizes_of(c->import, value, 0) : NULL;
    int64_t count = sizes ? type_elements(value_type(value)) : 0;
    for (int64_t i = 0; i < count; i++)
        if (!dim_is_fixed(&sizes[i])) return true;
    return false;
}

bool onnx_known_dims(OnnxCall *c, int index, const char *name, DimList *out)
{
    IntList list;
    Value value = onnx_operand(c, index);
    const Dim *sizes = value.node ? sizes_of(c->import, value, 0) : NULL;
    int64_t count = sizes ? type_elements(value_type(value)) : 0;
    out->count = 0;
    if (sizes && value_type(value)->rank <= 1 && count <= MAX_INTS) {
        out->count = (int)count;
        if (count) memcpy(out->at, sizes, (size_t)count * sizeof *sizes);
        return true;
    }
    if (!onnx_known_ints(c, index, name, &list)) return false;
    out->count = list.count;
    for (int i = 0; i < list.count; i++) out->at[i] = dim_fixed(list.at[i]);
    return true;
}

bool onnx_dims_either(OnnxCall *c, const char *name, int64_t since, int index, DimList *out)
{
    IntList list;
    *out = (DimList){0};
    if (c->opset >= since) return !onnx_has(c, index) || onnx_known_dims(c, index, name, out);
    if (!onnx_ints(c, name, &list)) return false;
    out->count = list.count;
    for (int i = 0; i < list.count; i++) out->at[i] = dim_fixed(list.at[i]);
    return true;
}

/* ---- nodes ---- */

Value onnx_make_extent(OnnxCall *c, const DimList *factors)
{
    ExtentAttrs attrs = {.to = I64};
    attrs.of_dims = dims_split(c, factors, &attrs.of);
    if (attrs.of_dims) return onnx_make(c, OP_extent, &attrs, 0, NULL);
    double product = 1;
    for (int i = 0; i < factors->count; i++) product *= (double)factors->at[i].high;
    return onnx_number(c, I64, product);
}

Value onnx_make_dims(OnnxCall *c, const DimList *dims)
{
    IntList list;
    Value parts[MAX_INTS];
    if (!dims_split(c, dims, &list)) return onnx_make_ints(c, &list);
    for (int i = 0; i < dims->count; i++) {
        Value one = onnx_make_extent(c, &(DimList){1, {dims->at[i]}});
        parts[i] = onnx_reshape(c, one, 1, (const int64_t[]){1});
    }
    return onnx_make(c, OP_concat, &(ConcatAttrs){0}, dims->count, parts);
}

static bool has_dims(Value a, const DimList *dims)
{
    bool same = a.node && value_type(a)->rank == dims->count;
    for (int i = 0; same && i < dims->count; i++) same = dim_equal(&value_type(a)->dim[i], &dims->at[i]);
    return same;
}

Value onnx_reshape_dims(OnnxCall *c, Value a, const DimList *dims)
{
    if (has_dims(a, dims)) return a;
    ReshapeAttrs attrs = {0};
    attrs.shape_dims = dims_split(c, dims, &attrs.shape);
    return onnx_make(c, OP_reshape, &attrs, 1, &a);
}

Value onnx_broadcast_dims(OnnxCall *c, Value a, const DimList *dims)
{
    if (has_dims(a, dims)) return a;
    BroadcastAttrs attrs = {0};
    attrs.shape_dims = dims_split(c, dims, &attrs.shape);
    return onnx_make(c, OP_broadcast, &attrs, 1, &a);
}
