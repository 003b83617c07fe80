/* sql.c -- executions of SQL on a lane: the first HP_STMT_CAP one by one, all of them in groups by
 * (statement, place).
 *
 * One execution is open per lane at most: SQLAlchemy over a wrapped driver reports twice, the inner one is
 * suppressed. Those that begin with HP_SQL_OVERLAP (coroutines, which wait while others run) stand apart:
 * they are open as long as their exec_ns is absent. Beyond the cap of groups the rest shares a group without
 * statement and place, so that counts and times stay complete.
 */
#include <string.h>

#include "base/hash.h"
#include "capture/capture_int.h"

static void lost(struct hp_cap_request *request)
{
    request->facts.dropped_stmts++;
    request->facts.flags |= HP_REQ_TRUNCATED;
}

static bool same(const struct hp_group *group, uint32_t statement, struct hp_cap_place place)
{
    return group->statement == statement && group->site_sym == place.site_sym &&
           group->site_line == place.site_line;
}

/* Index of the group, made if there is none; HP_NODE_NONE: no memory. */
static uint32_t group_of(struct hp_cap_request *request, uint32_t statement, struct hp_cap_place place)
{
    if (request->group_slots == NULL) {
        request->group_slots = hp_calloc(HP_GROUP_SLOTS, sizeof *request->group_slots);
        if (request->group_slots == NULL) {
            return HP_NODE_NONE;
        }
    }
    uint64_t hash = hp_hash_mix((uint64_t)statement << 32 | place.site_sym, place.site_line);
    uint32_t slot = (uint32_t)hash & (HP_GROUP_SLOTS - 1);
    for (; request->group_slots[slot] != 0; slot = (slot + 1) & (HP_GROUP_SLOTS - 1)) {
        uint32_t index = request->group_slots[slot] - 1u;
        if (same(&request->groups[index], statement, place)) {
            return index;
        }
    }
    if (request->group_count == HP_GROUP_CAP) {
        return HP_GROUP_CAP - 1;
    }
    struct hp_group *groups = hp__cap_room(request->cap, request->groups, request->group_count,
                                           &request->group_capacity, HP_GROUP_CAP, sizeof *groups);
    if (groups == NULL) {
        return HP_NODE_NONE;
    }
    request->groups = groups;
    uint32_t index = request->group_count++;
    if (index == HP_GROUP_CAP - 1) { /* the last one is for all the rest */
        groups[index] = (struct hp_group){0};
        request->facts.flags |= HP_REQ_TRUNCATED;
        return index;
    }
    groups[index] = (struct hp_group){.statement = statement,
                                      .site_sym = place.site_sym,
                                      .site_line = place.site_line,
                                      .via_sym = place.via_sym};
    request->group_slots[slot] = (uint16_t)(index + 1);
    return index;
}

/* Room for a statement more, also in the array of their groups. */
static bool want_stmt(struct hp_cap_request *request)
{
    uint32_t capacity = request->stmt_capacity;
    struct hp_stmt *stmts = hp__cap_room(request->cap, request->stmts, request->stmt_count, &capacity,
                                         HP_STMT_CAP, sizeof *stmts);
    if (stmts == NULL) {
        return false;
    }
    request->stmts = stmts;
    if (capacity != request->stmt_capacity) {
        uint16_t *groups = hp_realloc(request->stmt_groups, capacity * sizeof *groups);
        if (groups == NULL) {
            return false;
        }
        request->stmt_groups = groups;
        request->stmt_capacity = capacity;
    }
    return true;
}

uint32_t hp_cap_sql_begin(struct hp_cap_lane *lane, uint32_t statement, struct hp_cap_place place,
                          uint32_t conn, uint64_t param_hash, uint32_t many_count, uint32_t in_count,
                          uint32_t flags)
{
    struct hp_cap_request *request = lane->request;
    bool overlap = (flags & HP_SQL_OVERLAP) != 0;
    if (request == NULL || request->facts.level < HP_LEVEL_MONITOR || (lane->in_sql && !overlap)) {
        return HP_SQL_SUPPRESSED;
    }
    uint32_t number = HP_SQL_NOT_KEPT, group = group_of(request, statement, place);
    if (group != HP_NODE_NONE && want_stmt(request)) {
        number = request->stmt_count++;
        request->stmt_groups[number] = (uint16_t)group;
        request->stmts[number] = (struct hp_stmt){
            .rows = HP_ABSENT,
            .param_hash = param_hash,
            .statement = statement,
            .lane = lane->index,
            .node = hp__cap_lane_node(lane),
            .conn = conn,
            .site_sym = place.site_sym,
            .site_line = place.site_line,
            .via_sym = place.via_sym,
            .many_count = many_count,
            .in_count = in_count,
            .exec_ns = overlap ? HP_ABSENT : 0,
            .flags = (uint8_t)flags,
        };
    } else {
        lost(request);
    }
    uint64_t now = hp_clock_ticks();
    if (number != HP_SQL_NOT_KEPT) {
        request->stmts[number].t0_ns = now;
    }
    if (!overlap) {
        lane->in_sql = true;
        lane->sql_number = number;
        lane->sql_group = group;
        lane->sql_t0 = now;
    }
    return number;
}

void hp_cap_sql_end(struct hp_cap_lane *lane, uint32_t number, int64_t rows, bool error)
{
    uint64_t now = hp_clock_ticks();
    struct hp_cap_request *request = lane->request;
    if (number == HP_SQL_SUPPRESSED || request == NULL) {
        return;
    }
    bool overlap = number < request->stmt_count && request->stmts[number].exec_ns == HP_ABSENT;
    if (!overlap && (!lane->in_sql || number != lane->sql_number)) {
        return;
    }
    uint64_t ticks = now - (overlap ? request->stmts[number].t0_ns : lane->sql_t0);
    uint32_t index = overlap ? request->stmt_groups[number] : lane->sql_group;
    lane->in_sql = overlap && lane->in_sql;
    request->sql_count++;
    request->sql_ticks += ticks;
    if (index != HP_NODE_NONE) {
        struct hp_group *group = &request->groups[index];
        group->count++;
        group->exec_ns += ticks;
        group->max_ns = ticks > group->max_ns ? ticks : group->max_ns;
        group->rows += rows > 0 ? (uint64_t)rows : 0;
        group->errors += error;
    }
    if (number != HP_SQL_NOT_KEPT) {
        struct hp_stmt *stmt = &request->stmts[number];
        stmt->exec_ns = ticks;
        stmt->rows = rows >= 0 ? (uint64_t)rows : HP_ABSENT;
        stmt->flags = (uint8_t)(stmt->flags | (error ? HP_STMT_ERROR : 0));
    }
}

void hp_cap_sql_fetch(struct hp_cap_lane *lane, uint32_t number, uint64_t ns, int64_t rows_more)
{
    struct hp_cap_request *request = lane->request;
    if (number == HP_SQL_SUPPRESSED || request == NULL) {
        return;
    }
    uint64_t more = rows_more > 0 ? (uint64_t)rows_more : 0;
    uint32_t index = lane->sql_group; /* of the lane's last execution, if this one was not kept */
    if (number != HP_SQL_NOT_KEPT) {
        if (number >= request->stmt_count) {
            return;
        }
        struct hp_stmt *stmt = &request->stmts[number];
        stmt->fetch_ns += ns;
        if (rows_more >= 0) {
            stmt->rows = (stmt->rows == HP_ABSENT ? 0 : stmt->rows) + more;
        }
        index = request->stmt_groups[number];
    }
    request->sql_fetch_ns += ns;
    if (index < request->group_count) {
        request->groups[index].fetch_ns += ns;
        request->groups[index].rows += more;
    }
}

bool hp_cap_sql_inside(const struct hp_cap_lane *lane)
{
    return lane->in_sql && lane->request != NULL;
}

void hp_cap_sql_mark(struct hp_cap_lane *lane, uint32_t flags)
{
    struct hp_cap_request *request = lane->request;
    if (request != NULL && lane->in_sql && lane->sql_number < request->stmt_count) {
        struct hp_stmt *stmt = &request->stmts[lane->sql_number];
        stmt->flags = (uint8_t)(stmt->flags | flags);
    }
}

void hp_cap_sql_step(struct hp_cap_lane *lane, int kind, uint32_t conn, uint64_t t0,
                     struct hp_cap_place place)
{
    struct hp_cap_request *request = lane->request;
    if (request == NULL || request->facts.level < HP_LEVEL_MONITOR) {
        return;
    }
    uint64_t now = hp_clock_ticks(), ticks = now > t0 ? now - t0 : 0;
    struct hp_step *same = NULL;
    for (uint32_t i = request->step_count; i-- > 0 && request->steps[i].t0_ns >= t0;) {
        struct hp_step *inner = &request->steps[i];
        if (inner->lane == lane->index) {
            ticks -= inner->ns < ticks ? inner->ns : ticks;
            same = inner->kind == kind ? inner : same;
        }
    }
    if (same != NULL) {
        same->ns += ticks;
        same->conn = conn != 0 ? conn : same->conn;
        return;
    }
    struct hp_step *steps = hp__cap_room(request->cap, request->steps, request->step_count,
                                         &request->step_capacity, HP_STEP_CAP, sizeof *steps);
    if (steps == NULL) {
        request->facts.flags |= HP_REQ_TRUNCATED;
        return;
    }
    request->steps = steps;
    steps[request->step_count++] = (struct hp_step){.t0_ns = t0,
                                                    .ns = ticks,
                                                    .lane = lane->index,
                                                    .conn = conn,
                                                    .site_sym = place.site_sym,
                                                    .site_line = place.site_line,
                                                    .via_sym = place.via_sym,
                                                    .kind = (uint8_t)kind};
}
