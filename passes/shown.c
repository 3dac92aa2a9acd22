#include "passes/shown.h"

Value shown_stored(const Shown *shown) { return shown->dequantize->inputs[0]; }
Value shown_scale(const Shown *shown) { return shown->dequantize->inputs[1]; }
int64_t shown_zero(const Shown *shown) { return ((const DequantizeAttrs *)shown->dequantize->attrs)->zero; }
bool shown_has_one_scale(const Shown *shown) { return type_elements(value_type(shown_scale(shown))) == 1; }

bool shown_find(Value value, Shown *out)
{
    const Node *node = value.node;
    if (!node) return false;
    for (out->views = 0; node_def(node)->kind == KIND_VIEW && node->ninputs == 1; node = node->inputs[0].node) {
        if (out->views == SHOWN_MOST_VIEWS) return false;
        out->view[out->views++] = node;
    }
    out->dequantize = node;
    if (node->op != OP_dequantize || node->types[0].dtype != F32) return false;
    Dtype dtype = value_type(node->inputs[0])->dtype;
    return dtype == I8 || dtype == U8;
}

/* The only axis of the scale that is longer than 1; -1 when there is none, -2 when there are several. */
static int axis_of_scale(const Shown *shown)
{
    Value scale = shown_scale(shown);
    const Type *type = value_type(scale);
    int found = -1, missing = shown->dequantize->types[0].rank - type->rank;
    for (int axis = 0; axis < type->rank; axis++)
        if (type->dim[axis].high != 1) found = found == -1 ? missing + axis : -2;
    return found;
}

/* Which axis of what the views show is this one of what they are of; -1 when none is. */
static int axis_shown(const Shown *shown, int axis)
{
    for (int i = shown->views; i-- > 0 && axis >= 0;) {
        const Node *view = shown->view[i];
        IndexMap map;
        if (!node_def(view)->view(view, &map) || map.linear || map.offset[axis]) return -1;
        int next = -1;
        for (int r = 0; r < view->types[0].rank; r++)
            if (map.stride[axis][r]) next = next == -1 && map.stride[axis][r] == 1 ? r : -2;
        if (next < 0 || view->types[0].dim[next].high != value_type(view->inputs[0])->dim[axis].high) return -1;
        axis = next;
    }
    return axis;
}

int shown_axis_of_scale(const Shown *shown)
{
    int axis = axis_of_scale(shown);
    if (axis < 0) return axis;
    int seen = axis_shown(shown, axis);
    return seen < 0 ? -2 : seen;
}

Value shown_views_of(const Maker *m, const Shown *shown, Value stored)
{
    for (int i = shown->views; stored.node && i-- > 0;)
        stored = make(m, shown->view[i]->op, shown->view[i]->attrs, 1, &stored);
    return stored;
}
