/* fuzz_speedscope.c -- libFuzzer over hp_speedscope_read. */
#include "format/speedscope.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_speedscope_read, data, size);
}
