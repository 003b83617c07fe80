/* html.h -- a profile as one HTML page with all views in it: works offline, asks nobody for anything.
 *
 *     built page (asset.h)  ┐
 *     title, escaped        ├─ the file
 *     payload, gzip, base64 ┘  functions, tree or pairs: docs/formats/page.md
 *
 * Why binary: 50,000 functions stay below 2 MB. Why base64: nothing that a profile holds can end the element
 * it stands in or run; all texts of a profile reach the document as text nodes. The page's policy allows its
 * own script and style by their hashes, nothing else.
 *
 * Limits: at most HP_HTML_NODES_MAX nodes; the smallest ones beyond are added up into their callers, and the
 * page says how many. Samples in time order are left out above HP_HTML_SAMPLES_MAX.
 */
#ifndef HP_HTML_H
#define HP_HTML_H

#include "base/buf.h"
#include "model/profile.h"

#define HP_HTML_NODES_MAX   400000u
#define HP_HTML_SAMPLES_MAX 400000u

struct hp_html_options {
    struct hp_str title;  /* what it is of; may be empty */
    const char *format;   /* of the file it came from; NULL: from a store */
    uint32_t max_nodes;   /* 0: HP_HTML_NODES_MAX */
    uint32_t max_samples; /* 0: HP_HTML_SAMPLES_MAX */
};

/* Append the page; no options (NULL): no title, of a store. Totals of a TREE must be computed. Threads: any.
 * Fails: HP_ENOMEM, HP_EFULL (the cap of `out`). */
HP_CHECK hp_err hp_html_write(const struct hp_profile *profile, const struct hp_html_options *options,
                              struct hp_buf *out);

/* Append the payload alone, as it is before it is packed. Fails: as above. */
HP_CHECK hp_err hp_html_payload(const struct hp_profile *profile, const struct hp_html_options *options,
                                struct hp_buf *out);

#endif
