/* notes.h -- what a request did besides calls, SQL and waits: GC pauses, templates, log messages, exceptions,
 * headers, what it was asked with.
 *
 * Part of a record (record.h), with the same rules: ids are relative to the record's dictionary, times in
 * nanoseconds from the request's start, indices of lanes and templates are safe to use after decoding.
 * Layout: docs/formats/record.md, sections 16 to 20.
 *
 * All lists are short: what the caps refuse is counted in hp_request.dropped_notes.
 */
#ifndef HP_NOTES_H
#define HP_NOTES_H

#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "hotplate/err.h"

struct hp_id_maps; /* record.h */

enum hp_note { HP_NOTE_GC, HP_NOTE_TEMPLATE, HP_NOTE_LOG, HP_NOTE_EXCEPTION, HP_NOTE_FACT, HP_NOTE_COUNT };

#define HP_GC_CAP        64u /* the longest pauses; the request's gc_ns is of all */
#define HP_TEMPLATE_CAP  512u
#define HP_LOG_CAP       200u
#define HP_EXCEPTION_CAP 16u
#define HP_FRAME_CAP     32u /* of one exception: the outermost are left out */
#define HP_FACT_CAP      128u

struct hp_gc { /* one collection that ran on a thread of the request; the time is part of its CPU time */
    uint64_t t0_ns, t1_ns;
    uint64_t collected, uncollectable; /* objects */
    uint32_t lane, node;
    uint8_t generation;
};

enum hp_template_kind { HP_TEMPLATE_WHOLE = 0, HP_TEMPLATE_BLOCK = 1, HP_TEMPLATE_MACRO = 2 };

struct hp_template {              /* all runs of one part of a template from one line of the same parent */
    uint64_t t0_ns;               /* of the first */
    uint64_t total_ns;            /* with the parts that it includes, calls and overrides */
    uint64_t self_ns;             /* without them; what the application does in its expressions is in here */
    uint64_t count;               /* runs */
    uint32_t parent;              /* index of an earlier one; HP_NODE_NONE: rendered by the application */
    uint32_t lane;                /* of the first run */
    uint32_t sym;                 /* its code: file and line */
    uint32_t name;                /* string: of the template, block or macro */
    uint32_t site_sym, site_line; /* what asked for it: line of the parent template, or of the application */
    uint8_t kind;
};

struct hp_log {        /* log records of one level, logger and folded message from one place */
    uint64_t t0_ns;    /* of the first */
    uint64_t count;    /* records */
    uint64_t total_ns; /* in the handlers */
    uint32_t lane, logger, message /* strings */, level /* as logging has it: 20 is INFO */;
    uint32_t site_sym, site_line;
};

struct hp_frame {
    uint32_t sym, line;
};

enum hp_exception_end { /* what became of it, the worst of all */
                        HP_EXCEPTION_UNHANDLED = 0,
                        HP_EXCEPTION_HANDLED = 1, /* an error handler of the application answered */
                        HP_EXCEPTION_LOGGED = 2   /* seen in a log record only */
};

struct hp_exception { /* exceptions of one type and raising place */
    uint64_t t0_ns;   /* when the first was seen */
    uint64_t group;   /* hash of type and raising place, as hp_request.exception_group */
    uint64_t count;
    uint32_t lane, type, text /* strings; the text is folded */;
    uint32_t frame_count;
    struct hp_frame *frames; /* outermost first */
    uint8_t end;             /* enum hp_exception_end */
};

enum hp_fact_kind {
    HP_FACT_HEADER = 0,
    HP_FACT_CONFIG = 1,
    HP_FACT_ARGUMENT = 2, /* of the view, from the rule */
    HP_FACT_QUERY =
        3, /* these three: a key, and what its value was; the value itself where its key was allowed */
    HP_FACT_FORM = 4,
    HP_FACT_JSON = 5,
    HP_FACT_KINDS
};

struct hp_fact {
    uint32_t key, value; /* strings */
    uint8_t kind;
};

struct hp_notes {
    struct hp_gc *gcs;
    struct hp_template *templates;
    struct hp_log *logs;
    struct hp_exception *exceptions;
    struct hp_fact *facts;
    uint32_t count[HP_NOTE_COUNT];
};

/* Append the content of the section of one list (with its count in front). Fails: `out` keeps the error. */
void hp_notes_put(const struct hp_notes *notes, enum hp_note which, struct hp_buf *out);

/* Read it back; arrays come from `arena`. Untrusted input. Fails: HP_EFORMAT, HP_ENOMEM. */
HP_CHECK hp_err hp_notes_get(struct hp_notes *notes, enum hp_note which, struct hp_reader *in,
                             struct hp_arena *arena);

/* After all lists are read: make indices of lanes and templates safe. */
void hp_notes_sanitise(struct hp_notes *notes, uint32_t lane_count);

/* Replace every id, as hp_record_map. */
void hp_notes_map(struct hp_notes *notes, const struct hp_id_maps *maps);

#endif
