/* samples.c -- see samples.h. */
#include "serve/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "format/member.h"
#include "format/notesjson.h"
#include "format/requestjson.h"
#include "format/waitsjson.h"

#define TREE_NODES       (1u << 18)
#define WAITS_LISTED     50u
#define DIFFERENCES_MOST 12u
#define ROWS_CAP         65536u
#define FEW              5u /* a part of the sample below this is not compared */

static bool keep(void *ctx, const struct hp_record *record)
{
    struct hp_samples *samples = ctx;
    if (samples->count < HP_SAMPLES_MOST) {
        samples->list[samples->count++] = *record;
    }
    return samples->count < HP_SAMPLES_MOST;
}

hp_err hp_samples_load(struct hp_samples *samples, struct hp_question *question, const struct hp_scope *scope)
{
    *samples =
        (struct hp_samples){.list = hp_arena_alloc(question->arena, HP_SAMPLES_MOST * sizeof *samples->list,
                                                   _Alignof(struct hp_record))};
    if (samples->list == NULL) {
        return hp_question_no_memory(question);
    }
    return hp_store_sample(question->store, scope, 0, HP_SAMPLES_MOST, question->arena, keep, samples,
                           question->info);
}

/* ---- where the time goes ---- */

enum { WALL, CPU, GC, SQL, RUNQUEUE, OWN, LEFT_OVER, PARTS };

struct mean {
    double sums[PARTS], kinds[HP_WAIT_KINDS];
    uint32_t counts[PARTS], watched, requests;
};

static void add_part(struct mean *mean, int part, uint64_t ns)
{
    if (ns != HP_ABSENT) {
        mean->sums[part] += (double)ns;
        mean->counts[part]++;
    }
}

static uint64_t sql_of(const struct hp_record *record)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < record->group_count; i++) {
        ns += record->groups[i].exec_ns + record->groups[i].fetch_ns;
    }
    return ns;
}

static void add_record(struct mean *mean, const struct hp_record *record)
{
    const struct hp_request *req = &record->req;
    struct hp_waitsjson_time time = hp_waitsjson_sum(record);
    mean->requests++;
    add_part(mean, WALL, req->wall_ns);
    add_part(mean, CPU, req->cpu_ns);
    add_part(mean, GC, req->gc_ns);
    add_part(mean, RUNQUEUE, req->runqueue_ns);
    add_part(mean, OWN, req->own_ns);
    add_part(mean, SQL, req->level >= HP_LEVEL_MONITOR ? sql_of(record) : HP_ABSENT);
    if (time.known) {
        mean->sums[LEFT_OVER] += (double)time.left_ns;
        mean->counts[LEFT_OVER]++;
    }
    mean->watched += hp_waitsjson_watched(record);
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        mean->kinds[kind] += (double)time.kinds_ns[kind];
    }
}

static struct mean mean_of(const struct hp_samples *samples, uint32_t from, uint32_t to)
{
    struct mean mean;
    memset(&mean, 0, sizeof mean);
    for (uint32_t i = from; i < to; i++) {
        add_record(&mean, &samples->list[i]);
    }
    return mean;
}

static void put_mean(struct hp_json *json, const char *key, const struct mean *mean)
{
    static const char *const names[PARTS] = {"wall_ms",     "cpu_ms", "gc_ms",       "sql_ms",
                                             "runqueue_ms", "own_ms", "left_over_ms"};
    hp_json_key(json, key);
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "requests", mean->requests);
    for (int i = 0; i < PARTS; i++) {
        if (mean->counts[i] != 0) {
            hp_json_kv_double(json, names[i], mean->sums[i] / mean->counts[i] / 1e6);
        }
    }
    if (mean->watched != 0) {
        hp_json_key(json, "kinds_ms");
        hp_json_object_begin(json);
        for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
            if (mean->kinds[kind] > 0) {
                hp_json_kv_double(json, hp_record_wait_name((uint8_t)kind),
                                  mean->kinds[kind] / mean->watched / 1e6);
            }
        }
        hp_json_object_end(json);
    }
    hp_json_object_end(json);
}

static void put_phases(struct hp_json *json, const struct hp_samples *samples)
{
    double sums[HP_PHASE_COUNT] = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct hp_request *req = &samples->list[i].req;
        if (req->phase_ns[0] != HP_ABSENT && req->level >= HP_LEVEL_MONITOR) {
            count++;
            for (int k = 0; k < HP_PHASE_COUNT; k++) {
                sums[k] += (double)req->phase_ns[k];
            }
        }
    }
    if (count == 0) {
        return;
    }
    hp_json_key(json, "phases_ms");
    hp_json_object_begin(json);
    for (unsigned k = 0; k < HP_PHASE_COUNT; k++) {
        hp_json_kv_double(json, hp_requestjson_phase(k), sums[k] / count / 1e6);
    }
    hp_json_object_end(json);
}

/* ---- what slow ones do more of ---- */

struct difference {
    const char *what;
    uint32_t sym; /* of a function; 0: `what` says it */
    double typical_ns, slow_ns;
};

struct differences {
    struct difference *list;
    uint32_t count, capacity;
    struct hp_map index; /* symbol to place in the list */
};

static struct difference *difference_of(struct differences *all, uint32_t sym)
{
    uint32_t at;
    if (hp_map_get(&all->index, sym, &at)) {
        return &all->list[at];
    }
    if (all->count == all->capacity || hp_map_put(&all->index, sym, all->count) != HP_OK) {
        return NULL; /* the first tens of thousands of functions will do */
    }
    all->list[all->count] = (struct difference){.what = "function", .sym = sym};
    return &all->list[all->count++];
}

/* Own time of application functions, of library functions added to nobody: their callers' sites are
 * elsewhere. */
static void add_tree(struct differences *all, const struct hp_tree *tree, double share, bool slow)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        struct difference *row = node->sym != 0 && node->self != 0 && node->epoch == tree->epoch
                                     ? difference_of(all, node->sym)
                                     : NULL;
        if (row != NULL && slow) {
            row->slow_ns += (double)node->self * share;
        } else if (row != NULL) {
            row->typical_ns += (double)node->self * share;
        }
    }
}

static hp_err add_trees(struct differences *all, const struct hp_samples *samples, struct hp_tree *tree,
                        const struct hp_dict *dict, uint32_t from, uint32_t to, bool slow)
{
    uint32_t with = 0;
    for (uint32_t i = from; i < to; i++) {
        with += samples->list[i].shape.n != 0;
    }
    for (uint32_t i = from; i < to; i++) {
        const struct hp_record *record = &samples->list[i];
        struct hp_reader shape, values;
        hp_reader_init(&shape, record->shape.p, record->shape.n);
        hp_reader_init(&values, record->values.p, record->values.n);
        if (record->shape.n == 0) {
            continue;
        }
        hp_err err = hp_tree_decode(tree, shape, values, NULL, hp_dict_symbol_count(dict));
        if (err == HP_ENOMEM) {
            return err;
        }
        if (err == HP_OK) {
            (void)hp_tree_calibrate(tree, record->req.call_inner_ps / 1000.0,
                                    record->req.call_outer_ps / 1000.0);
            add_tree(all, tree, 1.0 / with, slow);
        }
    }
    return HP_OK;
}

static void add_difference(struct differences *all, const char *what, double typical_ns, double slow_ns)
{
    if (all->count < all->capacity) {
        all->list[all->count++] = (struct difference){what, 0, typical_ns, slow_ns};
    }
}

static void add_means(struct differences *all, const struct mean *typical, const struct mean *slow)
{
    if (typical->counts[CPU] != 0 && slow->counts[CPU] != 0) {
        add_difference(all, "cpu", typical->sums[CPU] / typical->counts[CPU],
                       slow->sums[CPU] / slow->counts[CPU]);
    }
    if (typical->counts[SQL] != 0 && slow->counts[SQL] != 0) {
        add_difference(all, "sql", typical->sums[SQL] / typical->counts[SQL],
                       slow->sums[SQL] / slow->counts[SQL]);
    }
    for (unsigned kind = 0; kind < HP_WAIT_KINDS && typical->watched != 0 && slow->watched != 0; kind++) {
        add_difference(all, hp_record_wait_name((uint8_t)kind), typical->kinds[kind] / typical->watched,
                       slow->kinds[kind] / slow->watched);
    }
}

static int by_change(const void *a, const void *b)
{
    const struct difference *x = a, *y = b;
    double left = fabs(x->slow_ns - x->typical_ns), right = fabs(y->slow_ns - y->typical_ns);
    if (left != right) {
        return left > right ? -1 : 1;
    }
    return (x->sym > y->sym) - (x->sym < y->sym);
}

static void put_differences(struct hp_json *json, const struct hp_dict *dict, struct differences *all)
{
    if (all->count > 1) {
        qsort(all->list, all->count, sizeof *all->list, by_change);
    }
    hp_json_key(json, "differences");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < all->count && i < DIFFERENCES_MOST; i++) {
        const struct difference *row = &all->list[i];
        double change = row->slow_ns - row->typical_ns;
        if (change == 0) {
            break;
        }
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "what", row->what);
        hp_member_place(json, dict, row->sym, 0, 0);
        hp_json_kv_double(json, "typical_ms", row->typical_ns / 1e6);
        hp_json_kv_double(json, "slow_ms", row->slow_ns / 1e6);
        hp_json_kv_double(json, "change_ms", change / 1e6);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static hp_err put_slow_and_typical(const struct hp_samples *samples, struct hp_question *question)
{
    uint32_t n = samples->count, slow_from = n - n / 10, low = n / 4, high = n - n / 4;
    struct differences all = {.capacity = 4096};
    if (n - slow_from < FEW) {
        return HP_OK;
    }
    struct mean slow = mean_of(samples, slow_from, n), typical = mean_of(samples, low, high);
    put_mean(question->json, "slow", &slow);
    put_mean(question->json, "typical", &typical);
    hp_map_init(&all.index, ROWS_CAP);
    struct hp_tree *tree = hp_tree_new(question->dict, TREE_NODES);
    all.list = hp_arena_alloc(question->arena, all.capacity * sizeof *all.list, _Alignof(struct difference));
    hp_err err = tree == NULL || all.list == NULL ? HP_ENOMEM : HP_OK;
    if (err == HP_OK) {
        add_means(&all, &typical, &slow);
        err = add_trees(&all, samples, tree, question->dict, low, high, false);
    }
    if (err == HP_OK) {
        err = add_trees(&all, samples, tree, question->dict, slow_from, n, true);
    }
    if (err == HP_OK) {
        put_differences(question->json, question->dict, &all);
    }
    hp_tree_free(tree);
    hp_map_fini(&all.index);
    return err == HP_OK ? HP_OK : hp_question_no_memory(question);
}

/* ---- waits ---- */

static int by_wait(const void *a, const void *b)
{
    const struct hp_wait *x = a, *y = b;
    const uint32_t left[] = {x->kind, x->peer, x->site_sym, x->site_line},
                   right[] = {y->kind, y->peer, y->site_sym, y->site_line};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct hp_wait *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns ? -1 : 1) : by_wait(a, b);
}

/* Equal ones added up, in place; returns how many are left. */
static size_t add_up(struct hp_wait *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept != 0 && by_wait(&list[kept - 1], &list[i]) == 0) {
            struct hp_wait *sum = &list[kept - 1];
            sum->count += list[i].count;
            sum->ns += list[i].ns;
            sum->max_ns = list[i].max_ns > sum->max_ns ? list[i].max_ns : sum->max_ns;
        } else {
            list[kept++] = list[i];
        }
    }
    return kept;
}

static void put_wait(struct hp_json *json, const struct hp_dict *dict, const struct hp_wait *wait)
{
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "kind", hp_record_wait_name(wait->kind));
    if (wait->peer != 0) {
        hp_json_kv_str(json, "peer", hp_dict_string(dict, wait->peer));
    }
    hp_json_kv_u64(json, "count", wait->count);
    hp_member_ms(json, "total_ms", wait->ns);
    hp_member_ms(json, "max_ms", wait->max_ns);
    hp_member_place(json, dict, wait->site_sym, wait->site_line, wait->via_sym);
    hp_json_object_end(json);
}

static hp_err put_waits(const struct hp_samples *samples, struct hp_question *question)
{
    size_t total = 0, count = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        total += samples->list[i].wait_count;
    }
    struct hp_wait *list =
        hp_arena_alloc(question->arena, total * sizeof *list + 1, _Alignof(struct hp_wait));
    if (list == NULL) {
        return hp_question_no_memory(question);
    }
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct hp_record *record = &samples->list[i];
        if (record->wait_count != 0) {
            memcpy(list + count, record->waits, record->wait_count * sizeof *list);
            count += record->wait_count;
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof *list, by_wait);
        count = add_up(list, count);
        qsort(list, count, sizeof *list, by_time);
    }
    hp_json_key(question->json, "waits");
    hp_json_array_begin(question->json);
    for (size_t i = 0; i < count && i < WAITS_LISTED; i++) {
        put_wait(question->json, question->dict, &list[i]);
    }
    hp_json_array_end(question->json);
    return HP_OK;
}

/* ---- exceptions ---- */

#define EXCEPTIONS_MOST 32u

struct exception {
    const struct hp_exception *first;
    uint64_t count, requests, example;
};

static uint32_t collect_exceptions(const struct hp_samples *samples, struct exception list[EXCEPTIONS_MOST])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct hp_record *record = &samples->list[i];
        for (uint32_t k = 0; k < record->notes.count[HP_NOTE_EXCEPTION]; k++) {
            const struct hp_exception *one = &record->notes.exceptions[k];
            uint32_t at = 0;
            while (at < count && list[at].first->group != one->group) {
                at++;
            }
            if (at == EXCEPTIONS_MOST) {
                continue;
            }
            if (at == count) {
                list[count++] = (struct exception){.first = one, .example = record->req.id};
            }
            list[at].count += one->count;
            list[at].requests++;
        }
    }
    return count;
}

static int by_count(const void *a, const void *b)
{
    const struct exception *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return (x->first->group > y->first->group) - (x->first->group < y->first->group);
}

static void put_exception(struct hp_json *json, const struct hp_dict *dict, const struct exception *row)
{
    const struct hp_exception *one = row->first;
    hp_json_object_begin(json);
    hp_json_kv_str(json, "type", hp_dict_string(dict, one->type));
    if (one->text != 0) {
        hp_json_kv_str(json, "text", hp_dict_string(dict, one->text));
    }
    hp_member_id(json, "group", one->group);
    hp_json_kv_cstr(json, "end", hp_notesjson_exception_end(one->end));
    hp_json_kv_u64(json, "count", row->count);
    hp_json_kv_u64(json, "requests", row->requests);
    hp_member_id(json, "example", row->example);
    hp_json_key(json, "frames");
    hp_json_array_begin(json);
    for (uint32_t k = 0; k < one->frame_count; k++) {
        hp_json_object_begin(json);
        hp_member_place(json, dict, one->frames[k].sym, one->frames[k].line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_object_end(json);
}

static void put_exceptions(const struct hp_samples *samples, struct hp_question *question)
{
    struct exception list[EXCEPTIONS_MOST];
    uint32_t count = collect_exceptions(samples, list);
    if (count > 1) {
        qsort(list, count, sizeof *list, by_count);
    }
    hp_json_key(question->json, "exceptions");
    hp_json_array_begin(question->json);
    for (uint32_t i = 0; i < count; i++) {
        put_exception(question->json, question->dict, &list[i]);
    }
    hp_json_array_end(question->json);
}

hp_err hp_samples_put(const struct hp_samples *samples, struct hp_question *question)
{
    struct mean all = mean_of(samples, 0, samples->count);
    if (all.requests != 0) {
        put_mean(question->json, "time", &all);
    }
    put_phases(question->json, samples);
    hp_err err = put_slow_and_typical(samples, question);
    if (err == HP_OK) {
        err = put_waits(samples, question);
    }
    if (err == HP_OK) {
        put_exceptions(samples, question);
    }
    return err;
}
