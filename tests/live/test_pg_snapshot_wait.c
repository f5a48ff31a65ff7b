/* SPDX-License-Identifier: MIT
 *
 * What a chunk waits for, and what ends the wait; marks.
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/support/pg_chunk_rig.h"
#include "tests/support/run.h"

/* ---- database snapshots that hide what was delivered --------------------------------- */

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

START_TEST(a_chunk_waits_until_it_would_show_what_was_delivered)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1);"
                "CREATE PUBLICATION pub FOR TABLE t");
    PGconn *writer = pg_rig_connect();
    pg_rig_on(writer, "BEGIN");
    pg_rig_on(writer, "UPDATE t SET b = 2");
    PGresult *result = PQexec(writer, "SELECT pg_current_xact_id()");
    uint64_t xid;
    ck_assert(str_to_u64(str_from(PQgetvalue(result, 0, 0)), &xid));
    PQclear(result);
    if (_i) /* so that the writer is before the snapshot's end, and listed */
        pg_rig_exec("CREATE TABLE later ()");
    /* As if its commit were in the WAL, and delivered, but not yet seen by others. */
    pg_commits_add(&pg_chunks.state.commits, (uint32_t)xid);
    struct pg_chunk_rig_background b;
    pg_chunk_rig_start(&b);
    pause_ms(200);
    ck_assert(!atomic_load(&b.ended));
    pg_rig_on(writer, "COMMIT");
    ck_assert_int_eq(pg_chunk_rig_join(&b), WF_OK);
    pg_chunk_rig_expect("{\"a\":1,\"b\":2}\n");
    PQfinish(writer);
}
END_TEST

START_TEST(an_interrupt_ends_any_wait)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1);"
                "CREATE PUBLICATION pub FOR TABLE t");
    PGconn *writer = pg_rig_connect();
    pg_rig_on(writer, "BEGIN");
    if (_i == 0) { /* for a commit */
        PGresult *result = PQexec(writer, "SELECT pg_current_xact_id()");
        uint64_t xid;
        ck_assert(str_to_u64(str_from(PQgetvalue(result, 0, 0)), &xid));
        PQclear(result);
        pg_commits_add(&pg_chunks.state.commits, (uint32_t)xid);
    } else if (_i == 1) { /* for a lock */
        pg_rig_on(writer, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    } else { /* for rows */
        pg_chunks.options.where = STR("{\"t\":\"pg_sleep(60) IS NOT NULL\"}");
    }
    struct pg_chunk_rig_background b;
    pg_chunk_rig_start(&b);
    pause_ms(200);
    ck_assert(!atomic_load(&b.ended));
    int64_t begin = clock_mono_ms();
    pg_snapshot_reader.interrupt(pg_chunks.reader);
    ck_assert_int_eq(pg_chunk_rig_join(&b), WF_CANCELLED);
    ck_assert_int_lt(clock_mono_ms() - begin, 1000);
    ck_assert_int_eq(pg_chunk_rig_try("public.t", NULL, 10), WF_CANCELLED);
    PQfinish(writer);
}
END_TEST

START_TEST(a_server_that_goes_away_is_unavailable)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1);"
                "CREATE PUBLICATION pub FOR TABLE t");
    pg_chunks.options.where = STR("{\"t\":\"pg_sleep(60) IS NOT NULL\"}");
    struct pg_chunk_rig_background b;
    pg_chunk_rig_start(&b);
    pg_rig_wait("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%'", "1");
    pg_rig_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE '%snap snapshot'");
    ck_assert_int_eq(pg_chunk_rig_join(&b), WF_UNAVAILABLE);
    pg_chunks.options.where = STR_EMPTY;
    ck_assert_int_eq(pg_chunk_rig_try("public.t", NULL, 10),
                     WF_OK); /* on a new connection */
    ck_assert_uint_eq(pg_chunks.row_count, 1);
}
END_TEST

/* ---- marks --------------------------------------------------------------------------- */

START_TEST(a_mark_is_behind_what_was_read_and_flushed_at_once)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    uint64_t before = 0;
    for (int i = 0; i < 20; i++) {
        pg_rig_exec("BEGIN; SET LOCAL synchronous_commit = off;"
                    "INSERT INTO t SELECT coalesce(max(a), 0) + 1 FROM t; COMMIT");
        uint64_t committed, mark, flushed;
        ck_assert(pg_position_lsn_parse(
            str_from(pg_rig_query("SELECT pg_current_wal_insert_lsn()")), &committed));
        wf_status status = pg_snapshot_reader.mark(pg_chunks.reader, &mark, &pg_chunks.err);
        ck_assert_msg(!status, "%s", status ? pg_chunks.err.text : "");
        ck_assert(pg_position_lsn_parse(
            str_from(pg_rig_query("SELECT pg_current_wal_flush_lsn()")), &flushed));
        ck_assert_uint_ge(mark, committed);
        ck_assert_uint_gt(flushed, mark);
        ck_assert_uint_gt(mark, before);
        before = mark;
    }
    if (pg_rig_version() < 140000)
        return; /* decoding passes over them, which is all that a mark needs */
    ck_assert_int_ge(
        pg_rig_number("SELECT count(*) FROM pg_logical_slot_peek_binary_changes("
                      "'s', NULL, NULL, 'proto_version', '1',"
                      " 'publication_names', 'pub', 'messages', 'true')"),
        20);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_snapshot_wait");
    TCase *tc = tcase_create("pg_snapshot_wait");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, pg_chunk_rig_begin, NULL);
    tcase_add_checked_fixture(tc, pg_chunk_rig_setup, pg_chunk_rig_teardown);
    tcase_add_loop_test(tc, a_chunk_waits_until_it_would_show_what_was_delivered, 0, 2);
    tcase_add_loop_test(tc, an_interrupt_ends_any_wait, 0, 3);
    tcase_add_test(tc, a_server_that_goes_away_is_unavailable);
    tcase_add_test(tc, a_mark_is_behind_what_was_read_and_flushed_at_once);
    suite_add_tcase(suite, tc);
    return suite;
}
