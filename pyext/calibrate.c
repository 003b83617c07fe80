/* calibrate.c -- what one traced call costs, measured in this process, so that readers can take it out.
 *
 * A loop of calls to an empty function runs before the tracer is installed and after: the difference per call
 * is the cost. Part of it lies between our two clock reads and is charged to the called function (inner), the
 * rest to its caller (outer). The split cannot be seen from outside; INNER_SHARE was measured by callgrind.
 * Only the sum matters for the request's total. Minimum over rounds: an interrupted round only makes it
 * longer.
 */
#include "ext.h"

enum { CALLS = 500, ROUNDS = 40 }; /* short, so that some round is left alone on a busy machine */
#define INNER_SHARE 0.5
#define MAX_COST_NS 10000.0

static const char source[] = "def f():\n    pass\n"
                             "def calls(n):\n    for _ in n:\n        f()\n";

/* Ticks of one round of `function(range(CALLS))`; 0 on failure, without exception. */
static uint64_t time_round(PyObject *function, PyObject *range)
{
    uint64_t t0 = hp_cap_ticks();
    PyObject *result = PyObject_CallOneArg(function, range);
    uint64_t t1 = hp_cap_ticks();
    Py_XDECREF(result);
    if (result == NULL) {
        PyErr_Clear();
        return 0;
    }
    return t1 - t0;
}

static double best_ns(PyObject *function, PyObject *range)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t ticks = time_round(function, range);
        best = ticks != 0 && ticks < best ? ticks : best;
    }
    return best == UINT64_MAX ? 0.0 : (double)hp_cap_ns(best) / CALLS;
}

static PyObject *compile_source(void)
{
    PyObject *globals = PyDict_New();
    if (globals == NULL || PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) != 0) {
        Py_XDECREF(globals);
        return NULL;
    }
    PyObject *done = PyRun_String(source, Py_file_input, globals, globals);
    Py_XDECREF(done);
    if (done == NULL) {
        Py_CLEAR(globals);
    }
    return globals;
}

/* Per call, with the tracer on, on a lane of its own that is thrown away. */
static double traced_ns(PyObject *function, PyObject *range)
{
    hp_frame *frame = hp_frame_current(PyThreadState_Get());
    struct hp_cap_request *request =
        hp_cap_request_begin(hp_ext.cap, HP_X_LEVEL_TRACE, 0, true, frame, hp_cap_ticks());
    if (request == NULL) {
        return 0.0;
    }
    struct hp_lane_scope scope;
    hp_lane_push(&scope, hp_cap_request_lane(request), false);
    double ns = best_ns(function, range);
    hp_lane_pop(&scope);
    hp_cap_request_finish(request);
    return ns;
}

/* Untraced: with no current lane, before the tracer is installed. */
static double bare_ns(PyObject *function, PyObject *range)
{
    struct hp_lane_scope scope;
    hp_lane_push(&scope, NULL, false);
    double ns = best_ns(function, range);
    hp_lane_pop(&scope);
    return ns;
}

int hp_tracer_enable(bool c_functions)
{
    if (hp_ext.tracing) {
        return hp_tracer_start(c_functions);
    }
    struct hp_pending pending = hp_pending_save();
    PyObject *globals = compile_source();
    PyObject *range = PyObject_CallFunction((PyObject *)&PyRange_Type, "i", CALLS);
    PyObject *calls = globals == NULL ? NULL : PyDict_GetItemString(globals, "calls"); /* borrowed */
    double bare = calls == NULL || range == NULL ? 0.0 : bare_ns(calls, range);
    int reason = hp_tracer_start(false);
    if (reason == 0 && bare > 0.0) {
        double cost = traced_ns(calls, range) - bare;
        if (cost > 0.0 && cost < MAX_COST_NS) {
            double inner = cost * INNER_SHARE;
            hp_cap_set_call_cost(hp_ext.cap, (uint32_t)(inner * 1000.0), (uint32_t)((cost - inner) * 1000.0));
        }
    }
    if (reason == 0 && c_functions) {
        reason = hp_tracer_start(true);
    }
    Py_XDECREF(range);
    Py_XDECREF(globals);
    hp_pending_restore(pending);
    return reason;
}
