/* cmd_attach.c -- `hotplate attach PID`: samples a process that knows nothing of Hotplate, from outside, and
 * its children. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/attached.h"
#include "cli/command.h"
#include "cli/hot.h"
#include "cli/inside.h"
#include "cli/output.h"
#include "cli/treefile.h"
#include "format/framename.h"
#include "format/treejson.h"
#include "model/levels.h"

#define FOR_DEFAULT_NS ((uint64_t)30000000000u)

static const char help[] = "hotplate attach PID [--for 30s] [--rate 100] [-o FILE]\n"
                           "\n"
                           "Samples a running CPython 3.11 to 3.15 from outside: reads its memory, never\n"
                           "stops or signals it. Children are included. Ctrl-C ends early and reports.\n"
                           "  --for TIME          how long (30s)\n"
                           "  --rate N            samples a second, 1 to 1000 (100)\n"
                           "  --mode M            wall: all threads (default); cpu: those that run;\n"
                           "                      gil: those that hold the GIL\n"
                           "  --threads           a branch for each process and thread\n"
                           "  --no-children       only this process\n"
                           "  -o, --output FILE   .svg or an ending of hotplate convert; -: stdout\n"
                           "  --to FORMAT         svg, or a format of hotplate convert\n"
                           "  --json              the tree as JSON\n"
                           "\n"
                           "hotplate attach PID --inject [--level L] [--store FILE] [--for 30s]\n"
                           "\n"
                           "Has a running CPython 3.14 or newer, and its children, start to record their\n"
                           "requests as Hotplate(app) does: a script is written for it, and it runs it.\n"
                           "  --inject            this, instead of sampling; --for: how long to wait\n"
                           "  --level L           count, monitor, sample or trace (monitor, budget 3 %)\n"
                           "  --store FILE        else HOTPLATE_STORE, else .hotplate/hotplate.db above\n";

struct attach {
    struct hp_attached on;
    const char *file, *to, *level, *store;
    bool ended, inject;
};

static void put_node(struct hp_json *json, const struct hp_tree *tree, const struct hp_dict *dict, uint32_t i)
{
    const struct hp_node *node = &tree->nodes[i];
    struct hp_symbol symbol = hp_dict_symbol(dict, node->sym);
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "node", i);
    hp_json_kv_i64(json, "parent", i == HP_NODE_ROOT ? -1 : (int64_t)node->parent);
    hp_json_kv_str(json, "function", hp_framename_shown(&symbol, i == HP_NODE_ROOT));
    if (symbol.file.n != 0) {
        hp_json_kv_str(json, "file", symbol.file);
        hp_json_kv_u64(json, "line", symbol.line);
    }
    if (node->line != 0) {
        hp_json_kv_u64(json, "call_line", node->line);
    }
    hp_json_kv_bool(json, "application", symbol.flags & HP_SYM_APP);
    hp_json_kv_u64(json, "samples", node->samples);
    hp_json_kv_double(json, "self_ms", (double)node->self / 1e6);
    hp_json_kv_double(json, "total_ms", (double)node->total / 1e6);
    hp_json_kv_double(json, "runnable_ms", (double)node->cpu_ns / 1e6);
    hp_treejson_lines(tree, i, HP_UNIT_TIME, json);
    hp_json_object_end(json);
}

static int put_json(const struct attach *attach, struct hp_buf *out)
{
    const struct hp_attached *on = &attach->on;
    const struct hp_tree *tree = hp_sampler_tree(on->sampler);
    struct hp_sampler_counts counts = hp_sampler_counts(on->sampler);
    double seconds = (double)(hp_clock_mono_ns() - on->begin_ns) / 1e9;
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_i64(&json, "pid", on->pid);
    hp_json_kv_str(&json, "process", hp_attached_title(on));
    hp_json_kv_cstr(&json, "mode", on->mode_text != NULL ? on->mode_text : "wall");
    hp_json_kv_bool(&json, "ended", attach->ended);
    hp_json_kv_double(&json, "seconds_s", seconds);
    hp_json_kv_u64(&json, "rate_hz", on->rate_hz);
    hp_json_kv_double(&json, "rate_reached_hz", (double)counts.sweeps / seconds);
    hp_json_kv_u64(&json, "processes", counts.most_processes);
    hp_json_kv_u64(&json, "threads", counts.most_threads);
    hp_json_kv_u64(&json, "sweeps", counts.sweeps);
    hp_json_kv_u64(&json, "samples", counts.samples);
    hp_json_kv_u64(&json, "reused", counts.reused);
    hp_json_kv_u64(&json, "torn", counts.torn);
    hp_json_kv_u64(&json, "late", counts.late);
    hp_json_kv_u64(&json, "cut", counts.cut);
    hp_json_kv_u64(&json, "skipped", counts.skipped);
    hp_json_kv_double(&json, "wall_ms", (double)counts.wall_ns / 1e6);
    hp_json_kv_double(&json, "cpu_ms", (double)counts.cpu_ns / 1e6);
    hp_json_kv_double(&json, "runqueue_ms", (double)counts.queue_ns / 1e6);
    hp_json_kv_double(&json, "gil_ms", (double)counts.gil_ns / 1e6);
    hp_json_kv_double(&json, "own_cpu_ms", (double)hp_clock_thread_cpu_ns() / 1e6);
    hp_json_key(&json, "nodes");
    hp_json_array_begin(&json);
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        put_node(&json, tree, hp_sampler_dict(on->sampler), i);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int put_text(const struct attach *attach, struct hp_buf *out)
{
    const struct hp_attached *on = &attach->on;
    struct hp_hot_options options = {.limit = 25};
    hp_attached_put_counts(on, out);
    hp_err err = hp_hot_put(hp_sampler_tree(on->sampler), hp_sampler_dict(on->sampler), &options, out);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

static int put_file(const struct attach *attach, struct hp_buf *out)
{
    const struct hp_attached *on = &attach->on;
    struct hp_errinfo info = {0};
    struct hp_buf line;
    hp_err err = hp_treefile_write(attach->file, attach->to, hp_attached_title(on),
                                   hp_sampler_tree(on->sampler), hp_sampler_dict(on->sampler), out, &info);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    hp_buf_init(&line, 1 << 16);
    hp_attached_put_counts(on, &line);
    if (line.len != 0) {
        hp_output_note("%.*s", (int)(line.len - 1), (const char *)line.data);
    }
    hp_buf_fini(&line);
    return HP_EXIT_OK;
}

static int attach_to(struct attach *attach, struct hp_buf *out)
{
    struct hp_attached *on = &attach->on;
    int status = hp_attached_open(on);
    if (status >= 0) {
        return status;
    }
    hp_err err = hp_attached_sample(on, UINT64_MAX);
    attach->ended = err == HP_ENOTFOUND;
    if (err != HP_OK && !attach->ended) {
        status = hp_output_error(err, NULL);
    } else if (attach->ended && hp_sampler_counts(on->sampler).samples == 0) {
        status = hp_output_fail("process %ld ended before a sample could be taken", (long)on->pid);
    } else {
        if (attach->ended) {
            hp_output_note("process %ld has ended", (long)on->pid);
        }
        status = on->json               ? put_json(attach, out)
                 : attach->file != NULL ? put_file(attach, out)
                                        : put_text(attach, out);
    }
    hp_attached_close(on);
    return status;
}

/* What --inject takes, and what only it takes. -1: fine. */
static int check_inject(const struct attach *attach)
{
    const struct hp_attached *on = &attach->on;
    if (!attach->inject) {
        return attach->level != NULL || attach->store != NULL
                   ? hp_output_usage("attach", "--level and --store go with --inject")
                   : -1;
    }
    if (attach->file != NULL || on->apart || on->rate_text != NULL || on->mode_text != NULL) {
        return hp_output_usage("attach", "--inject samples nothing: no --rate, --mode, --threads, -o");
    }
    uint8_t level;
    return attach->level == NULL || hp_levels_name(hp_str_from0(attach->level), &level)
               ? -1
               : hp_output_usage("attach", "--level %.60s: not one of count, monitor, sample, trace",
                                 attach->level);
}

int hp_cmd_attach(int argc, char **argv, struct hp_buf *out)
{
    struct attach attach = {0};
    const struct hp_args_option options[] = {
        {"--output", "-o", HP_ARGS_TEXT, &attach.file},      {"--to", NULL, HP_ARGS_TEXT, &attach.to},
        {"--threads", NULL, HP_ARGS_FLAG, &attach.on.apart}, {"--inject", NULL, HP_ARGS_FLAG, &attach.inject},
        {"--level", NULL, HP_ARGS_TEXT, &attach.level},      {"--store", NULL, HP_ARGS_TEXT, &attach.store}};
    int status = hp_attached_parse(&attach.on, "attach", help, options, sizeof options / sizeof *options,
                                   true, FOR_DEFAULT_NS, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (attach.to != NULL && attach.file == NULL) {
        return hp_output_usage("attach", "--to without -o FILE");
    }
    if (attach.file != NULL && attach.on.json) {
        return hp_output_usage("attach", "--json or -o FILE, not both");
    }
    if (attach.file != NULL && (attach.file[0] == '\0' || !hp_treefile_knows(attach.file, attach.to))) {
        return hp_output_usage(
            "attach", "%s: unknown format; --to svg, pstats, collapsed or another of hotplate convert",
            attach.to != NULL ? attach.to : attach.file);
    }
    status = check_inject(&attach);
    if (status >= 0) {
        return status;
    }
    if (attach.inject) {
        struct hp_inside inside = {.on = &attach.on, .level = attach.level, .store = attach.store};
        return hp_inside_start(&inside, out);
    }
    return attach_to(&attach, out);
}
