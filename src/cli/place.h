/* place.h -- where something stands in the application: "shop/views.py:31 settings", as text. */
#ifndef HP_CLI_PLACE_H
#define HP_CLI_PLACE_H

#include "base/buf.h"
#include "model/dict.h"

/* Append "file:line function", with ", via NAME" where there is one in between; "-" for symbol 0. */
void hp_place_put(struct hp_buf *out, const struct hp_dict *dict, uint32_t sym, uint32_t line, uint32_t via);

#endif
