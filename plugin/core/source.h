/* SPDX-License-Identifier: MIT
 *
 * source - one stream of changes: its provider, its thread, its lifecycle.
 *
 * The source thread owns the provider: it opens it, polls it with a budget that follows
 * from the room in the log, confirms what everyone has had, opens it again with growing
 * pauses when the far side goes away.  Everybody else only says what is wanted (start,
 * stop, pause, snapshot) and may wait for it.
 *
 *     wanted ---> [ lock file, store, position ] -> open -> poll ... -> drain -> confirm -> close
 *
 * A source that is stopped keeps its subscriptions; they go on when it is started again.
 *
 * What is to be remembered is written by a thread of its own (core/scribe.h), one per
 * source, so that the stream is read while the disk works: what waits behind the disk is
 * the confirming, and now and then the delivering of a snapshot (core/hold.h).  The
 * provider is told of a position by the source thread, once the scribe has it on disk.
 *
 * Stopping.  No callback begins any more; those that run are waited for by the source
 * thread, which meanwhile keeps the connection alive, and then confirms.  Whoever asked for
 * the stop waits too, unless callbacks are running: they may be waiting for him (a pipeline
 * that stops its own source).
 *
 * Locks: source.lock guards every member without a tag; it is not held while the provider,
 * the store or a callback is called.  Order: registry.lock, source.lock, store_lock,
 * provider_lock, flow.lock, pool.lock.
 */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "plugin/core/confirm.h"
#include "plugin/core/flow.h"
#include "plugin/core/lifecycle.h"
#include "plugin/core/scribe.h"
#include "plugin/core/settings.h"
#include "plugin/core/snapshot.h"
#include "providers/provider.h"

struct cdc_registry;

#define SOURCE_BACKOFF_MS 500
#define SOURCE_CHECK_MS 1000

struct cdc_source {
    /* Owned by the registry. */
    struct cdc_source *next;
    unsigned refs;
    bool registered;
    bool worked; /* a start has succeeded once */
    wf_str id;
    char *owner; /* name of the module that registered it; NULL: a step */

    const wf_host *host;
    struct logger logger;
    struct cdc_flow flow;
    struct snapshot *snapshot;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* phase, or a request answered */
    pthread_cond_t control; /* something is wanted of the source thread */
    struct lifecycle life;
    struct cdc_settings *settings; /* of this run, or the last; NULL before the first */
    struct cdc_settings *next_settings;
    bool wanted;         /* to run */
    bool cleanup_wanted; /* to remove what the provider installed, when it stops */
    bool cleaned;        /* nothing of ours is at the far side */
    bool standby;        /* waits for another process, or for the far side */
    bool working;        /* the thread is in a run */
    bool cleaning;       /* ... that began only to clean up */
    bool draining;       /* waits for callbacks to return */
    bool ending;         /* the thread is to end */
    bool has_thread;
    uint64_t runs;        /* counts starts */
    uint64_t started_run; /* the one the thread works on */
    uint64_t turns;       /* counts the polls of the source thread */
    wf_error error;       /* why it is reconnecting or failed; text "" when all is well */
    struct buf removed;   /* what the last cleanup removed */
    struct buf position;  /* last stored; [source] alone changes it */
    struct cdc_lag lag;
    struct buf details; /* answered together with it */
    uint64_t lag_asked, lag_answered;
    pthread_t thread;

    pthread_mutex_t store_lock; /* guards opening it */
    struct cdc_store *store;    /* once opened it stays while anybody uses the source */

    pthread_mutex_t provider_lock; /* guards the two below against interrupts */
    bool provider_open;
    void *provider_state;

    _Atomic bool cancelled; /* what an opening provider looks at */
    _Atomic uint64_t events_total;
    _Atomic int64_t last_event_us; /* 0: none yet */

    /* [source] only. */
    struct confirm confirm;
    struct scribe scribe; /* writes the three below to the store */
    struct buf writing;   /* a position */
    bool writes_position; /* there is one */
    struct buf identity;  /* of the server it belongs to */
    int lock_fd;
    int64_t
        backoff_ms;   /* the first pause before a reconnect; tests make these two shorter */
    int64_t check_ms; /* between looks at the lock, at claims and at replays */
    uint32_t seen_version; /* of the flow's subscriptions: whether there are any is known */
    uint32_t kept_version; /* the same: their names are in the store */
    uint64_t taken;        /* changes the provider gave, wanted or not */
    uint64_t taken_told;   /* of these, when last_event_us was last set */
    bool pause_told;       /* the provider knows that it is paused */
    bool commit_lost;      /* commit_error says why a position could not be kept */
    wf_error commit_error;
    bool untold;          /* `position` is stored, and the far side may not know it */
    bool snapshot_wanted; /* by options.snapshot, once somebody listens */
    int64_t settled_ms;   /* when it may begin */
    int64_t confirmed_ms;
    uint64_t commits;      /* positions the provider gave */
    uint64_t commits_seen; /* of these, when confirming was last looked at */
    int64_t looked_ms;     /* ... which was then */
    int64_t moved_ms;      /* the same, when there were new ones */
    int64_t trouble_ms;    /* until then a store that failed is left alone */
    int64_t checked_ms;    /* when claims and replays were last looked at */
};

/* What cdc_status shows. */
struct cdc_status {
    enum lifecycle_phase phase;
    const char *provider; /* name; "" before the first start */
    wf_error error;       /* text "" when all is well */
    struct cdc_lag lag;
    int64_t last_event_us;
    uint64_t events_total;
    struct snapshot_progress snapshot;
};

wf_status source_new(wf_str id, const wf_host *host, const struct logger *logger,
                     struct cdc_source **out, wf_error *err);
/* Stops and joins.  No subscription is attached any more.  NULL is ignored. */
void source_free(struct cdc_source *source);

/* Takes the settings (also on failure).  Waits for the first connection and fails, stopped
 * again, when that fails.  WF_STATE when it already runs.  settings NULL: those of the last
 * run.  [any] */
wf_status source_start(struct cdc_source *source, struct cdc_settings *settings,
                       wf_error *err);

/* Asks to stop, and waits for it as the essay above says.  With `cleanup`, what the
 * provider installed is removed.  *out_waited (may be NULL): it has stopped.  [any] */
wf_status source_stop(struct cdc_source *source, bool cleanup, bool *out_waited,
                      wf_error *err);

/* The halves of both, for the registry: asking neither waits nor calls anybody, so that it
 * can be done together with the registering; *out_run is what to wait for. */
wf_status source_ask_start(struct cdc_source *source, struct cdc_settings *settings,
                           uint64_t *out_run, wf_error *err);
wf_status source_await_start(struct cdc_source *source, uint64_t run, wf_error *err);
uint64_t source_ask_stop(struct cdc_source *source, bool cleanup);
wf_status source_await_stop(struct cdc_source *source, uint64_t run, bool cleanup,
                            bool *out_waited, wf_error *err);
/* No start was asked for since `run`.  [any] */
bool source_is_run(struct cdc_source *source, uint64_t run);

/* WF_STATE when it is not running.  [any] */
wf_status source_pause(struct cdc_source *source, bool pause, wf_error *err);
wf_status source_snapshot(struct cdc_source *source, const wf_str *tables, size_t count,
                          wf_error *err);

/* Asks the provider for its lag on the way (waits at most 250 ms for the answer).  [any] */
void source_status(struct cdc_source *source, struct cdc_status *out);
/* Appends the last confirmed position.  [any] */
void source_position(struct cdc_source *source, struct buf *out);
/* Appends what the provider tells beyond that, a JSON object as of the last
 * source_status(); nothing when it tells nothing.  [any] */
void source_details(struct cdc_source *source, struct buf *out);
/* Appends what the last stop left at the far side, or its cleanup removed, one line each.
 * [any] */
void source_removed(struct cdc_source *source, struct buf *out);
/* Appends the configured tables as a JSON list.  [any] */
void source_tables_json(struct cdc_source *source, struct buf *out);
/* Appends the subscriptions as a JSON list of {name, filter, delivered, retried,
 * dead_lettered, behind[, error]}.
 * [any] */
void source_subscriptions_json(struct cdc_source *source, struct buf *out);
/* Appends the versions of a table as a JSON list, and counts them.  [any] */
wf_status source_schema_history(struct cdc_source *source, wf_str table,
                                struct buf *out_json, uint64_t *out_count, wf_error *err);

/* The store of the source's state_dir, opened when first asked for.  [any] */
wf_status source_store(struct cdc_source *source, struct cdc_store **out, wf_error *err);

/* Gives the store of a source that is stopped, to be closed; NULL: it runs, or has none.
 * Nobody else may be using the source.  [any] */
struct cdc_store *source_take_store(struct cdc_source *source);

/* Makes the source thread look again.  [any] */
void source_wake(struct cdc_source *source);

/* For tests and benchmarks that feed a provider directly (memory): its state while it is
 * open, with source.provider_lock held by the callee; fn's status comes back, WF_STATE when
 * it is not open. */
wf_status source_with_provider(struct cdc_source *source,
                               const struct cdc_provider *provider,
                               wf_status (*fn)(void *state, void *arg, wf_error *err),
                               void *arg, wf_error *err);

#endif
