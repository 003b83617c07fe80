/* fuzz_pstats.c -- libFuzzer over hp_pstats_read. */
#include "format/pstats.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_pstats_read, data, size);
}
