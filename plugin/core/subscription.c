/* SPDX-License-Identifier: MIT
 *
 * subscription - wait, take the next record, deliver it, move on.
 */
#include "plugin/core/subscription.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/dead_letter.h"
#include "plugin/core/flow.h"
#include "plugin/core/pool.h"

#define SUBSCRIPTION_CANCELLED_MS                                                          \
    1000                        /* a host that is stopping is asked again after this */
#define SUBSCRIPTION_BURY_MS 10 /* shortest wait for a store that does not take a letter */

/* The subscription whose callback runs on this thread, to know a stop that comes from
 * inside. */
static CDC_THREAD_LOCAL const struct cdc_subscription *subscription_current;

void subscription_enter(struct cdc_subscription *sub)
{
    subscription_current = sub;
}

bool subscription_is_inside(const struct cdc_subscription *sub)
{
    return subscription_current == sub;
}

/* ---- delivering ---------------------------------------------------------------------- */

static bool subscription_is_retracted(const struct cdc_subscription *sub,
                                      const struct ring_record *record)
{
    return lane_is_retracted(&sub->flow->lanes, record);
}

/* Waits, or until the record is retracted; false when the thread has to rest. */
static bool subscription_pause(struct cdc_subscription *sub,
                               const struct ring_record *record, int64_t wait_ms)
{
    struct cdc_flow *flow = sub->flow;
    int64_t deadline = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&flow->lock);
    while (!atomic_load(&sub->must_rest) && !subscription_is_retracted(sub, record) &&
           thread_cond_wait_until(&flow->wake, &flow->lock, deadline))
        ;
    pthread_mutex_unlock(&flow->lock);
    return !atomic_load(&sub->must_rest);
}

static void subscription_note_error(struct cdc_subscription *sub, const char *text)
{
    pthread_mutex_lock(&sub->flow->lock);
    snprintf(sub->error, sizeof sub->error, "%.*s", (int)sizeof sub->error - 1, text);
    atomic_store(&sub->failing, text[0] != '\0');
    pthread_mutex_unlock(&sub->flow->lock);
}

wf_status subscription_fire(struct cdc_subscription *sub, wf_str event, wf_error *err)
{
    struct cdc_flow *flow = sub->flow;
    atomic_fetch_add(&flow->firing, 1);
    wf_status status = sub->callback.fire(sub->callback.ctx, STR("cdc.change"), event, err);
    atomic_fetch_sub(&flow->firing, 1);
    return status;
}

static void subscription_buried(struct cdc_subscription *sub,
                                const struct ring_record *record, int64_t attempts,
                                wf_str error)
{
    if (record->meta.flags & RING_DEAD)
        (void)dead_letter_split(ring_text(record), &error);
    atomic_fetch_add(&sub->dead_lettered, 1);
    log_line(sub->flow->owner.logger, LOG_WARN,
             "event went to the dead letters source=%.*s subscription=%.*s attempts=%lld "
             "error=%.*s",
             STR_ARG(sub->flow->owner.source_id), STR_ARG(sub->name), (long long)attempts,
             STR_ARG(error));
}

/* Puts the record away.  Until the store has it the event is not given up. */
static bool subscription_bury(struct cdc_subscription *sub,
                              const struct ring_record *record, int64_t attempts,
                              const char *error)
{
    int64_t wait_ms = sub->policy.initial_backoff_ms;
    if (wait_ms < SUBSCRIPTION_BURY_MS)
        wait_ms = SUBSCRIPTION_BURY_MS;
    wf_error err;
    while (!subscription_is_retracted(sub, record)) {
        if (!dead_letter_write(sub, record, attempts, error, &err)) {
            subscription_buried(sub, record, attempts, str_from(error));
            break;
        }
        log_line(
            sub->flow->owner.logger, LOG_ERROR,
            "dead letter not stored, trying again source=%.*s subscription=%.*s error=%s",
            STR_ARG(sub->flow->owner.source_id), STR_ARG(sub->name), err.text);
        subscription_note_error(sub, err.text);
        if (!subscription_pause(sub, record, wait_ms))
            return false;
        if (wait_ms * 2 <= sub->policy.max_backoff_ms)
            wait_ms *= 2;
    }
    subscription_note_error(sub, "");
    return true;
}

/* After a failed attempt: waits and says whether to try again.  *out_done: put away
 * instead. */
static bool subscription_again(struct cdc_subscription *sub,
                               const struct ring_record *record, int64_t attempts,
                               const wf_error *failure, bool *out_done)
{
    const struct subscription_policy *policy = &sub->policy;
    subscription_note_error(sub, failure->text);
    bool last = attempts >= policy->max_attempts || failure->code == WF_UNSUPPORTED;
    if (last && !policy->block) {
        *out_done = subscription_bury(sub, record, attempts, failure->text);
        return false;
    }
    int64_t wait_ms = policy->initial_backoff_ms;
    for (int64_t i = 1; i < attempts && wait_ms < policy->max_backoff_ms; i++)
        wait_ms *= 2;
    wait_ms = wait_ms < policy->max_backoff_ms ? wait_ms : policy->max_backoff_ms;
    if (!subscription_pause(sub, record, wait_ms))
        return false;
    atomic_fetch_add(&sub->retried, 1);
    return true;
}

static bool subscription_retry(struct cdc_subscription *sub,
                               const struct ring_record *record, wf_error *failure)
{
    int64_t attempts = 0;
    for (;;) {
        if (failure->code == WF_CANCELLED) {
            if (!subscription_pause(sub, record, SUBSCRIPTION_CANCELLED_MS))
                return false;
        } else {
            bool done = false;
            if (!subscription_again(sub, record, ++attempts, failure, &done))
                return done;
        }
        if (subscription_is_retracted(sub, record)) {
            subscription_note_error(sub, "");
            return true;
        }
        failure->text[0] = '\0';
        failure->code = subscription_fire(sub, ring_text(record), failure);
        if (!failure->code) {
            subscription_note_error(sub, "");
            atomic_fetch_add(&sub->delivered, 1);
            return true;
        }
    }
}

bool subscription_deliver(struct cdc_subscription *sub, const struct ring_record *record)
{
    if (CDC_UNLIKELY(subscription_is_retracted(sub, record)))
        return true;
    if (CDC_UNLIKELY(record->meta.flags & RING_DEAD))
        return subscription_bury(sub, record, 0, "");
    wf_error err;
    err.text[0] = '\0';
    wf_status status = subscription_fire(sub, ring_text(record), &err);
    if (CDC_UNLIKELY(status)) {
        err.code = status;
        return subscription_retry(sub, record, &err);
    }
    atomic_fetch_add_explicit(&sub->delivered, 1, memory_order_relaxed);
    return true;
}

/* ---- choosing ------------------------------------------------------------------------ */

static uint32_t subscription_ops(struct cdc_subscription *sub, uint32_t id)
{
    if (id >= sub->wants_count) {
        uint32_t count = sub->wants_count ? sub->wants_count : 64;
        while (count <= id)
            count *= 2;
        uint32_t *wants = realloc(sub->wants, count * sizeof *wants);
        if (!wants)
            return filter_ops(&sub->filter, catalogue_name(&sub->flow->tables, id));
        memset(wants + sub->wants_count, 0, (count - sub->wants_count) * sizeof *wants);
        sub->wants = wants;
        sub->wants_count = count;
    }
    if (!sub->wants[id])
        sub->wants[id] =
            1 + (filter_ops(&sub->filter, catalogue_name(&sub->flow->tables, id)));
    return sub->wants[id] - 1;
}

/* What could not be understood may be of any table or operation that it does not name. */
static bool subscription_wants_poison(struct cdc_subscription *sub,
                                      const struct ring_record *record)
{
    uint32_t id = record->meta.table_id;
    uint32_t ops = sub->filter.ops;
    if (id != RING_NO_TABLE && id != RING_ANY_TABLE)
        ops = subscription_ops(sub, id);
    return record->meta.op == CDC_OP_NONE ? ops : ops & (1u << record->meta.op);
}

static bool subscription_wants(struct cdc_subscription *sub,
                               const struct ring_record *record)
{
    uint32_t id = record->meta.table_id;
    uint32_t bit = 1u << record->meta.op;
    if (CDC_UNLIKELY((record->meta.flags & (RING_DEAD | RING_OVERSIZE)) == RING_DEAD))
        return subscription_wants_poison(sub, record);
    if (CDC_LIKELY(id < sub->wants_count && sub->wants[id]))
        return (sub->wants[id] - 1) & bit;
    if (id == RING_NO_TABLE)
        return filter_ops(&sub->filter, STR_EMPTY) & bit;
    if (id == RING_ANY_TABLE && (record->meta.flags & RING_DEAD))
        return sub->filter.ops & bit; /* there may be no event to read the table from */
    if (id == RING_ANY_TABLE)
        return filter_wants_event(&sub->filter, ring_text(record),
                                  (enum cdc_op)record->meta.op);
    return subscription_ops(sub, id) & bit;
}

/* ---- the thread ---------------------------------------------------------------------- */

void subscription_space(struct cdc_subscription *sub)
{
    struct cdc_flow *flow = sub->flow;
    if (CDC_LIKELY(!atomic_load_explicit(&flow->want_space, memory_order_relaxed)))
        return;
    uint64_t behind = atomic_load_explicit(&flow->ring.head, memory_order_relaxed) -
                      atomic_load_explicit(&sub->cursor, memory_order_relaxed);
    if (behind <= atomic_load(&flow->wake_below) &&
        atomic_exchange(&flow->want_space, false))
        flow->owner.on_space(flow->owner.ctx);
}

static bool subscription_take(struct cdc_subscription *sub,
                              const struct ring_record *record, uint64_t end)
{
    bool wanted = subscription_wants(sub, record);
    if (wanted && CDC_UNLIKELY(record->meta.flags & RING_CHUNK) &&
        !hold_await(sub, end - record->size))
        return false;
    if (sub->pool) {
        if (!wanted) {
            pool_skip(sub->pool, end, record->seq);
            return true;
        }
        if (!(record->meta.flags & (RING_BARRIER | RING_DEAD)))
            return pool_submit(sub->pool, record, end);
        if (!pool_drain(sub->pool))
            return false;
    }
    if (wanted && !subscription_deliver(sub, record))
        return false;
    atomic_store_explicit(&sub->passed, record->seq + 1, memory_order_relaxed);
    atomic_store_explicit(&sub->cursor, end, memory_order_release);
    subscription_space(sub);
    return true;
}

/* Where reading goes on: with workers that is ahead of the cursor. */
static uint64_t subscription_position(struct cdc_subscription *sub)
{
    if (sub->pool && !pool_is_idle(sub->pool))
        return sub->taken;
    return atomic_load_explicit(&sub->cursor, memory_order_relaxed);
}

static void subscription_read(struct cdc_subscription *sub)
{
    struct cdc_flow *flow = sub->flow;
    uint64_t at = subscription_position(sub);
    while (!atomic_load_explicit(&sub->must_rest, memory_order_relaxed)) {
        const struct ring_record *record =
            ring_read(&flow->ring, &at, ring_head(&flow->ring));
        if (!record)
            break;
        uint64_t end = at + record->size;
        if (!subscription_take(sub, record, end))
            break;
        at = end;
    }
    sub->taken = at;
    /* Nothing may follow that looks again: pairs with the source's store of want_space. */
    atomic_thread_fence(memory_order_seq_cst);
    subscription_space(sub);
    if (sub->pool && atomic_load(&sub->must_rest))
        pool_rest(sub->pool);
}

static bool subscription_has_work(struct cdc_subscription *sub)
{
    struct cdc_flow *flow = sub->flow;
    if (!flow->running)
        return sub->pool && !pool_is_idle(sub->pool); /* they have to be waited for */
    return subscription_position(sub) != ring_head(&flow->ring) ||
           sub->replays_seen != atomic_load(&flow->replays);
}

/* Rests until there is work; false when the subscription ends. */
static bool subscription_wait(struct cdc_subscription *sub)
{
    struct cdc_flow *flow = sub->flow;
    pthread_mutex_lock(&flow->lock);
    for (;;) {
        if (sub->stopping)
            break;
        atomic_fetch_add(&flow->sleepers, 1);
        atomic_thread_fence(memory_order_seq_cst);
        bool work = subscription_has_work(sub);
        if (!work) {
            /* Its workers may still have something, while there is nothing more to give
             * them. */
            sub->resting = !sub->pool || pool_is_idle(sub->pool);
            pthread_cond_broadcast(&flow->rested);
            pthread_cond_wait(&flow->wake, &flow->lock);
        }
        atomic_fetch_sub(&flow->sleepers, 1);
        if (work)
            break;
    }
    bool go_on = !sub->stopping;
    sub->resting = false; /* also when it ends: it is at rest when it has left the list */
    pthread_mutex_unlock(&flow->lock);
    return go_on;
}

static void *subscription_main(void *arg)
{
    struct cdc_subscription *sub = arg;
    subscription_enter(sub);
    while (subscription_wait(sub)) {
        uint32_t replays = atomic_load(&sub->flow->replays);
        if (sub->replays_seen != replays) {
            sub->replays_seen = replays;
            dead_letter_replay(sub);
        }
        subscription_read(sub);
    }
    if (sub->pool)
        pool_rest(sub->pool);
    flow_detach(sub->flow, sub);
    return NULL;
}

wf_status subscription_start(struct cdc_subscription *sub, struct cdc_flow *flow,
                             wf_error *err)
{
    if (sub->started)
        return error_set(err, WF_STATE, "already started");
    sub->flow = flow;
    uint32_t replays = atomic_load(&flow->replays);
    sub->replays_seen = replays ? replays - 1 : 0; /* where there is a store: look once */
    if (sub->policy.workers > 1) {
        wf_status status = pool_new(sub, (int)sub->policy.workers, &sub->pool, err);
        if (status)
            return status;
    }
    wf_status status = flow_attach(flow, sub, err);
    if (!status) {
        status = thread_start(&sub->thread, "cdc-deliver", subscription_main, sub, err);
        if (status)
            flow_detach(flow, sub);
    }
    if (status) {
        pool_free(sub->pool);
        sub->pool = NULL;
        return status;
    }
    sub->started = true;
    return WF_OK;
}

void subscription_interrupt(struct cdc_subscription *sub)
{
    atomic_store(&sub->must_rest, true);
    if (sub->pool)
        pool_wake(sub->pool);
}

bool subscription_stop(struct cdc_subscription *sub)
{
    if (!sub->started)
        return true;
    struct cdc_flow *flow = sub->flow;
    pthread_mutex_lock(&flow->lock);
    sub->stopping = true;
    subscription_interrupt(sub);
    pthread_cond_broadcast(&flow->wake);
    pthread_mutex_unlock(&flow->lock);
    if (subscription_is_inside(sub))
        return false;
    pthread_join(sub->thread, NULL);
    sub->started = false;
    pool_free(sub->pool);
    sub->pool = NULL;
    free(sub->wants);
    sub->wants = NULL;
    sub->wants_count = 0;
    return true;
}

bool subscription_is_stopping(struct cdc_subscription *sub)
{
    if (!sub->started)
        return false;
    pthread_mutex_lock(&sub->flow->lock);
    bool stopping = sub->stopping;
    pthread_mutex_unlock(&sub->flow->lock);
    return stopping;
}
