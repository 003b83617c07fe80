/* inspect.h -- looking words up, and the last record as text: for the live SQL log and for tests of the
 * extension. Not for hot paths.
 *
 * Call with the GIL, as capture.h; spans are borrowed for the capture's life.
 */
#ifndef HP_EXT_INSPECT_H
#define HP_EXT_INSPECT_H

#include "hotplate/ext/capture.h"

struct hp_inspect_symbol {
    struct hp_span8 file, name;
    uint32_t line;
};

/* Words of the process's dictionary; empty for id 0. */
struct hp_span8 hp_inspect_statement(struct hp_cap *cap, uint32_t id);
struct hp_inspect_symbol hp_inspect_symbol(struct hp_cap *cap, uint32_t id);

/* Keep a copy of each record that is pushed from now on (the newest only), so that it can be read back. For
 * tests. */
void hp_inspect_keep(bool keep);

/* The last record kept, decoded, as one JSON object: request, route, phases, lanes, edges, statements,
 * groups, tree. The caller gives it back by hp_cap_bytes_free. Fails: HP_ESTATE (none kept), HP_EFORMAT,
 * HP_ENOMEM. */
HP_CHECK hp_err hp_inspect_last(struct hp_cap *cap, uint8_t **json, size_t *n);

#endif
