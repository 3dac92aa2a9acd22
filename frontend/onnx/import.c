#include "frontend/onnx/import.h"

#include "frontend/onnx/import_state.h"
#include "frontend/onnx/weights.h"
#include "ir/bounded.h"

#include <ctype.h>
#include <string.h>

/* ---- domains ---- */

static bool is_standard(const char *domain) { return !domain || !*domain || !strcmp(domain, "ai.onnx"); }

/* What a row is called: operators of other domains have these in front. */
static const char *row_type(Arena *arena, const Onnx__NodeProto *node)
{
    return is_standard(node->domain) ? node->op_type : arena_printf(arena, "%s:%s", node->domain, node->op_type);
}

/* Of the model; 0 where it does not say which it means, which onnx.checker refuses, too. */
static int64_t opset_of(const Onnx__ModelProto *model, const char *domain)
{
    int64_t opset = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = model->opset_import[i];
        bool same = is_standard(domain) ? is_standard(set->domain) : set->domain && !strcmp(set->domain, domain);
        if (same && set->has_version) opset = set->version;
    }
    if (!model->n_opset_import) opset = 1; /* files older than opsets */
    return opset;
}

/* ---- rows ---- */

typedef struct OnnxRow {
    const char *type;
    int64_t since, last;
    int operands; /* that must be there */
    OnnxFunction *function;
} OnnxRow;

static const OnnxRow rows[] = {
#define ROW_OF(operands, type, since, last, function) {type, since, last, operands, function},
#define ROW(type, since, last, function) ROW_OF(1, type, since, last, function)
#include "frontend/onnx/ops.def"
};

enum { ROWS = sizeof rows / sizeof *rows };

static bool is_map(const OpDef *def)
{
    return def->kind == KIND_MAP || (def->kind == KIND_COMPOSITE && def->attrs.count == 0);
}

/* The operator of ours that is the same, operand by operand, and needs no attribute. */
static Op same_operator(const char *type)
{
    for (int op = 0; op < OP_COUNT; op++)
        if (op_table[op]->onnx && is_map(op_table[op]) && !strcmp(op_table[op]->onnx, type)) return (Op)op;
    return OP_COUNT;
}

static bool refuse_opset(OnnxCall *c)
{
    return onnx_refuse(c, "", "convert the model: onnx.version_converter.convert_version(model, 21)",
                       "lepc does not read %s as opset %lld has it", c->node->op_type, (long long)c->opset);
}

static bool refuse_import(OnnxCall *c)
{
    const char *domain = c->node->domain;
    diag_error(c->diag, E0511, c->at, "the model imports no opset of the domain '%s'",
               is_standard(domain) ? "" : domain);
    return diag_help(c->diag, "its opset_import must have an entry for the domain of each of its operators");
}

static bool refuse_operator(OnnxCall *c)
{
    const char *domain = c->node->domain;
    if (!is_standard(domain))
        return onnx_refuse(c, "", "export the model with operators of the standard domain",
                           "operator %s of the domain '%s' is not supported", c->node->op_type, domain);
    return onnx_refuse(c, "", "write it in other operators, or leave that part of the model out",
                       "operator %s is not supported", c->node->op_type);
}

/* Before opset 7 the second operand's first axis was told, not found. */
static bool legacy_broadcast(OnnxCall *c, Op op)
{
    int64_t axis = onnx_int(c, "axis", -1);
    Value in[2] = {onnx_operand(c, 0), onnx_operand(c, 1)};
    onnx_ignore(c, "broadcast");
    const Type *a = value_type(in[0]), *b = value_type(in[1]);
    int64_t dims[MAX_RANK] = {0};
    if (axis < 0) axis += axis == -1 && !onnx_has_attr(c, "axis") ? 1 + a->rank - b->rank : a->rank;
    if (axis < 0 || axis + b->rank > a->rank) return onnx_wrong(c, "axis %lld does not fit", (long long)axis);
    for (int i = 0; i < a->rank; i++) dims[i] = i >= axis && i < axis + b->rank ? b->dim[i - axis].high : 1;
    in[1] = onnx_reshape(c, in[1], a->rank, dims);
    return onnx_result(c, 0, onnx_make(c, op, NULL, 2, in));
}

static bool import_same(OnnxCall *c, Op op)
{
    onnx_ignore(c, "consumed_inputs");
    if (c->opset < 7 && onnx_has(c, 0) && onnx_has(c, 1) && onnx_int(c, "broadcast", 0)) return legacy_broadcast(c, op);
    return onnx_map(c, op, NULL);
}

/* ---- a node ---- */

/* The first may be left out. */
static const char *first_result(const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_output; i++)
        if (*node->output[i]) return node->output[i];
    return "";
}

static const char *node_text(OnnxImport *im, const Onnx__NodeProto *node)
{
    const char *name = node->name && *node->name ? node->name : first_result(node);
    return arena_printf(im->arena, "%s (%s)", name, node->op_type);
}

/* False when one is missing, or has been in error already. */
static bool operands_are_there(OnnxCall *c, int least)
{
    bool good = true;
    for (int i = 0; i < least; i++)
        if (!onnx_has(c, i)) return onnx_wrong(c, "expected %d operands, found %d", least, onnx_operands(c));
    for (int i = 0; i < onnx_operands(c); i++) {
        const OnnxValue *value = onnx_value(c, i);
        if (onnx_has(c, i) && !value)
            good = onnx_wrong(c, "no node in front of it makes its operand '%s'", c->node->input[i]);
        else if (value && !value->plain.node && !value->last.node)
            good = false;
    }
    return good;
}

static bool attributes_are_used(OnnxCall *c)
{
    bool good = true;
    for (size_t i = 0; i < c->node->n_attribute; i++) {
        const char *name = c->node->attribute[i]->name;
        if (i < 64 && (c->used >> i & 1)) continue;
        good = onnx_refuse(c, name ? name : "", "leave it at its default", "attribute '%s' of %s is not supported",
                           name ? name : "", c->node->op_type);
    }
    return good;
}

/* What cannot be imported in any case, however its operands are. */
static bool find_row(OnnxCall *c, const OnnxRow **row, Op *same)
{
    *row = NULL;
    *same = OP_COUNT;
    const char *type = row_type(c->arena, c->node);
    bool seen = false;
    for (int i = 0; i < ROWS && !*row; i++) {
        if (strcmp(rows[i].type, type)) continue;
        seen = true;
        if (c->opset >= rows[i].since && c->opset <= rows[i].last) *row = &rows[i];
    }
    if (*row) return true;
    if (!c->opset && (seen || is_standard(c->node->domain))) return refuse_import(c);
    if (seen) return refuse_opset(c);
    if (is_standard(c->node->domain)) *same = same_operator(c->node->op_type);
    return *same < OP_COUNT || refuse_operator(c);
}

/* Results that no function made are in error, for what comes after them. */
static bool enter_results(OnnxCall *c)
{
    for (size_t i = 0; i < c->node->n_output; i++) {
        const char *name = c->node->output[i];
        if (!*name) continue;
        if (onnx_scope_makes(c->import->scope, name))
            return onnx_wrong(c, "its result '%s' is made a second time", name);
        *onnx_scope_put(c->import->scope, name) = (OnnxValue){.name = name};
    }
    return true;
}

/* What was said behind `before` is a gap as well, but for what the file says wrongly and, `of` a node, what
 * onnx_refuse has noted. */
static void note_gaps(OnnxImport *im, const Diagnostic *before, const char *of, const char *what, bool is_node)
{
    const Diagnostic *first = before ? before->next : im->diag->first;
    for (const Diagnostic *one = first; one; one = one->next)
        if (one == im->noted) first = one->next; /* said of a node in a body */
    im->noted = im->diag->last;
    for (const Diagnostic *one = first; one; one = one->next) {
        if (one->severity != SEVERITY_ERROR || one->code == E0511 || (is_node && one->code == E0512)) continue;
        onnx_add_gap(im, &(OnnxGap){of, what, "", one->message, one->help ? one->help : "", opset_of(im->model, NULL)});
    }
}

void onnx_import_node(OnnxImport *im, const Onnx__NodeProto *node)
{
    OnnxCall c = {.import = im,
                  .arena = im->arena,
                  .diag = im->diag,
                  .node = node,
                  .opset = opset_of(im->model, node->domain),
                  .name = arena_printf(im->arena, "%s%s", im->prefix, first_result(node)),
                  .number = ++im->calls};
    const OnnxRow *row = NULL;
    Op same;
    if (!node->op_type) return;
    c.at = (Span){.name = node_text(im, node)};
    bool known = find_row(&c, &row, &same), there = operands_are_there(&c, row ? row->operands : 1);
    if (!enter_results(&c) || !known || !there) return;
    int errors = im->diag->errors;
    const Diagnostic *before = im->diag->last;
    bool good = row ? row->function(&c) : import_same(&c, same);
    if (!good || im->diag->errors > errors) {
        if (im->diag->errors == errors)
            onnx_refuse(&c, "", "say it in another way", "%s cannot be done so", node->op_type);
        note_gaps(im, before, onnx_node_name(&c), node->op_type, true);
        return;
    }
    attributes_are_used(&c);
    for (size_t i = 0; i < node->n_output; i++) {
        const OnnxValue *value = *node->output[i] ? onnx_scope_find(im->scope, node->output[i]) : NULL;
        if (value && !value->plain.node && !value->last.node)
            onnx_refuse(&c, node->output[i], "leave that result out", "its result %zu is not supported", i);
    }
}

/* ---- inputs and weights ---- */

static Value add_source(OnnxImport *im, Op op, const char *name, const Type *type, const Tensor *data,
                        const void *attrs)
{
    NodeSpec spec = {.op = op,
                     .name = name,
                     .attrs = attrs,
                     .type = type,
                     .data = data,
                     .origin = origin_of(im->arena, (Span){.name = name})};
    return (Value){graph_add(im->graph, &spec, im->diag), 0};
}

static Value add_constant(OnnxImport *im, const char *name, const Tensor *data)
{
    double value = 0;
    ConstantAttrs attrs = {.value = tensor_is_splat(data, &value) ? value : 0};
    return add_source(im, OP_constant, name, &data->type, data, &attrs);
}

void onnx_import_initializer(OnnxImport *im, const Onnx__TensorProto *from)
{
    const char *name = from->name ? from->name : "", *slash = strrchr(im->path, '/');
    Span at = {.name = im->path};
    Tensor *data = ARENA_NEW(im->arena, Tensor);
    OnnxValue *value = onnx_scope_put(im->scope, name);
    if (value->plain.node) {
        diag_error(im->diag, E0511, at, "initializer '%s' is there twice", name);
        return;
    }
    const Diagnostic *before = im->diag->last;
    if (!onnx_tensor(im->arena, from, at, data, im->diag)) {
        note_gaps(im, before, name, "initializer", false);
        return;
    }
    ParamAttrs attrs = {.file = slash ? slash + 1 : im->path, .key = arena_printf(im->arena, "%s%s", im->keys, name)};
    const char *called = arena_printf(im->arena, "%s%s", im->prefix, name);
    value->plain = onnx_is_param(data) ? add_source(im, OP_param, called, &data->type, data, &attrs)
                                       : add_constant(im, called, data);
}

static const OnnxFixed *find_fixed(const OnnxImport *im, const char *name)
{
    for (int i = 0; im->options && i < im->options->nfixed; i++)
        if (!strcmp(im->options->fixed[i].name, name)) return &im->options->fixed[i];
    return NULL;
}

static const DimBinding *find_dim(const OnnxImport *im, const char *name)
{
    for (int i = 0; im->options && i < im->options->ndims; i++)
        if (!strcmp(im->options->dims[i].name, name)) return &im->options->dims[i];
    return NULL;
}

/* A word that the language takes for a name. */
static const char *dim_name(Arena *arena, const char *text)
{
    char *name = arena_printf(arena, "%s%s", isalpha((unsigned char)*text) ? "" : "d", text);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '_';
    return name;
}

/* What --dim says of it; with bounds it is one of the graph's table. */
static Dim declared_dim(OnnxImport *im, const char *text, const DimBinding *binding)
{
    Graph *graph = im->graph;
    if (binding->low == binding->high) return dim_fixed(binding->low);
    Dim dim = {.low = binding->low, .high = binding->high, .name = dim_name(im->arena, text)};
    if (graph_dim(graph, &dim) >= 0) return dim;
    Dim *dims = ARENA_ARRAY(im->arena, Dim, graph->ndims + 1);
    if (graph->ndims) memcpy(dims, graph->dims, (size_t)graph->ndims * sizeof *dims);
    dims[graph->ndims++] = dim;
    graph->dims = dims;
    return dim;
}

static bool dim_of(OnnxImport *im, const char *input, int axis, const Onnx__TensorShapeProto__Dimension *from, Dim *out)
{
    *out = dim_fixed(from->has_dim_value ? from->dim_value : 0);
    if (from->has_dim_value && from->dim_value != -1 && (from->dim_value > 0 || !from->dim_param)) return true;
    /* some exporters write -1 or "?" where nothing is known: two of these are not one dim */
    bool named = from->dim_param && *from->dim_param && strcmp(from->dim_param, "?") != 0;
    const char *name = named ? from->dim_param : arena_printf(im->arena, "%s.%d", input, axis);
    const DimBinding *binding = find_dim(im, name);
    if (binding) {
        *out = declared_dim(im, name, binding);
        return true;
    }
    diag_error(im->diag, E0305, (Span){.name = input}, "axis %d has no size but the name '%s'", axis, name);
    return diag_help(im->diag,
                     "give it one: --dim '%s=1', or bounds, when it is known when the code runs: --dim '%s=1..64'",
                     name, name);
}

static bool input_type(OnnxImport *im, const Onnx__ValueInfoProto *from, const char *name, Type *out)
{
    Span at = {.name = name};
    const Onnx__TypeProto__Tensor *tensor = from->type ? from->type->tensor_type : NULL;
    if (!tensor || !tensor->shape || tensor->shape->n_dim > MAX_RANK) {
        diag_error(im->diag, E0512, at, "the input is no tensor of up to %d axes", MAX_RANK);
        return diag_help(im->diag, "lepc has tensors only, and must know how many axes they have");
    }
    bool good = true;
    *out = (Type){.kind = TYPE_TENSOR, .dtype = onnx_dtype(tensor->elem_type), .rank = (int)tensor->shape->n_dim};
    for (size_t i = 0; i < tensor->shape->n_dim; i++)
        good = dim_of(im, name, (int)i, tensor->shape->dim[i], &out->dim[i]) && good;
    if (out->dtype == DTYPE_COUNT) {
        diag_error(im->diag, E0512, at, "the input is of %s", onnx_dtype_name(tensor->elem_type));
        return diag_help(im->diag, "lepc has numbers and booleans");
    }
    if (!good || type_is_sane(out)) return good;
    diag_error(im->diag, E0305, at, "the input has a negative dim, or is too large");
    return diag_help(im->diag, "a tensor may take 2^40 bytes at most");
}

static void import_input(OnnxImport *im, const Onnx__ValueInfoProto *from)
{
    const char *name = from->name ? from->name : "";
    if (onnx_scope_find(im->scope, name)) return; /* in old files initializers are inputs as well */
    OnnxValue *value = onnx_scope_put(im->scope, name);
    const OnnxFixed *fixed = find_fixed(im, name);
    const Diagnostic *before = im->diag->last;
    Type type;
    if (fixed)
        value->plain = add_constant(im, name, &fixed->value);
    else if (input_type(im, from, name, &type))
        value->plain = add_source(im, OP_input, name, &type, NULL, NULL);
    else
        note_gaps(im, before, name, "input", false);
}

static void import_output(OnnxImport *im, const Onnx__ValueInfoProto *from)
{
    const char *name = from->name ? from->name : "";
    OnnxValue *value = onnx_scope_find(im->scope, name);
    if (!value) {
        diag_error(im->diag, E0511, (Span){.name = im->path}, "no node makes the output '%s'", name);
        return;
    }
    Span at = {.name = arena_printf(im->arena, "%s (output)", name)};
    OnnxCall c = {.import = im, .arena = im->arena, .diag = im->diag, .name = name, .at = at};
    if (!value->plain.node) value->plain = onnx_from_last(&c, value->last);
    if (value->plain.node) graph_add_result(im->graph, (Result){.name = name, .value = value->plain, .at = c.at});
}

/* ---- the model ---- */

/* The file's name without folder and suffix, as a word. */
static const char *model_name(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    char *name = arena_copy_chars(arena, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) || (unsigned char)*c >= 0x80) *c = '_';
    return isalpha((unsigned char)*name) ? name : arena_printf(arena, "model_%s", name);
}

enum { NEWEST_OPSET = 25 }; /* of onnx 1.20 */

static void check_opset(OnnxImport *im, int64_t opset)
{
    if (opset <= NEWEST_OPSET) return;
    diag_warning(im->diag, E0512, (Span){.name = im->path}, "opset %lld is newer than lepc knows", (long long)opset);
    diag_help(im->diag, "operators are read as opset %d has them", NEWEST_OPSET);
}

static bool check_extent(OnnxImport *im, const Onnx__GraphProto *graph)
{
    if (graph->n_sparse_initializer) {
        diag_error(im->diag, E0512, (Span){.name = im->path}, "the model has sparse initializers");
        return diag_help(im->diag, "save it with dense ones");
    }
    return true;
}

/* ---- what turned out to be for nothing: values in the other order of axes, weights as they were stored ---- */

static void count_uses(NodeMap *uses, const Graph *graph, int by);

static void count_operands(NodeMap *uses, const Node *node, int by)
{
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) *node_map_cell(uses, node->inputs[i].node) += by;
    for (int i = 0; i < node->nregions; i++) count_uses(uses, node->regions[i], by);
}

static void count_uses(NodeMap *uses, const Graph *graph, int by)
{
    for (const Node *node = graph->first; node; node = node->next) count_operands(uses, node, by);
    for (int i = 0; i < graph->nresults; i++)
        if (graph->results[i].value.node) *node_map_cell(uses, graph->results[i].value.node) += by;
}

static void drop_unused_of(Graph *graph, NodeMap *uses)
{
    for (Node *node = graph->last, *previous; node; node = previous) {
        previous = node->previous;
        bool kept = node->op == OP_input || node->op == OP_state || *node_map_cell(uses, node);
        for (int i = 0; kept && i < node->nregions; i++) drop_unused_of(node->regions[i], uses);
        if (kept) continue;
        count_operands(uses, node, -1);
        graph_remove(graph, node);
    }
}

/* A use by nobody would keep rules from what they do to values that are used once. */
static void drop_unused(Graph *graph)
{
    NodeMap *uses = node_map_new(graph->arena);
    count_uses(uses, graph, 1);
    drop_unused_of(graph, uses);
}

Graph *onnx_import(Arena *arena, const Onnx__ModelProto *model, const char *path, const OnnxOptions *options,
                   OnnxReport *report, Diag *diag)
{
    OnnxImport im = {.arena = arena,
                     .diag = diag,
                     .model = model,
                     .path = path,
                     .options = options,
                     .report = report,
                     .graph = graph_new(arena, model_name(arena, path)),
                     .scope = onnx_scope_new(arena, NULL),
                     .prefix = "",
                     .keys = "",
                     .makers = node_map_new(arena),
                     .known = node_map_new(arena),
                     .sizes = node_map_new(arena)};
    const Onnx__GraphProto *graph = model->graph;
    int errors = diag->errors;
    int64_t opset = opset_of(model, NULL);
    check_opset(&im, opset);
    if (!check_extent(&im, graph)) return NULL;
    if (report) {
        report->opset = opset;
        report->producer = model->producer_name;
        report->producer_version = model->producer_version ? model->producer_version : "";
    }
    for (size_t i = 0; i < graph->n_initializer; i++) onnx_import_initializer(&im, graph->initializer[i]);
    for (size_t i = 0; i < graph->n_input; i++) import_input(&im, graph->input[i]);
    for (size_t i = 0; i < graph->n_node; i++) onnx_import_node(&im, graph->node[i]);
    for (size_t i = 0; i < graph->n_output; i++) import_output(&im, graph->output[i]);
    if (diag->errors == errors && !im.graph->nresults)
        diag_error(diag, E0601, (Span){.name = path}, "the model has no output");
    if (diag->errors > errors) return NULL;
    drop_unused(im.graph);
    return im.graph;
}
