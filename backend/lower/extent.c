/* Sizes as variables of a loop nest, and what follows from them. */
#include "backend/lower/nest.h"
#include "ir/bounded.h"

#include <assert.h>

Extent extent_of(int64_t size) { return (Extent){.most = size, .actual = affine(size)}; }

static int64_t floor_of(int64_t a, int64_t b) { return a / b - (a % b < 0); }

Extent lower_extent(Lowering *lowering, const Dim *dim)
{
    const Graph *graph = lowering->group.node->graph;
    int number = graph_dim(graph, dim);
    Extent extent = extent_of(dim->high);
    if (dim_is_fixed(dim)) return extent;
    assert(number >= 0);
    const Dim *declared = &graph_root(graph)->dims[number];
    bool divided = dim->factor && dim->divisor != 1;
    int64_t whole = divided ? 0 : dim->base;
    LoopSize size = {.dim = number, .factor = 1, .divisor = 1, .low = declared->low, .high = declared->high};
    if (divided) {
        /* of those that are some whole number apart one is the variable, so that differences are numbers */
        size = (LoopSize){.dim = number, .factor = dim->factor, .divisor = dim->divisor};
        if (dim->factor > 0) whole = floor_of(dim->base, dim->divisor);
        size.base = dim->base - whole * dim->divisor;
        size.low = dim->low - whole;
        size.high = dim->high - whole;
    }
    extent.bounded = true;
    extent.actual =
        affine_of(loop_size(&lowering->builder, dim->name, &size), dim->factor && !divided ? dim->factor : 1);
    extent.actual = affine_plus(extent.actual, whole);
    return extent;
}

Extent extent_times(const Extent *extent, int64_t times)
{
    return (Extent){extent->most * times, extent->bounded, affine_scale(extent->actual, times)};
}

Extent lower_extent_of_axes(Lowering *lowering, const Type *type, int first, int last)
{
    Extent all = extent_of(1);
    for (int axis = first; axis < last; axis++) {
        const Dim *dim = &type->dim[axis];
        assert(dim_is_fixed(dim) || all.most == 1);
        Extent one = lower_extent(lowering, dim);
        all = dim_is_fixed(dim) ? extent_times(&all, dim->high) : one;
    }
    return all;
}

static void declare_sizes_of(Lowering *lowering, const Type *type)
{
    for (int axis = 0; axis < type->rank; axis++) lower_extent(lowering, &type->dim[axis]);
}

static void declare_extents(Lowering *lowering, const Node *node)
{
    const ExtentAttrs *attrs = node->op == OP_extent ? node->attrs : NULL;
    for (int i = 0; attrs && attrs->of_dims && i < attrs->of.count; i++) lower_extent(lowering, &attrs->of_dims[i]);
}

/* With the size that a divided one is of: that tells them apart. */
static void declare_number(Lowering *lowering, const SizedNumber *number)
{
    const Graph *graph = lowering->group.node->graph;
    if (!number->factor) return;
    lower_extent(lowering, &graph_root(graph)->dims[graph_dim(graph, &number->size)]);
    nest_number(lowering, number);
}

/* What index maps begin at. */
static void declare_offsets(Lowering *lowering, const Node *node)
{
    Dim begin[MAX_RANK], size[MAX_RANK];
    SizedNumber offset[MAX_RANK];
    IndexMap map;
    Piece piece;
    const OpDef *def = node_def(node);
    if (!node_is_bounded(node)) return;
    bool view = def->kind == KIND_VIEW && def->view(node, &map) && !map.linear && node_view_offsets(node, offset);
    for (int axis = 0; view && axis < MAX_RANK; axis++) declare_number(lowering, &offset[axis]);
    for (int64_t i = 0; def->kind == KIND_PIECES && def->piece(node, i, &piece); i++) {
        bool known = node_piece_dims(node, i, begin, size, offset);
        for (int axis = 0; known && axis < MAX_RANK; axis++) {
            lower_extent(lowering, &begin[axis]);
            lower_extent(lowering, &size[axis]);
            declare_number(lowering, &offset[axis]);
        }
    }
}

void lower_declare_sizes(Lowering *lowering, const Graph *body)
{
    for (const Node *node = body->first; node; node = node->next) {
        for (int i = 0; i < node->ninputs; i++)
            if (node->inputs[i].node) declare_sizes_of(lowering, value_type(node->inputs[i]));
        for (int i = 0; i < node->nresults; i++) declare_sizes_of(lowering, &node->types[i]);
        declare_extents(lowering, node);
        declare_offsets(lowering, node);
        for (int i = 0; i < node->nregions; i++) lower_declare_sizes(lowering, node->regions[i]);
    }
}
