/* serve.h -- the extension's door to the dashboard: one WSGI request's texts in, status, headers and body
 * out.
 *
 * The answers are those of `hotplate serve` (src/serve/api.h), but nobody may change anything here. Call
 * without the GIL: an answer reads the store, for at most two seconds. A fork waits for answers that are
 * being made, because a connection to the store must not be inherited.
 */
#ifndef HP_EXT_SERVE_H
#define HP_EXT_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "hotplate/ext/capture.h"

struct hp_serve; /* opaque */

/* `token`, `read_token`, `secret` (of tickets): NULL for none; `hint`: what opens the door to others, for the
 * line with 403. NULL: no memory, or no random numbers. Owns: the caller, hp_serve_free. Threads: any. */
struct hp_serve *hp_serve_new(const char *store, const char *token, const char *read_token,
                              const char *secret, const char *hint) HP_CHECK;
void hp_serve_free(struct hp_serve *serve);

struct hp_serve_header {
    struct hp_span8 name, value;
};

struct hp_serve_request { /* borrowed for the call */
    struct hp_span8 method, path /* below the mount point, without a leading slash */, query, body, peer;
    const struct hp_serve_header *headers;
    size_t header_count;
    bool direct;  /* the peer is who asks: not a proxy by protocol, and no authoriser has the word alone */
    bool granted; /* the application's authoriser lets it read */
};

struct hp_serve_answer {
    int status;
    struct hp_span8 body;
    struct hp_serve_header headers[16];
    size_t header_count;
    void *own; /* what the spans point into */
};

/* Answer; without memory a status of 500 and nothing else. Finish with hp_serve_answer_free. Threads: any, at
 * the same time. */
void hp_serve_answer(struct hp_serve *serve, const struct hp_serve_request *request,
                     struct hp_serve_answer *answer);
void hp_serve_answer_free(struct hp_serve_answer *answer);

/* Whether who asks would be let in, by where it comes from or by a cookie of the login; of the request only
 * headers, peer and direct count. A header `authorization` must not be among them: it is the application's
 * own, and would count as a wrong token. Threads: any. */
bool hp_serve_admits(const struct hp_serve *serve, const struct hp_serve_request *request);

#endif
