#include "runtime/runner/json.h"

#include <math.h>
#include <stdio.h>

void json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < ' ' || *c == 127)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

void json_number(double value, int wide)
{
    if (!isfinite(value))
        fputs("null", stdout);
    else
        printf(wide ? "%.17g" : "%.9g", value);
}
