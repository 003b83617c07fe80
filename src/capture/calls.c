/* calls.c -- joins the waits of one outgoing call: look-up, connect, TLS, send, wait for the first byte,
 * receive.
 *
 * A probe tells the connection of each wait by a serial number. On one connection a call is a turn: what is
 * sent and what comes back for it; sending again after receiving begins the next, and a look for more that
 * finds nothing is of none. The first turn takes the connect and handshake along, and a name look-up right
 * before the connect on the same lane; so does a connect that follows a failed one (the next address of a
 * host). What a task has looked up on another thread is its own look-up, also of the tasks that it starts to
 * connect.
 *
 *     lane 0:  dns ─ connect#7 ─ tls#7 ─ send#7 ─ recv#7 ─ recv#7 │ send#7 ─ recv#7 …
 *              └────────────────── group 1 ───────────────────────┘ └── group 2
 */
#include <errno.h>
#include <string.h>

#include "capture/wait.h"

#define OPEN_CAP  128u /* connections followed at a time; the oldest gives way */
#define LOOK_UPS  16u
#define GROUP_CAP 2000u
#define LOOK_NS   200000u

struct open_call {
    uint32_t conn, group;
    bool received;
};

struct joining {
    const struct hp_cap_request *request;
    struct open_call open[OPEN_CAP];
    uint32_t open_count, next, groups;
    uint32_t look_ups[LOOK_UPS], next_look_up; /* 1 + index of a span that waits for its connect */
    uint32_t failed, failed_lane;              /* group of a connect that failed just before */
    uint8_t protocols[GROUP_CAP + 1];
};

static struct open_call *find(struct joining *j, uint32_t conn)
{
    for (uint32_t i = 0; i < j->open_count; i++) {
        if (j->open[i].conn == conn) {
            return &j->open[i];
        }
    }
    struct open_call *call = &j->open[j->next];
    j->next = (j->next + 1) % OPEN_CAP;
    j->open_count += j->open_count < OPEN_CAP;
    *call = (struct open_call){.conn = conn};
    return call;
}

static uint32_t new_group(struct joining *j)
{
    return j->groups < GROUP_CAP ? ++j->groups : 0;
}

static bool on_connection(const struct hp_span *span)
{
    return span->group != 0 && span->kind != HP_WAIT_POLL;
}

static bool is_above(const struct hp_cap_request *request, uint32_t upper, uint32_t lane)
{
    while (lane > upper) {
        lane = request->lanes[lane].parent;
    }
    return lane == upper;
}

/* Whether a look-up on one lane is for a connect on another. */
static bool is_for(const struct hp_cap_request *request, uint32_t look_up, uint32_t connect)
{
    const struct hp_lane *lane = &request->lanes[look_up];
    bool by_task = lane->kind == HP_LANE_POOL && request->lanes[lane->parent].kind == HP_LANE_TASK;
    return look_up == connect || (by_task && is_above(request, lane->parent, connect));
}

/* Look-ups that a span on a connection can be for are used up by it. 1 + the newest one's index; 0: none. */
static uint32_t take_look_up(struct joining *j, const struct hp_span *spans, uint32_t lane)
{
    uint32_t newest = 0;
    for (uint32_t i = 0; i < LOOK_UPS; i++) {
        uint32_t look_up = j->look_ups[i];
        if (look_up != 0 && is_for(j->request, spans[look_up - 1].lane, lane)) {
            newest = look_up > newest ? look_up : newest;
            j->look_ups[i] = 0;
        }
    }
    return newest;
}

/* A look whether more has come, or whether a kept connection is still there. */
static bool is_look(const struct hp_span *span)
{
    return span->kind == HP_WAIT_RECV && span->bytes == 0 && span->t1_ns - span->t0_ns < LOOK_NS;
}

static void join(struct joining *j, struct hp_span *spans, uint32_t i)
{
    struct hp_span *span = &spans[i];
    struct open_call *call = find(j, span->group);
    uint32_t look_up = take_look_up(j, spans, span->lane);
    j->failed = j->failed_lane == span->lane ? j->failed : 0;
    if (call->group == 0 && span->kind == HP_WAIT_CONNECT && j->failed != 0) {
        call->group = j->failed;
    } else if (call->group == 0 || (call->received && span->kind == HP_WAIT_SEND)) {
        call->group = new_group(j);
        call->received = false;
    }
    if (span->kind == HP_WAIT_CONNECT && look_up != 0) {
        spans[look_up - 1].group = call->group;
    }
    j->failed =
        span->kind == HP_WAIT_CONNECT && span->error != 0 && span->error != EINPROGRESS ? call->group : 0;
    j->failed_lane = span->lane;
    span->group = call->received && is_look(span) ? 0 : call->group;
    call->received |= span->kind == HP_WAIT_RECV && span->bytes != 0;
    if (span->protocol != HP_PROTOCOL_UNKNOWN) {
        j->protocols[call->group] = span->protocol;
    }
}

uint32_t hp__calls_join(struct hp_cap_request *request)
{
    struct joining j;
    if (request->span_count == 0) {
        return 0; /* most requests of a page that is quick: `j` is a kilobyte to clear */
    }
    memset(&j, 0, sizeof j);
    j.request = request;
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        if (on_connection(span)) {
            join(&j, request->spans, i);
            continue;
        }
        span->group = 0;
        if (span->kind == HP_WAIT_DNS) {
            j.look_ups[j.next_look_up] = i + 1;
            j.next_look_up = (j.next_look_up + 1) % LOOK_UPS;
        }
    }
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        span->protocol = span->group != 0 ? j.protocols[span->group] : HP_PROTOCOL_UNKNOWN;
    }
    return j.groups;
}
