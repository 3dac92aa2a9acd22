/* Tags the words of each line of its input: ./tag words.txt < commands. */
#include "tagger.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 16, TAGS = 6, MOST = 256, LONGEST = 32 };

static const char *const tags[] = {"", "action", "device", "room", "source", "value"}; /* of tags.txt */
static _Alignas(TAGGER_ARENA_ALIGN) unsigned char arena[TAGGER_ARENA_BYTES];

typedef struct Vocabulary {
    char word[MOST][LONGEST];
    int count;
} Vocabulary;

static int read_words(Vocabulary *v, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) return 1;
    while (v->count < MOST && fgets(v->word[v->count], LONGEST, file)) {
        v->word[v->count][strcspn(v->word[v->count], "\n")] = 0;
        v->count++;
    }
    return fclose(file) != 0;
}

/* 1 when it is unknown. */
static int32_t find(const Vocabulary *v, const char *word)
{
    for (int i = 2; i < v->count; i++)
        if (!strcmp(v->word[i], word)) return i;
    return 1;
}

static int tag_line(const Vocabulary *v, char *line)
{
    int32_t numbers[WORDS] = {0};
    const char *words[WORDS];
    float p[WORDS * TAGS];
    int count = 0;
    for (char *word = strtok(line, " \n"); word && count < WORDS; word = strtok(NULL, " \n")) {
        words[count] = word;
        numbers[count++] = find(v, word);
    }
    if (tagger_run(numbers, p, arena, NULL) != LEP_OK) return 1;
    for (int i = 0; i < count; i++) {
        int best = 0;
        for (int k = 1; k < TAGS; k++)
            if (p[i * TAGS + k] > p[i * TAGS + best]) best = k;
        printf("%s%s%s%s", i ? " " : "", words[i], best ? "/" : "", tags[best]);
    }
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    static Vocabulary vocabulary;
    char line[1024];
    if (argc != 2 || read_words(&vocabulary, argv[1])) return fputs("usage: tag words.txt < commands\n", stderr), 2;
    while (fgets(line, sizeof line, stdin))
        if (tag_line(&vocabulary, line)) return 1;
    return 0;
}
