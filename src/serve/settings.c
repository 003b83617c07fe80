/* settings.c -- settings and what people decide about findings: shown, and changed by POST. */
#include <sys/stat.h>

#include "base/jsonread.h"
#include "base/mem.h"
#include "format/member.h"
#include "model/caps.h"
#include "model/levels.h"
#include "model/redact.h"
#include "serve/question.h"

#define TEXT_MOST 2000u /* of a reason or a value */

static hp_err check_levels(struct hp_str value, struct hp_errinfo *info)
{
    struct hp_levels *levels = hp_malloc(sizeof *levels);
    hp_err err = levels != NULL ? hp_levels_read(levels, value, info)
                                : hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    hp_free(levels);
    return err;
}

static hp_err check_size(struct hp_str value, struct hp_errinfo *info)
{
    uint64_t bytes;
    return hp_caps_read_size(value, &bytes, info);
}

static hp_err check_age(struct hp_str value, struct hp_errinfo *info)
{
    uint64_t ns;
    return hp_caps_read_age(value, &ns, info);
}

static hp_err check_redact(struct hp_str value, struct hp_errinfo *info)
{
    struct hp_redact redact;
    return hp_redact_read(&redact, value, info);
}

static const struct {
    const char *key, *kind, *what;
    hp_err (*check)(struct hp_str value, struct hp_errinfo *info); /* NULL: any text will do */
} keys[] = {
    {"editor", "text",
     "link to a line of source: {file} and {line} are filled in, as vscode://file/{file}:{line}", NULL},
    {HP_LEVELS_KEY, "lines",
     "how deep routes are recorded, a rule a line, the first that fits holds: count GET /health, or monitor "
     "/reports/* over 500ms to keep detail of slow ones only. Rules lower what a process records",
     check_levels},
    {HP_CAPS_SIZE_KEY, "size",
     "how large the store may get, like 500MB or 2GB: the oldest detail goes first. Lowers what processes "
     "were "
     "started with",
     check_size},
    {HP_CAPS_AGE_KEY, "age",
     "how old requests and their detail may get, like 12h or 7d; sums by the minute stay. Lowers what "
     "processes were started with",
     check_age},
    {HP_REDACT_KEY, "words",
     "further words, like phone iban: headers, configuration, arguments and keys whose name holds one are "
     "kept without their value from now on, also where headers=, config= or inputs= name them",
     check_redact},
};
#define KEYS (sizeof keys / sizeof keys[0])

/* The caps that whoever wrote the store last obeys; nothing where nobody has told. */
static hp_err put_caps(struct hp_question *question)
{
    struct hp_str text = {NULL, 0};
    uint64_t numbers[2] = {0, 0};
    size_t which = 0;
    hp_err err = hp_store_get_setting(question->store, HP_STR(HP_CAPS_FORCE_KEY), &text, question->info);
    for (size_t i = 0; err == HP_OK && i < text.n && which < 2; i++) {
        if (text.p[i] == ' ') {
            which++;
        } else {
            numbers[which] = numbers[which] * 10 + (uint64_t)(text.p[i] - '0');
        }
    }
    if (which == 1) {
        hp_json_kv_u64(question->json, "max_bytes", numbers[0]);
        hp_json_kv_u64(question->json, "max_age_s", numbers[1]);
    }
    return err == HP_ENOTFOUND ? HP_OK : err;
}

hp_err hp__answer_settings(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct stat file;
    hp_err err = HP_OK;
    hp_json_kv_cstr(json, "version", HP_VERSION_TEXT);
    hp_json_kv_cstr(json, "role", question->role == HP_API_WRITER ? "write" : "read");
    hp_json_key(json, "store");
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "path", question->path);
    if (stat(question->path, &file) == 0) {
        hp_json_kv_u64(json, "bytes", (uint64_t)file.st_size);
    }
    err = put_caps(question);
    hp_json_object_end(json);
    hp_json_key(json, "redacted");
    hp_json_array_begin(json);
    for (size_t i = 0; hp_redact_word(i) != NULL; i++) {
        hp_json_str(json, hp_str_from0(hp_redact_word(i)));
    }
    hp_json_array_end(json);
    hp_json_key(json, "keys");
    hp_json_array_begin(json);
    for (size_t i = 0; i < KEYS; i++) {
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "key", keys[i].key);
        hp_json_kv_cstr(json, "kind", keys[i].kind);
        hp_json_kv_cstr(json, "what", keys[i].what);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_key(json, "settings");
    hp_json_object_begin(json);
    for (size_t i = 0; i < KEYS && err == HP_OK; i++) {
        struct hp_str value = {NULL, 0};
        err = hp_store_get_setting(question->store, hp_str_from0(keys[i].key), &value, question->info);
        if (err == HP_OK && value.n != 0) {
            hp_json_kv_str(json, keys[i].key, value);
        }
        err = err == HP_ENOTFOUND ? HP_OK : err;
    }
    hp_json_object_end(json);
    return err == HP_OK ? hp_question_put_states(question, "muted", true) : err;
}

/* ---- changes ---- */

struct change { /* what a body says; texts are the arena's */
    struct hp_str id, key, value, reason, state;
    bool has_muted, muted, has_value;
};

static hp_err copy(struct hp_question *question, struct hp_str text, struct hp_str *out)
{
    char *made = hp_arena_dup(question->arena, text.p, text.n);
    *out = hp_str_make(made, made != NULL ? text.n : 0);
    if (text.n > TEXT_MOST) {
        return hp_err_set(question->info, HP_EINVAL, 0, "a text of more than %u bytes", TEXT_MOST);
    }
    return made != NULL || text.n == 0 ? HP_OK : hp_question_no_memory(question);
}

static hp_err read_member(struct hp_question *question, struct hp_jsonread *json, struct hp_str key,
                          struct change *change)
{
    const struct {
        const char *name;
        struct hp_str *to;
    } texts[] = {{"id", &change->id},
                 {"key", &change->key},
                 {"value", &change->value},
                 {"reason", &change->reason},
                 {"state", &change->state}};
    char name[16] = "";
    for (size_t i = 0; i < key.n && i < sizeof name - 1; i++) {
        name[i] = key.p[i]; /* the next token ends the borrow */
    }
    enum hp_json_token token = hp_jsonread_next(json);
    struct hp_str wanted = hp_str_from0(name);
    if (hp_str_eq(wanted, HP_STR("muted")) && (token == HP_JSON_TRUE || token == HP_JSON_FALSE)) {
        change->has_muted = true;
        change->muted = token == HP_JSON_TRUE;
        return HP_OK;
    }
    change->has_value = change->has_value || hp_str_eq(wanted, HP_STR("value"));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && token == HP_JSON_TEXT; i++) {
        if (hp_str_eq(wanted, hp_str_from0(texts[i].name))) {
            return copy(question, json->value, texts[i].to);
        }
    }
    hp_jsonread_leave(json);
    return HP_OK;
}

static hp_err read_body(struct hp_question *question, struct hp_str body, struct change *change)
{
    struct hp_jsonread *json = hp_arena_alloc(question->arena, sizeof *json, _Alignof(struct hp_jsonread));
    struct hp_buf scratch;
    struct hp_str key;
    if (json == NULL) {
        return hp_question_no_memory(question);
    }
    hp_buf_init(&scratch, 1 << 16);
    hp_jsonread_init(json, body, &scratch);
    hp_err err = hp_jsonread_next(json) == HP_JSON_OBJECT ? HP_OK : HP_EINVAL;
    while (err == HP_OK && hp_jsonread_member(json, &key)) {
        err = read_member(question, json, key, change);
    }
    if (err == HP_OK && json->err == HP_OK && hp_jsonread_next(json) != HP_JSON_END) {
        err = HP_EINVAL;
    }
    if (err == HP_EINVAL || json->err != HP_OK) {
        err = question->info->text[0] != '\0'
                  ? err
                  : hp_err_set(question->info, HP_EINVAL, 0, "the body is no JSON object");
        err = err == HP_OK ? HP_EINVAL : err;
    }
    hp_buf_fini(&scratch);
    return err;
}

hp_err hp__change_finding(struct hp_question *question, struct hp_str body)
{
    struct change change = {.has_muted = false};
    struct hp_finding_state state = {0};
    uint64_t id = 0;
    hp_err err = read_body(question, body, &change);
    bool known = change.state.n == 0 || hp_str_eq(change.state, HP_STR("open")) ||
                 hp_str_eq(change.state, HP_STR("fixed"));
    if (err == HP_OK && (!hp_params_read_id(change.id, &id) || !known)) {
        err = hp_err_set(question->info, HP_EINVAL, 0, "id: 16 hex digits; state: open or fixed");
    }
    if (err == HP_OK) {
        err = hp_store_get_finding(question->store, id, &state, question->info);
        if (err == HP_ENOTFOUND) { /* seen in a page, but in no report so far */
            state = (struct hp_finding_state){.state = HP_STATE_OPEN, .first_ns = question->now_ns};
            err = HP_OK;
        }
    }
    if (err != HP_OK) {
        return err;
    }
    state.id = id;
    state.last_ns = question->now_ns;
    state.muted = change.has_muted ? change.muted : state.muted;
    state.reason = change.has_muted ? change.reason : state.reason;
    if (change.state.n != 0) {
        state.state = hp_str_eq(change.state, HP_STR("open")) ? HP_STATE_OPEN : HP_STATE_FIXED;
    }
    return hp_store_set_finding(question->store, &state, question->info);
}

hp_err hp__change_setting(struct hp_question *question, struct hp_str body)
{
    struct change change = {.has_muted = false};
    hp_err err = read_body(question, body, &change);
    if (err != HP_OK) {
        return err;
    }
    for (size_t i = 0; i < KEYS && change.has_value; i++) {
        if (hp_str_eq(change.key, hp_str_from0(keys[i].key))) {
            err = keys[i].check != NULL ? keys[i].check(change.value, question->info) : HP_OK;
            return err == HP_OK
                       ? hp_store_set_setting(question->store, change.key, change.value, question->info)
                       : err;
        }
    }
    return hp_err_set(question->info, HP_EINVAL, 0, "key and value: one of the keys that settings lists");
}
