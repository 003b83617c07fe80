/* words.c -- text of the application into ids of the process's dictionary, and keyed hashes of what must not
 * be kept. */
#include <string.h>

#include "base/hash.h"
#include "capture/capture_int.h"
#include "model/fingerprint.h"

static struct hp_str str_of(struct hp_span8 text)
{
    return hp_str_make(text.p, text.n);
}

/* `id` if all went well; else 0, and the failure is counted. */
static uint32_t counted(struct hp_cap *cap, hp_err err, uint32_t id)
{
    if (err != HP_OK) {
        hp_cap_error(cap);
        return 0;
    }
    return id;
}

uint32_t hp_cap_symbol(struct hp_cap *cap, int kind, int flags, struct hp_span8 file, struct hp_span8 name,
                       struct hp_span8 path, uint32_t line)
{
    uint32_t id = 0;
    struct hp_symbol symbol = {.file = str_of(file),
                               .name = str_of(name),
                               .path = str_of(path),
                               .line = line,
                               .kind = (uint8_t)kind,
                               .flags = (uint8_t)flags};
    hp_err err = hp_dict_add_symbol(cap->dict, &symbol, &id);
    return counted(cap, err, id);
}

uint32_t hp_cap_string(struct hp_cap *cap, struct hp_span8 text)
{
    uint32_t id = 0;
    hp_err err = hp_dict_add_string(cap->dict, str_of(text), &id);
    return counted(cap, err, id);
}

uint32_t hp_cap_route(struct hp_cap *cap, struct hp_span8 method, struct hp_span8 rule,
                      struct hp_span8 endpoint)
{
    uint32_t id = 0;
    struct hp_route route = {str_of(method), str_of(rule), str_of(endpoint)};
    hp_err err = hp_dict_add_route(cap->dict, &route, &id);
    return counted(cap, err, id);
}

uint32_t hp_cap_statement(struct hp_cap *cap, struct hp_span8 sql, int engine, uint32_t *in_count)
{
    uint32_t id = 0;
    struct hp_buf folded;
    struct hp_sql_facts facts = {0};
    hp_buf_init(&folded, HP_FINGERPRINT_MAX_BYTES);
    hp_err err = hp_fingerprint(str_of(sql), hp_fingerprint_dialect((unsigned)engine), &folded, &facts);
    if (err == HP_OK) {
        struct hp_statement statement = {hp_buf_str(&folded), (uint8_t)engine, (uint8_t)facts.verb};
        err = hp_dict_add_statement(cap->dict, &statement, &id);
    }
    hp_buf_fini(&folded);
    if (in_count != NULL) {
        *in_count = facts.in_count;
    }
    return counted(cap, err, id);
}

void hp_cap_source(struct hp_cap *cap, struct hp_span8 file, struct hp_span8 path)
{
    if (cap->writer != NULL) {
        hp_writer_source(cap->writer, str_of(file), str_of(path));
    }
}

/* The state that the extension keeps is a struct hp_sip by another name, since it does not see base/. */
_Static_assert(sizeof(struct hp_cap_hash) == sizeof(struct hp_sip), "one is the other");

void hp_cap_hash_begin(struct hp_cap *cap, struct hp_cap_hash *hash)
{
    struct hp_sip sip;
    hp_sip_init(&sip, cap->hash_key);
    memcpy(hash, &sip, sizeof sip);
}

void hp_cap_hash_feed(struct hp_cap_hash *hash, const void *data, size_t n)
{
    struct hp_sip sip;
    memcpy(&sip, hash, sizeof sip);
    hp_sip_update(&sip, data, n);
    memcpy(hash, &sip, sizeof sip);
}

uint64_t hp_cap_hash_end(struct hp_cap_hash *hash)
{
    struct hp_sip sip;
    memcpy(&sip, hash, sizeof sip);
    uint64_t value = hp_sip_final(&sip);
    return value != 0 ? value : 1;
}

/* ---- clock ---- */

uint64_t hp_cap_ticks(void)
{
    return hp_clock_ticks();
}

uint64_t hp_cap_ns(uint64_t delta_ticks)
{
    return hp_clock_ns_of_ticks(delta_ticks);
}

uint64_t hp_cap_thread_cpu_ns(void)
{
    return hp_clock_thread_cpu_ns();
}
