/* The packed constants of a planned graph, byte for byte as code reads them. */
#include "backend/object.h"

#include "ir/op.h"
#include "ir/packing.h"

#include <assert.h>
#include <string.h>

/* The elements of a param or constant; one of equal elements may have been left unsaid. */
static Tensor elements_of(const Node *node)
{
    if (node->data) return *node->data;
    assert(node->op == OP_constant);
    Tensor tensor = tensor_new(node->graph->arena, node->types[0]);
    const ConstantAttrs *attrs = node->attrs;
    for (int64_t i = 0; i < type_elements(&tensor.type); i++) tensor_set_real(&tensor, i, attrs->value);
    return tensor;
}

void weights_fill(const Graph *graph, unsigned char *section)
{
    for (const Node *node = graph->first; node; node = node->next) {
        bool source = node_def(node)->kind == KIND_SOURCE; /* not a reshape of one, which is the same bytes */
        if (!source || !node->places || node->places[0].space != SPACE_CONSTANT) continue;
        const Place *place = &node->places[0];
        Tensor tensor = elements_of(node);
        packing_of(place)->fill(place, &tensor, section + place->offset);
    }
}

enum { LANES = 4 };
static const uint64_t fnv_start = 0xcbf29ce484222325u, fnv_prime = 0x100000001b3u;

uint64_t weights_hash(const unsigned char *data, size_t bytes)
{
    uint64_t lanes[LANES] = {fnv_start, fnv_start, fnv_start, fnv_start}, words[LANES], hash = fnv_start;
    for (size_t at = 0; at < bytes; at += sizeof words) {
        memcpy(words, data + at, sizeof words);
        for (int i = 0; i < LANES; i++) lanes[i] = (lanes[i] ^ words[i]) * fnv_prime;
    }
    for (int i = 0; i < LANES; i++) hash = (hash ^ lanes[i]) * fnv_prime;
    return hash;
}

uint64_t weights_seal(unsigned char *block, size_t bytes)
{
    const uint64_t header[] = {WEIGHTS_MAGIC, weights_hash(block + WEIGHTS_HEADER, bytes), bytes};
    memset(block, 0, WEIGHTS_HEADER);
    memcpy(block, header, sizeof header);
    return header[1];
}
