/* awaited.h -- a coroutine of a driver's that is measured from its first resume to its end: its own kind of
 * hook, because calling it does nothing yet.
 */
#ifndef HP_PYEXT_AWAITED_H
#define HP_PYEXT_AWAITED_H

#include "sql.h"

#define HP_AWAITED_HELD 3

struct hp_awaited;

struct hp_awaited_kind {
    /* At the first resume; false: nothing is recorded, and `end` not called. */
    bool (*begin)(struct hp_awaited *self);
    /* At the end, or when it is dropped before. `fine`: it returned; `result`, borrowed: what, NULL where
     * that is not known. */
    void (*end)(struct hp_awaited *self, bool fine, PyObject *result);
};

struct hp_awaited {
    PyObject_HEAD PyObject *coroutine;  /* owned */
    PyObject *held[HP_AWAITED_HELD];    /* owned or NULL; what they are is the kind's */
    const struct hp_awaited_kind *kind; /* borrowed */
    struct hp_cap_lane *lane;           /* one reference */
    int tag;                            /* the kind's */
    bool started, open;
    union {
        struct hp_sql sql;         /* an execution's */
        struct hp_sql_fetch fetch; /* a fetch's */
        struct {
            uint64_t t0;
            struct hp_cap_place place;
        } step; /* a connection's */
    };
};

/* What to return in the place of `coroutine`, which is taken: an object that measures it, or itself where it
 * is no coroutine or there is no memory. `held` is borrowed. Never raises. */
PyObject *hp_awaited_take(PyObject *coroutine, struct hp_cap_lane *lane, const struct hp_awaited_kind *kind,
                          int tag, PyObject *const held[HP_AWAITED_HELD]);

/* 0, or -1 with an exception. */
int hp_awaited_init(void);

#endif
