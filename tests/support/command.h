/* Programs run as a user runs them, in the current folder, and what they said. */
#ifndef SUPPORT_COMMAND_H
#define SUPPORT_COMMAND_H

#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

typedef struct Said {
    int status; /* 1000 and the signal's number, when one ended it */
    char out[65536], err[16384];
} Said;

pid_t command_start(char *const *argv);
/* Waits for the end; fails the test when a sanitizer spoke. */
Said command_finish(pid_t child);
Said command_run(char *const *argv);

#define RUN(...) command_run((char *[]){__VA_ARGS__, NULL})
#define LEPC(...) RUN(getenv("LEPC"), __VA_ARGS__)

/* Fail the test, saying what was found, unless... */
void contains(const char *text, const char *part);
void succeeds(Said said);
void fails(Said said, int status, const char *says);
bool same_files(const char *a, const char *b);

#endif
