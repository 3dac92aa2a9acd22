#include "ir/packing.h"

static const PackingDef packing_table[PACKING_COUNT] = {
#define PACKING(id, name, bytes, fill) {name, bytes, fill},
#include "ir/packing.def"
};

const PackingDef *packing_of(const Place *place) { return &packing_table[place->packing]; }

Packing packing_for_dot(int64_t products, bool rows)
{
    if (products == 16) return rows ? PACKING_DOT16_ROWS : PACKING_DOT16;
    if (products == 4) return rows ? PACKING_DOT4_ROWS : PACKING_DOT4;
    return rows ? PACKING_DOT2_ROWS : PACKING_DOT2;
}

bool packing_is_of_rows(const Place *place)
{
    return place->packing == PACKING_DOT2_ROWS || place->packing == PACKING_DOT4_ROWS ||
           place->packing == PACKING_DOT16_ROWS;
}
