/* Einstein's summation convention: any product of tensors and sum over axes, from an equation like "bij,bjk->bik".
 * Operands are multiplied from left to right, two by two, each product being one matrix product of the axes that both
 * keep, those of one alone and those that are summed. */
#include "ir/ops/make.h"

#include <string.h>

/* Labels of axes: A to Z, a to z, then those that "..." stands for, counted from the last. */
enum { LETTERS = 52, LABELS = LETTERS + MAX_RANK, MOST_TERMS = 16, UNSEEN = -1 };

typedef struct Term {
    int count;
    int label[MAX_RANK];
} Term;

typedef struct Equation {
    int count;
    Term term[MOST_TERMS], out;
    int64_t size[LABELS];
} Equation;

static bool has(const Term *term, int label)
{
    for (int i = 0; i < term->count; i++)
        if (term->label[i] == label) return true;
    return false;
}

/* ---- reading ---- */

static bool refuse_equation(const Node *node, const char *why, Diag *diag)
{
    const EinsumAttrs *attrs = node->attrs;
    diag_error(diag, E0404, node_span(node), "einsum: \"%s\" %s", attrs->equation ? attrs->equation : "", why);
    return diag_help(diag, "write one letter for each axis, as in einsum(a, b, equation: \"bij,bjk->bik\")");
}

static int letter_label(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* The labels up to a comma, an arrow or the end, spaces left out; of its axes `covered` are those of "...", of which
 * *text may have one. */
static bool read_term(const char **text, int covered, Term *out)
{
    bool dots = false;
    *out = (Term){0};
    for (const char *c = *text;; c++) {
        int label = letter_label(*c);
        if (*c == ',' || *c == '-' || !*c) {
            *text = c;
            return true;
        }
        if (*c == ' ') continue;
        bool here = !strncmp(c, "...", 3);
        if (here ? dots || out->count + covered > MAX_RANK : label < 0 || out->count == MAX_RANK) return false;
        if (!here) {
            out->label[out->count++] = label;
            continue;
        }
        for (int i = covered - 1; i >= 0; i--) out->label[out->count++] = LETTERS + i;
        dots = true;
        c += 2;
    }
}

static int letters_of(const char *text)
{
    int count = 0;
    for (; *text && *text != ',' && *text != '-'; text++) count += letter_label(*text) >= 0;
    return count;
}

/* Sizes of labels: equal, or 1 beside any other. */
static bool take_sizes(const Type *type, const Term *term, Equation *e)
{
    for (int i = 0; i < term->count; i++) {
        int64_t *size = &e->size[term->label[i]], here = type->dim[i].high;
        for (int k = 0; k < i; k++)
            if (term->label[k] == term->label[i] && type->dim[k].high != here) return false;
        if (*size == UNSEEN || *size == 1)
            *size = here;
        else if (here != 1 && here != *size)
            return false;
    }
    return true;
}

static bool read_operands(const Node *node, const char **text, Equation *e, int *covered, Diag *diag)
{
    *covered = 0;
    if (node->ninputs > MOST_TERMS) return refuse_equation(node, "has more than 16 operands", diag);
    for (e->count = 0; e->count < node->ninputs; e->count++) {
        const Type *type = operand_type(node, e->count);
        Term *term = &e->term[e->count];
        if (e->count && *(*text)++ != ',') return refuse_equation(node, "has other operands than these", diag);
        int more = type->rank - letters_of(*text);
        if (more < 0 || !read_term(text, more, term) || term->count != type->rank)
            return refuse_equation(
                node, arena_printf(diag->arena, "does not say what the axes of operand %d are", e->count + 1), diag);
        if (more > *covered) *covered = more;
        if (!take_sizes(type, term, e)) return refuse_equation(node, "gives one letter to axes of two sizes", diag);
    }
    return true;
}

/* Without an arrow: what "..." stands for, then the letters that are there once, in the order of the alphabet. */
static void implied_result(const Equation *e, int covered, Term *out)
{
    *out = (Term){0};
    for (int i = covered - 1; i >= 0; i--) out->label[out->count++] = LETTERS + i;
    for (int label = 0; label < LETTERS && out->count < MAX_RANK; label++) {
        int uses = 0;
        for (int i = 0; i < e->count; i++)
            for (int k = 0; k < e->term[i].count; k++) uses += e->term[i].label[k] == label;
        if (uses == 1) out->label[out->count++] = label;
    }
}

static bool read_equation(const Node *node, Equation *e, Diag *diag)
{
    const char *text = ((const EinsumAttrs *)node->attrs)->equation;
    int covered = 0;
    *e = (Equation){0};
    for (int i = 0; i < LABELS; i++) e->size[i] = UNSEEN;
    if (!text) return refuse_equation(node, "is no equation", diag);
    if (!read_operands(node, &text, e, &covered, diag)) return false;
    if (!*text) {
        implied_result(e, covered, &e->out);
        return true;
    }
    if (strncmp(text, "->", 2)) return refuse_equation(node, "has other operands than these", diag);
    text += 2;
    if (!read_term(&text, covered, &e->out) || *text)
        return refuse_equation(node, "does not say what the axes of the result are", diag);
    for (int i = 0; i < e->out.count; i++) {
        Term before = e->out;
        before.count = i;
        if (has(&before, e->out.label[i]) || e->size[e->out.label[i]] == UNSEEN)
            return refuse_equation(node, "has a letter in its result twice, or that no operand has", diag);
    }
    return true;
}

/* ---- one product ---- */

/* The axes of two operands: what both keep, what one alone has, what is summed. */
typedef struct Split {
    Term both, left, right, summed;
} Split;

static void put(Term *term, int label) { term->label[term->count++] = label; }

/* Whether a later operand, or the result, has that axis. */
static bool is_needed(const Equation *e, int from, int label)
{
    bool needed = has(&e->out, label);
    for (int i = from; i < e->count; i++) needed = needed || has(&e->term[i], label);
    return needed;
}

static Split split_axes(const Equation *e, int next, const Term *a, const Term *b)
{
    Split s = {.both = {0}};
    for (int i = 0; i < a->count; i++) {
        int label = a->label[i];
        put(!has(b, label) ? &s.left : is_needed(e, next, label) ? &s.both : &s.summed, label);
    }
    for (int i = 0; i < b->count; i++)
        if (!has(a, b->label[i])) put(&s.right, b->label[i]);
    return s;
}

/* One after the other; false when there are too many. */
static bool joined(const Term *const *terms, int count, Term *out)
{
    *out = (Term){0};
    for (int i = 0; i < count; i++)
        for (int k = 0; k < terms[i]->count; k++) {
            if (out->count == MAX_RANK) return false;
            put(out, terms[i]->label[k]);
        }
    return true;
}

static bool product_axes(const Split *s, Term *out)
{
    return joined((const Term *const[]){&s->both, &s->left, &s->right}, 3, out);
}

/* Each label once, without those that this operand alone has and the result has not. */
static Term kept_axes(const Equation *e, int operand)
{
    const Term *term = &e->term[operand];
    Term kept = {0};
    for (int i = 0; i < term->count; i++) {
        bool shared = has(&e->out, term->label[i]);
        for (int k = 0; k < e->count; k++) shared = shared || (k != operand && has(&e->term[k], term->label[i]));
        if (shared && !has(&kept, term->label[i])) put(&kept, term->label[i]);
    }
    return kept;
}

static bool infer_einsum(const Node *node, Type *out, Diag *diag)
{
    Equation e;
    for (int i = 0; i < node->ninputs; i++) {
        if (!need_dtype(node, i, ACCEPT_NUMBERS, diag) || !need_fixed(node, i, diag)) return false;
        if (i && !need_same_dtype(node, i, diag)) return false;
    }
    if (!read_equation(node, &e, diag)) return false;
    Term all = kept_axes(&e, 0);
    for (int i = 1; i < e.count; i++) {
        Term next = kept_axes(&e, i);
        Split s = split_axes(&e, i + 1, &all, &next);
        if (!product_axes(&s, &all)) return refuse_equation(node, "would make a product of more than 8 axes", diag);
    }
    *out = type_scalar(operand_type(node, 0)->dtype);
    for (int i = 0; i < e.out.count; i++) out->dim[out->rank++] = dim_fixed(e.size[e.out.label[i]]);
    return need_sane(node, out, diag);
}

/* ---- meaning ---- */

typedef struct Part {
    Value value;
    Term axes;
} Part;

static Value reshaped(const Maker *m, Value x, int rank, const int64_t *dims)
{
    if (!x.node) return x;
    Type type = type_tensor(value_type(x)->dtype, rank, dims);
    return type_equal(&type, value_type(x)) ? x : make_reshape(m, x, rank, dims);
}

static Value permuted(const Maker *m, Value x, const IntList *order)
{
    bool same = true;
    for (int i = 0; i < order->count; i++) same = same && order->at[i] == i;
    return same ? x : make(m, OP_transpose, &(TransposeAttrs){*order}, 1, &x);
}

static Value in_order(const Maker *m, const Part *part, const Term *wanted)
{
    IntList order = {.count = wanted->count};
    for (int i = 0; i < wanted->count; i++)
        for (int k = 0; k < part->axes.count; k++)
            if (part->axes.label[k] == wanted->label[i]) order.at[i] = k;
    return permuted(m, part->value, &order);
}

/* Two axes of one label become one: side by side as n * n elements, of which every (n + 1)th is on the diagonal. */
static void take_diagonal(const Maker *m, Part *part, int first, int second)
{
    if (!part->value.node) return;
    const Type *type = value_type(part->value);
    IntList order = {0};
    Part out = {.axes = {0}};
    int64_t dims[MAX_RANK] = {0}, n = type->dim[first].high;
    for (int i = 0; i < type->rank; i++) {
        if (i == first || i == second) continue;
        dims[order.count] = type->dim[i].high;
        order.at[order.count++] = i;
        put(&out.axes, part->axes.label[i]);
    }
    int last = order.count;
    order.at[order.count++] = first;
    order.at[order.count++] = second;
    put(&out.axes, part->axes.label[first]);
    dims[last] = n * n;
    SliceAttrs each = {.begin = {.count = last + 1}, .end = {.count = last + 1}, .step = {.count = last + 1}};
    for (int i = 0; i <= last; i++) {
        each.end.at[i] = dims[i];
        each.step.at[i] = i == last ? n + 1 : 1;
    }
    Value flat = reshaped(m, permuted(m, part->value, &order), last + 1, dims);
    out.value = n > 1 ? make(m, OP_slice, &each, 1, &flat) : flat;
    *part = out;
}

/* An operand with each label once, and without the axes that only it has. */
static Part load(const Maker *m, const Equation *e, int operand)
{
    Part part = {m->node->inputs[operand], e->term[operand]};
    for (int i = 1; i < part.axes.count; i++)
        for (int k = 0; k < i; k++)
            if (part.axes.label[k] == part.axes.label[i]) {
                take_diagonal(m, &part, k, i);
                i = k = 0; /* axes have moved */
            }
    Term kept = kept_axes(e, operand), left = {0};
    ReduceAttrs sum = {.axes = {0}};
    for (int i = 0; i < part.axes.count; i++) {
        if (has(&kept, part.axes.label[i]))
            put(&left, part.axes.label[i]);
        else
            sum.axes.at[sum.axes.count++] = i;
    }
    if (sum.axes.count) part.value = make(m, OP_reduce_sum, &sum, 1, &part.value);
    part.axes = left;
    return part;
}

/* Axes of size 1 stretched to the label's size where the other operand has them, too. */
static void stretch(const Maker *m, const Equation *e, Part *part, const Term *other)
{
    if (!part->value.node) return;
    BroadcastAttrs attrs = {.shape = {.count = part->axes.count}};
    bool same = true;
    for (int i = 0; i < part->axes.count; i++) {
        int64_t here = value_type(part->value)->dim[i].high;
        attrs.shape.at[i] = has(other, part->axes.label[i]) ? e->size[part->axes.label[i]] : here;
        same = same && attrs.shape.at[i] == here;
    }
    if (!same) part->value = make(m, OP_broadcast, &attrs, 1, &part->value);
}

static int64_t elements(const Part *part, const Term *of)
{
    int64_t count = 1;
    for (int i = 0; i < part->axes.count; i++)
        if (has(of, part->axes.label[i])) count *= value_type(part->value)->dim[i].high;
    return count;
}

/* Both as [both, left, summed] and [both, summed, right]; or, where nothing is summed or the numbers are whole, as
 * [both, left, 1, summed] and [both, 1, right, summed], multiplied and then summed. */
static Value multiply(const Maker *m, const Split *s, const Part *a, const Part *b)
{
    int64_t both = elements(a, &s->both), left = elements(a, &s->left), right = elements(b, &s->right);
    int64_t summed = elements(a, &s->summed);
    bool product = s->summed.count && dtype_is_float(value_type(a->value)->dtype);
    Term a_order, b_order;
    const Term *const of_a[] = {&s->both, &s->left, &s->summed};
    const Term *const of_b[] = {&s->both, product ? &s->summed : &s->right, product ? &s->right : &s->summed};
    joined(of_a, 3, &a_order);
    joined(of_b, 3, &b_order);
    Value x = in_order(m, a, &a_order);
    Value y = in_order(m, b, &b_order);
    if (product) {
        int skip = both == 1;
        x = reshaped(m, x, 3 - skip, &(const int64_t[]){both, left, summed}[skip]);
        y = reshaped(m, y, 3 - skip, &(const int64_t[]){both, summed, right}[skip]);
        return make_binary(m, OP_matmul, x, y);
    }
    x = reshaped(m, x, 4, (const int64_t[]){both, left, 1, summed});
    y = reshaped(m, y, 4, (const int64_t[]){both, 1, right, summed});
    Value products = make_binary(m, OP_mul, x, y);
    return s->summed.count ? make(m, OP_reduce_sum, &(ReduceAttrs){.axes = {1, {3}}}, 1, &products) : products;
}

static Part combine(const Maker *m, const Equation *e, int next, Part a, Part b)
{
    stretch(m, e, &a, &b.axes);
    stretch(m, e, &b, &a.axes);
    Part out = {{NULL, 0}, {0}};
    if (!a.value.node || !b.value.node) return out;
    Split s = split_axes(e, next, &a.axes, &b.axes);
    int64_t dims[MAX_RANK] = {0};
    product_axes(&s, &out.axes);
    for (int i = 0; i < out.axes.count; i++) {
        const Term one = {1, {out.axes.label[i]}};
        dims[i] = elements(has(&a.axes, out.axes.label[i]) ? &a : &b, &one);
    }
    out.value = reshaped(m, multiply(m, &s, &a, &b), out.axes.count, dims);
    return out;
}

static bool expand_einsum(const Maker *m, Value *out)
{
    Equation e;
    if (!read_equation(m->node, &e, m->diag)) return false;
    Part all = load(m, &e, 0);
    for (int i = 1; i < e.count; i++) {
        Part next = load(m, &e, i);
        all = combine(m, &e, i + 1, all, next);
    }
    out[0] = all.value.node ? in_order(m, &all, &e.out) : all.value;
    return out[0].node != NULL;
}

const OpDef op_einsum = {
    .name = "einsum",
    .doc = "Products of the operands' elements, summed over the axes that the equation's result does not name: "
           "\"ij,jk->ik\" is a matrix product, \"bii->bi\" are diagonals, \"...ij->...ji\" transposes. Axes of one "
           "letter have one size, or 1. Without an arrow the result has the letters that are there once, in the order "
           "of the alphabet. Operands are multiplied from left to right.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .flags = OPERAND_VARIADIC, .doc = "one term of the equation each"}},
    .attrs = ATTRS(EinsumAttrs, ATTR(EinsumAttrs, equation, .kind = ATTR_STRING, .flags = ATTR_REQUIRED,
                                     .doc = "letters for the axes of each operand, and of the result")),
    .infer = infer_einsum,
    .expand = expand_einsum,
    .of_nothing = true,
};
