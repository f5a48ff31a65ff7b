/* SPDX-License-Identifier: MIT
 *
 * test_lane - a lane is taken away: what nobody has in hand is not delivered, nothing is
 * confirmed that was dropped on the quiet, and everything else goes on.
 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

#define HOUR_MS 3600000

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

/* A row and its commit: two entries. */
static void add(uint32_t lane, int64_t id)
{
    script_lane(lane);
    script_add("t.a", id, id);
}

static void retract(uint32_t lane)
{
    uint64_t before = script_count(SCRIPT_RETRACT);
    script_retract(lane);
    source_wake(rig_source);
    script_await(SCRIPT_RETRACT, before + 1);
}

static void await_emitted(uint64_t count)
{
    int64_t deadline = clock_mono_ms() + 10000;
    while (atomic_load(&rig_source->events_total) < count && clock_mono_ms() < deadline)
        rig_sleep(1);
    ck_assert_uint_eq(atomic_load(&rig_source->events_total), count);
}

/* ---- what is dropped, and what is not ------------------------------------------------ */

START_TEST(what_nobody_has_in_hand_is_dropped_and_positions_move_on)
{
    rig_listen(&one);
    rig_listen(&two);
    rig_hold(&one, true);
    rig_start("");
    add(1, 1); /* 0 */
    add(1, 2); /* 2 */
    add(2, 3); /* 4 */
    add(0, 4); /* 6 */
    rig_await_running(&one, 1);
    rig_await(&two, 4);
    retract(1);
    rig_hold(&one, false);
    script_await_confirmed(8);
    rig_expect(&one, (const uint64_t[]){0, 4, 6}, 3);
    rig_expect(&two, (const uint64_t[]){0, 2, 4, 6}, 4);
    ck_assert_uint_eq(atomic_load(&one.sub.passed), 4);
}
END_TEST

START_TEST(what_comes_on_the_lane_afterwards_counts_again)
{
    rig_listen(&one);
    rig_hold(&one, true);
    rig_start("");
    add(7, 1);
    add(7, 2);
    rig_await_running(&one, 1);
    await_emitted(2);
    retract(7);
    add(7, 3); /* 4 */
    await_emitted(3);
    rig_hold(&one, false);
    rig_await(&one, 2);
    rig_expect(&one, (const uint64_t[]){0, 4}, 2);
    add(7, 4); /* 6 */
    script_await_confirmed(8);
    rig_expect(&one, (const uint64_t[]){0, 4, 6}, 3);
}
END_TEST

START_TEST(the_highest_lane_can_be_taken_away_and_one_more_is_refused)
{
    rig_listen(&one);
    rig_hold(&one, true);
    rig_start("");
    add(0, 1);
    add(LIMIT_LANES, 2);
    rig_await_running(&one, 1);
    await_emitted(2);
    retract(LIMIT_LANES);
    rig_hold(&one, false);
    script_await_confirmed(4);
    rig_expect(&one, (const uint64_t[]){0}, 1);
    add(LIMIT_LANES + 1, 3);
    rig_await_phase(LIFECYCLE_FAILED);
    ck_assert(rig_logged("more than 65535 partitions"));
}
END_TEST

START_TEST(a_lane_that_nothing_came_on_can_be_taken_away)
{
    rig_listen(&one);
    rig_start("");
    retract(3);
    add(0, 1);
    script_await_confirmed(2);
    retract(LIMIT_LANES + 5);
    retract(4);
    add(4, 2);
    script_await_confirmed(4);
    rig_expect(&one, (const uint64_t[]){0, 2}, 2);
}
END_TEST

START_TEST(a_log_made_anew_knows_of_no_retraction)
{
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 10; id++)
        add(1, id);
    script_await_confirmed(20);
    retract(1);
    rig_stop();
    rig_start("\"max_event_bytes\":65536");
    add(1, 11);
    script_await_confirmed(22);
    ck_assert_uint_eq(rig_times(&one, 20), 1);
}
END_TEST

/* ---- between two attempts ------------------------------------------------------------ */

static void expect_dropped_while_it_waits(void)
{
    rig_listen(&one);
    rig_start("");
    add(1, 1);
    add(2, 2);
    rig_await_calls(&one, 1);
    await_emitted(2);
    rig_sleep(20);
    retract(1);
    rig_await(&one, 1);
    rig_expect(&one, (const uint64_t[]){2}, 1);
    script_await_confirmed(4);
    ck_assert_uint_eq(one.calls, 2);
    ck_assert_uint_eq(atomic_load(&one.sub.dead_lettered), 0);
    ck_assert_str_eq(one.sub.error, "");
}

START_TEST(an_event_that_waits_for_its_next_attempt_is_dropped_at_once)
{
    one.bad_id = 1;
    one.sub.policy.initial_backoff_ms = one.sub.policy.max_backoff_ms = HOUR_MS;
    one.sub.policy.block = _i & 1;
    one.sub.policy.workers = _i & 2 ? 4 : 1;
    expect_dropped_while_it_waits();
}
END_TEST

START_TEST(an_event_that_the_store_does_not_take_is_dropped_at_once)
{
    one.sub.policy.max_attempts = 1;
    one.sub.policy.initial_backoff_ms = one.sub.policy.max_backoff_ms = HOUR_MS;
    rig_listen(&one);
    rig_start("");
    add(0, 1);
    script_await_confirmed(2);
    rig_execute("ALTER TABLE dead_letter RENAME TO away");
    rig_refuse(&one, 2);
    add(1, 2);
    rig_await_calls(&one, 2);
    rig_sleep(20);
    retract(1);
    add(0, 3);
    rig_await(&one, 2);
    rig_execute("ALTER TABLE away RENAME TO dead_letter");
    script_await_confirmed(6);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter"), 0);
}
END_TEST

/* It comes again at whoever has the lane now. */
START_TEST(an_event_that_fails_for_the_last_time_after_that_is_no_dead_letter)
{
    one.sub.policy.max_attempts = 1;
    one.bad_id = 1;
    rig_listen(&one);
    rig_hold(&one, true);
    rig_start("");
    add(1, 1);
    rig_await_running(&one, 1);
    retract(1);
    rig_hold(&one, false);
    add(0, 2);
    script_await_confirmed(4);
    rig_expect(&one, (const uint64_t[]){2}, 1);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter"), 0);
}
END_TEST

/* ---- positions ----------------------------------------------------------------------- */

static _Atomic uint64_t confirms[64];
static _Atomic int confirm_count;

static void note_confirm(uint64_t position)
{
    int at = atomic_fetch_add(&confirm_count, 1);
    if (at < 64)
        atomic_store(&confirms[at], position);
}

/* The positions 2 and 4 cover what was dropped, and were given when it was not. */
START_TEST(positions_given_before_and_not_passed_are_forgotten)
{
    atomic_store(&confirm_count, 0);
    rig_listen(&one);
    rig_start("");
    add(1, 1);
    script_await_confirmed(2);
    rig_hold(&one, true);
    script_on_confirm(note_confirm);
    add(1, 2); /* 2 */
    add(1, 3); /* 4 */
    add(2, 4); /* 6 */
    rig_await_calls(&one, 2);
    await_emitted(4);
    retract(1);
    rig_sleep(50);
    ck_assert_int_eq(atomic_load(&confirm_count), 0);
    rig_hold(&one, false);
    script_await_confirmed(8);
    script_on_confirm(NULL);
    for (int i = 0; i < atomic_load(&confirm_count); i++)
        ck_assert_uint_eq(atomic_load(&confirms[i]), 8);
    rig_expect(&one, (const uint64_t[]){0, 2, 6}, 3);
}
END_TEST

/* ---- workers ------------------------------------------------------------------------- */

START_TEST(workers_drop_what_they_have_not_begun)
{
    one.sub.policy.workers = 4;
    rig_listen(&one);
    rig_hold(&one, true);
    rig_start("");
    for (int64_t id = 1; id <= 200; id++)
        add(id % 2 ? 1 : 2, id);
    rig_await_running(&one, 4);
    await_emitted(200);
    retract(1);
    rig_hold(&one, false);
    script_await_confirmed(400);
    size_t kept = 0;
    for (uint64_t id = 1; id <= 200; id++) {
        size_t times = rig_times(&one, 2 * (id - 1));
        ck_assert_uint_le(times, 1);
        kept += id % 2 ? times : 0;
        ck_assert(id % 2 || times == 1);
    }
    ck_assert_uint_le(kept, 4);
}
END_TEST

/* Lanes are taken away while callbacks run, fail and wait: what came after a lane's last
 * retraction, and all of lane 0, comes once; no lane's rows come twice. */
START_TEST(lanes_come_and_go_under_load)
{
    enum { LANES = 4, ROUNDS = 60, ROWS = 25 };
    static uint8_t lanes[ROUNDS * ROWS];
    size_t last[LANES + 1] = {0};
    unsigned seed = (unsigned)_i;
    one.sub.policy.workers = _i ? 4 : 1;
    one.fail_first = 50;
    one.sub.policy.max_attempts = 100;
    rig_listen(&one);
    rig_listen(&two);
    rig_start("");
    size_t count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int row = 0; row < ROWS; row++, count++) {
            lanes[count] = (uint8_t)(rand_r(&seed) % (LANES + 1));
            add(lanes[count], (int64_t)count + 1);
        }
        uint32_t lane = 1 + (uint32_t)rand_r(&seed) % LANES;
        retract(lane);
        last[lane] = count;
    }
    script_await_confirmed(2 * count);
    for (size_t i = 0; i < count; i++) {
        size_t times = rig_times(&one, 2 * i);
        ck_assert_uint_le(times, 1);
        if (!lanes[i] || i >= last[lanes[i]])
            ck_assert_msg(times == 1, "row %zu of lane %u is lost", i, lanes[i]);
    }
    ck_assert_uint_eq(atomic_load(&one.sub.dead_lettered), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("lane");
    TCase *tc = tcase_create("lane");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 40);
    tcase_add_test(tc, what_nobody_has_in_hand_is_dropped_and_positions_move_on);
    tcase_add_test(tc, what_comes_on_the_lane_afterwards_counts_again);
    tcase_add_test(tc, the_highest_lane_can_be_taken_away_and_one_more_is_refused);
    tcase_add_test(tc, a_lane_that_nothing_came_on_can_be_taken_away);
    tcase_add_test(tc, a_log_made_anew_knows_of_no_retraction);
    tcase_add_loop_test(tc, an_event_that_waits_for_its_next_attempt_is_dropped_at_once, 0,
                        4);
    tcase_add_test(tc, an_event_that_the_store_does_not_take_is_dropped_at_once);
    tcase_add_test(tc, an_event_that_fails_for_the_last_time_after_that_is_no_dead_letter);
    tcase_add_test(tc, positions_given_before_and_not_passed_are_forgotten);
    tcase_add_test(tc, workers_drop_what_they_have_not_begun);
    tcase_add_loop_test(tc, lanes_come_and_go_under_load, 0, 2);
    suite_add_tcase(suite, tc);
    return suite;
}
