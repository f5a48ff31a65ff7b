/* SPDX-License-Identifier: MIT
 *
 * test_snapshot - the rows that are there and the changes that go on meanwhile: put
 * together they must give the table as it is.
 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"

#define ROWS 100
#define INITIAL "\"snapshot\":\"initial\",\"snapshot_chunk_rows\":10"

static struct rig_listener one;
static wf_error err;

static void setup(void)
{
    rig_setup();
    rig_listener_init(&one, "one");
    err = (wf_error){.code = WF_OK};
}

static void teardown(void)
{
    rig_listener_release(&one);
    rig_teardown();
}

static void ask(const char *table)
{
    wf_str name = str_from(table);
    ck_assert_int_eq(source_snapshot(rig_source, &name, table ? 1 : 0, &err), WF_OK);
}

static void await_end(void)
{
    struct snapshot_progress progress = {.running = true};
    for (int64_t deadline = clock_mono_ms() + 20000;;) {
        snapshot_progress(rig_source->snapshot, &progress);
        if (!progress.running && progress.tables)
            return;
        ck_assert_msg(clock_mono_ms() < deadline, "the snapshot does not end: %llu rows",
                      (unsigned long long)progress.rows);
        rig_sleep(2);
    }
}

/* How often a row was read, and the value it had the last time anything was said of it. */
static size_t reads_of(int64_t id, int64_t *out_value)
{
    size_t reads = 0;
    pthread_mutex_lock(&one.lock);
    for (size_t i = 0; i < one.count; i++) {
        if (one.events[i].id != id)
            continue;
        reads += one.events[i].op == CDC_READ;
        *out_value = one.events[i].op == CDC_DELETE ? -1 : one.events[i].value;
    }
    pthread_mutex_unlock(&one.lock);
    return reads;
}

static void expect_row(int64_t id, size_t reads, int64_t value)
{
    int64_t last = INT64_MIN;
    ck_assert_msg(reads_of(id, &last) == reads, "row %lld was not read %zu times",
                  (long long)id, reads);
    ck_assert_int_eq(last, value);
}

START_TEST(one_that_was_asked_for_counts_as_running_before_it_has_begun)
{
    struct snapshot *asked;
    struct snapshot_progress progress;
    ck_assert_int_eq(snapshot_new(&asked, &err), WF_OK);
    snapshot_progress(asked, &progress);
    ck_assert(!progress.running);
    ck_assert_int_eq(
        snapshot_request(asked, NULL, STR("s"), &(struct cdc_list){NULL, 0}, &err), WF_OK);
    snapshot_progress(asked, &progress);
    ck_assert(progress.running);
    snapshot_reset(asked);
    snapshot_progress(asked, &progress);
    ck_assert(!progress.running);
    snapshot_free(asked);
}
END_TEST

START_TEST(an_initial_snapshot_reads_every_row_once_and_only_at_the_first_start)
{
    script_fill("t.a", 1, ROWS, 7);
    script_fill("t.b", 1001, 1000 + ROWS, 8);
    rig_listen(&one);
    rig_start(INITIAL);
    rig_await(&one, 2 * ROWS);
    await_end();
    rig_stop();
    rig_start(INITIAL);
    script_add("t.a", 5000, 1);
    rig_await(&one, 2 * ROWS + 1);
    rig_sleep(300);
    ck_assert_uint_eq(one.count, 2 * ROWS + 1);
    for (int64_t id = 1; id <= ROWS; id++) {
        expect_row(id, 1, 7);
        expect_row(1000 + id, 1, 8);
    }
}
END_TEST

START_TEST(a_snapshot_is_not_made_unless_asked_for)
{
    script_fill("t.a", 1, ROWS, 7);
    rig_listen(&one);
    rig_start("");
    rig_sleep(350);
    ck_assert_uint_eq(one.count, 0);
    ck_assert_uint_eq(script_count(SCRIPT_TABLES), 0);
}
END_TEST

START_TEST(an_initial_snapshot_waits_for_a_trigger_even_over_a_restart)
{
    script_fill("t.a", 1, ROWS, 7);
    rig_start(INITIAL);
    rig_sleep(30);
    ck_assert_uint_eq(script_count(SCRIPT_TABLES), 0);
    rig_reboot();
    rig_listen(&one);
    rig_start(INITIAL);
    rig_await(&one, ROWS);
}
END_TEST

static int hooked; /* how often the hook changes something */

/* [snapshot] The rows of the chunk were read and the mark is not yet taken. */
static void change_rows(const char *table, int64_t after)
{
    if (!hooked || after >= 20)
        return;
    hooked--;
    int64_t first = after < 0 ? 0 : after;
    script_update(table, first + 3, 100);
    script_delete(table, first + 4);
    script_move(table, first + 5, 900 + first + 5, 100);
    script_insert(table, 2000 + first, 5);
    script_commit();
}

START_TEST(rows_that_change_between_the_marks_come_from_the_stream_only)
{
    script_fill("t.a", 1, ROWS, 7);
    script_on_chunk(change_rows);
    hooked = 2;
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":10");
    ask("t.a");
    await_end();
    script_await_confirmed(script_length());
    for (int64_t first = 0; first <= 10; first += 10) {
        expect_row(first + 3, 0, 100);
        expect_row(first + 4, 0, -1);
        expect_row(first + 6, 1, 7);
    }
    expect_row(2000, 1, 5);
    for (int64_t id = 21; id <= ROWS; id++)
        expect_row(id, 1, 7);
}
END_TEST

static void truncate_once(const char *table, int64_t after)
{
    (void)after;
    if (!hooked)
        return;
    hooked--;
    script_truncate(table);
    script_insert(table, 7, 70);
    script_commit();
}

START_TEST(rows_of_a_table_that_was_truncated_meanwhile_do_not_come)
{
    script_fill("t.a", 1, 5, 7);
    script_on_chunk(truncate_once);
    hooked = 1;
    rig_listen(&one);
    rig_start("");
    ask("t.a");
    await_end();
    script_await_confirmed(script_length());
    rig_expect(&one, (const uint64_t[]){0, 1}, 2);
    expect_row(7, 0, 70);
}
END_TEST

/* A stream that lags: changes from before the chunk was read pass only after it. */
START_TEST(a_stream_that_lags_behind_the_tables_does_not_bring_back_old_rows)
{
    script_fill("t.a", 1, 20, 7);
    rig_hold(&one, true);
    rig_listen(&one);
    rig_start("\"buffer_bytes\":65536");
    script_pad(30000);
    for (int64_t id = 1; id <= 20; id++) {
        script_update("t.a", id, 100 + id);
        script_commit();
    }
    rig_await_running(&one, 1);
    script_pad(0);
    ask("t.a");
    rig_sleep(50);
    rig_hold(&one, false);
    await_end();
    script_await_confirmed(script_length());
    for (int64_t id = 1; id <= 20; id++) {
        int64_t last;
        reads_of(id, &last);
        ck_assert_int_eq(last, 100 + id);
    }
}
END_TEST

/* All at random: whatever comes last of a row is what the row is. */
static void stir(const char *table, int64_t after)
{
    static _Atomic unsigned turns;
    for (int i = 0; i < 5; i++) {
        unsigned turn = atomic_fetch_add(&turns, 1) * 2654435761u;
        script_update(table, 1 + turn % ROWS, (int64_t)(1000 + turn % 1000));
        if (turn % 3)
            script_commit();
    }
    (void)after;
    script_commit();
}

static int64_t final_value(int64_t id)
{
    int64_t value = 7;
    pthread_mutex_lock(&one.lock);
    uint64_t newest = 0;
    for (size_t i = 0; i < one.count; i++)
        if (one.events[i].id == id && one.events[i].op == CDC_UPDATE &&
            one.events[i].entry >= newest) {
            newest = one.events[i].entry;
            value = one.events[i].value;
        }
    pthread_mutex_unlock(&one.lock);
    return value;
}

START_TEST(whatever_changes_meanwhile_the_last_word_on_every_row_is_right)
{
    script_fill("t.a", 1, ROWS, 7);
    script_on_chunk(stir);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":7,\"buffer_bytes\":65536");
    ask(NULL);
    await_end();
    script_await_confirmed(script_length());
    for (int64_t id = 1; id <= ROWS; id++) {
        int64_t last = INT64_MIN;
        ck_assert_uint_le(reads_of(id, &last), 1);
        ck_assert_int_eq(last, final_value(id));
    }
}
END_TEST

START_TEST(a_restart_repeats_at_most_a_chunk_with_the_same_ids)
{
    script_fill("t.a", 1, ROWS, 7);
    one.sleep_us = 500;
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":10");
    ask(NULL);
    rig_await(&one, 35);
    rig_leave(&one);
    rig_reboot();
    one.sleep_us = 0;
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":10");
    await_end();
    ck_assert_uint_le(one.count, ROWS + 10);
    for (int64_t id = 1; id <= ROWS; id++) {
        int64_t last;
        ck_assert_uint_ge(reads_of(id, &last), 1);
    }
    for (size_t i = 0; i < one.count; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert((one.events[i].id == one.events[k].id) ==
                      (one.events[i].hash == one.events[k].hash));
    ck_assert_int_eq(
        rig_number("SELECT count(*) FROM snapshot_table WHERE done AND rows = 100"), 1);
}
END_TEST

/* With the listener holding everything, several chunks lie in the log; only delivered ones
 * count. */
START_TEST(a_chunk_is_done_only_when_everyone_has_had_it)
{
    script_fill("t.a", 1, ROWS, 7);
    rig_hold(&one, true);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":10");
    ask(NULL);
    rig_await_running(&one, 1);
    rig_sleep(50);
    ck_assert_int_eq(rig_number("SELECT sum(rows) FROM snapshot_table"), 0);
    rig_hold(&one, false);
    await_end();
    ck_assert_int_eq(rig_number("SELECT sum(rows) FROM snapshot_table"), ROWS);
}
END_TEST

START_TEST(a_reader_that_fails_is_tried_again_when_that_may_help)
{
    static const enum script_call calls[] = {SCRIPT_TABLES, SCRIPT_READER, SCRIPT_CHUNK,
                                             SCRIPT_MARK};
    script_fill("t.a", 1, ROWS, 7);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":30");
    script_fail(calls[_i], 2, WF_UNAVAILABLE, "the line is dead");
    ask(NULL);
    await_end();
    ck_assert_uint_ge(script_count(SCRIPT_OPEN), 2);
    for (int64_t id = 1; id <= ROWS; id++)
        expect_row(id, 1, 7);
}
END_TEST

START_TEST(a_reader_that_fails_for_good_breaks_the_source_and_a_new_start_goes_on)
{
    script_fill("t.a", 1, ROWS, 7);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":30");
    script_fail(SCRIPT_CHUNK, 1, WF_CONFIG, "no right to read");
    ask(NULL);
    rig_await_phase(LIFECYCLE_FAILED);
    struct cdc_status now;
    source_status(rig_source, &now);
    ck_assert_str_eq(now.error.text, "snapshot of 't.a': no right to read");
    rig_stop();
    rig_start("\"snapshot_chunk_rows\":30");
    rig_await(&one, ROWS);
    await_end();
    for (int64_t id = 1; id <= ROWS; id++)
        expect_row(id, 1, 7);
}
END_TEST

START_TEST(a_snapshot_that_was_asked_for_survives_a_stop_before_it_began)
{
    script_fill("t.a", 1, ROWS, 7);
    script_fill("t.b", 1001, 1000 + ROWS, 8);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":30");
    script_fail(SCRIPT_TABLES, 1000, WF_UNAVAILABLE, "the line is dead");
    ask("t.a");
    script_await(SCRIPT_TABLES, 1);
    rig_stop();
    script_fail(SCRIPT_TABLES, 0, WF_OK, "");
    rig_start("\"snapshot_chunk_rows\":30");
    await_end();
    rig_await(&one, ROWS);
    for (int64_t id = 1; id <= ROWS; id++)
        expect_row(id, 1, 7);
    ck_assert_uint_eq(one.count, ROWS);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM snapshot_table WHERE done = 2"), 0);
}
END_TEST

START_TEST(a_table_that_is_gone_ends_its_part_and_not_the_source)
{
    script_fill("t.a", 1, ROWS, 7);
    script_fill("t.b", 1001, 1000 + ROWS, 8);
    script_drop_table("t.a");
    rig_listen(&one);
    rig_start("");
    ask(NULL);
    await_end();
    rig_await(&one, ROWS);
    ck_assert_int_eq(rig_phase(), LIFECYCLE_STREAMING);
    expect_row(1001, 1, 8);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM snapshot_table WHERE NOT done"), 0);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_a_chunk_that_is_being_read)
{
    script_fill("t.a", 1, ROWS, 7);
    script_block(_i ? SCRIPT_MARK : SCRIPT_CHUNK);
    rig_listen(&one);
    rig_start("");
    ask(NULL);
    script_await(_i ? SCRIPT_MARK : SCRIPT_CHUNK, 1);
    int64_t began = clock_mono_ms();
    rig_stop();
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
    rig_start("");
    rig_await(&one, ROWS);
    await_end();
}
END_TEST

/* [snapshot] More keys than can be noted, while the first tries are made. */
static void flood(const char *table, int64_t after)
{
    (void)after;
    if (!hooked)
        return;
    hooked--;
    script_noise(table, INT64_MAX - 150000, INT64_MAX - 1);
    script_commit();
}

START_TEST(more_changes_than_can_be_noted_make_the_chunk_smaller)
{
    script_fill("t.a", 1, 20, 7);
    script_on_chunk(flood);
    hooked = 1;
    rig_only(&one, NULL, 1u << CDC_READ);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":1000");
    ask("t.a");
    await_end();
    script_await_confirmed(script_length());
    ck_assert_uint_ge(script_count(SCRIPT_CHUNK), 2);
    for (int64_t id = 1; id <= 20; id++)
        expect_row(id, 1, 7);
    ck_assert_uint_eq(one.count, 20);
}
END_TEST

START_TEST(wide_rows_make_short_chunks)
{
    script_pad(1024 * 1024);
    script_fill("t.a", 1, 30, 7);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":1000");
    ask(NULL);
    await_end();
    ck_assert_uint_eq(one.count, 30);
    ck_assert_uint_ge(script_count(SCRIPT_CHUNK), 4);
}
END_TEST

START_TEST(a_row_above_max_event_bytes_goes_to_the_dead_letters)
{
    script_fill("t.a", 1, 3, 7);
    script_pad(3000);
    script_fill("t.a", 4, 4, 7);
    script_pad(3000000);
    script_fill("t.a", 5, 5, 7);
    script_pad(0);
    script_fill("t.a", 6, 6, 7);
    rig_listen(&one);
    rig_start("\"max_event_bytes\":2048,\"buffer_bytes\":65536");
    ask(NULL);
    await_end();
    ck_assert_uint_eq(one.count, 4);
    ck_assert_int_eq(
        rig_number("SELECT count(*) FROM dead_letter WHERE reason = 'oversize' AND"
                   " op = 'READ' AND table_name = 't.a' AND"
                   " error = 'the event is larger than max_event_bytes (2048)' AND"
                   " event_id = 'script:s1:t.a:' || json_extract(event, '$.key.id')"),
        2);
}
END_TEST

START_TEST(a_snapshot_larger_than_the_log_waits_for_room)
{
    script_pad(1000);
    script_fill("t.a", 1, 300, 7);
    one.sleep_us = 100;
    rig_listen(&one);
    rig_start("\"buffer_bytes\":65536");
    ask(NULL);
    await_end();
    ck_assert_uint_eq(one.count, 300);
}
END_TEST

START_TEST(some_tables_can_be_read_while_it_streams_and_again)
{
    script_fill("t.a", 1, ROWS, 7);
    script_fill("t.b", 1001, 1000 + ROWS, 8);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":10");
    script_add("t.b", 5000, 1);
    rig_await(&one, 1);
    ask("b");
    rig_await(&one, 1 + ROWS + 1);
    await_end();
    ask("t.none");
    rig_sleep(30);
    ask("t.b");
    rig_await(&one, 1 + 2 * (ROWS + 1));
    await_end();
    ck_assert_uint_eq(one.count, 1 + 2 * (ROWS + 1));
    int64_t last;
    ck_assert_uint_eq(reads_of(1, &last), 0);
    ck_assert_msg(one.events[1].hash != one.events[1 + ROWS + 1].hash,
                  "another run, another id");
}
END_TEST

START_TEST(the_status_tells_how_far_it_is)
{
    script_fill("t.a", 1, ROWS, 7);
    script_fill("t.b", 1, ROWS, 7);
    rig_listen(&one);
    rig_start("\"snapshot_chunk_rows\":10");
    script_block(SCRIPT_MARK);
    ask(NULL);
    script_await(SCRIPT_MARK, 1);
    rig_await_phase(LIFECYCLE_SNAPSHOT);
    struct cdc_status now;
    source_status(rig_source, &now);
    ck_assert(now.snapshot.running);
    ck_assert_str_eq(now.snapshot.table, "t.a");
    ck_assert_uint_eq(now.snapshot.tables, 2);
    ck_assert_uint_eq(now.snapshot.tables_done, 0);
    ck_assert_int_eq(now.snapshot.estimated_rows, 2 * ROWS);
    script_release(SCRIPT_MARK);
    await_end();
    rig_await_phase(LIFECYCLE_STREAMING);
    source_status(rig_source, &now);
    ck_assert_uint_eq(now.snapshot.rows, 2 * ROWS);
    ck_assert_uint_eq(now.snapshot.tables_done, 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tc = tcase_create("snapshot");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, one_that_was_asked_for_counts_as_running_before_it_has_begun);
    tcase_add_test(tc,
                   an_initial_snapshot_reads_every_row_once_and_only_at_the_first_start);
    tcase_add_test(tc, a_snapshot_is_not_made_unless_asked_for);
    tcase_add_test(tc, an_initial_snapshot_waits_for_a_trigger_even_over_a_restart);
    tcase_add_test(tc, rows_that_change_between_the_marks_come_from_the_stream_only);
    tcase_add_test(tc, rows_of_a_table_that_was_truncated_meanwhile_do_not_come);
    tcase_add_test(tc, a_stream_that_lags_behind_the_tables_does_not_bring_back_old_rows);
    tcase_add_test(tc, whatever_changes_meanwhile_the_last_word_on_every_row_is_right);
    tcase_add_test(tc, a_restart_repeats_at_most_a_chunk_with_the_same_ids);
    tcase_add_test(tc, a_chunk_is_done_only_when_everyone_has_had_it);
    tcase_add_loop_test(tc, a_reader_that_fails_is_tried_again_when_that_may_help, 0, 4);
    tcase_add_test(tc,
                   a_reader_that_fails_for_good_breaks_the_source_and_a_new_start_goes_on);
    tcase_add_test(tc, a_snapshot_that_was_asked_for_survives_a_stop_before_it_began);
    tcase_add_test(tc, a_table_that_is_gone_ends_its_part_and_not_the_source);
    tcase_add_loop_test(tc, a_stop_does_not_wait_for_a_chunk_that_is_being_read, 0, 2);
    tcase_add_test(tc, more_changes_than_can_be_noted_make_the_chunk_smaller);
    tcase_add_test(tc, wide_rows_make_short_chunks);
    tcase_add_test(tc, a_row_above_max_event_bytes_goes_to_the_dead_letters);
    tcase_add_test(tc, a_snapshot_larger_than_the_log_waits_for_room);
    tcase_add_test(tc, some_tables_can_be_read_while_it_streams_and_again);
    tcase_add_test(tc, the_status_tells_how_far_it_is);
    suite_add_tcase(suite, tc);
    return suite;
}
