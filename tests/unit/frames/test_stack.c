/* test_stack.c -- stacks kept from look to look: always what a walk from scratch says, and little is read of
 * what did not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "frames/stack.h"
#include "image.h"
#include "sweep_oom.h"

#define CODES  12u
#define DEEP   60u
#define CARRY  6u /* frames that lie anywhere, as generators' do */
#define ROUNDS 4000

static struct image image;
static struct hp_stack_work work;
static struct hp_codes_gone gone;
static struct hp_codes codes;
static struct hp_dict *dict;
static uint64_t thread, made_codes[CODES], texts[2 * CODES], tables[2], chunk[DEEP], heap[CARRY];
static uint64_t now[DEEP]; /* frames of the stack, outermost first */
static uint32_t depth, version;

static void lay_out(unsigned minor, bool versions)
{
    image_init(&image, minor);
    image.layout.code_version = versions ? 92 : 0;
    for (uint32_t i = 0; i < 2 * CODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        texts[i] = image_ascii(&image, name);
    }
    tables[0] = image_bytes_object(&image, "\x87\x41\xdf\x41\x41", 5);
    tables[1] = image_bytes_object(&image, "\x83\x41\xdf\x51\x41", 5);
    for (uint32_t i = 0; i < CODES; i++) {
        made_codes[i] = image_code(&image, "f", "a.py", 10 * (i + 1), NULL);
    }
    for (uint32_t i = 0; i < DEEP; i++) {
        chunk[i] = image_frame(&image, made_codes[0], 0, 0);
    }
    for (uint32_t i = 0; i < CARRY; i++) {
        heap[i] = image_frame(&image, made_codes[0], 0, 0);
    }
    thread = image_thread(&image, 1, 0);
    dict = hp_dict_new();
    hp_codes_init(&codes, dict, (struct hp_codes_place){0});
    work.room = 4096;
    depth = version = 0;
}

static void tidy_up(struct hp_stack *stack)
{
    hp_stack_fini(stack, &work);
    assert_int_equal(work.room, 4096);
    hp_codes_fini(&codes);
    hp_dict_free(dict);
}

/* Another code object takes the place of number `i`. */
static void replace_code(uint32_t i, uint32_t variant)
{
    const struct hp_layout *l = &image.layout;
    image_put_u64(&image, made_codes[i] + l->code_qualname, texts[2 * i + variant]);
    image_put_u64(&image, made_codes[i] + l->code_linetable, tables[variant]);
    gone.counts[hp_codes_gone_slot(made_codes[i])]++;
    if (l->code_version != 0) {
        image_put_u32(&image, made_codes[i] + l->code_version, ++version);
    }
}

static void put_frame(uint32_t at, uint64_t address, uint32_t code, uint32_t unit, bool own)
{
    const struct hp_layout *l = &image.layout;
    now[at] = address;
    image_put_u64(&image, address + l->frame_code, made_codes[code]);
    image_put_u64(&image, address + l->frame_previous, at == 0 ? 0 : now[at - 1]);
    image_put_u64(&image, address + l->frame_instr, made_codes[code] + l->code_start + 2 * unit);
    image_set_owner(&image, address, own ? 3 : 0);
}

/* The innermost frame is now the last of `now`. */
static void publish(void)
{
    uint64_t link = image_get_u64(&image, thread + image.layout.thread_frame);
    image_put_u64(&image, link + image.layout.cframe_frame, depth == 0 ? 0 : now[depth - 1]);
}

static struct hp_thread thread_now(void)
{
    return (struct hp_thread){.address = thread,
                              .frame = image_get_u64(&image, thread + image.layout.thread_frame)};
}

static hp_err look_until(struct hp_stack *stack, uint64_t until, bool *cut)
{
    struct hp_thread who = thread_now();
    return hp_stack_read(stack, &work, &image.layout, &image.peek, &codes, &who, until, cut);
}

static hp_err look(struct hp_stack *stack, bool *cut)
{
    return look_until(stack, 0, cut);
}

/* The stack as a walk and codes that know nothing say it is. */
static void assert_true_stack(const struct hp_stack *stack)
{
    static struct hp_walk walk;
    struct hp_codes own;
    struct hp_walk_frame frames[DEEP];
    struct hp_codes_frame said[DEEP];
    struct hp_thread who = thread_now();
    uint32_t found, count, shown = 0;
    bool cut;
    hp_codes_init(&own, dict, (struct hp_codes_place){0});
    assert_int_equal(hp_walk_frames(&walk, &image.layout, &image.peek, &who, frames, DEEP, &found, &cut),
                     HP_OK);
    assert_int_equal(hp_codes_resolve(&own, &image.layout, &image.peek, frames, found, said, &count), HP_OK);
    for (uint32_t i = stack->count; i-- > 0;) {
        if (stack->frames[i].shown) {
            assert_true(shown < count);
            assert_int_equal(stack->frames[i].sym, said[shown].sym);
            assert_int_equal(stack->frames[i].line, said[shown].line);
            shown++;
        }
    }
    assert_int_equal(shown, count);
    hp_codes_fini(&own);
}

static bool on_stack(uint64_t address)
{
    for (uint32_t i = 0; i < depth; i++) {
        if (now[i] == address) {
            return true;
        }
    }
    return false;
}

/* Some calls return and others begin; where frames lie and what they run comes again and again. */
static void run_on(struct hp_rng *rng)
{
    uint32_t returns = (uint32_t)hp_rng_below(rng, 6), calls = (uint32_t)hp_rng_below(rng, 6);
    depth = returns < depth ? depth - returns : 0;
    if (depth != 0 && hp_rng_below(rng, 2) == 0) { /* another instruction of the one that goes on */
        uint64_t code = image_get_u64(&image, now[depth - 1] + image.layout.frame_code);
        image_put_u64(&image, now[depth - 1] + image.layout.frame_instr,
                      code + image.layout.code_start + 2 * hp_rng_below(rng, 20));
    }
    for (uint32_t i = 0; i < CODES && hp_rng_below(rng, 4) == 0; i++) { /* code that nobody runs is freed */
        uint32_t which = (uint32_t)hp_rng_below(rng, CODES);
        bool runs = false;
        for (uint32_t k = 0; k < depth; k++) {
            runs = runs || image_get_u64(&image, now[k] + image.layout.frame_code) == made_codes[which];
        }
        if (!runs) {
            replace_code(which, (uint32_t)hp_rng_below(rng, 2));
        }
    }
    for (; calls != 0 && depth < DEEP; calls--, depth++) {
        uint64_t lies = heap[hp_rng_below(rng, CARRY)];
        lies = hp_rng_below(rng, 5) != 0 || on_stack(lies) ? chunk[depth] : lies;
        bool own = hp_rng_below(rng, 9) == 0; /* the interpreter's own frames have a code of their own */
        uint32_t code = own ? CODES - 1 : (uint32_t)hp_rng_below(rng, 2) + depth % (CODES - 2);
        put_frame(depth, lies, code, (uint32_t)hp_rng_below(rng, 3), own);
    }
    publish();
}

static void says_what_a_walk_says_whatever_runs(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct hp_rng rng;
        struct hp_stack stack = {0};
        uint32_t kept = 0;
        bool cut;
        lay_out(kind == 0 ? 11 : 12, kind == 2);
        hp_codes_watch(&codes, kind == 3 ? &gone : NULL);
        hp_rng_seed(&rng, 4711 + kind);
        for (int i = 0; i < ROUNDS; i++) {
            run_on(&rng);
            assert_int_equal(look(&stack, &cut), HP_OK);
            assert_false(cut);
            assert_int_equal(stack.count, depth);
            assert_true(stack.kept <= depth);
            assert_true_stack(&stack);
            kept += stack.kept;
        }
        assert_true(kept > ROUNDS); /* it does keep */
        tidy_up(&stack);
    }
}

/* The end of a look is another frame each time, or one that is not on the stack. */
static void ends_at_the_frame_that_is_asked_for(void **state)
{
    (void)state;
    struct hp_rng rng;
    struct hp_stack whole = {0}, stack = {0};
    uint32_t kept = 0;
    bool cut;
    lay_out(12, false);
    hp_codes_watch(&codes, &gone);
    hp_rng_seed(&rng, 815);
    for (int i = 0; i < ROUNDS; i++) {
        run_on(&rng);
        uint32_t from = (uint32_t)(i / 8 % 5);
        uint64_t until = from != 0 && from <= depth ? now[from - 1] : 0;
        from = until != 0 ? from : 0;
        assert_int_equal(look(&whole, &cut), HP_OK);
        assert_int_equal(look_until(&stack, until, &cut), HP_OK);
        assert_false(cut);
        assert_int_equal(stack.count, depth - from);
        for (uint32_t k = 0; k < stack.count; k++) {
            assert_int_equal(stack.frames[k].address, whole.frames[from + k].address);
            assert_int_equal(stack.frames[k].sym, whole.frames[from + k].sym);
            assert_int_equal(stack.frames[k].line, whole.frames[from + k].line);
        }
        kept += stack.kept;
    }
    assert_true(kept > ROUNDS);
    hp_stack_fini(&whole, &work);
    tidy_up(&stack);
}

static void of_what_did_not_change_a_few_words_are_read_at_once(void **state)
{
    (void)state;
    struct hp_stack stack = {0};
    bool cut;
    lay_out(12, true);
    for (depth = 0; depth < 40; depth++) {
        put_frame(depth, chunk[depth], depth % CODES, depth % 3, false);
    }
    publish();
    assert_int_equal(look(&stack, &cut), HP_OK);
    assert_int_equal(stack.kept, 0);
    uint32_t reads = image.reads;
    assert_int_equal(look(&stack, &cut), HP_OK);
    assert_int_equal(stack.kept, 40);
    assert_true(image.reads - reads <= 2 + 40 / 8);
    put_frame(39, chunk[39], 3, 17, false); /* another place in the innermost one */
    reads = image.reads;
    assert_int_equal(look(&stack, &cut), HP_OK);
    assert_int_equal(stack.kept, 39);
    assert_true(image.reads - reads <= 16);
    assert_true_stack(&stack);
    tidy_up(&stack);
}

static void what_is_deeper_than_the_cap_is_cut_and_not_kept(void **state)
{
    (void)state;
    struct hp_stack stack = {0};
    bool cut;
    lay_out(12, true);
    uint64_t frame = 0;
    for (uint32_t i = 0; i < HP_STACK_MOST + 10; i++) {
        frame = image_frame(&image, made_codes[i % 2], 1, frame);
    }
    now[0] = frame;
    depth = 1;
    publish();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look(&stack, &cut), HP_OK);
        assert_true(cut);
        assert_int_equal(stack.count, HP_STACK_MOST);
        assert_int_equal(stack.kept, 0);
        assert_int_equal(stack.frames[HP_STACK_MOST - 1].address, frame);
    }
    tidy_up(&stack);
}

/* It was whole before, and is too deep with what was called meanwhile. */
static void what_grows_beyond_the_cap_is_cut(void **state)
{
    (void)state;
    struct hp_stack stack = {0};
    bool cut;
    lay_out(12, true);
    depth = 1;
    now[0] = 0;
    for (uint32_t i = 0; i < HP_STACK_MOST - 3; i++) {
        now[0] = image_frame(&image, made_codes[0], 1, now[0]);
    }
    publish();
    assert_int_equal(look(&stack, &cut), HP_OK);
    assert_false(cut);
    for (uint32_t i = 0; i < 9; i++) {
        now[0] = image_frame(&image, made_codes[1], 1, now[0]);
    }
    publish();
    assert_int_equal(look(&stack, &cut), HP_OK);
    assert_true(cut);
    assert_int_equal(stack.count, HP_STACK_MOST);
    assert_int_equal(stack.frames[HP_STACK_MOST - 1].address, now[0]);
    tidy_up(&stack);
}

static void links_in_circles_and_to_nowhere_are_torn_and_forgotten(void **state)
{
    (void)state;
    const uint64_t bad[] = {8, 0x1001, IMAGE_BASE - 4096, IMAGE_BASE + IMAGE_BYTES, (uint64_t)1 << 47};
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        struct hp_stack stack = {0};
        bool cut;
        lay_out(12, true);
        for (depth = 0; depth < 20; depth++) {
            put_frame(depth, chunk[depth], depth % CODES, 1, false);
        }
        publish();
        assert_int_equal(look(&stack, &cut), HP_OK);
        uint64_t link = i < sizeof bad / sizeof *bad ? bad[i] : chunk[15];
        image_put_u64(&image, chunk[10] + image.layout.frame_previous, link);
        assert_int_equal(look(&stack, &cut), HP_ECORRUPT);
        assert_int_equal(stack.count, 0);
        put_frame(10, chunk[10], 2, 1, false);
        assert_int_equal(look(&stack, &cut), HP_OK);
        assert_true_stack(&stack);
        tidy_up(&stack);
    }
}

static void without_room_it_says_so(void **state)
{
    (void)state;
    struct hp_stack stack = {0}, other = {0};
    bool cut;
    lay_out(12, true);
    work.room = 64;
    for (depth = 0; depth < 50; depth++) {
        put_frame(depth, chunk[depth], depth % CODES, 1, false);
    }
    publish();
    assert_int_equal(look(&stack, &cut), HP_OK);
    assert_int_equal(look(&other, &cut), HP_EFULL);
    assert_int_equal(other.count, 0);
    hp_stack_fini(&stack, &work);
    assert_int_equal(look(&other, &cut), HP_OK);
    assert_int_equal(other.count, 50);
    hp_stack_fini(&other, &work);
    work.room = 4096;
    tidy_up(&stack);
}

static void use_stack(void *arg)
{
    (void)arg;
    struct hp_stack stack = {0};
    bool cut;
    image_init(&image, 12);
    lay_out(12, true);
    for (depth = 0; dict != NULL && depth < 50; depth++) {
        put_frame(depth, chunk[depth], depth % CODES, 1, false);
    }
    publish();
    hp_err err = dict != NULL ? look(&stack, &cut) : HP_ENOMEM;
    assert_true(err == HP_OK ? stack.count == 50 : err == HP_ENOMEM && stack.count == 0);
    tidy_up(&stack);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_stack, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_a_walk_says_whatever_runs),
        cmocka_unit_test(ends_at_the_frame_that_is_asked_for),
        cmocka_unit_test(of_what_did_not_change_a_few_words_are_read_at_once),
        cmocka_unit_test(what_is_deeper_than_the_cap_is_cut_and_not_kept),
        cmocka_unit_test(what_grows_beyond_the_cap_is_cut),
        cmocka_unit_test(links_in_circles_and_to_nowhere_are_torn_and_forgotten),
        cmocka_unit_test(without_room_it_says_so),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
