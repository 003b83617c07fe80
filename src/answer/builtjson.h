/* builtjson.h -- what a library made of the rows of a request's statements (find/built.h), as JSON: `hotplate
 * show` and the dashboard say the same. */
#ifndef HP_BUILTJSON_H
#define HP_BUILTJSON_H

#include "base/json.h"
#include "find/built.h"

/* Member `built[]` of an object that the caller has begun, empty where there is nothing; null without an
 * exact call tree. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_builtjson_put(struct hp_json *json, const struct hp_record *record,
                                 const struct hp_tree *tree, const struct hp_dict *dict,
                                 struct hp_arena *arena);

#endif
