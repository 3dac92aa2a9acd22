/* Sounds: RIFF/WAVE files of 16-bit samples of one channel. */
#include "runtime/runner/element.h"
#include "runtime/runner/message.h"
#include "runtime/runner/read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct Wave {
    unsigned format, channels, bits;
    const unsigned char *samples;
    size_t bytes;
} Wave;

bool wav_is(const File *file)
{
    return file->size >= 12 && memcmp(file->bytes, "RIFF", 4) == 0 && memcmp(file->bytes + 8, "WAVE", 4) == 0;
}

static unsigned two(const unsigned char *b) { return (unsigned)b[0] | (unsigned)b[1] << 8; }
static size_t four(const unsigned char *b) { return (size_t)two(b) | (size_t)two(b + 2) << 16; }

/* Chunks one behind the other, each padded to an even size; a stream's last one may say more than there is. */
static const char *read_chunks(const File *file, Wave *out)
{
    for (size_t at = 12; at + 8 <= file->size;) {
        const unsigned char *chunk = file->bytes + at, *body = chunk + 8;
        size_t left = file->size - at - 8, size = four(chunk + 4);
        if (memcmp(chunk, "data", 4) == 0) {
            out->samples = body;
            out->bytes = size < left ? size : left;
            return out->format ? NULL : "its samples come before their format";
        }
        if (size > left) return "it ends in a chunk";
        if (memcmp(chunk, "fmt ", 4) == 0) {
            if (size < 16) return "its format is cut short";
            out->format = two(body);
            if (out->format == 0xfffe && size >= 26)
                out->format = two(body + 24); /* the extensible form says it there */
            out->channels = two(body + 2);
            out->bits = two(body + 14);
        }
        at += 8 + size + (size & 1);
    }
    return "it has no samples";
}

/* As the port has them: i16, or f32 from -1 to 1.  In the file's own memory, or in new memory that takes its place. */
static int convert(File *file, const Wave *wave, const LepPort *port)
{
    size_t count = wave->bytes / 2;
    float *reals = port->dtype == LEP_F32 ? malloc(count * sizeof *reals + 1) : NULL;
    if (port->dtype == LEP_F32 && !reals) return message(RUNNER_SYSTEM, "%s: out of memory", file->path);
    if (!reals) memmove(file->bytes, wave->samples, count * 2);
    for (size_t i = 0; i < count; i++) {
        int16_t sample = (int16_t)two(reals ? wave->samples + 2 * i : file->bytes + 2 * i);
        if (reals)
            reals[i] = (float)sample / 32768.0f;
        else
            memcpy(file->bytes + 2 * i, &sample, 2);
    }
    file->size = count * (reals ? sizeof *reals : 2);
    if (!reals) return RUNNER_OK;
    free(file->bytes);
    file->bytes = (unsigned char *)reals;
    return RUNNER_OK;
}

static int wrong_form(const File *file, const Wave *wave)
{
    message(RUNNER_INPUT, "%s: a sound of %u channels, %u bits%s; expected one channel of 16 bits", file->path,
            wave->channels, wave->bits, wave->format == 1 ? "" : ", compressed or not of integers");
    message_help("sox \"%s\" -c 1 -b 16 -e signed-integer fitting.wav", file->path);
    return RUNNER_INPUT;
}

static int wrong_length(const File *file, size_t samples, const LepPort *port)
{
    char expected[SHAPE_TEXT];
    size_t row = port_row_elements(port);
    message(RUNNER_INPUT, "%s: %zu samples, but %s takes %s: expected %zu, or another multiple of %zu", file->path,
            samples, port->name, port_text(expected, port), row, row);
    message_help("sox \"%s\" fitting.wav trim 0 %zus pad 0 %zus", file->path, row, samples < row ? row - samples : 0);
    return RUNNER_INPUT;
}

int wav_read(File *file, const LepPort *port)
{
    Wave wave = {0};
    if (port->dtype != LEP_I16 && port->dtype != LEP_F32)
        return message(RUNNER_INPUT, "%s: a sound, but %s takes neither i16 nor f32", file->path, port->name);
    const char *why = read_chunks(file, &wave);
    if (why) return message(RUNNER_INPUT, "%s: damaged sound: %s", file->path, why);
    if (wave.format != 1 || wave.channels != 1 || wave.bits != 16) return wrong_form(file, &wave);
    return convert(file, &wave, port);
}

int wav_rows(const File *file, const LepPort *port, Rows *out)
{
    size_t samples = file->size / element_bytes(port->dtype), row = port_row_elements(port);
    if (samples == 0 || row == 0 || samples % row) return wrong_length(file, samples, port);
    out->data = file->bytes;
    out->count = (int64_t)(samples / row);
    return RUNNER_OK;
}
