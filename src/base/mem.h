/* mem.h -- the one door to the heap.
 *
 * Why: out-of-memory sweeps, leak checks and the promise "Hot: yes (no allocation)" all need one place to
 * hook. The hooks are in every build, so that tests exercise the code that ships; off, they cost one
 * thread-local load.
 *
 * A size of 0 allocates a block of 1 byte: NULL always means "no memory".
 */
#ifndef HP_MEM_H
#define HP_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Allocate `size` bytes. Owns: the caller frees with hp_free. Threads: any. Fails: NULL. */
void *hp_malloc(size_t size) __attribute__((malloc, warn_unused_result));

/* Allocate `n` × `size` zeroed bytes; NULL also when the product overflows. Otherwise as hp_malloc. */
void *hp_calloc(size_t n, size_t size) __attribute__((malloc, warn_unused_result));

/* Resize a block (NULL: a new one). Fails: NULL, and the old block stays valid and owned by the caller. */
void *hp_realloc(void *p, size_t size) __attribute__((warn_unused_result));

/* Free a block of this module; NULL does nothing. Threads: any. */
void hp_free(void *p);

/* Copy of `n` bytes at `p` (which may be NULL if n is 0). Owns: the caller. Fails: NULL. */
void *hp_memdup(const void *p, size_t n) __attribute__((warn_unused_result));

/* NUL-terminated copy of `n` bytes at `p`. Owns: the caller. Fails: NULL. */
char *hp_str0_dup(const char *p, size_t n) __attribute__((warn_unused_result));

/* --- test hooks --- */

/* Let the n-th allocation of this thread from now fail (1: the next one), once; n <= 0, by custom -1,
 * switches off. A realloc counts as an allocation. Threads: acts on the calling thread only. */
void hp_mem_fail_after(int64_t n);

/* Whether the failure asked for by the last hp_mem_fail_after of this thread has happened. */
bool hp_mem_fail_fired(void);

/* Forbid (or allow again) allocation on this thread. While forbidden an allocation aborts in HP_ASSERT
 * builds; else it goes through and is counted. Freeing is not forbidden. */
void hp_mem_forbid(bool forbid);

/* How many allocations happened while forbidden, over all threads. */
uint64_t hp_mem_forbidden_count(void);

/* Blocks allocated and not yet freed, over all threads. */
int64_t hp_mem_live_count(void);

#endif
