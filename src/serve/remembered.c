/* remembered.c -- see remembered.h. */
#include "serve/remembered.h"

#include <string.h>

#include "base/mem.h"

#define SECOND_NS UINT64_C(1000000000)

hp_err hp_remembered_init(struct hp_remembered *all, size_t most_bytes)
{
    all->most_bytes = most_bytes;
    memset(all->answers, 0, sizeof all->answers);
    return pthread_mutex_init(&all->lock, NULL) == 0 ? HP_OK : HP_ENOMEM;
}

static void drop(struct hp_remembered_answer *answer)
{
    hp_free(answer->bytes);
    *answer = (struct hp_remembered_answer){0};
}

void hp_remembered_fini(struct hp_remembered *all)
{
    hp_remembered_forget(all);
    pthread_mutex_destroy(&all->lock);
}

void hp_remembered_forget(struct hp_remembered *all)
{
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < HP_REMEMBERED_COUNT; i++) {
        drop(&all->answers[i]);
    }
    pthread_mutex_unlock(&all->lock);
}

static bool is_good(const struct hp_remembered_answer *answer, uint64_t version, bool relative,
                    uint64_t now_ns)
{
    uint64_t age_ns = now_ns - answer->made_ns;
    uint64_t most_ns = answer->took_ns * 10 < 3 * SECOND_NS ? answer->took_ns * 10 : 3 * SECOND_NS;
    if (answer->version == version) {
        most_ns = relative ? 3 * SECOND_NS : 60 * SECOND_NS;
    }
    return age_ns < most_ns;
}

bool hp_remembered_get(struct hp_remembered *all, uint64_t key, uint64_t version, bool relative,
                       uint64_t now_ns, struct hp_buf *out)
{
    bool found = false;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < HP_REMEMBERED_COUNT && !found; i++) {
        const struct hp_remembered_answer *answer = &all->answers[i];
        if (answer->bytes != NULL && answer->key == key && is_good(answer, version, relative, now_ns)) {
            hp_buf_put(out, answer->bytes, answer->n);
            found = out->err == HP_OK;
        }
    }
    pthread_mutex_unlock(&all->lock);
    return found;
}

void hp_remembered_put(struct hp_remembered *all, uint64_t key, uint64_t version, uint64_t begun_ns,
                       uint64_t ended_ns, struct hp_str answer)
{
    uint8_t *copy = answer.n == 0 || answer.n > all->most_bytes ? NULL : hp_malloc(answer.n);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, answer.p, answer.n);
    pthread_mutex_lock(&all->lock);
    struct hp_remembered_answer *place = &all->answers[0];
    for (size_t i = 0; i < HP_REMEMBERED_COUNT; i++) {
        if (all->answers[i].key == key) {
            place = &all->answers[i];
            break;
        }
        place = all->answers[i].made_ns < place->made_ns ? &all->answers[i] : place;
    }
    drop(place);
    *place = (struct hp_remembered_answer){key, version, ended_ns, ended_ns - begun_ns, copy, answer.n};
    pthread_mutex_unlock(&all->lock);
}
