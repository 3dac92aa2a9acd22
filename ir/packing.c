#include "ir/packing.h"

static const PackingDef packing_table[PACKING_COUNT] = {
#define PACKING(id, name, bytes, fill) {name, bytes, fill},
#include "ir/packing.def"
};

const PackingDef *packing_of(const Place *place) { return &packing_table[place->packing]; }
