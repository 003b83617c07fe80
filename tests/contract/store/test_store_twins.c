/* test_store_twins.c -- both back ends side by side give the same answers, and each survives running out of
 * memory. */
#include <unistd.h>

#include "base/clock.h"
#include "sweep_oom.h"
#include "world.h"

static void put_random(struct world *world, struct hp_rng *rng, unsigned count, uint64_t *id)
{
    begin(world);
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = T0 + hp_rng_below(rng, 240) * 1000 * MS;
        uint64_t wall = (1 + hp_rng_below(rng, 300)) * MS;
        unsigned route = (unsigned)hp_rng_below(rng, 4);
        if (hp_rng_below(rng, 3) == 0) {
            put(world, make_bare(&world->m, ++*id, start, wall, route));
        } else {
            uint32_t statements = (uint32_t)hp_rng_below(rng, 6);
            put(world, make_full(&world->m, ++*id, start, wall, route, statements, 40,
                                 (uint32_t)hp_rng_below(rng, 60)));
        }
    }
    if (hp_rng_below(rng, 5) == 0) {
        hp_store_rollback(world->w);
    } else {
        commit(world);
    }
}

static void same_answers(struct world *a, struct world *b, const struct hp_scope *scope)
{
    struct routes x = read_routes(a, scope), y = read_routes(b, scope);
    assert_int_equal(x.count, y.count);
    for (unsigned i = 0; i < x.count; i++) {
        struct hp_str rule = hp_dict_route(hp_store_dict(a->r), x.rows[i].route).rule;
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)rule.n, rule.p);
        struct hp_route_row other = *route_named(b, &y, name);
        uint32_t here = x.rows[i].route, there = other.route;
        struct ids s = {.count = 0}, t = {.count = 0};
        uint64_t n, m;
        uint32_t p, q;
        other.route = here;
        assert_memory_equal(&x.rows[i], &other, sizeof other);
        ok(a, hp_store_sample(a->r, scope, here, 7, &a->arena, keep_record, &s, &a->info));
        ok(b, hp_store_sample(b->r, scope, there, 7, &b->arena, keep_record, &t, &b->info));
        assert_int_equal(s.count, t.count);
        assert_memory_equal(s.ids, t.ids, s.count * sizeof *s.ids);
        struct totals u = merged(a, scope, here, &n, &p);
        struct totals v = merged(b, scope, there, &m, &q);
        assert_int_equal(n, m);
        assert_int_equal(p, q);
        assert_memory_equal(&u, &v, sizeof u);
    }
    struct statements u = {.count = 0}, v = {.count = 0};
    ok(a, hp_store_statements(a->r, scope, keep_statement, &u, &a->info));
    ok(b, hp_store_statements(b->r, scope, keep_statement, &v, &b->info));
    assert_int_equal(u.count, v.count);
    for (unsigned i = 0; i < u.count; i++) {
        assert_int_equal(u.rows[i].total_ns, v.rows[i].total_ns);
        assert_int_equal(u.rows[i].requests, v.rows[i].requests);
    }
}

static void back_ends_agree(void **state)
{
    (void)state;
    struct world a, b;
    struct hp_rng rng, scopes;
    uint64_t seed = hp_test_seed("back_ends_agree", 20240607);
    uint64_t id_a = 0, id_b = 0;
    make_world(&a, false, 0);
    make_world(&b, true, 0);
    hp_rng_seed(&scopes, seed + 1);
    for (unsigned round = 0; round < 25; round++) {
        hp_rng_seed(&rng, seed * 1000 + round);
        put_random(&a, &rng, 40, &id_a);
        hp_rng_seed(&rng, seed * 1000 + round);
        put_random(&b, &rng, 40, &id_b);
        struct hp_scope scope = {.from_ns = T0 + hp_rng_below(&scopes, 120) * 1000 * MS};
        scope.to_ns =
            hp_rng_below(&scopes, 2) != 0 ? scope.from_ns + hp_rng_below(&scopes, 200) * 1000 * MS + 1 : 0;
        scope.from_ns = hp_rng_below(&scopes, 3) == 0 ? 0 : scope.from_ns;
        same_answers(&a, &b, &scope);
        hp_arena_reset(&a.arena);
        hp_arena_reset(&b.arena);
    }
    end_world(&a);
    end_world(&b);
}

static void write_and_read(void *arg)
{
    bool sqlite = *(bool *)arg;
    char path[] = "/tmp/hp-oom-XXXXXX";
    char file[64];
    struct hp_store_config config = {.mode = HP_STORE_WRITE};
    struct hp_store *store = NULL;
    struct hp_errinfo info;
    struct hp_scope all = {0};
    struct routes routes = {.count = 0};
    struct statements statements = {.count = 0};
    static struct make m; /* made before allocations fail */
    if (m.dict == NULL) {
        make_init(&m, "rev1", 0);
    }
    if (sqlite) {
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        config.path = path;
    }
    hp_err err = hp_store_open(&config, &store, &info);
    if (err == HP_OK) {
        err = hp_store_begin(store, &info);
    }
    if (err == HP_OK) {
        err = hp_store_put_process(store, &process, &info);
    }
    static char bytes[65536];
    static size_t n;
    if (err == HP_OK) {
        err = hp_store_put(store, hp_str_make(bytes, n), m.dict, &info);
    }
    if (err == HP_OK) {
        err = hp_store_put_source(store, HP_STR("a.py"), HP_STR("a\nb\n"), &info);
    }
    if (err == HP_OK) {
        err = hp_store_commit(store, &info);
    }
    if (err == HP_OK) {
        err = hp_store_routes(store, &all, keep_route, &routes, &info);
    }
    if (err == HP_OK) {
        err = hp_store_statements(store, &all, keep_statement, &statements, &info);
    }
    assert_true(err == HP_OK || err == HP_ENOMEM || n == 0);
    hp_err closed = hp_store_close(store);
    assert_true(closed == HP_OK || closed == HP_ENOMEM);
    if (sqlite) {
        unlink(path);
        snprintf(file, sizeof file, "%s-wal", path);
        unlink(file);
        snprintf(file, sizeof file, "%s-shm", path);
        unlink(file);
    }
    if (n == 0) {
        struct hp_str record = make_full(&m, 1, T0, 9 * MS, 0, 2, 30, 1);
        memcpy(bytes, record.p, record.n);
        n = record.n;
    }
}

static void running_out_of_memory_is_survived(void **state)
{
    struct world *world = *state;
    bool sqlite = world->r != world->w;
    write_and_read(&sqlite); /* makes the record */
    hp_sweep_oom(write_and_read, &sqlite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_ends_agree),
        BOTH(running_out_of_memory_is_survived),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
