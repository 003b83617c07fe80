/* flamesvg.c -- see flamesvg.h.
 *
 * Two walks over a tree, parents before children. The first gives each node its flame, depth and left end;
 * the second draws it as a box or as an arc. A sandwich is two such drawings, which share the row of its
 * function.
 *
 *     ┌ title ─────────────────────┐
 *     │        flame 0: request    │  depth grows upward from its base line
 *     ├ caption of lane 1 ─────────┤
 *     │        flame 1             │
 */
#include "format/flamesvg.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/show.h"
#include "format/framename.h"
#include "format/svgtext.h"

enum {
    MARGIN = 10,
    ROW = 17,
    TEXT_WIDTH_X100 = 660,
    HEAD = 44,
    CAPTION = 26,
    FOOT = 10,
    RINGS_LEAST = 3,
    ARC_TEXT_HEIGHT = 13
};

#define TURN        6.283185307179586
#define NAME_BYTES  ((size_t)1 << 16)
#define PIECE_BYTES ((size_t)1 << 16)

struct place {
    uint64_t left, cursor; /* in the time of its flame; cursor: where the next child begins */
    uint32_t flame, depth;
};

struct flame {
    uint32_t node;  /* its base */
    uint32_t depth; /* rows above the base */
    uint32_t y;     /* upper edge */
    bool drawn;
};

struct drawing {
    const struct hp_tree *tree;
    const struct hp_dict *dict;
    struct hp_flamesvg_options options;
    struct place *places;
    struct flame *flames;
    uint32_t flame_count, drawn_count;
    uint32_t top, height; /* where the first flame begins; of the whole document */
    bool callers; /* the tree is inverted: its boxes have no own time, its root is drawn by the other half */
    struct hp_buf name; /* of the node that is drawn */
    struct hp_buf *out;
};

/* ---- placing ---- */

static uint64_t requests_of(const struct drawing *d)
{
    return d->options.requests == 0 ? 1 : d->options.requests;
}

static bool is_base(const struct drawing *d, uint32_t node)
{
    return d->flames[d->places[node].flame].node == node;
}

/* What the shares of a node refer to: its flame. */
static uint64_t whole_of(const struct drawing *d, uint32_t node)
{
    return d->tree->nodes[d->flames[d->places[node].flame].node].total;
}

static bool is_visible(const struct drawing *d, uint32_t node)
{
    return is_base(d, node) ||
           (double)d->tree->nodes[node].total >= d->options.min_share * (double)whole_of(d, node);
}

static void place_node(struct drawing *d, uint32_t i)
{
    const struct hp_node *node = &d->tree->nodes[i];
    struct place *place = &d->places[i];
    if (i == HP_NODE_ROOT || node->kind == HP_NODE_LANE) {
        d->flames[d->flame_count] = (struct flame){.node = i};
        place->flame = d->flame_count++;
        return;
    }
    struct place *parent = &d->places[node->parent];
    *place = (struct place){
        .left = parent->cursor, .cursor = parent->cursor, .flame = parent->flame, .depth = parent->depth + 1};
    parent->cursor += node->total;
    if (is_visible(d, i) && place->depth > d->flames[place->flame].depth) {
        d->flames[place->flame].depth = place->depth;
    }
}

/* What a flame takes of the document's height. */
static uint32_t height_of(const struct drawing *d, const struct flame *flame)
{
    return d->options.layout == HP_FLAMESVG_SUNBURST ? d->options.width - 2 * MARGIN
                                                     : (flame->depth + 1) * ROW;
}

/* The request, then the longest lanes, as many as asked for; then their places. */
static void choose_flames(struct drawing *d)
{
    d->flames[0].drawn = true;
    for (uint32_t n = 0; n < d->options.max_lanes; n++) {
        struct flame *longest = NULL;
        for (uint32_t i = 1; i < d->flame_count; i++) {
            struct flame *flame = &d->flames[i];
            uint64_t total = d->tree->nodes[flame->node].total;
            if (!flame->drawn && total != 0 &&
                (longest == NULL || total > d->tree->nodes[longest->node].total)) {
                longest = flame;
            }
        }
        if (longest == NULL) {
            break;
        }
        longest->drawn = true;
    }
    uint32_t y = d->top;
    for (uint32_t i = 0; i < d->flame_count; i++) {
        struct flame *flame = &d->flames[i];
        if (flame->drawn) {
            y += i == 0 ? 0 : CAPTION;
            flame->y = y;
            y += height_of(d, flame);
            d->drawn_count++;
        }
    }
    d->height = y + FOOT + (d->drawn_count < d->flame_count ? CAPTION : 0);
}

/* ---- drawing ---- */

/* One hue a module. Application: strong and warm, told apart by file (it is one package); library: pale; the
 * rest grey. */
static void put_colour(struct hp_buf *out, const struct hp_symbol *symbol, uint8_t kind)
{
    bool app = symbol->flags & HP_SYM_APP;
    struct hp_str key = app ? symbol->file : hp_framename_module(symbol);
    uint64_t hash = hp_hash64(key.p, key.n, 0);
    if (kind == HP_NODE_LANE || kind == HP_NODE_OVERFLOW || symbol->kind == HP_SYM_ROOT ||
        symbol->name.n == 0) {
        hp_buf_put_text(out, HP_STR("#d9dde3"));
    } else if (app) {
        hp_svgtext_put_hsl(out, (unsigned)(10 + hash % 36), (unsigned)(78 + (hash >> 8) % 14),
                           (unsigned)(58 + (hash >> 16) % 8));
    } else if (symbol->kind == HP_SYM_C) {
        hp_buf_put_text(out, HP_STR("#e9ebee"));
    } else {
        hp_svgtext_put_hsl(out, (unsigned)(80 + hash % 220), (unsigned)(24 + (hash >> 16) % 16),
                           (unsigned)(86 + (hash >> 24) % 5));
    }
}

static inline void put0(struct drawing *d, const char *text)
{
    hp_buf_put_text(d->out, hp_str_from0(text));
}

/* "412 ms of 1.20 s, 34 %, 40 calls": a request's share. */
static void put_numbers(struct drawing *d, const struct hp_node *node, uint64_t whole)
{
    char time[HP_SHOW_BYTES], self[HP_SHOW_BYTES], share[HP_SHOW_BYTES], calls[HP_SHOW_BYTES];
    uint64_t n = requests_of(d);
    put0(d, hp_profile_show(time, d->options.unit, node->total / n));
    put0(d, ", ");
    put0(d, hp_show_percent(share, whole == 0 ? 0 : (double)node->total / (double)whole));
    if (d->callers) {
        return;
    }
    put0(d, " (self ");
    put0(d, hp_profile_show(self, d->options.unit, node->self / n));
    put0(d, ")");
    if (node->calls != 0 || !d->options.file) {
        put0(d, ", ");
        put0(d, hp_show_count(calls, node->calls));
        put0(d, node->calls == 1 ? " call" : " calls");
    }
    if (n > 1) {
        hp_buf_printf(d->out, " in %s requests", hp_show_count(calls, n));
    }
}

/* The root of a file has no symbol. */
static bool is_all(const struct drawing *d, const struct hp_symbol *symbol, uint32_t i)
{
    return i == HP_NODE_ROOT && d->options.file && symbol->name.n == 0;
}

static struct hp_str shown_name(const struct drawing *d, const struct hp_symbol *symbol, uint32_t i)
{
    return is_all(d, symbol, i) ? HP_STR("all") : hp_framename_shown(symbol, i == HP_NODE_ROOT);
}

static void put_node_name(const struct drawing *d, struct hp_buf *out, const struct hp_symbol *symbol,
                          uint32_t i)
{
    if (is_all(d, symbol, i)) {
        hp_buf_put_text(out, HP_STR("all"));
    } else {
        hp_framename_put(out, symbol, i == HP_NODE_ROOT);
    }
}

/* ", +12.0 ms (+34 %) against before" */
static void put_change(struct drawing *d, uint32_t i)
{
    char change[HP_SHOW_BYTES], share[HP_SHOW_BYTES];
    if (d->options.before == NULL) {
        return;
    }
    uint64_t before = d->options.before[i], after = d->tree->nodes[i].total;
    bool less = after < before;
    hp_buf_printf(d->out, "; before %s, ", hp_profile_show(change, d->options.unit, before / requests_of(d)));
    hp_buf_printf(
        d->out, "%s%s", less ? "-" : "+",
        hp_profile_show(change, d->options.unit, (less ? before - after : after - before) / requests_of(d)));
    if (before != 0) {
        hp_buf_printf(d->out, " (%s%s)", less ? "" : "+",
                      hp_show_percent(share, ((double)after - (double)before) / (double)before));
    }
}

/* Red: more than before, blue: less; as strong as the change is large, against the whole. */
static void put_change_colour(struct drawing *d, uint32_t i)
{
    double whole = (double)d->tree->nodes[HP_NODE_ROOT].total;
    double change = (double)d->tree->nodes[i].total - (double)d->options.before[i];
    double part = whole == 0 ? 0 : change / whole, strength = part < 0 ? -part : part;
    strength = strength * 4 > 1 ? 1 : strength * 4;
    hp_svgtext_put_hsl(d->out, part < 0 ? 214 : 4, strength < 0.001 ? 0 : 78,
                       (unsigned)(93 - 38 * strength + 0.5));
}

/* What shows on hover. */
static void put_title(struct drawing *d, uint32_t i, const struct hp_symbol *symbol)
{
    const struct hp_node *node = &d->tree->nodes[i];
    hp_buf_reset(&d->name);
    put_node_name(d, &d->name, symbol, i);
    hp_buf_put_text(d->out, HP_STR("<title>"));
    hp_svgtext_put(d->out, hp_buf_str(&d->name));
    if (node->line != 0) {
        hp_buf_printf(d->out, ", called at line %" PRIu32, node->line);
    }
    hp_buf_put_text(d->out, HP_STR("\n"));
    put_numbers(d, node, whole_of(d, i));
    put_change(d, i);
    hp_buf_put_text(d->out, HP_STR("</title>"));
}

static void put_fill(struct drawing *d, uint32_t i, const struct hp_symbol *symbol)
{
    hp_buf_put_text(d->out, HP_STR(" fill=\""));
    if (d->options.before != NULL) {
        put_change_colour(d, i);
    } else {
        put_colour(d->out, symbol, d->tree->nodes[i].kind);
    }
    hp_buf_put_text(d->out, HP_STR("\"/>"));
}

static void put_box(struct drawing *d, uint32_t i, const struct hp_symbol *symbol)
{
    const struct hp_node *node = &d->tree->nodes[i];
    const struct place *place = &d->places[i];
    const struct flame *flame = &d->flames[place->flame];
    uint64_t whole = whole_of(d, i);
    double px = (double)(d->options.width - 2 * MARGIN) * 1000.0;
    uint64_t x = whole == 0 ? 0 : (uint64_t)(px * (double)place->left / (double)whole);
    uint64_t width =
        is_base(d, i) || whole == 0 ? (uint64_t)px : (uint64_t)(px * (double)node->total / (double)whole);
    uint32_t row = d->options.layout == HP_FLAMESVG_ICICLE ? place->depth : flame->depth - place->depth;
    uint32_t y = flame->y + row * ROW;
    hp_buf_put_text(d->out, HP_STR("<rect x=\""));
    hp_svgtext_put_px(d->out, MARGIN * 1000 + x);
    put0(d, "\" y=\"");
    hp_buf_put_decimal(d->out, y);
    put0(d, "\" width=\"");
    hp_svgtext_put_px(d->out, width);
    put0(d, "\" height=\"");
    hp_buf_put_decimal(d->out, ROW - 1);
    put0(d, "\"");
    put_fill(d, i, symbol);
    size_t most = (size_t)(width / 10 / TEXT_WIDTH_X100);
    if (most >= 3) {
        hp_buf_put_text(d->out, HP_STR("<text x=\""));
        hp_svgtext_put_px(d->out, MARGIN * 1000 + x + 3000);
        put0(d, "\" y=\"");
        hp_buf_put_decimal(d->out, y + 12);
        put0(d, "\">");
        hp_svgtext_put_clipped(d->out, shown_name(d, symbol, i), most);
        hp_buf_put_text(d->out, HP_STR("</text>"));
    }
}

/* ---- a sunburst ---- */

/* A part of a ring; angles in radians, clockwise from the top. */
struct arc {
    double x, y, inner, outer, from, to;
};

static struct arc arc_of(const struct drawing *d, uint32_t i)
{
    const struct place *place = &d->places[i];
    const struct flame *flame = &d->flames[place->flame];
    double radius = d->options.width / 2.0 - MARGIN, whole = (double)whole_of(d, i);
    double ring = radius / ((flame->depth < RINGS_LEAST ? RINGS_LEAST : flame->depth) + 1);
    double from = whole == 0 ? 0 : TURN * (double)place->left / whole;
    double to = whole == 0 ? 0 : from + TURN * (double)d->tree->nodes[i].total / whole;
    to = to > from + TURN - 1e-4 ? from + TURN - 1e-4
                                 : to; /* an arc that ends where it begins would be none */
    return (struct arc){.x = d->options.width / 2.0,
                        .y = flame->y + radius,
                        .inner = place->depth * ring,
                        .outer = (place->depth + 1) * ring,
                        .from = from,
                        .to = to};
}

static void put_length(struct hp_buf *out, double px)
{
    hp_svgtext_put_px(out, px > 0 ? (uint64_t)(px * 1000 + 0.5) : 0);
}

static void put_point(struct hp_buf *out, const struct arc *arc, double radius, double angle)
{
    put_length(out, arc->x + radius * sin(angle));
    hp_buf_put_text(out, HP_STR(" "));
    put_length(out, arc->y - radius * cos(angle));
}

static void put_curve(struct hp_buf *out, const struct arc *arc, double radius, bool clockwise)
{
    hp_buf_put_text(out, HP_STR("A"));
    put_length(out, radius);
    hp_buf_put_text(out, HP_STR(" "));
    put_length(out, radius);
    hp_buf_printf(out, " 0 %d %d ", arc->to - arc->from > TURN / 2, clockwise);
    put_point(out, arc, radius, clockwise ? arc->to : arc->from);
}

/* Where an arc's text goes: how much room it has and how it is turned. */
struct arc_text {
    double room;
    int degrees;
};

/* Along the ring where there is more room for straight text than along the radius; never upside down. */
static struct arc_text place_arc_text(const struct arc *arc)
{
    double radius = (arc->inner + arc->outer) / 2, ring = arc->outer - arc->inner;
    int degrees = (int)lround((arc->from + arc->to) / 2 * 360 / TURN);
    double length = (arc->to - arc->from) * radius;
    struct arc_text along = {ring > ARC_TEXT_HEIGHT ? 2 * sqrt(radius * (ring - ARC_TEXT_HEIGHT)) : 0,
                             degrees > 90 && degrees < 270 ? degrees - 180 : degrees};
    struct arc_text out = {length > ARC_TEXT_HEIGHT ? ring : 0, degrees < 180 ? degrees - 90 : degrees - 270};
    along.room = along.room < length ? along.room : length;
    return along.room > out.room ? along : out;
}

static void put_arc_text(struct drawing *d, const struct arc *arc, struct hp_str text)
{
    bool middle = arc->inner == 0;
    struct arc_text place = middle ? (struct arc_text){2 * arc->outer, 0} : place_arc_text(arc);
    size_t most = place.room > 8 ? (size_t)((place.room - 8) * 100 / TEXT_WIDTH_X100) : 0;
    if (most < 3) {
        return;
    }
    hp_buf_put_text(d->out, HP_STR("<text text-anchor=\"middle\" transform=\"translate("));
    put_point(d->out, arc, middle ? 0 : (arc->inner + arc->outer) / 2, (arc->from + arc->to) / 2);
    hp_buf_printf(d->out, ") rotate(%d)\" dy=\"4\">", place.degrees);
    hp_svgtext_put_clipped(d->out, text, most);
    hp_buf_put_text(d->out, HP_STR("</text>"));
}

static void put_arc(struct drawing *d, uint32_t i, const struct hp_symbol *symbol)
{
    struct arc arc = arc_of(d, i);
    if (is_base(d, i)) {
        hp_buf_put_text(d->out, HP_STR("<circle cx=\""));
        put_length(d->out, arc.x);
        hp_buf_put_text(d->out, HP_STR("\" cy=\""));
        put_length(d->out, arc.y);
        hp_buf_put_text(d->out, HP_STR("\" r=\""));
        put_length(d->out, arc.outer);
        hp_buf_put_text(d->out, HP_STR("\""));
    } else {
        hp_buf_put_text(d->out, HP_STR("<path d=\"M"));
        put_point(d->out, &arc, arc.outer, arc.from);
        put_curve(d->out, &arc, arc.outer, true);
        hp_buf_put_text(d->out, HP_STR("L"));
        put_point(d->out, &arc, arc.inner, arc.to);
        put_curve(d->out, &arc, arc.inner, false);
        hp_buf_put_text(d->out, HP_STR("Z\""));
    }
    put_fill(d, i, symbol);
    put_arc_text(d, &arc, shown_name(d, symbol, i));
}

/* ---- the document ---- */

static void put_node(struct drawing *d, uint32_t i)
{
    struct hp_symbol symbol = hp_dict_symbol(d->dict, d->tree->nodes[i].sym);
    hp_buf_put_text(d->out, HP_STR("<g>"));
    put_title(d, i, &symbol);
    if (d->options.layout == HP_FLAMESVG_SUNBURST) {
        put_arc(d, i, &symbol);
    } else {
        put_box(d, i, &symbol);
    }
    hp_buf_put_text(d->out, HP_STR("</g>\n"));
}

/* "in parallel: thread, started by get_max (shop/models.py:31), 40 times, 1.31 s together" */
static void put_caption(struct drawing *d, const struct flame *flame)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    const struct hp_node *node = &d->tree->nodes[flame->node];
    struct hp_symbol symbol = hp_dict_symbol(d->dict, node->sym);
    uint32_t parent = node->parent;
    struct hp_symbol starter = hp_dict_symbol(d->dict, d->tree->nodes[parent].sym);
    struct hp_buf text;
    hp_buf_init(&text, NAME_BYTES);
    hp_buf_put_text(&text, HP_STR("in parallel: "));
    hp_framename_put(&text, &symbol, false);
    hp_buf_put_text(&text, HP_STR(", started by "));
    hp_framename_put(&text, &starter, parent == HP_NODE_ROOT);
    hp_buf_printf(&text, ", %s×, %s together%s", hp_show_count(count, node->calls),
                  hp_profile_show(time, d->options.unit, node->total / requests_of(d)),
                  requests_of(d) > 1 ? " a request" : "");
    hp_buf_printf(d->out, "<text class=\"c\" x=\"%d\" y=\"%" PRIu32 "\">", MARGIN, flame->y - 6);
    hp_svgtext_put(d->out, hp_buf_str(&text));
    hp_buf_put_text(d->out, HP_STR("</text>\n"));
    hp_buf_fini(&text);
}

static void put_head(struct drawing *d)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    uint64_t n = requests_of(d);
    hp_buf_printf(d->out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
                  "width=\"%" PRIu32 "\" height=\"%" PRIu32 "\" viewBox=\"0 0 %" PRIu32 " %" PRIu32
                  "\" font-family=\"Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"11\">\n",
                  d->options.width, d->height, d->options.width, d->height);
    hp_buf_put_text(
        d->out,
        HP_STR(
            "<style>text{fill:#1c2430;pointer-events:none}.t{font-size:15px;font-weight:bold}.c{fill:#5a6675}"
            "g:hover rect{stroke:#1c2430}</style>\n"
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"));
    if (d->options.layout == HP_FLAMESVG_SUNBURST) {
        hp_buf_put_text(d->out, HP_STR("<style>path{stroke:#ffffff}g:hover path{stroke:#1c2430}</style>\n"));
    }
    hp_buf_printf(d->out, "<text class=\"t\" x=\"%d\" y=\"24\">", MARGIN);
    hp_svgtext_put_clipped(d->out, d->options.title.n == 0 ? HP_STR("flame graph") : d->options.title,
                           d->options.width / 16);
    hp_buf_printf(d->out, "</text>\n<text class=\"c\" x=\"%" PRIu32 "\" y=\"24\" text-anchor=\"end\">",
                  d->options.width - MARGIN);
    if (!d->options.file) {
        hp_buf_printf(d->out, "%s %s, ", hp_show_count(count, n), n == 1 ? "request" : "requests");
    }
    hp_buf_printf(d->out, "%s%s",
                  hp_profile_show(time, d->options.unit, d->tree->nodes[HP_NODE_ROOT].total / n),
                  n == 1 ? "" : " each on average");
    if (d->options.unit == HP_UNIT_SAMPLES || d->options.unit == HP_UNIT_COUNT) {
        hp_buf_printf(d->out, " %s", hp_profile_unit_name(d->options.unit));
    }
    hp_buf_put_text(d->out, HP_STR("</text>\n"));
}

/* Hand over what is written so far: a large document takes no memory then. */
static void pass_on(struct drawing *d)
{
    if (d->options.pass != NULL && d->out->err == HP_OK && d->out->len >= PIECE_BYTES) {
        hp_err err = d->options.pass(d->options.ctx, hp_buf_str(d->out));
        hp_buf_reset(d->out);
        d->out->err = err;
    }
}

static void put_body(struct drawing *d)
{
    for (uint32_t i = 1; i < d->flame_count; i++) {
        if (d->flames[i].drawn) {
            put_caption(d, &d->flames[i]);
        }
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(d->tree, i)) {
        bool drawn = d->flames[d->places[i].flame].drawn && is_visible(d, i);
        if (drawn && !(d->callers && i == HP_NODE_ROOT)) {
            put_node(d, i);
            pass_on(d);
        }
    }
    if (d->drawn_count < d->flame_count) {
        char count[HP_SHOW_BYTES];
        hp_buf_printf(d->out,
                      "<text class=\"c\" x=\"%d\" y=\"%" PRIu32 "\">%s shorter lanes are not drawn</text>\n",
                      MARGIN, d->height - FOOT, hp_show_count(count, d->flame_count - d->drawn_count));
    }
}

/* Place everything from `top` on. HP_ENOMEM. */
static hp_err begin(struct drawing *d, const struct hp_tree *tree, const struct hp_flamesvg_options *options,
                    uint32_t top)
{
    d->tree = tree;
    d->top = top;
    hp_buf_init(&d->name, NAME_BYTES);
    d->options = options != NULL ? *options : (struct hp_flamesvg_options){0};
    d->options.width = d->options.width < 200 ? 1200 : d->options.width;
    d->options.min_share = d->options.min_share > 0 ? d->options.min_share : 0.001;
    d->options.max_lanes = d->options.max_lanes == 0 ? 6 : d->options.max_lanes;
    d->places = hp_calloc(tree->count, sizeof *d->places);
    d->flames = hp_calloc((size_t)tree->lane_count + 1, sizeof *d->flames);
    if (d->places == NULL || d->flames == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        place_node(d, i);
    }
    choose_flames(d);
    return HP_OK;
}

static void end(struct drawing *d)
{
    hp_buf_fini(&d->name);
    hp_free(d->flames);
    hp_free(d->places);
}

hp_err hp_flamesvg_write(const struct hp_tree *tree, const struct hp_dict *dict,
                         const struct hp_flamesvg_options *options, struct hp_buf *out)
{
    struct drawing d = {.dict = dict, .out = out};
    hp_err err = begin(&d, tree, options, HEAD);
    if (err == HP_OK) {
        put_head(&d);
        put_body(&d);
        hp_buf_put_text(out, HP_STR("</svg>\n"));
        err = out->err;
    }
    end(&d);
    return err;
}

hp_err hp_flamesvg_write_sandwich(const struct hp_sandwich *sandwich, const struct hp_dict *dict,
                                  const struct hp_flamesvg_options *options, struct hp_buf *out)
{
    struct drawing above = {.dict = dict, .out = out, .callers = true}, below = {.dict = dict, .out = out};
    struct hp_flamesvg_options half = *options;
    half.layout = HP_FLAMESVG_FLAME;
    hp_err err = begin(&above, sandwich->callers, &half, HEAD);
    if (err != HP_OK) {
        goto done;
    }
    half.layout = HP_FLAMESVG_ICICLE;
    err = begin(&below, sandwich->callees, &half, HEAD + above.flames[0].depth * ROW);
    if (err != HP_OK) {
        goto done;
    }
    put_head(&below);
    put_body(&above);
    put_body(&below);
    hp_buf_put_text(out, HP_STR("</svg>\n"));
    err = out->err;
done:
    end(&below);
    end(&above);
    return err;
}
