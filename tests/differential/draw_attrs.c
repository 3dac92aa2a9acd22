/* Attributes at random, by their rows.  Shapes, permutations and axes are drawn to fit the first operand; what does
 * not fit after all is refused by the operator, and drawn again. */
#include "tests/differential/program.h"

#include <string.h>

static int64_t draw_size(Random *r)
{
    static const int64_t sizes[] = {1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 32, 33, 40};
    return RANDOM_OF(r, sizes);
}

static void draw_permutation(Random *r, int count, IntList *out)
{
    out->count = count;
    for (int i = 0; i < count; i++) out->at[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int k = random_below(r, i + 1);
        int64_t kept = out->at[i];
        out->at[i] = out->at[k];
        out->at[k] = kept;
    }
}

/* Dims whose product is that of the operand's. */
static void draw_reshape(Random *r, const Type *type, IntList *out)
{
    int64_t left = type_elements(type);
    out->count = 0;
    while (left > 1 && out->count < 4 && random_percent(r, 85)) {
        int64_t dim = random_between(r, 1, left < 64 ? left : 64);
        while (left % dim) dim--;
        out->at[out->count++] = dim;
        left /= dim;
    }
    out->at[out->count++] = left;
}

static void draw_axes(Random *r, const Type *type, IntList *out)
{
    out->count = 0;
    for (int i = 0; i < type->rank; i++)
        if (random_percent(r, 40)) out->at[out->count++] = i;
}

/* One number for each of the first axes, inside them or at their ends. */
static void draw_places(Random *r, const Type *type, IntList *out)
{
    out->count = (int)random_between(r, 1, type->rank ? type->rank : 1);
    for (int i = 0; i < out->count; i++) {
        int64_t size = type->rank ? type->dim[i].high : 1;
        out->at[i] = random_percent(r, 50) ? random_between(r, 0, size) : random_between(r, 1, 3);
    }
}

/* The operand's shape with other sizes where it has 1, and perhaps more axes in front. */
static void draw_broadcast(Random *r, const Type *type, IntList *out)
{
    int more = type->rank < 4 && random_percent(r, 30) ? 1 : 0;
    out->count = type->rank + more;
    if (more) out->at[0] = random_between(r, 1, 4);
    for (int i = 0; i < type->rank; i++) {
        int64_t size = type->dim[i].high;
        out->at[i + more] = size == 1 ? random_between(r, 1, 9) : size;
    }
}

/* Each axis for itself, but for one or two. */
static void draw_sources(Random *r, const Type *type, IntList *out)
{
    out->count = type->rank;
    for (int i = 0; i < type->rank; i++) out->at[i] = i;
    for (int i = 0; i < 2 && type->rank; i++)
        if (!i || random_percent(r, 30)) out->at[random_below(r, type->rank)] = -1;
}

static void draw_ints(Random *r, const AttrDef *row, const Type *type, IntList *out)
{
    if (row->fixed) {
        bool same = random_percent(r, 60);
        out->count = row->fixed;
        for (int i = 0; i < row->fixed; i++)
            out->at[i] = i && same ? out->at[0] : random_between(r, row->low < row->high ? row->low : 0, 4);
        return;
    }
    if (row->low == -1) {
        draw_sources(r, type, out);
        return;
    }
    switch (random_below(r, 5)) {
    case 0: draw_permutation(r, type->rank, out); break;
    case 1: draw_reshape(r, type, out); break;
    case 2: draw_axes(r, type, out); break;
    case 3: draw_places(r, type, out); break;
    default: draw_broadcast(r, type, out); break;
    }
}

/* One for each axis, or the last, or some. */
static void draw_reals(Random *r, const Type *type, RealList *out)
{
    out->count = random_percent(r, 50) ? 1 + random_below(r, 4) : type->rank;
    for (int i = 0; i < out->count; i++) out->at[i] = (double)(float)random_real(r, 0, 3);
}

static void draw_pad(Random *r, Pad *out)
{
    out->mode = random_below(r, PAD_EXPLICIT + 1);
    out->sizes.count = out->mode == PAD_EXPLICIT ? 4 : 0;
    for (int i = 0; i < out->sizes.count; i++) out->sizes.at[i] = random_between(r, 0, 3);
}

/* Often as many as the operand has channels: groups and widths then make a depthwise layer. */
static int64_t draw_int(Random *r, const AttrDef *row, const Type *type)
{
    int64_t last = type->rank ? type->dim[type->rank - 1].high : 0;
    if (row->low > 0 && last >= row->low && random_percent(r, 25)) return last;
    if (row->low >= row->high) return random_percent(r, 30) ? random_between(r, -1, 3) : draw_size(r);
    int64_t high = row->high - row->low > 40 ? row->low + 40 : row->high;
    return random_percent(r, 50) ? row->low : random_between(r, row->low, high);
}

/* Letters for the operand's axes, for those of more operands like it, of its last axes or of matrices that it is
 * multiplied with, and some of them in any order for the result: an equation. */
static const char *draw_equation(Random *r, Arena *arena, const Type *type)
{
    char own[MAX_RANK + 1] = "", next = 'a', result[MAX_RANK + 1] = "";
    int used = 0;
    for (int i = 0; i < type->rank; i++) own[i] = i && random_percent(r, 10) ? own[i - 1] : next++;
    const char *text = arena_copy_string(arena, own);
    for (int more = random_below(r, 4) - 1; more > 0; more--) {
        char term[MAX_RANK + 1] = "";
        int dropped = random_percent(r, 30) ? random_below(r, type->rank + 1) : 0;
        memcpy(term, own + dropped, sizeof term - (size_t)dropped);
        if (!dropped && type->rank >= 2 && random_percent(r, 40)) {
            term[type->rank - 2] = own[type->rank - 1];
            term[type->rank - 1] = next++;
        }
        text = arena_printf(arena, "%s,%s", text, term);
    }
    if (random_percent(r, 20)) return text;
    for (char letter = 'a'; letter < next && used < MAX_RANK; letter++) {
        if (random_percent(r, 40)) continue;
        int at = random_below(r, used + 1);
        memmove(result + at + 1, result + at, (size_t)(used - at));
        result[at] = letter;
        used++;
    }
    return arena_printf(arena, "%s->%s", text, result);
}

static int count_words(const AttrDef *row)
{
    int count = 0;
    while (row->words[count]) count++;
    return count;
}

static void draw_attr(Random *r, Arena *arena, const AttrDef *row, const Type *type, void *attrs)
{
    static const Dtype bytes[] = {I8, U8};
    void *field = attr_field(row, attrs);
    switch (row->kind) {
    case ATTR_INT: *(int64_t *)field = draw_int(r, row, type); break;
    case ATTR_FLOAT: *(double *)field = (double)(float)random_real(r, -1, 3); break;
    case ATTR_BOOL: *(bool *)field = random_percent(r, 50); break;
    case ATTR_ENUM: *(int *)field = random_below(r, count_words(row)); break;
    case ATTR_STRING: *(const char **)field = draw_equation(r, arena, type); break;
    case ATTR_INTS: draw_ints(r, row, type, field); break;
    case ATTR_REALS: draw_reals(r, type, field); break;
    case ATTR_DTYPE:
        *(int *)field = random_percent(r, 50) ? random_below(r, DTYPE_COUNT) : (int)RANDOM_OF(r, bytes);
        break;
    case ATTR_PAD: draw_pad(r, field); break;
    case ATTR_INIT: *(Init *)field = init_of((InitKind)random_below(r, INIT_COUNT)); break;
    }
}

void attrs_draw(Random *r, Arena *arena, const AttrTable *table, const Type *type, void *attrs)
{
    attr_set_defaults(table, attrs);
    for (int i = 0; i < table->count; i++) {
        const AttrDef *row = &table->rows[i];
        int percent = row->flags & (ATTR_REQUIRED | ATTR_LAYER) ? 100 : 50;
        if (random_percent(r, percent)) draw_attr(r, arena, row, type, attrs);
    }
}
