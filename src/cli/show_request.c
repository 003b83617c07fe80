/* show_request.c -- see show_request.h. */
#include "cli/show_request.h"

#include <inttypes.h>

#include "base/show.h"
#include "cli/output.h"
#include "cli/reading.h"

static const char *const levels[] = {"count", "monitor", "sample", "trace"};
static const char *const reasons[] = {"asked for", "budget", "no tool id free", "route", "unsupported"};
static const char *const phases[HP_PHASE_COUNT] = {"outer", "before",   "view", "template",
                                                   "after", "teardown", "body"};
static const char *const flags[] = {"streamed",  "aborted",   "handed over",
                                    "truncated", "exception", "shared cpu"};

static const char *name_of(const char *const *names, size_t count, uint32_t value)
{
    return value < count ? names[value] : "unknown";
}

uint64_t hp_show_request_duration(const struct hp_request *req)
{
    return req->wall_ns > req->own_ns ? req->wall_ns - req->own_ns : 0;
}

static void put_hex_id(struct hp_json *json, const char *key, uint64_t id)
{
    struct hp_buf text;
    hp_buf_init(&text, 32);
    hp_buf_printf(&text, "%016" PRIx64, id);
    hp_json_kv_str(json, key, hp_buf_str(&text));
    hp_buf_fini(&text);
}

static void json_count(struct hp_json *json, const char *key, uint64_t value)
{
    if (value != HP_ABSENT) {
        hp_json_kv_u64(json, key, value);
    }
}

static void json_phases(struct hp_json *json, const struct hp_request *req)
{
    if (req->phase_ns[0] == HP_ABSENT) {
        return;
    }
    hp_json_key(json, "phases_ms");
    hp_json_object_begin(json);
    for (int i = 0; i < HP_PHASE_COUNT; i++) {
        hp_json_kv_double(json, phases[i], (double)req->phase_ns[i] / 1e6);
    }
    hp_json_object_end(json);
}

void hp_show_request_json(struct hp_json *json, const struct hp_dict *dict, const struct hp_request *req)
{
    struct hp_buf route;
    hp_buf_init(&route, 1 << 16);
    hp_reading_put_route(&route, dict, req->route);
    put_hex_id(json, "id", req->id);
    hp_json_kv_str(json, "route", hp_buf_str(&route));
    hp_json_kv_u64(json, "start_s", req->start_wall_ns / 1000000000u);
    hp_json_kv_u64(json, "start_ns", req->start_wall_ns);
    if (req->status != 0) {
        hp_json_kv_u64(json, "status", req->status);
    }
    hp_output_json_ms(json, "duration_ms", hp_show_request_duration(req));
    hp_output_json_ms(json, "wall_ms", req->wall_ns);
    hp_output_json_ms(json, "own_ms", req->own_ns);
    hp_output_json_ms(json, "cpu_ms", req->cpu_ns);
    hp_output_json_ms(json, "first_byte_ms", req->first_byte_ns);
    hp_output_json_ms(json, "queue_ms", req->queue_ns);
    json_count(json, "bytes_in", req->bytes_in);
    json_count(json, "bytes_out", req->bytes_out);
    hp_json_kv_str(json, "revision", hp_dict_string(dict, req->revision));
    hp_json_kv_cstr(json, "level", name_of(levels, 4, req->level));
    if (req->exception_type != 0) {
        hp_json_kv_str(json, "exception", hp_dict_string(dict, req->exception_type));
    }
    json_phases(json, req);
    hp_json_key(json, "flags");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (req->flags & (1u << i)) {
            hp_json_cstr(json, flags[i]);
        }
    }
    hp_json_array_end(json);
    hp_buf_fini(&route);
}

/* "  view        2.10 s   95 %" */
static void put_phases(struct hp_buf *out, const struct hp_request *req)
{
    char time[HP_SHOW_BYTES], share[HP_SHOW_BYTES];
    if (req->phase_ns[0] == HP_ABSENT) {
        return;
    }
    hp_output_heading(out, "Phases", "they add up to wall");
    for (int i = 0; i < HP_PHASE_COUNT; i++) {
        if (req->phase_ns[i] != 0) {
            hp_buf_printf(out, "  %-9s%10s%9s\n", phases[i], hp_show_ns(time, req->phase_ns[i]),
                          hp_show_percent(share, req->wall_ns == 0
                                                     ? 0
                                                     : (double)req->phase_ns[i] / (double)req->wall_ns));
        }
    }
}

static void put_flags(struct hp_buf *out, const struct hp_dict *dict, const struct hp_request *req)
{
    for (uint32_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (req->flags & (1u << i)) {
            hp_buf_printf(out, ", %s", flags[i]);
        }
    }
    if (req->exception_type != 0) {
        hp_buf_put_text(out, HP_STR(": "));
        hp_output_text(out, hp_dict_string(dict, req->exception_type));
    }
    if (req->dropped_nodes + req->dropped_stmts + req->dropped_lanes != 0) {
        hp_buf_printf(out, " (not kept: %u calls' paths, %u statements, %u lanes)", req->dropped_nodes,
                      req->dropped_stmts, req->dropped_lanes);
    }
}

void hp_show_request_text(struct hp_buf *out, const struct hp_dict *dict, const struct hp_request *req,
                          bool raw)
{
    char time[HP_SHOW_BYTES], moment[24];
    struct hp_buf route;
    hp_buf_init(&route, 1 << 16);
    hp_reading_put_route(&route, dict, req->route);
    hp_output_paint(out, HP_PAINT_BOLD, hp_buf_str(&route));
    hp_buf_fini(&route);
    hp_buf_printf(out, "  %u  %s  %s", req->status,
                  hp_show_ns(time, raw ? req->wall_ns : hp_show_request_duration(req)),
                  hp_output_moment(moment, req->start_wall_ns));
    put_flags(out, dict, req);
    hp_buf_printf(out, "\n  id %016" PRIx64 "  revision ", req->id);
    hp_output_text(out, req->revision == 0 ? HP_STR("-") : hp_dict_string(dict, req->revision));
    hp_buf_printf(out, "  level %s", name_of(levels, 4, req->level));
    if (req->level != req->level_asked) {
        hp_buf_printf(out, " (not %s: %s)", name_of(levels, 4, req->level_asked),
                      name_of(reasons, 5, req->level_reason));
    }
    hp_buf_printf(out, "\n  wall %s", hp_show_ns(time, req->wall_ns));
    hp_buf_printf(out, ", of it our own cost %s", hp_show_ns(time, req->own_ns));
    const struct {
        const char *name;
        uint64_t ns;
    } more[] = {
        {"cpu", req->cpu_ns}, {"first byte after", req->first_byte_ns}, {"queued before", req->queue_ns}};
    for (size_t i = 0; i < 3; i++) {
        if (more[i].ns != HP_ABSENT) {
            hp_buf_printf(out, ", %s %s", more[i].name, hp_show_ns(time, more[i].ns));
        }
    }
    if (req->bytes_out != HP_ABSENT) {
        hp_buf_printf(out, ", sent %s", hp_show_bytes(time, req->bytes_out));
    }
    hp_buf_put_text(out, HP_STR("\n"));
    put_phases(out, req);
}
