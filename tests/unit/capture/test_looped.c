/* test_looped.c -- outgoing calls of tasks: what their loop does, TLS in memory, look-ups on other threads,
 * and what they await. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/looped.h"
#include "fake_requests.h"
#include "sweep_oom.h"

#define MOST 64u
#define SITE 7u  /* symbols of the application */
#define PEER 99u /* string */

enum { MAIN, LOOP, ASKS, OTHER, LOOKS_UP, CONNECTS, LANES };

static struct hp_lane lanes[LANES];
static struct hp_span spans[MOST];
static struct hp_wait waits[MOST];
static struct hp_cap_request request;

/* The main lane has the loop's thread run two tasks; the first one has a name looked up and another task
 * connect. */
static void make(void)
{
    static const struct hp_lane made[LANES] = {
        [MAIN] = {.end_ns = 1000},
        [LOOP] = {.kind = HP_LANE_POOL, .parent = MAIN, .end_ns = 1000},
        [ASKS] = {.kind = HP_LANE_TASK, .parent = LOOP, .end_ns = 1000},
        [OTHER] = {.kind = HP_LANE_TASK, .parent = LOOP, .end_ns = 1000},
        [LOOKS_UP] = {.kind = HP_LANE_POOL, .parent = ASKS, .end_ns = 15},
        [CONNECTS] = {.kind = HP_LANE_TASK, .parent = ASKS, .end_ns = 30, .site_sym = SITE, .site_line = 3},
    };
    memcpy(lanes, made, sizeof lanes);
    memset(waits, 0, sizeof waits);
    request = (struct hp_cap_request){.cap = cap,
                                      .lanes = lanes,
                                      .lane_count = LANES,
                                      .spans = spans,
                                      .span_capacity = MOST,
                                      .waits = waits,
                                      .wait_capacity = MOST};
}

/* A wait on connection `conn` (0: of none), and its total. */
static struct hp_span *add(uint32_t lane, uint8_t kind, uint32_t conn, uint64_t t0, uint64_t t1)
{
    struct hp_span *span = &spans[request.span_count++];
    *span = (struct hp_span){.t0_ns = t0,
                             .t1_ns = t1,
                             .lane = lane,
                             .kind = kind,
                             .group = conn,
                             .peer = conn != 0 ? PEER : 0,
                             .site_sym = lane == ASKS || lane == OTHER ? SITE : 0,
                             .site_line = lane == ASKS    ? 1
                                          : lane == OTHER ? 2
                                                          : 0};
    waits[request.wait_count++] = (struct hp_wait){.count = 1,
                                                   .ns = t1 - t0,
                                                   .lane = lane,
                                                   .kind = kind,
                                                   .peer = span->peer,
                                                   .site_sym = span->site_sym,
                                                   .site_line = span->site_line};
    return span;
}

static void add_bytes(uint32_t lane, uint8_t kind, uint32_t conn, uint64_t t0, uint64_t bytes)
{
    add(lane, kind, conn, t0, t0 + 1)->bytes = bytes;
    waits[request.wait_count - 1].bytes = bytes;
}

static void join(void)
{
    assert_true(hp__looped_has_tasks(&request));
    hp__looped_join(&request);
}

static const struct hp_span *at(uint64_t t0)
{
    for (uint32_t i = 0; i < request.span_count; i++) {
        if (spans[i].t0_ns == t0) {
            return &spans[i];
        }
    }
    fail_msg("no wait begins at %u", (unsigned)t0);
    return NULL;
}

static uint8_t kind_in_call(uint64_t t0)
{
    struct hp_record record = {.spans = spans, .span_count = request.span_count};
    return hp_record_call_kind(&record, (uint32_t)(at(t0) - spans));
}

/* Of one kind on one lane. */
static uint64_t total_ns(uint32_t lane, uint8_t kind)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < request.wait_count; i++) {
        ns += waits[i].lane == lane && waits[i].kind == kind ? waits[i].ns : 0;
    }
    return ns;
}

static void what_the_loop_reads_is_the_tasks(void **state)
{
    (void)state;
    make();
    add(ASKS, HP_WAIT_CONNECT, 5, 10, 12)->error = EINPROGRESS;
    add(ASKS, HP_WAIT_AWAIT, 0, 13, 20);
    add_bytes(ASKS, HP_WAIT_SEND, 5, 21, 100);
    add(ASKS, HP_WAIT_AWAIT, 0, 23, 60);
    add_bytes(LOOP, HP_WAIT_RECV, 5, 50, 40);
    add(LOOP, HP_WAIT_POLL, 0, 30, 49);
    join();
    assert_int_equal(at(50)->lane, ASKS);
    assert_true(at(50)->site_sym == SITE && at(50)->site_line == 1);
    assert_int_equal(total_ns(LOOP, HP_WAIT_RECV), 0);
    assert_int_equal(total_ns(ASKS, HP_WAIT_RECV), 1);
    for (uint32_t i = 0; i < request.span_count; i++) {
        assert_int_equal(spans[i].group, spans[i].kind == HP_WAIT_POLL ? 0 : 1);
        assert_true(i == 0 || spans[i - 1].lane <= spans[i].lane);
    }
    assert_int_equal(kind_in_call(13), HP_WAIT_CONNECT);
    assert_int_equal(kind_in_call(23), HP_WAIT_RECV);
    assert_int_equal(kind_in_call(21), HP_WAIT_SEND);
}

static void two_tasks_calls_do_not_mix(void **state)
{
    (void)state;
    make();
    add_bytes(ASKS, HP_WAIT_SEND, 5, 10, 100);
    add_bytes(OTHER, HP_WAIT_SEND, 6, 12, 100);
    add(ASKS, HP_WAIT_AWAIT, 0, 14, 41);
    add(OTHER, HP_WAIT_AWAIT, 0, 15, 61);
    add_bytes(LOOP, HP_WAIT_RECV, 5, 40, 10);
    add_bytes(LOOP, HP_WAIT_RECV, 6, 60, 10);
    add_bytes(ASKS, HP_WAIT_SEND, 6, 70, 100); /* a kept connection that the other one had */
    add(ASKS, HP_WAIT_AWAIT, 0, 72, 91);
    add_bytes(LOOP, HP_WAIT_RECV, 6, 90, 10);
    join();
    assert_true(at(40)->lane == ASKS && at(60)->lane == OTHER && at(90)->lane == ASKS);
    assert_true(at(10)->group == at(14)->group && at(14)->group == at(40)->group);
    assert_true(at(12)->group == at(15)->group && at(15)->group == at(60)->group);
    assert_true(at(70)->group == at(72)->group && at(72)->group == at(90)->group);
    assert_true(at(10)->group != at(12)->group && at(12)->group != at(70)->group);
}

static void look_up_and_connect_elsewhere_are_of_the_call(void **state)
{
    (void)state;
    make();
    add(ASKS, HP_WAIT_AWAIT, 0, 5, 15);
    add(LOOKS_UP, HP_WAIT_DNS, 0, 6, 14);
    add(ASKS, HP_WAIT_AWAIT, 0, 16, 30);
    add(CONNECTS, HP_WAIT_CONNECT, 5, 17, 18)->error = EINPROGRESS;
    add(LOOP, HP_WAIT_TLS, 5, 40, 41); /* the task that connected has ended: of the one that started it */
    add_bytes(ASKS, HP_WAIT_SEND, 5, 50, 10);
    join();
    assert_int_equal(at(6)->group, at(50)->group);
    assert_int_equal(at(17)->group, at(50)->group);
    assert_int_equal(at(5)->group, at(50)->group);
    assert_int_equal(kind_in_call(5), HP_WAIT_DNS);
    assert_int_equal(kind_in_call(16), HP_WAIT_CONNECT);
    assert_true(at(40)->lane == ASKS && at(40)->site_line == 3);
}

static void tls_in_memory_is_of_the_connection_that_it_goes_out_on(void **state)
{
    (void)state;
    make();
    add(ASKS, HP_WAIT_CONNECT, 5, 10, 11);
    add(ASKS, HP_WAIT_TLS, 0, 12, 14);
    add_bytes(ASKS, HP_WAIT_SEND, 5, 15, 517); /* hello */
    add_bytes(LOOP, HP_WAIT_RECV, 5, 20, 1300);
    add(ASKS, HP_WAIT_TLS, 0, 22, 24);
    add_bytes(ASKS, HP_WAIT_SEND, 5, 25, 80);  /* finished */
    add_bytes(LOOP, HP_WAIT_RECV, 5, 27, 500); /* tickets */
    add_bytes(ASKS, HP_WAIT_SEND, 0, 30, 100);
    add_bytes(ASKS, HP_WAIT_SEND, 5, 32, 130);
    add_bytes(LOOP, HP_WAIT_RECV, 5, 50, 70);
    add_bytes(ASKS, HP_WAIT_RECV, 0, 52, 40);
    join();
    static const uint64_t handshake[] = {12, 15, 20, 22, 25, 27};
    for (size_t i = 0; i < sizeof handshake / sizeof *handshake; i++) {
        assert_int_equal(at(handshake[i])->kind, HP_WAIT_TLS);
    }
    uint64_t sent = 0, received = 0;
    for (uint32_t i = 0; i < request.span_count; i++) {
        assert_int_equal(spans[i].group, 1);
        assert_int_equal(spans[i].lane, ASKS);
        assert_int_equal(spans[i].peer, PEER);
        sent += spans[i].kind == HP_WAIT_SEND ? spans[i].bytes : 0;
        received += spans[i].kind == HP_WAIT_RECV ? spans[i].bytes : 0;
    }
    assert_int_equal(sent, 100); /* the application's, as where OpenSSL has the socket */
    assert_int_equal(received, 40);
    assert_int_equal(total_ns(ASKS, HP_WAIT_TLS), 2 + 1 + 1 + 2 + 1 + 1);
}

static void the_loops_own_pipe_is_no_call(void **state)
{
    (void)state;
    make();
    add_bytes(ASKS, HP_WAIT_SEND, 8, 10, 1);
    spans[0].peer = 0;
    add_bytes(LOOP, HP_WAIT_RECV, 9, 12, 1);
    spans[1].peer = 0;
    add(ASKS, HP_WAIT_AWAIT, 0, 11, 20);
    join();
    for (uint32_t i = 0; i < request.span_count; i++) {
        assert_int_equal(spans[i].group, 0);
    }
    assert_int_equal(at(12)->lane, LOOP);
}

static void what_a_foreign_loop_receives_is_awaited(void **state)
{
    (void)state;
    make();
    add_bytes(ASKS, HP_WAIT_SEND, 5, 10, 10);
    add(ASKS, HP_WAIT_AWAIT, 0, 12, 60);
    add(ASKS, HP_WAIT_AWAIT, 0, 70, 80); /* for something else */
    join();
    assert_int_equal(at(12)->group, at(10)->group);
    assert_int_equal(kind_in_call(12), HP_WAIT_RECV);
    assert_int_equal(at(70)->group, 0);
}

#define CROWD 1200u

/* Tasks side by side, each with a connection of its own (120 overlap at any time): a send, an await, what the
 * loop reads for it. */
static void each_of_very_many_tasks_has_its_call(void **state)
{
    (void)state;
    struct hp_cap_request *crowd = &request;
    make();
    crowd->lane_count = 2 + CROWD;
    crowd->lanes = hp_calloc(crowd->lane_count, sizeof *lanes);
    crowd->spans = hp_calloc(3 * CROWD, sizeof *spans);
    crowd->waits = hp_calloc(3 * CROWD, sizeof *waits);
    crowd->span_capacity = crowd->wait_capacity = 3 * CROWD;
    assert_true(crowd->lanes != NULL && crowd->spans != NULL && crowd->waits != NULL);
    memcpy(crowd->lanes, lanes, 2 * sizeof *lanes);
    for (uint32_t i = 0; i < CROWD; i++) {
        uint32_t lane = 2 + i;
        crowd->lanes[lane] = (struct hp_lane){.kind = HP_LANE_TASK, .parent = LOOP, .end_ns = 100000};
        const struct hp_span made[] = {
            {.kind = HP_WAIT_SEND, .lane = lane, .group = 1 + i, .peer = PEER, .bytes = 10, .site_sym = SITE},
            {.kind = HP_WAIT_AWAIT, .lane = lane, .site_sym = SITE},
            {.kind = HP_WAIT_RECV, .lane = LOOP, .group = 1 + i, .peer = PEER, .bytes = 7 + i}};
        for (uint32_t k = 0; k < 3; k++) {
            struct hp_span *span = &crowd->spans[crowd->span_count++];
            *span = made[k];
            span->t0_ns = 1 + 10 * i + (k == 2 ? 1100 : k);
            span->t1_ns = span->t0_ns + (k == 1 ? 1105 : 1);
            if (k != 2 || i == 0) { /* one total of the loop stands for all that it reads */
                crowd->waits[crowd->wait_count++] = (struct hp_wait){
                    .lane = span->lane, .kind = span->kind, .peer = span->peer, .site_sym = span->site_sym};
            }
        }
    }
    join();
    uint32_t received = 0;
    for (uint32_t i = 0; i < crowd->span_count; i++) {
        const struct hp_span *span = &crowd->spans[i];
        received += span->kind == HP_WAIT_RECV;
        assert_true(span->lane >= 2 && span->group != 0);
        assert_int_equal(span->group, crowd->spans[i - i % 3].group);
        assert_true(span->kind != HP_WAIT_RECV || span->bytes == 7 + (span->lane - 2));
    }
    assert_int_equal(received, CROWD);
    hp_free(crowd->lanes);
    hp_free(crowd->spans);
    hp_free(crowd->waits);
}

static void join_once(void *unused)
{
    (void)unused;
    make();
    add_bytes(ASKS, HP_WAIT_SEND, 5, 10, 10);
    add(ASKS, HP_WAIT_AWAIT, 0, 12, 41);
    add_bytes(LOOP, HP_WAIT_RECV, 5, 40, 10);
    hp__looped_join(&request);
    assert_int_equal(request.span_count, 3);
    assert_true(at(10)->group == 1 && at(40)->group == 1);
}

static void without_memory_fewer_are_joined(void **state)
{
    (void)state;
    hp_sweep_oom(join_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_loop_reads_is_the_tasks),
        cmocka_unit_test(two_tasks_calls_do_not_mix),
        cmocka_unit_test(look_up_and_connect_elsewhere_are_of_the_call),
        cmocka_unit_test(tls_in_memory_is_of_the_connection_that_it_goes_out_on),
        cmocka_unit_test(the_loops_own_pipe_is_no_call),
        cmocka_unit_test(what_a_foreign_loop_receives_is_awaited),
        cmocka_unit_test(each_of_very_many_tasks_has_its_call),
        cmocka_unit_test(without_memory_fewer_are_joined),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
