/* svgtext.c -- see svgtext.h. */
#include "format/svgtext.h"

#include <string.h>

#define ONES  ((uint64_t)0x0101010101010101)
#define HIGHS (ONES << 7)

/* Whether a byte is not ASCII that stands for itself. */
static bool is_special(char text)
{
    unsigned char c = (unsigned char)text;
    return c < 0x20 || c >= 0x80 || c == '&' || c == '<' || c == '>' || c == '"';
}

/* The same of any of eight: a byte is below n if taking n from it borrows, and 0 if it is below 1. '"' and
 * '&' differ in one bit, as do
 * '<' and '>'. */
static bool has_special(const char text[8])
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    uint64_t quote = (bytes | ONES * ('"' ^ '&')) ^ ONES * '&',
             angle = (bytes | ONES * ('<' ^ '>')) ^ ONES * '>';
    uint64_t below = ((bytes - ONES * 0x20) & ~bytes) | ((quote - ONES) & ~quote) | ((angle - ONES) & ~angle);
    return ((bytes | below) & HIGHS) != 0;
}

/* How many bytes at the start stand for themselves. */
static size_t plain_length(struct hp_str text)
{
    size_t n = 0;
    while (text.n - n >= 8 && !has_special(text.p + n)) {
        n += 8;
    }
    while (n < text.n && !is_special(text.p[n])) {
        n++;
    }
    return n;
}

void hp_svgtext_put(struct hp_buf *out, struct hp_str text)
{
    while (text.n != 0) {
        size_t plain = plain_length(text);
        hp_buf_put(out, text.p, plain);
        text = hp_str_make(text.p + plain, text.n - plain);
        if (text.n == 0) {
            break;
        }
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
    unsigned hundredths = (unsigned)(thousandths % 1000 / 10);
    char fraction[] = {'.', (char)('0' + hundredths / 10), (char)('0' + hundredths % 10)};
    hp_buf_put_decimal(out, thousandths / 1000);
    hp_buf_put(out, fraction, sizeof fraction);
}

void hp_svgtext_put_hsl(struct hp_buf *out, unsigned hue, unsigned saturation, unsigned lightness)
{
    static const double shift[3] = {0, 8, 4};
    double light = lightness / 100.0, a = saturation / 100.0 * (light < 0.5 ? light : 1 - light);
    char text[7] = "#";
    for (unsigned i = 0; i < 3; i++) {
        double k = shift[i] + hue / 30.0;
        k = k >= 12 ? k - 12 : k;
        double up = k - 3, down = 9 - k, least = up < down ? up : down;
        least = least > 1 ? 1 : least < -1 ? -1 : least;
        unsigned value = (unsigned)(255 * (light - a * least) + 0.5);
        text[2 * i + 1] = "0123456789abcdef"[value >> 4];
        text[2 * i + 2] = "0123456789abcdef"[value & 15];
    }
    hp_buf_put(out, text, sizeof text);
}
