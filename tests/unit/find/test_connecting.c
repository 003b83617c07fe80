/* test_connecting.c -- what belongs to connecting to a database server: its statements, its pool, and one
 * finding wherever the connections are opened. */
#include "records.h"

#include <stdio.h>

#include "find/find.h"
#include "sweep_oom.h"

#define REQUESTS 8u
#define SERVER   7u

struct office { /* a request of which pay() opens three connections and team() one; each asks what it wants to
                   know */
    bool in_step;   /* what the pool asks of a new connection runs while it connects */
    double late;    /* so long after the first question begins connecting ends, by the clock */
    uint32_t pools; /* calls of create_engine, 0.5 ms each, at line 41 of database() */
    bool tree;
};

struct desk {
    struct rec_set *set;
    struct rec *rec;
    double t;
    uint32_t helper, line, node, group;
    uint8_t protocol;
};

static void wait_for(struct desk *desk, enum hp_wait_kind kind, double length)
{
    rec_add_span(desk->set, desk->rec,
                 (struct rec_span){.kind = kind,
                                   .group = kind == HP_WAIT_DB ? 0 : desk->group,
                                   .protocol = desk->protocol,
                                   .peer = SERVER,
                                   .node = desk->node,
                                   .site_sym = desk->helper,
                                   .site_line = desk->line,
                                   .t0 = desk->t,
                                   .t1 = desk->t + length,
                                   .bytes = 20});
    desk->t += length;
}

static void ask(struct desk *desk, const char *sql, uint64_t params)
{
    rec_add_stmt(desk->rec, (struct rec_stmt){.statement = rec_sql(desk->set, sql, HP_ENGINE_MYSQL),
                                              .node = desk->node,
                                              .site_sym = desk->helper,
                                              .site_line = desk->line,
                                              .t0 = desk->t,
                                              .exec = 0.5,
                                              .rows = 1,
                                              .params = params});
    wait_for(desk, HP_WAIT_DB, 0.5);
}

/* 1 ms to connect, 1 ms to log in, 1 ms of questions that are always the same; then one question of its
 * own. */
static void open_and_ask(struct desk *desk, const struct office *office, uint64_t number)
{
    double t0 = desk->t;
    char sql[64];
    desk->group++;
    wait_for(desk, HP_WAIT_CONNECT, 1);
    wait_for(desk, HP_WAIT_RECV, 1);
    ask(desk, "SELECT @@sql_mode", 9);
    ask(desk, "SELECT @@tx_isolation", 9);
    if (office->in_step) {
        desk->rec->record.steps[desk->rec->record.step_count++] =
            (struct hp_step){.t0_ns = rec_ns(t0),
                             .ns = rec_ns(desk->t - t0 + office->late),
                             .conn = (uint32_t)number,
                             .site_sym = desk->helper,
                             .site_line = desk->line,
                             .kind = HP_DB_CONNECT};
    }
    (void)snprintf(sql, sizeof sql, "SELECT c%u FROM t WHERE id = ?", (unsigned)number);
    ask(desk, sql, number);
}

/* page ─┬─ pay ── driver          pay opens three and asks, team one
 *       ├─ team ── driver
 *       └─ database ── create_engine
 */
static void add_request(struct rec_set *set, const struct office *office, unsigned r)
{
    struct rec *rec = rec_begin(set);
    uint32_t pay = rec_sym(set, "app/pay.py", "pay", 20, REC_APP);
    uint32_t team = rec_sym(set, "app/pay.py", "team", 30, REC_APP);
    uint32_t database = rec_sym(set, "app/pay.py", "database", 40, REC_APP);
    uint32_t driver = rec_sym(set, "MySQLdb/connections.py", "Connection.__init__", 50, REC_LIB);
    uint32_t maker = rec_sym(set, "sqlalchemy/engine/create.py", "create_engine", 100, REC_LIB);
    uint32_t page = rec_node(rec, HP_NODE_ROOT, set->view, 5, 1, 1);
    uint32_t nodes[2] = {rec_node(rec, page, pay, 11, 3, 0.1), rec_node(rec, page, team, 12, 1, 0.1)};
    struct desk desk = {.set = set, .rec = rec, .t = 1, .protocol = HP_PROTOCOL_MYSQL};
    rec->record.steps = rec_zeroed(set, 8 * sizeof *rec->record.steps);
    if (office->pools != 0) {
        uint32_t node = rec_node(rec, page, database, 13, office->pools, 0.01);
        rec_node(rec, node, maker, 41, office->pools, 0.5 * office->pools);
        desk.t += 0.5 * office->pools;
    }
    for (uint64_t i = 1; i <= 4; i++) {
        bool last = i == 4;
        desk.helper = last ? team : pay;
        desk.line = last ? 31 : 21;
        desk.node = rec_node(rec, nodes[last], driver, desk.line, 1, 3.5);
        open_and_ask(&desk, office, i);
    }
    rec_end(set, rec, desk.t + 1 + 0.01 * r, 2);
    set->samples[set->count - 1].tree = office->tree ? rec->tree : NULL;
}

static struct hp_find_result find_in(struct rec_set *set, struct office office)
{
    struct hp_find_result result;
    rec_set_init(set, "GET", "/net");
    for (unsigned r = 0; r < REQUESTS; r++) {
        add_request(set, &office, r);
    }
    result = rec_find(set);
    return result;
}

static uint32_t count_kind(const struct hp_find_result *result, enum hp_finding_kind kind,
                           const struct hp_finding **found)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < result->findings.count; i++) {
        if (result->findings.list[i].kind == kind) {
            *found = &result->findings.list[i];
            n++;
        }
    }
    return n;
}

static void assert_saves(const struct hp_finding *finding, double least_ms, double most_ms)
{
    double ms = (double)finding->median_ns / 1e6;
    if (ms < least_ms || ms > most_ms) {
        fail_msg("saves %g ms, not %g to %g", ms, least_ms, most_ms);
    }
}

static void connections_of_several_functions_are_one_finding_with_what_sets_them_up(void **state)
{
    (void)state;
    for (int tree = 0; tree < 2; tree++) {
        struct rec_set set;
        const struct hp_finding *finding = NULL;
        struct hp_find_result result = find_in(&set, (struct office){.in_step = true, .tree = tree});
        assert_int_equal(count_kind(&result, HP_FIND_duplicate_query, &finding), 0);
        assert_int_equal(count_kind(&result, HP_FIND_connection_churn, &finding), 1);
        assert_int_equal(finding->site_line, 21); /* where most are opened */
        assert_saves(finding, 11.9, 12.1);        /* 4 × 3 ms, statements of the setup included */
        assert_memory_equal(finding->title.p, "4 new connections", 17);
        rec_set_fini(&set);
    }
}

static void a_question_right_after_connecting_is_none_of_the_setups(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    struct hp_find_result result =
        find_in(&set, (struct office){.in_step = true, .tree = true, .late = 0.02});
    assert_int_equal(count_kind(&result, HP_FIND_connection_churn, &finding), 1);
    assert_saves(finding, 11.9, 12.2);
    rec_set_fini(&set);
}

static void the_same_questions_after_connecting_are_repeats(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    struct hp_find_result result = find_in(&set, (struct office){.in_step = false});
    assert_int_equal(count_kind(&result, HP_FIND_duplicate_query, &finding), 2);
    rec_set_fini(&set);
}

static void a_pool_for_each_connection_is_mended_where_it_is_made(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    struct hp_find_result result = find_in(&set, (struct office){.in_step = true, .tree = true, .pools = 4});
    assert_int_equal(count_kind(&result, HP_FIND_connection_churn, &finding), 1);
    assert_int_equal(finding->site_line, 41);
    assert_saves(finding, 13.9, 14.1); /* and 4 × 0.5 ms for the pools */
    rec_set_fini(&set);
}

static void one_pool_is_not_why_there_are_four_connections(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    struct hp_find_result result = find_in(&set, (struct office){.in_step = true, .tree = true, .pools = 1});
    assert_int_equal(count_kind(&result, HP_FIND_connection_churn, &finding), 1);
    assert_int_equal(finding->site_line, 21);
    rec_set_fini(&set);
}

/* page ── ask ─┬─ Session.__init__, Session.close       1.5 ms for `made` of three connections; or made by
 *              │                                        another function, and closed when the page lets go;
 *              │                                        or by a factory of the library, 9 ms
 *              ├─ Session.send ── Session.connect       3 × 1 ms
 *              └─ Answer.close                          on no way to a connection
 */
static void add_clients(struct rec_set *set, uint32_t made, bool elsewhere, bool factory, unsigned number)
{
    static const char file[] = "client/session.py";
    struct rec *rec = rec_begin(set);
    struct desk desk = {.set = set, .rec = rec, .t = 2, .line = 21, .protocol = HP_PROTOCOL_HTTP};
    desk.helper = rec_sym(set, "app/net.py", "ask", 20, REC_APP);
    uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 0, 1, 1);
    uint32_t asks = rec_node(rec, view, desk.helper, 11, 3, 0.1);
    uint32_t makes = elsewhere
                         ? rec_node(rec, asks, rec_sym(set, "app/net.py", "client", 40, REC_APP), 20, made, 0)
                         : asks;
    if (factory) {
        makes = rec_node(rec, asks, rec_sym(set, "client/factory.py", "client", 7, REC_LIB), 20, made, 9);
    }
    (void)rec_node(rec, makes, rec_sym(set, file, "Session.__init__", 5, REC_LIB), 20, made, 1);
    uint32_t send = rec_node(rec, asks, rec_sym(set, file, "Session.send", 30, REC_LIB), 21, 3, 6.5);
    uint32_t connect =
        rec_node(rec, rec_node(rec, send, rec_sym(set, "http/client.py", "send", 9, REC_FRAMEWORK), 30, 3, 0),
                 rec_sym(set, file, "Session.connect", 40, REC_LIB), 31, 3, 3);
    (void)rec_node(rec, asks, rec_sym(set, file, "Answer.close", 50, REC_LIB), 22, 3, 0.7);
    (void)rec_node(rec, elsewhere ? view : asks, rec_sym(set, file, "Session.close", 60, REC_LIB), 23, made,
                   0.5);
    for (int i = 0; i < 3; i++) {
        desk.group++;
        desk.node = connect;
        wait_for(&desk, HP_WAIT_CONNECT, 1);
        desk.node = send;
        wait_for(&desk, HP_WAIT_SEND, 0.1);
        wait_for(&desk, HP_WAIT_RECV, 0.4);
        desk.t += 1;
    }
    rec_end(set, rec, desk.t + (factory ? 12 : 3) + 0.01 * number, factory ? 11 : 2);
}

static void clients_that_are_made_for_each_connection_go_with_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t made;
        bool elsewhere, factory;
        double saving;
    } cases[] = {{1, false, false, 3},  {3, false, false, 4.5}, {1, true, false, 3},
                 {3, true, false, 4.5}, {1, false, true, 3},    {3, false, true, 13.5}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        const struct hp_finding *finding = NULL;
        rec_set_init(&set, "GET", "/net");
        for (unsigned r = 0; r < REQUESTS; r++) {
            add_clients(&set, cases[k].made, cases[k].elsewhere, cases[k].factory, r);
        }
        struct hp_find_result result = rec_find(&set);
        assert_int_equal(count_kind(&result, HP_FIND_connection_churn, &finding), 1);
        assert_saves(finding, cases[k].saving - 0.1, cases[k].saving + 0.1);
        rec_set_fini(&set);
    }
}

static void no_memory_is_an_error_only(void **state)
{
    (void)state;
    struct rec_set set;
    (void)find_in(&set, (struct office){.in_step = true, .tree = true, .pools = 4});
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_of_several_functions_are_one_finding_with_what_sets_them_up),
        cmocka_unit_test(a_question_right_after_connecting_is_none_of_the_setups),
        cmocka_unit_test(the_same_questions_after_connecting_are_repeats),
        cmocka_unit_test(a_pool_for_each_connection_is_mended_where_it_is_made),
        cmocka_unit_test(one_pool_is_not_why_there_are_four_connections),
        cmocka_unit_test(clients_that_are_made_for_each_connection_go_with_it),
        cmocka_unit_test(no_memory_is_an_error_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
