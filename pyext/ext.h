/* ext.h -- what the files of the extension share.
 *
 * One hp_ext a process. Everything here runs with the GIL; the core below the door (hotplate/ext/capture.h)
 * never sees an object. Every hook keeps the pending exception, never raises one of ours into the
 * application, and counts what it could not do.
 */
#ifndef HP_PYEXT_EXT_H
#define HP_PYEXT_EXT_H

#include "compat.h"
#include "hotplate/ext/capture.h"
#include "hotplate/ext/share.h"
#include "members.h"

/* Mirrors of the model's numbers that cross the door (tests/py check them against the core's). */
enum { HP_X_LEVEL_COUNT = 0, HP_X_LEVEL_MONITOR = 1, HP_X_LEVEL_SAMPLE = 2, HP_X_LEVEL_TRACE = 3 };
enum { HP_X_SYM_PYTHON = 0, HP_X_SYM_C = 1, HP_X_SYM_TEMPLATE = 2 };
enum { HP_X_APP = 1, HP_X_FRAMEWORK = 2, HP_X_COROUTINE = 4 };
enum {
    HP_X_LANE_MAIN = 0,
    HP_X_LANE_THREAD = 1,
    HP_X_LANE_POOL = 2,
    HP_X_LANE_GREENLET = 3,
    HP_X_LANE_TASK = 4
};
enum { HP_X_LANE_OPEN = 1, HP_X_LANE_NEW_EXECUTOR = 2 };
enum {
    HP_X_EDGE_SPAWN = 0,
    HP_X_EDGE_JOIN = 1,
    HP_X_EDGE_WAKE = 2,
    HP_X_EDGE_SUBMIT = 3,
    HP_X_EDGE_RESULT = 4
};
enum {
    HP_X_REQ_STREAMED = 1,
    HP_X_REQ_ABORTED = 2,
    HP_X_REQ_HANDED_OVER = 4,
    HP_X_REQ_EXCEPTION = 16,
    HP_X_REQ_SHARED_CPU = 32,
    HP_X_REQ_ENCODED = 4096
};
enum {
    HP_X_PHASE_OUTER,
    HP_X_PHASE_BEFORE,
    HP_X_PHASE_VIEW,
    HP_X_PHASE_TEMPLATE,
    HP_X_PHASE_AFTER,
    HP_X_PHASE_TEARDOWN,
    HP_X_PHASE_BODY
};
enum {
    HP_X_REASON_ASKED = 0,
    HP_X_REASON_BUDGET = 1,
    HP_X_REASON_NO_TOOL_ID = 2,
    HP_X_REASON_ROUTE = 3,
    HP_X_REASON_UNSUPPORTED = 4
};
enum {
    HP_X_ENGINE_UNKNOWN,
    HP_X_ENGINE_SQLITE,
    HP_X_ENGINE_MYSQL,
    HP_X_ENGINE_MARIADB,
    HP_X_ENGINE_POSTGRESQL,
    HP_X_ENGINE_OTHER
};
enum {
    HP_X_STMT_ERROR = 1,
    HP_X_STMT_MANY = 2,
    HP_X_STMT_IN_TX = 4,
    HP_X_STMT_ORM = 8,
    HP_X_STMT_EACH = 16,
    HP_X_STMT_OVERLAP = 0x100 /* not kept: others of the lane may run in between */
};

enum {
    HP_X_WAIT_DNS,
    HP_X_WAIT_CONNECT,
    HP_X_WAIT_TLS,
    HP_X_WAIT_SEND,
    HP_X_WAIT_RECV,
    HP_X_WAIT_POLL,
    HP_X_WAIT_SLEEP,
    HP_X_WAIT_LOCK,
    HP_X_WAIT_GIL,
    HP_X_WAIT_DISK,
    HP_X_WAIT_DB,
    HP_X_WAIT_SUBPROCESS,
    HP_X_WAIT_QUEUE,
    HP_X_WAIT_AWAIT,
    HP_X_WAIT_LOOP
};

enum { HP_X_DB_POOL, HP_X_DB_CONNECT, HP_X_DB_PING, HP_X_DB_COMMIT, HP_X_DB_ROLLBACK };

struct hp_ext {
    struct hp_cap *cap;         /* owned; NULL before start and after stop */
    PyInterpreterState *interp; /* the interpreter that we serve */
    Py_ssize_t code_index;      /* of the per-code extra slot; -1 none */
    bool started;
    bool tracing;       /* tracer is installed */
    bool recording;     /* the flight recorder is installed */
    bool tracing_c;     /* with C functions */
    int level;          /* default of new requests */
    int trace_reason;   /* HP_X_REASON_*: why trace cannot be had, 0 if it can */
    bool sampling;      /* level sample has trees */
    bool codes_watched; /* the sampler is told of code objects that are freed */
    int sample_reason;  /* HP_X_REASON_*: why it has not, 0 if it has or nobody asked */
    bool greenlets;     /* the greenlet module is loaded: lanes are per greenlet */
    PyObject *places;   /* owned dict: co_filename -> (file, flags) */
};
extern struct hp_ext hp_ext;

/* ---- lanes.c: which lane runs on this thread (and greenlet) now ---- */

struct hp_tls {
    struct hp_cap_lane *lane; /* borrowed; NULL: outside any request */
    PyThreadState *tstate;    /* borrowed; of this thread, valid while `lane` is set */
    void *greenlet;           /* identity of the greenlet that `lane` belongs to, NULL without greenlets */
    struct hp_cap_lane
        *between; /* owned: what the server sends on this thread is this one's; NULL: nothing */
    bool traced, want_c;
    bool flight;   /* not traced, but the lane records the application's own code (recorder.c) */
    bool hooked;   /* greenlet tells us of switches on this thread */
    bool switched; /* it did at least once */
    struct hp_cap_lane_id
        ended; /* the item that this worker thread ran last: what it still does is its doing */
};
extern __thread struct hp_tls hp_tls __attribute__((tls_model("initial-exec")));

/* The current lane; asks greenlet when that is loaded. Borrowed. NULL outside a request. */
struct hp_cap_lane *hp_lane_current(void);

/* Make `lane` current on this thread/greenlet (NULL: none) and keep what was before; restore in reverse
 * order. */
struct hp_lane_scope {
    struct hp_cap_lane *previous, *lane;
    unsigned previous_flags;
    bool lent; /* `previous` ran on this thread and goes on afterwards */
    void *greenlet;
};
void hp_lane_push(struct hp_lane_scope *scope, struct hp_cap_lane *lane, bool want_c);
void hp_lane_pop(const struct hp_lane_scope *scope);
/* The same for a lane that is to go on later: its clocks stop. */
void hp_lane_pop_out(const struct hp_lane_scope *scope);
/* A request's main lane that was popped, and goes on when the server wants more of the body: what this thread
 * waits for until then is its waits, too. Not where greenlets switch: there its clocks stand still
 * (hp_lane_push). The second ends it. */
void hp_lane_between(struct hp_cap_lane *lane);
void hp_lane_between_end(void);
/* Ask greenlet again which lane is right (the tracer saw an unexpected frame); true when the current lane
 * changed. */
bool hp_lane_resync(void);
/* Greenlet `target` runs now on this thread instead of `origin` (NULL: not known); true when the current lane
 * changed. */
bool hp_lane_switched(PyObject *origin, PyObject *target);
/* Look for a loaded greenlet module; cheap, called at each request's begin. */
void hp_lane_find_greenlets(void);
/* ---- greenlets.c: switches, and which greenlets are lanes of their own ---- */
/* Have this thread's switches told, if they are not yet. Cheap when they are. */
void hp_greenlet_watch(void);
bool hp_greenlet_is_hub(PyObject *greenlet);
/* A lane of its own for a greenlet that a lane has made and that did not run so far, begun now; one
 * reference. NULL: it has none. */
struct hp_cap_lane *hp_greenlet_adopt(PyObject *greenlet, bool *want_c);
/* A lane runs again: tell what it waited for. */
void hp_greenlet_resume(struct hp_cap_lane *lane, const struct hp_cap_clock *clock);
int hp_greenlets_init(PyObject *module);
int hp_tasks_init(PyObject *module);
/* The frame that runs now, as the identity that the tracer uses. */
const void *hp_frame_id_now(void);

/* ---- codes.c: code object -> symbol ---- */

/* Symbol id of a code object (0 when it cannot be had), interned at first sight. Never raises. Hot after the
 * first call. */
uint32_t hp_code_symbol(PyCodeObject *code);
/* The same for the tracer; `*watch`, once for each code object: its calls are to be watched, for it is
 * application code that names a C function whose calls are told (hp_is_watched). */
uint32_t hp_code_traced(PyCodeObject *code, bool *watch);
/* Whether calls of a C function of this name are told: it turns objects into bytes or back ("dumps", "loads",
 * "writerow"), or opens a file. */
bool hp_is_watched(const char *name);
/* Whether it is code that Jinja compiled a template to. */
bool hp_code_is_template(PyCodeObject *code);
/* Line that the frame is at, and `line` of a frame's code, as they are shown: of the template where the code
 * was generated from one. Never raise. */
uint32_t hp_frame_line(hp_frame *frame);
uint32_t hp_code_shown_line(PyCodeObject *code, PyFrameObject *frame, uint32_t line);
/* Intern the code of a compiled template's function and what is defined within, with the template's lines. */
void hp_code_template(PyObject *function);
int hp_code_init(void); /* 0, or -1 with an exception */
/* Flags (HP_X_APP …) of a code object's symbol. */
int hp_code_flags(PyCodeObject *code);
/* The same of a file by its co_filename. Never raises. */
int hp_file_flags(PyObject *filename);
/* Mark a code object; true the first time. Never raises. */
bool hp_code_mark(PyCodeObject *code);
/* Symbol of a C callable (PyCFunction or method descriptor), named as cProfile names it; 0 if it is
 * neither. */
uint32_t hp_cfunction_symbol(PyObject *callable, PyObject *self_or_null);
/* The application place that runs now: nearest application frame from the current one outwards, with its
 * current line; via = the outermost library package between it and the caller, as a symbol. With none on the
 * stack a library's template stands for it (the application may replace it); without one all zero but via. */
struct hp_cap_place hp_place_now(void);
/* hp_places_classify without the GIL, for probes: -1 while the places change. */
int hp_classify_unlocked(const char *name, size_t n, char *out, size_t capacity);
/* In a child of fork: whoever was reading in another thread is not here. hp_sites_after_fork: the same of the
 * sites' tables. */
void hp_places_after_fork(void);
/* Where that walk ends: the code of Flask.__call__ and Flask.wsgi_app. What is further out (a script that
 * calls app.run(), a middleware around the application) passes the request on. Owned, or NULL. */
extern PyCodeObject *hp_place_stops[2];
static inline bool hp_place_ends(const PyCodeObject *code)
{
    return code == hp_place_stops[0] || code == hp_place_stops[1];
}
/* UTF-8 of a str object, borrowed; empty when it is not a str or not encodable. Never raises. */
struct hp_span8 hp_utf8(PyObject *text);
extern const char hp_codes_configure_doc[];
PyObject *hp_codes_configure(PyObject *self, PyObject *args,
                             PyObject *kwargs); /* Python: configure_places(…) */

/* ---- tracers: each installs or removes itself; start returns 0, or a reason (HP_X_REASON_*) why it cannot
 * be had ---- */
int hp_tracer_start(bool c_functions);
void hp_tracer_stop(void);
/* Start the tracer, measuring what a traced call costs when it was off. Call outside requests. Same result as
 * hp_tracer_start. */
int hp_tracer_enable(bool c_functions);
/* The flight recorder (3.12 and later): application code and its direct callees, at levels below trace.
 * Install once; same result as hp_tracer_start. recorder.c */
int hp_recorder_start(void);
/* Events of one code object, with its calls or without; false (counted) when that failed. */
bool hp_monitor_watch(PyCodeObject *code, bool calls);
/* Only the events that cannot be asked for by code object; false with an exception. */
bool hp_monitor_only_global(void);
/* sys.monitoring.DISABLE; new reference, or NULL with an exception. */
PyObject *hp_monitor_disable(void);
/* Look through modules imported since the last time for application code; cheap when there are none. Call
 * when a request begins. */
void hp_recorder_refresh(void);
/* An event of a lane that records; `code` is the frame's. */
void hp_recorder_enter(PyCodeObject *code, hp_frame *frame, bool resume);
void hp_recorder_leave(PyCodeObject *code, hp_frame *frame, bool raised);
/* A call site of recorded code: take note of the callee. Returns what the callback returns. */
PyObject *hp_recorder_call(PyObject *callable);
/* The tracer off again, as it was before hp_tracer_enable at a lower level: the flight recorder, if there is
 * one, goes on. recorder.c */
void hp_tracer_rest(void);

/* ---- deep.c: single requests at level trace, because they come with a ticket (hotplate/ext/ticket.h)
 * ---- */
/* Whether this request is to be traced; then the tracer is on, and stays on at least until hp_deep_end. Call
 * before a request begins. Never raises. */
bool hp_deep_begin(PyObject *app, PyObject *wsgi_environ);
void hp_deep_end(void);
int hp_deep_init(PyObject *module);

/* 3.11 with C functions: the profile function is per thread. No-ops elsewhere. */
void hp_tracer_thread_begin(void);
void hp_tracer_thread_end(void);

/* ---- wsgi.c, flask.c, threads.c, sql.c: hooks; each adds its functions to the module and returns -1 with an
 * exception on failure ---- */
int hp_wsgi_init(PyObject *module);
/* app.debug. Never raises. */
bool hp_app_debug(PyObject *app);
/* Fault injection: true, with an exception, when a callback of ours is to fail now. */
bool hp_raises_on_purpose(void);
/* Tell a request its route and view after the application was called. 0, or -1 with an exception. */
int hp_flask_route(PyObject *wsgi_environ, PyObject *app, struct hp_cap_request *request);
/* Note an exception that ends the request: its type, and the group of type and raising place. Keeps the
 * pending exception. */
void hp_note_exception(struct hp_cap_request *request, PyObject *exception);
int hp_flask_init(PyObject *module);
int hp_threads_init(PyObject *module);
int hp_sql_init(PyObject *module);

/* ---- waits.c: probes of blocking calls (hotplate/ext/waits.h); sites.c: the application place of a thread,
 * without the GIL ---- */
int hp_waits_init(PyObject *module);
/* Switch the probes on, once; what cannot be hooked is said by hp_waits_describe. */
void hp_waits_enable(void);
void hp_waits_know_greenlets(void);
/* This thread, a threading.Thread, has run its target. Keeps the pending exception. */
void hp_waits_thread_ends(PyObject *thread);
/* gil.c: tell the probes which lock is the interpreter's. */
void hp_gil_watch(void);
const void *hp_runtime_address(void);
/* sampler.c: get ready to sample; rate 0: the default. 0, or a reason (HP_X_REASON_*) why it cannot be
 * had. */
int hp_sampling_start(unsigned rate_hz, int mode);
int hp_sampling_init(PyObject *module);
uint32_t hp_site_now(void *tstate);
struct hp_cap_place hp_site_place(uint32_t site);
/* What is application has changed: files are looked at again. */
void hp_sites_forget(void);
void hp_sites_after_fork(void);

#endif
