/* answer_json.c -- the report as JSON; fields are those of CONTRACTS and docs/formats/cli.md. */
#include <stdio.h>
#include "answer/answer.h"
#include "base/json.h"

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* A moment as milliseconds since 1970, or null for an open end. */
static void put_moment(struct hp_json *json, const char *key, uint64_t ns)
{
    if (ns == 0) {
        hp_json_kv_null(json, key);
    } else {
        hp_json_kv_u64(json, key, ns / 1000000u);
    }
}

static void put_text_or_null(struct hp_json *json, const char *key, struct hp_str text)
{
    if (text.n == 0) {
        hp_json_kv_null(json, key);
    } else {
        hp_json_kv_str(json, key, text);
    }
}

static void put_id(struct hp_json *json, uint64_t id)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)id);
    hp_json_cstr(json, text);
}

/* How well the samplers ran. */
static void put_sampler(struct hp_json *json, const struct hp_answer *answer)
{
    const struct hp_sampled_row *s = &answer->sampler;
    if (s->sweeps == 0) {
        return;
    }
    double ns = answer->sampler_ns != 0 ? (double)answer->sampler_ns : 1;
    hp_json_key(json, "sampler");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "rate_hz", s->rate_hz);
    hp_json_kv_double(json, "reached_hz", (double)s->sweeps * 1e9 / ns);
    hp_json_kv_u64(json, "samples", s->samples);
    hp_json_kv_double(json, "torn", (double)s->torn / (double)(s->samples + s->torn + 1));
    hp_json_kv_double(json, "late", (double)s->late / (double)s->sweeps);
    hp_json_kv_double(json, "cores", (double)s->cpu_ns / ns);
    hp_json_object_end(json);
}

void hp_answer_json_complete(struct hp_json *json, const struct hp_complete *c,
                             const struct hp_unseen *unseen)
{
    hp_json_key(json, "completeness");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "requests", c->requests);
    hp_json_kv_u64(json, "recorded", c->recorded);
    hp_json_kv_u64(json, "sampled_out", c->sampled_out);
    hp_json_kv_u64(json, "dropped", c->dropped);
    hp_json_kv_u64(json, "lost", c->lost);
    hp_json_kv_u64(json, "errors", c->errors);
    hp_json_kv_u64(json, "waits", c->waits);
    hp_json_kv_double(json, "wait_ms", ms(c->wait_ns));
    hp_json_key(json, "dropped_by");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "ring", c->dropped_ring);
    hp_json_kv_u64(json, "tree", c->dropped_tree);
    hp_json_kv_u64(json, "store", c->dropped_store);
    hp_json_kv_u64(json, "memory", c->dropped_memory);
    hp_json_object_end(json);
    if (c->each > 1) {
        hp_json_kv_u64(json, "estimated_from_one_in", c->each);
    }
    if (c->evicted_requests + c->evicted_detail != 0) {
        hp_json_kv_u64(json, "evicted_requests", c->evicted_requests);
        hp_json_kv_u64(json, "evicted_detail", c->evicted_detail);
    }
    hp_unseen_json(unseen, json);
    hp_json_object_end(json);
}

void hp_answer_json_completeness(struct hp_json *json, const struct hp_answer *answer)
{
    hp_answer_json_complete(json, &answer->complete, &answer->unseen);
    if (answer->requests != 0) {
        uint64_t wall_ns = answer->total_ns + answer->own_ns;
        hp_json_key(json, "own_cost");
        hp_json_object_begin(json);
        hp_json_kv_double(json, "us_per_request", (double)answer->own_ns / 1e3 / (double)answer->requests);
        hp_json_kv_double(json, "share", wall_ns != 0 ? (double)answer->own_ns / (double)wall_ns : 0);
        hp_json_object_end(json);
    }
}

static void put_header(struct hp_json *json, const struct hp_answer *answer)
{
    hp_json_kv_u64(json, "schema", 1);
    hp_json_key(json, "range");
    hp_json_object_begin(json);
    put_moment(json, "from", answer->from_ns);
    put_moment(json, "to", answer->to_ns);
    put_text_or_null(json, "revision", answer->revision);
    put_text_or_null(json, "label", answer->options.label);
    hp_json_object_end(json);
    hp_answer_json_completeness(json, answer);
    put_sampler(json, answer);
}

static void put_route(struct hp_json *json, const struct hp_answer_route *route)
{
    hp_json_object_begin(json);
    hp_json_kv_str(json, "route", route->name);
    hp_json_kv_u64(json, "requests", route->row.requests);
    if (route->lowered > 0) {
        hp_json_kv_double(json, "lowered", route->lowered);
        hp_json_kv_cstr(json, "lowest_level", hp_answer_level(route->lowered_to));
    }
    hp_json_kv_double(json, "now_ms", ms(route->now_ns));
    hp_json_kv_double(json, "after_all_ms", ms(route->after_all_ns));
    hp_json_kv_double(json, "low_ms", ms(route->low_ns));
    hp_json_kv_double(json, "high_ms", ms(route->high_ns));
    hp_json_kv_double(json, "total_ms", ms(route->row.total_ns));
    hp_json_kv_double(json, "p95_ms", ms(route->row.p95_ns));
    if (route->sentence.n != 0) {
        hp_json_kv_str(json, "sentence", route->sentence);
    }
    hp_json_object_end(json);
}

static void put_evidence(struct hp_json *json, const struct hp_finding *finding)
{
    hp_json_key(json, "evidence");
    hp_json_object_begin(json);
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        const struct hp_evidence *e = &finding->evidence[i];
        if (e->is_text) {
            hp_json_kv_str(json, e->key, e->text);
        } else {
            hp_json_kv_double(json, e->key, e->number);
        }
    }
    hp_json_object_end(json);
}

void hp_answer_json_finding(struct hp_json *json, const struct hp_answer *answer,
                            const struct hp_answer_finding *finding)
{
    const struct hp_finding *f = &finding->finding;
    hp_json_key(json, "id");
    put_id(json, f->id);
    hp_json_kv_u64(json, "rank", finding->rank);
    hp_json_kv_cstr(json, "kind", hp_find_kind_name(f->kind));
    hp_json_kv_cstr(json, "state", hp_answer_state_name(finding->state));
    if (finding->same != 0) {
        hp_json_key(json, "same_as");
        put_id(json, answer->findings[finding->same - 1].finding.id);
    }
    hp_json_kv_str(json, "route", answer->routes[finding->route].name);
    put_text_or_null(json, "file", finding->file);
    if (finding->line != 0) {
        hp_json_kv_u64(json, "line", finding->line);
    } else {
        hp_json_kv_null(json, "line");
    }
    put_text_or_null(json, "function", finding->function);
    put_text_or_null(json, "via", finding->via);
    put_text_or_null(json, "source", finding->source);
    hp_json_kv_str(json, "title", f->title);
    put_evidence(json, f);
    hp_json_kv_cstr(json, "basis", f->tail ? "p95" : "median");
    hp_json_kv_double(json, "share", finding->share);
    hp_json_kv_double(json, "predicted_saving_ms", ms(f->median_ns));
    hp_json_kv_double(json, "predicted_low_ms", ms(f->low90_ns));
    hp_json_kv_double(json, "predicted_high_ms", ms(f->high90_ns));
    if (f->saving_bytes != 0) {
        hp_json_kv_u64(json, "predicted_saving_bytes", f->saving_bytes);
    }
    hp_json_kv_u64(json, "requests", finding->requests);
    hp_json_key(json, "requests_example");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < finding->example_count; i++) {
        put_id(json, finding->examples[i]);
    }
    hp_json_array_end(json);
    hp_json_kv_str(json, "advice", f->advice);
}

/* Kinds with a rule that some route was recorded too low for. */
void hp_answer_json_not_checked(struct hp_json *json, const struct hp_answer *answer)
{
    static const struct {
        enum hp_finding_kind kind;
        uint8_t level;
        const char *needs;
    } needs[] = {{HP_FIND_n_plus_one, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_duplicate_query, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_missing_index, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_slow_query, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_thread_churn, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_connection_churn, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_tls_churn, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_dns_repeat, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_chatty_reads, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_sequential_io, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_slow_external, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_blocking_in_async, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_lock_contention, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_gil_contention, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_sleep, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_subprocess, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_disk_io, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_log_io, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_unbounded_result, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_template_hot, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_gc_pressure, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_memory_growth, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_tail_latency, HP_LEVEL_MONITOR, "monitor"},
                 {HP_FIND_cold_start, HP_LEVEL_TRACE, "trace"},
                 {HP_FIND_orm_overhead, HP_LEVEL_TRACE, "trace"},
                 {HP_FIND_import_in_request, HP_LEVEL_TRACE, "trace"},
                 {HP_FIND_regex_compile, HP_LEVEL_TRACE, "trace"},
                 {HP_FIND_serialization_hot, HP_LEVEL_TRACE, "trace"},
                 {HP_FIND_attribute_lookup_hot, HP_LEVEL_TRACE, "trace"},
                 {HP_FIND_hot_function, HP_LEVEL_SAMPLE, "sample"}};
    uint8_t lowest = HP_LEVEL_TRACE;
    for (uint32_t i = 0; i < answer->route_count; i++) {
        const struct hp_answer_route *route = &answer->routes[i];
        lowest = route->looked_into && route->lowest_level < lowest ? route->lowest_level : lowest;
    }
    hp_json_key(json, "not_checked");
    hp_json_array_begin(json);
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (lowest < needs[i].level) {
            hp_json_object_begin(json);
            hp_json_kv_cstr(json, "kind", hp_find_kind_name(needs[i].kind));
            hp_json_kv_cstr(json, "needs_level", needs[i].needs);
            hp_json_object_end(json);
        }
    }
    hp_json_array_end(json);
}

void hp_answer_json_kept(struct hp_json *json, const struct hp_finding_state *finding)
{
    hp_json_key(json, "id");
    put_id(json, finding->id);
    hp_json_kv_cstr(json, "state", hp_answer_state_name(finding->state));
    hp_json_kv_bool(json, "muted", finding->muted);
    if (finding->muted) {
        hp_json_kv_str(json, "reason", finding->reason);
    }
    hp_json_kv_str(json, "kind", finding->kind);
    hp_json_kv_str(json, "route", finding->route);
    hp_json_kv_str(json, "file", finding->file);
    hp_json_kv_u64(json, "line", finding->line);
    hp_json_kv_str(json, "function", finding->function);
    hp_json_kv_str(json, "title", finding->title);
    hp_json_kv_u64(json, "first_seen", finding->first_ns / 1000000);
    hp_json_kv_u64(json, "last_seen", finding->last_ns / 1000000);
    if (finding->predicted_ns != HP_ABSENT) {
        hp_json_kv_double(json, "predicted_saving_ms", ms(finding->predicted_ns));
    }
    if (finding->has_measured) {
        hp_json_kv_double(json, "measured_saving_ms", (double)finding->measured_ns / 1e6);
        hp_json_kv_double(json, "low_ms", (double)finding->low_ns / 1e6);
        hp_json_kv_double(json, "high_ms", (double)finding->high_ns / 1e6);
    }
    if (finding->fixed_ns != 0) {
        hp_json_kv_u64(json, "fixed_at", finding->fixed_ns / 1000000);
    }
}

hp_err hp_answer_json(const struct hp_answer *answer, bool pretty, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, pretty);
    hp_json_object_begin(&json);
    put_header(&json, answer);
    hp_json_key(&json, "routes");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < answer->route_count; i++) {
        put_route(&json, &answer->routes[i]);
    }
    hp_json_array_end(&json);
    hp_json_key(&json, "findings");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < answer->finding_count; i++) {
        hp_json_object_begin(&json);
        hp_answer_json_finding(&json, answer, &answer->findings[i]);
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_answer_json_not_checked(&json, answer);
    hp_json_kv_u64(&json, "muted", answer->muted_count);
    hp_json_object_end(&json);
    return hp_json_finish(&json);
}
