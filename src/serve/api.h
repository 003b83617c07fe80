/* api.h -- the dashboard's answers, without a transport: method, path, query, headers, body and who asks in;
 * status, headers and body out.
 *
 * Why: `hotplate serve` (http.c, libmicrohttpd) and the Flask blueprint (pyext/serve.c) must say the same.
 * What can be asked is in docs/formats/api.md, who may ask in docs/guide/dashboard.md. Every answer is
 * bounded: so many rows, and a limit of time after which the store gives up.
 */
#ifndef HP_API_H
#define HP_API_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "hotplate/err.h"
#include "model/dict.h"

struct hp_api; /* opaque */

enum hp_api_role { HP_API_NOBODY = 0, HP_API_READER = 1, HP_API_WRITER = 2 };

/* Ask the statement's database for its plan and keep it in the store at `store`; a line in `info` why there
 * is none. Threads: any, at the same time. */
typedef hp_err (*hp_api_explain)(const char *store, const struct hp_statement *statement,
                                 struct hp_errinfo *info);

struct hp_api_config {      /* texts are copied */
    const char *store;      /* path of the SQLite file; it may come into being later */
    const char *token;      /* who shows it may write; NULL: none */
    const char *read_token; /* likewise, may only read */
    bool read_only;         /* nobody may write */
    bool pages;             /* an application's pages show a toolbar to who has logged in */
    bool keep;              /* keep handles of the store between answers; not in a process that forks */
    uint32_t limit_ms;      /* of one answer; 0: 2000 */
    hp_api_explain explain; /* NULL: no database is asked from here */
    const char *secret; /* signs tickets (hotplate/ext/ticket.h); NULL: `token`, without one there are none */
    const char *hint;   /* what opens the door to others, for the line with 403; NULL: --token */
};

/* NULL: no memory. Owns: the caller, hp_api_free, when no answer is being made any more. */
struct hp_api *hp_api_new(const struct hp_api_config *config) HP_CHECK;
void hp_api_free(struct hp_api *api);

struct hp_api_header {
    struct hp_str name, value;
};

struct hp_api_request { /* all borrowed for the call; untrusted but for the last three */
    struct hp_str method, path /* below the root, without a leading slash */, query, body;
    const struct hp_api_header *headers; /* names in any case */
    size_t header_count;
    struct hp_str peer;       /* its address as text */
    bool loopback;            /* that is a loopback address, and not a proxy's by protocol */
    enum hp_api_role granted; /* what the application's own authoriser says; HP_API_NOBODY: decide here */
};

#define HP_API_HEADERS 14u

struct hp_api_response {
    int status;
    struct hp_buf body;                           /* owned */
    struct hp_api_header headers[HP_API_HEADERS]; /* names are constants; values too, or in `room` */
    size_t header_count;
    char room[400];
    size_t room_used;
};

/* Answer. `response` needs no initialisation; finish it with hp_api_response_fini whatever happened. Never
 * fails: what goes wrong is an answer with a status and a line. Threads: any, at the same time. */
void hp_api_answer(struct hp_api *api, const struct hp_api_request *request,
                   struct hp_api_response *response);
/* How long a body the request may have, by its head alone: what is longer is refused without being read. */
size_t hp_api_body_most(struct hp_api *api, const struct hp_api_request *request);
void hp_api_response_fini(struct hp_api_response *response);

/* Whether who asks for a page of the application would be let in, or has logged in (`pages`); `authorization`
 * must not be among the headers (a wrong token counts). Threads: any. */
bool hp_api_admits(struct hp_api *api, const struct hp_api_request *request);

/* Whether a text is an address of this machine only: "127.0.0.1", "::1", "::ffff:127.0.0.1". */
bool hp_api_is_loopback(struct hp_str address);

#endif
