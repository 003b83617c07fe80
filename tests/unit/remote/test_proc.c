/* test_proc.c -- whether a folder of ours is the same one to another process: in the same root, in another
 * root, in none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "remote/proc.h"

/* A child that waits to be killed, with `root` as its root if there is one; 0: we may not give it one. */
static pid_t child_in(const char *root)
{
    int said[2];
    char ok = 0;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        ok = root == NULL || (chroot(root) == 0 && chdir("/") == 0);
        (void)!write(said[1], &ok, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(said[0], &ok, 1), 1);
    close(said[0]);
    close(said[1]);
    if (!ok) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return 0;
    }
    return child;
}

static bool shares(pid_t child, const char *folder)
{
    int dir;
    assert_int_equal(hp_proc_open(child, &dir), HP_OK);
    bool same = hp_proc_shares(dir, folder);
    close(dir);
    return same;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void a_process_of_the_same_root_has_our_folders(void **state)
{
    (void)state;
    pid_t child = child_in(NULL);
    assert_true(shares(child, "/"));
    assert_true(shares(child, "/tmp"));
    assert_false(shares(child, "/nowhere at all"));
    end(child);
}

static void a_process_of_another_root_has_its_own(void **state)
{
    (void)state;
    char root[] = "/tmp/hotplate-root-XXXXXX", tmp[sizeof root + 4];
    assert_non_null(mkdtemp(root));
    snprintf(tmp, sizeof tmp, "%s/tmp", root);
    assert_int_equal(mkdir(tmp, 0700), 0);
    pid_t child = child_in(root);
    if (child != 0) {
        assert_false(shares(child, "/"));
        assert_false(shares(child, "/tmp"));
        assert_false(shares(child, root));
        end(child);
    }
    rmdir(tmp);
    rmdir(root);
    if (child == 0) {
        skip(); /* a root of its own needs root */
    }
}

static void a_process_that_has_ended_has_none(void **state)
{
    (void)state;
    int dir;
    pid_t child = child_in(NULL);
    assert_int_equal(hp_proc_open(child, &dir), HP_OK);
    end(child);
    assert_false(hp_proc_shares(dir, "/"));
    close(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_of_the_same_root_has_our_folders),
        cmocka_unit_test(a_process_of_another_root_has_its_own),
        cmocka_unit_test(a_process_that_has_ended_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
