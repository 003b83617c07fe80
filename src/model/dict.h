/* dict.h -- the words that records speak in: symbols, statements, routes and strings, each a dense id.
 *
 * Why: a record holds ids, never text. Every record is relative to one dictionary: the process's own while
 * capturing, the reader's own after loading. Whoever moves a record from one dictionary to another maps the
 * ids (hp_record_map). Id 0 always means "none". Tables only grow, are capped, and an entry never moves or
 * changes, so that the writer thread may read an id that an application thread interned, without a lock.
 */
#ifndef HP_DICT_H
#define HP_DICT_H

#include <stdint.h>
#include "base/str.h"
#include "hotplate/err.h"

enum hp_sym_kind { /* stored in files: only add */
                   HP_SYM_PYTHON = 0,
                   HP_SYM_C =
                       1, /* name as cProfile writes it: "<built-in method builtins.len>", file "~", line 0 */
                   HP_SYM_TEMPLATE = 2, /* Jinja2: file is "<templates folder>/x.html" */
                   HP_SYM_ROOT = 3,     /* the request itself, a thread, a greenlet, a task */
                   HP_SYM_OVERFLOW = 4  /* what did not fit the tree's cap */
};

enum hp_sym_flags {
    HP_SYM_APP = 1 /* application code */,
    HP_SYM_FRAMEWORK = 2 /* dispatch: flask, werkzeug, jinja2, server */,
    HP_SYM_COROUTINE = 4 /* it can await */
};

struct hp_symbol {
    struct hp_str
        file; /* as CONTRACTS says: relative to the sys.path entry; library files keep "package/…" */
    struct hp_str name; /* qualified name */
    struct hp_str path; /* absolute path as co_filename has it; what pstats prints; empty if as `file` */
    uint32_t line;      /* of the def; 0 if none */
    uint8_t kind, flags;
};

enum hp_engine {
    HP_ENGINE_UNKNOWN,
    HP_ENGINE_SQLITE,
    HP_ENGINE_MYSQL,
    HP_ENGINE_MARIADB,
    HP_ENGINE_POSTGRESQL,
    HP_ENGINE_OTHER
};

struct hp_statement {
    struct hp_str text; /* folded (fingerprint.h) */
    uint8_t engine, verb;
};

struct hp_route {
    struct hp_str method, rule,
        endpoint; /* rule "<unmatched>" for everything unmatched (method kept, endpoint empty) */
};

struct hp_dict; /* opaque */

struct hp_dict *hp_dict_new(void);
void hp_dict_free(struct hp_dict *dict);

/* Intern; the same content gives the same id. Text is copied. HP_EFULL at the cap (2^20 entries or 256 MiB a
 * table): the caller uses id 0 and counts it. Threads: any (a short lock among writers). Not hot: call once
 * per code object etc. */
HP_CHECK hp_err hp_dict_add_symbol(struct hp_dict *dict, const struct hp_symbol *symbol, uint32_t *id);
HP_CHECK hp_err hp_dict_add_statement(struct hp_dict *dict, const struct hp_statement *statement,
                                      uint32_t *id);
HP_CHECK hp_err hp_dict_add_route(struct hp_dict *dict, const struct hp_route *route, uint32_t *id);
HP_CHECK hp_err hp_dict_add_string(struct hp_dict *dict, struct hp_str text, uint32_t *id);

/* Look up; the spans are borrowed for the dictionary's life. Id 0 or unknown: all fields empty. Threads: any,
 * no lock. */
struct hp_symbol hp_dict_symbol(const struct hp_dict *dict, uint32_t id);
struct hp_statement hp_dict_statement(const struct hp_dict *dict, uint32_t id);
struct hp_route hp_dict_route(const struct hp_dict *dict, uint32_t id);
struct hp_str hp_dict_string(const struct hp_dict *dict, uint32_t id);

/* Whether another route has the same method and rule, as two applications in one process may: then only its
 * endpoint tells them apart. In time proportional to the number of routes. Threads: any. */
bool hp_dict_route_needs_endpoint(const struct hp_dict *dict, uint32_t id);

/* Content hash of a symbol (file, name, line, kind; not flags or path): the same in every process. 0 for id
 * 0. Threads: any. */
uint64_t hp_dict_symbol_hash(const struct hp_dict *dict, uint32_t id);

/* Number of ids in use, 0 included, so ids are 0 … count-1. Threads: any. */
uint32_t hp_dict_symbol_count(const struct hp_dict *dict);
uint32_t hp_dict_statement_count(const struct hp_dict *dict);
uint32_t hp_dict_route_count(const struct hp_dict *dict);
uint32_t hp_dict_string_count(const struct hp_dict *dict);

/* For pthread_atfork: hold all writers' locks over a fork; release afterwards in parent and child
 * (intern.h). */
void hp_dict_fork_hold(struct hp_dict *dict);
void hp_dict_fork_release(struct hp_dict *dict);

#endif
