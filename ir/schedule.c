#include "ir/schedule.h"

#include "ir/packing.h"

const char *const variant_names[] = {
#define VARIANT(id, name, doc) #name,
#include "ir/variants.def"
    NULL};

const char *const split_names[] = {"outer", "channels", "rows", "columns", NULL};

const AttrTable schedule_attrs = ATTRS(
    Schedule, ATTR(Schedule, variant, .kind = ATTR_ENUM, .words = variant_names, .doc = "which code the group becomes"),
    ATTR(Schedule, lanes, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 64, .doc = "f32 elements of a vector"),
    ATTR(Schedule, tile_rows, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 64,
         .doc = "output rows held in registers, before pooling"),
    ATTR(Schedule, tile_columns, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 64,
         .doc = "output pixels of a row held in registers"),
    ATTR(Schedule, tile_vectors, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 64,
         .doc = "vectors of output channels held in registers"),
    ATTR(Schedule, unroll, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 1024,
         .doc = "steps of the innermost reduction loop written out"),
    ATTR(Schedule, strip_rows, .kind = ATTR_INT, .low = 0, .high = 1 << 20,
         .doc = "rows of tiles that go through scratch together"),
    ATTR(Schedule, strip_columns, .kind = ATTR_INT, .low = 0, .high = 1 << 20,
         .doc = "tiles of a row that go through scratch together"),
    ATTR(Schedule, panel, .kind = ATTR_INT, .low = 0, .high = 64,
         .doc = "output channels that lie together in packed weights, 0 not packed"),
    ATTR(Schedule, products, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 16,
         .doc = "products that one step adds to each sum"),
    ATTR(Schedule, reciprocal, .kind = ATTR_BOOL, .doc = "a row is multiplied by what it would be divided by, once"),
    ATTR(Schedule, prefetch, .kind = ATTR_INT, .low = 0, .high = 1 << 20,
         .doc = "bytes ahead that packed weights are fetched"),
    ATTR(Schedule, threads, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 1024,
         .doc = "parts that run side by side when there is a pool"),
    ATTR(Schedule, split, .kind = ATTR_ENUM, .words = split_names, .doc = "the axis that is cut into parts"),
    ATTR(Schedule, scratch, .kind = ATTR_INT, .low = 0, .high = (int64_t)1 << 40,
         .doc = "bytes of the arena that each part needs while the group runs"),
    ATTR(Schedule, scratch_offset, .kind = ATTR_INT, .low = 0, .high = (int64_t)1 << 40,
         .doc = "where the parts' scratch begins in the arena, once planned"),
    ATTR(Schedule, cost, .kind = ATTR_FLOAT, .doc = "predicted cycles"),
    ATTR(Schedule, fixed, .kind = ATTR_BOOL, .doc = "written down by somebody: no pass changes it"));

static bool is_anchor(OpKind kind)
{
    return kind == KIND_CONTRACT || kind == KIND_WINDOW || kind == KIND_PIECES || kind == KIND_REDUCE ||
           kind == KIND_ROW || kind == KIND_NEST || kind == KIND_SCATTER || kind == KIND_PREFIX || kind == KIND_SIZE;
}

Group group_of(const Node *node)
{
    Group group = {.node = node, .body = node->regions[0], .kind = KIND_MAP};
    if (group.body->first && group.body->first->op == OP_group) group.kind = KIND_GROUP;
    for (const Node *inner = group.body->first; inner; inner = inner->next) {
        OpKind kind = node_def(inner)->kind;
        if (!is_anchor(kind) || group.kind == KIND_GROUP) continue;
        if (!group.anchor) {
            group.anchor = inner;
            group.kind = kind;
        } else if (kind == KIND_WINDOW && group.kind == KIND_CONTRACT) {
            group.pool = inner;
        }
    }
    return group;
}

bool group_is_inside(const Group *group, Value value) { return value.node->graph == group->body; }

bool contraction_is_image(const Contraction *c, const Node *anchor)
{
    const Type *type = &anchor->types[0];
    return !c->batched_weight && type->rank == 4 && type->dim[0].high == c->batch &&
           type->dim[1].high == c->out_height && type->dim[2].high == c->out_width &&
           type->dim[3].high == c->out_channels;
}

bool contraction_row_has_one(const Type *type, const Type *result)
{
    bool rows = type->rank == result->rank && type->rank > 1 && type->dim[type->rank - 1].high == 1;
    for (int axis = 0; rows && axis + 1 < type->rank; axis++) rows = dim_equal(&type->dim[axis], &result->dim[axis]);
    return rows;
}

/* Those of a product with a vector have no other axis than their rows. */
bool contraction_reads_beside(const Node *anchor, const Type *type)
{
    Contraction c;
    const Type *result = &anchor->types[0];
    bool column = value_type(anchor->inputs[1])->rank == 1;
    node_def(anchor)->contract(anchor, &c);
    if (contraction_is_image(&c, anchor) || type_same_shape(type, result)) return true;
    if (!column && (result->rank <= 2 || contraction_row_has_one(type, result))) return true;
    for (int axis = 0; axis + !column < type->rank; axis++)
        if (type->dim[axis].high != 1) return false;
    return true;
}

bool contraction_has_row_runs(const Contraction *c, const Node *anchor)
{
    const Window *w = &c->window;
    return contraction_is_image(c, anchor) && w->groups == 1 && w->kernel[1] > 1 && w->dilation[1] == 1;
}

/* Is it written into the weights' section, in whatever order its reader wants? */
static bool is_known(Value value)
{
    return value.node && (value.node->op == OP_param || value.node->op == OP_constant);
}

/* Whether the code of the group's schedule reads the operand in an order of its own.  A bias that is computed lies as
 * any other tensor. */
static bool is_packed_operand(const Group *group, const Node *inner, int operand, Contraction *c)
{
    if (inner != group->anchor) return false;
    if (group->kind == KIND_NEST)
        return group->node->schedule->panel && node_def(inner)->packing && node_def(inner)->packing(inner, operand);
    if (group->kind != KIND_CONTRACT) return false;
    node_def(inner)->contract(inner, c);
    return operand == 1 || (operand == c->bias && is_known(inner->inputs[operand]));
}

int64_t group_panel(const Group *group, const Node *inner, int operand)
{
    Contraction c = {.bias = -1};
    return is_packed_operand(group, inner, operand, &c) ? group->node->schedule->panel : 0;
}

int group_packing(const Group *group, const Node *inner, int operand)
{
    Contraction c = {.bias = -1};
    const Schedule *s = group->node->schedule;
    if (s->variant == VARIANT_SPARSE && operand == 1 && inner == group->anchor) return PACKING_SPARSE;
    if (!is_packed_operand(group, inner, operand, &c)) return PACKING_PLAIN;
    if (group->kind == KIND_NEST) return node_def(inner)->packing(inner, operand);
    if (operand != 1) return PACKING_PLAIN;
    if (s->variant == VARIANT_WINOGRAD2) return PACKING_WINOGRAD2;
    if (s->variant == VARIANT_WINOGRAD4) return PACKING_WINOGRAD4;
    if (s->variant != VARIANT_DOT) return PACKING_PLAIN;
    return (int)packing_for_dot(s->products, contraction_has_row_runs(&c, inner));
}
