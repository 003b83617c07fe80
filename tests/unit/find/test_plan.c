/* test_plan.c -- plans of real servers read into the one model, written, read again; cut, hostile, without
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "find/plan.h"
#include "plans.h"
#include "sweep_oom.h"

struct loaded {
    struct hp_buf document;
    struct hp_arena arena;
    struct hp_plan plan;
    struct hp_query query;
};

static void load(struct loaded *loaded, size_t kind, size_t number)
{
    struct hp_errinfo info = {0};
    hp_buf_init(&loaded->document, HP_PLAN_MAX_BYTES);
    hp_arena_init(&loaded->arena, (size_t)64 << 20);
    plans_load(kind, number, &loaded->document);
    hp_err err = hp_plan_read(hp_buf_str(&loaded->document), &loaded->arena, &loaded->plan, &info);
    if (err != HP_OK) {
        fail_msg("%s-%zu: %s", plans_kinds[kind].file, number, info.text);
    }
    assert_int_equal(hp_query_read(hp_str_from0(plans_statements[number - 1]), loaded->plan.engine,
                                   &loaded->arena, &loaded->query),
                     HP_OK);
    hp_plan_resolve(&loaded->plan, &loaded->query);
}

static void unload(struct loaded *loaded)
{
    hp_arena_fini(&loaded->arena);
    hp_buf_fini(&loaded->document);
}

/* The node that reads `table`. */
static const struct hp_plan_node *reading(const struct loaded *loaded, const char *table)
{
    for (uint32_t i = 0; i < loaded->plan.count; i++) {
        const struct hp_plan_node *node = &loaded->plan.nodes[i];
        if (node->access != HP_PLAN_NO_TABLE && hp_str_eq(node->table, hp_str_from0(table))) {
            return node;
        }
    }
    fail_msg("nothing reads %s", table);
    return NULL;
}

static bool has_flag(const struct loaded *loaded, uint8_t flag)
{
    bool found = false;
    for (uint32_t i = 0; i < loaded->plan.count; i++) {
        found = found || (loaded->plan.nodes[i].flags & flag);
    }
    return found;
}

static void a_full_scan_is_one_on_every_engine(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        struct loaded loaded;
        load(&loaded, kind, 1);
        const struct hp_plan_node *node = reading(&loaded, "student");
        assert_int_equal(node->access, HP_PLAN_SCAN);
        assert_true(node->scanned == 5000);
        assert_false(node->flags & HP_PLAN_REPEATED);
        assert_false(has_flag(&loaded, HP_PLAN_SORT));
        unload(&loaded);
    }
}

static void joins_are_read_again_and_sorts_are_seen(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        struct loaded loaded;
        load(&loaded, kind, 2);
        assert_int_equal(reading(&loaded, "student")->access, HP_PLAN_SCAN);
        assert_true(has_flag(&loaded, HP_PLAN_SORT));
        const struct hp_plan_node *klass = reading(&loaded, "klass");
        if (loaded.plan.engine != HP_ENGINE_POSTGRESQL) { /* that one hashes it */
            assert_int_equal(klass->access, HP_PLAN_LOOKUP);
            assert_true(klass->flags & HP_PLAN_REPEATED);
            assert_true(klass->index.n != 0);
        }
        unload(&loaded);
    }
}

static void a_correlated_subquery_is_repeated(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        struct loaded loaded;
        load(&loaded, kind, 3);
        assert_int_equal(reading(&loaded, "student")->access, HP_PLAN_SCAN);
        assert_true(reading(&loaded, "student")->flags & HP_PLAN_REPEATED);
        assert_false(reading(&loaded, "klass")->flags & HP_PLAN_REPEATED);
        unload(&loaded);
    }
}

static void a_key_is_looked_up(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        struct loaded loaded;
        load(&loaded, kind, 5);
        bool scans = false;
        for (uint32_t i = 0; i < loaded.plan.count; i++) {
            scans = scans || loaded.plan.nodes[i].access == HP_PLAN_SCAN;
        }
        assert_false(scans);
        unload(&loaded);
    }
}

static void parents_come_first(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        for (size_t number = 1; number <= PLANS_COUNT; number++) {
            struct loaded loaded;
            load(&loaded, kind, number);
            assert_true(loaded.plan.count != 0 && loaded.plan.table_count == 2);
            for (uint32_t i = 0; i < loaded.plan.count; i++) {
                uint32_t parent = loaded.plan.nodes[i].parent;
                assert_true(parent == HP_PLAN_NONE || parent < i);
                assert_true(loaded.plan.nodes[i].operation.n != 0);
            }
            unload(&loaded);
        }
    }
}

static void no_value_of_a_statement_is_written(void **state)
{
    static const char *const values[] = {"u7@x", "k3'", "> 30", "< 5", "= 5"};
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        for (size_t number = 1; number <= PLANS_COUNT; number++) {
            struct loaded loaded;
            struct hp_buf out;
            load(&loaded, kind, number);
            hp_buf_init(&out, HP_PLAN_MAX_BYTES);
            assert_int_equal(hp_plan_put(&loaded.plan, &out), HP_OK);
            for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                assert_null(memmem(out.data, out.len, values[i], strlen(values[i])));
            }
            hp_buf_fini(&out);
            unload(&loaded);
        }
    }
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        for (size_t number = 1; number <= PLANS_COUNT; number++) {
            struct loaded loaded;
            struct hp_buf first, second;
            struct hp_plan again;
            load(&loaded, kind, number);
            hp_buf_init(&first, HP_PLAN_MAX_BYTES);
            hp_buf_init(&second, HP_PLAN_MAX_BYTES);
            assert_int_equal(hp_plan_put(&loaded.plan, &first), HP_OK);
            assert_int_equal(hp_plan_read(hp_buf_str(&first), &loaded.arena, &again, NULL), HP_OK);
            assert_int_equal(hp_plan_put(&again, &second), HP_OK);
            assert_true(hp_str_eq(hp_buf_str(&first), hp_buf_str(&second)));
            hp_buf_fini(&second);
            hp_buf_fini(&first);
            unload(&loaded);
        }
    }
}

static void a_cut_plan_is_an_error_with_its_place(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        struct hp_buf document;
        struct hp_arena arena;
        hp_buf_init(&document, HP_PLAN_MAX_BYTES);
        hp_arena_init(&arena, (size_t)64 << 20);
        plans_load(kind, 2, &document);
        for (size_t n = 0; n < document.len; n += 1 + n / 50) {
            struct hp_plan plan;
            struct hp_errinfo info = {0};
            hp_arena_reset(&arena);
            assert_int_not_equal(hp_plan_read(hp_str_make((char *)document.data, n), &arena, &plan, &info),
                                 HP_OK);
            assert_true(info.text[0] != '\0' && info.position <= n);
        }
        hp_arena_fini(&arena);
        hp_buf_fini(&document);
    }
}

static void hostile_documents_are_refused(void **state)
{
    static const char *const documents[] = {"",
                                            "[]",
                                            "{\"plan\":[]}",
                                            "{\"engine\":\"oracle\",\"plan\":{}}",
                                            "{\"engine\":\"sqlite\",\"plan\":{}}",
                                            "{\"engine\":\"sqlite\",\"plan\":[[1,0]]}",
                                            "{\"engine\":\"sqlite\",\"plan\":[[1,0,\"SCAN a\",4]]}",
                                            "{\"engine\":\"postgresql\",\"plan\":\"Seq Scan\"}",
                                            "{\"engine\":\"sqlite\",\"tables\":[1],\"plan\":[]}",
                                            "{\"engine\":\"sqlite\",\"plan\":[]} {}"};
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct hp_arena arena;
        struct hp_plan plan;
        struct hp_errinfo info = {0};
        hp_arena_init(&arena, (size_t)16 << 20);
        if (hp_plan_read(hp_str_from0(documents[i]), &arena, &plan, &info) == HP_OK) {
            fail_msg("read: %s", documents[i]);
        }
        assert_true(info.text[0] != '\0');
        hp_arena_fini(&arena);
    }
}

static void depth_and_number_of_nodes_are_capped(void **state)
{
    struct hp_buf document;
    struct hp_arena arena;
    struct hp_plan plan;
    (void)state;
    hp_buf_init(&document, HP_PLAN_MAX_BYTES);
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_buf_put_text(&document, HP_STR("{\"engine\":\"postgresql\",\"plan\":"));
    for (int i = 0; i < 4000; i++) {
        hp_buf_put_text(&document, HP_STR("[{\"Plans\":"));
    }
    assert_int_equal(hp_plan_read(hp_buf_str(&document), &arena, &plan, NULL), HP_EFULL);
    hp_buf_reset(&document);
    hp_buf_put_text(&document, HP_STR("{\"engine\":\"sqlite\",\"plan\":["));
    for (int i = 0; i < 3000; i++) {
        hp_buf_printf(&document, "%s[%d,0,\"SCAN t\"]", i != 0 ? "," : "", i + 1);
    }
    hp_buf_put_text(&document, HP_STR("]}"));
    assert_int_equal(hp_plan_read(hp_buf_str(&document), &arena, &plan, NULL), HP_EFULL);
    hp_arena_fini(&arena);
    hp_buf_fini(&document);
}

static void older_sqlite_says_table_and_as(void **state)
{
    struct hp_arena arena;
    struct hp_plan plan;
    (void)state;
    hp_arena_init(&arena, (size_t)16 << 20);
    assert_int_equal(
        hp_plan_read(
            HP_STR("{\"engine\":\"sqlite\",\"plan\":[[3,0,\"SCAN TABLE student AS s\"],[5,0,\"SEARCH TABLE "
                   "klass AS k USING AUTOMATIC COVERING INDEX (id=?)\"]]}"),
            &arena, &plan, NULL),
        HP_OK);
    assert_true(hp_str_eq(plan.nodes[0].table, HP_STR("student")) &&
                hp_str_eq(plan.nodes[0].alias, HP_STR("s")));
    assert_int_equal(plan.nodes[1].access, HP_PLAN_SCAN);
    assert_true(plan.nodes[1].flags & HP_PLAN_AUTO_INDEX);
    hp_arena_fini(&arena);
}

static void read_all(void *arg)
{
    (void)arg;
    for (size_t kind = 0; kind < PLANS_KINDS; kind++) {
        struct hp_buf document;
        struct hp_arena arena;
        struct hp_plan plan;
        struct hp_query query;
        struct hp_plan_advices advices;
        hp_buf_init(&document, HP_PLAN_MAX_BYTES);
        hp_arena_init(&arena, (size_t)64 << 20);
        plans_load(kind, 2, &document);
        if (document.err == HP_OK && hp_plan_read(hp_buf_str(&document), &arena, &plan, NULL) == HP_OK &&
            hp_query_read(hp_str_from0(plans_statements[1]), plan.engine, &arena, &query) == HP_OK) {
            hp_plan_resolve(&plan, &query);
            (void)!hp_plan_advise(&plan, &query, -1, &arena, &advices);
        }
        hp_arena_fini(&arena);
        hp_buf_fini(&document);
    }
}

static void without_memory_nothing_leaks(void **state)
{
    (void)state;
    hp_sweep_oom(read_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_scan_is_one_on_every_engine),
        cmocka_unit_test(joins_are_read_again_and_sorts_are_seen),
        cmocka_unit_test(a_correlated_subquery_is_repeated),
        cmocka_unit_test(a_key_is_looked_up),
        cmocka_unit_test(parents_come_first),
        cmocka_unit_test(no_value_of_a_statement_is_written),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(a_cut_plan_is_an_error_with_its_place),
        cmocka_unit_test(hostile_documents_are_refused),
        cmocka_unit_test(depth_and_number_of_nodes_are_capped),
        cmocka_unit_test(older_sqlite_says_table_and_as),
        cmocka_unit_test(without_memory_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
