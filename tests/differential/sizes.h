/* The sizes of a run: as the graph's declared dims have them, and in the table of the model. */
#ifndef TESTS_DIFFERENTIAL_SIZES_H
#define TESTS_DIFFERENTIAL_SIZES_H

#include "ir/graph.h"
#include "runtime/model.h"
#include "tests/differential/random.h"

/* How many dims a caller says the size of. */
int sizes_given(const Graph *graph);
/* One for each dim: the ends first, then some between; 0 for what a run counts. */
void sizes_draw(const Graph *graph, Random *r, int number, int64_t *sizes);
/* Those given, as "N = 3: ". */
const char *sizes_text(Arena *arena, const Graph *graph, const int64_t *sizes);
/* The model's table.  Dims that count what nobody reads are gone from it: others behind them come earlier. */
void sizes_table(const Graph *graph, const LepModel *model, const int64_t *sizes, int64_t *table);
/* What is wrong with the sizes that a run counted, against how long the result is; NULL: nothing. */
const char *sizes_compare(Arena *arena, const Result *result, const LepModel *model, const Type *expected,
                          const int64_t *table);

#endif
