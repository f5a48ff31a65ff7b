/* SPDX-License-Identifier: MIT
 *
 * hold - chunks of a snapshot from the log to the disk, and what a crash repeats of them.
 *
 * A chunk that everyone has had is stored by the scribe, while the next ones are delivered:
 * as many as there are readers, with the one that begins.  Whoever would deliver one more
 * stores them first, or waits for who does.  So a restart repeats at most one chunk for
 * each reader of what a trigger has had, but of one that is ahead of others, which have not
 * had those chunks yet: it waits for the disk, never for them.  Nothing is kept out of the
 * log, and what waits goes on when the disk takes nothing at all.
 */
#ifndef CORE_HOLD_H
#define CORE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/core/store.h"

struct cdc_flow;
struct cdc_subscription;
struct snapshot_table; /* core/snapshot_chunk.h */

struct hold_chunk {
    struct hold_chunk *next;
    struct snapshot_table *table;   /* for the source only */
    uint64_t offset;                /* of the log behind it */
    struct store_snapshot progress; /* with it; the table's name is borrowed */
    char after[];
};

/* Guarded by flow.lock. */
struct hold {
    struct hold_chunk *first, **last; /* not on the disk, in the order of the log */
    struct hold_chunk *writing;       /* up to this one somebody writes; NULL: nobody */
    struct hold_chunk *stored;        /* the source's to take */
    int readers;                      /* 0: nothing is to be stored */
    bool failing;                     /* the last write has failed */
};

void hold_init(struct cdc_flow *flow);
/* Forgets all chunks; nobody delivers.  [source] */
void hold_clear(struct cdc_flow *flow);
/* How many chunks may be delivered and not be stored.  [source] */
void hold_limit(struct cdc_flow *flow, int readers);

/* Takes a chunk whose last row is in the log.  [source] */
void hold_add(struct cdc_flow *flow, struct hold_chunk *chunk);
/* There are some that everyone has had, to be written.  [source] */
bool hold_is_due(struct cdc_flow *flow);
/* Gives a chunk that is stored, to be freed; NULL: there is none.  [source] */
struct hold_chunk *hold_take(struct cdc_flow *flow);

/* Stores what everyone has had.  After a failure it is due again.  [scribe] */
wf_status hold_write(struct cdc_flow *flow, wf_error *err);
/* Before the first row of a chunk, which is at `at` in the log.  False: the thread has to
 * rest.  [delivery] */
bool hold_await(struct cdc_subscription *sub, uint64_t at);

#endif
