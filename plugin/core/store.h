/* SPDX-License-Identifier: MIT
 *
 * store - what survives a restart: one SQLite file, `state.db`, per state_dir
 * (docs/state.md).
 *
 * Positions with the server's identity, known subscriptions, schema versions, snapshot
 * progress and dead letters of every source that uses this state_dir; several sources, also
 * of several processes, share the file.  WAL mode, synchronous=FULL: what a call has
 * returned WF_OK for survives a power cut.  A busy file is waited for (10 s), then
 * WF_UNAVAILABLE; a full disk is WF_UNAVAILABLE; a file that is no store, or of a newer
 * version, is WF_CONFIG.  All calls [any]; a lock inside makes them one at a time.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>

#include "base/buf.h"

struct cdc_store; /* opaque */

/* Makes the folder (0700) and the file (0600) when they are not there.  gives, end it with
 * store_close(). */
wf_status store_open(const char *state_dir, struct cdc_store **out, wf_error *err);
void store_close(struct cdc_store *store);

/* Appends the stored token and identity; both stay empty when there is none.  WF_STATE: they
 * are another provider's; empty: any. */
wf_status store_position_get(struct cdc_store *store, wf_str source_id, wf_str provider,
                             struct buf *out_position, struct buf *out_identity,
                             wf_error *err);
wf_status store_position_put(struct cdc_store *store, wf_str source_id, wf_str provider,
                             wf_str identity, wf_str position, wf_error *err);
/* Forgets position, subscriptions, snapshot progress and schema versions, but no dead
 * letters. */
wf_status store_forget(struct cdc_store *store, wf_str source_id, wf_error *err);

/* ---- subscriptions: names that were there when the position was last stored ---- */

wf_status store_subscription_put(struct cdc_store *store, wf_str source_id, wf_str name,
                                 wf_error *err);
wf_status store_subscription_drop(struct cdc_store *store, wf_str source_id, wf_str name,
                                  wf_error *err);
wf_status store_subscription_each(struct cdc_store *store, wf_str source_id, void *ctx,
                                  wf_status (*row)(void *ctx, wf_str name, wf_error *err),
                                  wf_error *err);

/* ---- schema history ---- */

/* Adds version n + 1 of the table when `ddl` differs from version n's. */
wf_status store_schema_add(struct cdc_store *store, wf_str source_id, wf_str table,
                           wf_str ddl, wf_str position, wf_error *err);
/* Appends [{"table","version","ddl","position","applied_at"}...], oldest first, and counts
 * them. */
wf_status store_schema_list(struct cdc_store *store, wf_str source_id, wf_str table,
                            struct buf *out_json, uint64_t *out_count, wf_error *err);

/* ---- snapshots: one row per table of the source's current run ---- */

struct store_snapshot {
    uint64_t run; /* number of the run, from 1 */
    wf_str table;
    wf_str where;  /* SQL condition or empty */
    wf_str after;  /* where the last delivered chunk ended, any bytes; empty: nothing yet */
    uint64_t rows; /* delivered */
    int64_t estimated_rows;
    bool done;
};

/* The number of the last run, 0 when there was none. */
wf_status store_snapshot_last_run(struct cdc_store *store, wf_str source_id,
                                  uint64_t *out_run, wf_error *err);
/* A run that is asked for, and not begun: patterns of tables.  Kept until its tables are. */
wf_status store_snapshot_ask(struct cdc_store *store, wf_str source_id,
                             const wf_str *patterns, size_t count, uint64_t *out_run,
                             wf_error *err);
/* Every pattern of every such run, oldest run first. */
wf_status store_snapshot_asks(struct cdc_store *store, wf_str source_id, void *ctx,
                              wf_status (*row)(void *ctx, uint64_t run, wf_str pattern,
                                               wf_error *err),
                              wf_error *err);
/* The tables that the pattern stands for are stored. */
wf_status store_snapshot_begun(struct cdc_store *store, wf_str source_id, uint64_t run,
                               wf_str pattern, wf_error *err);

wf_status store_snapshot_put(struct cdc_store *store, wf_str source_id,
                             const struct store_snapshot *progress, wf_error *err);
/* Every table of runs that are not done (a run is done when all its tables are), oldest run
 * first, then by table. */
wf_status store_snapshot_open_tables(struct cdc_store *store, wf_str source_id, void *ctx,
                                     wf_status (*row)(void *ctx,
                                                      const struct store_snapshot *progress,
                                                      wf_error *err),
                                     wf_error *err);

/* ---- dead letters ---- */

struct store_dead_letter {
    int64_t id; /* 0 in add */
    wf_str subscription;
    wf_str event_id;
    wf_str table;
    wf_str op;
    int64_t attempts;
    wf_str reason; /* failed | oversize | undecodable */
    wf_str error;
    wf_str event; /* JSON, or whatever bytes came */
};

wf_status store_dead_letter_add(struct cdc_store *store, wf_str source_id,
                                const struct store_dead_letter *letter, wf_error *err);
/* The oldest letter of the subscription whose state is 'replay', copied into `memory` (the
 * views point there); *out_found false when there is none. */
wf_status store_dead_letter_next_replay(struct cdc_store *store, wf_str source_id,
                                        wf_str subscription, struct buf *memory,
                                        struct store_dead_letter *out, bool *out_found,
                                        wf_error *err);
wf_status store_dead_letter_drop(struct cdc_store *store, int64_t id, wf_error *err);
/* Back to 'dead' with one attempt more and the new error. */
wf_status store_dead_letter_failed(struct cdc_store *store, int64_t id, wf_str error,
                                   wf_error *err);
/* Whether another process has written to the file since the last call: cheap, for polling.
 * False while another call is being worked on; it is not forgotten. */
bool store_changed_by_others(struct cdc_store *store);

#endif
