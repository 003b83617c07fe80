/* cmd_open.c -- `hotplate open [INPUT]`: a profile as one page with all views, in the browser where there is
 * one. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/browser.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/outfile.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "format/html.h"

#define PAGE_MAX_BYTES ((size_t)1 << 30)

static const char help[] = "hotplate open [INPUT] [-o FILE.html] [--serve [--port N]] [--no-browser]\n"
                           "\n"
                           "One page with flame graph, icicle, sunburst, sandwich, table and call graph; it\n"
                           "needs no network. Opens a browser where there is a display, and prints where\n"
                           "the page is.\n"
                           "  -o, --output FILE   - for stdout; else a private file in the temporary folder\n"
                           "  --serve             deliver it once on 127.0.0.1, for a browser at the other\n"
                           "                      end of ssh -L N:127.0.0.1:N; writes no file without -o\n"
                           "  --port N            the port for that (any free one)\n"
                           "  --no-browser        start none\n"
                           "  --raw               as measured: our own cost not taken out\n"
                           "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

struct open {
    struct hp_reading reading;
    const char *file;
    uint64_t port;
    bool serve, no_browser, raw;
};

/* A file of its own, readable by its owner only. */
static hp_err write_temporary(struct hp_str page, char path[PATH_MAX], struct hp_errinfo *info)
{
    const char *folder = getenv("TMPDIR");
    int n = snprintf(path, PATH_MAX, "%s/hotplate-XXXXXX.html",
                     folder != NULL && folder[0] != '\0' ? folder : "/tmp");
    int fd = n > 0 && n < PATH_MAX ? mkstemps(path, 5) : -1;
    if (fd < 0) {
        return hp_err_set(info, HP_EIO, 0, "%.180s: %s", path, strerror(errno));
    }
    hp_err err = hp_output_flush(fd, page);
    if (close(fd) != 0 || err != HP_OK) {
        unlink(path);
        return hp_err_set(info, HP_EIO, 0, "%.180s: %s", path, strerror(errno));
    }
    return HP_OK;
}

static void announce(const char *address)
{
    struct hp_buf line;
    hp_buf_init(&line, 256);
    hp_buf_printf(&line, "%s\n", address);
    hp_err err = hp_output_flush(STDOUT_FILENO, hp_buf_str(&line));
    hp_buf_fini(&line);
    if (err != HP_OK) {
        hp_output_note("the address could not be written: %s", hp_err_text(err));
    }
}

static int deliver(const struct open *open, struct hp_str page, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    char path[PATH_MAX];
    hp_err err = HP_OK;
    if (open->file != NULL && strcmp(open->file, "-") == 0) {
        hp_buf_put_text(out, page);
        return HP_EXIT_OK;
    }
    if (open->file != NULL) {
        err = hp_outfile_write(open->file, page, &info);
    }
    if (err == HP_OK && open->serve) {
        err = hp_browser_serve(page, (uint16_t)open->port, announce, &info);
        return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
    }
    if (err == HP_OK && open->file == NULL) {
        err = write_temporary(page, path, &info);
    } else if (err == HP_OK && realpath(open->file, path) == NULL) {
        snprintf(path, sizeof path, "%s", open->file);
    }
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    hp_output_text(out, hp_str_from0(path));
    hp_buf_put_text(out, HP_STR("\n"));
    if (!open->no_browser && hp_browser_possible() && !hp_browser_start(path)) {
        hp_output_note("no browser could be started (xdg-open is not there); open the file yourself");
    }
    return HP_EXIT_OK;
}

static int show(struct open *open, struct hp_buf *out)
{
    struct hp_loaded loaded;
    struct hp_buf page;
    const char *word = open->reading.word_count != 0 ? open->reading.words[0] : NULL;
    hp_buf_init(&page, PAGE_MAX_BYTES);
    int status = hp_load_begin(&open->reading, "open", word, open->raw, &loaded);
    if (status < 0) {
        struct hp_html_options options = {.title = hp_buf_str(&loaded.title), .format = loaded.format};
        hp_err err = hp_html_write(loaded.profile, &options, &page);
        status = err == HP_OK ? deliver(open, hp_buf_str(&page), out) : hp_output_error(err, NULL);
    }
    hp_load_end(&loaded);
    hp_buf_fini(&page);
    return status;
}

int hp_cmd_open(int argc, char **argv, struct hp_buf *out)
{
    struct open open = {0};
    const char *port = NULL;
    const struct hp_args_option options[] = {{"--output", "-o", HP_ARGS_TEXT, &open.file},
                                             {"--serve", NULL, HP_ARGS_FLAG, &open.serve},
                                             {"--port", NULL, HP_ARGS_TEXT, &port},
                                             {"--no-browser", NULL, HP_ARGS_FLAG, &open.no_browser},
                                             {"--raw", NULL, HP_ARGS_FLAG, &open.raw}};
    const struct hp_reading_command command = {
        .name = "open", .help = help, .options = options, .option_count = 5, .most = 1};
    int status = hp_reading_parse(&open.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (open.file != NULL && open.file[0] == '\0') {
        return hp_output_usage("open", "-o needs a file name");
    }
    if (port != NULL && (!open.serve || !hp_quantity_count(port, 65535, &open.port))) {
        return hp_output_usage("open", open.serve ? "--port %s: not 0 to 65535" : "--port %s without --serve",
                               port);
    }
    if (open.serve && open.file != NULL && strcmp(open.file, "-") == 0) {
        return hp_output_usage("open", "--serve and -o - both want stdout");
    }
    status = show(&open, out);
    hp_reading_end(&open.reading);
    return status;
}
