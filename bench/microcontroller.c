/* One run of a model on a bare Cortex-M under qemu-system-arm -icount shift=0, where an instruction takes a nanosecond:
 * how many it takes, its stack, and a sum over the outputs' bits.  Needs -DMODEL=name -DCAPITALS=NAME -DINPUT=type
 * -DOUTPUTS=count, the model's header, and examples/microcontroller/startup.c. */
#include <stdint.h>

#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)
#define TEXT(x) #x
#define FILE_OF(model) TEXT(model.h)
#include FILE_OF(MODEL)

enum { SAY = 4, EXIT = 0x18, FINE = 0x20026, FAILED = 0x20023, PAINT = 0x5a, KNOWN_LOOPS = 1000000 };

extern unsigned char stack_limit[]; /* of the linker script */
extern const uint8_t picture[];     /* of startup.c */

static _Alignas(JOIN(CAPITALS, _ARENA_ALIGN)) uint8_t arena[JOIN(CAPITALS, _ARENA_BYTES)];
static float output[OUTPUTS];

static void call_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void say_number(const char *what, uint32_t value)
{
    char text[12] = {0}, *at = text + sizeof text - 1;
    *--at = '\n';
    do {
        *--at = "0123456789"[value % 10];
        value /= 10;
    } while (value);
    call_host(SAY, what);
    call_host(SAY, at);
}

/* SysTick counts down, 24 bits of it. */
static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010;

static uint32_t now(void) { return systick[2]; }

static uint32_t since(uint32_t start) { return (start - now()) & 0xffffff; }

int main(void)
{
    unsigned char *top;
    uint32_t loops = KNOWN_LOOPS;
    systick[1] = 0xffffff;
    systick[2] = 0;
    systick[0] = 5;          /* on, by the processor's clock */
    while (!now()) continue; /* it reloads at its first tick */
    uint32_t start = now();
    __asm__ volatile("1: subs %0, #1\n bne 1b" : "+r"(loops) : : "cc"); /* two instructions each */
    uint32_t known = since(start);
    __asm__ volatile("mov %0, sp" : "=r"(top));
    for (unsigned char *at = stack_limit; at < top; at++) *(volatile unsigned char *)at = PAINT;
    start = now();
    int status = JOIN(MODEL, _run)((const INPUT *)(const void *)picture, output, arena, 0);
    uint32_t ticks = since(start), sum = 0;
    const unsigned char *used = stack_limit;
    while (used < top && *used == PAINT) used++;
    for (int i = 0; i < OUTPUTS; i++) {
        union {
            float value;
            uint32_t bits;
        } one = {output[i]};
        sum = sum * 31 + one.bits;
    }
    say_number("instructions ", (uint32_t)((uint64_t)ticks * (2 * KNOWN_LOOPS) / known));
    say_number("stack ", (uint32_t)(top - used));
    say_number("sum ", sum);
    call_host(EXIT, (const void *)(uintptr_t)(status == LEP_OK ? FINE : FAILED));
    return 0;
}
