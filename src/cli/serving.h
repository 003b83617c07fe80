/* serving.h -- the dashboard beside the command of `hotplate run`: a process of its own that ends when the
 * command does.
 *
 * The command keeps our pid (it is exec'ed), so the server is a grandchild in a session of its own: no signal
 * of the terminal reaches it, the command has no child that it does not know, and it holds nothing of the
 * command's. It watches the command by a process descriptor, so it also goes when the command is killed.
 */
#ifndef HP_SERVING_H
#define HP_SERVING_H

#include <stdint.h>

#include "hotplate/err.h"

#define HP_SERVING_PORT     4747u
#define HP_SERVING_LIMIT_MS 10000u /* of one answer: nobody's application waits for it */

/* Serve `store` on 127.0.0.1, HP_SERVING_PORT or the next free one, until this process ends. `token`: as
 * hp_api_config, may be NULL. Returns the port; 0: there is no dashboard (not a reason to stop). */
uint16_t hp_serving_start(const char *store, const char *token);

#endif
