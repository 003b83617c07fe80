/* fuzz_chrome.c -- libFuzzer over hp_chrome_read. */
#include "format/chrome.h"
#include "fuzz_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(hp_chrome_read, data, size);
}
