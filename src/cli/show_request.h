/* show_request.h -- one request's fixed fields, as JSON and for people; what requests and show share. */
#ifndef HP_SHOW_REQUEST_H
#define HP_SHOW_REQUEST_H

#include "base/buf.h"
#include "base/json.h"
#include "model/record.h"

/* wall − own, never below 0. */
uint64_t hp_show_request_duration(const struct hp_request *req);

/* Members of an object that the caller has begun; what was not recorded is left out. */
void hp_show_request_json(struct hp_json *json, const struct hp_dict *dict, const struct hp_request *req);

/* The head of `show`: what, when, how long, and the phases. */
void hp_show_request_text(struct hp_buf *out, const struct hp_dict *dict, const struct hp_request *req,
                          bool raw);

#endif
