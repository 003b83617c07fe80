/* sqlite_find.c -- the row of a request id.
 *
 * There is no index on ids, which are random: writing one would touch a page a request. Instead each full
 * block of 1,024 requests has a filter (Bloom: 16,000 bits, four a request, wrong for one block in four
 * hundred), written once by whoever begins the next block. Finding walks the blocks, newest first, and looks
 * into those whose filter does not say no; that is 2 bytes a request, 40 MB for 20 million.
 */
#include <sqlite3.h>

#include "base/hash.h"
#include "store/sqlite_int.h"

#define IDS_BYTES  2000u /* two to a page */
#define IDS_BITS   (IDS_BYTES * 8)
#define IDS_PROBES 4u

static uint32_t probe(uint64_t request_id, unsigned number)
{
    return (uint32_t)(hp_hash_mix(request_id, 0) >> (16 * number) & UINT16_MAX) % IDS_BITS;
}

static void put_id(uint8_t bits[IDS_BYTES], uint64_t request_id)
{
    for (unsigned i = 0; i < IDS_PROBES; i++) {
        uint32_t bit = probe(request_id, i);
        bits[bit / 8] = (uint8_t)(bits[bit / 8] | 1u << bit % 8);
    }
}

/* A filter of an unknown length says nothing. */
static bool may_hold(struct hp_str bits, uint64_t request_id)
{
    bool may = true;
    for (unsigned i = 0; i < IDS_PROBES && bits.n == IDS_BYTES; i++) {
        uint32_t bit = probe(request_id, i);
        may = may && ((uint8_t)bits.p[bit / 8] >> bit % 8 & 1) != 0;
    }
    return may;
}

static void bind_block(sqlite3_stmt *stmt, uint64_t block)
{
    uint64_t first = block << HP_ROW_BLOCK_BITS;
    uint64_t last = first + (1u << HP_ROW_BLOCK_BITS) - 1;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)first);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)last);
}

hp_err hp__sqlite_note_ids(struct hp_sqlite *s, uint64_t block, struct hp_errinfo *info)
{
    uint8_t bits[IDS_BYTES] = {0};
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_IDS_OF_BLOCK, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    bind_block(stmt, block);
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            put_id(bits, (uint64_t)sqlite3_column_int64(stmt, 0));
        }
    }
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_ADD_BLOCK_IDS, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)block);
    hp__sqlite_bind_blob(stmt, 2, hp_str_make((const char *)bits, sizeof bits));
    return hp__sqlite_run(s, stmt, info);
}

/* `*row` stays 0 if the block has no such request. */
static hp_err look_into(struct hp_sqlite *s, uint64_t block, uint64_t request_id, uint64_t *row,
                        struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_FIND_REQUEST, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    bind_block(stmt, block);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)request_id);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (found) {
        *row = (uint64_t)sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
    return err;
}

hp_err hp__sqlite_find(struct hp_store *store, uint64_t request_id, uint64_t *row, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    uint64_t found = 0;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_BLOCKS, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    while (err == HP_OK && found == 0 && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more && may_hold(hp__sqlite_blob(stmt, 1), request_id)) {
            err = look_into(s, (uint64_t)sqlite3_column_int64(stmt, 0), request_id, &found, info);
        }
    }
    sqlite3_reset(stmt);
    if (err == HP_OK && found == 0) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "no request %016llx in the store",
                          (unsigned long long)request_id);
    }
    *row = err == HP_OK ? found : *row;
    return err;
}
