/* Elements and shapes of ports, as LepPort describes them. */
#ifndef RUNNER_ELEMENT_H
#define RUNNER_ELEMENT_H

#include "runtime/model.h"

#include <stdbool.h>
#include <stddef.h>

const char *element_name(int dtype); /* "f32" */
/* What NumPy calls it, "<f4"; bfloat16 has no name there and goes by its bits, as u16, and so do float8 and the like.
 */
const char *element_descr(int dtype);
size_t element_bytes(int dtype);
/* The bits that any number of a dtype of one byte may have set, but for a sign. */
unsigned element_mask(int dtype);
/* Element `index` as a number, whatever its dtype. */
double element_value(int dtype, const void *data, size_t index);

/* Elements of one row: all dims but the first, which counts the rows of a batch.  A port of no rows at all is one row
 * of nothing. */
size_t port_row_elements(const LepPort *port);
size_t port_row_bytes(const LepPort *port);
int64_t port_batch(const LepPort *port);

enum { SHAPE_TEXT = 200 };
/* "u8[1, 28, 28, 1]", cut when it is longer than SHAPE_TEXT. */
const char *shape_text(char out[SHAPE_TEXT], int dtype, int rank, const int64_t *dim);
const char *port_text(char out[SHAPE_TEXT], const LepPort *port);

#endif
