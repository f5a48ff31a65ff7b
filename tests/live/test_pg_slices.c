/* SPDX-License-Identifier: MIT
 *
 * Tests of providers/postgres/pg_slices, against a real server.
 *
 * Slices here are some KiB large, so that little WAL makes many and borders fall into the
 * middle of transactions and records.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/str.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_position.h"
#include "providers/postgres/pg_slices.h"
#include "providers/postgres/pgoutput.h"
#include "tests/support/pg_rig.h"
#include "tests/support/run.h"

#define READ_BYTES (64u << 20)
#define SLOTS 8 /* of the server */

static struct cancel cancel;
static struct pg_slices slices;
static struct pg_conn control;
static struct pg_options options;
static struct cdc_settings settings;
static wf_error error;
static struct buf read_bytes; /* what came, as pg_rig_query gives it */
static uint64_t latest;       /* the last commit record */
static uint64_t border;       /* the last end of a slice */
static unsigned ends;

static void begin(void)
{
    pg_rig_begin((const char *[]){"max_replication_slots=8", NULL});
}

static void setup(void)
{
    pg_rig_setup();
    /* What a test that failed has left. */
    pg_rig_exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    pg_rig_exec("CREATE TABLE t (id bigint PRIMARY KEY, body text)");
    pg_rig_exec("CREATE TABLE u (id bigint PRIMARY KEY, body text)");
    pg_rig_exec("CREATE PUBLICATION p FOR TABLE t, u");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('main', 'pgoutput')");
    cancel = (struct cancel){0};
    options = (struct pg_options){0};
    settings = (struct cdc_settings){.source_id = STR("slices"), .options = &options};
    settings.connection = str_from(pg_rig_connection());
    ck_assert_int_eq(cancel_open(&cancel, &error), WF_OK);
    control = (struct pg_conn){.cancel = &cancel};
    slices = (struct pg_slices){.cancel = &cancel};
    slices.sizes = (struct pg_slices_sizes){.first = 8192,
                                            .most = 32768,
                                            .enough = 2048,
                                            .hopeless = (uint64_t)1 << 30,
                                            .advance = 8192};
    ck_assert_int_eq(pg_conn_open(&control, &settings, PG_CONN_CONTROL, &error), WF_OK);
    buf_init(&read_bytes, READ_BYTES);
    latest = border = ends = 0;
}

static void teardown(void)
{
    pg_slices_close(&slices);
    pg_conn_close(&control);
    cancel_close(&cancel);
    buf_release(&read_bytes);
    pg_rig_teardown();
}

static uint64_t lsn_of(const char *sql)
{
    uint64_t lsn = 0;
    ck_assert(pg_position_lsn_parse(str_from(pg_rig_query(sql)), &lsn));
    return lsn;
}

static uint64_t confirmed(void)
{
    return lsn_of("SELECT confirmed_flush_lsn FROM pg_replication_slots "
                  "WHERE slot_name = 'main'");
}

static wf_status open_from(uint64_t from)
{
    struct pg_stream_start start = {.slot = "main", .publications = "\"p\"", .from = from};
    return pg_slices_open(&slices, &settings, &start, &error);
}

static void open_all(void)
{
    ck_assert_msg(open_from(confirmed()) == WF_OK, "%s", error.text);
}

/* Relations come in every slice again; a time of day is no matter here. */
static void keep(wf_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (bytes.ptr[0] == PGOUTPUT_RELATION || bytes.ptr[0] == PGOUTPUT_TYPE)
        return;
    for (size_t i = 0; i < bytes.len; i++) {
        buf_byte(&read_bytes, digits[(uint8_t)bytes.ptr[i] >> 4]);
        buf_byte(&read_bytes, digits[(uint8_t)bytes.ptr[i] & 15]);
    }
    buf_byte(&read_bytes, '\n');
}

static void take(const struct pg_feed_item *item)
{
    struct pgoutput_message message;
    if (item->kind == PG_FEED_END) {
        ck_assert_uint_gt(item->lsn, border);
        ck_assert_uint_lt(latest, item->lsn);
        border = item->lsn;
        ends++;
        return;
    }
    ck_assert_int_eq(item->kind, PG_FEED_DATA);
    ck_assert_msg(!pgoutput_parse(item->bytes, false, &message, &error), "%s", error.text);
    keep(item->bytes);
    if (message.kind != PGOUTPUT_COMMIT)
        return;
    ck_assert_uint_gt(message.lsn, latest);
    ck_assert_uint_ge(message.lsn, border);
    latest = message.lsn;
}

/* Reads until `most` slices are over or nothing more comes. */
static wf_status read_some(unsigned most)
{
    int64_t deadline = clock_mono_ms() + 20000;
    while (ends < most) {
        struct pg_feed_item item;
        wf_status status = pg_slices_next(&slices, &item, &error);
        if (status || (item.kind == PG_FEED_NOTHING && slices.finished))
            return status;
        if (item.kind == PG_FEED_NOTHING)
            ck_assert_int_eq(pg_slices_wait(&slices, 1000, &error), WF_OK);
        else
            take(&item);
        ck_assert_int_lt(clock_mono_ms(), deadline);
    }
    return WF_OK;
}

static void read_all(void)
{
    ck_assert_msg(read_some(UINT32_MAX) == WF_OK, "%s", error.text);
}

/* What was read is what one reading of the slot itself gives, up to the last border. */
static void is_all_of(const char *slot)
{
    char sql[600];
    char upto[PG_LSN_TEXT];
    pg_position_lsn_write(border, upto);
    snprintf(sql, sizeof sql,
             "SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('%s', "
             "'%s', NULL, 'proto_version', '1', 'publication_names', 'p'%s) "
             "WHERE get_byte(data, 0) NOT IN (82, 89)",
             slot, upto, pg_rig_version() >= 140000 ? ", 'messages', 'true'" : "");
    wf_str expected = str_trim(str_from(pg_rig_query(sql)));
    wf_str got = str_trim(buf_view(&read_bytes));
    ck_assert_uint_gt(expected.len, 0);
    ck_assert_msg(str_eq(got, expected), "%zu bytes read instead of %zu", got.len,
                  expected.len);
}

static long long copies(void)
{
    return pg_rig_number("SELECT count(*) FROM pg_replication_slots WHERE temporary");
}

/* Some hundred KiB of WAL: small and large transactions, side by side, with parts rolled
 * back, a table that changes, messages, and one transaction over many slices. */
static void work(void)
{
    PGconn *other = pg_rig_connect();
    pg_rig_on(other, "BEGIN; INSERT INTO u VALUES (-1, 'begun first')");
    for (int i = 0; i < 100; i++)
        pg_rig_execf("INSERT INTO t VALUES (%d, repeat('x', %d))", i, i * 7);
    pg_rig_exec("DO $$ BEGIN INSERT INTO t SELECT 1000 + g, md5(g::text) "
                "FROM generate_series(1, 800) g; END $$");
    pg_rig_exec("DO $$ BEGIN FOR i IN 1..60 LOOP BEGIN "
                "INSERT INTO t VALUES (3000 + i, 'sub'); "
                "IF i % 3 = 0 THEN RAISE 'no'; END IF; "
                "EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$");
    pg_rig_on(other, "UPDATE u SET body = 'again'");
    pg_rig_exec("ALTER TABLE t ADD COLUMN more int DEFAULT 5");
    pg_rig_exec("UPDATE t SET more = id WHERE id < 50");
    pg_rig_exec("DELETE FROM t WHERE id BETWEEN 1000 AND 1400");
    pg_rig_exec("SELECT pg_logical_emit_message(true, 'x', repeat('m', 20000))");
    pg_rig_on(other,
              "INSERT INTO u SELECT 5000 + g, 'late' FROM generate_series(1, 300) g");
    pg_rig_exec("CHECKPOINT");
    for (int i = 0; i < 50; i++)
        pg_rig_execf("INSERT INTO t VALUES (%d, 'tail')", 7000 + i);
    pg_rig_on(other, "COMMIT");
    PQfinish(other);
    pg_rig_exec("TRUNCATE t");
    for (int i = 0; i < 50; i++)
        pg_rig_execf("INSERT INTO t VALUES (%d, 'end')", i);
}

/* Leaves `spare` slots free. */
static void fill_slots(int spare)
{
    long long used = pg_rig_number("SELECT count(*) FROM pg_replication_slots");
    for (long long i = used; i < SLOTS - spare; i++)
        pg_rig_execf("SELECT pg_create_physical_replication_slot('full_%lld')", i);
}

static void drop_fillers(void)
{
    pg_rig_exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE slot_name LIKE 'full_%'");
}

START_TEST(slices_of_any_size_give_what_one_reading_gives)
{
    static const uint64_t firsts[] = {4096, 8192, 9001, 12345, 40000, 100003};
    slices.sizes.first = firsts[_i / 2];
    slices.sizes.most = firsts[_i / 2] * 4;
    work();
    if (_i % 2)
        fill_slots(1);
    open_all();
    ck_assert_uint_eq(slices.lanes, _i % 2 ? 1 : 2);
    read_all();
    ck_assert_uint_gt(ends, 1);
    ck_assert_uint_gt(border + slices.sizes.enough, slices.wal_end);
    is_all_of("main");
    if (_i % 2)
        drop_fillers();
}
END_TEST

START_TEST(slices_begin_behind_what_was_delivered)
{
    work();
    pg_rig_exec("SELECT pg_copy_logical_replication_slot('main', 'expected')");
    uint64_t from = lsn_of("SELECT lsn FROM pg_logical_slot_get_binary_changes('expected', "
                           "NULL, 150, 'proto_version', '1', 'publication_names', 'p') "
                           "ORDER BY lsn DESC LIMIT 1");
    from = lsn_of("SELECT confirmed_flush_lsn FROM pg_replication_slots "
                  "WHERE slot_name = 'expected'");
    ck_assert_uint_gt(from, confirmed());
    ck_assert_int_eq(open_from(from), WF_OK);
    read_all();
    is_all_of("expected");
}
END_TEST

START_TEST(what_is_written_meanwhile_comes_too)
{
    work();
    open_all();
    ck_assert_int_eq(read_some(3), WF_OK);
    pg_rig_exec("INSERT INTO t SELECT 20000 + g, 'new' FROM generate_series(1, 1000) g");
    read_all();
    ck_assert_uint_gt(latest, 0);
    is_all_of("main");
    ck_assert(str_find(buf_view(&read_bytes), STR("6e6577")) >= 0); /* new */
}
END_TEST

START_TEST(near_the_head_there_is_nothing_to_slice)
{
    struct pg_feed_item item;
    slices.sizes = (struct pg_slices_sizes){0};
    work();
    open_all();
    ck_assert_int_eq(pg_slices_next(&slices, &item, &error), WF_OK);
    ck_assert(item.kind == PG_FEED_NOTHING && slices.finished);
}
END_TEST

START_TEST(without_a_slot_to_spare_it_says_so)
{
    work();
    fill_slots(0);
    ck_assert_int_eq(open_from(confirmed()), WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "max_replication_slots"));
    drop_fillers();
}
END_TEST

START_TEST(without_the_right_it_says_so)
{
    pg_rig_exec("DROP ROLE IF EXISTS slices_nobody; CREATE ROLE slices_nobody LOGIN");
    char connection[300];
    snprintf(connection, sizeof connection, "%s user=slices_nobody", pg_rig_connection());
    settings.connection = str_from(connection);
    ck_assert_int_eq(open_from(confirmed()), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "REPLICATION"));
    pg_rig_exec("DROP ROLE slices_nobody");
}
END_TEST

START_TEST(a_slot_that_is_gone_or_moved_is_told)
{
    uint64_t before = confirmed();
    work();
    pg_rig_exec("SELECT pg_replication_slot_advance('main', pg_current_wal_lsn())");
    ck_assert_int_eq(open_from(before), WF_STATE);
    ck_assert_ptr_nonnull(strstr(error.text, "moved past"));
    pg_slices_close(&slices);
    pg_rig_exec("SELECT pg_drop_replication_slot('main')");
    slices = (struct pg_slices){.cancel = &cancel};
    ck_assert_int_eq(open_from(before), WF_STATE);
    ck_assert_ptr_nonnull(strstr(error.text, "slot"));
}
END_TEST

START_TEST(a_publication_that_is_not_there_is_told)
{
    work();
    struct pg_stream_start start = {
        .slot = "main", .publications = "\"it's\"", .from = confirmed()};
    ck_assert_int_eq(pg_slices_open(&slices, &settings, &start, &error), WF_OK);
    /* PostgreSQL 18 only warns, and sends nothing: that is a failure all the same. */
    ck_assert_int_eq(read_some(UINT32_MAX), WF_STATE);
    ck_assert_ptr_nonnull(strstr(error.text, "does not exist"));
    ck_assert_uint_eq(read_bytes.len, 0);
}
END_TEST

START_TEST(a_session_that_is_ended_is_told_and_the_rest_comes_another_time)
{
    work();
    uint64_t from = confirmed();
    open_all();
    ck_assert_int_eq(read_some(2), WF_OK);
    uint64_t delivered = border;
    pg_rig_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE 'workflow-plugin-cdc % catch-up'");
    ck_assert_int_eq(read_some(UINT32_MAX), WF_UNAVAILABLE);
    ck_assert_uint_ge(border, delivered);
    pg_slices_close(&slices);
    pg_rig_wait("SELECT count(*) FROM pg_replication_slots WHERE temporary", "0");
    ck_assert_uint_eq(confirmed(), from);
    /* The whole again, behind the last border. */
    read_bytes.len = 0;
    slices = (struct pg_slices){.cancel = &cancel, .sizes = slices.sizes};
    char sql[200];
    char text[PG_LSN_TEXT];
    pg_position_lsn_write(border, text);
    pg_rig_exec("SELECT pg_copy_logical_replication_slot('main', 'rest')");
    snprintf(sql, sizeof sql, "SELECT pg_replication_slot_advance('rest', '%s')", text);
    pg_rig_exec(sql);
    latest = 0;
    ck_assert_int_eq(open_from(border), WF_OK);
    read_all();
    is_all_of("rest");
}
END_TEST

START_TEST(closing_anywhere_leaves_no_copy)
{
    work();
    open_all();
    ck_assert_int_eq(copies(), 2);
    ck_assert_int_eq(read_some((unsigned)_i), WF_OK);
    pg_slices_close(&slices);
    pg_slices_close(&slices);
    pg_rig_wait("SELECT count(*) FROM pg_replication_slots WHERE temporary", "0");
    ck_assert_int_eq(pg_rig_number("SELECT count(*) FROM pg_replication_slots"), 1);
}
END_TEST

START_TEST(the_slot_itself_moves_with_what_was_delivered)
{
    work();
    open_all();
    uint64_t from = confirmed();
    ck_assert_int_eq(read_some(2), WF_OK);
    ck_assert_uint_eq(confirmed(), from);
    ck_assert_int_eq(pg_slices_advance(&slices, &control, from + 1, &error), WF_OK);
    ck_assert_int_eq(pg_slices_settle(&slices, &control, &error), WF_OK);
    ck_assert_uint_eq(confirmed(), from); /* not worth it */
    ck_assert_int_eq(pg_slices_advance(&slices, &control, border, &error), WF_OK);
    ck_assert_int_eq(pg_slices_settle(&slices, &control, &error), WF_OK);
    ck_assert_uint_eq(confirmed(), border);
    ck_assert_int_eq(pg_rig_number("SELECT count(*) FROM pg_replication_slots "
                                   "WHERE slot_name = 'main' AND active"),
                     0);
    read_all(); /* moving it takes nothing from the copies */
    ck_assert_int_eq(pg_slices_advance(&slices, &control, border, &error), WF_OK);
    ck_assert_int_eq(pg_slices_settle(&slices, &control, &error), WF_OK);
    ck_assert_uint_eq(confirmed(), border);
}
END_TEST

START_TEST(a_slot_that_somebody_else_took_is_told)
{
    work();
    open_all();
    ck_assert_int_eq(read_some(3), WF_OK);
    pg_rig_exec("SELECT pg_drop_replication_slot('main')");
    ck_assert_int_eq(pg_slices_advance(&slices, &control, border, &error), WF_OK);
    ck_assert_int_eq(pg_conn_wait(&control, 5000), PG_CONN_READY);
    ck_assert_int_eq(
        pg_slices_advance(&slices, &control, border + slices.sizes.advance, &error),
        WF_STATE);
    ck_assert_ptr_nonnull(strstr(error.text, "main"));
}
END_TEST

START_TEST(a_forgotten_transaction_ends_it)
{
    PGconn *other = pg_rig_connect();
    pg_rig_on(other, "BEGIN; INSERT INTO u VALUES (-2, 'forgotten')");
    slices.sizes.hopeless = 65536;
    work();
    open_all();
    ck_assert_int_eq(read_some(UINT32_MAX), WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "pg_stat_activity"));
    ck_assert_uint_gt(ends, 1);
    is_all_of("main");
    pg_rig_on(other, "ROLLBACK");
    PQfinish(other);
}
END_TEST

START_TEST(a_transaction_over_many_slices_ends_it_soon)
{
    slices.sizes.hopeless = 16 * 65536;
    pg_rig_exec("INSERT INTO t VALUES (0, 'small')");
    pg_rig_exec("INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 2000) g");
    open_all();
    ck_assert_int_eq(read_some(UINT32_MAX), WF_UNAVAILABLE);
    ck_assert_uint_gt(ends, 2);
    ck_assert_uint_lt(border, slices.wal_end - 500000);
    is_all_of("main"); /* the small one */
}
END_TEST

START_TEST(an_interrupt_ends_a_wait)
{
    work();
    open_all();
    cancel_raise(&cancel);
    int64_t begin_ms = clock_mono_ms();
    ck_assert_int_eq(pg_slices_wait(&slices, 10000, &error), WF_OK);
    ck_assert_int_lt(clock_mono_ms() - begin_ms, 1000);
    ck_assert(cancel_take(&cancel));
    read_all();
    is_all_of("main");
}
END_TEST

START_TEST(an_interrupt_ends_opening)
{
    work();
    cancel_raise(&cancel);
    ck_assert_int_eq(open_from(0x100), WF_CANCELLED);
    ck_assert_int_eq(copies(), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_slices");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 40);
    tcase_add_loop_test(tc, slices_of_any_size_give_what_one_reading_gives, 0, 12);
    tcase_add_test(tc, slices_begin_behind_what_was_delivered);
    tcase_add_test(tc, what_is_written_meanwhile_comes_too);
    tcase_add_test(tc, near_the_head_there_is_nothing_to_slice);
    tcase_add_test(tc, without_a_slot_to_spare_it_says_so);
    tcase_add_test(tc, without_the_right_it_says_so);
    tcase_add_test(tc, a_slot_that_is_gone_or_moved_is_told);
    tcase_add_test(tc, a_publication_that_is_not_there_is_told);
    tcase_add_test(tc, a_session_that_is_ended_is_told_and_the_rest_comes_another_time);
    tcase_add_loop_test(tc, closing_anywhere_leaves_no_copy, 0, 4);
    tcase_add_test(tc, the_slot_itself_moves_with_what_was_delivered);
    tcase_add_test(tc, a_slot_that_somebody_else_took_is_told);
    tcase_add_test(tc, a_forgotten_transaction_ends_it);
    tcase_add_test(tc, a_transaction_over_many_slices_ends_it_soon);
    tcase_add_test(tc, an_interrupt_ends_a_wait);
    tcase_add_test(tc, an_interrupt_ends_opening);
    suite_add_tcase(suite, tc);
    return suite;
}
