/* explain_now.h -- the plan of one statement because somebody at the dashboard asks for it
 * (hp_api_config.explain). */
#ifndef HP_EXPLAIN_NOW_H
#define HP_EXPLAIN_NOW_H

#include "serve/api.h"

/* What `hotplate serve` and the dashboard beside `hotplate run` answer with: the database of HOTPLATE_DSN if
 * that is set, else the one that the running application has named (explain_serve.h). One at a time:
 * HP_EBUSY. */
hp_err hp_explain_now(const char *store, const struct hp_statement *statement, struct hp_errinfo *info);

#endif
