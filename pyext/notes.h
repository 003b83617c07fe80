/* notes.h -- what gc.c, alloc.c, jinja.c, logs.c, exceptions.c, facts.c and inputs.c offer to the rest of the
 * extension. */
#ifndef HP_PYEXT_NOTES_H
#define HP_PYEXT_NOTES_H

#include "wrap.h"

enum { HP_X_TEMPLATE_WHOLE = 0, HP_X_TEMPLATE_BLOCK = 1, HP_X_TEMPLATE_MACRO = 2 };
enum { HP_X_EXCEPTION_UNHANDLED = 0, HP_X_EXCEPTION_HANDLED = 1, HP_X_EXCEPTION_LOGGED = 2 };
enum {
    HP_X_FACT_HEADER = 0,
    HP_X_FACT_CONFIG = 1,
    HP_X_FACT_ARGUMENT = 2,
    HP_X_FACT_QUERY = 3,
    HP_X_FACT_FORM = 4,
    HP_X_FACT_JSON = 5
};
enum { HP_X_ALLOC_OFF = 0, HP_X_ALLOC_REQUESTS = 1, HP_X_ALLOC_NODES = 2 };

/* Each adds its hooks and functions to the module: 0, or -1 with an exception. */
int hp_gc_init(PyObject *module);
int hp_jinja_init(PyObject *module);
int hp_logs_init(PyObject *module);
int hp_exceptions_init(PyObject *module);
int hp_facts_init(PyObject *module);

/* gc.c: watch collections from now on, and see to it that we still do (someone may have cleared
 * gc.callbacks). Never raises. Hot: yes. */
void hp_gc_watch(void);

/* alloc.c: count allocations from now on; stays for the life of the process. how as HP_X_ALLOC_*. */
void hp_alloc_start(int how);

/* exceptions.c: note an exception in the list of the request that runs on `lane`; end as HP_X_EXCEPTION_*.
 * Keeps the pending exception, never raises. */
void hp_exception_note(struct hp_cap_lane *lane, PyObject *exception, int end);

/* facts.c: queue time, and the headers and configuration values that were asked for. Never raises. */
void hp_facts_note(struct hp_cap_request *request, PyObject *wsgi_environ, PyObject *app);
/* Queue time in ns of an X-Request-Start text at `now_ns` (Unix); false: none that makes sense. */
bool hp_facts_queue(struct hp_span8 text, uint64_t now_ns, uint64_t *queue_ns);
/* What stands in place of a secret. */
#define HP_FACTS_SECRET ((struct hp_span8){"<redacted>", 10})
/* Whether the values of an argument or key of this name may be kept. */
bool hp_facts_allowed(struct hp_span8 name);
/* A plain value as it is written in Python; of others the type. New reference, or NULL with an exception. */
PyObject *hp_facts_text(PyObject *value);

/* inputs.c: what the application's request object was asked with, as far as the application has looked at it;
 * while that object lives and before its end. Never raises. */
void hp_inputs_note(struct hp_cap_request *request, PyObject *flask_request);
int hp_inputs_init(void);

#endif
