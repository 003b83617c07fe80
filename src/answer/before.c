/* before.c -- see before.h. */
#include "answer/before.h"

#include <string.h>

#define MOST_LABELS 64u

/* "kind name", from `arena`. */
static hp_err set_name(struct hp_before *before, const char *kind, struct hp_str name, struct hp_arena *arena,
                       struct hp_errinfo *info)
{
    size_t n = strlen(kind);
    char *p = hp_arena_alloc(arena, n + name.n + 1, 1);
    if (p == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while looking for what was before");
    }
    memcpy(p, kind, n);
    memcpy(p + n, name.p, name.n);
    p[n + name.n] = '\0';
    before->name = hp_str_make(p, n + name.n);
    return HP_OK;
}

/* ---- revisions ---- */

struct newest_other { /* revision of the last request that began before `until_ns` */
    uint64_t until_ns, start_ns;
    uint32_t revision, own;
};

static bool find_first(void *ctx, const struct hp_narrow_row *row)
{
    struct newest_other *found = ctx;
    found->until_ns = row->start_ns < found->until_ns ? row->start_ns : found->until_ns;
    found->own = row->revision;
    return true;
}

static bool find_last(void *ctx, const struct hp_narrow_row *row)
{
    struct newest_other *found = ctx;
    if (row->revision != found->own && row->start_ns < found->until_ns && row->start_ns >= found->start_ns) {
        found->start_ns = row->start_ns;
        found->revision = row->revision;
    }
    return true;
}

static hp_err find_revision(struct hp_store *store, const struct hp_scope *scope, struct hp_str revision,
                            struct hp_arena *arena, struct hp_before *before, struct hp_errinfo *info)
{
    struct newest_other found = {.until_ns = UINT64_MAX};
    struct hp_scope own = *scope, all = *scope;
    uint64_t each;
    own.revision = revision;
    own.newest_revision = all.newest_revision = false;
    all.revision = (struct hp_str){NULL, 0};
    hp_err err = hp_store_some_rows(store, &own, find_first, &found, &each, info);
    if (err == HP_OK) {
        err = hp_store_some_rows(store, &all, find_last, &found, &each, info);
    }
    struct hp_str name = hp_dict_string(hp_store_dict(store), found.revision);
    if (err != HP_OK || found.start_ns == 0 || name.n == 0) {
        return err;
    }
    before->scope = all;
    err = set_name(before, "revision ", name, arena, info);
    size_t kind = before->name.n - name.n;
    before->scope.revision = err == HP_OK ? hp_str_make(before->name.p + kind, name.n) : name;
    return err;
}

/* ---- labels ---- */

struct last_label {
    uint64_t until_ns;
    struct hp_before *before;
    struct hp_arena *arena;
    struct hp_errinfo *info;
    hp_err err;
};

static bool find_label(void *ctx, const struct hp_label *label)
{
    struct last_label *found = ctx;
    struct hp_scope *scope = &found->before->scope;
    if (label->to_ns != 0 && label->to_ns <= found->until_ns && label->to_ns > scope->to_ns) {
        scope->from_ns = label->from_ns;
        scope->to_ns = label->to_ns;
        found->err = set_name(found->before, "label ", label->name, found->arena, found->info);
    }
    return found->err == HP_OK;
}

hp_err hp_before_find(struct hp_store *store, const struct hp_scope *scope, struct hp_str revision,
                      struct hp_str label, struct hp_arena *arena, struct hp_before *before,
                      struct hp_errinfo *info)
{
    memset(before, 0, sizeof *before);
    if (label.n == 0) {
        return revision.n != 0 ? find_revision(store, scope, revision, arena, before, info) : HP_OK;
    }
    before->scope = *scope;
    before->scope.from_ns = before->scope.to_ns = 0;
    before->scope.revision = (struct hp_str){NULL, 0};
    struct last_label found = {scope->from_ns, before, arena, info, HP_OK};
    hp_err err = hp_store_labels(store, MOST_LABELS, find_label, &found, info);
    return err == HP_OK ? found.err : err;
}
