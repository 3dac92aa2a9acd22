/* Where tests run: an arena of their own, a folder of their own. */
#ifndef TESTS_SUPPORT_SETTING_H
#define TESTS_SUPPORT_SETTING_H

#include <stdbool.h>
#include <stddef.h>

/* For cmocka: *state is an arena, without memory the program ends. */
int arena_setup(void **state);
int arena_teardown(void **state);

/* Makes an empty folder with `name` in its name and goes there; *state is its path.  0 or -1, as cmocka wants it. */
int folder_enter(void **state, const char *name);
/* Goes away and removes it with all that is in it. */
int folder_leave(void **state);

/* Of small files; the test fails when they cannot be read or written, and ends what was read with a 0. */
void slurp(const char *path, char *text, size_t room);
void write_text(const char *path, const char *text);
void write_bytes(const char *path, const void *bytes, size_t size);

/* Ends a forked process without what its parent registered for its end; what it printed and measured is kept. */
_Noreturn void leave_child(int status);

#endif
