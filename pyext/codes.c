/* codes.c -- from code objects and C callables to symbols, and from the stack to a place.
 *
 * The symbol id of a code object lives in its extra slot (co_extra), as id + 1 with its flags in the low
 * byte, so code objects need no reference from us and may come and go (render_template_string, exec): the
 * same (file, name, line) gives the same symbol again. extra = (id + 1) << 8 | flags          0 = not seen
 * yet C callables are keyed by their PyMethodDef, which is static data of their module.
 */
#include "ext.h"
#include "hotplate/ext/place.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAG_APP = 1,
    FLAG_FRAMEWORK = 2,
    FLAG_OWN = 4,
    FLAG_TEMPLATE = 8,
    FLAG_MARKED = 16,
    FLAG_WATCHED = 32, /* application code that names a C function whose calls are told */
    FLAG_ASKED = 64    /* … and whose calls are watched */
};

static struct hp_places *places; /* owned */
static PyObject *seen_path;      /* owned: the sys.path list that the roots were taken from */
static Py_ssize_t seen_path_size;
static PyObject *str_debug_info; /* owned */

struct hp_span8 hp_utf8(PyObject *text)
{
    struct hp_span8 span = {"", 0};
    if (text != NULL && PyUnicode_Check(text)) {
        if (PyUnicode_IS_COMPACT_ASCII(text)) {
            return (struct hp_span8){(const char *)PyUnicode_1BYTE_DATA(text),
                                     (size_t)PyUnicode_GET_LENGTH(text)};
        }
        Py_ssize_t n;
        const char *p = PyUnicode_AsUTF8AndSize(text, &n);
        if (p == NULL) {
            PyErr_Clear(); /* lone surrogates */
        } else {
            span.p = p;
            span.n = (size_t)n;
        }
    }
    return span;
}

/* ---- places ---- */

/* Probes read `places` without the GIL: they step back while it changes, and it changes when none reads. */
static _Atomic int place_readers;
static _Atomic bool place_writing;

static void writing(bool on)
{
    atomic_store(&place_writing, on);
    while (on && atomic_load(&place_readers) != 0) {
        sched_yield();
    }
}

void hp_places_after_fork(void)
{
    atomic_store(&place_readers, 0); /* threads that are not here */
}

int hp_classify_unlocked(const char *name, size_t n, char *out, size_t capacity)
{
    int verdict = -1;
    atomic_fetch_add(&place_readers, 1);
    if (!atomic_load(&place_writing) && places != NULL) {
        verdict = hp_places_classify(places, name, n, out, capacity);
    }
    atomic_fetch_sub(&place_readers, 1);
    return verdict;
}

static void take_list(enum hp_place_list list, PyObject *items)
{
    writing(true);
    hp_places_clear(places, list);
    for (Py_ssize_t i = 0; items != NULL && i < PyList_GET_SIZE(items); i++) {
        struct hp_span8 text = hp_utf8(PyList_GET_ITEM(items, i));
        if (text.n != 0 && !hp_places_add(places, list, text.p, text.n)) {
            hp_cap_error(hp_ext.cap);
        }
    }
    writing(false);
}

/* sys.path changes while an application starts up: take it again when it has. */
static void refresh_roots(void)
{
    PyObject *path = PySys_GetObject("path"); /* borrowed */
    if (path == NULL || !PyList_Check(path)) {
        return;
    }
    if (path == seen_path && PyList_GET_SIZE(path) == seen_path_size) {
        return;
    }
    Py_XSETREF(seen_path, Py_NewRef(path));
    seen_path_size = PyList_GET_SIZE(path);
    take_list(HP_PLACE_ROOT, path);
}

const char hp_codes_configure_doc[] = PyDoc_STR(
    "configure_places(library, app, own, globs) -> None\n\n"
    "Tell what is library, application and our own code: lists of absolute folders, and of glob patterns\n"
    "for application files. Replaces what was set before; files already seen keep their verdict.");

PyObject *hp_codes_configure(PyObject *self, PyObject *args, PyObject *kwargs)
{
    (void)self;
    static char *names[] = {"library", "app", "own", "globs", NULL};
    PyObject *lists[4];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!O!", names, &PyList_Type, &lists[0], &PyList_Type,
                                     &lists[1], &PyList_Type, &lists[2], &PyList_Type, &lists[3])) {
        return NULL;
    }
    if (places == NULL) {
        places = hp_places_new();
        if (places == NULL) {
            return PyErr_NoMemory();
        }
    }
    take_list(HP_PLACE_LIBRARY, lists[0]);
    take_list(HP_PLACE_APP, lists[1]);
    take_list(HP_PLACE_OWN, lists[2]);
    take_list(HP_PLACE_GLOB, lists[3]);
    Py_XSETREF(hp_ext.places, PyDict_New());
    hp_sites_forget();
    return hp_ext.places == NULL ? NULL : Py_NewRef(Py_None);
}

/* A relative co_filename (python app.py) becomes absolute; new reference or NULL without exception. */
static PyObject *absolute(PyObject *name)
{
    struct hp_span8 text = hp_utf8(name);
    if (text.n == 0 || text.p[0] == '/' || text.p[0] == '<') {
        return Py_NewRef(name);
    }
    char *cwd = realpath(".", NULL);
    PyObject *joined = cwd == NULL ? NULL : PyUnicode_FromFormat("%s/%U", cwd, name);
    free(cwd);
    PyErr_Clear();
    return joined != NULL ? joined : Py_NewRef(name);
}

/* (file as written, flags) of a co_filename, from the cache. Borrowed from the cache; NULL without exception
 * when memory is out. */
static PyObject *verdict_of(PyObject *filename)
{
    if (hp_ext.places == NULL || places == NULL) {
        return NULL;
    }
    PyObject *known = PyDict_GetItemWithError(hp_ext.places, filename);
    if (known != NULL) {
        return known;
    }
    PyErr_Clear();
    refresh_roots();
    PyObject *full = absolute(filename);
    struct hp_span8 text = hp_utf8(full);
    char shown[4096];
    int place = hp_places_classify(places, text.p, text.n, shown, sizeof shown);
    int flags =
        ((place & HP_PLACE_IS_APP) ? FLAG_APP : 0) | ((place & HP_PLACE_IS_FRAMEWORK) ? FLAG_FRAMEWORK : 0) |
        ((place & HP_PLACE_IS_OWN) ? FLAG_OWN : 0) | ((place & HP_PLACE_IS_TEMPLATE) ? FLAG_TEMPLATE : 0);
    PyObject *verdict = Py_BuildValue("(si)", shown, flags);
    if (verdict == NULL || PyDict_SetItem(hp_ext.places, filename, verdict) != 0) {
        PyErr_Clear();
        Py_XDECREF(verdict);
        Py_DECREF(full);
        return NULL;
    }
    if ((flags & FLAG_APP) && text.n != 0 && text.p[0] == '/') {
        hp_cap_source(hp_ext.cap, hp_utf8(PyTuple_GET_ITEM(verdict, 0)), text);
    }
    Py_DECREF(full);
    Py_DECREF(verdict);
    return verdict; /* the dictionary holds it */
}

/* ---- code objects ---- */

bool hp_is_watched(const char *name)
{
    static const char *const names[] = {"dumps",   "loads",    "dump",      "load", "packb",
                                        "unpackb", "writerow", "writerows", "open"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool names_watched(PyCodeObject *code)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_names); i++) {
        struct hp_span8 name = hp_utf8(PyTuple_GET_ITEM(code->co_names, i));
        if (hp_is_watched(name.p)) {
            return true;
        }
    }
    return false;
}

/* `line`: of the definition, as it is shown. */
static uintptr_t intern_code(PyCodeObject *code, uint32_t line)
{
    struct hp_pending pending = hp_pending_save();
    uintptr_t extra = 0;
    PyObject *verdict = verdict_of(code->co_filename);
    if (verdict != NULL) {
        int own = (int)PyLong_AsLong(PyTuple_GET_ITEM(verdict, 1));
        int flags = ((own & FLAG_APP) ? HP_X_APP : 0) | ((own & FLAG_FRAMEWORK) ? HP_X_FRAMEWORK : 0) |
                    ((code->co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR)) ? HP_X_COROUTINE : 0);
        uint32_t id = hp_cap_symbol(hp_ext.cap, (own & FLAG_TEMPLATE) ? HP_X_SYM_TEMPLATE : HP_X_SYM_PYTHON,
                                    flags, hp_utf8(PyTuple_GET_ITEM(verdict, 0)), hp_utf8(code->co_qualname),
                                    hp_utf8(code->co_filename), line);
        uintptr_t watched = (own & FLAG_APP) && names_watched(code) ? FLAG_WATCHED : 0;
        extra = ((uintptr_t)id + 1) << 8 | (uintptr_t)own | watched;
        if (hp_code_set_extra(code, hp_ext.code_index, extra) != 0) {
            hp_cap_error(hp_ext.cap);
        }
    } else {
        hp_cap_error(hp_ext.cap);
    }
    hp_pending_restore(pending);
    return extra;
}

static inline uintptr_t extra_of(PyCodeObject *code)
{
    uintptr_t extra = hp_code_get_extra(code, hp_ext.code_index);
    return extra != 0 ? extra : intern_code(code, (uint32_t)code->co_firstlineno);
}

uint32_t hp_code_symbol(PyCodeObject *code)
{
    uintptr_t extra = extra_of(code);
    return extra != 0 ? (uint32_t)(extra >> 8) - 1 : 0;
}

uint32_t hp_code_traced(PyCodeObject *code, bool *watch)
{
    uintptr_t extra = extra_of(code);
    *watch = (extra & (FLAG_WATCHED | FLAG_ASKED)) == FLAG_WATCHED &&
             hp_code_set_extra(code, hp_ext.code_index, extra | FLAG_ASKED) == 0;
    return extra != 0 ? (uint32_t)(extra >> 8) - 1 : 0;
}

int hp_code_flags(PyCodeObject *code)
{
    uintptr_t extra = extra_of(code);
    return ((extra & FLAG_APP) ? HP_X_APP : 0) | ((extra & FLAG_FRAMEWORK) ? HP_X_FRAMEWORK : 0);
}

int hp_file_flags(PyObject *filename)
{
    PyObject *verdict = verdict_of(filename);
    long own = verdict == NULL ? 0 : PyLong_AsLong(PyTuple_GET_ITEM(verdict, 1));
    return ((own & FLAG_APP) ? HP_X_APP : 0) | ((own & FLAG_FRAMEWORK) ? HP_X_FRAMEWORK : 0);
}

bool hp_code_mark(PyCodeObject *code)
{
    uintptr_t extra = extra_of(code);
    return extra != 0 && !(extra & FLAG_MARKED) &&
           hp_code_set_extra(code, hp_ext.code_index, extra | FLAG_MARKED) == 0;
}

/* ---- templates: lines of the code that Jinja generates, as lines of the template ---- */

/* Jinja leaves "7=12&8=15" (template line = code line, ascending) in the module of the code: the template's
 * line is that of the last pair at or before the code's. */
static uint32_t template_line(struct hp_span8 pairs, uint32_t line)
{
    uint32_t shown = 1, number = 0, left = 0;
    for (size_t i = 0; i <= pairs.n; i++) {
        char c = i < pairs.n ? pairs.p[i] : '&';
        if (c >= '0' && c <= '9') {
            number = number * 10 + (uint32_t)(c - '0');
        } else if (c == '=') {
            left = number;
            number = 0;
        } else {
            if (number > line || left == 0) {
                break;
            }
            shown = left;
            number = left = 0;
        }
    }
    return shown;
}

/* `globals` is borrowed; what is no compiled template keeps its line. */
static uint32_t line_in(PyObject *globals, uint32_t line)
{
    PyObject *pairs =
        globals != NULL && PyDict_Check(globals) ? PyDict_GetItem(globals, str_debug_info) : NULL;
    return pairs != NULL && PyUnicode_Check(pairs) ? template_line(hp_utf8(pairs), line) : line;
}

bool hp_code_is_template(PyCodeObject *code)
{
    return (extra_of(code) & FLAG_TEMPLATE) != 0;
}

uint32_t hp_frame_line(hp_frame *frame)
{
    PyCodeObject *code = hp_frame_code(frame);
    uint32_t line = hp_code_line(code, hp_frame_lasti(frame));
    return hp_code_is_template(code) ? line_in(frame->f_globals, line) : line;
}

uint32_t hp_code_shown_line(PyCodeObject *code, PyFrameObject *frame, uint32_t line)
{
    if (!hp_code_is_template(code)) {
        return line;
    }
    PyObject *globals = PyFrame_GetGlobals(frame);
    line = line_in(globals, line);
    Py_XDECREF(globals);
    return line;
}

/* NOLINTNEXTLINE(misc-no-recursion): eight deep at most */
static void intern_template(PyCodeObject *code, PyObject *globals, int depth)
{
    if (hp_code_get_extra(code, hp_ext.code_index) == 0) {
        (void)intern_code(code, line_in(globals, (uint32_t)code->co_firstlineno));
    }
    for (Py_ssize_t i = 0; depth < 8 && i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(code->co_consts, i);
        if (PyCode_Check(constant)) {
            intern_template((PyCodeObject *)constant, globals, depth + 1);
        }
    }
}

void hp_code_template(PyObject *function)
{
    intern_template((PyCodeObject *)PyFunction_GET_CODE(function), PyFunction_GET_GLOBALS(function), 0);
}

int hp_code_init(void)
{
    return str_debug_info == NULL && (str_debug_info = PyUnicode_InternFromString("debug_info")) == NULL ? -1
                                                                                                         : 0;
}

PyCodeObject *hp_place_stops[2];

struct hp_cap_place hp_place_now(void)
{
    struct hp_cap_place place = {0, 0, 0}, template = {0, 0, 0};
    uint32_t via = 0;
    for (hp_frame *frame = hp_frame_current(PyThreadState_Get()); frame != NULL;
         frame = hp_frame_caller(frame)) {
        PyCodeObject *code = hp_frame_code(frame);
        if (hp_place_ends(code)) {
            break;
        }
        uintptr_t extra = extra_of(code);
        if (extra & FLAG_APP) {
            place.site_sym = (uint32_t)(extra >> 8) - 1;
            place.site_line = hp_frame_line(frame);
            place.via_sym = via;
            return place;
        }
        if ((extra & FLAG_TEMPLATE) && template.site_sym == 0) {
            template = (struct hp_cap_place){(uint32_t)(extra >> 8) - 1, hp_frame_line(frame), via};
        }
        if (extra != 0 && !(extra & (FLAG_OWN | FLAG_FRAMEWORK))) {
            via = (uint32_t)(extra >> 8) - 1;
        }
    }
    place.via_sym = via;
    return template.site_sym != 0 ? template : place;
}

/* ---- C functions, named as CPython's _lsprof.c names them ---- */

struct c_entry {
    const PyMethodDef *def; /* NULL: free */
    uint32_t sym;
};
static struct c_entry *c_table;
static size_t c_mask, c_count;

static size_t c_slot(const PyMethodDef *def)
{
    uint64_t h = (uint64_t)(uintptr_t)def * 0x9e3779b97f4a7c15ULL;
    return (size_t)(h >> 32) & c_mask;
}

static bool c_grow(void)
{
    size_t size = c_table == NULL ? 1024 : (c_mask + 1) * 2;
    struct c_entry *fresh = calloc(size, sizeof *fresh), *old = c_table;
    size_t old_size = c_table == NULL ? 0 : c_mask + 1;
    if (fresh == NULL) {
        return false;
    }
    c_table = fresh;
    c_mask = size - 1;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].def != NULL) {
            size_t at = c_slot(old[i].def);
            while (c_table[at].def != NULL) {
                at = (at + 1) & c_mask;
            }
            c_table[at] = old[i];
        }
    }
    free(old);
    return true;
}

/* "<module.name>" for a plain function, "<name>" for a builtin; new reference or NULL. */
static PyObject *name_of_function(PyCFunctionObject *function)
{
    PyObject *module = function->m_module; /* borrowed; a name or a module */
    PyObject *name = NULL;
    if (module != NULL && PyUnicode_Check(module)) {
        name = Py_NewRef(module);
    } else if (module != NULL && PyModule_Check(module)) {
        name = PyModule_GetNameObject(module);
        PyErr_Clear();
    }
    PyObject *result;
    if (name != NULL && PyUnicode_CompareWithASCIIString(name, "builtins") != 0) {
        result = PyUnicode_FromFormat("<%U.%s>", name, function->m_ml->ml_name);
    } else {
        result = PyUnicode_FromFormat("<%s>", function->m_ml->ml_name);
    }
    Py_XDECREF(name);
    return result;
}

/* The repr of what the type has under that name, as for "<method 'append' of 'list' objects>"; new reference
 * or NULL. */
static PyObject *name_of_method(PyTypeObject *type, const char *method, PyObject *module)
{
    PyObject *key = PyUnicode_FromString(method);
    PyObject *found = NULL;
    PyObject *mro = type->tp_mro; /* borrowed */
    for (Py_ssize_t i = 0; key != NULL && mro != NULL && found == NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *dict = PyObject_GetAttrString(PyTuple_GET_ITEM(mro, i), "__dict__");
        found = dict == NULL ? NULL : PyObject_GetItem(dict, key);
        Py_XDECREF(dict);
        PyErr_Clear();
    }
    Py_XDECREF(key);
    PyObject *result = found == NULL ? NULL : PyObject_Repr(found);
    Py_XDECREF(found);
    if (result == NULL) {
        PyErr_Clear();
        result = module != NULL && PyUnicode_Check(module)
                     ? PyUnicode_FromFormat("<built-in method %S.%s>", module, method)
                     : PyUnicode_FromFormat("<built-in method %s>", method);
    }
    return result;
}

static uint32_t intern_cfunction(const PyMethodDef *def, PyObject *callable, PyObject *self)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *name;
    if (PyCFunction_Check(callable)) {
        PyCFunctionObject *function = (PyCFunctionObject *)callable;
        name = function->m_self == NULL
                   ? name_of_function(function)
                   : name_of_method(Py_TYPE(function->m_self), def->ml_name, function->m_module);
    } else {
        name = name_of_method(Py_TYPE(self), def->ml_name, NULL);
    }
    uint32_t sym = 0;
    struct hp_span8 tilde = {"~", 1}, none = {"", 0};
    if (name != NULL) {
        sym = hp_cap_symbol(hp_ext.cap, HP_X_SYM_C, 0, tilde, hp_utf8(name), none, 0);
        Py_DECREF(name);
    }
    hp_pending_restore(pending);
    return sym;
}

uint32_t hp_cfunction_symbol(PyObject *callable, PyObject *self)
{
    const PyMethodDef *def;
    if (PyCFunction_Check(callable)) {
        def = ((PyCFunctionObject *)callable)->m_ml;
    } else if (Py_TYPE(callable) == &PyMethodDescr_Type && self != NULL) {
        def = ((PyMethodDescrObject *)callable)->d_method;
    } else {
        return 0;
    }
    if (c_table != NULL) {
        for (size_t at = c_slot(def); c_table[at].def != NULL; at = (at + 1) & c_mask) {
            if (c_table[at].def == def) {
                return c_table[at].sym;
            }
        }
    }
    if ((c_table == NULL || c_count * 2 > c_mask) && !c_grow()) {
        hp_cap_error(hp_ext.cap);
        return 0;
    }
    uint32_t sym = intern_cfunction(def, callable, self);
    size_t at = c_slot(def);
    while (c_table[at].def != NULL) {
        at = (at + 1) & c_mask;
    }
    c_table[at] = (struct c_entry){def, sym};
    c_count++;
    return sym;
}
