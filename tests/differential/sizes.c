#include "tests/differential/sizes.h"

#include "ir/bounded.h"

#include <string.h>

/* Where the model's table has the size of a dim; -1: nowhere. */
static int64_t size_number(const LepModel *model, const char *name)
{
    for (int64_t i = 0; i < model->nsizes; i++)
        if (!strcmp(model->sizes[i].name, name)) return i;
    return -1;
}

const char *sizes_compare(Arena *arena, const Result *result, const LepModel *model, const Type *expected,
                          const int64_t *table)
{
    const Type *type = value_type(result->value);
    for (int axis = 0; axis < type->rank; axis++) {
        const Dim *dim = &type->dim[axis];
        int64_t number = dim_is_fixed(dim) ? -1 : size_number(model, dim->name);
        int64_t size = number < 0 ? 0 : table[number];
        if (dim_is_fixed(dim) || (number >= 0 && dim_at(dim, size) == expected->dim[axis].high)) continue;
        return arena_printf(arena, "result %s %s: native counted %lld%s", result->name, type_text(arena, expected),
                            (long long)size, number < 0 ? ", no dim of its own" : "");
    }
    return NULL;
}

int sizes_given(const Graph *graph)
{
    int count = 0;
    for (int i = 0; i < graph->ndims; i++) count += !graph->dims[i].computed;
    return count;
}

void sizes_draw(const Graph *graph, Random *r, int number, int64_t *sizes)
{
    for (int i = 0; i < graph->ndims; i++) {
        const Dim *dim = &graph->dims[i];
        const int64_t ends[] = {dim->low, dim->high};
        sizes[i] = dim->computed ? 0 : number < 2 ? ends[number] : random_between(r, dim->low, dim->high);
    }
}

const char *sizes_text(Arena *arena, const Graph *graph, const int64_t *sizes)
{
    const char *text = "";
    for (int i = 0; i < graph->ndims; i++)
        if (!graph->dims[i].computed)
            text = arena_printf(arena, "%s%s = %lld: ", text, graph->dims[i].name, (long long)sizes[i]);
    return text;
}

void sizes_table(const Graph *graph, const LepModel *model, const int64_t *sizes, int64_t *table)
{
    for (int i = 0; i < graph->ndims; i++) {
        int64_t number = size_number(model, graph->dims[i].name);
        if (number >= 0) table[number] = sizes[i];
    }
}
