/* rule_tls_churn.c -- handshakes again and again with one peer.
 *
 * Principle: a handshake costs round trips and computing on both sides; a connection that is kept has done
 * it. Evidence, silence and saving are those of connection_churn, where the handshake (with what the library
 * does for it, such as loading certificates) is the costliest part of setting the connection up.
 */
#include "find/find_int.h"

hp_err hp__rule_tls_churn(struct hp__find *f)
{
    return hp__churn_run(f, HP_FIND_tls_churn);
}
