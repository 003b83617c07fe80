/* test_store_scopes.c -- whom a question is about, on every back end: route, range of time, revision,
 * duration, level. */
#include "base/clock.h"
#include "world.h"

static void a_route_is_named_three_ways(void **state)
{
    struct world *world = *state;
    const char *const names[] = {"GET /settings", "/settings", "shop.settings"};
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    put_bare(world, 2, T0, 3, 0);
    put_bare(world, 3, T0, 3, 1);
    commit(world);
    for (unsigned i = 0; i < 3; i++) {
        struct hp_scope scope = {.route = hp_str_from0(names[i])};
        assert_int_equal(requests_in(world, &scope), 2);
    }
    struct hp_scope other = {.route = HP_STR("POST /settings")};
    assert_int_equal(requests_in(world, &other), 0);
    struct hp_scope nothing = {.route = HP_STR("GET /setting")};
    assert_int_equal(requests_in(world, &nothing), 0);
}

static void a_range_of_time_is_half_open(void **state)
{
    struct world *world = *state;
    begin(world);
    for (unsigned i = 0; i < 3000; i++) {
        put_bare(world, i, T0 + i * MS, 3, 0);
    }
    commit(world);
    struct hp_scope scope = {.from_ns = T0 + 1000 * MS, .to_ns = T0 + 2000 * MS};
    assert_int_equal(requests_in(world, &scope), 1000);
    scope.to_ns = scope.from_ns + 1;
    assert_int_equal(requests_in(world, &scope), 1);
    scope = (struct hp_scope){.from_ns = T0 + 2500 * MS};
    assert_int_equal(requests_in(world, &scope), 500);
    scope = (struct hp_scope){.to_ns = T0};
    assert_int_equal(requests_in(world, &scope), 0);
}

static void the_newest_revision_is_that_of_the_newest_request(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_str revision = HP_STR("untouched");
    ok(world, hp_store_newest_revision(world->r, &all, &revision, &world->info));
    assert_int_equal(revision.n, 0);
    begin(world);
    put_bare(world, 1, T0 + 100, 3, 0);
    put_bare(world, 2, T0 + 200, 3, 0);
    commit(world);
    make_fini(&world->m);
    make_init(&world->m, "rev2", 3);
    begin(world);
    put_bare(world, 3, T0 + 150, 3, 0);
    commit(world);
    ok(world, hp_store_newest_revision(world->r, &all, &revision, &world->info));
    same_text(revision, HP_STR("rev1"));
    struct hp_scope newest = {.newest_revision = true};
    assert_int_equal(requests_in(world, &newest), 2);
    struct hp_scope rev2 = {.revision = HP_STR("rev2")};
    assert_int_equal(requests_in(world, &rev2), 1);
    struct hp_scope none = {.revision = HP_STR("rev3")};
    assert_int_equal(requests_in(world, &none), 0);
    struct hp_scope early = {.from_ns = T0 + 120, .to_ns = T0 + 180, .newest_revision = true};
    assert_int_equal(requests_in(world, &early), 1);
}

static void what_was_written_since_is_seen(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    for (unsigned i = 1; i <= 5; i++) {
        begin(world);
        put_bare(world, i, T0 + i, 3, i % 3);
        commit(world);
        assert_int_equal(requests_in(world, &all), i);
    }
}

struct narrow {
    uint64_t rows[8], durations[8];
    unsigned count;
};

static bool keep_narrow(void *ctx, const struct hp_narrow_row *row)
{
    struct narrow *narrow = ctx;
    narrow->rows[narrow->count] = row->row;
    narrow->durations[narrow->count++] = row->duration_ns;
    return narrow->count < 8;
}

static unsigned count_rows(struct world *world, const struct hp_scope *scope)
{
    struct narrow narrow = {.count = 0};
    ok(world, hp_store_rows(world->r, scope, keep_narrow, &narrow, &world->info));
    return narrow.count;
}

static void a_brush_takes_durations_within_it(void **state)
{
    struct world *world = *state;
    struct hp_scope scope = {0};
    struct narrow narrow = {.count = 0};
    begin(world);
    for (unsigned i = 1; i <= 4; i++) {
        put_bare(world, i, T0 + i, 10 * i, 0);
    }
    commit(world);
    assert_int_equal(count_rows(world, &scope), 4);
    scope.min_ns = 15 * MS;
    scope.max_ns = 35 * MS;
    ok(world, hp_store_rows(world->r, &scope, keep_narrow, &narrow, &world->info));
    assert_int_equal(narrow.count, 2);
    scope.min_ns = narrow.durations[0]; /* within */
    scope.max_ns = narrow.durations[1]; /* not within */
    assert_int_equal(count_rows(world, &scope), 1);
    struct hp_request_row row;
    struct hp_record record;
    ok(world, hp_store_row(world->r, narrow.rows[1], &row, &world->info));
    assert_int_equal(row.req.id, 3);
    ok(world, hp_store_row_record(world->r, narrow.rows[0], &world->arena, &record, &world->info));
    assert_int_equal(record.req.id, 2);
    uint64_t found = 0;
    ok(world, hp_store_find(world->r, 3, &found, &world->info));
    assert_int_equal(found, narrow.rows[1]);
    assert_int_equal(hp_store_find(world->r, 99, &found, &world->info), HP_ENOTFOUND);
    scope = (struct hp_scope){.levels = 1u << HP_LEVEL_TRACE};
    assert_int_equal(count_rows(world, &scope), 0);
}

static void a_part_of_the_range_is_answered_from_memory(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0}, part = {.from_ns = T0 + 2, .to_ns = T0 + 4};
    begin(world);
    for (unsigned i = 1; i <= 4; i++) {
        put_bare(world, i, T0 + i, 10 * i, 0);
    }
    commit(world);
    assert_int_equal(count_rows(world, &all), 4);
    assert_int_equal(count_rows(world, &part), 2);
    begin(world);
    put_bare(world, 5, T0 + 3, 10, 0);
    put_bare(world, 6, T0 + 9, 10, 0);
    commit(world);
    assert_int_equal(count_rows(world, &part), 3);
    assert_int_equal(count_rows(world, &all), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_route_is_named_three_ways),
        BOTH(a_range_of_time_is_half_open),
        BOTH(the_newest_revision_is_that_of_the_newest_request),
        BOTH(what_was_written_since_is_seen),
        BOTH(a_brush_takes_durations_within_it),
        BOTH(a_part_of_the_range_is_answered_from_memory),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
