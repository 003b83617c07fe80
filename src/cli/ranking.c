/* ranking.c -- see ranking.h. */
#include "cli/ranking.h"

#include <ctype.h>
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/framename.h"

#define KEYS_MAX       8
#define NAME_MAX_BYTES ((size_t)1 << 20)

enum key { KEY_SELF, KEY_TOTAL, KEY_CALLS, KEY_PRIMITIVE, KEY_FILE, KEY_LINE, KEY_NAME, KEY_STDNAME };

static const struct {
    const char *name;
    enum key keys[3];
    unsigned count;
} names[] = {
    {"self", {KEY_SELF}, 1},        {"total", {KEY_TOTAL}, 1},
    {"calls", {KEY_CALLS}, 1},      {"ncalls", {KEY_CALLS}, 1},
    {"time", {KEY_SELF}, 1},        {"tottime", {KEY_SELF}, 1},
    {"cumtime", {KEY_TOTAL}, 1},    {"cumulative", {KEY_TOTAL}, 1},
    {"pcalls", {KEY_PRIMITIVE}, 1}, {"file", {KEY_FILE}, 1},
    {"filename", {KEY_FILE}, 1},    {"module", {KEY_FILE}, 1},
    {"line", {KEY_LINE}, 1},        {"name", {KEY_NAME}, 1},
    {"stdname", {KEY_STDNAME}, 1},  {"nfl", {KEY_NAME, KEY_FILE, KEY_LINE}, 3},
};

/* For qsort; the command line is one thread. */
static struct {
    const struct hp_callgraph *graph;
    const struct hp_dict *dict;
    enum key keys[KEYS_MAX];
    unsigned count;
    bool reverse;
} order;

/* ---- order ---- */

static int compare_stdnames(const struct hp_symbol *a, const struct hp_symbol *b)
{
    struct hp_buf x, y;
    hp_buf_init(&x, NAME_MAX_BYTES);
    hp_buf_init(&y, NAME_MAX_BYTES);
    hp_framename_put_pstats(&x, a);
    hp_framename_put_pstats(&y, b);
    int result = hp_str_cmp(hp_buf_str(&x), hp_buf_str(&y));
    hp_buf_fini(&x);
    hp_buf_fini(&y);
    return result;
}

static int descending(double a, double b)
{
    return a > b ? -1 : a < b;
}

static int descending_count(uint64_t a, uint64_t b)
{
    return a > b ? -1 : a < b;
}

static int compare_by(enum key key, const struct hp_callgraph_function *a,
                      const struct hp_callgraph_function *b)
{
    struct hp_symbol x, y;
    switch (key) {
    case KEY_SELF:
        return descending(a->self, b->self);
    case KEY_TOTAL:
        return descending(a->total, b->total);
    case KEY_CALLS:
        return descending_count(a->calls, b->calls);
    case KEY_PRIMITIVE:
        return descending_count(a->primitive, b->primitive);
    default:
        break;
    }
    x = hp_dict_symbol(order.dict, a->sym);
    y = hp_dict_symbol(order.dict, b->sym);
    return key == KEY_FILE   ? hp_str_cmp(x.file, y.file)
           : key == KEY_NAME ? hp_str_cmp(x.name, y.name)
           : key == KEY_LINE ? (x.line > y.line) - (x.line < y.line)
                             : compare_stdnames(&x, &y);
}

/* A function and what the first key says of it, 0 where that is no double: most comparisons end there,
 * without a look at the functions. */
struct ranked {
    double first;
    uint32_t function;
};

static bool first_is_double(void)
{
    return order.keys[0] == KEY_SELF || order.keys[0] == KEY_TOTAL;
}

static double first_key(const struct hp_callgraph_function *function)
{
    return !first_is_double() ? 0 : order.keys[0] == KEY_SELF ? function->self : function->total;
}

static struct ranked rank_of(uint32_t function)
{
    return (struct ranked){first_key(&order.graph->functions[function]), function};
}

static int compare_keys(const struct ranked *a, const struct ranked *b)
{
    uint32_t x = a->function, y = b->function;
    if (a->first != b->first) {
        return descending(a->first, b->first);
    }
    for (unsigned i = first_is_double(); i < order.count; i++) {
        int result = compare_by(order.keys[i], &order.graph->functions[x], &order.graph->functions[y]);
        if (result != 0) {
            return result;
        }
    }
    return x < y ? -1 : x > y;
}

static int order_of(const struct ranked *a, const struct ranked *b)
{
    return order.reverse ? compare_keys(b, a) : compare_keys(a, b);
}

static int compare(const void *a, const void *b)
{
    return order_of(a, b);
}

static hp_err parse_keys(const char *text, struct hp_errinfo *info)
{
    order.count = 0;
    while (*text != '\0') {
        size_t n = strcspn(text, ","), at = 0;
        while (at < sizeof names / sizeof names[0] &&
               (strlen(names[at].name) != n || memcmp(names[at].name, text, n) != 0)) {
            at++;
        }
        if (at == sizeof names / sizeof names[0]) {
            return hp_err_set(
                info, HP_EINVAL, 0,
                "--sort %.*s: not one of self, total, calls, pcalls, file, line, name, nfl, stdname",
                (int)(n < 40 ? n : 40), text);
        }
        if (order.count + names[at].count > KEYS_MAX) {
            return hp_err_set(info, HP_EINVAL, 0, "--sort: too many keys");
        }
        for (unsigned i = 0; i < names[at].count; i++) {
            order.keys[order.count++] = names[at].keys[i];
        }
        text += n + (text[n] == ',');
    }
    return HP_OK;
}

/* Put `next` at `at` of a heap whose last in order is on top, or deeper. */
static void sink(struct ranked *heap, uint32_t count, uint32_t at, struct ranked next)
{
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && order_of(&heap[child + 1], &heap[child]) > 0;
        if (order_of(&heap[child], &next) <= 0) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = next;
}

/* The first `count` in order of `all` functions: those that are kept are a heap until all were seen. */
static void choose_first(struct ranked *kept, uint32_t count, uint32_t all)
{
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = rank_of(i);
    }
    for (uint32_t i = count / 2; count < all && i > 0; i--) {
        sink(kept, count, i - 1, kept[i - 1]);
    }
    for (uint32_t i = count; count != 0 && i < all; i++) {
        struct ranked next = rank_of(i);
        if (order_of(&next, &kept[0]) < 0) {
            sink(kept, count, 0, next);
        }
    }
    qsort(kept, count, sizeof *kept, compare);
}

hp_err hp_ranking_init(struct hp_ranking *ranking, const struct hp_callgraph *graph,
                       const struct hp_dict *dict, const char *keys, bool reverse, uint32_t most,
                       struct hp_errinfo *info)
{
    *ranking = (struct hp_ranking){0};
    hp_err err = parse_keys(keys, info);
    if (err != HP_OK) {
        return err;
    }
    uint32_t count = most < graph->listed_count ? most : graph->listed_count;
    ranking->list = hp_malloc((size_t)count * sizeof *ranking->list);
    struct ranked *ranked = hp_malloc((size_t)count * sizeof *ranked);
    if (ranking->list == NULL || ranked == NULL) {
        hp_free(ranked);
        return HP_ENOMEM;
    }
    ranking->count = count;
    order.graph = graph;
    order.dict = dict;
    order.reverse = reverse;
    choose_first(ranked, count, graph->listed_count);
    for (uint32_t i = 0; i < count; i++) {
        ranking->list[i] = ranked[i].function;
    }
    hp_free(ranked);
    return HP_OK;
}

void hp_ranking_fini(struct hp_ranking *ranking)
{
    hp_free(ranking->list);
    *ranking = (struct hp_ranking){0};
}

/* ---- restrictions ---- */

/* "25" is a number of functions, ".1" or "0.1" a share below 1; -1: neither. */
static double number_of(const char *text, bool *share)
{
    char *end;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.') {
        return -1;
    }
    double value = strtod(text, &end);
    *share = strchr(text, '.') != NULL;
    return *end == '\0' && text[strspn(text, "0123456789.")] == '\0' ? value : -1;
}

static hp_err compile(const char *text, regex_t *regex, struct hp_errinfo *info)
{
    char why[120];
    int failure = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
    if (failure != 0) {
        regerror(failure, regex, why, sizeof why);
        return hp_err_set(info, HP_EINVAL, 0, "%.80s: not a regular expression: %s", text, why);
    }
    return HP_OK;
}

static hp_err restrict_by_name(struct hp_ranking *ranking, const struct hp_callgraph *graph,
                               const struct hp_dict *dict, const char *text, struct hp_errinfo *info)
{
    regex_t regex;
    struct hp_buf name;
    uint32_t kept = 0;
    hp_err err = compile(text, &regex, info);
    if (err != HP_OK) {
        return err;
    }
    hp_buf_init(&name, NAME_MAX_BYTES);
    for (uint32_t i = 0; i < ranking->count; i++) {
        struct hp_symbol symbol = hp_dict_symbol(dict, graph->functions[ranking->list[i]].sym);
        hp_buf_reset(&name);
        hp_framename_put_pstats(&name, &symbol);
        hp_buf_put_u8(&name, '\0');
        if (name.err == HP_OK && regexec(&regex, (const char *)name.data, 0, NULL, 0) == 0) {
            ranking->list[kept++] = ranking->list[i];
        }
    }
    ranking->count = kept;
    hp_buf_fini(&name);
    regfree(&regex);
    return HP_OK;
}

hp_err hp_ranking_restrict(struct hp_ranking *ranking, const struct hp_callgraph *graph,
                           const struct hp_dict *dict, const char *restriction, struct hp_errinfo *info)
{
    bool share = false;
    double number = number_of(restriction, &share);
    if (number < 0) {
        return restrict_by_name(ranking, graph, dict, restriction, info);
    }
    double wanted = share ? (double)(uint64_t)(ranking->count * number + 0.5) : number;
    if ((!share || number < 1) && wanted < ranking->count) {
        ranking->count = (uint32_t)wanted;
    }
    return HP_OK;
}

hp_err hp_ranking_check(const char *keys, char *const *restrictions, int count, struct hp_errinfo *info)
{
    hp_err err = parse_keys(keys, info);
    for (int i = 0; i < count && err == HP_OK; i++) {
        bool share;
        regex_t regex;
        if (number_of(restrictions[i], &share) < 0) {
            err = compile(restrictions[i], &regex, info);
            if (err == HP_OK) {
                regfree(&regex);
            }
        }
    }
    return err;
}
