/* sentence.h -- the wording that people read first. */
#ifndef HP_SENTENCE_H
#define HP_SENTENCE_H

#include "answer/answer.h"

/* "GET /settings 2.21 s: 57 % 40 threads, one per item, app/history.py:25; 35 % the same SELECT on settings
 * 40 times, app/profiles.py:15; fixing both: about 95.2 ms". Without findings "GET /chart 51.6 ms: 81 % is at
 * app/chart.py:8 in draw, which calls scatter". Empty where that is not known either, or without memory. */
struct hp_str hp_sentence_route(const struct hp_answer *answer, const struct hp_answer_route *route,
                                struct hp_arena *arena);

/* "GET /settings: after fixing 1–2 about 95.2 ms", appended. */
void hp_sentence_left(const struct hp_answer *answer, const struct hp_answer_route *route,
                      struct hp_buf *out);

/* Text broken into lines of at most `width` columns, each after `indent` spaces; the first line's indent is
 * written too. */
void hp_sentence_wrap(struct hp_str text, uint32_t indent, uint32_t width, struct hp_buf *out);

/* "app/history.py:25", with " (via flask_login)" where so; appended. */
void hp_sentence_place(const struct hp_answer_finding *finding, struct hp_buf *out);

#endif
