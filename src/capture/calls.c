/* calls.c -- joins the waits of one outgoing call: look-up, connect, TLS, send, wait for the first byte, receive.
 *
 * A probe tells the connection of each wait by a serial number. On one connection a call is a turn: what is sent and what comes back for it; sending again
 * after receiving begins the next. The first turn takes the connect and handshake along, and a name look-up right before the connect on the same
 * lane; so does a connect that follows a failed one (the next address of a host).
 *
 *     lane 0:  dns ─ connect#7 ─ tls#7 ─ send#7 ─ recv#7 ─ recv#7 │ send#7 ─ recv#7 …
 *              └────────────────── group 1 ───────────────────────┘ └── group 2
 */
#include <errno.h>
#include <string.h>

#include "capture/wait.h"

#define OPEN_CAP  128u /* connections followed at a time; the oldest gives way */
#define GROUP_CAP 2000u

struct open_call {
    uint32_t conn, group;
    bool received;
};

struct joining {
    struct open_call open[OPEN_CAP];
    uint32_t open_count, next, groups;
    uint32_t lane, look_up; /* look_up: 1 + index of a span that waits for its connect */
    uint32_t failed;        /* group of a connect that failed just before */
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

static void join(struct joining *j, struct hp_span *spans, uint32_t i)
{
    struct hp_span *span = &spans[i];
    struct open_call *call = find(j, span->group);
    if (call->group == 0 && span->kind == HP_WAIT_CONNECT && j->failed != 0) {
        call->group = j->failed;
    } else if (call->group == 0 || (call->received && span->kind == HP_WAIT_SEND)) {
        call->group = new_group(j);
        call->received = false;
    }
    if (span->kind == HP_WAIT_CONNECT && j->look_up != 0) {
        spans[j->look_up - 1].group = call->group;
    }
    j->look_up = 0;
    j->failed =
        span->kind == HP_WAIT_CONNECT && span->error != 0 && span->error != EINPROGRESS ? call->group : 0;
    call->received |= span->kind == HP_WAIT_RECV && span->bytes != 0;
    span->group = call->group;
    if (span->protocol != HP_PROTOCOL_UNKNOWN) {
        j->protocols[call->group] = span->protocol;
    }
}

void hp__calls_join(struct hp_cap_request *request)
{
    struct joining j;
    if (request->span_count == 0) {
        return; /* most requests of a page that is quick: `j` is a kilobyte to clear */
    }
    memset(&j, 0, sizeof j);
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        if (span->lane != j.lane) { /* lanes follow one another */
            j.lane = span->lane;
            j.look_up = j.failed = 0;
        }
        if (on_connection(span)) {
            join(&j, request->spans, i);
        } else {
            span->group = 0;
            j.look_up = span->kind == HP_WAIT_DNS ? i + 1 : j.look_up;
        }
    }
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        span->protocol = span->group != 0 ? j.protocols[span->group] : HP_PROTOCOL_UNKNOWN;
    }
}
