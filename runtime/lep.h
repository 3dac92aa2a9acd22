/* What a compiled model and its caller agree on.  Generated headers carry their own
 * copy of these lines, so that a library needs no header of ours. */
#ifndef LEP_H
#define LEP_H

#ifdef __cplusplus
extern "C" {
#endif

enum lep_status {
    LEP_OK = 0,
    LEP_ERROR_ARGUMENT = 1,
    LEP_ERROR_ALIGNMENT = 2,
    LEP_ERROR_CPU = 3,
    LEP_ERROR_WEIGHTS = 4,
    LEP_ERROR_SIZE = 5
};

/* A caller's threads: run calls f(arg, i) for each i below n, and returns when all are done. */
struct lep_pool {
    void *ctx;
    int threads;
    void (*run)(void *ctx, void (*f)(void *arg, int index), void *arg, int n);
};

#ifdef __cplusplus
}
#endif

#endif
