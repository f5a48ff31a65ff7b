/* SPDX-License-Identifier: MIT
 *
 * snapshot - reading the rows that are already there while the stream goes on
 * (docs/snapshots.md).
 *
 * The DBLog idea with watermarks.  A reader on a thread of its own [snapshot] reads a chunk
 * by key and then takes a mark of the stream.  From before the read until the stream has
 * passed the mark, the source thread notes the keys of the rows that changed; those rows
 * are left out of the chunk, because the stream says it better.  What is left is appended
 * to the log as READ events.  No long transaction, no lock, no table of ours in the
 * database.  Progress is kept per chunk: a restart repeats at most one for each reader
 * (core/hold.h).
 *
 * All calls [source] but snapshot_request() and snapshot_progress().
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include <stdbool.h>

#include "base/buf.h"
#include "plugin/core/change.h"
#include "plugin/core/settings.h"

struct cdc_flow;
struct cdc_snapshot_report;
struct cdc_store;
struct snapshot;

struct snapshot_deps {
    struct cdc_flow *flow;
    struct cdc_store *store;
    const struct cdc_settings *settings;
    void *provider_state;
    void (*wake)(void *ctx); /* makes the source thread look again.  [any] */
    void *ctx;
};

struct snapshot_progress {
    bool running;    /* or asked for */
    char table[256]; /* the first that is not done, cut short if need be */
    uint64_t tables_done;
    uint64_t tables;
    uint64_t rows;
    int64_t estimated_rows; /* -1: unknown */
};

wf_status snapshot_new(struct snapshot **out, wf_error *err);
void snapshot_free(struct snapshot *s);

/* Asks for a snapshot of `tables` (count 0: all that are configured), and keeps the wish in
 * `store` (NULL: it is lost with the process).  Patterns are resolved by the source
 * thread.  [any] */
wf_status snapshot_request(struct snapshot *s, struct cdc_store *store, wf_str source_id,
                           const struct cdc_list *tables, wf_error *err);

/* A new run of the source begins, with an empty log: what is not done is read from the
 * store. */
void snapshot_reset(struct snapshot *s);

/* The provider is open: goes on with what the store says is not done. */
wf_status snapshot_attach(struct snapshot *s, const struct snapshot_deps *deps,
                          wf_error *err);
/* The provider is about to close: ends the readers.  Progress stays. */
void snapshot_detach(struct snapshot *s);

/* Something to do: a run, or a request. */
bool snapshot_active(const struct snapshot *s);
/* Begins requested runs, hands out work, appends what is ready. */
wf_status snapshot_step(struct snapshot *s, wf_error *err);
/* A change passes through the stream. */
void snapshot_note(struct snapshot *s, const struct cdc_change *change);
/* The stream has passed `mark`. */
void snapshot_mark_reached(struct snapshot *s, uint64_t mark);
/* How far one of the provider's own is.  It counts as running until the provider says that
 * it has ended. */
void snapshot_report(struct snapshot *s, const struct cdc_snapshot_report *report);
bool snapshot_reported(const struct snapshot *s);

/* [any] */
void snapshot_progress(struct snapshot *s, struct snapshot_progress *out);

#endif
