/* main.c -- the `hotplate` command: finds the subcommand, writes what it says, returns its code.
 *
 * --help and --version open nothing and return before anything is initialised. Names, defaults, JSON and exit
 * codes: docs/formats/cli.md.
 */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/output.h"

#define OUTPUT_MAX_BYTES ((size_t)1 << 30)

static const struct {
    const char *name;
    int (*run)(int argc, char **argv, struct hp_buf *out);
} commands[] = {
    {"run", hp_cmd_run},           {"report", hp_cmd_report},   {"routes", hp_cmd_routes},
    {"requests", hp_cmd_requests}, {"show", hp_cmd_show},       {"sql", hp_cmd_sql},
    {"record", hp_cmd_record},     {"compare", hp_cmd_compare}, {"top", hp_cmd_top},
    {"tree", hp_cmd_tree},         {"flame", hp_cmd_flame},     {"icicle", hp_cmd_icicle},
    {"graph", hp_cmd_graph},       {"merge", hp_cmd_merge},     {"diff", hp_cmd_diff},
    {"convert", hp_cmd_convert},   {"attach", hp_cmd_attach},   {"dump", hp_cmd_dump},
    {"live", hp_cmd_live},         {"open", hp_cmd_open},       {"ledger", hp_cmd_ledger},
    {"serve", hp_cmd_serve},       {"explain", hp_cmd_explain}, {"sunburst", hp_cmd_sunburst},
    {"sandwich", hp_cmd_sandwich}, {"workers", hp_cmd_workers},
};

static const char help[] = "Finds what makes a Flask application slow, and what fixing it would save.\n"
                           "\n"
                           "  hotplate run -- COMMAND...   run an application and record every request\n"
                           "  hotplate serve               the dashboard in a browser\n"
                           "  hotplate report              what is slow, why, and what a fix would save\n"
                           "  hotplate routes              routes by total time\n"
                           "  hotplate requests|workers    single requests; what each process used\n"
                           "  hotplate show ID             one request: phases, call tree, SQL, threads\n"
                           "  hotplate sql                 statements by total time\n"
                           "  hotplate explain STATEMENT   its plan, and the index that helps\n"
                           "  hotplate record --label L -- COMMAND...   name what is recorded meanwhile\n"
                           "  hotplate compare A B         before and after, with intervals\n"
                           "  hotplate ledger              findings so far: predicted, measured, muted\n"
                           "  hotplate top|tree [INPUT]    functions by own time; call tree\n"
                           "  hotplate flame|icicle|sunburst|sandwich [INPUT] -o X.svg   a picture of it\n"
                           "  hotplate open [INPUT]        all views in a browser: one page, works offline\n"
                           "  hotplate graph [INPUT] [-o X.svg]    call graph (DOT)\n"
                           "  hotplate diff A B            functions that moved between two profiles\n"
                           "  hotplate merge|convert INPUT... -o OUT   added up; in another format\n"
                           "  hotplate attach|dump|live PID        a running Python, from outside\n"
                           "\n"
                           "INPUT: a profile of any format, a store file, req:ID, route:'GET /x', label:L,\n"
                           "or the bare word.\n"
                           "hotplate COMMAND --help says more. Exit: 0 fine, 1 failure, 2 usage, 3 gate.\n";

static int dispatch(int argc, char **argv, struct hp_buf *out)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        hp_buf_put_text(out, hp_str_from0(help));
        return HP_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        hp_buf_put_text(out, HP_STR("hotplate " HP_VERSION_TEXT "\n"));
        return HP_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].run(argc - 1, argv + 1, out);
        }
    }
    hp_output_note("unknown %s %s (see hotplate --help)", name[0] == '-' ? "option" : "command", name);
    return HP_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct hp_buf out;
    hp_buf_init(&out, OUTPUT_MAX_BYTES);
    int status = dispatch(argc, argv, &out);
    hp_err err = out.err == HP_OK ? hp_output_flush(STDOUT_FILENO, hp_buf_str(&out)) : out.err;
    if (err != HP_OK) {
        status = hp_output_fail("the output: %s", hp_err_text(err));
    }
    hp_buf_fini(&out);
    return status;
}
