/* What the cost model, by which schedules are chosen, says of each layer. */
#include "frontend/driver/report.h"
#include "ir/op.h"
#include "passes/schedule.h"

/* Multiply-adds of f32 that the processor can begin in a cycle. */
static double peak(const Target *target) { return target->fma_per_cycle * (double)target->vector_bytes / 4; }

static void print_row(const char *name, double adds, double cycles, double all, const char *code, FILE *out)
{
    fprintf(out, "%-24s %14.0f %14.0f %6.1f %%  %9.2f%s%s\n", name, adds, cycles, all > 0 ? 100 * cycles / all : 0,
            cycles > 0 ? adds / cycles : 0, *code ? "  " : "", code);
}

/* Which code the step is. */
static const char *code_of(Arena *arena, const Node *step)
{
    const Schedule *s = step->schedule;
    if (node_is_control(step)) return node_def(step)->name;
    const char *name = group_of(step).kind == KIND_GROUP ? "strips" : variant_names[s->variant];
    return s->threads > 1 ? arena_printf(arena, "%s, in %lld parts", name, (long long)s->threads) : name;
}

bool report_time(Compilation *c, FILE *out)
{
    double adds = 0, cycles = 0;
    int step = 0;
    for (const Node *node = c->graph->first; node; node = node->next)
        if (node_is_step(node)) cycles += schedule_cycles(node, &c->target);
    fprintf(out, "A prediction by the cost model of %s, of one thread: nothing was run; `lepc profile` measures.\n",
            c->target.name);
    fprintf(out, "\n%-24s %14s %14s %8s  %9s  %s\n", "layer", "MACs", "cycles", "of all", "MACs/cycle", "code");
    for (const Node *node = c->graph->first; node && step < c->program.nsteps; node = node->next) {
        if (!node_is_step(node)) continue;
        double own = c->program.steps[step++]->multiply_adds;
        print_row(node->name, own, schedule_cycles(node, &c->target), cycles, code_of(c->arena, node), out);
        adds += own;
    }
    print_row("all", adds, cycles, cycles, "", out);
    fprintf(out, "\n%.3f ms at 1 GHz, %.3f ms at 3 GHz; at most %.0f MACs a cycle in f32\n", cycles / 1e6, cycles / 3e6,
            peak(&c->target));
    return true;
}
