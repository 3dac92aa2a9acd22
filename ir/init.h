/* What parameters begin with.  An element depends on the seed, the name of its parameter and its index, and on nothing
 * else: counters of Philox, elementary functions of our own, no order of drawing. */
#ifndef IR_INIT_H
#define IR_INIT_H

#include "ir/tensor.h"

typedef enum InitKind {
#define INIT(NAME, ...) INIT_##NAME,
#include "ir/init.def"
    INIT_COUNT
} InitKind;

enum { INIT_PARAMETERS = 2 };

typedef struct Init {
    int kind;                   /* an InitKind */
    double at[INIT_PARAMETERS]; /* its parameters */
} Init;

typedef struct InitRow {
    const char *word;
    const char *parameters[INIT_PARAMETERS]; /* NULL where there are fewer */
    double defaults[INIT_PARAMETERS];
    bool second_is_flag; /* 1 is yes */
    const char *doc;
} InitRow;

extern const InitRow init_rows[INIT_COUNT];

/* Of that kind, with its defaults. */
Init init_of(InitKind kind);
bool init_equal(const Init *a, const Init *b);
/* `normal(std: 0.02)`: what is not a default. */
const char *init_text(Arena *arena, const Init *init);
/* What an operand of that name begins with when training does: biases and offsets with `bias`, weights with `init`,
 * what norms divide by with 1. */
Init init_for(const char *operand, const Init *init, const Init *bias);
/* Why it cannot draw a tensor of that type; NULL when it can. */
const char *init_refusal(const Init *init, const Type *type);
/* The elements of the parameter `name`. */
const Tensor *init_draw(Arena *arena, const Type *type, const Init *init, int64_t seed, const char *name);

#endif
