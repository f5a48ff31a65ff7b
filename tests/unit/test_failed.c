/* SPDX-License-Identifier: MIT
 *
 * Tests of tests/support/failed: this program runs itself, with a test that fails.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "tests/support/run.h"

#define FAILS "TEST_FAILED_ON" /* set in the second program: "thread", "main" */

/* ---- tests that fail ------------------------------------------------------------------ */

static void *expect_42(void *arg)
{
    ck_assert_int_eq(*(int *)arg, 42);
    return NULL;
}

START_TEST(an_assertion_fails_on_another_thread)
{
    pthread_t thread;
    int number = 41;
    ck_assert_int_eq(pthread_create(&thread, NULL, expect_42, &number), 0);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(an_assertion_fails_on_the_thread_of_the_test)
{
    expect_42(&(int){41});
}
END_TEST

START_TEST(nothing_fails)
{
}
END_TEST

/* ---- what they do --------------------------------------------------------------------- */

static char said[8192];

/* Its exit status, as the shell says it. */
static int run_myself(const char *fork, const char *fails)
{
    char command[512], path[256] = {0};
    ck_assert_int_gt(readlink("/proc/self/exe", path, sizeof path - 1), 0);
    snprintf(command, sizeof command, "CK_FORK=%s " FAILS "=%s '%s' 2>&1", fork, fails,
             path);
    FILE *program = popen(command, "r");
    ck_assert_ptr_nonnull(program);
    said[fread(said, 1, sizeof said - 1, program)] = 0;
    int status = pclose(program);
    ck_assert_msg(WIFEXITED(status), "%d", status);
    return WEXITSTATUS(status);
}

static void says(const char *part)
{
    ck_assert_msg(str_find(str_from(said), str_from(part)) >= 0, "no '%s' in: %s", part,
                  said);
}

#define SAID "Assertion '*(int *)arg == 42' failed: *(int *)arg == 41, 42 == 42"

START_TEST(on_another_thread_of_this_process_it_is_told_and_the_program_ends)
{
    ck_assert_int_eq(run_myself("no", "thread"), 128 + SIGABRT);
    says("test_failed.c:");
    says(SAID);
}
END_TEST

START_TEST(on_another_thread_of_a_process_of_its_own_it_is_told_and_the_others_run)
{
    ck_assert_int_eq(run_myself("yes", "thread"), EXIT_FAILURE);
    says(SAID);
    says("50%: Checks: 2, Failures: 0, Errors: 1");
}
END_TEST

START_TEST(on_the_thread_of_the_test_check_goes_on)
{
    static const char *const forks[] = {"no", "yes"};
    for (size_t i = 0; i < CDC_COUNT(forks); i++) {
        ck_assert_int_eq(run_myself(forks[i], "main"), EXIT_FAILURE);
        says(SAID);
        says("50%: Checks: 2, Failures: 1, Errors: 0");
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("failed");
    TCase *tc = tcase_create("failed");
    const char *fails = getenv(FAILS);
    if (fails) {
        if (str_is(str_from(fails), "thread"))
            tcase_add_test(tc, an_assertion_fails_on_another_thread);
        else
            tcase_add_test(tc, an_assertion_fails_on_the_thread_of_the_test);
        tcase_add_test(tc, nothing_fails);
    } else {
        tcase_add_test(tc,
                       on_another_thread_of_this_process_it_is_told_and_the_program_ends);
        tcase_add_test(
            tc, on_another_thread_of_a_process_of_its_own_it_is_told_and_the_others_run);
        tcase_add_test(tc, on_the_thread_of_the_test_check_goes_on);
    }
    suite_add_tcase(suite, tc);
    return suite;
}
