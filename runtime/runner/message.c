#include "runtime/runner/message.h"

#include <stdarg.h>
#include <stdio.h>

static void print(const char *head, const char *format, va_list args)
{
    fputs(head, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int message(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("error: ", format, args);
    va_end(args);
    return status;
}

void message_help(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("  help: ", format, args);
    va_end(args);
}
