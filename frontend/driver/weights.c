/* Weights that are not in the object: packed straight into the mapped file that they end up in. */
#include "frontend/driver/weights.h"

#include "backend/object.h"
#include "runtime/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* From here on constants go behind a program and not into it, where linkers would copy them; and objects that hold them
 * let the linker put them anywhere. */
static const int64_t appended_from = INT64_C(256) << 20, far_from = INT64_C(1) << 30;

/* Where in a program's file a block may begin: whatever pages its system has. */
static const off_t file_align = 65536;

void weights_choose(Compilation *c, WeightsPlace place)
{
    LoopProgram *p = &c->program;
    int64_t bytes = p->constant_bytes;
    int wanted = c->options->weights;
    p->weights = WEIGHTS_NEAR;
    p->weights_file = NULL;
    p->weights_hash = 0;
    if (!bytes) return;
    if (wanted == STORE_EXTERNAL && place != PLACE_MEMORY) {
        p->weights = WEIGHTS_EXTERNAL;
    } else if (place != PLACE_OBJECT && (wanted != STORE_EMBEDDED || bytes > appended_from)) {
        p->weights = WEIGHTS_EXTERNAL;
        p->weights_file = place == PLACE_PROGRAM ? "" : NULL;
    } else if (bytes > far_from)
        p->weights = WEIGHTS_FAR;
}

_Static_assert((int)WEIGHTS_HEADER == (int)LEP_WEIGHTS_HEADER && WEIGHTS_MAGIC == LEP_WEIGHTS_MAGIC,
               "code checks the block that the runtime reads");

/* The header, for `bytes` of data that are already behind it; their hash. */
static uint64_t seal(unsigned char *block, size_t bytes)
{
    const uint64_t header[] = {LEP_WEIGHTS_MAGIC, lep_weights_hash(block + LEP_WEIGHTS_HEADER, bytes), bytes};
    memset(block, 0, LEP_WEIGHTS_HEADER);
    memcpy(block, header, sizeof header);
    return header[1];
}

static bool failed(const Compilation *c, const char *path, int error)
{
    return diag_error(c->diag, E0901, (Span){.name = path}, "the weights cannot be written: %s", strerror(error));
}

/* A block at `offset` of the file, and with `tail` what tells a program where it is. */
static bool fill_file(Compilation *c, int fd, off_t offset, bool tail, const char *path)
{
    size_t bytes = (size_t)c->program.constant_bytes, room = WEIGHTS_HEADER + bytes + (tail ? 16 : 0);
    int error = posix_fallocate(fd, offset, (off_t)room);
    if (error) return failed(c, path, error);
    unsigned char *block = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    if (block == MAP_FAILED) return failed(c, path, errno);
    weights_fill(c->graph, block + WEIGHTS_HEADER);
    uint64_t hash = seal(block, bytes);
    if (tail) memcpy(block + WEIGHTS_HEADER + bytes, (const uint64_t[]){(uint64_t)offset, WEIGHTS_MAGIC}, 16);
    if (!tail) c->program.weights_hash = hash;
    munmap(block, room);
    return true;
}

bool weights_append(Compilation *c, const char *program, const char *path)
{
    struct stat info;
    int fd = open(program, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) {
        int error = errno;
        if (fd >= 0) close(fd);
        return failed(c, path, error);
    }
    bool filled = fill_file(c, fd, (info.st_size + file_align - 1) / file_align * file_align, true, path);
    return close(fd) == 0 ? filled : failed(c, path, errno);
}

/* mnist, mnist.o or libmnist.a -> mnist.weights, libmnist.weights */
static const char *file_beside(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    size_t length = dot && dot != name ? (size_t)(dot - path) : strlen(path);
    return arena_printf(arena, "%.*s.weights", (int)length, path);
}

bool weights_write(Compilation *c, const char *path)
{
    OutputSet *set = &c->driver->outputs;
    if (c->program.weights != WEIGHTS_EXTERNAL || c->program.weights_file) return true;
    if (output_is_stream(path))
        return diag_error(c->diag, E0801, (Span){.name = path},
                          "--weights=external: expected a file, beside which they go");
    const char *file = file_beside(c->arena, path), *slash = strrchr(file, '/');
    c->program.weights_file = slash ? slash + 1 : file;
    for (int i = 0; i < c->nweights; i++) /* another kind of output has the same */
        if (!strcmp(c->weights[i].path, file)) {
            c->program.weights_hash = c->weights[i].hash;
            return true;
        }
    const char *temporary = output_temporary(set, c->arena, file, file, c->diag);
    int fd = temporary ? open(temporary, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return temporary ? failed(c, file, errno) : false;
    bool filled = fill_file(c, fd, 0, false, file);
    if (close(fd)) filled = failed(c, file, errno);
    if (c->nweights < MAX_WEIGHT_FILES) c->weights[c->nweights++] = (WrittenWeights){file, c->program.weights_hash};
    return filled;
}

const void *weights_in_memory(Compilation *c)
{
    if (c->program.weights != WEIGHTS_EXTERNAL) return NULL;
    size_t bytes = (size_t)c->program.constant_bytes;
    unsigned char *block = arena_alloc(c->arena, WEIGHTS_HEADER + bytes);
    weights_fill(c->graph, block + WEIGHTS_HEADER);
    seal(block, bytes);
    return block;
}
