/* Winograd's minimal filtering: strips of tiles go through scratch.
 *
 * Of each strip the inputs are transformed (lanes over input channels) into a matrix [tiles, ic] for each of the
 * positions of a tile; each is multiplied by the matrix of that position's weights, by the register tile of
 * contract.c; the products are transformed back (lanes over output channels), into registers, from where they go the
 * way of all sums of a contraction: bias, activation, residual, pooling. */
#include "ir/winograd.h"
#include "backend/lower/contract.h"
#include "backend/lower/part.h"
#include "backend/lower/winograd_line.h"

#include <assert.h>

typedef struct Strips {
    Contract image;    /* the convolution: where inputs, bias and results are */
    Contract products; /* positions times [tiles, ic] x [ic, oc] */
    Winograd sizes;
    const LoopRegister *half; /* a tile transformed along one axis */
    const LoopRegister *sums;
    int64_t input_rows, product_rows; /* rows of a tile that are transformed together */
    Part rows, channels;              /* one of them may be cut: rows of strips, or output channels */
} Strips;

/* Tiles at the same place of every strip: one position of a strip, or the tile there. */
typedef struct TileAt {
    const Strips *strips;
    Affine n;
    Affine tile[2];      /* in the image */
    Affine index;        /* in the strip */
    int64_t extent[2];   /* outputs that there are; fewer in the last tile of an axis */
    int64_t first, rows; /* of the transformed tile, that are computed here */
    Affine channel;
    int active; /* lanes that are channels */
} TileAt;

static LoopBuilder *builder(const Strips *s) { return &s->image.lowering->builder; }

/* Element of scratch: [position][tile][channel]. */
static Affine scratch_address(const Site *site, const TileAt *at, Affine position)
{
    return site_address(site, position, affine(0), at->index, at->channel);
}

/* ---- inputs ---- */

/* Row `index` of the tile at the column of the loop; rows below the image's last output are read by nobody. */
static const LoopExpr *load_input(const Line *line, int index)
{
    const TileAt *at = line->context;
    const Contract *c = &at->strips->image;
    const Window *w = &c->shape.window;
    int64_t outputs = at->strips->sizes.outputs, lanes = c->lanes;
    if (index >= at->extent[0] + 2) return NULL;
    Affine y = affine_plus(affine_scale(at->tile[0], outputs), index - w->pad_begin[0]);
    Affine x = affine_plus(affine_add(affine_scale(at->tile[1], outputs), line->at), -w->pad_begin[1]);
    Affine from = site_address(&c->input, at->n, y, x, at->channel);
    return loop_load(line->builder, c->input.buffer, from, (int)lanes, 1, at->active);
}

/* Element `index` of a row of what is transformed along the columns. */
static const LoopExpr *load_half(const Line *line, int index)
{
    const TileAt *at = line->context;
    if (index >= at->extent[1] + 2) return NULL;
    Affine from = affine_plus(affine_scale(line->at, at->strips->sizes.inputs), index);
    return loop_reg(line->builder, at->strips->half, from);
}

static void transform_input(const TileAt *at)
{
    const Strips *s = at->strips;
    const Winograd *w = &s->sizes;
    LoopBuilder *b = builder(s);
    LoopScope x = loop_range(b, "x", 0, at->extent[1] + 2, 1, MODE_UNROLL);
    Line column = {b, line_of_inputs(w->outputs), load_input, at, x.at, {NULL}, {false}};
    for (int64_t y = 0; y < at->rows; y++)
        loop_assign(b, s->half, affine_plus(x.at, y * w->inputs), line_result(&column, at->first + y));
    loop_end(b, x);
    LoopScope y = loop_range(b, "y", 0, at->rows, 1, MODE_UNROLL);
    Line row = {b, line_of_inputs(w->outputs), load_half, at, y.at, {NULL}, {false}};
    for (int64_t i = 0; i < w->inputs; i++) {
        Affine position = affine_plus(affine_scale(affine_plus(y.at, at->first), w->inputs), i);
        const Site *to = &s->products.input;
        loop_store(b, to->buffer, scratch_address(to, at, position), line_result(&row, i), 1, at->active);
    }
    loop_end(b, y);
}

/* ---- products ---- */

static void store_products(const Tile *tile, int first, int last, int active)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = &c->lowering->builder;
    if (first == last) return;
    LoopScope column = loop_range(b, "column", 0, tile->columns, 1, MODE_UNROLL);
    LoopScope v = loop_range(b, "v", first, last, 1, MODE_UNROLL);
    Affine oc = affine_add(tile->channels.oc, affine_scale(v.at, c->lanes));
    Affine to = site_address(&c->output, tile->n, affine(0), affine_add(tile->x, column.at), oc);
    const LoopExpr *sum = loop_reg(b, tile->sums, tile_sum(tile, affine(0), column.at, v.at));
    loop_store(b, c->output.buffer, to, sum, 1, active);
    loop_end(b, v);
    loop_end(b, column);
}

static void multiply(const Strips *s, int64_t tiles)
{
    LoopBuilder *b = builder(s);
    Contract products = s->products;
    products.width = tiles;
    LoopScope position = loop_range(b, "position", 0, products.batch, 1, MODE_SERIAL);
    contract_tiles(&products, position.at, affine(0), affine(0));
    loop_end(b, position);
}

/* ---- results ---- */

static const LoopExpr *load_product(const Line *line, int index)
{
    const TileAt *at = line->context;
    const Site *from = &at->strips->products.output;
    Affine position = affine_plus(line->at, index * at->strips->sizes.inputs);
    return loop_load(line->builder, from->buffer, scratch_address(from, at, position), (int)at->strips->image.lanes, 1,
                     at->active);
}

/* The second element counts once in every result of the row: the bias goes in there. */
static const LoopExpr *load_half_product(const Line *line, int index)
{
    const TileAt *at = line->context;
    const Contract *c = &at->strips->image;
    LoopBuilder *b = line->builder;
    Affine from = affine_plus(affine_scale(line->at, at->strips->sizes.inputs), index);
    const LoopExpr *value = loop_reg(b, at->strips->half, from);
    if (index != 1 || !c->bias.buffer) return value;
    Affine oc = affine_plus(at->channel, c->bias.base);
    const LoopExpr *bias = loop_load(b, c->bias.buffer, oc, (int)c->lanes, 1, at->active);
    return loop_op(b, EXPR_ADD, F32, value, bias, NULL);
}

/* Rows of results, into the registers of a tile of sums. */
static void transform_rows(const TileAt *at)
{
    const Strips *s = at->strips;
    const Winograd *w = &s->sizes;
    LoopBuilder *b = builder(s);
    LoopScope x = loop_range(b, "x", 0, w->inputs, 1, MODE_UNROLL);
    Line column = {b, line_of_products(w->outputs), load_product, at, x.at, {NULL}, {false}};
    for (int64_t y = 0; y < at->rows; y++)
        loop_assign(b, s->half, affine_plus(x.at, y * w->inputs), line_result(&column, at->first + y));
    loop_end(b, x);
    LoopScope y = loop_range(b, "y", 0, at->rows, 1, MODE_UNROLL);
    Line row = {b, line_of_products(w->outputs), load_half_product, at, y.at, {NULL}, {false}};
    for (int64_t i = 0; i < at->extent[1]; i++) {
        Affine to = affine_plus(affine_scale(y.at, at->extent[1]), i);
        loop_assign(b, s->sums, to, line_result(&row, i));
    }
    loop_end(b, y);
}

static void transform_product(const TileAt *at)
{
    const Strips *s = at->strips;
    int64_t outputs = s->sizes.outputs;
    transform_rows(at);
    Tile tile = {.contract = (Contract *)&s->image,
                 .channels = {.oc = at->channel, .vectors = 1, .active = at->active},
                 .n = at->n,
                 .y = affine_plus(affine_scale(at->tile[0], outputs), at->first),
                 .x = affine_scale(at->tile[1], outputs),
                 .rows = at->rows,
                 .columns = at->extent[1],
                 .sums = s->sums};
    tile_finish(&tile, 0, 1, at->active);
}

/* ---- strips ---- */

/* Equal strips along one axis, in tiles; the last tile of the last one may be partial. */
typedef struct StripRun {
    int64_t low, size, count;
    bool partial;
} StripRun;

static int strip_runs(const Winograd *w, int axis, StripRun run[2])
{
    bool partial = w->extent[axis] % w->outputs != 0;
    int64_t size = w->strip[axis], whole = (w->tiles[axis] - partial) / size, rest = w->tiles[axis] - whole * size;
    int n = 0;
    if (whole) run[n++] = (StripRun){0, size, whole, false};
    if (rest) run[n++] = (StripRun){whole * size, rest, 1, partial};
    return n;
}

/* One of the transforms: what it does to some rows of a tile, of all channels. */
typedef struct Transform {
    void (*body)(const TileAt *at);
    int64_t channels, rows; /* rows that are done together */
    const Part *part;       /* of the channels; NULL: all of them */
} Transform;

static void each_channel(TileAt *at, const Transform *transform)
{
    LoopBuilder *b = builder(at->strips);
    int64_t lanes = at->strips->image.lanes, channels = transform->channels, whole = channels / lanes * lanes;
    if (whole) {
        PartScope c = part_range(b, transform->part, "c", 0, whole, lanes);
        at->channel = c.at;
        at->active = (int)lanes;
        transform->body(at);
        part_range_end(b, &c);
    }
    if (whole == channels) return;
    PartScope c = part_range(b, transform->part, "c", whole, whole + lanes, lanes);
    at->channel = c.at;
    at->active = (int)(channels - whole);
    transform->body(at);
    part_range_end(b, &c);
}

/* Rows that do not fit the registers together are computed in loops of their own, so that nobody keeps for one what
 * the other uses. */
static void each_row(TileAt *at, const Transform *transform, int64_t rows)
{
    for (at->first = 0; at->first < rows; at->first += at->rows) {
        at->rows = rows - at->first < transform->rows ? rows - at->first : transform->rows;
        each_channel(at, transform);
    }
}

/* The tiles of a strip: whole ones in loops, what the image cuts off by itself. */
static void each_tile(TileAt *at, const StripRun *rows, const StripRun *columns, const Transform *transform)
{
    const Winograd *w = &at->strips->sizes;
    LoopBuilder *b = builder(at->strips);
    const StripRun *runs[2] = {rows, columns};
    const Affine strip[2] = {at->tile[0], at->tile[1]};
    for (int part = 0; part < 4; part++) {
        LoopScope scope[2];
        bool cut[2] = {part / 2, part % 2}, any = true;
        for (int i = 0; i < 2; i++) any = any && (cut[i] ? runs[i]->partial : runs[i]->size > runs[i]->partial);
        if (!any) continue;
        for (int i = 0; i < 2; i++) {
            int64_t end = runs[i]->size - (cut[i] ? 0 : runs[i]->partial);
            scope[i] = loop_range(b, i ? "tx" : "ty", cut[i] ? end - 1 : 0, end, 1, MODE_SERIAL);
            at->tile[i] = affine_add(strip[i], scope[i].at);
            at->extent[i] = cut[i] ? w->extent[i] % w->outputs : w->outputs;
        }
        at->index = affine_add(affine_scale(scope[0].at, columns->size), scope[1].at);
        each_row(at, transform, transform->body == transform_input ? w->inputs : at->extent[0]);
        loop_end(b, scope[1]);
        loop_end(b, scope[0]);
    }
}

static void cover_strips(const Strips *s, Affine n)
{
    LoopBuilder *b = builder(s);
    const Winograd *w = &s->sizes;
    StripRun rows[2], columns[2];
    const Transform in = {transform_input, w->in_channels, s->input_rows, NULL};
    const Transform out = {transform_product, w->out_channels, s->product_rows, &s->channels};
    int nrows = strip_runs(w, 0, rows), ncolumns = strip_runs(w, 1, columns);
    for (int i = 0; i < nrows; i++) {
        int64_t end = rows[i].low + rows[i].size * rows[i].count;
        PartScope sy = part_range(b, &s->rows, "sy", rows[i].low, end, rows[i].size);
        for (int j = 0; j < ncolumns; j++) {
            end = columns[j].low + columns[j].size * columns[j].count;
            LoopScope sx = loop_range(b, "sx", columns[j].low, end, columns[j].size, MODE_SERIAL);
            TileAt at = {.strips = s, .n = n, .tile = {sy.at, sx.at}};
            each_tile(&at, &rows[i], &columns[j], &in);
            multiply(s, rows[i].size * columns[j].size);
            at = (TileAt){.strips = s, .n = n, .tile = {sy.at, sx.at}};
            each_tile(&at, &rows[i], &columns[j], &out);
            loop_end(b, sx);
        }
        part_range_end(b, &sy);
    }
}

/* ---- the whole ---- */

static Site scratch_site(LoopBuilder *b, const char *name, int64_t offset, int64_t positions, int64_t step,
                         int64_t channels)
{
    LoopBuffer like = {.name = name,
                       .dtype = F32,
                       .space = SPACE_SCRATCH,
                       .offset = offset * (int64_t)sizeof(float),
                       .elements = positions * step,
                       .align = 64,
                       .writable = true};
    return (Site){.buffer = loop_buffer(b, &like), .n = step, .x = channels, .c = 1};
}

/* A batch of matrix products: position by position, the tiles of a strip times the channels. */
static Contract products_new(const Contract *image, const Winograd *w)
{
    LoopBuilder *b = &image->lowering->builder;
    Contract p = *image;
    int64_t panels = (w->out_channels + p.panel - 1) / p.panel;
    p.shape.window = (Window){.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    p.pool = p.shape.window;
    p.bias = (Site){.buffer = NULL};
    p.input = scratch_site(b, "tiles", 0, w->positions, w->input_step, w->in_channels);
    p.output = scratch_site(b, "products", w->products, w->positions, w->product_step, w->out_channels);
    p.weight.n = panels * p.panel * w->in_channels;
    p.row_is_run = true;
    p.batch = w->positions;
    p.images = p.tall = p.wide = extent_of(0);
    p.height = p.rows = 1;
    p.reduction = p.inner;
    p.store = store_products;
    return p;
}

/* As many rows of a tile as leave a line's worth of registers free, in equal parts; whole windows of the pooling. */
static int64_t rows_together(const Strips *s, int64_t rows, int64_t window)
{
    int64_t line = s->sizes.inputs, most = (s->image.lowering->target->vector_registers - line) / line;
    if (most < 1) most = 1;
    int64_t parts = (rows + most - 1) / most, together = (rows + parts - 1) / parts;
    return (together + window - 1) / window * window;
}

/* Parts of strips' rows have strips of their own; parts of the output channels all transform the whole input, each for
 * the blocks of weights that it alone reads. */
static const Part *open_parts(Strips *s)
{
    const Schedule *schedule = s->image.lowering->schedule;
    LoopBuilder *b = builder(s);
    if (schedule->split != SPLIT_CHANNELS) {
        s->rows = part_open(b, s->sizes.tiles[0], s->sizes.strip[0], schedule->threads);
        return &s->rows;
    }
    int64_t block = contract_block(&s->products), blocks = (s->sizes.out_channels + block - 1) / block;
    Part *part = &s->products.channel_part;
    *part = part_open(b, blocks, 1, schedule->threads);
    s->channels = *part;
    s->channels.width = part->width * block;
    s->channels.first = affine_scale(part->first, block);
    return part;
}

static void lower_winograd(Lowering *lowering)
{
    LoopBuilder *b = &lowering->builder;
    const Schedule *schedule = lowering->schedule;
    int64_t outputs = winograd_outputs(schedule->variant);
    Strips s = {.image = contract_new(lowering)};
    s.sizes = winograd_of(&lowering->group, outputs, schedule->strip_rows, schedule->strip_columns);
    s.products = products_new(&s.image, &s.sizes);
    s.input_rows = rows_together(&s, s.sizes.inputs, 1);
    s.product_rows = rows_together(&s, outputs, s.image.pool.kernel[0]);
    int64_t rows = s.input_rows > s.product_rows ? s.input_rows : s.product_rows;
    s.half = loop_register(b, "half", F32, (int)s.image.lanes, (int)(rows * s.sizes.inputs));
    s.sums = loop_register(b, "result", F32, (int)s.image.lanes, (int)(s.product_rows * outputs));
    lower_fill_ring(lowering);
    const Part *part = open_parts(&s);
    const Extent images = s.image.images.bounded ? s.image.images : extent_of(s.image.batch);
    PartScope n = part_steps(b, NULL, "n", &images, 1);
    cover_strips(&s, n.at);
    part_range_end(b, &n);
    part_close(b, part);
    const Contract *c = &s.image;
    b->function->multiply_adds = (double)(c->batch * c->height * c->width) * (double)(c->channels * c->reduction);
}

void lower_winograd2(Lowering *lowering) { lower_winograd(lowering); }
void lower_winograd4(Lowering *lowering) { lower_winograd(lowering); }
