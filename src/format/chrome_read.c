/* chrome_read.c -- reading; see chrome.h.
 *
 * Events come in any order: they are gathered, sorted by thread and time, and played. A stack holds what is
 * open; an X event ends when its time is over, at the latest with the one around it, a B event with its E.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "format/chrome.h"
#include "format/frametext.h"
#include "format/jsonprofile.h"

#define DEPTH_MAX  65536
#define TRACKS_MAX 100000
#define NO_END     UINT64_MAX

enum kind { KIND_END, KIND_BEGIN, KIND_WHOLE }; /* at one time, ends come first */

struct event {
    uint64_t at, length; /* ns */
    uint32_t track, sym;
    uint32_t order : 30, kind : 2;
};

struct open {
    uint32_t node;
    uint64_t end;
};

struct fields { /* of the event being read */
    double ts, dur, pid, tid;
    char ph;
    bool has_ts, has_dur;
    struct hp_buf name, thread_name, file; /* py-spy has file and line among the arguments */
    double line;
};

struct chrome {
    struct hp_jsonread json;
    struct hp_buf scratch;
    struct hp_profile *profile;
    struct event *events;
    size_t count, capacity, most;
    struct hp_map tracks; /* (pid, tid) to number */
    uint32_t *names;      /* by track: symbol of its name, 0 none */
    uint32_t track_count;
    struct fields fields;
    struct open *stack;
};

static void note(struct chrome *c, hp_err err)
{
    if (err != HP_OK) {
        hp_jsonread_fail(&c->json, err,
                         err == HP_EFULL ? "more events, threads or stacks than fit" : "out of memory");
    }
}

/* ---- gathering ---- */

static uint32_t track_of(struct chrome *c)
{
    uint32_t pid = (uint32_t)(int64_t)c->fields.pid, tid = (uint32_t)(int64_t)c->fields.tid, track = 0;
    uint64_t key = (uint64_t)pid << 32 | tid;
    if (!hp_map_get(&c->tracks, key, &track)) {
        track = c->track_count;
        hp_err err = hp_map_put(&c->tracks, key, track);
        uint32_t *bigger = err == HP_OK ? hp_realloc(c->names, ((size_t)track + 1) * sizeof *bigger) : NULL;
        note(c, err == HP_OK && bigger == NULL ? HP_ENOMEM : err);
        if (bigger != NULL) {
            c->names = bigger;
            c->names[track] = 0;
            c->track_count++;
        }
    }
    return track;
}

static void add_event(struct chrome *c, enum kind kind)
{
    uint32_t sym = 0;
    struct hp_frametext frame = hp_frametext_parse(hp_buf_str(&c->fields.name), false);
    if (frame.file.n == 0 && c->fields.file.len != 0) {
        frame.file = hp_buf_str(&c->fields.file);
        frame.line = c->fields.line > 0 && c->fields.line < 4294967295.0 ? (uint32_t)c->fields.line : 0;
    }
    if (kind != KIND_END) {
        note(c, hp_profile_symbol(c->profile, frame.file, frame.name, frame.line, &sym));
    }
    uint32_t track = track_of(c);
    if (c->json.err == HP_OK && c->count == c->capacity) {
        size_t wanted = c->capacity == 0 ? 256 : c->capacity * 2;
        struct event *bigger = wanted > c->most ? NULL : hp_realloc(c->events, wanted * sizeof *bigger);
        note(c, wanted > c->most ? HP_EFULL : bigger == NULL ? HP_ENOMEM : HP_OK);
        c->events = bigger != NULL ? bigger : c->events;
        c->capacity = bigger != NULL ? wanted : c->capacity;
    }
    if (c->json.err == HP_OK) {
        uint64_t at = hp_jsonprofile_ns(c->fields.ts, 1e3);
        c->events[c->count] =
            (struct event){.at = at,
                           .length = kind == KIND_WHOLE ? hp_jsonprofile_ns(c->fields.dur, 1e3) : 0,
                           .track = track,
                           .sym = sym,
                           .order = (uint32_t)c->count & 0x3FFFFFFF,
                           .kind = kind};
        c->count++;
    }
}

/* A number, or a text for some writers' ids: its hash stands for it. */
static void read_id(struct chrome *c, double *id)
{
    enum hp_json_token token = hp_jsonread_next(&c->json);
    if (token == HP_JSON_NUMBER) {
        double value = hp_jsonread_double(&c->json);
        *id = value > -9e15 && value < 9e15 ? value : 0;
    } else if (token == HP_JSON_TEXT) {
        *id = (double)(hp_hash64(c->json.value.p, c->json.value.n, 0) >> 33);
    } else {
        hp_jsonread_leave(&c->json);
    }
}

/* "args": the name that metadata events have there, and where a function is. */
static void read_args(struct chrome *c)
{
    struct hp_str key;
    if (hp_jsonread_next(&c->json) != HP_JSON_OBJECT) {
        hp_jsonread_leave(&c->json);
        return;
    }
    while (hp_jsonread_member(&c->json, &key)) {
        bool name = hp_str_eq(key, HP_STR("name")), file = hp_str_eq(key, HP_STR("filename"));
        bool line = hp_str_eq(key, HP_STR("line"));
        (void)hp_jsonread_next(&c->json);
        if (c->json.token == HP_JSON_TEXT && (name || file)) {
            hp_buf_put_text(name ? &c->fields.thread_name : &c->fields.file, c->json.value);
        } else if (c->json.token == HP_JSON_NUMBER && line) {
            c->fields.line = hp_jsonread_double(&c->json);
        } else {
            hp_jsonread_leave(&c->json);
        }
    }
}

static void read_member(struct chrome *c, struct hp_str key)
{
    struct fields *fields = &c->fields;
    struct hp_str text;
    if (hp_str_eq(key, HP_STR("name"))) {
        if (hp_jsonread_next(&c->json) == HP_JSON_TEXT) {
            hp_buf_put_text(&fields->name, c->json.value);
        } else {
            hp_jsonread_leave(&c->json);
        }
    } else if (hp_str_eq(key, HP_STR("ph"))) {
        fields->ph = hp_jsonread_text(&c->json, &text) && text.n == 1 ? text.p[0] : '?';
    } else if (hp_str_eq(key, HP_STR("ts"))) {
        fields->has_ts = hp_jsonread_number(&c->json, &fields->ts);
    } else if (hp_str_eq(key, HP_STR("dur"))) {
        fields->has_dur = hp_jsonread_number(&c->json, &fields->dur);
    } else if (hp_str_eq(key, HP_STR("pid"))) {
        read_id(c, &fields->pid);
    } else if (hp_str_eq(key, HP_STR("tid"))) {
        read_id(c, &fields->tid);
    } else if (hp_str_eq(key, HP_STR("args"))) {
        read_args(c);
    } else {
        hp_jsonread_skip(&c->json);
    }
}

static void read_event(struct chrome *c)
{
    struct fields *fields = &c->fields;
    struct hp_str key;
    hp_buf_reset(&fields->name);
    hp_buf_reset(&fields->thread_name);
    hp_buf_reset(&fields->file);
    fields->line = 0;
    fields->ts = fields->dur = fields->pid = fields->tid = 0;
    fields->ph = '?';
    fields->has_ts = fields->has_dur = false;
    while (hp_jsonread_member(&c->json, &key)) {
        read_member(c, key);
    }
    if (c->json.err != HP_OK) {
        return;
    }
    note(c, fields->name.err != HP_OK ? fields->name.err : fields->thread_name.err);
    if (fields->ph == 'M' && hp_str_eq(hp_buf_str(&fields->name), HP_STR("thread_name"))) {
        uint32_t track = track_of(c), sym = 0;
        note(c, hp_profile_thread(c->profile, hp_buf_str(&fields->thread_name), &sym));
        if (c->json.err == HP_OK) {
            c->names[track] = sym;
        }
    } else if (fields->ph == 'X' || fields->ph == 'B' || fields->ph == 'E') {
        if (!fields->has_ts) {
            hp_jsonread_fail(&c->json, HP_EFORMAT, "an event without ts");
            return;
        }
        add_event(c, fields->ph == 'X' ? KIND_WHOLE : fields->ph == 'B' ? KIND_BEGIN : KIND_END);
    }
}

static void read_events(struct chrome *c)
{
    if (c->json.token != HP_JSON_ARRAY) {
        hp_jsonread_fail(&c->json, HP_EFORMAT, "traceEvents is no array");
    }
    while (hp_jsonread_element(&c->json)) {
        if (c->json.token == HP_JSON_OBJECT) {
            read_event(c);
        } else {
            hp_jsonread_fail(&c->json, HP_EFORMAT, "an event that is no object");
        }
    }
}

static void read_document(struct chrome *c, struct hp_str text)
{
    struct hp_str key;
    hp_jsonread_init(&c->json, text, &c->scratch);
    if (hp_jsonread_next(&c->json) == HP_JSON_ARRAY) {
        read_events(c);
        if (c->json.err == HP_EFORMAT && c->json.error_at == text.n && c->json.depth <= 1) {
            c->json.err = HP_OK; /* the closing bracket may be missing */
        }
        return;
    }
    while (hp_jsonread_member(&c->json, &key)) {
        bool events = hp_str_eq(key, HP_STR("traceEvents"));
        (void)hp_jsonread_next(&c->json);
        if (events) {
            read_events(c);
        } else {
            hp_jsonread_leave(&c->json);
        }
    }
}

/* ---- playing ---- */

static int compare(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->track != y->track) {
        return x->track < y->track ? -1 : 1;
    }
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    if (x->kind != y->kind && (x->kind == KIND_END || y->kind == KIND_END)) {
        return x->kind == KIND_END ? -1 : 1;
    }
    if (x->length != y->length && x->kind == KIND_WHOLE && y->kind == KIND_WHOLE) {
        return x->length > y->length ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Let time pass on a thread until `to`: what is open gets it, the innermost first; what is over is closed. */
static uint32_t pass_time(struct chrome *c, uint32_t depth, uint64_t *now, uint64_t to)
{
    while (depth != 0) {
        struct open *top = &c->stack[depth - 1];
        uint64_t until = top->end < to ? top->end : to;
        if (until > *now) {
            note(c, hp_profile_add(c->profile, top->node, until - *now, true));
            *now = until;
        }
        if (top->end > to) {
            break;
        }
        depth--;
    }
    *now = to > *now ? to : *now;
    return depth;
}

static uint32_t open_event(struct chrome *c, const struct event *event, uint32_t thread, uint32_t depth)
{
    uint32_t node = depth == 0 ? thread : c->stack[depth - 1].node;
    if (depth == DEPTH_MAX) {
        hp_jsonread_fail(&c->json, HP_EFULL, "calls nest too deep");
        return depth;
    }
    note(c, hp_profile_child(c->profile, node, event->sym, &node));
    if (c->json.err != HP_OK) {
        return depth;
    }
    uint64_t around = depth == 0 ? NO_END : c->stack[depth - 1].end;
    uint64_t end = event->kind == KIND_WHOLE ? event->at + event->length : around;
    c->profile->tree->nodes[node].calls++;
    c->stack[depth] = (struct open){node, end < around ? end : around};
    return depth + 1;
}

/* A B without its E lasts as long as the thread does. */
static void play(struct chrome *c)
{
    uint32_t depth = 0, thread = HP_NODE_ROOT;
    uint64_t now = 0;
    for (size_t i = 0; i < c->count && c->json.err == HP_OK; i++) {
        const struct event *event = &c->events[i];
        if (i == 0 || event->track != event[-1].track) {
            depth = 0;
            now = event->at;
            if (c->track_count > 1) {
                uint32_t sym = c->names[event->track];
                char text[40];
                int n = snprintf(text, sizeof text, "thread %u", (unsigned)event->track);
                note(c, sym != 0 ? HP_OK : hp_profile_thread(c->profile, hp_str_make(text, (size_t)n), &sym));
                note(c, c->json.err != HP_OK ? c->json.err
                                             : hp_profile_child(c->profile, HP_NODE_ROOT, sym, &thread));
            }
        }
        depth = pass_time(c, depth, &now, event->at);
        if (event->kind != KIND_END) {
            depth = open_event(c, event, thread, depth);
        } else if (depth != 0) {
            depth--;
        }
        if (i + 1 == c->count || event->track != event[1].track) {
            uint64_t last = now;
            for (uint32_t d = 0; d < depth; d++) {
                last = c->stack[d].end != NO_END && c->stack[d].end > last ? c->stack[d].end : last;
            }
            (void)pass_time(c, depth, &now, last);
        }
    }
}

bool hp_chrome_is(struct hp_str bytes)
{
    struct hp_str head = hp_str_make(bytes.p, bytes.n < 4096 ? bytes.n : 4096);
    size_t at = 0;
    while (at < head.n &&
           (head.p[at] == ' ' || head.p[at] == '\n' || head.p[at] == '\r' || head.p[at] == '\t')) {
        at++;
    }
    if (at < head.n && head.p[at] == '[') {
        return memmem(head.p, head.n, "\"ph\"", 4) != NULL;
    }
    return at < head.n && head.p[at] == '{' && hp_jsonprofile_has(bytes, "traceEvents");
}

hp_err hp_chrome_read(const struct hp_profile_source *source, struct hp_profile **profile,
                      struct hp_errinfo *info)
{
    struct chrome *c = hp_calloc(1, sizeof *c);
    hp_err err;
    if (c == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    hp_buf_init(&c->scratch, HP_JSONPROFILE_TEXT);
    hp_buf_init(&c->fields.name, HP_JSONPROFILE_TEXT);
    hp_buf_init(&c->fields.thread_name, HP_JSONPROFILE_TEXT);
    hp_buf_init(&c->fields.file, HP_JSONPROFILE_TEXT);
    hp_map_init(&c->tracks, TRACKS_MAX);
    c->most = source->budget_bytes / 2 / sizeof(struct event);
    c->profile = hp_profile_new(HP_PROFILE_TREE, source->budget_bytes / 2);
    c->stack = hp_malloc(DEPTH_MAX * sizeof *c->stack);
    if (c->profile == NULL || c->stack == NULL) {
        err = hp_err_set(info, HP_ENOMEM, 0, "out of memory");
        goto done;
    }
    read_document(c, source->bytes);
    if (c->json.err == HP_OK && c->count != 0) {
        qsort(c->events, c->count, sizeof *c->events, compare);
        play(c);
    }
    err = hp_jsonprofile_error(&c->json, info);
    if (err == HP_OK) {
        c->profile->counts_calls = true;
        c->profile->ordered = c->profile->samples_dropped == 0;
        err = hp_profile_finish(c->profile);
    }
    if (err == HP_OK) {
        *profile = c->profile;
        c->profile = NULL;
    }
done:
    hp_profile_free(c->profile);
    hp_free(c->stack);
    hp_free(c->events);
    hp_free(c->names);
    hp_map_fini(&c->tracks);
    hp_buf_fini(&c->fields.file);
    hp_buf_fini(&c->fields.thread_name);
    hp_buf_fini(&c->fields.name);
    hp_buf_fini(&c->scratch);
    hp_free(c);
    return err;
}
