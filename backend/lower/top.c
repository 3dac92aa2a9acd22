/* Where the greatest or least elements of lines are.
 *
 * Few of them: each lane keeps its own best in registers, in order, while the elements come by; one that is better than
 * the last pushes those behind it on.  Lanes are lines of their own, or neighbours of one line, of which the best are
 * then drawn one by one.  Many: keys are sorted from their last digit to their first ("The Art of Computer Programming"
 * vol. 3, 5.2.5), which keeps equal ones in order. */
#include "backend/lower/part.h"

#include "ir/top.h"

typedef struct Selection {
    Lowering *lowering;
    Top top;
    Extent size; /* of a line */
    const LoopBuffer *x, *out;
    Affine from, to; /* of the line at hand, or the lines side by side: the first element, and its result */
    int lanes, active;
    const LoopRegister *keys, *indices, *key, *index; /* the best, and what moves on */
} Selection;

static LoopBuilder *builder(const Selection *s) { return &s->lowering->builder; }

static const LoopExpr *key_number(const Selection *s, int64_t value, int lanes)
{
    return lower_constant(builder(s), s->top.key, (Scalar){.integer = value}, lanes);
}

/* What no element has, and comes after all. */
static int64_t none(const Selection *s) { return combiner_identity(COMBINE_MAX, s->top.key).integer; }
static int64_t nowhere(const Selection *s) { return combiner_identity(COMBINE_MIN, s->top.key).integer; }

static const LoopExpr *key_of(const Selection *s, const LoopExpr *element)
{
    Expr *e = expr_new(builder(s)->arena);
    e->result = top_key(e, &s->top, s->x->dtype);
    return loop_expr(builder(s), e, &element, element->lanes);
}

static const LoopExpr *choose(const Selection *s, const LoopExpr *condition, const LoopExpr *yes, const LoopExpr *no)
{
    return loop_op(builder(s), EXPR_SELECT, s->top.key, condition, yes, no);
}

/* ---- few ---- */

static void start_best(Selection *s)
{
    LoopBuilder *b = builder(s);
    s->keys = loop_register(b, "best", s->top.key, s->lanes, (int)s->top.k);
    s->indices = loop_register(b, "place", s->top.key, s->lanes, (int)s->top.k);
    s->key = loop_register(b, "key", s->top.key, s->lanes, 1);
    s->index = loop_register(b, "index", s->top.key, s->lanes, 1);
    LoopScope j = loop_range(b, "j", 0, s->top.k, 1, MODE_UNROLL);
    loop_assign(b, s->keys, j.at, key_number(s, none(s), s->lanes));
    loop_assign(b, s->indices, j.at, key_number(s, nowhere(s), s->lanes));
    loop_end(b, j);
}

/* Is what comes by better?  Of equal keys it comes later, but for those that stand for nothing. */
static const LoopExpr *is_better(const Selection *s, const LoopExpr *kept, const LoopExpr *kept_index,
                                 const LoopExpr *key, const LoopExpr *index)
{
    LoopBuilder *b = builder(s);
    const LoopExpr *better = loop_op(b, EXPR_LT, BOOL, kept, key, NULL);
    if (!s->top.whole) return better;
    const LoopExpr *equal = loop_op(b, EXPR_EQ, BOOL, kept, key, NULL);
    const LoopExpr *before = loop_op(b, EXPR_LT, BOOL, index, kept_index, NULL);
    return loop_op(b, EXPR_OR, BOOL, better, loop_op(b, EXPR_AND, BOOL, equal, before, NULL), NULL);
}

/* Those that it is better than move on, each to the place of the next. */
static void insert(const Selection *s, const LoopExpr *key, const LoopExpr *index)
{
    LoopBuilder *b = builder(s);
    key = loop_let(b, "new_key", key);
    index = loop_let(b, "new_index", index);
    loop_assign(b, s->key, affine(0), key);
    loop_assign(b, s->index, affine(0), index);
    LoopScope j = loop_range(b, "j", 0, s->top.k, 1, MODE_UNROLL);
    const LoopExpr *kept = loop_let(b, "kept", loop_reg(b, s->keys, j.at));
    const LoopExpr *kept_index = loop_let(b, "kept_index", loop_reg(b, s->indices, j.at));
    const LoopExpr *better = loop_let(b, "better", is_better(s, kept, kept_index, key, index));
    loop_assign(b, s->keys, j.at, choose(s, better, loop_reg(b, s->key, affine(0)), kept));
    loop_assign(b, s->indices, j.at, choose(s, better, loop_reg(b, s->index, affine(0)), kept_index));
    loop_assign(b, s->key, affine(0), choose(s, better, kept, loop_reg(b, s->key, affine(0))));
    loop_assign(b, s->index, affine(0), choose(s, better, kept_index, loop_reg(b, s->index, affine(0))));
    loop_end(b, j);
}

static const LoopExpr *load_neighbours(const Selection *s, Affine index, const Affine *left)
{
    LoopBuilder *b = builder(s);
    if (left->nterms) return loop_load_below(b, s->x, index, NULL, s->lanes, 1, *left);
    return loop_load(b, s->x, index, s->lanes, 1, left->base < s->lanes ? (int)left->base : s->lanes);
}

/* Elements `at` and the next ones of a line, of which so many are left. */
static void insert_neighbours(const Selection *s, Affine at, Affine left)
{
    LoopBuilder *b = builder(s);
    const LoopExpr *element = load_neighbours(s, affine_add(s->from, at), &left);
    const LoopExpr *key = key_of(s, element), *lane = loop_lane(b, s->top.key, s->lanes);
    const LoopExpr *first = loop_splat(b, loop_index(b, at, s->top.key), s->lanes);
    const LoopExpr *index = loop_op(b, EXPR_ADD, s->top.key, first, lane, NULL);
    if (left.nterms || left.base < s->lanes) {
        const LoopExpr *count = key_number(s, left.base, s->lanes);
        if (left.nterms) count = loop_splat(b, loop_index(b, left, s->top.key), s->lanes);
        const LoopExpr *is_there = loop_op(b, EXPR_LT, BOOL, lane, count, NULL);
        is_there = loop_let(b, "is_there", is_there);
        key = choose(s, is_there, key, key_number(s, none(s), s->lanes));
        index = choose(s, is_there, index, key_number(s, nowhere(s), s->lanes));
    }
    insert(s, key, index);
}

static const LoopExpr *fold_lanes(const Selection *s, ExprKind op, const LoopExpr *x)
{
    return s->lanes == 1 ? x : loop_fold(builder(s), op, x);
}

/* The best of all lanes, again and again; its lane moves on. */
static void draw_best(const Selection *s)
{
    LoopBuilder *b = builder(s);
    LoopScope r = loop_range(b, "r", 0, s->top.k, 1, MODE_SERIAL);
    const LoopExpr *first = loop_reg(b, s->keys, affine(0)), *place = loop_reg(b, s->indices, affine(0));
    const LoopExpr *best = loop_let(b, "top", fold_lanes(s, EXPR_MAX, first));
    const LoopExpr *equal = loop_op(b, EXPR_EQ, BOOL, first, loop_splat(b, best, s->lanes), NULL);
    const LoopExpr *places = choose(s, equal, place, key_number(s, nowhere(s), s->lanes));
    const LoopExpr *at = loop_let(b, "at", fold_lanes(s, EXPR_MIN, places));
    loop_store(b, s->out, affine_add(s->to, r.at), lower_cast(b, I64, at), 1, 1);
    const LoopExpr *taken = loop_let(b, "taken", loop_op(b, EXPR_EQ, BOOL, place, loop_splat(b, at, s->lanes), NULL));
    for (int j = 0; j < s->top.k; j++) {
        bool last = j == s->top.k - 1;
        const LoopExpr *key = last ? key_number(s, none(s), s->lanes) : loop_reg(b, s->keys, affine(j + 1));
        const LoopExpr *index = last ? key_number(s, nowhere(s), s->lanes) : loop_reg(b, s->indices, affine(j + 1));
        loop_assign(b, s->keys, affine(j), choose(s, taken, key, loop_reg(b, s->keys, affine(j))));
        loop_assign(b, s->indices, affine(j), choose(s, taken, index, loop_reg(b, s->indices, affine(j))));
    }
    loop_end(b, r);
}

static void select_in_line(Selection s)
{
    LoopBuilder *b = builder(&s);
    int64_t whole = s.top.size / s.lanes * s.lanes;
    start_best(&s);
    if (whole) {
        PartScope e = part_steps(b, NULL, "e", &s.size, s.lanes);
        insert_neighbours(&s, e.at, affine(s.lanes));
        part_range_end(b, &e);
    }
    if (s.size.bounded && extent_leaves(&s.size, s.lanes)) {
        PartScope e = part_tail(b, NULL, "e", &s.size, s.lanes);
        insert_neighbours(&s, e.at, affine_add(s.size.actual, affine_scale(e.at, -1)));
        part_range_end(b, &e);
    } else if (whole < s.top.size) {
        insert_neighbours(&s, affine(whole), affine(s.top.size - whole));
    }
    draw_best(&s);
}

/* Lines side by side, one a lane. */
static void select_in_lanes(Selection s)
{
    LoopBuilder *b = builder(&s);
    start_best(&s);
    PartScope e = part_steps(b, NULL, "e", &s.size, 1);
    Affine at = affine_add(s.from, affine_scale(e.at, s.top.inner));
    const LoopExpr *key = key_of(&s, loop_load(b, s.x, at, s.lanes, 1, s.active));
    insert(&s, key, loop_splat(b, loop_index(b, e.at, s.top.key), s.lanes));
    part_range_end(b, &e);
    LoopScope j = loop_range(b, "j", 0, s.top.k, 1, MODE_UNROLL);
    const LoopExpr *place = lower_cast(b, I64, loop_reg(b, s.indices, j.at));
    loop_store(b, s.out, affine_add(s.to, affine_scale(j.at, s.top.inner)), place, 1, s.active);
    loop_end(b, j);
}

static void select_beside(Selection s)
{
    LoopBuilder *b = builder(&s);
    int64_t whole = s.top.inner / s.lanes * s.lanes;
    for (int64_t first = 0, end; first < s.top.inner; first = end) {
        end = first || !whole ? s.top.inner : whole;
        Selection part = s;
        part.active = (int)(first || !whole ? s.top.inner - first : s.lanes);
        LoopScope v = loop_range(b, "v", first, end, part.active, MODE_SERIAL);
        part.from = affine_add(s.from, v.at);
        part.to = affine_add(s.to, v.at);
        select_in_lanes(part);
        loop_end(b, v);
    }
}

/* ---- many ---- */

typedef struct Sort {
    Selection line;
    const LoopBuffer *keys[2], *indices[2], *counts;
} Sort;

static const LoopBuffer *scratch(const Selection *s, const char *name, Dtype dtype, int64_t offset, int64_t elements)
{
    LoopBuffer like = {.name = name,
                       .dtype = dtype,
                       .space = SPACE_SCRATCH,
                       .offset = offset,
                       .elements = elements,
                       .align = 64,
                       .writable = true};
    return loop_buffer(builder(s), &like);
}

static const LoopExpr *digit_of(const Sort *s, const LoopExpr *key, int digit)
{
    LoopBuilder *b = builder(&s->line);
    const LoopExpr *moved = key;
    if (digit) moved = loop_op(b, EXPR_SHR, key->dtype, key, key_number(&s->line, TOP_DIGIT_BITS * digit, 1), NULL);
    moved = loop_op(b, EXPR_AND, key->dtype, moved, key_number(&s->line, TOP_DIGITS - 1, 1), NULL);
    return loop_let(b, "digit", lower_cast(b, I32, moved));
}

/* Keys in ascending order without a sign, what comes first the least; how often each of their digits comes. */
static void count_digits(const Sort *s)
{
    const Selection *l = &s->line;
    LoopBuilder *b = builder(l);
    loop_fill(b, s->counts, affine(0), s->counts->elements, 0);
    PartScope e = part_steps(b, NULL, "e", &l->size, 1);
    Affine at = affine_add(l->from, affine_scale(e.at, l->top.inner));
    int64_t turned = nowhere(l); /* all bits but the sign, which the order without one wants turned, too */
    const LoopExpr *key =
        loop_op(b, EXPR_XOR, l->top.key, key_of(l, loop_load(b, l->x, at, 1, 1, 1)), key_number(l, turned, 1), NULL);
    key = loop_let(b, "key", key);
    loop_store(b, s->keys[0], e.at, key, 1, 1);
    for (int digit = 0; digit < l->top.digits; digit++) {
        const LoopExpr *where = digit_of(s, key, digit);
        Affine first = affine(digit * TOP_DIGITS);
        const LoopExpr *count = loop_load_at(b, s->counts, first, where, 1, 1, 1);
        count = loop_op(b, EXPR_ADD, I32, count, loop_const(b, I32, 1, 1), NULL);
        loop_store_at(b, s->counts, first, where, count, 1, 1);
    }
    part_range_end(b, &e);
}

/* Counts become the place where the first element with that digit goes. */
static void add_counts(const Sort *s)
{
    LoopBuilder *b = builder(&s->line);
    const LoopRegister *sum = loop_register(b, "before", I32, 1, 1);
    LoopScope digit = loop_range(b, "digit", 0, s->line.top.digits, 1, MODE_SERIAL);
    loop_assign(b, sum, affine(0), loop_const(b, I32, 1, 0));
    LoopScope d = loop_range(b, "d", 0, TOP_DIGITS, 1, MODE_SERIAL);
    Affine at = affine_add(affine_scale(digit.at, TOP_DIGITS), d.at);
    const LoopExpr *count = loop_let(b, "count", loop_load(b, s->counts, at, 1, 1, 1));
    loop_store(b, s->counts, at, loop_reg(b, sum, affine(0)), 1, 1);
    loop_assign(b, sum, affine(0), loop_op(b, EXPR_ADD, I32, loop_reg(b, sum, affine(0)), count, NULL));
    loop_end(b, d);
    loop_end(b, digit);
}

static void move_by_digit(const Sort *s, int digit)
{
    LoopBuilder *b = builder(&s->line);
    int from = digit % 2, to = 1 - from;
    PartScope e = part_steps(b, NULL, "e", &s->line.size, 1);
    const LoopExpr *key = loop_let(b, "key", loop_load(b, s->keys[from], e.at, 1, 1, 1));
    const LoopExpr *index = digit ? loop_load(b, s->indices[from], e.at, 1, 1, 1) : loop_index(b, e.at, I32);
    const LoopExpr *where = digit_of(s, key, digit);
    Affine first = affine(digit * TOP_DIGITS);
    const LoopExpr *place = loop_let(b, "place", loop_load_at(b, s->counts, first, where, 1, 1, 1));
    const LoopExpr *one = loop_const(b, I32, 1, 1);
    loop_store_at(b, s->counts, first, where, loop_op(b, EXPR_ADD, I32, place, one, NULL), 1, 1);
    const LoopExpr *last = lower_constant(b, I32, (Scalar){.integer = s->line.top.size - 1}, 1);
    const LoopExpr *inside = loop_op(b, EXPR_MAX, I32, place, loop_const(b, I32, 1, 0), NULL);
    inside = loop_let(b, "to", loop_op(b, EXPR_MIN, I32, inside, last, NULL));
    if (digit < s->line.top.digits - 1) loop_store_at(b, s->keys[to], affine(0), inside, key, 1, 1);
    loop_store_at(b, s->indices[to], affine(0), inside, index, 1, 1);
    part_range_end(b, &e);
}

static void sort_line(const Sort *s)
{
    const Selection *l = &s->line;
    LoopBuilder *b = builder(l);
    count_digits(s);
    add_counts(s);
    for (int digit = 0; digit < l->top.digits; digit++) move_by_digit(s, digit);
    LoopScope j = loop_range(b, "j", 0, l->top.k, 1, MODE_SERIAL);
    const LoopExpr *index = loop_load(b, s->indices[l->top.digits % 2], j.at, 1, 1, 1);
    loop_store(b, l->out, affine_add(l->to, affine_scale(j.at, l->top.inner)), lower_cast(b, I64, index), 1, 1);
    loop_end(b, j);
}

static Sort sort_new(const Selection *line)
{
    const Top *t = &line->top;
    Sort s = {.line = *line};
    static const char *const names[2][2] = {{"keys", "indices"}, {"other_keys", "other_indices"}};
    for (int i = 0; i < 2; i++) {
        s.keys[i] = scratch(line, names[i][0], t->key, t->keys[i], t->size);
        s.indices[i] = scratch(line, names[i][1], I32, t->indices[i], t->size);
    }
    s.counts = scratch(line, "counts", I32, t->counts, (int64_t)t->digits * TOP_DIGITS);
    return s;
}

static void sort_lines(const Selection *line)
{
    LoopBuilder *b = builder(line);
    Sort s = sort_new(line);
    LoopScope inner = loop_range(b, "inner", 0, line->top.inner, 1, MODE_SERIAL);
    s.line.from = affine_add(line->from, inner.at);
    s.line.to = affine_add(line->to, inner.at);
    sort_line(&s);
    loop_end(b, inner);
}

/* ---- lines ---- */

static bool lines_are_fixed(const Node *anchor, const Selection *s)
{
    const Type *type = value_type(anchor->inputs[0]);
    bool fixed = true;
    for (int axis = 0; axis < type->rank; axis++)
        fixed = fixed && (axis == s->top.axis || dim_is_fixed(&type->dim[axis]));
    return fixed;
}

static void lower_fixed_lines(Selection *s)
{
    LoopBuilder *b = builder(s);
    LoopScope outer = loop_range(b, "line", 0, s->top.outer, 1, MODE_SERIAL);
    s->from = affine_scale(outer.at, s->top.size * s->top.inner);
    s->to = affine_scale(outer.at, s->top.k * s->top.inner);
    if (s->lowering->schedule->scratch)
        sort_lines(s);
    else if (s->top.inner > 1)
        select_beside(*s);
    else
        select_in_line(*s);
    loop_end(b, outer);
}

/* One line after the other, as many as there are along each axis. */
static void lower_bounded_lines(Selection *s, const Type *type)
{
    LoopBuilder *b = builder(s);
    PartScope scopes[MAX_RANK];
    int count = 0;
    int64_t from = s->top.outer * s->top.size * s->top.inner, to = s->top.outer * s->top.k * s->top.inner;
    s->from = s->to = affine(0);
    for (int axis = 0; axis < type->rank; axis++) {
        const Extent extent = lower_extent(s->lowering, &type->dim[axis]);
        from /= extent.most;
        to /= axis == s->top.axis ? s->top.k : extent.most;
        if (axis == s->top.axis) continue;
        scopes[count] = part_steps(b, NULL, "line", &extent, 1);
        s->from = affine_add(s->from, affine_scale(scopes[count].at, from));
        s->to = affine_add(s->to, affine_scale(scopes[count++].at, to));
    }
    if (s->lowering->schedule->scratch) {
        const Sort sort = sort_new(s);
        sort_line(&sort);
    } else if (s->top.inner > 1) {
        s->lanes = s->active = 1;
        select_in_lanes(*s);
    } else {
        select_in_line(*s);
    }
    while (count-- > 0) part_range_end(b, &scopes[count]);
}

void lower_top_indices(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Type *type = value_type(anchor->inputs[0]);
    Selection s = {.lowering = lowering, .top = top_of(anchor), .lanes = (int)lowering->schedule->lanes};
    s.size = lower_extent(lowering, &type->dim[s.top.axis]);
    s.x = lower_buffer(lowering, anchor->inputs[0]);
    s.out = lower_buffer(lowering, value_of((Node *)lowering->group.node));
    s.active = s.lanes;
    if (lines_are_fixed(anchor, &s))
        lower_fixed_lines(&s);
    else
        lower_bounded_lines(&s, type);
}
