/* ask.h -- asking the dashboard's handler in a test: a store with some requests, one line a question. */
#ifndef HP_TEST_ASK_H
#define HP_TEST_ASK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "make_record.h"
#include "serve/api.h"
#include "store/store.h"

#define ASK_T0 (UINT64_C(28333333) * 60000000000u) /* a whole minute in 2023 */
#define ASK_MS UINT64_C(1000000)

struct ask {
    struct hp_api *api;
    struct hp_api_response response;
    char dir[64], path[96];
    /* what the next question says of itself; ask_reset puts the usual back */
    const char *host, *peer, *token, *cookie, *origin, *site, *type, *bearer, *etag, *forwarded, *accept,
        *body;
    bool loopback;
};

static inline void ask_reset(struct ask *ask)
{
    ask->host = "127.0.0.1:4747";
    ask->peer = "127.0.0.1";
    ask->loopback = true;
    ask->token = ask->cookie = ask->origin = ask->site = ask->type = ask->bearer = ask->etag = NULL;
    ask->forwarded = ask->accept = ask->body = NULL;
}

/* `requests` requests in a new store: every tenth with a tree, statements and page=3 in its query, two routes
 * in turn. 0: no store at all. */
static inline void ask_fill(const char *path, unsigned requests)
{
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE};
    struct hp_process process = {.boot_id = "boot", .pid = 42, .start_ns = ASK_T0, .host = {"h", 1}};
    struct hp_store *store = NULL;
    struct hp_errinfo info = {0};
    struct make make;
    if (requests == 0) {
        return;
    }
    make_init(&make, "rev1", 0);
    make.fact.kind = HP_FACT_QUERY;
    make_must(hp_dict_add_string(make.dict, HP_STR("page"), &make.fact.key));
    make_must(hp_dict_add_string(make.dict, HP_STR("3"), &make.fact.value));
    make_must(hp_store_open(&config, &store, &info));
    make_must(hp_store_begin(store, &info));
    make_must(hp_store_put_process(store, &process, &info));
    for (unsigned i = 1; i <= requests; i++) {
        uint64_t start_ns = ASK_T0 + i * 1000 * ASK_MS, wall_ns = (10 + i % 7) * ASK_MS;
        struct hp_str record = i % 10 == 0 ? make_full(&make, i, start_ns, wall_ns, i % 2, 4, 40, 1)
                                           : make_bare(&make, i, start_ns, wall_ns, i % 2);
        make_must(hp_store_put(store, record, make.dict, &info));
    }
    make_must(hp_store_commit(store, &info));
    make_must(hp_store_close(store));
    make_fini(&make);
}

/* Eight more requests whose trees are of samples, a quarter of an hour later, and a tree of what a sampler
 * saw outside of requests. */
static inline void ask_sample(const char *path)
{
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE};
    struct hp_process process = {.boot_id = "boot", .pid = 43, .start_ns = ASK_T0, .host = {"h", 1}};
    struct hp_store *store = NULL;
    struct hp_errinfo info = {0};
    struct make make;
    make_init(&make, "rev1", 0);
    make.sampled = true;
    make_must(hp_store_open(&config, &store, &info));
    make_must(hp_store_begin(store, &info));
    make_must(hp_store_put_process(store, &process, &info));
    for (unsigned i = 1; i <= 8; i++) {
        uint64_t start_ns = ASK_T0 + 900000 * ASK_MS + i * ASK_MS;
        struct hp_str record = make_full(&make, 1000 + i, start_ns, 20 * ASK_MS, 0, 1, 30, 1);
        make_must(hp_store_put(store, record, make.dict, &info));
    }
    struct hp_sampled_row row = {.from_ns = ASK_T0 + 900000 * ASK_MS,
                                 .to_ns = ASK_T0 + 960000 * ASK_MS,
                                 .samples = 30,
                                 .shape = hp_buf_str(&make.shape),
                                 .values = hp_buf_str(&make.values)};
    make_must(hp_store_put_sampled(store, &row, make.dict, &info));
    make_must(hp_store_commit(store, &info));
    make_must(hp_store_close(store));
    make_fini(&make);
}

static inline void ask_begin(struct ask *ask, struct hp_api_config config, unsigned requests)
{
    memset(ask, 0, sizeof *ask);
    ask_reset(ask);
    snprintf(ask->dir, sizeof ask->dir, "/tmp/hp-ask-XXXXXX");
    if (mkdtemp(ask->dir) == NULL) {
        abort();
    }
    snprintf(ask->path, sizeof ask->path, "%s/s.db", ask->dir);
    ask_fill(ask->path, requests);
    config.store = ask->path;
    ask->api = hp_api_new(&config);
    if (ask->api == NULL) {
        abort();
    }
}

static inline void ask_end(struct ask *ask)
{
    char command[160];
    hp_api_response_fini(&ask->response);
    hp_api_free(ask->api);
    snprintf(command, sizeof command, "rm -rf %s", ask->dir);
    if (system(command) != 0) {
        abort();
    }
}

/* Ask and return the status; `target` is path?query. */
static inline int ask_for(struct ask *ask, const char *method, const char *target)
{
    struct hp_api_header headers[10];
    size_t count = 0;
    const struct {
        const char *name, *value;
    } all[] = {{"Host", ask->host},
               {"X-Hotplate-Token", ask->token},
               {"Cookie", ask->cookie},
               {"Origin", ask->origin},
               {"Sec-Fetch-Site", ask->site},
               {"Content-Type", ask->type},
               {"Authorization", ask->bearer},
               {"If-None-Match", ask->etag},
               {"X-Forwarded-For", ask->forwarded},
               {"Accept", ask->accept}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].value != NULL) {
            headers[count++] = (struct hp_api_header){hp_str_from0(all[i].name), hp_str_from0(all[i].value)};
        }
    }
    size_t path = strcspn(target, "?");
    struct hp_api_request request = {.method = hp_str_from0(method),
                                     .path = hp_str_make(target, path),
                                     .query = hp_str_from0(target[path] == '?' ? target + path + 1 : ""),
                                     .body = hp_str_from0(ask->body),
                                     .headers = headers,
                                     .header_count = count,
                                     .peer = hp_str_from0(ask->peer),
                                     .loopback = ask->loopback};
    hp_api_response_fini(&ask->response);
    hp_api_answer(ask->api, &request, &ask->response);
    return ask->response.status;
}

/* Whether the body has this in it. */
static inline bool ask_says(const struct ask *ask, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= ask->response.body.len; i++) {
        if (memcmp(ask->response.body.data + i, text, n) == 0) {
            return true;
        }
    }
    return false;
}

/* The value of a header of the answer, "" without. */
static inline struct hp_str ask_header(const struct ask *ask, const char *name)
{
    for (size_t i = 0; i < ask->response.header_count; i++) {
        if (hp_str_eq(ask->response.headers[i].name, hp_str_from0(name))) {
            return ask->response.headers[i].value;
        }
    }
    return HP_STR("");
}

/* The text behind "key":" in the body, into the caller's buffer. */
static inline void ask_text(const struct ask *ask, const char *key, char *out, size_t n)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\":\"", key);
    size_t m = strlen(wanted), used = 0;
    for (size_t i = 0; i + m <= ask->response.body.len; i++) {
        if (memcmp(ask->response.body.data + i, wanted, m) == 0) {
            for (i += m; i < ask->response.body.len && ask->response.body.data[i] != '"' && used + 1 < n;
                 i++) {
                out[used++] = (char)ask->response.body.data[i];
            }
            break;
        }
    }
    out[used] = '\0';
}

#endif
