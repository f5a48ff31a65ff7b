/* SPDX-License-Identifier: MIT
 *
 * memory_queue - injected events on their way to the source thread.
 *
 * Two batches: producers append to one under the lock, the source thread works through the
 * other without it and exchanges them when it is done.  Nothing is allocated per event once
 * both have grown to what is usual.  Bounded by events and by bytes.
 */
#ifndef MEMORY_QUEUE_H
#define MEMORY_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "providers/memory/memory_event.h"

#define MEMORY_QUEUE_EVENTS 256
/* Beyond that, for what the provider itself has to say. */
#define MEMORY_QUEUE_OWN 8
/* While events come faster than the source thread could be woken for each, it lets so
 * many gather before it is woken, for at most this time. */
#define MEMORY_QUEUE_GATHER_EVENTS (MEMORY_QUEUE_EVENTS / 2)
#define MEMORY_QUEUE_GATHER_NS 100000

/* Where an event stands in the text of its batch; table and key relative to the event. */
struct memory_record {
    size_t at;
    uint32_t len;
    uint32_t table_at, table_len;
    uint32_t key_at, key_len;
    enum cdc_op op;
};

struct memory_batch {
    struct buf text;
    uint32_t count;
    struct memory_record records[MEMORY_QUEUE_EVENTS + MEMORY_QUEUE_OWN];
};

struct memory_queue {
    pthread_mutex_t lock; /* guards `in`, wake_at, interrupted and full */
    pthread_cond_t arrived;
    struct memory_batch *in;
    uint32_t wake_at; /* the source thread waits for so many events; 0: it does not wait */
    bool interrupted; /* latched until a wait for any event sees it */
    _Atomic bool
        full; /* no event has room until the batches are exchanged; read without the lock */
    size_t most_bytes;
    struct memory_batch *out; /* [source] */
    uint32_t next;            /* [source]: the first record of `out` that is not taken */
    bool rapid;               /* [source]: the last events came one right after the other */
    struct memory_batch batches[2];
};

/* `most_bytes`: text that may wait; one event of any size always may. */
void memory_queue_init(struct memory_queue *queue, size_t most_bytes);
void memory_queue_release(struct memory_queue *queue);

/* Whether a put would find no room for sure: to be asked before much work is put into an
 * event.  [any] */
static inline bool memory_queue_is_full(const struct memory_queue *queue)
{
    return atomic_load_explicit(&queue->full, memory_order_relaxed);
}

/* Copies the event.  WF_UNAVAILABLE without a text when the queue is full.  `own`: the
 * provider's, which has room of its own.  [any] */
wf_status memory_queue_put(struct memory_queue *queue, wf_str text,
                           const struct memory_event *event, bool own, wf_error *err);

/* Ends the source thread's wait, or the next one.  [any] */
void memory_queue_interrupt(struct memory_queue *queue);

/* Whether `out` has a record; waits up to `timeout_ms` for one.  [source] */
bool memory_queue_fill(struct memory_queue *queue, int timeout_ms);
/* Waits for an interrupt alone.  [source] */
void memory_queue_rest(struct memory_queue *queue, int timeout_ms);

#endif
