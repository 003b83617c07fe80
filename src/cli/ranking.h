/* ranking.h -- functions in an order, and some of them: pstats' sort_stats and print_stats.
 *
 * Keys are pstats' names and ours (self, total, calls); several, separated by commas, decide one after the
 * other; equal functions stay in the order of the profile. A restriction is a whole number (so many), a
 * fraction (that share of them) or a regular expression (POSIX extended, searched for in "file:line(name)"),
 * applied one after the other.
 */
#ifndef HP_RANKING_H
#define HP_RANKING_H

#include "base/buf.h"
#include "hotplate/err.h"
#include "model/callgraph.h"

struct hp_ranking {
    uint32_t *list; /* indices of functions */
    uint32_t count;
};

/* The first `most` of the listed functions in the order of `keys`. Owns: hp_ranking_fini. Fails: HP_EINVAL
 * with a line (an unknown key), HP_ENOMEM. */
HP_CHECK hp_err hp_ranking_init(struct hp_ranking *ranking, const struct hp_callgraph *graph,
                                const struct hp_dict *dict, const char *keys, bool reverse, uint32_t most,
                                struct hp_errinfo *info);
void hp_ranking_fini(struct hp_ranking *ranking);

/* Keep what a restriction keeps. Fails: HP_EINVAL with a line (not a regular expression), HP_ENOMEM. */
HP_CHECK hp_err hp_ranking_restrict(struct hp_ranking *ranking, const struct hp_callgraph *graph,
                                    const struct hp_dict *dict, const char *restriction,
                                    struct hp_errinfo *info);

/* Whether keys and restrictions are well formed, without a profile. Fails: HP_EINVAL with a line. */
HP_CHECK hp_err hp_ranking_check(const char *keys, char *const *restrictions, int count,
                                 struct hp_errinfo *info);

#endif
