/* SPDX-License-Identifier: MIT
 *
 * The first chunk of a table waits for those who wrote to it before it was published, and
 * for nobody else.
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "providers/postgres/pg_snapshot.h"
#include "tests/support/pg_chunk_rig.h"
#include "tests/support/run.h"

static void waits(const struct pg_chunk_rig_background *b)
{
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000L}, NULL);
    ck_assert(!atomic_load(&b->ended));
}

/* 0: a table, 1: a partition, 2: a prepared transaction. */
START_TEST(rows_written_before_the_table_was_published_are_waited_for)
{
    struct pg_chunk_rig_background b;
    PGconn *writer = pg_rig_connect();
    pg_rig_exec(_i == 1 ? "CREATE TABLE t (a int PRIMARY KEY) PARTITION BY RANGE (a);"
                          "CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9)"
                        : "CREATE TABLE t (a int PRIMARY KEY)");
    pg_rig_exec("CREATE PUBLICATION pub WITH (publish_via_partition_root = true)");
    pg_rig_on(writer, "BEGIN");
    pg_rig_on(writer, _i == 1 ? "INSERT INTO p VALUES (1)" : "INSERT INTO t VALUES (1)");
    if (_i == 2)
        pg_rig_on(writer, "PREPARE TRANSACTION 'one'");
    pg_rig_exec("ALTER PUBLICATION pub ADD TABLE t");
    pg_chunk_rig_start(&b);
    waits(&b);
    pg_rig_on(writer, _i == 2 ? "COMMIT PREPARED 'one'" : "COMMIT");
    ck_assert_int_eq(pg_chunk_rig_join(&b), WF_OK);
    pg_chunk_rig_expect("{\"a\":1}\n");
    PQfinish(writer);
}
END_TEST

START_TEST(an_interrupt_ends_the_wait)
{
    struct pg_chunk_rig_background b;
    PGconn *writer = pg_rig_connect();
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION pub");
    pg_rig_on(writer, "BEGIN");
    pg_rig_on(writer, "INSERT INTO t VALUES (1)");
    pg_rig_exec("ALTER PUBLICATION pub ADD TABLE t");
    pg_chunk_rig_start(&b);
    waits(&b);
    pg_snapshot_reader.interrupt(pg_chunks.reader);
    ck_assert_int_eq(pg_chunk_rig_join(&b), WF_CANCELLED);
    PQfinish(writer);
}
END_TEST

START_TEST(whoever_writes_to_a_table_long_published_is_not)
{
    PGconn *writer = pg_rig_connect();
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    pg_rig_exec("DO $$ BEGIN FOR i IN 1 .. 10001 LOOP PERFORM pg_current_xact_id(); COMMIT;"
                " END LOOP; END $$");
    pg_rig_on(writer, "BEGIN");
    pg_rig_on(writer, "INSERT INTO t VALUES (1)");
    ck_assert_int_eq(pg_chunk_rig_try("public.t", NULL, 10), WF_OK);
    pg_chunk_rig_expect("");
    PQfinish(writer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_writers");
    TCase *tc = tcase_create("pg_writers");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, pg_chunk_rig_begin, NULL);
    tcase_add_checked_fixture(tc, pg_chunk_rig_setup, pg_chunk_rig_teardown);
    tcase_add_loop_test(tc, rows_written_before_the_table_was_published_are_waited_for, 0,
                        3);
    tcase_add_test(tc, an_interrupt_ends_the_wait);
    tcase_add_test(tc, whoever_writes_to_a_table_long_published_is_not);
    suite_add_tcase(suite, tc);
    return suite;
}
