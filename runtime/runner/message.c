#include "runtime/runner/message.h"

#include <stdarg.h>
#include <stdio.h>

int message(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}
