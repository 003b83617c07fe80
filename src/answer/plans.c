/* plans.c -- see plans.h. */
#include "answer/plans.h"

#include <string.h>
#include "find/plan.h"

#define MOST_STATEMENTS 256u
#define WORTH_NS        1000000u

/* The different statements of the samples that took long enough. */
static uint32_t collect(const struct hp_case *c, uint32_t *list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        const struct hp_record *record = c->samples[i].record;
        for (uint32_t k = 0; k < record->stmt_count && count < MOST_STATEMENTS; k++) {
            const struct hp_stmt *stmt = &record->stmts[k];
            uint32_t at = 0;
            while (at < count && list[at] != stmt->statement) {
                at++;
            }
            if (at == count && stmt->exec_ns + stmt->fetch_ns >= WORTH_NS) {
                list[count++] = stmt->statement;
            }
        }
    }
    return count;
}

static hp_err load_one(struct hp_case_plan *into, uint32_t statement, const struct hp_dict *dict,
                       struct hp_store *store, struct hp_arena *arena, struct hp_errinfo *info)
{
    struct hp_statement found = hp_dict_statement(dict, statement);
    struct hp_plan *plan = hp_arena_alloc(arena, sizeof *plan, _Alignof(struct hp_plan));
    struct hp_str text;
    uint64_t at_ns;
    if (plan == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp_store_get_plan(store, hp_store_plan_id(&found), &at_ns, &text, info);
    if (err != HP_OK) {
        return err;
    }
    err = hp_plan_read(text, arena, plan, NULL);
    if (err != HP_OK || plan->why_not.n != 0 || plan->count == 0) {
        return err == HP_ENOMEM ? err : HP_ENOTFOUND;
    }
    *into = (struct hp_case_plan){statement, plan};
    return HP_OK;
}

hp_err hp_plans_load(struct hp_case *c, struct hp_store *store, struct hp_arena *arena,
                     struct hp_errinfo *info)
{
    uint32_t statements[MOST_STATEMENTS], count = collect(c, statements), found = 0;
    struct hp_case_plan *plans =
        hp_arena_alloc(arena, count * sizeof *plans + 1, _Alignof(struct hp_case_plan));
    if (plans == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while loading plans");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct hp_errinfo why = {0};
        hp_err err = load_one(&plans[found], statements[i], c->dict, store, arena, &why);
        if (err == HP_ENOMEM) {
            return hp_err_set(info, err, 0, "out of memory while loading plans");
        }
        if (err != HP_OK && err != HP_ENOTFOUND) {
            return hp_err_set(info, err, 0, "%s", why.text);
        }
        found += err == HP_OK;
    }
    c->plans = plans;
    c->plan_count = found;
    return HP_OK;
}
