/* test_plan_advice.c -- which index is proposed, and where silence is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "find/plan_advice.h"
#include "plans.h"

static char proposed[300]; /* the first proposal; empty: none */

/* The index for `sql` on an engine whose plan reads the whole of `alias`, in the way that `node` (more
 * members of a plan's node) says. */
static const char *propose_by(const char *engine, const char *sql, const char *alias, double returned,
                              const char *node)
{
    struct hp_buf document;
    struct hp_arena arena;
    struct hp_plan plan;
    struct hp_query query;
    struct hp_plan_advices advices;
    hp_buf_init(&document, 1 << 20);
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_buf_printf(
        &document,
        "{\"engine\":\"%s\",\"tables\":%s,\"nodes\":[{\"operation\":\"scan\",\"alias\":\"%s\",%s}]}", engine,
        plans_tables, alias, node);
    assert_int_equal(hp_plan_read(hp_buf_str(&document), &arena, &plan, NULL), HP_OK);
    assert_int_equal(hp_query_read(hp_str_from0(sql), plan.engine, &arena, &query), HP_OK);
    hp_plan_resolve(&plan, &query);
    assert_int_equal(hp_plan_advise(&plan, &query, returned, &arena, &advices), HP_OK);
    proposed[0] = '\0';
    for (uint32_t i = 0; i < advices.count; i++) {
        if (advices.list[i].index.n != 0) {
            snprintf(proposed, sizeof proposed, "%.*s", (int)advices.list[i].index.n,
                     advices.list[i].index.p);
        }
    }
    hp_arena_fini(&arena);
    hp_buf_fini(&document);
    return proposed;
}

static const char *propose(const char *engine, const char *sql, const char *alias, double returned)
{
    return propose_by(engine, sql, alias, returned, "\"access\":\"scan\"");
}

#define LITE(sql) propose("sqlite", sql, "student", -1)

static void an_equality_on_many_values_gets_an_index(void **state)
{
    (void)state;
    assert_string_equal(LITE("SELECT * FROM student WHERE email = ?"),
                        "CREATE INDEX student_email ON student (email)");
    assert_string_equal(LITE("SELECT * FROM student WHERE ? = student.email"),
                        "CREATE INDEX student_email ON student (email)");
    assert_string_equal(LITE("SELECT count(*) FROM student WHERE class_id = 5"),
                        "CREATE INDEX student_class_id ON student (class_id)");
    assert_string_equal(
        propose("postgresql", "SELECT * FROM app.student AS s WHERE (s.email = %(e)s::VARCHAR)", "s", -1),
        "CREATE INDEX student_email ON student (email)");
    assert_string_equal(
        propose("mariadb", "SELECT * FROM `student` WHERE `student`.`email` = 'x' LIMIT 1", "student", -1),
        "CREATE INDEX student_email ON student (email)");
    assert_string_equal(LITE("SELECT * FROM student WHERE email IN (?+)"),
                        "CREATE INDEX student_email ON student (email)");
}

static void an_index_read_from_end_to_end_only_for_its_order_is_as_good_as_none(void **state)
{
    (void)state;
    const char *whole = "\"access\":\"index scan\",\"index\":\"PRIMARY\",\"filter\":\"student.email = ?\"";
    const char *sql = "SELECT * FROM student WHERE email = ? ORDER BY id";
    assert_string_equal(propose_by("mariadb", sql, "student", 5, whole),
                        "CREATE INDEX student_email ON student (email)");
    /* Read until enough are found, or without a condition: for its order alone. */
    assert_string_equal(propose_by("mariadb", "SELECT * FROM student WHERE email = ? ORDER BY id LIMIT 1",
                                   "student", 1, whole),
                        "");
    assert_string_equal(propose_by("mariadb", sql, "student", 5, "\"access\":\"index scan\""), "");
}

static void columns_are_put_together_only_as_far_as_needed(void **state)
{
    (void)state;
    assert_string_equal(LITE("SELECT * FROM student WHERE active = ? AND email = ?"),
                        "CREATE INDEX student_email ON student (email)");
    assert_string_equal(LITE("SELECT * FROM student WHERE age = ? AND class_id = ?"),
                        "CREATE INDEX student_age_class_id ON student (age, class_id)");
    assert_string_equal(LITE("SELECT * FROM student WHERE class_id = ? AND age BETWEEN ? AND ?"),
                        "CREATE INDEX student_class_id_age ON student (class_id, age)");
}

static void names_are_quoted_where_they_have_to_be(void **state)
{
    (void)state;
    assert_string_equal(LITE("SELECT * FROM student WHERE \"order\" = ?"),
                        "CREATE INDEX student_order ON student (\"order\")");
    assert_string_equal(propose("mysql", "SELECT * FROM student WHERE `order` = 'x'", "student", -1),
                        "CREATE INDEX student_order ON student (`order`(64))");
}

static void near_misses_are_silent(void **state)
{
    (void)state;
    assert_string_equal(propose("sqlite", "SELECT * FROM klass WHERE name = ?", "klass", -1),
                        "");                                                       /* a small table */
    assert_string_equal(LITE("SELECT * FROM student WHERE active = ?"), "");       /* few values */
    assert_string_equal(LITE("SELECT * FROM student WHERE LOWER(email) = ?"), ""); /* an expression */
    assert_string_equal(LITE("SELECT * FROM student WHERE email LIKE '%x'"), "");  /* a pattern */
    assert_string_equal(LITE("SELECT * FROM student WHERE email = ? OR class_id = ?"), ""); /* either */
    assert_string_equal(LITE("SELECT * FROM student WHERE (email = ? OR age = ?) AND name = ?"),
                        ""); /* either, inside */
    assert_string_equal(propose("mariadb", "SELECT * FROM student WHERE code = 5", "student", -1),
                        "");                                               /* a cast */
    assert_string_equal(LITE("SELECT * FROM student WHERE town = ?"), ""); /* an index that is there */
    assert_string_equal(LITE("SELECT * FROM student ORDER BY name LIMIT 10"), ""); /* nothing is compared */
    assert_string_equal(LITE("SELECT COUNT(*) FROM student"), "");                 /* needs its scan */
    assert_string_equal(LITE("SELECT * FROM student WHERE email <> ?"), "");
    assert_string_equal(LITE("SELECT * FROM student WHERE age > ?"), ""); /* who knows how many */
    assert_string_equal(LITE("SELECT * FROM student WHERE NOT email = ?"), "");
    assert_string_equal(LITE("SELECT * FROM student WHERE email || ? = ?"), "");
    assert_string_equal(LITE("SELECT * FROM student WHERE email IS NULL"), "");
    assert_string_equal(propose("postgresql", "SELECT * FROM student WHERE code::int = 5", "student", -1),
                        "");
}

static void rows_that_came_back_say_more_than_values(void **state)
{
    (void)state;
    /* Two values, but the one that is asked for is rare. */
    assert_string_equal(propose("sqlite", "SELECT * FROM student WHERE active = ?", "student", 12),
                        "CREATE INDEX student_active ON student (active)");
    /* Many values, and most rows have this one. */
    assert_string_equal(propose("sqlite", "SELECT * FROM student WHERE email = ?", "student", 4000), "");
    /* What a LIMIT lets through says nothing. */
    assert_string_equal(propose("sqlite", "SELECT * FROM student WHERE active = ? LIMIT 10", "student", 10),
                        "");
    assert_string_equal(propose("sqlite", "SELECT * FROM student WHERE age > ?", "student", 10),
                        "CREATE INDEX student_age ON student (age)");
}

static void joined_columns_count_where_the_scan_is_repeated(void **state)
{
    (void)state;
    assert_string_equal(
        propose("mariadb", "SELECT (SELECT COUNT(*) FROM student s WHERE s.class_id = k.id) FROM klass k",
                "s", -1),
        "CREATE INDEX student_class_id ON student (class_id)");
    assert_string_equal(
        propose("sqlite", "SELECT * FROM student s JOIN klass k ON k.id = s.class_id", "s", -1), "");
}

/* One row of klass, found by `by`; then all students. */
static const char *propose_after(const char *by, const char *sql)
{
    char nodes[300];
    snprintf(
        nodes, sizeof nodes,
        "\"access\":\"%s\"},{\"operation\":\"scan\",\"alias\":\"s\",\"access\":\"scan\",\"repeated\":true",
        by);
    return propose_by("sqlite", sql, "k", 4000, nodes);
}

static void a_scan_after_one_row_of_another_table_is_not_repeated(void **state)
{
    (void)state;
    static const char *const by_key =
        "SELECT * FROM klass k JOIN student s ON s.class_id = k.id WHERE k.id = ?";
    static const char *const by_name =
        "SELECT * FROM klass k JOIN student s ON s.class_id = k.id WHERE k.name = ?";
    assert_string_equal(propose_after("lookup", by_key), "");
    assert_string_equal(propose_after("index", by_key), "");
    assert_string_equal(propose_after("index", by_name),
                        "CREATE INDEX student_class_id ON student (class_id)");
}

static void a_table_named_twice_is_not_guessed(void **state)
{
    (void)state;
    assert_string_equal(
        LITE("SELECT * FROM student WHERE email = ? UNION SELECT * FROM student WHERE class_id = ?"), "");
}

static void placeholders_know_their_column(void **state)
{
    struct hp_arena arena;
    struct hp_query query;
    (void)state;
    hp_arena_init(&arena, (size_t)16 << 20);
    assert_int_equal(
        hp_query_read(HP_STR("SELECT * FROM t WHERE t.a = ? AND b IN (?+) AND c LIKE ? LIMIT ? OFFSET ?"),
                      HP_ENGINE_SQLITE, &arena, &query),
        HP_OK);
    assert_int_equal(query.hole_count, 5);
    assert_true(hp_str_eq(query.terms[query.holes[0].term].column, HP_STR("a")));
    assert_true(hp_str_eq(query.terms[query.holes[1].term].column, HP_STR("b")));
    assert_int_equal(query.holes[1].end - query.holes[1].start, 2);
    assert_true(hp_str_eq(query.terms[query.holes[2].term].column, HP_STR("c")));
    assert_int_equal(query.holes[2].kind, HP_QUERY_HOLE_PATTERN);
    assert_int_equal(query.holes[3].kind, HP_QUERY_HOLE_LIMIT);
    assert_int_equal(query.holes[4].kind, HP_QUERY_HOLE_LIMIT);
    hp_arena_fini(&arena);
}

/* The column, an asterisk before it where it stands in a function, of a scan that gives one row. */
static const char *unserved(const char *sql)
{
    static const char document[] =
        "{\"engine\":\"postgresql\",\"tables\":[{\"name\":\"student\",\"rows\":40000,\"columns\":["
        "{\"name\":\"email\",\"type\":\"text\",\"distinct\":40000},"
        "{\"name\":\"age\",\"type\":\"int\",\"distinct\":80}],"
        "\"indexes\":[{\"name\":\"i\",\"columns\":[\"email\"]}]}],\"nodes\":[{\"operation\":\"scan\","
        "\"alias\":\"student\",\"access\":\"scan\",\"scanned\":40000}]}";
    struct hp_arena arena;
    struct hp_plan plan;
    struct hp_query query;
    bool within = false;
    hp_arena_init(&arena, (size_t)64 << 20);
    assert_int_equal(hp_plan_read(hp_str_from0(document), &arena, &plan, NULL), HP_OK);
    assert_int_equal(hp_query_read(hp_str_from0(sql), plan.engine, &arena, &query), HP_OK);
    hp_plan_resolve(&plan, &query);
    struct hp_str column = hp_plan_unserved(&plan, &query, 1, &within);
    struct hp_plan_advices advices;
    assert_int_equal(hp_plan_advise(&plan, &query, 1, &arena, &advices), HP_OK);
    assert_int_equal(advices.count, 1);
    bool says =
        strstr(advices.list[0].text.p, "an index on email, but the column stands in a function") != NULL;
    assert_true(says || !within);
    snprintf(proposed, sizeof proposed, "%s%.*s", within ? "*" : "", (int)column.n, column.p);
    hp_arena_fini(&arena);
    return proposed;
}

static void an_index_that_does_not_serve_is_told_of_the_column_that_decides(void **state)
{
    (void)state;
    assert_string_equal(unserved("SELECT id FROM student WHERE email = ?"), "email");
    assert_string_equal(unserved("SELECT id FROM student WHERE lower(email) = lower(%(email)s)"), "*email");
    assert_string_equal(unserved("SELECT id FROM student WHERE ? = substr(trim(student.email), 1, 5)"),
                        "*email");
    assert_string_equal(unserved("SELECT id FROM student WHERE CAST(email AS citext) = ?"), "*email");
    assert_string_equal(unserved("SELECT id FROM student WHERE lower(email) = ? AND age > ?"), "*email");
    static const char *const silent[] = {
        "SELECT id FROM student WHERE lower(email) LIKE ?",
        "SELECT id FROM student WHERE lower(email) = lower(age)",
        "SELECT id FROM student WHERE concat(email, age) = ?",
        "SELECT id FROM student WHERE abs(age) = ?",
        "SELECT id FROM student WHERE lower(email) = ? OR age = ?",
        "SELECT count(*) FROM student WHERE lower(email) = ?",
    };
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_string_equal(unserved(silent[i]), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equality_on_many_values_gets_an_index),
        cmocka_unit_test(an_index_read_from_end_to_end_only_for_its_order_is_as_good_as_none),
        cmocka_unit_test(columns_are_put_together_only_as_far_as_needed),
        cmocka_unit_test(names_are_quoted_where_they_have_to_be),
        cmocka_unit_test(near_misses_are_silent),
        cmocka_unit_test(rows_that_came_back_say_more_than_values),
        cmocka_unit_test(joined_columns_count_where_the_scan_is_repeated),
        cmocka_unit_test(a_scan_after_one_row_of_another_table_is_not_repeated),
        cmocka_unit_test(a_table_named_twice_is_not_guessed),
        cmocka_unit_test(placeholders_know_their_column),
        cmocka_unit_test(an_index_that_does_not_serve_is_told_of_the_column_that_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
