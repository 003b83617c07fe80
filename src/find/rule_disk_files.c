/* rule_disk_files.c -- disk_io of many small files: opened and read one by one in each request.
 *
 * Principle: opening a file costs the same however little is in it (its path is walked, checks, buffers, a
 * decoder). What many files hold can be read once and kept, or lie in one.
 *
 * Evidence: a call tree; a function that opens 20 files or more in a request (pathlib's methods; the built-in
 * open() of an application's line, which Python 3.12 and later tell), and takes a tenth of it with that. No
 * wait shows it: what is read again and again is in memory.
 *
 * Silent: a few files; files that a library opens for a purpose of its own (hot_function tells what that
 * costs); a function whose own work is three times as dear; files that only the first request of a process
 * reads.
 *
 * Saving: opening, and of what the function does itself up to as much again: it reads what it has opened. low
 * = half.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_CALLS 20u
#define MIN_SHARE 0.10
#define LOW_SHARE 0.5

static bool is_opening(const struct hp_symbol *sym)
{
    static const char *const modules[] = {"pathlib"};
    static const char *const methods[] = {"Path.open", "Path.read_text", "Path.read_bytes", "Path.write_text",
                                          "Path.write_bytes"};
    if (sym->kind == HP_SYM_C) {
        return hp_str_eq(sym->name, HP_STR("<built-in method _io.open>"));
    }
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (hp_str_eq(sym->name, hp_str_from0(methods[i]))) {
            return hp__bound_in(sym->file, modules, sizeof modules / sizeof *modules);
        }
    }
    return false;
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->saved_ns);
    hp_show_count(count, part->calls);
    finding->title = hp__textf(f->arena, "%s files are opened one by one, which takes %s", count, time);
    finding->advice = hp__textf(
        f->arena,
        "Do it once: read them when the application starts and keep what is needed of them, or keep it by "
        "name and time of change (os.stat is a small part of opening). Do it together: one file, or a "
        "table, for all of them.");
    hp__finding_number(finding, "files", (double)part->calls);
    hp__finding_number(finding, "opening_ms", (double)part->ns / 1e6);
}

const struct hp__bound_rule hp__bound_files = {.kind = HP_FIND_disk_io,
                                               .is_boundary = is_opening,
                                               .min_share = MIN_SHARE,
                                               .low_share = LOW_SHARE,
                                               .min_calls = MIN_CALLS,
                                               .direct = true,
                                               .callers_too = true,
                                               .caller_goes = true,
                                               .warms_up = true,
                                               .describe = describe};

hp_err hp__rule_disk_files(struct hp__find *f)
{
    return hp__bound_run(f, &hp__bound_files);
}
