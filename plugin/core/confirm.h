/* SPDX-License-Identifier: MIT
 *
 * confirm - which position may be confirmed, given how far everyone has read the log.
 *
 * Each transaction's end leaves a mark: the offset in the log behind it, and the position
 * that covers it.  The newest mark that everyone has passed is the one to confirm.  Marks
 * are bounded: when there are too many, every second one is forgotten, which only makes
 * confirming coarser.
 */
#ifndef CORE_CONFIRM_H
#define CORE_CONFIRM_H

#include "base/buf.h"

#define CONFIRM_MARKS 1024

struct confirm_mark {
    uint64_t offset;
    struct buf position;
};

struct confirm {
    struct confirm_mark marks[CONFIRM_MARKS];
    size_t first;
    size_t count;
    bool late;            /* there was no memory for the newest mark: `latest` is it, ... */
    uint64_t late_offset; /* ... at this offset */
    struct buf latest;    /* the newest position marked: where a reconnect goes on */
    struct buf ready;     /* the newest position that everyone has passed */
    bool unconfirmed;     /* `ready` is newer than what was confirmed */
};

void confirm_init(struct confirm *c);
void confirm_release(struct confirm *c);
/* Forgets all marks; `position` (may be empty) is where the stream begins. */
wf_status confirm_reset(struct confirm *c, wf_str position, wf_error *err);

/* The transaction that ends at `offset` is covered by `position`.  On failure `latest` is
 * as before. */
wf_status confirm_mark(struct confirm *c, uint64_t offset, wf_str position, wf_error *err);

/* Everyone has read up to `offset`: moves `ready` on. */
void confirm_passed(struct confirm *c, uint64_t offset);

/* Forgets the marks that not everyone has passed: what they cover will not be delivered as
 * it was marked. */
void confirm_forget(struct confirm *c);

/* Marks that not everyone has passed. */
static inline bool confirm_pending(const struct confirm *c)
{
    return c->count > 0 || c->late;
}

#endif
