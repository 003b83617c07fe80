/* explain_now.c -- see explain_now.h. */
#include "cli/explain_now.h"

#include <pthread.h>
#include <stdlib.h>

#include "cli/explain_serve.h"
#include "cli/explainer.h"
#include "store/store.h"

#define TIMEOUT_NS  ((uint64_t)5000000000u)
#define ARENA_BYTES ((size_t)64 << 20)

static bool is_alike(uint8_t a, uint8_t b)
{
    bool both =
        (a == HP_ENGINE_MYSQL || a == HP_ENGINE_MARIADB) && (b == HP_ENGINE_MYSQL || b == HP_ENGINE_MARIADB);
    return a == b || both || a == HP_ENGINE_UNKNOWN;
}

static hp_err ask_at(const char *dsn, const char *store, const struct hp_statement *statement,
                     struct hp_errinfo *info)
{
    struct hp_arena arena;
    struct hp_plan plan;
    struct hp_query query;
    const struct hp_explainer question = {.dsn = dsn,
                                          .text = statement->text,
                                          .engine = (uint8_t)hp_explainer_engine(dsn),
                                          .timeout_ns = TIMEOUT_NS};
    if (!is_alike(statement->engine, question.engine)) {
        return hp_err_set(info, HP_EINVAL, 0, "HOTPLATE_DSN names another database: %s, and it ran on %s",
                          hp_plan_engine_name(question.engine), hp_plan_engine_name(statement->engine));
    }
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = hp_explainer_ask(&question, &arena, &plan, &query, info);
    if (err == HP_OK && plan.why_not.n != 0) {
        err = hp_err_set(info, HP_EINVAL, 0, "not explained: %.*s", (int)plan.why_not.n, plan.why_not.p);
    } else if (err == HP_OK) {
        hp_explainer_keep(store, hp_store_plan_id(statement), &plan);
    }
    hp_arena_fini(&arena);
    return err;
}

hp_err hp_explain_now(const char *store, const struct hp_statement *statement, struct hp_errinfo *info)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    const char *dsn = getenv("HOTPLATE_DSN");
    if (pthread_mutex_trylock(&one) != 0) {
        return hp_err_set(info, HP_EBUSY, 0, "another statement is being explained: try again");
    }
    hp_err err = dsn != NULL && dsn[0] != '\0' ? ask_at(dsn, store, statement, info)
                                               : hp_explain_serve_ask(store, statement, info);
    pthread_mutex_unlock(&one);
    return err;
}
