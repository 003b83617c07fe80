/* explain_serve.h -- plans in the background while an application is developed.
 *
 *     application ── slow SELECT, once each ──▶ <store folder>/explain.sock ──▶ this process ──▶ python -m hotplate.explain ──▶ store
 *                    (a datagram that never waits)
 *
 * Text, bound values and how to reach the database come in one datagram; text and values are forgotten when
 * the plan is there. What is kept is the plan, which holds no value. How a database was last reached stays in
 * this process's memory, so that the dashboard can ask for a plan of any of its statements. The folder is the
 * user's own (0700). One such process a store: a second one finds the lock taken and ends. It ends when the
 * processes that have spoken to it and the one that started it are gone, and what they asked for is there.
 * Lowest priority, one statement at a time.
 */
#ifndef HP_EXPLAIN_SERVE_H
#define HP_EXPLAIN_SERVE_H

#include "hotplate/err.h"
#include "model/dict.h"

#define HP_EXPLAIN_TEXT_BYTES 2048u /* of an address that is remembered */

/* Detach and serve the store at `path`; the caller goes on to exit at once. Returns an exit code. */
int hp_explain_serve(const char *path);

/* Ask that process for the plan of a statement of the store at `path`, with example values; on HP_OK it is
 * kept. HP_ENOTFOUND: there is no such process; HP_EINVAL: its line why there is no plan; HP_ETIMEOUT,
 * HP_EIO, HP_EFULL. Threads: any. */
HP_CHECK hp_err hp_explain_serve_ask(const char *path, const struct hp_statement *statement,
                                     struct hp_errinfo *info);

/* Wait, for a while, until the plans that the application has asked for so far are in the store at `path`.
 * Threads: any. */
void hp_explain_serve_wait(const char *path);

#endif
