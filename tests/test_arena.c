/* The arena: alignment, zeroes, checked sizes, growth, and what happens when memory is out. */
#include "ir/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void escape(void *context) { longjmp(*(jmp_buf *)context, 1); }

static void memory_is_zeroed_and_aligned(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 256, 4096, 65536, 65537, 1 << 20};
    jmp_buf jump;
    Arena *arena = arena_new(escape, &jump);
    assert_non_null(arena);
    for (size_t round = 0; round < 50; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *memory = arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)memory % (sizes[i] >= 256 ? 64 : 16), 0);
            for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(memory[k], 0);
            memset(memory, 0xa5, sizes[i]); /* objects that overlap would show */
        }
    arena_free(arena);
}

static void objects_do_not_overlap(void **state)
{
    jmp_buf jump;
    Arena *arena = arena_new(escape, &jump);
    enum { COUNT = 2000 };
    unsigned char *at[COUNT];
    size_t size[COUNT];
    for (int i = 0; i < COUNT; i++) {
        size[i] = (size_t)(i * 7919 % 3000);
        at[i] = arena_alloc(arena, size[i]);
        memset(at[i], i & 255, size[i]);
    }
    for (int i = 0; i < COUNT; i++)
        for (size_t k = 0; k < size[i]; k++) assert_int_equal(at[i][k], i & 255);
    arena_free(arena);
}

static void growth_keeps_what_was_there(void **state)
{
    jmp_buf jump;
    Arena *arena = arena_new(escape, &jump);
    int *items = NULL;
    size_t count = 0, capacity = 0;
    for (int i = 0; i < 1000; i++) {
        items = arena_grow(arena, items, count, &capacity, sizeof *items);
        items[count++] = i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(items[i], i);
    assert_string_equal(arena_printf(arena, "%d and %s", 42, "more"), "42 and more");
    assert_string_equal(arena_copy_chars(arena, "abcdef", 3), "abc");
    arena_free(arena);
}

/* Sizes that overflow, and sizes that no machine has, leave by the escape; also a child's, by its parent's. */
static void sizes_that_cannot_be_escape(void **state)
{
    jmp_buf jump;
    Arena *arena = arena_new(escape, &jump), *child = arena_child(arena);
    volatile int escapes = 0;
    if (setjmp(jump))
        escapes++;
    else
        arena_array(arena, SIZE_MAX / 8, 16);
    if (setjmp(jump))
        escapes++;
    else
        arena_alloc(arena, SIZE_MAX);
    if (setjmp(jump))
        escapes++;
    else
        arena_alloc(child, SIZE_MAX - 100);
    assert_int_equal(escapes, 3);
    assert_non_null(arena_alloc(arena, 16));
    arena_free(child);
    arena_free(arena);
}

static Arena *used_child(Arena *parent)
{
    Arena *child = arena_child(parent);
    assert_non_null(arena_alloc(child, 100));
    return child;
}

/* Freed in any order, or by their parent; sanitizers see what is lost or freed twice. */
static void children_go_with_their_parent(void **state)
{
    Arena *arena = arena_new(NULL, NULL), *child[4];
    for (int i = 0; i < 4; i++) child[i] = used_child(arena);
    used_child(child[2]);
    arena_free(child[1]);
    arena_free(child[3]);
    arena_free(child[0]);
    used_child(arena);
    memset(arena_alloc(child[2], 1000), 1, 1000);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),  cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(growth_keeps_what_was_there),   cmocka_unit_test(sizes_that_cannot_be_escape),
        cmocka_unit_test(children_go_with_their_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
