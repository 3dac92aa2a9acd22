/* Targets whose bytes are a weight file, or a diagnostic; every element of what is found can be read. */
#ifndef TESTS_FUZZ_WEIGHTS_H
#define TESTS_FUZZ_WEIGHTS_H

#include "frontend/weights.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef bool FuzzedParse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out,
                         Diag *diag);

static void out_of_memory(void *context)
{
    (void)context;
    abort();
}

/* The first and the last element of each tensor: the sanitizer sees what lies outside of the file. */
static void read_tensors(Arena *arena, const WeightFile *file)
{
    for (int i = 0; i < weights_count(file); i++) {
        Tensor tensor;
        if (!weights_find(file, weights_key(file, i), &tensor)) abort();
        if (!type_is_sane(&tensor.type) || !*type_text(arena, &tensor.type)) abort();
        if (type_is_empty(&tensor.type)) continue;
        (void)tensor_real(&tensor, 0);
        (void)tensor_real(&tensor, type_elements(&tensor.type) - 1);
    }
}

static int fuzz_weights(FuzzedParse *parse, const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(out_of_memory, NULL);
    if (!arena) abort();
    Diag diag = diag_new(arena);
    WeightFile *file = NULL;
    bool good = parse(arena, data, size, "fuzz", &file, &diag);
    if (good != (diag.errors == 0)) abort();
    if (good) read_tensors(arena, file);
    arena_free(arena);
    return 0;
}

#endif
