/* fuzz_plan_query.c -- libFuzzer over hp_query_read and hp_plan_safe. The first byte chooses the engine.
 *
 * Holds: no crash; spans lie in the text; and what is put before a SELECT that passes ("DELETE …;") makes it
 * refused.
 */
#include <stdlib.h>

#include "find/plan_query.h"
#include "find/plan_safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_arena arena;
    struct hp_query query;
    struct hp_plan_safe safe;
    struct hp_buf more;
    if (size == 0) {
        return 0;
    }
    enum hp_engine engine = (enum hp_engine)(1 + data[0] % 4);
    struct hp_str sql = hp_str_make((const char *)data + 1, size - 1);
    hp_arena_init(&arena, (size_t)16 << 20);
    require(hp_query_read(sql, engine, &arena, &query) == HP_OK);
    for (uint32_t i = 0; i < query.hole_count; i++) {
        require(query.holes[i].start < query.holes[i].end && query.holes[i].end <= sql.n);
        require(query.holes[i].term == HP_QUERY_NONE || query.holes[i].term < query.term_count);
    }
    require(hp_plan_safe(sql, engine, &arena, &safe) == HP_OK);
    require(safe.safe == (safe.why[0] == '\0'));
    hp_buf_init(&more, size + 64);
    hp_buf_put_text(&more, HP_STR("DELETE FROM t; "));
    hp_buf_put_text(&more, sql);
    require(hp_plan_safe(hp_buf_str(&more), engine, &arena, &safe) == HP_OK && !safe.safe);
    hp_buf_fini(&more);
    hp_arena_fini(&arena);
    return 0;
}
