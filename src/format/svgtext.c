/* svgtext.c -- see svgtext.h. */
#include "format/svgtext.h"

#include <inttypes.h>
#include <string.h>

void hp_svgtext_put(struct hp_buf *out, struct hp_str text)
{
    while (text.n != 0) {
        size_t n = hp_utf8_len(text);
        unsigned char c = (unsigned char)text.p[0];
        if (c == '&') {
            hp_buf_put_text(out, HP_STR("&amp;"));
        } else if (c == '<') {
            hp_buf_put_text(out, HP_STR("&lt;"));
        } else if (c == '>') {
            hp_buf_put_text(out, HP_STR("&gt;"));
        } else if (c == '"') {
            hp_buf_put_text(out, HP_STR("&quot;"));
        } else if (n == 0 || c < 0x20 ||
                   (n == 3 && memcmp(text.p, "\xEF\xBF", 2) == 0 && (unsigned char)text.p[2] >= 0xBE)) {
            hp_buf_put_text(out, HP_STR("\xEF\xBF\xBD"));
        } else {
            hp_buf_put(out, text.p, n);
        }
        n = n == 0 ? 1 : n;
        text = hp_str_make(text.p + n, text.n - n);
    }
}

void hp_svgtext_put_clipped(struct hp_buf *out, struct hp_str text, size_t most)
{
    size_t bytes = 0, chars = 0, cut = 0;
    while (bytes < text.n && chars <= most) {
        size_t n = hp_utf8_len(hp_str_make(text.p + bytes, text.n - bytes));
        bytes += n == 0 ? 1 : n;
        chars++;
        cut = chars == most - 1 ? bytes : cut;
    }
    if (chars <= most) {
        hp_svgtext_put(out, text);
    } else {
        hp_svgtext_put(out, hp_str_make(text.p, cut));
        hp_buf_put_text(out, HP_STR("…"));
    }
}

void hp_svgtext_put_px(struct hp_buf *out, uint64_t thousandths)
{
    hp_buf_printf(out, "%" PRIu64 ".%02u", thousandths / 1000, (unsigned)(thousandths % 1000 / 10));
}

void hp_svgtext_put_hsl(struct hp_buf *out, unsigned hue, unsigned saturation, unsigned lightness)
{
    static const double shift[3] = {0, 8, 4};
    double light = lightness / 100.0, a = saturation / 100.0 * (light < 0.5 ? light : 1 - light);
    hp_buf_put_text(out, HP_STR("#"));
    for (int i = 0; i < 3; i++) {
        double k = shift[i] + hue / 30.0;
        k = k >= 12 ? k - 12 : k;
        double up = k - 3, down = 9 - k, least = up < down ? up : down;
        least = least > 1 ? 1 : least < -1 ? -1 : least;
        hp_buf_printf(out, "%02x", (unsigned)(255 * (light - a * least) + 0.5));
    }
}
