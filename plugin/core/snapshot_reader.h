/* SPDX-License-Identifier: MIT
 *
 * snapshot_reader - one thread that reads chunks of tables with a connection of its own.
 *
 * The source thread hands out one chunk at a time and takes it back:
 *
 *     IDLE --assign [source]--> READING --[snapshot]--> READY | FAILED --take back [source]--> IDLE
 *
 */
#ifndef CORE_SNAPSHOT_READER_H
#define CORE_SNAPSHOT_READER_H

#include <pthread.h>

#include "plugin/core/keyset.h"
#include "plugin/core/snapshot.h"
#include "providers/provider.h"

enum reader_state {
    READER_IDLE,
    READER_READING,
    READER_MARKING, /* the rows are read; the mark behind them is not known yet */
    READER_READY,
    READER_FAILED
};

/* What to read; the source thread fills it in before it assigns. */
struct reader_task {
    wf_str table;
    wf_str where;
    wf_str after;
    uint64_t run;
    uint32_t max_rows;
};

/* One row of a chunk, not aligned. */
struct reader_row {
    uint32_t event_len;
    uint32_t key_len;
    uint32_t oversize; /* the event is the envelope of one that is too large */
};

struct snapshot_table; /* core/snapshot.c */

struct snapshot_reader {
    struct snapshot_deps deps;
    const struct render_origin *origin;
    pthread_mutex_t lock; /* guards state and ending */
    pthread_cond_t work;
    pthread_t thread;
    bool has_thread;
    bool ending;
    enum reader_state state;
    void *connection;                /* the provider's reader; NULL while closed */
    pthread_mutex_t connection_lock; /* guards opening and closing it against interrupts */

    struct reader_task task; /* READING: the thread's; else the source's */

    /* The result, the source's when READY or FAILED; `after` and `done` from MARKING on. */
    struct buf chunk; /* struct reader_row, event, key, one after the other */
    struct buf after;
    uint64_t rows;
    uint64_t mark;
    bool done;
    wf_error error;

    /* [snapshot] */
    struct buf id;

    /* [source]: which chunk it is, and what the stream said since it was assigned. */
    struct buf from; /* behind task.after */
    struct snapshot_table *table;
    uint64_t number; /* of the chunk within the table */
    bool told;       /* the table knows where it ends */
    bool dropped;    /* it is of no use any more */
    uint32_t table_id;
    struct keyset changed;
    bool stale;      /* the chunk has to be read again, smaller */
    bool empty;      /* the table was truncated: no row of the chunk is there any more */
    size_t appended; /* bytes of the chunk that are done with */
    bool logged;     /* a row of it is in the log */
};

wf_status snapshot_reader_init(struct snapshot_reader *r, const struct snapshot_deps *deps,
                               const struct render_origin *origin, wf_error *err);
/* Interrupts, joins and closes; takes a zeroed one. */
void snapshot_reader_release(struct snapshot_reader *r);

enum reader_state snapshot_reader_state(struct snapshot_reader *r);
/* Only when IDLE. */
void snapshot_reader_assign(struct snapshot_reader *r, const struct reader_task *task);
/* READY or FAILED becomes IDLE; the result's memory stays for the next. */
void snapshot_reader_take_back(struct snapshot_reader *r);

/* The row of the chunk at *at, which is moved behind it; false at its end. */
bool snapshot_reader_row(const struct snapshot_reader *r, size_t *at, wf_str *out_event,
                         wf_str *out_key, bool *out_oversize);

#endif
