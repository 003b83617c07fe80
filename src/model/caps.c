/* caps.c -- see caps.h. */
#include "model/caps.h"

#define SIZE_LEAST UINT64_C(10000000)
#define HOUR_NS    (UINT64_C(3600) * 1000000000)

struct unit {
    const char *name;
    uint64_t factor;
};

/* Digits and a unit; false: it is not, or it is too large. */
static bool read_number(struct hp_str text, const struct unit *units, size_t count, uint64_t *value)
{
    uint64_t number = 0;
    size_t i = 0;
    while (i < text.n && i < 9 && text.p[i] >= '0' && text.p[i] <= '9') {
        number = number * 10 + (uint64_t)(text.p[i] - '0');
        i++;
    }
    struct hp_str rest = hp_str_make(text.p + i, text.n - i);
    for (size_t k = 0; i != 0 && k < count; k++) {
        if (hp_str_eq(rest, hp_str_from0(units[k].name)) && number <= UINT64_MAX / 2 / units[k].factor) {
            *value = number * units[k].factor;
            return true;
        }
    }
    return false;
}

hp_err hp_caps_read_size(struct hp_str text, uint64_t *bytes, struct hp_errinfo *info)
{
    static const struct unit units[] = {{"MB", 1000000}, {"GB", 1000000000}, {"TB", UINT64_C(1000000000000)}};
    uint64_t value = UINT64_MAX;
    if (text.n != 0 &&
        (!read_number(text, units, sizeof units / sizeof units[0], &value) || value < SIZE_LEAST)) {
        return hp_err_set(info, HP_EINVAL, 0, "not a size like 500MB or 2GB, 10MB at least");
    }
    *bytes = value;
    return HP_OK;
}

hp_err hp_caps_read_age(struct hp_str text, uint64_t *ns, struct hp_errinfo *info)
{
    static const struct unit units[] = {{"h", HOUR_NS}, {"d", 24 * HOUR_NS}};
    uint64_t value = UINT64_MAX;
    if (text.n != 0 && (!read_number(text, units, sizeof units / sizeof units[0], &value) || value == 0)) {
        return hp_err_set(info, HP_EINVAL, 0, "not an age like 12h or 7d");
    }
    *ns = value;
    return HP_OK;
}
