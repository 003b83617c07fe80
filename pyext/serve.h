/* serve.h -- where the dashboard is mounted: what wsgi.c asks before a request is recorded. */
#ifndef HP_PYEXT_SERVE_H
#define HP_PYEXT_SERVE_H

#include "ext.h"

/* The WSGI callable that answers this path of an application instead of it; borrowed. NULL: the application does. Never raises. */
PyObject *hp_serve_mounted(PyObject *app, PyObject *path);

int hp_serve_init(PyObject *module);

#endif
