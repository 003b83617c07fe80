/* executions.c -- see executions.h. */
#include "serve/executions.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rank.h"

#define REQUESTS_MOST   24u /* of a route */
#define ROUTES_MOST     40u
#define EXECUTIONS_MOST (1u << 18)
#define SAMPLE_BYTES    ((size_t)256 << 20)

struct execution {
    uint64_t ns;
    uint32_t row;
};

struct collection {
    const struct hp_statement_row *rows;
    struct hp_map places;   /* statement and place of one route: index of its row */
    struct execution *list; /* owned */
    size_t count, capacity;
    hp_err err;
};

static uint64_t place_of(uint32_t statement, uint32_t site_sym, uint32_t site_line)
{
    return hp_hash_mix(hp_hash_mix(statement, site_sym), site_line);
}

static bool make_room(struct collection *c)
{
    size_t capacity = c->capacity == 0 ? 1024 : c->capacity * 2;
    struct execution *list = hp_realloc(c->list, capacity * sizeof *list);
    if (list == NULL) {
        c->err = HP_ENOMEM;
        return false;
    }
    c->list = list;
    c->capacity = capacity;
    return true;
}

static bool collect(void *ctx, const struct hp_record *record)
{
    struct collection *c = ctx;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        uint32_t row;
        if (!hp_map_get(&c->places, place_of(stmt->statement, stmt->site_sym, stmt->site_line), &row)) {
            continue;
        }
        if (c->count == EXECUTIONS_MOST || (c->count == c->capacity && !make_room(c))) {
            return false;
        }
        c->list[c->count++] = (struct execution){.ns = stmt->exec_ns + stmt->fetch_ns, .row = row};
    }
    return true;
}

/* The rows of one route, from the first of them on. */
static hp_err collect_route(struct collection *c, struct hp_question *question, uint32_t first,
                            uint32_t count)
{
    struct hp_arena arena;
    hp_err err = HP_OK;
    hp_map_clear(&c->places);
    for (uint32_t i = first; i < count && err == HP_OK; i++) {
        const struct hp_statement_row *row = &c->rows[i];
        if (row->route == c->rows[first].route) {
            err = hp_map_put(&c->places, place_of(row->statement, row->site_sym, row->site_line), i);
        }
    }
    if (err != HP_OK) {
        return hp_question_no_memory(question);
    }
    hp_arena_init(&arena, SAMPLE_BYTES);
    err = hp_store_sample(question->store, &question->scope, c->rows[first].route, REQUESTS_MOST, &arena,
                          collect, c, question->info);
    hp_arena_fini(&arena);
    return err == HP_OK && c->err != HP_OK ? hp_question_no_memory(question) : err;
}

static bool occurs_before(const struct hp_statement_row *rows, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (rows[i].route == rows[at].route) {
            return true;
        }
    }
    return false;
}

static int by_row(const void *a, const void *b)
{
    const struct execution *x = a, *y = b;
    if (x->row != y->row) {
        return x->row < y->row ? -1 : 1;
    }
    return (x->ns > y->ns) - (x->ns < y->ns);
}

static void rank(struct collection *c, struct hp_executions *out)
{
    if (c->count > 1) {
        qsort(c->list, c->count, sizeof *c->list, by_row);
    }
    for (size_t i = 0, n; i < c->count; i += n) {
        for (n = 1; i + n < c->count && c->list[i + n].row == c->list[i].row; n++) {
        }
        out[c->list[i].row] =
            (struct hp_executions){.p95_ns = c->list[i + hp_rank(0.95, n)].ns, .sampled = (uint32_t)n};
    }
}

hp_err hp_executions_read(struct hp_question *question, const struct hp_statement_row *rows, uint32_t count,
                          struct hp_executions *out)
{
    struct collection c = {.rows = rows};
    uint32_t routes = 0;
    hp_err err = HP_OK;
    memset(out, 0, count * sizeof *out);
    hp_map_init(&c.places, count);
    for (uint32_t i = 0; i < count && routes < ROUTES_MOST && err == HP_OK; i++) {
        if (!occurs_before(rows, i)) {
            err = collect_route(&c, question, i, count);
            routes++;
        }
    }
    if (err == HP_OK) {
        rank(&c, out);
    }
    hp_map_fini(&c.places);
    hp_free(c.list);
    return err;
}
