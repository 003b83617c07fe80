/* sweep_oom.c -- see sweep_oom.h. */
#include "sweep_oom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

/* A function that never gets through its allocations would sweep for ever. */
#define MAX_RUNS 1000000

void hp_sweep_oom(void (*fn)(void *), void *arg)
{
    for (int64_t n = 1; n <= MAX_RUNS; n++) {
        int64_t live_before = hp_mem_live_count();
        hp_mem_fail_after(n);
        fn(arg);
        bool fired = hp_mem_fail_fired();
        hp_mem_fail_after(-1);
        int64_t live_after = hp_mem_live_count();
        if (live_after != live_before) {
            fail_msg("out-of-memory sweep: %lld blocks leaked with allocation %lld failed",
                     (long long)(live_after - live_before), (long long)n);
        }
        if (!fired) {
            return;
        }
    }
    fail_msg("out-of-memory sweep: no end after %d runs", MAX_RUNS);
}

unsigned long long hp_test_seed(const char *name, unsigned long long fallback)
{
    const char *wish = getenv("HP_TEST_SEED");
    unsigned long long seed = wish != NULL ? strtoull(wish, NULL, 0) : fallback;
    print_message("%s: HP_TEST_SEED=%llu\n", name, seed);
    return seed;
}
