/* SPDX-License-Identifier: MIT
 *
 * A transaction that waits for its synchronous standby is in the stream, and nobody sees it
 * yet.  A chunk that is read then would show the row of before, behind the change that was
 * delivered; it has to wait, however many others have committed since.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_snapshot.h"
#include "providers/postgres/postgres.h"
#include "tests/support/pg_rig.h"
#include "tests/support/provider_rig.h"
#include "tests/support/run.h"

#define OTHERS 20000

_Static_assert(OTHERS > PG_COMMITS_KEPT, "more than are remembered");

static size_t emitted;

static wf_status count_event(void *ctx, const struct cdc_change *change, wf_error *err)
{
    (void)ctx, (void)err;
    emitted += change->op == CDC_INSERT || change->op == CDC_UPDATE;
    return WF_OK;
}

static void begin(void)
{
    pg_rig_begin((const char *const[]){"synchronous_standby_names=nobody",
                                       "synchronous_commit=local", NULL});
}

static void setup(void)
{
    provider_rig_setup_with(&provider_fixture_postgres);
    rig.out.emit = count_event;
    emitted = 0;
}

static void read_until(size_t count)
{
    int64_t deadline = clock_mono_ms() + 6 * (int64_t)PROVIDER_RIG_WAIT_MS;
    while (emitted < count && clock_mono_ms() < deadline)
        provider_rig_poll(4000, 100);
    ck_assert_uint_eq(emitted, count);
}

/* ---- the reader ---------------------------------------------------------------------- */

static struct reading {
    _Atomic bool ended;
    wf_status status;
    wf_error err;
    char text[40]; /* of the first row */
} reading;

static wf_status take_row(void *ctx, struct cdc_table *table,
                          const struct cdc_value *values, wf_str identity, wf_error *err)
{
    struct reading *r = ctx;
    (void)table, (void)identity, (void)err;
    snprintf(r->text, sizeof r->text, "%.*s", STR_ARG(values[1].text));
    return WF_OK;
}

static void *read_one(void *memory)
{
    CDC_CLEANUP(buf_release) struct buf after;
    buf_init(&after, LIMIT_TEXT_BYTES);
    struct cdc_chunk_request request = {
        .table = STR("public.items"), .max_rows = 1, .ctx = &reading, .row = take_row};
    struct cdc_chunk_result result = {&after, false};
    reading.status = pg_snapshot_reader.open(memory, rig.state, rig.settings, &reading.err);
    if (!reading.status)
        reading.status =
            pg_snapshot_reader.read_chunk(memory, &request, &result, &reading.err);
    pg_snapshot_reader.close(memory);
    atomic_store(&reading.ended, true);
    return NULL;
}

/* ---- the test ------------------------------------------------------------------------ */

START_TEST(a_chunk_waits_for_a_delivered_transaction_behind_any_number_of_others)
{
    pthread_t thread;
    rig.fixture->insert(&rig, 1);
    provider_rig_open(STR_EMPTY);
    PGconn *writer = pg_rig_connect();
    pg_rig_on(writer, "SET synchronous_commit = on");
    ck_assert(PQsendQuery(writer, "UPDATE items SET v = 'new' WHERE n = 1"));
    read_until(1);
    if (_i)
        pg_rig_execf(
            "DO $$ BEGIN FOR i IN 10 .. %d LOOP INSERT INTO items VALUES (i, 'x'); "
            "COMMIT; END LOOP; END $$",
            OTHERS + 9);
    read_until(1 + (size_t)_i * OTHERS);
    memset(&reading, 0, sizeof reading);
    void *memory = calloc(1, pg_snapshot_reader.size);
    ck_assert_ptr_nonnull(memory);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_one, memory), 0);
    for (int i = 0; i < 10; i++)
        provider_rig_poll(100, 50);
    ck_assert(!atomic_load(&reading.ended));
    ck_assert_str_eq(pg_rig_query("SELECT v FROM items WHERE n = 1"), "row 1");
    pg_rig_execf("SELECT pg_cancel_backend(%d)", PQbackendPID(writer));
    pthread_join(thread, NULL);
    ck_assert_msg(!reading.status, "%s", reading.err.text);
    ck_assert_str_eq(reading.text, "new");
    free(memory);
    PQfinish(writer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_sync_wait");
    TCase *tests = tcase_create("pg_sync_wait");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, begin, NULL);
    tcase_add_checked_fixture(tests, setup, provider_rig_teardown);
    tcase_add_loop_test(
        tests, a_chunk_waits_for_a_delivered_transaction_behind_any_number_of_others, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
