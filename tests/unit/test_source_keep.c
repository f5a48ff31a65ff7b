/* SPDX-License-Identifier: MIT
 *
 * test_source_keep - when a position is written: not again and again while events trickle
 * in, and soon once none comes.  That nothing is told before it is written, and what a slow
 * or full disk does, is in test_source.c.  And a lock file that does not stay.
 */
#include <check.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "plugin/core/source_lock.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"
#include "tests/support/temp.h"

#define KEEP_BURSTS 2000
#define KEEP_SOON_MS 20    /* after the last event */
#define KEEP_RARELY_MS 200 /* while events come */

/* Another look of the source thread, which finds nothing. */
static void look_again(void)
{
    uint64_t polls = script_count(SCRIPT_POLL);
    source_wake(rig_source);
    script_await(SCRIPT_POLL, polls + 1);
}

/* Each burst is delivered, and looked for once more, before the next one comes; on top of
 * that the answers of whoever writes are looked for. */
START_TEST(small_bursts_are_stored_as_rarely_as_a_stream)
{
    int64_t begun_ms = clock_mono_ms();
    rig_listen(&rig_one);
    rig_start("");
    for (int64_t id = 1; id <= KEEP_BURSTS; id++) {
        rig_add(id, id);
        rig_await(&rig_one, (size_t)id);
        look_again();
    }
    rig_stop();
    int64_t lasted_ms = clock_mono_ms() - begun_ms;
    ck_assert_uint_eq(script_confirmed(), KEEP_BURSTS * 2);
    /* One at the start and one at the stop; the division rounds down. */
    int64_t most = lasted_ms / KEEP_SOON_MS + lasted_ms / KEEP_RARELY_MS + 3;
    ck_assert_msg(script_count(SCRIPT_CONFIRM) <= (uint64_t)most,
                  "%llu positions were stored in %lld ms",
                  (unsigned long long)script_count(SCRIPT_CONFIRM), (long long)lasted_ms);
}
END_TEST

static _Atomic int put_off, too_late;

static void check_wait(int timeout_ms)
{
    const struct confirm *c = &rig_source->confirm;
    int64_t left_ms = rig_source->moved_ms + KEEP_SOON_MS - rig_source->looked_ms;
    if (!c->unconfirmed || confirm_pending(c) || left_ms <= 0)
        return;
    put_off++;
    too_late += timeout_ms > left_ms;
}

/* 0: it waits undisturbed, and without reading; 1: whatever wakes it does not put the
 * writing off further. */
START_TEST(the_last_position_is_stored_although_nothing_comes_after_it)
{
    put_off = too_late = 0;
    script_on_poll(check_wait);
    rig_listen(&rig_one);
    rig_start("");
    /* Whether it is put off depends on who is faster. */
    for (int64_t id = 1; id <= 10 || put_off < 3; id++) {
        rig_add(id, id);
        rig_await(&rig_one, (size_t)id);
        look_again(); /* the commit is read, too */
        if (!_i)
            ck_assert_int_eq(source_pause(rig_source, true, NULL), WF_OK);
        while (_i && script_confirmed() < (uint64_t)id * 2)
            look_again();
        script_await_confirmed((uint64_t)id * 2);
        if (!_i)
            ck_assert_int_eq(source_pause(rig_source, false, NULL), WF_OK);
        ck_assert_int_eq(too_late, 0);
    }
}
END_TEST

/* Tidying up lets no second process in, or ends the run when one was faster. */
START_TEST(a_lock_file_that_was_removed_is_made_anew_or_the_source_given_up)
{
    int fd = -1;
    wf_error err;
    rig_source->check_ms = 0;
    rig_listen(&rig_one);
    rig_start("");
    uint64_t polls = script_count(SCRIPT_POLL);
    script_block(SCRIPT_POLL);
    source_wake(rig_source);
    script_await(SCRIPT_POLL, polls + 1);
    ck_assert_int_eq(unlink(temp_path(rig_dir, "s.lock")), 0);
    if (_i)
        ck_assert_int_eq(source_lock_take(rig_dir, STR("s"), &fd, &err), WF_OK);
    polls = script_count(SCRIPT_POLL);
    script_release(SCRIPT_POLL);
    if (_i) {
        rig_await_phase(LIFECYCLE_FAILED);
        source_lock_release(&fd);
        return;
    }
    script_await(SCRIPT_POLL, polls + 1);
    ck_assert_int_eq(source_lock_take(rig_dir, STR("s"), &fd, &err), WF_STATE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_keep");
    TCase *tc = tcase_create("source_keep");
    tcase_add_checked_fixture(tc, rig_setup_one, rig_teardown_one);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, small_bursts_are_stored_as_rarely_as_a_stream);
    tcase_add_loop_test(
        tc, a_lock_file_that_was_removed_is_made_anew_or_the_source_given_up, 0, 2);
    tcase_add_loop_test(tc, the_last_position_is_stored_although_nothing_comes_after_it, 0,
                        2);
    suite_add_tcase(suite, tc);
    return suite;
}
