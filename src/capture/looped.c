/* looped.c -- outgoing calls of tasks: what their event loop does for them is theirs.
 *
 *     task   connect#7 ── TLS ─ send#7 ─┐ await ···················┌ SSL_read
 *     loop                              └─ poll ──── recv#7 ─ recv#7 ┘
 *
 * A loop's callbacks read sockets on the lane that runs the loop, at no place of the application; TLS over
 * memory (asyncio's, anyio's) knows no socket. So where a request has tasks its spans are looked at in order
 * of time:
 *
 *   adopt   TLS without a socket is of the connection that its lane sends on next, reading of the one that it
 * used last; until the first bytes of the
 *           application are sent, what goes to and fro on such a connection is the handshake. Bytes are counted there, as with a socket, and not where they are encrypted
 *   move    what the loop does on a task's connection goes to the task that used it last, to that one's place
 *   join    calls.c, across lanes
 *   await   a task's waits in the middle of a call are the call's
 *
 * A call's await is one wait of its task's lane beside the brief ones that it stands for; hp_record_call_kind
 * (model/record.h) says which of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "capture/looped.h"

#define OWNERS                                                                                               \
    128u /* connections followed at a time; power of two, a later one may push an earlier one out */
#define LEAST_SLOTS 32u

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
    uint8_t *roles;   /* enum role of each span */
    uint32_t *totals; /* 1 + the total of a lane, kind, peer and place, by their hash; 0: free */
    uint32_t totals_mask;
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

/* ---- totals ---- */

static struct hp_wait total_for(const struct hp_span *span)
{
    return (struct hp_wait){.lane = span->lane,
                            .node = span->node,
                            .peer = span->peer,
                            .kind = span->kind,
                            .site_sym = span->site_sym,
                            .site_line = span->site_line,
                            .via_sym = span->via_sym};
}

static bool is_same(const struct hp_wait *a, const struct hp_wait *b)
{
    return a->lane == b->lane && a->kind == b->kind && a->node == b->node && a->peer == b->peer &&
           a->site_sym == b->site_sym && a->site_line == b->site_line && a->via_sym == b->via_sym;
}

/* Where the total of these is, or would be. */
static uint32_t *slot_of(const struct looped *l, const struct hp_wait *total)
{
    uint64_t hash =
        hp_hash_mix((uint64_t)total->lane << 32 | total->node, (uint64_t)total->peer << 8 | total->kind);
    hash = hp_hash_mix(hash, (uint64_t)total->site_sym << 32 | total->site_line);
    uint32_t at = (uint32_t)hash & l->totals_mask;
    while (l->totals[at] != 0 && !is_same(&l->request->waits[l->totals[at] - 1], total)) {
        at = (at + 1) & l->totals_mask;
    }
    return &l->totals[at];
}

/* Room for the totals that there are, and for one of each span that changes. */
static bool index_totals(struct looped *l)
{
    uint32_t size = LEAST_SLOTS;
    while (size < 2 * (l->request->wait_count + l->request->span_count)) {
        size *= 2;
    }
    l->totals = hp_calloc(size, sizeof *l->totals);
    l->totals_mask = size - 1;
    for (uint32_t i = 0; l->totals != NULL && i < l->request->wait_count; i++) {
        uint32_t *slot = slot_of(l, &l->request->waits[i]);
        *slot = *slot != 0 ? *slot : i + 1;
    }
    return l->totals != NULL;
}

/* Make `*span` what `to` is, and its part of a total with it. */
static void change(struct looped *l, struct hp_span *span, const struct hp_span *to)
{
    struct hp_cap_request *request = l->request;
    struct hp_wait after = total_for(to), before = total_for(span);
    uint64_t ns = span->t1_ns - span->t0_ns;
    uint32_t *slot = slot_of(l, &after);
    if (*slot == 0) {
        if (!hp__wait_put(request, &after)) {
            return;
        }
        *slot = request->wait_count;
    }
    struct hp_wait *into = &request->waits[*slot - 1];
    into->count++;
    into->ns += ns;
    into->bytes += to->bytes;
    into->max_ns = ns > into->max_ns ? ns : into->max_ns;
    slot = slot_of(l, &before);
    if (*slot != 0) {
        struct hp_wait *from = &request->waits[*slot - 1];
        from->count -= from->count != 0;
        from->ns -= ns < from->ns ? ns : from->ns;
        from->bytes -= span->bytes < from->bytes ? span->bytes : from->bytes;
    }
    *span = *to;
}

static void be_handshake(struct looped *l, struct hp_span *span)
{
    struct hp_span to = *span;
    to.kind = HP_WAIT_TLS;
    change(l, span, &to);
}

static void be_empty(struct looped *l, struct hp_span *span)
{
    struct hp_span to = *span;
    to.bytes = 0;
    change(l, span, &to);
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
                be_empty(l, next);
            } else if (!lane->plain) {
                be_handshake(l, next);
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
    change(l, span, &to);
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
            be_handshake(l, span);
        } else if (owner->memory && l->roles[i] == OF_SOCKET && reads) {
            be_empty(l, span);
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
    uint32_t before;     /* the call of that lane before it; 0: none */
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

/* Of two on one lane. The loop of another thread receives what nobody sees: the wait after the last bytes
 * sent is for the answer. */
static bool is_of(const struct hp_span *span, const struct extent *call)
{
    uint64_t middle = span->t0_ns + (span->t1_ns - span->t0_ns) / 2;
    return call->t0_ns <= middle && (middle <= call->t1_ns || !call->received);
}

/* `latest`, all 0: of each lane the call that began last. */
static void give_awaits(struct hp_cap_request *request, struct extent *calls, uint32_t count,
                        uint32_t *latest)
{
    measure(request, calls);
    for (uint32_t k = 1; k <= count; k++) {
        calls[k].before = latest[calls[k].lane];
        latest[calls[k].lane] = k;
    }
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        bool awaits = span->kind == HP_WAIT_AWAIT;
        for (uint32_t k = awaits ? latest[span->lane] : 0; k > 0; k = calls[k].before) {
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
    if (l != NULL && lanes != NULL && roles != NULL) {
        *l = (struct looped){.request = request, .lanes = lanes, .roles = roles};
        qsort(request->spans, request->span_count, sizeof *request->spans, by_time);
        if (index_totals(l)) {
            adopt_writes(l);
            memset(lanes, 0, request->lane_count * sizeof *lanes);
            move_all(l);
        }
        hp_free(l->totals);
    }
    uint32_t count = hp__calls_join(request);
    struct extent *calls = hp_calloc(count + 1u, sizeof *calls);
    uint32_t *latest = hp_calloc(request->lane_count, sizeof *latest);
    if (calls != NULL && latest != NULL) {
        give_awaits(request, calls, count, latest);
    }
    qsort(request->spans, request->span_count, sizeof *request->spans, by_lane);
    hp_free(latest);
    hp_free(calls);
    hp_free(roles);
    hp_free(lanes);
    hp_free(l);
}
