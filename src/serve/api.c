/* api.c -- see api.h: who may ask, which question it is, a store to answer it from, and the headers of every
 * answer. */
#include "serve/api.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "asset/asset.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "format/gunzip.h"
#include "format/onepage.h"
#include "hotplate/ext/ticket.h"
#include "serve/question.h"
#include "serve/remembered.h"
#include "serve/upload.h"

#define LIMIT_MS        2000u
#define HANDLES         4
#define ARENA_BYTES     ((size_t)512 << 20)
#define BODY_MOST       ((size_t)64 << 20)
#define POST_MOST       ((size_t)16 << 10)
#define HEAD_MOST       ((size_t)32 << 10) /* of a body that is refused with a line */
#define JSON_TYPE       "application/json"
#define BYTES_TYPE      "application/octet-stream"
#define FORM_MOST       ((size_t)2 << 10)
#define PACK_FROM       2048u /* shorter answers are not packed */
#define BUSY_MS         500u
#define REMEMBERED_MOST ((size_t)4 << 20)   /* of one answer */
#define REMEMBERED_FEW  ((size_t)256 << 10) /* the same in an application's process */

struct handle {
    struct hp_store *store; /* owned; NULL: none */
    bool taken;
    uint64_t device, inode; /* of the file when it was opened */
};

struct hp_api {
    struct hp_access access;
    struct hp_ticket_key ticket_key;
    bool has_tickets;
    char *path; /* owned */
    uint32_t limit_ms;
    bool keep;
    hp_api_explain explain;
    pthread_mutex_t lock; /* guards the handles */
    struct handle handles[HANDLES];
    struct hp_remembered remembered;
};

/* ---- life ---- */

static void begin_tickets(struct hp_api *api, const struct hp_api_config *config)
{
    const char *secret = config->secret != NULL ? config->secret : config->token;
    api->has_tickets = secret != NULL && secret[0] != '\0';
    if (api->has_tickets) {
        hp_ticket_key(&api->ticket_key, (struct hp_span8){secret, strlen(secret)});
    }
}

struct hp_api *hp_api_new(const struct hp_api_config *config)
{
    struct hp_api *api = hp_calloc(1, sizeof *api);
    if (api == NULL) {
        return NULL;
    }
    api->path = hp_str0_dup(config->store, strlen(config->store));
    api->limit_ms = config->limit_ms != 0 ? config->limit_ms : LIMIT_MS;
    api->keep = config->keep;
    begin_tickets(api, config);
    api->explain = config->explain;
    if (api->path == NULL || hp_access_init(&api->access, config) != HP_OK) {
        goto no_access;
    }
    if (pthread_mutex_init(&api->lock, NULL) != 0) {
        goto no_lock;
    }
    if (hp_remembered_init(&api->remembered, api->keep ? REMEMBERED_MOST : REMEMBERED_FEW) == HP_OK) {
        return api;
    }
    pthread_mutex_destroy(&api->lock);
no_lock:
    hp_access_fini(&api->access);
no_access:
    hp_free(api->path);
    hp_free(api);
    return NULL;
}

static void close_store(struct hp_store *store)
{
    hp_err err = hp_store_close(store);
    (void)err; /* read only: nothing can be lost */
}

void hp_api_free(struct hp_api *api)
{
    if (api == NULL) {
        return;
    }
    for (int i = 0; i < HANDLES; i++) {
        close_store(api->handles[i].store);
    }
    hp_remembered_fini(&api->remembered);
    pthread_mutex_destroy(&api->lock);
    hp_access_fini(&api->access);
    hp_free(api->path);
    hp_free(api);
}

/* ---- handles of the store ---- */

/* Whether the file is still the one that was opened. */
static bool is_same_file(const struct hp_api *api, const struct handle *handle)
{
    struct stat file;
    return stat(api->path, &file) == 0 && handle->device == file.st_dev && handle->inode == file.st_ino;
}

/* A handle that is free, one with an open store first; NULL: all are taken. */
static struct handle *take(struct hp_api *api)
{
    struct handle *found = NULL;
    pthread_mutex_lock(&api->lock);
    for (int i = 0; i < HANDLES; i++) {
        struct handle *handle = &api->handles[i];
        if (!handle->taken && (found == NULL || (found->store == NULL && handle->store != NULL))) {
            found = handle;
        }
    }
    if (found != NULL) {
        found->taken = true;
    }
    pthread_mutex_unlock(&api->lock);
    return found;
}

/* Put it back; `keep`: with its store. */
static void give_back(struct hp_api *api, struct handle *handle, bool keep)
{
    struct hp_store *store = NULL;
    pthread_mutex_lock(&api->lock);
    if (!keep) {
        store = handle->store;
        handle->store = NULL;
    }
    handle->taken = false;
    pthread_mutex_unlock(&api->lock);
    close_store(store);
}

/* Open the store, an empty one in memory while there is no file or nothing in it: its writer is just making
 * it. `*lasting`: it is the file. */
static hp_err open_store(const struct hp_api *api, enum hp_store_mode mode, struct hp_store **store,
                         bool *lasting, struct hp_errinfo *info)
{
    struct hp_store_config config = {.path = api->path, .mode = mode, .busy_ms = BUSY_MS};
    struct stat file;
    *lasting = stat(api->path, &file) == 0 || errno != ENOENT;
    if (!*lasting && mode != HP_STORE_READ) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "nothing is recorded yet: hotplate run -- COMMAND");
    }
    hp_err err = *lasting ? hp_store_open(&config, store, info) : HP_ENOTFOUND;
    if (err == HP_ENOTFOUND && mode == HP_STORE_READ) {
        *lasting = false;
        config.path = NULL;
        config.mode = HP_STORE_WRITE;
        err = hp_store_open(&config, store, info);
    }
    return err;
}

/* Have a store in the handle. */
static hp_err refresh(struct hp_api *api, struct handle *handle, struct hp_errinfo *info)
{
    bool lasting = false;
    struct stat file;
    if (handle->store != NULL && is_same_file(api, handle)) {
        return HP_OK;
    }
    close_store(handle->store);
    handle->store = NULL;
    handle->device = handle->inode = 0;
    hp_err err = open_store(api, HP_STORE_READ, &handle->store, &lasting, info);
    if (err == HP_OK && lasting && stat(api->path, &file) == 0) {
        handle->device = file.st_dev;
        handle->inode = file.st_ino;
    }
    return err;
}

/* ---- answers ---- */

static void put_header(struct hp_api_response *response, const char *name, const char *value)
{
    if (response->header_count < HP_API_HEADERS) {
        response->headers[response->header_count++] =
            (struct hp_api_header){hp_str_from0(name), hp_str_from0(value)};
    }
}

/* The same with a value of this answer's own. */
static void put_made(struct hp_api_response *response, const char *name, const char *value)
{
    size_t n = strlen(value) + 1;
    if (n <= sizeof response->room - response->room_used) {
        char *copy = response->room + response->room_used;
        memcpy(copy, value, n);
        response->room_used += n;
        put_header(response, name, copy);
    }
}

static void begin(struct hp_api_response *response)
{
    *response = (struct hp_api_response){.status = 200};
    hp_buf_init(&response->body, BODY_MOST);
    put_header(
        response, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'");
    put_header(response, "X-Content-Type-Options", "nosniff");
    put_header(response, "Referrer-Policy", "no-referrer");
    put_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    put_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    put_header(response, "Vary", "Accept-Encoding, Cookie");
}

void hp_api_response_fini(struct hp_api_response *response)
{
    hp_buf_fini(&response->body);
}

static void put_json_head(struct hp_api_response *response)
{
    put_header(response, "Content-Type", "application/json");
    put_header(response, "Cache-Control", "no-store");
}

/* {"error": "…"} instead of whatever was there. */
static void fail(struct hp_api_response *response, int status, const char *line)
{
    struct hp_json json;
    response->status = status;
    hp_buf_fini(&response->body);
    hp_json_init(&json, &response->body, false);
    hp_json_object_begin(&json);
    hp_json_kv_cstr(&json, "error", line);
    if (status == 401) {
        hp_json_kv_bool(&json, "login", true);
    }
    hp_json_object_end(&json);
    put_json_head(response);
}

static int status_of(hp_err err)
{
    switch (err) {
    case HP_OK:
        return 200;
    case HP_EINVAL:
        return 400;
    case HP_EPERM:
        return 403;
    case HP_ENOTFOUND:
        return 404;
    case HP_EFULL:
        return 413;
    case HP_EBUSY:
    case HP_ETIMEOUT:
        return 503;
    default:
        return 500;
    }
}

static void fail_with(struct hp_api_response *response, hp_err err, const struct hp_errinfo *info)
{
    fail(response, status_of(err), info->text[0] != '\0' ? info->text : hp_err_text(err));
}

static bool takes_gzip(const struct hp_api_request *request)
{
    struct hp_str accepted = hp_access_header(request, "accept-encoding");
    return hp_question_contains(accepted, HP_STR("gzip")) &&
           !hp_question_contains(accepted, HP_STR("gzip;q=0"));
}

/* Pack the body where that saves something on the way; from this machine to itself it does not. */
static void pack(const struct hp_api_request *request, struct hp_api_response *response)
{
    struct hp_buf packed;
    if (request->loopback || response->body.len < PACK_FROM || !takes_gzip(request)) {
        return;
    }
    hp_buf_init(&packed, BODY_MOST);
    if (hp_gunzip_pack(hp_buf_str(&response->body), &packed) == HP_OK) {
        hp_buf_fini(&response->body);
        response->body = packed;
        put_header(response, "Content-Encoding", "gzip");
    } else {
        hp_buf_fini(&packed);
    }
}

/* ---- questions ---- */

static const struct {
    const char *path;
    hp_question_fn answer;
    bool bare; /* it is about no scope */
} questions[] = {
    {"api/v1/meta", hp__answer_meta, true},          {"api/v1/overview", hp__answer_overview, false},
    {"api/v1/routes", hp__answer_routes, false},     {"api/v1/route", hp__answer_route, false},
    {"api/v1/tree", hp__answer_tree, false},         {"api/v1/requests", hp__answer_requests, false},
    {"api/v1/request", hp__answer_request, true},    {"api/v1/sql", hp__answer_sql, false},
    {"api/v1/findings", hp__answer_findings, false}, {"api/v1/compare", hp__answer_compare, true},
    {"api/v1/diff", hp__answer_diff, true},          {"api/v1/process", hp__answer_process, false},
    {"api/v1/source", hp__answer_source, false},     {"api/v1/settings", hp__answer_settings, true},
    {"api/v1/plan", hp__answer_plan, false},         {"api/v1/export", hp__answer_export, true},
};

static const struct {
    const char *path;
    hp_err (*change)(struct hp_question *question, struct hp_str body);
} changes[] = {
    {"api/v1/finding", hp__change_finding},
    {"api/v1/settings", hp__change_setting},
    {"api/v1/plan", hp__change_plan},
};

static hp_err write_answer(struct hp_question *question, hp_question_fn answer, bool bare,
                           struct hp_buf *body)
{
    struct hp_json *json = hp_arena_alloc(question->arena, sizeof *json, _Alignof(struct hp_json));
    if (json == NULL) {
        return HP_ENOMEM;
    }
    hp_json_init(json, body, false);
    question->json = json;
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "schema", 1);
    hp_err err = bare ? HP_OK : hp_question_scope(question);
    if (err == HP_OK) {
        err = answer(question);
    }
    if (err != HP_OK) {
        return err;
    }
    hp_json_object_end(json);
    err = hp_json_finish(json);
    return err == HP_OK ? err : hp_err_set(question->info, err, 0, "the answer is too large: ask for less");
}

/* What every question and change has in common, from a request; memory from `arena`. */
static hp_err prepare(struct hp_api *api, const struct hp_api_request *request, enum hp_api_role role,
                      struct hp_arena *arena, struct hp_errinfo *info, struct hp_question *question)
{
    *question = (struct hp_question){.arena = arena,
                                     .now_ns = hp_clock_wall_ns(),
                                     .role = role,
                                     .access = &api->access,
                                     .path = api->path,
                                     .explain = api->explain,
                                     .info = info};
    hp_err err = hp_params_parse(&question->params, request->query, arena);
    return err == HP_EINVAL ? hp_err_set(info, err, 0, "too many parameters") : err;
}

/* A number that changes with every commit: when and how far the file and its journal were last written. */
static uint64_t version_of(const struct hp_api *api)
{
    static const char *const ends[] = {"", "-wal"};
    char name[4096];
    uint64_t version = 0;
    for (int i = 0; i < 2; i++) {
        struct stat file = {0};
        if ((size_t)snprintf(name, sizeof name, "%s%s", api->path, ends[i]) < sizeof name &&
            stat(name, &file) == 0) {
            version = hp_hash_mix(version, (uint64_t)file.st_size);
            version = hp_hash_mix(version, (uint64_t)file.st_mtim.tv_sec * 1000000000u +
                                               (uint64_t)file.st_mtim.tv_nsec);
        }
    }
    return version;
}

static uint64_t question_key(const struct hp_api_request *request, enum hp_api_role role)
{
    uint64_t key = hp_hash64(request->path.p, request->path.n, (uint64_t)role);
    return hp_hash64(request->query.p, request->query.n, key);
}

/* Answer from an open store, or from what is remembered of the same question. */
static hp_err answer_from(struct hp_api *api, const struct hp_api_request *request, size_t which,
                          struct hp_question *question, struct hp_buf *body)
{
    uint64_t key = question_key(request, question->role), begun_ns = hp_clock_mono_ns();
    bool relative = hp_params_text(&question->params, "last").n != 0;
    uint64_t version = version_of(api);
    if (hp_remembered_get(&api->remembered, key, version, relative, begun_ns, body)) {
        return HP_OK;
    }
    hp_store_deadline(question->store, begun_ns + (uint64_t)api->limit_ms * 1000000u);
    hp_err err = write_answer(question, questions[which].answer, questions[which].bare, body);
    hp_store_deadline(question->store, 0);
    if (err == HP_OK) {
        hp_remembered_put(&api->remembered, key, version, begun_ns, hp_clock_mono_ns(), hp_buf_str(body));
    }
    return err;
}

/* A failure that says nothing about the handle. */
static bool is_harmless(hp_err err)
{
    return err == HP_OK || err == HP_EINVAL || err == HP_ENOTFOUND || err == HP_ETIMEOUT || err == HP_EFULL;
}

/* Instead of the answer a page that holds it, to be downloaded. */
static hp_err put_into_page(struct hp_str id, struct hp_api_response *response)
{
    char text[64];
    struct hp_buf page;
    (void)snprintf(text, sizeof text, "Request %.*s", (int)id.n, id.p);
    hp_buf_init(&page, BODY_MOST);
    hp_err err = hp_onepage_write(hp_asset_saved(), hp_str_from0(text), hp_buf_str(&response->body), &page);
    if (err != HP_OK) {
        hp_buf_fini(&page);
        return err;
    }
    hp_buf_fini(&response->body);
    response->body = page;
    (void)snprintf(text, sizeof text, "attachment; filename=\"hotplate-%.*s.html\"", (int)id.n, id.p);
    put_made(response, "Content-Disposition", text);
    put_header(response, "Content-Type", "text/html; charset=utf-8");
    put_header(response, "Cache-Control", "no-store");
    return HP_OK;
}

static void ask(struct hp_api *api, const struct hp_api_request *request, enum hp_api_role role, size_t which,
                struct hp_api_response *response)
{
    struct hp_question *question = hp_malloc(sizeof *question);
    struct hp_errinfo info = {0};
    struct hp_arena arena;
    struct handle *handle = take(api);
    if (handle == NULL || question == NULL) {
        fail(response, 503, "too many questions at once: try again");
        if (handle != NULL) {
            give_back(api, handle, true);
        }
        hp_free(question);
        return;
    }
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = prepare(api, request, role, &arena, &info, question);
    if (err == HP_OK) {
        err = refresh(api, handle, &info);
    }
    if (err == HP_OK) {
        question->store = handle->store;
        question->dict = hp_store_dict(handle->store);
        err = answer_from(api, request, which, question, &response->body);
    }
    give_back(api, handle, api->keep && handle->inode != 0 && is_harmless(err));
    if (err == HP_OK && questions[which].answer == hp__answer_export) {
        err = put_into_page(hp_params_text(&question->params, "id"), response);
    } else if (err == HP_OK) {
        put_json_head(response);
    }
    hp_arena_fini(&arena);
    hp_free(question);
    if (err != HP_OK) {
        fail_with(response, err, &info);
        return;
    }
    pack(request, response);
}

static void change(struct hp_api *api, const struct hp_api_request *request, enum hp_api_role role,
                   size_t which, struct hp_api_response *response)
{
    struct hp_question *question = hp_malloc(sizeof *question);
    struct hp_errinfo info = {0};
    struct hp_arena arena;
    bool lasting;
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = question == NULL ? HP_ENOMEM : prepare(api, request, role, &arena, &info, question);
    if (err == HP_OK) {
        err = open_store(api, HP_STORE_WRITE, &question->store, &lasting, &info);
    }
    if (err == HP_OK) {
        err = changes[which].change(question, request->body);
        hp_err closed = hp_store_close(question->store);
        err = err == HP_OK ? closed : err;
    }
    hp_arena_fini(&arena);
    hp_free(question);
    if (err != HP_OK) {
        fail_with(response, err, &info);
        return;
    }
    hp_remembered_forget(&api->remembered);
    hp_buf_put_text(&response->body, HP_STR("{\"ok\": true}"));
    put_json_head(response);
}

/* ---- files ---- */

static const char *type_of(struct hp_str name)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"},
                 {".woff2", "font/woff2"},
                 {".json", "application/json"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (hp_str_ends(name, hp_str_from0(types[i].end))) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

/* A file of the pages; false if there is none of that name. */
static bool put_file(const struct hp_api_request *request, struct hp_api_response *response)
{
    struct hp_str name = request->path.n == 0 ? HP_STR("index.html") : request->path;
    struct hp_str bytes = hp_asset_file(name);
    char tag[24];
    if (bytes.n == 0) {
        return false;
    }
    (void)snprintf(tag, sizeof tag, "\"%016" PRIx64 "\"", hp_hash64(bytes.p, bytes.n, 0));
    put_made(response, "ETag", tag);
    put_header(response, "Cache-Control", "private, no-cache");
    put_header(response, "Content-Type", type_of(name));
    if (hp_str_eq(hp_access_header(request, "if-none-match"), hp_str_from0(tag))) {
        response->status = 304;
        return true;
    }
    hp_buf_put_text(&response->body, bytes);
    pack(request, response);
    return true;
}

static void put_plain(struct hp_api_response *response, const char *type, struct hp_str text)
{
    put_header(response, "Content-Type", type);
    put_header(response, "Cache-Control", "no-store");
    hp_buf_put_text(&response->body, text);
}

/* The page that asks for the token, with a line of ours about the last one. Nothing else is told to somebody
 * who is not in. */
static void put_login_page(struct hp_api_response *response, int status, const char *line)
{
    static const char place[] = "<!--said-->";
    struct hp_str page = hp_asset_file(HP_STR("login.html"));
    const char *at = page.n != 0 ? memmem(page.p, page.n, place, strlen(place)) : NULL;
    size_t before = at != NULL ? (size_t)(at - page.p) : page.n;
    size_t after = at != NULL ? before + strlen(place) : page.n;
    response->status = status;
    put_plain(response, "text/html; charset=utf-8", hp_str_make(page.p, before));
    hp_buf_put_text(&response->body, hp_str_from0(line));
    hp_buf_put_text(&response->body, hp_str_make(page.p + after, page.n - after));
}

/* ---- who is there ---- */

static bool is_api(struct hp_str path)
{
    return hp_str_starts(path, HP_STR("api/"));
}

/* The style sheet of the page that asks who is there. */
static bool is_look(const struct hp_api_request *request)
{
    return hp_str_eq(request->path, HP_STR("dashboard.css"));
}

static void put_retry_after(struct hp_api_response *response, const struct hp_errinfo *info)
{
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%" PRIu64, info->position);
    put_made(response, "Retry-After", seconds);
}

static void refuse(struct hp_api *api, const struct hp_api_request *request, struct hp_api_response *response,
                   const struct hp_errinfo *info)
{
    char line[sizeof info->text + 1];
    if (info->code == HP_EBUSY) {
        put_retry_after(response, info);
        fail(response, 429, info->text);
    } else if (hp_access_has_login(&api->access) && is_api(request->path)) {
        fail(response, 401, info->text);
    } else if (hp_access_has_login(&api->access) && is_look(request)) {
        (void)put_file(request, response);
    } else if (hp_access_has_login(&api->access)) {
        put_login_page(response, 401, "");
    } else if (is_api(request->path)) {
        fail(response, 403, info->text);
    } else {
        response->status = 403;
        (void)snprintf(line, sizeof line, "%s\n", info->text);
        put_plain(response, "text/plain; charset=utf-8", hp_str_from0(line));
    }
}

static void redirect_home(struct hp_api_response *response)
{
    response->status = 303;
    put_header(response, "Location", "./");
    put_header(response, "Cache-Control", "no-store");
}

static void log_in(struct hp_api *api, const struct hp_api_request *request, struct hp_api_response *response)
{
    struct hp_params params;
    struct hp_arena arena;
    struct hp_errinfo info = {0};
    struct hp_access_cookies cookies;
    hp_arena_init(&arena, FORM_MOST * 4);
    hp_err err = request->body.n > FORM_MOST ? HP_EFULL : hp_params_parse(&params, request->body, &arena);
    if (err == HP_OK) {
        err = hp_access_same_origin(request, &info);
    }
    if (err == HP_OK) {
        err = hp_access_login(&api->access, request, hp_params_text(&params, "token"), hp_clock_wall_ns(),
                              &cookies, &info);
    }
    hp_arena_fini(&arena);
    if (err == HP_OK) {
        put_made(response, "Set-Cookie", cookies.own);
        if (cookies.page[0] != '\0') {
            put_made(response, "Set-Cookie", cookies.page);
        }
        redirect_home(response);
        return;
    }
    int status = err == HP_EBUSY ? 429 : status_of(err);
    const char *line = info.text[0] != '\0' ? info.text : hp_err_text(err);
    if (err == HP_EBUSY) {
        put_retry_after(response, &info);
    }
    if (hp_question_contains(hp_access_header(request, "accept"), HP_STR("text/html"))) {
        put_login_page(response, status, line);
    } else {
        fail(response, status, line);
    }
}

/* ---- profiles from elsewhere ---- */

static bool is_upload(const struct hp_api_request *request)
{
    return hp_str_eq(request->method, HP_STR("POST")) && hp_str_eq(request->path, HP_STR("api/v1/profile"));
}

static void show_upload(struct hp_api *api, const struct hp_api_request *request,
                        struct hp_api_response *response)
{
    struct hp_params params;
    struct hp_arena arena;
    struct hp_errinfo info = {0};
    hp_arena_init(&arena, FORM_MOST * 4);
    hp_err err = hp_access_may_change(&api->access, request, BYTES_TYPE, &info);
    if (err == HP_OK) {
        err = hp_params_parse(&params, request->query, &arena);
    }
    if (err == HP_OK) {
        err = hp_upload_read(request->body, hp_params_text(&params, "name"), &response->body, &info);
    }
    hp_arena_fini(&arena);
    if (err != HP_OK) {
        fail_with(response, err, &info);
        return;
    }
    put_header(response, "Content-Type", BYTES_TYPE);
    put_header(response, "Cache-Control", "no-store");
    pack(request, response);
}

size_t hp_api_body_most(struct hp_api *api, const struct hp_api_request *request)
{
    struct hp_errinfo info = {0};
    bool opens = is_upload(request) &&
                 hp_access_role(&api->access, request, hp_clock_wall_ns(), &info) == HP_API_WRITER &&
                 hp_access_may_change(&api->access, request, BYTES_TYPE, &info) == HP_OK;
    return opens ? HP_UPLOAD_MOST : HEAD_MOST;
}

/* ---- tickets ---- */

/* A new ticket, or what it takes to have one. It changes nothing here, and nobody elsewhere can read the
 * answer. */
static void put_ticket(const struct hp_api *api, struct hp_api_response *response)
{
    struct hp_json json;
    char ticket[HP_TICKET];
    uint64_t until_s = hp_clock_wall_ns() / 1000000000u + HP_TICKET_S;
    hp_json_init(&json, &response->body, false);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_cstr(&json, "header", HP_TICKET_HEADER);
    hp_json_kv_cstr(&json, "cookie", HP_TICKET_COOKIE);
    if (api->has_tickets) {
        hp_ticket_write(&api->ticket_key, until_s, ticket);
        hp_json_kv_cstr(&json, "ticket", ticket);
        hp_json_kv_u64(&json, "seconds", HP_TICKET_S);
    } else {
        hp_json_kv_cstr(&json, "hint",
                        "a secret must be known to all processes: SECRET_KEY or HOTPLATE_TOKEN");
    }
    hp_json_object_end(&json);
    if (hp_json_finish(&json) != HP_OK) {
        fail(response, 500, "out of memory");
        return;
    }
    put_json_head(response);
}

/* ---- dispatch ---- */

static void post(struct hp_api *api, const struct hp_api_request *request, enum hp_api_role role,
                 struct hp_api_response *response)
{
    struct hp_errinfo info = {0};
    if (is_upload(request) && role == HP_API_WRITER) {
        show_upload(api, request, response);
        return;
    }
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (!hp_str_eq(request->path, hp_str_from0(changes[i].path))) {
            continue;
        }
        if (role != HP_API_WRITER) {
            fail(response, 403, "here one can only read");
        } else if (hp_access_may_change(&api->access, request, JSON_TYPE, &info) != HP_OK) {
            fail_with(response, HP_EPERM, &info);
        } else if (request->body.n > POST_MOST) {
            fail(response, 413, "too much to say at once");
        } else {
            change(api, request, role, i, response);
        }
        return;
    }
    if (is_upload(request)) {
        fail(response, 403,
             "profiles are opened by hotplate serve, for who may write, or by hotplate open FILE");
    } else {
        fail(response, 405, "nothing here is changed by POST");
    }
}

static void get(struct hp_api *api, const struct hp_api_request *request, enum hp_api_role role,
                struct hp_api_response *response)
{
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (hp_str_eq(request->path, hp_str_from0(questions[i].path))) {
            ask(api, request, role, i, response);
            return;
        }
    }
    if (hp_str_eq(request->path, HP_STR("api/v1/ticket"))) {
        put_ticket(api, response);
    } else if (!put_file(request, response)) {
        fail(response, 404, "there is no such page");
    }
}

bool hp_api_admits(struct hp_api *api, const struct hp_api_request *request)
{
    return hp_access_sees(&api->access, request, hp_clock_wall_ns());
}

void hp_api_answer(struct hp_api *api, const struct hp_api_request *request, struct hp_api_response *response)
{
    struct hp_errinfo info = {0};
    bool reads = hp_str_eq(request->method, HP_STR("GET")) || hp_str_eq(request->method, HP_STR("HEAD"));
    bool posts = hp_str_eq(request->method, HP_STR("POST"));
    begin(response);
    if (!reads && !posts) {
        put_header(response, "Allow", "GET, HEAD, POST");
        fail(response, 405, "only GET and POST");
        return;
    }
    if (posts && hp_str_eq(request->path, HP_STR("login")) && hp_access_has_login(&api->access)) {
        log_in(api, request, response);
        return;
    }
    enum hp_api_role role = hp_access_role(&api->access, request, hp_clock_wall_ns(), &info);
    if (role == HP_API_NOBODY) {
        refuse(api, request, response, &info);
    } else if (posts && hp_str_eq(request->path, HP_STR("logout"))) {
        put_header(response, "Set-Cookie", "hotplate=; HttpOnly; SameSite=Strict; Max-Age=0");
        put_header(response, "Set-Cookie", "hotplate-page=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        redirect_home(response);
    } else if (posts) {
        post(api, request, role, response);
    } else {
        get(api, request, role, response);
    }
}
