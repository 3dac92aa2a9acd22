/* A scan: its body becomes a region that runs once for each index of an axis. */
#include "frontend/elaborate.h"
#include "ir/scan.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

enum { MAX_TURNS = 1 << 24 };

typedef struct ScanText {
    Elaborator *e;
    Frame *frame; /* around the scan */
    const AstExpr *expr;
    const AstLoop *loop;      /* with what its counter adds to it */
    const AstExpr *condition; /* that becomes the first carried value, or NULL */
    int count;                /* operands */
    Value *operands;
    ScanAttrs attrs;
    Node *scan;
    Frame body;
    Result *nexts; /* one each carried value, those without a next have no value */
} ScanText;

/* ---- how it ends ---- */

static AstArg *new_arg(ScanText *s, const char *key, AstExpr *value)
{
    AstArg *arg = ARENA_NEW(s->e->arena, AstArg);
    *arg = (AstArg){.key = key, .at = value->at, .value = value};
    return arg;
}

static AstExpr *new_expr(ScanText *s, AstExprKind kind, const char *text, AstExpr *left, AstExpr *right)
{
    AstExpr *expr = ARENA_NEW(s->e->arena, AstExpr);
    *expr = (AstExpr){.kind = kind, .text = text, .written = text, .at = s->loop->count->at, .depth = 1};
    if (!left) return expr;
    AstArg *first = new_arg(s, NULL, left), *second = new_arg(s, NULL, right);
    first->next = second;
    expr->args = (AstArgs){first, second, 2};
    return expr;
}

/* The number of the turn is one more carried value: `i: i32[] = 0`, `next i = i + 1`. */
static void add_count(ScanText *s)
{
    AstLoop *loop = ARENA_NEW(s->e->arena, AstLoop);
    const char *name = s->loop->variable;
    AstArg *arg = new_arg(s, name, new_expr(s, AST_INTEGER, "0", NULL, NULL));
    arg->type = ARENA_NEW(s->e->arena, AstType);
    *arg->type = (AstType){.name = "i32", .shaped = true, .at = arg->at};
    AstExpr *one = new_expr(s, AST_INTEGER, "1", NULL, NULL);
    one->integer = 1;
    AstStatement *next = ARENA_NEW(s->e->arena, AstStatement);
    *next = (AstStatement){.kind = AST_NEXT, .name = name, .at = arg->at, .name_at = arg->at};
    next->value = new_expr(s, AST_BINARY, "+", new_expr(s, AST_NAME, name, NULL, NULL), one);
    *loop = *s->loop;
    arg->next = loop->carried.first;
    loop->carried = (AstArgs){arg, loop->carried.last ? loop->carried.last : arg, loop->carried.count + 1};
    next->next = loop->body.first;
    loop->body.first = next;
    if (!loop->body.last) loop->body.last = next;
    loop->body.count++;
    s->loop = loop;
}

/* So often at most, as a number says, or a tensor when the model runs. */
static bool take_count(ScanText *s)
{
    Elaborator *e = s->e;
    AstExpr *count = s->loop->count;
    Item item = elaborate_expr(e, s->frame, count, NULL);
    if (item.kind == ITEM_BROKEN) return false;
    if (item.kind == ITEM_INTEGER && item.integer >= 1 && item.integer <= MAX_TURNS) {
        s->attrs.turns = item.integer;
        if (s->loop->variable) add_count(s);
        return true;
    }
    if (item.kind != ITEM_VALUE || !s->loop->variable) {
        diag_error(e->diag, item.kind == ITEM_INTEGER ? E0104 : E0302, count->at,
                   "a loop has 1 to %d turns, or so many as a tensor says; found %s", MAX_TURNS,
                   item_text(e->arena, &item));
        return diag_help(e->diag, "write loop 100 as i (...), or loop n as i (...) with n: i32[]");
    }
    AstExpr *less = new_expr(s, AST_BINARY, "<", new_expr(s, AST_NAME, s->loop->variable, NULL, NULL), count);
    s->condition = s->condition ? new_expr(s, AST_BINARY, "and", less, (AstExpr *)s->condition) : less;
    add_count(s);
    return true;
}

/* `while h` of the first carried value is what the node says itself; any other condition is carried besides. */
static bool loop_take_end(ScanText *s)
{
    const AstExpr *condition = s->loop->condition;
    const AstArg *first = s->loop->carried.first;
    bool counts = s->loop->count && s->loop->variable;
    bool named = condition && (condition->kind == AST_NAME || condition->kind == AST_STRING);
    bool own = !counts && named && first && !strcmp(condition->text, first->key);
    s->condition = own ? NULL : condition;
    if (s->loop->count && !take_count(s)) return false;
    s->attrs.stops = own || s->condition;
    return true;
}

/* ---- operands ---- */

/* `over T`: the one axis of that declared dim's size; any other number counts axes. */
static bool axis_of_dim(ScanText *s, const AstExpr *over, const Dim *dim, const Type *type, int64_t *out)
{
    Diag *diag = s->e->diag;
    int found = 0;
    for (int axis = 0; axis < type->rank; axis++) {
        if (!dim_equal(&type->dim[axis], dim)) continue;
        *out = axis;
        found++;
    }
    if (found == 1) return true;
    const char *name = over->kind == AST_NAME ? over->text : "that dim";
    diag_error(diag, E0301, over->at,
               found ? "more than one axis of %s has the size of '%s'" : "no axis of %s has the size of '%s'",
               type_text(diag->arena, type), name);
    return diag_help(diag, "say which one by its number, as in `over 1`");
}

static bool take_axis(ScanText *s, const AstExpr *over, const Type *type, int64_t *out)
{
    Item item = elaborate_expr(s->e, s->frame, over, NULL);
    if (item.kind == ITEM_BROKEN) return false;
    bool dim = item.kind == ITEM_DIM || (item.kind == ITEM_INTEGER && item.dim.high > 0);
    if (dim) return axis_of_dim(s, over, &item.dim, type, out);
    *out = item.integer < 0 ? item.integer + type->rank : item.integer;
    if (item.kind == ITEM_INTEGER && *out >= 0 && *out < type->rank && s->attrs.axes.count < MAX_INTS) return true;
    diag_error(s->e->diag, item.kind == ITEM_INTEGER ? E0404 : E0306, over->at,
               "a scan is over a dim or an axis of %s, found %s", type_text(s->e->arena, type),
               item_text(s->e->arena, &item));
    return diag_help(s->e->diag, "name a declared dim, or count axes from 0; at most %d tensors are scanned", MAX_INTS);
}

/* 0, 1, 2, ...: what a scan of a number of turns sees of them. */
static Value add_counter(ScanText *s, const AstArg *arg, int64_t turns)
{
    Elaborator *e = s->e;
    Type type = {.kind = TYPE_TENSOR, .dtype = I32, .rank = 1, .dim = {dim_fixed(turns)}};
    if (!elaborate_charge(e, &type, arg->at)) return (Value){0};
    Tensor *data = ARENA_NEW(e->arena, Tensor);
    *data = tensor_new(e->arena, type);
    for (int64_t i = 0; i < turns; i++) ((int32_t *)data->data)[i] = (int32_t)i;
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    NodeSpec spec = {.op = OP_constant, .attrs = &attrs, .type = &type, .data = data};
    spec.name = path_join(e->arena, s->frame->path, arena_printf(e->arena, "%s.all", arg->key));
    spec.origin = elaborate_origin(e, s->frame, arg->at);
    Node *node = graph_add(e->graph, &spec, e->diag);
    return node ? value_of(node) : (Value){0};
}

static bool is_over(const AstExpr *expr) { return expr->kind == AST_BINARY && !strcmp(expr->text, "over"); }

static bool take_scanned(ScanText *s, const AstArg *arg)
{
    Elaborator *e = s->e;
    bool over = is_over(arg->value);
    const AstExpr *of = over ? arg->value->args.first->value : arg->value;
    Item item = elaborate_expr(e, s->frame, of, NULL);
    int64_t axis = 0;
    if (item.kind == ITEM_BROKEN) return false;
    if (!over && item.kind == ITEM_INTEGER && item.integer >= 1 && item.integer <= MAX_TURNS) {
        item = (Item){.kind = ITEM_VALUE, .value = add_counter(s, arg, item.integer)};
        if (!item.value.node) return false;
    } else if (item.kind != ITEM_VALUE || !over) {
        diag_error(e->diag, E0302, of->at, "a scan is of a tensor over an axis, or of 1 to %d turns; found %s",
                   MAX_TURNS, item_text(e->arena, &item));
        return diag_help(e->diag, "write scan x over 1 as %s, or scan 10 as %s", arg->key, arg->key);
    } else if (!take_axis(s, arg->value->args.first->next->value, value_type(item.value), &axis))
        return false;
    s->attrs.axes.at[s->attrs.axes.count++] = axis;
    s->operands[s->count++] = item.value;
    return true;
}

/* h: f32[1, 64] = 0 */
static bool first_number(ScanText *s, const AstArg *arg, const Type *type, Item *out)
{
    Elaborator *e = s->e;
    double value = 0;
    if (!elaborate_first(e, s->frame, arg->value, arg->key, type->dtype, &value)) return false;
    const char *name = arena_printf(e->arena, "%s.first", arg->key);
    *out = (Item){.kind = ITEM_VALUE, .value = elaborate_constant(e, s->frame, type, value, name, arg->at)};
    return out->value.node != NULL;
}

static bool take_carried(ScanText *s, const AstArg *arg)
{
    Elaborator *e = s->e;
    Type type;
    bool number = arg->value->kind == AST_INTEGER || arg->value->kind == AST_REAL || arg->value->kind == AST_NEGATE;
    if (arg->type && !elaborate_type(e, s->frame->scope, arg->type, &type)) return false;
    Item item = {.kind = ITEM_BROKEN};
    if (arg->type && number) {
        if (!first_number(s, arg, &type, &item)) return false;
    } else {
        item = elaborate_expr(e, s->frame, arg->value, NULL);
    }
    if (item.kind == ITEM_BROKEN) return false;
    if (item.kind != ITEM_VALUE) {
        diag_error(e->diag, E0302, arg->value->at, "'%s' begins with a tensor, found %s", arg->key,
                   item_text(e->arena, &item));
        return diag_help(e->diag, "a number needs a type: %s: f32[1, 64] = 0", arg->key);
    }
    if (arg->type && !type_equal(&type, value_type(item.value))) {
        diag_error(e->diag, E0303, arg->type->at, "'%s' begins with %s, but the annotation claims %s", arg->key,
                   type_text(e->arena, value_type(item.value)), type_text(e->arena, &type));
        return diag_help(e->diag, "correct the annotation, or what it begins with");
    }
    s->operands[s->count++] = item.value;
    return true;
}

/* The condition, of what the carried values are in `scope`. */
static Item elaborate_condition(ScanText *s, const Frame *around, Scope *scope, const char *name)
{
    Elaborator *e = s->e;
    Frame frame = *around;
    int params = e->params;
    frame.scope = scope;
    frame.path = path_inner(e->arena, around->prefix, name);
    frame.annotation = NULL;
    Item item = elaborate_expr(e, &frame, s->condition, NULL);
    if (item.kind == ITEM_BOOL) {
        Type type = type_scalar(BOOL);
        item.kind = ITEM_VALUE;
        item.value = elaborate_constant(e, &frame, &type, item.integer ? 1 : 0, "number", s->condition->at);
    } else if (item.kind != ITEM_VALUE && item.kind != ITEM_BROKEN) {
        diag_error(e->diag, E0302, s->condition->at, "'while' wants one bool, found %s", item_text(e->arena, &item));
        diag_help(e->diag, "compare, as in while error > 0.001");
        item = broken;
    }
    if (e->params == params) return item;
    elaborate_misplaced(e, s->condition->at, "a condition with parameters", "compute it in the body, and carry it");
    return broken;
}

/* Whether there is a first turn: the condition of what is carried at first. */
static bool loop_begins(ScanText *s, int first)
{
    Elaborator *e = s->e;
    Scope *scope = scope_new(e->arena, s->frame->scope);
    int i = first + 1;
    for (const AstArg *arg = s->loop->carried.first; arg; arg = arg->next)
        scope_put(scope, arg->key, (Item){.kind = ITEM_VALUE, .value = s->operands[i++]}, arg->at);
    Frame frame = *s->frame;
    frame.prefix = frame.path;
    Item item = elaborate_condition(s, &frame, scope, "while.first");
    s->operands[first] = item.value;
    return item.kind == ITEM_VALUE;
}

static bool take_operands(ScanText *s)
{
    bool ok = true;
    s->operands = ARENA_ARRAY(s->e->arena, Value, s->loop->scanned.count + s->loop->carried.count + 2);
    if (s->loop->scanned.count > MAX_INTS) {
        diag_error(s->e->diag, E0304, s->expr->at, "a scan is of at most %d tensors together, found %d", MAX_INTS,
                   s->loop->scanned.count);
        return diag_help(s->e->diag, "put some side by side in one tensor");
    }
    for (const AstArg *arg = s->loop->scanned.first; arg; arg = arg->next) ok = take_scanned(s, arg) && ok;
    int first = s->count;
    s->count += s->condition != NULL;
    for (const AstArg *arg = s->loop->carried.first; ok && arg; arg = arg->next) ok = take_carried(s, arg);
    return ok && (!s->condition || loop_begins(s, first));
}

/* ---- the body ---- */

static const char *inner_name(const ScanText *s, const char *name)
{
    return path_inner(s->e->arena, s->body.prefix, name);
}

static Node *add_input(ScanText *s, int number, const char *key, Span at)
{
    int scanned = s->attrs.axes.count;
    Type type = *value_type(s->operands[number]);
    if (number < scanned) type = scan_slice(&type, s->attrs.axes.at[number]);
    NodeSpec spec = {.op = OP_input, .name = inner_name(s, key), .type = &type};
    spec.origin = elaborate_origin(s->e, s->frame, at);
    Node *input = graph_add(s->e->graph, &spec, s->e->diag);
    if (number >= scanned) s->nexts[number - scanned] = (Result){.state = input, .at = at};
    return input;
}

static void add_inputs(ScanText *s)
{
    const AstArgs *lists[] = {&s->loop->scanned, &s->loop->carried};
    int number = 0;
    for (int i = 0; i < 2; i++) {
        if (i && s->condition) add_input(s, number++, "while", s->condition->at);
        for (const AstArg *arg = lists[i]->first; arg; arg = arg->next) {
            Item item = {.kind = ITEM_VALUE, .value = value_of(add_input(s, number++, arg->key, arg->at))};
            elaborate_define(s->e, &s->body, arg->key, item, arg->at);
        }
    }
}

static Frame frame_named(const ScanText *s, const char *name)
{
    Frame frame = s->body;
    frame.path = path_inner(s->e->arena, frame.prefix, name);
    frame.param_path = path_inner(s->e->arena, frame.param_prefix, name);
    return frame;
}

static bool refuse_next(ScanText *s, const AstStatement *next, int carried)
{
    const char *names[64];
    size_t count = 0;
    Diag *diag = s->e->diag;
    if (carried >= 0) {
        diag_error(diag, E0607, next->at, "'%s' has a next already", next->name);
        return diag_help(diag, "leave one out: it becomes one value in the next turn");
    }
    for (const AstArg *arg = s->loop->carried.first; arg && count < 64; arg = arg->next) names[count++] = arg->key;
    diag_error(diag, E0201, next->name_at, "this scan carries no '%s'", next->name);
    const char *near = diag_nearest(next->name, names, count);
    if (near) return diag_help(diag, "did you mean %s?", near);
    return diag_help(diag, "say what it begins with: scan ... (%s = ...)", next->name);
}

static void take_next(ScanText *s, const AstStatement *next)
{
    Elaborator *e = s->e;
    int i = s->condition != NULL;
    Frame frame = frame_named(s, arena_printf(e->arena, "%s.next", next->name));
    Item item = elaborate_expr(e, &frame, next->value, e->flat ? NULL : frame.path);
    const AstArg *arg = s->loop->carried.first;
    for (; arg && strcmp(arg->key, next->name); arg = arg->next) i++;
    if (!arg || s->nexts[i].value.node) {
        refuse_next(s, next, arg ? i : -1);
        return;
    }
    if (item.kind == ITEM_BROKEN) return;
    const Type *wanted = &s->nexts[i].state->types[0];
    if (item.kind == ITEM_VALUE && type_equal(value_type(item.value), wanted)) {
        s->nexts[i].value = item.value;
        return;
    }
    diag_error(e->diag, item.kind == ITEM_VALUE ? E0301 : E0302, next->value->at, "'%s' is %s, but becomes %s",
               next->name, type_text(e->arena, wanted), item_text(e->arena, &item));
    diag_help(e->diag, "a carried value has one type: correct what it begins with, or its next");
}

/* `y over 0`: the axis where slices of that type are gathered. */
static bool take_gathered(ScanText *s, const AstExpr *over, const Type *slice, int64_t *out)
{
    Item item = elaborate_expr(s->e, s->frame, over, NULL);
    *out = item.integer < 0 ? item.integer + slice->rank + 1 : item.integer;
    if (item.kind == ITEM_BROKEN) return false;
    if (item.kind == ITEM_INTEGER && *out >= 0 && *out <= slice->rank) return true;
    diag_error(s->e->diag, item.kind == ITEM_INTEGER ? E0404 : E0306, over->at,
               "turns of %s are gathered along axis 0 to %d, found %s", type_text(s->e->arena, slice), slice->rank,
               item_text(s->e->arena, &item));
    return diag_help(s->e->diag, "leave it out for the axis of what is scanned");
}

static void take_returned(ScanText *s, const AstArg *arg)
{
    Elaborator *e = s->e;
    bool over = is_over(arg->value);
    const AstExpr *value = over ? arg->value->args.first->value : arg->value;
    bool named = value->kind == AST_NAME || value->kind == AST_STRING;
    const char *name = arg->key ? arg->key : named ? value->text : NULL;
    if (!name) {
        diag_error(e->diag, E0602, value->at, "what a scan returns needs a name");
        diag_help(e->diag, "write return y: ..., then r.y is all turns' values");
        return;
    }
    Frame frame = frame_named(s, name);
    Item item = elaborate_expr(e, &frame, value, named ? NULL : frame.path);
    Result result = {
        .name = name, .value = item.value, .at = value->at, .axis = s->attrs.axes.count ? s->attrs.axes.at[0] : 0};
    if (item.kind == ITEM_VALUE) {
        const Type *slice = value_type(item.value);
        if (over && !take_gathered(s, arg->value->args.first->next->value, slice, &result.axis)) return;
        graph_add_result(e->graph, result);
    } else if (item.kind != ITEM_BROKEN) {
        diag_error(e->diag, E0302, value->at, "a scan returns tensors, found %s", item_text(e->arena, &item));
        diag_help(e->diag, "what is the same in every turn need not be returned");
    }
}

static void take_body(ScanText *s)
{
    const AstStatement *last = s->loop->body.last;
    for (const AstStatement *one = s->loop->body.first; one && s->e->steps >= 0; one = one->next) {
        if (one->kind == AST_NEXT)
            take_next(s, one);
        else if (one->kind != AST_RETURN || one != last)
            elaborate_inner(s->e, &s->body, one);
        else
            for (const AstArg *arg = one->attrs.first; arg; arg = arg->next) take_returned(s, arg);
    }
}

/* Whether there is one more turn: the condition of what is carried into it. */
static bool add_condition(ScanText *s)
{
    Scope *scope = scope_new(s->e->arena, s->body.scope);
    int i = 1;
    for (const AstArg *arg = s->loop->carried.first; arg; arg = arg->next, i++)
        if (s->nexts[i].value.node)
            scope_put(scope, arg->key, (Item){.kind = ITEM_VALUE, .value = s->nexts[i].value}, arg->at);
    Item item = elaborate_condition(s, &s->body, scope, "while.next");
    s->nexts[0].value = item.value;
    if (item.kind == ITEM_VALUE) graph_add_result(s->e->graph, s->nexts[0]);
    return item.kind == ITEM_VALUE;
}

/* What is carried stands behind what is returned. */
static void add_nexts(ScanText *s)
{
    Elaborator *e = s->e;
    int i = s->condition != NULL;
    if (s->condition && !add_condition(s)) return;
    for (const AstArg *arg = s->loop->carried.first; arg; arg = arg->next, i++) {
        if (s->nexts[i].value.node) {
            graph_add_result(e->graph, s->nexts[i]);
            continue;
        }
        diag_error(e->diag, E0607, arg->at, "'%s' has no next", arg->key);
        diag_help(e->diag, "say what it becomes: next %s = ...", arg->key);
    }
}

static void check_slots(ScanText *s)
{
    Elaborator *e = s->e;
    const Graph *region = s->scan->regions[0];
    for (int i = 0; i < s->scan->nresults; i++)
        for (int k = 0; k < i; k++) {
            const char *name = value_name(e->arena, (Value){s->scan, i});
            if (strcmp(name, value_name(e->arena, (Value){s->scan, k})) != 0) continue;
            diag_error(e->diag, E0202, region->results[k].at, "two results of the scan would be called '%s'", name);
            diag_help(e->diag, "give one another name: return y: ...");
        }
}

static bool elaborate_turns(ScanText *s)
{
    Elaborator *e = s->e;
    Graph *outer = e->graph;
    int errors = e->diag->errors;
    s->body = *s->frame;
    s->body.scope = scope_new(e->arena, s->frame->scope);
    s->body.prefix = s->body.path = e->flat ? NULL : s->scan->name;
    s->body.param_prefix = s->frame->param_path;
    s->body.annotation = NULL;
    s->body.layered = false;
    s->nexts = ARENA_ARRAY(e->arena, Result, s->loop->carried.count + 2);
    e->graph = graph_new_region(s->scan);
    add_inputs(s);
    take_body(s);
    if (e->diag->errors == errors) add_nexts(s);
    e->graph = outer;
    if (e->diag->errors != errors || !graph_infer(s->scan, e->diag)) return false;
    check_slots(s);
    return e->diag->errors == errors;
}

static bool has_results(ScanText *s)
{
    if (s->scan->nresults) return true;
    elaborate_misplaced(s->e, s->expr->at, "a scan that carries nothing and returns nothing",
                        "end its body with return and what it makes");
    return false;
}

Item elaborate_scan(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    ScanText s = {.e = e, .frame = f, .expr = expr, .loop = expr->loop};
    int params = e->params;
    if (!loop_take_end(&s) || !take_operands(&s)) return broken;
    NodeSpec spec = {.op = OP_scan, .ninputs = s.count, .inputs = s.operands, .attrs = &s.attrs};
    spec.name = final ? final : path_join(e->arena, f->path, "scan");
    spec.origin = elaborate_origin(e, f, expr->at);
    s.scan = graph_add(e->graph, &spec, e->diag);
    if (!s.scan) return broken;
    if (!elaborate_turns(&s) || !has_results(&s)) {
        graph_remove(s.scan->graph, s.scan);
        return broken;
    }
    if (e->params > params && !elaborate_layer(e, f, expr->at)) return broken;
    for (int i = 0; e->flat && i < s.scan->nresults; i++)
        elaborate_define(e, f, value_name(e->arena, (Value){s.scan, i}),
                         (Item){.kind = ITEM_VALUE, .value = {s.scan, i}}, expr->at);
    return (Item){.kind = ITEM_VALUE, .value = value_of(s.scan)};
}
