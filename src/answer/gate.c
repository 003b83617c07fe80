/* gate.c -- see gate.h. */
#include "answer/gate.h"

#include <string.h>

static const char *const names[HP_GATE_METRICS] = {"p50",  "p90", "p95",    "p99",
                                                   "mean", "sql", "errors", "new-finding"};

static struct hp_str trim(struct hp_str text)
{
    while (text.n > 0 && text.p[0] == ' ') {
        text = hp_str_make(text.p + 1, text.n - 1);
    }
    while (text.n > 0 && text.p[text.n - 1] == ' ') {
        text.n--;
    }
    return text;
}

/* Digits with an optional fraction; the locale plays no part. False: no number. */
static bool take_number(struct hp_str *text, double *number)
{
    double value = 0, place = 1;
    bool fraction = false, any = false;
    size_t i = 0;
    for (; i < text->n && i < 18; i++) {
        char c = text->p[i];
        if (c == '.' && !fraction) {
            fraction = true;
        } else if (c >= '0' && c <= '9') {
            any = true;
            place = fraction ? place / 10 : place;
            value = fraction ? value + (c - '0') * place : value * 10 + (c - '0');
        } else {
            break;
        }
    }
    *text = hp_str_make(text->p + i, text->n - i);
    *number = value;
    return any;
}

static bool take_unit(struct hp_str unit, struct hp_gate_term *term)
{
    static const struct {
        const char *name;
        enum hp_gate_unit unit;
        double factor;
    } units[] = {{"", HP_GATE_PLAIN, 1},
                 {"%", HP_GATE_PERCENT, 1},
                 {"us", HP_GATE_NS, 1e3},
                 {"ms", HP_GATE_NS, 1e6},
                 {"s", HP_GATE_NS, 1e9}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (hp_str_eq(unit, hp_str_from0(units[i].name))) {
            term->unit = units[i].unit;
            term->threshold *= units[i].factor;
            return true;
        }
    }
    return false;
}

static bool unit_fits(const struct hp_gate_term *term)
{
    switch (term->metric) {
    case HP_GATE_SQL:
        return term->unit != HP_GATE_NS;
    case HP_GATE_ERRORS:
        return term->unit != HP_GATE_NS;
    case HP_GATE_NEW_FINDING:
        return true;
    default: /* p95>0 means any growth; another plain number would leave the unit open */
        return term->unit != HP_GATE_PLAIN || term->threshold <= 0;
    }
}

static bool parse_term(struct hp_str text, struct hp_gate_term *term)
{
    size_t sign = hp_str_find_char(text, '>');
    struct hp_str name = trim(hp_str_make(text.p, sign));
    memset(term, 0, sizeof *term);
    uint32_t metric = 0;
    while (metric < HP_GATE_METRICS && !hp_str_eq(name, hp_str_from0(names[metric]))) {
        metric++;
    }
    if (metric == HP_GATE_METRICS && hp_str_eq(name, HP_STR("median"))) {
        metric = HP_GATE_P50;
    }
    if (metric == HP_GATE_METRICS || (sign == text.n) != (metric == HP_GATE_NEW_FINDING)) {
        return false;
    }
    term->metric = (enum hp_gate_metric)metric;
    if (metric == HP_GATE_NEW_FINDING) {
        return true;
    }
    struct hp_str rest = trim(hp_str_make(text.p + sign + 1, text.n - sign - 1));
    return take_number(&rest, &term->threshold) && take_unit(trim(rest), term) && unit_fits(term);
}

hp_err hp_gate_parse(struct hp_str text, struct hp_gate *gate, struct hp_errinfo *info)
{
    struct hp_gate parsed = {.count = 0};
    while (text.n > 0) {
        size_t comma = hp_str_find_char(text, ',');
        struct hp_str term = trim(hp_str_make(text.p, comma));
        size_t skip = comma < text.n ? comma + 1 : comma;
        text = hp_str_make(text.p + skip, text.n - skip);
        if (parsed.count == HP_GATE_TERMS) {
            return hp_err_set(info, HP_EFULL, 0, "--fail-on: more than %d terms", HP_GATE_TERMS);
        }
        if (!parse_term(term, &parsed.terms[parsed.count])) {
            return hp_err_set(
                info, HP_EINVAL, 0,
                "--fail-on: '%.*s' is not like p95>10%%, median>20ms, sql>0, errors>1%% or new-finding",
                (int)(term.n < 60 ? term.n : 60), term.p);
        }
        parsed.count++;
    }
    if (parsed.count == 0) {
        return hp_err_set(info, HP_EINVAL, 0, "--fail-on: nothing to check");
    }
    *gate = parsed;
    return HP_OK;
}

static bool exceeds(const struct hp_gate_term *term, const struct hp_gate_value *value)
{
    double growth = value->after - value->before;
    if (!value->changed || growth <= 0) {
        return false;
    }
    if (term->metric == HP_GATE_ERRORS) {
        return growth * (term->unit == HP_GATE_PERCENT ? 100 : 1) > term->threshold;
    }
    if (term->unit == HP_GATE_PERCENT) {
        return value->before > 0 ? growth / value->before * 100 > term->threshold : true;
    }
    return growth > term->threshold;
}

bool hp_gate_route_fails(const struct hp_gate *gate, const struct hp_gate_route *route, struct hp_buf *why)
{
    bool fails = false;
    for (uint32_t i = 0; i < gate->count; i++) {
        const struct hp_gate_term *term = &gate->terms[i];
        if (term->metric == HP_GATE_NEW_FINDING || !exceeds(term, &route->values[term->metric])) {
            continue;
        }
        fails = true;
        if (why != NULL) {
            const struct hp_gate_value *v = &route->values[term->metric];
            bool time = term->metric < HP_GATE_SQL;
            double scale = time ? 1e-6 : term->metric == HP_GATE_ERRORS ? 100 : 1;
            uint64_t before = (uint64_t)(v->before * scale * 100 + 0.5),
                     after = (uint64_t)(v->after * scale * 100 + 0.5);
            hp_buf_printf(why, "%.*s: %s went from %llu.%02llu to %llu.%02llu%s\n", (int)route->name.n,
                          route->name.p, names[term->metric], (unsigned long long)(before / 100),
                          (unsigned long long)(before % 100), (unsigned long long)(after / 100),
                          (unsigned long long)(after % 100),
                          time                             ? " ms"
                          : term->metric == HP_GATE_ERRORS ? " %"
                                                           : " a request");
        }
    }
    return fails;
}

bool hp_gate_findings_fail(const struct hp_gate *gate, uint32_t new_count, struct hp_buf *why)
{
    for (uint32_t i = 0; i < gate->count; i++) {
        if (gate->terms[i].metric == HP_GATE_NEW_FINDING && new_count != 0) {
            if (why != NULL) {
                hp_buf_printf(why, "%u new or returned finding%s\n", new_count, new_count == 1 ? "" : "s");
            }
            return true;
        }
    }
    return false;
}
