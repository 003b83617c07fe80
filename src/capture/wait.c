/* wait.c -- see wait.h. */
#include "capture/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/looped.h"
#include "capture/peer.h"

#define BLOCK_BYTES  4096u
#define HINTS        64u /* power of two */
#define BOOK_TOTALS  60u
#define BLOCK_ITEMS  72u
#define TOTAL_BLOCKS 2u
#define TOTAL_CAP    (BOOK_TOTALS + TOTAL_BLOCKS * BLOCK_ITEMS)
#define READY_LEAST  64u       /* blocks in the pool when something begins */
#define POOL_CAP     4096u     /* blocks in all */
#define NEXT_HOLDER  UINT8_MAX /* who had the lock in the span after this one */
#define TRIES        200
#define YIELDS       10000
#define NO_PLACE                                                                                             \
    (struct hp_cap_place)                                                                                    \
    {                                                                                                        \
        0, 0, 0                                                                                              \
    }

_Static_assert(TOTAL_CAP < 255, "hints are bytes");
_Static_assert(BLOCK_ITEMS < NEXT_HOLDER, "numbers of holders are bytes");

struct total {
    uint64_t count, ticks, bytes, max;
    uint32_t node, peer, site;
    uint8_t kind;
};

struct span {
    uint64_t t0, t1, bytes;
    uint32_t node, peer, site, conn;
    int error;
    uint8_t kind, proto;
    uint8_t holder; /* 1 + index of `held`; 0: none */
};

struct held {
    struct hp_holder_by by;
    uint64_t count, ticks;
    uint8_t kind;
};

struct block {
    struct block *next;
    uint64_t count;
    union {
        struct total totals[BLOCK_ITEMS];
        struct span spans[BLOCK_ITEMS];
        struct held held[BLOCK_ITEMS];
    } of;
};

struct sum {
    uint64_t count, ticks, bytes;
    uint64_t measured, brief, busy_ns, brief_busy_ns; /* brief ones, and all that were measured */
};

struct hp_wait_book { /* begins as a block does */
    struct hp_wait_book *next;
    struct block *spans, *last_spans, *totals;
    struct block *held; /* one at most: who had the locks that were waited for */
    uint32_t total_count, span_count, lost;
    struct sum sums[HP_WAIT_KINDS];
    uint8_t hints[HINTS]; /* by hash: 1 + number of a total */
    struct total first[BOOK_TOTALS];
};

_Static_assert(sizeof(struct block) <= BLOCK_BYTES && sizeof(struct hp_wait_book) <= BLOCK_BYTES,
               "one size for all");

__thread struct hp_wait_thread hp__wait_thread __attribute__((tls_model("initial-exec")));
_Atomic bool hp__wait_probes;

static struct {
    atomic_flag busy;
    struct block *free;
    uint32_t ready, all;
} pool = {.busy = ATOMIC_FLAG_INIT};

static _Atomic uint32_t generation; /* counts forks: a child's thread has another schedstat */
static hp_waits_site_fn site_of;
static hp_waits_place_fn place_of;
static uint32_t (*name_of)(uint64_t thread);
static const void *(*chunk_of)(void *thread);

/* ---- the pool ---- */

static bool claim_pool(void)
{
    for (int i = 0; atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire); i++) {
        if (i == TRIES) {
            return false;
        }
    }
    return true;
}

static void release_pool(void)
{
    atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}

static void *take_block(void)
{
    if (!claim_pool()) {
        return NULL;
    }
    struct block *block = pool.free;
    if (block != NULL) {
        pool.free = block->next;
        pool.ready--;
    }
    release_pool();
    return block;
}

static void give_blocks(struct block *first)
{
    while (!claim_pool()) {
        sched_yield();
    }
    while (first != NULL) {
        struct block *next = first->next;
        first->next = pool.free;
        pool.free = first;
        pool.ready++;
        first = next;
    }
    release_pool();
}

/* Only written with the pool claimed; a guess does. */
static inline bool wants_blocks(void)
{
    return pool.ready < READY_LEAST && pool.all < POOL_CAP;
}

static __attribute__((noinline)) void make_blocks(void)
{
    while (wants_blocks()) {
        struct block *block = hp_malloc(BLOCK_BYTES);
        if (block == NULL) {
            return;
        }
        block->next = NULL;
        pool.all++;
        give_blocks(block);
    }
}

void hp__wait_refill(void)
{
    if (atomic_load_explicit(&hp__wait_probes, memory_order_relaxed) && wants_blocks()) {
        make_blocks();
    }
}

void hp__wait_fork_child(void)
{
    if (atomic_flag_test_and_set(&pool.busy)) { /* another thread was at it: what it held is lost to us */
        pool.free = NULL;
        pool.ready = 0;
    }
    atomic_flag_clear(&pool.busy);
    hp__wait_thread.lane = NULL;
    hp__wait_thread.depth = 0;
    atomic_fetch_add(&generation, 1);
    hp__peer_fork_child();
    hp__holder_fork_child();
}

/* ---- writing ---- */

static struct total *total_at(struct hp_wait_book *book, uint32_t i)
{
    if (i < BOOK_TOTALS) {
        return &book->first[i];
    }
    struct block *block = book->totals;
    for (i -= BOOK_TOTALS; i >= BLOCK_ITEMS; i -= BLOCK_ITEMS) {
        block = block->next;
    }
    return &block->of.totals[i];
}

static bool is_total(const struct total *total, uint32_t node, uint32_t peer, uint32_t site, uint8_t kind)
{
    return total->node == node && total->peer == peer && total->site == site && total->kind == kind;
}

/* Room for total number i; false: none. */
static bool total_room(struct hp_wait_book *book, uint32_t i)
{
    if (i < BOOK_TOTALS) {
        return true;
    }
    if (i >= TOTAL_CAP) {
        return false;
    }
    if ((i - BOOK_TOTALS) % BLOCK_ITEMS != 0) {
        return true;
    }
    struct block *block = take_block();
    if (block == NULL) {
        return false;
    }
    block->next = NULL;
    struct block **at = &book->totals;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = block;
    return true;
}

static struct total *find_total(struct hp_wait_book *book, uint32_t node, uint32_t peer, uint32_t site,
                                uint8_t kind)
{
    uint32_t hash = (node * 0x9E3779B1u) ^ (peer * 0x85EBCA77u) ^ (site * 0xC2B2AE3Du) ^ kind;
    uint8_t *hint = &book->hints[(hash ^ hash >> 16) & (HINTS - 1)];
    if (*hint != 0) {
        struct total *guess = total_at(book, *hint - 1u);
        if (is_total(guess, node, peer, site, kind)) {
            return guess;
        }
        for (uint32_t i = 0; i < book->total_count; i++) {
            struct total *total = total_at(book, i);
            if (is_total(total, node, peer, site, kind)) {
                *hint = (uint8_t)(i + 1);
                return total;
            }
        }
    }
    if (!total_room(book, book->total_count)) {
        return NULL;
    }
    struct total *total = total_at(book, book->total_count);
    *total = (struct total){.node = node, .peer = peer, .site = site, .kind = kind};
    *hint = (uint8_t)++book->total_count;
    return total;
}

static struct span *next_span(struct hp_wait_book *book)
{
    if (book->span_count == HP_LANE_SPAN_CAP) {
        return NULL;
    }
    if (book->last_spans == NULL || book->last_spans->count == BLOCK_ITEMS) {
        struct block *block = take_block();
        if (block == NULL) {
            return NULL;
        }
        block->next = NULL;
        block->count = 0;
        if (book->last_spans != NULL) {
            book->last_spans->next = block;
        } else {
            book->spans = block;
        }
        book->last_spans = block;
    }
    book->span_count++;
    return &book->last_spans->of.spans[book->last_spans->count++];
}

static bool is_held(const struct held *held, const struct hp_holder_by *by, uint8_t kind)
{
    return held->by.request == by->request && held->by.serial == by->serial && held->by.site == by->site &&
           held->kind == kind;
}

/* NULL: no room; then it is not said who had that much of the time. */
static struct held *find_held(struct hp_wait_book *book, const struct hp_holder_by *by, uint8_t kind)
{
    struct block *block = book->held;
    if (block == NULL) {
        block = take_block();
        if (block == NULL) {
            return NULL;
        }
        block->next = NULL;
        block->count = 0;
        book->held = block;
    }
    for (uint64_t i = 0; i < block->count; i++) {
        if (is_held(&block->of.held[i], by, kind)) {
            return &block->of.held[i];
        }
    }
    if (block->count == BLOCK_ITEMS) {
        return NULL;
    }
    struct held *held = &block->of.held[block->count++];
    *held = (struct held){.by = *by, .kind = kind};
    return held;
}

/* Book who had the lock; returns 1 + the number of who had it longest, NEXT_HOLDER, or 0: not known. */
static uint8_t add_held(struct hp_wait_book *book, uint8_t kind)
{
    const struct hp_holder_wait *wait = hp__wait_thread.held;
    uint64_t longest = 0;
    uint8_t number = 0;
    for (uint32_t i = 0; wait != NULL && i < wait->part_count; i++) {
        struct held *held = find_held(book, &wait->parts[i].by, kind);
        if (held == NULL) {
            continue;
        }
        held->count++;
        held->ticks += wait->parts[i].ticks;
        held->by.route = wait->parts[i].by.route != 0 ? wait->parts[i].by.route : held->by.route;
        if (wait->parts[i].ticks >= longest) {
            longest = wait->parts[i].ticks;
            number = (uint8_t)(held - book->held->of.held + 1);
        }
    }
    return number == 0 && wait != NULL && wait->goes_on ? NEXT_HOLDER : number;
}

static struct hp_wait_book *book_of(struct hp_cap_lane *lane)
{
    struct hp_wait_book *book = lane->waits;
    if (book == NULL) {
        book = take_block();
        if (book != NULL) {
            memset(book, 0, offsetof(struct hp_wait_book, first));
            lane->waits = book;
        }
    }
    return book;
}

static void write_event(struct hp_cap_lane *lane, const struct hp_wait_event *event, uint32_t site)
{
    struct hp_wait_book *book = book_of(lane);
    if (book == NULL) {
        lane->waits_lost++;
        return;
    }
    uint8_t kind = event->kind;
    if (lane->in_sql && (kind == HP_WAIT_SEND || kind == HP_WAIT_RECV || kind == HP_WAIT_POLL)) {
        kind = HP_WAIT_DB;
    }
    uint32_t node = hp__wait_thread.between ? HP_NODE_ROOT : hp__cap_lane_node(lane);
    uint64_t ticks = event->t1 - event->t0;
    struct sum *sum = &book->sums[kind];
    sum->count++;
    sum->ticks += ticks;
    sum->bytes += event->bytes;
    if (event->busy_ns != HP_ABSENT) {
        bool brief = !event->is_long;
        sum->measured++;
        sum->busy_ns += event->busy_ns;
        sum->brief += brief;
        sum->brief_busy_ns += brief ? event->busy_ns : 0;
    }
    struct total *total = find_total(book, node, event->peer, site, kind);
    if (total != NULL) {
        total->count++;
        total->ticks += ticks;
        total->bytes += event->bytes;
        total->max = ticks > total->max ? ticks : total->max;
    }
    uint8_t holder = add_held(book, kind);
    bool has_enough = total != NULL && total->count > HP_ALIKE_SPANS;
    struct span *span = has_enough ? NULL : next_span(book);
    if (span == NULL) {
        book->lost++;
        return;
    }
    *span = (struct span){.t0 = event->t0,
                          .t1 = event->t1,
                          .bytes = event->bytes,
                          .node = node,
                          .peer = event->peer,
                          .site = site,
                          .conn = event->conn,
                          .error = event->error,
                          .kind = kind,
                          .proto = event->proto,
                          .holder = holder};
}

bool hp__wait_lane_runs(void)
{
    const struct hp_wait_thread *self = &hp__wait_thread;
    return self->lane != NULL && (!self->between || self->lane->between == self) &&
           (chunk_of == NULL || self->chunk == NULL || chunk_of(self->thread) == self->chunk);
}

uint32_t hp__wait_site(void *thread)
{
    return site_of != NULL && thread != NULL ? site_of(thread) : 0;
}

void hp__wait_add(struct hp_wait_event *event)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    struct hp_cap_lane *lane = self->lane;
    if (!hp__wait_lane_runs()) {
        return;
    }
    uint32_t site = hp__wait_site(self->thread);
    uint32_t on = HP_WAIT_ON;
    if (self->between) { /* the server's talk with its client is no call to anybody */
        event->peer = event->conn = event->proto = 0;
    }
    if (!atomic_compare_exchange_strong_explicit(&lane->wait_state, &on, HP_WAIT_BUSY, memory_order_acquire,
                                                 memory_order_relaxed)) {
        return; /* it has ended; or this is a signal handler inside of write_event */
    }
    write_event(lane, event, site);
    on = HP_WAIT_BUSY;
    (void)atomic_compare_exchange_strong_explicit(&lane->wait_state, &on, HP_WAIT_ON, memory_order_release,
                                                  memory_order_relaxed);
}

/* ---- a lane's life ---- */

void hp__wait_begin(struct hp_cap_lane *lane)
{
    if (atomic_load_explicit(&hp__wait_probes, memory_order_relaxed)) {
        atomic_store_explicit(&lane->wait_state, HP_WAIT_ON, memory_order_release);
    }
}

/* False: it was off. A probe that has claimed the lane is given time to finish; if its thread never runs
 * again, nobody waits for it. */
static bool switch_off(struct hp_cap_lane *lane)
{
    if (atomic_load_explicit(&lane->wait_state, memory_order_relaxed) == HP_WAIT_OFF) {
        return false; /* only its owner switches it on */
    }
    for (int i = 0; i < YIELDS; i++) {
        uint32_t state = HP_WAIT_ON;
        if (atomic_compare_exchange_strong(&lane->wait_state, &state, HP_WAIT_OFF)) {
            return true;
        }
        if (state == HP_WAIT_OFF) {
            return false;
        }
        sched_yield();
    }
    atomic_store(&lane->wait_state, HP_WAIT_OFF);
    return true;
}

static struct hp_cap_place place_at(uint32_t site)
{
    return site != 0 && place_of != NULL ? place_of(site) : NO_PLACE;
}

static uint32_t string_of(struct hp_cap *cap, uint32_t peer)
{
    uint32_t id = 0;
    struct hp_str text = hp__peer_text(peer);
    return text.n != 0 && hp_dict_add_string(cap->dict, text, &id) == HP_OK ? id : 0;
}

bool hp__wait_put(struct hp_cap_request *request, const struct hp_wait *wait)
{
    struct hp_wait *waits = hp__cap_room(request->cap, request->waits, request->wait_count,
                                         &request->wait_capacity, HP_WAIT_CAP, sizeof *waits);
    if (waits == NULL) {
        request->facts.flags |= HP_REQ_TRUNCATED;
        return false;
    }
    request->waits = waits;
    waits[request->wait_count++] = *wait;
    return true;
}

static void take_totals(struct hp_cap_request *request, uint32_t lane, struct hp_wait_book *book)
{
    struct sum rest[HP_WAIT_KINDS];
    memcpy(rest, book->sums, sizeof rest);
    for (uint32_t i = 0; i < book->total_count; i++) {
        const struct total *total = total_at(book, i);
        struct hp_cap_place place = place_at(total->site);
        struct hp_wait wait = {.count = total->count,
                               .ns = total->ticks,
                               .bytes = total->bytes,
                               .max_ns = total->max,
                               .lane = lane,
                               .node = total->node,
                               .peer = string_of(request->cap, total->peer),
                               .site_sym = place.site_sym,
                               .site_line = place.site_line,
                               .via_sym = place.via_sym,
                               .kind = total->kind};
        if (hp__wait_put(request, &wait)) {
            rest[total->kind].count -= total->count;
            rest[total->kind].ticks -= total->ticks;
            rest[total->kind].bytes -= total->bytes;
        }
    }
    for (int kind = 0; kind < HP_WAIT_KINDS; kind++) {
        if (rest[kind].count != 0) {
            (void)hp__wait_put(request, &(struct hp_wait){.count = rest[kind].count,
                                                          .ns = rest[kind].ticks,
                                                          .bytes = rest[kind].bytes,
                                                          .lane = lane,
                                                          .node = HP_NODE_ROOT,
                                                          .kind = (uint8_t)kind});
        }
    }
}

/* The route of a request that runs; 0: it has ended, or has none yet. */
static uint32_t route_of(const struct hp_cap *cap, uint64_t id)
{
    for (const struct hp_cap_request *other = cap->live_requests; other != NULL; other = other->next) {
        if (other->facts.id == id) {
            return other->facts.route;
        }
    }
    return 0;
}

static struct hp_holder holder_of(const struct hp_cap_request *request, uint32_t lane,
                                  const struct held *held)
{
    struct hp_cap_place place = place_at(held->by.site);
    struct hp_holder holder = {.request = held->by.request,
                               .count = held->count,
                               .ns = held->ticks,
                               .lane = lane,
                               .route = held->by.route,
                               .site_sym = place.site_sym,
                               .site_line = place.site_line,
                               .via_sym = place.via_sym,
                               .kind = held->kind};
    if (holder.request == 0) {
        holder.thread = hp__holder_left(held->by.serial);
        holder.thread = holder.thread == 0 && name_of != NULL ? name_of(held->by.thread) : holder.thread;
    } else if (holder.route == 0) {
        holder.route = route_of(request->cap, holder.request);
    }
    return holder;
}

/* As many as there is room for: spans speak of them by their place in the book. */
static void take_held(struct hp_cap_request *request, uint32_t lane, const struct block *block)
{
    for (uint64_t i = 0; block != NULL && i < block->count; i++) {
        struct hp_holder *holders = hp__cap_room(request->cap, request->holders, request->holder_count,
                                                 &request->holder_capacity, HP_HOLDER_CAP, sizeof *holders);
        if (holders == NULL) {
            return;
        }
        request->holders = holders;
        holders[request->holder_count++] = holder_of(request, lane, &block->of.held[i]);
    }
}

/* The number of a span's holder in the request; UINT32_MAX: as of the next span. */
static uint32_t holder_number(const struct hp_cap_request *request, uint32_t first, uint8_t number)
{
    uint32_t holder = number == NEXT_HOLDER ? UINT32_MAX : number != 0 ? first + number : 0;
    return holder == UINT32_MAX || holder <= request->holder_count ? holder : 0;
}

/* Pieces of one wait for the GIL: what nobody gave up at the end of one was had by who had it in the next. */
static void join_pieces(struct hp_span *spans, uint32_t count)
{
    uint32_t after = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (spans[i].holder == UINT32_MAX) {
            spans[i].holder = after;
        }
        after = spans[i].kind == HP_WAIT_GIL ? spans[i].holder : 0;
    }
}

static void take_spans(struct hp_cap_request *request, uint32_t lane, const struct hp_wait_book *book,
                       uint32_t first_holder)
{
    uint32_t *lost = &request->lanes[lane].lost_spans, first = request->span_count;
    for (const struct block *block = book->spans; block != NULL; block = block->next) {
        for (uint64_t i = 0; i < block->count; i++) {
            const struct span *span = &block->of.spans[i];
            struct hp_span *spans = hp__cap_room(request->cap, request->spans, request->span_count,
                                                 &request->span_capacity, HP_SPAN_CAP, sizeof *spans);
            if (spans == NULL) {
                ++*lost;
                continue;
            }
            struct hp_cap_place place = place_at(span->site);
            request->spans = spans;
            spans[request->span_count++] =
                (struct hp_span){.t0_ns = span->t0,
                                 .t1_ns = span->t1,
                                 .bytes = span->bytes,
                                 .lane = lane,
                                 .node = span->node,
                                 .peer = string_of(request->cap, span->peer),
                                 .group = span->conn,
                                 .error = (uint32_t)span->error,
                                 .holder = holder_number(request, first_holder, span->holder),
                                 .site_sym = place.site_sym,
                                 .site_line = place.site_line,
                                 .via_sym = place.via_sym,
                                 .kind = span->kind,
                                 .protocol = span->proto};
        }
    }
    join_pieces(request->spans + first, request->span_count - first);
}

/* CPU and run queue inside the calls. Those that were not measured follow a brief one: they count as the
 * brief ones that were. */
static uint64_t busy_of(const struct sum *sum)
{
    double rest = sum->brief != 0 ? (double)sum->brief_busy_ns / (double)sum->brief : 0.0;
    double ns = (double)sum->busy_ns + rest * (double)(sum->count - sum->measured);
    uint64_t wall_ns = hp_clock_ns_of_ticks(sum->ticks);
    return ns < (double)wall_ns ? (uint64_t)ns : wall_ns;
}

static void take_book(struct hp_cap_request *request, uint32_t lane, struct hp_wait_book *book)
{
    struct hp_lane *record = &request->lanes[lane];
    record->lost_spans += book->lost;
    for (int kind = 0; kind < HP_WAIT_KINDS; kind++) {
        record->wait_busy_ns += busy_of(&book->sums[kind]);
    }
    if (lane == 0) {
        request->facts.gil_ns = hp_clock_ns_of_ticks(book->sums[HP_WAIT_GIL].ticks);
    }
    take_totals(request, lane, book);
    uint32_t first_holder = request->holder_count;
    take_held(request, lane, book->held);
    take_spans(request, lane, book, first_holder);
}

void hp__wait_end(struct hp_cap_lane *lane)
{
    bool was_on = switch_off(lane);
    struct hp_wait_book *book = lane->waits;
    if (was_on && lane->request != NULL) {
        struct hp_lane *record = &lane->request->lanes[lane->index];
        record->wait_busy_ns = 0;
        record->lost_spans = lane->waits_lost;
        if (lane->index == 0) {
            lane->request->facts.gil_ns = 0;
        }
        if (book != NULL) {
            take_book(lane->request, lane->index, book);
        }
    }
    if (book != NULL) {
        lane->waits = NULL;
        give_blocks(book->spans);
        give_blocks(book->totals);
        give_blocks(book->held);
        struct block *block = (struct block *)book;
        block->next = NULL;
        give_blocks(block);
    }
}

__attribute__((noinline)) void hp__wait_convert(struct hp_cap_request *request)
{
    for (uint32_t i = 0; i < request->wait_count; i++) {
        request->waits[i].ns = hp_clock_ns_of_ticks(request->waits[i].ns);
        request->waits[i].max_ns = hp_clock_ns_of_ticks(request->waits[i].max_ns);
    }
    for (uint32_t i = 0; i < request->holder_count; i++) {
        request->holders[i].ns = hp_clock_ns_of_ticks(request->holders[i].ns);
    }
    for (uint32_t i = 0; i < request->span_count; i++) {
        struct hp_span *span = &request->spans[i];
        uint64_t t0 = span->t0_ns > request->start ? span->t0_ns - request->start : 0;
        uint64_t t1 = span->t1_ns > request->start ? span->t1_ns - request->start : 0;
        span->t0_ns = hp_clock_ns_of_ticks(t0);
        span->t1_ns = hp_clock_ns_of_ticks(t1);
    }
    if (hp__looped_has_tasks(request)) {
        hp__looped_join(request);
    } else {
        (void)hp__calls_join(request);
    }
}

/* ---- the extension's part (hotplate/ext/waits.h) ---- */

static void assign(struct hp_cap_lane *lane, void *thread, bool between)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    bool on = lane != NULL && lane->request != NULL && lane->request->facts.level >= HP_LEVEL_MONITOR;
    self->lane = NULL; /* a signal handler must not see half of it */
    atomic_signal_fence(memory_order_seq_cst);
    if (!on) {
        return; /* without a lane nobody looks at the rest */
    }
    atomic_store_explicit(&lane->between, between ? self : NULL, memory_order_release);
    self->between = between;
    self->thread = thread;
    self->request = lane->request->facts.id;
    self->open_ticks = 0;
    self->depth = 0;
    self->encrypted = HP_PEER_UNKNOWN;
    self->queue = lane->request->facts.level >= HP_LEVEL_SAMPLE;
    memset(self->measure, 1, sizeof self->measure);
    self->chunk = chunk_of != NULL && !between ? chunk_of(thread) : NULL;
    atomic_signal_fence(memory_order_seq_cst);
    self->lane = lane;
}

void hp_waits_thread(struct hp_cap_lane *lane, void *thread)
{
    assign(lane, thread, false);
}

void hp_waits_between(struct hp_cap_lane *lane)
{
    assign(lane, NULL, true);
}

void hp_waits_greenlets(const void *(*function)(void *thread))
{
    chunk_of = function;
}

void hp__wait_configure(const struct hp_waits_config *config)
{
    place_of = config->place;
    name_of = config->name;
    site_of = config->site;
    hp__holder_configure(config->thread);
}

bool hp_waits_on(void)
{
    return atomic_load(&hp__wait_probes);
}

/* ---- the run queue ---- */

static __thread struct {
    int fd; /* 1 + descriptor; 0: none yet; -1: cannot be had */
    uint32_t generation;
    ino_t inode;
} queue;
static pthread_key_t queue_key;
static pthread_once_t queue_once = PTHREAD_ONCE_INIT;

/* At the thread's end. A program may have closed the descriptor behind our back and have another file
 * there. */
static void close_queue(void *unused)
{
    struct stat there;
    (void)unused;
    if (queue.fd > 0 && fstat(queue.fd - 1, &there) == 0 && there.st_ino == queue.inode) {
        (void)close(queue.fd - 1);
    }
    queue.fd = 0;
}

static void make_key(void)
{
    (void)pthread_key_create(&queue_key, close_queue); /* without one the descriptor stays open */
}

static void open_queue(void)
{
    char path[64];
    struct stat there;
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", (int)gettid());
    pthread_once(&queue_once, make_key);
    close_queue(NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &there) != 0) {
        (void)close(fd);
        fd = -1;
    }
    queue.fd = fd >= 0 ? fd + 1 : -1; // cppcheck-suppress resourceLeak; open until close_queue
    queue.inode = queue.fd > 0 ? there.st_ino : 0;
    queue.generation = atomic_load(&generation);
    (void)pthread_setspecific(queue_key, &queue);
}

/* "cpu_ns runqueue_ns slices
" */
static bool read_queue(uint64_t *ns)
{
    char text[96], *end;
    ssize_t n = pread(queue.fd - 1, text, sizeof text - 1, 0);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    (void)strtoull(text, &end, 10);
    if (end == text || *end != ' ') {
        return false;
    }
    *ns = strtoull(end + 1, &end, 10);
    return *end == ' ';
}

uint64_t hp__runqueue_ns(void)
{
    uint64_t ns = 0;
    int saved = errno;
    if (queue.fd == 0 || queue.generation != atomic_load_explicit(&generation, memory_order_relaxed)) {
        open_queue();
    }
    bool ok = queue.fd > 0 && read_queue(&ns);
    if (!ok && queue.fd > 0) {
        queue.fd = 0; /* somebody closed it: the next time there is another */
    }
    errno = saved;
    return ok ? ns : HP_ABSENT;
}
