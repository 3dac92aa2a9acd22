/* What becomes of each node in the text; for frontend/write*.c only. */
#ifndef FRONTEND_WRITE_PLAN_H
#define FRONTEND_WRITE_PLAN_H

#include "frontend/write.h"
#include "ir/node_map.h"

typedef enum Role {
    ROLE_STATEMENT,
    ROLE_NUMBER, /* a constant that stands as an operand */
    ROLE_LAYER,  /* a parameter that its layer makes */
    ROLE_PIPED   /* flows into the next node, as operand 0 */
} Role;

struct Writing {
    Arena *arena;
    Graph *graph;
    const char *weights;
    NodeMap *uses;   /* of all results of a node */
    NodeMap *roles;  /* a Role */
    NodeMap *layers; /* of nodes that make parameters: their attributes, those of a layer among them */
};

Role write_role(const Writing *w, const Node *node);
/* The attributes to print. */
const void *write_attrs(const Writing *w, const Node *node);
/* Whether the node makes its parameters. */
bool write_is_layer(const Writing *w, const Node *node);
/* A scalar as a literal, NULL when there is none that reads back to the same bits. */
const char *write_number(Arena *arena, const Node *constant);
/* Whether the elements are in the file. */
bool write_is_stored(const Node *node);

#endif
