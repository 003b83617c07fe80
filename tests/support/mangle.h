/* mangle.h -- a reader against input that is cut, flipped and hostile: it must say no, or yes, and never lose
 * anything. */
#ifndef MANGLE_H
#define MANGLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "format/registry.h"
#include "sweep_oom.h"

/* tests/golden/format/<name> into `bytes`. */
static inline void mangle_load(const char *name, struct hp_buf *bytes)
{
    char path[500];
    const char *data = getenv("HP_TEST_DATA");
    snprintf(path, sizeof path, "%s/golden/format/%s", data != NULL ? data : "tests", name);
    hp_buf_init(bytes, 1 << 24);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (int c = getc(file); c != EOF; c = getc(file)) {
        hp_buf_put_u8(bytes, (uint8_t)c);
    }
    assert_int_equal(fclose(file), 0);
}

/* Read a copy of exactly that size, so that a sanitizer sees every byte beyond. Errors must come with a
 * reason. */
static inline hp_err mangle_read(struct hp_str bytes, struct hp_profile **profile)
{
    const struct hp_registry_format *format = NULL;
    struct hp_errinfo info = {0};
    struct hp_profile *made = NULL;
    char *copy = malloc(bytes.n + (bytes.n == 0));
    assert_non_null(copy);
    if (bytes.n != 0) {
        memcpy(copy, bytes.p, bytes.n);
    }
    const struct hp_profile_source source = {.bytes = hp_str_make(copy, bytes.n)};
    hp_err err = hp_registry_read(&source, &made, &format, &info);
    free(copy);
    if (err != HP_OK) {
        assert_null(made);
        assert_int_not_equal(info.text[0], '\0');
        assert_null(strchr(info.text, '\n'));
    }
    if (profile != NULL) {
        *profile = made;
    } else {
        hp_profile_free(made);
    }
    return err;
}

/* Cut at every byte, then every bit of every byte flipped (of large inputs every 7th byte). */
static inline void mangle_all(struct hp_str bytes)
{
    size_t step = bytes.n > 4096 ? 7 : 1;
    int64_t live = hp_mem_live_count();
    for (size_t n = 0; n < bytes.n; n += step) {
        (void)mangle_read(hp_str_make(bytes.p, n), NULL);
    }
    char *copy = malloc(bytes.n + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.p, bytes.n);
    for (size_t i = 0; i < bytes.n; i += step) {
        for (int bit = 0; bit < 8; bit++) {
            copy[i] = (char)(copy[i] ^ (1 << bit));
            (void)mangle_read(hp_str_make(copy, bytes.n), NULL);
            copy[i] = bytes.p[i];
        }
    }
    free(copy);
    assert_int_equal(hp_mem_live_count(), live);
}

static inline void mangle__once(void *arg)
{
    const struct hp_str *bytes = arg;
    (void)mangle_read(*bytes, NULL);
}

/* Every allocation of a reading fails once. */
static inline void mangle_oom(struct hp_str bytes)
{
    hp_sweep_oom(mangle__once, &bytes);
}

/* The function of a name in a profile's graph; it must be there. */
static inline const struct hp_callgraph_function *mangle_function(struct hp_profile *profile,
                                                                  const char *name)
{
    assert_int_equal(hp_profile_graph(profile), HP_OK);
    for (uint32_t i = 0; i < profile->graph.count; i++) {
        struct hp_symbol symbol = hp_dict_symbol(profile->dict, profile->graph.functions[i].sym);
        if (hp_str_eq(symbol.name, hp_str_from0(name))) {
            return &profile->graph.functions[i];
        }
    }
    fail_msg("no function %s", name);
    return NULL;
}

#endif
