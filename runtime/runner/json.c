#include "runtime/runner/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* Bytes of the UTF-8 sequence that starts here; 0 when there is none: names of files may hold anything. */
static int sequence_length(const unsigned char *c)
{
    int length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    for (int i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool not_a_character = (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf4 && c[1] > 0x8f);
    return overlong || not_a_character ? 0 : length;
}

void json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int length = sequence_length(c);
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < ' ' || *c == 127)
            printf("\\u%04x", *c);
        else if (!length)
            fputs("\\ufffd", stdout);
        else
            fwrite(c, 1, (size_t)length, stdout);
        c += length ? length : 1;
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
