/* SPDX-License-Identifier: MIT
 *
 * script_far - what happens at the far side, and what goes wrong there.
 */
#include "tests/support/script_far.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"

struct script_far script_far;

void script_far_lock(void)
{
    pthread_mutex_lock(&script_far.lock);
}

void script_far_unlock(void)
{
    pthread_cond_broadcast(&script_far.changed);
    pthread_mutex_unlock(&script_far.lock);
}

void script_setup(void)
{
    memset(&script_far, 0, sizeof script_far);
    pthread_mutex_init(&script_far.lock, NULL);
    thread_cond_init(&script_far.changed);
    script_far.padding = malloc(SCRIPT_PAD_MOST);
    SCRIPT_MUST(script_far.padding);
    memset(script_far.padding, 'x', SCRIPT_PAD_MOST);
}

void script_teardown(void)
{
    for (size_t i = 0; i < script_far.table_count; i++)
        free(script_far.tables[i].rows);
    free(script_far.entries);
    free(script_far.padding);
    pthread_cond_destroy(&script_far.changed);
    pthread_mutex_destroy(&script_far.lock);
}

/* ---- what happens there -------------------------------------------------------------- */

static struct script_table *script_table(const char *name)
{
    for (size_t i = 0; i < script_far.table_count; i++)
        if (str_is(str_from(name), script_far.tables[i].name))
            return &script_far.tables[i];
    SCRIPT_MUST(script_far.table_count < SCRIPT_TABLES_MOST);
    struct script_table *table = &script_far.tables[script_far.table_count++];
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
    struct script_row row = {id, value, script_far.pad};
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
    if (script_far.count == script_far.cap) {
        script_far.cap = script_far.cap ? script_far.cap * 2 : 1024;
        script_far.entries = realloc(script_far.entries, script_far.cap * sizeof entry);
        SCRIPT_MUST(script_far.entries);
    }
    script_far.entries[script_far.count++] = entry;
}

static void script_change(enum script_kind kind, enum cdc_op op, struct script_table *table,
                          struct script_row before, struct script_row after)
{
    script_log((struct script_entry){kind, op, (size_t)(table - script_far.tables),
                                     script_far.lane, before, after});
}

void script_insert(const char *name, int64_t id, int64_t value)
{
    script_far_lock();
    struct script_table *table = script_table(name);
    script_change(SCRIPT_CHANGE, CDC_INSERT, table, (struct script_row){0},
                  script_put(table, id, value));
    script_far_unlock();
}

void script_update(const char *name, int64_t id, int64_t value)
{
    script_move(name, id, id, value);
}

void script_move(const char *name, int64_t from, int64_t to, int64_t value)
{
    script_far_lock();
    struct script_table *table = script_table(name);
    struct script_row before = script_take(table, from);
    script_change(SCRIPT_CHANGE, CDC_UPDATE, table, before, script_put(table, to, value));
    script_far_unlock();
}

void script_delete(const char *name, int64_t id)
{
    script_far_lock();
    struct script_table *table = script_table(name);
    script_change(SCRIPT_CHANGE, CDC_DELETE, table, script_take(table, id),
                  (struct script_row){0});
    script_far_unlock();
}

void script_truncate(const char *name)
{
    script_far_lock();
    struct script_table *table = script_table(name);
    table->count = 0;
    script_change(SCRIPT_CHANGE, CDC_TRUNCATE, table, (struct script_row){0},
                  (struct script_row){0});
    script_far_unlock();
}

void script_poison(const char *name)
{
    script_far_lock();
    script_change(SCRIPT_BAD, name ? CDC_INSERT : CDC_OP_NONE,
                  script_table(name ? name : "t.a"), (struct script_row){0},
                  (struct script_row){0});
    script_far_unlock();
}

void script_noise(const char *name, int64_t first, int64_t last)
{
    script_far_lock();
    struct script_table *table = script_table(name);
    for (int64_t id = first; id <= last; id++)
        script_change(SCRIPT_CHANGE, CDC_INSERT, table, (struct script_row){0},
                      (struct script_row){id, 0, 0});
    script_far_unlock();
}

void script_commit(void)
{
    script_far_lock();
    script_log((struct script_entry){.kind = SCRIPT_COMMIT});
    script_far_unlock();
}

void script_add(const char *table, int64_t id, int64_t value)
{
    script_insert(table, id, value);
    script_commit();
}

void script_fill(const char *name, int64_t first, int64_t last, int64_t value)
{
    script_far_lock();
    struct script_table *table = script_table(name);
    for (int64_t id = first; id <= last; id++)
        script_put(table, id, value);
    script_far_unlock();
}

void script_pad(size_t bytes)
{
    SCRIPT_MUST(bytes <= SCRIPT_PAD_MOST);
    script_far_lock();
    script_far.pad = bytes;
    script_far_unlock();
}

void script_drop_table(const char *name)
{
    script_far_lock();
    script_table(name)->gone = true;
    script_far_unlock();
}

void script_lane(uint32_t lane)
{
    script_far_lock();
    script_far.lane = lane;
    script_far_unlock();
}

void script_retract(uint32_t lane)
{
    script_far_lock();
    script_far.retracted = lane;
    script_far_unlock();
}

void script_report(bool running, uint64_t tables_done, uint64_t rows)
{
    script_far_lock();
    script_far.report = (struct cdc_snapshot_report){
        running, running ? STR("t.own") : STR_EMPTY, tables_done, 2, rows};
    script_far.report_due = true;
    script_far_unlock();
}

uint64_t script_length(void)
{
    script_far_lock();
    uint64_t length = script_far.count;
    script_far_unlock();
    return length;
}

/* ---- what goes wrong, and what was done ---------------------------------------------- */

void script_fail(enum script_call call, int times, wf_status code, const char *text)
{
    script_far_lock();
    script_far.calls[call].times = times;
    script_far.calls[call].code = code;
    script_far.calls[call].text = text;
    script_far_unlock();
}

void script_block(enum script_call call)
{
    script_far_lock();
    script_far.calls[call].blocked = true;
    script_far_unlock();
}

void script_release(enum script_call call)
{
    script_far_lock();
    script_far.calls[call].blocked = false;
    script_far_unlock();
}

uint64_t script_count(enum script_call call)
{
    script_far_lock();
    uint64_t count = script_far.calls[call].count;
    script_far_unlock();
    return count;
}

void script_await(enum script_call call, uint64_t count)
{
    int64_t deadline = clock_mono_ms() + SCRIPT_PATIENCE_MS;
    script_far_lock();
    while (script_far.calls[call].count < count)
        if (!(thread_cond_wait_until(&script_far.changed, &script_far.lock, deadline)))
            ck_abort_msg("call %d was made %llu times, not %llu", call,
                         (unsigned long long)script_far.calls[call].count,
                         (unsigned long long)count);
    script_far_unlock();
}

uint64_t script_confirmed(void)
{
    script_far_lock();
    uint64_t position = script_far.confirmed;
    script_far_unlock();
    return position;
}

void script_await_confirmed(uint64_t position)
{
    int64_t deadline = clock_mono_ms() + SCRIPT_PATIENCE_MS;
    script_far_lock();
    while (script_far.confirmed < position)
        if (!(thread_cond_wait_until(&script_far.changed, &script_far.lock, deadline)))
            ck_abort_msg("confirmed is %llu, not %llu",
                         (unsigned long long)script_far.confirmed,
                         (unsigned long long)position);
    script_far_unlock();
}

bool script_paused(void)
{
    script_far_lock();
    bool paused = script_far.paused;
    script_far_unlock();
    return paused;
}

void script_power_cut(void)
{
    script_far_lock();
    script_far.confirmed = 0;
    script_far_unlock();
}

uint64_t script_opened_at(void)
{
    script_far_lock();
    uint64_t position = script_far.opened_at;
    script_far_unlock();
    return position;
}

void script_on_poll(void (*hook)(int timeout_ms))
{
    script_far_lock();
    script_far.on_poll = hook;
    script_far_unlock();
}

void script_on_confirm(void (*hook)(uint64_t position))
{
    script_far_lock();
    script_far.on_confirm = hook;
    script_far_unlock();
}

void script_on_chunk(void (*hook)(const char *table, int64_t after))
{
    script_far_lock();
    script_far.on_chunk = hook;
    script_far_unlock();
}

wf_status script_far_enter(enum script_call call, const _Atomic bool *cancelled,
                           wf_error *err)
{
    script_far_lock();
    script_far.calls[call].count++;
    pthread_cond_broadcast(&script_far.changed);
    while (script_far.calls[call].blocked && !(cancelled && atomic_load(cancelled)))
        thread_cond_wait_until(&script_far.changed, &script_far.lock, clock_mono_ms() + 20);
    wf_status status = WF_OK;
    if (cancelled && atomic_load(cancelled))
        status = error_set(err, WF_CANCELLED, "open was cancelled");
    else if (script_far.calls[call].times && script_far.calls[call].times--)
        status =
            error_set(err, script_far.calls[call].code, "%s", script_far.calls[call].text);
    script_far_unlock();
    return status;
}
