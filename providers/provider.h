/* SPDX-License-Identifier: MIT
 *
 * provider - how one kind of change stream is opened, polled and confirmed.
 *
 * plugin/core/source.c owns the thread, the retries and the lifecycle; a provider only
 * answers the calls below and keeps no globals.  Calls come from one thread, the source's
 * own, in this order, and never overlap:
 *
 *     open -> ( poll | confirm | pause | lag | details | snapshot_tables )*
 *          -> ( leave | cleanup ) -> close
 *
 * interrupt() is the exception: any thread may call it, between a successful open and
 * close.  After WF_UNAVAILABLE the source calls close, waits its backoff, and opens again;
 * after any other failure it calls close and the source is `failed` with that text.
 *
 * Which code to return: WF_UNAVAILABLE when waiting may heal it (server away, lock held,
 * disk full); WF_CONFIG when the user must change something (wrong password, missing right,
 * no such table); WF_STATE when the stream cannot go on as it was (slot lost, log purged,
 * database replaced); WF_PROTOCOL when the bytes make no sense.
 */
#ifndef PROVIDERS_PROVIDER_H
#define PROVIDERS_PROVIDER_H

#include <stdatomic.h>

#include "base/log.h"
#include "plugin/core/change.h"
#include "plugin/core/settings.h"
#include "plugin/core/table.h"

/* How a text ends that says that the stored place is of no use any more: a source that fails at
 * its start is not there for step.cdc_stop.  docs/state.md says more of it. */
#define CDC_BEGIN_ANEW                                                                     \
    "begin anew: delete the source's row of 'position' in state_dir's state.db, and "      \
    "start it "                                                                            \
    "with 'options.snapshot' initial"

/* emit() could not take the change: no room in the log.  Keep it, return WF_OK from poll,
 * and give the same change again at the next poll whose budget is not 0.  Never crosses the
 * ABI. */
#define CDC_FULL ((wf_status)1000)

/* What one poll may spend.  max_changes == 0: keep the connection alive, answer heartbeats,
 * read nothing; that is how backpressure reaches the database without a server timeout
 * cutting the stream.  timeout_ms: how long to wait for something to arrive when nothing is
 * there. */
struct cdc_budget {
    int timeout_ms;
    uint32_t max_changes;
};

/* How far a snapshot is that the provider does in its own way. */
struct cdc_snapshot_report {
    bool running;
    wf_str table; /* the one that is being read; may be empty */
    uint64_t tables_done;
    uint64_t tables;
    uint64_t rows;
};

/* What a provider calls while it polls, on the source thread.  Nothing here blocks. */
struct cdc_emitter {
    void *ctx;

    /* Borrows the change, copies what it keeps.  WF_OK: taken.  CDC_FULL: see above.
     * Anything else: return it from poll. */
    wf_status (*emit)(void *ctx, const struct cdc_change *change, wf_error *err);

    /* A transaction ended here: everything emitted so far is covered once `position` is
     * confirmed. `position` is a token of at most LIMIT_POSITION bytes of printable text,
     * which only this provider reads; it comes back through confirm() and open().  Also to
     * be called for transactions of which nothing was emitted, so that a quiet table does
     * not hold the position back, and by an open() without a position for the place it
     * begins at, so that the next one begins there as well. */
    void (*commit)(void *ctx, wf_str position);

    /* The stream has passed every snapshot mark numbered <= `mark`. */
    void (*mark_reached)(void *ctx, uint64_t mark);

    /* Whether any subscription (or a running snapshot) wants this table and operation; a
     * provider may skip the decoding of what nobody wants. */
    bool (*wanted)(void *ctx, struct cdc_table *table, enum cdc_op op);

    /* A table's schema as of `position`: kept in the schema history when it differs from
     * the last version.  `ddl` is SQL that would make the table, or the statement that
     * changed it. */
    wf_status (*schema)(void *ctx, wf_str table, wf_str ddl, wf_str position,
                        wf_error *err);

    /* The rows of these tables (patterns; count 0: all) are to be read by a snapshot: they
     * are new to the stream, or the stream lost changes.  Kept across restarts. */
    wf_status (*want_snapshot)(void *ctx, const wf_str *tables, size_t count,
                               wf_error *err);

    /* A line for the operator's log; the source id is added. */
    void (*notice)(void *ctx, enum log_level level, const char *text);

    /* The lane belongs to somebody else now.  What was emitted on it and is not yet in a
     * callback's hands is dropped: everyone passes over it, also between two attempts.
     * What a callback has goes on; what is emitted on the lane from now on counts again.
     *
     * Positions given before, which not everyone had passed, are forgotten.  So what is
     * confirmed of those was delivered, all of it; and commit() is to be called right after
     * the last retract().  Positions from there on also pass what was dropped: the provider
     * leaves it out when it tells the far side. */
    void (*retract)(void *ctx, uint32_t lane);

    /* snapshot_own: shown as the source's snapshot until `running` is false.  After an
     * open nothing is known; the provider reports anew. */
    void (*snapshot_report)(void *ctx, const struct cdc_snapshot_report *report);
};

#define LIMIT_POSITION 65536

struct cdc_open {
    const struct cdc_settings *settings;
    wf_str from; /* the last confirmed position; empty: none, begin with what comes now */
    wf_str identity; /* the server's identity stored with it; empty: none */
    const struct cdc_emitter *out;
    const wf_host *host; /* for providers fed by the host's bus */
    /* Becomes true when nobody wants the source any more: an open that waits looks at it at
     * least every 100 ms and then fails with WF_CANCELLED. */
    const _Atomic bool *cancelled;
    /* Only cleanup() comes next: nothing is set up, and nothing has to be in order. */
    bool removing;
    /* Filled in by open: who the server is (system id, database uuid), stored with the
     * position. When `identity` is not empty and differs, open fails with WF_STATE and says
     * so. */
    struct buf *out_identity;
};

struct cdc_lag {
    int64_t bytes;   /* not yet confirmed; -1: unknown */
    int64_t seconds; /* age of the oldest change not yet confirmed; -1: unknown */
    /* How much the far side may still write before it drops what is not confirmed; -1:
     * unknown, or without limit. */
    int64_t headroom_bytes;
};

#define CDC_LAG_UNKNOWN ((struct cdc_lag){-1, -1, -1})

/* ---- snapshots: core/snapshot.c owns the algorithm (docs/snapshots.md) --------------- */

/* One chunk: up to max_rows rows with keys after `after`, in key order. */
struct cdc_chunk_request {
    wf_str table;
    wf_str where; /* SQL condition; empty: all rows */
    wf_str
        after; /* where the last chunk ended, as read_chunk wrote it; empty: the beginning */
    uint32_t max_rows;
    void *ctx;
    /* One row; `identity` as in cdc_change, so not empty where the table has no key.
     * CDC_FULL: the row was taken, but end the chunk after it (wide rows; what core holds
     * is bounded).  Another failure: stop and return it. */
    wf_status (*row)(void *ctx, struct cdc_table *table, const struct cdc_value *values,
                     wf_str identity, wf_error *err);
};

struct cdc_chunk_result {
    struct buf *after; /* to be filled with the place after the last row */
    bool done;         /* the table has no more rows */
};

/* A reader is a second connection with a thread of its own [snapshot]: open -> ( read_chunk
 * | mark )* -> close; interrupt from any thread between open and close. */
struct cdc_snapshot_reader {
    size_t size; /* core allocates this, zeroed */
    int max_readers;
    wf_status (*open)(void *reader, void *state, const struct cdc_settings *settings,
                      wf_error *err);
    /* A number for this moment of the stream: what was committed before has a smaller or
     * equal one, and mark_reached() with at least it will come even if nothing else
     * changes. */
    wf_status (*mark)(void *reader, uint64_t *out_mark, wf_error *err);
    wf_status (*read_chunk)(void *reader, const struct cdc_chunk_request *request,
                            struct cdc_chunk_result *out, wf_error *err);
    void (*interrupt)(void *reader);
    void (*close)(void *reader); /* also half-built */
};

struct cdc_provider {
    const char *name;                 /* as in the configuration: "postgres" */
    const char *summary;              /* one line, for the docs and `wfhost inspect` */
    const char *connection_help;      /* what `connection` is; NULL: it is not needed */
    const struct cdc_option *options; /* ends with a NULL key */
    size_t options_size;
    size_t state_size; /* the source allocates this, zeroed */

    /* Without subscriptions the stream is read all the same and its changes are dropped
     * (the source keeps nothing to come back to). */
    bool lossy;

    /* Optional: what somebody with more rights than the source may run at the far side
     * beforehand, or to take it away again (SQL).  Goes into the manifest. */
    void (*setup)(struct buf *out, bool remove);

    /* Optional: what can be checked without connecting.  [control] */
    wf_status (*check)(const struct cdc_settings *settings, wf_error *err);

    /* Connects and resumes after with->from.  On failure close() is still called.  `with`
     * and what it points to, but `from` and `identity`, outlive the state. */
    wf_status (*open)(void *state, const struct cdc_open *with, wf_error *err);

    /* Emits what arrives, reading no further once the budget is spent.  A quiet stream is
     * WF_OK. */
    wf_status (*poll)(void *state, struct cdc_budget budget, wf_error *err);

    /* Every change up to `position` was accepted and that is on our disk; the server may
     * forget them.  Called once more after each open, with the last position that is on our
     * disk: the far side may not have heard it, and open() may have been given a later
     * one. */
    wf_status (*confirm)(void *state, wf_str position, wf_error *err);

    /* Makes a blocked poll or confirm return soon with WF_OK; when none is running, the
     * next poll. Any thread; neither blocks nor allocates. */
    void (*interrupt)(void *state);

    /* Lets go of everything.  Accepts a state that open() left half-built. */
    void (*close)(void *state);

    /* Optional. */
    wf_status (*lag)(void *state, struct cdc_lag *out, wf_error *err);

    /* Optional: what else an operator wants to know, a JSON object; asked after lag(). */
    wf_status (*details)(void *state, struct buf *out_json, wf_error *err);

    /* Optional: the user has paused the source, or lets it go on.  Again after each open
     * while it is paused.  WF_UNAVAILABLE reconnects. */
    wf_status (*pause)(void *state, bool paused, wf_error *err);

    /* Optional: the source stops, and cleanup is not wanted.  Does at the far side what the
     * provider's own options say about a stop, and writes what stays there and costs
     * something, one line each; the next call is close. */
    wf_status (*leave)(void *state, struct buf *out_lines, wf_error *err);

    /* Optional: removes from the far side whatever this provider installed there; the next
     * call is close.  Writes what was removed, one line each; nothing when nothing was
     * left. */
    wf_status (*cleanup)(void *state, struct buf *out_removed, wf_error *err);

    /* Optional: the tables that exist and match the configuration, one row() each with an
     * estimate of its rows (-1: unknown). */
    wf_status (*snapshot_tables)(void *state, void *ctx,
                                 wf_status (*row)(void *ctx, wf_str table, int64_t rows,
                                                  wf_error *err),
                                 wf_error *err);
    const struct cdc_snapshot_reader
        *snapshot; /* NULL: the provider has no snapshots by core */

    /* Optional: does a snapshot in its own way instead.  `tables` empty, or the one pattern
     * "*": all.  WF_OK: the far side has been told, it is not asked again.  CDC_FULL: it
     * could not be told yet; the wish stays on our disk and comes again at the next turn. */
    wf_status (*snapshot_own)(void *state, const wf_str *tables, size_t count,
                              wf_error *err);

    /* Optional: schema versions that the provider keeps itself; NULL: the store's. JSON
     * objects {"table","version","ddl","applied_at"} go through row().  [any] with a lock
     * of its own */
    wf_status (*schema_history)(void *state, wf_str table, struct buf *out_json_list,
                                wf_error *err);
};

#endif
