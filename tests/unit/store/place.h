/* place.h -- a folder of its own for each test, and stores in it. Include after cmocka.h. */
#ifndef PLACE_H
#define PLACE_H

#include <stdio.h>
#include <stdlib.h>

#include "make_record.h"
#include "store/store.h"
#include "store/store_int.h"

#define MINUTE UINT64_C(60000000000)
#define T0     (UINT64_C(28333333) * MINUTE)
#define MS     UINT64_C(1000000)

struct place {
    char dir[64], path[96];
    struct hp_errinfo info;
};

static inline int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->dir, sizeof place->dir, "/tmp/hp-sqlite-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof place->path, "%s/.hotplate/hotplate.db", place->dir);
    *state = place;
    return 0;
}

static inline int tear_down(void **state)
{
    struct place *place = *state;
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", place->dir, place->dir);
    int rc = system(command);
    free(place);
    return rc;
}

static inline hp_err open_at(struct place *place, enum hp_store_mode mode, uint64_t max_bytes,
                             struct hp_store **store)
{
    struct hp_store_config config = {.path = place->path,
                                     .mode = mode,
                                     .max_bytes = max_bytes,
                                     .max_age_ns = UINT64_MAX / 4,
                                     .busy_ms = 300};
    place->info = (struct hp_errinfo){0};
    return hp_store_open(&config, store, &place->info);
}

static inline struct hp_store *opened(struct place *place, enum hp_store_mode mode)
{
    struct hp_store *store = NULL;
    hp_err err = open_at(place, mode, 0, &store);
    if (err != HP_OK) {
        fail_msg("%s: %s", hp_err_name(err), place->info.text);
    }
    return store;
}

static inline void ok(struct place *place, hp_err err)
{
    if (err != HP_OK) {
        fail_msg("%s: %s", hp_err_name(err), place->info.text);
    }
}

static inline void close_it(struct hp_store *store)
{
    assert_int_equal(hp_store_close(store), HP_OK);
}

static inline struct hp_complete complete(struct place *place, struct hp_store *store)
{
    struct hp_scope all = {0};
    struct hp_complete c;
    ok(place, hp_store_complete(store, &all, &c, &place->info));
    return c;
}

#endif
