/* SPDX-License-Identifier: MIT
 *
 * pg_ddl - an event trigger that puts DDL statements on tables into the stream.
 *
 * It emits a transactional logical message PG_PREFIX_DDL in the transaction that changes
 * the tables, so the stream has it at its place.  It lives in a schema of our own and serves all
 * sources of the database: each notes itself in a table there, and the last one that cleans
 * up takes all of it away.  It never makes the user's statement fail.  Its messages:
 *
 *     {"tag": "ALTER TABLE", "sql": "ALTER TABLE ...", "objects": [{"table": "public.t"}]}
 *
 * "sql" is what the client sent, so several statements when it sent them in one string; it
 * is cut after 65536 characters.
 */
#ifndef PROVIDERS_PG_DDL_H
#define PROVIDERS_PG_DDL_H

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"
#include "providers/provider.h"

/* By options.ddl: makes the trigger, renews one of an older version, and notes this source.
 * `auto` without the right to is a notice; `required` without it is WF_CONFIG.  On a
 * standby it must be there already. */
wf_status pg_ddl_settle(struct pg_conn *control, const struct cdc_settings *settings,
                        const struct cdc_emitter *out, wf_error *err);

/* The SQL that makes it, for an administrator. */
void pg_ddl_sql(struct buf *out);
/* The SQL that takes it away. */
void pg_ddl_sql_drop(struct buf *out);

/* Forgets this source; *out_dropped: it was the last one, and all of it is gone.  What an
 * administrator installed, and the role may not drop, stays. */
wf_status pg_ddl_drop(struct pg_conn *control, const struct cdc_settings *settings,
                      bool *out_dropped, wf_error *err);

#endif
