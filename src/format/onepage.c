/* onepage.c -- see onepage.h. */
#include "format/onepage.h"

#include <string.h>

#include "format/gunzip.h"

#define PACKED_MAX_BYTES ((size_t)1 << 30)

static void put_base64(struct hp_buf *out, struct hp_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (!hp_buf_reserve(out, bytes.n / 3 * 4 + 4)) {
        return;
    }
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        uint32_t three =
            (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        left > 1 ? digits[three >> 6 & 63] : '=', left > 2 ? digits[three & 63] : '='};
        hp_buf_put(out, four, sizeof four);
    }
}

/* A text as the content of an element; what is no UTF-8 or a control character becomes U+FFFD. */
static void put_text(struct hp_buf *out, struct hp_str text)
{
    while (text.n > 0) {
        size_t n = hp_utf8_len(text);
        struct hp_str part = hp_str_make(text.p, n != 0 ? n : 1);
        if (n == 0 || (unsigned char)*text.p < ' ' || *text.p == 0x7f) {
            hp_buf_put_text(out, HP_STR("\xEF\xBF\xBD"));
        } else if (*text.p == '&') {
            hp_buf_put_text(out, HP_STR("&amp;"));
        } else if (*text.p == '<') {
            hp_buf_put_text(out, HP_STR("&lt;"));
        } else {
            hp_buf_put_text(out, part);
        }
        text = hp_str_make(text.p + part.n, text.n - part.n);
    }
}

/* Append `page` up to `mark`, and leave in `page` what follows it. */
static void put_until(struct hp_buf *out, struct hp_str *page, struct hp_str mark)
{
    const char *at = memmem(page->p, page->n, mark.p, mark.n);
    size_t before = at != NULL ? (size_t)(at - page->p) : page->n;
    size_t taken = at != NULL ? before + mark.n : page->n;
    hp_buf_put(out, page->p, before);
    *page = hp_str_make(page->p + taken, page->n - taken);
}

hp_err hp_onepage_write(struct hp_str page, struct hp_str title, struct hp_str payload, struct hp_buf *out)
{
    struct hp_buf packed;
    hp_buf_init(&packed, PACKED_MAX_BYTES);
    hp_err err = hp_gunzip_pack(payload, &packed);
    if (err == HP_OK) {
        put_until(out, &page, HP_STR("<!--hotplate:title-->"));
        put_text(out, title.n != 0 ? title : HP_STR("Hotplate"));
        put_until(out, &page, HP_STR("<!--hotplate:payload-->"));
        put_base64(out, hp_buf_str(&packed));
        hp_buf_put_text(out, page);
        err = out->err;
    }
    hp_buf_fini(&packed);
    return err;
}
