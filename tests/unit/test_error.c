/* SPDX-License-Identifier: MIT
 *
 * Tests of base/error.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "tests/support/run.h"

START_TEST(error_set_writes_the_text_and_gives_the_code_back)
{
    wf_error err = {.code = WF_OK};
    ck_assert_int_eq(error_set(&err, WF_CONFIG, "option '%s' is %d", "port", 7), WF_CONFIG);
    ck_assert_int_eq(err.code, WF_CONFIG);
    ck_assert_str_eq(err.text, "option 'port' is 7");
}
END_TEST

START_TEST(a_caller_without_an_error_still_gets_the_code)
{
    ck_assert_int_eq(error_set(NULL, WF_STATE, "dropped"), WF_STATE);
    ck_assert_int_eq(error_errno(NULL, WF_UNAVAILABLE, EPIPE, "dropped"), WF_UNAVAILABLE);
    ck_assert_int_eq(error_prefix(NULL, "dropped"), WF_FAILED);
    ck_assert_int_eq(error_no_memory(NULL), WF_NO_MEMORY);
}
END_TEST

START_TEST(a_prefix_stands_before_the_text_and_keeps_the_code)
{
    wf_error err;
    error_set(&err, WF_PROTOCOL, "message is cut short");
    ck_assert_int_eq(error_prefix(&err, "source '%s'", "shop"), WF_PROTOCOL);
    ck_assert_str_eq(err.text, "source 'shop': message is cut short");
}
END_TEST

/* Prefixes of every length around the end of the text. */
START_TEST(a_text_that_does_not_fit_is_cut_and_still_ends)
{
    wf_error err;
    char prefix[sizeof err.text + 8];
    size_t len = sizeof err.text - 8 + (size_t)_i;
    memset(prefix, 'p', len);
    prefix[len] = '\0';
    error_set(&err, WF_FAILED, "inner text");
    error_prefix(&err, "%s", prefix);
    ck_assert_uint_lt(strlen(err.text), sizeof err.text);
    ck_assert_int_eq(err.text[0], 'p');
    ck_assert_int_eq(error_set(&err, WF_FAILED, "%s%s", prefix, prefix), WF_FAILED);
    ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);
    error_errno(&err, WF_FAILED, ENOENT, "%s", prefix);
    ck_assert_uint_lt(strlen(err.text), sizeof err.text);
}
END_TEST

START_TEST(an_errno_adds_the_words_of_the_system)
{
    wf_error err;
    ck_assert_int_eq(error_errno(&err, WF_UNAVAILABLE, ENOENT, "open '%s'", "a.db"),
                     WF_UNAVAILABLE);
    ck_assert_str_eq(err.text, "open 'a.db': No such file or directory");
    ck_assert_int_eq(err.code, WF_UNAVAILABLE);
}
END_TEST

START_TEST(every_status_has_words_and_a_name)
{
    ck_assert_str_eq(error_status_name(WF_NOT_FOUND), "NOT_FOUND");
    ck_assert_str_eq(error_status_text(WF_NO_MEMORY), "out of memory");
    for (wf_status code = WF_OK; code <= WF_FAILED; code++) {
        ck_assert_str_ne(error_status_name(code), "UNKNOWN");
        ck_assert_str_ne(error_status_text(code), "unknown status");
    }
    ck_assert_str_eq(error_status_name(WF_FAILED + 1), "UNKNOWN");
    ck_assert_str_eq(error_status_text(-1), "unknown status");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");
    tcase_add_test(tcase, error_set_writes_the_text_and_gives_the_code_back);
    tcase_add_test(tcase, a_caller_without_an_error_still_gets_the_code);
    tcase_add_test(tcase, a_prefix_stands_before_the_text_and_keeps_the_code);
    tcase_add_loop_test(tcase, a_text_that_does_not_fit_is_cut_and_still_ends, 0, 15);
    tcase_add_test(tcase, an_errno_adds_the_words_of_the_system);
    tcase_add_test(tcase, every_status_has_words_and_a_name);
    suite_add_tcase(suite, tcase);
    return suite;
}
