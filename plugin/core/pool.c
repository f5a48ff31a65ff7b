/* SPDX-License-Identifier: MIT
 *
 * pool - a ring of slots in log order; every worker has a queue of slots of its own.
 */
#include "plugin/core/pool.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/thread.h"

#define POOL_SLOTS 1024u
#define POOL_NONE UINT32_MAX

struct pool_slot {
    const struct ring_record *record;
    uint64_t end;
    uint64_t seq;
    uint32_t next; /* in the worker's queue */
    bool done;
};

struct pool_worker {
    struct pool *pool;
    pthread_t thread;
    pthread_cond_t work;
    uint32_t first; /* slot, or POOL_NONE */
    uint32_t last;
    bool busy;
};

struct pool {
    struct cdc_subscription *sub;
    pthread_mutex_t lock;    /* guards everything below; after flow.lock */
    pthread_cond_t progress; /* no more than `enough` slots are taken, a worker is idle
                              * while the pool comes to rest, or look at must_rest */
    uint32_t first;
    uint32_t count;
    uint32_t enough; /* so that a full pool does not wake the log's reader for each event */
    bool resting;
    bool ending;
    int worker_count;
    struct pool_worker *workers;
    struct pool_slot slots[POOL_SLOTS];
};

/* Moves the cursor over what is done without a gap.  With pool.lock. */
static void pool_advance(struct pool *pool)
{
    while (pool->count && pool->slots[pool->first].done) {
        const struct pool_slot *slot = &pool->slots[pool->first];
        atomic_store_explicit(&pool->sub->passed, slot->seq + 1, memory_order_relaxed);
        atomic_store_explicit(&pool->sub->cursor, slot->end, memory_order_release);
        pool->first = (pool->first + 1) % POOL_SLOTS;
        pool->count--;
    }
    if (pool->count <= pool->enough)
        pthread_cond_broadcast(&pool->progress);
}

static bool pool_must_rest(const struct pool *pool)
{
    return atomic_load(&pool->sub->must_rest);
}

/* The next slot of the worker; NULL when the pool ends. */
static struct pool_slot *pool_next(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    while (worker->first == POOL_NONE && !pool->ending)
        pthread_cond_wait(&worker->work, &pool->lock);
    if (worker->first == POOL_NONE)
        return NULL;
    struct pool_slot *slot = &pool->slots[worker->first];
    worker->first = slot->next;
    return slot;
}

static void *pool_main(void *arg)
{
    struct pool_worker *worker = arg;
    struct pool *pool = worker->pool;
    subscription_enter(pool->sub);
    pthread_mutex_lock(&pool->lock);
    for (struct pool_slot *slot; (slot = pool_next(worker)) != NULL;) {
        worker->busy = true;
        pthread_mutex_unlock(&pool->lock);
        /* Its key's event before this one may have been given up for the rest. */
        bool done = !pool_must_rest(pool) && subscription_deliver(pool->sub, slot->record);
        pthread_mutex_lock(&pool->lock);
        slot->done = done;
        pool_advance(pool);
        pthread_mutex_unlock(&pool->lock);
        subscription_space(
            pool->sub); /* looks at the log, which stays only while it is busy */
        pthread_mutex_lock(&pool->lock);
        worker->busy = false;
        if (pool->resting)
            pthread_cond_broadcast(&pool->progress);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

wf_status pool_new(struct cdc_subscription *sub, int workers, struct pool **out,
                   wf_error *err)
{
    struct pool *pool = calloc(1, sizeof *pool);
    struct pool_worker *list = calloc((size_t)workers, sizeof *list);
    if (!pool || !list) {
        free(pool);
        free(list);
        return error_no_memory(err);
    }
    pool->sub = sub;
    pool->workers = list;
    pthread_mutex_init(&pool->lock, NULL);
    thread_cond_init(&pool->progress);
    for (int i = 0; i < workers; i++) {
        struct pool_worker *worker = &list[i];
        *worker = (struct pool_worker){.pool = pool, .first = POOL_NONE, .last = POOL_NONE};
        thread_cond_init(&worker->work);
        wf_status status =
            thread_start(&worker->thread, "cdc-worker", pool_main, worker, err);
        if (status) {
            pthread_cond_destroy(&worker->work);
            pool_free(pool);
            return status;
        }
        pool->worker_count++;
    }
    *out = pool;
    return WF_OK;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    for (int i = 0; i < pool->worker_count; i++)
        pthread_cond_signal(&pool->workers[i].work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->worker_count; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        pthread_cond_destroy(&pool->workers[i].work);
    }
    pthread_cond_destroy(&pool->progress);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

/* Waits until no more than `enough` slots are taken, or must_rest.  With pool.lock. */
static void pool_await(struct pool *pool, uint32_t enough)
{
    pool->enough = enough;
    while (pool->count > enough && !pool_must_rest(pool))
        pthread_cond_wait(&pool->progress, &pool->lock);
}

bool pool_submit(struct pool *pool, const struct ring_record *record, uint64_t end)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->count == POOL_SLOTS)
        pool_await(pool, POOL_SLOTS / 2);
    bool taken = pool->count < POOL_SLOTS && !pool_must_rest(pool);
    if (taken) {
        uint32_t index = (pool->first + pool->count++) % POOL_SLOTS;
        pool->slots[index] = (struct pool_slot){record, end, record->seq, POOL_NONE, false};
        uint64_t hash = record->meta.key_hash;
        struct pool_worker *worker = &pool->workers[hash % (uint64_t)pool->worker_count];
        if (worker->first == POOL_NONE)
            worker->first = index;
        else
            pool->slots[worker->last].next = index;
        worker->last = index;
        pthread_cond_signal(&worker->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

void pool_skip(struct pool *pool, uint64_t end, uint64_t seq)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->count) {
        /* Rides along with the newest slot: done when that is done. */
        struct pool_slot *slot = &pool->slots[(pool->first + pool->count - 1) % POOL_SLOTS];
        slot->end = end;
        slot->seq = seq;
    } else {
        atomic_store_explicit(&pool->sub->passed, seq + 1, memory_order_relaxed);
        atomic_store_explicit(&pool->sub->cursor, end, memory_order_release);
    }
    pthread_mutex_unlock(&pool->lock);
    subscription_space(pool->sub);
}

bool pool_drain(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool_await(pool, 0);
    bool drained = !pool->count;
    pthread_mutex_unlock(&pool->lock);
    return drained;
}

static bool pool_busy(const struct pool *pool)
{
    for (int i = 0; i < pool->worker_count; i++)
        if (pool->workers[i].busy)
            return true;
    return false;
}

void pool_rest(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->worker_count; i++)
        pool->workers[i].first = POOL_NONE;
    pool->resting = true;
    while (pool_busy(pool))
        pthread_cond_wait(&pool->progress, &pool->lock);
    pool->resting = false;
    pool->first = 0;
    pool->count = 0;
    pthread_mutex_unlock(&pool->lock);
}

bool pool_is_idle(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool idle = !pool->count;
    pthread_mutex_unlock(&pool->lock);
    return idle;
}

void pool_wake(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->progress);
    pthread_mutex_unlock(&pool->lock);
}
