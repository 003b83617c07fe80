/* gunzip.c -- see gunzip.h. */
#include "format/gunzip.h"

#include <zlib.h>

#include "base/mem.h"

#define CHUNK       ((size_t)1 << 16)
#define GZIP_WINDOW (15 + 16)

static void *take(void *ctx, unsigned n, unsigned size)
{
    (void)ctx;
    return hp_calloc(n, size);
}

static void give(void *ctx, void *p)
{
    (void)ctx;
    hp_free(p);
}

bool hp_gunzip_is(struct hp_str bytes)
{
    return bytes.n >= 2 && (unsigned char)bytes.p[0] == 0x1F && (unsigned char)bytes.p[1] == 0x8B;
}

/* Inflate until the end of the input or a failure. */
static hp_err inflate_all(z_stream *z, struct hp_str bytes, struct hp_buf *out, struct hp_errinfo *info)
{
    size_t left = bytes.n;
    int state = Z_OK;
    while (left != 0 || z->avail_in != 0 || state == Z_OK) {
        if (z->avail_in == 0 && left != 0) {
            size_t part = left < ((size_t)1 << 30) ? left : (size_t)1 << 30;
            z->next_in = (unsigned char *)(uintptr_t)(bytes.p + (bytes.n - left));
            z->avail_in = (unsigned)part;
            left -= part;
        }
        size_t room = out->max - out->len < CHUNK ? out->max - out->len : CHUNK;
        if (room == 0) {
            return hp_err_set(info, HP_EFULL, bytes.n - left - z->avail_in,
                              "unpacks to more than %zu bytes, which is too much for a file of this size",
                              out->max);
        }
        if (!hp_buf_reserve(out, room)) {
            return hp_err_set(info, out->err, 0, "out of memory");
        }
        z->next_out = out->data + out->len;
        z->avail_out = (unsigned)room;
        state = inflate(z, Z_NO_FLUSH);
        out->len += room - z->avail_out;
        if (state == Z_MEM_ERROR) {
            return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
        }
        if (state == Z_STREAM_END && (z->avail_in != 0 || left != 0)) {
            if (z->avail_in == 0 || *z->next_in != 0x1F || inflateReset(z) != Z_OK) {
                break; /* what stands behind the last member is not ours */
            }
            state = Z_OK;
        } else if (state != Z_OK && state != Z_STREAM_END) {
            const char *why = state == Z_BUF_ERROR ? "the file ends too soon" : "damaged";
            return hp_err_set(info, HP_EFORMAT, bytes.n - left - z->avail_in, "%s", why);
        }
    }
    return HP_OK;
}

hp_err hp_gunzip_append(struct hp_str bytes, struct hp_buf *out, struct hp_errinfo *info)
{
    z_stream z = {.zalloc = take, .zfree = give};
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    hp_err err = inflate_all(&z, bytes, out, info);
    inflateEnd(&z);
    return err;
}

hp_err hp_gunzip_pack(struct hp_str bytes, struct hp_buf *out)
{
    z_stream z = {.zalloc = take, .zfree = give};
    size_t left = bytes.n;
    int state = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    if (state != Z_OK) {
        return HP_ENOMEM;
    }
    hp_err err = HP_OK;
    while (err == HP_OK && state != Z_STREAM_END) {
        if (z.avail_in == 0 && left != 0) {
            size_t part = left < ((size_t)1 << 30) ? left : (size_t)1 << 30;
            z.next_in = (unsigned char *)(uintptr_t)(bytes.p + (bytes.n - left));
            z.avail_in = (unsigned)part;
            left -= part;
        }
        if (!hp_buf_reserve(out, CHUNK)) {
            err = out->err;
            break;
        }
        z.next_out = out->data + out->len;
        z.avail_out = (unsigned)CHUNK;
        state = deflate(&z, left == 0 ? Z_FINISH : Z_NO_FLUSH);
        out->len += CHUNK - z.avail_out;
    }
    deflateEnd(&z);
    return err;
}
