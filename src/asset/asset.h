/* asset.h -- what the browser gets, as it was built from ui/: bytes in the executable.
 *
 * Why: a page must work without network and without files beside the executable. tools/embed_asset.cmake
 * turns ui/dist/ into C; how that comes about is in docs/internals/ui.md. Threads: any. Fails: never.
 */
#ifndef HP_ASSET_H
#define HP_ASSET_H

#include "base/str.h"

/* The page of one profile, with its two marks still in it (format/onepage.h). Owns: borrowed for ever. */
struct hp_str hp_asset_page(void);

/* The page of one request that somebody saved, likewise. */
struct hp_str hp_asset_saved(void);

/* A file of the dashboard by its name ("index.html"); empty if there is none. Owns: borrowed for ever. */
struct hp_str hp_asset_file(struct hp_str name);

#endif
