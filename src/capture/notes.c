/* notes.c -- what hooks note about a request beside calls and SQL: GC pauses, templates, log messages,
 * exceptions, headers.
 *
 * Lists are short and searched from their end; they hold ticks until the request freezes
 * (hp__cap_notes_freeze). What a cap or the memory refuses is counted in dropped_notes.
 *
 * Templates are a tree of (parent, code, line of the parent), as the call tree is, so that a part that is
 * included a thousand times is one row. A lane knows the row that runs and the tick until which its time is
 * booked; template generators are entered at each value that they are asked for, so the sums need no order
 * among them.
 *
 * A collection becomes a node of the call tree only if it took GC_NODE_NS: where the small ones fall differs
 * from request to request, and each other place would be another shape of tree to store.
 */
#include <string.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "capture/capture_int.h"
#include "model/fold.h"
#include "model/redact.h"

#define GC_NODE_NS 1000000u

/* ---- lists ---- */

static void refuse(struct hp_cap_request *request, enum hp_note which)
{
    request->facts.dropped_notes[which]++;
    request->facts.flags |= HP_REQ_TRUNCATED;
}

/* Room for one more of a list that is now `list`; NULL, counted: refused. */
static void *room(struct hp_cap_request *request, enum hp_note which, void *list, uint32_t cap, size_t size)
{
    void *grown = hp__cap_room(request->cap, list, request->notes.count[which],
                               &request->note_capacity[which], cap, size);
    if (grown == NULL) {
        refuse(request, which);
    }
    return grown;
}

/* The request of a lane if it takes notes. */
static struct hp_cap_request *noting(struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = lane->request;
    return request != NULL && !request->frozen && request->facts.level >= HP_LEVEL_MONITOR ? request : NULL;
}

void hp__cap_notes_reset(struct hp_cap_request *request)
{
    memset(request->notes.count, 0, sizeof request->notes.count);
    request->note_events = 0;
    request->last_exception = NULL;
}

void hp__cap_notes_free(struct hp_cap_request *request)
{
    hp_free(request->notes.gcs);
    hp_free(request->notes.templates);
    hp_free(request->notes.logs);
    hp_free(request->notes.exceptions);
    hp_free(request->notes.facts);
    hp_free(request->frames);
    hp_free(request->template_sites);
}

/* ---- garbage collection ---- */

void hp_cap_gc_begin(struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = noting(lane);
    if (request == NULL) {
        return;
    }
    uint64_t now = hp_clock_ticks();
    lane->gc_t0 = now;
    if (lane->tree != NULL) {
        hp__cap_lane_book(lane, now);
        lane->gc_node = lane->stack[lane->depth - 1].node;
        lane->gc_self = lane->tree->nodes[lane->gc_node].self;
    }
}

/* Move the time of a long collection from the node that it fell on to a GC node below. What its finalizers
 * called has nodes of its own. */
static uint32_t gc_node(struct hp_cap_lane *lane, uint64_t now, uint32_t (*line_now)(void))
{
    struct hp_tree *tree = lane->tree;
    hp__cap_lane_book(lane, now);
    uint32_t top = lane->stack[lane->depth - 1].node;
    if (top != lane->gc_node || lane->request->keep || hp_clock_ns_of_ticks(now - lane->gc_t0) < GC_NODE_NS) {
        return top;
    }
    bool fresh;
    uint64_t ticks = tree->nodes[top].self - lane->gc_self;
    uint32_t line = line_now != NULL ? line_now() : 0;
    uint32_t node = hp_tree_child(tree, top, lane->cap->gc_sym, line, HP_NODE_GC, &fresh);
    if (fresh) {
        hp_tree_set_line(tree, node, line);
    }
    tree->nodes[top].self -= ticks;
    tree->nodes[node].self += ticks;
    tree->nodes[node].calls++;
    return node;
}

/* The place of a new pause: at the end, or that of the shortest one. NULL: this one is the shortest, or no
 * memory. */
static struct hp_gc *gc_place(struct hp_cap_request *request, uint64_t ticks)
{
    struct hp_notes *notes = &request->notes;
    if (notes->count[HP_NOTE_GC] < HP_GC_CAP) {
        struct hp_gc *gcs = room(request, HP_NOTE_GC, notes->gcs, HP_GC_CAP, sizeof *gcs);
        if (gcs == NULL) {
            return NULL;
        }
        notes->gcs = gcs;
        return &gcs[notes->count[HP_NOTE_GC]++];
    }
    struct hp_gc *least = &notes->gcs[0];
    for (uint32_t i = 1; i < notes->count[HP_NOTE_GC]; i++) {
        struct hp_gc *gc = &notes->gcs[i];
        least = gc->t1_ns - gc->t0_ns < least->t1_ns - least->t0_ns ? gc : least;
    }
    refuse(request, HP_NOTE_GC);
    return least->t1_ns - least->t0_ns < ticks ? least : NULL;
}

void hp_cap_gc_end(struct hp_cap_lane *lane, int generation, uint64_t collected, uint64_t uncollectable,
                   uint32_t (*line_now)(void))
{
    struct hp_cap_request *request = noting(lane);
    if (request == NULL || lane->gc_t0 == 0) {
        lane->gc_t0 = 0;
        return;
    }
    uint64_t now = hp_clock_ticks(), t0 = lane->gc_t0;
    uint32_t node = lane->tree != NULL ? gc_node(lane, now, line_now) : HP_NODE_ROOT;
    struct hp_gc *gc = gc_place(request, now - t0);
    if (gc != NULL) {
        *gc = (struct hp_gc){.t0_ns = t0,
                             .t1_ns = now,
                             .collected = collected,
                             .uncollectable = uncollectable,
                             .lane = lane->index,
                             .node = node,
                             .generation = (uint8_t)generation};
    }
    request->facts.gc_ns = (request->facts.gc_ns != HP_ABSENT ? request->facts.gc_ns : 0) + now - t0;
    lane->gc_t0 = 0;
}

void hp_cap_gc_watched(struct hp_cap_request *request)
{
    if (request->facts.gc_ns == HP_ABSENT && request->facts.level >= HP_LEVEL_MONITOR) {
        request->facts.gc_ns = 0;
    }
}

/* ---- templates ---- */

static void book_template(struct hp_cap_lane *lane, struct hp_cap_request *request, uint64_t now)
{
    if (lane->template_row != 0) {
        request->notes.templates[lane->template_row - 1].self_ns += now - lane->template_last;
    }
    lane->template_last = now;
}

static bool sites_room(struct hp_cap_request *request)
{
    if (request->template_sites == NULL && !hp__cap_fails(request->cap, HP_FAIL_ALLOC)) {
        request->template_sites = hp_malloc(HP_TEMPLATE_CAP * sizeof *request->template_sites);
    }
    if (request->template_sites == NULL) {
        refuse(request, HP_NOTE_TEMPLATE);
        return false;
    }
    return true;
}

uint32_t hp_cap_template(struct hp_cap_lane *lane, int kind, uint32_t sym, uint32_t site, bool *fresh)
{
    struct hp_cap_request *request = noting(lane);
    *fresh = false;
    if (request == NULL) {
        return 0;
    }
    struct hp_notes *notes = &request->notes;
    uint32_t parent = lane->template_row - 1; /* none: HP_NODE_NONE */
    for (uint32_t i = notes->count[HP_NOTE_TEMPLATE]; i > 0; i--) {
        struct hp_template *row = &notes->templates[i - 1];
        if (row->sym == sym && row->parent == parent && request->template_sites[i - 1] == site) {
            row->count++;
            return i;
        }
    }
    struct hp_template *rows =
        sites_room(request) ? room(request, HP_NOTE_TEMPLATE, notes->templates, HP_TEMPLATE_CAP, sizeof *rows)
                            : NULL;
    if (rows == NULL) {
        return 0;
    }
    notes->templates = rows;
    uint32_t index = notes->count[HP_NOTE_TEMPLATE]++;
    request->template_sites[index] = site;
    rows[index] = (struct hp_template){.t0_ns = hp_clock_ticks(),
                                       .count = 1,
                                       .parent = parent,
                                       .lane = lane->index,
                                       .sym = sym,
                                       .kind = (uint8_t)kind};
    *fresh = true;
    return index + 1;
}

void hp_cap_template_tell(struct hp_cap_lane *lane, uint32_t row, uint32_t name, struct hp_cap_place place)
{
    struct hp_cap_request *request = noting(lane);
    if (request != NULL && row != 0 && row <= request->notes.count[HP_NOTE_TEMPLATE]) {
        struct hp_template *told = &request->notes.templates[row - 1];
        told->name = name;
        told->site_sym = place.site_sym;
        told->site_line = place.site_line;
    }
}

uint32_t hp_cap_template_enter(struct hp_cap_lane *lane, uint32_t row)
{
    struct hp_cap_request *request = noting(lane);
    uint32_t before = lane->template_row;
    if (request == NULL || row == 0 || row > request->notes.count[HP_NOTE_TEMPLATE]) {
        return before;
    }
    book_template(lane, request, hp_clock_ticks());
    lane->template_row = row;
    request->note_events++;
    return before;
}

void hp_cap_template_leave(struct hp_cap_lane *lane, uint32_t before)
{
    struct hp_cap_request *request = noting(lane);
    if (request != NULL && before <= request->notes.count[HP_NOTE_TEMPLATE]) {
        book_template(lane, request, hp_clock_ticks());
        lane->template_row = before;
    }
}

/* ---- log messages ---- */

void hp_cap_log(struct hp_cap_lane *lane, int level, uint32_t logger, uint32_t message,
                struct hp_cap_place place, uint64_t t0_ticks)
{
    struct hp_cap_request *request = noting(lane);
    if (request == NULL) {
        return;
    }
    struct hp_notes *notes = &request->notes;
    uint64_t now = hp_clock_ticks();
    request->note_events++;
    for (uint32_t i = notes->count[HP_NOTE_LOG]; i > 0; i--) {
        struct hp_log *log = &notes->logs[i - 1];
        if (log->message == message && log->site_line == place.site_line && log->site_sym == place.site_sym &&
            log->level == (uint32_t)level && log->logger == logger) {
            log->count++;
            log->total_ns += now - t0_ticks;
            return;
        }
    }
    struct hp_log *logs = room(request, HP_NOTE_LOG, notes->logs, HP_LOG_CAP, sizeof *logs);
    if (logs == NULL) {
        return;
    }
    notes->logs = logs;
    logs[notes->count[HP_NOTE_LOG]++] = (struct hp_log){.t0_ns = t0_ticks,
                                                        .count = 1,
                                                        .total_ns = now - t0_ticks,
                                                        .lane = lane->index,
                                                        .logger = logger,
                                                        .message = message,
                                                        .level = level > 0 ? (uint32_t)level : 0,
                                                        .site_sym = place.site_sym,
                                                        .site_line = place.site_line};
}

/* ---- exceptions ---- */

_Static_assert(sizeof(struct hp_cap_frame) == sizeof(struct hp_frame), "one is the other");

/* Copy the innermost frames into the request's room; NULL: no memory. */
static struct hp_frame *keep_frames(struct hp_cap_request *request, uint32_t index,
                                    const struct hp_cap_frame *frames, uint32_t *count)
{
    if (request->frames == NULL && !hp__cap_fails(request->cap, HP_FAIL_ALLOC)) {
        request->frames = hp_malloc((size_t)HP_EXCEPTION_CAP * HP_FRAME_CAP * sizeof *request->frames);
    }
    if (request->frames == NULL) {
        *count = 0;
        return NULL;
    }
    uint32_t skip = *count > HP_FRAME_CAP ? *count - HP_FRAME_CAP : 0;
    struct hp_frame *kept = request->frames + (size_t)index * HP_FRAME_CAP;
    *count -= skip;
    if (*count != 0) {
        memcpy(kept, frames + skip, *count * sizeof *kept);
    }
    return kept;
}

void hp_cap_exception(struct hp_cap_lane *lane, const struct hp_cap_exception *seen)
{
    struct hp_cap_request *request = noting(lane);
    if (request == NULL) {
        return;
    }
    struct hp_notes *notes = &request->notes;
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        struct hp_exception *exception = &notes->exceptions[i];
        if (exception->group == seen->group) {
            exception->count += request->last_exception != seen->identity;
            exception->end = exception->end < seen->end ? exception->end : (uint8_t)seen->end;
            request->last_exception = seen->identity;
            return;
        }
    }
    struct hp_exception *exceptions =
        room(request, HP_NOTE_EXCEPTION, notes->exceptions, HP_EXCEPTION_CAP, sizeof *exceptions);
    if (exceptions == NULL) {
        return;
    }
    notes->exceptions = exceptions;
    uint32_t index = notes->count[HP_NOTE_EXCEPTION]++, count = seen->frame_count;
    struct hp_frame *frames = keep_frames(request, index, seen->frames, &count);
    exceptions[index] = (struct hp_exception){.t0_ns = hp_clock_ticks(),
                                              .group = seen->group,
                                              .count = 1,
                                              .lane = lane->index,
                                              .type = seen->type,
                                              .text = seen->text,
                                              .frame_count = count,
                                              .frames = frames,
                                              .end = (uint8_t)seen->end};
    request->last_exception = seen->identity;
}

/* ---- facts ---- */

bool hp_cap_secret(struct hp_cap *cap, struct hp_span8 name)
{
    if (atomic_load_explicit(&cap->new_redact, memory_order_relaxed) != NULL) {
        hp_free(cap->redact);
        cap->redact = atomic_exchange(&cap->new_redact, NULL);
    }
    return hp_redact_hits(cap->redact, hp_str_make(name.p, name.n));
}

bool hp_cap_request_detailed(const struct hp_cap_request *request)
{
    return !request->frozen && !request->keep && request->facts.level >= HP_LEVEL_MONITOR &&
           (request->slow_ns == 0 ||
            hp_clock_ns_of_ticks(hp_clock_ticks() - request->start) >= request->slow_ns);
}

void hp_cap_request_left_out(struct hp_cap_request *request, uint32_t facts)
{
    request->facts.dropped_notes[HP_NOTE_FACT] += facts;
}

void hp_cap_request_fact(struct hp_cap_request *request, int kind, uint32_t key, uint32_t value)
{
    if (request->frozen || request->facts.level < HP_LEVEL_MONITOR) {
        return;
    }
    struct hp_notes *notes = &request->notes;
    struct hp_fact *facts = room(request, HP_NOTE_FACT, notes->facts, HP_FACT_CAP, sizeof *facts);
    if (facts != NULL) {
        notes->facts = facts;
        facts[notes->count[HP_NOTE_FACT]++] =
            (struct hp_fact){.key = key, .value = value, .kind = (uint8_t)kind};
    }
}

uint32_t hp_cap_text(struct hp_cap *cap, struct hp_span8 text, enum hp_cap_text how)
{
    char folded[HP_FOLD_BYTES];
    uint32_t id = 0;
    struct hp_str kept = hp_utf8_cut(hp_str_make(text.p, text.n), HP_FOLD_BYTES);
    if (how == HP_TEXT_FOLDED || how == HP_TEXT_LITERAL) {
        kept = hp_str_make(folded, hp_fold(hp_str_make(text.p, text.n), how == HP_TEXT_LITERAL, folded));
    }
    uint64_t key = hp_hash64(kept.p, kept.n, 0);
    if (hp_map_get(&cap->texts, key, &id)) {
        return id;
    }
    bool given = how == HP_TEXT_GIVEN;
    if (hp_map_count(&cap->texts) >= HP_TEXT_CAP || (given && cap->given_count >= HP_GIVEN_CAP)) {
        return hp_cap_string(cap, (struct hp_span8){"<other>", 7});
    }
    id = hp_cap_string(cap, (struct hp_span8){kept.p, kept.n});
    cap->given_count += given;
    if (hp_map_put(&cap->texts, key, id) != HP_OK) {
        hp_cap_error(cap);
    }
    return id;
}

/* ---- memory ---- */

__thread struct hp_cap_alloc hp_cap_alloc __attribute__((tls_model("initial-exec")));

void hp_cap_count_allocs(struct hp_cap *cap, bool on, bool per_node)
{
    cap->allocs = on;
    cap->node_allocs = on && per_node;
}

void hp_cap_alloc_begin(struct hp_cap_lane *lane)
{
    lane->alloc_base = lane->alloc_mark = hp_cap_alloc;
}

void hp_cap_alloc_end(struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = noting(lane);
    if (request == NULL || !request->cap->allocs) {
        return;
    }
    struct hp_request *facts = &request->facts;
    struct hp_cap_alloc now = hp_cap_alloc;
    uint64_t blocks = now.blocks - lane->alloc_base.blocks;
    facts->alloc_bytes =
        (facts->alloc_bytes != HP_ABSENT ? facts->alloc_bytes : 0) + now.bytes - lane->alloc_base.bytes;
    facts->alloc_blocks = (facts->alloc_blocks != HP_ABSENT ? facts->alloc_blocks : 0) + blocks;
    facts->kept_blocks += (int64_t)(blocks - (now.freed - lane->alloc_base.freed));
    if (__builtin_expect(lane->tree != NULL && lane->slow, 0)) {
        hp__cap_lane_book(lane, hp_clock_ticks());
    }
    hp_cap_alloc_begin(lane);
}

#define PEAK_EVERY_NS 1000000u
#define MUCH_BYTES    131072u /* asked for by a request that is measured though it is short */

/* Without our ring, whose pages become resident as it is written for the first time. 0: not known. The kernel
 * counts in batches of its own, so a reading may be below one before it; the peak is the highest. */
static __attribute__((noinline)) uint64_t peak_rss_bytes(const struct hp_cap *cap)
{
    struct rusage usage;
    uint64_t head = cap->ring != NULL ? hp_ring_head(cap->ring) : 0;
    uint64_t all = cap->ring != NULL ? hp_ring_bytes(cap->ring) : 0, ours = head < all ? head : all;
    uint64_t peak = getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
    return peak > ours ? peak - ours : 0;
}

/* The kernel walks all threads for it (0.3 to 0.5 us), so the peak before a request is read again only when
 * the last reading is a millisecond old, and requests shorter than that are measured only where they ask for
 * much memory. */
void hp__cap_memory_begin(struct hp_cap *cap, uint64_t now)
{
    if (cap->peak_rss_bytes == 0 || hp_clock_ns_of_ticks(now - cap->peak_rss_ticks) >= PEAK_EVERY_NS) {
        uint64_t bytes = peak_rss_bytes(cap);
        cap->peak_rss_bytes = bytes > cap->peak_rss_bytes ? bytes : cap->peak_rss_bytes;
        cap->peak_rss_ticks = now;
    }
}

void hp__cap_memory_end(struct hp_cap_request *request)
{
    struct hp_cap *cap = request->cap;
    uint64_t asked = request->facts.alloc_bytes != HP_ABSENT ? request->facts.alloc_bytes : 0;
    if (cap->peak_rss_bytes == 0 || (request->facts.wall_ns < PEAK_EVERY_NS && asked < MUCH_BYTES)) {
        return;
    }
    uint64_t now = peak_rss_bytes(cap), before = cap->peak_rss_bytes;
    request->facts.rss_growth_bytes = now > before ? now - before : 0;
    cap->peak_rss_bytes = now > before ? now : before;
    cap->peak_rss_ticks = request->end;
}

/* ---- the end ---- */

void hp__cap_notes_stop(struct hp_cap_lane *lane, uint64_t now)
{
    if (lane->template_row != 0 && lane->request != NULL) {
        book_template(lane, lane->request, now);
        lane->template_row = 0;
    }
}

static uint64_t since(const struct hp_cap_request *request, uint64_t tick)
{
    return tick > request->start ? hp_clock_ns_of_ticks(tick - request->start) : 0;
}

static void freeze_templates(struct hp_cap_request *request)
{
    struct hp_template *rows = request->notes.templates;
    for (uint32_t i = request->notes.count[HP_NOTE_TEMPLATE]; i > 0;
         i--) { /* children come after their parents */
        struct hp_template *row = &rows[i - 1];
        row->t0_ns = since(request, row->t0_ns);
        row->self_ns = hp_clock_ns_of_ticks(row->self_ns);
        row->total_ns += row->self_ns;
        if (row->parent != HP_NODE_NONE) {
            rows[row->parent].total_ns += row->total_ns;
        }
    }
}

static __attribute__((noinline)) void freeze_lists(struct hp_cap_request *request)
{
    struct hp_notes *notes = &request->notes;
    freeze_templates(request);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_GC]; i++) {
        notes->gcs[i].t0_ns = since(request, notes->gcs[i].t0_ns);
        notes->gcs[i].t1_ns = since(request, notes->gcs[i].t1_ns);
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        notes->logs[i].t0_ns = since(request, notes->logs[i].t0_ns);
        notes->logs[i].total_ns = hp_clock_ns_of_ticks(notes->logs[i].total_ns);
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        notes->exceptions[i].t0_ns = since(request, notes->exceptions[i].t0_ns);
    }
}

void hp__cap_notes_freeze(struct hp_cap_request *request)
{
    const uint32_t *count = request->notes.count;
    if (request->facts.gc_ns != HP_ABSENT) {
        request->facts.gc_ns = hp_clock_ns_of_ticks(request->facts.gc_ns);
    }
    if ((count[HP_NOTE_TEMPLATE] | count[HP_NOTE_GC] | count[HP_NOTE_LOG] | count[HP_NOTE_EXCEPTION]) != 0) {
        freeze_lists(request);
    }
}

void hp__cap_notes_number(struct hp_cap_request *request, const uint32_t *numbers)
{
    for (uint32_t i = 0; i < request->notes.count[HP_NOTE_GC]; i++) {
        uint32_t *node = &request->notes.gcs[i].node;
        *node = numbers != NULL ? numbers[*node] : HP_NODE_ROOT;
    }
}
