/* remembered.h -- answers of the last moments, so that pages that look again and again do not make the store
 * work again and again.
 *
 * An answer is as good as new while the store has not changed (`version`), a minute at most; when it has
 * changed, for ten times as long as it took to make, three seconds at most: the more expensive, the longer.
 * Answers about the last so many seconds age by themselves: three seconds.
 */
#ifndef HP_REMEMBERED_H
#define HP_REMEMBERED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "hotplate/err.h"

#define HP_REMEMBERED_COUNT 24u

struct hp_remembered_answer {
    uint64_t key, version, made_ns, took_ns;
    uint8_t *bytes; /* owned */
    size_t n;
};

struct hp_remembered {
    pthread_mutex_t lock; /* guards the answers */
    size_t most_bytes;    /* of one answer; larger ones are made anew */
    struct hp_remembered_answer answers[HP_REMEMBERED_COUNT];
};

/* HP_ENOMEM. Owes _fini only after HP_OK. */
HP_CHECK hp_err hp_remembered_init(struct hp_remembered *all, size_t most_bytes);
void hp_remembered_fini(struct hp_remembered *all);

/* Append an answer that is still good. Times are of the monotonic clock. `relative`: it ages by itself.
 * Threads: any. */
bool hp_remembered_get(struct hp_remembered *all, uint64_t key, uint64_t version, bool relative,
                       uint64_t now_ns, struct hp_buf *out);

/* Keep one; what cannot be kept is let go. */
void hp_remembered_put(struct hp_remembered *all, uint64_t key, uint64_t version, uint64_t begun_ns,
                       uint64_t ended_ns, struct hp_str answer);

/* Somebody has changed something. */
void hp_remembered_forget(struct hp_remembered *all);

#endif
