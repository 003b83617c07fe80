/* deep.c -- single requests at level trace while all others stay at theirs, because they come with a ticket
 * (hotplate/ext/ticket.h).
 *
 * The tracer is interpreter-wide, and switching it is dear (and on some releases not to be done without end):
 * it goes on with the first such request and off with the first ordinary one that begins REST_NS after the
 * last of them has ended. While it is on, other requests pay the look that each event begins with.
 */
#include "wrap.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hotplate/ext/ticket.h"

#define REST_NS UINT64_C(5000000000)

static PyObject *secret_of; /* owned: callable(app) -> str or None */
static PyObject *keyed_app; /* owned: whose key `key` is; NULL: nobody's */
static struct hp_ticket_key key;
static PyObject *str_header, *str_cookie;
static unsigned live;     /* requests that need the tracer */
static pid_t owner;       /* a child of fork does not have the others' requests */
static bool switched_on;  /* by us */
static uint64_t ended_at; /* ticks: the last one's end */

/* Empty when there is none, or nobody could have signed one. */
static struct hp_span8 ticket_of(PyObject *wsgi_environ)
{
    PyObject *header = secret_of == NULL ? NULL : hp_dict_find(wsgi_environ, str_header);
    if (header != NULL) {
        return hp_utf8(header);
    }
    PyObject *cookies = secret_of == NULL ? NULL : hp_dict_find(wsgi_environ, str_cookie);
    return cookies != NULL ? hp_ticket_in_cookies(hp_utf8(cookies)) : (struct hp_span8){NULL, 0};
}

/* Have the key of this application; false: it has no secret. */
static bool has_key(PyObject *app)
{
    if (keyed_app == app) {
        return true;
    }
    struct hp_pending pending = hp_pending_save();
    PyObject *secret = secret_of == NULL ? NULL : PyObject_CallOneArg(secret_of, app);
    struct hp_span8 text = secret != NULL ? hp_utf8(secret) : (struct hp_span8){NULL, 0};
    bool found = text.n != 0;
    if (found) {
        hp_ticket_key(&key, text);
        Py_XSETREF(keyed_app, Py_NewRef(app));
    }
    Py_XDECREF(secret);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        hp_cap_error(hp_ext.cap);
    }
    hp_pending_restore(pending);
    return found;
}

static void rest_if_due(void)
{
    if (switched_on && owner != getpid()) {
        owner = getpid();
        live = 0;
    }
    if (switched_on && live == 0 && hp_cap_ns(hp_cap_ticks() - ended_at) > REST_NS) {
        switched_on = false;
        hp_tracer_rest();
    }
}

static bool have_tracer(void)
{
    if (!hp_ext.tracing) {
        hp_ext.trace_reason = hp_tracer_enable(false);
        switched_on = hp_ext.tracing;
        owner = getpid();
    }
    return hp_ext.tracing;
}

bool hp_deep_begin(PyObject *app, PyObject *wsgi_environ)
{
    struct hp_span8 ticket = ticket_of(wsgi_environ);
    if (ticket.n == 0 || !has_key(app) || !hp_ticket_is_good(&key, ticket, (uint64_t)time(NULL)) ||
        !have_tracer()) {
        rest_if_due();
        return false;
    }
    live++;
    return true;
}

void hp_deep_end(void)
{
    live -= live != 0;
    ended_at = hp_cap_ticks();
}

PyDoc_STRVAR(secret_doc,
             "ticket_secret(secret) -> None\n\nsecret: callable(app) -> str or None, what the tickets "
             "of its requests are signed with.");

static PyObject *ticket_secret(PyObject *self, PyObject *callable)
{
    (void)self;
    Py_XSETREF(secret_of, Py_NewRef(callable));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"ticket_secret", ticket_secret, METH_O, secret_doc},
    {NULL, NULL, 0, NULL},
};

int hp_deep_init(PyObject *module)
{
    if (str_header == NULL) {
        str_header = PyUnicode_InternFromString("HTTP_X_HOTPLATE_TRACE");
        str_cookie = PyUnicode_InternFromString("HTTP_COOKIE");
    }
    return str_header == NULL || str_cookie == NULL ? -1 : PyModule_AddFunctions(module, functions);
}
