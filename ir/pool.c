#include "ir/pool.h"

#include "ir/node_map.h"
#include "ir/op.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { POOL_ALIGN = 64 };

typedef struct PoolPiece {
    const Tensor *tensor;
    int64_t offset;
} PoolPiece;

struct Pool {
    const char *name;
    NodeMap *offsets;
    PoolPiece *pieces;
    size_t count, capacity;
    int64_t bytes;
    Arena *arena;
};

static void collect(Pool *pool, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->nregions; i++) collect(pool, node->regions[i]);
        double value;
        if (node->op != OP_constant || !node->data || tensor_is_splat(node->data, &value)) continue;
        int64_t offset = (pool->bytes + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
        pool->pieces = arena_grow(pool->arena, pool->pieces, pool->count, &pool->capacity, sizeof(PoolPiece));
        pool->pieces[pool->count++] = (PoolPiece){node->data, offset};
        *node_map_cell(pool->offsets, node) = offset;
        pool->bytes = offset + type_bytes(&node->data->type);
    }
}

typedef bool Sink(void *context, const void *bytes, size_t size);

/* The file's bytes in order, gaps as zeros. */
static bool pour(const Pool *pool, Sink *sink, void *context)
{
    static const unsigned char zeros[POOL_ALIGN];
    int64_t at = 0;
    for (size_t i = 0; i < pool->count; i++) {
        const PoolPiece *piece = &pool->pieces[i];
        size_t size = (size_t)type_bytes(&piece->tensor->type);
        if (!sink(context, zeros, (size_t)(piece->offset - at))) return false;
        if (!sink(context, piece->tensor->data, size)) return false;
        at = piece->offset + (int64_t)size;
    }
    return true;
}

static bool hash_sink(void *context, const void *bytes, size_t size)
{
    uint64_t hash = *(uint64_t *)context;
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * 0x100000001b3u;
    *(uint64_t *)context = hash;
    return true;
}

static bool file_sink(void *context, const void *bytes, size_t size) { return fwrite(bytes, 1, size, context) == size; }

Pool *pool_of(Arena *arena, const Graph *graph)
{
    Pool *pool = ARENA_NEW(arena, Pool);
    *pool = (Pool){.arena = arena, .offsets = node_map_new(arena)};
    collect(pool, graph);
    uint64_t hash = 0xcbf29ce484222325u;
    if (pool->count && pour(pool, hash_sink, &hash))
        pool->name = arena_printf(arena, "%016llx.bin", (unsigned long long)hash);
    return pool;
}

const char *pool_name(const Pool *pool) { return pool->name; }

int64_t pool_offset(const Pool *pool, const Node *node)
{
    const int64_t *offset = node_map_find(pool->offsets, node);
    return offset ? *offset : -1;
}

bool pool_write(const Pool *pool, FILE *out) { return pour(pool, file_sink, out); }

static bool write_file(const Pool *pool, const char *path)
{
    FILE *out = fopen(path, "wb");
    if (!out) return false;
    bool written = pool_write(pool, out);
    return fclose(out) == 0 && written;
}

bool graph_write_pool(const Graph *graph, const char *folder, Diag *diag)
{
    Pool *pool = pool_of(diag->arena, graph);
    if (!pool->name) return true;
    const char *path = arena_printf(diag->arena, "%s/%s", folder, pool->name);
    const char *temporary = arena_printf(diag->arena, "%s.%ld.tmp", path, (long)getpid());
    if (write_file(pool, temporary) && rename(temporary, path) == 0) return true;
    int error = errno;
    remove(temporary);
    return diag_error(diag, E0901, (Span){.name = path}, "cannot write the constants of the dump: %s", strerror(error));
}
