/* store.c -- what writing and reading the store costs: bare rows, full requests, and a report's questions.
 *
 *     store_bench DIRECTORY [rows]      leaves bare.db and full.db there; 100,000 full rows take 0.6 GB
 *
 * CPU is the writing thread's, records are made beforehand in batches outside of the measured part. Bytes are
 * the growth of file and journal after a checkpoint (close), an empty store apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "make_record.h"
#include "store/store.h"

#define BATCH 1000u
#define NOW   UINT64_C(1700000000000000000)

struct batch {
    uint8_t *bytes[BATCH];
    size_t lengths[BATCH];
};

static void must(hp_err err, const struct hp_errinfo *info)
{
    if (err != HP_OK) {
        fprintf(stderr, "%s: %s\n", hp_err_name(err), info->text);
        exit(1);
    }
}

static void fill(struct batch *batch, struct make *m, uint64_t first, bool full, uint64_t total)
{
    struct hp_rng rng;
    hp_rng_seed(&rng, first);
    for (unsigned i = 0; i < BATCH; i++) {
        uint64_t wall = 5000000 + hp_rng_below(&rng, 3000000);
        uint64_t start = NOW + (first + i) * (3600000000000u / total);
        uint64_t id = hp_rng_u64(&rng);
        unsigned route = (unsigned)(id % 3);
        struct hp_str text = full ? make_full(m, id, start, wall, route, 20, 1700, route)
                                  : make_bare(m, id, start, wall, route);
        batch->bytes[i] = hp_memdup(text.p, text.n);
        batch->lengths[i] = text.n;
    }
}

static void release(struct batch *batch)
{
    for (unsigned i = 0; i < BATCH; i++) {
        hp_free(batch->bytes[i]);
    }
}

static uint64_t size_of(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 ? (uint64_t)file.st_size : 0;
}

static struct hp_store *open_at(const char *path, enum hp_store_mode mode)
{
    struct hp_store_config config = {.path = path, .mode = mode, .max_bytes = UINT64_C(1) << 40};
    struct hp_errinfo info = {0};
    struct hp_store *store = NULL;
    must(hp_store_open(&config, &store, &info), &info);
    return store;
}

static void write_all(const char *path, bool full, uint64_t rows)
{
    static struct batch batch;
    struct hp_errinfo info = {0};
    struct make m;
    struct hp_process process = {.pid = 1, .start_ns = NOW, .revision = HP_STR("abc1234")};
    make_init(&m, "abc1234", 0);
    must(hp_store_close(open_at(path, HP_STORE_WRITE)), &info);
    uint64_t empty = size_of(path);
    struct hp_store *store = open_at(path, HP_STORE_WRITE);
    uint64_t cpu = 0;
    uint64_t mono = 0;
    for (uint64_t done = 0; done < rows; done += BATCH) {
        fill(&batch, &m, done, full, rows);
        uint64_t c0 = hp_clock_thread_cpu_ns();
        uint64_t t0 = hp_clock_mono_ns();
        must(hp_store_begin(store, &info), &info);
        must(hp_store_put_process(store, &process, &info), &info);
        for (unsigned i = 0; i < BATCH; i++) {
            must(hp_store_put(store, hp_str_make((char *)batch.bytes[i], batch.lengths[i]), m.dict, &info),
                 &info);
        }
        must(hp_store_commit(store, &info), &info);
        cpu += hp_clock_thread_cpu_ns() - c0;
        mono += hp_clock_mono_ns() - t0;
        release(&batch);
    }
    uint64_t c0 = hp_clock_thread_cpu_ns();
    must(hp_store_close(store), &info);
    cpu += hp_clock_thread_cpu_ns() - c0;
    printf("%-5s %8llu requests: %6.2f us CPU each, %8.0f a second, %7.1f bytes each\n",
           full ? "full" : "bare", (unsigned long long)rows, (double)cpu / (double)rows / 1e3,
           (double)rows * 1e9 / (double)mono, (double)(size_of(path) - empty) / (double)rows);
    make_fini(&m);
}

/* ---- reading ---- */

struct routes {
    uint32_t ids[16];
    unsigned count;
};

static bool keep_route(void *ctx, const struct hp_route_row *row)
{
    struct routes *routes = ctx;
    if (routes->count < 16) {
        routes->ids[routes->count++] = row->route;
    }
    return true;
}

static bool count_record(void *ctx, const struct hp_record *record)
{
    (void)record;
    ++*(unsigned *)ctx;
    return true;
}

static bool count_duration(void *ctx, uint64_t start_ns, uint64_t duration_ns, uint32_t flags,
                           uint16_t status)
{
    (void)start_ns, (void)duration_ns, (void)flags, (void)status;
    ++*(unsigned *)ctx;
    return true;
}

static double since_ms(uint64_t *from)
{
    uint64_t now = hp_clock_mono_ns();
    double ms = (double)(now - *from) / 1e6;
    *from = now;
    return ms;
}

static void read_all(const char *path)
{
    struct hp_errinfo info = {0};
    struct hp_scope scope = {.newest_revision = true};
    struct hp_complete complete;
    struct routes routes = {0};
    struct hp_arena arena;
    unsigned records = 0;
    unsigned durations = 0;
    uint64_t requests;
    uint64_t start = hp_clock_mono_ns();
    uint64_t t = start;
    struct hp_store *store = open_at(path, HP_STORE_READ);
    printf("read: open %.1f ms", since_ms(&t));
    must(hp_store_complete(store, &scope, &complete, &info), &info);
    printf(", complete %.1f", since_ms(&t));
    must(hp_store_routes(store, &scope, keep_route, &routes, &info), &info);
    printf(", routes %.1f", since_ms(&t));
    hp_arena_init(&arena, (size_t)1 << 30);
    for (unsigned i = 0; i < routes.count; i++) {
        must(hp_store_durations(store, &scope, routes.ids[i], count_duration, &durations, &info), &info);
    }
    printf(", durations %.1f", since_ms(&t));
    for (unsigned i = 0; i < routes.count; i++) {
        must(hp_store_sample(store, &scope, routes.ids[i], 60, &arena, count_record, &records, &info), &info);
    }
    printf(", %u samples %.1f; together %.1f ms for %llu rows", records, since_ms(&t),
           (double)(hp_clock_mono_ns() - start) / 1e6, (unsigned long long)complete.recorded);
    struct hp_tree *tree = hp_tree_new(hp_store_dict(store), 1u << 20);
    must(hp_store_merged(store, &scope, 0, tree, &requests, &info), &info);
    printf("; merged tree of %llu %.1f\n", (unsigned long long)requests, since_ms(&t));
    hp_tree_free(tree);
    hp_arena_fini(&arena);
    must(hp_store_close(store), &info);
}

int main(int argc, char **argv)
{
    char bare[4096], full[4096];
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench DIRECTORY [rows]\n");
        return 2;
    }
    uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
    hp_clock_init();
    snprintf(bare, sizeof bare, "%s/bare.db", argv[1]);
    snprintf(full, sizeof full, "%s/full.db", argv[1]);
    unlink(bare);
    unlink(full);
    write_all(bare, false, rows);
    read_all(bare);
    write_all(full, true, rows);
    read_all(full);
    return 0;
}
