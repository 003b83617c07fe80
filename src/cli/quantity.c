/* quantity.c -- see quantity.h. */
#include "cli/quantity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct unit {
    const char *name;
    double size;
};

/* A number ≥ 0 and the unit behind it; the program never calls setlocale, so strtod reads a point. */
static bool number_with_unit(const char *text, const struct unit *units, double bare, double *value)
{
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (errno != 0 || !isfinite(number) || number < 0) {
        return false;
    }
    while (*end == ' ') {
        end++;
    }
    double size = *end == '\0' ? bare : 0;
    for (; *end != '\0' && units->name != NULL; units++) {
        if (strcasecmp(units->name, end) == 0) {
            size = units->size;
        }
    }
    *value = number * size;
    return size > 0 && *value < 9e18;
}

bool hp_quantity_duration(const char *text, uint64_t bare_ns, uint64_t *ns)
{
    static const struct unit units[] = {{"ns", 1},   {"us", 1e3},   {"µs", 1e3},   {"ms", 1e6},    {"s", 1e9},
                                        {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0}};
    double value;
    if (!number_with_unit(text, units, (double)bare_ns, &value)) {
        return false;
    }
    *ns = (uint64_t)(value + 0.5);
    return true;
}

bool hp_quantity_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {{"b", 1},
                                        {"k", 1e3},
                                        {"kb", 1e3},
                                        {"kib", 1024},
                                        {"m", 1e6},
                                        {"mb", 1e6},
                                        {"mib", 1048576},
                                        {"g", 1e9},
                                        {"gb", 1e9},
                                        {"gib", 1073741824.0},
                                        {"t", 1e12},
                                        {"tb", 1e12},
                                        {"tib", 1099511627776.0},
                                        {NULL, 0}};
    double value;
    if (!number_with_unit(text, units, 1, &value)) {
        return false;
    }
    *bytes = (uint64_t)(value + 0.5);
    return true;
}

bool hp_quantity_share(const char *text, double *share)
{
    static const struct unit units[] = {{"%", 0.01}, {NULL, 0}};
    double value;
    if (!number_with_unit(text, units, 1, &value) || value > 1) {
        return false;
    }
    *share = value;
    return true;
}

bool hp_quantity_count(const char *text, uint64_t most, uint64_t *count)
{
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > most) {
        return false;
    }
    *count = value;
    return true;
}

/* The whole of `text` by a strptime format. */
static bool matches(const char *text, const char *format, struct tm *when)
{
    const char *end = strptime(text, format, when);
    return end != NULL && *end == '\0';
}

static bool calendar(const char *text, uint64_t now_ns, struct tm *when, bool *utc)
{
    static const char *const dated[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    char copy[40];
    size_t n = strlen(text);
    if (n == 0 || n >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, n + 1);
    *utc = copy[n - 1] == 'Z';
    if (*utc) {
        copy[n - 1] = '\0';
    }
    for (size_t i = 0; i < sizeof dated / sizeof dated[0]; i++) {
        *when = (struct tm){.tm_isdst = -1};
        if (matches(copy, dated[i], when)) {
            return true;
        }
    }
    time_t now = (time_t)(now_ns / 1000000000u);
    if (localtime_r(&now, when) == NULL) {
        return false;
    }
    when->tm_sec = 0;
    when->tm_isdst = -1;
    return !*utc && (matches(copy, "%H:%M:%S", when) || matches(copy, "%H:%M", when));
}

bool hp_quantity_moment(const char *text, uint64_t now_ns, uint64_t *ns)
{
    uint64_t ago, seconds;
    if (text[0] == '@') {
        if (!hp_quantity_count(text + 1, UINT64_MAX / 1000000000u, &seconds)) {
            return false;
        }
        *ns = seconds * 1000000000u;
        return true;
    }
    if (hp_quantity_duration(text, 0, &ago)) {
        *ns = now_ns > ago ? now_ns - ago : 0;
        return true;
    }
    struct tm when;
    bool utc;
    if (!calendar(text, now_ns, &when, &utc)) {
        return false;
    }
    time_t moment = utc ? timegm(&when) : mktime(&when);
    if (moment < 0) {
        return false;
    }
    *ns = (uint64_t)moment * 1000000000u;
    return true;
}
