/* How weight files of other frameworks call the parameters of a layer, and how these lie there. */
#include "frontend/elaborate.h"
#include "ir/recurrent.h"

#include <string.h>

/* Layers whose parameters are called alike. */
typedef enum Family { OF_ANY, OF_EMBEDDING, OF_SEQUENCE, OF_CELL } Family;

static const struct FamilyRow {
    Op op;
    Family family;
} family_rows[] = {
    {OP_embedding, OF_EMBEDDING}, {OP_rnn, OF_SEQUENCE},  {OP_gru, OF_SEQUENCE},   {OP_lstm, OF_SEQUENCE},
    {OP_rnn_cell, OF_CELL},       {OP_gru_cell, OF_CELL}, {OP_lstm_cell, OF_CELL},
};

static Family family_of(Op op)
{
    for (size_t i = 0; i < sizeof family_rows / sizeof *family_rows; i++)
        if (family_rows[i].op == op) return family_rows[i].family;
    return OF_ANY;
}

/* ---- names ---- */

static const struct KeyRow {
    Family family;
    const char *operand, *keras, *pytorch;
} key_rows[] = {
    {OF_SEQUENCE, "weight", "kernel", "weight_ih_l0"},
    {OF_SEQUENCE, "recurrent_weight", "recurrent_kernel", "weight_hh_l0"},
    {OF_SEQUENCE, "bias", "bias", "bias_ih_l0"},
    {OF_SEQUENCE, "recurrent_bias", "recurrent_bias", "bias_hh_l0"},
    {OF_CELL, "weight", "kernel", "weight_ih"},
    {OF_CELL, "recurrent_weight", "recurrent_kernel", "weight_hh"},
    {OF_CELL, "bias", "bias", "bias_ih"},
    {OF_CELL, "recurrent_bias", "recurrent_bias", "bias_hh"},
    {OF_EMBEDDING, "weight", "embeddings", "weight"},
    {OF_ANY, "weight", "kernel", "weight"},
    {OF_ANY, "bias", "bias", "bias"},
    {OF_ANY, "scale", "gamma", "weight"},
    {OF_ANY, "offset", "beta", "bias"},
    {OF_ANY, "mean", "moving_mean", "running_mean"},
    {OF_ANY, "variance", "moving_variance", "running_var"},
};

static const struct KeyRow *find_key(Family family, const char *operand)
{
    for (size_t i = 0; i < sizeof key_rows / sizeof *key_rows; i++) {
        const struct KeyRow *row = &key_rows[i];
        if ((row->family == family || row->family == OF_ANY) && !strcmp(row->operand, operand)) return row;
    }
    return NULL;
}

static const char reverse[] = "reverse_";

static bool is_reverse(const char *operand) { return !strncmp(operand, reverse, sizeof reverse - 1); }

/* Keras has one tensor for both biases of a GRU, of two rows. */
static bool is_shared_bias(const Elaborator *e, const Node *layer, int index)
{
    if (e->layout != LAYOUT_KERAS || (layer->op != OP_gru && layer->op != OP_gru_cell)) return false;
    const RecurrentAttrs *attrs = layer->attrs;
    return attrs->bias && attrs->recurrent_bias && strstr(node_def(layer)->operands[index].name, "bias");
}

/* PyTorch has the layers of a stack in one module, which counts them in its names: s.l1 of the model is, if the file
 * has no layer s.l1, layer 1 of its s. */
static const char *stacked_key(Elaborator *e, const char *key, const char *path, const char *operand, bool back)
{
    const char *dot = strrchr(path, '.'), *level = dot ? dot + 1 : path;
    size_t digits = level[0] == 'l' ? strspn(level + 1, "0123456789") : 0;
    size_t word = strlen(operand) - strlen("l0");
    if (!digits || level[1 + digits] || e->raw_weights || !e->weights_file) return key;
    const char *stacked = arena_printf(e->arena, "%.*s%.*s%s%s", (int)(level - path), path, (int)word, operand, level,
                                       back ? "_reverse" : "");
    bool own = weights_may_have(e, e->weights_file, key, (Span){0});
    return own || !weights_may_have(e, e->weights_file, stacked, (Span){0}) ? key : stacked;
}

/* Of a layer of both directions PyTorch marks the second's names, Keras has a layer for each. */
const char *layout_key(Elaborator *e, const Node *layer, int index, const char *path)
{
    if (is_shared_bias(e, layer, index) && strstr(node_def(layer)->operands[index].name, "recurrent")) index--;
    const char *operand = node_def(layer)->operands[index].name;
    if (e->layout == LAYOUT_LEP) return path_join(e->arena, path, operand);
    bool back = is_reverse(operand), pytorch = e->layout == LAYOUT_PYTORCH;
    Family family = family_of(layer->op);
    bool both = family == OF_SEQUENCE && ((const RecurrentAttrs *)layer->attrs)->direction == DIRECTION_BOTH;
    if (back) operand += sizeof reverse - 1;
    const struct KeyRow *found = find_key(family, operand);
    if (found) operand = pytorch ? found->pytorch : found->keras;
    if (pytorch) {
        const char *key = arena_printf(e->arena, "%s.%s%s", path, operand, back ? "_reverse" : "");
        return family == OF_SEQUENCE ? stacked_key(e, key, path, operand, back) : key;
    }
    return arena_printf(e->arena, "%s/%s%s", path, back ? "backward/" : both ? "forward/" : "", operand);
}

/* ---- orders ---- */

/* Where the file's axes lie: axis i of ours is axis permute[i] of theirs.  With `blocks`, their first axis is so many
 * blocks, of which those in `order` are read: an axis of its own, the first to be permuted. */
static const struct OrderRow {
    Layout layout;
    Op op;
    const char *operand;
    IntList permute;
    int64_t blocks;
    IntList order;
} order_rows[] = {
    {LAYOUT_PYTORCH, OP_conv2d, "weight", {4, {2, 3, 1, 0}}, 0, {0}},           /* HWIO of OIHW */
    {LAYOUT_PYTORCH, OP_conv_transpose2d, "weight", {4, {2, 3, 0, 1}}, 0, {0}}, /* HWIO of IOHW */
    {LAYOUT_KERAS, OP_conv_transpose2d, "weight", {4, {0, 1, 3, 2}}, 0, {0}},   /* HWIO of HWOI */
    {LAYOUT_PYTORCH, OP_dense, "weight", {2, {1, 0}}, 0, {0}},                  /* [in, out] of [out, in] */
    {LAYOUT_PYTORCH, OP_rnn, "weight", {2, {1, 0}}, 0, {0}},
    {LAYOUT_PYTORCH, OP_rnn, "recurrent_weight", {2, {1, 0}}, 0, {0}},
    {LAYOUT_PYTORCH, OP_lstm, "weight", {2, {1, 0}}, 0, {0}}, /* [in, 4 H] of [4 H, in] */
    {LAYOUT_PYTORCH, OP_lstm, "recurrent_weight", {2, {1, 0}}, 0, {0}},
    {LAYOUT_PYTORCH, OP_gru, "weight", {3, {2, 0, 1}}, 3, {3, {1, 0, 2}}}, /* gates z, r, n of r, z, n */
    {LAYOUT_PYTORCH, OP_gru, "recurrent_weight", {3, {2, 0, 1}}, 3, {3, {1, 0, 2}}},
    {LAYOUT_PYTORCH, OP_gru, "bias", {0}, 3, {3, {1, 0, 2}}},
    {LAYOUT_PYTORCH, OP_gru, "recurrent_bias", {0}, 3, {3, {1, 0, 2}}},
    {LAYOUT_KERAS, OP_gru, "bias", {0}, 2, {1, {0}}}, /* of one tensor [2, 3 H] */
    {LAYOUT_KERAS, OP_gru, "recurrent_bias", {0}, 2, {1, {1}}},
};

static const struct CellRow {
    Op cell, layer;
} cell_rows[] = {{OP_rnn_cell, OP_rnn}, {OP_gru_cell, OP_gru}, {OP_lstm_cell, OP_lstm}};

static const struct OrderRow *find_order(Layout layout, Op op, const char *operand)
{
    if (is_reverse(operand)) operand += sizeof reverse - 1;
    for (size_t i = 0; i < sizeof cell_rows / sizeof *cell_rows; i++)
        if (cell_rows[i].cell == op) op = cell_rows[i].layer;
    for (size_t i = 0; i < sizeof order_rows / sizeof *order_rows; i++) {
        const struct OrderRow *row = &order_rows[i];
        if (row->layout == layout && row->op == op && !strcmp(row->operand, operand)) return row;
    }
    return NULL;
}

/* What is flattened in front of a dense, looking through element-wise operators; NULL when nothing is. */
static const Type *flattened(Value input)
{
    while (input.node && node_def(input.node)->kind == KIND_MAP && input.node->ninputs == 1)
        input = input.node->inputs[0];
    return input.node && input.node->op == OP_flatten ? value_type(input.node->inputs[0]) : NULL;
}

/* PyTorch flattens [C, H, W], we [H, W, C]: view [out, C, H, W], permute to [H, W, C, out]. */
static void order_flattened(const Type *image, const Type *type, ParamAttrs *attrs)
{
    int rank = image->rank;
    if (rank < 3 || rank > MAX_INTS) return;
    attrs->view = attrs->permute = (IntList){.count = rank};
    attrs->view.at[0] = type->dim[1].high;
    attrs->view.at[1] = image->dim[rank - 1].high;
    for (int i = 2; i < rank; i++) attrs->view.at[i] = image->dim[i - 1].high;
    for (int i = 0; i < rank - 2; i++) attrs->permute.at[i] = i + 2;
    attrs->permute.at[rank - 2] = 1;
    attrs->permute.at[rank - 1] = 0;
}

/* Gates are the last axis of ours and the first of theirs. */
static void order_blocks(const struct OrderRow *row, const Type *type, ParamAttrs *attrs)
{
    attrs->order = row->order;
    attrs->view = (IntList){2, {row->blocks, type->dim[type->rank - 1].high / row->order.count}};
    if (type->rank == 2) attrs->view.at[attrs->view.count++] = type->dim[0].high;
}

void layout_order(const Elaborator *e, const Node *layer, int index, const Type *type, ParamAttrs *attrs)
{
    const struct OrderRow *row = find_order(e->layout, layer->op, node_def(layer)->operands[index].name);
    if (!row || (row->layout == LAYOUT_KERAS && row->op == OP_gru && !is_shared_bias(e, layer, index))) return;
    attrs->permute = row->permute;
    if (row->blocks) order_blocks(row, type, attrs);
    const Type *image = layer->op == OP_dense ? flattened(layer->inputs[0]) : NULL;
    if (image) order_flattened(image, type, attrs);
}
