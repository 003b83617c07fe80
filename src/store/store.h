/* store.h -- what every store can do; sqlite.c and memory.c are the back ends, tests/contract/store holds for
 * both.
 *
 * Writing: one writer thread a process calls begin, put…, commit. Records come encoded, relative to the
 * writer's dictionary; the store interns their words once (strings, symbols, statements, routes, revisions,
 * tree shapes) and keeps rollups per (route, minute, revision, level, process) in the same transaction.
 * Reading: any thread with its own handle. Loaded records are relative to a dictionary that belongs to the
 * handle. Failures come as hp_err with one line in hp_errinfo; nothing here prints. Lost and dropped counts
 * are kept per process.
 */
#ifndef HP_STORE_H
#define HP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/record.h"
#include "model/sketch.h"
#include "model/tree.h"

struct hp_store; /* opaque */

enum hp_store_mode { HP_STORE_READ, HP_STORE_WRITE /* creates it if missing */ };

struct hp_store_config {
    const char
        *path; /* SQLite file; its folder is made 0700 with a .gitignore, the file 0600. NULL: in memory */
    enum hp_store_mode mode;
    uint64_t max_bytes;  /* 0: 1 GB */
    uint64_t max_age_ns; /* 0: 30 days; raw rows and detail; rollups stay 400 days */
    uint32_t busy_ms;    /* wait for a lock at most so long; 0: 2000 */
};

/* Open. HP_ENOTFOUND (read, no file), HP_EFOREIGN (not ours), HP_EVERSION (newer schema), HP_ECORRUPT,
 * HP_EREADONLY, HP_EPERM, HP_EBUSY, HP_ENOSPC, HP_EUNSUPPORTED (network file system): `info->text` names the
 * file and what to do. Cold start by many processes at once in an empty directory is safe. */
HP_CHECK hp_err hp_store_open(const struct hp_store_config *config, struct hp_store **store,
                              struct hp_errinfo *info);
HP_CHECK hp_err hp_store_close(struct hp_store *store); /* NULL is fine */

/* Around a fork, after our own handles are closed: hold what the back ends' libraries share among all threads
 * of the process, so that the child does not inherit it locked by a thread that is not there. `end` is called
 * on both sides, by the thread that forked. Waits 50 ms at most. `begin` returns how long this fork was kept
 * waiting, with what `waited` was told since the last one; 0: not at all. Threads: one fork at a time;
 * `waited`: any. */
uint64_t hp_store_fork_begin(void);
void hp_store_fork_waited(uint64_t ns);
void hp_store_fork_end(void);

/* ---- writing (owner only) ---- */

struct hp_process { /* who records; one row, updated */
    uint8_t boot_id[16];
    uint32_t pid;
    uint64_t start_ns; /* of the process, wall */
    struct hp_str interpreter, command, revision, host;
    uint64_t started, finished, pushed, stored, sampled_out; /* requests */
    uint64_t dropped_ring, dropped_tree, dropped_store, dropped_memory,
        lost; /* lost: known only after the process is gone */
    uint64_t own_ns, errors;
    uint64_t waits, wait_ns; /* of the application's threads for the store */
    struct hp_str
        unseen; /* waits that cannot be seen, as text; empty: all can. At most HP_UNSEEN_BYTES are kept */
};
#define HP_UNSEEN_BYTES 512u

HP_CHECK hp_err hp_store_begin(struct hp_store *store, struct hp_errinfo *info);
/* Register the writing process (once, then again to update its counters). */
HP_CHECK hp_err hp_store_put_process(struct hp_store *store, const struct hp_process *process,
                                     struct hp_errinfo *info);
/* One record relative to `dict` (always the same dictionary for one store handle). Decodes only what it
 * must. */
HP_CHECK hp_err hp_store_put(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                             struct hp_errinfo *info);
/* The text of an application source file, as it is now; interned by content hash, tied to the process. */
HP_CHECK hp_err hp_store_put_source(struct hp_store *store, struct hp_str file, struct hp_str text,
                                    struct hp_errinfo *info);

struct hp_gauge {                               /* what a process used at a moment */
    uint32_t pid;                               /* filled when read: whose it is */
    uint64_t start_ns;                          /* of the process, likewise: another start is a restart */
    uint64_t at_ns;                             /* wall */
    uint64_t rss_bytes, peak_rss_bytes, cpu_ns; /* of the whole process since its start */
    uint32_t threads, fds;
};
/* Of the writing process (put_process comes first); the last one of a minute stays, for as long as rollups
 * do. */
HP_CHECK hp_err hp_store_put_gauge(struct hp_store *store, const struct hp_gauge *gauge,
                                   struct hp_errinfo *info);

struct hp_sampled_row {                           /* a stretch of a process's sampler */
    uint32_t pid;                                 /* filled when read: whose it is */
    uint64_t from_ns, to_ns;                      /* wall */
    uint64_t sweeps, samples, torn, late, cpu_ns; /* of the sampler as a whole meanwhile */
    uint32_t rate_hz;                             /* asked */
    uint8_t mode;                                 /* 0 wall, 1 processor, 2 GIL */
    struct hp_str shape, values;                  /* tree of what belongs to no request */
};
/* Of the writing process (put_process comes first); symbols relative to `dict`, as hp_store_put. Stays as
 * long as rows do. */
HP_CHECK hp_err hp_store_put_sampled(struct hp_store *store, const struct hp_sampled_row *row,
                                     const struct hp_dict *dict, struct hp_errinfo *info);
/* On failure everything since begin is undone, and the records are the caller's to count as dropped. */
HP_CHECK hp_err hp_store_commit(struct hp_store *store, struct hp_errinfo *info);
void hp_store_rollback(struct hp_store *store);
/* Enforce the caps in small steps (≤ ~20 ms), the lower of those it was opened with and of the settings in
 * model/caps.h; call now and then outside begin/commit. */
HP_CHECK hp_err hp_store_tidy(struct hp_store *store, struct hp_errinfo *info);
/* Count what a process that is gone has lost (from its ring file; capture/ring.h reads it). */
HP_CHECK hp_err hp_store_put_lost(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid,
                                  uint64_t start_ns, uint64_t lost, struct hp_errinfo *info);

/* ---- labels ---- */

struct hp_label {
    struct hp_str name;
    uint64_t from_ns, to_ns; /* to 0: still open */
};
HP_CHECK hp_err hp_store_label_begin(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                                     struct hp_errinfo *info);
HP_CHECK hp_err hp_store_label_end(struct hp_store *store, struct hp_str name, uint64_t to_ns,
                                   struct hp_errinfo *info);
/* "before", or an older stretch of the same name as "before~1". HP_ENOTFOUND. `label->name` is borrowed from
 * the handle. */
HP_CHECK hp_err hp_store_label(struct hp_store *store, struct hp_str name, struct hp_label *label,
                               struct hp_errinfo *info);

/* The newest stretches, newest first, at most `most`; names are borrowed for the call. */
typedef bool (*hp_label_fn)(void *ctx, const struct hp_label *label);
HP_CHECK hp_err hp_store_labels(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                                struct hp_errinfo *info);

/* ---- reading ---- */

struct hp_scope {            /* all fields optional: zero is everything */
    uint64_t from_ns, to_ns; /* start_wall_ns in [from, to); to 0: open */
    struct hp_str revision;  /* exact text */
    struct hp_str route;     /* "GET /x", rule alone, or endpoint */
    bool newest_revision;    /* only the revision of the newest request */
    bool sampled;    /* hp_store_merged: the trees of samples, else the exact ones; they are never added up */
    bool calibrated; /* hp_store_merged: take the tracer's own cost out, process by process */
    uint64_t min_ns, max_ns; /* duration (wall − own) in [min, max); max 0: open */
    uint8_t levels;          /* bits 1 << enum hp_level; 0: all */
};

/* requests = recorded + sampled_out + dropped + lost; recorded: rows in scope; dropped: ring, store and
 * memory (dropped_tree lost only their tree). errors: failures of ours inside hooks, which cost a request no
 * more than a fact. waits, wait_ns: how often and how long a thread of the application waited for the store.
 * What was not recorded is known by the minute and, as routes are not known of it, counts for every route.
 * own_ns: sum over the rows. evicted_*: of the whole store, what the caps have taken (rows, and details of
 * rows that are still there). */
struct hp_complete {
    uint64_t requests, recorded, sampled_out, dropped, lost, dropped_ring, dropped_tree, dropped_store,
        dropped_memory, errors, waits, wait_ns;
    uint64_t evicted_requests, evicted_detail;
    uint64_t each; /* recorded and own_ns, and sums by route likewise, are estimated from one of so many rows;
                      1: they are exact */
    double own_ns;
};

struct hp_route_row {
    uint32_t route; /* id in hp_store_dict() */
    uint64_t requests, errors, total_ns /* durations: wall − own */, cpu_ns /* HP_ABSENT */, statements,
        own_ns;
    uint64_t p50_ns, p90_ns, p95_ns, p99_ns;
};

struct hp_request_row {
    uint64_t row;
    struct hp_request req;
    uint64_t statements, sql_ns;
};

/* What is known of a request without reading its row: what selections and sums are made of. */
struct hp_narrow_row {
    uint64_t row, start_ns, duration_ns, cpu_ns /* or HP_ABSENT */, own_ns, sql_ns;
    uint32_t route, revision; /* ids in hp_store_dict() */
    uint32_t process;         /* number of the process in the store */
    uint32_t statements, flags;
    uint16_t status;
    uint8_t level;
    bool detailed; /* has a detail of its own */
};
/* Return false to stop early. */
typedef bool (*hp_narrow_fn)(void *ctx, const struct hp_narrow_row *row);

/* Whether a request counts as an error. */
static inline bool hp_store_failed(uint32_t status, uint32_t flags)
{
    return status >= 500 || (flags & HP_REQ_EXCEPTION) != 0;
}

/* Let no question take longer than until this moment of CLOCK_MONOTONIC; 0: no limit. Such a one fails with
 * HP_ETIMEOUT. */
void hp_store_deadline(struct hp_store *store, uint64_t mono_ns);

/* The words of everything this handle returned; grows as rows are read. Borrowed. */
const struct hp_dict *hp_store_dict(const struct hp_store *store);
/* Revision text of the newest request in scope (empty if none). */
HP_CHECK hp_err hp_store_newest_revision(struct hp_store *store, const struct hp_scope *scope,
                                         struct hp_str *revision, struct hp_errinfo *info);

/* This and the routes are exact up to as many requests as a handle keeps in memory. Of more they come from
 * rollups: quantiles within 1 %, all else exact. Of a brush (durations, levels), and of very many rollups,
 * they are estimated from an even selection. */
HP_CHECK hp_err hp_store_complete(struct hp_store *store, const struct hp_scope *scope,
                                  struct hp_complete *out, struct hp_errinfo *info);

/* Rows go to a callback; it returns false to stop early. */
typedef bool (*hp_route_fn)(void *ctx, const struct hp_route_row *row);
HP_CHECK hp_err hp_store_routes(struct hp_store *store, const struct hp_scope *scope, hp_route_fn fn,
                                void *ctx, struct hp_errinfo *info);

enum hp_request_sort { HP_SORT_NEWEST, HP_SORT_SLOWEST };
typedef bool (*hp_request_fn)(void *ctx, const struct hp_request_row *row);
HP_CHECK hp_err hp_store_requests(struct hp_store *store, const struct hp_scope *scope,
                                  enum hp_request_sort sort, uint32_t limit, hp_request_fn fn, void *ctx,
                                  struct hp_errinfo *info);

/* Every request in scope, in the order in which they were stored. `fn` must not ask the store: remember the
 * numbers of rows. */
HP_CHECK hp_err hp_store_rows(struct hp_store *store, const struct hp_scope *scope, hp_narrow_fn fn,
                              void *ctx, struct hp_errinfo *info);
/* The same where an even selection will do: of a range with more requests than a handle keeps in memory only
 * those that it keeps. `*each`: for how many requests each stands; 1: all are there. */
HP_CHECK hp_err hp_store_some_rows(struct hp_store *store, const struct hp_scope *scope, hp_narrow_fn fn,
                                   void *ctx, uint64_t *each, struct hp_errinfo *info);
/* Those in scope among the newest `most` numbers of its range, in the order in which they were stored; of a
 * range that memory holds all. */
HP_CHECK hp_err hp_store_newest_rows(struct hp_store *store, const struct hp_scope *scope, uint64_t most,
                                     hp_narrow_fn fn, void *ctx, struct hp_errinfo *info);
/* The requests of the route and revision of `row`, itself among them, in the order in which they were stored:
 * of a store that memory holds as a whole all, else those whose numbers are at most `most` from it, and no
 * other is read. `*among`: of how many requests of any route these are; 0: of all. HP_ENOTFOUND: `row` is
 * evicted. */
HP_CHECK hp_err hp_store_rows_alike(struct hp_store *store, uint64_t row, uint64_t most, hp_narrow_fn fn,
                                    void *ctx, uint64_t *among, struct hp_errinfo *info);
/* Number of the row that was stored last; grows with every request. */
HP_CHECK hp_err hp_store_last_row(struct hp_store *store, uint64_t *row, struct hp_errinfo *info);
/* The columns of a row by its number; and everything, as hp_store_request. HP_ENOTFOUND: evicted
 * meanwhile. */
HP_CHECK hp_err hp_store_row(struct hp_store *store, uint64_t row, struct hp_request_row *out,
                             struct hp_errinfo *info);
HP_CHECK hp_err hp_store_row_record(struct hp_store *store, uint64_t row, struct hp_arena *arena,
                                    struct hp_record *record, struct hp_errinfo *info);
/* The number of the row that holds a request. HP_ENOTFOUND. */
HP_CHECK hp_err hp_store_find(struct hp_store *store, uint64_t request_id, uint64_t *row,
                              struct hp_errinfo *info);

/* One request with all its detail, by id. Arrays from `arena`; shape/values too, relative to hp_store_dict().
 * HP_ENOTFOUND. */
HP_CHECK hp_err hp_store_request(struct hp_store *store, uint64_t request_id, struct hp_arena *arena,
                                 struct hp_record *record, struct hp_errinfo *info);

/* Up to `most` requests with detail of one route, spread evenly over its durations (always the same ones for
 * the same data), as for rules. */
typedef bool (*hp_record_fn)(void *ctx,
                             const struct hp_record *record); /* borrowed for the call unless from `arena` */
HP_CHECK hp_err hp_store_sample(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                uint32_t most, struct hp_arena *arena, hp_record_fn fn, void *ctx,
                                struct hp_errinfo *info);

/* All requests of a route in scope, those of them that the budget lowered, and the lowest level of these
 * (enum hp_level; HP_LEVEL_TRACE: none). */
struct hp_lowered {
    uint64_t requests, lowered;
    uint8_t level;
};
HP_CHECK hp_err hp_store_lowered(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                 struct hp_lowered *out, struct hp_errinfo *info);

/* Durations (wall − own, ns) and start times of the requests of a route in scope, oldest first; of more than
 * a handle keeps in memory an even selection. For compare. */
typedef bool (*hp_duration_fn)(void *ctx, uint64_t start_wall_ns, uint64_t duration_ns, uint32_t flags,
                               uint16_t status);
HP_CHECK hp_err hp_store_durations(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                   hp_duration_fn fn, void *ctx, struct hp_errinfo *info);

/* The merged tree and statement groups of a scope (route 0: all routes), from rollups where the scope covers
 * whole minutes, else from raw rows. */
HP_CHECK hp_err hp_store_merged(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                struct hp_tree *into, uint64_t *requests, struct hp_errinfo *info);

/* total_ns: execute and fetch; fetch_ns: of it; max_ns: the slowest execution; requests: in which it
 * occurs. */
struct hp_statement_row {
    uint32_t statement, route, site_sym, site_line;
    uint64_t executions, requests, total_ns, fetch_ns, max_ns, rows, errors;
};
typedef bool (*hp_statement_fn)(void *ctx, const struct hp_statement_row *row);
HP_CHECK hp_err hp_store_statements(struct hp_store *store, const struct hp_scope *scope, hp_statement_fn fn,
                                    void *ctx, struct hp_errinfo *info);
/* The same where an estimate will do: what no rollup knows (a brush, the edges of a range) is of at most
 * `portion->most` requests, an even selection of them, each of which counts for as many as it stands for;
 * `max_ns` is of those that were read. */
struct hp_portion {
    uint32_t most; /* in; not 0 */
    uint64_t read,
        of; /* out: requests that were looked into, of how many with statements; equal: the sums are exact */
};
HP_CHECK hp_err hp_store_some_statements(struct hp_store *store, const struct hp_scope *scope,
                                         struct hp_portion *portion, hp_statement_fn fn, void *ctx,
                                         struct hp_errinfo *info);

/* Text of one line (from 1) of a source file as it was when requests in scope ran (newest such). Empty span
 * if not known. Borrowed from the handle. */
HP_CHECK hp_err hp_store_source_line(struct hp_store *store, const struct hp_scope *scope, struct hp_str file,
                                     uint32_t line, struct hp_str *text, struct hp_errinfo *info);

/* The whole file likewise; empty if it was not recorded. */
HP_CHECK hp_err hp_store_source(struct hp_store *store, const struct hp_scope *scope, struct hp_str file,
                                struct hp_str *text, struct hp_errinfo *info);

/* Gauges of all processes taken in [from, to) (to 0: open), oldest first. */
typedef bool (*hp_gauge_fn)(void *ctx, const struct hp_gauge *gauge);
HP_CHECK hp_err hp_store_gauges(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_gauge_fn fn,
                                void *ctx, struct hp_errinfo *info);

/* What the processes that recorded in [from, to) (to 0: open) could not see, in no order; those that saw all
 * are left out. Texts are borrowed for the call. */
struct hp_process_unseen {
    uint32_t pid;
    uint64_t start_ns;
    struct hp_str text;
};
typedef bool (*hp_unseen_fn)(void *ctx, const struct hp_process_unseen *process);
HP_CHECK hp_err hp_store_unseen(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_unseen_fn fn,
                                void *ctx, struct hp_errinfo *info);

/* Stretches of all samplers that begin in [from, to) (to 0: open), oldest first; trees are relative to
 * hp_store_dict. Texts are borrowed for the call. */
typedef bool (*hp_sampled_fn)(void *ctx, const struct hp_sampled_row *row);
HP_CHECK hp_err hp_store_sampled(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_sampled_fn fn,
                                 void *ctx, struct hp_errinfo *info);

/* ---- finding states and settings ---- */

enum hp_state { HP_STATE_NEW, HP_STATE_OPEN, HP_STATE_FIXED, HP_STATE_RETURNED };
struct hp_finding_state {
    uint64_t id;
    uint8_t state; /* enum hp_state */
    bool muted;
    uint64_t first_ns, last_ns; /* seen, wall */
    struct hp_str reason;       /* why it is muted */
    struct hp_str kind, route, file, function,
        title; /* as last seen; empty where an older version wrote it */
    uint32_t line;
    bool has_measured;
    uint64_t predicted_ns;                /* a request, as last seen */
    uint64_t fixed_ns;                    /* when a comparison found it fixed; 0: never */
    int64_t measured_ns, low_ns, high_ns; /* saved a request, with its 95 % interval */
};
/* The texts above, for whoever copies them. */
#define HP_FINDING_TEXTS 6
void hp_finding_texts(struct hp_finding_state *state, struct hp_str *texts[HP_FINDING_TEXTS]);

HP_CHECK hp_err hp_store_get_finding(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                                     struct hp_errinfo *info); /* HP_ENOTFOUND */
/* All that were ever kept, last seen first; texts are borrowed for the call. */
typedef bool (*hp_finding_fn)(void *ctx, const struct hp_finding_state *state);
HP_CHECK hp_err hp_store_findings(struct hp_store *store, hp_finding_fn fn, void *ctx,
                                  struct hp_errinfo *info);
HP_CHECK hp_err hp_store_set_finding(struct hp_store *store, const struct hp_finding_state *state,
                                     struct hp_errinfo *info);
HP_CHECK hp_err hp_store_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                                     struct hp_errinfo *info);
HP_CHECK hp_err hp_store_set_setting(struct hp_store *store, struct hp_str key, struct hp_str value,
                                     struct hp_errinfo *info);

/* ---- execution plans (find/plan.h): the newest one of a statement ---- */

/* What plans of a statement are kept under: the same in every process, for MySQL and MariaDB alike. */
uint64_t hp_store_plan_id(const struct hp_statement *statement);
/* Keep `text`, in place of what was there. */
HP_CHECK hp_err hp_store_set_plan(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                                  struct hp_errinfo *info);
/* `*text` is borrowed until the next plan is asked for. HP_ENOTFOUND. */
HP_CHECK hp_err hp_store_get_plan(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                                  struct hp_errinfo *info);

#endif
