/* fuzz_fingerprint.c -- libFuzzer over hp_fingerprint. The first byte chooses the dialect.
 *
 * Holds: no crash; at most the cap; the same text twice gives the same; and a number put where only a literal
 * can stand (the text that follows is `= 424242424242` after a line end, outside of anything the input
 * opened, or inside of it and then skipped or folded) never comes out.
 */
#include <stdlib.h>
#include <string.h>

#include "model/fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CANARY[] = "\n = 424242424242";

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool contains(struct hp_str text, struct hp_str part)
{
    return text.n != 0 && memmem(text.p, text.n, part.p, part.n) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum hp_sql_dialect dialect = (enum hp_sql_dialect)(data[0] % 4);
    struct hp_buf sql;
    struct hp_buf out;
    struct hp_buf again;
    hp_buf_init(&sql, size + sizeof CANARY);
    hp_buf_init(&out, 1u << 20);
    hp_buf_init(&again, 1u << 20);
    hp_buf_put(&sql, data + 1, size - 1);
    hp_buf_put(&sql, CANARY, sizeof CANARY - 1);
    struct hp_sql_facts facts;
    struct hp_sql_facts same;
    require(hp_fingerprint(hp_buf_str(&sql), dialect, &out, &facts) == HP_OK);
    require(hp_fingerprint(hp_buf_str(&sql), dialect, &again, &same) == HP_OK);
    require(out.len <= HP_FINGERPRINT_MAX_BYTES && facts.hash == same.hash);
    bool planted_before = contains(hp_str_make((const char *)data + 1, size - 1), HP_STR("424242424242"));
    require(planted_before || !contains(hp_buf_str(&out), HP_STR("424242424242")));
    struct hp_str table;
    if (hp_fingerprint_table(hp_buf_str(&out), &table) == HP_OK) {
        require(table.n != 0 && table.p >= (char *)out.data &&
                table.p + table.n <= (char *)out.data + out.len);
    }
    hp_buf_fini(&sql);
    hp_buf_fini(&out);
    hp_buf_fini(&again);
    return 0;
}
