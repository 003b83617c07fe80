/* member.h -- members of JSON objects that mean the same everywhere: times, ids, places, routes. Names:
 * docs/formats/cli.md.
 *
 * Each adds to an object that the caller has begun. What was not recorded is left out. Threads: owner of the
 * writer.
 */
#ifndef HP_MEMBER_H
#define HP_MEMBER_H

#include "base/json.h"
#include "model/dict.h"
#include "model/record.h"

/* Milliseconds of nanoseconds; a count. HP_ABSENT leaves the member out. */
void hp_member_ms(struct hp_json *json, const char *key, uint64_t ns);
void hp_member_count(struct hp_json *json, const char *key, uint64_t value);

/* A moment as milliseconds since 1970; 0 is null. */
void hp_member_moment(struct hp_json *json, const char *key, uint64_t wall_ns);

/* An id as 16 lower-case hex digits; / as a value of an array. */
void hp_member_id(struct hp_json *json, const char *key, uint64_t id);
void hp_member_id_value(struct hp_json *json, uint64_t id);

/* Members file, line, function, via; left out where not known. */
void hp_member_place(struct hp_json *json, const struct hp_dict *dict, uint32_t sym, uint32_t line,
                     uint32_t via);

/* "GET /settings", the rule alone where there is no method, "-" for route 0. */
void hp_member_route(struct hp_json *json, const char *key, const struct hp_dict *dict, uint32_t route);

/* Eight hex digits of a folded statement's hash, the same in every store: what `explain` takes. */
#define HP_MEMBER_STATEMENT_BYTES 9
char *hp_member_statement_id(char id[HP_MEMBER_STATEMENT_BYTES], struct hp_str text);

/* "sqlite", "mysql", … of enum hp_engine; "count" … "trace" of enum hp_level. */
const char *hp_member_engine(uint8_t engine);
const char *hp_member_level(uint8_t level);

#endif
