/* show_notes.c -- see show_notes.h. */
#include "cli/show_notes.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/show.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/table.h"
#include "format/notesjson.h"

#define FRAMES_AT_MOST 12u

/* ---- text ---- */

static void put_memory(struct hp_buf *out, const struct hp_request *req)
{
    char text[HP_SHOW_BYTES];
    if (req->alloc_blocks == HP_ABSENT) {
        return;
    }
    hp_output_heading(out, "Memory", "what the interpreter's allocator was asked for");
    hp_buf_printf(out, "  %s requested", hp_show_bytes(text, req->alloc_bytes));
    hp_buf_printf(out, " in %s blocks", hp_show_count(text, req->alloc_blocks));
    hp_buf_printf(out, ", %" PRId64 " blocks more than before", req->kept_blocks);
    if (req->rss_growth_bytes != HP_ABSENT && req->rss_growth_bytes != 0) {
        hp_buf_printf(out, ", the process's peak rose by %s", hp_show_bytes(text, req->rss_growth_bytes));
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

static hp_err put_gc(struct hp_buf *out, const struct hp_record *record)
{
    static const struct hp_table_column columns[] = {
        {"  at", false}, {"took", false}, {"generation", false}, {"freed objects", false}, {"lane", false}};
    char remark[64], time[HP_SHOW_BYTES];
    struct hp_table table;
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_GC]; i++) {
        const struct hp_gc *gc = &record->notes.gcs[i];
        hp_table_ns(&table, gc->t0_ns);
        hp_table_ns(&table, gc->t1_ns - gc->t0_ns);
        hp_table_count(&table, gc->generation);
        hp_table_count(&table, gc->collected);
        hp_table_count(&table, gc->lane);
    }
    snprintf(remark, sizeof remark, "%s in all, part of CPU", hp_show_ns(time, record->req.gc_ns));
    hp_output_heading(out, "Garbage collections", remark);
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    return err;
}

static uint32_t depth_of(const struct hp_notes *notes, uint32_t i)
{
    uint32_t depth = 0;
    for (; notes->templates[i].parent != HP_NODE_NONE && depth < 40; depth++) {
        i = notes->templates[i].parent;
    }
    return depth;
}

static hp_err put_templates(struct hp_buf *out, const struct hp_dict *dict, const struct hp_notes *notes)
{
    static const struct hp_table_column columns[] = {
        {"  total", false}, {"self", false}, {"times", false}, {"template", true}, {"from", true}};
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_TEMPLATE]; i++) {
        const struct hp_template *row = &notes->templates[i];
        hp_table_ns(&table, row->total_ns);
        hp_table_ns(&table, row->self_ns);
        hp_table_count(&table, row->count);
        hp_buf_reset(&text);
        hp_buf_printf(&text, "%*s%s ", (int)(2 * depth_of(notes, i)), "",
                      hp_notesjson_template_kind(row->kind));
        hp_output_text(&text, hp_dict_string(dict, row->name));
        hp_table_cell(&table, hp_buf_str(&text));
        hp_buf_reset(&text);
        hp_place_put(&text, dict, row->site_sym, row->site_line, 0);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Templates", "");
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static hp_err put_logs(struct hp_buf *out, const struct hp_dict *dict, const struct hp_notes *notes)
{
    static const struct hp_table_column columns[] = {
        {"  at", false}, {"times", false}, {"took", false}, {"level", true}, {"message", true}};
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        const struct hp_log *log = &notes->logs[i];
        hp_table_ns(&table, log->t0_ns);
        hp_table_count(&table, log->count);
        hp_table_ns(&table, log->total_ns);
        hp_table_cell(&table, hp_str_from0(hp_notesjson_log_level(log->level)));
        hp_buf_reset(&text);
        hp_output_text(&text, hp_dict_string(dict, log->logger));
        hp_buf_put_text(&text, HP_STR(": "));
        hp_output_text(&text, hp_dict_string(dict, log->message));
        hp_buf_put_text(&text, HP_STR("  at "));
        hp_place_put(&text, dict, log->site_sym, log->site_line, 0);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Log messages", "values folded");
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static void put_exceptions(struct hp_buf *out, const struct hp_dict *dict, const struct hp_notes *notes)
{
    hp_output_heading(out, "Exceptions", "values folded");
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        const struct hp_exception *exception = &notes->exceptions[i];
        uint32_t first =
            exception->frame_count > FRAMES_AT_MOST ? exception->frame_count - FRAMES_AT_MOST : 0;
        hp_buf_put_text(out, HP_STR("  "));
        hp_output_text(out, hp_dict_string(dict, exception->type));
        if (exception->text != 0) {
            hp_buf_put_text(out, HP_STR(": "));
            hp_output_text(out, hp_dict_string(dict, exception->text));
        }
        hp_buf_printf(out, "  (%s", hp_notesjson_exception_end(exception->end));
        if (exception->count > 1) {
            hp_buf_printf(out, ", %" PRIu64 " times", exception->count);
        }
        hp_buf_put_text(out, HP_STR(")\n"));
        for (uint32_t k = first; k < exception->frame_count; k++) {
            hp_buf_put_text(out, HP_STR("    "));
            hp_place_put(out, dict, exception->frames[k].sym, exception->frames[k].line, 0);
            hp_buf_put_text(out, HP_STR("\n"));
        }
    }
}

static void put_facts(struct hp_buf *out, const struct hp_dict *dict, const struct hp_notes *notes)
{
    hp_output_heading(out, "Arguments, headers and configuration", "values of those that were named");
    for (uint32_t i = 0; i < notes->count[HP_NOTE_FACT]; i++) {
        hp_buf_printf(out, "  %s ", hp_notesjson_fact_kind(notes->facts[i].kind));
        hp_output_text(out, hp_dict_string(dict, notes->facts[i].key));
        hp_buf_put_text(out, HP_STR(": "));
        hp_output_text(out, hp_dict_string(dict, notes->facts[i].value));
        hp_buf_put_text(out, HP_STR("\n"));
    }
}

static void put_not_kept(struct hp_buf *out, const struct hp_request *req)
{
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        if (req->dropped_notes[i] != 0) {
            hp_buf_printf(out, "  … and %" PRIu32 " %s that were not kept\n", req->dropped_notes[i],
                          hp_notesjson_name((enum hp_note)i));
        }
    }
}

hp_err hp_show_notes_text(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record)
{
    const struct hp_notes *notes = &record->notes;
    hp_err err = HP_OK;
    put_memory(out, &record->req);
    if (notes->count[HP_NOTE_GC] != 0) {
        err = put_gc(out, record);
    }
    if (err == HP_OK && notes->count[HP_NOTE_TEMPLATE] != 0) {
        err = put_templates(out, dict, notes);
    }
    if (err == HP_OK && notes->count[HP_NOTE_LOG] != 0) {
        err = put_logs(out, dict, notes);
    }
    if (notes->count[HP_NOTE_EXCEPTION] != 0) {
        put_exceptions(out, dict, notes);
    }
    if (notes->count[HP_NOTE_FACT] != 0) {
        put_facts(out, dict, notes);
    }
    put_not_kept(out, &record->req);
    return err != HP_OK ? err : out->err;
}
