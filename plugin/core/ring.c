/* SPDX-License-Identifier: MIT
 *
 * ring - offsets grow for ever; memory index = offset & (cap - 1).  A record never wraps:
 * when the piece up to the end of the memory is too small, a RING_PAD record fills it.
 */
#include "plugin/core/ring.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"

#define RING_ALIGN 8u
#define RING_SMALLEST 65536u

static size_t ring_align(size_t size)
{
    return (size + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);
}

static struct ring_record *ring_at(const struct ring *r, uint64_t offset)
{
    return (struct ring_record *)(void *)(r->memory + (offset & (r->cap - 1)));
}

wf_status ring_init(struct ring *r, size_t bytes, size_t most, wf_error *err)
{
    size_t cap = RING_SMALLEST;
    while (cap < bytes)
        cap *= 2;
    *r = (struct ring){.cap = cap, .most = most};
    /* Pages are touched as the log first reaches them, so a quiet source stays small. */
    void *memory =
        mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        r->cap = 0;
        return error_set(err, WF_NO_MEMORY, "out of memory for a buffer of %zu bytes", cap);
    }
    r->memory = memory;
    return WF_OK;
}

void ring_release(struct ring *r)
{
    if (r->memory)
        munmap(r->memory, r->cap);
    free(r->outside);
    r->memory = NULL;
    r->outside = NULL;
    r->cap = 0;
}

size_t ring_room(const struct ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    return r->outside ? 0 : r->cap - (size_t)(head - r->tail);
}

/* Attempt 0: from the head to the end of the memory or to the tail.  1: from the beginning
 * of the memory.  2: outside. */
static bool ring_begin_outside(struct ring *r, struct buf *space)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head != r->tail)
        return false; /* a large event goes alone */
    buf_init(space, r->most);
    return true;
}

bool ring_begin(struct ring *r, int attempt, struct buf *space)
{
    if (r->outside)
        return false;
    if (attempt == 2)
        return ring_begin_outside(r, space);
    if (attempt > 2)
        return false;
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t room = ring_room(r);
    size_t index = (size_t)(head & (r->cap - 1));
    size_t to_end = r->cap - index;
    /* Attempt 0 has the piece before the end of the memory; 1 has what is free behind
     * it. */
    size_t offset = attempt ? to_end : 0;
    size_t free_bytes =
        attempt ? (room > to_end ? room - to_end : 0) : (room < to_end ? room : to_end);
    r->wraps = attempt == 1;
    if (free_bytes < sizeof(struct ring_record) || (attempt && !index)) {
        buf_fixed(space, r->memory, 0);
        space->broken = WF_CONFIG; /* not even an empty record has room */
    } else {
        buf_fixed(space, (char *)ring_at(r, head + offset) + sizeof(struct ring_record),
                  (free_bytes - sizeof(struct ring_record)) & ~(size_t)(RING_ALIGN - 1));
    }
    return true;
}

static void ring_pad(struct ring *r, uint64_t *head)
{
    size_t size = r->cap - (size_t)(*head & (r->cap - 1));
    struct ring_record *pad = ring_at(r, *head);
    /* The piece may be too small for a whole header; readers look at size and flags only
     * when it is not, and skip by arithmetic when it is (ring_read). */
    if (size >= sizeof *pad)
        *pad = (struct ring_record){.size = (uint32_t)size, .meta.flags = RING_PAD};
    *head += size;
}

void ring_end(struct ring *r, struct buf *space, struct ring_meta meta)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t stored = space->len;
    if (!space->fixed) {
        stored = sizeof(char *);
        meta.flags |= RING_OUTSIDE;
    }
    size_t size = ring_align(sizeof(struct ring_record) + stored);
    if (!space->fixed)
        r->wraps = r->cap - (size_t)(head & (r->cap - 1)) < size;
    if (r->wraps)
        ring_pad(r, &head);
    struct ring_record *record = ring_at(r, head);
    uint64_t seq = atomic_load_explicit(&r->count, memory_order_relaxed);
    *record = (struct ring_record){(uint32_t)size, (uint32_t)space->len, seq, meta};
    atomic_store_explicit(&r->count, seq + 1, memory_order_relaxed);
    if (!space->fixed) {
        r->outside = space->data;
        r->outside_at = head;
        memcpy(record + 1, &space->data, sizeof(char *));
    }
    *space = (struct buf){0};
    atomic_store_explicit(&r->head, head + size, memory_order_release);
}

void ring_free_to(struct ring *r, uint64_t cursor)
{
    if (cursor <= r->tail)
        return;
    r->tail = cursor;
    if (r->outside && cursor > r->outside_at) {
        free(r->outside);
        r->outside = NULL;
    }
}

const struct ring_record *ring_read(const struct ring *r, uint64_t *cursor, uint64_t head)
{
    while (*cursor < head) {
        size_t to_end = r->cap - (size_t)(*cursor & (r->cap - 1));
        if (to_end < sizeof(struct ring_record)) {
            *cursor += to_end;
            continue;
        }
        const struct ring_record *record = ring_at(r, *cursor);
        if (!(record->meta.flags & RING_PAD))
            return record;
        *cursor += record->size;
    }
    return NULL;
}
