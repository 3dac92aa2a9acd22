/* A lowered model as tables: what --emit=json and --emit=html say of it. */
#ifndef DRIVER_DESCRIBE_H
#define DRIVER_DESCRIBE_H

#include "frontend/driver/compile.h"
#include "ir/place.h"

/* One step of a run: a group, or a body that runs in turns. */
typedef struct DescribedLayer {
    const char *name, *kind; /* kind: of its anchor, "conv2d", or "map" */
    const Node *node;
    const char *operators; /* all of them, "conv2d relu" */
    double multiply_adds, bytes_read, bytes_written;
    int64_t code; /* bytes of instructions */
} DescribedLayer;

/* A value that lies in memory. */
typedef struct DescribedValue {
    const char *name;
    const Type *type;
    Space space;
    int64_t offset, bytes; /* of its buffer, ring and packing included */
    int first, last;       /* the layers, from 0, that write it and that read it last; -1: the caller does */
    const Tensor *data;    /* of constants */
    int64_t zeros;         /* of their elements */
} DescribedValue;

typedef struct Described {
    const Compilation *compilation;
    Sizes sizes;
    int64_t live_peak;
    double multiply_adds;
    int nlayers, nvalues;
    DescribedLayer *layers;
    DescribedValue *values; /* in the order of the graph, then of offsets */
} Described;

/* Of a lowered graph; false when code cannot be generated. */
bool described_of(Compilation *c, Described *out);
/* docs/inspect.md has the schema. */
void described_json(const Described *d, FILE *out);
/* One page, nothing loaded from elsewhere. */
void described_html(const Described *d, FILE *out);

#endif
