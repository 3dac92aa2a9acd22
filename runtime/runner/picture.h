/* PNG and JPEG, decoded by stb_image (Debian's libstb-dev) in a file of its own. */
#ifndef RUNNER_PICTURE_H
#define RUNNER_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Picture {
    int width, height, channels, bits; /* bits of a channel */
} Picture;

/* NULL, or why the header is not one of a picture that can be decoded. */
const char *picture_info(const unsigned char *bytes, size_t size, Picture *out);
/* width * height * channels bytes, of malloc; NULL with the reason in `*why`. */
unsigned char *picture_decode(const unsigned char *bytes, size_t size, const char **why);

#endif
