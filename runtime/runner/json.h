/* JSON on stdout, whatever the locale. */
#ifndef RUNNER_JSON_H
#define RUNNER_JSON_H

/* Quoted; control characters escaped, bytes that are no UTF-8 as they are. */
void json_string(const char *text);
/* So many digits that an f32 (or f64 when `wide`) reads back the same; null for what JSON has no number. */
void json_number(double value, int wide);

#endif
