/* access.c -- see access.h. */
#include "serve/access.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/mem.h"

#define FREE_FAILURES 5u
#define LONGEST_S     64u
#define FORGET_NS     (UINT64_C(600) * 1000000000u)
#define SECOND_NS     UINT64_C(1000000000)
#define COOKIE_S      43200u
#define COOKIE_NAME   "hotplate"
#define PAGE_COOKIE   "hotplate-page" /* of the application's pages: opens nothing, shows the toolbar */

/* ---- tokens ---- */

static bool is_token(const char *token, struct hp_str given)
{
    return token != NULL && given.n != 0 && hp_mac_same(given, hp_str_from0(token));
}

static enum hp_api_role role_of_token(const struct hp_access *access, struct hp_str given)
{
    if (is_token(access->token, given)) {
        return HP_API_WRITER;
    }
    return is_token(access->read_token, given) ? HP_API_READER : HP_API_NOBODY;
}

/* ---- life ---- */

static hp_err copy_text(const char *text, char **out)
{
    *out = NULL;
    if (text == NULL || text[0] == '\0') {
        return HP_OK;
    }
    *out = hp_str0_dup(text, strlen(text));
    return *out != NULL ? HP_OK : HP_ENOMEM;
}

static struct hp_str text_of(const char *text)
{
    return hp_str_from0(text != NULL ? text : "");
}

hp_err hp_access_init(struct hp_access *access, const struct hp_api_config *config)
{
    memset(access, 0, sizeof *access);
    access->read_only = config->read_only;
    access->pages = config->pages;
    hp_err err = copy_text(config->token, &access->token);
    if (err == HP_OK) {
        err = copy_text(config->read_token, &access->read_token);
    }
    if (err == HP_OK) {
        err = copy_text(config->hint != NULL ? config->hint : "--token or HOTPLATE_TOKEN opens it",
                        &access->hint);
    }
    if (err == HP_OK && hp_access_has_login(access)) {
        hp_mac_derive(&access->key, text_of(access->token), text_of(access->read_token));
    } else if (err == HP_OK && getrandom(&access->key, sizeof access->key, 0) != sizeof access->key) {
        err = HP_EIO;
    }
    if (err == HP_OK && pthread_mutex_init(&access->lock, NULL) != 0) {
        err = HP_ENOMEM;
    }
    if (err != HP_OK) {
        hp_free(access->token);
        hp_free(access->read_token);
        hp_free(access->hint);
    }
    return err;
}

void hp_access_fini(struct hp_access *access)
{
    pthread_mutex_destroy(&access->lock);
    hp_free(access->token);
    hp_free(access->read_token);
    hp_free(access->hint);
}

bool hp_access_has_login(const struct hp_access *access)
{
    return access->token != NULL || access->read_token != NULL;
}

/* ---- headers ---- */

static bool is_name(struct hp_str name, const char *wanted)
{
    size_t n = strlen(wanted);
    if (name.n != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = name.p[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        if (c != wanted[i]) {
            return false;
        }
    }
    return true;
}

struct hp_str hp_access_header(const struct hp_api_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (is_name(request->headers[i].name, name)) {
            return request->headers[i].value;
        }
    }
    return (struct hp_str){NULL, 0};
}

/* Host without its port and brackets. */
static struct hp_str host_name(struct hp_str host)
{
    if (host.n != 0 && host.p[0] == '[') {
        size_t end = hp_str_find_char(host, ']');
        return end < host.n ? hp_str_make(host.p + 1, end - 1) : host;
    }
    return hp_str_make(host.p, hp_str_find_char(host, ':'));
}

bool hp_api_is_loopback(struct hp_str address)
{
    struct hp_str mapped = HP_STR("::ffff:");
    if (hp_str_starts(address, mapped)) {
        address = hp_str_make(address.p + mapped.n, address.n - mapped.n);
    }
    size_t dots = 0;
    for (size_t i = 0; i < address.n; i++) {
        bool digit = address.p[i] >= '0' && address.p[i] <= '9';
        dots += address.p[i] == '.';
        if (!digit && address.p[i] != '.') {
            return hp_str_eq(address, HP_STR("::1"));
        }
    }
    return dots == 3 && hp_str_starts(address, HP_STR("127."));
}

static bool is_local_host(struct hp_str host)
{
    struct hp_str name = host_name(host);
    return is_name(name, "localhost") || hp_api_is_loopback(name) ||
           (name.n > 10 && is_name(hp_str_make(name.p + name.n - 10, 10), ".localhost"));
}

static bool came_through_proxy(const struct hp_api_request *request)
{
    static const char *const signs[] = {"x-forwarded-for",  "forwarded",       "x-real-ip", "via",
                                        "x-forwarded-host", "cf-connecting-ip"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (hp_access_header(request, signs[i]).n != 0) {
            return true;
        }
    }
    return false;
}

/* ---- waiting after wrong tokens ---- */

static struct hp_access_peer *peer_of(struct hp_access *access, struct hp_str address, uint64_t now_ns)
{
    uint64_t hash = hp_siphash24(access->key.words[0], address.p, address.n);
    struct hp_access_peer *oldest = &access->peers[0];
    for (size_t i = 0; i < HP_ACCESS_PEERS; i++) {
        struct hp_access_peer *peer = &access->peers[i];
        if (peer->hash == hash) {
            peer->failures = peer->seen_ns + FORGET_NS < now_ns ? 0 : peer->failures;
            return peer;
        }
        oldest = peer->seen_ns < oldest->seen_ns ? peer : oldest;
    }
    *oldest = (struct hp_access_peer){.hash = hash, .seen_ns = now_ns};
    return oldest;
}

/* HP_EBUSY while this address has to wait. */
static hp_err may_try(struct hp_access *access, struct hp_str address, uint64_t now_ns,
                      struct hp_errinfo *info)
{
    pthread_mutex_lock(&access->lock);
    uint64_t until_ns = peer_of(access, address, now_ns)->until_ns;
    pthread_mutex_unlock(&access->lock);
    if (until_ns <= now_ns) {
        return HP_OK;
    }
    uint64_t seconds = (until_ns - now_ns) / SECOND_NS + 1;
    return hp_err_set(info, HP_EBUSY, seconds, "too many wrong tokens: wait %" PRIu64 " s", seconds);
}

static void count_try(struct hp_access *access, struct hp_str address, uint64_t now_ns, bool right)
{
    pthread_mutex_lock(&access->lock);
    struct hp_access_peer *peer = peer_of(access, address, now_ns);
    peer->seen_ns = now_ns;
    peer->failures = right ? 0 : peer->failures + 1;
    if (peer->failures >= FREE_FAILURES) {
        uint32_t over = peer->failures - FREE_FAILURES;
        uint64_t seconds = over < 6 ? UINT64_C(1) << over : LONGEST_S;
        peer->until_ns = now_ns + seconds * SECOND_NS;
    }
    pthread_mutex_unlock(&access->lock);
}

static enum hp_api_role try_token(struct hp_access *access, const struct hp_api_request *request,
                                  struct hp_str token, uint64_t now_ns, struct hp_errinfo *info)
{
    if (may_try(access, request->peer, now_ns, info) != HP_OK) {
        return HP_API_NOBODY;
    }
    enum hp_api_role role = role_of_token(access, token);
    count_try(access, request->peer, now_ns, role != HP_API_NOBODY);
    if (role == HP_API_NOBODY) {
        hp_err_set(info, HP_EPERM, 0, "not the right token");
    }
    return role;
}

/* ---- cookies: "w.1769860800.MAC" ---- */

static void sign(const struct hp_access *access, char role, uint64_t until_s, char out[HP_MAC])
{
    char text[64];
    (void)snprintf(text, sizeof text, "cookie %c %" PRIu64, role, until_s);
    hp_mac_sign(&access->key, text, out);
}

/* What a cookie is for: 'w' and 'r' are roles, 'p' is the page cookie; 0: it is none of ours, or too old. */
static char letter_of_cookie(const struct hp_access *access, struct hp_str value, uint64_t now_ns)
{
    uint64_t until_s = 0;
    char expected[HP_MAC];
    if (value.n < 36 || value.n > 56 || memchr("wrp", value.p[0], 3) == NULL || value.p[1] != '.') {
        return 0;
    }
    size_t digits = value.n - 35;
    for (size_t i = 2; i < 2 + digits; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return 0;
        }
        until_s = until_s * 10 + (uint64_t)(value.p[i] - '0');
    }
    sign(access, value.p[0], until_s, expected);
    bool good = value.p[2 + digits] == '.' && until_s > now_ns / SECOND_NS &&
                hp_mac_same(hp_str_make(value.p + value.n - 32, 32), hp_str_make(expected, 32));
    return good ? value.p[0] : 0;
}

static enum hp_api_role role_of_cookie(const struct hp_access *access, struct hp_str value, uint64_t now_ns)
{
    char letter = letter_of_cookie(access, value, now_ns);
    return letter == 'w' ? HP_API_WRITER : letter == 'r' ? HP_API_READER : HP_API_NOBODY;
}

struct hp_str hp_access_cookie(struct hp_str cookies, const char *name)
{
    size_t n = strlen(name);
    while (cookies.n != 0) {
        size_t end = hp_str_find_char(cookies, ';');
        struct hp_str one = hp_str_make(cookies.p, end);
        while (one.n != 0 && one.p[0] == ' ') {
            one = hp_str_make(one.p + 1, one.n - 1);
        }
        if (one.n > n && memcmp(one.p, name, n) == 0 && one.p[n] == '=') {
            return hp_str_make(one.p + n + 1, one.n - n - 1);
        }
        size_t skip = end < cookies.n ? end + 1 : end;
        cookies = hp_str_make(cookies.p + skip, cookies.n - skip);
    }
    return (struct hp_str){NULL, 0};
}

/* The page cookie goes with every page of the application, the other one only with the dashboard's. */
static void make_cookie(const struct hp_access *access, const char *name, char letter, uint64_t until_s,
                        bool https, char out[HP_ACCESS_COOKIE])
{
    char signature[HP_MAC];
    sign(access, letter, until_s, signature);
    (void)snprintf(out, HP_ACCESS_COOKIE, "%s=%c.%" PRIu64 ".%s%s; HttpOnly; SameSite=Strict; Max-Age=%u%s",
                   name, letter, until_s, signature, letter == 'p' ? "; Path=/" : "", COOKIE_S,
                   https ? "; Secure" : "");
}

hp_err hp_access_login(struct hp_access *access, const struct hp_api_request *request, struct hp_str token,
                       uint64_t now_ns, struct hp_access_cookies *cookies, struct hp_errinfo *info)
{
    enum hp_api_role role = try_token(access, request, token, now_ns, info);
    if (role == HP_API_NOBODY) {
        return info->code;
    }
    bool https = is_name(hp_access_header(request, "x-forwarded-proto"), "https");
    uint64_t until_s = now_ns / SECOND_NS + COOKIE_S;
    cookies->page[0] = '\0';
    make_cookie(access, COOKIE_NAME, role == HP_API_WRITER ? 'w' : 'r', until_s, https, cookies->own);
    if (access->pages) {
        make_cookie(access, PAGE_COOKIE, 'p', until_s, https, cookies->page);
    }
    return HP_OK;
}

/* ---- roles ---- */

/* Nothing is configured: this machine only. */
static enum hp_api_role role_of_neighbour(const struct hp_access *access,
                                          const struct hp_api_request *request, struct hp_errinfo *info)
{
    struct hp_str host = hp_access_header(request, "host");
    if (!request->loopback) {
        hp_err_set(info, HP_EPERM, 0, "the dashboard answers only this machine; %s", access->hint);
    } else if (came_through_proxy(request)) {
        hp_err_set(info, HP_EPERM, 0, "the dashboard does not answer through a proxy; %s", access->hint);
    } else if (!is_local_host(host)) {
        hp_err_set(info, HP_EPERM, 0,
                   "the dashboard answers as localhost or 127.0.0.1 only, not as another host; %s",
                   access->hint);
    } else {
        return HP_API_WRITER;
    }
    return HP_API_NOBODY;
}

static enum hp_api_role role_by_token(struct hp_access *access, const struct hp_api_request *request,
                                      uint64_t now_ns, struct hp_errinfo *info)
{
    struct hp_str bearer = HP_STR("Bearer "), shown = hp_access_header(request, "authorization");
    if (hp_str_starts(shown, bearer)) {
        return try_token(access, request, hp_str_make(shown.p + bearer.n, shown.n - bearer.n), now_ns, info);
    }
    enum hp_api_role role =
        role_of_cookie(access, hp_access_cookie(hp_access_header(request, "cookie"), COOKIE_NAME), now_ns);
    if (role == HP_API_NOBODY) {
        hp_err_set(info, HP_EPERM, 0, "log in first");
    }
    return role;
}

enum hp_api_role hp_access_role(struct hp_access *access, const struct hp_api_request *request,
                                uint64_t now_ns, struct hp_errinfo *info)
{
    enum hp_api_role role = request->granted;
    if (role == HP_API_NOBODY) {
        role = hp_access_has_login(access) ? role_by_token(access, request, now_ns, info)
                                           : role_of_neighbour(access, request, info);
    }
    return access->read_only && role == HP_API_WRITER ? HP_API_READER : role;
}

bool hp_access_sees(struct hp_access *access, const struct hp_api_request *request, uint64_t now_ns)
{
    struct hp_errinfo info = {0};
    struct hp_str cookie = hp_access_cookie(hp_access_header(request, "cookie"), PAGE_COOKIE);
    return hp_access_role(access, request, now_ns, &info) != HP_API_NOBODY ||
           (hp_access_has_login(access) && letter_of_cookie(access, cookie, now_ns) == 'p');
}

/* ---- changes ---- */

void hp_access_post_token(const struct hp_access *access, char token[HP_MAC])
{
    hp_mac_sign(&access->key, "post", token);
}

hp_err hp_access_same_origin(const struct hp_api_request *request, struct hp_errinfo *info)
{
    struct hp_str site = hp_access_header(request, "sec-fetch-site");
    struct hp_str origin = hp_access_header(request, "origin");
    if (site.n != 0) {
        return hp_str_eq(site, HP_STR("same-origin"))
                   ? HP_OK
                   : hp_err_set(info, HP_EPERM, 0, "only the dashboard's own pages may do this");
    }
    if (origin.n == 0) {
        return HP_OK; /* not a browser */
    }
    for (size_t i = 0; i + 3 <= origin.n; i++) {
        if (memcmp(origin.p + i, "://", 3) == 0) {
            struct hp_str host = hp_str_make(origin.p + i + 3, origin.n - i - 3);
            if (hp_str_eq(host, hp_access_header(request, "host")) ||
                hp_str_eq(host, hp_access_header(request, "x-forwarded-host"))) {
                return HP_OK;
            }
            break;
        }
    }
    return hp_err_set(info, HP_EPERM, 0, "only the dashboard's own pages may do this");
}

hp_err hp_access_may_change(const struct hp_access *access, const struct hp_api_request *request,
                            const char *type, struct hp_errinfo *info)
{
    char expected[HP_MAC];
    hp_err err = hp_access_same_origin(request, info);
    if (err != HP_OK) {
        return err;
    }
    if (!hp_str_starts(hp_access_header(request, "content-type"), hp_str_from0(type))) {
        return hp_err_set(info, HP_EPERM, 0, "this is sent as %s", type);
    }
    hp_access_post_token(access, expected);
    if (!hp_mac_same(hp_access_header(request, "x-hotplate-token"), hp_str_from0(expected))) {
        return hp_err_set(info, HP_EPERM, 0, "the page is out of date: load it again");
    }
    return HP_OK;
}
