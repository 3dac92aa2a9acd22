/* Attention block by block, without a matrix of scores.
 *
 * Lanes run over queries, so that nothing is summed across them: a tile of queries, transposed once into scratch, stays
 * while the keys of its head come by in blocks.  Of some keys at a time the scores are sums in registers; maxima and
 * sums of weights are registers that the loop over blocks carries; the sums of values lie in scratch, transposed too,
 * until the tile is done. */
#include "backend/lower/part.h"

#include "ir/attention.h"

#include <math.h>

typedef struct Flash {
    Lowering *lowering;
    Attention a;
    Dtype dtype;
    int64_t lanes, vectors, rows, unroll; /* of queries; keys or columns of values at a time */
    int64_t q_step, v_step;               /* elements from one row to the next */
    const LoopBuffer *q, *k, *v, *mask, *out;
    const LoopBuffer *queries, *weights, *sums; /* scratch: [depth, tile], [block, tile], [width, tile] */
    const LoopRegister *square;                 /* a vector of rows on their way into lanes, or back */
    Extent seen, asked;                         /* keys and queries, as many as there are when the code runs */
} Flash;

/* Some vectors of queries of one head. */
typedef struct Tile {
    const Flash *f;
    Affine n, head, query; /* batch, head, the first query */
    int vectors, active;
    bool limited; /* of the only vector those lanes are queries that are below `limit` */
    Affine limit;
    const LoopRegister *most, *total, *scale;
} Tile;

/* Keys from `first` on. */
typedef struct Block {
    Affine first;
    Extent count;
} Block;

static LoopBuilder *builder(const Tile *t) { return &t->f->lowering->builder; }
static int active_lanes(const Tile *t, int v) { return v == t->vectors - 1 ? t->active : (int)t->f->lanes; }

/* ---- addresses ---- */

/* Element `at` of row `row` of this head: `rows` rows a sequence, `width` elements a head. */
static Affine row_address(const Tile *t, int64_t rows, Affine row, int64_t step, int64_t width, Affine at)
{
    Affine index = affine_scale(affine_add(affine_scale(t->n, rows), row), step);
    return affine_add(affine_add(index, affine_scale(t->head, width)), at);
}

/* Vector `v` of row `row` of a buffer in scratch. */
static Affine scratch_address(const Tile *t, Affine row, int v)
{
    return affine_plus(affine_scale(row, t->f->vectors * t->f->lanes), v * t->f->lanes);
}

static const LoopExpr *load_scratch(const Tile *t, const LoopBuffer *from, Affine row, int v)
{
    int lanes = (int)t->f->lanes;
    return loop_load(builder(t), from, scratch_address(t, row, v), lanes, 1, lanes);
}

static const LoopExpr *constant(const Tile *t, double value)
{
    return loop_const(builder(t), t->f->dtype, (int)t->f->lanes, value);
}

static const LoopExpr *apply(const Tile *t, ExprKind op, const LoopExpr *x, const LoopExpr *y)
{
    return loop_op(builder(t), op, t->f->dtype, x, y, NULL);
}

/* NaN is left out, and zeros have any sign: a score of NaN makes a weight of it, and so all of the query's result. */
static const LoopExpr *larger(const Tile *t, const LoopExpr *most, const LoopExpr *score)
{
    LoopBuilder *b = builder(t);
    return loop_op(b, EXPR_SELECT, t->f->dtype, loop_op(b, EXPR_LT, BOOL, most, score, NULL), score, most);
}

/* ---- the scores of a block ---- */

/* -infinity for keys after the query. */
static const LoopExpr *hide_later(const Tile *t, const LoopExpr *score, Affine key, int v)
{
    LoopBuilder *b = builder(t);
    int lanes = (int)t->f->lanes;
    const LoopExpr *first = loop_index(b, affine_plus(t->query, v * t->f->lanes), I32);
    const LoopExpr *query = loop_op(b, EXPR_ADD, I32, loop_splat(b, first, lanes), loop_lane(b, I32, lanes), NULL);
    const LoopExpr *later = loop_op(b, EXPR_LT, BOOL, query, loop_splat(b, loop_index(b, key, I32), lanes), NULL);
    return loop_op(b, EXPR_SELECT, t->f->dtype, later, constant(t, -INFINITY), score);
}

static const LoopExpr *finish_score(const Tile *t, const LoopExpr *sum, Affine key, int v)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    const LoopExpr *args[] = {sum, NULL};
    Expr *e = expr_new(b->arena);
    attention_score_expr(e, f->dtype, &f->a);
    if (f->mask) {
        Affine query = affine_plus(t->query, v * f->lanes);
        Affine at = affine_add(affine_scale(query, f->a.keys), key);
        args[1] = t->limited ? loop_load_below(b, f->mask, at, NULL, (int)f->lanes, f->a.keys, t->limit)
                             : loop_load(b, f->mask, at, (int)f->lanes, f->a.keys, active_lanes(t, v));
    }
    const LoopExpr *score = loop_expr(b, e, args, (int)f->lanes);
    return f->a.causal ? hide_later(t, score, key, v) : score;
}

/* A dimension of queries and keys: its products for each key and vector. */
static void add_products(const Tile *t, const LoopRegister *sums, Affine key, int64_t keys, Affine d)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    const LoopExpr *query[8];
    for (int v = 0; v < t->vectors; v++) query[v] = loop_let(b, "query", load_scratch(t, f->queries, d, v));
    LoopScope row = loop_range(b, "row", 0, keys, 1, MODE_UNROLL);
    Affine at = row_address(t, f->a.keys, affine_add(key, row.at), f->q_step, f->a.depth, d);
    const LoopExpr *one = loop_let(b, "key", loop_splat(b, loop_load(b, f->k, at, 1, 1, 1), (int)f->lanes));
    for (int v = 0; v < t->vectors; v++) {
        Affine index = affine_plus(affine_scale(row.at, t->vectors), v);
        const LoopExpr *sum = loop_reg(b, sums, index);
        loop_assign(b, sums, index, loop_op(b, EXPR_FMA, f->dtype, one, query[v], sum));
    }
    loop_end(b, row);
}

static void add_dimensions(const Tile *t, const LoopRegister *sums, Affine key, int64_t keys)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    int64_t whole = f->a.depth / f->unroll * f->unroll;
    for (int64_t first = 0, end; first < f->a.depth; first = end) {
        end = first || !whole ? f->a.depth : whole;
        int64_t step = first == whole ? f->a.depth - whole : f->unroll;
        LoopScope d = loop_range(b, "d", first, end, step, MODE_SERIAL);
        LoopScope u = loop_range(b, "u", 0, step, 1, MODE_UNROLL);
        add_products(t, sums, key, keys, affine_add(d.at, u.at));
        loop_end(b, u);
        loop_end(b, d);
    }
}

/* Scores of `keys` neighbours from `at` of the block on: kept in scratch, the greatest in `most`. */
static void score_keys(const Tile *t, const Block *block, Affine at, int64_t keys)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    const LoopRegister *sums = loop_register(b, "score", f->dtype, (int)f->lanes, (int)keys * t->vectors);
    LoopScope each = loop_range(b, "each", 0, keys * t->vectors, 1, MODE_UNROLL);
    loop_assign(b, sums, each.at, constant(t, 0));
    loop_end(b, each);
    Affine key = affine_add(block->first, at);
    add_dimensions(t, sums, key, keys);
    LoopScope row = loop_range(b, "row", 0, keys, 1, MODE_UNROLL);
    for (int v = 0; v < t->vectors; v++) {
        const LoopExpr *sum = loop_reg(b, sums, affine_plus(affine_scale(row.at, t->vectors), v));
        const LoopExpr *score = loop_let(b, "score", finish_score(t, sum, affine_add(key, row.at), v));
        loop_store(b, f->weights, scratch_address(t, affine_add(at, row.at), v), score, 1, (int)f->lanes);
        loop_assign(b, t->most, affine(v), larger(t, loop_reg(b, t->most, affine(v)), score));
    }
    loop_end(b, row);
}

typedef void Rows(const Tile *t, const Block *block, Affine at, int64_t count);

/* `total` rows by tiles of `rows`; what is left of a number that is not known yet, one by one. */
static void in_rows(const Tile *t, const Block *block, const Extent *total, Rows *body)
{
    LoopBuilder *b = builder(t);
    int64_t rows = t->f->rows, whole = total->most / rows * rows;
    if (whole) {
        PartScope at = part_steps(b, NULL, "at", total, rows);
        body(t, block, at.at, rows);
        part_range_end(b, &at);
    }
    if (total->bounded && rows > 1) {
        PartScope at = part_rest(b, NULL, "at", total, rows, 1);
        body(t, block, at.at, 1);
        part_range_end(b, &at);
    }
    if (!total->bounded && whole < total->most) body(t, block, affine(whole), total->most - whole);
}

/* ---- weights and values ---- */

static const LoopExpr *weight_of(const Tile *t, const LoopExpr *score, const LoopExpr *most)
{
    LoopBuilder *b = builder(t);
    Expr *e = expr_new(b->arena);
    attention_weight_expr(e, t->f->dtype);
    return loop_expr(b, e, (const LoopExpr *const[]){score, most}, (int)t->f->lanes);
}

/* Scores become weights, which are added up key by key. */
static void weigh(const Tile *t, const Block *block)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    PartScope key = part_steps(b, NULL, "key", &block->count, 1);
    for (int v = 0; v < t->vectors; v++) {
        const LoopExpr *score = load_scratch(t, f->weights, key.at, v);
        const LoopExpr *weight = loop_let(b, "weight", weight_of(t, score, loop_reg(b, t->most, affine(v))));
        loop_store(b, f->weights, scratch_address(t, key.at, v), weight, 1, (int)f->lanes);
        loop_assign(b, t->total, affine(v), apply(t, EXPR_ADD, loop_reg(b, t->total, affine(v)), weight));
    }
    part_range_end(b, &key);
}

/* The values of one key, for `columns` of them. */
static void add_key(const Tile *t, const LoopRegister *sums, const Block *block, Affine key, Affine at, int64_t columns)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    const LoopExpr *weight[8];
    for (int v = 0; v < t->vectors; v++) weight[v] = loop_let(b, "weight", load_scratch(t, f->weights, key, v));
    LoopScope column = loop_range(b, "column", 0, columns, 1, MODE_UNROLL);
    Affine from =
        row_address(t, f->a.keys, affine_add(block->first, key), f->v_step, f->a.width, affine_add(at, column.at));
    const LoopExpr *one = loop_let(b, "value", loop_splat(b, loop_load(b, f->v, from, 1, 1, 1), (int)f->lanes));
    for (int v = 0; v < t->vectors; v++) {
        Affine index = affine_plus(affine_scale(column.at, t->vectors), v);
        const LoopExpr *sum = loop_reg(b, sums, index);
        loop_assign(b, sums, index, loop_op(b, EXPR_FMA, f->dtype, weight[v], one, sum));
    }
    loop_end(b, column);
}

static void add_values(const Tile *t, const Block *block, Affine at, int64_t columns)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    const LoopRegister *sums = loop_register(b, "sum", f->dtype, (int)f->lanes, (int)columns * t->vectors);
    LoopScope column = loop_range(b, "column", 0, columns, 1, MODE_UNROLL);
    for (int v = 0; v < t->vectors; v++) {
        const LoopExpr *old = load_scratch(t, f->sums, affine_add(at, column.at), v);
        const LoopExpr *scaled = apply(t, EXPR_MUL, old, loop_reg(b, t->scale, affine(v)));
        loop_assign(b, sums, affine_plus(affine_scale(column.at, t->vectors), v), scaled);
    }
    loop_end(b, column);
    PartScope key = part_steps(b, NULL, "key", &block->count, 1);
    add_key(t, sums, block, key.at, at, columns);
    part_range_end(b, &key);
    column = loop_range(b, "column", 0, columns, 1, MODE_UNROLL);
    for (int v = 0; v < t->vectors; v++) {
        const LoopExpr *sum = loop_reg(b, sums, affine_plus(affine_scale(column.at, t->vectors), v));
        loop_store(b, f->sums, scratch_address(t, affine_add(at, column.at), v), sum, 1, (int)f->lanes);
    }
    loop_end(b, column);
}

static void take_block(const Tile *t, const Block *block)
{
    LoopBuilder *b = builder(t);
    for (int v = 0; v < t->vectors; v++) loop_assign(b, t->scale, affine(v), loop_reg(b, t->most, affine(v)));
    in_rows(t, block, &block->count, score_keys);
    for (int v = 0; v < t->vectors; v++) {
        const LoopExpr *before = loop_reg(b, t->scale, affine(v)), *after = loop_reg(b, t->most, affine(v));
        loop_assign(b, t->scale, affine(v), weight_of(t, before, after));
        const LoopExpr *total = loop_reg(b, t->total, affine(v));
        loop_assign(b, t->total, affine(v), apply(t, EXPR_MUL, total, loop_reg(b, t->scale, affine(v))));
    }
    weigh(t, block);
    const Extent width = extent_of(t->f->a.width);
    in_rows(t, block, &width, add_values);
}

/* Tiles and blocks are powers of two at multiples of their size, so that a block of keys all later than a tile's first
 * query is later than its last. */
static void take_seen_block(const Tile *t, const Block *block)
{
    LoopBuilder *b = builder(t);
    Affine seen = affine_add(t->query, affine_scale(block->first, -1));
    LoopScope scope = {.outer = NULL};
    if (t->f->a.causal) scope = loop_if(b, 1, &seen);
    take_block(t, block);
    loop_end(b, scope);
}

/* Whole blocks and what is left. */
static void take_blocks(const Tile *t)
{
    const Extent *seen = &t->f->seen;
    LoopBuilder *b = builder(t);
    int64_t whole = seen->most / ATTENTION_BLOCK * ATTENTION_BLOCK;
    if (whole) {
        PartScope j = part_steps(b, NULL, "j", seen, ATTENTION_BLOCK);
        take_seen_block(t, &(Block){j.at, extent_of(ATTENTION_BLOCK)});
        part_range_end(b, &j);
    }
    if (seen->bounded) {
        PartScope j = part_tail(b, NULL, "j", seen, ATTENTION_BLOCK);
        int64_t most = seen->most < ATTENTION_BLOCK ? seen->most : ATTENTION_BLOCK;
        const Extent left = {most, true, affine_add(seen->actual, affine_scale(j.at, -1))};
        take_seen_block(t, &(Block){j.at, left});
        part_range_end(b, &j);
    } else if (whole < seen->most) {
        take_seen_block(t, &(Block){affine(whole), extent_of(seen->most - whole)});
    }
}

/* ---- tiles of queries ---- */

/* The rows of vector `v` of the tile's queries, from column `d` on, in scratch with lanes along queries: whole vectors
 * of neighbours, transposed. */
static void take_queries(const Tile *t, Affine d, int columns, int v)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    int lanes = (int)f->lanes;
    for (int i = 0; i < lanes; i++) {
        Affine query = affine_plus(t->query, v * f->lanes + i);
        Affine at = row_address(t, f->a.queries, query, f->q_step, f->a.depth, d), left = affine_plus(t->limit, -1 - i);
        if (i >= active_lanes(t, v) || t->limited) loop_assign(b, f->square, affine(i), constant(t, 0));
        if (i >= active_lanes(t, v)) continue;
        LoopScope scope = {.outer = NULL};
        if (t->limited) scope = loop_if(b, 1, &left);
        loop_assign(b, f->square, affine(i), loop_load(b, f->q, at, lanes, 1, columns));
        loop_end(b, scope);
    }
    if (lanes > 1) loop_transpose(b, f->square);
    for (int i = 0; i < columns; i++)
        loop_store(b, f->queries, scratch_address(t, affine_plus(d, i), v), loop_reg(b, f->square, affine(i)), 1,
                   lanes);
}

/* What the columns from `e` on of vector `v` of queries came to, back in rows. */
static void store_means(const Tile *t, Affine e, int columns, int v)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    int lanes = (int)f->lanes;
    for (int i = 0; i < lanes; i++) {
        const LoopExpr *mean = constant(t, 0);
        if (i < columns)
            mean = apply(t, EXPR_DIV, load_scratch(t, f->sums, affine_plus(e, i), v), loop_reg(b, t->total, affine(v)));
        loop_assign(b, f->square, affine(i), mean);
    }
    if (lanes > 1) loop_transpose(b, f->square);
    for (int i = 0; i < active_lanes(t, v); i++) {
        Affine query = affine_plus(t->query, v * f->lanes + i);
        Affine at = row_address(t, f->a.queries, query, f->v_step, f->a.width, e), left = affine_plus(t->limit, -1 - i);
        LoopScope scope = {.outer = NULL};
        if (t->limited) scope = loop_if(b, 1, &left);
        loop_store(b, f->out, at, loop_reg(b, f->square, affine(i)), 1, columns);
        loop_end(b, scope);
    }
}

typedef void Columns(const Tile *t, Affine at, int columns, int v);

/* `total` columns of every vector of queries, by as many as a vector has lanes. */
static void in_squares(const Tile *t, int64_t total, Columns *body)
{
    LoopBuilder *b = builder(t);
    int64_t lanes = t->f->lanes, whole = total / lanes * lanes;
    if (whole) {
        LoopScope at = loop_range(b, "at", 0, whole, lanes, MODE_SERIAL);
        for (int v = 0; v < t->vectors; v++) body(t, at.at, (int)lanes, v);
        loop_end(b, at);
    }
    for (int v = 0; v < t->vectors && whole < total; v++) body(t, affine(whole), (int)(total - whole), v);
}

static void start_tile(const Tile *t)
{
    const Flash *f = t->f;
    LoopBuilder *b = builder(t);
    in_squares(t, f->a.depth, take_queries);
    loop_fill(b, f->sums, affine(0), f->a.width * f->vectors * f->lanes, 0);
    for (int v = 0; v < t->vectors; v++) {
        loop_assign(b, t->most, affine(v), constant(t, attention_lowest(f->dtype)));
        loop_assign(b, t->total, affine(v), constant(t, 0));
    }
}

static void emit_tile(Tile t)
{
    LoopBuilder *b = builder(&t);
    t.most = loop_register(b, "most", t.f->dtype, (int)t.f->lanes, t.vectors);
    t.total = loop_register(b, "total", t.f->dtype, (int)t.f->lanes, t.vectors);
    t.scale = loop_register(b, "scale", t.f->dtype, (int)t.f->lanes, t.vectors);
    start_tile(&t);
    take_blocks(&t);
    in_squares(&t, t.f->a.width, store_means);
}

/* As many queries as there are when the code runs: whole tiles, single vectors, and what is left of one. */
static void cover_bounded(const Flash *f, Affine n, Affine head)
{
    LoopBuilder *b = &f->lowering->builder;
    Tile t = {.f = f, .n = n, .head = head, .active = (int)f->lanes};
    for (int64_t tile = f->vectors * f->lanes, behind = 0; tile; behind = tile, tile = tile > f->lanes ? f->lanes : 0) {
        if (tile > f->a.queries) continue;
        PartScope i =
            behind ? part_rest(b, NULL, "i", &f->asked, behind, tile) : part_steps(b, NULL, "i", &f->asked, tile);
        t.query = i.at;
        t.vectors = (int)(tile / f->lanes);
        emit_tile(t);
        part_range_end(b, &i);
    }
    if (!extent_leaves(&f->asked, f->lanes)) return;
    PartScope i = part_tail(b, NULL, "i", &f->asked, f->lanes);
    t.query = i.at;
    t.vectors = 1;
    t.limited = f->lanes > 1;
    t.limit = affine_add(f->asked.actual, affine_scale(i.at, -1));
    emit_tile(t);
    part_range_end(b, &i);
}

static void cover_queries(const Flash *f, Affine n, Affine head)
{
    if (f->asked.bounded) {
        cover_bounded(f, n, head);
        return;
    }
    LoopBuilder *b = &f->lowering->builder;
    int64_t tile = f->vectors * f->lanes, whole = f->a.queries / tile * tile, left = f->a.queries - whole;
    Tile t = {.f = f, .n = n, .head = head, .vectors = (int)f->vectors, .active = (int)f->lanes};
    if (whole) {
        LoopScope i = loop_range(b, "i", 0, whole, tile, MODE_SERIAL);
        t.query = i.at;
        emit_tile(t);
        loop_end(b, i);
    }
    if (!left) return;
    t.query = affine(whole);
    t.vectors = (int)((left + f->lanes - 1) / f->lanes);
    t.active = (int)(left - (t.vectors - 1) * f->lanes);
    emit_tile(t);
}

static const LoopBuffer *scratch_buffer(const Flash *f, const char *name, int64_t rows, int64_t *offset)
{
    int64_t elements = rows * f->vectors * f->lanes;
    LoopBuffer like = {.name = name, .dtype = f->dtype, .space = SPACE_SCRATCH, .offset = *offset};
    like.elements = elements;
    like.align = 64;
    like.writable = true;
    *offset += (dtype_bytes(f->dtype, elements) + 63) / 64 * 64;
    return loop_buffer(&f->lowering->builder, &like);
}

void lower_attention(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Schedule *s = lowering->schedule;
    Flash f = {.lowering = lowering, .a = attention_of(anchor), .dtype = anchor->types[0].dtype};
    f.lanes = s->lanes;
    f.vectors = s->tile_vectors < 8 ? s->tile_vectors : 8;
    f.rows = s->tile_columns;
    f.unroll = s->unroll;
    f.q_step = f.a.heads * f.a.depth;
    f.v_step = f.a.heads * f.a.width;
    f.q = lower_buffer(lowering, anchor->inputs[ATTENTION_Q]);
    f.k = lower_buffer(lowering, anchor->inputs[ATTENTION_K]);
    f.v = lower_buffer(lowering, anchor->inputs[ATTENTION_V]);
    if (f.a.masked) f.mask = lower_buffer(lowering, anchor->inputs[ATTENTION_MASK]);
    f.out = lower_buffer(lowering, value_of((Node *)lowering->group.node));
    const Type *q = value_type(anchor->inputs[ATTENTION_Q]), *k = value_type(anchor->inputs[ATTENTION_K]);
    f.asked = lower_extent(lowering, &q->dim[q->rank - 2]);
    f.seen = lower_extent(lowering, &k->dim[k->rank - 2]);
    int64_t offset = 0;
    f.queries = scratch_buffer(&f, "queries", f.a.depth, &offset);
    f.weights = scratch_buffer(&f, "weights", ATTENTION_BLOCK, &offset);
    f.sums = scratch_buffer(&f, "sums", f.a.width, &offset);
    LoopBuilder *b = &lowering->builder;
    f.square = loop_register(b, "square", f.dtype, (int)f.lanes, (int)f.lanes);
    const Extent batch = f.a.batch > 1 ? lower_extent(lowering, &anchor->types[0].dim[0]) : extent_of(1);
    PartScope n = part_steps(b, NULL, "n", &batch, 1);
    LoopScope head = loop_range(b, "head", 0, f.a.heads, 1, MODE_SERIAL);
    cover_queries(&f, n.at, head.at);
    loop_end(b, head);
    part_range_end(b, &n);
    double scores = (double)(f.a.batch * f.a.heads * f.a.queries) * (double)f.a.keys;
    b->function->multiply_adds = scores * (double)(f.a.depth + f.a.width);
}
