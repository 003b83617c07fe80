/* statement.c -- see statement.h. */
#include "cli/statement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/input.h"
#include "cli/quantity.h"
#include "format/member.h"

#define MOST_TYPED   ((size_t)1 << 20)
#define LEAST_DIGITS 4u

char *hp_statement_id(char id[HP_STATEMENT_ID_BYTES], struct hp_str text)
{
    return hp_member_statement_id(id, text);
}

static bool is_id(const char *word)
{
    size_t n = strlen(word);
    return n >= LEAST_DIGITS && n < HP_STATEMENT_ID_BYTES && strspn(word, "0123456789abcdef") == n;
}

static bool is_request(const char *word)
{
    return strncmp(word, "req:", 4) == 0;
}

bool hp_statement_needs_store(char *const *words, int count)
{
    return count != 0 && (is_request(words[0]) || is_id(words[0]));
}

/* ---- by id ---- */

struct search {
    const struct hp_dict *dict;
    const char *prefix;
    uint32_t found;
    bool several;
    uint64_t executions, rows;
};

static bool match(void *ctx, const struct hp_statement_row *row)
{
    struct search *search = ctx;
    char id[HP_STATEMENT_ID_BYTES];
    hp_statement_id(id, hp_dict_statement(search->dict, row->statement).text);
    if (strncmp(id, search->prefix, strlen(search->prefix)) != 0) {
        return true;
    }
    if (search->found != 0 && !hp_str_eq(hp_dict_statement(search->dict, search->found).text,
                                         hp_dict_statement(search->dict, row->statement).text)) {
        search->several = true;
        return false;
    }
    search->found = row->statement;
    if (row->rows != HP_ABSENT) {
        search->executions += row->executions;
        search->rows += row->rows;
    }
    return true;
}

static hp_err find_by_id(struct hp_reading *reading, const char *word, struct hp_statement_target *target,
                         struct hp_errinfo *info)
{
    struct search search = {.dict = hp_store_dict(reading->store), .prefix = word};
    hp_err err = hp_store_statements(reading->store, &reading->scope, match, &search, info);
    if (err != HP_OK) {
        return err;
    }
    if (search.several) {
        return hp_err_set(info, HP_EINVAL, 0, "%s: several statements begin so; give more digits", word);
    }
    if (search.found == 0) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "no statement %s in scope (hotplate sql lists them)", word);
    }
    target->statement = hp_dict_statement(search.dict, search.found);
    target->stored = true;
    target->returned = search.executions != 0 ? (double)search.rows / (double)search.executions : -1;
    return HP_OK;
}

/* ---- by request and number ---- */

static hp_err find_in_request(struct hp_reading *reading, char *const *words, int count,
                              struct hp_arena *arena, struct hp_statement_target *target,
                              struct hp_errinfo *info)
{
    uint64_t id, number = 1;
    struct hp_record record;
    if (!hp_input_request_id(hp_str_from0(words[0]), &id)) {
        return hp_err_set(info, HP_EINVAL, 0, "%.60s: not a request's id", words[0]);
    }
    if (count > 1 && (!hp_quantity_count(words[1], UINT32_MAX, &number) || number == 0)) {
        return hp_err_set(info, HP_EINVAL, 0, "%.60s: not the number of an execution", words[1]);
    }
    hp_err err = hp_store_request(reading->store, id, arena, &record, info);
    if (err != HP_OK) {
        return err;
    }
    if (number > record.stmt_count) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "the request has %u recorded executions", record.stmt_count);
    }
    const struct hp_stmt *stmt = &record.stmts[number - 1];
    target->statement = hp_dict_statement(hp_store_dict(reading->store), stmt->statement);
    target->stored = true;
    target->returned = stmt->rows != HP_ABSENT ? (double)stmt->rows : -1;
    return HP_OK;
}

/* ---- typed ---- */

static hp_err read_stdin(struct hp_arena *arena, struct hp_str *text, struct hp_errinfo *info)
{
    struct hp_buf bytes;
    char piece[8192];
    ssize_t n;
    hp_buf_init(&bytes, MOST_TYPED);
    while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
        hp_buf_put(&bytes, piece, n > 0 ? (size_t)n : 0);
    }
    hp_err err = n < 0 ? HP_EIO : bytes.err;
    char *copy =
        err == HP_OK ? hp_arena_dup(arena, bytes.data != NULL ? (char *)bytes.data : "", bytes.len) : NULL;
    if (err == HP_OK && copy == NULL) {
        err = HP_ENOMEM;
    }
    *text = copy != NULL ? hp_str_make(copy, bytes.len) : (struct hp_str){NULL, 0};
    hp_buf_fini(&bytes);
    return err == HP_OK ? HP_OK : hp_err_set(info, err, 0, "stdin: %s", hp_err_text(err));
}

hp_err hp_statement_find(struct hp_reading *reading, char *const *words, int count, struct hp_arena *arena,
                         struct hp_statement_target *target, struct hp_errinfo *info)
{
    *target = (struct hp_statement_target){.returned = -1};
    if (is_request(words[0])) {
        return find_in_request(reading, words, count, arena, target, info);
    }
    if (count > 1) {
        return hp_err_set(info, HP_EINVAL, 0, "too many words; quote the statement");
    }
    if (is_id(words[0])) {
        return find_by_id(reading, words[0], target, info);
    }
    if (strcmp(words[0], "-") == 0) {
        return read_stdin(arena, &target->statement.text, info);
    }
    target->statement.text = hp_str_from0(words[0]);
    return HP_OK;
}
