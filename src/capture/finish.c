/* finish.c -- the end of a request: time stops, ticks become nanoseconds, the record is encoded and pushed.
 *
 * Sums are exact: the main lane's selfs add up to the request's ticks (lane.c), and what rounding to
 * nanoseconds takes off goes to the root's self and to the longest phase, so that the tree's total and the
 * sum of the phases are the wall time to the nanosecond.
 *
 * When the ring is full the record is tried again without its tree (dropped_tree), then it is dropped
 * (dropped_ring).
 */
#include <string.h>

#include "base/assert.h"
#include "capture/capture_int.h"
#include "capture/plain.h"
#include "capture/wait.h"

/* ---- freeze ---- */

static uint64_t since(const struct hp_cap_request *request, uint64_t tick)
{
    return tick > request->start ? hp_clock_ns_of_ticks(tick - request->start) : 0;
}

/* Ticks → ns in the whole tree; returns the main lane's sum and counts its calls. */
static uint64_t convert_tree(struct hp_tree *tree, uint64_t *calls)
{
    uint64_t sum_ns = 0;
    *calls = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        struct hp_node *node = &tree->nodes[i];
        if (node->epoch != tree->epoch) {
            continue;
        }
        node->self = hp_clock_ns_of_ticks(node->self);
        if (node->lane == HP_NODE_ROOT) {
            sum_ns += node->self;
            *calls += node->kind != HP_NODE_GC ? node->calls + node->resumes : 0;
        }
    }
    *calls -= 1; /* the root's */
    return sum_ns;
}

static void convert_phases(struct hp_cap_request *request)
{
    struct hp_request *facts = &request->facts;
    uint64_t sum_ns = 0;
    int longest = 0;
    request->phase_ticks[request->phase] += request->end - request->phase_since;
    for (int i = 0; i < HP_PHASE_COUNT; i++) {
        facts->phase_ns[i] = hp_clock_ns_of_ticks(request->phase_ticks[i]);
        sum_ns += facts->phase_ns[i];
        longest = facts->phase_ns[i] > facts->phase_ns[longest] ? i : longest;
    }
    facts->phase_ns[longest] += facts->wall_ns - sum_ns; /* wraps rightly where the sum is the larger */
}

/* Close lane `i`, of which nobody may hold the object any more. */
static void close_lane(struct hp_cap_request *request, uint32_t i)
{
    struct hp_lane *record = &request->lanes[i];
    struct hp_cap_lane *lane = request->objects[i];
    if (lane != NULL) {
        hp__share_close(lane, request->end);
        if (lane->away_since != 0 && !lane->ended) {
            record->cpu_ns = hp__share_cpu_ns(lane, request->end);
        }
        hp__cap_lane_stop(lane, request->end);
        hp__cap_lane_reckon(lane);
        if (lane->begun && !lane->ended) {
            hp__share_settle(lane, request->end);
        }
        record = &request->lanes[i];
    }
    bool open = record->end_ns == 0 && i != 0;
    uint64_t start =
        record->start_ns != 0 ? record->start_ns : request->end; /* not begun: where it could have, at most */
    uint64_t end = record->end_ns != 0 ? record->end_ns : request->end;
    record->start_ns = since(request, start);
    record->end_ns = since(request, end);
    record->spawn_ns = since(request, record->spawn_ns);
    record->spawn_cost_ns = hp_clock_ns_of_ticks(record->spawn_cost_ns);
    record->await_ns = hp_clock_ns_of_ticks(record->await_ns);
    record->flags = (uint8_t)(record->flags | (open ? HP_LANE_OPEN : 0));
    uint64_t wall_ns = record->end_ns - record->start_ns;
    if (record->cpu_ns != HP_ABSENT && record->cpu_ns > wall_ns) {
        record->cpu_ns = wall_ns; /* its clock is read outside of the wall's */
    }
}

/* Whether there is anything but waits for convert_events to do: a request of nothing but its own code has
 * none of it. */
static bool has_events(const struct hp_cap_request *request)
{
    return (request->edge_count | request->stmt_count | request->step_count | request->group_count |
            request->holder_count) != 0;
}

static __attribute__((noinline)) void convert_events(struct hp_cap_request *request)
{
    for (uint32_t i = 0; i < request->edge_count; i++) {
        request->edges[i].t0_ns = since(request, request->edges[i].t0_ns);
        request->edges[i].t1_ns = since(request, request->edges[i].t1_ns);
    }
    for (uint32_t i = 0; i < request->stmt_count; i++) {
        request->stmts[i].t0_ns = since(request, request->stmts[i].t0_ns);
        uint64_t ticks = request->stmts[i].exec_ns;
        request->stmts[i].exec_ns = ticks != HP_ABSENT ? hp_clock_ns_of_ticks(ticks) : 0; /* still open */
    }
    for (uint32_t i = 0; i < request->step_count; i++) {
        request->steps[i].t0_ns = since(request, request->steps[i].t0_ns);
        request->steps[i].ns = hp_clock_ns_of_ticks(request->steps[i].ns);
    }
    for (uint32_t i = 0; i < request->group_count; i++) {
        request->groups[i].exec_ns = hp_clock_ns_of_ticks(request->groups[i].exec_ns);
        request->groups[i].max_ns = hp_clock_ns_of_ticks(request->groups[i].max_ns);
    }
    for (uint32_t i = 0; i < request->stmt_count; i++) { /* rows are fetched after the end of the execution */
        uint64_t ns = request->stmts[i].exec_ns + request->stmts[i].fetch_ns;
        uint32_t group = request->stmt_groups[i];
        if (group < request->group_count && ns > request->groups[group].max_ns) {
            request->groups[group].max_ns = ns;
        }
    }
}

/* The tree's part of freeze; returns what its calls cost us. */
static __attribute__((noinline)) uint64_t freeze_tree(struct hp_cap_request *request)
{
    const struct hp_cap *cap = request->cap;
    struct hp_request *facts = &request->facts;
    uint64_t calls = 0, sum_ns = convert_tree(request->tree, &calls);
    /* Less by rounding; more only if the clock's rate was refined in between. */
    facts->wall_ns = sum_ns > facts->wall_ns ? sum_ns : facts->wall_ns;
    request->tree->nodes[HP_NODE_ROOT].self += facts->wall_ns - sum_ns;
    uint64_t over = request->tree->overflow_count;
    facts->dropped_nodes += (uint32_t)(over < UINT32_MAX / 2 ? over : UINT32_MAX / 2);
    facts->flags |= over != 0 ? HP_REQ_TRUNCATED : 0;
    facts->call_inner_ps = cap->call_inner_ps;
    facts->call_outer_ps = cap->call_outer_ps;
    return (uint64_t)((double)calls * (double)(cap->call_inner_ps + (uint64_t)cap->call_outer_ps) / 1000.0);
}

static void read_cpu(struct hp_cap_request *request)
{
    struct hp_request *facts = &request->facts;
    const struct hp_cap_lane *lane = request->objects[0];
    if (facts->level >= HP_LEVEL_MONITOR && (facts->flags & HP_REQ_SHARED_CPU) == 0 &&
        (lane->away_since != 0 || pthread_equal(lane->thread, pthread_self()))) {
        facts->cpu_ns = hp__share_cpu_ns(lane, request->end);
    }
}

void hp__cap_request_freeze(struct hp_cap_request *request)
{
    if (request->frozen || request->dead) {
        return;
    }
    request->end = hp_clock_ticks();
    struct hp_cap *cap = request->cap;
    struct hp_request *facts = &request->facts;
    bool traced = request->objects[0]->tree != NULL;
    uint64_t calls_ns = 0;
    request->frozen = true;
    read_cpu(request);
    for (uint32_t i = 0; i < request->lane_count; i++) {
        close_lane(request, i);
    }
    facts->wall_ns = hp_clock_ns_of_ticks(request->end - request->start);
    if (traced) {
        calls_ns = freeze_tree(request);
    }
    request->lanes[0].end_ns = facts->wall_ns;
    if (facts->level >= HP_LEVEL_MONITOR) {
        convert_phases(request);
        if (has_events(request)) {
            convert_events(request);
        }
        if ((request->wait_count | request->span_count | request->holder_count) != 0) {
            hp__wait_convert(request);
        }
        hp__cap_notes_freeze(request);
        request->lanes[0].cpu_ns = facts->cpu_ns;
        facts->runqueue_ns = request->lanes[0].runqueue_ns;
        hp__cap_memory_end(request);
    }
    if (facts->cpu_ns != HP_ABSENT && facts->cpu_ns > facts->wall_ns) {
        facts->cpu_ns = request->lanes[0].cpu_ns =
            facts->wall_ns; /* its clock is read outside of the wall's */
    }
    if (request->first_byte != 0) {
        facts->first_byte_ns = since(request, request->first_byte);
    }
    uint64_t own_ns = cap->request_cost_ns + request->sql_count * cap->sql_cost_ns +
                      request->note_events * cap->note_cost_ns + calls_ns;
    facts->own_ns = own_ns < facts->wall_ns ? own_ns : facts->wall_ns;
    request->tree_used = traced;
    if (request->flight && traced) {
        request->tree_used = hp_flight_keep(cap->flight, facts);
        facts->flags |= request->tree_used ? HP_REQ_FLIGHT : 0;
    }
    if (request->samples != NULL && hp__sampling_end(request)) {
        facts->flags |= hp__sampling_flags(cap->sampling);
    }
    hp__cap_request_disown(request);
    request->dead = false;
}

const struct hp_tree *hp__cap_request_tree(struct hp_cap_request *request)
{
    hp__cap_request_freeze(request);
    if (!request->tree_used) {
        return NULL;
    }
    hp_tree_total(request->tree);
    return request->tree;
}

/* ---- encode and push ---- */

/* Encode the tree into the scratch buffers and number its nodes. False: no room. */
static bool encode_tree(struct hp_cap *cap, struct hp_tree *tree)
{
    if (cap->number_capacity < tree->count) {
        uint32_t *numbers = hp_realloc(cap->numbers, tree->capacity * sizeof *numbers);
        if (numbers == NULL) {
            return false;
        }
        cap->numbers = numbers;
        cap->number_capacity = tree->capacity;
    }
    hp_buf_reset(&cap->shape);
    hp_buf_reset(&cap->values);
    return hp_tree_encode(tree, NULL, &cap->shape, &cap->values, cap->numbers) == HP_OK;
}

/* Node ids → positions in the encoding; without a tree all are the root. */
static void number_nodes(struct hp_cap_request *request, const uint32_t *numbers)
{
    for (uint32_t i = 0; i < request->lane_count; i++) {
        uint32_t *node = &request->lanes[i].parent_node;
        *node = numbers != NULL ? numbers[*node] : HP_NODE_ROOT;
    }
    for (uint32_t i = 0; i < request->edge_count; i++) {
        uint32_t *node = &request->edges[i].node;
        *node = numbers != NULL ? numbers[*node] : HP_NODE_ROOT;
    }
    for (uint32_t i = 0; i < request->stmt_count; i++) {
        uint32_t *node = &request->stmts[i].node;
        *node = numbers != NULL ? numbers[*node] : HP_NODE_ROOT;
    }
    hp__cap_notes_number(request, numbers);
    for (uint32_t i = 0; i < request->wait_count; i++) {
        uint32_t *node = &request->waits[i].node;
        *node = numbers != NULL ? numbers[*node] : HP_NODE_ROOT;
    }
    for (uint32_t i = 0; i < request->span_count; i++) {
        uint32_t *node = &request->spans[i].node;
        *node = numbers != NULL ? numbers[*node] : HP_NODE_ROOT;
    }
}

static void drop_tree(struct hp_cap_request *request, struct hp_record *record)
{
    number_nodes(request, NULL);
    record->shape = record->values = (struct hp_str){NULL, 0};
    record->req.flags |= HP_REQ_TRUNCATED;
    request->tree_lost = true;
}

/* Encode and push one record. HP_EFULL: the ring has no room for it. */
static hp_err push_record(struct hp_cap *cap, const struct hp_record *record)
{
    hp_buf_reset(&cap->encoded);
    hp_err err = hp_record_encode(record, &cap->encoded);
    if (err != HP_OK) {
        return err;
    }
    if (hp__cap_fails(cap, HP_FAIL_RING) ||
        !hp_ring_push(cap->ring, record->req.id, cap->encoded.data, cap->encoded.len)) {
        return HP_EFULL;
    }
    hp__inspect_offer(hp_buf_str(&cap->encoded));
    return HP_OK;
}

/* Whether it has nothing but numbers, waits and what it was asked with (plain.h). */
static bool is_plain(const struct hp_cap_request *request)
{
    const uint32_t *notes = request->notes.count;
    return !request->tree_used && request->lane_count == 1 && !has_events(request) &&
           (request->facts.flags & HP_REQ_SAMPLED) == 0 &&
           (notes[HP_NOTE_GC] | notes[HP_NOTE_TEMPLATE] | notes[HP_NOTE_LOG] | notes[HP_NOTE_EXCEPTION]) == 0;
}

/* False: it is to be encoded. */
static bool push_plain(struct hp_cap_request *request, bool brief)
{
    struct hp_cap *cap = request->cap;
    bool detailed = request->facts.level >= HP_LEVEL_MONITOR && !brief;
    struct hp_plain plain = {.req = &request->facts,
                             .lane = detailed ? request->lanes : NULL,
                             .waits = request->waits,
                             .spans = request->spans,
                             .facts = request->notes.facts,
                             .wait_count = detailed ? request->wait_count : 0,
                             .span_count = detailed ? request->span_count : 0,
                             .fact_count = detailed ? request->notes.count[HP_NOTE_FACT] : 0};
    struct hp_ring_slot slot;
    if (atomic_load_explicit(&cap->fail_at[HP_FAIL_RING], memory_order_relaxed) != 0) {
        return false; /* it is for push_record to fail */
    }
    const void *image = hp_plain_reserve(cap->ring, &plain, &slot);
    if (image == NULL) {
        return false;
    }
    hp__inspect_offer(hp_str_make(image, slot.bytes));
    hp_ring_commit(cap->ring, &slot);
    return true;
}

/* The tree of a request that keeps its detail, its own or that of its samples. */
static __attribute__((noinline)) void put_tree(struct hp_cap_request *request, struct hp_record *record)
{
    struct hp_cap *cap = request->cap;
    bool sampled = (request->facts.flags & HP_REQ_SAMPLED) != 0;
    if (sampled) {
        number_nodes(request, NULL); /* events know nothing of its nodes */
    }
    if (encode_tree(cap, sampled ? request->samples->tree : request->tree)) {
        number_nodes(request, cap->numbers);
        record->shape = hp_buf_str(&cap->shape);
        record->values = hp_buf_str(&cap->values);
    } else {
        drop_tree(request, record);
    }
}

static void put_lists(const struct hp_cap_request *request, bool brief, struct hp_record *record)
{
    record->groups = request->groups; /* the sums over all requests need them */
    record->group_count = request->group_count;
    record->notes = request->notes;
    if (brief) {
        record->notes.count[HP_NOTE_GC] = record->notes.count[HP_NOTE_TEMPLATE] = 0;
        record->notes.count[HP_NOTE_LOG] = record->notes.count[HP_NOTE_FACT] = 0;
        return;
    }
    record->lanes = request->lanes;
    record->edges = request->edges;
    record->stmts = request->stmts;
    record->waits = request->waits;
    record->spans = request->spans;
    record->holders = request->holders;
    record->holder_count = request->holder_count;
    record->steps = request->steps;
    record->step_count = request->step_count;
    record->wait_count = request->wait_count;
    record->span_count = request->span_count;
    record->lane_count = request->lane_count;
    record->edge_count = request->edge_count;
    record->stmt_count = request->stmt_count;
}

static __attribute__((noinline)) hp_err push_encoded(struct hp_cap_request *request, bool brief)
{
    struct hp_cap *cap = request->cap;
    struct hp_record record = {.req = request->facts};
    if (request->facts.level >= HP_LEVEL_MONITOR) {
        put_lists(request, brief, &record);
    }
    if ((request->tree_used || (request->facts.flags & HP_REQ_SAMPLED) != 0) && !brief) {
        put_tree(request, &record);
    }
    hp_err err = push_record(cap, &record);
    if (err != HP_OK && record.shape.n != 0) {
        drop_tree(request, &record);
        err = push_record(cap, &record);
    }
    return err;
}

static void push(struct hp_cap_request *request)
{
    struct hp_cap *cap = request->cap;
    if (cap->shut || cap->ring == NULL) {
        hp__cap_count(cap, cap->shut ? HP_RING_DROPPED_STORE : HP_RING_DROPPED_MEMORY, 1);
        return;
    }
    bool brief = request->facts.wall_ns - request->facts.own_ns < request->slow_ns;
    hp_err err = is_plain(request) && push_plain(request, brief) ? HP_OK : push_encoded(request, brief);
    if (err == HP_OK) {
        hp__cap_count_own(cap, HP_RING_PUSHED, 1);
        if (request->tree_lost) {
            hp__cap_count(cap, HP_RING_DROPPED_TREE, 1);
        }
    } else {
        hp__cap_count(cap, err == HP_ENOMEM ? HP_RING_DROPPED_MEMORY : HP_RING_DROPPED_RING, 1);
    }
    hp_writer_after_push(cap->writer); /* also when full: then it is needed most */
}

void hp_cap_request_finish(struct hp_cap_request *request)
{
    struct hp_cap *cap = request->cap;
    if (!request->dead) {
        hp__cap_request_freeze(request);
        if (!request->keep) {
            hp__cap_count_own(cap, HP_RING_FINISHED, 1);
            hp__cap_count_own(cap, HP_RING_OWN_NS, request->facts.own_ns);
            hp__cap_budget_note(request);
            if (cap->writer != NULL) {
                push(request);
            }
        }
    }
    hp__cap_request_recycle(request);
}
