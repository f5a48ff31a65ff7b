/* SPDX-License-Identifier: MIT
 *
 * test_hold - how many rows of a snapshot come again after a crash, and that nobody waits
 * for more than the disk.
 */
#include <check.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/store_sql.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

#define ROWS 100
#define CHUNK 10
#define OPTIONS "\"snapshot_chunk_rows\":10"
#define MOST (2 * CHUNK) /* the script provider has two readers */

static struct rig_listener two;
static sqlite3 *disk;                  /* as long as it is locked */
static struct rig_event had[3 * ROWS]; /* before the power is cut, in the last one */
static size_t had_count;

static void setup(void)
{
    rig_setup_one();
    rig_listener_init(&two, "two");
    script_fill("t.a", 1, ROWS, 7);
}

static void teardown(void)
{
    rig_listener_release(&two);
    rig_teardown_one();
}

static void ask(const char *table)
{
    wf_str name = str_from(table);
    ck_assert_int_eq(source_snapshot(rig_source, &name, 1, NULL), WF_OK);
}

static void begin(void)
{
    rig_start(OPTIONS);
    ask("t.a");
}

static bool is_running(void)
{
    struct snapshot_progress progress;
    snapshot_progress(rig_source->snapshot, &progress);
    return progress.running || !progress.tables;
}

static void await_end(void)
{
    for (int64_t deadline = clock_mono_ms() + 20000; is_running(); rig_sleep(2))
        ck_assert_msg(clock_mono_ms() < deadline, "the snapshot does not end");
}

static bool is_writing(void)
{
    pthread_mutex_lock(&rig_source->flow.lock);
    bool writing = rig_source->flow.hold.writing != NULL;
    pthread_mutex_unlock(&rig_source->flow.lock);
    return writing;
}

static size_t reads_of(struct rig_listener *l, int64_t id)
{
    size_t reads = 0;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->count; i++)
        reads += l->events[i].op == CDC_READ && l->events[i].id == id;
    pthread_mutex_unlock(&l->lock);
    return reads;
}

static void expect_each_row_once(struct rig_listener *l)
{
    for (int64_t id = 1; id <= ROWS; id++)
        ck_assert_uint_eq(reads_of(l, id), 1);
}

/* In the callback of a row: from now on nothing is written. */
static void lock_disk(struct rig_listener *l, const struct rig_event *event)
{
    (void)l;
    if (event->op == CDC_READ && event->id == 1)
        disk = rig_lock_store();
}

/* The scribe writes the first chunk, and does not come to an end, before any more rows are
 * delivered. */
static void lock_disk_and_await_scribe(struct rig_listener *l,
                                       const struct rig_event *event)
{
    lock_disk(l, event);
    while (event->op == CDC_READ && event->id == CHUNK + 1 && !is_writing())
        rig_sleep(1);
}

/* 0: one worker; 1: four. */
START_TEST(no_more_chunks_are_delivered_than_may_be_repeated)
{
    rig_one.sub.policy.workers = _i ? 4 : 1;
    rig_one.hook = lock_disk;
    rig_listen(&rig_one);
    begin();
    rig_await(&rig_one, MOST);
    rig_sleep(200);
    ck_assert_uint_eq(rig_one.count, MOST);
    rig_unlock_store(disk);
    await_end();
    expect_each_row_once(&rig_one);
    ck_assert_int_eq(rig_number("SELECT rows FROM snapshot_table WHERE done"), ROWS);
}
END_TEST

static void cut_power(struct rig_listener *l, const struct rig_event *event)
{
    if (l->calls != had_count)
        return;
    rig_freeze();
    memcpy(had, l->events, (had_count - 1) * sizeof *had);
    had[had_count - 1] = *event;
}

static bool was_had(int64_t id)
{
    size_t i = 0;
    while (i < had_count && had[i].id != id)
        i++;
    return i < had_count;
}

static size_t repeated_of(int64_t first, int64_t last)
{
    size_t repeated = 0;
    for (int64_t id = first; id <= last; id++) {
        size_t reads = reads_of(&rig_one, id);
        ck_assert(reads == 1 || (!reads && was_had(id)));
        repeated += reads && was_had(id);
    }
    return repeated;
}

/* The power is cut while a row is in its callback.  In the log there is room for small rows
 * when there is none for the large ones of another chunk. */
START_TEST(a_power_cut_repeats_at_most_one_chunk_for_each_reader)
{
    script_fill("t.b", 1001, 1000 + ROWS, 8);
    script_pad(5000);
    script_fill("t.c", 2001, 2000 + ROWS, 9);
    had_count = 1 + (size_t)_i * 6;
    rig_one.hook = cut_power;
    rig_listen(&rig_one);
    rig_start(OPTIONS ",\"buffer_bytes\":65536");
    ask("*");
    await_end();
    rig_leave(&rig_one);
    rig_reboot();
    rig_one.hook = NULL;
    rig_one.count = 0;
    rig_listen(&rig_one);
    rig_start(OPTIONS);
    await_end();
    size_t repeated = repeated_of(1, ROWS) + repeated_of(1001, 1000 + ROWS) +
                      repeated_of(2001, 2000 + ROWS);
    ck_assert_uint_le(repeated, MOST);
}
END_TEST

START_TEST(a_trigger_that_is_behind_is_not_waited_for)
{
    rig_hold(&two, true);
    rig_listen(&two);
    rig_listen(&rig_one);
    begin();
    rig_await(&rig_one, ROWS);
    ck_assert_uint_eq(two.count, 0);
    rig_hold(&two, false);
    await_end();
    expect_each_row_once(&rig_one);
    expect_each_row_once(&two);
}
END_TEST

/* Who is ahead of another trigger does not wait for the disk: this one is not. */
static void lock_disk_and_await_two(struct rig_listener *l, const struct rig_event *event)
{
    lock_disk(l, event);
    while (event->op == CDC_READ &&
           atomic_load(&two.sub.cursor) < atomic_load(&l->sub.cursor))
        rig_sleep(1);
}

START_TEST(a_trigger_that_wants_no_rows_does_not_wait_for_the_disk)
{
    rig_one.hook = lock_disk_and_await_two;
    rig_only(&two, NULL, 1u << CDC_INSERT);
    rig_listen(&rig_one);
    rig_listen(&two);
    rig_start(OPTIONS);
    rig_add(1001, 1001);
    rig_await(&two, 1); /* it has looked into the store for dead letters, too */
    ask("t.a");
    rig_await(&rig_one, 1 + MOST);
    rig_add(1002, 1005);
    rig_await(&two, 5);
    ck_assert_uint_eq(rig_one.count, 1 + MOST);
    rig_unlock_store(disk);
    await_end();
    rig_await(&rig_one, ROWS + 5);
}
END_TEST

START_TEST(a_trigger_that_waits_for_the_disk_can_be_stopped_and_goes_on_later)
{
    rig_one.hook = lock_disk_and_await_scribe;
    rig_listen(&rig_one);
    begin();
    rig_await(&rig_one, MOST);
    rig_leave(&rig_one);
    ck_assert_uint_eq(rig_one.count, MOST);
    ck_assert_msg(is_writing(), "the disk was waited for");
    rig_unlock_store(disk);
    rig_one.hook = NULL;
    rig_listen(&rig_one);
    await_end();
    expect_each_row_once(&rig_one);
}
END_TEST

START_TEST(a_source_stops_while_its_trigger_waits_for_the_disk)
{
    rig_one.hook = lock_disk;
    rig_listen(&rig_one);
    begin();
    rig_await(&rig_one, MOST);
    pthread_t thread;
    ck_assert_int_eq(thread_start(&thread, "unlock", rig_unlock_store_later, disk, NULL),
                     WF_OK);
    rig_stop();
    pthread_join(thread, NULL);
    rig_one.hook = NULL;
    rig_start(OPTIONS);
    rig_await(&rig_one, ROWS);
    await_end();
    expect_each_row_once(&rig_one);
}
END_TEST

START_TEST(a_disk_that_takes_nothing_does_not_hold_the_rows_back)
{
    rig_one.hook = lock_disk;
    rig_listen(&rig_one);
    rig_start(OPTIONS);
    sqlite3_busy_timeout(rig_source->store->db, 5);
    ask("t.a");
    rig_await(&rig_one, ROWS);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_SNAPSHOT);
    rig_unlock_store(disk);
    await_end();
    expect_each_row_once(&rig_one);
    ck_assert_int_eq(rig_number("SELECT rows FROM snapshot_table WHERE done"), ROWS);
}
END_TEST

/* As many changes as the log has room for, between every two chunks. */
static void change_much(const char *table, int64_t after)
{
    (void)after;
    script_noise(table, 1000, 1060);
    script_commit();
}

START_TEST(a_log_full_of_changes_does_not_starve_the_snapshot)
{
    script_pad(1000);
    script_fill("t.b", 1, ROWS, 7);
    script_on_chunk(change_much);
    rig_listen(&rig_one);
    rig_start(OPTIONS ",\"buffer_bytes\":65536");
    ask("t.b");
    await_end();
    expect_each_row_once(&rig_one);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("hold");
    TCase *tc = tcase_create("hold");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, no_more_chunks_are_delivered_than_may_be_repeated, 0, 2);
    tcase_add_loop_test(tc, a_power_cut_repeats_at_most_one_chunk_for_each_reader, 0,
                        ROWS / 2);
    tcase_add_test(tc, a_trigger_that_is_behind_is_not_waited_for);
    tcase_add_test(tc, a_trigger_that_wants_no_rows_does_not_wait_for_the_disk);
    tcase_add_test(tc, a_trigger_that_waits_for_the_disk_can_be_stopped_and_goes_on_later);
    tcase_add_test(tc, a_source_stops_while_its_trigger_waits_for_the_disk);
    tcase_add_test(tc, a_disk_that_takes_nothing_does_not_hold_the_rows_back);
    tcase_add_test(tc, a_log_full_of_changes_does_not_starve_the_snapshot);
    suite_add_tcase(suite, tc);
    return suite;
}
