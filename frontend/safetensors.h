/* What the reader and the writer of https://github.com/huggingface/safetensors share. */
#ifndef FRONTEND_SAFETENSORS_H
#define FRONTEND_SAFETENSORS_H

#include "ir/type.h"

/* "F32", as the format calls it; elements of less than a byte, which it has not, are "U8", each in a byte. */
const char *safetensors_dtype(Dtype dtype);

#endif
