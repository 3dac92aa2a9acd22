/* Numbers that follow sizes: what a node says of itself is asked for many sizes of each dim, as shape rules are, and
 * read as a form of one of them. */
#include "ir/bounded.h"
#include "ir/op.h"

#include <assert.h>
#include <string.h>

enum { MOST_NUMBERS = 3 * MAX_RANK };

/* The greatest divisors of the forms that are looked for; all of its remainders must be seen.  The second are those of
 * images that shrink to a 32nd and of spectra: asked for where the first do not do. */
static const int64_t divisors[] = {16, 512};

enum { TRIES = sizeof divisors / sizeof *divisors };

/* ---- forms ---- */

/* The bases for which (factor * n + base) / divisor is right at every point; false when there is none. */
static bool find_base(int count, const int64_t *sizes, const int64_t *values, int64_t factor, int64_t divisor,
                      int64_t *base)
{
    int64_t least = INT64_MIN, most = INT64_MAX;
    for (int i = 0; i < count; i++) {
        int64_t exact = values[i] * divisor - factor * sizes[i];
        if (exact > least) least = exact;
        if (exact + divisor - 1 < most) most = exact + divisor - 1;
    }
    *base = least;
    return least <= most;
}

bool dim_form_of(const Dim *declared, int64_t most, int count, const int64_t *sizes, const int64_t *values, Dim *out)
{
    int64_t span = sizes[count - 1] - sizes[0], rise = values[count - 1] - values[0];
    for (int64_t divisor = 1; divisor <= most; divisor++) {
        /* rounding moves the rise by less than one */
        int64_t factor = (rise * divisor) / span, base;
        for (int64_t more = -1; more <= 1; more++)
            if (factor + more != 0 && find_base(count, sizes, values, factor + more, divisor, &base)) {
                *out = dim_form(declared, factor + more, base, divisor);
                return true;
            }
    }
    return false;
}

/* ---- asking a node ---- */

/* What the node, of fixed types, says: `count` numbers; false when it is another node then. */
typedef bool Say(const Node *first, const Node *fixed, int64_t which, int64_t *out);

typedef struct Asked {
    const Node *node, *highest; /* as it is at the bounds */
    Arena *arena;
    Say *say;
    int64_t which;   /* of several things that the node says the same kind of numbers of */
    int64_t divisor; /* the greatest */
    int count;
    int64_t sizes[MAX_DIMS];
} Asked;

/* Of a view's result without elements nobody asks where they are: *empty.  How long a box is counts even so. */
static bool ask(const Asked *a, int64_t *numbers, bool *empty)
{
    const Node *fixed = node_at(a->arena, a->node, a->sizes);
    *empty = node_def(fixed)->view && type_is_empty(&fixed->types[0]);
    return *empty || a->say(a->highest, fixed, a->which, numbers);
}

static int64_t number_at(const Asked *a, const SizedNumber *number)
{
    int dim = number->factor ? graph_dim(graph_root(a->node->graph), &number->size) : -1;
    return number->base + (dim >= 0 ? number->factor * dim_at(&number->size, a->sizes[dim]) : 0);
}

/* Do the forms say what the node says at a->sizes? */
static bool agrees(const Asked *a, const SizedNumber *out)
{
    int64_t numbers[MOST_NUMBERS];
    bool empty, same = ask(a, numbers, &empty);
    for (int i = 0; same && !empty && i < a->count; i++) same = numbers[i] == number_at(a, &out[i]);
    return same;
}

/* No size is below 0: what a divided one is less than that is of the base. */
static SizedNumber of_form(const Dim *declared, const Dim *form)
{
    if (form->divisor <= 1) return (SizedNumber){form->base, form->factor ? form->factor : 1, *declared};
    int64_t base = form->low < 0 ? form->low : 0;
    return (SizedNumber){base, 1, dim_form(declared, form->factor, form->base - base * form->divisor, form->divisor)};
}

/* How the numbers change with one dim while the others are at their bounds. */
static bool ask_along(Asked *a, int dim, SizedNumber *out)
{
    const Dim *declared = &graph_root(a->node->graph)->dims[dim];
    int64_t points = 2 * a->divisor + 4, *sizes = ARENA_ARRAY(a->arena, int64_t, points),
            *values = ARENA_ARRAY(a->arena, int64_t, points),
            (*numbers)[MOST_NUMBERS] = arena_array(a->arena, (size_t)points, sizeof *numbers);
    int count = 0;
    for (int64_t at = declared->low; at <= declared->high; at++) {
        bool empty;
        if (at == declared->low + points - 1) at = declared->high;
        a->sizes[dim] = sizes[count] = at;
        if (!ask(a, numbers[count], &empty)) return false;
        count += !empty;
    }
    a->sizes[dim] = declared->high;
    for (int i = 0; i < a->count; i++) {
        bool same = true;
        for (int k = 0; k < count; k++) {
            values[k] = numbers[k][i];
            same = same && values[k] == values[0];
        }
        if (same) continue;
        Dim form;
        if (out[i].factor || !dim_form_of(declared, a->divisor, count, sizes, values, &form)) return false;
        out[i] = of_form(declared, &form);
    }
    return true;
}

static bool ask_all(Asked *a, SizedNumber *out)
{
    const Graph *root = graph_root(a->node->graph);
    int64_t numbers[MOST_NUMBERS];
    bool empty;
    for (int i = 0; i < root->ndims; i++) a->sizes[i] = root->dims[i].high;
    a->highest = node_at(a->arena, a->node, a->sizes);
    assert(a->count <= MOST_NUMBERS);
    if (!ask(a, numbers, &empty)) return false;
    for (int i = 0; i < a->count; i++) out[i] = (SizedNumber){.base = empty ? 0 : numbers[i]};
    if (!node_is_bounded(a->node)) return true;
    for (int i = 0; i < root->ndims; i++)
        if (!dim_is_fixed(&root->dims[i]) && !ask_along(a, i, out)) return false;
    bool same = true;
    for (int mixed = 0; same && mixed < 3; mixed++) {
        for (int i = 0; i < root->ndims; i++) {
            int64_t less = mixed < 2 && (i % 2 == mixed) && root->dims[i].high > root->dims[i].low;
            a->sizes[i] = mixed < 2 ? root->dims[i].high - less : root->dims[i].low;
        }
        same = agrees(a, out);
    }
    return same;
}

static bool ask_node(const Node *node, Say *say, int64_t which, int count, SizedNumber *out)
{
    bool known = false;
    for (int attempt = 0; attempt < (int)TRIES && !known; attempt++) {
        Asked asked = {.node = node, .say = say, .which = which, .count = count, .divisor = divisors[attempt]};
        asked.arena = arena_child(node->graph->arena);
        known = ask_all(&asked, out);
        arena_free(asked.arena);
    }
    return known;
}

/* ---- views ---- */

static bool say_offsets(const Node *highest, const Node *fixed, int64_t which, int64_t *out)
{
    IndexMap map = {0};
    (void)highest;
    (void)which;
    if (!node_def(fixed)->view(fixed, &map) || map.linear) return false;
    memcpy(out, map.offset, sizeof map.offset);
    return true;
}

bool node_view_offsets(const Node *node, SizedNumber *out) { return ask_node(node, say_offsets, 0, MAX_RANK, out); }

/* ---- boxes ---- */

/* An axis of size 1 is never stepped along. */
static bool same_steps(const Piece *a, const Piece *b, int rank)
{
    bool same = a->operand == b->operand;
    for (int axis = 0; same && axis < MAX_RANK; axis++)
        for (int r = 0; r < rank; r++)
            same = same && (a->size[r] <= 1 || b->size[r] <= 1 || a->map.stride[axis][r] == b->map.stride[axis][r]);
    return same;
}

static bool say_piece(const Node *highest, const Node *fixed, int64_t which, int64_t *out)
{
    Piece whole, piece;
    int rank = fixed->types[0].rank;
    if (!node_def(fixed)->piece(highest, which, &whole) || !node_def(fixed)->piece(fixed, which, &piece)) return false;
    for (int i = 0; i < MAX_RANK; i++) {
        out[3 * i] = i < rank ? piece.begin[i] : 0;
        out[3 * i + 1] = i < rank ? piece.size[i] : 0;
        out[3 * i + 2] = piece.map.offset[i];
    }
    return same_steps(&whole, &piece, rank);
}

/* The number as a dim: fixed, or the form that it is. */
static bool as_dim(const Node *node, const SizedNumber *number, Dim *out)
{
    *out = dim_fixed(number->base);
    if (number->factor) {
        const Graph *root = graph_root(node->graph);
        const Dim *declared = &root->dims[graph_dim(root, &number->size)], *size = &number->size;
        bool divided = size->factor && size->divisor > 1;
        *out = divided ? dim_form(declared, size->factor, size->base + number->base * size->divisor, size->divisor)
                       : dim_form(declared, number->factor, number->base, 1);
    }
    return out->low >= 0;
}

bool node_piece_dims(const Node *node, int64_t number, Dim *begin, Dim *size, SizedNumber *from)
{
    SizedNumber numbers[3 * MAX_RANK];
    bool known = ask_node(node, say_piece, number, 3 * MAX_RANK, numbers);
    for (int i = 0; known && i < MAX_RANK; i++) {
        known = as_dim(node, &numbers[3 * i], &begin[i]) && as_dim(node, &numbers[3 * i + 1], &size[i]);
        from[i] = numbers[3 * i + 2];
    }
    return known;
}
