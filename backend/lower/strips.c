/* Contractions strip by strip: of each strip the first member makes the rows that the next one reads, and so on, in
 * scratch; the last one writes the result.  Rows that the windows of two strips share are moved to the front before the
 * next strip; before the first one of each part they are computed, or they are above the image. */
#include "ir/strips.h"
#include "backend/lower/contract.h"
#include "backend/lower/nest.h"

enum { SLACK = 64 };

typedef struct StripLoops {
    Lowering *lowering;
    Group group; /* the strips' own */
    Strips sizes;
    const LoopBuffer *scratch[STRIP_MEMBERS - 1];
    Part part;
    Affine n;
} StripLoops;

static LoopBuilder *builder(const StripLoops *s) { return &s->lowering->builder; }

/* ---- scratch ---- */

static const LoopBuffer *open_scratch(const StripLoops *s, int i)
{
    const StripValue *value = &s->sizes.value[i];
    int64_t slack = SLACK / dtype_bytes(value->dtype, 1);
    LoopBuffer like = {.name = s->sizes.member[i].node->name,
                       .dtype = value->dtype,
                       .space = SPACE_SCRATCH,
                       .offset = value->offset,
                       .elements = (value->kept + value->rows) * strip_line(value) + slack,
                       .align = 64,
                       .writable = true};
    return loop_buffer(builder(s), &like);
}

/* Pixel (0, 0) is the first inside the ring of row `row`. */
static Site scratch_site(const StripLoops *s, int i, int64_t row)
{
    const StripValue *value = &s->sizes.value[i];
    return (Site){.buffer = s->scratch[i],
                  .base = row * strip_line(value) + value->left * value->channels,
                  .y = strip_line(value),
                  .x = value->channels,
                  .c = 1};
}

static void fill(const StripLoops *s, int i, Affine at, int64_t count)
{
    int64_t ring = s->sizes.value[i].ring;
    Scalar scalar = {.real = (double)ring, .integer = ring};
    if (count > 0) loop_fill_scalar(builder(s), s->scratch[i], at, count, scalar);
}

/* Rows outside of the image. */
static void fill_rows(const StripLoops *s, int i, int64_t from, int64_t to)
{
    int64_t line = strip_line(&s->sizes.value[i]);
    fill(s, i, affine(from * line), (to - from) * line);
}

/* The ring of columns, which nobody writes after that. */
static void fill_columns(const StripLoops *s, int i)
{
    const StripValue *value = &s->sizes.value[i];
    if (!value->left && !value->right) return;
    LoopScope row = loop_for(builder(s), "row", 0, value->kept + value->rows, 1, MODE_SERIAL);
    Affine at = affine_of(row.var, strip_line(value));
    fill(s, i, at, value->left * value->channels);
    fill(s, i, affine_plus(at, (value->left + value->width) * value->channels), value->right * value->channels);
    loop_end(builder(s), row);
}

static void move_vector(const StripLoops *s, int i, Affine at, int64_t lanes)
{
    LoopBuilder *b = builder(s);
    const StripValue *value = &s->sizes.value[i];
    Affine from = affine_plus(at, value->rows * strip_line(value));
    const LoopExpr *moved = loop_load(b, s->scratch[i], from, (int)lanes, 1, (int)lanes);
    loop_store(b, s->scratch[i], at, moved, 1, (int)lanes);
}

/* The last rows become those before the next strip's; in order, so that rows may overlap. */
static void move_rows(const StripLoops *s, int i)
{
    LoopBuilder *b = builder(s);
    const StripValue *value = &s->sizes.value[i];
    int64_t elements = value->kept * strip_line(value), done = 0;
    for (int64_t lanes = s->sizes.member[i].node->schedule->lanes; done < elements; lanes /= 2) {
        int64_t end = done + (elements - done) / lanes * lanes;
        if (end == done) continue;
        LoopScope at = loop_range(b, "at", done, end, lanes, MODE_SERIAL);
        move_vector(s, i, at.at, lanes);
        loop_end(b, at);
        done = end;
    }
}

/* ---- members ---- */

/* Rows of element-wise work. */
typedef struct MapRows {
    const Site *to;
    Affine n, first;
} MapRows;

static void store_elements(Nest *nest, void *context)
{
    const MapRows *rows = context;
    Nest here = *nest;
    here.at[0] = rows->n;
    here.at[1] = affine_add(nest->at[1], rows->first);
    const Graph *body = nest->lowering->group.body;
    NestMap identity = nest_identity(value_type(body->results[0].value));
    const LoopExpr *value = nest_value(&here, body->results[0].value, &identity);
    Affine to = site_address(rows->to, affine(0), nest->at[1], nest->at[2], nest->at[3]);
    int64_t step = nest->lanes > 1 && nest->vector == 2 ? rows->to->x : 1;
    loop_store(&nest->lowering->builder, rows->to->buffer, to, value, step, nest->active);
}

static void run_map(Lowering *lowering, const Site *to, Affine n, Affine first, int64_t count)
{
    MapRows rows = {to, n, first};
    Type type = lowering->group.node->types[0];
    Value value = lowering->group.body->results[0].value;
    AccessList accesses = {.arena = lowering->builder.arena};
    NestMap identity = nest_identity(&type);
    access_add_strides(&accesses, (const int64_t[]){0, to->y, to->x, 1}, 4);
    nest_accesses(lowering, value, &identity, &accesses);
    type.dim[0] = dim_fixed(1);
    type.dim[1] = dim_fixed(count);
    Axes axes = axes_collapse(lowering, &type, NULL, &accesses);
    Nest nest = {.lowering = lowering, .rank = type.rank, .lanes = 1, .active = 1};
    NestLoops loops = nest_open(&nest, &axes, 1);
    nest_innermost(&nest, &axes, store_elements, &rows);
    nest_close(&nest, &loops);
}

static void select_member(const StripLoops *s, int i)
{
    s->lowering->group = s->sizes.member[i];
    s->lowering->schedule = s->sizes.member[i].node->schedule;
}

/* Rows of a member's result from `first` on; in scratch they begin with `row`. */
static void run_member(const StripLoops *s, int i, Affine first, int64_t row, int64_t count)
{
    Lowering *lowering = s->lowering;
    Site input, output;
    Rows rows = {.first = first, .count = count};
    if (count < 1) return;
    select_member(s, i);
    if (i > 0) {
        input = scratch_site(s, i - 1, s->sizes.shape[i].window.pad_begin[0]);
        rows.input = &input;
        rows.slack = SLACK;
    }
    if (i + 1 < s->sizes.count) {
        output = scratch_site(s, i, row);
        rows.output = &output;
    } else {
        lowering->group.node = s->group.node;
    }
    if (lowering->group.kind == KIND_MAP) {
        run_map(lowering, &output, s->n, first, count);
    } else {
        Contract c = contract_of_rows(lowering, &rows);
        if (lowering->schedule->variant == VARIANT_DOT) contract_use_dots(&c);
        contract_groups(&c, s->n);
    }
    lowering->group = s->group;
    lowering->schedule = s->group.node->schedule;
}

/* What the first strip of an image finds in front: rows above it, and those that no strip before has made. */
static void make_kept_of_image(const StripLoops *s)
{
    const StripValue *value = &s->sizes.value[0];
    int64_t above = value->kept - value->first, there = value->first < value->height ? value->first : value->height;
    fill_rows(s, 0, 0, above);
    run_member(s, 0, affine(0), above, there);
    fill_rows(s, 0, above + there, value->kept);
}

/* Only the first member's result has windows slide over it. */
static void make_kept(const StripLoops *s)
{
    LoopBuilder *b = builder(s);
    const StripValue *value = &s->sizes.value[0];
    if (!value->kept) return;
    if (!s->part.width) {
        make_kept_of_image(s);
        return;
    }
    Affine number = affine_of(s->part.scope.var, 1), none = affine_scale(number, -1), any = affine_plus(number, -1);
    LoopScope first = loop_if(b, 1, &none);
    make_kept_of_image(s);
    loop_end(b, first);
    LoopScope others = loop_if(b, 1, &any);
    Affine at = affine_scale(s->part.first, value->rows / s->sizes.rows);
    run_member(s, 0, affine_plus(at, value->first - value->kept), 0, value->kept);
    loop_end(b, others);
}

/* ---- strips ---- */

/* `rows` of the result from `at` on, in strip `index`; whole strips are all alike. */
static void run_strip(const StripLoops *s, Affine at, int64_t index, int64_t rows)
{
    const Strips *z = &s->sizes;
    int last = z->count - 1;
    for (int i = 0; i < last; i++) {
        const StripValue *value = &z->value[i];
        int64_t factor = value->rows / z->rows, all = rows * factor, there = all;
        int64_t left = value->height - (index * value->rows + value->first);
        if (index >= z->whole && left < all) there = left > 0 ? left : 0;
        run_member(s, i, affine_plus(affine_scale(at, factor), value->first), value->kept, there);
        fill_rows(s, i, value->kept + there, value->kept + all);
    }
    run_member(s, last, at, 0, rows);
    for (int i = 0; i < last && index + 1 < z->all; i++) move_rows(s, i);
}

static void run_strips(const StripLoops *s)
{
    LoopBuilder *b = builder(s);
    const Strips *z = &s->sizes;
    int64_t height = z->shape[z->count - 1].out_height;
    if (z->whole) {
        PartScope at = part_range(b, &s->part, "strip", 0, z->whole * z->rows, z->rows);
        run_strip(s, at.at, 0, z->rows);
        part_range_end(b, &at);
    }
    for (int64_t index = z->whole; index < z->all; index++) {
        int64_t first = index * z->rows, rows = height - first < z->rows ? height - first : z->rows;
        PartScope at = part_range(b, &s->part, "strip", first, first + z->rows, z->rows);
        run_strip(s, at.at, index, rows);
        part_range_end(b, &at);
    }
}

void lower_strips(Lowering *lowering)
{
    LoopBuilder *b = &lowering->builder;
    StripLoops s = {.lowering = lowering, .group = lowering->group, .sizes = strips_of_group(&lowering->group)};
    const Contraction *last = &s.sizes.shape[s.sizes.count - 1];
    for (int i = 0; i + 1 < s.sizes.count; i++) s.scratch[i] = open_scratch(&s, i);
    lower_fill_ring(lowering);
    s.part = part_open(b, last->out_height, s.sizes.rows, lowering->schedule->threads);
    for (int i = 0; i + 1 < s.sizes.count; i++) fill_columns(&s, i);
    const Extent images = lower_extent(lowering, &lowering->group.node->types[0].dim[0]);
    PartScope n = part_steps(b, NULL, "n", &images, 1);
    s.n = n.at;
    make_kept(&s);
    run_strips(&s);
    part_range_end(b, &n);
    part_close(b, &s.part);
    for (int i = 0; i < s.sizes.count; i++) {
        if (s.sizes.member[i].kind == KIND_MAP) continue;
        const Contraction *c = &s.sizes.shape[i];
        double taps = (double)(c->window.kernel[0] * c->window.kernel[1] * c->in_channels / c->window.groups);
        b->function->multiply_adds += taps * (double)type_elements(&s.sizes.member[i].node->types[0]);
    }
}
