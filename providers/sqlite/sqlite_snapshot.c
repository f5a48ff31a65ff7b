/* SPDX-License-Identifier: MIT
 *
 * sqlite_snapshot - the chunk reader.
 */
#include "providers/sqlite/sqlite_snapshot.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_cursor.h"
#include "providers/sqlite/sqlite_options.h"
#include "providers/sqlite/sqlite_row.h"
#include "providers/sqlite/sqlite_sql.h"

struct sqlite_snapshot {
    struct cancel cancel;
    struct sqlite_db db;
    struct sqlite_row row;
    struct sqlite_schema *schema; /* of the table read last, as of `cookie` */
    struct cdc_table *table;
    int64_t cookie;
};

static wf_status sqlite_snapshot_open(void *reader, void *state,
                                      const struct cdc_settings *settings, wf_error *err)
{
    (void)state;
    struct sqlite_snapshot *s = reader;
    const struct sqlite_options *options = settings->options;
    wf_status status = cancel_open(&s->cancel, err);
    if (!status)
        status =
            sqlite_db_open(&s->db, settings, options->busy_timeout_ms, &s->cancel, err);
    if (!status)
        status = sqlite_db_exec(&s->db, "PRAGMA query_only = 1", "set it up", err);
    return status ? status : sqlite_row_init(&s->row, &s->db, err);
}

static void sqlite_snapshot_forget(struct sqlite_snapshot *s)
{
    table_free(s->table);
    s->table = NULL;
    sqlite_schema_freep(&s->schema);
}

static void sqlite_snapshot_close(void *reader)
{
    struct sqlite_snapshot *s = reader;
    sqlite_snapshot_forget(s);
    sqlite_row_release(&s->row);
    if (s->db.cancel)
        sqlite_db_close(&s->db);
    cancel_close(&s->cancel);
}

static void sqlite_snapshot_interrupt(void *reader)
{
    struct sqlite_snapshot *s = reader;
    cancel_raise(&s->cancel);
}

static wf_status sqlite_snapshot_mark(void *reader, uint64_t *out_mark, wf_error *err)
{
    struct sqlite_snapshot *s = reader;
    int64_t seq;
    bool found;
    wf_status status = sqlite_db_ask(&s->db, "SELECT max(seq) FROM main._cdc_change",
                                     STR_EMPTY, &seq, &found, err);
    if (status)
        return status;
    if (!found || seq < 0)
        return error_set(err, WF_STATE, "table '_cdc_change' of database '%s' was emptied",
                         s->db.shown);
    *out_mark = (uint64_t)seq;
    return WF_OK;
}

/* The table's shape, read again only when the schema changed.  Inside the read
 * transaction. */
static wf_status sqlite_snapshot_look(struct sqlite_snapshot *s, wf_str name, wf_error *err)
{
    int64_t cookie;
    bool found;
    wf_status status = sqlite_db_ask(&s->db, "PRAGMA main.schema_version", STR_EMPTY,
                                     &cookie, &found, err);
    if (status)
        return status;
    if (s->table && s->cookie == cookie && str_eq(s->table->name, name))
        return WF_OK;
    sqlite_snapshot_forget(s);
    if (!str_starts(name, STR("main.")))
        return error_set(err, WF_NOT_FOUND, "no table '%.*s' in database '%s'",
                         STR_ARG(name), s->db.shown);
    status = sqlite_schema_read(&s->db, str_slice(name, 5, name.len), &s->schema, err);
    if (!status)
        status = sqlite_schema_table(s->schema, &s->table, err);
    if (!status)
        s->cookie = cookie;
    return status;
}

static void sqlite_snapshot_put_part(struct buf *sql, const struct sqlite_schema *schema,
                                     const struct sqlite_unique_part *part)
{
    sqlite_sql_put_id(sql, schema->columns[part->column].name);
    buf_lit(sql, " COLLATE ");
    sqlite_sql_put_id(sql, part->collation);
}

/* (a > ?1 OR (a = ?1 AND (b > ?2 OR ...))), which an index with DESC parts needs. */
static void sqlite_snapshot_put_mixed(struct buf *sql, const struct sqlite_schema *schema,
                                      const struct sqlite_unique *key)
{
    for (size_t i = 0; i < key->count; i++) {
        buf_byte(sql, '(');
        sqlite_snapshot_put_part(sql, schema, &key->parts[i]);
        buf_printf(sql, key->parts[i].descending ? " < ?%zu" : " > ?%zu", i + 1);
        if (i + 1 == key->count)
            break;
        buf_lit(sql, " OR (");
        sqlite_snapshot_put_part(sql, schema, &key->parts[i]);
        buf_printf(sql, " = ?%zu AND ", i + 1);
    }
    for (size_t i = 0; i < 2 * key->count - 1; i++)
        buf_byte(sql, ')');
}

/* (a, b) > (?1, ?2), which SQLite looks up in the key's own tree. */
static void sqlite_snapshot_put_tuple(struct buf *sql, const struct sqlite_schema *schema,
                                      const struct sqlite_unique *key)
{
    buf_byte(sql, '(');
    for (size_t i = 0; i < key->count; i++) {
        buf_cstr(sql, i ? ", " : "");
        sqlite_snapshot_put_part(sql, schema, &key->parts[i]);
    }
    buf_lit(sql, ") > (");
    for (size_t i = 0; i < key->count; i++)
        buf_printf(sql, i ? ", ?%zu" : "?%zu", i + 1);
    buf_byte(sql, ')');
}

static void sqlite_snapshot_put_after(struct buf *sql, const struct sqlite_schema *schema)
{
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    if (!key) {
        sqlite_sql_put_id(sql, schema->rowid_name);
        buf_lit(sql, " > ?1");
        return;
    }
    bool mixed = false;
    for (size_t i = 0; i < key->count; i++)
        mixed |= key->parts[i].descending;
    if (mixed)
        sqlite_snapshot_put_mixed(sql, schema, key);
    else
        sqlite_snapshot_put_tuple(sql, schema, key);
}

static void sqlite_snapshot_put_order(struct buf *sql, const struct sqlite_schema *schema)
{
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    buf_lit(sql, "\n ORDER BY ");
    if (!key) {
        sqlite_sql_put_id(sql, schema->rowid_name);
        return;
    }
    for (size_t i = 0; i < key->count; i++) {
        buf_cstr(sql, i ? ", " : "");
        sqlite_snapshot_put_part(sql, schema, &key->parts[i]);
        buf_cstr(sql, key->parts[i].descending ? " DESC" : "");
    }
}

/* SELECT columns, rowid or NULL ... of one chunk. */
static void sqlite_snapshot_put_select(struct buf *sql, const struct sqlite_schema *schema,
                                       const struct cdc_chunk_request *request,
                                       bool resumed)
{
    buf_lit(sql, "SELECT ");
    sqlite_sql_put_columns(sql, schema, "");
    buf_lit(sql, ", ");
    if (schema->without_rowid)
        buf_lit(sql, "NULL");
    else
        sqlite_sql_put_id(sql, schema->rowid_name);
    buf_lit(sql, "\n FROM main.");
    sqlite_sql_put_id(sql, schema->table);
    buf_lit(sql, "\n WHERE ");
    if (resumed)
        sqlite_snapshot_put_after(sql, schema);
    else
        buf_byte(sql, '1');
    if (request->where.len) {
        buf_lit(sql, " AND (");
        buf_str(sql, request->where);
        buf_lit(sql, "\n)"); /* the condition may end in a comment */
    }
    sqlite_snapshot_put_order(sql, schema);
    buf_printf(sql, " LIMIT %u", request->max_rows);
}

static wf_status sqlite_snapshot_prepare(struct sqlite_snapshot *s, const char *sql,
                                         sqlite3_stmt **out, wf_error *err)
{
    const char *tail = NULL;
    int rc = sqlite3_prepare_v2(s->db.handle, sql, -1, out, &tail);
    if (rc)
        return sqlite_db_fail(&s->db, rc, "read the table", err);
    if (tail && *tail)
        return error_set(err, WF_CONFIG,
                         "the snapshot's condition is more than a condition");
    return WF_OK;
}

/* A hidden rowid is a place only while no VACUUM has renumbered the rows. */
static bool sqlite_snapshot_hidden(const struct sqlite_schema *schema)
{
    return !schema->without_rowid && schema->rowid_column < 0;
}

static size_t sqlite_snapshot_key_count(const struct sqlite_schema *schema)
{
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    return key ? key->count : 1;
}

/* Whether to go on after request->after.  A table whose rows may have new rowids begins
 * again: rows come twice then, and none is left out. */
static wf_status sqlite_snapshot_resumes(const struct sqlite_snapshot *s,
                                         const struct cdc_chunk_request *request, bool *out,
                                         wf_error *err)
{
    *out = false;
    if (!request->after.len)
        return WF_OK;
    int64_t version;
    wf_status status = sqlite_cursor_bind(
        request->after, sqlite_snapshot_key_count(s->schema), NULL, &version, err);
    if (!status)
        *out = version ==
               (sqlite_snapshot_hidden(s->schema) ? s->cookie : SQLITE_CURSOR_NO_SCHEMA);
    return status;
}

static void sqlite_snapshot_put_cursor(const struct sqlite_snapshot *s, sqlite3_stmt *stmt,
                                       struct buf *out)
{
    const struct sqlite_schema *schema = s->schema;
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    buf_clear(out);
    sqlite_cursor_begin(out, sqlite_snapshot_hidden(schema) ? s->cookie
                                                            : SQLITE_CURSOR_NO_SCHEMA);
    if (!key)
        sqlite_cursor_put(out, stmt, (int)schema->count);
    for (size_t i = 0; key && i < key->count; i++)
        sqlite_cursor_put(out, stmt, key->parts[i].column);
}

static wf_status sqlite_snapshot_give(struct sqlite_snapshot *s, sqlite3_stmt *stmt,
                                      const struct cdc_chunk_request *request,
                                      wf_error *err)
{
    size_t count = s->schema->count;
    wf_status status = sqlite_row_begin(&s->row, count, err);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        sqlite_row_value(&s->row, stmt, (int)i, &s->row.values[i]);
    if (s->row.no_memory)
        return error_no_memory(err);
    wf_str identity = STR_EMPTY;
    if (sqlite_snapshot_hidden(s->schema))
        identity =
            sqlite_row_identity(s->table, s->row.values, stmt, (int)count, s->row.identity);
    return request->row(request->ctx, s->table, s->row.values, identity, err);
}

static wf_status sqlite_snapshot_rows(struct sqlite_snapshot *s,
                                      const struct cdc_chunk_request *request,
                                      struct cdc_chunk_result *out, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    CDC_CLEANUP(buf_release) struct buf sql;
    CDC_CLEANUP(buf_release) struct buf cursor;
    buf_init(&sql, LIMIT_OUTPUT_BYTES);
    buf_init(&cursor, SQLITE_CURSOR_BYTES);
    bool resumed;
    wf_status status = sqlite_snapshot_resumes(s, request, &resumed, err);
    if (status)
        return status;
    sqlite_snapshot_put_select(&sql, s->schema, request, resumed);
    const char *text = buf_c(&sql);
    status = buf_status(&sql, "SQL", err);
    if (!status)
        status = sqlite_snapshot_prepare(s, text, &stmt, err);
    int64_t ignored;
    if (!status && resumed)
        status = sqlite_cursor_bind(request->after, sqlite_snapshot_key_count(s->schema),
                                    stmt, &ignored, err);
    uint32_t rows = 0;
    bool ended = false;
    for (bool row; !status && !ended;) {
        status = sqlite_db_step(&s->db, stmt, &row, err);
        if (status || !row)
            break;
        status = sqlite_snapshot_give(s, stmt, request, err);
        ended = ++rows == request->max_rows || status == CDC_FULL;
        if (ended && (!status || status == CDC_FULL)) {
            sqlite_snapshot_put_cursor(s, stmt, &cursor);
            status = WF_OK;
        }
    }
    if (!status)
        status = buf_status(&cursor, "snapshot place", err);
    if (status)
        return status;
    buf_clear(out->after);
    buf_str(out->after, buf_view(&cursor));
    out->done = !ended;
    return buf_status(out->after, "snapshot place", err);
}

static wf_status sqlite_snapshot_read_chunk(void *reader,
                                            const struct cdc_chunk_request *request,
                                            struct cdc_chunk_result *out, wf_error *err)
{
    struct sqlite_snapshot *s = reader;
    if (cancel_take(&s->cancel))
        return error_set(err, WF_CANCELLED, "the snapshot was interrupted");
    wf_status status = sqlite_db_check_file(&s->db, err);
    if (!status)
        status = sqlite_db_exec(&s->db, "BEGIN", "read it", err);
    if (status)
        return status;
    status = sqlite_snapshot_look(s, request->table, err);
    if (!status)
        status = sqlite_snapshot_rows(s, request, out, err);
    sqlite_db_rollback(&s->db);
    return status;
}

const struct cdc_snapshot_reader sqlite_snapshot_reader = {
    .size = sizeof(struct sqlite_snapshot),
    .max_readers = 1,
    .open = sqlite_snapshot_open,
    .mark = sqlite_snapshot_mark,
    .read_chunk = sqlite_snapshot_read_chunk,
    .interrupt = sqlite_snapshot_interrupt,
    .close = sqlite_snapshot_close,
};
