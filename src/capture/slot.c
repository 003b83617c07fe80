/* slot.c -- which request each thread works for, to be read by the sampler without a lock. See sampler.h.
 *
 * A table by the address of the thread state; a thread claims its slot when it first runs a lane and gives it
 * back when it ends. Only the thread itself writes its slot (a turn that is odd meanwhile), the sampler reads
 * it before and after a stack: if the turn is another one, so may be the request.
 */
#include <pthread.h>
#include <string.h>

#include "base/hash.h"
#include "capture/capture_int.h"
#include "capture/sampler.h"

#define PROBES 16u

struct slot { /* one cache line */
    _Alignas(64) _Atomic uint32_t turn;
    _Atomic uint32_t lane_kind, waits;
    _Atomic(struct hp_samples *) samples;
    _Atomic uint64_t id, root;
    const void *lane; /* identity, for the owner only */
};

static struct slot slots[HP_SLOTS];
static _Atomic uint64_t owners[HP_SLOTS]; /* thread states; 0: free. Apart, so that who has no slot is told
                                             from two cache lines */
static _Atomic bool slots_open;
static __thread struct slot *own_slot __attribute__((tls_model("initial-exec")));
static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;
static bool has_key;

static void write_slot(struct slot *slot, const struct hp_slot_view *view, const void *lane)
{
    uint32_t turn = atomic_load_explicit(&slot->turn, memory_order_relaxed) + 1;
    slot->lane = lane;
    atomic_store_explicit(&slot->turn, turn, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&slot->samples, view->samples, memory_order_relaxed);
    atomic_store_explicit(&slot->id, view->id, memory_order_relaxed);
    atomic_store_explicit(&slot->root, view->root, memory_order_relaxed);
    atomic_store_explicit(&slot->lane_kind, view->lane_kind, memory_order_relaxed);
    atomic_store_explicit(&slot->turn, turn + 1, memory_order_release);
}

static void give_back(struct slot *slot)
{
    struct hp_slot_view none = {0};
    write_slot(slot, &none, NULL);
    atomic_store_explicit(&slot->waits, 0, memory_order_relaxed);
    atomic_store(&owners[slot - slots], 0);
}

static void thread_ends(void *value)
{
    own_slot = NULL;
    give_back(value);
}

static void make_key(void)
{
    has_key = pthread_key_create(&end_key, thread_ends) == 0;
}

static uint32_t first_probe(uint64_t thread)
{
    return (uint32_t)hp_hash_mix(thread, 0x5107);
}

/* NULL: no room near its place, or the end of threads cannot be told. */
static struct slot *claim(uint64_t thread)
{
    pthread_once(&end_once, make_key);
    for (uint32_t i = 0; has_key && i < PROBES; i++) {
        uint32_t at = (first_probe(thread) + i) % HP_SLOTS;
        struct slot *slot = &slots[at];
        uint64_t nobody = 0;
        if (atomic_load(&owners[at]) == 0 && atomic_compare_exchange_strong(&owners[at], &nobody, thread)) {
            if (pthread_setspecific(end_key, slot) == 0) {
                return slot;
            }
            give_back(slot);
            return NULL;
        }
    }
    return NULL;
}

void hp__slots_open(bool open)
{
    atomic_store(&slots_open, open);
}

bool hp__slot_look(uint64_t thread, struct hp_slot_view *view)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t at = (first_probe(thread) + i) % HP_SLOTS;
        const struct slot *slot = &slots[at];
        if (atomic_load_explicit(&owners[at], memory_order_acquire) != thread) {
            continue;
        }
        view->turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        view->samples = atomic_load_explicit(&slot->samples, memory_order_relaxed);
        view->id = atomic_load_explicit(&slot->id, memory_order_relaxed);
        view->root = atomic_load_explicit(&slot->root, memory_order_relaxed);
        view->lane_kind = atomic_load_explicit(&slot->lane_kind, memory_order_relaxed);
        view->waits = atomic_load_explicit(&slot->waits, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        return (view->turn & 1) == 0 && atomic_load_explicit(&slot->turn, memory_order_relaxed) == view->turn;
    }
    *view = (struct hp_slot_view){0};
    return true;
}

void hp__slot_expect(uint64_t thread)
{
    uint32_t at = first_probe(thread) % HP_SLOTS;
    __builtin_prefetch(&owners[at]);
    __builtin_prefetch(&slots[at]);
}

void hp__slot_wait(bool begins)
{
    if (own_slot != NULL) {
        uint32_t waits = atomic_load_explicit(&own_slot->waits, memory_order_relaxed);
        if ((waits & 1) != (begins ? 1 : 0)) {
            atomic_store_explicit(&own_slot->waits, waits + 1, memory_order_relaxed);
        }
    }
}

static void publish(struct slot *slot, const struct hp_cap_lane *lane)
{
    struct hp_slot_view view = {0};
    const struct hp_cap_request *request = lane != NULL ? lane->request : NULL;
    if (request != NULL && request->samples != NULL && lane->begun) {
        view.samples = request->samples;
        view.id = request->facts.id;
        view.root = (uint64_t)(uintptr_t)lane->stack[0].frame;
        view.lane_kind = request->lanes[lane->index].kind;
    }
    if (view.samples != NULL || atomic_load_explicit(&slot->samples, memory_order_relaxed) != NULL) {
        write_slot(slot, &view, lane);
    }
    slot->lane = lane;
}

void hp_cap_sampling_thread(struct hp_cap_lane *lane, void *state)
{
    if (!atomic_load_explicit(&slots_open, memory_order_relaxed) || (lane == NULL && own_slot == NULL)) {
        return;
    }
    uint64_t thread = (uint64_t)(uintptr_t)state;
    if (own_slot != NULL && atomic_load_explicit(&owners[own_slot - slots], memory_order_relaxed) != thread) {
        give_back(own_slot); /* another state runs on this thread now */
        own_slot = NULL;
    }
    if (own_slot == NULL) {
        own_slot = claim(thread);
    }
    if (own_slot != NULL) {
        publish(own_slot, lane);
    }
}

void hp__slot_moved(const struct hp_cap_lane *lane)
{
    if (own_slot != NULL && own_slot->lane == lane) {
        publish(own_slot, lane);
    }
}

void hp__slots_forget(void)
{
    own_slot = NULL;
    if (has_key) {
        (void)pthread_setspecific(end_key, NULL);
    }
    for (uint32_t i = 0; i < HP_SLOTS; i++) {
        if (atomic_load_explicit(&owners[i], memory_order_relaxed) == 0) {
            continue;
        }
        atomic_store_explicit(&slots[i].samples, NULL, memory_order_relaxed);
        atomic_store_explicit(&slots[i].turn, 0, memory_order_relaxed);
        atomic_store_explicit(&slots[i].waits, 0, memory_order_relaxed);
        atomic_store_explicit(&owners[i], 0, memory_order_relaxed);
    }
}
