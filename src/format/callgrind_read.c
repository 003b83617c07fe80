/* callgrind_read.c -- reading; see callgrind.h. */
#include "base/intern.h"
#include "base/map.h"
#include "base/mem.h"
#include "format/callgrind.h"

enum { TABLE_FILE, TABLE_FUNCTION, TABLE_OBJECT, TABLES };

struct callgrind {
    struct hp_str bytes;
    size_t at, line_at;
    struct hp_profile *profile;
    struct hp_errinfo *info;
    hp_err err;
    struct hp_map ids[TABLES]; /* compressed number to string of the dictionary */
    struct hp_str file, callee_file, callee;
    uint32_t function; /* of the graph; UINT32_MAX: none yet */
    uint64_t calls;
    bool call_line, known_events; /* the next line is the cost of a call */
    uint32_t positions;
    double unit; /* value ÷ unit */
};

static void fail(struct callgrind *c, hp_err err, const char *why)
{
    if (c->err == HP_OK) {
        c->err = hp_err_set(c->info, err, c->line_at, "%s", why);
    }
}

static void note(struct callgrind *c, hp_err err)
{
    if (err != HP_OK) {
        fail(c, err, err == HP_EFULL ? "more functions than fit" : "out of memory");
    }
}

static bool next_line(struct callgrind *c, struct hp_str *line)
{
    if (c->at >= c->bytes.n) {
        return false;
    }
    struct hp_str rest = hp_str_make(c->bytes.p + c->at, c->bytes.n - c->at);
    size_t n = hp_str_find_char(rest, '\n');
    c->line_at = c->at;
    c->at += n + 1;
    n -= n != 0 && rest.p[n - 1] == '\r';
    *line = hp_str_make(rest.p, n);
    return true;
}

static struct hp_str rest_of(struct hp_str text, size_t from)
{
    while (from < text.n && (text.p[from] == ' ' || text.p[from] == '\t')) {
        from++;
    }
    return hp_str_make(text.p + from, text.n - from);
}

static bool parse_number(struct hp_str *text, uint64_t *value)
{
    size_t i = 0;
    uint64_t sum = 0;
    for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++) {
        sum = sum < UINT64_MAX / 10 - 1 ? sum * 10 + (uint64_t)(text->p[i] - '0') : UINT64_MAX;
    }
    *value = sum;
    bool any = i != 0;
    *text = rest_of(*text, i);
    return any;
}

/* "(3) name" says what 3 is from now on, "(3)" is it, "name" is itself. */
static struct hp_str name_of(struct callgrind *c, int table, struct hp_str text)
{
    uint64_t id;
    uint32_t string;
    if (text.n == 0 || text.p[0] != '(') {
        return text;
    }
    struct hp_str number = hp_str_make(text.p + 1, text.n - 1);
    if (!parse_number(&number, &id) || number.n == 0 || number.p[0] != ')') {
        return text;
    }
    struct hp_str name = rest_of(number, 1);
    if (name.n == 0) {
        return hp_map_get(&c->ids[table], id, &string) ? hp_dict_string(c->profile->dict, string) : text;
    }
    hp_err err = hp_dict_add_string(c->profile->dict, name, &string);
    note(c, err != HP_OK ? err : hp_map_put(&c->ids[table], id, string));
    return name;
}

static uint32_t function_of(struct callgrind *c, struct hp_str file, struct hp_str name)
{
    uint32_t sym = 0, index = 0;
    file = hp_str_eq(file, HP_STR("???")) ? HP_STR("") : file;
    hp_err err = hp_profile_symbol(c->profile, file, name, 0, &sym);
    err = err != HP_OK ? err : hp_callgraph_function(&c->profile->graph, sym, &index);
    note(c, err != HP_OK ? err : hp_callgraph_list(&c->profile->graph, index));
    return index;
}

/* "fn=", "cfl=" and the like; false: another line. */
static bool read_spec(struct callgrind *c, struct hp_str line)
{
    size_t n = hp_str_find_char(line, '=');
    struct hp_str key = hp_str_make(line.p, n), value = rest_of(line, n < line.n ? n + 1 : n);
    if (n > 5 || n == line.n) {
        return false;
    }
    if (hp_str_eq(key, HP_STR("fn"))) {
        struct hp_str name = name_of(c, TABLE_FUNCTION, value);
        c->function = function_of(c, c->file, name);
        c->callee_file = c->file;
    } else if (hp_str_eq(key, HP_STR("fl"))) {
        c->file = c->callee_file = name_of(c, TABLE_FILE, value);
    } else if (hp_str_eq(key, HP_STR("fi")) || hp_str_eq(key, HP_STR("fe"))) {
        (void)name_of(c, TABLE_FILE, value); /* inlined code: still the function's own cost */
    } else if (hp_str_eq(key, HP_STR("cfi")) || hp_str_eq(key, HP_STR("cfl"))) {
        c->callee_file = name_of(c, TABLE_FILE, value);
    } else if (hp_str_eq(key, HP_STR("cfn"))) {
        c->callee = name_of(c, TABLE_FUNCTION, value);
    } else if (hp_str_eq(key, HP_STR("ob")) || hp_str_eq(key, HP_STR("cob"))) {
        (void)name_of(c, TABLE_OBJECT, value);
    } else if (hp_str_eq(key, HP_STR("calls"))) {
        c->call_line = parse_number(&value, &c->calls);
        if (!c->call_line || c->function == UINT32_MAX || c->callee.p == NULL) {
            fail(c, HP_EFORMAT, "calls without a number, caller or callee");
        }
    } else {
        return hp_str_eq(key, HP_STR("jump")) || hp_str_eq(key, HP_STR("jcnd")) ||
               hp_str_eq(key, HP_STR("jfi")) || hp_str_eq(key, HP_STR("jfn"));
    }
    return true;
}

/* "positions: line", "events: Ir", and what else a head has. */
static bool read_head(struct callgrind *c, struct hp_str line)
{
    size_t n = hp_str_find_char(line, ':');
    if (n == line.n || n == 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((line.p[i] < 'a' || line.p[i] > 'z') && (line.p[i] < 'A' || line.p[i] > 'Z')) {
            return false;
        }
    }
    struct hp_str key = hp_str_make(line.p, n), value = rest_of(line, n + 1);
    if (hp_str_eq(key, HP_STR("positions"))) {
        c->positions = 0;
        for (struct hp_str left = value; left.n != 0;) {
            size_t word = hp_str_find_char(left, ' ');
            left = rest_of(left, word);
            c->positions++;
        }
    } else if (hp_str_eq(key, HP_STR("events"))) {
        struct hp_str event = hp_str_make(value.p, hp_str_find_char(value, ' '));
        bool ns = hp_str_eq(event, HP_STR("ns")), us = hp_str_eq(event, HP_STR("us"));
        c->known_events = true;
        c->profile->unit = ns || us ? HP_UNIT_TIME : HP_UNIT_COUNT;
        c->unit = ns ? 1e9 : us ? 1e6 : 1;
    }
    return true;
}

/* Positions, then costs; the first cost counts, missing ones are 0. */
static void read_cost(struct callgrind *c, struct hp_str line)
{
    uint64_t cost = 0;
    for (uint32_t i = 0; i < c->positions && line.n != 0; i++) {
        char first = line.p[0];
        if (first != '+' && first != '-' && first != '*' && (first < '0' || first > '9')) {
            fail(c, HP_EFORMAT, "neither a cost nor a name");
            return;
        }
        line = rest_of(line, hp_str_find_char(line, ' '));
    }
    if (line.n != 0 && !parse_number(&line, &cost)) {
        fail(c, HP_EFORMAT, "a cost that is no number");
        return;
    }
    if (c->function == UINT32_MAX) {
        fail(c, HP_EFORMAT, "a cost of no function");
        return;
    }
    double value = (double)cost / c->unit;
    struct hp_callgraph *graph = &c->profile->graph;
    if (!c->call_line) {
        graph->functions[c->function].self += value;
        graph->functions[c->function].total += value;
        return;
    }
    c->call_line = false;
    uint32_t callee = function_of(c, c->callee_file, c->callee);
    c->callee_file = c->file;
    if (c->err != HP_OK) {
        return;
    }
    graph->functions[callee].calls += c->calls;
    graph->functions[callee].primitive += callee == c->function ? 0 : c->calls;
    graph->functions[c->function].total += callee == c->function ? 0 : value;
    const struct hp_callgraph_edge edge = {
        .caller = c->function, .callee = callee, .calls = c->calls, .primitive = c->calls, .total = value};
    note(c, hp_callgraph_edge(graph, &edge));
}

static void read_lines(struct callgrind *c)
{
    struct hp_str line;
    while (c->err == HP_OK && next_line(c, &line)) {
        line = rest_of(line, 0);
        if (line.n == 0 || line.p[0] == '#' || read_spec(c, line) || read_head(c, line)) {
            continue;
        }
        read_cost(c, line);
    }
    if (c->call_line) {
        fail(c, HP_EFORMAT, "calls without their cost: the file ends too soon");
    }
    if (!c->known_events) {
        fail(c, HP_EFORMAT, "no line says what the events are");
    }
}

bool hp_callgrind_is(struct hp_str bytes)
{
    struct hp_str head = hp_str_make(bytes.p, bytes.n < 8192 ? bytes.n : 8192);
    if (hp_str_starts(head, HP_STR("# callgrind format"))) {
        return true;
    }
    bool events = hp_str_starts(head, HP_STR("events:")) || memmem(head.p, head.n, "\nevents:", 8) != NULL;
    return head.n != 0 && events && hp_str_find_char(head, '\0') == head.n && head.p[0] != '{';
}

hp_err hp_callgrind_read(const struct hp_profile_source *source, struct hp_profile **profile,
                         struct hp_errinfo *info)
{
    struct callgrind c = {
        .bytes = source->bytes, .info = info, .function = UINT32_MAX, .positions = 1, .unit = 1};
    c.profile = hp_profile_new(HP_PROFILE_PAIRS, source->budget_bytes);
    if (c.profile == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    c.profile->counts_calls = true;
    c.profile->unit = HP_UNIT_COUNT;
    for (int i = 0; i < TABLES; i++) {
        hp_map_init(&c.ids[i], source->budget_bytes / 4 / 64);
    }
    read_lines(&c);
    if (c.err == HP_OK && hp_profile_finish(c.profile) != HP_OK) {
        fail(&c, HP_ENOMEM, "out of memory");
    }
    for (int i = 0; i < TABLES; i++) {
        hp_map_fini(&c.ids[i]);
    }
    if (c.err != HP_OK) {
        hp_profile_free(c.profile);
        return c.err;
    }
    *profile = c.profile;
    return HP_OK;
}
