/* record.h -- one request as captured: fixed fields, lanes, edges, spans, statements, waits and the call
 * tree.
 *
 * Why: this is the one thing that flows from the application's thread through the ring and the store to the
 * rules. Its encoding has room for everything that later versions capture: a version byte, then sections of
 * (tag, length, bytes); unknown sections are skipped, absent ones read as absent. Layout:
 * docs/formats/record.md.
 *
 * All ids are relative to one dictionary (dict.h). All times are nanoseconds; t0/t1/start/end are relative to
 * the request's start and monotonic. Absent numbers are HP_ABSENT.
 */
#ifndef HP_RECORD_H
#define HP_RECORD_H

#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/notes.h"
#include "model/tree.h"

#define HP_ABSENT UINT64_MAX

enum hp_level { HP_LEVEL_COUNT = 0, HP_LEVEL_MONITOR = 1, HP_LEVEL_SAMPLE = 2, HP_LEVEL_TRACE = 3 };
enum hp_kind { HP_KIND_REQUEST = 0, HP_KIND_CLI = 1, HP_KIND_TEST = 2 };
enum hp_reason {
    HP_REASON_ASKED = 0,
    HP_REASON_BUDGET = 1,
    HP_REASON_NO_TOOL_ID = 2,
    HP_REASON_ROUTE = 3,
    HP_REASON_UNSUPPORTED = 4
};

enum hp_request_flags {
    HP_REQ_STREAMED = 1,
    HP_REQ_ABORTED = 2,     /* closed by the client before the last byte */
    HP_REQ_HANDED_OVER = 4, /* the body went to the server unwrapped: the end is the call's return */
    HP_REQ_TRUNCATED = 8,   /* some cap was hit: see dropped_* */
    HP_REQ_EXCEPTION = 16,
    HP_REQ_FLIGHT =
        64, /* below level trace, with the tree of the flight recorder: own code and its direct callees */
    HP_REQ_SHARED_CPU = 32,   /* other greenlets ran on the thread: cpu_ns is absent */
    HP_REQ_SAMPLED = 128,     /* its tree is of samples: no calls, times are estimates */
    HP_REQ_SAMPLED_CPU = 256, /* of processor time */
    HP_REQ_SAMPLED_GIL = 512, /* of time that the GIL was held */
    HP_REQ_LOWERED = 1024,    /* recorded at a lower level than asked, for the budget */
    HP_REQ_NEW_THREAD = 2048, /* the first of its thread, which may hold objects of its own until it ends */
    HP_REQ_ENCODED = 4096     /* the body went out compressed: bytes_out says little of what it holds */
};

enum hp_wait_kind { /* CONTRACTS "Waits"; stored: only add */
                    HP_WAIT_DNS = 0,
                    HP_WAIT_CONNECT,
                    HP_WAIT_TLS, /* handshakes; reading and writing through TLS is recv and send */
                    HP_WAIT_SEND,
                    HP_WAIT_RECV,
                    HP_WAIT_POLL,
                    HP_WAIT_SLEEP,
                    HP_WAIT_LOCK,
                    HP_WAIT_GIL,
                    HP_WAIT_DISK,
                    HP_WAIT_DB,
                    HP_WAIT_SUBPROCESS,
                    HP_WAIT_QUEUE,
                    HP_WAIT_AWAIT,
                    HP_WAIT_LOOP,
                    HP_WAIT_KINDS
};
/* "dns"; "unknown" for what a newer version wrote. */
const char *hp_record_wait_name(uint8_t kind);

enum hp_phase {                     /* wall split exactly: the sum of all is wall_ns */
                HP_PHASE_OUTER = 0, /* middleware around wsgi_app, and Flask before before_request */
                HP_PHASE_BEFORE,
                HP_PHASE_VIEW,
                HP_PHASE_TEMPLATE,
                HP_PHASE_AFTER,
                HP_PHASE_TEARDOWN,
                HP_PHASE_BODY,
                HP_PHASE_COUNT
};

struct hp_request {
    uint64_t id;  /* 16 hex digits outside */
    uint64_t seq; /* per process, from 1 */
    uint64_t start_wall_ns;
    uint64_t wall_ns; /* as measured */
    uint64_t own_ns;  /* our own part of it (estimated from calibration); duration shown = wall_ns - own_ns */
    uint64_t cpu_ns, first_byte_ns, queue_ns, gil_ns, runqueue_ns, gc_ns; /* HP_ABSENT if not recorded */
    uint64_t bytes_in, bytes_out, alloc_bytes, alloc_blocks;              /* likewise */
    int64_t kept_blocks;       /* blocks requested and not freed by its end; known if alloc_blocks is */
    uint64_t rss_growth_bytes; /* by which the process's peak rose meanwhile; HP_ABSENT if not recorded (under
                                  1 ms, little memory asked for) */
    uint64_t phase_ns[HP_PHASE_COUNT];        /* phase_ns[0] == HP_ABSENT: none recorded */
    uint64_t exception_group;                 /* hash of type and raising place; 0 none */
    uint64_t trace_id[2], parent_span;        /* W3C traceparent; 0 none */
    uint32_t route, revision, exception_type; /* route id; string ids */
    uint32_t view_sym;                        /* the view function, 0 unknown */
    uint32_t flags;
    uint32_t weight;  /* stands for this many requests */
    uint32_t process; /* its number in the store, set by who reads from there; 0: not known */
    uint32_t dropped_nodes, dropped_stmts, dropped_lanes;
    uint32_t dropped_notes[HP_NOTE_COUNT];
    uint32_t call_inner_ps,
        call_outer_ps; /* calibrated cost of one traced call, picoseconds, for hp_tree_calibrate */
    uint16_t status;
    uint8_t kind, level_asked, level, level_reason;
};

enum hp_lane_kind {
    HP_LANE_MAIN = 0,
    HP_LANE_THREAD = 1,
    HP_LANE_POOL = 2 /* item of an executor */,
    HP_LANE_GREENLET = 3,
    HP_LANE_TASK = 4
};
enum hp_lane_flags {
    HP_LANE_OPEN = 1 /* still ran when the request ended */,
    HP_LANE_NEW_EXECUTOR = 2 /* pool thread started by this request */
};

struct hp_lane { /* lane 0 is the request's own; parents come before children */
    uint64_t start_ns, end_ns, cpu_ns /* or HP_ABSENT */, await_ns;
    uint64_t spawn_ns;                     /* when the parent started or submitted it */
    uint64_t spawn_cost_ns;                /* time the parent spent in start()/submit() */
    uint32_t parent, parent_node;          /* node of the tree below which it hangs */
    uint32_t site_sym, site_line, via_sym; /* application place that started it */
    uint8_t kind, flags;
    uint64_t runqueue_ns;  /* ready, but no CPU was free; HP_ABSENT if not recorded */
    uint64_t wait_busy_ns; /* of CPU and run queue: inside the calls that are its waits (part of it
                              estimated); HP_ABSENT */
    uint32_t lost_spans;   /* waits that are in the totals only, or nowhere */
};

enum hp_edge_kind {
    HP_EDGE_SPAWN = 0,
    HP_EDGE_JOIN = 1,
    HP_EDGE_WAKE = 2,
    HP_EDGE_SUBMIT = 3,
    HP_EDGE_RESULT = 4
};

struct hp_edge { /* JOIN, RESULT: `lane` waited from t0 to t1 for `other`. WAKE: waited, `other` (or
                    HP_NODE_NONE) notified. */
    uint64_t t0_ns, t1_ns;
    uint32_t lane, other, node;
    uint32_t site_sym, site_line;
    uint8_t kind;
};

struct hp_span { /* one wait, in order per lane; the first HP_SPAN_CAP of a request. A task's await in an
                    outgoing call stands beside the brief waits in it */
    uint64_t t0_ns, t1_ns, bytes;
    uint32_t lane, node, peer /* string id */;
    uint32_t group; /* the outgoing call that it is part of; 0: none */
    uint32_t error;
    uint32_t holder;  /* 1 + index of who had the lock for most of it; 0: not known, or no lock */
    uint8_t kind;     /* enum hp_wait_kind */
    uint8_t protocol; /* of the group: enum hp_protocol */
    uint32_t site_sym, site_line, via_sym; /* application place that waits; sym 0: none on the stack */
};
#define HP_SPAN_CAP 4000u

enum hp_protocol {
    HP_PROTOCOL_UNKNOWN = 0,
    HP_PROTOCOL_HTTP = 1,
    HP_PROTOCOL_REDIS = 2,
    HP_PROTOCOL_POSTGRESQL = 3,
    HP_PROTOCOL_MYSQL = 4
};

struct hp_record;
/* The part of its outgoing call that a span is: its kind, of an await the kind of what it waited for. Linear
 * in the spans for an await. */
uint8_t hp_record_call_kind(const struct hp_record *record, uint32_t span);

struct hp_wait { /* totals per (lane, node, kind, peer, place); always complete per (lane, kind) */
    uint64_t count, ns, bytes;
    uint32_t node, peer;
    uint8_t kind;
    uint32_t lane;
    uint32_t site_sym, site_line, via_sym;
    uint64_t max_ns;
};
#define HP_WAIT_CAP 5000u

struct hp_holder {    /* who had a lock that a lane waited for: totals per (lane, kind, who, place) */
    uint64_t request; /* id of the request that it worked for, maybe this one; 0: none */
    uint64_t count, ns;
    uint32_t lane;          /* that waited */
    uint32_t route, thread; /* of that request, or the thread's name (string id); 0: not known */
    uint32_t site_sym, site_line, via_sym; /* application place at which it gave the lock up */
    uint8_t kind;                          /* HP_WAIT_GIL, HP_WAIT_LOCK */
};
#define HP_HOLDER_CAP 256u

enum hp_stmt_flags {
    HP_STMT_ERROR = 1,
    HP_STMT_MANY = 2,
    HP_STMT_IN_TX = 4,
    HP_STMT_ORM = 8,
    HP_STMT_EACH = 16 /* an executemany whose driver is known to send each row by itself */
};

struct hp_stmt { /* one execution, in order of t0; at most HP_STMT_CAP a request, then only its group
                    counts */
    uint64_t t0_ns, exec_ns, fetch_ns;
    uint64_t rows;       /* HP_ABSENT unknown */
    uint64_t param_hash; /* keyed; 0 = not comparable */
    uint32_t statement, lane, node, conn;
    uint32_t site_sym, site_line; /* application function and line to edit; sym 0: none on the stack */
    uint32_t via_sym;             /* extension or decorator in between, 0 none */
    uint32_t many_count, in_count;
    uint8_t flags;
};
#define HP_STMT_CAP 1000u

enum hp_db_step_kind { HP_DB_POOL = 0, HP_DB_CONNECT, HP_DB_PING, HP_DB_COMMIT, HP_DB_ROLLBACK, HP_DB_STEPS };

struct hp_step { /* what a database connection took beside its statements */
    uint64_t t0_ns;
    uint64_t ns; /* without the steps inside of it */
    uint32_t lane;
    uint32_t conn; /* as in hp_stmt; 0: not known, or none came about */
    uint32_t site_sym, site_line, via_sym;
    uint8_t kind; /* enum hp_db_step_kind */
};
#define HP_STEP_CAP 1000u

struct hp_group { /* executions of one statement from one place: always complete */
    uint64_t count, exec_ns, fetch_ns, max_ns, rows, errors;
    uint32_t statement, site_sym, site_line, via_sym;
};
#define HP_GROUP_CAP 512u

struct hp_record {
    struct hp_request req;
    struct hp_lane *lanes;
    struct hp_edge *edges;
    struct hp_span *spans;
    struct hp_wait *waits;
    struct hp_holder *holders;
    struct hp_stmt *stmts;
    struct hp_group *groups;
    struct hp_step *steps;
    struct hp_notes notes;
    uint32_t lane_count, edge_count, span_count, wait_count, holder_count, stmt_count, group_count,
        step_count;
    struct hp_str shape, values; /* encoded tree (tree.h); empty: none. While a record is being decoded they
                                    point into the input. */
};

/* Append the encoding of `record` (with its length in front) to `out`. Hot: no allocation if `out` has room
 * for it and 160 bytes more. HP_EFULL if it does not fit, HP_ENOMEM; `out` then ends where it did, its error
 * sticks. phase_ns is written if phase_ns[0] is not HP_ABSENT. */
HP_CHECK hp_err hp_record_encode(const struct hp_record *record, struct hp_buf *out);

/* Bytes that a request asked for and had not given back at its end: its blocks times its mean block. False:
 * not recorded. */
bool hp_record_kept_bytes(const struct hp_request *req, double *bytes);

/* Only the parts that a store keeps beside its columns: lanes … groups, and all of `req` but id, seq,
 * start_wall_ns, wall_ns, own_ns, cpu_ns, bytes_out, route, revision, exception_type, flags, weight, status
 * and level. No tree. Same section layout. */
HP_CHECK hp_err hp_record_encode_detail(const struct hp_record *record, struct hp_buf *out);

/* Decode; arrays come from `arena`, shape/values are spans into the input. Untrusted input: HP_EFORMAT,
 * HP_EVERSION, HP_ENOMEM; `record` is then zeroed. _detail fills only what hp_record_encode_detail writes and
 * leaves `req`'s other fields as they are; after a failure `req` is as before and the rest zeroed. Decoded
 * indices of lanes are safe to use: a parent comes before its child, `lane` is in range (or 0 when there are
 * no lanes), `other` in range or HP_NODE_NONE, `holder` in range or 0. Indices of nodes are not checked
 * against the tree. */
HP_CHECK hp_err hp_record_decode(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record);
HP_CHECK hp_err hp_record_decode_detail(struct hp_reader *in, struct hp_arena *arena,
                                        struct hp_record *record);

/* Replace every id by what the maps say (each is called with a non-zero id; returning 0 loses the name only;
 * a NULL map keeps them). The tree's symbols are mapped when it is decoded, not here. */
struct hp_id_maps {
    void *ctx;
    uint32_t (*symbol)(void *ctx, uint32_t id);
    uint32_t (*statement)(void *ctx, uint32_t id);
    uint32_t (*route)(void *ctx, uint32_t id);
    uint32_t (*string)(void *ctx, uint32_t id);
};
void hp_record_map(struct hp_record *record, const struct hp_id_maps *maps);

#endif
