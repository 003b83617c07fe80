/* test_tally.c -- rollups in the making: sums, caps, and the encoding of statement rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/tally.h"
#include "sweep_oom.h"

static const struct hp__tally_key key = {7, 1, 2, HP_LEVEL_TRACE};

static struct hp_record request(uint64_t wall_ns)
{
    return (struct hp_record){.req = {.wall_ns = wall_ns, .own_ns = 10, .cpu_ns = HP_ABSENT, .status = 200},
                              .values = HP_STR("\2\5\4\6")}; /* two nodes: 1 call 5 ns, 2 calls 6 ns */
}

static void requests_add_up(void **state)
{
    (void)state;
    struct hp__tallies all;
    struct hp__tally *tally, *again;
    hp__tallies_init(&all);
    assert_int_equal(hp__tallies_get(&all, &key, &tally), HP_OK);
    for (int i = 0; i < 10; i++) {
        struct hp_group group = {
            .count = 2, .exec_ns = 30, .fetch_ns = 5, .max_ns = 20, .rows = HP_ABSENT, .statement = 3};
        struct hp_record record = request(110);
        record.groups = &group;
        record.group_count = 1;
        hp__tally_add(&all, tally, &record, 77);
    }
    assert_int_equal(hp__tallies_get(&all, &key, &again), HP_OK);
    assert_ptr_equal(tally, again);
    assert_int_equal(tally->requests, 10);
    assert_int_equal(tally->covered, 10);
    assert_int_equal(tally->total_ns, 1000);
    assert_int_equal(tally->statements, 20);
    assert_int_equal(tally->sql_ns, 350);
    assert_int_equal(tally->cpu_requests, 0);
    assert_int_equal(tally->row_count, 1);
    assert_int_equal(tally->rows[0].requests, 10);
    assert_int_equal(tally->rows[0].rows, 0);
    assert_int_equal(tally->tree_count, 1);
    assert_int_equal(tally->trees[0]->requests, 10);
    assert_int_equal(tally->trees[0]->sum.nodes[1][0], 20);
    assert_int_equal(tally->trees[0]->sum.nodes[1][1], 60);
    hp__tallies_fini(&all);
}

static void what_does_not_fit_is_not_covered(void **state)
{
    (void)state;
    struct hp__tallies all;
    struct hp__tally *tally;
    struct hp_record record = request(110);
    hp__tallies_init(&all);
    assert_int_equal(hp__tallies_get(&all, &key, &tally), HP_OK);
    for (uint32_t shape = 1; shape <= HP_TALLY_SHAPES + 5; shape++) {
        hp__tally_add(&all, tally, &record, shape);
    }
    assert_int_equal(tally->requests, HP_TALLY_SHAPES + 5);
    assert_int_equal(tally->covered, HP_TALLY_SHAPES);
    hp__tallies_drop_shape(&all, 3);
    assert_int_equal(tally->covered, HP_TALLY_SHAPES - 1);
    assert_int_equal(tally->tree_count, HP_TALLY_SHAPES - 1);
    /* Values that do not have the shape's nodes spoil its sum. */
    record.values = HP_STR("\2\5");
    hp__tally_add(&all, tally, &record, 4);
    assert_int_equal(tally->covered, HP_TALLY_SHAPES - 2);
    hp__tallies_fini(&all);
    assert_int_equal(all.tree_bytes, 0);
}

static void keys_are_capped(void **state)
{
    (void)state;
    struct hp__tallies all;
    struct hp__tally *tally;
    struct hp__tally_key k = key;
    hp__tallies_init(&all);
    for (k.route = 1; k.route <= HP_TALLY_KEYS; k.route++) {
        assert_int_equal(hp__tallies_get(&all, &k, &tally), HP_OK);
    }
    struct hp__tally_key first = key;
    first.route = 1;
    assert_int_equal(hp__tallies_get(&all, &k, &tally), HP_EFULL);
    assert_int_equal(hp__tallies_get(&all, &first, &tally), HP_OK);
    uint32_t oldest = hp__tallies_oldest(&all); /* the second: the first was asked for again */
    assert_int_equal(all.list[oldest]->key.route, 2);
    hp__tallies_drop(&all, oldest);
    assert_int_equal(hp__tallies_get(&all, &k, &tally), HP_OK);
    assert_int_equal(tally->key.route, k.route);
    assert_int_equal(hp__tallies_get(&all, &first, &tally), HP_OK);
    assert_int_equal(tally->key.route, 1);
    hp__tallies_clear(&all);
    assert_int_equal(all.count, 0);
    hp__tallies_fini(&all);
}

static void statement_rows_survive_encoding(void **state)
{
    (void)state;
    struct hp_statement_row rows[2] = {{1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11},
                                       {200, 0, 0, 0, UINT64_MAX, 1, 1, 1, 1, 1, 1}};
    struct hp__tally tally = {.rows = rows, .row_count = 2};
    struct hp_statement_row *got;
    size_t count;
    struct hp_buf buf;
    hp_buf_init(&buf, 1000);
    hp__tally_encode_rows(&tally, &buf);
    assert_int_equal(hp__tally_decode_rows(hp_buf_str(&buf), &got, &count), HP_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(got, rows, sizeof rows);
    hp_free(got);
    for (size_t cut = 0; cut < buf.len; cut++) {
        assert_int_equal(hp__tally_decode_rows(hp_str_make((char *)buf.data, cut), &got, &count), HP_EFORMAT);
    }
    buf.data[0] = 9;
    assert_int_equal(hp__tally_decode_rows(hp_buf_str(&buf), &got, &count), HP_EFORMAT);
    hp_buf_fini(&buf);
}

static void oom(void *arg)
{
    (void)arg;
    struct hp__tallies all;
    struct hp__tally *tally;
    struct hp_group group = {.count = 2, .statement = 3};
    struct hp_record record = request(110);
    record.groups = &group;
    record.group_count = 1;
    hp__tallies_init(&all);
    if (hp__tallies_get(&all, &key, &tally) == HP_OK) {
        hp__tally_add(&all, tally, &record, 77);
        assert_int_equal(tally->requests, 1);
    }
    hp__tallies_fini(&all);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(oom, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_add_up),    cmocka_unit_test(what_does_not_fit_is_not_covered),
        cmocka_unit_test(keys_are_capped),    cmocka_unit_test(statement_rows_survive_encoding),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
