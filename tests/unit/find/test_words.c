/* test_words.c -- verb, table and key of folded statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "find/find_int.h"

static void assert_word(struct hp_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p != NULL ? got.p : "", want, got.n);
}

static struct hp_statement sql(const char *text)
{
    return (struct hp_statement){.text = hp_str_from0(text)};
}

static void table_is_the_first_one_without_schema_and_quotes(void **state)
{
    (void)state;
    assert_word(hp__words_table(HP_STR("SELECT a.id, a.x FROM settings AS a WHERE a.name = ? LIMIT ?")),
                "settings");
    assert_word(hp__words_table(HP_STR("select * from `shop`.`orders` where id = ?")), "orders");
    assert_word(hp__words_table(HP_STR("INSERT INTO \"log\" (a) VALUES (?)")), "log");
    assert_word(hp__words_table(HP_STR("UPDATE users SET x = ?")), "users");
    assert_word(hp__words_table(HP_STR("SELECT ? + ?")), "");
    assert_word(hp__words_table(HP_STR("SELECT count(*) FROM (SELECT id FROM posts) AS p")), "posts");
    assert_word(hp__words_table(HP_STR("SELECT p.id FROM (SELECT id FROM posts) AS p JOIN tags AS t ON x")),
                "posts");
}

static void table_joined_to_a_select_is_the_one_whose_columns_come_first(void **state)
{
    (void)state;
    static const char joined[] =
        "SELECT %s FROM (SELECT b.id AS id FROM bill AS b WHERE b.x IN (SELECT ?)) AS c "
        "JOIN owed AS o ON o.b = c.id JOIN \"person\" ON person.id = o.p";
    static const char *const cases[][2] = {{"person.id, c.id", "person"},
                                           {"o.p", "owed"},
                                           {"DISTINCT \"person\".name", "person"},
                                           {"c.id", "bill"},
                                           {"id", "bill"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        snprintf(text, sizeof text, joined, cases[i][0]);
        assert_word(hp__words_table(hp_str_from0(text)), cases[i][1]);
    }
}

static void key_is_the_column_compared_first(void **state)
{
    (void)state;
    assert_word(hp__words_key(HP_STR("SELECT * FROM settings WHERE settings.name = ?")), "name");
    assert_word(hp__words_key(HP_STR("SELECT * FROM a WHERE a.name = ? ORDER BY a.id LIMIT ? OFFSET ?")),
                "name");
    assert_word(hp__words_key(HP_STR("SELECT * FROM settings WHERE settings.name = ? AND x = ?")), "");
    assert_word(hp__words_key(HP_STR("SELECT * FROM a JOIN b ON a.x = b.y WHERE a.x = b.z AND a.name = ?")),
                "");
    assert_word(hp__words_key(HP_STR("SELECT * FROM settings WHERE lower(name) = ?")), "");
    assert_word(hp__words_key(HP_STR("SELECT * FROM settings")), "");
}

static void reading_and_writing_are_told_apart(void **state)
{
    (void)state;
    struct hp_statement select = sql("SELECT x FROM t"), insert = sql("INSERT INTO t (x) VALUES (?)"),
                        begin = sql("BEGIN");
    assert_true(hp__words_reads(&select));
    assert_false(hp__words_writes(&select));
    assert_true(hp__words_writes(&insert));
    assert_false(hp__words_reads(&begin) || hp__words_writes(&begin));
}

static void conditions_are_what_stands_after_where(void **state)
{
    (void)state;
    assert_word(hp__words_where(HP_STR("SELECT a FROM t WHERE t.a = ? AND b IN (?) ORDER BY a LIMIT ?")),
                "t.a = ? AND b IN (?)");
    assert_word(
        hp__words_where(HP_STR("SELECT count(*) FROM (SELECT a FROM t WHERE t.a = ?) AS x WHERE y = ?")),
        "t.a = ?");
    assert_word(hp__words_where(HP_STR("SELECT a FROM t ORDER BY a")), "");
    assert_word(hp__words_where(HP_STR("SELECT a FROM t WHERE")), "");
}

static void counts_are_of_all_rows_together(void **state)
{
    (void)state;
    assert_true(hp__words_counts(HP_STR("SELECT COUNT(*) FROM a")));
    assert_true(hp__words_counts(HP_STR("select count(a.id) AS n from a")));
    assert_false(hp__words_counts(HP_STR("SELECT count(*) FROM a GROUP BY b")));
    assert_false(hp__words_counts(HP_STR("SELECT a, count(*) FROM a")));
    assert_false(hp__words_counts(HP_STR("")));
}

static void few_rows_by_chance_are_ordered_by_a_random_number(void **state)
{
    (void)state;
    assert_true(hp__words_shuffles(HP_STR("SELECT id FROM poster ORDER BY RAND() LIMIT ?")));
    assert_true(hp__words_shuffles(HP_STR("select * from poster where a = ? order by random() limit ?")));
    assert_false(hp__words_shuffles(HP_STR("SELECT id FROM poster ORDER BY random()"))); /* all of them */
    assert_false(hp__words_shuffles(HP_STR("SELECT random() FROM poster ORDER BY id LIMIT ?")));
    assert_false(hp__words_shuffles(HP_STR("SELECT rand FROM poster ORDER BY id, rand LIMIT ?")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_the_first_one_without_schema_and_quotes),
        cmocka_unit_test(table_joined_to_a_select_is_the_one_whose_columns_come_first),
        cmocka_unit_test(key_is_the_column_compared_first),
        cmocka_unit_test(reading_and_writing_are_told_apart),
        cmocka_unit_test(conditions_are_what_stands_after_where),
        cmocka_unit_test(counts_are_of_all_rows_together),
        cmocka_unit_test(few_rows_by_chance_are_ordered_by_a_random_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
