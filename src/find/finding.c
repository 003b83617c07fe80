/* finding.c -- making one finding: its arrays, evidence, identity and price per request. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "find/find_int.h"

#define KIND_NAME(kind) #kind,
static const char *const kind_names[HP_FIND_KIND_COUNT] = {HP_FINDING_KINDS(KIND_NAME)};
#undef KIND_NAME

const char *hp_find_kind_name(enum hp_finding_kind kind)
{
    return (unsigned)kind < HP_FIND_KIND_COUNT ? kind_names[kind] : "unknown";
}

hp_err hp__finding_init(struct hp__find *f, struct hp_finding *finding, enum hp_finding_kind kind)
{
    size_t n = f->c->sample_count;
    memset(finding, 0, sizeof *finding);
    finding->kind = kind;
    finding->route = f->c->route;
    finding->saving_ns = hp__zeroed(f->arena, n, sizeof *finding->saving_ns);
    finding->low_ns = hp__zeroed(f->arena, n, sizeof *finding->low_ns);
    finding->high_ns = hp__zeroed(f->arena, n, sizeof *finding->high_ns);
    finding->removals = hp__zeroed(f->arena, n, sizeof *finding->removals);
    finding->removal_count = hp__zeroed(f->arena, n, sizeof *finding->removal_count);
    finding->lanes_gone = hp__zeroed(f->arena, n, sizeof *finding->lanes_gone);
    bool fine = finding->saving_ns != NULL && finding->low_ns != NULL && finding->high_ns != NULL &&
                finding->removals != NULL && finding->removal_count != NULL && finding->lanes_gone != NULL;
    return fine ? HP_OK : HP_ENOMEM;
}

static uint64_t hash_text(uint64_t seed, struct hp_str text)
{
    return hp_hash_mix(hp_hash64(text.p, text.n, seed), text.n);
}

void hp__finding_identify(const struct hp__find *f, struct hp_finding *finding)
{
    struct hp_route route = hp_dict_route(f->c->dict, finding->route);
    struct hp_symbol site = hp_dict_symbol(f->c->dict, hp__finding_subject(finding));
    uint64_t id = hash_text(0, hp_str_from0(hp_find_kind_name(finding->kind)));
    id = hash_text(id, route.method);
    id = hash_text(id, route.rule);
    id = hash_text(id, site.file);
    id = hash_text(id, site.name);
    finding->id = hash_text(id, hp_dict_statement(f->c->dict, finding->statement).text);
}

hp_err hp__finding_price(struct hp__find *f, struct hp_finding *finding, uint32_t i,
                         const struct hp__cut *cut, const struct hp__cut *low, const struct hp__cut *high)
{
    const struct hp_sample *sample = &f->c->samples[i];
    hp_err err = hp__cut_price(sample, cut, f->scratch, &finding->saving_ns[i]);
    finding->low_ns[i] = finding->high_ns[i] = finding->saving_ns[i];
    if (err == HP_OK && low != NULL) {
        err = hp__cut_price(sample, low, f->scratch, &finding->low_ns[i]);
    }
    if (err == HP_OK && high != NULL) {
        err = hp__cut_price(sample, high, f->scratch, &finding->high_ns[i]);
    }
    finding->removals[i] = cut->list;
    finding->removal_count[i] = cut->count;
    finding->lanes_gone[i] = cut->lanes_gone;
    return err;
}

hp_err hp__finding_claim(struct hp__find *f, struct hp_finding *finding, uint32_t statement)
{
    uint32_t *claimed = hp_arena_alloc(f->arena, sizeof *claimed, _Alignof(uint32_t));
    if (claimed == NULL) {
        return HP_ENOMEM;
    }
    *claimed = statement;
    finding->statement = statement;
    finding->statements = claimed;
    finding->statement_count = 1;
    return HP_OK;
}

void hp__finding_number(struct hp_finding *finding, const char *key, double number)
{
    if (finding->evidence_count < sizeof finding->evidence / sizeof *finding->evidence) {
        finding->evidence[finding->evidence_count++] = (struct hp_evidence){.key = key, .number = number};
    }
}

void hp__finding_text(struct hp_finding *finding, const char *key, struct hp_str text)
{
    if (text.n != 0 && finding->evidence_count < sizeof finding->evidence / sizeof *finding->evidence) {
        finding->evidence[finding->evidence_count++] =
            (struct hp_evidence){.key = key, .text = text, .is_text = true};
    }
}

struct hp_str hp__textf(struct hp_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n >= 0 ? hp_arena_alloc(arena, (size_t)n + 1, 1) : NULL;
    if (p == NULL) {
        return (struct hp_str){NULL, 0};
    }
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return hp_str_make(p, (size_t)n);
}

struct hp_str hp__place(struct hp_arena *arena, const struct hp_dict *dict, uint32_t sym, uint32_t line)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, sym);
    if (symbol.file.n == 0) {
        return symbol.name;
    }
    if (line == 0) {
        return symbol.file;
    }
    return hp__textf(arena, "%.*s:%u", (int)symbol.file.n, symbol.file.p, line);
}

struct hp_str hp__finding_part(struct hp__find *f, enum hp_moved_kind kind, uint32_t id)
{
    static const char *const waits[HP_WAIT_KINDS] = {
        "looking a name up", "connecting",      "a TLS handshake", "sending",      "receiving",
        "polling",           "sleeping",        "a lock",          "the GIL",      "the disk",
        "the database",      "another program", "the queue",       "another task", "the event loop"};
    struct hp_str text;
    switch (kind) {
    case HP_MOVED_STATEMENT:
        text = hp__words_table(hp_dict_statement(f->c->dict, id).text);
        return text.n != 0 ? hp__textf(f->arena, "the statement on %.*s", (int)text.n, text.p)
                           : HP_STR("one statement");
    case HP_MOVED_WAIT:
        return hp_str_from0(id < HP_WAIT_KINDS ? waits[id] : "a wait");
    default:
        return hp_dict_symbol(f->c->dict, id).name;
    }
}
