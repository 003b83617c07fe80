/* module.c -- the extension `_hotplate`: the process's capture, switched on and off, and the door for its
 * hooks.
 *
 * One interpreter a process is served (capture is per process); another one that imports the module gets an
 * ImportError, which the Python face turns into one line. Functions here parse arguments, call the core and
 * convert; errors of the core become exceptions in raise_err.
 */
#include "hotplate/ext/sampler.h"
#include "notes.h"
#include "serve.h"

#include <string.h>

struct hp_ext hp_ext = {.code_index = -1};

static PyObject *raise_err(hp_err err, const char *what)
{
    PyErr_Format(err == HP_ENOMEM ? PyExc_MemoryError : PyExc_RuntimeError, "hotplate: %s: %s", what,
                 hp_err_text(err));
    return NULL;
}

static PyObject *not_started(void)
{
    PyErr_SetString(PyExc_RuntimeError, "hotplate: capture is not started");
    return NULL;
}

PyDoc_STRVAR(
    start_doc,
    "start(*, store=None, level=1, c_functions=False, max_store_bytes=0, max_age_ns=0, ring_bytes=0,\n"
    "      no_threads=False, slow_ns=0, budget=0.0, flight_ns=-1, interpreter='', command='', revision='',\n"
    "      alloc=1, rate=0, mode=0) -> int\n\n"
    "Start the capture of this process. store: path of the SQLite file, None to keep nothing. level: 0 "
    "count, 1 monitor,\n"
    "2 sample, 3 trace. Returns 0, or why tracing cannot be had (2 no free tool id, 4 unsupported): requests "
    "are then\n"
    "captured at sample level (or monitor, where status() has a sample_reason). budget: share of the "
    "application's CPU time that capturing may cost on each\n"
    "route before its level is lowered, 0 no limit. flight_ns: below level 3 keep the tree of requests that "
    "fail or\n"
    "take as long, 0: longer than 99 % of the route's, -1: no flight recorder. alloc: count "
    "allocations\n0 not, 1 by request, 2 by node, too. rate: samples a second, 0 for 100; mode: 0 wall, 1 "
    "CPU, 2 GIL. A second call changes the level only.");

static PyObject *ext_start(PyObject *self, PyObject *args, PyObject *kwargs)
{
    (void)self;
    static char *names[] = {"store",       "level",      "c_functions", "max_store_bytes", "max_age_ns",
                            "ring_bytes",  "no_threads", "slow_ns",     "budget",          "flight_ns",
                            "interpreter", "command",    "revision",    "alloc",           "rate",
                            "mode",        NULL};
    struct hp_cap_config config;
    memset(&config, 0, sizeof config);
    const char *store = NULL, *interpreter = "", *command = "", *revision = "";
    int level = HP_X_LEVEL_MONITOR, c_functions = 0, no_threads = 0, alloc = HP_X_ALLOC_REQUESTS;
    int mode = 0;
    unsigned int rate = 0;
    double budget = 0;
    long long flight_ns = -1;
    unsigned long long max_store = 0, max_age = 0, ring = 0, slow = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$zipKKKpKdLsssiIi", names, &store, &level, &c_functions,
                                     &max_store, &max_age, &ring, &no_threads, &slow, &budget, &flight_ns,
                                     &interpreter, &command, &revision, &alloc, &rate, &mode)) {
        return NULL;
    }
    if (level < HP_X_LEVEL_COUNT || level > HP_X_LEVEL_TRACE) {
        PyErr_SetString(PyExc_ValueError, "hotplate: level must be 0 to 3");
        return NULL;
    }
    if (hp_ext.cap == NULL) {
        config = (struct hp_cap_config){.store_path = store,
                                        .max_store_bytes = max_store,
                                        .max_age_ns = max_age,
                                        .ring_bytes = (size_t)ring,
                                        .no_threads = no_threads != 0,
                                        .slow_ns = slow,
                                        .budget = budget,
                                        .interpreter = interpreter,
                                        .command = command,
                                        .revision = revision};
        hp_err err = hp_cap_open(&config, &hp_ext.cap);
        if (err != HP_OK) {
            return raise_err(err, "cannot start the capture");
        }
    }
    hp_lane_find_greenlets();
    if (level >= HP_X_LEVEL_MONITOR) {
        hp_waits_enable();
    }
    hp_ext.started = true;
    hp_ext.level = level;
    if (level >= HP_X_LEVEL_MONITOR) {
        hp_alloc_start(alloc);
        hp_gc_watch();
    }
    if (flight_ns >= 0 && level < HP_X_LEVEL_TRACE && hp_recorder_start() == 0 &&
        hp_cap_flight(hp_ext.cap, (uint64_t)flight_ns) != HP_OK) {
        hp_cap_error(hp_ext.cap);
    }
    hp_ext.trace_reason = level == HP_X_LEVEL_TRACE ? hp_tracer_enable(c_functions != 0) : 0;
    if (level >= HP_X_LEVEL_SAMPLE &&
        (level == HP_X_LEVEL_SAMPLE || hp_ext.trace_reason != 0 || budget > 0)) {
        hp_ext.sample_reason = no_threads ? HP_X_REASON_UNSUPPORTED : hp_sampling_start(rate, mode);
    }
    return PyLong_FromLong(hp_ext.trace_reason);
}

PyDoc_STRVAR(stop_doc, "stop(timeout_ms=2000) -> None\n\n"
                       "Stop capturing: requests that begin from now on are not recorded; what was recorded "
                       "is written for at most timeout_ms.\n"
                       "The process's capture itself stays until exit, so hooks that still run find it.");

static PyObject *ext_stop(PyObject *self, PyObject *args)
{
    (void)self;
    unsigned int timeout_ms = 2000;
    if (!PyArg_ParseTuple(args, "|I", &timeout_ms)) {
        return NULL;
    }
    if (hp_ext.cap != NULL) {
        hp_ext.started = false;
        hp_tracer_stop();
        hp_cap_sampling_stop(hp_ext.cap);
        Py_BEGIN_ALLOW_THREADS(void) hp_cap_flush_last(hp_ext.cap, timeout_ms);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    flush_doc,
    "flush(timeout_ms=2000) -> bool\n\n"
    "Wait until everything pushed so far is stored (or counted as dropped); False when the time ran out.");

static PyObject *ext_flush(PyObject *self, PyObject *args)
{
    (void)self;
    unsigned int timeout_ms = 2000;
    bool done = true;
    if (!PyArg_ParseTuple(args, "|I", &timeout_ms)) {
        return NULL;
    }
    if (hp_ext.cap != NULL) {
        Py_BEGIN_ALLOW_THREADS done = hp_cap_flush(hp_ext.cap, timeout_ms);
        Py_END_ALLOW_THREADS
    }
    return PyBool_FromLong(done);
}

PyDoc_STRVAR(counts_doc, "counts() -> dict\n\nWhat this process has captured, dropped by cause, and what it "
                         "cost (ns), as integers.");

static PyObject *ext_counts(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (hp_ext.cap == NULL) {
        return not_started();
    }
    struct hp_cap_counts c;
    hp_cap_counts(hp_ext.cap, &c);
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsKsKsKsKsKsKsKsK}", "started", c.started, "finished", c.finished,
                         "pushed", c.pushed, "stored", c.stored, "sampled_out", c.sampled_out, "dropped_ring",
                         c.dropped_ring, "dropped_tree", c.dropped_tree, "dropped_store", c.dropped_store,
                         "dropped_memory", c.dropped_memory, "errors", c.errors, "waits", c.waits, "wait_ns",
                         c.wait_ns, "own_ns", c.own_ns, "writer_cpu_ns", c.writer_cpu_ns, "lanes_live",
                         c.lanes_live, "requests_live", c.requests_live, "tree_bytes", c.tree_bytes);
}

PyDoc_STRVAR(
    trouble_doc,
    "trouble() -> str\n\nOne line about what keeps the store from taking records; empty if nothing does.");

static PyObject *ext_trouble(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    char text[512] = "";
    if (hp_ext.cap != NULL) {
        hp_cap_trouble(hp_ext.cap, text, sizeof text);
    }
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyDoc_STRVAR(fail_at_doc, "fail_at(point, n) -> None\n\nFor tests: the n-th next call of a capture point "
                          "('alloc', 'ring', 'store', 'callback') fails.");

static PyObject *ext_fail_at(PyObject *self, PyObject *args)
{
    (void)self;
    const char *point;
    unsigned long long n;
    if (!PyArg_ParseTuple(args, "sK", &point, &n)) {
        return NULL;
    }
    if (hp_ext.cap == NULL) {
        return not_started();
    }
    hp_cap_fail_at(hp_ext.cap, point, n);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(status_doc, "status() -> dict\n\nlevel, tracing, c_functions, trace_reason, sampling, "
                         "sample_reason and greenlets of this process's capture.");

static PyObject *ext_status(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return Py_BuildValue("{sOsisOsOsisOsisO}", "started", hp_ext.started ? Py_True : Py_False, "level",
                         hp_ext.level, "tracing", hp_ext.tracing ? Py_True : Py_False, "c_functions",
                         hp_ext.tracing_c ? Py_True : Py_False, "trace_reason", hp_ext.trace_reason,
                         "sampling", hp_ext.sampling ? Py_True : Py_False, "sample_reason",
                         hp_ext.sample_reason, "greenlets", hp_ext.greenlets ? Py_True : Py_False);
}

PyDoc_STRVAR(count_error_doc, "count_error() -> None\n\nCount a failure of ours in the Python face.");

static PyObject *ext_count_error(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (hp_ext.cap != NULL) {
        hp_cap_error(hp_ext.cap);
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"count_error", ext_count_error, METH_NOARGS, count_error_doc},
    {"start", (PyCFunction)(void (*)(void))ext_start, METH_VARARGS | METH_KEYWORDS, start_doc},
    {"stop", ext_stop, METH_VARARGS, stop_doc},
    {"flush", ext_flush, METH_VARARGS, flush_doc},
    {"counts", ext_counts, METH_NOARGS, counts_doc},
    {"trouble", ext_trouble, METH_NOARGS, trouble_doc},
    {"status", ext_status, METH_NOARGS, status_doc},
    {"fail_at", ext_fail_at, METH_VARARGS, fail_at_doc},
    {"configure_places", (PyCFunction)(void (*)(void))hp_codes_configure, METH_VARARGS | METH_KEYWORDS,
     hp_codes_configure_doc},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    if (hp_ext.interp != NULL && hp_ext.interp != PyInterpreterState_Get()) {
        PyErr_SetString(PyExc_ImportError,
                        "hotplate: another interpreter of this process is recorded already");
        return -1;
    }
    hp_ext.interp = PyInterpreterState_Get();
    if (hp_ext.code_index < 0) {
        hp_ext.code_index = hp_code_extra_index();
    }
    if (hp_wsgi_init(module) != 0 || hp_flask_init(module) != 0 || hp_threads_init(module) != 0 ||
        hp_sql_init(module) != 0 || hp_code_init() != 0 || hp_gc_init(module) != 0 ||
        hp_logs_init(module) != 0 || hp_exceptions_init(module) != 0 || hp_jinja_init(module) != 0 ||
        hp_facts_init(module) != 0 || hp_serve_init(module) != 0 || hp_deep_init(module) != 0 ||
        hp_waits_init(module) != 0 || hp_greenlets_init(module) != 0 || hp_tasks_init(module) != 0 ||
        hp_sampling_init(module) != 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "__version__", HP_VERSION_TEXT);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)module_exec},
#if HP_HAVE_MONITORING
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_hotplate",
    .m_doc = "Capture of Flask requests, in C. Use the package hotplate; nothing here is promised.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__hotplate(void);

PyMODINIT_FUNC PyInit__hotplate(void)
{
    return PyModuleDef_Init(&definition);
}
