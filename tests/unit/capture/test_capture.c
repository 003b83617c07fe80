/* test_capture.c -- capture over the real store: completeness after forks, kills and trouble. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fake_requests.h"

#define WORKERS   4
#define EACH      300
#define KILLS     6
#define CHILD_OFF 7

static int setup_real(void **state)
{
    (void)state;
    fake_make_folder();
    snprintf(fake_path, sizeof fake_path, "%s/.hotplate/hotplate.db", fake_folder);
    struct hp_cap_config config = {.store_path = fake_path, .interpreter = "fake 1.0", .revision = "abc"};
    return hp_cap_open(&config, &cap) == HP_OK ? 0 : -1;
}

static int teardown_real(void **state)
{
    (void)state;
    hp_cap_close(cap, 2000);
    fake_remove_folder();
    return 0;
}

/* A request with a tree, a thread and statements. */
static void serve(int level)
{
    uint32_t view = sym("view");
    struct hp_cap_place place = {view, 31, 0};
    uint32_t query = hp_cap_statement(cap, span("SELECT * FROM t WHERE id = 7"), HP_ENGINE_SQLITE, NULL);
    struct hp_cap_request *request = begin(level);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    hp_cap_request_route(request, hp_cap_route(cap, span("GET"), span("/x"), span("x")), view);
    hp_cap_request_status(request, 200);
    hp_cap_enter(lane, view, 4, &frames[1], false);
    struct hp_cap_lane *child = hp_cap_lane_spawn(lane, HP_LANE_THREAD, place);
    if (child != NULL) {
        hp_cap_lane_begin(child, &frames[2]);
        hp_cap_lane_end(child);
        hp_cap_lane_unref(child);
    }
    for (int i = 0; i < 20; i++) {
        uint32_t number = hp_cap_sql_begin(lane, query, place, 1, 5, 0, 0, 0);
        hp_cap_sql_end(lane, number, 1, false);
    }
    hp_cap_leave(lane, &frames[1], false);
    hp_cap_request_finish(request);
}

static struct hp_complete completeness(void)
{
    struct hp_store_config config = {.path = fake_path, .mode = HP_STORE_WRITE};
    struct hp_store *store = NULL;
    struct hp_errinfo info = {HP_OK, 0, ""};
    struct hp_complete complete = {0};
    struct hp_scope all = {0};
    char folder[128];
    snprintf(folder, sizeof folder, "%s/.hotplate", fake_folder);
    assert_int_equal(hp_store_open(&config, &store, &info), HP_OK);
    assert_int_equal(hp_writer_adopt(folder, store, NULL, NULL), HP_OK);
    assert_int_equal(hp_store_complete(store, &all, &complete, &info), HP_OK);
    assert_int_equal(hp_store_close(store), HP_OK);
    return complete;
}

static void a_request_can_be_read_back(void **state)
{
    (void)state;
    struct hp_store_config config = {.path = fake_path, .mode = HP_STORE_READ};
    struct hp_store *store = NULL;
    struct hp_errinfo info;
    struct hp_arena arena;
    struct hp_record record;
    serve(HP_LEVEL_TRACE);
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    uint64_t id = hp_cap_request_id(request);
    hp_cap_request_finish(request);
    assert_true(hp_cap_flush(cap, 5000));
    assert_int_equal(hp_store_open(&config, &store, &info), HP_OK);
    hp_arena_init(&arena, (size_t)64 << 20);
    assert_int_equal(hp_store_request(store, id, &arena, &record, &info), HP_OK);
    assert_true(record.req.id == id);
    assert_true(hp_str_eq(hp_dict_string(hp_store_dict(store), record.req.revision), HP_STR("abc")));
    hp_arena_fini(&arena);
    assert_int_equal(hp_store_close(store), HP_OK);
}

static void workers_that_start_at_once_store_all_they_serve(void **state)
{
    (void)state;
    pid_t children[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (int k = 0; k < EACH; k++) {
                serve(k % 4 == 0 ? HP_LEVEL_TRACE : HP_LEVEL_MONITOR);
            }
            exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        int status = -1;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    struct hp_complete complete = completeness();
    assert_int_equal(complete.recorded, WORKERS * EACH);
    assert_int_equal(complete.lost + complete.dropped, 0);
    assert_int_equal(fake_count_files(".hotplate/ring-*"), 0);
}

static void a_fork_in_the_middle_loses_nothing(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's own allocator does not survive a fork beside threads that allocate (gcc 12) */
#elif defined(__SANITIZE_THREAD__)
    skip(); /* nor does TSan's runtime let the child of several threads start one ("dup thread with used id",
               gcc 12) */
#endif
    char trouble[200];
    unsigned off = 0; /* children whose fork fell into a long write: they record nothing, and say so */
    for (int i = 0; i < 20; i++) {
        serve(HP_LEVEL_TRACE);
        pid_t child = fork();
        if (child == 0) {
            serve(HP_LEVEL_TRACE);
            bool flushed = hp_cap_flush(cap, 30000);
            hp_cap_trouble(cap, trouble, sizeof trouble);
            exit(trouble[0] != '\0' ? CHILD_OFF : !flushed);
        }
        serve(HP_LEVEL_MONITOR);
        int status = -1;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CHILD_OFF));
        off += WEXITSTATUS(status) == CHILD_OFF;
    }
    assert_true(hp_cap_flush(cap, 30000));
    struct hp_complete complete = completeness();
    assert_int_equal(complete.requests, 60);
    assert_int_equal(complete.recorded, 60 - off);
    assert_int_equal(complete.dropped + complete.lost, off);
}

static void stored_and_lost_make_up_what_a_killed_process_started(void **state)
{
    (void)state;
    static _Atomic uint64_t *sent;
    sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t all_sent = 0;
    for (int i = 0; i < KILLS; i++) {
        *sent = 0;
        pid_t child = fork();
        if (child == 0) {
            for (;;) {
                serve(HP_LEVEL_MONITOR);
                ++*sent;
                fake_nap(200);
            }
        }
        while (*sent < 20) {
            fake_nap(500);
        }
        fake_nap(150000 + (uint32_t)i * 9713);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        all_sent += *sent;
    }
    struct hp_complete complete = completeness();
    assert_true(complete.recorded > 0);
    assert_true(complete.recorded + complete.lost >= all_sent &&
                complete.recorded + complete.lost <= all_sent + KILLS);
    munmap((void *)sent, 4096);
}

static void an_impossible_path_is_trouble_and_nothing_more(void **state)
{
    (void)state;
    struct hp_cap *outer = cap;
    char trouble[200];
    struct hp_cap_config config = {.store_path = "/dev/null/x/hotplate.db"};
    assert_int_equal(hp_cap_open(&config, &cap), HP_OK);
    for (int i = 0; i < 100; i++) {
        serve(HP_LEVEL_TRACE);
    }
    assert_false(hp_cap_flush(cap, 100));
    hp_cap_trouble(cap, trouble, sizeof trouble);
    assert_true(trouble[0] != '\0');
    assert_int_equal(counts().pushed, 100);
    hp_cap_close(cap, 100);
    cap = outer;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_can_be_read_back, setup_real, teardown_real),
        cmocka_unit_test_setup_teardown(workers_that_start_at_once_store_all_they_serve, setup_real,
                                        teardown_real),
        cmocka_unit_test_setup_teardown(a_fork_in_the_middle_loses_nothing, setup_real, teardown_real),
        cmocka_unit_test_setup_teardown(stored_and_lost_make_up_what_a_killed_process_started, setup_real,
                                        teardown_real),
        cmocka_unit_test_setup_teardown(an_impossible_path_is_trouble_and_nothing_more, setup_real,
                                        teardown_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
