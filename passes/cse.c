/* Equal computations become one: same operator, attributes and operands.
 * Constants and params are equal when their elements are. */
#include "ir/op.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

#include <string.h>

enum { HASHED_BYTES = 4096 }; /* of a constant's elements; more would not tell more apart */

typedef struct Seen {
    Node **slots;
    size_t room;
} Seen;

static uint64_t mix(uint64_t hash, uint64_t next) { return (hash ^ next) * 0x9e3779b97f4a7c15u + (hash >> 29); }

static uint64_t hash_elements(const Tensor *tensor)
{
    uint64_t hash = (uint64_t)type_elements(&tensor->type);
    int64_t bytes = type_bytes(&tensor->type);
    const unsigned char *data = tensor->data;
    for (int64_t i = 0; i < bytes && i < HASHED_BYTES; i++) hash = mix(hash, data[i]);
    return hash;
}

static uint64_t hash_node(const Node *node)
{
    uint64_t hash = mix(0, (uint64_t)node->op);
    const Tensor *elements = constant_elements((Value){(Node *)node, 0});
    if (elements) return mix(hash, hash_elements(elements));
    for (int i = 0; i < node->ninputs; i++)
        hash = mix(mix(hash, (uint64_t)(uintptr_t)node->inputs[i].node), (uint64_t)node->inputs[i].slot);
    return mix(hash, attrs_hash(&node_def(node)->attrs, node->attrs));
}

/* A seeded param without elements yet depends on its name, so that only those of files can be told to be equal. */
static bool same_source(const Node *a, const Node *b)
{
    if (a->data || b->data) return a->data && b->data && tensor_identical(a->data, b->data);
    if (a->op != OP_param || !type_equal(&a->types[0], &b->types[0])) return false;
    const ParamAttrs *from = a->attrs;
    return ((from->file && from->key) || from->raw) && attrs_equal(&node_def(a)->attrs, a->attrs, b->attrs);
}

static bool same_computation(const Node *a, const Node *b)
{
    if (a->op != b->op || a->ninputs != b->ninputs) return false;
    if (node_def(a)->kind == KIND_SOURCE) return same_source(a, b);
    for (int i = 0; i < a->ninputs; i++)
        if (!value_equal(a->inputs[i], b->inputs[i])) return false;
    return attrs_equal(&node_def(a)->attrs, a->attrs, b->attrs);
}

/* The node's twin that came before; NULL, and the node entered, when there is none. */
static Node *find_or_enter(Seen *seen, Node *node)
{
    size_t slot = (size_t)(hash_node(node) >> 17) & (seen->room - 1);
    for (; seen->slots[slot]; slot = (slot + 1) & (seen->room - 1))
        if (same_computation(seen->slots[slot], node)) return seen->slots[slot];
    seen->slots[slot] = node;
    return NULL;
}

/* The outer graph gives nothing to compare with: regions run under a condition or many times. */
static void merge_graph(Graph *graph, Uses *uses, Arena *scratch)
{
    Seen seen = {.room = 16};
    for (const Node *n = graph->first; n; n = n->next) seen.room += 2;
    while (seen.room & (seen.room - 1)) seen.room += seen.room & -seen.room;
    seen.slots = ARENA_ARRAY(scratch, Node *, seen.room);
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        for (int r = 0; r < node->nregions; r++) merge_graph(node->regions[r], uses, scratch);
        if (node->nregions) continue;
        Node *twin = find_or_enter(&seen, node);
        if (!twin) continue;
        for (int slot = 0; slot < node->nresults; slot++) uses_replace(uses, (Value){node, slot}, (Value){twin, slot});
        twin->origin = origin_join(graph->arena, twin->origin, node->origin);
        uses_remove(uses, node);
    }
}

bool pass_cse(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context, (void)diag;
    Arena *scratch = arena_child(graph->arena);
    merge_graph(graph, uses_new(scratch, graph), scratch);
    arena_free(scratch);
    return true;
}
