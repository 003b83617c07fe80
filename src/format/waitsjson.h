/* waitsjson.h -- where one request's time went: CPU, waits by kind, run queue, what is left; waits by place;
 * outgoing calls; as JSON, and the sums that the command line shows too. */
#ifndef HP_WAITSJSON_H
#define HP_WAITSJSON_H

#include "base/json.h"
#include "model/dict.h"
#include "model/record.h"

/* The main lane's time: wall = cpu + waits + runqueue - busy + left. */
struct hp_waitsjson_time {
    uint64_t kinds_ns[HP_WAIT_KINDS]; /* waits by kind */
    uint64_t waits_ns;
    uint64_t busy_ns; /* CPU and run queue inside waits: in both sums; HP_ABSENT */
    uint64_t left_ns; /* only if known */
    bool known;       /* CPU, waits and run queue were all recorded */
};
struct hp_waitsjson_time hp_waitsjson_sum(const struct hp_record *record);
/* Whether waits were recorded, if there were any. */
bool hp_waitsjson_watched(const struct hp_record *record);

/* What went out of the process and came back: the waits of one group added up. */
struct hp_waitsjson_call {
    uint64_t from_ns, to_ns, dns_ns, connect_ns, tls_ns, send_ns, first_byte_ns, receive_ns, out_bytes,
        in_bytes;
    uint32_t lane, peer, name, group;
    uint32_t site_sym, site_line, via_sym;
    uint8_t protocol;
};

/* The calls in order of their first wait, in memory that the caller frees (hp_free); NULL: none, or no memory
 * (*err). */
struct hp_waitsjson_call *hp_waitsjson_calls(const struct hp_record *record, uint32_t *count, hp_err *err);
/* Something was exchanged, or tried. */
bool hp_waitsjson_is_call(const struct hp_waitsjson_call *call);
/* "http", "redis", …; empty if not known. */
const char *hp_waitsjson_protocol(const struct hp_waitsjson_call *call);

/* Members "time", "waits", "calls" and "holders" of an object that the caller has begun; nothing when no
 * waits were recorded. */
void hp_waitsjson_members(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record);

#endif
