/* gauges.c -- see gauges.h.
 *
 *   /proc/self/status  VmRSS, VmHWM, Threads      /proc/self/fd  one entry a descriptor      CPU time:
 * CLOCK_PROCESS_CPUTIME_ID
 *
 * status is read in one read; the list of descriptors is counted up to a cap, since a server may hold very
 * many.
 */
#include "capture/gauges.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define STATUS_BYTES 4096u
#define FDS_MAX      100000u

/* The number behind "key:" at the start of a line; 0: not there. */
static uint64_t number_after(const char *status, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = status; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0) {
            return strtoull(line + n, NULL, 10);
        }
    }
    return 0;
}

static uint32_t count_fds(void)
{
    uint32_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL && n < FDS_MAX;
         entry = readdir(folder)) {
        n += entry->d_name[0] != '.';
    }
    closedir(folder);
    return n > 0 ? n - 1 : 0; /* without the one that we read it by */
}

bool hp_gauges_read(struct hp_gauge *gauge)
{
    char status[STATUS_BYTES];
    struct timespec cpu;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, status, sizeof status - 1);
    close(fd);
    if (n <= 0 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) != 0) {
        return false;
    }
    status[n] = '\0';
    *gauge = (struct hp_gauge){.at_ns = hp_clock_wall_ns(),
                               .rss_bytes = number_after(status, "VmRSS:") * 1024,
                               .peak_rss_bytes = number_after(status, "VmHWM:") * 1024,
                               .cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec,
                               .threads = (uint32_t)number_after(status, "Threads:"),
                               .fds = count_fds()};
    return true;
}
