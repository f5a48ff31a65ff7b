/* SPDX-License-Identifier: MIT
 *
 * fuzz_pg_stream - any bytes as the messages of a replication stream, and whatever libpq may
 * say in between.
 *
 *   - a message is data with something in it, a keepalive, or WF_PROTOCOL;
 *   - what the server is told is whole, never more than may be told, and never goes back;
 *   - a keepalive that asks is answered.
 *
 * This file takes libpq's place: of each message's head byte, 0 to 250 is its length, and
 * what is above is something else that happens.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "base/str.h"
#include "providers/postgres/pg_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_NOTHING = 251, FUZZ_BROKEN, FUZZ_END, FUZZ_FULL, FUZZ_CONFIRM };

static struct reader fuzz_input;
static struct pg_stream fuzz_stream;
static uint64_t fuzz_flushed;
static bool fuzz_full; /* there is no room to send */
static unsigned fuzz_told;
static volatile unsigned fuzz_sum; /* so that every byte is looked at */

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- libpq --------------------------------------------------------------------------- */

/* In memory of just its size, so that a sanitizer sees a byte read past it. */
int PQgetCopyData(PGconn *conn, char **buffer, int async)
{
    fuzz_must(conn && async && !*buffer);
    uint8_t head = reader_left(&fuzz_input) ? reader_u8(&fuzz_input) : FUZZ_END;
    fuzz_full = head == FUZZ_FULL;
    if (head == FUZZ_CONFIRM)
        fuzz_stream.flushable += 7;
    if (head == FUZZ_END)
        return -1;
    if (head == FUZZ_BROKEN)
        return -2;
    wf_str bytes = reader_str(&fuzz_input, head < FUZZ_NOTHING ? head : 0);
    if (!bytes.len)
        return 0;
    *buffer = malloc(bytes.len);
    fuzz_must(*buffer != NULL);
    memcpy(*buffer, bytes.ptr, bytes.len);
    return (int)bytes.len;
}

int PQputCopyData(PGconn *conn, const char *buffer, int len)
{
    struct reader r = reader_of(buffer, (size_t)len);
    fuzz_must(conn && len == 34 && reader_u8(&r) == 'r');
    uint64_t write = reader_u64(&r);
    uint64_t flush = reader_u64(&r);
    fuzz_must(flush == reader_u64(&r) && write >= flush);
    fuzz_must(flush >= fuzz_flushed && flush <= fuzz_stream.flushable);
    fuzz_must(write <= fuzz_stream.received || write == flush);
    if (fuzz_full)
        return 0;
    fuzz_flushed = flush;
    fuzz_told++;
    return 1;
}

int PQputCopyEnd(PGconn *conn, const char *errormsg)
{
    (void)conn, (void)errormsg;
    return -1;
}

int PQflush(PGconn *conn)
{
    (void)conn;
    return fuzz_full;
}

int PQconsumeInput(PGconn *conn)
{
    (void)conn;
    return 1;
}

int PQisBusy(PGconn *conn)
{
    (void)conn;
    return 0;
}

PGresult *PQgetResult(PGconn *conn)
{
    (void)conn;
    return NULL;
}

char *PQerrorMessage(const PGconn *conn)
{
    static char text[] = "it broke";
    (void)conn;
    return text;
}

ConnStatusType PQstatus(const PGconn *conn)
{
    (void)conn;
    return CONNECTION_BAD;
}

void PQfinish(PGconn *conn)
{
    (void)conn;
}

/* ---- the stream ---------------------------------------------------------------------- */

static void fuzz_look(const struct pg_feed_item *item, unsigned told)
{
    fuzz_must(item->kind == PG_FEED_DATA || item->kind == PG_FEED_PASSED);
    fuzz_must(item->lsn <= fuzz_stream.received);
    if (item->kind == PG_FEED_DATA) {
        fuzz_must(item->bytes.len > 0);
        for (size_t i = 0; i < item->bytes.len; i++)
            fuzz_sum += (unsigned char)item->bytes.ptr[i];
    } else if (fuzz_stream.held[17]) {
        fuzz_must(fuzz_stream.reply_wanted ? fuzz_full : fuzz_told > told);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char handle; /* nobody looks into it */
    wf_error err;
    wf_status status = WF_OK;
    fuzz_input = reader_of(data, size);
    fuzz_flushed = 0x20;
    fuzz_full = false;
    fuzz_stream = (struct pg_stream){.conn.handle = (PGconn *)(void *)&handle,
                                     .flushed = 0x20,
                                     .flushable = 0x20,
                                     .received = 0x10,
                                     .status_every_ms = 1000000};
    while (!status && reader_left(&fuzz_input)) {
        struct pg_feed_item item;
        unsigned told = fuzz_told;
        status = pg_stream_next(&fuzz_stream, &item, &err);
        if (!status && item.kind != PG_FEED_NOTHING)
            fuzz_look(&item, told);
        if (!status)
            status = pg_stream_tell(&fuzz_stream, true, &err);
    }
    fuzz_must(!status || status == WF_PROTOCOL || status == WF_UNAVAILABLE);
    fuzz_must(!status || (err.code == status && err.text[0]));
    pg_stream_close(&fuzz_stream);
    return 0;
}
