/* test_plan_safe.c -- what is refused, why, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "find/plan_safe.h"

enum {
    ALL = 0,
    LITE = HP_ENGINE_SQLITE,
    MY = HP_ENGINE_MYSQL,
    MARIA = HP_ENGINE_MARIADB,
    PG = HP_ENGINE_POSTGRESQL
};

static bool is_safe(const char *sql, enum hp_engine engine, char why[160])
{
    struct hp_arena arena;
    struct hp_plan_safe safe;
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(hp_plan_safe(hp_str_from0(sql), engine, &arena, &safe), HP_OK);
    memcpy(why, safe.why, sizeof safe.why);
    hp_arena_fini(&arena);
    return safe.safe;
}

__attribute__((noinline)) static void check(const char *sql, int engine, const char *want)
{
    static const int engines[] = {LITE, MY, MARIA, PG};
    char why[160];
    for (size_t i = 0; i < 4; i++) {
        if (engine != ALL && engine != engines[i]) {
            continue;
        }
        bool safe = is_safe(sql, (enum hp_engine)engines[i], why);
        const char *expected = want != NULL ? want : "";
        if (safe != (want == NULL) || strstr(why, expected) == NULL) {
            fail_msg("%s (engine %d): \"%s\" instead of \"%s\"", sql, engines[i], why, expected);
        }
    }
}

static void selects_are_explained(void **state)
{
    static const char *const list[] = {
        "SELECT 1",
        "  select * from t where a = ? and b in (1, 2) -- x",
        "SELECT * FROM t;",
        "(SELECT 1) UNION (SELECT 2)",
        "WITH x AS (SELECT 1 AS a) SELECT * FROM x",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
        "SELECT t.update, t.delete FROM t",
        "SELECT replace(a, 'x', 'y'), 'INTO', 'FOR UPDATE; DROP TABLE t' FROM t",
        "SELECT substring(a FROM 1 FOR 3) FROM t",
        "SELECT count(*) FROM t WHERE created > now()",
        "SELECT a /* DELETE FROM t */ FROM t",
        "SELECT updated_at, deleted, inserted FROM t"};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        check(list[i], ALL, NULL);
    }
    check("SELECT \"update\", \"into\" FROM t", PG, NULL);
    check("SELECT `delete` FROM t", MY, NULL);
    check("SELECT INSERT(a, 1, 2, 'x') FROM t", MY, NULL);
    check("SELECT pg_typeof(a), pg_size_pretty(5) FROM t", PG, NULL);
}

static void what_writes_or_locks_is_refused(void **state)
{
    static const struct {
        const char *sql;
        int engine;
        const char *why;
    } list[] = {
        {"", ALL, "no statement"},
        {"-- nothing", ALL, "no statement"},
        {"INSERT INTO t VALUES (1)", ALL, "INSERT: only a SELECT"},
        {"UPDATE t SET a = 1", ALL, "UPDATE: only a SELECT"},
        {"DELETE FROM t", ALL, "DELETE: only a SELECT"},
        {"EXPLAIN SELECT 1", ALL, "EXPLAIN: only a SELECT"},
        {"TRUNCATE t", ALL, "only a SELECT"},
        {"CALL p()", ALL, "only a SELECT"},
        {"SELECT 1; DELETE FROM t", ALL, "more than one statement"},
        {"SELECT 1;;", ALL, "more than one statement"},
        {"SELECT * INTO copy FROM t", ALL, "INTO"},
        {"SELECT a INTO OUTFILE '/tmp/x' FROM t", ALL, "INTO"},
        {"SELECT a FROM t INTO @v", MY, "INTO"},
        {"SELECT * FROM t FOR UPDATE", ALL, "locks rows"},
        {"SELECT * FROM t FOR NO KEY UPDATE", ALL, "locks rows"},
        {"SELECT * FROM t FOR SHARE", ALL, "locks rows"},
        {"SELECT * FROM t FOR KEY SHARE", ALL, "locks rows"},
        {"SELECT * FROM t LOCK IN SHARE MODE", ALL, "locks rows"},
        {"SELECT * FROM t FOR/**/UPDATE", ALL, "locks rows"},
        {"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", ALL, "DELETE"},
        {"WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", ALL, "INSERT"},
        {"WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM x", ALL, "UPDATE"},
        {"WITH x AS (SELECT 1) DELETE FROM t", ALL, "DELETE"},
        {"WITH x AS (SELECT 1) MERGE INTO t USING x ON true WHEN MATCHED THEN DO NOTHING", ALL, "MERGE"},
        {"SELECT nextval('s')", ALL, "nextval() takes a number"},
        {"SELECT setval('s', 1)", ALL, "setval()"},
        {"SELECT NEXT VALUE FOR s", ALL, "number of a sequence"},
        {"SELECT \"nextval\"('s')", PG, "nextval()"},
        {"SELECT pg_advisory_lock(1)", ALL, "administration"},
        {"SELECT pg_sleep(100)", ALL, "administration"},
        {"SELECT pg_catalog.pg_terminate_backend(1)", PG, "administration"},
        {"SELECT lo_import('/etc/passwd')", ALL, "large objects"},
        {"SELECT * FROM dblink('x', 'DELETE FROM t')", ALL, "elsewhere"},
        {"SELECT set_config('a', 'b', false)", ALL, "setting"},
        {"SELECT query_to_xml('DELETE FROM t', true, true, '')", ALL, "another statement"},
        {"SELECT get_lock('a', 10)", ALL, "lock"},
        {"SELECT SLEEP(100)", ALL, "waits"},
        {"SELECT sleep (100)", ALL, "waits"},
        {"SELECT BENCHMARK(1000000000, SHA1('x'))", ALL, "busy"},
        {"SELECT LOAD_FILE('/etc/passwd')", ALL, "reads a file"},
        {"SELECT load_extension('x')", ALL, "loads code"},
        {"SELECT writefile('x', 'y')", ALL, "writes a file"},
        {"SELECT @a := 1", MY, "variable"},
        {"SELECT /*! SQL_NO_CACHE */ 1; ", MY, "comment"},
        {"SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", MARIA, "comment"},
        {"SELECT 1 /*M! INTO OUTFILE '/tmp/x' */", MARIA, "comment"},
        {"SELECT 'it\\'s' FROM t", MY, "certainty"},
        {"SELECT 'a\\'; DELETE FROM t; --'", PG, "certainty"},
        {"SELECT 'open FROM t", ALL, "certainty"},
        {"SELECT 1 /* open", ALL, "certainty"},
        {"SELECT * FROM t PROCEDURE ANALYSE()", ALL, "procedure"},
        {"PRAGMA journal_mode = delete", ALL, "PRAGMA"},
        {"ATTACH 'x' AS y", ALL, "ATTACH"},
        {"VALUES (1)", ALL, "only a SELECT"},
        {"DO sleep(5)", ALL, "only a SELECT"}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        check(list[i].sql, list[i].engine, list[i].why);
    }
}

static void a_nul_is_refused(void **state)
{
    struct hp_arena arena;
    struct hp_plan_safe safe;
    (void)state;
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(hp_plan_safe(hp_str_make("SELECT 1\0; DELETE", 17), HP_ENGINE_SQLITE, &arena, &safe),
                     HP_OK);
    assert_false(safe.safe);
    hp_arena_fini(&arena);
}

static void called_functions_are_listed_once(void **state)
{
    struct hp_arena arena;
    struct hp_plan_safe safe;
    (void)state;
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(hp_plan_safe(HP_STR("SELECT f(a), F(b), \"G\"(c) FROM t WHERE x IN (1) AND (a) = (b)"),
                                  HP_ENGINE_POSTGRESQL, &arena, &safe),
                     HP_OK);
    assert_true(safe.safe);
    assert_int_equal(safe.function_count, 2);
    assert_true(hp_str_eq(safe.functions[0], HP_STR("f")) && hp_str_eq(safe.functions[1], HP_STR("G")));
    hp_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects_are_explained),
        cmocka_unit_test(what_writes_or_locks_is_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(called_functions_are_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
