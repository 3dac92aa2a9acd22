/* quantise: layers that the policy names work on 8-bit numbers.
 *
 * Each such contraction becomes one of stored operands with i32 sums.  Its input is stored on a grid: by requantising
 * the sums of the layer before, by the same max-pooling or view of what is stored already, or by a quantize of the
 * real value.  Who still wants real numbers gets them from what is stored, or from the sums.  What nobody wants any
 * more goes. */
#include "passes/quantise.h"
#include "ir/eval.h"
#include "passes/quantise_input.h"

#include <assert.h>
#include <string.h>

/* A value as it is stored. */
typedef struct Stored {
    Value value;
    Grid grid;
    bool border; /* made of the real value, which stays */
} Stored;

/* What a contraction became. */
typedef struct Sums {
    Value sums, scale; /* i32; f32, one an output channel */
    double *exact;     /* the scales before they were rounded */
    Value real;        /* the sums as real numbers, once somebody wants them */
    Grid input;
    const Node *result; /* the layer, or the clamp that is one with it */
} Sums;

typedef struct Quantiser {
    Graph *graph;
    const PassContext *context;
    const Observations *observations;
    Diag *diag;
    Arena *arena;
    Dtype to;
    int count;
    Node **nodes;                                        /* of the graph as it was */
    NodeMap *numbers, *choices, *wanted, *stored, *sums; /* 1 + position; LayerChoice, 1, Stored, Sums */
    int *uses;
    const char *layer; /* what the value at hand is stored for */
} Quantiser;

Dtype quantise_dtype(const Target *target)
{
    return target->has & FEATURE_DOT8 && target->arch->dots_unsigned ? U8 : I8;
}

static void *find(const NodeMap *map, const Node *node)
{
    const int64_t *cell = node_map_find(map, node);
    return cell ? (void *)(intptr_t)*cell : NULL;
}

static bool is_real(Value value) { return value.node && value_type(value)->dtype == F32; }
static bool is_layer(const Quantiser *q, const Node *node) { return find(q->choices, node) != NULL; }
static bool used_once(const Quantiser *q, const Node *node)
{
    const int64_t *number = node_map_find(q->numbers, node);
    return number && q->uses[*number - 1] == 1;
}

/* ---- what is to be stored ---- */

/* The same operator does on stored numbers what it does on real ones: their order is the same. */
static bool keeps_order(const Node *node)
{
    OpKind kind = node_def(node)->kind;
    bool same = (kind == KIND_VIEW && node->ninputs == 1) || node->op == OP_max_pool;
    return same && node->nresults == 1 && is_real(node->inputs[0]);
}

static bool is_clamp(const Node *node) { return node->op == OP_relu || node->op == OP_clamp; }

/* A clamp right behind a layer is one with its requantisation. */
static const Node *clamped_layer(const Quantiser *q, const Node *node)
{
    const Node *before = is_clamp(node) ? node->inputs[0].node : NULL;
    return before && is_layer(q, before) && used_once(q, before) ? before : NULL;
}

static bool comes_from_layer(const Quantiser *q, const Node *node)
{
    while (keeps_order(node)) node = node->inputs[0].node;
    return is_layer(q, node) || clamped_layer(q, node);
}

static void want(const Quantiser *q, Value value) { *node_map_cell(q->wanted, value.node) = 1; }

/* Of two layers that are added, the sums of the later stay in registers; the other one is stored. */
static void want_addends(const Quantiser *q, const Node *node)
{
    const Node *a = node->inputs[0].node, *b = node->inputs[1].node;
    if (a == b || !is_layer(q, a) || !is_layer(q, b)) return;
    bool a_first = *node_map_find(q->numbers, a) < *node_map_find(q->numbers, b);
    want(q, node->inputs[a_first ? 0 : 1]);
}

static void choose_stored(const Quantiser *q)
{
    for (int i = q->count - 1; i >= 0; i--) {
        const Node *node = q->nodes[i];
        bool wanted = node_map_find(q->wanted, node) != NULL;
        OpKind kind = node_def(node)->kind;
        if (is_layer(q, node) || (wanted && keeps_order(node))) want(q, node->inputs[0]);
        bool sums_up = kind == KIND_REDUCE || kind == KIND_WINDOW;
        if (sums_up && is_real(node->inputs[0]) && comes_from_layer(q, node->inputs[0].node)) want(q, node->inputs[0]);
        const Node *added = is_clamp(node) ? node->inputs[0].node : node;
        if (wanted && added->op == OP_add) want_addends(q, added);
    }
}

/* ---- making nodes: right behind the one that they stand for ---- */

static Maker maker_behind(const Quantiser *q, const Node *node)
{
    return (Maker){.graph = q->graph, .node = (Node *)node, .at = node->next, .diag = q->diag};
}

static Value make_scales(const Quantiser *q, const Maker *m, const double *scale, int64_t count, double divisor)
{
    Tensor tensor = tensor_new(q->graph->arena, count == 1 ? type_scalar(F32) : type_tensor(F32, 1, &count));
    for (int64_t c = 0; c < count; c++) tensor_set_real(&tensor, c, scale[c] / divisor);
    double one;
    Value made = tensor_is_splat(&tensor, &one) ? make_number(m, F32, one) : make_tensor(m, &tensor);
    if (made.node) graph_rename(made.node, arena_printf(q->graph->arena, "%s.scale", m->node->name));
    return made;
}

static Value make_dequantize(const Maker *m, Value value, float scale, int64_t zero)
{
    Value operands[] = {value, make_number(m, F32, (double)scale)};
    return make(m, OP_dequantize, &(DequantizeAttrs){zero}, 2, operands);
}

/* ---- storing values ---- */

static const Stored *stored_of(Quantiser *q, Value value);

static bool grid_for(const Quantiser *q, const Node *node, Grid *out)
{
    const int64_t *number = node_map_find(q->numbers, node);
    assert(number);
    return grid_of(&q->observations->of[*number - 1], q->context->policy, q->to, node, q->layer, out, q->diag);
}

/* A real bound in stored numbers. */
static int64_t stored_bound(const Grid *grid, double bound)
{
    double at = bound / (double)grid->scale + (double)grid->zero;
    return at < -128 ? -128 : at > 255 ? 255 : (int64_t)__builtin_rint(at);
}

static RequantizeAttrs requantize_attrs(const Quantiser *q, const Node *clamp, const Grid *grid)
{
    RequantizeAttrs attrs = {.to = (int)q->to, .zero = grid->zero, .low = -128, .high = 255};
    if (!clamp) return attrs;
    bool relu = clamp->op == OP_relu;
    int64_t lowest = q->to == I8 ? -128 : 0;
    attrs.low = stored_bound(grid, relu ? 0 : ((const ClampAttrs *)clamp->attrs)->low);
    if (attrs.low <= lowest) attrs.low = -128; /* what the dtype does by itself */
    if (!relu) attrs.high = stored_bound(grid, ((const ClampAttrs *)clamp->attrs)->high);
    if (attrs.high >= lowest + 255) attrs.high = 255;
    return attrs;
}

static bool store_sums(const Quantiser *q, const Node *layer, const Node *node, Stored *out)
{
    Sums *sums = find(q->sums, layer);
    Maker m = maker_behind(q, node == layer ? sums->sums.node : node);
    m.node = (Node *)node;
    if (!grid_for(q, node, &out->grid)) return false;
    sums->result = node;
    RequantizeAttrs attrs = requantize_attrs(q, node == layer ? NULL : node, &out->grid);
    const Type *type = &layer->types[0];
    int64_t channels = type->dim[type->rank - 1].high;
    Value scale = make_scales(q, &m, sums->exact, channels, (double)out->grid.scale);
    out->value = make(&m, OP_requantize, &attrs, 2, (Value[]){sums->sums, scale});
    return out->value.node != NULL;
}

static bool store_border(const Quantiser *q, const Node *node, Stored *out)
{
    Maker m = maker_behind(q, node);
    out->border = true;
    if (quantise_input(&m, value_of((Node *)node), q->to, &out->value, &out->grid)) return out->value.node != NULL;
    if (out->grid.scale == 0 && !grid_for(q, node, &out->grid)) return false;
    QuantizeAttrs attrs = {.to = (int)q->to, .zero = out->grid.zero, .low = -128, .high = 255};
    Value operands[] = {value_of((Node *)node), make_number(&m, F32, (double)out->grid.scale)};
    out->value = make(&m, OP_quantize, &attrs, 2, operands);
    return out->value.node != NULL;
}

static bool store_in_order(Quantiser *q, const Node *node, Stored *out)
{
    const Stored *operand = stored_of(q, node->inputs[0]);
    if (!operand) return false;
    Maker m = maker_behind(q, node);
    out->grid = operand->grid;
    out->value = make(&m, node->op, node->attrs, 1, &operand->value);
    return out->value.node != NULL;
}

/* NULL after an error. */
static const Stored *stored_of(Quantiser *q, Value value)
{
    const Node *node = value.node, *layer = clamped_layer(q, node);
    Stored *known = find(q->stored, node);
    if (known) return known;
    Stored *made = ARENA_NEW(q->arena, Stored);
    bool ok;
    if (is_layer(q, node) || layer)
        ok = store_sums(q, layer ? layer : node, node, made);
    else if (keeps_order(node))
        ok = store_in_order(q, node, made);
    else
        ok = store_border(q, node, made);
    if (!ok) return NULL;
    *node_map_cell(q->stored, node) = (intptr_t)made;
    return made;
}

/* ---- layers ---- */

/* A product of matrices has no bias; as a layer it is dense. */
static Value make_contraction(const Maker *m, const Node *layer, const Stored *input, const LayerConstants *constants)
{
    Value operands[] = {input->value, make_tensor(m, &constants->weight), make_tensor(m, &constants->bias)};
    if (layer->op != OP_conv2d) return make(m, OP_dense, NULL, 3, operands);
    ConvAttrs attrs = *(const ConvAttrs *)layer->attrs;
    const IntList *sizes = &attrs.pad.sizes;
    bool padded = attrs.pad.mode == PAD_SAME;
    for (int i = 0; attrs.pad.mode == PAD_EXPLICIT && i < sizes->count; i++) padded |= sizes->at[i] > 0;
    attrs.pad_value = padded ? input->grid.zero : 0;
    return make(m, OP_conv2d, &attrs, 3, operands);
}

static bool store_layer(Quantiser *q, Node *layer)
{
    const LayerChoice *choice = find(q->choices, layer);
    q->layer = quantise_layer_path(q->graph->arena, layer);
    const Stored *input = stored_of(q, layer->inputs[0]);
    if (!input) return false;
    Maker m = maker_behind(q, layer);
    LayerConstants constants = quantise_constants(q->graph->arena, layer, &input->grid, choice->per_channel);
    Sums *sums = ARENA_NEW(q->arena, Sums);
    sums->sums = make_contraction(&m, layer, input, &constants);
    sums->exact = constants.scale;
    sums->input = input->grid;
    sums->result = layer;
    if (!sums->sums.node) return false;
    for (int i = 1; i < 3 && i < layer->ninputs; i++)
        if (layer->inputs[i].node) sums->sums.node->inputs[i].node->origin = layer->inputs[i].node->origin;
    *node_map_cell(q->sums, layer) = (intptr_t)sums;
    return true;
}

/* ---- real numbers for those who still want them ---- */

static bool real_from_sums(const Quantiser *q, Node *layer, Sums *sums)
{
    Maker m = maker_behind(q, sums->sums.node);
    m.node = layer;
    const Type *type = &layer->types[0];
    Value scale = make_scales(q, &m, sums->exact, type->dim[type->rank - 1].high, 1);
    sums->real = make(&m, OP_dequantize, NULL, 2, (Value[]){sums->sums, scale});
    if (!sums->real.node) return false;
    graph_replace(q->graph, value_of(layer), sums->real);
    return true;
}

static bool real_from_stored(const Quantiser *q, Node *node, const Stored *stored)
{
    if (stored->border || !graph_uses(q->graph, value_of(node))) return true;
    Maker m = maker_behind(q, stored->value.node);
    m.node = node;
    Value real = make_dequantize(&m, stored->value, stored->grid.scale, stored->grid.zero);
    if (!real.node) return false;
    graph_replace(q->graph, value_of(node), real);
    return true;
}

static bool give_real(const Quantiser *q)
{
    for (int i = 0; i < q->count; i++) {
        Node *node = q->nodes[i];
        const Stored *stored = find(q->stored, node);
        if (stored && !real_from_stored(q, node, stored)) return false;
    }
    for (int i = 0; i < q->count; i++) {
        Sums *sums = find(q->sums, q->nodes[i]);
        if (sums && graph_uses(q->graph, value_of(q->nodes[i])) && !real_from_sums(q, q->nodes[i], sums)) return false;
    }
    return true;
}

/* ---- names ---- */

/* A constant may be that of several layers, each of which has its own now. */
static void name_constants(const Quantiser *q, const Sums *sums, const char *path)
{
    static const char *const suffixes[] = {"", "weight", "bias"};
    for (int i = 1; i < 3; i++)
        graph_rename(sums->sums.node->inputs[i].node, arena_printf(q->graph->arena, "%s.%s", path, suffixes[i]));
}

/* What stands for a value takes its name, once the value is gone; so its layer is still found by it. */
static void take_names(const Quantiser *q, const char *const *names, const char *const *paths)
{
    for (int i = 0; i < q->count; i++) {
        if (find(q->sums, q->nodes[i])) name_constants(q, find(q->sums, q->nodes[i]), paths[i]);
        if (graph_find(q->graph, names[i])) continue;
        const Stored *stored = find(q->stored, q->nodes[i]);
        const Sums *sums = find(q->sums, q->nodes[i]);
        Node *heir = NULL;
        if (sums)
            heir = sums->real.node && sums->real.node->graph ? sums->real.node : sums->sums.node;
        else if (stored && !stored->border)
            heir = stored->value.node;
        if (heir && heir->graph) graph_rename(heir, names[i]);
    }
}

static void list_layers(const Quantiser *q, const char *const *names, const char *const *paths, QuantLayers *out)
{
    Arena *arena = q->graph->arena;
    for (int i = 0; i < q->count; i++) {
        const Sums *sums = find(q->sums, q->nodes[i]);
        if (!sums) continue;
        const Stored *stored = find(q->stored, sums->result);
        int number = (int)*node_map_find(q->numbers, sums->result) - 1;
        out->items = arena_grow(arena, out->items, out->count, &out->capacity, sizeof *out->items);
        QuantLayer *layer = &out->items[out->count++];
        *layer = (QuantLayer){.path = paths[i], .before = names[i], .result = names[number], .input = sums->input};
        if (!stored) continue;
        layer->output = stored->grid;
        layer->stored = stored->value.node->name;
    }
}

/* ---- the whole ---- */

static Quantiser quantiser_new(Graph *graph, const PassContext *context, Arena *scratch, Diag *diag)
{
    Quantiser q = {.graph = graph,
                   .context = context,
                   .diag = diag,
                   .arena = scratch,
                   .to = quantise_dtype(context->target),
                   .numbers = node_map_new(scratch),
                   .choices = node_map_new(scratch),
                   .wanted = node_map_new(scratch),
                   .stored = node_map_new(scratch),
                   .sums = node_map_new(scratch)};
    for (Node *node = graph->first; node; node = node->next) q.count++;
    q.nodes = ARENA_ARRAY(scratch, Node *, q.count + 1);
    q.uses = ARENA_ARRAY(scratch, int, q.count + 1);
    int i = 0;
    for (Node *node = graph->first; node; node = node->next, i++) {
        q.nodes[i] = node;
        *node_map_cell(q.numbers, node) = i + 1;
        q.uses[i] = graph_uses(graph, value_of(node));
    }
    return q;
}

static bool rewrite_layers(Quantiser *q, QuantLayers *layers)
{
    const char **names = ARENA_ARRAY(q->arena, const char *, q->count + 1);
    const char **paths = ARENA_ARRAY(q->arena, const char *, q->count + 1);
    for (int i = 0; i < q->count; i++) {
        names[i] = q->nodes[i]->name;
        if (is_layer(q, q->nodes[i])) paths[i] = quantise_layer_path(q->graph->arena, q->nodes[i]);
    }
    choose_stored(q);
    bool ok = true;
    for (int i = 0; ok && i < q->count; i++)
        if (is_layer(q, q->nodes[i])) ok = store_layer(q, q->nodes[i]);
    for (int i = 0; ok && i < q->count; i++)
        if (node_map_find(q->wanted, q->nodes[i]) && is_real(value_of(q->nodes[i]))) {
            q->layer = q->nodes[i]->name;
            ok = stored_of(q, value_of(q->nodes[i])) != NULL;
        }
    if (!ok || !give_real(q) || !pass_dce(q->graph, q->context, q->diag)) return false;
    take_names(q, names, paths);
    if (layers) list_layers(q, names, paths, layers);
    return true;
}

bool quantise_rewrite(Graph *graph, const PassContext *context, const Observations *observations, QuantLayers *layers,
                      Diag *diag)
{
    Arena *scratch = arena_child(graph->arena);
    Quantiser q = quantiser_new(graph, context, scratch, diag);
    q.observations = observations;
    bool ok = quantise_choose(graph, context->policy, q.choices, scratch, diag) && rewrite_layers(&q, layers);
    arena_free(scratch);
    return ok;
}

static bool asks_for_any(const Policy *policy)
{
    for (int i = 0; policy && i < policy->nquant; i++)
        if (policy->quant[i].to != F32) return true;
    return false;
}

bool pass_quantise(Graph *graph, const PassContext *context, Diag *diag)
{
    if (!asks_for_any(context->policy)) return true;
    Arena *scratch = arena_child(graph->arena);
    Observations observations;
    bool ok = quantise_observe(graph, context, scratch, &observations, diag) &&
              quantise_rewrite(graph, context, &observations, NULL, diag);
    arena_free(scratch);
    return ok;
}
