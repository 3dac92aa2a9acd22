/* What things of a model are called in C. */
#ifndef BACKEND_C_NAMES_H
#define BACKEND_C_NAMES_H

#include "ir/graph.h"

/* Of the parameters of a model's run function, in their order. */
typedef struct ParameterNames {
    Arena *arena;
    const char **at;
    int count;
} ParameterNames;

/* Room for the names of a graph's sizes, inputs and outputs. */
ParameterNames parameter_names(const Graph *graph);
/* The next: a C identifier that is no word of C or C++, no parameter of ours, and not taken yet. */
const char *parameter_name(ParameterNames *names, const char *text);
/* For as many as `room` parameters of another function. */
ParameterNames parameter_names_for(Arena *arena, int room);
/* What C99 has in every compiler; what is narrower than its numbers is bits. */
const char *c_type(Dtype dtype);
const char *upper_case(Arena *arena, const char *text);
const char *lower_case(Arena *arena, const char *text);

#endif
