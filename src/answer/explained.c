/* explained.c -- see explained.h. */
#include "answer/explained.h"

hp_err hp_explained_recall(struct hp_store *store, const struct hp_statement *statement,
                           struct hp_arena *arena, struct hp_explained *out, struct hp_errinfo *info)
{
    struct hp_str text;
    hp_err err = hp_store_get_plan(store, hp_store_plan_id(statement), &out->at_ns, &text, info);
    if (err == HP_OK) {
        err = hp_plan_read(text, arena, &out->plan, info);
    }
    if (err == HP_OK) {
        err = hp_query_read(statement->text, out->plan.engine, arena, &out->query);
    }
    return err;
}

static void put_advice(struct hp_json *json, const struct hp_plan_advice *advice)
{
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "node", advice->node);
    hp_json_kv_str(json, "text", advice->text);
    if (advice->index.n != 0) {
        hp_json_kv_str(json, "index", advice->index);
        hp_json_kv_double(json, "rows_now", advice->scanned);
        hp_json_kv_double(json, "rows_then", advice->wanted);
    }
    hp_json_object_end(json);
}

hp_err hp_explained_put(struct hp_json *json, const struct hp_plan *plan,
                        const struct hp_plan_advices *advices)
{
    struct hp_buf text;
    hp_buf_init(&text, HP_PLAN_MAX_BYTES);
    hp_err err = hp_plan_put(plan, &text);
    if (err == HP_OK) {
        hp_json_key(json, "plan");
        hp_json_raw(json, hp_buf_str(&text));
        hp_json_key(json, "advice");
        hp_json_array_begin(json);
        for (uint32_t i = 0; i < advices->count; i++) {
            put_advice(json, &advices->list[i]);
        }
        hp_json_array_end(json);
    }
    hp_buf_fini(&text);
    return err;
}

hp_err hp_explained_put_kept(struct hp_json *json, struct hp_store *store,
                             const struct hp_statement *statement, double returned, struct hp_arena *arena,
                             struct hp_errinfo *info)
{
    struct hp_explained kept;
    struct hp_plan_advices advices;
    hp_err err = hp_explained_recall(store, statement, arena, &kept, info);
    if (err != HP_OK) {
        return err == HP_ENOTFOUND ? HP_OK : err;
    }
    hp_json_kv_u64(json, "at", kept.at_ns / 1000000u);
    if (kept.plan.why_not.n != 0) {
        hp_json_kv_str(json, "why_not", kept.plan.why_not);
        return HP_OK;
    }
    err = hp_plan_advise(&kept.plan, &kept.query, returned, arena, &advices);
    return err == HP_OK ? hp_explained_put(json, &kept.plan, &advices) : err;
}
