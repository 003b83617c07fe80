/* test_rules_io.c -- the rules whose evidence is waits: where they fire, what they save, where they are
 * silent.
 *
 * Without trees unless a test needs one: waits carry their own place.
 */
#include "records.h"

#include "find/find.h"
#include "find/own.h"
#include "sweep_oom.h"

#define API 7u /* a peer; the tests need no name for it */

/* One request under construction: waits follow each other on the main lane. */
struct page {
    struct rec_set *set;
    struct rec *rec;
    double t;
    uint32_t group, lane, line, site, node, protocol, holder;
};

static struct page page_begin(struct rec_set *set)
{
    struct rec *rec = rec_begin(set);
    return (struct page){
        .set = set, .rec = rec, .t = 1, .site = set->view, .line = 12, .protocol = HP_PROTOCOL_HTTP};
}

static void page_end(struct page *page, double rest_ms)
{
    rec_end(page->set, page->rec, page->t + rest_ms, rest_ms);
    page->set->samples[page->set->count - 1].tree = page->node != 0 ? page->rec->tree : NULL;
}

static void span(struct page *page, enum hp_wait_kind kind, double length, uint64_t bytes)
{
    rec_add_span(page->set, page->rec,
                 (struct rec_span){.kind = kind,
                                   .lane = page->lane,
                                   .group = kind <= HP_WAIT_RECV ? page->group : 0,
                                   .protocol = page->protocol,
                                   .peer = kind == HP_WAIT_DNS ? API + 1 : API,
                                   .site_sym = page->site,
                                   .site_line = page->line,
                                   .node = page->node,
                                   .holder = kind == HP_WAIT_GIL || kind == HP_WAIT_LOCK ? page->holder : 0,
                                   .t0 = page->t,
                                   .t1 = page->t + length,
                                   .bytes = bytes});
    page->t += length;
}

static void connect_for(struct page *page, double dns, double connect, double tls)
{
    page->group++;
    if (dns > 0) {
        span(page, HP_WAIT_DNS, dns, 0);
    }
    span(page, HP_WAIT_CONNECT, connect, 0);
    if (tls > 0) {
        span(page, HP_WAIT_TLS, tls, 900);
    }
}

/* On the connection that is open; the answer takes `answer` ms. */
static void ask(struct page *page, double answer)
{
    span(page, HP_WAIT_SEND, 0.1, 200);
    span(page, HP_WAIT_RECV, answer, 900);
}

static void call(struct page *page, double answer)
{
    page->group++;
    ask(page, answer);
}

typedef void (*fill_fn)(struct page *page);

static void make(struct rec_set *set, fill_fn fill, unsigned requests)
{
    rec_set_init(set, "GET", "/x");
    for (unsigned i = 0; i < requests; i++) {
        struct page page = page_begin(set);
        fill(&page);
        page_end(&page, 2 + 0.05 * (i % 5));
    }
}

static void expect(fill_fn fill, enum hp_finding_kind kind, double saving_ms, double low_ms)
{
    struct rec_set set;
    make(&set, fill, 10);
    struct hp_find_result r = rec_find(&set);
    if (r.findings.count != 1) {
        fail_msg("%u findings, the first %s", r.findings.count,
                 r.findings.count != 0 ? hp_find_kind_name(r.findings.list[0].kind) : "none");
    }
    assert_string_equal(hp_find_kind_name(r.findings.list[0].kind), hp_find_kind_name(kind));
    assert_near(rec_ms(r.findings.list[0].median_ns), saving_ms, 0.01);
    assert_near(rec_ms(r.findings.list[0].low90_ns) + 1, low_ms + 1, 0.02);
    assert_int_not_equal(r.findings.list[0].site_line, 0);
    assert_non_null(r.findings.list[0].title.p);
    assert_non_null(r.findings.list[0].advice.p);
    rec_set_fini(&set);
}

static void expect_silence(fill_fn fill)
{
    struct rec_set set;
    make(&set, fill, 10);
    struct hp_find_result r = rec_find(&set);
    if (r.findings.count != 0) {
        fail_msg("%s: %s", hp_find_kind_name(r.findings.list[0].kind), r.findings.list[0].title.p);
    }
    rec_set_fini(&set);
}

/* ---- connections ---- */

static void connection_for_each_call(struct page *page)
{
    for (int i = 0; i < 5; i++) {
        connect_for(page, 0, 8, 0);
        ask(page, 1);
    }
}

static void login_for_each_query(struct page *page)
{
    uint32_t sql = rec_sql(page->set, "SELECT a FROM b WHERE c = ?", HP_ENGINE_MYSQL);
    page->protocol = HP_PROTOCOL_MYSQL;
    for (int i = 0; i < 4; i++) {
        connect_for(page, 0, 1, 0);
        span(page, HP_WAIT_RECV, 2, 80);
        page->group++;
        span(page, HP_WAIT_SEND, 1, 100);
        span(page, HP_WAIT_RECV, 4, 11);
        rec_add_stmt(page->rec, (struct rec_stmt){.statement = sql,
                                                  .site_sym = page->site,
                                                  .site_line = 12,
                                                  .t0 = page->t,
                                                  .exec = 0.2,
                                                  .params = (uint64_t)i + 1});
        span(page, HP_WAIT_DB, 0.2, 50);
    }
}

static void connection_in_each_request(struct page *page)
{
    connect_for(page, 0, 8, 0);
    ask(page, 1);
}

static void handshake_for_each_call(struct page *page)
{
    for (int i = 0; i < 4; i++) {
        connect_for(page, 1, 1, 18);
        ask(page, 2);
    }
}

static void two_look_ups(struct page *page)
{
    page->t += 20;
    for (int i = 0; i < 2; i++) {
        span(page, HP_WAIT_DNS, 12, 0);
    }
}

static void cheap_look_ups(struct page *page)
{
    page->t += 60;
    for (int i = 0; i < 200; i++) {
        span(page, HP_WAIT_DNS, 0.002, 0);
    }
}

static void session_is_reused(struct page *page)
{
    if (page->set->count == 1) {
        connect_for(page, 0, 30, 0);
    }
    page->t += 50;
    call(page, 5);
}

static void setups_of_connections(void **state)
{
    (void)state;
    expect(connection_for_each_call, HP_FIND_connection_churn, 40, 32);
    expect(login_for_each_query, HP_FIND_connection_churn, 32, 24);
    expect(connection_in_each_request, HP_FIND_connection_churn, 8, 0);
    expect(handshake_for_each_call, HP_FIND_tls_churn, 80, 60);
    expect(two_look_ups, HP_FIND_dns_repeat, 24, 12);
    expect_silence(cheap_look_ups);
    expect_silence(session_is_reused);
}

/* ---- calls ---- */

static void loop_of_calls(struct page *page)
{
    for (int i = 0; i < 6; i++) {
        call(page, i == 3 ? 30 : 20);
    }
}

static void loop_of_two_in_a_tree(struct page *page)
{
    page->node = rec_node(page->rec, HP_NODE_ROOT, page->site, 0, 1, 44);
    call(page, 20);
    call(page, 20);
}

static void token_then_query(struct page *page)
{
    page->line = 10;
    call(page, 20);
    page->line = 14;
    call(page, 30);
    page->t += 10;
}

/* Each answer is needed for the next question, as far as one knows. */
static void three_lines(struct page *page, double each)
{
    for (uint32_t i = 0; i < 3; i++) {
        page->line = 10 + 2 * i;
        call(page, each);
    }
}

static void three_quick_lines(struct page *page)
{
    three_lines(page, 1.5);
}

static void three_slow_lines(struct page *page)
{
    three_lines(page, 20);
}

static void calls_side_by_side(struct page *page)
{
    double from = page->t;
    for (int i = 0; i < 4; i++) {
        page->lane = rec_add_lane(page->rec, (struct rec_lane){.kind = HP_LANE_POOL,
                                                               .site_sym = page->site,
                                                               .site_line = 9,
                                                               .spawn = from,
                                                               .start = from,
                                                               .end = from + 20.1});
        page->t = from;
        call(page, 20);
    }
    for (uint32_t lane = 1; lane <= 4; lane++) {
        rec_add_join(page->rec, lane, 0, from, from + 20.1);
    }
    page->lane = 0;
    page->t += 5;
}

static void slow_service(struct page *page)
{
    page->t += 30;
    call(page, 250);
}

static void body_is_read_from_the_client(struct page *page)
{
    page->group++;
    span(page, HP_WAIT_RECV, 300, 90000);
}

static void cheap_calls(struct page *page)
{
    page->t += 100;
    for (int i = 0; i < 20; i++) {
        page->group++;
        span(page, HP_WAIT_SEND, 0.01, 20);
        span(page, HP_WAIT_RECV, 0.03, 20);
    }
}

static void outgoing_calls(void **state)
{
    (void)state;
    expect(loop_of_calls, HP_FIND_sequential_io, 5 * 20.1, 0);
    expect(loop_of_two_in_a_tree, HP_FIND_sequential_io, 20.1, 0);
    expect_silence(token_then_query);
    expect_silence(three_quick_lines);
    expect(three_slow_lines, HP_FIND_sequential_io, 2 * 20.1, 0);
    expect_silence(calls_side_by_side);
    expect_silence(cheap_calls);
    expect(slow_service, HP_FIND_slow_external, 250.1, 0);
    expect_silence(body_is_read_from_the_client);
}

static void tiny_reads(struct page *page)
{
    page->group++;
    span(page, HP_WAIT_SEND, 0.1, 100);
    span(page, HP_WAIT_RECV, 10, 1);
    for (int i = 0; i < 1000; i++) {
        span(page, HP_WAIT_RECV, 0.02, 1);
        page->t += 0.005;
    }
}

static void large_reads(struct page *page)
{
    page->group++;
    span(page, HP_WAIT_SEND, 0.1, 100);
    for (int i = 0; i < 200; i++) {
        span(page, HP_WAIT_RECV, 0.05, 60000);
    }
}

/* Two handshakes, and tiny reads on the first connection. */
static void handshakes_and_tiny_reads(struct page *page)
{
    for (int i = 0; i < 2; i++) {
        connect_for(page, 0, 1, 30);
        ask(page, 2);
        for (int k = 0; i == 0 && k < 1000; k++) {
            span(page, HP_WAIT_RECV, 0.02, 1);
            page->t += 0.005;
        }
    }
}

static void tiny_reads_are_a_cause_beside_the_handshake_of_their_connection(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, handshakes_and_tiny_reads, 10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 2);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_tls_churn);
    assert_near(rec_ms(r.findings.list[0].median_ns), 62, 0.02);
    assert_int_equal(r.findings.list[1].kind, HP_FIND_chatty_reads);
    assert_near(rec_ms(r.findings.list[1].median_ns), 25, 0.1);
    rec_set_fini(&set);
}

/* A statement, then what its driver and the server say to each other beside statements: with `again`
 * questions and answers, else one stream of them. */
static void tiny_reads_after_a_statement(struct page *page, bool again)
{
    page->protocol = HP_PROTOCOL_UNKNOWN;
    rec_add_stmt(page->rec,
                 (struct rec_stmt){.statement = rec_sql(page->set, "SELECT a FROM b", HP_ENGINE_POSTGRESQL),
                                   .site_sym = page->site,
                                   .site_line = 12,
                                   .t0 = page->t,
                                   .exec = 0.5});
    span(page, HP_WAIT_DB, 0.5, 50);
    for (int i = 0; i < 300; i++) {
        page->group += i == 0 || again;
        span(page, HP_WAIT_SEND, 0.02, 12);
        span(page, HP_WAIT_RECV, 0.08, 18);
    }
}

static void commits_of_a_server(struct page *page)
{
    tiny_reads_after_a_statement(page, true);
}

static void copy_to_a_server(struct page *page)
{
    tiny_reads_after_a_statement(page, false);
}

static void reads_of_one_connection(void **state)
{
    (void)state;
    expect(tiny_reads, HP_FIND_chatty_reads, 25, 25);
    expect_silence(large_reads);
    expect_silence(commits_of_a_server);
    expect_silence(copy_to_a_server);
}

/* ---- executemany ---- */

/* 100 rows in 50 ms and so many waits for the server. */
static void many_rows(struct page *page, enum hp_engine engine, unsigned waits, unsigned flags)
{
    struct hp_stmt *stmt = &page->rec->record.stmts[page->rec->record.stmt_count];
    uint32_t sql = rec_sql(page->set, "UPDATE b SET a = ? WHERE id = ?", engine);
    double each = 50.0 / waits;
    rec_add_stmt(page->rec, (struct rec_stmt){.statement = sql,
                                              .site_sym = page->site,
                                              .site_line = 12,
                                              .t0 = page->t,
                                              .exec = 50,
                                              .rows = 100});
    stmt->many_count = 100;
    stmt->flags = (uint8_t)flags;
    for (unsigned i = 0; i < waits; i++) {
        span(page, HP_WAIT_DB, each, 20);
    }
}

static void rows_one_by_one(struct page *page)
{
    many_rows(page, HP_ENGINE_POSTGRESQL, 300, HP_STMT_MANY | HP_STMT_EACH);
}

static void rows_with_an_answer_each(struct page *page)
{
    many_rows(page, HP_ENGINE_MYSQL, 200, HP_STMT_MANY);
}

static void rows_in_one_statement(struct page *page)
{
    many_rows(page, HP_ENGINE_MYSQL, 4, HP_STMT_MANY);
}

static void rows_in_a_pipeline(struct page *page)
{
    many_rows(page, HP_ENGINE_POSTGRESQL, 300, HP_STMT_MANY);
}

static void executemany_that_sends_row_by_row_is_a_query_for_each_row(void **state)
{
    struct rec_set set;
    (void)state;
    expect(rows_one_by_one, HP_FIND_n_plus_one, 50 * 99 / 100.0, 50 * 99 / 100.0);
    make(&set, rows_one_by_one, 10);
    const struct hp_finding *finding = &rec_find(&set).findings.list[0];
    assert_string_equal(finding->title.p, "the same UPDATE on b 100 times");
    assert_non_null(strstr(finding->advice.p, "execute_values"));
    rec_set_fini(&set);
    expect(rows_with_an_answer_each, HP_FIND_n_plus_one, 50 * 99 / 100.0, 50 * 99 / 100.0);
    expect_silence(rows_in_one_statement);
    expect_silence(rows_in_a_pipeline);
}

/* ---- the process and its machine ---- */

static void sleeps(struct page *page)
{
    span(page, HP_WAIT_SLEEP, 40, 0);
}

static void sleeps_between_asking(struct page *page)
{
    page->t += 10;
    for (int i = 0; i < 2; i++) {
        call(page, 1);
        span(page, HP_WAIT_SLEEP, 20, 0);
    }
    call(page, 0.5);
    page->group = 0;
}

static void sleep_of_nothing(struct page *page)
{
    page->t += 20;
    span(page, HP_WAIT_SLEEP, 0.06, 0);
}

static void syncs(struct page *page)
{
    for (int i = 0; i < 4; i++) {
        span(page, HP_WAIT_DISK, 5, 0);
    }
}

static void one_sync(struct page *page)
{
    page->t += 20;
    span(page, HP_WAIT_DISK, 4, 0);
}

static void one_long_sync(struct page *page)
{
    page->t += 20;
    span(page, HP_WAIT_DISK, 8, 0);
}

static void commit_syncs(struct page *page)
{
    page->t += 300;
    rec_add_stmt(page->rec, (struct rec_stmt){.statement = rec_sql(page->set, "COMMIT", HP_ENGINE_SQLITE),
                                              .site_sym = page->site,
                                              .t0 = page->t,
                                              .exec = 9});
    span(page, HP_WAIT_DISK, 8, 0);
    page->t += 1;
}

static void log_records(struct page *page, uint32_t line, uint32_t count, double total)
{
    struct hp_notes *notes = &page->rec->record.notes;
    notes->logs = rec_zeroed(page->set, sizeof *notes->logs);
    notes->logs[0] = (struct hp_log){.t0_ns = rec_ns(page->t),
                                     .count = count,
                                     .total_ns = rec_ns(total),
                                     .site_sym = page->site,
                                     .site_line = line};
    notes->count[HP_NOTE_LOG] = 1;
}

static void logs_to_a_disk(struct page *page)
{
    log_records(page, 12, 10, 22);
    for (int i = 0; i < 10; i++) {
        span(page, HP_WAIT_DISK, 2, 0);
        page->t += 0.2;
    }
}

/* Handlers take 22 ms, making the records 8 more. */
static void logs_by_calls_that_are_known(struct page *page)
{
    uint32_t own = rec_node(page->rec, HP_NODE_ROOT, page->site, 5, 1, 2);
    (void)rec_node(page->rec, own, rec_sym(page->set, "logging/__init__.py", "Logger.info", 9, REC_LIB), 12,
                   10, 30);
    (void)rec_node(page->rec, own, rec_sym(page->set, "logging/__init__.py", "getLogger", 9, REC_LIB), 11, 1,
                   1);
    page->node = own;
    log_records(page, 12, 10, 22);
    for (int i = 0; i < 10; i++) {
        span(page, HP_WAIT_DISK, 2, 0);
        page->t += 1.2;
    }
}

static void logs_by_a_handler_of_the_application(struct page *page)
{
    log_records(page, 12, 10, 22);
    page->site = rec_sym(page->set, "app/logs.py", "Handler.write", 3, REC_APP);
    for (int i = 0; i < 10; i++) {
        span(page, HP_WAIT_DISK, 2, 0);
        page->t += 0.2;
    }
}

static void logs_cheaply(struct page *page)
{
    page->t += 50;
    log_records(page, 12, 10, 0.3);
}

/* To a queue: 20 us a record, as making one costs. */
static void logs_a_little_to_a_queue(struct page *page)
{
    page->t += 10;
    log_records(page, 12, 60, 1.2);
}

static void logs_much_to_a_queue(struct page *page)
{
    page->t += 20;
    log_records(page, 12, 900, 9.9);
}

static void other_programs(struct page *page)
{
    page->group = 0;
    span(page, HP_WAIT_POLL, 38, 0);
    span(page, HP_WAIT_SUBPROCESS, 2, 0);
}

static void waits_of_the_machine(void **state)
{
    (void)state;
    expect(sleeps, HP_FIND_sleep, 40, 40);
    expect(sleeps_between_asking, HP_FIND_sleep, 40, 0);
    expect_silence(sleep_of_nothing);
    expect(syncs, HP_FIND_disk_io, 20, 15);
    expect_silence(one_sync); /* as data that must be safe take */
    expect(one_long_sync, HP_FIND_disk_io, 8, 0);
    expect_silence(commit_syncs);
    expect(logs_to_a_disk, HP_FIND_log_io, 22, 11);
    expect(logs_by_calls_that_are_known, HP_FIND_log_io, 30, 15);
    expect(logs_by_a_handler_of_the_application, HP_FIND_log_io, 22, 11);
    expect_silence(logs_cheaply);
    expect_silence(logs_a_little_to_a_queue);
    expect(logs_much_to_a_queue, HP_FIND_log_io, 9.9, 4.95);
    expect(other_programs, HP_FIND_subprocess, 40, 20);
}

/* ---- threads and tasks ---- */

static void lock_is_held(struct page *page)
{
    page->t += 5;
    span(page, HP_WAIT_LOCK, 15, 0);
}

static void lock_is_free(struct page *page)
{
    page->t += 5;
    span(page, HP_WAIT_LOCK, 0.001, 0);
}

static void others_compute(struct page *page)
{
    page->t += 20;
    for (int i = 0; i < 4; i++) {
        span(page, HP_WAIT_GIL, 5, 0);
    }
}

/* An engine in the process lets the GIL go and has to wait for it again: no time of the database's. */
static void others_compute_while_it_asks(struct page *page)
{
    uint32_t sql = rec_sql(page->set, "SELECT count(*) FROM b WHERE c = ?", HP_ENGINE_SQLITE);
    rec_add_stmt(page->rec, (struct rec_stmt){.statement = sql,
                                              .node = page->node,
                                              .site_sym = page->site,
                                              .site_line = 9,
                                              .t0 = page->t,
                                              .exec = 31,
                                              .params = 1,
                                              .rows = 1});
    page->t += 0.5;
    span(page, HP_WAIT_GIL, 15, 0);
    span(page, HP_WAIT_GIL, 15, 0);
    page->t += 20.5;
}

static void tasks(struct page *page, enum hp_wait_kind kind)
{
    double from = page->t, t = from;
    for (int i = 0; i < 4; i++) {
        page->lane = rec_add_lane(page->rec, (struct rec_lane){.kind = HP_LANE_TASK,
                                                               .site_sym = page->site,
                                                               .site_line = 9,
                                                               .spawn = from,
                                                               .start = t,
                                                               .end = t + 20});
        page->t = t;
        span(page, kind, 20, 0);
        t = page->t;
    }
    page->lane = 0;
    rec_add_join(page->rec, 4, 0, from, t);
}

static void tasks_that_block(struct page *page)
{
    tasks(page, HP_WAIT_SLEEP);
}

static void tasks_that_await(struct page *page)
{
    tasks(page, HP_WAIT_AWAIT);
}

static uint32_t holder(struct page *page, uint32_t line, double length)
{
    uint32_t sym = rec_sym(page->set, "app/stats.py", "crunch", 3, REC_APP);
    return rec_add_holder(page->set, page->rec,
                          (struct hp_holder){.count = 1,
                                             .ns = rec_ns(length),
                                             .thread = 5,
                                             .site_sym = sym,
                                             .site_line = line,
                                             .kind = HP_WAIT_GIL});
}

static void two_lines_compute(struct page *page)
{
    uint32_t few = holder(page, 20, 5), most = holder(page, 21, 15);
    page->t += 20;
    for (int i = 0; i < 4; i++) {
        page->holder = i == 0 ? few : most;
        span(page, HP_WAIT_GIL, 5, 0);
    }
}

static void what_had_the_lock_for_longest_is_named(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, two_lines_compute, 10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    const struct hp_finding *finding = &r.findings.list[0];
    double share = 0;
    assert_non_null(strstr(finding->title.p, "mostly for app/stats.py:21 crunch"));
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        share = strcmp(finding->evidence[i].key, "holder_share") == 0 ? finding->evidence[i].number : share;
    }
    assert_near(share, 0.75, 0.01);
    assert_int_equal(finding->site_sym, rec_sym(&set, "app/stats.py", "crunch", 3, REC_APP));
    assert_int_equal(finding->site_line, 21);
    assert_int_equal(finding->subject_sym, set.view); /* what it is of stays, whoever computes */
    rec_set_fini(&set);
    make(&set, others_compute, 10); /* nobody knows */
    r = rec_find(&set);
    assert_int_equal(r.findings.list[0].site_sym, set.view);
    rec_set_fini(&set);
}

static void threads_and_tasks(void **state)
{
    (void)state;
    expect(lock_is_held, HP_FIND_lock_contention, 15, 0);
    expect_silence(lock_is_free);
    expect(others_compute, HP_FIND_gil_contention, 20, 0);
    expect(others_compute_while_it_asks, HP_FIND_gil_contention, 30, 0);
    expect(tasks_that_block, HP_FIND_blocking_in_async, 60, 0);
    expect_silence(tasks_that_await);
}

/* ---- with a tree ---- */

/* page (line 31) ── fetch (line 12) ── Session.get ── getresponse */
static void loop_over_a_helper(struct page *page)
{
    struct rec_set *set = page->set;
    uint32_t view = rec_node(page->rec, HP_NODE_ROOT, set->view, 0, 1, 1);
    page->site = rec_sym(set, "app/api.py", "fetch", 10, REC_APP);
    uint32_t fetch = rec_node(page->rec, view, page->site, 31, 3, 0.1);
    uint32_t get = rec_node(page->rec, fetch,
                            rec_sym(set, "requests/sessions.py", "Session.get", 600, REC_LIB), 12, 3, 0.3);
    page->node =
        rec_node(page->rec, get, rec_sym(set, "http/client.py", "getresponse", 9, REC_FRAMEWORK), 99, 3, 60);
    for (int i = 0; i < 3; i++) {
        call(page, 20);
    }
}

static void calls_of_a_helper_are_told_at_the_loop(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, loop_over_a_helper, 6);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_sequential_io);
    assert_int_equal(r.findings.list[0].site_sym, set.view);
    assert_int_equal(r.findings.list[0].site_line, 31);
    rec_set_fini(&set);
}

/* page ── connect (15 ms, of it 3 in waits) and page ── query */
static void connection_with_work_of_the_library(struct page *page)
{
    struct rec_set *set = page->set;
    uint32_t view = rec_node(page->rec, HP_NODE_ROOT, set->view, 0, 1, 1);
    page->protocol = HP_PROTOCOL_MYSQL;
    page->node =
        rec_node(page->rec, view, rec_sym(set, "driver/connect.py", "connect", 5, REC_LIB), 14, 1, 15);
    connect_for(page, 0, 1, 0);
    span(page, HP_WAIT_RECV, 2, 80);
    page->t += 12;
    rec_add_stmt(page->rec, (struct rec_stmt){.statement = rec_sql(set, "SELECT a FROM b", HP_ENGINE_MYSQL),
                                              .node = view,
                                              .site_sym = set->view,
                                              .site_line = 16,
                                              .t0 = page->t,
                                              .exec = 1});
    page->t += 1;
}

static void pieces_of_a_buffer(struct page *page)
{
    struct rec_set *set = page->set;
    uint32_t view = rec_node(page->rec, HP_NODE_ROOT, set->view, 0, 1, 1);
    uint32_t get = rec_node(page->rec, view, rec_sym(set, "client.py", "get", 5, REC_LIB), 12, 1, 2);
    uint32_t pieces = rec_node(page->rec, view, rec_sym(set, "client.py", "pieces", 30, REC_LIB), 13, 1, 4);
    (void)rec_node(page->rec, pieces, rec_sym(set, "client.py", "Response.read", 40, REC_LIB), 33, 4000, 36);
    page->node = get;
    page->group++;
    span(page, HP_WAIT_SEND, 0.1, 90);
    span(page, HP_WAIT_RECV, 1.9, 4100);
    page->node = view;
    page->t += 40;
}

/* A generator in the function reads byte by byte itself: one cause, and it is there. */
static void pieces_of_a_generator(struct page *page)
{
    pieces_of_a_buffer(page);
    page->site = rec_sym(page->set, "app/views.py", "page.<locals>.<genexpr>", 12, REC_APP);
    for (int i = 0; i < 200; i++) {
        span(page, HP_WAIT_RECV, 0.02, 1);
    }
}

/* page ── get ── readline, thirty for each of forty answers */
static void pieces_of_many_answers(struct page *page)
{
    struct rec_set *set = page->set;
    uint32_t view = rec_node(page->rec, HP_NODE_ROOT, set->view, 0, 1, 1);
    uint32_t get = rec_node(page->rec, view, rec_sym(set, "client.py", "get", 5, REC_LIB), 12, 40, 2);
    (void)rec_node(page->rec, get, rec_sym(set, "client.py", "Buffer.readline", 40, REC_LIB), 33, 1200, 12);
    page->protocol = HP_PROTOCOL_REDIS;
    page->node = get;
    for (unsigned i = 0; i < 40; i++) {
        page->group++;
        span(page, HP_WAIT_SEND, 0.1, 50);
        span(page, HP_WAIT_RECV, 0.4, 300);
        page->t += 0.3;
    }
}

static void lines_of_a_stream(struct page *page)
{
    struct rec_set *set = page->set;
    uint32_t view = rec_node(page->rec, HP_NODE_ROOT, set->view, 0, 1, 1);
    uint32_t get = rec_node(page->rec, view, rec_sym(set, "client.py", "get", 5, REC_LIB), 12, 1, 90);
    (void)rec_node(page->rec, get, rec_sym(set, "client.py", "Response.readline", 40, REC_LIB), 33, 600, 1);
    page->node = get;
    page->group++;
    span(page, HP_WAIT_SEND, 0.1, 90);
    span(page, HP_WAIT_RECV, 1.9, 60000);
    page->t += 90;
}

static void work_of_the_library_beside_waits(void **state)
{
    (void)state;
    expect(connection_with_work_of_the_library, HP_FIND_connection_churn, 15, 0);
    expect(pieces_of_a_buffer, HP_FIND_chatty_reads, 38.1, 19.05);
    struct rec_set set;
    make(&set, pieces_of_a_generator, 10);
    assert_int_equal(rec_only(&set, HP_FIND_chatty_reads)->site_sym != set.view, 1);
    rec_set_fini(&set);
    expect_silence(lines_of_a_stream);
    make(&set, pieces_of_many_answers, 6);
    assert_int_equal(rec_only(&set, HP_FIND_sequential_io)->site_line, 12);
    rec_set_fini(&set);
}

static void commit(struct page *page, unsigned times)
{
    uint32_t files[3];
    static const char *const names[] = {"/data/shop.db-journal", "/data/shop.db", "/data"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hp_dict_add_string(page->set->dict, hp_str_from0(names[i]), &files[i]), HP_OK);
    }
    for (unsigned k = 0; k < times; k++) {
        for (size_t i = 0; i < 3; i++) {
            rec_add_span(page->set, page->rec,
                         (struct rec_span){.kind = HP_WAIT_DISK,
                                           .peer = files[i],
                                           .site_sym = page->site,
                                           .site_line = 12,
                                           .t0 = page->t,
                                           .t1 = page->t + 2});
            page->t += 2;
        }
    }
}

static void one_commit(struct page *page)
{
    commit(page, 1);
}

static void commit_for_each_row(struct page *page)
{
    commit(page, 5);
}

static void commits_of_a_file(void **state)
{
    (void)state;
    expect_silence(one_commit);
    expect(commit_for_each_row, HP_FIND_disk_io, 24, 24);
}

/* ---- one cause, one finding ---- */

static void calls_outweigh_their_setup(struct page *page)
{
    for (int i = 0; i < 5; i++) {
        connect_for(page, 0, 4, 0);
        ask(page, 20);
    }
}

static void dependent_calls_with_handshakes(struct page *page)
{
    for (uint32_t i = 0; i < 2; i++) {
        page->line = 10 + i;
        connect_for(page, 0, 1, 9);
        ask(page, 14);
    }
}

static void one_time_is_claimed_once(void **state)
{
    (void)state;
    expect(calls_outweigh_their_setup, HP_FIND_sequential_io, 4 * 24.1, 0);
    expect(dependent_calls_with_handshakes, HP_FIND_tls_churn, 20, 10);
}

static void the_first_request_of_a_process_may_connect(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, connection_in_each_request, 2);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

/* ---- before and after ---- */

static uint64_t own_ms(const struct rec_set *set, const struct hp_own_key *key, bool is_after)
{
    struct hp_case c = rec_case(set);
    uint64_t ns[REC_MAX];
    assert_int_equal(hp_own_measure(&c, key, is_after, ns), HP_OK);
    return ns[0] / 1000000;
}

static void compare_measures_what_the_fix_saved(void **state)
{
    (void)state;
    static const struct {
        fill_fn before, after;
        uint64_t before_ms, after_ms;
    } cases[] = {{loop_of_calls, calls_side_by_side, 130, 20},
                 {connection_for_each_call, session_is_reused, 40, 30},
                 {sleeps, sleep_of_nothing, 40, 0},
                 {logs_to_a_disk, logs_cheaply, 22, 0},
                 {tasks_that_block, tasks_that_await, 80, 0},
                 {others_compute, lock_is_free, 20, 0},
                 {tiny_reads, large_reads, 30, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rec_set before, after;
        struct hp_own_key key;
        make(&before, cases[i].before, 4);
        make(&after, cases[i].after, 4);
        struct hp_find_result r = rec_find(&before);
        struct hp_case c = rec_case(&before);
        assert_int_equal(r.findings.count, 1);
        assert_int_equal(hp_own_describe(&c, &r.findings.list[0], &before.arena, &key), HP_OK);
        assert_int_equal(own_ms(&before, &key, false), cases[i].before_ms);
        assert_int_equal(own_ms(&after, &key, true), cases[i].after_ms);
        rec_set_fini(&before);
        rec_set_fini(&after);
    }
}

/* ---- memory ---- */

static void everything(struct page *page)
{
    loop_of_calls(page);
    page->line = 40;
    sleeps(page);
    syncs(page);
    page->site = rec_sym(page->set, "app/api.py", "ask", 3, REC_APP);
    handshake_for_each_call(page);
    logs_to_a_disk(page);
    lock_is_held(page);
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, everything, 3);
    assert_true(rec_find(&set).findings.count >= 4);
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
    static const fill_fn with_tree[] = {loop_over_a_helper, connection_with_work_of_the_library,
                                        pieces_of_a_buffer};
    for (size_t i = 0; i < sizeof with_tree / sizeof *with_tree; i++) {
        make(&set, with_tree[i], 3);
        assert_int_equal(rec_find(&set).findings.count, 1);
        hp_sweep_oom(rec_find_all, &set);
        rec_set_fini(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setups_of_connections),
        cmocka_unit_test(outgoing_calls),
        cmocka_unit_test(reads_of_one_connection),
        cmocka_unit_test(executemany_that_sends_row_by_row_is_a_query_for_each_row),
        cmocka_unit_test(tiny_reads_are_a_cause_beside_the_handshake_of_their_connection),
        cmocka_unit_test(waits_of_the_machine),
        cmocka_unit_test(threads_and_tasks),
        cmocka_unit_test(what_had_the_lock_for_longest_is_named),
        cmocka_unit_test(calls_of_a_helper_are_told_at_the_loop),
        cmocka_unit_test(work_of_the_library_beside_waits),
        cmocka_unit_test(commits_of_a_file),
        cmocka_unit_test(one_time_is_claimed_once),
        cmocka_unit_test(the_first_request_of_a_process_may_connect),
        cmocka_unit_test(compare_measures_what_the_fix_saved),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
