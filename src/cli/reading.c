/* reading.c -- see reading.h. */
#include "cli/reading.h"

#include <dirent.h>
#include <string.h>

#include "base/clock.h"
#include "capture/writer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/quantity.h"

static const char common_help[] =
    "\n"
    "Which requests:\n"
    "  --route ROUTE       'GET /x', 'GET /x ENDPOINT', a rule or an endpoint\n"
    "  --label NAME        a recorded stretch; NAME~1 is the one before it\n"
    "  --revision REV      of the application; without it the newest one\n"
    "  --all               all revisions\n"
    "  --since, --until T  10m, 14:30, 2026-01-31, 2026-01-31T14:30\n"
    "  --store FILE        else HOTPLATE_STORE, else .hotplate/hotplate.db above\n"
    "  --json              JSON instead of text\n";

/* Whether some process has left its page, or is alive and has one. */
static bool has_ring_files(const char *folder)
{
    bool found = false;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL && !found;
         entry = readdir(dir)) {
        struct hp_str name = hp_str_from0(entry->d_name);
        found = hp_str_starts(name, HP_STR("ring-")) && hp_str_ends(name, HP_STR(".hpr"));
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

/* Best effort: a store that cannot be written is read as it is. */
static void adopt(const char *path)
{
    char folder[HP_STOREPATH_BYTES];
    struct hp_store *store = NULL;
    hp_storepath_folder(path, folder);
    if (!has_ring_files(folder)) {
        return;
    }
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE, .busy_ms = 200};
    if (hp_store_open(&config, &store, NULL) != HP_OK) {
        return;
    }
    hp_err failed = hp_writer_adopt(folder, store, NULL, NULL);
    hp_err closed = hp_store_close(store);
    (void)failed; /* the pages stay for the next one */
    (void)closed;
}

hp_err hp_reading_open(const char *path, bool writable, struct hp_store **store, struct hp_errinfo *info)
{
    adopt(path);
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE, .busy_ms = 500};
    if (writable && hp_store_open(&config, store, NULL) == HP_OK) {
        return HP_OK;
    }
    config = (struct hp_store_config){.path = path, .mode = HP_STORE_READ};
    return hp_store_open(&config, store, info);
}

hp_err hp_reading_label(struct hp_reading *reading, struct hp_str name, struct hp_scope *scope,
                        struct hp_errinfo *info)
{
    struct hp_label label;
    struct hp_errinfo why = {0};
    hp_err err = hp_store_label(reading->store, name, &label, &why);
    if (err == HP_ENOTFOUND) {
        return hp_err_set(info, err, 0, "no label %.*s; record one: hotplate record --label %.*s -- COMMAND",
                          (int)(name.n < 80 ? name.n : 80), name.p, (int)(name.n < 80 ? name.n : 80), name.p);
    }
    if (err != HP_OK) {
        return hp_err_set(info, err, 0, "%s", why.text);
    }
    scope->from_ns = label.from_ns > scope->from_ns ? label.from_ns : scope->from_ns;
    if (label.to_ns != 0 && (scope->to_ns == 0 || label.to_ns < scope->to_ns)) {
        scope->to_ns = label.to_ns;
    }
    return HP_OK;
}

/* The moments and words of the options; needs no store. */
static hp_err read_options(struct hp_reading *reading, struct hp_errinfo *info)
{
    uint64_t now_ns = hp_clock_wall_ns();
    struct hp_scope *scope = &reading->scope;
    if (reading->since != NULL && !hp_quantity_moment(reading->since, now_ns, &scope->from_ns)) {
        return hp_err_set(info, HP_EINVAL, 0,
                          "--since %.80s: not a moment like 10m, 14:30 or 2026-01-31T14:30", reading->since);
    }
    if (reading->until != NULL && !hp_quantity_moment(reading->until, now_ns, &scope->to_ns)) {
        return hp_err_set(info, HP_EINVAL, 0,
                          "--until %.80s: not a moment like 10m, 14:30 or 2026-01-31T14:30", reading->until);
    }
    if (scope->to_ns != 0 && scope->to_ns <= scope->from_ns) {
        return hp_err_set(info, HP_EINVAL, 0, "--until is not after --since");
    }
    scope->route = hp_str_from0(reading->route);
    scope->revision = hp_str_from0(reading->revision);
    return HP_OK;
}

/* The parts of the scope that are words of the store. */
static hp_err look_up(struct hp_reading *reading, struct hp_errinfo *info)
{
    if (reading->label != NULL) {
        hp_err err = hp_reading_label(reading, hp_str_from0(reading->label), &reading->scope, info);
        if (err != HP_OK) {
            return err;
        }
    }
    if (reading->revision != NULL || reading->label != NULL || reading->all) {
        return HP_OK;
    }
    hp_err err = hp_store_newest_revision(reading->store, &reading->scope, &reading->newest, info);
    if (err == HP_OK && reading->newest.n != 0) {
        reading->scope.revision = reading->newest;
    }
    return err;
}

int hp_reading_parse(struct hp_reading *reading, const struct hp_reading_command *command, int argc,
                     char **argv, struct hp_buf *out)
{
    const struct hp_args_option common[] = {
        {"--store", NULL, HP_ARGS_TEXT, &reading->store_name},
        {"--json", NULL, HP_ARGS_FLAG, &reading->json},
        {"--route", NULL, HP_ARGS_TEXT, &reading->route},
        {"--label", NULL, HP_ARGS_TEXT, &reading->label},
        {"--revision", NULL, HP_ARGS_TEXT, &reading->revision},
        {"--since", NULL, HP_ARGS_TEXT, &reading->since},
        {"--until", NULL, HP_ARGS_TEXT, &reading->until},
        {"--all", NULL, HP_ARGS_FLAG, &reading->all},
    };
    struct hp_errinfo info = {0};
    struct hp_args args = {.options = {common, command->options},
                           .counts = {sizeof common / sizeof common[0], command->option_count},
                           .most = command->most};
    hp_err err = hp_args_parse(&args, argc, argv, &info);
    if (err == HP_OK && args.help) {
        hp_buf_put_text(out, hp_str_from0(command->help));
        hp_buf_put_text(out, hp_str_from0(common_help));
        return HP_EXIT_OK;
    }
    if (err == HP_OK && args.rest_count < command->least) {
        err = hp_err_set(&info, HP_EINVAL, 0, "an argument is missing");
    }
    if (err == HP_OK) {
        err = read_options(reading, &info);
    }
    if (err != HP_OK) {
        return hp_output_usage(command->name, "%s", info.text);
    }
    reading->words = args.rest;
    reading->word_count = args.rest_count;
    return -1;
}

int hp_reading_begin(struct hp_reading *reading)
{
    struct hp_errinfo info = {0};
    hp_err err = hp_storepath_find(reading->store_name, false, reading->path, &info);
    if (err == HP_OK) {
        err = hp_reading_open(reading->path, reading->writable, &reading->store, &info);
    }
    if (err == HP_OK) {
        err = look_up(reading, &info);
    }
    if (err != HP_OK) {
        hp_reading_end(reading);
        return hp_output_error(err, &info);
    }
    return -1;
}

void hp_reading_end(struct hp_reading *reading)
{
    hp_err err = hp_store_close(reading->store);
    (void)err; /* read only: nothing can be lost */
    reading->store = NULL;
}

void hp_reading_put_route(struct hp_buf *out, const struct hp_dict *dict, uint32_t route)
{
    struct hp_route words = hp_dict_route(dict, route);
    if (route == 0) {
        hp_buf_put_text(out, HP_STR("-"));
        return;
    }
    hp_output_text(out, words.method);
    hp_buf_put_text(out, words.method.n == 0 ? HP_STR("") : HP_STR(" "));
    hp_output_text(out, words.rule);
}

void hp_reading_put_scope(const struct hp_reading *reading, struct hp_buf *out)
{
    if (!reading->json && reading->newest.n != 0) {
        hp_output_paint(out, HP_PAINT_DIM, HP_STR("newest revision "));
        hp_output_paint(out, HP_PAINT_DIM, reading->newest);
        hp_output_paint(out, HP_PAINT_DIM, HP_STR(" (--all for every revision)"));
        hp_buf_put_text(out, HP_STR("\n"));
    }
}

void hp_reading_put_empty(const struct hp_reading *reading, struct hp_buf *out)
{
    bool narrowed = reading->route != NULL || reading->label != NULL || reading->revision != NULL ||
                    reading->since != NULL || reading->until != NULL;
    hp_buf_put_text(out, narrowed ? HP_STR("no request matches\n") : HP_STR("no requests recorded yet\n"));
}
