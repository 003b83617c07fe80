/* memory.c -- the store in memory: the twin that the SQLite back end is held against, and a place to record
 * to where no file may be written.
 *
 * Everything is a plain list. A record is kept encoded, relative to the handle's own dictionary, so writing
 * translates and reading does not. One handle writes and reads; there are no rollups, every answer comes from
 * rows. A rollback cuts the lists back to where they were at begin.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/memory_int.h"

struct entry { /* one request */
    struct hp_narrow_row row;
    struct hp_request req;
    uint8_t *bytes; /* owned: encoded record; NULL once evicted */
    size_t n;
};

struct loss {
    uint32_t process; /* 0: none */
    uint64_t minute;
    struct hp__losses more;
};

struct source {
    uint32_t process;
    char *file, *text; /* owned */
    size_t file_n, text_n;
};

struct process { /* identity and counters; of the texts only two are kept */
    struct hp_process p;
    char unseen[HP_UNSEEN_BYTES];
    size_t unseen_n;
    uint32_t revision; /* of the dictionary */
    uint64_t last_ns;
};

struct memory {
    struct hp_store base;
    uint64_t bytes;
    struct hp__memory_notes notes;
    struct hp__list entries, losses, sources, processes, gauges, sampled;
    struct process *saved; /* processes at begin */
    size_t saved_entries, saved_losses, saved_sources, saved_processes, saved_gauges, saved_sampled;
    uint32_t process; /* of this writer, from 1; 0 none */
    uint64_t next_row, saved_next, first_row, generation, detail_from, detail_from_ns;
    uint64_t evicted_requests, evicted_detail;
    struct hp_arena arena;
    struct hp_buf buf, shape;
    const struct hp_dict *from;
    hp_err map_err;
};

static struct memory *memory_of(struct hp_store *store)
{
    return (struct memory *)(void *)store;
}

struct hp__memory_notes *hp__memory_notes(struct hp_store *store)
{
    return &memory_of(store)->notes;
}

void *hp__list_push(struct hp__list *list, size_t size)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        void *p = hp_realloc(list->p, capacity * size);
        if (p == NULL) {
            return NULL;
        }
        list->p = p;
        list->capacity = capacity;
    }
    return (char *)list->p + list->count * size;
}

hp_err hp__memory_full(struct hp_errinfo *info)
{
    return hp_err_set(info, HP_ENOMEM, 0, "out of memory in the store");
}

/* ---- writing ---- */

static void free_sampled(struct hp_sampled_row *row)
{
    hp_free((void *)(uintptr_t)row->shape.p);
    hp_free((void *)(uintptr_t)row->values.p);
}

static void cut(struct memory *m)
{
    while (m->entries.count > m->saved_entries) {
        struct entry *entry = HP__AT(m->entries, struct entry, --m->entries.count);
        m->bytes -= sizeof *entry + entry->n;
        hp_free(entry->bytes);
    }
    while (m->sources.count > m->saved_sources) {
        struct source *source = HP__AT(m->sources, struct source, --m->sources.count);
        hp_free(source->file);
        hp_free(source->text);
    }
    m->losses.count = m->saved_losses;
    m->gauges.count = m->saved_gauges;
    while (m->sampled.count > m->saved_sampled) {
        free_sampled(HP__AT(m->sampled, struct hp_sampled_row, --m->sampled.count));
    }
}

static hp_err begin(struct hp_store *store, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    m->saved = hp_memdup(m->processes.p, m->processes.count * sizeof *m->saved);
    if (m->saved == NULL) {
        return hp__memory_full(info);
    }
    m->saved_processes = m->processes.count;
    m->saved_entries = m->entries.count;
    m->saved_losses = m->losses.count;
    m->saved_gauges = m->gauges.count;
    m->saved_sampled = m->sampled.count;
    m->saved_sources = m->sources.count;
    m->saved_next = m->next_row;
    return HP_OK;
}

static hp_err commit(struct hp_store *store, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    hp_free(m->saved);
    m->saved = NULL;
    return HP_OK;
}

static void rollback(struct hp_store *store)
{
    struct memory *m = memory_of(store);
    cut(m);
    m->next_row = m->saved_next;
    if (m->saved_processes != 0) {
        memcpy(m->processes.p, m->saved, m->saved_processes * sizeof *m->saved);
    }
    m->processes.count = m->saved_processes;
    m->process = m->process <= m->saved_processes ? m->process : 0;
    hp_free(m->saved);
    m->saved = NULL;
}

static hp_err find_process(struct memory *m, const struct hp_process *p, uint32_t *number,
                           struct hp_errinfo *info)
{
    for (size_t i = 0; i < m->processes.count; i++) {
        const struct hp_process *old = &HP__AT(m->processes, struct process, i)->p;
        if (memcmp(old->boot_id, p->boot_id, sizeof p->boot_id) == 0 && old->pid == p->pid &&
            old->start_ns == p->start_ns) {
            *number = (uint32_t)i + 1;
            return HP_OK;
        }
    }
    struct process *made = hp__list_push(&m->processes, sizeof *made);
    if (made == NULL) {
        return hp__memory_full(info);
    }
    *made = (struct process){.p = {.pid = p->pid, .start_ns = p->start_ns}, .last_ns = hp_clock_wall_ns()};
    memcpy(made->p.boot_id, p->boot_id, sizeof p->boot_id);
    *number = (uint32_t)++m->processes.count;
    return HP_OK;
}

static hp_err add_loss(struct memory *m, uint32_t process, uint64_t at_ns, const struct hp__losses *more,
                       struct hp_errinfo *info)
{
    struct loss *loss = hp__list_push(&m->losses, sizeof *loss);
    if (loss == NULL) {
        return hp__memory_full(info);
    }
    *loss = (struct loss){process, at_ns / HP_MINUTE_NS, *more};
    m->losses.count++;
    return HP_OK;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static hp_err put_process(struct hp_store *store, const struct hp_process *process, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    uint32_t number = 1;
    hp_err err = find_process(m, process, &number, info);
    if (err != HP_OK) {
        return err;
    }
    struct process *row = HP__AT(m->processes, struct process, number - 1);
    struct hp__losses more = {.sampled_out = grown(process->sampled_out, row->p.sampled_out),
                              .dropped_ring = grown(process->dropped_ring, row->p.dropped_ring),
                              .dropped_tree = grown(process->dropped_tree, row->p.dropped_tree),
                              .dropped_store = grown(process->dropped_store, row->p.dropped_store),
                              .dropped_memory = grown(process->dropped_memory, row->p.dropped_memory),
                              .errors = grown(process->errors, row->p.errors),
                              .waits = grown(process->waits, row->p.waits),
                              .wait_ns = grown(process->wait_ns, row->p.wait_ns)};
    uint64_t lost = row->p.lost;
    row->last_ns = hp_clock_wall_ns();
    row->p = *process;
    row->p.interpreter = row->p.command = row->p.revision = row->p.host = row->p.unseen =
        hp_str_make(NULL, 0);
    row->unseen_n = hp_utf8_cut(process->unseen, sizeof row->unseen).n;
    if (row->unseen_n != 0) {
        memcpy(row->unseen, process->unseen.p, row->unseen_n);
    }
    row->p.lost = lost;
    m->process = number;
    err = add_loss(m, number, row->last_ns, &more, info);
    return err == HP_OK ? hp_dict_add_string(store->dict, process->revision, &row->revision) : err;
}

static hp_err put_lost(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid, uint64_t start_ns,
                       uint64_t lost, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    struct hp_process gone = {.pid = pid, .start_ns = start_ns};
    uint32_t number = 1;
    memcpy(gone.boot_id, boot_id, sizeof gone.boot_id);
    hp_err err = find_process(m, &gone, &number, info);
    if (err != HP_OK) {
        return err;
    }
    struct process *row = HP__AT(m->processes, struct process, number - 1);
    struct hp__losses more = {.lost = grown(lost, row->p.lost)};
    row->p.lost += more.lost;
    return add_loss(m, number, row->last_ns, &more, info);
}

static uint32_t map_symbol(void *ctx, uint32_t id)
{
    struct memory *m = ctx;
    struct hp_symbol symbol = hp_dict_symbol(m->from, id);
    uint32_t to = 0;
    hp_err err = hp_dict_add_symbol(m->base.dict, &symbol, &to);
    m->map_err = err == HP_ENOMEM ? err : m->map_err;
    return to;
}

static uint32_t map_statement(void *ctx, uint32_t id)
{
    struct memory *m = ctx;
    struct hp_statement statement = hp_dict_statement(m->from, id);
    uint32_t to = 0;
    hp_err err = hp_dict_add_statement(m->base.dict, &statement, &to);
    m->map_err = err == HP_ENOMEM ? err : m->map_err;
    return to;
}

static uint32_t map_route(void *ctx, uint32_t id)
{
    struct memory *m = ctx;
    struct hp_route route = hp_dict_route(m->from, id);
    uint32_t to = 0;
    hp_err err = hp_dict_add_route(m->base.dict, &route, &to);
    m->map_err = err == HP_ENOMEM ? err : m->map_err;
    return to;
}

static uint32_t map_string(void *ctx, uint32_t id)
{
    struct memory *m = ctx;
    uint32_t to = 0;
    hp_err err = hp_dict_add_string(m->base.dict, hp_dict_string(m->from, id), &to);
    m->map_err = err == HP_ENOMEM ? err : m->map_err;
    return to;
}

/* Translate all ids; a tree whose shape is damaged is left out. */
static hp_err translate(struct memory *m, struct hp_record *record)
{
    struct hp_id_maps maps = {m, map_symbol, map_statement, map_route, map_string};
    struct hp_reader in;
    m->map_err = HP_OK;
    hp_record_map(record, &maps);
    hp_buf_reset(&m->shape);
    if (record->shape.n != 0) {
        hp_reader_init(&in, record->shape.p, record->shape.n);
        hp_err err = hp_tree_map_shape(in, map_symbol, m, &m->shape);
        if (err == HP_EFORMAT || err == HP_EVERSION) {
            hp_buf_reset(&m->shape);
            record->values = hp_str_make(NULL, 0);
        } else if (err != HP_OK) {
            return err;
        }
        record->shape = hp_buf_str(&m->shape);
    }
    return m->map_err;
}

static struct hp_narrow_row narrow(const struct memory *m, const struct hp_record *record)
{
    const struct hp_request *req = &record->req;
    struct hp_narrow_row row = {.row = m->next_row,
                                .start_ns = req->start_wall_ns,
                                .duration_ns = hp__duration_ns(req),
                                .own_ns = req->own_ns,
                                .cpu_ns = req->cpu_ns,
                                .route = req->route,
                                .revision = req->revision,
                                .process = m->process,
                                .flags = req->flags,
                                .status = req->status,
                                .level = req->level,
                                .detailed = record->shape.n != 0 || record->stmt_count != 0 ||
                                            record->group_count != 0};
    uint64_t statements;
    hp__record_sql(record, &statements, &row.sql_ns);
    row.statements = (uint32_t)statements;
    return row;
}

static hp_err put(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                  struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    struct hp_record record;
    struct hp_reader in;
    hp_arena_reset(&m->arena);
    hp_reader_init(&in, encoded.p, encoded.n);
    hp_err err = hp_record_decode(&in, &m->arena, &record);
    if (err == HP_OK && (record.req.start_wall_ns > INT64_MAX || record.req.wall_ns > INT64_MAX)) {
        err = HP_EFORMAT;
    }
    if (err != HP_OK) {
        return hp_err_set(info, err, 0, "a record is damaged: %s", hp_err_text(err));
    }
    m->from = dict;
    err = translate(m, &record);
    hp_buf_reset(&m->buf);
    err = err == HP_OK ? hp_record_encode(&record, &m->buf) : err;
    struct entry *entry = err == HP_OK ? hp__list_push(&m->entries, sizeof *entry) : NULL;
    uint8_t *bytes = entry != NULL ? hp_memdup(m->buf.data, m->buf.len) : NULL;
    if (bytes == NULL) {
        return hp__memory_full(info);
    }
    record.req.process = m->process;
    *entry = (struct entry){narrow(m, &record), record.req, bytes, m->buf.len};
    m->entries.count++;
    m->next_row++;
    m->bytes += sizeof *entry + entry->n;
    return HP_OK;
}

static hp_err put_source(struct hp_store *store, struct hp_str file, struct hp_str text,
                         struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    struct source *source = hp__list_push(&m->sources, sizeof *source);
    if (source == NULL) {
        return hp__memory_full(info);
    }
    *source =
        (struct source){m->process, hp_str0_dup(file.p, file.n), hp_str0_dup(text.p, text.n), file.n, text.n};
    if (source->file == NULL || source->text == NULL) {
        hp_free(source->file);
        hp_free(source->text);
        return hp__memory_full(info);
    }
    m->sources.count++;
    return HP_OK;
}

/* ---- caps ---- */

static void drop_detail(struct memory *m, struct entry *entry)
{
    m->bytes -= entry->n;
    hp_free(entry->bytes);
    entry->bytes = NULL;
    entry->n = 0;
    m->evicted_detail += entry->row.detailed;
    m->detail_from = entry->row.row + 1;
    m->detail_from_ns = entry->row.start_ns > m->detail_from_ns ? entry->row.start_ns : m->detail_from_ns;
}

static hp_err tidy(struct hp_store *store, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    uint64_t now_ns = hp_clock_wall_ns();
    size_t gone = 0;
    (void)info;
    for (size_t i = 0; i + 1 < m->entries.count && m->bytes > m->base.caps.max_bytes; i++) {
        struct entry *entry = HP__AT(m->entries, struct entry, i);
        if (entry->bytes != NULL) {
            drop_detail(m, entry);
        }
    }
    while (gone + 1 < m->entries.count) {
        struct entry *entry = HP__AT(m->entries, struct entry, gone);
        if (m->bytes <= m->base.caps.max_bytes && entry->row.start_ns + m->base.caps.max_age_ns >= now_ns) {
            break;
        }
        if (entry->bytes != NULL) {
            drop_detail(m, entry);
        }
        m->bytes -= sizeof *entry;
        gone++;
    }
    if (gone != 0) {
        struct entry *all = m->entries.p;
        m->entries.count -= gone;
        memmove(all, all + gone, m->entries.count * sizeof *all);
        m->evicted_requests += gone;
        m->generation++;
    }
    return HP_OK;
}

/* ---- reading ---- */

static hp_err read_begin(struct hp_store *store, struct hp_errinfo *info)
{
    (void)store;
    (void)info;
    return HP_OK;
}

static void read_end(struct hp_store *store)
{
    (void)store;
}

static hp_err stamp(struct hp_store *store, struct hp__stamp *out, struct hp_errinfo *info)
{
    const struct memory *m = memory_of(store);
    (void)info;
    *out = (struct hp__stamp){m->generation, m->next_row - 1, m->detail_from, m->detail_from_ns};
    return HP_OK;
}

static hp_err extent(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp__extent *out,
                     struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    *out = (struct hp__extent){.first_ns = from_ns};
    for (size_t i = 0; i < m->entries.count; i++) {
        const struct hp_narrow_row *row = &HP__AT(m->entries, struct entry, i)->row;
        if (row->start_ns >= from_ns && row->start_ns < to_ns) {
            out->first_row = out->rows == 0 ? row->row : out->first_row;
            out->last_row = row->row;
            out->rows++;
        }
    }
    return HP_OK;
}

static hp_err scan(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, uint64_t after, uint32_t mask,
                   hp_narrow_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    for (size_t i = 0; i < m->entries.count; i++) {
        const struct hp_narrow_row *row = &HP__AT(m->entries, struct entry, i)->row;
        if (row->row > after && hp__scan_keeps(mask, row->row) && row->start_ns >= from_ns &&
            row->start_ns < to_ns && !fn(ctx, row)) {
            break;
        }
    }
    return HP_OK;
}

static hp_err find(struct hp_store *store, uint64_t request_id, uint64_t *row, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    for (size_t i = m->entries.count; i > 0; i--) {
        const struct entry *entry = HP__AT(m->entries, struct entry, i - 1);
        if (entry->req.id == request_id) {
            *row = entry->row.row;
            return HP_OK;
        }
    }
    return hp_err_set(info, HP_ENOTFOUND, 0, "no request %016llx in the store",
                      (unsigned long long)request_id);
}

static struct entry *entry_of(struct memory *m, uint64_t row)
{
    for (size_t i = 0; i < m->entries.count; i++) {
        struct entry *entry = HP__AT(m->entries, struct entry, i);
        if (entry->row.row == row) {
            return entry;
        }
    }
    return NULL;
}

static hp_err request(struct hp_store *store, uint64_t row, struct hp_request_row *out,
                      struct hp_errinfo *info)
{
    const struct entry *entry = entry_of(memory_of(store), row);
    if (entry == NULL) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "the request is no longer in the store");
    }
    *out = (struct hp_request_row){row, entry->req, entry->row.statements, entry->row.sql_ns};
    return HP_OK;
}

static hp_err record(struct hp_store *store, uint64_t row, struct hp_arena *arena, struct hp_record *out,
                     struct hp_errinfo *info)
{
    const struct entry *entry = entry_of(memory_of(store), row);
    struct hp_record found;
    struct hp_reader in;
    if (entry == NULL) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "the request is no longer in the store");
    }
    if (entry->bytes == NULL) {
        *out = (struct hp_record){.req = entry->req};
        return HP_OK;
    }
    uint8_t *bytes = hp_arena_dup(arena, entry->bytes, entry->n);
    if (bytes == NULL) {
        return hp__memory_full(info);
    }
    hp_reader_init(&in, bytes, entry->n);
    hp_err err = hp_record_decode(&in, arena, &found);
    if (err != HP_OK) {
        return err == HP_ENOMEM ? hp__memory_full(info)
                                : hp_err_set(info, HP_ECORRUPT, 0, "a record is damaged");
    }
    found.req.process = entry->req.process;
    *out = found;
    return HP_OK;
}

static void add_losses(struct hp__losses *out, const struct hp__losses *more)
{
    out->sampled_out += more->sampled_out;
    out->dropped_ring += more->dropped_ring;
    out->dropped_tree += more->dropped_tree;
    out->dropped_store += more->dropped_store;
    out->dropped_memory += more->dropped_memory;
    out->lost += more->lost;
    out->errors += more->errors;
    out->waits += more->waits;
    out->wait_ns += more->wait_ns;
}

/* The last one of a minute and process stays; the list is in the order of writing. */
static hp_err put_gauge(struct hp_store *store, const struct hp_gauge *gauge, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    struct hp_gauge *put = hp__list_push(&m->gauges, sizeof *put);
    if (put == NULL) {
        return hp__memory_full(info);
    }
    *put = *gauge;
    if (m->process != 0) {
        const struct process *process = HP__AT(m->processes, struct process, m->process - 1);
        put->pid = process->p.pid;
        put->start_ns = process->p.start_ns;
    }
    m->gauges.count++;
    return HP_OK;
}

static hp_err put_sampled(struct hp_store *store, const struct hp_sampled_row *row,
                          const struct hp_dict *dict, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    struct hp_sampled_row *put = hp__list_push(&m->sampled, sizeof *put);
    struct hp_reader in;
    if (put == NULL) {
        return hp__memory_full(info);
    }
    m->from = dict;
    m->map_err = HP_OK;
    hp_buf_reset(&m->shape);
    hp_reader_init(&in, row->shape.p, row->shape.n);
    hp_err err = hp_tree_map_shape(in, map_symbol, m, &m->shape);
    if (err != HP_OK || m->map_err != HP_OK) {
        return hp_err_set(info, m->map_err != HP_OK ? m->map_err : err, 0, "a call tree is damaged");
    }
    *put = *row;
    put->shape.p = hp_memdup(m->shape.data, m->shape.len);
    put->shape.n = m->shape.len;
    put->values.p = hp_memdup(row->values.p, row->values.n);
    if (put->shape.p == NULL || put->values.p == NULL) {
        free_sampled(put);
        return hp__memory_full(info);
    }
    put->pid = m->process != 0 ? HP__AT(m->processes, struct process, m->process - 1)->p.pid : 0;
    m->sampled.count++;
    return HP_OK;
}

static hp_err sampled(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_sampled_fn fn, void *ctx,
                      struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    for (size_t i = 0; i < m->sampled.count; i++) {
        const struct hp_sampled_row *row = HP__AT(m->sampled, struct hp_sampled_row, i);
        if (row->from_ns >= from_ns && row->from_ns < to_ns && !fn(ctx, row)) {
            break;
        }
    }
    return HP_OK;
}

static bool is_replaced(const struct memory *m, size_t i)
{
    const struct hp_gauge *gauge = HP__AT(m->gauges, struct hp_gauge, i);
    for (size_t k = i + 1; k < m->gauges.count; k++) {
        const struct hp_gauge *later = HP__AT(m->gauges, struct hp_gauge, k);
        if (later->pid == gauge->pid && later->start_ns == gauge->start_ns &&
            later->at_ns / HP_MINUTE_NS == gauge->at_ns / HP_MINUTE_NS) {
            return true;
        }
    }
    return false;
}

static hp_err gauges(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_gauge_fn fn, void *ctx,
                     struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    for (size_t i = 0; i < m->gauges.count; i++) {
        const struct hp_gauge *gauge = HP__AT(m->gauges, struct hp_gauge, i);
        if (gauge->at_ns >= from_ns && gauge->at_ns < to_ns && !is_replaced(m, i) && !fn(ctx, gauge)) {
            break;
        }
    }
    return HP_OK;
}

static hp_err unseen(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_unseen_fn fn, void *ctx,
                     struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    for (size_t i = 0; i < m->processes.count; i++) {
        const struct process *row = HP__AT(m->processes, struct process, i);
        const struct hp_process_unseen process = {row->p.pid, row->p.start_ns,
                                                  hp_str_make(row->unseen, row->unseen_n)};
        if (row->unseen_n != 0 && row->last_ns >= from_ns && row->p.start_ns < to_ns && !fn(ctx, &process)) {
            break;
        }
    }
    return HP_OK;
}

static hp_err losses(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp_str revision,
                     struct hp__losses *out, struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    for (size_t i = 0; i < m->losses.count; i++) {
        const struct loss *loss = HP__AT(m->losses, struct loss, i);
        const struct process *process = HP__AT(m->processes, struct process, loss->process - 1);
        bool wanted = revision.n == 0 || hp_str_eq(hp_dict_string(store->dict, process->revision), revision);
        if (wanted && loss->minute >= from_ns / HP_MINUTE_NS && loss->minute <= (to_ns - 1) / HP_MINUTE_NS) {
            add_losses(out, &loss->more);
        }
    }
    out->evicted_requests = m->evicted_requests;
    out->evicted_detail = m->evicted_detail;
    return HP_OK;
}

static hp_err find_source(struct hp_store *store, struct hp_str file,
                          bool (*wanted)(void *ctx, uint32_t process), void *ctx, struct hp_str *text,
                          struct hp_errinfo *info)
{
    struct memory *m = memory_of(store);
    (void)info;
    *text = hp_str_make(NULL, 0);
    for (size_t i = m->sources.count; i > 0; i--) {
        const struct source *one = HP__AT(m->sources, struct source, i - 1);
        if (hp_str_eq(hp_str_make(one->file, one->file_n), file) && wanted(ctx, one->process)) {
            *text = hp_str_make(one->text, one->text_n);
            break;
        }
    }
    return HP_OK;
}

/* ---- open and close ---- */

static hp_err close_memory(struct hp_store *store)
{
    struct memory *m = memory_of(store);
    m->saved_entries = m->saved_sources = m->saved_losses = 0;
    cut(m);
    hp__memory_notes_free(&m->notes);
    for (size_t i = 0; i < m->sampled.count; i++) {
        free_sampled(HP__AT(m->sampled, struct hp_sampled_row, i));
    }
    struct hp__list *const lists[] = {&m->entries,   &m->losses, &m->sources,
                                      &m->processes, &m->gauges, &m->sampled};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        hp_free(lists[i]->p);
    }
    hp_arena_fini(&m->arena);
    hp_buf_fini(&m->buf);
    hp_buf_fini(&m->shape);
    hp_free(m);
    return HP_OK;
}

static const struct hp_store_ops ops = {
    .close = close_memory,
    .begin = begin,
    .put_process = put_process,
    .put = put,
    .put_source = put_source,
    .put_gauge = put_gauge,
    .put_sampled = put_sampled,
    .sampled = sampled,
    .gauges = gauges,
    .unseen = unseen,
    .commit = commit,
    .rollback = rollback,
    .tidy = tidy,
    .put_lost = put_lost,
    .label_begin = hp__memory_label_begin,
    .label_end = hp__memory_label_end,
    .label = hp__memory_label,
    .labels = hp__memory_labels,
    .get_finding = hp__memory_get_finding,
    .findings = hp__memory_findings,
    .set_finding = hp__memory_set_finding,
    .get_setting = hp__memory_get_setting,
    .set_setting = hp__memory_set_setting,
    .get_plan = hp__memory_get_plan,
    .set_plan = hp__memory_set_plan,
    .read_begin = read_begin,
    .read_end = read_end,
    .stamp = stamp,
    .extent = extent,
    .scan = scan,
    .find = find,
    .request = request,
    .record = record,
    .losses = losses,
    .source = find_source,
};

hp_err hp__memory_open(const struct hp_store_config *config, struct hp_store **store)
{
    struct memory *m = hp_calloc(1, sizeof *m);
    if (m == NULL) {
        return HP_ENOMEM;
    }
    m->base.ops = &ops;
    m->base.caps = (struct hp_caps){config->max_bytes, config->max_age_ns};
    m->next_row = 1;
    hp_arena_init(&m->arena, HP_STORE_RECORD_BYTES);
    hp_buf_init(&m->buf, HP_STORE_RECORD_BYTES);
    hp_buf_init(&m->shape, HP_STORE_RECORD_BYTES);
    *store = &m->base;
    return HP_OK;
}
