/* fingerprint.h -- SQL text with its literals folded: what makes two statements "the same query".
 *
 * Why: findings group thousands of statements by their shape, and no literal may reach the store (promise: no
 * secrets). `SELECT * FROM t WHERE id IN (1, 2) -- x` becomes `SELECT * FROM t WHERE id IN (?+)`:
 *
 *     numbers with their sign, strings, hex, bits, placeholders   →  ?
 *     IN (…), VALUES (…), (…), ARRAY[…] of constants              →  IN (?+), VALUES (?+), ARRAY[?+]
 *     comments, hints, runs of white space                        →  one space; a closing semicolon goes
 *     words, NULL, TRUE, FALSE, quoted identifiers, operators     →  as written
 *
 * Where the text could be read in two ways (an unterminated string, a backslash before a quote where the
 * dialect does not say what it means, a comment within a comment) the rest becomes one `?`.
 *
 * "x" is a string in MySQL and a name in PostgreSQL. SQLite takes it as a name and, where there is none, as a
 * string; so there it is kept only where SQL takes a name (after FROM, AS, a dot, in a select list, left of a
 * comparison …) and is folded elsewhere. HP_SQL_ANY does the same but folds also in select lists and left of
 * comparisons. Limits: a misused "string" in a name's place of an SQLite statement looks like a name and is
 * kept; server modes that change what quotes and backslashes mean (NO_BACKSLASH_ESCAPES in MySQL) are not
 * known here.
 */
#ifndef HP_FINGERPRINT_H
#define HP_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "hotplate/err.h"

/* Most bytes of folded text; a longer one is cut between two tokens. */
#define HP_FINGERPRINT_MAX_BYTES 16384

enum hp_sql_dialect {
    HP_SQL_ANY, /* not known: whatever could be a literal is one */
    HP_SQL_SQLITE,
    HP_SQL_MYSQL,
    HP_SQL_POSTGRESQL,
};

/* The dialect that a database speaks (enum hp_engine of model/dict.h); HP_SQL_ANY of one that is not known.
 * Threads: any. */
enum hp_sql_dialect hp_fingerprint_dialect(unsigned engine);

/* What a statement does, by its first word (after WITH: by the main statement's). */
enum hp_sql_verb {
    HP_SQL_VERB_OTHER,
    HP_SQL_VERB_SELECT, /* also VALUES and TABLE */
    HP_SQL_VERB_INSERT, /* also REPLACE */
    HP_SQL_VERB_UPDATE,
    HP_SQL_VERB_DELETE,
    HP_SQL_VERB_DDL,     /* CREATE, ALTER, DROP, TRUNCATE, RENAME, REINDEX */
    HP_SQL_VERB_TX,      /* BEGIN, START, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, END, ABORT */
    HP_SQL_VERB_SETTING, /* PRAGMA, SET, RESET, SHOW */
};

struct hp_sql_facts {
    uint64_t hash; /* hp_hash64 of the folded text, seed 0 */
    enum hp_sql_verb verb;
    uint32_t in_count;      /* elements of the largest folded IN list or array */
    uint32_t row_count;     /* rows of the largest folded VALUES list */
    uint32_t literal_count; /* constants written into the text; placeholders are not counted */
    bool truncated;         /* cut at the cap, or the rest was folded because it is unclear */
};

/* Append the folded text of `sql` to `out` and fill `facts` (may be NULL). Time is linear in the length of
 * `sql`, which is not trusted and may be any bytes. Owns: nothing. Threads: any (one writer of `out`). Fails:
 * HP_ENOMEM, HP_EFULL by the cap of `out`; `out` then has its old length and the error, `facts` is
 * untouched. */
hp_err hp_fingerprint(struct hp_str sql, enum hp_sql_dialect dialect, struct hp_buf *out,
                      struct hp_sql_facts *facts) HP_CHECK;

/* The first table of a folded text, for titles: the name, with its schema and quotes, after FROM, INTO or
 * UPDATE.
 * `*table` is borrowed from `folded`. Threads: any. Fails: HP_ENOTFOUND. */
hp_err hp_fingerprint_table(struct hp_str folded, struct hp_str *table) HP_CHECK;

#endif
