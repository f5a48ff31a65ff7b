/* SPDX-License-Identifier: MIT
 *
 * test_flow - every event once per subscription and in order, nothing confirmed that
 * somebody has not had, nothing lost when triggers or the process come and go, and memory
 * that does not grow.
 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

#define ROWS 200

static struct rig_listener one, two, three;

static void setup(void)
{
    rig_setup();
    rig_listener_init(&one, "one");
    rig_listener_init(&two, "two");
    rig_listener_init(&three, "three");
}

static void teardown(void)
{
    rig_listener_release(&one);
    rig_listener_release(&two);
    rig_listener_release(&three);
    rig_teardown();
}

/* Rows first .. last of one table, a transaction each. */
static void add(const char *table, int64_t first, int64_t last)
{
    for (int64_t id = first; id <= last; id++)
        script_add(table, id, id);
}

static void expect_rows_in_order(struct rig_listener *l, int64_t first, int64_t last)
{
    pthread_mutex_lock(&l->lock);
    ck_assert_uint_eq(l->count, (size_t)(last - first + 1));
    for (size_t i = 0; i < l->count; i++)
        ck_assert_int_eq(l->events[i].id, first + (int64_t)i);
    pthread_mutex_unlock(&l->lock);
}

START_TEST(every_subscription_gets_every_event_once_and_in_order)
{
    rig_listen(&one);
    rig_listen(&two);
    rig_listen(&three);
    rig_start("");
    add("t.a", 1, ROWS);
    rig_await(&one, ROWS);
    rig_await(&two, ROWS);
    rig_await(&three, ROWS);
    script_await_confirmed(script_length());
    expect_rows_in_order(&one, 1, ROWS);
    expect_rows_in_order(&two, 1, ROWS);
    expect_rows_in_order(&three, 1, ROWS);
}
END_TEST

START_TEST(filters_choose_by_table_and_operation)
{
    rig_only(&one, "t.a", 0);
    rig_only(&two, NULL, 1u << CDC_DELETE);
    rig_only(&three, "b", 1u << CDC_INSERT | 1u << CDC_UPDATE);
    rig_listen(&one);
    rig_listen(&two);
    rig_listen(&three);
    rig_start("");
    script_insert("t.a", 1, 1); /* 0 */
    script_insert("t.b", 2, 2); /* 1 */
    script_update("t.b", 2, 3); /* 2 */
    script_delete("t.a", 1);    /* 3 */
    script_delete("t.b", 2);    /* 4 */
    script_truncate("t.b");     /* 5 */
    script_commit();
    script_await_confirmed(7);
    rig_expect(&one, (const uint64_t[]){0, 3}, 2);
    rig_expect(&two, (const uint64_t[]){3, 4}, 2);
    rig_expect(&three, (const uint64_t[]){1, 2}, 2);
}
END_TEST

START_TEST(a_transaction_nobody_wants_moves_the_confirmed_position)
{
    rig_only(&one, "t.other", 0);
    rig_listen(&one);
    rig_start("");
    add("t.a", 1, 3);
    script_await_confirmed(6);
    rig_expect(&one, NULL, 0);
    ck_assert_int_eq(rig_number("SELECT CAST(token AS INT) FROM position"), 6);
}
END_TEST

START_TEST(an_unfinished_transaction_is_delivered_but_not_confirmed)
{
    rig_listen(&one);
    rig_start("");
    script_add("t.a", 1, 1);
    script_insert("t.a", 2, 2);
    rig_await(&one, 2);
    rig_sleep(100);
    ck_assert_uint_eq(script_confirmed(), 2);
    script_commit();
    script_await_confirmed(4);
}
END_TEST

START_TEST(the_slowest_subscription_holds_the_confirmed_position)
{
    rig_listen(&one);
    rig_listen(&two);
    rig_hold(&two, true);
    rig_start("");
    add("t.a", 1, 10);
    rig_await(&one, 10);
    rig_await_running(&two, 1);
    rig_sleep(300);
    ck_assert_uint_eq(script_confirmed(), 0);
    rig_hold(&two, false);
    script_await_confirmed(20);
    expect_rows_in_order(&two, 1, 10);
}
END_TEST

/* ---- the property -------------------------------------------------------------------- */

static struct rig_listener *const all[] = {&one, &two, &three};
static unsigned seed;

static bool wants(size_t listener, uint64_t entry)
{
    return listener != 1 || entry % 4 == 0; /* two gets t.a only */
}

/* [source] Whatever is confirmed was answered OK by everyone who wants it, or is a dead
 * letter. */
static void check_confirm(uint64_t position)
{
    for (size_t i = 0; i < CDC_COUNT(all); i++)
        for (uint64_t entry = 0; entry < position; entry += 2)
            if (wants(i, entry) && (int64_t)(entry / 2) % 50 != 49)
                ck_assert_msg(rig_times(all[i], entry) > 0,
                              "%zu is confirmed up to %llu without %llu", i,
                              (unsigned long long)position, (unsigned long long)entry);
}

/* In the callback: now and then it takes its time, fails, or asks to be asked again. */
static void be_difficult(struct rig_listener *l, const struct rig_event *event)
{
    static _Atomic unsigned turns;
    unsigned turn = atomic_fetch_add(&turns, 1) * 2654435761u + seed;
    rig_answer(l, turn % 13 == 5 || event->id % 50 == 49 ? WF_FAILED : WF_OK);
    if (turn % 29 == 7)
        rig_sleep(1);
}

static void difficult_listeners(void)
{
    for (size_t i = 0; i < CDC_COUNT(all); i++) {
        rig_listener_release(all[i]);
        rig_listener_init(all[i], i == 0 ? "one" : i == 1 ? "two" : "three");
        all[i]->hook = be_difficult;
        all[i]->sub.policy.workers = i == 2 ? 3 : 1;
        all[i]->sub.policy.max_attempts = 8;
        rig_listen(all[i]);
    }
    rig_only(&two, "t.a", 0);
}

static void add_alternately(int64_t first, int64_t last)
{
    for (int64_t id = first; id <= last; id++)
        script_add(id % 2 ? "t.b" : "t.a", id, id);
}

/* Callbacks fail and dawdle at random; now and then the power is cut: all that is left is
 * what the state_dir held at that moment. */
START_TEST(nothing_is_lost_and_nothing_confirmed_too_early_whatever_callbacks_do)
{
    seed = (unsigned)_i * 7919u;
    rig_only(&two, "t.a", 0);
    difficult_listeners();
    script_on_confirm(check_confirm);
    rig_start("\"buffer_bytes\":65536");
    add_alternately(0, 99);
    rig_await(&one, 20 + (size_t)_i * 7);
    rig_freeze();
    uint64_t had[3][100];
    for (size_t i = 0; i < CDC_COUNT(all); i++)
        for (uint64_t row = 0; row < 100; row++)
            had[i][row] = rig_times(all[i], row * 2);
    script_on_confirm(NULL);
    for (size_t i = 0; i < CDC_COUNT(all); i++)
        rig_leave(all[i]);
    rig_reboot();
    difficult_listeners();
    rig_start("\"buffer_bytes\":65536");
    add_alternately(100, 119);
    script_await_confirmed(240);
    for (size_t i = 0; i < CDC_COUNT(all); i++)
        for (uint64_t row = 0; row < 120; row++)
            if (wants(i, row * 2) && row % 50 != 49)
                ck_assert_msg((row < 100 && had[i][row]) || rig_times(all[i], row * 2),
                              "listener %zu has lost row %llu", i, (unsigned long long)row);
}
END_TEST

/* ---- backpressure -------------------------------------------------------------------- */

START_TEST(a_full_log_reads_nothing_and_keeps_the_provider_alive)
{
    rig_listen(&one);
    rig_hold(&one, true);
    script_pad(1000);
    rig_start("\"buffer_bytes\":65536");
    add("t.a", 1, ROWS);
    rig_await_running(&one, 1);
    uint64_t idle = script_count(SCRIPT_IDLE);
    script_await(SCRIPT_IDLE, idle + 3);
    ck_assert_uint_le(rig_source->flow.ring.cap, 65536);
    ck_assert_uint_lt(atomic_load(&rig_source->events_total), 65);
    ck_assert_uint_eq(script_confirmed(), 0);
    rig_hold(&one, false);
    rig_await(&one, ROWS);
    script_await_confirmed(script_length());
    expect_rows_in_order(&one, 1, ROWS);
}
END_TEST

START_TEST(room_in_a_full_log_is_used_at_once)
{
    rig_listen(&one);
    rig_hold(&one, true);
    script_pad(1000);
    rig_start("\"buffer_bytes\":65536");
    add("t.a", 1, ROWS * 5);
    rig_await_running(&one, 1);
    script_await(SCRIPT_IDLE, script_count(SCRIPT_IDLE) + 1);
    int64_t began = clock_mono_ms();
    rig_hold(&one, false);
    rig_await(&one, ROWS * 5);
    /* About 20 logs full: were a wake-up lost each time, it would take 4 s. */
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
}
END_TEST

START_TEST(an_event_larger_than_the_log_is_delivered_alone)
{
    rig_listen(&one);
    rig_start("\"buffer_bytes\":65536");
    add("t.a", 1, 5);
    script_pad(200000);
    add("t.a", 6, 8);
    script_pad(0);
    add("t.a", 9, 12);
    rig_await(&one, 12);
    script_await_confirmed(24);
    expect_rows_in_order(&one, 1, 12);
}
END_TEST

/* Rendering a large event again and again until it fits would cost the callbacks their
 * time. */
START_TEST(a_large_event_that_must_wait_is_not_tried_in_a_loop)
{
    rig_listen(&one);
    rig_hold(&one, true);
    rig_start("\"buffer_bytes\":65536");
    add("t.a", 1, 5);
    rig_await_running(&one, 1);
    script_pad(200000);
    add("t.a", 6, 6);
    uint64_t before = script_count(SCRIPT_POLL);
    rig_sleep(300);
    ck_assert_uint_lt(script_count(SCRIPT_POLL) - before, 10);
    rig_hold(&one, false);
    rig_await(&one, 6);
    expect_rows_in_order(&one, 1, 6);
}
END_TEST

/* ---- coming and going ---------------------------------------------------------------- */

START_TEST(without_subscribers_the_source_waits_and_loses_nothing)
{
    rig_start("");
    ck_assert_int_eq(rig_phase(), LIFECYCLE_WAITING);
    add("t.a", 1, 10);
    rig_sleep(50);
    ck_assert_uint_eq(script_count(SCRIPT_POLL), 0);
    rig_listen(&one);
    rig_await(&one, 10);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STREAMING);
    rig_leave(&one);
    rig_await_phase(LIFECYCLE_WAITING);
    add("t.a", 11, 20);
    rig_listen(&one);
    rig_await(&one, 20);
    expect_rows_in_order(&one, 1, 20);
}
END_TEST

START_TEST(triggers_stopped_one_after_the_other_lose_nothing)
{
    rig_listen(&one);
    rig_listen(&two);
    rig_start("");
    add("t.a", 1, 10);
    rig_await(&one, 10);
    rig_leave(&one);
    add("t.a", 11, 20);
    rig_await(&two, 20);
    rig_sleep(250);
    ck_assert_msg(script_confirmed() <= 20, "what one has not had is not confirmed");
    rig_leave(&two);
    add("t.a", 21, 30);
    rig_listen(&two);
    rig_await(&two, 30);
    rig_listen(&one);
    rig_await(&one, 30);
    script_await_confirmed(60);
    expect_rows_in_order(&one, 1, 30);
    expect_rows_in_order(&two, 1, 30);
}
END_TEST

START_TEST(triggers_that_start_one_after_the_other_after_a_restart_lose_nothing)
{
    rig_listen(&one);
    rig_listen(&two);
    rig_start("");
    add("t.a", 1, 10);
    rig_await(&one, 10);
    rig_await(&two, 10);
    script_await_confirmed(20);
    rig_leave(&one);
    rig_leave(&two);
    rig_reboot();
    add("t.a", 11, 20);
    rig_start("");
    rig_listen(&one);
    rig_await(&one, 20);
    rig_sleep(250);
    ck_assert_uint_eq(script_confirmed(), 20);
    rig_listen(&two);
    rig_await(&two, 20);
    script_await_confirmed(40);
    expect_rows_in_order(&two, 1, 20);
}
END_TEST

START_TEST(a_trigger_that_does_not_come_back_is_given_up_after_the_grace)
{
    rig_source->flow.grace_ms = 50;
    rig_listen(&one);
    rig_listen(&two);
    rig_start("");
    add("t.a", 1, 5);
    rig_await(&one, 5);
    rig_await(&two, 5);
    rig_leave(&one);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM subscription"), 2);
    add("t.a", 6, 10);
    script_await_confirmed(20);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM subscription WHERE name = 'one'"), 0);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM subscription WHERE name = 'two'"), 1);
}
END_TEST

START_TEST(the_grace_begins_anew_with_a_run_of_the_source)
{
    rig_source->flow.grace_ms = 150;
    rig_listen(&one);
    rig_listen(&two);
    rig_start("");
    add("t.a", 1, 5);
    rig_await(&one, 5);
    rig_await(&two, 5);
    script_await_confirmed(10);
    rig_stop();
    rig_leave(&one);
    rig_sleep(170);
    add("t.a", 6, 10);
    rig_start("");
    rig_await(&two, 10);
    rig_listen(&one);
    rig_await(&one, 10);
    expect_rows_in_order(&one, 1, 10);
}
END_TEST

START_TEST(a_source_stopped_and_started_again_has_its_triggers_back)
{
    rig_listen(&one);
    rig_start("");
    for (int64_t round = 0; round < 5; round++) {
        add("t.a", round * 10 + 1, round * 10 + 5);
        rig_await(&one, (size_t)round * 10 + 5);
        rig_stop();
        add("t.a", round * 10 + 6, round * 10 + 10);
        rig_start("");
        rig_await(&one, (size_t)round * 10 + 10);
    }
    expect_rows_in_order(&one, 1, 50);
}
END_TEST

START_TEST(triggers_come_and_go_while_it_runs)
{
    rig_listen(&one);
    rig_start("");
    for (int64_t round = 0; round < 20; round++) {
        rig_listen(&two);
        add("t.a", round * 10 + 1, round * 10 + 5);
        rig_leave(&two);
        add("t.a", round * 10 + 6, round * 10 + 10);
    }
    rig_listen(&two);
    rig_await(&one, 200);
    script_await_confirmed(400);
    expect_rows_in_order(&one, 1, 200);
    for (uint64_t row = 0; row < 200; row++)
        ck_assert_uint_eq(rig_times(&two, row * 2), 1);
}
END_TEST

START_TEST(a_subscription_cannot_be_started_twice)
{
    rig_listen(&one);
    wf_error err;
    ck_assert_int_eq(subscription_start(&one.sub, &rig_source->flow, &err), WF_STATE);
    rig_leave(&one);
    ck_assert(subscription_stop(&one.sub));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("flow");
    TCase *tc = tcase_create("delivery");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, every_subscription_gets_every_event_once_and_in_order);
    tcase_add_test(tc, filters_choose_by_table_and_operation);
    tcase_add_test(tc, a_transaction_nobody_wants_moves_the_confirmed_position);
    tcase_add_test(tc, an_unfinished_transaction_is_delivered_but_not_confirmed);
    tcase_add_test(tc, the_slowest_subscription_holds_the_confirmed_position);
    tcase_add_loop_test(
        tc, nothing_is_lost_and_nothing_confirmed_too_early_whatever_callbacks_do, 0, 6);
    suite_add_tcase(suite, tc);
    tc = tcase_create("backpressure");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_full_log_reads_nothing_and_keeps_the_provider_alive);
    tcase_add_test(tc, room_in_a_full_log_is_used_at_once);
    tcase_add_test(tc, an_event_larger_than_the_log_is_delivered_alone);
    tcase_add_test(tc, a_large_event_that_must_wait_is_not_tried_in_a_loop);
    suite_add_tcase(suite, tc);
    tc = tcase_create("coming and going");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, without_subscribers_the_source_waits_and_loses_nothing);
    tcase_add_test(tc, triggers_stopped_one_after_the_other_lose_nothing);
    tcase_add_test(tc,
                   triggers_that_start_one_after_the_other_after_a_restart_lose_nothing);
    tcase_add_test(tc, a_trigger_that_does_not_come_back_is_given_up_after_the_grace);
    tcase_add_test(tc, the_grace_begins_anew_with_a_run_of_the_source);
    tcase_add_test(tc, a_source_stopped_and_started_again_has_its_triggers_back);
    tcase_add_test(tc, triggers_come_and_go_while_it_runs);
    tcase_add_test(tc, a_subscription_cannot_be_started_twice);
    suite_add_tcase(suite, tc);
    return suite;
}
