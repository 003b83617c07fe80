/* test_writer.c -- the writer: retries, refused records, no threads, exit, fork, and processes that are
 * killed. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fake_requests.h"

/* TSan cannot follow a thread that the child of a process with threads starts. */
#if defined(__SANITIZE_THREAD__)
#define CHILD_MAY_START_THREADS false
#else
#define CHILD_MAY_START_THREADS true
#endif

#define KILLS 15
#define FORKS 100

static void serve(int level)
{
    struct hp_cap_request *request = begin(level);
    if (request != NULL) {
        hp_cap_request_status(request, 200);
        hp_cap_request_finish(request);
    }
}

static void serve_many(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        serve(HP_LEVEL_MONITOR);
    }
}

static uint64_t now_ms(void)
{
    return hp_clock_mono_ns() / 1000000;
}

static void reopen(size_t ring_bytes, bool no_threads)
{
    hp_cap_close(cap, 1000);
    fake_reset();
    assert_int_equal(open_capture(ring_bytes, no_threads), HP_OK);
}

static int wait_for(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* --- the thread --- */

static void all_that_is_pushed_is_stored(void **state)
{
    (void)state;
    serve_many(5000);
    hp_cap_sampled_out(cap);
    hp_cap_error(cap);
    assert_true(hp_cap_flush(cap, 5000));
    struct hp_cap_counts seen = counts();
    assert_int_equal(seen.stored, 5000);
    assert_int_equal(seen.started, 5001);
    assert_int_equal(fake->stored, 5000);
    assert_true(fake->commits >= 5); /* at most 1,000 a batch */
    hp_cap_close(cap, 1000);
    assert_int_equal(fake->process.stored, 5000);
    assert_int_equal(fake->process.sampled_out, 1);
    assert_int_equal(fake->process.errors, 1);
    assert_int_equal(fake->lost, 0);
    assert_int_equal(fake_open_now, 0);
    assert_int_equal(fake_count_files("ring-*"), 0);
    assert_int_equal(open_capture(0, false), HP_OK);
}

static int level_of(const char *rule)
{
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    hp_cap_request_route(request, hp_cap_route(cap, span("GET"), span(rule), span("x")), 0);
    int level = hp_cap_request_allow(request);
    hp_cap_request_finish(request);
    return level;
}

static bool becomes(const char *rule, int level)
{
    uint64_t until_ms = now_ms() + 2000;
    while (level_of(rule) != level && now_ms() < until_ms) {
        usleep(20000);
    }
    return level_of(rule) == level;
}

static void rules_about_levels_are_obeyed_within_two_seconds(void **state)
{
    (void)state;
    assert_int_equal(level_of("/x"), HP_LEVEL_MONITOR);
    strcpy(fake->levels, "count /x");
    assert_true(becomes("/x", HP_LEVEL_COUNT));
    assert_int_equal(level_of("/y"), HP_LEVEL_MONITOR);
    strcpy(fake->levels, "count /y\nno rule");
    assert_true(becomes("/x", HP_LEVEL_MONITOR)); /* with a wrong line none holds */
    assert_int_equal(level_of("/y"), HP_LEVEL_MONITOR);
    strcpy(fake->levels, "count /y");
    assert_true(becomes("/y", HP_LEVEL_COUNT));
    fake->levels[0] = '\0';
    assert_true(becomes("/y", HP_LEVEL_MONITOR));
}

static void the_first_request_of_a_process_obeys_what_was_set_before(void **state)
{
    (void)state;
    for (int no_threads = 0; no_threads < 2; no_threads++) {
        reopen(0, no_threads != 0);
        strcpy(fake->levels, "count /x");
        assert_int_equal(level_of("/x"), HP_LEVEL_COUNT);
        assert_int_equal(fake->looks, 1);
    }
    strcpy(fake->levels, "count /y");
    if (!CHILD_MAY_START_THREADS) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(level_of("/y") == HP_LEVEL_COUNT && level_of("/x") == HP_LEVEL_MONITOR ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
}

static void a_store_that_cannot_be_read_at_once_holds_no_request(void **state)
{
    (void)state;
    reopen(0, false);
    strcpy(fake->levels, "count /x");
    fake->look_sleep_us = 1000000;
    uint64_t t0 = now_ms();
    assert_int_equal(level_of("/x"), HP_LEVEL_MONITOR);
    assert_true(now_ms() - t0 < 500);
    fake->look_sleep_us = 0;
    assert_true(becomes("/x", HP_LEVEL_COUNT));
}

static void an_idle_process_learns_of_rules_too(void **state)
{
    (void)state;
    serve(HP_LEVEL_MONITOR);
    assert_true(hp_cap_flush(cap, 2000));
    strcpy(fake->levels, "count /x");
    usleep(2000000);
    assert_int_equal(level_of("/x"), HP_LEVEL_COUNT);
}

static void a_push_is_stored_without_being_asked_for(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        serve(HP_LEVEL_MONITOR);
        uint64_t t0 = now_ms();
        while (fake->stored < (uint32_t)round + 1 && now_ms() - t0 < 3000) {
            fake_nap(1000);
        }
        assert_int_equal(fake->stored, round + 1);
        assert_true(now_ms() - t0 < 1000);
    }
}

static void a_process_that_serves_nothing_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(fake_count_files("*"), 0);
    hp_cap_close(cap, 1000);
    assert_int_equal(fake->opens, 0);
    assert_int_equal(open_capture(0, false), HP_OK);
}

static void requests_in_flight_at_the_end_are_lost(void **state)
{
    (void)state;
    serve_many(3);
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    hp_cap_close(cap, 1000);
    assert_int_equal(fake->process.stored, 3);
    assert_int_equal(fake->process.started, 4);
    assert_int_equal(fake->lost, 1);
    hp_cap_request_finish(request);
    assert_int_equal(open_capture(0, false), HP_OK);
}

static void a_store_that_comes_back_gets_everything(void **state)
{
    (void)state;
    char trouble[128];
    fake->open_err = HP_EREADONLY;
    serve_many(100);
    assert_false(hp_cap_flush(cap, 50));
    hp_cap_trouble(cap, trouble, sizeof trouble);
    assert_string_equal(trouble, "the fake store does not open");
    fake->open_err = HP_OK;
    assert_true(hp_cap_flush(cap, 5000));
    assert_int_equal(counts().stored, 100);
    hp_cap_trouble(cap, trouble, sizeof trouble);
    assert_string_equal(trouble, "");
    fake->commit_err = HP_EIO;
    serve_many(10);
    assert_false(hp_cap_flush(cap, 50));
    fake->commit_err = HP_OK;
    assert_true(hp_cap_flush(cap, 5000));
    assert_int_equal(counts().stored, 110);
    assert_int_equal(fake->stored, 110);
    struct hp_cap_counts seen = counts();
    assert_int_equal(seen.dropped_ring + seen.dropped_store, 0);
}

static void the_end_does_not_wait_for_a_store_that_needs_somebody(void **state)
{
    (void)state;
    fake->open_err = HP_EFOREIGN;
    serve_many(10);
    uint64_t since = hp_clock_mono_ns();
    assert_false(hp_cap_flush_last(cap, 5000));
    hp_cap_close(cap, 5000);
    cap = NULL;
    assert_true(hp_clock_mono_ns() - since < 2000000000u);
    assert_int_equal(fake->stored, 0);
}

static void a_busy_store_is_no_trouble(void **state)
{
    (void)state;
    char trouble[128];
    fake->open_err = HP_EBUSY;
    serve_many(10);
    assert_false(hp_cap_flush(cap, 100));
    hp_cap_trouble(cap, trouble, sizeof trouble);
    assert_string_equal(trouble, "");
    fake->open_err = HP_OK;
    assert_true(hp_cap_flush(cap, 300));
}

static void a_failure_on_purpose_loses_nothing(void **state)
{
    (void)state;
    hp_cap_fail_at(cap, "store", 1);
    serve_many(10);
    assert_true(hp_cap_flush(cap, 3000));
    assert_int_equal(counts().stored, 10);
}

static void a_refused_record_does_not_hold_up_the_others(void **state)
{
    (void)state;
    serve_many(5);
    assert_true(hp_cap_flush(cap, 1000));
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    fake->refuse_id = hp_cap_request_id(request);
    hp_cap_request_finish(request);
    serve_many(5);
    assert_true(hp_cap_flush(cap, 1000));
    assert_int_equal(counts().stored, 10);
    assert_int_equal(counts().dropped_store, 1);
    request = begin(HP_LEVEL_MONITOR); /* alone in its batch */
    fake->refuse_id = hp_cap_request_id(request);
    hp_cap_request_finish(request);
    assert_true(hp_cap_flush(cap, 1000));
    assert_int_equal(counts().dropped_store, 2);
}

/* Calls along one path each, so that the tree takes some hundred bytes. */
static void serve_tree(void)
{
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    for (uint32_t i = 0; i < 2000; i++) {
        hp_cap_enter(hp_cap_request_lane(request), 1 + i % 7, i, &frames[0] + i, false);
    }
    hp_cap_request_finish(request);
}

static void a_full_ring_drops_trees_first_then_rows(void **state)
{
    (void)state;
    fake->open_err = HP_EIO;
    reopen(65536, false);
    fake->open_err = HP_EIO;
    struct hp_cap_counts seen = counts();
    while (seen.dropped_ring == 0) {
        serve_tree();
        seen = counts();
    }
    assert_true(seen.dropped_tree >= 5);
    assert_int_equal(seen.pushed + seen.dropped_ring, seen.started);
    fake->open_err = HP_OK;
    assert_true(hp_cap_flush(cap, 5000));
    seen = counts();
    assert_int_equal(seen.stored, seen.pushed);
}

static void sources_are_stored_once_if_they_are_files_of_some_size(void **state)
{
    (void)state;
    char path[128], large[160];
    snprintf(path, sizeof path, "%s/app.py", fake_folder);
    snprintf(large, sizeof large, "%s/large.py", fake_folder);
    FILE *file = fopen(path, "w");
    fputs("print(1)\n", file);
    fclose(file);
    file = fopen(large, "w");
    assert_int_equal(ftruncate(fileno(file), (1 << 20) + 1), 0);
    fclose(file);
    hp_cap_source(cap, span("large.py"), span(large));
    hp_cap_source(cap, span("gone.py"), span("/nowhere/gone.py"));
    hp_cap_source(cap, span("folder"), span(fake_folder));
    hp_cap_source(cap, span("app.py"), span(path));
    serve(HP_LEVEL_MONITOR);
    assert_true(hp_cap_flush(cap, 2000));
    serve(HP_LEVEL_MONITOR);
    assert_true(hp_cap_flush(cap, 2000));
    assert_int_equal(fake->sources, 1);
    assert_string_equal(fake->last_source, "app.py");
}

static void closing_a_hanging_store_takes_no_longer_than_asked(void **state)
{
    (void)state;
    serve_many(2);
    assert_true(hp_cap_flush(cap, 1000));
    fake->open_err = fake->commit_err = HP_EBUSY;
    serve_many(10);
    uint64_t t0 = now_ms();
    hp_cap_close(cap, 200);
    assert_true(now_ms() - t0 < 1000);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1); /* for whoever comes next */
    fake->open_err = fake->commit_err = HP_OK;
    assert_int_equal(open_capture(0, false), HP_OK);
    serve(HP_LEVEL_MONITOR);
    assert_true(hp_cap_flush(cap, 1000));
    hp_cap_close(cap, 1000);
    assert_int_equal(open_capture(0, false), HP_OK);
}

/* --- without a thread --- */

static void without_threads_later_requests_and_the_end_write(void **state)
{
    (void)state;
    reopen(0, true);
    serve_many(3);
    assert_false(hp_writer_running(cap->writer));
    fake_nap(250000);
    serve(HP_LEVEL_MONITOR);
    assert_true(fake->stored >= 3);
    uint64_t waits = counts().waits;
    assert_true(waits >= 1); /* a request did the writing */
    serve_many(500);
    hp_cap_close(cap, 1000);
    assert_int_equal(fake->stored, 504);
    assert_int_equal(fake->process.stored, 504);
    assert_true(fake->process.waits >= waits && fake->process.wait_ns > 0);
    assert_int_equal(fake_count_files("ring-*"), 0);
    assert_int_equal(open_capture(0, false), HP_OK);
}

static void without_threads_a_flush_writes(void **state)
{
    (void)state;
    reopen(0, true);
    serve_many(300);
    assert_true(hp_cap_flush(cap, 1000));
    assert_int_equal(fake->stored, 300);
}

/* --- fork --- */

static void wait_stored(uint32_t n)
{
    for (int i = 0; i < 3000 && fake->stored < n; i++) {
        fake_nap(1000);
    }
    assert_int_equal(fake->stored, n);
}

static void fork_and_return(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(counts().waits == 0 ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
}

static void where_the_application_waits_for_the_store_is_counted(void **state)
{
    (void)state;
    fork_and_return(); /* nothing is open yet */
    fake->put_sleep_us = 100;
    serve_many(500);
    wait_stored(500);
    assert_int_equal(counts().waits, 1); /* for the settings, before the first request */
    fork_and_return();
    assert_int_equal(counts().waits, 2);
    fake->put_sleep_us = 20000;
    serve(HP_LEVEL_MONITOR);
    assert_true(hp_cap_flush(cap, 2000));
    assert_true(hp_cap_flush(cap, 2000)); /* nothing is left to wait for */
    assert_int_equal(counts().waits, 3);
    assert_true(counts().wait_ns >= 10000000);
    uint64_t wait_ns = counts().wait_ns;
    hp_cap_close(cap, 1000);
    assert_int_equal(fake->process.waits, 3);
    assert_int_equal(fake->process.wait_ns, wait_ns);
    assert_int_equal(open_capture(0, false), HP_OK);
}

static void a_child_starts_afresh(void **state)
{
    (void)state;
    if (!CHILD_MAY_START_THREADS) {
        skip();
    }
    serve_many(10);
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    uint64_t parent_id = hp_cap_request_id(request);
    pid_t child = fork();
    if (child == 0) {
        bool fine = !hp_cap_lane_alive(lane) && counts().started == 0 && fake_open_now == 0;
        fine = fine && !hp_cap_enter(lane, 1, 1, &frames[1], false);
        hp_cap_request_status(request, 200);
        hp_cap_request_phase(request, HP_PHASE_VIEW);
        hp_cap_request_finish(request); /* runs on in the parent: not ours */
        fine = fine && counts().finished == 0;
        struct hp_cap_request *own = begin(HP_LEVEL_TRACE);
        fine = fine && own != NULL && hp_cap_request_id(own) != parent_id;
        hp_cap_request_finish(own);
        serve_many(4);
        fine = fine && hp_cap_flush(cap, 2000) && counts().stored == 5 && counts().started == 5;
        hp_cap_close(cap, 1000);
        _exit(fine ? 0 : 1);
    }
    hp_cap_request_finish(request);
    assert_int_equal(wait_for(child), 0);
    assert_true(hp_cap_flush(cap, 2000));
    assert_int_equal(counts().stored, 11);
    assert_int_equal(fake->stored, 16);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1);
}

static void the_store_is_closed_across_a_fork(void **state)
{
    (void)state;
    serve_many(10);
    assert_true(hp_cap_flush(cap, 1000));
    assert_int_equal(fake_open_now, 1);
    pid_t child = fork();
    if (child == 0) {
        _exit((int)fake_open_now);
    }
    assert_int_equal(wait_for(child), 0);
    serve_many(10);
    assert_true(hp_cap_flush(cap, 1000));
    assert_int_equal(fake->opens, 2);
}

static void a_fork_in_the_middle_of_a_write_turns_the_child_off(void **state)
{
    (void)state;
    char trouble[128];
    fake->put_sleep_us = 400000;
    serve(HP_LEVEL_MONITOR);
    for (int i = 0; i < 3000 && fake_open_now == 0; i++) {
        fake_nap(1000);
    }
    fake_nap(20000);
    uint64_t t0 = now_ms();
    pid_t child = fork();
    if (child == 0) {
        serve_many(5);
        bool fine = hp_cap_flush(cap, 500) && counts().dropped_store == 5 && fake->opens == 1;
        hp_cap_trouble(cap, trouble, sizeof trouble);
        hp_cap_close(cap, 500);
        _exit(fine && strstr(trouble, "forked") != NULL ? 0 : 1);
    }
    assert_true(now_ms() - t0 < 300);
    assert_int_equal(wait_for(child), 0);
    fake->put_sleep_us = 0;
    assert_true(hp_cap_flush(cap, 2000));
    assert_int_equal(counts().stored, 1);
}

static void *serve_until_told(void *arg)
{
    _Atomic bool *stop = arg;
    while (!*stop) {
        serve(HP_LEVEL_TRACE);
        fake_nap(50);
    }
    return NULL;
}

static void a_fork_storm_loses_nothing(void **state)
{
    (void)state;
    static _Atomic bool stop;
    pthread_t thread;
    pid_t children[FORKS];
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, serve_until_told, (void *)&stop), 0);
    for (int i = 0; i < FORKS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            _exit(0);
        }
    }
    for (int i = 0; i < FORKS; i++) {
        assert_int_equal(wait_for(children[i]), 0);
    }
    stop = true;
    pthread_join(thread, NULL);
    assert_true(hp_cap_flush(cap, 5000));
    struct hp_cap_counts seen = counts();
    assert_true(seen.started > 0);
    assert_int_equal(seen.stored, seen.started);
    assert_int_equal(fake->stored, seen.started);
}

static void serving_children_of_a_storm_store_what_they_serve(void **state)
{
    (void)state;
    if (!CHILD_MAY_START_THREADS) {
        skip();
    }
    serve_many(20);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            serve_many(10);
            exit(0); /* the handler of exit(3) flushes */
        }
        serve_many(5);
        assert_int_equal(wait_for(child), 0);
    }
    assert_true(hp_cap_flush(cap, 2000));
    assert_int_equal(fake->stored, 20 + 20 * 15);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1); /* ours */
}

/* --- kill --- */

static void what_a_killed_process_lost_is_known_exactly(void **state)
{
    (void)state;
    fake->commit_sleep_us = 1500; /* kills are to fall into commits too */
    uint64_t all_started = 0;
    static _Atomic uint64_t *sent;
    sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < KILLS; i++) {
        *sent = 0;
        pid_t child = fork();
        if (child == 0) {
            for (;;) {
                struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
                ++*sent; /* a kill between these two is off by one, see below */
                hp_cap_request_finish(request);
                fake_nap(100);
            }
        }
        while (*sent < 20) {
            fake_nap(500);
        }
        fake_nap(120000 + (uint32_t)i * 3713);
        kill(child, SIGKILL);
        wait_for(child);
        all_started += *sent;
    }
    fake->commit_sleep_us = 0; /* each child adopted the one before; the last is for us */
    assert_int_equal(hp_writer_adopt(fake_folder, (struct hp_store *)(void *)fake, &fake_ops, NULL), HP_OK);
    assert_int_equal(fake->lost_calls, KILLS);
    assert_int_equal(fake_count_files("ring-*"), 0);
    uint64_t sum = fake->stored + fake->lost;
    assert_true(fake->stored > 0 && fake->lost > 0);
    assert_true(sum >= all_started && sum <= all_started + KILLS);
    munmap((void *)sent, 4096);
}

static void a_writer_adopts_what_it_finds(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        begin(HP_LEVEL_MONITOR);
        begin(HP_LEVEL_MONITOR);
        kill(getpid(), SIGKILL);
    }
    wait_for(child);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1);
    serve(HP_LEVEL_MONITOR);
    assert_true(hp_cap_flush(cap, 1000));
    for (int i = 0; i < 1000 && fake->lost_calls == 0; i++) {
        fake_nap(1000);
    }
    assert_int_equal(fake->lost, 2);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_is_pushed_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(rules_about_levels_are_obeyed_within_two_seconds, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_request_of_a_process_obeys_what_was_set_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_store_that_cannot_be_read_at_once_holds_no_request, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_idle_process_learns_of_rules_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_push_is_stored_without_being_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_that_serves_nothing_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_in_flight_at_the_end_are_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_that_comes_back_gets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_a_store_that_needs_somebody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_busy_store_is_no_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_on_purpose_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_record_does_not_hold_up_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_ring_drops_trees_first_then_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(sources_are_stored_once_if_they_are_files_of_some_size, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(closing_a_hanging_store_takes_no_longer_than_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(without_threads_later_requests_and_the_end_write, setup, teardown),
        cmocka_unit_test_setup_teardown(without_threads_a_flush_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(where_the_application_waits_for_the_store_is_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_child_starts_afresh, setup, teardown),
        cmocka_unit_test_setup_teardown(the_store_is_closed_across_a_fork, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fork_in_the_middle_of_a_write_turns_the_child_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fork_storm_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(serving_children_of_a_storm_store_what_they_serve, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_process_lost_is_known_exactly, setup, teardown),
        cmocka_unit_test_setup_teardown(a_writer_adopts_what_it_finds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
