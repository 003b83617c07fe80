/* command.h -- what each subcommand is to main.c, and the exit codes of all of them (docs/formats/cli.md).
 *
 * A command gets its own arguments (argv[0] is its name), writes what it has to say into `out` (main.c writes
 * that to stdout, once) and returns an exit code. Errors go to stderr as one line, by hp_output_fail or
 * hp_output_usage.
 */
#ifndef HP_COMMAND_H
#define HP_COMMAND_H

#include "base/buf.h"

enum hp_exit { HP_EXIT_OK = 0, HP_EXIT_FAILURE = 1, HP_EXIT_USAGE = 2, HP_EXIT_GATE = 3 };

int hp_cmd_run(int argc, char **argv, struct hp_buf *out);
int hp_cmd_report(int argc, char **argv, struct hp_buf *out);
int hp_cmd_routes(int argc, char **argv, struct hp_buf *out);
int hp_cmd_requests(int argc, char **argv, struct hp_buf *out);
int hp_cmd_show(int argc, char **argv, struct hp_buf *out);
int hp_cmd_sql(int argc, char **argv, struct hp_buf *out);
int hp_cmd_record(int argc, char **argv, struct hp_buf *out);
int hp_cmd_compare(int argc, char **argv, struct hp_buf *out);
int hp_cmd_ledger(int argc, char **argv, struct hp_buf *out);
int hp_cmd_top(int argc, char **argv, struct hp_buf *out);
int hp_cmd_tree(int argc, char **argv, struct hp_buf *out);
int hp_cmd_flame(int argc, char **argv, struct hp_buf *out);
int hp_cmd_icicle(int argc, char **argv, struct hp_buf *out);
int hp_cmd_sunburst(int argc, char **argv, struct hp_buf *out);
int hp_cmd_sandwich(int argc, char **argv, struct hp_buf *out);
int hp_cmd_graph(int argc, char **argv, struct hp_buf *out);
int hp_cmd_merge(int argc, char **argv, struct hp_buf *out);
int hp_cmd_diff(int argc, char **argv, struct hp_buf *out);
int hp_cmd_open(int argc, char **argv, struct hp_buf *out);
int hp_cmd_convert(int argc, char **argv, struct hp_buf *out);
int hp_cmd_attach(int argc, char **argv, struct hp_buf *out);
int hp_cmd_dump(int argc, char **argv, struct hp_buf *out);
int hp_cmd_serve(int argc, char **argv, struct hp_buf *out);
int hp_cmd_explain(int argc, char **argv, struct hp_buf *out);
int hp_cmd_workers(int argc, char **argv, struct hp_buf *out);
int hp_cmd_live(int argc, char **argv, struct hp_buf *out);

#endif
