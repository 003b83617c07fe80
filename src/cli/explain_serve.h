/* explain_serve.h -- plans in the background while an application is developed.
 *
 *     application ── slow SELECT, once each ──▶ <store folder>/explain.sock ──▶ this process ──▶ python -m hotplate.explain ──▶ store
 *                    (a datagram that never waits)
 *
 * Text, bound values and how to reach the database come in one datagram and are forgotten when the plan is there; what is kept is the plan, which holds no
 * value. The folder is the user's own (0700). One such process a store: a second one finds the lock taken and ends. It ends when the
 * processes that have spoken to it and the one that started it are gone. Lowest priority, one statement at a time.
 */
#ifndef HP_EXPLAIN_SERVE_H
#define HP_EXPLAIN_SERVE_H

/* Detach and serve the store at `path`; the caller goes on to exit at once. Returns an exit code. */
int hp_explain_serve(const char *path);

#endif
