/* rule_dns_repeat.c -- name look-ups that cost a part of the request worth having, again in each request or
 * several times in one.
 *
 * Principle: an address is good for its time to live, so a request that waits for a look-up waits for
 * something that was known. Cost decides, not count: two look-ups that are half of the request are a finding,
 * hundreds that a local cache answers are none.
 *
 * Evidence and silence are those of connection_churn, where the look-up is the costliest part; also look-ups
 * that no connect follows. Saving: all of it; low keeps one look-up of each name in each request.
 */
#include "find/find_int.h"

hp_err hp__rule_dns_repeat(struct hp__find *f)
{
    return hp__churn_run(f, HP_FIND_dns_repeat);
}
