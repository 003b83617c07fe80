/* built.c -- see built.h. The same sums as orm_overhead's (build.c), of all statements of one request. */
#include "find/built.h"

#include <stdlib.h>
#include "find/find_int.h"

#define MAX_FUNCTIONS 256u

static int by_time(const void *a, const void *b)
{
    const struct hp_built *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns ? -1 : 1)
                          : (x->site_line > y->site_line) - (x->site_line < y->site_line);
}

struct sum {
    struct hp_built built;
    uint64_t most;
    uint32_t function;
};

static void add(struct sum *sum, const struct hp_record *record, const struct hp__build *build)
{
    const struct hp_stmt *stmt = &record->stmts[build->stmt];
    uint64_t rows = stmt->rows != HP_ABSENT ? stmt->rows : 0;
    if (sum->built.statements == 0 || rows > sum->most) {
        sum->most = rows;
        sum->built.site_sym = stmt->site_sym;
        sum->built.site_line = stmt->site_line;
        sum->built.via_sym = stmt->via_sym;
    }
    sum->built.ns += build->ns;
    sum->built.database_ns += build->database_ns;
    sum->built.rows += build->rows;
    sum->built.statements += build->statements;
}

static uint32_t sum_up(const struct hp__view *view, const struct hp_dict *dict, struct sum *sums)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < view->sample->record->stmt_count; i++) {
        uint32_t owner = hp__build_owner(view, i), at = 0;
        struct hp__build build = {0};
        if (owner != HP_NODE_NONE) {
            build = hp__build_of(view, dict, owner, true);
        }
        if (build.statements == 0 || build.ns == 0) {
            continue;
        }
        uint32_t function = view->sample->tree->nodes[owner].sym;
        while (at < count && sums[at].function != function) {
            at++;
        }
        if (at == count && count < MAX_FUNCTIONS) {
            sums[count++].function = function;
        }
        if (at < count) {
            add(&sums[at], view->sample->record, &build);
        }
    }
    return count;
}

bool hp_built_known(const struct hp_record *record, const struct hp_tree *tree)
{
    return tree != NULL && !(record->req.flags & HP_REQ_SAMPLED);
}

hp_err hp_built_of(const struct hp_record *record, const struct hp_tree *tree, const struct hp_dict *dict,
                   struct hp_arena *arena, struct hp_built **list, uint32_t *count)
{
    struct hp__facts facts;
    struct hp__view view;
    struct hp_sample sample = {.record = record, .tree = tree, .duration_ns = record->req.wall_ns};
    *list = NULL;
    *count = 0;
    if (record->stmt_count == 0 || !hp_built_known(record, tree)) {
        return HP_OK;
    }
    struct sum *sums = hp__zeroed(arena, MAX_FUNCTIONS, sizeof *sums);
    hp_err err = sums != NULL ? hp__facts_init(&facts, dict, arena) : HP_ENOMEM;
    err = err == HP_OK ? hp__view_init(&view, &sample, &facts, arena) : err;
    if (err != HP_OK) {
        return err;
    }
    uint32_t n = sum_up(&view, dict, sums);
    struct hp_built *built = hp__zeroed(arena, n, sizeof *built);
    if (built == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        built[i] = sums[i].built;
    }
    if (n != 0) {
        qsort(built, n, sizeof *built, by_time);
    }
    *list = built;
    *count = n;
    return HP_OK;
}
