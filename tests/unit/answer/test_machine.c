/* test_machine.c -- how much slower the machine was, as the routes say that a stretch has in common with an
 * earlier one. */
#include "records.h"

#include <math.h>

#include "answer/machine.h"
#include "sweep_oom.h"

#define SIDE 10u /* requests of each stretch */

static void put(struct hp_store *store, const char *rule, double cpu_before, double cpu_now)
{
    struct rec_set set;
    struct hp_errinfo info;
    rec_set_init(&set, "GET", rule);
    assert_int_equal(hp_store_begin(store, &info), HP_OK);
    for (uint32_t i = 0; i < 2 * SIDE; i++) {
        struct rec *rec = rec_begin(&set);
        struct hp_buf buf;
        rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, 90);
        rec_end(&set, rec, 100, i < SIDE ? cpu_before : cpu_now);
        hp_buf_init(&buf, (size_t)1 << 20);
        rec_encode(&set, i, &buf);
        assert_int_equal(hp_store_put(store, hp_buf_str(&buf), set.dict, &info), HP_OK);
        hp_buf_fini(&buf);
    }
    assert_int_equal(hp_store_commit(store, &info), HP_OK);
    rec_set_fini(&set);
}

static struct hp_store *open_with(struct hp_scope *before, struct hp_scope *now)
{
    struct hp_store_config config = {.path = NULL, .mode = HP_STORE_WRITE};
    struct hp_store *store;
    struct hp_errinfo info;
    assert_int_equal(hp_store_open(&config, &store, &info), HP_OK);
    put(store, "/one", 40, 52);
    put(store, "/two", 10, 20);
    put(store, "/three", 5, 6);
    put(store, "/unknown", -1, -1);
    uint64_t second = 1700000000000000000u + (SIDE + 1) * (uint64_t)10000000000u;
    *before = (struct hp_scope){.to_ns = second, .route = HP_STR("GET /two")};
    *now = (struct hp_scope){.from_ns = second, .route = HP_STR("GET /two")};
    return store;
}

static uint32_t route_of(struct hp_store *store, const char *rule)
{
    const struct hp_dict *dict = hp_store_dict(store);
    for (uint32_t i = 1; i < 16; i++) {
        if (hp_str_eq(hp_dict_route(dict, i).rule, hp_str_from0(rule))) {
            return i;
        }
    }
    fail_msg("no route %s", rule);
    return 0;
}

static void all_routes_but_the_asked_one_are_witnesses(void **state)
{
    (void)state;
    struct hp_scope before, now;
    struct hp_machine machine;
    struct hp_errinfo info;
    struct hp_store *store = open_with(&before, &now);
    assert_int_equal(hp_machine_load(store, &before, &now, &machine, &info), HP_OK);
    assert_int_equal(machine.count, 3);
    assert_true(fabs(hp_machine_others(&machine, route_of(store, "/two")) - 1.25) < 0.03);
    assert_true(fabs(hp_machine_others(&machine, route_of(store, "/three")) - 1.65) < 0.03);
    assert_true(fabs(hp_machine_others(&machine, UINT32_MAX) - 1.3) < 0.03);
    assert_int_equal(hp_store_close(store), HP_OK);
}

static void no_other_route_is_no_witness(void **state)
{
    (void)state;
    struct hp_machine machine = {.list = {{3, 1.5}}, .count = 1};
    assert_true(hp_machine_others(&machine, 3) <= 0);
    assert_true(hp_machine_others(&machine, 4) > 1.4);
}

struct loading {
    struct hp_store *store;
    struct hp_scope before, now;
};

static void load_once(void *arg)
{
    struct loading *loading = arg;
    struct hp_machine machine;
    struct hp_errinfo info;
    (void)!hp_machine_load(loading->store, &loading->before, &loading->now, &machine, &info);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct loading loading;
    loading.store = open_with(&loading.before, &loading.now);
    load_once(&loading); /* what the handle keeps is there */
    hp_sweep_oom(load_once, &loading);
    assert_int_equal(hp_store_close(loading.store), HP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_routes_but_the_asked_one_are_witnesses),
        cmocka_unit_test(no_other_route_is_no_witness),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
