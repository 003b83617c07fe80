/* show_request.h -- one request's fixed fields for people: the head of `show`. */
#ifndef HP_SHOW_REQUEST_H
#define HP_SHOW_REQUEST_H

#include "base/buf.h"
#include "model/record.h"

/* The head of `show`: what, when, how long, and the phases. */
void hp_show_request_text(struct hp_buf *out, const struct hp_dict *dict, const struct hp_request *req,
                          bool raw);

#endif
