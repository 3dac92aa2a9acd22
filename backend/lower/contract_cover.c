/* Tiles of a contraction over the image and the channels. */
#include "backend/lower/contract.h"

/* A run of equal tiles along one axis, in windows of the pooling.  Of a bounded one those behind the last multiple of
 * `behind`, or from its begin on. */
typedef struct Run {
    int64_t start, size, count;
    const Extent *bounded;
    int64_t behind;
} Run;

enum { MOST_RUNS = 16 };

static int64_t largest_divisor(int64_t of)
{
    int64_t divisor = of - 1;
    while (divisor > 1 && of % divisor) divisor--;
    return divisor;
}

/* Whole tiles, as many as there are, then smaller ones, each a divisor of the one before. */
static int split_bounded(const Extent *extent, int64_t size, Run run[MOST_RUNS])
{
    int n = 0;
    for (int64_t behind = 0; size && n < MOST_RUNS; behind = size, size = largest_divisor(size)) {
        if (behind && !extent_leaves(extent, behind)) break;
        if (size <= extent->most) run[n++] = (Run){0, size, 0, extent, behind};
    }
    return n;
}

/* Whole tiles, then one of what is left. */
static int split(const Extent *bounded, int64_t extent, int64_t size, Run run[MOST_RUNS])
{
    if (bounded->bounded) return split_bounded(bounded, size, run);
    int64_t whole = extent / size, rest = extent % size;
    int n = 0;
    if (whole) run[n++] = (Run){0, size, whole, NULL, 0};
    if (rest) run[n++] = (Run){whole * size, rest, 1, NULL, 0};
    return n;
}

static PartScope run_loop(LoopBuilder *b, const Part *part, const char *name, const Run *run)
{
    if (run->bounded && !run->behind) return part_steps(b, part, name, run->bounded, run->size);
    if (run->bounded) return part_rest(b, part, name, run->bounded, run->behind, run->size);
    return part_range(b, part, name, run->start, run->start + run->size * run->count, run->size);
}

/* The pixels of a tile, before pooling. */
typedef struct Pixels {
    Affine y, x;
    int64_t rows, columns;
} Pixels;

/* What of the next tiles is known so far: the channels, the pixels, or both. */
typedef struct Cover {
    Affine n;
    Affine first, ic; /* the first of the group's channels, and of their input channels */
    const Pixels *pixels;
    const Channels *channels;
} Cover;

static void cover(Contract *c, const Cover *known);

static void cover_pixels(Contract *c, const Cover *known)
{
    LoopBuilder *b = &c->lowering->builder;
    Run rows[MOST_RUNS], columns[MOST_RUNS];
    int64_t ph = c->pool.kernel[0], pw = c->pool.kernel[1];
    int ny = split(&c->tall, c->height / ph, c->rows / ph, rows);
    int nx = split(&c->wide, c->width / pw, c->columns / pw, columns);
    for (int i = 0; i < ny; i++) {
        PartScope y = run_loop(b, &c->row_part, "y", &rows[i]);
        for (int j = 0; j < nx; j++) {
            PartScope x = run_loop(b, &c->column_part, "x", &columns[j]);
            Pixels pixels = {affine_scale(y.at, ph), affine_scale(x.at, pw), rows[i].size * ph, columns[j].size * pw};
            Cover next = *known;
            next.pixels = &pixels;
            cover(c, &next);
            part_range_end(b, &x);
        }
        part_range_end(b, &y);
    }
}

int64_t contract_block(const Contract *c)
{
    int64_t width = c->vectors * c->lanes;
    return width < c->panel ? c->panel : width;
}

static void cover_channels(Contract *c, const Cover *known, Channels channels)
{
    Cover next = *known;
    channels.ic = c->depthwise ? channels.oc : known->ic;
    next.channels = &channels;
    cover(c, &next);
}

/* As many columns of a product as there are when the code runs: whole tiles, single vectors, and what is left of one.
 */
static void cover_bounded(Contract *c, const Cover *known)
{
    LoopBuilder *b = &c->lowering->builder;
    Channels channels = {.active = (int)c->lanes};
    for (int64_t width = c->vectors * c->lanes, behind = 0; width;
         behind = width, width = width > c->lanes ? c->lanes : 0) {
        if (width > c->channels) continue;
        PartScope p =
            behind ? part_rest(b, NULL, "p", &c->many, behind, width) : part_steps(b, NULL, "p", &c->many, width);
        channels.oc = p.at;
        channels.vectors = (int)(width / c->lanes);
        cover_channels(c, known, channels);
        part_range_end(b, &p);
    }
    if (!extent_leaves(&c->many, c->lanes)) return;
    PartScope p = part_tail(b, NULL, "p", &c->many, c->lanes);
    channels.oc = p.at;
    channels.vectors = 1;
    channels.limited = true;
    channels.limit = affine_add(c->many.actual, affine_scale(p.at, -1));
    cover_channels(c, known, channels);
    part_range_end(b, &p);
}

/* Whole blocks of channels in a loop. */
static void cover_whole_blocks(Contract *c, const Cover *known)
{
    LoopBuilder *b = &c->lowering->builder;
    int64_t width = c->vectors * c->lanes, block = contract_block(c);
    int64_t blocks = c->channels / block;
    if (!blocks) return;
    PartScope p = part_range(b, &c->channel_part, "p", 0, blocks, 1);
    LoopScope h = loop_range(b, "h", 0, block / width, 1, MODE_SERIAL);
    Affine sub = affine_scale(h.at, width);
    Affine oc = affine_add(affine_add(known->first, affine_scale(p.at, block)), sub);
    Channels channels = {.oc = oc, .sub = sub, .vectors = (int)c->vectors, .active = (int)c->lanes};
    if (c->panel) channels.panel = affine_scale(p.at, block / c->panel);
    cover_channels(c, known, channels);
    loop_end(b, h);
    part_range_end(b, &p);
}

/* The channels that fill no block: tiles of their own, at constant places behind the blocks. */
static void cover_rest(Contract *c, const Cover *known)
{
    int64_t width = c->vectors * c->lanes, block = contract_block(c), blocks = c->channels / block;
    if (c->channels % block == 0) return;
    LoopBuilder *b = &c->lowering->builder;
    PartScope p = part_range(b, &c->channel_part, "p", blocks, blocks + 1, 1);
    for (int64_t oc = 0; oc < c->channels % block; oc += width) {
        int64_t left = c->channels % block - oc < width ? c->channels % block - oc : width;
        int vectors = (int)((left + c->lanes - 1) / c->lanes);
        Channels channels = {.oc = affine_plus(affine_add(known->first, affine_scale(p.at, block)), oc),
                             .vectors = vectors,
                             .active = (int)(left - (vectors - 1) * c->lanes)};
        if (c->panel) {
            channels.panel = affine_plus(affine_scale(p.at, block / c->panel), oc / c->panel);
            channels.within = oc % c->panel;
        }
        cover_channels(c, known, channels);
    }
    part_range_end(b, &p);
}

/* Weights are streamed, so their loop is the outer one and a block of them serves all pixels; but a depthwise kernel
 * has few, and its input is read but once: there channels are walked as they lie. */
static void cover(Contract *c, const Cover *known)
{
    if (known->pixels && known->channels) {
        const Pixels *p = known->pixels;
        Tile tile = {c, *known->channels, known->n, p->y, p->x, p->rows, p->columns, NULL, NULL};
        tile_emit(&tile);
    } else if (known->channels || (c->depthwise && !known->pixels)) {
        cover_pixels(c, known);
    } else if (c->many.bounded) {
        cover_bounded(c, known);
    } else {
        cover_whole_blocks(c, known);
        cover_rest(c, known);
    }
}

/* Cuts the axis that the schedule names; the loop over the parts, if there is one. */
static const Part *open_parts(Contract *c)
{
    LoopBuilder *b = &c->lowering->builder;
    const Schedule *s = c->lowering->schedule;
    int64_t ph = c->pool.kernel[0], pw = c->pool.kernel[1], block = contract_block(c);
    int64_t blocks = c->many.bounded ? 1 : (c->channels + block - 1) / block;
    int64_t outermost = c->nleading ? c->leading[0].extent.most : c->batch;
    const struct {
        Part *part;
        int64_t extent, step;
    } axes[] = {[SPLIT_OUTER] = {&c->batch_part, outermost, 1},
                [SPLIT_CHANNELS] = {&c->channel_part, blocks, 1},
                [SPLIT_ROWS] = {&c->row_part, c->height / ph, c->rows / ph},
                [SPLIT_COLUMNS] = {&c->column_part, c->width / pw, c->columns / pw}};
    /* images and rows of one line are columns */
    int axis = c->flat && s->split != SPLIT_CHANNELS ? SPLIT_COLUMNS : s->split;
    *axes[axis].part = part_open(b, axes[axis].extent, axes[axis].step, s->threads);
    return axes[axis].part;
}

void contract_tiles(Contract *c, Affine n, Affine first, Affine ic)
{
    cover(c, &(Cover){.n = n, .first = first, .ic = ic});
}

void contract_groups(Contract *c, Affine n)
{
    LoopBuilder *b = &c->lowering->builder;
    LoopScope g = loop_range(b, "g", 0, c->groups, 1, MODE_SERIAL);
    Affine first = affine_scale(g.at, c->channels), ic = affine_scale(g.at, c->inner);
    contract_tiles(c, n, first, ic);
    loop_end(b, g);
}

void contract_cover(Contract *c)
{
    LoopBuilder *b = &c->lowering->builder;
    lower_fill_ring(c->lowering);
    const Part *part = open_parts(c);
    PartScope scopes[MAX_RANK];
    Affine n = affine(0);
    for (int i = 0; i < c->nleading; i++) {
        scopes[i] = part_steps(b, i ? NULL : &c->batch_part, "n", &c->leading[i].extent, 1);
        n = affine_add(n, affine_scale(scopes[i].at, c->leading[i].step));
    }
    contract_groups(c, n);
    for (int i = c->nleading; i-- > 0;) part_range_end(b, &scopes[i]);
    part_close(b, part);
    double pixels = (double)(c->batch * c->height * c->width);
    b->function->multiply_adds = pixels * (double)(c->groups * c->channels) * (double)c->reduction;
}

void lower_contract(Lowering *lowering)
{
    Contract c = contract_new(lowering);
    contract_cover(&c);
}
