/* switch.c -- puts the probes into the call slots, and takes them out. Contract: hotplate/ext/waits.h. */
#include <stdio.h>

#include "capture/got.h"
#include "capture/probe.h"
#include "capture/wait.h"

#define RESCAN_EVERY_NS 1000000u

hp_err hp_waits_start(const struct hp_waits_config *config)
{
    static struct hp_got_table table;
    if (!hp_waits_on()) {
        table.hooks = hp__probe_libc(&table.hook_count);
        table.family = hp__probe_ssl();
        table.skip_own = config->skip_own;
    }
    hp__wait_configure(config);
    hp_err err = hp_got_hook_all(&table);
    if (err == HP_OK) {
        atomic_store(&hp__wait_probes, true);
    }
    return err;
}

hp_err hp_waits_stop(void)
{
    atomic_store(&hp__wait_probes, false);
    return hp_got_unhook_all();
}

void hp_waits_rescan(void)
{
    if (hp_waits_on()) {
        (void)hp_got_rescan(); /* another thread is at it: then it is being done */
    }
}

void hp_waits_rescan_at(uint64_t now)
{
    static uint64_t last;
    if (hp_clock_ns_of_ticks(now - last) >= RESCAN_EVERY_NS) {
        last = now;
        hp_waits_rescan();
    }
}

void hp_waits_describe(char *out, size_t n)
{
    struct hp_got_counts counts = hp_got_counts();
    char left_out[1024] = "";
    (void)hp_got_unseen(left_out, sizeof left_out); /* else another thread hooks right now */
    snprintf(out, n, "%u calls in %u objects%s%s", counts.slots, counts.objects,
             left_out[0] != '\0' ? "; not hooked: " : "", left_out);
}
