/* test_store_notes.c -- what every back end keeps beside requests: labels, findings, settings, plans,
 * sources. */
#include "base/clock.h"
#include "world.h"

static void the_newest_stretch_of_a_label_wins(void **state)
{
    struct world *world = *state;
    struct hp_label label;
    ok(world, hp_store_label_begin(world->w, HP_STR("before"), 100, &world->info));
    ok(world, hp_store_label_end(world->w, HP_STR("before"), 200, &world->info));
    ok(world, hp_store_label_begin(world->w, HP_STR("before"), 300, &world->info));
    ok(world, hp_store_label(world->r, HP_STR("before"), &label, &world->info));
    assert_int_equal(label.from_ns, 300);
    assert_int_equal(label.to_ns, 0);
    ok(world, hp_store_label_end(world->w, HP_STR("before"), 400, &world->info));
    ok(world, hp_store_label(world->r, HP_STR("before"), &label, &world->info));
    assert_int_equal(label.to_ns, 400);
    ok(world, hp_store_label(world->r, HP_STR("before~1"), &label, &world->info));
    assert_int_equal(label.from_ns, 100);
    assert_int_equal(label.to_ns, 200);
    same_text(label.name, HP_STR("before~1"));
    assert_int_equal(hp_store_label(world->r, HP_STR("before~2"), &label, &world->info), HP_ENOTFOUND);
    assert_int_equal(hp_store_label(world->r, HP_STR("after"), &label, &world->info), HP_ENOTFOUND);
    assert_string_equal(world->info.text, "no label \"after\"");
    assert_int_equal(hp_store_label_end(world->w, HP_STR("before"), 500, &world->info), HP_ENOTFOUND);
    assert_int_equal(hp_store_label_begin(world->w, HP_STR(""), 1, &world->info), HP_EINVAL);
}

static bool keep_name(void *ctx, const struct hp_label *label)
{
    char *names = ctx;
    strncat(names, label->name.p, label->name.n);
    strcat(names, label->to_ns == 0 ? "* " : " ");
    return true;
}

static void labels_are_listed_newest_first(void **state)
{
    struct world *world = *state;
    char names[64] = "", one[64] = "";
    ok(world, hp_store_label_begin(world->w, HP_STR("before"), 100, &world->info));
    ok(world, hp_store_label_end(world->w, HP_STR("before"), 200, &world->info));
    ok(world, hp_store_label_begin(world->w, HP_STR("after"), 300, &world->info));
    ok(world, hp_store_labels(world->r, 10, keep_name, names, &world->info));
    assert_string_equal(names, "after* before ");
    ok(world, hp_store_labels(world->r, 1, keep_name, one, &world->info));
    assert_string_equal(one, "after* ");
}

static void the_newest_plan_of_a_statement_is_kept(void **state)
{
    struct world *world = *state;
    struct hp_statement mysql = {HP_STR("SELECT ?"), HP_ENGINE_MYSQL, 0};
    struct hp_statement mariadb = {HP_STR("SELECT ?"), HP_ENGINE_MARIADB, 0};
    struct hp_statement sqlite = {HP_STR("SELECT ?"), HP_ENGINE_SQLITE, 0};
    struct hp_str text;
    uint64_t at_ns, id = hp_store_plan_id(&mysql);
    assert_true(id == hp_store_plan_id(&mariadb) && id != hp_store_plan_id(&sqlite));
    assert_int_equal(hp_store_get_plan(world->r, id, &at_ns, &text, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_set_plan(world->w, id, 1, HP_STR("{}"), &world->info));
    ok(world, hp_store_set_plan(world->w, id, 2, HP_STR("{\"nodes\":[]}"), &world->info));
    ok(world, hp_store_get_plan(world->r, id, &at_ns, &text, &world->info));
    assert_int_equal(at_ns, 2);
    assert_true(hp_str_eq(text, HP_STR("{\"nodes\":[]}")));
    assert_int_equal(hp_store_get_plan(world->r, id + 1, &at_ns, &text, &world->info), HP_ENOTFOUND);
}

static void findings_and_settings_are_kept(void **state)
{
    struct world *world = *state;
    struct hp_finding_state got;
    struct hp_str value;
    struct hp_finding_state finding = {.id = UINT64_MAX - 1,
                                       .state = HP_STATE_OPEN,
                                       .muted = true,
                                       .first_ns = 5,
                                       .last_ns = 9,
                                       .reason = HP_STR("known, waits for the new API"),
                                       .kind = HP_STR("n_plus_one"),
                                       .title = HP_STR("the same SELECT 40 times"),
                                       .line = 31,
                                       .predicted_ns = 62000000};
    assert_int_equal(hp_store_get_finding(world->r, finding.id, &got, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_set_finding(world->w, &finding, &world->info));
    finding.state = HP_STATE_FIXED;
    ok(world, hp_store_set_finding(world->w, &finding, &world->info));
    ok(world, hp_store_get_finding(world->r, finding.id, &got, &world->info));
    assert_int_equal(got.state, HP_STATE_FIXED);
    assert_true(got.muted);
    assert_int_equal(got.last_ns, 9);
    same_text(got.reason, finding.reason);
    same_text(got.kind, finding.kind);
    same_text(got.title, finding.title);
    same_text(got.route, HP_STR(""));
    assert_int_equal(got.line, 31);
    assert_int_equal(got.predicted_ns, 62000000);
    assert_false(got.has_measured);
    assert_int_equal(hp_store_get_setting(world->r, HP_STR("level"), &value, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_set_setting(world->w, HP_STR("level"), HP_STR("trace"), &world->info));
    ok(world, hp_store_set_setting(world->w, HP_STR("level"), HP_STR("monitor"), &world->info));
    ok(world, hp_store_get_setting(world->r, HP_STR("level"), &value, &world->info));
    same_text(value, HP_STR("monitor"));
}

struct seen_findings {
    uint64_t ids[4];
    struct hp_finding_state last;
    uint32_t count, most;
};

static bool see_finding(void *ctx, const struct hp_finding_state *finding)
{
    struct seen_findings *seen = ctx;
    seen->ids[seen->count++] = finding->id;
    seen->last = *finding;
    return seen->count < seen->most;
}

static void findings_are_listed_last_seen_first_with_what_was_measured(void **state)
{
    struct world *world = *state;
    struct seen_findings seen = {.most = 4};
    ok(world, hp_store_findings(world->r, see_finding, &seen, &world->info));
    assert_int_equal(seen.count, 0);
    for (uint64_t id = 1; id <= 3; id++) {
        struct hp_finding_state finding = {.id = id, .last_ns = 10 * id, .reason = HP_STR("")};
        finding.has_measured = id == 1;
        finding.measured_ns = -7;
        finding.low_ns = -9;
        finding.high_ns = 5;
        finding.fixed_ns = 3;
        ok(world, hp_store_set_finding(world->w, &finding, &world->info));
    }
    ok(world, hp_store_findings(world->r, see_finding, &seen, &world->info));
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.ids[0], 3);
    assert_int_equal(seen.ids[2], 1);
    assert_true(seen.last.has_measured);
    assert_int_equal(seen.last.measured_ns, -7);
    assert_int_equal(seen.last.low_ns, -9);
    assert_int_equal(seen.last.high_ns, 5);
    assert_int_equal(seen.last.fixed_ns, 3);
    seen = (struct seen_findings){.most = 1};
    ok(world, hp_store_findings(world->r, see_finding, &seen, &world->info));
    assert_int_equal(seen.count, 1);
}

static void a_source_line_is_that_of_the_runs_in_scope(void **state)
{
    struct world *world = *state;
    struct hp_process later = process;
    struct hp_scope before = {.to_ns = T0 + 1000}, all = {0}, none = {.from_ns = T0 + MINUTE};
    struct hp_str text;
    later.pid = 43;
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    ok(world,
       hp_store_put_source(world->w, HP_STR("shop/views.py"), HP_STR("one\r\nold two\nthree"), &world->info));
    commit(world);
    begin(world);
    ok(world, hp_store_put_process(world->w, &later, &world->info));
    put_bare(world, 2, T0 + 5000, 3, 0);
    ok(world,
       hp_store_put_source(world->w, HP_STR("shop/views.py"), HP_STR("one\nnew two\nthree"), &world->info));
    commit(world);
    ok(world, hp_store_source_line(world->r, &before, HP_STR("shop/views.py"), 2, &text, &world->info));
    same_text(text, HP_STR("old two"));
    ok(world, hp_store_source_line(world->r, &before, HP_STR("shop/views.py"), 1, &text, &world->info));
    same_text(text, HP_STR("one"));
    ok(world, hp_store_source_line(world->r, &all, HP_STR("shop/views.py"), 2, &text, &world->info));
    same_text(text, HP_STR("new two"));
    ok(world, hp_store_source_line(world->r, &all, HP_STR("shop/views.py"), 3, &text, &world->info));
    same_text(text, HP_STR("three"));
    ok(world, hp_store_source_line(world->r, &all, HP_STR("shop/views.py"), 4, &text, &world->info));
    assert_int_equal(text.n, 0);
    ok(world, hp_store_source_line(world->r, &none, HP_STR("shop/views.py"), 1, &text, &world->info));
    assert_int_equal(text.n, 0);
    ok(world, hp_store_source_line(world->r, &all, HP_STR("other.py"), 1, &text, &world->info));
    assert_int_equal(text.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_newest_stretch_of_a_label_wins),
        BOTH(labels_are_listed_newest_first),
        BOTH(the_newest_plan_of_a_statement_is_kept),
        BOTH(findings_and_settings_are_kept),
        BOTH(findings_are_listed_last_seen_first_with_what_was_measured),
        BOTH(a_source_line_is_that_of_the_runs_in_scope),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
