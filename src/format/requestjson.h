/* requestjson.h -- one request as JSON: what `show --json`, `requests --json` and the dashboard share.
 * Fields: docs/formats/cli.md. */
#ifndef HP_REQUESTJSON_H
#define HP_REQUESTJSON_H

#include "base/json.h"
#include "model/dict.h"
#include "model/record.h"

/* Bits of hp_request.flags that have names. */
#define HP_REQUESTJSON_FLAGS 6u

/* wall − own, never below 0. */
uint64_t hp_requestjson_duration(const struct hp_request *req);

/* Names of phases and of bits of flags; below HP_PHASE_COUNT and HP_REQUESTJSON_FLAGS. */
const char *hp_requestjson_phase(unsigned phase);
const char *hp_requestjson_flag(unsigned bit);

/* Members of an object that the caller has begun: the fixed fields; what was not recorded is left out. */
void hp_requestjson_fields(struct hp_json *json, const struct hp_dict *dict, const struct hp_request *req);

/* Members statements, executions, lanes, edges; / the same without executions. */
void hp_requestjson_detail(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record);
void hp_requestjson_parts(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record);
/* One statement's group and one execution, as members of an object that the caller has begun. */
void hp_requestjson_group(struct hp_json *json, const struct hp_dict *dict, const struct hp_group *group);
void hp_requestjson_execution(struct hp_json *json, const struct hp_dict *dict, const struct hp_stmt *stmt);

#endif
