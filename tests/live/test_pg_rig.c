/* SPDX-License-Identifier: MIT
 *
 * What the other live tests of PostgreSQL stand on: a server that comes back after whatever
 * was done to it, and tests that see nothing of each other.
 */
#include "tests/support/pg_rig.h"

#include <stdlib.h>

#include "tests/support/run.h"

static void begin(void)
{
    pg_rig_begin((const char *const[]){"wal_sender_timeout=3s", NULL});
}

START_TEST(the_server_can_decode_its_log)
{
    ck_assert_str_eq(pg_rig_query("SHOW wal_level"), "logical");
    ck_assert_str_eq(pg_rig_query("SHOW wal_sender_timeout"), "3s");
    ck_assert_int_ge(pg_rig_version(), 130000);
}
END_TEST

/* Run twice: a database, and slots, that a test leaves behind are not there for the next.
 */
START_TEST(each_test_has_a_database_of_its_own)
{
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_replication_slots"), "0");
    pg_rig_exec("CREATE TABLE t (id int PRIMARY KEY, v text)");
    pg_rig_execf("INSERT INTO t VALUES (%d, NULL), (2, '%s')", 1, "two");
    ck_assert_str_eq(pg_rig_query("SELECT * FROM t ORDER BY id"), "1|\n2|two");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    ck_assert_str_eq(pg_rig_try("INSERT INTO t VALUES (1)"), "23505");
    ck_assert_str_eq(pg_rig_try("SELECT 1"), "");
}
END_TEST

static void lived_through(void (*what)(void))
{
    pg_rig_exec("CREATE TABLE t (id int)");
    pg_rig_exec("INSERT INTO t VALUES (1)");
    PGconn *other = pg_rig_connect();
    pg_rig_on(other, "BEGIN; INSERT INTO t VALUES (2)");
    what();
    PGresult *result = PQexec(other, "COMMIT");
    ck_assert_int_eq(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
    PQfinish(other);
    ck_assert_str_eq(pg_rig_query("SELECT * FROM t"), "1");
}

static void kill_it(void)
{
    pg_rig_crash();
    pg_rig_start();
}

static void shut_it_down_at_once(void)
{
    pg_rig_stop("immediate");
    pg_rig_start();
}

START_TEST(what_was_committed_is_there_after_a_kill)
{
    lived_through(kill_it);
}
END_TEST

START_TEST(what_was_committed_is_there_after_an_immediate_shutdown)
{
    lived_through(shut_it_down_at_once);
}
END_TEST

START_TEST(a_test_may_leave_the_server_stopped)
{
    pg_rig_stop("fast");
}
END_TEST

START_TEST(what_streams_is_ended_with_the_test)
{
    pg_rig_exec("CREATE PUBLICATION p FOR ALL TABLES");
    char text[600];
    snprintf(text, sizeof text, "%s replication=database", pg_rig_connection_tcp());
    PGconn *stream = PQconnectdb(text);
    PGresult *result =
        PQexec(stream, "CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL pgoutput");
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s", PQerrorMessage(stream));
    PQclear(result);
    result = PQexec(stream, "START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', "
                            "publication_names 'p')");
    ck_assert_int_eq(PQresultStatus(result), PGRES_COPY_BOTH);
    PQclear(result);
    ck_assert_int_eq(pg_rig_terminate_walsenders(), 1);
    pg_rig_wait("SELECT count(*) FROM pg_replication_slots", "0");
    PQfinish(stream);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_rig");
    TCase *tc = tcase_create("a server");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, pg_rig_setup, pg_rig_teardown);
    tcase_add_test(tc, the_server_can_decode_its_log);
    tcase_add_loop_test(tc, each_test_has_a_database_of_its_own, 0, 2);
    tcase_add_test(tc, what_was_committed_is_there_after_a_kill);
    tcase_add_test(tc, what_was_committed_is_there_after_an_immediate_shutdown);
    tcase_add_test(tc, a_test_may_leave_the_server_stopped);
    tcase_add_test(tc, what_streams_is_ended_with_the_test);
    suite_add_tcase(suite, tc);
    return suite;
}
