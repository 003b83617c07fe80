/* member.c -- see member.h. */
#include "format/member.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

void hp_member_ms(struct hp_json *json, const char *key, uint64_t ns)
{
    if (ns != HP_ABSENT) {
        hp_json_kv_double(json, key, (double)ns / 1e6);
    }
}

void hp_member_count(struct hp_json *json, const char *key, uint64_t value)
{
    if (value != HP_ABSENT) {
        hp_json_kv_u64(json, key, value);
    }
}

void hp_member_moment(struct hp_json *json, const char *key, uint64_t wall_ns)
{
    if (wall_ns == 0) {
        hp_json_kv_null(json, key);
    } else {
        hp_json_kv_u64(json, key, wall_ns / 1000000u);
    }
}

void hp_member_id_value(struct hp_json *json, uint64_t id)
{
    char text[17];
    (void)snprintf(text, sizeof text, "%016" PRIx64, id);
    hp_json_cstr(json, text);
}

void hp_member_id(struct hp_json *json, const char *key, uint64_t id)
{
    hp_json_key(json, key);
    hp_member_id_value(json, id);
}

void hp_member_place(struct hp_json *json, const struct hp_dict *dict, uint32_t sym, uint32_t line,
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

void hp_member_route(struct hp_json *json, const char *key, const struct hp_dict *dict, uint32_t route)
{
    struct hp_route words = hp_dict_route(dict, route);
    struct hp_buf name;
    hp_buf_init(&name, 1 << 16);
    if (route == 0) {
        hp_buf_put_u8(&name, '-');
    } else {
        hp_buf_put_text(&name, words.method);
        hp_buf_put_text(&name, words.method.n == 0 ? HP_STR("") : HP_STR(" "));
        hp_buf_put_text(&name, words.rule);
    }
    hp_json_kv_str(json, key, hp_buf_str(&name));
    hp_buf_fini(&name);
}

char *hp_member_statement_id(char id[HP_MEMBER_STATEMENT_BYTES], struct hp_str text)
{
    (void)snprintf(id, HP_MEMBER_STATEMENT_BYTES, "%08" PRIx32,
                   (uint32_t)(hp_hash64(text.p, text.n, 0) >> 32));
    return id;
}

const char *hp_member_engine(uint8_t engine)
{
    static const char *const engines[] = {"unknown", "sqlite", "mysql", "mariadb", "postgresql", "other"};
    return engine < sizeof engines / sizeof engines[0] ? engines[engine] : "unknown";
}

const char *hp_member_level(uint8_t level)
{
    static const char *const levels[] = {"count", "monitor", "sample", "trace"};
    return level < sizeof levels / sizeof levels[0] ? levels[level] : "unknown";
}
