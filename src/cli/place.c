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
