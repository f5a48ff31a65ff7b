/* SPDX-License-Identifier: MIT
 *
 * subscription - one trigger's reading of a flow: its filter, its cursor, its thread.
 *
 * The thread takes event after event from the log and calls the trigger's callback.  OK
 * moves the cursor on.  Anything else is tried again with growing pauses, in order; after
 * max_attempts the event goes to the dead letters and the stream goes on, or (on_failure:
 * block) it is tried for ever.  With workers > 1 the events of different keys run at the
 * same time, those of one key in order (core/pool.c).  An event whose lane was taken away
 * before it was handed to the callback is passed over, also between two attempts.  Before a
 * chunk of a snapshot it may wait for the disk (core/hold.h).
 *
 * No lock is held while a callback runs.  A stop from inside a callback takes effect when
 * it has returned.
 */
#ifndef CORE_SUBSCRIPTION_H
#define CORE_SUBSCRIPTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "plugin/core/filter.h"
#include "plugin/core/ring.h"

struct cdc_flow;
struct flow_claim;
struct pool;

struct subscription_policy {
    int64_t max_attempts;
    int64_t initial_backoff_ms;
    int64_t max_backoff_ms;
    int64_t workers;
    bool block; /* on_failure: block */
};

struct cdc_subscription {
    struct cdc_subscription *next; /* flow.lock */
    struct cdc_flow *flow;
    wf_str name; /* stable over restarts; owned by the trigger */
    struct cdc_filter filter;
    struct subscription_policy policy;
    wf_callback callback;
    struct pool *pool; /* NULL with one worker */

    pthread_t thread;
    bool started;             /* [control]: there is a thread to join */
    struct flow_claim *place; /* flow.lock: the claim it leaves behind */
    bool stopping;            /* flow.lock */
    bool resting;             /* flow.lock: no callback runs and none begins */
    char error[512];          /* flow.lock: of the last failure; "" after a success */

    _Atomic uint64_t cursor; /* everything before it is done */
    _Atomic bool must_rest;  /* stop at the next event */
    _Atomic bool failing;    /* error is not empty */
    _Atomic uint64_t passed; /* ordinal of the next event */
    _Atomic uint64_t delivered;
    _Atomic uint64_t retried;
    _Atomic uint64_t dead_lettered;
    uint32_t replays_seen;
    uint64_t taken; /* with workers: up to where records were handed on */

    uint32_t *wants; /* by table id, plus 1: 0 is not computed yet.  Delivery thread only */
    uint32_t wants_count;
};

/* Attaches to the flow and starts the thread.  WF_STATE when already started.  [control] */
wf_status subscription_start(struct cdc_subscription *sub, struct cdc_flow *flow,
                             wf_error *err);

/* Ends deliveries and waits for it; from inside a callback it only asks for it, and answers
 * false: the thread still has to be joined.  Idempotent.  [control] */
bool subscription_stop(struct cdc_subscription *sub);

/* It was asked to stop, and its thread is still to be joined.  [control] */
bool subscription_is_stopping(struct cdc_subscription *sub);

/* True on the thread of a callback of this subscription.  [any] */
bool subscription_is_inside(const struct cdc_subscription *sub);

/* For core/pool.c: delivers one record; false: the thread has to rest, the record is not
 * done. */
bool subscription_deliver(struct cdc_subscription *sub, const struct ring_record *record);
/* For core/pool.c: names the subscription this thread works for. */
void subscription_enter(struct cdc_subscription *sub);
/* Calls the callback and counts it among the running ones. */
wf_status subscription_fire(struct cdc_subscription *sub, wf_str event, wf_error *err);
/* After the cursor moved: wakes the source when it waits for room. */
void subscription_space(struct cdc_subscription *sub);
/* Asks the thread and its workers to rest after what they do now.  With flow.lock. */
void subscription_interrupt(struct cdc_subscription *sub);

#endif
