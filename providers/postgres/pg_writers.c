/* SPDX-License-Identifier: MIT
 *
 * pg_writers - see the header.
 *
 * PostgreSQL documentation, "pg_locks": whoever has written to a table holds a lock on it,
 * and one on each number of its transaction, until it ends; prepared ones as well.
 */
#include "providers/postgres/pg_writers.h"

#include "base/error.h"
#include "base/str.h"

#define PG_WRITERS_PAUSE_MS 20 /* doubled up to ... */
#define PG_WRITERS_PAUSE_MOST_MS 1000

/* $1 the table.  Numbers that were given out between that of the transaction which added
 * the table and its commit are later ones; how many is not known, so there is a margin,
 * which costs a wait at most. */
static const char pg_writers_sql[] =
    "SELECT EXISTS (SELECT FROM pg_locks h JOIN pg_locks x"
    " ON x.virtualtransaction = h.virtualtransaction"
    " WHERE h.locktype = 'relation' AND h.granted AND h.mode IN ('RowExclusiveLock',"
    " 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
    " AND h.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (h.relation = $1::oid"
    " OR h.relation IN (SELECT relid FROM pg_partition_tree($1::oid::regclass)))"
    " AND x.locktype = 'transactionid' AND x.granted AND x.mode = 'ExclusiveLock'"
    " AND age(x.transactionid) >= (SELECT min(age(p.xmin)) - 10000"
    " FROM pg_publication_rel p WHERE p.prrelid = $1::oid))";

wf_status pg_writers_wait(struct pg_conn *conn, uint32_t table, wf_error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%u", (unsigned)table);
    for (int pause_ms = PG_WRITERS_PAUSE_MS;; pause_ms *= 2) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        wf_status status =
            pg_conn_query(conn, "look for transactions that write", pg_writers_sql,
                          (const char *const[]){number}, 1, &rows, err);
        if (status || !str_is(pg_conn_cell(rows, 0, 0), "t"))
            return status;
        if (pause_ms > PG_WRITERS_PAUSE_MOST_MS)
            pause_ms = PG_WRITERS_PAUSE_MOST_MS;
        /* Nothing says when a transaction ends. */
        if (pg_conn_wait(conn, pause_ms) == PG_CONN_CANCELLED)
            return error_set(err, WF_CANCELLED, "the snapshot was interrupted");
    }
}
