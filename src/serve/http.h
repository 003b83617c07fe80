/* http.h -- the dashboard's transport: a small HTTP server around api.h (libmicrohttpd). In the executable
 * only. */
#ifndef HP_HTTP_H
#define HP_HTTP_H

#include <stdint.h>

#include "serve/api.h"

struct hp_http; /* opaque */

/* Listen on an address ("127.0.0.1", "0.0.0.0", "::1") and answer in threads of our own. Port 0: any;
 * `search`: the next free one, at most a hundred further. `api` is borrowed until hp_http_stop. Fails:
 * HP_EINVAL (no address), HP_EBUSY (port taken), HP_EPERM, HP_EIO, HP_ENOMEM. */
HP_CHECK hp_err hp_http_start(struct hp_api *api, const char *address, uint16_t port, bool search,
                              struct hp_http **http, struct hp_errinfo *info);

/* The port that it listens on. */
uint16_t hp_http_port(const struct hp_http *http);

/* Let answers that are being made end, then close everything. NULL is fine. */
void hp_http_stop(struct hp_http *http);

#endif
