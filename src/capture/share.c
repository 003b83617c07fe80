/* share.c -- lanes that share a thread. Contracts: hotplate/ext/share.h.
 *
 * A lane's processor time is the sum over its stretches: `cpu_start_ns` is the thread's clock at the last
 * time in, `cpu_sum_ns` what the stretches before had. Where it waited goes to the request's waits and spans
 * at once (there is no signal handler or thread without the GIL here, as with probes): a total per (lane,
 * kind, place), found among the last ones.
 */
#include <string.h>

#include "base/cpu.h"
#include "capture/capture_int.h"
#include "capture/wait.h"
#include "hotplate/ext/share.h"

#define LOOK_BACK   32u /* totals that are searched for the same one */
#define TRIES       3
#define JOINED_MOST 64u
#define TOGETHER_NS 50000u

/* ---- clocks ---- */

static bool counts_queue(const struct hp_cap_lane *lane)
{
    return lane != NULL && lane->request != NULL &&
           (lane->runqueue_start_ns != HP_ABSENT ||
            lane->request->lanes[lane->index].runqueue_ns != HP_ABSENT);
}

void hp_cap_clock_read(const struct hp_cap_lane *from, const struct hp_cap_lane *to,
                       struct hp_cap_clock *clock)
{
    bool queue = counts_queue(from) || counts_queue(to);
    for (int i = 0; i < TRIES; i++) {
        clock->ticks = hp_clock_ticks();
        clock->cpu_ns = hp_cpu_ns_at(clock->ticks);
        clock->runqueue_ns = queue ? hp__runqueue_ns() : HP_ABSENT;
        if (hp_clock_ns_of_ticks(hp_clock_ticks() - clock->ticks) < TOGETHER_NS) {
            break; /* else the thread lost its processor in between, and the clocks are not of one moment */
        }
    }
}

uint64_t hp_cap_ticks_before(uint64_t ticks, uint64_t ns)
{
    const uint64_t many = 1u << 30;
    uint64_t back = (uint64_t)((double)ns * (double)many / (double)hp_clock_ns_of_ticks(many));
    return back < ticks ? ticks - back : 0;
}

/* ---- out and in ---- */

static bool runs(const struct hp_cap_lane *lane)
{
    return lane != NULL && lane->request != NULL && lane->begun && !lane->ended;
}

void hp_cap_lane_out(struct hp_cap_lane *lane, const struct hp_cap_clock *clock)
{
    if (!runs(lane) || lane->away_since != 0 || lane->request->facts.level < HP_LEVEL_MONITOR) {
        return;
    }
    struct hp_lane *record = &lane->request->lanes[lane->index];
    lane->away_since = clock->ticks;
    lane->cpu_sum_ns += clock->cpu_ns > lane->cpu_start_ns ? clock->cpu_ns - lane->cpu_start_ns : 0;
    if (lane->runqueue_start_ns != HP_ABSENT && clock->runqueue_ns != HP_ABSENT) {
        uint64_t before = record->runqueue_ns != HP_ABSENT ? record->runqueue_ns : 0;
        record->runqueue_ns = before + (clock->runqueue_ns - lane->runqueue_start_ns);
        lane->runqueue_start_ns = HP_ABSENT;
    }
    lane->request->ran_last = lane->index;
    lane->request->ran_until = clock->ticks;
}

void hp_cap_lane_in(struct hp_cap_lane *lane, const struct hp_cap_clock *clock)
{
    if (!runs(lane) || lane->away_since == 0) {
        return;
    }
    lane->away_ticks += clock->ticks - lane->away_since;
    lane->away_since = 0;
    lane->cpu_start_ns = clock->cpu_ns;
    if (lane->request->lanes[lane->index].runqueue_ns != HP_ABSENT) {
        lane->runqueue_start_ns = clock->runqueue_ns;
    }
}

uint64_t hp_cap_lane_away_since(const struct hp_cap_lane *lane)
{
    return lane->away_since;
}

struct hp_cap_lane_id hp_cap_lane_id(const struct hp_cap_lane *lane)
{
    struct hp_cap_lane_id id = {0, 0, false};
    if (lane != NULL && lane->request != NULL) {
        id = (struct hp_cap_lane_id){lane->request->facts.id, lane->index, lane->ended};
    }
    return id;
}

struct hp_cap_lane_id hp_cap_lane_ran_last(const struct hp_cap_lane *lane, uint64_t *until)
{
    const struct hp_cap_request *request = lane->request;
    struct hp_cap_lane_id id = {0, 0, false};
    if (request != NULL && lane->away_since != 0 && request->ran_until > lane->away_since &&
        request->ran_last != lane->index) {
        *until = request->ran_until;
        id = (struct hp_cap_lane_id){request->facts.id, request->ran_last,
                                     request->lanes[request->ran_last].end_ns != 0};
    }
    return id;
}

bool hp_cap_lane_is_sibling(const struct hp_cap_lane *lane, const struct hp_cap_lane_id *other)
{
    return lane->request != NULL && other->request == lane->request->facts.id && other->lane != lane->index;
}

void hp_cap_edge_from(struct hp_cap_lane *lane, int kind, const struct hp_cap_lane_id *other,
                      uint64_t t0_ticks, struct hp_cap_place place)
{
    hp__cap_edge(lane, kind, hp_cap_lane_is_sibling(lane, other) ? other->lane : HP_NODE_NONE, t0_ticks,
                 hp_clock_ticks(), place);
}

/* Children of a lane that ended after a moment, in order of their ends: the last JOINED_MOST. */
static uint32_t children_ended(const struct hp_cap_lane *lane, uint64_t after, uint32_t *found)
{
    const struct hp_lane *lanes = lane->request->lanes;
    uint32_t count = 0;
    for (uint32_t i = 1; i < lane->request->lane_count; i++) {
        if (lanes[i].parent != lane->index || lanes[i].end_ns <= after) {
            continue;
        }
        uint32_t at = count;
        while (at > 0 && lanes[found[at - 1]].end_ns > lanes[i].end_ns) {
            at--;
        }
        if (count == JOINED_MOST) {
            if (at == 0) {
                continue;
            }
            memmove(found, found + 1, --at * sizeof *found);
        } else {
            memmove(found + at + 1, found + at, (count++ - at) * sizeof *found);
        }
        found[at] = i;
    }
    return count;
}

void hp_cap_lane_woken(struct hp_cap_lane *lane, const struct hp_cap_lane_id *by, uint64_t t0_ticks,
                       struct hp_cap_place place)
{
    uint32_t found[JOINED_MOST];
    if (lane->request == NULL) {
        return;
    }
    uint32_t count = by->ended ? children_ended(lane, t0_ticks, found) : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t end = lane->request->lanes[found[i]].end_ns;
        bool is_last = i + 1 == count;
        hp__cap_edge(lane, HP_EDGE_JOIN, found[i], t0_ticks, is_last ? hp_clock_ticks() : end, place);
        t0_ticks = end;
    }
    if (count == 0) {
        hp_cap_edge_from(lane, by->ended ? HP_EDGE_JOIN : HP_EDGE_WAKE, by, t0_ticks, place);
    }
}

uint64_t hp__share_cpu_ns(const struct hp_cap_lane *lane, uint64_t now)
{
    uint64_t ns = lane->cpu_sum_ns;
    if (lane->away_since == 0) {
        ns += hp_cpu_ns_at(now) - lane->cpu_start_ns;
    }
    return ns;
}

void hp__share_settle(struct hp_cap_lane *lane, uint64_t end)
{
    struct hp_lane *record = &lane->request->lanes[lane->index];
    uint64_t start = lane->index == 0 ? lane->request->start : record->start_ns;
    uint64_t away =
        lane->away_ticks + (lane->away_since != 0 && end > lane->away_since ? end - lane->away_since : 0);
    if (record->runqueue_ns == HP_ABSENT || end < start + away) {
        return;
    }
    uint64_t ran_ns = hp_clock_ns_of_ticks(end - start - away);
    uint64_t cpu_ns = lane->index == 0 ? lane->request->facts.cpu_ns : record->cpu_ns;
    cpu_ns = cpu_ns != HP_ABSENT && cpu_ns < ran_ns ? cpu_ns : cpu_ns == HP_ABSENT ? 0 : ran_ns;
    if (record->runqueue_ns > ran_ns - cpu_ns) {
        record->runqueue_ns = ran_ns - cpu_ns;
    }
}

/* ---- waits ---- */

static bool is_same(const struct hp_wait *a, const struct hp_wait *b)
{
    return a->lane == b->lane && a->kind == b->kind && a->node == b->node && a->peer == b->peer &&
           a->site_sym == b->site_sym && a->site_line == b->site_line && a->via_sym == b->via_sym;
}

/* A lane often waits at one place again and again, and many others in between. */
static struct hp_wait *find_total(struct hp_cap_request *request, struct hp_cap_lane *lane,
                                  const struct hp_wait *wait)
{
    uint32_t hint = lane->last_totals[wait->kind == HP_WAIT_LOOP];
    if (hint < request->wait_count && is_same(&request->waits[hint], wait)) {
        return &request->waits[hint];
    }
    for (uint32_t i = request->wait_count; i > 0 && i + LOOK_BACK > request->wait_count; i--) {
        if (is_same(&request->waits[i - 1], wait)) {
            return &request->waits[i - 1];
        }
    }
    return NULL;
}

static void add_total(struct hp_cap_request *request, struct hp_cap_lane *lane, const struct hp_wait *wait)
{
    struct hp_wait *there = find_total(request, lane, wait);
    if (there != NULL) {
        there->count++;
        there->ns += wait->ns;
        there->max_ns = wait->ns > there->max_ns ? wait->ns : there->max_ns;
        return;
    }
    if (hp__wait_put(request, wait)) {
        lane->last_totals[wait->kind == HP_WAIT_LOOP] = request->wait_count - 1;
    }
}

static void add_span(struct hp_cap_request *request, const struct hp_span *span)
{
    struct hp_span *spans = hp__cap_room(request->cap, request->spans, request->span_count,
                                         &request->span_capacity, HP_SPAN_CAP, sizeof *spans);
    if (spans == NULL) {
        request->lanes[span->lane].lost_spans++;
        return;
    }
    request->spans = spans;
    spans[request->span_count++] = *span;
}

/* One stretch of one kind; ticks, as all times of a request until its end. */
static void add(struct hp_cap_lane *lane, const struct hp_cap_away *away, int kind, uint64_t t0, uint64_t t1)
{
    struct hp_cap_request *request = lane->request;
    uint32_t node = hp__cap_lane_node(lane);
    if (t1 < t0 || (t1 == t0 && kind == HP_WAIT_LOOP)) {
        return; /* an empty wait of another kind counts: it was one, and over before others gave way */
    }
    add_total(request, lane,
              &(struct hp_wait){.count = 1,
                                .ns = t1 - t0,
                                .max_ns = t1 - t0,
                                .lane = lane->index,
                                .node = node,
                                .site_sym = away->place.site_sym,
                                .site_line = away->place.site_line,
                                .via_sym = away->place.via_sym,
                                .kind = (uint8_t)kind});
    if (away->span && t0 < t1) {
        add_span(request, &(struct hp_span){.t0_ns = t0,
                                            .t1_ns = t1,
                                            .lane = lane->index,
                                            .node = node,
                                            .site_sym = away->place.site_sym,
                                            .site_line = away->place.site_line,
                                            .via_sym = away->place.via_sym,
                                            .kind = (uint8_t)kind});
    }
}

void hp_cap_lane_waited(struct hp_cap_lane *lane, const struct hp_cap_away *away)
{
    if (!runs(lane) || lane->request->facts.level < HP_LEVEL_MONITOR) {
        return;
    }
    uint64_t ready = away->ready < away->t0 ? away->t0 : away->ready > away->t1 ? away->t1 : away->ready;
    add(lane, away, away->kind, away->t0, ready);
    add(lane, away, HP_WAIT_LOOP, ready, away->t1);
    lane->request->lanes[lane->index].await_ns += ready - away->t0;
}

void hp__share_close(struct hp_cap_lane *lane, uint64_t end)
{
    if (runs(lane) && lane->away_since != 0 &&
        lane->index != 0) { /* the main lane is out between parts of the body */
        struct hp_cap_away away = {
            .t0 = lane->away_since, .ready = end, .t1 = end, .kind = HP_WAIT_AWAIT, .span = true};
        hp_cap_lane_waited(lane, &away);
    }
}

/* ---- moments ---- */

struct hp_cap_moment hp_cap_moment_of(struct hp_cap_lane *lane, struct hp_cap_place place)
{
    hp_cap_lane_ref(lane);
    return (struct hp_cap_moment){lane, hp_clock_ticks(), hp__cap_lane_node(lane), place};
}

void hp_cap_moment_drop(struct hp_cap_moment *moment)
{
    if (moment->lane != NULL) {
        hp_cap_lane_unref(moment->lane);
        moment->lane = NULL;
    }
}

struct hp_cap_lane *hp_cap_lane_spawn_from(const struct hp_cap_moment *moment, int kind)
{
    struct hp_cap_lane *lane = hp_cap_lane_spawn(moment->lane, kind, moment->place);
    if (lane != NULL) {
        struct hp_lane *record = &lane->request->lanes[lane->index];
        record->parent_node = moment->node;
        record->spawn_ns = moment->ticks;
    }
    return lane;
}
