/* explain_serve.c -- see explain_serve.h. */
#include "cli/explain_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonread.h"
#include "cli/command.h"
#include "cli/explainer.h"
#include "cli/output.h"
#include "model/fingerprint.h"
#include "store/store.h"

#define MESSAGE_BYTES  ((size_t)192 << 10)
#define ARENA_BYTES    ((size_t)64 << 20)
#define MOST_KNOWN     4096u
#define MOST_PROCESSES 64u
#define TIMEOUT_NS     ((uint64_t)3000000000u)
#define STEP_MS        1000
#define REPLY_MS       ((int)(TIMEOUT_NS / 1000000u) + 6000) /* and the child's own time */
#define LAST_NS        ((uint64_t)20000000000u) /* for what was asked before the application ended */
#define LAST_REPLY_MS  10000

struct address { /* where a database was last reached, by its engine */
    char dsn[HP_EXPLAIN_TEXT_BYTES], python[HP_EXPLAIN_TEXT_BYTES];
};

struct serve {
    const char *path;
    int folder, socket, lock;
    uint64_t known[MOST_KNOWN]; /* plan ids that were asked for; beyond the cap nothing more is */
    uint32_t known_count;
    pid_t processes[MOST_PROCESSES];
    uint32_t process_count;
    struct address addresses[HP_ENGINE_OTHER + 1];
    char message[MESSAGE_BYTES];
};

struct ask { /* one datagram; texts from the arena */
    struct hp_str text, params, why;
    const char *dsn, *python;
    uint8_t engine;
    bool now;    /* the dashboard asks: again, without values, by the address that is known */
    bool behind; /* whoever reads findings waits for the plans that were asked for before */
    pid_t pid;
};

/* ---- one statement ---- */

static const char *text0(struct hp_arena *arena, struct hp_jsonread *json)
{
    struct hp_str text;
    char *copy = hp_jsonread_text(json, &text) ? hp_arena_alloc(arena, text.n + 1, 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text.n != 0 ? text.p : "", text.n);
        copy[text.n] = '\0';
    }
    return copy;
}

/* The bytes of the next value as they stand. */
static struct hp_str raw(struct hp_jsonread *json)
{
    struct hp_jsonread before = *json;
    if (hp_jsonread_next(json) == HP_JSON_NULL) {
        return (struct hp_str){NULL, 0};
    }
    hp_jsonread_leave(json);
    size_t from = before.at, to = json->at;
    while (from < to && (json->text.p[from] == ' ' || json->text.p[from] == ':')) {
        from++;
    }
    return hp_str_make(json->text.p + from, to - from);
}

static hp_err read_ask(struct hp_str message, struct hp_arena *arena, struct ask *ask)
{
    struct hp_jsonread json;
    struct hp_buf scratch;
    struct hp_str key;
    double number = 0;
    hp_buf_init(&scratch, MESSAGE_BYTES);
    hp_jsonread_init(&json, message, &scratch);
    *ask = (struct ask){.dsn = ""};
    bool object = hp_jsonread_next(&json) == HP_JSON_OBJECT;
    while (object && hp_jsonread_member(&json, &key)) {
        if (hp_str_eq(key, HP_STR("text"))) {
            ask->text = hp_str_from0(text0(arena, &json));
        } else if (hp_str_eq(key, HP_STR("params"))) {
            ask->params = raw(&json);
        } else if (hp_str_eq(key, HP_STR("dsn"))) {
            ask->dsn = text0(arena, &json);
        } else if (hp_str_eq(key, HP_STR("python"))) {
            ask->python = text0(arena, &json);
        } else if (hp_str_eq(key, HP_STR("why"))) {
            ask->why = hp_str_from0(text0(arena, &json));
        } else if (hp_str_eq(key, HP_STR("engine")) && hp_jsonread_number(&json, &number)) {
            ask->engine = number >= 0 && number <= HP_ENGINE_OTHER ? (uint8_t)number : HP_ENGINE_UNKNOWN;
        } else if (hp_str_eq(key, HP_STR("now"))) {
            ask->now = hp_jsonread_next(&json) == HP_JSON_TRUE;
        } else if (hp_str_eq(key, HP_STR("behind"))) {
            ask->behind = hp_jsonread_next(&json) == HP_JSON_TRUE;
        } else if (hp_str_eq(key, HP_STR("pid")) && hp_jsonread_number(&json, &number)) {
            ask->pid = number > 0 && number < INT32_MAX ? (pid_t)number : 0;
        } else {
            hp_jsonread_skip(&json);
        }
    }
    hp_err err = object ? json.err : HP_EFORMAT;
    hp_buf_fini(&scratch);
    bool whole = ask->behind || (ask->text.n != 0 && ask->dsn != NULL);
    return err == HP_OK && !whole ? HP_EFORMAT : err;
}

static hp_err id_of(const struct ask *ask, uint64_t *id)
{
    struct hp_buf folded;
    hp_buf_init(&folded, (size_t)1 << 20);
    hp_err err = hp_fingerprint(ask->text, hp_fingerprint_dialect(ask->engine), &folded, NULL);
    if (err == HP_OK) {
        struct hp_statement statement = {.text = hp_buf_str(&folded), .engine = ask->engine};
        *id = hp_store_plan_id(&statement);
    }
    hp_buf_fini(&folded);
    return err;
}

/* Whether it is the first time; remembers it. */
static bool is_new(struct serve *serve, uint64_t id)
{
    for (uint32_t i = 0; i < serve->known_count; i++) {
        if (serve->known[i] == id) {
            return false;
        }
    }
    if (serve->known_count == MOST_KNOWN) {
        return false;
    }
    serve->known[serve->known_count++] = id;
    return true;
}

/* Remember how a database is reached. */
static void note_address(struct serve *serve, const struct ask *ask)
{
    struct address *address = &serve->addresses[ask->engine];
    if (ask->dsn[0] != '\0' && ask->python != NULL && strlen(ask->dsn) < sizeof address->dsn &&
        strlen(ask->python) < sizeof address->python) {
        memcpy(address->dsn, ask->dsn, strlen(ask->dsn) + 1);
        memcpy(address->python, ask->python, strlen(ask->python) + 1);
    }
}

static hp_err explain_at(const struct serve *serve, const struct ask *ask, uint64_t id,
                         struct hp_arena *arena, struct hp_plan *plan, struct hp_errinfo *info)
{
    struct hp_query query;
    struct hp_explainer question = {.python = ask->python,
                                    .dsn = ask->dsn,
                                    .text = ask->text,
                                    .params = ask->params,
                                    .engine = ask->engine,
                                    .timeout_ns = TIMEOUT_NS};
    hp_err err = hp_explainer_ask(&question, arena, plan, &query, info);
    if (err == HP_OK) {
        hp_explainer_keep(serve->path, id, plan);
    }
    return err;
}

/* A slow statement of the application's: the first time only. */
static void explain_new(struct serve *serve, const struct ask *ask, struct hp_arena *arena)
{
    struct hp_plan plan = {.engine = ask->engine, .actual_ms = -1, .why_not = ask->why};
    struct hp_errinfo ignored;
    uint64_t id = 0;
    note_address(serve, ask);
    if (id_of(ask, &id) != HP_OK || !is_new(serve, id)) {
        return;
    }
    if (ask->why.n != 0) {
        hp_explainer_keep(serve->path, id, &plan);
    } else {
        (void)!explain_at(serve, ask, id, arena, &plan, &ignored);
    }
}

/* What the dashboard asks for; in `info` why there is no plan. */
static void explain_now(const struct serve *serve, struct ask *ask, struct hp_arena *arena,
                        struct hp_errinfo *info)
{
    const struct address *address = &serve->addresses[ask->engine];
    struct hp_plan plan;
    uint64_t id = 0;
    if (address->dsn[0] == '\0') {
        hp_err_set(
            info, HP_ENOTFOUND, 0,
            "the application has not said yet where this database is: it does with the first SELECT of 5 ms "
            "or more");
        return;
    }
    ask->dsn = address->dsn;
    ask->python = address->python;
    hp_err err = id_of(ask, &id);
    err = err == HP_OK ? explain_at(serve, ask, id, arena, &plan, info) : err;
    if (err == HP_OK && plan.why_not.n != 0) {
        hp_err_set(info, HP_EINVAL, 0, "not explained: %.*s", (int)plan.why_not.n, plan.why_not.p);
    } else if (err != HP_OK && info->text[0] == '\0') {
        hp_err_set(info, err, 0, "not explained: %s", hp_err_text(err));
    }
}

/* ---- the process ---- */

static void note_process(struct serve *serve, pid_t pid)
{
    for (uint32_t i = 0; i < serve->process_count; i++) {
        if (serve->processes[i] == pid) {
            return;
        }
    }
    if (pid > 0 && serve->process_count < MOST_PROCESSES) {
        serve->processes[serve->process_count++] = pid;
    }
}

static bool is_wanted(struct serve *serve)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < serve->process_count; i++) {
        if (kill(serve->processes[i], 0) == 0 || errno != ESRCH) {
            serve->processes[left++] = serve->processes[i];
        }
    }
    serve->process_count = left;
    return left != 0;
}

static void receive(struct serve *serve)
{
    struct hp_arena arena;
    struct ask ask;
    struct hp_errinfo info = {0};
    struct sockaddr_un from = {0};
    socklen_t from_bytes = sizeof from;
    ssize_t n = recvfrom(serve->socket, serve->message, sizeof serve->message, MSG_DONTWAIT | MSG_TRUNC,
                         (struct sockaddr *)&from, &from_bytes);
    if (n <= 0 || (size_t)n > sizeof serve->message) {
        return;
    }
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = read_ask(hp_str_make(serve->message, (size_t)n), &arena, &ask);
    if (err == HP_OK && (ask.now || ask.behind)) {
        if (ask.now) {
            explain_now(serve, &ask, &arena, &info);
        }
        (void)!sendto(serve->socket, info.text, strlen(info.text), MSG_DONTWAIT, (struct sockaddr *)&from,
                      from_bytes);
    } else if (err == HP_OK) {
        note_process(serve, ask.pid);
        explain_new(serve, &ask, &arena);
    }
    hp_arena_fini(&arena);
    explicit_bzero(serve->message, (size_t)n);
}

/* The store's folder, and the address in it; by the folder's descriptor: an address has 108 bytes only,
 * however long the folder's path is. */
static int open_folder(const char *path, struct sockaddr_un *address)
{
    char folder[HP_STOREPATH_BYTES];
    hp_storepath_folder(path, folder);
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/explain.sock", fd);
    return fd;
}

/* Take the lock and the address. False: somebody serves already, or it cannot be. */
static bool claim(struct serve *serve)
{
    struct sockaddr_un address;
    serve->folder = open_folder(serve->path, &address);
    serve->lock = openat(serve->folder, "explain.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (serve->lock < 0 || flock(serve->lock, LOCK_EX | LOCK_NB) != 0) {
        return false;
    }
    unlinkat(serve->folder, "explain.sock", 0);
    serve->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(077);
    bool bound = serve->socket >= 0 && bind(serve->socket, (struct sockaddr *)&address, sizeof address) == 0;
    umask(before);
    return bound;
}

/* Nothing of whoever started this is held: neither its terminal nor its pipes. */
static void detach(const struct serve *serve)
{
    setsid();
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++) {
        dup2(null, fd);
    }
    for (int fd = 3; fd < 1024; fd++) {
        if (fd != serve->folder && fd != serve->socket && fd != serve->lock) {
            close(fd);
        }
    }
    errno = 0;
    (void)!nice(19);
}

static bool is_asked(const struct serve *serve, int wait_ms)
{
    struct pollfd poller = {serve->socket, POLLIN, 0};
    return poll(&poller, 1, wait_ms) > 0;
}

/* An application that ends at once has asked for plans that nobody has yet: its findings are read
 * afterwards. */
static void answer_last(struct serve *serve)
{
    uint64_t end_ns = hp_clock_mono_ns() + LAST_NS;
    while (hp_clock_mono_ns() < end_ns && is_asked(serve, 0)) {
        receive(serve);
    }
}

int hp_explain_serve(const char *path)
{
    static struct serve serve;
    serve.path = path;
    serve.folder = serve.socket = serve.lock = -1;
    note_process(&serve, getppid());
    if (!claim(&serve)) {
        return HP_EXIT_OK;
    }
    pid_t pid = fork();
    if (pid != 0) {
        return pid > 0 ? HP_EXIT_OK : hp_output_fail("fork: %s", strerror(errno));
    }
    detach(&serve);
    while (is_wanted(&serve)) {
        if (is_asked(&serve, STEP_MS)) {
            receive(&serve);
        }
    }
    answer_last(&serve);
    unlinkat(serve.folder, "explain.sock", 0);
    answer_last(&serve); /* what came meanwhile; now nothing can */
    _exit(0);
}

/* ---- the other side ---- */

/* NULL: no statement, only a word when all that was asked before is answered. */
static hp_err put_now(const struct hp_statement *statement, struct hp_buf *message)
{
    struct hp_json json;
    hp_json_init(&json, message, false);
    hp_json_object_begin(&json);
    hp_json_kv_bool(&json, statement != NULL ? "now" : "behind", true);
    if (statement != NULL) {
        hp_json_kv_u64(&json, "engine", statement->engine);
        hp_json_kv_str(&json, "text", statement->text);
    }
    hp_json_object_end(&json);
    return hp_json_finish(&json);
}

/* Send and wait for the line that comes back, into `info`; HP_OK: it is empty. */
static hp_err converse(int fd, const struct sockaddr_un *to, struct hp_str message, int wait_ms,
                       struct hp_errinfo *info)
{
    const struct sockaddr_un own = {.sun_family = AF_UNIX};
    struct pollfd poller = {fd, POLLIN, 0};
    char line[sizeof info->text];
    /* Without a path: the kernel finds an address to answer to. */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof own.sun_family) != 0) {
        return hp_err_set(info, HP_EIO, 0, "socket: %s", strerror(errno));
    }
    if (sendto(fd, message.p, message.n, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof *to) < 0) {
        return hp_err_set(
            info, HP_ENOTFOUND, 0,
            "no application that is developed runs here, and nothing else says where the database "
            "is: hotplate serve with HOTPLATE_DSN set");
    }
    if (poll(&poller, 1, wait_ms) <= 0) {
        return hp_err_set(info, HP_ETIMEOUT, 0, "the database did not answer in time");
    }
    ssize_t n = recv(fd, line, sizeof line, MSG_DONTWAIT);
    return n == 0 ? HP_OK : hp_err_set(info, HP_EINVAL, 0, "%.*s", n > 0 ? (int)n : 0, n > 0 ? line : "");
}

static hp_err ask(const char *path, const struct hp_statement *statement, int wait_ms,
                  struct hp_errinfo *info)
{
    struct sockaddr_un address;
    struct hp_buf message;
    hp_buf_init(&message, MESSAGE_BYTES);
    int folder = open_folder(path, &address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    hp_err err = put_now(statement, &message);
    err = err == HP_OK ? converse(fd, &address, hp_buf_str(&message), wait_ms, info)
                       : hp_err_set(info, err, 0, "the statement is too long");
    if (fd >= 0) {
        close(fd);
    }
    if (folder >= 0) {
        close(folder);
    }
    hp_buf_fini(&message);
    return err;
}

hp_err hp_explain_serve_ask(const char *path, const struct hp_statement *statement, struct hp_errinfo *info)
{
    return ask(path, statement, REPLY_MS, info);
}

void hp_explain_serve_wait(const char *path)
{
    struct hp_errinfo ignored;
    (void)!ask(path, NULL, LAST_REPLY_MS, &ignored);
}
