/* Transposes with reshapes between, as shuffles and windows are made of. */
#include "tests/differential/draw.h"

/* The step's index, -1 when it does not fit. */
static int add(Drawer *d, Op op, int from, void *attrs)
{
    Step step = {.op = op, .ninputs = 1, .inputs = {from}, .attrs = attrs};
    if (d->program->count > MOST_STEPS - 4) return -1;
    return draw_add(d, &step) ? d->program->count - 1 : -1;
}

static int draw_transpose(Drawer *d, int from)
{
    TransposeAttrs *attrs = arena_alloc(d->program->arena, sizeof *attrs);
    *attrs = (TransposeAttrs){.permute = {.count = draw_type_of(d, from)->rank}};
    for (int i = 0; i < attrs->permute.count; i++) {
        int k = random_below(&d->random, i + 1); /* each order as often as any other */
        attrs->permute.at[i] = attrs->permute.at[k];
        attrs->permute.at[k] = i;
    }
    return add(d, OP_transpose, from, attrs);
}

/* Some factor of a size, 1 and itself among them. */
static int64_t draw_factor(Random *r, int64_t size)
{
    int64_t factor = random_between(r, 1, size);
    while (size % factor) factor--;
    return factor;
}

/* An axis parted in two, or two neighbours joined. */
static int draw_reshape(Drawer *d, int from)
{
    const Type *type = draw_type_of(d, from);
    ReshapeAttrs *attrs = arena_alloc(d->program->arena, sizeof *attrs);
    int at = random_below(&d->random, type->rank);
    bool joins = type->rank > 5 || (at + 1 < type->rank && random_percent(&d->random, 50));
    *attrs = (ReshapeAttrs){.shape = {0}};
    if (joins && at + 1 == type->rank) at--;
    for (int i = 0; i < type->rank; i++) {
        int64_t size = type->dim[i].high, factor = i == at && !joins ? draw_factor(&d->random, size) : 1;
        if (joins && i == at) size *= type->dim[++i].high;
        if (i == at && !joins) attrs->shape.at[attrs->shape.count++] = factor;
        attrs->shape.at[attrs->shape.count++] = size / factor;
    }
    return add(d, OP_reshape, from, attrs);
}

bool draw_views(Drawer *d)
{
    int before = d->program->count, at = draw_value(d);
    const Type *type = draw_type_of(d, at);
    bool fits = type->rank >= 2 && type->rank <= 5 && type_is_fixed(type) && !type_is_empty(type);
    if (!fits || before > MOST_STEPS - 20) return false;
    int64_t steps = random_between(&d->random, 2, 4);
    at = draw_transpose(d, at);
    for (; steps > 0 && at >= 0; steps--) {
        int next = draw_reshape(d, at);
        if (next >= 0 && random_percent(&d->random, 30)) next = draw_reshape(d, next);
        at = next >= 0 ? draw_transpose(d, next) : -1;
    }
    return d->program->count > before;
}
