/* place.c -- see place.h. */
#include "cli/place.h"

#include <inttypes.h>

#include "cli/output.h"

void hp_place_put(struct hp_buf *out, const struct hp_dict *dict, uint32_t sym, uint32_t line, uint32_t via)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, sym);
    if (sym == 0) {
        hp_buf_put_text(out, HP_STR("-"));
        return;
    }
    hp_output_text(out, symbol.file);
    hp_buf_printf(out, ":%" PRIu32 " ", line != 0 ? line : symbol.line);
    hp_output_text(out, symbol.name);
    if (via != 0) {
        hp_buf_put_text(out, HP_STR(", via "));
        hp_output_text(out, hp_dict_symbol(dict, via).name);
    }
}

void hp_place_json(struct hp_json *json, const struct hp_dict *dict, uint32_t sym, uint32_t line,
                   uint32_t via)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, sym);
    if (sym != 0) {
        hp_json_kv_str(json, "file", symbol.file);
        hp_json_kv_u64(json, "line", line != 0 ? line : symbol.line);
        hp_json_kv_str(json, "function", symbol.name);
    }
    if (via != 0) {
        hp_json_kv_str(json, "via", hp_dict_symbol(dict, via).name);
    }
}
