/* jsonread.h -- JSON read token by token (RFC 8259), without building a document.
 *
 * Why: profiles in JSON are large, and what is wanted of them is little. A reader is a place in the text and
 * the kinds of the containers around it, so a copy of it is a bookmark: go back to it to read a part again.
 * The first error sticks: every token after it is HP_JSON_END. Nesting above HP_JSONREAD_DEPTH is an error;
 * there is no recursion.
 *
 *     hp_jsonread_init(&json, text, &scratch);
 *     if (hp_jsonread_next(&json) == HP_JSON_OBJECT)
 *         while (hp_jsonread_member(&json, &key))       each key; then read or skip its value
 */
#ifndef HP_JSONREAD_H
#define HP_JSONREAD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/str.h"
#include "hotplate/err.h"

#define HP_JSONREAD_DEPTH 8192

enum hp_json_token {
    HP_JSON_END, /* of the text, or an error */
    HP_JSON_OBJECT,
    HP_JSON_OBJECT_END,
    HP_JSON_ARRAY,
    HP_JSON_ARRAY_END,
    HP_JSON_TEXT,
    HP_JSON_NUMBER,
    HP_JSON_TRUE,
    HP_JSON_FALSE,
    HP_JSON_NULL
};

struct hp_jsonread {
    struct hp_str text; /* the whole input; borrowed */
    size_t at;
    enum hp_json_token token;
    struct hp_str value;    /* of TEXT (unescaped) and NUMBER: borrowed until the next token */
    struct hp_buf *scratch; /* borrowed: holds unescaped texts */
    uint32_t depth;
    bool first; /* in the innermost container, nothing was read yet */
    bool after_key;
    hp_err err;
    size_t error_at;
    const char *why;
    uint8_t objects[HP_JSONREAD_DEPTH / 8]; /* bit d: the container at depth d + 1 is an object */
};

/* Start at the beginning. Never fails. `scratch` may grow to the longest text; its cap bounds that. */
void hp_jsonread_init(struct hp_jsonread *json, struct hp_str text, struct hp_buf *scratch);

/* The next value or end of a container. In an object use hp_jsonread_member for the keys. */
enum hp_json_token hp_jsonread_next(struct hp_jsonread *json);

/* In an object: the next key; false at its end (which is then passed) or on an error. `key` is borrowed until
 * the next token. */
bool hp_jsonread_member(struct hp_jsonread *json, struct hp_str *key);

/* In an array: read the next element's first token; false at its end (then passed) or on an error. */
bool hp_jsonread_element(struct hp_jsonread *json);

/* Pass the rest of the value whose first token was read last. / Pass the whole next value. */
void hp_jsonread_leave(struct hp_jsonread *json);
void hp_jsonread_skip(struct hp_jsonread *json);

/* Set an error of the caller's at the current place; the first one sticks. */
void hp_jsonread_fail(struct hp_jsonread *json, hp_err err, const char *why);

/* The next value as a number or text; false, and an error unless it is null, where it is something else. */
bool hp_jsonread_number(struct hp_jsonread *json, double *value);
bool hp_jsonread_text(struct hp_jsonread *json, struct hp_str *value);

/* The number that was read last. */
double hp_jsonread_double(const struct hp_jsonread *json);

#endif
