/* Calls: casts, operators of the table, and what a user defined himself. */
#include "frontend/elaborate.h"

#include <math.h>
#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

/* ---- operands ---- */

/* Numbers and lists of such among the operands become constants of the dtype of the tensors beside them. */
static bool elaborate_operands(Elaborator *e, Frame *f, Op op, int count, const Item *items, Value *out, Span at)
{
    const char *called = op_table[op]->name;
    Dtype partner = partner_dtype(op, count, items);
    const char *name = arena_printf(e->arena, "%s.%s.number", f->path ? f->path : "value", called);
    for (int i = 0; i < count; i++) {
        const Item *item = &items[i];
        out[i] = (Value){0};
        if (item->kind == ITEM_BROKEN) return false;
        if (item->kind == ITEM_NONE) continue;
        if (item->kind == ITEM_VALUE)
            out[i] = item->value;
        else if (item->kind == ITEM_DIM || item->kind == ITEM_TUPLE || partner == DTYPE_COUNT) {
            diag_error(e->diag, E0302, at, "%s expected a tensor as operand %d, found %s", called, i + 1,
                       item_text(e->arena, item));
            if (item->kind == ITEM_DIM) return diag_help(e->diag, "give the dim one size: dim %s = 4", item->dim.name);
            if (item->kind == ITEM_TUPLE) return diag_help(e->diag, "name one, as in r.%s", item->tuple->names[0]);
            if (item->kind == ITEM_LIST) return diag_help(e->diag, "say what it holds, as in f32([1, 2])");
            return diag_help(e->diag, "write %s", op_signature(e->arena, op_table[op]));
        } else if (!number_operand(e, f, name, item, number_dtype(op, i, partner), at, &out[i]))
            return false;
    }
    return true;
}

static Item value_item(Node *node) { return node ? (Item){.kind = ITEM_VALUE, .value = value_of(node)} : broken; }

static const char *node_name(Elaborator *e, const Frame *f, const char *final, const char *called)
{
    if (final) return final;
    return f->path ? path_join(e->arena, f->path, called) : called;
}

Item elaborate_node(Elaborator *e, Frame *f, Op op, const void *attrs, int count, const Item *items, const char *final,
                    Span at)
{
    Value *operands = ARENA_ARRAY(e->arena, Value, count + 1);
    if (!elaborate_operands(e, f, op, count, items, operands, at)) return broken;
    NodeSpec spec = {.op = op, .ninputs = count, .inputs = operands, .attrs = attrs};
    spec.name = node_name(e, f, final, op_table[op]->name);
    spec.origin = elaborate_origin(e, f, at);
    return value_item(graph_add(e->graph, &spec, e->diag));
}

/* The operands of a call: what was piped in, then the arguments without a key. */
static int collect(Elaborator *e, Frame *f, const AstExpr *call, const Item *piped, Item **out)
{
    Item *items = *out = ARENA_ARRAY(e->arena, Item, call->args.count + 2);
    int count = 0;
    bool named = false, ok = true;
    if (piped) {
        items[count++] = *piped;
        ok = piped->kind != ITEM_BROKEN;
    }
    for (const AstArg *arg = call->args.first; arg; arg = arg->next) {
        named = named || arg->key;
        if (arg->key) continue;
        if (named) {
            ok = diag_error(e->diag, E0101, arg->at, "an operand stands behind a named attribute");
            diag_help(e->diag, "operands come first: %s(x, attribute: value)", call->text);
        }
        items[count] = elaborate_expr(e, f, arg->value, NULL);
        ok = items[count++].kind != ITEM_BROKEN && ok;
    }
    return ok ? count : -1;
}

/* ---- casts ---- */

static Item cast(Elaborator *e, Frame *f, Dtype dtype, const AstExpr *call, const Item *piped, const char *final)
{
    Item *items = NULL;
    int count = collect(e, f, call, piped, &items);
    if (count < 0) return broken;
    if (count != 1 || call->args.count + (piped != NULL) != 1) {
        diag_error(e->diag, E0304, call->at, "%s(...) converts one value, found %d", call->text, count);
        diag_help(e->diag, "write %s(x)", call->text);
        return broken;
    }
    if (item_is_static(&items[0]) || items[0].kind == ITEM_LIST) {
        Value value;
        const char *name = node_name(e, f, final, "number");
        return number_operand(e, f, name, &items[0], dtype, call->at, &value) ? value_item(value.node) : broken;
    }
    CastAttrs attrs = {.to = (int)dtype};
    return elaborate_node(e, f, OP_cast, &attrs, 1, items, final, call->at);
}

/* ---- param and constant ---- */

static Item no_annotation(Elaborator *e, const AstExpr *call)
{
    diag_error(e->diag, E0403, call->at, "%s needs the type of its elements", call->text);
    diag_help(e->diag, "give it a statement of its own, as in w: f32[3, 3] = %s(...)", call->text);
    return broken;
}

/* The elements of a constant that lies among the weights. */
static const Tensor *stored_constant(Elaborator *e, const char *name, const ConstantAttrs *attrs, const Type *type,
                                     Span at)
{
    ParamAttrs stored = {.file = attrs->file ? attrs->file : e->weights_file, .key = attrs->key};
    const Tensor *tensor = NULL;
    if (attrs->raw) stored = (ParamAttrs){.raw = attrs->raw, .offset = attrs->offset};
    if (!stored.file && !stored.raw) {
        diag_error(e->diag, E0506, at, "the model does not say which file holds '%s'", attrs->key);
        diag_help(e->diag, "write weights \"model.safetensors\" layout: lep into the model, or file: \"...\" here");
        return NULL;
    }
    if (!param_load(e, name, &stored, type, at, &tensor) || tensor) return tensor;
    Tensor *zeros = ARENA_NEW(e->arena, Tensor); /* the file need not be there */
    *zeros = tensor_new(e->arena, *type);
    return zeros;
}

static const Tensor *constant_tensor(Elaborator *e, const char *name, const ConstantAttrs *attrs, const Type *type,
                                     Span at)
{
    if (attrs->pool) return pool_tensor(e, attrs, type, at);
    if (attrs->key || attrs->file || attrs->raw) return stored_constant(e, name, attrs, type, at);
    if (!elaborate_charge(e, type, at)) return NULL;
    Tensor *tensor = ARENA_NEW(e->arena, Tensor);
    *tensor = tensor_new(e->arena, *type);
    bool zeros = attrs->value == 0 && !signbit(attrs->value); /* as a new tensor is */
    for (int64_t i = 0, n = type_elements(type); i < n && !zeros; i++) tensor_set_real(tensor, i, attrs->value);
    return tensor;
}

/* Without a file or a seed a param is one of the model's, by its name. */
static ParamAttrs model_param(Elaborator *e, const ParamAttrs *attrs, const char *name, Span at)
{
    ParamAttrs own = *attrs;
    if (own.file || own.raw || own.seed) return own;
    if (own.init.kind == INIT_USUAL) own.init = e->init;
    param_of_model(e, own.key ? own.key : name, own.init.kind != INIT_USUAL, &own, at);
    return own;
}

/* Sources take their type from the annotation of their statement, and their elements from their attributes. */
static Item source(Elaborator *e, Frame *f, Op op, const AstExpr *call, const void *attrs, const char *final)
{
    if (!f->annotation || !final) return no_annotation(e, call);
    NodeSpec spec = {.op = op, .name = final, .attrs = attrs, .type = f->annotation};
    spec.origin = elaborate_origin(e, f, call->at);
    ParamAttrs among_weights;
    if (op == OP_param) {
        among_weights = model_param(e, attrs, final, call->at);
        spec.attrs = &among_weights;
        if (!param_place(e, final, f->annotation, &among_weights, call->at) ||
            !param_load(e, final, &among_weights, f->annotation, call->at, &spec.data))
            return broken;
    } else {
        spec.data = constant_tensor(e, final, attrs, f->annotation, call->at);
        if (!spec.data) return broken;
    }
    return value_item(graph_add(e->graph, &spec, e->diag));
}

/* ---- operators ---- */

static bool check_required(Elaborator *e, const OpDef *def, const bool *given, bool has_params, Span at)
{
    for (int i = 0; i < def->attrs.count; i++) {
        const AttrDef *row = &def->attrs.rows[i];
        bool layer = row->flags & ATTR_LAYER;
        if (layer && has_params && given[i]) {
            diag_error(e->diag, E0404, at, "%s: %s says how to make parameters, but they are given", def->name,
                       row->name);
            return diag_help(e->diag, "leave out `%s`, or the operands behind the first", row->name);
        }
        if (!(row->flags & ATTR_REQUIRED) || given[i] || (layer && has_params)) continue;
        diag_error(e->diag, E0403, at, "%s needs %s: %s", def->name, row->name, attr_kind_name(row->kind));
        return diag_help(e->diag, "write %s", op_signature(e->arena, def));
    }
    return true;
}

static void forget_layer_attrs(const OpDef *def, void *attrs)
{
    for (int i = 0; i < def->attrs.count; i++)
        if (def->attrs.rows[i].flags & ATTR_LAYER) attr_set_default(&def->attrs.rows[i], attrs);
}

/* ---- init: and bias_init: of all layers with parameters ---- */

static const AttrTable layer_attrs =
    ATTRS(LayerInit, ATTR(LayerInit, init, .kind = ATTR_INIT, .doc = "how weights are drawn"),
          ATTR(LayerInit, bias_init, .kind = ATTR_INIT, .doc = "how biases are drawn"));

/* The arguments that each layer has, and those of its operator. */
static void split_args(Arena *arena, const AstArgs *from, AstArgs *own, AstArgs *inits)
{
    *own = (AstArgs){0};
    for (const AstArg *arg = from->first; arg; arg = arg->next) {
        AstArgs *to = arg->key && attr_find(&layer_attrs, arg->key) ? inits : own;
        AstArg *copy = ARENA_NEW(arena, AstArg);
        *copy = *arg;
        copy->next = NULL;
        if (to->last)
            to->last->next = copy;
        else
            to->first = copy;
        to->last = copy;
        to->count++;
    }
}

static bool layer_init(Elaborator *e, Frame *f, const OpDef *def, const AstArgs *args, bool has_params, LayerInit *out)
{
    bool given[2] = {false, false};
    if (!args->count) return true;
    if (has_params) {
        diag_error(e->diag, E0404, args->first->at, "%s: %s says how to draw parameters, but they are given", def->name,
                   args->first->key);
        return diag_help(e->diag, "leave out `%s`, or write it where they are made", args->first->key);
    }
    bool ok = elaborate_attrs(e, f, def->name, &layer_attrs, args, out, given);
    out->has_init = given[0];
    out->has_bias = given[1];
    return ok;
}

static Item operator_node(Elaborator *e, Frame *f, Op op, const AstExpr *call, int count, const Item *items,
                          void *attrs, const LayerInit *said, const char *final)
{
    const OpDef *def = op_table[op];
    int room = count > def->noperands ? count : def->noperands, param = op_first_param(def);
    Value *operands = ARENA_ARRAY(e->arena, Value, room + 1);
    if (!elaborate_operands(e, f, op, count, items, operands, call->at)) return broken;
    while (count && count < param && def->operands[count].flags & OPERAND_OPTIONAL) operands[count++] = (Value){0};
    if (param >= 0 && count == param && count) {
        if (!layer_params(e, f, op, attrs, said, operands, count, call->at)) return broken;
        count = def->noperands;
        forget_layer_attrs(def, attrs);
    }
    NodeSpec spec = {.op = op, .ninputs = count, .inputs = operands, .attrs = attrs};
    spec.name = node_name(e, f, final, def->name);
    spec.origin = elaborate_origin(e, f, call->at);
    return value_item(graph_add(e->graph, &spec, e->diag));
}

static Item call_operator(Elaborator *e, Frame *f, Op op, const AstExpr *call, const Item *piped, const char *final)
{
    const OpDef *def = op_table[op];
    void *attrs = arena_alloc(e->arena, def->attrs.size + 1);
    bool *given = ARENA_ARRAY(e->arena, bool, def->attrs.count + 1);
    attr_set_defaults(&def->attrs, attrs);
    Item *items = NULL;
    int count = collect(e, f, call, piped, &items), param = op_first_param(def);
    AstArgs own = call->args, inits = {0};
    LayerInit said = {.has_init = false};
    if (param >= 0) split_args(e->arena, &call->args, &own, &inits);
    bool ok = elaborate_attrs(e, f, def->name, &def->attrs, &own, attrs, given);
    ok = layer_init(e, f, def, &inits, count > param, &said) && ok;
    if (count < 0 || !ok) return broken;
    if (!check_required(e, def, given, param >= 0 && count > param, call->at)) return broken;
    if (def->kind == KIND_SOURCE && count == 0) return source(e, f, op, call, attrs, final);
    return operator_node(e, f, op, call, count, items, attrs, &said, final);
}

/* split and join have one operand and the names of dims. */
static Item call_regroup(Elaborator *e, Frame *f, const AstExpr *call, const Item *piped, const char *final)
{
    Item *items = NULL;
    int count = collect(e, f, call, piped, &items);
    if (count < 0) return broken;
    if (count == 1) return elaborate_regroup(e, f, call, items, final);
    diag_error(e->diag, E0304, call->at, "%s takes one tensor, found %d", call->text, count);
    diag_help(e->diag, "concat puts several side by side, slice takes one apart");
    return broken;
}

static Item unknown_callee(Elaborator *e, const AstExpr *call)
{
    size_t count = 0;
    for (const AstTop *top = e->ast->tops; top; top = top->next) count++;
    const char **names = ARENA_ARRAY(e->arena, const char *, count + 1);
    count = 0;
    for (const AstTop *top = e->ast->tops; top; top = top->next)
        if (is_callable(top)) names[count++] = top->name;
    const char *near = diag_nearest(call->text, names, count);
    if (!near) near = op_nearest(call->text);
    diag_error(e->diag, E0203, call->at, "there is no operator or block '%s'", call->text);
    if (near)
        diag_help(e->diag, "did you mean %s?", near);
    else
        diag_help(e->diag, "`lepc ops` lists the operators");
    return broken;
}

Item elaborate_call(Elaborator *e, Frame *f, const AstExpr *call, const Item *piped, const char *final)
{
    if (!elaborate_step(e, call->at)) return broken;
    Dtype dtype = dtype_find(call->text);
    if (dtype != DTYPE_COUNT) return cast(e, f, dtype, call, piped, final);
    for (const AstTop *top = e->ast->tops; top; top = top->next) {
        if (!is_callable(top) || strcmp(top->name, call->text) != 0) continue;
        return (top->kind == AST_EXTERN ? elaborate_extern : elaborate_block)(e, f, top, call, piped, final);
    }
    if (!strcmp(call->text, "split") || !strcmp(call->text, "join")) return call_regroup(e, f, call, piped, final);
    Op op = op_find(call->text);
    bool callable = op != OP_COUNT && op != OP_input && op != OP_state && op_table[op]->kind != KIND_GROUP &&
                    op_table[op]->kind != KIND_LOOP && op_table[op]->kind != KIND_BRANCH;
    if (!callable) return unknown_callee(e, call);
    return call_operator(e, f, op, call, piped, final);
}
