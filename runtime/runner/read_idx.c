/* IDX, the format of MNIST: 0 0 type rank, the dims, the elements, all big endian. */
#include "runtime/runner/element.h"
#include "runtime/runner/message.h"
#include "runtime/runner/read.h"

static int dtype_of(unsigned char code)
{
    switch (code) {
    case 0x08: return LEP_U8;
    case 0x09: return LEP_I8;
    case 0x0b: return LEP_I16;
    case 0x0c: return LEP_I32;
    case 0x0d: return LEP_F32;
    case 0x0e: return LEP_F64;
    default: return -1;
    }
}

bool idx_is(const File *file)
{
    const unsigned char *b = file->bytes;
    return file->size >= 4 && b[0] == 0 && b[1] == 0 && dtype_of(b[2]) >= 0 && b[3] >= 1 && b[3] <= LEP_MAX_RANK;
}

static void swap_elements(unsigned char *data, size_t bytes, size_t size)
{
    for (size_t i = 0; i + size <= bytes; i += size)
        for (size_t k = 0; k < size / 2; k++) {
            unsigned char swap = data[i + k];
            data[i + k] = data[i + size - 1 - k];
            data[i + size - 1 - k] = swap;
        }
}

int idx_read(File *file, Array *out)
{
    const unsigned char *b = file->bytes;
    *out = (Array){.dtype = dtype_of(b[2]), .rank = b[3]};
    size_t start = 4 + 4 * (size_t)out->rank, bytes;
    if (file->size < start) return message(RUNNER_INPUT, "%s: damaged IDX file: it ends in the header", file->path);
    for (int i = 0; i < out->rank; i++) {
        const unsigned char *d = b + 4 + 4 * i;
        out->dim[i] = (int64_t)((uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3]);
    }
    if (!array_size(out, &bytes) || bytes != file->size - start)
        return message(RUNNER_INPUT,
                       "%s: damaged IDX file: its header and its size do not agree: %zu bytes of elements", file->path,
                       file->size - start);
    out->data = file->bytes + start;
    out->bytes = bytes;
    if (element_bytes(out->dtype) > 1) swap_elements(out->data, bytes, element_bytes(out->dtype));
    return RUNNER_OK;
}
