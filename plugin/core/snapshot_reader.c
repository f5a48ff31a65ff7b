/* SPDX-License-Identifier: MIT
 *
 * snapshot_reader - opens its connection when the first chunk is wanted, then chunk after
 * chunk: read, render, mark.
 */
#include "plugin/core/snapshot_reader.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/render.h"

#define READER_CHUNK_BYTES                                                                 \
    (8u * 1024u * 1024u) /* a chunk ends when it is larger than this */
#define READER_KEYS_BYTES (4u * 1024u * 1024u)

static const struct cdc_snapshot_reader *snapshot_reader_ops(
    const struct snapshot_reader *r)
{
    return r->deps.settings->provider->snapshot;
}

/* ---- one row ------------------------------------------------------------------------- */

/* "sqlite:s1:main.orders:42": the same for the same row whenever this run reads it. */
static void snapshot_reader_id(struct snapshot_reader *r, const struct cdc_table *table,
                               const struct cdc_value *values, wf_str identity)
{
    buf_clear(&r->id);
    buf_cstr(&r->id, r->deps.settings->provider->name);
    buf_lit(&r->id, ":s");
    buf_u64(&r->id, r->task.run);
    buf_byte(&r->id, ':');
    buf_str(&r->id, table->name);
    if (identity.len) {
        /* No key, or one that may be NULL and then tells nothing. */
        buf_byte(&r->id, ':');
        buf_base64(&r->id, identity.ptr, identity.len);
        return;
    }
    for (size_t i = 0; i < table->key_count; i++) {
        const struct cdc_value *value = &values[table->keys[i]];
        buf_byte(&r->id, i ? ',' : ':');
        /* "a,b" and "c" are not "a" and "b,c". */
        bool torn =
            table->key_count > 1 && value->kind == CDC_VALUE_TEXT &&
            (str_find(value->text, STR(",")) >= 0 || str_find(value->text, STR("\"")) >= 0);
        if (value->kind == CDC_VALUE_TEXT && !torn)
            buf_str(&r->id, value->text);
        else
            render_value(&r->id, value);
    }
}

/* The event, or when it is too large its envelope. */
static void snapshot_reader_render(struct snapshot_reader *r,
                                   const struct cdc_change *change, struct reader_row *row)
{
    struct buf *chunk = &r->chunk;
    size_t begin = chunk->len;
    size_t most = (size_t)r->deps.settings->core.max_event_bytes;
    wf_str key;
    render_event(chunk, r->origin, change, &key);
    if (chunk->broken == WF_CONFIG || (!chunk->broken && chunk->len - begin > most)) {
        chunk->broken = WF_OK;
        chunk->len = begin;
        row->oversize = true;
        render_oversize(chunk, r->origin, change);
    }
    row->event_len = (uint32_t)(chunk->len - begin);
}

static wf_status snapshot_reader_put(void *ctx, struct cdc_table *table,
                                     const struct cdc_value *values, wf_str identity,
                                     wf_error *err)
{
    struct snapshot_reader *r = ctx;
    snapshot_reader_id(r, table, values, identity);
    wf_status status = buf_status(&r->id, "id of a snapshot row", err);
    if (status)
        return status;
    struct cdc_change change = {
        .op = CDC_READ,
        .table = table,
        .id = buf_view(&r->id),
        .ts_us = clock_wall_us(),
        .after = values,
        .identity = identity,
    };
    size_t at = r->chunk.len;
    struct reader_row row = {0, 0, false};
    buf_append(&r->chunk, &row, sizeof row);
    snapshot_reader_render(r, &change, &row);
    size_t key_at = r->chunk.len;
    if (identity.len)
        buf_str(&r->chunk, identity);
    else
        render_key(&r->chunk, table, values);
    row.key_len = (uint32_t)(r->chunk.len - key_at);
    status = buf_status(&r->chunk, "chunk of a snapshot", err);
    if (status)
        return status;
    memcpy(r->chunk.data + at, &row, sizeof row);
    r->rows++;
    return r->chunk.len > READER_CHUNK_BYTES ? CDC_FULL : WF_OK;
}

bool snapshot_reader_row(const struct snapshot_reader *r, size_t *at, wf_str *out_event,
                         wf_str *out_key, bool *out_oversize)
{
    struct reader_row row;
    if (*at + sizeof row > r->chunk.len)
        return false;
    const char *text = r->chunk.data + *at;
    memcpy(&row, text, sizeof row);
    text += sizeof row;
    *out_event = (wf_str){text, row.event_len};
    *out_key = (wf_str){text + row.event_len, row.key_len};
    *out_oversize = row.oversize;
    *at += sizeof row + row.event_len + row.key_len;
    return true;
}

/* ---- one chunk ----------------------------------------------------------------------- */

static wf_status snapshot_reader_connect(struct snapshot_reader *r, wf_error *err)
{
    if (r->connection)
        return WF_OK;
    void *connection = calloc(1, snapshot_reader_ops(r)->size + 1);
    if (!connection)
        return error_no_memory(err);
    wf_status status = snapshot_reader_ops(r)->open(connection, r->deps.provider_state,
                                                    r->deps.settings, err);
    if (status) {
        snapshot_reader_ops(r)->close(connection);
        free(connection);
        return status;
    }
    pthread_mutex_lock(&r->connection_lock);
    r->connection = connection;
    pthread_mutex_unlock(&r->connection_lock);
    return WF_OK;
}

/* After it an interrupt finds the connection; before it only this tells. */
static wf_status snapshot_reader_goes_on(struct snapshot_reader *r, wf_error *err)
{
    pthread_mutex_lock(&r->lock);
    bool ending = r->ending;
    pthread_mutex_unlock(&r->lock);
    return ending ? error_set(err, WF_CANCELLED, "the snapshot was interrupted") : WF_OK;
}

static wf_status snapshot_reader_read(struct snapshot_reader *r, wf_error *err)
{
    buf_clear(&r->chunk);
    buf_clear(&r->after);
    r->rows = 0;
    r->done = false;
    wf_status status = snapshot_reader_connect(r, err);
    if (!status)
        status = snapshot_reader_goes_on(r, err);
    if (status)
        return status;
    struct cdc_chunk_request request = {
        .table = r->task.table,
        .where = r->task.where,
        .after = r->task.after,
        .max_rows = r->task.max_rows,
        .ctx = r,
        .row = snapshot_reader_put,
    };
    struct cdc_chunk_result result = {&r->after, false};
    status = snapshot_reader_ops(r)->read_chunk(r->connection, &request, &result, err);
    r->done = result.done;
    if (status == CDC_FULL) /* it is for the provider, and it ends there */
        return error_set(err, WF_PROTOCOL, "a full chunk was not ended");
    return status ? status : buf_status(&r->after, "place in a snapshot", err);
}

static void snapshot_reader_become(struct snapshot_reader *r, enum reader_state state)
{
    pthread_mutex_lock(&r->lock);
    r->state = state;
    pthread_mutex_unlock(&r->lock);
    r->deps.wake(r->deps.ctx);
}

/* Another reader can read the next chunk while this one's mark is on its way. */
static void snapshot_reader_do(struct snapshot_reader *r)
{
    wf_status status = snapshot_reader_read(r, &r->error);
    if (!status) {
        snapshot_reader_become(r, READER_MARKING);
        status = snapshot_reader_ops(r)->mark(r->connection, &r->mark, &r->error);
    }
    r->error.code = status;
    snapshot_reader_become(r, status ? READER_FAILED : READER_READY);
}

static void *snapshot_reader_main(void *arg)
{
    struct snapshot_reader *r = arg;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (r->state != READER_READING && !r->ending)
            pthread_cond_wait(&r->work, &r->lock);
        if (r->ending)
            break;
        pthread_mutex_unlock(&r->lock);
        snapshot_reader_do(r);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------- */

wf_status snapshot_reader_init(struct snapshot_reader *r, const struct snapshot_deps *deps,
                               const struct render_origin *origin, wf_error *err)
{
    *r = (struct snapshot_reader){.deps = *deps, .origin = origin};
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->connection_lock, NULL);
    thread_cond_init(&r->work);
    size_t largest = (size_t)deps->settings->core.max_event_bytes;
    buf_init(&r->chunk, READER_CHUNK_BYTES + 2 * largest);
    buf_init(&r->after, LIMIT_CONFIG_BYTES);
    buf_init(&r->id, LIMIT_CONFIG_BYTES);
    buf_init(&r->from, LIMIT_CONFIG_BYTES);
    keyset_init(&r->changed, READER_KEYS_BYTES);
    wf_status status =
        thread_start(&r->thread, "cdc-snapshot", snapshot_reader_main, r, err);
    r->has_thread = !status;
    return status;
}

void snapshot_reader_release(struct snapshot_reader *r)
{
    if (!r->has_thread)
        return;
    pthread_mutex_lock(&r->lock);
    r->ending = true;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&r->connection_lock);
    if (r->connection)
        snapshot_reader_ops(r)->interrupt(r->connection);
    pthread_mutex_unlock(&r->connection_lock);
    pthread_join(r->thread, NULL);
    if (r->connection) {
        snapshot_reader_ops(r)->close(r->connection);
        free(r->connection);
    }
    buf_release(&r->chunk);
    buf_release(&r->after);
    buf_release(&r->id);
    buf_release(&r->from);
    keyset_release(&r->changed);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->connection_lock);
    *r = (struct snapshot_reader){.has_thread = false};
}

enum reader_state snapshot_reader_state(struct snapshot_reader *r)
{
    pthread_mutex_lock(&r->lock);
    enum reader_state state = r->state;
    pthread_mutex_unlock(&r->lock);
    return state;
}

void snapshot_reader_assign(struct snapshot_reader *r, const struct reader_task *task)
{
    keyset_clear(&r->changed);
    r->stale = false;
    r->empty = false;
    r->told = false;
    r->dropped = false;
    r->appended = 0;
    r->logged = false;
    r->task = *task;
    pthread_mutex_lock(&r->lock);
    r->state = READER_READING;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
}

void snapshot_reader_take_back(struct snapshot_reader *r)
{
    pthread_mutex_lock(&r->lock);
    r->state = READER_IDLE;
    pthread_mutex_unlock(&r->lock);
}
