/* unseen.c -- see unseen.h. Workers of one server say the same, so texts are counted. */
#include "answer/unseen.h"

#include <inttypes.h>

static bool add(void *ctx, const struct hp_process_unseen *process)
{
    struct hp_unseen *all = ctx;
    for (uint32_t i = 0; i < all->count; i++) {
        if (hp_str_eq(all->list[i].text, process->text)) {
            all->list[i].processes++;
            return true;
        }
    }
    if (all->count == HP_UNSEEN_MOST) {
        return true;
    }
    const char *copy = hp_arena_dup(all->arena, process->text.p, process->text.n);
    if (copy == NULL) {
        all->err = HP_ENOMEM;
        return false;
    }
    all->list[all->count].text = hp_str_make(copy, process->text.n);
    all->list[all->count++].processes = 1;
    return true;
}

hp_err hp_unseen_load(struct hp_unseen *all, struct hp_store *store, uint64_t from_ns, uint64_t to_ns,
                      struct hp_arena *arena, struct hp_errinfo *info)
{
    *all = (struct hp_unseen){.arena = arena};
    hp_err err = hp_store_unseen(store, from_ns, to_ns, add, all, info);
    if (err == HP_OK && all->err != HP_OK) {
        err = hp_err_set(info, all->err, 0, "out of memory while reading what processes could not see");
    }
    return err;
}

void hp_unseen_json(const struct hp_unseen *all, struct hp_json *json)
{
    if (all->count == 0) {
        return;
    }
    hp_json_key(json, "unseen");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < all->count; i++) {
        hp_json_object_begin(json);
        hp_json_kv_str(json, "text", all->list[i].text);
        hp_json_kv_u64(json, "processes", all->list[i].processes);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

void hp_unseen_text(const struct hp_unseen *all, struct hp_buf *out)
{
    for (uint32_t i = 0; i < all->count; i++) {
        uint64_t processes = all->list[i].processes;
        hp_buf_printf(out, "waits that cannot be seen in %" PRIu64 " process%s: %.*s\n", processes,
                      processes == 1 ? "" : "es", (int)all->list[i].text.n, all->list[i].text.p);
    }
}
