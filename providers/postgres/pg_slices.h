/* SPDX-License-Identifier: MIT
 *
 * pg_slices - reading far behind: slices of WAL through SQL, at the server's own speed.
 *
 * A walsender sends and polls once per change.  pg_logical_slot_get_binary_changes() gives
 * the same bytes for half the time, but forgets what it gave at once.  So it is asked on
 * temporary copies of the slot, which end with their sessions, while the slot itself stays
 * where delivery has come to and is moved on with pg_slices_advance(): after a crash of
 * ours everything that was not confirmed comes again.
 *
 * There are two sessions with a copy each, where the server has room for both: the server
 * decodes one slice while the other is read.  With one they take turns.
 *
 * A slice holds the transactions whose commit records begin within [begin, end), whole.
 * The first begins at `from`, the next where the one before ended, and PG_FEED_END.lsn is
 * that end: every transaction whose commit record begins before it was given (for
 * pg_assembly_passed()).  Relation messages come again in every slice.  Protocol 1: no
 * blocks of running transactions, no prepared ones; with option two_phase it is not used.
 *
 *     pg_slices_open -> ( next | wait | advance )* -> settle -> close -> pg_stream_open
 *
 * Any failure but WF_CANCELLED and WF_NO_MEMORY says: not this way.  Give the text as a
 * notice, close, pg_assembly_restart() and stream; whatever is wrong with the server or the
 * slot itself, streaming finds as well.  What was given before a failure stays valid.  To
 * try again is worth it on a new connection, or some GiB later.
 *
 * A session that is read holds a snapshot, and so holds back vacuum: when the reader pauses
 * for longer than some minutes, it should close this and stream later.  While slices are
 * read nobody has the slot itself: two sources on one slot have to be kept apart by other
 * means.
 */
#ifndef PROVIDERS_PG_SLICES_H
#define PROVIDERS_PG_SLICES_H

#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_feed.h"
#include "providers/postgres/pg_slot.h"
#include "providers/postgres/pg_stream.h"

#define PG_SLICES_LANES 2

/* In bytes of WAL. */
struct pg_slices_sizes {
    uint64_t first;    /* the first slice; each is twice as large as the one before */
    uint64_t most;     /* the largest; the server keeps two on its disk */
    uint64_t enough;   /* nearer to the head than this: stream */
    uint64_t hopeless; /* decoding a slice begins further before it than this: stream; a
                          sixteenth of it, when the slice gave nothing */
    uint64_t advance;  /* the slot itself is moved on when it is worth that much */
};

struct pg_slices_lane {
    struct pg_conn conn;
    char copy[PG_SLOT_NAME];
    enum pg_slices_phase {
        PG_SLICES_IDLE,
        PG_SLICES_ASKED,   /* the server decodes */
        PG_SLICES_READING, /* rows come */
        PG_SLICES_READ,    /* the rest of the answer comes */
    } phase;
    uint64_t at;         /* the copy gives what committed from here on */
    uint64_t begin, end; /* of the slice */
    bool headed;         /* the head of the COPY was seen */
    bool gave;           /* ... and a row */
    bool told;           /* ... and what stands behind them */
};

struct pg_slices {
    /* set by the caller, as for a pg_conn */
    struct cancel *cancel;
    const _Atomic bool *unwanted;
    struct pg_slices_sizes sizes; /* all 0: the usual ones; small ones are for tests */

    uint64_t wal_end;  /* of the server, when it was last asked */
    uint64_t planned;  /* slices were asked for up to here */
    uint64_t advanced; /* the slot itself was told */
    uint64_t grown;    /* the size of the next slice, as far as it has grown */
    uint64_t behind;   /* the server begins that far before a slice to decode it */
    bool hopeless;     /* ... which is too far */
    bool finished;     /* all slices were given, the head is near */
    size_t lanes;
    struct pg_slices_lane lane[PG_SLICES_LANES];
    char slot[PG_SLOT_NAME];
    char *options; /* of the output plugin, as SQL */
    char *held;    /* libpq's memory of the row given last */
};

/* `slices` is zeroed memory with cancel and unwanted set; close it in any case.  Asks for
 * the first slices.  Fails, among others, when no slot is to spare, the role may not, or
 * the slot is gone, lost, or past start->from. */
wf_status pg_slices_open(struct pg_slices *slices, const struct cdc_settings *settings,
                         const struct pg_stream_start *start, wf_error *err);
/* Lets go of the copies, with their sessions; a slice that is being decoded is given up. */
void pg_slices_close(struct pg_slices *slices);

/* What has arrived; never waits.  PG_FEED_NOTHING with `finished`: nothing will come. */
wf_status pg_slices_next(struct pg_slices *slices, struct pg_feed_item *out, wf_error *err);

/* Waits for something to arrive, an interrupt, or the time. */
wf_status pg_slices_wait(struct pg_slices *slices, int timeout_ms, wf_error *err);

/* Tells the slot itself, over `control`, that everything up to `lsn` was delivered and that
 * this is kept.  Does not wait, and tells only when it is worth it: the server has to read
 * that WAL once more.  A failure may also come from the next query of `control`. */
wf_status pg_slices_advance(struct pg_slices *slices, struct pg_conn *control, uint64_t lsn,
                            wf_error *err);
/* Waits until the slot itself is free again.  Nothing more needs to be told to it:
 * START_REPLICATION and its status updates take it from there. */
wf_status pg_slices_settle(struct pg_slices *slices, struct pg_conn *control,
                           wf_error *err);

#endif
