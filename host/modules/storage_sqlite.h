/* SPDX-License-Identifier: MIT
 *
 * storage_sqlite - the module `storage.sqlite`: a database file and its connections.
 *
 * A connection belongs to one thread between borrow and return; there are at most
 * `maxConnections`. Prepared statements stay with the connection.
 */
#ifndef HOST_MODULES_STORAGE_SQLITE_H
#define HOST_MODULES_STORAGE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "sdk/wf_plugin.h"

struct storage_sqlite;    /* what app_module() gives for "storage.sqlite" */
struct sqlite_connection; /* one thread's for a while */

/* Waits for a free connection until `deadline_ms` (clock_mono_ms()); statements on it are
 * interrupted when that time comes.  WF_STATE: the module is not started.  [any] */
wf_status storage_sqlite_borrow(struct storage_sqlite *storage, int64_t deadline_ms,
                                struct sqlite_connection **out, wf_error *err);
/* Rolls back what was left open.  NULL is ignored. */
void storage_sqlite_return(struct sqlite_connection *connection);

sqlite3 *storage_sqlite_db(const struct sqlite_connection *connection);
/* Whether the deadline is what ended a statement. */
bool storage_sqlite_expired(const struct sqlite_connection *connection);

/* The first statement of `sql`, maybe from an earlier call; NULL in *out when there is
 * none (only space and comments).  *rest is what follows it.  Give it back with
 * storage_sqlite_done(). */
wf_status storage_sqlite_prepare(struct sqlite_connection *connection, wf_str sql,
                                 sqlite3_stmt **out, wf_str *rest, wf_error *err);
void storage_sqlite_done(struct sqlite_connection *connection, sqlite3_stmt *statement);

#endif
