/* notesjson.h -- what one request did besides calls and SQL, as JSON: memory, GC, templates, logs,
 * exceptions, headers. */
#ifndef HP_NOTESJSON_H
#define HP_NOTESJSON_H

#include "base/json.h"
#include "model/dict.h"
#include "model/record.h"

/* Members alloc_bytes, alloc_blocks, kept_blocks, rss_growth_bytes, gc, templates, logs, exceptions, headers,
 * config, view_args, query, form, json, not_kept. What was not recorded is left out; lists are there, if
 * empty, from level monitor on. */
void hp_notesjson_members(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record);

/* Names: of a list, of a kind of fact, of a template's kind, of what became of an exception, of a level of
 * logging. */
const char *hp_notesjson_name(enum hp_note note);
const char *hp_notesjson_fact_kind(uint8_t kind);
const char *hp_notesjson_template_kind(uint8_t kind);
const char *hp_notesjson_exception_end(uint8_t end);
const char *hp_notesjson_log_level(uint32_t level);

#endif
