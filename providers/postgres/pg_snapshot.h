/* SPDX-License-Identifier: MIT
 *
 * pg_snapshot - chunks of a table as they are, and marks of the stream.
 *
 * A chunk is one COPY of rows by key (or, where nothing orders the rows, by their place on
 * disk) in a read-only transaction of its own.  A mark is the WAL's insert position,
 * followed by a logical message that makes the stream get there.
 *
 * A commit is in the WAL a moment before other sessions see it (with synchronous
 * replication, a long moment).  The stream may therefore have delivered a change that a
 * chunk read later does not show.  So a chunk is read only under a database snapshot that
 * hides no transaction that the stream had delivered when core asked for the chunk
 * (pg_commits); of later ones core notes the rows.  On a standby there is
 * nothing to wait for: it replays a commit before it decodes it.
 *
 * What a row's place on disk cannot tell: a row that is changed while the snapshot runs
 * moves and may come again, and where the server does not tell us of the change (no replica
 * identity) it may have moved to where the snapshot already was.
 */
#ifndef PROVIDERS_PG_SNAPSHOT_H
#define PROVIDERS_PG_SNAPSHOT_H

#include "providers/provider.h"

/* Its state is a struct postgres_state, of which `commits` is used. */
extern const struct cdc_snapshot_reader pg_snapshot_reader;

struct pg_conn;

/* The tables of the publication that the configuration names. */
wf_status pg_snapshot_tables(struct pg_conn *control, const struct cdc_settings *settings,
                             const char *publication, void *ctx,
                             wf_status (*row)(void *ctx, wf_str table, int64_t rows,
                                              wf_error *err),
                             wf_error *err);

#endif
