/* statement.h -- which statement a word of the command line means.
 *
 *     4f2a91c3            the id that `hotplate sql` shows, or the beginning of one
 *     req:ID N            the Nth execution of a request, as `hotplate show` lists them
 *     'SELECT …'          text; - reads it from stdin
 */
#ifndef HP_STATEMENT_H
#define HP_STATEMENT_H

#include "base/arena.h"
#include "cli/reading.h"

#define HP_STATEMENT_ID_BYTES 9

struct hp_statement_target {
    struct hp_statement
        statement;   /* text: from the arena or the store's dictionary; engine UNKNOWN for a typed one */
    bool stored;     /* it is a folded one of the store */
    double returned; /* rows that one execution gave, on average; negative: not known */
};

/* Eight hex digits of the folded text's hash, the same in every store. */
char *hp_statement_id(char id[HP_STATEMENT_ID_BYTES], struct hp_str text);

/* Whether the words mean a statement of the store, so that it has to be opened. */
bool hp_statement_needs_store(char *const *words, int count);

/* HP_EINVAL: usage (malformed, ambiguous), HP_ENOTFOUND, HP_EIO, as store.h; with a line. */
HP_CHECK hp_err hp_statement_find(struct hp_reading *reading, char *const *words, int count,
                                  struct hp_arena *arena, struct hp_statement_target *target,
                                  struct hp_errinfo *info);

#endif
