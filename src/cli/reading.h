/* reading.h -- what all commands that read have in common: --store --json --route --label --revision --since
 * --until --all.
 *
 *     struct hp_reading reading = {0};
 *     int status = hp_reading_parse(&reading, …);      the command line; what is wrong with it is reported
 *     …                                                checks of the command's own options: usage errors come before all others
 *     status = hp_reading_begin(&reading);             find the store, account for the dead, open, make the scope
 *     …                                                reading.store, reading.scope
 *     hp_reading_end(&reading);
 */
#ifndef HP_READING_H
#define HP_READING_H

#include <stdbool.h>
#include "base/buf.h"
#include "cli/args.h"
#include "cli/storepath.h"
#include "store/store.h"

struct hp_reading {
    const char *store_name, *route, *label, *revision, *since, *until;
    bool json, all;
    bool writable; /* set by the command: open for writing if that can be (states of findings) */
    bool no_pairs; /* the same: nobody asks for callers or callees */
    char path[HP_STOREPATH_BYTES];
    struct hp_store *store;
    struct hp_scope scope;
    struct hp_str
        newest;   /* revision that the scope was narrowed to; empty: not narrowed. Borrowed from the store */
    char **words; /* arguments beside the options */
    int word_count;
};

/* A command, as hp_reading_start needs it. */
struct hp_reading_command {
    const char *name, *help; /* help: the whole text of --help, up to the common options */
    const struct hp_args_option *options;
    size_t option_count;
    int least, most; /* words */
};

/* Parse. Returns -1 to go on, else the exit code to return with: help was shown or an error reported. */
int hp_reading_parse(struct hp_reading *reading, const struct hp_reading_command *command, int argc,
                     char **argv, struct hp_buf *out);

/* Open. Returns -1 to go on, else the exit code; nothing is open then. The scope is that of the options;
 * without --revision, --label and --all it is narrowed to the newest revision. */
int hp_reading_begin(struct hp_reading *reading);

/* Close; nothing open is fine. */
void hp_reading_end(struct hp_reading *reading);

/* The scope of a label ("before", "before~1"). HP_ENOTFOUND with a line. */
HP_CHECK hp_err hp_reading_label(struct hp_reading *reading, struct hp_str name, struct hp_scope *scope,
                                 struct hp_errinfo *info);

/* Open the store `path`, to read unless `writable` is asked for and possible, after counting the losses of
 * processes that are gone (where it can be written). */
HP_CHECK hp_err hp_reading_open(const char *path, bool writable, struct hp_store **store,
                                struct hp_errinfo *info);

/* "GET /settings", "<unmatched>" with its method; "-" for route 0. Appended to `out`. */
void hp_reading_put_route(struct hp_buf *out, const struct hp_dict *dict, uint32_t route);

/* A line for people: what the figures cover, when that is not everything. Nothing with --json. */
void hp_reading_put_scope(const struct hp_reading *reading, struct hp_buf *out);

/* The line for a scope without a request. */
void hp_reading_put_empty(const struct hp_reading *reading, struct hp_buf *out);

#endif
