/* looped.c -- outgoing calls of tasks: what their event loop does for them is theirs.
 *
 *     task   connect#7 ── TLS ─ send#7 ─┐ await ···················┌ SSL_read
 *     loop                              └─ poll ──── recv#7 ─ recv#7 ┘
 *
 * A loop's callbacks read sockets on the lane that runs the loop, at no place of the application; TLS over memory (asyncio's, anyio's) knows no socket. So where a
 * request has tasks its spans are looked at in order of time:
 *
 *   adopt   TLS without a socket is of the connection that its lane sends on next, reading of the one that it used last; until the first bytes of the
 *           application are sent, what goes to and fro on such a connection is the handshake. Bytes are counted there, as with a socket, and not where they are encrypted
 *   move    what the loop does on a task's connection goes to the task that used it last, to that one's place
 *   join    calls.c, across lanes
 *   await   a task's waits in the middle of a call are the call's
 *
 * A call's await is one wait of its task's lane beside the brief ones that it stands for; hp_record_call_kind (model/record.h) says which of them.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/looped.h"

#define OWNERS                                                                                               \
    128u /* connections followed at a time; power of two, a later one may push an earlier one out */

struct lane_state {
    uint32_t next, next_span; /* connection that the lane sends on next, and 1 + that span */
    uint32_t last, last_peer; /* connection that it used last */
    bool plain;               /* the next is of the application's bytes */
};

enum role { OF_SOCKET, OVER_MEMORY, OWN_PIPE };

struct owner {
    uint32_t conn, lane, node, site_sym, site_line, via_sym;
    bool tls, sent; /* a handshake was seen; the application's bytes were */
    bool memory;    /* TLS over memory speaks on it */
};

struct looped {
    struct hp_cap_request *request;
    struct lane_state *lanes;
    uint8_t *roles; /* enum role of each span */
    struct owner owners[OWNERS];
};

bool hp__looped_has_tasks(const struct hp_cap_request *request)
{
    for (uint32_t i = 1; i < request->lane_count; i++) {
        if (request->lanes[i].kind == HP_LANE_TASK) {
            return true;
        }
    }
    return false;
}

static int by_time(const void *a, const void *b)
{
    const struct hp_span *x = a, *y = b;
    if (x->t0_ns != y->t0_ns) {
        return x->t0_ns < y->t0_ns ? -1 : 1;
    }
    return x->t1_ns != y->t1_ns ? (x->t1_ns < y->t1_ns ? -1 : 1) : (x->kind > y->kind) - (x->kind < y->kind);
}

static int by_lane(const void *a, const void *b)
{
    const struct hp_span *x = a, *y = b;
    return x->lane != y->lane ? (x->lane < y->lane ? -1 : 1) : by_time(a, b);
}

static bool is_task(const struct hp_cap_request *request, uint32_t lane)
{
    return lane < request->lane_count && request->lanes[lane].kind == HP_LANE_TASK;
}

static uint32_t loop_of(const struct hp_cap_request *request, uint32_t lane)
{
    while (is_task(request, lane)) {
        lane = request->lanes[lane].parent;
    }
    return lane;
}

/* ---- adopt ---- */

static bool is_over_memory(const struct hp_span *span)
{
    return span->group == 0 && span->peer == 0 &&
           (span->kind == HP_WAIT_TLS || span->kind == HP_WAIT_SEND || span->kind == HP_WAIT_RECV);
}

static bool is_exchange(const struct hp_span *span)
{
    return span->group != 0 && (span->kind == HP_WAIT_SEND || span->kind == HP_WAIT_RECV);
}

/* The total of a span's lane, kind, peer and place; NULL: not kept. */
static struct hp_wait *total_of(struct hp_cap_request *request, const struct hp_span *span)
{
    for (uint32_t i = 0; i < request->wait_count; i++) {
        struct hp_wait *wait = &request->waits[i];
        if (wait->lane == span->lane && wait->kind == span->kind && wait->node == span->node &&
            wait->peer == span->peer && wait->site_sym == span->site_sym &&
            wait->site_line == span->site_line && wait->via_sym == span->via_sym) {
            return wait;
        }
    }
    return NULL;
}

/* Make `*span` what `to` is, and its part of a total with it. */
static void change(struct hp_cap_request *request, struct hp_span *span, const struct hp_span *to)
{
    uint64_t ns = span->t1_ns - span->t0_ns;
    struct hp_wait *from = total_of(request, span), *into = total_of(request, to);
    if (into == NULL) {
        struct hp_wait *waits = hp__cap_room(request->cap, request->waits, request->wait_count,
                                             &request->wait_capacity, HP_WAIT_CAP, sizeof *waits);
        if (waits == NULL) {
            return;
        }
        request->waits = waits;
        from = total_of(request, span);
        into = &waits[request->wait_count++];
        *into = (struct hp_wait){.lane = to->lane,
                                 .node = to->node,
                                 .peer = to->peer,
                                 .kind = to->kind,
                                 .site_sym = to->site_sym,
                                 .site_line = to->site_line,
                                 .via_sym = to->via_sym};
    }
    into->count++;
    into->ns += ns;
    into->bytes += to->bytes;
    into->max_ns = ns > into->max_ns ? ns : into->max_ns;
    if (from != NULL) {
        from->count -= from->count != 0;
        from->ns -= ns < from->ns ? ns : from->ns;
        from->bytes -= span->bytes < from->bytes ? span->bytes : from->bytes;
    }
    *span = *to;
}

static void be_handshake(struct hp_cap_request *request, struct hp_span *span)
{
    struct hp_span to = *span;
    to.kind = HP_WAIT_TLS;
    change(request, span, &to);
}

static void be_empty(struct hp_cap_request *request, struct hp_span *span)
{
    struct hp_span to = *span;
    to.bytes = 0;
    change(request, span, &to);
}

/* A pair of sockets without names, as loops wake themselves with. */
static bool is_own_pipe(const struct hp_span *span)
{
    return is_exchange(span) && span->peer == 0;
}

/* Backwards: handshakes and writing belong to what is sent next. */
static void adopt_writes(struct looped *l)
{
    struct hp_cap_request *request = l->request;
    for (uint32_t i = request->span_count; i-- > 0;) {
        struct hp_span *span = &request->spans[i];
        struct lane_state *lane = &l->lanes[span->lane];
        if (is_own_pipe(span)) {
            span->group = 0;
            l->roles[i] = OWN_PIPE;
        } else if (is_exchange(span) && span->kind == HP_WAIT_SEND) {
            *lane = (struct lane_state){.next = span->group, .next_span = i + 1};
        } else if (is_over_memory(span) && span->kind != HP_WAIT_RECV && lane->next != 0) {
            struct hp_span *next = &request->spans[lane->next_span - 1];
            span->group = lane->next;
            span->peer = next->peer;
            l->roles[i] = OVER_MEMORY;
            if (span->kind == HP_WAIT_SEND) {
                lane->plain = true;
                be_empty(request, next);
            } else if (!lane->plain) {
                be_handshake(request, next);
            }
        }
    }
}

static struct owner *owner_of(struct looped *l, uint32_t conn)
{
    struct owner *owner = &l->owners[conn & (OWNERS - 1)];
    if (owner->conn != conn) {
        *owner = (struct owner){.conn = conn};
    }
    return owner;
}

/* ---- move ---- */

static void own(struct owner *owner, const struct hp_span *span)
{
    owner->lane = span->lane;
    owner->node = span->node;
    owner->site_sym = span->site_sym;
    owner->site_line = span->site_line;
    owner->via_sym = span->via_sym;
}

/* A task that only connected hands the connection to the one that started it. */
static void inherit(const struct hp_cap_request *request, struct owner *owner, uint64_t now_ns)
{
    while (owner->lane != 0 && request->lanes[owner->lane].end_ns < now_ns &&
           is_task(request, request->lanes[owner->lane].parent)) {
        const struct hp_lane *lane = &request->lanes[owner->lane];
        owner->lane = lane->parent;
        owner->node = lane->parent_node;
        owner->site_sym = lane->site_sym;
        owner->site_line = lane->site_line;
        owner->via_sym = lane->via_sym;
    }
}

static void move(struct looped *l, struct hp_span *span, struct owner *owner)
{
    struct hp_span to = *span;
    inherit(l->request, owner, span->t0_ns);
    if (owner->lane == 0 || loop_of(l->request, owner->lane) != span->lane) {
        return;
    }
    to.lane = owner->lane;
    to.node = owner->node;
    if (span->site_sym == 0) {
        to.site_sym = owner->site_sym;
        to.site_line = owner->site_line;
        to.via_sym = owner->via_sym;
    }
    change(l->request, span, &to);
}

static void move_all(struct looped *l)
{
    struct hp_cap_request *request = l->request;
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        struct lane_state *lane = &l->lanes[span->lane];
        bool reads = span->kind == HP_WAIT_RECV && l->roles[i] != OWN_PIPE;
        if (is_over_memory(span) && reads && lane->last != 0) {
            span->group = lane->last;
            span->peer = lane->last_peer;
            l->roles[i] = OVER_MEMORY;
        }
        if (span->group == 0 || span->kind == HP_WAIT_POLL) {
            continue;
        }
        struct owner *owner = owner_of(l, span->group);
        lane->last = span->group;
        lane->last_peer = span->peer;
        owner->tls |= span->kind == HP_WAIT_TLS;
        owner->memory |= l->roles[i] == OVER_MEMORY;
        if (owner->tls && !owner->sent && reads) {
            be_handshake(request, span);
        } else if (owner->memory && l->roles[i] == OF_SOCKET && reads) {
            be_empty(request, span);
        }
        owner->sent |= span->kind == HP_WAIT_SEND;
        if (is_task(request, span->lane)) {
            own(owner, span);
        } else {
            move(l, span, owner);
        }
    }
}

/* ---- await ---- */

struct extent { /* of a call */
    uint64_t t0_ns, t1_ns;
    uint32_t lane, peer; /* lane 0: not a task's */
    uint8_t protocol;
    bool received;
};

static void measure(const struct hp_cap_request *request, struct extent *calls)
{
    for (uint32_t i = 0; i < request->span_count; i++) {
        const struct hp_span *span = &request->spans[i];
        struct extent *call = &calls[span->group];
        if (span->group == 0) {
            continue;
        }
        if (call->t1_ns == 0) {
            call->t0_ns = span->t0_ns;
        }
        call->t1_ns = span->t1_ns > call->t1_ns ? span->t1_ns : call->t1_ns;
        call->received |= span->kind == HP_WAIT_RECV && span->bytes != 0;
        call->protocol = span->protocol;
        if (is_task(request, span->lane) && (call->lane == 0 || span->kind == HP_WAIT_SEND)) {
            call->lane = span->lane;
        }
        call->peer = span->kind != HP_WAIT_DNS && span->peer != 0 ? span->peer : call->peer;
    }
}

/* The loop of another thread receives what nobody sees: the wait after the last bytes sent is for the answer. */
static bool is_of(const struct hp_span *span, const struct extent *call)
{
    uint64_t middle = span->t0_ns + (span->t1_ns - span->t0_ns) / 2;
    return call->lane == span->lane && call->t0_ns <= middle && (middle <= call->t1_ns || !call->received);
}

static void give_awaits(struct hp_cap_request *request, struct extent *calls, uint32_t count)
{
    measure(request, calls);
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        for (uint32_t k = count; span->kind == HP_WAIT_AWAIT && k > 0; k--) {
            if (is_of(span, &calls[k])) { /* the latest of those that had begun */
                span->group = k;
                span->protocol = calls[k].protocol;
                if (span->t1_ns > calls[k].t1_ns) {
                    calls[k].received = true;
                    calls[k].t1_ns = span->t1_ns;
                }
                break;
            }
        }
    }
}

/* ---- all of it ---- */

void hp__looped_join(struct hp_cap_request *request)
{
    struct looped *l = hp_calloc(1, sizeof *l);
    struct lane_state *lanes = hp_calloc(request->lane_count, sizeof *lanes);
    uint8_t *roles = hp_calloc(request->span_count + 1u, sizeof *roles);
    struct extent *calls = NULL;
    if (l != NULL && lanes != NULL && roles != NULL) {
        *l = (struct looped){.request = request, .lanes = lanes, .roles = roles};
        qsort(request->spans, request->span_count, sizeof *request->spans, by_time);
        adopt_writes(l);
        memset(lanes, 0, request->lane_count * sizeof *lanes);
        move_all(l);
    }
    uint32_t count = hp__calls_join(request);
    calls = hp_calloc(count + 1u, sizeof *calls);
    if (calls != NULL) {
        give_awaits(request, calls, count);
    }
    qsort(request->spans, request->span_count, sizeof *request->spans, by_lane);
    hp_free(calls);
    hp_free(roles);
    hp_free(lanes);
    hp_free(l);
}
