/* treejson.h -- a call tree as JSON: a flat list of nodes, as `show --json`, `tree --json` and the dashboard
 * have it. */
#ifndef HP_TREEJSON_H
#define HP_TREEJSON_H

#include "base/json.h"
#include "model/profile.h"

/* The value of a key "nodes": an array of all nodes, parents before children, each with the "parent" it
 * stands under (-1: none). Sums over all requests; units that are no times have "self" and "total" instead of
 * milliseconds. Without `counted` calls are not known: absent. */
void hp_treejson_nodes(const struct hp_tree *tree, const struct hp_dict *dict, enum hp_profile_unit unit,
                       bool counted, struct hp_json *json);

/* Into an open object: the key "lines" with where the samples of a node's own time were, by line; nothing
 * where that is not known. */
void hp_treejson_lines(const struct hp_tree *tree, uint32_t id, enum hp_profile_unit unit,
                       struct hp_json *json);

#endif
