/* SPDX-License-Identifier: MIT
 *
 * flow - a source's log and everybody who reads it.
 *
 * The source thread renders each change once into the ring; every subscription has a thread
 * that reads it from there (core/subscription.c).  The flow outlives the provider: a source
 * that is stopped and started again finds its subscriptions still attached.
 *
 * Claims.  A subscription that leaves keeps its cursor for FLOW_GRACE_MS under its name,
 * and a name that the store knows from the last run has a claim from the start on.  Nothing
 * beyond a claim is confirmed, so that stopping triggers one after the other, and starting
 * them one after the other, loses nothing.  A claim that nobody takes up in time is given
 * up, with a line in the log.
 *
 * Locks: `lock` guards every member without a tag and is never held while a callback or the
 * owner is called, but for owner->on_space.  Order: source.lock before flow.lock.
 */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/log.h"
#include "plugin/core/catalogue.h"
#include "plugin/core/change.h"
#include "plugin/core/hold.h"
#include "plugin/core/lane.h"
#include "plugin/core/render.h"
#include "plugin/core/ring.h"

struct cdc_subscription;
struct cdc_store;

#define FLOW_GRACE_MS 30000

/* What a flow needs of the source it belongs to. */
struct flow_owner {
    void *ctx;
    wf_str source_id;
    const struct logger *logger;
    /* There is room again in a log that was full.  Neither blocks nor allocates.
     * [delivery] */
    void (*on_space)(void *ctx);
    /* The subscriptions are others than before.  [control] */
    void (*on_change)(void *ctx);
    /* The source's store, opened when first asked for.  [any] */
    wf_status (*store)(void *ctx, struct cdc_store **out, wf_error *err);
};

struct flow_claim {
    struct flow_claim *next;
    uint64_t cursor;
    int64_t until_ms;
    wf_str name;
    char memory[];
};

struct cdc_flow {
    struct flow_owner owner;
    struct ring ring;        /* [source] writes, [delivery] reads */
    struct lanes lanes;      /* the same */
    struct catalogue tables; /* [any] */
    struct render_origin origin;

    pthread_mutex_t lock;
    pthread_cond_t wake;   /* something to read, or to obey */
    pthread_cond_t rested; /* a subscription rests, or has ended */
    struct cdc_subscription *first;
    struct flow_claim *claims;
    struct hold hold;
    bool running; /* deliveries go on; false: everyone rests */

    _Atomic uint32_t version;    /* of the set of subscriptions */
    _Atomic uint32_t sleepers;   /* threads that wait on `wake` */
    _Atomic bool want_space;     /* the source waits for room */
    _Atomic uint64_t wake_below; /* ... and told by who is no more than this behind */
    _Atomic uint32_t replays;    /* counts up when dead letters may wait for a replay */
    _Atomic uint32_t firing;     /* callbacks running now */
    _Atomic bool need_keys;      /* a subscription has several workers */

    /* [source] only. */
    uint32_t *wants; /* wants[table id]: bits 1 << cdc_op that somebody wants */
    uint32_t wants_count;
    uint32_t wants_version;
    uint32_t wants_none; /* for events without a table */
    uint64_t emitted;    /* events written to the ring */
    size_t need;         /* room to wait for after something was refused; 0: nothing was */
    int64_t grace_ms;    /* FLOW_GRACE_MS */
    int64_t max_event_bytes;
    struct buf scratch; /* for keys */
};

wf_status flow_init(struct cdc_flow *flow, const struct flow_owner *owner, wf_error *err);
void flow_release(struct cdc_flow *flow); /* nobody is attached any more */

/* Makes the log, empty, for a run of the source; before it nothing is emitted.  Everyone
 * rests. [source] */
wf_status flow_open(struct cdc_flow *flow, wf_str provider, size_t bytes,
                    size_t max_event_bytes, wf_error *err);

/* Gives the log back, and what is in it, until the next run.  Everyone rests.  [source] */
void flow_close(struct cdc_flow *flow);

/* Lets deliveries go on.  [source] */
void flow_run(struct cdc_flow *flow);
/* Ends deliveries: no callback begins any more.  [source] */
void flow_halt(struct cdc_flow *flow);
/* Waits until none is running, at most `wait_ms`; false: one is.  [source] */
bool flow_wait_rest(struct cdc_flow *flow, int wait_ms);

/* Appends the change for those who want it.  WF_OK also when nobody does; CDC_FULL when
 * there is no room now.  [source] */
wf_status flow_emit(struct cdc_flow *flow, const struct cdc_change *change, wf_error *err);
/* Whether somebody wants this.  [source] */
bool flow_wanted(struct cdc_flow *flow, struct cdc_table *table, enum cdc_op op);
/* Appends an event rendered before (a snapshot row) with its key, as flow_emit() does.
 * With RING_DEAD and RING_OVERSIZE it is the envelope of one that is too large.
 * [source] */
wf_status flow_append(struct cdc_flow *flow, wf_str event, wf_str key,
                      struct ring_meta meta, wf_error *err);
/* What is in the log on this lane, and no callback has, is dropped: everyone passes it.
 * [source] */
void flow_retract(struct cdc_flow *flow, uint32_t lane);
/* Wakes whoever sleeps while there is something to read.  [source] */
void flow_publish(struct cdc_flow *flow);
/* Everything before it has been delivered to all, and claims allow it to be forgotten; its
 * memory is given back.  [source] */
uint64_t flow_settle(struct cdc_flow *flow);
/* The same now, without giving anything back.  With flow.lock. */
uint64_t flow_passed(const struct cdc_flow *flow);
bool flow_is_empty(struct cdc_flow *flow);
/* Whether it is worth while to append now.  When not, owner.on_space is called once it may
 * be. [source] */
bool flow_has_room(struct cdc_flow *flow);

/* Someone to deliver to.  [any] */
size_t flow_subscriptions(struct cdc_flow *flow);
/* Appends the names of the subscriptions, to be taken off again with flow_next_name().
 * [any] */
void flow_names(struct cdc_flow *flow, struct buf *out);
bool flow_next_name(wf_str *names, wf_str *out_name);

/* Adds a claim at the tail for a name known from before, unless it is attached.
 * [source] */
wf_status flow_expect(struct cdc_flow *flow, wf_str name, wf_error *err);
/* Gives up claims whose time is over, one after the other: its name is appended to
 * `out_name`; false when there is none.  [source] */
bool flow_expire_claim(struct cdc_flow *flow, struct buf *out_name);

/* The number of a table, given out now if need be.  [source] */
uint32_t flow_table_id(struct cdc_flow *flow, struct cdc_table *table);

/* For core/subscription.c: joins, with the memory for the claim it will leave, and leaves.
 * [control] */
wf_status flow_attach(struct cdc_flow *flow, struct cdc_subscription *sub, wf_error *err);
void flow_detach(struct cdc_flow *flow, struct cdc_subscription *sub);

#endif
