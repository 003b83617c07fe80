/* fuzz_all.h -- one input into one reader: no crash, no leak, an error with a reason, and what is accepted
 * can be written by all. */
#ifndef FUZZ_ALL_H
#define FUZZ_ALL_H

#include <stdlib.h>
#include <string.h>

#include "format/registry.h"
#include "model/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static inline void fuzz_write_all(struct hp_profile *profile)
{
    const struct hp_registry_format *format;
    fuzz_require(hp_profile_graph(profile) == HP_OK);
    for (size_t i = 0; (format = hp_registry_at(i)) != NULL; i++) {
        if (format->write != NULL && (!format->stacks || profile->shape == HP_PROFILE_TREE)) {
            struct hp_buf out;
            hp_buf_init(&out, (size_t)1 << 22);
            hp_err err = format->write(profile, &out);
            fuzz_require(err == HP_OK || err == HP_EFULL);
            hp_buf_fini(&out);
        }
    }
}

typedef hp_err (*fuzz_reader)(const struct hp_profile_source *source, struct hp_profile **profile,
                              struct hp_errinfo *info);

static inline int fuzz_one(fuzz_reader read, const uint8_t *data, size_t size)
{
    struct hp_profile_source source = {.bytes = hp_str_make((const char *)data, size),
                                       .budget_bytes = (size_t)8 << 20};
    struct hp_profile *profile = NULL;
    struct hp_errinfo info = {0};
    hp_err err = read(&source, &profile, &info);
    if (err == HP_OK) {
        fuzz_require(profile->tree == NULL || hp__tree_check(profile->tree) == NULL);
        fuzz_write_all(profile);
        hp_profile_free(profile);
    } else {
        fuzz_require(profile == NULL && info.text[0] != '\0' && info.position <= size);
    }
    return 0;
}

#endif
