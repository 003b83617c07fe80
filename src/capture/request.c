/* request.c -- a request from begin to the facts it gathers; finish.c ends it.
 *
 * Contexts are pooled, last in first out, with their arrays, lanes' stacks and tree, so that a warm request
 * allocates nothing. The order of the clocks in begin: CPU first, ticks last, so that neither our own work
 * nor the slow CPU clock is inside the request.
 */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "capture/capture_int.h"

#define FIRST_ROOM        8u
#define CALIBRATE_ROUNDS  16u
#define CALIBRATE_QUERIES 32u

void *hp__cap_room(struct hp_cap *capture, void *array, uint32_t count, uint32_t *capacity, uint32_t cap,
                   size_t size)
{
    if (count < *capacity) {
        return array;
    }
    if (*capacity >= cap || hp__cap_fails(capture, HP_FAIL_ALLOC)) {
        return NULL;
    }
    uint32_t more = *capacity != 0 ? *capacity * 2 : FIRST_ROOM;
    more = more < cap ? more : cap;
    void *grown = hp_realloc(array, more * size);
    if (grown != NULL) {
        *capacity = more;
    }
    return grown;
}

/* ---- the pool ---- */

void hp__cap_request_free(struct hp_cap_request *request)
{
    hp_tree_free(request->tree);
    hp_free(request->objects);
    hp_free(request->lanes);
    hp_free(request->edges);
    hp_free(request->stmts);
    hp_free(request->stmt_groups);
    hp_free(request->groups);
    hp_free(request->waits);
    hp_free(request->spans);
    hp_free(request->holders);
    hp_free(request->steps);
    hp_free(request->group_slots);
    hp__cap_notes_free(request);
    hp_free(request);
}

static struct hp_cap_request *take(struct hp_cap *cap)
{
    struct hp_cap_request *request = cap->idle_requests;
    if (hp__cap_fails(cap, HP_FAIL_ALLOC)) {
        return NULL;
    }
    if (request != NULL) {
        cap->idle_requests = request->next;
        cap->idle_request_count--;
    } else {
        request = hp_calloc(1, sizeof *request);
        if (request == NULL) {
            return NULL;
        }
        request->cap = cap;
    }
    request->before = NULL;
    request->next = cap->live_requests;
    if (request->next != NULL) {
        request->next->before = request;
    }
    cap->live_requests = request;
    cap->live_request_count++;
    return request;
}

static void unlist(struct hp_cap_request *request)
{
    struct hp_cap *cap = request->cap;
    if (request->before != NULL) {
        request->before->next = request->next;
    } else {
        cap->live_requests = request->next;
    }
    if (request->next != NULL) {
        request->next->before = request->before;
    }
    cap->live_request_count--;
}

/* Make the tree small again if this request made it large, and count what it holds. */
static __attribute__((noinline)) void trim_tree(struct hp_cap_request *request)
{
    struct hp_tree *tree = request->tree;
    if (tree->count > HP_TREE_KEEP) {
        if (tree->capacity > 2 * HP_TREE_KEEP) {
            hp_tree_free(tree);
            request->tree = NULL;
        } else {
            hp_tree_clear(tree);
        }
    }
    uint64_t bytes = request->tree != NULL
                         ? (uint64_t)request->tree->capacity * sizeof *tree->nodes +
                               ((uint64_t)request->tree->slot_mask + 1) * sizeof *tree->slots
                         : 0;
    request->cap->tree_bytes += bytes - request->tree_bytes;
    request->tree_bytes = bytes;
}

void hp__cap_request_recycle(struct hp_cap_request *request)
{
    struct hp_cap *cap = request->cap;
    hp__cap_request_disown(request);
    if (request->samples != NULL) {
        hp__sampling_recycle(request);
    }
    if (request->lane_count > 0) {
        hp_cap_lane_unref(request->objects[0]);
        request->lane_count = 0;
    }
    unlist(request);
    if (request->tree != NULL) {
        trim_tree(request);
    }
    if (cap->closed || cap->idle_request_count >= HP_POOL_REQUESTS) {
        cap->tree_bytes -= request->tree_bytes;
        hp__cap_request_free(request);
        hp__cap_release(cap);
        return;
    }
    request->next = cap->idle_requests;
    cap->idle_requests = request;
    cap->idle_request_count++;
}

void hp__cap_request_disown(struct hp_cap_request *request)
{
    for (uint32_t i = 0; i < request->lane_count; i++) {
        struct hp_cap_lane *lane = request->objects[i];
        if (lane != NULL) {
            lane->tree = NULL;
            lane->request = NULL;
            request->objects[i] = i == 0 ? lane : NULL;
        }
    }
    request->dead = true;
}

/* ---- begin ---- */

/* Another number for each request: a bijection of the count (the finaliser of splitmix64), so never twice in
 * a process; never 0. */
static uint64_t next_id(struct hp_cap *cap)
{
    uint64_t z;
    do {
        z = cap->id_base + ++cap->id_count * 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
    } while (z == 0);
    return z;
}

static void reset(struct hp_cap_request *request, int level, int kind, bool keep)
{
    struct hp_cap *cap = request->cap;
    request->facts = (struct hp_request){
        .id = next_id(cap),
        .seq = keep ? 0 : ++cap->seq,
        .cpu_ns = HP_ABSENT,
        .first_byte_ns = HP_ABSENT,
        .queue_ns = HP_ABSENT,
        .gil_ns = HP_ABSENT,
        .runqueue_ns = HP_ABSENT,
        .gc_ns = HP_ABSENT,
        .bytes_in = HP_ABSENT,
        .bytes_out = HP_ABSENT,
        .alloc_bytes = HP_ABSENT,
        .alloc_blocks = HP_ABSENT,
        .rss_growth_bytes = HP_ABSENT,
        .phase_ns = {HP_ABSENT},
        .revision = cap->revision,
        .weight = 1,
        .kind = (uint8_t)kind,
        .level_asked = (uint8_t)level,
        .level = (uint8_t)level,
    };
    request->first_byte = 0;
    request->phase = HP_PHASE_OUTER;
    memset(request->phase_ticks, 0, sizeof request->phase_ticks);
    request->keep = keep;
    request->owner = NULL;
    request->insisted = false;
    request->slow_ns = cap->slow_ns;
    request->flight = !keep && cap->flight != NULL && level == HP_LEVEL_MONITOR;
    request->dead = request->frozen = request->tree_lost = request->tree_used = false;
    if (request->group_count != 0) {
        memset(request->group_slots, 0, HP_GROUP_SLOTS * sizeof *request->group_slots);
    }
    request->lane_count = request->edge_count = request->stmt_count = request->group_count = 0;
    request->wait_count = request->span_count = request->holder_count = request->step_count = 0;
    request->ran_last = 0;
    request->ran_until = 0;
    request->sql_ticks = request->sql_fetch_ns = 0;
    request->sql_count = 0;
    hp__cap_notes_reset(request);
}

/* The tree of a traced request, at its root. Without memory the request goes on as `monitor`. */
static void begin_tree(struct hp_cap_request *request)
{
    if (request->tree == NULL && !hp__cap_fails(request->cap, HP_FAIL_ALLOC)) {
        request->tree = hp_tree_new(request->cap->dict, HP_TREE_CAP);
        if (request->tree != NULL) {
            hp_tree_hold(request->tree, HP_TREE_HOLD);
        }
    }
    if (request->tree == NULL) {
        request->facts.level = request->flight ? request->facts.level : HP_LEVEL_MONITOR;
        request->flight = false;
        request->facts.flags |= HP_REQ_TRUNCATED;
        request->tree_lost = true;
        return;
    }
    hp_tree_begin(request->tree);
    request->tree->nodes[HP_NODE_ROOT].calls = 1;
    request->objects[0]->tree = request->tree;
}

/* A request with its main lane, clocks not yet read. */
static struct hp_cap_request *make(struct hp_cap *cap, int level, int kind, bool keep)
{
    struct hp_cap_request *request = take(cap);
    if (request == NULL) {
        return NULL;
    }
    reset(request, level, kind, keep);
    struct hp_cap_lane *lane = hp__cap_lane_take(cap);
    if (lane == NULL || !hp__cap_lane_enlist(request, lane, HP_LANE_MAIN)) {
        hp__cap_request_recycle(request);
        if (lane != NULL) {
            hp_cap_lane_unref(lane);
        }
        return NULL;
    }
    if (level >= HP_LEVEL_TRACE || request->flight) {
        begin_tree(request);
    }
    if (level == HP_LEVEL_SAMPLE) {
        hp__sampling_begin(request);
    }
    return request;
}

static __thread bool has_served __attribute__((tls_model("initial-exec"))); /* this thread, before */

#define WALL_EVERY_NS 1000000u

/* The wall clock at `now`, read anew when the last reading is a millisecond old: nobody sets it in between
 * that we would miss for longer. A tick from before that reading wraps, and reads it, too. */
static uint64_t wall_ns_at(struct hp_cap *cap, uint64_t now)
{
    uint64_t since_ns = hp_clock_ns_of_ticks(now - cap->wall_ticks);
    if (since_ns >= WALL_EVERY_NS) {
        cap->wall_ns = hp_clock_wall_ns();
        cap->wall_ticks = now;
        since_ns = 0;
    }
    return cap->wall_ns + since_ns;
}

struct hp_cap_request *hp_cap_request_begin(struct hp_cap *cap, int level, int kind, bool keep,
                                            const void *frame, uint64_t now)
{
    if (!keep) {
        hp__cap_want_ring(cap);
        hp__cap_count_own(cap, HP_RING_STARTED, 1);
    }
    struct hp_cap_request *request = make(cap, level, kind, keep);
    if (request == NULL) {
        if (!keep) {
            hp__cap_count(cap, HP_RING_DROPPED_MEMORY, 1);
        }
        return NULL;
    }
    request->facts.start_wall_ns = wall_ns_at(cap, now);
    request->facts.flags |= has_served ? 0 : HP_REQ_NEW_THREAD;
    has_served = true;
    struct hp_cap_lane *lane = request->objects[0];
    if (request->facts.level >= HP_LEVEL_MONITOR) {
        hp__cap_memory_begin(cap, now);
    }
    request->start = hp__cap_lane_clocks(lane);
    request->phase_since = request->start;
    request->lanes[0].start_ns = request->lanes[0].spawn_ns = request->start;
    hp__cap_lane_bottom(lane, HP_NODE_ROOT, frame, request->start);
    return request;
}

struct hp_cap_lane *hp_cap_request_lane(struct hp_cap_request *request)
{
    return request->objects[0];
}

uint64_t hp_cap_request_id(const struct hp_cap_request *request)
{
    return request->facts.id;
}

bool hp_cap_request_kept(const struct hp_cap_request *request)
{
    return request->keep;
}

bool hp_cap_request_routed(const struct hp_cap_request *request)
{
    return request->facts.route != 0;
}

int hp_cap_request_level(const struct hp_cap_request *request)
{
    return request->facts.level;
}

/* ---- facts ---- */

void hp_cap_request_route(struct hp_cap_request *request, uint32_t route, uint32_t view_sym)
{
    request->facts.route = route;
    request->facts.view_sym = view_sym;
}

void hp_cap_request_set_owner(struct hp_cap_request *request, void *owner)
{
    request->owner = owner;
}

void *hp_cap_request_owner(const struct hp_cap_request *request)
{
    return request->owner;
}

/* Its level as the budget counts: the flight recorder is a step between monitor and trace. */
static int budget_step(const struct hp_cap_request *request)
{
    return request->flight ? HP_LEVEL_SAMPLE : request->facts.level;
}

/* Half a tree would mislead. */
static void drop_trees(struct hp_cap_request *request)
{
    for (uint32_t i = 0; i < request->lane_count; i++) {
        if (request->objects[i] != NULL) {
            request->objects[i]->tree = NULL;
        }
    }
}

/* Go on at a lower level, for good. */
static void lower(struct hp_cap_request *request, int level, int reason)
{
    struct hp_request *facts = &request->facts;
    if (level >= facts->level) {
        return;
    }
    if (facts->level_reason == HP_REASON_ASKED) {
        facts->level_asked = facts->level;
        facts->level_reason = (uint8_t)reason;
    }
    facts->flags |= reason == HP_REASON_BUDGET ? HP_REQ_LOWERED : 0;
    if (facts->level == HP_LEVEL_TRACE) {
        drop_trees(request);
    }
    facts->level = (uint8_t)level;
    if (level == HP_LEVEL_SAMPLE) {
        hp__sampling_begin(request);
    } else {
        hp__sampling_recycle(request);
    }
    hp__slot_moved(request->objects[0]);
}

static void stop_flight(struct hp_cap_request *request)
{
    if (request->flight) {
        drop_trees(request);
        request->flight = false;
    }
}

static void obey_rule(struct hp_cap_request *request)
{
    struct hp_cap *cap = request->cap;
    if (atomic_load_explicit(&cap->new_levels, memory_order_relaxed) != NULL) {
        hp_free(cap->levels);
        cap->levels = atomic_exchange(&cap->new_levels, NULL);
    }
    const struct hp_level_rule *rule =
        cap->levels != NULL ? hp_levels_find(cap->levels, cap->dict, request->facts.route) : NULL;
    if (rule == NULL) {
        return;
    }
    bool sampled = rule->level != HP_LEVEL_SAMPLE || atomic_load(&cap->sampling) != NULL;
    lower(request, sampled ? rule->level : HP_LEVEL_MONITOR, HP_REASON_ROUTE);
    if (request->facts.level == HP_LEVEL_COUNT) {
        stop_flight(request);
    }
    request->slow_ns = rule->over_ns != 0 ? rule->over_ns : request->slow_ns;
}

static void obey_budget(struct hp_cap_request *request)
{
    struct hp_budget *budget = request->cap->budget;
    if (budget != NULL) {
        int level = hp_budget_level(budget, request->facts.route, budget_step(request),
                                    hp_clock_mono_ns_at(hp_clock_ticks()));
        if (level < HP_LEVEL_SAMPLE) { /* the recorder goes first */
            stop_flight(request);
        }
        lower(request, level, HP_REASON_BUDGET);
    }
}

void hp_cap_request_insist(struct hp_cap_request *request)
{
    request->insisted = true;
    request->slow_ns = 0;
}

int hp_cap_request_allow(struct hp_cap_request *request)
{
    if (!request->keep && !request->insisted && !request->frozen && !request->dead) {
        obey_rule(request);
        obey_budget(request);
    }
    return request->facts.level;
}

/* What does not fit into memory leaves what was obeyed so far. */
static void take_levels(struct hp_cap *cap, struct hp_str text)
{
    struct hp_levels *levels = hp_malloc(sizeof *levels);
    if (levels != NULL) {
        hp_err err = hp_levels_read(levels, text, NULL);
        (void)err; /* then there is no rule: whoever wrote it was told */
        hp_free(atomic_exchange(&cap->new_levels, levels));
    }
}

static void take_redact(struct hp_cap *cap, struct hp_str text)
{
    struct hp_redact *redact = hp_malloc(sizeof *redact);
    if (redact != NULL) {
        hp_err err = hp_redact_read(redact, text, NULL);
        (void)err; /* likewise; the words before hold */
        hp_free(atomic_exchange(&cap->new_redact, redact));
    }
}

void hp__cap_setting_take(void *ctx, struct hp_str key, struct hp_str text)
{
    if (hp_str_eq(key, HP_STR(HP_LEVELS_KEY))) {
        take_levels(ctx, text);
    } else {
        take_redact(ctx, text);
    }
}

static __attribute__((noinline)) void note_budget(const struct hp_cap_request *request)
{
    const struct hp_request *facts = &request->facts;
    uint64_t busy_ns = facts->cpu_ns != HP_ABSENT ? facts->cpu_ns : facts->wall_ns;
    uint64_t base_ns = busy_ns > facts->own_ns ? busy_ns - facts->own_ns : 1;
    hp_budget_note(request->cap->budget, facts->route, budget_step(request),
                   facts->own_ns + hp__sampling_cost_ns(request), base_ns, hp_clock_mono_ns_at(request->end));
}

void hp__cap_budget_note(struct hp_cap_request *request)
{
    if (request->cap->budget != NULL && !request->insisted) {
        note_budget(request);
    }
}

void hp_cap_request_status(struct hp_cap_request *request, int status)
{
    request->facts.status = (uint16_t)status;
}

void hp_cap_request_bytes(struct hp_cap_request *request, int64_t in, int64_t out_more)
{
    if (in >= 0) {
        request->facts.bytes_in = (uint64_t)in;
    }
    if (out_more >= 0) {
        uint64_t so_far = request->facts.bytes_out != HP_ABSENT ? request->facts.bytes_out : 0;
        request->facts.bytes_out = so_far + (uint64_t)out_more;
    }
}

void hp_cap_request_first_byte(struct hp_cap_request *request)
{
    if (request->first_byte == 0) {
        request->first_byte = hp_clock_ticks();
    }
}

void hp_cap_request_flag(struct hp_cap_request *request, uint32_t flags)
{
    request->facts.flags |= flags;
}

void hp_cap_request_level_reason(struct hp_cap_request *request, int asked, int reason)
{
    request->facts.level_asked = (uint8_t)asked;
    request->facts.level_reason = (uint8_t)reason;
}

void hp_cap_request_exception(struct hp_cap_request *request, uint32_t type_string, uint64_t group)
{
    request->facts.exception_type = type_string;
    request->facts.exception_group = group;
    request->facts.flags |= HP_REQ_EXCEPTION;
}

void hp_cap_request_queue(struct hp_cap_request *request, uint64_t queue_ns)
{
    request->facts.queue_ns = queue_ns;
}

uint64_t hp_cap_request_queued(const struct hp_cap_request *request)
{
    return request->facts.queue_ns;
}

void hp_cap_request_trace(struct hp_cap_request *request, const uint64_t trace_id[2], uint64_t parent_span)
{
    request->facts.trace_id[0] = trace_id[0];
    request->facts.trace_id[1] = trace_id[1];
    request->facts.parent_span = parent_span;
}

int hp_cap_request_phase(struct hp_cap_request *request, int phase)
{
    int before = request->phase;
    if (request->frozen || phase < 0 || phase >= HP_PHASE_COUNT) {
        return before;
    }
    if (request->facts.level >= HP_LEVEL_MONITOR) {
        uint64_t now = hp_clock_ticks();
        request->phase_ticks[before] += now - request->phase_since;
        request->phase_since = now;
    }
    request->phase = phase;
    return before;
}

void hp_cap_request_so_far(const struct hp_cap_request *request, uint64_t *wall_ns, uint64_t *sql_ns,
                           uint32_t *sql_count)
{
    *wall_ns =
        request->frozen ? request->facts.wall_ns : hp_clock_ns_of_ticks(hp_clock_ticks() - request->start);
    *sql_ns = hp_clock_ns_of_ticks(request->sql_ticks) + request->sql_fetch_ns;
    *sql_count = request->sql_count;
}

/* ---- what we cost ---- */

/* Time of ours that falls inside one request's measured time, per request and per query: the least of some
 * empty ones. */
void hp__cap_calibrate(struct hp_cap *cap)
{
    uint64_t request_ns = UINT64_MAX, sql_ticks = UINT64_MAX;
    for (uint32_t round = 0; round < CALIBRATE_ROUNDS; round++) {
        struct hp_cap_request *request = make(cap, HP_LEVEL_MONITOR, 0, true);
        if (request == NULL) {
            break;
        }
        request->start = request->phase_since = hp_clock_ticks();
        hp__cap_lane_bottom(request->objects[0], HP_NODE_ROOT, NULL, request->start);
        hp__cap_request_freeze(request);
        request_ns = request->facts.wall_ns < request_ns ? request->facts.wall_ns : request_ns;
        hp__cap_request_recycle(request);
    }
    struct hp_cap_request *request = make(cap, HP_LEVEL_MONITOR, 0, true);
    for (uint32_t round = 0; request != NULL && round < CALIBRATE_ROUNDS; round++) {
        uint64_t t0 = hp_clock_ticks();
        for (uint32_t i = 0; i < CALIBRATE_QUERIES; i++) {
            uint32_t number =
                hp_cap_sql_begin(request->objects[0], 1, (struct hp_cap_place){1, 1, 0}, 0, 0, 0, 0, 0);
            hp_cap_sql_end(request->objects[0], number, 0, false);
        }
        uint64_t ticks = (hp_clock_ticks() - t0) / CALIBRATE_QUERIES;
        sql_ticks = ticks < sql_ticks ? ticks : sql_ticks;
    }
    uint64_t note_ticks = UINT64_MAX;
    for (uint32_t round = 0; request != NULL && round < CALIBRATE_ROUNDS; round++) {
        bool fresh;
        uint64_t t0 = hp_clock_ticks();
        for (uint32_t i = 0; i < CALIBRATE_QUERIES; i++) {
            uint32_t row = hp_cap_template(request->objects[0], 0, 1, 1, &fresh);
            hp_cap_template_leave(request->objects[0], hp_cap_template_enter(request->objects[0], row));
        }
        uint64_t ticks = (hp_clock_ticks() - t0) / CALIBRATE_QUERIES;
        note_ticks = ticks < note_ticks ? ticks : note_ticks;
    }
    cap->note_cost_ns = note_ticks != UINT64_MAX ? hp_clock_ns_of_ticks(note_ticks) : 0;
    if (request != NULL) {
        hp__cap_request_recycle(request);
    }
    cap->request_cost_ns = request_ns != UINT64_MAX ? request_ns : 0;
    cap->sql_cost_ns = sql_ticks != UINT64_MAX ? hp_clock_ns_of_ticks(sql_ticks) : 0;
}
