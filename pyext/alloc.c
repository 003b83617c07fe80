/* alloc.c -- counting what is asked of the interpreter's allocator: wrappers on the MEM and OBJ domains.
 *
 * Counted by thread: bytes and blocks that are requested (a realloc counts its new size, and no block), and
 * blocks given back. What the interpreter keeps in free lists of its own never comes here. The RAW domain is
 * left alone, since it is called without the GIL.
 *
 * Put in once, under the GIL, and left in: whoever chained to us (tracemalloc) would otherwise call into the
 * void. The wrapped allocators' blocks are untouched, so blocks from before and after mix freely.
 */
#include "notes.h"

static PyMemAllocatorEx real_mem, real_obj;
static bool installed;

static void *count_malloc(void *ctx, size_t n)
{
    const PyMemAllocatorEx *real = ctx;
    hp_cap_alloc.bytes += n;
    hp_cap_alloc.blocks++;
    return real->malloc(real->ctx, n);
}

static void *count_calloc(void *ctx, size_t count, size_t n)
{
    const PyMemAllocatorEx *real = ctx;
    hp_cap_alloc.bytes += count * n;
    hp_cap_alloc.blocks++;
    return real->calloc(real->ctx, count, n);
}

static void *count_realloc(void *ctx, void *block, size_t n)
{
    const PyMemAllocatorEx *real = ctx;
    hp_cap_alloc.bytes += n;
    hp_cap_alloc.blocks += block == NULL;
    return real->realloc(real->ctx, block, n);
}

static void count_free(void *ctx, void *block)
{
    const PyMemAllocatorEx *real = ctx;
    hp_cap_alloc.freed += block != NULL;
    real->free(real->ctx, block);
}

static void put_in(PyMemAllocatorDomain domain, PyMemAllocatorEx *real)
{
    PyMem_GetAllocator(domain, real);
    PyMemAllocatorEx ours = {real, count_malloc, count_calloc, count_realloc, count_free};
    PyMem_SetAllocator(domain, &ours);
}

void hp_alloc_start(int how)
{
#ifndef Py_GIL_DISABLED
    if (how != HP_X_ALLOC_OFF && !installed) {
        put_in(PYMEM_DOMAIN_MEM, &real_mem);
        put_in(PYMEM_DOMAIN_OBJ, &real_obj);
        installed = true;
    }
#endif
    hp_cap_count_allocs(hp_ext.cap, installed && how != HP_X_ALLOC_OFF, how == HP_X_ALLOC_NODES);
}
