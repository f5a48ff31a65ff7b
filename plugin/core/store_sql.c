/* SPDX-License-Identifier: MIT
 *
 * store_sql - the store's connection to SQLite.
 *
 * An existing file is looked at before anything is written to it: somebody else's database,
 * a damaged file or a newer version's is refused and stays as it is.  A store is known by
 * its application_id, its version is the user_version.
 */
#include "plugin/core/store_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/state_dir.h"

#define STORE_SQL_APPLICATION 0x63646373 /* "cdcs" */
#define STORE_SQL_VERSION 1
#define STORE_SQL_TEXT_OF(number) #number
#define STORE_SQL_TEXT(number) STORE_SQL_TEXT_OF(number)
#define STORE_SQL_BUSY_MS 10000
/* The log file is cut to this after a checkpoint; large events let it grow for a while. */
#define STORE_SQL_WAL_BYTES "16777216"

/* docs/state.md describes each table. */
static const char store_sql_tables[] =
    "CREATE TABLE position("
    " source_id TEXT PRIMARY KEY NOT NULL, provider TEXT NOT NULL, identity TEXT NOT NULL,"
    " token BLOB NOT NULL, updated_at TEXT NOT NULL);"
    "CREATE TABLE subscription("
    " source_id TEXT NOT NULL, name TEXT NOT NULL, created_at TEXT NOT NULL,"
    " PRIMARY KEY(source_id, name));"
    "CREATE TABLE schema_version("
    " id INTEGER PRIMARY KEY, source_id TEXT NOT NULL, table_name TEXT NOT NULL,"
    " version INTEGER NOT NULL, ddl TEXT NOT NULL, position TEXT NOT NULL,"
    " applied_at TEXT NOT NULL, UNIQUE(source_id, table_name, version));"
    "CREATE TABLE snapshot_table("
    " source_id TEXT NOT NULL, run INTEGER NOT NULL, table_name TEXT NOT NULL,"
    " condition TEXT NOT NULL, after BLOB NOT NULL, rows INTEGER NOT NULL,"
    " estimated_rows INTEGER NOT NULL, done INTEGER NOT NULL, updated_at TEXT NOT NULL,"
    " PRIMARY KEY(source_id, run, table_name));"
    /* Numbers are never used twice: a person may be about to drop letter 7. */
    "CREATE TABLE dead_letter("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, source_id TEXT NOT NULL, subscription TEXT NOT "
    "NULL,"
    " event_id TEXT NOT NULL, table_name TEXT NOT NULL, op TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, reason TEXT NOT NULL, error TEXT NOT NULL, event BLOB NOT "
    "NULL,"
    " state TEXT NOT NULL, created_at TEXT NOT NULL);"
    "CREATE INDEX dead_letter_by_state ON dead_letter(source_id, subscription, state, id);"
    "PRAGMA application_id = " STORE_SQL_TEXT(
        STORE_SQL_APPLICATION) ";"
                               "PRAGMA user_version = " STORE_SQL_TEXT(
                                   STORE_SQL_VERSION) ";";

static const char *const store_sql_texts[STORE_SQL_COUNT] = {
#define X(name, text) text,
    STORE_SQL_MAP(X)
#undef X
};

/* ---- errors ---- */

/* With the system's words for what went wrong below SQLite, where it has kept them. */
static wf_status store_sql_io_error(const struct cdc_store *store, int code, wf_error *err)
{
    if (code == SQLITE_IOERR_NOMEM)
        return error_no_memory(err);
    int number = sqlite3_system_errno(store->db);
    bool opening = (code & 0xff) == SQLITE_CANTOPEN;
    wf_status status = opening && number ? state_dir_code(number) : WF_UNAVAILABLE;
    const char *what = opening ? "opened" : "read or written";
    if (number)
        return error_errno(err, status, number, "state file '%s' could not be %s",
                           store->path, what);
    return error_set(err, status, "state file '%s' could not be %s: %s (SQLite code %d)",
                     store->path, what, sqlite3_errmsg(store->db), code);
}

static wf_status store_sql_error(const struct cdc_store *store, int code, wf_error *err)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return error_no_memory(err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return error_set(err, WF_UNAVAILABLE,
                         "state file '%s' was locked by another process for %d seconds",
                         store->path, STORE_SQL_BUSY_MS / 1000);
    case SQLITE_FULL:
        return error_set(err, WF_UNAVAILABLE,
                         "state file '%s' cannot grow: the disk is full", store->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return store_sql_io_error(store, code, err);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return error_set(err, WF_CONFIG, "state file '%s' cannot be written: %s",
                         store->path, sqlite3_errmsg(store->db));
    case SQLITE_NOTADB:
        return error_set(
            err, WF_CONFIG,
            "'%s' is not a state file; choose another state_dir, or move the file "
            "away to begin anew",
            store->path);
    case SQLITE_TOOBIG:
        return error_set(err, WF_CONFIG, "value too large for state file '%s'",
                         store->path);
    default:
        /* SQLITE_CORRUPT, and statements that do not fit the tables that are there. */
        return error_set(
            err, WF_CONFIG,
            "state file '%s' is damaged: %s; restore it, or move it away to begin "
            "anew",
            store->path, sqlite3_errmsg(store->db));
    }
}

/* ---- opening ---- */

/* SQLite would give a new file the rights the umask leaves; state is its owner's alone. */
static wf_status store_sql_create_file(const char *path, wf_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return WF_OK;
    int failure = fd < 0 || fchmod(fd, 0600) ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (failure)
        return error_errno(err, state_dir_code(failure), failure,
                           "state file '%s' could not be made", path);
    return WF_OK;
}

static wf_status store_sql_connect(struct cdc_store *store, wf_error *err)
{
    /* Closing a file drops every POSIX lock the process has on it, so no other thread may
     * open the new file before our own descriptor of it is closed. */
    static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&creating);
    wf_status status = store_sql_create_file(store->path, err);
    int code = SQLITE_OK;
    if (!status)
        code = sqlite3_open_v2(store->path, &store->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    pthread_mutex_unlock(&creating);
    if (status)
        return status;
    if (code)
        return store_sql_error(store, code, err);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, STORE_SQL_BUSY_MS);
    /* Nothing in the file may run: it may come from somewhere else. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return WF_OK;
}

static wf_status store_sql_exec(struct cdc_store *store, const char *sql, wf_error *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code ? store_sql_error(store, code, err) : WF_OK;
}

static wf_status store_sql_number(struct cdc_store *store, const char *sql, int64_t *out,
                                  wf_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    int64_t number = 0;
    if (!code) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            number = sqlite3_column_int64(statement, 0);
    }
    wf_status status = code == SQLITE_ROW ? WF_OK : store_sql_error(store, code, err);
    sqlite3_finalize(statement);
    if (!status)
        *out = number;
    return status;
}

/* Whether the file is a store already; false for an empty one, an error for any other. */
static wf_status store_sql_look(struct cdc_store *store, bool *out_is_store, wf_error *err)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    wf_status status = store_sql_number(store, "PRAGMA application_id", &application, err);
    if (!status)
        status = store_sql_number(store, "PRAGMA user_version", &version, err);
    if (!status)
        status =
            store_sql_number(store, "SELECT count(*) FROM sqlite_master", &objects, err);
    if (status)
        return status;
    if (application == STORE_SQL_APPLICATION && version > STORE_SQL_VERSION)
        return error_set(
            err, WF_CONFIG,
            "state file '%s' has version %lld, this program knows versions up to %d; "
            "use a newer one, or another state_dir",
            store->path, (long long)version, STORE_SQL_VERSION);
    if (application == STORE_SQL_APPLICATION && version > 0) {
        *out_is_store = true;
        return WF_OK;
    }
    if (application || version || objects)
        return error_set(
            err, WF_CONFIG,
            "'%s' is a database, but not a state file; choose another state_dir",
            store->path);
    *out_is_store = false;
    return WF_OK;
}

static wf_status store_sql_create_tables(struct cdc_store *store, wf_error *err)
{
    wf_status status = store_sql_exec(store, "BEGIN IMMEDIATE", err);
    if (status)
        return status;
    bool is_store;
    status =
        store_sql_look(store, &is_store, err); /* another process may have been faster */
    if (!status && !is_store)
        status = store_sql_exec(store, store_sql_tables, err);
    if (!status)
        status = store_sql_exec(store, "COMMIT", err);
    if (status && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* In one transaction: another process may be making the tables between two reads. */
static wf_status store_sql_first_look(struct cdc_store *store, bool *out_is_store,
                                      bool *out_busy, wf_error *err)
{
    wf_status status = store_sql_exec(store, "BEGIN", err);
    if (!status)
        status = store_sql_look(store, out_is_store, err);
    *out_busy = (sqlite3_errcode(store->db) & 0xff) == SQLITE_BUSY;
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    /* Ending a transaction that only read fails for want of memory and for nothing else. */
    if (!status && !sqlite3_get_autocommit(store->db))
        status = error_no_memory(err);
    return status;
}

static wf_status store_sql_prepare_file(struct cdc_store *store, bool *out_busy,
                                        wf_error *err)
{
    bool is_store = false;
    wf_status status = store_sql_first_look(store, &is_store, out_busy, err);
    if (status)
        return status;
    status = store_sql_exec(store,
                            "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA journal_size_limit = " STORE_SQL_WAL_BYTES,
                            err);
    *out_busy = (sqlite3_errcode(store->db) & 0xff) == SQLITE_BUSY;
    if (!status && !is_store)
        status = store_sql_create_tables(store, err);
    return status;
}

wf_status store_sql_open(struct cdc_store *store, wf_error *err)
{
    wf_status status = store_sql_connect(store, err);
    if (status)
        return status;
    int64_t deadline = clock_mono_ms() + STORE_SQL_BUSY_MS;
    /* Entering and leaving WAL mode answer "busy" without asking the busy handler while another
     * process opens or is the last to close. */
    for (int pause_ms = 1;; pause_ms = pause_ms < 50 ? pause_ms * 2 : pause_ms) {
        bool busy = false;
        status = store_sql_prepare_file(store, &busy, err);
        if (status != WF_UNAVAILABLE || !busy || clock_mono_ms() >= deadline)
            return status;
        poll(NULL, 0, pause_ms);
    }
}

void store_sql_close(struct cdc_store *store)
{
    for (size_t i = 0; i < STORE_SQL_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
}

/* ---- calls ---- */

/* SQLite goes on with a file that has no name any more: what it says is stored is gone when
 * the process is. */
static wf_status store_sql_check_place(const struct cdc_store *store, wf_error *err)
{
    int moved = 0;
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved ? error_set(err, WF_CONFIG,
                             "state file '%s' was removed or replaced while it was in use; "
                             "put it back, or start this program again to begin anew",
                             store->path)
                 : WF_OK;
}

static wf_status store_sql_arm(struct store_call *call, struct cdc_store *store,
                               enum store_sql statement, wf_error *err)
{
    wf_status status = store_sql_check_place(store, err);
    if (status)
        return status;
    sqlite3_stmt **cached = &store->statements[statement];
    if (!*cached) {
        int code = sqlite3_prepare_v3(store->db, store_sql_texts[statement], -1,
                                      SQLITE_PREPARE_PERSISTENT, cached, NULL);
        if (code)
            return store_sql_error(store, code, err);
    }
    *call = (struct store_call){.store = store, .statement = *cached};
    return WF_OK;
}

/* Without the end of the lock. */
static void store_sql_disarm(struct store_call *call)
{
    sqlite3_reset(call->statement);
    sqlite3_clear_bindings(call->statement);
}

wf_status store_sql_begin(struct store_call *call, struct cdc_store *store,
                          enum store_sql statement, wf_error *err)
{
    *call = (struct store_call){0};
    pthread_mutex_lock(&store->lock);
    wf_status status = store_sql_arm(call, store, statement, err);
    if (status)
        pthread_mutex_unlock(&store->lock);
    return status;
}

bool store_sql_try(struct store_call *call, struct cdc_store *store,
                   enum store_sql statement)
{
    *call = (struct store_call){0};
    if (pthread_mutex_trylock(&store->lock))
        return false;
    wf_status status = store_sql_arm(call, store, statement, NULL);
    if (status)
        pthread_mutex_unlock(&store->lock);
    return !status;
}

void store_sql_end(struct store_call *call)
{
    if (!call->store)
        return;
    store_sql_disarm(call);
    pthread_mutex_unlock(&call->store->lock);
    *call = (struct store_call){0};
}

static void store_sql_note(struct store_call *call, int code)
{
    if (!call->code)
        call->code = code;
}

void store_sql_text(struct store_call *call, int parameter, wf_str value)
{
    store_sql_note(call, sqlite3_bind_text64(call->statement, parameter,
                                             value.ptr ? value.ptr : "", value.len,
                                             SQLITE_STATIC, SQLITE_UTF8));
}

void store_sql_blob(struct store_call *call, int parameter, wf_str value)
{
    store_sql_note(call, sqlite3_bind_blob64(call->statement, parameter,
                                             value.ptr ? value.ptr : "", value.len,
                                             SQLITE_STATIC));
}

void store_sql_i64(struct store_call *call, int parameter, int64_t value)
{
    store_sql_note(call, sqlite3_bind_int64(call->statement, parameter, value));
}

void store_sql_now(struct store_call *call, int parameter)
{
    size_t len = clock_rfc3339(clock_wall_us(), call->now);
    store_sql_text(call, parameter, (wf_str){call->now, len});
}

bool store_sql_row(struct store_call *call)
{
    if (call->code)
        return false;
    int code = sqlite3_step(call->statement);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        call->code = code;
    return false;
}

wf_str store_sql_column(struct store_call *call, int column)
{
    const char *data = sqlite3_column_blob(call->statement, column);
    int len = sqlite3_column_bytes(call->statement, column);
    if (!data && sqlite3_errcode(call->store->db) == SQLITE_NOMEM)
        store_sql_note(call, SQLITE_NOMEM);
    return data && len > 0 ? (wf_str){data, (size_t)len} : STR_EMPTY;
}

int64_t store_sql_column_i64(struct store_call *call, int column)
{
    return sqlite3_column_int64(call->statement, column);
}

wf_status store_sql_done(struct store_call *call, wf_error *err)
{
    return call->code ? store_sql_error(call->store, call->code, err) : WF_OK;
}

wf_status store_sql_run(struct store_call *call, wf_error *err)
{
    while (store_sql_row(call))
        ;
    return store_sql_done(call, err);
}

static wf_status store_sql_one(struct cdc_store *store, enum store_sql statement,
                               const wf_str *source_id, wf_error *err)
{
    struct store_call call;
    wf_status status = store_sql_arm(&call, store, statement, err);
    if (status)
        return status;
    if (source_id)
        store_sql_text(&call, 1, *source_id);
    status = store_sql_run(&call, err);
    store_sql_disarm(&call);
    return status;
}

wf_status store_sql_transaction(struct cdc_store *store, const enum store_sql *statements,
                                size_t count, wf_str source_id, wf_error *err)
{
    pthread_mutex_lock(&store->lock);
    wf_status status = store_sql_one(store, STORE_SQL_BEGIN, NULL, err);
    for (size_t i = 0; i < count && !status; i++)
        status = store_sql_one(store, statements[i], &source_id, err);
    if (!status)
        status = store_sql_one(store, STORE_SQL_COMMIT, NULL, err);
    if (status && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&store->lock);
    return status;
}

/* ---- records ---- */

void store_sql_pack(struct buf *records, wf_str field)
{
    buf_append(records, &field.len, sizeof field.len);
    buf_str(records, field);
}

wf_str store_sql_unpack(wf_str *records)
{
    size_t len;
    memcpy(&len, records->ptr, sizeof len);
    wf_str field = {records->ptr + sizeof len, len};
    records->ptr += sizeof len + len;
    records->len -= sizeof len + len;
    return field;
}
