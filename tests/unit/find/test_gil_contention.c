/* test_gil_contention.c -- waits for the GIL where the processors were short, too: what tells that another
 * thread computed, and not that it had no processor either. */
#include <errno.h>

#include "records.h"

#include "find/find.h"

#define REQUESTS 10u

struct contest {
    double interval_ms, after_ms; /* of one wait: until the GIL is asked for, and from then on; 0: in one */
    double queue_ms;              /* in which the main lane has no processor; it computes for a millisecond */
    double lane_cpu_ms, lane_queue_ms; /* of the lane that has the GIL; 0: not known */
    bool awaited;                      /* that lane's end, by the main one */
    double count_ms, crunch_ms;        /* own time of the lane's functions; 0: no tree */
    bool of_another;                   /* a request that had the GIL */
    bool of_server;                    /* a thread without lines of the application */
};

static double wait_in_pieces(struct rec_set *set, struct rec *rec, const struct contest *contest, double at)
{
    struct hp_holder own = {.request = rec->record.req.id + contest->of_another,
                            .count = 1,
                            .ns = rec_ns(contest->interval_ms + contest->after_ms),
                            .site_sym =
                                contest->of_server ? 0 : rec_sym(set, "app/stats.py", "crunch", 3, REC_APP),
                            .site_line = contest->of_server ? 0 : 20,
                            .kind = HP_WAIT_GIL};
    struct rec_span span = {.kind = HP_WAIT_GIL,
                            .site_sym = set->view,
                            .site_line = 12,
                            .holder = rec_add_holder(set, rec, own),
                            .error = contest->after_ms > 0 ? ETIMEDOUT : 0,
                            .t0 = at,
                            .t1 = at + contest->interval_ms};
    rec_add_span(set, rec, span);
    if (contest->after_ms > 0) {
        span.error = 0;
        span.t0 = span.t1 + 0.01;
        span.t1 = span.t0 + contest->after_ms;
        rec_add_span(set, rec, span);
    }
    return span.t1;
}

/* The lane counts, and calls at line 98 what gives the GIL up. */
static void add_functions(struct rec_set *set, struct rec *rec, const struct contest *contest)
{
    uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 5, 1, 1);
    uint32_t lane = rec_lane_node(rec, view);
    uint32_t count =
        rec_node(rec, lane, rec_sym(set, "app/stats.py", "count", 94, REC_APP), 0, 1, contest->count_ms);
    rec_node(rec, count, rec_sym(set, "app/stats.py", "crunch", 3, REC_APP), 98, 8, contest->crunch_ms);
}

static void contend(struct rec_set *set, const struct contest *contest)
{
    rec_set_init(set, "GET", "/samples");
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        double at = wait_in_pieces(set, rec, contest, 2) + contest->queue_ms;
        uint32_t lane = rec_add_lane(rec, (struct rec_lane){.kind = HP_LANE_POOL,
                                                            .site_sym = set->view,
                                                            .site_line = 11,
                                                            .spawn = 1,
                                                            .start = 1.2,
                                                            .end = 30});
        rec->record.lanes[0].runqueue_ns = rec_ns(contest->queue_ms);
        if (contest->lane_cpu_ms > 0) {
            rec->record.lanes[lane].cpu_ns = rec_ns(contest->lane_cpu_ms);
            rec->record.lanes[lane].runqueue_ns = rec_ns(contest->lane_queue_ms);
        }
        if (contest->awaited) {
            rec_add_join(rec, lane, 0, at, 30);
            at = 30;
        }
        if (contest->count_ms > 0) {
            add_functions(set, rec, contest);
        }
        rec_end(set, rec, at + 1 + 0.01 * i, 1);
        set->samples[set->count - 1].tree = contest->count_ms > 0 ? rec->tree : NULL;
    }
}

static void told_in(const char *name, uint32_t line, struct contest contest)
{
    struct rec_set set;
    contend(&set, &contest);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_gil_contention);
    assert_near(rec_ms(finding->median_ns), contest.interval_ms + contest.after_ms, 0.1);
    struct hp_symbol symbol = hp_dict_symbol(set.dict, finding->site_sym);
    assert_true(hp_str_eq(symbol.name, hp_str_from0(name)));
    assert_int_equal(finding->site_line, line);
    assert_int_equal(finding->subject_sym, set.view);
    assert_non_null(strstr(finding->title.p, name));
    assert_non_null(strstr(finding->advice.p, contest.of_another ? "lies outside of this request"
                                                                 : "has a thread compute beside it"));
    rec_set_fini(&set);
}

static void told(struct contest contest)
{
    told_in("crunch", 20, contest);
}

static void silent(struct contest contest)
{
    struct rec_set set;
    contend(&set, &contest);
    rec_silent(&set);
}

static void who_gives_the_gil_up_when_asked_has_computed(void **state)
{
    (void)state;
    told((struct contest){.interval_ms = 5, .after_ms = 0.01});
    told((struct contest){.interval_ms = 5, .after_ms = 0.01, .queue_ms = 3});
}

static void who_gives_it_up_late_had_no_processor(void **state)
{
    (void)state;
    silent((struct contest){.interval_ms = 5, .after_ms = 1.5, .queue_ms = 3});
    silent((struct contest){.interval_ms = 5, .queue_ms = 3});
    silent((struct contest){.interval_ms = 5, .after_ms = 0.01, .queue_ms = 3, .of_server = true});
}

static void a_lane_of_the_request_tells_how_far_it_was_held_up(void **state)
{
    (void)state;
    told((struct contest){.interval_ms = 5, .queue_ms = 3, .lane_cpu_ms = 20, .lane_queue_ms = 2});
    silent((struct contest){.interval_ms = 5, .lane_cpu_ms = 8, .lane_queue_ms = 18});
}

static void work_that_the_request_waits_for_is_none(void **state)
{
    (void)state;
    silent((struct contest){.interval_ms = 5, .after_ms = 0.01, .awaited = true});
}

static void a_lane_that_gives_the_gil_up_to_read_is_told_where_it_computes(void **state)
{
    (void)state;
    told_in("count", 98, (struct contest){.interval_ms = 5, .count_ms = 15, .crunch_ms = 0.2});
    told_in("crunch", 20, (struct contest){.interval_ms = 5, .count_ms = 15, .crunch_ms = 10});
    told_in("crunch", 20,
            (struct contest){.interval_ms = 5, .count_ms = 15, .crunch_ms = 0.2, .of_another = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gives_the_gil_up_when_asked_has_computed),
        cmocka_unit_test(who_gives_it_up_late_had_no_processor),
        cmocka_unit_test(a_lane_of_the_request_tells_how_far_it_was_held_up),
        cmocka_unit_test(work_that_the_request_waits_for_is_none),
        cmocka_unit_test(a_lane_that_gives_the_gil_up_to_read_is_told_where_it_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
