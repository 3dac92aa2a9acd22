#include "tests/conformance/suite.h"

#include "tests/support/compile.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

SuiteOptions suite_defaults(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return (SuiteOptions){.test = {.cpu = native_runs("x86-64-v3") ? "x86-64-v3" : "x86-64", .level = 1},
                          .jobs = cores > 0 && cores < 64 ? (int)cores : 2,
                          .seconds = 120};
}

/* ---- finding ---- */

static char *text_of(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(size);
    if (!text) abort();
    snprintf(text, size, "%s%s%s", a, b, c);
    return text;
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static void free_case(const Case *test)
{
    free((char *)(uintptr_t)test->name);
    free((char *)(uintptr_t)test->folder);
    free((char *)(uintptr_t)test->model);
}

static void add_case(Suite *suite, Case test, const char *match)
{
    char *whole = text_of(test.suite, "/", test.name);
    bool wanted = is_file(test.model) && (!match || strstr(whole, match));
    free(whole);
    if (!wanted) {
        free_case(&test);
        return;
    }
    suite->cases = realloc(suite->cases, (size_t)(suite->count + 1) * sizeof *suite->cases);
    if (!suite->cases) abort();
    suite->cases[suite->count++] = test;
}

static void find_folder(Suite *suite, const char *data, const char *kind, const char *match)
{
    char *base = text_of(data, "/", kind);
    DIR *dir = opendir(base);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        char *path = text_of(base, "/", entry->d_name);
        if (!strncmp(entry->d_name, "test_", 5))
            add_case(suite, (Case){kind, text_of(entry->d_name, "", ""), path, text_of(path, "/", "model.onnx")},
                     match);
        else if (dot && !strcmp(dot, ".onnx")) {
            char *name = text_of(entry->d_name, "", "");
            name[dot - entry->d_name] = 0;
            add_case(suite, (Case){kind, name, NULL, path}, match);
        } else
            free(path);
    }
    if (dir) closedir(dir);
    free(base);
}

static int compare_cases(const void *a, const void *b)
{
    const Case *left = a, *right = b;
    int by_suite = strcmp(left->suite, right->suite);
    return by_suite ? by_suite : strcmp(left->name, right->name);
}

static void map_verdicts(Suite *suite)
{
    size_t bytes = (size_t)suite->count * sizeof *suite->verdicts;
    suite->verdicts = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (suite->verdicts == MAP_FAILED) abort();
}

bool suite_find(Suite *suite, const char *data, const char *match)
{
    static const char *const kinds[] = {"node", "pytorch-converted", "pytorch-operator", "simple", "light"};
    static const char *const inside[] = {"", "/onnx/backend/test/data", "/backend/test/data"};
    *suite = (Suite){0};
    for (int i = 0; i < 3 && !suite->count; i++) {
        char *folder = text_of(data, inside[i], "");
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) find_folder(suite, folder, kinds[k], match);
        free(folder);
    }
    if (!suite->count) return false;
    qsort(suite->cases, (size_t)suite->count, sizeof *suite->cases, compare_cases);
    map_verdicts(suite);
    return true;
}

void suite_sample(Suite *suite, int every)
{
    int kept = 0;
    for (int i = 0; i < suite->count; i++)
        if (i % every)
            free_case(&suite->cases[i]);
        else
            suite->cases[kept++] = suite->cases[i];
    munmap(suite->verdicts, (size_t)suite->count * sizeof *suite->verdicts);
    suite->count = kept;
    map_verdicts(suite);
}

void suite_free(Suite *suite)
{
    for (int i = 0; i < suite->count; i++) free_case(&suite->cases[i]);
    munmap(suite->verdicts, (size_t)suite->count * sizeof *suite->verdicts);
    free(suite->cases);
}

/* ---- running: each process takes every jobs-th test; one that dies has failed at its test, and another goes on ----
 */

typedef struct Worker {
    pid_t process;
    int next; /* the test to begin with */
} Worker;

static int *shared_counters(int count)
{
    int *at = mmap(NULL, (size_t)count * sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    return at;
}

static void work(const Suite *suite, const SuiteOptions *options, int from, int *at)
{
    for (int i = from; i < suite->count; i += options->jobs) {
        *at = i;
        alarm(options->seconds);
        case_run(&suite->cases[i], &options->test, &suite->verdicts[i]);
        alarm(0);
    }
    *at = suite->count;
}

static void start(const Suite *suite, const SuiteOptions *options, Worker *worker, int *at)
{
    fflush(NULL);
    *at = worker->next;
    worker->process = fork();
    if (worker->process < 0) abort();
    if (worker->process) return;
    if (!options->test.verbose && !freopen("/dev/null", "w", stderr)) _exit(1);
    work(suite, options, worker->next, at);
    leave_child(0);
}

static void died(const Suite *suite, int index, int status)
{
    if (index >= suite->count) return;
    Verdict *verdict = &suite->verdicts[index];
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    verdict->outcome = OUTCOME_CRASHED;
    snprintf(verdict->reason, REASON_LENGTH, number == SIGALRM ? "took too long" : "crashed: signal %d", number);
}

void suite_run(Suite *suite, const SuiteOptions *options)
{
    Worker *workers = calloc((size_t)options->jobs, sizeof *workers);
    int *at = shared_counters(options->jobs), running = 0;
    if (!workers) abort();
    for (int i = 0; i < options->jobs && i < suite->count; i++, running++) {
        workers[i].next = i;
        start(suite, options, &workers[i], &at[i]);
    }
    while (running) {
        int status;
        pid_t process = wait(&status);
        if (process < 0 && errno == EINTR) continue;
        for (int i = 0; i < options->jobs; i++) {
            if (workers[i].process != process) continue;
            bool done = WIFEXITED(status) && !WEXITSTATUS(status);
            if (!done) died(suite, at[i], status);
            workers[i].next = at[i] + options->jobs;
            running--;
            if (done || workers[i].next >= suite->count) continue;
            running++;
            start(suite, options, &workers[i], &at[i]);
        }
    }
    munmap(at, (size_t)options->jobs * sizeof *at);
    free(workers);
}
