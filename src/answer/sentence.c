/* sentence.c -- see sentence.h. */
#include "answer/sentence.h"

#include <string.h>
#include "base/show.h"

void hp_sentence_place(const struct hp_answer_finding *finding, struct hp_buf *out)
{
    if (finding->file.n != 0) {
        hp_buf_put_text(out, finding->file);
        if (finding->line != 0) {
            hp_buf_printf(out, ":%u", finding->line);
        }
    } else {
        hp_buf_put_text(out, finding->function.n != 0 ? finding->function : HP_STR("place not known"));
    }
    if (finding->via.n != 0) {
        hp_buf_printf(out, " (via %.*s)", (int)finding->via.n, finding->via.p);
    }
}

static struct hp_str kept(struct hp_buf *buf, struct hp_arena *arena)
{
    char *copy = buf->err == HP_OK ? hp_arena_dup(arena, buf->data, buf->len) : NULL;
    struct hp_str text = hp_str_make(copy, copy != NULL ? buf->len : 0);
    hp_buf_fini(buf);
    return text;
}

static struct hp_str mostly(const struct hp_answer_route *route, const struct hp_dict *dict,
                            struct hp_arena *arena)
{
    struct hp_symbol function = hp_dict_symbol(dict, route->mostly.sym);
    struct hp_symbol callee = hp_dict_symbol(dict, route->mostly.callee);
    char figure[HP_SHOW_BYTES];
    struct hp_buf buf;
    if (route->mostly.share <= 0) {
        return (struct hp_str){NULL, 0};
    }
    hp_buf_init(&buf, (size_t)1 << 16);
    hp_buf_put_text(&buf, route->name);
    hp_buf_printf(&buf, " %s: ", hp_show_ns(figure, route->now_ns));
    hp_buf_printf(&buf, "%s %s %.*s:%u in %.*s", hp_show_percent(figure, route->mostly.share),
                  callee.name.n != 0 ? "is at" : "computes at", (int)function.file.n, function.file.p,
                  route->mostly.line, (int)function.name.n, function.name.p);
    if (callee.name.n != 0) {
        hp_buf_printf(&buf, ", which calls %.*s", (int)callee.name.n, callee.name.p);
    }
    return kept(&buf, arena);
}

struct hp_str hp_sentence_route(const struct hp_answer *answer, const struct hp_answer_route *route,
                                struct hp_arena *arena)
{
    struct hp_buf buf;
    char figure[HP_SHOW_BYTES];
    if (route->count == 0) {
        return mostly(route, answer->dict, arena);
    }
    hp_buf_init(&buf, (size_t)1 << 20);
    hp_buf_put_text(&buf, route->name);
    hp_buf_printf(&buf, " %s: ", hp_show_ns(figure, route->now_ns));
    for (uint32_t i = 0; i < route->count; i++) {
        const struct hp_answer_finding *finding = &answer->findings[answer->by_route[route->first + i]];
        hp_buf_put_text(&buf, i == 0 ? HP_STR("") : HP_STR("; "));
        if (!finding->finding.fixed_figures) { /* shares are of the median or the p95, not of a first request
                                                  or of memory */
            hp_buf_printf(&buf, "%s%s ", hp_show_percent(figure, finding->share),
                          finding->finding.tail ? " of its p95" : "");
        }
        hp_buf_put_text(&buf, finding->finding.title);
        hp_buf_put_text(&buf, HP_STR(", "));
        hp_sentence_place(finding, &buf);
    }
    hp_show_ns(figure, route->after_all_ns);
    if (route->count <= 2) {
        hp_buf_printf(&buf, "; fixing %s: about %s", route->count == 1 ? "it" : "both", figure);
    } else {
        hp_buf_printf(&buf, "; fixing all %u: about %s", route->count, figure);
    }
    return kept(&buf, arena);
}

/* "1–3", "1 and 4", "2": ranks of the route's findings. */
static void put_ranks(const struct hp_answer *answer, const struct hp_answer_route *route, struct hp_buf *out)
{
    for (uint32_t i = 0; i < route->count;) {
        uint32_t first = answer->findings[answer->by_route[route->first + i]].rank, last = first;
        for (i++; i < route->count && answer->findings[answer->by_route[route->first + i]].rank == last + 1;
             i++) {
            last++;
        }
        hp_buf_printf(out, last == first ? "%u" : last == first + 1 ? "%u and %u" : "%u–%u", first, last);
        hp_buf_put_text(out, i < route->count ? HP_STR(", ") : HP_STR(""));
    }
}

void hp_sentence_left(const struct hp_answer *answer, const struct hp_answer_route *route, struct hp_buf *out)
{
    char figure[HP_SHOW_BYTES];
    hp_buf_put_text(out, route->name);
    hp_buf_put_text(out, HP_STR(": after fixing "));
    put_ranks(answer, route, out);
    hp_buf_printf(out, " about %s", hp_show_ns(figure, route->after_all_ns));
}

static size_t columns(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += ((unsigned char)p[i] & 0xC0) != 0x80;
    }
    return count;
}

void hp_sentence_wrap(struct hp_str text, uint32_t indent, uint32_t width, struct hp_buf *out)
{
    size_t at = 0, used = 0;
    hp_buf_printf(out, "%*s", (int)indent, "");
    used = indent;
    while (at < text.n) {
        size_t end = at;
        while (end < text.n && text.p[end] != ' ' && text.p[end] != '\n') {
            end++;
        }
        size_t word = columns(text.p + at, end - at);
        if (used + 1 + word > width && used > indent) {
            hp_buf_printf(out, "\n%*s", (int)indent, "");
            used = indent;
        } else if (used > indent) {
            hp_buf_put_text(out, HP_STR(" "));
            used++;
        }
        hp_buf_put(out, text.p + at, end - at);
        used += word;
        at = end + 1;
    }
    hp_buf_put_text(out, HP_STR("\n"));
}
