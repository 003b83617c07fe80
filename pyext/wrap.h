/* wrap.h -- C wrappers around functions of other people's classes and modules, and the list of modules that
 * want them.
 *
 * A wrapper is a method descriptor as a function is: unbound calls carry self, subclassing and super() work,
 * and every attribute
 * (__name__, __doc__, __code__ …) is the original's; __wrapped__ is the original. With no lane current a call
 * costs one thread-local look.
 */
#ifndef HP_PYEXT_WRAP_H
#define HP_PYEXT_WRAP_H

#include "ext.h"

struct hp_wrap;

/* What runs instead of the original. `lane` is the current one: never NULL unless the wrapper is
 * HP_WRAP_ALWAYS. It must call the original exactly once (hp_wrap_call) and return what that returned, with
 * its exception. */
typedef PyObject *(*hp_wrap_handler)(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                     size_t nargsf, PyObject *names);

struct hp_wrap {
    PyObject_HEAD PyObject *original; /* owned */
    vectorcallfunc vectorcall;
    hp_wrap_handler handler;
    int tag;     /* the handler's own */
    bool always; /* call the handler outside requests, too */
};

enum { HP_WRAP_ALWAYS = 1 };

static inline PyObject *hp_wrap_call(struct hp_wrap *wrap, PyObject *const *args, size_t nargsf,
                                     PyObject *names)
{
    PyObject *original = wrap->original;
    vectorcallfunc call =
        PyFunction_Check(original) ? ((PyFunctionObject *)original)->vectorcall : PyObject_Vectorcall;
    return call(original, args, nargsf, names);
}

/* The current lane, cheap outside requests. */
static inline struct hp_cap_lane *hp_lane_here(void)
{
    return __builtin_expect(hp_ext.greenlets, 0) ? hp_lane_current() : hp_tls.lane;
}

int hp_wrap_init(PyObject *module);

/* Wrap `name` where `cls` or the nearest of its bases defines it (never object's). 0: done, was done before,
 * or nobody defines it; -1 with an exception. */
int hp_wrap_method(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags);
/* The same only if `cls` itself defines it. */
int hp_wrap_own_method(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags);
/* The same for what `cls` has from a base that cannot be changed, a type in C: the wrapper is put into `cls`
 * itself. */
int hp_wrap_inherited(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags);
/* A class method that `cls` itself defines. */
int hp_wrap_class_method(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags);
/* A function of a module's namespace. */
int hp_wrap_function(PyObject *module, const char *name, hp_wrap_handler handler, int tag, int flags);
/* The function below all of our wrappers and all __wrapped__; new reference. */
PyObject *hp_unwrap(PyObject *function);
/* The code object of a Python function, method, partial or wrapper; borrowed from it, NULL if it has none. */
PyCodeObject *hp_code_of(PyObject *callable);
/* Swallow the pending exception, a failure of ours; counted. */
void hp_swallow(void) __attribute__((cold));

/* The value of a keyword argument of a vectorcall; borrowed, NULL if not given. */
PyObject *hp_keyword(PyObject *const *args, size_t nargsf, PyObject *names, const char *name);

/* Attribute without running anybody's __getattr__: new reference, or NULL without exception. */
PyObject *hp_generic_get(PyObject *object, PyObject *name);
/* Set it likewise; false (no exception) when the object does not take attributes. */
bool hp_generic_set(PyObject *object, PyObject *name, PyObject *value);
/* getattr(object, name, None) as new reference, or NULL without exception. */
PyObject *hp_attribute(PyObject *object, PyObject *name);
/* The same of what instances have for themselves: looked for in the object first, where no class is asked. */
PyObject *hp_member(PyObject *object, PyObject *name);

/* Run `hook(module)` when the named module is imported (python/hotplate/_hooks.py asks for the names). The
 * hook returns 0, or -1 with an exception. */
typedef int (*hp_hook)(PyObject *module);
void hp_hook_add(const char *module_name, hp_hook hook);

/* testdoor.c: functions for tests. */
int hp_testdoor_init(PyObject *module);

/* ---- flask.c ---- */
/* hp_place_now; with no application frame on the stack, the line that started the running task or thread,
 * else that which registered the running hook or extension, else the view's. */
struct hp_cap_place hp_place_or_view(void);
/* The application line that registered a library's function as a hook, with the function as via; {0, 0, via}
 * where none did. */
struct hp_cap_place hp_place_registered(uint32_t via_sym);

#endif
