/* SPDX-License-Identifier: MIT
 *
 * script_provider - one lock over the whole far side; nothing of core is called while it is held.
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

#define SCRIPT_TABLES_MOST 4
#define SCRIPT_PATIENCE_MS 10000
#define SCRIPT_COLUMNS 3
#define SCRIPT_ID_BYTES 32
#define SCRIPT_PAD_MOST (4u * 1024u * 1024u)

enum script_kind { SCRIPT_CHANGE, SCRIPT_COMMIT, SCRIPT_BAD };

struct script_row {
    int64_t id;
    int64_t value;
    size_t pad;
};

struct script_entry {
    enum script_kind kind;
    enum cdc_op op;
    size_t table;
    struct script_row before;
    struct script_row after;
};

struct script_table {
    char name[64];
    struct script_row *rows; /* by id */
    size_t count;
    bool gone;
};

struct script_state {
    const struct cdc_emitter *out;
    const struct cdc_settings *settings;
    uint64_t at;
    bool interrupted;
    struct cdc_table *tables[SCRIPT_TABLES_MOST];
};

struct script_reader {
    bool open;
    struct cdc_table *tables[SCRIPT_TABLES_MOST];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct script_entry *entries;
    size_t count, cap;
    struct script_table tables[SCRIPT_TABLES_MOST];
    size_t table_count;
    size_t pad;
    char *padding;
    bool installed;
    struct {
        int times;
        wf_status code;
        const char *text;
        bool blocked;
        uint64_t count;
    } calls[SCRIPT_CALLS];
    uint64_t confirmed;
    uint64_t opened_at;
    void (*on_confirm)(uint64_t position);
    void (*on_chunk)(const char *table, int64_t after);
} script;

static void script_lock(void)
{
    pthread_mutex_lock(&script.lock);
}

static void script_unlock(void)
{
    pthread_cond_broadcast(&script.changed);
    pthread_mutex_unlock(&script.lock);
}

void script_setup(void)
{
    memset(&script, 0, sizeof script);
    pthread_mutex_init(&script.lock, NULL);
    thread_cond_init(&script.changed);
    script.padding = malloc(SCRIPT_PAD_MOST);
    SCRIPT_MUST(script.padding);
    memset(script.padding, 'x', SCRIPT_PAD_MOST);
}

void script_teardown(void)
{
    for (size_t i = 0; i < script.table_count; i++)
        free(script.tables[i].rows);
    free(script.entries);
    free(script.padding);
    pthread_cond_destroy(&script.changed);
    pthread_mutex_destroy(&script.lock);
}

/* ---- what happens there ------------------------------------------------------------------------ */

static struct script_table *script_table(const char *name)
{
    for (size_t i = 0; i < script.table_count; i++)
        if (str_is(str_from(name), script.tables[i].name))
            return &script.tables[i];
    SCRIPT_MUST(script.table_count < SCRIPT_TABLES_MOST);
    struct script_table *table = &script.tables[script.table_count++];
    snprintf(table->name, sizeof table->name, "%s", name);
    return table;
}

static struct script_row *script_find(struct script_table *table, int64_t id)
{
    size_t at = 0;
    while (at < table->count && table->rows[at].id < id)
        at++;
    return &table->rows[at];
}

static struct script_row script_put(struct script_table *table, int64_t id, int64_t value)
{
    struct script_row row = {id, value, script.pad};
    size_t at = table->rows ? (size_t)(script_find(table, id) - table->rows) : 0;
    if (at == table->count || table->rows[at].id != id) {
        table->rows = realloc(table->rows, (table->count + 1) * sizeof row);
        SCRIPT_MUST(table->rows);
        memmove(&table->rows[at + 1], &table->rows[at], (table->count - at) * sizeof row);
        table->count++;
    }
    table->rows[at] = row;
    return row;
}

static struct script_row script_take(struct script_table *table, int64_t id)
{
    size_t at = (size_t)(script_find(table, id) - table->rows);
    if (!(at < table->count && table->rows[at].id == id))
        ck_abort_msg("no row %lld", (long long)id);
    struct script_row row = table->rows[at];
    table->count--;
    memmove(&table->rows[at], &table->rows[at + 1], (table->count - at) * sizeof row);
    return row;
}

static void script_log(struct script_entry entry)
{
    if (script.count == script.cap) {
        script.cap = script.cap ? script.cap * 2 : 1024;
        script.entries = realloc(script.entries, script.cap * sizeof entry);
        SCRIPT_MUST(script.entries);
    }
    script.entries[script.count++] = entry;
}

static void script_change(enum script_kind kind, enum cdc_op op, struct script_table *table,
                          struct script_row before, struct script_row after)
{
    script_log(
        (struct script_entry){kind, op, (size_t)(table - script.tables), before, after});
}

void script_insert(const char *name, int64_t id, int64_t value)
{
    script_lock();
    struct script_table *table = script_table(name);
    script_change(SCRIPT_CHANGE, CDC_INSERT, table, (struct script_row){0},
                  script_put(table, id, value));
    script_unlock();
}

void script_update(const char *name, int64_t id, int64_t value)
{
    script_move(name, id, id, value);
}

void script_move(const char *name, int64_t from, int64_t to, int64_t value)
{
    script_lock();
    struct script_table *table = script_table(name);
    struct script_row before = script_take(table, from);
    script_change(SCRIPT_CHANGE, CDC_UPDATE, table, before, script_put(table, to, value));
    script_unlock();
}

void script_delete(const char *name, int64_t id)
{
    script_lock();
    struct script_table *table = script_table(name);
    script_change(SCRIPT_CHANGE, CDC_DELETE, table, script_take(table, id),
                  (struct script_row){0});
    script_unlock();
}

void script_truncate(const char *name)
{
    script_lock();
    struct script_table *table = script_table(name);
    table->count = 0;
    script_change(SCRIPT_CHANGE, CDC_TRUNCATE, table, (struct script_row){0},
                  (struct script_row){0});
    script_unlock();
}

void script_poison(const char *name)
{
    script_lock();
    script_change(SCRIPT_BAD, CDC_INSERT, script_table(name), (struct script_row){0},
                  (struct script_row){0});
    script_unlock();
}

void script_noise(const char *name, int64_t first, int64_t last)
{
    script_lock();
    struct script_table *table = script_table(name);
    for (int64_t id = first; id <= last; id++)
        script_change(SCRIPT_CHANGE, CDC_INSERT, table, (struct script_row){0},
                      (struct script_row){id, 0, 0});
    script_unlock();
}

void script_commit(void)
{
    script_lock();
    script_log((struct script_entry){.kind = SCRIPT_COMMIT});
    script_unlock();
}

void script_add(const char *table, int64_t id, int64_t value)
{
    script_insert(table, id, value);
    script_commit();
}

void script_fill(const char *name, int64_t first, int64_t last, int64_t value)
{
    script_lock();
    struct script_table *table = script_table(name);
    for (int64_t id = first; id <= last; id++)
        script_put(table, id, value);
    script_unlock();
}

void script_pad(size_t bytes)
{
    SCRIPT_MUST(bytes <= SCRIPT_PAD_MOST);
    script_lock();
    script.pad = bytes;
    script_unlock();
}

void script_drop_table(const char *name)
{
    script_lock();
    script_table(name)->gone = true;
    script_unlock();
}

uint64_t script_length(void)
{
    script_lock();
    uint64_t length = script.count;
    script_unlock();
    return length;
}

/* ---- what goes wrong, and what was done ---------------------------------------------------------- */

void script_fail(enum script_call call, int times, wf_status code, const char *text)
{
    script_lock();
    script.calls[call].times = times;
    script.calls[call].code = code;
    script.calls[call].text = text;
    script_unlock();
}

void script_block(enum script_call call)
{
    script_lock();
    script.calls[call].blocked = true;
    script_unlock();
}

void script_release(enum script_call call)
{
    script_lock();
    script.calls[call].blocked = false;
    script_unlock();
}

uint64_t script_count(enum script_call call)
{
    script_lock();
    uint64_t count = script.calls[call].count;
    script_unlock();
    return count;
}

void script_await(enum script_call call, uint64_t count)
{
    int64_t deadline = clock_mono_ms() + SCRIPT_PATIENCE_MS;
    script_lock();
    while (script.calls[call].count < count)
        if (!(thread_cond_wait_until(&script.changed, &script.lock, deadline)))
            ck_abort_msg("call %d was made %llu times, not %llu", call,
                         (unsigned long long)script.calls[call].count,
                         (unsigned long long)count);
    script_unlock();
}

uint64_t script_confirmed(void)
{
    script_lock();
    uint64_t position = script.confirmed;
    script_unlock();
    return position;
}

void script_await_confirmed(uint64_t position)
{
    int64_t deadline = clock_mono_ms() + SCRIPT_PATIENCE_MS;
    script_lock();
    while (script.confirmed < position)
        if (!(thread_cond_wait_until(&script.changed, &script.lock, deadline)))
            ck_abort_msg("confirmed is %llu, not %llu",
                         (unsigned long long)script.confirmed,
                         (unsigned long long)position);
    script_unlock();
}

void script_power_cut(void)
{
    script_lock();
    script.confirmed = 0;
    script_unlock();
}

uint64_t script_opened_at(void)
{
    script_lock();
    uint64_t position = script.opened_at;
    script_unlock();
    return position;
}

void script_on_confirm(void (*hook)(uint64_t position))
{
    script_lock();
    script.on_confirm = hook;
    script_unlock();
}

void script_on_chunk(void (*hook)(const char *table, int64_t after))
{
    script_lock();
    script.on_chunk = hook;
    script_unlock();
}

/* Counts the call, waits while it is blocked, and fails when it is to. */
static wf_status script_enter(enum script_call call, const _Atomic bool *cancelled,
                              wf_error *err)
{
    script_lock();
    script.calls[call].count++;
    pthread_cond_broadcast(&script.changed);
    while (script.calls[call].blocked && !(cancelled && atomic_load(cancelled)))
        thread_cond_wait_until(&script.changed, &script.lock, clock_mono_ms() + 20);
    wf_status status = WF_OK;
    if (cancelled && atomic_load(cancelled))
        status = error_set(err, WF_CANCELLED, "open was cancelled");
    else if (script.calls[call].times && script.calls[call].times--)
        status = error_set(err, script.calls[call].code, "%s", script.calls[call].text);
    script_unlock();
    return status;
}

/* ---- the provider ------------------------------------------------------------------------------ */

/* NULL: no memory. */
static struct cdc_table *script_shape(struct cdc_table **tables, size_t index,
                                      wf_error *err)
{
    static const struct cdc_column columns[SCRIPT_COLUMNS] = {
        {{"id", 2}, true}, {{"v", 1}, false}, {{"pad", 3}, false}};
    if (!tables[index])
        table_new(str_from(script.tables[index].name), columns, SCRIPT_COLUMNS, NULL, 0,
                  &tables[index], err);
    return tables[index];
}

static void script_values(const struct script_row *row, struct cdc_value *values)
{
    values[0] = (struct cdc_value){.kind = CDC_VALUE_INT, .integer = row->id};
    values[1] = (struct cdc_value){.kind = CDC_VALUE_INT, .integer = row->value};
    values[2] =
        (struct cdc_value){.kind = CDC_VALUE_TEXT, .text = {script.padding, row->pad}};
    if (!row->pad)
        values[2].kind = CDC_VALUE_NULL;
}

static wf_status script_open(void *state, const struct cdc_open *with, wf_error *err)
{
    struct script_state *s = state;
    wf_status status = script_enter(SCRIPT_OPEN, with->cancelled, err);
    if (status)
        return status;
    s->out = with->out;
    s->settings = with->settings;
    s->at = script_length();
    if (with->from.len)
        SCRIPT_MUST(str_to_u64(with->from, &s->at));
    script_lock();
    script.opened_at = s->at;
    script.installed = true;
    script_unlock();
    buf_lit(with->out_identity, "script");
    if (!with->from.len) {
        char token[SCRIPT_ID_BYTES];
        int len = snprintf(token, sizeof token, "%llu", (unsigned long long)s->at);
        with->out->commit(with->out->ctx, (wf_str){token, (size_t)len});
    }
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
    };
    if (!change.table)
        return WF_NO_MEMORY;
    if (entry->op == CDC_UPDATE || entry->op == CDC_DELETE)
        change.before = before;
    if (entry->op == CDC_UPDATE || entry->op == CDC_INSERT)
        change.after = after;
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
    script_lock();
    while (!(may_read && s->at < script.count) && !s->interrupted &&
           thread_cond_wait_until(&script.changed, &script.lock, deadline))
        ;
    bool found = may_read && s->at < script.count;
    if (found)
        *out = script.entries[s->at];
    else
        s->interrupted = false;
    pthread_mutex_unlock(&script.lock);
    return found;
}

static wf_status script_poll(void *state, struct cdc_budget budget, wf_error *err)
{
    struct script_state *s = state;
    wf_status status =
        script_enter(budget.max_changes ? SCRIPT_POLL : SCRIPT_IDLE, NULL, err);
    struct script_entry entry;
    uint32_t left = budget.max_changes;
    int timeout_ms = budget.timeout_ms;
    while (!status && script_next(s, timeout_ms, left > 0, &entry)) {
        if (entry.kind == SCRIPT_COMMIT) {
            char token[SCRIPT_ID_BYTES];
            int len = snprintf(token, sizeof token, "%llu", (unsigned long long)s->at + 1);
            s->out->commit(s->out->ctx, (wf_str){token, (size_t)len});
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
    wf_status status = script_enter(SCRIPT_CONFIRM, NULL, err);
    if (status)
        return status;
    script_lock();
    void (*hook)(uint64_t) = script.on_confirm;
    SCRIPT_MUST(at >= script.confirmed);
    script_unlock();
    if (hook)
        hook(at);
    script_lock();
    script.confirmed = at;
    script_unlock();
    return WF_OK;
}

static void script_interrupt(void *state)
{
    struct script_state *s = state;
    script_lock();
    s->interrupted = true;
    script_unlock();
}

static void script_close(void *state)
{
    struct script_state *s = state;
    for (size_t i = 0; i < SCRIPT_TABLES_MOST; i++)
        table_free(s->tables[i]);
    script_enter(SCRIPT_CLOSE, NULL, NULL);
}

static wf_status script_lag(void *state, struct cdc_lag *out, wf_error *err)
{
    (void)state;
    wf_status status = script_enter(SCRIPT_LAG, NULL, err);
    if (!status)
        *out = (struct cdc_lag){(int64_t)(script_length() - script_confirmed()), 0};
    return status;
}

static wf_status script_cleanup(void *state, struct buf *out_removed, wf_error *err)
{
    (void)state;
    wf_status status = script_enter(SCRIPT_CLEANUP, NULL, err);
    script_lock();
    if (!status && script.installed)
        buf_lit(out_removed, "the script's slot\n");
    if (!status)
        script.installed = false;
    script_unlock();
    return status;
}

/* ---- snapshots --------------------------------------------------------------------------------- */

static wf_status script_list_tables(void *state, void *ctx,
                                    wf_status (*row)(void *ctx, wf_str table, int64_t rows,
                                                     wf_error *err),
                                    wf_error *err)
{
    (void)state;
    wf_status status = script_enter(SCRIPT_TABLES, NULL, err);
    script_lock();
    size_t count = script.table_count;
    int64_t rows[SCRIPT_TABLES_MOST];
    for (size_t i = 0; i < count; i++)
        rows[i] = (int64_t)script.tables[i].count;
    script_unlock();
    for (size_t i = 0; i < count && !status; i++)
        status = row(ctx, str_from(script.tables[i].name), rows[i], err);
    return status;
}

static wf_status script_reader_open(void *reader, void *state,
                                    const struct cdc_settings *settings, wf_error *err)
{
    (void)state;
    (void)settings;
    struct script_reader *r = reader;
    r->open = true;
    return script_enter(SCRIPT_READER, NULL, err);
}

static wf_status script_reader_mark(void *reader, uint64_t *out_mark, wf_error *err)
{
    (void)reader;
    wf_status status = script_enter(SCRIPT_MARK, NULL, err);
    if (!status)
        *out_mark = script_length();
    return status;
}

/* The rows of a chunk as they are now; gives (free); NULL: no memory. */
static struct script_row *script_read(size_t index, int64_t after, uint32_t most,
                                      size_t *out_count)
{
    script_lock();
    const struct script_table *table = &script.tables[index];
    struct script_row *rows = calloc((size_t)most + 1, sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; rows && i < table->count && count < most; i++)
        if (table->rows[i].id > after)
            rows[count++] = table->rows[i];
    script_unlock();
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
    wf_status fault = script_enter(SCRIPT_CHUNK, NULL, err);
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
    script_lock();
    void (*hook)(const char *, int64_t) = script.on_chunk;
    script_unlock();
    if (!status && hook)
        hook(script.tables[index].name, after);
    return status;
}

static wf_status script_reader_chunk(void *reader, const struct cdc_chunk_request *request,
                                     struct cdc_chunk_result *out, wf_error *err)
{
    struct script_reader *r = reader;
    script_lock();
    size_t index = 0;
    while (index < script.table_count && !str_is(request->table, script.tables[index].name))
        index++;
    bool gone = index == script.table_count || script.tables[index].gone;
    script_unlock();
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
    .lag = script_lag,
    .cleanup = script_cleanup,
    .snapshot_tables = script_list_tables,
    .snapshot = &script_snapshot,
};
