/* SPDX-License-Identifier: MIT
 *
 * test_subscription - failing callbacks: tried again, put away, or held on to; and stops
 * from every side.
 */
#include <check.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

static struct rig_listener one, two;

static void setup(void)
{
    rig_setup();
    rig_listener_init(&one, "one");
    rig_listener_init(&two, "two");
}

static void teardown(void)
{
    rig_listener_release(&one);
    rig_listener_release(&two);
    rig_teardown();
}

static void await_letters(uint64_t count)
{
    int64_t deadline = clock_mono_ms() + 10000;
    while (atomic_load(&one.sub.dead_lettered) < count && clock_mono_ms() < deadline)
        rig_sleep(1);
    ck_assert_uint_eq(atomic_load(&one.sub.dead_lettered), count);
}

/* ---- failures ------------------------------------------------------------------------ */

START_TEST(a_callback_that_fails_is_called_again_and_in_order)
{
    one.fail_first = 3;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 5; id++)
        script_add("t.a", id, id);
    rig_await(&one, 5);
    rig_expect(&one, (const uint64_t[]){0, 2, 4, 6, 8}, 5);
    ck_assert_uint_eq(one.calls, 8);
    ck_assert_uint_eq(atomic_load(&one.sub.retried), 3);
    script_await_confirmed(10);
    ck_assert_uint_eq(atomic_load(&one.sub.delivered), 5);
    ck_assert_str_eq(one.sub.error, "");
}
END_TEST

START_TEST(pauses_between_attempts_grow_up_to_their_most)
{
    one.fail_first = 4;
    one.sub.policy.initial_backoff_ms = 20;
    one.sub.policy.max_backoff_ms = 40;
    rig_listen(&one);
    rig_start("");
    int64_t began = clock_mono_ms();
    script_add("t.a", 1, 1);
    rig_await(&one, 1);
    ck_assert_int_ge(clock_mono_ms() - began, 20 + 40 + 40 + 40);
    ck_assert_int_lt(clock_mono_ms() - began, 20 + 40 + 80 + 160);
}
END_TEST

START_TEST(after_the_last_attempt_the_event_is_a_dead_letter_and_the_stream_goes_on)
{
    one.bad_id = 2;
    one.sub.policy.max_attempts = 3;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 3; id++)
        script_add("t.a", id, id);
    rig_await(&one, 2);
    rig_expect(&one, (const uint64_t[]){0, 4}, 2);
    script_await_confirmed(6);
    ck_assert_uint_eq(one.calls, 5);
    ck_assert_uint_eq(atomic_load(&one.sub.dead_lettered), 1);
    ck_assert_int_eq(
        rig_number("SELECT count(*) FROM dead_letter WHERE source_id = 's' AND"
                   " subscription = 'one' AND event_id = 's:2' AND attempts = 3 AND"
                   " table_name = 't.a' AND op = 'INSERT' AND reason = 'failed' AND"
                   " error = 'the workflow said no' AND state = 'dead' AND"
                   " json_extract(event, '$.after.v') = 2"),
        1);
}
END_TEST

/* A host that can never take the event has said so once. */
START_TEST(an_event_that_the_host_cannot_take_is_put_away_at_once)
{
    one.answer = WF_UNSUPPORTED;
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    script_add("t.a", 2, 2);
    await_letters(2);
    ck_assert_uint_eq(one.calls, 2);
    ck_assert_uint_eq(atomic_load(&one.sub.retried), 0);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter WHERE attempts = 1 AND"
                                " error = 'the workflow said no'"),
                     2);
}
END_TEST

START_TEST(one_attempt_means_one_call)
{
    one.bad_id = 1;
    one.sub.policy.max_attempts = 1;
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    await_letters(1);
    ck_assert_uint_eq(one.calls, 1);
    ck_assert_uint_eq(atomic_load(&one.sub.retried), 0);
}
END_TEST

START_TEST(with_on_failure_block_an_event_is_tried_for_ever)
{
    one.bad_id = 1;
    one.sub.policy.block = true;
    one.sub.policy.max_attempts = 2;
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    script_add("t.a", 2, 2);
    rig_await_calls(&one, 20);
    ck_assert_uint_eq(script_confirmed(), 0);
    rig_refuse(&one, INT64_MIN);
    rig_await(&one, 2);
    rig_expect(&one, (const uint64_t[]){0, 2}, 2);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter"), 0);
}
END_TEST

/* A host that is stopping is no failure. */
START_TEST(a_cancelled_event_is_given_again_and_counts_as_no_attempt)
{
    rig_answer(&one, WF_CANCELLED);
    one.sub.policy.max_attempts = 1;
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    rig_await_calls(&one, 2);
    rig_answer(&one, WF_OK);
    rig_await(&one, 1);
    ck_assert_uint_eq(atomic_load(&one.sub.retried), 0);
    ck_assert_uint_eq(atomic_load(&one.sub.dead_lettered), 0);
}
END_TEST

START_TEST(the_dead_letter_store_may_fail_for_a_while_and_nothing_is_lost)
{
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    rig_await(&one, 1);
    script_await_confirmed(2);
    rig_execute("ALTER TABLE dead_letter RENAME TO away");
    rig_refuse(&one, 2);
    script_add("t.a", 2, 2);
    script_add("t.a", 3, 3);
    rig_await_calls(&one, 6);
    rig_sleep(100);
    ck_assert_uint_eq(rig_times(&one, 4), 0);
    ck_assert_uint_eq(script_confirmed(), 2);
    rig_execute("ALTER TABLE away RENAME TO dead_letter");
    rig_await(&one, 2);
    script_await_confirmed(6);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter WHERE event_id = 's:2'"),
                     1);
}
END_TEST

START_TEST(a_change_that_cannot_be_understood_goes_to_the_dead_letters)
{
    rig_listen(&one);
    rig_only(&two, "t.b", 0);
    rig_listen(&two);
    rig_start("");
    script_add("t.a", 1, 1);
    script_poison("t.a");
    script_commit();
    script_add("t.a", 2, 2);
    rig_await(&one, 2);
    script_await_confirmed(6);
    rig_expect(&one, (const uint64_t[]){0, 4}, 2);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter"), 1);
    ck_assert_int_eq(
        rig_number("SELECT count(*) FROM dead_letter WHERE subscription = 'one' AND"
                   " table_name = 't.a' AND reason = 'undecodable' AND attempts = 0 AND"
                   " error = 'not to be understood' AND event = x'0102206279746573'"),
        1);
}
END_TEST

START_TEST(what_says_neither_table_nor_operation_is_a_dead_letter_of_everyone)
{
    rig_listen(&one);
    rig_only(&two, "t.b", 1u << CDC_DELETE);
    rig_listen(&two);
    rig_start("");
    script_poison(NULL);
    script_commit();
    script_add("t.a", 1, 1);
    rig_await(&one, 1);
    script_await_confirmed(4);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter WHERE"
                                " reason = 'undecodable' AND event = x'0102206279746573'"),
                     2);
}
END_TEST

START_TEST(an_event_above_max_event_bytes_goes_to_the_dead_letters)
{
    rig_listen(&one);
    rig_start("\"max_event_bytes\":1024");
    script_add("t.a", 1, 1);
    script_pad(2000);
    script_add("t.a", 2, 2);
    script_pad(100000);
    script_add("t.a", 3, 3);
    script_pad(0);
    script_add("t.a", 4, 4);
    rig_await(&one, 2);
    script_await_confirmed(8);
    rig_expect(&one, (const uint64_t[]){0, 6}, 2);
    ck_assert_int_eq(
        rig_number("SELECT count(*) FROM dead_letter WHERE reason = 'oversize' AND"
                   " error = 'the event is larger than max_event_bytes (1024)' AND"
                   " table_name = 't.a' AND op = 'INSERT' AND"
                   " event_id = 's:' || (2 * json_extract(event, '$.key.id') - 2) AND"
                   " json_extract(event, '$.oversize') AND length(event) < 400"),
        2);
}
END_TEST

/* ---- stopping ------------------------------------------------------------------------ */

START_TEST(a_stop_waits_for_the_callback_and_none_follows)
{
    one.sleep_us = 20000;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 20; id++)
        script_add("t.a", id, id);
    rig_await_calls(&one, 1);
    rig_leave(&one);
    ck_assert_uint_eq(one.running, 0);
    uint64_t calls = one.calls;
    rig_sleep(50);
    ck_assert_uint_eq(one.calls, calls);
    one.sleep_us = 0;
    rig_listen(&one);
    rig_await(&one, 20);
    ck_assert_uint_eq(rig_times(&one, 38), 1);
}
END_TEST

static void stop_oneself(struct rig_listener *l, const struct rig_event *event)
{
    if (event->id == 2)
        ck_assert_msg(!subscription_stop(&l->sub), "it cannot have ended");
}

START_TEST(a_stop_from_inside_takes_effect_when_the_callback_returns)
{
    one.hook = stop_oneself;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 4; id++)
        script_add("t.a", id, id);
    rig_await(&one, 2);
    rig_leave(&one);
    rig_expect(&one, (const uint64_t[]){0, 2}, 2);
    one.hook = NULL;
    rig_listen(&one);
    rig_await(&one, 4);
    rig_expect(&one, (const uint64_t[]){0, 2, 4, 6}, 4);
}
END_TEST

START_TEST(a_stop_ends_a_long_pause_between_attempts)
{
    one.bad_id = 1;
    one.sub.policy.initial_backoff_ms = one.sub.policy.max_backoff_ms = 60000;
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    rig_await_calls(&one, 1);
    int64_t began = clock_mono_ms();
    rig_leave(&one);
    ck_assert_int_lt(clock_mono_ms() - began, 5000);
    one.bad_id = INT64_MIN;
    rig_listen(&one);
    rig_await(&one, 1);
}
END_TEST

START_TEST(a_stop_while_a_letter_cannot_be_stored_keeps_the_event)
{
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    script_await_confirmed(2);
    rig_execute("ALTER TABLE dead_letter RENAME TO away");
    script_poison("t.a");
    script_commit();
    rig_sleep(50);
    rig_leave(&one);
    rig_stop();
    rig_execute("ALTER TABLE away RENAME TO dead_letter");
    rig_listen(&one);
    rig_start("");
    script_await_confirmed(4);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter"), 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("subscription");
    TCase *tc = tcase_create("failures");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_callback_that_fails_is_called_again_and_in_order);
    tcase_add_test(tc, pauses_between_attempts_grow_up_to_their_most);
    tcase_add_test(
        tc, after_the_last_attempt_the_event_is_a_dead_letter_and_the_stream_goes_on);
    tcase_add_test(tc, an_event_that_the_host_cannot_take_is_put_away_at_once);
    tcase_add_test(tc, one_attempt_means_one_call);
    tcase_add_test(tc, with_on_failure_block_an_event_is_tried_for_ever);
    tcase_add_test(tc, a_cancelled_event_is_given_again_and_counts_as_no_attempt);
    tcase_add_test(tc, the_dead_letter_store_may_fail_for_a_while_and_nothing_is_lost);
    tcase_add_test(tc, a_change_that_cannot_be_understood_goes_to_the_dead_letters);
    tcase_add_test(tc, what_says_neither_table_nor_operation_is_a_dead_letter_of_everyone);
    tcase_add_test(tc, an_event_above_max_event_bytes_goes_to_the_dead_letters);
    suite_add_tcase(suite, tc);
    tc = tcase_create("stopping");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_stop_waits_for_the_callback_and_none_follows);
    tcase_add_test(tc, a_stop_from_inside_takes_effect_when_the_callback_returns);
    tcase_add_test(tc, a_stop_ends_a_long_pause_between_attempts);
    tcase_add_test(tc, a_stop_while_a_letter_cannot_be_stored_keeps_the_event);
    suite_add_tcase(suite, tc);
    return suite;
}
