/* leaflines.c -- see leaflines.h. */
#include "cli/leaflines.h"

#include <inttypes.h>

#include "base/show.h"

void hp_leaflines_put(const struct hp_leaf_line *lines, size_t count, uint64_t self, struct hp_buf *out)
{
    char share[HP_SHOW_BYTES];
    for (size_t i = 0; i < count && i < HP_LEAFLINES_SHOWN && lines[i].self * 10 >= self && self != 0; i++) {
        hp_buf_printf(out, "%s%" PRIu32 " (%s)", i == 0 ? "  at " : ", ", lines[i].line,
                      hp_show_percent(share, (double)lines[i].self / (double)self));
    }
}

void hp_leaflines_json(const struct hp_leaf_line *lines, size_t count, enum hp_profile_unit unit,
                       struct hp_json *json)
{
    if (count == 0) {
        return;
    }
    hp_json_key(json, "lines");
    hp_json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "line", lines[i].line);
        if (unit == HP_UNIT_TIME) {
            hp_json_kv_double(json, "self_s", (double)lines[i].self / 1e9);
        } else {
            hp_json_kv_u64(json, "self", lines[i].self);
        }
        hp_json_kv_u64(json, "samples", lines[i].samples);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}
