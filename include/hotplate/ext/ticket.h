/* ticket.h -- a ticket says that whoever sends it with a request may have that request traced: "UNTIL.MAC",
 * good until a second of Unix time.
 *
 * Made by the dashboard (GET api/v1/ticket), checked before a request begins, in any process that has the
 * same secret. It carries nothing else, so there is nothing to look up; a wrong one costs two short hashes
 * and changes nothing. Threads: any. Fails: never.
 */
#ifndef HP_EXT_TICKET_H
#define HP_EXT_TICKET_H

#include "hotplate/ext/capture.h"

#define HP_TICKET_HEADER "X-Hotplate-Trace"
#define HP_TICKET_COOKIE "hotplate-trace"
#define HP_TICKET_S      600u /* for how long a new one is good */
#define HP_TICKET_SKEW_S 60u  /* by how much the clock that made it may be ahead of the one that checks it */
#define HP_TICKET        54u  /* room for one, with its NUL */

struct hp_ticket_key {
    uint8_t bytes[32];
};

void hp_ticket_key(struct hp_ticket_key *key, struct hp_span8 secret);
void hp_ticket_write(const struct hp_ticket_key *key, uint64_t until_s, char out[HP_TICKET]);
/* Whether `text` is a ticket of this key that is still good; one that would be good for longer than a new one
 * is none. */
bool hp_ticket_is_good(const struct hp_ticket_key *key, struct hp_span8 text, uint64_t now_s);
/* The ticket among cookies ("a=b; hotplate-trace=…"); empty if there is none. */
struct hp_span8 hp_ticket_in_cookies(struct hp_span8 cookies);

#endif
