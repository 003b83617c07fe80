/* json.h -- JSON writer (RFC 8259) into a hp_buf.
 *
 * Why: reports, the API and exports all write JSON, none builds a document first. The writer puts commas,
 * indentation and escapes; text that is not UTF-8 comes out with U+FFFD for each bad byte. Misuse (a value
 * without a key in an object, an end without a begin) and nesting above 64 stick as an error and stop all
 * output: look once, at hp_json_finish.
 */
#ifndef HP_JSON_H
#define HP_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "hotplate/err.h"

#define HP_JSON_MAX_DEPTH 64

struct hp_json {
    struct hp_buf *buf; /* borrowed */
    uint64_t objects;   /* bit d: the container at depth d + 1 is an object */
    uint64_t nonempty;  /* bit d: it has a member already */
    uint32_t depth;
    bool pretty;
    bool after_key;
    bool done; /* the one top-level value is complete */
    hp_err err;
};

/* Write one value into `buf`, at its end; pretty: two spaces a level and line ends. Borrows `buf`. Never
 * allocates. Threads: owner only. */
void hp_json_init(struct hp_json *json, struct hp_buf *buf, bool pretty);

/* HP_OK if one complete value was written, else the first error: HP_EFULL (nesting or the buffer's cap),
 * HP_ENOMEM, HP_ESTATE (misuse, or something is still open). */
hp_err hp_json_finish(const struct hp_json *json) HP_CHECK;

void hp_json_object_begin(struct hp_json *json);
void hp_json_object_end(struct hp_json *json);
void hp_json_array_begin(struct hp_json *json);
void hp_json_array_end(struct hp_json *json);

/* The key of the next value; only inside an object. */
void hp_json_key(struct hp_json *json, const char *key);
void hp_json_key_str(struct hp_json *json, struct hp_str key);

/* Values. A NULL cstr is null. Doubles have at most six significant digits; NaN and infinities are null. */
void hp_json_str(struct hp_json *json, struct hp_str text);
void hp_json_cstr(struct hp_json *json, const char *text);
void hp_json_u64(struct hp_json *json, uint64_t value);
void hp_json_i64(struct hp_json *json, int64_t value);
void hp_json_double(struct hp_json *json, double value);
void hp_json_exact(struct hp_json *json, double value); /* as many digits as it takes to read the same back */
void hp_json_bool(struct hp_json *json, bool value);
void hp_json_null(struct hp_json *json);

/* A value that is JSON text already, trusted and inserted as it is. */
void hp_json_raw(struct hp_json *json, struct hp_str text);

/* Key and value in one. */
void hp_json_kv_str(struct hp_json *json, const char *key, struct hp_str text);
void hp_json_kv_cstr(struct hp_json *json, const char *key, const char *text);
void hp_json_kv_u64(struct hp_json *json, const char *key, uint64_t value);
void hp_json_kv_i64(struct hp_json *json, const char *key, int64_t value);
void hp_json_kv_double(struct hp_json *json, const char *key, double value);
void hp_json_kv_exact(struct hp_json *json, const char *key, double value);
void hp_json_kv_bool(struct hp_json *json, const char *key, bool value);
void hp_json_kv_null(struct hp_json *json, const char *key);

#endif
