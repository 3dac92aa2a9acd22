/* Loop nests made in a test, as machine code in this process. */
#ifndef TESTS_SUPPORT_NEST_H
#define TESTS_SUPPORT_NEST_H

#include "backend/jit.h"
#include "runtime/lep.h"
#include "tests/support/compile.h"

enum { NEST_CPUS = 1 + HOST_CPUS };

typedef void NestRun(void *const *bases, const struct lep_pool *pool);

/* Verifies the functions, emits them for `cpu` ("" is the baseline) at -O<level> and loads the object; fails the test
 * when that does not work, or when the object calls anything but memcpy and memset. */
Jit *nest_load(Arena *arena, LoopFunction **functions, int count, const char *cpu, int level);
NestRun *nest_step(Jit *jit, int index);
/* The same from text. */
Jit *nest_load_text(Arena *arena, const char *text, const char *cpu, int level);
/* The assembly of functions in text at -O3. */
const char *nest_assembly(Arena *arena, const char *text, const char *cpu, const char *features);
/* What there is to run on here: "", and those of host_cpus. */
int nest_cpus(const char *cpus[NEST_CPUS]);

#endif
