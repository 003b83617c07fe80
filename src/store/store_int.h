/* store_int.h -- what store.c, the questions and the back ends share; private to src/store.
 *
 * A back end embeds `struct hp_store` as its first member and fills a table of operations. It stores, and
 * answers small questions: rows in a stretch of time, the detail of one row, rollups of whole minutes. What
 * is worked out of these (routes, samples, merged trees) is in routes.c, pick.c and merge.c, once for all
 * back ends.
 */
#ifndef HP_STORE_INT_H
#define HP_STORE_INT_H

#include "model/caps.h"
#include "store/scan.h"
#include "store/store.h"

#define HP_MINUTE_NS          UINT64_C(60000000000)
#define HP_ROLLUP_KEEP_NS     (UINT64_C(400) * 86400 * 1000000000)
#define HP_STORE_MAX_BYTES    (UINT64_C(1) << 30)
#define HP_STORE_MAX_AGE_NS   (UINT64_C(30) * 86400 * 1000000000)
#define HP_STORE_BUSY_MS      2000u
#define HP_STORE_RECORD_BYTES ((size_t)64 << 20) /* cap of one record's memory while it is translated */

/* What tells whether rows read earlier still stand: rows only get appended while `generation` is the same. */
struct hp__stamp {
    uint64_t generation; /* counts evictions of rows */
    uint64_t last_row;
    uint64_t detail_from;    /* rows below have lost their detail */
    uint64_t detail_from_ns; /* and so has what started before */
};

/* Where the rows lie that start in a range of time: a bound, as they are known by the thousand. */
struct hp__extent {
    uint64_t first_row, last_row; /* numbers; no rows: last_row is 0 */
    uint64_t rows;                /* there are at most so many */
    uint64_t first_ns;            /* none that is left starts before */
};

struct hp__rollup { /* one rollup row; texts are borrowed for the call */
    uint64_t id, minute, requests, errors, total_ns, cpu_ns, cpu_requests, own_ns, statements, covered;
    uint32_t route, revision; /* of the handle's dictionary */
    uint8_t level;
    struct hp_str sketch;                          /* encoded; empty: none yet */
    const struct hp_statement_row *statement_rows; /* route left 0 */
    size_t statement_row_count;
};
/* Return anything but HP_OK to stop; it becomes the result. */
typedef hp_err (*hp__rollup_fn)(void *ctx, const struct hp__rollup *rollup);

/* Tree of one shape in a rollup: spans relative to the handle's dictionary, borrowed for the call. */
struct hp__rollup_tree {
    uint64_t requests;
    uint32_t inner_ps, outer_ps;
    struct hp_str shape, values;
};
typedef hp_err (*hp__rollup_tree_fn)(void *ctx, const struct hp__rollup_tree *tree);

struct hp__losses {
    uint64_t sampled_out, dropped_ring, dropped_tree, dropped_store, dropped_memory, lost, errors, waits,
        wait_ns;
    uint64_t evicted_requests, evicted_detail;
};

/* Every operation gets the handle and fails as store.h says. Optional ones (NULL) are marked. */
struct hp_store_ops {
    hp_err (*close)(struct hp_store *store);
    hp_err (*begin)(struct hp_store *store, struct hp_errinfo *info);
    hp_err (*put_process)(struct hp_store *store, const struct hp_process *process, struct hp_errinfo *info);
    hp_err (*put)(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                  struct hp_errinfo *info);
    hp_err (*put_source)(struct hp_store *store, struct hp_str file, struct hp_str text,
                         struct hp_errinfo *info);
    hp_err (*put_sampled)(struct hp_store *store, const struct hp_sampled_row *row,
                          const struct hp_dict *dict, struct hp_errinfo *info);
    hp_err (*put_gauge)(struct hp_store *store, const struct hp_gauge *gauge, struct hp_errinfo *info);
    hp_err (*commit)(struct hp_store *store, struct hp_errinfo *info);
    void (*rollback)(struct hp_store *store);
    hp_err (*tidy)(struct hp_store *store, struct hp_errinfo *info);
    hp_err (*put_lost)(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid, uint64_t start_ns,
                       uint64_t lost, struct hp_errinfo *info);

    hp_err (*label_begin)(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                          struct hp_errinfo *info);
    hp_err (*label_end)(struct hp_store *store, struct hp_str name, uint64_t to_ns, struct hp_errinfo *info);
    /* The stretch of exactly this name, 0 the newest; `label->name` is left alone. */
    hp_err (*label)(struct hp_store *store, struct hp_str name, uint32_t nth, struct hp_label *label,
                    struct hp_errinfo *info);
    hp_err (*labels)(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                     struct hp_errinfo *info);
    hp_err (*get_finding)(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                          struct hp_errinfo *info);
    hp_err (*findings)(struct hp_store *store, hp_finding_fn fn, void *ctx, struct hp_errinfo *info);
    hp_err (*set_finding)(struct hp_store *store, const struct hp_finding_state *state,
                          struct hp_errinfo *info);
    hp_err (*get_setting)(struct hp_store *store, struct hp_str key, struct hp_str *value,
                          struct hp_errinfo *info);
    hp_err (*set_setting)(struct hp_store *store, struct hp_str key, struct hp_str value,
                          struct hp_errinfo *info);
    hp_err (*get_plan)(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                       struct hp_errinfo *info);
    hp_err (*set_plan)(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                       struct hp_errinfo *info);

    /* Reading. One snapshot lasts from read_begin to read_end; both are called by store.c around each
     * question. */
    hp_err (*read_begin)(struct hp_store *store, struct hp_errinfo *info);
    void (*read_end)(struct hp_store *store);
    hp_err (*stamp)(struct hp_store *store, struct hp__stamp *out, struct hp_errinfo *info);
    hp_err (*extent)(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp__extent *out,
                     struct hp_errinfo *info);
    /* Rows that start in [from, to), whose number is above `after` and in the selection `mask`
     * (hp__scan_keeps; others cost nothing), ascending by number. */
    hp_err (*scan)(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, uint64_t after, uint32_t mask,
                   hp_narrow_fn fn, void *ctx, struct hp_errinfo *info);
    /* Of the rows from `first` to `last` those of the route and revision of `like`. Optional: without it they
     * are picked from all. */
    hp_err (*alike)(struct hp_store *store, uint64_t like, uint64_t first, uint64_t last, hp_narrow_fn fn,
                    void *ctx, struct hp_errinfo *info);
    hp_err (*find)(struct hp_store *store, uint64_t request_id, uint64_t *row, struct hp_errinfo *info);
    /* The columns of a row; and its record with all detail that is left, memory from `arena`. */
    hp_err (*request)(struct hp_store *store, uint64_t row, struct hp_request_row *out,
                      struct hp_errinfo *info);
    hp_err (*record)(struct hp_store *store, uint64_t row, struct hp_arena *arena, struct hp_record *record,
                     struct hp_errinfo *info);
    hp_err (*losses)(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp_str revision,
                     struct hp__losses *out, struct hp_errinfo *info);
    hp_err (*sampled)(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_sampled_fn fn, void *ctx,
                      struct hp_errinfo *info);
    hp_err (*gauges)(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_gauge_fn fn, void *ctx,
                     struct hp_errinfo *info);
    hp_err (*unseen)(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_unseen_fn fn, void *ctx,
                     struct hp_errinfo *info);
    /* Minutes in [from, to), in units of one minute; `parts`: with sketch and statements. Optional: without
     * it everything comes from rows. */
    hp_err (*rollups)(struct hp_store *store, uint64_t from_minute, uint64_t to_minute, bool parts,
                      hp__rollup_fn fn, void *ctx, struct hp_errinfo *info);
    hp_err (*rollup_trees)(struct hp_store *store, uint64_t rollup, hp__rollup_tree_fn fn, void *ctx,
                           struct hp_errinfo *info);
    void (*deadline)(struct hp_store *store, uint64_t mono_ns); /* optional */
    /* Text of `file` as the newest of the wanted processes had it; empty if none. Borrowed until the next
     * call. */
    hp_err (*source)(struct hp_store *store, struct hp_str file, bool (*wanted)(void *ctx, uint32_t process),
                     void *ctx, struct hp_str *text, struct hp_errinfo *info);
};

enum hp__kept { HP_KEPT_LABEL, HP_KEPT_FINDING, HP_KEPT_VALUE, HP_KEPT_PLAN, HP_KEPT_COUNT };

struct hp_store {
    const struct hp_store_ops *ops;
    struct hp_dict *dict;            /* owned: of what was read */
    struct hp__scan scans[HP_SCANS]; /* rows read lately, of two ranges */
    struct hp__scan *scan;           /* the ones of the question at hand; into `scans` */
    char *kept[HP_KEPT_COUNT];       /* owned: texts handed out last */
    unsigned depth;                  /* questions within each other's callbacks share a snapshot */
    bool writing;                    /* between begin and commit */
    bool may_write;
    struct hp_caps given,
        caps; /* as opened; in force: a setting may be lower. `caps` is set by the back end first */
    struct hp_caps told; /* as other handles were told */
};

/* Open a back end. On success `*store` has `ops`; store.c adds the rest. */
HP_CHECK hp_err hp__memory_open(const struct hp_store_config *config, struct hp_store **store);
HP_CHECK hp_err hp__sqlite_open(const struct hp_store_config *config, struct hp_store **store,
                                struct hp_errinfo *info);

/* Test hook: let the database file have at most so many pages (0: no limit), as on a full disk. */
void hp__sqlite_limit_pages(struct hp_store *store, uint32_t pages);
/* Test hook: steps that SQLite's virtual machine has taken for the handle: what a question costs, whatever
 * the machine does. */
uint64_t hp__sqlite_step_count(const struct hp_store *store);

/* Duration shown: wall without our own part. */
static inline uint64_t hp__duration_ns(const struct hp_request *req)
{
    return req->wall_ns > req->own_ns ? req->wall_ns - req->own_ns : 0;
}

/* What the statement groups of a record add up to. */
void hp__record_sql(const struct hp_record *record, uint64_t *statements, uint64_t *sql_ns);

/* Copy `text` into a slot of the handle and hand out the copy; valid until the slot is used again.
 * HP_ENOMEM. */
HP_CHECK hp_err hp__store_keep(struct hp_store *store, enum hp__kept slot, struct hp_str text,
                               struct hp_str *out);

/* Copy a finding's state; its texts go to one block, returned, that the caller owns. NULL: no memory. */
char *hp__finding_copy(const struct hp_finding_state *state, struct hp_finding_state *out);
/* The same into the handle's slot. HP_ENOMEM. */
HP_CHECK hp_err hp__store_keep_finding(struct hp_store *store, const struct hp_finding_state *state,
                                       struct hp_finding_state *out);

/* Start and end a question: one snapshot for it and for what its callbacks ask. HP_ESTATE between begin and
 * commit. */
HP_CHECK hp_err hp__store_ask(struct hp_store *store, struct hp_errinfo *info);
void hp__store_answered(struct hp_store *store);

#endif
