/* flamesvg.c -- see flamesvg.h.
 *
 * Two walks over the tree, parents before children. The first gives each node its flame, depth and left end; the second draws.
 *
 *     ┌ title ─────────────────────┐
 *     │        flame 0: request    │  depth grows upward from its base line
 *     ├ caption of lane 1 ─────────┤
 *     │        flame 1             │
 */
#include "format/flamesvg.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/show.h"
#include "format/framename.h"

enum { MARGIN = 10, ROW = 17, TEXT_WIDTH_X100 = 660, HEAD = 44, CAPTION = 26, FOOT = 10 };

struct place {
    uint64_t left, cursor; /* in the time of its flame; cursor: where the next child begins */
    uint32_t flame, depth;
};

struct flame {
    uint32_t node;  /* its base */
    uint32_t depth; /* rows above the base */
    uint32_t y;     /* of the base row's upper edge */
    bool drawn;
};

struct drawing {
    const struct hp_tree *tree;
    const struct hp_dict *dict;
    struct hp_flamesvg_options options;
    struct place *places;
    struct flame *flames;
    uint32_t flame_count, drawn_count, height;
    struct hp_buf *out;
};

/* ---- text ---- */

/* XML text: markup escaped, what XML 1.0 forbids and what is not UTF-8 replaced. */
static void put_xml(struct hp_buf *out, struct hp_str text)
{
    while (text.n != 0) {
        size_t n = hp_utf8_len(text);
        unsigned char c = (unsigned char)text.p[0];
        if (c == '&') {
            hp_buf_put_text(out, HP_STR("&amp;"));
        } else if (c == '<') {
            hp_buf_put_text(out, HP_STR("&lt;"));
        } else if (c == '>') {
            hp_buf_put_text(out, HP_STR("&gt;"));
        } else if (c == '"') {
            hp_buf_put_text(out, HP_STR("&quot;"));
        } else if (n == 0 || c < 0x20 ||
                   (n == 3 && memcmp(text.p, "\xEF\xBF", 2) == 0 && (unsigned char)text.p[2] >= 0xBE)) {
            hp_buf_put_text(out, HP_STR("\xEF\xBF\xBD"));
        } else {
            hp_buf_put(out, text.p, n);
        }
        n = n == 0 ? 1 : n;
        text = hp_str_make(text.p + n, text.n - n);
    }
}

/* At most `most` characters of `text`, the last one "…" if some are cut. */
static void put_clipped(struct hp_buf *out, struct hp_str text, size_t most)
{
    size_t bytes = 0, chars = 0, cut = 0;
    while (bytes < text.n && chars <= most) {
        size_t n = hp_utf8_len(hp_str_make(text.p + bytes, text.n - bytes));
        bytes += n == 0 ? 1 : n;
        chars++;
        cut = chars == most - 1 ? bytes : cut;
    }
    if (chars <= most) {
        put_xml(out, text);
    } else {
        put_xml(out, hp_str_make(text.p, cut));
        hp_buf_put_text(out, HP_STR("…"));
    }
}

/* Thousandths of a pixel as "12.345", whatever the locale. */
static void put_px(struct hp_buf *out, uint64_t thousandths)
{
    hp_buf_printf(out, "%" PRIu64 ".%02u", thousandths / 1000, (unsigned)(thousandths % 1000 / 10));
}

/* ---- placing ---- */

static uint64_t requests_of(const struct drawing *d)
{
    return d->options.requests == 0 ? 1 : d->options.requests;
}

static bool is_base(const struct drawing *d, uint32_t node)
{
    return d->flames[d->places[node].flame].node == node;
}

static bool is_visible(const struct drawing *d, uint32_t node)
{
    const struct flame *flame = &d->flames[d->places[node].flame];
    double whole = (double)d->tree->nodes[flame->node].total;
    return is_base(d, node) || (double)d->tree->nodes[node].total >= d->options.min_share * whole;
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

/* The request, then the longest lanes, as many as asked for; then their heights. */
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
    uint32_t y = HEAD;
    for (uint32_t i = 0; i < d->flame_count; i++) {
        struct flame *flame = &d->flames[i];
        if (flame->drawn) {
            y += i == 0 ? 0 : CAPTION;
            flame->y = y + flame->depth * ROW;
            y = flame->y + ROW;
            d->drawn_count++;
        }
    }
    d->height = y + FOOT + (d->drawn_count < d->flame_count ? CAPTION : 0);
}

/* ---- drawing ---- */

/* Hue 0-359, saturation and lightness in per cent, as "#rrggbb": not every viewer knows hsl(). */
static void put_hsl(struct hp_buf *out, unsigned hue, unsigned saturation, unsigned lightness)
{
    static const double shift[3] = {0, 8, 4};
    double light = lightness / 100.0, a = saturation / 100.0 * (light < 0.5 ? light : 1 - light);
    hp_buf_put_text(out, HP_STR("#"));
    for (int i = 0; i < 3; i++) {
        double k = shift[i] + hue / 30.0;
        k = k >= 12 ? k - 12 : k;
        double up = k - 3, down = 9 - k, least = up < down ? up : down;
        least = least > 1 ? 1 : least < -1 ? -1 : least;
        hp_buf_printf(out, "%02x", (unsigned)(255 * (light - a * least) + 0.5));
    }
}

/* One hue a module. Application: strong and warm, told apart by file (it is one package); library: pale; the rest grey. */
static void put_colour(struct hp_buf *out, const struct hp_symbol *symbol, uint8_t kind)
{
    bool app = symbol->flags & HP_SYM_APP;
    struct hp_str key = app ? symbol->file : hp_framename_module(symbol);
    uint64_t hash = hp_hash64(key.p, key.n, 0);
    if (kind == HP_NODE_LANE || kind == HP_NODE_OVERFLOW || symbol->kind == HP_SYM_ROOT ||
        symbol->name.n == 0) {
        hp_buf_put_text(out, HP_STR("#d9dde3"));
    } else if (app) {
        put_hsl(out, (unsigned)(10 + hash % 36), (unsigned)(78 + (hash >> 8) % 14),
                (unsigned)(58 + (hash >> 16) % 8));
    } else if (symbol->kind == HP_SYM_C) {
        hp_buf_put_text(out, HP_STR("#e9ebee"));
    } else {
        put_hsl(out, (unsigned)(80 + hash % 220), (unsigned)(24 + (hash >> 16) % 16),
                (unsigned)(86 + (hash >> 24) % 5));
    }
}

/* "412 ms of 1.20 s, 34 %, 40 calls": a request's share. */
static void put_numbers(struct drawing *d, const struct hp_node *node, uint64_t whole)
{
    char time[HP_SHOW_BYTES], self[HP_SHOW_BYTES], share[HP_SHOW_BYTES], calls[HP_SHOW_BYTES];
    uint64_t n = requests_of(d);
    hp_buf_printf(d->out, "%s, %s (self %s)", hp_profile_show(time, d->options.unit, node->total / n),
                  hp_show_percent(share, whole == 0 ? 0 : (double)node->total / (double)whole),
                  hp_profile_show(self, d->options.unit, node->self / n));
    if (node->calls != 0 || !d->options.file) {
        hp_buf_printf(d->out, ", %s %s", hp_show_count(calls, node->calls),
                      node->calls == 1 ? "call" : "calls");
    }
    if (n > 1) {
        hp_buf_printf(d->out, " in %s requests", hp_show_count(calls, n));
    }
}

static struct hp_str shown_name(const struct drawing *d, const struct hp_symbol *symbol, uint32_t i)
{
    return i == HP_NODE_ROOT && d->options.file ? HP_STR("all")
                                                : hp_framename_shown(symbol, i == HP_NODE_ROOT);
}

static void put_node_name(const struct drawing *d, struct hp_buf *out, const struct hp_symbol *symbol,
                          uint32_t i)
{
    if (i == HP_NODE_ROOT && d->options.file) {
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
    put_hsl(d->out, part < 0 ? 214 : 4, strength < 0.001 ? 0 : 78, (unsigned)(93 - 38 * strength + 0.5));
}

static void put_box(struct drawing *d, uint32_t i)
{
    const struct hp_node *node = &d->tree->nodes[i];
    const struct place *place = &d->places[i];
    const struct flame *flame = &d->flames[place->flame];
    struct hp_symbol symbol = hp_dict_symbol(d->dict, node->sym);
    uint64_t whole = d->tree->nodes[flame->node].total;
    double px = (double)(d->options.width - 2 * MARGIN) * 1000.0;
    uint64_t x = whole == 0 ? 0 : (uint64_t)(px * (double)place->left / (double)whole);
    uint64_t width =
        is_base(d, i) || whole == 0 ? (uint64_t)px : (uint64_t)(px * (double)node->total / (double)whole);
    uint32_t y = d->options.icicle ? flame->y - flame->depth * ROW + place->depth * ROW
                                   : flame->y - place->depth * ROW;
    hp_buf_put_text(d->out, HP_STR("<g><title>"));
    struct hp_buf name;
    hp_buf_init(&name, 65536);
    put_node_name(d, &name, &symbol, i);
    put_xml(d->out, hp_buf_str(&name));
    hp_buf_fini(&name);
    if (node->line != 0) {
        hp_buf_printf(d->out, ", called at line %" PRIu32, node->line);
    }
    hp_buf_put_text(d->out, HP_STR("\n"));
    put_numbers(d, node, whole);
    put_change(d, i);
    hp_buf_put_text(d->out, HP_STR("</title><rect x=\""));
    put_px(d->out, MARGIN * 1000 + x);
    hp_buf_printf(d->out, "\" y=\"%" PRIu32 "\" width=\"", y);
    put_px(d->out, width);
    hp_buf_printf(d->out, "\" height=\"%d\" fill=\"", ROW - 1);
    if (d->options.before != NULL) {
        put_change_colour(d, i);
    } else {
        put_colour(d->out, &symbol, node->kind);
    }
    hp_buf_put_text(d->out, HP_STR("\"/>"));
    size_t most = (size_t)(width / 10 / TEXT_WIDTH_X100);
    if (most >= 3) {
        hp_buf_put_text(d->out, HP_STR("<text x=\""));
        put_px(d->out, MARGIN * 1000 + x + 3000);
        hp_buf_printf(d->out, "\" y=\"%" PRIu32 "\">", y + 12);
        put_clipped(d->out, shown_name(d, &symbol, i), most);
        hp_buf_put_text(d->out, HP_STR("</text>"));
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
    hp_buf_init(&text, 65536);
    hp_buf_put_text(&text, HP_STR("in parallel: "));
    hp_framename_put(&text, &symbol, false);
    hp_buf_put_text(&text, HP_STR(", started by "));
    hp_framename_put(&text, &starter, parent == HP_NODE_ROOT);
    hp_buf_printf(&text, ", %s×, %s together%s", hp_show_count(count, node->calls),
                  hp_profile_show(time, d->options.unit, node->total / requests_of(d)),
                  requests_of(d) > 1 ? " a request" : "");
    hp_buf_printf(d->out, "<text class=\"c\" x=\"%d\" y=\"%" PRIu32 "\">", MARGIN,
                  flame->y - flame->depth * ROW - 6);
    put_xml(d->out, hp_buf_str(&text));
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
    hp_buf_printf(d->out, "<text class=\"t\" x=\"%d\" y=\"24\">", MARGIN);
    put_clipped(d->out, d->options.title.n == 0 ? HP_STR("flame graph") : d->options.title,
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

static void put_document(struct drawing *d)
{
    put_head(d);
    for (uint32_t i = 1; i < d->flame_count; i++) {
        if (d->flames[i].drawn) {
            put_caption(d, &d->flames[i]);
        }
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(d->tree, i)) {
        if (d->flames[d->places[i].flame].drawn && is_visible(d, i)) {
            put_box(d, i);
        }
    }
    if (d->drawn_count < d->flame_count) {
        char count[HP_SHOW_BYTES];
        hp_buf_printf(d->out,
                      "<text class=\"c\" x=\"%d\" y=\"%" PRIu32 "\">%s shorter lanes are not drawn</text>\n",
                      MARGIN, d->height - FOOT, hp_show_count(count, d->flame_count - d->drawn_count));
    }
    hp_buf_put_text(d->out, HP_STR("</svg>\n"));
}

hp_err hp_flamesvg_write(const struct hp_tree *tree, const struct hp_dict *dict,
                         const struct hp_flamesvg_options *options, struct hp_buf *out)
{
    struct drawing d = {.tree = tree, .dict = dict, .out = out};
    hp_err err = HP_ENOMEM;
    d.options = options != NULL ? *options : (struct hp_flamesvg_options){0};
    d.options.width = d.options.width < 200 ? 1200 : d.options.width;
    d.options.min_share = d.options.min_share > 0 ? d.options.min_share : 0.001;
    d.options.max_lanes = d.options.max_lanes == 0 ? 6 : d.options.max_lanes;
    d.places = hp_calloc(tree->count, sizeof *d.places);
    d.flames = hp_calloc((size_t)tree->lane_count + 1, sizeof *d.flames);
    if (d.places == NULL || d.flames == NULL) {
        goto done;
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        place_node(&d, i);
    }
    choose_flames(&d);
    put_document(&d);
    err = out->err;
done:
    hp_free(d.flames);
    hp_free(d.places);
    return err;
}
