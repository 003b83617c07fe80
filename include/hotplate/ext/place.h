/* place.h -- what is application code, and how a place is written. The one function that decides, for
 * everybody.
 *
 * Rules (in order; ../docs/guide/places.md says them for users):
 *   1. "<frozen x>", "<string>" … are library; "<template>" is an application template.
 *   2. Hotplate's own package is library.
 *   3. A file that matches an --app-code glob, or lies under an application prefix (the package of
 * app.import_name), is application.
 *   4. The stdlib's folders, and anything below a folder named site-packages or dist-packages, are library.
 *   5. Everything else is application.
 * `file` is written relative to the longest sys.path entry above it (POSIX slashes); a template as
 * "<templates folder>/x.html".
 */
#ifndef HP_EXT_PLACE_H
#define HP_EXT_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct hp_places; /* opaque */

enum hp_place_list {
    HP_PLACE_LIBRARY /* prefix */,
    HP_PLACE_APP /* prefix */,
    HP_PLACE_OWN /* prefix */,
    HP_PLACE_GLOB,
    HP_PLACE_ROOT /* sys.path entry */
};
enum hp_place_flags {
    HP_PLACE_IS_APP = 1,
    HP_PLACE_IS_FRAMEWORK = 2,
    HP_PLACE_IS_TEMPLATE = 4,
    HP_PLACE_IS_OWN = 8
};

/* NULL: no memory. */
struct hp_places *hp_places_new(void);
void hp_places_free(struct hp_places *places);
/* Add an entry (copied; at most 1,024 a list and 4,095 bytes each: false when it does not fit). Prefixes are
 * absolute folders without a trailing slash. */
bool hp_places_add(struct hp_places *places, enum hp_place_list list, const char *text, size_t n);
void hp_places_clear(struct hp_places *places, enum hp_place_list list);
/* Classify a code object's file name: flags as result; the way to write it goes to `out` (NUL-terminated, cut
 * at `capacity`). Threads: owner only. */
int hp_places_classify(const struct hp_places *places, const char *name, size_t n, char *out,
                       size_t capacity);

#endif
