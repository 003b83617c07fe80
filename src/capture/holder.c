/* holder.c -- see holder.h. */
#include "capture/holder.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/hash.h"
#include "capture/wait.h"

#define RELEASES 32u  /* power of two; of which a piece of 5 ms seldom sees more */
#define POSTS    256u /* power of two */
#define LEFT     64u  /* power of two */
#define TRIES    100
#define GAP_NS                                                                                               \
    20000000u /* between giving the GIL up and wanting it again: the processor may be lost there             \
               */

struct release {
    uint64_t ticks;
    struct hp_holder_by by;
};

struct post {
    _Atomic bool busy; /* nobody waits for it: who cannot have it goes without */
    const void *on;
    struct release last;
};

/* Guarded by the GIL's mutex, which who waits for its condition variable and who signals that hold both. */
static struct {
    _Atomic uint32_t waiting; /* threads that want to know; looked at without the mutex, too */
    uint64_t turn;
    struct release ring[RELEASES];
} gil;

static struct post posts[POSTS];
static _Atomic uint32_t post_waiting;

/* Of threads that have ended; with the GIL. */
static struct {
    uint32_t serial, name;
} left[LEFT];
static uint32_t left_count;

static _Atomic uint32_t serials;
static const void *gil_condition;
static const volatile int *gil_locked;
static void *(*thread_here)(void);

void hp__holder_gil(const void *condition, const volatile int *locked)
{
    gil_condition = NULL;
    gil_locked = locked;
    gil_condition = condition;
}

void hp__holder_configure(void *(*thread)(void))
{
    thread_here = thread;
}

void hp__holder_fork_child(void)
{
    atomic_store(&gil.waiting, 0);
    atomic_store(&post_waiting, 0);
    for (uint32_t i = 0; i < POSTS; i++) {
        atomic_store(&posts[i].busy, false);
    }
}

/* ---- who gives it up ---- */

static uint32_t own_serial(void)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    if (self->serial == 0) {
        self->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    }
    return self->serial;
}

static struct release release_now(void)
{
    const struct hp_wait_thread *self = &hp__wait_thread;
    void *thread = thread_here != NULL ? thread_here() : NULL;
    struct release made = {.ticks = hp_clock_ticks(),
                           .by = {.thread = (uint64_t)pthread_self(), .serial = own_serial()}};
    made.by.request = hp__wait_lane_runs() ? self->request : 0;
    made.by.site = thread != NULL ? hp__wait_site(thread) : 0;
    return made;
}

void hp__holder_signals(const void *condition)
{
    if (condition != gil_condition || atomic_load_explicit(&gil.waiting, memory_order_relaxed) == 0) {
        return;
    }
    int saved = errno;
    struct release made = release_now();
    if (made.by.request != 0) { /* nobody has the GIL, so the request stands still */
        const struct hp_cap_request *request = hp__wait_thread.lane->request;
        made.by.route = request != NULL ? request->facts.route : 0;
    }
    gil.ring[gil.turn++ % RELEASES] = made;
    errno = saved;
}

static struct post *post_of(const void *semaphore)
{
    return &posts[hp_hash_mix((uint64_t)(uintptr_t)semaphore, 0x5e3a) % POSTS];
}

static bool claim(struct post *post, int tries)
{
    while (tries-- > 0) {
        if (!atomic_exchange_explicit(&post->busy, true, memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

static void release(struct post *post)
{
    atomic_store_explicit(&post->busy, false, memory_order_release);
}

void hp__holder_posts(const void *semaphore)
{
    if (atomic_load_explicit(&post_waiting, memory_order_relaxed) == 0) {
        return;
    }
    int saved = errno;
    struct release made = release_now();
    struct post *post = post_of(semaphore);
    if (claim(post, TRIES)) {
        post->on = semaphore;
        post->last = made;
        release(post);
    }
    errno = saved;
}

/* ---- who waits ---- */

static bool is_same(const struct hp_holder_by *a, const struct hp_holder_by *b)
{
    return a->request == b->request && a->serial == b->serial && a->site == b->site;
}

/* Beyond the room the rest is his who came last. */
static void add_part(struct hp_holder_wait *wait, const struct hp_holder_by *by, uint64_t ticks)
{
    uint32_t i = 0;
    while (i < wait->part_count && !is_same(&wait->parts[i].by, by)) {
        i++;
    }
    i = i < HP_HOLDER_PARTS ? i : HP_HOLDER_PARTS - 1;
    uint64_t before = i < wait->part_count ? wait->parts[i].ticks : 0;
    wait->parts[i] = (struct hp_holder_part){*by, before + ticks};
    wait->part_count = i + 1 > wait->part_count ? i + 1 : wait->part_count;
}

/* The time that this thread waits for the GIL already. */
static uint64_t take_open(uint64_t t0)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    bool just_now = t0 >= self->open_until && hp_clock_ns_of_ticks(t0 - self->open_until) < GAP_NS;
    uint64_t ticks = self->open_until == 0 || just_now ? self->open_ticks : 0;
    self->open_ticks = 0;
    return ticks;
}

/* `until`: when it ended, if it is not sure that this thread wants the GIL again at once; else 0. */
static void leave_open(struct hp_holder_wait *wait, uint64_t ticks, uint64_t until)
{
    wait->goes_on = true;
    hp__wait_thread.open_ticks = ticks;
    hp__wait_thread.open_until = until;
}

static void cut_at_releases(struct hp_holder_wait *wait, uint64_t t0, uint64_t t1)
{
    uint64_t from = t0, open = take_open(t0);
    bool known = gil.turn != wait->turn && gil.turn - wait->turn <= RELEASES;
    for (uint64_t turn = wait->turn; known && turn != gil.turn; turn++) {
        const struct release *made = &gil.ring[turn % RELEASES];
        uint64_t until = made->ticks > from ? made->ticks : from;
        add_part(wait, &made->by, until - from + open);
        open = 0;
        from = until;
    }
    if (*gil_locked != 0) { /* still, or by another again */
        leave_open(wait, known || gil.turn == wait->turn ? open + t1 - from : 0, 0);
    } else if (known) { /* until it ran again */
        add_part(wait, &gil.ring[(gil.turn - 1) % RELEASES].by, t1 - from);
    }
}

void hp__holder_begin(struct hp_holder_wait *wait, bool is_gil, const void *on)
{
    wait->on = on;
    wait->goes_on = false;
    wait->part_count = 0;
    if (!is_gil) {
        atomic_fetch_add_explicit(&post_waiting, 1, memory_order_relaxed);
    } else if (on == gil_condition) {
        wait->turn = gil.turn;
        atomic_fetch_add_explicit(&gil.waiting, 1, memory_order_relaxed);
    }
}

static void find_post(struct hp_holder_wait *wait, uint64_t t0, uint64_t t1)
{
    struct post *post = post_of(wait->on);
    if (!claim(post, TRIES)) {
        return;
    }
    struct release made = post->last;
    bool is_its = post->on == wait->on && made.ticks >= t0 && made.ticks <= t1;
    release(post);
    if (is_its) {
        add_part(wait, &made.by, t1 - t0);
    }
}

void hp__holder_end(struct hp_holder_wait *wait, bool is_gil, uint64_t t0, bool timed_out)
{
    uint64_t t1 = hp_clock_ticks();
    if (!is_gil) {
        atomic_fetch_sub_explicit(&post_waiting, 1, memory_order_relaxed);
        if (!timed_out) {
            find_post(wait, t0, t1);
        }
    } else if (wait->on == gil_condition) {
        if (atomic_load_explicit(&gil.waiting, memory_order_relaxed) != 0) { /* not of before a fork */
            atomic_fetch_sub_explicit(&gil.waiting, 1, memory_order_relaxed);
        }
        cut_at_releases(wait, t0, t1);
    } else { /* until the thread that was asked for has taken it: that one has it next */
        leave_open(wait, take_open(t0) + t1 - t0, t1);
    }
}

/* ---- names of threads that have ended ---- */

bool hp_waits_told(void)
{
    return hp__wait_thread.serial != 0 || atomic_load_explicit(&gil.waiting, memory_order_relaxed) != 0;
}

void hp_waits_leave(uint32_t name)
{
    left[left_count % LEFT].serial = own_serial();
    left[left_count++ % LEFT].name = name;
}

uint32_t hp__holder_left(uint32_t serial)
{
    for (uint32_t i = 0; i < LEFT; i++) {
        if (left[i].serial == serial) {
            return left[i].name;
        }
    }
    return 0;
}
