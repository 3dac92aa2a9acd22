#include "frontend/driver/expected.h"

#include "frontend/weights.h"

#include <math.h>
#include <string.h>

static const Span nowhere = {.name = "lepc"};

static bool read_one(Compilation *c, const char *text, Expected *out)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1]) {
        diag_error(c->diag, E0801, nowhere, "--expect: expected NAME=FILE.npy, found '%s'", text);
        return diag_help(c->diag, "as in --expect conv1=conv1.npy");
    }
    const Source *file = source_read_at(c->arena, equals + 1, (size_t)1 << 32, nowhere, c->diag);
    *out = (Expected){.name = arena_copy_chars(c->arena, text, (size_t)(equals - text))};
    return file &&
           npy_parse(c->arena, (const unsigned char *)file->text, file->length, equals + 1, &out->value, c->diag);
}

bool expected_read(Compilation *c, ExpectedList *out)
{
    const TextList *texts = &c->options->expect;
    *out = (ExpectedList){.count = 0};
    for (int i = 0; i < texts->count; i++)
        if (!read_one(c, texts->at[i], &out->at[out->count++])) return false;
    return true;
}

/* [N, C, ...] as [N, ..., C] when that is the shape which was found. */
static Tensor turned(Compilation *c, const Tensor *given, const Type *found)
{
    int order[MAX_RANK] = {0}, rank = given->type.rank;
    if (rank < 3 || rank != found->rank || type_same_shape(&given->type, found)) return *given;
    for (int i = 1; i < rank; i++) order[i] = i + 1 < rank ? i + 1 : 1;
    return tensor_transpose(c->arena, given, order);
}

static void judge(Compilation *c, ExpectedList *list, const Expected *one, const Tensor *found)
{
    Tensor wanted = turned(c, &one->value, &found->type);
    int64_t count = type_elements(&found->type), wrong = 0;
    double largest = 0, worst = 0;
    if (!type_same_shape(&wanted.type, &found->type)) {
        printf("expected %-24s is %s in the file, but %s here\n", one->name, type_text(c->arena, &one->value.type),
               type_text(c->arena, &found->type));
        list->wrong += count;
        return;
    }
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(tensor_real(&wanted, i)));
    for (int64_t i = 0; i < count; i++) {
        double want = tensor_real(&wanted, i), got = tensor_real(found, i), off = fabs(got - want);
        bool same = got == want || (isnan(got) && isnan(want));
        if (!same && !(off > worst)) worst = isnan(off) ? INFINITY : worst;
        if (!same && off > worst) worst = off;
        wrong += !same && !(off <= 1e-3 * fabs(want) + 1e-5 * largest);
    }
    printf("expected %-24s %10lld elements, %lld too far, worst %.3g\n", one->name, (long long)count, (long long)wrong,
           worst);
    list->wrong += wrong;
}

void expected_judge(Compilation *c, ExpectedList *list, const char *name, const Tensor *found)
{
    for (int i = 0; i < list->count; i++) {
        Expected *one = &list->at[i];
        if (one->met || strcmp(one->name, name) != 0) continue;
        one->met = true;
        judge(c, list, one, found);
    }
}

int expected_finish(Compilation *c, const ExpectedList *list)
{
    int status = list->wrong ? STATUS_DIFFERS : STATUS_FINE;
    for (int i = 0; i < list->count; i++) {
        if (list->at[i].met) continue;
        diag_error(c->diag, E0801, nowhere, "--expect: no layer leaves '%s' in memory", list->at[i].name);
        diag_help(c->diag, "the table has the layers' names; what is inside a fused one has none");
        status = STATUS_USAGE;
    }
    return status;
}
