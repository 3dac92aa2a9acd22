#include "tests/support/prune.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

PruneRow prune_row(Arena *arena, const char *text)
{
    char layer[64];
    double share = 0;
    PruneRow row = {.block_rows = 1, .block_columns = 1, .at = {.name = "policy"}};
    bool pattern = sscanf(text, "%63s %" SCNd64 ":%" SCNd64, layer, &row.keep, &row.of) == 3;
    if (!pattern) {
        row.keep = row.of = 0;
        int found = sscanf(text, "%63s %lf%% %" SCNd64 "x%" SCNd64, layer, &share, &row.block_rows, &row.block_columns);
        assert_true(found == 2 || found == 4);
    }
    row.layer = arena_copy_string(arena, layer);
    row.sparsity = pattern && row.of ? 1 - (double)row.keep / (double)row.of : share / 100;
    return row;
}
