/* SPDX-License-Identifier: MIT
 *
 * sqlite_row - turning result rows into values.
 */
#include "providers/sqlite/sqlite_row.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

#define SQLITE_ROW_NUMBER 64 /* more than the text of any double */

wf_status sqlite_row_init(struct sqlite_row *row, struct sqlite_db *db, wf_error *err)
{
    *row = (struct sqlite_row){0};
    buf_init(&row->numbers, (size_t)2 * LIMIT_COLUMNS * SQLITE_ROW_NUMBER);
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    bool found = false;
    wf_status status = sqlite_db_prepare(db, "PRAGMA main.encoding", &stmt, err);
    if (!status)
        status = sqlite_db_step(db, stmt, &found, err);
    row->utf8 = !status && found && str_is(sqlite_db_column_str(stmt, 0), "UTF-8");
    return status;
}

void sqlite_row_release(struct sqlite_row *row)
{
    free(row->values);
    buf_release(&row->numbers);
    *row = (struct sqlite_row){0};
}

wf_status sqlite_row_begin(struct sqlite_row *row, size_t columns, wf_error *err)
{
    if (columns > row->columns) {
        struct cdc_value *grown = realloc(row->values, 2 * columns * sizeof(*grown));
        if (!grown)
            return error_no_memory(err);
        row->values = grown;
        row->columns = columns;
    }
    buf_clear(&row->numbers);
    row->no_memory = false;
    if (!buf_reserve(&row->numbers, 2 * columns * SQLITE_ROW_NUMBER))
        return buf_status(&row->numbers, "row", err);
    return WF_OK;
}

/* An empty value has no address, and neither has one for which there was no memory. */
static size_t sqlite_row_bytes(struct sqlite_row *row, sqlite3_stmt *stmt, int column,
                               const void *value)
{
    if (value)
        return (size_t)sqlite3_column_bytes(stmt, column);
    if (sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM)
        row->no_memory = true;
    return 0;
}

void sqlite_row_value(struct sqlite_row *row, sqlite3_stmt *stmt, int column,
                      struct cdc_value *out)
{
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        *out = (struct cdc_value){CDC_VALUE_INT,
                                  .integer = sqlite3_column_int64(stmt, column)};
        return;
    case SQLITE_FLOAT: {
        size_t at = row->numbers.len;
        json_put_double(&row->numbers, sqlite3_column_double(stmt, column));
        *out = (struct cdc_value){CDC_VALUE_JSON,
                                  .text = {row->numbers.data + at, row->numbers.len - at}};
        return;
    }
    case SQLITE_TEXT: {
        /* The text's bytes as they are stored; as "text" SQLite would copy them for a
         * NUL. */
        const void *text = row->utf8 ? sqlite3_column_blob(stmt, column)
                                     : (const void *)sqlite3_column_text(stmt, column);
        size_t len = sqlite_row_bytes(row, stmt, column, text);
        *out = (struct cdc_value){CDC_VALUE_TEXT, .text = {text, len}};
        return;
    }
    case SQLITE_BLOB: {
        const void *blob = sqlite3_column_blob(stmt, column);
        size_t len = sqlite_row_bytes(row, stmt, column, blob);
        *out = (struct cdc_value){CDC_VALUE_BYTES, .text = {blob, len}};
        return;
    }
    default:
        *out = (struct cdc_value){CDC_VALUE_NULL, .integer = 0};
    }
}

static wf_str sqlite_row_rowid_text(int64_t rowid, char out[24])
{
    struct buf text;
    buf_fixed(&text, out, 24);
    buf_i64(&text, rowid);
    return (wf_str){out, text.len};
}

static bool sqlite_row_keyed(const struct cdc_table *table, const struct cdc_value *values)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (values[table->keys[i]].kind == CDC_VALUE_NULL)
            return false;
    }
    return table->key_count > 0;
}

wf_str sqlite_row_identity(const struct cdc_table *table, const struct cdc_value *values,
                           sqlite3_stmt *stmt, int rowid_column, char out[24])
{
    if (sqlite_row_keyed(table, values) ||
        sqlite3_column_type(stmt, rowid_column) != SQLITE_INTEGER)
        return STR_EMPTY;
    return sqlite_row_rowid_text(sqlite3_column_int64(stmt, rowid_column), out);
}

enum cdc_op sqlite_row_op(enum sqlite_kind kind)
{
    switch (kind) {
    case SQLITE_KIND_INSERT:
        return CDC_INSERT;
    case SQLITE_KIND_UPDATE:
    case SQLITE_KIND_MOVED:
        return CDC_UPDATE;
    case SQLITE_KIND_DELETE:
        return CDC_DELETE;
    default:
        return CDC_OP_NONE;
    }
}

static void sqlite_row_read_before(struct sqlite_row *row, sqlite3_stmt *stmt, size_t count,
                                   uint64_t mask)
{
    struct cdc_value *before = row->values + row->columns;
    for (size_t i = 0; i < count; i++) {
        if (i < SQLITE_MASK_COLUMNS && !(mask >> i & 1))
            before[i] = row->values[i];
        else
            sqlite_row_value(row, stmt, (int)(SQLITE_CHANGE_FIRST + count + i), &before[i]);
    }
}

wf_status sqlite_row_read(struct sqlite_row *row, sqlite3_stmt *stmt,
                          struct cdc_table *table, enum sqlite_kind kind,
                          struct cdc_change *out, wf_error *err)
{
    size_t count = table->count;
    bool update = kind == SQLITE_KIND_UPDATE || kind == SQLITE_KIND_MOVED;
    size_t needed = SQLITE_CHANGE_FIRST + (update ? 2 : 1) * count;
    if ((size_t)sqlite3_column_count(stmt) < needed)
        return error_set(err, WF_PROTOCOL,
                         "_cdc_change has too few columns for table '%.*s'",
                         STR_ARG(table->name));
    wf_status status = sqlite_row_begin(row, count, err);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        sqlite_row_value(row, stmt, (int)(SQLITE_CHANGE_FIRST + i), &row->values[i]);
    out->op = sqlite_row_op(kind);
    out->identity = sqlite_row_identity(table, row->values, stmt, 3, row->identity);
    if (kind == SQLITE_KIND_DELETE)
        out->before = row->values;
    else
        out->after = row->values;
    if (row->no_memory)
        return error_no_memory(err);
    /* Rows that were read for an added column carry no old values. */
    if (!update || sqlite3_column_type(stmt, 4) == SQLITE_NULL)
        return WF_OK;
    int64_t mask = sqlite3_column_int64(stmt, 4);
    sqlite_row_read_before(row, stmt, count,
                           kind == SQLITE_KIND_MOVED ? UINT64_MAX : (uint64_t)mask);
    if (row->no_memory)
        return error_no_memory(err);
    out->before = row->values + row->columns;
    bool moved = kind == SQLITE_KIND_MOVED;
    if ((moved || !out->identity.len) && !sqlite_row_keyed(table, out->before) &&
        sqlite3_column_type(stmt, 3) == SQLITE_INTEGER)
        out->old_identity = sqlite_row_rowid_text(
            moved ? mask : sqlite3_column_int64(stmt, 3), row->old_identity);
    return WF_OK;
}
