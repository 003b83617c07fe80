/* attached.h -- what attach, dump and live have in common: a PID, a sampler on it, and a loop at a rate.
 *
 * Application code is told from library code as everywhere (place.h); what the target's sys.path is we do not
 * read: its working directory, the folder of its script and the folders of its interpreter stand for it.
 */
#ifndef HP_ATTACHED_H
#define HP_ATTACHED_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/rng.h"
#include "cli/args.h"
#include "hotplate/ext/place.h"
#include "remote/sampler.h"

struct hp_attached {
    const char *rate_text, *for_text, *mode_text; /* as given; NULL: default */
    bool json, no_children, apart;
    pid_t pid;
    uint64_t for_ns;    /* UINT64_MAX: until stopped */
    uint64_t period_ns; /* of the rate */
    uint64_t rate_hz;
    struct hp_places *places;
    struct hp_sampler *sampler;
    struct hp_rng rng;
    uint64_t begin_ns, next_ns;
    uint32_t library_count; /* library folders found in file names */
    char shown[4096];       /* for the place callback */
};

/* Parse `argv`: the options in `options` beside the common ones (all=false: only those that dump takes), one
 * PID. Returns -1 to go on, else the exit code to return with. */
int hp_attached_parse(struct hp_attached *attached, const char *command, const char *help,
                      const struct hp_args_option *options, size_t count, bool all, uint64_t default_for_ns,
                      int argc, char **argv, struct hp_buf *out);

/* Attach. Returns -1 to go on, else the exit code: one line was written. */
int hp_attached_open(struct hp_attached *attached);
void hp_attached_close(struct hp_attached *attached);

/* Begin the time of --for; from now on a signal to stop is caught. */
void hp_attached_begin(struct hp_attached *attached);

/* Sample until `until_ns` (monotonic), the end of --for, or a signal to stop. Fails: HP_ENOTFOUND: the target
 * has ended. */
HP_CHECK hp_err hp_attached_sample(struct hp_attached *attached, uint64_t until_ns);

/* Whether to stop: SIGINT, SIGTERM or SIGHUP came, or --for is over. */
bool hp_attached_is_over(const struct hp_attached *attached);

/* "python app.py (812)", borrowed from the sampler. */
struct hp_str hp_attached_title(const struct hp_attached *attached);

/* One line of what was sampled and how well. Appended. */
void hp_attached_put_counts(const struct hp_attached *attached, struct hp_buf *out);

#endif
