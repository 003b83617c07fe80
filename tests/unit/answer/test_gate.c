/* test_gate.c -- --fail-on: what parses, and what fails a build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "answer/gate.h"

static struct hp_gate parse(const char *text)
{
    struct hp_gate gate;
    assert_int_equal(hp_gate_parse(hp_str_from0(text), &gate, NULL), HP_OK);
    return gate;
}

static bool fails(const char *text, enum hp_gate_metric metric, double before, double after, bool changed)
{
    struct hp_gate gate = parse(text);
    struct hp_gate_route route = {.name = HP_STR("GET /x")};
    route.values[metric] = (struct hp_gate_value){before, after, changed};
    return hp_gate_route_fails(&gate, &route, NULL);
}

static void growth_beyond_the_threshold_fails(void **state)
{
    (void)state;
    assert_true(fails("p95>10%,sql>0,new-finding", HP_GATE_P95, 100e6, 111e6, true));
    assert_false(fails("p95>10%", HP_GATE_P95, 100e6, 109e6, true));
    assert_true(fails("median > 20ms", HP_GATE_P50, 100e6, 121e6, true));
    assert_false(fails("p50>0.05s", HP_GATE_P50, 100e6, 121e6, true));
    assert_true(fails("sql>0", HP_GATE_SQL, 3, 4, true));
    assert_true(fails("errors>1%", HP_GATE_ERRORS, 0.0, 0.02, true));
}

static void noise_and_shrinking_never_fail(void **state)
{
    (void)state;
    assert_false(fails("p95>10%", HP_GATE_P95, 100e6, 200e6, false));
    assert_false(fails("p95>0", HP_GATE_P95, 100e6, 50e6, true));
}

static void new_findings_fail_only_when_asked(void **state)
{
    (void)state;
    struct hp_gate with = parse("new-finding"), without = parse("p95>10%");
    assert_true(hp_gate_findings_fail(&with, 1, NULL));
    assert_false(hp_gate_findings_fail(&with, 0, NULL));
    assert_false(hp_gate_findings_fail(&without, 1, NULL));
}

static void nonsense_is_refused_with_its_term(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "p95",           "p95>",    "p95>ten",       "p95>10",
                                      "speed>1%", "new-finding>3", "sql>5ms", "p95>10%,,sql>0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hp_gate gate;
        struct hp_errinfo info = {0};
        assert_int_equal(hp_gate_parse(hp_str_from0(bad[i]), &gate, &info), HP_EINVAL);
        assert_true(strncmp(info.text, "--fail-on", 9) == 0);
    }
}

static void reason_names_route_metric_and_figures(void **state)
{
    (void)state;
    struct hp_buf why;
    struct hp_gate gate = parse("p95>10%");
    struct hp_gate_route route = {.name = HP_STR("GET /x")};
    route.values[HP_GATE_P95] = (struct hp_gate_value){100e6, 150.5e6, true};
    hp_buf_init(&why, 1000);
    assert_true(hp_gate_route_fails(&gate, &route, &why));
    assert_int_equal(why.len, strlen("GET /x: p95 went from 100.00 to 150.50 ms\n"));
    assert_memory_equal(why.data, "GET /x: p95 went from 100.00 to 150.50 ms\n", why.len);
    hp_buf_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_beyond_the_threshold_fails),
        cmocka_unit_test(noise_and_shrinking_never_fail),
        cmocka_unit_test(new_findings_fail_only_when_asked),
        cmocka_unit_test(nonsense_is_refused_with_its_term),
        cmocka_unit_test(reason_names_route_metric_and_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
