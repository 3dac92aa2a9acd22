#include "tests/support/guard.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, FILLER = 0xA5 };

/* Fresh zeroed pages: POSIX has no anonymous maps, a private one of /dev/zero is the same. */
static unsigned char *map_pages(size_t bytes)
{
    int zero = open("/dev/zero", O_RDWR);
    assert(zero >= 0);
    unsigned char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    assert(pages != MAP_FAILED);
    close(zero);
    return pages;
}

Guard guard_new(size_t bytes, size_t offset, bool at_end)
{
    size_t inner = (bytes + offset + PAGE - 1) / PAGE * PAGE;
    if (!inner) inner = PAGE;
    unsigned char *pages = map_pages(inner + 2 * PAGE);
    int locked = mprotect(pages, PAGE, PROT_NONE) | mprotect(pages + PAGE + inner, PAGE, PROT_NONE);
    assert(locked == 0);
    memset(pages + PAGE, FILLER, inner);
    unsigned char *data = at_end ? pages + PAGE + inner - offset - bytes : pages + PAGE + offset;
    return (Guard){data, bytes, pages, inner};
}

bool guard_intact(const Guard *guard)
{
    const unsigned char *end = guard->pages + PAGE + guard->inner;
    for (const unsigned char *p = guard->pages + PAGE; p < end; p++) {
        if (p == guard->data) p += guard->bytes;
        if (p < end && *p != FILLER) return false;
    }
    return true;
}

void guard_free(Guard *guard) { munmap(guard->pages, guard->inner + 2 * PAGE); }
