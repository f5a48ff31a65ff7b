/* SPDX-License-Identifier: MIT
 *
 * ring - a source's log: rendered events in one piece of memory, written once, read by
 * many.
 *
 * One thread writes (the source's), any number read, each with a cursor of its own.  A
 * cursor is an offset that only grows; what lies before the smallest cursor is given back
 * with ring_free_to(). Records are contiguous, so a reader hands the text on without
 * copying it.  An event larger than the ring lies outside of it, alone: it is taken only
 * while the ring is empty, and nothing else is taken until it is given back.
 *
 *     writer   ring_begin -> render into the buf -> ring_end        [source]
 *     reader   ring_read(cursor) -> record -> cursor = record's end [delivery]
 *
 * The writer's head is published with release order; a reader that sees it sees the record.
 *
 */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"

enum ring_flag {
    RING_PAD = 1,       /* nothing: the rest of the memory before it begins again */
    RING_BARRIER = 2,   /* for workers > 1: everything before it first, it alone */
    RING_DEAD = 4,      /* for the dead letters; see core/dead_letter.h */
    RING_OUTSIDE = 8,   /* the text is not in the ring but where `outside` points */
    RING_OVERSIZE = 16, /* with RING_DEAD: the event was too large, this is its envelope */
    RING_CHUNK = 32,    /* the first row of a chunk of a snapshot; see core/hold.h */
};

#define RING_NO_TABLE UINT32_MAX /* the event belongs to no table */
#define RING_ANY_TABLE 0         /* the table has no number: its name is in the event */

/* What a reader must know of an event without parsing it. */
struct ring_meta {
    uint64_t key_hash;
    uint32_t table_id;
    uint8_t op; /* enum cdc_op */
    uint8_t flags;
    uint16_t lane; /* see core/lane.h; 0: none */
};

struct ring_record {
    uint32_t size; /* with header and padding: the next record begins after it */
    uint32_t len;  /* of the text */
    uint64_t seq;  /* ordinal in this ring, from 0 */
    struct ring_meta meta;
};

struct ring {
    char *memory;
    size_t cap;    /* a power of two */
    uint64_t tail; /* everything before it is free; the writer moves it, with flow.lock */
    bool wraps; /* writer only: the place offered last is at the beginning of the memory */
    char *outside; /* the one text outside, or NULL */
    uint64_t outside_at;
    size_t most; /* longest text that may lie outside */
    _Alignas(CDC_CACHE_LINE) _Atomic uint64_t head;
    _Atomic uint64_t count; /* records written so far */
};

/* Room for `bytes`, rounded up to a power of two; texts of at most `most` bytes. */
wf_status ring_init(struct ring *r, size_t bytes, size_t most, wf_error *err);
void ring_release(struct ring *r);

static inline uint64_t ring_head(const struct ring *r)
{
    return atomic_load_explicit(&r->head, memory_order_acquire);
}

/* Bytes that may still be written.  [source] */
size_t ring_room(const struct ring *r);

/* Where to render the next event: `space` is a fixed buf over free memory.  `attempt`
 * counts from 0: each attempt offers the next larger place, when the one before was too
 * small for the event. False: there is no larger one now (the ring is full).  [source] */
bool ring_begin(struct ring *r, int attempt, struct buf *space);

/* Publishes what was rendered into `space` (takes it).  [source] */
void ring_end(struct ring *r, struct buf *space, struct ring_meta meta);

/* Gives back everything before `cursor`.  [source] */
void ring_free_to(struct ring *r, uint64_t cursor);

/* The record at *cursor, which is moved over padding first; NULL at the head.
 * [delivery] */
const struct ring_record *ring_read(const struct ring *r, uint64_t *cursor, uint64_t head);

static inline wf_str ring_text(const struct ring_record *record)
{
    const char *text = (const char *)(record + 1);
    if (CDC_UNLIKELY(record->meta.flags & RING_OUTSIDE))
        memcpy(&text, record + 1, sizeof text);
    return (wf_str){text, record->len};
}

#endif
