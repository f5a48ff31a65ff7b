/* SPDX-License-Identifier: MIT
 *
 * What providers/provider.h promises, asked of every provider.  Each takes part with a
 * fixture in tests/support/provider_rig.c: how its far side is made, how a row is inserted.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/provider_rig.h"
#include "tests/support/run.h"

/* ---- the contract -------------------------------------------------------------------- */

START_TEST(the_table_of_functions_is_complete)
{
    provider_rig_setup(_i);
    const struct cdc_provider *provider = rig.fixture->provider;
    ck_assert_uint_gt(strlen(provider->name), 0);
    ck_assert_uint_gt(strlen(provider->summary), 0);
    ck_assert_int_ne(provider->summary[strlen(provider->summary) - 1], '.');
    ck_assert(provider->open && provider->poll && provider->confirm &&
              provider->interrupt && provider->close);
    ck_assert(!provider->snapshot || provider->snapshot_tables);
    ck_assert(!provider->snapshot || !provider->snapshot_own);
    for (const struct cdc_option *row = provider->options; row && row->key; row++) {
        ck_assert_uint_gt(strlen(row->help), 0);
        ck_assert_uint_le(row->offset, provider->options_size);
        for (const struct cdc_option *core = settings_core_options; core->key; core++)
            ck_assert_str_ne(row->key, core->key);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(changes_come_in_the_order_they_were_made)
{
    provider_rig_setup(_i);
    provider_rig_open(STR_EMPTY);
    for (int64_t n = 1; n <= 100; n++)
        rig.fixture->insert(&rig, n);
    provider_rig_read(100);
    provider_rig_numbers_are(0, 100, 1);
    provider_rig_poll(100, 0);
    ck_assert_uint_eq(rig.count, 100);
    provider_rig_teardown();
}
END_TEST

START_TEST(every_change_has_an_id_of_its_own)
{
    provider_rig_setup(_i);
    if (rig.fixture->durable) { /* a finished event brings what id it has */
        provider_rig_open(STR_EMPTY);
        for (int64_t n = 1; n <= 20; n++)
            rig.fixture->insert(&rig, n);
        provider_rig_read(20);
        for (size_t a = 0; a < 20; a++)
            for (size_t b = 0; b < a; b++)
                ck_assert_str_ne(rig.events[a].id, rig.events[b].id);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(a_change_that_found_no_room_is_given_again_and_none_is_lost_or_doubled)
{
    provider_rig_setup(_i);
    provider_rig_open(STR_EMPTY);
    for (int64_t n = 1; n <= 30; n++)
        rig.fixture->insert(&rig, n);
    for (size_t taken = 0; taken < 30; taken += 3) {
        rig.room = 0;
        provider_rig_poll(100, 0);
        ck_assert_uint_eq(rig.count, taken);
        rig.room = 3;
        provider_rig_read(taken + 3);
    }
    rig.room = UINT64_MAX;
    provider_rig_poll(100, 0);
    ck_assert_uint_eq(rig.count, 30);
    provider_rig_numbers_are(0, 30, 1);
    provider_rig_teardown();
}
END_TEST

START_TEST(a_budget_of_nothing_reads_nothing)
{
    provider_rig_setup(_i);
    provider_rig_open(STR_EMPTY);
    rig.fixture->insert(&rig, 1);
    provider_rig_poll(0, 0);
    provider_rig_poll(0, 30);
    ck_assert_uint_eq(rig.count, 0);
    provider_rig_read(1);
    provider_rig_teardown();
}
END_TEST

START_TEST(no_poll_gives_more_than_its_budget)
{
    provider_rig_setup(_i);
    provider_rig_open(STR_EMPTY);
    for (int64_t n = 1; n <= 20; n++)
        rig.fixture->insert(&rig, n);
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (rig.count < 20 && clock_mono_ms() < deadline) {
        size_t before = rig.count;
        provider_rig_poll(3, 100);
        ck_assert_uint_le(rig.count - before, 3);
    }
    provider_rig_numbers_are(0, 20, 1);
    provider_rig_teardown();
}
END_TEST

START_TEST(a_quiet_poll_returns_when_its_time_is_up)
{
    provider_rig_setup(_i);
    provider_rig_open(STR_EMPTY);
    provider_rig_poll(100, 0); /* what an open leaves to be done */
    int64_t before = clock_mono_ms();
    provider_rig_poll(100, 50);
    ck_assert_int_ge(clock_mono_ms() - before, 30);
    ck_assert_int_lt(clock_mono_ms() - before, 5000);
    ck_assert_uint_eq(rig.count, 0);
    provider_rig_teardown();
}
END_TEST

static void *interrupt_soon(void *arg)
{
    (void)arg;
    const struct timespec moment = {.tv_nsec = 50000000};
    nanosleep(&moment, NULL);
    rig.fixture->provider->interrupt(rig.state);
    return NULL;
}

static int all;

/* The first rounds read, the others have a budget of nothing. */
START_TEST(an_interrupt_ends_a_poll_also_one_that_begins_later)
{
    provider_rig_setup(_i % all);
    uint32_t most = _i < all ? 100 : 0;
    provider_rig_open(STR_EMPTY);
    provider_rig_poll(most, 0);
    int64_t before = clock_mono_ms();
    rig.fixture->provider->interrupt(rig.state);
    provider_rig_poll(most, PROVIDER_RIG_WAIT_MS);
    pthread_t thread;
    ck_assert_int_eq(
        thread_start(&thread, "interrupt", interrupt_soon, NULL, &provider_error), WF_OK);
    provider_rig_poll(most, PROVIDER_RIG_WAIT_MS);
    pthread_join(thread, NULL);
    ck_assert_int_lt(clock_mono_ms() - before, PROVIDER_RIG_WAIT_MS / 2);
    provider_rig_teardown();
}
END_TEST

START_TEST(after_a_confirm_an_open_goes_on_behind_it)
{
    provider_rig_setup(_i);
    if (rig.fixture->durable) {
        provider_rig_open(STR_EMPTY);
        for (int64_t n = 1; n <= 5; n++)
            rig.fixture->insert(&rig, n);
        provider_rig_read(5);
        ck_assert_uint_gt(rig.position.len, 0);
        ck_assert_int_eq(rig.fixture->provider->confirm(rig.state, buf_view(&rig.position),
                                                        &provider_error),
                         WF_OK);
        for (int64_t n = 6; n <= 8; n++)
            rig.fixture->insert(&rig, n);
        struct buf from;
        buf_init(&from, LIMIT_POSITION);
        buf_str(&from, buf_view(&rig.position));
        provider_rig_close();
        provider_rig_open(buf_view(&from));
        provider_rig_read(8);
        provider_rig_numbers_are(0, 8, 1);
        buf_release(&from);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(what_was_not_confirmed_comes_again_with_the_same_ids)
{
    provider_rig_setup(_i);
    if (rig.fixture->durable) {
        provider_rig_open(STR_EMPTY);
        rig.fixture->insert(&rig, 1);
        provider_rig_read(1);
        struct buf from;
        buf_init(&from, LIMIT_POSITION);
        buf_str(&from, buf_view(&rig.position));
        if (rig.fixture->shared)
            ck_assert_int_eq(
                rig.fixture->provider->confirm(rig.state, buf_view(&from), &provider_error),
                WF_OK);
        for (int64_t n = 2; n <= 6; n++)
            rig.fixture->insert(&rig, n);
        provider_rig_read(6);
        provider_rig_close();
        provider_rig_open(buf_view(&from));
        provider_rig_read(11);
        provider_rig_numbers_are(6, 5, 2);
        for (size_t i = 1; i < 6; i++)
            ck_assert_str_eq(rig.events[i].id, rig.events[i + 5].id);
        buf_release(&from);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(another_identity_than_the_stored_one_is_refused)
{
    provider_rig_setup(_i);
    if (rig.fixture->durable) {
        provider_rig_open(STR_EMPTY);
        rig.fixture->insert(&rig, 1);
        provider_rig_read(1);
        struct buf from;
        buf_init(&from, LIMIT_POSITION);
        buf_str(&from, buf_view(&rig.position));
        provider_rig_close();
        ck_assert_uint_gt(rig.identity.len, 0);
        buf_clear(&rig.identity);
        buf_lit(&rig.identity, "somebody else");
        ck_assert_int_eq(provider_rig_try_open(buf_view(&from)), WF_STATE);
        ck_assert_uint_gt(strlen(provider_error.text), 0);
        buf_release(&from);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(a_state_that_was_never_opened_can_be_closed)
{
    provider_rig_setup(_i);
    rig.state = calloc(1, rig.fixture->provider->state_size);
    provider_rig_close();
    provider_rig_teardown();
}
END_TEST

START_TEST(a_state_whose_open_failed_can_be_closed)
{
    provider_rig_setup(_i);
    if (rig.fixture->provider->connection_help) {
        rig.settings->connection = STR("/nowhere/at/all/contract.db");
        ck_assert_int_ne(provider_rig_try_open(STR_EMPTY), WF_OK);
        ck_assert_uint_gt(strlen(provider_error.text), 0);
        provider_rig_close();
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(the_lag_is_nothing_when_nothing_waits)
{
    provider_rig_setup(_i);
    if (rig.fixture->provider->lag) {
        struct cdc_lag lag = {-7, -7, -7};
        provider_rig_open(STR_EMPTY);
        provider_rig_poll(100, 0);
        ck_assert_int_eq(rig.fixture->provider->lag(rig.state, &lag, &provider_error),
                         WF_OK);
        ck_assert_int_le(lag.bytes, rig.fixture->idle_bytes);
        ck_assert_int_le(lag.seconds, 0);
        ck_assert_int_ge(lag.bytes, -1);
        ck_assert_int_ge(lag.headroom_bytes, -1);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(a_second_cleanup_finds_nothing)
{
    provider_rig_setup(_i);
    if (rig.fixture->provider->cleanup) {
        struct buf removed;
        buf_init(&removed, LIMIT_CONFIG_BYTES);
        provider_rig_open(STR_EMPTY);
        provider_rig_poll(100, 0);
        ck_assert_int_eq(
            rig.fixture->provider->cleanup(rig.state, &removed, &provider_error), WF_OK);
        ck_assert_int_eq(rig.fixture->durable, removed.len > 0);
        buf_clear(&removed);
        ck_assert_int_eq(
            rig.fixture->provider->cleanup(rig.state, &removed, &provider_error), WF_OK);
        ck_assert_uint_eq(removed.len, 0);
        buf_release(&removed);
    }
    provider_rig_teardown();
}
END_TEST

/* ---- snapshots ----------------------------------------------------------------------- */

static wf_status note_table(void *ctx, wf_str table, int64_t rows, wf_error *error)
{
    (void)error;
    struct buf *name = ctx;
    ck_assert_int_ge(rows, -1);
    buf_clear(name);
    buf_str(name, table);
    return WF_OK;
}

struct chunk_rows {
    int64_t numbers[PROVIDER_RIG_EVENTS];
    size_t count;
};

static wf_status note_row(void *ctx, struct cdc_table *table,
                          const struct cdc_value *values, wf_str identity, wf_error *error)
{
    (void)identity;
    (void)error;
    struct chunk_rows *rows = ctx;
    ck_assert_uint_eq(table->count, 2);
    ck_assert_int_eq(values[0].kind, CDC_VALUE_INT);
    rows->numbers[rows->count++] = values[0].integer;
    return WF_OK;
}

START_TEST(chunks_give_every_row_once_in_the_order_of_the_key_and_marks_are_reached)
{
    provider_rig_setup(_i);
    const struct cdc_snapshot_reader *how = rig.fixture->provider->snapshot;
    if (how) {
        struct buf table, after;
        struct chunk_rows rows = {.count = 0};
        buf_init(&table, LIMIT_TEXT_BYTES);
        buf_init(&after, LIMIT_TEXT_BYTES);
        provider_rig_open(STR_EMPTY);
        for (int64_t n = 1; n <= 20; n++)
            rig.fixture->insert(&rig, n);
        ck_assert_int_eq(rig.fixture->provider->snapshot_tables(
                             rig.state, &table, note_table, &provider_error),
                         WF_OK);
        void *reader = calloc(1, how->size);
        ck_assert_int_eq(how->open(reader, rig.state, rig.settings, &provider_error),
                         WF_OK);
        bool done = false;
        for (int chunk = 0; !done && chunk < 20; chunk++) {
            struct buf next;
            buf_init(&next, LIMIT_TEXT_BYTES);
            struct cdc_chunk_request ask = {.table = buf_view(&table),
                                            .after = buf_view(&after),
                                            .max_rows = 3,
                                            .ctx = &rows,
                                            .row = note_row};
            struct cdc_chunk_result result = {.after = &next};
            size_t before = rows.count;
            wf_status status = how->read_chunk(reader, &ask, &result, &provider_error);
            ck_assert_msg(status == WF_OK, "%s", provider_error.text);
            ck_assert_uint_le(rows.count - before, 3);
            done = result.done;
            buf_release(&after);
            after = next;
        }
        ck_assert(done);
        ck_assert_uint_eq(rows.count, 20);
        for (size_t i = 0; i < rows.count; i++)
            ck_assert_int_eq(rows.numbers[i], (int64_t)i + 1);
        uint64_t mark = 0;
        ck_assert_int_eq(how->mark(reader, &mark, &provider_error), WF_OK);
        int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
        while (rig.mark < mark && clock_mono_ms() < deadline)
            provider_rig_poll(100, 100);
        ck_assert_uint_ge(rig.mark, mark);
        ck_assert_uint_eq(rig.count,
                          20); /* all that came before the mark was given before it */
        how->close(reader);
        free(reader);
        reader = calloc(1, how->size);
        how->close(reader);
        free(reader);
        buf_release(&table);
        buf_release(&after);
    }
    provider_rig_teardown();
}
END_TEST

START_TEST(a_provider_with_snapshots_of_its_own_makes_one)
{
    provider_rig_setup(_i);
    if (rig.fixture->provider->snapshot_own) {
        const wf_str tables[] = {STR("a"), STR("b")};
        provider_rig_open(STR_EMPTY);
        rig.fixture->insert(&rig, 1);
        ck_assert_int_eq(
            rig.fixture->provider->snapshot_own(rig.state, tables, 2, &provider_error),
            WF_OK);
        if (rig.fixture->answer)
            rig.fixture->answer(&rig);
        provider_rig_read(2);
        ck_assert_int_eq(rig.events[0].n, 1);
    }
    provider_rig_teardown();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("provider contract");
    TCase *tests = tcase_create("every provider");
    tcase_set_timeout(tests, 120);
    all = provider_rig_count();
    tcase_add_unchecked_fixture(tests, provider_rig_begin, NULL);
    tcase_add_loop_test(tests, the_table_of_functions_is_complete, 0, all);
    tcase_add_loop_test(tests, changes_come_in_the_order_they_were_made, 0, all);
    tcase_add_loop_test(tests, every_change_has_an_id_of_its_own, 0, all);
    tcase_add_loop_test(
        tests, a_change_that_found_no_room_is_given_again_and_none_is_lost_or_doubled, 0,
        all);
    tcase_add_loop_test(tests, a_budget_of_nothing_reads_nothing, 0, all);
    tcase_add_loop_test(tests, no_poll_gives_more_than_its_budget, 0, all);
    tcase_add_loop_test(tests, a_quiet_poll_returns_when_its_time_is_up, 0, all);
    tcase_add_loop_test(tests, an_interrupt_ends_a_poll_also_one_that_begins_later, 0,
                        2 * all);
    tcase_add_loop_test(tests, after_a_confirm_an_open_goes_on_behind_it, 0, all);
    tcase_add_loop_test(tests, what_was_not_confirmed_comes_again_with_the_same_ids, 0,
                        all);
    tcase_add_loop_test(tests, another_identity_than_the_stored_one_is_refused, 0, all);
    tcase_add_loop_test(tests, a_state_that_was_never_opened_can_be_closed, 0, all);
    tcase_add_loop_test(tests, a_state_whose_open_failed_can_be_closed, 0, all);
    tcase_add_loop_test(tests, the_lag_is_nothing_when_nothing_waits, 0, all);
    tcase_add_loop_test(tests, a_second_cleanup_finds_nothing, 0, all);
    tcase_add_loop_test(
        tests, chunks_give_every_row_once_in_the_order_of_the_key_and_marks_are_reached, 0,
        all);
    tcase_add_loop_test(tests, a_provider_with_snapshots_of_its_own_makes_one, 0, all);
    suite_add_tcase(suite, tests);
    return suite;
}
