/* levels.c -- see levels.h. */
#include "model/levels.h"

#include <string.h>

#include "model/record.h"

static const char *const names[] = {"count", "monitor", "sample", "trace"};

/* ---- reading ---- */

static struct hp_str next_word(struct hp_str *line)
{
    size_t from = 0, to;
    while (from < line->n && (line->p[from] == ' ' || line->p[from] == '\t' || line->p[from] == '\r')) {
        from++;
    }
    to = from;
    while (to < line->n && line->p[to] != ' ' && line->p[to] != '\t' && line->p[to] != '\r') {
        to++;
    }
    struct hp_str word = hp_str_make(line->p + from, to - from);
    *line = hp_str_make(line->p + to, line->n - to);
    return word;
}

/* "500ms", "2s" */
static bool read_time(struct hp_str word, uint64_t *ns)
{
    uint64_t value = 0;
    size_t i = 0;
    while (i < word.n && i < 9 && word.p[i] >= '0' && word.p[i] <= '9') {
        value = value * 10 + (uint64_t)(word.p[i] - '0');
        i++;
    }
    struct hp_str unit = hp_str_make(word.p + i, word.n - i);
    bool seconds = hp_str_eq(unit, HP_STR("s"));
    *ns = value * (seconds ? UINT64_C(1000000000) : UINT64_C(1000000));
    return value != 0 && (seconds || hp_str_eq(unit, HP_STR("ms")));
}

static bool is_method(struct hp_str word)
{
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < 'A' || word.p[i] > 'Z') {
            return false;
        }
    }
    return word.n != 0;
}

/* Read one line; false: it is none. An empty one is a rule with an empty route. */
static bool read_rule(struct hp_levels *levels, struct hp_str line, struct hp_level_rule *rule)
{
    struct hp_str method = {line.p, 0}, level = next_word(&line), route = next_word(&line);
    *rule = (struct hp_level_rule){.over_ns = 0};
    if (level.n == 0) {
        return true;
    }
    if (is_method(route)) {
        method = route;
        route = next_word(&line);
    }
    struct hp_str over = next_word(&line), time = next_word(&line);
    bool starts = route.n != 0 && (route.p[0] == '/' || route.p[0] == '*');
    bool timed = over.n == 0 || (hp_str_eq(over, HP_STR("over")) && read_time(time, &rule->over_ns));
    rule->method_at = (uint16_t)(method.p - levels->text);
    rule->method_n = (uint16_t)method.n;
    rule->rule_at = (uint16_t)(route.p - levels->text);
    rule->rule_n = (uint16_t)route.n;
    return hp_levels_name(level, &rule->level) && starts && timed && next_word(&line).n == 0;
}

bool hp_levels_name(struct hp_str word, uint8_t *level)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (hp_str_eq(word, hp_str_from0(names[i]))) {
            *level = (uint8_t)i;
            return true;
        }
    }
    return false;
}

hp_err hp_levels_read(struct hp_levels *levels, struct hp_str text, struct hp_errinfo *info)
{
    uint64_t number = 0;
    levels->count = 0;
    memset(levels->known, 0, sizeof levels->known);
    if (text.n > sizeof levels->text) {
        return hp_err_set(info, HP_EINVAL, 0, "more than %u bytes", HP_LEVELS_BYTES);
    }
    if (text.n != 0) {
        memcpy(levels->text, text.p, text.n);
    }
    struct hp_str rest = hp_str_make(levels->text, text.n);
    while (rest.n != 0) {
        size_t n = hp_str_find_char(rest, '\n');
        struct hp_level_rule rule;
        number++;
        if (levels->count == HP_LEVELS_MOST || !read_rule(levels, hp_str_make(rest.p, n), &rule)) {
            bool full = levels->count == HP_LEVELS_MOST;
            levels->count = 0;
            return hp_err_set(info, HP_EINVAL, number,
                              full ? "line %u: too many rules"
                                   : "line %u: not a rule like monitor GET /slow/* over 500ms",
                              (unsigned)number);
        }
        if (rule.rule_n != 0) {
            levels->rules[levels->count++] = rule;
        }
        n += n < rest.n;
        rest = hp_str_make(rest.p + n, rest.n - n);
    }
    return HP_OK;
}

/* ---- finding ---- */

/* `*` is any text; greedy with one step back, so it ends. */
static bool fits(struct hp_str pattern, struct hp_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

static uint8_t search(const struct hp_levels *levels, struct hp_route route)
{
    for (uint32_t i = 0; i < levels->count; i++) {
        const struct hp_level_rule *rule = &levels->rules[i];
        struct hp_str method = hp_str_make(levels->text + rule->method_at, rule->method_n);
        struct hp_str pattern = hp_str_make(levels->text + rule->rule_at, rule->rule_n);
        if ((method.n == 0 || hp_str_eq(method, route.method)) && fits(pattern, route.rule)) {
            return (uint8_t)(i + 2);
        }
    }
    return 1;
}

const struct hp_level_rule *hp_levels_find(struct hp_levels *levels, const struct hp_dict *dict,
                                           uint32_t route)
{
    uint8_t known = route < HP_LEVELS_KNOWN ? levels->known[route] : 0;
    if (levels->count == 0) {
        return NULL;
    }
    if (known == 0) {
        known = search(levels, hp_dict_route(dict, route));
        if (route < HP_LEVELS_KNOWN) {
            levels->known[route] = known;
        }
    }
    return known == 1 ? NULL : &levels->rules[known - 2];
}
