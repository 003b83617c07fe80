/* answer_text.c -- the report for people: a sentence per slow route, findings in order of rank, what is left,
 * routes. */
#include "answer/answer.h"
#include "answer/sentence.h"
#include "base/show.h"

#define TOLD_WAIT_NS 50000000u /* each process waits once, for its settings: that is not worth a word */

#define WIDTH        100u
#define TABLE_ROUTES 20u
#define SLOW_NS      5000000u
#define SLOW_SHARE   0.05 /* of all time */

/* One line each, not wrapped: they are what other tools cut out of a report. */
static void put_sentences(const struct hp_answer *answer, struct hp_buf *out)
{
    uint32_t without = 0;
    for (uint32_t i = 0; i < answer->route_count; i++) {
        const struct hp_answer_route *route = &answer->routes[i];
        if (route->count != 0) {
            hp_buf_put_text(out, route->sentence);
            hp_buf_put_text(out, HP_STR("\n"));
        } else {
            without++;
        }
    }
    if (answer->finding_count == 0) {
        hp_buf_printf(out, "No finding in %u route%s: nothing of the kinds checked is worth fixing.\n",
                      answer->route_count, answer->route_count == 1 ? "" : "s");
    } else if (without != 0) {
        hp_buf_printf(out, "%u other route%s without a finding.\n", without, without == 1 ? "" : "s");
    }
}

static void put_evidence(const struct hp_finding *finding, uint32_t width, struct hp_buf *out)
{
    struct hp_buf line;
    char number[HP_SHOW_BYTES];
    hp_buf_init(&line, (size_t)1 << 16);
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        const struct hp_evidence *e = &finding->evidence[i];
        struct hp_str key = hp_str_from0(e->key);
        if (e->is_text) {
            continue;
        }
        bool is_ms = hp_str_ends(key, HP_STR("_ms"));
        key.n -= is_ms ? 3 : 0;
        hp_buf_put_text(&line, line.len != 0 ? HP_STR(", ") : HP_STR(""));
        for (size_t k = 0; k < key.n; k++) {
            hp_buf_put_u8(&line, (uint8_t)(key.p[k] == '_' ? ' ' : key.p[k]));
        }
        uint64_t value = (uint64_t)(is_ms ? e->number * 1e6 + 0.5 : e->number + 0.5);
        hp_buf_printf(&line, " %s", is_ms ? hp_show_ns(number, value) : hp_show_count(number, value));
    }
    if (line.len != 0) {
        hp_sentence_wrap(hp_buf_str(&line), 3, width, out);
    }
    hp_buf_fini(&line);
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        const struct hp_evidence *e = &finding->evidence[i];
        if (e->is_text) {
            struct hp_str cut = hp_utf8_cut(e->text, 2u * width);
            hp_buf_printf(out, "   %s: %.*s%s\n", e->key, (int)cut.n, cut.p, cut.n < e->text.n ? " …" : "");
        }
    }
}

static void put_saving(const struct hp_answer *answer, const struct hp_answer_finding *finding,
                       struct hp_buf *out)
{
    const struct hp_finding *f = &finding->finding;
    char saving[HP_SHOW_BYTES], low[HP_SHOW_BYTES], high[HP_SHOW_BYTES], share[HP_SHOW_BYTES],
        count[HP_SHOW_BYTES], all[HP_SHOW_BYTES];
    if (f->saving_bytes != 0) {
        hp_buf_printf(out, "gives back %s a request\n", hp_show_bytes(saving, f->saving_bytes));
        return;
    }
    hp_buf_printf(out, "saves about %s%s (%s; 90 %%: %s to %s); seen in %s of %s requests\n",
                  hp_show_ns(saving, f->median_ns),
                  f->fixed_figures ? " of a first request"
                  : f->tail        ? " at p95"
                                   : "",
                  hp_show_percent(share, finding->share), hp_show_ns(low, f->low90_ns),
                  hp_show_ns(high, f->high90_ns), hp_show_count(count, finding->requests),
                  hp_show_count(all, answer->routes[finding->route].row.requests));
}

/* The other routes that the same edit mends. */
static void put_others(const struct hp_answer *answer, const struct hp_answer_finding *finding,
                       struct hp_buf *out)
{
    for (uint32_t i = finding->rank; i < answer->finding_count; i++) {
        const struct hp_answer_finding *other = &answer->findings[i];
        if (other->same == finding->rank) {
            struct hp_str name = answer->routes[other->route].name;
            hp_buf_printf(out, "   the same on %.*s: ", (int)name.n, name.p);
            put_saving(answer, other, out);
        }
    }
}

static void put_finding(const struct hp_answer *answer, const struct hp_answer_finding *finding,
                        uint32_t width, struct hp_buf *out)
{
    const struct hp_finding *f = &finding->finding;
    hp_buf_printf(out, "\n%u. %.*s  [%s, %s]\n", finding->rank, (int)f->title.n, f->title.p,
                  hp_find_kind_name(f->kind), hp_answer_state_name(finding->state));
    hp_buf_put_text(out, HP_STR("   "));
    hp_sentence_place(finding, out);
    if (finding->function.n != 0 && finding->file.n != 0) {
        hp_buf_printf(out, " in %.*s", (int)finding->function.n, finding->function.p);
    }
    hp_buf_printf(out, ", %.*s\n", (int)answer->routes[finding->route].name.n,
                  answer->routes[finding->route].name.p);
    if (finding->source.n != 0) {
        size_t skip = 0;
        while (skip < finding->source.n &&
               (finding->source.p[skip] == ' ' || finding->source.p[skip] == '\t')) {
            skip++;
        }
        hp_buf_printf(out, "   > %.*s\n", (int)(finding->source.n - skip), finding->source.p + skip);
    }
    hp_buf_put_text(out, HP_STR("   fixing it "));
    put_saving(answer, finding, out);
    put_others(answer, finding, out);
    put_evidence(f, width, out);
    hp_sentence_wrap(f->advice, 3, width, out);
    if (finding->example_count != 0) {
        hp_buf_printf(out, "   look at: hotplate show %016llx\n", (unsigned long long)finding->examples[0]);
    }
}

/* Whether a route without a finding is one that somebody may look for. */
static bool is_slow(const struct hp_answer *answer, const struct hp_answer_route *route)
{
    return route->sentence.n != 0 && route->now_ns >= SLOW_NS &&
           (double)route->row.total_ns >= SLOW_SHARE * (double)answer->total_ns;
}

static void put_left(const struct hp_answer *answer, uint32_t width, struct hp_buf *out)
{
    bool begun = false;
    for (uint32_t i = 0; i < answer->route_count; i++) {
        const struct hp_answer_route *route = &answer->routes[i];
        struct hp_buf line;
        if (route->count == 0 && !is_slow(answer, route)) {
            continue;
        }
        hp_buf_put_text(out, begun ? HP_STR("")
                                   : HP_STR("\nWhat is left (no cause of the kinds checked above 2 %)\n"));
        begun = true;
        hp_buf_init(&line, (size_t)1 << 16);
        if (route->count != 0) {
            hp_sentence_left(answer, route, &line);
        } else {
            hp_buf_put_text(&line, route->sentence);
        }
        hp_sentence_wrap(hp_buf_str(&line), 2, width, out);
        hp_buf_fini(&line);
    }
}

static void put_routes(const struct hp_answer *answer, struct hp_buf *out)
{
    hp_buf_put_text(out, HP_STR("\nRoutes, by total time\n"));
    hp_buf_printf(out, "  %10s %10s %10s %10s  route\n", "requests", "median", "p95", "total");
    for (uint32_t i = 0; i < answer->route_count && i < TABLE_ROUTES; i++) {
        const struct hp_answer_route *route = &answer->routes[i];
        struct hp_str endpoint = HP_STR("");
        if (hp_dict_route_needs_endpoint(answer->dict, route->row.route)) {
            endpoint = hp_dict_route(answer->dict, route->row.route).endpoint;
        }
        char requests[HP_SHOW_BYTES], median[HP_SHOW_BYTES], p95[HP_SHOW_BYTES], total[HP_SHOW_BYTES];
        hp_buf_printf(out, "  %10s %10s %10s %10s  %.*s%s%.*s\n",
                      hp_show_count(requests, route->row.requests), hp_show_ns(median, route->row.p50_ns),
                      hp_show_ns(p95, route->row.p95_ns), hp_show_ns(total, route->row.total_ns),
                      (int)route->name.n, route->name.p, endpoint.n != 0 ? "  " : "", (int)endpoint.n,
                      endpoint.p);
    }
    if (answer->route_count > TABLE_ROUTES) {
        hp_buf_printf(out, "  … and %u more: hotplate routes\n", answer->route_count - TABLE_ROUTES);
    }
}

/* Routes that were captured less deeply than asked, as the budget wanted it. */
static void put_lowered(const struct hp_answer *answer, struct hp_buf *out)
{
    for (uint32_t i = 0; i < answer->route_count; i++) {
        const struct hp_answer_route *route = &answer->routes[i];
        char share[HP_SHOW_BYTES];
        if (route->lowered > 0) {
            hp_buf_printf(out, "%.*s: level lowered to %s for %s of its requests, to keep the budget\n",
                          (int)route->name.n, route->name.p, hp_answer_level(route->lowered_to),
                          hp_show_percent(share, route->lowered));
        }
    }
}

static void put_completeness(const struct hp_answer *answer, struct hp_buf *out)
{
    const struct hp_complete *c = &answer->complete;
    char number[HP_SHOW_BYTES], share[HP_SHOW_BYTES];
    uint64_t wall_ns = answer->total_ns + answer->own_ns;
    hp_buf_printf(out, "\n%s requests recorded", hp_show_count(number, c->recorded));
    if (c->sampled_out != 0) {
        hp_buf_printf(out, ", %s sampled out", hp_show_count(number, c->sampled_out));
    }
    hp_buf_printf(out, ", %s dropped", hp_show_count(number, c->dropped));
    hp_buf_printf(out, ", %s lost", hp_show_count(number, c->lost));
    if (c->dropped_tree != 0) {
        hp_buf_printf(out, ", %s without their call tree", hp_show_count(number, c->dropped_tree));
    }
    if (c->errors != 0) {
        hp_buf_printf(out, ", %s failures of our own", hp_show_count(number, c->errors));
    }
    if (c->wait_ns >= TOLD_WAIT_NS) {
        hp_buf_printf(out, ", the application waited %s for the store", hp_show_ns(number, c->wait_ns));
    }
    if (answer->requests != 0) {
        hp_buf_printf(out, "; measuring cost %s a request (%s), already taken out",
                      hp_show_ns(number, answer->own_ns / answer->requests),
                      hp_show_percent(share, wall_ns != 0 ? (double)answer->own_ns / (double)wall_ns : 0));
    }
    if (answer->revision.n != 0) {
        hp_buf_printf(out, "; revision %.*s%s", (int)answer->revision.n, answer->revision.p,
                      answer->options.scope.newest_revision ? " (the newest; --all for all)" : "");
    }
    if (answer->muted_count != 0) {
        hp_buf_printf(out, "; %u muted", answer->muted_count);
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

static void put_sampler(const struct hp_answer *answer, struct hp_buf *out)
{
    const struct hp_sampled_row *s = &answer->sampler;
    char samples[HP_SHOW_BYTES], torn[HP_SHOW_BYTES], late[HP_SHOW_BYTES], cores[HP_SHOW_BYTES];
    if (s->sweeps == 0) {
        return;
    }
    double ns = answer->sampler_ns != 0 ? (double)answer->sampler_ns : 1;
    hp_buf_printf(out, "%s samples at %.0f Hz of %u, %s torn, %s late, for %s of a core\n",
                  hp_show_count(samples, s->samples), (double)s->sweeps * 1e9 / ns, s->rate_hz,
                  hp_show_percent(torn, (double)s->torn / (double)(s->samples + s->torn + 1)),
                  hp_show_percent(late, (double)s->late / (double)s->sweeps),
                  hp_show_percent(cores, (double)s->cpu_ns / ns));
}

void hp_answer_text(const struct hp_answer *answer, uint32_t width, struct hp_buf *out)
{
    width = width == 0 ? WIDTH : width < 40 ? 40 : width;
    if (answer->requests == 0) {
        hp_buf_put_text(out, HP_STR("No requests in this range.\n"));
        return;
    }
    put_sentences(answer, out);
    for (uint32_t i = 0; i < answer->finding_count; i++) {
        if (answer->findings[i].same == 0) {
            put_finding(answer, &answer->findings[i], width, out);
        }
    }
    put_left(answer, width, out);
    put_routes(answer, out);
    put_completeness(answer, out);
    hp_unseen_text(&answer->unseen, out);
    put_sampler(answer, out);
    put_lowered(answer, out);
}
