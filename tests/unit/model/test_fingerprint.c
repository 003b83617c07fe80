/* test_fingerprint.c -- SQL folding: a table of texts by dialect, and that no literal ever comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/fingerprint.h"
#include "sweep_oom.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define ANY  HP_SQL_ANY
#define LITE HP_SQL_SQLITE
#define MY   HP_SQL_MYSQL
#define PG   HP_SQL_POSTGRESQL

static struct hp_buf fold(struct hp_str sql, enum hp_sql_dialect dialect, struct hp_sql_facts *facts)
{
    struct hp_buf out;
    hp_buf_init(&out, 1u << 20);
    assert_int_equal(hp_fingerprint(sql, dialect, &out, facts), HP_OK);
    return out;
}

static void assert_folds(const char *sql, enum hp_sql_dialect dialect, const char *want)
{
    struct hp_buf out = fold(hp_str_from0(sql), dialect, NULL);
    if (!hp_str_eq(hp_buf_str(&out), hp_str_from0(want))) {
        fail_msg("dialect %d: %s\n  gives %.*s\n  not   %s", (int)dialect, sql, (int)out.len,
                 out.len != 0 ? (const char *)out.data : "", want);
    }
    hp_buf_fini(&out);
}

struct pair {
    const char *sql;
    const char *want;
};

static void assert_all_fold(const struct pair *pairs, size_t n, enum hp_sql_dialect dialect)
{
    for (size_t i = 0; i < n; i++) {
        assert_folds(pairs[i].sql, dialect, pairs[i].want);
    }
}

/* --- tables --- */

/* The same in every dialect. */
static const struct pair COMMON[] = {
    {"", ""},
    {"  \n ", ""},
    {";", ""},
    {"SELECT 1", "SELECT ?"},
    {"SELECT 1;", "SELECT ?"},
    {"select  *\n\tfrom t\r\nwhere id=42", "select * from t where id=?"},
    {"SELECT a FROM t WHERE b = 'it''s' AND c = 2", "SELECT a FROM t WHERE b = ? AND c = ?"},
    {"SELECT -1, +2, - 3, a-1, a -1, (-1)", "SELECT ?, ?, ?, a-?, a -?, (?)"},
    {"SELECT 1.5, .5, 5., 1e-5, 1E+5, 1e5, 0xFF, 0b101, 1_000", "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"},
    {"SELECT x'ff', X'FF', b'01', N'n'", "SELECT ?, ?, ?, ?"},
    {"SELECT NULL, TRUE, false FROM t", "SELECT NULL, TRUE, false FROM t"},
    {"SELECT t1.c2 FROM t1", "SELECT t1.c2 FROM t1"},
    {"SELECT * FROM t LIMIT 5 OFFSET 10", "SELECT * FROM t LIMIT ? OFFSET ?"},
    {"SELECT /* hidden */ a /*!40001 SQL_NO_CACHE */ FROM t -- end", "SELECT a FROM t"},
    {"SELECT/**/1", "SELECT ?"},
    {"SELECT a -- one\nFROM t", "SELECT a FROM t"},
    {"SELECT * FROM t WHERE id IN (1)", "SELECT * FROM t WHERE id IN (?+)"},
    {"SELECT * FROM t WHERE id IN(1,2 , 3)", "SELECT * FROM t WHERE id IN (?+)"},
    {"SELECT * FROM t WHERE id NOT IN (-1, NULL, 'x')", "SELECT * FROM t WHERE id NOT IN (?+)"},
    {"SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4))", "SELECT * FROM t WHERE (a, b) IN (?+)"},
    {"SELECT * FROM t WHERE id IN (SELECT a FROM u WHERE b IN (1, 2))",
     "SELECT * FROM t WHERE id IN (SELECT a FROM u WHERE b IN (?+))"},
    {"SELECT * FROM t WHERE id IN (1, a)", "SELECT * FROM t WHERE id IN (?, a)"},
    {"SELECT * FROM t WHERE id IN (lower('A'), cast('1' as integer))", "SELECT * FROM t WHERE id IN (?+)"},
    {"SELECT * FROM t WHERE id IN ()", "SELECT * FROM t WHERE id IN ()"},
    {"INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES (?+)"},
    {"INSERT INTO t VALUES (1, 'x'), (2, 'y'),(3,now())", "INSERT INTO t VALUES (?+)"},
    {"INSERT INTO t VALUES (1), (2) ON CONFLICT (a) DO NOTHING",
     "INSERT INTO t VALUES (?+) ON CONFLICT (a) DO NOTHING"},
    {"INSERT INTO t VALUES (DEFAULT, CURRENT_TIMESTAMP)", "INSERT INTO t VALUES (?+)"},
    {"INSERT INTO t VALUES (1, a)", "INSERT INTO t VALUES (?, a)"},
    {"UPDATE t SET a = a + 1, b = 'x' WHERE c BETWEEN 1 AND -2",
     "UPDATE t SET a = a + ?, b = ? WHERE c BETWEEN ? AND ?"},
    {"SELECT CASE WHEN a THEN 1 ELSE -1 END", "SELECT CASE WHEN a THEN ? ELSE ? END"},
    {"SELECT DATE '2020-01-01', INTERVAL '1 day'", "SELECT DATE ?, INTERVAL ?"},
    {"SELECT `a b` FROM `t``u`", "SELECT `a b` FROM `t``u`"},
    {"SELECT t.key FROM t WHERE t.values (1)", "SELECT t.key FROM t WHERE t.values (?)"},
    {"BEGIN; SELECT 1;SELECT 2", "BEGIN; SELECT ?;SELECT ?"},
    {"SELECT 'open", "SELECT ?"},
    {"SELECT 1 /* open secret", "SELECT ? ?"},
    {"SELECT `open secret", "SELECT ?"},
    {"SELECT h\xC3\xA9 FROM t\xC3\xBC WHERE x = '\xC3\xA9'", "SELECT h\xC3\xA9 FROM t\xC3\xBC WHERE x = ?"},
    {"SELECT a FROM t WHERE a LIKE 'x%' ESCAPE '/' AND b = 'y'",
     "SELECT a FROM t WHERE a LIKE ? ESCAPE ? AND b = ?"},
};

static const struct pair POSTGRESQL[] = {
    {"SELECT \"user\".\"Id\" FROM \"user\" WHERE \"a\" = 'x'",
     "SELECT \"user\".\"Id\" FROM \"user\" WHERE \"a\" = ?"},
    {"SELECT $1, $2::int", "SELECT ?, ?::int"},
    {"SELECT %s, %(name)s, %(a__1)s::VARCHAR", "SELECT ?, ?, ?::VARCHAR"},
    {"SELECT :id, :name_1", "SELECT ?, ?"},
    {"SELECT '1'::int, a::text", "SELECT ?::int, a::text"},
    {"SELECT $$it's$$, $fn$a $$ b$fn$", "SELECT ?, ?"},
    {"SELECT $fn$open $f$", "SELECT ?"},
    {"SELECT E'a\\'b', e'\\\\', 'c'", "SELECT ?, ?, ?"},
    {"SELECT U&'d\\0061t'", "SELECT U&?"},
    {"SELECT 'a\\' secret '", "SELECT ?"},
    {"SELECT a LIKE 'x' ESCAPE '\\' AND b = 'y'", "SELECT a LIKE ? ESCAPE ? AND b = ?"},
    {"SELECT data ? 'k', data ?| array['a','b'], data ?& x", "SELECT data ? ?, data ?| array[?+], data ?& x"},
    {"SELECT data #>> '{a,b}', a # 3, data ->> 'k', data @> '{}'",
     "SELECT data #>> ?, a # ?, data ->> ?, data @> ?"},
    {"SELECT /* a /* b */ secret */ 1", "SELECT ?"},
    {"SELECT * FROM t WHERE id = ANY(ARRAY[1,2,3])", "SELECT * FROM t WHERE id = ANY(ARRAY[?+])"},
    {"SELECT * FROM t WHERE id IN (%(id_1)s::INTEGER, %(id_2)s::INTEGER)",
     "SELECT * FROM t WHERE id IN (?+)"},
    {"SELECT * FROM t WHERE id IN ('a'::character varying(20), 'b'::int[])",
     "SELECT * FROM t WHERE id IN (?+)"},
    {"INSERT INTO t (a) SELECT p0::INT FROM (VALUES (%(a__0)s, 0), (%(a__1)s, 1)) AS s(p0, n)",
     "INSERT INTO t (a) SELECT p0::INT FROM (VALUES (?+)) AS s(p0, n)"},
    {"SELECT a[1], a[1:2]", "SELECT a[?], a[?:?]"},
    {"SELECT a %% 2, a % 3", "SELECT a %% ?, a % ?"},
    {"SELECT --1\n2", "SELECT ?"},
};

static const struct pair MYSQL[] = {
    {"SELECT \"x\", 'it\\'s', \"say \\\"hi\\\"\" FROM t", "SELECT ?, ?, ? FROM t"},
    {"SELECT a # secret\nFROM t", "SELECT a FROM t"},
    {"SELECT 5--5", "SELECT ?-?"},
    {"SELECT 5 -- 5\n", "SELECT ?"},
    {"SELECT _utf8mb4'x', _binary 'y'", "SELECT _utf8mb4?, _binary ?"},
    {"SELECT @a := 1, @@session.x", "SELECT @a := ?, @@session.x"},
    {"SELECT %s FROM t WHERE a IN %s", "SELECT ? FROM t WHERE a IN ?"},
    {"INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = \"x\"",
     "INSERT INTO t (a) VALUES (?+) ON DUPLICATE KEY UPDATE a = VALUES(a), b = ?"},
    {"INSERT INTO t VALUE (1, \"x\")", "INSERT INTO t VALUE (?+)"},
    {"SELECT * FROM t LIMIT 10, 20", "SELECT * FROM t LIMIT ?, ?"},
    {"SELECT /*+ BKA(t1) */ a FROM t", "SELECT a FROM t"},
    {"SELECT 'open\\'", "SELECT ?"},
    {"SELECT 12abc", "SELECT ?"},
};

static const struct pair SQLITE[] = {
    {"SELECT [a b], \"c\" FROM \"t\" WHERE \"d\" = ?", "SELECT [a b], \"c\" FROM \"t\" WHERE \"d\" = ?"},
    {"SELECT ?1, :a, @b, $c", "SELECT ?, ?, ?, ?"},
    {"SELECT a FROM t WHERE b = \"x\"", "SELECT a FROM t WHERE b = ?"},
    {"SELECT a FROM t WHERE \"b\" LIKE \"x%\"", "SELECT a FROM t WHERE \"b\" LIKE ?"},
    {"SELECT a FROM t WHERE b = \"t\".\"c\"", "SELECT a FROM t WHERE b = \"t\".\"c\""},
    {"SELECT a FROM t WHERE b BETWEEN \"x\" AND \"y\"", "SELECT a FROM t WHERE b BETWEEN ? AND ?"},
    {"SELECT coalesce(a, \"x\") FROM t", "SELECT coalesce(a, ?) FROM t"},
    {"INSERT INTO \"t\" (\"a\", \"b\") VALUES (\"x\", ?)", "INSERT INTO \"t\" (\"a\", \"b\") VALUES (?+)"},
    {"UPDATE \"t\" SET \"a\" = \"x\", \"b\" = 1", "UPDATE \"t\" SET \"a\" = ?, \"b\" = ?"},
    {"CREATE TABLE \"t\" (\"a\" TEXT DEFAULT \"x\")", "CREATE TABLE \"t\" (\"a\" TEXT DEFAULT ?)"},
    {"SELECT 'a\\', 'b'", "SELECT ?, ?"},
    {"SELECT a LIKE ? ESCAPE '\\' AND b", "SELECT a LIKE ? ESCAPE ? AND b"},
    {"SELECT a %s, b FROM t", "SELECT a %s, b FROM t"},
    {"PRAGMA key = \"x\"", "PRAGMA key = ?"},
    {"ATTACH \"f\" AS db KEY \"x\"", "ATTACH ? AS db KEY ?"},
    {"SELECT a FROM t WHERE b IS NOT DISTINCT FROM \"x\"", "SELECT a FROM t WHERE b IS NOT DISTINCT FROM ?"},
    {"SELECT trim(a FROM \"x\")", "SELECT trim(a FROM ?)"},
    {"SELECT [a b-c], [9], x", "SELECT [a b-c], ?, x"},
    {"SELECT [it's], 'secret' FROM t", "SELECT ?"},
    {"SELECT [open secret", "SELECT ?"},
};

static const struct pair UNKNOWN[] = {
    {"SELECT \"t\".\"a\" FROM \"t\" AS \"u\"", "SELECT \"t\".\"a\" FROM \"t\" AS \"u\""},
    {"SELECT \"a\" FROM t WHERE \"b\" = c", "SELECT ? FROM t WHERE ? = c"},
    {"SELECT 'a\\'b secret'", "SELECT ?"},
    {"SELECT 'a\\\\', b", "SELECT ?, b"},
    {"SELECT [a b], x[1], ARRAY['a', 'b']", "SELECT [a b], x[?], ARRAY[?+]"},
    {"SELECT a /* b /* c */ secret */", "SELECT a ?"},
    {"SELECT x[a-5], x[y[1]], [it's], 'secret'", "SELECT x[a-?], x[y[?]], ?"},
    {"SELECT a # secret\n, b #>> 'c'", "SELECT a , b #>> ?"},
    {"ALTER USER u IDENTIFIED BY \"pw\"", "ALTER USER u IDENTIFIED BY ?"},
    {"CREATE TABLE t (a INT COMMENT \"x\")", "CREATE TABLE t (a INT COMMENT ?)"},
    {"SELECT %s, :a, $1, $$x$$", "SELECT ?, ?, ?, ?"},
};

static void every_dialect_folds_common_text_alike(void **state)
{
    (void)state;
    for (int dialect = ANY; dialect <= PG; dialect++) {
        assert_all_fold(COMMON, COUNT_OF(COMMON), (enum hp_sql_dialect)dialect);
    }
}

static void postgresql_text_folds(void **state)
{
    (void)state;
    assert_all_fold(POSTGRESQL, COUNT_OF(POSTGRESQL), PG);
}

static void mysql_text_folds(void **state)
{
    (void)state;
    assert_all_fold(MYSQL, COUNT_OF(MYSQL), MY);
}

static void sqlite_text_folds(void **state)
{
    (void)state;
    assert_all_fold(SQLITE, COUNT_OF(SQLITE), LITE);
}

static void text_of_unknown_dialect_folds_to_the_safe_side(void **state)
{
    (void)state;
    assert_all_fold(UNKNOWN, COUNT_OF(UNKNOWN), ANY);
}

/* --- secrets --- */

#define CANARY "7zcanary" /* as a number and as text */

/* Forms of a literal, by dialects (bits) in which it is one. */
static const struct {
    const char *text;
    unsigned dialects;
} LITERALS[] = {
    {"'" CANARY "'", 0xF},
    {"'a''" CANARY "'", 0xF},
    {"N'" CANARY "'", 0xF},
    {"x'" CANARY "'", 0xF},
    {"'" CANARY, 0xF},
    {"'" CANARY "''", 0xF},
    {CANARY, 0xF},
    {"-" CANARY, 0xF},
    {"1." CANARY, 0xF},
    {"0x" CANARY, 0xF},
    {"1e-" CANARY, 0xF},
    {"'\n--' || '" CANARY "'", 0xF},
    {"'/*' || '" CANARY "' || '*/'", 0xF},
    {"'a\\' " CANARY " '", 1u << PG | 1u << ANY | 1u << MY},
    {"'a\\\\\\' " CANARY " '", 1u << PG | 1u << ANY | 1u << MY},
    {"E'\\'" CANARY "'", 1u << PG | 1u << ANY},
    {"$$" CANARY "$$", 1u << PG | 1u << ANY | 1u << MY},
    {"$t$ $$ " CANARY "$t$", 1u << PG | 1u << ANY | 1u << MY},
    {"$t$ " CANARY, 1u << PG | 1u << ANY | 1u << MY},
    {"\"" CANARY "\"", 1u << MY},
    {"\"a\\\"" CANARY "\"", 1u << MY},
    {"/* /* */ " CANARY " */ 1", 1u << PG | 1u << ANY},
};

static const char *const FRAMES[] = {
    "SELECT %s",
    "SELECT a, %s, b FROM t",
    "SELECT * FROM t WHERE a = %s AND b",
    "SELECT * FROM t WHERE a IN (%s)",
    "SELECT * FROM t WHERE a IN (1, %s, (SELECT 2))",
    "SELECT * FROM t WHERE a NOT IN (b, %s)",
    "INSERT INTO t (a, b) VALUES (1, %s), (2, 3)",
    "INSERT INTO t VALUES (%s, c)",
    "UPDATE t SET a = %s, b = 2 WHERE c = -%s",
    "SELECT f(%s, g(%s)) LIMIT %s",
    "SELECT CASE a WHEN %s THEN %s ELSE %s END",
    "CREATE TABLE t (a TEXT DEFAULT %s)",
    "SELECT a::text[%s], ARRAY[%s, ARRAY[%s, b]]",
    "%s",
    "SET x = %s; SELECT %s",
    "SELECT -- '\n %s",
};

static void expand(const char *frame, const char *literal, struct hp_buf *sql)
{
    for (; *frame != '\0'; frame++) {
        if (frame[0] == '%' && frame[1] == 's') {
            hp_buf_put_text(sql, hp_str_from0(literal));
            frame++;
        } else {
            hp_buf_put_u8(sql, (uint8_t)*frame);
        }
    }
}

static void assert_no_canary(struct hp_str sql, enum hp_sql_dialect dialect, const char *canary)
{
    struct hp_buf out = fold(sql, dialect, NULL);
    if (out.len != 0 && memmem(out.data, out.len, canary, strlen(canary)) != NULL) {
        fail_msg("dialect %d: %.*s\n  leaks in %.*s", (int)dialect, (int)sql.n, sql.p, (int)out.len,
                 (const char *)out.data);
    }
    hp_buf_fini(&out);
}

static void no_literal_survives_in_any_place(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t frame = 0; frame < COUNT_OF(FRAMES); frame++) {
        for (size_t i = 0; i < COUNT_OF(LITERALS); i++) {
            struct hp_buf sql;
            hp_buf_init(&sql, 1u << 16);
            expand(FRAMES[frame], LITERALS[i].text, &sql);
            for (int dialect = ANY; dialect <= PG; dialect++) {
                if (LITERALS[i].dialects & (1u << dialect)) {
                    assert_no_canary(hp_buf_str(&sql), (enum hp_sql_dialect)dialect, "canary");
                    tried++;
                }
            }
            hp_buf_fini(&sql);
        }
    }
    assert_true(tried > 1000);
}

/* "x" as a string in SQLite and in text of an unknown dialect, where it is a value. */
static void double_quoted_strings_do_not_survive_as_values(void **state)
{
    (void)state;
    static const char *const VALUE_FRAMES[] = {
        "SELECT * FROM t WHERE a = %s",
        "SELECT * FROM t WHERE a <> %s OR b LIKE %s",
        "SELECT * FROM t WHERE a IN (%s, 1)",
        "SELECT * FROM t WHERE a IN (b, %s)",
        "INSERT INTO t (a) VALUES (%s)",
        "INSERT INTO t (a) VALUES (b, %s)",
        "INSERT INTO t (a) SELECT %s",
        "UPDATE t SET a = %s, b = c || %s",
        "SELECT f(a, %s), g(%s)",
        "SELECT CASE WHEN a THEN %s ELSE %s END",
        "SELECT a BETWEEN %s AND %s FROM t",
        "SELECT (a, b) = (%s, %s) FROM t",
        "PRAGMA key = %s",
        "PRAGMA key(%s)",
        "CREATE TABLE t (a TEXT DEFAULT %s)",
        "CREATE TABLE t (a TEXT CHECK (a IN (%s)))",
        "SELECT a FROM t WHERE a MATCH %s LIMIT %s",
        "VACUUM INTO %s",
    };
    for (size_t i = 0; i < COUNT_OF(VALUE_FRAMES); i++) {
        struct hp_buf sql;
        hp_buf_init(&sql, 1u << 16);
        expand(VALUE_FRAMES[i], "\"canary\"", &sql);
        assert_no_canary(hp_buf_str(&sql), LITE, "canary");
        assert_no_canary(hp_buf_str(&sql), ANY, "canary");
        hp_buf_fini(&sql);
    }
    assert_no_canary(HP_STR("SELECT \"canary\", a FROM t"), ANY, "canary");
    assert_no_canary(HP_STR("SELECT a, \"canary\" FROM t WHERE \"canary\" = a"), ANY, "canary");
}

/* Random strings, numbers and comments in random order: digits occur in literals only, so no digit comes
 * out. */
static void no_digit_survives_in_random_text(void **state)
{
    (void)state;
    static const char *const PIECES[] = {
        "SELECT ",  " IN (",
        ",",        ")",
        "(",        "'9'",
        "'9''9'",   " 9",
        "-9",       " a ",
        "VALUES(",  "--9\n",
        "/*9*/",    "ARRAY[",
        "]",        "::t",
        "'9",       "+",
        "FROM ",    ";",
        ".",        " = ",
        "/* 9 /* ", " */ ",
        " b",       "INSERT INTO ",
        "N'9'",     "x'9'",
        "E'\\'9'",  " $$9$$",
        " $t$9$t$", " ESCAPE '\\'",
        "'9\\' ",   "`n`",
        " 9.9e-9",  "%s",
    };
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("no_digit_survives", 5));
    for (int round = 0; round < 20000; round++) {
        struct hp_buf sql;
        hp_buf_init(&sql, 1u << 16);
        for (uint64_t n = 1 + hp_rng_below(&rng, 12); n > 0; n--) {
            hp_buf_put_text(&sql, hp_str_from0(PIECES[hp_rng_below(&rng, COUNT_OF(PIECES))]));
        }
        assert_no_canary(hp_buf_str(&sql), PG, "9");
        assert_no_canary(hp_buf_str(&sql), ANY, "9");
        hp_buf_fini(&sql);
    }
}

/* --- sameness --- */

static uint64_t hash_of(const char *sql, enum hp_sql_dialect dialect)
{
    struct hp_sql_facts facts;
    struct hp_buf out = fold(hp_str_from0(sql), dialect, &facts);
    hp_buf_fini(&out);
    return facts.hash;
}

static void literals_and_list_lengths_do_not_change_the_hash(void **state)
{
    (void)state;
    for (int i = ANY; i <= PG; i++) {
        enum hp_sql_dialect dialect = (enum hp_sql_dialect)i;
        assert_int_equal(hash_of("SELECT a FROM t WHERE b = 1", dialect),
                         hash_of("SELECT a FROM t WHERE b = 'other'", dialect));
        assert_int_equal(hash_of("SELECT a FROM t WHERE b IN (1)", dialect),
                         hash_of("SELECT a FROM t WHERE b IN (1, 2, 3, 4)", dialect));
        assert_int_equal(hash_of("INSERT INTO t VALUES (?, ?)", dialect),
                         hash_of("INSERT INTO t VALUES (?, ?), (?, ?), (?, ?)", dialect));
        assert_int_equal(hash_of("SELECT 1 /* request 17 */", dialect), hash_of("SELECT -22.5 ;", dialect));
        assert_int_not_equal(hash_of("SELECT a FROM t", dialect), hash_of("SELECT b FROM t", dialect));
    }
}

static void hash_is_that_of_the_folded_text(void **state)
{
    (void)state;
    struct hp_sql_facts facts;
    struct hp_buf out;
    hp_buf_init(&out, 1u << 10);
    hp_buf_put_text(&out, HP_STR("before "));
    assert_int_equal(hp_fingerprint(HP_STR("SELECT 5"), ANY, &out, &facts), HP_OK);
    assert_true(hp_str_eq(hp_buf_str(&out), HP_STR("before SELECT ?")));
    assert_int_equal(facts.hash, hp_hash64("SELECT ?", 8, 0));
    hp_buf_fini(&out);
}

/* --- facts --- */

static void counts_are_of_the_largest_list(void **state)
{
    (void)state;
    struct hp_sql_facts facts;
    struct hp_buf out =
        fold(HP_STR("SELECT 1 FROM t WHERE a IN (1, 2) OR b IN (f(1, 2), ?, ?) OR c IN (3)"), ANY, &facts);
    assert_int_equal(facts.in_count, 3);
    assert_int_equal(facts.row_count, 0);
    assert_int_equal(facts.literal_count, 6);
    assert_false(facts.truncated);
    hp_buf_fini(&out);
    out = fold(HP_STR("INSERT INTO t VALUES (1, ?), (2, ?), (3, ?)"), ANY, &facts);
    assert_int_equal(facts.row_count, 3);
    assert_int_equal(facts.in_count, 0);
    assert_int_equal(facts.literal_count, 3);
    hp_buf_fini(&out);
}

static void verb_is_that_of_the_main_statement(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        enum hp_sql_verb verb;
    } cases[] = {
        {"select 1", HP_SQL_VERB_SELECT},
        {"(SELECT 1) UNION (SELECT 2)", HP_SQL_VERB_SELECT},
        {"/* c */ Insert into t values (1)", HP_SQL_VERB_INSERT},
        {"REPLACE INTO t VALUES (1)", HP_SQL_VERB_INSERT},
        {"UPDATE t SET a = 1", HP_SQL_VERB_UPDATE},
        {"DELETE FROM t", HP_SQL_VERB_DELETE},
        {"CREATE TABLE t (a)", HP_SQL_VERB_DDL},
        {"BEGIN", HP_SQL_VERB_TX},
        {"ROLLBACK TO SAVEPOINT a", HP_SQL_VERB_TX},
        {"PRAGMA x", HP_SQL_VERB_SETTING},
        {"SHOW TABLES", HP_SQL_VERB_SETTING},
        {"WITH a AS (SELECT 1), b(c) AS (DELETE FROM t) UPDATE t SET a = 1", HP_SQL_VERB_UPDATE},
        {"WITH a AS (INSERT INTO t VALUES (1)) SELECT 1", HP_SQL_VERB_SELECT},
        {"EXPLAIN SELECT 1", HP_SQL_VERB_OTHER},
        {"CALL select_all()", HP_SQL_VERB_OTHER},
        {"", HP_SQL_VERB_OTHER},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hp_sql_facts facts;
        struct hp_buf out = fold(hp_str_from0(cases[i].sql), ANY, &facts);
        if (facts.verb != cases[i].verb) {
            fail_msg("%s: verb %d", cases[i].sql, (int)facts.verb);
        }
        hp_buf_fini(&out);
    }
}

static void unclear_text_is_reported_as_truncated(void **state)
{
    (void)state;
    struct hp_sql_facts facts;
    struct hp_buf out = fold(HP_STR("SELECT 'a"), ANY, &facts);
    assert_true(facts.truncated);
    hp_buf_fini(&out);
}

/* --- size and time --- */

static struct hp_buf repeated(const char *head, const char *piece, size_t times, const char *tail)
{
    struct hp_buf sql;
    hp_buf_init(&sql, 1u << 26);
    hp_buf_put_text(&sql, hp_str_from0(head));
    for (size_t i = 0; i < times; i++) {
        hp_buf_put_text(&sql, hp_str_from0(piece));
    }
    hp_buf_put_text(&sql, hp_str_from0(tail));
    assert_int_equal(sql.err, HP_OK);
    return sql;
}

static void long_text_is_cut_at_the_cap(void **state)
{
    (void)state;
    struct hp_sql_facts facts;
    struct hp_buf sql = repeated("SELECT a", ", column_name", 5000, " FROM t");
    struct hp_buf out = fold(hp_buf_str(&sql), ANY, &facts);
    assert_true(facts.truncated);
    assert_in_range(out.len, HP_FINGERPRINT_MAX_BYTES - 16, HP_FINGERPRINT_MAX_BYTES);
    hp_buf_fini(&out);
    hp_buf_fini(&sql);
}

static void long_lists_fold_whole(void **state)
{
    (void)state;
    struct hp_sql_facts facts;
    struct hp_buf sql = repeated("SELECT a FROM t WHERE b IN (0", ", 12345", 99999, ") ORDER BY a");
    struct hp_buf out = fold(hp_buf_str(&sql), ANY, &facts);
    assert_true(hp_str_eq(hp_buf_str(&out), HP_STR("SELECT a FROM t WHERE b IN (?+) ORDER BY a")));
    assert_int_equal(facts.in_count, 100000);
    assert_false(facts.truncated);
    hp_buf_fini(&out);
    hp_buf_fini(&sql);
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Two megabytes of what could make a look-ahead or a nesting quadratic (which would take minutes). */
static void hostile_text_takes_linear_time(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "ARRAY[", "IN (", "VALUES (1),(", "VALUES (ARRAY[1,", "((((",   "/*", "'\\'",     "$a$", "$a ",
        "[a ",    "%(a",  "- ",           "- /**/",           "\"a\" ", "::", "x IN (1, "};
    double start = cpu_seconds();
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct hp_buf sql = repeated("SELECT ", pieces[i], (2u << 20) / strlen(pieces[i]), " x");
        for (int dialect = ANY; dialect <= PG; dialect++) {
            struct hp_buf out = fold(hp_buf_str(&sql), (enum hp_sql_dialect)dialect, NULL);
            assert_true(out.len <= HP_FINGERPRINT_MAX_BYTES);
            hp_buf_fini(&out);
        }
        hp_buf_fini(&sql);
    }
    assert_true(cpu_seconds() - start < 60);
}

static void random_bytes_are_taken(void **state)
{
    (void)state;
    static const char alphabet[] = "'\"`[]()$:%?,.;-/*#\\ \n@e9xINVALUES=\xC3\0";
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("random_bytes_are_taken", 4));
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)hp_rng_below(&rng, 40);
        char *text = hp_malloc(n); /* of exact size, for the address sanitizer */
        assert_non_null(text);
        for (size_t i = 0; i < n; i++) {
            text[i] = alphabet[hp_rng_below(&rng, sizeof alphabet)];
        }
        struct hp_buf out = fold(hp_str_make(text, n), (enum hp_sql_dialect)(round % 4), NULL);
        struct hp_str table;
        if (hp_fingerprint_table(hp_buf_str(&out), &table) == HP_OK) {
            assert_true(table.n > 0);
        }
        hp_buf_fini(&out);
        hp_free(text);
    }
}

/* --- failure --- */

static void fold_under_failure(void *arg)
{
    (void)arg;
    struct hp_buf out;
    hp_buf_init(&out, 1u << 20);
    struct hp_sql_facts facts = {.literal_count = 77};
    hp_err err =
        hp_fingerprint(HP_STR("SELECT a_rather_long_name_that_grows_the_buffer, 1 FROM a_table_with_a_name"),
                       ANY, &out, &facts);
    if (err != HP_OK) {
        assert_int_equal(err, HP_ENOMEM);
        assert_int_equal(out.len, 0);
        assert_int_equal(facts.literal_count, 77);
    }
    hp_buf_fini(&out);
}

static void survives_running_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(fold_under_failure, NULL);
}

static void full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    struct hp_buf out;
    hp_buf_init(&out, 10);
    hp_buf_put_text(&out, HP_STR("abc"));
    assert_int_equal(hp_fingerprint(HP_STR("SELECT a, b FROM t"), ANY, &out, NULL), HP_EFULL);
    assert_int_equal(out.len, 3);
    hp_buf_fini(&out);
}

/* --- titles --- */

static void first_table_is_found(void **state)
{
    (void)state;
    static const struct pair cases[] = {
        {"SELECT a FROM t WHERE x = ?", "t"},
        {"SELECT a FROM \"main\".\"my t\" AS u", "\"main\".\"my t\""},
        {"SELECT a FROM [t u]", "[t u]"},
        {"SELECT a FROM `db`.`t`,u", "`db`.`t`"},
        {"SELECT extract(year FROM d) FROM t", "t"},
        {"SELECT a FROM (SELECT b FROM u) AS s", "u"},
        {"SELECT a FROM generate_series(?, ?), t WHERE x IN (SELECT y FROM v)", "v"},
        {"INSERT INTO s.t (a) VALUES (?+)", "s.t"},
        {"INSERT INTO t SELECT a FROM u", "t"},
        {"UPDATE OR IGNORE t SET a = ?", "t"},
        {"UPDATE ONLY t SET a = ?", "t"},
        {"DELETE FROM t WHERE a = ?", "t"},
        {"WITH x AS (SELECT a FROM u) SELECT * FROM x", "u"},
        {"SELECT ?", NULL},
        {"BEGIN", NULL},
        {"", NULL},
        {"SELECT a FROM", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hp_str table = HP_STR("untouched");
        hp_err err = hp_fingerprint_table(hp_str_from0(cases[i].sql), &table);
        assert_int_equal(err, cases[i].want != NULL ? HP_OK : HP_ENOTFOUND);
        struct hp_str want = hp_str_from0(cases[i].want != NULL ? cases[i].want : "untouched");
        if (!hp_str_eq(table, want)) {
            fail_msg("%s: %.*s", cases[i].sql, (int)table.n, table.p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_folds_common_text_alike),
        cmocka_unit_test(postgresql_text_folds),
        cmocka_unit_test(mysql_text_folds),
        cmocka_unit_test(sqlite_text_folds),
        cmocka_unit_test(text_of_unknown_dialect_folds_to_the_safe_side),
        cmocka_unit_test(no_literal_survives_in_any_place),
        cmocka_unit_test(double_quoted_strings_do_not_survive_as_values),
        cmocka_unit_test(no_digit_survives_in_random_text),
        cmocka_unit_test(literals_and_list_lengths_do_not_change_the_hash),
        cmocka_unit_test(hash_is_that_of_the_folded_text),
        cmocka_unit_test(counts_are_of_the_largest_list),
        cmocka_unit_test(verb_is_that_of_the_main_statement),
        cmocka_unit_test(unclear_text_is_reported_as_truncated),
        cmocka_unit_test(long_text_is_cut_at_the_cap),
        cmocka_unit_test(long_lists_fold_whole),
        cmocka_unit_test(hostile_text_takes_linear_time),
        cmocka_unit_test(random_bytes_are_taken),
        cmocka_unit_test(survives_running_out_of_memory),
        cmocka_unit_test(full_buffer_is_left_as_it_was),
        cmocka_unit_test(first_table_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
