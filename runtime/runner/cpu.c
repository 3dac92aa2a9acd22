/* Does this processor have what the code was compiled for? */
#include "runtime/runner/message.h"
#include "runtime/runner/session.h"

#include <string.h>

#if defined(__x86_64__)
static bool is_word(const char *name, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(name, word, length) == 0;
}

/* LLVM and the C compiler call these the same; -1: not a feature that we know of. */
static int has_feature(const char *name, size_t length)
{
#define ROW(feature)                                                                                                   \
    if (is_word(name, length, feature)) return __builtin_cpu_supports(feature) != 0
    ROW("sse4.2");
    ROW("popcnt");
    ROW("avx");
    ROW("avx2");
    ROW("fma");
    ROW("bmi");
    ROW("bmi2");
    ROW("avx512f");
    ROW("avx512bw");
    ROW("avx512cd");
    ROW("avx512dq");
    ROW("avx512vl");
    ROW("avx512vnni");
    ROW("avx512vbmi");
    ROW("avx512ifma");
    ROW("avx512bf16");
#undef ROW
    return -1;
}

/* The levels of the x86-64 ABI by the features that code of ours would use first. */
static const char *const levels[][2] = {{"x86-64-v2", "sse4.2"}, {"x86-64-v3", "avx2"},     {"x86-64-v3", "fma"},
                                        {"x86-64-v3", "bmi2"},   {"x86-64-v4", "avx512vl"}, {"x86-64-v4", "avx512bw"}};

static int lacks(const LepModel *model, const char *feature, size_t length)
{
    return message(RUNNER_SYSTEM,
                   "this processor lacks %.*s: the binary was compiled for %s; compile for --cpu=native here",
                   (int)length, feature, model->target);
}

int cpu_check(const LepModel *model)
{
    const char *separators = " ,\t";
    for (const char *word = model->target; *word;) {
        size_t length = strcspn(word, separators);
        if (*word == '+' && has_feature(word + 1, length - 1) == 0) return lacks(model, word + 1, length - 1);
        for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
            if (is_word(word, length, levels[i][0]) && has_feature(levels[i][1], strlen(levels[i][1])) == 0)
                return lacks(model, levels[i][1], strlen(levels[i][1]));
        word += length;
        word += strspn(word, separators);
    }
    return RUNNER_OK;
}
#else
int cpu_check(const LepModel *model)
{
    (void)model;
    return RUNNER_OK;
}
#endif
