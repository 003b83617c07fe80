/* memory_note.c -- labels, findings, plans and settings of the store in memory: each a plain list that is
 * searched. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/memory_int.h"

struct label {
    char *name; /* owned */
    size_t n;
    uint64_t from_ns, to_ns;
};

struct plan {
    uint64_t id, at_ns;
    char *text; /* owned */
    size_t text_n;
};

struct setting {
    char *key, *value; /* owned */
    size_t key_n, value_n;
};

struct finding {
    struct hp_finding_state state;
    char *texts; /* owned: all of them */
};

hp_err hp__memory_label_begin(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                              struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    struct label *label = hp__list_push(&notes->labels, sizeof *label);
    char *copy = label != NULL ? hp_str0_dup(name.p, name.n) : NULL;
    if (copy == NULL) {
        return hp__memory_full(info);
    }
    *label = (struct label){copy, name.n, from_ns, 0};
    notes->labels.count++;
    return HP_OK;
}

static bool is_label(const struct label *label, struct hp_str name)
{
    return hp_str_eq(hp_str_make(label->name, label->n), name);
}

hp_err hp__memory_label_end(struct hp_store *store, struct hp_str name, uint64_t to_ns,
                            struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    struct label *newest = NULL;
    for (size_t i = 0; i < notes->labels.count; i++) {
        struct label *label = HP__AT(notes->labels, struct label, i);
        if (is_label(label, name) && label->to_ns == 0 &&
            (newest == NULL || label->from_ns >= newest->from_ns)) {
            newest = label;
        }
    }
    if (newest == NULL) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "no open label \"%.*s\"", (int)name.n, name.p);
    }
    newest->to_ns = to_ns;
    return HP_OK;
}

/* Whether `a` (at place i) is newer than `b` (at place j). */
static bool newer(const struct label *a, size_t i, const struct label *b, size_t j)
{
    return a->from_ns != b->from_ns ? a->from_ns > b->from_ns : i > j;
}

hp_err hp__memory_label(struct hp_store *store, struct hp_str name, uint32_t nth, struct hp_label *out,
                        struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    (void)info;
    for (size_t i = 0; i < notes->labels.count; i++) {
        const struct label *one = HP__AT(notes->labels, struct label, i);
        uint32_t before = 0;
        for (size_t j = 0; j < notes->labels.count; j++) {
            const struct label *other = HP__AT(notes->labels, struct label, j);
            before += is_label(other, name) && newer(other, j, one, i);
        }
        if (is_label(one, name) && before == nth) {
            out->from_ns = one->from_ns;
            out->to_ns = one->to_ns;
            return HP_OK;
        }
    }
    return HP_ENOTFOUND;
}

hp_err hp__memory_labels(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                         struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    (void)info;
    for (size_t i = notes->labels.count; i > 0 && most > 0; i--, most--) {
        const struct label *one = HP__AT(notes->labels, struct label, i - 1);
        struct hp_label out = {hp_str_make(one->name, one->n), one->from_ns, one->to_ns};
        if (!fn(ctx, &out)) {
            break;
        }
    }
    return HP_OK;
}

hp_err hp__memory_get_finding(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                              struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    for (size_t i = 0; i < notes->findings.count; i++) {
        const struct finding *finding = HP__AT(notes->findings, struct finding, i);
        if (finding->state.id == id) {
            return hp__store_keep_finding(store, &finding->state, out);
        }
    }
    return hp_err_set(info, HP_ENOTFOUND, 0, "no such finding");
}

static int later_finding(const void *a, const void *b)
{
    const struct hp_finding_state *x = &((const struct finding *)a)->state;
    const struct hp_finding_state *y = &((const struct finding *)b)->state;
    if (x->last_ns != y->last_ns) {
        return x->last_ns < y->last_ns ? 1 : -1;
    }
    return ((int64_t)x->id > (int64_t)y->id) - ((int64_t)x->id < (int64_t)y->id);
}

hp_err hp__memory_findings(struct hp_store *store, hp_finding_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    (void)info;
    if (notes->findings.count > 1) {
        qsort(notes->findings.p, notes->findings.count, sizeof(struct finding), later_finding);
    }
    for (size_t i = 0; i < notes->findings.count; i++) {
        if (!fn(ctx, &HP__AT(notes->findings, struct finding, i)->state)) {
            break;
        }
    }
    return HP_OK;
}

hp_err hp__memory_set_finding(struct hp_store *store, const struct hp_finding_state *state,
                              struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    struct finding *finding = NULL;
    struct hp_finding_state kept;
    for (size_t i = 0; i < notes->findings.count && finding == NULL; i++) {
        struct finding *old = HP__AT(notes->findings, struct finding, i);
        finding = old->state.id == state->id ? old : NULL;
    }
    char *texts = hp__finding_copy(state, &kept);
    if (texts != NULL && finding == NULL) {
        finding = hp__list_push(&notes->findings, sizeof *finding);
        if (finding != NULL) {
            finding->texts = NULL;
            notes->findings.count++;
        }
    }
    if (texts == NULL || finding == NULL) {
        hp_free(texts);
        return hp__memory_full(info);
    }
    hp_free(finding->texts);
    *finding = (struct finding){kept, texts};
    return HP_OK;
}

static struct plan *find_plan(struct hp__memory_notes *notes, uint64_t id)
{
    for (size_t i = 0; i < notes->plans.count; i++) {
        struct plan *plan = HP__AT(notes->plans, struct plan, i);
        if (plan->id == id) {
            return plan;
        }
    }
    return NULL;
}

hp_err hp__memory_get_plan(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                           struct hp_errinfo *info)
{
    const struct plan *plan = find_plan(hp__memory_notes(store), id);
    if (plan == NULL) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "no plan of this statement");
    }
    *at_ns = plan->at_ns;
    return hp__store_keep(store, HP_KEPT_PLAN, hp_str_make(plan->text, plan->text_n), text);
}

hp_err hp__memory_set_plan(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                           struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    struct plan *plan = find_plan(notes, id);
    char *copy = hp_str0_dup(text.p, text.n);
    if (copy != NULL && plan == NULL) {
        plan = hp__list_push(&notes->plans, sizeof *plan);
        if (plan != NULL) {
            *plan = (struct plan){.id = id};
            notes->plans.count++;
        }
    }
    if (copy == NULL || plan == NULL) {
        hp_free(copy);
        return hp__memory_full(info);
    }
    hp_free(plan->text);
    *plan = (struct plan){id, at_ns, copy, text.n};
    return HP_OK;
}

static struct setting *find_setting(struct hp__memory_notes *notes, struct hp_str key)
{
    for (size_t i = 0; i < notes->settings.count; i++) {
        struct setting *setting = HP__AT(notes->settings, struct setting, i);
        if (hp_str_eq(hp_str_make(setting->key, setting->key_n), key)) {
            return setting;
        }
    }
    return NULL;
}

hp_err hp__memory_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                              struct hp_errinfo *info)
{
    const struct setting *setting = find_setting(hp__memory_notes(store), key);
    if (setting == NULL) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "no setting \"%.*s\"", (int)key.n, key.p);
    }
    return hp__store_keep(store, HP_KEPT_VALUE, hp_str_make(setting->value, setting->value_n), value);
}

hp_err hp__memory_set_setting(struct hp_store *store, struct hp_str key, struct hp_str value,
                              struct hp_errinfo *info)
{
    struct hp__memory_notes *notes = hp__memory_notes(store);
    struct setting *setting = find_setting(notes, key);
    char *copy = hp_str0_dup(value.p, value.n);
    if (copy != NULL && setting == NULL) {
        char *name = hp_str0_dup(key.p, key.n);
        setting = name != NULL ? hp__list_push(&notes->settings, sizeof *setting) : NULL;
        if (setting != NULL) {
            *setting = (struct setting){.key = name, .key_n = key.n};
            notes->settings.count++;
        } else {
            hp_free(name);
        }
    }
    if (copy == NULL || setting == NULL) {
        hp_free(copy);
        return hp__memory_full(info);
    }
    hp_free(setting->value);
    setting->value = copy;
    setting->value_n = value.n;
    return HP_OK;
}

void hp__memory_notes_free(struct hp__memory_notes *notes)
{
    for (size_t i = 0; i < notes->labels.count; i++) {
        hp_free(HP__AT(notes->labels, struct label, i)->name);
    }
    for (size_t i = 0; i < notes->settings.count; i++) {
        hp_free(HP__AT(notes->settings, struct setting, i)->key);
        hp_free(HP__AT(notes->settings, struct setting, i)->value);
    }
    for (size_t i = 0; i < notes->plans.count; i++) {
        hp_free(HP__AT(notes->plans, struct plan, i)->text);
    }
    for (size_t i = 0; i < notes->findings.count; i++) {
        hp_free(HP__AT(notes->findings, struct finding, i)->texts);
    }
    hp_free(notes->labels.p);
    hp_free(notes->settings.p);
    hp_free(notes->plans.p);
    hp_free(notes->findings.p);
}
