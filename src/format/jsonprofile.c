/* jsonprofile.c -- see jsonprofile.h. */
#include "format/jsonprofile.h"

#define LOOK_BYTES ((size_t)64 << 10)

bool hp_jsonprofile_has(struct hp_str bytes, const char *key)
{
    struct hp_jsonread json;
    struct hp_buf scratch;
    struct hp_str member;
    bool found = false;
    size_t n = bytes.n < LOOK_BYTES ? bytes.n : LOOK_BYTES;
    hp_buf_init(&scratch, LOOK_BYTES);
    hp_jsonread_init(&json, hp_str_make(bytes.p, n), &scratch);
    if (hp_jsonread_next(&json) == HP_JSON_OBJECT) {
        while (!found && hp_jsonread_member(&json, &member)) {
            found = hp_str_eq(member, hp_str_from0(key));
            hp_jsonread_skip(&json);
        }
    }
    hp_buf_fini(&scratch);
    return found;
}

uint64_t hp_jsonprofile_ns(double value, double ns_per_unit)
{
    double ns = value * ns_per_unit + 0.5;
    return !(ns > 0) ? 0 : ns >= 9.2e18 ? (uint64_t)9200000000000000000u : (uint64_t)ns;
}

hp_err hp_jsonprofile_error(const struct hp_jsonread *json, struct hp_errinfo *info)
{
    return json->err == HP_OK ? HP_OK : hp_err_set(info, json->err, json->error_at, "%s", json->why);
}
