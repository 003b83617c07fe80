/* svgtext.h -- what SVG writers put into a document: text, coordinates, colours. The same in every locale.
 *
 * Owns: nothing. Threads: any. Fails: as hp_buf says.
 */
#ifndef HP_SVGTEXT_H
#define HP_SVGTEXT_H

#include "base/buf.h"

/* XML text: markup escaped, what XML 1.0 forbids and what is not UTF-8 replaced. */
void hp_svgtext_put(struct hp_buf *out, struct hp_str text);

/* At most `most` characters of `text`, the last one "…" if some are cut. */
void hp_svgtext_put_clipped(struct hp_buf *out, struct hp_str text, size_t most);

/* Thousandths of a pixel as "12.34". */
void hp_svgtext_put_px(struct hp_buf *out, uint64_t thousandths);

/* Hue 0-359, saturation and lightness in per cent, as "#rrggbb": not every viewer knows hsl(). */
void hp_svgtext_put_hsl(struct hp_buf *out, unsigned hue, unsigned saturation, unsigned lightness);

#endif
