/* fuzz_plan_engine.h -- one engine's plan in its frame: no crash, no leak, an error with a reason; what is
 * read is written and reads the same. */
#ifndef FUZZ_PLAN_ENGINE_H
#define FUZZ_PLAN_ENGINE_H

#include <stdlib.h>

#include "find/plan_advice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static inline void fuzz_again(const struct hp_plan *plan, struct hp_arena *arena)
{
    struct hp_buf first, second;
    struct hp_plan again;
    hp_buf_init(&first, HP_PLAN_MAX_BYTES);
    hp_buf_init(&second, HP_PLAN_MAX_BYTES);
    if (hp_plan_put(plan, &first) == HP_OK &&
        hp_plan_read(hp_buf_str(&first), arena, &again, NULL) == HP_OK) {
        fuzz_require(hp_plan_put(&again, &second) == HP_OK);
        fuzz_require(again.count == plan->count && again.table_count == plan->table_count);
    }
    hp_buf_fini(&second);
    hp_buf_fini(&first);
}

/* The input is what comes after `"plan":`, so that it can bring its own tables too. */
static inline int fuzz_plan(const char *engine, const uint8_t *data, size_t size)
{
    struct hp_buf document;
    struct hp_arena arena;
    struct hp_plan plan;
    struct hp_query query;
    struct hp_plan_advices advices;
    struct hp_errinfo info = {0};
    hp_buf_init(&document, size + 64);
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_buf_printf(&document, "{\"engine\":\"%s\",\"plan\":", engine);
    hp_buf_put(&document, data, size);
    hp_buf_put_text(&document, HP_STR("}"));
    hp_err err = hp_plan_read(hp_buf_str(&document), &arena, &plan, &info);
    fuzz_require(err == HP_OK || info.text[0] != '\0');
    if (err == HP_OK && hp_query_read(HP_STR("SELECT * FROM student s, klass WHERE s.a = ? AND b IN (?+)"),
                                      plan.engine, &arena, &query) == HP_OK) {
        hp_plan_resolve(&plan, &query);
        err = hp_plan_advise(&plan, &query, -1, &arena, &advices);
        fuzz_require(err == HP_OK || err == HP_ENOMEM);
        fuzz_again(&plan, &arena);
    }
    hp_arena_fini(&arena);
    hp_buf_fini(&document);
    return 0;
}

#endif
