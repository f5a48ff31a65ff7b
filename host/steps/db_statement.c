/* SPDX-License-Identifier: MIT
 *
 * db_statement - running SQL text on a connection, values in, values out.
 */
#include "host/steps/db_statement.h"

#include <math.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- placeholders
 * ---------------------------------------------------------------------------- */

/* The length of what begins at `at` and holds no placeholder: a quoted text, a comment;
 * else 0. */
static size_t db_statement_opaque(wf_str sql, size_t at)
{
    wf_str rest = str_slice(sql, at, sql.len);
    wf_str end;
    size_t skip = 1;
    char c = rest.ptr[0];
    if (c == '\'' || c == '"' || c == '`') {
        /* A doubled quote inside is the end of one text and the beginning of the next. */
        end = (wf_str){rest.ptr, 1};
    } else if (c == '[') {
        end = STR("]");
    } else if (str_starts(rest, STR("--"))) {
        end = STR("\n");
    } else if (str_starts(rest, STR("/*"))) {
        end = STR("*/");
        skip = 2;
    } else {
        return 0;
    }
    ptrdiff_t found = str_find(str_slice(rest, skip, rest.len), end);
    return found < 0 ? rest.len : skip + (size_t)found + end.len;
}

static bool db_statement_is_digit(wf_str sql, size_t at)
{
    return at < sql.len && sql.ptr[at] >= '0' && sql.ptr[at] <= '9';
}

static bool db_statement_is_word(wf_str sql, size_t at)
{
    char c = at < sql.len ? sql.ptr[at] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           db_statement_is_digit(sql, at);
}

void db_statement_placeholders(struct buf *out, wf_str sql)
{
    for (size_t at = 0; at < sql.len;) {
        size_t opaque = db_statement_opaque(sql, at);
        if (opaque) {
            buf_str(out, str_slice(sql, at, at + opaque));
            at += opaque;
            continue;
        }
        bool number = sql.ptr[at] == '$' && db_statement_is_digit(sql, at + 1) &&
                      !(at && db_statement_is_word(sql, at - 1));
        buf_byte(out, number ? '?' : sql.ptr[at]);
        at++;
    }
}

/* ---- values in
 * ------------------------------------------------------------------------------- */

/* A number that is no int64: as a double when its digits come back from it. */
static int db_statement_bind_number(sqlite3_stmt *statement, int at, wf_str digits)
{
    double number;
    char memory[64];
    struct buf again;
    buf_fixed(&again, memory, sizeof memory);
    if (str_to_double(digits, &number)) {
        json_put_double(&again, number);
        if (!again.broken && str_eq(buf_view(&again), digits))
            return sqlite3_bind_double(statement, at, number);
    }
    return sqlite3_bind_text64(statement, at, digits.ptr, digits.len, SQLITE_STATIC,
                               SQLITE_UTF8);
}

static int db_statement_bind_json(sqlite3_stmt *statement, int at, const struct value *v)
{
    struct buf json;
    buf_init(&json, LIMIT_OUTPUT_BYTES);
    value_json(&json, v);
    size_t len = json.len;
    char *text = buf_take(&json);
    buf_release(&json);
    return text ? sqlite3_bind_text64(statement, at, text, len, free, SQLITE_UTF8)
                : SQLITE_NOMEM;
}

static int db_statement_bind(sqlite3_stmt *statement, int at, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        return sqlite3_bind_null(statement, at);
    case VALUE_BOOL:
        return sqlite3_bind_int(statement, at, v->boolean);
    case VALUE_INT:
        return sqlite3_bind_int64(statement, at, v->integer);
    case VALUE_NUMBER:
        return db_statement_bind_number(statement, at, v->text);
    case VALUE_STRING:
        return sqlite3_bind_text64(statement, at, v->text.len ? v->text.ptr : "",
                                   v->text.len, SQLITE_STATIC, SQLITE_UTF8);
    case VALUE_LIST:
    case VALUE_MAP:
        break;
    }
    return db_statement_bind_json(statement, at, v);
}

/* ---- values out
 * ------------------------------------------------------------------------------ */

static const struct value *db_statement_real(struct arena *a, double number)
{
    if (isinf(number))
        return value_of_text(a, number > 0 ? STR("Infinity") : STR("-Infinity"));
    return value_of_double(a, number);
}

static const struct value *db_statement_blob(struct arena *a, const void *bytes, size_t len)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    buf_base64(&text, bytes, len);
    wf_str copy = arena_str(a, buf_view(&text));
    return text.broken || (len && !copy.ptr) ? NULL : value_of_text(a, copy);
}

static const struct value *db_statement_column(struct arena *a, sqlite3_stmt *statement,
                                               int at)
{
    switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
        return value_of_int(a, sqlite3_column_int64(statement, at));
    case SQLITE_FLOAT:
        return db_statement_real(a, sqlite3_column_double(statement, at));
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(statement, at);
        wf_str view = {text, (size_t)sqlite3_column_bytes(statement, at)};
        wf_str copy = text ? arena_str(a, view) : STR_EMPTY;
        return !text || (view.len && !copy.ptr) ? NULL : value_of_text(a, copy);
    }
    case SQLITE_BLOB: {
        const void *bytes = sqlite3_column_blob(statement, at);
        return db_statement_blob(a, bytes, (size_t)sqlite3_column_bytes(statement, at));
    }
    default:
        return &value_null;
    }
}

/* The columns' names, shared by all rows; NULL: out of memory. */
static wf_str *db_statement_names(struct arena *a, sqlite3_stmt *statement, int count)
{
    wf_str *names = arena_alloc(a, (size_t)count * sizeof *names);
    for (int i = 0; names && i < count; i++) {
        wf_str name = str_from(sqlite3_column_name(statement, i));
        names[i] = arena_str(a, name);
        if (name.len && !names[i].ptr)
            return NULL;
    }
    return names;
}

/* Rows are collected in a list that doubles; the arena bounds it. */
struct row_list {
    struct arena *arena;
    const struct value **items;
    size_t count;
    size_t cap;
};

static bool db_statement_push(struct row_list *rows, const struct value *row)
{
    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 8;
        const struct value **larger = arena_alloc(rows->arena, cap * sizeof(*larger));
        if (!larger)
            return false;
        if (rows->count)
            memcpy(larger, rows->items, rows->count * sizeof(*larger));
        rows->items = larger;
        rows->cap = cap;
    }
    rows->items[rows->count++] = row;
    return true;
}

static bool db_statement_row(struct row_list *rows, sqlite3_stmt *statement,
                             const wf_str *names, int columns)
{
    struct value *row = value_map(rows->arena, (size_t)columns);
    for (int i = 0; row && i < columns; i++) {
        const struct value *v = db_statement_column(rows->arena, statement, i);
        if (!v || !value_set(rows->arena, row, names[i], v))
            return false;
    }
    return row && db_statement_push(rows, row);
}

/* ---- running
 * --------------------------------------------------------------------------------- */

static wf_status db_statement_failed(const struct sqlite_connection *connection, int code,
                                     wf_error *err)
{
    if (code == SQLITE_NOMEM)
        return error_no_memory(err);
    if (storage_sqlite_expired(connection))
        return error_set(err, WF_CANCELLED, "context deadline exceeded");
    int primary = code & 0xff;
    bool busy = primary == SQLITE_BUSY || primary == SQLITE_LOCKED;
    return error_set(err, busy ? WF_UNAVAILABLE : WF_FAILED, "%s",
                     sqlite3_errmsg(storage_sqlite_db(connection)));
}

static wf_status db_statement_step(struct sqlite_connection *connection,
                                   struct db_statement *d, sqlite3_stmt *statement,
                                   wf_error *err)
{
    int columns = sqlite3_column_count(statement);
    bool wanted = d->want_rows && columns > 0;
    struct row_list rows = {.arena = d->arena};
    wf_str *names = wanted ? db_statement_names(d->arena, statement, columns) : NULL;
    if (wanted && !names)
        return error_no_memory(err);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        bool full = d->first_row_only && rows.count;
        if (wanted && !full && !db_statement_row(&rows, statement, names, columns))
            return error_set(err, WF_NO_MEMORY, "the result does not fit into memory");
        /* What only reads need not be read to its end. */
        if (d->first_row_only && sqlite3_stmt_readonly(statement))
            break;
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        return db_statement_failed(connection, code, err);
    if (wanted) {
        d->rows = rows.items;
        d->row_count = rows.count;
    }
    return WF_OK;
}

static wf_status db_statement_one(struct sqlite_connection *connection,
                                  struct db_statement *d, sqlite3_stmt *statement,
                                  wf_error *err)
{
    sqlite3 *db = storage_sqlite_db(connection);
    int wanted = sqlite3_bind_parameter_count(statement);
    if ((size_t)wanted > d->param_count)
        return error_set(err, WF_FAILED, "expected %d arguments, got %zu", wanted,
                         d->param_count);
    for (int i = 0; i < wanted; i++) {
        int code = db_statement_bind(statement, i + 1, d->params[i]);
        if (code)
            return db_statement_failed(connection, code, err);
    }
    sqlite3_int64 before = sqlite3_total_changes64(db);
    wf_status status = db_statement_step(connection, d, statement, err);
    if (!status && sqlite3_total_changes64(db) != before)
        d->affected_rows += sqlite3_changes64(db);
    return status;
}

wf_status db_statement_run(struct sqlite_connection *connection, struct db_statement *d,
                           wf_error *err)
{
    sqlite3 *db = storage_sqlite_db(connection);
    size_t most_params = 0;
    bool any = false;
    sqlite3_set_last_insert_rowid(db, 0);
    wf_str rest = d->sql;
    while (str_trim(rest).len) {
        sqlite3_stmt *statement = NULL;
        wf_str sql = rest;
        wf_status status = storage_sqlite_prepare(connection, sql, &statement, &rest, err);
        if (status)
            return status;
        if (!statement)
            continue;
        any = true;
        size_t params = (size_t)sqlite3_bind_parameter_count(statement);
        if (params > most_params)
            most_params = params;
        status = db_statement_one(connection, d, statement, err);
        storage_sqlite_done(connection, statement);
        if (status)
            return status;
    }
    if (!any)
        return error_set(err, WF_FAILED, "there is no SQL statement");
    if (most_params < d->param_count)
        return error_set(err, WF_FAILED, "expected %zu arguments, got %zu", most_params,
                         d->param_count);
    d->last_id = sqlite3_last_insert_rowid(db);
    return WF_OK;
}
