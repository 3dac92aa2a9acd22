/* Finds shapes in pictures: ./detect pictures/01.pgm ... prints of each that it finds the file, the kind, and the box
 * as y and x of two corners, in pixels. */
#include "detector.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 64, KINDS = 4, CORNERS = 4 };

static const char *const kinds[] = DETECTOR_KIND_LABELS;
static _Alignas(DETECTOR_ARENA_ALIGN) unsigned char arena[DETECTOR_ARENA_BYTES];

static int read_picture(const char *path, uint8_t picture[SIDE * SIDE])
{
    int width = 0, height = 0, most = 0;
    FILE *file = fopen(path, "rb");
    if (!file) return 1;
    int fits =
        fscanf(file, "P5 %d %d %d", &width, &height, &most) == 3 && width == SIDE && height == SIDE && most == 255;
    int whole = fits && fgetc(file) != EOF && fread(picture, 1, SIDE * SIDE, file) == SIDE * SIDE;
    return fclose(file) != 0 || !whole;
}

static int find(const char *path)
{
    uint8_t picture[SIDE * SIDE];
    float box[DETECTOR_FOUND_MAX * CORNERS], kind[DETECTOR_FOUND_MAX * KINDS];
    int64_t found;
    if (read_picture(path, picture)) return fprintf(stderr, "%s: expected a PGM file of 64 x 64 pixels\n", path), 1;
    if (detector_run(picture, box, kind, &found, arena, NULL) != LEP_OK) return 1;
    for (int64_t i = 0; i < found; i++) {
        const float *at = &box[i * CORNERS], *certain = &kind[i * KINDS];
        int best = 1;
        for (int k = 2; k < KINDS; k++)
            if (certain[k] > certain[best]) best = k;
        const char *slash = strrchr(path, '/');
        printf("%s %s %.1f %.1f %.1f %.1f\n", slash ? slash + 1 : path, kinds[best], (double)at[0], (double)at[1],
               (double)at[2], (double)at[3]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int status = argc < 2 ? 2 : 0;
    for (int i = 1; i < argc; i++) status |= find(argv[i]);
    return status;
}
