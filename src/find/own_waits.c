/* own_waits.c -- the time that a cause made of waits takes in one request: what own.c measures before and
 * after an edit.
 *
 *     sequential_io, slow_external                 outgoing calls, from the first byte sent to the last received
 *     connection_churn, tls_churn, dns_repeat      setups of connections, and look-ups by themselves
 *     log_io                                       time in log handlers, and making records
 *     the others                                   waits of their kinds
 *
 * Each stretch is told with the function whose it is; what statements, joins and the server account for is in
 * none.
 */
#include "find/find_int.h"

struct told {
    hp__own_fn fn;
    void *ctx;
};

static hp_err tell(const struct told *to, const struct hp_span *span, uint64_t at_ns, uint64_t ns)
{
    return span->site_sym != 0 && ns != 0 ? to->fn(to->ctx, span->site_sym, span->lane, at_ns, ns) : HP_OK;
}

static hp_err tell_calls(const struct hp__view *view, enum hp_finding_kind kind, bool setup_only,
                         const struct told *to)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < view->call_count && err == HP_OK; i++) {
        const struct hp__call *call = &view->calls[i];
        struct hp_span span = {.site_sym = kind == HP_FIND_sequential_io ? call->loop_sym : call->site_sym,
                               .lane = call->lane};
        if (setup_only) {
            err = tell(to, &span, call->setup0_ns, call->failed ? 0 : call->setup_ns + call->client_ns);
        } else if (!call->db && hp__waits_free_call(view, i)) {
            err = tell(to, &span, call->t0_ns, call->t1_ns > call->t0_ns ? call->t1_ns - call->t0_ns : 0);
        }
    }
    return err;
}

static hp_err tell_waits(const struct hp__view *view, uint32_t kinds, bool alone, const struct told *to)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < view->item_count && err == HP_OK; i++) {
        const struct hp__wait_item *item = &view->items[i];
        bool counts =
            (kinds >> item->span.kind & 1) && hp__waits_free(view, i) && (!alone || item->call == 0);
        err = counts ? tell(to, &item->span, item->span.t0_ns, item->ns) : HP_OK;
    }
    return err;
}

static hp_err tell_logs(const struct hp__view *view, const struct told *to)
{
    const struct hp_notes *notes = &view->sample->record->notes;
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG] && err == HP_OK; i++) {
        const struct hp_log *log = &notes->logs[i];
        struct hp_span span = {.site_sym = log->site_sym, .lane = log->lane};
        err = tell(to, &span, log->t0_ns, hp__log_ns(view, log));
    }
    return err;
}

/* Waits of tasks only: elsewhere they block no loop. */
static hp_err tell_blocking(const struct hp__view *view, const struct told *to)
{
    const struct hp_record *record = view->sample->record;
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < view->item_count && err == HP_OK; i++) {
        const struct hp__wait_item *item = &view->items[i];
        bool blocks = item->span.lane < record->lane_count &&
                      record->lanes[item->span.lane].kind == HP_LANE_TASK &&
                      item->span.kind != HP_WAIT_AWAIT && item->span.kind != HP_WAIT_LOOP &&
                      item->span.kind != HP_WAIT_GIL && hp__waits_free(view, i);
        struct hp_span span = {.site_sym = item->span.site_sym, .lane = hp__waits_lane(item)};
        err = blocks ? tell(to, &span, item->span.t0_ns, item->ns) : HP_OK;
    }
    return err;
}

/* The finding is at the view, wherever in the request the thread waited. */
static hp_err tell_gil(const struct hp__view *view, const struct told *to)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < view->item_count && err == HP_OK; i++) {
        const struct hp__wait_item *item = &view->items[i];
        struct hp_span span = {.site_sym = view->view_sym};
        bool counts = item->span.kind == HP_WAIT_GIL && item->span.lane == 0 && hp__waits_free(view, i);
        err = counts ? tell(to, &span, item->span.t0_ns, item->ns) : HP_OK;
    }
    return err;
}

bool hp__own_of_waits(enum hp_finding_kind kind)
{
    switch (kind) {
    case HP_FIND_connection_churn:
    case HP_FIND_tls_churn:
    case HP_FIND_dns_repeat:
    case HP_FIND_chatty_reads:
    case HP_FIND_sequential_io:
    case HP_FIND_slow_external:
    case HP_FIND_blocking_in_async:
    case HP_FIND_lock_contention:
    case HP_FIND_gil_contention:
    case HP_FIND_sleep:
    case HP_FIND_subprocess:
    case HP_FIND_disk_io:
    case HP_FIND_log_io:
        return true;
    default:
        return false;
    }
}

hp_err hp__own_waits(const struct hp__view *view, enum hp_finding_kind kind, hp__own_fn fn, void *ctx)
{
    const struct told to = {fn, ctx};
    hp_err err = HP_OK;
    switch (kind) {
    case HP_FIND_sequential_io:
    case HP_FIND_slow_external:
        return tell_calls(view, kind, false, &to);
    case HP_FIND_connection_churn:
    case HP_FIND_tls_churn:
    case HP_FIND_dns_repeat:
        err = tell_calls(view, kind, true, &to);
        return err == HP_OK ? tell_waits(view, HP__WAIT(DNS), true, &to) : err;
    case HP_FIND_log_io:
        return tell_logs(view, &to);
    case HP_FIND_blocking_in_async:
        return tell_blocking(view, &to);
    case HP_FIND_chatty_reads:
        return tell_waits(view, HP__WAIT(RECV), false, &to);
    case HP_FIND_lock_contention:
        return tell_waits(view, HP__WAIT(LOCK), false, &to);
    case HP_FIND_gil_contention:
        return tell_gil(view, &to);
    case HP_FIND_sleep:
        return tell_waits(view, HP__WAIT(SLEEP), false, &to);
    case HP_FIND_subprocess:
        return tell_waits(view, HP__WAIT(SUBPROCESS) | HP__WAIT(POLL), false, &to);
    case HP_FIND_disk_io:
        return tell_waits(view, HP__WAIT(DISK), false, &to);
    default:
        return HP_OK;
    }
}
