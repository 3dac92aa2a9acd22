/* Limits of memory: of all RAM or flash, of what they are made of, and of what lies in one region of a board. */
#include "frontend/driver/layers.h"

#include <string.h>

typedef struct LimitKind {
    const char *name, *doc;
    bool all;
} LimitKind;

static const LimitKind kinds[LIMIT_COUNT] = {
#define LIMIT(id, name, all, doc) {#name, doc, all},
#include "ir/limits.def"
};

static LimitPart whole_of(LimitPart part)
{
    return part == LIMIT_CODE || part == LIMIT_CONSTANTS ? LIMIT_FLASH : LIMIT_RAM;
}

static const LimitRow *row_of(const Compilation *c, LimitPart part) { return &c->policy->limit.part[part]; }

/* ---- regions ---- */

/* Where a part lies: where it says, or all of its kind does. */
static const char *region_of(const Compilation *c, LimitPart part)
{
    const char *own = row_of(c, part)->region;
    return own || kinds[part].all ? own : row_of(c, whole_of(part))->region;
}

static const MemoryRegion *find_region(const Target *target, const char *name)
{
    for (int i = 0; target->board && i < target_region_count; i++)
        if (!strcmp(target_regions[i].board, target->board) && !strcmp(target_regions[i].name, name))
            return &target_regions[i];
    return NULL;
}

static bool unknown_region(const Compilation *c, const LimitRow *row)
{
    const char *all = "";
    for (int i = 0; c->target.board && i < target_region_count; i++)
        if (!strcmp(target_regions[i].board, c->target.board))
            all = arena_printf(c->arena, "%s%s\"%s\"", all, *all ? ", " : "", target_regions[i].name);
    const char *target = c->target.board ? c->target.board : c->target.name;
    diag_error(c->diag, E0702, row->at, "%s has no memory region \"%s\"", target, row->region);
    if (*all) return diag_help(c->diag, "it has %s", all);
    return diag_help(c->diag, "regions are known of boards, as in target: \"nucleo-h743zi\"; leave out on \"%s\"",
                     row->region);
}

bool regions_check(const Compilation *c)
{
    int errors = c->diag->errors;
    for (int part = 0; c->policy && part < LIMIT_COUNT; part++) {
        const LimitRow *row = row_of(c, (LimitPart)part);
        const MemoryRegion *region = row->region ? find_region(&c->target, row->region) : NULL;
        bool written = part != LIMIT_FLASH && part != LIMIT_CODE && part != LIMIT_CONSTANTS;
        if (!row->region) continue;
        if (!region)
            unknown_region(c, row);
        else if (written && !region->writable) {
            diag_error(c->diag, E0702, row->at, "%s cannot lie in \"%s\", which is not written when a model runs",
                       kinds[part].name, region->name);
            diag_help(c->diag, "limit flash, code or constants there");
        } else if (row->bytes > region->bytes) {
            diag_error(c->diag, E0404, row->at, "%s: %lld bytes are more than \"%s\" has, %lld", kinds[part].name,
                       (long long)row->bytes, region->name, (long long)region->bytes);
            diag_help(c->diag, "allow no more than there is");
        }
    }
    return c->diag->errors == errors;
}

/* ---- what is taken ---- */

/* Of a whole with a region: what is not put elsewhere. */
static int64_t bytes_of(const Compilation *c, const Sizes *sizes, LimitPart part)
{
    const int64_t bytes[LIMIT_COUNT] = {[LIMIT_RAM] = sizes->ram,
                                        [LIMIT_FLASH] = sizes->flash,
                                        [LIMIT_ARENA] = sizes->arena,
                                        [LIMIT_STACK] = sizes->emitted.stack,
                                        [LIMIT_STATE] = sizes->state,
                                        [LIMIT_CODE] = sizes->emitted.code + sizes->emitted.data,
                                        [LIMIT_CONSTANTS] = sizes->constants};
    const char *region = row_of(c, part)->region;
    int64_t taken = bytes[part];
    for (int other = 0; kinds[part].all && region && other < LIMIT_COUNT; other++) {
        const char *own = row_of(c, (LimitPart)other)->region;
        if (!kinds[other].all && whole_of((LimitPart)other) == part && own && strcmp(own, region) != 0)
            taken -= bytes[other];
    }
    return taken;
}

static int64_t bytes_in(const Compilation *c, const Sizes *sizes, const MemoryRegion *region)
{
    int64_t bytes = 0;
    for (int part = 0; part < LIMIT_COUNT; part++) {
        const char *name = kinds[part].all ? NULL : region_of(c, (LimitPart)part);
        if (name && !strcmp(name, region->name)) bytes += bytes_of(c, sizes, (LimitPart)part);
    }
    return bytes;
}

static bool is_of_target(const Compilation *c, const MemoryRegion *region)
{
    return c->target.board && !strcmp(region->board, c->target.board);
}

/* ---- what is said ---- */

static void print_limit(const Compilation *c, const Sizes *sizes, LimitPart part, FILE *out)
{
    const LimitRow *row = c->policy ? row_of(c, part) : NULL;
    if (row && row->bytes) {
        int64_t found = bytes_of(c, sizes, part);
        fprintf(out, "; %lld of a limit of %lld", (long long)found, (long long)row->bytes);
        if (row->region) fprintf(out, " on %s", row->region);
        if (found > row->bytes) fprintf(out, ", %lld too many", (long long)(found - row->bytes));
    }
    fputc('\n', out);
}

void sizes_print(const Compilation *c, const Sizes *sizes, FILE *out)
{
    fprintf(out, "flash      %12lld bytes: constants, %lld of code, %lld of tables", (long long)sizes->flash,
            (long long)sizes->emitted.code, (long long)sizes->emitted.data);
    print_limit(c, sizes, LIMIT_FLASH, out);
    fprintf(out, "RAM        %12lld bytes: arena, %lld of stack", (long long)sizes->ram,
            (long long)sizes->emitted.stack);
    if (sizes->state) fprintf(out, ", %lld of state", (long long)sizes->state);
    print_limit(c, sizes, LIMIT_RAM, out);
    for (int part = 0; c->policy && part < LIMIT_COUNT; part++) {
        if (kinds[part].all || !row_of(c, (LimitPart)part)->bytes) continue;
        fprintf(out, "%-10s %12lld bytes: %s", kinds[part].name, (long long)bytes_of(c, sizes, (LimitPart)part),
                kinds[part].doc);
        print_limit(c, sizes, (LimitPart)part, out);
    }
    for (int i = 0; c->policy && i < target_region_count; i++) {
        const MemoryRegion *region = &target_regions[i];
        int64_t found = is_of_target(c, region) ? bytes_in(c, sizes, region) : 0;
        if (found)
            fprintf(out, "on %-7s %12lld bytes of %lld\n", region->name, (long long)found, (long long)region->bytes);
    }
}

/* ---- what is too much ---- */

static bool too_much(Compilation *c, Span at, const char *what, int64_t found, int64_t limit)
{
    if (found <= limit) return false;
    diag_error(c->diag, E0703, at, "%s: %lld bytes are %lld more than the limit of %lld", what, (long long)found,
               (long long)(found - limit), (long long)limit);
    diag_help(c->diag, "the table shows what takes how much; quantize:, prune: and -Os make models smaller");
    return true;
}

static bool part_is_over(Compilation *c, const Sizes *sizes, LimitPart part)
{
    const LimitRow *row = row_of(c, part);
    const char *name = part == LIMIT_RAM ? "RAM" : kinds[part].name;
    if (row->region) name = arena_printf(c->arena, "%s on \"%s\"", name, row->region);
    return row->bytes && too_much(c, row->at, name, bytes_of(c, sizes, part), row->bytes);
}

/* Of several parts in one region each may be within its limit, and all together more than there is. */
static bool region_is_over(Compilation *c, const Sizes *sizes, const MemoryRegion *region)
{
    return is_of_target(c, region) &&
           too_much(c, c->policy->limit.at, arena_printf(c->arena, "region \"%s\"", region->name),
                    bytes_in(c, sizes, region), region->bytes);
}

int limits_of_bytes(Compilation *c, bool table)
{
    Sizes sizes;
    bool any = false, over = false;
    for (int part = 0; part < LIMIT_COUNT; part++) any = any || row_of(c, (LimitPart)part)->bytes;
    if (!any) return STATUS_FINE;
    if (!compile_measure(c, &sizes)) return STATUS_INPUT;
    for (int part = 0; part < LIMIT_COUNT; part++) over = part_is_over(c, &sizes, (LimitPart)part) || over;
    for (int i = 0; i < target_region_count; i++) over = region_is_over(c, &sizes, &target_regions[i]) || over;
    if (!over) return STATUS_FINE;
    if (!table) return STATUS_LIMIT;
    sizes_print(c, &sizes, stderr);
    layers_print(c, &sizes, stderr);
    return STATUS_LIMIT;
}
