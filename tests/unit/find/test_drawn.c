/* test_drawn.c -- what a template's source says of the calls of a macro. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "find/drawn.h"

/* Of a call in the third line, below a macro of two lines. */
static bool same(const char *third)
{
    char text[400];
    snprintf(text, sizeof text, "{%% macro cloud(labels) %%}{{ labels }}\n{%% endmacro %%}\n%s\n", third);
    struct hp_str source = hp_str_from0(text);
    return hp__drawn_same(source, 3, hp__drawn_macro(source, 1));
}

static void what_does_not_change_from_item_to_item_is_drawn_the_same(void **state)
{
    (void)state;
    static const char *const same_each_time[] = {
        "{% for topic in topics %}{{ topic.title }}{{ cloud(labels) }}{% endfor %}",
        "{% macro entry(topic) %}{% if topic.open %}{{ cloud(labels, size=3) }}{% endif %}{% endmacro %}",
        "{% for topic in topics %}{{ cloud() }}{% endfor %}",
        "{% for topic in topics %}{% endfor %}{% for one in ones %}{{- cloud(site.topic) -}}{% endfor %}",
        "{% for topic in topics %}{% set drawn = cloud('topic') | trim %}{{ drawn }}{% endfor %}",
    };
    for (size_t i = 0; i < sizeof same_each_time / sizeof *same_each_time; i++) {
        assert_true(same(same_each_time[i]));
    }
}

static void what_a_loop_or_a_macro_binds_changes(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "{% for topic in topics %}{{ cloud(topic.labels) }}{% endfor %}",
        "{% for key, topic in topics | items %}{{ cloud(key) }}{% endfor %}",
        "{% for topic in topics %}{{ cloud(labels, loop.index) }}{% endfor %}",
        "{% macro entry(topic) %}{{ cloud(topic) }}{% endmacro %}",
        "{% for topic in topics %}{% set n = topic.n %}{{ cloud(n) }}{% endfor %}",
        "{% for topic in topics %}{% with n = topic.n %}{{ cloud(n) }}{% endwith %}{% endfor %}",
        "{% for topic in topics %}{{ cloud(labels_of()) }}{% endfor %}",
        "{% for topic in topics %}{{ cloud(labels) }}{{ cloud(topic) }}{% endfor %}",
        "{% for topic in topics %}{% call cloud(labels) %}{{ topic }}{% endcall %}{% endfor %}",
        "{% for topic in topics %}{# cloud(labels) #}{{ clouds(labels) }}{% endfor %}",
        "{{ cloud(labels",
        "",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_false(same(changes[i]));
    }
}

static void a_line_without_a_macro_has_no_name(void **state)
{
    (void)state;
    struct hp_str source = HP_STR("{% set a = 1 %}\n{%- macro row(\n  cells) -%}\n{% endmacro %}");
    assert_int_equal(hp__drawn_macro(source, 1).n, 0);
    assert_true(hp_str_eq(hp__drawn_macro(source, 2), HP_STR("row")));
    assert_int_equal(hp__drawn_macro(source, 9).n, 0);
    assert_int_equal(hp__drawn_macro(HP_STR("{%"), 1).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_change_from_item_to_item_is_drawn_the_same),
        cmocka_unit_test(what_a_loop_or_a_macro_binds_changes),
        cmocka_unit_test(a_line_without_a_macro_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
