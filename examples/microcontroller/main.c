/* The digit network on a bare Cortex-M: one picture in, ten probabilities out, no system underneath.  Prints by
 * semihosting: what a debugger, or QEMU, shows. */
#include "mnist.h"

enum { SAY = 4, EXIT = 0x18, FINE = 0x20026, FAILED = 0x20023, PAINT = 0x5a };

extern unsigned char stack_limit[]; /* of the linker script */
extern const uint8_t picture[784];  /* of startup.c */

static _Alignas(MNIST_ARENA_ALIGN) uint8_t arena[MNIST_ARENA_BYTES];
static float digit[10];

static void call_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void say_number(const char *what, uint32_t value, uint32_t base)
{
    char text[12] = {0}, *at = text + sizeof text - 1;
    *--at = '\n';
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    call_host(SAY, what);
    call_host(SAY, at);
}

/* Bytes of stack below `top` that no longer hold the paint. */
static uint32_t used_stack(const unsigned char *top)
{
    const unsigned char *at = stack_limit;
    while (at < top && *at == PAINT) at++;
    return (uint32_t)(top - at);
}

int main(void)
{
    unsigned char *top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    for (unsigned char *at = stack_limit; at < top; at++) *(volatile unsigned char *)at = PAINT;
    int status = mnist_run(picture, digit, arena, 0), best = 0;
    uint32_t stack = used_stack(top);
    for (int i = 0; i < 10; i++) {
        union {
            float value;
            uint32_t bits;
        } probability = {digit[i]};
        say_number("output ", probability.bits, 16);
        if (digit[i] > digit[best]) best = i;
    }
    say_number("digit ", (uint32_t)best, 10);
    say_number("arena ", MNIST_ARENA_BYTES, 10);
    say_number("stack ", stack, 10);
    call_host(EXIT, (const void *)(uintptr_t)(status == LEP_OK ? FINE : FAILED));
    return 0;
}
