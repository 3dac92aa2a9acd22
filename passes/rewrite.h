/* Rewrites as rows of data: a tree to find and a tree to put in its place. */
#ifndef PASSES_REWRITE_H
#define PASSES_REWRITE_H

#include "ir/op.h"
#include "passes/uses.h"

/* What a rule may do to the numbers. */
typedef enum Exactness {
    EXACT,  /* the same bits, infinities and signed zeros too; NaN payloads aside */
    REASSOC /* the same in real arithmetic */
} Exactness;

typedef enum PatternKind {
    PATTERN_VALUE,    /* any value; the same index is the same value */
    PATTERN_CONSTANT, /* a param or constant with known elements */
    PATTERN_NUMBER,   /* a constant all of whose elements are `number` */
    PATTERN_OP
} PatternKind;

enum { MAX_OPERANDS = 4, MAX_BINDINGS = 6 };

typedef struct Pattern Pattern;
struct Pattern {
    PatternKind kind;
    int index;
    double number;
    Op op;
    bool commutes; /* two operands, matched in either order */
    const Pattern *in[MAX_OPERANDS];
};

#define X (&(const Pattern){.kind = PATTERN_VALUE, .index = 0})
#define Y (&(const Pattern){.kind = PATTERN_VALUE, .index = 1})
#define Z (&(const Pattern){.kind = PATTERN_VALUE, .index = 2})
#define KNOWN(i) (&(const Pattern){.kind = PATTERN_CONSTANT, .index = (i)})
#define NUMBER(value) (&(const Pattern){.kind = PATTERN_NUMBER, .number = (value)})
#define MATCH(name, ...) (&(const Pattern){.kind = PATTERN_OP, .op = OP_##name, .in = {__VA_ARGS__}})
#define EITHER(name, ...) (&(const Pattern){.kind = PATTERN_OP, .op = OP_##name, .commutes = true, .in = {__VA_ARGS__}})

/* What a pattern's indices stand for in one match. */
typedef struct Match {
    const Uses *uses; /* of the whole graph, as it is before the rule applies */
    Node *root;
    Value bound[MAX_BINDINGS];
    Node *node[MAX_BINDINGS]; /* matched operator nodes in pre-order, root first */
    int nodes;
} Match;

typedef struct Rule {
    const char *name;
    Exactness exactness;
    const Pattern *from;
    const Pattern *to;                                  /* or, when attributes or constants are computed: */
    Value (*build)(const Maker *m, const Match *match); /* a value without node: does not apply after all */
    bool (*applies)(const Match *match);                /* what shape and attributes must also hold; NULL: nothing */
} Rule;

typedef struct RuleSet {
    const Rule *rows;
    int count;
} RuleSet;

/* The elements of a param or constant when they are known, else NULL. */
const Tensor *constant_elements(Value value);

/* Applies the rules that `allowed` admits until none fits; how often one did, or -1 after an error. */
int rewrite(Graph *graph, RuleSet rules, Exactness allowed, Diag *diag);

extern const RuleSet simplify_rules;
extern const RuleSet scale_rules;
extern const RuleSet view_rules;

#endif
