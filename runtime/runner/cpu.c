/* Does this processor have what the code was compiled for? */
#include "runtime/runner/message.h"
#include "runtime/runner/session.h"

#include <string.h>

#if defined(__x86_64__)
/* LLVM's name of a feature, then the compiler's. */
#define FEATURES(X)                                                                                                    \
    X("sse4.2", "sse4.2")                                                                                              \
    X("popcnt", "popcnt") X("avx", "avx") X("avx2", "avx2") X("fma", "fma") X("bmi", "bmi") X("bmi2", "bmi2")          \
        X("avx512f", "avx512f") X("avx512bw", "avx512bw") X("avx512cd", "avx512cd") X("avx512dq", "avx512dq")          \
            X("avx512vl", "avx512vl") X("avx512vnni", "avx512vnni") X("avx512vbmi", "avx512vbmi")                      \
                X("avx512ifma", "avx512ifma") X("avx512bf16", "avx512bf16")

/* -1: not a feature that we know of. */
static int has_feature(const char *name, size_t length)
{
#define ROW(ours, theirs)                                                                                              \
    if (sizeof(ours) - 1 == length && memcmp(name, ours, length) == 0) return __builtin_cpu_supports(theirs) != 0;
    FEATURES(ROW)
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
            if (strlen(levels[i][0]) == length && memcmp(levels[i][0], word, length) == 0 &&
                has_feature(levels[i][1], strlen(levels[i][1])) == 0)
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
