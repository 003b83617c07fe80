/* test_bounds.c -- what the questions of the dashboard cost a store of 100,000 requests with two million
 * statements: steps of SQLite's machine, about two dozen a row that is looked at, whatever the machine that
 * runs the test does.
 *
 * Memory keeps few rows here, so that a question that went through all of them would show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ask.h"
#include "base/json.h"
#include "serve/question.h"
#include "store/store_int.h"

enum { ROWS = 100000, KEPT = 2048, STEPS_A_ROW = 24, BATCH = 1000, RARE = 50000 };

static struct {
    char dir[64], path[96];
} place;

/* An hour and forty minutes; each request has twenty statements and a tree, and all but RARE are of four
 * routes. */
static void fill(void)
{
    struct hp_store_config config = {
        .path = place.path, .mode = HP_STORE_WRITE, .max_age_ns = UINT64_MAX / 4};
    struct hp_store *store = NULL;
    struct hp_errinfo info = {0};
    struct hp_process process = {.boot_id = "boot", .pid = 42, .start_ns = ASK_T0, .host = {"h", 1}};
    struct hp_route alone = {HP_STR("GET"), HP_STR("/rare"), HP_STR("shop.rare")};
    struct make m;
    make_init(&m, "rev1", 0);
    uint32_t rare, usual = m.routes[RARE % 4];
    make_must(hp_dict_add_route(m.dict, &alone, &rare));
    make_must(hp_store_open(&config, &store, &info));
    for (uint64_t id = 1; id <= ROWS;) {
        make_must(hp_store_begin(store, &info));
        make_must(hp_store_put_process(store, &process, &info));
        for (unsigned i = 0; i < BATCH; i++, id++) {
            uint64_t start_ns = ASK_T0 + id * 60 * ASK_MS, wall_ns = (100 + id % 7) * ASK_MS;
            m.routes[RARE % 4] = id == RARE ? rare : usual;
            struct hp_str record = make_full(&m, id, start_ns, wall_ns, id % 4, MAKE_TEXTS, 12, 1);
            make_must(hp_store_put(store, record, m.dict, &info));
        }
        make_must(hp_store_commit(store, &info));
    }
    make_must(hp_store_close(store));
    make_fini(&m);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(place.dir, sizeof place.dir, "/tmp/hp-bounds-XXXXXX");
    if (mkdtemp(place.dir) == NULL) {
        return 1;
    }
    snprintf(place.path, sizeof place.path, "%s/s.db", place.dir);
    fill();
    return 0;
}

static int tear_down(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char file[128];
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(file, sizeof file, "%s%s", place.path, ends[i]);
        (void)unlink(file); /* a closed store has no journal */
    }
    snprintf(file, sizeof file, "%s/.gitignore", place.dir);
    (void)unlink(file);
    return rmdir(place.dir);
}

/* Steps of a question to a handle; with a scope unless `bare`. `says` (may be NULL) stands in the answer. */
static uint64_t steps_of(struct hp_store *store, hp_question_fn answer, const char *query, bool bare,
                         const char *says)
{
    static struct hp_access access;
    struct hp_errinfo info = {0};
    struct hp_arena arena;
    struct hp_buf body;
    struct hp_json json;
    uint64_t before = hp__sqlite_step_count(store);
    hp_arena_init(&arena, (size_t)1 << 30);
    hp_buf_init(&body, (size_t)64 << 20);
    hp_json_init(&json, &body, false);
    hp_json_object_begin(&json);
    struct hp_question question = {.store = store,
                                   .dict = hp_store_dict(store),
                                   .arena = &arena,
                                   .json = &json,
                                   .now_ns = ASK_T0 + ROWS * 60 * ASK_MS,
                                   .access = &access,
                                   .path = place.path,
                                   .info = &info};
    make_must(hp_params_parse(&question.params, hp_str_from0(query), &arena));
    hp_err err = bare ? HP_OK : hp_question_scope(&question);
    err = err == HP_OK ? answer(&question) : err;
    if (err != HP_OK) {
        fail_msg("%s: %s", query, info.text);
    }
    assert_true(body.len > 50);
    if (says != NULL && memmem(body.data, body.len, says, strlen(says)) == NULL) {
        fail_msg("%s: does not say %s", query, says);
    }
    hp_buf_fini(&body);
    hp_arena_fini(&arena);
    return hp__sqlite_step_count(store) - before;
}

static void costs_at_most(struct hp_store *store, hp_question_fn answer, const char *query, bool bare,
                          uint64_t rows)
{
    uint64_t steps = steps_of(store, answer, query, bare, NULL);
    if (steps > STEPS_A_ROW * rows) {
        fail_msg("%s: %llu steps, as for %llu rows", query, (unsigned long long)steps,
                 (unsigned long long)steps / STEPS_A_ROW);
    }
}

static struct hp_store *opened(void)
{
    struct hp_store_config config = {.path = place.path, .mode = HP_STORE_READ};
    struct hp_store *store = NULL;
    struct hp_errinfo info = {0};
    make_must(hp_store_open(&config, &store, &info));
    return store;
}

static void no_question_looks_at_every_request(void **state)
{
    static const struct {
        hp_question_fn answer;
        const char *query;
        bool bare;
        uint64_t rows; /* that it may look at, or as much else: memory's, its own, those of a sample with what
                          belongs to them, rollups */
    } questions[] = {
        {hp__answer_meta, "", true, 4500},
        {hp__answer_overview, "", false, 15000}, /* looks for the newest revision among the newest rows */
        {hp__answer_overview, "revision=*", false, 5000},
        {hp__answer_routes, "revision=*", false, 4500},
        {hp__answer_route, "revision=*&route=/settings", false, 6000},
        {hp__answer_route, "revision=*&route=/settings&min_ms=102", false, 6000},
        {hp__answer_tree, "revision=*&route=/settings", false, 6000},
        {hp__answer_tree, "revision=*&route=/settings&min_ms=102", false, 5000},
        {hp__answer_sql, "revision=*", false, 6000},
        {hp__answer_sql, "revision=*&min_ms=102", false, 6000},
        {hp__answer_sql, "revision=*&sort=p95", false, 6000},
        {hp__answer_findings, "revision=*", false, 5000},
        {hp__answer_request, "id=0000000000000002", true, 6000},
        {hp__answer_request, "id=000000000000c351", true, 2 * 4096 + 3000}, /* from the middle */
        {hp__answer_process, "revision=*", false, 4500}, /* what was recorded comes from rollups */
        {hp__answer_compare, "a=..1700000990000&b=1700000990000..", true, 10000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct hp_store *store = opened();
        store->scans[0].cap = store->scans[1].cap = KEPT;
        costs_at_most(store, questions[i].answer, questions[i].query, questions[i].bare, questions[i].rows);
        make_must(hp_store_close(store));
    }
}

/* Of a handle that has read nothing yet, and would keep every row. */
static void the_first_page_of_a_request_reads_only_what_is_stored_around_it(void **state)
{
    struct hp_store *store = opened();
    (void)state;
    costs_at_most(store, hp__answer_request, "id=000000000000c351", true, 2 * 4096 + 3000);
    make_must(hp_store_close(store));
}

static void a_request_of_a_rare_route_says_among_how_many_it_is_alone(void **state)
{
    struct hp_store *store = opened();
    (void)state;
    store->scans[0].cap = store->scans[1].cap = KEPT;
    uint64_t steps = steps_of(store, hp__answer_request, "id=000000000000c350", true,
                              "\"rank_of\":0,\"rank_among\":65537");
    assert_in_range(steps, 2 * 32768, 8 * 2 * (32768 + 4096) + STEPS_A_ROW * 3000);
    make_must(hp_store_close(store));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_question_looks_at_every_request),
        cmocka_unit_test(the_first_page_of_a_request_reads_only_what_is_stored_around_it),
        cmocka_unit_test(a_request_of_a_rare_route_says_among_how_many_it_is_alone)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
