/* lanes.c -- which lane runs on this thread now, and on this greenlet.
 *
 * Without greenlets a thread-local pointer is the answer. With them a table maps greenlet to lane (only
 * greenlets that run a lane are in it), and the thread-local keeps the last answer with the greenlet it was
 * for. A greenlet that is not in the table belongs to the lane of its nearest parent that is: SQLAlchemy's
 * asyncio bridge runs the request's own work in such a child. One that has no such parent, as gevent's have
 * the hub, but was made by a lane, is a lane of its own (greenlets.c). Switches are told by greenlet's trace
 * function; where one was missed, the next look finds out, and the request's processor time is absent. Who is
 * made current over another lane borrows the thread from it: the clocks change over, there and back. The
 * greenlet module is found when it is already imported, never imported by us; its C API is the capsule
 * "greenlet._C_API".
 */
#include "ext.h"

#include "hotplate/ext/sampler.h"
#include "hotplate/ext/waits.h"

#include <string.h>

#include "hotplate/ext/share.h"
#include "ptrmap.h"

__thread struct hp_tls hp_tls __attribute__((tls_model("initial-exec")));

enum {
    API_GET_CURRENT = 4,
    API_ACTIVE = 10,
    API_GET_PARENT = 11
}; /* positions in greenlet's C API table (greenlet.h, stable since 1.0) */

static PyObject *(*greenlet_current)(void);
static PyObject *(*greenlet_parent)(PyObject *);
static int (*greenlet_active)(PyObject *);

enum { WANT_C = 1, OWNED = 2 }; /* flags of an entry; OWNED: it holds a reference to its lane */

static struct hp_ptrmap table; /* greenlet to lane */

static void table_set(const void *greenlet, struct hp_cap_lane *lane, bool want_c)
{
    if (lane == NULL) {
        hp_ptrmap_remove(&table, greenlet);
    } else if (!hp_ptrmap_put(&table, greenlet, lane, want_c ? WANT_C : 0)) {
        hp_cap_error(hp_ext.cap);
    }
}

static void release_between(void)
{
    if (hp_tls.between != NULL) {
        hp_cap_lane_unref(hp_tls.between);
        hp_tls.between = NULL;
    }
}

/* Of the lane that is current, what it records. */
static inline void set_flags(struct hp_cap_lane *lane, bool want_c)
{
    hp_tls.traced = hp_ext.tracing && hp_cap_lane_level(lane) == HP_X_LEVEL_TRACE;
    hp_tls.want_c = hp_tls.traced && want_c;
    hp_tls.flight = hp_ext.recording && !hp_tls.traced && hp_cap_lane_flight(lane);
}

/* set_tls where there was no lane. */
static inline void enter_tls(struct hp_cap_lane *lane, bool want_c, void *greenlet)
{
    hp_cap_alloc_begin(lane); /* what this thread allocates is the lane's from here on */
    release_between();
    hp_tls.tstate = PyThreadState_Get();
    hp_tls.lane = lane;
    hp_tls.greenlet = greenlet;
    set_flags(lane, want_c);
    hp_waits_thread(lane, hp_tls.tstate);
    hp_cap_sampling_thread(lane, hp_tls.tstate);
}

/* set_tls where there will be none. */
static inline void leave_tls(void *greenlet)
{
    if (hp_tls.lane != NULL) {
        hp_cap_alloc_end(hp_tls.lane);
    }
    release_between();
    hp_tls.lane = NULL;
    hp_tls.greenlet = greenlet;
    hp_tls.traced = hp_tls.want_c = hp_tls.flight = false;
    hp_waits_thread(NULL, NULL);
    hp_cap_sampling_thread(NULL, hp_tls.tstate);
}

static void set_tls(struct hp_cap_lane *lane, bool want_c, void *greenlet)
{
    if (lane == NULL || (hp_tls.lane != NULL && hp_tls.lane != lane)) {
        leave_tls(greenlet);
    }
    if (lane != NULL && hp_tls.lane == NULL) {
        enter_tls(lane, want_c, greenlet);
    } else if (lane != NULL) { /* it goes on in another greenlet, maybe */
        release_between();
        hp_tls.greenlet = greenlet;
        set_flags(lane, want_c);
        hp_waits_thread(lane, hp_tls.tstate);
        hp_cap_sampling_thread(lane, hp_tls.tstate);
    }
}

/* Its processor time is not known. */
static void flag_shared(struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = lane != NULL ? hp_cap_lane_request(lane) : NULL;
    if (request != NULL) {
        hp_cap_request_flag(request, HP_X_REQ_SHARED_CPU);
    }
}

/* Identity of the running greenlet; NULL on failure. */
static void *current_greenlet(void)
{
    PyObject *greenlet = greenlet_current();
    if (greenlet == NULL) {
        PyErr_Clear();
        return NULL;
    }
    Py_DECREF(greenlet); /* the running greenlet stays alive without us */
    return greenlet;
}

/* The entry of this greenlet or of its nearest parent that has one. A hub is nobody's, whoever made it. */
static struct hp_ptrmap_entry *find_with_parents(const void *greenlet)
{
    struct hp_ptrmap_entry *entry = hp_ptrmap_find(&table, greenlet);
    PyObject *at = (PyObject *)(uintptr_t)greenlet;
    PyObject *held = NULL;
    for (int i = 0; entry == NULL && table.live != 0 && greenlet_parent != NULL && i < 8; i++) {
        PyObject *parent = hp_greenlet_is_hub(at) ? NULL : greenlet_parent(at);
        Py_XDECREF(held);
        held = parent;
        if (parent == NULL) {
            PyErr_Clear();
            return NULL;
        }
        entry = hp_ptrmap_find(&table, parent);
        at = parent;
    }
    Py_XDECREF(held);
    return entry;
}

struct hp_cap_lane *hp_lane_current(void)
{
    if (hp_ext.greenlets) {
        (void)hp_lane_resync();
    }
    return hp_tls.lane;
}

void hp_lane_between(struct hp_cap_lane *lane)
{
    if (hp_tls.lane == NULL && !hp_tls.switched) {
        hp_cap_lane_ref(lane);
        release_between();
        hp_tls.between = lane;
        hp_waits_between(lane);
    }
}

void hp_lane_between_end(void)
{
    if (hp_tls.between != NULL) {
        hp_waits_thread(NULL, NULL);
        release_between();
    }
}

/* ---- switches ---- */

/* The lane that a greenlet begins when it runs for the first time; NULL: it has none of its own. */
static struct hp_cap_lane *adopt(PyObject *greenlet, bool *want_c)
{
    struct hp_cap_lane *lane = hp_greenlet_adopt(greenlet, want_c);
    if (lane != NULL && !hp_ptrmap_put(&table, greenlet, lane, OWNED | (*want_c ? WANT_C : 0))) {
        hp_cap_error(hp_ext.cap);
        hp_cap_lane_unref(lane);
        return NULL;
    }
    return lane;
}

/* Forget what a greenlet's lane was, if that lane is over. */
static void retire(PyObject *greenlet)
{
    struct hp_ptrmap_entry *entry = hp_ptrmap_find(&table, greenlet);
    if (entry == NULL || !(entry->flags & OWNED)) {
        return;
    }
    struct hp_cap_lane *lane = entry->value;
    bool dead = greenlet_active != NULL && !greenlet_active(greenlet);
    if (dead || !hp_cap_lane_alive(lane)) {
        hp_ptrmap_remove(&table, greenlet);
        hp_cap_lane_end(lane);
        hp_cap_lane_unref(lane);
    }
}

bool hp_lane_switched(PyObject *origin, PyObject *target)
{
    struct hp_cap_lane *from = hp_tls.lane, *to;
    struct hp_cap_clock clock;
    bool want_c = false;
    hp_tls.switched = true;
    hp_lane_between_end();
    if (from == NULL && table.live == 0) {
        hp_tls.greenlet = target;
        return false;
    }
    retire(target);
    struct hp_ptrmap_entry *entry = find_with_parents(target);
    if (entry != NULL) {
        to = entry->value;
        want_c = entry->flags & WANT_C;
    } else {
        to = hp_greenlet_is_hub(target) ? NULL : adopt(target, &want_c);
    }
    if (from != NULL && from != to) {
        hp_cap_lane_ref(from); /* it may be let go below */
    }
    if (from != to) {
        hp_cap_clock_read(from, to, &clock);
        if (from != NULL) {
            hp_cap_lane_out(from, &clock);
        }
    }
    set_tls(to, want_c, target);
    if (from != to && to != NULL) {
        hp_greenlet_resume(to, &clock);
    }
    if (origin != NULL) {
        retire(origin);
    }
    if (from != NULL && from != to) {
        hp_cap_lane_unref(from);
    }
    return from != to;
}

bool hp_lane_resync(void)
{
    if (!hp_ext.greenlets) {
        return false;
    }
    struct hp_pending pending = hp_pending_save();
    void *greenlet = current_greenlet();
    bool changed = greenlet != NULL && greenlet != hp_tls.greenlet;
    if (changed && hp_tls.greenlet == NULL && hp_tls.lane != NULL) {
        /* The lane was made current before greenlet was imported: it runs on this one. */
        table_set(greenlet, hp_tls.lane, hp_tls.want_c);
        hp_tls.greenlet = greenlet;
        changed = false;
    } else if (changed) { /* a switch that we were not told of: whose the time since was is not known */
        struct hp_cap_lane *before = hp_tls.lane;
        changed = hp_lane_switched(NULL, greenlet);
        if (changed && hp_tls.hooked) {
            flag_shared(before);
            flag_shared(hp_tls.lane);
        }
    }
    hp_pending_restore(pending);
    return changed;
}

/* ---- pushing ---- */

void hp_lane_push(struct hp_lane_scope *scope, struct hp_cap_lane *lane, bool want_c)
{
    if (!hp_ext.greenlets && hp_tls.lane == NULL && lane != NULL && hp_cap_lane_away_since(lane) == 0) {
        *scope = (struct hp_lane_scope){.lane = lane}; /* as in most requests */
        enter_tls(lane, want_c, NULL);
        return;
    }
    struct hp_ptrmap_entry *entry = NULL;
    scope->greenlet = hp_ext.greenlets ? current_greenlet() : NULL;
    if (scope->greenlet != NULL) {
        hp_greenlet_watch();
        entry = hp_ptrmap_find(&table, scope->greenlet);
        scope->previous = entry != NULL ? entry->value : NULL;
        scope->previous_flags = entry != NULL ? entry->flags : 0;
    } else {
        scope->previous = hp_tls.lane;
        scope->previous_flags = hp_tls.want_c ? WANT_C : 0;
    }
    scope->lane = lane;
    scope->lent = scope->previous != NULL && lane != NULL && scope->previous != lane;
    if (scope->lent || (lane != NULL && hp_cap_lane_away_since(lane) != 0)) {
        struct hp_cap_clock clock;
        hp_cap_clock_read(scope->previous, lane, &clock);
        if (scope->lent) {
            hp_cap_lane_out(scope->previous, &clock);
        }
        hp_cap_lane_in(lane, &clock);
    }
    if (scope->greenlet != NULL) {
        table_set(scope->greenlet, lane, want_c);
    }
    set_tls(lane, want_c, scope->greenlet);
}

/* The thread goes back to who lent it: that one waited for what ran on it. */
static void give_thread_back(const struct hp_lane_scope *scope)
{
    struct hp_cap_clock clock;
    hp_cap_clock_read(scope->lane, scope->previous, &clock);
    if (scope->lane != NULL) {
        hp_cap_lane_out(scope->lane, &clock);
    }
    if (scope->lent) {
        struct hp_cap_away away = {.t0 = hp_cap_lane_away_since(scope->previous),
                                   .ready = clock.ticks,
                                   .t1 = clock.ticks,
                                   .kind = HP_X_WAIT_AWAIT};
        hp_cap_lane_in(scope->previous, &clock);
        if (away.t0 != 0) {
            hp_cap_lane_waited(scope->previous, &away);
        }
    }
}

void hp_lane_pop_out(const struct hp_lane_scope *scope)
{
    if (!scope->lent && !hp_tls.switched) { /* else hp_lane_pop does */
        give_thread_back(scope);
    }
    hp_lane_pop(scope);
}

void hp_lane_pop(const struct hp_lane_scope *scope)
{
    if (scope->lent || hp_tls.switched) {
        give_thread_back(scope);
    }
    if (scope->greenlet == NULL) {
        if (scope->previous == NULL) {
            leave_tls(NULL);
        } else {
            set_tls(scope->previous, scope->previous_flags & WANT_C, NULL);
        }
        return;
    }
    table_set(scope->greenlet, NULL, false);
    if (scope->previous != NULL &&
        !hp_ptrmap_put(&table, scope->greenlet, scope->previous, scope->previous_flags)) {
        hp_cap_error(hp_ext.cap);
    }
    set_tls(scope->previous, scope->previous_flags & WANT_C, scope->greenlet);
}

void hp_lane_find_greenlets(void)
{
    if (hp_ext.greenlets) {
        return;
    }
    static Py_ssize_t without; /* how many modules there were when it was not among them */
    static PyObject *modules;  /* owned: the interpreter's, the same until its end */
    if (modules == NULL && (modules = Py_XNewRef(PyImport_GetModuleDict())) == NULL) {
        return;
    }
    if (!PyDict_Check(modules) || PyDict_GET_SIZE(modules) == without) {
        return;
    }
    if (PyDict_GetItemString(modules, "greenlet") == NULL) {
        without = PyDict_GET_SIZE(modules);
        return;
    }
    struct hp_pending pending = hp_pending_save();
    void **api = (void **)PyCapsule_Import("greenlet._C_API", 0);
    if (api != NULL) {
        memcpy(&greenlet_current, &api[API_GET_CURRENT], sizeof greenlet_current);
        memcpy(&greenlet_active, &api[API_ACTIVE], sizeof greenlet_active);
        memcpy(&greenlet_parent, &api[API_GET_PARENT], sizeof greenlet_parent);
        hp_ext.greenlets = true;
        hp_waits_know_greenlets();
    }
    hp_pending_restore(pending);
}

const void *hp_frame_id_now(void)
{
    return hp_frame_current(PyThreadState_Get());
}
