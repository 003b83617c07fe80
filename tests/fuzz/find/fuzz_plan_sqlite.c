/* fuzz_plan_sqlite.c -- libFuzzer over the reader of this engine's plans. */
#include "fuzz_plan_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_plan("sqlite", data, size);
}
