/* http.c -- see http.h.
 *
 * libmicrohttpd parses (strictly) and bounds: connections, their number by address, bytes of a header,
 * seconds of silence. A body is kept up to what api.c grants to its head; a longer one is refused when its
 * head says so, or cut off. Everything else is api.c's.
 *
 * The library is loaded when the first server starts: linked, it and the GnuTLS behind it would cost every
 * other command 2.8 MB and 1.5 ms.
 */
#include "serve/http.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/mem.h"

#define CONNECTIONS_MOST    64u
#define CONNECTIONS_BY_PEER 32u
#define CONNECTION_BYTES    ((size_t)24 << 10) /* of request line and headers, and for sending */
#define SILENCE_S           15u
#define THREADS             4u
#define HEADERS_MOST        64u
#define PORTS_TRIED         100

/* What is called of the library; all set once the first server runs. */
static struct {
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_get_connection_info) *get_connection_info;
    __typeof__(MHD_get_connection_values) *get_connection_values;
    __typeof__(MHD_lookup_connection_value) *lookup_connection_value;
    __typeof__(MHD_create_response_from_buffer) *create_response;
    __typeof__(MHD_create_response_from_buffer_with_free_callback) *create_response_take;
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
} mhd;

struct hp_http {
    struct MHD_Daemon *daemon;
    struct hp_api *api; /* borrowed */
    uint16_t port;
};

struct exchange { /* one request while it comes in */
    struct hp_buf body;
    bool begun, too_large;
    size_t path_bytes; /* of `uri`, before the question mark */
    char uri[];        /* as it came */
};

/* ---- in ---- */

struct headers {
    struct hp_api_header list[HEADERS_MOST];
    size_t count;
    bool too_many;
};

static enum MHD_Result add_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct headers *headers = ctx;
    (void)kind;
    if (headers->count == HEADERS_MOST) {
        headers->too_many = true;
        return MHD_NO;
    }
    headers->list[headers->count++] = (struct hp_api_header){hp_str_from0(name), hp_str_from0(value)};
    return MHD_YES;
}

static void name_peer(struct MHD_Connection *connection, char text[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    text[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        (void)inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)address;
        (void)inet_ntop(AF_INET6, &in->sin6_addr, text, INET6_ADDRSTRLEN);
    }
}

/* Called with the request line, before anything else; what it returns is handed to the others. */
static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
    size_t n = strlen(uri);
    struct exchange *exchange = hp_calloc(1, sizeof *exchange + n + 1);
    (void)ctx;
    (void)connection;
    if (exchange != NULL) {
        hp_buf_init(&exchange->body, 0); /* until the head is known */
        memcpy(exchange->uri, uri, n);
        exchange->path_bytes = strcspn(uri, "?");
    }
    return exchange;
}

static void on_end(void *ctx, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;
    (void)ctx;
    (void)connection;
    (void)code;
    if (exchange != NULL) {
        hp_buf_fini(&exchange->body);
        hp_free(exchange);
        *state = NULL;
    }
}

/* ---- out ---- */

/* Hand an answer over; its body is MHD's afterwards. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, struct hp_api_response *answer)
{
    size_t n = 0;
    uint8_t *bytes = hp_buf_detach(&answer->body, &n);
    struct MHD_Response *response =
        mhd.create_response_take(n, bytes, (MHD_ContentReaderFreeCallback)hp_free);
    if (response == NULL) {
        hp_free(bytes);
        return MHD_NO;
    }
    for (size_t i = 0; i < answer->header_count; i++) {
        /* Names and values are constants or made of digits: always good. */
        (void)mhd.add_response_header(response, answer->headers[i].name.p, answer->headers[i].value.p);
    }
    enum MHD_Result queued = mhd.queue_response(connection, (unsigned)answer->status, response);
    mhd.destroy_response(response);
    return queued;
}

static enum MHD_Result send_line(struct MHD_Connection *connection, unsigned status, const char *line)
{
    struct MHD_Response *response =
        mhd.create_response(strlen(line), (void *)(uintptr_t)line, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)mhd.add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result queued = mhd.queue_response(connection, status, response);
    mhd.destroy_response(response);
    return queued;
}

struct head { /* of a request, as api.c wants it; texts are the connection's and the exchange's */
    struct headers headers;
    char peer[INET6_ADDRSTRLEN];
    struct hp_api_request request;
};

static void read_head(struct MHD_Connection *connection, const struct exchange *exchange, const char *method,
                      const char *version, struct head *head)
{
    const char *query = exchange->uri + exchange->path_bytes;
    size_t slash = exchange->path_bytes != 0 && exchange->uri[0] == '/' ? 1 : 0;
    head->headers.count = 0;
    head->headers.too_many = false;
    (void)mhd.get_connection_values(connection, MHD_HEADER_KIND, add_header, &head->headers);
    name_peer(connection, head->peer);
    head->request = (struct hp_api_request){
        .method = hp_str_from0(method),
        .path = hp_str_make(exchange->uri + slash, exchange->path_bytes - slash),
        .query = hp_str_from0(query[0] == '?' ? query + 1 : query),
        .headers = head->headers.list,
        .header_count = head->headers.count,
        .peer = hp_str_from0(head->peer),
        /* Browsers speak 1.1; who speaks 1.0 is a proxy, and asks for somebody else. */
        .loopback = hp_api_is_loopback(hp_str_from0(head->peer)) && strcmp(version, "HTTP/1.0") != 0};
}

static enum MHD_Result answer(struct hp_http *http, struct MHD_Connection *connection,
                              const struct exchange *exchange, const char *method, const char *version)
{
    struct head head;
    struct hp_api_response response;
    read_head(connection, exchange, method, version, &head);
    if (head.headers.too_many) {
        return send_line(connection, 431, "{\"error\": \"too many headers\"}");
    }
    head.request.body = hp_buf_str(&exchange->body);
    hp_api_answer(http->api, &head.request, &response);
    enum MHD_Result sent = send_answer(connection, &response);
    hp_api_response_fini(&response);
    return sent;
}

/* The head is in: how much of a body is taken. False: it says that there is more. */
static bool admit(struct hp_http *http, struct MHD_Connection *connection, struct exchange *exchange,
                  const char *method, const char *version)
{
    struct head head;
    read_head(connection, exchange, method, version, &head);
    size_t most = hp_api_body_most(http->api, &head.request);
    const char *length = mhd.lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    hp_buf_init(&exchange->body, most);
    return length == NULL || (strlen(length) < 10 && strtoul(length, NULL, 10) <= most);
}

/* Called once when the head is in, then with each part of the body, then without one. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *part,
                                  size_t *part_bytes, void **state)
{
    struct exchange *exchange = *state;
    (void)url;
    if (exchange == NULL) {
        return MHD_NO; /* no memory: the connection is closed */
    }
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->too_large = !admit(ctx, connection, exchange, method, version);
        return exchange->too_large ? send_line(connection, 413, "{\"error\": \"too much at once\"}")
                                   : MHD_YES;
    }
    if (*part_bytes != 0) {
        hp_buf_put(&exchange->body, part, *part_bytes);
        exchange->too_large = exchange->too_large || exchange->body.err != HP_OK;
        *part_bytes = 0;
        return exchange->too_large ? MHD_NO : MHD_YES;
    }
    return answer(ctx, connection, exchange, method, version);
}

/* ---- listening ---- */

static hp_err parse_address(const char *text, uint16_t port, struct sockaddr_storage *address, socklen_t *n,
                            struct hp_errinfo *info)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        *n = sizeof *in;
        return HP_OK;
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        *n = sizeof *in6;
        return HP_OK;
    }
    return hp_err_set(info, HP_EINVAL, 0, "%.60s: not an address like 127.0.0.1, 0.0.0.0 or ::1", text);
}

/* A socket that listens; -1 with errno. */
static int listen_at(const struct sockaddr_storage *address, socklen_t n)
{
    int one = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)(const void *)address, n) == 0 && listen(fd, 64) == 0) {
        return fd;
    }
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
    socklen_t n = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(fd, &address.any, &n) != 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
}

static hp_err listen_failed(const char *address, uint16_t port, struct hp_errinfo *info)
{
    int failed = errno;
    hp_err err = failed == EADDRINUSE ? HP_EBUSY : failed == EACCES ? HP_EPERM : HP_EIO;
    return hp_err_set(info, err, 0, "cannot listen on %.60s:%u: %s", address, port, strerror(failed));
}

static hp_err find_port(const char *address, uint16_t port, bool search, int *fd, struct hp_errinfo *info)
{
    struct sockaddr_storage where;
    socklen_t n = 0;
    for (int i = 0;; i++) {
        hp_err err = parse_address(address, (uint16_t)(port + i), &where, &n, info);
        if (err != HP_OK) {
            return err;
        }
        *fd = listen_at(&where, n);
        if (*fd >= 0) {
            return HP_OK;
        }
        if (!search || errno != EADDRINUSE || i == PORTS_TRIED || port + i == UINT16_MAX) {
            return listen_failed(address, port, info);
        }
    }
}

/* Find the library's functions; it then stays. */
static hp_err load_library(struct hp_errinfo *info)
{
    const struct {
        const char *name;
        void *slot;
    } wanted[] = {{"MHD_start_daemon", &mhd.start_daemon},
                  {"MHD_stop_daemon", &mhd.stop_daemon},
                  {"MHD_get_connection_info", &mhd.get_connection_info},
                  {"MHD_get_connection_values", &mhd.get_connection_values},
                  {"MHD_lookup_connection_value", &mhd.lookup_connection_value},
                  {"MHD_create_response_from_buffer", &mhd.create_response},
                  {"MHD_create_response_from_buffer_with_free_callback", &mhd.create_response_take},
                  {"MHD_add_response_header", &mhd.add_response_header},
                  {"MHD_queue_response", &mhd.queue_response},
                  {"MHD_destroy_response", &mhd.destroy_response}};
    void *library = dlopen(HP_MICROHTTPD_SONAME, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        void *found = library != NULL ? dlsym(library, wanted[i].name) : NULL;
        if (found == NULL) {
            return hp_err_set(info, HP_EUNSUPPORTED, 0, "the HTTP server cannot be loaded: %.200s",
                              dlerror());
        }
        memcpy(wanted[i].slot, &found, sizeof found);
    }
    return HP_OK;
}

hp_err hp_http_start(struct hp_api *api, const char *address, uint16_t port, bool search,
                     struct hp_http **http, struct hp_errinfo *info)
{
    int fd = -1;
    struct hp_http *made = hp_calloc(1, sizeof *made);
    if (made == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    hp_err err = load_library(info);
    err = err != HP_OK ? err : find_port(address, port, search, &fd, info);
    if (err != HP_OK) {
        hp_free(made);
        return err;
    }
    made->api = api;
    made->port = port_of(fd);
    made->daemon = mhd.start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, made,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, THREADS, MHD_OPTION_CONNECTION_LIMIT,
        CONNECTIONS_MOST, MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_BY_PEER,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    if (made->daemon == NULL) {
        close(fd);
        hp_free(made);
        return hp_err_set(info, HP_EIO, 0, "the HTTP server cannot be started");
    }
    *http = made;
    return HP_OK;
}

uint16_t hp_http_port(const struct hp_http *http)
{
    return http->port;
}

void hp_http_stop(struct hp_http *http)
{
    if (http != NULL) {
        mhd.stop_daemon(http->daemon); /* closes the socket too */
        hp_free(http);
    }
}
