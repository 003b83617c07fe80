/* serve.h -- where the dashboard is mounted, which wsgi.c asks before a request is recorded, and the toolbar
 * that leads to it. */
#ifndef HP_PYEXT_SERVE_H
#define HP_PYEXT_SERVE_H

#include "ext.h"

struct hp_mount {
    PyObject *app, *answer; /* owned; answer: a WSGI callable */
    PyObject *shows;        /* owned: callable(environ), whether who asks may see the toolbar; NULL: nobody */
    bool only_debug;        /* the toolbar only while app.debug */
    char prefix[128];       /* "/hotplate" */
    size_t prefix_bytes;
};

/* Where this application's dashboard is; borrowed for ever, NULL: it has none. */
const struct hp_mount *hp_serve_mount(PyObject *app);

/* The WSGI callable that answers a request (its environ, a dict) instead of the application; borrowed. NULL:
 * the application does. Never raises. */
PyObject *hp_serve_mounted(PyObject *app, PyObject *wsgi_environ);

/* toolbar.c: put the toolbar's element into a response that Flask has finished, if it is a whole HTML
 * document and who asks may see it. On any failure, which is counted, the response is as it was. 0; -1 with
 * an exception that is no Exception and came while the application was asked (a worker that is told to exit,
 * a timeout of gevent's): it ends the request. */
int hp_toolbar_add(PyObject *app, PyObject *wsgi_environ, PyObject *response,
                   const struct hp_cap_request *request);

int hp_serve_init(PyObject *module);
int hp_toolbar_init(void);

#endif
