/* input.h -- INPUT: what top, tree, flame and convert work on, and what compare compares.
 *
 *     an existing path       a store file: everything in it
 *     req:ID                 one request
 *     route:'GET /x'         all requests of a route
 *     label:NAME             all requests of a recorded stretch
 *     process:               what no request did, as samples (level sample)
 *     a bare word            the first three in that order, then a revision; two meanings are a usage error that names both
 *
 * The options of the command (reading.h) narrow it further.
 */
#ifndef HP_INPUT_H
#define HP_INPUT_H

#include "cli/reading.h"
#include "model/tree.h"

enum hp_input_kind {
    HP_INPUT_ALL,
    HP_INPUT_REQUEST,
    HP_INPUT_ROUTE,
    HP_INPUT_LABEL,
    HP_INPUT_REVISION,
    HP_INPUT_PROCESS
};

struct hp_input {
    enum hp_input_kind kind;
    uint64_t request_id;
    struct hp_scope scope; /* of all but a request */
    struct hp_str name;    /* borrowed from the word */
};

/* What `word` means (NULL: everything in scope). A store file replaces the one of `reading`. HP_EINVAL: usage
 * (ambiguous, malformed); HP_ENOTFOUND; else as store.h. */
HP_CHECK hp_err hp_input_find(struct hp_reading *reading, const char *word, struct hp_input *input,
                              struct hp_errinfo *info);

/* Its call tree: calibrated unless `raw`, totals computed, relative to hp_store_dict. `*requests`: how many
 * it adds up. `*sampled`: its figures are estimates from samples. Owns: the caller, hp_tree_free.
 * HP_ENOTFOUND: no call tree was recorded. */
HP_CHECK hp_err hp_input_tree(struct hp_reading *reading, const struct hp_input *input, bool raw,
                              struct hp_tree **tree, uint64_t *requests, bool *sampled,
                              struct hp_errinfo *info);

/* The tree of one loaded record, as above; NULL and HP_OK where it has none. */
HP_CHECK hp_err hp_input_record_tree(const struct hp_store *store, const struct hp_record *record, bool raw,
                                     struct hp_tree **tree);

/* "GET /settings, request 0123…", "label before": a title. Appended. */
void hp_input_put_title(struct hp_reading *reading, const struct hp_input *input, struct hp_buf *out);

/* A request's id: 16 hex digits, with or without "req:". */
bool hp_input_request_id(struct hp_str word, uint64_t *id);

#endif
