/* Buffers with a page on each side that may not be touched. */
#ifndef TESTS_SUPPORT_GUARD_H
#define TESTS_SUPPORT_GUARD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Guard {
    unsigned char *data; /* `bytes` of them are the user's */
    size_t bytes;
    unsigned char *pages;
    size_t inner; /* bytes of the pages between the guards */
} Guard;

/* With `at_end` the buffer ends `offset` bytes before the guard page, else it starts `offset` bytes behind one. */
Guard guard_new(size_t bytes, size_t offset, bool at_end);
/* What lies between the buffer and the pages' ends was not written. */
bool guard_intact(const Guard *guard);
void guard_free(Guard *guard);

#endif
