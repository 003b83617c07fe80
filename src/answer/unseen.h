/* unseen.h -- which waits of the recording processes could not be seen: for the report, `hotplate workers`
 * and the Process page. */
#ifndef HP_UNSEEN_H
#define HP_UNSEEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "store/store.h"

#define HP_UNSEEN_MOST 8u

struct hp_unseen {
    struct {
        struct hp_str text; /* the arena's: "OBJECT: why" */
        uint64_t processes; /* that say so */
    } list[HP_UNSEEN_MOST]; /* those that say something else are left out */
    uint32_t count;
    struct hp_arena *arena; /* borrowed */
    hp_err err;
};

/* Of the processes that recorded in [from, to). `all` is filled in. Fails: HP_ENOMEM, or as the store. */
HP_CHECK hp_err hp_unseen_load(struct hp_unseen *all, struct hp_store *store, uint64_t from_ns,
                               uint64_t to_ns, struct hp_arena *arena, struct hp_errinfo *info);

/* The member "unseen" into an open object; nothing if there is none. / A line each. */
void hp_unseen_json(const struct hp_unseen *all, struct hp_json *json);
void hp_unseen_text(const struct hp_unseen *all, struct hp_buf *out);

#endif
