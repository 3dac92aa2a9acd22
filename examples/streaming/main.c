/* Two streams through one model: each has a context of its own, and both take turns.  With a path as argument, the
 * first stream's frames are written there as well. */
#include "vad.h"

#include <stdint.h>
#include <stdio.h>

enum { FRAME = 512, FRAMES = 8 };

/* Memory is the caller's: the model allocates nothing. */
typedef struct Stream {
    _Alignas(VAD_CONTEXT_ALIGN) unsigned char context[VAD_CONTEXT_BYTES];
    uint32_t noise;
} Stream;

static _Alignas(VAD_ARENA_ALIGN) unsigned char arena[VAD_ARENA_BYTES];

/* A made-up microphone: noise, that is loud in every other half second. */
static void record(Stream *stream, int number, float frame[FRAME])
{
    float volume = number / 2 % 2 ? 1.0f : 0.05f;
    for (int i = 0; i < FRAME; i++) {
        stream->noise = stream->noise * 1664525u + 1013904223u;
        frame[i] = volume * ((float)(stream->noise >> 8) / 8388608.0f - 1.0f);
    }
}

static int next_frame(Stream *stream, int number, FILE *copy)
{
    float frame[FRAME], speech[1];
    record(stream, number, frame);
    if (copy && fwrite(frame, sizeof *frame, FRAME, copy) != FRAME) return 1;
    if (vad_run(frame, speech, stream->context, arena, NULL) != LEP_OK) return 1;
    printf(copy ? "%.9g\n" : "  other stream %.9g\n", (double)speech[0]);
    return 0;
}

int main(int argc, char **argv)
{
    static Stream first = {.noise = 1}, second = {.noise = 2};
    FILE *copy = argc > 1 ? fopen(argv[1], "wb") : NULL;
    if (argc > 1 && !copy) return 1;
    if (vad_reset(first.context) != LEP_OK || vad_reset(second.context) != LEP_OK) return 1;
    for (int i = 0; i < FRAMES; i++) {
        if (next_frame(&first, i, copy)) return 1;
        if (i % 3 == 0 && next_frame(&second, i, NULL)) return 1;
    }
    return copy ? fclose(copy) != 0 : 0;
}
