/* Groups that go over rows: reductions of the same rows one behind the other or side by side, and what is element-wise
 * between and behind them.  A layer norm that is written down is one, and so is a softmax. */
#include "ir/sweeps.h"
#include "passes/fusion.h"

#include <string.h>

enum { MOST_VISITS = 64 };

typedef struct RowShape {
    Type type; /* of what is reduced */
    bool axis[MAX_RANK];
} RowShape;

static RowShape shape_of(const Node *reduction)
{
    RowShape shape = {.type = *value_type(reduction->inputs[0])};
    Reduction r;
    node_def(reduction)->reduce(reduction, &r);
    memcpy(shape.axis, r.axis, sizeof shape.axis);
    return shape;
}

const char *fusion_row_misfit(const Node *reduction)
{
    RowShape shape = shape_of(reduction);
    int64_t elements = 1;
    int runs = 0;
    bool before = false;
    for (int axis = 0; axis < shape.type.rank; axis++) {
        const Dim *dim = &shape.type.dim[axis];
        if (dim->high == 1) continue;
        if (shape.axis[axis] && !dim_is_fixed(dim)) return "its rows end when the code runs";
        if (shape.axis[axis]) elements *= dim->high;
        runs += shape.axis[axis] && !before;
        before = shape.axis[axis];
    }
    if (runs != 1) return "its rows are of axes that are no neighbours";
    bool fits = dtype_bytes(shape.type.dtype, elements) <= MOST_ROW_BYTES;
    return fits ? NULL : "its rows are too long to stay in a cache until they are read again";
}

/* A reduction that `result` is made of, through element-wise work, and which has its shape or reduces something of its
 * shape; -1 when there is none near. */
static int find_reduction(Fusion *f, int result)
{
    int from = f->count, found = -1;
    f->members[f->count++] = result;
    for (int m = from; m < f->count && found < 0; m++)
        for (int i = 0; i < f->index->node[f->members[m]]->ninputs && found < 0; i++) {
            int p = fusion_operand(f, f->members[m], i);
            if (p < 0 || f->group[p] != FUSION_FREE) continue;
            OpKind kind = fusion_kind(f, p);
            bool known = false;
            for (int k = from; k < f->count; k++) known |= f->members[k] == p;
            if (kind == KIND_MAP && !known && f->count - from < MOST_VISITS) f->members[f->count++] = p;
            const Type *type = fusion_type(f, result);
            bool fits = kind == KIND_REDUCE && (type_same_shape(fusion_type(f, p), type) ||
                                                type_same_shape(value_type(f->index->node[p]->inputs[0]), type));
            if (fits) found = p;
        }
    f->count = from;
    return found;
}

static bool has_row_shape(const RowShape *shape, const Type *type)
{
    return !type_same_shape(type, &shape->type) && sweeps_is_row_shape(&shape->type, shape->axis, type);
}

/* May `p`, an operand of `member`, be computed in the group? */
static bool may_join(const Fusion *f, const RowShape *shape, int member, int p)
{
    OpKind kind = fusion_kind(f, p);
    const Type *type = fusion_type(f, p), *own = fusion_type(f, member);
    if (kind != KIND_MAP && kind != KIND_REDUCE) return false;
    if (kind == KIND_REDUCE) {
        RowShape other = shape_of(f->index->node[p]);
        if (!type_same_shape(&other.type, &shape->type) || memcmp(other.axis, shape->axis, sizeof other.axis) != 0)
            return false;
    }
    bool row = kind == KIND_REDUCE || has_row_shape(shape, type);
    if (fusion_kind(f, member) == KIND_REDUCE) return !row && type_same_shape(type, &shape->type);
    if (has_row_shape(shape, own)) return row && type_same_shape(type, own);
    return row ? sweeps_row_meets(&shape->type, shape->axis, type) : type_same_shape(type, &shape->type);
}

static void grow(Fusion *f, const RowShape *shape, int g)
{
    for (int m = 0; m < f->count; m++)
        for (int i = 0; i < f->index->node[f->members[m]]->ninputs; i++) {
            int p = fusion_operand(f, f->members[m], i);
            if (p >= 0 && may_join(f, shape, f->members[m], p) && fusion_is_private(f, p, g)) fusion_join(f, p, g);
        }
}

/* Gives up what needs no reduction of the group; how many of those there are. */
static int keep_dependents(Fusion *f, int g)
{
    int kept = 0, reductions = 0;
    fusion_sort(f, 0);
    for (int m = 0; m < f->count; m++) {
        int member = f->members[m];
        bool depends = fusion_kind(f, member) == KIND_REDUCE;
        reductions += depends;
        for (int i = 0; i < f->index->node[member]->ninputs; i++) {
            int p = fusion_operand(f, member, i);
            depends = depends || (p >= 0 && f->group[p] == g && f->depends[p]);
        }
        f->depends[member] = depends;
    }
    for (int m = 0; m < f->count; m++) {
        int member = f->members[m];
        if (f->depends[member] || member == g)
            f->members[kept++] = member;
        else
            f->group[member] = FUSION_FREE;
    }
    f->count = kept;
    return f->depends[g] ? reductions : 0;
}

static void only_result(Fusion *f, int result)
{
    fusion_release(f, 0);
    fusion_join(f, result, result);
}

bool fusion_absorb_rows(Fusion *f, int result, Type *type)
{
    int reduction = fusion_kind(f, result) == KIND_REDUCE ? result : find_reduction(f, result);
    if (reduction < 0) return false;
    if (fusion_row_misfit(f->index->node[reduction])) return false;
    RowShape shape = shape_of(f->index->node[reduction]);
    grow(f, &shape, result);
    int reductions = keep_dependents(f, result);
    bool writes = type_same_shape(fusion_type(f, result), &shape.type);
    if (reductions < (writes ? 1 : 2)) {
        only_result(f, result);
        return false;
    }
    *type = shape.type;
    return true;
}
