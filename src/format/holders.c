/* holders.c -- see holders.h. */
#include "format/holders.h"

#include "format/member.h"

static void put_holder(struct hp_json *json, const struct hp_dict *dict, const struct hp_holder *holder)
{
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "kind", hp_record_wait_name(holder->kind));
    hp_json_kv_u64(json, "lane", holder->lane);
    if (holder->request != 0) {
        hp_member_id(json, "request", holder->request);
    }
    if (holder->route != 0) {
        hp_member_route(json, "route", dict, holder->route);
    }
    if (holder->thread != 0) {
        hp_json_kv_str(json, "thread", hp_dict_string(dict, holder->thread));
    }
    hp_json_kv_u64(json, "count", holder->count);
    hp_member_ms(json, "total_ms", holder->ns);
    hp_member_place(json, dict, holder->site_sym, holder->site_line, holder->via_sym);
    hp_json_object_end(json);
}

void hp_holders_json(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record,
                     uint32_t lane)
{
    hp_json_key(json, "holders");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->holder_count; i++) {
        if (lane == HP_HOLDERS_ALL || record->holders[i].lane == lane) {
            put_holder(json, dict, &record->holders[i]);
        }
    }
    hp_json_array_end(json);
}

void hp_holders_put_who(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record,
                        const struct hp_holder *holder)
{
    if (holder->request == record->req.id) {
        hp_buf_put_text(out, HP_STR("this request"));
    } else if (holder->route != 0) {
        struct hp_route route = hp_dict_route(dict, holder->route);
        hp_buf_put_text(out, route.method);
        hp_buf_put_text(out, route.method.n != 0 ? HP_STR(" ") : HP_STR(""));
        hp_buf_put_text(out, route.rule);
    } else if (holder->request != 0) {
        hp_buf_put_text(out, HP_STR("another request"));
    } else if (holder->thread != 0) {
        hp_buf_put_text(out, HP_STR("thread "));
        hp_buf_put_text(out, hp_dict_string(dict, holder->thread));
    } else {
        hp_buf_put_text(out, HP_STR("another thread"));
    }
}

const struct hp_holder *hp_holders_longest(const struct hp_record *record, uint32_t lane, uint8_t kind)
{
    const struct hp_holder *longest = NULL;
    for (uint32_t i = 0; i < record->holder_count; i++) {
        const struct hp_holder *holder = &record->holders[i];
        if (holder->lane == lane && holder->kind == kind && (longest == NULL || holder->ns > longest->ns)) {
            longest = holder;
        }
    }
    return longest;
}
