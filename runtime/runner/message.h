/* How the runner ends and what it says when something is wrong. */
#ifndef RUNNER_MESSAGE_H
#define RUNNER_MESSAGE_H

enum { RUNNER_OK = 0, RUNNER_INPUT = 1, RUNNER_USAGE = 2, RUNNER_DIFFERS = 3, RUNNER_SYSTEM = 74 };

/* "error: message" on stderr; gives back `status`, so that a checker can say: return message(...). */
int message(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The way out, on a line of its own behind the error. */
void message_help(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
