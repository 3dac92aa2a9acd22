#include "tests/fuzz/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_weights(safetensors_parse, data, size); }
