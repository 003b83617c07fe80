/* test_store_lists.c -- requests one by one, on every back end: their order, how a sample is drawn, what may
 * be asked meanwhile. */
#include "base/clock.h"
#include "world.h"

static void requests_come_newest_or_slowest_first(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids newest = {.count = 0}, slowest = {.count = 0}, none = {.count = 0};
    begin(world);
    for (unsigned i = 0; i < 200; i++) {
        put_bare(world, i, T0 + (i * 73) % 200, 1 + (i * 31) % 200, 0);
    }
    commit(world);
    ok(world, hp_store_requests(world->r, &all, HP_SORT_NEWEST, 10, keep_request, &newest, &world->info));
    ok(world, hp_store_requests(world->r, &all, HP_SORT_SLOWEST, 10, keep_request, &slowest, &world->info));
    ok(world, hp_store_requests(world->r, &all, HP_SORT_SLOWEST, 0, keep_request, &none, &world->info));
    assert_int_equal(newest.count, 10);
    assert_int_equal(slowest.count, 10);
    assert_int_equal(none.count, 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal((newest.ids[i] * 73) % 200, 199 - i);
        assert_int_equal((slowest.ids[i] * 31) % 200, 199 - i);
    }
}

static void a_sample_is_spread_over_durations_and_repeats(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids a = {.count = 0}, b = {.count = 0}, few = {.limit = 2};
    begin(world);
    for (unsigned i = 0; i < 100; i++) {
        put(world, make_full(&world->m, i, T0 + i, (10 + (i * 37) % 100) * MS, 0, 1, 20, 1));
        put_bare(world, 1000 + i, T0 + i, 500, 0); /* without detail */
    }
    commit(world);
    uint32_t route = route_id(world, "/settings");
    ok(world, hp_store_sample(world->r, &all, route, 10, &world->arena, keep_record, &a, &world->info));
    ok(world, hp_store_sample(world->r, &all, route, 10, &world->arena, keep_record, &b, &world->info));
    ok(world, hp_store_sample(world->r, &all, route, 10, &world->arena, keep_record, &few, &world->info));
    assert_int_equal(a.count, 10);
    assert_int_equal(few.count, 2);
    assert_memory_equal(a.ids, b.ids, sizeof *a.ids * 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal((a.ids[i] * 37) % 100, 5 + 10 * i);
    }
    struct ids all_of = {.count = 0};
    ok(world,
       hp_store_sample(world->r, &all, route, 1000, &world->arena, keep_record, &all_of, &world->info));
    assert_int_equal(all_of.count, 100);
}

static void a_sample_is_not_of_those_alone_that_hold_much(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids a = {.count = 0};
    begin(world);
    for (unsigned i = 0; i < 20; i++) {
        put_bare(world, i, T0 + i, 10 * MS, 0);
    }
    struct hp_template parts[8]; /* beyond what fits beside the facts */
    memset(parts, 0, sizeof parts);
    struct hp_lane lane = {.cpu_ns = 1, .runqueue_ns = HP_ABSENT, .wait_busy_ns = HP_ABSENT};
    for (unsigned i = 0; i < 8; i++) {
        parts[i] = (struct hp_template){
            .t0_ns = i * MS, .total_ns = 90 * MS, .self_ns = 80 * MS + i, .count = 7 * MS};
    }
    struct hp_record slow = {
        .req = make_request(&world->m, 77, T0 + 30, 900 * MS, 0), .lanes = &lane, .lane_count = 1};
    slow.notes.templates = parts;
    slow.notes.count[HP_NOTE_TEMPLATE] = 8;
    put(world, make_encode(&world->m, &slow));
    commit(world);
    ok(world, hp_store_sample(world->r, &all, route_id(world, "/settings"), 21, &world->arena, keep_record,
                              &a, &world->info));
    assert_int_equal(a.count, 21);
}

static void a_sample_without_details_takes_any_request(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids a = {.count = 0};
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    commit(world);
    ok(world, hp_store_sample(world->r, &all, route_id(world, "/settings"), 10, &world->arena, keep_record,
                              &a, &world->info));
    assert_int_equal(a.count, 1);
}

static void put_level(struct world *world, unsigned i, uint8_t level, uint32_t flags)
{
    struct hp_record record = {.req = make_request(&world->m, i, T0 + i, 3 * MS, 0)};
    record.req.level = level;
    record.req.flags = flags;
    put(world, make_encode(&world->m, &record));
}

static void what_the_budget_lowered_is_counted_over_all_requests_of_the_route(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_lowered lowered = {0};
    begin(world);
    for (unsigned i = 0; i < 30; i++) {
        put_level(world, i, HP_LEVEL_TRACE, 0);
    }
    put_level(world, 30, HP_LEVEL_SAMPLE, HP_REQ_LOWERED);
    put_level(world, 31, HP_LEVEL_MONITOR, HP_REQ_LOWERED | HP_REQ_EXCEPTION);
    put_level(world, 32, HP_LEVEL_COUNT, 0); /* asked for */
    commit(world);
    ok(world, hp_store_lowered(world->r, &all, route_id(world, "/settings"), &lowered, &world->info));
    assert_int_equal(lowered.requests, 33);
    assert_int_equal(lowered.lowered, 2);
    assert_int_equal(lowered.level, HP_LEVEL_MONITOR);
}

struct moments {
    uint64_t starts[64], durations[64];
    unsigned count;
};

static bool keep_duration(void *ctx, uint64_t start_ns, uint64_t duration_ns, uint32_t flags, uint16_t status)
{
    struct moments *m = ctx;
    assert_int_equal(status, 200);
    assert_int_equal(flags, 0);
    m->starts[m->count] = start_ns;
    m->durations[m->count++] = duration_ns;
    return true;
}

static void durations_come_oldest_first(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct moments m = {.count = 0};
    begin(world);
    for (unsigned i = 0; i < 50; i++) {
        put_bare(world, i, T0 + (i * 13) % 50, 1 + i, 0);
        put_bare(world, 100 + i, T0, 1, 1);
    }
    commit(world);
    ok(world,
       hp_store_durations(world->r, &all, route_id(world, "/settings"), keep_duration, &m, &world->info));
    assert_int_equal(m.count, 50);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(m.starts[i], T0 + i);
        assert_int_equal((m.durations[i] / MS * 13) % 50, i);
    }
}

static void an_empty_store_answers_with_nothing(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_complete c;
    struct ids ids = {.count = 0};
    uint64_t requests = 9;
    uint32_t nodes;
    assert_int_equal(read_routes(world, &all).count, 0);
    ok(world, hp_store_complete(world->r, &all, &c, &world->info));
    assert_int_equal(c.requests, 0);
    ok(world, hp_store_requests(world->r, &all, HP_SORT_NEWEST, 5, keep_request, &ids, &world->info));
    ok(world, hp_store_sample(world->r, &all, 1, 5, &world->arena, keep_record, &ids, &world->info));
    assert_int_equal(ids.count, 0);
    (void)merged(world, &all, 0, &requests, &nodes);
    assert_int_equal(requests, 0);
    assert_int_equal(hp_store_close(NULL), HP_OK);
}

/* Questions within the callback of another. */
struct nested {
    struct world *world;
    unsigned records;
};

static bool ask_within(void *ctx, const struct hp_route_row *row)
{
    struct nested *nested = ctx;
    struct hp_scope other = {.from_ns = T0 + 50};
    struct ids ids = {.count = 0};
    ok(nested->world, hp_store_sample(nested->world->r, &other, row->route, 100, &nested->world->arena,
                                      keep_record, &ids, &nested->world->info));
    nested->records += ids.count;
    return true;
}

static void questions_may_be_asked_within_callbacks(void **state)
{
    struct world *world = *state;
    struct nested nested = {world, 0};
    struct hp_scope all = {0};
    begin(world);
    for (unsigned i = 0; i < 100; i++) {
        put(world, make_full(&world->m, i, T0 + i, 9 * MS, i % 2, 1, 20, 1));
    }
    commit(world);
    ok(world, hp_store_routes(world->r, &all, ask_within, &nested, &world->info));
    assert_int_equal(nested.records, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(requests_come_newest_or_slowest_first),
        BOTH(a_sample_is_spread_over_durations_and_repeats),
        BOTH(a_sample_is_not_of_those_alone_that_hold_much),
        BOTH(a_sample_without_details_takes_any_request),
        BOTH(what_the_budget_lowered_is_counted_over_all_requests_of_the_route),
        BOTH(durations_come_oldest_first),
        BOTH(an_empty_store_answers_with_nothing),
        BOTH(questions_may_be_asked_within_callbacks),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
