/* mem.c -- the heap behind hooks; see mem.h. The only file that calls malloc and free. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* What the tests of this thread asked for; all zero is "nothing". */
struct hooks {
    int64_t until_failure; /* 1: the next allocation fails; 0: none */
    bool fired;
    bool forbidden;
};

static _Thread_local struct hooks hooks;
static _Atomic int64_t live_count;
static _Atomic uint64_t forbidden_count;

/* Whether the allocation that is about to happen may go on. */
static bool may_allocate(void)
{
    if (hooks.forbidden) {
        atomic_fetch_add_explicit(&forbidden_count, 1, memory_order_relaxed);
        hp_assert(!hooks.forbidden);
    }
    if (hooks.until_failure > 0 && --hooks.until_failure == 0) {
        hooks.fired = true;
        return false;
    }
    return true;
}

static void *count_new(void *p)
{
    if (p != NULL) {
        atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    }
    return p;
}

void *hp_malloc(size_t size)
{
    return may_allocate() ? count_new(malloc(size != 0 ? size : 1)) : NULL;
}

void *hp_calloc(size_t n, size_t size)
{
    bool empty = n == 0 || size == 0;
    /* calloc checks too, but under a sanitizer it would end the program. */
    if (!may_allocate() || (!empty && n > SIZE_MAX / size)) {
        return NULL;
    }
    return count_new(calloc(empty ? 1 : n, empty ? 1 : size));
}

void *hp_realloc(void *p, size_t size)
{
    if (p == NULL) {
        return hp_malloc(size);
    }
    return may_allocate() ? realloc(p, size != 0 ? size : 1) : NULL;
}

void hp_free(void *p)
{
    if (p != NULL) {
        atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
        free(p);
    }
}

void *hp_memdup(const void *p, size_t n)
{
    void *copy = hp_malloc(n);
    if (copy != NULL && n != 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

char *hp_str0_dup(const char *p, size_t n)
{
    char *copy = n < SIZE_MAX ? hp_malloc(n + 1) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    if (n != 0) {
        memcpy(copy, p, n);
    }
    copy[n] = '\0';
    return copy;
}

void hp_mem_fail_after(int64_t n)
{
    hooks.until_failure = n > 0 ? n : 0;
    hooks.fired = false;
}

bool hp_mem_fail_fired(void)
{
    return hooks.fired;
}

void hp_mem_forbid(bool forbid)
{
    hooks.forbidden = forbid;
}

uint64_t hp_mem_forbidden_count(void)
{
    return atomic_load_explicit(&forbidden_count, memory_order_relaxed);
}

int64_t hp_mem_live_count(void)
{
    return atomic_load_explicit(&live_count, memory_order_relaxed);
}
