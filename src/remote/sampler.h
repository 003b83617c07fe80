/* sampler.h -- samples processes into one call tree, from outside.
 *
 * Each sample is weighed by the time since the one before, so a late sampler does not bend shares. A thread
 * that the kernel has not put on a CPU since its stack was read (schedstat) still has that stack: it gets its
 * time without a read, which is what makes idle threads cost nothing.
 *
 * In the tree a node's self time is what the mode measures, its cpu_ns the part in which the thread ran or
 * would have run had there been a CPU, its samples how often it was seen; calls are 0: samples
 * cannot tell calls. The root stands for the process given, and for its children as well unless `apart` gives
 * each process and thread a node.
 */
#ifndef HP_SAMPLER_H
#define HP_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "hotplate/err.h"
#include "model/tree.h"
#include "remote/target.h"

#define HP_SAMPLER_PROCESSES 256

enum hp_sampler_mode {
    HP_SAMPLER_WALL, /* every thread, whatever it does */
    HP_SAMPLER_CPU,  /* threads that run or would */
    HP_SAMPLER_GIL   /* threads that hold the GIL */
};

struct hp_sampler_options {
    enum hp_sampler_mode mode;
    bool children; /* processes that it started, and theirs, also later ones */
    bool apart;
    uint64_t period_ns; /* a sample that comes more than two of it after the one before is counted late */
    struct hp_codes_place place;
};

struct hp_sampler_counts {
    uint64_t sweeps;  /* of all processes at once */
    uint64_t samples; /* stacks of threads, also reused ones */
    uint64_t reused;  /* thread did not run since the last one */
    uint64_t torn;    /* given up after three tries */
    uint64_t late;    /* sweeps */
    uint64_t cut;     /* stacks deeper than HP_TARGET_FRAMES */
    uint64_t wall_ns; /* time sampled, of all threads that run Python code */
    uint64_t cpu_ns;  /* of these threads on a CPU, and waiting for one: as the kernel counts */
    uint64_t queue_ns;
    uint64_t gil_ns;             /* of wall_ns, holding the GIL */
    uint64_t skipped;            /* children that are no CPython, or may not be read */
    uint32_t processes, threads; /* now */
    uint32_t most_processes, most_threads;
};

struct hp_sampler; /* opaque */

/* Attach to `pid`. A process that runs no CPython itself will do if `children` is set and one of them does.
 * Fails: as hp_target_open, with a line in `info`. Owns: hp_sampler_free. Threads: owner only. */
HP_CHECK hp_err hp_sampler_new(pid_t pid, const struct hp_sampler_options *options,
                               struct hp_sampler **sampler, struct hp_errinfo *info);
void hp_sampler_free(struct hp_sampler *sampler);

/* Take one sample of everything; `now_ns` is monotonic. Fails: HP_ENOTFOUND (all processes are gone),
 * HP_ENOMEM. */
HP_CHECK hp_err hp_sampler_step(struct hp_sampler *sampler, uint64_t now_ns);

/* The tree with totals; borrowed, grows with every step. Its dictionary. */
const struct hp_tree *hp_sampler_tree(struct hp_sampler *sampler);
const struct hp_dict *hp_sampler_dict(const struct hp_sampler *sampler);

/* Start an empty tree, keep everything else: a view of the last seconds. */
void hp_sampler_clear(struct hp_sampler *sampler);

/* Counts since the start. */
struct hp_sampler_counts hp_sampler_counts(const struct hp_sampler *sampler);

/* The threads now, one call each: where they are at this moment. `frames` are innermost first; none when the
 * stack could not be read (`err`). */
struct hp_sampler_thread {
    pid_t pid, task;
    const char *command; /* of the process */
    uint32_t version;    /* PY_VERSION_HEX; of 3.11 and 3.12 the minor version only */
    char name[16];
    char state; /* 0 unknown */
    bool has_gil, free_threaded;
    hp_err err;
    const struct hp_target_stack *stack;
};

/* `each` returns false to stop. Fails: as hp_sampler_step. */
HP_CHECK hp_err hp_sampler_dump(struct hp_sampler *sampler,
                                bool (*each)(void *ctx, const struct hp_sampler_thread *thread), void *ctx);

#endif
