#include "ir/verify.h"

#include "ir/packing_sparse.h"
#include "ir/sweeps.h"
#include "ir/winograd.h"

/* What is unrolled into code: sums of a tile, and those times the steps written out. */
enum { MAX_LANES = 64, MAX_SUMS = 256, MAX_UNROLLED = 65536 };

static bool misfit(const Node *node, Diag *diag, const char *why)
{
    return diag_error(diag, E0605, node_span(node), "the schedule of `%s` does not fit: %s", node->name, why);
}

static bool check_ranges(const Node *node, Diag *diag)
{
    const Schedule *s = node->schedule;
    if (s->lanes < 1 || s->lanes > MAX_LANES || s->lanes & (s->lanes - 1))
        return misfit(node, diag, "lanes is no power of two up to 64");
    const int64_t positive[] = {s->tile_rows, s->tile_columns, s->tile_vectors, s->unroll};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (positive[i] < 1 || positive[i] > MAX_UNROLLED)
            return misfit(node, diag, "a tile or unroll is not from 1 to 65536");
    if (s->variant < 0 || s->variant >= VARIANT_COUNT) return misfit(node, diag, "there is no such variant");
    if (s->split < SPLIT_OUTER || s->split > SPLIT_COLUMNS) return misfit(node, diag, "there is no such split");
    if (s->threads < 1 || s->scratch < 0 || s->scratch % 64)
        return misfit(node, diag, "threads or scratch are out of range");
    if (s->panel < 0 || s->prefetch < 0) return misfit(node, diag, "a size is negative");
    return true;
}

/* A tile of channels lies within a panel, or is some whole panels. */
static bool check_panel(const Node *node, Diag *diag)
{
    const Schedule *s = node->schedule;
    int64_t width = s->tile_vectors * s->lanes;
    if (!s->panel) return true;
    if (s->panel % s->lanes) return misfit(node, diag, "panel is no multiple of lanes");
    if (s->panel % width && width % s->panel)
        return misfit(node, diag, "neither panel nor tile_vectors times lanes is a multiple of the other");
    return true;
}

static bool check_tile(const Group *group, Diag *diag)
{
    const Node *node = group->node;
    const Schedule *s = node->schedule;
    int64_t sums = s->tile_rows * s->tile_columns;
    sums = sums > MAX_SUMS ? sums : sums * s->tile_vectors;
    if (sums > MAX_SUMS || sums * s->unroll > MAX_UNROLLED)
        return misfit(node, diag, "the tile holds over 256 vectors of sums, or 65536 with the steps that are unrolled");
    if (!group->pool) return check_panel(node, diag);
    Pooling pooling = {.mean = false};
    node_def(group->pool)->pool(group->pool, &pooling);
    const int64_t *window = pooling.window.kernel;
    if (s->tile_rows % window[0] || s->tile_columns % window[1])
        return misfit(node, diag, "the tile is no multiple of the pooling window");
    return check_panel(node, diag);
}

static bool is_byte(Value value)
{
    Dtype dtype = value_type(value)->dtype;
    return dtype == U8 || dtype == I8;
}

/* Dot products are of bytes, with weights that could be packed for them. */
static bool check_products(const Group *group, Diag *diag)
{
    const Schedule *s = group->node->schedule;
    if (s->variant != VARIANT_DOT)
        return s->products == 1 || misfit(group->node, diag, "only the variant dot has products other than 1");
    if (group->kind != KIND_CONTRACT) return misfit(group->node, diag, "the variant dot is for contractions");
    Contraction c;
    const Node *weight = group->anchor->inputs[1].node;
    node_def(group->anchor)->contract(group->anchor, &c);
    bool constant = (weight->op == OP_param || weight->op == OP_constant) && !c.batched_weight;
    bool bytes = is_byte(group->anchor->inputs[0]) && is_byte(group->anchor->inputs[1]);
    bool matrix = value_type(group->anchor->inputs[1])->rank >= 2;
    if (!constant || !matrix || !bytes || c.window.groups != 1)
        return misfit(group->node, diag,
                      "the variant dot multiplies 8-bit operands, of which one is a constant matrix");
    if ((s->products != 2 && s->products != 4 && s->products != 16) || !s->panel)
        return misfit(group->node, diag, "the variant dot has a panel, and products of 2, 4 or 16");
    int64_t sums = s->tile_rows * s->tile_columns * s->tile_vectors;
    if (s->products == 16 && sums <= MAX_SUMS && sums * s->lanes > MAX_SUMS)
        return misfit(group->node, diag, "the tile holds over 256 sums");
    return true;
}

/* Zeros are skipped where the weights are known, in whole panels. */
static bool check_sparse(const Group *group, Diag *diag)
{
    const Node *node = group->node;
    const Schedule *s = node->schedule;
    if (group->kind != KIND_CONTRACT) return misfit(node, diag, "only contractions are sparse");
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    Value input = group->anchor->inputs[0], weight = group->anchor->inputs[1];
    if (c.window.groups != 1 || c.batched_weight || value_type(input)->dtype != F32 || !sparse_can_hold(weight))
        return misfit(node, diag, "sparse wants one group of f32 weights that are known");
    if (!s->panel || s->tile_vectors * s->lanes % s->panel || s->tile_vectors * s->lanes / s->panel > MAX_LANES)
        return misfit(node, diag, "sparse wants tile_vectors times lanes to be some whole panels");
    return true;
}

/* Four gates for each vector of a tile at most. */
static bool check_nest(const Group *group, Diag *diag)
{
    const Schedule *s = group->node->schedule;
    if (s->tile_columns > MAX_SUMS || s->tile_vectors > MAX_SUMS || s->unroll > MAX_SUMS ||
        4 * s->tile_columns * s->tile_vectors > MAX_SUMS)
        return misfit(group->node, diag, "the tile holds over 256 vectors of sums");
    return check_panel(group->node, diag);
}

/* Elements of rows that are kept lie in scratch. */
static bool check_sweeps(const Group *group, Diag *diag)
{
    const Schedule *s = group->node->schedule;
    Arena *arena = arena_child(group->body->arena);
    Sweeps sweeps;
    const char *why;
    bool fits = sweeps_of(arena, group, s->lanes, &sweeps, &why) && s->scratch == sweeps.scratch;
    arena_free(arena);
    return fits || misfit(group->node, diag, "scratch is not what its rows take");
}

/* Scratch is exactly what the strips take; nests of an operator's own have theirs, whatever else has none. */
static bool check_strips(const Group *group, Diag *diag)
{
    const Node *node = group->node;
    const Schedule *s = node->schedule;
    int64_t outputs = winograd_outputs(s->variant);
    if (!outputs && group->kind == KIND_NEST) return true;
    if (!outputs && group->kind == KIND_REDUCE) return check_sweeps(group, diag);
    if (!outputs) return !s->scratch || misfit(node, diag, "its variant has no use for scratch");
    if (!winograd_fits(group, outputs)) return misfit(node, diag, "its variant is for other convolutions");
    Winograd w = winograd_of(group, outputs, 1, 1);
    if (s->strip_rows < 1 || s->strip_columns < 1 || s->strip_rows > w.tiles[0] || s->strip_columns > w.tiles[1])
        return misfit(node, diag, "a strip is empty or larger than the image");
    if (!s->panel || s->tile_rows != 1) return misfit(node, diag, "its weights are packed and its tiles are one row");
    if (s->tile_columns * s->tile_vectors > MAX_SUMS || s->tile_columns * s->tile_vectors * s->unroll > MAX_UNROLLED)
        return misfit(node, diag, "the tile holds over 256 vectors of sums, or 65536 with the steps that are unrolled");
    w = winograd_of(group, outputs, s->strip_rows, s->strip_columns);
    if (s->scratch != w.scratch) return misfit(node, diag, "scratch is not what its strips take");
    return check_panel(node, diag);
}

bool verify_schedule(const Node *node, Diag *diag)
{
    Group group = group_of(node);
    if (group.kind == KIND_GROUP) return check_ranges(node, diag) && check_products(&group, diag);
    if (node->nresults != 1 && group.kind != KIND_NEST)
        return misfit(node, diag, "code is made of groups of one result");
    if (!check_ranges(node, diag) || !check_products(&group, diag) || !check_strips(&group, diag)) return false;
    if (node->schedule->variant == VARIANT_SPARSE && !check_sparse(&group, diag)) return false;
    if (group.kind == KIND_NEST) return check_nest(&group, diag);
    bool tiled = group.kind == KIND_CONTRACT && !winograd_outputs(node->schedule->variant);
    return !tiled || check_tile(&group, diag);
}

static bool lies_as_wanted(const Group *group, const Node *node, int operand, const Place *place)
{
    int packing = group_packing(group, node, operand);
    if (place->panel != group_panel(group, node, operand) || place->packing != packing) return false;
    return packing != PACKING_SPARSE || sparse_place_fits(group, place);
}

/* Padding is read from around the first operand; whether there is room for it is what loop_verify finds. */
static bool check_ring(const Group *group, Diag *diag)
{
    Contraction c = {.pad_value = 0};
    if (group->kind != KIND_CONTRACT) return true;
    node_def(group->anchor)->contract(group->anchor, &c);
    Value input = group->anchor->inputs[0];
    const Place *place = input.node->places ? &input.node->places[input.slot] : NULL;
    const int64_t *begin = c.window.pad_begin, *end = c.window.pad_end;
    bool padded = begin[0] > 0 || begin[1] > 0 || end[0] > 0 || end[1] > 0;
    if (padded && place && place->part)
        return diag_error(diag, E0605, node_span(input.node),
                          "`%s` lies inside another value's buffer: there is no room for the padding that `%s` reads",
                          input.node->name, group->anchor->name);
    if (!padded || !place || !place_has_halo(place) || place->ring == c.pad_value) return true;
    return diag_error(diag, E0605, node_span(input.node), "`%s` has another ring than the padding that `%s` reads",
                      input.node->name, group->anchor->name);
}

bool verify_panels(const Node *node, Diag *diag)
{
    Group group = group_of(node);
    bool good = check_ring(&group, diag);
    for (const Node *inner = group.body->first; inner; inner = inner->next)
        for (int i = 0; i < inner->ninputs; i++) {
            Value value = inner->inputs[i];
            if (!value.node || group_is_inside(&group, value) || !value.node->places) continue;
            const Place *place = &value.node->places[value.slot];
            if (place->space == SPACE_NONE || lies_as_wanted(&group, inner, i, place)) continue;
            good = diag_error(diag, E0605, node_span(value.node),
                              "`%s` lies in panels other than those that `%s` reads", value.node->name, inner->name);
        }
    return good;
}
