/* notesjson.c -- see notesjson.h. */
#include "format/notesjson.h"

#include <inttypes.h>

#include "format/member.h"

static const char *const names[HP_NOTE_COUNT] = {"gc", "templates", "logs", "exceptions", "facts"};
static const char *const fact_kinds[HP_FACT_KINDS] = {"headers", "config", "view_args",
                                                      "query",   "form",   "json"};

const char *hp_notesjson_template_kind(uint8_t kind)
{
    static const char *const kinds[] = {"template", "block", "macro"};
    return kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : "unknown";
}

const char *hp_notesjson_exception_end(uint8_t end)
{
    static const char *const ends[] = {"unhandled", "handled", "logged"};
    return end < sizeof ends / sizeof ends[0] ? ends[end] : "unknown";
}

/* The names of logging; a level of the application's own is shown as the one below it. */
const char *hp_notesjson_log_level(uint32_t level)
{
    return level >= 50   ? "CRITICAL"
           : level >= 40 ? "ERROR"
           : level >= 30 ? "WARNING"
           : level >= 20 ? "INFO"
                         : "DEBUG";
}

const char *hp_notesjson_fact_kind(uint8_t kind)
{
    return kind < HP_FACT_KINDS ? fact_kinds[kind] : "unknown";
}

const char *hp_notesjson_name(enum hp_note note)
{
    return names[note];
}

static void json_gc(struct hp_json *json, const struct hp_record *record)
{
    if (record->req.gc_ns == HP_ABSENT) {
        return;
    }
    hp_json_key(json, "gc");
    hp_json_object_begin(json);
    hp_member_ms(json, "total_ms", record->req.gc_ns);
    hp_json_key(json, "pauses");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_GC]; i++) {
        const struct hp_gc *gc = &record->notes.gcs[i];
        hp_json_object_begin(json);
        hp_member_ms(json, "at_ms", gc->t0_ns);
        hp_member_ms(json, "ms", gc->t1_ns - gc->t0_ns);
        hp_json_kv_u64(json, "generation", gc->generation);
        hp_json_kv_u64(json, "collected", gc->collected);
        hp_json_kv_u64(json, "uncollectable", gc->uncollectable);
        hp_json_kv_u64(json, "lane", gc->lane);
        if (gc->node != HP_NODE_NONE) {
            hp_json_kv_u64(json, "node", gc->node);
        }
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_object_end(json);
}

static void json_templates(struct hp_json *json, const struct hp_dict *dict, const struct hp_notes *notes)
{
    hp_json_key(json, "templates");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_TEMPLATE]; i++) {
        const struct hp_template *row = &notes->templates[i];
        hp_json_object_begin(json);
        hp_json_kv_str(json, "name", hp_dict_string(dict, row->name));
        hp_json_kv_cstr(json, "kind", hp_notesjson_template_kind(row->kind));
        hp_json_kv_str(json, "template", hp_dict_symbol(dict, row->sym).file);
        if (row->parent != HP_NODE_NONE) {
            hp_json_kv_u64(json, "parent", row->parent);
        }
        hp_json_kv_u64(json, "count", row->count);
        hp_member_ms(json, "at_ms", row->t0_ns);
        hp_member_ms(json, "total_ms", row->total_ns);
        hp_member_ms(json, "self_ms", row->self_ns);
        hp_json_kv_u64(json, "lane", row->lane);
        hp_member_place(json, dict, row->site_sym, row->site_line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_logs(struct hp_json *json, const struct hp_dict *dict, const struct hp_notes *notes)
{
    hp_json_key(json, "logs");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        const struct hp_log *log = &notes->logs[i];
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "level", hp_notesjson_log_level(log->level));
        hp_json_kv_u64(json, "level_number", log->level);
        hp_json_kv_str(json, "logger", hp_dict_string(dict, log->logger));
        hp_json_kv_str(json, "message", hp_dict_string(dict, log->message));
        hp_json_kv_u64(json, "count", log->count);
        hp_member_ms(json, "at_ms", log->t0_ns);
        hp_member_ms(json, "total_ms", log->total_ns);
        hp_json_kv_u64(json, "lane", log->lane);
        hp_member_place(json, dict, log->site_sym, log->site_line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_exceptions(struct hp_json *json, const struct hp_dict *dict, const struct hp_notes *notes)
{
    hp_json_key(json, "exceptions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        const struct hp_exception *exception = &notes->exceptions[i];
        struct hp_buf group;
        hp_buf_init(&group, 32);
        hp_buf_printf(&group, "%016" PRIx64, exception->group);
        hp_json_object_begin(json);
        hp_json_kv_str(json, "type", hp_dict_string(dict, exception->type));
        if (exception->text != 0) {
            hp_json_kv_str(json, "text", hp_dict_string(dict, exception->text));
        }
        hp_json_kv_str(json, "group", hp_buf_str(&group));
        hp_json_kv_cstr(json, "end", hp_notesjson_exception_end(exception->end));
        hp_json_kv_u64(json, "count", exception->count);
        hp_member_ms(json, "at_ms", exception->t0_ns);
        hp_json_kv_u64(json, "lane", exception->lane);
        hp_json_key(json, "frames");
        hp_json_array_begin(json);
        for (uint32_t k = 0; k < exception->frame_count; k++) {
            hp_json_object_begin(json);
            hp_member_place(json, dict, exception->frames[k].sym, exception->frames[k].line, 0);
            hp_json_object_end(json);
        }
        hp_json_array_end(json);
        hp_json_object_end(json);
        hp_buf_fini(&group);
    }
    hp_json_array_end(json);
}

static void json_facts(struct hp_json *json, const struct hp_dict *dict, const struct hp_notes *notes,
                       const char *key, uint8_t kind)
{
    hp_json_key(json, key);
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_FACT]; i++) {
        if (notes->facts[i].kind == kind) {
            hp_json_object_begin(json);
            hp_json_kv_str(json, "name", hp_dict_string(dict, notes->facts[i].key));
            hp_json_kv_str(json, "value", hp_dict_string(dict, notes->facts[i].value));
            hp_json_object_end(json);
        }
    }
    hp_json_array_end(json);
}

static void json_memory(struct hp_json *json, const struct hp_request *req)
{
    if (req->alloc_blocks != HP_ABSENT) {
        hp_json_kv_u64(json, "alloc_bytes", req->alloc_bytes);
        hp_json_kv_u64(json, "alloc_blocks", req->alloc_blocks);
        hp_json_kv_i64(json, "kept_blocks", req->kept_blocks);
    }
    if (req->rss_growth_bytes != HP_ABSENT) {
        hp_json_kv_u64(json, "rss_growth_bytes", req->rss_growth_bytes);
    }
}

void hp_notesjson_members(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    json_memory(json, &record->req);
    json_gc(json, record);
    if (record->req.level < HP_LEVEL_MONITOR) {
        return;
    }
    json_templates(json, dict, &record->notes);
    json_logs(json, dict, &record->notes);
    json_exceptions(json, dict, &record->notes);
    for (int kind = 0; kind < HP_FACT_KINDS; kind++) {
        json_facts(json, dict, &record->notes, fact_kinds[kind], (uint8_t)kind);
    }
    hp_json_key(json, "not_kept");
    hp_json_object_begin(json);
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        if (record->req.dropped_notes[i] != 0) {
            hp_json_kv_u64(json, names[i], record->req.dropped_notes[i]);
        }
    }
    hp_json_object_end(json);
}
