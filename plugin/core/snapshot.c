/* SPDX-License-Identifier: MIT
 *
 * snapshot - which tables, and what the stream says meanwhile.  Their chunks are
 * snapshot_chunk's.
 */
#include "plugin/core/snapshot.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/flow.h"
#include "plugin/core/render.h"
#include "plugin/core/snapshot_chunk.h"
#include "plugin/core/store.h"
#include "providers/provider.h"

/* ---- life ---------------------------------------------------------------------------- */

wf_status snapshot_new(struct snapshot **out, wf_error *err)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return error_no_memory(err);
    pthread_mutex_init(&s->lock, NULL);
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
        buf_release(&table->ahead);
        free(table);
    }
}

static struct snapshot_ask *snapshot_first_ask(struct snapshot *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot_ask *ask = s->asks;
    pthread_mutex_unlock(&s->lock);
    return ask;
}

static void snapshot_drop_ask(struct snapshot *s, struct snapshot_ask *first)
{
    pthread_mutex_lock(&s->lock);
    s->asks = first->next;
    atomic_store(&s->asked, s->asks != NULL);
    pthread_mutex_unlock(&s->lock);
    free(first);
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
    for (struct snapshot_ask *ask; (ask = snapshot_first_ask(s)) != NULL;)
        snapshot_drop_ask(s, ask);
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

static wf_status snapshot_queue(struct snapshot *s, uint64_t run, const wf_str *tables,
                                size_t count, wf_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += tables[i].len;
    struct snapshot_ask *ask = malloc(sizeof *ask + count * sizeof *tables + bytes);
    if (!ask)
        return error_no_memory(err);
    ask->next = NULL;
    ask->run = run;
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

wf_status snapshot_request(struct snapshot *s, struct cdc_store *store, wf_str source_id,
                           const struct cdc_list *tables, wf_error *err)
{
    static const wf_str all = {"*", 1};
    const wf_str *items = tables->count ? tables->items : &all;
    size_t count = tables->count ? tables->count : 1;
    uint64_t run = 0;
    wf_status status = WF_OK;
    if (store)
        status = store_snapshot_ask(store, source_id, items, count, &run, err);
    return status ? status : snapshot_queue(s, run, tables->items, tables->count, err);
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
    table->read = table->done = table->read_ahead = from->done;
    table->table_id = catalogue_id(&s->deps.flow->tables, table->name);
    buf_init(&table->after, LIMIT_CONFIG_BYTES);
    buf_str(&table->after, from->after);
    buf_init(&table->ahead, LIMIT_CONFIG_BYTES);
    buf_str(&table->ahead, from->after);
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

static wf_status snapshot_load_ask(void *ctx, uint64_t run, wf_str pattern, wf_error *err)
{
    return snapshot_queue(ctx, run, &pattern, 1, err);
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
    if (!table_is_listed(choice->ask->tables, choice->ask->count, name))
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
    s->next_run = ask->run;
    struct snapshot_choice choice = {s, ask, 0};
    wf_status status =
        provider->snapshot_tables(s->deps.provider_state, &choice, snapshot_choose, err);
    if (!status && !choice.chosen)
        log_line(s->deps.flow->owner.logger, LOG_WARN,
                 "snapshot asked for, but no table matches source=%.*s",
                 STR_ARG(s->deps.flow->owner.source_id));
    return status;
}

static wf_status snapshot_begun(struct snapshot *s, const struct snapshot_ask *ask,
                                wf_error *err)
{
    wf_str source_id = s->deps.flow->owner.source_id;
    wf_status status = WF_OK;
    if (ask->run && !ask->count)
        status = store_snapshot_begun(s->deps.store, source_id, ask->run, STR("*"), err);
    for (size_t i = 0; ask->run && i < ask->count && !status; i++)
        status =
            store_snapshot_begun(s->deps.store, source_id, ask->run, ask->tables[i], err);
    return status;
}

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

/* What cannot be begun was promised, so it is tried again: soon, or after a reconnect. */
static wf_status snapshot_answer(struct snapshot *s, wf_error *err)
{
    for (struct snapshot_ask *ask; (ask = snapshot_first_ask(s)) != NULL;) {
        wf_status status = snapshot_begin(s, ask, err);
        if (!status)
            status = snapshot_begun(s, ask, err);
        if (status)
            return status == CDC_FULL ? WF_OK : status;
        if (s->active)
            snapshot_tell(s);
        snapshot_drop_ask(s, ask);
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
    hold_limit(deps->flow, deps->store ? snapshot_chunk_most_readers(s) : 0);
    if (s->loaded || !deps->store)
        return WF_OK;
    wf_status status = store_snapshot_open_tables(deps->store, deps->flow->owner.source_id,
                                                  s, snapshot_load, err);
    if (!status)
        status = store_snapshot_asks(deps->store, deps->flow->owner.source_id, s,
                                     snapshot_load_ask, err);
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
    for (struct snapshot_table *table = s->tables; table; table = table->next)
        snapshot_chunk_rewind(table);
    s->attached = false;
}

/* ---- what others see ----------------------------------------------------------------- */

void snapshot_report(struct snapshot *s, const struct cdc_snapshot_report *report)
{
    if (!s->reported && !report->running)
        return; /* what is shown is core's own */
    s->reported = report->running;
    struct snapshot_progress now = {
        .running = report->running,
        .tables_done = report->tables_done,
        .tables = report->tables,
        .rows = report->rows,
        .estimated_rows = -1,
    };
    snprintf(now.table, sizeof now.table, "%.*s", STR_ARG(report->table));
    pthread_mutex_lock(&s->lock);
    s->progress = now;
    pthread_mutex_unlock(&s->lock);
}

bool snapshot_reported(const struct snapshot *s)
{
    return s->reported;
}

void snapshot_progress(struct snapshot *s, struct snapshot_progress *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->progress;
    out->running |= s->asks != NULL;
    pthread_mutex_unlock(&s->lock);
}

static bool snapshot_all_done(const struct snapshot *s)
{
    for (const struct snapshot_table *table = s->tables; table; table = table->next)
        if (!table->done)
            return false;
    return true;
}

static void snapshot_take_stored(struct snapshot *s)
{
    for (struct hold_chunk *chunk; (chunk = hold_take(s->deps.flow)) != NULL;) {
        chunk->table->done |= chunk->progress.done;
        free(chunk);
    }
}

wf_status snapshot_step(struct snapshot *s, wf_error *err)
{
    snapshot_take_stored(s);
    wf_status status = snapshot_answer(s, err);
    if (!status)
        status = snapshot_chunk_take(s, err);
    if (!status && s->active)
        status = snapshot_chunk_hand_out(s, err);
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
