/* drawn.h -- whether a template draws a macro with the same values each time, as far as its source says.
 *
 *     {% macro cloud(labels) %}…{% endmacro %}
 *     {% for topic in topics %}{{ topic.title }} {{ cloud(labels) }}{% endfor %}      the same for each topic
 *     {% for topic in topics %}{{ cloud(topic.labels) }}{% endfor %}                  something else for each
 *
 * What changes from item to item has a name that a loop, a macro around the call, {% set %} or {% with %} in
 * one of these binds; what a function gives may change as well.
 */
#ifndef HP_DRAWN_H
#define HP_DRAWN_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

/* Name of the macro that begins at a line of its template; empty: none does. Borrowed from the source. Pure.
 * Threads: any. */
struct hp_str hp__drawn_macro(struct hp_str source, uint32_t line);

/* Whether each call, at a line of a template, of the macro of this name is given nothing that changes. False
 * also where there is none, or it is not understood. Pure. Threads: any. */
bool hp__drawn_same(struct hp_str source, uint32_t line, struct hp_str name);

#endif
