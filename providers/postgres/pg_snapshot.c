/* SPDX-License-Identifier: MIT
 *
 * pg_snapshot - the chunk reader.
 *
 *     BEGIN REPEATABLE READ; lock against DDL; look at the database snapshot   (again while it
 *     COPY (SELECT ... after the last place ... LIMIT n) TO STDOUT              hides a commit)
 *     COMMIT
 *
 * What a chunk may hold is core's to say, row by row, and COPY cannot be stopped but by a
 * cancel request of a connection of its own; so n follows the size of the rows, and where
 * much is left it is the connection that is given up.
 */
#include "providers/postgres/pg_snapshot.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_change.h"
#include "providers/postgres/pg_copy.h"
#include "providers/postgres/pg_disk.h"
#include "providers/postgres/pg_row.h"
#include "providers/postgres/pg_select.h"
#include "providers/postgres/pg_writers.h"
#include "providers/postgres/postgres.h"

#define PG_SNAPSHOT_READERS 4
#define PG_SNAPSHOT_FIRST_ROWS 256        /* of a table of which nothing is known */
#define PG_SNAPSHOT_FIRST_BYTES (4 << 20) /* of one whose size is known */
#define PG_SNAPSHOT_MOST_ROWS (1u << 20)
#define PG_SNAPSHOT_DRAIN_BYTES (4u << 20) /* read to the end rather than connect anew */
#define PG_SNAPSHOT_PAUSE_MS 100
#define PG_SNAPSHOT_TRIES 5 /* at a table that is altered meanwhile */

struct pg_snapshot {
    struct cancel cancel;
    const struct cdc_settings *settings;
    struct pg_commits *commits;
    struct pg_publication publication; /* for its names */
    struct buf mark;                   /* whose it is */
    struct pg_conn conn;
    struct pg_catalog catalog;
    struct pg_types *types;
    struct pg_shape shape; /* of the table read last; no table: none */
    struct pg_row row;
    struct buf identity;
    wf_str *fields; /* one line's */
    size_t field_count;
    uint64_t *hidden;   /* PG_COMMITS_RUNNING */
    uint64_t delivered; /* commits of before the chunk; core notes what comes later */
    uint32_t limit;     /* rows that should fit into a chunk of the table */
};

/* ---- the connection ------------------------------------------------------------------ */

/* Plans that keep the order of the index, or of the rows on disk; and a mark's commit waits
 * for no standby. */
static const char pg_snapshot_set_up[] =
    "SELECT set_config(name, value, false) FROM (VALUES ('jit', 'off'),"
    " ('max_parallel_workers_per_gather', '0'), ('synchronize_seqscans', 'off'),"
    " ('synchronous_commit', 'local')) AS setting(name, value)";

static wf_status pg_snapshot_connect(struct pg_snapshot *s, wf_error *err)
{
    if (s->conn.handle && PQstatus(s->conn.handle) == CONNECTION_OK)
        return WF_OK;
    pg_conn_close(&s->conn);
    s->conn = (struct pg_conn){.cancel = &s->cancel};
    wf_status status = pg_conn_open(&s->conn, s->settings, PG_CONN_SNAPSHOT, err);
    return status ? status
                  : pg_conn_query(&s->conn, "prepare the session", pg_snapshot_set_up, NULL,
                                  0, NULL, err);
}

static wf_status pg_snapshot_open(void *reader, void *state,
                                  const struct cdc_settings *settings, wf_error *err)
{
    struct pg_snapshot *s = reader;
    struct postgres_state *source = state;
    s->settings = settings;
    s->commits = &source->commits;
    pg_row_init(&s->row);
    buf_init(&s->identity, LIMIT_EVENT_BYTES);
    buf_init(&s->mark, LIMIT_TEXT_BYTES);
    pg_name_put_mark(&s->mark, settings->source_id);
    pg_catalog_of(&s->conn, &s->catalog);
    s->hidden = calloc(PG_COMMITS_RUNNING, sizeof *s->hidden);
    if (!s->hidden)
        return error_no_memory(err);
    wf_status status = cancel_open(&s->cancel, err);
    if (!status)
        status = pg_type_list_new(&s->catalog.types, &s->types, err);
    if (!status)
        status = pg_publication_name(settings, &s->publication, err);
    return status ? status : pg_snapshot_connect(s, err);
}

static void pg_snapshot_close(void *reader)
{
    struct pg_snapshot *s = reader;
    pg_shape_release(&s->shape);
    pg_type_list_free(s->types);
    pg_conn_close(&s->conn);
    pg_row_release(&s->row);
    buf_release(&s->identity);
    buf_release(&s->mark);
    free(s->fields);
    free(s->hidden);
    cancel_close(&s->cancel);
}

static void pg_snapshot_interrupt(void *reader)
{
    struct pg_snapshot *s = reader;
    cancel_raise(&s->cancel);
}

/* ---- marks --------------------------------------------------------------------------- */

/* The position first, then what makes the stream pass it: flushed at once, from 17 on by
 * asking for it, before by a transaction's commit. */
#define PG_SNAPSHOT_MARK(message)                                                          \
    "SELECT place, CASE WHEN NOT standby THEN pg_logical_emit_message(" message ") END"    \
    " FROM (SELECT pg_is_in_recovery() AS standby, CASE WHEN pg_is_in_recovery()"          \
    " THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END AS place"         \
    " OFFSET 0) now"

static const char pg_snapshot_mark_13[] =
    PG_SNAPSHOT_MARK("true, '" PG_PREFIX_HEARTBEAT "', ''");
static const char pg_snapshot_mark_17[] =
    PG_SNAPSHOT_MARK("false, '" PG_PREFIX_HEARTBEAT "', '', true");

static wf_status pg_snapshot_mark(void *reader, uint64_t *out_mark, wf_error *err)
{
    struct pg_snapshot *s = reader;
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    wf_status status = pg_snapshot_connect(s, err);
    if (!status)
        status = pg_conn_query(&s->conn, "mark a place in the WAL",
                               s->conn.version >= 170000 ? pg_snapshot_mark_17
                                                         : pg_snapshot_mark_13,
                               NULL, 0, &rows, err);
    if (status)
        return status;
    if (PQntuples(rows) != 1 || !pg_position_lsn_parse(pg_conn_cell(rows, 0, 0), out_mark))
        return error_set(err, WF_PROTOCOL,
                         "cannot mark a place in the WAL: the server gave no position");
    return WF_OK;
}

/* ---- into a transaction, and out of it ----------------------------------------------- */

static void pg_snapshot_leave(struct pg_snapshot *s)
{
    PGTransactionStatusType now = PQtransactionStatus(s->conn.handle);
    if (now == PQTRANS_IDLE)
        return;
    /* In the middle of a COPY nothing can be said. */
    if (now == PQTRANS_ACTIVE || now == PQTRANS_UNKNOWN ||
        pg_conn_query(&s->conn, "end a chunk", "ROLLBACK", NULL, 0, NULL, NULL))
        pg_conn_close(&s->conn);
}

/* The lock comes before the database snapshot, so that this shows the table as it is
 * locked. */
static wf_status pg_snapshot_begin(struct pg_snapshot *s, PGresult **out, wf_error *err)
{
    const struct pg_shape *shape = &s->shape;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_sort = ");
    buf_cstr(&sql, shape->order_count ? "off" : "on");
    buf_cstr(&sql, shape->partitioned ? "; LOCK TABLE " : "; LOCK TABLE ONLY ");
    buf_str(&sql, shape->quoted);
    buf_lit(&sql, " IN ACCESS SHARE MODE; SELECT pg_current_snapshot()::text, "
                  "pg_is_in_recovery(), ");
    pg_shape_put_facts(&sql, shape);
    const char *text = buf_c(&sql);
    wf_status status = buf_status(&sql, "SQL", err);
    return status ? status
                  : pg_conn_query(&s->conn, "begin a chunk", text, NULL, 0, out, err);
}

/* Whether the database snapshot shows all that the stream had delivered. */
static wf_status pg_snapshot_is_complete(struct pg_snapshot *s, const PGresult *rows,
                                         bool *out, wf_error *err)
{
    struct pg_commits_view view;
    *out = str_is(pg_conn_cell(rows, 0, 1), "t");
    if (*out)
        return WF_OK;
    wf_status status = pg_commits_parse(pg_conn_cell(rows, 0, 0), s->hidden, &view, err);
    if (!status)
        *out = !pg_commits_any(s->commits, s->delivered, &view);
    return status;
}

/* Begins until the database snapshot is a good one.  *out_same: the table is as described. */
static wf_status pg_snapshot_begin_complete(struct pg_snapshot *s, bool *out_same,
                                            wf_error *err)
{
    for (int pause_ms = 1;; pause_ms *= 2) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        bool complete = false;
        wf_status status = pg_snapshot_begin(s, &rows, err);
        if (!status)
            status = pg_snapshot_is_complete(s, rows, &complete, err);
        if (status)
            return status;
        *out_same = str_eq(pg_conn_cell(rows, 0, 2), s->shape.facts);
        if (complete || !*out_same)
            return WF_OK;
        pg_snapshot_leave(s);
        pause_ms = pause_ms < PG_SNAPSHOT_PAUSE_MS ? pause_ms : PG_SNAPSHOT_PAUSE_MS;
        if (pg_conn_wait(&s->conn, pause_ms) == PG_CONN_CANCELLED)
            return error_set(err, WF_CANCELLED, "the snapshot was interrupted");
    }
}

/* ---- the table ----------------------------------------------------------------------- */

/* How many rows to ask for at first. */
static uint32_t pg_snapshot_first_limit(const struct pg_shape *shape)
{
    if (shape->rows <= 0 || shape->bytes <= 0)
        return PG_SNAPSHOT_FIRST_ROWS;
    int64_t width = shape->bytes / shape->rows + 1;
    int64_t rows = PG_SNAPSHOT_FIRST_BYTES / width + 1;
    return (uint32_t)(rows < PG_SNAPSHOT_MOST_ROWS ? rows : PG_SNAPSHOT_MOST_ROWS);
}

static wf_status pg_snapshot_describe(struct pg_snapshot *s, wf_str name, wf_error *err)
{
    if (s->shape.table && str_eq(s->shape.table->name, name))
        return WF_OK;
    pg_shape_release(&s->shape);
    const struct pg_shape_published published = {s->publication.name, s->publication.insert,
                                                 buf_c(&s->mark)};
    wf_status status = buf_status(&s->mark, "mark", err);
    if (!status)
        status = pg_shape_read(&s->conn, s->types, &published, name, &s->shape, err);
    if (status)
        return status;
    s->field_count = s->shape.count + !s->shape.order_count; /* with the ctid */
    free(s->fields);
    s->fields = calloc(s->field_count, sizeof *s->fields);
    s->limit = pg_snapshot_first_limit(&s->shape);
    return s->fields ? WF_OK : error_no_memory(err);
}

/* A transaction in which the table is as s->shape says. */
static wf_status pg_snapshot_enter(struct pg_snapshot *s, wf_str name, bool first,
                                   wf_error *err)
{
    for (int tries = 1;; tries++) {
        bool same = false;
        wf_status status = pg_snapshot_connect(s, err);
        if (!status)
            status = pg_snapshot_describe(s, name, err);
        if (!status && first)
            status = pg_writers_wait(&s->conn, s->shape.oid, err);
        if (status)
            return status;
        status = pg_snapshot_begin_complete(s, &same, err);
        if (!status && same)
            return WF_OK;
        pg_snapshot_leave(s);
        pg_shape_release(&s->shape);
        if (status == WF_CANCELLED || status == WF_UNAVAILABLE || status == WF_NO_MEMORY)
            return status;
        if (tries == PG_SNAPSHOT_TRIES)
            return status ? status
                          : error_set(err, WF_UNAVAILABLE,
                                      "table '%.*s' is altered again and again",
                                      STR_ARG(name));
    }
}

/* ---- rows ---------------------------------------------------------------------------- */

struct pg_snapshot_chunk {
    const struct cdc_chunk_request *request;
    struct pg_place place;
    struct pg_disk disk; /* order_count 0 */
    uint32_t limit;
    uint32_t rows;
    uint64_t bytes;
    bool full; /* core has enough */
    struct buf after;
};

static void pg_snapshot_chunk_release(struct pg_snapshot_chunk *chunk)
{
    pg_place_release(&chunk->place);
    buf_release(&chunk->after);
}

static wf_str pg_snapshot_identity(struct pg_snapshot *s)
{
    buf_clear(&s->identity);
    for (size_t i = 0; i < s->shape.table->count; i++) {
        if (s->fields[i].ptr)
            pg_change_identity_text(&s->identity, s->fields[i]);
        else
            pg_change_identity_null(&s->identity);
    }
    return buf_view(&s->identity);
}

static wf_status pg_snapshot_give(struct pg_snapshot *s,
                                  const struct cdc_chunk_request *request, wf_error *err)
{
    struct cdc_table *table = s->shape.table;
    wf_status status = pg_row_begin(&s->row, table->count, err);
    if (status)
        return status;
    for (size_t i = 0; i < table->count; i++) {
        if (CDC_LIKELY(s->fields[i].ptr != NULL))
            pg_row_text(&s->row, s->shape.columns[i].type, s->fields[i]);
        else
            pg_row_kind(&s->row, CDC_VALUE_NULL);
    }
    status = pg_row_end(&s->row, err);
    if (status)
        return status;
    wf_str identity = STR_EMPTY;
    if (CDC_UNLIKELY(!table->key_count)) {
        identity = pg_snapshot_identity(s);
        status = buf_status(&s->identity, "row", err);
        if (status)
            return status;
    }
    return request->row(request->ctx, table, s->row.values, identity, err);
}

/* The place of the row that is in s->fields. */
static wf_status pg_snapshot_note_place(struct pg_snapshot *s,
                                        struct pg_snapshot_chunk *chunk, wf_error *err)
{
    const struct pg_shape *shape = &s->shape;
    buf_clear(&chunk->after);
    if (!shape->order_count) {
        struct pg_place_disk at = chunk->place.disk;
        wf_str tid = s->fields[shape->count];
        if (!tid.ptr || !pg_place_parse_tid(tid, &at.page, &at.item))
            return error_set(err, WF_PROTOCOL, "the server gave a row without its ctid");
        pg_place_put_disk(&chunk->after, &at);
        return WF_OK;
    }
    wf_str *key = calloc(shape->order_count, sizeof *key);
    bool whole = key != NULL;
    for (size_t i = 0; whole && i < shape->order_count; i++) {
        key[i] = s->fields[shape->order[i]];
        whole = key[i].ptr != NULL;
    }
    wf_status status =
        whole ? WF_OK
        : key ? error_set(err, WF_PROTOCOL, "the server gave a row with NULL in its key")
              : error_no_memory(err);
    if (!status)
        pg_place_put_key(&chunk->after, shape, key);
    free(key);
    return status;
}

static wf_status pg_snapshot_line(struct pg_snapshot *s, struct pg_snapshot_chunk *chunk,
                                  char *line, size_t len, wf_error *err)
{
    if (!pg_copy_split(line, len, s->fields, s->field_count))
        return error_set(
            err, WF_PROTOCOL,
            "the server gave a row of table '%.*s' that has not its %zu columns",
            STR_ARG(s->shape.table->name), s->field_count);
    wf_status status = pg_snapshot_give(s, chunk->request, err);
    chunk->full = status == CDC_FULL;
    if (status && !chunk->full)
        return status;
    chunk->rows++;
    chunk->bytes += len;
    if (chunk->full || chunk->rows == chunk->limit)
        return pg_snapshot_note_place(s, chunk, err);
    return WF_OK;
}

/* Whether what is left of the COPY is not worth reading. */
static bool pg_snapshot_gives_up(const struct pg_snapshot_chunk *chunk)
{
    return chunk->full && (chunk->limit - chunk->rows) * (chunk->bytes / chunk->rows) >
                              PG_SNAPSHOT_DRAIN_BYTES;
}

static wf_status pg_snapshot_lines(struct pg_snapshot *s, struct pg_snapshot_chunk *chunk,
                                   const char *doing, wf_error *err)
{
    wf_status status = WF_OK;
    while (!status && !pg_snapshot_gives_up(chunk)) {
        char *line;
        size_t len;
        status = pg_copy_next(&s->conn, doing, &line, &len, err);
        if (status || !line)
            return status;
        if (chunk->rows == chunk->limit)
            status =
                error_set(err, WF_PROTOCOL, "the server gave more rows than asked for");
        else if (!chunk->full)
            status = pg_snapshot_line(s, chunk, line, len, err);
        PQfreemem(line);
    }
    return status;
}

/* ---- a chunk ------------------------------------------------------------------------- */

static wf_status pg_snapshot_copy(struct pg_snapshot *s, struct pg_snapshot_chunk *chunk,
                                  wf_error *err)
{
    const struct pg_options *options = s->settings->options;
    const struct pg_select select = {
        .shape = &s->shape,
        .place = &chunk->place,
        .where = chunk->request->where,
        .wheres = options->where,
        .leaf = pg_disk_name(&chunk->disk),
        .to_page = chunk->disk.to_page,
        .limit = chunk->limit,
    };
    char doing[300];
    CDC_CLEANUP(buf_release) struct buf sql;
    CDC_CLEANUP(pg_conn_clearp) PGresult *result = NULL;
    buf_init(&sql, LIMIT_OUTPUT_BYTES);
    snprintf(doing, sizeof doing, "read table '%.*s'", STR_ARG(s->shape.table->name));
    wf_status status = pg_select_chunk(&s->conn, &select, &sql, err);
    const char *text = buf_c(&sql);
    if (!status)
        status = pg_conn_query(&s->conn, doing, text, NULL, 0, &result, err);
    if (status)
        return status;
    if (PQresultStatus(result) != PGRES_COPY_OUT || PQbinaryTuples(result) ||
        PQnfields(result) != (int)s->field_count)
        return error_set(err, WF_CONFIG,
                         "cannot %s: the condition for it is more than a condition", doing);
    return pg_snapshot_lines(s, chunk, doing, err);
}

/* The rows, and where they end. */
static wf_status pg_snapshot_read(struct pg_snapshot *s, struct pg_snapshot_chunk *chunk,
                                  bool *out_done, wf_error *err)
{
    bool on_disk = !s->shape.order_count;
    wf_status status = pg_place_parse(chunk->request->after, &s->shape, &chunk->place, err);
    if (!status)
        status = pg_shape_renew_types(&s->shape, s->types, err);
    if (!status && on_disk)
        status = pg_disk_find(&s->conn, &s->shape, &chunk->place, chunk->limit,
                              &chunk->disk, err);
    if (!status && (!on_disk || !pg_disk_is_empty(&chunk->disk, &chunk->place)))
        status = pg_snapshot_copy(s, chunk, err);
    if (status)
        return status;
    bool ended = chunk->full || chunk->rows == chunk->limit;
    *out_done = !ended;
    if (!ended && on_disk)
        *out_done = !pg_disk_next(&chunk->disk, &chunk->place, &chunk->after);
    return buf_status(&chunk->after, "place in a snapshot", err);
}

static void pg_snapshot_learn_limit(struct pg_snapshot *s,
                                    const struct pg_snapshot_chunk *chunk)
{
    if (chunk->full)
        s->limit = chunk->rows;
    else if (chunk->rows == chunk->limit && s->limit <= PG_SNAPSHOT_MOST_ROWS / 2)
        s->limit *= 2;
}

static wf_status pg_snapshot_read_chunk(void *reader,
                                        const struct cdc_chunk_request *request,
                                        struct cdc_chunk_result *out, wf_error *err)
{
    struct pg_snapshot *s = reader;
    if (atomic_load(&s->cancel.raised))
        return error_set(err, WF_CANCELLED, "the snapshot was interrupted");
    s->delivered = pg_commits_count(s->commits);
    wf_status status = pg_snapshot_enter(s, request->table, !request->after.len, err);
    if (status)
        return status;
    CDC_CLEANUP(pg_snapshot_chunk_release)
    struct pg_snapshot_chunk chunk = {
        .request = request,
        .limit = s->limit < request->max_rows ? s->limit : request->max_rows,
    };
    bool done = false;
    buf_init(&chunk.after, LIMIT_CONFIG_BYTES);
    status = pg_snapshot_read(s, &chunk, &done, err);
    pg_snapshot_leave(s);
    if (status)
        return status;
    pg_snapshot_learn_limit(s, &chunk);
    buf_clear(out->after);
    buf_str(out->after, buf_view(&chunk.after));
    out->done = done;
    return buf_status(out->after, "place in a snapshot", err);
}

const struct cdc_snapshot_reader pg_snapshot_reader = {
    .size = sizeof(struct pg_snapshot),
    .max_readers = PG_SNAPSHOT_READERS,
    .open = pg_snapshot_open,
    .mark = pg_snapshot_mark,
    .read_chunk = pg_snapshot_read_chunk,
    .interrupt = pg_snapshot_interrupt,
    .close = pg_snapshot_close,
};
