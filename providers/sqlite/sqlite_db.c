/* SPDX-License-Identifier: MIT
 *
 * sqlite_db - opening the captured database and speaking to it.
 */
#include "providers/sqlite/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/redact.h"
#include "base/str.h"
#include "providers/provider.h"

#define SQLITE_DB_PROGRESS_OPS                                                             \
    20000 /* virtual machine steps between two looks at `cancel` */

static int sqlite_db_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %41 -> A.  A NUL would end the path early, so it is refused. */
static wf_status sqlite_db_percent_decode(struct buf *out, wf_str text, wf_error *err)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            buf_byte(out, text.ptr[i]);
            continue;
        }
        int high = i + 2 < text.len ? sqlite_db_hex(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? sqlite_db_hex(text.ptr[i + 2]) : -1;
        if (low < 0 || high + low == 0)
            return error_set(err, WF_CONFIG,
                             "connection: a bad %% escape in the file: URI");
        buf_byte(out, (char)(high * 16 + low));
        i += 2;
    }
    return WF_OK;
}

/* Parameters would change how SQLite locks and sees the file (nolock, immutable, mode=ro,
 * vfs); capture is only sound without them. */
static wf_status sqlite_db_check_query(wf_str query, wf_error *err)
{
    for (wf_str part; str_next(&query, '&', &part);) {
        if (part.len && !str_is(part, "mode=rw") && !str_is(part, "cache=private"))
            return error_set(
                err, WF_CONFIG,
                "connection: the file: URI has a parameter other than 'mode=rw'");
    }
    return WF_OK;
}

static wf_status sqlite_db_uri_path(struct buf *out, wf_str uri, wf_error *err)
{
    wf_str rest = str_slice(uri, 5, uri.len);
    ptrdiff_t hash = str_find(rest, STR("#"));
    if (hash >= 0)
        rest = str_slice(rest, 0, (size_t)hash);
    ptrdiff_t question = str_find(rest, STR("?"));
    wf_str query = STR_EMPTY;
    if (question >= 0) {
        query = str_slice(rest, (size_t)question + 1, rest.len);
        rest = str_slice(rest, 0, (size_t)question);
    }
    if (str_starts(rest, STR("//"))) {
        rest = str_slice(rest, 2, rest.len);
        if (str_starts(rest, STR("localhost/")))
            rest = str_slice(rest, 9, rest.len);
        if (!str_starts(rest, STR("/")))
            return error_set(err, WF_CONFIG,
                             "connection: the file: URI names another host");
    }
    wf_status status = sqlite_db_check_query(query, err);
    return status ? status : sqlite_db_percent_decode(out, rest, err);
}

/* The path as the configuration means it, before links are resolved. */
static wf_status sqlite_db_named_path(const struct cdc_settings *settings, struct buf *out,
                                      wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    wf_str connection = settings->connection;
    wf_status status = WF_OK;
    if (str_starts(connection, STR("file:")))
        status = sqlite_db_uri_path(&name, connection, err);
    else
        buf_str(&name, connection);
    if (!status)
        status = buf_status(&name, "connection", err);
    if (status)
        return status;
    wf_str path = buf_view(&name);
    if (!path.len || str_is(path, ":memory:") || memchr(path.ptr, 0, path.len))
        return error_set(
            err, WF_CONFIG,
            "connection must be the path of a database that other programs write to");
    if (path.ptr[0] != '/' && settings->config_dir.len) {
        buf_str(out, settings->config_dir);
        buf_byte(out, '/');
    }
    buf_str(out, path);
    return buf_status(out, "connection", err);
}

static wf_status sqlite_db_find(struct sqlite_db *db, const struct cdc_settings *settings,
                                wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf path;
    CDC_CLEANUP(buf_release) struct buf shown;
    buf_init(&path, LIMIT_TEXT_BYTES);
    buf_init(&shown, LIMIT_TEXT_BYTES);
    wf_status status = sqlite_db_named_path(settings, &path, err);
    if (status)
        return status;
    redact_connection(&shown, settings->connection);
    db->shown = buf_take(&shown);
    const char *named = buf_c(&path);
    if (!db->shown || !*named)
        return error_no_memory(err);

    struct stat info;
    if (stat(named, &info))
        return errno == ENOENT || errno == ENOTDIR
                   ? error_set(err, WF_CONFIG, "database '%s' does not exist", db->shown)
                   : error_errno(err, WF_CONFIG, errno, "cannot look at database '%s'",
                                 db->shown);
    if (!S_ISREG(info.st_mode))
        return error_set(err, WF_CONFIG, "database '%s' is not a file", db->shown);
    db->device = info.st_dev;
    db->inode = info.st_ino;
    db->path = realpath(named, NULL);
    if (!db->path && errno == ENOMEM)
        return error_no_memory(err);
    if (!db->path)
        return error_errno(err, WF_CONFIG, errno, "cannot resolve database '%s'",
                           db->shown);
    return WF_OK;
}

bool sqlite_db_is_cancelled(const struct sqlite_db *db)
{
    if (db->deaf)
        return false;
    return atomic_load(&db->cancel->raised) || (db->unwanted && atomic_load(db->unwanted));
}

/* SQLite's busy handler: waits on the cancel descriptor, so that an interrupt ends it. */
static int sqlite_db_busy(void *ctx, int count)
{
    struct sqlite_db *db = ctx;
    if (!db->patient || sqlite_db_is_cancelled(db))
        return 0;
    int64_t now = clock_mono_ms();
    if (count == 0)
        db->busy_deadline_ms = now + db->busy_timeout_ms;
    int64_t left = db->busy_deadline_ms - now;
    if (left <= 0)
        return 0;
    int64_t pause = count < 5 ? (int64_t)1 << count : 25;
    struct pollfd wait = {.fd = cancel_fd(db->cancel), .events = POLLIN};
    poll(&wait, db->deaf ? 0 : 1, (int)(pause < left ? pause : left));
    return 1;
}

static int sqlite_db_progress(void *ctx)
{
    return sqlite_db_is_cancelled(ctx);
}

static wf_status sqlite_db_settle(struct sqlite_db *db, wf_error *err)
{
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_handler(db->handle, sqlite_db_busy, db);
    sqlite3_progress_handler(db->handle, SQLITE_DB_PROGRESS_OPS, sqlite_db_progress, db);
    int64_t ignored;
    bool found;
    /* The first read of the file: says whether it is a database at all. */
    wf_status status =
        sqlite_db_ask(db, "PRAGMA schema_version", STR_EMPTY, &ignored, &found, err);
    if (status)
        return status;
    if (sqlite3_db_readonly(db->handle, "main") == 1)
        return error_set(err, WF_CONFIG, "database '%s' cannot be written by this user",
                         db->shown);
    return WF_OK;
}

wf_status sqlite_db_open(struct sqlite_db *db, const struct cdc_settings *settings,
                         int64_t busy_timeout_ms, struct cancel *cancel, wf_error *err)
{
    db->cancel = cancel;
    db->busy_timeout_ms = busy_timeout_ms;
    db->patient = true;
    wf_status status = sqlite_db_find(db, settings, err);
    if (status)
        return status;
    int rc = sqlite3_open_v2(db->path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc)
        return sqlite_db_fail(db, rc, "open it", err);
    return sqlite_db_settle(db, err);
}

void sqlite_db_close(struct sqlite_db *db)
{
    sqlite3_close_v2(db->handle);
    free(db->path);
    free(db->shown);
    *db = (struct sqlite_db){0};
}

wf_status sqlite_db_check_file(const struct sqlite_db *db, wf_error *err)
{
    struct stat info;
    if (stat(db->path, &info))
        return errno == ENOENT || errno == ENOTDIR
                   ? error_set(err, WF_STATE,
                               "database '%s' was removed; put it back, or " CDC_BEGIN_ANEW,
                               db->shown)
                   : error_errno(err, WF_UNAVAILABLE, errno, "cannot look at database '%s'",
                                 db->shown);
    if (info.st_dev != db->device || info.st_ino != db->inode)
        return error_set(
            err, WF_STATE,
            "database '%s' was replaced by another file; changes in it were not "
            "captured; " CDC_BEGIN_ANEW,
            db->shown);
    return WF_OK;
}

static wf_status sqlite_db_status_of(int rc)
{
    if (rc == SQLITE_IOERR_NOMEM)
        return WF_NO_MEMORY;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return WF_NO_MEMORY;
    case SQLITE_INTERRUPT:
        return WF_CANCELLED;
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
        return WF_CONFIG;
    case SQLITE_CORRUPT:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
        return WF_PROTOCOL;
    default: /* BUSY LOCKED FULL IOERR CANTOPEN PROTOCOL SCHEMA ...: waiting may heal them */
        return WF_UNAVAILABLE;
    }
}

wf_status sqlite_db_fail(const struct sqlite_db *db, int rc, const char *doing,
                         wf_error *err)
{
    wf_status status = sqlite_db_status_of(rc);
    if (status == WF_NO_MEMORY)
        return error_no_memory(err);
    if (rc == SQLITE_READONLY_DBMOVED)
        return error_set(err, WF_STATE, "database '%s' was replaced by another file",
                         db->shown);
    if (sqlite_db_is_cancelled(db) && (rc & 0xff) == SQLITE_BUSY)
        status = WF_CANCELLED; /* the wait was cut short */
    const char *words = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);
    return error_set(err, status, "database '%s': cannot %s: %s", db->shown, doing, words);
}

wf_status sqlite_db_prepare(struct sqlite_db *db, const char *sql, sqlite3_stmt **out,
                            wf_error *err)
{
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, out, NULL);
    return rc ? sqlite_db_fail(db, rc, "read its schema", err) : WF_OK;
}

void sqlite_db_finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
    *stmt = NULL;
}

wf_status sqlite_db_exec(struct sqlite_db *db, const char *sql, const char *doing,
                         wf_error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc ? sqlite_db_fail(db, rc, doing, err) : WF_OK;
}

wf_status sqlite_db_exec_buf(struct sqlite_db *db, struct buf *sql, const char *doing,
                             wf_error *err)
{
    const char *text = buf_c(sql);
    wf_status status = buf_status(sql, "SQL", err);
    return status ? status : sqlite_db_exec(db, text, doing, err);
}

wf_status sqlite_db_step(struct sqlite_db *db, sqlite3_stmt *stmt, bool *out_row,
                         wf_error *err)
{
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_db_fail(db, rc, "read it", err);
    *out_row = rc == SQLITE_ROW;
    return WF_OK;
}

wf_status sqlite_db_bind_str(struct sqlite_db *db, sqlite3_stmt *stmt, int index,
                             wf_str value, wf_error *err)
{
    int rc = sqlite3_bind_text64(stmt, index, value.ptr ? value.ptr : "", value.len,
                                 SQLITE_STATIC, SQLITE_UTF8);
    return rc ? sqlite_db_fail(db, rc, "ask it", err) : WF_OK;
}

wf_str sqlite_db_column_str(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return (wf_str){text, text ? (size_t)sqlite3_column_bytes(stmt, column) : 0};
}

wf_status sqlite_db_text(struct sqlite_db *db, sqlite3_stmt *stmt, int column, wf_str *out,
                         wf_error *err)
{
    wf_str text = sqlite_db_column_str(stmt, column);
    if (!text.ptr && sqlite3_errcode(db->handle) == SQLITE_NOMEM)
        return error_no_memory(err);
    if (!text.ptr)
        return error_set(err, WF_PROTOCOL, "database '%s' has no text where one must be",
                         db->shown);
    *out = text;
    return WF_OK;
}

wf_status sqlite_db_ask(struct sqlite_db *db, const char *sql, wf_str parameter,
                        int64_t *out_value, bool *out_found, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(db, sql, &stmt, err);
    if (status)
        return status;
    if (sqlite3_bind_parameter_count(stmt))
        status = sqlite_db_bind_str(db, stmt, 1, parameter, err);
    if (status)
        return status;
    bool row = false;
    status = sqlite_db_step(db, stmt, &row, err);
    if (status)
        return status;
    *out_found = row && sqlite3_column_type(stmt, 0) != SQLITE_NULL;
    *out_value = *out_found ? sqlite3_column_int64(stmt, 0) : 0;
    return WF_OK;
}

wf_status sqlite_db_begin(struct sqlite_db *db, wf_error *err)
{
    return sqlite_db_exec(db, "BEGIN IMMEDIATE", "lock it for writing", err);
}

wf_status sqlite_db_commit(struct sqlite_db *db, wf_error *err)
{
    wf_status status = sqlite_db_exec(db, "COMMIT", "commit", err);
    if (status)
        sqlite_db_rollback(db);
    return status;
}

void sqlite_db_rollback(struct sqlite_db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}
