/* show.c -- values for people; see show.h. All in integers, so that rounding and locale hold no surprise. */
#include "base/show.h"

#include <math.h>
#include <string.h>

/* A unit and how many base units it is. */
struct unit {
    const char *name;
    uint64_t size;
};

unsigned hp_show_digits(char out[HP_SHOW_DIGITS], uint64_t value)
{
    unsigned n = 1;
    for (uint64_t limit = 10; value >= limit && n < HP_SHOW_DIGITS; limit *= 10) {
        n++;
        if (limit > UINT64_MAX / 10) {
            break;
        }
    }
    for (unsigned i = n; i-- > 0; value /= 10) {
        out[i] = (char)('0' + value % 10);
    }
    return n;
}

static char *put_digits(char *to, uint64_t value)
{
    return to + hp_show_digits(to, value);
}

/* Text, and the NUL where the next piece goes. */
static char *put_text(char *to, const char *text)
{
    size_t n = strlen(text);
    memcpy(to, text, n + 1);
    return to + n;
}

/* "4.31": a figure in tenths or hundredths. */
static char *put_fraction(char *to, uint64_t figure, unsigned by)
{
    to = put_digits(to, figure / by);
    *to++ = '.';
    if (by == 100) {
        *to++ = (char)('0' + figure % 100 / 10);
    }
    *to++ = (char)('0' + figure % 10);
    return to;
}

/* Write value / size with `decimals` decimals, rounded half up; size is a multiple of 10^decimals. */
static void put_decimal(char *out, uint64_t value, const struct unit *unit, unsigned decimals)
{
    uint64_t scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
    uint64_t step = unit->size / scale;
    uint64_t scaled = value / step + (value % step >= step - step / 2);
    char *to = scale == 1 ? put_digits(out, scaled) : put_fraction(out, scaled, (unsigned)scale);
    put_text(put_text(to, " "), unit->name);
}

/* Three significant digits in the unit that leaves 1–999 before the point; the base unit, of size 1, has no
 * decimals. The limits are where rounding would reach the next digit: 9.995, 99.95 and 999.5 of the unit. */
static void put_three_digits(char *out, uint64_t value, const struct unit *units, size_t count)
{
    const struct unit *unit = units;
    while (unit < units + count - 1 && value >= 1000 * unit->size - unit->size / 2) {
        unit++;
    }
    unsigned decimals = 0;
    if (unit->size > 1 && value < 10 * unit->size - unit->size / 200) {
        decimals = 2;
    } else if (unit->size > 1 && value < 100 * unit->size - unit->size / 20) {
        decimals = 1;
    }
    put_decimal(out, value, unit, decimals);
}

char *hp_show_ns(char out[HP_SHOW_BYTES], uint64_t ns)
{
    static const struct unit small[] = {{"ns", 1}, {"µs", 1000}, {"ms", 1000000}, {"s", 1000000000}};
    static const struct unit minute = {"min", 60000000000u};
    static const struct unit hour = {"h", 3600000000000u};
    static const struct unit day = {"d", 86400000000000u};
    if (ns < minute.size - 50000000u) {
        put_three_digits(out, ns, small, sizeof small / sizeof small[0]);
    } else if (ns < hour.size - minute.size / 20) {
        put_decimal(out, ns, &minute, 1);
    } else if (ns < day.size - hour.size / 20) {
        put_decimal(out, ns, &hour, 1);
    } else {
        put_decimal(out, ns, &day, ns < 100 * day.size - day.size / 20 ? 1 : 0);
    }
    return out;
}

char *hp_show_ns_signed(char out[HP_SHOW_BYTES], int64_t ns)
{
    if (ns >= 0) {
        return hp_show_ns(out, (uint64_t)ns);
    }
    hp_show_ns(out, 0 - (uint64_t)ns);
    memmove(out + 1, out, HP_SHOW_BYTES - 1);
    out[HP_SHOW_BYTES - 1] = '\0';
    out[0] = '-';
    return out;
}

char *hp_show_count(char out[HP_SHOW_BYTES], uint64_t count)
{
    char digits[HP_SHOW_DIGITS];
    unsigned n = hp_show_digits(digits, count);
    char *to = out;
    for (unsigned i = 0; i < n; i++) {
        if (n <= 18 && i != 0 && (n - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

char *hp_show_bytes(char out[HP_SHOW_BYTES], uint64_t bytes)
{
    static const struct unit units[] = {
        {"B", 1}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"TB", 1000000000000u}};
    put_three_digits(out, bytes, units, sizeof units / sizeof units[0]);
    return out;
}

char *hp_show_percent(char out[HP_SHOW_BYTES], double share)
{
    double percent = fabs(share) * 100;
    const char *sign = share < 0 ? "-" : "";
    if (!isfinite(percent) || percent > 1e15) {
        put_text(out, "?");
        return out;
    }
    char *to = put_text(out, percent != 0 && percent < 0.005 ? "<" : "");
    to = put_text(to, percent != 0 ? sign : "");
    if (percent == 0) {
        to = put_text(to, "0");
    } else if (percent < 0.995) {
        uint64_t hundredths = (uint64_t)(percent * 100 + 0.5);
        to = put_fraction(to, hundredths == 0 ? 1 : hundredths, 100);
    } else if (percent < 9.95) {
        to = put_fraction(to, (uint64_t)(percent * 10 + 0.5), 10);
    } else {
        to = put_digits(to, (uint64_t)(percent + 0.5));
    }
    put_text(to, " %");
    return out;
}
