/* explainer.c -- see explainer.h. */
#include "cli/explainer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "find/plan_advice.h"
#include "find/plan_safe.h"
#include "store/store.h"

#define GRACE_NS      ((uint64_t)4000000000u) /* an interpreter's start, and its own ways to end in time */
#define ANSWER_BYTES  ((size_t)8 << 20)
#define REQUEST_BYTES ((size_t)4 << 20)

enum hp_engine hp_explainer_engine(const char *dsn)
{
    static const struct {
        const char *scheme;
        enum hp_engine engine;
    } known[] = {{"sqlite", HP_ENGINE_SQLITE},
                 {"mysql", HP_ENGINE_MYSQL},
                 {"mariadb", HP_ENGINE_MARIADB},
                 {"postgresql", HP_ENGINE_POSTGRESQL},
                 {"postgres", HP_ENGINE_POSTGRESQL}};
    size_t n = strcspn(dsn, "+:");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].scheme) == n && strncmp(dsn, known[i].scheme, n) == 0 &&
            strstr(dsn, "://") != NULL) {
            return known[i].engine;
        }
    }
    return strstr(dsn, "://") == NULL ? HP_ENGINE_SQLITE : HP_ENGINE_UNKNOWN;
}

void hp_explainer_python(char path[HP_STOREPATH_BYTES])
{
    static const char *const names[] = {"python3", "python"};
    char own[HP_STOREPATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    own[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(own, '/');
    for (size_t i = 0; slash != NULL && i < sizeof names / sizeof *names; i++) {
        slash[1] = '\0';
        int length = snprintf(path, HP_STOREPATH_BYTES, "%s%s", own, names[i]);
        if (length > 0 && length < HP_STOREPATH_BYTES && access(path, X_OK) == 0) {
            return;
        }
    }
    snprintf(path, HP_STOREPATH_BYTES, "python3");
}

/* ---- the request ---- */

static void put_pair(struct hp_json *json, const struct hp_query *query, const struct hp_query_term *term,
                     bool other)
{
    uint32_t source = hp_query_owner(query, NULL, term, other);
    hp_json_array_begin(json);
    hp_json_str(json, source != HP_QUERY_NONE ? query->sources[source].table : HP_STR(""));
    hp_json_str(json, other ? term->other_column : term->column);
    hp_json_array_end(json);
}

static void put_names(struct hp_json *json, const struct hp_query *query, const struct hp_plan_safe *safe)
{
    hp_json_key(json, "functions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < safe->function_count; i++) {
        hp_json_str(json, safe->functions[i]);
    }
    hp_json_array_end(json);
    hp_json_key(json, "tables");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < query->source_count && i < HP_PLAN_MAX_TABLES; i++) {
        bool again = query->sources[i].table.n == 0;
        for (uint32_t k = 0; k < i; k++) {
            again = again || hp_str_eq(query->sources[k].table, query->sources[i].table);
        }
        if (!again) {
            hp_json_str(json, query->sources[i].table);
        }
    }
    hp_json_array_end(json);
    hp_json_key(json, "columns");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < query->term_count; i++) {
        if (query->terms[i].op != HP_QUERY_OTHER) {
            put_pair(json, query, &query->terms[i], false);
        }
        if (query->terms[i].other_column.n != 0) {
            put_pair(json, query, &query->terms[i], true);
        }
        if (query->terms[i].within.n != 0 && query->source_count == 1) {
            hp_json_array_begin(json);
            hp_json_str(json, query->sources[0].table);
            hp_json_str(json, query->terms[i].within);
            hp_json_array_end(json);
        }
    }
    hp_json_array_end(json);
    hp_json_key(json, "numbers");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < query->term_count; i++) {
        if (query->terms[i].number) {
            put_pair(json, query, &query->terms[i], false);
        }
    }
    hp_json_array_end(json);
}

static void put_value(struct hp_json *json, const struct hp_explainer *question, const struct hp_query *query,
                      uint32_t at)
{
    static const char *const kinds[] = {"value", "limit", "pattern"};
    const struct hp_query_hole *hole = &query->holes[at];
    hp_json_object_begin(json);
    if (hole->term != HP_QUERY_NONE) {
        const struct hp_query_term *term = &query->terms[hole->term];
        uint32_t source = hp_query_owner(query, NULL, term, false);
        hp_json_kv_str(json, "table", source != HP_QUERY_NONE ? query->sources[source].table : HP_STR(""));
        hp_json_kv_str(json, "column", term->column);
    }
    if (at < question->given_count) {
        hp_json_kv_cstr(json, "given", question->given[at]);
    } else {
        hp_json_kv_cstr(json, "kind", kinds[hole->kind]);
    }
    hp_json_object_end(json);
}

/* The text around its placeholders, and what to put into them. */
static void put_parts(struct hp_json *json, const struct hp_explainer *question, const struct hp_query *query)
{
    size_t at = 0;
    hp_json_key(json, "parts");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < query->hole_count; i++) {
        hp_json_str(json, hp_str_make(question->text.p + at, query->holes[i].start - at));
        at = query->holes[i].end;
    }
    hp_json_str(json, hp_str_make(question->text.p + at, question->text.n - at));
    hp_json_array_end(json);
    hp_json_key(json, "values");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < query->hole_count; i++) {
        put_value(json, question, query, i);
    }
    hp_json_array_end(json);
}

static void put_bound(struct hp_json *json, const struct hp_explainer *question, const struct hp_query *query)
{
    hp_json_kv_str(json, "text", question->text);
    hp_json_key(json, "params");
    hp_json_raw(json, question->params);
    hp_json_key(json, "holes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < query->hole_count; i++) {
        if (query->holes[i].term == HP_QUERY_NONE) {
            hp_json_null(json);
        } else {
            put_pair(json, query, &query->terms[query->holes[i].term], false);
        }
    }
    hp_json_array_end(json);
}

static hp_err put_request(struct hp_buf *out, const struct hp_explainer *question,
                          const struct hp_query *query, const struct hp_plan_safe *safe)
{
    struct hp_json json;
    hp_json_init(&json, out, false);
    hp_json_object_begin(&json);
    hp_json_kv_cstr(&json, "dsn", question->dsn);
    hp_json_kv_exact(&json, "timeout_s", (double)question->timeout_ns / 1e9);
    hp_json_kv_bool(&json, "analyze", question->analyze);
    put_names(&json, query, safe);
    if (question->params.n != 0) {
        put_bound(&json, question, query);
    } else if (query->hole_count == 0) {
        hp_json_kv_str(&json, "text", question->text);
    } else {
        put_parts(&json, question, query);
    }
    hp_json_object_end(&json);
    return hp_json_finish(&json);
}

/* ---- the child ---- */

struct child {
    pid_t pid;
    int in, out; /* our ends; -1: closed */
};

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

_Noreturn static void become_python(const char *python, int in, int out)
{
    char *const words[] = {(char *)(uintptr_t)python, (char *)(uintptr_t) "-P", (char *)(uintptr_t) "-m",
                           (char *)(uintptr_t) "hotplate.explain", NULL};
    setsid();
    unsetenv("HOTPLATE_RUN"); /* it is not to be recorded */
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (null >= 0) {
            dup2(null, STDERR_FILENO);
        }
        execvp(python, words);
    }
    _exit(127);
}

static hp_err start(struct child *child, const char *python, struct hp_errinfo *info)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        close_end(&to[0]);
        close_end(&to[1]);
        return hp_err_set(info, HP_EIO, 0, "pipe: %s", strerror(errno));
    }
    child->pid = fork();
    if (child->pid == 0) {
        become_python(python, to[0], from[1]);
    }
    close_end(&to[0]);
    close_end(&from[1]);
    child->in = to[1];
    child->out = from[0];
    if (child->pid < 0) {
        close_end(&child->in);
        close_end(&child->out);
        return hp_err_set(info, HP_EIO, 0, "fork: %s", strerror(errno));
    }
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    return HP_OK;
}

static void send_some(struct child *child, struct hp_str request, size_t *sent)
{
    ssize_t n = write(child->in, request.p + *sent, request.n - *sent);
    *sent += n > 0 ? (size_t)n : 0;
    if (*sent == request.n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        close_end(&child->in);
    }
}

static void receive_some(struct child *child, struct hp_buf *answer)
{
    char bytes[16384];
    ssize_t n = read(child->out, bytes, sizeof bytes);
    if (n > 0) {
        hp_buf_put(answer, bytes, (size_t)n);
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || answer->err != HP_OK) {
        close_end(&child->out);
    }
}

/* Talk until the child closes its end or the time is over; false: it is over. */
static bool talk(struct child *child, struct hp_str request, struct hp_buf *answer, uint64_t limit_ns)
{
    size_t sent = 0;
    uint64_t end_ns = hp_clock_mono_ns() + limit_ns;
    while (child->out >= 0) {
        uint64_t now_ns = hp_clock_mono_ns();
        struct pollfd fds[2] = {{child->out, POLLIN, 0}, {child->in, POLLOUT, 0}};
        if (now_ns >= end_ns) {
            return false;
        }
        int wait_ms = (int)((end_ns - now_ns) / 1000000u) + 1;
        if (poll(fds, child->in >= 0 ? 2 : 1, wait_ms) <= 0) {
            continue;
        }
        if (child->in >= 0 && fds[1].revents != 0) {
            send_some(child, request, &sent);
        }
        if (fds[0].revents != 0) {
            receive_some(child, answer);
        }
    }
    return true;
}

static hp_err run_child(const struct hp_explainer *question, struct hp_str request, struct hp_buf *answer,
                        bool *in_time, struct hp_errinfo *info)
{
    struct child child = {-1, -1, -1};
    char python[HP_STOREPATH_BYTES];
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    int status = 0;
    hp_explainer_python(python);
    const char *chosen = question->python != NULL ? question->python : python;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, &before);
    hp_err err = start(&child, chosen, info);
    if (err != HP_OK) {
        sigaction(SIGPIPE, &before, NULL);
        return err;
    }
    *in_time = talk(&child, request, answer, question->timeout_ns + GRACE_NS);
    if (!*in_time) {
        kill(-child.pid, SIGKILL);
        kill(child.pid, SIGKILL);
    }
    close_end(&child.in);
    close_end(&child.out);
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    sigaction(SIGPIPE, &before, NULL);
    if (*in_time && answer->len == 0) {
        bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
        return hp_err_set(info, HP_EIO, 0,
                          missing
                              ? "%.160s cannot be started"
                              : "%.160s -m hotplate.explain gave no answer; is hotplate installed for it?",
                          chosen);
    }
    return HP_OK;
}

/* ---- together ---- */

static struct hp_str dup_text(struct hp_arena *arena, const char *text)
{
    size_t n = strlen(text);
    char *copy = hp_arena_dup(arena, text, n);
    return copy != NULL ? hp_str_make(copy, n) : (struct hp_str){NULL, 0};
}

static void no_plan(struct hp_plan *plan, uint8_t engine, struct hp_str why)
{
    *plan = (struct hp_plan){.engine = engine, .actual_ms = -1, .why_not = why};
}

hp_err hp_explainer_ask(const struct hp_explainer *question, struct hp_arena *arena, struct hp_plan *plan,
                        struct hp_query *query, struct hp_errinfo *info)
{
    struct hp_buf request, answer;
    struct hp_plan_safe safe;
    bool in_time = true;
    uint8_t engine = question->engine != HP_ENGINE_UNKNOWN ? question->engine
                                                           : (uint8_t)hp_explainer_engine(question->dsn);
    hp_buf_init(&request, REQUEST_BYTES);
    hp_buf_init(&answer, ANSWER_BYTES);
    hp_err err = hp_query_read(question->text, engine, arena, query);
    if (err == HP_OK) {
        err = hp_plan_safe(question->text, engine, arena, &safe);
    }
    if (err == HP_OK && !safe.safe) {
        no_plan(plan, engine, dup_text(arena, safe.why));
        goto done;
    }
    if (err == HP_OK) {
        err = put_request(&request, question, query, &safe);
    }
    if (err == HP_OK) {
        err = run_child(question, hp_buf_str(&request), &answer, &in_time, info);
    }
    if (err == HP_OK && !in_time) {
        no_plan(plan, engine, dup_text(arena, "cut off: the database did not answer in time"));
        goto done;
    }
    if (err == HP_OK) {
        err = hp_plan_read(hp_buf_str(&answer), arena, plan, info);
    }
    if (err == HP_OK) {
        hp_plan_resolve(plan, query);
    }
done:
    hp_buf_fini(&request);
    hp_buf_fini(&answer);
    return err;
}

void hp_explainer_keep(const char *path, uint64_t plan_id, const struct hp_plan *plan)
{
    struct hp_store *store = NULL;
    struct hp_errinfo ignored;
    struct hp_buf text;
    struct hp_str old;
    uint64_t at_ns;
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE};
    hp_buf_init(&text, HP_PLAN_MAX_BYTES);
    if (hp_plan_put(plan, &text) == HP_OK && hp_store_open(&config, &store, &ignored) == HP_OK) {
        if (plan->why_not.n == 0 ||
            hp_store_get_plan(store, plan_id, &at_ns, &old, &ignored) == HP_ENOTFOUND) {
            (void)!hp_store_set_plan(store, plan_id, hp_clock_wall_ns(), hp_buf_str(&text), &ignored);
        }
        (void)!hp_store_close(store);
    }
    hp_buf_fini(&text);
}
