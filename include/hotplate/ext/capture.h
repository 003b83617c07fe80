/* capture.h -- the door through which the CPython extension uses the core. Same release only, never
 * installed.
 *
 * What crosses is ids, ticks, nanoseconds and UTF-8 spans; never an object, a lock of the interpreter or an
 * exception. Unless said otherwise a function may be called by any thread that holds the GIL (that is what
 * serialises the writers of one request's tree), never blocks, never prints and never fails loudly: what
 * cannot be kept is counted (hp_cap_counts).
 *
 *   hp_cap ── dictionary, ring, writer thread (no GIL), store
 *    └─ hp_cap_request (pooled; its tree lives on)        one WSGI call
 *         └─ hp_cap_lane (main, threads, pool items)      a shadow stack over the request's one tree
 */
#ifndef HP_EXT_CAPTURE_H
#define HP_EXT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hotplate/err.h"

struct hp_cap;         /* one per process, opaque */
struct hp_cap_request; /* opaque */
struct hp_cap_lane;    /* opaque */

/* ---- process ---- */

struct hp_cap_config {
    const char *store_path;               /* NULL: nothing is stored (the drop-in middleware) */
    uint64_t max_store_bytes, max_age_ns; /* 0: defaults */
    size_t ring_bytes;                    /* 0: 8 MiB */
    uint64_t
        slow_ns;     /* keep detail (tree, statements, lanes) only of requests that take as long; 0: of all */
    double budget;   /* share of the application's CPU time that capturing may cost, per route; 0: no limit */
    bool no_threads; /* flush from later requests and at exit instead of a writer thread */
    const char *interpreter, *command, *revision; /* UTF-8, copied */
};

/* Open the process's capture. Never blocks on the store: the writer opens it later, and store trouble shows
 * in hp_cap_counts and hp_cap_trouble. Installs pthread_atfork handlers once. HP_ENOMEM, HP_EINVAL. */
HP_CHECK hp_err hp_cap_open(const struct hp_cap_config *config, struct hp_cap **cap);
/* Record a tree below level trace too, and keep it of requests that end slow (as long as slow_ns; 0: above
 * what 99 % of the route's took so far) or failed. Before the first request. HP_ENOMEM. */
HP_CHECK hp_err hp_cap_flight(struct hp_cap *cap, uint64_t slow_ns);
/* Flush for at most timeout_ms, stop the writer, free. */
void hp_cap_close(struct hp_cap *cap, uint32_t timeout_ms);
/* Wait until what was pushed so far is stored or counted, at most timeout_ms; call without the GIL. False:
 * time ran out. */
bool hp_cap_flush(struct hp_cap *cap, uint32_t timeout_ms);
/* The same at the end of the process: does not wait for a store that somebody has to mend first (foreign,
 * read-only …). */
bool hp_cap_flush_last(struct hp_cap *cap, uint32_t timeout_ms);

struct hp_cap_counts {
    uint64_t started, finished, pushed, stored, sampled_out;
    uint64_t dropped_ring, dropped_tree, dropped_store,
        dropped_memory;      /* requests (dropped_tree: only their tree) */
    uint64_t errors;         /* failures of ours inside hooks, by hp_cap_error */
    uint64_t waits, wait_ns; /* of the application's threads for the store, its end left out */
    uint64_t own_ns;
    uint64_t writer_cpu_ns;
    uint64_t lanes_live, requests_live, tree_bytes;
};
void hp_cap_counts(struct hp_cap *cap, struct hp_cap_counts *out);
/* One line about the store's trouble, empty if none. Copies at most n bytes with NUL. */
void hp_cap_trouble(struct hp_cap *cap, char *out, size_t n);
/* Count a failure of ours (allocation in a hook, exception in a callback …). */
void hp_cap_error(struct hp_cap *cap) __attribute__((cold));
void hp_cap_sampled_out(struct hp_cap *cap);

/* Fault injection for tests: the n-th call from now of the named capture point fails ("alloc", "ring",
 * "store", "callback"); n 0 clears. */
void hp_cap_fail_at(struct hp_cap *cap, const char *point, uint64_t n);
/* Whether this call of the extension's point, "callback", is to fail. */
bool hp_cap_callback_fails(struct hp_cap *cap);

/* ---- words (ids of the process's dictionary; 0 when full) ---- */

struct hp_span8 {
    const char *p;
    size_t n;
}; /* UTF-8 */
uint32_t hp_cap_symbol(struct hp_cap *cap, int kind, int flags, struct hp_span8 file, struct hp_span8 name,
                       struct hp_span8 path, uint32_t line);
uint32_t hp_cap_string(struct hp_cap *cap, struct hp_span8 text);
uint32_t hp_cap_route(struct hp_cap *cap, struct hp_span8 method, struct hp_span8 rule,
                      struct hp_span8 endpoint);
/* Fold SQL text and intern it; `engine` as enum hp_engine. Cold: cache the id by string object. */
uint32_t hp_cap_statement(struct hp_cap *cap, struct hp_span8 sql, int engine, uint32_t *in_count);
/* Where a source file goes: called once per application file; the writer reads `path` and keeps its text. */
void hp_cap_source(struct hp_cap *cap, struct hp_span8 file, struct hp_span8 path);
/* Keyed 64-bit hash (SipHash-2-4, key per process) for SQL parameters: start, feed, end (never 0). */
struct hp_cap_hash {
    uint64_t v[4];
    uint8_t tail[8];
    uint64_t n;
};
void hp_cap_hash_begin(struct hp_cap *cap, struct hp_cap_hash *hash);
void hp_cap_hash_feed(struct hp_cap_hash *hash, const void *data, size_t n);
uint64_t hp_cap_hash_end(struct hp_cap_hash *hash);

/* ---- clock ---- */
uint64_t hp_cap_ticks(void); /* rdtsc or monotonic ns */
uint64_t hp_cap_ns(uint64_t delta_ticks);
uint64_t hp_cap_thread_cpu_ns(void);

/* ---- requests ---- */

/* Begin a request with its main lane; NULL when memory is out (counted). level as enum hp_level. The request
 * is alive until finish and until the last lane that refers to it has ended. `keep`: do not push to the ring
 * at finish (the drop-in middleware reads the tree itself). `now`: hp_cap_ticks, read just before. */
struct hp_cap_request *hp_cap_request_begin(struct hp_cap *cap, int level, int kind, bool keep,
                                            const void *frame, uint64_t now);
struct hp_cap_lane *hp_cap_request_lane(struct hp_cap_request *request);
uint64_t hp_cap_request_id(const struct hp_cap_request *request);
int hp_cap_request_level(const struct hp_cap_request *request);
bool hp_cap_request_kept(const struct hp_cap_request *request);   /* begun with `keep`: nothing is stored */
bool hp_cap_request_routed(const struct hp_cap_request *request); /* hp_cap_request_route was called */

/* Facts; each may be set any time before finish. */
void hp_cap_request_route(struct hp_cap_request *request, uint32_t route, uint32_t view_sym);
void hp_cap_request_status(struct hp_cap_request *request, int status);
void hp_cap_request_bytes(struct hp_cap_request *request, int64_t in, int64_t out_more); /* -1: none */
void hp_cap_request_first_byte(struct hp_cap_request *request);
void hp_cap_request_flag(struct hp_cap_request *request, uint32_t flags); /* enum hp_request_flags, or-ed */
void hp_cap_request_level_reason(struct hp_cap_request *request, int asked, int reason);
void hp_cap_request_exception(struct hp_cap_request *request, uint32_t type_string, uint64_t group);
void hp_cap_request_queue(struct hp_cap_request *request, uint64_t queue_ns);
uint64_t hp_cap_request_queued(const struct hp_cap_request *request); /* UINT64_MAX: not known */
void hp_cap_request_trace(struct hp_cap_request *request, const uint64_t trace_id[2], uint64_t parent_span);
/* The level that the budget allows for the request's route (tell that first); lowers the request to it, for
 * good, and says why in its record. Call on the main lane's thread, once, as early as the route is known.
 * Returns the level in force. */
int hp_cap_request_allow(struct hp_cap_request *request);
/* Somebody asked for this one request: hp_cap_request_allow leaves its level alone, its detail is kept, and
 * the budget does not count it. */
void hp_cap_request_insist(struct hp_cap_request *request);
/* Switch the main lane's phase and return the one before, to be restored by the caller. */
int hp_cap_request_phase(struct hp_cap_request *request, int phase);
/* So far, for Server-Timing: wall, and SQL time and count. */
void hp_cap_request_so_far(const struct hp_cap_request *request, uint64_t *wall_ns, uint64_t *sql_ns,
                           uint32_t *sql_count);
/* The end: closes open stack entries, encodes, pushes (unless keep), counts. `request` must not be used
 * after, except by its lanes. */
void hp_cap_request_finish(struct hp_cap_request *request);

/* ---- lanes ---- */

struct hp_cap_place {
    uint32_t site_sym, site_line, via_sym;
};

/* A child lane below the parent's current node; NULL when the parent is dead or memory is out. kind as enum
 * hp_lane_kind. Created at spawn or submit (by the parent), begun by whoever runs it, ended there; freed by
 * _unref (parent's creation holds one reference). */
struct hp_cap_lane *hp_cap_lane_spawn(struct hp_cap_lane *parent, int kind, struct hp_cap_place place);
struct hp_cap_place
hp_cap_lane_place(const struct hp_cap_lane *lane);  /* that it was spawned with; 0: a main lane's */
void hp_cap_lane_spawned(struct hp_cap_lane *lane); /* start()/submit() returned: its cost is known */
void hp_cap_lane_begin(struct hp_cap_lane *lane, const void *frame); /* on the thread that runs it */
void hp_cap_lane_end(struct hp_cap_lane *lane);
/* The lane goes on under another caller (a server iterates the body from another frame): the bottom entry's
 * frame becomes `frame`. */
void hp_cap_lane_root_frame(struct hp_cap_lane *lane, const void *frame);
void hp_cap_lane_ref(struct hp_cap_lane *lane);
void hp_cap_lane_unref(struct hp_cap_lane *lane);
bool hp_cap_lane_alive(const struct hp_cap_lane *lane);  /* its request has not finished */
bool hp_cap_lane_flight(const struct hp_cap_lane *lane); /* below level trace, and records a tree */
int hp_cap_lane_level(const struct hp_cap_lane *lane);   /* of its request; -1 when dead */
struct hp_cap_request *hp_cap_lane_request(struct hp_cap_lane *lane); /* NULL when dead; borrowed */
void hp_cap_lane_flag(struct hp_cap_lane *lane, int flags);           /* enum hp_lane_flags */
/* `lane` waited from t0_ticks until now for `other` (may be NULL); kind as enum hp_edge_kind. */
void hp_cap_edge(struct hp_cap_lane *lane, int kind, struct hp_cap_lane *other, uint64_t t0_ticks,
                 struct hp_cap_place place);

/* ---- the exact tracer: a shadow stack per lane ---- */

/* Enter a call of `sym` made at instruction `site` of the caller; `frame` identifies the activation. True:
 * the path is new, tell its line by hp_cap_line now. resume: re-entry of a generator or coroutine (not a
 * call). Hot: yes. Does nothing on a dead lane or below monitor level. */
bool hp_cap_enter(struct hp_cap_lane *lane, uint32_t sym, uint32_t site, const void *frame, bool resume);
void hp_cap_line(struct hp_cap_lane *lane, uint32_t line);
/* Leave the activation `frame`: entries above it that were missed are closed and counted as mismatches; no
 * such entry: ignored and counted. `raised`: by an exception. Hot: yes. */
void hp_cap_leave(struct hp_cap_lane *lane, const void *frame, bool raised);
/* Frame on top of the shadow stack (NULL when empty or dead): compare with the real caller to notice another
 * lane or missed events. */
const void *hp_cap_top(const struct hp_cap_lane *lane);
/* Drop entries until `frame` is on top; false (and nothing dropped) when it is not on the stack. */
bool hp_cap_unwind_to(struct hp_cap_lane *lane, const void *frame);
/* Calibrated cost of one traced call, picoseconds: inside its own measured time, and outside (in its
 * caller's). */
void hp_cap_set_call_cost(struct hp_cap *cap, uint32_t inner_ps, uint32_t outer_ps);

/* ---- SQL ---- */

/* Begin an execution on a lane; returns its number for the two below (UINT32_MAX: not kept, but do call end).
 * Nested executions (SQLAlchemy over a wrapped driver) are suppressed: begin returns UINT32_MAX - 1 and end
 * does nothing. flags as enum hp_stmt_flags, or 0x100: a coroutine's, so others of the lane may begin and end
 * in between (never suppressed; the caller knows what is nested). */
uint32_t hp_cap_sql_begin(struct hp_cap_lane *lane, uint32_t statement, struct hp_cap_place place,
                          uint32_t conn, uint64_t param_hash, uint32_t many_count, uint32_t in_count,
                          uint32_t flags);
void hp_cap_sql_end(struct hp_cap_lane *lane, uint32_t number, int64_t rows, bool error);
void hp_cap_sql_fetch(struct hp_cap_lane *lane, uint32_t number, uint64_t ns, int64_t rows_more);
bool hp_cap_sql_inside(const struct hp_cap_lane *lane); /* between begin and end */
/* Add flags to the execution that is open on the lane, if it is kept: what is only known further inside of
 * it. Never fails. Hot: yes. */
void hp_cap_sql_mark(struct hp_cap_lane *lane, uint32_t flags);
/* A connection (0: none came about) took this since tick t0 beside its statements: enum hp_db_step_kind.
 * Steps that began later on the lane are inside of it: their time is not its own, and one of its own kind is
 * it (a method that calls its base's). */
void hp_cap_sql_step(struct hp_cap_lane *lane, int kind, uint32_t conn, uint64_t t0,
                     struct hp_cap_place place);

/* ---- notes: what a request does besides (monitor and above; each list is capped, what is refused is counted
 * in the record) ---- */

/* Free text as the id of a string, at most 240 bytes of it. Folded: values, secrets and ids replaced.
 * Literal: a format string of the source, only what looks like a secret goes. Raw: as it is. Given: as it is,
 * but whoever asks can choose it. At most 4,096 different ones a process, 1,024 of them given, then
 * "<other>". */
enum hp_cap_text { HP_TEXT_FOLDED, HP_TEXT_LITERAL, HP_TEXT_RAW, HP_TEXT_GIVEN };
uint32_t hp_cap_text(struct hp_cap *cap, struct hp_span8 text, enum hp_cap_text how);

/* Collections are watched: a request without one has spent 0 in them. */
void hp_cap_gc_watched(struct hp_cap_request *request);
/* A collection begins and ends on the thread that runs `lane`. An end without a begin, or on another lane, is
 * ignored. */
void hp_cap_gc_begin(struct hp_cap_lane *lane);
/* `line_now` is asked after a long one for the line that set it off (0: not known); may be NULL. */
void hp_cap_gc_end(struct hp_cap_lane *lane, int generation, uint64_t collected, uint64_t uncollectable,
                   uint32_t (*line_now)(void));

/* A run of a part of a template (kind as enum hp_template_kind, its code) begins below the part that runs
 * now, at `site` of what asked for it. Returns its row, 0: not kept; `*fresh`: tell its name and who asked.
 * enter and leave surround each stretch in which the row runs (a generator is asked for many values): leave
 * gets what enter returned. Rows die with the request; they are numbers, and a foreign one does no harm. Hot:
 * yes. */
uint32_t hp_cap_template(struct hp_cap_lane *lane, int kind, uint32_t sym, uint32_t site, bool *fresh);
void hp_cap_template_tell(struct hp_cap_lane *lane, uint32_t row, uint32_t name, struct hp_cap_place place);
uint32_t hp_cap_template_enter(struct hp_cap_lane *lane, uint32_t row);
void hp_cap_template_leave(struct hp_cap_lane *lane, uint32_t before);

/* A log record that took from t0_ticks until now; level as logging numbers them. The same again from the same
 * place is counted. */
void hp_cap_log(struct hp_cap_lane *lane, int level, uint32_t logger, uint32_t message,
                struct hp_cap_place place, uint64_t t0_ticks);

struct hp_cap_frame {
    uint32_t sym, line;
};
struct hp_cap_exception {
    const void *identity;              /* of the object: the same one seen twice counts once */
    uint64_t group;                    /* the same group again is counted */
    uint32_t type, text;               /* string ids */
    int end;                           /* enum hp_exception_end */
    const struct hp_cap_frame *frames; /* borrowed for the call; outermost first, the innermost 32 are kept */
    uint32_t frame_count;
};
void hp_cap_exception(struct hp_cap_lane *lane, const struct hp_cap_exception *seen);

/* A header, a configuration value, an argument or a key (enum hp_fact_kind) with what may be shown of its
 * value. */
void hp_cap_request_fact(struct hp_cap_request *request, int kind, uint32_t key, uint32_t value);
/* Whether a name says that its value is a secret, by our words or by those that were added at the
 * dashboard. */
bool hp_cap_secret(struct hp_cap *cap, struct hp_span8 name);
/* So many more were not even looked at. */
void hp_cap_request_left_out(struct hp_cap_request *request, uint32_t facts);
/* Whether the detail of the request would be kept if it ended now. */
bool hp_cap_request_detailed(const struct hp_cap_request *request);
/* What the caller has of the request, for whoever meets it by a lane: kept until finish and never followed.
 * NULL: nothing was set. */
void hp_cap_request_set_owner(struct hp_cap_request *request, void *owner);
void *hp_cap_request_owner(const struct hp_cap_request *request);

/* What this thread has asked the interpreter's allocator for, counted by the extension's hook: gross bytes
 * and blocks, and blocks given back. */
struct hp_cap_alloc { /* in this order: compilers add to two neighbours by a detour over vector registers */
    uint64_t bytes, freed, blocks;
};
extern __thread struct hp_cap_alloc hp_cap_alloc __attribute__((tls_model("initial-exec")));
/* The hook runs (or not); per_node: the nodes of trees are to know, too, which makes each traced call
 * dearer. */
void hp_cap_count_allocs(struct hp_cap *cap, bool on, bool per_node);
/* From begin to end the allocations of this thread are the lane's. Hot: yes. */
void hp_cap_alloc_begin(struct hp_cap_lane *lane);
void hp_cap_alloc_end(struct hp_cap_lane *lane);

/* ---- for the drop-in middleware: the finished tree as pstats ---- */

/* Freeze a `keep` request at its end (before finish) and write its `.prof` bytes (marshal, as the stdlib
 * writes them) to memory that the caller gives back by hp_cap_bytes_free. `raw`: without taking our own cost
 * out. HP_ENOMEM. */
HP_CHECK hp_err hp_cap_request_pstats(struct hp_cap_request *request, bool raw, uint8_t **data, size_t *n);
void hp_cap_bytes_free(uint8_t *data);

#endif
