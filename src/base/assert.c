/* assert.c -- what a failed hp_assert does; see assert.h. Silent and empty in release builds. */
#include "base/assert.h"

#if defined(HP_ASSERT) && HP_ASSERT
#include <stdio.h>
#include <stdlib.h>

_Noreturn void hp_assert_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "hotplate: %s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
#else
/* An empty translation unit is not C. */
typedef int hp__assert_is_off;
#endif
