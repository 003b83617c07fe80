/* lanes.c -- which lane runs on this thread now, and on this greenlet.
 *
 * Without greenlets a thread-local pointer is the answer. With them a table maps greenlet to lane (only greenlets that run a lane
 * are in it), and the thread-local keeps the last answer with the greenlet it was for. A greenlet that is not in the table belongs to the lane of
 * its nearest parent that is: SQLAlchemy's asyncio bridge runs the request's own work in such a child.
 * The greenlet module is found when it is already imported, never imported by us; its C API is the capsule "greenlet._C_API".
 */
#include "ext.h"

#include "hotplate/ext/waits.h"

#include <stdlib.h>
#include <string.h>

__thread struct hp_tls hp_tls __attribute__((tls_model("initial-exec")));

enum {
    API_GET_CURRENT = 4,
    API_GET_PARENT = 11
}; /* positions in greenlet's C API table (greenlet.h, stable since 1.0) */

static PyObject *(*greenlet_current)(void);
static PyObject *(*greenlet_parent)(PyObject *);

struct entry {
    void *greenlet; /* NULL: free; deleted entries keep TOMBSTONE */
    struct hp_cap_lane *lane;
    bool want_c;
};
#define TOMBSTONE ((void *)1)

static struct entry *table;
static size_t table_mask, table_used; /* used: with tombstones */

static size_t slot_of(const void *greenlet)
{
    uint64_t h = (uint64_t)(uintptr_t)greenlet;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 29;
    return (size_t)h & table_mask;
}

static struct entry *table_find(const void *greenlet)
{
    if (table == NULL) {
        return NULL;
    }
    for (size_t i = slot_of(greenlet);; i = (i + 1) & table_mask) {
        if (table[i].greenlet == greenlet) {
            return &table[i];
        }
        if (table[i].greenlet == NULL) {
            return NULL;
        }
    }
}

static bool table_grow(void)
{
    struct entry *old = table;
    size_t old_count = table == NULL ? 0 : table_mask + 1, live = 0;
    for (size_t i = 0; i < old_count; i++) {
        live += old[i].greenlet != NULL && old[i].greenlet != TOMBSTONE;
    }
    size_t size = 64;
    while (size < live * 4) {
        size *= 2;
    }
    struct entry *fresh = calloc(size, sizeof *fresh);
    if (fresh == NULL) {
        return false;
    }
    table = fresh;
    table_mask = size - 1;
    table_used = live;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].greenlet == NULL || old[i].greenlet == TOMBSTONE) {
            continue;
        }
        size_t at = slot_of(old[i].greenlet);
        while (table[at].greenlet != NULL) {
            at = (at + 1) & table_mask;
        }
        table[at] = old[i];
    }
    free(old);
    return true;
}

static void table_set(void *greenlet, struct hp_cap_lane *lane, bool want_c)
{
    struct entry *entry = table_find(greenlet);
    if (lane == NULL) {
        if (entry != NULL) {
            entry->greenlet = TOMBSTONE;
        }
        return;
    }
    if (entry == NULL) {
        if ((table == NULL || (table_used + 1) * 2 > table_mask) && !table_grow()) {
            hp_cap_error(hp_ext.cap);
            return;
        }
        size_t at = slot_of(greenlet);
        /* A deleted entry is used again: a greenlet that serves request after request must not leave a trail of them. */
        while (table[at].greenlet != NULL && table[at].greenlet != TOMBSTONE) {
            at = (at + 1) & table_mask;
        }
        entry = &table[at];
        table_used += entry->greenlet == NULL;
        entry->greenlet = greenlet;
    }
    entry->lane = lane;
    entry->want_c = want_c;
}

static void set_tls(struct hp_cap_lane *lane, bool want_c, void *greenlet)
{
    if (hp_tls.lane != lane) { /* what this thread allocates is the lane's from here on */
        if (hp_tls.lane != NULL) {
            hp_cap_alloc_end(hp_tls.lane);
        }
        if (lane != NULL) {
            hp_cap_alloc_begin(lane);
        }
    }
    hp_tls.lane = lane;
    hp_tls.tstate = PyThreadState_Get();
    hp_tls.greenlet = greenlet;
    hp_tls.traced = lane != NULL && hp_ext.tracing && hp_cap_lane_level(lane) == HP_X_LEVEL_TRACE;
    hp_tls.want_c = hp_tls.traced && want_c;
    hp_tls.flight = hp_ext.recording && lane != NULL && !hp_tls.traced && hp_cap_lane_flight(lane);
    hp_waits_thread(lane, hp_tls.tstate);
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

/* The entry of this greenlet or of its nearest parent that has one. */
static struct entry *find_with_parents(void *greenlet)
{
    struct entry *entry = table_find(greenlet);
    PyObject *at = (PyObject *)greenlet;
    PyObject *held = NULL;
    for (int i = 0; entry == NULL && greenlet_parent != NULL && i < 8; i++) {
        PyObject *parent = greenlet_parent(at);
        Py_XDECREF(held);
        held = parent;
        if (parent == NULL) {
            PyErr_Clear();
            return NULL;
        }
        entry = table_find(parent);
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
    } else if (changed) {
        struct hp_cap_lane *before = hp_tls.lane;
        struct entry *entry = find_with_parents(greenlet);
        set_tls(entry != NULL ? entry->lane : NULL, entry != NULL && entry->want_c, greenlet);
        changed = before != hp_tls.lane;
    }
    hp_pending_restore(pending);
    return changed;
}

void hp_lane_push(struct hp_lane_scope *scope, struct hp_cap_lane *lane, bool want_c)
{
    scope->greenlet = hp_ext.greenlets ? current_greenlet() : NULL;
    if (scope->greenlet != NULL) {
        struct entry *entry = table_find(scope->greenlet);
        scope->previous = entry != NULL ? entry->lane : NULL;
        scope->previous_want_c = entry != NULL && entry->want_c;
        table_set(scope->greenlet, lane, want_c);
    } else {
        scope->previous = hp_tls.lane;
        scope->previous_want_c = hp_tls.want_c;
    }
    set_tls(lane, want_c, scope->greenlet);
}

void hp_lane_pop(const struct hp_lane_scope *scope)
{
    if (scope->greenlet != NULL) {
        table_set(scope->greenlet, scope->previous, scope->previous_want_c);
    }
    set_tls(scope->previous, scope->previous_want_c, scope->greenlet);
}

void hp_lane_find_greenlets(void)
{
    if (hp_ext.greenlets) {
        return;
    }
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    if (modules == NULL || PyDict_GetItemString(modules, "greenlet") == NULL) {
        return;
    }
    struct hp_pending pending = hp_pending_save();
    void **api = (void **)PyCapsule_Import("greenlet._C_API", 0);
    if (api != NULL) {
        memcpy(&greenlet_current, &api[API_GET_CURRENT], sizeof greenlet_current);
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
