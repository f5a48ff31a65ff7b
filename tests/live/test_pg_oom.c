/* SPDX-License-Identifier: MIT
 *
 * The provider without memory, on a real server: an allocation fails, libpq's own among
 * them, over and over another one.  Either the call did without, or it says something that
 * another attempt heals; then changes go on where they were, none lost and none twice.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_position.h"
#include "providers/postgres/pg_slices.h"
#include "tests/support/oom.h"
#include "tests/support/pg_chunk_rig.h"
#include "tests/support/pg_rig.h"
#include "tests/support/provider_rig.h"
#include "tests/support/run.h"

#if OOM_POSSIBLE

extern const struct cdc_provider cdc_provider_postgres;

/* ---- what must not allocate while an allocation is to fail: Check's macros do --------- */

static int64_t taken[64];
static size_t taken_count;
static size_t kept; /* of them, before the last position */
static char reached[LIMIT_POSITION];
static size_t reached_len;

static wf_status take(void *ctx, const struct cdc_change *change, wf_error *err)
{
    (void)ctx, (void)err;
    if (change->op == CDC_DDL)
        return WF_OK;
    if (taken_count < CDC_COUNT(taken))
        taken[taken_count] = change->after ? change->after[0].integer : -1;
    taken_count++;
    return WF_OK;
}

static void reach(void *ctx, wf_str position)
{
    (void)ctx;
    memcpy(reached, position.ptr, position.len);
    reached_len = position.len;
    kept = taken_count;
}

static wf_status take_schema(void *ctx, wf_str table, wf_str ddl, wf_str position,
                             wf_error *err)
{
    (void)ctx, (void)table, (void)ddl, (void)position, (void)err;
    return WF_OK;
}

static void be_silent(void *ctx, enum log_level level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

/* ---- the provider -------------------------------------------------------------------- */

static void begin(void)
{
    pg_rig_begin((const char *const[]){"max_replication_slots=8", NULL});
}

static void setup(void)
{
    provider_rig_setup_with(&provider_fixture_postgres);
    rig.out.emit = take;
    rig.out.commit = reach;
    rig.out.schema = take_schema;
    rig.out.notice = be_silent;
    taken_count = kept = reached_len = 0;
    pg_rig_exec("CREATE TYPE pair AS (a int, t text);"
                "CREATE TABLE wide (n bigint PRIMARY KEY, p pair, l int[], d jsonb)");
}

/* All allocations one by one at first, then with growing steps: an open costs some ten
 * milliseconds. */
static long next_of(long n)
{
    return n + 1 + n / 24;
}

static void accepted(wf_status status, long n)
{
    ck_assert_msg(status == WF_OK || status == WF_NO_MEMORY || status == WF_UNAVAILABLE,
                  "allocation %ld: %d: %s", n, (int)status, provider_error.text);
}

static wf_status open_armed(long n, bool *out_hit)
{
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&identity, LIMIT_TEXT_BYTES);
    rig.state = calloc(1, cdc_provider_postgres.state_size);
    ck_assert_ptr_nonnull(rig.state);
    struct cdc_open with = {
        .settings = rig.settings,
        .out = &rig.out,
        .cancelled = &rig.cancelled,
        .out_identity = &identity,
    };
    oom_arm(n);
    wf_status status = cdc_provider_postgres.open(rig.state, &with, &provider_error);
    *out_hit = oom_disarm();
    return status;
}

/* A session that was just left has its slot for a moment more. */
static void leave(void)
{
    provider_rig_close();
    pg_rig_wait("SELECT count(*) FROM pg_replication_slots WHERE active", "0");
}

static void wipe(void)
{
    pg_rig_exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    pg_rig_exec("DO $$ DECLARE p text; BEGIN FOR p IN SELECT pubname FROM pg_publication "
                "LOOP EXECUTE format('DROP PUBLICATION %I', p); END LOOP; END $$");
    pg_rig_exec("SET client_min_messages = error;"
                "DROP SCHEMA IF EXISTS workflow_plugin_cdc CASCADE");
}

START_TEST(an_open_without_memory_can_be_repeated)
{
    long n = 0;
    for (bool hit = true; hit && n < OOM_MOST; n = next_of(n)) {
        accepted(open_armed(n, &hit), n);
        leave();
        if (n % 2)
            wipe();
    }
    ck_assert_int_gt(n, 100);
    provider_rig_open(STR_EMPTY);
    pg_rig_exec("INSERT INTO items VALUES (1, 'a')");
    while (!taken_count)
        provider_rig_poll(100, 100);
    ck_assert_int_eq(taken[0], 1);
}
END_TEST

/* What was emitted behind the last position comes again. */
static void go_on(void)
{
    leave();
    taken_count = kept;
    provider_rig_open((wf_str){reached, reached_len});
}

static void write_rows(int64_t first)
{
    pg_rig_execf("ALTER TABLE wide ALTER d SET DEFAULT '{\"n\": %lld}'", (long long)first);
    pg_rig_execf("BEGIN; INSERT INTO items VALUES (%1$lld, repeat('x', 9000));"
                 "INSERT INTO wide VALUES (%1$lld + 1, (7, 'a \"b\"'), '{1,2}');"
                 "UPDATE wide SET l = NULL WHERE n = %1$lld + 1; COMMIT;"
                 "DELETE FROM wide WHERE n = %1$lld + 1",
                 (long long)first);
}

/* Numbers of the rows: an INSERT each, an UPDATE, a DELETE (which has only a key). */
static void all_came(int64_t first)
{
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (taken_count < 4 && clock_mono_ms() < deadline)
        provider_rig_poll(100, 100);
    ck_assert_uint_eq(taken_count, 4);
    ck_assert_int_eq(taken[0], first);
    ck_assert_int_eq(taken[1], first + 1);
    ck_assert_int_eq(taken[2], first + 1);
    ck_assert_int_eq(taken[3], -1);
    taken_count = kept = 0;
}

START_TEST(a_poll_without_memory_loses_and_doubles_nothing)
{
    struct cdc_budget budget = {300, 100};
    long n = 0;
    provider_rig_open(STR_EMPTY);
    for (bool hit = true; hit && n < OOM_MOST; n = next_of(n)) {
        wf_status status = WF_OK;
        write_rows(1 + 2 * n);
        oom_arm(n);
        while (!status && taken_count < 4)
            status = cdc_provider_postgres.poll(rig.state, budget, &provider_error);
        hit = oom_disarm();
        accepted(status, n);
        if (status || n % 2)
            go_on(); /* anew, or little is left to be allocated */
        all_came(1 + 2 * n);
    }
    ck_assert_int_gt(n, 20);
}
END_TEST

/* ---- snapshots ----------------------------------------------------------------------- */

static wf_status count_row(void *ctx, struct cdc_table *table,
                           const struct cdc_value *values, wf_str identity, wf_error *err)
{
    (void)table, (void)values, (void)identity, (void)err;
    ++*(int *)ctx;
    return WF_OK;
}

static wf_status read_chunk(int *rows, struct buf *after)
{
    struct cdc_chunk_request request = {
        .table = STR("public.t"), .max_rows = 2, .ctx = rows, .row = count_row};
    struct cdc_chunk_result result = {after, false};
    uint64_t mark;
    void *reader = calloc(1, pg_snapshot_reader.size);
    if (!reader)
        return WF_NO_MEMORY;
    wf_status status = pg_snapshot_reader.open(reader, &pg_chunks.state,
                                               &pg_chunks.settings, &provider_error);
    if (!status)
        status = pg_snapshot_reader.mark(reader, &mark, &provider_error);
    if (!status)
        status = pg_snapshot_reader.read_chunk(reader, &request, &result, &provider_error);
    pg_snapshot_reader.close(reader);
    free(reader);
    return status;
}

START_TEST(a_chunk_without_memory_is_not_half_a_chunk)
{
    long n = 0;
    pg_rig_exec(
        "CREATE TYPE pair AS (a int, t text);"
        "CREATE TABLE t (n bigint PRIMARY KEY, p pair, l int[]);"
        "INSERT INTO t SELECT g, ROW(g, 'x')::pair, '{1,2}' FROM generate_series(1, 9) g;"
        "CREATE PUBLICATION pub FOR TABLE t");
    for (bool hit = true; hit && n < OOM_MOST; n = next_of(n)) {
        int rows = 0;
        CDC_CLEANUP(buf_release) struct buf after;
        buf_init(&after, LIMIT_TEXT_BYTES);
        oom_arm(n);
        wf_status status = read_chunk(&rows, &after);
        hit = oom_disarm();
        accepted(status, n);
        ck_assert(status || (rows == 2 && after.len > 0));
    }
    ck_assert_int_gt(n, 100);
}
END_TEST

/* ---- slices -------------------------------------------------------------------------- */

static struct cancel cancel;

static wf_status slice(struct pg_slices *slices, const struct pg_stream_start *start,
                       size_t *out_count)
{
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    *out_count = 0;
    wf_status status = pg_slices_open(slices, rig.settings, start, &provider_error);
    while (!status && clock_mono_ms() < deadline) {
        struct pg_feed_item item;
        status = pg_slices_next(slices, &item, &provider_error);
        if (!status && item.kind == PG_FEED_NOTHING && slices->finished)
            break;
        if (!status && item.kind == PG_FEED_NOTHING)
            status = pg_slices_wait(slices, 1000, &provider_error);
        else
            *out_count += !status && item.kind == PG_FEED_DATA;
    }
    return status;
}

START_TEST(slices_without_memory_say_so_and_leave_nothing)
{
    const struct pg_slices_sizes sizes = {.first = 16384,
                                          .most = 32768,
                                          .enough = 8192,
                                          .hopeless = (uint64_t)1 << 30,
                                          .advance = 8192};
    char lsn[PG_LSN_TEXT];
    struct pg_stream_start start = {.slot = "main", .publications = "\"p\""};
    size_t whole = 0;
    long n = 0;
    pg_rig_exec("CREATE PUBLICATION p FOR TABLE items");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('main', 'pgoutput')");
    snprintf(lsn, sizeof lsn, "%s",
             pg_rig_query("SELECT confirmed_flush_lsn FROM pg_replication_slots "
                          "WHERE slot_name = 'main'"));
    ck_assert(pg_position_lsn_parse(str_from(lsn), &start.from));
    pg_rig_exec("INSERT INTO items SELECT g, repeat('x', 400) FROM generate_series(1, 90) "
                "g; SELECT pg_logical_emit_message(false, 'x', repeat('x', 40000))");
    ck_assert_int_eq(cancel_open(&cancel, &provider_error), WF_OK);
    for (bool hit = true; hit && n < OOM_MOST; n = next_of(n)) {
        struct pg_slices slices = {.cancel = &cancel, .sizes = sizes};
        size_t count;
        oom_arm(n);
        wf_status status = slice(&slices, &start, &count);
        hit = oom_disarm();
        pg_slices_close(&slices);
        accepted(status, n);
        if (!status)
            whole = whole ? whole : count;
        ck_assert(status || (count > 90 && count == whole));
    }
    ck_assert_int_gt(n, 100);
    pg_rig_wait("SELECT count(*) FROM pg_replication_slots", "1");
    cancel_close(&cancel);
}
END_TEST

#endif

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_oom");
#if OOM_POSSIBLE
    TCase *tc = tcase_create("provider");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, provider_rig_teardown);
    tcase_set_timeout(tc, 100);
    tcase_add_test(tc, an_open_without_memory_can_be_repeated);
    tcase_add_test(tc, a_poll_without_memory_loses_and_doubles_nothing);
    tcase_add_test(tc, slices_without_memory_say_so_and_leave_nothing);
    suite_add_tcase(suite, tc);
    tc = tcase_create("chunks");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, pg_chunk_rig_setup, pg_chunk_rig_teardown);
    tcase_set_timeout(tc, 100);
    tcase_add_test(tc, a_chunk_without_memory_is_not_half_a_chunk);
    suite_add_tcase(suite, tc);
#endif
    return suite;
}
