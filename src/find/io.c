/* io.c -- what the rules of waits have in common: one candidate a function, one cut a request, then offer,
 * then take.
 *
 *     functions with such waits ──▶ pick in each request ──▶ cut, low, high ──▶ describe ──▶ offer ──kept──▶ take
 *
 * One finding a function and kind, not a line: an id must survive edits, and two lines of one function are
 * mended together.
 */
#include <string.h>
#include "find/find_int.h"

#define HOLDER_SHARE 0.33

static hp_err start(struct hp__io *io, uint32_t site_sym)
{
    struct hp__find *f = io->f;
    const struct hp__io_kind *kind = io->kind;
    uint32_t *at = io->at, *calls = io->calls;
    memset(io, 0, sizeof *io);
    *io = (struct hp__io){.f = f, .kind = kind, .site_sym = site_sym, .at = at, .calls = calls};
    hp_err err = hp__finding_init(f, &io->finding, kind->kind);
    err = err == HP_OK ? hp__spread_init(f, &io->counts) : err;
    return err == HP_OK ? hp__spread_init(f, &io->total) : err;
}

static uint32_t pick(struct hp__io *io, uint32_t request)
{
    io->request = request;
    io->count = io->ns = 0;
    return io->kind->pick(io, &io->f->views[request]);
}

static void note_holder(struct hp__io *io, const struct hp__view *view, const struct hp__wait_item *item)
{
    if (item->span.holder == 0) {
        return;
    }
    const struct hp_holder *holder = &view->sample->record->holders[item->span.holder - 1];
    io->lock_ns += item->ns;
    hp__places_add(&io->holders, holder->site_sym, holder->site_line, holder->via_sym, item->ns);
    io->who = holder->ns > io->who.ns ? *holder : io->who;
}

static void note(struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct hp__wait_item *item = &view->items[io->at[k]];
        if (item->span.site_sym == io->site_sym && io->kind->sites == NULL) {
            struct hp__spot spot = {
                .sym = item->span.site_sym, .line = item->span.site_line, .via = item->span.via_sym};
            bool elsewhere = io->kind->place != NULL && io->kind->place(view, item, &spot);
            io->finding.subject_sym = elsewhere ? io->site_sym : io->finding.subject_sym;
            hp__places_add(&io->places, spot.sym, spot.line, spot.via, item->ns);
        }
        if (item->ns >= io->peer_ns && item->span.peer != 0) {
            io->peer_ns = item->ns;
            io->peer = item->span.peer;
        }
        note_holder(io, view, item);
    }
    hp__spread_add(&io->counts, io->count);
    hp__spread_add(&io->total, io->ns);
    io->finding.seen++;
}

static hp_err price(struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    struct hp__cut cuts[HP__CUT_BOUNDS] = {{0}, {0}};
    hp_err err = io->kind->cut != NULL ? io->kind->cut(io, view, n, cuts)
                                       : hp__waits_cut(io->f->arena, view, io->at, n, 1, &cuts[HP__CUT]);
    return err == HP_OK ? hp__finding_price(io->f, &io->finding, io->request, &cuts[HP__CUT],
                                            io->has_low ? &cuts[HP__CUT_LOW] : NULL, NULL)
                        : err;
}

static hp_err take(struct hp__io *io)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < io->f->c->sample_count && err == HP_OK; i++) {
        uint32_t n = pick(io, i);
        if (n != 0 || io->count != 0) {
            err = hp__waits_take(&io->f->views[i], io->at, n, io->f->arena);
            err = err == HP_OK && io->kind->take != NULL ? io->kind->take(io, &io->f->views[i]) : err;
        }
    }
    return err;
}

static hp_err try_site(struct hp__io *io, uint32_t site_sym)
{
    bool kept = false;
    hp_err err = start(io, site_sym);
    err = err == HP_OK && io->kind->learn != NULL ? io->kind->learn(io) : err;
    if (err != HP_OK || (io->kind->begin != NULL && !io->kind->begin(io))) {
        return err;
    }
    for (uint32_t i = 0; i < io->f->c->sample_count && err == HP_OK; i++) {
        uint32_t n = pick(io, i);
        if (n != 0 || io->count != 0) {
            note(io, &io->f->views[i], n);
            err = price(io, &io->f->views[i], n);
        }
    }
    if (err != HP_OK || io->finding.seen == 0) {
        return err;
    }
    uint64_t count = hp__spread_median(&io->counts), ns = hp__spread_median(&io->total);
    io->finding.site_sym = site_sym;
    hp__places_choose(&io->places, &io->finding);
    if (ns < io->kind->least_ns || !io->kind->describe(io, count, ns)) {
        return HP_OK;
    }
    err = hp__find_offer(io->f, &io->finding, io->kind->may_tail, &kept);
    return err == HP_OK && kept ? take(io) : err;
}

static uint32_t *room_for_calls(struct hp__find *f)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        most = f->views[i].call_count > most ? f->views[i].call_count : most;
    }
    return hp_arena_alloc(f->arena, most * sizeof(uint32_t), _Alignof(uint32_t));
}

hp_err hp__io_run(struct hp__find *f, const struct hp__io_kind *kind)
{
    uint32_t *sites, count;
    struct hp__io *io = hp__zeroed(f->arena, 1, sizeof *io);
    hp_err err = io != NULL ? HP_OK : HP_ENOMEM;
    if (err == HP_OK) {
        err = kind->sites != NULL ? kind->sites(f, &sites, &count)
                                  : hp__waits_sites(f, kind->kinds, &sites, &count);
    }
    if (err != HP_OK || count == 0) {
        return err;
    }
    *io = (struct hp__io){.f = f, .kind = kind, .at = hp__waits_room(f), .calls = room_for_calls(f)};
    err = io->at != NULL && io->calls != NULL ? HP_OK : HP_ENOMEM;
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        err = try_site(io, sites[i]);
    }
    return err;
}

hp_err hp__io_cut_call(struct hp__io *io, const struct hp__call *call, uint64_t ns, struct hp__cut *cut)
{
    return hp__cut_add(io->f->arena, cut, call->lane, call->t0_ns, ns);
}

struct hp_str hp__io_to(struct hp__io *io)
{
    struct hp_str peer = hp_dict_string(io->f->c->dict, io->peer);
    struct hp_str to = {"", 0};
    if (io->peer != 0 && peer.n != 0) {
        to = hp__textf(io->f->arena, " to %.*s", (int)peer.n, peer.p);
    }
    return to.p != NULL ? to : (struct hp_str){"", 0};
}

/* The costliest place; ns 0: none has one. */
static struct hp_holder costliest(const struct hp__io *io)
{
    struct hp_holder most = {0};
    for (uint32_t i = 0; i < io->holders.count; i++) {
        if (io->holders.list[i].sym != 0 && io->holders.list[i].ns > most.ns) {
            most = (struct hp_holder){.ns = io->holders.list[i].ns,
                                      .site_sym = io->holders.list[i].sym,
                                      .site_line = io->holders.list[i].line};
        }
    }
    return most;
}

bool hp__io_holder_place(const struct hp__io *io, struct hp_finding *finding)
{
    struct hp_holder most = costliest(io);
    uint64_t ns = 0;
    for (uint32_t i = 0; i < io->holders.count; i++) {
        ns += io->holders.list[i].sym == most.site_sym ? io->holders.list[i].ns : 0;
    }
    if (most.site_line == 0 || (double)ns < HOLDER_SHARE * (double)io->lock_ns) {
        return false;
    }
    finding->site_sym = most.site_sym;
    finding->site_line = most.site_line;
    return true;
}

struct hp_str hp__io_holder(struct hp__io *io)
{
    const struct hp_dict *dict = io->f->c->dict;
    struct hp_holder most = costliest(io);
    struct hp_str route = hp_dict_route(dict, io->who.route).rule,
                  thread = hp_dict_string(dict, io->who.thread);
    if (io->who.route != 0) {
        hp__finding_text(&io->finding, "holder_route", route);
    } else if (io->who.thread != 0) {
        hp__finding_text(&io->finding, "holder_thread", thread);
    }
    if (most.ns == 0) {
        return HP_STR("");
    }
    struct hp_symbol symbol = hp_dict_symbol(dict, most.site_sym);
    struct hp_str place = hp__textf(io->f->arena, "%.*s:%u %.*s", (int)symbol.file.n, symbol.file.p,
                                    (unsigned)most.site_line, (int)symbol.name.n, symbol.name.p);
    hp__finding_text(&io->finding, "holder", place);
    hp__finding_number(&io->finding, "holder_share", (double)most.ns / (double)io->lock_ns);
    struct hp_str text = hp__textf(io->f->arena, ", mostly for %.*s", (int)place.n, place.p);
    return text.p != NULL ? text : HP_STR("");
}

void hp__io_evidence(struct hp__io *io, const char *what, uint64_t count, uint64_t ns)
{
    hp__finding_number(&io->finding, what, (double)count);
    hp__finding_number(&io->finding, "total_ms", (double)ns / 1e6);
    if (io->peer != 0) {
        hp__finding_text(&io->finding, "peer", hp_dict_string(io->f->c->dict, io->peer));
    }
}
