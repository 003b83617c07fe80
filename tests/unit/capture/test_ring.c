/* test_ring.c -- the ring against a plain queue, with four producers, and the page that outlives its
 * process. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "capture/ring.h"
#include "fake_store.h"
#include "sweep_oom.h"

#define PRODUCERS    4
#define EACH         20000u
#define LARGEST      3000u
#define ORPHAN_COUNT 8

static int setup(void **state)
{
    (void)state;
    hp_clock_init();
    fake_make_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_remove_folder();
    return 0;
}

static struct hp_ring *make_ring(const char *folder, size_t bytes)
{
    struct hp_ring *ring = NULL;
    assert_int_equal(hp_ring_open(folder, bytes, &ring), HP_OK);
    return ring;
}

/* --- one thread --- */

static void records_come_out_in_order_and_whole(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring(NULL, 0);
    struct hp_ring_record record;
    uint64_t cursor = hp_ring_tail(ring);
    assert_false(hp_ring_peek(ring, &cursor, &record));
    assert_true(hp_ring_push(ring, 7, "seven", 5));
    assert_true(hp_ring_push(ring, 8, "", 0));
    assert_true(hp_ring_peek(ring, &cursor, &record));
    assert_int_equal(record.id, 7);
    assert_true(hp_str_eq(record.bytes, HP_STR("seven")));
    assert_true(hp_ring_peek(ring, &cursor, &record));
    assert_int_equal(record.id, 8);
    assert_int_equal(record.bytes.n, 0);
    assert_false(hp_ring_peek(ring, &cursor, &record));
    hp_ring_consume(ring, cursor);
    assert_int_equal(hp_ring_tail(ring), hp_ring_head(ring));
    hp_ring_close(ring);
}

static void a_full_ring_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring(NULL, 65536);
    char text[1000];
    uint64_t pushed = 0, seen = 0, cursor = 0;
    struct hp_ring_record record;
    memset(text, 'x', sizeof text);
    while (hp_ring_push(ring, pushed, text, sizeof text)) {
        pushed++;
    }
    assert_int_equal(pushed, 65536 / (1000 + 16));
    while (hp_ring_peek(ring, &cursor, &record)) {
        assert_int_equal(record.id, seen++);
    }
    assert_int_equal(seen, pushed);
    hp_ring_consume(ring, cursor);
    assert_true(hp_ring_push(ring, 1, text, sizeof text));
    hp_ring_close(ring);
}

static void a_record_of_more_than_half_the_ring_is_refused(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring(NULL, 65536);
    char *text = hp_calloc(1, 65536);
    assert_false(hp_ring_push(ring, 1, text, 32768));
    assert_true(hp_ring_push(ring, 1, text, 32768 - 16));
    hp_free(text);
    hp_ring_close(ring);
}

static void a_discarded_record_is_not_seen_again(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring(NULL, 0);
    struct hp_ring_record record;
    uint64_t cursor = 0;
    assert_true(hp_ring_push(ring, 1, "a", 1) && hp_ring_push(ring, 2, "b", 1));
    assert_true(hp_ring_peek(ring, &cursor, &record));
    hp_ring_discard(ring, &record);
    cursor = hp_ring_tail(ring);
    assert_true(hp_ring_peek(ring, &cursor, &record));
    assert_int_equal(record.id, 2);
    hp_ring_close(ring);
}

/* Random pushes and reads against a queue of lengths; contents follow from the id. */
static void twin_of_a_plain_queue(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("ring", 11));
    struct hp_ring *ring = make_ring(NULL, 65536);
    static uint32_t lengths[65536];
    uint8_t text[LARGEST];
    uint64_t pushed = 0, read = 0, cursor = 0;
    for (int step = 0; step < 60000; step++) {
        if (hp_rng_below(&rng, 2) == 0) {
            uint32_t n = (uint32_t)hp_rng_below(&rng, LARGEST);
            memset(text, (int)(pushed & 0xFF), n);
            if (hp_ring_push(ring, pushed, text, n)) {
                lengths[pushed++ % 65536] = n;
            }
            continue;
        }
        struct hp_ring_record record;
        for (uint64_t some = hp_rng_below(&rng, 4); some > 0 && hp_ring_peek(ring, &cursor, &record);
             some--) {
            assert_int_equal(record.id, read);
            assert_int_equal(record.bytes.n, lengths[read % 65536]);
            for (size_t i = 0; i < record.bytes.n; i++) {
                assert_int_equal((uint8_t)record.bytes.p[i], read & 0xFF);
            }
            read++;
        }
        hp_ring_consume(ring, cursor);
    }
    assert_true(pushed > 20000 && pushed - read < 5000);
    hp_ring_close(ring);
}

/* --- four producers --- */

static struct hp_ring *shared_ring;

static void *produce(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg;
    struct hp_rng rng;
    uint64_t words[64];
    hp_rng_seed(&rng, me);
    for (uint64_t i = 0; i < EACH; i++) {
        size_t n = 1 + (size_t)hp_rng_below(&rng, 64);
        for (size_t k = 0; k < n; k++) {
            words[k] = me << 32 | (i + k);
        }
        while (!hp_ring_push(shared_ring, me << 32 | i, words, n * sizeof words[0])) {
            fake_nap(20);
        }
    }
    return NULL;
}

static void producers_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[PRODUCERS];
    uint64_t next[PRODUCERS] = {0}, total = 0, cursor = 0;
    shared_ring = make_ring(NULL, 65536);
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    }
    while (total < PRODUCERS * EACH) {
        struct hp_ring_record record;
        while (hp_ring_peek(shared_ring, &cursor, &record)) {
            uint64_t who = record.id >> 32, i = record.id & UINT32_MAX;
            assert_true(who < PRODUCERS);
            assert_int_equal(i, next[who]++);
            for (size_t k = 0; k < record.bytes.n / 8; k++) {
                uint64_t word;
                memcpy(&word, record.bytes.p + 8 * k, 8);
                assert_true(word == (who << 32 | (i + k)));
            }
            total++;
        }
        hp_ring_consume(shared_ring, cursor);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    hp_ring_close(shared_ring);
}

/* --- the page --- */

static void the_page_is_a_private_file_until_unlinked(void **state)
{
    (void)state;
    struct stat status;
    struct hp_ring *ring = make_ring(fake_folder, 0);
    assert_non_null(hp_ring_path(ring));
    assert_int_equal(stat(hp_ring_path(ring), &status), 0);
    assert_int_equal(status.st_size, 4096);
    assert_int_equal(status.st_mode & 07777, 0600);
    hp_ring_unlink(ring);
    assert_int_equal(fake_count_files("ring-*"), 0);
    hp_ring_close(ring);
}

static void a_missing_folder_is_made_private_and_ignored_by_git(void **state)
{
    (void)state;
    char folder[128];
    struct stat status;
    snprintf(folder, sizeof folder, "%s/.hotplate", fake_folder);
    struct hp_ring *ring = make_ring(folder, 0);
    assert_non_null(hp_ring_path(ring));
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(fake_count_files(".hotplate/.gitignore"), 1);
    hp_ring_close(ring);
}

static void without_a_file_the_page_is_memory(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring("/proc/nowhere/x", 0);
    assert_null(hp_ring_path(ring));
    hp_ring_counters(ring)[HP_RING_STARTED] = 3;
    assert_true(hp_ring_push(ring, 1, "a", 1));
    hp_ring_close(ring);
}

static void the_owner_is_this_process(void **state)
{
    (void)state;
    struct hp_ring_identity me;
    hp_ring_identify(&me);
    assert_int_equal(me.pid, (uint32_t)getpid());
    assert_true(me.start_ticks != 0);
    uint64_t now = hp_clock_wall_ns();
    assert_true(me.start_ns < now && now - me.start_ns < (uint64_t)600 * 1000000000);
}

/* --- orphans --- */

/* A child that opens a ring, counts, and dies without a word. */
static void leave_orphan(uint64_t started, uint64_t stored)
{
    pid_t child = fork();
    if (child == 0) {
        struct hp_ring *ring = NULL;
        if (hp_ring_open(fake_folder, 65536, &ring) == HP_OK) {
            hp_ring_counters(ring)[HP_RING_STARTED] = started;
            hp_ring_committed(ring, stored, 1);
            hp_ring_committing(ring, stored + 2, 3, 77);
        }
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
}

struct tally {
    pthread_mutex_t lock;
    uint32_t calls;
    uint64_t lost, lost_settled, commit_id;
    hp_err answer;
};

static hp_err count_orphan(void *ctx, const struct hp_ring_orphan *orphan)
{
    struct tally *tally = ctx;
    pthread_mutex_lock(&tally->lock);
    tally->calls++;
    tally->lost += hp_ring_lost(orphan);
    struct hp_ring_orphan settled = *orphan;
    hp_ring_settle(&settled);
    tally->lost_settled += hp_ring_lost(&settled);
    tally->commit_id = orphan->commit_id;
    pthread_mutex_unlock(&tally->lock);
    return tally->answer;
}

static void a_dead_process_is_adopted_with_its_counters(void **state)
{
    (void)state;
    uint32_t adopted = 0;
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER};
    leave_orphan(10, 4);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1);
    assert_int_equal(hp_ring_adopt(fake_folder, count_orphan, &tally, &adopted), HP_OK);
    assert_int_equal(adopted, 1);
    assert_int_equal(tally.lost, 5);
    assert_int_equal(tally.lost_settled, 1);
    assert_int_equal(tally.commit_id, 77);
    assert_int_equal(fake_count_files("ring-*"), 0);
}

static void a_living_process_is_left_alone(void **state)
{
    (void)state;
    uint32_t adopted = 9;
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct hp_ring *ring = make_ring(fake_folder, 0);
    assert_int_equal(hp_ring_adopt(fake_folder, count_orphan, &tally, &adopted), HP_OK);
    assert_int_equal(adopted, 0);
    assert_int_equal(tally.calls, 0);
    assert_int_equal(fake_count_files("ring-*.hpr"), 1);
    hp_ring_close(ring);
}

static void what_could_not_be_stored_is_adopted_later(void **state)
{
    (void)state;
    uint32_t adopted = 0;
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .answer = HP_EBUSY};
    leave_orphan(10, 4);
    assert_int_equal(hp_ring_adopt(fake_folder, count_orphan, &tally, &adopted), HP_EBUSY);
    assert_int_equal(adopted, 0);
    tally.answer = HP_OK;
    assert_int_equal(hp_ring_adopt(fake_folder, count_orphan, &tally, &adopted), HP_OK);
    assert_int_equal(adopted, 1);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    char path[128];
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/ring-%d-2.hpr", fake_folder, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        for (int k = 0; k < i * 600; k++) {
            fputs("rubbish ", file);
        }
        fclose(file);
    }
    assert_int_equal(hp_ring_adopt(fake_folder, count_orphan, &tally, NULL), HP_OK);
    assert_int_equal(tally.calls, 0);
    assert_int_equal(fake_count_files("ring-*.hpr"), 2);
    assert_int_equal(hp_ring_adopt("/nonexistent", count_orphan, &tally, NULL), HP_OK);
}

static void *adopt_all(void *arg)
{
    hp_err err = hp_ring_adopt(fake_folder, count_orphan, arg, NULL);
    assert_int_equal(err, HP_OK);
    return NULL;
}

static void several_adopters_count_each_orphan_once(void **state)
{
    (void)state;
    pthread_t threads[PRODUCERS];
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER};
    for (int i = 0; i < ORPHAN_COUNT; i++) {
        leave_orphan(10, 4);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, adopt_all, &tally), 0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(hp_ring_adopt(fake_folder, count_orphan, &tally, NULL), HP_OK);
    assert_int_equal(tally.calls, ORPHAN_COUNT);
    assert_int_equal(tally.lost, ORPHAN_COUNT * 5);
    assert_int_equal(fake_count_files("ring-*"), 0);
}

static void lost_never_falls_below_zero(void **state)
{
    (void)state;
    struct hp_ring_orphan orphan = {.count = {[HP_RING_STARTED] = 3, [HP_RING_STORED] = 2}, .told = 5};
    assert_int_equal(hp_ring_lost(&orphan), 0);
}

static void open_and_close(void *arg)
{
    struct hp_ring *ring = NULL;
    if (hp_ring_open(arg, 65536, &ring) == HP_OK) {
        assert_true(hp_ring_push(ring, 1, "a", 1));
        hp_ring_unlink(ring);
        hp_ring_close(ring);
    }
}

static void opening_survives_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(open_and_close, fake_folder);
    hp_sweep_oom(open_and_close, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_out_in_order_and_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_ring_refuses_and_keeps_what_it_has, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_of_more_than_half_the_ring_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_discarded_record_is_not_seen_again, setup, teardown),
        cmocka_unit_test_setup_teardown(twin_of_a_plain_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(producers_do_not_disturb_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(the_page_is_a_private_file_until_unlinked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_made_private_and_ignored_by_git, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_file_the_page_is_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(the_owner_is_this_process, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_process_is_adopted_with_its_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_living_process_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_stored_is_adopted_later, setup, teardown),
        cmocka_unit_test_setup_teardown(other_files_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(several_adopters_count_each_orphan_once, setup, teardown),
        cmocka_unit_test_setup_teardown(lost_never_falls_below_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(opening_survives_lack_of_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
