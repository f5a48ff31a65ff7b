/* SPDX-License-Identifier: MIT
 *
 * snapshot - which tables, which chunk next, and what of it is still true when the stream
 * has caught up with it.
 */
#include "plugin/core/snapshot.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/flow.h"
#include "plugin/core/render.h"
#include "plugin/core/snapshot_reader.h"
#include "plugin/core/store.h"

#define SNAPSHOT_READERS 4

struct snapshot_table {
    struct snapshot_table *next;
    uint64_t run;
    wf_str name;
    uint32_t table_id;
    struct buf after; /* end of the last chunk that is in the log */
    uint64_t rows;    /* in the log */
    int64_t estimated_rows;
    bool read;    /* the last chunk is in the log */
    bool done;    /* and delivered, and stored */
    bool in_work; /* a reader has a chunk of it */
    char text[];
};

/* A chunk in the log that is not yet delivered to everyone. */
struct snapshot_chunk {
    struct snapshot_chunk *next;
    struct snapshot_table *table;
    uint64_t offset; /* of the log behind it */
    uint64_t rows;   /* of the table, with this chunk */
    bool last;
    size_t after_len;
    char after[];
};

struct snapshot_ask {
    struct snapshot_ask *next;
    size_t count;
    wf_str tables[];
};

struct snapshot {
    pthread_mutex_t lock; /* guards asks and progress */
    struct snapshot_ask *asks;
    struct snapshot_progress progress;
    _Atomic bool asked;

    /* [source] */
    struct snapshot_deps deps;
    bool attached;
    bool loaded; /* the store's open runs are in `tables` */
    bool active;
    struct snapshot_table *tables;
    struct snapshot_chunk *first_chunk, **last_chunk;
    struct snapshot_reader readers[SNAPSHOT_READERS];
    int reader_count;
    uint64_t reached; /* highest mark the stream has passed */
    uint64_t next_run;
    struct buf key;
};

/* ---- life ---------------------------------------------------------------------------- */

wf_status snapshot_new(struct snapshot **out, wf_error *err)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return error_no_memory(err);
    pthread_mutex_init(&s->lock, NULL);
    s->last_chunk = &s->first_chunk;
    buf_init(&s->key, LIMIT_CONFIG_BYTES);
    *out = s;
    return WF_OK;
}

static void snapshot_free_tables(struct snapshot *s)
{
    while (s->tables) {
        struct snapshot_table *table = s->tables;
        s->tables = table->next;
        buf_release(&table->after);
        free(table);
    }
    while (s->first_chunk) {
        struct snapshot_chunk *chunk = s->first_chunk;
        s->first_chunk = chunk->next;
        free(chunk);
    }
    s->last_chunk = &s->first_chunk;
}

static struct snapshot_ask *snapshot_take_ask(struct snapshot *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot_ask *ask = s->asks;
    if (ask)
        s->asks = ask->next;
    atomic_store(&s->asked, s->asks != NULL);
    pthread_mutex_unlock(&s->lock);
    return ask;
}

void snapshot_reset(struct snapshot *s)
{
    snapshot_free_tables(s);
    s->loaded = false;
    s->active = false;
    s->reached = 0;
    s->next_run = 0;
    pthread_mutex_lock(&s->lock);
    s->progress.running = false;
    pthread_mutex_unlock(&s->lock);
    for (struct snapshot_ask *ask; (ask = snapshot_take_ask(s)) != NULL;)
        free(ask);
}

void snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    snapshot_reset(s);
    buf_release(&s->key);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

wf_status snapshot_request(struct snapshot *s, const wf_str *tables, size_t count,
                           wf_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += tables[i].len;
    struct snapshot_ask *ask = malloc(sizeof *ask + count * sizeof *tables + bytes);
    if (!ask)
        return error_no_memory(err);
    ask->next = NULL;
    ask->count = count;
    char *text = (char *)(ask->tables + count);
    for (size_t i = 0; i < count; i++) {
        ask->tables[i] = (wf_str){text, tables[i].len};
        memcpy(text, tables[i].ptr, tables[i].len);
        text += tables[i].len;
    }
    pthread_mutex_lock(&s->lock);
    struct snapshot_ask **end = &s->asks;
    while (*end)
        end = &(*end)->next;
    *end = ask;
    atomic_store(&s->asked, true);
    pthread_mutex_unlock(&s->lock);
    return WF_OK;
}

bool snapshot_active(const struct snapshot *s)
{
    return s->active || atomic_load_explicit(&s->asked, memory_order_relaxed);
}

/* ---- tables of a run ----------------------------------------------------------------- */

static wf_status snapshot_add_table(struct snapshot *s, const struct store_snapshot *from,
                                    wf_error *err)
{
    struct snapshot_table *table = calloc(1, sizeof *table + from->table.len);
    if (!table)
        return error_no_memory(err);
    memcpy(table->text, from->table.ptr, from->table.len);
    table->name = (wf_str){table->text, from->table.len};
    table->run = from->run;
    table->rows = from->rows;
    table->estimated_rows = from->estimated_rows;
    table->read = table->done = from->done;
    table->table_id = catalogue_id(&s->deps.flow->tables, table->name);
    buf_init(&table->after, LIMIT_CONFIG_BYTES);
    buf_str(&table->after, from->after);
    struct snapshot_table **end = &s->tables;
    while (*end)
        end = &(*end)->next;
    *end = table;
    s->active = true;
    return buf_status(&table->after, "place in a snapshot", err);
}

static wf_status snapshot_load(void *ctx, const struct store_snapshot *progress,
                               wf_error *err)
{
    return snapshot_add_table(ctx, progress, err);
}

struct snapshot_choice {
    struct snapshot *snapshot;
    const struct snapshot_ask *ask;
    size_t chosen;
};

static bool snapshot_is_open(const struct snapshot *s, wf_str name)
{
    for (const struct snapshot_table *table = s->tables; table; table = table->next)
        if (!table->done && str_eq(table->name, name))
            return true;
    return false;
}

static wf_status snapshot_choose(void *ctx, wf_str name, int64_t rows, wf_error *err)
{
    struct snapshot_choice *choice = ctx;
    struct snapshot *s = choice->snapshot;
    bool wanted = !choice->ask->count;
    for (size_t i = 0; i < choice->ask->count && !wanted; i++)
        wanted = table_matches(choice->ask->tables[i], name);
    if (!wanted)
        return WF_OK;
    choice->chosen++;
    if (snapshot_is_open(s, name))
        return WF_OK; /* it is being read already */
    struct store_snapshot begin = {
        .run = s->next_run, .table = name, .estimated_rows = rows};
    wf_status status =
        store_snapshot_put(s->deps.store, s->deps.flow->owner.source_id, &begin, err);
    return status ? status : snapshot_add_table(s, &begin, err);
}

static wf_status snapshot_begin(struct snapshot *s, const struct snapshot_ask *ask,
                                wf_error *err)
{
    const struct cdc_provider *provider = s->deps.settings->provider;
    if (provider->snapshot_own)
        return provider->snapshot_own(s->deps.provider_state, ask->tables, ask->count, err);
    wf_status status = store_snapshot_last_run(s->deps.store, s->deps.flow->owner.source_id,
                                               &s->next_run, err);
    s->next_run++;
    struct snapshot_choice choice = {s, ask, 0};
    if (!status)
        status = provider->snapshot_tables(s->deps.provider_state, &choice, snapshot_choose,
                                           err);
    if (!status && !choice.chosen)
        log_line(s->deps.flow->owner.logger, LOG_WARN,
                 "snapshot asked for, but no table matches source=%.*s",
                 STR_ARG(s->deps.flow->owner.source_id));
    return status;
}

/* It was promised, so it is asked again after a reconnect. */
static void snapshot_put_back(struct snapshot *s, struct snapshot_ask *ask)
{
    pthread_mutex_lock(&s->lock);
    ask->next = s->asks;
    s->asks = ask;
    atomic_store(&s->asked, true);
    pthread_mutex_unlock(&s->lock);
}

static wf_status snapshot_answer(struct snapshot *s, wf_error *err)
{
    for (struct snapshot_ask *ask; (ask = snapshot_take_ask(s)) != NULL;) {
        wf_status status = snapshot_begin(s, ask, err);
        if (status) {
            snapshot_put_back(s, ask);
            return status;
        }
        free(ask);
    }
    return WF_OK;
}

/* ---- attaching ----------------------------------------------------------------------- */

wf_status snapshot_attach(struct snapshot *s, const struct snapshot_deps *deps,
                          wf_error *err)
{
    s->deps = *deps;
    s->attached = true;
    s->reached = 0;
    if (s->loaded || !deps->store)
        return WF_OK;
    wf_status status = store_snapshot_open_tables(deps->store, deps->flow->owner.source_id,
                                                  s, snapshot_load, err);
    if (status) {
        snapshot_free_tables(s);
        s->active = false;
    }
    s->loaded = !status;
    return status;
}

static void snapshot_end_readers(struct snapshot *s)
{
    for (int i = 0; i < s->reader_count; i++)
        snapshot_reader_release(&s->readers[i]);
    s->reader_count = 0;
}

void snapshot_detach(struct snapshot *s)
{
    if (!s->attached)
        return;
    snapshot_end_readers(s);
    /* What was read but is not in the log is read again. */
    for (struct snapshot_table *table = s->tables; table; table = table->next)
        table->in_work = false;
    s->attached = false;
}

/* ---- handing out --------------------------------------------------------------------- */

static struct snapshot_table *snapshot_next_table(struct snapshot *s)
{
    struct snapshot_table *table = s->tables;
    while (table && (table->read || table->in_work))
        table = table->next;
    return table;
}

static void snapshot_give(struct snapshot_reader *reader, struct snapshot_table *table,
                          uint32_t max_rows)
{
    struct reader_task task = {
        .table = table->name,
        .after = buf_view(&table->after),
        .run = table->run,
        .max_rows = max_rows,
    };
    table->in_work = true;
    reader->table = table;
    reader->table_id = table->table_id;
    snapshot_reader_assign(reader, &task);
}

/* A reader that is free; a new one while fewer run than may. */
static wf_status snapshot_free_reader(struct snapshot *s, struct snapshot_reader **out,
                                      wf_error *err)
{
    *out = NULL;
    for (int i = 0; i < s->reader_count; i++)
        if (snapshot_reader_state(&s->readers[i]) == READER_IDLE)
            *out = &s->readers[i];
    int most = s->deps.settings->provider->snapshot->max_readers;
    if (*out || s->reader_count >= most || s->reader_count >= SNAPSHOT_READERS)
        return WF_OK;
    struct snapshot_reader *reader = &s->readers[s->reader_count];
    wf_status status = snapshot_reader_init(reader, &s->deps, &s->deps.flow->origin, err);
    if (status)
        return status;
    s->reader_count++;
    *out = reader;
    return WF_OK;
}

static wf_status snapshot_hand_out(struct snapshot *s, wf_error *err)
{
    uint32_t max_rows = (uint32_t)s->deps.settings->core.snapshot_chunk_rows;
    for (struct snapshot_table *table; (table = snapshot_next_table(s)) != NULL;) {
        struct snapshot_reader *reader;
        wf_status status = snapshot_free_reader(s, &reader, err);
        if (status || !reader)
            return status;
        snapshot_give(reader, table, max_rows);
    }
    return WF_OK;
}

/* ---- taking back --------------------------------------------------------------------- */

static wf_status snapshot_add_chunk(struct snapshot *s, struct snapshot_reader *reader,
                                    struct snapshot_table *table, wf_error *err)
{
    struct snapshot_chunk *chunk = malloc(sizeof *chunk + reader->after.len);
    if (!chunk)
        return error_no_memory(err);
    *chunk = (struct snapshot_chunk){.table = table,
                                     .offset = ring_head(&s->deps.flow->ring),
                                     .rows = table->rows,
                                     .last = reader->done,
                                     .after_len = reader->after.len};
    memcpy(chunk->after, reader->after.data ? reader->after.data : "", reader->after.len);
    *s->last_chunk = chunk;
    s->last_chunk = &chunk->next;
    return WF_OK;
}

/* Appends what is left of the chunk; CDC_FULL: goes on another time. */
static wf_status snapshot_append(struct snapshot *s, struct snapshot_reader *reader,
                                 wf_error *err)
{
    wf_str event, key;
    bool oversize;
    size_t at = reader->appended;
    while (snapshot_reader_row(reader, &at, &event, &key, &oversize)) {
        if (!reader->empty && !keyset_has(&reader->changed, key)) {
            struct ring_meta meta = {.table_id = reader->table_id, .op = CDC_READ};
            if (oversize)
                meta.flags = RING_DEAD | RING_OVERSIZE;
            wf_status status = flow_append(s->deps.flow, event, key, meta, err);
            if (status)
                return status;
        }
        reader->appended = at;
    }
    return WF_OK;
}

static wf_status snapshot_finish_chunk(struct snapshot *s, struct snapshot_reader *reader,
                                       wf_error *err)
{
    struct snapshot_table *table = reader->table;
    table->rows += reader->rows;
    buf_clear(&table->after);
    buf_str(&table->after, buf_view(&reader->after));
    table->read = reader->done;
    table->in_work = false;
    wf_status status = buf_status(&table->after, "place in a snapshot", err);
    if (!status)
        status = snapshot_add_chunk(s, reader, table, err);
    snapshot_reader_take_back(reader);
    return status;
}

/* A table that is not there any more has no more rows; any other failure is the
 * source's. */
static wf_status snapshot_failed(struct snapshot *s, struct snapshot_reader *reader,
                                 wf_error *err)
{
    if (reader->error.code != WF_NOT_FOUND) {
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
    return snapshot_finish_chunk(s, reader, err);
}

static wf_status snapshot_take(struct snapshot *s, struct snapshot_reader *reader,
                               wf_error *err)
{
    enum reader_state state = snapshot_reader_state(reader);
    if (state == READER_FAILED)
        return snapshot_failed(s, reader, err);
    if (state != READER_READY || s->reached < reader->mark)
        return WF_OK;
    if (reader->stale) {
        /* More rows changed meanwhile than can be noted: the same again, in smaller
         * pieces. */
        uint32_t fewer = reader->task.max_rows > 1 ? reader->task.max_rows / 2 : 1;
        snapshot_reader_take_back(reader);
        snapshot_give(reader, reader->table, fewer);
        return WF_OK;
    }
    wf_status status = snapshot_append(s, reader, err);
    if (status == CDC_FULL)
        return WF_OK;
    return status ? status : snapshot_finish_chunk(s, reader, err);
}

/* ---- what others see ----------------------------------------------------------------- */

static void snapshot_tell(struct snapshot *s)
{
    struct snapshot_progress now = {.running = s->active};
    for (const struct snapshot_table *table = s->tables; table; table = table->next) {
        now.tables++;
        now.tables_done += table->done;
        now.rows += table->rows;
        if (table->estimated_rows < 0 || now.estimated_rows < 0)
            now.estimated_rows = -1;
        else
            now.estimated_rows += table->estimated_rows;
        if (!table->done && !now.table[0])
            snprintf(now.table, sizeof now.table, "%.*s", STR_ARG(table->name));
    }
    pthread_mutex_lock(&s->lock);
    s->progress = now;
    pthread_mutex_unlock(&s->lock);
}

void snapshot_progress(struct snapshot *s, struct snapshot_progress *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->progress;
    pthread_mutex_unlock(&s->lock);
}

static bool snapshot_all_done(const struct snapshot *s)
{
    for (const struct snapshot_table *table = s->tables; table; table = table->next)
        if (!table->done)
            return false;
    return true;
}

wf_status snapshot_step(struct snapshot *s, wf_error *err)
{
    wf_status status = snapshot_answer(s, err);
    for (int i = 0; !status && i < s->reader_count; i++)
        status = snapshot_take(s, &s->readers[i], err);
    if (!status && s->active)
        status = snapshot_hand_out(s, err);
    if (!status && s->active && snapshot_all_done(s)) {
        log_line(s->deps.flow->owner.logger, LOG_INFO, "snapshot is complete source=%.*s",
                 STR_ARG(s->deps.flow->owner.source_id));
        snapshot_end_readers(s);
        s->active = false;
        snapshot_tell(s);
        snapshot_free_tables(s);
    } else if (s->active) {
        snapshot_tell(s);
    }
    return status;
}

/* ---- the stream goes by -------------------------------------------------------------- */

static void snapshot_changed(struct snapshot_reader *reader, wf_str key)
{
    if (key.len && !keyset_add(&reader->changed, key))
        reader->stale = true;
}

/* The key of a row as the reader's rows have it: the identity, else the rendered key. */
static void snapshot_changed_row(struct snapshot *s, struct snapshot_reader *reader,
                                 const struct cdc_change *change,
                                 const struct cdc_value *row)
{
    buf_clear(&s->key);
    if (!row || !render_key(&s->key, change->table, row))
        return;
    if (s->key.broken)
        reader->stale = true;
    else
        snapshot_changed(reader, buf_view(&s->key));
}

void snapshot_note(struct snapshot *s, const struct cdc_change *change)
{
    if (!change->table || !s->reader_count)
        return;
    for (int i = 0; i < s->reader_count; i++) {
        struct snapshot_reader *reader = &s->readers[i];
        if (snapshot_reader_state(reader) == READER_IDLE ||
            !str_eq(reader->task.table, change->table->name))
            continue;
        if (change->op == CDC_TRUNCATE)
            reader->empty = true;
        snapshot_changed(reader, change->identity);
        snapshot_changed(reader, change->old_identity);
        if (!change->identity.len) {
            snapshot_changed_row(s, reader, change, change->before);
            snapshot_changed_row(s, reader, change, change->after);
        }
    }
}

void snapshot_mark_reached(struct snapshot *s, uint64_t mark)
{
    s->reached = mark > s->reached ? mark : s->reached;
}

wf_status snapshot_passed(struct snapshot *s, uint64_t offset, wf_error *err)
{
    while (s->first_chunk && s->first_chunk->offset <= offset) {
        struct snapshot_chunk *chunk = s->first_chunk;
        struct snapshot_table *table = chunk->table;
        struct store_snapshot progress = {
            .run = table->run,
            .table = table->name,
            .after = {chunk->after, chunk->after_len},
            .rows = chunk->rows,
            .estimated_rows = table->estimated_rows,
            .done = chunk->last,
        };
        wf_status status = store_snapshot_put(s->deps.store, s->deps.flow->owner.source_id,
                                              &progress, err);
        if (status)
            return status;
        table->done = chunk->last;
        s->first_chunk = chunk->next;
        if (!s->first_chunk)
            s->last_chunk = &s->first_chunk;
        free(chunk);
    }
    return WF_OK;
}
