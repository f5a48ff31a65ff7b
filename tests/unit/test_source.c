/* SPDX-License-Identifier: MIT
 *
 * test_source - a far side that fails at every call, pauses, another process that runs the
 * same source, and what a source says of itself.  How it stops is in test_source_stop.c.
 */
#include <check.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/source_lock.h"
#include "plugin/core/store_sql.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"
#include "tests/support/temp.h"

static wf_error err;

static struct cdc_status status_now(void)
{
    struct cdc_status now;
    source_status(rig_source, &now);
    return now;
}

/* ---- failures of the far side -------------------------------------------------------- */

START_TEST(a_start_that_cannot_connect_fails_and_leaves_it_stopped)
{
    static const wf_status codes[] = {WF_UNAVAILABLE, WF_CONFIG, WF_STATE, WF_PROTOCOL};
    script_fail(SCRIPT_OPEN, 1, codes[_i], "no way");
    ck_assert_int_eq(rig_try_start("", &err), codes[_i]);
    ck_assert_str_eq(err.text, "no way");
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 1);
    ck_assert_uint_eq(script_count(SCRIPT_CLOSE), 1);
    rig_sleep(30);
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 1);
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    rig_await(&rig_one, 3);
}
END_TEST

START_TEST(a_start_on_standby_waits_for_the_far_side_but_not_for_a_mistake)
{
    script_fail(SCRIPT_OPEN, 3, WF_UNAVAILABLE, "the slot is in use");
    rig_listen(&rig_one);
    rig_start("\"standby\":true");
    rig_await_phase(LIFECYCLE_STREAMING);
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 4);
    rig_add(1, 3);
    rig_await(&rig_one, 3);
    rig_stop();
    script_fail(SCRIPT_OPEN, 1, WF_CONFIG, "no way");
    ck_assert_int_eq(rig_try_start("\"standby\":true", &err), WF_CONFIG);
}
END_TEST

static const enum script_call streaming_calls[] = {SCRIPT_POLL, SCRIPT_CONFIRM,
                                                   SCRIPT_IDLE};

START_TEST(a_connection_that_is_lost_is_made_again_and_nothing_is_lost)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 5);
    rig_await(&rig_one, 5);
    script_await_confirmed(10);
    script_fail(SCRIPT_OPEN, 2, WF_UNAVAILABLE, "still away");
    script_fail(streaming_calls[_i], 1, WF_UNAVAILABLE, "the line is dead");
    if (streaming_calls[_i] == SCRIPT_IDLE)
        source_pause(rig_source, true, &err);
    else
        rig_add(6, 10);
    script_await(SCRIPT_OPEN, 4);
    source_pause(rig_source, false, &err);
    if (streaming_calls[_i] == SCRIPT_IDLE)
        rig_add(6, 10);
    rig_await_phase(LIFECYCLE_STREAMING);
    script_await_confirmed(20);
    for (uint64_t row = 0; row < 10; row++)
        ck_assert_uint_ge(rig_times(&rig_one, row * 2), 1);
    ck_assert_str_eq(status_now().error.text, "");
}
END_TEST

START_TEST(a_lag_that_finds_the_connection_dead_makes_it_again)
{
    rig_listen(&rig_one);
    rig_start("");
    script_fail(SCRIPT_LAG, 1, WF_UNAVAILABLE, "the line is dead");
    ck_assert_int_eq(status_now().lag.bytes, -1);
    script_await(SCRIPT_OPEN, 2);
    rig_await_phase(LIFECYCLE_STREAMING);
    script_fail(SCRIPT_LAG, 1, WF_PROTOCOL, "no lag here");
    ck_assert_int_eq(status_now().lag.bytes, -1);
    ck_assert_int_eq(status_now().phase, LIFECYCLE_STREAMING);
    ck_assert_int_eq(status_now().lag.bytes, 0);
}
END_TEST

START_TEST(while_it_reconnects_it_says_so_and_why)
{
    rig_listen(&rig_one);
    rig_source->backoff_ms = 60000;
    rig_start("");
    rig_break_stream(1, WF_UNAVAILABLE, "the line is dead");
    rig_await_phase(LIFECYCLE_RECONNECTING);
    ck_assert_str_eq(status_now().error.text, "the line is dead");
    ck_assert_str_eq(lifecycle_state_text(status_now().phase), "error");
    int64_t began = clock_mono_ms();
    rig_stop();
    ck_assert_msg(clock_mono_ms() - began < 5000, "a stop ends the pause");
}
END_TEST

/* A server that takes connections and drops them must not be tried twice a second for
 * ever. */
START_TEST(pauses_grow_also_when_only_the_opening_works)
{
    rig_listen(&rig_one);
    rig_source->backoff_ms = 20;
    rig_start("");
    rig_break_stream(100, WF_UNAVAILABLE, "the line is dead");
    rig_sleep(500);
    /* 20 + 40 + 80 + 160 + 320, halved at most by chance. */
    ck_assert_uint_le(script_count(SCRIPT_OPEN), 7);
    ck_assert_uint_ge(script_count(SCRIPT_OPEN), 3);
}
END_TEST

START_TEST(another_failure_is_final_and_says_why)
{
    static const wf_status codes[] = {WF_CONFIG, WF_STATE, WF_PROTOCOL};
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    rig_await(&rig_one, 3);
    rig_break_stream(1, codes[_i], "the slot is gone");
    rig_await_phase(LIFECYCLE_FAILED);
    ck_assert_str_eq(status_now().error.text, "the slot is gone");
    ck_assert_int_eq(status_now().error.code, codes[_i]);
    rig_stop();
    rig_start("");
    rig_add(4, 6);
    rig_await(&rig_one, 6);
    ck_assert_uint_eq(rig_times(&rig_one, 10), 1);
}
END_TEST

START_TEST(what_is_in_the_log_is_delivered_although_the_stream_is_broken)
{
    rig_listen(&rig_one);
    rig_hold(&rig_one, true);
    rig_start("");
    rig_add(1, 10);
    rig_await_running(&rig_one, 1);
    rig_sleep(30);
    rig_break_stream(1, WF_STATE, "the slot is gone");
    rig_await_phase(LIFECYCLE_FAILED);
    rig_hold(&rig_one, false);
    rig_await(&rig_one, 10);
    rig_stop();
    ck_assert_int_eq(rig_number("SELECT CAST(token AS INT) FROM position"), 20);
}
END_TEST

START_TEST(what_is_in_the_log_is_delivered_while_the_connection_is_lost)
{
    rig_source->backoff_ms = 60000;
    rig_listen(&rig_one);
    rig_hold(&rig_one, true);
    rig_start("");
    rig_add(1, 10);
    rig_await_running(&rig_one, 1);
    rig_sleep(30);
    rig_break_stream(1, WF_UNAVAILABLE, "the line is dead");
    rig_await_phase(LIFECYCLE_RECONNECTING);
    rig_hold(&rig_one, false);
    rig_await(&rig_one, 10);
    rig_stop();
    ck_assert_int_eq(rig_number("SELECT CAST(token AS INT) FROM position"), 20);
}
END_TEST

/* What keeps a source from going on does not vanish because the store works. */
START_TEST(why_it_failed_is_shown_while_the_rest_is_delivered)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_hold(&rig_one, true);
    rig_add(1, 20);
    rig_await_running(&rig_one, 1);
    rig_sleep(20);
    rig_break_stream(1, WF_STATE, "the slot is lost");
    rig_await_phase(LIFECYCLE_FAILED);
    rig_hold(&rig_one, false);
    rig_await(&rig_one, 20);
    while (rig_number("SELECT CAST(token AS INT) FROM position") < 40)
        rig_sleep(5);
    ck_assert_str_eq(status_now().error.text, "the slot is lost");
}
END_TEST

/* The far side may have forgotten what it was told, or have been put back. */
START_TEST(the_stored_position_is_told_again_after_each_open)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    script_await_confirmed(6);
    for (uint64_t round = 2; round <= 4; round++) {
        script_power_cut();
        rig_break_stream(1, WF_UNAVAILABLE, "the server went away");
        script_await(SCRIPT_OPEN, round);
        script_await_confirmed(6);
    }
    rig_stop();
    script_power_cut();
    rig_start("");
    script_await_confirmed(6);
}
END_TEST

/* ---- the disk ------------------------------------------------------------------------ */

static _Atomic int too_early;

static void expect_stored(uint64_t position)
{
    if (rig_number("SELECT CAST(token AS INT) FROM position") < (int64_t)position)
        atomic_fetch_add(&too_early, 1);
}

START_TEST(nothing_is_confirmed_that_is_not_on_disk)
{
    atomic_store(&too_early, 0);
    script_on_confirm(expect_stored);
    rig_listen(&rig_one);
    rig_start("");
    for (int64_t id = 1; id <= 50; id++) {
        rig_add(id, id);
        rig_sleep(id % 10 ? 0 : 60);
    }
    rig_await(&rig_one, 50);
    rig_stop();
    ck_assert_uint_eq(script_confirmed(), 100);
    ck_assert_int_eq(atomic_load(&too_early), 0);
}
END_TEST

START_TEST(while_the_disk_is_slow_the_stream_is_read_and_nothing_is_confirmed)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 1);
    script_await_confirmed(2);
    sqlite3 *other = rig_lock_store();
    rig_add(2, 100);
    rig_await(&rig_one, 100);
    rig_sleep(300); /* a position is being written by now */
    rig_add(101, 200);
    rig_await(&rig_one, 200);
    ck_assert_uint_eq(script_confirmed(), 2);
    rig_unlock_store(other);
    script_await_confirmed(400);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STREAMING);
    ck_assert_str_eq(status_now().error.text, "");
}
END_TEST

START_TEST(a_stop_waits_for_the_disk_and_the_last_position_is_told)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 1);
    script_await_confirmed(2);
    sqlite3 *other = rig_lock_store();
    rig_add(2, 10);
    rig_await(&rig_one, 10);
    rig_sleep(_i * 250); /* 1: while a position is being written */
    pthread_t thread;
    ck_assert_int_eq(thread_start(&thread, "unlock", rig_unlock_store_later, other, &err),
                     WF_OK);
    rig_stop();
    pthread_join(thread, NULL);
    ck_assert_uint_eq(script_confirmed(), 20);
    ck_assert_int_eq(rig_number("SELECT CAST(token AS INT) FROM position"), 20);
}
END_TEST

START_TEST(half_a_transaction_before_a_reconnect_comes_again_with_the_same_ids)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 1);
    script_insert("t.a", 2, 2);
    rig_await(&rig_one, 2);
    rig_break_stream(1, WF_UNAVAILABLE, "the line is dead");
    script_await(SCRIPT_OPEN, 2);
    script_insert("t.a", 3, 3);
    script_commit();
    script_await_confirmed(5);
    ck_assert_uint_eq(script_opened_at(), 2);
    rig_expect(&rig_one, (const uint64_t[]){0, 2, 2, 3}, 4);
    ck_assert_uint_eq(rig_one.events[1].hash, rig_one.events[2].hash);
}
END_TEST

START_TEST(a_first_start_keeps_the_place_it_began_at)
{
    rig_add(1, 5);
    rig_start("");
    rig_reboot();
    rig_add(6, 10);
    rig_listen(&rig_one);
    rig_start("");
    rig_await(&rig_one, 5);
    ck_assert_int_eq(rig_one.events[0].id, 6);
}
END_TEST

START_TEST(a_store_that_fails_for_a_while_stops_nothing_and_nothing_is_confirmed)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 1);
    script_await_confirmed(2);
    sqlite3_busy_timeout(rig_source->store->db, 5);
    sqlite3 *other;
    ck_assert_int_eq(sqlite3_open(temp_path(rig_dir, "state.db"), &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    rig_add(2, 5);
    rig_await(&rig_one, 5);
    while (!status_now().error.text[0])
        rig_sleep(5);
    rig_add(6, 10);
    rig_await(&rig_one, 10);
    ck_assert_uint_eq(script_confirmed(), 2);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STREAMING);
    sqlite3_close(other);
    script_await_confirmed(20);
    ck_assert_str_eq(status_now().error.text, "");
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 1);
}
END_TEST

/* ---- pause and standby --------------------------------------------------------- */

START_TEST(a_paused_source_reads_nothing_and_stays_connected)
{
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    rig_await(&rig_one, 3);
    ck_assert_int_eq(source_pause(rig_source, true, &err), WF_OK);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_PAUSED);
    script_await(SCRIPT_IDLE, 1);
    uint64_t polls = script_count(SCRIPT_POLL);
    rig_add(4, 6);
    rig_sleep(50);
    ck_assert_uint_eq(script_count(SCRIPT_POLL), polls);
    ck_assert_uint_eq(script_count(SCRIPT_CLOSE), 0);
    ck_assert_int_eq(source_pause(rig_source, false, &err), WF_OK);
    rig_await(&rig_one, 6);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STREAMING);
}
END_TEST

START_TEST(the_provider_is_told_of_a_pause_and_again_after_each_open)
{
    rig_listen(&rig_one);
    rig_start("");
    ck_assert_int_eq(source_pause(rig_source, true, &err), WF_OK);
    script_await(SCRIPT_PAUSE, 1);
    ck_assert(script_paused());
    script_fail(SCRIPT_IDLE, 1, WF_UNAVAILABLE, "the server went away");
    source_wake(rig_source);
    script_await(SCRIPT_OPEN, 2);
    script_await(SCRIPT_PAUSE, 2);
    ck_assert_int_eq(source_pause(rig_source, false, &err), WF_OK);
    script_await(SCRIPT_PAUSE, 3);
    rig_add(1, 3);
    rig_await(&rig_one, 3);
    ck_assert(!script_paused());
    ck_assert_uint_eq(script_count(SCRIPT_PAUSE), 3);
}
END_TEST

/* 0: a connection that is gone is made again, 1: another failure ends the source. */
START_TEST(a_pause_that_the_provider_cannot_take_reconnects_or_fails)
{
    rig_listen(&rig_one);
    rig_start("");
    script_fail(SCRIPT_PAUSE, 1, _i ? WF_CONFIG : WF_UNAVAILABLE, "no pause for you");
    source_pause(rig_source, true, &err);
    rig_await_phase(_i ? LIFECYCLE_FAILED : LIFECYCLE_PAUSED);
    if (!_i) {
        script_await(SCRIPT_PAUSE, 2);
        script_await(SCRIPT_IDLE, script_count(SCRIPT_IDLE) + 1);
    }
    ck_assert(script_paused() == !_i);
}
END_TEST

static struct snapshot_progress progress(void)
{
    struct cdc_status status;
    source_status(rig_source, &status);
    return status.snapshot;
}

START_TEST(a_snapshot_of_the_providers_own_is_shown_until_it_has_ended)
{
    rig_listen(&rig_one);
    rig_start("");
    script_report(true, 1, 1234);
    source_wake(rig_source);
    rig_await_phase(LIFECYCLE_SNAPSHOT);
    struct snapshot_progress shown = progress();
    ck_assert(shown.running);
    ck_assert_str_eq(shown.table, "t.own");
    ck_assert_uint_eq(shown.tables_done, 1);
    ck_assert_uint_eq(shown.tables, 2);
    ck_assert_uint_eq(shown.rows, 1234);
    ck_assert_int_eq(shown.estimated_rows, -1);
    rig_add(1, 1);
    rig_await(&rig_one, 1);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_SNAPSHOT);
    script_report(false, 2, 2000);
    source_wake(rig_source);
    rig_await_phase(LIFECYCLE_STREAMING);
    shown = progress();
    ck_assert(!shown.running);
    ck_assert_uint_eq(shown.rows, 2000);
}
END_TEST

/* The new connection knows nothing of it before the provider says so. */
START_TEST(a_reconnect_forgets_the_providers_snapshot_until_it_is_reported_again)
{
    rig_listen(&rig_one);
    rig_start("");
    script_report(true, 0, 10);
    source_wake(rig_source);
    rig_await_phase(LIFECYCLE_SNAPSHOT);
    rig_break_stream(1, WF_UNAVAILABLE, "the server went away");
    script_await(SCRIPT_OPEN, 2);
    rig_await_phase(LIFECYCLE_STREAMING);
    ck_assert(!progress().running);
    script_report(true, 1, 20);
    source_wake(rig_source);
    rig_await_phase(LIFECYCLE_SNAPSHOT);
    rig_stop();
    ck_assert(!progress().running);
}
END_TEST

START_TEST(a_source_another_process_runs_is_refused_or_waited_for)
{
    int fd = -1;
    ck_assert_int_eq(source_lock_take(rig_dir, STR("s"), &fd, &err), WF_OK);
    ck_assert_int_eq(rig_try_start("", &err), WF_STATE);
    rig_start("\"standby\":true");
    ck_assert_int_eq(rig_phase(), LIFECYCLE_CONNECTING);
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 0);
    if (_i) {
        rig_stop();
        ck_assert_int_eq(rig_phase(), LIFECYCLE_STOPPED);
        source_lock_release(&fd);
        return;
    }
    source_lock_release(&fd);
    rig_listen(&rig_one);
    rig_await_phase(LIFECYCLE_STREAMING);
}
END_TEST

/* ---- what it says -------------------------------------------------------------------- */

START_TEST(the_status_tells_lag_position_and_subscriptions)
{
    rig_hold(&rig_one, true);
    rig_listen(&rig_one);
    rig_start("");
    rig_add(1, 3);
    rig_await_running(&rig_one, 1);
    rig_sleep(30);
    struct cdc_status now = status_now();
    ck_assert_int_eq(now.phase, LIFECYCLE_STREAMING);
    ck_assert_str_eq(now.provider, "script");
    ck_assert_int_eq(now.lag.bytes, 6);
    ck_assert_uint_eq(now.events_total, 3);
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    source_subscriptions_json(rig_source, &text);
    ck_assert_str_eq(buf_c(&text),
                     "[{\"name\":\"one\",\"filter\":\"*\",\"delivered\":0,\"retried\":0,"
                     "\"dead_lettered\":0,\"behind\":3}]");
    rig_hold(&rig_one, false);
    script_await_confirmed(6);
    rig_stop();
    buf_clear(&text);
    source_position(rig_source, &text);
    ck_assert_str_eq(buf_c(&text), "6");
    ck_assert_int_eq(status_now().lag.bytes, -1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source");
    TCase *tc = tcase_create("far side");
    tcase_add_checked_fixture(tc, rig_setup_one, rig_teardown_one);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, a_start_that_cannot_connect_fails_and_leaves_it_stopped, 0, 4);
    tcase_add_loop_test(tc, a_connection_that_is_lost_is_made_again_and_nothing_is_lost, 0,
                        3);
    tcase_add_test(tc, a_lag_that_finds_the_connection_dead_makes_it_again);
    tcase_add_test(tc, while_it_reconnects_it_says_so_and_why);
    tcase_add_test(tc, pauses_grow_also_when_only_the_opening_works);
    tcase_add_loop_test(tc, another_failure_is_final_and_says_why, 0, 3);
    tcase_add_test(tc, what_is_in_the_log_is_delivered_although_the_stream_is_broken);
    tcase_add_test(tc, what_is_in_the_log_is_delivered_while_the_connection_is_lost);
    tcase_add_test(tc, why_it_failed_is_shown_while_the_rest_is_delivered);
    tcase_add_test(tc, the_stored_position_is_told_again_after_each_open);
    tcase_add_test(tc, nothing_is_confirmed_that_is_not_on_disk);
    tcase_add_test(tc, while_the_disk_is_slow_the_stream_is_read_and_nothing_is_confirmed);
    tcase_add_loop_test(tc, a_stop_waits_for_the_disk_and_the_last_position_is_told, 0, 2);
    tcase_add_test(tc, half_a_transaction_before_a_reconnect_comes_again_with_the_same_ids);
    tcase_add_test(tc, a_first_start_keeps_the_place_it_began_at);
    tcase_add_test(tc,
                   a_store_that_fails_for_a_while_stops_nothing_and_nothing_is_confirmed);
    suite_add_tcase(suite, tc);
    tc = tcase_create("pause, standby, status");
    tcase_add_checked_fixture(tc, rig_setup_one, rig_teardown_one);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_paused_source_reads_nothing_and_stays_connected);
    tcase_add_test(tc, the_provider_is_told_of_a_pause_and_again_after_each_open);
    tcase_add_loop_test(tc, a_pause_that_the_provider_cannot_take_reconnects_or_fails, 0,
                        2);
    tcase_add_test(tc, a_snapshot_of_the_providers_own_is_shown_until_it_has_ended);
    tcase_add_test(tc,
                   a_reconnect_forgets_the_providers_snapshot_until_it_is_reported_again);
    tcase_add_test(tc, a_start_on_standby_waits_for_the_far_side_but_not_for_a_mistake);
    tcase_add_loop_test(tc, a_source_another_process_runs_is_refused_or_waited_for, 0, 2);
    tcase_add_test(tc, the_status_tells_lag_position_and_subscriptions);
    suite_add_tcase(suite, tc);
    return suite;
}
