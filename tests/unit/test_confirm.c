/* SPDX-License-Identifier: MIT
 *
 * test_confirm - the newest position everyone has passed, and never a newer one.
 */
#include <check.h>
#include <stdio.h>

#include "base/str.h"
#include "plugin/core/confirm.h"
#include "tests/support/run.h"

static struct confirm confirm;

static void setup(void)
{
    confirm_init(&confirm);
}

static void teardown(void)
{
    confirm_release(&confirm);
}

static void mark(uint64_t offset, unsigned position)
{
    char text[16];
    wf_error err;
    snprintf(text, sizeof text, "%u", position);
    ck_assert_int_eq(confirm_mark(&confirm, offset, str_from(text), &err), WF_OK);
}

static unsigned ready(void)
{
    uint64_t value = 0;
    ck_assert(!confirm.ready.len || str_to_u64(buf_view(&confirm.ready), &value));
    return (unsigned)value;
}

START_TEST(nothing_is_ready_before_it_is_passed)
{
    mark(100, 1);
    mark(200, 2);
    confirm_passed(&confirm, 99);
    ck_assert(!confirm.unconfirmed);
    confirm_passed(&confirm, 100);
    ck_assert(confirm.unconfirmed);
    ck_assert_uint_eq(ready(), 1);
    confirm_passed(&confirm, 1000);
    ck_assert_uint_eq(ready(), 2);
    ck_assert(!confirm_pending(&confirm));
}
END_TEST

START_TEST(transactions_without_events_share_one_mark)
{
    for (unsigned i = 1; i <= 5000; i++)
        mark(7, i);
    ck_assert_uint_eq(confirm.count, 1);
    confirm_passed(&confirm, 7);
    ck_assert_uint_eq(ready(), 5000);
}
END_TEST

/* Far more marks than are kept: what is ready may lag behind, but is never ahead. */
START_TEST(too_many_marks_make_it_coarser_and_never_wrong)
{
    for (unsigned i = 1; i <= 100000; i++)
        mark(i * 10, i);
    ck_assert_uint_le(confirm.count, CONFIRM_MARKS);
    unsigned last = 0;
    for (unsigned offset = 5; offset <= 1000000; offset += 997) {
        confirm_passed(&confirm, offset);
        ck_assert_uint_le((uint64_t)ready() * 10, offset);
        ck_assert_uint_ge(ready(), last);
        last = ready();
    }
    confirm_passed(&confirm, 1000000);
    ck_assert_uint_eq(ready(), 100000);
}
END_TEST

START_TEST(forgotten_marks_are_never_ready_and_later_ones_are)
{
    mark(100, 1);
    mark(200, 2);
    confirm_passed(&confirm, 100);
    confirm_forget(&confirm);
    ck_assert(!confirm_pending(&confirm));
    confirm_passed(&confirm, 250);
    ck_assert_uint_eq(ready(), 1);
    mark(300, 3);
    confirm_passed(&confirm, 300);
    ck_assert_uint_eq(ready(), 3);
}
END_TEST

START_TEST(a_reset_forgets_marks_and_keeps_where_to_begin)
{
    wf_error err;
    mark(10, 1);
    ck_assert_int_eq(confirm_reset(&confirm, STR("41"), &err), WF_OK);
    confirm_passed(&confirm, 100);
    ck_assert(!confirm.unconfirmed);
    ck_assert(str_is(buf_view(&confirm.latest), "41"));
    mark(110, 42);
    ck_assert(str_is(buf_view(&confirm.latest), "42"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("confirm");
    TCase *tc = tcase_create("confirm");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, nothing_is_ready_before_it_is_passed);
    tcase_add_test(tc, transactions_without_events_share_one_mark);
    tcase_add_test(tc, too_many_marks_make_it_coarser_and_never_wrong);
    tcase_add_test(tc, forgotten_marks_are_never_ready_and_later_ones_are);
    tcase_add_test(tc, a_reset_forgets_marks_and_keeps_where_to_begin);
    suite_add_tcase(suite, tc);
    return suite;
}
