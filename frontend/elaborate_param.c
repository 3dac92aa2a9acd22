/* Parameters: what a layer makes for itself, and where their elements come from. */
#include "frontend/elaborate.h"

#include <string.h>

/* ---- the weights statement ---- */

typedef struct WeightsAttrs {
    int layout;
    int64_t seed;
    Init init;
} WeightsAttrs;

static const char *const layout_words[] = {"keras", "pytorch", "lep", NULL};
static const AttrTable weights_attrs =
    ATTRS(WeightsAttrs,
          ATTR(WeightsAttrs, layout, .kind = ATTR_ENUM, .words = layout_words, .doc = "how kernels lie in the file"),
          ATTR(WeightsAttrs, seed, .kind = ATTR_INT, .doc = "parameters are drawn from it when there is no file"),
          ATTR(WeightsAttrs, init, .kind = ATTR_INIT, .doc = "how those are drawn that the file has not"));

static bool is_raw(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (!strcmp(dot, ".bin") || !strcmp(dot, ".raw"));
}

bool elaborate_weights(Elaborator *e, const AstStatement *s)
{
    WeightsAttrs attrs;
    bool given[3] = {false};
    Frame f = {.scope = scope_new(e->arena, NULL)};
    if (e->weights) {
        diag_error(e->diag, E0202, s->at, "a model has one weights statement; the first is on line %d",
                   e->weights->first_line);
        return diag_help(e->diag, "merge the files");
    }
    e->weights = s;
    attr_set_defaults(&weights_attrs, &attrs);
    if (!elaborate_attrs(e, &f, "weights", &weights_attrs, &s->attrs, &attrs, given)) return false;
    e->seed = attrs.seed;
    e->init = attrs.init;
    e->has_init = given[2];
    if (!s->value) {
        if (given[1]) return true;
        diag_error(e->diag, E0403, s->at, "weights: expected a file and its layout, or a seed");
        return diag_help(e->diag, "write weights \"model.safetensors\" layout: keras, or weights seed: 1");
    }
    e->weights_file = s->value->text;
    e->raw_weights = is_raw(e->weights_file);
    e->layout = (Layout)attrs.layout;
    if (given[0]) return true;
    diag_error(e->diag, E0506, s->at, "the layout of the kernels in \"%s\" is not stated", e->weights_file);
    return diag_help(e->diag, "write layout: keras (HWIO), pytorch (OIHW), or lep (as lepc has them)");
}

/* ---- parameters of a layer ---- */

static bool have_weights(Elaborator *e, const char *path, Span at)
{
    if (e->weights) return true;
    diag_error(e->diag, E0506, at, "'%s' has parameters, but the model does not say where they come from", path);
    diag_help(e->diag,
              "write weights \"model.safetensors\" layout: keras into the model, or weights seed: 1 to draw them");
    static const AstStatement said_once = {.kind = AST_WEIGHTS};
    e->weights = &said_once;
    return false;
}

void param_of_model(Elaborator *e, const char *key, bool drawn, ParamAttrs *attrs, Span at)
{
    if (e->raw_weights) {
        attrs->raw = e->weights_file;
        attrs->init = init_of(INIT_USUAL);
    } else if (e->weights_file && (!drawn || weights_may_have(e, e->weights_file, key, at))) {
        attrs->file = e->weights_file;
        attrs->key = key;
        attrs->init = init_of(INIT_USUAL);
    } else
        attrs->seed = e->seed;
}

/* Where operand i of a layer comes from. */
static ParamAttrs layer_param(Elaborator *e, const Frame *f, const Node *layer, int i, const LayerInit *said, Span at)
{
    const char *operand = node_def(layer)->operands[i].name;
    bool drawn = said->has_init || said->has_bias || e->has_init;
    const Init zeros = init_of(INIT_ZEROS), *init = said->has_init ? &said->init : &e->init;
    ParamAttrs param;
    attr_set_defaults(&op_param.attrs, &param);
    if (drawn) param.init = init_for(operand, init, said->has_bias ? &said->bias_init : &zeros);
    param_of_model(e, layout_key(e, layer, i, f->param_path), drawn, &param, at);
    return param;
}

static Value add_param(Elaborator *e, Frame *f, const char *operand, const Type *type, const ParamAttrs *attrs, Span at)
{
    const char *name = path_join(e->arena, f->param_path, operand);
    Node *there = f->reuse ? graph_find(e->graph, name) : NULL;
    if (there && type_equal(&there->types[0], type)) return value_of(there);
    if (there) {
        diag_error(e->diag, E0301, at, "'%s' is shared as %s, but %s is needed here", name,
                   type_text(e->arena, &there->types[0]), type_text(e->arena, type));
        diag_help(e->diag, "each turn of a share needs the same shapes; `repeat` makes fresh parameters");
        return (Value){0};
    }
    const Tensor *data = NULL;
    ParamAttrs own = *attrs;
    if (!param_place(e, name, type, &own, at) || !param_load(e, name, &own, type, at, &data)) return (Value){0};
    NodeSpec spec = {.op = OP_param, .name = name, .attrs = &own, .type = type, .data = data};
    spec.origin = elaborate_origin(e, f, at);
    Node *node = graph_add(e->graph, &spec, e->diag);
    return node ? value_of(node) : (Value){0};
}

bool layer_params(Elaborator *e, Frame *f, Op op, const void *attrs, const LayerInit *said, Value *operands, int have,
                  Span at)
{
    const OpDef *def = op_table[op];
    Node layer = {.op = op, .name = f->path, .graph = e->graph, .ninputs = have, .inputs = operands};
    layer.attrs = (void *)(uintptr_t)attrs;
    layer.origin = elaborate_origin(e, f, at);
    if (!elaborate_layer(e, f, at) || !have_weights(e, f->param_path, at)) return false;
    bool ok = true;
    for (int i = have; i < def->noperands && (def->operands[i].flags & OPERAND_PARAM); i++) {
        Type type;
        if (!def->param(&layer, i, &type, e->diag)) return false;
        if (type.dtype == DTYPE_COUNT) continue;
        ParamAttrs param = layer_param(e, f, &layer, i, said, at);
        if (param.file || param.raw) layout_order(e, &layer, i, &type, &param);
        operands[i] = add_param(e, f, def->operands[i].name, &type, &param, at);
        ok = operands[i].node && ok;
    }
    e->params++;
    return ok;
}
