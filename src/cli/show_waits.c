/* show_waits.c -- see show_waits.h. */
#include "cli/show_waits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/show.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/table.h"
#include "format/holders.h"
#include "format/waitsjson.h"

#define LISTED_AT_MOST 40u

static void put_share(struct hp_buf *out, const char *name, uint64_t ns, uint64_t wall_ns, const char *sign)
{
    char time[HP_SHOW_BYTES], share[HP_SHOW_BYTES], signed_time[HP_SHOW_BYTES + 1];
    snprintf(signed_time, sizeof signed_time, "%s%s", sign, hp_show_ns(time, ns));
    hp_buf_printf(out, "  %-18s%10s%9s\n", name, signed_time,
                  hp_show_percent(share, wall_ns == 0 ? 0 : (double)ns / (double)wall_ns));
}

static void put_time(struct hp_buf *out, const struct hp_record *record)
{
    struct hp_waitsjson_time time = hp_waitsjson_sum(record);
    const struct hp_request *req = &record->req;
    hp_output_heading(out, "Where the time went",
                      time.known ? "the request's own lane; adds up to wall" : "the request's own lane");
    if (req->cpu_ns != HP_ABSENT) {
        put_share(out, "cpu", req->cpu_ns, req->wall_ns, "");
    }
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        if (time.kinds_ns[kind] != 0) {
            put_share(out, hp_record_wait_name((uint8_t)kind), time.kinds_ns[kind], req->wall_ns, "");
        }
    }
    if (req->runqueue_ns != HP_ABSENT) {
        put_share(out, "run queue", req->runqueue_ns, req->wall_ns, "");
    }
    if (time.busy_ns != HP_ABSENT && time.busy_ns != 0) {
        put_share(out, "in two of these", time.busy_ns, req->wall_ns, "-");
    }
    if (time.known) {
        put_share(out, "left over", time.left_ns, req->wall_ns, "");
    }
}

/* Where it was; what is at no place is the server's doing, or of threads that run no code of the
 * application. */
static void put_at(struct hp_buf *text, const struct hp_dict *dict, uint32_t sym, uint32_t line, uint32_t via)
{
    if (sym == 0 && via == 0) {
        hp_buf_put_text(text, HP_STR("  outside the application"));
        return;
    }
    hp_buf_put_text(text, HP_STR("  at "));
    hp_place_put(text, dict, sym, line, via);
}

static int by_total(const void *a, const void *b)
{
    const struct hp_wait *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns ? -1 : 1) : (x->kind > y->kind) - (x->kind < y->kind);
}

static hp_err put_waits(struct hp_buf *out, const struct hp_dict *dict, struct hp_record *record)
{
    static const struct hp_table_column columns[] = {{"  total", false}, {"times", false}, {"longest", false},
                                                     {"bytes", false},   {"lane", false},  {"wait", true}};
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    qsort(record->waits, record->wait_count, sizeof *record->waits, by_total);
    for (uint32_t i = 0; i < record->wait_count && i < LISTED_AT_MOST; i++) {
        const struct hp_wait *wait = &record->waits[i];
        hp_table_ns(&table, wait->ns);
        hp_table_count(&table, wait->count);
        hp_table_ns(&table, wait->max_ns);
        hp_table_count(&table, wait->bytes);
        hp_table_count(&table, wait->lane);
        hp_buf_reset(&text);
        hp_buf_printf(&text, "%s ", hp_record_wait_name(wait->kind));
        hp_output_text(&text, hp_dict_string(dict, wait->peer));
        put_at(&text, dict, wait->site_sym, wait->site_line, wait->via_sym);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Waits", "");
    hp_err err = hp_table_put(&table, out);
    if (record->wait_count > LISTED_AT_MOST) {
        hp_buf_printf(out, "  … and %" PRIu32 " more (--json)\n", record->wait_count - LISTED_AT_MOST);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

void hp_show_waits_holder(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record,
                          const struct hp_holder *holder)
{
    struct hp_buf who;
    hp_buf_init(&who, 4096);
    hp_holders_put_who(&who, dict, record, holder);
    if (holder->site_sym != 0 || holder->via_sym != 0) {
        hp_place_put(out, dict, holder->site_sym, holder->site_line, holder->via_sym);
        hp_buf_put_text(out, HP_STR(" in "));
    }
    hp_output_text(out, hp_buf_str(&who));
    hp_buf_fini(&who);
}

static int by_time(const void *a, const void *b)
{
    const struct hp_holder *x = *(const struct hp_holder *const *)a, *y = *(const struct hp_holder *const *)b;
    return x->ns != y->ns ? (x->ns > y->ns ? -1 : 1) : 0;
}

static hp_err put_holders(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record)
{
    static const struct hp_table_column columns[] = {
        {"  total", false}, {"times", false}, {"lane", false}, {"wait", true}, {"had by", true}};
    const struct hp_holder *list[HP_HOLDER_CAP] = {NULL};
    uint32_t count = record->holder_count < HP_HOLDER_CAP ? record->holder_count : HP_HOLDER_CAP;
    struct hp_table table;
    struct hp_buf text;
    for (uint32_t i = 0; i < count; i++) {
        list[i] = &record->holders[i];
    }
    qsort(list, count, sizeof *list, by_time); /* pointers: spans know holders by their position */
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < count && i < LISTED_AT_MOST; i++) {
        hp_table_ns(&table, list[i]->ns);
        hp_table_count(&table, list[i]->count);
        hp_table_count(&table, list[i]->lane);
        hp_table_cell(&table, hp_str_from0(hp_record_wait_name(list[i]->kind)));
        hp_buf_reset(&text);
        hp_show_waits_holder(&text, dict, record, list[i]);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Who had the locks that it waited for", "");
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static void add_call_row(struct hp_table *table, struct hp_buf *text, const struct hp_dict *dict,
                         const struct hp_waitsjson_call *call)
{
    hp_table_ns(table, call->from_ns);
    hp_table_ns(table, call->to_ns - call->from_ns);
    hp_table_ns(table, call->dns_ns);
    hp_table_ns(table, call->connect_ns);
    hp_table_ns(table, call->tls_ns);
    hp_table_ns(table, call->send_ns);
    hp_table_ns(table, call->first_byte_ns);
    hp_table_ns(table, call->receive_ns);
    hp_buf_reset(text);
    hp_buf_printf(text, "%s%s", hp_waitsjson_protocol(call),
                  hp_waitsjson_protocol(call)[0] != '\0' ? " " : "");
    if (call->name != 0) {
        hp_output_text(text, hp_dict_string(dict, call->name));
        hp_buf_put_text(text, HP_STR(" "));
    }
    hp_output_text(text, hp_dict_string(dict, call->peer));
    put_at(text, dict, call->site_sym, call->site_line, call->via_sym);
    hp_table_cell(table, hp_buf_str(text));
}

static hp_err put_calls(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record)
{
    static const struct hp_table_column columns[] = {
        {"  at", false}, {"took", false},       {"dns", false},     {"connect", false}, {"tls", false},
        {"send", false}, {"first byte", false}, {"receive", false}, {"call", true}};
    uint32_t count, listed = 0, left_out = 0;
    hp_err err;
    struct hp_waitsjson_call *calls = hp_waitsjson_calls(record, &count, &err);
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < count; i++) {
        if (hp_waitsjson_is_call(&calls[i]) && listed < LISTED_AT_MOST) {
            add_call_row(&table, &text, dict, &calls[i]);
            listed++;
        } else {
            left_out += hp_waitsjson_is_call(&calls[i]);
        }
    }
    if (err == HP_OK && listed != 0) {
        hp_output_heading(out, "Outgoing calls", "");
        err = hp_table_put(&table, out);
    }
    if (left_out != 0) {
        hp_buf_printf(out, "  … and %" PRIu32 " more (--json)\n", left_out);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    hp_free(calls);
    return err;
}

hp_err hp_show_waits_text(struct hp_buf *out, const struct hp_dict *dict, struct hp_record *record)
{
    if (!hp_waitsjson_watched(record)) {
        return HP_OK;
    }
    put_time(out, record);
    hp_err err = record->wait_count == 0 ? HP_OK : put_waits(out, dict, record);
    if (err == HP_OK && record->holder_count != 0) {
        err = put_holders(out, dict, record);
    }
    return err == HP_OK ? put_calls(out, dict, record) : err;
}
