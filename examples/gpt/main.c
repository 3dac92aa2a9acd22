/* Goes on writing where its argument ends: ./gpt "the cat and the mouse" [letters [seed]].
 * Without a seed the likeliest letter is taken each time. */
#include "gpt.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "\n \"',-.:?abcdefghijklmnopqrstuvwxyz"; /* as in train.py */

enum { LETTERS = sizeof alphabet - 1, PLACES = 128, LONGEST = 4096 };

static _Alignas(GPT_CONTEXT_ALIGN) unsigned char context[GPT_CONTEXT_BYTES];
static _Alignas(GPT_ARENA_ALIGN) unsigned char arena[GPT_ARENA_BYTES];

typedef struct Writer {
    int32_t text[LONGEST];
    int length, seen; /* letters of the text; how many of them the network has in its places */
    float scores[LETTERS];
} Writer;

/* Shows the network what it has not seen.  When its places are full, it looks at the later half again. */
static int read_on(Writer *w)
{
    int begin = w->length - 1;
    if (w->seen == 0 || w->seen == PLACES) {
        begin = w->length > PLACES / 2 ? w->length - PLACES / 2 : 0;
        w->seen = 0;
        if (gpt_reset(context) != LEP_OK) return 1;
    }
    for (int i = begin; i < w->length; i++, w->seen++)
        if (gpt_run(&w->text[i], w->scores, context, arena, NULL) != LEP_OK) return 1;
    return 0;
}

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 33) / 2147483648.0;
}

/* The likeliest letter, or one drawn by its probability, at a temperature of 0.7. */
static int32_t choose(const float *scores, uint64_t *seed)
{
    double weights[LETTERS], total = 0, drawn;
    int32_t best = 0;
    for (int i = 1; i < LETTERS; i++)
        if (scores[i] > scores[best]) best = i;
    if (!seed) return best;
    for (int i = 0; i < LETTERS; i++) total += weights[i] = exp((double)(scores[i] - scores[best]) / 0.7);
    drawn = uniform(seed) * total;
    for (int32_t i = 0; i < LETTERS; i++) {
        drawn -= weights[i];
        if (drawn < 0) return i;
    }
    return best;
}

int main(int argc, char **argv)
{
    static Writer w;
    const char *prompt = argc > 1 ? argv[1] : "the ";
    int letters = argc > 2 ? atoi(argv[2]) : 200;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    for (const char *c = prompt; *c && w.length < LONGEST / 2; c++) {
        const char *at = strchr(alphabet, *c);
        if (!at) return fprintf(stderr, "gpt: '%c' is no letter that it knows: small ones and \"',-.:?\n", *c), 2;
        w.text[w.length++] = (int32_t)(at - alphabet);
    }
    if (!w.length) return fputs("gpt: expected a beginning\n", stderr), 2;
    fputs(prompt, stdout);
    for (int i = 0; i < letters && w.length < LONGEST; i++) {
        if (read_on(&w)) return 1;
        w.text[w.length] = choose(w.scores, argc > 3 ? &seed : NULL);
        putchar(alphabet[w.text[w.length++]]);
    }
    putchar('\n');
    return 0;
}
