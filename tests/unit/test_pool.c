/* SPDX-License-Identifier: MIT
 *
 * test_pool - several workers: the keys side by side, one key in order, and the cursor
 * never beyond what is not done.
 */
#include <check.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "plugin/core/pool.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

#define WORKERS 4

static struct rig_listener one;

static void setup(void)
{
    rig_setup();
    rig_listener_init(&one, "one");
    one.sub.policy.workers = WORKERS;
}

static void teardown(void)
{
    rig_listener_release(&one);
    rig_teardown();
}

static bool came_before(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (one.events[i].entry == one.events[index].entry)
            return true;
    return false;
}

/* The changes of each row came in the order of the log, but for repeats. */
static void expect_order_per_row(void)
{
    pthread_mutex_lock(&one.lock);
    for (size_t i = 0; i < one.count; i++)
        for (size_t k = i + 1; k < one.count; k++)
            if (one.events[i].id == one.events[k].id &&
                one.events[i].entry >= one.events[k].entry)
                ck_assert_msg(came_before(k), "%llu after %llu",
                              (unsigned long long)one.events[k].entry,
                              (unsigned long long)one.events[i].entry);
    pthread_mutex_unlock(&one.lock);
}

START_TEST(keys_run_side_by_side_and_each_in_order)
{
    one.sleep_us = 200;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 20; id++)
        script_add("t.a", id, 0);
    for (int64_t round = 1; round <= 10; round++)
        for (int64_t id = 1; id <= 20; id++) {
            script_update("t.a", id, round);
            script_commit();
        }
    rig_await(&one, 220);
    script_await_confirmed(440);
    expect_order_per_row();
    ck_assert_uint_gt(one.most_running, 1);
    ck_assert_uint_le(one.most_running, WORKERS);
}
END_TEST

static _Atomic int alone_failures;

static void check_alone(struct rig_listener *l, const struct rig_event *event)
{
    pthread_mutex_lock(&l->lock);
    if (event->op == CDC_TRUNCATE || event->value == 99)
        alone_failures += l->running != 1 || l->count != event->entry;
    pthread_mutex_unlock(&l->lock);
}

START_TEST(what_has_no_key_or_changes_it_waits_for_all_before_it_and_runs_alone)
{
    one.sleep_us = 2000;
    one.hook = check_alone;
    alone_failures = 0;
    rig_listen(&one);
    rig_start("");
    /* One transaction, so that entries are ordinals. */
    for (int64_t id = 1; id <= 10; id++)
        script_insert("t.a", id, id);
    script_move("t.a", 3, 33, 99);
    for (int64_t id = 11; id <= 20; id++)
        script_insert("t.a", id, id);
    script_truncate("t.a");
    for (int64_t id = 21; id <= 30; id++)
        script_insert("t.a", id, id);
    script_commit();
    rig_await(&one, 32);
    ck_assert_int_eq(alone_failures, 0);
    ck_assert_uint_gt(one.most_running, 1);
}
END_TEST

START_TEST(a_key_that_fails_does_not_hold_up_the_others_but_the_position)
{
    one.bad_id = 1;
    one.sub.policy.block = true;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 40; id++)
        script_add("t.a", id, id);
    /* Those of the same worker wait, the other three go on. */
    rig_await(&one, 20);
    rig_await_calls(&one, 50);
    ck_assert_uint_eq(script_confirmed(), 0);
    rig_refuse(&one, INT64_MIN);
    rig_await(&one, 40);
    script_await_confirmed(80);
    for (uint64_t row = 0; row < 40; row++)
        ck_assert_uint_eq(rig_times(&one, row * 2), 1);
}
END_TEST

START_TEST(a_halt_waits_for_all_workers_and_only_what_was_not_done_comes_again)
{
    one.sleep_us = 300;
    rig_listen(&one);
    rig_start("");
    for (int64_t round = 0; round < 10; round++) {
        for (int64_t id = 1; id <= 30; id++)
            script_add("t.a", round * 100 + id, id);
        rig_await_calls(&one, (uint64_t)round * 30 + 5);
        rig_stop();
        ck_assert_uint_eq(one.running, 0);
        rig_start("");
    }
    script_await_confirmed(600);
    for (uint64_t row = 0; row < 300; row++)
        ck_assert_uint_ge(rig_times(&one, row * 2), 1);
    expect_order_per_row();
}
END_TEST

/* The thread that hands out has nothing more to hand out, and yet it is not at rest. */
START_TEST(a_stop_waits_for_workers_that_have_the_last_events)
{
    rig_hold(&one, true);
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 8; id++)
        script_add("t.a", id, id);
    rig_await_running(&one, WORKERS);
    rig_sleep(20);
    bool waited = true;
    ck_assert_int_eq(source_stop(rig_source, false, &waited, NULL), WF_OK);
    ck_assert_msg(!waited, "callbacks run, and the stop must not wait for them");
    rig_sleep(100);
    ck_assert_int_ne(rig_phase(), LIFECYCLE_STOPPED);
    rig_hold(&one, false);
    rig_await_phase(LIFECYCLE_STOPPED);
    ck_assert_uint_eq(one.running, 0);
}
END_TEST

START_TEST(more_events_than_slots_are_handed_on)
{
    rig_hold(&one, true);
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 3000; id++)
        script_insert("t.a", id, id);
    script_commit();
    rig_await_running(&one, WORKERS);
    rig_hold(&one, false);
    rig_await(&one, 3000);
    script_await_confirmed(3001);
    ck_assert_uint_eq(one.count, 3000);
}
END_TEST

/* A pool of one worker, without the thread that hands out and drops what has not begun. */
static wf_status fail_and_rest(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    (void)action;
    (void)event;
    pthread_mutex_lock(&one.lock);
    ++*(unsigned *)ctx;
    atomic_store(&one.sub.must_rest, true);
    pthread_mutex_unlock(&one.lock);
    return error_set(err, WF_FAILED, "not today");
}

START_TEST(a_worker_that_has_to_rest_does_not_go_on_behind_the_event_it_gave_up)
{
    unsigned calls = 0;
    struct pool *pool;
    static const struct ring_record records[2] = {{.seq = 0}, {.seq = 1}};
    wf_error err;
    one.sub.flow = &rig_source->flow;
    one.sub.callback = (wf_callback){&calls, fail_and_rest};
    ck_assert_int_eq(pool_new(&one.sub, 1, &pool, &err), WF_OK);
    pthread_mutex_lock(&one.lock);
    ck_assert(pool_submit(pool, &records[0], 1));
    ck_assert(pool_submit(pool, &records[1], 2));
    pthread_mutex_unlock(&one.lock);
    pool_free(pool);
    ck_assert_uint_eq(calls, 1);
    ck_assert_uint_eq(atomic_load(&one.sub.cursor), 0);
}
END_TEST

static void stop_oneself(struct rig_listener *l, const struct rig_event *event)
{
    if (event->id == 5)
        ck_assert(!subscription_stop(&l->sub));
}

START_TEST(a_worker_may_stop_its_own_subscription)
{
    one.hook = stop_oneself;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 10; id++)
        script_add("t.a", id, id);
    for (int64_t deadline = clock_mono_ms() + 10000; !rig_times(&one, 8);) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        rig_sleep(1);
    }
    rig_leave(&one);
    one.hook = NULL;
    rig_listen(&one);
    script_await_confirmed(20);
    for (uint64_t row = 0; row < 10; row++)
        ck_assert_uint_ge(rig_times(&one, row * 2), 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *tc = tcase_create("workers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, keys_run_side_by_side_and_each_in_order);
    tcase_add_test(tc,
                   what_has_no_key_or_changes_it_waits_for_all_before_it_and_runs_alone);
    tcase_add_test(tc, a_key_that_fails_does_not_hold_up_the_others_but_the_position);
    tcase_add_test(tc, a_halt_waits_for_all_workers_and_only_what_was_not_done_comes_again);
    tcase_add_test(tc, a_stop_waits_for_workers_that_have_the_last_events);
    tcase_add_test(tc, more_events_than_slots_are_handed_on);
    tcase_add_test(tc,
                   a_worker_that_has_to_rest_does_not_go_on_behind_the_event_it_gave_up);
    tcase_add_test(tc, a_worker_may_stop_its_own_subscription);
    suite_add_tcase(suite, tc);
    return suite;
}
