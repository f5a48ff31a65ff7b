/* SPDX-License-Identifier: MIT
 *
 * pg_conn - a connection to the server: opening it, asking, being told to stop waiting.
 *
 * Everything is done with libpq's non-blocking calls, so that `cancel` and
 * `with->cancelled` end any wait.  Errors are PostgreSQL's own words behind ours, with the
 * code that says whether waiting may heal it (pg_failure.h).
 */
#ifndef PROVIDERS_PG_CONN_H
#define PROVIDERS_PG_CONN_H

#include <libpq-fe.h>

#include "base/cancel.h"
#include "plugin/core/settings.h"

enum pg_conn_purpose {
    PG_CONN_CONTROL,  /* queries of the source thread */
    PG_CONN_STREAM,   /* replication=database */
    PG_CONN_SNAPSHOT, /* a reader's */
    PG_CONN_CATCH_UP, /* slices of WAL */
};

struct pg_conn {
    PGconn *handle;
    struct cancel *cancel;        /* raised: the wait ends with WF_CANCELLED; not taken */
    const _Atomic bool *unwanted; /* while opening; may be NULL */
    bool deaf;                    /* cleanup: `cancel` is for the stream */
    int64_t patience_ms;          /* for an answer; longer: closed.  0: there is no hurry */
    bool unpublished;             /* the server said that it lacks a publication (18) */
    int version;                  /* PQserverVersion: 150020 */
};

/* Connects with settings->connection and the session settings that pg_row relies on; the
 * session shows as "workflow-plugin-cdc <source_id> <purpose>" in pg_stat_activity.  `conn`
 * is zeroed memory with cancel and unwanted set; close it in any case. */
wf_status pg_conn_open(struct pg_conn *conn, const struct cdc_settings *settings,
                       enum pg_conn_purpose purpose, wf_error *err);
void pg_conn_close(struct pg_conn *conn);

/* Runs one statement; `doing` reads after "cannot ".  Parameters are text, NULL for null.
 * *out (may be NULL) is to be PQclear()ed. */
wf_status pg_conn_query(struct pg_conn *conn, const char *doing, const char *sql,
                        const char *const *params, int count, PGresult **out,
                        wf_error *err);

/* Sends and does not wait: for heartbeats.  The answer is taken by the next
 * pg_conn_query(), or by pg_conn_settle(), which never waits. */
wf_status pg_conn_fire(struct pg_conn *conn, const char *sql, wf_error *err);
wf_status pg_conn_settle(struct pg_conn *conn, const char *doing, bool *out_busy,
                         wf_error *err);

/* Waits until the socket can be read (or written, when libpq has something to send), the
 * connection's `cancel` is raised, or the time is up (-1: never). */
enum pg_conn_event { PG_CONN_READY, PG_CONN_CANCELLED, PG_CONN_TIMEOUT };
enum pg_conn_event pg_conn_wait(struct pg_conn *conn, int timeout_ms);

/* The cell as a view; empty for NULL. */
wf_str pg_conn_cell(const PGresult *result, int row, int column);

void pg_conn_clearp(PGresult **result); /* for CDC_CLEANUP */

#endif
