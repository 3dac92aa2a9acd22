#include "passes/report_memory.h"
#include "ir/packing.h"
#include "passes/layout.h"
#include "passes/lifetime.h"

#include <inttypes.h>

static const Place *place_of(const Storage *s) { return &s->root.node->places[s->root.slot]; }
static int64_t bytes_of(const Storage *s) { return place_bytes(place_of(s), value_type(s->root)); }

/* Whether the group that writes `after` does so over `before`, which it reads for the last time. */
static bool is_taken_over(const Storage *before, const Storage *after)
{
    return before != after && before->space == SPACE_ARENA && after->space == SPACE_ARENA &&
           before->last == after->first && before->first < after->first &&
           place_of(before)->offset == place_of(after)->offset;
}

/* The step that makes the first of the parts that lie in the buffer. */
static int first_part(const Lifetimes *l, const Storage *whole)
{
    int first = whole->first;
    for (int i = 0; i < l->count; i++) {
        const Storage *s = &l->storages[i];
        if (s->space != SPACE_ARENA || !place_of(s)->part || place_of(s)->offset != place_of(whole)->offset) continue;
        if (s->last >= whole->first && s->first < first) first = s->first;
    }
    return first;
}

static int64_t live_peak(const Graph *graph, const Lifetimes *l, Arena *arena)
{
    Block *blocks = ARENA_ARRAY(arena, Block, l->count + l->steps);
    int count = 0;
    for (int i = 0; i < l->count; i++) {
        const Storage *s = &l->storages[i];
        if (s->space != SPACE_ARENA) continue;
        if (place_of(s)->part) continue;
        Block block = {first_part(l, s), s->last, bytes_of(s), 0};
        /* two that are one buffer do not count twice at the step between them */
        for (int k = 0; k < l->count; k++)
            if (is_taken_over(s, &l->storages[k])) block.last--;
        blocks[count++] = block;
    }
    count += lifetimes_scratch(graph, blocks + count);
    return layout_peak(blocks, count);
}

static MemoryTotals totals_of(const Graph *graph, const Lifetimes *l, Arena *arena)
{
    MemoryTotals totals = {.arena = graph_space_bytes(graph, SPACE_ARENA),
                           .constants = graph_space_bytes(graph, SPACE_CONSTANT),
                           .live_peak = live_peak(graph, l, arena)};
    for (int i = 0; i < l->count; i++)
        if (place_of(&l->storages[i])->space == SPACE_CONSTANT) {
            int64_t raw = type_bytes(value_type(l->storages[i].root));
            totals.raw += raw;
            if (place_of(&l->storages[i])->packing == PACKING_PLAIN) continue;
            totals.transformed += bytes_of(&l->storages[i]);
            totals.transformed_raw += raw;
        }
    return totals;
}

MemoryTotals memory_totals(const Graph *graph)
{
    Arena *arena = arena_child(graph->arena);
    Lifetimes lifetimes = lifetimes_of(graph, arena);
    MemoryTotals totals = totals_of(graph, &lifetimes, arena);
    arena_free(arena);
    return totals;
}

static void print_arena(const Graph *graph, const Lifetimes *l, Arena *arena, FILE *out)
{
    const char **steps = ARENA_ARRAY(arena, const char *, l->steps + 1);
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node_is_step(node)) steps[count++] = node->name;
    fprintf(out, "\n%-24s %12s %12s  %s\n", "buffer", "bytes", "offset", "needed from .. to");
    for (int i = 0; i < l->count; i++) {
        const Storage *s = &l->storages[i];
        if (s->space != SPACE_ARENA) continue;
        fprintf(out, "%-24s %12" PRId64 " %12" PRId64 "  %s .. %s%s\n", value_name(arena, s->root), bytes_of(s),
                place_of(s)->offset, steps[s->first], steps[s->last],
                place_of(s)->part             ? "  (part of another)"
                : place_has_halo(place_of(s)) ? "  (with ring)"
                                              : "");
    }
}

/* What groups need for themselves while they run. */
static void print_scratch(const Graph *graph, FILE *out)
{
    bool any = false;
    for (const Node *node = graph->first; node; node = node->next) {
        const Schedule *s = node->schedule;
        if (!s || !s->scratch) continue;
        if (!any) fprintf(out, "\n%-24s %12s %12s  %s\n", "scratch of", "bytes", "offset", "parts");
        any = true;
        fprintf(out, "%-24s %12" PRId64 " %12" PRId64 "  %" PRId64 "\n", node->name, schedule_scratch(s),
                s->scratch_offset, s->threads);
    }
}

static void print_constants(const Lifetimes *l, Arena *arena, FILE *out)
{
    fprintf(out, "\n%-24s %12s %12s  %s\n", "constant", "bytes", "offset", "type");
    for (int i = 0; i < l->count; i++) {
        const Storage *s = &l->storages[i];
        if (place_of(s)->space != SPACE_CONSTANT) continue;
        fprintf(out, "%-24s %12" PRId64 " %12" PRId64 "  %s", value_name(arena, s->root), bytes_of(s),
                place_of(s)->offset, type_text(arena, value_type(s->root)));
        if (place_of(s)->panel) fprintf(out, " in panels of %" PRId64, place_of(s)->panel);
        if (place_of(s)->packing) fprintf(out, ", %s", packing_of(place_of(s))->name);
        fprintf(out, "\n");
    }
}

void report_memory(const Graph *graph, FILE *out)
{
    Arena *arena = arena_child(graph->arena);
    Lifetimes lifetimes = lifetimes_of(graph, arena);
    MemoryTotals totals = totals_of(graph, &lifetimes, arena);
    fprintf(out, "arena      %12" PRId64 " bytes\n", totals.arena);
    fprintf(out, "live peak  %12" PRId64 " bytes\n", totals.live_peak);
    fprintf(out, "constants  %12" PRId64 " bytes, %" PRId64 " before packing and alignment\n", totals.constants,
            totals.raw);
    if (totals.transformed)
        fprintf(out, "of these    %12" PRId64 " bytes in a form of a schedule's own, %" PRId64 " before\n",
                totals.transformed, totals.transformed_raw);
    print_arena(graph, &lifetimes, arena, out);
    print_scratch(graph, out);
    print_constants(&lifetimes, arena, out);
    arena_free(arena);
}
