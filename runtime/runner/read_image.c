/* Pictures: the sizes are compared with what the model takes before anything is decoded. */
#include "runtime/runner/message.h"
#include "runtime/runner/picture.h"
#include "runtime/runner/read.h"

#include <stdlib.h>
#include <string.h>

static bool starts(const File *file, const char *magic, size_t length)
{
    return file->size >= length && memcmp(file->bytes, magic, length) == 0;
}

static bool is_pnm(const File *file) { return starts(file, "P5", 2) || starts(file, "P6", 2); }
static bool is_jpeg(const File *file) { return starts(file, "\xff\xd8\xff", 3); }

bool image_is(const File *file) { return starts(file, "\x89PNG\r\n\x1a\n", 8) || is_jpeg(file) || is_pnm(file); }

/* The next number of a PGM or PPM header, comments skipped; -1 when there is none. */
static int pnm_number(const File *file, size_t *at)
{
    const unsigned char *b = file->bytes;
    while (*at < file->size && (b[*at] == '#' || b[*at] == ' ' || (b[*at] >= '\t' && b[*at] <= '\r')))
        if (b[*at] == '#')
            while (*at < file->size && b[*at] != '\n') ++*at;
        else
            ++*at;
    int value = -1;
    for (; *at < file->size && b[*at] >= '0' && b[*at] <= '9' && value < 100000; ++*at)
        value = (value < 0 ? 0 : value * 10) + (b[*at] - '0');
    return value;
}

/* Reads the header; `*at` is where the pixels begin. */
static const char *pnm_info(const File *file, Picture *out, size_t *at)
{
    *at = 2;
    out->channels = file->bytes[1] == '5' ? 1 : 3;
    out->width = pnm_number(file, at);
    out->height = pnm_number(file, at);
    int most = pnm_number(file, at);
    out->bits = most > 255 ? 16 : 8;
    ++*at; /* the one space before the pixels */
    if (out->width < 1 || out->height < 1 || out->width > 65535 || out->height > 65535) return "no size in its header";
    if (most < 1 || most > 65535) return "no largest value in its header";
    if (most < 255) return "its largest value is not 255";
    if (*at > file->size) return "it ends in the header";
    return NULL;
}

static size_t byte_at(const File *file, size_t at) { return at < file->size ? file->bytes[at] : 0; }

/* Have the Huffman tables of the segment at `at` no more codes than there are?  Debian 12's stb_image 2.27 does not
 * look, and writes past its own table; fixed in 2.28. */
static bool has_sound_tables(const File *file, size_t at)
{
    size_t left = byte_at(file, at) << 8 | byte_at(file, at + 1);
    at += 2;
    for (left = left < 2 ? 0 : left - 2; left > 0;) {
        size_t codes = 0;
        for (size_t i = 1; i <= 16; i++) codes += byte_at(file, at + i);
        if (codes > 256) return false;
        if (17 + codes > left || at >= file->size) return true; /* what stb does see: the segment ends too soon */
        left -= 17 + codes;
        at += 17 + codes;
    }
    return true;
}

/* A JPEG that was cut off decodes to grey without an error. */
static bool is_sound(const File *file)
{
    if (!is_jpeg(file)) return true;
    bool ends = false;
    for (size_t i = 2; i + 1 < file->size; i++) {
        if (file->bytes[i] != 0xff) continue;
        ends |= file->bytes[i + 1] == 0xd9;
        if (file->bytes[i + 1] == 0xc4 && !has_sound_tables(file, i + 2)) return false;
    }
    return ends;
}

static int decode(const File *file, const Picture *picture, size_t start, unsigned char **pixels)
{
    size_t bytes = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    const char *why = NULL;
    if (!is_pnm(file))
        *pixels = picture_decode(file->bytes, file->size, &why);
    else if (bytes == file->size - start)
        *pixels = malloc(bytes);
    else
        *pixels = NULL;
    if (!*pixels)
        return message(RUNNER_INPUT, "%s: damaged picture: %s", file->path, why ? why : "not all pixels are there");
    if (is_pnm(file)) memcpy(*pixels, file->bytes + start, bytes);
    return RUNNER_OK;
}

static const char *channels_text(int64_t channels)
{
    return channels == 1 ? "grey" : channels == 2 ? "grey with alpha" : channels == 3 ? "RGB" : "RGB with alpha";
}

static int wrong_size(const File *file, const Picture *found, const LepPort *port)
{
    long long height = port->dim[1], width = port->dim[2];
    int64_t channels = port->dim[3];
    message(RUNNER_INPUT, "%s: the picture is %d x %d, %s, %d bits; %s takes %lld x %lld, %s, 8 bits", file->path,
            found->width, found->height, channels_text(found->channels), found->bits, port->name, width, height,
            channels_text(channels));
    /* ImageMagick would store a grey picture as such, whatever is asked for: PNG24 and PNG32 keep it from that */
    message_help("convert \"%s\" -resize %lldx%lld! %s-depth 8 %sfitting.png", file->path, width, height,
                 channels == 1   ? "-alpha off -colorspace Gray "
                 : channels == 3 ? "-alpha off "
                                 : "",
                 channels == 3   ? "PNG24:"
                 : channels == 4 ? "PNG32:"
                                 : "");
    return RUNNER_INPUT;
}

int image_read(File *file, const LepPort *port, Array *out)
{
    Picture found;
    size_t start = 0;
    if (port->rank != 4 || port->dtype != LEP_U8 || port->dim[3] > 4)
        return message(RUNNER_INPUT, "%s: a picture, but %s does not take u8[N, height, width, channels]", file->path,
                       port->name);
    const char *why = is_sound(file) ? NULL : "its tables are wrong or its end is missing";
    if (!why) why = is_pnm(file) ? pnm_info(file, &found, &start) : picture_info(file->bytes, file->size, &found);
    if (why) return message(RUNNER_INPUT, "%s: damaged picture: %s", file->path, why);
    if (found.height != port->dim[1] || found.width != port->dim[2] || found.channels != port->dim[3] ||
        found.bits != 8)
        return wrong_size(file, &found, port);
    unsigned char *pixels;
    int status = decode(file, &found, start, &pixels);
    if (status) return status;
    free(file->bytes);
    file->bytes = pixels;
    *out = (Array){.dtype = LEP_U8, .rank = 3, .dim = {found.height, found.width, found.channels}, .data = pixels};
    array_size(out, &out->bytes);
    return RUNNER_OK;
}
