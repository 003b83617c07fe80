/* asset.c -- see asset.h. */
#include "asset/asset.h"

#include "asset/asset_bytes.h" /* generated */

struct hp_str hp_asset_page(void)
{
    return hp_str_make((const char *)hp__asset_page, hp__asset_page_size);
}
