/* find_int.h -- what the rules share: a prepared view of each sampled request, cuts, offers, statement text.
 *
 * A rule asks the views where time went, builds one cut a request (what the fix would take out), and offers
 * the finding. find.c prices and keeps or drops it; only when it is kept does the rule mark the executions,
 * lanes and nodes as taken, so that no later rule explains the same time again and a cause too small to
 * report leaves its parts to the others.
 *
 *     view of one request:   node ──▶ owner (nearest application node above, itself included)
 *                            statement ──▶ entry (the library call the application's line made for it), library time around it
 */
#ifndef HP_FIND_INT_H
#define HP_FIND_INT_H

#include "find/find.h"
#include "find/moved.h"
#include "find/sites.h"

struct hp__facts { /* of every symbol, looked up once */
    const struct hp_dict *dict;
    uint8_t *of; /* [count] enum hp__fact bits */
    uint32_t count;
};
enum hp__fact {
    HP__FACT_APP = 1,
    HP__FACT_FRAMEWORK = 2,
    HP__FACT_COMPREHENSION = 4, /* on 3.11 a code object of its own */
    HP__FACT_WAITING = 8,       /* a library function whose own time is waiting for something outside */
    HP__FACT_TEMPLATE = 16
};
/* Owns: the arena. HP_ENOMEM. */
HP_CHECK hp_err hp__facts_init(struct hp__facts *facts, const struct hp_dict *dict, struct hp_arena *arena);
static inline unsigned hp__facts_of(const struct hp__facts *facts, uint32_t sym)
{
    return sym < facts->count ? facts->of[sym] : 0;
}

/* Whether a function is `whole` or was written inside it: a generator expression reads what the function is
 * for. */
bool hp__facts_part_of(const struct hp_dict *dict, uint32_t inner, uint32_t whole);

enum hp__wait_owner { /* whose time a wait is, so that the rules of waits leave it alone */
                      HP__WAIT_FREE = 0,
                      HP__WAIT_IN_SQL,
                      HP__WAIT_FOR_LANE, /* a join, a result, or the start of a thread */
                      HP__WAIT_SERVER    /* the body of the request itself, or its answer */
};
enum hp__wait_in_task { /* kinds of items beside enum hp_wait_kind: a task keeps its loop from others that
                           could run */
                        HP__WAIT_THREAD = 30, /* it waits for a thread: a join, a result */
                        HP__WAIT_QUERY        /* it is in a driver that does not await; `statement` is it */
};
#define HP__WAITS_IN_TASK (1u << HP__WAIT_THREAD | 1u << HP__WAIT_QUERY)
struct hp__wait_item {   /* one wait: a recorded span, or all that the totals of one key have beyond the
                            spans */
    struct hp_span span; /* its place is the lane's where no application code waits in the lane itself */
    uint64_t ns, count;  /* with what the cap on spans lost */
    uint32_t call;       /* 1 + index of its outgoing call; 0: none */
    uint32_t statement;  /* 1 + index of the execution that it lies in; 0: none */
    uint32_t other;      /* the lane that it waits for; HP_NODE_NONE: none, or not known */
    uint8_t owner, is_rest /* without a time of its own */, taken,
        of_database; /* with a server that runs this application's statements, beside them: a commit, a
                        login */
};
struct hp__call { /* an outgoing call: joined waits (span.group), and for databases what logs in */
    uint64_t t0_ns, t1_ns;
    uint64_t setup0_ns,
        setup1_ns;      /* from look-up or connect to the last handshake; equal: a kept connection */
    uint64_t setup_ns;  /* that stretch, or with a tree the library call around it if that is longer */
    uint64_t client_ns; /* with a tree: making and closing the client that opened it (client.c) */
    uint64_t dns_ns, connect_ns, tls_ns, login_ns, sent_bytes, received_bytes, reads;
    uint64_t read1_ns, more_ns;      /* the end of its first read, 0: none; waits of the reads after it */
    uint32_t lane, node, peer, name; /* name: what was looked up; strings, 0 unknown */
    uint32_t site_sym, site_line, via_sym, first_item, last_item;
    uint32_t loop_sym,
        loop_line; /* with a tree: where one call becomes many, if that is further up; else the site */
    uint8_t protocol;
    bool failed;  /* no connection came of it */
    bool awaits;  /* a task's: what other lanes do for it, this one awaits */
    bool db;      /* to a server that runs this application's statements */
    bool answers; /* something was sent and something came back */
};

struct hp__view {
    const struct hp__facts *facts;
    const struct hp_sample *sample;
    uint32_t *owner;     /* [tree->count] node, HP_NODE_NONE: framework, or no application node above; NULL
                            without a tree */
    uint8_t *app;        /* [tree->count] the node is application code */
    uint8_t *node_taken; /* [tree->count] time that is explained already: under a statement's entry, a spawn
                            or a join */
    uint8_t
        *beside; /* [tree->count] below a lane that is not on the spine: on the critical path only at times */
    uint8_t *inside;   /* [tree->count] scratch of hp__bound_take and hp__build_of */
    uint32_t view_sym; /* the view function below its decorators and the framework's classes; 0: none known */
    uint32_t spine;    /* the last lane that the main lane goes on in, 0: itself (spine.c) */
    bool first;        /* hp__case_first */
    bool gc_taken;     /* collections are explained, also those that are too short for nodes of their own */
    uint32_t *entry;   /* [stmt_count] node, HP_NODE_NONE unknown */
    uint32_t *runner; /* [tree->count] the entry whose statements this call of the same line makes; 0: none */
    uint64_t *around_ns; /* [stmt_count] library time around one execution, beside exec and fetch */
    uint8_t *stmt_taken; /* [stmt_count] */
    uint64_t *aside_ns;  /* [stmt_count] of exec: waiting for the GIL, or in log handlers, which is not the
                            database's */
    bool *lane_taken;    /* [lane_count] the lane would not exist once a kept finding is fixed */
    struct hp__wait_item *items; /* [item_count] waits.c; in order per lane */
    struct hp__call *calls;      /* [call_count] in order of their first wait */
    uint32_t item_count, call_count;
};

/* Whether no sampled request of its process is earlier. Where processes are not known, all are one. */
bool hp__case_first(const struct hp_case *c, uint32_t i);

struct hp__find {
    const struct hp_case *c;
    struct hp_arena *arena;
    struct hp_arena *scratch; /* for one price at a time */
    struct hp__facts facts;
    struct hp__view *views;        /* [c->sample_count] */
    struct hp_sites sites;         /* lines that run statements, of the samples */
    struct hp__named *named;       /* answers of hp__named_calls */
    struct hp__needless *needless; /* answers of hp__needless_asks */
    hp_err needless_err;           /* what went wrong with one of them */
    struct hp_findings *out;
    uint64_t median_ns; /* the route's, never 0 */
    uint64_t p95_ns;
};

struct hp__cut { /* what a fix takes out of one request */
    struct hp_removal *list;
    uint32_t count, capacity;
    bool *lanes_gone; /* [lane_count] or NULL */
};

/* ---- spine.c ---- */
/* Set view->spine and, with a tree, view->beside. HP_ENOMEM. */
HP_CHECK hp_err hp__spine_find(struct hp__view *view, struct hp_arena *arena);
/* CPU time of the lanes on the spine; HP_ABSENT if the request's is. */
uint64_t hp__spine_cpu_ns(const struct hp__view *view);
/* Take computing out of the spine. HP_ENOMEM. */
HP_CHECK hp_err hp__spine_cut(const struct hp__view *view, struct hp_arena *arena, struct hp__cut *cut,
                              uint64_t ns);

/* ---- view.c ---- */
/* Room for `count` things of `size` bytes, all zero; from `arena`. NULL: no memory. */
void *hp__zeroed(struct hp_arena *arena, size_t count, size_t size);
HP_CHECK hp_err hp__view_init(struct hp__view *view, const struct hp_sample *sample,
                              const struct hp__facts *facts, struct hp_arena *arena);
/* Wall time of one execution as the application's line sees it: exec, fetch and the library around them. */
uint64_t hp__view_cost_ns(const struct hp__view *view, uint32_t stmt);
/* Bytes that the response's body holds at the most, compressed or not; HP_ABSENT: not known. */
uint64_t hp__view_body_bytes(const struct hp_record *record);
/* Whether a rule may still explain this execution. */
bool hp__view_free_stmt(const struct hp__view *view, uint32_t stmt);
/* Real executions per recorded one: above 1 only where the cap on single executions was hit. */
double hp__view_scale(const struct hp__view *view, uint32_t stmt, uint32_t recorded);
/* The child of `node`'s owner on the way to `node`; HP_NODE_NONE if `node` is the owner or there is none. */
uint32_t hp__view_entry_of(const struct hp__view *view, uint32_t node);
/* The nearest application node above `node` in its lane, framework in between or not, and the line of its
 * call, which stays as it is where there is none: HP_NODE_NONE. */
uint32_t hp__view_caller(const struct hp__view *view, uint32_t node, uint32_t *line);
/* Mark a node and everything below it (not into LANE nodes, not into other owners' nodes) as explained. */
void hp__view_take_node(struct hp__view *view, uint32_t node);
/* Mark an execution as explained, with what its entry holds: library code, and the application's functions on
 * the way. */
void hp__view_take_stmt(struct hp__view *view, uint32_t stmt);

/* ---- speed.c ---- */
/* Wall time of computing ÷ its CPU time on the main lane, 1 or more: what a usual cost is to be multiplied by
 * where other processes held the processors. */
double hp__speed_slowness(const struct hp_sample *sample);
/* The request's duration without the time in which no processor was free, as far as it is known. */
uint64_t hp__speed_quiet_ns(const struct hp_sample *sample);

/* ---- cut.c ---- */
HP_CHECK hp_err hp__cut_add(struct hp_arena *arena, struct hp__cut *cut, uint32_t lane, uint64_t at_ns,
                            uint64_t amount_ns);
HP_CHECK hp_err hp__cut_lane(struct hp_arena *arena, struct hp__cut *cut, const struct hp_record *record,
                             uint32_t lane);
/* Everything of `more` too. */
HP_CHECK hp_err hp__cut_merge(struct hp_arena *arena, struct hp__cut *cut, const struct hp__cut *more,
                              const struct hp_record *record);
/* What the request would save by it. `scratch` is reset. */
HP_CHECK hp_err hp__cut_price(const struct hp_sample *sample, const struct hp__cut *cut,
                              struct hp_arena *scratch, uint64_t *saving_ns);

/* ---- finding.c ---- */
/* A finding with its per-request arrays, all zero. HP_ENOMEM. */
HP_CHECK hp_err hp__finding_init(struct hp__find *f, struct hp_finding *finding, enum hp_finding_kind kind);
/* The function that the cause is in. */
static inline uint32_t hp__finding_subject(const struct hp_finding *finding)
{
    return finding->subject_sym != 0 ? finding->subject_sym : finding->site_sym;
}
void hp__finding_identify(const struct hp__find *f, struct hp_finding *finding);
/* Price request `i` by `cut`; `low` and `high` (NULL: none) bound it. The cut is kept for overlaps and
 * after_all. */
HP_CHECK hp_err hp__finding_price(struct hp__find *f, struct hp_finding *finding, uint32_t i,
                                  const struct hp__cut *cut, const struct hp__cut *low,
                                  const struct hp__cut *high);
/* The statement that the finding claims. */
HP_CHECK hp_err hp__finding_claim(struct hp__find *f, struct hp_finding *finding, uint32_t statement);
void hp__finding_number(struct hp_finding *finding, const char *key, double number);
void hp__finding_text(struct hp_finding *finding, const char *key, struct hp_str text);
/* What a part of a request is called in a sentence; `id`: symbol, statement, or enum hp_wait_kind. */
struct hp_str hp__finding_part(struct hp__find *f, enum hp_moved_kind kind, uint32_t id);
/* Formatted text in the arena; empty without memory. */
struct hp_str hp__textf(struct hp_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "file:line" of a place, or the symbol's name without a file. */
struct hp_str hp__place(struct hp_arena *arena, const struct hp_dict *dict, uint32_t sym, uint32_t line);

/* ---- group.c: executions of one statement over the sampled requests ---- */
#define HP__ANY_SITE UINT32_MAX
struct hp__key {
    uint32_t statement, site_sym;
};
/* Every (statement, place) with free executions, or (statement, HP__ANY_SITE) each statement once. From the
 * find's arena; at most 1024. */
HP_CHECK hp_err hp__group_keys(struct hp__find *f, bool by_site, struct hp__key **keys, uint32_t *count);
/* Free executions of the key in one request, in order of t0, into `at` (room for stmt_count). */
uint32_t hp__group_pick(const struct hp__view *view, struct hp__key key, uint32_t *at);
/* Most executions that one sampled request holds, at least 1. */
uint32_t hp__group_most(const struct hp__find *f);
/* Room for the executions of any sampled request. NULL: no memory. */
uint32_t *hp__group_room(struct hp__find *f);

struct hp__places { /* where the cost of a finding lies; a few places, the rest is not told apart */
    struct {
        uint32_t sym, line, via;
        uint64_t ns;
    } list[24];
    uint32_t count;
};
void hp__places_add(struct hp__places *places, uint32_t sym, uint32_t line, uint32_t via, uint64_t ns);
/* What lies at the costliest place, as a share of all. */
double hp__places_share(const struct hp__places *places);
/* Set the finding's place to the costliest. */
void hp__places_choose(const struct hp__places *places, struct hp_finding *finding);

/* ---- named.c ---- */
/* Whether the source of function `caller` names function `callee`, which it calls; true where that cannot be
 * known. One that does not is given what it calls: by its data, or by whoever calls it. */
bool hp__named_calls(const struct hp__find *f, uint32_t caller, uint32_t callee);
HP_CHECK hp_err hp__named_init(struct hp__find *f);

/* ---- place.c: the line to edit ---- */
struct hp__spot {
    uint32_t sym, line, via;
    uint32_t node; /* of the call tree: the function's, or below it in library code */
};
/* The application line that calls the function which owns `node`, through libraries or not. False: the
 * framework does, or there is no tree. */
bool hp__place_caller(const struct hp__view *view, uint32_t node, struct hp__spot *spot);
/* The costliest application line that calls a function, past the wrappers of decorators. False as above. */
bool hp__place_call_of(const struct hp__find *f, const struct hp__view *view, uint32_t sym,
                       struct hp__spot *spot);
/* The line to look at of a function that computes: its costliest library call if that is most of it, else the
 * call of it, else where it is defined. Needs a tree. */
struct hp__spot hp__place_function(const struct hp__find *f, const struct hp__view *view, uint32_t sym);
/* The line of a function's costliest library call that it makes so often at least; false: there is none. Needs
 * a tree. */
bool hp__place_repeated(const struct hp__view *view, uint32_t sym, uint64_t least, struct hp__spot *spot);
/* How often a function is called; a generator called once gives each item anew. */
static inline uint64_t hp__view_times(const struct hp_node *node)
{
    return node->calls > node->resumes ? node->calls : node->resumes;
}
/* Whether the function of a node of `view` runs, called by the same functions of the application, in a
 * request that is not among the `odd` ones ([sample_count], 0: not odd). */
bool hp__place_runs(const struct hp__find *f, const uint64_t *odd, const struct hp__view *view,
                    uint32_t node);
/* The line from which only odd requests go on to `node` of one of them: `spot`, or above it past functions
 * that no other request runs that way. */
struct hp__spot hp__place_turn(const struct hp__find *f, const uint64_t *odd, uint32_t request, uint32_t node,
                               struct hp__spot spot);
/* The lines to edit of executions of one statement in one request, each with what they cost: `places` past
 * whatever loops over them. `runs` (else NULL) of executions that repeat the same: where the statement is
 * run, past helpers that run any; `places` are then no further up than where one becomes many. */
void hp__place_stmts(const struct hp__find *f, const struct hp__view *view, const uint32_t *at, uint32_t n,
                     struct hp__places *places, struct hp__places *runs);

/* The same for executions of a statement: the function that runs it is what the finding is of, wherever the
 * line to edit is. */
void hp__group_place(const struct hp__places *places, struct hp__key key, struct hp_finding *finding);
/* The plan that is kept of a statement; NULL: none. */
const struct hp_plan *hp__group_plan(const struct hp__find *f, uint32_t statement);
/* Offer a finding of single executions, common or of a tail; if it is kept they are explained. `at`: room for
 * them. HP_ENOMEM. */
HP_CHECK hp_err hp__group_offer(struct hp__find *f, struct hp_finding *finding, struct hp__key key,
                                uint32_t *at);

struct hp__spread {
    uint64_t *list;
    uint32_t count;
}; /* one number a showing request */
HP_CHECK hp_err hp__spread_init(struct hp__find *f, struct hp__spread *spread);
void hp__spread_add(struct hp__spread *spread, uint64_t value);
uint64_t hp__spread_median(struct hp__spread *spread); /* sorts */

/* ns that one row costs to carry: least fetch per row seen on the route; 0 when no rows were counted. */
double hp__group_row_ns(const struct hp__find *f);

/* ---- made.c: what is made of a statement's answer each time ---- */
struct hp__made {
    uint64_t each_ns; /* an execution, beside hp__view_cost_ns; 0: nothing */
    uint8_t *below;   /* [tree->count] in the functions that make it; NULL: without a tree */
};
/* Of `at`, all free executions of one statement in one request. Memory from `arena`. HP_ENOMEM. */
HP_CHECK hp_err hp__made_of(const struct hp_case *c, const struct hp__view *view, const uint32_t *at,
                            uint32_t n, struct hp_arena *arena, struct hp__made *made);
/* Mark it as explained. */
void hp__made_take(struct hp__view *view, const struct hp__made *made);

/* ---- purpose.c ---- */
/* Whether a function is one call of C code that this request is for. */
bool hp__purpose_is(const struct hp_case *c, const struct hp__view *view, uint32_t sym);

/* ---- waits.c: waits and outgoing calls of one request, at every level that records waits ---- */
/* Fill items and calls of a view; called by hp__view_init. Owns: the arena. HP_ENOMEM. */
HP_CHECK hp_err hp__waits_init(struct hp__view *view, struct hp_arena *arena);
/* With a tree and its owners: what the library does for a connection beside its waits is part of the setup;
 * calls made by a helper belong to the loop that calls the helper. HP_ENOMEM. */
HP_CHECK hp_err hp__waits_widen(struct hp__view *view, struct hp_arena *arena);
#define HP__WAIT(kind) (1u << HP_WAIT_##kind) /* for masks of kinds */
/* Whether a rule may still explain this wait: no statement's, no join, not taken, its lane not taken. */
bool hp__waits_free(const struct hp__view *view, uint32_t item);
/* Free waits of these kinds at `site_sym` (HP__ANY_SITE: all that have a place) into `at` (room for
 * item_count). */
uint32_t hp__waits_pick(const struct hp__view *view, uint32_t kinds, uint32_t site_sym, uint32_t *at);
/* What they last together, with what the cap on spans lost. */
uint64_t hp__waits_ns(const struct hp__view *view, const uint32_t *at, uint32_t n);
/* Take `share` (0 … 1) of each out. HP_ENOMEM. */
HP_CHECK hp_err hp__waits_cut(struct hp_arena *arena, const struct hp__view *view, const uint32_t *at,
                              uint32_t n, double share, struct hp__cut *cut);
/* The lane that a fix of this wait makes shorter: its own, or the one that it waits for. */
uint32_t hp__waits_lane(const struct hp__wait_item *item);
/* Mark waits as explained; what they last comes off the library time around the statements that they lie in.
 * HP_ENOMEM. */
HP_CHECK hp_err hp__waits_take(struct hp__view *view, const uint32_t *at, uint32_t n, struct hp_arena *arena);
/* Functions that have free waits of these kinds in some sampled request, each once; from the find's arena, at
 * most 256. HP_ENOMEM. */
HP_CHECK hp_err hp__waits_sites(struct hp__find *f, uint32_t kinds, uint32_t **sites, uint32_t *count);
/* Room for the waits of any sampled request. NULL: no memory. */
uint32_t *hp__waits_room(struct hp__find *f);
/* Whether a rule may still explain a call: none of its waits is explained, and it is not in a statement. */
bool hp__waits_free_call(const struct hp__view *view, uint32_t call);
/* Free calls of `site_sym` (HP__ANY_SITE: all that have a place) into `at` (room for call_count). */
uint32_t hp__waits_pick_calls(const struct hp__view *view, uint32_t site_sym, uint32_t *at);
/* The waits of a call into `at` (room for item_count): all, or those of its setup alone. */
uint32_t hp__waits_of_call(const struct hp__view *view, uint32_t call, bool setup_only, uint32_t *at);

/* ---- connecting.c: what belongs to connecting to a database ---- */
/* Mark the statements that run while a connection is set up: no rule looks at them. Before hp__waits_init. */
void hp__connecting_take(struct hp__view *view);
/* Where the setup ends that goes on in this lane at that time; 0: none does. */
uint64_t hp__connecting_until(const struct hp_record *record, uint32_t lane, uint64_t at_ns);
/* Put the calls that open connections to one server to one place. After hp__waits_init and
 * hp__waits_widen. */
void hp__connecting_place(struct hp__view *view);
/* Whether the node makes a pool of connections. */
bool hp__connecting_makes_pool(const struct hp__view *view, uint32_t node);

/* ---- client.c ---- */
/* Set client_ns of the calls that open a connection. After hp__waits_widen, with a tree. */
void hp__client_find(struct hp__view *view);

/* ---- io.c: the walk that the rules of waits share: function by function, request by request ---- */
enum hp__cut_bound { HP__CUT, HP__CUT_LOW, HP__CUT_BOUNDS };
struct hp__io;
struct hp__io_kind {
    enum hp_finding_kind kind;
    uint32_t kinds; /* mask of waits that make a function a candidate */
    bool may_tail;
    uint64_t least_ns; /* median of what is picked */
    /* Functions to look at; NULL: those with free waits of `kinds`. From the find's arena. */
    hp_err (*sites)(struct hp__find *f, uint32_t **sites, uint32_t *count);
    /* What the rule has to know of the function beforehand; NULL: nothing. */
    hp_err (*learn)(struct hp__io *io);
    /* Whether the function is one at all, over all requests; NULL: yes. */
    bool (*begin)(struct hp__io *io);
    /* The waits that the rule explains in this request into io->at, and io->count, io->ns; 0: it does not
     * show. */
    uint32_t (*pick)(struct hp__io *io, const struct hp__view *view);
    /* What the fix takes out of it, with a lower bound where io->has_low is set; NULL: all of each wait. */
    hp_err (*cut)(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS]);
    /* Title, advice, evidence; `count` and `ns` are medians over the requests that show it. False: it is none
     * after all. */
    bool (*describe)(struct hp__io *io, uint64_t count, uint64_t ns);
    /* The line to edit for a wait, where it is not in the function that waits; NULL or false: it is. */
    bool (*place)(const struct hp__view *view, const struct hp__wait_item *item, struct hp__spot *spot);
    /* Once kept, beside marking what pick chose; NULL: nothing. */
    hp_err (*take)(struct hp__io *io, struct hp__view *view);
};
struct hp__io { /* one candidate */
    struct hp__find *f;
    const struct hp__io_kind *kind;
    uint32_t site_sym, request;
    uint32_t *at, *calls; /* room for the waits and for the calls of any request */
    uint64_t count, ns;   /* of this request, set by pick */
    bool has_low;
    uint32_t peer, mode; /* peer: of the costliest wait; mode: the rule's own */
    uint64_t peer_ns;
    struct hp__places holders; /* where those were that had the locks waited for */
    struct hp_holder who;      /* who had them longest in one wait's request */
    uint64_t lock_ns;          /* all waits for them */
    uint64_t sum[4];           /* the rule's own, over all requests; zero at first */
    void *own;                 /* the rule's own too: what it has made of the source */
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread counts, total;
};
HP_CHECK hp_err hp__io_run(struct hp__find *f, const struct hp__io_kind *kind);
/* Take one amount out at the beginning of a call. HP_ENOMEM. */
HP_CHECK hp_err hp__io_cut_call(struct hp__io *io, const struct hp__call *call, uint64_t ns,
                                struct hp__cut *cut);
/* " to <peer>" of the costliest wait, or nothing. */
struct hp_str hp__io_to(struct hp__io *io);
/* Set the finding's place to the line of the function that had the locks longest, if it is a third of the
 * time or more. False: nowhere in particular. */
bool hp__io_holder_place(const struct hp__io *io, struct hp_finding *finding);
/* ", mostly for app.py:12 burn" and its evidence, or nothing: who had the locks that were waited for. */
struct hp_str hp__io_holder(struct hp__io *io);
/* Evidence that all rules of waits give: how often, how long, with whom. */
void hp__io_evidence(struct hp__io *io, const char *what, uint64_t count, uint64_t ns);

/* ---- rule_connection_churn.c, for its two sisters too ---- */
/* All setups of connections whose costliest part (connect and login, handshake, look-up) is `kind`'s. Only
 * where they are half of what the calls cost. */
HP_CHECK hp_err hp__churn_run(struct hp__find *f, enum hp_finding_kind kind);

/* ---- rule_log_io.c ---- */
/* What records cost: their handlers, and with a tree the calls that log them as a whole. */
uint64_t hp__log_ns(const struct hp__view *view, const struct hp_log *log);

/* ---- own_waits.c: for own.c ---- */
typedef hp_err (*hp__own_fn)(void *ctx, uint32_t site_sym, uint32_t lane, uint64_t at_ns, uint64_t ns);
bool hp__own_of_waits(enum hp_finding_kind kind);
/* Each stretch of a request that this kind of cause is made of, with the function that it belongs to. Returns
 * what `fn` returned first that is not HP_OK. */
HP_CHECK hp_err hp__own_waits(const struct hp__view *view, enum hp_finding_kind kind, hp__own_fn fn,
                              void *ctx);

/* ---- bound.c: time below library calls of one purpose, by the application function that made them ---- */
struct hp__bound_part { /* of one function in one request */
    uint64_t ns;        /* without SQL, waits, and what other findings explain */
    uint64_t own_ns;    /* of it in application code that the library calls back */
    uint64_t saved_ns;  /* of it what the response does not need */
    uint64_t caller_ns; /* the function's own time beside it */
    uint64_t input_ns;  /* of it what takes input apart */
    uint64_t calls;
};
struct hp__bound_rule {
    enum hp_finding_kind kind;
    bool (*is_boundary)(const struct hp_symbol *sym);
    /* NULL, or whether it takes input apart. */
    bool (*is_input)(const struct hp_symbol *sym);
    /* NULL, or library functions right above that do nothing else when they are called as often: they begin
     * the boundary. */
    bool (*is_around)(const struct hp_symbol *sym);
    /* NULL, or those above that use what comes of it: ten and more of them begin it where that is most of
     * what they do. */
    bool (*is_use)(const struct hp_symbol *sym);
    double min_share,
        low_share; /* of what findings so far leave of the route's median; of the saving that is sure */
    uint64_t min_calls, max_each_ns; /* calls of one function in one request; 0: any */
    uint64_t call_ns; /* what each call costs beside the function that is called, in its caller's own time */
    uint64_t line_ns, pass_ns; /* calls of no more than the one each, with no more than the other together,
                                  are as fast as it gets; 0: none are */
    bool callers_too; /* a caller that mostly does this is explained by it; one that mostly does something
                         else is left alone */
    bool direct;   /* only calls that a line of the application makes itself, not those of other libraries */
    bool not_rows; /* nothing that the library of a statement does with its rows */
    bool caller_goes; /* what the caller does itself, up to as much again, is work on what it gets */
    bool reads;       /* files too: it may take longer than it has a processor */
    bool warms_up; /* the first request of a process pays it in any case: only another one says something */
    uint64_t (*product_ns)(const struct hp__view *view); /* what the response needs of it; NULL: nothing */
    /* Set title, advice and evidence; the parts are medians over the requests that show it. */
    void (*describe)(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part);
};
/* Look at every function that makes such calls, offer a finding for each, and take what is kept.
 * HP_ENOMEM. */
HP_CHECK hp_err hp__bound_run(struct hp__find *f, const struct hp__bound_rule *rule);
/* All such time of one request's main lane; for own.c. HP_ENOMEM. */
HP_CHECK hp_err hp__bound_total(const struct hp__view *view, const struct hp_dict *dict,
                                const struct hp__bound_rule *rule, struct hp_arena *arena, uint64_t *ns);
/* Mark everything below a node of the same lane as explained, whoever owns it. */
void hp__bound_take(struct hp__view *view, uint32_t node);
/* Price request `i` by an amount of the main lane's time. */
HP_CHECK hp_err hp__bound_price(struct hp__find *f, struct hp_finding *finding, uint32_t i, uint64_t ns,
                                uint64_t low_ns, uint64_t high_ns);
/* Whether a file is a module (`name` + ".py") or in a package (`name` + "/") of that name. */
bool hp__bound_in(struct hp_str file, const char *const *names, size_t count);

/* ---- build.c: what a library does around the statements of one application function ---- */
/* "sqlalchemy" of "sqlalchemy/orm/query.py", "peewee.py" of itself. */
struct hp_str hp__build_package(struct hp_str file);

struct hp__build {
    uint64_t ns; /* the library's own time: compiling, building objects, collections meanwhile */
    uint64_t
        database_ns; /* waiting for the database; all of exec and fetch where the driver waits for none */
    uint64_t rows, statements; /* of the free statements in it that give rows */
    uint32_t stmt;             /* the one of them that gives most */
};
/* Look at all calls that the node `owner` made into the packages that ran its statements (all of them: query,
 * all, iteration). The nodes are marked in view->inside until the next call of this or of hp__bound_take.
 * `all`: of all its statements, not only of those that no finding explains. */
struct hp__build hp__build_of(const struct hp__view *view, const struct hp_dict *dict, uint32_t owner,
                              bool all);
/* The application node whose call ran an execution, if no execution before it is of the same node; else
 * HP_NODE_NONE. */
uint32_t hp__build_owner(const struct hp__view *view, uint32_t stmt);
/* Waiting for the server that runs the statement; where the driver waits for none it is all of exec and
 * fetch. What is left of these is rows that a driver takes apart. */
uint64_t hp__build_database_ns(const struct hp__view *view, uint32_t stmt);
/* Mark them as explained. Call right after hp__build_of. */
void hp__build_take(struct hp__view *view);

/* ---- find.c ---- */
/* Judge a candidate by what it saves: kept findings are copied to the list. `*kept` says so. Needs seen ≥
 * half of the requests, or a tail
 * (`may_tail`): ≥ 3 requests spread over the recording. */
HP_CHECK hp_err hp__find_offer(struct hp__find *f, struct hp_finding *finding, bool may_tail, bool *kept);

/* ---- words.c: what a folded statement says ---- */
struct hp_str hp__words_verb(
    struct hp_str text); /* "SELECT" as in the text; of a CTE what follows it if plain, else WITH */
struct hp_str
hp__words_table(struct hp_str text); /* first table, unquoted, without schema; empty if not found */
struct hp_str hp__words_key(
    struct hp_str text); /* the one column that WHERE compares with a value, by "="; empty if it is not one */
struct hp_str hp__words_where(struct hp_str text); /* the first conditions, without the word; empty: none */
bool hp__words_counts(struct hp_str text);         /* counts rows, all of them together */
bool hp__words_distinct(struct hp_str text);       /* drops rows that are alike */
bool hp__words_reads(const struct hp_statement *statement);  /* SELECT and kin */
bool hp__words_writes(const struct hp_statement *statement); /* INSERT, UPDATE, DELETE, DDL */
bool hp__words_gives(const struct hp_statement *statement); /* rows: all that does not write, and RETURNING */
bool hp__words_pages(struct hp_str text);                   /* has a LIMIT, OFFSET or FETCH word */
bool hp__words_shuffles(struct hp_str text); /* gives a few rows by chance: ORDER BY RANDOM() LIMIT n */
/* Gives a part of all rows of a table and passes those before it: OFFSET, or MySQL's LIMIT a, b, with nothing
 * that is looked for, joined or added up. */
bool hp__words_skips(struct hp_str text);
bool hp__words_holds(struct hp_str text, struct hp_str part); /* anywhere in it */
/* "page" of "shop.page" (an endpoint) and of "Shop.page" or "outer.<locals>.page" (qualified names). */
struct hp_str hp__words_last(struct hp_str name);

/* ---- needless.c: outgoing calls that need not be made each time, by the source ---- */
#define HP__NEEDLESS_ABOVE   16u       /* functions that hand an answer up */
#define HP__NEEDLESS_SAME_NS 20000000u /* of what is asked alike each time: its answer may have to be fresh */
/* What a line says of its calls of a function (hp__asks_read). 0, and f->needless_err is set: HP_ENOMEM. */
unsigned hp__needless_asks(struct hp__find *f, uint32_t sym, uint32_t line, uint32_t callee);
/* The node of the application that makes a call, and the library's function that it calls for it (0: not
 * known). HP_NODE_NONE: there is no tree. */
uint32_t hp__needless_maker(const struct hp__view *view, const struct hp__call *call, uint32_t *callee);
/* Why a call need not be made each time (HP__ASKS_UNUSED, _SAME or _HEAD), and where; 0: nothing says so, at
 * the call itself. */
unsigned hp__needless_why(struct hp__find *f, const struct hp__view *view, const struct hp__call *call,
                          struct hp__spot *spot);

/* ---- rules, in the order in which they run ---- */
HP_CHECK hp_err hp__rule_thread_churn(struct hp__find *f);
HP_CHECK hp_err hp__rule_log_io(struct hp__find *f);
HP_CHECK hp_err hp__rule_connection_churn(struct hp__find *f);
HP_CHECK hp_err hp__rule_tls_churn(struct hp__find *f);
HP_CHECK hp_err hp__rule_dns_repeat(struct hp__find *f);
HP_CHECK hp_err hp__rule_n_plus_one(struct hp__find *f);
HP_CHECK hp_err hp__rule_duplicate_query(struct hp__find *f);
HP_CHECK hp_err hp__rule_missing_index(struct hp__find *f);
HP_CHECK hp_err hp__rule_unbounded_result(struct hp__find *f);
HP_CHECK hp_err hp__rule_orm_overhead(struct hp__find *f);
HP_CHECK hp_err hp__rule_slow_query(struct hp__find *f);
HP_CHECK hp_err hp__rule_chatty_reads(struct hp__find *f);
HP_CHECK hp_err hp__rule_blocking_in_async(struct hp__find *f);
HP_CHECK hp_err hp__rule_sequential_io(struct hp__find *f);
/* Setups of connections that the calls around them outweigh: what sequential_io left. */
HP_CHECK hp_err hp__rule_connection_rest(struct hp__find *f);
HP_CHECK hp_err hp__rule_connection_opens(struct hp__find *f);
HP_CHECK hp_err hp__rule_connection_files(struct hp__find *f);
HP_CHECK hp_err hp__rule_slow_external(struct hp__find *f);
HP_CHECK hp_err hp__rule_sleep(struct hp__find *f);
HP_CHECK hp_err hp__rule_subprocess(struct hp__find *f);
HP_CHECK hp_err hp__rule_disk_io(struct hp__find *f);
HP_CHECK hp_err hp__rule_disk_files(struct hp__find *f);
HP_CHECK hp_err hp__rule_lock_contention(struct hp__find *f);
HP_CHECK hp_err hp__rule_gil_contention(struct hp__find *f);
HP_CHECK hp_err hp__rule_import_in_request(struct hp__find *f);
HP_CHECK hp_err hp__rule_regex_compile(struct hp__find *f);
HP_CHECK hp_err hp__rule_serialization_hot(struct hp__find *f);
HP_CHECK hp_err hp__rule_template_hot(struct hp__find *f);
HP_CHECK hp_err hp__rule_attribute_lookup_hot(struct hp__find *f);
HP_CHECK hp_err hp__rule_gc_pressure(struct hp__find *f);
HP_CHECK hp_err hp__rule_memory_growth(struct hp__find *f);
HP_CHECK hp_err hp__rule_cold_start(struct hp__find *f);
HP_CHECK hp_err hp__rule_regression(struct hp__find *f);
HP_CHECK hp_err hp__rule_tail_latency(struct hp__find *f);
HP_CHECK hp_err hp__rule_hot_function(struct hp__find *f);

/* The rules over one boundary, also for own.c. */
extern const struct hp__bound_rule hp__bound_imports, hp__bound_files, hp__bound_regexes,
    hp__bound_serialisers, hp__bound_lookups, hp__bound_compiled_templates, hp__bound_template_lookups;
/* All time of templates themselves in one request. HP_ENOMEM. */
HP_CHECK hp_err hp__template_hot_ns(const struct hp__view *view, struct hp_arena *arena, uint64_t *ns);

/* What goes when `lanes` (of lane_count) were never started: `all` takes them and the library calls that
 * start and join them out, `pool` only what starting threads cost. Also for own.c. */
HP_CHECK hp_err hp__thread_churn_cut(const struct hp__view *view, const struct hp_dict *dict,
                                     struct hp_arena *arena, const bool *lanes, struct hp__cut *all,
                                     struct hp__cut *pool);
/* A function's own CPU-bound wall time in one request (what hot_function claims), by owner symbol `sym`.
 * `cpu_ns`: of it what CPU accounts for. */
uint64_t hp__hot_function_ns(const struct hp__view *view, const struct hp_dict *dict, uint32_t sym,
                             double concurrency, uint64_t *cpu_ns);

/* Exclusive time of each node's application function in one request (what hot_function looks at), into an
 * array of tree->count. HP_ENOMEM. */
HP_CHECK hp_err hp__hot_function_nodes(const struct hp__view *view, const struct hp_dict *dict,
                                       struct hp_arena *arena, uint64_t **exclusive);

/* Requests served at once on average, over the time that the sample spans; at least 1. */
double hp__concurrency(const struct hp_case *c);

#endif
