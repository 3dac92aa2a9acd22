/* From reset to main: the floating-point unit on, unaligned accesses off, variables in place.  And the two functions
 * that a model may call. */
#include <stddef.h>
#include <stdint.h>

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
int main(void);

__asm__(".section .rodata.picture\n.global picture\npicture:\n.incbin \"picture.raw\"\n.text\n");

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *out = to;
    for (const unsigned char *in = from; size--;) *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t size)
{
    for (unsigned char *out = to; size--;) *out++ = (unsigned char)value;
    return to;
}

static void stop(void)
{
    for (;;) __asm__ volatile("bkpt 1");
}

void reset(void);
void reset(void)
{
    volatile uint32_t *coprocessors = (volatile uint32_t *)0xe000ed88;
    volatile uint32_t *configuration = (volatile uint32_t *)0xe000ed14;
    *coprocessors |= 0xfu << 20;
    *configuration |= 1u << 3; /* a word that is read at an odd address is a fault: the model reads none */
    __asm__ volatile("dsb\nisb");
    for (uint32_t *to = data_start, *from = data_load; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
    main();
    stop();
}

/* Stack, reset, then faults: each stops where a debugger sees it. */
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    (uintptr_t)stack_top, (uintptr_t)reset, (uintptr_t)stop, (uintptr_t)stop,
    (uintptr_t)stop,      (uintptr_t)stop,  (uintptr_t)stop, (uintptr_t)stop,
};
