/* Any bytes are an array that lies within them, or a diagnostic. */
#include "frontend/weights.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void out_of_memory(void *context)
{
    (void)context;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(out_of_memory, NULL);
    if (!arena) abort();
    Diag diag = diag_new(arena);
    Tensor tensor;
    bool good = npy_parse(arena, data, size, "fuzz.npy", &tensor, &diag);
    if (good != (diag.errors == 0)) abort();
    if (good) {
        int64_t count = type_elements(&tensor.type);
        if (type_bytes(&tensor.type) > (int64_t)size) abort();
        for (int64_t i = 0; i < count; i++) (void)tensor_real(&tensor, i);
    }
    arena_free(arena);
    return 0;
}
