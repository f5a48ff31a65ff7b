/* SPDX-License-Identifier: MIT
 *
 * hold - one list in the log's order; its beginning is cut off while it is written.
 */
#include "plugin/core/hold.h"

#include <stdlib.h>

#include "plugin/core/flow.h"
#include "plugin/core/pool.h"

void hold_init(struct cdc_flow *flow)
{
    flow->hold = (struct hold){.last = &flow->hold.first};
}

static void hold_free(struct hold_chunk *chunk)
{
    while (chunk) {
        struct hold_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void hold_clear(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    struct hold old = flow->hold;
    hold_init(flow);
    pthread_mutex_unlock(&flow->lock);
    hold_free(old.first);
    hold_free(old.stored);
}

void hold_limit(struct cdc_flow *flow, int readers)
{
    pthread_mutex_lock(&flow->lock);
    flow->hold.readers = readers;
    pthread_mutex_unlock(&flow->lock);
}

void hold_add(struct cdc_flow *flow, struct hold_chunk *chunk)
{
    chunk->next = NULL;
    pthread_mutex_lock(&flow->lock);
    *flow->hold.last = chunk;
    flow->hold.last = &chunk->next;
    pthread_mutex_unlock(&flow->lock);
}

struct hold_chunk *hold_take(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    struct hold_chunk *chunk = flow->hold.stored;
    if (chunk)
        flow->hold.stored = chunk->next;
    pthread_mutex_unlock(&flow->lock);
    return chunk;
}

/* ---- writing ------------------------------------------------------------------------- */

/* With flow.lock. */
static bool hold_has_passed(const struct cdc_flow *flow)
{
    const struct hold_chunk *chunk = flow->hold.first;
    return chunk && chunk->offset <= flow_passed(flow);
}

bool hold_is_due(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    bool due = hold_has_passed(flow);
    pthread_mutex_unlock(&flow->lock);
    return due;
}

/* From the first to the last one, whose `next` the source may be writing.  The newest of
 * each table tells all. */
static wf_status hold_put(struct cdc_flow *flow, const struct hold_chunk *first,
                          const struct hold_chunk *last, wf_error *err)
{
    struct cdc_store *store;
    wf_status status = flow->owner.store(flow->owner.ctx, &store, err);
    for (const struct hold_chunk *next; first && !status; first = next) {
        next = first == last ? NULL : first->next;
        if (!next || next->table != first->table)
            status =
                store_snapshot_put(store, flow->owner.source_id, &first->progress, err);
    }
    return status;
}

/* Writes what everyone has had, which is at least one; nobody else does.  With flow.lock,
 * which is free meanwhile. */
static wf_status hold_work(struct cdc_flow *flow, wf_error *err)
{
    struct hold *h = &flow->hold;
    uint64_t passed = flow_passed(flow);
    struct hold_chunk *first = h->first;
    struct hold_chunk *last = first;
    while (last->next && last->next->offset <= passed)
        last = last->next;
    bool kept = h->readers > 0;
    h->writing = last;
    pthread_mutex_unlock(&flow->lock);
    wf_status status = kept ? hold_put(flow, first, last, err) : WF_OK;
    pthread_mutex_lock(&flow->lock);
    h->writing = NULL;
    h->failing = status != WF_OK;
    if (!status) {
        h->first = last->next;
        if (!h->first)
            h->last = &h->first;
        last->next = h->stored;
        h->stored = first;
    }
    pthread_cond_broadcast(&flow->wake);
    return status;
}

wf_status hold_write(struct cdc_flow *flow, wf_error *err)
{
    pthread_mutex_lock(&flow->lock);
    while (flow->hold.writing)
        pthread_cond_wait(&flow->wake, &flow->lock);
    wf_status status = hold_has_passed(flow) ? hold_work(flow, err) : WF_OK;
    pthread_mutex_unlock(&flow->lock);
    return status;
}

/* ---- waiting ------------------------------------------------------------------------- */

/* Of the chunks before `at` as many are not stored as may be.  With flow.lock. */
static bool hold_is_full(const struct hold *h, uint64_t at)
{
    int count = 0;
    for (const struct hold_chunk *chunk = h->first;
         chunk && chunk->offset <= at && count < h->readers; chunk = chunk->next)
        count++;
    return count && count == h->readers && !h->failing;
}

/* Its own workers may still have rows of the oldest one.  With flow.lock. */
static bool hold_is_own(const struct hold *h, const struct cdc_subscription *sub)
{
    return sub->pool && atomic_load(&sub->cursor) < h->first->offset;
}

bool hold_await(struct cdc_subscription *sub, uint64_t at)
{
    struct cdc_flow *flow = sub->flow;
    struct hold *h = &flow->hold;
    pthread_mutex_lock(&flow->lock);
    if (hold_is_full(h, at) && hold_is_own(h, sub)) {
        pthread_mutex_unlock(&flow->lock);
        pool_drain(sub->pool);
        pthread_mutex_lock(&flow->lock);
    }
    while (!atomic_load(&sub->must_rest) && hold_is_full(h, at) && hold_has_passed(flow)) {
        if (h->writing)
            pthread_cond_wait(&flow->wake, &flow->lock);
        else
            hold_work(flow, NULL);
    }
    pthread_mutex_unlock(&flow->lock);
    return !atomic_load(&sub->must_rest);
}
