/* test_store_processes.c -- what every back end knows of processes: gauges, samples, what each lost, and what
 * went because it was old. */
#include "base/clock.h"
#include "model/caps.h"
#include "world.h"

struct seen_gauges {
    struct hp_gauge all[8];
    int count, most;
};

static bool see_gauge(void *ctx, const struct hp_gauge *gauge)
{
    struct seen_gauges *seen = ctx;
    seen->all[seen->count++] = *gauge;
    return seen->count < seen->most;
}

static void a_process_has_one_gauge_a_minute(void **state)
{
    struct world *world = *state;
    struct seen_gauges seen = {.most = 8};
    struct hp_gauge gauge = {
        .at_ns = T0, .rss_bytes = 100, .peak_rss_bytes = 120, .cpu_ns = 7, .threads = 3, .fds = 20};
    begin(world);
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    gauge.at_ns += MINUTE;
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    gauge.rss_bytes = 200;
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    commit(world);
    begin(world);
    gauge.at_ns += MINUTE;
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    hp_store_rollback(world->w);
    ok(world, hp_store_gauges(world->r, 0, 0, see_gauge, &seen, &world->info));
    assert_int_equal(seen.count, 2);
    assert_true(seen.all[0].rss_bytes == 100 && seen.all[0].threads == 3 && seen.all[0].fds == 20);
    assert_true(seen.all[0].peak_rss_bytes == 120 && seen.all[0].cpu_ns == 7 && seen.all[0].at_ns == T0);
    assert_true(seen.all[0].pid == process.pid && seen.all[0].start_ns == process.start_ns);
    assert_int_equal(seen.all[1].rss_bytes, 200);
    seen = (struct seen_gauges){.most = 1};
    ok(world, hp_store_gauges(world->r, 0, 0, see_gauge, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    seen = (struct seen_gauges){.most = 8};
    ok(world, hp_store_gauges(world->r, T0 + 1, T0 + MINUTE, see_gauge, &seen, &world->info));
    assert_int_equal(seen.count, 0);
}

struct seen_unseen {
    char text[4][32];
    uint32_t pid[4];
    int count, most;
};

static bool see_unseen(void *ctx, const struct hp_process_unseen *unseen)
{
    struct seen_unseen *seen = ctx;
    snprintf(seen->text[seen->count], sizeof seen->text[0], "%.*s", (int)unseen->text.n, unseen->text.p);
    seen->pid[seen->count++] = unseen->pid;
    return seen->count < seen->most;
}

static void put_unseen(struct world *world, uint32_t pid, uint64_t start_ns, const char *text)
{
    struct hp_process p = process;
    p.pid = pid, p.start_ns = start_ns, p.unseen = hp_str_from0(text);
    ok(world, hp_store_put_process(world->w, &p, &world->info));
}

static void what_a_process_cannot_see_is_kept_as_it_was_told_last(void **state)
{
    struct world *world = *state;
    struct seen_unseen seen = {.most = 4};
    begin(world);
    put_unseen(world, process.pid, process.start_ns, "");
    put_unseen(world, 43, T0 + 2, "a: first");
    put_unseen(world, 43, T0 + 2, "a: why");
    put_unseen(world, 44, T0 + 1, "b: why");
    put_unseen(world, 45, T0 + 3, "c: no more");
    put_unseen(world, 45, T0 + 3, "");
    commit(world);
    begin(world);
    put_unseen(world, 46, T0 + 4, "d: taken back");
    hp_store_rollback(world->w);
    ok(world, hp_store_unseen(world->r, 0, 0, see_unseen, &seen, &world->info));
    assert_int_equal(seen.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(seen.text[i], seen.pid[i] == 43 ? "a: why" : "b: why");
        assert_true(seen.pid[i] == 43 || seen.pid[i] == 44);
    }
    seen = (struct seen_unseen){.most = 1};
    ok(world, hp_store_unseen(world->r, 0, 0, see_unseen, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    seen = (struct seen_unseen){.most = 4};
    ok(world, hp_store_unseen(world->r, 0, T0 + 2, see_unseen, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    seen = (struct seen_unseen){.most = 4};
    ok(world, hp_store_unseen(world->r, UINT64_C(1) << 62, 0, see_unseen, &seen, &world->info));
    assert_int_equal(seen.count, 0);
}

static void long_texts_of_a_process_are_cut_between_characters(void **state)
{
    struct world *world = *state;
    struct seen_unseen seen = {.most = 4};
    char text[HP_UNSEEN_BYTES + 2];
    memset(text, 'x', sizeof text);
    memcpy(text + HP_UNSEEN_BYTES - 1, "\xc3\xa4", 3);
    begin(world);
    put_unseen(world, 43, T0, text);
    commit(world);
    ok(world, hp_store_unseen(world->r, 0, 0, see_unseen, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    assert_int_equal(strlen(seen.text[0]), sizeof seen.text[0] - 1);
}

struct seen_sampled {
    struct hp_tree *tree;
    const struct hp_dict *dict;
    uint64_t samples, from_ns;
    int count;
};

static bool see_sampled(void *ctx, const struct hp_sampled_row *row)
{
    struct seen_sampled *seen = ctx;
    struct hp_reader shape, values;
    hp_reader_init(&shape, row->shape.p, row->shape.n);
    hp_reader_init(&values, row->values.p, row->values.n);
    assert_int_equal(hp_tree_decode(seen->tree, shape, values, NULL, hp_dict_symbol_count(seen->dict)),
                     HP_OK);
    assert_int_equal(row->pid, process.pid);
    assert_int_equal(row->rate_hz, 100);
    seen->samples += row->samples;
    seen->from_ns = row->from_ns;
    seen->count++;
    return true;
}

static void stretches_of_samples_come_back_with_their_trees(void **state)
{
    struct world *world = *state;
    uint32_t sym;
    struct hp_buf shape, values;
    struct hp_dict *dict = hp_dict_new();
    struct hp_tree *tree = hp_tree_new(dict, 16);
    const struct hp_symbol worker = {.file = HP_STR("w.py"), .name = HP_STR("worker")};
    assert_int_equal(hp_dict_add_symbol(dict, &worker, &sym), HP_OK);
    uint32_t node = hp_tree_child_at_line(tree, HP_NODE_ROOT, sym, 7, HP_NODE_CALL);
    tree->nodes[node].self = 5000, tree->nodes[node].samples = 3;
    hp_buf_init(&shape, 4096), hp_buf_init(&values, 4096);
    assert_int_equal(hp_tree_encode(tree, NULL, &shape, &values, NULL), HP_OK);
    struct hp_sampled_row row = {.from_ns = T0,
                                 .to_ns = T0 + MINUTE,
                                 .sweeps = 10,
                                 .samples = 3,
                                 .rate_hz = 100,
                                 .shape = hp_buf_str(&shape),
                                 .values = hp_buf_str(&values)};
    begin(world);
    ok(world, hp_store_put_sampled(world->w, &row, dict, &world->info));
    commit(world);
    begin(world);
    row.from_ns += MINUTE;
    ok(world, hp_store_put_sampled(world->w, &row, dict, &world->info));
    hp_store_rollback(world->w);
    struct seen_sampled seen = {.dict = hp_store_dict(world->r)};
    seen.tree = hp_tree_new(seen.dict, 16);
    ok(world, hp_store_sampled(world->r, 0, 0, see_sampled, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    assert_true(seen.samples == 3 && seen.from_ns == T0);
    const struct hp_node *read = &seen.tree->nodes[1];
    assert_true(read->self == 5000 && read->samples == 3 && read->line == 7 && read->calls == 0);
    assert_true(hp_str_eq(hp_dict_symbol(seen.dict, read->sym).name, HP_STR("worker")));
    ok(world, hp_store_sampled(world->r, T0 + 1, 0, see_sampled, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    hp_tree_free(seen.tree);
    hp_tree_free(tree);
    hp_buf_fini(&shape);
    hp_buf_fini(&values);
    hp_dict_free(dict);
}

static void what_is_missing_is_counted(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_complete c;
    struct hp_process p = process;
    p.dropped_ring = 2, p.dropped_tree = 3, p.dropped_store = 4, p.dropped_memory = 1, p.sampled_out = 10,
    p.errors = 5, p.waits = 8, p.wait_ns = 9000;
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    put_bare(world, 2, T0, 3, 0);
    ok(world, hp_store_put_process(world->w, &p, &world->info));
    ok(world, hp_store_put_process(world->w, &p, &world->info)); /* counters, not increments */
    commit(world);
    ok(world, hp_store_put_lost(world->w, process.boot_id, process.pid, process.start_ns, 6, &world->info));
    ok(world, hp_store_put_lost(world->w, process.boot_id, process.pid, process.start_ns, 6, &world->info));
    ok(world, hp_store_put_lost(world->w, (const uint8_t *)"never registered", 7, 7, 1, &world->info));
    ok(world, hp_store_complete(world->r, &all, &c, &world->info));
    assert_int_equal(c.recorded, 2);
    assert_int_equal(c.sampled_out, 10);
    assert_int_equal(c.dropped_ring, 2);
    assert_int_equal(c.dropped_tree, 3);
    assert_int_equal(c.dropped, 7);
    assert_int_equal(c.lost, 7);
    assert_int_equal(c.errors, 5);
    assert_int_equal(c.waits, 8);
    assert_int_equal(c.wait_ns, 9000);
    assert_int_equal(c.requests, 2 + 10 + 7 + 7);
    assert_true(c.own_ns == 2400);
    struct hp_scope past = {.to_ns = T0 + MINUTE};
    ok(world, hp_store_complete(world->r, &past, &c, &world->info));
    assert_int_equal(c.requests, 2); /* the losses were told now, not then */
    struct hp_scope other = {.revision = HP_STR("rev9")};
    ok(world, hp_store_complete(world->r, &other, &c, &world->info));
    assert_int_equal(c.requests, 0);
}

/* An hour is the age by which the store was opened, or what a setting says of one opened with more. */
static void what_is_too_old_goes_and_is_counted(bool sqlite, bool by_setting)
{
    struct world world;
    struct hp_scope all = {0};
    struct hp_complete c;
    uint64_t now = hp_clock_wall_ns();
    make_world(&world, sqlite, (by_setting ? 48u : 1u) * 3600 * 1000 * MS);
    if (by_setting) {
        ok(&world, hp_store_set_setting(world.w, HP_STR(HP_CAPS_AGE_KEY), HP_STR("1h"), &world.info));
        ok(&world, hp_store_set_setting(world.w, HP_STR(HP_CAPS_SIZE_KEY), HP_STR("no size"), &world.info));
    }
    begin(&world);
    for (unsigned i = 0; i < 3000; i++) {
        put(&world, make_full(&world.m, i, now - 7200 * 1000 * MS + i, 9 * MS, 0, 1, 20, 1));
    }
    for (unsigned i = 0; i < 3000; i++) {
        put(&world, make_full(&world.m, 5000 + i, now - 10 * 1000 * MS, 9 * MS, 0, 1, 20, 1));
    }
    commit(&world);
    for (int i = 0; i < 20; i++) {
        ok(&world, hp_store_tidy(world.w, &world.info));
    }
    ok(&world, hp_store_complete(world.r, &all, &c, &world.info));
    assert_true(c.recorded >= 3000 && c.recorded < 3000 + 1024);
    assert_int_equal(c.recorded + c.evicted_requests, 6000);
    assert_true(c.evicted_detail >= c.evicted_requests);
    struct ids newest = {.count = 0};
    ok(&world, hp_store_requests(world.r, &all, HP_SORT_NEWEST, 5, keep_request, &newest, &world.info));
    assert_int_equal(newest.count, 5);
    assert_true(newest.ids[0] >= 5000);
    struct hp_str told;
    ok(&world, hp_store_get_setting(world.r, HP_STR(HP_CAPS_FORCE_KEY), &told, &world.info));
    assert_true(hp_str_ends(told, HP_STR(" 3600")));
    end_world(&world);
}

static void old_rows_go(void **state)
{
    struct world *world = *state;
    what_is_too_old_goes_and_is_counted(world->r != world->w, false);
}

static void a_setting_lowers_the_caps(void **state)
{
    struct world *world = *state;
    what_is_too_old_goes_and_is_counted(world->r != world->w, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_process_has_one_gauge_a_minute),
        BOTH(what_a_process_cannot_see_is_kept_as_it_was_told_last),
        BOTH(long_texts_of_a_process_are_cut_between_characters),
        BOTH(stretches_of_samples_come_back_with_their_trees),
        BOTH(what_is_missing_is_counted),
        BOTH(old_rows_go),
        BOTH(a_setting_lowers_the_caps),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
