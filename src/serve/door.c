/* door.c -- see hotplate/ext/serve.h: api.h for the CPython extension, and what a fork must wait for.
 *
 * SQLite keeps per process which locks it holds on a file. A child that inherits that while an answer has the
 * store open would take locks for held that it has not. So answers count themselves, and the handler before a
 * fork lets none begin and waits for those that are there.
 */
#include "hotplate/ext/serve.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/api.h"
#include "store/store.h"

#define FORK_WAIT_S  3
#define HEADERS_MOST 64u

_Static_assert(HP_API_HEADERS <= 16, "hp_serve_answer has room for all");

struct hp_serve {
    struct hp_api *api; /* owned */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned answers; /* being made */
    bool forking;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FORK_WAIT_S;
    pthread_mutex_lock(&gate.lock);
    gate.forking = true;
    uint64_t from_ns = gate.answers != 0 ? hp_clock_mono_ns() : 0;
    while (gate.answers != 0 && pthread_cond_timedwait(&gate.changed, &gate.lock, &until) == 0) {
    }
    if (from_ns != 0) {
        hp_store_fork_waited(hp_clock_mono_ns() - from_ns); /* its handler is the older one and runs next */
    }
    /* The lock is held across the fork, so that the child has it in a state it knows. */
}

static void after_fork_in_parent(void)
{
    gate.forking = false;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void after_fork_in_child(void)
{
    gate.forking = false;
    gate.answers = 0; /* their threads are not there */
    pthread_mutex_unlock(&gate.lock);
    pthread_cond_init(&gate.changed, NULL);
}

static void watch_forks(void)
{
    /* Without memory a fork does not wait: it then is what it would be without us, unless an answer is just
     * being made. */
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void enter(void)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.forking) {
        pthread_cond_wait(&gate.changed, &gate.lock);
    }
    gate.answers++;
    pthread_mutex_unlock(&gate.lock);
}

static void leave(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.answers--;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

struct hp_serve *hp_serve_new(const char *store, const char *token, const char *read_token,
                              const char *secret, const char *hint)
{
    const struct hp_api_config config = {.store = store,
                                         .token = token,
                                         .read_token = read_token,
                                         .secret = secret,
                                         .read_only = true,
                                         .pages = true,
                                         .hint = hint};
    struct hp_serve *serve = hp_calloc(1, sizeof *serve);
    if (serve == NULL) {
        return NULL;
    }
    (void)pthread_once(&once, watch_forks);
    serve->api = hp_api_new(&config);
    if (serve->api == NULL) {
        hp_free(serve);
        return NULL;
    }
    return serve;
}

void hp_serve_free(struct hp_serve *serve)
{
    if (serve != NULL) {
        hp_api_free(serve->api);
        hp_free(serve);
    }
}

static struct hp_str text_of(struct hp_span8 span)
{
    return hp_str_make(span.p, span.n);
}

static struct hp_span8 span_of(struct hp_str text)
{
    return (struct hp_span8){text.p, text.n};
}

/* The same request for api.h; `headers` is room for its headers. */
static struct hp_api_request asked_of(const struct hp_serve_request *request,
                                      struct hp_api_header headers[HEADERS_MOST])
{
    size_t count = request->header_count < HEADERS_MOST ? request->header_count : HEADERS_MOST;
    for (size_t i = 0; i < count; i++) {
        headers[i] =
            (struct hp_api_header){text_of(request->headers[i].name), text_of(request->headers[i].value)};
    }
    return (struct hp_api_request){.method = text_of(request->method),
                                   .path = text_of(request->path),
                                   .query = text_of(request->query),
                                   .body = text_of(request->body),
                                   .headers = headers,
                                   .header_count = count,
                                   .peer = text_of(request->peer),
                                   .loopback = request->direct && hp_api_is_loopback(text_of(request->peer)),
                                   .granted = request->granted ? HP_API_READER : HP_API_NOBODY};
}

bool hp_serve_admits(const struct hp_serve *serve, const struct hp_serve_request *request)
{
    struct hp_api_header headers[HEADERS_MOST];
    const struct hp_api_request asked = asked_of(request, headers);
    return hp_api_admits(serve->api, &asked);
}

void hp_serve_answer(struct hp_serve *serve, const struct hp_serve_request *request,
                     struct hp_serve_answer *answer)
{
    struct hp_api_header headers[HEADERS_MOST];
    struct hp_api_response *response = hp_malloc(sizeof *response);
    *answer = (struct hp_serve_answer){.status = 500, .own = response};
    if (response == NULL) {
        return;
    }
    const struct hp_api_request asked = asked_of(request, headers);
    enter();
    hp_api_answer(serve->api, &asked, response);
    leave();
    answer->status = response->status;
    answer->body = span_of(hp_buf_str(&response->body));
    answer->header_count = response->header_count;
    for (size_t i = 0; i < response->header_count; i++) {
        answer->headers[i] =
            (struct hp_serve_header){span_of(response->headers[i].name), span_of(response->headers[i].value)};
    }
}

void hp_serve_answer_free(struct hp_serve_answer *answer)
{
    struct hp_api_response *response = answer->own;
    if (response != NULL) {
        hp_api_response_fini(response);
        hp_free(response);
        answer->own = NULL;
    }
}
