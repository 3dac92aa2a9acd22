/* Says what each line of its input is about: ./topic words.txt < sentences. */
#include "text_classifier.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 16, MOST = 1024, LONGEST = 32 };

static const char *const topics[] = {"weather", "food", "sport", "travel"}; /* of topics.txt */
static _Alignas(TEXT_CLASSIFIER_ARENA_ALIGN) unsigned char arena[TEXT_CLASSIFIER_ARENA_BYTES];

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

/* 0 when it is unknown. */
static int32_t find(const Vocabulary *v, const char *word)
{
    for (int i = 1; i < v->count; i++)
        if (!strcmp(v->word[i], word)) return i;
    return 0;
}

/* The known words of a line, at most WORDS. */
static void read_line(const Vocabulary *v, const char *line, int32_t out[WORDS])
{
    int count = 0;
    memset(out, 0, WORDS * sizeof *out);
    while (*line && count < WORDS) {
        char word[LONGEST];
        size_t length = 0;
        for (; isalpha((unsigned char)*line); line++)
            if (length < LONGEST - 1) word[length++] = (char)tolower((unsigned char)*line);
        word[length] = 0;
        if (length && find(v, word)) out[count++] = find(v, word);
        while (*line && !isalpha((unsigned char)*line)) line++;
    }
}

int main(int argc, char **argv)
{
    static Vocabulary vocabulary;
    char line[1024];
    if (argc != 2 || read_words(&vocabulary, argv[1])) return fputs("usage: topic words.txt < sentences\n", stderr), 2;
    while (fgets(line, sizeof line, stdin)) {
        int32_t words[WORDS];
        float p[4];
        int best = 0;
        read_line(&vocabulary, line, words);
        if (text_classifier_run(words, p, arena, NULL) != LEP_OK) return 1;
        for (int i = 1; i < 4; i++)
            if (p[i] > p[best]) best = i;
        printf("%-8s %3.0f %%  %s", topics[best], 100 * (double)p[best], line);
    }
    return 0;
}
