/* What the readers of weight files share; for frontend/weights.c and the readers beside it only. */
#ifndef FRONTEND_WEIGHT_FILE_H
#define FRONTEND_WEIGHT_FILE_H

#include "frontend/weights.h"

typedef struct WeightEntry {
    const char *key;
    Tensor tensor; /* data points into a mapping, at any alignment */
} WeightEntry;

typedef struct Mapping {
    void *bytes;
    size_t size;
} Mapping;

struct WeightFile {
    Arena *arena;
    WeightEntry *entries; /* by key */
    size_t count, capacity;
    Mapping *mappings;
    size_t nmappings, mappings_capacity;
};

WeightFile *weight_file_new(Arena *arena);
void weight_file_add(WeightFile *file, const char *key, const Tensor *tensor);
/* Sorts by key for weights_find; E0504 when a key stands twice. */
bool weight_file_finish(WeightFile *file, const char *path, Diag *diag);
/* The same data where an element may be read as its C type: copied only when it has to be. */
void tensor_align(Arena *arena, Tensor *tensor);

#endif
