/* Draws digits: ./gan 2024 > picture.pgm, one beside the other; with a second argument by the hand of that number. */
#include "gan.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 28, NOISE = 16, MOST = 64 };

static _Alignas(GAN_ARENA_ALIGN) unsigned char arena[GAN_ARENA_BYTES];

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*seed >> 33) + 0.5) / 2147483648.0;
}

/* Numbers from a normal distribution (Box and Muller 1958). */
static void draw_noise(uint64_t *seed, float noise[NOISE])
{
    for (int i = 0; i < NOISE; i++) {
        double length = sqrt(-2 * log(uniform(seed)));
        noise[i] = (float)(length * cos(6.283185307179586 * uniform(seed)));
    }
}

int main(int argc, char **argv)
{
    static uint8_t pictures[MOST][SIDE * SIDE];
    const char *digits = argc > 1 ? argv[1] : "0123456789";
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    size_t count = strlen(digits);
    if (!count || count > MOST || strspn(digits, "0123456789") != count)
        return fprintf(stderr, "gan: expected up to %d digits\n", MOST), 2;
    for (size_t i = 0; i < count; i++) {
        float noise[NOISE];
        int32_t digit = digits[i] - '0';
        draw_noise(&seed, noise);
        if (gan_run(noise, &digit, pictures[i], arena, NULL) != LEP_OK) return 1;
    }
    printf("P5\n%zu %d\n255\n", count * SIDE, SIDE);
    for (int row = 0; row < SIDE; row++)
        for (size_t i = 0; i < count; i++) fwrite(&pictures[i][row * SIDE], 1, SIDE, stdout);
    return ferror(stdout) != 0;
}
