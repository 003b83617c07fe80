/* sampler.h -- the door to the sampler inside the process: what the extension tells it of the interpreter and
 * of its threads.
 *
 * A native thread without the GIL reads the stacks of all threads many times a second. What a thread does
 * while it runs a lane of a request at level `sample` belongs to that request, the rest to the process. See
 * docs/internals/sampler.md.
 */
#ifndef HP_EXT_SAMPLER_H
#define HP_EXT_SAMPLER_H

#include "hotplate/ext/capture.h"

enum hp_sampling_mode { /* what a sample weighs: the time since the one before … */
                        HP_SAMPLING_WALL,
                        HP_SAMPLING_CPU, /* … as far as the thread was on a CPU */
                        HP_SAMPLING_GIL  /* … if it held the GIL */
};

#define HP_SAMPLING_HZ     100u
#define HP_SAMPLING_MAX_HZ 10000u

struct hp_sampling_config {
    uint64_t runtime;      /* address of _PyRuntime */
    uint64_t code_type;    /* of PyCode_Type */
    uint32_t version;      /* PY_VERSION_HEX of the running interpreter */
    uint32_t code_version; /* offset of a code object's version, an int that no other has; 0: this interpreter
                              has none */
    bool watched;          /* hp_cap_code_gone is told of each code object of the first interpreter */
    uint32_t extra_offset; /* of co_extra in a code object; 0: not known */
    uint32_t extra_index;  /* whose value is (symbol + 1) << 8, 0: not known yet */
    uint32_t rate_hz;      /* 0: HP_SAMPLING_HZ; at most HP_SAMPLING_MAX_HZ */
    int mode;              /* enum hp_sampling_mode */
    /* A file name as hp_places_classify classifies it; without the GIL, from the sampler's thread. -1: not
     * now. */
    int (*classify)(const char *name, size_t n, char *out, size_t capacity);
    /* To see whether we read this interpreter right: the calling thread's state and the code objects of its
     * frames, innermost first. */
    uint64_t thread;
    const uint64_t *codes;
    uint32_t code_count;
};

/* A code object is about to be freed. Threads: any. Hot: yes. */
void hp_cap_code_gone(const void *code);

/* Get ready to sample requests at level `sample`; the thread starts with the first one. Call with the GIL,
 * once. Fails: HP_EUNSUPPORTED (an interpreter whose memory we do not read right), HP_EPERM (memory cannot be
 * read here), HP_ENOMEM, HP_EBUSY (done already). */
HP_CHECK hp_err hp_cap_sampling(struct hp_cap *cap, const struct hp_sampling_config *config);

/* End the thread; the next request at level `sample` starts it again. */
void hp_cap_sampling_stop(struct hp_cap *cap);

/* From now on this thread (`state`: of the interpreter) runs `lane`, NULL none. Hot: yes. */
void hp_cap_sampling_thread(struct hp_cap_lane *lane, void *state);

struct hp_cap_sampling_counts {
    uint64_t sweeps;      /* looks at all threads */
    uint64_t samples;     /* stacks that were added to a tree */
    uint64_t reused;      /* of them, of threads that had not run since the one before */
    uint64_t outside;     /* of them, of no request */
    uint64_t torn, cut;   /* stacks that could not be read whole; that were deeper than the cap */
    uint64_t late;        /* sweeps more than a period late */
    uint64_t lost;        /* requests whose samples could not be had */
    uint64_t faults;      /* reads that ran into memory that was gone */
    uint64_t forgotten;   /* code objects beyond the cap */
    uint64_t cpu_ns, ns;  /* what the sampler's thread used; since it started */
    uint32_t rate_hz;     /* asked */
    bool running, direct; /* direct: by loads, else by system calls */
};
/* All 0 without sampling. Threads: any. */
void hp_cap_sampling_counts(struct hp_cap *cap, struct hp_cap_sampling_counts *out);

#endif
