/* csv.c -- see csv.h. */
#include "format/csv.h"

#include <inttypes.h>

#include "base/json.h"
#include "format/framename.h"

/* In quotes, these doubled. A formula is defused for spreadsheets. */
static void put_text(struct hp_buf *out, struct hp_str text)
{
    hp_buf_put_u8(out, '"');
    if (text.n != 0 && (text.p[0] == '=' || text.p[0] == '+' || text.p[0] == '@' || text.p[0] == '-')) {
        hp_buf_put_u8(out, '\'');
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            hp_buf_put_u8(out, '"');
        }
        hp_buf_put_u8(out, (uint8_t)text.p[i]);
    }
    hp_buf_put_text(out, HP_STR("\","));
}

/* A number as JSON writes it, which is what CSV readers take. */
static void put_number(struct hp_buf *out, double value, const char *end)
{
    struct hp_json json;
    hp_json_init(&json, out, false);
    hp_json_exact(&json, value);
    hp_buf_put_text(out, hp_str_from0(end));
}

hp_err hp_csv_write(const struct hp_profile *profile, struct hp_buf *out)
{
    const struct hp_callgraph *graph = &profile->graph;
    hp_buf_put_text(out, HP_STR("file,line,function,calls,primitive_calls,self,total\r\n"));
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        const struct hp_callgraph_function *function = &graph->functions[i];
        struct hp_symbol symbol = hp_dict_symbol(profile->dict, function->sym);
        put_text(out, symbol.file);
        hp_buf_printf(out, "%" PRIu32 ",", symbol.line);
        put_text(out, hp_framename_shown(&symbol, false));
        if (profile->counts_calls) {
            hp_buf_printf(out, "%" PRIu64 ",%" PRIu64 ",", function->calls, function->primitive);
        } else {
            hp_buf_put_text(out, HP_STR(",,"));
        }
        put_number(out, function->self / graph->per_unit, ",");
        put_number(out, function->total / graph->per_unit, "\r\n");
    }
    return out->err;
}
