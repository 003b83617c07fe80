/* rule_memory_growth.c -- every request of the route leaves memory behind.
 *
 * Principle: a served request gives back what it took. What it keeps, request after request, ends the process one day.
 *
 * Evidence: kept_blocks (blocks asked for less blocks given back on the request's threads, from level monitor on) times the request's mean block; 100 blocks (any request
 * leaves some dozens to the next) and 32 kB or more by the mean and by the median of the later two thirds of at least 24 sampled requests, and in four fifths of those; the last third keeps
 * at least half as much as the one before. And the process must grow meanwhile: its peak by a quarter of that or more (what a collection empties, the interpreter's free lists and
 * rings of garbage, is filled again by requests that leak nothing).
 *
 * Silent: the first requests (modules, caches); routes that are found to import, compile templates, collect or start threads again and again; what is collected some requests later (the mean tells); a growth that ends.
 *
 * Saving: no time, but bytes a request: the smaller of mean and median.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_SAMPLES 24u
#define MIN_BYTES   32768.0
#define RSS_SHARE   0.25
#define MIN_BLOCKS  100
#define MAX_SAMPLES 256u

struct kept {
    uint64_t start_ns;
    double bytes;
    uint64_t rss_bytes; /* by which the process's peak rose */
    uint32_t request;
};

static bool bytes_of(const struct hp_record *record, double *bytes)
{
    const struct hp_request *req = &record->req;
    if (req->rss_growth_bytes == HP_ABSENT || !hp_record_kept_bytes(req, bytes)) {
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
        struct kept own = {.start_ns = req->start_wall_ns, .rss_bytes = req->rss_growth_bytes, .request = i};
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

/* Steady growth a request; 0: none. */
static double growth_of(const struct kept *list, uint32_t n, struct hp__spread *spread)
{
    uint32_t first = n / 3, growing = 0;
    double mean = mean_of(list, first, n);
    for (uint32_t i = first; i < n; i++) {
        hp__spread_add(spread, list[i].bytes > 0 ? (uint64_t)list[i].bytes : 0);
        growing += list[i].bytes >= MIN_BYTES / 2;
    }
    double median = (double)hp__spread_median(spread), least = mean < median ? mean : median;
    bool goes_on = mean_of(list, n - n / 3, n) * 2 >= mean_of(list, first, n - n / 3);
    bool process_grows = mean_rss(list, first, n) >= RSS_SHARE * least;
    return least >= MIN_BYTES && growing * 5 >= (n - first) * 4 && goes_on && process_grows ? least : 0;
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

/* Whether the route makes much garbage that lives on for a while (modules, compiled code, collections at work, threads that end later): what it keeps is not
 * known. */
static bool makes_garbage(const struct hp__find *f)
{
    for (uint32_t i = 0; i < f->out->count; i++) {
        enum hp_finding_kind kind = f->out->list[i].kind;
        if (kind == HP_FIND_import_in_request || kind == HP_FIND_gc_pressure ||
            kind == HP_FIND_template_hot || kind == HP_FIND_thread_churn) {
            return true;
        }
    }
    return false;
}

hp_err hp__rule_memory_growth(struct hp__find *f)
{
    struct hp_finding finding;
    struct hp__spread spread;
    bool kept = false;
    struct kept *list = hp__zeroed(f->arena, MAX_SAMPLES, sizeof *list);
    hp_err err = list != NULL ? hp__finding_init(f, &finding, HP_FIND_memory_growth) : HP_ENOMEM;
    err = err == HP_OK ? hp__spread_init(f, &spread) : err;
    uint32_t n = err == HP_OK ? collect(f, list) : 0;
    double bytes = n >= MIN_SAMPLES && !makes_garbage(f) ? growth_of(list, n, &spread) : 0;
    if (err != HP_OK || bytes <= 0) {
        return err;
    }
    finding.fixed_figures = true;
    finding.saving_bytes = (uint64_t)bytes;
    finding.seen = n;
    finding.site_sym = f->views[list[n - 1].request].view_sym;
    finding.site_line = hp_dict_symbol(f->c->dict, finding.site_sym).line;
    describe(f, &finding, bytes, mean_rss(list, n / 3, n));
    return hp__find_offer(f, &finding, false, &kept);
}
