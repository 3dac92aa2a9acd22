#include "ir/strips.h"

enum { ALIGN = 64, SLACK = 64, MAX_PARTIAL = 4, MAX_SPAN = 4096 };

bool group_is_strips(const Node *node)
{
    return node->op == OP_group && node->regions[0]->first && node->regions[0]->first->op == OP_group;
}

/* ---- groups ---- */

static Node *leaf_from(const Node *node)
{
    for (; node; node = node->next) {
        if (node->op != OP_group) continue;
        return group_is_strips(node) ? node->regions[0]->first : (Node *)node;
    }
    return NULL;
}

Node *leaf_first(const Graph *graph) { return leaf_from(graph->first); }

Node *leaf_next(const Node *leaf)
{
    const Node *owner = leaf->graph->owner;
    if (!owner || node_def(owner)->kind != KIND_GROUP) return leaf_from(leaf->next);
    return leaf->next ? leaf->next : leaf_from(owner->next);
}

/* ---- which groups fit ---- */

/* Element-wise work has the sizes of its result. */
static Contraction shape_of(const Group *group)
{
    Contraction c = {.bias = -1, .window = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .groups = 1}};
    const Dim *dim = group->node->types[0].dim;
    c.batch = dim[0].high;
    c.in_height = c.out_height = dim[1].high;
    c.in_width = c.out_width = dim[2].high;
    c.in_channels = c.out_channels = dim[3].high;
    if (group->kind == KIND_MAP) return c;
    node_def(group->anchor)->contract(group->anchor, &c);
    return c;
}

/* Pixels that a window spans along an axis. */
static int64_t span(const Window *w, int axis) { return (w->kernel[axis] - 1) * w->dilation[axis] + 1; }

/* Rows or columns behind the image that the last window reads, perhaps negative. */
static int64_t behind(const Contraction *c, int axis)
{
    int64_t in = axis ? c->in_width : c->in_height, out = axis ? c->out_width : c->out_height;
    return (out - 1) * c->window.stride[axis] + span(&c->window, axis) - in - c->window.pad_begin[axis];
}

static bool is_pointwise(const Contraction *c)
{
    const Window *w = &c->window;
    bool plain = w->kernel[0] == 1 && w->kernel[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1;
    return plain && !w->pad_begin[0] && !w->pad_begin[1] && !w->pad_end[0] && !w->pad_end[1];
}

/* Windows of neighbouring rows touch, what is above the image belongs to rows that are kept, and padding is less than
 * a window. */
static bool window_fits(const Contraction *c)
{
    const Window *w = &c->window;
    for (int axis = 0; axis < 2; axis++) {
        int64_t pixels = span(w, axis);
        if (pixels > MAX_SPAN || w->pad_begin[axis] < 0 || w->pad_begin[axis] >= pixels) return false;
        if (behind(c, axis) >= pixels) return false;
    }
    return span(w, 0) - w->stride[0] >= w->pad_begin[0];
}

static const char *misfit_of(const Group *members, int count)
{
    for (int i = 0; i < count; i++) {
        const Group *group = &members[i];
        const Type *result = &group->node->types[0];
        if (result->rank == 4 && (!dim_is_fixed(&result->dim[1]) || !dim_is_fixed(&result->dim[2])))
            return "strips are of images of one size";
        bool maps = group->kind == KIND_MAP && i == 0;
        if (maps && group->node->types[0].rank == 4) continue;
        if (group->kind != KIND_CONTRACT || group->pool) return "strips are of contractions, without a pooling";
        Contraction c = shape_of(group);
        if (!contraction_is_image(&c, group->anchor)) return "strips are of images";
        if (i && !value_equal(group->anchor->inputs[0], value_of((Node *)members[i - 1].node)))
            return "a member of strips does not read the one before";
        if (i == 1 && !window_fits(&c)) return "its second member's windows do not slide over rows that are kept";
        if (i > 1 && !is_pointwise(&c)) return "its last member is no 1x1 convolution of stride 1";
    }
    return NULL;
}

bool strips_fit(const Group *members, int count, const char **why)
{
    *why = count < 2 || count > STRIP_MEMBERS ? "strips have two or three members" : misfit_of(members, count);
    return !*why;
}

/* ---- sizes ---- */

int64_t strip_line(const StripValue *value) { return (value->left + value->width + value->right) * value->channels; }

/* What the member behind the value asks for. */
static StripValue value_for(const Strips *s, int i)
{
    const Contraction *c = &s->shape[i], *reader = &s->shape[i + 1];
    const Window *w = &reader->window;
    int64_t right = behind(reader, 1);
    StripValue value = {.rows = s->step[i],
                        .kept = span(w, 0) - w->stride[0],
                        .height = c->out_height,
                        .left = w->pad_begin[1],
                        .right = right > 0 ? right : 0,
                        .width = c->out_width,
                        .channels = c->out_channels,
                        .ring = reader->pad_value,
                        .dtype = s->member[i].node->types[0].dtype};
    value.first = value.kept - w->pad_begin[0];
    return value;
}

static int64_t value_bytes(const StripValue *value)
{
    int64_t elements = (value->kept + value->rows) * strip_line(value);
    return (dtype_bytes(value->dtype, elements) + SLACK + ALIGN - 1) / ALIGN * ALIGN;
}

Strips strips_of(const Group *members, int count, int64_t rows)
{
    Strips s = {.count = count, .rows = rows};
    for (int i = 0; i < count; i++) {
        s.member[i] = members[i];
        s.shape[i] = shape_of(&members[i]);
    }
    int64_t height = s.shape[count - 1].out_height;
    s.all = (height + rows - 1) / rows;
    s.whole = height / rows;
    s.step[count - 1] = rows;
    for (int i = count - 2; i >= 0; i--) s.step[i] = s.step[i + 1] * s.shape[i + 1].window.stride[0];
    for (int i = 0; i + 1 < count; i++) {
        StripValue *value = &s.value[i];
        *value = value_for(&s, i);
        value->offset = s.scratch;
        s.scratch += value_bytes(value);
        int64_t within = (value->height - value->first) / value->rows;
        if (within < s.whole) s.whole = within > 0 ? within : 0;
    }
    return s;
}

Strips strips_of_group(const Group *group)
{
    Group members[STRIP_MEMBERS];
    int count = 0;
    for (const Node *node = group->body->first; node && count < STRIP_MEMBERS; node = node->next)
        members[count++] = group_of(node);
    return strips_of(members, count, group->node->schedule->strip_rows);
}

/* As lowering cuts them: whole strips, as many in each part but the last. */
bool strips_may_part(const Strips *s, int64_t parts)
{
    int64_t each = (s->all + parts - 1) / parts, last = (s->all + each - 1) / each - 1;
    if (s->all - s->whole > MAX_PARTIAL) return false;
    if (last == 0) return true;
    for (int i = 0; i + 1 < s->count; i++) {
        const StripValue *value = &s->value[i];
        int64_t before = value->first - value->kept; /* of a part's first strip: where what it needs to have begins */
        if (each * value->rows + before < 0) return false;
        if (last * each * value->rows + value->first > value->height) return false;
    }
    return true;
}
