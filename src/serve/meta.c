/* meta.c -- what the pages need before anything else: revisions, labels, routes, who asks; and single files
 * of source. */
#include <stdlib.h>
#include <string.h>

#include "format/member.h"
#include "serve/question.h"

#define REVISIONS_MOST 200u
#define LABELS_MOST    200u
#define ROUTES_MOST    1000u

struct revision {
    uint32_t id;
    uint64_t first_ns, last_ns, requests;
};

struct route {
    uint32_t id;
    uint64_t total_ns;
};

struct facts {
    struct revision revisions[REVISIONS_MOST];
    struct route routes[ROUTES_MOST];
    uint32_t revision_count, route_count, last_revision, last_route;
    uint64_t first_ns, last_ns, last_row, each;
    uint8_t levels;
};

static void note_revision(struct facts *facts, const struct hp_narrow_row *row)
{
    uint32_t at = facts->last_revision;
    if (at >= facts->revision_count || facts->revisions[at].id != row->revision) {
        for (at = 0; at < facts->revision_count && facts->revisions[at].id != row->revision; at++) {
        }
    }
    if (at == REVISIONS_MOST) {
        return;
    }
    struct revision *revision = &facts->revisions[at];
    if (at == facts->revision_count) {
        *revision = (struct revision){.id = row->revision, .first_ns = row->start_ns};
        facts->revision_count++;
    }
    revision->first_ns = row->start_ns < revision->first_ns ? row->start_ns : revision->first_ns;
    revision->last_ns = row->start_ns > revision->last_ns ? row->start_ns : revision->last_ns;
    revision->requests++;
    facts->last_revision = at;
}

static void note_route(struct facts *facts, const struct hp_narrow_row *row)
{
    uint32_t at = facts->last_route;
    if (at >= facts->route_count || facts->routes[at].id != row->route) {
        for (at = 0; at < facts->route_count && facts->routes[at].id != row->route; at++) {
        }
    }
    if (at == ROUTES_MOST) {
        return;
    }
    if (at == facts->route_count) {
        facts->routes[facts->route_count++] = (struct route){.id = row->route};
    }
    facts->routes[at].total_ns += row->duration_ns;
    facts->last_route = at;
}

static bool note(void *ctx, const struct hp_narrow_row *row)
{
    struct facts *facts = ctx;
    note_revision(facts, row);
    note_route(facts, row);
    facts->first_ns =
        facts->first_ns == 0 || row->start_ns < facts->first_ns ? row->start_ns : facts->first_ns;
    facts->last_ns = row->start_ns > facts->last_ns ? row->start_ns : facts->last_ns;
    facts->levels |= (uint8_t)(1u << (row->level & 7));
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct revision *x = a, *y = b;
    if (x->last_ns != y->last_ns) {
        return x->last_ns > y->last_ns ? -1 : 1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

static int by_total(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    if (x->total_ns != y->total_ns) {
        return x->total_ns > y->total_ns ? -1 : 1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

static void put_revisions(struct hp_question *question, struct facts *facts)
{
    struct hp_json *json = question->json;
    qsort(facts->revisions, facts->revision_count, sizeof *facts->revisions, newest_first);
    hp_json_key(json, "revisions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < facts->revision_count; i++) {
        const struct revision *revision = &facts->revisions[i];
        hp_json_object_begin(json);
        hp_json_kv_str(json, "revision", hp_dict_string(question->dict, revision->id));
        hp_member_moment(json, "first", revision->first_ns);
        hp_member_moment(json, "last", revision->last_ns);
        hp_json_kv_u64(json, "requests", revision->requests * facts->each);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static bool put_label(void *ctx, const struct hp_label *label)
{
    struct hp_json *json = ctx;
    hp_json_object_begin(json);
    hp_json_kv_str(json, "label", label->name);
    hp_member_moment(json, "from", label->from_ns);
    hp_member_moment(json, "to", label->to_ns);
    hp_json_object_end(json);
    return true;
}

/* A value of an array: "GET /x". */
static void put_name(struct hp_json *json, const struct hp_dict *dict, uint32_t id)
{
    struct hp_route route = hp_dict_route(dict, id);
    struct hp_buf name;
    hp_buf_init(&name, 1 << 16);
    hp_buf_put_text(&name, route.method);
    hp_buf_put_text(&name, route.method.n == 0 ? HP_STR("") : HP_STR(" "));
    hp_buf_put_text(&name, route.rule);
    hp_json_str(json, hp_buf_str(&name));
    hp_buf_fini(&name);
}

static void put_routes(struct hp_question *question, struct facts *facts)
{
    struct hp_json *json = question->json;
    qsort(facts->routes, facts->route_count, sizeof *facts->routes, by_total);
    hp_json_key(json, "routes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < facts->route_count; i++) {
        put_name(json, question->dict, facts->routes[i].id);
    }
    hp_json_array_end(json);
    hp_json_key(json, "levels");
    hp_json_array_begin(json);
    for (unsigned level = 0; level <= HP_LEVEL_TRACE; level++) {
        if (facts->levels & (1u << level)) {
            hp_json_cstr(json, hp_member_level((uint8_t)level));
        }
    }
    hp_json_array_end(json);
}

static void put_who(struct hp_question *question)
{
    struct hp_json *json = question->json;
    char token[HP_MAC];
    const char *slash = strrchr(question->path, '/');
    hp_json_kv_cstr(json, "version", HP_VERSION_TEXT);
    hp_json_kv_cstr(json, "store", slash != NULL ? slash + 1 : question->path);
    hp_json_kv_cstr(json, "role", question->role == HP_API_WRITER ? "write" : "read");
    if (question->role == HP_API_WRITER) {
        hp_access_post_token(question->access, token);
        hp_json_kv_cstr(json, "token", token);
    }
    hp_json_kv_bool(json, "login", hp_access_has_login(question->access));
}

hp_err hp__answer_meta(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct hp_scope everything = {0};
    struct facts *facts = hp_arena_alloc(question->arena, sizeof *facts, _Alignof(struct facts));
    if (facts == NULL) {
        return hp_question_no_memory(question);
    }
    memset(facts, 0, sizeof *facts);
    uint64_t each = 1;
    hp_err err = hp_store_some_rows(question->store, &everything, note, facts, &each, question->info);
    if (err == HP_OK) {
        err = hp_store_last_row(question->store, &facts->last_row, question->info);
    }
    facts->each = each;
    if (err != HP_OK) {
        return err;
    }
    put_who(question);
    put_revisions(question, facts);
    hp_json_key(json, "labels");
    hp_json_array_begin(json);
    err = hp_store_labels(question->store, LABELS_MOST, put_label, json, question->info);
    hp_json_array_end(json);
    put_routes(question, facts);
    if (facts->first_ns != 0) {
        hp_member_moment(json, "first", facts->first_ns);
        hp_member_moment(json, "last", facts->last_ns);
    }
    hp_json_kv_u64(json, "last_row", facts->last_row);
    return err;
}

hp_err hp__answer_source(struct hp_question *question)
{
    struct hp_str file = hp_params_text(&question->params, "file"), text = {NULL, 0};
    hp_err err = file.n == 0
                     ? hp_err_set(question->info, HP_EINVAL, 0, "file: which one?")
                     : hp_store_source(question->store, &question->scope, file, &text, question->info);
    if (err == HP_OK && text.n == 0) {
        err = hp_err_set(question->info, HP_ENOTFOUND, 0, "the text of that file was not recorded");
    }
    if (err == HP_OK) {
        hp_question_put_range(question, 0, 0);
        hp_json_kv_str(question->json, "file", file);
        hp_json_kv_str(question->json, "text", text);
    }
    return err;
}
