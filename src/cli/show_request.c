/* show_request.c -- see show_request.h. */
#include "cli/show_request.h"

#include <inttypes.h>

#include "base/show.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "format/member.h"
#include "format/requestjson.h"

static const char *const reasons[] = {"asked for", "budget", "no tool id free", "route", "unsupported"};
static const char *name_of(const char *const *names, size_t count, uint32_t value)
{
    return value < count ? names[value] : "unknown";
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
            hp_buf_printf(
                out, "  %-9s%10s%9s\n", hp_requestjson_phase((unsigned)i), hp_show_ns(time, req->phase_ns[i]),
                hp_show_percent(share,
                                req->wall_ns == 0 ? 0 : (double)req->phase_ns[i] / (double)req->wall_ns));
        }
    }
}

static void put_flags(struct hp_buf *out, const struct hp_dict *dict, const struct hp_request *req)
{
    for (uint32_t i = 0; i < HP_REQUESTJSON_FLAGS; i++) {
        if (req->flags & (1u << i)) {
            hp_buf_printf(out, ", %s", hp_requestjson_flag(i));
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
                  hp_show_ns(time, raw ? req->wall_ns : hp_requestjson_duration(req)),
                  hp_output_moment(moment, req->start_wall_ns));
    put_flags(out, dict, req);
    hp_buf_printf(out, "\n  id %016" PRIx64 "  revision ", req->id);
    hp_output_text(out, req->revision == 0 ? HP_STR("-") : hp_dict_string(dict, req->revision));
    hp_buf_printf(out, "  level %s", hp_member_level(req->level));
    if (req->level != req->level_asked) {
        hp_buf_printf(out, " (not %s: %s)", hp_member_level(req->level_asked),
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
