/* cmd_diff.c -- `hotplate diff A B`: which functions moved between two profiles, and a red and blue flame
 * graph of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/table.h"
#include "format/flamesvg.h"
#include "format/framename.h"
#include "model/treediff.h"

#define SVG_MAX_BYTES ((size_t)256 << 20)

static const char help[] = "hotplate diff A B [--sort self|total|calls] [--limit N] [--min P] [-o FILE.svg]\n"
                           "\n"
                           "Functions that moved from profile A to profile B, the largest change first, no\n"
                           "statistics (see hotplate compare). Matched by file and name, not by line.\n"
                           "  --sort KEY    by the change of self (default), total or calls\n"
                           "  --min P       leave out changes below this share of A's whole (0.1%)\n"
                           "  --normalise   A scaled so that its whole is B's\n"
                           "  -o FILE.svg   flame graph of B: red takes more than in A, blue less\n"
                           "A, B: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

struct side {
    bool there;
    uint64_t calls;
    double self, total; /* of the unit */
};

struct row {
    struct hp_symbol symbol; /* of the newer side where it has it; borrowed */
    struct side before, after;
};

struct diff {
    struct hp_reading reading;
    const char *sort, *file;
    double min;
    uint64_t limit;
    bool raw, normalise;
    struct hp_loaded sides[2];
    struct row *rows;
    uint32_t count;
    double whole[2]; /* own values of all functions */
};

static char sort_key = 's'; /* for qsort; the command line is one thread */

/* A request's share where sides are of many requests. */
static double per(const struct hp_profile *profile)
{
    return profile->graph.per_unit * (profile->requests == 0 ? 1.0 : (double)profile->requests);
}

static double change_of(const struct row *row)
{
    return sort_key == 's'   ? row->after.self - row->before.self
           : sort_key == 't' ? row->after.total - row->before.total
                             : (double)row->after.calls - (double)row->before.calls;
}

static int compare(const void *a, const void *b)
{
    double x = fabs(change_of(a)), y = fabs(change_of(b));
    const struct row *p = a, *q = b;
    if (x != y) {
        return x > y ? -1 : 1;
    }
    int order = hp_str_cmp(p->symbol.file, q->symbol.file);
    return order != 0 ? order : hp_str_cmp(p->symbol.name, q->symbol.name);
}

/* ---- matching ---- */

/* Functions by (file, name); those that share both (two lambdas) are one row. Sort by them, then join
 * neighbours. */
static int compare_places(const void *a, const void *b)
{
    const struct row *p = a, *q = b;
    int order = hp_str_cmp(p->symbol.file, q->symbol.file);
    return order != 0 ? order : hp_str_cmp(p->symbol.name, q->symbol.name);
}

static void add_side(struct side *into, const struct side *from)
{
    into->there = into->there || from->there;
    into->calls += from->calls;
    into->self += from->self;
    into->total += from->total;
}

static hp_err match(struct diff *diff)
{
    const struct hp_profile *profiles[2] = {diff->sides[0].profile, diff->sides[1].profile};
    size_t room = (size_t)profiles[0]->graph.listed_count + profiles[1]->graph.listed_count;
    uint32_t kept = 0;
    diff->rows = hp_calloc(room + 1, sizeof *diff->rows);
    if (diff->rows == NULL) {
        return HP_ENOMEM;
    }
    for (int side = 1; side >= 0; side--) {
        const struct hp_callgraph *graph = &profiles[side]->graph;
        for (uint32_t i = 0; i < graph->listed_count; i++) {
            const struct hp_callgraph_function *function = &graph->functions[i];
            struct row *row = &diff->rows[diff->count++];
            struct side *figures = side == 0 ? &row->before : &row->after;
            row->symbol = hp_dict_symbol(profiles[side]->dict, function->sym);
            *figures = (struct side){true, function->calls, function->self / per(profiles[side]),
                                     function->total / per(profiles[side])};
            diff->whole[side] += figures->self;
        }
    }
    qsort(diff->rows, diff->count, sizeof *diff->rows, compare_places);
    for (uint32_t i = 0; i < diff->count; i++) {
        if (kept != 0 && compare_places(&diff->rows[kept - 1], &diff->rows[i]) == 0) {
            if (diff->rows[i].after.there) {
                diff->rows[kept - 1].symbol = diff->rows[i].symbol;
            }
            add_side(&diff->rows[kept - 1].before, &diff->rows[i].before);
            add_side(&diff->rows[kept - 1].after, &diff->rows[i].after);
        } else {
            diff->rows[kept++] = diff->rows[i];
        }
    }
    diff->count = kept;
    return HP_OK;
}

/* Scale A, leave out what did not move, and put the rest in order. */
static void choose(struct diff *diff)
{
    uint32_t kept = 0;
    double scale = diff->normalise && diff->whole[0] > 0 ? diff->whole[1] / diff->whole[0] : 1;
    double least = diff->min * diff->whole[0] * scale;
    for (uint32_t i = 0; i < diff->count; i++) {
        struct row *row = &diff->rows[i];
        row->before.self *= scale;
        row->before.total *= scale;
        bool moved = fabs(row->after.self - row->before.self) > least ||
                     fabs(row->after.total - row->before.total) > least ||
                     row->before.there != row->after.there;
        if (moved) {
            diff->rows[kept++] = *row;
        }
    }
    diff->count = kept;
    diff->whole[0] *= scale;
    sort_key = diff->sort[0];
    if (kept != 0) {
        qsort(diff->rows, kept, sizeof *diff->rows, compare);
    }
}

/* ---- showing ---- */

static void put_json_side(struct hp_json *json, const struct diff *diff, const char *key,
                          const struct side *side)
{
    bool time = diff->sides[0].profile->unit == HP_UNIT_TIME;
    if (!side->there) {
        return; /* absent is not recorded */
    }
    hp_json_key(json, key);
    hp_json_object_begin(json);
    if (diff->sides[0].profile->counts_calls && diff->sides[1].profile->counts_calls) {
        hp_json_kv_u64(json, "calls", side->calls);
    }
    hp_json_kv_exact(json, time ? "self_s" : "self", side->self);
    hp_json_kv_exact(json, time ? "total_s" : "total", side->total);
    hp_json_object_end(json);
}

static int put_json(const struct diff *diff, struct hp_buf *out)
{
    struct hp_json json;
    bool time = diff->sides[0].profile->unit == HP_UNIT_TIME;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_cstr(&json, "unit", hp_profile_unit_name(diff->sides[0].profile->unit));
    hp_json_kv_exact(&json, time ? "before_s" : "before", diff->whole[0]);
    hp_json_kv_exact(&json, time ? "after_s" : "after", diff->whole[1]);
    hp_json_key(&json, "functions");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < diff->count && i < diff->limit; i++) {
        const struct row *row = &diff->rows[i];
        hp_json_object_begin(&json);
        hp_json_kv_str(&json, "file", row->symbol.file.n == 0 ? HP_STR("~") : row->symbol.file);
        hp_json_kv_u64(&json, "line", row->symbol.line);
        hp_json_kv_str(&json, "function", hp_framename_shown(&row->symbol, false));
        put_json_side(&json, diff, "before", &row->before);
        put_json_side(&json, diff, "after", &row->after);
        hp_json_kv_exact(&json, time ? "self_change_s" : "self_change", row->after.self - row->before.self);
        hp_json_kv_exact(&json, time ? "total_change_s" : "total_change",
                         row->after.total - row->before.total);
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

/* "+4.31 ms", "-12 %", "new", "gone". */
static void put_change(struct hp_table *table, struct hp_buf *text, const struct diff *diff, double before,
                       double after)
{
    hp_buf_reset(text);
    hp_buf_put_text(text, after > before ? HP_STR("+") : HP_STR(""));
    hp_load_put_value(text, diff->sides[0].profile, after - before);
    hp_table_cell(table, hp_buf_str(text));
}

static void put_relative(struct hp_table *table, struct hp_buf *text, const struct row *row)
{
    char share[HP_SHOW_BYTES];
    hp_buf_reset(text);
    if (!row->before.there || !row->after.there) {
        hp_buf_put_text(text, row->after.there ? HP_STR("new") : HP_STR("gone"));
    } else if (row->before.self <= 0) {
        hp_buf_put_text(text, HP_STR("-"));
    } else {
        double change = (row->after.self - row->before.self) / row->before.self;
        hp_buf_printf(text, "%s%s", change > 0 ? "+" : "", hp_show_percent(share, change));
    }
    hp_table_cell(table, hp_buf_str(text));
}

static hp_err put_text(const struct diff *diff, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"self", false},       {"", false},
                                                     {"total", false},      {"self before", false},
                                                     {"self after", false}, {"function", true}};
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, (size_t)1 << 20);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    hp_buf_put_text(out, hp_buf_str(&diff->sides[0].title));
    hp_buf_put_text(out, HP_STR(" -> "));
    hp_buf_put_text(out, hp_buf_str(&diff->sides[1].title));
    hp_buf_put_text(out, HP_STR(": "));
    hp_load_put_value(out, diff->sides[0].profile, diff->whole[0]);
    hp_buf_put_text(out, HP_STR(" -> "));
    hp_load_put_value(out, diff->sides[0].profile, diff->whole[1]);
    hp_buf_put_text(out, diff->sides[0].profile->requests != 0 ? HP_STR(" a request\n") : HP_STR("\n"));
    for (uint32_t i = 0; i < diff->count && i < diff->limit; i++) {
        const struct row *row = &diff->rows[i];
        put_change(&table, &text, diff, row->before.self, row->after.self);
        put_relative(&table, &text, row);
        put_change(&table, &text, diff, row->before.total, row->after.total);
        hp_buf_reset(&text);
        hp_load_put_value(&text, diff->sides[0].profile, row->before.self);
        hp_table_cell(&table, row->before.there ? hp_buf_str(&text) : HP_STR("-"));
        hp_buf_reset(&text);
        hp_load_put_value(&text, diff->sides[0].profile, row->after.self);
        hp_table_cell(&table, row->after.there ? hp_buf_str(&text) : HP_STR("-"));
        hp_buf_reset(&text);
        hp_framename_put(&text, &row->symbol, false);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    if (diff->count == 0) {
        hp_buf_put_text(out, HP_STR("nothing moved\n"));
    }
    hp_err err = diff->count == 0 ? out->err : hp_table_put(&table, out);
    if (diff->count > diff->limit) {
        hp_buf_printf(out, "… and %u more (--limit)\n", diff->count - (uint32_t)diff->limit);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static int draw(struct diff *diff, struct hp_buf *out)
{
    struct hp_buf svg;
    struct hp_profile *before = diff->sides[0].profile, *after = diff->sides[1].profile;
    int status = hp_load_need_tree(&diff->sides[0], "flame graph");
    status = status >= 0 ? status : hp_load_need_tree(&diff->sides[1], "flame graph");
    if (status >= 0) {
        return status;
    }
    uint64_t *totals = hp_malloc((size_t)after->tree->count * sizeof *totals);
    hp_buf_init(&svg, SVG_MAX_BYTES);
    hp_err err = totals == NULL ? HP_ENOMEM : hp_treediff_before(after, before, totals);
    if (err == HP_OK) {
        double scale = diff->normalise && before->tree->nodes[HP_NODE_ROOT].total != 0
                           ? (double)after->tree->nodes[HP_NODE_ROOT].total /
                                 (double)before->tree->nodes[HP_NODE_ROOT].total
                       : before->requests != 0 && after->requests != 0
                           ? (double)after->requests / (double)before->requests
                           : 1;
        for (uint32_t i = 0; i < after->tree->count; i++) {
            totals[i] = (uint64_t)((double)totals[i] * scale);
        }
        const struct hp_flamesvg_options options = {.title = hp_buf_str(&diff->sides[1].title),
                                                    .requests = after->requests,
                                                    .unit = after->unit,
                                                    .file = diff->sides[1].format != NULL,
                                                    .before = totals};
        err = hp_flamesvg_write(after->tree, after->dict, &options, &svg);
    }
    status = err == HP_OK ? hp_load_deliver(diff->file, hp_buf_str(&svg), out) : hp_output_error(err, NULL);
    hp_buf_fini(&svg);
    hp_free(totals);
    return status;
}

static int show(struct diff *diff, struct hp_buf *out)
{
    struct hp_profile *before = diff->sides[0].profile, *after = diff->sides[1].profile;
    if (before->unit != after->unit) {
        return hp_output_fail("values of A are %s, those of B %s: they cannot be compared",
                              hp_profile_unit_name(before->unit), hp_profile_unit_name(after->unit));
    }
    hp_err err = hp_profile_graph(before);
    err = err != HP_OK ? err : hp_profile_graph(after);
    err = err != HP_OK ? err : match(diff);
    if (err != HP_OK) {
        return hp_output_error(err, NULL);
    }
    if (diff->file != NULL) {
        return draw(diff, out);
    }
    choose(diff);
    if (diff->reading.json) {
        return put_json(diff, out);
    }
    err = put_text(diff, out);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

static int run(struct diff *diff, struct hp_buf *out)
{
    int status = hp_load_begin(&diff->reading, "diff", diff->reading.words[0], diff->raw, &diff->sides[0]);
    if (status < 0) {
        status = hp_load_begin(&diff->reading, "diff", diff->reading.words[1], diff->raw, &diff->sides[1]);
        status = status < 0 ? show(diff, out) : status;
        hp_load_end(&diff->sides[1]);
    }
    hp_load_end(&diff->sides[0]);
    hp_free(diff->rows);
    return status;
}

int hp_cmd_diff(int argc, char **argv, struct hp_buf *out)
{
    struct diff diff = {.sort = "self", .limit = UINT32_MAX};
    const char *limit = NULL, *min = "0.1%";
    const struct hp_args_option options[] = {{"--sort", NULL, HP_ARGS_TEXT, &diff.sort},
                                             {"--limit", NULL, HP_ARGS_TEXT, &limit},
                                             {"--min", NULL, HP_ARGS_TEXT, &min},
                                             {"--output", "-o", HP_ARGS_TEXT, &diff.file},
                                             {"--normalise", NULL, HP_ARGS_FLAG, &diff.normalise},
                                             {"--raw", NULL, HP_ARGS_FLAG, &diff.raw}};
    const struct hp_reading_command command = {
        .name = "diff", .help = help, .options = options, .option_count = 6, .least = 2, .most = 2};
    int status = hp_reading_parse(&diff.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (strcmp(diff.sort, "self") != 0 && strcmp(diff.sort, "total") != 0 &&
        strcmp(diff.sort, "calls") != 0) {
        return hp_output_usage("diff", "--sort %s: not one of self, total, calls", diff.sort);
    }
    if (limit != NULL && !hp_quantity_count(limit, UINT32_MAX, &diff.limit)) {
        return hp_output_usage("diff", "--limit %s: not a number", limit);
    }
    if (!hp_quantity_share(min, &diff.min)) {
        return hp_output_usage("diff", "--min %s: not a share like 0.1%%", min);
    }
    diff.limit = limit == NULL && !diff.reading.json ? 25 : diff.limit;
    status = run(&diff, out);
    hp_reading_end(&diff.reading);
    return status;
}
