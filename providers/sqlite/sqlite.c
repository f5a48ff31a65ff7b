/* SPDX-License-Identifier: MIT
 *
 * sqlite - changes of an SQLite database that other programs write to.
 *
 * Triggers write every change into _cdc_change inside the writer's own transaction
 * (sqlite_trigger.h); this file reads it, and everything it can read is committed.  A
 * position is the number of the last change read.  The row at the position is read again
 * each time, so that a database that was emptied, tampered with or put back from a copy is
 * noticed at the next change.
 *
 *     sqlite_plan, sqlite_line, sqlite_trigger     what is installed
 *     sqlite_capture                               installing, renewing, removing it
 *     sqlite_keep                                  confirming, purging
 *     sqlite_watch                                 being woken
 *     sqlite_version, sqlite_row                   from change rows to changes
 *     sqlite_snapshot, sqlite_cursor               chunks
 */
#include "providers/sqlite/sqlite.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_keep.h"
#include "providers/sqlite/sqlite_options.h"
#include "providers/sqlite/sqlite_row.h"
#include "providers/sqlite/sqlite_snapshot.h"
#include "providers/sqlite/sqlite_version.h"
#include "providers/sqlite/sqlite_watch.h"
#include "providers/sqlite/sqlite_sql.h"

#define SQLITE_READ_ROWS                                                                   \
    2048 /* of one read transaction: in rollback mode it holds up commits */
#define SQLITE_ID_EPOCH 12     /* digits of the uuid that an event's id carries */
#define SQLITE_SAMPLE_EVERY 64 /* changes between two that are measured for lag_bytes */

struct sqlite_state {
    struct cancel cancel; /* the one member that other threads touch */
    const struct cdc_settings *settings;
    const struct cdc_emitter *out;
    struct sqlite_db db;
    struct sqlite_watch watch;
    struct sqlite_capture capture;
    struct sqlite_keep keep;
    struct sqlite_version_list versions;
    struct sqlite_row row;
    sqlite3_stmt *read;
    struct sqlite_place place; /* the last change read */
    char id[64];               /* "sqlite:<epoch>:" and then the number */
    size_t id_prefix;
    uint64_t sampled_bytes;
    uint64_t sampled_rows;
};

static wf_status sqlite_check(const struct cdc_settings *settings, wf_error *err)
{
    wf_str connection = settings->connection;
    if (str_is(connection, ":memory:") || str_starts(connection, STR("file::memory:")))
        return error_set(
            err, WF_CONFIG,
            "connection must be the path of a database that other programs write to");
    return WF_OK;
}

/* Tells core the present columns of every table this source captures. */
static wf_status sqlite_tell_schemas(struct sqlite_state *s, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    char position[24];
    int len = snprintf(position, sizeof(position), "%" PRId64, s->place.seq);
    wf_status status = sqlite_db_prepare(
        &s->db, "SELECT id FROM main._cdc_version WHERE live ORDER BY id", &stmt, err);
    for (bool row; !status;) {
        status = sqlite_db_step(&s->db, stmt, &row, err);
        if (status || !row)
            break;
        const struct sqlite_version *version;
        status =
            sqlite_version_get(&s->versions, sqlite3_column_int64(stmt, 0), &version, err);
        if (!status && version->mine)
            status =
                s->out->schema(s->out->ctx, version->table->name, str_from(version->ddl),
                               (wf_str){position, (size_t)len}, err);
    }
    return status;
}

static wf_status sqlite_open_stream(struct sqlite_state *s, wf_error *err)
{
    s->versions =
        (struct sqlite_version_list){.db = &s->db, .patterns = &s->settings->tables};
    int len =
        snprintf(s->id, sizeof(s->id), "sqlite:%.*s:", SQLITE_ID_EPOCH, s->capture.uuid);
    s->id_prefix = (size_t)len;
    wf_status status = sqlite_row_init(&s->row, &s->db, err);
    if (!status)
        status = sqlite_db_prepare(
            &s->db, "SELECT * FROM main._cdc_change WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
            &s->read, err);
    return status ? status : sqlite_tell_schemas(s, err);
}

/* Everything up to our place was emitted. */
static void sqlite_commit_place(struct sqlite_state *s)
{
    char token[SQLITE_PLACE_TEXT];
    size_t len = sqlite_capture_place_write(s->place, token);
    s->out->commit(s->out->ctx, (wf_str){token, len});
}

static wf_status sqlite_open(void *state, const struct cdc_open *with, wf_error *err)
{
    struct sqlite_state *s = state;
    const struct sqlite_options *options = with->settings->options;
    s->settings = with->settings;
    s->out = with->out;
    s->db.unwanted = with->cancelled;
    wf_status status = cancel_open(&s->cancel, err);
    if (!status)
        status = sqlite_db_open(&s->db, with->settings, options->busy_timeout_ms,
                                &s->cancel, err);
    if (!status)
        status = sqlite_watch_open(&s->watch, s->db.path, err);
    if (status)
        return status;
    s->capture.db = &s->db;
    s->capture.settings = with->settings;
    s->capture.out = with->out;
    status = sqlite_capture_open(&s->capture, with, &s->place, err);
    if (!status)
        status = sqlite_keep_open(&s->keep, &s->capture, s->place.seq, err);
    if (!status)
        status = sqlite_open_stream(s, err);
    if (!status && !with->from.len)
        sqlite_commit_place(s);
    s->db.unwanted = NULL;
    return status;
}

static void sqlite_release_stream(struct sqlite_state *s)
{
    sqlite_db_finalize(&s->read);
    sqlite_version_release(&s->versions);
    sqlite_row_release(&s->row);
}

static void sqlite_close(void *state)
{
    struct sqlite_state *s = state;
    sqlite_release_stream(s);
    if (s->db.handle)
        sqlite_keep_close(&s->keep);
    sqlite_watch_close(&s->watch);
    if (s->db.cancel)
        sqlite_db_close(&s->db);
    cancel_close(&s->cancel);
}

static void sqlite_interrupt(void *state)
{
    struct sqlite_state *s = state;
    cancel_raise(&s->cancel);
}

/* Julian days hold about 40 microseconds; SQLite's clock gives milliseconds. */
static int64_t sqlite_time_us(double julian_day)
{
    double ms = (julian_day - 2440587.5) * 86400000.0;
    if (!(ms > -1e15 && ms < 1e15))
        return CDC_NO_TIME;
    return (int64_t)(ms + (ms < 0 ? -0.5 : 0.5)) * 1000;
}

/* What the present row of s->read says about itself. */
struct sqlite_read_head {
    struct sqlite_place place;
    enum sqlite_kind kind;
    int64_t version;
    double ts;
};

static struct sqlite_read_head sqlite_read_head(const struct sqlite_state *s)
{
    int64_t k = sqlite3_column_int64(s->read, 1);
    struct sqlite_read_head head = {
        .place.seq = sqlite3_column_int64(s->read, 0),
        .kind = (enum sqlite_kind)(k & ((1 << SQLITE_KIND_BITS) - 1)),
        .version = k >> SQLITE_KIND_BITS,
        .ts = sqlite3_column_double(s->read, 2),
    };
    memcpy(&head.place.ts_bits, &head.ts, sizeof(head.ts));
    return head;
}

static struct cdc_change sqlite_change_of(struct sqlite_state *s,
                                          const struct sqlite_read_head *head)
{
    struct buf digits;
    buf_fixed(&digits, s->id + s->id_prefix, sizeof(s->id) - s->id_prefix);
    buf_i64(&digits, head->place.seq);
    return (struct cdc_change){
        .id = {s->id, s->id_prefix + digits.len},
        .position = {digits.data, digits.len},
        .ts_us = sqlite_time_us(head->ts),
    };
}

/* A table has new columns from here on, or is gone. */
static wf_status sqlite_emit_ddl(struct sqlite_state *s,
                                 const struct sqlite_version *version,
                                 const struct sqlite_read_head *head, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf ddl;
    buf_init(&ddl, LIMIT_OUTPUT_BYTES);
    struct cdc_change change = sqlite_change_of(s, head);
    wf_str name = version->table->name;
    change.op = CDC_DDL;
    change.table = version->table;
    if (head->kind == SQLITE_KIND_DROPPED) {
        buf_lit(&ddl, "DROP TABLE ");
        sqlite_sql_put_id(&ddl, str_slice(name, 5, name.len));
    } else {
        buf_cstr(&ddl, version->ddl);
        wf_status status =
            s->out->schema(s->out->ctx, name, buf_view(&ddl), change.position, err);
        if (status)
            return status;
        if (sqlite3_column_int(s->read, 4)) /* nothing changed but who captures it */
            return WF_OK;
    }
    wf_status status = buf_status(&ddl, "statement", err);
    change.ddl = buf_view(&ddl);
    return status ? status : s->out->emit(s->out->ctx, &change, err);
}

static uint64_t sqlite_measure(const struct cdc_value *values, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; values && i < count; i++)
        bytes += values[i].kind >= CDC_VALUE_JSON ? values[i].text.len : sizeof(int64_t);
    return bytes;
}

static wf_status sqlite_emit_row(struct sqlite_state *s,
                                 const struct sqlite_version *version,
                                 const struct sqlite_read_head *head, wf_error *err)
{
    struct cdc_change change = sqlite_change_of(s, head);
    change.table = version->table;
    wf_status status =
        sqlite_row_read(&s->row, s->read, version->table, head->kind, &change, err);
    if (status)
        return status;
    if (head->place.seq % SQLITE_SAMPLE_EVERY == 0) {
        s->sampled_rows++;
        s->sampled_bytes += sqlite_measure(change.before, version->table->count) +
                            sqlite_measure(change.after, version->table->count);
    }
    return s->out->emit(s->out->ctx, &change, err);
}

/* The present row of s->read.  CDC_FULL: not taken. */
static wf_status sqlite_emit(struct sqlite_state *s, const struct sqlite_read_head *head,
                             wf_error *err)
{
    if (head->kind == SQLITE_KIND_MARK)
        return WF_OK;
    const struct sqlite_version *version;
    wf_status status = sqlite_version_get(&s->versions, head->version, &version, err);
    if (status || !version->mine)
        return status;
    if (head->kind == SQLITE_KIND_SCHEMA || head->kind == SQLITE_KIND_DROPPED)
        return sqlite_emit_ddl(s, version, head, err);
    enum cdc_op op = sqlite_row_op(head->kind);
    if (op == CDC_OP_NONE)
        return error_set(err, WF_PROTOCOL, "change %" PRId64 " is of an unknown kind",
                         head->place.seq);
    if (!s->out->wanted(s->out->ctx, version->table, op))
        return WF_OK;
    return sqlite_emit_row(s, version, head, err);
}

/* The row at our place must be there as we left it, and the numbers go on from it. */
static wf_status sqlite_check_row(const struct sqlite_state *s,
                                  const struct sqlite_read_head *head, bool first,
                                  wf_error *err)
{
    if (first ? head->place.seq == s->place.seq && head->place.ts_bits == s->place.ts_bits
              : head->place.seq == s->place.seq + 1)
        return WF_OK;
    return error_set(err, WF_STATE,
                     "database '%s' went back in time or lost changes: change %" PRId64
                     " does not follow on what was read; " CDC_BEGIN_ANEW,
                     s->db.shown, head->place.seq);
}

/* One read transaction's worth.  *out_end: nothing is left behind the last row read. */
static wf_status sqlite_read_rows(struct sqlite_state *s, uint32_t most,
                                  uint32_t *out_count, bool *out_end, wf_error *err)
{
    sqlite3_bind_int64(s->read, 1, s->place.seq);
    sqlite3_bind_int64(s->read, 2, (int64_t)most + 1);
    wf_status status = WF_OK;
    bool row = true;
    for (bool first = true; !status; first = false) {
        status = sqlite_db_step(&s->db, s->read, &row, err);
        if (status)
            break;
        if (!row && first)
            status = error_set(err, WF_STATE,
                               "database '%s' went back in time: change %" PRId64
                               " is gone; " CDC_BEGIN_ANEW,
                               s->db.shown, s->place.seq);
        if (!row)
            break;
        struct sqlite_read_head head = sqlite_read_head(s);
        status = sqlite_check_row(s, &head, first, err);
        if (status || first)
            continue;
        status = sqlite_emit(s, &head, err);
        if (status)
            break;
        s->place = head.place;
        /* Every change is a place to go on from: a workflow that takes an hour for each, or
         * that stops this source, does not get a whole batch again. */
        sqlite_commit_place(s);
        ++*out_count;
    }
    sqlite3_reset(s->read);
    *out_end = !status && *out_count < most;
    return status;
}

/* Reads until the budget is spent, the log is full, or nothing is left. */
static wf_status sqlite_read(struct sqlite_state *s, uint32_t budget, bool *out_idle,
                             wf_error *err)
{
    uint32_t total = 0;
    bool end = false;
    wf_status status = WF_OK;
    while (total < budget && !end && !status) {
        uint32_t left = budget - total;
        uint32_t count = 0;
        status = sqlite_read_rows(s, left < SQLITE_READ_ROWS ? left : SQLITE_READ_ROWS,
                                  &count, &end, err);
        total += count;
    }
    *out_idle = total == 0 && status != CDC_FULL;
    if (end)
        s->out->mark_reached(s->out->ctx, (uint64_t)s->place.seq);
    return status == CDC_FULL ? WF_OK : status;
}

static wf_status sqlite_work(struct sqlite_state *s, uint32_t budget, bool *out_idle,
                             wf_error *err)
{
    bool renewed = false;
    wf_status status = sqlite_db_check_file(&s->db, err);
    if (!status)
        status = sqlite_capture_renew(&s->capture, &renewed, err);
    s->keep.filling |= renewed;
    if (!status)
        status = sqlite_keep_work(&s->keep, err);
    *out_idle = true;
    if (!status && budget)
        status = sqlite_read(s, budget, out_idle, err);
    return status;
}

static wf_status sqlite_poll(void *state, struct cdc_budget budget, wf_error *err)
{
    struct sqlite_state *s = state;
    int64_t deadline = clock_mono_ms() + budget.timeout_ms;
    for (;;) {
        if (cancel_take(&s->cancel))
            return WF_OK;
        bool idle;
        wf_status status = sqlite_work(s, budget.max_changes, &idle, err);
        if (status == WF_CANCELLED && cancel_take(&s->cancel))
            return WF_OK;
        int64_t wait = deadline - clock_mono_ms();
        if (status || !idle || wait <= 0)
            return status;
        int64_t due = sqlite_keep_due_ms(&s->keep);
        if (due >= 0 && due < wait)
            wait = due;
        /* Without a budget only an interrupt is waited for: writers must not wake us in
         * vain. */
        sqlite_watch_wait(budget.max_changes ? &s->watch : NULL, cancel_fd(&s->cancel),
                          (int)wait);
    }
}

static wf_status sqlite_confirm(void *state, wf_str position, wf_error *err)
{
    struct sqlite_state *s = state;
    struct sqlite_place place;
    if (!sqlite_capture_place_parse(position, &place) || place.seq > s->place.seq)
        return error_set(err, WF_STATE, "position '%.*s' is not one of this stream",
                         STR_ARG(position));
    if (place.seq > s->keep.confirmed)
        s->keep.confirmed = place.seq; /* stored by the next poll, or by close */
    return WF_OK;
}

static wf_status sqlite_lag(void *state, struct cdc_lag *out, wf_error *err)
{
    struct sqlite_state *s = state;
    int64_t changes, seconds;
    wf_status status = sqlite_keep_lag(&s->keep, &changes, &seconds, err);
    if (status)
        return status;
    int64_t each = s->sampled_rows ? (int64_t)(s->sampled_bytes / s->sampled_rows) : 64;
    *out = (struct cdc_lag){
        .bytes = changes * (each ? each : 1), .seconds = seconds, .headroom_bytes = -1};
    return WF_OK;
}

static wf_status sqlite_cleanup(void *state, struct buf *out_removed, wf_error *err)
{
    struct sqlite_state *s = state;
    sqlite_release_stream(s);
    s->keep = (struct sqlite_keep){0};
    /* The very stop that asked for this has interrupted the stream. */
    s->db.deaf = true;
    return sqlite_capture_remove(&s->capture, out_removed, err);
}

struct sqlite_listing {
    struct sqlite_state *s;
    void *ctx;
    wf_status (*row)(void *ctx, wf_str table, int64_t rows, wf_error *err);
};

/* What ANALYZE counted, else the span of the rowids; -1 when neither is there. */
static wf_status sqlite_estimate(struct sqlite_state *s, wf_str table, int64_t *out,
                                 wf_error *err)
{
    bool found = false;
    int64_t rows = -1;
    wf_error ignored;
    if (!sqlite_db_ask(
            &s->db,
            "SELECT max(CAST(stat AS INTEGER)) FROM main.sqlite_stat1 WHERE tbl = ?1",
            table, &rows, &found, &ignored) &&
        found) {
        *out = rows;
        return WF_OK;
    }
    CDC_CLEANUP(sqlite_schema_freep) struct sqlite_schema *schema = NULL;
    wf_status status = sqlite_schema_read(&s->db, table, &schema, err);
    if (status)
        return status;
    *out = -1;
    if (schema->without_rowid)
        return WF_OK;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, "SELECT (SELECT max(");
    sqlite_sql_put_id(&sql, schema->rowid_name);
    buf_lit(&sql, ") FROM main.");
    sqlite_sql_put_id(&sql, table);
    buf_lit(&sql, ") - (SELECT min(");
    sqlite_sql_put_id(&sql, schema->rowid_name);
    buf_lit(&sql, ") FROM main.");
    sqlite_sql_put_id(&sql, table);
    buf_lit(&sql, ") + 1");
    status = sqlite_db_ask(&s->db, buf_c(&sql), STR_EMPTY, &rows, &found, err);
    if (!status)
        *out = found && rows > 0 ? rows : 0;
    return status;
}

static wf_status sqlite_list_one(void *ctx, wf_str table, wf_error *err)
{
    struct sqlite_listing *listing = ctx;
    const struct cdc_list *tables = &listing->s->settings->tables;
    CDC_CLEANUP(buf_release) struct buf full;
    buf_init(&full, LIMIT_TEXT_BYTES);
    buf_lit(&full, "main.");
    buf_str(&full, table);
    wf_status status = buf_status(&full, "table name", err);
    if (status || !sqlite_schema_matches(tables->items, tables->count, buf_view(&full)))
        return status;
    int64_t rows;
    status = sqlite_estimate(listing->s, table, &rows, err);
    return status ? status : listing->row(listing->ctx, buf_view(&full), rows, err);
}

static wf_status sqlite_snapshot_tables(void *state, void *ctx,
                                        wf_status (*row)(void *ctx, wf_str table,
                                                         int64_t rows, wf_error *err),
                                        wf_error *err)
{
    struct sqlite_listing listing = {state, ctx, row};
    return sqlite_schema_list(&listing.s->db, &listing, sqlite_list_one, err);
}

static const struct cdc_option sqlite_option_rows[] = {
    {.key = "setup",
     .type = CDC_OPTION_CHOICE,
     .fallback = "auto",
     .choices = "auto|manual",
     .offset = offsetof(struct sqlite_options, setup),
     .help = "auto installs and renews the capture triggers; manual prints the SQL to run"},
    {.key = "busy_timeout",
     .type = CDC_OPTION_DURATION,
     .fallback = "30s",
     .min = 1,
     .max = 3600000,
     .offset = offsetof(struct sqlite_options, busy_timeout_ms),
     .help = "How long to wait for a lock that another program holds on the database"},
    {.key = NULL},
};

const struct cdc_provider cdc_provider_sqlite = {
    .name = "sqlite",
    .summary = "Changes of an SQLite database that other programs write to",
    .connection_help =
        "Path of the database file, or a file: URI; relative to the configuration",
    .options = sqlite_option_rows,
    .options_size = sizeof(struct sqlite_options),
    .state_size = sizeof(struct sqlite_state),
    .check = sqlite_check,
    .open = sqlite_open,
    .poll = sqlite_poll,
    .confirm = sqlite_confirm,
    .interrupt = sqlite_interrupt,
    .close = sqlite_close,
    .lag = sqlite_lag,
    .cleanup = sqlite_cleanup,
    .snapshot_tables = sqlite_snapshot_tables,
    .snapshot = &sqlite_snapshot_reader,
};
