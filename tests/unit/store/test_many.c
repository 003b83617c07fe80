/* test_many.c -- many routes and many rows in a file: nothing is lost, and a question costs steps that do not
 * grow with the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"
#include "store/tally.h"

/* ---- many routes ---- */

static hp_err count_rollup(void *ctx, const struct hp__rollup *rollup)
{
    uint64_t *count = ctx;
    count[0]++;
    count[1] += rollup->requests;
    return HP_OK;
}

/* Requests of `routes` routes in turn, `rounds` times, all in one minute. */
static void write_routes(struct place *place, struct hp_store *store, unsigned routes, unsigned rounds)
{
    struct hp_process process = {.pid = 1, .start_ns = T0};
    struct make m;
    char text[32];
    make_init(&m, "rev1", 0);
    ok(place, hp_store_begin(store, &place->info));
    ok(place, hp_store_put_process(store, &process, &place->info));
    for (unsigned i = 0; i < routes * rounds; i++) {
        struct hp_route route = {HP_STR("GET"), make_text(text, sizeof text, "/page/%u", i % routes),
                                 hp_str_make(NULL, 0)};
        make_must(hp_dict_add_route(m.dict, &route, &m.routes[0]));
        ok(place, hp_store_put(store, make_bare(&m, i + 1, T0 + i * MS, 5 * MS, 0), m.dict, &place->info));
    }
    ok(place, hp_store_commit(store, &place->info));
    make_fini(&m);
}

static void many_routes_in_turn_have_a_rollup_each(void **state)
{
    struct place *place = *state;
    uint64_t count[2] = {0, 0};
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    write_routes(place, store, 200, 5);
    close_it(store);
    store = opened(place, HP_STORE_READ);
    ok(place, store->ops->rollups(store, 0, UINT32_MAX, true, count_rollup, count, &place->info));
    assert_int_equal(count[0], 200);
    assert_int_equal(count[1], 1000);
    close_it(store);
}

static void more_routes_than_are_tallied_at_a_time_lose_no_request(void **state)
{
    struct place *place = *state;
    uint64_t count[2] = {0, 0};
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    write_routes(place, store, HP_TALLY_KEYS + 9, 3);
    close_it(store);
    store = opened(place, HP_STORE_READ);
    ok(place, store->ops->rollups(store, 0, UINT32_MAX, true, count_rollup, count, &place->info));
    assert_true(count[0] >= HP_TALLY_KEYS + 9);
    assert_int_equal(count[1], 3 * (HP_TALLY_KEYS + 9));
    close_it(store);
}

/* ---- many rows ---- */

static bool keep_first(void *ctx, const struct hp_route_row *row)
{
    *(struct hp_route_row *)ctx = *row;
    return false;
}

static bool count_moment(void *ctx, uint64_t start_ns, uint64_t duration_ns, uint32_t flags, uint16_t status)
{
    (void)start_ns, (void)duration_ns, (void)flags, (void)status;
    ++*(uint64_t *)ctx;
    return true;
}

static bool count_narrow(void *ctx, const struct hp_narrow_row *row)
{
    (void)row;
    ++*(uint64_t *)ctx;
    return true;
}

/* With more rows than memory keeps: some stand for all, and what is exact stays so over a range that begins
 * and ends within minutes. */
static void check_thinned(struct place *place, struct hp_store *store)
{
    struct hp_scope all = {0}, odd = {.from_ns = T0 + 7 * MS, .to_ns = T0 + 299990 * MS};
    struct hp_complete sum;
    struct hp_str revision;
    uint64_t some = 0, each = 0, every = 0, last = 0;
    ok(place, hp_store_some_rows(store, &all, count_narrow, &some, &each, &place->info));
    assert_true(each > 1 && some < 262145);
    assert_in_range(some * each, 270000, 330000);
    ok(place, hp_store_rows(store, &all, count_narrow, &every, &place->info));
    assert_int_equal(every, 300000);
    ok(place, hp_store_newest_revision(store, &all, &revision, &place->info));
    assert_true(hp_str_eq(revision, HP_STR("rev1")));
    ok(place, hp_store_last_row(store, &last, &place->info));
    assert_int_equal(last, 300000);
    ok(place, hp_store_complete(store, &odd, &sum, &place->info));
    assert_int_equal(sum.recorded, 299983);
}

/* Each row is read once, whatever is asked of all of them together. */
static void more_rows_than_memory_keeps_are_added_up_as_they_are_read(void **state)
{
    struct place *place = *state;
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    struct hp_process process = {.pid = 1, .start_ns = T0};
    struct hp_scope all = {0}, range = {.from_ns = T0 + 90 * 1000 * MS, .to_ns = T0 + 150 * 1000 * MS};
    struct hp_route_row row;
    struct make m;
    uint64_t count = 0, id = 0, steps;
    make_init(&m, "rev1", 0);
    for (unsigned batch = 0; batch < 300; batch++) { /* a second each, 1,000 rows of 1 … 100 ms */
        ok(place, hp_store_begin(store, &place->info));
        ok(place, hp_store_put_process(store, &process, &place->info));
        for (unsigned i = 0; i < 1000; i++, id++) {
            struct hp_str record = make_bare(&m, id, T0 + id * MS, (1 + id % 100) * MS, 0);
            ok(place, hp_store_put(store, record, m.dict, &place->info));
        }
        ok(place, hp_store_commit(store, &place->info));
    }
    close_it(store);
    store = opened(place, HP_STORE_READ);
    ok(place, hp_store_routes(store, &all, keep_first, &row, &place->info));
    steps = hp__sqlite_step_count(store);
    assert_in_range(steps, 300000, 24 * 300000);
    assert_int_equal(complete(place, store).recorded, 300000);
    ok(place, hp_store_routes(store, &all, keep_first, &row, &place->info));
    assert_in_range(hp__sqlite_step_count(store) - steps, 1, 1000);
    assert_int_equal(row.requests, 300000);
    assert_true(row.p50_ns > 49 * MS && row.p50_ns < 52 * MS);
    assert_true(row.p99_ns > 98 * MS && row.p99_ns < 101 * MS);
    assert_int_equal(row.total_ns,
                     UINT64_C(300000) * 50 * MS + UINT64_C(150000) * MS - UINT64_C(300000) * 1200);
    ok(place, hp_store_durations(store, &all, row.route, count_moment, &count, &place->info));
    assert_in_range(count, 70000, 80000); /* an even quarter of them: memory is not filled up at once */
    ok(place, hp_store_routes(store, &range, keep_first, &row, &place->info));
    assert_int_equal(row.requests, 60000);
    check_thinned(place, store);
    close_it(store);
    make_fini(&m);
}

/* ---- what a report costs ---- */

struct asked {
    uint32_t routes[MAKE_ROUTES + 1];
    uint32_t count, records;
    uint64_t statements;
    struct hp_route_row last;
};

static bool keep_route(void *ctx, const struct hp_route_row *row)
{
    struct asked *asked = ctx;
    asked->routes[asked->count++] = row->route;
    asked->last = *row;
    return true;
}

static bool count_record(void *ctx, const struct hp_record *record)
{
    (void)record;
    ((struct asked *)ctx)->records++;
    return true;
}

static bool count_statement(void *ctx, const struct hp_statement_row *row)
{
    struct asked *asked = ctx;
    asked->statements += row->executions;
    return true;
}

/* Twenty-two steps a row: one for each of fourteen columns, the bounds, the loop. A second pass, an index
 * used in vain or a sort in SQL would show. */
static void a_report_reads_each_row_once(void **state)
{
    enum { ROWS = 20000, MOST = 60 };
    struct place *place = *state;
    struct make m;
    struct asked asked = {.count = 0};
    struct hp_str revision;
    struct hp_complete complete;
    struct hp_scope scope = {.newest_revision = true};
    make_init(&m, "r", 0);
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    ok(place, hp_store_begin(store, &place->info));
    for (uint64_t i = 0; i < ROWS; i++) {
        struct hp_str bytes = i % 16 == 0
                                  ? make_full(&m, i + 1, T0 + i * MS, 5 * MS, (unsigned)i % 3, 5, 30, 1)
                                  : make_bare(&m, i + 1, T0 + i * MS, 5 * MS, (unsigned)i % 3);
        ok(place, hp_store_put(store, bytes, m.dict, &place->info));
    }
    ok(place, hp_store_commit(store, &place->info));
    close_it(store);
    make_fini(&m);

    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)64 << 20);
    store = opened(place, HP_STORE_READ);
    ok(place, hp_store_newest_revision(store, &scope, &revision, &place->info));
    uint64_t first = hp__sqlite_step_count(store);
    ok(place, hp_store_complete(store, &scope, &complete, &place->info));
    ok(place, hp_store_routes(store, &scope, keep_route, &asked, &place->info));
    for (uint32_t i = 0; i < asked.count; i++) {
        ok(place,
           hp_store_sample(store, &scope, asked.routes[i], MOST, &arena, count_record, &asked, &place->info));
    }
    uint64_t rest = hp__sqlite_step_count(store) - first;
    assert_int_equal(complete.recorded, ROWS);
    assert_int_equal(asked.count, 3);
    assert_int_equal(asked.records, 3 * MOST);
    assert_in_range(first, ROWS, 24 * ROWS);
    assert_in_range(rest, 1, 100 * 3 * MOST);

    struct hp_scope brush = {.min_ns = 1, .revision = revision};
    struct hp_portion portion = {.most = MOST};
    uint64_t before = hp__sqlite_step_count(store);
    ok(place, hp_store_some_statements(store, &brush, &portion, count_statement, &asked, &place->info));
    assert_int_equal(portion.of, (ROWS + 15) / 16);
    assert_in_range(portion.read, 1, MOST);
    assert_int_equal(asked.statements % (5 * portion.read), 0);
    assert_in_range(hp__sqlite_step_count(store) - before, 1, 100 * MOST);
    hp_arena_fini(&arena);
    close_it(store);
}

/* What a brush costs over more rows than are kept: nothing but those, and figures that stand for all. */
static void a_brush_over_many_rows_is_estimated_from_those_in_memory(void **state)
{
    enum { ROWS = 6000, KEPT = 512 };
    struct place *place = *state;
    struct make m;
    struct asked asked = {.count = 0};
    struct hp_complete complete;
    struct hp_scope all = {0}, brush = {.min_ns = 5 * MS};
    make_init(&m, "r", 0);
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    ok(place, hp_store_begin(store, &place->info));
    for (uint64_t i = 0; i < ROWS; i++) {
        struct hp_str bytes = make_bare(&m, i + 1, T0 + i * MS, (i % 2 == 0 ? 3 : 10 + i % 10) * MS, 0);
        ok(place, hp_store_put(store, bytes, m.dict, &place->info));
    }
    ok(place, hp_store_commit(store, &place->info));
    close_it(store);
    make_fini(&m);

    store = opened(place, HP_STORE_READ);
    store->scans[0].cap = store->scans[1].cap = KEPT;
    ok(place, hp_store_complete(store, &all, &complete, &place->info));
    assert_int_equal(complete.recorded, ROWS);
    uint64_t before = hp__sqlite_step_count(store);
    ok(place, hp_store_complete(store, &brush, &complete, &place->info));
    ok(place, hp_store_routes(store, &brush, keep_route, &asked, &place->info));
    assert_in_range(hp__sqlite_step_count(store) - before, 1, 500);
    assert_in_range(complete.recorded, ROWS / 2 - ROWS / 8, ROWS / 2 + ROWS / 8);
    assert_int_equal(asked.count, 1);
    assert_int_equal(asked.last.requests, complete.recorded);
    assert_in_range(asked.last.p50_ns, 14 * MS, 16 * MS);
    assert_in_range(asked.last.total_ns / asked.last.requests, 14 * MS, 16 * MS);
    close_it(store);
}

/* ---- a store of any size ---- */

enum { MANY = 40000, FEW = 1024 };

/* Forty minutes of requests, one in four of another route. */
static void write_many(struct place *place)
{
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    struct make m;
    make_init(&m, "rev1", 0);
    for (uint64_t id = 1; id <= MANY;) {
        ok(place, hp_store_begin(store, &place->info));
        for (unsigned i = 0; i < 1000; i++, id++) {
            struct hp_str record = make_bare(&m, id, T0 + id * 60 * MS, (1 + id % 100) * MS, id % 4 == 0);
            ok(place, hp_store_put(store, record, m.dict, &place->info));
        }
        ok(place, hp_store_commit(store, &place->info));
    }
    close_it(store);
    make_fini(&m);
}

/* As if memory kept few rows. */
static struct hp_store *opened_small(struct place *place)
{
    struct hp_store *store = opened(place, HP_STORE_READ);
    store->scans[0].cap = store->scans[1].cap = FEW;
    return store;
}

static void sums_of_many_rows_are_exact_and_read_few_of_them(void **state)
{
    struct place *place = *state;
    struct asked asked = {.count = 0};
    struct hp_scope scopes[] = {
        {0}, {.from_ns = T0 + 90 * MS, .to_ns = T0 + MINUTE * 30 + 90 * MS}, {.newest_revision = true}};
    write_many(place);
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        struct hp_store *small = opened_small(place), *all = opened(place, HP_STORE_READ);
        struct hp_complete of_all, sum;
        asked = (struct asked){.count = 0};
        ok(place, hp_store_complete(all, &scopes[i], &of_all, &place->info));
        uint64_t before = hp__sqlite_step_count(small);
        ok(place, hp_store_complete(small, &scopes[i], &sum, &place->info));
        ok(place, hp_store_routes(small, &scopes[i], keep_route, &asked, &place->info));
        assert_in_range(hp__sqlite_step_count(small) - before, 1, 24 * (FEW + 2 * 1000 + 2 * 8192));
        assert_int_equal(sum.each, 1);
        assert_int_equal(sum.recorded, of_all.recorded);
        assert_true(sum.own_ns == of_all.own_ns);
        assert_int_equal(asked.count, 2);
        close_it(small);
        close_it(all);
    }
}

static void newer_rows_are_added_to_sums_and_selection(void **state)
{
    struct place *place = *state;
    struct hp_scope all = {0};
    struct hp_complete sum;
    struct make m;
    write_many(place);
    struct hp_store *small = opened_small(place), *store = opened(place, HP_STORE_WRITE);
    ok(place, hp_store_complete(small, &all, &sum, &place->info));
    assert_int_equal(sum.recorded, MANY);
    make_init(&m, "rev2", 0);
    ok(place, hp_store_begin(store, &place->info));
    for (uint64_t id = MANY + 1; id <= MANY + 500; id++) {
        ok(place, hp_store_put(store, make_bare(&m, id, T0 + id * 60 * MS, MS, 0), m.dict, &place->info));
    }
    ok(place, hp_store_commit(store, &place->info));
    uint64_t before = hp__sqlite_step_count(small);
    ok(place, hp_store_complete(small, &all, &sum, &place->info));
    assert_int_equal(sum.recorded, MANY + 500);
    assert_in_range(hp__sqlite_step_count(small) - before, 1, 24 * 500 + 1000);
    close_it(store);
    close_it(small);
    make_fini(&m);
}

static bool note_row(void *ctx, const struct hp_narrow_row *row)
{
    uint64_t *count_and_first = ctx;
    count_and_first[1] = count_and_first[0]++ == 0 ? row->row : count_and_first[1];
    return true;
}

static void the_newest_rows_are_read_without_the_others(void **state)
{
    struct place *place = *state;
    struct hp_scope all = {0}, early = {.to_ns = T0 + 10 * MINUTE};
    uint64_t rows[2] = {0, 0};
    write_many(place);
    struct hp_store *store = opened_small(place);
    ok(place, hp_store_newest_rows(store, &all, 3000, note_row, rows, &place->info));
    assert_in_range(rows[0], 3000 - 1024, 3000); /* the number of the last row is known by the thousand */
    assert_int_equal(rows[1], MANY - rows[0] + 1);
    rows[0] = 0;
    ok(place, hp_store_newest_rows(store, &early, 3000, note_row, rows, &place->info));
    assert_in_range(rows[0], 3000 - 1024, 3000);
    assert_true(rows[1] > 5000 && rows[1] < 10000);
    close_it(store);
}

struct seen {
    uint64_t count, first, last;
};

static bool note_seen(void *ctx, const struct hp_narrow_row *row)
{
    struct seen *seen = ctx;
    seen->first = seen->count++ == 0 ? row->row : seen->first;
    seen->last = row->row;
    return true;
}

/* Of the numbers from `first` to `last` those whose route is that of `row` (write_many). */
static uint64_t alike(uint64_t row, uint64_t first, uint64_t last)
{
    uint64_t count = 0;
    for (uint64_t other = first; other <= last; other++) {
        count += (other % 4 == 0) == (row % 4 == 0);
    }
    return count;
}

static void what_is_stored_of_a_route_around_a_row_is_read_without_the_rest(void **state)
{
    static const struct {
        uint64_t row, most, first, last;
    } asked[] = {{20000, 100, 19900, 20100}, {20001, 100, 19901, 20101},         {50, 100, 1, 150},
                 {101, 100, 1, 201},         {MANY - 10, 100, MANY - 110, MANY}, {20000, MANY, 1, MANY},
                 {7, MANY, 1, MANY}};
    struct place *place = *state;
    write_many(place);
    struct hp_store *store = opened(place, HP_STORE_READ);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct seen seen = {0};
        uint64_t before = hp__sqlite_step_count(store), rows = asked[i].last - asked[i].first + 1, among = 1;
        ok(place,
           hp_store_rows_alike(store, asked[i].row, asked[i].most, note_seen, &seen, &among, &place->info));
        assert_int_equal(seen.count, alike(asked[i].row, asked[i].first, asked[i].last));
        assert_true(seen.first >= asked[i].first && seen.first < asked[i].first + 4);
        assert_true(seen.last <= asked[i].last && seen.last + 4 > asked[i].last);
        assert_int_equal(among, rows == MANY ? 0 : rows);
        assert_in_range(hp__sqlite_step_count(store) - before, 1,
                        8 * rows + 24 * (seen.count + MANY / 1024 + 10));
    }
    close_it(store);
}

static void rows_in_memory_are_all_around_any_of_them(void **state)
{
    struct place *place = *state;
    struct hp_scope everything = {0};
    struct seen seen = {0};
    uint64_t count = 0, before, among = 1;
    write_many(place);
    struct hp_store *store = opened(place, HP_STORE_READ), *small = opened_small(place);
    ok(place, hp_store_rows(store, &everything, count_narrow, &count, &place->info));
    before = hp__sqlite_step_count(store);
    ok(place, hp_store_rows_alike(store, 20000, 100, note_seen, &seen, &among, &place->info));
    assert_int_equal(among, 0);
    assert_int_equal(seen.count, alike(20000, 1, MANY));
    assert_in_range(hp__sqlite_step_count(store) - before, 0, 200);
    ok(place, hp_store_rows(small, &everything, count_narrow, &count, &place->info)); /* keeps a selection */
    seen = (struct seen){0};
    ok(place, hp_store_rows_alike(small, 20000, 100, note_seen, &seen, &among, &place->info));
    assert_int_equal(among, 201);
    assert_int_equal(seen.count, alike(20000, 19900, 20100));
    close_it(small);
    close_it(store);
}

static void a_request_is_found_by_its_id_in_few_steps(void **state)
{
    static const uint64_t ids[] = {1, 1023, 1024, 20000, MANY - 1, MANY};
    struct place *place = *state;
    uint64_t row = 0;
    write_many(place);
    struct hp_store *store = opened(place, HP_STORE_READ);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        uint64_t before = hp__sqlite_step_count(store);
        ok(place, hp_store_find(store, ids[i], &row, &place->info));
        assert_int_equal(row, ids[i]);
        assert_in_range(hp__sqlite_step_count(store) - before, 1, MANY / 1024 * 10 + 3 * 1024 * 5);
    }
    for (uint64_t id = MANY + 1; id < MANY + 100; id++) {
        assert_int_equal(hp_store_find(store, id, &row, &place->info), HP_ENOTFOUND);
    }
    assert_in_range(hp__sqlite_step_count(store), 1, 110 * (MANY / 1024 * 10 + 2 * 1024 * 5));
    close_it(store);
}

/* More of them than are summed up: the selection stands for all, and says so. */
static void sums_of_very_many_routes_are_estimated(void **state)
{
    enum { ROUTES = HP_TOTALS_MOST + 900 };
    struct place *place = *state;
    struct hp_scope all = {0};
    struct hp_complete sum;
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    write_routes(place, store, ROUTES, 2);
    close_it(store);
    store = opened_small(place);
    ok(place, hp_store_complete(store, &all, &sum, &place->info));
    assert_true(sum.each > 1);
    assert_int_equal(sum.recorded % sum.each, 0);
    assert_in_range(sum.recorded, 2 * ROUTES * 3 / 4, 2 * ROUTES * 5 / 4);
    close_it(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(many_routes_in_turn_have_a_rollup_each),
        TEST(more_routes_than_are_tallied_at_a_time_lose_no_request),
        TEST(more_rows_than_memory_keeps_are_added_up_as_they_are_read),
        TEST(a_report_reads_each_row_once),
        TEST(a_brush_over_many_rows_is_estimated_from_those_in_memory),
        TEST(sums_of_many_rows_are_exact_and_read_few_of_them),
        TEST(newer_rows_are_added_to_sums_and_selection),
        TEST(the_newest_rows_are_read_without_the_others),
        TEST(what_is_stored_of_a_route_around_a_row_is_read_without_the_rest),
        TEST(rows_in_memory_are_all_around_any_of_them),
        TEST(a_request_is_found_by_its_id_in_few_steps),
        TEST(sums_of_very_many_routes_are_estimated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
