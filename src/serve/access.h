/* access.h -- who may ask what: tokens, cookies, the way in, and what a browser must show before anything is
 * changed.
 *
 *     granted by the application's authoriser      that role
 *     a token is configured                        by `Authorization: Bearer`, or by the cookie that the login gives
 *     none is                                      loopback only, by a name of this machine (else: DNS rebinding), not through a proxy
 *
 * Cookies and the token for POST are MACs (SipHash, 128 bits) under a key that nobody outside has: drawn at
 * random, or made of the configured tokens, so that all workers of an application agree. Wrong tokens are
 * counted by address; from the fifth on each costs waiting.
 */
#ifndef HP_ACCESS_H
#define HP_ACCESS_H

#include <pthread.h>

#include "serve/api.h"
#include "serve/mac.h"

#define HP_ACCESS_PEERS 64u

struct hp_access_peer {
    uint64_t hash, until_ns /* of the wall clock: nothing before */, seen_ns;
    uint32_t failures;
};

struct hp_access {
    char *token, *read_token; /* owned; NULL: none */
    bool read_only;
    bool pages; /* the login is also for pages of the application */
    char *hint;
    struct hp_mac_key key;
    pthread_mutex_t lock; /* guards what follows */
    struct hp_access_peer peers[HP_ACCESS_PEERS];
};

/* Fails: HP_ENOMEM; HP_EIO where the system has no random numbers. Owes _fini only after HP_OK. */
HP_CHECK hp_err hp_access_init(struct hp_access *access, const struct hp_api_config *config);
void hp_access_fini(struct hp_access *access);

/* The value of a header, by its name in lower case; empty if it is not there. */
struct hp_str hp_access_header(const struct hp_api_request *request, const char *name);

/* The value of a cookie among "a=b; c=d"; empty if it is not there. */
struct hp_str hp_access_cookie(struct hp_str cookies, const char *name);

/* The role of who asks; HP_API_NOBODY with a line in `info` (HP_EPERM), or, while it has to wait, with
 * HP_EBUSY and the seconds in `position`. */
enum hp_api_role hp_access_role(struct hp_access *access, const struct hp_api_request *request,
                                uint64_t now_ns, struct hp_errinfo *info);

/* Whether one could log in here. */
bool hp_access_has_login(const struct hp_access *access);

/* A form with `token` was posted. HP_OK: values of Set-Cookie; HP_EPERM or HP_EBUSY as above. */
#define HP_ACCESS_COOKIE 180u
struct hp_access_cookies {
    char own[HP_ACCESS_COOKIE];  /* opens the dashboard */
    char page[HP_ACCESS_COOKIE]; /* shows the toolbar in the application's pages, opens nothing; "": there are
                                    none */
};
HP_CHECK hp_err hp_access_login(struct hp_access *access, const struct hp_api_request *request,
                                struct hp_str token, uint64_t now_ns, struct hp_access_cookies *cookies,
                                struct hp_errinfo *info);

/* Whether who asks for a page of the application would be let in, or has been not long ago. */
bool hp_access_sees(struct hp_access *access, const struct hp_api_request *request, uint64_t now_ns);

/* What POST has to bring along in X-Hotplate-Token. */
void hp_access_post_token(const struct hp_access *access, char token[HP_MAC]);

/* Whether a POST comes from our own page, as far as the browser says. / Whether it also has the token and is
 * of a type that no form can send. HP_EPERM with a line. */
HP_CHECK hp_err hp_access_same_origin(const struct hp_api_request *request, struct hp_errinfo *info);
HP_CHECK hp_err hp_access_may_change(const struct hp_access *access, const struct hp_api_request *request,
                                     const char *type, struct hp_errinfo *info);

#endif
