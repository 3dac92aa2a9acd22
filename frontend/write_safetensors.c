#include "frontend/safetensors.h"
#include "frontend/write_plan.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, LENGTH_BYTES = 8 };

bool writing_has_weights(const Writing *w)
{
    for (const Node *node = w->graph->first; node; node = node->next)
        if (write_is_stored(node) && write_role(w, node) != ROLE_NUMBER) return true;
    return false;
}

static cJSON *checked(Arena *arena, cJSON *item)
{
    if (!item) arena_exhausted(arena);
    return item;
}

static void add(Arena *arena, cJSON *to, const char *key, cJSON *item)
{
    checked(arena, item);
    if (!(key ? cJSON_AddItemToObject(to, key, item) : cJSON_AddItemToArray(to, item))) arena_exhausted(arena);
}

static void describe(Arena *arena, cJSON *header, const Node *node, int64_t *offset)
{
    const Type *type = &node->types[0];
    cJSON *entry = checked(arena, cJSON_CreateObject()), *shape = checked(arena, cJSON_CreateArray());
    cJSON *offsets = checked(arena, cJSON_CreateArray());
    add(arena, entry, "dtype", cJSON_CreateString(safetensors_dtype(type->dtype)));
    for (int i = 0; i < type->rank; i++) add(arena, shape, NULL, cJSON_CreateNumber((double)type->dim[i].high));
    add(arena, entry, "shape", shape);
    add(arena, offsets, NULL, cJSON_CreateNumber((double)*offset));
    *offset += type_bytes(type);
    add(arena, offsets, NULL, cJSON_CreateNumber((double)*offset));
    add(arena, entry, "data_offsets", offsets);
    add(arena, header, node->name, entry);
}

/* Largest elements first, so that each begins at a multiple of its own size: the format has no gaps. */
static int size_rank(const Node *node) { return write_is_stored(node) ? dtype_bits(node->types[0].dtype) / 8 : 0; }

void writing_weights(const Writing *w, FILE *out)
{
    int64_t offset = 0;
    cJSON *header = checked(w->arena, cJSON_CreateObject());
    for (int size = 8; size; size /= 2)
        for (const Node *node = w->graph->first; node; node = node->next)
            if (size_rank(node) == size && write_role(w, node) != ROLE_NUMBER)
                describe(w->arena, header, node, &offset);
    char *text = cJSON_PrintUnformatted(header);
    if (!text) arena_exhausted(w->arena);
    size_t length = strlen(text),
           padded = (length + LENGTH_BYTES + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++) fputc((int)((uint64_t)padded >> 8 * i & 255), out);
    fprintf(out, "%-*s", (int)padded, text);
    free(text);
    cJSON_Delete(header);
    for (int size = 8; size; size /= 2)
        for (const Node *node = w->graph->first; node; node = node->next)
            if (size_rank(node) == size && write_role(w, node) != ROLE_NUMBER)
                fwrite(node->data->data, 1, (size_t)type_bytes(&node->types[0]), out);
}
