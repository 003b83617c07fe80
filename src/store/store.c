/* store.c -- the public functions that pass an operation on to the back end. Questions that need work:
 * routes.c, pick.c, merge.c. */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/store_int.h"

static struct hp_store_config with_defaults(const struct hp_store_config *config)
{
    struct hp_store_config full = *config;
    full.max_bytes = full.max_bytes != 0 ? full.max_bytes : HP_STORE_MAX_BYTES;
    full.max_age_ns = full.max_age_ns != 0 ? full.max_age_ns : HP_STORE_MAX_AGE_NS;
    full.busy_ms = full.busy_ms != 0 ? full.busy_ms : HP_STORE_BUSY_MS;
    return full;
}

hp_err hp_store_open(const struct hp_store_config *config, struct hp_store **store, struct hp_errinfo *info)
{
    struct hp_store_config full = with_defaults(config);
    struct hp_dict *dict = hp_dict_new();
    if (dict == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while opening the store");
    }
    struct hp_store *made = NULL;
    hp_err err = full.path == NULL ? hp__memory_open(&full, &made) : hp__sqlite_open(&full, &made, info);
    if (err != HP_OK) {
        hp_dict_free(dict);
        return err == HP_ENOMEM ? hp_err_set(info, err, 0, "out of memory while opening the store") : err;
    }
    made->dict = dict;
    made->may_write = full.path == NULL || full.mode == HP_STORE_WRITE;
    for (size_t i = 0; i < HP_SCANS; i++) {
        hp__scan_init(&made->scans[i], HP_SCAN_CAP);
    }
    made->scan = &made->scans[0];
    made->given = made->caps;
    *store = made;
    return HP_OK;
}

hp_err hp_store_close(struct hp_store *store)
{
    if (store == NULL) {
        return HP_OK;
    }
    if (store->writing) {
        hp_store_rollback(store);
    }
    hp_dict_free(store->dict);
    for (size_t i = 0; i < HP_SCANS; i++) {
        hp__scan_fini(&store->scans[i]);
    }
    for (int i = 0; i < HP_KEPT_COUNT; i++) {
        hp_free(store->kept[i]);
    }
    return store->ops->close(store);
}

/* --- writing --- */

static hp_err need(const struct hp_store *store, bool writing, struct hp_errinfo *info)
{
    if (!store->may_write) {
        return hp_err_set(info, HP_EREADONLY, 0, "the store was opened for reading only");
    }
    if (store->writing != writing) {
        return hp_err_set(info, HP_ESTATE, 0, writing ? "no transaction has begun" : "a transaction is open");
    }
    return HP_OK;
}

hp_err hp_store_begin(struct hp_store *store, struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    if (err == HP_OK) {
        err = store->ops->begin(store, info);
    }
    store->writing = err == HP_OK ? true : store->writing;
    return err;
}

hp_err hp_store_put_process(struct hp_store *store, const struct hp_process *process, struct hp_errinfo *info)
{
    hp_err err = need(store, true, info);
    return err == HP_OK ? store->ops->put_process(store, process, info) : err;
}

hp_err hp_store_put(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                    struct hp_errinfo *info)
{
    hp_err err = need(store, true, info);
    return err == HP_OK ? store->ops->put(store, encoded, dict, info) : err;
}

hp_err hp_store_put_source(struct hp_store *store, struct hp_str file, struct hp_str text,
                           struct hp_errinfo *info)
{
    hp_err err = need(store, true, info);
    return err == HP_OK ? store->ops->put_source(store, file, text, info) : err;
}

hp_err hp_store_put_gauge(struct hp_store *store, const struct hp_gauge *gauge, struct hp_errinfo *info)
{
    hp_err err = need(store, true, info);
    return err == HP_OK ? store->ops->put_gauge(store, gauge, info) : err;
}

hp_err hp_store_put_sampled(struct hp_store *store, const struct hp_sampled_row *row,
                            const struct hp_dict *dict, struct hp_errinfo *info)
{
    hp_err err = need(store, true, info);
    return err == HP_OK ? store->ops->put_sampled(store, row, dict, info) : err;
}

hp_err hp_store_sampled(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_sampled_fn fn, void *ctx,
                        struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->sampled(store, from_ns, to_ns != 0 ? to_ns : INT64_MAX, fn, ctx, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_gauges(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_gauge_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->gauges(store, from_ns, to_ns != 0 ? to_ns : INT64_MAX, fn, ctx, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_unseen(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_unseen_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->unseen(store, from_ns, to_ns != 0 ? to_ns : INT64_MAX, fn, ctx, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_commit(struct hp_store *store, struct hp_errinfo *info)
{
    hp_err err = need(store, true, info);
    if (err != HP_OK) {
        return err;
    }
    err = store->ops->commit(store, info);
    if (err != HP_OK) {
        store->ops->rollback(store);
    }
    store->writing = false;
    return err;
}

void hp_store_rollback(struct hp_store *store)
{
    if (store->writing) {
        store->ops->rollback(store);
        store->writing = false;
    }
}

static struct hp_str setting_of(struct hp_store *store, const char *key)
{
    struct hp_errinfo info;
    struct hp_str text = {NULL, 0};
    hp_err err = store->ops->get_setting(store, hp_str_from0(key), &text, &info);
    return err == HP_OK ? text : (struct hp_str){NULL, 0};
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What somebody wrote at the dashboard holds where it is lower; what is no cap was refused there, and is none
 * here. Whoever reads is told what holds. */
static void obey_caps(struct hp_store *store)
{
    struct hp_errinfo info;
    uint64_t bytes = UINT64_MAX, age_ns = UINT64_MAX;
    char text[48];
    hp_err size = hp_caps_read_size(setting_of(store, HP_CAPS_SIZE_KEY), &bytes, &info);
    hp_err age = hp_caps_read_age(setting_of(store, HP_CAPS_AGE_KEY), &age_ns, &info);
    (void)size; /* then there is none */
    (void)age;
    store->caps =
        (struct hp_caps){lower(bytes, store->given.max_bytes), lower(age_ns, store->given.max_age_ns)};
    if (store->caps.max_bytes == store->told.max_bytes && store->caps.max_age_ns == store->told.max_age_ns) {
        return;
    }
    int n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, store->caps.max_bytes,
                     store->caps.max_age_ns / 1000000000u);
    if (store->ops->set_setting(store, HP_STR(HP_CAPS_FORCE_KEY), hp_str_make(text, (size_t)n), &info) ==
        HP_OK) {
        store->told = store->caps;
    }
}

hp_err hp_store_tidy(struct hp_store *store, struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    if (err == HP_OK) {
        obey_caps(store);
    }
    return err == HP_OK ? store->ops->tidy(store, info) : err;
}

hp_err hp_store_put_lost(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid, uint64_t start_ns,
                         uint64_t lost, struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    return err == HP_OK ? store->ops->put_lost(store, boot_id, pid, start_ns, lost, info) : err;
}

/* --- labels, finding states, settings --- */

hp_err hp__store_keep(struct hp_store *store, enum hp__kept slot, struct hp_str text, struct hp_str *out)
{
    char *copy = hp_str0_dup(text.p, text.n);
    if (copy == NULL) {
        return HP_ENOMEM;
    }
    hp_free(store->kept[slot]);
    store->kept[slot] = copy;
    *out = hp_str_make(copy, text.n);
    return HP_OK;
}

void hp_finding_texts(struct hp_finding_state *state, struct hp_str *texts[HP_FINDING_TEXTS])
{
    struct hp_str *all[HP_FINDING_TEXTS] = {&state->reason, &state->kind,     &state->route,
                                            &state->file,   &state->function, &state->title};
    memcpy(texts, all, sizeof all);
}

char *hp__finding_copy(const struct hp_finding_state *state, struct hp_finding_state *out)
{
    struct hp_finding_state copy = *state;
    struct hp_str *texts[HP_FINDING_TEXTS];
    size_t bytes = 1, at = 0;
    hp_finding_texts(&copy, texts);
    for (int i = 0; i < HP_FINDING_TEXTS; i++) {
        bytes += texts[i]->n;
    }
    char *room = hp_malloc(bytes);
    for (int i = 0; room != NULL && i < HP_FINDING_TEXTS; i++) {
        if (texts[i]->n != 0) {
            memcpy(room + at, texts[i]->p, texts[i]->n);
        }
        *texts[i] = hp_str_make(room + at, texts[i]->n);
        at += texts[i]->n;
    }
    if (room != NULL) {
        *out = copy;
    }
    return room;
}

hp_err hp__store_keep_finding(struct hp_store *store, const struct hp_finding_state *state,
                              struct hp_finding_state *out)
{
    char *room = hp__finding_copy(state, out);
    if (room == NULL) {
        return HP_ENOMEM;
    }
    hp_free(store->kept[HP_KEPT_FINDING]);
    store->kept[HP_KEPT_FINDING] = room;
    return HP_OK;
}

hp_err hp_store_label_begin(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                            struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    if (err == HP_OK && name.n == 0) {
        err = hp_err_set(info, HP_EINVAL, 0, "a label needs a name");
    }
    return err == HP_OK ? store->ops->label_begin(store, name, from_ns, info) : err;
}

hp_err hp_store_label_end(struct hp_store *store, struct hp_str name, uint64_t to_ns, struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    return err == HP_OK ? store->ops->label_end(store, name, to_ns, info) : err;
}

/* Split "before~2" into its name and 2; false if it does not end that way. */
static bool split_label(struct hp_str name, struct hp_str *base, uint32_t *nth)
{
    size_t at = name.n;
    uint32_t number = 0, scale = 1;
    while (at > 0 && name.p[at - 1] >= '0' && name.p[at - 1] <= '9' && name.n - at < 6) {
        number += (uint32_t)(name.p[--at] - '0') * scale;
        scale *= 10;
    }
    if (at == name.n || at < 2 || name.p[at - 1] != '~') {
        return false;
    }
    *base = hp_str_make(name.p, at - 1);
    *nth = number;
    return true;
}

hp_err hp_store_label(struct hp_store *store, struct hp_str name, struct hp_label *label,
                      struct hp_errinfo *info)
{
    struct hp_label found = {0};
    struct hp_str base;
    uint32_t nth;
    hp_err err = hp__store_ask(store, info);
    if (err != HP_OK) {
        return err;
    }
    err = store->ops->label(store, name, 0, &found, info);
    if (err == HP_ENOTFOUND && split_label(name, &base, &nth)) {
        err = store->ops->label(store, base, nth, &found, info);
    }
    hp__store_answered(store);
    if (err == HP_ENOTFOUND) {
        return hp_err_set(info, err, 0, "no label \"%.*s\"", (int)name.n, name.p);
    }
    if (err == HP_OK) {
        err = hp__store_keep(store, HP_KEPT_LABEL, name, &found.name);
    }
    if (err == HP_OK) {
        *label = found;
    }
    return err;
}

hp_err hp_store_labels(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->labels(store, most, fn, ctx, info);
        hp__store_answered(store);
    }
    return err;
}

void hp_store_deadline(struct hp_store *store, uint64_t mono_ns)
{
    if (store->ops->deadline != NULL) {
        store->ops->deadline(store, mono_ns);
    }
}

hp_err hp_store_get_finding(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                            struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->get_finding(store, id, out, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_findings(struct hp_store *store, hp_finding_fn fn, void *ctx, struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->findings(store, fn, ctx, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_set_finding(struct hp_store *store, const struct hp_finding_state *state,
                            struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    return err == HP_OK ? store->ops->set_finding(store, state, info) : err;
}

hp_err hp_store_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                            struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->get_setting(store, key, value, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_set_setting(struct hp_store *store, struct hp_str key, struct hp_str value,
                            struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    return err == HP_OK ? store->ops->set_setting(store, key, value, info) : err;
}

uint64_t hp_store_plan_id(const struct hp_statement *statement)
{
    uint64_t engine = statement->engine == HP_ENGINE_MARIADB ? HP_ENGINE_MYSQL : statement->engine;
    return hp_hash64(statement->text.p, statement->text.n, engine) >> 1; /* SQLite's integers are signed */
}

hp_err hp_store_set_plan(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                         struct hp_errinfo *info)
{
    hp_err err = need(store, false, info);
    return err == HP_OK ? store->ops->set_plan(store, id, at_ns, text, info) : err;
}

hp_err hp_store_get_plan(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                         struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->get_plan(store, id, at_ns, text, info);
        hp__store_answered(store);
    }
    return err;
}

/* --- helpers of the back ends and of the questions --- */

const struct hp_dict *hp_store_dict(const struct hp_store *store)
{
    return store->dict;
}

hp_err hp__store_ask(struct hp_store *store, struct hp_errinfo *info)
{
    if (store->writing) {
        return hp_err_set(info, HP_ESTATE, 0, "a transaction is open");
    }
    if (store->depth == 0) {
        hp_err err = store->ops->read_begin(store, info);
        if (err != HP_OK) {
            return err;
        }
    }
    store->depth++;
    return HP_OK;
}

void hp__store_answered(struct hp_store *store)
{
    if (--store->depth == 0) {
        store->ops->read_end(store);
    }
}

void hp__record_sql(const struct hp_record *record, uint64_t *statements, uint64_t *sql_ns)
{
    *statements = 0;
    *sql_ns = 0;
    for (uint32_t i = 0; i < record->group_count; i++) {
        *statements += record->groups[i].count;
        *sql_ns += record->groups[i].exec_ns + record->groups[i].fetch_ns;
    }
}
