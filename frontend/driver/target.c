#include "frontend/driver/compile.h"

#include <string.h>

bool target_choose(Compilation *c)
{
    const Options *o = c->options;
    const char *triple, *host_cpu, *host_features;
    emit_host(c->arena, &triple, &host_cpu, &host_features);
    const char *cpu = o->cpu ? o->cpu : "", *features = o->features ? o->features : "";
    if (o->target) triple = o->target;
    if (strcmp(cpu, "native") == 0) {
        cpu = host_cpu;
        features = *features ? arena_printf(c->arena, "%s,%s", host_features, features) : host_features;
    }
    c->cpu_was_chosen = o->cpu || o->target || o->features;
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
