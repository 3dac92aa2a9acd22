/* Threads for models that were compiled with --run-threads: a pool that may be given to NAME_run.  Two files,
 * pool.h and pool.c, for C11 and POSIX threads; copy them into a project, or write a pool of your own (lep.h).
 *
 * Threads sleep between runs.  The first region of a run wakes them; from then on each spins for at most 50 us for
 * the next region before it sleeps again.  The caller works too: a pool of 2 threads has one besides. */
#ifndef LEP_POOL_H
#define LEP_POOL_H

#include "runtime/lep.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LEP_POOL_MAX_THREADS = 64 };

/* A pool of `threads` threads, the caller's among them; less than 1: as many as there are processors.  NULL when memory
 * or threads are out.  One run at a time has the pool; another that comes meanwhile, also from inside a part, does its
 * parts by itself. */
struct lep_pool *lep_pool_new(int threads);
/* Ends the threads; no run may use the pool.  NULL is fine. */
void lep_pool_free(struct lep_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
