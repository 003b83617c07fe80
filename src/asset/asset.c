/* asset.c -- see asset.h. */
#include "asset/asset.h"

#include "asset/asset_bytes.h" /* generated */

struct hp_str hp_asset_page(void)
{
    return hp_str_make((const char *)hp__asset_page, hp__asset_page_size);
}

struct hp_str hp_asset_saved(void)
{
    return hp_str_make((const char *)hp__asset_saved, hp__asset_saved_size);
}

struct hp_str hp_asset_file(struct hp_str name)
{
    for (const struct hp__asset_file *file = hp__asset_files; file->name != NULL; file++) {
        if (hp_str_eq(name, hp_str_from0(file->name))) {
            return hp_str_make((const char *)file->bytes, file->size);
        }
    }
    return (struct hp_str){NULL, 0};
}
