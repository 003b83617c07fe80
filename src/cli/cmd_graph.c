/* cmd_graph.c -- `hotplate graph [INPUT]`: the call graph as DOT, or drawn by graphviz. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "format/dot.h"

#define DOT_MAX_BYTES ((size_t)1 << 30)
#define DRAWN_NODES   300
#define DRAW_LIMIT_NS 10000000000u
#define SVG_MAX_BYTES ((size_t)256 << 20)

static const char help[] = "hotplate graph [INPUT] [-o FILE.dot|FILE.svg] [options]\n"
                           "\n"
                           "The call graph, shares of total and self, and calls. DOT on stdout without -o;\n"
                           "an .svg is drawn by graphviz: at most 300 functions and 10 s.\n"
                           "  --min-node P, --min-edge P   leave out what has less (0.5%, 0.1%)\n"
                           "  --root GLOB, --leaf GLOB     only what these call, what calls these\n"
                           "                               (module:line:function)\n"
                           "  --depth N                    so many steps from them\n"
                           "  --strip                      names without module and line\n"
                           "  --colour-by self             colour by own share\n"
                           "  --join-cycles                what calls each other is one node\n"
                           "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

struct graph {
    struct hp_reading reading;
    struct hp_dot_options options;
    const char *file;
    bool raw, svg;
};

/* ---- graphviz ---- */

/* The child: dot with our pipes for stdin and stdout. */
static void exec_dot(int in, int out)
{
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execlp("dot", "dot", "-Tsvg", (char *)NULL);
    }
    _exit(127);
}

/* Feed `dot` and take what comes, until the end of its output or the time is up. */
static hp_err pump(int *pipe_to, int from, uint64_t end_ns, struct hp_str text, struct hp_buf *svg)
{
    int to = *pipe_to;
    for (;;) {
        uint64_t now_ns = hp_clock_mono_ns();
        struct pollfd fds[2] = {{from, POLLIN, 0}, {to, POLLOUT, 0}};
        if (now_ns >= end_ns) {
            return HP_ETIMEOUT;
        }
        int ready = poll(fds, to >= 0 ? 2 : 1, (int)((end_ns - now_ns) / 1000000 + 1));
        if (ready < 0 && errno != EINTR) {
            return HP_EIO;
        }
        if (to >= 0 && (fds[1].revents & (POLLOUT | POLLERR)) != 0) {
            ssize_t n = write(to, text.p, text.n < 65536 ? text.n : 65536);
            text = n > 0 ? hp_str_make(text.p + n, text.n - (size_t)n) : text;
            if (text.n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
                close(to);
                *pipe_to = to = -1;
            }
        }
        if ((fds[0].revents & (POLLIN | POLLHUP)) != 0) {
            if (!hp_buf_reserve(svg, 65536)) {
                return svg->err;
            }
            ssize_t n = read(from, svg->data + svg->len, 65536);
            if (n <= 0) {
                return n == 0 ? HP_OK : HP_EIO;
            }
            svg->len += (size_t)n;
        }
    }
}

/* Wait for the child, which ends soon after its output did; one that has failed or does not end is killed. */
static hp_err reap(pid_t child, uint64_t end_ns, hp_err err, int *status)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    pid_t ended = 0;
    while (err == HP_OK && (ended = waitpid(child, status, WNOHANG)) == 0) {
        err = hp_clock_mono_ns() < end_ns ? HP_OK : HP_ETIMEOUT;
        nanosleep(&pause, NULL);
    }
    if (ended == 0) {
        kill(child, SIGKILL);
        waitpid(child, status, 0);
    }
    return err;
}

static hp_err draw(struct hp_str text, struct hp_buf *svg, struct hp_errinfo *info)
{
    int to[2], from[2], status = 0;
    uint64_t end_ns = hp_clock_mono_ns() + DRAW_LIMIT_NS;
    if (pipe(to) != 0) {
        return HP_EIO;
    }
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        return HP_EIO;
    }
    signal(SIGPIPE, SIG_IGN);
    fcntl(to[1], F_SETFL, O_NONBLOCK); /* the time limit holds also when dot does not read */
    fcntl(to[1], F_SETFD, FD_CLOEXEC);
    fcntl(from[0], F_SETFD, FD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
        close(to[1]);
        close(from[0]);
        exec_dot(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    hp_err err = child < 0 ? HP_EIO : pump(&to[1], from[0], end_ns, text, svg);
    close(from[0]);
    if (child > 0) {
        err = reap(child, end_ns, err, &status);
    }
    if (to[1] >= 0) {
        close(to[1]);
    }
    if (err == HP_ETIMEOUT) {
        return hp_err_set(info, err, 0, "graphviz took more than 10 s; raise --min-node, or write a .dot");
    }
    if (err == HP_OK && WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "graphviz' dot is not installed; write a .dot instead");
    }
    return err != HP_OK || status == 0 ? err : hp_err_set(info, HP_EIO, 0, "graphviz failed");
}

/* ---- the command ---- */

static int write_out(const struct graph *graph, struct hp_str text, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_buf svg;
    hp_err err = HP_OK;
    hp_buf_init(&svg, SVG_MAX_BYTES);
    if (graph->svg) {
        err = draw(text, &svg, &info);
        text = hp_buf_str(&svg);
    }
    int status = err == HP_OK ? hp_load_deliver(graph->file, text, out) : hp_output_error(err, &info);
    hp_buf_fini(&svg);
    return status;
}

static int run(struct graph *graph, struct hp_buf *out)
{
    struct hp_loaded loaded;
    struct hp_dot_result result;
    struct hp_buf dot;
    char share[HP_SHOW_BYTES];
    const char *word = graph->reading.word_count != 0 ? graph->reading.words[0] : NULL;
    hp_buf_init(&dot, DOT_MAX_BYTES);
    int status = hp_load_begin(&graph->reading, "graph", word, graph->raw, &loaded);
    if (status >= 0) {
        goto done;
    }
    double asked = graph->options.min_node < 0 ? 0.005 : graph->options.min_node;
    graph->options.max_nodes = graph->svg ? DRAWN_NODES : 0;
    hp_err err = hp_profile_graph(loaded.profile);
    err = err != HP_OK ? err : hp_dot_write(loaded.profile, &graph->options, &dot, &result);
    if (err == HP_ENOTFOUND) {
        status = hp_output_fail("no function matches %s (a glob over module:line:function)",
                                graph->options.root != NULL ? graph->options.root : graph->options.leaf);
        goto done;
    }
    if (err != HP_OK) {
        status = hp_output_error(err, NULL);
        goto done;
    }
    if (result.min_node > asked) {
        hp_output_note("drawn with --min-node %s, so that %u nodes are left of %u",
                       hp_show_percent(share, result.min_node), result.nodes, result.all_nodes);
    }
    status = write_out(graph, hp_buf_str(&dot), out);
done:
    hp_buf_fini(&dot);
    hp_load_end(&loaded);
    return status;
}

int hp_cmd_graph(int argc, char **argv, struct hp_buf *out)
{
    struct graph graph = {.file = "-", .options = {.min_node = -1, .min_edge = -1, .depth = -1}};
    const char *min_node = NULL, *min_edge = NULL, *depth = NULL, *colour = "total";
    uint64_t steps = 0;
    const struct hp_args_option options[] = {
        {"--output", "-o", HP_ARGS_TEXT, &graph.file},
        {"--min-node", NULL, HP_ARGS_TEXT, &min_node},
        {"--min-edge", NULL, HP_ARGS_TEXT, &min_edge},
        {"--root", NULL, HP_ARGS_TEXT, &graph.options.root},
        {"--leaf", NULL, HP_ARGS_TEXT, &graph.options.leaf},
        {"--depth", NULL, HP_ARGS_TEXT, &depth},
        {"--strip", NULL, HP_ARGS_FLAG, &graph.options.strip},
        {"--colour-by", NULL, HP_ARGS_TEXT, &colour},
        {"--join-cycles", NULL, HP_ARGS_FLAG, &graph.options.join_cycles},
        {"--raw", NULL, HP_ARGS_FLAG, &graph.raw}};
    const struct hp_reading_command command = {
        .name = "graph", .help = help, .options = options, .option_count = 10, .most = 1};
    int status = hp_reading_parse(&graph.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (graph.file[0] == '\0') {
        return hp_output_usage("graph", "where to? -o FILE");
    }
    if (min_node != NULL && !hp_quantity_share(min_node, &graph.options.min_node)) {
        return hp_output_usage("graph", "--min-node %s: not a share like 0.5%%", min_node);
    }
    if (min_edge != NULL && !hp_quantity_share(min_edge, &graph.options.min_edge)) {
        return hp_output_usage("graph", "--min-edge %s: not a share like 0.1%%", min_edge);
    }
    if (depth != NULL && !hp_quantity_count(depth, 1000000, &steps)) {
        return hp_output_usage("graph", "--depth %s: not a number", depth);
    }
    if (strcmp(colour, "self") != 0 && strcmp(colour, "total") != 0) {
        return hp_output_usage("graph", "--colour-by %s: not self or total", colour);
    }
    graph.options.depth = depth != NULL ? (int64_t)steps : -1;
    graph.options.by_self = colour[0] == 's';
    graph.svg = hp_str_ends(hp_str_from0(graph.file), HP_STR(".svg"));
    status = run(&graph, out);
    hp_reading_end(&graph.reading);
    return status;
}
