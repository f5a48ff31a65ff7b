/* SPDX-License-Identifier: MIT
 *
 * pg_failure - PostgreSQL's errors, with a name, a cause and a cure.
 *
 * SQLSTATEs: PostgreSQL documentation, appendix A.  What is known to users as a condition
 * (wal_level, slot in use, slot lost ...) gets a text of its own that begins with what
 * failed and ends with what to do; docs/postgres.md lists them.
 */
#ifndef PROVIDERS_PG_FAILURE_H
#define PROVIDERS_PG_FAILURE_H

#include <libpq-fe.h>

#include "sdk/wf_plugin.h"

struct pg_conn;

/* What is known of a failure. */
struct pg_failure_facts {
    wf_str state;   /* SQLSTATE; empty: the server said none, or was not there to say it */
    wf_str message; /* one line, or more */
    wf_str detail;
    wf_str hint;
};

/* The status for it, and "cannot <doing>: <message> (<detail>) [<state>]; <cure>". */
wf_status pg_failure_set(const struct pg_failure_facts *facts, const char *doing,
                         wf_error *err);

/* The facts in a text that libpq gives for a refused connection when asked to be verbose;
 * views into `text`. */
void pg_failure_read(wf_str text, struct pg_failure_facts *out);

/* The status and text for a failed statement.  `doing` reads after "cannot ". */
wf_status pg_failure_result(const struct pg_conn *conn, const PGresult *result,
                            const char *doing, wf_error *err);

/* The same for a connection that broke or was never made, or a stream that was ended. */
wf_status pg_failure_connection(const struct pg_conn *conn, const char *doing,
                                wf_error *err);

/* The text for a stream that lacks a publication. */
wf_status pg_failure_unpublished(const char *doing, wf_error *err);

#endif
