/* fake_requests.h -- what the tests of requests and lanes share: a capture over the fake store, words, and
 * the last record stored. */
#ifndef FAKE_REQUESTS_H
#define FAKE_REQUESTS_H

#include "capture/capture_int.h"
#include "fake_store.h"

static struct hp_cap *cap;
static struct hp_arena last_arena;
static struct hp_record last; /* of load_last */
static char frames[16];       /* &frames[i] is a frame */

static inline struct hp_span8 span(const char *text)
{
    return (struct hp_span8){text, strlen(text)};
}

static inline uint32_t sym(const char *name)
{
    return hp_cap_symbol(cap, HP_SYM_PYTHON, HP_SYM_APP, span("app.py"), span(name), span(""), 1);
}

static inline hp_err open_capture(size_t ring_bytes, bool no_threads)
{
    struct hp_cap_config config = {.store_path = fake_path,
                                   .ring_bytes = ring_bytes,
                                   .no_threads = no_threads,
                                   .interpreter = "fake 1.0",
                                   .command = "test",
                                   .revision = "abc"};
    return hp__cap_open_with(&config, &fake_ops, &cap);
}

static inline int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_make_folder();
    hp_arena_init(&last_arena, (size_t)64 << 20);
    return open_capture(0, false) == HP_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    hp_cap_close(cap, 1000);
    cap = NULL;
    hp_arena_fini(&last_arena);
    fake_remove_folder();
    return 0;
}

static inline struct hp_cap_request *begin(int level)
{
    return hp_cap_request_begin(cap, level, HP_KIND_REQUEST, false, &frames[0], hp_cap_ticks());
}

static inline struct hp_cap_counts counts(void)
{
    struct hp_cap_counts out;
    hp_cap_counts(cap, &out);
    return out;
}

/* Flush and decode the record that was stored last. */
static inline void load_last(void)
{
    struct hp_reader in;
    assert_true(hp_cap_flush(cap, 2000));
    uint32_t slot = (fake->kept_count - 1) % FAKE_KEPT;
    hp_arena_reset(&last_arena);
    hp_reader_init(&in, fake->kept[slot], fake->kept_bytes[slot]);
    assert_int_equal(hp_record_decode(&in, &last_arena, &last), HP_OK);
}

#endif
