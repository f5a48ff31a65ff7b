/* SPDX-License-Identifier: MIT
 *
 * script_provider - a provider that reads what tests/support/script_far.c has.
 */
#include "tests/support/script_provider.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/script_far.h"

struct script_state {
    const struct cdc_emitter *out;
    const struct cdc_settings *settings;
    const _Atomic bool *cancelled;
    uint64_t at;
    bool interrupted;
    struct cdc_table *tables[SCRIPT_TABLES_MOST];
};

struct script_reader {
    bool open;
    struct cdc_table *tables[SCRIPT_TABLES_MOST];
};

/* ---- the provider -------------------------------------------------------------------- */

/* NULL: no memory. */
static struct cdc_table *script_shape(struct cdc_table **tables, size_t index,
                                      wf_error *err)
{
    static const struct cdc_column columns[SCRIPT_COLUMNS] = {
        {{"id", 2}, true}, {{"v", 1}, false}, {{"pad", 3}, false}};
    if (!tables[index])
        table_new(str_from(script_far.tables[index].name), columns, SCRIPT_COLUMNS, NULL, 0,
                  &tables[index], err);
    return tables[index];
}

static void script_values(const struct script_row *row, struct cdc_value *values)
{
    values[0] = (struct cdc_value){.kind = CDC_VALUE_INT, .integer = row->id};
    values[1] = (struct cdc_value){.kind = CDC_VALUE_INT, .integer = row->value};
    values[2] =
        (struct cdc_value){.kind = CDC_VALUE_TEXT, .text = {script_far.padding, row->pad}};
    if (!row->pad)
        values[2].kind = CDC_VALUE_NULL;
}

static void script_give(struct script_state *s, uint64_t position)
{
    char token[SCRIPT_ID_BYTES];
    int len = snprintf(token, sizeof token, "%llu", (unsigned long long)position);
    s->out->commit(s->out->ctx, (wf_str){token, (size_t)len});
}

static wf_status script_open(void *state, const struct cdc_open *with, wf_error *err)
{
    struct script_state *s = state;
    wf_status status = script_far_enter(SCRIPT_OPEN, with->cancelled, err);
    if (status)
        return status;
    s->out = with->out;
    s->settings = with->settings;
    s->cancelled = with->cancelled;
    s->at = script_length();
    if (with->from.len)
        SCRIPT_MUST(str_to_u64(with->from, &s->at));
    script_far_lock();
    script_far.opened_at = s->at;
    script_far.installed = true;
    script_far_unlock();
    buf_lit(with->out_identity, "script");
    if (!with->from.len)
        script_give(s, s->at);
    return WF_OK;
}

static wf_status script_emit(struct script_state *s, const struct script_entry *entry,
                             wf_error *err)
{
    char id[SCRIPT_ID_BYTES];
    struct cdc_value before[SCRIPT_COLUMNS];
    struct cdc_value after[SCRIPT_COLUMNS];
    script_values(&entry->before, before);
    script_values(&entry->after, after);
    int len = snprintf(id, sizeof id, "s:%llu", (unsigned long long)s->at);
    struct cdc_change change = {
        .op = entry->op,
        .table = script_shape(s->tables, entry->table, err),
        .id = {id, (size_t)len},
        .position = {id + 2, (size_t)len - 2},
        .ts_us = CDC_NO_TIME,
        .lane = entry->lane,
    };
    if (!change.table)
        return WF_NO_MEMORY;
    if (entry->op == CDC_UPDATE || entry->op == CDC_DELETE)
        change.before = before;
    if (entry->op == CDC_UPDATE || entry->op == CDC_INSERT)
        change.after = after;
    if (entry->op == CDC_OP_NONE)
        change.table = NULL;
    if (entry->kind == SCRIPT_BAD) {
        change.poison = STR("not to be understood");
        change.content = STR("\x01\x02 bytes");
        change.after = NULL;
    }
    return s->out->emit(s->out->ctx, &change, err);
}

/* Waits for an entry; false when there is none. */
static bool script_next(struct script_state *s, int timeout_ms, bool may_read,
                        struct script_entry *out)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    script_far_lock();
    while (!(may_read && s->at < script_far.count) && !s->interrupted &&
           !script_far.retracted && !script_far.report_due &&
           thread_cond_wait_until(&script_far.changed, &script_far.lock, deadline))
        ;
    bool found = may_read && s->at < script_far.count;
    if (found)
        *out = script_far.entries[s->at];
    else
        s->interrupted = false;
    pthread_mutex_unlock(&script_far.lock);
    return found;
}

/* What does not wait for its turn in the log. */
static void script_news(struct script_state *s)
{
    script_far_lock();
    uint32_t lane = script_far.retracted;
    bool report_due = script_far.report_due;
    struct cdc_snapshot_report report = script_far.report;
    script_far.retracted = 0;
    script_far.report_due = false;
    script_far_unlock();
    if (report_due)
        s->out->snapshot_report(s->out->ctx, &report);
    if (!lane)
        return;
    s->out->retract(s->out->ctx, lane);
    script_give(s, s->at);
    script_far_enter(SCRIPT_RETRACT, NULL, NULL);
}

static wf_status script_poll(void *state, struct cdc_budget budget, wf_error *err)
{
    struct script_state *s = state;
    script_news(s);
    script_far_lock();
    void (*hook)(int) = script_far.on_poll;
    script_far_unlock();
    if (hook)
        hook(budget.timeout_ms);
    wf_status status =
        script_far_enter(budget.max_changes ? SCRIPT_POLL : SCRIPT_IDLE, NULL, err);
    struct script_entry entry;
    uint32_t left = budget.max_changes;
    int timeout_ms = budget.timeout_ms;
    while (!status && script_next(s, timeout_ms, left > 0, &entry)) {
        if (entry.kind == SCRIPT_COMMIT) {
            script_give(s, s->at + 1);
        } else {
            status = script_emit(s, &entry, err);
            left--;
        }
        if (!status)
            s->at++;
        timeout_ms = 0;
        if (!left)
            break;
    }
    if (budget.max_changes)
        s->out->mark_reached(s->out->ctx, s->at);
    return status == CDC_FULL ? WF_OK : status;
}

static wf_status script_confirm(void *state, wf_str position, wf_error *err)
{
    (void)state;
    uint64_t at;
    SCRIPT_MUST(str_to_u64(position, &at));
    wf_status status = script_far_enter(SCRIPT_CONFIRM, NULL, err);
    if (status)
        return status;
    script_far_lock();
    void (*hook)(uint64_t) = script_far.on_confirm;
    SCRIPT_MUST(at >= script_far.confirmed);
    script_far_unlock();
    if (hook)
        hook(at);
    script_far_lock();
    script_far.confirmed = at;
    script_far_unlock();
    return WF_OK;
}

static void script_interrupt(void *state)
{
    struct script_state *s = state;
    script_far_lock();
    s->interrupted = true;
    script_far_unlock();
}

static void script_close(void *state)
{
    struct script_state *s = state;
    for (size_t i = 0; i < SCRIPT_TABLES_MOST; i++)
        table_free(s->tables[i]);
    script_far_enter(SCRIPT_CLOSE, NULL, NULL);
}

static wf_status script_lag(void *state, struct cdc_lag *out, wf_error *err)
{
    (void)state;
    wf_status status = script_far_enter(SCRIPT_LAG, NULL, err);
    if (!status)
        *out = (struct cdc_lag){(int64_t)(script_length() - script_confirmed()), 0, -1};
    return status;
}

static wf_status script_pause(void *state, bool paused, wf_error *err)
{
    (void)state;
    wf_status status = script_far_enter(SCRIPT_PAUSE, NULL, err);
    script_far_lock();
    if (!status)
        script_far.paused = paused;
    script_far_unlock();
    return status;
}

static wf_status script_leave(void *state, struct buf *out_lines, wf_error *err)
{
    const struct script_state *s = state;
    buf_lit(out_lines, "the script's slot stays\n");
    return script_far_enter(SCRIPT_LEAVE, s->cancelled, err);
}

static wf_status script_cleanup(void *state, struct buf *out_removed, wf_error *err)
{
    (void)state;
    wf_status status = script_far_enter(SCRIPT_CLEANUP, NULL, err);
    script_far_lock();
    if (!status && script_far.installed)
        buf_lit(out_removed, "the script's slot\n");
    if (!status)
        script_far.installed = false;
    script_far_unlock();
    return status;
}

/* ---- snapshots ----------------------------------------------------------------------- */

static wf_status script_list_tables(void *state, void *ctx,
                                    wf_status (*row)(void *ctx, wf_str table, int64_t rows,
                                                     wf_error *err),
                                    wf_error *err)
{
    (void)state;
    wf_status status = script_far_enter(SCRIPT_TABLES, NULL, err);
    script_far_lock();
    size_t count = script_far.table_count;
    int64_t rows[SCRIPT_TABLES_MOST];
    for (size_t i = 0; i < count; i++)
        rows[i] = (int64_t)script_far.tables[i].count;
    script_far_unlock();
    for (size_t i = 0; i < count && !status; i++)
        status = row(ctx, str_from(script_far.tables[i].name), rows[i], err);
    return status;
}

static wf_status script_reader_open(void *reader, void *state,
                                    const struct cdc_settings *settings, wf_error *err)
{
    (void)state;
    (void)settings;
    struct script_reader *r = reader;
    r->open = true;
    return script_far_enter(SCRIPT_READER, NULL, err);
}

static wf_status script_reader_mark(void *reader, uint64_t *out_mark, wf_error *err)
{
    (void)reader;
    wf_status status = script_far_enter(SCRIPT_MARK, NULL, err);
    if (!status)
        *out_mark = script_length();
    return status;
}

/* The rows of a chunk as they are now; gives (free); NULL: no memory. */
static struct script_row *script_read(size_t index, int64_t after, uint32_t most,
                                      size_t *out_count)
{
    script_far_lock();
    const struct script_table *table = &script_far.tables[index];
    struct script_row *rows = calloc((size_t)most + 1, sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; rows && i < table->count && count < most; i++)
        if (table->rows[i].id > after)
            rows[count++] = table->rows[i];
    script_far_unlock();
    *out_count = count;
    return rows;
}

static wf_status script_reader_rows(struct script_reader *r,
                                    const struct cdc_chunk_request *request, size_t index,
                                    struct cdc_chunk_result *out, wf_error *err)
{
    int64_t after = INT64_MIN;
    size_t count;
    if (request->after.len)
        SCRIPT_MUST(str_to_i64(request->after, &after));
    struct script_row *rows = script_read(index, after, request->max_rows, &count);
    struct cdc_table *table = script_shape(r->tables, index, err);
    if (!rows || !table) {
        free(rows);
        return error_no_memory(err);
    }
    wf_status status = WF_OK;
    wf_status fault = script_far_enter(SCRIPT_CHUNK, NULL, err);
    size_t given = 0;
    while (!status && given < (fault ? count / 2 : count)) {
        struct cdc_value values[SCRIPT_COLUMNS];
        script_values(&rows[given], values);
        status = request->row(request->ctx, table, values, STR_EMPTY, err);
        given++;
    }
    if (status == CDC_FULL)
        status = WF_OK;
    if (!status)
        status = fault;
    out->done = given < request->max_rows && given == count;
    if (given)
        buf_i64(out->after, rows[given - 1].id);
    else
        buf_str(out->after, request->after);
    free(rows);
    script_far_lock();
    void (*hook)(const char *, int64_t) = script_far.on_chunk;
    script_far_unlock();
    if (!status && hook)
        hook(script_far.tables[index].name, after);
    return status;
}

static wf_status script_reader_chunk(void *reader, const struct cdc_chunk_request *request,
                                     struct cdc_chunk_result *out, wf_error *err)
{
    struct script_reader *r = reader;
    script_far_lock();
    size_t index = 0;
    while (index < script_far.table_count &&
           !str_is(request->table, script_far.tables[index].name))
        index++;
    bool gone = index == script_far.table_count || script_far.tables[index].gone;
    script_far_unlock();
    return gone ? error_set(err, WF_NOT_FOUND, "no table '%.*s'", STR_ARG(request->table))
                : script_reader_rows(r, request, index, out, err);
}

static void script_reader_interrupt(void *reader)
{
    struct script_reader *r = reader;
    SCRIPT_MUST(r->open);
    script_release(SCRIPT_CHUNK);
    script_release(SCRIPT_MARK);
}

static void script_reader_close(void *reader)
{
    struct script_reader *r = reader;
    for (size_t i = 0; i < SCRIPT_TABLES_MOST; i++)
        table_free(r->tables[i]);
}

static const struct cdc_snapshot_reader script_snapshot = {
    .size = sizeof(struct script_reader),
    .max_readers = 2,
    .open = script_reader_open,
    .mark = script_reader_mark,
    .read_chunk = script_reader_chunk,
    .interrupt = script_reader_interrupt,
    .close = script_reader_close,
};

static const struct cdc_option script_options[] = {{.key = NULL}};

const struct cdc_provider script_provider = {
    .name = "script",
    .summary = "What the test says",
    .options = script_options,
    .state_size = sizeof(struct script_state),
    .open = script_open,
    .poll = script_poll,
    .confirm = script_confirm,
    .interrupt = script_interrupt,
    .close = script_close,
    .pause = script_pause,
    .lag = script_lag,
    .leave = script_leave,
    .cleanup = script_cleanup,
    .snapshot_tables = script_list_tables,
    .snapshot = &script_snapshot,
};
