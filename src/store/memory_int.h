/* memory_int.h -- what the two files of the store in memory share; private to them.
 *
 *     memory.c         requests, processes, losses, gauges, samples      memory_note.c    labels, findings, settings, plans
 */
#ifndef HP_MEMORY_INT_H
#define HP_MEMORY_INT_H

#include "store/store_int.h"

/* A growing array. Owns p; what lies in it belongs to whoever put it there. */
struct hp__list {
    void *p;
    size_t count, capacity;
};

#define HP__AT(list, type, i) (&((type *)(list).p)[i])

/* Room for one more of `size` bytes, which counts once `count` is raised; NULL without memory. */
void *hp__list_push(struct hp__list *list, size_t size);

/* HP_ENOMEM, said. */
hp_err hp__memory_full(struct hp_errinfo *info);

/* What people and findings leave beside the requests; a rollback does not touch it. */
struct hp__memory_notes {
    struct hp__list labels, settings, findings, plans;
};

struct hp__memory_notes *hp__memory_notes(struct hp_store *store);
void hp__memory_notes_free(struct hp__memory_notes *notes);

/* The operations of struct hp_store_ops with these names. */
hp_err hp__memory_label_begin(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                              struct hp_errinfo *info);
hp_err hp__memory_label_end(struct hp_store *store, struct hp_str name, uint64_t to_ns,
                            struct hp_errinfo *info);
hp_err hp__memory_label(struct hp_store *store, struct hp_str name, uint32_t nth, struct hp_label *out,
                        struct hp_errinfo *info);
hp_err hp__memory_labels(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                         struct hp_errinfo *info);
hp_err hp__memory_get_finding(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                              struct hp_errinfo *info);
hp_err hp__memory_findings(struct hp_store *store, hp_finding_fn fn, void *ctx, struct hp_errinfo *info);
hp_err hp__memory_set_finding(struct hp_store *store, const struct hp_finding_state *state,
                              struct hp_errinfo *info);
hp_err hp__memory_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                              struct hp_errinfo *info);
hp_err hp__memory_set_setting(struct hp_store *store, struct hp_str key, struct hp_str value,
                              struct hp_errinfo *info);
hp_err hp__memory_get_plan(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                           struct hp_errinfo *info);
hp_err hp__memory_set_plan(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                           struct hp_errinfo *info);

#endif
