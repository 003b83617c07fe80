/* sources.c -- see sources.h. One walk over the places of a record; each file is read once. */
#include "serve/sources.h"

#include <inttypes.h>

#include "base/hash.h"
#include "base/map.h"

#define LINES_MOST 500u
#define FILES_MOST 64u
#define SEEN_CAP   4096u

struct source_file {
    struct hp_str name, text; /* text: the arena's */
};

struct sources {
    struct hp_question *question;
    struct hp_scope scope; /* of the request alone */
    bool lines;            /* write the places' lines, not only read the files */
    struct hp_map seen;    /* places that are there already */
    struct source_file files[FILES_MOST];
    uint32_t count, file_count;
    hp_err err;
};

/* The text of a file as it was then; read once. */
static struct hp_str text_of(struct sources *sources, struct hp_str name)
{
    struct hp_question *question = sources->question;
    struct hp_str text = {NULL, 0};
    for (uint32_t i = 0; i < sources->file_count; i++) {
        if (hp_str_eq(sources->files[i].name, name)) {
            return sources->files[i].text;
        }
    }
    if (sources->file_count == FILES_MOST) {
        return text;
    }
    sources->err = hp_store_source(question->store, &sources->scope, name, &text, question->info);
    char *copy = sources->err == HP_OK ? hp_arena_dup(question->arena, text.p, text.n) : NULL;
    text = hp_str_make(copy, copy != NULL ? text.n : 0);
    sources->files[sources->file_count++] = (struct source_file){name, text};
    return text;
}

static struct hp_str line_of(struct hp_str text, uint32_t number)
{
    for (uint32_t i = 1; i < number && text.n != 0; i++) {
        size_t end = hp_str_find_char(text, '\n');
        size_t skip = end < text.n ? end + 1 : end;
        text = hp_str_make(text.p + skip, text.n - skip);
    }
    size_t end = hp_str_find_char(text, '\n');
    return hp_str_make(text.p, text.n != 0 && end != 0 && text.p[end - 1] == '\r' ? end - 1 : end);
}

static void put_line(struct sources *sources, struct hp_str file, uint32_t number, struct hp_str line)
{
    struct hp_buf name;
    hp_buf_init(&name, 1 << 16);
    hp_buf_put_text(&name, file);
    hp_buf_printf(&name, ":%" PRIu32, number);
    hp_json_key_str(sources->question->json, hp_buf_str(&name));
    hp_json_str(sources->question->json, line);
    hp_buf_fini(&name);
    sources->count++;
}

static void visit_place(struct sources *sources, uint32_t sym, uint32_t line)
{
    struct hp_symbol symbol = hp_dict_symbol(sources->question->dict, sym);
    uint32_t number = line != 0 ? line : symbol.line, known;
    uint64_t key = hp_hash64(symbol.file.p, symbol.file.n, number);
    if (sources->err != HP_OK || sym == 0 || number == 0 || (symbol.flags & HP_SYM_APP) == 0 ||
        sources->count == LINES_MOST || hp_map_get(&sources->seen, key, &known)) {
        return;
    }
    sources->err = hp_map_put(&sources->seen, key, 1);
    struct hp_str text = sources->err == HP_OK ? text_of(sources, symbol.file) : (struct hp_str){NULL, 0};
    struct hp_str found = sources->lines ? line_of(text, number) : text;
    if (sources->err == HP_OK && sources->lines && found.n != 0) {
        put_line(sources, symbol.file, number, found);
    }
}

static hp_err visit(struct sources *sources, const struct hp_record *record, const struct hp_tree *tree)
{
    sources->scope =
        (struct hp_scope){.from_ns = record->req.start_wall_ns, .to_ns = record->req.start_wall_ns + 1};
    hp_map_init(&sources->seen, SEEN_CAP);
    for (uint32_t i = 0; i < record->group_count; i++) {
        visit_place(sources, record->groups[i].site_sym, record->groups[i].site_line);
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        visit_place(sources, record->waits[i].site_sym, record->waits[i].site_line);
    }
    for (uint32_t i = 1; i < record->lane_count; i++) {
        visit_place(sources, record->lanes[i].site_sym, record->lanes[i].site_line);
    }
    for (uint32_t i = 0; tree != NULL && i < tree->count; i++) {
        visit_place(sources, tree->nodes[i].sym, 0);
    }
    hp_map_fini(&sources->seen);
    return sources->err == HP_EFULL ? HP_OK : sources->err;
}

hp_err hp_sources_put_lines(struct hp_question *question, const struct hp_record *record,
                            const struct hp_tree *tree)
{
    struct sources sources = {.question = question, .lines = true};
    hp_json_key(question->json, "sources");
    hp_json_object_begin(question->json);
    hp_err err = visit(&sources, record, tree);
    hp_json_object_end(question->json);
    return err;
}

hp_err hp_sources_each_file(struct hp_question *question, const struct hp_record *record,
                            const struct hp_tree *tree, hp_sources_fn fn, void *ctx)
{
    struct sources sources = {.question = question};
    hp_err err = visit(&sources, record, tree);
    for (uint32_t i = 0; err == HP_OK && i < sources.file_count; i++) {
        if (sources.files[i].text.n != 0) {
            err = fn(ctx, sources.files[i].name);
        }
    }
    return err;
}
