/* change_show.c -- a comparison as JSON (CONTRACTS, JSON) and for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "answer/answer.h"
#include "answer/change.h"
#include "base/json.h"
#include "base/show.h"

static void put_moved_json(struct hp_json *json, const struct hp_change_moved *moved)
{
    const struct hp_moved_test *test = &moved->moved.test;
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "what", hp_moved_kind_name(moved->moved.kind));
    if (moved->moved.kind == HP_MOVED_STATEMENT) {
        hp_json_kv_str(json, "statement", moved->statement);
    } else {
        hp_json_kv_str(json, "file", moved->file);
        hp_json_kv_u64(json, "line", moved->line);
        hp_json_kv_str(json, "function", moved->function);
        hp_json_kv_bool(json, "application", moved->application);
    }
    if (moved->moved.kind == HP_MOVED_WAIT) {
        hp_json_kv_cstr(json, "wait", hp_record_wait_name(moved->moved.wait));
    }
    hp_json_kv_double(json, "before_ms", test->before_ns / 1e6);
    hp_json_kv_double(json, "after_ms", test->after_ns / 1e6);
    hp_json_kv_double(json, "change_ms", test->difference.value / 1e6);
    hp_json_kv_double(json, "low_ms", test->difference.low / 1e6);
    hp_json_kv_double(json, "high_ms", test->difference.high / 1e6);
    hp_json_object_end(json);
}

static void put_route_json(struct hp_json *json, const struct hp_change_route *route)
{
    hp_json_object_begin(json);
    hp_json_kv_str(json, "route", route->name);
    if (route->requests_before != 0) {
        hp_json_kv_double(json, "before_ms", route->before_ns / 1e6);
    }
    if (route->requests_after != 0) {
        hp_json_kv_double(json, "after_ms", route->after_ns / 1e6);
    }
    if (route->enough) {
        hp_json_kv_double(json, "change_ms", route->difference.value / 1e6);
        hp_json_kv_double(json, "low_ms", route->difference.low / 1e6);
        hp_json_kv_double(json, "high_ms", route->difference.high / 1e6);
    }
    hp_json_kv_u64(json, "requests_before", route->requests_before);
    hp_json_kv_u64(json, "requests_after", route->requests_after);
    if (route->requests_before != 0 && route->requests_after != 0) {
        hp_json_kv_double(json, "p95_before_ms", route->gate.values[HP_GATE_P95].before / 1e6);
        hp_json_kv_double(json, "p95_after_ms", route->gate.values[HP_GATE_P95].after / 1e6);
    }
    hp_json_kv_bool(json, "enough", route->enough);
    hp_json_kv_bool(json, "changed", route->changed);
    if (route->machine) {
        hp_json_kv_bool(json, "machine", true);
    }
    if (hp_change_other_answers(route)) {
        hp_json_kv_u64(json, "status_before", route->status_before);
        hp_json_kv_u64(json, "status_after", route->status_after);
    }
    if (route->moved_enough) {
        hp_json_kv_double(json, "drift", route->drift);
        hp_json_key(json, "moved");
        hp_json_array_begin(json);
        for (uint32_t i = 0; i < route->moved_count; i++) {
            put_moved_json(json, &route->moved[i]);
        }
        hp_json_array_end(json);
    }
    hp_json_object_end(json);
}

static void put_finding_json(struct hp_json *json, const struct hp_change *change,
                             const struct hp_change_finding *finding)
{
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)finding->finding.id);
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "id", id);
    hp_json_kv_cstr(json, "kind", hp_find_kind_name(finding->finding.kind));
    hp_json_kv_str(json, "route", change->routes[finding->route].name);
    hp_json_kv_str(json, "file", finding->file);
    hp_json_kv_u64(json, "line", finding->line);
    hp_json_kv_str(json, "function", finding->function);
    hp_json_kv_str(json, "title", finding->finding.title);
    hp_json_kv_cstr(json, "state", hp_answer_state_name(finding->state));
    hp_json_kv_double(json, "predicted_saving_ms", (double)finding->finding.median_ns / 1e6);
    if (finding->has_measured) {
        hp_json_kv_double(json, "measured_saving_ms", finding->measured.value / 1e6);
        hp_json_kv_double(json, "low_ms", finding->measured.low / 1e6);
        hp_json_kv_double(json, "high_ms", finding->measured.high / 1e6);
    }
    hp_json_object_end(json);
}

void hp_change_json_members(struct hp_json *json, const struct hp_change *change)
{
    hp_json_kv_str(json, "before", change->options.before_name);
    hp_json_kv_str(json, "after", change->options.after_name);
    hp_json_key(json, "routes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < change->route_count; i++) {
        put_route_json(json, &change->routes[i]);
    }
    hp_json_array_end(json);
    hp_json_key(json, "findings");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < change->finding_count; i++) {
        put_finding_json(json, change, &change->findings[i]);
    }
    hp_json_array_end(json);
}

hp_err hp_change_json(const struct hp_change *change, bool pretty, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, pretty);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_change_json_members(&json, change);
    hp_json_object_end(&json);
    return hp_json_finish(&json);
}

static const char *show(char out[HP_SHOW_BYTES], double ns)
{
    return ns < 0 ? hp_show_ns_signed(out, (int64_t)(ns - 0.5)) : hp_show_ns(out, (uint64_t)(ns + 0.5));
}

static void put_route_text(const struct hp_change_route *route, struct hp_buf *out)
{
    char before[HP_SHOW_BYTES], after[HP_SHOW_BYTES], change[HP_SHOW_BYTES], low[HP_SHOW_BYTES],
        high[HP_SHOW_BYTES];
    char old[HP_SHOW_BYTES], new[HP_SHOW_BYTES];
    hp_buf_put_text(out, route->name);
    if (route->requests_before == 0 || route->requests_after == 0) {
        bool is_before = route->requests_before != 0;
        hp_buf_printf(out, "  %s, only %s (%s requests)\n",
                      show(before, is_before ? route->before_ns : route->after_ns),
                      is_before ? "before" : "after",
                      hp_show_count(old, is_before ? route->requests_before : route->requests_after));
        return;
    }
    hp_buf_printf(out, "  %s -> %s", show(before, route->before_ns), show(after, route->after_ns));
    if (!route->enough) {
        hp_buf_put_text(out, HP_STR("  not enough data for an interval"));
    } else if (route->machine) {
        hp_buf_printf(out, "  the machine's: others had the processors, or it computes at another speed");
    } else if (!route->changed) {
        hp_buf_printf(out, "  no change beyond noise (95 %%: %s to %s)", show(low, route->difference.low),
                      show(high, route->difference.high));
    } else {
        hp_buf_printf(out, "  %s (95 %%: %s to %s)", show(change, route->difference.value),
                      show(low, route->difference.low), show(high, route->difference.high));
        if (route->after_ns > 0 && route->before_ns >= 2 * route->after_ns) {
            uint64_t tenths = (uint64_t)(route->before_ns / route->after_ns * 10 + 0.5);
            hp_buf_printf(out, ", %llu.%llu times faster", (unsigned long long)(tenths / 10),
                          (unsigned long long)(tenths % 10));
        }
    }
    hp_buf_printf(out, "; %s and %s requests\n", hp_show_count(old, route->requests_before),
                  hp_show_count(new, route->requests_after));
    if (hp_change_other_answers(route)) {
        hp_buf_printf(out,
                      "  it answered %u before and answers %u: nothing here shows that a cause is gone\n",
                      route->status_before, route->status_after);
    }
}

#define MOVED_SHOWN 6u
#define DRIFT_SHOWN 0.03 /* less is not worth a line */
#define SQL_SHOWN   60u
#define LIST_LONG   24u /* a list of columns that is cut out */

/* Statements of one table differ behind their long list of columns, so that is left out. */
static void put_statement(struct hp_str text, struct hp_buf *out)
{
    static const char from[] = " FROM ";
    const char *at = text.n > LIST_LONG ? memmem(text.p, text.n, from, sizeof from - 1) : NULL;
    if (at != NULL && (size_t)(at - text.p) > LIST_LONG) {
        struct hp_str verb = hp_str_make(text.p, hp_str_find_char(text, ' '));
        hp_buf_put_text(out, verb);
        hp_buf_put_text(out, HP_STR(" …"));
        text = hp_str_make(at, text.n - (size_t)(at - text.p));
    }
    struct hp_str cut = hp_utf8_cut(text, SQL_SHOWN);
    hp_buf_put_text(out, cut);
    hp_buf_put_text(out, cut.n < text.n ? HP_STR("…") : HP_STR(""));
}

static void put_moved_text(const struct hp_change_moved *moved, double longest_ns, struct hp_buf *out)
{
    const struct hp_moved_test *test = &moved->moved.test;
    char value[HP_SHOW_BYTES], low[HP_SHOW_BYTES], high[HP_SHOW_BYTES];
    bool more = test->difference.value > 0;
    hp_buf_printf(out, "  %-8s  ", more ? "slower" : "faster");
    if (moved->moved.kind == HP_MOVED_STATEMENT) {
        put_statement(moved->statement, out);
    } else {
        if (moved->moved.kind == HP_MOVED_WAIT) {
            hp_buf_printf(out, "%s in ", hp_record_wait_name(moved->moved.wait));
        }
        hp_buf_printf(out, "%.*s, %.*s:%u", (int)moved->function.n, moved->function.p, (int)moved->file.n,
                      moved->file.p, moved->line);
    }
    hp_buf_printf(out, "  %s%s (95 %%: %s to %s)%s\n", more ? "+" : "", show(value, test->difference.value),
                  show(low, test->difference.low), show(high, test->difference.high),
                  fabs(test->difference.value) > longest_ns ? " over all threads" : "");
}

static void put_all_moved(const struct hp_change_route *route, struct hp_buf *out)
{
    if (route->moved_enough && fabs(route->drift - 1) >= DRIFT_SHOWN) {
        hp_buf_printf(out,
                      "  everything takes %.2f times what it took (the machine or the interpreter); "
                      "taken out of what follows\n",
                      route->drift);
    }
    for (uint32_t i = 0; i < route->moved_count && i < MOVED_SHOWN; i++) {
        put_moved_text(&route->moved[i], fmax(route->before_ns, route->after_ns), out);
    }
    if (route->moved_count > MOVED_SHOWN) {
        hp_buf_printf(out, "  and %u smaller changes (--json)\n", route->moved_count - MOVED_SHOWN);
    }
}

static void put_finding_text(const struct hp_change_finding *finding, struct hp_buf *out)
{
    char predicted[HP_SHOW_BYTES], measured[HP_SHOW_BYTES], low[HP_SHOW_BYTES], high[HP_SHOW_BYTES];
    hp_buf_printf(out, "  %-8s  %.*s, %.*s:%u\n", hp_answer_state_name(finding->state),
                  (int)finding->finding.title.n, finding->finding.title.p, (int)finding->file.n,
                  finding->file.p, finding->line);
    hp_buf_printf(out, "            predicted %s", hp_show_ns(predicted, finding->finding.median_ns));
    if (finding->has_measured) {
        hp_buf_printf(out, ", measured %s (95 %%: %s to %s)", show(measured, finding->measured.value),
                      show(low, finding->measured.low), show(high, finding->measured.high));
    } else if (finding->behind) {
        hp_buf_put_text(out, HP_STR(", was there before, behind a larger cause"));
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

void hp_change_text(const struct hp_change *change, struct hp_buf *out)
{

    if (change->route_count == 0) {
        hp_buf_put_text(out, HP_STR("No requests in either of the two.\n"));
        return;
    }
    hp_buf_printf(out, "%.*s -> %.*s, medians\n\n", (int)change->options.before_name.n,
                  change->options.before_name.p, (int)change->options.after_name.n,
                  change->options.after_name.p);
    for (uint32_t r = 0; r < change->route_count; r++) {
        put_route_text(&change->routes[r], out);
        for (uint32_t i = 0; i < change->finding_count; i++) {
            if (change->findings[i].route == r) {
                put_finding_text(&change->findings[i], out);
            }
        }
        put_all_moved(&change->routes[r], out);
    }
}
