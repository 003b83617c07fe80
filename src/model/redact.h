/* redact.h -- names whose values are never kept: of headers, configuration, arguments and keys of queries, forms and JSON bodies. */
#ifndef HP_REDACT_H
#define HP_REDACT_H

#include "base/str.h"

/* Whether a name holds one of the words below, in capitals or not; the first 79 bytes are looked at. Threads: any. Hot: yes. */
bool hp_redact_hits(struct hp_str name);

/* The i-th word; NULL: there are no more. */
const char *hp_redact_word(size_t i);

#endif
