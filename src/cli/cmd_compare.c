/* cmd_compare.c -- `hotplate compare A B`: two stretches with statistics, finding by finding (answer/ has all
 * of it). */
#include <string.h>
#include <unistd.h>

#include "answer/change.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/quantity.h"

#define ARENA_BYTES ((size_t)2 << 30)

static const char help[] = "hotplate compare A B [--fail-on 'p95>10%,sql>0,new-finding']\n"
                           "\n"
                           "Before and after: each route's median with a 95 % interval, and of each finding\n"
                           "what was predicted and what was measured.\n"
                           "A, B: a label, a revision, label:L, or FROM..TO (moments, one may be missing).\n"
                           "  --fail-on   exit 3 if p50, p90, p95, p99 or mean (%, ms), sql or errors of a\n"
                           "              route grew by more, or there is a new-finding\n";

struct compare {
    struct hp_reading reading;
    struct hp_gate gate;
    bool gated;
};

/* "2026-01-31T14:00..14:30", "30m..10m", "..10m" */
static hp_err parse_range(struct hp_reading *reading, const char *word, const char *dots,
                          struct hp_scope *scope, struct hp_errinfo *info)
{
    char from[64];
    uint64_t now_ns = hp_clock_wall_ns();
    size_t n = (size_t)(dots - word);
    const char *to = dots + 2;
    bool good = n < sizeof from;
    *scope = reading->scope;
    if (good && n != 0) {
        memcpy(from, word, n);
        from[n] = '\0';
        good = hp_quantity_moment(from, now_ns, &scope->from_ns);
    }
    if (good && to[0] != '\0') {
        good = hp_quantity_moment(to, now_ns, &scope->to_ns);
    }
    if (!good || (scope->to_ns != 0 && scope->to_ns <= scope->from_ns)) {
        return hp_err_set(info, HP_EINVAL, 0, "%.80s: not a range of moments FROM..TO", word);
    }
    return HP_OK;
}

static hp_err find_side(struct hp_reading *reading, const char *word, struct hp_scope *scope,
                        struct hp_errinfo *info)
{
    struct hp_input input;
    const char *dots = strstr(word, "..");
    if (dots != NULL && strncmp(word, "label:", 6) != 0) {
        return parse_range(reading, word, dots, scope, info);
    }
    hp_err err = hp_input_find(reading, word, &input, info);
    if (err != HP_OK) {
        return err;
    }
    if (input.kind != HP_INPUT_LABEL && input.kind != HP_INPUT_REVISION) {
        return hp_err_set(info, HP_EINVAL, 0, "%.80s: compare takes labels, revisions and ranges", word);
    }
    *scope = input.scope;
    return HP_OK;
}

static int compare(struct compare *cmp, struct hp_arena *arena, struct hp_buf *out)
{
    struct hp_reading *reading = &cmp->reading;
    struct hp_errinfo info = {0};
    struct hp_change change;
    struct hp_change_options options = {.before_name = hp_str_from0(reading->words[0]),
                                        .after_name = hp_str_from0(reading->words[1]),
                                        .keep_states = true,
                                        .now_ns = hp_clock_wall_ns()};
    hp_err err = find_side(reading, reading->words[0], &options.before, &info);
    if (err == HP_OK) {
        err = find_side(reading, reading->words[1], &options.after, &info);
    }
    if (err == HP_EINVAL) {
        return hp_output_usage("compare", "%s", info.text);
    }
    if (err == HP_OK) {
        err = hp_change_load(reading->store, &options, arena, &change, &info);
    }
    if (err == HP_OK && reading->json) {
        err = hp_change_json(&change, true, out);
        hp_buf_put_text(out, HP_STR("\n"));
    } else if (err == HP_OK && change.route_count == 0) {
        hp_reading_put_empty(reading, out);
    } else if (err == HP_OK) {
        hp_change_text(&change, out);
    }
    err = err == HP_OK ? out->err : err;
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    if (!cmp->gated) {
        return HP_EXIT_OK;
    }
    struct hp_buf why;
    hp_buf_init(&why, 1 << 20);
    bool fails = hp_change_fails(&change, &cmp->gate, &why);
    if (fails) {
        hp_err lost = hp_output_flush(STDERR_FILENO, hp_buf_str(&why));
        (void)lost; /* nowhere to say so; the exit code says it too */
    }
    hp_buf_fini(&why);
    return fails ? HP_EXIT_GATE : HP_EXIT_OK;
}

int hp_cmd_compare(int argc, char **argv, struct hp_buf *out)
{
    struct compare cmp = {.reading = {.writable = true}};
    const char *fail_on = NULL;
    struct hp_errinfo info = {0};
    struct hp_arena arena;
    const struct hp_args_option options[] = {{"--fail-on", NULL, HP_ARGS_TEXT, &fail_on}};
    const struct hp_reading_command command = {
        .name = "compare", .help = help, .options = options, .option_count = 1, .least = 2, .most = 2};
    int status = hp_reading_parse(&cmp.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    cmp.gated = fail_on != NULL;
    if (cmp.gated && hp_gate_parse(hp_str_from0(fail_on), &cmp.gate, &info) != HP_OK) {
        return hp_output_usage("compare", "%s", info.text);
    }
    cmp.reading.all = true; /* the two sides name what they mean */
    status = hp_reading_begin(&cmp.reading);
    if (status >= 0) {
        return status;
    }
    hp_arena_init(&arena, ARENA_BYTES);
    status = compare(&cmp, &arena, out);
    hp_reading_end(&cmp.reading);
    hp_arena_fini(&arena);
    return status;
}
