/* waits.c -- the probes of blocking calls, as Python needs them: switched on with the capture, told of the
 * GIL, of greenlets and of new modules.
 *
 * Extension modules are loaded by _imp.create_dynamic: a wrapper there hooks what came with them before any
 * of it runs. Libraries that come by other ways (ctypes) are seen when a request begins, a millisecond after
 * the last look at the earliest. dlopen itself is not hooked: it looks at who calls it.
 */
#include "hotplate/ext/waits.h"
#include "wrap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const void *stack_root(void *tstate)
{
    return hp_stack_root(tstate);
}

/* Of a thread that waits or gives a lock up, maybe without the GIL: a look into its own storage. */
static void *thread_here(void)
{
    return PyGILState_GetThisThreadState();
}

/* The name of a threading.Thread; 0: none. Runs no code of the application: a class of its own may do
 * anything. */
static uint32_t name_of(PyObject *thread)
{
    PyObject *field = PyUnicode_InternFromString("_name");
    PyObject *name = field != NULL ? PyObject_GenericGetAttr(thread, field) : NULL;
    uint32_t id = name != NULL ? hp_cap_text(hp_ext.cap, hp_utf8(name), HP_TEXT_RAW) : 0;
    Py_XDECREF(name);
    Py_XDECREF(field);
    return id;
}

/* The same of one that runs, by its identity. */
static uint32_t thread_name(uint64_t ident)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *word = PyUnicode_InternFromString("threading"), *thread = NULL;
    PyObject *module = word != NULL ? PyImport_GetModule(word) : NULL;
    PyObject *active = module != NULL ? PyObject_GetAttrString(module, "_active") : NULL;
    PyObject *key = PyLong_FromUnsignedLongLong(ident);
    if (active != NULL && PyDict_CheckExact(active) && key != NULL) {
        thread = PyDict_GetItemWithError(active, key);
    }
    uint32_t id = thread != NULL ? name_of(thread) : 0;
    Py_XDECREF(key);
    Py_XDECREF(active);
    Py_XDECREF(module);
    Py_XDECREF(word);
    hp_pending_restore(pending);
    return id;
}

void hp_waits_thread_ends(PyObject *thread)
{
    if (hp_ext.cap != NULL && hp_waits_told()) {
        struct hp_pending pending = hp_pending_save();
        hp_waits_leave(name_of(thread));
        hp_pending_restore(pending);
    }
}

/* A probe of another thread may have been at its tables when this process was forked: nobody must wait for it
 * here. */
static void after_fork_in_child(void)
{
    hp_places_after_fork();
    hp_sites_after_fork();
}

void hp_waits_enable(void)
{
    static bool watching;
    const char *wanted = getenv("HOTPLATE_WAITS");
    struct hp_waits_config config = {.site = hp_site_now,
                                     .place = hp_site_place,
                                     .thread = thread_here,
                                     .name = thread_name,
                                     .skip_own = true};
    if (hp_waits_on() || (wanted != NULL && strcmp(wanted, "0") == 0)) {
        return;
    }
    watching = watching || pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
    hp_gil_watch();
    hp_waits_greenlets(hp_ext.greenlets ? stack_root : NULL);
    if (hp_waits_start(&config) != HP_OK) {
        hp_cap_error(hp_ext.cap);
    }
}

void hp_waits_know_greenlets(void)
{
    hp_waits_greenlets(stack_root);
}

static PyObject *on_create_dynamic(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                   size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *module = hp_wrap_call(wrap, args, nargsf, names);
    hp_waits_rescan();
    return module;
}

static int hook_imp(PyObject *module)
{
    return hp_wrap_function(module, "create_dynamic", on_create_dynamic, 0, HP_WRAP_ALWAYS);
}

PyDoc_STRVAR(waits_doc,
             "waits() -> str\n\nWhich blocking calls of this process are watched, and which cannot be; "
             "empty while none are.");

static PyObject *waits(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    char text[2048] = "";
    if (hp_waits_on()) {
        hp_waits_describe(text, sizeof text);
    }
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyMethodDef functions[] = {
    {"waits", waits, METH_NOARGS, waits_doc},
    {NULL, NULL, 0, NULL},
};

int hp_waits_init(PyObject *module)
{
    hp_hook_add("_imp", hook_imp);
    return PyModule_AddFunctions(module, functions);
}
