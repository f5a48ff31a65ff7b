/* SPDX-License-Identifier: MIT
 *
 * postgres - changes of a PostgreSQL database, decoded from its own replication protocol.
 *
 *     postgres, postgres_open          the provider: running, and getting there
 *     postgres_feed                    streaming, or catching up
 *     postgres_lag, postgres_beat      how far behind it is; a quiet database
 *     postgres_forget                  tables that were dropped
 *     pg_conn, pg_failure              connections, and errors with a name
 *     pg_slot, pg_publication, pg_ddl  what is set up at the server
 *     pg_timeline                      whether it has the past that was read
 *     pg_stream, pg_slices             where messages come from
 *     pgoutput, pg_relation            taking them apart
 *     pg_assembly, pg_spool            from messages to committed changes
 *     pg_type, pg_row                  from text to values
 *     pg_snapshot, pg_commits          rows that are already there
 *     pg_writers                       and those that are being written
 */
#ifndef PROVIDERS_POSTGRES_H
#define PROVIDERS_POSTGRES_H

#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_catalog.h"
#include "providers/postgres/pg_commits.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_publication.h"
#include "providers/postgres/pg_slices.h"
#include "providers/postgres/pg_slot.h"
#include "providers/postgres/pg_stream.h"

#define POSTGRES_AGES 64
/* Tables may come to match without a word in the stream; settling is one query. */
#define POSTGRES_RENEW_MS 10000
/* The most between attempts that fail: each may wait two seconds for a lock, and nothing is
 * read meanwhile. */
#define POSTGRES_RENEW_MOST_MS 80000

/* Places of the stream that are not confirmed yet, and when they were committed. */
struct postgres_age {
    uint64_t lsn;
    int64_t time_us;
};

struct postgres_state {
    struct cancel cancel; /* other threads touch this and `commits` */
    struct pg_commits commits;
    uint64_t hidden[PG_COMMITS_RUNNING]; /* for sieving them */
    int64_t sieve_ms;                    /* clock_mono_ms() of the next sieve */
    const struct cdc_settings *settings;
    const struct cdc_emitter *out;
    const _Atomic bool *unwanted;
    struct pg_conn control; /* deaf: what it does is short, and interrupts are for poll */
    struct pg_stream stream;
    struct pg_slices slices;
    bool catching_up; /* messages come from `slices`, not from `stream` */
    int64_t look_ms;  /* clock_mono_ms() of the next look whether to catch up */
    int64_t rest_ms;  /* since when nothing was read; 0: something is */
    bool two_phase;   /* the slot gives prepared transactions at PREPARE */
    uint64_t begin;   /* two_phase: where the slot stands; 0: the position is the place */
    struct pg_publication publication;
    char slot[PG_SLOT_NAME];
    struct pg_catalog catalog;
    struct pg_relations *relations;
    struct pg_spool *spool;
    struct pg_assembly *assembly;
    struct pg_feed_item item; /* the message that is not done yet; kind NOTHING: none */
    struct pg_position confirmed;
    bool empty;             /* the stream had nothing more at the last look */
    bool standby_server;    /* in recovery: nothing can be written there */
    bool tables_stale;      /* a schema changed: the publication may lack a table */
    int64_t renew_ms;       /* clock_mono_ms() of the next look at it all the same */
    int64_t renew_pause_ms; /* the last pause before that */
    int64_t told_ms; /* clock_mono_ms() of the last status update that told something new */

    uint64_t beat_from;  /* what was emitted when the time of a heartbeat was last up */
    int64_t beat_due_ms; /* clock_mono_ms() */
    bool beat_refused;   /* the role may not; said once */
    int64_t reopen_ms;   /* when the control connection may be made again */

    struct pg_slot_facts slot_facts; /* as the server said last */
    int64_t slot_ms;                 /* clock_mono_ms() of that; 0: not asked yet */

    size_t forget_at; /* so many tables are worth a look which are gone; 0: not set yet */
    uint64_t forget_from; /* when the stream is past it, those can go; 0: there are none */
    int64_t forget_ms;    /* clock_mono_ms() of the next look */

    struct postgres_age ages[POSTGRES_AGES]; /* oldest first */
    size_t age_count;
};

/* ---- postgres_open ------------------------------------------------------------------- */

wf_status postgres_open_all(struct postgres_state *s, const struct cdc_open *with,
                            wf_error *err);

/* The control connection, made again if it broke.  A failure does not touch the stream. */
wf_status postgres_open_control(struct postgres_state *s, wf_error *err);

/* Brings the publication in step; tables that are new to it are asked to be read. */
enum postgres_tables_when {
    POSTGRES_TABLES_FIRST, /* of the first start */
    POSTGRES_TABLES_START, /* of a later one */
    POSTGRES_TABLES_RUNNING,
};
wf_status postgres_open_tables(struct postgres_state *s, enum postgres_tables_when when,
                               wf_error *err);

/* Whether a lost slot is made anew, and all tables are read again. */
bool postgres_open_may_resnapshot(const struct postgres_state *s);

/* ---- postgres_feed ------------------------------------------------------------------- */

/* Streams from the position, or catches up to it first. */
wf_status postgres_feed_open(struct postgres_state *s, wf_error *err);
void postgres_feed_close(struct postgres_state *s);

/* The next message into s->item; never waits. */
wf_status postgres_feed_next(struct postgres_state *s, wf_error *err);
/* Waits for one, an interrupt, or the time. */
wf_status postgres_feed_wait(struct postgres_state *s, int timeout_ms, wf_error *err);
/* Waits for an interrupt or the time, and reads nothing. */
wf_status postgres_feed_rest(struct postgres_state *s, int timeout_ms, wf_error *err);
/* Between messages: whether the other way is the better one by now. */
wf_status postgres_feed_tend(struct postgres_state *s, bool flowing, wf_error *err);
/* The server may be told this. */
wf_status postgres_feed_confirm(struct postgres_state *s, uint64_t flushable,
                                wf_error *err);

/* ---- postgres_beat ------------------------------------------------------------------- */

/* Sends a heartbeat if one is due, and never waits for its answer. */
void postgres_beat(struct postgres_state *s);
/* Milliseconds until the next one is due; at most `most_ms`. */
int postgres_beat_wait(const struct postgres_state *s, int most_ms);

/* ---- postgres_forget ----------------------------------------------------------------- */

/* Forgets tables that were dropped, when there are many.  Between messages. */
void postgres_forget(struct postgres_state *s);

/* ---- postgres_lag -------------------------------------------------------------------- */

/* Notes when what was just emitted was committed. */
void postgres_lag_note(struct postgres_state *s);
wf_status postgres_lag(struct postgres_state *s, struct cdc_lag *out, wf_error *err);
/* The bytes of WAL that the server has written behind `lsn`. */
wf_status postgres_lag_behind(struct postgres_state *s, uint64_t lsn, int64_t *out,
                              wf_error *err);
/* What status shows beyond that: the slot, and what waits in the spool. */
wf_status postgres_lag_details(struct postgres_state *s, struct buf *out_json,
                               wf_error *err);

#endif
