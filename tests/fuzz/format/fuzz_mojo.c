/* fuzz_mojo.c -- libFuzzer over hp_mojo_read. */
#include "format/mojo.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_mojo_read, data, size);
}
