/* call.h -- one request of a WSGI application: wsgi.c's wrapper of the call and its body share it, and the
 * application is given it as start_response. */
#ifndef HP_PYEXT_CALL_H
#define HP_PYEXT_CALL_H

#include "wrap.h"

typedef struct {
    PyObject_HEAD struct hp_cap_request *request; /* NULL once finished */
    PyObject *env;                                /* owned */
    PyObject *app;                                /* owned; for the route */
    PyObject *done;                               /* owned or NULL: the drop-in middleware's callback */
    PyObject *start_response;                     /* owned: the server's */
    vectorcallfunc vectorcall;                    /* hp_start_response_call */
    PyObject
        *asked; /* owned or NULL: the framework's request object, until what it was asked with is noted */
    const void *context; /* identity of the context that it is in; NULL: not seen yet */
    uint64_t started;    /* ticks */
    bool want_c, timing, routed, deep;
} Call;

/* start_response.c: a Call, called as the application's start_response: notes the status, adds our headers
 * and calls the server's. */
PyObject *hp_start_response_call(PyObject *call, PyObject *const *args, size_t nargsf, PyObject *names);
/* 0, or -1 with an exception. */
int hp_start_response_init(void);

#endif
