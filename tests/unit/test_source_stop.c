/* SPDX-License-Identifier: MIT
 *
 * test_source_stop - stops and starts from every side and at every moment, and removing
 * what was installed.
 */
#include <check.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/source_lock.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

static wf_error err;

/* ---- stopping ------------------------------------------------------------------------ */

static wf_status stop_status;
static bool stop_waited;

static void stop_the_source(struct rig_listener *l, const struct rig_event *event)
{
    (void)l;
    if (event->id == 3)
        stop_status = source_stop(rig_source, false, &stop_waited, NULL);
}

START_TEST(a_stop_from_inside_a_callback_takes_effect_when_it_has_returned)
{
    rig_one.sub.policy.workers = _i ? 3 : 1;
    rig_one.hook = stop_the_source;
    stop_waited = true;
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 6);
    rig_await_phase(LIFECYCLE_STOPPED);
    ck_assert_int_eq(stop_status, WF_OK);
    ck_assert(!stop_waited);
    ck_assert_uint_eq(rig_times(&rig_one, 4), 1);
    ck_assert_uint_eq(rig_one.running, 0);
    if (!_i)
        ck_assert_uint_eq(rig_one.count, 3);
    rig_one.hook = NULL;
    rig_start("");
    script_await_confirmed(12);
    for (uint64_t row = 0; row < 6; row++)
        ck_assert_uint_ge(rig_times(&rig_one, row * 2), 1);
}
END_TEST

static void restart_the_source(struct rig_listener *l, const struct rig_event *event)
{
    (void)l;
    if (event->id != 3)
        return;
    ck_assert_int_eq(source_stop(rig_source, false, NULL, NULL), WF_OK);
    wf_error why = {.code = WF_OK};
    ck_assert_msg(!source_start(rig_source, NULL, &why), "%s", why.text);
}

START_TEST(a_callback_may_stop_its_source_and_start_it_again)
{
    rig_one.hook = restart_the_source;
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 6);
    script_await_confirmed(12);
    rig_expect(&rig_one, (const uint64_t[]){0, 2, 4, 6, 8, 10}, 6);
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 2);
}
END_TEST

static void *stopper(void *arg)
{
    (void)arg;
    stop_status = source_stop(rig_source, false, &stop_waited, NULL);
    return NULL;
}

/* As a pipeline whose http_call ends in a step that stops the source. */
static void let_another_stop_it(struct rig_listener *l, const struct rig_event *event)
{
    (void)l;
    pthread_t thread;
    if (event->id != 3)
        return;
    ck_assert_int_eq(pthread_create(&thread, NULL, stopper, NULL), 0);
    pthread_join(thread, NULL);
}

START_TEST(a_callback_may_wait_for_another_thread_that_stops_its_source)
{
    rig_one.hook = let_another_stop_it;
    stop_waited = true;
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 6);
    rig_await_phase(LIFECYCLE_STOPPED);
    ck_assert_int_eq(stop_status, WF_OK);
    ck_assert(!stop_waited);
    ck_assert_uint_eq(rig_one.count, 3);
    ck_assert_int_eq(rig_number("SELECT CAST(token AS INT) FROM position"), 6);
}
END_TEST

START_TEST(a_stop_while_it_connects_ends_the_connecting)
{
    script_block(SCRIPT_OPEN);
    pthread_t thread;
    struct cdc_settings *settings = rig_settings("");
    uint64_t run;
    ck_assert_int_eq(source_ask_start(rig_source, settings, &run, &err), WF_OK);
    script_await(SCRIPT_OPEN, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, stopper, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert(stop_waited);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STOPPED);
    ck_assert_int_eq(source_await_start(rig_source, run, &err), WF_OK);
}
END_TEST

START_TEST(a_source_with_busy_callbacks_is_freed_when_they_have_returned)
{
    rig_one.sleep_us = 100000;
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    rig_await_running(&rig_one, 1);
    ck_assert_int_eq(source_stop(rig_source, false, &stop_waited, NULL), WF_OK);
    rig_leave(&rig_one);
    ck_assert_uint_eq(rig_one.running, 0);
}
END_TEST

static void *one_of_many(void *arg)
{
    (void)arg;
    ck_assert_int_eq(source_stop(rig_source, false, NULL, NULL), WF_OK);
    return NULL;
}

START_TEST(stops_and_starts_from_many_sides_end_in_a_running_source)
{
    rig_listen(&rig_one);
    for (int round = 0; round < 30; round++) {
        pthread_t threads[3];
        rig_try_start("", &err);
        rig_add(round * 3 + 1, round * 3 + 3);
        for (size_t i = 0; i < CDC_COUNT(threads); i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, one_of_many, NULL), 0);
        rig_try_start("", &err);
        for (size_t i = 0; i < CDC_COUNT(threads); i++)
            pthread_join(threads[i], NULL);
    }
    rig_stop();
    rig_start("");
    script_await_confirmed(180);
    for (uint64_t row = 0; row < 90; row++)
        ck_assert_uint_ge(rig_times(&rig_one, row * 2), 1);
}
END_TEST

START_TEST(a_second_start_is_refused_while_it_runs)
{
    rig_start("");
    ck_assert_int_eq(rig_try_start("", &err), WF_STATE);
    ck_assert_str_eq(err.text, "CDC source \"s\" already registered");
    rig_stop();
    rig_stop();
    ck_assert_int_eq(source_pause(rig_source, true, &err), WF_STATE);
    ck_assert_int_eq(source_snapshot(rig_source, NULL, 0, &err), WF_STATE);
    struct cdc_store *store;
    ck_assert_int_eq(source_store(rig_source, &store, &err), WF_OK);
}
END_TEST

/* It may be stopped for long, and there may be many of them. */
START_TEST(a_source_that_is_stopped_holds_no_log)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    rig_await(&rig_one, 3);
    rig_stop();
    ck_assert_ptr_null(rig_source->flow.ring.memory);
    struct cdc_status now;
    source_status(rig_source, &now);
    CDC_CLEANUP(buf_release) struct buf subscriptions;
    buf_init(&subscriptions, LIMIT_TEXT_BYTES);
    source_subscriptions_json(rig_source, &subscriptions);
    ck_assert_ptr_nonnull(strstr(buf_c(&subscriptions), "\"behind\":0"));
    rig_leave(&rig_one);
    rig_listen(&rig_one);
    rig_start("");
    rig_add(4, 5);
    rig_await(&rig_one, 5);
}
END_TEST

START_TEST(a_source_that_never_ran_has_no_store)
{
    struct cdc_store *store;
    ck_assert_int_eq(source_store(rig_source, &store, &err), WF_STATE);
    ck_assert_int_eq(source_start(rig_source, NULL, &err), WF_STATE);
    ck_assert_str_eq(err.text, "CDC source \"s\" was never configured");
}
END_TEST

/* ---- cleanup ---- */

static void expect_removed(const char *text)
{
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    source_removed(rig_source, &removed);
    ck_assert_str_eq(buf_c(&removed), text);
}

START_TEST(a_stop_with_cleanup_removes_all_and_a_second_finds_nothing)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    script_await_confirmed(6);
    if (_i)
        rig_stop(); /* it need not run for that */
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_OK);
    expect_removed("the script's slot\n");
    ck_assert_int_eq(rig_number("SELECT count(*) FROM position"), 0);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM subscription"), 0);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STOPPED);
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_OK);
    expect_removed("");
    ck_assert_uint_eq(script_count(SCRIPT_CLEANUP), 1);
    rig_start("");
    rig_add(4, 6);
    rig_await(&rig_one, 6);
}
END_TEST

/* What stays there, and who is asked for it: a stop, and no cleanup. */
START_TEST(a_stop_without_cleanup_leaves_what_the_provider_says)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_stop();
    ck_assert_uint_eq(script_count(SCRIPT_LEAVE), 1);
    ck_assert_uint_eq(script_count(SCRIPT_CLOSE), 1);
    expect_removed("the script's slot stays\n");
    ck_assert(rig_logged("the script's slot stays"));
    rig_start("");
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_OK);
    ck_assert_uint_eq(script_count(SCRIPT_LEAVE), 1);
    script_fail(SCRIPT_LEAVE, 1, WF_FAILED, "the far side does not answer");
    rig_start("");
    rig_stop();
    ck_assert_uint_eq(script_count(SCRIPT_LEAVE), 2);
    expect_removed("");
    ck_assert(rig_logged("the far side does not answer"));
}
END_TEST

START_TEST(a_cleanup_that_fails_says_so_and_can_be_repeated)
{
    rig_start("");
    script_fail(_i ? SCRIPT_CLEANUP : SCRIPT_OPEN, 1, WF_UNAVAILABLE, "not now");
    if (!_i)
        rig_stop();
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_UNAVAILABLE);
    ck_assert_str_eq(err.text, "not now");
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_OK);
    expect_removed("the script's slot\n");
}
END_TEST

static void clean_up(struct rig_listener *l, const struct rig_event *event)
{
    (void)l;
    if (event->id == 2)
        stop_status = source_stop(rig_source, true, &stop_waited, NULL);
}

START_TEST(a_cleanup_from_inside_a_callback_is_done_when_it_has_returned)
{
    rig_one.hook = clean_up;
    stop_waited = true;
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    script_await(SCRIPT_CLEANUP, 1);
    rig_stop();
    ck_assert(!stop_waited);
    ck_assert_uint_eq(rig_one.count, 2);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM position"), 0);
}
END_TEST

/* What is at the far side, and in the state, is the other process's. */
START_TEST(who_stands_by_cleans_nothing_up)
{
    int fd = -1;
    ck_assert_int_eq(source_lock_take(rig_dir, STR("s"), &fd, &err), WF_OK);
    rig_start("\"standby\":true");
    if (_i)
        rig_stop();
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_STATE);
    ck_assert_ptr_nonnull(strstr(err.text, "already running"));
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 0);
    ck_assert_uint_eq(script_count(SCRIPT_CLEANUP), 0);
    source_lock_release(&fd);
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_OK);
    ck_assert_uint_eq(script_count(SCRIPT_CLEANUP), 1);
}
END_TEST

START_TEST(a_broken_source_can_be_cleaned_up)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_break_stream(1, WF_STATE, "the slot is gone");
    rig_await_phase(LIFECYCLE_FAILED);
    ck_assert_int_eq(source_stop(rig_source, true, NULL, &err), WF_OK);
    expect_removed("the script's slot\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_stop");
    TCase *tc = tcase_create("stopping");
    tcase_add_checked_fixture(tc, rig_setup_one, rig_teardown_one);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, a_stop_from_inside_a_callback_takes_effect_when_it_has_returned,
                        0, 2);
    tcase_add_test(tc, a_callback_may_stop_its_source_and_start_it_again);
    tcase_add_test(tc, a_callback_may_wait_for_another_thread_that_stops_its_source);
    tcase_add_test(tc, a_stop_while_it_connects_ends_the_connecting);
    tcase_add_test(tc, a_source_with_busy_callbacks_is_freed_when_they_have_returned);
    tcase_add_test(tc, stops_and_starts_from_many_sides_end_in_a_running_source);
    tcase_add_test(tc, a_second_start_is_refused_while_it_runs);
    tcase_add_test(tc, a_source_that_is_stopped_holds_no_log);
    tcase_add_test(tc, a_source_that_never_ran_has_no_store);
    suite_add_tcase(suite, tc);
    tc = tcase_create("cleanup");
    tcase_add_checked_fixture(tc, rig_setup_one, rig_teardown_one);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, a_stop_with_cleanup_removes_all_and_a_second_finds_nothing, 0,
                        2);
    tcase_add_test(tc, a_stop_without_cleanup_leaves_what_the_provider_says);
    tcase_add_loop_test(tc, a_cleanup_that_fails_says_so_and_can_be_repeated, 0, 2);
    tcase_add_test(tc, a_cleanup_from_inside_a_callback_is_done_when_it_has_returned);
    tcase_add_loop_test(tc, who_stands_by_cleans_nothing_up, 0, 2);
    tcase_add_test(tc, a_broken_source_can_be_cleaned_up);
    suite_add_tcase(suite, tc);
    return suite;
}
