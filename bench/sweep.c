/* sweep.c -- sweeps of the sampler over an interpreter made by hand, to be counted: bench/sweep.py does.
 *
 *     sweep_bench KIND SWEEPS      prints how many sweeps and samples there were
 *
 * Eight threads of 30 frames each. Of seven, the KIND: `still`, which have not run since the sweep before;
 * `changed`, which have, and of whose frames the 10 innermost are others; `waiting`, which wait for a lock
 * within a request. The eighth is the one that waits for the sweeps.
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture_int.h"
#include "capture/sampler.h"
#include "image.h"

#define THREADS  7u
#define OUTER    20u
#define INNER    10u
#define VARIANTS 8u
#define CODES    40u
#define RATE_HZ  500u

struct made {
    uint64_t state, native_id, innermost[VARIANTS];
    pthread_t thread;
    sem_t go, ready;
};

static struct image image;
static struct hp_cap *cap;
static struct made made[THREADS];
static uint64_t codes[CODES], own_state;

static int classify(const char *name, size_t n, char *out, size_t capacity)
{
    (void)snprintf(out, capacity, "%.*s", (int)n, name);
    return 0;
}

static uint64_t frames_on(uint64_t previous, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        previous = image_frame(&image, codes[(seed + i * 7) % CODES], (seed + i) % 50, previous);
    }
    return previous;
}

static void lay_out(void)
{
    image_init(&image, 12);
    for (uint32_t i = 0; i < CODES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%u", i);
        codes[i] = image_code(&image, name, "/a.py", 10 * i + 1, NULL);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        uint64_t outer = frames_on(0, OUTER, i);
        for (uint32_t k = 0; k < VARIANTS; k++) {
            made[i].innermost[k] = frames_on(outer, INNER, 11 * i + 5 * k);
        }
        made[i].state = image_thread(&image, made[i].native_id, made[i].innermost[0]);
    }
    own_state = image_thread(&image, (uint64_t)gettid(), frames_on(0, OUTER + INNER, 3));
    image_put_u32(&image, image.gil + image.layout.gil_locked, 1);
    image_put_u64(&image, image.gil + image.layout.gil_holder, own_state);
    void *at = mmap((void *)(uintptr_t)IMAGE_BASE, IMAGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    memcpy(at, image.bytes, IMAGE_BYTES);
}

static struct hp_cap_request *begin(uint64_t state)
{
    struct hp_cap_request *request =
        hp_cap_request_begin(cap, HP_LEVEL_SAMPLE, 0, true, NULL, hp_cap_ticks());
    hp_cap_sampling_thread(hp_cap_request_lane(request), (void *)(uintptr_t)state);
    return request;
}

/* In a request when it is told to, then asleep. */
static void *park(void *arg)
{
    struct made *self = arg;
    self->native_id = (uint64_t)gettid();
    (void)sem_post(&self->ready);
    (void)sem_wait(&self->go);
    (void)begin(self->state); /* never finished: the process ends first */
    hp__slot_wait(true);
    (void)sem_post(&self->ready);
    (void)sem_wait(&self->go);
    return NULL;
}

static void start_threads(void)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        (void)sem_init(&made[i].go, 0, 0);
        (void)sem_init(&made[i].ready, 0, 0);
        if (pthread_create(&made[i].thread, NULL, park, &made[i]) != 0) {
            exit(2);
        }
        (void)sem_wait(&made[i].ready);
    }
}

static void set_innermost(struct made *of, uint32_t variant)
{
    uint64_t link = image_get_u64(&image, of->state + image.layout.thread_frame);
    *(volatile uint64_t *)(uintptr_t)(link + image.layout.cframe_frame) = of->innermost[variant];
}

static uint64_t sweeps_so_far(void)
{
    struct hp_cap_sampling_counts counts;
    hp_cap_sampling_counts(cap, &counts);
    return counts.sweeps;
}

int main(int argc, char **argv)
{
    bool changed = argc == 3 && strcmp(argv[1], "changed") == 0;
    bool waiting = argc == 3 && strcmp(argv[1], "waiting") == 0;
    if (!changed && !waiting && !(argc == 3 && strcmp(argv[1], "still") == 0)) {
        (void)fputs("usage: sweep_bench still|changed|waiting SWEEPS\n", stderr);
        return 2;
    }
    start_threads();
    for (uint32_t i = 0; changed && i < THREADS; i++) {
        made[i].native_id = (uint64_t)gettid(); /* its clock does move */
    }
    lay_out();
    struct hp_cap_config config = {.interpreter = "made by hand"};
    struct hp_sampling_config sampling = {.runtime = image.runtime,
                                          .code_type = IMAGE_BASE,
                                          .version = 0x030C01F0,
                                          .watched = true,
                                          .rate_hz = RATE_HZ,
                                          .classify = classify,
                                          .thread = own_state};
    if (hp_cap_open(&config, &cap) != HP_OK || hp_cap_sampling(cap, &sampling) != HP_OK) {
        (void)fputs("sweep_bench: cannot sample here\n", stderr);
        return 2;
    }
    (void)begin(own_state);
    for (uint32_t i = 0; waiting && i < THREADS; i++) { /* one after the other, as with the GIL */
        (void)sem_post(&made[i].go);
        (void)sem_wait(&made[i].ready);
    }
    struct timespec nap = {0, 1000000};
    uint64_t wanted = strtoull(argv[2], NULL, 10);
    for (uint32_t turn = 0; sweeps_so_far() < wanted; turn++) {
        (void)nanosleep(&nap, NULL);
        for (uint32_t i = 0; changed && i < THREADS; i++) {
            set_innermost(&made[i], turn % VARIANTS);
        }
    }
    hp_cap_sampling_stop(cap);
    struct hp_cap_sampling_counts counts;
    hp_cap_sampling_counts(cap, &counts);
    printf("%llu %llu %llu\n", (unsigned long long)counts.sweeps, (unsigned long long)counts.samples,
           (unsigned long long)counts.torn);
    return 0;
}
