/* fuzz_plan_mysql.c -- libFuzzer over the reader of this engine's plans. */
#include "fuzz_plan_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_plan("mysql", data, size);
}
