/* evalhook.c -- the exact tracer of CPython 3.11: the frame-evaluation hook (PEP 523), and the profile
 * function where C functions are wanted.
 *
 * With a hook set, 3.11 evaluates every Python call through it (calls are no longer inlined into one loop),
 * so each Python frame takes C stack. The stack guard raises RecursionError before that runs out: an
 * application with a raised recursion limit gets the error that it would get for the limit, not a crash
 * (capture-limits.md, hazard 3). Creating a generator is an evaluation, too (it runs to RETURN_GENERATOR):
 * not a call of its body, so it is skipped; the first next() is the call, later ones are re-entries. The hook
 * keeps nothing on the C stack but ids: greenlet moves C stacks (trap 17). A hook that somebody else had set
 * (PEP 523 has one slot) is kept and called.
 *
 * C functions: PyEval_SetProfile on each thread that runs a lane which wants them. It sees Python functions
 * as well, so the hook then stays quiet on that thread. A profile function that is already set (cProfile) is
 * left alone: Python functions only.
 */
#include "ext.h"

#if !HP_HAVE_MONITORING

#include <pthread.h>

#define C_MARK        ((uintptr_t)1)
#define STACK_RESERVE (256u * 1024u)

static _PyFrameEvalFunction previous_eval;
static __thread char *stack_floor
    __attribute__((tls_model("initial-exec"))); /* lowest address to use; NULL: not asked yet */
static __thread bool profiled
    __attribute__((tls_model("initial-exec"))); /* our profile function runs on this thread */

static inline const void *unmark(const void *frame)
{
    return (const void *)((uintptr_t)frame & ~C_MARK);
}

static void find_stack_floor(void)
{
    pthread_attr_t attr;
    void *low = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void)pthread_attr_getstack(&attr, &low, &size);
        (void)pthread_attr_destroy(&attr);
    }
    /* Small thread stacks keep an eighth; unknown ones are not guarded. */
    size_t reserve = size / 8 < STACK_RESERVE ? size / 8 : STACK_RESERVE;
    stack_floor = low == NULL ? (char *)1 : (char *)low + reserve;
}

static void resync(hp_frame *caller)
{
    if (hp_lane_resync() && (!hp_tls.traced || unmark(hp_cap_top(hp_tls.lane)) == (const void *)caller)) {
        return;
    }
    for (int i = 0; caller != NULL && i < 64; i++, caller = hp_frame_caller(caller)) {
        if (hp_cap_unwind_to(hp_tls.lane, (const void *)((uintptr_t)caller | C_MARK)) ||
            hp_cap_unwind_to(hp_tls.lane, caller)) {
            return;
        }
    }
}

/* Enter `frame`, called from `caller`. */
static void enter(hp_frame *frame, hp_frame *caller, bool resume)
{
    if (__builtin_expect(unmark(hp_cap_top(hp_tls.lane)) != (const void *)caller, 0)) {
        resync(caller);
        if (!hp_tls.traced) {
            return;
        }
    }
    uint32_t sym = hp_code_symbol(frame->f_code);
    uint32_t site = caller != NULL ? (uint32_t)hp_frame_lasti(caller) : 0;
    if (__builtin_expect(hp_cap_enter(hp_tls.lane, sym, site, frame, resume), 0)) {
        hp_cap_line(hp_tls.lane, caller != NULL ? hp_frame_line(caller) : 0);
    }
}

static void leave(const void *frame, bool raised)
{
    if (__builtin_expect(hp_cap_top(hp_tls.lane) != frame, 0) && hp_ext.greenlets) {
        (void)hp_lane_resync();
    }
    if (hp_tls.traced) {
        hp_cap_leave(hp_tls.lane, frame, raised);
    }
}

static bool creates_generator(const hp_frame *frame)
{
    return (frame->f_code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0 &&
           !hp_frame_of_generator(frame);
}

static PyObject *on_eval(PyThreadState *tstate, hp_frame *frame, int throwing)
{
    char here;
    if (__builtin_expect(stack_floor == NULL, 0)) {
        find_stack_floor();
    }
    if (__builtin_expect(&here < stack_floor, 0) && !hp_frame_of_generator(frame)) {
        PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded (the C stack is used up)");
        return NULL;
    }
    bool traced =
        hp_tls.traced || (hp_ext.greenlets && hp_tls.lane == NULL && hp_lane_resync() && hp_tls.traced);
    if (!traced || profiled || creates_generator(frame)) {
        return previous_eval(tstate, frame, throwing);
    }
    const void *identity = frame;
    enter(frame, hp_frame_current(tstate), hp_frame_is_resume(frame));
    PyObject *result = previous_eval(tstate, frame, throwing);
    leave(identity, result == NULL);
    return result;
}

/* ---- C functions ---- */

static int on_profile(PyObject *self, PyFrameObject *object, int what, PyObject *arg)
{
    (void)self;
    if (!hp_tls.want_c) {
        return 0;
    }
    hp_frame *frame = object->f_frame;
    const void *marked = (const void *)((uintptr_t)frame | C_MARK);
    switch (what) {
    case PyTrace_CALL:
        enter(frame, hp_frame_caller(frame), hp_frame_is_resume(frame));
        break;
    case PyTrace_RETURN:
        leave(frame, arg == NULL);
        break;
    case PyTrace_C_CALL: {
        if (unmark(hp_cap_top(hp_tls.lane)) != (const void *)frame) {
            resync(frame);
        }
        uint32_t sym = hp_cfunction_symbol(arg, NULL);
        uint32_t site = (uint32_t)hp_frame_lasti(frame);
        if (sym != 0 && hp_tls.want_c && hp_cap_enter(hp_tls.lane, sym, site, marked, false)) {
            hp_cap_line(hp_tls.lane, hp_frame_line(frame));
        }
        break;
    }
    case PyTrace_C_RETURN:
    case PyTrace_C_EXCEPTION:
        if (hp_cap_top(hp_tls.lane) == marked) {
            hp_cap_leave(hp_tls.lane, marked, what == PyTrace_C_EXCEPTION);
        }
        break;
    default:
        break;
    }
    return 0;
}

void hp_tracer_thread_begin(void)
{
    PyThreadState *tstate = PyThreadState_Get();
    if (hp_tls.want_c && !profiled && tstate->c_profilefunc == NULL) {
        PyEval_SetProfile(on_profile, NULL);
        profiled = true;
    }
}

void hp_tracer_thread_end(void)
{
    if (profiled && PyThreadState_Get()->c_profilefunc == on_profile) {
        PyEval_SetProfile(NULL, NULL);
    }
    profiled = false;
}

int hp_tracer_start(bool c_functions)
{
    if (!hp_ext.tracing) {
        previous_eval = _PyInterpreterState_GetEvalFrameFunc(hp_ext.interp);
        _PyInterpreterState_SetEvalFrameFunc(hp_ext.interp, on_eval);
        hp_ext.tracing = true;
    }
    hp_ext.tracing_c = hp_ext.tracing_c || c_functions;
    return 0;
}

void hp_tracer_stop(void)
{
    if (hp_ext.tracing && _PyInterpreterState_GetEvalFrameFunc(hp_ext.interp) == on_eval) {
        _PyInterpreterState_SetEvalFrameFunc(hp_ext.interp, previous_eval);
    }
    hp_ext.tracing = hp_ext.tracing_c = false;
}

#endif
