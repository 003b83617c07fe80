/* records_work.h -- requests that compute: a view below the framework, library code and functions of the
 * application. */
#ifndef HP_TEST_RECORDS_WORK_H
#define HP_TEST_RECORDS_WORK_H

#include "records.h"

#define REC_WORK_REQUESTS 10u

/* root ── wsgi ── page; the view takes 1 ms itself. */
static inline uint32_t rec_work_page(struct rec_set *set, struct rec *rec)
{
    uint32_t wsgi =
        rec_node(rec, HP_NODE_ROOT, rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 0.2);
    return rec_node(rec, wsgi, set->view, 5, 1, 1);
}

static inline void rec_work_end(struct rec_set *set, struct rec *rec, double ms_beyond)
{
    double wall = 1.2 + ms_beyond + 0.01 * (set->count % 5);
    rec_end(set, rec, wall, wall);
}

static inline uint32_t rec_work_lib(struct rec_set *set, struct rec *rec, uint32_t parent, const char *file,
                                    const char *name, uint32_t line, uint64_t calls, double self_ms)
{
    return rec_node(rec, parent, rec_sym(set, file, name, 100, REC_LIB), line, calls, self_ms);
}

static inline uint32_t rec_work_app(struct rec_set *set, struct rec *rec, uint32_t parent, const char *name,
                                    uint32_t line, uint64_t calls, double self_ms)
{
    return rec_node(rec, parent, rec_sym(set, "app/work.py", name, 20, REC_APP), line, calls, self_ms);
}

#endif
