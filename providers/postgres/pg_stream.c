/* SPDX-License-Identifier: MIT
 *
 * pg_stream - one walsender's copy-both stream.
 *
 *     server  'w' int64 start, int64 end, int64 clock, bytes          XLogData
 *             'k' int64 end, int64 clock, byte reply                  keepalive
 *     client  'r' int64 write, int64 flush, int64 apply, int64 clock, byte reply
 *
 * A walsender makes one send() per message, and waking the client for each of them costs both
 * sides more than the change itself.  So while data flows, a look that found nothing more is
 * followed by a pause before the next: the server goes on meanwhile, and what has gathered is
 * read in one gulp.  The pause grows while gulps stay small, so that fewer of them (and fewer
 * turns of everything behind, up to the delivery) carry the same changes.  A trickle gains
 * little by waiting and is not made to wait long; a stream that was quiet begins with the
 * shortest pause.
 *
 * A Unix socket counts messages and holds some 250 small ones: before it is full, and the
 * server stands, the pause shrinks.
 *
 * Over TCP a full buffer is what is wanted.  As long as the window is open, the server's kernel
 * makes a packet of each message and takes it through the whole stack, which costs the server
 * more than decoding the change.  Once the window is closed it only appends the message to
 * what waits, up to some megabytes, and our reading sends that off in large pieces.  So a
 * near server gets a window of fixed size, a gulp ends before that is empty, and the pause is
 * as long as to find it full again: it shrinks slowly while gulps are whole, and grows when
 * one is not.
 */
#include "providers/postgres/pg_stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_failure.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_position.h"

#define PG_STREAM_PAUSE_LEAST_NS 50000
#define PG_STREAM_PAUSE_TRICKLE_NS 200000
#define PG_STREAM_PAUSE_MOST_NS 1000000
#define PG_STREAM_PAUSE_FLOOD_NS 4000000
#define PG_STREAM_GULP_TRICKLE 32 /* messages */
#define PG_STREAM_GULP_SMALL 128
#define PG_STREAM_GULP_LARGE 192
#define PG_STREAM_GULP_SMALL_BYTES 32768
#define PG_STREAM_GULP_LARGE_BYTES 65536
#define PG_STREAM_GULP_FLOOD_BYTES 16384 /* these three over TCP */
#define PG_STREAM_GULP_WHOLE_BYTES 65536
#define PG_STREAM_WINDOW_BYTES 65536 /* the kernel doubles it; every kernel allows it */
#define PG_STREAM_NEAR_US 1000       /* a window in this time is more than is needed */
#define PG_STREAM_EVERY_MS 10000     /* status updates where the server has no timeout */
#define PG_STREAM_SILENCE_MS 60000   /* the same for its silence */
#define PG_STREAM_SILENCE_LEAST_MS 10000
#define PG_STREAM_FAREWELL_MS 200 /* how long closing waits for the server's answer */
#define PG_STREAM_EPOCH_US INT64_C(946684800000000) /* 2000-01-01, the server's epoch */
#define PG_STREAM_DATA_HEAD 25
#define PG_STREAM_KEEPALIVE 18
#define PG_STREAM_STATUS 34

static const char pg_stream_doing[] = "read the change stream";

/* ---- starting ------------------------------------------------------------------------ */

static wf_status pg_stream_ask_timeout(struct pg_stream *stream, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *result = NULL;
    int64_t timeout_ms = 0;
    wf_status status = pg_conn_query(&stream->conn, "ask for wal_sender_timeout",
                                     "SELECT setting FROM pg_catalog.pg_settings "
                                     "WHERE name = 'wal_sender_timeout'",
                                     NULL, 0, &result, err);
    if (status)
        return status;
    if (PQntuples(result) != 1 || !str_to_i64(pg_conn_cell(result, 0, 0), &timeout_ms) ||
        timeout_ms <= 0) {
        stream->status_every_ms = PG_STREAM_EVERY_MS;
        stream->silence_ms = PG_STREAM_SILENCE_MS;
        return WF_OK;
    }
    stream->status_every_ms = timeout_ms / 3 + 1;
    stream->silence_ms =
        timeout_ms > PG_STREAM_SILENCE_LEAST_MS ? timeout_ms : PG_STREAM_SILENCE_LEAST_MS;
    return WF_OK;
}

static int pg_stream_protocol(int version)
{
    return version >= 160000 ? 4 : version >= 150000 ? 3 : version >= 140000 ? 2 : 1;
}

static void pg_stream_sql(const struct pg_stream *stream, const struct pg_options *options,
                          const struct pg_stream_start *start, struct buf *sql)
{
    int version = stream->conn.version;
    char from[PG_LSN_TEXT];
    pg_position_lsn_write(start->from, from);
    buf_lit(sql, "START_REPLICATION SLOT ");
    buf_sql_quoted(sql, str_from(start->slot), '"');
    buf_printf(sql, " LOGICAL %s (proto_version '%d', publication_names ", from,
               stream->protocol);
    buf_sql_quoted(sql, str_from(start->publications), '\'');
    if (version >= 140000)
        buf_printf(sql, ", messages 'true', streaming '%s'",
                   version >= 160000 ? "parallel" : "on");
    if (version >= 150000 && options->two_phase)
        buf_lit(sql, ", two_phase 'on'");
    if (version >= 160000 && str_is(options->origin, "none"))
        buf_lit(sql, ", origin 'none'");
    buf_lit(sql, ")");
}

static wf_status pg_stream_begin(struct pg_stream *stream,
                                 const struct cdc_settings *settings,
                                 const struct pg_stream_start *start, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *result = NULL;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    pg_stream_sql(stream, settings->options, start, &sql);
    wf_status status = buf_status(&sql, "START_REPLICATION", err);
    if (!status)
        status = pg_conn_query(&stream->conn, "start the change stream", buf_c(&sql), NULL,
                               0, &result, err);
    if (status)
        return status;
    if (PQresultStatus(result) != PGRES_COPY_BOTH)
        return error_set(err, WF_PROTOCOL,
                         "cannot start the change stream: the server answered '%s'",
                         PQcmdStatus(result));
    return WF_OK;
}

/* Whether it is a Unix socket. */
static bool pg_stream_is_local(const struct pg_conn *conn)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    return !getsockname(PQsocket(conn->handle), (struct sockaddr *)&address, &len) &&
           address.ss_family == AF_UNIX;
}

/* Whether a gulp over TCP has brought as much as it should. */
static bool pg_stream_is_whole(const struct pg_stream *stream)
{
    return !stream->local && stream->gulp_bytes >= PG_STREAM_GULP_WHOLE_BYTES;
}

/* The kernel's own choice follows the largest gulp, and would never be full.  A server that
 * is far away needs it. */
static void pg_stream_fix_window(const struct pg_stream *stream)
{
    static const int bytes = PG_STREAM_WINDOW_BYTES;
    int fd = PQsocket(stream->conn.handle);
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (!stream->local && !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
        info.tcpi_min_rtt < PG_STREAM_NEAR_US)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

wf_status pg_stream_open(struct pg_stream *stream, const struct cdc_settings *settings,
                         const struct pg_stream_start *start, wf_error *err)
{
    stream->ended = true; /* as long as it has not begun, nothing can be told */
    wf_status status = pg_conn_open(&stream->conn, settings, PG_CONN_STREAM, err);
    if (status)
        return status;
    stream->protocol = pg_stream_protocol(stream->conn.version);
    stream->flushed = stream->flushable = start->confirmed;
    stream->received = start->from;
    stream->local = pg_stream_is_local(&stream->conn);
    pg_stream_fix_window(stream);
    status = pg_stream_ask_timeout(stream, err);
    if (!status)
        status = pg_stream_begin(stream, settings, start, err);
    if (status)
        return status;
    stream->ended = false;
    stream->conn.unwanted = NULL; /* from here on `cancel` ends every wait */
    stream->status_due_ms = clock_mono_ms();
    stream->gulp = 1; /* look again soon: the server begins to send */
    stream->pause_ns = PG_STREAM_PAUSE_LEAST_NS;
    return WF_OK;
}

/* ---- what we say --------------------------------------------------------------------- */

static void pg_stream_put_u64(char *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        out[i] = (char)(value & 0xFF);
}

/* Never says more than `flushable`; a message that finds no room waits for the next time. */
static wf_status pg_stream_send_status(struct pg_stream *stream, int64_t now, bool ask,
                                       wf_error *err)
{
    char message[PG_STREAM_STATUS];
    uint64_t flush =
        stream->flushable > stream->flushed ? stream->flushable : stream->flushed;
    uint64_t write = stream->received > flush ? stream->received : flush;
    message[0] = 'r';
    pg_stream_put_u64(message + 1, write);
    pg_stream_put_u64(message + 9, flush);
    pg_stream_put_u64(message + 17, flush);
    pg_stream_put_u64(message + 25, (uint64_t)(clock_wall_us() - PG_STREAM_EPOCH_US));
    message[33] = (char)ask;
    int put = PQputCopyData(stream->conn.handle, message, sizeof(message));
    if (put < 0 || PQflush(stream->conn.handle) < 0)
        return pg_failure_connection(&stream->conn, "confirm to the server", err);
    if (put == 0)
        return WF_OK;
    stream->flushed = flush;
    stream->reply_wanted = false;
    stream->status_due_ms = now + stream->status_every_ms;
    if (ask && !stream->asked_ms)
        stream->asked_ms = now;
    stream->heard = false;
    return WF_OK;
}

wf_status pg_stream_tell(struct pg_stream *stream, bool now, wf_error *err)
{
    if (stream->ended)
        return WF_OK;
    int64_t clock_ms = clock_mono_ms();
    if (!stream->reply_wanted && clock_ms < stream->status_due_ms &&
        !(now && stream->flushable > stream->flushed))
        return WF_OK;
    return pg_stream_send_status(stream, clock_ms, false, err);
}

/* A due status update while we listen asks for an answer when nothing came since the last:
 * a connection that was cut without a word looks the same as a quiet one. */
static wf_status pg_stream_listen(struct pg_stream *stream, wf_error *err)
{
    int64_t now = clock_mono_ms();
    if (stream->asked_ms && now - stream->asked_ms >= stream->silence_ms)
        return error_set(err, WF_UNAVAILABLE,
                         "cannot read the change stream: the server has not answered for "
                         "%lld s",
                         (long long)(now - stream->asked_ms) / 1000);
    if (now < stream->status_due_ms || stream->heard)
        return pg_stream_tell(stream, false, err);
    return pg_stream_send_status(stream, now, true, err);
}

/* ---- what the server says ------------------------------------------------------------ */

static uint64_t pg_stream_u64(const char *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static wf_status pg_stream_data(struct pg_stream *stream, size_t len,
                                struct pg_feed_item *out, wf_error *err)
{
    if (len <= PG_STREAM_DATA_HEAD)
        return error_set(err, WF_PROTOCOL,
                         "the change stream has a data message of %zu bytes", len);
    out->kind = PG_FEED_DATA;
    out->lsn = pg_stream_u64(stream->held + 1);
    out->bytes = (wf_str){stream->held + PG_STREAM_DATA_HEAD, len - PG_STREAM_DATA_HEAD};
    if (out->lsn > stream->received)
        stream->received = out->lsn;
    return WF_OK;
}

static wf_status pg_stream_keepalive(struct pg_stream *stream, size_t len,
                                     struct pg_feed_item *out, wf_error *err)
{
    if (len != PG_STREAM_KEEPALIVE)
        return error_set(err, WF_PROTOCOL, "the change stream has a keepalive of %zu bytes",
                         len);
    out->kind = PG_FEED_PASSED;
    out->lsn = pg_stream_u64(stream->held + 1);
    out->bytes = STR_EMPTY;
    if (out->lsn > stream->received)
        stream->received = out->lsn;
    stream->reply_wanted |= stream->held[17] != 0;
    return WF_OK;
}

static wf_status pg_stream_message(struct pg_stream *stream, size_t len,
                                   struct pg_feed_item *out, wf_error *err)
{
    stream->heard = true;
    stream->asked_ms = 0;
    stream->gulp++;
    stream->gulp_bytes += len;
    if (CDC_LIKELY(stream->held[0] == 'w'))
        return pg_stream_data(stream, len, out, err);
    if (stream->held[0] != 'k')
        return error_set(err, WF_PROTOCOL, "the change stream has a message of kind 0x%02x",
                         (unsigned char)stream->held[0]);
    wf_status status = pg_stream_keepalive(stream, len, out, err);
    return status ? status : pg_stream_tell(stream, false, err);
}

/* The copy is over: with an error, or because the server shuts down. */
static wf_status pg_stream_ended(struct pg_stream *stream, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *result = NULL;
    stream->ended = true;
    if (!PQisBusy(stream->conn.handle))
        result = PQgetResult(stream->conn.handle);
    wf_str state = str_from(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    stream->conn.unpublished |= str_is(state, "42704"); /* up to 17 */
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        return pg_failure_result(&stream->conn, result, pg_stream_doing, err);
    return error_set(err, WF_UNAVAILABLE,
                     "cannot read the change stream: the server ended it, it may be "
                     "shutting down");
}

wf_status pg_stream_next(struct pg_stream *stream, struct pg_feed_item *out, wf_error *err)
{
    PGconn *handle = stream->conn.handle;
    PQfreemem(stream->held);
    stream->held = NULL;
    int len = PQgetCopyData(handle, &stream->held, 1);
    if (len == 0 && !pg_stream_is_whole(stream)) {
        /* What came before a broken connection can still be taken. */
        bool broken = !PQconsumeInput(handle);
        len = PQgetCopyData(handle, &stream->held, 1);
        if (len == 0 && broken)
            return pg_failure_connection(&stream->conn, pg_stream_doing, err);
    }
    /* What comes behind that warning lacks changes; libpq takes both in their order. */
    if (CDC_UNLIKELY(stream->conn.unpublished))
        return pg_failure_unpublished(pg_stream_doing, err);
    if (CDC_LIKELY(len > 0))
        return pg_stream_message(stream, (size_t)len, out, err);
    if (len < 0)
        return pg_stream_ended(stream, err);
    *out = (struct pg_feed_item){.kind = PG_FEED_NOTHING};
    return WF_OK;
}

/* ---- waiting ------------------------------------------------------------------------- */

/* What a Unix socket holds is near. */
static bool pg_stream_is_large(const struct pg_stream *stream)
{
    return stream->gulp_bytes > PG_STREAM_GULP_LARGE_BYTES ||
           stream->gulp > PG_STREAM_GULP_LARGE;
}

static bool pg_stream_is_small(const struct pg_stream *stream)
{
    return stream->gulp_bytes < PG_STREAM_GULP_SMALL_BYTES &&
           stream->gulp < PG_STREAM_GULP_SMALL;
}

static int64_t pg_stream_most_ns(const struct pg_stream *stream)
{
    if (stream->gulp < PG_STREAM_GULP_TRICKLE)
        return PG_STREAM_PAUSE_TRICKLE_NS;
    return stream->local || stream->gulp_bytes < PG_STREAM_GULP_FLOOD_BYTES
               ? PG_STREAM_PAUSE_MOST_NS
               : PG_STREAM_PAUSE_FLOOD_NS;
}

/* The next pause, by what the last one has brought.  Who cannot follow a flood does not
 * pause at all in the end. */
static void pg_stream_pace(struct pg_stream *stream)
{
    bool whole = pg_stream_is_whole(stream);
    int64_t pause_ns = stream->pause_ns;
    int64_t least_ns = whole ? 0 : PG_STREAM_PAUSE_LEAST_NS;
    int64_t most_ns = pg_stream_most_ns(stream);
    if (whole)
        pause_ns -= pause_ns / 32;
    else if (stream->local && pg_stream_is_large(stream))
        pause_ns /= 2;
    else if (!stream->local || pg_stream_is_small(stream))
        pause_ns += pause_ns / 4;
    pause_ns = pause_ns < most_ns ? pause_ns : most_ns;
    stream->pause_ns = pause_ns > least_ns ? pause_ns : least_ns;
    stream->gulp = 0;
    stream->gulp_bytes = 0;
}

static void pg_stream_pause(struct pg_stream *stream)
{
    const struct timespec pause = {.tv_nsec = stream->pause_ns};
    struct pollfd cancel = {.fd = cancel_fd(stream->conn.cancel), .events = POLLIN};
    ppoll(&cancel, 1, &pause, NULL);
}

/* Only the interrupt, and room for what libpq could not send yet. */
static void pg_stream_rest(struct pg_stream *stream, int timeout_ms)
{
    bool unsent = PQflush(stream->conn.handle) > 0;
    struct pollfd fds[2] = {
        {.fd = cancel_fd(stream->conn.cancel), .events = POLLIN},
        {.fd = unsent ? PQsocket(stream->conn.handle) : -1, .events = POLLOUT},
    };
    poll(fds, 2, timeout_ms);
}

wf_status pg_stream_wait(struct pg_stream *stream, int timeout_ms, bool read, wf_error *err)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    if (read && stream->gulp) {
        pg_stream_pace(stream);
        if (timeout_ms > 0)
            pg_stream_pause(stream);
        return pg_stream_tell(stream, false, err);
    }
    stream->pause_ns = PG_STREAM_PAUSE_LEAST_NS;
    if (!read)
        stream->asked_ms = 0; /* an answer would lie there unread */
    for (;;) {
        wf_status status =
            read ? pg_stream_listen(stream, err) : pg_stream_tell(stream, false, err);
        int64_t now = clock_mono_ms();
        if (status || now >= deadline || atomic_load(&stream->conn.cancel->raised))
            return status;
        int64_t until = stream->status_due_ms < deadline ? stream->status_due_ms : deadline;
        int wait_ms = until > now ? (int)(until - now) : 0;
        if (!read)
            pg_stream_rest(stream, wait_ms);
        else if (pg_conn_wait(&stream->conn, wait_ms) != PG_CONN_TIMEOUT)
            return WF_OK;
    }
}

/* ---- ending -------------------------------------------------------------------------- */

/* Reads on until the server has answered the end: a socket closed with unread data in it
 * would take back our last status update. */
static void pg_stream_farewell(struct pg_stream *stream)
{
    PGconn *handle = stream->conn.handle;
    int64_t deadline = clock_mono_ms() + PG_STREAM_FAREWELL_MS;
    stream->conn.deaf = true;
    if (PQputCopyEnd(handle, NULL) <= 0)
        return;
    for (int64_t left = PG_STREAM_FAREWELL_MS; left > 0;
         left = deadline - clock_mono_ms()) {
        int len;
        do {
            PQfreemem(stream->held);
            stream->held = NULL;
            len = PQgetCopyData(handle, &stream->held, 1);
        } while (len > 0 && clock_mono_ms() < deadline);
        if (len < 0)
            return;
        if (pg_conn_wait(&stream->conn, (int)left) != PG_CONN_READY ||
            !PQconsumeInput(handle))
            return;
    }
}

void pg_stream_close(struct pg_stream *stream)
{
    if (stream->conn.handle && stream->status_every_ms && !stream->ended &&
        PQstatus(stream->conn.handle) == CONNECTION_OK &&
        pg_stream_tell(stream, true, NULL) == WF_OK)
        pg_stream_farewell(stream);
    PQfreemem(stream->held);
    stream->held = NULL;
    pg_conn_close(&stream->conn);
    stream->ended = true;
}
