/* sampler.c -- the thread that reads stacks, and the trees that they go to. See sampler.h,
 * docs/internals/sampler.md.
 *
 *     sweep: all threads, their frames' heads, who holds the GIL
 *      └─ each: slot before ─ processor clock ─ frames ─ codes ─ slot after ─ tree_lock: add to the request's tree or the process's
 *
 * A sample weighs the time since the sweep before, so a late sweep does not make what it sees too small. What
 * a torn stack would have weighed, the thread's next one weighs more. A thread whose processor clock stands
 * still has not run, so its stack is what it was.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/rng.h"
#include "capture/capture_int.h"
#include "capture/guard.h"
#include "capture/namer.h"
#include "capture/sampler.h"
#include "frames/codes.h"
#include "frames/stack.h"
#include "frames/walk.h"

#define FRAMES_MOST   HP_STACK_MOST
#define KEPT_FRAMES   65536u /* of all threads: 3.5 MB */
#define THREADS_MOST  4096u
#define FEW_THREADS   8u    /* with more, only those that run a request are looked at */
#define TASKS         1024u /* power of two */
#define PROBES        8u
#define TRIES         3
#define SECOND_NS     1000000000u
#define LOCK_WAIT_NS  2000000u
#define FORK_WAIT_NS  50000000u
#define NAP_NS        20000u
#define ACCOUNT_NS    50000000u /* between readings of our own clock */
#define STOP_MS       200u
#define STACK_BYTES   ((size_t)512 << 10)
#define POOL_MOST     HP_POOL_REQUESTS
#define OUTSIDE_CAP   65536u
#define SHAPE_BYTES   ((size_t)8 << 20)
#define EXPECTED_MOST 16u /* threads */

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_ENDED };

/* What is kept of a thread from sweep to sweep. */
struct task {
    uint64_t thread; /* its state; 0: free */
    uint64_t native_id;
    uint64_t cpu_ns;            /* of its clock before the stack was read; HP_ABSENT: not asked for */
    uint64_t owed_ns;           /* of stacks that were torn */
    struct hp_samples *samples; /* whose tree `node` is of; NULL: the process's */
    uint64_t id;                /* of the request, or the generation of the process's tree */
    uint32_t node, line;        /* line: that of the innermost frame */
    uint32_t turn, waits, sweep;
    bool known, stood;          /* node is set; it had not run at the last sweep */
    uint32_t placed;            /* outermost frames of `stack` whose `node` is set, in the tree of `id` */
    struct hp_stack stack;      /* owned; where there is no room for it the spare one serves */
    const struct hp_tree *tree; /* of `node`, and its nodes: may be gone, for the processor only */
    const struct hp_node *nodes;
};

struct hp_sampling {
    struct hp_cap *cap; /* borrowed */
    struct hp_sampling_config config;
    struct hp_layout layout;
    struct hp_peek peek;
    enum hp_guard_way way;
    uint64_t period_ns, start_ns;
    uint64_t before_cpu_ns, before_run_ns; /* of the threads before this one */
    uint32_t lane_syms[HP_LANE_KINDS];
    struct hp_samples *idle; /* owned; under the GIL */
    uint32_t idle_count;

    pthread_t thread;
    _Atomic int state;
    _Atomic uint32_t stop; /* what the thread sleeps on */
    bool tried;            /* under the GIL */
    bool fork_locked;

    pthread_mutex_t step_lock; /* over a step; guards all below it */
    struct hp_sweep sweep;
    struct hp_codes codes;
    struct hp_rng rng;
    struct hp_namer namer;
    struct task tasks[TASKS];
    uint64_t last_ns, account_ns;
    uint32_t sweep_number;
    struct hp_stack_work work;
    struct hp_stack spare_stack;
    struct hp_stack *stack; /* that was read last: a task's, or the spare one */
    struct hp_walk walk;    /* for reads that are system calls */
    struct hp_walk_frame frames[FRAMES_MOST];
    struct hp_codes_frame resolved[FRAMES_MOST];

    pthread_mutex_t tree_lock;
    struct hp_tree *outside; /* owned; of what belongs to no request, since the last take */
    uint64_t generation;     /* of `outside` */

    /* of hp__sampling_take */
    _Atomic bool taking;   /* the writer is about to hold tree_lock, or does */
    struct hp_tree *spare; /* owned; what was taken */
    struct hp_buf shape, values;
    struct hp_sampled_row told; /* counts so far */
    uint64_t told_run_ns;

    _Atomic uint64_t sweeps, samples, reused, outside_count, torn, cut, late, lost, cpu_ns, run_ns;
};

static struct hp_codes_gone codes_gone;

void hp_cap_code_gone(const void *code)
{
    atomic_fetch_add_explicit(&codes_gone.counts[hp_codes_gone_slot((uint64_t)(uintptr_t)code)], 1,
                              memory_order_release);
}

/* Each counter has one writer: the sampler's thread, or who has the GIL. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)counter, memory_order_relaxed);
}

static bool lock_within(pthread_mutex_t *mutex, uint64_t ns)
{
    if (pthread_mutex_trylock(mutex) == 0) {
        return true;
    }
    uint64_t deadline_ns = hp_clock_mono_ns() + ns;
    struct timespec nap = {0, NAP_NS};
    while (pthread_mutex_trylock(mutex) != 0) {
        if (hp_clock_mono_ns() >= deadline_ns) {
            return false;
        }
        nanosleep(&nap, NULL);
    }
    return true;
}

/* tree_lock for a request; the writer's turns at it count as waits for the store. */
static bool lock_tree(struct hp_cap *cap)
{
    struct hp_sampling *s = cap->sampling;
    if (pthread_mutex_trylock(&s->tree_lock) == 0) {
        return true;
    }
    bool taking = atomic_load(&s->taking);
    uint64_t from_ns = hp_clock_mono_ns();
    bool locked = lock_within(&s->tree_lock, LOCK_WAIT_NS);
    if (taking) {
        hp__cap_waited(cap, hp_clock_mono_ns() - from_ns);
    }
    return locked;
}

/* ---- a stack ---- */

/* By system calls: some for all frames. */
static hp_err read_by_calls(struct hp_sampling *s, const struct hp_thread *thread, struct hp_stack *stack,
                            uint64_t root, bool *cut)
{
    uint32_t found, depth;
    hp_err err = hp_walk_frames(&s->walk, &s->layout, &s->peek, thread, s->frames, FRAMES_MOST, &found, cut);
    for (uint32_t i = 0; err == HP_OK && root != 0 && i < found; i++) {
        if (s->frames[i].address == root) {
            found = i;
            *cut = false;
        }
    }
    hp_codes_round(&s->codes);
    err = err == HP_OK
              ? hp_codes_resolve(&s->codes, &s->layout, &s->peek, s->frames, found, s->resolved, &depth)
              : err;
    return err == HP_OK ? hp_stack_set(stack, &s->work, s->resolved, depth) : err;
}

static hp_err read_into(struct hp_sampling *s, struct task *task, struct hp_thread *thread,
                        const struct hp_slot_view *view, struct hp_stack *stack)
{
    bool cut = false, direct = s->way == HP_GUARD_DIRECT && s->layout.frame_tlbc == 0;
    uint64_t root = view->samples != NULL ? view->root : 0;
    hp_err err = direct ? hp_stack_read(stack, &s->work, &s->layout, &s->peek, &s->codes, thread, root, &cut)
                        : read_by_calls(s, thread, stack, root, &cut);
    task->placed = task->placed < stack->kept ? task->placed : stack->kept;
    count(&s->cut, err == HP_OK && cut);
    s->stack = stack;
    return err;
}

/* Frames of the thread, as symbols and lines. */
static hp_err read_stack(struct hp_sampling *s, struct task *task, struct hp_thread *thread,
                         const struct hp_slot_view *view)
{
    hp_err err =
        hp_peek_at(&s->peek, thread->address + s->layout.thread_frame, &thread->frame, sizeof thread->frame);
    err = err == HP_OK ? read_into(s, task, thread, view, &task->stack) : err;
    if (err == HP_EFULL || err == HP_ENOMEM) {
        s->spare_stack.count = task->placed = 0;
        err = read_into(s, task, thread, view, &s->spare_stack);
    }
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

/* The same, with what the thread runs, until both are of one moment; three times at most. */
static hp_err read_thread(struct hp_sampling *s, struct task *task, struct hp_thread *thread,
                          struct hp_slot_view *view)
{
    struct hp_slot_view after;
    hp_err err = HP_ECORRUPT;
    for (int i = 0; i < TRIES && err == HP_ECORRUPT; i++) {
        if (!hp__slot_look(thread->address, view)) {
            continue;
        }
        err = read_stack(s, task, thread, view);
        if (err == HP_OK && (!hp__slot_look(thread->address, &after) || after.turn != view->turn)) {
            err = HP_ECORRUPT;
        }
    }
    return err;
}

/* The node of the stack read last, and the line within it. A call stands at the line its caller is at. What
 * stood there in the sample before is not looked up again. */
static uint32_t place_stack(struct hp_sampling *s, struct task *task, struct hp_tree *tree,
                            const struct hp_slot_view *view, uint32_t *line)
{
    struct hp_stack *stack = s->stack;
    uint32_t node = HP_NODE_ROOT, i = task->placed;
    *line = 0;
    if (i != 0) {
        node = stack->frames[i - 1].node;
        *line = stack->frames[i - 1].line;
    } else if (view->samples != NULL && view->lane_kind != HP_LANE_MAIN && view->lane_kind < HP_LANE_KINDS) {
        node = hp_tree_child_at_line(tree, node, s->lane_syms[view->lane_kind], 0, HP_NODE_LANE);
    }
    for (; i < stack->count; i++) {
        struct hp_stack_frame *frame = &stack->frames[i];
        if (frame->shown) {
            node = hp_tree_child_at_line(tree, node, frame->sym, *line, HP_NODE_CALL);
            *line = frame->line;
        } else {
            frame->line = *line;
        }
        frame->node = node;
    }
    task->placed = stack->count;
    return node;
}

/* ---- a thread ---- */

/* A task of no thread, with the memory of this one. */
static struct task empty_task(const struct task *task)
{
    struct task empty = {.stack = task->stack};
    empty.stack.count = empty.stack.kept = 0;
    return empty;
}

static uint32_t first_probe(const struct hp_thread *thread)
{
    return (uint32_t)hp_hash_mix(thread->address, thread->native_id);
}

static struct task *task_of(struct hp_sampling *s, const struct hp_thread *thread)
{
    uint32_t first = first_probe(thread);
    struct task *oldest = NULL;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct task *task = &s->tasks[(first + i) % TASKS];
        if (task->thread == thread->address && task->native_id == thread->native_id) {
            return task;
        }
        if (oldest == NULL || task->sweep < oldest->sweep) {
            oldest = task;
        }
    }
    *oldest = empty_task(oldest);
    oldest->thread = thread->address;
    oldest->native_id = thread->native_id;
    return oldest;
}

/* Processor time of a thread of ours so far; HP_ABSENT: not known. The id of the clock is as glibc makes it
 * of the thread's number. */
static uint64_t clock_of(uint64_t native_id)
{
    struct timespec now;
    clockid_t clock = (clockid_t)((~(unsigned)native_id << 3) | 6u);
    if (clock_gettime(clock, &now) != 0) {
        return HP_ABSENT;
    }
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* What the sample weighs by the mode, 0: no sample. */
static uint64_t weight_of(const struct hp_sampling *s, const struct hp_thread *thread, uint64_t elapsed_ns,
                          uint64_t busy_ns)
{
    switch ((enum hp_sampling_mode)s->config.mode) {
    case HP_SAMPLING_CPU:
        return busy_ns;
    case HP_SAMPLING_GIL:
        return thread->has_gil ? elapsed_ns : 0;
    case HP_SAMPLING_WALL:
    default:
        return elapsed_ns;
    }
}

/* Whether `task->node`, and what is placed of its stack, is of the tree that the sample goes to; with
 * tree_lock. */
static bool same_tree(const struct hp_sampling *s, const struct task *task, const struct hp_slot_view *view)
{
    return task->samples == view->samples && task->id == (view->samples != NULL ? view->id : s->generation) &&
           task->turn == view->turn;
}

/* Add the stack read last, or the task's node again if `still`. */
static void add_sample(struct hp_sampling *s, struct task *task, const struct hp_slot_view *view, bool still,
                       uint64_t weight_ns, uint64_t busy_ns)
{
    pthread_mutex_lock(&s->tree_lock);
    struct hp_samples *samples = view->samples;
    bool same = same_tree(s, task, view);
    if ((samples != NULL && samples->id != view->id) || /* it has just ended */
        (still && !same)) {                             /* its node is of a tree that was taken */
        pthread_mutex_unlock(&s->tree_lock);
        task->known = false;
        return;
    }
    struct hp_tree *tree = samples != NULL ? samples->tree : s->outside;
    uint32_t node = task->node, line = task->line;
    if (!still) {
        task->placed = same ? task->placed : 0;
        node = place_stack(s, task, tree, view, &line);
    }
    if (samples == NULL && node == HP_NODE_ROOT) { /* no code that somebody wrote */
        pthread_mutex_unlock(&s->tree_lock);
        task->known = false;
        return;
    }
    hp_tree_add_sample(tree, node, line, weight_ns, busy_ns);
    if (samples != NULL) {
        samples->count++;
    }
    task->id = samples != NULL ? view->id : s->generation;
    pthread_mutex_unlock(&s->tree_lock);
    task->tree = tree;
    task->nodes = tree->nodes;
    task->node = node;
    task->line = line;
    task->samples = samples;
    task->turn = view->turn;
    count(&s->samples, 1);
    count(&s->reused, still);
    count(&s->outside_count, samples == NULL);
}

/* Whether the thread has done nothing since its stack was read: it is in the same wait, or its clock
 * stands. */
static bool is_still(const struct task *task, const struct hp_slot_view *view, uint64_t cpu_ns)
{
    bool stands =
        hp__slot_waits(view) ? task->waits == view->waits : cpu_ns != HP_ABSENT && cpu_ns == task->cpu_ns;
    return task->known && stands && view->turn == task->turn && view->samples == task->samples &&
           (view->samples == NULL || view->id == task->id);
}

/* Have what a sample will look at fetched while the kernel is asked for something. */
static void expect(const struct hp_sampling *s, const struct task *task)
{
    __builtin_prefetch(task->samples, 1);
    __builtin_prefetch(task->tree);
    if (task->stood) { /* and may go on doing so: then its node is all */
        __builtin_prefetch(task->nodes + task->node, 1);
    } else {
        hp_stack_expect(&task->stack, &s->layout, task->nodes, sizeof *task->nodes);
    }
}

/* Whether the thread was running. It ran for most of the time since the sweep before (maybe our wake-up took
 * its CPU away), or while its stack was read. Who has the stack of before and had little time only looked
 * whether it may go on; who waited for a lock then, and was not asked for its time, runs if it has the GIL
 * now. */
static bool was_running(const struct hp_sampling *s, const struct task *task, const struct hp_thread *thread,
                        bool fresh, uint64_t elapsed_ns, uint64_t cpu_ns)
{
    bool asked = !fresh && task->cpu_ns != HP_ABSENT;
    if (cpu_ns == HP_ABSENT) {
        return false;
    }
    if (asked && cpu_ns > task->cpu_ns && (cpu_ns - task->cpu_ns) * 2 >= elapsed_ns) {
        return true;
    }
    if (!fresh && thread->has_gil && (task->waits & 1) != 0) {
        return true;
    }
    bool same = !fresh && s->stack->kept == s->stack->count && !thread->has_gil;
    return !same && clock_of(thread->native_id) > cpu_ns;
}

static hp_err sample_thread(struct hp_sampling *s, struct hp_thread *thread, bool few, uint64_t elapsed_ns)
{
    struct hp_slot_view view;
    bool told = hp__slot_look(thread->address, &view);
    if (thread->native_id == 0 || (told && view.samples == NULL && !few)) {
        return HP_OK;
    }
    struct task *task = task_of(s, thread);
    bool fresh = task->sweep + 1 != s->sweep_number; /* it was not looked at in the sweep before */
    bool waits = told && hp__slot_waits(&view);
    uint32_t turn = view.waits;
    uint64_t cpu_ns = waits ? HP_ABSENT : clock_of(thread->native_id);
    bool still = !fresh && told && is_still(task, &view, cpu_ns);
    hp_err err = still ? HP_OK : read_thread(s, task, thread, &view);
    elapsed_ns += task->owed_ns;
    bool runs = !still && err == HP_OK && was_running(s, task, thread, fresh, elapsed_ns, cpu_ns);
    task->sweep = s->sweep_number;
    task->owed_ns = 0;
    task->known = err == HP_OK;
    task->stood = still;
    task->cpu_ns = cpu_ns;
    task->waits = turn;
    if (err == HP_ECORRUPT) {
        count(&s->torn, 1);
        task->owed_ns = elapsed_ns < SECOND_NS ? elapsed_ns : SECOND_NS;
        return HP_OK;
    }
    if (err != HP_OK) {
        return err;
    }
    uint64_t busy_ns = runs ? elapsed_ns : 0;
    uint64_t weight_ns = weight_of(s, thread, elapsed_ns, busy_ns);
    if (weight_ns != 0 && (still || s->stack->count != 0 || view.samples != NULL)) {
        add_sample(s, task, &view, still, weight_ns, busy_ns);
    } else {
        task->known = false;
    }
    return HP_OK;
}

/* ---- a sweep ---- */

/* Who tells of freed code objects tells of one interpreter's. */
static void watch_codes(struct hp_sampling *s)
{
    const struct hp_codes_gone *gone =
        s->config.watched && s->sweep.interpreter_count == 1 ? &codes_gone : NULL;
    if (gone != s->codes.gone) {
        hp_codes_watch(&s->codes, gone);
        for (uint32_t i = 0; i < TASKS; i++) {
            s->tasks[i].stack.count = 0;
        }
    }
}

/* What a sweep begins with lies in a line here and a line there, cold at 100 Hz: fetch the lines of the
 * threads of the sweep before. */
static void expect_threads(const struct hp_sampling *s)
{
    uint32_t count = s->sweep.count < EXPECTED_MOST ? s->sweep.count : EXPECTED_MOST;
    for (uint32_t i = 0; i < count; i++) {
        const struct hp_thread *thread = &s->sweep.threads[i];
        const struct task *task = &s->tasks[first_probe(thread) % TASKS];
        hp_sweep_expect(thread, &s->layout);
        hp__slot_expect(thread->address);
        __builtin_prefetch(task, 1);
        __builtin_prefetch((const char *)task + 64, 1);
    }
}

static void expect_stack(const struct hp_sampling *s, uint32_t i)
{
    if (i < s->sweep.count) {
        const struct task *task = &s->tasks[first_probe(&s->sweep.threads[i]) % TASKS];
        if (task->thread == s->sweep.threads[i].address) {
            expect(s, task);
        }
    }
}

/* Fails: HP_EPERM (memory cannot be read), HP_ENOMEM. */
static hp_err step(struct hp_sampling *s, uint64_t now_ns)
{
    hp_err err = HP_ECORRUPT;
    expect_threads(s);
    s->way = hp_guard_way();
    expect_stack(s, 0);
    s->sweep.words = s->way == HP_GUARD_DIRECT;
    for (int i = 0; i < TRIES && err == HP_ECORRUPT; i++) {
        err = hp_sweep_take(&s->sweep, &s->layout, &s->peek, s->config.runtime);
        err = err == HP_ERANGE ? HP_ECORRUPT : err;
    }
    if (err == HP_ECORRUPT) {
        count(&s->torn, 1);
        return HP_OK; /* its time goes to the next one */
    }
    watch_codes(s);
    uint64_t elapsed_ns = s->last_ns != 0 ? now_ns - s->last_ns : 0;
    elapsed_ns =
        elapsed_ns < SECOND_NS ? elapsed_ns : s->period_ns; /* we were stopped, and so was everybody */
    s->last_ns = now_ns;
    s->sweep_number++;
    for (uint32_t i = 0; err == HP_OK && i < s->sweep.count; i++) {
        expect_stack(s, i + 1);
        err = sample_thread(s, &s->sweep.threads[i], s->sweep.count <= FEW_THREADS, elapsed_ns);
    }
    count(&s->sweeps, 1);
    return err;
}

/* ---- the thread ---- */

/* Until `until_ns`, or until it is to stop. */
static void wait_until(struct hp_sampling *s, uint64_t until_ns)
{
    struct timespec until = {(time_t)(until_ns / SECOND_NS), (long)(until_ns % SECOND_NS)};
    while (!atomic_load(&s->stop) &&
           syscall(SYS_futex, &s->stop, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, &until, NULL,
                   FUTEX_BITSET_MATCH_ANY) != 0 &&
           errno == EINTR) {
    }
}

/* A period that comes a quarter early or late, so that work with the same period as ours is seen. */
static uint64_t next_period(struct hp_sampling *s)
{
    return s->period_ns * 3 / 4 + hp_rng_below(&s->rng, s->period_ns / 2 + 1);
}

/* What the thread took so far; asked for now and then, as each time is a system call. */
static void account(struct hp_sampling *s, uint64_t now_ns)
{
    s->account_ns = now_ns;
    atomic_store_explicit(&s->cpu_ns, s->before_cpu_ns + hp_clock_thread_cpu_ns(), memory_order_relaxed);
    atomic_store_explicit(&s->run_ns, s->before_run_ns + now_ns - s->start_ns, memory_order_relaxed);
}

static void *run(void *arg)
{
    struct hp_sampling *s = arg;
    hp_err err = HP_OK;
    prctl(PR_SET_NAME, "hotplate-sample", 0, 0, 0);
    uint64_t next_ns = hp_clock_mono_ns();
    s->start_ns = next_ns;
    s->account_ns = 0;
    s->before_cpu_ns = get(&s->cpu_ns);
    s->before_run_ns = get(&s->run_ns);
    while (!atomic_load(&s->stop) && err == HP_OK) {
        pthread_mutex_lock(&s->step_lock);
        uint64_t now_ns = hp_clock_mono_ns();
        err = atomic_load(&s->stop) ? HP_OK : step(s, now_ns);
        pthread_mutex_unlock(&s->step_lock);
        count(&s->late, now_ns > next_ns + s->period_ns);
        if (now_ns - s->account_ns >= ACCOUNT_NS) {
            account(s, now_ns);
        }
        next_ns += next_period(s);
        next_ns = next_ns > now_ns ? next_ns : now_ns + s->period_ns;
        wait_until(s, next_ns);
    }
    account(s, hp_clock_mono_ns());
    atomic_store(&s->state, THREAD_ENDED);
    return NULL;
}

static bool create_thread(struct hp_sampling *s, size_t stack_bytes)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    if (stack_bytes != 0) {
        (void)pthread_attr_setstacksize(&attr, stack_bytes); /* then it is the default */
    }
    bool made = pthread_create(&s->thread, &attr, run, s) == 0;
    pthread_attr_destroy(&attr);
    return made;
}

static void start(struct hp_sampling *s)
{
    sigset_t all, before;
    s->tried = true;
    atomic_store(&s->state, THREAD_RUNS);
    sigfillset(&all); /* the application's signals go to the application's threads, our own faults to us */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = create_thread(s, STACK_BYTES) || create_thread(s, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!made) {
        atomic_store(&s->state, THREAD_NONE);
    }
}

bool hp__sampling_running(const struct hp_sampling *s)
{
    return s != NULL && atomic_load((_Atomic int *)(uintptr_t)&s->state) == THREAD_RUNS;
}

bool hp__sampling_stop(struct hp_sampling *s, uint32_t timeout_ms)
{
    if (s == NULL || atomic_load(&s->state) == THREAD_NONE) {
        return true;
    }
    uint64_t deadline_ns = hp_clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    struct timespec nap = {0, NAP_NS};
    atomic_store(&s->stop, 1);
    syscall(SYS_futex, &s->stop, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX);
    while (atomic_load(&s->state) == THREAD_RUNS) {
        if (hp_clock_mono_ns() >= deadline_ns) {
            return false;
        }
        nanosleep(&nap, NULL);
    }
    pthread_join(s->thread, NULL);
    atomic_store(&s->state, THREAD_NONE);
    atomic_store(&s->stop, 0);
    s->last_ns = 0;
    s->tried = false;
    return true;
}

void hp_cap_sampling_stop(struct hp_cap *cap)
{
    (void)hp__sampling_stop(cap->sampling, STOP_MS); /* if not, it goes on reading, which nobody notices */
}

/* ---- requests; with the GIL ---- */

static struct hp_samples *take_samples(struct hp_sampling *s)
{
    struct hp_samples *samples = s->idle;
    if (samples != NULL) {
        s->idle = samples->next;
        s->idle_count--;
        return samples;
    }
    samples = hp__cap_fails(s->cap, HP_FAIL_ALLOC) ? NULL : hp_calloc(1, sizeof *samples);
    if (samples != NULL) {
        samples->tree = hp_tree_new(s->cap->dict, HP_TREE_CAP);
        if (samples->tree == NULL) {
            hp_free(samples);
            return NULL;
        }
    }
    return samples;
}

void hp__sampling_begin(struct hp_cap_request *request)
{
    struct hp_sampling *s = request->cap->sampling;
    if (s == NULL || request->samples != NULL || request->cap->shut) {
        return;
    }
    if (!s->tried) {
        start(s);
    }
    struct hp_samples *samples = hp__sampling_running(s) ? take_samples(s) : NULL;
    if (samples == NULL || !lock_tree(request->cap)) {
        count(&s->lost, 1);
        if (samples != NULL) {
            samples->next = s->idle;
            s->idle = samples;
            s->idle_count++;
        }
        return;
    }
    hp_tree_begin(samples->tree);
    samples->count = 0;
    samples->id = request->facts.id;
    pthread_mutex_unlock(&s->tree_lock);
    request->samples = samples;
}

__attribute__((noinline)) bool hp__sampling_end(struct hp_cap_request *request)
{
    struct hp_sampling *s = request->cap->sampling;
    struct hp_samples *samples = request->samples;
    if (samples == NULL) {
        return false;
    }
    if (samples->id == 0) {
        return true;
    }
    if (!lock_tree(request->cap)) {
        request->samples = NULL; /* never used again: the sampler may be at it */
        count(&s->lost, 1);
        return false;
    }
    samples->id = 0;
    pthread_mutex_unlock(&s->tree_lock);
    return true;
}

__attribute__((noinline)) void hp__sampling_recycle(struct hp_cap_request *request)
{
    struct hp_samples *samples = request->samples;
    if (samples == NULL || !hp__sampling_end(request)) {
        return;
    }
    struct hp_sampling *s = request->cap->sampling;
    request->samples = NULL;
    if (samples->tree->count > HP_TREE_KEEP) {
        hp_tree_clear(samples->tree);
    }
    if (s->idle_count >= POOL_MOST || samples->tree->capacity > 2 * HP_TREE_KEEP) {
        struct hp_tree *small = hp_tree_new(s->cap->dict, HP_TREE_CAP);
        if (small != NULL) { /* the sampler may still hold the pointer, so only the tree goes */
            hp_tree_free(samples->tree);
            samples->tree = small;
        }
    }
    samples->next = s->idle;
    s->idle = samples;
    s->idle_count++;
}

uint64_t hp__sampling_cost_ns(const struct hp_cap_request *request)
{
    const struct hp_sampling *s = request->cap->sampling;
    uint64_t all = s != NULL ? get(&s->samples) : 0;
    return request->samples == NULL || all == 0
               ? 0
               : (uint64_t)((double)get(&s->cpu_ns) / (double)all * (double)request->samples->count);
}

uint32_t hp__sampling_flags(const struct hp_sampling *s)
{
    return HP_REQ_SAMPLED | (s->config.mode == HP_SAMPLING_CPU   ? HP_REQ_SAMPLED_CPU
                             : s->config.mode == HP_SAMPLING_GIL ? HP_REQ_SAMPLED_GIL
                                                                 : 0u);
}

/* ---- what belongs to no request ---- */

/* Swap the trees: what was sampled so far is then in `spare`. False: the sampler is at it. */
static bool swap_trees(struct hp_sampling *s)
{
    if (s->spare->count > HP_TREE_KEEP) {
        hp_tree_clear(s->spare);
    }
    hp_tree_begin(s->spare);
    atomic_store(&s->taking, true);
    if (!lock_within(&s->tree_lock, LOCK_WAIT_NS)) {
        atomic_store(&s->taking, false);
        return false;
    }
    struct hp_tree *full = s->outside;
    s->outside = s->spare;
    s->spare = full;
    s->generation++;
    pthread_mutex_unlock(&s->tree_lock);
    atomic_store(&s->taking, false);
    return true;
}

bool hp__sampling_take(void *ctx, struct hp_sampled_row *row)
{
    struct hp_cap *cap = ctx;
    struct hp_sampling *s = cap->sampling;
    struct hp_sampled_row now = {.to_ns = hp_clock_wall_ns()};
    if (s == NULL || get(&s->sweeps) == s->told.sweeps || !swap_trees(s)) {
        return false;
    }
    now.sweeps = get(&s->sweeps);
    now.samples = get(&s->samples);
    now.torn = get(&s->torn);
    now.late = get(&s->late);
    now.cpu_ns = get(&s->cpu_ns);
    hp_buf_reset(&s->shape);
    hp_buf_reset(&s->values);
    if (hp_tree_encode(s->spare, NULL, &s->shape, &s->values, NULL) != HP_OK) {
        return false; /* no memory: this stretch is missing */
    }
    uint64_t run_ns = get(&s->run_ns);
    *row = (struct hp_sampled_row){.from_ns = now.to_ns - (run_ns - s->told_run_ns),
                                   .to_ns = now.to_ns,
                                   .sweeps = now.sweeps - s->told.sweeps,
                                   .samples = now.samples - s->told.samples,
                                   .torn = now.torn - s->told.torn,
                                   .late = now.late - s->told.late,
                                   .cpu_ns = now.cpu_ns - s->told.cpu_ns,
                                   .rate_hz = s->config.rate_hz,
                                   .mode = (uint8_t)s->config.mode,
                                   .shape = hp_buf_str(&s->shape),
                                   .values = hp_buf_str(&s->values)};
    s->told = now;
    s->told_run_ns = run_ns;
    return true;
}

/* ---- fork ---- */

void hp__sampling_fork_prepare(struct hp_sampling *s)
{
    if (s != NULL) {
        s->fork_locked = lock_within(&s->step_lock, FORK_WAIT_NS);
    }
}

void hp__sampling_fork_parent(struct hp_sampling *s)
{
    if (s != NULL && s->fork_locked) {
        pthread_mutex_unlock(&s->step_lock);
    }
}

void hp__sampling_fork_child(struct hp_sampling *s)
{
    hp__slots_forget();
    if (s == NULL) {
        return;
    }
    pthread_mutex_init(&s->step_lock, NULL);
    pthread_mutex_init(&s->tree_lock, NULL);
    s->tried = !s->fork_locked; /* a step was under way: what it left is not to be trusted, so none here */
    atomic_store(&s->state, THREAD_NONE);
    atomic_store(&s->stop, 0);
    for (uint32_t i = 0; i < TASKS; i++) {
        s->tasks[i] = empty_task(&s->tasks[i]);
    }
    s->last_ns = 0;
    s->generation++;
    s->told = (struct hp_sampled_row){0};
    s->told_run_ns = 0;
    if (s->fork_locked) {
        hp_tree_clear(s->outside);
    }
    _Atomic uint64_t *counts[] = {&s->sweeps, &s->samples, &s->reused, &s->outside_count, &s->torn,
                                  &s->cut,    &s->late,    &s->lost,   &s->cpu_ns,        &s->run_ns};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        atomic_store(counts[i], 0);
    }
}

/* ---- open ---- */

static hp_err find_layout(struct hp_sampling *s)
{
    uint8_t bytes[HP_LAYOUT_DEBUG_BYTES];
    unsigned minor = (s->config.version >> 16) & 0xFF;
    hp_err err = s->config.version >> 24 == 3 ? hp_layout_table(minor, &s->layout) : HP_EUNSUPPORTED;
    if (err == HP_EUNSUPPORTED) {
        err = hp_peek_at(&s->peek, s->config.runtime, bytes, sizeof bytes);
        err = err == HP_OK ? hp_layout_debug(bytes, sizeof bytes, &s->layout) : err;
        err = err == HP_OK && (s->layout.version != s->config.version || s->layout.free_threaded)
                  ? HP_EUNSUPPORTED
                  : err;
    }
    s->layout.code_type = s->config.code_type;
    s->layout.code_version = s->config.code_version;
    return err == HP_OK || err == HP_EPERM ? err : HP_EUNSUPPORTED;
}

/* Whether the calling thread is among the threads that we see, with the frames that it has. */
static hp_err check_reading(struct hp_sampling *s)
{
    uint32_t found = 0, depth;
    bool cut;
    hp_err err = hp_sweep_take(&s->sweep, &s->layout, &s->peek, s->config.runtime);
    const struct hp_thread *self = NULL;
    for (uint32_t i = 0; err == HP_OK && i < s->sweep.count; i++) {
        self = s->sweep.threads[i].address == s->config.thread ? &s->sweep.threads[i] : self;
    }
    if (err == HP_OK && (self == NULL || self->native_id != (uint64_t)gettid() || !self->has_gil)) {
        return HP_EUNSUPPORTED;
    }
    err = err == HP_OK
              ? hp_walk_frames(&s->walk, &s->layout, &s->peek, self, s->frames, FRAMES_MOST, &found, &cut)
              : err;
    err = err == HP_OK
              ? hp_codes_resolve(&s->codes, &s->layout, &s->peek, s->frames, found, s->resolved, &depth)
              : err;
    for (uint32_t i = 0, at = 0; err == HP_OK && i < s->config.code_count; i++, at++) {
        while (at < found && s->frames[at].code != s->config.codes[i]) {
            at++; /* the interpreter's own frames, below an inlined __init__, are in the memory only */
        }
        err = at < found ? HP_OK : HP_EUNSUPPORTED;
    }
    return err == HP_OK || err == HP_ENOMEM || err == HP_EPERM ? err : HP_EUNSUPPORTED;
}

static hp_err init(struct hp_sampling *s, struct hp_cap *cap, const struct hp_sampling_config *config)
{
    s->cap = cap;
    s->config = *config;
    uint32_t rate_hz = config->rate_hz != 0 ? config->rate_hz : HP_SAMPLING_HZ;
    s->config.rate_hz = rate_hz < HP_SAMPLING_MAX_HZ ? rate_hz : HP_SAMPLING_MAX_HZ;
    s->period_ns = SECOND_NS / s->config.rate_hz;
    s->peek = (struct hp_peek){hp_guard_read, &s->way};
    hp_sweep_init(&s->sweep, THREADS_MOST);
    s->work.room = KEPT_FRAMES + FRAMES_MOST;
    hp__namer_init(&s->namer, cap, &s->config, &s->peek);
    hp_codes_init(&s->codes, cap->dict, (struct hp_codes_place){hp__namer_place, hp__namer_known, &s->namer});
    hp_rng_seed(&s->rng, hp_clock_mono_ns());
    pthread_mutex_init(&s->step_lock, NULL);
    pthread_mutex_init(&s->tree_lock, NULL);
    memcpy(s->lane_syms, cap->root_syms, sizeof s->lane_syms);
    hp_buf_init(&s->shape, SHAPE_BYTES);
    hp_buf_init(&s->values, SHAPE_BYTES);
    s->outside = hp_tree_new(cap->dict, OUTSIDE_CAP);
    s->spare = hp_tree_new(cap->dict, OUTSIDE_CAP);
    return hp_stack_reserve(&s->spare_stack, &s->work, FRAMES_MOST) == HP_OK && s->outside != NULL &&
                   s->spare != NULL
               ? HP_OK
               : HP_ENOMEM;
}

hp_err hp_cap_sampling(struct hp_cap *cap, const struct hp_sampling_config *config)
{
    if (cap->sampling != NULL) {
        return HP_EBUSY;
    }
    struct hp_sampling *s = hp_calloc(1, sizeof *s);
    if (s == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = init(s, cap, config);
    hp_guard_place();
    s->way = hp_guard_way();
    err = err == HP_OK ? find_layout(s) : err;
    err = err == HP_OK ? check_reading(s) : err;
    s->config.codes = NULL;
    s->config.code_count = 0;
    if (err != HP_OK) {
        hp__sampling_free(s);
        return err;
    }
    hp__slots_open(true);
    cap->sampling = s;
    return HP_OK;
}

void hp__sampling_free(struct hp_sampling *s)
{
    if (s == NULL) {
        return;
    }
    while (s->idle != NULL) {
        struct hp_samples *samples = s->idle;
        s->idle = samples->next;
        hp_tree_free(samples->tree);
        hp_free(samples);
    }
    for (uint32_t i = 0; i < TASKS; i++) {
        hp_stack_fini(&s->tasks[i].stack, &s->work);
    }
    hp_stack_fini(&s->spare_stack, &s->work);
    hp_sweep_fini(&s->sweep);
    hp_codes_fini(&s->codes);
    hp__namer_fini(&s->namer);
    hp_tree_free(s->outside);
    hp_tree_free(s->spare);
    hp_buf_fini(&s->shape);
    hp_buf_fini(&s->values);
    pthread_mutex_destroy(&s->step_lock);
    pthread_mutex_destroy(&s->tree_lock);
    hp_free(s);
}

void hp_cap_sampling_counts(struct hp_cap *cap, struct hp_cap_sampling_counts *out)
{
    struct hp_sampling *s = cap->sampling;
    *out = (struct hp_cap_sampling_counts){0};
    if (s == NULL) {
        return;
    }
    *out = (struct hp_cap_sampling_counts){
        .sweeps = get(&s->sweeps),
        .samples = get(&s->samples),
        .reused = get(&s->reused),
        .outside = get(&s->outside_count),
        .torn = get(&s->torn),
        .cut = get(&s->cut),
        .late = get(&s->late),
        .lost = get(&s->lost),
        .faults = hp_guard_faults(),
        .forgotten = s->codes.forgotten,
        .cpu_ns = get(&s->cpu_ns),
        .ns = get(&s->run_ns),
        .rate_hz = s->config.rate_hz,
        .running = hp__sampling_running(s),
        .direct = hp_guard_way() == HP_GUARD_DIRECT,
    };
}
