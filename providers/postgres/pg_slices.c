/* SPDX-License-Identifier: MIT
 *
 * pg_slices - COPY of pg_logical_slot_get_binary_changes() on temporary copies of the slot.
 *
 * One statement string per slice:
 *
 *     SELECT pg_replication_slot_advance(copy, begin);      past what the other one reads
 *     COPY (SELECT lsn, data FROM pg_logical_slot_get_binary_changes(copy, end, ...)) TO
 *         STDOUT (FORMAT binary);
 *     SELECT where the copy and the WAL are now;
 *
 * How slices fit together: the function decodes every record that begins before `end`, and
 * an advance passes every commit record that begins before its target, so a transaction is
 * on one side of a border or the other and never on both.
 *
 * How large they are: the server decodes from a place (restart_lsn) that moves only with
 * certain records, every 15 seconds or so, and never past the beginning of a transaction
 * that runs.  What lies between that place and a slice is read again for it, at about a
 * sixth of the price.  So slices begin small, to have something to read soon, and grow;
 * they grow faster when much is read again, and when that is several slices' worth, a
 * stream, which reads it once, is better.
 *
 * COPY's binary format: PostgreSQL documentation, "COPY", "Binary Format".
 */
#include "providers/postgres/pg_slices.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/str.h"
#include "providers/postgres/pg_failure.h"
#include "providers/postgres/pg_options.h"

#define PG_SLICES_MIB ((uint64_t)1 << 20)

static const struct pg_slices_sizes pg_slices_usual = {
    .first = 16 * PG_SLICES_MIB,
    .most = 256 * PG_SLICES_MIB,
    .enough = 16 * PG_SLICES_MIB,
    .hopeless = 2048 * PG_SLICES_MIB,
    .advance = 64 * PG_SLICES_MIB,
};

#define PG_SLICES_WAL_END                                                                  \
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "   \
    "ELSE pg_catalog.pg_current_wal_flush_lsn() END"

static const char pg_slices_doing[] = "read changes in slices";

/* ---- asking -------------------------------------------------------------------------- */

static void pg_slices_put_lsn(struct buf *sql, uint64_t lsn)
{
    char text[PG_LSN_TEXT];
    size_t len = pg_position_lsn_write(lsn, text);
    buf_sql_quoted(sql, (wf_str){text, len}, '\'');
}

static void pg_slices_put_advance(struct buf *sql, const char *slot, uint64_t lsn)
{
    buf_lit(sql, "SELECT pg_catalog.pg_replication_slot_advance(");
    buf_sql_quoted(sql, str_from(slot), '\'');
    buf_lit(sql, ", ");
    pg_slices_put_lsn(sql, lsn);
    buf_lit(sql, ")");
}

static void pg_slices_put_facts(struct buf *sql, const char *copy)
{
    buf_lit(sql, "SELECT restart_lsn, confirmed_flush_lsn, " PG_SLICES_WAL_END
                 " FROM pg_catalog.pg_replication_slots WHERE slot_name = ");
    buf_sql_quoted(sql, str_from(copy), '\'');
}

static wf_status pg_slices_take_facts(struct pg_slices *slices, struct pg_slices_lane *lane,
                                      const PGresult *result, wf_error *err)
{
    uint64_t restart, confirmed, wal_end;
    if (PQntuples(result) != 1 || PQnfields(result) != 3 ||
        !pg_position_lsn_parse(pg_conn_cell(result, 0, 0), &restart) ||
        !pg_position_lsn_parse(pg_conn_cell(result, 0, 1), &confirmed) ||
        !pg_position_lsn_parse(pg_conn_cell(result, 0, 2), &wal_end))
        return error_set(err, WF_UNAVAILABLE,
                         "cannot %s: the copy of slot '%s' is gone or lost",
                         pg_slices_doing, slices->slot);
    lane->at = confirmed;
    slices->behind = confirmed > restart ? confirmed - restart : 0;
    slices->wal_end = wal_end;
    return WF_OK;
}

static uint64_t pg_slices_left(const struct pg_slices *slices)
{
    return slices->wal_end > slices->planned ? slices->wal_end - slices->planned : 0;
}

/* 0: there is to be none. */
static uint64_t pg_slices_size(const struct pg_slices *slices)
{
    uint64_t left = pg_slices_left(slices);
    uint64_t size = slices->grown;
    const struct pg_slices_sizes *sizes = &slices->sizes;
    if (left < sizes->enough || slices->hopeless)
        return 0;
    if (size < slices->behind / 2)
        size = slices->behind / 2;
    if (size > sizes->most)
        size = sizes->most;
    /* A last slice that would be small goes with the one before. */
    return left < size + sizes->enough ? left : size;
}

static void pg_slices_sql(const struct pg_slices *slices, const struct pg_slices_lane *lane,
                          struct buf *sql)
{
    if (lane->at < lane->begin) {
        pg_slices_put_advance(sql, lane->copy, lane->begin);
        buf_lit(sql, "; ");
    }
    buf_lit(sql, "COPY (SELECT lsn, data FROM "
                 "pg_catalog.pg_logical_slot_get_binary_changes(");
    buf_sql_quoted(sql, str_from(lane->copy), '\'');
    buf_lit(sql, ", ");
    pg_slices_put_lsn(sql, lane->end);
    buf_cstr(sql, slices->options);
    buf_lit(sql, ")) TO STDOUT (FORMAT binary); ");
    pg_slices_put_facts(sql, lane->copy);
}

/* Asks an idle session for the next slice, if there is to be one. */
static wf_status pg_slices_ask(struct pg_slices *slices, struct pg_slices_lane *lane,
                               wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    uint64_t size = pg_slices_size(slices);
    if (!size)
        return WF_OK;
    lane->begin = slices->planned;
    lane->end = slices->planned + size;
    lane->headed = lane->told = lane->gave = false;
    pg_slices_sql(slices, lane, &sql);
    wf_status status = buf_status(&sql, "SQL", err);
    if (status)
        return status;
    if (!PQsendQuery(lane->conn.handle, buf_c(&sql)) || PQflush(lane->conn.handle) < 0)
        return pg_failure_connection(&lane->conn, pg_slices_doing, err);
    lane->phase = PG_SLICES_ASKED;
    slices->planned = lane->end;
    if (slices->grown < slices->sizes.most)
        slices->grown *= 2;
    return WF_OK;
}

/* ---- opening ------------------------------------------------------------------------- */

/* Behind the slot and upto_lsn: no count, and what pg_stream asks for in protocol 1. */
static wf_status pg_slices_make_options(struct pg_slices *slices, const char *publications,
                                        wf_str origin, wf_error *err)
{
    int version = slices->lane[0].conn.version;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, ", NULL, 'proto_version', '1', 'publication_names', ");
    buf_sql_quoted(&sql, str_from(publications), '\'');
    if (version >= 140000)
        buf_lit(&sql, ", 'messages', 'true'");
    if (version >= 160000 && str_is(origin, "none"))
        buf_lit(&sql, ", 'origin', 'none'");
    wf_status status = buf_status(&sql, "SQL", err);
    if (status)
        return status;
    slices->options = buf_take(&sql);
    return slices->options ? WF_OK : error_no_memory(err);
}

static wf_status pg_slices_set_up(struct pg_slices_lane *lane, wf_error *err)
{
    /* A session whose client went away while it decodes is to notice, and let go. */
    const char *sql = lane->conn.version >= 140000
                          ? "SELECT pg_catalog.set_config('jit', 'off', false), "
                            "pg_catalog.set_config('client_connection_check_interval', "
                            "'2s', false)"
                          : "SELECT pg_catalog.set_config('jit', 'off', false)";
    return pg_conn_query(&lane->conn, "prepare the session", sql, NULL, 0, NULL, err);
}

static wf_status pg_slices_copy(struct pg_slices *slices, struct pg_slices_lane *lane,
                                wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *copied = NULL;
    CDC_CLEANUP(pg_conn_clearp) PGresult *facts = NULL;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    const char *names[] = {slices->slot, lane->copy};
    /* One per session of the server; it cannot outlive the session. */
    snprintf(lane->copy, sizeof lane->copy, "cdc_catch_up_%d",
             PQbackendPID(lane->conn.handle));
    wf_status status = pg_conn_query(
        &lane->conn, "copy the slot for reading in slices",
        "SELECT pg_catalog.pg_copy_logical_replication_slot($1::name, $2::name, true)",
        names, 2, &copied, err);
    if (status)
        return status;
    pg_slices_put_facts(&sql, lane->copy);
    status = buf_status(&sql, "SQL", err);
    if (!status)
        status =
            pg_conn_query(&lane->conn, pg_slices_doing, buf_c(&sql), NULL, 0, &facts, err);
    if (!status)
        status = pg_slices_take_facts(slices, lane, facts, err);
    return status;
}

static wf_status pg_slices_open_lane(struct pg_slices *slices, size_t number,
                                     const struct cdc_settings *settings, wf_error *err)
{
    struct pg_slices_lane *lane = &slices->lane[number];
    lane->conn.cancel = slices->cancel;
    lane->conn.unwanted = slices->unwanted;
    wf_status status = pg_conn_open(&lane->conn, settings, PG_CONN_CATCH_UP, err);
    if (!status)
        status = pg_slices_set_up(lane, err);
    if (!status)
        status = pg_slices_copy(slices, lane, err);
    if (!status && lane->at > slices->planned)
        status = error_set(err, WF_STATE,
                           "cannot %s: slot '%s' was moved past the position that was kept",
                           pg_slices_doing, slices->slot);
    lane->conn.unwanted = NULL;
    if (status)
        pg_conn_close(&lane->conn);
    else
        slices->lanes = number + 1;
    return status;
}

wf_status pg_slices_open(struct pg_slices *slices, const struct cdc_settings *settings,
                         const struct pg_stream_start *start, wf_error *err)
{
    const struct pg_options *options = settings->options;
    if (strlen(start->slot) >= sizeof slices->slot)
        return error_set(err, WF_CONFIG, "slot name '%s' is too long", start->slot);
    memcpy(slices->slot, start->slot, strlen(start->slot) + 1);
    slices->planned = start->from;
    if (!slices->sizes.first)
        slices->sizes = pg_slices_usual;
    slices->grown = slices->sizes.first;
    wf_status status = pg_slices_open_lane(slices, 0, settings, err);
    if (!status)
        status = pg_slices_make_options(slices, start->publications, options->origin, err);
    if (status)
        return status;
    slices->advanced = slices->lane[0].at;
    /* The second is for speed alone. */
    status = pg_slices_open_lane(slices, 1, settings, err);
    if (status == WF_CANCELLED || status == WF_NO_MEMORY)
        return status;
    slices->behind = 0; /* a slot that was not moved for long is behind without need */
    status = WF_OK;
    for (size_t i = 0; !status && i < slices->lanes; i++)
        status = pg_slices_ask(slices, &slices->lane[i], err);
    return status;
}

void pg_slices_close(struct pg_slices *slices)
{
    PQfreemem(slices->held);
    slices->held = NULL;
    for (size_t i = 0; i < PG_SLICES_LANES; i++) {
        pg_conn_close(&slices->lane[i].conn);
        slices->lane[i].phase = PG_SLICES_IDLE;
    }
    slices->lanes = 0;
    free(slices->options);
    slices->options = NULL;
    slices->finished = true;
}

/* ---- reading ------------------------------------------------------------------------- */

/* The session with the slice that comes next; NULL: none was asked for. */
static struct pg_slices_lane *pg_slices_current(struct pg_slices *slices)
{
    struct pg_slices_lane *first = NULL;
    for (size_t i = 0; i < slices->lanes; i++) {
        struct pg_slices_lane *lane = &slices->lane[i];
        if (lane->phase != PG_SLICES_IDLE && (!first || lane->begin < first->begin))
            first = lane;
    }
    return first;
}

static wf_status pg_slices_bad_copy(wf_error *err)
{
    return error_set(err, WF_PROTOCOL, "cannot %s: the server sent a bad COPY row",
                     pg_slices_doing);
}

static bool pg_slices_head(struct reader *r)
{
    static const char signature[11] = "PGCOPY\n\377\r\n";
    wf_str begin = reader_str(r, sizeof signature);
    uint32_t flags = reader_u32(r);
    reader_bytes(r, reader_u32(r));
    return !r->short_read && !flags && memcmp(begin.ptr, signature, sizeof signature) == 0;
}

/* One CopyData message: maybe the head, then a row, the trailer, or nothing. */
static wf_status pg_slices_row(struct pg_slices *slices, struct pg_slices_lane *lane,
                               size_t len, struct pg_feed_item *out, wf_error *err)
{
    struct reader r = reader_of(slices->held, len);
    if (CDC_UNLIKELY(!lane->headed)) {
        lane->headed = true;
        if (!pg_slices_head(&r))
            return pg_slices_bad_copy(err);
    }
    *out = (struct pg_feed_item){.kind = PG_FEED_NOTHING};
    if (!reader_left(&r))
        return WF_OK;
    uint16_t fields = reader_u16(&r);
    if (fields == UINT16_MAX && !reader_left(&r))
        return WF_OK;
    bool lsn_fits = reader_u32(&r) == 8;
    uint64_t lsn = reader_u64(&r);
    wf_str bytes = reader_str(&r, reader_u32(&r));
    if (fields != 2 || !lsn_fits || r.short_read || reader_left(&r))
        return pg_slices_bad_copy(err);
    lane->gave = true;
    *out = (struct pg_feed_item){.kind = PG_FEED_DATA, .lsn = lsn, .bytes = bytes};
    return WF_OK;
}

/* An answer beside the rows; the phase moves on. */
static wf_status pg_slices_result(struct pg_slices *slices, struct pg_slices_lane *lane,
                                  const PGresult *result, wf_error *err)
{
    switch (PQresultStatus(result)) {
    case PGRES_COPY_OUT:
        if (lane->phase != PG_SLICES_ASKED || PQnfields(result) != 2)
            return pg_slices_bad_copy(err);
        lane->phase = PG_SLICES_READING;
        return WF_OK;
    case PGRES_COMMAND_OK: /* of the COPY */
        return WF_OK;
    case PGRES_TUPLES_OK:
        if (lane->phase == PG_SLICES_ASKED) /* of the advance */
            return WF_OK;
        lane->told = true;
        return pg_slices_take_facts(slices, lane, result, err);
    default:
        return pg_failure_result(&lane->conn, result, pg_slices_doing, err);
    }
}

/* A slice that gave nothing, and has to be decoded again for the next, is part of a large
 * transaction, which costs its full price each time. */
static bool pg_slices_is_hopeless(const struct pg_slices *slices,
                                  const struct pg_slices_lane *lane)
{
    uint64_t limit = slices->sizes.hopeless;
    return slices->behind > (lane->gave ? limit : limit / 16);
}

/* Everything of the slice has come. */
static wf_status pg_slices_end(struct pg_slices *slices, struct pg_slices_lane *lane,
                               struct pg_feed_item *out, wf_error *err)
{
    if (lane->phase != PG_SLICES_READ || !lane->told)
        return error_set(err, WF_PROTOCOL, "cannot %s: the server's answer is incomplete",
                         pg_slices_doing);
    uint64_t end = lane->end;
    lane->phase = PG_SLICES_IDLE;
    slices->hopeless = pg_slices_left(slices) && pg_slices_is_hopeless(slices, lane);
    wf_status status = pg_slices_ask(slices, lane, err);
    if (status)
        return status;
    *out = (struct pg_feed_item){.kind = PG_FEED_END, .lsn = end};
    return WF_OK;
}

/* What is not a row.  *out_more: another look may find something. */
static wf_status pg_slices_answer(struct pg_slices *slices, struct pg_slices_lane *lane,
                                  struct pg_feed_item *out, bool *out_more, wf_error *err)
{
    bool broken = PQisBusy(lane->conn.handle) && !PQconsumeInput(lane->conn.handle);
    *out = (struct pg_feed_item){.kind = PG_FEED_NOTHING};
    *out_more = false;
    if (PQisBusy(lane->conn.handle))
        return broken ? pg_failure_connection(&lane->conn, pg_slices_doing, err) : WF_OK;
    CDC_CLEANUP(pg_conn_clearp) PGresult *result = PQgetResult(lane->conn.handle);
    if (!result)
        return pg_slices_end(slices, lane, out, err);
    *out_more = true;
    return pg_slices_result(slices, lane, result, err);
}

static wf_status pg_slices_read(struct pg_slices *slices, struct pg_slices_lane *lane,
                                struct pg_feed_item *out, bool *out_more, wf_error *err)
{
    PGconn *handle = lane->conn.handle;
    bool broken = false;
    int len = PQgetCopyData(handle, &slices->held, 1);
    if (len == 0) {
        broken = !PQconsumeInput(handle);
        len = PQgetCopyData(handle, &slices->held, 1);
    }
    if (CDC_UNLIKELY(lane->conn.unpublished))
        return pg_failure_unpublished(pg_slices_doing, err);
    if (CDC_LIKELY(len > 0)) {
        wf_status status = pg_slices_row(slices, lane, (size_t)len, out, err);
        *out_more = !status && out->kind == PG_FEED_NOTHING;
        return status;
    }
    if (len == -2 || broken)
        return pg_failure_connection(&lane->conn, pg_slices_doing, err);
    if (len == -1)
        lane->phase = PG_SLICES_READ;
    *out = (struct pg_feed_item){.kind = PG_FEED_NOTHING};
    *out_more = len == -1;
    return WF_OK;
}

static wf_status pg_slices_give_up(const struct pg_slices *slices, wf_error *err)
{
    return error_set(err, WF_UNAVAILABLE,
                     "cannot %s: for each the server would decode %" PRIu64
                     " MiB again, because a large or forgotten transaction began there "
                     "(pg_stat_activity, pg_prepared_xacts)",
                     pg_slices_doing, slices->behind / PG_SLICES_MIB);
}

wf_status pg_slices_next(struct pg_slices *slices, struct pg_feed_item *out, wf_error *err)
{
    struct pg_slices_lane *lane = pg_slices_current(slices);
    wf_status status = WF_OK;
    bool more = true;
    if (slices->hopeless)
        return pg_slices_give_up(slices, err);
    struct pg_feed_item item = {.kind = PG_FEED_NOTHING};
    if (!lane) {
        slices->finished = true;
        more = false;
    }
    while (!status && more) {
        PQfreemem(slices->held);
        slices->held = NULL;
        status = lane->phase == PG_SLICES_READING
                     ? pg_slices_read(slices, lane, &item, &more, err)
                     : pg_slices_answer(slices, lane, &item, &more, err);
    }
    if (!status)
        *out = item;
    return status;
}

wf_status pg_slices_wait(struct pg_slices *slices, int timeout_ms, wf_error *err)
{
    struct pg_slices_lane *lane = pg_slices_current(slices);
    /* The other session's question may not have left yet. */
    for (size_t i = 0; i < slices->lanes; i++)
        if (PQflush(slices->lane[i].conn.handle) < 0)
            return pg_failure_connection(&slices->lane[i].conn, pg_slices_doing, err);
    if (lane)
        (void)pg_conn_wait(&lane->conn, timeout_ms);
    return WF_OK;
}

/* ---- the slot itself ----------------------------------------------------------------- */

static const char pg_slices_advancing[] = "move the slot on";

wf_status pg_slices_advance(struct pg_slices *slices, struct pg_conn *control, uint64_t lsn,
                            wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    bool busy = false;
    if (lsn < slices->advanced + slices->sizes.advance)
        return WF_OK;
    wf_status status = pg_conn_settle(control, pg_slices_advancing, &busy, err);
    if (status || busy)
        return status;
    pg_slices_put_advance(&sql, slices->slot, lsn);
    status = buf_status(&sql, "SQL", err);
    if (!status)
        status = pg_conn_fire(control, buf_c(&sql), err);
    if (!status)
        slices->advanced = lsn;
    return status;
}

wf_status pg_slices_settle(struct pg_slices *slices, struct pg_conn *control, wf_error *err)
{
    (void)slices;
    return pg_conn_query(control, pg_slices_advancing, "SELECT 1", NULL, 0, NULL, err);
}
