/* From a file to code, step by step; each command goes as far as it needs. */
#ifndef DRIVER_COMPILE_H
#define DRIVER_COMPILE_H

#include "backend/lower.h"
#include "frontend/deploy.h"
#include "frontend/driver/command.h"
#include "frontend/onnx/import.h"
#include "passes/pass.h"

enum { MAX_WEIGHT_FILES = 16 };

/* A file of external weights that this build has written. */
typedef struct WrittenWeights {
    const char *path;
    uint64_t hash;
} WrittenWeights;

typedef struct Compilation {
    Driver *driver;
    Arena *arena;
    Diag *diag;
    const Options *options;
    const Source *source;
    Ast *ast;
    Graph *graph;
    Graph *as_read; /* a copy from before the passes, when a report wants one */
    Target target;
    LoopProgram program;
    Bytes code; /* the object of the program without weights and description, once it was measured; no data before */
    EmitSizes code_sizes;
    const char *code_weights;  /* what its weights were */
    const char *header;        /* name of the header that this build writes beside a library, or NULL */
    Deploys own_blocks;        /* of the model's own text, chosen or not */
    Deploys policies;          /* those to build: one, or all blocks of a file */
    const Policy *policy;      /* the one that is being built */
    const Samples *samples;    /* its calibration data, or NULL */
    GivenSchedules *schedules; /* of --schedule, or NULL */
    const Graph *loaded;       /* as read, when it is built more than once */
    bool cpu_was_chosen;
    OnnxReport gaps; /* of an ONNX file: what of it could not be read */
    int nweights;
    WrittenWeights weights[MAX_WEIGHT_FILES];
} Compilation;

Compilation compilation_new(Driver *driver);
/* E0801 for a model of a kind that lepc cannot read; of an ONNX file nothing but its name yet. */
bool compile_parse(Compilation *c, const char *path);
/* Whether the path ends so. */
bool has_suffix(const char *path, const char *suffix);
/* The graph of an ONNX file. */
bool compile_import(Compilation *c, const char *path);
/* compile_parse, then the graph, and the target; of the only policy.  E0801 when there are several. */
bool compile_load(Compilation *c, const char *path);
/* The same for all policies: each is then built after compile_use, on a graph of its own. */
bool compile_load_all(Compilation *c, const char *path);
bool compile_use(Compilation *c, const Policy *policy);
/* What the options and the policy say to passes. */
PassContext compile_context(const Compilation *c);
/* The pipeline up to and with the pass `last`, NULL: all; or the passes that --passes lists. */
bool compile_passes(Compilation *c, const char *last);
/* Loop nests of the planned graph. */
bool compile_lower(Compilation *c);
/* `runner`: with the description that the runner reads. */
bool compile_emit(Compilation *c, EmitKind kind, bool runner, Bytes *out);
/* All of it, to an object with the runner's description. */
bool compile_object(Compilation *c, const char *path, Bytes *out);

/* What a lowered graph takes, in bytes. */
typedef struct Sizes {
    EmitSizes emitted;
    int64_t arena, constants, state;
    int64_t flash; /* constants, code and tables */
    int64_t ram;   /* arena, stack and state */
} Sizes;

/* The object that this makes of a program is the one that compile_emit writes: code is generated once. */
bool compile_measure(Compilation *c, Sizes *out);
/* With what the build's limits say of it. */
void sizes_print(const Compilation *c, const Sizes *sizes, FILE *out);
/* Whether the target has the memory regions that limits name; E0702 and E0703. */
bool regions_check(const Compilation *c);
/* STATUS_FINE, or STATUS_LIMIT after E0703 and, if asked for, the table on standard error when the policy's limits are
 * exceeded; of a lowered graph.  STATUS_INPUT when it cannot be told. */
int limits_check(Compilation *c, bool table);
/* The same of flash and RAM alone. */
int limits_of_bytes(Compilation *c, bool table);

/* Of a lowered graph, on standard output: flash and RAM, code and stack included. */
bool compile_sizes(Compilation *c);

/* --target, --cpu and --features. */
bool target_choose(Compilation *c);
/* What --cpu=native would use, when nobody chose. */
void target_note(const Compilation *c);

#endif
