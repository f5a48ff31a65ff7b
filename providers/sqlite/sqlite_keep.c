/* SPDX-License-Identifier: MIT
 *
 * sqlite_keep - confirming, purging, filling.
 */
#include "providers/sqlite/sqlite_keep.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_line.h"
#include "providers/sqlite/sqlite_sql.h"

#define SQLITE_KEEP_PURGE_ROWS 10000 /* of one transaction: about ten milliseconds */
#define SQLITE_KEEP_SOON_ROWS 5000   /* so many confirmed changes are stored at once */
#define SQLITE_KEEP_PERIOD_MS 1000   /* fewer, once in this time */
#define SQLITE_KEEP_BUSY_MS 50       /* after a lock that was not free */
#define SQLITE_KEEP_FILL_ROWS 10000

wf_status sqlite_keep_open(struct sqlite_keep *keep, struct sqlite_capture *capture,
                           int64_t confirmed, wf_error *err)
{
    *keep = (struct sqlite_keep){
        .capture = capture,
        .stored = confirmed,
        .confirmed = confirmed,
        .filling = true,
        .purging = true,
    };
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    wf_status status =
        sqlite_db_prepare(capture->db, "PRAGMA main.journal_mode", &stmt, err);
    if (!status)
        status = sqlite_db_step(capture->db, stmt, &row, err);
    if (status || !row || !str_eq_nocase(sqlite_db_column_str(stmt, 0), STR("wal")))
        return status;
    /* What is written from here on may be lost with the power (it is only repeated then)
     * but not torn: so in WAL mode, and only there, no fsync per commit is needed. */
    return sqlite_db_exec(capture->db, "PRAGMA main.synchronous = NORMAL", "set it up",
                          err);
}

/* Begins to write if that needs no waiting; *out_begun says so. */
static wf_status sqlite_keep_begin(struct sqlite_keep *keep, bool *out_begun, wf_error *err)
{
    struct sqlite_db *db = keep->capture->db;
    db->patient = false;
    int rc = sqlite3_exec(db->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    db->patient = true;
    *out_begun = rc == SQLITE_OK;
    if (rc == SQLITE_OK)
        return WF_OK;
    keep->next_ms = clock_mono_ms() + SQLITE_KEEP_BUSY_MS;
    if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED ||
        (rc & 0xff) == SQLITE_INTERRUPT)
        return WF_OK;
    return sqlite_db_fail(db, rc, "write to it", err);
}

/* A commit in rollback mode waits for readers; when they are too slow, the work is done
 * again. */
static wf_status sqlite_keep_end(struct sqlite_keep *keep, wf_status status, bool *out_done,
                                 wf_error *err)
{
    struct sqlite_db *db = keep->capture->db;
    *out_done = false;
    if (!status) {
        int rc = sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL);
        *out_done = rc == SQLITE_OK;
        if (rc && (rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_INTERRUPT)
            status = sqlite_db_fail(db, rc, "commit", err);
    }
    if (!*out_done) {
        sqlite_db_rollback(db);
        keep->next_ms = clock_mono_ms() + SQLITE_KEEP_BUSY_MS;
    }
    return status == WF_CANCELLED ? WF_OK : status;
}

static wf_status sqlite_keep_store(struct sqlite_keep *keep, int64_t confirmed,
                                   wf_error *err)
{
    struct sqlite_capture *capture = keep->capture;
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        capture->db,
        "UPDATE main._cdc_source SET confirmed = ?3, seen = julianday('now')"
        " WHERE id = ?1 AND session = ?2",
        &stmt, err);
    if (status)
        return status;
    status = sqlite_db_bind_str(capture->db, stmt, 1, capture->settings->source_id, err);
    if (!status)
        status = sqlite_db_bind_str(capture->db, stmt, 2, str_from(capture->session), err);
    if (status)
        return status;
    sqlite3_bind_int64(stmt, 3, confirmed);
    bool row;
    status = sqlite_db_step(capture->db, stmt, &row, err);
    if (!status && sqlite3_changes(capture->db->handle) != 1)
        status =
            error_set(err, WF_STATE,
                      "another process captures database '%s' under the same source_id, or "
                      "removed this source's entry",
                      capture->db->shown);
    return status;
}

/* The slowest source's own change stays, so that its place can be checked; with it the last
 * one. */
static wf_status sqlite_keep_delete(struct sqlite_keep *keep, wf_error *err)
{
    struct sqlite_db *db = keep->capture->db;
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status =
        sqlite_db_prepare(db,
                          "DELETE FROM main._cdc_change"
                          " WHERE seq < (SELECT min(confirmed) FROM main._cdc_source)"
                          " AND seq < (SELECT min(seq) FROM main._cdc_change) + ?1",
                          &stmt, err);
    if (status)
        return status;
    sqlite3_bind_int64(stmt, 1, SQLITE_KEEP_PURGE_ROWS);
    bool row;
    status = sqlite_db_step(db, stmt, &row, err);
    keep->purging = !status && sqlite3_changes(db->handle) == SQLITE_KEEP_PURGE_ROWS;
    if (status)
        return status;
    /* Outside of a statement nothing noted means anything. */
    return sqlite_db_exec(db, "DELETE FROM main._cdc_pending WHERE seq > 0", "purge it",
                          err);
}

static wf_status sqlite_keep_confirm(struct sqlite_keep *keep, wf_error *err)
{
    bool begun, done;
    int64_t confirmed = keep->confirmed;
    wf_status status = sqlite_keep_begin(keep, &begun, err);
    if (status || !begun)
        return status;
    status = sqlite_keep_store(keep, confirmed, err);
    if (!status)
        status = sqlite_keep_delete(keep, err);
    status = sqlite_keep_end(keep, status, &done, err);
    if (done) {
        keep->stored = confirmed;
        keep->next_ms = clock_mono_ms() + SQLITE_KEEP_PERIOD_MS;
    }
    return status;
}

struct sqlite_keep_task { /* a row of _cdc_fill */
    int64_t line, version;
    int64_t reached;
    bool begun;
    struct buf condition;
    struct buf table;
};

static void sqlite_keep_task_release(struct sqlite_keep_task *task)
{
    buf_release(&task->condition);
    buf_release(&task->table);
}

static wf_status sqlite_keep_next_task(struct sqlite_keep *keep,
                                       struct sqlite_keep_task *task, bool *out_found,
                                       wf_error *err)
{
    struct sqlite_db *db = keep->capture->db;
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        db,
        "SELECT f.line, f.version, f.reached, f.condition, substr(v.name, 6)"
        " FROM main._cdc_fill AS f JOIN main._cdc_version AS v ON v.id = f.version LIMIT 1",
        &stmt, err);
    if (!status)
        status = sqlite_db_step(db, stmt, out_found, err);
    if (status || !*out_found)
        return status;
    task->line = sqlite3_column_int64(stmt, 0);
    task->version = sqlite3_column_int64(stmt, 1);
    task->begun = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    task->reached = sqlite3_column_int64(stmt, 2);
    wf_str condition, table;
    status = sqlite_db_text(db, stmt, 3, &condition, err);
    if (!status)
        status = sqlite_db_text(db, stmt, 4, &table, err);
    if (status)
        return status;
    buf_str(&task->condition, condition);
    buf_str(&task->table, table);
    status = buf_status(&task->condition, "condition", err);
    return status ? status : buf_status(&task->table, "table name", err);
}

/* " <rowid> > N", or nothing before the first row. */
static void sqlite_keep_put_after(struct buf *sql, const struct sqlite_schema *schema,
                                  const struct sqlite_keep_task *task, const char *before)
{
    if (!task->begun)
        return;
    buf_cstr(sql, before);
    sqlite_sql_put_id(sql, schema->rowid_name);
    buf_printf(sql, " > %lld", (long long)task->reached);
}

/* The rowid of the chunk's last row; *out_more false: the chunk goes to the table's end. */
static wf_status sqlite_keep_chunk_end(struct sqlite_keep *keep,
                                       const struct sqlite_schema *schema,
                                       const struct sqlite_keep_task *task,
                                       int64_t *out_end, bool *out_more, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, "SELECT ");
    sqlite_sql_put_id(&sql, schema->rowid_name);
    buf_lit(&sql, " FROM main.");
    sqlite_sql_put_id(&sql, schema->table);
    sqlite_keep_put_after(&sql, schema, task, " WHERE ");
    buf_printf(&sql, " ORDER BY 1 LIMIT 1 OFFSET %d", SQLITE_KEEP_FILL_ROWS - 1);
    return sqlite_db_ask(keep->capture->db, buf_c(&sql), STR_EMPTY, out_end, out_more, err);
}

static wf_status sqlite_keep_fill_chunk(struct sqlite_keep *keep,
                                        const struct sqlite_keep_task *task, wf_error *err)
{
    CDC_CLEANUP(sqlite_schema_freep) struct sqlite_schema *schema = NULL;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_OUTPUT_BYTES);
    int64_t end = 0;
    bool more = false;
    wf_status status =
        sqlite_schema_read(keep->capture->db, buf_view(&task->table), &schema, err);
    if (!status)
        status = sqlite_keep_chunk_end(keep, schema, task, &end, &more, err);
    if (status)
        return status;
    sqlite_line_put_existing(&sql, schema, task->version, SQLITE_KIND_UPDATE);
    buf_lit(&sql, " WHERE (");
    buf_str(&sql, buf_view(&task->condition));
    buf_byte(&sql, ')');
    sqlite_keep_put_after(&sql, schema, task, " AND ");
    if (more) {
        buf_lit(&sql, " AND ");
        sqlite_sql_put_id(&sql, schema->rowid_name);
        buf_printf(&sql, " <= %lld", (long long)end);
    }
    buf_lit(&sql, " ORDER BY ");
    sqlite_sql_put_id(&sql, schema->rowid_name);
    if (more)
        buf_printf(&sql, ";\nUPDATE main._cdc_fill SET reached = %lld WHERE line = %lld;\n",
                   (long long)end, (long long)task->line);
    else
        buf_printf(&sql, ";\nDELETE FROM main._cdc_fill WHERE line = %lld;\n",
                   (long long)task->line);
    return sqlite_db_exec_buf(keep->capture->db, &sql, "read an added column", err);
}

/* One chunk of one table, while the schema is the one the triggers were made for. */
static wf_status sqlite_keep_fill(struct sqlite_keep *keep, wf_error *err)
{
    CDC_CLEANUP(sqlite_keep_task_release) struct sqlite_keep_task task = {0};
    buf_init(&task.condition, LIMIT_OUTPUT_BYTES);
    buf_init(&task.table, LIMIT_TEXT_BYTES);
    bool found = false;
    wf_status status = sqlite_keep_next_task(keep, &task, &found, err);
    keep->filling = found;
    if (status || !found)
        return status;
    bool begun, done;
    status = sqlite_keep_begin(keep, &begun, err);
    if (status || !begun)
        return status;
    int64_t cookie = 0;
    status = sqlite_db_ask(keep->capture->db, "PRAGMA schema_version", STR_EMPTY, &cookie,
                           &found, err);
    if (!status && cookie == keep->capture->schema_cookie)
        status = sqlite_keep_fill_chunk(keep, &task, err);
    return sqlite_keep_end(keep, status, &done, err);
}

int64_t sqlite_keep_due_ms(const struct sqlite_keep *keep)
{
    if (keep->confirmed <= keep->stored && !keep->purging && !keep->filling)
        return -1;
    int64_t left = keep->next_ms - clock_mono_ms();
    bool soon = keep->confirmed - keep->stored >= SQLITE_KEEP_SOON_ROWS || keep->purging ||
                keep->filling;
    /* Being busy is the one reason to wait that counts for work that is due at once. */
    if (soon && left > SQLITE_KEEP_BUSY_MS)
        return 0;
    return left > 0 ? left : 0;
}

wf_status sqlite_keep_work(struct sqlite_keep *keep, wf_error *err)
{
    if (sqlite_keep_due_ms(keep) != 0)
        return WF_OK;
    wf_status status = WF_OK;
    if (keep->confirmed > keep->stored || keep->purging)
        status = sqlite_keep_confirm(keep, err);
    if (!status && keep->filling)
        status = sqlite_keep_fill(keep, err);
    return status;
}

void sqlite_keep_close(struct sqlite_keep *keep)
{
    wf_error ignored;
    if (keep->capture && keep->confirmed > keep->stored)
        (void)sqlite_keep_confirm(keep, &ignored);
}

wf_status sqlite_keep_lag(struct sqlite_keep *keep, int64_t *out_changes,
                          int64_t *out_seconds, wf_error *err)
{
    struct sqlite_db *db = keep->capture->db;
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status =
        sqlite_db_prepare(db,
                          "SELECT (SELECT max(seq) FROM main._cdc_change) - ?1,"
                          " (SELECT (julianday('now') - ts) * 86400 FROM main._cdc_change "
                          "WHERE seq = ?1 + 1)",
                          &stmt, err);
    if (status)
        return status;
    sqlite3_bind_int64(stmt, 1, keep->confirmed);
    bool row;
    status = sqlite_db_step(db, stmt, &row, err);
    if (status)
        return status;
    int64_t changes = row ? sqlite3_column_int64(stmt, 0) : 0;
    int64_t seconds = row ? sqlite3_column_int64(stmt, 1) : 0;
    *out_changes = changes > 0 ? changes : 0;
    *out_seconds = seconds > 0 ? seconds : 0;
    return WF_OK;
}
