/* show_timeline.c -- see show_timeline.h.
 *
 *     main           █████zzzzzzzzjjjjjjjj█        each column is what lasted longest in its stretch of time
 *                    ─────────────        ─        the critical path, under the lanes that it runs through
 *     thread 1            ██QQQQQQ██
 *                           ────────
 *
 * More lanes than fit are chosen: the main one, those of the critical path with the most of it, then the
 * longest.
 */
#include "cli/show_timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/show.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/show_waits.h"
#include "cli/table.h"
#include "format/holders.h"

#define ROWS_AT_MOST  40u
#define NAME_WIDTH    14u
#define LEAST_COLUMNS 40u
#define MOST_COLUMNS  400u

struct look {
    const char *text;
    enum hp_paint paint;
    const char *means;
};

static const struct look looks[HP_TIMELINE_STATES] = {
    [HP_TIMELINE_RUN] = {"█", HP_PAINT_GREEN, "running"},
    [HP_TIMELINE_JOIN] = {"j", HP_PAINT_DIM, "other lane"},
    [HP_TIMELINE_WAIT + HP_WAIT_DNS] = {"n", HP_PAINT_YELLOW, "dns"},
    [HP_TIMELINE_WAIT + HP_WAIT_CONNECT] = {"c", HP_PAINT_YELLOW, "connect"},
    [HP_TIMELINE_WAIT + HP_WAIT_TLS] = {"t", HP_PAINT_YELLOW, "tls"},
    [HP_TIMELINE_WAIT + HP_WAIT_SEND] = {">", HP_PAINT_YELLOW, "send"},
    [HP_TIMELINE_WAIT + HP_WAIT_RECV] = {"<", HP_PAINT_YELLOW, "recv"},
    [HP_TIMELINE_WAIT + HP_WAIT_POLL] = {"p", HP_PAINT_YELLOW, "poll"},
    [HP_TIMELINE_WAIT + HP_WAIT_SLEEP] = {"z", HP_PAINT_YELLOW, "sleep"},
    [HP_TIMELINE_WAIT + HP_WAIT_LOCK] = {"l", HP_PAINT_RED, "lock"},
    [HP_TIMELINE_WAIT + HP_WAIT_GIL] = {"g", HP_PAINT_RED, "gil"},
    [HP_TIMELINE_WAIT + HP_WAIT_DISK] = {"k", HP_PAINT_YELLOW, "disk"},
    [HP_TIMELINE_WAIT + HP_WAIT_DB] = {"d", HP_PAINT_CYAN, "db"},
    [HP_TIMELINE_WAIT + HP_WAIT_SUBPROCESS] = {"x", HP_PAINT_YELLOW, "subprocess"},
    [HP_TIMELINE_WAIT + HP_WAIT_QUEUE] = {"q", HP_PAINT_YELLOW, "queue"},
    [HP_TIMELINE_WAIT + HP_WAIT_AWAIT] = {"a", HP_PAINT_YELLOW, "await"},
    [HP_TIMELINE_WAIT + HP_WAIT_LOOP] = {"o", HP_PAINT_RED, "loop"},
    [HP_TIMELINE_SQL] = {"Q", HP_PAINT_CYAN, "sql"},
    [HP_TIMELINE_GC] = {"G", HP_PAINT_RED, "gc"},
};

struct view {
    const struct hp_timeline *timeline;
    const struct hp_record *record;
    const struct hp_dict *dict;
    uint32_t columns;
    uint64_t end_ns;
    bool seen[HP_TIMELINE_STATES];
};

static uint32_t columns_of_terminal(void)
{
    struct winsize size;
    uint32_t width = 100;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
        width = size.ws_col;
    }
    uint32_t columns = width > NAME_WIDTH + 4 ? width - NAME_WIDTH - 4 : 0;
    return columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns > MOST_COLUMNS ? MOST_COLUMNS : columns;
}

static uint64_t moment(const struct view *view, uint32_t column)
{
    return (uint64_t)((double)view->end_ns * column / view->columns);
}

static uint64_t overlap(uint64_t a0, uint64_t a1, uint64_t b0, uint64_t b1)
{
    uint64_t from = a0 > b0 ? a0 : b0, to = a1 < b1 ? a1 : b1;
    return to > from ? to - from : 0;
}

/* What lasted longest in a column; HP_TIMELINE_STATES: the lane was not there. `*piece` moves along. */
static unsigned state_in(const struct view *view, uint32_t *piece, uint32_t end, uint64_t t0, uint64_t t1)
{
    const struct hp_timeline_piece *pieces = view->timeline->pieces;
    uint64_t sums[HP_TIMELINE_STATES] = {0};
    unsigned best = HP_TIMELINE_STATES;
    while (*piece < end && pieces[*piece].t1_ns <= t0) {
        ++*piece;
    }
    for (uint32_t i = *piece; i < end && pieces[i].t0_ns < t1; i++) {
        unsigned state = pieces[i].state;
        sums[state] += overlap(pieces[i].t0_ns, pieces[i].t1_ns, t0, t1);
        if (best == HP_TIMELINE_STATES || sums[state] > sums[best]) {
            best = state;
        }
    }
    return best;
}

static void put_name(struct view *view, struct hp_buf *out, uint32_t lane)
{
    char name[64];
    uint8_t kind = lane < view->record->lane_count ? view->record->lanes[lane].kind : HP_LANE_MAIN;
    (void)snprintf(name, sizeof name, lane == 0 ? "%s" : "%s %u", hp_timeline_lane_kind(kind), lane);
    hp_buf_printf(out, "  %-*s", (int)NAME_WIDTH, name);
}

static void put_row(struct view *view, struct hp_buf *out, uint32_t lane)
{
    const struct hp_timeline_lane *line = &view->timeline->lanes[lane];
    uint32_t piece = line->first, end = line->first + line->count;
    put_name(view, out, lane);
    for (uint32_t i = 0; i < view->columns; i++) {
        unsigned state = state_in(view, &piece, end, moment(view, i), moment(view, i + 1));
        if (state == HP_TIMELINE_STATES) {
            hp_buf_put_text(out, HP_STR(" "));
        } else {
            view->seen[state] = true;
            hp_output_paint(out, looks[state].paint, hp_str_from0(looks[state].text));
        }
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

/* The critical path below a lane's row; nothing where it does not run through it. */
static void put_critical(const struct view *view, struct hp_buf *out, uint32_t lane)
{
    const struct hp_timeline *timeline = view->timeline;
    if (timeline->lanes[lane].critical_ns == 0 || timeline->lane_count == 1) {
        return;
    }
    hp_buf_printf(out, "  %-*s", (int)NAME_WIDTH, "");
    uint32_t at = 0;
    for (uint32_t i = 0; i < view->columns; i++) {
        uint64_t t0 = moment(view, i), t1 = moment(view, i + 1), sum = 0;
        while (at < timeline->critical_count && timeline->critical[at].t1_ns <= t0) {
            at++;
        }
        for (uint32_t k = at; k < timeline->critical_count && timeline->critical[k].t0_ns < t1; k++) {
            const struct hp_critical *stretch = &timeline->critical[k];
            sum += stretch->lane == lane ? overlap(stretch->t0_ns, stretch->t1_ns, t0, t1) : 0;
        }
        hp_output_paint(out, HP_PAINT_BOLD, sum * 2 >= t1 - t0 && sum != 0 ? HP_STR("─") : HP_STR(" "));
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

/* ---- which lanes ---- */

struct choice {
    uint64_t critical_ns, took_ns;
    uint32_t lane;
};

static int by_weight(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if ((x->lane == 0) != (y->lane == 0)) {
        return x->lane == 0 ? -1 : 1;
    }
    if (x->critical_ns != y->critical_ns) {
        return x->critical_ns > y->critical_ns ? -1 : 1;
    }
    if (x->took_ns != y->took_ns) {
        return x->took_ns > y->took_ns ? -1 : 1;
    }
    return x->lane < y->lane ? -1 : x->lane > y->lane;
}

static int by_lane(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    return x->lane < y->lane ? -1 : x->lane > y->lane;
}

/* The lanes to show, in order; NULL: no memory. Owns: the caller, hp_free. */
static struct choice *choose(const struct view *view, uint32_t *count)
{
    uint32_t n = view->timeline->lane_count;
    struct choice *all = hp_calloc(n, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct hp_timeline_lane *line = &view->timeline->lanes[i];
        const struct hp_timeline_piece *pieces = view->timeline->pieces;
        uint64_t took =
            line->count == 0 ? 0 : pieces[line->first + line->count - 1].t1_ns - pieces[line->first].t0_ns;
        all[i] = (struct choice){line->critical_ns, took, i};
    }
    qsort(all, n, sizeof *all, by_weight);
    *count = n < ROWS_AT_MOST ? n : ROWS_AT_MOST;
    qsort(all, *count, sizeof *all, by_lane);
    return all;
}

/* ---- below the rows ---- */

static void put_scale(const struct view *view, struct hp_buf *out)
{
    char end[HP_SHOW_BYTES];
    (void)hp_show_ns(end, view->end_ns);
    int gap = (int)view->columns - 1 - (int)hp_table_width(hp_str_from0(end));
    hp_buf_printf(out, "  %-*s0%*s%s\n", (int)NAME_WIDTH, "", gap > 0 ? gap : 1, "", end);
}

static void put_legend(const struct view *view, struct hp_buf *out)
{
    hp_buf_put_text(out, HP_STR("\n "));
    for (unsigned state = 0; state < HP_TIMELINE_STATES; state++) {
        if (view->seen[state]) {
            hp_buf_put_text(out, HP_STR(" "));
            hp_output_paint(out, looks[state].paint, hp_str_from0(looks[state].text));
            hp_buf_printf(out, " %s ", looks[state].means);
        }
    }
    if (view->timeline->lane_count > 1) {
        hp_buf_put_text(out, HP_STR(" ─ critical path"));
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

/* "sleep 50.0 ms, loop 3.1 ms": the waits of a lane, the largest kinds first is not needed: their order is
 * fixed. */
static void put_waits(const struct view *view, struct hp_buf *out, uint32_t lane)
{
    char time[HP_SHOW_BYTES];
    const char *between = "";
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        uint64_t ns = view->timeline->lanes[lane].wait_ns[kind];
        if (ns != 0) {
            hp_buf_printf(out, "%s%s %s", between, hp_timeline_state_name(HP_TIMELINE_WAIT + kind),
                          hp_show_ns(time, ns));
            between = ", ";
            const struct hp_holder *holder = hp_holders_longest(view->record, lane, (uint8_t)kind);
            if (holder != NULL) {
                hp_buf_put_text(out, HP_STR(" ("));
                hp_show_waits_holder(out, view->dict, view->record, holder);
                hp_buf_put_text(out, HP_STR(")"));
            }
        }
    }
}

static hp_err put_sums(const struct view *view, struct hp_buf *out, const struct choice *rows, uint32_t count)
{
    static const struct hp_table_column columns[] = {
        {"  lane", true},     {"from", false},     {"took", false}, {"cpu", false},
        {"run queue", false}, {"critical", false}, {"waits", true}};
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = rows[i].lane;
        struct hp_lane lane = {.cpu_ns = view->record->req.cpu_ns, .runqueue_ns = HP_ABSENT};
        if (number < view->record->lane_count) {
            lane = view->record->lanes[number];
        }
        hp_buf_reset(&text);
        hp_buf_printf(&text, number == 0 ? "  %s" : "  %s %u", hp_timeline_lane_kind(lane.kind), number);
        hp_table_cell(&table, hp_buf_str(&text));
        hp_table_ns(&table, lane.start_ns);
        hp_table_ns(&table, rows[i].took_ns);
        hp_table_ns(&table, lane.cpu_ns);
        hp_table_ns(&table, lane.runqueue_ns);
        hp_table_ns(&table, rows[i].critical_ns);
        hp_buf_reset(&text);
        put_waits(view, &text, number);
        if (lane.site_sym != 0) {
            hp_buf_put_text(&text, text.len != 0 ? HP_STR("  ") : HP_STR(""));
            hp_buf_put_text(&text, HP_STR("started at "));
            hp_place_put(&text, view->dict, lane.site_sym, lane.site_line, lane.via_sym);
        }
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "What their time was", "");
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

hp_err hp_show_timeline_text(struct hp_buf *out, const struct hp_timeline *timeline,
                             const struct hp_record *record, const struct hp_dict *dict)
{
    struct view view = {.timeline = timeline,
                        .record = record,
                        .dict = dict,
                        .columns = columns_of_terminal(),
                        .end_ns = record->req.wall_ns != 0 ? record->req.wall_ns : 1};
    uint32_t count = 0;
    struct choice *rows = choose(&view, &count);
    if (rows == NULL) {
        return HP_ENOMEM;
    }
    hp_output_heading(out, "Timeline", "each column is what lasted longest in it");
    put_scale(&view, out);
    for (uint32_t i = 0; i < count; i++) {
        put_row(&view, out, rows[i].lane);
        put_critical(&view, out, rows[i].lane);
    }
    if (count < timeline->lane_count) {
        hp_buf_printf(out, "  … and %u lanes more, shorter and with less of the critical path (--json)\n",
                      timeline->lane_count - count);
    }
    put_legend(&view, out);
    hp_err err = put_sums(&view, out, rows, count);
    hp_free(rows);
    return err != HP_OK ? err : out->err;
}
