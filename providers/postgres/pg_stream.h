/* SPDX-License-Identifier: MIT
 *
 * pg_stream - the streaming replication protocol: START_REPLICATION, XLogData, keepalives,
 * standby status updates (PostgreSQL documentation, "Streaming Replication Protocol").
 *
 * Status updates go out on their own at a third of the server's wal_sender_timeout, also
 * while nothing is read, so a workflow that takes an hour does not cut the connection: the
 * server looks for them even while its own sending is blocked.
 */
#ifndef PROVIDERS_PG_STREAM_H
#define PROVIDERS_PG_STREAM_H

#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_feed.h"

struct pg_stream {
    struct pg_conn conn;
    char *held;            /* libpq's memory of the message given last */
    uint64_t flushed;      /* told to the server */
    uint64_t flushable;    /* may be told */
    uint64_t received;     /* highest LSN seen */
    int64_t status_due_ms; /* clock_mono_ms() */
    int64_t status_every_ms;
    int64_t silence_ms; /* the server answers within this, or the connection is dead */
    int64_t asked_ms;   /* since when an answer is waited for; 0: none is */
    bool heard;         /* something arrived since the last status update */
    bool reply_wanted;  /* a keepalive asked for it */
    uint32_t gulp;      /* messages since the last wait; if any: only pause before a look */
    size_t gulp_bytes;  /* the same */
    int64_t pause_ns;   /* that pause */
    bool local;         /* a Unix socket */
    bool ended;         /* the server ended the stream, or it has not begun */
    int protocol;       /* 1 to 4 */
};

struct pg_stream_start {
    const char *slot;
    const char *publications; /* identifiers in double quotes, with commas between */
    uint64_t from;
    uint64_t confirmed; /* may be told to the server; at most `from` */
};

/* `stream` is zeroed memory with conn.cancel and conn.unwanted set; close it in any case.
 * Negotiates the highest protocol version the server has. */
wf_status pg_stream_open(struct pg_stream *stream, const struct cdc_settings *settings,
                         const struct pg_stream_start *start, wf_error *err);
void pg_stream_close(struct pg_stream *stream);

/* What has arrived, or as much of it as is good to read at once; never waits. */
wf_status pg_stream_next(struct pg_stream *stream, struct pg_feed_item *out, wf_error *err);

/* Waits for something to arrive, an interrupt, or the time; sends status updates that are
 * due.  `read` false: only the others. */
wf_status pg_stream_wait(struct pg_stream *stream, int timeout_ms, bool read,
                         wf_error *err);

/* Sends a status update if one is due, the server asked, or `flushable` moved and `now`. */
wf_status pg_stream_tell(struct pg_stream *stream, bool now, wf_error *err);

#endif
