/* fuzz_pyinstrument.c -- libFuzzer over hp_pyinstrument_read. */
#include "format/pyinstrument.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_pyinstrument_read, data, size);
}
