/* upload.c -- see upload.h. */
#include "serve/upload.h"

#include "format/html.h"
#include "format/registry.h"

#define NAME_MOST 200u

hp_err hp_upload_read(struct hp_str bytes, struct hp_str name, struct hp_buf *out, struct hp_errinfo *info)
{
    struct hp_profile *profile = NULL;
    const struct hp_registry_format *format = NULL;
    const struct hp_profile_source source = {.bytes = bytes};
    hp_err err = hp_registry_read(&source, &profile, &format, info);
    if (err == HP_OK) {
        const struct hp_html_options options = {.title = hp_utf8_cut(name, NAME_MOST),
                                                .format = format->name};
        err = hp_html_payload(profile, &options, out);
    } else if (err != HP_ENOMEM && err != HP_EFULL) { /* it lies in the file; the line is there */
        err = HP_EINVAL;
    }
    hp_profile_free(profile);
    return err == HP_EFULL
               ? hp_err_set(info, err, 0, "the profile is too large to be shown here: hotplate open FILE")
               : err;
}
