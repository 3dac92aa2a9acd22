#include "frontend/driver/externs.h"

#include "ir/external.h"

static const char *symbol_of(const Node *node) { return ((const ExternalAttrs *)node->attrs)->symbol; }

bool externs_are_given(const Compilation *c)
{
    const Node *call = graph_external(c->graph);
    if (!call || c->options->externs.count) return true;
    diag_error(c->diag, E0608, node_span(call), "nothing defines '%s'", symbol_of(call));
    return diag_help(c->diag, "link it by --extern=FILE: an object, an archive or a shared library; --emit=obj and "
                              "--emit=lib leave it to you");
}

bool externs_are_absent(const Compilation *c, const char *what)
{
    const Node *call = graph_external(c->graph);
    if (!call) return true;
    diag_error(c->diag, E0608, node_span(call), "the interpreter cannot call '%s', and %s needs it", symbol_of(call),
               what);
    return diag_help(c->diag, "machine code calls it: lepc run --extern=FILE without --reference");
}

Jit *externs_load(const Compilation *c, const Bytes *object)
{
    Jit *jit = externs_are_given(c) ? jit_load(object, c->diag) : NULL;
    bool good = jit != NULL;
    for (int i = 0; good && i < c->options->externs.count; i++)
        good = jit_add_file(jit, c->options->externs.at[i], c->diag);
    if (good || !jit) return jit;
    jit_free(jit);
    return NULL;
}
