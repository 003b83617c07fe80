/* plan_walk.c -- nested JSON to plan nodes with a stack of our own; and the small things all readers of plans
 * need. */
#include <stdlib.h>
#include <string.h>
#include "find/plan_int.h"

#define KEY_BYTES 48u

struct frame {
    uint32_t node;
    bool array;
    char key[KEY_BYTES], inside[KEY_BYTES]; /* cut: no key that matters is so long */
    size_t key_n, inside_n;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool hp__plan_same(struct hp_str a, struct hp_str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool hp__plan_is(struct hp_str text, const char *word)
{
    return hp__plan_same(text, hp_str_from0(word));
}

bool hp__plan_has(struct hp_str text, const char *part, size_t *at)
{
    size_t n = strlen(part);
    const char *found = text.n == 0 ? NULL : memmem(text.p, text.n, part, n);
    if (found != NULL && at != NULL) {
        *at = (size_t)(found - text.p);
    }
    return found != NULL;
}

uint32_t hp__plan_node(struct hp__plan_build *build, uint32_t parent)
{
    struct hp_plan *plan = build->plan;
    if (build->err == HP_OK && plan->count == HP_PLAN_MAX_NODES) {
        build->err = HP_EFULL;
    }
    if (build->err == HP_OK && plan->count == build->capacity) {
        uint32_t capacity = build->capacity == 0 ? 16 : build->capacity * 2;
        struct hp_plan_node *nodes =
            hp_arena_alloc(build->arena, capacity * sizeof *nodes, _Alignof(struct hp_plan_node));
        if (nodes == NULL) {
            build->err = HP_ENOMEM;
        } else {
            if (plan->count != 0) {
                memcpy(nodes, plan->nodes, plan->count * sizeof *nodes);
            }
            plan->nodes = nodes;
            build->capacity = capacity;
        }
    }
    if (build->err != HP_OK) {
        return HP_PLAN_NONE;
    }
    plan->nodes[plan->count] = (struct hp_plan_node){.parent = parent,
                                                     .scanned = -1,
                                                     .out = -1,
                                                     .cost = -1,
                                                     .loops = -1,
                                                     .scanned_actual = -1,
                                                     .out_actual = -1};
    return plan->count++;
}

struct hp_str hp__plan_text(struct hp__plan_build *build, struct hp_str text)
{
    text = hp_utf8_cut(text, 2000);
    char *copy = text.n == 0 ? NULL : hp_arena_dup(build->arena, text.p, text.n);
    if (text.n != 0 && copy == NULL) {
        build->err = build->err == HP_OK ? HP_ENOMEM : build->err;
    }
    return copy == NULL ? (struct hp_str){NULL, 0} : hp_str_make(copy, text.n);
}

struct hp_str hp__plan_folded(struct hp__plan_build *build, struct hp_str text)
{
    hp_buf_reset(&build->fold);
    hp_err err = hp_fingerprint(text, hp_fingerprint_dialect(build->plan->engine), &build->fold, NULL);
    if (err != HP_OK) {
        build->err = build->err == HP_OK ? err : build->err;
        return (struct hp_str){NULL, 0};
    }
    return hp__plan_text(build, hp_buf_str(&build->fold));
}

/* ---- the walk ---- */

static size_t keep_key(char to[KEY_BYTES], struct hp_str key)
{
    size_t n = key.n < KEY_BYTES ? key.n : KEY_BYTES;
    if (n != 0) {
        memcpy(to, key.p, n);
    }
    return n;
}

static double number_of(struct hp_str text)
{
    char copy[40];
    size_t n = text.n < sizeof copy - 1 ? text.n : 0;
    memcpy(copy, n != 0 ? text.p : "", n);
    copy[n] = '\0';
    double value = strtod(copy, NULL);
    return value >= 0 && value < 1e18 ? value : 0;
}

static void tell(struct hp__plan_build *build, const struct hp_jsonread *json,
                 const struct hp__plan_shape *shape, const struct frame *frame, struct hp_str key)
{
    struct hp__plan_member member = {
        .key = key, .inside = hp_str_make(frame->inside, frame->inside_n), .token = json->token};
    if (json->token == HP_JSON_TEXT || json->token == HP_JSON_NUMBER) {
        member.text = json->value;
        member.number = number_of(json->value);
    }
    shape->member(build, frame->node, &member);
}

static void open_frame(struct hp__plan_build *build, const struct hp__plan_shape *shape, struct frame *frame,
                       const struct frame *above, struct hp_str key, bool array)
{
    uint32_t parent = above != NULL ? above->node : HP_PLAN_NONE;
    bool node = !array && shape->is_node(key);
    frame->array = array;
    frame->key_n = keep_key(frame->key, key);
    frame->inside_n = 0;
    frame->node = parent;
    if (node) {
        frame->node = hp__plan_node(build, parent);
        if (frame->node != HP_PLAN_NONE && shape->begin != NULL) {
            shape->begin(build, frame->node, key);
        }
    } else if (above != NULL) {
        frame->inside_n = array ? above->inside_n : frame->key_n;
        memcpy(frame->inside, array ? above->inside : frame->key, frame->inside_n);
    }
}

void hp__plan_walk(struct hp__plan_build *build, struct hp_jsonread *json, const struct hp__plan_shape *shape)
{
    struct frame *frames = hp_arena_alloc(build->arena, HP__PLAN_DEPTH * sizeof *frames, _Alignof(size_t));
    uint32_t depth = 0;
    if (frames == NULL) {
        build->err = HP_ENOMEM;
        return;
    }
    if (json->token != HP_JSON_OBJECT && json->token != HP_JSON_ARRAY) {
        hp_jsonread_fail(json, HP_EFORMAT, "a plan that is neither object nor array");
        return;
    }
    open_frame(build, shape, &frames[depth++], NULL, HP_STR(""), json->token == HP_JSON_ARRAY);
    while (depth != 0 && build->err == HP_OK && json->err == HP_OK) {
        struct frame *top = &frames[depth - 1];
        struct hp_str key = hp_str_make(top->key, top->key_n);
        char name[KEY_BYTES];
        bool more = top->array ? hp_jsonread_element(json) : hp_jsonread_member(json, &key);
        if (!more) {
            depth--;
            continue;
        }
        key = hp_str_make(name, keep_key(name, key));
        enum hp_json_token token = top->array ? json->token : hp_jsonread_next(json);
        if (token != HP_JSON_OBJECT && token != HP_JSON_ARRAY) {
            tell(build, json, shape, top, key);
        } else if (depth == HP__PLAN_DEPTH) {
            hp_jsonread_fail(json, HP_EFULL, "a plan nested too deep");
        } else {
            open_frame(build, shape, &frames[depth], top, key, token == HP_JSON_ARRAY);
            depth++;
        }
    }
}
