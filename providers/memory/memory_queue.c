/* SPDX-License-Identifier: MIT
 *
 * memory_queue - append under the lock, exchange under the lock, read without it.
 */
#include "providers/memory/memory_queue.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/thread.h"

/* What a batch keeps of its memory when it held something large. */
#define MEMORY_QUEUE_KEPT_BYTES (1024u * 1024u)

void memory_queue_init(struct memory_queue *queue, size_t most_bytes)
{
    pthread_mutex_init(&queue->lock, NULL);
    thread_cond_init(&queue->arrived);
    queue->in = &queue->batches[0];
    queue->out = &queue->batches[1];
    for (size_t i = 0; i < CDC_COUNT(queue->batches); i++)
        buf_init(&queue->batches[i].text, LIMIT_EVENT_BYTES);
    queue->most_bytes = most_bytes < LIMIT_EVENT_BYTES ? most_bytes : LIMIT_EVENT_BYTES;
}

void memory_queue_release(struct memory_queue *queue)
{
    for (size_t i = 0; i < CDC_COUNT(queue->batches); i++)
        buf_release(&queue->batches[i].text);
    pthread_cond_destroy(&queue->arrived);
    pthread_mutex_destroy(&queue->lock);
}

/* With the lock. */
static wf_status memory_queue_append(struct memory_batch *batch, wf_str text,
                                     const struct memory_event *event, wf_error *err)
{
    size_t at = batch->text.len;
    buf_str(&batch->text, text);
    wf_status status = buf_status(&batch->text, "event", err);
    if (CDC_UNLIKELY(status)) {
        /* What was there before is still whole. */
        batch->text.broken = WF_OK;
        batch->text.len = at;
        return status;
    }
    batch->records[batch->count++] = (struct memory_record){
        .at = at,
        .len = (uint32_t)text.len,
        .table_at = event->table.len ? (uint32_t)(event->table.ptr - text.ptr) : 0,
        .table_len = (uint32_t)event->table.len,
        .key_at = event->key.len ? (uint32_t)(event->key.ptr - text.ptr) : 0,
        .key_len = (uint32_t)event->key.len,
        .op = event->op,
    };
    return WF_OK;
}

wf_status memory_queue_put(struct memory_queue *queue, wf_str text,
                           const struct memory_event *event, bool own, wf_error *err)
{
    bool wake = false;
    wf_status status = WF_UNAVAILABLE;
    pthread_mutex_lock(&queue->lock);
    struct memory_batch *batch = queue->in;
    bool room = batch->count < MEMORY_QUEUE_EVENTS &&
                (!batch->count || text.len + batch->text.len <= queue->most_bytes);
    if (own)
        room = batch->count < CDC_COUNT(batch->records);
    if (CDC_LIKELY(room))
        status = memory_queue_append(batch, text, event, err);
    if (CDC_UNLIKELY(batch->count >= MEMORY_QUEUE_EVENTS))
        atomic_store_explicit(&queue->full, true, memory_order_relaxed);
    if (queue->wake_at && (batch->count >= queue->wake_at || !room)) {
        queue->wake_at = 0;
        wake = true;
    }
    pthread_mutex_unlock(&queue->lock);
    if (CDC_UNLIKELY(wake))
        pthread_cond_signal(&queue->arrived);
    return status;
}

void memory_queue_interrupt(struct memory_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->interrupted = true;
    pthread_mutex_unlock(&queue->lock);
    pthread_cond_signal(&queue->arrived);
}

static void memory_queue_empty(struct memory_batch *batch)
{
    batch->count = 0;
    if (batch->text.cap > MEMORY_QUEUE_KEPT_BYTES)
        buf_release(&batch->text);
    if (!batch->text.cap)
        buf_init(&batch->text, LIMIT_EVENT_BYTES);
    buf_clear(&batch->text);
}

/* Until `count` events are there or no more have room, an interrupt came, or the time is
 * up.  Whoever wakes this thread sets wake_at back.  With the lock. */
static void memory_queue_wait(struct memory_queue *queue, uint32_t count,
                              int64_t deadline_ns)
{
    bool in_time = true;
    queue->wake_at = queue->in->count < count ? count : 0;
    while (in_time && queue->wake_at && !queue->interrupted)
        in_time = thread_cond_wait_until_ns(&queue->arrived, &queue->lock, deadline_ns);
    queue->wake_at = 0;
}

/* The first event after a pause is taken at once.  When the next one comes within the
 * time that events may gather, waking this thread for each would cost more than the
 * events themselves: from then on they gather, until only one came in that time.  With
 * the lock. */
static void memory_queue_await(struct memory_queue *queue, int timeout_ms)
{
    int64_t now = clock_mono_ns();
    if (queue->rapid) {
        memory_queue_wait(queue, MEMORY_QUEUE_GATHER_EVENTS, now + MEMORY_QUEUE_GATHER_NS);
        queue->rapid = queue->in->count > 1;
    }
    if (queue->in->count)
        return;
    now = clock_mono_ns();
    memory_queue_wait(queue, 1, now + timeout_ms * INT64_C(1000000));
    queue->interrupted = false;
    queue->rapid = clock_mono_ns() - now < MEMORY_QUEUE_GATHER_NS;
}

bool memory_queue_fill(struct memory_queue *queue, int timeout_ms)
{
    if (queue->next < queue->out->count)
        return true;
    if (queue->out->count)
        memory_queue_empty(queue->out);
    queue->next = 0;
    pthread_mutex_lock(&queue->lock);
    if (timeout_ms > 0 && queue->in->count < MEMORY_QUEUE_GATHER_EVENTS)
        memory_queue_await(queue, timeout_ms);
    bool found = queue->in->count > 0;
    if (found) {
        struct memory_batch *full = queue->in;
        queue->in = queue->out;
        queue->out = full;
        atomic_store_explicit(&queue->full, false, memory_order_relaxed);
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

void memory_queue_rest(struct memory_queue *queue, int timeout_ms)
{
    pthread_mutex_lock(&queue->lock);
    int64_t deadline = clock_mono_ms() + timeout_ms;
    while (!queue->interrupted && timeout_ms > 0 &&
           thread_cond_wait_until(&queue->arrived, &queue->lock, deadline))
        ;
    queue->interrupted = false;
    pthread_mutex_unlock(&queue->lock);
}
