/* test_api.c -- the dashboard's handler: who may ask, what is refused, what is answered, what is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ask.h"
#include "base/clock.h"
#include "sweep_oom.h"

static const struct hp_api_config open_config = {.keep = true};
static const struct hp_api_config token_config = {
    .keep = true, .token = "open sesame", .read_token = "just look"};

static int set_up(void **state)
{
    static struct ask ask;
    ask_begin(&ask, open_config, 40);
    *state = &ask;
    return 0;
}

static int set_up_tokens(void **state)
{
    static struct ask ask;
    ask_begin(&ask, token_config, 40);
    *state = &ask;
    return 0;
}

/* A database that plans everything but what it is told to refuse. */
static bool no_plan;

static hp_err keep_a_plan(const char *path, const struct hp_statement *statement, struct hp_errinfo *info)
{
    static const char plan[] = "{\"engine\":\"sqlite\",\"version\":\"3.40\",\"nodes\":["
                               "{\"parent\":-1,\"operation\":\"SCAN\",\"table\":\"t\",\"access\":\"scan\"}],"
                               "\"tables\":[]}";
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE};
    struct hp_store *store = NULL;
    if (no_plan) {
        return hp_err_set(info, HP_EINVAL, 0, "not explained: it writes");
    }
    hp_err err = hp_store_open(&config, &store, info);
    if (err == HP_OK) {
        err = hp_store_set_plan(store, hp_store_plan_id(statement), ASK_T0, hp_str_from0(plan), info);
        make_must(hp_store_close(store));
    }
    return err;
}

static int set_up_explain(void **state)
{
    static struct ask ask;
    struct hp_api_config config = token_config;
    config.explain = keep_a_plan;
    no_plan = false;
    ask_begin(&ask, config, 40);
    *state = &ask;
    return 0;
}

static int set_up_empty(void **state)
{
    static struct ask ask;
    ask_begin(&ask, open_config, 0);
    *state = &ask;
    return 0;
}

static int tear_down(void **state)
{
    ask_end(*state);
    return 0;
}

/* The answer to a question has this in it. */
static void answers(struct ask *ask, const char *question, const char *text)
{
    assert_int_equal(ask_for(ask, "GET", question), 200);
    assert_true(ask_says(ask, text));
}

static const char *const questions[] = {"api/v1/meta",
                                        "api/v1/overview",
                                        "api/v1/routes",
                                        "api/v1/tree",
                                        "api/v1/requests",
                                        "api/v1/sql",
                                        "api/v1/findings",
                                        "api/v1/process",
                                        "api/v1/settings",
                                        "api/v1/tree?min_ms=1&max_ms=20",
                                        "api/v1/requests?status=5xx&text=x&sort=slowest&limit=3",
                                        "api/v1/overview?last=900"};

/* ---- answers ---- */

static void every_question_is_answered(void **state)
{
    struct ask *ask = *state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        assert_int_equal(ask_for(ask, "GET", questions[i]), 200);
        assert_true(ask_says(ask, "{\"schema\":1,"));
        assert_true(hp_str_eq(ask_header(ask, "Content-Type"), HP_STR("application/json")));
    }
    answers(ask, "api/v1/request?id=000000000000000a", "\"id\":\"000000000000000a\"");
    assert_true(ask_says(ask, "\"previous\":\"0000000000000008\""));
    assert_true(ask_says(ask, "\"next\":\"000000000000000c\""));
}

static void a_request_is_exported_as_a_page(void **state)
{
    struct ask *ask = *state;
    assert_int_equal(ask_for(ask, "GET", "api/v1/export?id=000000000000000a"), 200);
    assert_true(hp_str_eq(ask_header(ask, "Content-Type"), HP_STR("text/html; charset=utf-8")));
    assert_true(hp_str_eq(ask_header(ask, "Content-Disposition"),
                          HP_STR("attachment; filename=\"hotplate-000000000000000a.html\"")));
    assert_true(ask_says(ask, "<title>Request 000000000000000a</title>"));
    assert_true(ask_says(ask, "octet-stream\">H4sI")); /* what gzip begins with, as base64 */
    assert_int_equal(ask_for(ask, "GET", "api/v1/export?id=000000000000ffff"), 404);
    assert_int_equal(ask_for(ask, "GET", "api/v1/export?id=a\"%0d%0ax:y"), 400);
    assert_true(hp_str_eq(ask_header(ask, "Content-Type"), HP_STR("application/json")));
}

static void a_store_that_is_not_there_is_empty(void **state)
{
    struct ask *ask = *state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        assert_int_equal(ask_for(ask, "GET", questions[i]), 200);
    }
    assert_int_equal(ask_for(ask, "GET", "api/v1/request?id=000000000000000a"), 404);
    ask_fill(ask->path, 10); /* and then there is one */
    answers(ask, "api/v1/requests", "\"total\":10");
}

static void a_store_with_nothing_in_it_yet_is_empty(void **state)
{
    struct ask *ask = *state;
    FILE *file = fopen(ask->path, "w"); /* its writer has just made it */
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        assert_int_equal(ask_for(ask, "GET", questions[i]), 200);
    }
    ask_fill(ask->path, 10);
    answers(ask, "api/v1/requests", "\"total\":10");
}

static void requests_are_filtered_and_paged(void **state)
{
    struct ask *ask = *state;
    answers(ask, "api/v1/requests?sort=oldest&limit=2&offset=1", "\"total\":40,\"offset\":1,\"limit\":2");
    assert_true(ask_says(ask, "\"id\":\"0000000000000002\""));
    assert_false(ask_says(ask, "\"id\":\"0000000000000001\""));
    assert_false(ask_says(ask, "\"id\":\"0000000000000004\""));
    answers(ask, "api/v1/requests?level=trace", "\"total\":4,");
    answers(ask, "api/v1/requests?text=0000000000000003", "\"total\":1,");
    answers(ask, "api/v1/requests?status=404", "\"total\":0,");
}

static void requests_are_found_by_what_they_were_asked_with(void **state)
{
    struct ask *ask = *state;
    answers(ask, "api/v1/requests?input=page&sort=oldest&limit=2&offset=1",
            "\"looked_at\":{\"requests\":40,\"of\":40},\"total\":4,");
    assert_true(ask_says(ask, "\"id\":\"0000000000000014\""));
    assert_true(ask_says(ask, "\"id\":\"000000000000001e\""));
    assert_false(ask_says(ask, "\"id\":\"000000000000000a\""));
    assert_false(ask_says(ask, "\"id\":\"0000000000000028\""));
    answers(ask, "api/v1/requests?input=page%3D3", "\"total\":4,");
    answers(ask, "api/v1/requests?input=page%3D4", "\"total\":0,");
    answers(ask, "api/v1/requests?input=pag", "\"total\":0,");
}

static void trees_of_calls_and_of_samples_are_never_added_up(void **state)
{
    struct ask *ask = *state;
    answers(ask, "api/v1/tree?of=samples", "\"requests\":0,");
    assert_true(ask_says(ask, "level sample takes them"));
    ask_sample(ask->path);
    answers(ask, "api/v1/tree?revision=*",
            "\"requests\":8,\"matching\":48,\"of\":\"samples\",\"with\":{\"calls\":4,\"samples\":8}");
    assert_true(ask_says(ask, "\"samples\":240,\"nodes\":["));
    assert_false(ask_says(ask, "\"calls\":1"));
    answers(ask, "api/v1/tree?revision=*&of=calls", "\"requests\":4,\"matching\":48,\"of\":\"calls\"");
    answers(ask, "api/v1/tree?revision=*&of=calls&min_ms=1",
            "\"requests\":4,\"matching\":48,\"of\":\"calls\"");
    answers(ask, "api/v1/tree?revision=*&min_ms=1", "\"requests\":8,\"matching\":48,\"of\":\"samples\"");
    answers(ask, "api/v1/tree?of=outside", "\"of\":\"outside\"");
    assert_true(ask_says(ask, "\"samples\":30,\"nodes\":[{\"node\":0"));
    answers(ask, "api/v1/tree?id=00000000000003e9", "\"of\":\"samples\"");
    assert_int_equal(ask_for(ask, "GET", "api/v1/tree?of=both"), 400);
    answers(ask, "api/v1/diff?a=..&b=..&of=calls", "\"after\":{\"requests\":4,");
}

static void what_is_new_is_seen_in_the_next_answer(void **state)
{
    struct ask *ask = *state;
    answers(ask, "api/v1/meta", "\"last_row\":40");
    ask_fill(ask->path, 5);
    answers(ask, "api/v1/requests?sort=newest&limit=1", "\"total\":45");
}

static void wrong_parameters_are_named(void **state)
{
    struct ask *ask = *state;
    static const char *const wrong[] = {"api/v1/requests?limit=0",
                                        "api/v1/requests?limit=x",
                                        "api/v1/requests?sort=nothing",
                                        "api/v1/overview?from=x",
                                        "api/v1/overview?from=5&to=3",
                                        "api/v1/overview?level=high",
                                        "api/v1/request?id=zz",
                                        "api/v1/request?id=00000000000000AB",
                                        "api/v1/route",
                                        "api/v1/compare?a=&b=",
                                        "api/v1/requests?status=9999",
                                        "api/v1/compare?a=9..x&b=1..2",
                                        "api/v1/source"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ask_for(ask, "GET", wrong[i]), 400);
        assert_true(ask_says(ask, "{\"error\":\""));
    }
    assert_int_equal(ask_for(ask, "GET", "api/v1/overview?label=nosuch"), 404);
    assert_int_equal(ask_for(ask, "GET", "api/v1/compare?a=nosuch&b=nosuch"), 404);
    assert_int_equal(ask_for(ask, "GET", "api/v1/route?route=/nosuch"), 404);
    assert_int_equal(ask_for(ask, "GET", "api/v1/source?file=../../etc/passwd"), 404);
}

static void other_methods_and_paths_are_refused(void **state)
{
    struct ask *ask = *state;
    static const char *const paths[] = {"api/v1/nothing",    "api/v1/meta/", "../api/v1/meta",
                                        "%2e%2e/etc/passwd", "api/v1/",      "/api/v1/meta"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(ask_for(ask, "GET", paths[i]), 404);
    }
    assert_int_equal(ask_for(ask, "DELETE", "api/v1/meta"), 405);
    assert_int_equal(ask_for(ask, "POST", "api/v1/meta"), 405);
    assert_int_equal(ask_for(ask, "GET", "api/v1/finding"), 404);
}

static void every_answer_is_strict_with_browsers(void **state)
{
    struct ask *ask = *state;
    static const char *const paths[] = {"", "api/v1/meta", "nothing"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)ask_for(ask, "GET", paths[i]);
        assert_true(
            hp_str_starts(ask_header(ask, "Content-Security-Policy"), HP_STR("default-src 'none'; ")));
        assert_true(hp_str_eq(ask_header(ask, "X-Content-Type-Options"), HP_STR("nosniff")));
        assert_true(hp_str_eq(ask_header(ask, "Referrer-Policy"), HP_STR("no-referrer")));
        assert_true(ask_header(ask, "Cache-Control").n != 0);
    }
}

static void a_page_that_is_known_is_not_sent_again(void **state)
{
    struct ask *ask = *state;
    char tag[32];
    assert_int_equal(ask_for(ask, "GET", ""), 200);
    struct hp_str etag = ask_header(ask, "ETag");
    snprintf(tag, sizeof tag, "%.*s", (int)etag.n, etag.p);
    ask->etag = tag;
    assert_int_equal(ask_for(ask, "GET", "index.html"), 304);
    assert_int_equal(ask->response.body.len, 0);
}

/* ---- who may ask ---- */

static void others_are_refused_until_there_is_a_token(void **state)
{
    struct ask *ask = *state;
    ask->peer = "192.0.2.7";
    ask->loopback = false;
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 403);
    assert_true(ask_says(ask, "--token"));
    assert_int_equal(ask_for(ask, "GET", ""), 403);
    assert_int_equal(ask_for(ask, "POST", "login"), 403);
}

static void a_name_of_elsewhere_is_refused_on_loopback(void **state)
{
    struct ask *ask = *state;
    static const char *const good[] = {"localhost", "localhost:4747", "127.0.0.1", "[::1]:80",
                                       "shop.localhost"};
    static const char *const bad[] = {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "",
                                      "127.evil",     "127.0.0.1@evil.example"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ask->host = good[i];
        assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 200);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ask->host = bad[i];
        assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 403);
    }
}

static void what_comes_through_a_proxy_is_refused(void **state)
{
    struct ask *ask = *state;
    ask->forwarded = "192.0.2.7";
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 403);
}

static void tokens_open_as_bearer_and_by_cookie(void **state)
{
    struct ask *ask = *state;
    char cookie[128];
    ask->peer = "192.0.2.7";
    ask->loopback = false;
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 401);
    assert_true(ask_says(ask, "\"login\":true"));
    assert_int_equal(ask_for(ask, "GET", ""), 401);
    assert_true(ask_says(ask, "action=\"login\""));
    ask->bearer = "Bearer open sesame";
    answers(ask, "api/v1/meta", "\"role\":\"write\"");
    ask->bearer = "Bearer just look";
    answers(ask, "api/v1/meta", "\"role\":\"read\"");
    assert_false(ask_says(ask, "\"token\""));
    ask->bearer = NULL;
    ask->body = "token=open+sesame";
    assert_int_equal(ask_for(ask, "POST", "login"), 303);
    struct hp_str made = ask_header(ask, "Set-Cookie");
    size_t n = hp_str_find_char(made, ';');
    snprintf(cookie, sizeof cookie, "other=1; %.*s", (int)n, made.p);
    ask->body = NULL;
    ask->cookie = cookie;
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 200);
    cookie[strlen(cookie) - 1] ^= 1; /* forged */
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 401);
}

static void a_token_is_wanted_on_loopback_too_once_there_is_one(void **state)
{
    assert_int_equal(ask_for(*state, "GET", "api/v1/meta"), 401);
}

static void guessing_is_slowed_down(void **state)
{
    struct ask *ask = *state;
    ask->body = "token=wrong";
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask_for(ask, "POST", "login"), 403);
    }
    assert_int_equal(ask_for(ask, "POST", "login"), 429);
    assert_true(ask_header(ask, "Retry-After").n != 0);
    ask->body = "token=open+sesame"; /* the right one has to wait as well */
    assert_int_equal(ask_for(ask, "POST", "login"), 429);
    ask->body = NULL;
    ask->bearer = "Bearer open sesame";
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 429);
    ask->peer = "192.0.2.8"; /* somebody else */
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 200);
}

static void a_browser_is_told_on_the_page_and_sees_nothing_but_its_style(void **state)
{
    struct ask *ask = *state;
    ask->accept = "text/html,*/*;q=0.8";
    ask->body = "token=wrong";
    assert_int_equal(ask_for(ask, "POST", "login"), 403);
    assert_true(ask_says(ask, "not the right token</p>"));
    assert_true(ask_says(ask, "action=\"login\""));
    assert_int_equal(ask_for(ask, "GET", "dashboard.css"), 200);
    assert_true(hp_str_eq(ask_header(ask, "Content-Type"), HP_STR("text/css; charset=utf-8")));
    assert_int_equal(ask_for(ask, "GET", "dashboard.js"), 401);
}

static void a_login_from_elsewhere_is_refused(void **state)
{
    struct ask *ask = *state;
    ask->body = "token=open+sesame";
    ask->origin = "https://evil.example";
    assert_int_equal(ask_for(ask, "POST", "login"), 403);
    ask->origin = "http://127.0.0.1:4747";
    assert_int_equal(ask_for(ask, "POST", "login"), 303);
}

/* ---- changes ---- */

#define MUTE "{\"id\":\"00000000000000ff\",\"muted\":true,\"reason\":\"known\"}"

static void take_token(struct ask *ask, char token[40])
{
    assert_int_equal(ask_for(ask, "GET", "api/v1/meta"), 200);
    ask_text(ask, "token", token, 40);
    assert_int_equal(strlen(token), 32);
}

static void a_finding_is_muted_by_post_with_a_token(void **state)
{
    struct ask *ask = *state;
    char token[40];
    take_token(ask, token);
    ask->token = token;
    ask->type = "application/json";
    ask->body = MUTE;
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 200);
    ask->body = NULL;
    answers(ask, "api/v1/findings", "\"reason\":\"known\"");
    ask->body = "{\"key\":\"editor\",\"value\":\"vscode://file/{file}:{line}\"}";
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 200);
    answers(ask, "api/v1/settings", "vscode://file/{file}:{line}");
    ask->body = "{\"key\":\"levels\",\"value\":\"count GET /health\\nmonitor * over 500ms\"}";
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 200);
    ask->body = "{\"key\":\"max_store\",\"value\":\"lots\"}";
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 400);
    assert_true(ask_says(ask, "not a size like 500MB"));
    ask->body = "{\"key\":\"max_age\",\"value\":\"7d\"}";
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 200);
    ask->body = "{\"key\":\"caps_in_force\",\"value\":\"1 1\"}"; /* nobody's to set */
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 400);
    ask->body = "{\"key\":\"levels\",\"value\":\"count GET /health\\ndeep *\"}";
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 400);
    assert_true(ask_says(ask, "line 2"));
    answers(ask, "api/v1/settings", "over 500ms\"");
    assert_true(ask_says(ask, "\"max_age\":\"7d\""));
    assert_true(ask_says(ask, "\"redacted\":[\"COOKIE\",\"AUTHORIZATION\","));
    ask->body = "{\"key\":\"nosuch\",\"value\":\"x\"}";
    assert_int_equal(ask_for(ask, "POST", "api/v1/settings"), 400);
}

static void changes_that_are_no_pages_of_ours_are_refused(void **state)
{
    struct ask *ask = *state;
    char token[40];
    take_token(ask, token);
    ask->body = MUTE;
    ask->type = "application/json";
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 403); /* without the token */
    ask->token = "0123456789abcdef0123456789abcdef";
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 403);
    ask->token = token;
    ask->type = "text/plain";
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 403);
    ask->type = "application/json";
    ask->site = "cross-site";
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 403);
    ask->site = NULL;
    ask->origin = "http://evil.example";
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 403);
    ask->origin = NULL;
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 200);
}

static void bodies_that_are_no_change_are_refused(void **state)
{
    struct ask *ask = *state;
    static const char *const wrong[] = {"",
                                        "x",
                                        "[]",
                                        "{\"id\":5}",
                                        "{\"id\":\"00000000000000ff\",\"state\":\"odd\"}",
                                        "{\"id\":\"00000000000000ff\"} x",
                                        "{\"id\":\"00"};
    char token[40];
    take_token(ask, token);
    ask->token = token;
    ask->type = "application/json";
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ask->body = wrong[i];
        assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 400);
    }
}

static void a_reader_changes_nothing(void **state)
{
    struct ask *ask = *state;
    ask->bearer = "Bearer just look";
    ask->type = "application/json";
    ask->body = MUTE;
    assert_int_equal(ask_for(ask, "POST", "api/v1/finding"), 403);
    assert_true(ask_says(ask, "only read"));
}

/* ---- plans ---- */

static void name_plan(struct ask *ask, char target[64])
{
    char id[9];
    assert_int_equal(ask_for(ask, "GET", "api/v1/sql"), 200);
    ask_text(ask, "id", id, sizeof id);
    snprintf(target, 64, "api/v1/plan?id=%s", id);
}

static void a_plan_is_asked_for_and_kept(void **state)
{
    struct ask *ask = *state;
    char token[40], target[64], of_request[96];
    ask->bearer = "Bearer open sesame";
    name_plan(ask, target);
    assert_int_equal(ask_for(ask, "GET", target), 200);
    assert_true(ask_says(ask, "\"may_ask\":true"));
    assert_false(ask_says(ask, "\"at\":"));
    take_token(ask, token);
    ask->token = token;
    ask->type = "application/json";
    ask->body = "{}";
    no_plan = true;
    assert_int_equal(ask_for(ask, "POST", target), 400);
    assert_true(ask_says(ask, "it writes"));
    no_plan = false;
    assert_int_equal(ask_for(ask, "POST", target), 200);
    snprintf(of_request, sizeof of_request, "%s&request=000000000000000a", target);
    assert_int_equal(ask_for(ask, "GET", of_request), 200);
    assert_true(ask_says(ask, "\"operation\":\"SCAN\""));
    assert_true(ask_says(ask, "\"advice\":["));
    assert_int_equal(ask_for(ask, "POST", "api/v1/plan?id=00000000"), 404);
    assert_int_equal(ask_for(ask, "GET", "api/v1/plan?id=00000000&request=x"), 400);
}

static void a_reader_sees_plans_and_asks_for_none(void **state)
{
    struct ask *ask = *state;
    char target[64];
    ask->bearer = "Bearer just look";
    name_plan(ask, target);
    assert_int_equal(ask_for(ask, "GET", target), 200);
    assert_true(ask_says(ask, "\"may_ask\":false"));
    ask->type = "application/json";
    ask->body = "{}";
    assert_int_equal(ask_for(ask, "POST", target), 403);
}

static void without_a_way_to_a_database_it_says_so(void **state)
{
    struct ask *ask = *state;
    char token[40], target[64];
    name_plan(ask, target);
    assert_int_equal(ask_for(ask, "GET", target), 200);
    assert_true(ask_says(ask, "hotplate serve does"));
    take_token(ask, token);
    ask->token = token;
    ask->type = "application/json";
    ask->body = "{}";
    assert_int_equal(ask_for(ask, "POST", target), 403);
}

/* ---- profiles from elsewhere ---- */

static void a_profile_is_shown_to_who_may_write(void **state)
{
    struct ask *ask = *state;
    char token[40];
    take_token(ask, token);
    ask->token = token;
    ask->type = "application/octet-stream";
    ask->body = "main;<script>alert(1)</script> 3\nmain;load 4\n";
    assert_int_equal(ask_for(ask, "POST", "api/v1/profile?name=%3Cb%3Ea.txt"), 200);
    assert_true(hp_str_eq(ask_header(ask, "Content-Type"), HP_STR("application/octet-stream")));
    assert_true(ask_says(ask, "<script>alert(1)"));
    ask->body = "\x01 this is nothing";
    assert_int_equal(ask_for(ask, "POST", "api/v1/profile"), 400);
    ask->body = "";
    assert_int_equal(ask_for(ask, "POST", "api/v1/profile"), 400);
    ask->type = "text/plain"; /* as a form of elsewhere could send */
    assert_int_equal(ask_for(ask, "POST", "api/v1/profile"), 403);
    ask->type = "application/octet-stream";
    ask->token = NULL;
    assert_int_equal(ask_for(ask, "POST", "api/v1/profile"), 403);
    assert_int_equal(ask_for(ask, "GET", "api/v1/profile"), 404);
}

static void a_reader_opens_no_profile(void **state)
{
    struct ask *ask = *state;
    ask->bearer = "Bearer just look";
    ask->type = "application/octet-stream";
    ask->body = "main;load 4\n";
    assert_int_equal(ask_for(ask, "POST", "api/v1/profile"), 403);
    assert_true(ask_says(ask, "who may write"));
}

/* ---- memory ---- */

static void ask_all(void *arg)
{
    struct ask *ask = arg;
    struct hp_api_config config = {.store = ask->path, .token = "t"};
    struct hp_api *kept = ask->api;
    ask->api = hp_api_new(&config);
    if (ask->api != NULL) {
        ask->bearer = "Bearer t";
        (void)ask_for(ask, "GET", "api/v1/meta");
        (void)ask_for(ask, "GET", "api/v1/route?route=GET+/0");
        hp_api_response_fini(&ask->response);
        hp_api_free(ask->api);
    }
    ask->api = kept;
}

static void running_out_of_memory_is_survived(void **state)
{
    hp_sweep_oom(ask_all, *state);
}

int main(void)
{
#define TEST(name)        cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define WITH_TOKENS(name) cmocka_unit_test_setup_teardown(name, set_up_tokens, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plan_is_asked_for_and_kept, set_up_explain, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_sees_plans_and_asks_for_none, set_up_explain, tear_down),
        TEST(without_a_way_to_a_database_it_says_so),
        WITH_TOKENS(a_browser_is_told_on_the_page_and_sees_nothing_but_its_style),
        TEST(a_profile_is_shown_to_who_may_write),
        WITH_TOKENS(a_reader_opens_no_profile),
        TEST(every_question_is_answered),
        TEST(a_request_is_exported_as_a_page),
        cmocka_unit_test_setup_teardown(a_store_that_is_not_there_is_empty, set_up_empty, tear_down),
        cmocka_unit_test_setup_teardown(a_store_with_nothing_in_it_yet_is_empty, set_up_empty, tear_down),
        TEST(requests_are_filtered_and_paged),
        TEST(requests_are_found_by_what_they_were_asked_with),
        TEST(trees_of_calls_and_of_samples_are_never_added_up),
        TEST(what_is_new_is_seen_in_the_next_answer),
        TEST(wrong_parameters_are_named),
        TEST(other_methods_and_paths_are_refused),
        TEST(every_answer_is_strict_with_browsers),
        TEST(a_page_that_is_known_is_not_sent_again),
        TEST(others_are_refused_until_there_is_a_token),
        TEST(a_name_of_elsewhere_is_refused_on_loopback),
        TEST(what_comes_through_a_proxy_is_refused),
        WITH_TOKENS(tokens_open_as_bearer_and_by_cookie),
        WITH_TOKENS(a_token_is_wanted_on_loopback_too_once_there_is_one),
        WITH_TOKENS(guessing_is_slowed_down),
        WITH_TOKENS(a_login_from_elsewhere_is_refused),
        TEST(a_finding_is_muted_by_post_with_a_token),
        TEST(changes_that_are_no_pages_of_ours_are_refused),
        TEST(bodies_that_are_no_change_are_refused),
        WITH_TOKENS(a_reader_changes_nothing),
        TEST(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
