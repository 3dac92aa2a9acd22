#include "frontend/driver/compile.h"

#include <string.h>

bool target_choose(Compilation *c)
{
    const Options *o = c->options;
    const char *triple, *host_cpu, *host_features;
    emit_host(c->arena, &triple, &host_cpu, &host_features);
    const Policy *policy = c->policy ? c->policy : &(const Policy){.name = NULL};
    const char *target = o->target ? o->target : policy->target;
    /* a flag for another target leaves nothing of what the block says of its own */
    const char *cpu = o->cpu ? o->cpu : o->target ? NULL : policy->cpu;
    const char *features = o->features ? o->features : o->target || o->cpu ? NULL : policy->features;
    if (!cpu) cpu = "";
    if (!features) features = "";
    if (target) triple = target;
    if (strcmp(cpu, "native") == 0) {
        cpu = host_cpu;
        features = *features ? arena_printf(c->arena, "%s,%s", host_features, features) : host_features;
    }
    c->cpu_was_chosen = *cpu || target || *features;
    return target_select(triple, cpu, features, c->arena, &c->target, c->diag);
}

void target_note(const Compilation *c)
{
    const char *triple, *cpu, *features;
    if (c->cpu_was_chosen || c->options->quiet) return;
    emit_host(c->arena, &triple, &cpu, &features);
    diag_note(c->diag, (Span){.name = "lepc"}, "compiled for any %s; --cpu=native would compile for %s, this machine",
              c->target.name, cpu);
}
