/* err.h -- the one list of errors.
 *
 * Why: every function that can fail returns an hp_err; HP_OK is 0. The list below makes the enum, the names
 * and the texts, so they cannot drift apart. Codes are part of the C API: added at the end, never renumbered.
 */
#ifndef HP_ERR_H
#define HP_ERR_H

#include <stdint.h>

#define HP_ERR_LIST(X)                                                                                       \
    X(HP_OK, "no error")                                                                                     \
    X(HP_ENOMEM, "out of memory")                                                                            \
    X(HP_EINVAL, "invalid argument")                                                                         \
    X(HP_EFULL, "a cap was reached")                                                                         \
    X(HP_EIO, "input/output error")                                                                          \
    X(HP_ENOSPC, "no space left")                                                                            \
    X(HP_EPERM, "permission denied")                                                                         \
    X(HP_ENOTFOUND, "not found")                                                                             \
    X(HP_EEXIST, "already exists")                                                                           \
    X(HP_EBUSY, "busy or locked by another process")                                                         \
    X(HP_EREADONLY, "read-only")                                                                             \
    X(HP_EFORMAT, "not in the expected format")                                                              \
    X(HP_EVERSION, "of a newer version than this program knows")                                             \
    X(HP_ECORRUPT, "damaged")                                                                                \
    X(HP_EFOREIGN, "belongs to another program")                                                             \
    X(HP_ERANGE, "value out of range")                                                                       \
    X(HP_EUNSUPPORTED, "not supported here")                                                                 \
    X(HP_ESTATE, "called in the wrong state")                                                                \
    X(HP_ETIMEOUT, "took too long")

#define HP_ERR_ENUM(code, text) code,
typedef enum hp_err { HP_ERR_LIST(HP_ERR_ENUM) HP_ERR_COUNT } hp_err;
#undef HP_ERR_ENUM

/* Marks a function whose result must be looked at. */
#define HP_CHECK __attribute__((warn_unused_result))

/* Where and why a parser or a back end failed. `position` is a byte offset for parsers, a line or 0
 * elsewhere. `text` is one NUL-terminated UTF-8 line without a trailing newline, empty if there is nothing to
 * add. */
struct hp_errinfo {
    hp_err code;
    uint64_t position;
    char text[240];
};

/* Name of a code ("HP_ENOMEM") and its text ("out of memory"). Never NULL, also for unknown codes. Threads:
 * any. */
const char *hp_err_name(hp_err code);
const char *hp_err_text(hp_err code);

/* Fill `info` (may be NULL) from a printf format and return `code`, so that `return hp_err_set(info, …);`
 * works. Threads: any. Fails: never; a longer text is cut at a character. */
hp_err hp_err_set(struct hp_errinfo *info, hp_err code, uint64_t position, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
