/* waits.c -- the waits of one request as the rules see them: what is free to explain, and joined to outgoing
 * calls.
 *
 *     spans, totals ──▶ items (scaled to the totals, with their place and owner) ──group──▶ calls
 *
 *     call:   t0 ─ dns ─ connect ─ tls ─┬─ send ─ recv ─ recv ─ t1          needs no tree: waits carry their own place
 *             └──────── setup ──────────┘ (a database's login belongs to it, up to the lane's next statement)
 *
 * A lock (an event, a queue) for which nobody came before the time ran out is a sleep. What a task does
 * instead of awaiting, although others wait for its loop, has kinds of its own (enum hp__wait_in_task).
 *
 * Not free: waits inside a statement's execution (it is SQL's time), those that a join, a result or the start
 * of a thread accounts for, and the server's own socket (a connection that this request neither opened nor
 * sent on before it read).
 *
 * Beyond the cap on spans only totals are known. A key's spans are scaled to its total; a key without any
 * span becomes one item without a time of its own (`is_rest`), put at its lane's end.
 */
#include <errno.h>
#include <string.h>
#include "find/find_int.h"

#define MAX_SITES 256u
#define MAX_PEERS 16u
#define LOOK_NS   200000u

/* ---- items ---- */

static bool overlaps(const struct hp_span *span, uint64_t t0, uint64_t t1)
{
    uint64_t middle = span->t0_ns + (span->t1_ns - span->t0_ns) / 2;
    return t0 <= middle && middle <= t1;
}

/* 1 + index of the execution that a wait lies in; 0: none. */
static uint32_t statement_of(const struct hp_record *record, const struct hp_span *span)
{
    for (uint32_t i = 0; i < record->stmt_count && record->stmts[i].t0_ns <= span->t1_ns; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (stmt->lane == span->lane && overlaps(span, stmt->t0_ns, stmt->t0_ns + stmt->exec_ns)) {
            return i + 1;
        }
    }
    return 0;
}

/* Whether it waits for another lane, `*other`: HP_NODE_NONE if that is not known, or is one that begins. */
static bool is_for_lane(const struct hp_record *record, const struct hp_span *span, uint32_t *other)
{
    *other = HP_NODE_NONE;
    if (span->kind != HP_WAIT_LOCK && span->kind != HP_WAIT_GIL && span->kind != HP_WAIT_POLL) {
        return false;
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        if (edge->lane == span->lane && edge->kind != HP_EDGE_SPAWN && edge->kind != HP_EDGE_SUBMIT &&
            overlaps(span, edge->t0_ns, edge->t1_ns)) {
            *other = edge->other;
            return true;
        }
    }
    for (uint32_t i = 1; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        if (lane->parent == span->lane &&
            overlaps(span, lane->spawn_ns, lane->spawn_ns + lane->spawn_cost_ns)) {
            return true;
        }
    }
    return false;
}

/* Who waits for the GIL in a statement waits for other threads, not for the database. */
static uint8_t owner_of(const struct hp_record *record, const struct hp__wait_item *item, uint32_t *other)
{
    const struct hp_span *span = &item->span;
    bool in_sql = span->kind == HP_WAIT_DB || (item->statement != 0 && span->kind != HP_WAIT_GIL);
    bool for_lane = is_for_lane(record, span, other);
    return in_sql ? HP__WAIT_IN_SQL : for_lane ? HP__WAIT_FOR_LANE : HP__WAIT_FREE;
}

static uint32_t lane_above(const struct hp_record *record, uint32_t lane)
{
    uint32_t parent = record->lanes[lane].parent;
    return parent < lane ? parent : 0;
}

/* The lane whose event loop runs a task. */
static uint32_t loop_of(const struct hp_record *record, uint32_t task)
{
    while (task != 0 && record->lanes[task].kind == HP_LANE_TASK) {
        task = lane_above(record, task);
    }
    return task;
}

static bool is_above(const struct hp_record *record, uint32_t upper, uint32_t lane)
{
    while (lane > upper) {
        lane = lane_above(record, lane);
    }
    return lane == upper;
}

/* Whether a task shares its loop with another one for a while, of which none waits for the other. */
static bool has_others(const struct hp_record *record, uint32_t lane)
{
    if (lane >= record->lane_count || record->lanes[lane].kind != HP_LANE_TASK) {
        return false;
    }
    for (uint32_t i = 1; i < record->lane_count; i++) {
        const struct hp_lane *task = &record->lanes[i], *own = &record->lanes[lane];
        bool meet = task->spawn_ns < own->end_ns && own->spawn_ns < task->end_ns;
        if (task->kind == HP_LANE_TASK && meet && !is_above(record, i, lane) && i != lane &&
            loop_of(record, i) == loop_of(record, lane)) {
            return true;
        }
    }
    return false;
}

/* Give waits the kinds that the head comment names. */
static void rename_kind(const struct hp_record *record, struct hp__wait_item *item)
{
    struct hp_span *span = &item->span;
    bool waits =
        span->kind == HP_WAIT_LOCK && (item->owner == HP__WAIT_FREE || item->owner == HP__WAIT_FOR_LANE);
    if (waits && span->error == ETIMEDOUT && item->other == HP_NODE_NONE) {
        span->kind = HP_WAIT_SLEEP;
        item->owner = HP__WAIT_FREE;
    } else if (waits && item->other != HP_NODE_NONE && has_others(record, span->lane)) {
        span->kind = HP__WAIT_THREAD;
        item->owner = HP__WAIT_FREE;
    }
}

static bool awaits(const struct hp_record *record, uint32_t lane, uint64_t t0, uint64_t t1)
{
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        if (span->lane == lane && span->kind == HP_WAIT_AWAIT && overlaps(span, t0, t1)) {
            return true;
        }
    }
    return false;
}

/* Statements of tasks, as waits of their own. */
static void add_queries(struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        uint64_t ns = stmt->exec_ns + stmt->fetch_ns, t1 = stmt->t0_ns + ns;
        if (!has_others(record, stmt->lane) || awaits(record, stmt->lane, stmt->t0_ns, t1)) {
            continue;
        }
        struct hp_span span = {.t0_ns = stmt->t0_ns,
                               .t1_ns = t1,
                               .lane = stmt->lane,
                               .node = stmt->node,
                               .kind = HP__WAIT_QUERY,
                               .site_sym = stmt->site_sym,
                               .site_line = stmt->site_line,
                               .via_sym = stmt->via_sym};
        view->items[view->item_count++] = (struct hp__wait_item){
            .span = span, .ns = ns, .count = 1, .statement = i + 1, .other = HP_NODE_NONE};
    }
}

#define OF_VIEW                                                                                              \
    (HP__WAIT(DNS) | HP__WAIT(CONNECT) | HP__WAIT(TLS) | HP__WAIT(SEND) | HP__WAIT(RECV) | HP__WAIT(SLEEP) | \
     HP__WAIT(DISK) | HP__WAIT(SUBPROCESS))

/* Where no application code is on the lane's own stack: the place that started it. On the main lane an
 * extension waits before or around the view (a decorator, a hook): the view is where one sees it, from its
 * first decorator on. */
static void place_in_lane(const struct hp__view *view, struct hp_span *span)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t lane = span->lane; span->site_sym == 0 && lane != 0 && lane < record->lane_count;
         lane = record->lanes[lane].parent) {
        span->site_sym = record->lanes[lane].site_sym;
        span->site_line = record->lanes[lane].site_line;
        span->via_sym = record->lanes[lane].via_sym;
    }
    if (span->site_sym == 0 && span->lane == 0 && (OF_VIEW >> span->kind & 1) && record->req.view_sym != 0) {
        span->site_sym = record->req.view_sym;
        /* The view's own line is its first decorator's, which makes it a route; what wraps the view stands
         * below that. */
        bool wraps = record->req.phase_ns[0] != HP_ABSENT &&
                     record->req.phase_ns[HP_PHASE_BEFORE] < span->t1_ns - span->t0_ns &&
                     record->req.phase_ns[HP_PHASE_VIEW] >= span->t1_ns - span->t0_ns;
        span->site_line = hp_dict_symbol(view->facts->dict, span->site_sym).line + wraps;
    }
}

/* Totals of one key, and what its spans have of it. */
struct sum {
    uint64_t ns, count, bytes, span_ns, spans;
    uint32_t lane, peer, site_sym, site_line;
    const struct hp_wait *first;
    uint8_t kind;
};

static uint32_t find_sum(const struct sum *sums, uint32_t count, uint32_t hint, const struct sum *key)
{
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = hint + k < count ? hint + k : hint + k - count;
        const struct sum *s = &sums[i];
        if (s->lane == key->lane && s->kind == key->kind && s->peer == key->peer &&
            s->site_sym == key->site_sym && s->site_line == key->site_line) {
            return i;
        }
    }
    return count;
}

static bool is_capped(const struct hp_record *record, uint32_t lane)
{
    return lane < record->lane_count && record->lanes[lane].lost_spans != 0;
}

/* The totals of capped lanes, each key once, beside what the items have of them. */
static uint32_t sum_up(const struct hp__view *view, struct sum *sums)
{
    const struct hp_record *record = view->sample->record;
    uint32_t count = 0, last = 0;
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        struct sum key = {.lane = wait->lane,
                          .peer = wait->peer,
                          .site_sym = wait->site_sym,
                          .site_line = wait->site_line,
                          .first = wait,
                          .kind = wait->kind};
        if (!is_capped(record, wait->lane)) {
            continue;
        }
        last = find_sum(sums, count, last, &key);
        if (last == count) {
            sums[count++] = key;
        }
        sums[last].ns += wait->ns;
        sums[last].count += wait->count;
        sums[last].bytes += wait->bytes;
    }
    return count;
}

static struct sum key_of(const struct hp_span *span)
{
    return (struct sum){.lane = span->lane,
                        .peer = span->peer,
                        .site_sym = span->site_sym,
                        .site_line = span->site_line,
                        .kind = span->kind};
}

static struct hp__wait_item rest_item(const struct hp_record *record, const struct sum *sum)
{
    uint64_t end = record->lanes[sum->lane].end_ns;
    struct hp_span span = {.t0_ns = end,
                           .t1_ns = end,
                           .bytes = sum->bytes,
                           .lane = sum->lane,
                           .node = sum->first->node,
                           .peer = sum->peer,
                           .kind = sum->kind,
                           .site_sym = sum->site_sym,
                           .site_line = sum->site_line,
                           .via_sym = sum->first->via_sym};
    return (struct hp__wait_item){.span = span,
                                  .ns = sum->ns,
                                  .count = sum->count,
                                  .other = HP_NODE_NONE,
                                  .owner = sum->kind == HP_WAIT_DB ? HP__WAIT_IN_SQL : HP__WAIT_FREE,
                                  .is_rest = 1};
}

/* Scale the spans of capped lanes to their totals, and add what has no span. */
static hp_err add_lost(struct hp__view *view, struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    struct sum *sums = hp__zeroed(arena, record->wait_count, sizeof *sums);
    if (sums == NULL) {
        return HP_ENOMEM;
    }
    uint32_t count = sum_up(view, sums), last = 0, spans = view->item_count;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < spans; i++) {
            struct hp__wait_item *item = &view->items[i];
            struct sum key = key_of(&item->span);
            last = is_capped(record, key.lane) ? find_sum(sums, count, last < count ? last : 0, &key) : count;
            if (last == count) {
                continue;
            }
            struct sum *sum = &sums[last];
            if (pass == 0) {
                sum->span_ns += item->ns;
                sum->spans++;
            } else if (sum->count > sum->spans && sum->ns > sum->span_ns) {
                double times = (double)sum->count / (double)sum->spans;
                double longer = sum->span_ns != 0 ? (double)sum->ns / (double)sum->span_ns : 1;
                item->ns = (uint64_t)((double)item->ns * longer);
                item->count = (uint64_t)(times + 0.5);
            }
        }
    }
    for (uint32_t k = 0; k < count; k++) {
        if (sums[k].spans == 0) {
            view->items[view->item_count++] = rest_item(record, &sums[k]);
        }
    }
    return HP_OK;
}

/* A driver that tells a logger of each row does so within the statement. */
static void take_logs_off(struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_LOG]; i++) {
        const struct hp_log *log = &record->notes.logs[i];
        struct hp_span span = {.t0_ns = log->t0_ns, .t1_ns = log->t0_ns, .lane = log->lane};
        uint32_t statement = statement_of(record, &span);
        if (statement != 0) {
            view->aside_ns[statement - 1] += log->total_ns;
        }
    }
}

static hp_err make_items(struct hp__view *view, struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    size_t most = (size_t)record->span_count + record->wait_count + record->stmt_count;
    view->items = hp__zeroed(arena, most, sizeof *view->items);
    view->aside_ns = hp__zeroed(arena, record->stmt_count, sizeof *view->aside_ns);
    if (view->items == NULL || view->aside_ns == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        struct hp_span span = record->spans[i];
        span.t1_ns = span.t1_ns > span.t0_ns ? span.t1_ns : span.t0_ns;
        uint32_t statement = statement_of(record, &span);
        uint64_t ns = span.t1_ns - span.t0_ns;
        struct hp__wait_item *item = &view->items[view->item_count++];
        *item = (struct hp__wait_item){.span = span, .ns = ns, .count = 1, .statement = statement};
        item->owner = owner_of(record, item, &item->other);
        if (statement != 0 && span.kind == HP_WAIT_GIL) {
            view->aside_ns[statement - 1] += ns;
        }
    }
    take_logs_off(view);
    hp_err err = record->lane_count != 0 ? add_lost(view, arena) : HP_OK;
    for (uint32_t i = 0; i < view->item_count; i++) {
        rename_kind(record, &view->items[i]);
        place_in_lane(view, &view->items[i].span);
    }
    add_queries(view);
    return err;
}

/* ---- calls ---- */

struct peers { /* servers that statements went to */
    uint32_t list[MAX_PEERS], count;
};

static bool has_peer(const struct peers *peers, uint32_t peer)
{
    for (uint32_t i = 0; i < peers->count; i++) {
        if (peers->list[i] == peer) {
            return true;
        }
    }
    return false;
}

static void find_databases(const struct hp__view *view, struct peers *peers)
{
    peers->count = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp_span *span = &view->items[i].span;
        if (span->kind == HP_WAIT_DB && span->peer != 0 && peers->count < MAX_PEERS &&
            !has_peer(peers, span->peer)) {
            peers->list[peers->count++] = span->peer;
        }
    }
}

static void add_setup(struct hp__call *call, const struct hp__wait_item *item)
{
    const struct hp_span *span = &item->span;
    if (call->setup0_ns == call->setup1_ns) {
        call->setup0_ns = span->t0_ns;
    }
    call->setup1_ns = span->t1_ns > call->setup1_ns ? span->t1_ns : call->setup1_ns;
}

/* A look whether a kept connection is still there, before the next call on it. */
static bool is_look(const struct hp_span *span)
{
    return span->kind == HP_WAIT_RECV && span->bytes == 0 && span->t1_ns - span->t0_ns < LOOK_NS;
}

/* What of an await its event loop waited, too: while that runs other tasks an answer may long be there. */
static uint64_t idle_ns(const struct hp_record *record, const struct hp__wait_item *item)
{
    uint32_t loop = loop_of(record, item->span.lane);
    uint64_t ns = 0;
    bool seen = false;
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *poll = &record->spans[i];
        if (poll->lane == loop && poll->kind == HP_WAIT_POLL) {
            uint64_t t0 = poll->t0_ns > item->span.t0_ns ? poll->t0_ns : item->span.t0_ns;
            uint64_t t1 = poll->t1_ns < item->span.t1_ns ? poll->t1_ns : item->span.t1_ns;
            ns += t1 > t0 ? t1 - t0 : 0;
            seen = true;
        }
    }
    return seen ? ns : item->ns;
}

/* An await of a call counts as what it waited for, `ns`. */
static void add_to_call(struct hp__call *call, const struct hp__wait_item *item, uint8_t kind, uint64_t ns)
{
    const struct hp_span *span = &item->span;
    bool is_await = span->kind == HP_WAIT_AWAIT;
    if (is_look(span)) {
        return;
    }
    if (span->kind == HP_WAIT_DNS) {
        call->name = span->peer;
    } else if (span->peer != 0) {
        call->peer = span->peer;
    }
    call->awaits |= is_await;
    if (call->awaits && span->lane != call->lane) {
        return;
    }
    if (call->t1_ns == call->t0_ns) {
        call->t0_ns = span->t0_ns;
    }
    if (call->node == HP_NODE_NONE && !is_await) {
        call->node = span->node; /* a task that awaits is at none */
    }
    call->t1_ns = span->t1_ns > call->t1_ns ? span->t1_ns : call->t1_ns;
    switch (kind) {
    case HP_WAIT_DNS:
        call->dns_ns += ns;
        add_setup(call, item);
        break;
    case HP_WAIT_CONNECT:
        call->connect_ns += ns;
        call->failed = !is_await && span->error != 0 && span->error != EINPROGRESS;
        add_setup(call, item);
        break;
    case HP_WAIT_TLS:
        call->tls_ns += ns;
        add_setup(call, item);
        break;
    case HP_WAIT_SEND:
        call->sent_bytes += span->bytes;
        break;
    case HP_WAIT_RECV:
        call->more_ns += call->read1_ns != 0 ? ns : 0;
        call->answers |= call->sent_bytes != 0 || call->connect_ns != 0;
        if (!is_await) {
            call->read1_ns = call->read1_ns != 0 ? call->read1_ns : span->t1_ns;
            call->received_bytes += span->bytes;
            call->reads += item->count;
        }
        break;
    default:
        break;
    }
}

/* What a database sends and receives between its connect and the lane's next statement is its login, with all
 * else that the driver or a pool does before it gives the connection away. */
static void add_login(const struct hp__view *view, struct hp__call *call, uint64_t until_ns)
{
    struct hp__wait_item *items = view->items;
    uint64_t login1 = hp__connecting_until(view->sample->record, call->lane, call->setup0_ns);
    login1 = login1 > call->setup1_ns ? login1 : call->setup1_ns;
    for (uint32_t i = call->first_item; i < view->item_count; i++) {
        const struct hp_span *span = &items[i].span;
        if (span->lane != call->lane || span->t0_ns >= until_ns) {
            break;
        }
        bool again = span->kind == HP_WAIT_CONNECT && span->t0_ns > call->setup1_ns;
        if (again) {
            break;
        }
        if (span->peer == call->peer && items[i].owner == HP__WAIT_FREE && !items[i].is_rest) {
            items[i].call = items[call->first_item].call;
            call->last_item = i > call->last_item ? i : call->last_item;
            login1 = span->t1_ns > login1 ? span->t1_ns : login1;
        }
    }
    call->login_ns = login1 - call->setup1_ns;
    call->setup1_ns = login1;
    call->t1_ns = login1 > call->t1_ns ? login1 : call->t1_ns;
}

static uint64_t next_statement_ns(const struct hp__view *view, const struct hp__call *call)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        if (!view->stmt_taken[i] && record->stmts[i].lane == call->lane &&
            record->stmts[i].t0_ns >= call->t0_ns) {
            return record->stmts[i].t0_ns;
        }
    }
    return UINT64_MAX;
}

static void join_databases(struct hp__view *view)
{
    struct peers peers;
    find_databases(view, &peers);
    for (uint32_t i = 0; i < view->call_count; i++) {
        struct hp__call *call = &view->calls[i];
        call->db = call->protocol == HP_PROTOCOL_POSTGRESQL || call->protocol == HP_PROTOCOL_MYSQL ||
                   has_peer(&peers, call->peer);
        if (call->db && call->connect_ns != 0 && view->items[call->first_item].call == i + 1) {
            add_login(view, call, next_statement_ns(view, call));
        }
    }
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct hp__wait_item *item = &view->items[i];
        item->of_database =
            item->call != 0 ? view->calls[item->call - 1].db : has_peer(&peers, item->span.peer);
    }
}

static uint32_t most_group(const struct hp__view *view)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        uint32_t group = view->items[i].span.group;
        most = group > most && group <= HP_SPAN_CAP ? group : most;
    }
    return most;
}

/* A connection that this request did not open, on which it reads or writes only: the client's. */
static void mark_server(struct hp__view *view)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct hp__wait_item *item = &view->items[i];
        const struct hp__call *call = item->call != 0 ? &view->calls[item->call - 1] : NULL;
        bool transfers = item->span.kind == HP_WAIT_RECV || item->span.kind == HP_WAIT_SEND;
        if (call != NULL && transfers && item->owner == HP__WAIT_FREE && !call->answers && !call->db &&
            call->setup0_ns == call->setup1_ns) {
            item->owner = HP__WAIT_SERVER;
        }
    }
}

/* Items begin as the spans do. */
static uint8_t kind_in_call(const struct hp__view *view, uint32_t item)
{
    uint8_t kind = view->items[item].span.kind;
    return kind == HP_WAIT_AWAIT ? hp_record_call_kind(view->sample->record, item) : kind;
}

static hp_err make_calls(struct hp__view *view, struct hp_arena *arena)
{
    uint32_t groups = most_group(view);
    uint32_t *of_group = hp__zeroed(arena, groups + 1, sizeof *of_group);
    view->calls = hp__zeroed(arena, groups, sizeof *view->calls);
    if (of_group == NULL || view->calls == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct hp__wait_item *item = &view->items[i];
        const struct hp_span *span = &item->span;
        if (span->group == 0 || span->group > groups || item->owner != HP__WAIT_FREE) {
            continue;
        }
        if (of_group[span->group] == 0) {
            view->calls[view->call_count++] = (struct hp__call){.t0_ns = span->t0_ns,
                                                                .t1_ns = span->t0_ns,
                                                                .lane = span->lane,
                                                                .node = HP_NODE_NONE,
                                                                .site_sym = span->site_sym,
                                                                .site_line = span->site_line,
                                                                .via_sym = span->via_sym,
                                                                .first_item = i,
                                                                .protocol = span->protocol};
            of_group[span->group] = view->call_count;
        }
        item->call = of_group[span->group];
        view->calls[item->call - 1].last_item = i;
        uint64_t ns = span->kind == HP_WAIT_AWAIT ? idle_ns(view->sample->record, item) : item->ns;
        add_to_call(&view->calls[item->call - 1], item, kind_in_call(view, i), ns);
    }
    join_databases(view);
    mark_server(view);
    return HP_OK;
}

/* Of a stretch in which a task awaits something, that in which no other task of the request keeps the loop by
 * a wait: as long as one does, nobody is told that he could go on. */
static uint64_t unkept_ns(const struct hp__view *view, uint32_t lane, uint64_t from_ns, uint64_t to_ns)
{
    const struct hp_record *record = view->sample->record;
    uint64_t kept_ns = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp_span *span = &view->items[i].span;
        bool keeps = span->kind != HP_WAIT_AWAIT && span->kind != HP_WAIT_LOOP && span->lane != lane &&
                     span->lane < record->lane_count && record->lanes[span->lane].kind == HP_LANE_TASK;
        if (keeps && !view->items[i].is_rest && span->t0_ns < to_ns && span->t1_ns > from_ns) {
            uint64_t t0_ns = span->t0_ns > from_ns ? span->t0_ns : from_ns;
            kept_ns += (span->t1_ns < to_ns ? span->t1_ns : to_ns) - t0_ns;
        }
    }
    return to_ns - from_ns > kept_ns ? to_ns - from_ns - kept_ns : 0;
}

hp_err hp__waits_init(struct hp__view *view, struct hp_arena *arena)
{
    hp_err err = make_items(view, arena);
    err = err == HP_OK ? make_calls(view, arena) : err;
    for (uint32_t i = 0; err == HP_OK && i < view->call_count; i++) {
        struct hp__call *call = &view->calls[i];
        uint64_t waits_ns = call->dns_ns + call->connect_ns + call->tls_ns;
        call->setup_ns = call->awaits ? unkept_ns(view, call->lane, call->setup0_ns, call->setup1_ns)
                                      : call->setup1_ns - call->setup0_ns;
        call->setup_ns = call->awaits && waits_ns < call->setup_ns ? waits_ns : call->setup_ns;
        call->loop_sym = call->site_sym;
        call->loop_line = call->site_line;
    }
    return err;
}

/* ---- with a tree: the library call that sets a connection up ---- */

struct under { /* per node, of its subtree */
    uint32_t setups, uses, calls;
};

static void count_under(const struct hp__view *view, struct under *under)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        under[record->stmts[i].node < tree->count ? record->stmts[i].node : HP_NODE_ROOT].uses +=
            !view->stmt_taken[i];
    }
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        if (item->call != 0 && item->span.node < tree->count && !is_look(&item->span)) {
            under[item->span.node].uses += item->span.t1_ns > view->calls[item->call - 1].setup1_ns;
        }
    }
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct hp__call *call = &view->calls[i];
        if (call->node < tree->count) {
            under[call->node].setups += call->setup_ns != 0;
            under[call->node].calls += call->answers && !call->db;
        }
    }
    for (uint32_t i = tree->count; i-- > 1;) {
        if (tree->nodes[i].kind != HP_NODE_LANE) {
            struct under *up = &under[tree->nodes[i].parent];
            up->setups += under[i].setups;
            up->uses += under[i].uses;
            up->calls += under[i].calls;
        }
    }
}

/* The function that calls this node, past whatever library (the standard one serves requests, too, and is
 * framework there), and where. HP_NODE_NONE: none in the lane. */
static uint32_t calling(const struct hp__view *view, uint32_t node, uint32_t *line)
{
    uint32_t caller = hp__view_caller(view, node, line);
    return caller != HP_NODE_NONE ? view->owner[caller] : HP_NODE_NONE;
}

/* The function that this node is, or that calls it. */
static uint32_t function_of(const struct hp__view *view, uint32_t node)
{
    uint32_t line;
    if (node >= view->sample->tree->count) {
        return HP_NODE_NONE;
    }
    return view->app[node] ? view->owner[node] : calling(view, node, &line);
}

/* Up from the connect: as long as nothing is sent or asked below, it is the connection that the library call
 * is for. */
static void widen_setup(const struct hp__view *view, const struct under *under, struct hp__call *call)
{
    const struct hp_tree *tree = view->sample->tree;
    if (call->setup_ns == 0 || function_of(view, call->node) == HP_NODE_NONE) {
        return;
    }
    for (uint32_t at = call->node; !view->app[at]; at = tree->nodes[at].parent) {
        const struct hp_node *node = &tree->nodes[at];
        if (under[at].uses == 0 && under[at].setups != 0 &&
            node->calls <= under[at].setups + under[at].setups / 4) {
            uint64_t each = node->total / under[at].setups;
            call->setup_ns = each > call->setup_ns ? each : call->setup_ns;
        }
    }
}

/* Up from the function that makes the call to the first that is called less often than calls are made below
 * it. */
static void find_loop(const struct hp__view *view, const struct under *under, struct hp__call *call)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t line = 0, own = function_of(view, call->node), loop = own;
    while (loop != HP_NODE_NONE && tree->nodes[loop].calls >= under[loop].calls) {
        loop = calling(view, loop, &line);
    }
    if (loop != HP_NODE_NONE && loop != own) {
        call->loop_sym = tree->nodes[loop].sym;
        call->loop_line = line != 0 ? line : call->site_line;
    }
}

/* What was placed at the function that the framework calls, where that is a library's wrapper: the view is
 * below it. */
static void place_at_view(struct hp__view *view)
{
    uint32_t outer = view->sample->record->req.view_sym, inner = view->view_sym;
    if (outer == inner || inner == 0 || (hp__facts_of(view->facts, outer) & HP__FACT_APP)) {
        return;
    }
    uint32_t line = hp_dict_symbol(view->facts->dict, inner).line + 1;
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct hp_span *span = &view->items[i].span;
        if (span->site_sym == outer) {
            span->site_sym = inner;
            span->site_line = line;
        }
    }
    for (uint32_t i = 0; i < view->call_count; i++) {
        struct hp__call *call = &view->calls[i];
        if (call->site_sym == outer) {
            call->site_sym = call->loop_sym = inner;
            call->site_line = call->loop_line = line;
        }
    }
}

static bool starts_thread(const struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    for (; node < tree->count && node != HP_NODE_ROOT && !view->app[node]; node = tree->nodes[node].parent) {
        struct hp_symbol sym = hp_dict_symbol(view->facts->dict, tree->nodes[node].sym);
        if (hp_str_eq(sym.name, HP_STR("Thread.start")) && hp_str_eq(sym.file, HP_STR("threading.py"))) {
            return true;
        }
    }
    return false;
}

/* A thread that is nobody's lane (a pool's worker) is waited for until it runs. */
static void leave_starts(struct hp__view *view)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct hp__wait_item *item = &view->items[i];
        bool may = item->owner == HP__WAIT_FREE && item->span.kind == HP_WAIT_LOCK;
        item->owner = may && starts_thread(view, item->span.node) ? HP__WAIT_FOR_LANE : item->owner;
    }
}

hp_err hp__waits_widen(struct hp__view *view, struct hp_arena *arena)
{
    const struct hp_tree *tree = view->sample->tree;
    place_at_view(view);
    leave_starts(view);
    if (view->call_count == 0) {
        return HP_OK;
    }
    struct under *under = hp__zeroed(arena, tree->count, sizeof *under);
    if (under == NULL) {
        return HP_ENOMEM;
    }
    count_under(view, under);
    for (uint32_t i = 0; i < view->call_count; i++) {
        widen_setup(view, under, &view->calls[i]);
        find_loop(view, under, &view->calls[i]);
    }
    return HP_OK;
}

/* ---- picking ---- */

bool hp__waits_free(const struct hp__view *view, uint32_t item)
{
    const struct hp__wait_item *it = &view->items[item];
    uint32_t lane = it->span.lane;
    return it->owner == HP__WAIT_FREE && !it->taken &&
           (it->statement == 0 || !view->stmt_taken[it->statement - 1]) &&
           (lane >= view->sample->record->lane_count || !view->lane_taken[lane]);
}

uint32_t hp__waits_pick(const struct hp__view *view, uint32_t kinds, uint32_t site_sym, uint32_t *at)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp_span *span = &view->items[i].span;
        bool here = site_sym == HP__ANY_SITE ? span->site_sym != 0 : span->site_sym == site_sym;
        if (here && (kinds >> span->kind & 1) && hp__waits_free(view, i)) {
            at[n++] = i;
        }
    }
    return n;
}

uint64_t hp__waits_ns(const struct hp__view *view, const uint32_t *at, uint32_t n)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < n; i++) {
        ns += view->items[at[i]].ns;
    }
    return ns;
}

uint32_t hp__waits_lane(const struct hp__wait_item *item)
{
    return item->span.kind == HP__WAIT_THREAD ? item->other : item->span.lane;
}

hp_err hp__waits_cut(struct hp_arena *arena, const struct hp__view *view, const uint32_t *at, uint32_t n,
                     double share, struct hp__cut *cut)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        const struct hp__wait_item *item = &view->items[at[i]];
        err = hp__cut_add(arena, cut, hp__waits_lane(item), item->span.t0_ns,
                          (uint64_t)((double)item->ns * share));
    }
    return err;
}

/* An ORM may connect or wait inside the library call that runs a statement: that time is not the statement's
 * any more. */
static hp_err take_off_around(struct hp__view *view, const uint32_t *at, uint32_t n, struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    if (tree == NULL || record->stmt_count == 0) {
        return HP_OK;
    }
    uint64_t *below = hp__zeroed(arena, tree->count, sizeof *below);
    uint32_t *executions = hp__zeroed(arena, tree->count, sizeof *executions);
    if (below == NULL || executions == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t node = view->items[at[i]].span.node;
        bool is_statement = view->items[at[i]].span.kind == HP__WAIT_QUERY;
        below[node < tree->count ? node : HP_NODE_ROOT] += is_statement ? 0 : view->items[at[i]].ns;
    }
    for (uint32_t i = tree->count; i-- > 1;) {
        below[tree->nodes[i].parent] += tree->nodes[i].kind != HP_NODE_LANE ? below[i] : 0;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        if (view->entry[i] != HP_NODE_NONE) {
            executions[view->entry[i]]++;
        }
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t entry = view->entry[i];
        uint64_t off = entry != HP_NODE_NONE ? below[entry] / executions[entry] : 0;
        view->around_ns[i] = view->around_ns[i] > off ? view->around_ns[i] - off : 0;
    }
    return HP_OK;
}

hp_err hp__waits_take(struct hp__view *view, const uint32_t *at, uint32_t n, struct hp_arena *arena)
{
    for (uint32_t i = 0; i < n; i++) {
        struct hp__wait_item *item = &view->items[at[i]];
        item->taken = 1;
        if (item->span.kind == HP__WAIT_QUERY) {
            hp__view_take_stmt(view, item->statement - 1);
        }
    }
    return n != 0 ? take_off_around(view, at, n, arena) : HP_OK;
}

hp_err hp__waits_sites(struct hp__find *f, uint32_t kinds, uint32_t **sites, uint32_t *count)
{
    uint32_t *list = hp_arena_alloc(f->arena, MAX_SITES * sizeof *list, _Alignof(uint32_t));
    if (list == NULL) {
        return HP_ENOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp__view *view = &f->views[i];
        for (uint32_t k = 0; k < view->item_count; k++) {
            const struct hp_span *span = &view->items[k].span;
            if (span->site_sym == 0 || !(kinds >> span->kind & 1) || !hp__waits_free(view, k)) {
                continue;
            }
            uint32_t j = 0;
            while (j < n && list[j] != span->site_sym) {
                j++;
            }
            if (j == n && n < MAX_SITES) {
                list[n++] = span->site_sym;
            }
        }
    }
    *sites = list;
    *count = n;
    return HP_OK;
}

uint32_t *hp__waits_room(struct hp__find *f)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        most = f->views[i].item_count > most ? f->views[i].item_count : most;
    }
    return hp_arena_alloc(f->arena, most * sizeof(uint32_t), _Alignof(uint32_t));
}

bool hp__waits_free_call(const struct hp__view *view, uint32_t call)
{
    for (uint32_t i = view->calls[call].first_item; i <= view->calls[call].last_item; i++) {
        if (view->items[i].call == call + 1 && !hp__waits_free(view, i)) {
            return false;
        }
    }
    return true;
}

uint32_t hp__waits_pick_calls(const struct hp__view *view, uint32_t site_sym, uint32_t *at)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct hp__call *call = &view->calls[i];
        bool here = site_sym == HP__ANY_SITE ? call->site_sym != 0 : call->site_sym == site_sym;
        if (here && hp__waits_free_call(view, i)) {
            at[n++] = i;
        }
    }
    return n;
}

uint32_t hp__waits_of_call(const struct hp__view *view, uint32_t call, bool setup_only, uint32_t *at)
{
    const struct hp__call *c = &view->calls[call];
    uint32_t n = 0;
    for (uint32_t i = c->first_item; i <= c->last_item; i++) {
        if (view->items[i].call == call + 1 && (!setup_only || view->items[i].span.t1_ns <= c->setup1_ns)) {
            at[n++] = i;
        }
    }
    return n;
}
