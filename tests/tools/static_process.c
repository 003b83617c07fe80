/* static_process.c -- hooks a program that is linked statically, as an interpreter may be: exit 0 if it is
 * said that nothing can be hooked. */
#include <string.h>

#include "capture/got.h"

int main(void)
{
    static uintptr_t real;
    static struct hp_got_hook hook = {"connect", (uintptr_t)&hp_got_hook_all, &real};
    const struct hp_got_table table = {.hooks = &hook, .hook_count = 1};
    char said[256] = "";
    if (hp_got_hook_all(&table) != HP_OK || hp_got_counts().slots != 0) {
        return 1;
    }
    return hp_got_unseen(said, sizeof said) &&
                   strstr(said, "the executable: it has no dynamic symbols") != NULL
               ? 0
               : 1;
}
