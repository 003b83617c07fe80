/* sweep_oom.h -- the out-of-memory sweep that every module with _new or _init is put through.
 *
 * Why: the path where the third allocation fails is never taken by accident. The sweep takes all of them.
 */
#ifndef HP_SWEEP_OOM_H
#define HP_SWEEP_OOM_H

/* Run fn(arg) failing its allocation 1, then 2, then 3 … until a run completes in which nothing was failed.
 * `fn` builds, uses and frees what it tests, and must take failures in its stride: check what it is given,
 * not that it succeeds. After each run the number of live blocks must be what it was, else the cmocka test
 * fails and says at which allocation. Allocations of other threads are not failed; they must have ended when
 * `fn` returns. */
void hp_sweep_oom(void (*fn)(void *), void *arg);

/* The seed of a twin test: HP_TEST_SEED if set, else `fallback`; printed, so that a failure can be had
 * again. */
unsigned long long hp_test_seed(const char *name, unsigned long long fallback);

#endif
