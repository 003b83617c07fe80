/* plan_sums.h -- whether a statement adds up rows that no plan gets around reading.
 *
 * Why: what a thousand rows come to takes a thousand rows, with whatever index. Such a statement is dearer
 * than one that looks a row up, and nothing is wrong with it.
 */
#ifndef HP_PLAN_SUMS_H
#define HP_PLAN_SUMS_H

#include "find/plan.h"
#include "find/plan_query.h"

/* Whether the statement gives sums over its rows (GROUP BY, count, sum, avg), finds them by comparisons that
 * an index serves if there is one, reads no table again and again as a whole, and takes no longer than
 * reading the rows of its tables may: 5 us each. Of a resolved plan (plan_advice.h). Pure. Threads: any. */
bool hp_plan_sums(const struct hp_plan *plan, const struct hp_query *query, double took_ns);

#endif
