/* rule_memory_growth.c -- every request of the route leaves memory behind.
 *
 * Principle: a served request gives back what it took. What it keeps, request after request, ends the process
 * one day.
 *
 * Evidence: kept_blocks (blocks asked for less blocks given back on the request's threads, from level monitor
 * on) times the request's mean block; 64 blocks (any request leaves two or three dozens to the next) and 32
 * kB or more by the mean and by the median of the later two thirds of at least 24 sampled requests, and in
 * four fifths of those; the last third keeps at least half as much as the one before. And the process must
 * grow meanwhile: its peak by a quarter of that or more (what a collection empties, the interpreter's free
 * lists and rings of garbage, is filled again by requests that leak nothing). Where the peak says nothing (it
 * was higher before, the requests are too short to look, they run coroutines, which leave rings, or each has
 * a thread of its own, whose locals go when it ends while the allocator still makes arenas for the next
 * ones), nearly all of them must keep as much, and the source must have the line that does (`unsure`).
 *
 * Few large blocks are not in a mean block: where it is of 256 bytes or more, the peak alone tells. It goes
 * on rising with four fifths of these requests alike, by a third or more of all that they ask for (what rises
 * because others keep is little beside what a request asks for that reaches the peak, and the kernel counts
 * it here and there), nearly each leaves a block, and the source must have the line.
 *
 * Silent: the first requests (modules, caches); routes that start four threads and more; that are found to
 * import, compile templates, collect or start threads again and again, unless the process grows also those
 * that serialise or compile expressions (encoders are rings); what is collected some requests later (the mean
 * tells); a growth that ends. Imports that fail make no module, hence no ring: there the peak alone tells by
 * how much, where four fifths of the requests raise it by a quarter of the median or more (the kernel counts
 * pages in batches), and the source must have the line.
 *
 * Saving: no time, but bytes a request: the smaller of mean and median.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_SAMPLES  24u
#define MIN_BYTES    32768.0
#define RSS_SHARE    0.25
#define MIN_BLOCKS   64
#define MANY_THREADS 4u
#define MAX_SAMPLES  256u
#define LARGE_MEAN   256.0 /* bytes a block: most requests have 100 */

struct kept {
    uint64_t start_ns;
    double bytes;
    uint64_t rss_bytes; /* by which the process's peak rose, as far as somebody looked */
    uint64_t asked_bytes, asked_blocks;
    uint32_t request;
    bool leaves; /* a block or more */
};

static bool bytes_of(const struct hp_record *record, double *bytes)
{
    const struct hp_request *req = &record->req;
    if (!hp_record_kept_bytes(req, bytes)) {
        return false;
    }
    *bytes = req->kept_blocks > 0 && req->kept_blocks < MIN_BLOCKS ? 0 : *bytes;
    return true;
}

/* By time, oldest first. */
static uint32_t collect(const struct hp__find *f, struct kept *list)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->c->sample_count && n < MAX_SAMPLES; i++) {
        const struct hp_request *req = &f->c->samples[i].record->req;
        uint64_t rss_bytes = req->rss_growth_bytes != HP_ABSENT ? req->rss_growth_bytes : 0;
        struct kept own = {.start_ns = req->start_wall_ns,
                           .rss_bytes = rss_bytes,
                           .asked_bytes = req->alloc_bytes != HP_ABSENT ? req->alloc_bytes : 0,
                           .asked_blocks = req->alloc_blocks != HP_ABSENT ? req->alloc_blocks : 0,
                           .request = i,
                           .leaves = req->kept_blocks > 0};
        if (!bytes_of(f->c->samples[i].record, &own.bytes)) {
            continue;
        }
        uint32_t at = n++;
        while (at > 0 && list[at - 1].start_ns > own.start_ns) {
            list[at] = list[at - 1];
            at--;
        }
        list[at] = own;
    }
    return n;
}

static double mean_of(const struct kept *list, uint32_t from, uint32_t to)
{
    double sum = 0;
    for (uint32_t i = from; i < to; i++) {
        sum += list[i].bytes;
    }
    return to > from ? sum / (to - from) : 0;
}

static double mean_rss(const struct kept *list, uint32_t from, uint32_t to)
{
    double sum = 0;
    for (uint32_t i = from; i < to; i++) {
        sum += (double)list[i].rss_bytes;
    }
    return to > from ? sum / (to - from) : 0;
}

/* Steady growth a request; 0: none. `*grows`: whether the process's growth would tell; then, whether it
 * does. */
static double growth_of(const struct kept *list, uint32_t n, struct hp__spread *spread, bool *grows)
{
    uint32_t first = n / 3, growing = 0, alike = 0;
    double mean = mean_of(list, first, n);
    for (uint32_t i = first; i < n; i++) {
        hp__spread_add(spread, list[i].bytes > 0 ? (uint64_t)list[i].bytes : 0);
        growing += list[i].bytes >= MIN_BYTES / 2;
    }
    double median = (double)hp__spread_median(spread), least = mean < median ? mean : median;
    for (uint32_t i = first; i < n; i++) {
        alike += list[i].bytes * 2 >= median && list[i].bytes <= median * 2;
    }
    bool goes_on = mean_of(list, n - n / 3, n) * 2 >= mean_of(list, first, n - n / 3);
    *grows = *grows && mean_rss(list, first, n) >= RSS_SHARE * least;
    bool steady = *grows ? growing * 5 >= (n - first) * 4 : alike * 10 >= (n - first) * 9;
    return least >= MIN_BYTES && steady && goes_on ? least : 0;
}

/* What a request raises the peak by, where four fifths of them do by `part` of the median or more; 0: they do
 * not. `rises`: room for them. */
static double steady_rise(const struct kept *list, uint32_t n, double part, struct hp__spread *rises)
{
    uint32_t first = n / 3, alike = 0;
    double mean = mean_rss(list, first, n);
    rises->count = 0;
    for (uint32_t i = first; i < n; i++) {
        hp__spread_add(rises, list[i].rss_bytes);
    }
    double median = (double)hp__spread_median(rises), least = mean < median ? mean : median;
    for (uint32_t i = first; i < n; i++) {
        alike += (double)list[i].rss_bytes >= part * median;
    }
    bool goes_on = mean_rss(list, n - n / 3, n) * 2 >= mean_rss(list, first, n - n / 3);
    return least >= MIN_BYTES && alike * 5 >= (n - first) * 4 && goes_on ? least : 0;
}

/* Steady growth of the peak a request, by much of what is asked for; 0: none. */
static double large_growth_of(const struct kept *list, uint32_t n, struct hp__spread *rises)
{
    uint32_t first = n / 3, leave = 0;
    double asked = 0, blocks = 0;
    for (uint32_t i = first; i < n; i++) {
        leave += list[i].leaves;
        asked += (double)list[i].asked_bytes;
        blocks += (double)list[i].asked_blocks;
    }
    uint32_t nearly_all = (n - first) * 9 / 10;
    bool much = mean_rss(list, first, n) * (n - first) * 3 >= asked && asked >= LARGE_MEAN * blocks;
    return leave >= nearly_all && much ? steady_rise(list, n, 0.5, rises) : 0;
}

static void describe(struct hp__find *f, struct hp_finding *finding, double bytes, double rss_bytes)
{
    char size[HP_SHOW_BYTES], more[HP_SHOW_BYTES];
    hp_show_bytes(size, (uint64_t)bytes);
    hp_show_bytes(more, (uint64_t)(bytes * 1000));
    finding->title = hp__textf(f->arena, "each request keeps %s", size);
    finding->advice =
        hp__textf(f->arena,
                  "Do not do it here: do not put what belongs to the request into a list, dict or class "
                  "attribute of a module (1,000 requests keep %s); use flask.g or a local name. A "
                  "cache needs a bound: functools.lru_cache(maxsize=…) on functions, not on methods; keys "
                  "that come again. hotplate top with "
                  "HOTPLATE_ALLOC=nodes tells which functions ask for memory.",
                  more);
    hp__finding_number(finding, "kept_bytes_per_request", bytes);
    hp__finding_number(finding, "kept_bytes_per_1000", bytes * 1000);
    hp__finding_number(finding, "rss_growth_bytes_per_1000", rss_bytes * 1000);
}

/* Whether half of the requests make a module: its code runs. */
static bool makes_modules(const struct hp__find *f)
{
    uint32_t made = 0;
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        const struct hp_tree *tree = f->c->samples[r].tree;
        bool any = false;
        for (uint32_t i = 1; tree != NULL && i < tree->count && !any; i++) {
            struct hp_str name = hp_dict_symbol(f->c->dict, tree->nodes[i].sym).name;
            any = hp_str_eq(name, HP_STR("<module>")) && hp_tree_live(tree, i);
        }
        made += any;
    }
    return made * 2 >= f->c->sample_count;
}

/* Whether the route makes much garbage that lives on for a while (modules, compiled code, collections at
 * work, threads that end later): what it keeps is not known. */
static bool makes_garbage(const struct hp__find *f, bool grows)
{
    const uint32_t always =
        1u << HP_FIND_gc_pressure | 1u << HP_FIND_template_hot | 1u << HP_FIND_thread_churn;
    const uint32_t at_times = 1u << HP_FIND_serialization_hot | 1u << HP_FIND_regex_compile;
    for (uint32_t i = 0; i < f->out->count; i++) {
        if (((grows ? always : always | at_times) >> f->out->list[i].kind & 1) != 0) {
            return true;
        }
    }
    return false;
}

static bool imports(const struct hp__find *f)
{
    for (uint32_t i = 0; i < f->out->count; i++) {
        if (f->out->list[i].kind == HP_FIND_import_in_request) {
            return true;
        }
    }
    return false;
}

/* Whether half of the requests start many threads: what those hold goes when they end, which may be after the
 * request. */
static bool starts_threads(const struct hp__find *f)
{
    uint32_t many = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        uint32_t threads = 0;
        for (uint32_t k = 1; k < record->lane_count; k++) {
            threads += record->lanes[k].kind == HP_LANE_THREAD;
        }
        many += threads >= MANY_THREADS;
    }
    return many * 2 >= f->c->sample_count;
}

/* Event loops, tasks and streams are rings: a process that serves coroutines grows until the collector comes
 * by. */
static bool runs_tasks(const struct hp__find *f)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t k = 1; k < record->lane_count; k++) {
            if (record->lanes[k].kind == HP_LANE_TASK) {
                return true;
            }
        }
    }
    return false;
}

/* Most have a thread to themselves, as Werkzeug's development server gives them. */
static bool own_threads(const struct hp__find *f)
{
    uint32_t own = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        own += (f->c->samples[i].record->req.flags & HP_REQ_NEW_THREAD) != 0;
    }
    return own * 2 > f->c->sample_count;
}

hp_err hp__rule_memory_growth(struct hp__find *f)
{
    struct hp_finding finding;
    struct hp__spread spread, rises;
    bool kept = false, grows = !runs_tasks(f) && !own_threads(f);
    struct kept *list = hp__zeroed(f->arena, MAX_SAMPLES, sizeof *list);
    hp_err err = list != NULL ? hp__finding_init(f, &finding, HP_FIND_memory_growth) : HP_ENOMEM;
    err = err == HP_OK ? hp__spread_init(f, &spread) : err;
    err = err == HP_OK ? hp__spread_init(f, &rises) : err;
    uint32_t n = err == HP_OK ? collect(f, list) : 0;
    bool telling = grows;
    double bytes = n >= MIN_SAMPLES ? growth_of(list, n, &spread, &grows) : 0;
    bool unsure = !grows;
    if (n >= MIN_SAMPLES && bytes <= 0 && telling) {
        bytes = large_growth_of(list, n, &rises);
        unsure = true;
        grows = false;
    }
    if (bytes > 0 && imports(f)) {
        bytes = grows && !makes_modules(f) ? steady_rise(list, n, 0.25, &rises) : 0;
        unsure = true;
    }
    if (err != HP_OK || bytes <= 0 || makes_garbage(f, grows) || starts_threads(f)) {
        return err;
    }
    finding.fixed_figures = true;
    finding.unsure = unsure;
    finding.saving_bytes = (uint64_t)bytes;
    finding.seen = n;
    finding.site_sym = f->views[list[n - 1].request].view_sym;
    finding.site_line = hp_dict_symbol(f->c->dict, finding.site_sym).line;
    describe(f, &finding, bytes, mean_rss(list, n / 3, n));
    return hp__find_offer(f, &finding, false, &kept);
}
