/* fuzz_callgrind.c -- libFuzzer over hp_callgrind_read. */
#include "format/callgrind.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_callgrind_read, data, size);
}
