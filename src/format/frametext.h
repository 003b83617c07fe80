/* frametext.h -- one text for a frame, as formats without fields have it, taken apart.
 *
 *     name (file:line)     py-spy, VizTracer and ourselves
 *     file:name:line       Austin, and the collapsed stacks of CPython 3.15
 *     anything else        a name
 */
#ifndef HP_FRAMETEXT_H
#define HP_FRAMETEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

struct hp_frametext {
    struct hp_str file, name; /* borrowed from the text */
    uint32_t line;
    bool thread; /* "tid:7", "P12", "T0:34", "thread (0x7f…)", "process 12:…": what runs frames, no frame */
};

/* `first`: threads can only stand at the beginning of a stack. Never fails. Threads: any. */
struct hp_frametext hp_frametext_parse(struct hp_str text, bool first);

#endif
