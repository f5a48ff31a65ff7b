/* SPDX-License-Identifier: MIT
 *
 * pg_rig - a real PostgreSQL server for a test program, and a fresh database per test.
 *
 * tests/support/pg_server makes the server: wal_level=logical, 20 slots, fsync off, nobody
 * needs a password.  It is of the version that PG_BIN names, else the newest installed, and
 * it is gone when the program ends, however that ends.  As fixtures:
 *
 *     static void begin(void) { pg_rig_begin((const char *[]){"wal_sender_timeout=5s",
 *                                                             NULL}); }
 *     tcase_add_unchecked_fixture(tc, begin, NULL);                   one server per program
 *     tcase_add_checked_fixture(tc, pg_rig_setup, pg_rig_teardown);   one database per test
 *
 *     pg_rig_exec("CREATE TABLE t (id int PRIMARY KEY)");
 *     ... pg_rig_connection() ...                   what a configuration's `connection` is
 *     ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM t"), "0");
 *
 * What fails here fails the test, with the server's words.  Everything but pg_rig_begin()
 * is called by the thread of the test.
 */
#ifndef TESTS_SUPPORT_PG_RIG_H
#define TESTS_SUPPORT_PG_RIG_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/compiler.h"

/* Whether there is a server on this machine; may be asked before the tests. */
bool pg_rig_is_possible(void);

/* Starts the server, with more settings (NULL at the end) or NULL; does nothing when it was
 * started before.  Without a server on this machine the program ends as skipped (77). */
void pg_rig_begin(const char *const *settings);

/* Makes a database of its own for the test that begins. */
void pg_rig_setup(void);
/* Ends whoever is connected to it, drops its slots and then the database.  A server that
 * the test left stopped is started again. */
void pg_rig_teardown(void);

/* How to reach the test's database: over the socket, over TCP, as a URI over TCP.  Each is
 * good until the end of the test. */
const char *pg_rig_connection(void);
const char *pg_rig_connection_tcp(void);
const char *pg_rig_connection_uri(void);
/* The test's database, the server's folder, and its version as server_version_num: 150020.
 */
const char *pg_rig_database(void);
const char *pg_rig_dir(void);
int pg_rig_version(void);

/* Runs SQL (several statements are one transaction, as in psql -c) on the rig's own
 * connection to the test's database; that is made again when the server was away. */
void pg_rig_exec(const char *sql);
CDC_PRINTF(1, 2) void pg_rig_execf(const char *format, ...);
/* The same for SQL that may fail: the SQLSTATE of the failure, "" when there was none. */
const char *pg_rig_try(const char *sql);
/* The result as text: '|' between columns, a line end between rows, "" for NULL.  Good
 * until the second next call. */
const char *pg_rig_query(const char *sql);
long long pg_rig_number(const char *sql);
/* Asks every 10 ms until the answer is `expected`; fails the test after ten seconds. */
void pg_rig_wait(const char *sql, const char *expected);

/* A connection of the test's own to its database, for PQfinish(); pg_rig_on() is
 * pg_rig_exec() on it. */
PGconn *pg_rig_connect(void);
void pg_rig_on(PGconn *conn, const char *sql);

/* The server: shut down properly ("fast", "immediate"), killed with all its processes,
 * started again.  pg_rig_start() returns when it takes connections. */
void pg_rig_stop(const char *mode);
void pg_rig_crash(void);
void pg_rig_start(void);

/* Ends what streams from the server, as an administrator would; says how many there were.
 */
int pg_rig_terminate_walsenders(void);

#endif
