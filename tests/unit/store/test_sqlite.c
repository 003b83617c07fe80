/* test_sqlite.c -- what only a file can do: trouble with it, many processes, crashes, caps, disk given
 * back. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
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
#include "place.h"

#define NOBODY 65534

static void refused(struct place *place, enum hp_store_mode mode, hp_err want, const char *says)
{
    struct hp_store *store = NULL;
    assert_string_equal(hp_err_name(open_at(place, mode, 0, &store)), hp_err_name(want));
    assert_null(store);
    assert_non_null(strstr(place->info.text, says));
    assert_null(strchr(place->info.text, '\n'));
}

static void shell(const char *format, const char *path)
{
    char command[512];
    snprintf(command, sizeof command, format, path, path);
    assert_int_equal(system(command), 0);
}

static void write_batch(struct place *place, struct hp_store *store, struct make *m, uint64_t first,
                        unsigned count, unsigned pid, uint32_t nodes)
{
    struct hp_process process = {.pid = pid, .start_ns = T0, .revision = HP_STR("rev1")};
    ok(place, hp_store_begin(store, &place->info));
    ok(place, hp_store_put_process(store, &process, &place->info));
    for (unsigned i = 0; i < count; i++) {
        uint64_t id = first + i;
        struct hp_str record = nodes != 0 ? make_full(m, id, T0 + id * MS, 9 * MS, 0, 20, nodes, 1)
                                          : make_bare(m, id, T0 + id * MS, 9 * MS, 0);
        ok(place, hp_store_put(store, record, m->dict, &place->info));
    }
    ok(place, hp_store_commit(store, &place->info));
}

static uint64_t merged(struct place *place, struct hp_store *store)
{
    struct hp_scope all = {0};
    struct hp_tree *tree = hp_tree_new(hp_store_dict(store), 1u << 18);
    uint64_t requests;
    ok(place, hp_store_merged(store, &all, 0, tree, &requests, &place->info));
    hp_tree_free(tree);
    return requests;
}

/* ---- files ---- */

static void the_folder_is_private_and_ignored(void **state)
{
    struct place *place = *state;
    char name[128], text[8] = "";
    struct stat st;
    close_it(opened(place, HP_STORE_WRITE));
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(name, sizeof name, "%s/.hotplate", place->dir);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(name, sizeof name, "%s/.hotplate/.gitignore", place->dir);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "*\n");
}

static void a_missing_store_is_said(void **state)
{
    struct place *place = *state;
    refused(place, HP_STORE_READ, HP_ENOTFOUND, "hotplate run");
    snprintf(place->path, sizeof place->path, "%s/no/such/s.db", place->dir);
    refused(place, HP_STORE_WRITE, HP_ENOTFOUND, "does not exist");
    snprintf(place->path, sizeof place->path, "%s/s.db", place->dir);
    shell(": > %s", place->path);
    refused(place, HP_STORE_READ, HP_ENOTFOUND, "is empty");
    close_it(opened(place, HP_STORE_WRITE));
    close_it(opened(place, HP_STORE_READ));
    snprintf(place->path, sizeof place->path, "%s", place->dir);
    refused(place, HP_STORE_READ, HP_EFOREIGN, "not a file");
}

static void files_of_others_are_left_alone(void **state)
{
    struct place *place = *state;
    snprintf(place->path, sizeof place->path, "%s/s.db", place->dir);
    shell("sqlite3 %s 'CREATE TABLE t(a); INSERT INTO t VALUES(7)' && cp %s /tmp/hp-foreign-copy",
          place->path);
    refused(place, HP_STORE_WRITE, HP_EFOREIGN, "another program");
    refused(place, HP_STORE_READ, HP_EFOREIGN, "another program");
    shell("cmp %s /tmp/hp-foreign-copy && rm /tmp/hp-foreign-copy", place->path);
    shell("head -c 9000 /dev/urandom > %s", place->path);
    refused(place, HP_STORE_WRITE, HP_EFOREIGN, "not a Hotplate store");
}

static void a_newer_schema_is_refused(void **state)
{
    struct place *place = *state;
    close_it(opened(place, HP_STORE_WRITE));
    shell("sqlite3 %s 'PRAGMA user_version = 99'", place->path);
    refused(place, HP_STORE_WRITE, HP_EVERSION, "newer Hotplate");
    refused(place, HP_STORE_READ, HP_EVERSION, "upgrade");
}

static void damage_is_said(void **state)
{
    struct place *place = *state;
    struct make m;
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    struct hp_scope all = {0};
    struct hp_complete c;
    make_init(&m, "rev1", 0);
    write_batch(place, store, &m, 1, 500, 1, 20);
    close_it(store);
    shell("dd if=/dev/urandom of=%s bs=4096 seek=2 count=400 conv=notrunc 2>/dev/null", place->path);
    hp_err err = open_at(place, HP_STORE_READ, 0, &store);
    if (err == HP_OK) {
        err = hp_store_complete(store, &all, &c, &place->info);
        close_it(store);
    }
    assert_int_equal(err, HP_ECORRUPT);
    assert_non_null(strstr(place->info.text, "move it away"));
    make_fini(&m);
}

/* Run `fn` as a user without rights; its result must be 0. Skipped unless started as root. */
static void as_nobody(struct place *place, int (*fn)(struct place *place))
{
    if (geteuid() != 0) {
        skip();
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(setgid(NOBODY) == 0 && setuid(NOBODY) == 0 ? fn(place) : 99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int reads_all(struct place *place)
{
    struct hp_store *store = NULL;
    struct hp_scope all = {0};
    struct hp_complete c;
    if (open_at(place, HP_STORE_READ, 0, &store) != HP_OK) {
        return 1;
    }
    if (hp_store_complete(store, &all, &c, &place->info) != HP_OK || c.recorded != 10) {
        return 2;
    }
    return hp_store_close(store) == HP_OK ? 0 : 3;
}

static int may_not_write(struct place *place)
{
    struct hp_store *store = NULL;
    hp_err err = open_at(place, HP_STORE_WRITE, 0, &store);
    return err == HP_EREADONLY || err == HP_EPERM ? 0 : 1;
}

static int may_not_read(struct place *place)
{
    struct hp_store *store = NULL;
    return open_at(place, HP_STORE_READ, 0, &store) == HP_EPERM && strstr(place->info.text, "cannot") != NULL
               ? 0
               : 1;
}

static int needs_the_owner(struct place *place)
{
    struct hp_store *store = NULL;
    hp_err err = open_at(place, HP_STORE_READ, 0, &store);
    return err == HP_EPERM && strstr(place->info.text, "-wal") != NULL ? 0 : 1;
}

static void a_store_may_be_read_without_rights_to_its_folder(void **state)
{
    struct place *place = *state;
    struct make m;
    make_init(&m, "rev1", 0);
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    write_batch(place, store, &m, 1, 10, 1, 0);
    close_it(store);
    make_fini(&m);
    shell("chmod 755 %s/ %s/.hotplate; ", place->dir);
    as_nobody(place, may_not_read);
    shell("chmod 644 %s", place->path);
    as_nobody(place, reads_all);
    as_nobody(place, may_not_write);
    /* A journal that nobody has finished cannot be read without its index. */
    shell("echo x > %s-wal && chmod 644 %s-wal", place->path);
    as_nobody(place, needs_the_owner);
}

/* ---- locked, full ---- */

static void a_locked_store_is_busy_and_then_usable(void **state)
{
    struct place *place = *state;
    struct make m;
    make_init(&m, "rev1", 0);
    struct hp_store *holder = opened(place, HP_STORE_WRITE);
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    ok(place, hp_store_begin(holder, &place->info));
    assert_int_equal(hp_store_begin(store, &place->info), HP_EBUSY);
    assert_non_null(strstr(place->info.text, "locked by another process"));
    assert_int_equal(hp_store_label_begin(store, HP_STR("a"), 1, &place->info), HP_EBUSY);
    assert_int_equal(complete(place, store).recorded, 0); /* reading goes on */
    hp_store_rollback(holder);
    write_batch(place, store, &m, 1, 10, 1, 50);
    assert_int_equal(complete(place, holder).recorded, 10);
    close_it(holder);
    close_it(store);
    make_fini(&m);
}

static void a_full_disk_undoes_the_batch_and_the_next_one_works(void **state)
{
    struct place *place = *state;
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    struct hp_store *reader = opened(place, HP_STORE_READ);
    struct hp_process process = {.pid = 5, .start_ns = T0};
    struct make m;
    hp_err err = HP_OK;
    make_init(&m, "rev1", 0);
    hp__sqlite_limit_pages(store, 60);
    ok(place, hp_store_begin(store, &place->info));
    ok(place, hp_store_put_process(store, &process, &place->info));
    for (unsigned i = 0; i < 200 && err == HP_OK; i++) {
        err = hp_store_put(store, make_full(&m, i, T0 + i, 9 * MS, i % 4, 20, 500, i), m.dict, &place->info);
    }
    assert_int_equal(err, HP_ENOSPC);
    assert_non_null(strstr(place->info.text, "no space left"));
    assert_int_equal(hp_store_put(store, make_bare(&m, 1, T0, MS, 0), m.dict, &place->info), HP_ENOSPC);
    assert_int_equal(hp_store_commit(store, &place->info), HP_ENOSPC);
    assert_int_equal(complete(place, reader).recorded, 0);
    hp__sqlite_limit_pages(store, 0);
    write_batch(place, store, &m, 1, 50, 5, 300);
    assert_int_equal(complete(place, reader).recorded, 50);
    assert_int_equal(merged(place, reader), 50);
    struct hp_arena arena;
    struct hp_record record;
    hp_arena_init(&arena, (size_t)64 << 20);
    ok(place, hp_store_request(reader, 7, &arena, &record, &place->info));
    struct hp_str name = hp_dict_symbol(hp_store_dict(reader), record.stmts[0].site_sym).name;
    assert_true(hp_str_eq(name, HP_STR("function_3")));
    hp_arena_fini(&arena);
    close_it(reader);
    close_it(store);
    make_fini(&m);
}

/* ---- many processes ---- */

static void write_as_child(struct place *place, unsigned number, unsigned batches)
{
    struct hp_store *store = NULL;
    struct make m;
    /* Waiting for seven others on a busy machine takes its time. */
    struct hp_store_config config = {
        .path = place->path, .mode = HP_STORE_WRITE, .max_age_ns = UINT64_MAX / 4, .busy_ms = 20000};
    hp_err err = hp_store_open(&config, &store, &place->info);
    make_init(&m, "rev1", number);
    for (unsigned i = 0; err == HP_OK && i < batches; i++) {
        struct hp_process process = {.pid = number, .start_ns = T0};
        err = hp_store_begin(store, &place->info);
        err = err == HP_OK ? hp_store_put_process(store, &process, &place->info) : err;
        for (unsigned k = 0; err == HP_OK && k < 20; k++) {
            uint64_t id = number * 1000 + i * 20 + k;
            err = hp_store_put(store, make_full(&m, id, T0 + id * MS, 9 * MS, k % 4, 5, 60, 1), m.dict,
                               &place->info);
        }
        err = err == HP_OK ? hp_store_commit(store, &place->info) : err;
        err = err == HP_OK ? hp_store_tidy(store, &place->info) : err;
    }
    if (err == HP_OK) {
        err = hp_store_close(store);
    }
    if (err != HP_OK) {
        fprintf(stderr, "child %u: %s: %s\n", number, hp_err_name(err), place->info.text);
    }
    _exit(err == HP_OK ? 0 : 1);
}

static void eight_processes_may_start_in_an_empty_folder(void **state)
{
    struct place *place = *state;
    for (unsigned round = 0; round < 6; round++) {
        snprintf(place->path, sizeof place->path, "%s/.hp%u/s.db", place->dir, round);
        pid_t pids[8];
        for (unsigned i = 0; i < 8; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                write_as_child(place, i + 1, 5);
            }
        }
        for (unsigned i = 0; i < 8; i++) {
            int status;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        struct hp_store *store = opened(place, HP_STORE_READ);
        assert_int_equal(complete(place, store).recorded, 800);
        assert_int_equal(merged(place, store), 800);
        close_it(store);
    }
}

static void a_reader_sees_whole_batches_while_others_write(void **state)
{
    struct place *place = *state;
    close_it(opened(place, HP_STORE_WRITE));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        write_as_child(place, 1, 40);
    }
    struct hp_store *store = opened(place, HP_STORE_READ);
    uint64_t last = 0;
    for (int i = 0; i < 2000 && last < 800; i++) {
        uint64_t now = complete(place, store).recorded;
        assert_true(now >= last);
        assert_int_equal(now % 20, 0);
        assert_int_equal(merged(place, store) % 20, 0);
        last = now;
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(complete(place, store).recorded, 800);
    close_it(store);
}

static void a_killed_writer_leaves_every_committed_request(void **state)
{
    struct place *place = *state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    close_it(opened(place, HP_STORE_WRITE));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct make m;
        struct hp_store *store = opened(place, HP_STORE_WRITE);
        make_init(&m, "rev1", 0);
        for (unsigned i = 0; i < 10; i++) {
            write_batch(place, store, &m, 1 + i * 10, 10, 9, 100);
        }
        /* The trees of the later batches are not in rollups yet. */
        ssize_t wrote = write(ready[1], "x", 1);
        (void)wrote;
        pause();
    }
    char one;
    assert_int_equal(read(ready[0], &one, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct hp_store *store = opened(place, HP_STORE_READ);
    assert_int_equal(complete(place, store).recorded, 100);
    assert_int_equal(merged(place, store), 100);
    close_it(store);
    close(ready[0]);
    close(ready[1]);
}

static void closing_and_opening_within_a_minute_adds_up(void **state)
{
    struct place *place = *state;
    struct make m;
    make_init(&m, "rev1", 0);
    for (unsigned i = 0; i < 5; i++) {
        struct hp_store *store = opened(place, HP_STORE_WRITE);
        write_batch(place, store, &m, 1 + i * 10, 10, 1, 80);
        close_it(store);
    }
    struct hp_store *store = opened(place, HP_STORE_READ);
    assert_int_equal(merged(place, store), 50);
    close_it(store);
    make_fini(&m);
}

/* ---- caps ---- */

static uint64_t bytes_of(const struct place *place)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[128];
    struct stat st;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", place->path, ends[i]);
        bytes += stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    return bytes;
}

static void a_cap_holds_while_requests_with_trees_pour_in(void **state)
{
    struct place *place = *state;
    struct hp_store *store = NULL;
    struct make m;
    uint64_t most = 0;
    make_init(&m, "rev1", 0);
    ok(place, open_at(place, HP_STORE_WRITE, (uint64_t)8 << 20, &store));
    for (unsigned i = 0; i < 500; i++) {
        write_batch(place, store, &m, i * 100, 100, 1, 300);
        ok(place, hp_store_tidy(store, &place->info));
        uint64_t bytes = bytes_of(place);
        most = bytes > most ? bytes : most;
    }
    struct hp_complete c = complete(place, store);
    print_message("50,000 requests with trees under a cap of 8 MiB: at most %.2f MiB; %llu rows, %llu "
                  "evicted, %llu details evicted\n",
                  (double)most / 1048576, (unsigned long long)c.recorded,
                  (unsigned long long)c.evicted_requests, (unsigned long long)c.evicted_detail);
    assert_true(most <= (uint64_t)8 << 20);
    assert_int_equal(c.recorded + c.evicted_requests, 50000);
    assert_true(c.evicted_detail > 40000);
    assert_true(c.recorded > 20000);
    close_it(store);
    store = opened(place, HP_STORE_READ);
    assert_int_equal(merged(place, store), 50000); /* rollups stay */
    close_it(store);
    make_fini(&m);
}

static void when_no_detail_is_left_the_oldest_rows_go(void **state)
{
    struct place *place = *state;
    struct hp_store *store = NULL;
    struct make m;
    make_init(&m, "rev1", 0);
    ok(place, open_at(place, HP_STORE_WRITE, (uint64_t)2 << 20, &store));
    for (unsigned i = 0; i < 60; i++) {
        write_batch(place, store, &m, 1 + i * 1000, 1000, 1, 0);
        unsigned steps = 0;
        do { /* each takes 20 ms at the most: of a busy machine that is little */
            ok(place, hp_store_tidy(store, &place->info));
        } while (bytes_of(place) > (uint64_t)2 << 20 && ++steps < 100);
        assert_true(bytes_of(place) <= (uint64_t)2 << 20);
    }
    struct hp_complete c = complete(place, store);
    assert_int_equal(c.recorded + c.evicted_requests, 60000);
    assert_true(c.recorded > 5000 && c.evicted_requests > 30000);
    assert_int_equal(c.evicted_detail, 0);
    struct hp_scope old = {.to_ns = T0 + 10000 * MS};
    struct hp_complete before;
    ok(place, hp_store_complete(store, &old, &before, &place->info));
    assert_int_equal(before.recorded, 0);
    close_it(store);
    make_fini(&m);
}

static void disk_is_given_back(void **state)
{
    struct place *place = *state;
    struct hp_store *store = opened(place, HP_STORE_WRITE);
    struct make m;
    make_init(&m, "rev1", 0);
    for (unsigned i = 0; i < 40; i++) {
        write_batch(place, store, &m, i * 100, 100, 1, 600);
    }
    close_it(store);
    uint64_t before = bytes_of(place);
    ok(place, open_at(place, HP_STORE_WRITE, before / 4, &store));
    for (unsigned i = 0; i < 50; i++) {
        ok(place, hp_store_tidy(store, &place->info));
    }
    struct hp_complete c = complete(place, store);
    assert_int_equal(c.recorded, 4000);
    close_it(store);
    assert_true(bytes_of(place) <= before / 4);
    make_fini(&m);
}

static void shapes_go_with_their_last_request_and_come_back(void **state)
{
    struct place *place = *state;
    struct hp_store *store = NULL, *other = opened(place, HP_STORE_WRITE);
    struct make m, n;
    make_init(&m, "rev1", 0);
    make_init(&n, "rev1", 5);
    ok(place, open_at(place, HP_STORE_WRITE, (uint64_t)1 << 20, &store));
    for (unsigned round = 0; round < 12; round++) {
        struct hp_process process = {.pid = 1, .start_ns = T0};
        struct hp_store *writers[2] = {store, other};
        struct make *makers[2] = {&m, &n};
        for (unsigned w = 0; w < 2; w++) {
            ok(place, hp_store_begin(writers[w], &place->info));
            ok(place, hp_store_put_process(writers[w], &process, &place->info));
            for (unsigned i = 0; i < 60; i++) {
                uint64_t id = round * 1000 + w * 500 + i;
                /* Every request a shape of its own, the same ones in each round. */
                ok(place,
                   hp_store_put(writers[w], make_full(makers[w], id, T0 + id * MS, 9 * MS, 0, 1, 300, i),
                                makers[w]->dict, &place->info));
            }
            ok(place, hp_store_commit(writers[w], &place->info));
        }
        ok(place, hp_store_tidy(store, &place->info));
    }
    struct hp_scope all = {0};
    struct hp_complete c = complete(place, store);
    assert_true(c.evicted_detail > 0);
    struct hp_arena arena;
    struct hp_record record;
    hp_arena_init(&arena, (size_t)64 << 20);
    for (unsigned w = 0; w < 2; w++) { /* the newest of both writers are whole */
        ok(place, hp_store_request(store, 11 * 1000 + w * 500 + 59, &arena, &record, &place->info));
        assert_true(w == 0 || record.shape.n != 0);
    }
    hp_arena_fini(&arena);
    (void)all;
    (void)merged(place, store);
    close_it(other);
    close_it(store);
    make_fini(&m);
    make_fini(&n);
}

/* ---- fork ---- */

struct opener {
    struct place *place;
    char path[128];
    atomic_bool stop;
};

/* Works with SQLite all the time, as an application's threads do. */
static void *open_again_and_again(void *ctx)
{
    struct opener *opener = ctx;
    struct hp_store_config config = {.path = opener->path, .mode = HP_STORE_WRITE};
    while (!atomic_load(&opener->stop)) {
        struct hp_store *store = NULL;
        struct hp_complete complete;
        struct hp_scope scope = {0};
        assert_int_equal(hp_store_open(&config, &store, NULL), HP_OK);
        assert_int_equal(hp_store_complete(store, &scope, &complete, NULL), HP_OK);
        close_it(store);
    }
    return NULL;
}

static void a_child_may_use_sqlite_whatever_other_threads_did(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's own allocator does not survive a fork beside threads that allocate (gcc 12) */
#endif
    enum { THREADS = 2, FORKS = 200 };
    struct place *place = *state;
    struct opener openers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        openers[i].place = place;
        snprintf(openers[i].path, sizeof openers[i].path, "%s/%d/s.db", place->dir, i);
        atomic_init(&openers[i].stop, false);
        assert_int_equal(pthread_create(&threads[i], NULL, open_again_and_again, &openers[i]), 0);
    }
    int failed = 0;
    for (int i = 0; i < FORKS; i++) {
        hp_store_fork_begin();
        pid_t child = fork();
        hp_store_fork_end();
        if (child == 0) {
            struct hp_store *store = NULL;
            alarm(10); /* a lock that nobody will open */
            _exit(open_at(place, HP_STORE_WRITE, 0, &store) == HP_OK && hp_store_close(store) == HP_OK ? 0
                                                                                                       : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        failed += status != 0;
    }
    for (int i = 0; i < THREADS; i++) {
        atomic_store(&openers[i].stop, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(failed, 0);
}

static void a_fork_knows_how_long_it_was_kept(void **state)
{
    (void)state;
    assert_int_equal(hp_store_fork_begin(), 0);
    hp_store_fork_end();
    hp_store_fork_waited(5);
    hp_store_fork_waited(6);
    assert_int_equal(hp_store_fork_begin(), 11);
    hp_store_fork_end();
    assert_int_equal(hp_store_fork_begin(), 0);
    hp_store_fork_end();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_child_may_use_sqlite_whatever_other_threads_did),
        TEST(a_fork_knows_how_long_it_was_kept),
        TEST(the_folder_is_private_and_ignored),
        TEST(a_missing_store_is_said),
        TEST(files_of_others_are_left_alone),
        TEST(a_newer_schema_is_refused),
        TEST(damage_is_said),
        TEST(a_store_may_be_read_without_rights_to_its_folder),
        TEST(a_locked_store_is_busy_and_then_usable),
        TEST(a_full_disk_undoes_the_batch_and_the_next_one_works),
        TEST(eight_processes_may_start_in_an_empty_folder),
        TEST(a_reader_sees_whole_batches_while_others_write),
        TEST(a_killed_writer_leaves_every_committed_request),
        TEST(closing_and_opening_within_a_minute_adds_up),
        TEST(a_cap_holds_while_requests_with_trees_pour_in),
        TEST(when_no_detail_is_left_the_oldest_rows_go),
        TEST(disk_is_given_back),
        TEST(shapes_go_with_their_last_request_and_come_back),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
