/* SPDX-License-Identifier: MIT
 *
 * snapshot_chunk - which chunk next, and what of it is still true when the stream has
 * caught up with it.
 *
 * While a chunk waits for the stream to pass its mark, the next chunk of the same table is
 * read already; into the log they go one after the other.
 */
#include "plugin/core/snapshot_chunk.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/flow.h"

/* What was read but is not in the log is read again. */
void snapshot_chunk_rewind(struct snapshot_table *table)
{
    buf_clear(&table->ahead);
    buf_str(&table->ahead, buf_view(&table->after));
    table->given = table->taken;
    table->reading = false;
    table->read_ahead = table->read;
}

/* ---- handing out --------------------------------------------------------------------- */

static struct snapshot_table *snapshot_chunk_next_table(struct snapshot *s)
{
    struct snapshot_table *table = s->tables;
    while (table && (table->read_ahead || table->reading))
        table = table->next;
    return table;
}

static wf_status snapshot_chunk_give(struct snapshot_reader *reader,
                                     struct snapshot_table *table, uint32_t max_rows,
                                     wf_error *err)
{
    buf_clear(&reader->from);
    buf_str(&reader->from, buf_view(&table->ahead));
    wf_status status = buf_status(&table->ahead, "place in a snapshot", err);
    if (!status)
        status = buf_status(&reader->from, "place in a snapshot", err);
    if (status)
        return status;
    struct reader_task task = {
        .table = table->name,
        .after = buf_view(&reader->from),
        .run = table->run,
        .max_rows = max_rows,
    };
    table->reading = true;
    reader->number = table->given++;
    reader->table = table;
    reader->table_id = table->table_id;
    snapshot_reader_assign(reader, &task);
    return WF_OK;
}

int snapshot_chunk_most_readers(const struct snapshot *s)
{
    const struct cdc_snapshot_reader *reader = s->deps.settings->provider->snapshot;
    int most = reader ? reader->max_readers : 0;
    return most < SNAPSHOT_READERS ? most : SNAPSHOT_READERS;
}

/* A reader that is free; a new one while fewer run than may. */
static wf_status snapshot_chunk_reader(struct snapshot *s, struct snapshot_reader **out,
                                       wf_error *err)
{
    *out = NULL;
    for (int i = 0; i < s->reader_count; i++)
        if (snapshot_reader_state(&s->readers[i]) == READER_IDLE)
            *out = &s->readers[i];
    if (*out || s->reader_count >= snapshot_chunk_most_readers(s))
        return WF_OK;
    struct snapshot_reader *reader = &s->readers[s->reader_count];
    wf_status status = snapshot_reader_init(reader, &s->deps, &s->deps.flow->origin, err);
    if (status)
        return status;
    s->reader_count++;
    *out = reader;
    return WF_OK;
}

wf_status snapshot_chunk_hand_out(struct snapshot *s, wf_error *err)
{
    uint32_t max_rows = (uint32_t)s->deps.settings->core.snapshot_chunk_rows;
    for (struct snapshot_table *table; (table = snapshot_chunk_next_table(s)) != NULL;) {
        struct snapshot_reader *reader;
        wf_status status = snapshot_chunk_reader(s, &reader, err);
        if (!status && reader)
            status = snapshot_chunk_give(reader, table, max_rows, err);
        if (status || !reader)
            return status;
    }
    return WF_OK;
}

/* ---- taking back --------------------------------------------------------------------- */

static wf_status snapshot_chunk_add(struct snapshot *s, struct snapshot_reader *reader,
                                    struct snapshot_table *table, wf_error *err)
{
    struct hold_chunk *chunk = malloc(sizeof *chunk + reader->after.len);
    if (!chunk)
        return error_no_memory(err);
    *chunk = (struct hold_chunk){
        .table = table,
        .offset = ring_head(&s->deps.flow->ring),
        .progress =
            {
                .run = table->run,
                .table = table->name,
                .after = {chunk->after, reader->after.len},
                .rows = table->rows,
                .estimated_rows = table->estimated_rows,
                .done = reader->done,
            },
    };
    memcpy(chunk->after, reader->after.data ? reader->after.data : "", reader->after.len);
    hold_add(s->deps.flow, chunk);
    return WF_OK;
}

/* One row, which leaves no trace in the log when nobody wants it. */
static wf_status snapshot_chunk_append_row(struct snapshot *s,
                                           struct snapshot_reader *reader, wf_str event,
                                           wf_str key, uint8_t flags, wf_error *err)
{
    struct cdc_flow *flow = s->deps.flow;
    struct ring_meta meta = {.table_id = reader->table_id, .op = CDC_READ, .flags = flags};
    if (!reader->logged)
        meta.flags |= RING_CHUNK;
    uint64_t emitted = flow->emitted;
    wf_status status = flow_append(flow, event, key, meta, err);
    reader->logged |= flow->emitted != emitted;
    return status;
}

/* Appends what is left of the chunk; CDC_FULL: goes on another time. */
static wf_status snapshot_chunk_append(struct snapshot *s, struct snapshot_reader *reader,
                                       wf_error *err)
{
    wf_str event, key;
    bool oversize;
    size_t at = reader->appended;
    while (snapshot_reader_row(reader, &at, &event, &key, &oversize)) {
        if (!reader->empty && !keyset_has(&reader->changed, key)) {
            wf_status status = snapshot_chunk_append_row(
                s, reader, event, key, oversize ? RING_DEAD | RING_OVERSIZE : 0, err);
            if (status)
                return status;
        }
        reader->appended = at;
    }
    return WF_OK;
}

static wf_status snapshot_chunk_finish(struct snapshot *s, struct snapshot_reader *reader,
                                       wf_error *err)
{
    struct snapshot_table *table = reader->table;
    table->rows += reader->rows;
    buf_clear(&table->after);
    buf_str(&table->after, buf_view(&reader->after));
    table->read = reader->done;
    table->taken++;
    wf_status status = buf_status(&table->after, "place in a snapshot", err);
    if (!status)
        status = snapshot_chunk_add(s, reader, table, err);
    snapshot_reader_take_back(reader);
    return status;
}

/* A chunk that was read: the next one can be, whatever becomes of this one. */
static void snapshot_chunk_look_ahead(struct snapshot_reader *reader)
{
    struct snapshot_table *table = reader->table;
    if (reader->told)
        return;
    reader->told = true;
    table->reading = false;
    table->read_ahead = reader->done;
    buf_clear(&table->ahead);
    buf_str(&table->ahead, buf_view(&reader->after));
}

/* A table that is not there any more has no more rows; any other failure, also of the mark
 * behind rows that were read, is the source's. */
static wf_status snapshot_chunk_failed(struct snapshot *s, struct snapshot_reader *reader,
                                       wf_error *err)
{
    if (reader->error.code != WF_NOT_FOUND || reader->told) {
        if (err)
            *err = reader->error;
        error_prefix(err, "snapshot of '%.*s'", STR_ARG(reader->task.table));
        return reader->error.code;
    }
    log_line(s->deps.flow->owner.logger, LOG_WARN,
             "a table of the snapshot is gone source=%.*s table=%.*s error=%s",
             STR_ARG(s->deps.flow->owner.source_id), STR_ARG(reader->task.table),
             reader->error.text);
    buf_clear(&reader->after);
    reader->rows = 0;
    reader->done = true;
    snapshot_chunk_look_ahead(reader);
    return snapshot_chunk_finish(s, reader, err);
}

/* More rows changed meanwhile than can be noted: the same again, in smaller pieces, and
 * what was read behind it as well. */
static wf_status snapshot_chunk_again(struct snapshot *s, struct snapshot_reader *reader,
                                      wf_error *err)
{
    struct snapshot_table *table = reader->table;
    uint32_t fewer = reader->task.max_rows > 1 ? reader->task.max_rows / 2 : 1;
    for (int i = 0; i < s->reader_count; i++) {
        struct snapshot_reader *other = &s->readers[i];
        if (other != reader && other->table == table &&
            snapshot_reader_state(other) != READER_IDLE)
            other->dropped = true;
    }
    snapshot_chunk_rewind(table);
    snapshot_reader_take_back(reader);
    return snapshot_chunk_give(reader, table, fewer, err);
}

/* Another chunk has begun in the log and waits for room: they go in one after the other,
 * so that no more of them than hold.h promises are delivered in part. */
static bool snapshot_chunk_other_begun(struct snapshot *s,
                                       const struct snapshot_reader *reader)
{
    for (int i = 0; i < s->reader_count; i++) {
        struct snapshot_reader *other = &s->readers[i];
        if (other != reader && other->logged &&
            snapshot_reader_state(other) == READER_READY)
            return true;
    }
    return false;
}

/* *out_moved: a reader became free, or a chunk's turn may have come. */
static wf_status snapshot_chunk_take_one(struct snapshot *s, struct snapshot_reader *reader,
                                         bool *out_moved, wf_error *err)
{
    enum reader_state state = snapshot_reader_state(reader);
    if (reader->dropped && (state == READER_READY || state == READER_FAILED)) {
        snapshot_reader_take_back(reader);
        reader->dropped = false;
        return WF_OK;
    }
    if (!reader->dropped && (state == READER_MARKING || state == READER_READY))
        snapshot_chunk_look_ahead(reader);
    bool turn = !reader->dropped && reader->table && reader->number == reader->table->taken;
    if (state == READER_FAILED && (turn || reader->error.code != WF_NOT_FOUND))
        return snapshot_chunk_failed(s, reader, err);
    if (state != READER_READY || !turn || s->reached < reader->mark)
        return WF_OK;
    if (reader->stale)
        return snapshot_chunk_again(s, reader, err);
    if (snapshot_chunk_other_begun(s, reader))
        return WF_OK;
    wf_status status = snapshot_chunk_append(s, reader, err);
    if (status == CDC_FULL)
        return WF_OK;
    *out_moved = true;
    return status ? status : snapshot_chunk_finish(s, reader, err);
}

wf_status snapshot_chunk_take(struct snapshot *s, wf_error *err)
{
    wf_status status = WF_OK;
    bool moved = true;
    while (moved && !status) {
        moved = false;
        for (int i = 0; !status && i < s->reader_count; i++)
            status = snapshot_chunk_take_one(s, &s->readers[i], &moved, err);
    }
    return status;
}
