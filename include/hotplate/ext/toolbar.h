/* toolbar.h -- the extension's door to what may be done to a page: where the toolbar's element goes, and
 * whether the page's policy lets it work.
 *
 * A page that is not plainly a whole document stays as it is; so does one whose policy would stop the script
 * or its questions, because then nothing would come of it but lines on the browser's console. Texts are
 * borrowed for the call. Threads: any. Fails: never.
 */
#ifndef HP_EXT_TOOLBAR_H
#define HP_EXT_TOOLBAR_H

#include "hotplate/ext/capture.h"

/* Where `</body>` begins, if nothing but `</html>`, white space and comments follows it; false: this is no
 * whole document. Looks at the end only. */
bool hp_toolbar_place(struct hp_span8 page, size_t *at);

#define HP_TOOLBAR_NONCE 128u

/* Whether the values of Content-Security-Policy that were given so far let the toolbar work. */
struct hp_toolbar_policy {
    bool closed;                  /* they do not */
    char nonce[HP_TOOLBAR_NONCE]; /* what the element must carry; empty: nothing */
};

/* Begin with all zero; then each value of the header, which may hold several policies. */
void hp_toolbar_policy(struct hp_toolbar_policy *so_far, struct hp_span8 value);

/* Write the element: the script at `root` (bytes as they stand in the path, /hotplate/ of the application)
 * for request `id`. Returns its length without the NUL; 0: there is not enough room. */
size_t hp_toolbar_element(struct hp_span8 root, uint64_t id, const char *nonce, char *out, size_t room);

#endif
