/* pyinstrument.c -- see pyinstrument.h. */
#include "format/pyinstrument.h"

#include "base/mem.h"
#include "format/jsonprofile.h"

#define DEPTH_MAX (HP_JSONREAD_DEPTH / 2)

struct level { /* of root_frame: what is known of a frame when its children come */
    uint32_t node;
    uint64_t total_ns, children_ns;
};

struct pyinstrument {
    struct hp_jsonread json;
    struct hp_buf scratch, name, file;
    struct hp_profile *profile;
    struct level *levels;
};

static void note(struct pyinstrument *p, hp_err err)
{
    if (err != HP_OK) {
        hp_jsonread_fail(&p->json, err, err == HP_EFULL ? "more different stacks than fit" : "out of memory");
    }
}

/* ---- frame_records ---- */

/* "function\0file\0line\1…": the child of `node` for it. A thread's identifier has "<thread>" for a file. */
static void push_identifier(struct pyinstrument *p, struct hp_str text, uint32_t *node)
{
    uint32_t sym = 0, line = 0;
    size_t n = hp_str_find_char(text, '\0');
    struct hp_str name = hp_str_make(text.p, n), file = HP_STR("");
    if (n < text.n) {
        file = hp_str_make(text.p + n + 1, text.n - n - 1);
        n = hp_str_find_char(file, '\0');
        for (size_t i = n + 1; i < file.n && file.p[i] >= '0' && file.p[i] <= '9' && line < 100000000; i++) {
            line = line * 10 + (uint32_t)(file.p[i] - '0');
        }
        file.n = n < file.n ? n : hp_str_find_char(file, '\1');
    }
    bool thread = hp_str_eq(file, HP_STR("<thread>"));
    note(p, thread ? hp_profile_thread(p->profile, name, &sym)
                   : hp_profile_symbol(p->profile, file, name, line, &sym));
    if (p->json.err == HP_OK) {
        note(p, hp_profile_child(p->profile, *node, sym, node));
    }
}

/* [[identifier, …], seconds] */
static void read_record(struct pyinstrument *p)
{
    struct hp_jsonread *json = &p->json;
    uint32_t node = HP_NODE_ROOT;
    double seconds = 0;
    if (json->token != HP_JSON_ARRAY || hp_jsonread_next(json) != HP_JSON_ARRAY) {
        hp_jsonread_fail(json, HP_EFORMAT, "a record that is not [stack, seconds]");
        return;
    }
    while (hp_jsonread_element(json)) {
        if (json->token != HP_JSON_TEXT) {
            hp_jsonread_fail(json, HP_EFORMAT, "a frame that is no text");
        } else {
            push_identifier(p, json->value, &node);
        }
    }
    if (json->err == HP_OK && hp_jsonread_number(json, &seconds)) {
        p->profile->clamped += seconds < 0;
        note(p, hp_profile_add(p->profile, node, hp_jsonprofile_ns(seconds, 1e9), true));
    }
    while (hp_jsonread_element(json)) {
        hp_jsonread_leave(json);
    }
}

static void read_records(struct pyinstrument *p)
{
    if (hp_jsonread_next(&p->json) != HP_JSON_ARRAY) {
        hp_jsonread_fail(&p->json, HP_EFORMAT, "frame_records is no array");
    }
    while (hp_jsonread_element(&p->json)) {
        read_record(p);
    }
    p->profile->ordered = true;
}

/* ---- root_frame ---- */

/* The members of a frame before its children; true: stands at these. The renderer writes the children
 * last. */
static bool read_frame(struct pyinstrument *p, struct level *level, uint32_t parent)
{
    struct hp_jsonread *json = &p->json;
    struct hp_str key, text;
    double line = 0, seconds = 0;
    uint32_t sym = 0;
    bool children = false;
    hp_buf_reset(&p->name);
    hp_buf_reset(&p->file);
    while (!children && hp_jsonread_member(json, &key)) {
        if (hp_str_eq(key, HP_STR("function")) && hp_jsonread_text(json, &text)) {
            hp_buf_put_text(&p->name, text);
        } else if (hp_str_eq(key, HP_STR("file_path")) && hp_jsonread_text(json, &text)) {
            hp_buf_put_text(&p->file, text);
        } else if (hp_str_eq(key, HP_STR("line_no"))) {
            (void)hp_jsonread_number(json, &line);
        } else if (hp_str_eq(key, HP_STR("time"))) {
            (void)hp_jsonread_number(json, &seconds);
        } else if (hp_str_eq(key, HP_STR("children"))) {
            children = true;
        } else if (json->after_key) {
            hp_jsonread_skip(json);
        }
    }
    note(p, p->name.err != HP_OK ? p->name.err : p->file.err);
    if (json->err == HP_OK) {
        note(p, hp_profile_symbol(p->profile, hp_buf_str(&p->file), hp_buf_str(&p->name),
                                  line > 0 && line < 4294967295.0 ? (uint32_t)line : 0, &sym));
    }
    *level = (struct level){.node = parent, .total_ns = hp_jsonprofile_ns(seconds, 1e9)};
    bool own =
        hp_str_eq(hp_buf_str(&p->name), HP_STR("[self]")); /* the renderer's word for a frame's own time */
    if (json->err == HP_OK && !own) {
        note(p, hp_profile_child(p->profile, parent, sym, &level->node));
    }
    return children && json->err == HP_OK;
}

/* A frame's own time is what its children leave of it; then on with its parent. */
static void close_frame(struct pyinstrument *p, uint32_t depth)
{
    struct level *level = &p->levels[depth];
    uint64_t own = level->total_ns > level->children_ns ? level->total_ns - level->children_ns : 0;
    if (p->json.err == HP_OK) {
        note(p, hp_profile_add(p->profile, level->node, own, false));
    }
    if (depth != 0) {
        level[-1].children_ns += level->total_ns;
    }
}

/* Pass the members behind a frame's children. */
static void leave_frame(struct pyinstrument *p)
{
    struct hp_str key;
    while (hp_jsonread_member(&p->json, &key)) {
        hp_jsonread_skip(&p->json);
    }
}

static void read_tree(struct pyinstrument *p)
{
    struct hp_jsonread *json = &p->json;
    uint32_t depth = 0;
    bool begins = true; /* a frame's object was just opened */
    if (hp_jsonread_next(json) != HP_JSON_OBJECT) {
        hp_jsonread_leave(json);
        return; /* null: nothing was recorded */
    }
    while (json->err == HP_OK) {
        if (begins) {
            uint32_t parent = depth == 0 ? HP_NODE_ROOT : p->levels[depth - 1].node;
            bool children = read_frame(p, &p->levels[depth], parent);
            if (children && hp_jsonread_next(json) != HP_JSON_ARRAY) {
                hp_jsonread_fail(json, HP_EFORMAT, "children are no array");
            }
            if (!children) {
                close_frame(p, depth);
                if (depth-- == 0) {
                    return;
                }
            }
        }
        begins = hp_jsonread_element(json);
        if (begins && (json->token != HP_JSON_OBJECT || depth + 1 == DEPTH_MAX)) {
            hp_jsonread_fail(json, HP_EFORMAT, "a frame that is no object, or nested too deep");
        } else if (begins) {
            depth++;
        } else if (json->err == HP_OK) {
            leave_frame(p);
            close_frame(p, depth);
            if (depth-- == 0) {
                return;
            }
        }
    }
}

bool hp_pyinstrument_is(struct hp_str bytes)
{
    struct hp_str head = hp_str_make(bytes.p, bytes.n < 65536 ? bytes.n : 65536);
    return head.n != 0 && head.p[0] == '{' &&
           (hp_jsonprofile_has(bytes, "frame_records") || hp_jsonprofile_has(bytes, "root_frame"));
}

hp_err hp_pyinstrument_read(const struct hp_profile_source *source, struct hp_profile **profile,
                            struct hp_errinfo *info)
{
    struct hp_str key;
    struct pyinstrument *p = hp_calloc(1, sizeof *p);
    hp_err err;
    if (p == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    hp_buf_init(&p->scratch, HP_JSONPROFILE_TEXT);
    hp_buf_init(&p->name, HP_JSONPROFILE_TEXT);
    hp_buf_init(&p->file, HP_JSONPROFILE_TEXT);
    p->profile = hp_profile_new(HP_PROFILE_TREE, source->budget_bytes);
    p->levels = hp_malloc(DEPTH_MAX * sizeof *p->levels);
    if (p->profile == NULL || p->levels == NULL) {
        err = hp_err_set(info, HP_ENOMEM, 0, "out of memory");
        goto done;
    }
    hp_jsonread_init(&p->json, source->bytes, &p->scratch);
    if (hp_jsonread_next(&p->json) != HP_JSON_OBJECT) {
        hp_jsonread_fail(&p->json, HP_EFORMAT, "not an object");
    }
    while (hp_jsonread_member(&p->json, &key)) {
        if (hp_str_eq(key, HP_STR("frame_records"))) {
            read_records(p);
        } else if (hp_str_eq(key, HP_STR("root_frame"))) {
            read_tree(p);
        } else {
            hp_jsonread_skip(&p->json);
        }
    }
    p->profile->sampled = true;
    p->profile->ordered = p->profile->ordered && p->profile->samples_dropped == 0;
    err = hp_jsonprofile_error(&p->json, info);
    err = err != HP_OK ? err : hp_profile_finish(p->profile);
    if (err == HP_OK) {
        *profile = p->profile;
        p->profile = NULL;
    }
done:
    hp_profile_free(p->profile);
    hp_free(p->levels);
    hp_buf_fini(&p->file);
    hp_buf_fini(&p->name);
    hp_buf_fini(&p->scratch);
    hp_free(p);
    return err;
}
