/* inside.h -- `hotplate attach PID --inject`: has a process that runs already start to record itself, and its
 * children.
 */
#ifndef HP_INSIDE_H
#define HP_INSIDE_H

#include "cli/attached.h"

struct hp_inside {
    struct hp_attached *on;    /* pid, --for (how long to wait for an answer), --json, --no-children */
    const char *level, *store; /* as given; NULL: default */
};

/* Ask, wait, tell. Returns the exit code: success if at least one process records. */
int hp_inside_start(const struct hp_inside *inside, struct hp_buf *out);

#endif
