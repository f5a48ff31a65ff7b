/* SPDX-License-Identifier: MIT
 *
 * test_core_oom - a source, its triggers and a snapshot, with every allocation failing
 * once: whatever it does about it, it does not crash, it says so, and after the next start
 * nothing is missing.
 */
#include <check.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

#define OOM_ROWS 6
#define OOM_PATIENCE_MS 10000
#define OOM_LANES 12
#define OOM_STEP 4 /* every fourth: which is which differs from run to run */
#define OPTIONS "\"snapshot\":\"initial\",\"snapshot_chunk_rows\":2,\"buffer_bytes\":65536"

static struct rig_listener one;

static void setup(void)
{
    rig_setup();
    rig_listener_init(&one, "one");
}

static void teardown(void)
{
    rig_listener_release(&one);
    rig_teardown();
}

/* Everything was given: the rows of the snapshot, the changes but the bad one, and its
 * letter. */
static bool complete(void)
{
    for (int64_t id = 1; id <= OOM_ROWS; id++) {
        bool read = false;
        pthread_mutex_lock(&one.lock);
        for (size_t i = 0; i < one.count; i++)
            read |= one.events[i].id == id;
        pthread_mutex_unlock(&one.lock);
        if (!read)
            return false;
    }
    for (uint64_t row = 0; row < OOM_ROWS; row++)
        if (row != 2 && !rig_times(&one, row * 2))
            return false;
    return atomic_load(&one.sub.dead_lettered) > 0 && script_confirmed() == OOM_ROWS * 2;
}

static bool over(void)
{
    return complete() || rig_phase() == LIFECYCLE_FAILED ||
           rig_phase() == LIFECYCLE_STOPPED;
}

static void await(bool (*what)(void))
{
    for (int64_t deadline = clock_mono_ms() + OOM_PATIENCE_MS; !what();) {
        if (clock_mono_ms() >= deadline)
            ck_abort_msg("%s, %zu events, confirmed %llu",
                         lifecycle_phase_text(rig_phase()), one.count,
                         (unsigned long long)script_confirmed());
        rig_sleep(1);
    }
}

/* The source began, so that there is a place to go on from; then the allocation fails. */
static bool run_without(long n)
{
    wf_error err = {.code = WF_OK};
    script_fill("t.a", 1, OOM_ROWS, 7);
    one.bad_id = 103;
    one.sub.policy.max_attempts = 2;
    one.sub.policy.workers = n % 2 ? 1 : 2;
    rig_start("");
    rig_stop();
    for (int64_t id = 1; id <= OOM_ROWS; id++)
        script_add("t.a", 100 + id, id);
    struct cdc_settings *settings = rig_settings(OPTIONS);
    struct cdc_settings *again = rig_settings(OPTIONS);
    oom_arm(n);
    wf_status listening = subscription_start(&one.sub, &rig_source->flow, &err);
    wf_status status = source_start(rig_source, settings, &err);
    if (!status)
        status = source_snapshot(rig_source, NULL, 0, &err);
    if (!status && !listening)
        await(over);
    bool failed = oom_disarm();
    SCRIPT_MUST(failed || !(status || listening));
    rig_stop();
    if (listening)
        rig_listen(&one);
    ck_assert_msg(!source_start(rig_source, again, &err), "%s", err.text);
    if (source_snapshot(rig_source, NULL, 0, &err))
        ck_abort_msg("%s", err.text);
    await(complete);
    rig_stop();
    return failed;
}

START_TEST(nothing_is_lost_when_an_allocation_fails)
{
    if (!OOM_POSSIBLE)
        return;
    for (long n = _i * OOM_STEP; n < OOM_MOST; n += OOM_LANES * OOM_STEP) {
        bool failed = run_without(n);
        teardown();
        setup();
        if (!failed)
            break;
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("core_oom");
    TCase *tc = tcase_create("out of memory");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, nothing_is_lost_when_an_allocation_fails, 0, OOM_LANES);
    suite_add_tcase(suite, tc);
    return suite;
}
