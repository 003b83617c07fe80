/* speedscope_read.c -- reading; see speedscope.h.
 *
 * Members may come in any order, and the table of frames often stands behind the profiles: the first walk
 * finds where things are, the second one reads samples and weights side by side with two bookmarks.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "format/jsonprofile.h"
#include "format/speedscope.h"

struct frames {
    uint32_t *syms;
    uint32_t count, capacity;
};

struct places { /* bookmarks of one profile's members; `there` says which */
    struct hp_jsonread samples, weights, events;
    bool has_samples, has_weights, has_events;
    double ns_per_unit; /* 0: no time */
    enum hp_profile_unit unit;
    struct hp_str name; /* in names */
};

struct reading {
    struct hp_jsonread json;
    struct hp_buf scratch, other, names;
    struct frames frames;
    struct hp_profile *profile;
    struct places *places; /* on the heap: bookmarks are large */
    uint32_t profiles, index, evented;
    bool unit_known;
};

/* ---- frames ---- */

static void read_frame(struct reading *r)
{
    struct hp_jsonread *json = &r->json;
    struct hp_str key, value;
    struct hp_buf file, name;
    double line = 0;
    uint32_t sym = 0;
    hp_buf_init(&file, HP_JSONPROFILE_TEXT);
    hp_buf_init(&name, HP_JSONPROFILE_TEXT);
    while (hp_jsonread_member(json, &key)) {
        if (hp_str_eq(key, HP_STR("name")) && hp_jsonread_text(json, &value)) {
            hp_buf_put_text(&name, value);
        } else if (hp_str_eq(key, HP_STR("file")) && hp_jsonread_text(json, &value)) {
            hp_buf_put_text(&file, value);
        } else if (hp_str_eq(key, HP_STR("line"))) {
            (void)hp_jsonread_number(json, &line);
        } else if (json->after_key) {
            hp_jsonread_skip(json);
        }
    }
    hp_err err = file.err != HP_OK ? file.err : name.err;
    err = err != HP_OK ? err
                       : hp_profile_symbol(r->profile, hp_buf_str(&file), hp_buf_str(&name),
                                           line > 0 && line < 4294967295.0 ? (uint32_t)line : 0, &sym);
    if (err == HP_OK && r->frames.count == r->frames.capacity) {
        uint32_t wanted = r->frames.capacity == 0 ? 256 : r->frames.capacity * 2;
        uint32_t *bigger = hp_realloc(r->frames.syms, wanted * sizeof *bigger);
        err = bigger == NULL ? HP_ENOMEM : HP_OK;
        r->frames.syms = bigger != NULL ? bigger : r->frames.syms;
        r->frames.capacity = bigger != NULL ? wanted : r->frames.capacity;
    }
    if (err == HP_OK) {
        r->frames.syms[r->frames.count++] = sym;
    } else {
        hp_jsonread_fail(json, err, err == HP_EFULL ? "more frames than fit" : "out of memory");
    }
    hp_buf_fini(&name);
    hp_buf_fini(&file);
}

/* "shared": {"frames": [...]} */
static void read_shared(struct reading *r)
{
    struct hp_jsonread *json = &r->json;
    struct hp_str key;
    if (hp_jsonread_next(json) != HP_JSON_OBJECT) {
        hp_jsonread_fail(json, HP_EFORMAT, "shared is no object");
        return;
    }
    while (hp_jsonread_member(json, &key)) {
        if (!hp_str_eq(key, HP_STR("frames"))) {
            hp_jsonread_skip(json);
            continue;
        }
        if (hp_jsonread_next(json) != HP_JSON_ARRAY) {
            hp_jsonread_fail(json, HP_EFORMAT, "frames are no array");
        }
        while (hp_jsonread_element(json)) {
            if (json->token != HP_JSON_OBJECT) {
                hp_jsonread_fail(json, HP_EFORMAT, "a frame that is no object");
            } else {
                read_frame(r);
            }
        }
    }
}

static hp_err frame_sym(struct reading *r, struct hp_jsonread *json, double index, uint32_t *sym)
{
    if (!(index >= 0) || index >= r->frames.count) {
        hp_jsonread_fail(json, HP_EFORMAT, "a frame that is not in the table");
        return HP_EFORMAT;
    }
    *sym = r->frames.syms[(uint32_t)index];
    return HP_OK;
}

static uint64_t value_of(const struct places *places, double value)
{
    return hp_jsonprofile_ns(value, places->ns_per_unit == 0 ? 1 : places->ns_per_unit);
}

static void note(struct hp_jsonread *json, hp_err err)
{
    if (err != HP_OK) {
        hp_jsonread_fail(json, err, err == HP_EFULL ? "more different stacks than fit" : "out of memory");
    }
}

/* ---- sampled ---- */

static void read_samples(struct reading *r, uint32_t thread)
{
    struct places *places = r->places;
    struct hp_jsonread *samples = &places->samples, *weights = &places->weights;
    weights->scratch = &r->other;
    bool weighted = places->has_weights && hp_jsonread_next(weights) == HP_JSON_ARRAY;
    if (hp_jsonread_next(samples) != HP_JSON_ARRAY) {
        hp_jsonread_fail(samples, HP_EFORMAT, "samples are no array");
    }
    while (hp_jsonread_element(samples)) {
        double weight = 1;
        uint32_t node = thread, sym = 0;
        if (samples->token != HP_JSON_ARRAY) {
            hp_jsonread_fail(samples, HP_EFORMAT, "a sample that is no array");
            break;
        }
        while (hp_jsonread_element(samples)) {
            if (samples->token != HP_JSON_NUMBER) {
                hp_jsonread_fail(samples, HP_EFORMAT, "a frame that is no number");
            } else if (frame_sym(r, samples, hp_jsonread_double(samples), &sym) == HP_OK) {
                note(samples, hp_profile_child(r->profile, node, sym, &node));
            }
        }
        if (weighted && hp_jsonread_element(weights)) {
            weight = weights->token == HP_JSON_NUMBER ? hp_jsonread_double(weights) : 0;
        } else if (weighted && weights->err == HP_OK) {
            hp_jsonread_fail(samples, HP_EFORMAT, "fewer weights than samples");
        }
        if (weighted && weights->err != HP_OK) {
            hp_jsonread_fail(samples, weights->err, weights->why);
        }
        r->profile->clamped += weight < 0;
        if (samples->err == HP_OK) {
            note(samples, hp_profile_add(r->profile, node, value_of(places, weight), true));
        }
    }
    if (samples->err != HP_OK) {
        r->json.at = samples->at;
        r->json.err = samples->err;
        r->json.error_at = samples->error_at;
        r->json.why = samples->why;
    }
}

/* ---- evented ---- */

struct event {
    bool opens, closes;
    double frame, at;
};

static bool read_event(struct hp_jsonread *json, struct event *event)
{
    struct hp_str key, value;
    *event = (struct event){.frame = -1};
    if (json->token != HP_JSON_OBJECT) {
        hp_jsonread_fail(json, HP_EFORMAT, "an event that is no object");
        return false;
    }
    while (hp_jsonread_member(json, &key)) {
        if (hp_str_eq(key, HP_STR("type")) && hp_jsonread_text(json, &value)) {
            event->opens = hp_str_eq(value, HP_STR("O"));
            event->closes = hp_str_eq(value, HP_STR("C"));
        } else if (hp_str_eq(key, HP_STR("frame"))) {
            (void)hp_jsonread_number(json, &event->frame);
        } else if (hp_str_eq(key, HP_STR("at"))) {
            (void)hp_jsonread_number(json, &event->at);
        } else if (json->after_key) {
            hp_jsonread_skip(json);
        }
    }
    if (json->err == HP_OK && !event->opens && !event->closes) {
        hp_jsonread_fail(json, HP_EFORMAT, "an event that neither opens nor closes");
    }
    return json->err == HP_OK;
}

static void read_events(struct reading *r, uint32_t thread)
{
    struct hp_jsonread *json = &r->places->events;
    struct hp_tree *tree = r->profile->tree;
    uint32_t node = thread, sym = 0;
    uint64_t last = 0;
    struct event event;
    if (hp_jsonread_next(json) != HP_JSON_ARRAY) {
        hp_jsonread_fail(json, HP_EFORMAT, "events are no array");
    }
    for (bool first = true; hp_jsonread_element(json); first = false) {
        if (!read_event(json, &event) || frame_sym(r, json, event.frame, &sym) != HP_OK) {
            break;
        }
        uint64_t at = value_of(r->places, event.at);
        last = first ? at : last;
        if (at < last) {
            hp_jsonread_fail(json, HP_EFORMAT, "an event before the one in front of it");
            break;
        }
        if (node != thread && at != last) {
            note(json, hp_profile_add(r->profile, node, at - last, true));
        }
        last = at;
        if (event.opens) {
            note(json, hp_profile_child(r->profile, node, sym, &node));
            tree->nodes[node].calls += json->err == HP_OK;
        } else if (node == thread || tree->nodes[node].sym != sym) {
            hp_jsonread_fail(json, HP_EFORMAT, "a frame is closed that is not the innermost open one");
        } else {
            node = tree->nodes[node].parent;
        }
    }
    r->evented++;
    if (json->err != HP_OK) {
        r->json.at = json->at;
        r->json.err = json->err;
        r->json.error_at = json->error_at;
        r->json.why = json->why;
    }
}

/* ---- profiles ---- */

static void read_unit(struct places *places, struct hp_str unit)
{
    static const struct {
        const char *name;
        double ns;
        enum hp_profile_unit unit;
    } units[] = {{"nanoseconds", 1, HP_UNIT_TIME},
                 {"microseconds", 1e3, HP_UNIT_TIME},
                 {"milliseconds", 1e6, HP_UNIT_TIME},
                 {"seconds", 1e9, HP_UNIT_TIME},
                 {"bytes", 0, HP_UNIT_BYTES}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (hp_str_eq(unit, hp_str_from0(units[i].name))) {
            places->ns_per_unit = units[i].ns;
            places->unit = units[i].unit;
        }
    }
}

/* Where the members of the next profile are; its values are passed. */
static void find_members(struct reading *r)
{
    struct hp_jsonread *json = &r->json;
    struct places *places = r->places;
    struct hp_str key, value;
    places->has_samples = places->has_weights = places->has_events = false;
    places->ns_per_unit = 0;
    places->unit = HP_UNIT_SAMPLES;
    hp_buf_reset(&r->names);
    while (hp_jsonread_member(json, &key)) {
        if (hp_str_eq(key, HP_STR("name")) && hp_jsonread_text(json, &value)) {
            hp_buf_put_text(&r->names, value);
        } else if (hp_str_eq(key, HP_STR("unit")) && hp_jsonread_text(json, &value)) {
            read_unit(places, value);
        } else if (json->after_key) {
            if (hp_str_eq(key, HP_STR("samples"))) {
                places->samples = *json;
                places->has_samples = true;
            } else if (hp_str_eq(key, HP_STR("weights"))) {
                places->weights = *json;
                places->has_weights = true;
            } else if (hp_str_eq(key, HP_STR("events"))) {
                places->events = *json;
                places->has_events = true;
            }
            hp_jsonread_skip(json);
        }
    }
    places->name = hp_buf_str(&r->names);
}

static void read_profile(struct reading *r)
{
    struct hp_jsonread *json = &r->json;
    uint32_t thread = HP_NODE_ROOT, sym = 0;
    find_members(r);
    if (json->err != HP_OK) {
        return;
    }
    if (r->unit_known && r->profile->unit != r->places->unit) {
        hp_jsonread_fail(json, HP_EFORMAT, "profiles of different units");
        return;
    }
    r->profile->unit = r->places->unit;
    r->unit_known = true;
    if (r->profiles > 1) {
        struct hp_str name = r->places->name.n != 0 ? r->places->name : HP_STR("profile");
        note(json, hp_profile_thread(r->profile, name, &sym));
        if (json->err == HP_OK) {
            note(json, hp_profile_child(r->profile, HP_NODE_ROOT, sym, &thread));
        }
    }
    if (json->err == HP_OK && r->places->has_events) {
        read_events(r, thread);
    } else if (json->err == HP_OK && r->places->has_samples) {
        read_samples(r, thread);
    }
}

/* One walk over the document: the first for frames and to count profiles, the second to read these. */
static void walk(struct reading *r, struct hp_str text, bool second)
{
    struct hp_jsonread *json = &r->json;
    struct hp_str key;
    hp_jsonread_init(json, text, &r->scratch);
    if (hp_jsonread_next(json) != HP_JSON_OBJECT) {
        hp_jsonread_fail(json, HP_EFORMAT, "not an object");
    }
    while (hp_jsonread_member(json, &key)) {
        if (!second && hp_str_eq(key, HP_STR("shared"))) {
            read_shared(r);
        } else if (hp_str_eq(key, HP_STR("profiles"))) {
            if (hp_jsonread_next(json) != HP_JSON_ARRAY) {
                hp_jsonread_fail(json, HP_EFORMAT, "profiles are no array");
            }
            while (hp_jsonread_element(json)) {
                if (json->token != HP_JSON_OBJECT) {
                    hp_jsonread_fail(json, HP_EFORMAT, "a profile that is no object");
                } else if (second) {
                    read_profile(r);
                } else {
                    r->profiles++;
                    hp_jsonread_leave(json);
                }
            }
        } else {
            hp_jsonread_skip(json);
        }
    }
}

bool hp_speedscope_is(struct hp_str bytes)
{
    struct hp_str head = hp_str_make(bytes.p, bytes.n < 65536 ? bytes.n : 65536);
    return head.n != 0 && (hp_jsonprofile_has(bytes, "$schema") || hp_jsonprofile_has(bytes, "shared")) &&
           (memmem(head.p, head.n, "speedscope", 10) != NULL || hp_jsonprofile_has(bytes, "shared"));
}

hp_err hp_speedscope_read(const struct hp_profile_source *source, struct hp_profile **profile,
                          struct hp_errinfo *info)
{
    struct reading *r = hp_calloc(1, sizeof *r); /* bookmarks are too large for a stack */
    hp_err err = HP_ENOMEM;
    if (r == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    hp_buf_init(&r->scratch, HP_JSONPROFILE_TEXT);
    hp_buf_init(&r->other, HP_JSONPROFILE_TEXT);
    hp_buf_init(&r->names, HP_JSONPROFILE_TEXT);
    r->profile = hp_profile_new(HP_PROFILE_TREE, source->budget_bytes);
    r->places = hp_calloc(1, sizeof *r->places);
    if (r->profile == NULL || r->places == NULL) {
        err = hp_err_set(info, HP_ENOMEM, 0, "out of memory");
        goto done;
    }
    walk(r, source->bytes, false);
    if (r->json.err == HP_OK) {
        walk(r, source->bytes, true);
    }
    err = hp_jsonprofile_error(&r->json, info);
    if (err == HP_OK) {
        r->profile->ordered = r->profile->samples_dropped == 0;
        r->profile->counts_calls = r->evented != 0 && r->evented == r->profiles;
        r->profile->sampled = r->evented == 0;
        err = hp_profile_finish(r->profile);
    }
    if (err == HP_OK) {
        *profile = r->profile;
        r->profile = NULL;
    }
done:
    hp_profile_free(r->profile);
    hp_free(r->places);
    hp_free(r->frames.syms);
    hp_buf_fini(&r->names);
    hp_buf_fini(&r->other);
    hp_buf_fini(&r->scratch);
    hp_free(r);
    return err;
}
