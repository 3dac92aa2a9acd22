/* Sizes and addresses of a contraction's operands. */
#include "backend/lower/contract.h"
#include "ir/bounded.h"
#include "ir/packing.h"

#include <assert.h>

Affine affine_divide(Affine a, int64_t by)
{
    assert(a.base % by == 0);
    a.base /= by;
    for (int i = 0; i < a.nterms; i++) {
        assert(a.term[i].factor % by == 0);
        a.term[i].factor /= by;
    }
    return a;
}

Affine site_address(const Site *site, Affine n, Affine y, Affine x, Affine c)
{
    Affine at = affine_add(affine_scale(n, site->n), affine_scale(y, site->y));
    at = affine_add(affine_add(at, affine_scale(x, site->x)), affine_scale(c, site->c));
    return affine_add(affine_plus(at, site->base), site->shift);
}

static const Place *place_of(Value value)
{
    assert(value.node->places);
    return &value.node->places[value.slot];
}

/* Results of a product with a vector have no axis of columns: the last one is the rows. */
static bool is_column(const Node *anchor, Value value)
{
    return value_type(anchor->inputs[1])->rank == 1 && !value_equal(value, anchor->inputs[0]);
}

/* A tensor that follows the pixels: [N, H, W, C], or [.., rows, C] whose rows are the x of one line, or of lines of
 * `line` rows each, when that is not 0. */
static Site site_of_pixels(Lowering *lowering, Value value, bool image, int64_t line)
{
    const Type *type = value_type(value);
    const Place *place = place_of(value);
    Site site = {.buffer = lower_buffer(lowering, value), .base = place_interior(place), .c = 1};
    int rank = type->rank;
    if (rank && is_column(lowering->group.anchor, value)) {
        site.x = place->stride[rank - 1];
        site.n = site.x * line;
        return site;
    }
    if (rank == 4 && image) {
        site.n = place->stride[0];
        site.y = place->stride[1];
        site.x = place->stride[2];
        return site;
    }
    if (rank >= 2) site.x = place->stride[rank - 2];
    site.n = site.x * line;
    return site;
}

/* Axes are those of the result from the last on; one of size 1 stands still.  Rows of a product are one line, so
 * only what stands still along them, or is of rank 2, comes here (contraction_reads_beside). */
static Site site_of_broadcast(const Contract *c, Value value)
{
    Lowering *l = c->lowering;
    const Type *type = value_type(value);
    const Place *place = place_of(value);
    int rank = l->group.node->types[0].rank, missing = rank - type->rank;
    int64_t step[MAX_RANK] = {0};
    for (int axis = 0; axis < type->rank; axis++)
        step[missing + axis] = type->dim[axis].high == 1 ? 0 : place->stride[axis];
    Site site = {.buffer = lower_buffer(l, value), .base = place_interior(place), .c = step[rank - 1]};
    if (rank == 2) site.x = step[0];
    for (int axis = 0; axis + 1 < rank && rank != 2 && !c->image; axis++) assert(!step[axis]);
    if (!c->image) return site;
    site.n = step[0];
    site.y = step[1];
    site.x = step[2];
    return site;
}

static Site from_row(Site site, Affine row)
{
    site.shift = affine_scale(row, site.y);
    return site;
}

/* Rows of one of several lines. */
static int64_t line_of(const Contract *c) { return !c->image && c->batch > 1 ? c->width : 0; }

Site contract_site(const Contract *c, Value value)
{
    Lowering *l = c->lowering;
    const Type *type = value_type(value), *result = &l->group.node->types[0];
    if (type_elements(type) == 1)
        return (Site){.buffer = lower_buffer(l, value), .base = place_interior(place_of(value))};
    bool same = type_same_shape(type, result), rows = !same && !c->image && contraction_row_has_one(type, result);
    Site site = same || rows ? site_of_pixels(l, value, c->image, line_of(c)) : site_of_broadcast(c, value);
    if (rows) site.c = 0;
    return from_row(site, c->first_row);
}

/* The second operand of dense and matmul: [.., K, N]; of conv2d: [ky, kx, ic, oc]. */
static Site site_of_weight(Lowering *lowering, const Contraction *shape, Value value)
{
    const Type *type = value_type(value);
    Site site = {.buffer = lower_buffer(lowering, value), .base = place_interior(place_of(value)), .c = 1};
    site.x = shape->out_channels;
    if (shape->batched_weight) site.n = site.x * type->dim[type->rank - 2].high;
    return site;
}

/* Does the value follow the result's pixels one by one, or stand still along all of them? */
static bool is_line(const Type *type, const Type *result)
{
    bool still = true;
    for (int axis = 0; axis + 1 < type->rank; axis++) still = still && type->dim[axis].high == 1;
    return still || type_same_shape(type, result) || contraction_row_has_one(type, result);
}

/* Do all pixels lie side by side? */
static bool is_one_line(const Contract *c, const Site *site)
{
    if (c->height > 1 && site->y != c->width * site->x) return false;
    return c->batch == 1 || site->n == c->height * c->width * site->x;
}

/* A 1x1 convolution of stride 1 over dense images is one line of pixels. */
static bool can_flatten(const Contract *c, const Group *group)
{
    const Window *w = &c->shape.window;
    if (!c->image || group->pool || c->groups != 1 || c->tall.bounded || c->wide.bounded) return false;
    if (w->kernel[0] * w->kernel[1] != 1 || w->stride[0] * w->stride[1] != 1) return false;
    if (w->pad_begin[0] + w->pad_begin[1] + w->pad_end[0] + w->pad_end[1]) return false;
    if (!is_one_line(c, &c->input) || !is_one_line(c, &c->output)) return false;
    Value *captured;
    int count = graph_captures(group->body, &captured);
    for (int i = 0; i < count; i++) {
        bool own = false;
        for (int k = 0; k < group->anchor->ninputs; k++) own |= value_equal(group->anchor->inputs[k], captured[i]);
        if (own || !captured[i].node->places) continue;
        const Type *type = value_type(captured[i]), *result = &group->node->types[0];
        if (!is_line(type, result)) return false;
        bool dense = !place_has_halo(place_of(captured[i])) && !contraction_row_has_one(type, result);
        if (place_of(captured[i])->space == SPACE_NONE || dense) continue;
        Site site = contract_site(c, captured[i]);
        if (!is_one_line(c, &site)) return false;
    }
    return true;
}

/* Axes of a product's result before `end`, by which `n` counts: neighbours without gaps between are one. */
static void set_leading(Contract *c, const Type *result, int end)
{
    int64_t step = 1;
    int first = MAX_RANK;
    Extent extents[MAX_RANK];
    int64_t steps[MAX_RANK];
    for (int axis = end - 1; axis >= 0; axis--) {
        const Dim *dim = &result->dim[axis];
        const Extent extent = lower_extent(c->lowering, dim);
        if (first < MAX_RANK && !extents[first].bounded) {
            extents[first] = extent_times(&extent, extents[first].most);
        } else {
            extents[--first] = extent;
            steps[first] = step;
        }
        step *= dim->high;
    }
    for (int i = first; i < MAX_RANK; i++) {
        c->leading[c->nleading].extent = extents[i];
        c->leading[c->nleading++].step = steps[i];
    }
}

/* Of the pixels of a product's result, all axes but that of the columns.  One line goes on as far as there are no gaps:
 * up to the first bounded axis from behind; what is in front of it counts lines. */
static void set_bounded_line(Contract *c, const Group *group)
{
    const Type *result = &group->anchor->types[0], *weight = value_type(group->anchor->inputs[1]);
    bool column = is_column(group->anchor, value_of((Node *)group->anchor));
    int last = result->rank - !column, first = last > 0 ? last - 1 : 0;
    bool batched = c->shape.batched_weight;
    while (!batched && first > 0 && dim_is_fixed(&result->dim[first])) first--;
    bool lines = false;
    for (int axis = 0; axis < first; axis++) lines |= result->dim[axis].high > 1;
    if (!lines && !batched) first = 0;
    c->wide = lower_extent_of_axes(c->lowering, result, first, last);
    c->width = c->wide.most;
    c->batch = 1;
    for (int axis = 0; axis < first; axis++) c->batch *= result->dim[axis].high;
    c->nleading = 0;
    set_leading(c, result, first);
    if (!column) c->many = lower_extent(c->lowering, &result->dim[result->rank - 1]);
    c->deep = lower_extent(c->lowering, &weight->dim[weight->rank > 1 ? weight->rank - 2 : 0]);
}

static void set_bounded(Contract *c, const Group *group)
{
    const Type *result = &group->anchor->types[0];
    c->images = extent_of(c->batch);
    c->leading[c->nleading++].extent = c->images;
    c->leading[0].step = 1;
    if (!node_is_bounded(group->anchor)) return;
    if (!c->image) {
        set_bounded_line(c, group);
        return;
    }
    const Type *pooled = group->pool ? &group->pool->types[0] : result;
    c->images = c->leading[0].extent = lower_extent(c->lowering, &result->dim[0]);
    c->tall = lower_extent(c->lowering, &pooled->dim[1]);
    c->wide = lower_extent(c->lowering, &pooled->dim[2]);
}

static void set_sizes(Contract *c, const Group *group)
{
    const Contraction *s = &c->shape;
    c->groups = s->window.groups;
    c->channels = s->out_channels / c->groups;
    c->inner = s->in_channels / c->groups;
    c->batch = s->batch;
    c->height = s->out_height;
    c->width = s->out_width;
    c->reduction = s->window.kernel[0] * s->window.kernel[1] * c->inner;
    c->pool = (Window){.kernel = {1, 1}, .stride = {1, 1}};
    if (group->pool) {
        Pooling pooling;
        node_def(group->pool)->pool(group->pool, &pooling);
        c->pool = pooling.window;
        c->height = c->height / c->pool.kernel[0] * c->pool.kernel[0];
        c->width = c->width / c->pool.kernel[1] * c->pool.kernel[1];
    }
    c->depthwise = c->groups > 1 && c->inner == 1 && c->channels == 1;
    if (c->depthwise) {
        c->channels = c->groups;
        c->groups = 1;
    }
}

/* Where the rows are read and written. */
static void set_sites(Contract *c, const Rows *rows)
{
    const Group *group = &c->lowering->group;
    Value input = group->anchor->inputs[0], result = value_of((Node *)group->node);
    int64_t line = line_of(c);
    Affine first = rows ? rows->first : affine(0);
    Affine read = affine_scale(first, c->shape.window.stride[0]);
    c->input = rows && rows->input ? *rows->input : from_row(site_of_pixels(c->lowering, input, c->image, line), read);
    c->output =
        rows && rows->output ? *rows->output : from_row(site_of_pixels(c->lowering, result, c->image, line), first);
    c->slack = rows && rows->input ? rows->slack : place_of(input)->slack;
    if (!rows) return;
    c->first_row = first;
    c->height = rows->count;
    c->batch = 1;
    c->images.bounded = c->tall.bounded = false;
    c->nleading = 0;
}

Contract contract_new(Lowering *lowering) { return contract_of_rows(lowering, NULL); }

Contract contract_of_rows(Lowering *lowering, const Rows *rows)
{
    const Group *group = &lowering->group;
    const Schedule *schedule = lowering->schedule;
    const Node *anchor = group->anchor;
    Contract c = {.lowering = lowering,
                  .lanes = schedule->lanes,
                  .rows = schedule->tile_rows,
                  .columns = schedule->tile_columns,
                  .vectors = schedule->tile_vectors,
                  .unroll = schedule->unroll,
                  .panel = schedule->panel,
                  .reduce = tile_reduce,
                  .store = tile_finish,
                  .prefetch = schedule->prefetch};
    node_def(anchor)->contract(anchor, &c.shape);
    c.sum = c.multiplied = dtype_wide(anchor->types[0].dtype);
    c.products = 1;
    set_sizes(&c, group);
    c.image = contraction_is_image(&c.shape, anchor);
    set_bounded(&c, group);
    set_sites(&c, rows);
    if (place_of(anchor->inputs[1])->packing != PACKING_SPARSE)
        c.weight = site_of_weight(lowering, &c.shape, anchor->inputs[1]);
    if (c.shape.bias >= 0 && c.shape.bias < anchor->ninputs && anchor->inputs[c.shape.bias].node) {
        Value bias = anchor->inputs[c.shape.bias];
        c.bias = (Site){.buffer = lower_buffer(lowering, bias), .base = place_interior(place_of(bias)), .c = 1};
        c.bias_is_padded = place_of(bias)->panel > 0;
    }
    const Window *w = &c.shape.window;
    c.row_is_run =
        !c.depthwise && c.groups == 1 && (w->kernel[1] == 1 || (w->dilation[1] == 1 && c.input.x == c.inner));
    if (can_flatten(&c, group)) {
        c.flat = true;
        c.wide = c.images.bounded ? extent_times(&c.images, c.width * c.height) : c.wide;
        c.images.bounded = false;
        c.nleading = 0;
        c.width *= c.height * c.batch;
        c.height = c.batch = 1;
        c.columns *= c.rows; /* as many pixels as the tile has, which are neighbours now */
        c.rows = 1;
    }
    return c;
}
