/* cmd_serve.c -- `hotplate serve`: the dashboard of a store in a browser; and the same beside the command of
 * `hotplate run`. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/explain_now.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/reading.h"
#include "cli/serving.h"
#include "cli/storepath.h"
#include "serve/http.h"

static const char help[] = "hotplate serve [--bind ADDRESS] [--port N] [--token T] [--read-only]\n"
                           "\n"
                           "The dashboard in a browser. Without a token it answers only this machine.\n"
                           "  --bind ADDRESS      127.0.0.1; 0.0.0.0 for all, then with a token\n"
                           "  --port N            4747 or the next free one; 0: any\n"
                           "  --token T           who shows it may read and change; else HOTPLATE_TOKEN\n"
                           "  --read-token T      who shows it may read; else HOTPLATE_READ_TOKEN\n"
                           "  --read-only         nobody may change anything\n"
                           "  --store FILE        else HOTPLATE_STORE, else .hotplate/hotplate.db above\n";

struct serve {
    const char *bind, *port, *token, *read_token, *store;
    bool read_only;
    char path[HP_STOREPATH_BYTES];
};

/* The word, else the variable; NULL if neither says anything. */
static const char *word_or_variable(const char *word, const char *variable)
{
    const char *text = word != NULL ? word : getenv(variable);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Wait for the signal to end. They were blocked before the server's threads began. */
static void wait_for_end(const sigset_t *ends)
{
    int number;
    while (sigwait(ends, &number) != 0) {
    }
}

static void put_link(const char *bind, uint16_t port)
{
    bool all = strcmp(bind, "0.0.0.0") == 0 || strcmp(bind, "::") == 0;
    bool six = !all && strchr(bind, ':') != NULL;
    const char *host = all ? "127.0.0.1" : bind;
    hp_output_note(six ? "dashboard at http://[%s]:%u/" : "dashboard at http://%s:%u/", host, port);
}

/* Bring a store of an older version up to date, and count what processes that are gone have lost. A store
 * that cannot be written is shown as it is. */
static void tend(const struct serve *options)
{
    struct hp_store *store = NULL;
    if (!options->read_only && access(options->path, F_OK) == 0 &&
        hp_reading_open(options->path, true, &store, NULL) == HP_OK) {
        hp_err err = hp_store_close(store);
        (void)err; /* nothing was written through it */
    }
}

static int serve(const struct serve *options, uint16_t port, bool search)
{
    const struct hp_api_config config = {.store = options->path,
                                         .token = word_or_variable(options->token, "HOTPLATE_TOKEN"),
                                         .read_token =
                                             word_or_variable(options->read_token, "HOTPLATE_READ_TOKEN"),
                                         .read_only = options->read_only,
                                         .keep = true,
                                         .explain = hp_explain_now,
                                         .limit_ms = HP_SERVING_LIMIT_MS};
    struct hp_errinfo info = {0};
    struct hp_http *http = NULL;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    struct hp_api *api = hp_api_new(&config);
    hp_err err = api == NULL ? HP_ENOMEM : hp_http_start(api, options->bind, port, search, &http, &info);
    if (err == HP_OK) {
        put_link(options->bind, hp_http_port(http));
        wait_for_end(&ends);
        hp_http_stop(http);
    }
    hp_api_free(api);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
}

int hp_cmd_serve(int argc, char **argv, struct hp_buf *out)
{
    static struct serve options = {.bind = "127.0.0.1"};
    struct hp_errinfo info = {0};
    uint64_t port = HP_SERVING_PORT;
    const struct hp_args_option table[] = {{"--bind", NULL, HP_ARGS_TEXT, &options.bind},
                                           {"--port", NULL, HP_ARGS_TEXT, &options.port},
                                           {"--token", NULL, HP_ARGS_TEXT, &options.token},
                                           {"--read-token", NULL, HP_ARGS_TEXT, &options.read_token},
                                           {"--read-only", NULL, HP_ARGS_FLAG, &options.read_only},
                                           {"--store", NULL, HP_ARGS_TEXT, &options.store}};
    struct hp_args args = {.options = {table, NULL}, .counts = {sizeof table / sizeof table[0], 0}};
    if (hp_args_parse(&args, argc, argv, &info) != HP_OK) {
        return hp_output_usage("serve", "%s", info.text);
    }
    if (args.help) {
        hp_buf_put_text(out, hp_str_from0(help));
        return HP_EXIT_OK;
    }
    if (options.port != NULL && !hp_quantity_count(options.port, UINT16_MAX, &port)) {
        return hp_output_usage("serve", "--port %.60s: not a number to 65535", options.port);
    }
    /* A store that is not there yet is fine: the page says how to record one. */
    hp_err err = hp_storepath_find(options.store, true, options.path, &info);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    tend(&options);
    return serve(&options, (uint16_t)port, options.port == NULL);
}
