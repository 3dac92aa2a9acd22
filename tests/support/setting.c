#include "tests/support/setting.h"
#include "ir/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants these first */
#include <cmocka.h>

/* Writes the counts of a build that measures coverage; there is none in others. */
__attribute__((weak)) void __gcov_dump(void);

static void no_memory(void *context)
{
    (void)context;
    abort();
}

int arena_setup(void **state)
{
    *state = arena_new(no_memory, NULL);
    return *state == NULL;
}

int arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

int folder_enter(void **state, const char *name)
{
    char folder[64];
    snprintf(folder, sizeof folder, "/tmp/lepc-%s-XXXXXX", name);
    if (!mkdtemp(folder) || chdir(folder)) return -1;
    *state = strdup(folder);
    return *state ? 0 : -1;
}

int folder_leave(void **state)
{
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", (char *)*state);
    free(*state);
    return chdir("/") || system(command);
}

void slurp(const char *path, char *text, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, room - 1, file)] = 0;
    fclose(file);
}

void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void leave_child(int status)
{
    fflush(NULL);
    if (__gcov_dump) __gcov_dump();
    _exit(status);
}
