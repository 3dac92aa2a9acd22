/* Matrix products: contractions of a 1x1 window over rows. */
#include "ir/ops/common.h"

enum { X, WEIGHT, BIAS };

/* ---- dense ---- */

static bool need_columns(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (x->rank >= 1 && dim_is_fixed(&x->dim[x->rank - 1])) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected a last axis of fixed size, found %s", node_def(node)->name,
               type_text(diag->arena, x));
    return diag_help(diag, "the last axis is the one that is multiplied and summed");
}

static bool infer_dense(const Node *node, Type *out, Diag *diag)
{
    if (!need_columns(node, diag) || !need_rank(node, WEIGHT, 2, "[in, out]", diag)) return false;
    const Type *x = operand_type(node, X);
    int64_t dims[] = {x->dim[x->rank - 1].high, operand_type(node, WEIGHT)->dim[1].high};
    if (!need_shape(node, WEIGHT, 2, dims, "from the input's last axis", diag)) return false;
    if (!need_products(node, dims[0], BIAS, diag)) return false;
    if (operand_present(node, BIAS) && !need_shape(node, BIAS, 1, &dims[1], "one an output", diag)) return false;
    *out = *x;
    out->dtype = dtype_of_sums(x->dtype);
    out->dim[x->rank - 1] = dim_fixed(dims[1]);
    return need_sane(node, out, diag);
}

static bool param_dense(const Node *node, int index, Type *out, Diag *diag)
{
    const DenseAttrs *attrs = node->attrs;
    if (!need_factor(node, X, diag) || !need_columns(node, diag)) return false;
    if (attrs->out < 1) {
        diag_error(diag, E0403, node_span(node), "dense: expected `out` of 1 or more, found none");
        return diag_help(diag, "write dense(x, out: 64)");
    }
    const Type *x = operand_type(node, X);
    if (index == BIAS) {
        *out = type_tensor(dtype_of_sums(x->dtype), 1, &attrs->out);
        if (!attrs->bias) out->dtype = DTYPE_COUNT;
        return true;
    }
    *out = type_tensor(dtype_of_weights(x->dtype), 2, (const int64_t[]){x->dim[x->rank - 1].high, attrs->out});
    return need_sane(node, out, diag);
}

static void layer_dense(const Node *node, void *attrs)
{
    ((DenseAttrs *)attrs)->out = operand_type(node, WEIGHT)->dim[1].high;
}

/* `rows` pixels of one line, `depth` channels in and `columns` out. */
static Contraction of_rows(int64_t batch, int64_t rows, int64_t depth, int64_t columns)
{
    return (Contraction){.window = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .groups = 1},
                         .batch = batch,
                         .in_height = 1,
                         .in_width = rows,
                         .in_channels = depth,
                         .out_height = 1,
                         .out_width = rows,
                         .out_channels = columns,
                         .bias = -1};
}

static void contract_dense(const Node *node, Contraction *out)
{
    const Type *x = operand_type(node, X), *weight = operand_type(node, WEIGHT);
    int64_t rows = 1;
    for (int i = 0; i < x->rank - 1; i++) rows *= x->dim[i].high;
    *out = of_rows(1, rows, weight->dim[0].high, weight->dim[1].high);
    out->constant_weight = node->inputs[WEIGHT].node->data != NULL;
    if (operand_present(node, BIAS)) out->bias = BIAS;
}

const OpDef op_dense = {
    .name = "dense",
    .doc = "bias[o] plus the sum of x[..., i] * weight[i, o], by fused multiply-adds in the order of i. Of i8 or u8 "
           "times i8 the bias and the sum are i32, of 65535 products at most.",
    .kind = KIND_CONTRACT,
    .noperands = 3,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., in]"},
                                  {.name = "weight", .flags = OPERAND_PARAM, .doc = "[in, out]"},
                                  {.name = "bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = "[out]"}},
    .attrs =
        ATTRS(DenseAttrs,
              ATTR(DenseAttrs, out, .kind = ATTR_INT, .low = 1, .high = 1 << 28, .flags = ATTR_LAYER, .doc = "outputs"),
              ATTR(DenseAttrs, bias, .kind = ATTR_BOOL, .fallback = 1, .flags = ATTR_LAYER,
                   .doc = "whether there is a bias")),
    .infer = infer_dense,
    .param = param_dense,
    .layer = layer_dense,
    .contract = contract_dense,
};

/* ---- matmul ---- */

/* Rows and columns of an operand; a vector is one row as the first operand and one column as the second. */
typedef struct Matrix {
    Dim rows, columns;
    Type batch;
} Matrix;

static Matrix matrix_of(const Type *type, bool second)
{
    Matrix m = {.batch = *type};
    Dim last = type->dim[type->rank - 1], one = dim_fixed(1);
    m.batch.rank = type->rank > 2 ? type->rank - 2 : 0;
    m.rows = type->rank >= 2 ? type->dim[type->rank - 2] : second ? last : one;
    m.columns = type->rank >= 2 || !second ? last : one;
    return m;
}

static bool refuse_matmul(const Node *node, const char *help, Diag *diag)
{
    diag_error(diag, E0301, node_span(node), "matmul: %s and %s do not fit each other",
               operand_text(node, 0, diag->arena), operand_text(node, 1, diag->arena));
    return diag_help(diag, "%s", help);
}

static bool infer_matmul(const Node *node, Type *out, Diag *diag)
{
    const Type *a = operand_type(node, 0), *b = operand_type(node, 1);
    if (a->rank < 1 || b->rank < 1)
        return refuse_matmul(node, "both need at least one axis; use mul for scalars", diag);
    Matrix x = matrix_of(a, false), y = matrix_of(b, true);
    if (!dim_is_fixed(&x.columns) || !dim_equal(&x.columns, &y.rows))
        return refuse_matmul(node, "the columns of the first must be as many as the rows of the second", diag);
    if (b->rank > 2 && !type_same_shape(&x.batch, &y.batch))
        return refuse_matmul(node, "make the leading axes equal with broadcast(shape: [...])", diag);
    if (!need_products(node, x.columns.high, -1, diag)) return false;
    *out = x.batch;
    out->dtype = dtype_of_sums(a->dtype);
    if (a->rank >= 2) out->dim[out->rank++] = x.rows;
    if (b->rank >= 2) out->dim[out->rank++] = y.columns;
    return need_sane(node, out, diag);
}

static void contract_matmul(const Node *node, Contraction *out)
{
    const Type *b = operand_type(node, 1);
    Matrix x = matrix_of(operand_type(node, 0), false), y = matrix_of(b, true);
    int64_t batch = type_elements(&x.batch), rows = x.rows.high;
    bool batched = b->rank > 2;
    *out = batched ? of_rows(batch, rows, x.columns.high, y.columns.high)
                   : of_rows(1, batch * rows, x.columns.high, y.columns.high);
    out->batched_weight = batched;
    out->constant_weight = node->inputs[1].node->data != NULL;
}

const OpDef op_matmul = {
    .name = "matmul",
    .doc =
        "The matrix product of the last two axes, sums by fused multiply-adds in order; leading axes of y, if it has "
        "any, are those of x. Of i8 or u8 times i8 the sum is i32, of 65535 products at most.",
    .kind = KIND_CONTRACT,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., M, K], or [K]: one row"},
                                  {.name = "y", .doc = "[K, N], [..., K, N], or [K]: one column"}},
    .infer = infer_matmul,
    .contract = contract_matmul,
    .onnx = "MatMul",
};
