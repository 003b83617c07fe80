/* fuzz_collapsed.c -- libFuzzer over hp_collapsed_read. */
#include "format/collapsed.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_collapsed_read, data, size);
}
