/* fuzz_pprof.c -- libFuzzer over hp_pprof_read. */
#include "format/pprof.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_pprof_read, data, size);
}
