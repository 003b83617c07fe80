/* onepage.h -- a built page of ui/ with what it shows put into it: one file that works offline.
 *
 *     … <title><!--hotplate:title--></title> … <script id="payload"><!--hotplate:payload--></script> …
 *
 * Why base64 of gzip: nothing that a payload holds can end the element it stands in or run, and a page of
 * half a megabyte stays small. ui/page/unpack.ts reads it.
 */
#ifndef HP_ONEPAGE_H
#define HP_ONEPAGE_H

#include "base/buf.h"

/* Append `page` with `title` (escaped; empty: "Hotplate") and `payload` (any bytes) in it. Owns: nothing.
 * Threads: any. Fails: HP_ENOMEM, HP_EFULL (the cap of `out`). */
HP_CHECK hp_err hp_onepage_write(struct hp_str page, struct hp_str title, struct hp_str payload,
                                 struct hp_buf *out);

#endif
