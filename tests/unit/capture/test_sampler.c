/* test_sampler.c -- the sampler over an interpreter made by hand, at real addresses of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "capture/sampler.h"
#include "fake_requests.h"
#include "hotplate/ext/place.h"
#include "hotplate/ext/sampler.h"
#include "image.h"
#include "sweep_oom.h"

static struct image image;
static uint64_t thread, outer, inner, leaf, code_g;

static int classify(const char *name, size_t n, char *out, size_t capacity)
{
    snprintf(out, capacity, "%.*s", (int)n, name);
    return HP_PLACE_IS_APP;
}

/* server -> f -> g, run by this thread, which holds the GIL. */
static void lay_out(void)
{
    image_init(&image, 12);
    uint64_t server = image_code(&image, "server", "/s.py", 1, NULL);
    uint64_t code_f = image_code(&image, "f", "/f.py", 10, NULL);
    code_g = image_code(&image, "g", "/f.py", 20, NULL);
    outer = image_frame(&image, server, 3, 0);
    inner = image_frame(&image, code_f, 4, outer);
    leaf = image_frame(&image, code_g, 5, inner);
    thread = image_thread(&image, (uint64_t)gettid(), leaf);
    image_put_u32(&image, image.gil + image.layout.gil_locked, 1);
    image_put_u64(&image, image.gil + image.layout.gil_holder, thread);
}

/* To where its addresses say. */
static void map_image(void)
{
    void *at = mmap((void *)(uintptr_t)IMAGE_BASE, IMAGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_int_equal((uintptr_t)at, IMAGE_BASE);
    memcpy(at, image.bytes, IMAGE_BYTES);
}

static struct hp_sampling_config config_of(const uint64_t *codes, uint32_t count)
{
    return (struct hp_sampling_config){.runtime = image.runtime,
                                       .code_type = IMAGE_BASE,
                                       .version = 0x030C01F0,
                                       .rate_hz = 2000,
                                       .classify = classify,
                                       .thread = thread,
                                       .codes = codes,
                                       .code_count = count};
}

static int setup_sampled(void **state)
{
    (void)state;
    lay_out();
    map_image();
    struct hp_cap_config config = {.interpreter = "made by hand"};
    return hp_cap_open(&config, &cap) == HP_OK ? 0 : -1;
}

static int teardown_sampled(void **state)
{
    (void)state;
    hp_cap_sampling_thread(NULL, (void *)(uintptr_t)thread);
    hp_cap_close(cap, 2000);
    return munmap((void *)(uintptr_t)IMAGE_BASE, IMAGE_BYTES);
}

static void nap_ms(unsigned ms)
{
    struct timespec time = {0, (long)ms * 1000000};
    nanosleep(&time, NULL);
}

/* Until the sampler has looked this often. */
static void wait_sweeps(uint64_t more)
{
    struct hp_cap_sampling_counts counts;
    hp_cap_sampling_counts(cap, &counts);
    uint64_t until = counts.sweeps + more;
    for (int i = 0; i < 5000 && counts.sweeps < until; i++) {
        nap_ms(1);
        hp_cap_sampling_counts(cap, &counts);
    }
    assert_true(counts.sweeps >= until);
}

static struct hp_cap_request *begin_sampled(uint64_t root)
{
    struct hp_cap_request *request =
        hp_cap_request_begin(cap, HP_LEVEL_SAMPLE, 0, true, (const void *)(uintptr_t)root, hp_cap_ticks());
    assert_non_null(request);
    hp_cap_sampling_thread(hp_cap_request_lane(request), (void *)(uintptr_t)thread);
    return request;
}

/* The only child of a node, whose function this is. */
static uint32_t only_child(const struct hp_tree *tree, uint32_t node, const char *name)
{
    uint32_t child = tree->nodes[node].first_child;
    assert_int_not_equal(child, HP_NODE_NONE);
    assert_int_equal(tree->nodes[child].next_sibling, HP_NODE_NONE);
    struct hp_symbol symbol = hp_dict_symbol(cap->dict, tree->nodes[child].sym);
    assert_true(hp_str_eq(symbol.name, hp_str_from0(name)));
    return child;
}

static void a_request_gets_the_stacks_of_its_thread_up_to_its_caller(void **state)
{
    (void)state;
    struct hp_sampling_config config = config_of(NULL, 0);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_EBUSY);
    struct hp_cap_request *request = begin_sampled(outer);
    uint64_t t0 = hp_clock_mono_ns();
    wait_sweeps(30);
    uint64_t took = hp_clock_mono_ns() - t0;
    assert_true(hp__sampling_end(request));
    const struct hp_tree *tree = request->samples->tree;
    uint32_t f = only_child(tree, HP_NODE_ROOT, "f"), g = only_child(tree, f, "g");
    assert_true(tree->nodes[g].samples >= 20);
    assert_int_equal(tree->nodes[g].calls, 0);
    assert_int_equal(tree->nodes[f].self, 0);
    assert_true(tree->nodes[g].self <= took + 50000000u && tree->nodes[g].self > 0);
    assert_int_equal(hp_dict_symbol(cap->dict, tree->nodes[g].sym).flags, HP_SYM_APP);
    hp_cap_request_finish(request);
}

static void after_its_end_samples_are_the_process_s(void **state)
{
    (void)state;
    struct hp_sampling_config config = config_of(NULL, 0);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
    hp_cap_request_finish(begin_sampled(outer));
    wait_sweeps(10); /* the thread still says that it works for it: these samples are nobody's */
    struct hp_cap_request *request = begin_sampled(outer);
    wait_sweeps(10);
    hp_cap_sampling_thread(NULL, (void *)(uintptr_t)thread);
    wait_sweeps(20);
    assert_true(hp__sampling_end(request));
    struct hp_cap_sampling_counts counts;
    hp_cap_sampling_counts(cap, &counts);
    assert_true(counts.outside >= 15 && counts.outside <= counts.samples - 8);
    assert_true(request->samples->count <= 15);
    struct hp_sampled_row row = {0};
    assert_true(hp__sampling_take(cap, &row));
    assert_true(row.shape.n != 0 && row.samples == counts.samples && row.to_ns >= row.from_ns);
    hp_cap_request_finish(request);
}

static void set_innermost(uint64_t frame)
{
    uint64_t cframe = image_get_u64(&image, thread + image.layout.thread_frame);
    *(volatile uint64_t *)(uintptr_t)(cframe + image.layout.cframe_frame) = frame;
}

/* Its stack is not read again: what changes in it meanwhile is seen after the wait only. */
static void a_thread_that_waits_for_a_lock_stands_where_it_stood(void **state)
{
    (void)state;
    struct hp_sampling_config config = config_of(NULL, 0);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
    struct hp_cap_request *request = begin_sampled(outer);
    hp__slot_wait(true);
    wait_sweeps(10);
    set_innermost(inner);
    wait_sweeps(20);
    hp__slot_wait(false);
    wait_sweeps(20);
    assert_true(hp__sampling_end(request));
    const struct hp_tree *tree = request->samples->tree;
    uint32_t f = only_child(tree, HP_NODE_ROOT, "f"), g = only_child(tree, f, "g");
    assert_true(tree->nodes[g].samples >= 25);
    assert_true(tree->nodes[f].samples >= 10);
    hp_cap_request_finish(request);
}

static void memory_that_goes_away_is_a_torn_sample(void **state)
{
    (void)state;
    struct hp_sampling_config config = config_of(NULL, 0);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
    struct hp_cap_request *request = begin_sampled(outer);
    wait_sweeps(5);
    assert_int_equal(mprotect((void *)(uintptr_t)IMAGE_BASE, IMAGE_BYTES, PROT_NONE), 0);
    nap_ms(30);
    assert_int_equal(mprotect((void *)(uintptr_t)IMAGE_BASE, IMAGE_BYTES, PROT_READ | PROT_WRITE), 0);
    uint64_t gone = 0x10; /* the code object was freed, and something else is there */
    memcpy((void *)(uintptr_t)(code_g + image.layout.object_type), &gone, sizeof gone);
    *(volatile uint64_t *)(uintptr_t)(thread + image.layout.thread_next) = 0;
    wait_sweeps(5);
    struct hp_cap_sampling_counts counts;
    hp_cap_sampling_counts(cap, &counts);
    assert_true(counts.torn >= 3);
    assert_true(counts.running);
    hp_cap_request_finish(request);
}

static void an_interpreter_that_is_read_wrong_is_refused(void **state)
{
    (void)state;
    const uint64_t right[] = {code_g}, wrong[] = {code_g + 16};
    struct hp_sampling_config config = config_of(wrong, 1);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_EUNSUPPORTED);
    config = config_of(right, 1);
    config.thread += 64;
    assert_int_equal(hp_cap_sampling(cap, &config), HP_EUNSUPPORTED);
    config = config_of(right, 1);
    config.version = 0x03630000;
    assert_int_equal(hp_cap_sampling(cap, &config), HP_EUNSUPPORTED);
    config = config_of(right, 1);
    config.runtime = 64;
    assert_int_equal(hp_cap_sampling(cap, &config), HP_EUNSUPPORTED);
    struct hp_cap_request *request = begin_sampled(outer); /* as monitor, then */
    assert_null(request->samples);
    hp_cap_request_finish(request);
    config = config_of(right, 1);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
}

static void what_it_takes_adds_up_over_its_threads(void **state)
{
    (void)state;
    struct hp_sampling_config config = config_of(NULL, 0);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
    uint64_t begin_ns = hp_clock_mono_ns();
    for (int i = 0; i < 3; i++) {
        struct hp_sampled_row row = {0};
        struct hp_cap_request *request = begin_sampled(outer);
        wait_sweeps(i == 0 ? 100 : 10); /* a thread that took less than the one before it */
        hp_cap_request_finish(request);
        hp_cap_sampling_stop(cap);
        assert_true(hp__sampling_take(cap, &row));
        uint64_t now_ns = hp_clock_mono_ns();
        assert_true(row.cpu_ns > 0 && row.cpu_ns <= now_ns - begin_ns);
        assert_true(row.to_ns - row.from_ns <= now_ns - begin_ns);
        begin_ns = now_ns;
    }
}

static void a_child_of_fork_has_a_sampler_of_its_own(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* which cannot follow a thread that such a child starts */
#endif
    struct hp_sampling_config config = config_of(NULL, 0);
    assert_int_equal(hp_cap_sampling(cap, &config), HP_OK);
    struct hp_cap_request *before = begin_sampled(outer);
    wait_sweeps(5);
    for (int i = 0; i < 10; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            hp_cap_request_finish(before);
            *(volatile uint64_t *)(uintptr_t)(thread + image.layout.thread_native_id) = (uint64_t)gettid();
            struct hp_cap_request *request = begin_sampled(outer);
            wait_sweeps(5);
            _exit(hp__sampling_end(request) && request->samples->count >= 3 ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    wait_sweeps(5);
    hp_cap_request_finish(before);
}

static void open_and_close(void *arg)
{
    struct hp_cap *one = NULL;
    struct hp_cap_config capture = {.interpreter = "made by hand"};
    struct hp_sampling_config config = config_of(NULL, 0);
    (void)arg;
    if (hp_cap_open(&capture, &one) != HP_OK) {
        return;
    }
    hp_err err = hp_cap_sampling(one, &config);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    struct hp_cap_request *request =
        hp_cap_request_begin(one, HP_LEVEL_SAMPLE, 0, true, NULL, hp_cap_ticks());
    if (request != NULL) {
        hp_cap_request_finish(request);
    }
    hp_cap_close(one, 2000);
}

static void without_memory_there_are_no_samples(void **state)
{
    (void)state;
    hp_sweep_oom(open_and_close, NULL);
}

int main(void)
{
#define SAMPLED(test) cmocka_unit_test_setup_teardown(test, setup_sampled, teardown_sampled)
    const struct CMUnitTest tests[] = {
        SAMPLED(a_request_gets_the_stacks_of_its_thread_up_to_its_caller),
        SAMPLED(after_its_end_samples_are_the_process_s),
        SAMPLED(a_thread_that_waits_for_a_lock_stands_where_it_stood),
        SAMPLED(memory_that_goes_away_is_a_torn_sample),
        SAMPLED(an_interpreter_that_is_read_wrong_is_refused),
        SAMPLED(what_it_takes_adds_up_over_its_threads),
        SAMPLED(a_child_of_fork_has_a_sampler_of_its_own),
        SAMPLED(without_memory_there_are_no_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
