/* show_waits.h -- where one request's time went: CPU, waits by kind, run queue, what is left; waits by place; outgoing calls. */
#ifndef HP_SHOW_WAITS_H
#define HP_SHOW_WAITS_H

#include "base/buf.h"
#include "base/json.h"
#include "model/record.h"

/* The main lane's time: wall = cpu + waits + runqueue - busy + left. */
struct hp_show_time {
    uint64_t kinds_ns[HP_WAIT_KINDS]; /* waits by kind */
    uint64_t waits_ns;
    uint64_t busy_ns; /* CPU and run queue inside waits: in both sums; HP_ABSENT */
    int64_t left_ns;  /* only if known */
    bool known;       /* CPU, waits and run queue were all recorded */
};
struct hp_show_time hp_show_waits_sum(const struct hp_record *record);
const char *hp_show_waits_kind(uint8_t kind);

/* Members "time", "waits" and "calls" of an object that the caller has begun; nothing when no waits were recorded. */
void hp_show_waits_json(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record);
/* The same for people. HP_ENOMEM. */
HP_CHECK hp_err hp_show_waits_text(struct hp_buf *out, const struct hp_dict *dict, struct hp_record *record);

#endif
