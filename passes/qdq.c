/* qdq: contractions and means between dequantize and quantize, as other tools write 8-bit networks, work on the stored
 * numbers.
 *
 * A contraction of real numbers that are made of stored ones, x = s * (q - z), is the sums of the stored ones times
 * both scales: s_x * s_w * (sum of q_x * q_w - z_x * sum of q_w - z_w * sum of q_x + z_x * z_w * their number). Integer
 * sums are exact, so the result differs from that of the real numbers by the rounding of their sums alone, which can
 * move it across the boundary between two stored numbers: at most one step of the quantize behind it.  Everything else
 * between dequantize and quantize is element-wise, a view or takes maxima, and computes the same bits either way: it
 * becomes the epilogue of the sums. */
#include "passes/qdq.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

/* Products of one sum that fit i32, with what the zero points add on the way: of 255 * 128 each; and, where the weights
 * have one, of 255 * 128 beside 255 * 255. */
enum { MOST_PRODUCTS = 60000, MOST_WIDE_PRODUCTS = 20000, MIDDLE = 128 };

static bool is_constant(Value value)
{
    const Node *node = value.node;
    while (node_def(node)->kind == KIND_VIEW) node = node->inputs[0].node;
    return node->op == OP_constant || node->op == OP_param || node_def(node)->kind == KIND_IOTA;
}

/* The zero point of the weights as they are multiplied, which is as i8. */
static int64_t zero_of_weight(const Shown *w)
{
    return shown_zero(w) - (value_type(shown_stored(w))->dtype == U8 ? MIDDLE : 0);
}

/* Weights are known, and scaled as a whole or for each output channel, which is their last axis. */
static bool can_be_weight(const Shown *w, const Type *type)
{
    bool as_they_are = value_type(shown_stored(w))->dtype == I8;
    if (!as_they_are && !constant_elements(shown_stored(w))) return false;
    if (type->rank < 2 || !is_constant(shown_stored(w)) || !is_constant(shown_scale(w))) return false;
    int axis = shown_axis_of_scale(w);
    return axis == -1 || axis == type->rank - 1;
}

static bool can_store(const Node *node, Shown *x, Shown *w)
{
    Contraction c;
    if (node_def(node)->kind != KIND_CONTRACT || node->types[0].dtype != F32) return false;
    if (!shown_find(node->inputs[0], x) || !shown_find(node->inputs[1], w)) return false;
    const Type *weight = value_type(node->inputs[1]);
    node_def(node)->contract(node, &c);
    int64_t products = type_elements(weight) / weight->dim[weight->rank - 1].high;
    /* sums of the inputs beside those of the products: cheap where all outputs have the same ones */
    if (zero_of_weight(w) && (products > MOST_WIDE_PRODUCTS || c.window.groups > 1)) return false;
    return shown_has_one_scale(x) && can_be_weight(w, weight) && !c.batched_weight && products <= MOST_PRODUCTS;
}

/* ---- the same in integers ---- */

/* As i8. */
static Value weight_of(const Maker *m, const Shown *w)
{
    Value stored = shown_stored(w);
    if (value_type(stored)->dtype == I8) return shown_views_of(m, w, stored);
    const Tensor *from = constant_elements(stored);
    Type type = from->type;
    type.dtype = I8;
    Tensor moved = tensor_new(m->graph->arena, type);
    for (int64_t i = 0; i < type_elements(&type); i++)
        tensor_set_real(&moved, i, tensor_real(from, i) - (double)MIDDLE);
    return shown_views_of(m, w, make_tensor(m, &moved));
}

/* What the zero points add to each sum whatever x is, taken off: it is known where the weights are. */
static Value less_zero(const Maker *m, Value weight, int64_t x_zero, int64_t w_zero)
{
    ReduceAttrs all = {.axes.count = value_type(weight)->rank - 1};
    int64_t products = 1;
    for (int i = 0; i < all.axes.count; i++) {
        all.axes.at[i] = i;
        products *= value_type(weight)->dim[i].high;
    }
    CastAttrs wide = {.to = I32};
    Value cast = make(m, OP_cast, &wide, 1, &weight), sums = make(m, OP_reduce_sum, &all, 1, &cast);
    Value factor = make_number(m, I32, (double)-x_zero);
    Value moved = make_binary(m, OP_mul, sums, factor);
    if (!w_zero) return moved;
    Value both = make_number(m, I32, (double)(products * x_zero * w_zero));
    return make_binary(m, OP_add, moved, both);
}

/* Padding reads the zero point, which means 0. */
static ConvAttrs conv_attrs(const Node *node, int64_t zero)
{
    ConvAttrs attrs = *(const ConvAttrs *)node->attrs;
    attrs.pad_value = qdq_is_padded(&attrs.pad) ? zero : 0;
    return attrs;
}

static Value make_sums(const Maker *m, const Node *node, Value x, Value weight, int64_t x_zero, int64_t w_zero)
{
    Value in[3] = {x, weight, {NULL, 0}};
    if (!x.node || !weight.node) return in[2];
    if (x_zero) in[2] = less_zero(m, weight, x_zero, w_zero);
    int count = x_zero ? 3 : 2;
    if (node->op != OP_conv2d) return make(m, OP_dense, NULL, count, in);
    ConvAttrs attrs = conv_attrs(node, x_zero);
    return make(m, OP_conv2d, &attrs, count, in);
}

static bool is_by_pixel(const Window *w)
{
    bool whole = true;
    for (int i = 0; i < 2; i++)
        whole = whole && w->kernel[i] == 1 && w->stride[i] == 1 && !w->pad_begin[i] && !w->pad_end[i];
    return whole;
}

/* The sum of what each window reads: of a pixel's channels, or by a kernel of ones. */
static Value input_sums(const Maker *m, const Node *node, Value x, int64_t x_zero)
{
    Contraction c;
    if (!x.node) return x;
    node_def(node)->contract(node, &c);
    if (is_by_pixel(&c.window)) {
        ReduceAttrs last = {.axes = {1, {value_type(x)->rank - 1}}, .keep = true};
        CastAttrs wide = {.to = I32};
        Value cast = make(m, OP_cast, &wide, 1, &x);
        return make(m, OP_reduce_sum, &last, 1, &cast);
    }
    int64_t dims[] = {c.window.kernel[0], c.window.kernel[1], c.in_channels, 1};
    ConvAttrs attrs = conv_attrs(node, x_zero);
    return make(m, OP_conv2d, &attrs, 2, (Value[]){x, qdq_ones(m, dims)});
}

/* Both scales as one, a number or one for each output channel. */
static Value make_scale(const Maker *m, const Shown *x, const Shown *w)
{
    Value of_x = shown_scale(x), of_w = shown_scale(w);
    ReshapeAttrs line = {.shape = {.count = 1}};
    line.shape.at[0] = type_elements(value_type(of_w));
    ReshapeAttrs number = {.shape = {.count = 0}};
    of_x = make(m, OP_reshape, &number, 1, &of_x);
    of_w = make(m, OP_reshape, line.shape.at[0] == 1 ? &number : &line, 1, &of_w);
    return make_binary(m, OP_mul, of_x, of_w);
}

static bool store(Graph *graph, Node *node, const Shown *x, const Shown *w, Diag *diag)
{
    Maker m = {.graph = graph, .node = node, .at = node, .diag = diag};
    Contraction c;
    node_def(node)->contract(node, &c);
    int64_t x_zero = shown_zero(x), w_zero = zero_of_weight(w);
    Value stored = shown_views_of(&m, x, shown_stored(x)), weight = weight_of(&m, w);
    Value sums = make_sums(&m, node, stored, weight, x_zero, w_zero), scale = make_scale(&m, x, w);
    if (w_zero) {
        Value inputs = input_sums(&m, node, stored, x_zero), factor = make_number(&m, I32, (double)w_zero);
        Value share = make_binary(&m, OP_mul, inputs, factor);
        sums = make_binary(&m, OP_sub, sums, share);
    }
    Value real = make(&m, OP_dequantize, NULL, 2, (Value[]){sums, scale});
    bool biased = c.bias >= 0 && c.bias < node->ninputs && node->inputs[c.bias].node;
    if (biased) real = make_binary(&m, OP_add, real, node->inputs[c.bias]);
    return qdq_replace(node, real);
}

bool qdq_is_padded(const Pad *pad)
{
    bool padded = pad->mode == PAD_SAME;
    for (int i = 0; pad->mode == PAD_EXPLICIT && i < pad->sizes.count; i++) padded |= pad->sizes.at[i] > 0;
    return padded;
}

Value qdq_ones(const Maker *m, const int64_t dims[4])
{
    Tensor ones = tensor_new(m->graph->arena, type_tensor(I8, 4, dims));
    for (int64_t i = 0; i < type_elements(&ones.type); i++) tensor_set_real(&ones, i, 1);
    return make_tensor(m, &ones);
}

bool qdq_replace(Node *node, Value value)
{
    if (!value.node) return false;
    Graph *graph = node->graph;
    const char *name = node->name;
    graph_replace(graph, value_of(node), value);
    graph_remove(graph, node);
    graph_rename(value.node, name);
    return true;
}

bool pass_qdq(Graph *graph, const PassContext *context, Diag *diag)
{
    if (!context->fast) return true;
    for (Node *node = graph->first, *next; node; node = next) {
        Shown x, w;
        next = node->next;
        for (int r = 0; r < node->nregions; r++)
            if (!pass_qdq(node->regions[r], context, diag)) return false;
        if (can_store(node, &x, &w)) {
            if (!store(graph, node, &x, &w, diag)) return false;
        } else if (!qdq_mean(node, diag)) {
            return false;
        }
    }
    return true;
}
