/* The register tile over weights without their zeros: the same tiles, sums and epilogues as in contract.c, but the
 * reduction goes through the blocks that there are.  A step loads the values of a block and where its input is, counted
 * from the pixel's first tap, so that all pixels of the tile use them.  Skipped products would have been zeros: sums of
 * finite inputs have the same bits but for the sign of zero. */
#include "backend/lower/contract.h"
#include "ir/packing_sparse.h"

static LoopBuffer *table(LoopBuilder *b, const LoopBuffer *whole, const char *name, int64_t offset, int64_t elements,
                         int64_t below)
{
    LoopBuffer like = *whole;
    like.name = arena_printf(b->arena, "%s.%s", whole->name, name);
    like.dtype = below ? I32 : F32;
    like.offset += offset;
    like.elements = elements;
    like.below = below;
    return loop_buffer(b, &like);
}

/* The parts of the weight as buffers of their own. */
static void open_tables(Contract *c)
{
    LoopBuilder *b = &c->lowering->builder;
    Value weight = c->lowering->group.anchor->inputs[1];
    const Place *place = &weight.node->places[weight.slot];
    SparseParts parts = sparse_parts(place, value_type(weight));
    LoopBuffer whole = {
        .name = value_name(b->arena, weight), .space = place->space, .offset = place->offset, .align = 64};
    int64_t blocks = place->steps * place->abreast;
    c->starts = table(b, &whole, "starts", parts.starts, parts.groups + 1, place->steps + 1);
    c->offsets = table(b, &whole, "offsets", parts.offsets, blocks, parts.below);
    c->weight.buffer = table(b, &whole, "values", parts.values, blocks * place->panel, 0);
    c->abreast = place->abreast;
    c->panel = place->panel;
}

/* Block `at` of the tile's panel number `a`: its values times the inputs of every pixel. */
static void add_block(const Tile *tile, Affine at, int a)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = &c->lowering->builder;
    int lanes = (int)c->lanes, each = (int)(c->panel / c->lanes), first = a * each;
    int last = first + each < tile->channels.vectors ? first + each : tile->channels.vectors;
    const LoopExpr *offset = loop_let(b, "offset", loop_load(b, c->offsets, at, 1, 1, 1));
    for (int v = first; v < last; v++) {
        Affine values = affine_plus(affine_scale(at, c->panel), (v - first) * lanes);
        loop_assign(b, tile->weights, affine(v), loop_load(b, c->weight.buffer, values, lanes, 1, lanes));
    }
    LoopScope row = loop_range(b, "row", 0, tile->rows, 1, MODE_UNROLL);
    LoopScope column = loop_range(b, "column", 0, tile->columns, 1, MODE_UNROLL);
    Affine y = affine_add(tile->y, row.at), x = affine_add(tile->x, column.at);
    Affine from = tile_input(tile, y, x, affine(0), affine(0), affine(0));
    const LoopExpr *element = loop_load_at(b, c->input.buffer, from, offset, 1, 1, 1);
    const LoopExpr *input = loop_let(b, "input", loop_splat(b, element, lanes));
    for (int v = first; v < last; v++) {
        Affine sum = tile_sum(tile, row.at, column.at, affine(v));
        const LoopExpr *weight = loop_reg(b, tile->weights, affine(v));
        loop_assign(b, tile->sums, sum, loop_op(b, EXPR_FMA, c->sum, input, weight, loop_reg(b, tile->sums, sum)));
    }
    loop_end(b, column);
    loop_end(b, row);
}

static void reduce_sparse(const Tile *tile)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = &c->lowering->builder;
    Affine group = affine_divide(tile->channels.panel, c->abreast);
    const LoopExpr *first = loop_let(b, "first", loop_load(b, c->starts, group, 1, 1, 1));
    const LoopExpr *limit = loop_let(b, "limit", loop_load(b, c->starts, affine_plus(group, 1), 1, 1, 1));
    LoopScope step = loop_for_table(b, "step", first, limit);
    for (int a = 0; a * c->panel < tile->channels.vectors * c->lanes; a++)
        add_block(tile, affine_plus(affine_scale(step.at, c->abreast), a), a);
    loop_end(b, step);
}

void lower_sparse(Lowering *lowering)
{
    Contract c = contract_new(lowering);
    open_tables(&c);
    c.reduce = reduce_sparse;
    contract_cover(&c);
    Value weight = lowering->group.anchor->inputs[1];
    const Place *place = &weight.node->places[weight.slot];
    double pixels = (double)(c.batch * c.height * c.width);
    lowering->builder.function->multiply_adds = pixels * (double)(place->steps * place->abreast * place->panel);
}
