/* cmd_explain.c -- `hotplate explain`: the plan of one statement, what is wrong with it, and the index that
 * helps. Never changes data: see docs/guide/explain.md.
 */
#include <stdlib.h>
#include <string.h>

#include "answer/explained.h"
#include "cli/command.h"
#include "cli/explain_serve.h"
#include "cli/explainer.h"
#include "cli/output.h"
#include "cli/planshow.h"
#include "cli/quantity.h"
#include "cli/statement.h"

#define TIMEOUT_NS  ((uint64_t)5000000000u)
#define ARENA_BYTES ((size_t)256 << 20)

static const char help[] = "hotplate explain STATEMENT [--dsn URL] [--analyze] [--timeout 5s]\n"
                           "\n"
                           "The plan of one SELECT on its own database, what is wrong with it and the index\n"
                           "that helps. Nothing is changed: SELECT only, on a connection of its own, in a\n"
                           "read-only transaction that is rolled back, with a timeout.\n"
                           "STATEMENT: an id of hotplate sql or its beginning; req:ID and the number of an\n"
                           "execution; the text itself, or - to read it from stdin.\n"
                           "  --dsn URL       sqlite:///FILE, postgresql://…, mysql://…, mariadb://…; else\n"
                           "                  HOTPLATE_DSN; without both the plan that is kept\n"
                           "  --analyze       run the statement, for rows as they really are\n"
                           "  --param VALUE   for the placeholders, in their order; the others get an\n"
                           "                  example value by the column's type\n"
                           "  --timeout T     give up after (5s)\n"
                           "  --python EXE    interpreter that has the database's driver\n";

struct explain {
    const char *dsn, *timeout, *python;
    struct hp_args_list params;
    bool analyze, serve;
    uint64_t timeout_ns;
    struct hp_reading reading;
    struct hp_statement_target target;
    struct hp_explained shown; /* at_ns 0: made just now */
    struct hp_arena arena;
};

static hp_err ask(struct explain *explain, struct hp_errinfo *info)
{
    struct hp_explainer question = {.python = explain->python,
                                    .dsn = explain->dsn,
                                    .text = explain->target.statement.text,
                                    .given = explain->params.items,
                                    .given_count = explain->params.count,
                                    .engine = (uint8_t)hp_explainer_engine(explain->dsn),
                                    .analyze = explain->analyze,
                                    .timeout_ns = explain->timeout_ns};
    hp_err err =
        hp_explainer_ask(&question, &explain->arena, &explain->shown.plan, &explain->shown.query, info);
    if (err == HP_OK && explain->target.stored && explain->shown.plan.why_not.n == 0) {
        hp_explainer_keep(explain->reading.path, hp_store_plan_id(&explain->target.statement),
                          &explain->shown.plan);
    }
    return err;
}

/* What was kept with the statement, by an earlier call or while the application ran. */
static hp_err recall(struct explain *explain, struct hp_errinfo *info)
{
    hp_err err = HP_ENOTFOUND;
    if (explain->target.stored) {
        err = hp_explained_recall(explain->reading.store, &explain->target.statement, &explain->arena,
                                  &explain->shown, info);
    }
    if (err == HP_ENOTFOUND) {
        return hp_err_set(info, err, 0,
                          "no plan is kept of this statement; say where its database is: --dsn URL");
    }
    return err;
}

static int put(struct explain *explain, struct hp_buf *out)
{
    struct hp_plan_advices advices;
    struct hp_planshow show = {explain->target.statement.text, &explain->shown.plan, &advices,
                               explain->shown.at_ns};
    hp_err err = hp_plan_advise(&explain->shown.plan, &explain->shown.query, explain->target.returned,
                                &explain->arena, &advices);
    if (err == HP_OK && explain->reading.json) {
        return hp_planshow_json(&show, out);
    }
    if (err == HP_OK) {
        err = hp_planshow_text(&show, out);
    }
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

static int run(struct explain *explain, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_reading *reading = &explain->reading;
    if (hp_statement_needs_store(reading->words, reading->word_count)) {
        int status = hp_reading_begin(reading);
        if (status >= 0) {
            return status;
        }
    }
    hp_err err = hp_statement_find(reading, reading->words, reading->word_count, &explain->arena,
                                   &explain->target, &info);
    if (err == HP_EINVAL) {
        return hp_output_usage("explain", "%s", info.text);
    }
    if (err == HP_OK) {
        err = explain->dsn != NULL ? ask(explain, &info) : recall(explain, &info);
    }
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    if (explain->shown.plan.why_not.n != 0) {
        return hp_output_fail("not explained: %.*s", (int)explain->shown.plan.why_not.n,
                              explain->shown.plan.why_not.p);
    }
    return put(explain, out);
}

/* What the application's process starts, see explain_serve.h. */
static int serve(struct hp_reading *reading)
{
    struct hp_errinfo info = {0};
    char folder[HP_STOREPATH_BYTES];
    hp_err err = hp_storepath_find(reading->store_name, true, reading->path, &info);
    if (err == HP_OK) {
        hp_storepath_folder(reading->path, folder);
        err = hp_storepath_make_folder(folder, &info);
    }
    return err == HP_OK ? hp_explain_serve(reading->path) : hp_output_error(err, &info);
}

int hp_cmd_explain(int argc, char **argv, struct hp_buf *out)
{
    struct explain explain = {.timeout_ns = TIMEOUT_NS};
    const struct hp_args_option options[] = {{"--dsn", NULL, HP_ARGS_TEXT, &explain.dsn},
                                             {"--analyze", NULL, HP_ARGS_FLAG, &explain.analyze},
                                             {"--param", NULL, HP_ARGS_LIST, &explain.params},
                                             {"--timeout", NULL, HP_ARGS_TEXT, &explain.timeout},
                                             {"--python", NULL, HP_ARGS_TEXT, &explain.python},
                                             {"--serve", NULL, HP_ARGS_FLAG, &explain.serve}};
    const struct hp_reading_command command = {
        .name = "explain", .help = help, .options = options, .option_count = 6, .least = 0, .most = 2};
    int status = hp_reading_parse(&explain.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (explain.serve) {
        return serve(&explain.reading);
    }
    if (explain.reading.word_count == 0) {
        return hp_output_usage("explain", "no STATEMENT");
    }
    if (explain.timeout != NULL &&
        (!hp_quantity_duration(explain.timeout, 0, &explain.timeout_ns) || explain.timeout_ns < 1000000u)) {
        return hp_output_usage("explain", "--timeout %s: not a duration like 5s", explain.timeout);
    }
    const char *dsn = getenv("HOTPLATE_DSN");
    explain.dsn = explain.dsn == NULL && dsn != NULL && dsn[0] != '\0' ? dsn : explain.dsn;
    if (explain.dsn != NULL && hp_explainer_engine(explain.dsn) == HP_ENGINE_UNKNOWN) {
        return hp_output_usage("explain", "--dsn: not sqlite://, postgresql://, mysql:// or mariadb://");
    }
    hp_arena_init(&explain.arena, ARENA_BYTES);
    status = run(&explain, out);
    hp_arena_fini(&explain.arena);
    hp_reading_end(&explain.reading);
    return status;
}
