/* SPDX-License-Identifier: MIT
 *
 * sqlite_cursor - writing and reading the grammar in sqlite_cursor.h.
 */
#include "providers/sqlite/sqlite_cursor.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"

void sqlite_cursor_begin(struct buf *out, int64_t schema_version)
{
    if (schema_version == SQLITE_CURSOR_NO_SCHEMA)
        buf_lit(out, "k;");
    else
        buf_printf(out, "h%" PRId64 ";", schema_version);
}

static void sqlite_cursor_put_hex(struct buf *out, char kind, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    buf_byte(out, kind);
    for (size_t i = 0; i < len && !out->broken; i++) {
        buf_byte(out, "0123456789abcdef"[bytes[i] >> 4]);
        buf_byte(out, "0123456789abcdef"[bytes[i] & 15]);
    }
    buf_byte(out, ';');
}

void sqlite_cursor_put(struct buf *out, sqlite3_stmt *stmt, int column)
{
    int type = sqlite3_column_type(stmt, column);
    if (type == SQLITE_INTEGER) {
        buf_byte(out, 'i');
        buf_i64(out, sqlite3_column_int64(stmt, column));
        buf_byte(out, ';');
    } else if (type == SQLITE_FLOAT) {
        double value = sqlite3_column_double(stmt, column);
        uint64_t bits;
        memcpy(&bits, &value, sizeof(bits));
        buf_printf(out, "r%016" PRIx64 ";", bits);
    } else {
        const void *data = type == SQLITE_TEXT
                               ? (const void *)sqlite3_column_text(stmt, column)
                               : sqlite3_column_blob(stmt, column);
        size_t len = data ? (size_t)sqlite3_column_bytes(stmt, column) : 0;
        sqlite_cursor_put_hex(out, type == SQLITE_TEXT ? 't' : 'b', data, len);
    }
}

static int sqlite_cursor_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static wf_status sqlite_cursor_bad(wf_error *err)
{
    return error_set(err, WF_STATE, "the snapshot's stored place makes no sense");
}

static wf_status sqlite_cursor_unhex(struct buf *out, wf_str hex, wf_error *err)
{
    if (hex.len % 2)
        return sqlite_cursor_bad(err);
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = sqlite_cursor_digit(hex.ptr[i]);
        int low = sqlite_cursor_digit(hex.ptr[i + 1]);
        if (high < 0 || low < 0)
            return sqlite_cursor_bad(err);
        buf_byte(out, (char)(high << 4 | low));
    }
    return buf_status(out, "snapshot place", err);
}

static wf_status sqlite_cursor_bind_real(wf_str text, int index, sqlite3_stmt *stmt,
                                         wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf bytes;
    buf_init(&bytes, sizeof(double));
    if (text.len != 2 * sizeof(double))
        return sqlite_cursor_bad(err);
    wf_status status = sqlite_cursor_unhex(&bytes, text, err);
    if (status)
        return status;
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes.len; i++)
        bits = bits << 8 | (unsigned char)bytes.data[i];
    double value;
    memcpy(&value, &bits, sizeof(value));
    if (value !=
        value) /* SQLite has no NaN: it would bind NULL, which compares with nothing */
        return sqlite_cursor_bad(err);
    if (stmt)
        sqlite3_bind_double(stmt, index, value);
    return WF_OK;
}

static wf_status sqlite_cursor_bind_bytes(wf_str value, int index, sqlite3_stmt *stmt,
                                          wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf bytes;
    buf_init(&bytes, SQLITE_CURSOR_BYTES);
    wf_status status = sqlite_cursor_unhex(&bytes, str_slice(value, 1, value.len), err);
    if (status || !stmt)
        return status;
    const char *data = bytes.len ? bytes.data : "";
    int rc = value.ptr[0] == 't'
                 ? sqlite3_bind_text64(stmt, index, data, bytes.len, SQLITE_TRANSIENT,
                                       SQLITE_UTF8)
                 : sqlite3_bind_blob64(stmt, index, data, bytes.len, SQLITE_TRANSIENT);
    return rc ? error_no_memory(err) : WF_OK;
}

static wf_status sqlite_cursor_bind_value(wf_str value, int index, sqlite3_stmt *stmt,
                                          wf_error *err)
{
    char kind = value.len ? value.ptr[0] : 0;
    if (kind == 'i') {
        int64_t integer;
        if (!str_to_i64(str_slice(value, 1, value.len), &integer))
            return sqlite_cursor_bad(err);
        if (stmt)
            sqlite3_bind_int64(stmt, index, integer);
        return WF_OK;
    }
    if (kind == 'r')
        return sqlite_cursor_bind_real(str_slice(value, 1, value.len), index, stmt, err);
    if (kind == 't' || kind == 'b')
        return sqlite_cursor_bind_bytes(value, index, stmt, err);
    return sqlite_cursor_bad(err);
}

/* Takes what stands before the next ';'. */
static bool sqlite_cursor_next(wf_str *rest, wf_str *out)
{
    const char *end = rest->len ? memchr(rest->ptr, ';', rest->len) : NULL;
    if (!end)
        return false;
    *out = (wf_str){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = str_slice(*rest, out->len + 1, rest->len);
    return true;
}

wf_status sqlite_cursor_bind(wf_str cursor, size_t count, sqlite3_stmt *stmt,
                             int64_t *out_schema_version, wf_error *err)
{
    wf_str kind, value;
    int64_t version = SQLITE_CURSOR_NO_SCHEMA;
    if (!sqlite_cursor_next(&cursor, &kind) || !kind.len)
        return sqlite_cursor_bad(err);
    bool hidden = kind.ptr[0] == 'h';
    if (hidden && (!str_to_i64(str_slice(kind, 1, kind.len), &version) || version < 0))
        return sqlite_cursor_bad(err);
    if (!hidden && !str_is(kind, "k"))
        return sqlite_cursor_bad(err);
    for (size_t i = 0; i < count; i++) {
        if (!sqlite_cursor_next(&cursor, &value))
            return sqlite_cursor_bad(err);
        wf_status status = sqlite_cursor_bind_value(value, (int)i + 1, stmt, err);
        if (status)
            return status;
    }
    if (cursor.len)
        return sqlite_cursor_bad(err);
    *out_schema_version = version;
    return WF_OK;
}
